//! What a release wants done in the world. The shell does it and answers with an event.

use serde::{Deserialize, Serialize};

use super::event::EffectId;
use super::verdict::Verdict;
use crate::sample::Weight;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// Give the candidate this share of the traffic. Absolute: doing it twice does no harm.
    SetWeight {
        /// To be answered with `Event::Routed`.
        id: EffectId,
        /// The candidate's share.
        weight: Weight,
    },
    /// Tell people.
    Announce(Box<Verdict>),
}
