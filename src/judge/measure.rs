//! What a kind of check has measured and how strong its evidence is: the common answer of `ratio`, `latency`, `value`.

use super::report::RoleReport;
use crate::sample::{Pair, Timestamp};

/// A way in which a check can convict.
#[derive(Clone, Debug, PartialEq)]
pub struct Charge {
    /// Its log e-value.
    pub log_e: f64,
    /// The rest of a sentence that says it: `9.8 times the live rate (4.1 to 22), tolerance 1.5`.
    pub words: String,
    /// The words say it all: what the colours did otherwise is beside the point.
    pub alone: bool,
    /// The effect is large enough for the evidence to convict (a value check asks for a median beyond half of the
    /// tolerance).
    pub may_convict: bool,
    /// Convicts by the rules' own word, without chance and so without an e-value: a value beyond its limit for long.
    pub certain: bool,
}

impl Charge {
    /// Whether it convicts, given the threshold for its log e-value.
    #[must_use]
    pub fn convicts(&self, threshold: f64) -> bool {
        self.certain || (self.may_convict && self.log_e >= threshold)
    }
}

/// Everything a check has to say after a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The live colour.
    pub live: RoleReport,
    /// The candidate.
    pub candidate: RoleReport,
    /// Candidate over live with its confidence sequence.
    pub ratio: Option<f64>,
    /// See `ratio`; `None` while nothing is ruled out.
    pub interval: Option<(f64, f64)>,
    /// Every way to convict, never empty.
    pub charges: Vec<Charge>,
    /// Log e-values that must all reach their threshold for health, never empty.
    pub proofs: Vec<f64>,
    /// Both colours in words: `candidate 5.1% (61 of 1,200) against live 0.52% (6 of 1,150)`.
    pub words: String,
}

impl Measure {
    /// The strongest charge; one that may convict before one that may not.
    #[must_use]
    pub fn strongest(&self) -> Option<&Charge> {
        let order = |a: &&Charge, b: &&Charge| {
            let rank = |charge: &Charge| (charge.certain, charge.may_convict);
            rank(a).cmp(&rank(b)).then(a.log_e.total_cmp(&b.log_e))
        };
        self.charges.iter().max_by(order)
    }

    /// The weakest proof.
    #[must_use]
    pub fn weakest(&self) -> f64 {
        self.proofs.iter().copied().fold(f64::INFINITY, f64::min).min(f64::MAX)
    }
}

/// A kind of check.
pub trait Measurement {
    /// Takes both readings of a tick in; what is a gap, or of the wrong kind, tells nothing.
    fn observe(&mut self, pair: &Pair, at: Timestamp);

    /// What is known at this moment. `alpha` is for the confidence sequence.
    fn measure(&self, alpha: f64) -> Measure;

    /// Whether any charge convicts at this threshold: the same as asking `measure`, without its words.
    fn convicts(&self, threshold: f64) -> bool;

    /// In how many ways it can convict, by chance.
    fn ways(&self) -> u32;
}
