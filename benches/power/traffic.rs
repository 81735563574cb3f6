//! Requests and bad events of two colours: plain, bursty, drifting, shaken together.
//!
//! Requests of a tick are Poisson, split between the colours by the weight. Plain traffic fails independently.
//! A bursty fleet has instances; each draws its own rate in each tick from a beta distribution whose mean is the
//! colour's rate and whose intra-tick correlation is ρ, so that bad events come in clumps.
//! Drift and shocks are shared by both colours: they change what fails, never which colour fails more.

use std::f64::consts::TAU;

use assize::sample::{Pair, Reading};
use rand::RngExt;
use rand_distr::{Beta, Binomial, Distribution, Poisson};

use super::lab::Rng;

/// Something that can be measured, tick by tick.
pub trait Stream {
    /// What both colours show in the next tick, with this share of the requests going to the candidate.
    fn next(&mut self, weight: f64, random: &mut Rng) -> Pair;
}

/// Instances of a fleet; the candidate has as many as its weight says, at least one.
pub const INSTANCES: u32 = 20;

/// How traffic is made.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Requests of both colours per tick.
    pub requests: f64,
    /// Live's mean rate of bad events.
    pub rate: f64,
    /// The candidate's rate as a multiple of live's; held at 1 where that is beyond.
    pub ratio: f64,
    /// Intra-tick correlation of an instance's events, in (0, 1); absent: events are independent.
    pub rho: Option<f64>,
    pub drift: Option<Drift>,
    pub shocks: Option<Shocks>,
}

/// A sinusoid through the day, shared by both colours, with a random phase.
#[derive(Clone, Copy, Debug)]
pub struct Drift {
    /// Highest over lowest, of the rate and of the traffic.
    pub factor: f64,
    pub period_ticks: f64,
}

/// A shared dependency fails for some ticks, and both colours with it.
#[derive(Clone, Copy, Debug)]
pub struct Shocks {
    /// Mean ticks between two.
    pub every_ticks: f64,
    /// Each lasts 1 to so many ticks.
    pub ticks_max: u32,
    /// The rate during a shock lies evenly between these.
    pub rate: (f64, f64),
}

impl Model {
    /// Independent events, the candidate like live.
    pub const fn healthy(requests: f64, rate: f64) -> Self {
        Self { requests, rate, ratio: 1.0, rho: None, drift: None, shocks: None }
    }

    pub fn candidate_rate(&self) -> f64 {
        (self.rate * self.ratio).min(1.0)
    }
}

/// Bad events and all events of one colour in one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub bad: u64,
    pub total: u64,
}

impl Counts {
    pub fn reading(self) -> Reading {
        Reading::Counts { bad: self.bad, total: self.total }
    }

    /// Takes in another tick or another instance.
    pub fn add(&mut self, other: Self) {
        self.bad += other.bad;
        self.total += other.total;
    }
}

/// Traffic on its way.
#[derive(Clone, Debug)]
pub struct Traffic {
    name: String,
    model: Model,
    tick: u32,
    /// Where in the day it began, in turns; drawn at the first tick.
    phase: Option<f64>,
    /// Ticks left of the present shock, and its rate.
    shock: Option<(u32, f64)>,
}

impl Traffic {
    pub fn new(name: &str, model: Model) -> Self {
        Self { name: name.to_owned(), model, tick: 0, phase: None, shock: None }
    }

    /// Counts of live and candidate in the next tick.
    pub fn counts(&mut self, weight: f64, random: &mut Rng) -> (Counts, Counts) {
        let swing = self.swing(random);
        let shock = self.shock(random);
        let requests = self.model.requests * swing;
        let live = shock.unwrap_or((self.model.rate * swing).min(1.0));
        let candidate = shock.unwrap_or((self.model.rate * swing * self.model.ratio).min(1.0));
        self.tick += 1;
        let instances = candidate_instances(weight);
        (
            self.colour(INSTANCES - instances, requests * (1.0 - weight), live, random),
            self.colour(instances, requests * weight, candidate, random),
        )
    }

    fn swing(&mut self, random: &mut Rng) -> f64 {
        let Some(drift) = self.model.drift else { return 1.0 };
        let phase = *self.phase.get_or_insert_with(|| random.random::<f64>());
        let turns = phase + f64::from(self.tick) / drift.period_ticks;
        (0.5 * drift.factor.ln() * (turns * TAU).sin()).exp()
    }

    fn shock(&mut self, random: &mut Rng) -> Option<f64> {
        let shocks = self.model.shocks?;
        self.shock = match self.shock {
            Some((left @ 2.., rate)) => Some((left - 1, rate)),
            _ if random.random::<f64>() < 1.0 / shocks.every_ticks => Some((
                random.random_range(1..=shocks.ticks_max),
                random.random_range(shocks.rate.0..=shocks.rate.1),
            )),
            _ => None,
        };
        self.shock.map(|(_, rate)| rate)
    }

    fn colour(&self, instances: u32, requests: f64, rate: f64, random: &mut Rng) -> Counts {
        let Some(rho) = self.model.rho else {
            let total = poisson(requests, random);
            return Counts { bad: binomial(total, rate, random), total };
        };
        let mut sum = Counts::default();
        for _ in 0..instances {
            let total = poisson(requests / f64::from(instances), random);
            sum.add(Counts { bad: binomial(total, bursty(rate, rho, random), random), total });
        }
        sum
    }
}

impl Stream for Traffic {
    fn next(&mut self, weight: f64, random: &mut Rng) -> Pair {
        let (live, candidate) = self.counts(weight, random);
        Pair { check: self.name.clone(), live: live.reading(), candidate: candidate.reading() }
    }
}

/// How many of the fleet's instances carry the candidate.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 19")]
pub fn candidate_instances(weight: f64) -> u32 {
    (f64::from(INSTANCES) * weight).round().clamp(1.0, f64::from(INSTANCES - 1)) as u32
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
pub fn poisson(mean: f64, random: &mut Rng) -> u64 {
    if mean > 0.0 { Poisson::new(mean).unwrap().sample(random) as u64 } else { 0 }
}

pub fn binomial(n: u64, p: f64, random: &mut Rng) -> u64 {
    if n == 0 { 0 } else { Binomial::new(n, p).unwrap().sample(random) }
}

/// A rate with this mean, drawn so that events under it are correlated by `rho`.
pub fn bursty(mean: f64, rho: f64, random: &mut Rng) -> f64 {
    if mean <= 0.0 || mean >= 1.0 {
        return mean;
    }
    let precision = (1.0 - rho) / rho;
    let rate: f64 = Beta::new(mean * precision, (1.0 - mean) * precision).unwrap().sample(random);
    // Cheng's method divides infinity by infinity where a tiny first parameter overflows: that end is 1.
    if rate.is_nan() { 1.0 } else { rate }
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn sums(model: Model, weight: f64, ticks: u32) -> (Counts, Counts) {
        let (mut traffic, mut random) = (Traffic::new("errors", model), Rng::seed_from_u64(3));
        let mut sums = (Counts::default(), Counts::default());
        for _ in 0..ticks {
            let (live, candidate) = traffic.counts(weight, &mut random);
            sums.0.add(live);
            sums.1.add(candidate);
        }
        sums
    }

    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn rate(counts: Counts) -> f64 {
        counts.bad as f64 / counts.total as f64
    }

    fn near(a: f64, b: f64, relative: f64) {
        assert!((a / b - 1.0).abs() < relative, "{a} is not within {relative} of {b}");
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn rates_and_weights_are_as_asked() {
        for rho in [None, Some(0.01), Some(0.1)] {
            let model = Model { rho, ratio: 2.0, ..Model::healthy(200.0, 0.02) };
            let (live, candidate) = sums(model, 0.25, 20_000);
            near(live.total as f64, 3_000_000.0, 0.005);
            near(candidate.total as f64, 1_000_000.0, 0.005);
            near(rate(live), 0.02, 0.03);
            near(rate(candidate), 0.04, 0.03);
        }
    }

    /// Variance of a bursty rate is ρ·p·(1−p), also where the beta's first parameter is tiny.
    #[test]
    fn bursts_have_their_mean_and_correlation() {
        let mut random = Rng::seed_from_u64(5);
        for (mean, rho) in [(0.2, 0.1), (0.005, 0.01), (0.005, 0.1), (0.001, 0.2)] {
            let n = 400_000;
            let draws: Vec<f64> = (0..n).map(|_| bursty(mean, rho, &mut random)).collect();
            assert!(draws.iter().all(|rate| (0.0..=1.0).contains(rate)));
            let average = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|r| (r - average).powi(2)).sum::<f64>() / f64::from(n);
            near(average, mean, 0.1);
            near(variance / (mean * (1.0 - mean)), rho, 0.1);
        }
    }

    #[test]
    fn an_outage_fails_everything() {
        let model = Model { ratio: f64::INFINITY, ..Model::healthy(50.0, 0.01) };
        let (live, candidate) = sums(model, 0.5, 200);
        assert_eq!(candidate.bad, candidate.total);
        assert!(candidate.total > 0 && live.bad < live.total / 10);
    }

    /// The day's rate and traffic go up and down together by the factor, and leave the colours alike.
    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn drift_is_shared() {
        let drift = Some(Drift { factor: 4.0, period_ticks: 1_000.0 });
        let model = Model { drift, ..Model::healthy(400.0, 0.05) };
        let (mut traffic, mut random) = (Traffic::new("errors", model), Rng::seed_from_u64(9));
        let ticks: Vec<_> = (0..1_000).map(|_| traffic.counts(0.5, &mut random)).collect();
        let totals: Vec<f64> =
            ticks.chunks(50).map(|c| c.iter().map(|t| (t.0.total + t.1.total) as f64).sum()).collect();
        let highest = totals.iter().copied().fold(f64::MIN, f64::max);
        let lowest = totals.iter().copied().fold(f64::MAX, f64::min);
        near(highest / lowest, 4.0, 0.05);
        let bad = ticks.iter().fold((0, 0), |sum, t| (sum.0 + t.0.bad, sum.1 + t.1.bad));
        near(bad.1 as f64, bad.0 as f64, 0.05);
    }

    #[test]
    fn shocks_come_and_go() {
        let shocks = Some(Shocks { every_ticks: 100.0, ticks_max: 19, rate: (0.5, 0.5) });
        let model = Model { shocks, ..Model::healthy(200.0, 0.0) };
        let (mut traffic, mut random) = (Traffic::new("errors", model), Rng::seed_from_u64(2));
        let ticks = 250_000;
        let shaken = (0..ticks)
            .filter(|_| {
                let (live, candidate) = traffic.counts(0.5, &mut random);
                assert_eq!(live.bad > 0, candidate.bad > 0, "both colours or none");
                live.bad > 0
            })
            .count();
        // A mean of 10 ticks of shock for every 100 + 10.
        near(f64::from(u32::try_from(shaken).unwrap()) / f64::from(ticks), 10.0 / 109.0, 0.08);
    }

    #[test]
    fn the_candidate_has_its_instances() {
        assert_eq!([0.01, 0.05, 0.25, 0.5].map(candidate_instances), [1, 1, 5, 10]);
    }
}
