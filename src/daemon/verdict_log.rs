//! The verdict log on standard output: JSON lines for machines and journald, or one readable line each.
//!
//! A thread of its own writes, behind a bounded queue: a reader that stops reading never delays a revert.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::judge::report::Standing;
use crate::release::verdict::{Decision, Verdict};

/// So many entries wait for a slow reader; past that they are dropped here (the journal has them) and counted.
const WAITING_MAX: usize = 1_024;

/// A reader that has not taken the last lines by then does not read any more.
const FLUSH_TIME_LIMIT: Duration = Duration::from_secs(1);

/// How verdicts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// One readable line.
    Pretty,
}

/// The writing end. Cheap to clone.
#[derive(Clone)]
pub struct VerdictLog {
    entries: SyncSender<Entry>,
    format: LogFormat,
}

/// What the writing thread takes in.
enum Entry {
    Line(String),
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

impl VerdictLog {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(format: LogFormat, mut out: Box<dyn Write + Send>) -> std::io::Result<Self> {
        let (entries, inbox) = sync_channel::<Entry>(WAITING_MAX);
        std::thread::Builder::new().name("verdict-log".into()).spawn(move || {
            for entry in inbox {
                match entry {
                    // A closed pipe ends the writing, not the daemon: the journal has every verdict.
                    Entry::Line(line) if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() => {
                        return;
                    }
                    Entry::Line(_) => {}
                    Entry::Flush(written) => {
                        let _ = written.send(());
                    }
                }
            }
        })?;
        Ok(Self { entries, format })
    }

    /// Waits until everything said so far is written, at most a second: before the process ends.
    pub async fn flush(&self) {
        let (written, answer) = oneshot::channel();
        if self.entries.try_send(Entry::Flush(written)).is_ok() {
            let _ = tokio::time::timeout(FLUSH_TIME_LIMIT, answer).await;
        }
    }

    /// Writes one verdict, without waiting.
    pub fn write(&self, verdict: &Verdict) {
        let line = match self.format {
            LogFormat::Json => serde_json::to_string(verdict).unwrap_or_default(),
            LogFormat::Pretty => pretty(verdict),
        };
        if let Err(TrySendError::Full(_)) = self.entries.try_send(Entry::Line(line)) {
            tracing::warn!("the verdict log's reader is slow; a line was left out, `assize explain` has it");
        }
    }
}

/// One readable line: time of day, service, weight, decision, sentence.
#[must_use]
pub fn pretty(verdict: &Verdict) -> String {
    let at = verdict.at.to_string();
    let clock = at.get(11..19).unwrap_or(&at);
    let mut line = format!(
        "{clock} {} {:>4} {:<7} {}",
        verdict.release,
        verdict.weight.to_string(),
        decision_word(verdict.decision),
        verdict.reason
    );
    let marks: Vec<String> = (verdict.checks.iter())
        .map(|check| format!("{} {}", check.name, standing_word(check.standing)))
        .collect();
    if !marks.is_empty() {
        let _ = write!(line, " [{}]", marks.join(", "));
    }
    line
}

/// The word for a decision.
#[must_use]
pub const fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Advance => "advance",
        Decision::Promote => "promote",
        Decision::Revert => "revert",
        Decision::Hold => "hold",
    }
}

/// The word for a standing.
#[must_use]
pub const fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Harmful => "harmful",
        Standing::Healthy => "healthy",
        Standing::Undecided => "undecided",
        Standing::Blind => "blind",
    }
}
