//! What valid files compile to.

use std::path::Path;

use assize::judge::spec::{
    Bound, CheckKind, CheckSpec, Direction, LatencySpec, QuantileSpec, RatioSpec, SlowLimit, ValueLimit,
    ValueSpec,
};
use assize::release::plan::{Advance, OnDeadline, OnTrouble, Plan};
use assize::rules::model::{
    CheckRule, ColourRule, EmbeddedRule, Expect, HaproxyRule, ProbeRule, PrometheusRule, Query, RouterRule,
    Rules, SourceKind, SourceRule,
};
use assize::rules::{compile, load};
use assize::sample::{Colour, Weight};

use crate::common::{BASE, EMBEDDED, with};

const CONTRACT: &str = include_str!("../../fixtures/rules/contract.toml");

fn compiled(text: &str) -> Rules {
    let (rules, notes) = compile(text).unwrap_or_else(|faults| panic!("{faults:#?}"));
    // Files of the tests are short: some have no limit, and are told so.
    let other = notes.iter().filter(|note| !format!("{note:?}").contains("no check has a `limit`")).count();
    assert_eq!(other, 0, "a valid file of the tests needs no remarks: {notes:#?}");
    rules
}

fn colour(name: &str, url: &str) -> ColourRule {
    ColourRule {
        colour: Colour::new(name).unwrap(),
        url: Some(url.parse().unwrap()),
        labels: vec![("colour".into(), name.into())],
    }
}

fn weights(percent: &[f64]) -> Vec<Weight> {
    percent.iter().map(|p| Weight::from_percent(*p).unwrap()).collect()
}

fn ratio(tolerance: f64, floor: Option<f64>, limit: Option<f64>) -> CheckKind {
    CheckKind::Ratio(RatioSpec { tolerance, floor, limit })
}

fn quantile(name: &str, quantile: f64, tolerance: f64) -> QuantileSpec {
    QuantileSpec { name: name.into(), quantile, tolerance }
}

fn spec(name: &str, critical: bool, probe: bool, kind: CheckKind) -> CheckSpec {
    CheckSpec { name: name.into(), critical, probe, kind }
}

#[test]
fn the_example_of_the_contract() {
    let rules = compiled(CONTRACT);
    assert_eq!(rules.service, "checkout");
    assert_eq!(rules.text, CONTRACT);
    assert_eq!(
        rules.colours,
        [colour("blue", "http://10.0.0.11:8080"), colour("green", "http://10.0.0.12:8080")]
    );
    assert_eq!(
        rules.router,
        RouterRule::Haproxy(HaproxyRule {
            socket: "/run/haproxy/admin.sock".into(),
            backend: "checkout".into(),
            servers: [vec!["blue1".into()], vec!["green1".into()]],
            timeout_ms: 2_000,
        })
    );
    let metrics = PrometheusRule { url: "http://127.0.0.1:9090".parse().unwrap(), timeout_ms: 5_000 };
    assert_eq!(rules.sources, [SourceRule { name: "metrics".into(), kind: SourceKind::Prometheus(metrics) }]);
    assert_eq!(
        rules.plan,
        Plan {
            tick_ms: 5_000,
            steps: weights(&[1.0, 5.0, 25.0, 50.0]),
            hold_ms: 60_000,
            advance: Advance::Unharmed,
            deadline_ms: 3_600_000,
            on_deadline: OnDeadline::Revert,
            on_blind: OnTrouble::Hold,
            on_silent: OnTrouble::Revert,
            soak_ms: 600_000,
        }
    );
    assert_eq!(
        (rules.judge.warmup_ms, rules.judge.blind_after_ms, rules.judge.silent_after_ms),
        (30_000, 120_000, 120_000)
    );
    assert!(
        (rules.judge.false_revert - 0.01).abs() < 1e-12 && (rules.judge.missed_harm - 0.05).abs() < 1e-12
    );
}

#[test]
fn the_checks_of_the_contract() {
    let rules = compiled(CONTRACT);
    let latency = LatencySpec {
        quantiles: vec![quantile("p50", 0.5, 1.2), quantile("p99", 0.99, 1.5)],
        limit: Some(SlowLimit { over_s: 2.0, share: 0.02 }),
    };
    let cpu = ValueSpec {
        tolerance: 1.3,
        direction: Direction::Increase,
        limit: Some(ValueLimit { bound: Bound::Above(0.95), for_ms: 60_000 }),
    };
    assert_eq!(
        rules.judge.checks,
        [
            spec("errors", true, false, ratio(1.5, Some(0.001), Some(0.05))),
            spec("latency", true, false, CheckKind::Latency(latency)),
            spec("cpu", false, false, CheckKind::Value(cpu)),
            spec("home", true, true, ratio(1.5, Some(0.2), Some(0.2))),
        ]
    );
    let check = |name: &str, query| CheckRule { name: name.into(), source: 0, query };
    let errors = Query::Counters {
        bad: r#"http_requests_total{service="checkout", {{labels}}, code=~"5.."}"#.into(),
        total: r#"http_requests_total{service="checkout", {{labels}}}"#.into(),
    };
    let latency = Query::Histogram {
        buckets: r#"http_request_duration_seconds_bucket{service="checkout", {{labels}}}"#.into(),
    };
    let cpu = Query::Value {
        query: r#"avg(rate(process_cpu_seconds_total{service="checkout", {{labels}}}[1m]))"#.into(),
    };
    assert_eq!(rules.checks, [check("errors", errors), check("latency", latency), check("cpu", cpu)]);
    let expect = Expect { status: 200, body_contains: Some("ok".into()), within_ms: Some(500) };
    let home = ProbeRule { name: "home".into(), get: "/".into(), every_ms: 2_000, timeout_ms: 1_000, expect };
    assert_eq!(rules.probes, [home]);
}

/// The base file has another value than the default for every key.
#[test]
fn every_key_is_heard() {
    let rules = compiled(BASE);
    assert_eq!(
        rules.plan,
        Plan {
            tick_ms: 5_000,
            steps: weights(&[1.0, 5.0, 25.5, 50.0]),
            hold_ms: 61_000,
            advance: Advance::Healthy,
            deadline_ms: 7_200_000,
            on_deadline: OnDeadline::Promote,
            on_blind: OnTrouble::Revert,
            on_silent: OnTrouble::Hold,
            soak_ms: 660_000,
        }
    );
    assert_eq!((rules.judge.blind_after_ms, rules.judge.silent_after_ms), (121_000, 122_000));
    assert!(
        (rules.judge.false_revert - 0.02).abs() < 1e-12 && (rules.judge.missed_harm - 0.06).abs() < 1e-12
    );
    assert!(matches!(&rules.router, RouterRule::Haproxy(rule) if rule.timeout_ms == 3_000));
    assert!(matches!(&rules.sources[0].kind, SourceKind::Prometheus(rule) if rule.timeout_ms == 4_000));
    let traffic = rules.traffic.unwrap();
    assert!((traffic.rate - 300.0).abs() < 1e-9 && (traffic.error_rate - 0.004).abs() < 1e-12);
    let (start, length) = traffic.span;
    assert_eq!(&BASE[start..start + length], "[traffic]");
    let CheckKind::Value(cpu) = &rules.judge.checks[2].kind else { panic!("not a value check") };
    assert_eq!(
        (cpu.direction, &cpu.limit),
        (Direction::Either, &Some(ValueLimit { bound: Bound::Below(0.25), for_ms: 90_000 }))
    );
    let expect = Expect { status: 204, body_contains: Some("yes".into()), within_ms: Some(500) };
    let home =
        ProbeRule { name: "home".into(), get: "/shop".into(), every_ms: 20_000, timeout_ms: 10_000, expect };
    assert_eq!(rules.probes, [home]);
    assert_eq!(rules.judge.checks[3], spec("home", true, true, ratio(1.5, Some(0.3), Some(0.3))));
}

#[test]
fn an_embedded_file_with_defaults() {
    let rules = compiled(EMBEDDED);
    let router = EmbeddedRule {
        listen: "127.0.0.1:8080".into(),
        live: Colour::new("green").unwrap(),
        timeout_ms: 30_000,
    };
    assert_eq!(rules.router, RouterRule::Embedded(router));
    assert_eq!(rules.sources, [SourceRule { name: "edge".into(), kind: SourceKind::Embedded }]);
    let errors = Query::Counters { bad: "5xx,429".into(), total: String::new() };
    assert_eq!(rules.checks[0].query, errors);
    assert_eq!(rules.checks[1].query, Query::Histogram { buckets: String::new() });
    assert_eq!(rules.traffic, None);
    assert_eq!(rules.plan.steps, weights(&[1.0, 5.0, 25.0, 50.0]));
    assert_eq!((rules.plan.tick_ms, rules.plan.hold_ms, rules.plan.soak_ms), (5_000, 60_000, 600_000));
    assert_eq!(
        (rules.judge.warmup_ms, rules.judge.blind_after_ms, rules.judge.silent_after_ms),
        (0, 120_000, 120_000)
    );
    assert_eq!(rules.judge.checks[0].kind, ratio(1.5, None, None));

    let shorter = with(&with(EMBEDDED, "live = \"green\"\n", ""), "bad = \"5xx, 429\"\n", "");
    let rules = compiled(&shorter);
    assert!(matches!(&rules.router, RouterRule::Embedded(rule) if rule.live.as_str() == "blue"));
    assert_eq!(rules.checks[0].query, Query::Counters { bad: "5xx".into(), total: String::new() });
}

#[test]
fn colours_and_sources_are_sorted_and_servers_follow() {
    let text =
        with(&with(BASE, "[colours.blue]", "[colours.red]"), "{ blue = [\"blue1\"]", "{ red = [\"blue1\"]");
    let text = with(
        &text,
        "[sources.metrics]",
        "[sources.also]\nkind = \"prometheus\"\nurl = \"http://h/prometheus\"\n[sources.metrics]",
    );
    let text = with(&text, "kind = \"latency\"", "kind = \"latency\"\nsource = \"also\"");
    let text = with(&text, "kind = \"value\"", "kind = \"value\"\nsource = \"metrics\"");
    let rules = compiled(&text);
    assert_eq!(rules.colours.each_ref().map(|c| c.colour.as_str()), ["green", "red"]);
    assert!(matches!(&rules.router, RouterRule::Haproxy(rule) if rule.servers == [["green1"], ["blue1"]]));
    assert_eq!(rules.sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["also", "metrics"]);
    assert_eq!(rules.checks.iter().map(|c| c.source).collect::<Vec<_>>(), [1, 0, 1]);
}

#[test]
fn quantiles_in_quotes_and_short() {
    let text = with(BASE, "p50 = 1.2, p99 = 1.6", "\"p99.9\" = 3, p9999 = 4, p50 = 1.1");
    let CheckKind::Latency(latency) = &compiled(&text).judge.checks[1].kind else { panic!("not latency") };
    assert_eq!(
        latency.quantiles,
        [quantile("p50", 0.5, 1.1), quantile("p99.9", 0.999, 3.0), quantile("p9999", 0.9999, 4.0)]
    );
}

#[test]
fn a_short_probe_has_a_short_default_timeout() {
    let text = with(BASE, "every = \"20s\"\ntimeout = \"10s\"", "every = \"300ms\"");
    let text = with(&text, ", within = \"500ms\"", "");
    assert_eq!(compiled(&text).probes[0].timeout_ms, 300);
}

#[test]
fn inline_tables_and_headers_are_one() {
    let text = with(EMBEDDED, "quantiles = { p50 = 1.2 }", "[checks.quantiles]\np50 = 1.2");
    let text = with(&text, "[service]\nname = \"shop\"", "service.name = \"shop\"");
    let (found, expected) = (compiled(&text), compiled(EMBEDDED));
    assert_eq!((found.service, found.judge), (expected.service, expected.judge));
}

#[test]
fn the_rule_files_to_copy() {
    let files: [(&str, &str); 3] = [
        ("prometheus-haproxy.toml", include_str!("../../rules/prometheus-haproxy.toml")),
        ("embedded.toml", include_str!("../../rules/embedded.toml")),
        ("latency-and-cpu.toml", include_str!("../../rules/latency-and-cpu.toml")),
    ];
    for (name, text) in files {
        let file = load(Path::new(name), text).unwrap_or_else(|faults| panic!("{name}: {faults:#?}"));
        assert_eq!(file.notes, [], "{name}");
        assert_eq!(file.path, Path::new(name));
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(120), "{name} has a line of {widest:?}");
    }
}
