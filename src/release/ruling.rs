//! What follows from the evidence at a tick: revert, advance, cut over, finish or stay.
//!
//! Read it as a list of questions in the order of their weight: harm first, then silence and blindness, then the
//! deadline, and only then whether the release may go on. Nothing here changes the release.

use super::plan::{Advance, OnDeadline, OnTrouble};
use super::state::{Answer, Phase, Release};
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
    if let (Some(reason), OnTrouble::Revert) = (&release.assessment.also_blind, release.plan.on_blind) {
        return Ruling::Revert { happening: Happening::Blind, reason: reason.clone() };
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
    // A pause stops the way up, also the one that the deadline would take.
    let waits = match release.plan.on_deadline {
        OnDeadline::Hold => true,
        OnDeadline::Promote => release.paused_by.is_some(),
        OnDeadline::Revert => false,
    };
    match (release.plan.on_deadline, release.phase) {
        // A router that never confirmed all traffic for the candidate will not do so now.
        (_, Phase::CutOver) => revert(),
        _ if waits && !release.overdue => Ruling::Overdue { reason: words::overdue(release) },
        _ if waits => revert(),
        // Without proof, by the team's own written word; but never on silence.
        (OnDeadline::Promote, _) if !sees_everything(release) => revert(),
        (OnDeadline::Promote, Phase::Step { .. }) => Ruling::CutOver {
            happening: Happening::Deadline,
            reason: words::deadline(release, "promoting without proof, because on_deadline = \"promote\""),
        },
        // A soak does not end as promoted while the router may be sending traffic elsewhere.
        (OnDeadline::Promote, Phase::Soak { .. }) if !obeyed(release) => Ruling::Stay,
        (OnDeadline::Promote, Phase::Soak { .. }) => Ruling::Finish {
            reason: words::deadline(release, "ending the soak, because on_deadline = \"promote\""),
        },
        _ => revert(),
    }
}

/// Whether the release may go on by evidence, and where to.
fn onward(release: &Release, at: Timestamp) -> Ruling {
    if !obeyed(release) {
        return Ruling::Stay;
    }
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

/// The router has said that it does what it was told last.
fn obeyed(release: &Release) -> bool {
    release.order.answer == Answer::Confirmed
}

/// No critical check is blind at this moment, and on the way up each has seen the candidate. (In the soak a check may
/// have nothing left to compare; that it is not blind says that it saw the candidate just now.)
/// Where no check is critical every check counts as one, as in the judge.
fn sees_everything(release: &Release) -> bool {
    let checks = &release.assessment.checks;
    let none_critical = !checks.iter().any(|check| check.critical);
    let soaking = matches!(release.phase, Phase::Soak { .. });
    trouble(release).is_none()
        && !checks.is_empty()
        && (checks.iter().filter(|check| none_critical || check.critical))
            .all(|check| check.standing != Standing::Blind && (soaking || check.candidate.n > 0))
}
