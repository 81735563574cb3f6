//! Status and stories as people read them: a few lines, aligned, numbers with units.

use std::fmt::Write as _;

use crate::daemon::request::{ReleaseStatus, ServiceStatus};
use crate::daemon::verdict_log::standing_word;
use crate::judge::report::{CheckReport, RoleReport};
use crate::judge::words::{count, percent, significant};

/// A service and its release.
pub fn status(status: &ServiceStatus) -> String {
    let mut text = match &status.live {
        Some(live) => format!("{}: {live} is live\n", status.service),
        None => format!("{}: which colour is live is not known yet\n", status.service),
    };
    if let Some(trouble) = &status.trouble {
        let _ = writeln!(text, "  attention: {trouble}");
    }
    if let Some(now) = &status.release {
        text += &release(now);
    }
    text
}

fn release(now: &ReleaseStatus) -> String {
    let place = match (now.step, now.outcome) {
        (_, Some(outcome)) => format!("ended, {outcome:?}").to_lowercase(),
        (Some(step), None) => format!("{} on step {step} of {}", now.phase, now.steps),
        (None, None) => now.phase.clone(),
    };
    let mut text = format!(
        "  {}: {place}; {} has {} of the traffic, {} the rest\n  {}\n",
        now.release, now.candidate, now.weight, now.live, now.reason
    );
    text += &checks(&now.checks);
    text
}

/// One line per check.
pub fn checks(checks: &[CheckReport]) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let mut rows = vec![
        ["check", "standing", "live", "candidate", "ratio", "harm", "health"].map(str::to_owned).to_vec(),
    ];
    rows.extend(checks.iter().map(row));
    aligned(&rows)
}

fn row(check: &CheckReport) -> Vec<String> {
    let number = |x| significant(x, 2);
    let interval = match (check.ratio_low, check.ratio_high) {
        (Some(low), Some(high)) => format!(" ({} to {})", number(low), number(high)),
        (Some(low), None) => format!(" (at least {})", number(low)),
        (None, Some(high)) => format!(" (at most {})", number(high)),
        (None, None) => String::new(),
    };
    let ratio = check.ratio.map_or_else(|| "-".to_owned(), |ratio| number(ratio) + &interval);
    vec![
        check.name.clone(),
        standing_word(check.standing).to_owned(),
        role(&check.live),
        role(&check.candidate),
        ratio,
        evidence(check.log_e_harm, check.threshold_harm),
        evidence(check.log_e_healthy, check.threshold_healthy),
    ]
}

fn role(role: &RoleReport) -> String {
    match role.rate {
        None => "-".to_owned(),
        Some(rate) if role.bad > 0 || rate == 0.0 => format!("{} of {}", percent(rate), count(role.n)),
        Some(value) => significant(value, 2),
    }
}

/// How far the evidence has come towards its threshold.
fn evidence(log_e: f64, threshold: f64) -> String {
    // Adding 0 turns a rounded -0.0 into 0.0.
    let log_e = (log_e * 10.0).round() / 10.0 + 0.0;
    let share = (log_e / threshold).clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 5")]
    let filled = (share * 5.0).round() as usize;
    format!("{}{} {log_e:.1}/{threshold:.1}", "#".repeat(filled), ".".repeat(5 - filled))
}

/// Columns padded to their widest cell.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, " {cell:<width$} ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
