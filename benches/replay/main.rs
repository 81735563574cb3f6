//! How long `assize replay` takes for a day of samples, and what of that is not the judge.
//!
//! `cargo bench --bench replay` prints a table. The day: a tick a second, five checks of every kind, both colours, that is
//! 864,000 lines from a seeded generator; four checks are healthy and one never sees an event that matters, so the judge
//! is at work to the last tick. Each time is the median of [`RUNS`] runs.
//! `cargo bench --bench replay -- --write DIR` leaves rules and samples there, to be tried by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "a benchmark takes the time")]
#![allow(missing_docs, reason = "a program")]

mod day;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use assize::replay::line::Names;
use assize::replay::reader::Reader;
use day::{RULES, TICKS};

const RUNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` and `cargo bench -- --list` only want to know that it builds.
    if arguments.iter().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let wanted = arguments.iter().position(|argument| argument == "--write");
    if let Some(dir) = wanted.and_then(|at| arguments.get(at + 1)) {
        let dir = Path::new(dir);
        std::fs::create_dir_all(dir).unwrap();
        write(dir);
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    measure(dir.path());
}

fn write(dir: &Path) {
    std::fs::write(dir.join("rules.toml"), RULES).unwrap();
    day::write(File::create(dir.join("samples.jsonl")).unwrap(), TICKS).unwrap();
}

fn measure(dir: &Path) {
    let samples = dir.join("samples.jsonl");
    let lines = BufReader::new(File::open(&samples).unwrap()).lines().count();
    let mib = samples.metadata().unwrap().len() >> 20;
    println!(
        "a day of samples: {TICKS} ticks, 5 checks, {lines} lines, {mib} MiB; median of {RUNS} runs, s\n"
    );
    row("assize replay --samples FILE", || replay(dir, &[], false));
    row("the same from a pipe", || replay(dir, &[], true));
    row("the same with --svg", || {
        let picture = dir.join("replay.svg");
        replay(dir, &["--svg", picture.to_str().unwrap()], false);
    });
    row("of it: read and parsed", || assert_eq!(read(dir), lines));
    row("beside: every line as a serde_json::Value", || assert_eq!(as_values(&samples), lines));
    row("beside: every line as a String", || {
        assert_eq!(BufReader::new(File::open(&samples).unwrap()).lines().count(), lines);
    });
}

fn row(what: &str, run: impl Fn()) {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{what:<46} {:>8.2}", times[RUNS / 2]);
}

/// The real program, from its start to its end.
fn replay(dir: &Path, more: &[&str], pipe: bool) {
    let samples = dir.join("samples.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_assize"));
    command.arg("replay").arg(dir.join("rules.toml")).args(more).stdout(Stdio::null());
    let code = if pipe {
        let mut child = command.args(["--samples", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::copy(&mut File::open(&samples).unwrap(), &mut stdin).unwrap();
        drop(stdin);
        child.wait().unwrap().code()
    } else {
        command.arg("--samples").arg(&samples).status().unwrap().code()
    };
    assert_eq!(code, Some(11), "undecided to the end");
}

fn read(dir: &Path) -> usize {
    let (rules, _) = assize::rules::compile(RULES).unwrap();
    let reader = Reader::start(File::open(dir.join("samples.jsonl")).unwrap(), Names::new(&rules));
    reader.map(|entries| entries.unwrap().len()).sum()
}

fn as_values(samples: &Path) -> usize {
    let lines = BufReader::new(File::open(samples).unwrap()).lines();
    let is_object = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap().is_object();
    lines.filter(|line| is_object(line.as_ref().unwrap())).count()
}
