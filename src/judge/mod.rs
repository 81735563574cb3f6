//! From tests to standings, from standings to one finding about the release.
//!
//! [`spec`] is what it is asked, [`report`] what it answers. Each check (`check`) measures by its kind (`ratio`,
//! `latency`, `value`) and knows whether it sees at all (`presence`). The judge adds the error budget: with H ways in
//! which a release can be found harmful, each needs an e-value of H / `false_revert`, so that the chance of reverting a
//! harmless release stays at `false_revert` for all of them together; health needs 1 / `missed_harm` per check, and no
//! more, because promotion needs every critical check. The same ticks give the same answer.

mod check;
mod latency;
mod measure;
pub mod numbers;
mod presence;
mod ratio;
pub mod report;
pub mod spec;
mod value;

use check::{Check, Seen, Thresholds};
use presence::Sight;
use report::{Assessment, Finding, Standing};
use spec::JudgeSpec;

use crate::sample::{Tick, Timestamp, Weight};

/// The judge of one release.
#[derive(Clone, Debug)]
pub struct Judge {
    spec: JudgeSpec,
    thresholds: Thresholds,
    checks: Vec<Check>,
    /// When the candidate first had traffic.
    traffic_since: Option<Timestamp>,
    last: Timestamp,
}

impl Judge {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(spec: JudgeSpec) -> Self {
        let checks: Vec<Check> = spec.checks.iter().cloned().map(Check::new).collect();
        let ways: u32 = checks.iter().map(Check::ways).sum();
        let thresholds = Thresholds {
            harm: (f64::from(ways.max(1)) / spec.false_revert).ln(),
            healthy: (1.0 / spec.missed_harm).ln(),
            alpha: spec.false_revert,
        };
        Self { spec, thresholds, checks, traffic_since: None, last: Timestamp::default() }
    }

    /// Takes a tick in; ticks come in the order of their time.
    ///
    /// Nothing is judged before the candidate has traffic, nor during the warm-up after that; what live shows
    /// meanwhile may be learnt.
    pub fn observe(&mut self, tick: &Tick) {
        self.last = self.last.max(tick.at);
        if self.traffic_since.is_none() && tick.weight > Weight::NONE {
            self.traffic_since = Some(tick.at);
        }
        let judged = self.begun().is_some_and(|begun| tick.at >= begun);
        for pair in &tick.pairs {
            let Some(check) = self.checks.iter_mut().find(|check| check.name() == pair.check) else {
                continue;
            };
            if judged {
                check.observe(pair, tick.at, tick.weight, self.thresholds);
            } else {
                check.warm_up(pair);
            }
        }
    }

    /// What the checks say at the moment of the last tick.
    #[must_use]
    pub fn assess(&self) -> Assessment {
        let begun = self.begun().unwrap_or(self.last);
        let seen: Vec<Seen> = self
            .checks
            .iter()
            .map(|check| check.see(self.last, begun, &self.spec, self.thresholds))
            .collect();
        let finding = self.finding(&seen);
        Assessment { finding, checks: seen.into_iter().map(|seen| seen.report).collect() }
    }

    /// When judging begins: the warm-up after the candidate's first traffic.
    fn begun(&self) -> Option<Timestamp> {
        self.traffic_since.map(|since| since.plus_ms(self.spec.warmup_ms))
    }

    fn finding(&self, seen: &[Seen]) -> Finding {
        let words = |seen: &Seen| (seen.report.name.clone(), seen.report.reason.clone());
        if let Some(harmful) = seen.iter().find(|seen| seen.report.standing == Standing::Harmful) {
            let (check, reason) = words(harmful);
            return Finding::Harmful { check, reason };
        }
        if let Some(silent) =
            seen.iter().find(|seen| matches!(seen.sight, Sight::Silent { proved: true, .. }))
        {
            let (check, reason) = words(silent);
            return Finding::Silent { check, reason };
        }
        // Without a critical check every check counts: nothing is ever promoted on nothing.
        let any_critical = seen.iter().any(|seen| seen.report.critical);
        let critical: Vec<&Seen> = seen.iter().filter(|seen| seen.report.critical || !any_critical).collect();
        if let Some(blind) = critical.iter().find(|seen| seen.is_blind_for(self.spec.blind_after_ms)) {
            let (check, reason) = words(blind);
            return Finding::Blind { check, reason };
        }
        let hardest =
            critical.iter().min_by(|a, b| a.report.log_e_healthy.total_cmp(&b.report.log_e_healthy));
        if let Some(hardest) = hardest
            && critical.iter().all(|seen| seen.report.standing == Standing::Healthy)
        {
            let (check, reason) = words(hardest);
            return Finding::Healthy { check, reason };
        }
        let unharmed = !critical.is_empty()
            && critical.iter().all(|seen| seen.unharmed && seen.report.standing != Standing::Blind);
        Finding::Undecided { reason: self.undecided_words(&critical), unharmed }
    }

    /// What the release waits for: the first blind check, else the one that is furthest from health.
    fn undecided_words(&self, critical: &[&Seen]) -> String {
        match self.begun() {
            None => return "the candidate has no traffic yet".to_owned(),
            Some(begun) if self.last < begun => {
                let left = numbers::span(begun.ms_since(self.last));
                return format!("warming up, judged in {left}");
            }
            Some(_) => {}
        }
        let open = critical.iter().copied().filter(|seen| seen.report.standing != Standing::Healthy);
        let speaker = (open.clone().find(|seen| seen.report.standing == Standing::Blind))
            .or_else(|| open.min_by(|a, b| a.report.log_e_healthy.total_cmp(&b.report.log_e_healthy)));
        speaker.map_or_else(|| "no checks".to_owned(), |seen| seen.report.reason.clone())
    }
}

impl Seen {
    /// Blind, or silent without proof of it, for so long.
    fn is_blind_for(&self, blind_after_ms: u64) -> bool {
        match self.sight {
            Sight::Blind { for_ms, .. } | Sight::Silent { for_ms, .. } => {
                for_ms >= blind_after_ms && self.report.standing == Standing::Blind
            }
            Sight::Clear => false,
        }
    }
}

#[cfg(test)]
mod tests;
