//! The Prometheus source against a real Prometheus that scrapes pages which the test controls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

#[path = "support/exporter.rs"]
mod exporter;
#[path = "support/prometheus.rs"]
mod server;

use std::time::Duration;

use assize::rules::model::{ColourRule, PrometheusRule, Query};
use assize::sample::{Colour, Gap, GapKind, Reading};
use assize::source::Source;
use assize::source::prometheus::PrometheusSource;
use exporter::Exporter;
use server::{Prometheus, Target};
use tokio::time::{Instant, sleep};

/// How often the tests' servers scrape.
const SCRAPES: &str = "200ms";

/// Between two polls: neither a multiple nor a part of the time between scrapes.
const TICK: Duration = Duration::from_millis(130);

/// For something that takes a few scrapes, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(30);

fn colours(blue: &[(&str, &str)], green: &[(&str, &str)]) -> [ColourRule; 2] {
    [("blue", blue), ("green", green)].map(|(name, labels)| ColourRule {
        colour: Colour::new(name).unwrap(),
        url: None,
        labels: labels.iter().map(|&(k, v)| (k.into(), v.into())).collect(),
    })
}

fn by_colour() -> [ColourRule; 2] {
    colours(&[("colour", "blue")], &[("colour", "green")])
}

fn source(url: url::Url, query: Query, colours: [ColourRule; 2]) -> PrometheusSource {
    let rule = PrometheusRule { url, timeout_ms: 5000 };
    let client = assize::client::builder().build().unwrap();
    PrometheusSource::new(&rule, vec![("check".into(), query)], colours, client).unwrap()
}

fn ratio() -> Query {
    Query::Counters {
        bad: r#"requests_total{ {{labels}}, code=~"5.." }"#.into(),
        total: "requests_total{{{labels}}}".into(),
    }
}

fn value(query: &str) -> Query {
    Query::Value { query: query.into() }
}

/// A page with one counter for each status code.
fn page(codes: &[(&str, u64)]) -> String {
    let lines = codes.iter().map(|(code, n)| format!("requests_total{{code=\"{code}\"}} {n}\n"));
    lines.collect::<Vec<_>>().concat()
}

/// One exporter for each colour and a server that scrapes them.
struct World {
    blue: Exporter,
    green: Exporter,
    prometheus: Prometheus,
}

impl World {
    async fn serving(blue: &str, green: &str) -> Self {
        let (blue, green) = (Exporter::serving(blue).await, Exporter::serving(green).await);
        let targets = [
            Target { address: blue.address, labels: &[("colour", "blue"), ("tier", "a")] },
            Target { address: green.address, labels: &[("colour", "green"), ("tier", "b")] },
        ];
        let prometheus = Prometheus::scraping(&targets, SCRAPES).await;
        Self { blue, green, prometheus }
    }

    fn source(&self, query: Query) -> PrometheusSource {
        source(self.prometheus.url(), query, by_colour())
    }
}

/// Polls a source like the daemon does, and adds up what it gives.
struct Observer {
    source: PrometheusSource,
    /// Bad and all events for each colour.
    sums: [(u64, u64); 2],
}

impl Observer {
    fn of(source: PrometheusSource) -> Self {
        Self { source, sums: [(0, 0); 2] }
    }

    async fn poll(&mut self) -> [Reading; 2] {
        let samples = self.source.sample().await;
        let names: Vec<_> = samples.iter().map(|s| (s.check.as_str(), s.colour.as_str())).collect();
        assert_eq!(names, [("check", "blue"), ("check", "green")]);
        let readings: Vec<_> = samples.into_iter().map(|s| s.reading).collect();
        for (sum, reading) in self.sums.iter_mut().zip(&readings) {
            match reading {
                Reading::Counts { bad, total } => *sum = (sum.0 + bad, sum.1 + total),
                Reading::Histogram { counts, .. } => {
                    *sum = (sum.0 + counts.last().unwrap(), sum.1 + counts.iter().sum::<u64>());
                }
                _ => {}
            }
        }
        readings.try_into().unwrap()
    }

    /// Polls until it is as wished.
    async fn until(
        &mut self,
        wish: &str,
        met: impl Fn(&[(u64, u64); 2], &[Reading; 2]) -> bool,
    ) -> [Reading; 2] {
        let end = Instant::now() + PATIENCE;
        loop {
            let readings = self.poll().await;
            if met(&self.sums, &readings) {
                return readings;
            }
            assert!(Instant::now() < end, "not {wish}: {:?}, {readings:?}", self.sums);
            sleep(TICK).await;
        }
    }

    /// Polls until counts of both come, so that both have their base.
    async fn settled(source: PrometheusSource) -> Self {
        let mut observer = Self::of(source);
        let both = |readings: &[Reading; 2]| readings.iter().all(|r| !matches!(r, Reading::Gap(_)));
        observer.until("settled", |_, readings| both(readings)).await;
        observer
    }

    /// Polls until the sums are these, and then until some more scrapes have come, which must add nothing.
    async fn counts_exactly(&mut self, sums: [(u64, u64); 2]) {
        self.until("counted", |found, _| (0..2).all(|c| found[c].1 >= sums[c].1)).await;
        for _ in 0..3 {
            let counted = |reading: &Reading| !matches!(reading, Reading::Gap(_));
            self.until("scraped again", |_, readings| readings.iter().any(counted)).await;
            sleep(TICK).await;
        }
        assert_eq!(self.sums, sums);
    }
}

fn kind(reading: &Reading) -> Option<GapKind> {
    match reading {
        Reading::Gap(Gap { kind, .. }) => Some(*kind),
        _ => None,
    }
}

fn detail(reading: &Reading) -> &str {
    match reading {
        Reading::Gap(gap) => &gap.detail,
        other => panic!("a gap expected, not {other:?}"),
    }
}

#[tokio::test]
async fn counts_are_exactly_what_was_served_since_the_first_look() {
    let world = World::serving(&page(&[("200", 1000), ("500", 7)]), &page(&[("200", 50)])).await;
    let mut observer = Observer::settled(world.source(ratio())).await;
    world.blue.set(&page(&[("200", 1017), ("500", 9)]));
    // Green's first errors come as a series that was not there before.
    world.green.set(&page(&[("200", 60), ("503", 4)]));
    observer.counts_exactly([(2, 19), (4, 14)]).await;
    world.blue.set(&page(&[("200", 1018), ("500", 9), ("502", 1)]));
    world.green.set(&page(&[("200", 61), ("503", 4)]));
    observer.counts_exactly([(3, 21), (4, 15)]).await;
}

#[tokio::test]
async fn a_process_that_begins_anew_counts_from_zero() {
    let world = World::serving(&page(&[("200", 1000), ("500", 70)]), &page(&[("200", 50)])).await;
    let mut observer = Observer::settled(world.source(ratio())).await;
    world.blue.set(&page(&[("200", 5), ("500", 2)]));
    observer.counts_exactly([(2, 7), (0, 0)]).await;
}

#[tokio::test]
async fn a_series_that_vanishes_adds_nothing_and_is_known_when_it_is_back() {
    let both = page(&[("200", 1000), ("500", 70)]);
    let world = World::serving(&both, &page(&[("200", 50)])).await;
    let mut observer = Observer::settled(world.source(ratio())).await;
    world.blue.set(&page(&[("200", 1010)]));
    observer.counts_exactly([(0, 10), (0, 0)]).await;
    world.blue.set(&page(&[("200", 1010), ("500", 73)]));
    observer.counts_exactly([(3, 13), (0, 0)]).await;
}

#[tokio::test]
async fn colours_that_differ_in_more_than_one_label_are_asked_one_by_one() {
    let world = World::serving(&page(&[("200", 10)]), &page(&[("200", 10), ("500", 1)])).await;
    let labels = colours(&[("colour", "blue"), ("tier", "a")], &[("colour", "green"), ("tier", "b")]);
    let mut observer = Observer::settled(source(world.prometheus.url(), ratio(), labels)).await;
    world.blue.set(&page(&[("200", 15)]));
    world.green.set(&page(&[("200", 20), ("500", 4)]));
    observer.counts_exactly([(0, 5), (3, 13)]).await;
}

#[tokio::test]
async fn a_server_that_is_down_is_not_reached_and_nothing_is_lost_when_it_is_back() {
    let mut world = World::serving(&page(&[("200", 100)]), &page(&[("200", 100)])).await;
    let mut observer = Observer::settled(world.source(ratio())).await;
    world.prometheus.stop();
    let readings = observer.poll().await;
    assert_eq!(readings.each_ref().map(kind), [Some(GapKind::Refused); 2], "{readings:?}");
    assert!(observer.source.try_out().await.unwrap_err()[0].contains("source not reached"));
    world.blue.set(&page(&[("200", 120), ("500", 3)]));
    world.green.set(&page(&[("200", 130)]));
    world.prometheus.start().await;
    observer.counts_exactly([(3, 23), (0, 30)]).await;
}

#[tokio::test]
async fn a_colour_that_is_no_longer_scraped_becomes_stale_and_catches_up() {
    let mut world = World::serving(&page(&[("200", 100)]), &page(&[("200", 100)])).await;
    let mut observer = Observer::settled(world.source(ratio())).await;
    world.green.stop().await;
    world.blue.set(&page(&[("200", 110)]));
    let stale = |reading: &Reading| kind(reading) == Some(GapKind::Stale);
    let readings = observer.until("stale", |_, readings| stale(&readings[1])).await;
    assert!(detail(&readings[1]).contains("s old, scraped every"), "{readings:?}");
    // The other colour goes on alone.
    observer.until("blue alone", |sums, readings| sums[0].1 == 10 && stale(&readings[1])).await;
    world.green.set(&page(&[("200", 105), ("500", 1)]));
    world.green.start().await;
    observer.counts_exactly([(0, 10), (1, 6)]).await;
}

#[tokio::test]
async fn without_series_there_is_no_data_and_a_colour_that_appears_is_counted_from_then() {
    let world = World::serving(&page(&[("200", 100)]), "up_to_nothing 1\n").await;
    let mut observer = Observer::of(world.source(ratio()));
    observer
        .until("blue alone", |_, readings| {
            kind(&readings[0]).is_none() && kind(&readings[1]) == Some(GapKind::NoData)
        })
        .await;
    let lines = observer.source.try_out().await.unwrap();
    assert!(lines[0].starts_with("check `check`, blue: 1 series in total, 0 of them bad"), "{lines:?}");
    assert!(lines[1].contains("green: no data") && lines[1].contains("not running yet?"), "{lines:?}");
    world.green.set(&page(&[("200", 500)]));
    observer.until("both", |_, readings| readings.iter().all(|r| kind(r).is_none())).await;
    world.green.set(&page(&[("200", 503)]));
    observer.counts_exactly([(0, 0), (0, 3)]).await;
}

/// A page with a histogram: events up to 0.1, up to 0.5, and all.
fn durations(up_to: [u64; 3]) -> String {
    let buckets = ["0.1", "0.5", "+Inf"].iter().zip(up_to);
    let lines = buckets.map(|(le, n)| format!("duration_seconds_bucket{{le=\"{le}\"}} {n}\n"));
    lines.collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn histograms_are_differenced_bucket_by_bucket() {
    let world = World::serving(&durations([10, 20, 30]), &durations([1, 2, 3])).await;
    let buckets = Query::Histogram { buckets: "duration_seconds_bucket{{{labels}}}".into() };
    let mut observer = Observer::settled(world.source(buckets)).await;
    world.blue.set(&durations([15, 29, 40]));
    // Green began anew: every bucket counts in full, also the one that stands higher than before.
    world.green.set(&durations([2, 2, 2]));
    let shape =
        |bounds: &[f64], counts: &[u64]| Reading::histogram(bounds.to_vec(), counts.to_vec()).unwrap();
    let expected = [shape(&[0.1, 0.5], &[5, 4, 1]), shape(&[0.1, 0.5], &[2, 0, 0])];
    let mut found = [None, None];
    let end = Instant::now() + PATIENCE;
    while found.iter().any(Option::is_none) && Instant::now() < end {
        for (found, reading) in found.iter_mut().zip(observer.poll().await) {
            if reading.events() > 0 {
                *found = Some(reading);
            }
        }
        sleep(TICK).await;
    }
    assert_eq!(found, expected.map(Some));
    observer.counts_exactly([(1, 10), (0, 2)]).await;
}

#[tokio::test]
async fn an_expression_gives_one_number_for_each_colour() {
    let pages =
        ["load{cpu=\"0\"} 1\nload{cpu=\"1\"} 2\nidle 0\n", "load{cpu=\"0\"} 3\nload{cpu=\"1\"} 4\nidle 0\n"];
    let world = World::serving(pages[0], pages[1]).await;
    let mut sums = Observer::of(world.source(value("sum(load{{{labels}}})")));
    let both = [Reading::Value(3.0), Reading::Value(7.0)];
    sums.until("values", |_, readings| *readings == both).await;
    assert_eq!(sums.source.try_out().await.unwrap()[1], "check `check`, green: value 7");

    let found = Observer::of(world.source(value("load{{{labels}}}"))).poll().await;
    assert!(detail(&found[0]).contains("2 values") && detail(&found[1]).contains("aggregate"), "{found:?}");
    let found = Observer::of(world.source(value("sum(idle{{{labels}}} / idle{{{labels}}})"))).poll().await;
    assert!(detail(&found[0]).contains("NaN when there is no traffic"), "{found:?}");
    let found = Observer::of(world.source(value("sum(absence{{{labels}}})"))).poll().await;
    assert_eq!(found.each_ref().map(kind), [Some(GapKind::NoData); 2], "{found:?}");
}

#[tokio::test]
async fn a_query_that_the_server_does_not_understand_is_quoted() {
    let world = World::serving("", "").await;
    for query in ["sum(load{{{labels}}}", "nonsense(load{{{labels}}})"] {
        let found = Observer::of(world.source(value(query))).poll().await;
        assert_eq!(found.each_ref().map(kind), [Some(GapKind::Malformed); 2], "{found:?}");
        assert!(
            detail(&found[0]).contains("bad_data") && detail(&found[0]).contains("parse error"),
            "{found:?}"
        );
    }
    let aggregated = Query::Counters { bad: "sum(a{{{labels}}})".into(), total: "sum(b{{{labels}}})".into() };
    let mut source = world.source(aggregated);
    let failures = source.try_out().await.unwrap_err();
    assert!(failures[0].contains("only allowed for vector selectors"), "{failures:?}");
    // Neither colour has a series, so the name is probably wrong.
    let failures = world.source(ratio()).try_out().await.unwrap_err();
    assert!(failures[0].contains("blue: no data: no series"), "{failures:?}");
}
