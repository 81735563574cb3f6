//! One query to a Prometheus HTTP API and its answer, within a deadline and a size.
//!
//! `prometheus-http-query` makes the request and knows the shape of the result; the body is read here, because the
//! crate would read one of any length.
//! Whatever goes wrong becomes a [`Gap`]: not reached, not in time, or not a measurement.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use prometheus_http_query::Client;
use prometheus_http_query::response::Data;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::series::{SERIES_MAX, bounded, milliseconds};
use crate::sample::{Gap, GapKind};

/// Longest answer that is read.
///
/// [`SERIES_MAX`] series with their labels and a minute of scrapes every second come to about 20 MB.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// A Prometheus HTTP API.
pub struct Api {
    client: Client,
    timeout_ms: u64,
}

/// The envelope of every answer.
#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
}

impl Api {
    /// An API at its base address, asked through the shared client, with `timeout_ms` for one tick's queries together.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(
        url: &url::Url,
        client: reqwest::Client,
        timeout_ms: u64,
    ) -> Result<Self, prometheus_http_query::Error> {
        // The client joins paths with a slash of its own.
        let base = url.as_str().trim_end_matches('/');
        let client = Client::from(client, base)?;
        Ok(Self { client, timeout_ms })
    }

    /// When a tick that starts now must be through with all its queries.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.timeout_ms)
    }

    /// The server's own time, in milliseconds since the epoch.
    ///
    /// Ages are told by the clock that stamped the samples, so it does not matter whether the daemon's clock is right.
    pub async fn now_ms(&self, deadline: Instant) -> Result<i64, Gap> {
        match self.ask("time()", None, deadline).await? {
            Data::Scalar(sample) => Ok(milliseconds(sample.value())),
            _ => Err(gap(GapKind::Malformed, "`time()` did not give a number")),
        }
    }

    /// Evaluates a query at a moment of the server's time (now, if `None`).
    pub async fn ask(&self, promql: &str, at_ms: Option<i64>, deadline: Instant) -> Result<Data, Gap> {
        let answer = timeout_at(deadline, self.exchange(promql, at_ms, deadline)).await;
        answer.unwrap_or_else(|_| {
            let text = format!("no answer within {} ms for all queries of the tick", self.timeout_ms);
            Err(gap(GapKind::TimedOut, &text))
        })
    }

    async fn exchange(&self, promql: &str, at_ms: Option<i64>, deadline: Instant) -> Result<Data, Gap> {
        let left = deadline.saturating_duration_since(Instant::now());
        // The server then gives up in time, too. It refuses a time-out of zero.
        let left_ms = i64::try_from(left.as_millis()).unwrap_or(i64::MAX).max(1);
        let mut query = self.client.query(promql).timeout(left_ms);
        // Servers since 2.54 stop there; older ones ignore it, and the size of the body bounds the answer.
        query = query.query("limit", SERIES_MAX + 1);
        if let Some(at_ms) = at_ms {
            query = query.query("time", format_args!("{}.{:03}", at_ms / 1000, at_ms % 1000));
        }
        let response = query.get_raw().await.map_err(|e| not_sent(&e))?;
        let status = response.status();
        let body = read(response).await?;
        understand(status, &body)
    }
}

/// The body, up to the bound.
async fn read(mut response: Response) -> Result<Vec<u8>, Gap> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES_MAX => {
                let text = format!(
                    "the answer exceeds {} MiB: narrow the selector by more matchers, or record a sum by instance",
                    ANSWER_BYTES_MAX >> 20
                );
                return Err(gap(GapKind::Malformed, &text));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(e) => {
                let text =
                    format!("the answer broke off after {} bytes: {}", body.len(), causes(&e.without_url()));
                return Err(gap(GapKind::Malformed, &text));
            }
        }
    }
}

fn understand(status: StatusCode, body: &[u8]) -> Result<Data, Gap> {
    match serde_json::from_slice::<Answer>(body) {
        Ok(Answer { data: Some(data), error: None, .. }) if status.is_success() => Ok(data),
        Ok(Answer { error_type, error: Some(error), .. }) => {
            let error_type = error_type.unwrap_or_else(|| status.to_string());
            let kind = match error_type.as_str() {
                "timeout" => GapKind::TimedOut,
                _ => GapKind::Malformed,
            };
            Err(gap(kind, &format!("server says {error_type}: {error}")))
        }
        Ok(_) => Err(gap(GapKind::Malformed, &format!("HTTP {status} with neither data nor error"))),
        Err(e) if status.is_success() => {
            Err(gap(GapKind::Malformed, &format!("the answer is not that of a Prometheus query: {e}")))
        }
        Err(_) => {
            let text = String::from_utf8_lossy(body);
            Err(gap(GapKind::Malformed, &format!("HTTP {status}: {}", text.trim())))
        }
    }
}

/// No answer came at all.
fn not_sent(error: &prometheus_http_query::Error) -> Gap {
    let prometheus_http_query::Error::Client(client) = error else {
        return gap(GapKind::Malformed, &error.to_string());
    };
    let Some(cause) = client.inner() else {
        return gap(GapKind::Malformed, &error.to_string());
    };
    let kind = match () {
        // By a limit of the client itself, shorter than the deadline.
        () if cause.is_timeout() => GapKind::TimedOut,
        () if cause.is_builder() || not_http(cause) => GapKind::Malformed,
        () => GapKind::Refused,
    };
    gap(kind, &causes(cause))
}

/// Something answered, but it does not speak HTTP.
fn not_http(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(e) = cause {
        if e.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return true;
        }
        cause = e.source();
    }
    false
}

/// An error with its causes, without the outermost words (`error sending request for url …`).
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(e) = cause {
        let separator = if text.is_empty() { "" } else { ": " };
        let _ = write!(text, "{separator}{e}");
        cause = e.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

fn gap(kind: GapKind, detail: &str) -> Gap {
    Gap { kind, detail: bounded(detail) }
}
