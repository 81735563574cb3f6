//! `[[checks]]`: what is compared, and how it is measured.

use std::ops::Range;

use super::latency;
use super::model::{CheckRule, Query};
use super::promql::{self, Flaw};
use super::section::Section;
use super::shape::{Choice, End, Flag, Name, Number, Text, Time};
use super::sink::{Read, Reported};
use super::sources::{self, Kind as SourceKind};
use crate::judge::spec::{Bound, CheckKind, CheckSpec, Direction, RatioSpec, ValueLimit, ValueSpec};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ratio,
    Latency,
    Value,
}

const KIND: Choice<Kind> = Choice {
    words: &[("ratio", Kind::Ratio), ("latency", Kind::Latency), ("value", Kind::Value)],
    planned: &[],
    example: "\"ratio\"",
};

const NAME: Name = Name { example: "\"errors\"" };

/// At 1 every release is harm or health by chance; a hundredfold is no tolerance but an absence of one.
pub(super) const TOLERANCE: Number = Number { low: End::Beyond(1.0), high: End::At(100.0), example: "1.5" };

pub(super) const FLOOR: Number = Number::share("0.001");
pub(super) const LIMIT: Number = Number::share("0.05");

const BAD: Text = Text { example: r#"'http_requests_total{code=~"5..", {{labels}}}'"# };
const TOTAL: Text = Text { example: "'http_requests_total{ {{labels}} }'" };
const QUERY: Text = Text { example: "'avg(process_open_fds{ {{labels}} })'" };
const STATUSES: Text = Text { example: "\"5xx, 429\"" };

/// What the embedded router counts as bad if nothing is said.
const BAD_DEFAULT: &str = "5xx";

const DIRECTION: Choice<Direction> = Choice {
    words: &[
        ("increase", Direction::Increase),
        ("decrease", Direction::Decrease),
        ("either", Direction::Either),
    ],
    planned: &[],
    example: "\"increase\"",
};

const ANY: Number = Number { low: End::Open, high: End::Open, example: "0.95" };

/// No release waits a day for a limit.
const FOR: Time = Time { min_ms: 0, max_ms: 86_400_000, example: "\"1m\"" };

/// A check as it was read, with the place of its name for what is said of it later.
pub(super) struct Draft {
    pub name: Read<(String, Range<usize>)>,
    pub rule: Read<(CheckSpec, CheckRule)>,
    /// Whether it needs labels.
    pub by_prometheus: bool,
}

/// Reads `[[checks]]`, in the order of the file.
pub(super) fn read(root: &mut Section<'_>, sources: &Read<Vec<sources::Draft>>) -> Vec<Draft> {
    root.tables("checks").into_iter().map(|section| read_one(section, sources)).collect()
}

/// The name of a check or probe, and from then on what its table is called.
pub(super) fn name(section: &mut Section<'_>, noun: &str, shape: &Name) -> Read<(String, Range<usize>)> {
    let name = section.required("name", shape)?;
    section.rename(format!("{noun} `{name}`"));
    Ok((name, section.span_of("name")))
}

fn read_one(mut section: Section<'_>, sources: &Read<Vec<sources::Draft>>) -> Draft {
    let name = name(&mut section, "check", &NAME);
    let kind = section.required("kind", &KIND);
    let source = sources::resolve(&mut section, sources);
    let critical = section.or("critical", &Flag, true);
    let (at, by) = match source {
        Ok((at, by)) => (Ok(at), by),
        Err(Reported) => (Err(Reported), Err(Reported)),
    };
    let measured = match (kind, by) {
        (Ok(Kind::Ratio), by) => ratio(&mut section, by),
        (Ok(Kind::Latency), by) => latency::read(&mut section, by),
        (Ok(Kind::Value), by) => value(&mut section, by),
        (Err(Reported), _) => Err(Reported),
    };
    let refused: &[&str] = match by {
        Ok(SourceKind::Embedded) => &["total", "histogram"],
        _ => &[],
    };
    // Which keys are valid depends on the kind.
    match kind {
        Ok(_) => section.finish(refused),
        Err(Reported) => section.finish_partly(),
    };
    let rule = (|| {
        let (name, (kind, query)) = (name.clone()?.0, measured?);
        let rule = CheckRule { name: name.clone(), source: at?, query };
        Ok((CheckSpec { name, critical: critical?, probe: false, kind }, rule))
    })();
    Draft { name, rule, by_prometheus: by == Ok(SourceKind::Prometheus) }
}

/// How a check compares, and what it asks.
pub(super) type Measured = Read<(CheckKind, Query)>;

fn ratio(section: &mut Section<'_>, by: Read<SourceKind>) -> Measured {
    let query = match by {
        Ok(SourceKind::Prometheus) => counters(section),
        Ok(SourceKind::Embedded) => statuses(section),
        Err(Reported) => unjudged(section),
    };
    let tolerance = section.required("tolerance", &TOLERANCE);
    let floor = section.optional("floor", &FLOOR);
    let limit = section.optional("limit", &LIMIT);
    floor_below_limit(section, floor, limit);
    let spec = RatioSpec { tolerance: tolerance?, floor: floor?, limit: limit? };
    Ok((CheckKind::Ratio(spec), query?))
}

/// A floor above the limit would make rates matter only where they are harm already.
pub(super) fn floor_below_limit(
    section: &mut Section<'_>,
    floor: Read<Option<f64>>,
    limit: Read<Option<f64>>,
) {
    if let (Ok(Some(floor)), Ok(Some(limit))) = (floor, limit)
        && floor > limit
    {
        let place = section.place();
        let message = format!("`floor` ({floor}) in {place} is above `limit` ({limit})");
        let remedy = format!("choose a `floor` of at most {limit}");
        section.conflict(&["floor", "limit"], section.span_of("floor"), message, remedy);
    }
}

fn counters(section: &mut Section<'_>) -> Read<Query> {
    let bad =
        section.required("bad", &BAD).and_then(|bad| promql(section, "bad", bad, promql::check_selector));
    let total = section
        .required("total", &TOTAL)
        .and_then(|total| promql(section, "total", total, promql::check_selector));
    Ok(Query::Counters { bad: bad?, total: total? })
}

/// Without a source it cannot be known what would be right: the keys are valid, and nothing is missing.
fn unjudged(section: &mut Section<'_>) -> Read<Query> {
    let bad = section.optional("bad", &BAD);
    let total = section.optional("total", &TOTAL);
    bad.and(total).and(Err(Reported))
}

/// Status classes and codes, for the embedded source.
fn statuses(section: &mut Section<'_>) -> Read<Query> {
    let why = "the embedded router counts every request itself";
    let total = section.refuse("total", why, "remove it");
    let histogram = section.refuse("histogram", why, "remove it");
    let text = section.or("bad", &STATUSES, BAD_DEFAULT.into())?;
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    if let Some(wrong) = words.iter().find(|word| !is_status(word)) {
        let message =
            format!("`bad` in {}: `{wrong}` is neither a class nor a code of status", section.place());
        return Err(section.sink().fault(
            section.span_of("bad"),
            message,
            "the embedded source takes a list such as `bad = \"5xx, 429\"`",
        ));
    }
    total.and(histogram)?;
    Ok(Query::Counters { bad: words.join(","), total: String::new() })
}

/// `5xx` or `429`.
fn is_status(word: &str) -> bool {
    let is_class = matches!(word.as_bytes(), [b'1'..=b'5', b'x', b'x']);
    let is_code = word.len() == 3 && word.parse().is_ok_and(|code: u16| (100..=599).contains(&code));
    is_class || is_code
}

fn value(section: &mut Section<'_>, by: Read<SourceKind>) -> Measured {
    let embedded = if by == Ok(SourceKind::Embedded) {
        let message = format!("`kind` in {}: the embedded source cannot measure a `value`", section.place());
        let span = section.span_of("kind");
        Err(section.sink().fault(
            span,
            message,
            "use a source of kind `prometheus`, or a check of kind `ratio` or `latency`",
        ))
    } else {
        Ok(())
    };
    let query = if embedded.is_ok() {
        section.required("query", &QUERY).and_then(|query| promql(section, "query", query, promql::check))
    } else {
        section.optional("query", &QUERY).and(Err(Reported))
    };
    let tolerance = section.required("tolerance", &TOLERANCE);
    let direction = section.or("direction", &DIRECTION, Direction::Increase);
    let limit = value_limit(section);
    embedded?;
    let spec = ValueSpec { tolerance: tolerance?, direction: direction?, limit: limit? };
    Ok((CheckKind::Value(spec), Query::Value { query: query? }))
}

fn value_limit(section: &mut Section<'_>) -> Read<Option<ValueLimit>> {
    let Some(mut limit) = section.table("limit", format!("`limit` of {}", section.place()))? else {
        return Ok(None);
    };
    let above = limit.optional("above", &ANY);
    let below = limit.optional("below", &ANY);
    let for_ms = limit.required("for", &FOR);
    let bound = match (above, below) {
        (Err(Reported), _) | (_, Err(Reported)) => Err(Reported),
        (Ok(Some(above)), Ok(None)) => Ok(Bound::Above(above)),
        (Ok(None), Ok(Some(below))) => Ok(Bound::Below(below)),
        (Ok(None), Ok(None)) => {
            let remedy = format!("add `above = {}` or `below = {0}`", ANY.example);
            Err(limit.missing_one_of(&["above", "below"], remedy))
        }
        (Ok(Some(_)), Ok(Some(_))) => {
            let message = format!("{} has both `above` and `below`", limit.place());
            Err(limit.sink().fault(limit.span(), message, "keep one; another check can watch the other side"))
        }
    };
    limit.finish(&[]);
    Ok(Some(ValueLimit { bound: bound?, for_ms: for_ms? }))
}

/// Reports what is wrong with a query, at the very character where the text is written without escapes.
pub(super) fn promql(
    section: &Section<'_>,
    key: &str,
    query: String,
    check: fn(&str) -> Result<(), Flaw>,
) -> Read<String> {
    let Err(flaw) = check(&query) else {
        return Ok(query);
    };
    let sink = section.sink();
    let span = section.span_of(key);
    let within = sink.text()[span.clone()].find(query.as_str()).map(|at| {
        let start = span.start + at + flaw.at;
        start..start + flaw.length
    });
    // A flaw of the whole query is shown with its quotes.
    let place = within.filter(|_| flaw.length < query.len()).unwrap_or(span);
    Err(sink.fault(place, format!("`{key}` in {}: {}", section.place(), flaw.message), flaw.remedy))
}
