//! Many releases, counted: how many are promoted and reverted, and after how long.
//!
//! A study has one cell for each kind of harm and each place: the plan as a whole, and each of its weights for itself.
//! Runs are made in rounds over all cells, side by side on all cores. A cell that is clear gets no more of them, and
//! the rounds end when the effort is spent; both depend on what was drawn and not on time, so that the same seed gives
//! the same study.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::run::{self, End, Run};
use super::{Harm, Setup};
use crate::evidence::count_to_float;
use crate::judge::spec::CheckKind;
use crate::sample::Weight;

/// What is looked at: no harm, five sizes of harm, and an outage.
pub const HARMS: [Harm; 7] = [
    Harm::None,
    Harm::Times(1.2),
    Harm::Times(1.5),
    Harm::Times(2.0),
    Harm::Times(5.0),
    Harm::Times(20.0),
    Harm::Outage,
];

/// Runs of each cell between two looks at whether it is clear: through the plan, where shares are asked for, and on a
/// weight.
const ROUND: u32 = 16;
const ROUND_OF_STEP: u32 = 8;

/// Of a cell of a single weight, whose median is all that is asked, no more than so many.
const RUNS_OF_STEP_MAX: u32 = 64;

/// A median is clear when its error is less than this part of it.
const ERROR_MAX: f64 = 0.04;

/// How much is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Runs of a cell at most.
    pub runs: u32,
    /// No further round begins once so many tests have been updated. A test takes some microseconds a tick.
    pub tests_max: u64,
}

/// Where a release is: see the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On its way through the plan.
    Plan,
    /// On this weight.
    Step(Weight),
}

/// What became of the releases of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// How many were simulated.
    pub runs: u32,
    /// When each promoted one was, from its start, in rising order. On a step: when health was proved.
    pub promoted_ms: Vec<u64>,
    /// When each reverted one was. On a step: when harm was proved.
    pub reverted_ms: Vec<u64>,
    /// How many of the reverted ones were so for silence or blindness.
    pub unseen: u32,
    /// Which check convicted, or was still open at the deadline, and in how many runs; the commonest first.
    pub checks: Vec<(String, u32)>,
}

/// One kind of harm in one place.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What is wrong with the candidate.
    pub harm: Harm,
    /// Where it stands.
    pub place: Place,
    /// What became of it.
    pub outcomes: Outcomes,
}

/// Everything that was simulated.
#[derive(Clone, Debug)]
pub struct Study {
    /// By harm, and for each harm the plan first and then its steps.
    pub cells: Vec<Cell>,
}

impl Outcomes {
    /// Adds a run.
    fn add(&mut self, run: Run) {
        self.runs += 1;
        self.unseen += u32::from(run.unseen);
        let insert =
            |times: &mut Vec<u64>| times.insert(times.partition_point(|t| *t <= run.after_ms), run.after_ms);
        match run.end {
            End::Promoted => insert(&mut self.promoted_ms),
            End::Reverted => insert(&mut self.reverted_ms),
            End::Undecided => {}
        }
        for name in run.checks {
            match self.checks.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => self.checks.push((name, 1)),
            }
        }
        self.checks.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    }

    /// Share of the releases that were promoted.
    #[must_use]
    pub fn promoted(&self) -> f64 {
        share(self.promoted_ms.len(), self.runs)
    }

    /// Share of the releases that were reverted on proof.
    #[must_use]
    pub fn reverted(&self) -> f64 {
        share(self.reverted_ms.len(), self.runs)
    }

    /// Share of the releases that were neither by the deadline.
    #[must_use]
    pub fn undecided(&self) -> f64 {
        let decided = u32::try_from(self.promoted_ms.len() + self.reverted_ms.len()).unwrap_or(u32::MAX);
        f64::from(self.runs.saturating_sub(decided)) / f64::from(self.runs.max(1))
    }

    /// By when `part` of all releases were promoted; `None` where the deadline came first.
    #[must_use]
    pub fn promoted_by(&self, part: f64) -> Option<u64> {
        quantile(&self.promoted_ms, self.runs, part)
    }

    /// By when `part` of all releases were reverted.
    #[must_use]
    pub fn reverted_by(&self, part: f64) -> Option<u64> {
        quantile(&self.reverted_ms, self.runs, part)
    }

    /// By when `part` of all releases were promoted or reverted.
    #[must_use]
    pub fn decided_by(&self, part: f64) -> Option<u64> {
        let mut times: Vec<u64> = self.promoted_ms.iter().chain(&self.reverted_ms).copied().collect();
        times.sort_unstable();
        quantile(&times, self.runs, part)
    }

    /// No more runs would tell more: all were undecided, or the median is known well enough.
    fn is_clear(&self, place: Place) -> bool {
        let times = if self.promoted_ms.len() > self.reverted_ms.len() {
            &self.promoted_ms
        } else {
            &self.reverted_ms
        };
        let at = |part| quantile(times, self.runs, part).map(count_to_float);
        match (place, at(0.25), at(0.5), at(0.75)) {
            // Shares are asked for as well, and they need the runs.
            (Place::Plan, ..) => false,
            (Place::Step(_), None, ..) => times.is_empty(),
            (Place::Step(_), Some(low), Some(median), Some(high)) => {
                // The error of a median is about 0.93 of the quartile range over the root of n.
                let error = 0.93 * (high - low) / f64::from(self.runs).sqrt();
                error <= ERROR_MAX * median || self.runs >= RUNS_OF_STEP_MAX
            }
            (Place::Step(_), ..) => self.runs >= RUNS_OF_STEP_MAX,
        }
    }
}

fn share(count: usize, runs: u32) -> f64 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    f64::from(count) / f64::from(runs.max(1))
}

/// The smallest time that `part` of all `runs` did not exceed.
fn quantile(times: &[u64], runs: u32, part: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of runs"
    )]
    let rank = (part * f64::from(runs)).ceil() as usize;
    times.get(rank.max(1) - 1).copied()
}

impl Study {
    /// Simulates every cell. `progress` is told which part of the work is done, 0 to 1.
    #[must_use]
    pub fn of(setup: &Setup, effort: Effort, seed: u64, progress: &(dyn Fn(f64) + Sync)) -> Self {
        let places = std::iter::once(Place::Plan).chain(setup.plan.steps.iter().copied().map(Place::Step));
        let places: Vec<Place> = places.collect();
        // An outage is seen by what counts requests; values say nothing of it.
        let counts = setup.judge.checks.iter().any(|check| !matches!(check.kind, CheckKind::Value(_)));
        let harms = HARMS.into_iter().filter(|harm| counts || *harm != Harm::Outage);
        let cells = harms.flat_map(|harm| {
            places.iter().map(move |place| Cell { harm, place: *place, outcomes: Outcomes::default() })
        });
        let mut study = Self { cells: cells.collect() };
        study.simulate(setup, effort, seed, progress);
        study
    }

    /// What became of releases with this harm in this place.
    #[must_use]
    pub fn outcomes(&self, harm: Harm, place: Place) -> Option<&Outcomes> {
        self.cells.iter().find(|cell| cell.harm == harm && cell.place == place).map(|cell| &cell.outcomes)
    }

    fn simulate(&mut self, setup: &Setup, effort: Effort, seed: u64, progress: &(dyn Fn(f64) + Sync)) {
        let (runs_done, tests_done) = (AtomicU64::new(0), AtomicU64::new(0));
        let runs_max = count_to_float(u64::from(effort.runs)) * count_to_float(self.cells.len() as u64);
        let tell = |ticks: u64| {
            let tests = tests_done.fetch_add(ticks * setup.tests(), Ordering::Relaxed);
            let runs = runs_done.fetch_add(1, Ordering::Relaxed);
            let parts = [(runs, runs_max), (tests, count_to_float(effort.tests_max))];
            // Whichever bound is nearer.
            let part =
                parts.into_iter().map(|(done, all)| count_to_float(done) / all.max(1.0)).fold(0.0, f64::max);
            progress(part.min(1.0));
        };
        let mut spent = 0;
        while spent < effort.tests_max {
            let jobs = self.jobs(effort.runs);
            if jobs.is_empty() {
                break;
            }
            let runs: Vec<(usize, Run)> = (jobs.into_par_iter())
                .map(|job| {
                    let run = job.run(setup, seed);
                    tell(run.ticks);
                    (job.cell, run)
                })
                .collect();
            for (cell, run) in runs {
                spent += run.ticks * setup.tests();
                if let Some(cell) = self.cells.get_mut(cell) {
                    cell.outcomes.add(run);
                }
            }
        }
    }

    /// The next round.
    fn jobs(&self, runs_max: u32) -> Vec<Job> {
        let open = self.cells.iter().enumerate().filter(|(_, cell)| {
            let runs = cell.outcomes.runs;
            runs < runs_max && (runs == 0 || !cell.outcomes.is_clear(cell.place))
        });
        let jobs = open.flat_map(|(index, cell)| {
            let first = cell.outcomes.runs;
            let round = if cell.place == Place::Plan { ROUND } else { ROUND_OF_STEP };
            let last = first.saturating_add(round).min(runs_max);
            (first..last).map(move |run| Job { cell: index, harm: cell.harm, place: cell.place, run })
        });
        jobs.collect()
    }
}

/// One run to make.
struct Job {
    cell: usize,
    harm: Harm,
    place: Place,
    run: u32,
}

impl Job {
    fn run(&self, setup: &Setup, seed: u64) -> Run {
        let cell = u64::try_from(self.cell).unwrap_or(0);
        let mut rng = run::generator(seed, cell, u64::from(self.run));
        match self.place {
            Place::Plan => run::release(setup, self.harm, &mut rng),
            Place::Step(weight) => run::standing(setup, weight, self.harm, &mut rng),
        }
    }
}

/// Healthy releases through a plan, `runs` of them or as many as it takes until more than `misses_max` were not promoted.
#[must_use]
pub fn healthy(setup: &Setup, runs: u32, misses_max: u32, seed: u64, cell: u64) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let misses = |outcomes: &Outcomes| outcomes.runs - u32::try_from(outcomes.promoted_ms.len()).unwrap_or(0);
    while outcomes.runs < runs && misses(&outcomes) <= misses_max {
        let last = outcomes.runs.saturating_add(ROUND_OF_STEP).min(runs);
        let round: Vec<Run> = (outcomes.runs..last)
            .into_par_iter()
            .map(|run| run::release(setup, Harm::None, &mut run::generator(seed, cell, u64::from(run))))
            .collect();
        for run in round {
            outcomes.add(run);
        }
    }
    outcomes
}
