//! Whatever the text, compiling ends, does not panic, and points into the text.

use std::path::Path;

use assize::rules::{compile, diagnostics};
use proptest::prelude::*;

use crate::common::{BASE, EMBEDDED};

fn holds(text: &str) -> Result<(), TestCaseError> {
    let faults = match compile(text) {
        Ok((_, notes)) => {
            for note in &notes {
                prop_assert!(text.get(note.span.0..note.span.0 + note.span.1).is_some(), "{note:?}");
            }
            let _ = diagnostics::render(text, &diagnostics::of_notes(Path::new("x"), text, &notes));
            return Ok(());
        }
        Err(faults) => faults,
    };
    prop_assert!(!faults.is_empty());
    prop_assert!(faults.is_sorted_by_key(|fault| fault.span.0));
    for fault in &faults {
        prop_assert!(text.get(fault.span.0..fault.span.0 + fault.span.1).is_some(), "{fault:?}");
        prop_assert!(!fault.message.is_empty() && !fault.remedy.is_empty());
    }
    let shown = diagnostics::render(text, &diagnostics::of_faults(Path::new("x"), text, &faults));
    prop_assert_eq!(shown.matches(": error: ").count() >= faults.len(), true);
    Ok(())
}

/// A valid file with one range replaced: what typing errors look like.
fn broken(text: &'static str) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\[\\]{}\"'=,.#\n é]{0,4}",
        Just("\"\"\"".to_owned()),
        Just("[[checks]]\n".to_owned()),
        Just("\u{0}".to_owned()),
        Just("1e999".to_owned()),
        "\\PC{0,10}",
    ];
    (0..text.len(), 0..40_usize, piece).prop_map(move |(from, length, piece)| {
        let from = text.floor_char_boundary(from);
        let to = text.ceil_char_boundary((from + length).min(text.len()));
        format!("{}{piece}{}", &text[..from], &text[to..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text(text in "(?s).{0,200}") {
        holds(&text)?;
    }

    #[test]
    fn words_of_toml(words in prop::collection::vec(prop_oneof![
        Just("[colours.blue]\n"), Just("[[checks]]\n"), Just("[plan"), Just("]"), Just("{"), Just("}"), Just("\n"), Just("="),
        Just("name"), Just("kind"), Just("steps"), Just("\"ratio\""), Just("'"), Just("\"\"\""), Just("1"), Just("[1, 5"), Just(","),
        Just("a.b"), Just("#"), Just("é"), Just(" "), Just("true"), Just("1979-05-27"), Just("'''"), Just("\r"), Just("[[probes]]\n"),
    ], 0..40)) {
        holds(&words.concat())?;
    }

    #[test]
    fn a_broken_file(text in broken(BASE)) {
        holds(&text)?;
    }

    #[test]
    fn a_broken_embedded_file(text in broken(EMBEDDED)) {
        holds(&text)?;
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for deep in [
        "[".repeat(20_000),
        "a.".repeat(20_000),
        format!("x = {}", "{a=".repeat(20_000)),
        format!("x = {}", "[".repeat(20_000)),
    ] {
        assert!(compile(&deep).is_err());
    }
}
