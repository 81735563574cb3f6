//! The journal: the durable record of everything that a release has seen and decided.
//!
//! No effect leaves the daemon before the event that caused it is in here.
//! A release is the fold of its events, so the journal alone brings it back after a crash.
//! [`sqlite`] keeps it on disk; [`memory`] is for tests of the daemon.

pub mod memory;
pub mod sqlite;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use crate::release::state::Outcome;

use crate::release::event::Event;
use crate::release::verdict::Verdict;
use crate::sample::{Colour, Timestamp};

/// What a release began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// `checkout-7`: the service and a number that rises by one.
    pub release: String,
    /// The service.
    pub service: String,
    /// Serves when the release starts.
    pub live: Colour,
    /// Carries the new version.
    pub candidate: Colour,
    /// When it was started.
    pub started_at: Timestamp,
    /// Who started it.
    pub by: String,
    /// The rule file's text, as it was then.
    pub rules: String,
}

/// One event with the verdicts that it led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// From 1, without gaps, per release.
    pub seq: u64,
    /// What happened.
    pub event: Event,
    /// What was said because of it.
    pub verdicts: Vec<Verdict>,
    /// Set on the last entry of a release: how it ended, and which colour is live from now on.
    pub ending: Option<(Outcome, Colour)>,
}

/// A release that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// What it began with.
    pub header: Header,
    /// Everything since, in order.
    pub events: Vec<Event>,
}

/// A line of the list of releases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What it began with (without the rules' text).
    pub release: String,
    /// The service.
    pub service: String,
    /// Served when it started.
    pub live: Colour,
    /// Carried the new version.
    pub candidate: Colour,
    /// When.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

/// The whole story of a release, for `assize explain`.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// Its line.
    pub summary: Summary,
    /// Who started it.
    pub by: String,
    /// The rule file's text.
    pub rules: String,
    /// Every event that is still kept (samples of old releases are dropped after a while).
    pub events: Vec<Event>,
    /// Everything that was said.
    pub verdicts: Vec<Verdict>,
}

/// Why the journal could not do as asked. Each message names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another daemon holds the state directory.
    #[error("{0}")]
    InUse(String),
    /// The disk is full.
    #[error("{0}")]
    Full(String),
    /// The database is damaged or not ours.
    #[error("{0}")]
    Damaged(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Where releases are kept.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Which colour is live for a service; `None` for a service never seen.
    async fn live(&self, service: &str) -> Result<Option<Colour>, JournalError>;

    /// A person, or the first look at the router, said which colour is live.
    async fn set_live(&self, service: &str, live: &Colour, at: Timestamp) -> Result<(), JournalError>;

    /// The number that the service's next release gets.
    async fn next_number(&self, service: &str) -> Result<u64, JournalError>;

    /// Begins a release together with the verdicts of its beginning. Durable on return.
    ///
    /// # Errors
    /// Also when the service has an unfinished release, or the release exists.
    async fn begin(&self, header: &Header, verdicts: &[Verdict]) -> Result<(), JournalError>;

    /// Adds an event and its verdicts (and the ending, with the service's new live colour) in one transaction.
    /// Durable on return.
    ///
    /// After an error nothing of the entry is to be seen, and the same entry can be tried again.
    /// A caller that drops the future cannot know whether it was kept.
    ///
    /// # Errors
    /// Also when `seq` is taken or leaves a gap (somebody else wrote), or the release has ended.
    async fn append(&self, release: &str, entry: &Entry) -> Result<(), JournalError>;

    /// The release of a service that has not ended, if any.
    async fn unfinished(&self, service: &str) -> Result<Option<Unfinished>, JournalError>;

    /// The newest releases, newest first, of one service or of all. An implementation may have a bound below `most`.
    async fn releases(&self, service: Option<&str>, most: u32) -> Result<Vec<Summary>, JournalError>;

    /// Everything about one release; `None` when there is none of that name.
    async fn story(&self, release: &str) -> Result<Option<Story>, JournalError>;

    /// Drops the samples (tick events) of releases that ended before `before`; verdicts stay. How many went.
    async fn drop_samples(&self, before: Timestamp) -> Result<u64, JournalError>;
}

/// The number in a release's name: 7 of `checkout-7`.
fn number_of(release: &str, service: &str) -> Option<u64> {
    let number: u64 = release.strip_prefix(service)?.strip_prefix('-')?.parse().ok()?;
    // One name per number: neither `checkout-007` nor `checkout-+7`.
    (format!("{service}-{number}") == release).then_some(number)
}
