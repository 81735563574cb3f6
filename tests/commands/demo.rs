//! `assize demo`: whole releases with nothing but the program.

use std::path::Path;

use crate::program::{Output, PATIENCE, Running, command};

/// Runs a demo to its end with a directory for temporary files of its own, which must be empty afterwards.
fn demo(arguments: &[&str]) -> Output {
    demo_until(arguments, |_| {})
}

/// The same with something that happens to it on the way.
fn demo_until(arguments: &[&str], happens: impl Fn(&Running)) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(&[&["demo"], arguments].concat());
    command.env("TMPDIR", dir.path());
    let demo = Running::start(command);
    happens(&demo);
    let output = demo.wait();
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?} is left of {output:#?}");
    output
}

#[test]
fn a_candidate_that_fails_is_reverted() {
    let output = demo(&["--plain", "--fault", "errors"]).exits(10);
    assert!(output.stdout.contains("REVERTED: blue has all traffic again."), "{output:#?}");
    assert!(output.stdout.contains("errors: candidate"), "{output:#?}");
    assert!(!output.stdout.contains('\x1b'), "plain is without escape codes: {output:#?}");
    // The router that it told of is gone with it.
    let front = output.stdout.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    assert!(std::net::TcpStream::connect(front).is_err(), "{front} still answers");
    let socket = output.stdout.split("--socket ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    assert!(!Path::new(socket).exists(), "{socket}");
}

#[test]
fn a_silent_candidate_is_reverted_as_silent_and_json_is_nothing_but_json() {
    let output = demo(&["--json", "--fault", "silent"]).exits(10);
    assert_eq!(output.stderr, "");
    let lines = output.json_lines();
    assert!(lines.iter().all(|line| line["service"] == "demo"), "{output:#?}");
    let silent = lines.iter().find(|line| line["event"] == "silent").expect("silence is told");
    assert_eq!(silent["decision"], "revert");
    assert!(silent["reason"].as_str().unwrap().contains("silent"), "{silent}");
    assert_eq!(lines.last().unwrap()["event"], "ended", "{output:#?}");
}

#[test]
fn a_good_candidate_is_promoted() {
    let output = demo(&["--json"]).exits(0);
    let last = output.json_lines().pop().unwrap();
    assert_eq!((&last["event"], &last["decision"]), (&"ended".into(), &"promote".into()), "{last}");
}

#[test]
fn a_slow_candidate_is_reverted_by_its_latency_and_a_crashed_one_by_its_failures() {
    for (fault, checks) in [("latency", &["latency"][..]), ("crash", &["errors", "health"])] {
        let output = demo(&["--json", "--fault", fault]).exits(10);
        let lines = output.json_lines();
        let harm = lines.iter().find(|line| line["event"] == "harm").expect("harm is told");
        let reason = harm["reason"].as_str().unwrap();
        assert!(checks.iter().any(|check| reason.starts_with(check)), "{fault}: {reason}");
        assert_eq!(lines.last().unwrap()["event"], "ended", "{fault}");
    }
}

#[test]
fn a_demo_that_is_stopped_puts_everything_away() {
    let output = demo_until(&["--plain"], |demo| {
        let start = tokio::time::Instant::now();
        while !demo.stdout().contains("--socket") {
            assert!(start.elapsed() < PATIENCE, "it does not begin: {}", demo.stderr());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        demo.signal("TERM");
    });
    output.exits(11).complains("stopped");
}
