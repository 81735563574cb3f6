//! `assize replay --svg`: what the picture shows.

use serde_json::{Value, json};

use crate::samples::{Case, ERRORS, Samples, rules};

/// The picture of a replay, which ends with this exit code; and its last line.
fn drawn(case: &Case, code: i32) -> (String, Value) {
    let path = case.path("replay.svg");
    let plain = case.replay(&[]).exits(code);
    let output = case.replay(&["--svg", &path]).exits(code);
    assert_eq!(output.stdout, plain.stdout, "the picture changes nothing else");
    (std::fs::read_to_string(path).unwrap(), output.json_lines().pop().unwrap())
}

/// The text of every `<text>`, in the order of drawing.
fn texts(svg: &str) -> Vec<&str> {
    let inside = |part: &'_ str| part.split_once('>').map_or(0, |(head, _)| head.len() + 1);
    svg.split("<text ")
        .skip(1)
        .map(|part| part[inside(part)..].split("</text>").next().unwrap().trim())
        .collect()
}

fn count(texts: &[&str], text: &str) -> usize {
    texts.iter().filter(|known| **known == text).count()
}

#[test]
fn rates_ratio_and_evidence_end_with_the_decision() {
    let samples = Samples::new().errors(1, 10, 2, 2).errors(11, 100, 2, 30);
    let (svg, last) = drawn(&Case::new(&rules("", ERRORS), &samples), 10);
    let texts = texts(&svg);
    for title in [
        "checkout, errors: bad events of all events",
        "errors: candidate against live, since judging began",
        "errors: evidence (logarithm of the e-value)",
    ] {
        assert_eq!(count(&texts, title), 1, "{title}: {texts:?}");
    }
    let at = last["at"].as_f64().unwrap();
    let moment = format!("revert at {} min {} s", (at / 60.0).floor(), at % 60.0).replace("0 min ", "");
    assert_eq!(count(&texts, &moment), 3, "a mark in each chart: {moment} in {texts:?}");
    for words in [
        "live",
        "candidate",
        "confidence sequence",
        "for harm",
        "for health",
        "floor 0.1%",
        "as live",
        "tolerance ×1.5",
    ] {
        assert!(texts.contains(&words), "{words}: {texts:?}");
    }
    let needed = |key: &str| format!("{:.1}", last["checks"][0][key].as_f64().unwrap());
    for (word, key) in [("harm", "threshold_harm"), ("health", "threshold_healthy")] {
        let threshold = format!("{word} from {} on", needed(key));
        assert!(texts.contains(&threshold.as_str()), "{threshold}: {texts:?}");
    }
    let written = texts.join(" ");
    let escaped = last["reason"].as_str().unwrap().replace('&', "&amp;").replace('\'', "&apos;");
    assert!(written.contains(&escaped), "{escaped}: {written}");
}

#[test]
fn the_check_that_decided_comes_first_and_six_are_enough() {
    let check = |n: u32| ERRORS.replace("\"errors\"", &format!("\"errors{n}\""));
    let checks: String = (0..8).map(check).collect();
    let samples = (1..=100).fold(Samples::new(), |samples, tick| {
        (0..8).fold(samples, |samples, n| {
            let green = if n == 4 { 30 } else { 2 };
            let of_thousand = |bad: u64| json!({"bad": bad, "total": 1000});
            samples.ticks(tick, tick, &format!("errors{n}"), &of_thousand(2), &of_thousand(green))
        })
    });
    let (svg, last) = drawn(&Case::new(&rules("", &checks), &samples), 10);
    assert_eq!(last["check"], "errors4");
    let titles: Vec<&str> =
        texts(&svg).into_iter().filter(|text| text.ends_with("bad events of all events")).collect();
    let order = [4, 0, 1, 2, 3, 5].map(|n| format!("checkout, errors{n}: bad events of all events"));
    assert_eq!(titles, order);
}

#[test]
fn every_kind_of_check_is_drawn() {
    let checks = r#"
[[checks]]
name = "latency"
kind = "latency"
source = "metrics"
histogram = 'http_request_duration_seconds_bucket{service="checkout", {{labels}}}'
quantiles = { p90 = 1.5 }
[[checks]]
name = "cpu"
kind = "value"
source = "metrics"
query = 'avg(rate(process_cpu_seconds_total{service="checkout", {{labels}}}[1m]))'
tolerance = 1.3
direction = "either"
limit = { above = 0.95, for = "1m" }
"#;
    let histogram = json!({"bounds": [0.1, 0.25, 1.0], "counts": [880, 100, 20, 0]});
    let samples = (1..=12).fold(Samples::new(), |samples, tick| {
        let samples = samples.ticks(tick, tick, "latency", &histogram, &histogram);
        let value =
            if tick == 6 { json!({"gap": "timed out"}) } else { json!({"value": 0.4 + f64::from(tick % 3)}) };
        samples.ticks(tick, tick, "cpu", &value, &value)
    });
    let (svg, last) = drawn(&Case::new(&rules("", checks), &samples), 11);
    let texts = texts(&svg);
    for words in
        ["checkout, cpu: values", "tolerance ×1.3", "tolerance ÷1.3", "limit 0.950", "tolerance p90 ×1.5"]
    {
        assert!(texts.contains(&words), "{words}: {texts:?}");
    }
    assert_eq!(count(&texts, "undecided at 1 min"), 6, "{last} {texts:?}");
}

#[test]
fn without_samples_the_picture_is_empty_and_whole() {
    let (svg, _) = drawn(&Case::new(&rules("", ERRORS), &Samples::default()), 11);
    assert!(svg.trim_end().ends_with("</svg>") && texts(&svg).contains(&"there are no samples"), "{svg}");
}

#[test]
fn a_picture_that_cannot_be_written_is_said_after_the_verdict() {
    let case = Case::new(&rules("", ERRORS), &Samples::new().errors(1, 100, 2, 30));
    let path = case.path("gone/replay.svg");
    let output = case.replay(&["--svg", &path]).exits(1).complains("cannot write").complains(&path);
    assert_eq!(output.json_lines().last().unwrap()["decision"], "revert");
}
