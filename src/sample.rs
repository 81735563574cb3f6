//! What is measured: colours, roles, weights, moments, samples and gaps.
//!
//! These are the words that every other module speaks.
//! Values that make no sense cannot be made: a [`Weight`] lies between 0 and 100 percent, a [`Colour`] has a name,
//! and a reading that could not be taken is a [`Gap`] with its reason, never a zero.
//! Nothing here knows where a sample came from or what is decided from it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One of the two environments, by the name that the rules give it (`blue`, `green`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Colour(Arc<str>);

impl Colour {
    /// Names a colour: 1 to 63 of `a-z A-Z 0-9 _ -`.
    ///
    /// # Errors
    /// Says what is wrong with a name outside that shape.
    pub fn new(name: &str) -> Result<Self, BadSample> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 63 || !name.chars().all(fits) {
            return Err(BadSample(format!(
                "`{name}` cannot name a colour: use 1 to 63 letters, digits, `_` or `-`"
            )));
        }
        Ok(Self(name.into()))
    }

    /// The name as the rules give it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Colour {
    type Error = BadSample;
    fn try_from(name: String) -> Result<Self, BadSample> {
        Self::new(&name)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part that a colour plays in one release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Serves when the release starts.
    Live,
    /// Carries the new version.
    Candidate,
}

/// A value that cannot be: out of range, not a number, or contradicting itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSample(pub String);

/// The percentage of traffic that one colour gets: 0 to 100 in steps of a hundredth of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight {
    basis_points: u16,
}

impl Weight {
    /// No traffic.
    pub const NONE: Self = Self { basis_points: 0 };
    /// All traffic.
    pub const ALL: Self = Self { basis_points: 10_000 };

    /// From a percentage, rounded to the nearest hundredth of a percent.
    ///
    /// # Errors
    /// When `percent` is not a number from 0 to 100.
    pub fn from_percent(percent: f64) -> Result<Self, BadSample> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(BadSample(format!("weight {percent} is not between 0 and 100 percent")));
        }
        // In range by the check above, so the cast loses nothing but the fraction.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let basis_points = (percent * 100.0).round() as u16;
        Ok(Self { basis_points })
    }

    /// From hundredths of a percent, where anything above 10,000 counts as all traffic.
    #[must_use]
    pub const fn from_basis_points(basis_points: u16) -> Self {
        Self { basis_points: if basis_points > 10_000 { 10_000 } else { basis_points } }
    }

    /// In hundredths of a percent, 0 to 10,000.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.basis_points
    }

    /// In percent, 0 to 100.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.basis_points) / 100.0
    }

    /// As a share, 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.basis_points) / 10_000.0
    }

    /// What the other colour gets.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self { basis_points: 10_000 - self.basis_points }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent())
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Whole percentages as integers: `50`, not `50.0`.
        if self.basis_points.is_multiple_of(100) {
            serializer.serialize_u16(self.basis_points / 100)
        } else {
            serializer.serialize_f64(self.percent())
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_percent(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A moment, in milliseconds since the Unix epoch (or since the start of a replay).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp {
    ms: i64,
}

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self { ms }
    }

    /// In milliseconds since the epoch.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.ms
    }

    /// How long ago `earlier` was, in milliseconds; zero where it lies ahead.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> u64 {
        u64::try_from(self.ms.saturating_sub(earlier.ms)).unwrap_or(0)
    }

    /// The moment `ms` milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self { ms: self.ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)) }
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.ms) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{} ms", self.ms),
        }
    }
}

/// What one check measured for one colour in one tick, or why it could not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Events of this tick: `bad` of `total`, `bad <= total`.
    Counts {
        /// Events that went wrong.
        bad: u64,
        /// All events.
        total: u64,
    },
    /// Events of this tick by size: `counts` has one entry more than `bounds`, the last for what is above all bounds.
    Histogram {
        /// Upper bounds, strictly rising, finite.
        bounds: Vec<f64>,
        /// Events per bucket of this tick, not cumulative.
        counts: Vec<u64>,
    },
    /// One finite number.
    Value(f64),
    /// Nothing was measured.
    Gap(Gap),
}

impl Reading {
    /// `bad` of `total` events.
    ///
    /// # Errors
    /// When more events are bad than there are.
    pub fn counts(bad: u64, total: u64) -> Result<Self, BadSample> {
        if bad > total {
            return Err(BadSample(format!("{bad} bad events of only {total}")));
        }
        Ok(Self::Counts { bad, total })
    }

    /// Events by bucket.
    ///
    /// # Errors
    /// When `counts` is not one longer than `bounds`, or the bounds do not rise, or are not finite.
    pub fn histogram(bounds: Vec<f64>, counts: Vec<u64>) -> Result<Self, BadSample> {
        if counts.len() != bounds.len() + 1 {
            return Err(BadSample(format!(
                "{} counts for {} bounds: counts must have one entry more than bounds",
                counts.len(),
                bounds.len()
            )));
        }
        if bounds.iter().any(|b| !b.is_finite()) || bounds.windows(2).any(|w| w[0] >= w[1]) {
            return Err(BadSample("bounds must be finite and rise strictly".into()));
        }
        Ok(Self::Histogram { bounds, counts })
    }

    /// One number.
    ///
    /// # Errors
    /// When it is NaN or infinite.
    pub fn value(value: f64) -> Result<Self, BadSample> {
        if !value.is_finite() {
            return Err(BadSample(format!("{value} is not a finite number")));
        }
        Ok(Self::Value(value))
    }

    /// Nothing measured, and why.
    #[must_use]
    pub fn gap(kind: GapKind, detail: impl Into<String>) -> Self {
        Self::Gap(Gap { kind, detail: detail.into() })
    }

    /// How many events stand behind it: 0 for a gap, 1 for a value.
    #[must_use]
    pub fn events(&self) -> u64 {
        match self {
            Self::Counts { total, .. } => *total,
            Self::Histogram { counts, .. } => counts.iter().sum(),
            Self::Value(_) => 1,
            Self::Gap(_) => 0,
        }
    }
}

/// Why nothing was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which of the facts below it is.
    pub kind: GapKind,
    /// A short text for people: what was asked, what came back.
    pub detail: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() { self.kind.fmt(f) } else { write!(f, "{}: {}", self.kind, self.detail) }
    }
}

/// The ways in which a measurement can be missing. They are different facts with different policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// The next measurement is not due yet; nothing is wrong. Does not make a check blind.
    NotYet,
    /// The source answered and knows nothing of this colour.
    NoData,
    /// The source answered with old news: its own newest measurement lies too far back.
    Stale,
    /// The source did not answer in time.
    TimedOut,
    /// The source could not be reached.
    Refused,
    /// The source answered something that is not a measurement, or an error.
    Malformed,
}

impl fmt::Display for GapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYet => "next measurement not due yet",
            Self::NoData => "no data",
            Self::Stale => "stale",
            Self::TimedOut => "timed out",
            Self::Refused => "source not reached",
            Self::Malformed => "malformed answer",
        })
    }
}

/// What one check measured for one colour. Sources and probes make these.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The check's (or probe's) name in the rules.
    pub check: String,
    /// The environment that was measured.
    pub colour: Colour,
    /// What was found.
    pub reading: Reading,
}

/// What one check measured for both roles in one tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The check's (or probe's) name in the rules.
    pub check: String,
    /// The live colour's reading.
    pub live: Reading,
    /// The candidate's reading.
    pub candidate: Reading,
}

/// Everything that was measured at one moment. Judged in the order of `at`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// When.
    pub at: Timestamp,
    /// The candidate's weight while the events of this tick happened.
    pub weight: Weight,
    /// One entry for each check that was due; a check that is not listed was not asked.
    pub pairs: Vec<Pair>,
}
