//! Whether healthy releases get through in time, and what would let them: each remedy is simulated before it is named.

use super::Setup;
use super::study::{Outcomes, healthy};
use crate::judge::spec::CheckKind;
use crate::sample::Weight;

/// At least this share of the healthy releases should be promoted by the deadline.
pub const ENOUGH: f64 = 0.9;

/// A longer deadline is looked for up to so many times the present one, and up to 30 days as in the rules.
const LONGER: u64 = 16;
const DEADLINE_MS_MAX: u64 = 30 * 86_400_000;

/// How much of what a tolerance allows beyond 1 is tried, in this order.
const LARGER: [f64; 4] = [1.5, 2.0, 3.0, 5.0];

/// The weight at which two colours are compared best.
const HALF: Weight = Weight::from_basis_points(5_000);

/// Numbers of the generator for each use, apart from those of a study.
const CELL_OF_DEADLINE: u64 = 1 << 32;
const CELL_OF_PROOF: u64 = 2 << 32;

/// How carefully is looked.
#[derive(Clone, Copy, Debug)]
pub struct Care {
    /// Healthy releases that are simulated for each question; fewer as soon as a tenth of them has failed.
    pub runs: u32,
    /// Look for every remedy, not just for one.
    pub all: bool,
}

impl Care {
    /// So many may fail before a question is answered with no.
    fn misses_max(self) -> u32 {
        self.runs / 10
    }
}

/// Why healthy releases do not get through.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// Fewer than [`ENOUGH`] are promoted by the deadline.
    TooLate {
        /// Share that is promoted.
        promoted: f64,
        /// The check that most of the others wait for.
        open: Option<String>,
    },
    /// More than a tenth is reverted: what live does is beyond a limit, or the candidate gets too little to be seen.
    Reverted {
        /// Most of them for silence.
        unseen: bool,
        /// Share that is reverted.
        reverted: f64,
        /// The check that convicts most of them.
        by: Option<String>,
    },
}

/// One change of the rules under which healthy releases get through.
#[derive(Clone, Debug, PartialEq)]
pub struct Remedy {
    /// What to change.
    pub change: Change,
    /// Share of the healthy releases that are promoted by the deadline then.
    pub promoted: f64,
    /// When half of them are.
    pub median_ms: Option<u64>,
}

/// What to change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// `deadline` of the plan.
    Deadline(u64),
    /// `steps` of the plan.
    Steps(Vec<Weight>),
    /// `tolerance` of a check, or of all its quantiles the largest.
    Tolerance {
        /// Which check.
        check: String,
        /// To what; for latency, each quantile's in the order of the rules.
        tolerances: Vec<f64>,
    },
}

/// What is wrong with what became of healthy releases.
#[must_use]
pub fn trouble(healthy: &Outcomes) -> Option<Trouble> {
    let first = healthy.checks.first().map(|(name, _)| name.clone());
    if healthy.runs == 0 || healthy.promoted() >= ENOUGH {
        None
    } else if healthy.reverted() > 1.0 - ENOUGH {
        let unseen = f64::from(healthy.unseen) > healthy.reverted() * f64::from(healthy.runs) / 2.0;
        Some(Trouble::Reverted { unseen, reverted: healthy.reverted(), by: first })
    } else {
        Some(Trouble::TooLate { promoted: healthy.promoted(), open: first })
    }
}

/// A longer deadline, more weight, a larger tolerance of the check that is waited for: those that help.
#[must_use]
pub fn remedies(setup: &Setup, trouble: &Trouble, care: Care, seed: u64) -> Vec<Remedy> {
    let Trouble::TooLate { open, .. } = trouble else {
        return Vec::new();
    };
    let remedy = |which: u8| match which {
        0 => longer_deadline(setup, care, seed),
        1 => more_weight(setup, care, seed),
        _ => open.as_deref().and_then(|open| larger_tolerance(setup, open, care, seed)),
    };
    (0..3).filter_map(remedy).take(if care.all { 3 } else { 1 }).collect()
}

/// Simulates the changed rules with other numbers than those that led to the change.
fn proved(setup: &Setup, change: Change, care: Care, seed: u64) -> Option<Remedy> {
    let changed = with(setup, &change);
    let outcomes = healthy(&changed, care.runs, care.misses_max(), seed, CELL_OF_PROOF);
    let enough = outcomes.runs == care.runs && outcomes.promoted() >= ENOUGH;
    enough.then(|| Remedy { change, promoted: outcomes.promoted(), median_ms: outcomes.promoted_by(0.5) })
}

fn longer_deadline(setup: &Setup, care: Care, seed: u64) -> Option<Remedy> {
    let far_ms = (setup.plan.deadline_ms.saturating_mul(LONGER)).min(DEADLINE_MS_MAX);
    let far = with(setup, &Change::Deadline(far_ms));
    // Only to know where to look: half of the runs.
    let outcomes = healthy(&far, care.runs.div_ceil(2), care.misses_max(), seed, CELL_OF_DEADLINE);
    let mut needed_ms = outcomes.promoted_by(ENOUGH)?;
    // A quantile of a few runs may lie too low: then a longer one is tried.
    for _ in 0..4 {
        let deadline_ms = rounded_up(needed_ms + needed_ms / 10);
        if deadline_ms > far_ms {
            return None;
        }
        if deadline_ms > setup.plan.deadline_ms
            && let Some(remedy) = proved(setup, Change::Deadline(deadline_ms), care, seed)
        {
            return Some(remedy);
        }
        needed_ms = deadline_ms;
    }
    None
}

fn more_weight(setup: &Setup, care: Care, seed: u64) -> Option<Remedy> {
    let mut steps = setup.plan.steps.clone();
    if *steps.last()? >= HALF {
        return None;
    }
    steps.push(HALF);
    proved(setup, Change::Steps(steps), care, seed)
}

fn larger_tolerance(setup: &Setup, open: &str, care: Care, seed: u64) -> Option<Remedy> {
    let check = setup.judge.checks.iter().find(|check| check.name == open)?;
    let present: Vec<f64> = match &check.kind {
        CheckKind::Ratio(spec) => vec![spec.tolerance],
        CheckKind::Value(spec) => vec![spec.tolerance],
        CheckKind::Latency(spec) => spec.quantiles.iter().map(|quantile| quantile.tolerance).collect(),
    };
    LARGER.into_iter().find_map(|factor| {
        // In tenths, as a person would write it.
        let larger = |tolerance: &f64| (10.0 + 10.0 * (tolerance - 1.0) * factor).ceil() / 10.0;
        let tolerances = present.iter().map(larger).collect();
        proved(setup, Change::Tolerance { check: open.to_owned(), tolerances }, care, seed)
    })
}

/// The rules with one change.
#[must_use]
pub fn with(setup: &Setup, change: &Change) -> Setup {
    let mut changed = setup.clone();
    match change {
        Change::Deadline(ms) => changed.plan.deadline_ms = *ms,
        Change::Steps(steps) => changed.plan.steps.clone_from(steps),
        Change::Tolerance { check, tolerances } => {
            let kind = changed
                .judge
                .checks
                .iter_mut()
                .find(|known| known.name == *check)
                .map(|known| &mut known.kind);
            let first = tolerances.first().copied();
            match (kind, first) {
                (Some(CheckKind::Ratio(spec)), Some(tolerance)) => spec.tolerance = tolerance,
                (Some(CheckKind::Value(spec)), Some(tolerance)) => spec.tolerance = tolerance,
                (Some(CheckKind::Latency(spec)), _) => {
                    for (quantile, tolerance) in spec.quantiles.iter_mut().zip(tolerances) {
                        quantile.tolerance = *tolerance;
                    }
                }
                _ => {}
            }
        }
    }
    changed
}

/// To a duration that a person would write: 10 s, 5 min, 30 min, 1 h, 1 day at a time, by its size.
fn rounded_up(ms: u64) -> u64 {
    let unit_ms = match ms {
        0..=119_999 => 10_000,
        120_000..=599_999 => 60_000,
        600_000..=3_599_999 => 300_000,
        3_600_000..=14_399_999 => 1_800_000,
        14_400_000..=86_399_999 => 3_600_000,
        _ => 86_400_000,
    };
    ms.div_ceil(unit_ms) * unit_ms
}
