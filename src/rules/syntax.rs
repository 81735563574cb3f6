//! What in a rule file is not TOML, and the rest of the file without it.
//!
//! One typing error must not hide the others, and must not be told ten times. The TOML parser recovers, but a key
//! without a value ends its reading, and an array that is never closed swallows the lines after it. So only the
//! *first* error of a reading is believed: it is reported, its statement is overwritten with blanks (which keeps every
//! offset true), and the rest is read again, until it is clean. A broken header takes its table with it, because its
//! keys would turn up in the table before.

use std::ops::Range;

use toml::de::{DeTable, DeValue, Error};

use super::Fault;

/// Readings of one file: each finds one error, so this also bounds the syntax errors that are shown.
const READINGS_MAX: usize = 32;

/// A file with its statements that are not TOML blanked out.
pub(super) struct Repaired {
    /// As long as the original, and valid TOML if `clean`.
    pub text: String,
    /// One per statement that was not TOML.
    pub faults: Vec<Fault>,
    /// What was blanked out.
    pub skipped: Vec<Range<usize>>,
    /// Whether the end was reached within the bound.
    pub clean: bool,
}

/// Blanks out what is not TOML.
pub(super) fn repair(text: &str) -> Repaired {
    let mut repaired = Repaired { text: text.into(), faults: Vec::new(), skipped: Vec::new(), clean: false };
    for _ in 0..READINGS_MAX {
        let (table, errors) = DeTable::parse_recoverable(&repaired.text);
        let Some(first) = errors.iter().min_by_key(|error| span_of(error, text).start) else {
            repaired.clean = true;
            break;
        };
        let span = span_of(first, text);
        let value = value_around(table.get_ref(), span.start);
        let end = value.as_ref().and_then(|value| unclosed(text, value, &errors));
        let (error, span, skip) = match (value, end) {
            // A value that is never closed runs on to where the parser gave up; what it swallowed is not part of it.
            (Some(value), Some(error)) => {
                let line = lines(text, value.start..value.start);
                (error, value.start..line.end, line)
            }
            (Some(value), None) => (first, span, lines(text, value)),
            (None, _) => (first, span.clone(), statement(text, span.start)),
        };
        repaired.faults.push(fault(text, error, span));
        if repaired.text[skip.clone()].trim().is_empty() {
            break;
        }
        blank(&mut repaired.text, &skip);
        repaired.skipped.push(skip);
    }
    repaired
}

/// Where an error lies, on character boundaries of the text.
fn span_of(error: &Error, text: &str) -> Range<usize> {
    let span = error.span().unwrap_or(0..0);
    text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end)
}

/// The error that says that `value` has no end, if there is one.
fn unclosed<'e>(text: &str, value: &Range<usize>, errors: &'e [Error]) -> Option<&'e Error> {
    let written = &text[value.clone()];
    let is_closed = match written.as_bytes() {
        [b'[', .., last] => *last == b']',
        [b'{', .., last] => *last == b'}',
        _ => false,
    };
    errors.iter().filter(|_| !is_closed).find(|error| {
        let message = error.message();
        let is_list = message.starts_with("unclosed array") || message.starts_with("unclosed inline");
        let is_string = message.starts_with("invalid") && message.contains(" string, expected");
        span_of(error, text).start >= value.end && (is_list || is_string)
    })
}

/// The lines of the statement without a value that holds offset `at`: a header goes with its table.
fn statement(text: &str, at: usize) -> Range<usize> {
    let line = lines(text, at..at);
    if text[line.clone()].trim_start().starts_with('[') {
        line.start..next_header(text, line.end)
    } else {
        line
    }
}

/// The outermost value around `at` that is written in one piece (not a table with a header).
fn value_around(table: &DeTable<'_>, at: usize) -> Option<Range<usize>> {
    table.iter().find_map(|(_, value)| match value.get_ref() {
        DeValue::Table(inner) if !inner_is_inline(value.span(), inner) => value_around(inner, at),
        DeValue::Array(items) => {
            let span = value.span();
            let of_tables = items
                .iter()
                .any(|item| matches!(item.get_ref(), DeValue::Table(t) if !inner_is_inline(item.span(), t)));
            if of_tables {
                items
                    .iter()
                    .find_map(|item| item.get_ref().as_table().and_then(|inner| value_around(inner, at)))
            } else {
                holds(&span, at).then_some(span)
            }
        }
        _ => {
            let span = value.span();
            holds(&span, at).then_some(span)
        }
    })
}

/// Whether a table is written in braces: then everything in it lies within its span.
fn inner_is_inline(span: Range<usize>, table: &DeTable<'_>) -> bool {
    !span.is_empty()
        && table.iter().all(|(key, _)| span.start < key.span().start && key.span().end <= span.end)
}

fn holds(span: &Range<usize>, at: usize) -> bool {
    !span.is_empty() && span.start <= at && at <= span.end
}

/// The whole lines that `span` touches, without the last line's end.
fn lines(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at);
    start..end
}

/// Where the next table header after `from` starts, or the end.
fn next_header(text: &str, from: usize) -> usize {
    text[from..].find("\n[").map_or(text.len(), |at| from + at + 1)
}

/// Overwrites with blanks, byte for byte, and keeps the lines.
fn blank(text: &mut String, range: &Range<usize>) {
    let blanks: String =
        text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(range.clone(), &blanks);
}

/// The parser's error in words that name the remedy.
fn fault(text: &str, error: &Error, span: Range<usize>) -> Fault {
    let span = if error.message().starts_with("key with no value") {
        trimmed(text, lines(text, span))
    } else {
        token(text, span)
    };
    let shown = &text[span.clone()];
    let (message, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
    let remedy = match message {
        "string values must be quoted" if shown == "=" => "write a value after it".into(),
        "string values must be quoted" if shown.len() <= 60 => {
            format!("write `\"{}\"`", shown.trim_matches(['"', '\'']))
        }
        "string values must be quoted" => "put it in quotes".into(),
        "key with no value" => "put `=` between key and value".into(),
        "duplicate key" => "it stands in this table already: keep one of the two".into(),
        "unexpected key or value" => {
            "one key and value to a line; a text with `\"` in it goes in single quotes: `'…'`".into()
        }
        "invalid boolean" => "write `true` or `false`".into(),
        _ if message.starts_with("unclosed table") => "close the header: `[name]`".into(),
        _ if message.starts_with("unclosed array table") => "close the header: `[[name]]`".into(),
        _ if message.starts_with("unclosed") || message.ends_with(" string") => {
            format!("close it with {expected}")
        }
        _ if expected.is_empty() => "see https://toml.io/en/v1.0.0 for what is valid".into(),
        _ => format!("expected {expected}"),
    };
    Fault { span: (span.start, span.len()), message: format!("not valid TOML: {message}"), remedy }
}

/// Without the blanks around.
fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let inside = &text[span.clone()];
    let start = span.start + inside.len() - inside.trim_start().len();
    start..start + inside.trim().len()
}

/// The parser points between characters where something is missing: widens that to the word there, or the one before.
fn token(text: &str, span: Range<usize>) -> Range<usize> {
    if !span.is_empty() {
        return span;
    }
    let line = lines(text, span.clone());
    let (before, after) = (&text[line.start..span.start], &text[span.start..line.end]);
    let ahead = after.find(char::is_whitespace).unwrap_or(after.len());
    if ahead > 0 {
        return span.start..span.start + ahead;
    }
    let word_end = before.trim_end().len();
    let word_start = before[..word_end]
        .char_indices()
        .rev()
        .find(|(_, c)| c.is_whitespace())
        .map_or(0, |(at, c)| at + c.len_utf8());
    line.start + word_start..line.start + word_end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is reported (text pointed at and message), and what is left of the file.
    fn check(text: &str, expected: &[(&str, &str)], left: &str) {
        let repaired = repair(text);
        let found: Vec<(&str, &str)> = repaired
            .faults
            .iter()
            .map(|fault| {
                (
                    &text[fault.span.0..fault.span.0 + fault.span.1],
                    fault.message.trim_start_matches("not valid TOML: "),
                )
            })
            .collect();
        assert_eq!(found, expected, "{text:?}");
        assert!(repaired.clean, "{text:?}");
        assert_eq!(repaired.text.len(), text.len());
        let words: Vec<&str> = repaired.text.split_whitespace().collect();
        assert_eq!(words.join(" "), left, "{text:?}");
    }

    #[test]
    fn a_key_without_a_value_does_not_end_the_reading() {
        check(
            "a = 1\ntolerance 1.5\nb = 5s\nc = 3\n",
            &[("tolerance 1.5", "key with no value"), ("5s", "string values must be quoted")],
            "a = 1 c = 3",
        );
    }

    #[test]
    fn an_array_that_is_not_closed_is_told_once() {
        check("a = [1, 2\nb = 2\n[c]\nd = 1\n", &[("[1, 2", "unclosed array")], "b = 2 [c] d = 1");
    }

    #[test]
    fn an_array_over_lines_goes_as_a_whole() {
        check("a = [\n 1,\n x,\n 3,\n]\nb = 2\n", &[("x", "string values must be quoted")], "b = 2");
    }

    #[test]
    fn a_broken_header_takes_its_table_with_it() {
        check(
            "[x]\na = 1\n[colours.blue\nurl = 1\n[y]\nb = 1\n",
            &[("[colours.blue", "unclosed table")],
            "[x] a = 1 [y] b = 1",
        );
    }

    #[test]
    fn a_string_that_is_not_closed_swallows_nothing() {
        check("a = \"\"\"foo\nb = 2\n", &[("\"\"\"foo", "invalid multi-line basic string")], "b = 2");
        check("a = \"foo\nb = 2\n", &[("\"foo", "invalid basic string")], "b = 2");
    }

    #[test]
    fn keys_and_tables_given_twice() {
        check(
            "a = 1\na = 2\n[t]\nx = 1\n[t]\ny = 1\n",
            &[("a", "duplicate key"), ("t", "duplicate key")],
            "a = 1 [t] x = 1",
        );
    }
}
