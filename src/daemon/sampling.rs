//! The eyes on a release: one task per source and one pulse with the probes, for as long as the release lasts.
//!
//! Each source is asked once a tick and its answer is handed on the moment it is there, so a slow source delays
//! nobody else's samples. The pulse goes on without any source: it is what lets deadlines pass in silence.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::probe::Prober;
use crate::sample::Sample;
use crate::source::Source;

/// What was seen.
#[derive(Debug)]
pub struct Observation {
    /// Samples of both colours; empty for a pulse without probes.
    pub samples: Vec<Sample>,
}

/// The tasks that sample one release. Dropping it stops them.
pub struct Sampling {
    _tasks: JoinSet<()>,
}

impl Sampling {
    /// Starts sampling at once and then every `tick`.
    #[must_use]
    pub fn start(
        sources: Vec<Box<dyn Source>>,
        prober: Option<Prober>,
        tick: Duration,
        observations: &mpsc::Sender<Observation>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for source in sources {
            tasks.spawn(watch_source(source, tick, observations.clone()));
        }
        tasks.spawn(pulse(prober, tick, observations.clone()));
        Self { _tasks: tasks }
    }
}

async fn watch_source(mut source: Box<dyn Source>, tick: Duration, observations: mpsc::Sender<Observation>) {
    let mut ticks = interval(tick);
    // A source slower than a tick skips ticks; its counters lose nothing, because they are differences.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let samples = source.sample().await;
        if observations.send(Observation { samples }).await.is_err() {
            return;
        }
    }
}

async fn pulse(prober: Option<Prober>, tick: Duration, observations: mpsc::Sender<Observation>) {
    let mut ticks = interval(tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let samples = prober.as_ref().map(Prober::take).unwrap_or_default();
        if observations.send(Observation { samples }).await.is_err() {
            return;
        }
    }
}

/// Puts the samples of both colours side by side, live first.
///
/// A check of which only one colour was measured is paired with what the other said in this observation; probes and
/// sources always measure both.
#[must_use]
pub fn pair(samples: Vec<Sample>, live: &crate::sample::Colour) -> Vec<crate::sample::Pair> {
    use crate::sample::{GapKind, Pair, Reading};
    let mut pairs: Vec<Pair> = Vec::new();
    for sample in samples {
        let index = (pairs.iter().position(|pair| pair.check == sample.check)).unwrap_or_else(|| {
            pairs.push(Pair {
                check: sample.check.clone(),
                live: Reading::gap(GapKind::NoData, "not measured"),
                candidate: Reading::gap(GapKind::NoData, "not measured"),
            });
            pairs.len() - 1
        });
        if let Some(pair) = pairs.get_mut(index) {
            if sample.colour == *live {
                pair.live = sample.reading;
            } else {
                pair.candidate = sample.reading;
            }
        }
    }
    pairs
}
