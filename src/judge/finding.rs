//! From standings to one finding: harmful before silent before blind before healthy before undecided.
//!
//! Any check can convict and any check can notice silence; only critical ones are needed healthy and seeing.
//! Where the rules name no critical check every check counts as one, and without any check nothing is ever healthy:
//! promotion never rests on nothing.

use super::check::{Check, Outcome};
use super::report::{Finding, Standing};
use super::sight::View;

/// At most so many checks are named in one sentence; the others are counted.
const NAMED_MAX: usize = 3;

/// What the checks together say. `checks` and `outcomes` go in pairs.
pub fn find(checks: &[Check], outcomes: &[Outcome]) -> Finding {
    let critical = critical(checks, outcomes);
    harmful(checks)
        .or_else(|| outcomes.iter().find_map(silent))
        .or_else(|| critical.iter().find_map(|o| blind(o)))
        .or_else(|| healthy(&critical))
        .unwrap_or_else(|| undecided(&critical))
}

/// The sentence of a critical check that is blind for long, where the finding is another check's silence.
pub fn also_blind(checks: &[Check], outcomes: &[Outcome]) -> Option<String> {
    outcomes.iter().find_map(silent)?;
    match critical(checks, outcomes).iter().find_map(|o| blind(o)) {
        Some(Finding::Blind { reason, .. }) => Some(reason),
        _ => None,
    }
}

fn critical<'a>(checks: &[Check], outcomes: &'a [Outcome]) -> Vec<&'a Outcome> {
    let none = !checks.iter().any(Check::critical);
    outcomes.iter().filter(|o| none || o.report.critical).collect()
}

/// The first conviction; of several in one tick the first in the order of the rules.
fn harmful(checks: &[Check]) -> Option<Finding> {
    let convictions = checks.iter().filter_map(|c| Some((c, c.conviction()?)));
    let (check, conviction) = convictions.min_by_key(|(_, conviction)| conviction.at)?;
    let name = check.name();
    Some(Finding::Harmful { check: name.to_owned(), reason: format!("{name}: {}", conviction.sentence) })
}

fn silent(outcome: &Outcome) -> Option<Finding> {
    matches!(outcome.view, View::Silent { .. }).then(|| Finding::Silent {
        check: outcome.report.name.clone(),
        reason: outcome.report.reason.clone(),
    })
}

fn blind(outcome: &Outcome) -> Option<Finding> {
    matches!(outcome.view, View::Blind { long: true, .. })
        .then(|| Finding::Blind { check: outcome.report.name.clone(), reason: outcome.report.reason.clone() })
}

/// All of them, told by the one that was hardest to satisfy.
fn healthy(critical: &[&Outcome]) -> Option<Finding> {
    if critical.iter().any(|o| o.report.standing != Standing::Healthy) {
        return None;
    }
    let hardest = critical.iter().min_by(|a, b| a.report.log_e_healthy.total_cmp(&b.report.log_e_healthy))?;
    Some(Finding::Healthy { check: hardest.report.name.clone(), reason: hardest.report.reason.clone() })
}

fn undecided(critical: &[&Outcome]) -> Finding {
    let waiting: Vec<String> = critical
        .iter()
        .filter_map(|o| Some(format!("{} ({})", o.report.name, o.report.waiting_for.as_ref()?)))
        .collect();
    let named = waiting.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    Finding::Undecided {
        reason: match waiting.len() {
            0 => "no check is judged, so nothing can be proved".into(),
            n if n > NAMED_MAX => format!("waiting for {named} and {} more", n - NAMED_MAX),
            _ => format!("waiting for {named}"),
        },
        unharmed: !critical.is_empty() && critical.iter().all(|o| o.unharmed),
    }
}
