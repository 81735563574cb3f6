//! The release machine: one function from a release and an event to the release after it and what to do.
//!
//! `step` has no clock and no memory beside the release, so the journal's events, fed to it in order, give the same
//! release and the same words, byte for byte. `docs/release-machine.md` tabulates every state against every event.
//! What it decides on samples stands in [`super::ruling`]; what it says stands in [`super::words`].

use super::effect::Effect;
use super::event::{Command, Event};
use super::ruling::{self, Ruling};
use super::state::{Answer, Beginning, Order, Outcome, Phase, Release, Said};
use super::verdict::{Decision, Happening, Verdict};
use super::words;
use crate::judge::Judge;
use crate::sample::{Tick, Timestamp, Weight};

/// The log says that all is well so often, so that silence in the log means trouble.
const PROGRESS_MS: u64 = 30_000;

/// Ticks further apart than this, and than [`AWAY_TICKS`] of the plan's, mean that nobody watched in between.
const AWAY_MS: u64 = 30_000;

/// See [`AWAY_MS`].
const AWAY_TICKS: u64 = 5;

/// A router that keeps failing is spoken of at the first failure and then at every so many.
const FAILURES_PER_WORD: u32 = 30;

/// Begins a release: the candidate is to get the first step's weight.
#[must_use]
pub fn begin(beginning: Beginning) -> (Release, Vec<Effect>) {
    let judge = Judge::new(beginning.judge);
    let first = beginning.plan.steps.first().copied().unwrap_or(Weight::ALL);
    let release = Release {
        assessment: judge.assess(),
        judge,
        phase: Phase::Step { index: 0, since: None },
        paused_by: None,
        started_at: beginning.at,
        ticked_at: None,
        deadline_at: beginning.at.plus_ms(beginning.plan.deadline_ms),
        overdue: false,
        order: Order { id: 0, weight: Weight::NONE, answer: Answer::Confirmed, failures: 0 },
        granted: Weight::NONE,
        said: Said::default(),
        id: beginning.id,
        service: beginning.service,
        live: beginning.live,
        candidate: beginning.candidate,
        plan: beginning.plan,
    };
    let mut turn = Turn::new(release, beginning.at);
    let reason = words::started(&turn.release, &beginning.by, first);
    turn.say(Happening::Started, Decision::Advance, reason);
    turn.order(first);
    turn.done()
}

/// What the release is after `event`, and what is to be done because of it.
#[must_use]
pub fn step(release: Release, event: &Event) -> (Release, Vec<Effect>) {
    let mut turn = Turn::new(release, event.at());
    if turn.release.ending().is_some() {
        return turn.done();
    }
    match event {
        Event::Tick(tick) => turn.tick(tick),
        Event::Routed { effect, error, .. } if *effect == turn.release.order.id => match error {
            None => turn.confirmed(),
            Some(error) => turn.failed(error),
        },
        // An answer to an order that has been replaced since says nothing of the present one.
        Event::Routed { .. } => {}
        Event::Drifted { weight, restarted, .. } => turn.drifted(*weight, *restarted),
        Event::Command { command, by, .. } => turn.command(*command, by),
        Event::Resumed { .. } => turn.resumed(),
    }
    turn.done()
}

/// One event's worth of work: the release as it changes, and the effects as they come up.
struct Turn {
    release: Release,
    effects: Vec<Effect>,
    at: Timestamp,
}

impl Turn {
    fn new(release: Release, at: Timestamp) -> Self {
        Self { release, effects: Vec::new(), at }
    }

    fn done(self) -> (Release, Vec<Effect>) {
        (self.release, self.effects)
    }

    fn tick(&mut self, tick: &Tick) {
        let away_ms = self.release.ticked_at.map_or(0, |before| self.at.ms_since(before));
        if away_ms > AWAY_MS.max(AWAY_TICKS * self.release.plan.tick_ms) {
            self.missed_time();
        }
        self.release.ticked_at = Some(self.at);
        if !self.release.is_returning() {
            self.release.judge.observe(tick);
            self.release.assessment = self.release.judge.assess();
        }
        match ruling::rule(&self.release, self.at) {
            Ruling::Revert { happening, reason } => self.turn_back(happening, &reason),
            Ruling::Advance { index, reason } => self.advance(index, reason),
            Ruling::CutOver { happening, reason } => self.cut_over(happening, reason),
            Ruling::Finish { reason } => self.end(Outcome::Promoted, reason),
            Ruling::Overdue { reason } => self.overdue(reason),
            Ruling::Stay => self.stay(),
        }
        if self.release.order.answer == Answer::Failed {
            self.repeat_order();
        }
    }

    /// Nothing to do: tell what is new, or that nothing is.
    fn stay(&mut self) {
        if self.release.is_returning() {
            return;
        }
        let standings: Vec<_> = (self.release.assessment.checks.iter()).map(|check| check.standing).collect();
        let trouble = ruling::trouble(&self.release);
        let (blind, silent) =
            (matches!(trouble, Some((Happening::Blind, _))), matches!(trouble, Some((Happening::Silent, _))));
        let news = match trouble {
            Some((happening, reason))
                if (blind && !self.release.said.blind) || (silent && !self.release.said.silent) =>
            {
                Some((happening, reason))
            }
            _ if standings != self.release.said.standings => {
                Some((Happening::Standing, words::standing(&self.release, self.at)))
            }
            _ if self.at.ms_since(self.release.said.at) >= PROGRESS_MS => {
                Some((Happening::Progress, words::standing(&self.release, self.at)))
            }
            _ => None,
        };
        self.release.said.blind = blind;
        self.release.said.silent = silent;
        if let Some((happening, reason)) = news {
            self.say(happening, Decision::Hold, reason);
        }
    }

    fn advance(&mut self, index: usize, reason: String) {
        let Some(&weight) = self.release.plan.steps.get(index) else {
            return;
        };
        self.release.phase = Phase::Step { index, since: None };
        self.say(Happening::Standing, Decision::Advance, reason);
        self.order(weight);
    }

    fn cut_over(&mut self, happening: Happening, reason: String) {
        self.release.phase = Phase::CutOver;
        self.release.overdue = false;
        self.release.paused_by = None;
        // The soak gets a deadline of its own: as long again as the plan's, after the soak itself.
        let plan = &self.release.plan;
        self.release.deadline_at = (self.at.plus_ms(plan.soak_ms)).plus_ms(plan.deadline_ms);
        self.say(happening, Decision::Promote, reason);
        self.order(Weight::ALL);
    }

    fn turn_back(&mut self, happening: Happening, reason: &str) {
        self.release.phase = Phase::Return { outcome: Outcome::Reverted };
        self.say(happening, Decision::Revert, reason.to_owned());
        self.order(Weight::NONE);
    }

    fn overdue(&mut self, reason: String) {
        self.release.overdue = true;
        self.release.deadline_at = self.at.plus_ms(self.release.plan.deadline_ms);
        self.say(Happening::Deadline, Decision::Hold, reason);
    }

    fn end(&mut self, outcome: Outcome, reason: String) {
        self.release.phase = Phase::Ended { outcome };
        let decision = match outcome {
            Outcome::Promoted => Decision::Promote,
            Outcome::Reverted | Outcome::Cancelled => Decision::Revert,
        };
        self.say(Happening::Ended, decision, reason);
    }

    /// The router did as it was told.
    fn confirmed(&mut self) {
        if self.release.order.answer == Answer::Confirmed {
            return;
        }
        self.release.order.answer = Answer::Confirmed;
        self.release.order.failures = 0;
        self.release.granted = self.release.order.weight;
        let at = self.at;
        match self.release.phase {
            Phase::Step { index, since: None } => {
                self.release.phase = Phase::Step { index, since: Some(at) };
                let reason = words::on_step(&self.release, index);
                self.say(Happening::Weight, Decision::Hold, reason);
            }
            Phase::CutOver => {
                self.release.phase = Phase::Soak { since: at };
                let reason = words::soaking(&self.release);
                self.say(Happening::CutOver, Decision::Hold, reason);
            }
            Phase::Return { outcome } => {
                let reason = words::returned(&self.release, outcome);
                self.end(outcome, reason);
            }
            Phase::Step { .. } | Phase::Soak { .. } | Phase::Ended { .. } => {
                let reason = words::put_right(&self.release);
                self.say(Happening::Weight, Decision::Hold, reason);
            }
        }
    }

    fn failed(&mut self, error: &str) {
        let failures = self.release.order.failures.saturating_add(1);
        self.release.order.failures = failures;
        self.release.order.answer = Answer::Failed;
        if failures % FAILURES_PER_WORD == 1 {
            let reason = words::router_failed(&self.release, failures, error);
            let decision = self.standing_decision();
            self.say(Happening::RouterFailed, decision, reason);
        }
    }

    fn drifted(&mut self, weight: Weight, restarted: bool) {
        // While an order is on its way the router may still hold the weight before it.
        if self.release.order.answer != Answer::Confirmed {
            return;
        }
        let reason = words::drifted(&self.release, weight, restarted);
        let decision = self.standing_decision();
        self.release.granted = weight;
        self.say(Happening::Drift, decision, reason);
        self.order(self.release.order.weight);
    }

    fn command(&mut self, command: Command, by: &str) {
        let returning = self.release.is_returning();
        let said = words::command(&self.release, command, by);
        match command {
            Command::Pause if !returning => {
                self.release.paused_by = Some(by.to_owned());
                self.say(Happening::Command, Decision::Hold, said);
            }
            Command::Resume if !returning => {
                self.release.paused_by = None;
                self.say(Happening::Command, Decision::Hold, said);
            }
            Command::Promote => match self.release.phase {
                Phase::Step { .. } => self.cut_over(Happening::Command, said),
                Phase::Soak { .. } if self.release.order.answer == Answer::Confirmed => {
                    self.end(Outcome::Promoted, said);
                }
                // Remembered: the soak is over as soon as the router gives the candidate all traffic again.
                Phase::Soak { .. } => {
                    self.release.plan.soak_ms = 0;
                    self.say(Happening::Command, Decision::Promote, words::promoted_later(&self.release, by));
                }
                _ => self.say(Happening::Command, self.standing_decision(), said),
            },
            Command::Revert if !returning => self.turn_back(Happening::Command, &said),
            Command::Cancel => {
                self.release.phase = Phase::Return { outcome: Outcome::Cancelled };
                self.say(Happening::Command, Decision::Revert, said);
                if !returning {
                    self.order(Weight::NONE);
                }
            }
            Command::Pause | Command::Resume | Command::Revert => {
                self.say(Happening::Command, Decision::Revert, said);
            }
        }
    }

    /// Nobody watched for a while (the daemon was down, the machine asleep): what a hold, a soak or a clear sight counted
    /// on has not been seen, so each begins anew.
    fn missed_time(&mut self) {
        let at = self.at;
        match &mut self.release.phase {
            Phase::Step { since: Some(since), .. } | Phase::Soak { since } => *since = at,
            Phase::Step { since: None, .. } | Phase::CutOver | Phase::Return { .. } | Phase::Ended { .. } => {
            }
        }
        self.release.judge.resume(at);
        self.release.assessment = self.release.judge.assess();
    }

    fn resumed(&mut self) {
        self.missed_time();
        self.release.ticked_at = None;
        let reason = words::resumed(&self.release);
        let decision = self.standing_decision();
        self.say(Happening::Resumed, decision, reason);
        // Whether the last order was carried out before the crash is not known, and weights are absolute: again.
        if self.release.order.answer != Answer::Confirmed {
            self.repeat_order();
        }
    }

    fn standing_decision(&self) -> Decision {
        match self.release.phase {
            Phase::Step { .. } | Phase::Soak { .. } => Decision::Hold,
            Phase::CutOver | Phase::Ended { outcome: Outcome::Promoted } => Decision::Promote,
            Phase::Return { .. } | Phase::Ended { .. } => Decision::Revert,
        }
    }

    /// A new order to the router; it replaces the one before.
    fn order(&mut self, weight: Weight) {
        let id = self.release.order.id + 1;
        self.release.order = Order { id, weight, answer: Answer::Awaited, failures: 0 };
        self.effects.push(Effect::SetWeight { id, weight });
    }

    /// The same order once more, under the same number. The count of failures stands until it succeeds.
    fn repeat_order(&mut self) {
        self.release.order.answer = Answer::Awaited;
        let Order { id, weight, .. } = self.release.order;
        self.effects.push(Effect::SetWeight { id, weight });
    }

    fn say(&mut self, event: Happening, decision: Decision, reason: String) {
        let release = &mut self.release;
        release.said.at = self.at;
        release.said.standings = (release.assessment.checks.iter()).map(|check| check.standing).collect();
        self.effects.push(Effect::Announce(Box::new(Verdict {
            at: self.at,
            service: release.service.clone(),
            release: release.id.clone(),
            event,
            decision,
            live: release.live.clone(),
            candidate: release.candidate.clone(),
            weight: release.granted,
            reason,
            checks: release.assessment.checks.clone(),
        })));
    }
}

#[cfg(test)]
mod tests;
