//! One check: its queries, how they are asked, and what becomes of the answers.
//!
//! Asking ([`Check::fetch`]) changes nothing, and settling ([`Check::settle`]) asks nothing, so a tick that is broken
//! off between its queries loses no event.

use futures::future::join;
use prometheus_http_query::response::RangeVector;
use tokio::time::Instant;

use super::ask::Api;
use super::histogram::{Buckets, on_common_bounds};
use super::labels::{self, BadQuery, Question};
use super::pairing::{Paired, seconds};
use super::series::{self, Series, malformed, newest_ms};
use super::tally::{HistogramTally, RatioAnswer, RatioTally};
use crate::rules::model::{ColourRule, Query};
use crate::sample::{BadSample, Gap, GapKind, Reading};

/// Something for each colour, in the order of the rules; a gap where it is missing.
type Both<T> = [Result<T, Gap>; 2];

/// One check of the rules.
pub struct Check {
    /// Its name in the rules.
    pub name: String,
    kind: Kind,
}

enum Kind {
    Ratio { bad: Question, total: Question, state: Paired<RatioTally> },
    Histogram { buckets: Question, state: Paired<HistogramTally> },
    Value { query: Question },
}

/// What the server said to one check.
pub enum Answers {
    /// Of a ratio check.
    Ratio(Both<RatioAnswer>),
    /// Of a latency check.
    Histogram(Both<Vec<Series<Buckets>>>),
    /// Of a value check.
    Value([Reading; 2]),
}

/// When and how far back a check is asked.
#[derive(Clone, Copy)]
pub struct Moment {
    /// Server time at which all queries of the tick are evaluated.
    pub now_ms: i64,
    /// When the tick must be through.
    pub deadline: Instant,
}

impl Check {
    /// Makes the check's queries.
    ///
    /// # Errors
    /// When a query cannot be asked for two colours.
    pub fn new(name: String, query: &Query, colours: &[ColourRule; 2]) -> Result<Self, BadQuery> {
        let kind = match query {
            Query::Counters { bad, total } => Kind::Ratio {
                bad: labels::selector(&name, bad, colours)?,
                total: labels::selector(&name, total, colours)?,
                state: Paired::default(),
            },
            Query::Histogram { buckets } => Kind::Histogram {
                buckets: labels::selector(&name, buckets, colours)?,
                state: Paired::default(),
            },
            Query::Value { query } => Kind::Value { query: labels::expression(&name, query, colours)? },
        };
        Ok(Self { name, kind })
    }

    /// How far back the next tick's ranges should reach.
    #[must_use]
    pub fn window_ms(&self, now_ms: i64) -> u64 {
        match &self.kind {
            Kind::Ratio { state, .. } => state.window_ms(now_ms),
            Kind::Histogram { state, .. } => state.window_ms(now_ms),
            Kind::Value { .. } => 0,
        }
    }

    /// Asks the server.
    pub async fn fetch(&self, api: &Api, moment: Moment, window_ms: u64) -> Answers {
        match &self.kind {
            Kind::Ratio { bad, total, .. } => {
                // One after the other: what is in the total's answer is then in that of the bad events, too.
                let total = ranges(api, total, moment, window_ms).await;
                let bad = ranges(api, bad, moment, window_ms).await;
                Answers::Ratio(zip(total, bad, |total, bad| {
                    let (total, bad) = (series::counters(total)?, series::counters(bad)?);
                    Ok(RatioAnswer { bad, total })
                }))
            }
            Kind::Histogram { buckets, .. } => {
                let found = ranges(api, buckets, moment, window_ms).await;
                Answers::Histogram(found.map(|r| r.and_then(|r| sound(series::histograms(r)))))
            }
            Kind::Value { query } => {
                let found = each(query, |q| api.ask(q, Some(moment.now_ms), moment.deadline)).await;
                Answers::Value(found.map(|data| data.map_or_else(Reading::Gap, |d| series::number(&d))))
            }
        }
    }

    /// Both colours' readings of this tick.
    pub fn settle(&mut self, now_ms: i64, answers: &Answers) -> [Reading; 2] {
        match (&mut self.kind, answers) {
            (Kind::Ratio { state, .. }, Answers::Ratio(answers)) => state.poll(now_ms, answers),
            (Kind::Histogram { state, .. }, Answers::Histogram(answers)) => {
                on_common_bounds(state.poll(now_ms, answers))
            }
            (Kind::Value { .. }, Answers::Value(readings)) => readings.clone(),
            // `fetch` answers in kind.
            _ => [0, 1].map(|_| Reading::gap(GapKind::Malformed, "an answer to another check")),
        }
    }
}

/// A question that holds for each colour is asked for both at once.
async fn each<'a, T, F>(question: &'a Question, ask: impl Fn(&'a str) -> F) -> Both<T>
where
    F: Future<Output = Result<T, Gap>>,
{
    match question {
        Question::Each([first, second]) => join(ask(first), ask(second)).await.into(),
        // Expressions are never joint: see `labels::expression`.
        Question::Joint { .. } => {
            [0, 1].map(|_| Err(malformed(&BadSample("one query for two numbers".into()))))
        }
    }
}

/// The raw samples of a selector over a range that ends at the moment.
async fn ranges(api: &Api, question: &Question, moment: Moment, window_ms: u64) -> Both<Vec<RangeVector>> {
    let ask = async |selector: &str| {
        let promql = format!("{selector}[{window_ms}ms]");
        let data = api.ask(&promql, Some(moment.now_ms), moment.deadline).await?;
        sound(series::ranges(data))
    };
    match question {
        Question::Each([first, second]) => join(ask(first), ask(second)).await.into(),
        Question::Joint { promql, key, values } => match ask(promql).await {
            Ok(ranges) => series::split(ranges, key, values).map(Ok),
            Err(gap) => [Err(gap.clone()), Err(gap)],
        },
    }
}

fn sound<T>(parsed: Result<T, BadSample>) -> Result<T, Gap> {
    parsed.map_err(|why| malformed(&why))
}

fn zip<A, B, C>(first: Both<A>, second: Both<B>, with: impl Fn(A, B) -> Result<C, BadSample>) -> Both<C> {
    let [a0, a1] = first;
    let [b0, b1] = second;
    [(a0, b0), (a1, b1)].map(|(a, b)| sound(with(a?, b?)))
}

/// What each colour's answer holds, in words: for trying out rules.
pub fn describe(now_ms: i64, answers: &Answers) -> Both<String> {
    let age = |newest: Option<i64>| {
        newest.map_or(String::new(), |ms| format!(", newest sample {} s old", seconds(now_ms - ms)))
    };
    let no_series = || Gap { kind: GapKind::NoData, detail: "no series match".into() };
    match answers {
        Answers::Ratio(both) => both.each_ref().map(|answer| match answer {
            Ok(found) if found.total.is_empty() => Err(no_series()),
            Ok(found) => {
                let (total, bad) = (found.total.len(), found.bad.len());
                Ok(format!("{total} series in total, {bad} of them bad{}", age(newest_ms(&found.total))))
            }
            Err(gap) => Err(gap.clone()),
        }),
        Answers::Histogram(both) => both.each_ref().map(|answer| match answer {
            Ok(found) if found.is_empty() => Err(no_series()),
            Ok(found) => Ok(format!("{} histograms{}", found.len(), age(newest_ms(found)))),
            Err(gap) => Err(gap.clone()),
        }),
        Answers::Value(both) => both.each_ref().map(|reading| match reading {
            Reading::Value(value) => Ok(format!("value {value}")),
            Reading::Gap(gap) => Err(gap.clone()),
            other => Ok(format!("{} events", other.events())),
        }),
    }
}
