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
    missing: Vec<Missing>,
    conflicts: Vec<Conflict>,
}

/// Values that contradict each other.
struct Conflict {
    keys: Vec<&'static str>,
    span: Range<usize>,
    message: String,
    remedy: String,
}

/// Keys of which one must be there and none is.
struct Missing {
    keys: Vec<&'static str>,
    remedy: String,
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
    pub fn new(
        sink: &'a Sink<'a>,
        place: impl Into<String>,
        span: Range<usize>,
        table: &'a DeTable<'a>,
    ) -> Self {
        Self {
            sink,
            place: place.into(),
            span,
            table,
            asked: Vec::new(),
            missing: Vec::new(),
            conflicts: Vec::new(),
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
            item.fault(
                format!("`{key}` must be written as `[[{key}]]`, not as {found}"),
                format!("write `[[{key}]]` above each {singular}"),
            );
            return Vec::new();
        };
        (1..)
            .zip(array.iter())
            .filter_map(|(number, value)| {
                item.entry(number, value).section(format!("{singular} {number}")).ok()
            })
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

    /// Marks a key as missing; reported by [`Self::finish`] unless a misspelt key explains it.
    pub fn missing(&mut self, key: &'static str, example: &str) -> Reported {
        self.missing_one_of(&[key], remedy_of(key, example))
    }

    /// Marks all of `keys` as missing where one would do.
    pub fn missing_one_of(&mut self, keys: &[&'static str], remedy: impl Into<String>) -> Reported {
        self.missing.push(Missing { keys: keys.to_vec(), remedy: remedy.into() });
        Reported
    }

    /// Notes that the values of `keys` contradict each other; reported by [`Self::finish`] unless one of them is
    /// misspelt or could not be read, so that only its default does.
    pub fn conflict(
        &mut self,
        keys: &[&'static str],
        span: Range<usize>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.conflicts.push(Conflict {
            keys: keys.to_vec(),
            span,
            message: message.into(),
            remedy: remedy.into(),
        });
    }

    /// Reports missing and unknown keys; `refused` were dealt with by [`Self::refuse`].
    ///
    /// Gives the valid keys that misspelt ones seem to stand for: they are neither there nor left out.
    pub fn finish(self, refused: &[&str]) -> Vec<&'static str> {
        self.conclude(|name| !refused.contains(&name))
    }

    /// As [`Self::finish`] where it cannot be known which keys are valid: of the unknown ones only those are reported
    /// that explain a missing one.
    pub fn finish_partly(self) -> Vec<&'static str> {
        let missing = self.missing_keys();
        self.conclude(|name| nearest::nearest(name, &missing).is_some())
    }

    fn conclude(self, is_judged: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let missing = self.missing_keys();
        let mut explained = Vec::new();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) || !is_judged(name) {
                continue;
            }
            // What is missing is the likelier meaning.
            let meant = nearest::nearest(name, &missing).or_else(|| nearest::nearest(name, &self.asked));
            let remedy = meant.map_or_else(
                || nearest::remedy(name, &self.asked),
                |meant| format!("did you mean `{meant}`?"),
            );
            explained.extend(meant);
            let message = format!("unknown key `{name}` in {}", self.place);
            self.sink.fault(key.span(), message, remedy);
        }
        for Missing { keys, remedy } in self.missing {
            if !keys.iter().any(|key| explained.contains(key)) {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                let message = format!("{} is missing in {}", keys.join(" or "), self.place);
                self.sink.absent(self.span.clone(), message, remedy);
            }
        }
        for conflict in self.conflicts {
            let is_misspelt = |key: &&str| explained.contains(key);
            // Where lines were skipped, a key without a value may have had one.
            let is_cut = |key: &&str| self.sink.is_cut(&self.span) && !self.table.contains_key(*key);
            if !conflict.keys.iter().any(|key| is_misspelt(key) || is_cut(key)) {
                self.sink.fault(conflict.span, conflict.message, conflict.remedy);
            }
        }
        explained
    }

    fn missing_keys(&self) -> Vec<&'static str> {
        self.missing.iter().flat_map(|missing| missing.keys.clone()).collect()
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
            _ => {
                Err(self
                    .wrong_type("a table", format!("write `{} = {{ … }}` or a header of its own", self.key)))
            }
        }
    }

    /// Where faults go.
    pub fn sink(&self) -> &'a Sink<'a> {
        self.sink
    }
}
