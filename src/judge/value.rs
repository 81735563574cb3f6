//! A number that cannot be counted: the candidate's over the live one's, by the shift test.

use super::measure::{Charge, Measure, Measurement};
use super::numbers::{count, percent, significant};
use super::report::RoleReport;
use super::spec::{Bound, Direction, ValueSpec};
use crate::evidence::median::RunningMedian;
use crate::evidence::shift::ShiftTest;
use crate::sample::{Pair, Reading, Timestamp};

/// Centres of the confidence sequence: factors of 1/8 to 8 in steps of about 11%.
const FACTOR_MAX: f64 = 8.0;
const FACTOR_STEPS: i32 = 20;

/// A value check's evidence.
#[derive(Clone, Debug)]
pub(super) struct Value {
    spec: ValueSpec,
    test: ShiftTest,
    live: RunningMedian,
    candidate: RunningMedian,
    /// Since when the candidate has been beyond its limit, and when it was last seen there.
    beyond: Option<(Timestamp, Timestamp)>,
}

impl Value {
    pub fn new(spec: ValueSpec) -> Self {
        let step = FACTOR_MAX.ln() / f64::from(FACTOR_STEPS);
        let grid = (-FACTOR_STEPS..=FACTOR_STEPS).map(|i| step * f64::from(i));
        let margin = spec.tolerance.ln();
        Self {
            test: ShiftTest::new(grid.chain([margin, -margin])),
            live: RunningMedian::default(),
            candidate: RunningMedian::default(),
            beyond: None,
            spec,
        }
    }

    fn watch_limit(&mut self, value: f64, at: Timestamp) {
        let Some(limit) = &self.spec.limit else { return };
        let beyond = match limit.bound {
            Bound::Above(bound) => value > bound,
            Bound::Below(bound) => value < bound,
        };
        self.beyond = beyond.then(|| (self.beyond.map_or(at, |(since, _)| since), at));
    }

    fn up(&self, alpha: f64) -> Charge {
        let median = self.test.median().unwrap_or(0.0);
        Charge {
            log_e: self.test.log_e_above(0.0),
            words: self.ratio_words(alpha),
            may_convict: median > 0.5 * self.spec.tolerance.ln(),
            certain: false,
            alone: false,
        }
    }

    fn down(&self, alpha: f64) -> Charge {
        let median = self.test.median().unwrap_or(0.0);
        Charge {
            log_e: self.test.log_e_below(0.0),
            words: self.ratio_words(alpha),
            may_convict: median < -0.5 * self.spec.tolerance.ln(),
            certain: false,
            alone: false,
        }
    }

    fn over_limit(&self) -> Option<Charge> {
        let limit = self.spec.limit.as_ref()?;
        let lasted = self.beyond.is_some_and(|(since, last)| last.ms_since(since) >= limit.for_ms);
        let (side, bound) = match limit.bound {
            Bound::Above(bound) => ("above", bound),
            Bound::Below(bound) => ("below", bound),
        };
        // No chance is involved, so no error budget either: it convicts by the rules' own word.
        Some(Charge {
            log_e: 0.0,
            words: format!(
                "candidate {side} its limit of {} for {} s or longer",
                significant(bound),
                limit.for_ms / 1_000
            ),
            may_convict: lasted,
            certain: lasted,
            alone: false,
        })
    }

    fn ratio_words(&self, alpha: f64) -> String {
        let ratio = self.test.median().map_or_else(
            || "not comparable yet".to_owned(),
            |d| format!("{} times the live value", significant(d.exp())),
        );
        let interval = self.test.interval(alpha).map_or_else(String::new, |(low, high)| {
            format!(
                " ({} to {} at {})",
                significant(low.exp()),
                significant(high.exp()),
                percent(1.0 - alpha)
            )
        });
        format!("{ratio}{interval}, tolerance {}", significant(self.spec.tolerance))
    }
}

impl Measurement for Value {
    fn observe(&mut self, pair: &Pair, at: Timestamp) {
        if let Reading::Value(candidate) = pair.candidate {
            self.candidate.add(candidate);
            self.watch_limit(candidate, at);
        }
        if let Reading::Value(live) = pair.live {
            self.live.add(live);
            if let Reading::Value(candidate) = pair.candidate
                && live > 0.0
                && candidate > 0.0
            {
                self.test.add((candidate / live).ln());
            }
        }
    }

    fn measure(&self, alpha: f64) -> Measure {
        let margin = self.spec.tolerance.ln();
        let (mut charges, mut proofs) = match self.spec.direction {
            Direction::Increase => (vec![self.up(alpha)], vec![self.test.log_e_below(margin)]),
            Direction::Decrease => (vec![self.down(alpha)], vec![self.test.log_e_above(-margin)]),
            Direction::Either => (
                vec![self.up(alpha), self.down(alpha)],
                vec![self.test.log_e_below(margin), self.test.log_e_above(-margin)],
            ),
        };
        charges.extend(self.over_limit());
        // While it is beyond its limit it is not healthy, however short it has been there.
        if self.beyond.is_some() {
            proofs.push(0.0);
        }
        let report = |median: &RunningMedian| RoleReport { n: median.seen(), bad: 0, rate: median.get() };
        let words = |median: &RunningMedian| match median.get() {
            Some(value) => format!("{} (median of {})", significant(value), count(median.seen(), "tick")),
            None => "nothing yet".to_owned(),
        };
        Measure {
            live: report(&self.live),
            candidate: report(&self.candidate),
            ratio: self.test.median().map(f64::exp),
            interval: self.test.interval(alpha).map(|(low, high)| (low.exp(), high.exp())),
            charges,
            proofs,
            words: format!("candidate {} against live {}", words(&self.candidate), words(&self.live)),
        }
    }

    fn convicts(&self, threshold: f64) -> bool {
        self.measure(0.5).charges.iter().any(|charge| charge.convicts(threshold))
    }

    fn ways(&self) -> u32 {
        if self.spec.direction == Direction::Either { 2 } else { 1 }
    }
}
