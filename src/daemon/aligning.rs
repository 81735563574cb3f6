//! What the router reports, held against what it was told.
//!
//! During a release the release owns the router: whatever moves it, it is put right and said. Between releases a
//! person may have moved it on purpose, so [`super::idle`] asks.

use super::routing::RoutingReport;
use super::service::Service;
use crate::release::event::Event;
use crate::release::state::Answer;
use crate::router::{Observed, RouterError, Split};
use crate::sample::{Colour, Weight};

impl Service {
    /// Takes in what the hand on the router reports.
    pub(super) async fn report(&mut self, report: RoutingReport) {
        match report {
            RoutingReport::Carried { effect, result } => {
                let at = self.now();
                let error = result.as_ref().err().map(RouterError::to_string);
                match effect {
                    Some(effect) if self.ledger.is_some() => {
                        self.apply(Event::Routed { at, effect, error }).await;
                    }
                    _ => self.told_live(error),
                }
            }
            RoutingReport::Read { attempt, observed } => match observed {
                Ok(observed) => self.read(attempt, &observed).await,
                Err(error) => {
                    self.unread = true;
                    let nobody_served = matches!(error, RouterError::NoTraffic(_));
                    self.note_router(Some(error.to_string()));
                    if nobody_served && attempt >= self.hand.attempts() {
                        self.serve_again().await;
                    }
                }
            },
        }
    }

    async fn read(&mut self, attempt: u64, observed: &Observed) {
        self.unread = false;
        self.note_router(None);
        let before = std::mem::replace(&mut self.incarnation, observed.incarnation.clone());
        // Kept until the router is seen to do what it should: one failed order must not make a restart look like a person's
        // wish.
        self.restarted |=
            before.is_some() && observed.incarnation.is_some() && before != observed.incarnation;
        // Read before the newest order was carried out: old news.
        if attempt < self.hand.attempts() {
            return;
        }
        let Some(ledger) = &self.ledger else {
            self.look_at_idle_router(observed).await;
            return;
        };
        let order = ledger.release().order;
        if order.answer != Answer::Confirmed {
            return;
        }
        let wanted = split(&ledger.release().candidate, order.weight);
        let expected = self.router.router.achievable(&wanted);
        let found = (observed.first).map(|first| self.share_of(&wanted.colour, first));
        if found == Some(expected) {
            self.restarted = false;
        } else {
            let event = Event::Drifted {
                at: self.now(),
                weight: found.unwrap_or_default(),
                restarted: self.restarted || found.is_none(),
            };
            self.apply(event).await;
        }
    }

    /// Both colours are without traffic: that is nobody's wish, and what should be is known.
    async fn serve_again(&mut self) {
        match &self.ledger {
            Some(ledger) if ledger.release().order.answer == Answer::Confirmed => {
                let event = Event::Drifted { at: self.now(), weight: Weight::NONE, restarted: false };
                self.apply(event).await;
            }
            Some(_) => {}
            None => self.tell_remembered_live(),
        }
    }

    /// A colour's share, given the first colour's.
    fn share_of(&self, colour: &Colour, first: Weight) -> Weight {
        if *colour == self.rules.colours[0].colour { first } else { first.rest() }
    }
}

/// The split that gives `colour` this weight.
pub(super) fn split(colour: &Colour, weight: Weight) -> Split {
    Split { colour: colour.clone(), weight }
}
