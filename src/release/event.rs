//! What can happen to a release. A release is the fold of its events, so each carries its own moment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sample::{Tick, Timestamp, Weight};

/// Numbers the effects of one release, from 1. An effect that is issued again after a crash keeps its number.
pub type EffectId = u64;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Event {
    /// Samples were taken.
    Tick(Tick),
    /// The router answered to `SetWeight`.
    Routed {
        /// When.
        at: Timestamp,
        /// Which effect.
        effect: EffectId,
        /// What went wrong, if anything.
        error: Option<String>,
    },
    /// The router was read and does not hold the weight that it was given.
    Drifted {
        /// When.
        at: Timestamp,
        /// The candidate's weight as the router has it.
        weight: Weight,
        /// The router's process is another one than before.
        restarted: bool,
    },
    /// A person (or a script) asked for something.
    Command {
        /// When.
        at: Timestamp,
        /// What.
        command: Command,
        /// Who: a user name or an address.
        by: String,
    },
    /// The daemon took the release up again after a restart.
    Resumed {
        /// When.
        at: Timestamp,
    },
}

impl Event {
    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Tick(tick) => tick.at,
            Self::Routed { at, .. }
            | Self::Drifted { at, .. }
            | Self::Command { at, .. }
            | Self::Resumed { at } => *at,
        }
    }
}

/// What a person can ask of a release under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Stay on this step. Judging goes on, and harm still reverts.
    Pause,
    /// Go on.
    Resume,
    /// All traffic to the candidate now, on the person's word.
    Promote,
    /// All traffic back to live now.
    Revert,
    /// Give the release up: all traffic back to live, ends cancelled.
    Cancel,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::Revert => "revert",
            Self::Cancel => "cancel",
        })
    }
}
