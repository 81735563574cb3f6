//! How a command ends, in one place.

use std::process::{ExitCode, Termination};

use crate::journal::Outcome;
use crate::replay::Decision;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or promoted.
    Done,
    /// 1: anything that is none of the others.
    Other,
    /// 2: wrong usage or rules.
    Usage,
    /// 10: reverted.
    Reverted,
    /// 11: undecided or held.
    Undecided,
    /// 12: cancelled.
    Cancelled,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Other => 1,
            Self::Usage => 2,
            Self::Reverted => 10,
            Self::Undecided => 11,
            Self::Cancelled => 12,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Promoted => Self::Done,
            Outcome::Reverted => Self::Reverted,
            Outcome::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Decision> for Exit {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Promote => Self::Done,
            Decision::Revert => Self::Reverted,
            Decision::Undecided => Self::Undecided,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// A command that could not do as asked.
#[derive(Debug)]
pub struct Failed {
    /// How the process ends.
    pub exit: Exit,
    /// What is printed to standard error, without a prefix; empty when everything has been printed.
    pub message: String,
}

impl Failed {
    /// Exit code 1.
    pub fn other(message: impl Into<String>) -> Self {
        Self { exit: Exit::Other, message: message.into() }
    }

    /// Exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }
}

/// Prints what went wrong, and gives the exit code.
#[must_use]
pub fn report(result: Result<Exit, Failed>) -> Exit {
    result.unwrap_or_else(|failed| {
        if !failed.message.is_empty() {
            eprintln!("assize: {}", failed.message);
        }
        failed.exit
    })
}
