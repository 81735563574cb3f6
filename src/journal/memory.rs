//! A journal in memory, for tests of the daemon: the same promises as on disk, and failures on demand.
//!
//! Clones share what they hold, so a test can drop a daemon and start another on the same journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Entry, Header, Journal, JournalError, Outcome, Story, Summary, Unfinished, number_of};
use crate::release::event::Event;
use crate::release::verdict::Verdict;
use crate::sample::{Colour, Timestamp};

/// Everything is gone when the last clone is dropped.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    state: Arc<Mutex<State>>,
}

/// Which [`JournalError`] a write shall answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// [`JournalError::InUse`]
    InUse,
    /// [`JournalError::Full`]
    Full,
    /// [`JournalError::Damaged`]
    Damaged,
    /// [`JournalError::Failed`]
    Failed,
}

#[derive(Debug, Default)]
struct State {
    live: BTreeMap<String, Colour>,
    /// In the order in which they began.
    releases: Vec<Kept>,
    failures: Option<(Failure, u32)>,
}

#[derive(Debug)]
struct Kept {
    header: Header,
    number: u64,
    ending: Option<(Timestamp, Outcome)>,
    last_seq: u64,
    events: Vec<Event>,
    verdicts: Vec<Verdict>,
}

impl MemoryJournal {
    /// Holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the next `n` writes (`set_live`, `begin`, `append`, `drop_samples`) fail without effect.
    /// Reading goes on. Replaces what is left of an earlier call.
    pub fn fail_next(&self, failure: Failure, n: u32) {
        self.state().failures = Some((failure, n));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nobody panics halfway through a change, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_to_write(&self) -> Result<MutexGuard<'_, State>, JournalError> {
        let mut state = self.state();
        match state.failures {
            Some((failure, n)) if n > 0 => {
                state.failures = Some((failure, n - 1));
                Err(failure.error())
            }
            _ => Ok(state),
        }
    }
}

impl Failure {
    fn error(self) -> JournalError {
        let told = "the test lets this write fail".to_owned();
        match self {
            Self::InUse => JournalError::InUse(told),
            Self::Full => JournalError::Full(told),
            Self::Damaged => JournalError::Damaged(told),
            Self::Failed => JournalError::Failed(told),
        }
    }
}

impl Kept {
    fn summary(&self) -> Summary {
        let header = &self.header;
        Summary {
            release: header.release.clone(),
            service: header.service.clone(),
            live: header.live.clone(),
            candidate: header.candidate.clone(),
            started_at: header.started_at,
            ended_at: self.ending.map(|(at, _)| at),
            outcome: self.ending.map(|(_, outcome)| outcome),
        }
    }
}

fn failed<T>(told: String) -> Result<T, JournalError> {
    Err(JournalError::Failed(told))
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn live(&self, service: &str) -> Result<Option<Colour>, JournalError> {
        Ok(self.state().live.get(service).cloned())
    }

    async fn set_live(&self, service: &str, live: &Colour, _at: Timestamp) -> Result<(), JournalError> {
        let mut state = self.state_to_write()?;
        state.live.insert(service.to_owned(), live.clone());
        Ok(())
    }

    async fn next_number(&self, service: &str) -> Result<u64, JournalError> {
        let state = self.state();
        let of_service = state.releases.iter().filter(|r| r.header.service == service);
        Ok(of_service.map(|r| r.number).max().unwrap_or(0) + 1)
    }

    async fn begin(&self, header: &Header, verdicts: &[Verdict]) -> Result<(), JournalError> {
        let mut state = self.state_to_write()?;
        let Some(number) = number_of(&header.release, &header.service) else {
            return failed(format!("`{}` cannot name a release", header.release));
        };
        let hinders = |r: &&Kept| {
            r.header.release == header.release || (r.header.service == header.service && r.ending.is_none())
        };
        if let Some(other) = state.releases.iter().find(hinders) {
            return failed(format!("release `{}` is in the way", other.header.release));
        }
        state.releases.push(Kept {
            header: header.clone(),
            number,
            ending: None,
            last_seq: 0,
            events: Vec::new(),
            verdicts: verdicts.to_vec(),
        });
        Ok(())
    }

    async fn append(&self, release: &str, entry: &Entry) -> Result<(), JournalError> {
        let mut state = self.state_to_write()?;
        let kept = state.releases.iter_mut().find(|r| r.header.release == release);
        let Some(kept) = kept else {
            return failed(format!("there is no release `{release}`"));
        };
        if kept.ending.is_some() {
            return failed(format!("release `{release}` has ended"));
        }
        if entry.seq != kept.last_seq + 1 {
            return failed(format!("event {} cannot follow {}", entry.seq, kept.last_seq));
        }
        kept.last_seq = entry.seq;
        kept.events.push(entry.event.clone());
        kept.verdicts.extend_from_slice(&entry.verdicts);
        if let Some((outcome, live)) = &entry.ending {
            kept.ending = Some((entry.event.at(), *outcome));
            let service = kept.header.service.clone();
            state.live.insert(service, live.clone());
        }
        Ok(())
    }

    async fn unfinished(&self, service: &str) -> Result<Option<Unfinished>, JournalError> {
        let state = self.state();
        let unfinished = |r: &&Kept| r.header.service == service && r.ending.is_none();
        Ok(state
            .releases
            .iter()
            .find(unfinished)
            .map(|r| Unfinished { header: r.header.clone(), events: r.events.clone() }))
    }

    async fn releases(&self, service: Option<&str>, most: u32) -> Result<Vec<Summary>, JournalError> {
        let state = self.state();
        let asked = |r: &&Kept| service.is_none_or(|service| r.header.service == service);
        let newest_first = state.releases.iter().rev().filter(asked);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(newest_first.take(most).map(Kept::summary).collect())
    }

    async fn story(&self, release: &str) -> Result<Option<Story>, JournalError> {
        let state = self.state();
        let kept = state.releases.iter().find(|r| r.header.release == release);
        Ok(kept.map(|r| Story {
            summary: r.summary(),
            by: r.header.by.clone(),
            rules: r.header.rules.clone(),
            events: r.events.clone(),
            verdicts: r.verdicts.clone(),
        }))
    }

    async fn drop_samples(&self, before: Timestamp) -> Result<u64, JournalError> {
        let mut state = self.state_to_write()?;
        let mut dropped = 0;
        let old = |r: &&mut Kept| r.ending.is_some_and(|(at, _)| at < before);
        for kept in state.releases.iter_mut().filter(old) {
            let events_before = kept.events.len();
            kept.events.retain(|event| !matches!(event, Event::Tick(_)));
            dropped += events_before - kept.events.len();
        }
        Ok(u64::try_from(dropped).unwrap_or(u64::MAX))
    }
}
