//! From Prometheus' answer to typed series: whole counts, buckets, or one number.
//!
//! Everything that can be wrong with an answer is found here, so that [`super::watch`] and [`super::pairing`] only see
//! series whose samples rise in time and whose values are whole.
//! Pure: the answers come from [`super::ask`].

use std::collections::BTreeMap;

use prometheus_http_query::response::{Data, RangeVector, Sample};

use super::histogram::Buckets;
use crate::sample::{BadSample, Gap, GapKind, Reading};

/// Most series that one query may give.
///
/// Ten thousand is a hundred instances with a hundred label combinations each; beyond that a release check is asking
/// for more than it needs, and a tick's answer would run into tens of megabytes.
pub const SERIES_MAX: usize = 10_000;

/// The largest counter that a float still tells from its neighbours (2⁵³).
const COUNT_MAX: f64 = 9_007_199_254_740_992.0;

/// So many series are looked at for the scrape interval; they mostly share it.
const SPACING_SERIES_MAX: usize = 200;

/// A series' labels, metric name included.
pub type Labels = BTreeMap<String, String>;

/// One series, oldest sample first.
#[derive(Clone, Debug, PartialEq)]
pub struct Series<V> {
    /// What tells it from the others of its query.
    pub labels: Labels,
    /// Its raw samples, strictly rising in time.
    pub points: Vec<Point<V>>,
}

/// One raw sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Point<V> {
    /// The moment of the scrape by the server's clock, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What the series stood at.
    pub value: V,
}

/// The series of a range query.
///
/// # Errors
/// When it is another kind of answer, or too much of it.
pub fn ranges(data: Data) -> Result<Vec<RangeVector>, BadSample> {
    let Data::Matrix(ranges) = data else {
        return Err(BadSample(
            "a plain selector is needed here, this is an expression with one value per series".into(),
        ));
    };
    if ranges.len() > SERIES_MAX {
        return Err(BadSample(format!(
            "more than {SERIES_MAX} series: narrow the selector by more matchers, or record a sum by instance"
        )));
    }
    Ok(ranges)
}

/// Tells the series of a joint query apart by the value of `key`.
#[must_use]
pub fn split(ranges: Vec<RangeVector>, key: &str, values: &[String; 2]) -> [Vec<RangeVector>; 2] {
    let mut sides = [Vec::new(), Vec::new()];
    for range in ranges {
        let value = range.metric().get(key);
        if let Some(side) = values.iter().position(|v| Some(v) == value) {
            sides[side].push(range);
        }
    }
    sides
}

/// Counters, whole and exact.
///
/// # Errors
/// When a value is negative, not whole, not finite or beyond 2⁵³, or a series comes twice.
pub fn counters(ranges: Vec<RangeVector>) -> Result<Vec<Series<u64>>, BadSample> {
    let mut found: BTreeMap<Labels, Vec<Point<u64>>> = BTreeMap::new();
    for range in ranges {
        let (labels, points) = counter(range)?;
        if found.contains_key(&labels) {
            return Err(BadSample(format!("series {} comes twice", name(&labels))));
        }
        found.insert(labels, points);
    }
    let series = found.into_iter();
    Ok(series.map(|(labels, points)| Series { labels, points }).collect())
}

fn counter(range: RangeVector) -> Result<(Labels, Vec<Point<u64>>), BadSample> {
    let (labels, samples) = range.into_inner();
    let labels: Labels = labels.into_iter().collect();
    let points: Result<Vec<_>, _> = samples.iter().map(|s| point(&labels, s)).collect();
    let points = points?;
    if points.windows(2).any(|w| w[0].at_ms >= w[1].at_ms) {
        return Err(BadSample(format!("samples of {} are not in order of time", name(&labels))));
    }
    Ok((labels, points))
}

fn point(labels: &Labels, sample: &Sample) -> Result<Point<u64>, BadSample> {
    let value = sample.value();
    let whole = value.is_finite() && value.fract() == 0.0;
    if !whole || !(0.0..=COUNT_MAX).contains(&value) {
        return Err(BadSample(format!(
            "{} stands at {value}, but a counter of events is a whole number from 0 to 2^53",
            name(labels)
        )));
    }
    // Whole and in range by the check above.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let value = value as u64;
    Ok(Point { at_ms: milliseconds(sample.timestamp()), value })
}

/// Prometheus writes its moments as seconds with three decimals.
#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds since the epoch fit 64 bits; `as` saturates"
)]
#[must_use]
pub fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// Classic histograms: the `_bucket` series that differ in `le` only, put together scrape by scrape.
///
/// # Errors
/// As for [`counters`], and when `le` is missing or not a number, or the `+Inf` bucket is missing.
pub fn histograms(ranges: Vec<RangeVector>) -> Result<Vec<Series<Buckets>>, BadSample> {
    let mut found: BTreeMap<Labels, BTreeMap<i64, Vec<(f64, u64)>>> = BTreeMap::new();
    for Series { mut labels, points } in counters(ranges)? {
        let bound = bound(&labels)?;
        labels.remove("le");
        let scrapes = found.entry(labels).or_default();
        for Point { at_ms, value } in points {
            scrapes.entry(at_ms).or_default().push((bound, value));
        }
    }
    found.into_iter().map(|(labels, scrapes)| histogram(labels, scrapes)).collect()
}

fn histogram(labels: Labels, scrapes: BTreeMap<i64, Vec<(f64, u64)>>) -> Result<Series<Buckets>, BadSample> {
    let points = scrapes.into_iter().map(|(at_ms, buckets)| {
        let value = Buckets::assemble(buckets)
            .map_err(|why| BadSample(format!("histogram {}: {why}", name(&labels))))?;
        Ok(Point { at_ms, value })
    });
    let points = points.collect::<Result<Vec<_>, BadSample>>()?;
    Ok(Series { labels, points })
}

fn bound(labels: &Labels) -> Result<f64, BadSample> {
    let Some(le) = labels.get("le") else {
        return Err(BadSample(format!(
            "{} has no label `le`: select the `_bucket` series of a classic histogram",
            name(labels)
        )));
    };
    match le.parse::<f64>() {
        Ok(bound) if bound.is_finite() || bound == f64::INFINITY => Ok(bound),
        _ => Err(BadSample(format!("{} has a bound that is no number", name(labels)))),
    }
}

/// The one number of an expression.
#[must_use]
pub fn number(data: &Data) -> Reading {
    let value = match data {
        Data::Scalar(sample) => sample.value(),
        Data::Vector(elements) => match elements.as_slice() {
            [] => return Reading::gap(GapKind::NoData, "the query gives no value"),
            [element] => element.sample().value(),
            several => {
                let text = format!(
                    "the query gives {} values where one is needed: aggregate it, as in `sum(...)` or `avg(...)`",
                    several.len()
                );
                return Reading::gap(GapKind::Malformed, text);
            }
        },
        Data::Matrix(_) => {
            let text = "the query gives a range of samples where one number is needed: \
                        take `rate(...)` or `avg_over_time(...)` of it";
            return Reading::gap(GapKind::Malformed, text);
        }
    };
    Reading::value(value).unwrap_or_else(|_| {
        let text =
            format!("the query gives {value}; a division gives NaN when there is no traffic to divide by");
        Reading::gap(GapKind::Malformed, text)
    })
}

/// The usual time between scrapes: the median over the series' neighbouring samples.
/// `None` when no series has two samples.
#[must_use]
pub fn spacing_ms<V>(series: &[Series<V>]) -> Option<u64> {
    let mut spacings: Vec<i64> = series
        .iter()
        .take(SPACING_SERIES_MAX)
        .flat_map(|s| s.points.windows(2).map(|w| w[1].at_ms - w[0].at_ms))
        .collect();
    if spacings.is_empty() {
        return None;
    }
    let middle = spacings.len() / 2;
    let (_, median, _) = spacings.select_nth_unstable(middle);
    u64::try_from(*median).ok()
}

/// The newest sample of all.
#[must_use]
pub fn newest_ms<V>(series: &[Series<V>]) -> Option<i64> {
    series.iter().filter_map(|s| s.points.last()).map(|p| p.at_ms).max()
}

/// A gap for an answer that is not a measurement.
#[must_use]
pub fn malformed(why: &BadSample) -> Gap {
    Gap { kind: GapKind::Malformed, detail: bounded(&why.0) }
}

/// A text from outside, cut to what fits into a log line.
#[must_use]
pub fn bounded(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A series as Prometheus writes it.
fn name(labels: &Labels) -> String {
    let metric = labels.get("__name__").map_or("", String::as_str);
    let rest = labels.iter().filter(|(key, _)| *key != "__name__");
    let rest: Vec<_> = rest.map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    bounded(&format!("{metric}{{{}}}", rest.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(json: &str) -> Data {
        serde_json::from_str(json).unwrap()
    }

    fn matrix(series: &str) -> Vec<RangeVector> {
        ranges(data(&format!(r#"{{"resultType":"matrix","result":[{series}]}}"#))).unwrap()
    }

    #[test]
    fn raw_samples_keep_the_servers_own_moments() {
        let found = counters(matrix(
            r#"{"metric":{"__name__":"x","a":"1"},"values":[[1700000000.123,"3"],[1700000001.124,"5"]]}"#,
        ));
        let [series] = found.unwrap().try_into().unwrap();
        let expected = [(1_700_000_000_123, 3), (1_700_000_001_124, 5)];
        assert_eq!(series.points, expected.map(|(at_ms, value)| Point { at_ms, value }));
        assert_eq!(spacing_ms(std::slice::from_ref(&series)), Some(1001));
        assert_eq!(newest_ms(&[series]), Some(1_700_000_001_124));
    }

    #[test]
    fn a_counter_that_cannot_be_is_refused() {
        for value in ["NaN", "+Inf", "-1", "2.5", "1e16"] {
            let series = format!(r#"{{"metric":{{"__name__":"x"}},"values":[[1,"{value}"]]}}"#);
            let refused = counters(matrix(&series)).unwrap_err().to_string();
            assert!(refused.contains("whole number"), "{value}: {refused}");
        }
        let backwards = r#"{"metric":{},"values":[[2,"1"],[1,"2"]]}"#;
        assert!(counters(matrix(backwards)).unwrap_err().to_string().contains("order of time"));
        let twice = r#"{"metric":{"a":"b"},"values":[[1,"1"]]},{"metric":{"a":"b"},"values":[[1,"1"]]}"#;
        assert!(counters(matrix(twice)).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn series_beyond_the_bound_are_refused_with_a_remedy() {
        let one = r#"{"metric":{},"values":[]}"#;
        let many = vec![one; SERIES_MAX + 1].join(",");
        let data = data(&format!(r#"{{"resultType":"matrix","result":[{many}]}}"#));
        assert!(ranges(data).unwrap_err().to_string().contains("narrow the selector"));
    }

    #[test]
    fn a_joint_answer_is_split_by_the_label_that_differs() {
        let series = |c: &str| format!(r#"{{"metric":{{"c":"{c}"}},"values":[[1,"1"]]}}"#);
        let all = [series("b"), series("g"), series("other")].join(",");
        let [blue, green] = split(matrix(&all), "c", &["b".into(), "g".into()]);
        assert_eq!((blue.len(), green.len()), (1, 1));
        assert_eq!(green[0].metric()["c"], "g");
    }

    #[test]
    fn buckets_of_one_scrape_become_one_histogram() {
        let bucket =
            |le: &str, n: u64| format!(r#"{{"metric":{{"i":"1","le":"{le}"}},"values":[[1,"{n}"]]}}"#);
        let all = [bucket("+Inf", 9), bucket("0.5", 4), bucket("1", 7)].join(",");
        let [found] = histograms(matrix(&all)).unwrap().try_into().unwrap();
        let expected = Buckets::assemble(vec![(0.5, 4), (1.0, 7), (f64::INFINITY, 9)]).unwrap();
        assert_eq!(found.points, [Point { at_ms: 1000, value: expected }]);
        let refused = histograms(matrix(&bucket("0.5", 4))).unwrap_err().to_string();
        assert!(refused.contains("+Inf"), "{refused}");
        let unbounded = r#"{"metric":{"i":"1"},"values":[[1,"1"]]}"#;
        assert!(histograms(matrix(unbounded)).unwrap_err().to_string().contains("_bucket"));
    }

    #[test]
    fn an_expression_gives_exactly_one_number_or_a_gap_that_says_why() {
        let gap_of = |json: &str| match number(&data(json)) {
            Reading::Gap(gap) => gap,
            other => panic!("a gap expected, not {other:?}"),
        };
        let element = |v: &str| format!(r#"{{"metric":{{}},"value":[1,"{v}"]}}"#);
        let vector = |all: &str| format!(r#"{{"resultType":"vector","result":[{all}]}}"#);
        let one = number(&data(&vector(&element("0.25"))));
        assert_eq!(one, Reading::Value(0.25));
        let scalar = number(&data(r#"{"resultType":"scalar","result":[1,"7"]}"#));
        assert_eq!(scalar, Reading::Value(7.0));
        assert_eq!(gap_of(&vector("")).kind, GapKind::NoData);
        let two = gap_of(&vector(&[element("1"), element("2")].join(",")));
        assert!(two.detail.contains("2 values") && two.detail.contains("aggregate"));
        assert!(gap_of(&vector(&element("NaN"))).detail.contains("no traffic"));
        assert_eq!(gap_of(&vector(&element("+Inf"))).kind, GapKind::Malformed);
        assert!(gap_of(r#"{"resultType":"matrix","result":[]}"#).detail.contains("rate("));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(bounded("kurz"), "kurz");
        assert_eq!(bounded(&"ä".repeat(1000)).chars().count(), 301);
    }
}
