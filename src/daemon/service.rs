//! One service's task: it takes in what is seen, asked and answered, one thing at a time, and has it done.
//!
//! Everything that takes time (sampling, the router, people) happens in other tasks and comes in as a message, so a
//! revert never waits for a slow source. [`super::ledger`] decides and writes down, [`super::routing`] moves traffic,
//! [`super::sampling`] looks; [`super::idle`] is what happens between releases.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};

use super::aligning::split;
use super::clock::{Clock, Onward};
use super::idle::Stance;
use super::ledger::{Ledger, Outcome};
use super::parts::{self, RouterPart};
use super::record::Recording;
use super::request::{Accepted, EndedRelease, Refusal, Request};
use super::routing::{RoutingHand, RoutingReport};
use super::sampling::{Observation, Sampling, pair};
use super::verdict_log::VerdictLog;
use crate::journal::{Header, Journal};
use crate::probe::Prober;
use crate::release::effect::Effect;
use crate::release::event::{Command, Event};
use crate::release::verdict::Verdict;
use crate::router::Router;
use crate::rules::model::Rules;
use crate::sample::{Tick, Timestamp};
use crate::source::Source;

/// So many messages wait for a service of each kind; their senders wait when it is full.
pub(super) const MESSAGES_MAX: usize = 64;

/// So many verdicts a slow watcher may be behind before it misses some.
const WATCHERS_BEHIND_MAX: usize = 256;

/// The router is read at least and at most this often between releases and during them.
const READ_EVERY_MIN: Duration = Duration::from_millis(500);
const READ_EVERY_MAX: Duration = Duration::from_secs(5);

/// The daemon's log speaks of a journal that stays unwritable once in so many events.
const TROUBLE_EVERY: u32 = 60;

/// What looks at a release.
type Eyes = (Vec<Box<dyn Source>>, Option<Prober>);

/// What every service shares.
#[derive(Clone)]
pub struct Shared {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where releases are kept.
    pub journal: Arc<dyn Journal>,
    /// Standard output.
    pub log: VerdictLog,
    /// Where samples are recorded, if they are.
    pub record: Option<PathBuf>,
}

/// The way to a service's task. Cheap to clone.
#[derive(Clone)]
pub struct ServiceHandle {
    /// Questions and orders.
    pub requests: mpsc::Sender<Request>,
    /// Every verdict as it is said.
    pub verdicts: broadcast::Sender<Arc<Verdict>>,
    /// When its task last went round, in milliseconds since the epoch: for the watchdog.
    pub alive: Arc<AtomicI64>,
    /// Its router, to be shut down with the daemon.
    pub router: Arc<dyn Router>,
}

/// A service's task.
pub struct Service {
    pub(super) rules: Rules,
    pub(super) shared: Shared,
    pub(super) stance: Stance,
    pub(super) ledger: Option<Ledger>,
    pub(super) hand: RoutingHand,
    pub(super) router: RouterPart,
    sampling: Option<Sampling>,
    recording: Option<Recording>,
    pub(super) incarnation: Option<String>,
    pub(super) restarted: bool,
    /// The newest release that has ended.
    pub(super) ended: Option<EndedRelease>,
    /// The newest look at the router failed.
    pub(super) unread: bool,
    trouble: Option<String>,
    troubles: u32,
    time: Onward,
    requests: mpsc::Receiver<Request>,
    reports: mpsc::Receiver<RoutingReport>,
    observations: (mpsc::Sender<Observation>, mpsc::Receiver<Observation>),
    verdicts: broadcast::Sender<Arc<Verdict>>,
    alive: Arc<AtomicI64>,
}

impl Service {
    /// Makes the service's parts and starts its task; a release that had not ended is taken up again.
    ///
    /// # Errors
    /// When a part cannot be made or the journal cannot be read: one sentence.
    pub async fn start(rules: Rules, shared: Shared) -> Result<ServiceHandle, String> {
        let name = rules.service.clone();
        let context = |error: &dyn std::fmt::Display| format!("service `{name}`: {error}");
        let unfinished = (shared.journal.unfinished(&name).await).map_err(|e| context(&e))?;
        let rules = match &unfinished {
            Some(unfinished) => with_its_router(rules, &unfinished.header).map_err(|e| context(&e))?,
            None => rules,
        };
        let remembered = (shared.journal.live(&name).await).map_err(|e| context(&e))?;
        let newest = shared.journal.releases(Some(&name), 2).await.map_err(|e| context(&e))?;
        let ended = newest
            .into_iter()
            .find_map(|summary| Some(EndedRelease { outcome: summary.outcome?, release: summary.release }));
        let router = parts::router(&rules, remembered.as_ref()).await.map_err(|e| context(&e))?;
        let (request_sender, requests) = mpsc::channel(MESSAGES_MAX);
        let (report_sender, reports) = mpsc::channel(MESSAGES_MAX);
        let read_every = Duration::from_millis(rules.plan.tick_ms).clamp(READ_EVERY_MIN, READ_EVERY_MAX);
        let (verdicts, _) = broadcast::channel(WATCHERS_BEHIND_MAX);
        let alive = Arc::new(AtomicI64::new(shared.clock.now().ms()));
        let mut service = Self {
            hand: RoutingHand::start(router.router.clone(), read_every, report_sender),
            stance: Stance::Unknown { remembered },
            time: Onward::from(shared.clock.now(), shared.clock.as_ref()),
            ledger: None,
            sampling: None,
            recording: None,
            incarnation: None,
            restarted: false,
            ended,
            unread: false,
            trouble: None,
            troubles: 0,
            observations: mpsc::channel(MESSAGES_MAX),
            verdicts: verdicts.clone(),
            alive: alive.clone(),
            requests,
            reports,
            router,
            rules,
            shared,
        };
        if let Some(unfinished) = unfinished {
            service.resume(unfinished).await.map_err(|e| context(&e))?;
        }
        let router = service.router.router.clone();
        tokio::spawn(service.run());
        Ok(ServiceHandle { requests: request_sender, verdicts, alive, router })
    }

    async fn run(mut self) {
        // Without traffic on any channel the task still goes round, so that the watchdog can tell it from a dead one.
        let mut pulse = tokio::time::interval(Duration::from_secs(1));
        pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            self.alive.store(self.shared.clock.now().ms(), Ordering::Relaxed);
            tokio::select! {
                biased;
                request = self.requests.recv() => match request {
                    Some(request) => self.request(request).await,
                    None => return,
                },
                Some(report) = self.reports.recv() => self.report(report).await,
                Some(observation) = self.observations.1.recv() => self.observe(observation).await,
                // A journal that could not be written when a release ended is tried again.
                _ = pulse.tick() => self.close_when_over().await,
            }
        }
    }

    /// The present, never behind what was said before.
    pub(super) fn now(&mut self) -> Timestamp {
        self.time.now(self.shared.clock.as_ref())
    }

    async fn resume(&mut self, unfinished: crate::journal::Unfinished) -> Result<(), String> {
        let rules = rules_of(&unfinished.header)?;
        let last_at = (unfinished.events.last()).map_or(unfinished.header.started_at, Event::at);
        self.time = Onward::from(last_at, self.shared.clock.as_ref());
        let ledger = Ledger::restore(self.shared.journal.clone(), &unfinished, &rules);
        let eyes = self.open_eyes(&rules)?;
        self.watch(&rules, ledger, eyes);
        let at = self.now();
        self.apply(Event::Resumed { at }).await;
        Ok(())
    }

    /// Begins a release: the other colour becomes the candidate.
    pub(super) async fn begin(&mut self, by: String) -> Result<Accepted, Refusal> {
        let live = self.may_start()?;
        let [first, second] = parts::colours(&self.rules);
        let candidate = if live == first { second } else { first };
        let journal = self.shared.journal.clone();
        let number = (journal.next_number(&self.rules.service).await)
            .map_err(|error| Refusal::new(error.to_string()))?;
        let header = Header {
            release: format!("{}-{number}", self.rules.service),
            service: self.rules.service.clone(),
            live,
            candidate,
            started_at: self.now(),
            by,
            rules: self.rules.text.clone(),
        };
        let rules = self.rules.clone();
        let eyes = self.open_eyes(&rules).map_err(Refusal::new)?;
        let (ledger, effects) = (Ledger::begin(journal, &header, &rules).await)
            .map_err(|error| Refusal::new(error.to_string()))?;
        self.watch(&rules, ledger, eyes);
        self.act(effects);
        Ok(Accepted {
            message: format!(
                "release {} started: {} is the candidate, {} is live",
                header.release, header.candidate, header.live
            ),
            release: Some(header.release),
        })
    }

    /// Makes what looks at a release, before anything has begun.
    fn open_eyes(&self, rules: &Rules) -> Result<Eyes, String> {
        let sources = parts::sources(rules, self.router.recorder.as_ref()).map_err(|e| e.to_string())?;
        let prober = parts::prober(rules).map_err(|e| e.to_string())?;
        Ok((sources, prober))
    }

    /// Starts to look at a release.
    fn watch(&mut self, rules: &Rules, ledger: Ledger, (sources, prober): Eyes) {
        let release = ledger.release();
        self.recording = self.shared.record.as_deref().map(|dir| {
            let colours = [release.live.clone(), release.candidate.clone()];
            Recording::open(dir, &release.id, release.started_at, colours)
        });
        let tick = Duration::from_millis(rules.plan.tick_ms);
        // A channel of its own: what was seen for an earlier release must not be judged in this one.
        self.observations = mpsc::channel(MESSAGES_MAX);
        self.sampling = Some(Sampling::start(sources, prober, tick, &self.observations.0));
        self.ledger = Some(ledger);
    }

    async fn observe(&mut self, observation: Observation) {
        let at = self.now();
        let Some(ledger) = &self.ledger else { return };
        let release = ledger.release();
        let tick = Tick { at, weight: release.granted, pairs: pair(observation.samples, &release.live) };
        if let Some(recording) = &mut self.recording {
            recording.write(&tick);
        }
        self.apply(Event::Tick(tick)).await;
    }

    /// Takes an event in and does what follows.
    pub(super) async fn apply(&mut self, event: Event) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let outcome = ledger.apply(event).await;
        self.settle_outcome(outcome).await;
    }

    async fn settle_outcome(&mut self, outcome: Outcome) {
        self.note_journal(outcome.trouble.as_ref().map(ToString::to_string));
        self.act(outcome.effects);
        self.close_when_over().await;
    }

    /// A release that has ended and is written down makes room for the next.
    async fn close_when_over(&mut self) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let Some((_, live)) = ledger.release().ending() else {
            return;
        };
        let live = live.clone();
        self.sampling = None;
        self.recording = None;
        if ledger.is_durable() || ledger.catch_up().await.is_ok() {
            let release = ledger.release().clone();
            self.ledger = None;
            if let Some((outcome, _)) = release.ending() {
                self.ended = Some(EndedRelease { release: release.id.clone(), outcome });
            }
            self.stance = Stance::Settled { live, last: Some(Box::new(release)) };
        }
    }

    /// Does what a release wants done.
    fn act(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::SetWeight { id, weight } => {
                    let Some(ledger) = &self.ledger else { continue };
                    let split = split(&ledger.release().candidate, weight);
                    self.hand.order(Some(id), split);
                }
                Effect::Announce(verdict) => self.announce(*verdict),
            }
        }
    }

    fn announce(&self, verdict: Verdict) {
        self.shared.log.write(&verdict);
        // No watcher is no error.
        let _ = self.verdicts.send(Arc::new(verdict));
    }

    async fn request(&mut self, request: Request) {
        match request {
            Request::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Request::Start { by, reply } => {
                let answer = self.begin(by).await;
                let _ = reply.send(answer);
            }
            Request::Order { command, by, reply } => {
                let answer = self.order(command, by).await;
                let _ = reply.send(answer);
            }
            Request::SetLive { colour, by, reply } => {
                let answer = self.set_live(colour, &by).await;
                let _ = reply.send(answer);
            }
            Request::Reload(rules) => self.reload(*rules),
        }
    }

    async fn order(&mut self, command: Command, by: String) -> Result<Accepted, Refusal> {
        let at = self.now();
        let Some(ledger) = &mut self.ledger else {
            return Err(Refusal::new(format!(
                "no release of `{service}` is under way; start one with `assize release start {service}`",
                service = self.rules.service
            )));
        };
        let release = ledger.release().id.clone();
        let outcome = ledger.apply(Event::Command { at, command, by }).await;
        let refused = outcome.refused.then(|| outcome.trouble.as_ref().map(ToString::to_string));
        let message = (outcome.effects.iter()).find_map(|effect| match effect {
            Effect::Announce(verdict) => Some(verdict.reason.clone()),
            Effect::SetWeight { .. } => None,
        });
        self.settle_outcome(outcome).await;
        match refused {
            Some(why) => Err(Refusal::new(format!(
                "not done, because it cannot be written to the journal: {}",
                why.unwrap_or_default()
            ))),
            None => Ok(Accepted {
                release: Some(release),
                message: message.unwrap_or_else(|| format!("{command} was done")),
            }),
        }
    }

    pub(super) fn note_journal(&mut self, error: Option<String>) {
        let Some(error) = error else {
            if self.troubles > 0 {
                tracing::info!(service = self.rules.service, "the journal is written again");
                self.troubles = 0;
            }
            return;
        };
        if self.troubles.is_multiple_of(TROUBLE_EVERY) {
            tracing::error!(
                service = self.rules.service,
                "{error}; until it can be written the candidate gets no more traffic, a revert still works"
            );
        }
        self.troubles = self.troubles.saturating_add(1);
        self.trouble = Some(error);
    }

    pub(super) fn note_router(&mut self, error: Option<String>) {
        if error.is_some() && error != self.trouble {
            tracing::warn!(service = self.rules.service, "{}", error.as_deref().unwrap_or_default());
        }
        if self.troubles == 0 {
            self.trouble = error;
        }
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.clone()
    }
}

/// The rules that a release began with.
pub(super) fn rules_of(header: &Header) -> Result<Rules, String> {
    crate::rules::compile(&header.rules).map(|(rules, _)| rules).map_err(|_| {
        format!(
            "the rules that release {} began with are not valid for this version; run the version that started it",
            header.release
        )
    })
}

/// The service's rules while a release is under way that began with others. Its router and its colours are those that
/// hold its traffic, so where they changed its own rules stay until it has ended.
fn with_its_router(rules: Rules, header: &Header) -> Result<Rules, String> {
    let own = rules_of(header)?;
    if own.router == rules.router && own.colours == rules.colours {
        return Ok(rules);
    }
    tracing::warn!(
        service = rules.service,
        release = header.release,
        "[router] or [colours] changed while this release is under way: it goes on with those that it began with; \
         restart the daemon when it has ended"
    );
    Ok(own)
}
