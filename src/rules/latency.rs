//! Checks of kind `latency`: quantiles of the live colour that the candidate is held against, and a ceiling.

use super::checks::{Measured, TOLERANCE, promql};
use super::model::Query;
use super::promql as queries;
use super::section::{Item, Section};
use super::shape::{Number, Shape, Text, Time};
use super::sink::{Read, Reported};
use super::sources::Kind as SourceKind;
use crate::judge::spec::{CheckKind, LatencySpec, QuantileSpec, SlowLimit};

const HISTOGRAM: Text = Text { example: "'http_request_duration_seconds_bucket{ {{labels}} }'" };

/// Each quantile is a test of its own and takes its part of the error budget.
const QUANTILES_MAX: usize = 8;

const QUANTILES_REMEDY: &str = "add `quantiles = { p50 = 1.2, p99 = 1.5 }`";

/// A request that takes a day is lost.
const OVER: Time = Time { min_ms: 1, max_ms: 86_400_000, example: "\"2s\"" };

const SHARE: Number = Number::share("0.02");

/// Reads what a latency check has of its own.
pub(super) fn read(section: &mut Section<'_>, by: Read<SourceKind>) -> Measured {
    let buckets = match by {
        Ok(SourceKind::Prometheus) => buckets(section),
        Ok(SourceKind::Embedded) => {
            let why = "the embedded router measures every request itself";
            let total = section.refuse("total", why, "remove it");
            let histogram = section.refuse("histogram", why, "remove it");
            total.and(histogram).map(|()| String::new())
        }
        // Without a source it cannot be known what would be right.
        Err(Reported) => section.optional("histogram", &HISTOGRAM).and(Err(Reported)),
    };
    let quantiles = quantiles(section);
    let limit = limit(section);
    if quantiles.as_ref().is_ok_and(Vec::is_empty) && limit == Ok(None) {
        return Err(section.missing_one_of(&["quantiles", "limit"], QUANTILES_REMEDY));
    }
    let spec = LatencySpec { quantiles: quantiles?, limit: limit? };
    Ok((CheckKind::Latency(spec), Query::Histogram { buckets: buckets? }))
}

fn buckets(section: &mut Section<'_>) -> Read<String> {
    let query = section.required("histogram", &HISTOGRAM)?;
    let query = promql(section, "histogram", query, queries::check_selector)?;
    remark(section, &query);
    Ok(query)
}

fn remark(section: &Section<'_>, query: &str) {
    let metric = queries::metric(query);
    if !metric.is_empty() && !metric.ends_with("_bucket") {
        let message = format!(
            "`histogram` in {}: `{metric}` does not end in `_bucket`, as a classic histogram's counters do",
            section.place()
        );
        section.sink().note(section.span_of("histogram"), message, format!("is `{metric}_bucket` meant?"));
    }
}

/// The quantiles, rising; none if there is no such key.
fn quantiles(section: &mut Section<'_>) -> Read<Vec<QuantileSpec>> {
    let Some(table) = section.table("quantiles", format!("`quantiles` of {}", section.place()))? else {
        return Ok(Vec::new());
    };
    let entries = table.entries();
    if entries.len() > QUANTILES_MAX {
        let message =
            format!("{} has {} entries; at most {QUANTILES_MAX} are tested", table.place(), entries.len());
        return Err(table.sink().fault(table.span(), message, "keep those that users feel: `p50` and `p99`"));
    }
    let read: Vec<Read<QuantileSpec>> = entries.iter().map(quantile).collect();
    let mut quantiles = read.into_iter().collect::<Read<Vec<_>>>()?;
    quantiles.sort_by(|a, b| a.quantile.total_cmp(&b.quantile));
    if let Some(pair) =
        quantiles.windows(2).find(|pair| pair[0].quantile.total_cmp(&pair[1].quantile).is_eq())
    {
        let message = format!("`{}` and `{}` are the same quantile", pair[0].name, pair[1].name);
        return Err(table.sink().fault(table.span_of(&pair[1].name), message, "keep one"));
    }
    Ok(quantiles)
}

fn quantile(item: &Item<'_>) -> Read<QuantileSpec> {
    let Some(quantile) = quantile_of(&item.key) else {
        let message = format!("{} is not a quantile", item.name);
        return Err(item.sink().fault(
            item.key_span.clone(),
            message,
            "write `p50`, `p99`, `\"p99.9\"` or `p999`",
        ));
    };
    if let Some((decimals, tolerance)) = item.value.get_ref().as_table().and_then(|table| table.iter().next())
    {
        // `p99.9 = 1.5` is TOML for a table `p99` with a key `9`.
        let (key, decimals) = (&item.key, decimals.get_ref());
        let shown = item.sink().text().get(tolerance.span()).unwrap_or(TOLERANCE.example);
        let message = format!("{} is cut at its dot", item.name);
        return Err(item.sink().fault(
            item.key_span.clone(),
            message,
            format!("put it in quotes: `\"{key}.{decimals}\" = {shown}`"),
        ));
    }
    Ok(QuantileSpec { name: item.key.clone(), quantile, tolerance: TOLERANCE.read(item)? })
}

/// `p50` is 0.5, `p99.9` and `p999` are 0.999. Three digits and more start with a 9, so that `p100` is not 0.1.
fn quantile_of(name: &str) -> Option<f64> {
    let digits = name.strip_prefix('p')?;
    let (whole, decimals) = match digits.split_once('.') {
        Some((whole, decimals)) if !decimals.is_empty() => (whole, decimals),
        Some(_) => return None,
        None if digits.len() > 2 && digits.starts_with('9') => digits.split_at(2),
        None => (digits, ""),
    };
    let is_short = (1..=2).contains(&whole.len()) && decimals.len() <= 3;
    if !is_short || !format!("{whole}{decimals}").bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Read as one decimal number, so that 0.999 is the float nearest to it.
    let quantile: f64 = format!("0.{whole:0>2}{decimals}").parse().ok()?;
    (quantile > 0.0).then_some(quantile)
}

fn limit(section: &mut Section<'_>) -> Read<Option<SlowLimit>> {
    let Some(mut limit) = section.table("limit", format!("`limit` of {}", section.place()))? else {
        return Ok(None);
    };
    let over_ms = limit.required("over", &OVER);
    let share = limit.required("share", &SHARE);
    limit.finish(&[]);
    Ok(Some(SlowLimit {
        // Milliseconds of at most a day: exact.
        #[expect(clippy::cast_precision_loss, reason = "at most 86,400,000")]
        over_s: over_ms? as f64 / 1_000.0,
        share: share?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_name() {
        let cases = [
            ("p50", Some(0.5)),
            ("p5", Some(0.05)),
            ("p99", Some(0.99)),
            ("p99.9", Some(0.999)),
            ("p999", Some(0.999)),
            ("p9999", Some(0.9999)),
            ("p99.99", Some(0.9999)),
            ("p100", None),
            ("p0", None),
            ("p", None),
            ("p99.", None),
            ("p.9", None),
            ("50", None),
            ("p-1", None),
            ("median", None),
            ("p٥", None),
        ];
        for (name, quantile) in cases {
            assert_eq!(quantile_of(name), quantile, "{name}");
        }
    }
}
