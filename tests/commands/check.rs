//! `assize check`: rule files validated, and with `--live` their routers and sources asked.

use std::net::TcpListener;

use serde_json::json;

use crate::program::{Output, assize};
use crate::samples::{Case, ERRORS, Samples, rules};

fn valid() -> Case {
    Case::new(&rules("", ERRORS), &Samples::new())
}

/// Line 4 and line 26 each hold one mistake.
fn faulty() -> Case {
    let wrong =
        rules("", ERRORS).replacen("url =", "uri =", 1).replace("kind = \"ratio\"", "kind = \"ratios\"");
    Case::new(&wrong, &Samples::new())
}

#[test]
fn valid_rules_are_told_in_one_line() {
    let case = valid();
    let path = case.path("checkout.toml");
    let output = assize(&["check", &path]).exits(0);
    assert_eq!(output.stderr, "");
    assert_eq!(
        output.stdout,
        format!(
            "{path}: valid; service `checkout`, 1 check(s), 0 probe(s), steps 1%, 5%, 25%, 50% then 100%\n"
        )
    );
}

#[test]
fn every_fault_is_shown_with_its_place() {
    let case = faulty();
    let path = case.path("checkout.toml");
    let output = assize(&["check", &path]).exits(2);
    for place in [format!("{path}:4:1: error: "), format!("{path}:24:8: error: ")] {
        assert!(output.stderr.contains(&place), "{place} in {output:#?}");
    }
    let output = output.complains("`url`").complains("`ratio`");
    assert!(!output.stdout.contains("valid") && !output.stderr.contains("started"), "{output:?}");
}

#[test]
fn scripts_get_json() {
    let good = valid();
    let report = assize(&["check", &good.path("checkout.toml"), "--json"]).exits(0).json();
    assert_eq!(report, json!({"valid": true, "diagnostics": [], "live": []}));

    let bad = faulty();
    let path = bad.path("checkout.toml");
    let output = assize(&["check", &path, "--json"]).exits(2);
    assert_eq!(output.stderr, "");
    let report = output.json();
    assert_eq!(report["valid"], false);
    let diagnostics = report["diagnostics"].as_array().unwrap();
    assert_eq!(diagnostics.len(), 2, "{report:#}");
    let first = &diagnostics[0];
    assert_eq!((&first["file"], &first["line"], &first["column"]), (&json!(path), &json!(4), &json!(1)));
    assert_eq!((&first["text"], &first["severity"]), (&json!("uri"), &json!("error")));
    assert!(first["message"].is_string() && first["remedy"].as_str().unwrap().contains("url"), "{first}");
}

#[test]
fn a_warning_is_shown_and_is_no_fault() {
    let case = Case::new(&rules("deadline = \"1m\"", ERRORS), &Samples::new());
    let output = assize(&["check", &case.path("checkout.toml")]).exits(0).complains("deadline");
    assert!(output.stdout.contains("valid"), "{output:?}");
    assert!(
        output.stderr.contains("checkout.toml:20:12: ") && output.stderr.contains(": warning: "),
        "{output:?}"
    );
    let report = assize(&["check", &case.path("checkout.toml"), "--json"]).exits(0).json();
    assert_eq!(report["diagnostics"][0]["severity"], "warning");
}

#[test]
fn a_directory_stands_for_its_rule_files() {
    let case = valid();
    std::fs::write(case.path("a-shop.toml"), rules("", ERRORS).replace("\"checkout\"\n", "\"shop\"\n"))
        .unwrap();
    std::fs::write(case.path("notes.txt"), "no rules").unwrap();
    let output = assize(&["check", &case.path("")]).exits(0);
    let services: Vec<bool> = output.stdout.lines().map(|line| line.contains("`shop`")).collect();
    assert_eq!(services, [true, false], "by name: {output:?}");

    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().to_str().unwrap();
    assize(&["check", path]).exits(2).complains("no *.toml").complains(path);
    assize(&["check", &case.path("gone.toml")]).exits(2).complains("gone.toml");
}

#[test]
fn two_files_for_one_service_are_a_fault_as_they_are_for_the_daemon() {
    let case = valid();
    std::fs::write(case.path("checkout-old.toml"), rules("", ERRORS)).unwrap();
    for command in ["check", "run"] {
        let output =
            assize(&[command, &case.path("")]).exits(2).complains("both rules for service `checkout`");
        let output = output.complains("checkout.toml").complains("checkout-old.toml");
        assert!(!output.stdout.contains("valid"), "{output:?}");
    }
}

/// With HAProxy's socket and Prometheus's address replaced.
fn ask(rules: &str) -> Output {
    let case = Case::new(rules, &Samples::new());
    let path = case.path("checkout.toml");
    let output = assize(&["check", &path, "--live"]);
    let as_json = assize(&["check", &path, "--live", "--json"]).exits(output.code).json();
    let all_ok = as_json["live"].as_array().unwrap().iter().all(|answer| answer["ok"] == true);
    assert_eq!((as_json["valid"].as_bool(), all_ok), (Some(true), output.code == 0), "{as_json:#}");
    output
}

#[test]
fn a_router_and_a_source_that_are_dead_are_told() {
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let gone = tempfile::tempdir().unwrap().path().join("admin.sock");
    let rules = rules("", ERRORS)
        .replace("/run/haproxy/admin.sock", gone.to_str().unwrap())
        .replace("127.0.0.1:9090", &dead.to_string());
    let output = ask(&rules).exits(1);
    let failed: Vec<&str> = output.stdout.lines().filter(|line| line.contains("FAILED")).collect();
    assert!(failed.iter().any(|line| line.contains("router") && line.contains("admin.sock")), "{output:#?}");
    assert!(
        failed.iter().any(|line| line.contains("source metrics") && line.contains("refused")),
        "{output:#?}"
    );
}

#[test]
fn the_embedded_router_needs_its_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let rules = crate::stage::rules(port, "127.0.0.1:1", "127.0.0.1:2", "");
    let output = ask(&rules).exits(1);
    assert!(output.stdout.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{output:?}");
    drop(taken);
    let output = ask(&rules).exits(0);
    assert!(output.stdout.contains("is free to listen on"), "{output:?}");
}

#[test]
fn nothing_is_asked_when_the_rules_are_wrong() {
    let case = faulty();
    let report = assize(&["check", &case.path("checkout.toml"), "--live", "--json"]).exits(2).json();
    assert_eq!(report["live"], json!([]));
}
