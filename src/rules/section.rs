//! Reads one table of a rule file: takes keys out one by one, and in the end knows which were missing or unknown.
//!
//! The list of valid keys is what the reader has asked for; there is no second one to keep in step.
//! A missing key is reported only at the end, because a misspelt one explains it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest;
use super::shape::{Shape, type_of};
use super::sink::{Read, Reported, Sink};

/// One table.
pub(super) struct Section<'a> {
    sink: &'a Sink<'a>,
    place: String,
    span: Range<usize>,
    table: &'a DeTable<'a>,
    asked: Vec<&'static str>,
    missing: Vec<(&'static str, &'static str)>,
}

/// One value of a table or an array, and what to call it.
pub(super) struct Item<'a> {
    sink: &'a Sink<'a>,
    /// `` `tolerance` in check `errors` ``
    pub name: String,
    /// `tolerance`
    pub key: String,
    /// Where the key stands; the value itself for an entry of an array.
    pub key_span: Range<usize>,
    /// The value.
    pub value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Section<'a> {
    /// A table that a person would call `place`: `[plan]`, ``check `errors` ``.
    pub fn new(sink: &'a Sink<'a>, place: impl Into<String>, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Self {
            sink,
            place: place.into(),
            span,
            table,
            asked: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Calls it otherwise, now that its name has been read.
    pub fn rename(&mut self, place: impl Into<String>) {
        self.place = place.into();
    }

    /// What a person would call it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Its header or braces.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where faults go.
    pub fn sink(&self) -> &'a Sink<'a> {
        self.sink
    }

    /// Where the value of `key` stands, or else the table.
    pub fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.span(), Spanned::span)
    }

    /// Whether `key` is written, rightly or wrongly.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A key that must be there.
    pub fn required<S: Shape>(&mut self, key: &'static str, shape: &S) -> Read<S::Out> {
        match self.optional(key, shape)? {
            Some(value) => Ok(value),
            None => Err(self.missing(key, shape.example())),
        }
    }

    /// A key that may be left out.
    pub fn optional<S: Shape>(&mut self, key: &'static str, shape: &S) -> Read<Option<S::Out>> {
        self.take(key).map(|item| shape.read(&item)).transpose()
    }

    /// A key with a default.
    pub fn or<S: Shape>(&mut self, key: &'static str, shape: &S, default: S::Out) -> Read<S::Out> {
        Ok(self.optional(key, shape)?.unwrap_or(default))
    }

    /// A table that may be left out: `[place.key]` or `key = { … }`.
    pub fn table(&mut self, key: &'static str, place: impl Into<String>) -> Read<Option<Section<'a>>> {
        let place = place.into();
        self.take(key).map(|item| item.section(place)).transpose()
    }

    /// Tables in a row, `[[key]]`; those that are no tables are reported and left out.
    pub fn tables(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let singular = key.trim_end_matches('s');
        let Some(item) = self.take(key) else {
            return Vec::new();
        };
        let Some(array) = item.value.get_ref().as_array() else {
            let found = type_of(item.value.get_ref());
            item.fault(format!("`{key}` must be written as `[[{key}]]`, not as {found}"), format!("write `[[{key}]]` above each {singular}"));
            return Vec::new();
        };
        (1..)
            .zip(array.iter())
            .filter_map(|(number, value)| item.entry(number, value).section(format!("{singular} {number}")).ok())
            .collect()
    }

    /// Every key and value, for tables whose keys are names: sorted by key.
    pub fn entries(&self) -> Vec<Item<'a>> {
        self.table.iter().map(|(key, value)| self.item(key, value)).collect()
    }

    /// A key that exists, but not here.
    pub fn refuse(&mut self, key: &'static str, why: &str, remedy: &str) -> Read<()> {
        // Not `take`: a key that is refused must not be suggested.
        let Some((key, value)) = self.table.get_key_value(key) else {
            return Ok(());
        };
        let item = self.item(key, value);
        Err(self.sink.fault(item.key_span, format!("{} is not allowed: {why}", item.name), remedy))
    }

    /// Marks `key` as missing; reported by [`Self::finish`] unless a misspelt key explains it.
    pub fn missing(&mut self, key: &'static str, example: &'static str) -> Reported {
        self.missing.push((key, example));
        Reported
    }

    /// Reports missing and unknown keys; `refused` were dealt with by [`Self::refuse`].
    pub fn finish(self, refused: &[&str]) {
        let mut explained = Vec::new();
        let missing: Vec<&str> = self.missing.iter().map(|(key, _)| *key).collect();
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) || refused.contains(&name) {
                continue;
            }
            // What is missing is the likelier meaning.
            let meant = nearest::nearest(name, &missing).or_else(|| nearest::nearest(name, &self.asked));
            let remedy = meant.map_or_else(|| nearest::remedy(name, &self.asked), |meant| format!("did you mean `{meant}`?"));
            explained.extend(meant);
            self.sink.fault(key.span(), format!("unknown key `{name}` in {}", self.place), remedy);
        }
        self.report_missing(&explained);
    }

    /// Reports missing keys only: where it cannot be known which keys are valid.
    pub fn finish_missing(self) {
        self.report_missing(&[]);
    }

    fn report_missing(&self, explained: &[&str]) {
        for (key, example) in &self.missing {
            if !explained.contains(key) {
                self.sink.absent(self.span.clone(), format!("`{key}` is missing in {}", self.place), remedy_of(key, example));
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.asked.push(key);
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.item(key, value))
    }

    fn item(&self, key: &Spanned<std::borrow::Cow<'a, str>>, value: &'a Spanned<DeValue<'a>>) -> Item<'a> {
        Item {
            sink: self.sink,
            name: format!("`{}` in {}", key.get_ref(), self.place),
            key: key.get_ref().to_string(),
            key_span: key.span(),
            value,
        }
    }
}

/// `add` and the example, which is a header for a table.
fn remedy_of(key: &str, example: &str) -> String {
    if example.starts_with('[') && example.contains(key) {
        format!("add `{example}`")
    } else {
        format!("add `{key} = {example}`")
    }
}

impl<'a> Item<'a> {
    /// The value is wrong.
    pub fn fault(&self, message: impl Into<String>, remedy: impl Into<String>) -> Reported {
        self.sink.fault(self.value.span(), message, remedy)
    }

    /// The value has a wrong type.
    pub fn wrong_type(&self, expected: &str, remedy: impl Into<String>) -> Reported {
        let found = type_of(self.value.get_ref());
        self.fault(format!("{} must be {expected}, not {found}", self.name), remedy)
    }

    /// One entry of an array.
    pub fn entry(&self, number: usize, value: &'a Spanned<DeValue<'a>>) -> Item<'a> {
        Item {
            sink: self.sink,
            name: format!("entry {number} of {}", self.name),
            key: self.key.clone(),
            key_span: value.span(),
            value,
        }
    }

    /// The value as a table.
    pub fn section(&self, place: impl Into<String>) -> Read<Section<'a>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Section::new(self.sink, place, self.value.span(), table)),
            _ => Err(self.wrong_type("a table", format!("write `{} = {{ … }}` or a header of its own", self.key))),
        }
    }

    /// Where faults go.
    pub fn sink(&self) -> &'a Sink<'a> {
        self.sink
    }
}
