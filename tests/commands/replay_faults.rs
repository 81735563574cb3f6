//! `assize replay`: what it refuses, with the place of the fault and exit code 2.

use serde_json::{Value, json};

use crate::program::assize;
use crate::samples::{Case, ERRORS, Samples, replay, rules};

/// Two good ticks and then this as line 6.
fn refused(line: &str, says: &str) {
    let mut samples = Samples::new().errors(1, 2, 2, 2);
    samples.0 += line;
    samples.0.push('\n');
    let output = replay("", &samples.errors(3, 100, 2, 2)).exits(2).complains("line 6: ").complains(says);
    assert!(output.stderr.contains("samples.jsonl"), "{output:?}");
    assert!(!output.stdout.contains("\"event\":\"decision\""), "no decision on a broken file: {output:?}");
}

fn refused_value(line: &Value, says: &str) {
    refused(&line.to_string(), says);
}

#[test]
fn a_malformed_line_is_named() {
    refused(r#"{"at": 15, "check": "#, "EOF");
    refused("at=15 errors=3", "expected value");
    refused(r#"{"at": 15, "weight": 50} {"at": 15, "weight": 60}"#, "trailing");
    refused("[15, 50]", "invalid");
    refused_value(&json!({"check": "errors", "colour": "green", "bad": 0, "total": 3}), "missing field `at`");
    refused_value(&json!({"at": "soon", "weight": 50}), "RFC 3339");
    refused_value(&json!({"at": 15, "wieght": 50}), "unknown field `wieght`: did you mean `weight`?");
    refused_value(&json!({"at": 15, "weight": 101}), "not between 0 and 100");
    refused_value(&json!({"at": 15, "check": "errors", "colour": "green"}), "`bad` and `total`");
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let sample = |bad: i64, total: i64| json!({"at": 15, "check": "errors", "colour": "green", "bad": bad, "total": total});
    refused_value(&sample(4, 3), "4 bad events of only 3");
    refused_value(&sample(-1, 3), "invalid value");
    refused(
        r#"{"at": 15, "check": "errors", "colour": "green", "bad": 0.5, "total": 3}"#,
        "floating point `0.5`",
    );
    refused(r#"{"at": 1e400, "weight": 3}"#, "number out of range");
}

#[test]
fn names_that_the_rules_do_not_have_are_refused() {
    let sample =
        |check: &str, colour: &str| json!({"at": 15, "check": check, "colour": colour, "bad": 0, "total": 3});
    refused_value(&sample("errrors", "green"), "no check or probe named `errrors`");
    refused_value(&sample("errors", "red"), "no colour `red`");
}

#[test]
fn lines_out_of_order_are_refused() {
    refused_value(&json!({"at": 5, "weight": 50}), "order the lines by `at`");
    refused_value(
        &json!({"at": 10, "check": "errors", "colour": "green", "bad": 0, "total": 3}),
        "a second sample of `errors` for green",
    );
}

#[test]
fn a_line_that_says_two_things_is_refused() {
    refused_value(
        &json!({"at": 15, "weight": 25, "check": "errors", "colour": "green", "bad": 0, "total": 3}),
        "a line of its own",
    );
    refused_value(&json!({"at": 15, "weight": 25, "colour": "blue"}), "a line of its own");
}

#[test]
fn a_field_of_another_kind_of_check_is_refused() {
    let errors = json!({"at": 15, "check": "errors", "colour": "green", "bad": 0, "total": 3});
    let with = |field: &str, value: Value| {
        let mut line = errors.clone();
        line.as_object_mut().unwrap().insert(field.into(), value);
        line
    };
    refused_value(&with("value", json!(0.4)), "`value` does not belong to `errors`");
    refused_value(&with("counts", json!([1, 2])), "which takes `bad` and `total`");
    refused_value(&with("gap", json!("no data")), "`bad` beside `gap`");
    refused_value(&with("instance", json!("a")), "unknown field `instance`");
    refused_value(&with("Total", json!(3)), "did you mean `total`?");
}

#[test]
fn what_is_no_text_or_no_line_is_refused_with_its_line() {
    let case = Case::new(&rules("", ERRORS), &Samples::new().errors(1, 2, 2, 2));
    let samples = case.path("samples.jsonl");
    let good = std::fs::read(&samples).unwrap();
    std::fs::write(&samples, [&good[..], b"{\"at\": 15, \"check\": \"\xff\"}\n"].concat()).unwrap();
    case.replay(&[]).exits(2).complains("line 6: ").complains("UTF-8");
    std::fs::write(&samples, [&good[..], &vec![b' '; 2 << 20]].concat()).unwrap();
    case.replay(&[]).exits(2).complains("line 6: ").complains("longer than");
}

#[test]
fn missing_files_are_named() {
    let case = Case::new(&rules("", ERRORS), &Samples::new());
    let (rules, samples) = (case.path("checkout.toml"), case.path("samples.jsonl"));
    let gone = case.path("gone");
    assize(&["replay", &rules, "--samples", &gone]).exits(2).complains(&gone);
    assize(&["replay", &gone, "--samples", &samples]).exits(2).complains(&gone);
    let dir = case.path("");
    assize(&["replay", &rules, "--samples", &dir]).exits(2).complains(&dir);
    assize(&["replay", &rules]).exits(2).complains("--samples");
}

#[test]
fn a_colour_that_the_rules_do_not_have_cannot_be_live() {
    let case = Case::new(&rules("", ERRORS), &Samples::new().errors(1, 100, 2, 2));
    let output = case.replay(&["--live", "red"]).exits(2).complains("`blue` and `green`");
    assert_eq!(output.stdout, "");
}

#[test]
fn wrong_rules_are_shown_and_nothing_is_judged() {
    let wrong = rules("", ERRORS).replace("tolerance = 1.5", "tolerence = 1.5");
    let case = Case::new(&wrong, &Samples::new().errors(1, 100, 2, 2));
    let output = case.replay(&[]).exits(2).complains("checkout.toml:28:1").complains("`tolerance`");
    assert_eq!(output.stdout, "");
}
