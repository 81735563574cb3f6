//! The walls of the house, kept by reading the source text: who may name whom, what the pure half must not know, how
//! long a file may be.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Longer files hide a second room.
const LINES_MAX: usize = 500;

/// Which top-level modules a module may name. Tests inside it may name more.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("sample", &[]),
    ("evidence", &["sample"]),
    ("judge", &["sample", "evidence"]),
    ("release", &["sample", "judge"]),
    ("rules", &["sample", "judge", "release"]),
    ("client", &[]),
    ("source", &["sample", "rules", "client", "router"]),
    ("probe", &["sample", "rules", "client"]),
    ("router", &["sample", "rules"]),
    ("journal", &["sample", "judge", "release"]),
    ("replay", &["sample", "judge", "release", "rules"]),
    ("daemon", &["sample", "judge", "release", "rules", "source", "probe", "router", "journal", "client"]),
    ("api", &["sample", "release", "judge", "daemon", "client"]),
    (
        "cli",
        &[
            "sample", "judge", "release", "rules", "source", "probe", "router", "journal", "replay",
            "daemon", "api", "client", "demo",
        ],
    ),
    ("demo", &["sample", "judge", "release", "rules", "journal", "daemon", "api", "client", "cli"]),
];

/// The pure half, and what it must not know.
const PURE: &[&str] = &["sample", "evidence", "judge", "release", "rules"];
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "tracing",
    "rand::",
    "async fn",
    "println!",
    "std::thread",
    "std::io",
];

/// What is nowhere in the tree.
const NOWHERE: &[&str] = &["todo!(", "unimplemented!(", "dbg!(", "FIXME", "TODO", "XXX", "#[ignore"];

struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// `judge` of `src/judge/ratio.rs`, `sample` of `src/sample.rs`.
    fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix(root()).ok()?.strip_prefix("src").ok()?;
        let first = below.components().next()?.as_os_str().to_str()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    /// Lines with their numbers, without comments and without what is only for tests.
    fn code(&self) -> Vec<(usize, &str)> {
        let of_tests =
            self.path.ends_with("tests.rs") || self.path.components().any(|part| part.as_os_str() == "tests");
        if of_tests { Vec::new() } else { code(&self.text) }
    }
}

fn code(text: &str) -> Vec<(usize, &str)> {
    let before_tests = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    let bare = |(i, line): (usize, &'_ str)| (i + 1, line.len().min(line.find("//").unwrap_or(line.len())));
    before_tests
        .map(|(i, line)| {
            let (number, end) = bare((i, line));
            (number, &line[..end])
        })
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folders: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    for folder in folders {
        walk(&root().join(folder), &mut paths);
    }
    paths.sort();
    paths.into_iter().map(|path| File { text: std::fs::read_to_string(&path).unwrap(), path }).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Top-level modules that a line of code names: `crate::judge::…`, `crate::{judge, sample}`.
fn named(line: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.split("crate::").skip(1).map(|rest| rest.split(|c| !is_word(c)).next().unwrap_or("")).collect()
}

/// Collects what is wrong and shows all of it.
#[derive(Default)]
struct Findings(String);

impl Findings {
    fn add(&mut self, file: &File, line: usize, what: &str) {
        let path = file.path.strip_prefix(root()).unwrap_or(&file.path);
        let _ = writeln!(self.0, "{}:{line}: {what}", path.display());
    }

    fn assert_none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0);
    }
}

#[test]
fn modules_name_only_what_they_may() {
    let mut findings = Findings::default();
    for file in sources(&["src"]) {
        let Some(module) = file.module().filter(|module| !["lib", "main"].contains(module)) else { continue };
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            findings.add(
                &file,
                1,
                &format!("`{module}` is a new room: say in tests/tidy.rs what it may name"),
            );
            continue;
        };
        for (number, line) in file.code() {
            for name in named(line).into_iter().filter(|name| *name != module && !allowed.contains(name)) {
                findings.add(
                    &file,
                    number,
                    &format!("`{module}` must not name `{name}`: move the code or the wall"),
                );
            }
        }
    }
    findings.assert_none();
}

#[test]
fn the_pure_half_is_pure() {
    let mut findings = Findings::default();
    for file in
        sources(&["src"]).iter().filter(|file| file.module().is_some_and(|module| PURE.contains(&module)))
    {
        for (number, line) in file.code() {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                findings.add(
                    file,
                    number,
                    &format!("`{word}` does not belong into the pure half: move it to the shell"),
                );
            }
        }
    }
    findings.assert_none();
}

#[test]
fn files_are_short_and_introduce_themselves() {
    let mut findings = Findings::default();
    for file in sources(&["src", "tests", "examples", "benches"]) {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            findings.add(
                &file,
                lines,
                &format!("{lines} lines, at most {LINES_MAX}: a second room hides in it"),
            );
        }
        if !file.text.starts_with("//!") {
            findings.add(&file, 1, "say with `//!` what this is, why, and where its neighbours are");
        }
    }
    findings.assert_none();
}

#[test]
fn nothing_is_left_unfinished_and_nothing_panics_on_purpose() {
    let mut findings = Findings::default();
    for file in sources(&["src", "tests", "examples", "benches"]) {
        if file.path.ends_with("tests/tidy.rs") {
            continue;
        }
        for (i, line) in file.text.lines().enumerate() {
            for word in NOWHERE.iter().filter(|word| line.contains(**word)) {
                findings.add(&file, i + 1, &format!("`{word}`: finish it, or write an issue"));
            }
            if line.ends_with(' ') || line.contains('\t') {
                findings.add(&file, i + 1, "a space at the end, or a tab");
            }
        }
        if file.module().is_some() {
            for (number, line) in file.code() {
                for word in [".unwrap()", ".expect(", "panic!(", "unreachable!("]
                    .iter()
                    .filter(|word| line.contains(**word))
                {
                    findings.add(&file, number, &format!("`{word}` can end the daemon: give an error"));
                }
            }
        }
    }
    findings.assert_none();
}

#[test]
fn the_map_names_real_places() {
    for page in ["ARCHITECTURE.md", "README.md", "docs/release-machine.md", "docs/statistics.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let roots = ["src/", "docs/", "rules/", "tests/", "systemd/", "examples/", "fixtures/", "benches/"];
        let mut seen = 0;
        for name in
            text.split(['`', '(', ')', ']']).filter(|part| roots.iter().any(|root| part.starts_with(root)))
        {
            let path = name.split([' ', '#', '\n']).next().unwrap_or(name);
            assert!(root().join(path).exists(), "{page} names {path}, which is not there");
            seen += 1;
        }
        assert!(seen > 0 || page.starts_with("docs/"), "{page} names no place at all");
    }
}

#[test]
fn every_wall_has_its_module() {
    let modules: Vec<File> = sources(&["src"]);
    for (name, _) in MAY_NAME {
        assert!(
            modules.iter().any(|file| file.module() == Some(name)),
            "tests/tidy.rs speaks of `{name}`, which is gone"
        );
    }
}

#[test]
fn the_scanner_sees_what_it_should() {
    assert_eq!(named("use crate::judge::Judge; crate::sample::Tick"), ["judge", "sample"]);
    assert_eq!(named("use super::judge;"), [""; 0]);
    let text = "a // crate::daemon\nb\n#[cfg(test)]\nmod tests { c }\n";
    assert_eq!(code(text), [(1, "a "), (2, "b")]);
    let file = |path: &str| File { path: root().join(path), text: String::new() };
    assert_eq!(file("src/judge/ratio.rs").module(), Some("judge"));
    assert_eq!(file("src/sample.rs").module(), Some("sample"));
    assert_eq!(file("tests/tidy.rs").module(), None);
}
