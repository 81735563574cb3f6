//! A small valid file, and what is reported when one thing in it is changed.

use std::path::Path;

use assize::rules::{compile, diagnostics};

/// Valid, with Prometheus and HAProxy, one check of each kind and a probe.
pub const BASE: &str = include_str!("../../fixtures/rules/base.toml");

/// Valid, with embedded router and source.
pub const EMBEDDED: &str = include_str!("../../fixtures/rules/embedded.toml");

/// Each error as `LINE:COLUMN `text` message | remedy`.
pub fn errors(text: &str) -> Vec<String> {
    let faults = compile(text).map(|(rules, _)| panic!("compiled: {rules:?}")).unwrap_err();
    diagnostics::of_faults(Path::new("x.toml"), text, &faults)
        .into_iter()
        .map(|d| format!("{}:{} `{}` {} | {}", d.line, d.column, d.text, d.message, d.remedy))
        .collect()
}

/// `text` with its only `from` replaced.
pub fn with(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` must stand in the file once");
    text.replace(from, to)
}

/// Every case is a change of `text`, and the one error that it must bring: (from, to, text pointed at, message, remedy).
pub fn each_brings_one_error(text: &str, cases: &[(&str, &str, &str, &str, &str)]) {
    for (from, to, pointed_at, message, remedy) in cases {
        let changed = with(text, from, to);
        let start = text.find(from).unwrap() + from.len() - from.trim_start().len();
        let expected_line = 1 + text[..start].matches('\n').count();
        let found = errors(&changed);
        let places: Vec<&str> = found.iter().map(|error| error.split_once(' ').unwrap().1).collect();
        assert_eq!(places, [format!("`{pointed_at}` {message} | {remedy}")], "`{from}` -> `{to}`");
        let line: usize = found[0].split(':').next().unwrap().parse().unwrap();
        // Something missing is reported at the head of its table.
        let is_missing = message.contains("missing") || message.contains("has no");
        assert!(
            line == expected_line || (is_missing && line < expected_line),
            "line {line}: `{from}` -> `{to}`"
        );
    }
}
