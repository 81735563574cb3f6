//! The Prometheus source on a real Prometheus with exporters whose counters the test holds, and on servers that
//! misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "support/prometheus.rs"]
mod prometheus;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assize::rules::model::{ColourRule, PrometheusRule, Query};
use assize::sample::{Colour, Gap, GapKind, Reading};
use assize::source::Source;
use assize::source::prometheus::PrometheusSource;
use prometheus::Prometheus;
use serde_json::json;
use tokio::task::JoinHandle;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

const COLOURS: [&str; 2] = ["blue", "green"];

/// What one exporter shows.
#[derive(Clone, Default)]
struct Counters {
    good: u64,
    bad: Option<u64>,
    slow: u64,
    cpu: f64,
    /// Every scrape fails.
    down: bool,
}

/// A process with `/metrics`.
struct Exporter {
    counters: Arc<Mutex<Counters>>,
    address: String,
    task: JoinHandle<()>,
}

impl Exporter {
    async fn start() -> Self {
        let counters = Arc::new(Mutex::new(Counters { good: 1_000, ..Counters::default() }));
        let shown = counters.clone();
        let page = move || {
            let Counters { good, bad, slow, cpu, down } = shown.lock().unwrap().clone();
            let mut text = format!("requests_total{{code=\"200\"}} {good}\n");
            if let Some(bad) = bad {
                let _ = writeln!(text, "requests_total{{code=\"500\"}} {bad}");
            }
            let all = good + slow;
            let _ = writeln!(
                text,
                "took_bucket{{le=\"0.1\"}} {good}\ntook_bucket{{le=\"+Inf\"}} {all}\ncpu {cpu}"
            );
            let status = if down { 503 } else { 200 };
            async move { (axum::http::StatusCode::from_u16(status).unwrap(), text) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let routes = axum::Router::new().route("/metrics", axum::routing::get(page));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { counters, address, task }
    }

    fn change(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters.lock().unwrap());
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn source(url: &str, timeout_ms: u64, query: Query) -> PrometheusSource {
    let rule = PrometheusRule { url: url.parse().unwrap(), timeout_ms };
    let colours = COLOURS.map(|name| ColourRule {
        colour: Colour::new(name).unwrap(),
        url: None,
        labels: vec![("colour".into(), name.into())],
    });
    let client = assize::client::builder().build().unwrap();
    PrometheusSource::new(&rule, vec![("it".into(), query)], colours, client).unwrap()
}

fn errors() -> Query {
    Query::Counters {
        bad: "requests_total{ {{labels}}, code=~\"5..\" }".into(),
        total: "requests_total{ {{labels}} }".into(),
    }
}

async fn look(source: &mut PrometheusSource) -> [Reading; 2] {
    let samples = source.sample().await;
    let names: Vec<_> = samples.iter().map(|s| (s.check.as_str(), s.colour.as_str())).collect();
    assert_eq!(names, [("it", "blue"), ("it", "green")], "exactly one sample for each");
    let mut readings = samples.into_iter().map(|sample| sample.reading);
    [readings.next().unwrap(), readings.next().unwrap()]
}

fn kinds(readings: &[Reading; 2]) -> [Option<GapKind>; 2] {
    readings.each_ref().map(|reading| match reading {
        Reading::Gap(Gap { kind, .. }) => Some(*kind),
        _ => None,
    })
}

/// Looks until both readings are as wanted.
async fn look_until(source: &mut PrometheusSource, wanted: impl Fn(&[Reading; 2]) -> bool) -> [Reading; 2] {
    let mut last = None;
    for _ in 0..200 {
        let readings = look(source).await;
        if wanted(&readings) {
            return readings;
        }
        last = Some(readings);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("waited in vain, last {last:?}");
}

/// Sums what is counted from now on until it reaches the totals, and gives the sums.
async fn count_until(source: &mut PrometheusSource, totals: [u64; 2]) -> [(u64, u64); 2] {
    let mut sums = [(0, 0); 2];
    for _ in 0..200 {
        for (sum, reading) in sums.iter_mut().zip(look(source).await) {
            if let Reading::Counts { bad, total } = reading {
                *sum = (sum.0 + bad, sum.1 + total);
            }
        }
        if sums[0].1 >= totals[0] && sums[1].1 >= totals[1] {
            return sums;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("counted only {sums:?} of {totals:?}");
}

struct Stage {
    exporters: [Exporter; 2],
    prometheus: Prometheus,
}

impl Stage {
    async fn new() -> Self {
        let exporters = [Exporter::start().await, Exporter::start().await];
        let targets = [("blue", &exporters[0].address), ("green", &exporters[1].address)];
        let prometheus = Prometheus::start(&targets);
        Self { exporters, prometheus }
    }

    /// A source that has taken its first look at both colours.
    async fn watching(&self, query: Query) -> PrometheusSource {
        let mut source = source(&self.prometheus.url(), 5_000, query);
        look_until(&mut source, |readings| !kinds(readings).contains(&Some(GapKind::NoData))).await;
        // Another look, so that no scrape from before the changes to come is still uncounted.
        look_until(&mut source, |readings| kinds(readings) == [None, None]).await;
        source
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_exact_through_new_series_resets_and_outages() {
    let mut stage = Stage::new().await;
    let mut source = stage.watching(errors()).await;
    stage.exporters[0].change(|c| c.good += 70);
    stage.exporters[1].change(|c| (c.good, c.bad) = (c.good + 40, Some(3)));
    assert_eq!(count_until(&mut source, [70, 43]).await, [(0, 70), (3, 43)], "a new series counts fully");
    // The process starts anew: its counters fall.
    stage.exporters[1].change(|c| (c.good, c.bad) = (5, Some(2)));
    assert_eq!(count_until(&mut source, [0, 7]).await[1], (2, 7), "after a reset it counts from zero");
    // Prometheus is away and comes back: nothing is lost and nothing counted twice.
    stage.prometheus.stop();
    let gone = look(&mut source).await;
    assert_eq!(kinds(&gone), [Some(GapKind::Refused); 2], "{gone:?}");
    stage.exporters[0].change(|c| c.good += 11);
    stage.prometheus.start_again();
    assert_eq!(count_until(&mut source, [11, 0]).await[0], (0, 11));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_colour_that_stops_is_stale_then_gone_and_the_other_is_still_counted() {
    let stage = Stage::new().await;
    let mut source = stage.watching(errors()).await;
    stage.exporters[1].change(|c| c.down = true);
    let alone = |readings: &[Reading; 2]| matches!(readings, [Reading::Counts { .. }, Reading::Gap(gap)] if matches!(gap.kind, GapKind::Stale | GapKind::NoData));
    look_until(&mut source, alone).await;
    stage.exporters[0].change(|c| c.good += 9);
    assert_eq!(count_until(&mut source, [9, 0]).await[0], (0, 9));
    stage.exporters[1].change(|c| (c.down, c.good) = (false, 1_004));
    assert_eq!(count_until(&mut source, [0, 4]).await[1], (0, 4), "it goes on where it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histograms_and_values() {
    let stage = Stage::new().await;
    let mut source_of_buckets =
        stage.watching(Query::Histogram { buckets: "took_bucket{ {{labels}} }".into() }).await;
    stage.exporters[1].change(|c| (c.good, c.slow) = (c.good + 6, 2));
    let readings = look_until(&mut source_of_buckets, |readings| readings[1].events() > 0).await;
    assert_eq!(readings[1], Reading::histogram(vec![0.1], vec![6, 2]).unwrap());
    assert_eq!(readings[0], Reading::histogram(vec![0.1], vec![0, 0]).unwrap());

    stage.exporters[0].change(|c| c.cpu = 0.25);
    let mut values =
        source(&stage.prometheus.url(), 5_000, Query::Value { query: "avg(cpu{ {{labels}} })".into() });
    let is = |wanted: [f64; 2]| move |readings: &[Reading; 2]| *readings == wanted.map(Reading::Value);
    look_until(&mut values, is([0.25, 0.0])).await;
    let mut nothing =
        source(&stage.prometheus.url(), 5_000, Query::Value { query: "nosuch{ {{labels}} }".into() });
    assert_eq!(kinds(&look(&mut nothing).await), [Some(GapKind::NoData); 2]);
    let ratio = Query::Value { query: "sum(cpu{ {{labels}} }) / sum(cpu{ {{labels}} } * 0)".into() };
    let mut nan = source(&stage.prometheus.url(), 5_000, ratio);
    let [_, green] = look(&mut nan).await;
    assert!(matches!(&green, Reading::Gap(gap) if gap.detail.contains("NaN")), "{green:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trying_out_names_what_is_there_and_what_is_wrong() {
    let stage = Stage::new().await;
    let mut good = stage.watching(errors()).await;
    assert_eq!(good.try_out().await.unwrap(), ["it, blue: 1 series", "it, green: 1 series"]);
    let wrong = Query::Counters { bad: "x{".into(), total: "requests_total{ {{labels}}".into() };
    let said = source(&stage.prometheus.url(), 5_000, wrong.clone()).try_out().await.unwrap_err();
    assert!(said[0].contains("parse error"), "{said:?}");
    let readings = look(&mut source(&stage.prometheus.url(), 5_000, wrong)).await;
    assert_eq!(kinds(&readings), [Some(GapKind::Malformed); 2]);
}

/// Both readings' gap after one answer of a server.
async fn answered(response: ResponseTemplate) -> Gap {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(response).mount(&server).await;
    let [blue, green] = look(&mut source(&server.uri(), 300, errors())).await;
    assert_eq!(blue, green);
    let Reading::Gap(gap) = blue else { panic!("{blue:?}") };
    gap
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_answer_is_a_gap_with_its_reason() {
    let late = answered(ResponseTemplate::new(200).set_delay(Duration::from_secs(5))).await;
    assert_eq!((late.kind, late.detail.as_str()), (GapKind::TimedOut, "after 300 ms"));
    let json = |status, body| ResponseTemplate::new(status).set_body_json(body);
    for (response, words) in [
        (ResponseTemplate::new(500).set_body_string("oh no"), "500"),
        (ResponseTemplate::new(401), "401"),
        (ResponseTemplate::new(200).set_body_raw("{\"status\": \"succ", "application/json"), "EOF"),
        (
            json(400, json!({"status": "error", "errorType": "bad_data", "error": "parse error: no"})),
            "parse error: no",
        ),
        (
            json(200, json!({"status": "success", "data": {"resultType": "vector", "result": []}})),
            "no selector",
        ),
    ] {
        let gap = answered(response).await;
        assert_eq!(gap.kind, GapKind::Malformed, "{gap:?}");
        assert!(gap.detail.contains(words), "`{words}` in {gap:?}");
    }
    let huge = answered(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 40 << 20])).await;
    assert!(huge.kind == GapKind::TimedOut || huge.detail.contains("MiB"), "{huge:?}");
    let nobody = look(&mut source("http://127.0.0.1:9", 2_000, errors())).await;
    assert_eq!(kinds(&nobody), [Some(GapKind::Refused); 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_series_are_refused() {
    let series: Vec<_> = (0..10_001)
        .map(|i| json!({"metric": {"colour": "blue", "i": i.to_string()}, "values": [[1.0, "1"]]}))
        .collect();
    let body = json!({"status": "success", "data": {"resultType": "matrix", "result": series}});
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(&server).await;
    let [blue, _] = look(&mut source(&server.uri(), 20_000, errors())).await;
    assert!(matches!(&blue, Reading::Gap(gap) if gap.detail.contains("10001 series")), "{blue:?}");
}
