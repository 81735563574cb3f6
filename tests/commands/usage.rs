//! Help, completions, version, and what was typed wrongly.

use crate::program::{assize, command};
use crate::samples::{Case, ERRORS, Samples, rules};

const COMMANDS: [&str; 7] = ["demo", "run", "check", "replay", "release", "explain", "completions"];

const ACTIONS: [&str; 9] =
    ["start", "status", "watch", "pause", "resume", "promote", "revert", "cancel", "live"];

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = assize(&["completions", shell]).exits(0);
        assert_eq!(output.stderr, "");
        for name in COMMANDS.iter().chain(&ACTIONS) {
            assert!(output.stdout.contains(name), "{shell} does not know `{name}`");
        }
    }
    assize(&["completions", "cmd"]).exits(2).complains("possible values");
}

#[test]
fn every_command_has_help_on_standard_output() {
    let output = assize(&["--help"]).exits(0);
    for name in COMMANDS {
        assert!(output.stdout.contains(&format!("\n  {name} ")), "{name} in {output:#?}");
    }
    assert!(output.stdout.contains("10 reverted"), "the exit codes are told: {output:?}");
    for arguments in
        COMMANDS.map(|name| vec![name]).into_iter().chain(ACTIONS.map(|action| vec!["release", action]))
    {
        let output = assize(&[&arguments[..], &["--help"]].concat()).exits(0);
        assert!(output.stdout.contains(&format!("Usage: assize {}", arguments.join(" "))), "{output:?}");
        assert_eq!(output.stderr, "");
    }
}

#[test]
fn the_version_is_the_package() {
    let version = format!("assize {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(assize(&["--version"]).exits(0).stdout, version);
    assert_eq!(assize(&["-V"]).exits(0).stdout, version);
}

#[test]
fn wrong_usage_is_exit_code_2_and_goes_to_standard_error() {
    let wrong: [&[&str]; 9] = [
        &[],
        &["releese"],
        &["run"],
        &["check"],
        &["check", "--nope", "a.toml"],
        &["replay", "a.toml"],
        &["release"],
        &["release", "start"],
        &["demo", "--fault", "fire"],
    ];
    for arguments in wrong {
        let output = assize(arguments).exits(2).complains("--help");
        assert_eq!(output.stdout, "", "{arguments:?}");
    }
    assize(&["chek", "a.toml"]).exits(2).complains("check");
    assize(&["demo", "--plain", "--json"]).exits(2).complains("cannot be used with");
    let state = tempfile::tempdir().unwrap();
    let live = ["release", "live", "shop", "sky blue", "--state-dir", state.path().to_str().unwrap()];
    assize(&live).exits(2).complains("`sky blue`");
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let case = Case::new(&rules("", ERRORS), &Samples::new().errors(1, 50, 2, 2));
    let (rules, samples) = (case.path("checkout.toml"), case.path("samples.jsonl"));
    let commands: [&[&str]; 4] = [
        &["check", &rules],
        &["check", &rules, "--json"],
        &["replay", &rules, "--samples", &samples],
        &["completions", "bash"],
    ];
    for arguments in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(arguments).stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}
