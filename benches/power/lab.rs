//! Where the runs are made: how many, on how many threads, from which seed.
//!
//! Each run has random numbers of its own, which depend on the seed, on the row's name and on the run's number alone:
//! neither the number of threads nor what else is measured changes a row.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tokio::time::Instant;

/// Random numbers of one run. Reproducible on every machine.
pub type Rng = ChaCha8Rng;

/// A quick look runs so many.
const QUICK_RUNS: u32 = 40;

/// A quick look sees this part of the ticks.
const QUICK_PART: u32 = 4;

/// Fewer runs than this say nothing.
const RUNS_MIN: u32 = 8;

/// Names of all families, in the order in which they are measured.
pub const FAMILIES: [&str; 11] = [
    "healthy",
    "healthy latency",
    "healthy many",
    "petshop",
    "shift",
    "edge",
    "harm",
    "health",
    "latency",
    "few",
    "side",
];

/// What is asked of this measurement.
#[derive(Clone, Debug)]
pub struct Lab {
    pub seed: u64,
    pub quick: bool,
    /// Of a row of ordinary cost.
    pub runs: u32,
    pub threads: usize,
    /// Rows to measure; empty means all.
    pub only: Vec<String>,
    pub started: Instant,
}

impl Lab {
    /// Runs by default: enough that one percent is known to within half a percent.
    pub const RUNS: u32 = 2_000;

    pub fn new(seed: u64, quick: bool, runs: Option<u32>, only: Vec<String>) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let runs = runs.unwrap_or(if quick { QUICK_RUNS } else { Self::RUNS }).max(RUNS_MIN);
        Self { seed, quick, runs, threads, only, started: Instant::now() }
    }

    /// Whether the row `name` of `family` is wanted: by the family's whole name, or else by any part of `family/name`.
    pub fn wants(&self, family: &str, name: &str) -> bool {
        let full = format!("{family}/{name}");
        let wants = |only: &String| {
            if FAMILIES.contains(&only.as_str()) { only == family } else { full.contains(only.as_str()) }
        };
        self.only.is_empty() || self.only.iter().any(wants)
    }

    /// Ticks of a run that is `full` ticks long.
    pub fn ticks(&self, full: u32) -> u32 {
        if self.quick { full / QUICK_PART } else { full }
    }

    /// Runs of a row `cost` times as dear as an ordinary one.
    pub fn runs_at(&self, cost: u32) -> u32 {
        (self.runs / cost).max(RUNS_MIN)
    }

    /// Makes `runs` runs of one row, in the order of their numbers. Says on standard error how it goes.
    pub fn each<T: Send>(&self, row: &str, runs: u32, run: impl Fn(&mut Rng) -> T + Sync) -> Vec<T> {
        let before = Instant::now();
        let (next, told) = (AtomicU32::new(0), Mutex::new(before));
        let work = || {
            let mut mine = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= runs {
                    return mine;
                }
                mine.push((number, run(&mut self.random(row, number))));
                tell(&told, row, number, runs);
            }
        };
        let mut all: Vec<(u32, T)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        all.sort_by_key(|(number, _)| *number);
        eprintln!(
            "[{:>5.0} s] {row}: {runs} runs in {:.1} s",
            self.started.elapsed().as_secs_f64(),
            before.elapsed().as_secs_f64()
        );
        all.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn random(&self, row: &str, number: u32) -> Rng {
        let mut random = Rng::seed_from_u64(self.seed ^ hash(row));
        random.set_stream(u64::from(number));
        random
    }
}

/// At most every ten seconds one line.
fn tell(told: &Mutex<Instant>, row: &str, number: u32, runs: u32) {
    let mut told = told.lock().unwrap();
    if told.elapsed().as_secs() >= 10 {
        *told = Instant::now();
        eprintln!("          {row}: run {} of {runs}", number + 1);
    }
}

/// FNV-1a: the same on every machine and in every version, unlike the standard library's.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;
    use rand::RngExt;

    fn lab(threads: usize) -> Lab {
        Lab { threads, ..Lab::new(7, false, Some(20), Vec::new()) }
    }

    #[test]
    fn threads_change_nothing() {
        let draw = |random: &mut Rng| random.random::<u64>();
        let one = lab(1).each("a", 20, draw);
        assert_eq!(one, lab(3).each("a", 20, draw));
        assert_ne!(one, lab(1).each("b", 20, draw));
        let mut different = one.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 20);
    }

    #[test]
    fn rows_are_chosen_by_family_or_part() {
        let only = |only: &str| Lab::new(1, true, None, vec![only.to_owned()]);
        assert!(only("healthy").wants("healthy", "plain"));
        assert!(only("health").wants("health", "20 requests/s") && !only("health").wants("healthy", "plain"));
        assert!(!only("latency").wants("healthy latency", "log-normal"));
        assert!(only("bursty").wants("healthy", "bursty, 1 of 20"));
        assert!(Lab::new(1, true, None, Vec::new()).wants("few", "one"));
    }

    /// Reference value of FNV-1a, 64 bit.
    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
