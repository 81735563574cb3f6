//! What follows from the evidence at a tick: revert, advance, cut over, finish or stay.
//!
//! Read it as a list of questions in the order of their weight: harm first, then silence and blindness, then the
//! deadline, and only then whether the release may go on. Nothing here changes the release.

use super::plan::{Advance, OnDeadline, OnTrouble};
use super::state::{Phase, Release};
use super::verdict::Happening;
use super::words;
use crate::judge::report::{Finding, Standing};
use crate::sample::{Timestamp, Weight};

/// What follows at a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// All traffic back to live.
    Revert {
        /// Why, as a word.
        happening: Happening,
        /// Why, as a sentence.
        reason: String,
    },
    /// To another step.
    Advance {
        /// Index into the plan's steps.
        index: usize,
        /// Why.
        reason: String,
    },
    /// All traffic to the candidate.
    CutOver {
        /// On evidence, or at the deadline by policy.
        happening: Happening,
        /// Why.
        reason: String,
    },
    /// The soak is over.
    Finish {
        /// Why.
        reason: String,
    },
    /// The deadline has passed and the policy waits for a person.
    Overdue {
        /// What the person can do.
        reason: String,
    },
    /// Nothing.
    Stay,
}

/// Rules on the release as its last tick left it.
#[must_use]
pub fn rule(release: &Release, at: Timestamp) -> Ruling {
    if matches!(release.phase, Phase::Return { .. } | Phase::Ended { .. }) {
        return Ruling::Stay;
    }
    if let Finding::Harmful { reason, .. } = &release.assessment.finding {
        return Ruling::Revert { happening: Happening::Harm, reason: reason.clone() };
    }
    let trouble = trouble(release);
    if let Some((happening, reason)) = &trouble {
        let policy = match happening {
            Happening::Silent => release.plan.on_silent,
            _ => release.plan.on_blind,
        };
        if policy == OnTrouble::Revert {
            return Ruling::Revert { happening: *happening, reason: reason.clone() };
        }
    }
    if at >= release.deadline_at {
        return at_deadline(release);
    }
    if trouble.is_some() || release.paused_by.is_some() {
        return Ruling::Stay;
    }
    onward(release, at)
}

/// Silence or blindness that has lasted long enough for its policy to apply.
#[must_use]
pub fn trouble(release: &Release) -> Option<(Happening, String)> {
    match &release.assessment.finding {
        Finding::Silent { reason, .. } => Some((Happening::Silent, reason.clone())),
        Finding::Blind { reason, .. } => Some((Happening::Blind, reason.clone())),
        Finding::Harmful { .. } | Finding::Healthy { .. } | Finding::Undecided { .. } => None,
    }
}

fn at_deadline(release: &Release) -> Ruling {
    let revert =
        || Ruling::Revert { happening: Happening::Deadline, reason: words::deadline(release, "reverting") };
    match (release.plan.on_deadline, release.phase) {
        (OnDeadline::Hold, _) if !release.overdue => Ruling::Overdue { reason: words::overdue(release) },
        // Without proof, by the team's own written word; but never on silence.
        (OnDeadline::Promote, _) if !sees_everything(release) => revert(),
        (OnDeadline::Promote, Phase::Step { .. }) => Ruling::CutOver {
            happening: Happening::Deadline,
            reason: words::deadline(release, "promoting without proof, because on_deadline = \"promote\""),
        },
        (OnDeadline::Promote, Phase::Soak { .. }) => Ruling::Finish {
            reason: words::deadline(release, "ending the soak, because on_deadline = \"promote\""),
        },
        _ => revert(),
    }
}

/// Whether the release may go on by evidence, and where to.
fn onward(release: &Release, at: Timestamp) -> Ruling {
    match release.phase {
        Phase::Step { index, since: Some(since) } if at.ms_since(since) >= release.plan.hold_ms => {
            next_step(release, index)
        }
        Phase::Soak { since } if at.ms_since(since) >= release.plan.soak_ms && sees_everything(release) => {
            Ruling::Finish { reason: words::promoted(release) }
        }
        _ => Ruling::Stay,
    }
}

fn next_step(release: &Release, index: usize) -> Ruling {
    let last = index + 1 >= release.plan.steps.len();
    match (&release.assessment.finding, release.plan.advance) {
        (Finding::Healthy { reason, .. }, _) if last => {
            Ruling::CutOver { happening: Happening::Standing, reason: words::cut_over(reason) }
        }
        (Finding::Healthy { reason, .. }, _) => advance(release, index + 1, reason),
        (Finding::Undecided { reason, unharmed: true }, Advance::Unharmed) if !last => {
            advance(release, index + 1, reason)
        }
        _ => Ruling::Stay,
    }
}

fn advance(release: &Release, index: usize, reason: &str) -> Ruling {
    let weight = (release.plan.steps.get(index)).copied().unwrap_or(Weight::NONE);
    Ruling::Advance { index, reason: words::advance(release, weight, reason) }
}

/// No critical check is blind at this moment, and each has seen the candidate.
fn sees_everything(release: &Release) -> bool {
    trouble(release).is_none()
        && !release.assessment.checks.is_empty()
        && (release.assessment.checks.iter())
            .all(|check| !check.critical || (check.standing != Standing::Blind && check.candidate.n > 0))
}
