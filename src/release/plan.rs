//! How a release goes: steps, times and what happens when evidence stays out.

use serde::{Deserialize, Serialize};

use crate::sample::Weight;

/// The plan of a release, compiled from `[plan]` of the rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// How often samples are taken and judged. 100 ms to 10 min.
    pub tick_ms: u64,
    /// Weights of the candidate, rising strictly, each above 0 and below 100 percent. At least one.
    pub steps: Vec<Weight>,
    /// Least time on a step.
    pub hold_ms: u64,
    /// What an intermediate step asks for before the next one.
    pub advance: Advance,
    /// From the start of the release; then `on_deadline`.
    pub deadline_ms: u64,
    /// What happens then.
    pub on_deadline: OnDeadline,
    /// What happens when a critical check stays blind.
    pub on_blind: OnTrouble,
    /// What happens when the candidate is silent.
    pub on_silent: OnTrouble,
    /// Time at 100 percent before the release is over.
    pub soak_ms: u64,
}

/// What an intermediate step asks for (the last step always asks for health).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advance {
    /// Every critical check sees, and none has evidence for harm.
    Unharmed,
    /// Every critical check is healthy.
    Healthy,
}

/// At the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDeadline {
    /// All traffic back to live.
    Revert,
    /// Stay on the step for a person, for as long again as the deadline; then revert.
    Hold,
    /// Go on without proof, if nothing is blind, silent or harmful; otherwise revert.
    Promote,
}

/// When samples stay out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTrouble {
    /// Stay on the step until samples are back, or the deadline.
    Hold,
    /// All traffic back to live.
    Revert,
}
