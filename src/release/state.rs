//! What a release is at one moment: enough to go on, and nothing that the journal could not bring back.

use serde::{Deserialize, Serialize};

use super::event::EffectId;
use super::plan::Plan;
use crate::judge::Judge;
use crate::judge::report::{Assessment, Standing};
use crate::judge::spec::JudgeSpec;
use crate::sample::{Colour, Timestamp, Weight};

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The candidate is live.
    Promoted,
    /// Live stayed live.
    Reverted,
    /// A person gave it up; live stayed live.
    Cancelled,
}

/// Where a release is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// On a step of the plan.
    Step {
        /// Index into `Plan::steps`.
        index: usize,
        /// When the router confirmed the step's weight; the hold counts from here.
        since: Option<Timestamp>,
    },
    /// All traffic is to go to the candidate; the router has not confirmed it yet.
    CutOver,
    /// All traffic goes to the candidate.
    Soak {
        /// When the router confirmed it.
        since: Timestamp,
    },
    /// All traffic is to go back to live; the router has not confirmed it yet.
    Return {
        /// What the release ends as.
        outcome: Outcome,
    },
    /// Over.
    Ended {
        /// As what.
        outcome: Outcome,
    },
}

impl Phase {
    /// The word for logs and status.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Step { since: None, .. } => "shift",
            Self::Step { since: Some(_), .. } => "hold",
            Self::CutOver => "cut-over",
            Self::Soak { .. } => "soak",
            Self::Return { .. } => "revert",
            Self::Ended { .. } => "ended",
        }
    }
}

/// What the router was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The effect's number.
    pub id: EffectId,
    /// The candidate's share.
    pub weight: Weight,
    /// Where it stands.
    pub answer: Answer,
    /// How often in a row it has failed.
    pub failures: u32,
}

/// Where an order to the router stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No answer yet.
    Awaited,
    /// Done.
    Confirmed,
    /// Failed; told again at the next tick.
    Failed,
}

/// One release. Made by [`super::step::begin`], changed by [`super::step::step`] alone.
#[derive(Clone, Debug)]
pub struct Release {
    /// `checkout-7`.
    pub id: String,
    /// The service.
    pub service: String,
    /// Serves since before the release.
    pub live: Colour,
    /// Carries the new version.
    pub candidate: Colour,
    /// Steps and times.
    pub plan: Plan,
    /// The evidence so far.
    pub judge: Judge,
    /// The judge's last answer.
    pub assessment: Assessment,
    /// Where it is in its life.
    pub phase: Phase,
    /// Who paused it, while it is paused.
    pub paused_by: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When the latest tick came in, since the daemon was last (re)started.
    pub ticked_at: Option<Timestamp>,
    /// When `on_deadline` applies.
    pub deadline_at: Timestamp,
    /// The deadline has passed and a person is awaited.
    pub overdue: bool,
    /// What the router was told last.
    pub order: Order,
    /// The candidate's share that the router last confirmed.
    pub granted: Weight,
    /// What the log knows, so that it is told of changes only.
    pub said: Said,
}

/// What the verdict log has been told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// When something was last said.
    pub at: Timestamp,
    /// The standings as last said.
    pub standings: Vec<Standing>,
    /// That the release is blind.
    pub blind: bool,
    /// That the candidate is silent.
    pub silent: bool,
}

/// What a release begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// `checkout-7`.
    pub id: String,
    /// The service.
    pub service: String,
    /// Serves now.
    pub live: Colour,
    /// Carries the new version.
    pub candidate: Colour,
    /// Steps and times.
    pub plan: Plan,
    /// Checks, margins, budget.
    pub judge: JudgeSpec,
    /// When.
    pub at: Timestamp,
    /// Who started it.
    pub by: String,
}

impl Release {
    /// How it ended, and which colour is live from now on; `None` while it is under way.
    #[must_use]
    pub fn ending(&self) -> Option<(Outcome, &Colour)> {
        match self.phase {
            Phase::Ended { outcome: outcome @ Outcome::Promoted } => Some((outcome, &self.candidate)),
            Phase::Ended { outcome } => Some((outcome, &self.live)),
            _ => None,
        }
    }

    /// Whether the candidate is on its way out: what remains is to give live all traffic.
    #[must_use]
    pub const fn is_returning(&self) -> bool {
        matches!(self.phase, Phase::Return { .. })
    }
}
