//! One question to the server: asked within a time, answered within a size, or a gap that says why not.

use prometheus_http_query::response::{Data, PromqlResult};
use prometheus_http_query::{Client, Error};
use serde::Deserialize;

use super::series::{Scrape, Series};
use crate::sample::{Gap, GapKind};

/// An answer larger than this is a query that selects too much: 10,000 series of a minute have about 15 MB.
const BODY_BYTES_MAX: usize = 32 << 20;

/// A service with more series than this per check wants a recording rule.
const SERIES_MAX: usize = 10_000;

/// So much of the server's own words is passed on.
const WORDS_MAX: usize = 200;

/// The API's envelope.
#[derive(Deserialize)]
struct Envelope {
    data: Option<PromqlResult>,
    error: Option<String>,
}

/// Asks; every failure is a gap with its reason.
pub async fn ask(client: &Client, query: &str) -> Result<Data, Gap> {
    let mut response = client.query(query).get_raw().await.map_err(|error| gap_of(&error))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| gap_of_transport(&error))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(malformed(format!(
                "more than {} MiB: narrow the query `{query}`",
                BODY_BYTES_MAX >> 20
            )));
        }
        body.extend_from_slice(&chunk);
    }
    let envelope: Envelope = serde_json::from_slice(&body).map_err(|error| {
        malformed(format!(
            "status {status}, not the API's JSON ({error}): {}",
            clipped(&String::from_utf8_lossy(&body))
        ))
    })?;
    match envelope {
        Envelope { error: Some(error), .. } => {
            Err(malformed(format!("`{}`: {}", clipped(query), clipped(&error))))
        }
        Envelope { data: Some(data), .. } if status.is_success() => bounded(data.into_inner().0, query),
        Envelope { .. } => Err(malformed(format!("status {status} without data"))),
    }
}

/// Asks for raw scrapes: `selector[window]`.
pub async fn ask_scrapes(client: &Client, selector: &str, window_s: u64) -> Result<Vec<Series>, Gap> {
    let query = format!("{selector}[{window_s}s]");
    let Data::Matrix(series) = ask(client, &query).await? else {
        return Err(malformed(format!("`{}` is no selector of series", clipped(selector))));
    };
    Ok(series
        .into_iter()
        .map(|one| {
            let (labels, scrapes) = one.into_inner();
            let scrape = |sample: prometheus_http_query::response::Sample| Scrape {
                at_ms: milliseconds(sample.timestamp()),
                value: sample.value(),
            };
            Series {
                labels: labels.into_iter().collect(),
                scrapes: scrapes.into_iter().map(scrape).collect(),
            }
        })
        .collect())
}

/// Asks for one number.
pub async fn ask_number(client: &Client, query: &str) -> Result<f64, Gap> {
    let values: Vec<f64> = match ask(client, query).await? {
        Data::Scalar(sample) => vec![sample.value()],
        Data::Vector(vector) => vector.iter().map(|one| one.sample().value()).collect(),
        Data::Matrix(_) => return Err(malformed(format!("`{}` gives ranges, not a number", clipped(query)))),
    };
    match values[..] {
        [] => Err(Gap { kind: GapKind::NoData, detail: format!("`{}` gives nothing", clipped(query)) }),
        [value] if value.is_finite() => Ok(value),
        [value] => {
            Err(malformed(format!("`{}` gives {value} (a division without traffic?)", clipped(query))))
        }
        _ => Err(malformed(format!(
            "`{}` gives {} values: aggregate them, as in avg(…)",
            clipped(query),
            values.len()
        ))),
    }
}

/// Answers and errors that are no measurement.
pub fn malformed(detail: String) -> Gap {
    Gap { kind: GapKind::Malformed, detail }
}

fn bounded(data: Data, query: &str) -> Result<Data, Gap> {
    let series = match &data {
        Data::Vector(vector) => vector.len(),
        Data::Matrix(matrix) => matrix.len(),
        Data::Scalar(_) => 1,
    };
    if series > SERIES_MAX {
        let query = clipped(query);
        return Err(malformed(format!(
            "{series} series, at most {SERIES_MAX}: narrow or aggregate `{query}`"
        )));
    }
    Ok(data)
}

#[expect(clippy::cast_possible_truncation, reason = "times of this millennium fit")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

fn gap_of(error: &Error) -> Gap {
    match error {
        Error::Client(error) => error.inner().map_or_else(|| malformed(error.to_string()), gap_of_transport),
        Error::Prometheus(error) => malformed(clipped(error.message())),
        other => malformed(clipped(&other.to_string())),
    }
}

fn gap_of_transport(error: &reqwest::Error) -> Gap {
    let kind = if error.is_timeout() {
        GapKind::TimedOut
    } else if error.is_connect() {
        GapKind::Refused
    } else {
        GapKind::Malformed
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Gap { kind, detail: clipped(&cause.to_string()) }
}

fn clipped(text: &str) -> String {
    let mut clipped: String = text.chars().take(WORDS_MAX).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}
