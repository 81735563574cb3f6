//! What a Prometheus server, or whatever stands at its address, can do wrong: each becomes a gap that says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

use std::time::Duration;

use assize::rules::model::{ColourRule, PrometheusRule, Query};
use assize::sample::{Colour, Gap, GapKind, Reading};
use assize::source::Source;
use assize::source::prometheus::PrometheusSource;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::{method, path, query_param, query_param_contains};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Server time of all answers, in seconds.
const NOW: f64 = 1_700_000_000.0;

/// Long enough for an answer from the same machine, short enough to wait for its end.
const TIMEOUT_MS: u64 = 2000;

/// Longer than any time-out here.
const NEVER: Duration = Duration::from_mins(10);

const RATIO: &str = "errors";
const CPU: &str = "cpu";

fn source_at(url: &str) -> PrometheusSource {
    let rule = PrometheusRule { url: url.parse().unwrap(), timeout_ms: TIMEOUT_MS };
    let colours = ["blue", "green"].map(|name| ColourRule {
        colour: Colour::new(name).unwrap(),
        url: None,
        labels: vec![("colour".into(), name.into())],
    });
    let ratio = Query::Counters { bad: "bad{{{labels}}}".into(), total: "total{{{labels}}}".into() };
    let checks = vec![
        (RATIO.to_owned(), ratio),
        (CPU.to_owned(), Query::Value { query: "avg(cpu{{{labels}}})".into() }),
    ];
    let client = assize::client::builder().build().unwrap();
    PrometheusSource::new(&rule, checks, colours, client).unwrap()
}

fn success(result_type: &str, result: &Value) -> ResponseTemplate {
    let body = json!({"status": "success", "data": {"resultType": result_type, "result": result}});
    ResponseTemplate::new(200).set_body_json(body)
}

fn series(colour: &str, values: &[(f64, &str)]) -> Value {
    let values: Vec<_> = values.iter().map(|(at, value)| json!([NOW + at, value])).collect();
    json!({"metric": {"colour": colour}, "values": values})
}

fn matrix(series: &[Value]) -> ResponseTemplate {
    success("matrix", &json!(series))
}

/// A server that tells its time, gives 0.5 for `cpu`, and for the counters what the test says.
async fn server(total: ResponseTemplate, bad: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    answers(&server, total, bad).await;
    server
}

/// What it answers from here on.
async fn answers(server: &MockServer, total: ResponseTemplate, bad: ResponseTemplate) {
    server.reset().await;
    let api = || Mock::given(method("GET")).and(path("/api/v1/query"));
    let cpu = success("vector", &json!([{"metric": {}, "value": [NOW, "0.5"]}]));
    let time = success("scalar", &json!([NOW, NOW.to_string()]));
    api().and(query_param("query", "time()")).respond_with(time).mount(server).await;
    for (name, answer) in [("cpu{", cpu), ("total{", total), ("bad{", bad)] {
        // All of a tick's queries are evaluated at the moment that the server named.
        let asked = api().and(query_param_contains("query", name));
        let asked = asked.and(query_param("time", "1700000000.000"));
        asked.respond_with(answer).mount(server).await;
    }
}

/// One poll: the check's two readings, after making sure that there is exactly one for each check and colour.
async fn poll(source: &mut PrometheusSource, check: &str) -> [Reading; 2] {
    let samples = source.sample().await;
    let names: Vec<_> = samples.iter().map(|s| (s.check.as_str(), s.colour.as_str())).collect();
    assert_eq!(names, [(RATIO, "blue"), (RATIO, "green"), (CPU, "blue"), (CPU, "green")]);
    let found = samples.into_iter().filter(|s| s.check == check).map(|s| s.reading);
    found.collect::<Vec<_>>().try_into().unwrap()
}

#[track_caller]
fn expect_gap(reading: &Reading, kind: GapKind, text: &str) {
    let Reading::Gap(Gap { kind: found, detail }) = reading else {
        panic!("a gap expected, not {reading:?}");
    };
    assert!(*found == kind && detail.contains(text), "{kind:?} with `{text}` expected: {reading:?}");
    assert!(detail.len() < 1000, "{} bytes of detail", detail.len());
}

/// Polls a server whose answer to `total` is this one: a gap for both colours, while the other check is well.
async fn expect_gaps(total: ResponseTemplate, kind: GapKind, text: &str) {
    let server = server(total, matrix(&[])).await;
    let mut source = source_at(&server.uri());
    for reading in poll(&mut source, RATIO).await {
        expect_gap(&reading, kind, text);
    }
    assert_eq!(poll(&mut source, CPU).await, [Reading::Value(0.5), Reading::Value(0.5)]);
}

#[tokio::test]
async fn a_sound_server_is_counted() {
    let total = [series("blue", &[(-2.0, "5"), (-1.0, "9")]), series("green", &[(-1.0, "3")])];
    let server = server(matrix(&total), matrix(&[])).await;
    let mut source = source_at(&format!("{}/", server.uri()));
    let lines = source.try_out().await.unwrap();
    assert_eq!(lines[0], "check `errors`, blue: 1 series in total, 0 of them bad, newest sample 1.0 s old");
    for reading in poll(&mut source, RATIO).await {
        expect_gap(&reading, GapKind::NotYet, "first look");
    }
    for reading in poll(&mut source, RATIO).await {
        expect_gap(&reading, GapKind::NotYet, "newest sample 1.0 s old, scraped every");
    }
}

#[tokio::test]
async fn a_slow_query_times_out_without_taking_the_others_along() {
    let late = matrix(&[]).set_delay(NEVER);
    expect_gaps(late, GapKind::TimedOut, "no answer within 2000 ms").await;
}

#[tokio::test]
async fn a_slow_server_times_out_for_everything() {
    let server = MockServer::start().await;
    let late = success("scalar", &json!([NOW, "1"])).set_delay(NEVER);
    Mock::given(method("GET")).respond_with(late).mount(&server).await;
    let mut source = source_at(&server.uri());
    for check in [RATIO, CPU] {
        for reading in poll(&mut source, check).await {
            expect_gap(&reading, GapKind::TimedOut, "no answer within 2000 ms");
        }
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for reading in poll(&mut source_at(&url), CPU).await {
        expect_gap(&reading, GapKind::Refused, "");
    }
}

/// A server that reads a request and answers these bytes, whatever they are.
async fn raw(answer: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn something_that_does_not_speak_http_is_malformed_and_silence_is_not_reached() {
    let url = raw(b"220 mail.example.org ESMTP\r\n").await;
    for reading in poll(&mut source_at(&url), CPU).await {
        expect_gap(&reading, GapKind::Malformed, "invalid HTTP");
    }
    let url = raw(b"").await;
    for reading in poll(&mut source_at(&url), CPU).await {
        expect_gap(&reading, GapKind::Refused, "");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_malformed() {
    let url = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"status\":").await;
    for reading in poll(&mut source_at(&url), CPU).await {
        expect_gap(&reading, GapKind::Malformed, "broke off after 10 bytes");
    }
}

#[tokio::test]
async fn an_error_of_the_server_is_quoted_and_cut() {
    let page = format!("<html>the cat is on the keyboard{}</html>", "!".repeat(10_000));
    let broken = ResponseTemplate::new(500).set_body_string(page);
    expect_gaps(broken, GapKind::Malformed, "HTTP 500 Internal Server Error: <html>the cat").await;
    let redirect = ResponseTemplate::new(302).insert_header("Location", "/login");
    expect_gaps(redirect, GapKind::Malformed, "HTTP 302").await;
}

#[tokio::test]
async fn errors_of_the_query_engine_keep_their_kind() {
    let error = |kind: &str, text: &str| json!({"status": "error", "errorType": kind, "error": text});
    let too_much = error("execution", "query processing would load too many samples into memory");
    let too_much = ResponseTemplate::new(422).set_body_json(too_much);
    expect_gaps(too_much, GapKind::Malformed, "execution: query processing would load").await;
    let late = ResponseTemplate::new(503).set_body_json(error("timeout", "query timed out"));
    expect_gaps(late, GapKind::TimedOut, "server says timeout").await;
    // A kind that the client library does not know.
    let odd = ResponseTemplate::new(406).set_body_json(error("not_acceptable", "no such format"));
    expect_gaps(odd, GapKind::Malformed, "not_acceptable: no such format").await;
}

#[tokio::test]
async fn an_answer_that_is_no_prometheus_answer_is_malformed() {
    let not_prometheus = "not that of a Prometheus query";
    for body in [r#"{"status":"success","data":{"resultType":"matrix","resu"#, "<html>", "[]"] {
        let answer = ResponseTemplate::new(200).set_body_string(body);
        expect_gaps(answer, GapKind::Malformed, not_prometheus).await;
    }
    let empty = ResponseTemplate::new(200).set_body_json(json!({"status": "success"}));
    expect_gaps(empty, GapKind::Malformed, "neither data nor error").await;
    let vector = success("vector", &json!([]));
    expect_gaps(vector, GapKind::Malformed, "a plain selector is needed").await;
}

#[tokio::test]
async fn an_answer_beyond_the_bounds_is_not_read_on() {
    let huge = ResponseTemplate::new(200).set_body_string(" ".repeat(33 << 20));
    expect_gaps(huge, GapKind::Malformed, "exceeds 32 MiB").await;
    let many: Vec<_> = (0..=10_000)
        .map(|i| json!({"metric": {"colour": "blue", "i": i.to_string()}, "values": [[NOW, "1"]]}))
        .collect();
    expect_gaps(matrix(&many), GapKind::Malformed, "more than 10000 series: narrow").await;
}

#[tokio::test]
async fn impossible_counters_of_one_colour_leave_the_other_alone() {
    let good = series("blue", &[(-1.0, "3")]);
    let twice = [series("green", &[(-1.0, "3")]), series("green", &[(-1.0, "4")])];
    let cases = [
        (vec![series("green", &[(-1.0, "NaN")])], "whole number"),
        (vec![series("green", &[(-1.0, "-2")])], "whole number"),
        (twice.to_vec(), "comes twice"),
    ];
    for (green, text) in cases {
        let server = server(matrix(&[vec![good.clone()], green].concat()), matrix(&[])).await;
        let [blue, green] = poll(&mut source_at(&server.uri()), RATIO).await;
        expect_gap(&blue, GapKind::NotYet, "first look");
        expect_gap(&green, GapKind::Malformed, text);
    }
}

#[tokio::test]
async fn queries_that_do_not_nest_are_named_as_the_cause() {
    let before = series("blue", &[(-2.0, "1")]);
    let server = server(matrix(&[before]), matrix(&[])).await;
    let mut source = source_at(&server.uri());
    let _ = poll(&mut source, RATIO).await;
    let total = series("blue", &[(-2.0, "1"), (-1.0, "2")]);
    let bad = series("blue", &[(-1.0, "5")]);
    answers(&server, matrix(&[total]), matrix(&[bad])).await;
    let [blue, green] = poll(&mut source, RATIO).await;
    expect_gap(&blue, GapKind::Malformed, "5 bad events of only 1");
    expect_gap(&green, GapKind::NoData, "no series");
}
