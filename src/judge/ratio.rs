//! Ratio checks and probes: bad events of all events.
//!
//! One [`RateTest`] with the rules' own tolerance, floor and limit; here it gets its words.

use crate::sample::{Gap, Reading, Timestamp};

use super::comparison::{Budget, Comparison, Effect, Evidence, Proof, more_health, weighing};
use super::rate::RateTest;
use super::reading;
use super::spec::RatioSpec;
use super::words;

/// One ratio check under judgement.
#[derive(Clone, Debug)]
pub struct RatioCheck {
    spec: RatioSpec,
    test: RateTest,
}

impl RatioCheck {
    pub fn new(spec: RatioSpec) -> Self {
        Self { test: RateTest::new(spec.tolerance, spec.floor, spec.limit), spec }
    }

    /// In how many ways a check of these rules can convict.
    pub fn ways(spec: &RatioSpec) -> u32 {
        1 + u32::from(spec.limit.is_some())
    }

    fn against_limit(&self, limit: f64) -> String {
        format!(
            "candidate {} above the limit of {}, whatever live does (live {})",
            self.test.candidate_words(),
            words::exact_percent(limit),
            words::rate(self.test.live().bad, self.test.live().total),
        )
    }

    fn below_floor(&self, floor: f64) -> String {
        format!(
            "candidate {} is below the floor of {}, under which nothing matters (live {})",
            words::rate(self.test.candidate().bad, self.test.candidate().total),
            words::exact_percent(floor),
            words::rate(self.test.live().bad, self.test.live().total),
        )
    }
}

impl Comparison for RatioCheck {
    fn events(&self, reading: &Reading) -> Result<u64, Gap> {
        reading::counts(reading).map(|counts| counts.total)
    }

    fn judge(&mut self, _at: Timestamp, live: Option<&Reading>, candidate: Option<&Reading>) {
        let read = |reading: Option<&Reading>| reading.and_then(|r| reading::counts(r).ok());
        self.test.add(read(live), read(candidate));
    }

    fn evidence(&self) -> Evidence {
        let strengths = self.test.strengths();
        Evidence { harm: strengths.harm(), healthy: strengths.healthy() }
    }

    fn effect(&self, budget: &Budget) -> Effect {
        self.test.effect(budget.false_revert)
    }

    fn sentence(&self, proof: Proof, budget: &Budget) -> String {
        let strengths = self.test.strengths();
        let by_limit = strengths.harm_by_limit.unwrap_or(f64::MIN) > strengths.harm_by_ratio;
        let by_floor = strengths.rare.unwrap_or(f64::MIN) > strengths.near;
        let facts = match (proof, self.spec.limit, self.spec.floor) {
            (Proof::Harm, Some(limit), _) if by_limit => self.against_limit(limit),
            (Proof::Health, _, Some(floor)) if by_floor => self.below_floor(floor),
            _ => self.test.against_live("", "rate", self.spec.tolerance, budget.false_revert),
        };
        format!("{facts}; {}", weighing(proof, self.evidence(), budget))
    }

    fn waiting_for(&self, budget: &Budget) -> String {
        let strengths = self.test.strengths();
        if self.test.candidate().total == 0 {
            return "the candidate's first events".into();
        }
        match (self.spec.limit, strengths.under) {
            (Some(limit), Some(under)) if under < strengths.near_or_rare() => more_health(
                &format!("that the rate is under the limit of {}", words::exact_percent(limit)),
                under,
                budget,
            ),
            _ => more_health("for health", strengths.healthy(), budget),
        }
    }
}
