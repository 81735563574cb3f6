//! Probes: requests of the daemon's own, made of both colours alike and at the same moment.
//!
//! A probe sees a colour that gets no traffic yet, and sees it without the router. What goes wrong with one is an event
//! and not a gap: no connection, no answer in time and a wrong answer are what a probe is there to find. There is no
//! second try, because a failure that a second try hides is still a failure. `ask` makes one request; here they are
//! repeated and counted until the daemon takes the counts, once a tick.

mod ask;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use url::Url;

use self::ask::Ask;
use crate::rules::model::ProbeRule;
use crate::sample::{Colour, Reading, Sample};

/// A client for probes: every request opens a connection of its own, so that a listener which takes no more
/// connections is seen, and not hidden by one that is still open.
///
/// # Errors
/// When TLS cannot be set up.
pub fn client() -> reqwest::Result<reqwest::Client> {
    crate::client::builder().pool_max_idle_per_host(0).retry(reqwest::retry::never()).build()
}

/// Runs probes until it is dropped.
pub struct Prober {
    tallies: Arc<Mutex<Vec<Tally>>>,
    colours: [Colour; 2],
    /// Dropping it stops the probes.
    _tasks: JoinSet<()>,
}

/// What one probe found of both colours.
struct Tally {
    name: String,
    /// Since the counts were last taken.
    runs: u64,
    /// Likewise, in the order of the colours.
    bad: [u64; 2],
    /// Of all time, in the order of the colours.
    last_failure: [Option<String>; 2],
}

impl Prober {
    /// Starts every probe: the first run is at once. `client` is best made by [`client`].
    ///
    /// Must be called inside a Tokio runtime.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a client is a handle; each probe keeps one")]
    pub fn new(probes: &[ProbeRule], colours: [(Colour, Url); 2], client: reqwest::Client) -> Self {
        let tallies: Vec<Tally> = probes.iter().map(|probe| Tally::new(&probe.name)).collect();
        let tallies = Arc::new(Mutex::new(tallies));
        let mut tasks = JoinSet::new();
        for (index, probe) in probes.iter().enumerate() {
            let both = colours.each_ref().map(|(_, url)| Ask::new(probe, url, client.clone()));
            let every = Duration::from_millis(probe.every_ms);
            tasks.spawn(repeat(both, every, Arc::clone(&tallies), index));
        }
        Self { tallies, colours: colours.map(|(colour, _)| colour), _tasks: tasks }
    }

    /// The counts since the last call: for each probe that had a run since, one sample for each colour.
    #[must_use]
    pub fn take(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for tally in lock(&self.tallies).iter_mut().filter(|tally| tally.runs > 0) {
            let total = std::mem::take(&mut tally.runs);
            let bad = std::mem::take(&mut tally.bad);
            for (colour, bad) in self.colours.iter().zip(bad) {
                samples.push(Sample {
                    check: tally.name.clone(),
                    colour: colour.clone(),
                    reading: Reading::Counts { bad, total },
                });
            }
        }
        samples
    }

    /// Why a probe last failed on a colour, in a few words; `None` while it never did.
    #[must_use]
    pub fn last_failure(&self, probe: &str, colour: &Colour) -> Option<String> {
        let index = self.colours.iter().position(|known| known == colour)?;
        let tallies = lock(&self.tallies);
        let tally = tallies.iter().find(|tally| tally.name == probe)?;
        tally.last_failure[index].clone()
    }
}

impl Tally {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), runs: 0, bad: [0, 0], last_failure: [None, None] }
    }

    fn add(&mut self, outcomes: [Result<(), String>; 2]) {
        self.runs += 1;
        for (index, outcome) in outcomes.into_iter().enumerate() {
            if let Err(why) = outcome {
                self.bad[index] += 1;
                self.last_failure[index] = Some(why);
            }
        }
    }
}

/// Asks both colours together, again and again. A run that takes longer than `every` costs the runs it overlaps: they
/// are not made up for, so a slow colour is not asked more often than a fast one.
async fn repeat([one, other]: [Ask; 2], every: Duration, tallies: Arc<Mutex<Vec<Tally>>>, index: usize) {
    let mut ticks = interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let (one, other) = tokio::join!(one.run(), other.run());
        if let Some(tally) = lock(&tallies).get_mut(index) {
            tally.add([one, other]);
        }
    }
}

/// Counts are whole even if a holder of the lock panicked.
fn lock(tallies: &Mutex<Vec<Tally>>) -> MutexGuard<'_, Vec<Tally>> {
    tallies.lock().unwrap_or_else(PoisonError::into_inner)
}
