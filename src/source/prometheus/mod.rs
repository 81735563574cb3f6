//! Samples from a Prometheus HTTP API.
//!
//! A tick asks the server for its own time first, and then every query of every check at that one moment.
//! Counters and buckets are fetched as raw samples (`selector[range]`), never as `rate()` or `increase()`: the judge
//! needs whole events, and Prometheus' own functions extrapolate. A sample carries the moment of its scrape, and only
//! those moments say what is new, what is late and what has ended.
//!
//! The way of an answer, each step in its own file:
//!
//! | file | says |
//! |---|---|
//! | `labels` | `{{labels}}` → PromQL; one query for both colours where their labels allow it |
//! | `ask` | one HTTP exchange within the deadline; what fails becomes a gap |
//! | `series` | the answer → series of whole counts |
//! | `histogram` | buckets → counts between bounds |
//! | `watch` | what was added to each series since it was last counted |
//! | `tally` | a ratio's two queries, or a histogram, for one colour |
//! | `pairing` | when both colours' counts are given |
//! | `check` | one check of the rules from its queries to its readings |
//!
//! Everything but `ask`, `check` and this file is pure.

mod ask;
mod check;
mod histogram;
mod labels;
mod pairing;
mod series;
mod tally;
mod watch;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;

use self::ask::Api;
use self::check::{Answers, Check, Moment, describe};
pub use self::labels::BadQuery;
use super::Source;
use crate::rules::model::{ColourRule, PrometheusRule, Query};
use crate::sample::{Colour, Gap, GapKind, Reading, Sample};

/// Checks that are asked at the same time, each with at most two queries under way.
///
/// Prometheus evaluates 20 queries at once by default and queues the rest; other users are to have most of that.
const CHECKS_AT_ONCE: usize = 4;

/// Why a source cannot be made from its rules.
#[derive(Debug, thiserror::Error)]
pub enum BadPrometheus {
    /// A query cannot be asked for two colours.
    #[error(transparent)]
    Query(#[from] BadQuery),
    /// The address is not one to ask at.
    #[error(
        "`{url}` is not the address of a Prometheus server: use `http://host:port` or `https://host/path`"
    )]
    Address {
        /// As in the rules.
        url: url::Url,
    },
}

/// Samples from a Prometheus HTTP API.
pub struct PrometheusSource {
    api: Api,
    colours: [Colour; 2],
    checks: Vec<Check>,
}

impl PrometheusSource {
    /// A source for `checks` (name and query of each), in the order in which its samples come.
    ///
    /// Make one for each release or keep it over several: what it remembers are the counters' last values, no samples.
    ///
    /// # Errors
    /// When the address is not HTTP, the colours' labels do not tell them apart, or a query has no `{{labels}}`.
    pub fn new(
        rule: &PrometheusRule,
        checks: Vec<(String, Query)>,
        colours: [ColourRule; 2],
        client: reqwest::Client,
    ) -> Result<Self, BadPrometheus> {
        let address = || BadPrometheus::Address { url: rule.url.clone() };
        if !matches!(rule.url.scheme(), "http" | "https") {
            return Err(address());
        }
        labels::check_colours(&colours)?;
        let checks: Result<_, _> =
            checks.into_iter().map(|(name, query)| Check::new(name, &query, &colours)).collect();
        Ok(Self {
            api: Api::new(&rule.url, client, rule.timeout_ms).map_err(|_| address())?,
            checks: checks?,
            colours: colours.map(|rule| rule.colour),
        })
    }

    /// Asks every check at one moment, in order; the windows reach back as far as `window_ms` says.
    async fn ask_all(
        &self,
        now_ms: i64,
        deadline: Instant,
        window_ms: impl Fn(&Check) -> u64,
    ) -> Vec<Answers> {
        let moment = Moment { now_ms, deadline };
        let asked: Vec<_> =
            self.checks.iter().map(|check| check.fetch(&self.api, moment, window_ms(check))).collect();
        stream::iter(asked).buffered(CHECKS_AT_ONCE).collect().await
    }

    /// The same gap for everything.
    fn blank(&self, gap: &Gap) -> Vec<Sample> {
        let readings = || [0, 1].map(|_| Reading::Gap(gap.clone()));
        self.checks.iter().flat_map(|check| samples(check, &self.colours, readings())).collect()
    }
}

fn samples(check: &Check, colours: &[Colour; 2], readings: [Reading; 2]) -> Vec<Sample> {
    let each = colours.iter().zip(readings);
    let each =
        each.map(|(colour, reading)| Sample { check: check.name.clone(), colour: colour.clone(), reading });
    each.collect()
}

#[async_trait]
impl Source for PrometheusSource {
    async fn sample(&mut self) -> Vec<Sample> {
        let deadline = self.api.deadline();
        let now_ms = match self.api.now_ms(deadline).await {
            Ok(now_ms) => now_ms,
            Err(gap) => return self.blank(&gap),
        };
        let answers = self.ask_all(now_ms, deadline, |check| check.window_ms(now_ms)).await;
        let settled = self.checks.iter_mut().zip(answers).flat_map(|(check, answers)| {
            let readings = check.settle(now_ms, &answers);
            samples(check, &self.colours, readings)
        });
        settled.collect()
    }

    async fn try_out(&mut self) -> Result<Vec<String>, Vec<String>> {
        let deadline = self.api.deadline();
        let now_ms = match self.api.now_ms(deadline).await {
            Ok(now_ms) => now_ms,
            Err(gap) => return Err(vec![gap.to_string()]),
        };
        let answers = self.ask_all(now_ms, deadline, |_| pairing::WINDOW_MAX_MS).await;
        let (mut lines, mut failures) = (Vec::new(), Vec::new());
        for (check, answers) in self.checks.iter().zip(answers) {
            let told = describe(now_ms, &answers);
            // One colour without series may just not be running; both without are a mistake in the query.
            let running = told.iter().any(Result::is_ok);
            for (colour, told) in self.colours.iter().zip(told) {
                let line = |text: &str| format!("check `{}`, {colour}: {text}", check.name);
                match told {
                    Ok(text) => lines.push(line(&text)),
                    Err(gap) if running && gap.kind == GapKind::NoData => {
                        lines.push(line(&format!("{gap} (not running yet?)")));
                    }
                    Err(gap) => failures.push(line(&gap.to_string())),
                }
            }
        }
        if failures.is_empty() { Ok(lines) } else { Err(failures) }
    }
}
