//! The picture that a person watches: who has the traffic, how the evidence grows, what was decided.
//!
//! On a terminal a panel is drawn over itself below the verdicts; elsewhere only the verdicts are printed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use owo_colors::OwoColorize;

use super::Fault;
use crate::daemon::request::{ReleaseStatus, ServiceStatus};
use crate::daemon::verdict_log::{decision_word, standing_word};
use crate::journal::Outcome;
use crate::judge::report::{CheckReport, Standing};
use crate::release::verdict::{Decision, Happening, Verdict};
use crate::release::words::span;
use crate::sample::{Timestamp, Weight};

/// Where a verdict's sentence begins.
const INDENT: usize = 25;

/// Without a terminal that tells its width.
const WIDTH_USUAL: usize = 80;

/// Width of the bars, in characters.
const BAR: usize = 40;

/// What has been drawn, and how.
pub struct Screen {
    plain: bool,
    drawn: usize,
    started_at: Option<Timestamp>,
}

impl Screen {
    /// Says what is about to happen.
    pub fn new(fault: Fault, entrance: SocketAddr, socket: &Path, plain: bool) -> Self {
        let nature = match fault {
            Fault::None => "as good as the old one",
            Fault::Errors => "failing 8% of its requests",
            Fault::Latency => "slow in a quarter of its requests",
            Fault::Silent => "taking requests and never answering",
            Fault::Crash => "about to die in the middle",
        };
        println!("Blue is live. Green carries a new version, which is {nature}; the judge does not know.");
        println!("Traffic: http://{entrance}/ through the embedded router, 300 requests a second.");
        println!(
            "Steer it from another terminal: assize release status demo --socket {}\n",
            socket.display()
        );
        Self { plain, drawn: 0, started_at: None }
    }

    /// Prints a verdict.
    pub fn verdict(&mut self, verdict: &Verdict) {
        // Every standing is in the panel; without one it is worth a line.
        if !self.plain && matches!(verdict.event, Happening::Progress) {
            return;
        }
        self.erase();
        let started = *self.started_at.get_or_insert(verdict.at);
        let since = span(verdict.at.ms_since(started) / 100 * 100);
        let word = decision_word(verdict.decision);
        let weight = verdict.weight.to_string();
        if self.plain {
            println!("{since:>7}  {weight:>5}  {word:<7}  {}", verdict.reason);
            return;
        }
        let reason = wrapped(&verdict.reason, width().saturating_sub(INDENT), INDENT);
        let word = match verdict.decision {
            Decision::Advance | Decision::Promote => format!("{}", format!("{word:<7}").green()),
            Decision::Revert => format!("{}", format!("{word:<7}").red()),
            Decision::Hold => format!("{word:<7}"),
        };
        // Padded before it is dimmed: escape codes count as width.
        let since = format!("{since:>7}");
        println!("{}  {weight:>5}  {word}  {reason}", since.dimmed());
    }

    /// Draws the panel anew.
    pub fn draw(&mut self, status: &ServiceStatus) {
        if self.plain {
            return;
        }
        let Some(release) = &status.release else {
            return;
        };
        self.erase();
        let panel = panel(release);
        print!("{panel}");
        let _ = std::io::stdout().flush();
        self.drawn = panel.lines().count();
    }

    /// Says how it ended, and what to do next.
    pub fn end(&mut self, status: &ServiceStatus) {
        self.erase();
        let Some(release) = &status.release else {
            return;
        };
        println!("\n{}", crate::cli::checks_table(&release.checks));
        let word = match release.outcome {
            Some(Outcome::Promoted) => "PROMOTED: green is live, on proof of no harm",
            Some(Outcome::Reverted) => "REVERTED: blue has all traffic again",
            Some(Outcome::Cancelled) => "CANCELLED: blue has all traffic again",
            None => "the release has not ended",
        };
        if self.plain {
            println!("{word}.");
        } else if release.outcome == Some(Outcome::Promoted) {
            println!("{}.", word.green().bold());
        } else {
            println!("{}.", word.red().bold());
        }
        println!(
            "\nTry `assize demo --fault errors` (or latency, silent, crash); for your own service copy a file from rules/."
        );
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            // Up to the panel's first line, and clear to the end of the screen.
            print!("\x1b[{}A\x1b[J", self.drawn);
            self.drawn = 0;
        }
    }
}

fn panel(release: &ReleaseStatus) -> String {
    let mut text = String::from("\n");
    let share = filled(release.weight.share());
    let _ = writeln!(
        text,
        "  traffic   {}{}  {} {}, {} {}",
        "█".repeat(BAR - share).blue(),
        "█".repeat(share).green(),
        release.live,
        Weight::rest(release.weight),
        release.candidate,
        release.weight
    );
    for check in &release.checks {
        text += &check_line(check);
    }
    let _ = writeln!(text, "  {}", clipped(&release.reason).dimmed());
    text
}

fn check_line(check: &CheckReport) -> String {
    let harm = filled(check.log_e_harm / check.threshold_harm) / 2;
    let health = filled(check.log_e_healthy / check.threshold_healthy) / 2;
    let half = BAR / 2;
    let word = format!("{:<9}", standing_word(check.standing));
    let word = match check.standing {
        Standing::Harmful => format!("{}", word.red()),
        Standing::Healthy => format!("{}", word.green()),
        Standing::Undecided => word,
        Standing::Blind => format!("{}", word.yellow()),
    };
    format!(
        "  {:<8}  {}{}│{}{}  {word}\n",
        check.name,
        " ".repeat(half - harm),
        "█".repeat(harm).red(),
        "█".repeat(health).green(),
        " ".repeat(half - health)
    )
}

/// How many of the bar's characters a share fills.
fn filled(share: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the bar's width"
    )]
    let filled = (share.clamp(0.0, 1.0) * 40.0).round() as usize;
    filled.min(BAR)
}

/// The terminal's width in columns.
fn width() -> usize {
    terminal_size::terminal_size().map_or(WIDTH_USUAL, |(width, _)| usize::from(width.0))
}

/// A sentence that fits a terminal line: the panel's height must not depend on its width.
fn clipped(text: &str) -> String {
    let room = width().saturating_sub(4).max(1);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room - 1).chain(std::iter::once('…')).collect()
}

/// A sentence broken between words; every line but the first is indented.
fn wrapped(text: &str, room: usize, indent: usize) -> String {
    let (mut lines, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room.max(20) {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_break_between_words() {
        assert_eq!(wrapped("one two three four five six", 20, 2), "one two three four\n  five six");
        assert_eq!(wrapped("short", 20, 2), "short");
    }
}
