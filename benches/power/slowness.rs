//! Latencies of two colours as histograms: log-normal and bimodal, over the bounds that Prometheus clients come with.
//!
//! Both colours draw from known distributions, so a tick's histogram is multinomial over the buckets' probabilities.
//! What is shared: the median drifts through the day, and in the bimodal case the share of slow requests (cache
//! misses) is drawn anew in each tick. What may differ: the candidate can be made slower in three ways.

use std::f64::consts::TAU;

use assize::sample::{Pair, Reading};
use rand::RngExt;
use statrs::distribution::{ContinuousCDF, LogNormal};

use super::lab::Rng;
use super::traffic::{Stream, binomial, bursty, candidate_instances, poisson};

/// Upper bounds in seconds: the default of the Prometheus clients for Go, Java and Python.
pub const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Where the median's drift is tabulated: so many places of the day.
const PLACES: u32 = 60;

type Buckets = [f64; BOUNDS.len() + 1];

/// What live's latency looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Median 80 ms, σ of the log 0.6: p99 at 323 ms.
    LogNormal,
    /// Nine of ten from a cache (median 20 ms), one in ten past it (median 400 ms).
    Bimodal {
        /// Intra-tick correlation of an instance's share of slow requests; absent: independent requests.
        rho: Option<f64>,
    },
}

/// The share of slow requests in [`Shape::Bimodal`].
const SLOW_SHARE: f64 = 0.1;

/// In what way the candidate is slower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    None,
    /// Every request takes so many times as long.
    All(f64),
    /// The tail is stretched: nothing up to p90, rising with ln(1/(1−u)) to this factor at p99, the same beyond.
    Tail(f64),
    /// This share of requests takes `factor` times as long.
    SecondMode {
        share: f64,
        factor: f64,
    },
}

/// How latencies are made.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Requests of both colours per tick.
    pub requests: f64,
    pub shape: Shape,
    pub change: Change,
    /// Highest over lowest median of the day, shared by both colours; 1 for none.
    pub drift: f64,
    /// Ticks of a day.
    pub period_ticks: u32,
}

fn log_normal(median: f64, sigma: f64) -> LogNormal {
    LogNormal::new(median.ln(), sigma).unwrap()
}

/// The share of requests of a log-normal part that take at most `x` seconds, after `change`.
fn at_most(part: &LogNormal, change: Change, x: f64) -> f64 {
    match change {
        Change::None => part.cdf(x),
        Change::All(factor) => part.cdf(x / factor),
        Change::SecondMode { share, factor } => (1.0 - share) * part.cdf(x) + share * part.cdf(x / factor),
        Change::Tail(factor) => {
            // The stretched quantile function rises, so the share is where it reaches x.
            let stretched = |y: f64| y * stretch(part.cdf(y), factor);
            let (mut low, mut high) = (x / factor, x);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if stretched(middle) < x { low = middle } else { high = middle }
            }
            part.cdf(0.5 * (low + high))
        }
    }
}

/// By how much the quantile `u` is longer: see [`Change::Tail`].
fn stretch(u: f64, factor: f64) -> f64 {
    let depth = |u: f64| -(1.0 - u).ln();
    let part = (depth(u) - depth(0.9)) / (depth(0.99) - depth(0.9));
    1.0 + (factor - 1.0) * part.clamp(0.0, 1.0)
}

fn buckets(part: &LogNormal, change: Change) -> Buckets {
    let mut below = 0.0;
    let mut probabilities = [0.0; BOUNDS.len() + 1];
    for (probability, bound) in probabilities.iter_mut().zip(BOUNDS) {
        let up_to = at_most(part, change, bound);
        *probability = up_to - below;
        below = up_to;
    }
    probabilities[BOUNDS.len()] = 1.0 - below;
    probabilities
}

/// Fast and slow part of one colour; a log-normal has one part only.
#[derive(Clone, Debug)]
struct Parts {
    fast: Buckets,
    slow: Buckets,
}

impl Parts {
    fn new(shape: Shape, change: Change, swing: f64) -> Self {
        let (fast, slow) = match shape {
            Shape::LogNormal => (log_normal(0.08 * swing, 0.6), None),
            Shape::Bimodal { .. } => (log_normal(0.02 * swing, 0.5), Some(log_normal(0.4 * swing, 0.4))),
        };
        let fast = buckets(&fast, change);
        Self { fast, slow: slow.map_or(fast, |slow| buckets(&slow, change)) }
    }

    fn mixed(&self, slow_share: f64) -> Buckets {
        let mut mixed = self.fast;
        for (fast, slow) in mixed.iter_mut().zip(self.slow) {
            *fast += slow_share * (slow - *fast);
        }
        mixed
    }
}

/// Latencies on their way.
#[derive(Clone, Debug)]
pub struct Latencies {
    name: String,
    model: Model,
    /// Live's and the candidate's, per place of the day. Shared between the runs of a row.
    places: std::sync::Arc<[(Parts, Parts)]>,
    tick: u32,
    phase: Option<u32>,
}

impl Latencies {
    pub fn new(name: &str, model: Model) -> Self {
        let places = (0..PLACES).map(|place| {
            let swing = (0.5 * model.drift.ln() * (TAU * f64::from(place) / f64::from(PLACES)).sin()).exp();
            (Parts::new(model.shape, Change::None, swing), Parts::new(model.shape, model.change, swing))
        });
        Self { name: name.to_owned(), model, places: places.collect(), tick: 0, phase: None }
    }

    fn colour(
        &self,
        parts: &Parts,
        slow_share: f64,
        instances: u32,
        requests: f64,
        random: &mut Rng,
    ) -> Reading {
        let mut counts = vec![0; BOUNDS.len() + 1];
        if let Shape::Bimodal { rho: Some(rho) } = self.model.shape {
            for _ in 0..instances {
                let mixed = parts.mixed(bursty(slow_share, rho, random));
                fill(&mut counts, &mixed, poisson(requests / f64::from(instances), random), random);
            }
        } else {
            fill(&mut counts, &parts.mixed(slow_share), poisson(requests, random), random);
        }
        Reading::Histogram { bounds: BOUNDS.to_vec(), counts }
    }
}

/// Throws `n` requests into the buckets.
fn fill(counts: &mut [u64], probabilities: &Buckets, n: u64, random: &mut Rng) {
    let (mut left, mut rest) = (n, 1.0);
    for (count, probability) in counts.iter_mut().zip(probabilities) {
        let here =
            if rest > *probability { binomial(left, (probability / rest).max(0.0), random) } else { left };
        *count += here;
        left -= here;
        rest -= probability;
    }
}

impl Stream for Latencies {
    fn next(&mut self, weight: f64, random: &mut Rng) -> Pair {
        let phase = *self.phase.get_or_insert_with(|| random.random_range(0..PLACES));
        let place = phase + self.tick * PLACES / self.model.period_ticks.max(1);
        self.tick += 1;
        let places = std::sync::Arc::clone(&self.places);
        let (live, candidate) = &places[(place % PLACES) as usize];
        // Cache misses go up and down for both colours alike, by half of their share.
        let slow_share = SLOW_SHARE * random.random_range(0.5..1.5);
        let instances = candidate_instances(weight);
        let (of_live, of_candidate) = (self.model.requests * (1.0 - weight), self.model.requests * weight);
        Pair {
            check: self.name.clone(),
            live: self.colour(live, slow_share, super::traffic::INSTANCES - instances, of_live, random),
            candidate: self.colour(candidate, slow_share, instances, of_candidate, random),
        }
    }
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests;
