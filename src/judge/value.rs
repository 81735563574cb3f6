//! Value checks: one number per role and tick, compared by the shift test.
//!
//! The tolerance is a factor, so what is compared is d = ln(candidate) − ln(live), and both values must be positive;
//! a tick with a value that is not is a gap, with that as its reason.
//! Harm needs evidence that d lies on the bad side of 0 *and* a median beyond half of ln(tolerance), so that a tiny
//! steady difference, of which there is soon proof, does not convict.
//! The limit is a rule without a test: the candidate stays beyond a bound for so long. It spends no error budget.

use crate::evidence::Interval;
use crate::evidence::quantile::RunningMedian;
use crate::evidence::shift::ShiftTable;
use crate::sample::{Gap, GapKind, Reading, Timestamp};

use super::comparison::{Budget, Comparison, Effect, Evidence, Proof, more_health, weighing};
use super::reading;
use super::report::RoleReport;
use super::spec::{Bound, Direction, ValueLimit, ValueSpec};
use super::words;

/// The confidence sequence asks about centres up to this ratio, and its inverse.
const RATIO_MAX: f64 = 100.0;

/// The same pair of values again within this time is taken for the same measurement: a source that is read more often
/// than it measures repeats itself, and repetition is no evidence. A value that really does not move counts once in so
/// long.
const REPEATED_MS: u64 = 60_000;

/// Ratios are held within this and its inverse, so that they stay finite numbers.
const REACH_MAX: f64 = 1e100;

/// One value check under judgement.
#[derive(Clone, Debug)]
pub struct ValueCheck {
    spec: ValueSpec,
    /// ln(tolerance).
    margin: f64,
    shift: ShiftTable,
    live: RunningMedian,
    candidate: RunningMedian,
    limit: Option<LimitWatch>,
    /// The latest pair that was taken in, and when.
    latest: Option<(f64, f64, Timestamp)>,
}

/// How long the candidate has been beyond its bound.
#[derive(Clone, Debug)]
struct LimitWatch {
    spec: ValueLimit,
    /// Moments of the first and the latest tick of the present stay beyond it.
    beyond: Option<(Timestamp, Timestamp)>,
    latest: f64,
}

impl LimitWatch {
    /// A tick without a value ends the stay: what was not measured is not held against the candidate.
    fn judge(&mut self, at: Timestamp, value: Option<f64>) {
        let beyond = value.is_some_and(|value| match self.spec.bound {
            Bound::Above(bound) => value > bound,
            Bound::Below(bound) => value < bound,
        });
        self.latest = value.unwrap_or(self.latest);
        self.beyond = beyond.then(|| (self.beyond.map_or(at, |(since, _)| since), at));
    }

    fn stay_ms(&self) -> Option<u64> {
        self.beyond.map(|(since, latest)| latest.ms_since(since))
    }

    fn convicts(&self) -> bool {
        self.stay_ms().is_some_and(|ms| ms >= self.spec.for_ms)
    }

    /// `above 0.95 for 20 s`.
    fn stay(&self) -> Option<String> {
        let (side, bound) = match self.spec.bound {
            Bound::Above(bound) => ("above", bound),
            Bound::Below(bound) => ("below", bound),
        };
        let for_so_long = words::duration(self.stay_ms()?);
        Some(format!("{side} {bound} for {for_so_long}"))
    }
}

impl ValueCheck {
    pub fn new(spec: ValueSpec) -> Self {
        let margin = spec.tolerance.ln();
        Self {
            shift: ShiftTable::about(margin, RATIO_MAX.ln()),
            margin,
            live: RunningMedian::default(),
            candidate: RunningMedian::default(),
            limit: spec.limit.clone().map(|spec| LimitWatch { spec, beyond: None, latest: 0.0 }),
            latest: None,
            spec,
        }
    }

    /// Whether this pair is a measurement of its own.
    fn is_new(&mut self, at: Timestamp, live: f64, candidate: f64) -> bool {
        let again = self.latest.is_some_and(|(live_before, candidate_before, before)| {
            let same =
                live.to_bits() == live_before.to_bits() && candidate.to_bits() == candidate_before.to_bits();
            same && at.ms_since(before) < REPEATED_MS
        });
        if !again {
            self.latest = Some((live, candidate, at));
        }
        !again
    }

    /// In how many ways a check of these rules can convict by chance.
    pub fn ways(spec: &ValueSpec) -> u32 {
        match spec.direction {
            Direction::Increase | Direction::Decrease => 1,
            Direction::Either => 2,
        }
    }

    /// Evidence that more is harm, and that it is not that much more.
    fn increase(&self) -> Evidence {
        let far = self.shift.median().is_some_and(|d| d >= self.margin / 2.0);
        Evidence {
            harm: if_far(far, self.shift.at(0.0).log_e_above()),
            healthy: self.shift.at(self.margin).log_e_below(),
        }
    }

    /// The same for less.
    fn decrease(&self) -> Evidence {
        let far = self.shift.median().is_some_and(|d| d <= -self.margin / 2.0);
        Evidence {
            harm: if_far(far, self.shift.at(0.0).log_e_below()),
            healthy: self.shift.at(-self.margin).log_e_above(),
        }
    }

    fn interval(&self, alpha: f64) -> Interval {
        let of_logs = self.shift.confidence(alpha);
        Interval { low: of_logs.low.map(f64::exp), high: of_logs.high.map(f64::exp) }
    }

    fn against_live(&self, alpha: f64) -> String {
        let value = |role: &RunningMedian| {
            role.median().map_or_else(
                || "nothing yet".to_owned(),
                |median| {
                    format!(
                        "{} (median of {} ticks)",
                        words::significant(median, 3),
                        words::count(role.count())
                    )
                },
            )
        };
        let times = self.shift.median().map_or_else(
            || "no ratio yet".to_owned(),
            |d| {
                format!(
                    "{} times the live value{}",
                    words::significant(d.exp(), 2),
                    words::interval(self.interval(alpha), alpha)
                )
            },
        );
        let tolerance = self.spec.tolerance;
        let tolerance = match self.spec.direction {
            Direction::Increase => format!("{tolerance}"),
            Direction::Decrease => format!("1/{tolerance}"),
            Direction::Either => format!("1/{tolerance} to {tolerance}"),
        };
        format!(
            "candidate {} against live {}: {times}, tolerance {tolerance}",
            value(&self.candidate),
            value(&self.live)
        )
    }
}

/// Proof of a shift is evidence of harm only where the shift is not small; proof against one always counts.
fn if_far(far: bool, log_e: f64) -> f64 {
    if far { log_e } else { log_e.min(0.0) }
}

/// A positive value: only those have a ratio.
fn positive(reading: &Reading) -> Result<f64, Gap> {
    let value = reading::value(reading)?;
    if value > 0.0 {
        Ok(value)
    } else {
        Err(reading::malformed(format!("{value} is not positive, so it has no ratio to compare")))
    }
}

impl Comparison for ValueCheck {
    fn events(&self, reading: &Reading) -> Result<u64, Gap> {
        positive(reading).map(|_| 1)
    }

    fn judge(&mut self, at: Timestamp, live: Option<&Reading>, candidate: Option<&Reading>) {
        if let (Some(limit), Some(reading)) = (&mut self.limit, candidate) {
            match reading::value(reading) {
                // Not due yet: the value before still stands.
                Err(gap) if gap.kind == GapKind::NotYet => {}
                value => limit.judge(at, value.ok()),
            }
        }
        let live = live.and_then(|r| positive(r).ok());
        let candidate = candidate.and_then(|r| positive(r).ok());
        if let Some(value) = live {
            self.live.add(value);
        }
        if let Some(value) = candidate {
            self.candidate.add(value);
        }
        if let (Some(live), Some(candidate)) = (live, candidate)
            && self.is_new(at, live, candidate)
        {
            let reach = REACH_MAX.ln();
            self.shift.add((candidate.ln() - live.ln()).clamp(-reach, reach));
        }
    }

    fn evidence(&self) -> Evidence {
        let (increase, decrease) = (self.increase(), self.decrease());
        let evidence = match self.spec.direction {
            Direction::Increase => increase,
            Direction::Decrease => decrease,
            Direction::Either => Evidence {
                harm: increase.harm.max(decrease.harm),
                healthy: increase.healthy.min(decrease.healthy),
            },
        };
        // Beyond its limit it is not healthy, whatever live does.
        let beyond = self.limit.as_ref().is_some_and(|l| l.beyond.is_some());
        Evidence { healthy: if_far(!beyond, evidence.healthy), ..evidence }
    }

    fn convicts(&self, budget: &Budget) -> bool {
        self.evidence().harm >= budget.harm || self.limit.as_ref().is_some_and(LimitWatch::convicts)
    }

    fn effect(&self, budget: &Budget) -> Effect {
        let role = |values: &RunningMedian| RoleReport { n: values.count(), bad: 0, rate: values.median() };
        Effect {
            live: role(&self.live),
            candidate: role(&self.candidate),
            ratio: self.shift.median().map(f64::exp),
            interval: self.interval(budget.false_revert),
        }
    }

    fn sentence(&self, proof: Proof, budget: &Budget) -> String {
        let facts = self.against_live(budget.false_revert);
        match &self.limit {
            Some(limit) if proof == Proof::Harm && limit.convicts() => format!(
                "candidate {} has been {}, limit {}; {facts}",
                words::significant(limit.latest, 3),
                limit.stay().unwrap_or_default(),
                words::duration(limit.spec.for_ms)
            ),
            _ => format!("{facts}; {}", weighing(proof, self.evidence(), budget)),
        }
    }

    fn waiting_for(&self, budget: &Budget) -> String {
        if self.candidate.count() == 0 {
            return "the candidate's first value".into();
        }
        let limit = self.limit.as_ref();
        match limit.and_then(|l| Some((l.stay()?, l.spec.for_ms))) {
            Some((stay, for_ms)) => {
                format!("the candidate to return: {stay}, limit {}", words::duration(for_ms))
            }
            None => more_health("for health", self.evidence().healthy, budget),
        }
    }
}
