//! The verdict log: one entry for everything that on-call should know, with the numbers behind it.
//!
//! The fields are a contract with users; `docs/verdict.schema.json` describes them.

use serde::{Deserialize, Serialize};

use crate::judge::report::CheckReport;
use crate::sample::{Colour, Timestamp, Weight};

/// One entry of the verdict log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// The service.
    pub service: String,
    /// The release, `checkout-7`.
    pub release: String,
    /// What happened.
    pub event: Happening,
    /// What follows from it.
    pub decision: Decision,
    /// Serves since before the release.
    pub live: Colour,
    /// Carries the new version.
    pub candidate: Colour,
    /// The candidate's share of traffic when this was said.
    pub weight: Weight,
    /// One sentence for a sleepy person.
    pub reason: String,
    /// Every check with its numbers.
    pub checks: Vec<CheckReport>,
}

/// What a verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// The release began.
    Started,
    /// The daemon took it up again after a restart.
    Resumed,
    /// The router confirmed a weight of the plan.
    Weight,
    /// A check's standing changed.
    Standing,
    /// Nothing changed; said now and then so that silence means trouble.
    Progress,
    /// The router did not do as told.
    RouterFailed,
    /// The router held another weight than it was given.
    Drift,
    /// A critical check is blind.
    Blind,
    /// The candidate is silent.
    Silent,
    /// Harm is proved.
    Harm,
    /// A person asked for something.
    Command,
    /// The deadline passed.
    Deadline,
    /// All traffic goes to the candidate, the soak begins.
    CutOver,
    /// The release ended.
    Ended,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// To the next step.
    Advance,
    /// All traffic to the candidate.
    Promote,
    /// All traffic back to live.
    Revert,
    /// Stay.
    Hold,
}

/// A moment as RFC 3339 text.
pub mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::sample::Timestamp;

    /// Writes RFC 3339 in UTC.
    ///
    /// # Errors
    /// The serializer's own.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde calls")]
    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    /// Reads RFC 3339.
    ///
    /// # Errors
    /// When the text is no such moment.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Timestamp::from_ms(at.as_millisecond()))
    }
}
