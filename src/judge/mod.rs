//! From tests to standings, from standings to a finding.
//!
//! A [`Judge`] is fed every tick of a release and may be asked at any moment; the same ticks give the same answer.
//! Two promises hold at every look, because every proof is an e-value ([`crate::evidence`]):
//! a release no worse than live is reverted with probability at most `false_revert`, and a check passes a release
//! that is worse than the tolerance with probability at most `missed_harm`.
//!
//! `false_revert` is for the release as a whole: with H ways in which it can be convicted, each needs ln(H/α)
//! (Bonferroni; a limit on a value spends nothing, it is no test). `missed_harm` holds for each check: promotion needs
//! every critical check healthy, so no correction is due there.
//! Evidence is kept across weight steps: the null share follows the weight, nothing restarts.
//!
//! Here: one file per kind of check (`ratio`, `latency` with `learned`, `value`) behind `comparison`,
//! the rate test that the first two share (`rate`, its `points`, live's `bursts`), what a check sees (`sight`), one check as a whole (`check`),
//! the finding (`finding`), and how it reads ([`words`]).
//! What follows from a finding is decided in [`crate::release`].

mod bursts;
mod check;
mod comparison;
mod finding;
mod latency;
mod learned;
mod points;
mod rate;
mod ratio;
mod reading;
pub mod report;
mod sight;
pub mod spec;
mod value;
pub mod words;

use crate::sample::{Tick, Timestamp, Weight};
use check::{Check, pair_of};
use comparison::Budget;
use report::Assessment;
use sight::{Limits, Moment, Phase};
use spec::JudgeSpec;

/// Judges one release: fed every tick in order, asked at any moment. Its size does not grow with the ticks.
#[derive(Clone, Debug)]
pub struct Judge {
    budget: Budget,
    warmup_ms: u64,
    checks: Vec<Check>,
    /// When the candidate first had weight.
    first_traffic: Option<Timestamp>,
    /// The latest tick.
    now: Moment,
}

impl Judge {
    /// A judge that has seen nothing yet.
    #[must_use]
    pub fn new(spec: JudgeSpec) -> Self {
        let ways: u32 = spec.checks.iter().map(Check::ways).sum();
        let ln_chance_max = (spec.false_revert / f64::from(ways.max(1))).ln();
        let limits = Limits {
            blind_after_ms: spec.blind_after_ms,
            silent_after_ms: spec.silent_after_ms,
            ln_chance_max,
        };
        Self {
            budget: Budget {
                false_revert: spec.false_revert,
                harm: -ln_chance_max,
                healthy: -spec.missed_harm.ln(),
            },
            warmup_ms: spec.warmup_ms,
            checks: spec.checks.into_iter().map(|check| Check::new(check, limits)).collect(),
            first_traffic: None,
            now: Moment { at: Timestamp::default(), weight: Weight::NONE, phase: Phase::BeforeTraffic },
        }
    }

    /// Takes in one tick. Ticks come in the order of their `at`.
    pub fn observe(&mut self, tick: &Tick) {
        if tick.weight > Weight::NONE {
            self.first_traffic.get_or_insert(tick.at);
        }
        self.now = Moment { at: tick.at, weight: tick.weight, phase: self.phase(tick.at) };
        for check in &mut self.checks {
            let pair = pair_of(&tick.pairs, check.name());
            check.observe(self.now, pair, &self.budget);
        }
    }

    /// Nobody watched until `at`: the evidence stands, but every check has to see both colours again before it counts as
    /// seeing, and silence and blindness are timed from here.
    pub fn resume(&mut self, at: Timestamp) {
        self.now.at = at;
        for check in &mut self.checks {
            check.resume(at);
        }
    }

    /// What the evidence says now, that is at the latest tick.
    #[must_use]
    pub fn assess(&self) -> Assessment {
        let warming = self.warming_ms();
        let outcomes = self
            .checks
            .iter()
            .map(|check| check.outcome(self.now, warming, &self.budget))
            .collect::<Vec<_>>();
        Assessment {
            finding: finding::find(&self.checks, &outcomes),
            also_blind: finding::also_blind(&self.checks, &outcomes),
            checks: outcomes.into_iter().map(|o| o.report).collect(),
        }
    }

    fn phase(&self, at: Timestamp) -> Phase {
        match self.first_traffic {
            None => Phase::BeforeTraffic,
            Some(first) if at.ms_since(first) < self.warmup_ms => Phase::WarmUp,
            Some(_) => Phase::Judging,
        }
    }

    /// How long warm-up still lasts; absent outside of it.
    fn warming_ms(&self) -> Option<u64> {
        let passed_ms = self.now.at.ms_since(self.first_traffic?);
        (self.now.phase == Phase::WarmUp).then(|| self.warmup_ms - passed_ms)
    }
}

#[cfg(test)]
mod tests;
