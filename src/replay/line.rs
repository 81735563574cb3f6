//! One line of a sample file, read strictly: what is not understood stops the replay, because a line that is silently
//! left out could turn a verdict round.

use serde::Deserialize;

use crate::judge::spec::CheckKind;
use crate::sample::{BadSample, Colour, GapKind, Reading, Timestamp, Weight};

/// A line as it stands in the file. Every shape of the contract is a subset of these fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    at: At,
    weight: Option<Weight>,
    check: Option<String>,
    colour: Option<Colour>,
    bad: Option<u64>,
    total: Option<u64>,
    bounds: Option<Vec<f64>>,
    counts: Option<Vec<u64>>,
    value: Option<f64>,
    gap: Option<String>,
    gap_kind: Option<GapKind>,
}

/// Seconds since the start of the release, or a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// A number in the file.
    Seconds(f64),
    /// RFC 3339 in the file.
    Moment(Timestamp),
}

impl At {
    /// As a point on the replay's own time line.
    ///
    /// # Errors
    /// When a number of seconds is not finite, negative or beyond 100 years.
    pub fn timestamp(self) -> Result<Timestamp, BadSample> {
        match self {
            Self::Moment(at) => Ok(at),
            Self::Seconds(s) if (0.0..=3.2e9).contains(&s) => {
                #[expect(clippy::cast_possible_truncation, reason = "in range by the guard")]
                let ms = (s * 1_000.0).round() as i64;
                Ok(Timestamp::from_ms(ms))
            }
            Self::Seconds(s) => {
                Err(BadSample(format!("`at` is {s}: give seconds from the start of the release")))
            }
        }
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = At;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("seconds from the start of the release, or an RFC 3339 time")
            }
            fn visit_f64<E>(self, seconds: f64) -> Result<At, E> {
                Ok(At::Seconds(seconds))
            }
            #[expect(clippy::cast_precision_loss, reason = "seconds in range fit a double exactly")]
            fn visit_u64<E>(self, seconds: u64) -> Result<At, E> {
                Ok(At::Seconds(seconds as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "seconds in range fit a double exactly")]
            fn visit_i64<E>(self, seconds: i64) -> Result<At, E> {
                Ok(At::Seconds(seconds as f64))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<At, E> {
                let at: jiff::Timestamp = text.parse().map_err(|_| {
                    E::custom(format!("`{text}` is neither a number of seconds nor an RFC 3339 time"))
                })?;
                Ok(At::Moment(Timestamp::from_ms(at.as_millisecond())))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// What a line says.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// The candidate's weight from here on.
    Weight(Weight),
    /// What a check measured for a colour.
    Sample {
        /// The check's name.
        check: String,
        /// The colour.
        colour: Colour,
        /// What was measured.
        reading: Reading,
    },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// No JSON object of the contract.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Fields that do not belong together, or impossible values.
    #[error("{0}")]
    Sense(String),
}

impl From<BadSample> for LineError {
    fn from(bad: BadSample) -> Self {
        Self::Sense(bad.0)
    }
}

/// Reads a line. `kind_of` gives the kind of a check by its name.
///
/// # Errors
/// When the line is not of the contract, names an unknown check, or its numbers do not fit the check's kind.
pub fn read<'a>(
    text: &str,
    kind_of: impl Fn(&str) -> Option<&'a CheckKind>,
) -> Result<(At, Said), LineError> {
    let line: Line = serde_json::from_str(text)?;
    let at = line.at;
    match line {
        Line { weight: Some(weight), check: None, colour: None, .. } => {
            return Ok((at, Said::Weight(weight)));
        }
        Line { weight: Some(_), .. } => {
            return Err(LineError::Sense("`weight` needs a line of its own, without a check".into()));
        }
        _ => {}
    }
    let (Some(check), Some(colour)) = (line.check.clone(), line.colour.clone()) else {
        return Err(LineError::Sense("a line needs `weight`, or `check` and `colour`".into()));
    };
    let kind = kind_of(&check)
        .ok_or_else(|| LineError::Sense(format!("the rules have no check or probe named `{check}`")))?;
    let reading = reading(line, &check, kind)?;
    Ok((at, Said::Sample { check, colour, reading }))
}

fn reading(line: Line, check: &str, kind: &CheckKind) -> Result<Reading, LineError> {
    let Line { bad, total, bounds, counts, value, gap, gap_kind, .. } = line;
    if let Some(detail) = gap {
        let kind = gap_kind.unwrap_or_else(|| kind_by_words(&detail));
        return Ok(Reading::gap(kind, detail));
    }
    let wants = |what: &str| LineError::Sense(format!("check `{check}` needs {what}, or `gap`"));
    let reading = match kind {
        CheckKind::Ratio(_) => match (bad, total) {
            (Some(bad), Some(total)) => Reading::counts(bad, total)?,
            _ => return Err(wants("`bad` and `total`")),
        },
        CheckKind::Latency(_) => match (bounds, counts) {
            (Some(bounds), Some(counts)) => Reading::histogram(bounds, counts)?,
            _ => return Err(wants("`bounds` and `counts`")),
        },
        CheckKind::Value(_) => Reading::value(value.ok_or_else(|| wants("`value`"))?)?,
    };
    Ok(reading)
}

/// A gap's kind from its words, for files that carry only the text. What is not recognised counts as a failing
/// source, never as silence of the candidate.
fn kind_by_words(detail: &str) -> GapKind {
    let detail = detail.to_lowercase();
    let words: [(&[&str], GapKind); 5] = [
        (&["not due", "not yet"], GapKind::NotYet),
        (&["timed out", "timeout", "time-out"], GapKind::TimedOut),
        (&["refused", "not reached", "unreachable"], GapKind::Refused),
        (&["no data", "no series", "no sample", "empty"], GapKind::NoData),
        (&["stale"], GapKind::Stale),
    ];
    (words.iter())
        .find(|(words, _)| words.iter().any(|word| detail.contains(word)))
        .map_or(GapKind::Malformed, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::spec::{LatencySpec, RatioSpec};

    fn kinds() -> [(&'static str, CheckKind); 2] {
        let ratio = RatioSpec { tolerance: 1.5, floor: None, limit: None };
        let latency = LatencySpec { quantiles: vec![], limit: None };
        [("errors", CheckKind::Ratio(ratio)), ("latency", CheckKind::Latency(latency))]
    }

    fn parse(text: &str) -> Result<(At, Said), String> {
        let kinds = kinds();
        let kind_of = |name: &str| kinds.iter().find(|(n, _)| *n == name).map(|(_, k)| k);
        read(text, kind_of).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_every_shape_of_the_contract() {
        let at = At::Seconds(5.0);
        assert_eq!(
            parse(r#"{"at": 0, "weight": 50}"#).unwrap(),
            (At::Seconds(0.0), Said::Weight(Weight::from_percent(50.0).unwrap()))
        );
        let sample = |check: &str, colour: &str, reading| Said::Sample {
            check: check.into(),
            colour: Colour::new(colour).unwrap(),
            reading,
        };
        assert_eq!(
            parse(r#"{"at": 5, "check": "errors", "colour": "green", "bad": 3, "total": 120}"#).unwrap(),
            (at, sample("errors", "green", Reading::Counts { bad: 3, total: 120 }))
        );
        assert_eq!(
            parse(r#"{"at": 5, "check": "latency", "colour": "green", "bounds": [0.1, 1.0], "counts": [9, 4, 1]}"#).unwrap(),
            (at, sample("latency", "green", Reading::Histogram { bounds: vec![0.1, 1.0], counts: vec![9, 4, 1] }))
        );
        assert_eq!(
            parse(r#"{"at": 5, "check": "errors", "colour": "blue", "gap": "timed out after 5s"}"#).unwrap(),
            (at, sample("errors", "blue", Reading::gap(GapKind::TimedOut, "timed out after 5s")))
        );
        let (at, _) = parse(r#"{"at": "2026-11-23T07:00:00.5Z", "weight": 0.5}"#).unwrap();
        assert_eq!(at.timestamp().unwrap().to_string(), "2026-11-23T07:00:00.500Z");
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        let refused = [
            (r#"{"at": 5"#, "EOF"),
            (r#"{"at": "soon", "weight": 5}"#, "RFC 3339"),
            (r#"{"at": 5, "weight": 101}"#, "not between 0 and 100"),
            (r#"{"at": 5, "weight": 5, "colour": "green"}"#, "a line of its own"),
            (r#"{"at": 5, "check": "errors", "colour": "green", "bad": 3}"#, "needs `bad` and `total`"),
            (
                r#"{"at": 5, "check": "errors", "colour": "green", "bad": 4, "total": 3}"#,
                "4 bad events of only 3",
            ),
            (r#"{"at": 5, "check": "errors", "colour": "green", "bad": -1, "total": 3}"#, "invalid value"),
            (
                r#"{"at": 5, "check": "errrors", "colour": "green", "bad": 0, "total": 3}"#,
                "no check or probe named `errrors`",
            ),
            (
                r#"{"at": 5, "check": "latency", "colour": "green", "bounds": [1.0, 0.5], "counts": [1, 2, 3]}"#,
                "rise strictly",
            ),
            (
                r#"{"at": 5, "check": "latency", "colour": "green", "bounds": [1.0], "counts": [1]}"#,
                "one entry more",
            ),
            (r#"{"at": 5, "chek": "errors"}"#, "unknown field `chek`"),
            (r#"{"at": 5}"#, "needs `weight`, or `check` and `colour`"),
        ];
        for (line, expected) in refused {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
        assert!(At::Seconds(-1.0).timestamp().is_err());
        assert!(At::Seconds(f64::NAN).timestamp().is_err());
    }
}
