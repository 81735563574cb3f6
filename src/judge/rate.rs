//! The candidate's rate of bad events against the live one, a floor and a limit.
//!
//! Two tables of the share test: one over the rate ratio, one over the candidate's own rate.
//! A ratio check ([`super::ratio`]) is one of these; a latency check ([`super::latency`]) is one for each quantile,
//! with slow events as the bad ones.
//!
//! The ratio conditions on the number of bad events of both roles together, so that live's own rate drops out: a rate
//! that drifts over the day, or a dependency that fails both colours at once, cancels.

use std::sync::Arc;

use crate::evidence::kernel::Tally;
use crate::evidence::late::LateTest;
use crate::evidence::outage::{OutageTest, Served};
use crate::evidence::share::{Question, RHO_HARM, RHO_HEALTHY, ShareTable};
use crate::evidence::{count_to_float, mixed};

use super::bursts::Bursts;
use super::comparison::Effect;
use super::points;
use super::report::RoleReport;
use super::words;

/// Bad events of all events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub bad: u64,
    pub total: u64,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.bad = self.bad.saturating_add(other.bad);
        self.total = self.total.saturating_add(other.total);
    }

    fn served(self) -> Served {
        Served { bad: self.bad, total: self.total }
    }

    pub fn report(self) -> RoleReport {
        RoleReport {
            n: self.total,
            bad: self.bad,
            rate: (self.total > 0).then(|| count_to_float(self.bad) / count_to_float(self.total)),
        }
    }
}

/// Log e-values of one rate test after the latest tick. Absent where the rules do not ask.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Strengths {
    /// Worse than live (and, with a floor, worse than the floor).
    pub harm_by_ratio: f64,
    /// Over the limit.
    pub harm_by_limit: Option<f64>,
    /// Less than `tolerance` times live.
    pub near: f64,
    /// Below the floor.
    pub rare: Option<f64>,
    /// Below the limit.
    pub under: Option<f64>,
}

impl Strengths {
    /// The strongest way in which this convicts.
    pub fn harm(&self) -> f64 {
        self.harm_by_limit.map_or(self.harm_by_ratio, |limit| limit.max(self.harm_by_ratio))
    }

    /// Near live or below the floor: the mean of two e-values is one.
    pub fn near_or_rare(&self) -> f64 {
        self.rare.map_or(self.near, |rare| {
            let (high, low) = (self.near.max(rare), self.near.min(rare));
            high + (0.5 + 0.5 * (low - high).exp()).ln()
        })
    }

    /// The weakest proof that health still asks for.
    pub fn healthy(&self) -> f64 {
        self.under.map_or(self.near_or_rare(), |under| under.min(self.near_or_rare()))
    }
}

/// A rate under test.
#[derive(Clone, Debug)]
pub struct RateTest {
    ratio: ShareTable,
    worse: HarmTest,
    outage: OutageTest,
    bursts: Bursts,
    near: Question,
    own: OwnRate,
    live: Counts,
    candidate: Counts,
    candidate_lately: Lately,
    estimate: MantelHaenszel,
    strengths: Strengths,
}

impl RateTest {
    /// `tolerance` above 1; `floor` and `limit` in (0, 1).
    pub fn new(tolerance: f64, floor: Option<f64>, limit: Option<f64>) -> Self {
        let grid = points::ratios(tolerance);
        let worse =
            Question { alternative: grid.at_least(tolerance), null: grid.at_most(1.0), rhos: RHO_HARM };
        let ratio = ShareTable::new(Arc::new(grid));
        let grid = ratio.grid();
        Self {
            worse: HarmTest::new(worse, &ratio),
            outage: OutageTest::default(),
            bursts: Bursts::default(),
            near: Question {
                alternative: grid.below(tolerance),
                null: grid.at_least(tolerance),
                rhos: RHO_HARM,
            },
            ratio,
            own: OwnRate::new(floor, limit),
            live: Counts::default(),
            candidate: Counts::default(),
            candidate_lately: Lately::default(),
            estimate: MantelHaenszel::default(),
            strengths: OwnRate::new(floor, limit).strengths(0.0, 0.0, RHO_HEALTHY),
        }
    }

    /// Takes in one tick. Where one role has nothing to compare with, the other still counts for what it is.
    pub fn add(&mut self, live: Option<Counts>, candidate: Option<Counts>) {
        if let Some(live) = live {
            self.live.add(live);
        }
        if let Some(candidate) = candidate {
            self.candidate.add(candidate);
            self.candidate_lately.add(candidate);
            self.own.add(candidate);
        }
        if let (Some(live), Some(candidate)) = (live, candidate) {
            self.add_pair(live, candidate);
        }
        let worse = self.worse.log_e_or(self.outage, &self.ratio);
        self.strengths = self.own.strengths(worse, self.ratio.log_e(&self.near), self.bursts.rhos());
    }

    fn add_pair(&mut self, live: Counts, candidate: Counts) {
        if live.total == 0 || candidate.total == 0 {
            return;
        }
        let odds = count_to_float(candidate.total) / count_to_float(live.total);
        let trials = live.bad.saturating_add(candidate.bad);
        if let Ok(tally) = Tally::with_odds(candidate.bad, trials, odds) {
            self.ratio.add(tally);
            if trials > 0 {
                self.worse.add(&self.ratio);
            }
            self.outage.add(live.served(), candidate.served());
            self.bursts.add(live, candidate);
            self.estimate.add(live, candidate);
        }
    }

    pub fn strengths(&self) -> Strengths {
        self.strengths
    }

    /// `5.1% (61 of 1,200)`; where harm began late, with the rate of the latest ticks, which is what it is about.
    pub fn candidate_words(&self) -> String {
        let overall = words::rate(self.candidate.bad, self.candidate.total);
        let late = self.worse.began_late(&self.ratio) || self.own.limit_began_late();
        match self.candidate_lately.share().filter(|_| late) {
            Some(share) => format!("{overall}, {} in the latest ticks,", words::percent(share)),
            None => overall,
        }
    }

    pub fn live(&self) -> Counts {
        self.live
    }

    pub fn candidate(&self) -> Counts {
        self.candidate
    }

    /// Both roles, the rate ratio tick by tick (absent without bad events of live) and its confidence sequence.
    pub fn effect(&self, alpha: f64) -> Effect {
        Effect {
            live: self.live.report(),
            candidate: self.candidate.report(),
            ratio: self.estimate.ratio(),
            interval: self.ratio.confidence(alpha),
        }
    }

    /// `candidate 5.1% (61 of 1,200) against live 0.52% (6 of 1,150): 9.8 times the live rate (4.1 to 22 at 99%),
    /// tolerance 1.5`. `slower` qualifies the candidate's events, `noun` is what is compared.
    pub fn against_live(&self, slower: &str, noun: &str, tolerance: f64, alpha: f64) -> String {
        let times = match self.estimate.ratio() {
            Some(ratio) => format!(
                "{} times the live {noun}{}",
                words::significant(ratio, 2),
                words::interval(self.ratio.confidence(alpha), alpha)
            ),
            None if self.candidate.bad > 0 && self.live.total > 0 => format!(
                "none on live to compare with{}",
                words::interval(self.ratio.confidence(alpha), alpha)
            ),
            None => "no ratio yet".into(),
        };
        format!(
            "candidate {}{slower} against live {}: {times}, tolerance {tolerance}",
            self.candidate_words(),
            words::rate(self.live.bad, self.live.total),
        )
    }
}

/// What late harm weighs beside harm from the start, which loses as much of its evidence (ln 0.95 = −0.05).
const LATE_WEIGHT: f64 = 0.05;

/// What an outage in one tick weighs, likewise.
const OUTAGE_WEIGHT: f64 = 0.08;

/// Late harm is told as such where it is e^3 times better supported than harm from the start.
const LATE_BY: f64 = 3.0;

/// Counts that forget: each tick keeps this part of what was there.
const LATELY_KEEPS: f64 = 0.7;

/// The rate of the latest three ticks or so, for words only.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    bad: f64,
    total: f64,
}

impl Lately {
    fn add(&mut self, counts: Counts) {
        self.bad = self.bad * LATELY_KEEPS + count_to_float(counts.bad);
        self.total = self.total * LATELY_KEEPS + count_to_float(counts.total);
    }

    fn share(self) -> Option<f64> {
        (self.total > 0.0).then(|| self.bad / self.total)
    }
}

/// Proof of harm, whether it was there from the start or begins late.
#[derive(Clone, Debug)]
struct HarmTest {
    constant: Question,
    late: LateTest,
}

impl HarmTest {
    fn new(question: Question, table: &ShareTable) -> Self {
        Self { late: LateTest::new(question.clone(), table), constant: question }
    }

    fn add(&mut self, table: &ShareTable) {
        self.late.add(table);
    }

    /// Whether proof of harm rests on the latest ticks and not on the whole.
    fn began_late(&self, table: &ShareTable) -> bool {
        let late = self.late.log_e();
        late > 0.0 && late > table.log_e(&self.constant) + LATE_BY
    }

    fn log_e(&self, table: &ShareTable) -> f64 {
        mixed([(1.0 - LATE_WEIGHT, table.log_e(&self.constant)), (LATE_WEIGHT, self.late.log_e())])
    }

    /// The same, with an outage that one tick shows as one more way.
    fn log_e_or(&self, outage: OutageTest, table: &ShareTable) -> f64 {
        mixed([
            (1.0 - LATE_WEIGHT - OUTAGE_WEIGHT, table.log_e(&self.constant)),
            (LATE_WEIGHT, self.late.log_e()),
            (OUTAGE_WEIGHT, outage.log_e()),
        ])
    }
}

/// The common rate ratio of many small tables (Mantel and Haenszel 1959; for rates, Rothman 1986).
///
/// The quotient of the overall rates would be wrong where the weight follows a step plan while the rate drifts:
/// each role's overall rate is then an average over different times.
#[derive(Clone, Copy, Debug, Default)]
struct MantelHaenszel {
    candidate: f64,
    live: f64,
}

impl MantelHaenszel {
    fn add(&mut self, live: Counts, candidate: Counts) {
        let (n, m) = (count_to_float(candidate.total), count_to_float(live.total));
        self.candidate += count_to_float(candidate.bad) * m / (n + m);
        self.live += count_to_float(live.bad) * n / (n + m);
    }

    fn ratio(self) -> Option<f64> {
        (self.live > 0.0).then(|| self.candidate / self.live)
    }
}

/// The candidate's own rate against absolute margins.
#[derive(Clone, Debug)]
pub struct OwnRate {
    table: ShareTable,
    floor: Option<Margin>,
    limit: Option<Margin>,
}

/// One absolute rate, asked from both sides, by its odds.
#[derive(Clone, Debug)]
struct Margin {
    above: HarmTest,
    below: Question,
}

impl Margin {
    fn new(odds: f64, table: &ShareTable) -> Self {
        let grid = table.grid();
        let above = Question { alternative: grid.above(odds), null: grid.at_most(odds), rhos: RHO_HARM };
        Self {
            above: HarmTest::new(above, table),
            below: Question { alternative: grid.below(odds), null: grid.at_least(odds), rhos: RHO_HARM },
        }
    }
}

impl OwnRate {
    /// `floor` and `limit` in (0, 1).
    pub fn new(floor: Option<f64>, limit: Option<f64>) -> Self {
        let odds = |rate: f64| rate / (1.0 - rate);
        let grid = points::rates(floor.into_iter().chain(limit).map(odds));
        let table = ShareTable::new(Arc::new(grid));
        let margin = |rate: f64| Margin::new(odds(rate), &table);
        Self { floor: floor.map(margin), limit: limit.map(margin), table }
    }

    /// Takes in one tick of the candidate.
    pub fn add(&mut self, counts: Counts) {
        if self.floor.is_none() && self.limit.is_none() {
            return;
        }
        let Ok(tally) = Tally::with_odds(counts.bad, counts.total, 1.0) else {
            return;
        };
        self.table.add(tally);
        if counts.total > 0 {
            for margin in [&mut self.floor, &mut self.limit].into_iter().flatten() {
                margin.above.add(&self.table);
            }
        }
    }

    /// What this adds to the e-values of the ratio. That a rate lies below the floor is held against the first `rhos`
    /// correlations only: with all of them, hundreds of clean ticks would prove nothing.
    fn strengths(&self, worse: f64, near: f64, rhos: usize) -> Strengths {
        let below = |margin: &Margin| self.table.log_e(&margin.below);
        let above = |margin: &Margin| margin.above.log_e(&self.table);
        Strengths {
            harm_by_ratio: self.floor.as_ref().map_or(worse, |floor| worse.min(above(floor))),
            harm_by_limit: self.limit.as_ref().map(above),
            near,
            rare: self.floor.as_ref().map(|m| self.table.log_e(&Question { rhos, ..m.below.clone() })),
            under: self.limit.as_ref().map(below),
        }
    }

    fn limit_began_late(&self) -> bool {
        let limit = self.limit.as_ref();
        limit.is_some_and(|limit| limit.above.began_late(&self.table))
    }

    /// ln E for "over the limit" and for "under it"; absent without a limit.
    pub fn limit(&self) -> Option<(f64, f64)> {
        let limit = self.limit.as_ref()?;
        Some((limit.above.log_e(&self.table), self.table.log_e(&limit.below)))
    }
}

#[cfg(test)]
mod tests;
