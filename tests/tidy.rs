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
    ("plot", &[]),
    ("source", &["sample", "rules", "client", "router"]),
    ("probe", &["sample", "rules", "client"]),
    ("router", &["sample", "rules"]),
    ("journal", &["sample", "judge", "release"]),
    ("replay", &["sample", "judge", "release", "rules"]),
    ("simulate", &["sample", "evidence", "judge", "release", "rules"]),
    ("daemon", &["sample", "judge", "release", "rules", "source", "probe", "router", "journal", "client"]),
    ("api", &["sample", "release", "judge", "daemon", "client"]),
    (
        "cli",
        &[
            "sample", "judge", "release", "rules", "source", "probe", "router", "journal", "replay",
            "daemon", "api", "client", "demo", "plot", "simulate",
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
    "async move",
    "async {",
    "::now(",
    "std::{",
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
        let below = self.path.strip_prefix(root()).unwrap_or(&self.path);
        let of_tests =
            below.ends_with("tests.rs") || below.components().any(|part| part.as_os_str() == "tests");
        if of_tests { Vec::new() } else { code(&self.text) }
    }

    /// How many `super::` lead from here to the top of the crate: 2 in `src/judge/ratio.rs`, 1 in `src/judge/mod.rs`.
    fn depth(&self) -> usize {
        let below = self.path.strip_prefix(root().join("src")).unwrap_or(&self.path);
        below.components().count() - usize::from(below.ends_with("mod.rs"))
    }
}

/// Leaves out only the item that stands behind `#[cfg(test)]`: what follows it is code again.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut lines = text.lines().enumerate();
    let mut found = Vec::new();
    while let Some((i, line)) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            // An item ends at its own indentation, as rustfmt has it.
            let indent = line.len() - line.trim_start().len();
            let ends = |line: &str| {
                line.len() - line.trim_start().len() == indent && line.trim_end().ends_with([';', '}', ','])
            };
            lines.by_ref().find(|(_, line)| ends(line));
        } else {
            found.push((i + 1, &line[..comment(line)]));
        }
    }
    found
}

/// Where the comment of a line starts, or its end; `//` in a string is no comment.
fn comment(line: &str) -> usize {
    let quotes =
        |part: &str| part.replace("\\\\", "").replace("\\\"", "").replace("'\"'", "").matches('"').count();
    line.match_indices("//")
        .map(|(at, _)| at)
        .find(|at| quotes(&line[..*at]).is_multiple_of(2))
        .unwrap_or(line.len())
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

/// Top-level modules that a line of code names: `crate::judge::…`, `crate::{judge, sample}`, and `super::super::judge`
/// where two `super::` lead to the top. A list over several lines gives the name `{`, which no module may name.
fn named(line: &str, depth: usize) -> Vec<&str> {
    let up = "super::".repeat(depth);
    let above =
        line.match_indices(&up).map(|(at, _)| (at, up.len())).filter(|(at, _)| !line[..*at].ends_with("::"));
    let top = line.match_indices("crate::").map(|(at, _)| (at, "crate::".len()));
    top.chain(above).flat_map(|(at, length)| first_words(&line[at + length..])).collect()
}

fn first_words(rest: &str) -> Vec<&str> {
    let word =
        |part: &'_ str| part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
    match rest.strip_prefix('{') {
        None => vec![&rest[..word(rest)]],
        Some(list) => match list.split_once('}') {
            Some((list, _)) => list.split(',').map(str::trim).map(|part| &part[..word(part)]).collect(),
            None => vec![&rest[..1]],
        },
    }
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
            for name in named(line, file.depth())
                .into_iter()
                .filter(|name| *name != module && !allowed.contains(name))
            {
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
    assert_eq!(named("use crate::judge::Judge; crate::sample::Tick", 1), ["judge", "sample"]);
    assert_eq!(named("use crate::{judge, sample::Tick};", 1), ["judge", "sample"]);
    assert_eq!(named("use crate::{", 1), ["{"]);
    assert_eq!(named("use super::judge;", 2), [""; 0]);
    assert_eq!(named("use super::judge;", 1), ["judge"]);
    assert_eq!(named("use super::super::daemon;", 2), ["daemon"]);
    let file = |path: &str| File { path: root().join(path), text: String::new() };
    assert_eq!(file("src/judge/ratio.rs").module(), Some("judge"));
    assert_eq!(file("src/sample.rs").module(), Some("sample"));
    assert_eq!(file("tests/tidy.rs").module(), None);
    assert_eq!(file("src/judge/ratio.rs").depth(), 2);
    assert_eq!(file("src/judge/mod.rs").depth(), 1);
}

#[test]
fn only_tests_and_comments_are_left_out() {
    let text = "a // crate::daemon\nb\n#[cfg(test)]\nmod tests {\n    c\n}\n";
    assert_eq!(code(text), [(1, "a "), (2, "b")]);
    assert_eq!(code("#[cfg(test)]\nmod tests;\nuse a;\n"), [(3, "use a;")]);
    assert_eq!(
        code("#[cfg(test)]\npub mod noise;\nb\n#[cfg(test)]\nfn t() {\n    c\n}\nd\n"),
        [(3, "b"), (8, "d")]
    );
    assert_eq!(code("\"http://a\" + b // c"), [(1, "\"http://a\" + b ")]);
}
