//! One line of a sample file, read strictly: what is not understood stops the replay, because a line that is silently
//! left out could turn a verdict round.
//!
//! Texts are borrowed from the line and names become numbers at once, so that a day of samples costs no allocation but
//! what its histograms and gaps themselves need.

use std::borrow::Cow;

use serde::Deserialize;

use crate::judge::spec::CheckKind;
use crate::rules::model::Rules;
use crate::rules::nearest;
use crate::sample::{BadSample, Colour, GapKind, Reading, Timestamp, Weight};

/// What a line may name: the checks and colours of the rules, each by its number there.
#[derive(Clone, Debug)]
pub struct Names {
    checks: Vec<(String, CheckKind)>,
    colours: [Colour; 2],
}

impl Names {
    /// The names of these rules.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        let checks = rules.judge.checks.iter().map(|check| (check.name.clone(), check.kind.clone()));
        Self { checks: checks.collect(), colours: rules.colours.each_ref().map(|rule| rule.colour.clone()) }
    }

    fn check(&self, name: &str) -> Result<(usize, &CheckKind), String> {
        let found = self.checks.iter().position(|(known, _)| known == name);
        found.and_then(|index| Some((index, &self.checks.get(index)?.1))).ok_or_else(|| {
            let known: Vec<&str> = self.checks.iter().map(|(name, _)| name.as_str()).collect();
            format!("the rules have no check or probe named `{name}`: {}", nearest::remedy(name, &known))
        })
    }

    /// The number of a colour in [`Rules::colours`].
    fn colour(&self, name: &str) -> Result<usize, String> {
        let [first, second] = &self.colours;
        match name {
            _ if name == first.as_str() => Ok(0),
            _ if name == second.as_str() => Ok(1),
            _ => Err(format!("the rules have no colour `{name}`, only `{first}` and `{second}`")),
        }
    }
}

/// A text of the line itself, unless it has escapes.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A line as it stands in the file. Every shape of the contract is a subset of these fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    at: At,
    weight: Option<Weight>,
    #[serde(borrow)]
    live: Option<Text<'a>>,
    #[serde(borrow)]
    check: Option<Text<'a>>,
    #[serde(borrow)]
    colour: Option<Text<'a>>,
    bad: Option<u64>,
    total: Option<u64>,
    bounds: Option<Vec<f64>>,
    counts: Option<Vec<u64>>,
    value: Option<f64>,
    #[serde(borrow)]
    gap: Option<Text<'a>>,
    gap_kind: Option<GapKind>,
}

/// The fields of [`Line`], for remedies.
const FIELDS: [&str; 12] = [
    "at", "weight", "live", "check", "colour", "bad", "total", "bounds", "counts", "value", "gap", "gap_kind",
];

impl Line<'_> {
    /// The first field that says something and is none of those that the line's shape takes.
    fn beside(&self, takes: &[&str]) -> Option<&'static str> {
        let said = [
            ("weight", self.weight.is_some()),
            ("live", self.live.is_some()),
            ("check", self.check.is_some()),
            ("colour", self.colour.is_some()),
            ("bad", self.bad.is_some()),
            ("total", self.total.is_some()),
            ("bounds", self.bounds.is_some()),
            ("counts", self.counts.is_some()),
            ("value", self.value.is_some()),
            ("gap", self.gap.is_some()),
            ("gap_kind", self.gap_kind.is_some()),
        ];
        said.iter().find(|(name, said)| *said && !takes.contains(name)).map(|(name, _)| *name)
    }
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
    Weight {
        /// The weight.
        weight: Weight,
        /// The number of the colour that was live, where the recording says it.
        live: Option<usize>,
    },
    /// What a check measured for a colour.
    Sample {
        /// The check's number in the rules.
        check: usize,
        /// The colour's number in the rules.
        colour: usize,
        /// What was measured.
        reading: Reading,
    },
}

/// Reads a line.
///
/// # Errors
/// One sentence when the line is not of the contract, names what the rules do not have, or its fields do not fit each
/// other or the check's kind.
pub fn read(text: &str, names: &Names) -> Result<(At, Said), String> {
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| not_of_the_contract(text, &error))?;
    let at = line.at;
    let said = match (&line.weight, &line.check, &line.colour) {
        (Some(weight), ..) => {
            if line.beside(&["weight", "live"]).is_some() {
                return Err("`weight` needs a line of its own, without a check".into());
            }
            let colour = line.live.as_ref().map(|name| names.colour(&name.0)).transpose()?;
            Said::Weight { weight: *weight, live: colour }
        }
        (None, Some(check), Some(colour)) => {
            let (index, kind) = names.check(&check.0)?;
            let colour = names.colour(&colour.0)?;
            Said::Sample { check: index, colour, reading: reading(line, kind)? }
        }
        _ => return Err("a line needs `weight`, or `check` and `colour`".into()),
    };
    Ok((at, said))
}

/// An unknown field with the nearest known one, or the parser's own words without its line, which is always 1.
fn not_of_the_contract(text: &str, error: &serde_json::Error) -> String {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    if let Some(unknown) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return format!("unknown field `{unknown}`: {}", nearest::remedy(unknown, &FIELDS));
    }
    let words = error.to_string();
    match words.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())) {
        Some(words) => format!("{words} at column {}", error.column()),
        None => words,
    }
}

/// Which fields carry a reading of each kind, and how they are called together.
const fn shape(kind: &CheckKind) -> (&'static str, &'static [&'static str], &'static str) {
    match kind {
        CheckKind::Ratio(_) => {
            ("a ratio check or probe", &["check", "colour", "bad", "total"], "`bad` and `total`")
        }
        CheckKind::Latency(_) => {
            ("a latency check", &["check", "colour", "bounds", "counts"], "`bounds` and `counts`")
        }
        CheckKind::Value(_) => ("a value check", &["check", "colour", "value"], "`value`"),
    }
}

fn reading(line: Line<'_>, kind: &CheckKind) -> Result<Reading, String> {
    if let Some(gap) = &line.gap {
        if let Some(field) = line.beside(&["check", "colour", "gap", "gap_kind"]) {
            return Err(format!("`{field}` beside `gap`: a sample was either measured or not"));
        }
        let kind = line.gap_kind.unwrap_or_else(|| kind_by_words(&gap.0));
        return Ok(Reading::gap(kind, gap.0.as_ref()));
    }
    let (what, takes, named) = shape(kind);
    let stray = line.beside(takes);
    let Line { check, bad, total, bounds, counts, value, .. } = line;
    let check = check.as_ref().map_or("", |name| &name.0);
    if let Some(field) = stray {
        return Err(format!("`{field}` does not belong to `{check}`, {what}, which takes {named}, or `gap`"));
    }
    let made = match (kind, bad.zip(total), bounds.zip(counts), value) {
        (CheckKind::Ratio(_), Some((bad, total)), ..) => Reading::counts(bad, total),
        (CheckKind::Latency(_), _, Some((bounds, counts)), _) => Reading::histogram(bounds, counts),
        (CheckKind::Value(_), .., Some(value)) => Reading::value(value),
        _ => return Err(format!("check `{check}` needs {named}, or `gap`")),
    };
    made.map_err(|bad| bad.0)
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
    use crate::judge::spec::{Direction, LatencySpec, RatioSpec, ValueSpec};

    fn parse(text: &str) -> Result<(At, Said), String> {
        let ratio = RatioSpec { tolerance: 1.5, floor: None, limit: None };
        let latency = LatencySpec { quantiles: vec![], limit: None };
        let value = ValueSpec { tolerance: 1.3, direction: Direction::Increase, limit: None };
        let names = Names {
            checks: vec![
                ("errors".into(), CheckKind::Ratio(ratio)),
                ("latency".into(), CheckKind::Latency(latency)),
                ("cpu".into(), CheckKind::Value(value)),
            ],
            colours: ["blue", "green"].map(|name| Colour::new(name).unwrap()),
        };
        read(text, &names)
    }

    #[test]
    fn reads_every_shape_of_the_contract() {
        let at = At::Seconds(5.0);
        assert_eq!(
            parse(r#"{"at": 0, "weight": 50}"#).unwrap(),
            (At::Seconds(0.0), Said::Weight { weight: Weight::from_percent(50.0).unwrap(), live: None })
        );
        assert_eq!(
            parse(r#"{"at": 0, "weight": 0, "live": "green"}"#).unwrap(),
            (At::Seconds(0.0), Said::Weight { weight: Weight::NONE, live: Some(1) })
        );
        let sample = |check, colour, reading| (at, Said::Sample { check, colour, reading });
        assert_eq!(
            parse(r#"{"at": 5, "check": "errors", "colour": "green", "bad": 3, "total": 120}"#).unwrap(),
            sample(0, 1, Reading::Counts { bad: 3, total: 120 })
        );
        assert_eq!(
            parse(r#"{"at": 5, "check": "latency", "colour": "green", "bounds": [0.1, 1.0], "counts": [9, 4, 1]}"#).unwrap(),
            sample(1, 1, Reading::Histogram { bounds: vec![0.1, 1.0], counts: vec![9, 4, 1] })
        );
        assert_eq!(
            parse(r#"{"at": 5, "check": "cp\u0075", "colour": "blue", "value": 0.42, "gap": null}"#).unwrap(),
            sample(2, 0, Reading::Value(0.42)),
            "escapes and nulls are JSON too"
        );
        assert_eq!(
            parse(r#"{"at": 5, "check": "errors", "colour": "blue", "gap": "timed out after 5s"}"#).unwrap(),
            sample(0, 0, Reading::gap(GapKind::TimedOut, "timed out after 5s"))
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
                "no check or probe named `errrors`: did you mean `errors`?",
            ),
            (
                r#"{"at": 5, "check": "errors", "colour": "red", "bad": 0, "total": 3}"#,
                "only `blue` and `green`",
            ),
            (
                r#"{"at": 5, "check": "errors", "colour": "green", "bad": 0, "total": 3, "value": 1}"#,
                "`value` does not belong to `errors`, a ratio check or probe, which takes `bad` and `total`",
            ),
            (
                r#"{"at": 5, "check": "cpu", "colour": "green", "value": 1, "live": "blue"}"#,
                "`live` does not belong to `cpu`",
            ),
            (
                r#"{"at": 5, "check": "errors", "colour": "green", "gap": "no data", "bad": 0}"#,
                "`bad` beside `gap`",
            ),
            (
                r#"{"at": 5, "check": "cpu", "colour": "green", "value": 1, "gap_kind": "no_data"}"#,
                "`gap_kind` does not belong",
            ),
            (
                r#"{"at": 5, "check": "latency", "colour": "green", "bounds": [1.0, 0.5], "counts": [1, 2, 3]}"#,
                "rise strictly",
            ),
            (
                r#"{"at": 5, "check": "latency", "colour": "green", "bounds": [1.0], "counts": [1]}"#,
                "one entry more",
            ),
            (r#"{"at": 5, "chek": "errors"}"#, "unknown field `chek`: did you mean `check`?"),
            (r#"{"at": 5, "zebra": "errors"}"#, "unknown field `zebra`: valid here: `at`, `weight`"),
            (r#"{"at": 5, "at": 6, "weight": 5}"#, "duplicate field `at` at column"),
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
