//! A release and its journal, kept in step: nothing leaves before the event that caused it is durable.
//!
//! When the journal cannot be written (disk full, database damaged), the release does not stand still blindly.
//! Judging goes on in memory and what would be written waits, bounded, to be written first when the journal is back.
//! Until then nothing that gives the candidate more traffic is done; a revert is, because a revert never waits.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::journal::{Entry, Header, Journal, JournalError, Unfinished};
use crate::release::effect::Effect;
use crate::release::event::Event;
use crate::release::state::{Beginning, Release};
use crate::release::step;
use crate::release::verdict::Verdict;
use crate::rules::model::Rules;

/// So many entries wait for a journal that cannot be written: an hour of one-second ticks.
/// After that samples are left out; orders and answers still go through.
const BACKLOG_MAX: usize = 3_600;

/// A release under way with its journal.
pub struct Ledger {
    journal: Arc<dyn Journal>,
    release: Release,
    seq: u64,
    backlog: VecDeque<Entry>,
}

/// What an event led to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// To be done now.
    pub effects: Vec<Effect>,
    /// The journal's error, when it could not be written.
    pub trouble: Option<JournalError>,
    /// The event was put aside: it would have given the candidate more traffic without a journal.
    pub refused: bool,
}

impl Ledger {
    /// Begins a release: durable before anything is done.
    ///
    /// # Errors
    /// When the journal does not take it; then nothing has begun.
    pub async fn begin(
        journal: Arc<dyn Journal>,
        header: &Header,
        rules: &Rules,
    ) -> Result<(Self, Vec<Effect>), JournalError> {
        let (release, effects) = step::begin(beginning(header, rules));
        journal.begin(header, &verdicts(&effects)).await?;
        let ledger = Self { journal, release, seq: 0, backlog: VecDeque::new() };
        Ok((ledger, effects))
    }

    /// Brings a release back from the journal, as it was after its last event.
    #[must_use]
    pub fn restore(journal: Arc<dyn Journal>, unfinished: &Unfinished, rules: &Rules) -> Self {
        let (release, _) = replay(&unfinished.header, rules, &unfinished.events);
        Self { journal, release, seq: unfinished.events.len() as u64, backlog: VecDeque::new() }
    }

    /// The release as it is.
    #[must_use]
    pub const fn release(&self) -> &Release {
        &self.release
    }

    /// Whether everything that happened is in the journal.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Takes an event in: journals it with its verdicts and says what is to be done.
    pub async fn apply(&mut self, event: Event) -> Outcome {
        let (next, effects) = step::step(self.release.clone(), &event);
        let entry = Entry {
            seq: self.seq + 1,
            verdicts: verdicts(&effects),
            ending: next.ending().map(|(outcome, live)| (outcome, live.clone())),
            event,
        };
        let written = match self.catch_up().await {
            Ok(()) => self.journal.append(&self.release.id, &entry).await,
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => {
                self.take(next);
                Outcome { effects, ..Outcome::default() }
            }
            Err(error) => self.without_journal(next, entry, effects, error),
        }
    }

    /// Writes what has waited for the journal, oldest first.
    ///
    /// # Errors
    /// When it still cannot be written.
    pub async fn catch_up(&mut self) -> Result<(), JournalError> {
        while let Some(entry) = self.backlog.front() {
            self.journal.append(&self.release.id, entry).await?;
            self.backlog.pop_front();
        }
        Ok(())
    }

    fn without_journal(
        &mut self,
        next: Release,
        entry: Entry,
        effects: Vec<Effect>,
        error: JournalError,
    ) -> Outcome {
        let more_traffic = next.order.weight > self.release.order.weight;
        let promoted = next.ending().is_some() && !self.release.is_returning();
        let full = self.backlog.len() >= BACKLOG_MAX
            && matches!(entry.event, Event::Tick(_))
            && !next.is_returning();
        if more_traffic || promoted || full {
            return Outcome { effects: Vec::new(), trouble: Some(error), refused: true };
        }
        self.backlog.push_back(entry);
        self.take(next);
        Outcome { effects, trouble: Some(error), refused: false }
    }

    fn take(&mut self, next: Release) {
        self.release = next;
        self.seq += 1;
    }
}

/// The release that a journal's events lead to, with everything that was said on the way.
#[must_use]
pub fn replay(header: &Header, rules: &Rules, events: &[Event]) -> (Release, Vec<Verdict>) {
    let (mut release, effects) = step::begin(beginning(header, rules));
    let mut said = verdicts(&effects);
    for event in events {
        let (next, effects) = step::step(release, event);
        release = next;
        said.extend(verdicts(&effects));
    }
    (release, said)
}

fn beginning(header: &Header, rules: &Rules) -> Beginning {
    Beginning {
        id: header.release.clone(),
        service: header.service.clone(),
        live: header.live.clone(),
        candidate: header.candidate.clone(),
        plan: rules.plan.clone(),
        judge: rules.judge.clone(),
        at: header.started_at,
        by: header.by.clone(),
    }
}

fn verdicts(effects: &[Effect]) -> Vec<Verdict> {
    (effects.iter())
        .filter_map(|effect| match effect {
            Effect::Announce(verdict) => Some(verdict.as_ref().clone()),
            Effect::SetWeight { .. } => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
