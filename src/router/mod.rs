//! Routers: what splits the traffic. One file per kind, each behind [`Router`].
//!
//! Weights are absolute, so setting one twice does no harm, and what is set is read back.

pub mod embedded;
pub mod haproxy;

use async_trait::async_trait;

use crate::sample::{Colour, Weight};

/// How traffic is split: `colour` gets `weight`, the other colour the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// One of the two colours.
    pub colour: Colour,
    /// What it gets.
    pub weight: Weight,
}

/// What the router says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The share of the first colour (by name). `None` when the router has no split of its own yet (a fresh embedded
    /// router) and takes what it is told.
    pub first: Option<Weight>,
    /// Differs after a restart of the router's process; `None` where it cannot be told.
    pub incarnation: Option<String>,
}

/// Why the router did not do or say what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// No answer in time.
    #[error("router did not answer within {0} ms")]
    TimedOut(u64),
    /// Not reached.
    #[error("router not reached at {at}: {why}")]
    Refused {
        /// Address or path.
        at: String,
        /// The system's words.
        why: String,
    },
    /// Answers, and gives nobody any traffic. Says what to do.
    #[error("{0}")]
    NoTraffic(String),
    /// Answered, but not with success. Says what was asked, what came back, and what to do.
    #[error("{0}")]
    Answer(String),
}

/// What splits the traffic.
#[async_trait]
pub trait Router: Send + Sync {
    /// Reads the split that is in force.
    async fn read(&self) -> Result<Observed, RouterError>;

    /// Sets the split; on `Ok` the router has acknowledged it. Never leaves both colours without traffic on the way.
    async fn set(&self, split: &Split) -> Result<(), RouterError>;

    /// What the router makes of a weight (its own granularity), as `read` would then tell it of the same colour.
    fn achievable(&self, split: &Split) -> Weight;

    /// The daemon is about to stop: a router that lives in it lets the requests under way end.
    async fn shutdown(&self) {}
}
