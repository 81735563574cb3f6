//! What every kind of check can do: take in readings, give its e-values, and say so in words.

use crate::evidence::Interval;
use crate::sample::{Gap, Reading, Timestamp};

use super::report::RoleReport;
use super::words;

/// The error budget as one check meets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Chance of a false revert over the whole release; confidence sequences hold at 1 minus it.
    pub false_revert: f64,
    /// ln(H / `false_revert`), with H the number of ways in which the whole release can be convicted.
    pub harm: f64,
    /// ln(1 / `missed_harm`).
    pub healthy: f64,
}

/// Log e-values of one check after the latest tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The strongest way in which it convicts.
    pub harm: f64,
    /// The weakest proof that health still asks for.
    pub healthy: f64,
}

/// What a person wants to see beside a standing.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    pub live: RoleReport,
    pub candidate: RoleReport,
    pub ratio: Option<f64>,
    pub interval: Interval,
}

/// What a sentence has to explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Harm,
    Health,
    Neither,
}

/// One kind of check.
pub trait Comparison {
    /// How many events stand behind a reading, or why it says nothing to this kind of check.
    fn events(&self, reading: &Reading) -> Result<u64, Gap>;

    /// Why two good readings cannot be held against each other, if so.
    fn mismatch(&self, _live: &Reading, _candidate: &Reading) -> Option<Gap> {
        None
    }

    /// Takes in one tick. A role that is not to be judged in this tick, or was not listed, is absent; what
    /// [`Self::events`] refuses is passed over.
    fn judge(&mut self, at: Timestamp, live: Option<&Reading>, candidate: Option<&Reading>);

    /// Sees live's reading of a tick, after it was judged or where it is not judged at all (warm-up).
    fn learn(&mut self, _live: &Reading) {}

    fn evidence(&self) -> Evidence;

    /// Whether harm is proved by the latest tick.
    fn convicts(&self, budget: &Budget) -> bool {
        self.evidence().harm >= budget.harm
    }

    fn effect(&self, budget: &Budget) -> Effect;

    /// One sentence without the check's name.
    fn sentence(&self, proof: Proof, budget: &Budget) -> String;

    /// What it waits for while health is not proved.
    fn waiting_for(&self, budget: &Budget) -> String;
}

/// How a sentence ends: the evidence against what is needed.
pub fn weighing(proof: Proof, evidence: Evidence, budget: &Budget) -> String {
    let (harm, healthy) = (words::evidence(evidence.harm), words::evidence(evidence.healthy));
    let (harm_needed, healthy_needed) = (words::evidence(budget.harm), words::evidence(budget.healthy));
    match proof {
        Proof::Harm => format!("evidence for harm {harm}, needed {harm_needed}"),
        Proof::Health => format!("evidence for health {healthy}, needed {healthy_needed}"),
        Proof::Neither => format!(
            "undecided: evidence for harm {harm} of {harm_needed}, for health {healthy} of {healthy_needed}"
        ),
    }
}

/// `evidence for health: e^1.2, needed e^3.0`.
pub fn more_health(what: &str, healthy: f64, budget: &Budget) -> String {
    format!(
        "evidence {what}: {} so far, needed {}",
        words::evidence(healthy),
        words::evidence(budget.healthy)
    )
}
