//! What a rule file would do: the real judge and the real release machine on traffic that is drawn at random.
//!
//! Nothing here has a clock or touches the world. Chance comes from a seeded generator ([`run::generator`]), so the same
//! seed gives the same numbers on every machine. [`Setup`] is what is simulated; `traffic` draws its ticks, [`run`]
//! drives one release through virtual time, [`study`] makes many and counts, [`remedy`] looks for rules under which a
//! healthy release gets through in time. Words and pictures are made by [`crate::cli`].

pub mod remedy;
pub mod run;
pub mod study;
mod traffic;

use std::collections::BTreeMap;

use crate::evidence::count_to_float;
use crate::judge::spec::{CheckKind, JudgeSpec};
use crate::release::plan::Plan;
use crate::rules::model::Rules;
use crate::sample::Colour;

/// What is assumed of the traffic and the services behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests per second of both colours together. Above 0, at most [`RATE_MAX`].
    pub rate: f64,
    /// Live's rate of bad events, for ratio checks and probes. In [0, 1).
    pub error_rate: f64,
    /// Correlation ρ of what happens to two requests of one colour in one tick: the rate of a tick is beta-distributed
    /// with variance ρ·p·(1−p). In [0, 0.5].
    pub burstiness: f64,
    /// Live's median response time in seconds; response times are log-normal. Above 0.
    pub latency_median_s: f64,
    /// Standard deviation of the logarithm of response times. Above 0.
    pub latency_sigma: f64,
    /// Standard deviation of the logarithm of a value from tick to tick. At least 0.
    pub value_noise: f64,
}

/// More than any service has; keeps counts of a tick within what can be drawn.
pub const RATE_MAX: f64 = 1e8;

impl Traffic {
    /// A service of which only this is known.
    ///
    /// ρ = 0.0005 lets the rate of a tick stray by a third at 0.5% bad events; 100 ms and σ = 0.6 put p99 at four times
    /// the median; values stray by 10%.
    #[must_use]
    pub const fn new(rate: f64, error_rate: f64) -> Self {
        Self {
            rate,
            error_rate,
            burstiness: 0.000_5,
            latency_median_s: 0.1,
            latency_sigma: 0.6,
            value_noise: 0.1,
        }
    }
}

/// What is wrong with the candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Harm {
    /// Nothing: it is as live is.
    None,
    /// In one check: its rate of bad events, its share of slow requests or its value is so many times live's.
    Times(f64),
    /// Every request fails, probes too, and takes forever.
    Outage,
}

/// Rules and traffic, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Steps and times.
    pub plan: Plan,
    /// Checks and error budget.
    pub judge: JudgeSpec,
    /// How often each probe asks, by name.
    pub probe_every_ms: BTreeMap<String, u64>,
    /// What is assumed.
    pub traffic: Traffic,
    /// The check in which [`Harm::Times`] shows.
    pub harmed: String,
    /// Live and candidate.
    pub colours: [Colour; 2],
}

impl Setup {
    /// Harm shows in the check named, or else in the first that counts requests and is critical, or else in the first.
    /// `None` where the rules have no check of that name.
    #[must_use]
    pub fn new(rules: &Rules, traffic: Traffic, harmed: Option<&str>) -> Option<Self> {
        let checks = &rules.judge.checks;
        let counts = |kind: &CheckKind| matches!(kind, CheckKind::Ratio(_));
        let found = match harmed {
            Some(name) => checks.iter().find(|check| check.name == name),
            None => (checks.iter().find(|check| check.critical && !check.probe && counts(&check.kind)))
                .or_else(|| checks.first()),
        };
        let [first, second] = &rules.colours;
        Some(Self {
            plan: rules.plan.clone(),
            judge: rules.judge.clone(),
            probe_every_ms: rules.probes.iter().map(|probe| (probe.name.clone(), probe.every_ms)).collect(),
            traffic,
            harmed: found?.name.clone(),
            colours: [first.colour.clone(), second.colour.clone()],
        })
    }

    /// What one tick costs to judge, in tests that are updated.
    #[must_use]
    pub fn tests(&self) -> u64 {
        let of = |kind: &CheckKind| match kind {
            CheckKind::Ratio(_) | CheckKind::Value(_) => 1,
            CheckKind::Latency(spec) => spec.quantiles.len() + usize::from(spec.limit.is_some()),
        };
        let tests: usize = self.judge.checks.iter().map(|check| of(&check.kind)).sum();
        u64::try_from(tests.max(1)).unwrap_or(1)
    }
}

/// Milliseconds as seconds.
#[must_use]
pub fn seconds(ms: u64) -> f64 {
    count_to_float(ms) / 1_000.0
}

#[cfg(test)]
mod tests;
