//! The hand on the router: carries out orders, newest first, and reads the router back.
//!
//! One task per service, so that two orders never race. An order that was replaced before its turn is never carried
//! out: weights are absolute, and a revert must not wait behind a shift.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::release::event::EffectId;
use crate::router::{Observed, Router, RouterError, Split};

/// An order takes at most this long, whatever the adapter's own limits are; then it has failed and is told again.
const ORDER_TIME_LIMIT: Duration = Duration::from_secs(15);

/// What a router is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingOrder {
    /// The effect that wants it; `None` for an order outside of a release.
    pub effect: Option<EffectId>,
    /// How often it was told: an order that is told again is carried out again.
    pub attempt: u64,
    /// What to set.
    pub split: Split,
}

/// What the hand reports.
#[derive(Debug)]
pub enum RoutingReport {
    /// An order was carried out, or not.
    Carried {
        /// Which.
        effect: Option<EffectId>,
        /// How it went.
        result: Result<(), RouterError>,
    },
    /// The router was read, while no order was on its way.
    Read {
        /// The last order given before the reading began.
        attempt: u64,
        /// What it said.
        observed: Result<Observed, RouterError>,
    },
}

/// A service's hand on its router. Dropping it stops the task.
pub struct RoutingHand {
    orders: watch::Sender<Option<RoutingOrder>>,
    attempts: u64,
    task: JoinHandle<()>,
}

impl RoutingHand {
    /// Starts the task. The router is read every `read_every`, the first time at once.
    pub fn start(
        router: Arc<dyn Router>,
        read_every: Duration,
        reports: mpsc::Sender<RoutingReport>,
    ) -> Self {
        let (orders, inbox) = watch::channel(None);
        let task = tokio::spawn(work(router, read_every, inbox, reports));
        Self { orders, attempts: 0, task }
    }

    /// Tells the router; replaces an order that has not begun.
    pub fn order(&mut self, effect: Option<EffectId>, split: Split) {
        self.attempts += 1;
        let order = RoutingOrder { effect, attempt: self.attempts, split };
        self.orders.send_replace(Some(order));
    }

    /// How many orders have been given.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }
}

impl Drop for RoutingHand {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn work(
    router: Arc<dyn Router>,
    read_every: Duration,
    mut inbox: watch::Receiver<Option<RoutingOrder>>,
    reports: mpsc::Sender<RoutingReport>,
) {
    let mut reading = tokio::time::interval(read_every);
    reading.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut done = 0;
    loop {
        let order = inbox.borrow_and_update().clone();
        let report = match order {
            Some(order) if order.attempt > done => {
                done = order.attempt;
                carry_out(router.as_ref(), &order).await
            }
            _ => tokio::select! {
                biased;
                changed = inbox.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                _ = reading.tick() => RoutingReport::Read {
                    attempt: done,
                    observed: within_limit(router.read()).await,
                },
            },
        };
        if reports.send(report).await.is_err() {
            return;
        }
    }
}

async fn carry_out(router: &dyn Router, order: &RoutingOrder) -> RoutingReport {
    RoutingReport::Carried { effect: order.effect, result: within_limit(router.set(&order.split)).await }
}

async fn within_limit<T>(work: impl Future<Output = Result<T, RouterError>>) -> Result<T, RouterError> {
    let limit_ms = u64::try_from(ORDER_TIME_LIMIT.as_millis()).unwrap_or(u64::MAX);
    (tokio::time::timeout(ORDER_TIME_LIMIT, work).await).unwrap_or(Err(RouterError::TimedOut(limit_ms)))
}
