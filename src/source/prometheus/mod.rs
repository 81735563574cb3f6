//! Prometheus and what speaks its HTTP API.
//!
//! Counts come from raw scrapes: a range selector asked as an instant query gives every sample with the server's own
//! time of the scrape, so a stale scrape is a gap and not a zero, and increments are exact. `labels` asks for both
//! colours at once where it can, `ask` talks to the server, `series` differences counters, `freshness` knows what is
//! late, `counted` puts both colours together, `buckets` makes histograms.

mod ask;
mod buckets;
mod counted;
mod freshness;
mod labels;
mod series;

use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use prometheus_http_query::Client;
use tokio::time::Instant;

use super::Source;
use crate::rules::model::{ColourRule, PrometheusRule, Query};
use crate::sample::{Colour, Gap, GapKind, Reading, Sample};
use counted::{ByColour, Counted};
use labels::Selection;

/// Raw scrapes are asked for this far back: several scrapes at every usual interval. What was counted before is
/// remembered, so a longer outage loses nothing but the resets within it.
const WINDOW_S: u64 = 120;

/// A client could not be made for the address.
#[derive(Debug, thiserror::Error)]
#[error("no client for {url}: {why}")]
pub struct BadServer {
    url: String,
    why: String,
}

/// A Prometheus server with the checks that ask it.
pub struct PrometheusSource {
    client: Client,
    timeout: Duration,
    colours: [Colour; 2],
    checks: Vec<Check>,
}

struct Check {
    name: String,
    ask: Ask,
    counted: Counted,
}

/// What is asked, with the labels filled in.
enum Ask {
    Counters { total: Selected, bad: Selected },
    Histogram(Selected),
    Value([String; 2]),
}

/// A selector for both colours.
struct Selected {
    query: String,
    selection: Selection,
}

impl PrometheusSource {
    /// Prepares the queries; nothing is asked yet.
    ///
    /// # Errors
    /// When the address is not one that HTTP can reach.
    pub fn new(
        rule: &PrometheusRule,
        checks: Vec<(String, Query)>,
        colours: [ColourRule; 2],
        client: reqwest::Client,
    ) -> Result<Self, BadServer> {
        let client = Client::from(client, rule.url.as_str())
            .map_err(|error| BadServer { url: rule.url.to_string(), why: error.to_string() })?;
        let selection = labels::select(&colours);
        let selected = |query: String| Selected { query, selection: selection.clone() };
        let prepared = |query| match query {
            Query::Counters { bad, total } => Ask::Counters { total: selected(total), bad: selected(bad) },
            Query::Histogram { buckets } => Ask::Histogram(selected(buckets)),
            Query::Value { query } => {
                Ask::Value(labels::apart(&colours).map(|labels| labels::fill(&query, &labels)))
            }
        };
        Ok(Self {
            client,
            timeout: Duration::from_millis(rule.timeout_ms),
            checks: (checks.into_iter())
                .map(|(name, query)| Check { name, ask: prepared(query), counted: Counted::default() })
                .collect(),
            colours: colours.map(|rule| rule.colour),
        })
    }
}

impl Selected {
    /// Both colours' raw scrapes.
    async fn scrapes(&self, client: &Client) -> Result<ByColour, Gap> {
        match &self.selection {
            Selection::Together { matchers, .. } => {
                let series = ask::ask_scrapes(client, &labels::fill(&self.query, matchers), WINDOW_S).await?;
                Ok(counted::split(series, &self.selection))
            }
            Selection::Apart(matchers) => {
                let [first, second] = matchers.each_ref().map(|matchers| labels::fill(&self.query, matchers));
                let (first, second) = futures::future::try_join(
                    ask::ask_scrapes(client, &first, WINDOW_S),
                    ask::ask_scrapes(client, &second, WINDOW_S),
                )
                .await?;
                Ok([first, second])
            }
        }
    }
}

impl Check {
    async fn readings(&mut self, client: &Client) -> [Reading; 2] {
        match &self.ask {
            Ask::Counters { total, bad } => {
                let asked = async {
                    // In this order: whatever `bad` counts, `total` has the same scrape.
                    let total = total.scrapes(client).await?;
                    Ok::<_, Gap>((total, bad.scrapes(client).await?))
                };
                match asked.await {
                    Ok((total, bad)) => self.counted.readings(&total, Some(&bad), Instant::now()),
                    Err(gap) => both(&gap),
                }
            }
            Ask::Histogram(buckets) => match buckets.scrapes(client).await {
                Ok(buckets) => self.counted.readings(&buckets, None, Instant::now()),
                Err(gap) => both(&gap),
            },
            Ask::Value(queries) => {
                let [first, second] = queries.each_ref().map(|query| ask::ask_number(client, query));
                let (first, second) = futures::future::join(first, second).await;
                [first, second].map(|value| value.map_or_else(Reading::Gap, Reading::Value))
            }
        }
    }
}

fn both(gap: &Gap) -> [Reading; 2] {
    [Reading::Gap(gap.clone()), Reading::Gap(gap.clone())]
}

#[async_trait]
impl Source for PrometheusSource {
    async fn sample(&mut self) -> Vec<Sample> {
        let Self { client, timeout, colours, checks } = self;
        let late = Gap { kind: GapKind::TimedOut, detail: format!("after {} ms", timeout.as_millis()) };
        let asked = checks.iter_mut().map(|check| async {
            let readings = tokio::time::timeout(*timeout, check.readings(client)).await;
            (check.name.clone(), readings.unwrap_or_else(|_| both(&late)))
        });
        let mut samples = Vec::new();
        for (check, readings) in join_all(asked).await {
            for (colour, reading) in colours.iter().zip(readings) {
                samples.push(Sample { check: check.clone(), colour: colour.clone(), reading });
            }
        }
        samples
    }

    async fn try_out(&mut self) -> Result<Vec<String>, Vec<String>> {
        let (mut said, mut failed) = (Vec::new(), Vec::new());
        for check in &self.checks {
            let tried = tokio::time::timeout(self.timeout, try_check(check, &self.client)).await;
            let tried = tried.unwrap_or_else(|_| {
                [0, 1].map(|_| Err(format!("no answer in {} ms", self.timeout.as_millis())))
            });
            for (colour, result) in self.colours.iter().zip(tried) {
                match result {
                    Ok(words) => said.push(format!("{}, {colour}: {words}", check.name)),
                    Err(words) => failed.push(format!("{}, {colour}: {words}", check.name)),
                }
            }
        }
        if failed.is_empty() { Ok(said) } else { Err(failed) }
    }
}

/// Asks once, without remembering anything.
async fn try_check(check: &Check, client: &Client) -> [Result<String, String>; 2] {
    let selected = match &check.ask {
        Ask::Counters { total, .. } => total,
        Ask::Histogram(buckets) => buckets,
        Ask::Value(queries) => {
            let [first, second] = queries.each_ref().map(|query| ask::ask_number(client, query));
            let (first, second) = futures::future::join(first, second).await;
            return [first, second].map(|value| value.map(|v| v.to_string()).map_err(|gap| gap.to_string()));
        }
    };
    match selected.scrapes(client).await {
        Err(gap) => [Err(gap.to_string()), Err(gap.to_string())],
        Ok(series) => series.map(|series| match series.len() {
            0 => Err(format!("no series match `{}`", selected.query)),
            n => Ok(format!("{n} series")),
        }),
    }
}
