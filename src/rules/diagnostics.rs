//! Faults and notes as people and programs want them: with file, line, column and the text pointed at.
//!
//! [`render`] shows each with its line and a caret, without colour, so that it reads the same in a terminal, a log and
//! an issue. Lines are shown with care: a user name or password in an address is covered up (the file may be wrong for
//! just that reason), control characters cannot reach the terminal, and a line without end is cut.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::Fault;
use super::model::Note;

/// Characters of the text pointed at that are given; the line and column say the rest.
const TEXT_LENGTH_MAX: usize = 200;

/// Characters of a source line that are shown, and how many of them stand before the caret.
const LINE_LENGTH_MAX: usize = 160;
const LINE_BEFORE_MAX: usize = 100;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and could be better.
    Warning,
}

/// One fault or note with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is pointed at: its first line, cut after 200 characters. Empty where something is missing from the file.
    pub text: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// How bad it is.
    pub severity: Severity,
}

/// Places faults in their file.
#[must_use]
pub fn of_faults(path: &Path, text: &str, faults: &[Fault]) -> Vec<Diagnostic> {
    let all = faults.iter().map(|fault| (fault.span, &fault.message, &fault.remedy));
    place(path, text, all, Severity::Error)
}

/// Places notes in their file.
#[must_use]
pub fn of_notes(path: &Path, text: &str, notes: &[Note]) -> Vec<Diagnostic> {
    let all = notes.iter().map(|note| (note.span, &note.message, &note.remedy));
    place(path, text, all, Severity::Warning)
}

fn place<'f>(
    path: &Path,
    text: &str,
    all: impl Iterator<Item = ((usize, usize), &'f String, &'f String)>,
    severity: Severity,
) -> Vec<Diagnostic> {
    let lines = Lines::of(text);
    all.map(|((offset, length), message, remedy)| {
        let (line, column) = lines.position(offset);
        let shown = lines.shown(line);
        let in_line = text[offset..offset + length].split(['\n', '\r']).next().unwrap_or_default();
        Diagnostic {
            file: path.display().to_string(),
            line,
            column,
            // From the line, not the span: a span that starts within an address would not show that it is one.
            text: shown.chars().skip(column - 1).take(in_line.chars().count().min(TEXT_LENGTH_MAX)).collect(),
            message: printable(message),
            remedy: printable(remedy),
            severity,
        }
    })
    .collect()
}

/// Writes diagnostics of one file for people; `text` is the file's.
///
/// ```text
/// checkout.toml:12:1: error: unknown key `tolerence` in check `errors`
///    |
/// 12 | tolerence = 1.5
///    | ^^^^^^^^^
///    = help: did you mean `tolerance`?
/// ```
#[must_use]
pub fn render(text: &str, diagnostics: &[Diagnostic]) -> String {
    let lines = Lines::of(text);
    let mut out = String::new();
    for diagnostic in diagnostics {
        if !out.is_empty() {
            out.push('\n');
        }
        // Writing to a string cannot fail.
        let _ = render_one(&mut out, &lines, diagnostic);
    }
    out
}

fn render_one(out: &mut String, lines: &Lines<'_>, diagnostic: &Diagnostic) -> std::fmt::Result {
    let Diagnostic { file, line, column, text, message, remedy, severity } = diagnostic;
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let margin = " ".repeat(line.to_string().len());
    let (shown, column) = window(&lines.shown(*line), *column);
    let room = shown.chars().count().saturating_sub(column - 1);
    let carets = "^".repeat(text.chars().count().min(room).max(1));
    writeln!(out, "{}:{line}:{}: {severity}: {message}", printable(file), diagnostic.column)?;
    writeln!(out, "{margin} |")?;
    writeln!(out, "{line} | {shown}")?;
    writeln!(out, "{margin} | {}{carets}", " ".repeat(column - 1))?;
    writeln!(out, "{margin} = help: {remedy}")
}

/// The part of a long line around `column`, and the column in it.
fn window(line: &str, column: usize) -> (String, usize) {
    if line.chars().count() <= LINE_LENGTH_MAX {
        return (line.into(), column);
    }
    let cut = (column - 1).saturating_sub(LINE_BEFORE_MAX);
    let part: String = line.chars().skip(cut).take(LINE_LENGTH_MAX).collect();
    (part, column - cut)
}

/// A text by lines.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// Line and column, from 1, of a byte offset on a character boundary.
    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let column = self.text[self.starts[line - 1]..offset].chars().count() + 1;
        (line, column)
    }

    /// A line as it may be shown, character for character; empty if there is no such line.
    fn shown(&self, line: usize) -> String {
        let Some(start) = line.checked_sub(1).and_then(|at| self.starts.get(at)) else {
            return String::new();
        };
        let line = self.text[*start..].split('\n').next().unwrap_or_default();
        printable(&without_credentials(line.trim_end_matches('\r')))
    }
}

/// Blanks for tabs and a replacement for other control characters, one for one.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// Covers up what stands between `://` and `@`, character for character.
fn without_credentials(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        // An address ends where its quote does; a password may hold anything else, even `/`, `@` or blanks by mistake.
        let quote = before.chars().rev().find(|c| matches!(c, '"' | '\''));
        let end = after.find(|c: char| Some(c) == quote).unwrap_or(after.len());
        let covered = after[..end].rfind('@').unwrap_or(0);
        out.extend(after[..covered].chars().map(|_| '*'));
        rest = &after[covered..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str, at: &str, message: &str) -> Fault {
        let start = text.find(at).unwrap();
        Fault { span: (start, at.len()), message: message.into(), remedy: "do better".into() }
    }

    fn rendered(text: &str, faults: &[Fault]) -> String {
        render(text, &of_faults(Path::new("x.toml"), text, faults))
    }

    #[test]
    fn columns_are_characters_and_tabs_are_one() {
        let text = "a = 1\r\n\té = \"ü\" # x\n";
        let shown = rendered(text, &[fault(text, "\"ü\"", "odd")]);
        assert_eq!(
            shown,
            "x.toml:2:6: error: odd\n  |\n2 |  é = \"ü\" # x\n  |      ^^^\n  = help: do better\n"
        );
    }

    #[test]
    fn a_missing_thing_in_an_empty_file_has_a_place() {
        let nothing = Fault { span: (0, 0), message: "nothing".into(), remedy: "write".into() };
        assert_eq!(
            rendered("", &[nothing]),
            "x.toml:1:1: error: nothing\n  |\n1 | \n  | ^\n  = help: write\n"
        );
    }

    #[test]
    fn credentials_and_control_characters_are_not_shown() {
        let text = "url = \"https://me:s3/cr@et@host:1/x\" # \u{1b}[31m";
        let shown = rendered(text, &[fault(text, "s3/cr@et", "secret")]);
        assert!(!shown.contains("s3") && !shown.contains("et@") && !shown.contains('\u{1b}'), "{shown}");
        assert!(shown.contains("https://***********@host:1/x"), "{shown}");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("{}HERE{}", "x".repeat(5_000), "y".repeat(5_000));
        let shown = rendered(&text, &[fault(&text, "HERE", "long")]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "x.toml:1:5001: error: long");
        assert!(lines.iter().all(|line| line.len() < 200));
        let caret = lines[3].find('^').unwrap();
        assert!(lines[2][caret..].starts_with("HERE"));
    }

    #[test]
    fn a_value_over_lines_is_underlined_on_its_first() {
        let text = "steps = [\n 5,\n 1,\n]\n";
        let diagnostics = of_faults(Path::new("x.toml"), text, &[fault(text, "[\n 5,\n 1,\n]", "falls")]);
        assert_eq!((diagnostics[0].line, diagnostics[0].column, diagnostics[0].text.as_str()), (1, 9, "["));
    }
}
