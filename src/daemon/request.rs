//! What people and scripts ask of a service, and what they are told.

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::journal::Outcome;
use crate::judge::report::CheckReport;
use crate::release::event::Command;
use crate::rules::model::Rules;
use crate::sample::{Colour, Timestamp, Weight};

/// One question or order, with the place for its answer.
#[derive(Debug)]
pub enum Request {
    /// How are things?
    Status(oneshot::Sender<ServiceStatus>),
    /// Start a release.
    Start {
        /// Who asks.
        by: String,
        /// The release's name, or why not.
        reply: oneshot::Sender<Result<Accepted, Refusal>>,
    },
    /// Something for the release under way.
    Order {
        /// What.
        command: Command,
        /// Who asks.
        by: String,
        /// Done, or why not.
        reply: oneshot::Sender<Result<Accepted, Refusal>>,
    },
    /// A person says which colour is live.
    SetLive {
        /// This one.
        colour: Colour,
        /// Who says so.
        by: String,
        /// Done, or why not.
        reply: oneshot::Sender<Result<Accepted, Refusal>>,
    },
    /// New rules, for the next release.
    Reload(Box<Rules>),
}

/// It was done, or has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The release that it is about, if any.
    pub release: Option<String>,
    /// One sentence.
    pub message: String,
}

/// It was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Why, and what to do instead.
    pub message: String,
    /// It is only a matter of a moment: the router is just being read.
    #[serde(default)]
    pub soon: bool,
}

impl Refusal {
    /// With this sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), soon: false }
    }
}

/// How a service is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub service: String,
    /// Which colour is live, where that is settled.
    pub live: Option<Colour>,
    /// What keeps it from moving: an unsettled router, a router that is not reached, a journal that is not written.
    pub trouble: Option<String>,
    /// The release under way, or the last one since the daemon started.
    pub release: Option<ReleaseStatus>,
    /// The newest release that has ended, also before the daemon started.
    #[serde(default)]
    pub ended: Option<EndedRelease>,
}

/// A release that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndedRelease {
    /// `checkout-7`.
    pub release: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a release is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseStatus {
    /// `checkout-7`.
    pub release: String,
    /// `shift`, `hold`, `cut-over`, `soak`, `revert` or `ended`.
    pub phase: String,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Serves since before the release.
    pub live: Colour,
    /// Carries the new version.
    pub candidate: Colour,
    /// The candidate's share, as the router last confirmed it.
    pub weight: Weight,
    /// Which step of the plan, from 1; absent beyond the steps.
    pub step: Option<usize>,
    /// How many steps the plan has.
    pub steps: usize,
    /// Who paused it.
    pub paused_by: Option<String>,
    /// When it began.
    #[serde(with = "crate::release::verdict::rfc3339")]
    pub started_at: Timestamp,
    /// When its deadline passes.
    #[serde(with = "crate::release::verdict::rfc3339")]
    pub deadline_at: Timestamp,
    /// Where it stands, in one sentence.
    pub reason: String,
    /// Every check.
    pub checks: Vec<CheckReport>,
}
