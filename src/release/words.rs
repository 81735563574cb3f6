//! The sentences of the verdict log, but for those that the judge makes of its own evidence.
//!
//! Each is one sentence that somebody woken at night understands: what, why, and what comes next.

use super::event::Command;
use super::plan::Advance;
use super::state::{Outcome, Phase, Release};
use crate::judge::report::{Finding, Standing};
pub use crate::judge::words::duration as span;
use crate::sample::{Timestamp, Weight};

pub(super) fn started(release: &Release, by: &str, first: Weight) -> String {
    format!(
        "release {} started by {by}: {} is live, {} is the candidate and gets {first} first",
        release.id, release.live, release.candidate
    )
}

pub(super) fn on_step(release: &Release, index: usize) -> String {
    format!(
        "the router gives {} {} (step {} of {}), held for at least {}",
        release.candidate,
        release.granted,
        index + 1,
        release.plan.steps.len(),
        span(release.plan.hold_ms)
    )
}

pub(super) fn advance(release: &Release, weight: Weight, evidence: &str) -> String {
    let on = match release.assessment.finding {
        Finding::Healthy { .. } => "every critical check is healthy",
        _ => "no check shows harm",
    };
    format!("{on}, {} goes on to {weight}; {evidence}", release.candidate)
}

pub(super) fn cut_over(evidence: &str) -> String {
    format!("every critical check is healthy, all traffic goes to the candidate; {evidence}")
}

pub(super) fn soaking(release: &Release) -> String {
    format!(
        "the router gives {} all traffic; it soaks for {}, during which limits and probes can still revert it",
        release.candidate,
        span(release.plan.soak_ms)
    )
}

pub(super) fn promoted(release: &Release) -> String {
    format!(
        "promoted: {} is live after a soak of {} without harm",
        release.candidate,
        span(release.plan.soak_ms)
    )
}

pub(super) fn returned(release: &Release, outcome: Outcome) -> String {
    let word = match outcome {
        Outcome::Cancelled => "cancelled",
        Outcome::Promoted | Outcome::Reverted => "reverted",
    };
    format!("{word}: the router gives {} all traffic again", release.live)
}

pub(super) fn put_right(release: &Release) -> String {
    format!("the router gives {} {} again", release.candidate, release.granted)
}

pub(super) fn router_failed(release: &Release, failures: u32, error: &str) -> String {
    let times = if failures == 1 { String::new() } else { format!(" ({failures} times in a row)") };
    format!(
        "the router did not take {} for {}{times}: {error}; told again at every tick",
        release.order.weight, release.candidate
    )
}

pub(super) fn drifted(release: &Release, weight: Weight, restarted: bool) -> String {
    let why = if restarted { "the router was restarted and" } else { "somebody else changed the router: it" };
    format!(
        "{why} gives {} {weight} instead of {}; it is being put right",
        release.candidate, release.order.weight
    )
}

pub(super) fn resumed(release: &Release) -> String {
    format!(
        "the daemon was restarted and goes on with {} in phase {} at {}",
        release.id,
        release.phase.name(),
        release.granted
    )
}

pub(super) fn command(release: &Release, command: Command, by: &str) -> String {
    if release.is_returning() {
        return match command {
            Command::Cancel => {
                format!("cancelled by {by} while traffic was already on its way back to {}", release.live)
            }
            _ => {
                format!("{by} asked to {command}, but traffic is already on its way back to {}", release.live)
            }
        };
    }
    match (command, release.phase) {
        (Command::Pause, _) => {
            format!("paused by {by}: the weight stays at {}, harm still reverts", release.granted)
        }
        (Command::Resume, _) => format!("resumed by {by}"),
        (Command::Promote, Phase::Step { .. }) => {
            format!(
                "promoted by {by} without waiting for the judge: all traffic goes to {}",
                release.candidate
            )
        }
        (Command::Promote, Phase::Soak { .. }) => {
            format!("soak ended by {by}: {} is live", release.candidate)
        }
        (Command::Promote, _) => {
            format!("{by} asked to promote, and traffic is already on its way to {}", release.candidate)
        }
        (Command::Revert, _) => format!("reverted by {by}: all traffic goes back to {}", release.live),
        (Command::Cancel, _) => format!("cancelled by {by}: all traffic goes back to {}", release.live),
    }
}

pub(super) fn promoted_later(release: &Release, by: &str) -> String {
    format!(
        "soak ended by {by}: it is over as soon as the router gives {} {} again",
        release.candidate, release.order.weight
    )
}

pub(super) fn deadline(release: &Release, then: &str) -> String {
    format!("the deadline has passed in phase {}: {then}; {}", release.phase.name(), finding(release))
}

pub(super) fn overdue(release: &Release) -> String {
    format!(
        "the deadline has passed and on_deadline = \"hold\": `assize release promote {service}` or `assize release revert {service}` within {}, then it is reverted; {}",
        span(release.plan.deadline_ms),
        finding(release),
        service = release.service
    )
}

/// Where the release stands and what it waits for, as a sentence.
#[must_use]
pub fn standing(release: &Release, at: Timestamp) -> String {
    let waits = match release.phase {
        Phase::Ended { outcome: Outcome::Promoted } => {
            return format!("promoted: {} is live", release.candidate);
        }
        Phase::Ended { outcome } => return returned(release, outcome),
        Phase::Return { .. } => {
            return format!("traffic is on its way back to {}; {}", release.live, finding(release));
        }
        _ if release.overdue => format!("overdue, waiting for a person at {}", release.granted),
        _ if release.paused_by.is_some() => {
            let by = release.paused_by.as_deref().unwrap_or("somebody");
            format!("paused by {by} at {}", release.granted)
        }
        Phase::Step { since: None, .. } | Phase::CutOver => {
            format!("waiting for the router to confirm {}", release.order.weight)
        }
        Phase::Step { since: Some(since), .. } => {
            let left = release.plan.hold_ms.saturating_sub(at.ms_since(since));
            if left > 0 {
                format!("at {}, held for another {}", release.granted, span(left))
            } else {
                format!("at {}, waiting for {}", release.granted, wanted(release))
            }
        }
        Phase::Soak { since } => {
            let left = release.plan.soak_ms.saturating_sub(at.ms_since(since));
            format!("soaking for another {}", span(left))
        }
    };
    format!("{waits}; {}", finding(release))
}

fn wanted(release: &Release) -> &'static str {
    let blind = (release.assessment.checks.iter()).any(|c| c.critical && c.standing == Standing::Blind);
    match (release.phase, release.plan.advance) {
        _ if blind => "samples",
        (Phase::Step { index, .. }, Advance::Unharmed) if index + 1 < release.plan.steps.len() => {
            "every critical check to be seen without a sign of harm"
        }
        _ => "proof of no harm",
    }
}

fn finding(release: &Release) -> &str {
    match &release.assessment.finding {
        Finding::Harmful { reason, .. }
        | Finding::Silent { reason, .. }
        | Finding::Blind { reason, .. }
        | Finding::Healthy { reason, .. }
        | Finding::Undecided { reason, .. } => reason,
    }
}
