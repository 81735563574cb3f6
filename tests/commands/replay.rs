//! `assize replay`: what it decides, when, and what it prints.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::program::{Output, PATIENCE, Running, assize_fed, command};
use crate::samples::{Case, ERRORS, Samples, colour, replay, rules, rules_of};

/// The last line is the decision, every line is of the contract; gives the last.
fn decision(output: &Output) -> Value {
    let lines = output.json_lines();
    let (last, before) = lines.split_last().expect("at least the decision is printed");
    for line in &lines {
        assert_fields(line);
    }
    for line in before {
        assert_eq!((&line["event"], &line["decision"]), (&json!("standing"), &json!("hold")), "{line}");
    }
    assert_eq!(last["event"], "decision", "{last}");
    assert_eq!(output.stderr, "");
    last.clone()
}

fn assert_fields(line: &Value) {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    assert!(line["at"].is_number() || line["at"].is_string(), "{line}");
    assert_eq!((&line["service"], &line["release"]), (&json!("checkout"), &json!("replay")), "{line}");
    assert!(line["weight"].is_number() && is_text(&line["reason"]), "{line}");
    assert!(line["check"].is_null() || is_text(&line["check"]), "{line}");
    for check in line["checks"].as_array().unwrap() {
        assert!(is_text(&check["name"]) && is_text(&check["reason"]), "{check}");
        assert!(
            ["harmful", "healthy", "undecided", "blind"].iter().any(|word| check["standing"] == *word),
            "{check}"
        );
        for role in ["live", "candidate"] {
            let role = &check[role];
            assert!(role["n"].is_u64() && role["bad"].is_u64() && role.get("rate").is_some(), "{check}");
        }
        for key in ["log_e_harm", "log_e_healthy", "threshold_harm", "threshold_healthy"] {
            assert!(check[key].is_number(), "{key} in {check}");
        }
        for key in ["ratio", "ratio_low", "ratio_high", "waiting_for"] {
            assert!(check.get(key).is_some(), "{key} in {check}");
        }
    }
}

/// When it was decided, in whole seconds, as these samples have them.
fn seconds(decision: &Value) -> u64 {
    let at = decision["at"].as_f64().unwrap();
    format!("{at}").parse().unwrap_or_else(|_| panic!("no tick of the samples: {decision}"))
}

fn reason(decision: &Value) -> &str {
    decision["reason"].as_str().unwrap()
}

#[test]
fn a_healthy_candidate_is_promoted() {
    let output = replay("", &Samples::new().errors(1, 100, 2, 2)).exits(0);
    let last = decision(&output);
    assert_eq!(last["decision"], "promote");
    assert_eq!(last["check"], "errors", "the check that was hardest to satisfy");
    let at = seconds(&last);
    assert!(at < 500 && at.is_multiple_of(5), "before the end, at a tick: {at}");
    let check = &last["checks"][0];
    assert_eq!(check["standing"], "healthy");
    assert_eq!(check["candidate"]["n"], at / 5 * 1000, "what came up to the decision");
    assert!(check["log_e_healthy"].as_f64() >= check["threshold_healthy"].as_f64());
}

#[test]
fn a_harmful_candidate_is_reverted_at_the_tick_that_proves_it() {
    let output = replay("", &Samples::new().errors(1, 10, 2, 2).errors(11, 100, 2, 30)).exits(10);
    let last = decision(&output);
    assert_eq!((&last["decision"], &last["check"]), (&json!("revert"), &json!("errors")));
    let at = seconds(&last);
    assert!((55..=100).contains(&at) && at.is_multiple_of(5), "{last}");
    assert!(reason(&last).contains("errors") && reason(&last).contains("tolerance 1.5"), "{last}");
}

#[test]
fn above_the_limit_is_harm_whatever_live_does() {
    let output = replay("", &Samples::new().errors(1, 50, 200, 200)).exits(10);
    assert_eq!(decision(&output)["check"], "errors");
}

#[test]
fn the_end_of_the_samples_without_proof_is_undecided() {
    for samples in [Samples::new().errors(1, 1, 1, 1), Samples::new(), Samples::default()] {
        let last = decision(&replay("", &samples).exits(11));
        assert_eq!(last["decision"], "undecided", "{last}");
    }
    let last = decision(&replay("", &Samples::new().errors(1, 1, 1, 1)));
    assert_eq!(last["at"], 5.0);
    let last = decision(&replay("", &Samples::default()));
    assert!(reason(&last).contains("no samples"), "{last}");
}

#[test]
fn the_last_tick_counts_too() {
    let all = Samples::new().errors(1, 100, 2, 2);
    let at = seconds(&decision(&replay("", &all)));
    let up_to = |at: u64| {
        let lines = all.0.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["at"].as_u64() <= Some(at))
            .fold(Samples::default(), |kept, line| kept.line(&line))
    };
    let last = decision(&replay("", &up_to(at)).exits(0));
    assert_eq!(seconds(&last), at, "the file ends with the deciding tick");
    replay("", &up_to(at - 5)).exits(11);
}

#[test]
fn a_candidate_without_events_is_silent() {
    let live = json!({"bad": 1, "total": 1000});
    for nothing in [json!({"bad": 0, "total": 0}), json!({"gap": "no data"})] {
        let samples = Samples::new().ticks(1, 40, "errors", &live, &nothing);
        let last = decision(&replay("", &samples).exits(10));
        assert_eq!((&last["decision"], &last["check"]), (&json!("revert"), &json!("errors")), "{last}");
        assert!(reason(&last).contains("silent"), "{last}");
        assert_eq!(last["at"], 125.0, "two minutes after the first silent tick");
        let held = decision(&replay("on_silent = \"hold\"", &samples).exits(11));
        assert_eq!(held["decision"], "undecided");
        assert!(reason(&held).contains("silent"), "{held}");
    }
}

#[test]
fn a_failing_source_is_blind_and_not_silent() {
    let gap = json!({"gap": "timed out after 5s"});
    let samples = Samples::new().ticks(1, 60, "errors", &gap, &gap);
    let held = decision(&replay("", &samples).exits(11));
    assert!(reason(&held).contains("timed out after 5s") && !reason(&held).contains("silent"), "{held}");
    assert_eq!(held["checks"][0]["standing"], "blind");
    let reverted = decision(&replay("on_blind = \"revert\"", &samples).exits(10));
    assert_eq!((&reverted["check"], &reverted["at"]), (&json!("errors"), &json!(125.0)));
    // When only the candidate cannot be asked, that is no silence either.
    let live = json!({"bad": 1, "total": 1000});
    let samples = Samples::new().ticks(1, 60, "errors", &live, &gap);
    assert!(!reason(&decision(&replay("", &samples).exits(11))).contains("silent"));
}

#[test]
fn moments_are_printed_as_they_were_given() {
    let at = |tick: u32| json!(format!("2026-11-23T07:{:02}:{:02}Z", tick * 5 / 60, tick * 5 % 60));
    let samples = (1..=100).fold(
        Samples::default().line(&json!({"at": "2026-11-23T07:00:00Z", "weight": 25})),
        |samples, tick| {
            let good = json!({"bad": 2, "total": 1000});
            samples.sample(&at(tick), "errors", "blue", &good).sample(&at(tick), "errors", "green", &good)
        },
    );
    let last = decision(&replay("", &samples).exits(0));
    let same = seconds(&decision(&replay("", &Samples::new().errors(1, 100, 2, 2))));
    let same = format!("2026-11-23T07:{:02}:{:02}.000Z", same / 60, same % 60);
    assert_eq!(last["at"], same, "the same tick either way");
    assert_eq!(last["weight"], 25);
}

#[test]
fn the_live_colour_can_be_named_and_is_else_the_first_of_the_file() {
    let green_is_bad = Samples::new().errors(1, 100, 2, 30);
    let case = Case::new(&rules("", ERRORS), &green_is_bad);
    case.replay(&["--live", "blue"]).exits(10);
    let last = decision(&case.replay(&["--live", "green"]).exits(0));
    assert_eq!(last["checks"][0]["live"]["bad"].as_u64().unwrap() % 30, 0, "green is live: {last}");
    // Written first, whatever the alphabet says.
    let colours = format!("{}{}", colour("green"), colour("blue"));
    let case = Case::new(&rules_of(&colours, "", ERRORS), &green_is_bad);
    case.replay(&[]).exits(0);
    case.replay(&["--live", "blue"]).exits(10);
}

#[test]
fn samples_come_from_standard_input() {
    let samples = Samples::new().errors(1, 100, 2, 30);
    let case = Case::new(&rules("", ERRORS), &samples);
    let rules = case.path("checkout.toml");
    let output = assize_fed(&["replay", &rules, "--samples", "-"], &samples.0).exits(10);
    assert_eq!(output.stdout, case.replay(&[]).stdout);
    // As an editor on another system or a person leaves them.
    let untidy = samples.0.replace('\n', "\r\n\n");
    let untidy = assize_fed(&["replay", &rules, "--samples", "-", "--json"], untidy.trim_end()).exits(10);
    assert_eq!(untidy.stdout, output.stdout);
}

#[test]
fn a_pipe_is_judged_as_it_comes_and_left_at_the_decision() {
    let case = Case::new(&rules("", ERRORS), &Samples::new());
    let rules = case.path("checkout.toml");
    let (mut running, mut pipe) = Running::start_piped(command(&["replay", &rules, "--samples", "-"]));
    let mut write = |samples: &Samples| pipe.write_all(samples.0.as_bytes()).unwrap();
    write(&Samples::new().errors(1, 2, 2, 2));
    let start = Instant::now();
    while !running.stdout().contains("\"standing\"") {
        assert!(start.elapsed() < PATIENCE && running.ended().is_none(), "the first tick is not told");
        std::thread::sleep(Duration::from_millis(5));
    }
    // The pipe stays open behind the decision.
    write(&Samples::default().errors(3, 100, 2, 30));
    let last = decision(&running.wait().exits(10));
    drop(pipe);
    let whole = Samples::new().errors(1, 2, 2, 2).errors(3, 100, 2, 30);
    assert_eq!(last, decision(&replay("", &whole)));
}

#[test]
fn the_recording_says_which_colour_was_live() {
    let header = |live: &str| Samples::default().line(&json!({"at": 0, "weight": 50, "live": live}));
    let case = |samples: &Samples| Case::new(&rules("", ERRORS), samples);
    let green_is_bad = |samples: Samples| samples.errors(1, 100, 2, 30);
    case(&green_is_bad(header("blue"))).replay(&[]).exits(10);
    let green_live = case(&green_is_bad(header("green")));
    green_live.replay(&[]).exits(0);
    // Who asks knows better.
    green_live.replay(&["--live", "blue"]).exits(10);
    // A daemon started anew says it again.
    let again = |live: &str| {
        let samples = header("green").errors(1, 2, 2, 2).line(&json!({"at": 11, "weight": 50, "live": live}));
        case(&samples.errors(3, 100, 2, 30)).replay(&[])
    };
    again("green").exits(0);
    again("blue").exits(2).complains("line 6: another colour is `live` than before");
    let late = Samples::new().errors(1, 1, 2, 2).line(&json!({"at": 6, "weight": 50, "live": "green"}));
    case(&late).replay(&[]).exits(2).complains("line 4: `live` must stand above the first sample");
    case(&late).replay(&["--live", "green"]).exits(11);
    case(&header("red")).replay(&[]).exits(2).complains("line 1: ").complains("no colour `red`");
}

#[test]
fn blindness_counts_also_beside_silence_that_is_borne() {
    let more = ERRORS.replace("\"errors\"", "\"other\"");
    let (nothing, timed_out) = (json!({"bad": 0, "total": 0}), json!({"gap": "timed out after 5s"}));
    let live = json!({"bad": 1, "total": 1000});
    let samples = (1..=60).fold(Samples::new(), |samples, tick| {
        let samples = samples.ticks(tick, tick, "errors", &live, &nothing);
        samples.ticks(tick, tick, "other", &timed_out, &timed_out)
    });
    let run = |plan: &str| Case::new(&rules(plan, &format!("{ERRORS}{more}")), &samples).replay(&[]);
    let last = decision(&run("on_silent = \"hold\"\non_blind = \"revert\"").exits(10));
    assert!(reason(&last).contains("timed out after 5s"), "{last}");
    run("on_silent = \"hold\"\non_blind = \"hold\"").exits(11);
}

#[test]
fn the_same_samples_give_the_same_bytes() {
    let case = Case::new(&rules("", ERRORS), &Samples::new().errors(1, 40, 3, 2).errors(41, 100, 2, 9));
    let first = case.replay(&[]);
    assert!(first.stdout.lines().count() > 1, "{first:?}");
    assert_eq!(first.stdout, case.replay(&[]).stdout);
}

#[test]
fn weights_are_taken_as_recorded() {
    let samples = Samples::default()
        .line(&json!({"at": 0, "weight": 0}))
        .ticks(1, 50, "errors", &json!({"bad": 1, "total": 1000}), &json!({"bad": 0, "total": 0}))
        .line(&json!({"at": 251, "weight": 12.5}))
        .errors(51, 200, 2, 2);
    let last = decision(&replay("", &samples).exits(0));
    assert!(last["at"].as_f64() > Some(251.0), "without traffic there is no silence: {last}");
    assert_eq!(last["weight"], 12.5);
}

const LATENCY: &str = r#"
[[checks]]
name = "latency"
kind = "latency"
source = "metrics"
histogram = 'http_request_duration_seconds_bucket{service="checkout", {{labels}}}'
quantiles = { p90 = 1.5 }
"#;

#[test]
fn a_latency_check_by_samples() {
    let histogram = |slow: u64| json!({"bounds": [0.1, 0.25, 1.0], "counts": [900 - slow, 100, slow, 0]});
    let run = |green: u64| {
        let samples = Samples::new().ticks(1, 100, "latency", &histogram(20), &histogram(green));
        Case::new(&rules("", LATENCY), &samples).replay(&[])
    };
    assert_eq!(decision(&run(20).exits(0))["check"], "latency");
    let harmful = decision(&run(300).exits(10));
    assert_eq!((&harmful["decision"], &harmful["check"]), (&json!("revert"), &json!("latency")));
}

const CPU: &str = r#"
[[checks]]
name = "cpu"
kind = "value"
source = "metrics"
query = 'avg(rate(process_cpu_seconds_total{service="checkout", {{labels}}}[1m]))'
tolerance = 1.3
limit = { above = 0.95, for = "1m" }
"#;

/// Wavers by a few percent without repeating itself soon.
fn wavering(value: f64, tick: u32) -> Value {
    json!({"value": value * (1.0 + 0.02 * (f64::from(tick) * 1.7).sin())})
}

#[test]
fn a_value_check_by_samples() {
    let run = |green: f64| {
        let samples = (1..=120).fold(Samples::new(), |samples, tick| {
            let (blue, green) = (wavering(0.4, tick), wavering(green, tick + 40));
            samples.ticks(tick, tick, "cpu", &blue, &green)
        });
        Case::new(&rules("", CPU), &samples).replay(&[])
    };
    assert_eq!(decision(&run(0.4).exits(0))["check"], "cpu");
    assert_eq!(decision(&run(0.8).exits(10))["check"], "cpu");
    let beyond = decision(&run(1.2).exits(10));
    assert!(beyond["at"].as_f64() <= Some(70.0), "beyond its limit for a minute: {beyond}");
}

const HOME: &str = r#"
[[probes]]
name = "home"
get = "/"
every = "2s"
timeout = "1s"
expect = { status = 200 }
limit = 0.2
"#;

#[test]
fn a_probe_by_samples() {
    let run = |green: u64| {
        let (good, other) = (json!({"bad": 0, "total": 3}), json!({"bad": green, "total": 3}));
        let samples = (1..=100).fold(Samples::new(), |samples, tick| {
            samples.errors(tick, tick, 2, 2).ticks(tick, tick, "home", &good, &other)
        });
        Case::new(&rules("", &format!("{ERRORS}{HOME}")), &samples).replay(&[])
    };
    let healthy = decision(&run(0).exits(0));
    assert_eq!(healthy["checks"].as_array().unwrap().len(), 2);
    let harmful = decision(&run(2).exits(10));
    assert_eq!((&harmful["decision"], &harmful["check"]), (&json!("revert"), &json!("home")));
}

#[test]
fn five_hours_of_ticks_are_read_to_the_end() {
    // Between tolerance and equality either may be decided; with so few requests neither is.
    let few = json!({"bad": 0, "total": 0});
    let samples = Samples::new().ticks(1, 3_599, "errors", &few, &few).errors(3_600, 3_600, 0, 1_000);
    let last = decision(&replay("blind_after = \"30m\"", &samples).exits(10));
    assert_eq!(last["at"], 18_000.0);
}
