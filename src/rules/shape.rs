//! The shapes a value can have: a number in a range, a duration, one of some words, a name.
//!
//! A shape reads a value or reports a fault that states what would be right. It carries an example, written as in the
//! file, for the remedy of a key that is missing.

use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::duration::{format_ms, parse_ms};
use super::nearest;
use super::section::Item;
use super::sink::Read;

/// How a value is read.
pub(super) trait Shape {
    /// What it becomes.
    type Out;
    /// Reads it or reports what is wrong.
    fn read(&self, item: &Item<'_>) -> Read<Self::Out>;
    /// How a right one is written.
    fn example(&self) -> &'static str;
}

/// What a person calls the type of a value.
pub(super) fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A text that is not empty.
pub(super) struct Text {
    pub example: &'static str,
}

impl Shape for Text {
    type Out = String;
    fn read(&self, item: &Item<'_>) -> Read<String> {
        let Some(text) = item.value.get_ref().as_str() else {
            return Err(
                item.wrong_type("a text in quotes", format!("write `{} = {}`", item.key, self.example))
            );
        };
        if text.trim().is_empty() {
            return Err(item.fault(
                format!("{} is empty", item.name),
                format!("write `{} = {}`", item.key, self.example),
            ));
        }
        Ok(text.into())
    }
    fn example(&self) -> &'static str {
        self.example
    }
}

/// A name of a service, colour, source, check or probe.
pub(super) struct Name {
    pub example: &'static str,
}

/// As for [`crate::sample::Colour`]: it stands in URLs, file names and log lines.
const NAME_LENGTH_MAX: usize = 63;

/// Whether `text` is 1 to 63 letters, digits, `_` or `-`.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=NAME_LENGTH_MAX).contains(&text.len()) && text.chars().all(fits)
}

/// The remedy for a name that is none.
pub(super) const NAME_REMEDY: &str = "use 1 to 63 letters, digits, `_` or `-`";

impl Shape for Name {
    type Out = String;
    fn read(&self, item: &Item<'_>) -> Read<String> {
        let text = Text { example: self.example }.read(item)?;
        if !is_name(&text) {
            return Err(item.fault(format!("{} is not a name", item.name), NAME_REMEDY));
        }
        Ok(text)
    }
    fn example(&self) -> &'static str {
        self.example
    }
}

/// One end of a range of numbers.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// Itself included.
    At(f64),
    /// Itself excluded.
    Beyond(f64),
    /// Any finite number.
    Open,
}

/// A finite number, whole or not.
pub(super) struct Number {
    pub low: End,
    pub high: End,
    pub example: &'static str,
}

impl Number {
    /// Above 0 and below 1.
    pub const fn share(example: &'static str) -> Self {
        Self { low: End::Beyond(0.0), high: End::Beyond(1.0), example }
    }

    fn holds(&self, number: f64) -> bool {
        let above = match self.low {
            End::At(low) => number >= low,
            End::Beyond(low) => number > low,
            End::Open => true,
        };
        let below = match self.high {
            End::At(high) => number <= high,
            End::Beyond(high) => number < high,
            End::Open => true,
        };
        number.is_finite() && above && below
    }

    fn range(&self) -> String {
        let low = match self.low {
            End::At(low) => format!("at least {low}"),
            End::Beyond(low) => format!("above {low}"),
            End::Open => return "a finite number".into(),
        };
        match self.high {
            End::At(high) => format!("{low} and at most {high}"),
            End::Beyond(high) => format!("{low} and below {high}"),
            End::Open => low,
        }
    }
}

impl Shape for Number {
    type Out = f64;
    fn read(&self, item: &Item<'_>) -> Read<f64> {
        let remedy = || format!("choose {}, such as `{}`", self.range(), self.example);
        let Some(number) = number_of(item.value.get_ref()) else {
            return Err(item.wrong_type("a number", remedy()));
        };
        if !self.holds(number) {
            return Err(item.fault(format!("{} must be {}, not {number}", item.name, self.range()), remedy()));
        }
        Ok(number)
    }
    fn example(&self) -> &'static str {
        self.example
    }
}

/// A number, `None` for another type. What does not fit a float is infinite, and so outside every range.
fn number_of(value: &DeValue<'_>) -> Option<f64> {
    match value {
        // A float of every i64 is near enough: the ranges of the rules are small.
        #[expect(clippy::cast_precision_loss, reason = "out of every range long before precision is lost")]
        DeValue::Integer(whole) => Some(
            i64::from_str_radix(whole.as_str(), whole.radix()).map_or(f64::INFINITY, |whole| whole as f64),
        ),
        DeValue::Float(float) => Some(float.as_str().parse().unwrap_or(f64::INFINITY)),
        _ => None,
    }
}

/// A whole number.
pub(super) struct Whole {
    pub range: RangeInclusive<u16>,
    pub example: &'static str,
}

impl Shape for Whole {
    type Out = u16;
    fn read(&self, item: &Item<'_>) -> Read<u16> {
        let (low, high) = (self.range.start(), self.range.end());
        let remedy = || format!("choose {low} to {high}, such as `{}`", self.example);
        let DeValue::Integer(whole) = item.value.get_ref() else {
            return Err(item.wrong_type("a whole number", remedy()));
        };
        u16::from_str_radix(whole.as_str(), whole.radix())
            .ok()
            .filter(|number| self.range.contains(number))
            .ok_or_else(|| {
                item.fault(format!("{} must be {low} to {high}, not {whole}", item.name), remedy())
            })
    }
    fn example(&self) -> &'static str {
        self.example
    }
}

/// A duration, in milliseconds.
pub(super) struct Time {
    pub min_ms: u64,
    pub max_ms: u64,
    pub example: &'static str,
}

impl Shape for Time {
    type Out = u64;
    fn read(&self, item: &Item<'_>) -> Read<u64> {
        let text = match item.value.get_ref() {
            DeValue::String(text) => text,
            DeValue::Integer(whole) if whole.as_str().bytes().all(|b| b.is_ascii_digit()) => {
                return Err(item.wrong_type(
                    "a duration with its unit, in quotes",
                    format!("for seconds, write `{} = \"{whole}s\"`", item.key),
                ));
            }
            _ => {
                return Err(item.wrong_type(
                    "a duration with its unit, in quotes",
                    format!("write `{} = {}`", item.key, self.example),
                ));
            }
        };
        let Some(ms) = parse_ms(text) else {
            let message = format!("{} is not a duration", item.name);
            return Err(item.fault(message, "write whole numbers with `ms`, `s`, `m`, `h` or `d`, such as `\"500ms\"`, `\"5s\"` or `\"1h30m\"`"));
        };
        if ms < self.min_ms || ms > self.max_ms {
            let (min, max) = (format_ms(self.min_ms), format_ms(self.max_ms));
            let message = format!("{} must be {min} to {max}, not {}", item.name, format_ms(ms));
            return Err(item.fault(message, format!("choose {min} to {max}, such as `{}`", self.example)));
        }
        Ok(ms)
    }
    fn example(&self) -> &'static str {
        self.example
    }
}

/// `true` or `false`.
pub(super) struct Flag;

impl Shape for Flag {
    type Out = bool;
    fn read(&self, item: &Item<'_>) -> Read<bool> {
        item.value.get_ref().as_bool().ok_or_else(|| {
            item.wrong_type("`true` or `false`", format!("write `{} = true`, without quotes", item.key))
        })
    }
    fn example(&self) -> &'static str {
        "true"
    }
}

/// One of some words.
pub(super) struct Choice<T: 'static> {
    /// Words and what they mean.
    pub words: &'static [(&'static str, T)],
    /// Words that are understood and mean nothing yet.
    pub planned: &'static [&'static str],
    pub example: &'static str,
}

impl<T: Copy> Shape for Choice<T> {
    type Out = T;
    fn read(&self, item: &Item<'_>) -> Read<T> {
        let words: Vec<&str> = self.words.iter().map(|(word, _)| *word).collect();
        let Some(text) = item.value.get_ref().as_str() else {
            return Err(item.wrong_type("a text in quotes", format!("valid: {}", nearest::list(&words))));
        };
        if let Some((_, meaning)) = self.words.iter().find(|(word, _)| *word == text) {
            return Ok(*meaning);
        }
        if self.planned.contains(&text) {
            let message = format!("{}: `{text}` is not available in this version", item.name);
            return Err(item.fault(message, format!("available: {}", nearest::list(&words))));
        }
        let remedy = match nearest::nearest(text, &words) {
            Some(word) => format!("did you mean `{word}`? valid: {}", nearest::list(&words)),
            None => format!("valid: {}", nearest::list(&words)),
        };
        Err(item.fault(format!("{} cannot be `{text}`", item.name), remedy))
    }
    fn example(&self) -> &'static str {
        self.example
    }
}

/// A list with at least one entry.
pub(super) struct List<S> {
    pub of: S,
    pub max: usize,
    pub example: &'static str,
}

impl<S: Shape> Shape for List<S> {
    type Out = Vec<S::Out>;
    fn read(&self, item: &Item<'_>) -> Read<Vec<S::Out>> {
        let Some(array) = item.value.get_ref().as_array() else {
            return Err(
                item.wrong_type("a list in brackets", format!("write `{} = {}`", item.key, self.example))
            );
        };
        if array.is_empty() || array.len() > self.max {
            let message = format!("{} must have 1 to {} entries, not {}", item.name, self.max, array.len());
            return Err(item.fault(message, format!("write `{} = {}`", item.key, self.example)));
        }
        // Every entry is read before the first failure is passed on, so that all are reported.
        let entries: Vec<Read<S::Out>> =
            (1..).zip(array.iter()).map(|(number, value)| self.of.read(&item.entry(number, value))).collect();
        entries.into_iter().collect()
    }
    fn example(&self) -> &'static str {
        self.example
    }
}
