//! `assize plan`: simulated releases as a table, as JSON and as a picture; and what `assize check` foresees.

use serde_json::{Value, json};

use crate::program::assize;
use crate::samples::{Case, Samples};

/// A plan that takes few ticks: the simulation is that of a debug build here.
const PLAN: &str = "steps = [25, 50]\nhold = \"20s\"\ndeadline = \"5m\"";

const ERRORS: &str = r#"
[[checks]]
name = "errors"
kind = "ratio"
source = "metrics"
bad   = 'requests_total{ {{labels}}, code=~"5.."}'
total = 'requests_total{ {{labels}} }'
tolerance = 2
limit = 0.5
"#;

fn case(more: &str) -> Case {
    Case::new(&crate::samples::rules(PLAN, &format!("{ERRORS}{more}")), &Samples::new())
}

/// With few runs.
fn quick<'a>(path: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["plan", path, "--runs", "4"], more].concat()
}

const BUSY: [&str; 4] = ["--rate", "400", "--error-rate", "0.02"];

#[test]
fn a_table_tells_how_long_each_kind_of_release_takes() {
    let case = case("");
    let path = case.path("checkout.toml");
    let output = assize(&quick(&path, &BUSY)).exits(0);
    assert_eq!(output.stderr, "", "no progress bar where nobody looks");
    let words = |start: &str| -> Vec<Vec<String>> {
        let is_kind = |line: &&str| {
            let rest = line.trim_start().strip_prefix(start);
            rest.is_some_and(|rest| rest.starts_with([' ', ':']))
        };
        let rows = output.stdout.lines().filter(is_kind);
        rows.map(|line| {
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
        })
        .collect()
    };
    assert!(
        output.stdout.starts_with("checkout: 400 requests/s, 2% bad; harm shows in `errors` (tolerance 2)\n")
    );
    assert_eq!(words("candidate").len(), 2, "two tables: {}", output.stdout);
    assert_eq!(words("candidate")[1], ["candidate", "at 25%", "at 50%"]);
    for kind in ["as live", "×1.2", "×1.5", "×2", "×5", "×20", "outage"] {
        let rows = words(kind);
        assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [6, 3], "{kind}: {}", output.stdout);
    }
    assert_eq!(words("outage")[0][..5], ["outage", "0%", "100%", "0%", "5 s"]);
    assert_eq!(words("as live")[0][1], "100%", "{}", output.stdout);
    assert!(!output.stdout.contains("warning"), "{}", output.stdout);

    let again = assize(&quick(&path, &BUSY)).exits(0);
    assert_eq!(again.stdout, output.stdout, "the same seed gives the same table");
}

#[test]
fn scripts_get_json_and_reports_a_picture() {
    let case = case("[traffic]\nrate = 400\nerror_rate = 0.02\n");
    let (path, svg) = (case.path("checkout.toml"), case.path("plan.svg"));
    let report = assize(&quick(&path, &["--json", "--svg", &svg, "--seed", "7"])).exits(0).json();
    assert_eq!((&report["service"], &report["seed"]), (&json!("checkout"), &json!(7)));
    assert_eq!((&report["harm_in"], &report["deadline_s"]), (&json!("errors"), &json!(300.0)));
    assert_eq!((&report["traffic"]["rate"], &report["traffic"]["error_rate"]), (&json!(400.0), &json!(0.02)));
    assert_eq!(report["warnings"], json!([]));
    let releases = report["releases"].as_array().unwrap();
    let factors: Vec<&Value> = releases.iter().map(|release| &release["factor"]).collect();
    assert_eq!(json!(factors), json!([null, 1.2, 1.5, 2.0, 5.0, 20.0, null]));
    let outage = &releases[6];
    assert_eq!((&outage["harm"], &outage["plan"]["runs"]), (&json!("outage"), &json!(4)));
    assert_eq!(outage["plan"]["reverted_after_s"], json!({"median": 5.0, "p90": 5.0}));
    assert_eq!(outage["plan"]["promoted_after_s"], json!({"median": null, "p90": null}));
    let weights: Vec<&Value> =
        outage["steps"].as_array().unwrap().iter().map(|step| &step["weight"]).collect();
    assert_eq!(json!(weights), json!([25, 50]));
    assert_eq!(outage["steps"][0]["proved_after_s"]["median"], 5.0);

    let picture = std::fs::read_to_string(svg).unwrap();
    for text in ["<svg", "promoted: as live", "reverted: ×5", "at 25%", "deadline 5 min", "</svg>"] {
        assert!(picture.contains(text), "{text}");
    }
}

#[test]
fn a_deadline_that_cannot_be_met_is_no_failure_and_comes_with_remedies() {
    let case = case("");
    let path = case.path("checkout.toml");
    let report = assize(&quick(&path, &["--rate", "8", "--error-rate", "0.02", "--json"])).exits(0).json();
    let [warning] = report["warnings"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert!(warning["message"].as_str().unwrap().contains("by the deadline of 5 min"), "{warning:#}");
    let remedies = warning["remedies"].as_array().unwrap();
    assert!(!remedies.is_empty());
    for remedy in remedies {
        let change = remedy["change"].as_str().unwrap();
        assert!(change.starts_with("deadline = \"") || change.starts_with("tolerance = "), "{change}");
        assert!(remedy["promoted"].as_f64().unwrap() >= 0.9, "{remedy}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_told() {
    let case = case("");
    let path = case.path("checkout.toml");
    assize(&["plan", &path]).exits(2).complains("--rate 200").complains("[traffic]");
    assize(&["plan", &path, "--rate", "200"]).exits(2).complains("--error-rate 0.005");
    for (option, value, said) in [
        ("--rate", "0", "above 0"),
        ("--rate", "fast", "must be a number"),
        ("--error-rate", "1", "below 1"),
        ("--burstiness", "0.6", "at most 0.5"),
        ("--latency-median", "100", "with its unit"),
        ("--runs", "0", "1..=100000"),
    ] {
        assize(&["plan", &path, option, value]).exits(2).complains(said);
    }
    let output = assize(&[&quick(&path, &BUSY)[..], &["--harm-in", "erors"]].concat()).exits(2);
    output.complains("--harm-in erors").complains("`errors`");
    let nowhere = case.path("no/such/directory.svg");
    assize(&[&quick(&path, &BUSY)[..], &["--svg", &nowhere]].concat()).exits(1).complains("cannot write");
    assize(&["plan", &case.path("gone.toml"), "--rate", "1"]).exits(2).complains("gone.toml");
    std::fs::write(case.path("other.toml"), "").unwrap();
    assize(&["plan", &case.path("other.toml"), "--rate", "1"]).exits(2).complains("[service]");
}

#[test]
fn check_foresees_what_the_traffic_allows() {
    let busy = case("[traffic]\nrate = 400\nerror_rate = 0.02\n");
    let output = assize(&["check", &busy.path("checkout.toml")]).exits(0);
    assert_eq!(output.stderr, "");

    let slow = case("[traffic]\nrate = 8\nerror_rate = 0.02\n");
    let output = assize(&["check", &slow.path("checkout.toml")]).exits(0);
    assert!(output.stdout.contains("valid"), "{output:?}");
    let output =
        output.complains("warning: with this traffic").complains("[traffic]").complains("deadline = \"");
    assert!(output.stderr.contains("promoted in simulation"), "{output:?}");
    let report = assize(&["check", &slow.path("checkout.toml"), "--json"]).exits(0).json();
    assert_eq!((&report["valid"], &report["diagnostics"][0]["severity"]), (&json!(true), &json!("warning")));
    assert_eq!(report["diagnostics"][0]["text"], "[traffic]");
}
