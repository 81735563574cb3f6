//! A service between releases: which colour is live, and what a person can ask for.

use super::aligning::split;
use super::parts;
use super::request::{Accepted, Refusal, ReleaseStatus, ServiceStatus};
use super::service::Service;
use crate::release::settle::{Settled, Signs, settle};
use crate::release::state::{Phase, Release};
use crate::release::words;
use crate::router::Observed;
use crate::rules::model::{RouterRule, Rules};
use crate::sample::{Colour, Timestamp, Weight};

/// Where a service stands while no release is under way.
#[derive(Debug)]
pub enum Stance {
    /// The router has not been read yet.
    Unknown {
        /// What the journal says is live.
        remembered: Option<Colour>,
    },
    /// This colour is live.
    Settled {
        /// Which.
        live: Colour,
        /// The last release since the daemon started.
        last: Option<Box<Release>>,
    },
    /// Nothing moves until a person says which colour is live.
    Unsettled {
        /// What the journal says is live.
        remembered: Option<Colour>,
        /// The sentence with the command to type.
        ask: String,
    },
}

impl Stance {
    fn remembered(&self) -> Option<&Colour> {
        match self {
            Self::Unknown { remembered } | Self::Unsettled { remembered, .. } => remembered.as_ref(),
            Self::Settled { live, .. } => Some(live),
        }
    }
}

impl Service {
    /// Settles which colour is live by what the router does.
    pub(super) async fn look_at_idle_router(&mut self, observed: &Observed) {
        let [first, second] = parts::colours(&self.rules);
        let initial = match &self.rules.router {
            RouterRule::Embedded(rule) => rule.live.clone(),
            RouterRule::Haproxy(_) => first.clone(),
        };
        let settled = settle(&Signs {
            service: &self.rules.service,
            colours: [&first, &second],
            remembered: self.stance.remembered(),
            first: observed.first,
            restarted: self.restarted,
            initial: &initial,
        });
        match settled {
            Settled::Live(live) => {
                self.restarted = false;
                self.settle_on(live).await;
            }
            Settled::Tell(live) => {
                tracing::info!(service = self.rules.service, %live, "telling the router which colour is live");
                let split = split(&live, Weight::ALL);
                self.hand.order(None, split);
                self.settle_on(live).await;
            }
            Settled::Ask(ask) => {
                if !matches!(&self.stance, Stance::Unsettled { ask: said, .. } if *said == ask) {
                    tracing::warn!(service = self.rules.service, "{ask}");
                }
                self.stance = Stance::Unsettled { remembered: self.stance.remembered().cloned(), ask };
            }
        }
    }

    async fn settle_on(&mut self, live: Colour) {
        if matches!(&self.stance, Stance::Settled { live: known, .. } if *known == live) {
            return;
        }
        let new = self.stance.remembered() != Some(&live);
        let at = self.now();
        if new {
            let written = self.shared.journal.set_live(&self.rules.service, &live, at).await;
            let failed = written.is_err();
            self.note_journal(written.err().map(|error| error.to_string()));
            if failed {
                return;
            }
        }
        tracing::info!(service = self.rules.service, %live, "ready: this colour is live");
        self.stance = Stance::Settled { live, last: None };
    }

    /// Gives all traffic to the colour that is known to be live; without one a person must say.
    pub(super) fn tell_remembered_live(&mut self) {
        if let Some(live) = self.stance.remembered().cloned() {
            tracing::warn!(service = self.rules.service, %live, "nobody was served; all traffic goes to the live colour");
            self.hand.order(None, split(&live, Weight::ALL));
        }
    }

    /// The router answered to an order outside of a release.
    pub(super) fn told_live(&mut self, error: Option<String>) {
        if let Some(error) = error {
            tracing::warn!(service = self.rules.service, "the router did not take the live colour: {error}");
            // Read again, and told again.
            self.stance = Stance::Unknown { remembered: self.stance.remembered().cloned() };
        }
    }

    /// The live colour, if a release may start now.
    pub(super) fn may_start(&self) -> Result<Colour, Refusal> {
        let service = &self.rules.service;
        if let Some(ledger) = &self.ledger {
            return Err(Refusal::new(format!(
                "release {} is under way; wait for it (`assize release watch {service}`) or end it \
                 (`assize release revert {service}`)",
                ledger.release().id
            )));
        }
        match &self.stance {
            // What was true before the router fell silent need not be true when it is back.
            Stance::Settled { .. } if self.unread => Err(Refusal::new(format!(
                "the router of `{service}` does not answer, so where its traffic goes is not known: {}",
                self.trouble().unwrap_or_default()
            ))),
            Stance::Settled { live, .. } => Ok(live.clone()),
            Stance::Unsettled { ask, .. } => Err(Refusal::new(ask.clone())),
            Stance::Unknown { .. } => Err(match self.trouble() {
                Some(trouble) => {
                    Refusal::new(format!("which colour of `{service}` is live is not known yet: {trouble}"))
                }
                None => Refusal {
                    message: format!(
                        "the router of `{service}` has not been read yet; try again in a second"
                    ),
                    soon: true,
                },
            }),
        }
    }

    /// A person says which colour is live: the router is told and the journal remembers.
    pub(super) async fn set_live(&mut self, colour: Colour, by: &str) -> Result<Accepted, Refusal> {
        let service = self.rules.service.clone();
        let [first, second] = parts::colours(&self.rules);
        if colour != first && colour != second {
            return Err(Refusal::new(format!(
                "`{service}` has no colour `{colour}`: it has `{first}` and `{second}`"
            )));
        }
        if let Some(ledger) = &self.ledger {
            return Err(Refusal::new(format!(
                "release {} is under way and decides which colour is live; end it first with `assize release revert {service}`",
                ledger.release().id
            )));
        }
        let at = self.now();
        (self.shared.journal.set_live(&service, &colour, at).await)
            .map_err(|error| Refusal::new(error.to_string()))?;
        tracing::info!(service, live = %colour, by, "a person said which colour is live");
        let split = split(&colour, Weight::ALL);
        self.hand.order(None, split);
        self.stance = Stance::Settled { live: colour.clone(), last: None };
        Ok(Accepted {
            release: None,
            message: format!("{colour} is live; the router is told to send all traffic of {service} there"),
        })
    }

    /// New rules: for the next release. The router stays the one that the daemon started with.
    pub(super) fn reload(&mut self, rules: Rules) {
        let service = self.rules.service.clone();
        if rules.text == self.rules.text {
            return;
        }
        let addresses = |rules: &Rules| rules.colours.iter().map(|rule| rule.url.clone()).collect::<Vec<_>>();
        // The embedded router took the colours' addresses when it started.
        let moved =
            matches!(rules.router, RouterRule::Embedded(_)) && addresses(&rules) != addresses(&self.rules);
        let renamed = parts::colours(&rules) != parts::colours(&self.rules);
        if rules.router != self.rules.router || renamed || moved {
            tracing::warn!(
                service,
                "[router] or [colours] changed: restart the daemon for that; the old rules stay"
            );
            return;
        }
        let when = if self.ledger.is_some() { "for the next release" } else { "from now on" };
        tracing::info!(service, "new rules {when}");
        self.rules = rules;
    }

    /// How the service is.
    pub(super) fn status(&mut self) -> ServiceStatus {
        let now = self.now();
        let (live, last, ask) = match &self.stance {
            Stance::Settled { live, last } => (Some(live), last.as_deref(), None),
            Stance::Unsettled { remembered, ask } => (remembered.as_ref(), None, Some(ask.clone())),
            Stance::Unknown { remembered } => (remembered.as_ref(), None, None),
        };
        let release = self.ledger.as_ref().map(super::ledger::Ledger::release);
        ServiceStatus {
            service: self.rules.service.clone(),
            live: release.map_or(live, |release| Some(&release.live)).cloned(),
            trouble: ask.or_else(|| self.trouble()),
            release: release.or(last).map(|release| release_status(release, now)),
            ended: self.ended.clone(),
        }
    }
}

fn release_status(release: &Release, now: Timestamp) -> ReleaseStatus {
    ReleaseStatus {
        release: release.id.clone(),
        phase: release.phase.name().to_owned(),
        outcome: release.ending().map(|(outcome, _)| outcome),
        live: release.live.clone(),
        candidate: release.candidate.clone(),
        weight: release.granted,
        step: match release.phase {
            Phase::Step { index, .. } => Some(index + 1),
            _ => None,
        },
        steps: release.plan.steps.len(),
        paused_by: release.paused_by.clone(),
        started_at: release.started_at,
        deadline_at: release.deadline_at,
        reason: words::standing(release, now),
        checks: release.assessment.checks.clone(),
    }
}
