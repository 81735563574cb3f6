//! Where the readers of a rule file put what they find wrong: faults and notes, collected and never thrown.
//!
//! A reader goes on after a fault, so that one run shows them all. What keeps that from becoming a heap of
//! consequences is [`Reported`]: a value that was wrong is neither "missing" nor compared with others.
//! And where the parser had to skip lines that are not TOML ([`super::syntax`]), what is absent may just have been
//! skipped, so absence is reported only where nothing was.

use std::cell::RefCell;
use std::ops::Range;

use super::Fault;
use super::model::Note;

/// Faults beyond this are not kept: nobody reads them, and a file of a MiB could hold half a million.
const FAULTS_MAX: usize = 500;

/// A fault has been put into the [`Sink`]; there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported;

/// A value, or word that the reason for its absence has been given.
pub(super) type Read<T> = Result<T, Reported>;

/// Faults and notes of one file.
pub(super) struct Sink<'a> {
    text: &'a str,
    skipped: &'a [Range<usize>],
    faults: RefCell<Vec<Fault>>,
    notes: RefCell<Vec<Note>>,
}

impl<'a> Sink<'a> {
    /// For a file of which the parser skipped some ranges.
    pub fn new(text: &'a str, skipped: &'a [Range<usize>]) -> Self {
        Self { text, skipped, faults: RefCell::default(), notes: RefCell::default() }
    }

    /// The file's text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The line (from 1) that `offset` is on.
    pub fn line(&self, offset: usize) -> usize {
        1 + self.text[..offset].matches('\n').count()
    }

    /// Something in the text is wrong.
    pub fn fault(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Reported {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < FAULTS_MAX {
            faults.push(Fault {
                span: (span.start, span.len()),
                message: message.into(),
                remedy: remedy.into(),
            });
        }
        Reported
    }

    /// Something is missing in the table that starts with `span`.
    pub fn absent(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Reported {
        if self.is_cut(&span) {
            return Reported;
        }
        self.fault(span, message, remedy)
    }

    /// Whether lines were skipped in the table that starts with `span`.
    pub fn is_cut(&self, span: &Range<usize>) -> bool {
        let extent = self.extent(span);
        self.skipped.iter().any(|skipped| skipped.start < extent.end && extent.start < skipped.end)
    }

    /// Something is missing or refers to nothing, and any table of the file could have had it.
    pub fn absent_anywhere(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Reported {
        let is_header = |s: &Range<usize>| self.text[s.clone()].trim_start().starts_with('[');
        if self.skipped.iter().any(is_header) {
            return Reported;
        }
        self.fault(span, message, remedy)
    }

    /// Something is valid and could be better.
    pub fn note(&self, span: Range<usize>, message: impl Into<String>, remedy: impl Into<String>) {
        self.notes.borrow_mut().push(Note {
            span: (span.start, span.len()),
            message: message.into(),
            remedy: remedy.into(),
        });
    }

    /// Everything that was found, in the order of the file.
    pub fn conclude(self) -> (Vec<Fault>, Vec<Note>) {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.span.0);
        faults.dedup();
        let mut notes = self.notes.into_inner();
        notes.sort_by_key(|note| note.span.0);
        (faults, notes)
    }

    /// What belongs to the table at `span`: up to the next header if it is one itself, otherwise just the span.
    fn extent(&self, span: &Range<usize>) -> Range<usize> {
        let is_header = self.text[span.clone()].starts_with('[');
        // The root table has an empty span at the start of the file and ends at the first header.
        let is_root = span.is_empty();
        if !is_header && !is_root {
            return span.clone();
        }
        if is_root && self.text.starts_with('[') {
            return 0..0;
        }
        let end = self.text[span.end..].find("\n[").map_or(self.text.len(), |at| span.end + at);
        span.start..end
    }
}
