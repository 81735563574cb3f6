//! The share test: of `n` trials `k` were successes; is the share larger, or smaller, than a known null share?
//!
//! By universal inference (Wasserman, Ramdas, Balakrishnan 2020), so that neither the size of the effect nor the
//! burstiness has to be known: the mean likelihood over the alternatives, divided by the largest over the null. The
//! numerator is one probability distribution for the data and the denominator is at least the likelihood of the true
//! null member, so the quotient is an e-value. One table of cumulative log-likelihoods over multiples `c` of the null's
//! odds and correlations ρ answers for every null and every alternative, and gives the confidence sequence.

use std::ops::Range;
use std::sync::Arc;

use super::kernel::log_kernel;
use super::log_weighted_mean;
use crate::sample::BadSample;

/// Intra-tick correlations. Proof of harm uses all of them; proof of no harm the first [`RHO_HEALTHY`], because
/// silence cannot rule out rare large bursts.
pub const RHO: [f64; 5] = [0.0, 0.001, 0.01, 0.05, 0.2];

/// How many of [`RHO`] proof of no harm uses.
pub const RHO_HEALTHY: usize = 3;

/// Regular points of a grid, beside the margins.
const POINTS: u32 = 44;

/// One tick's counts against a known null share, as odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    k: f64,
    n: f64,
    odds: f64,
}

impl Share {
    /// `k` successes of `n` trials, where the null's share has these odds.
    ///
    /// # Errors
    /// When `k` exceeds `n`, or `odds` is not a finite number above 0.
    #[expect(clippy::cast_precision_loss, reason = "counts of one tick fit a double exactly")]
    pub fn new(k: u64, n: u64, odds: f64) -> Result<Self, BadSample> {
        if k > n {
            return Err(BadSample(format!("{k} successes of only {n} trials")));
        }
        if !(odds.is_finite() && odds > 0.0) {
            return Err(BadSample(format!("null odds of {odds}: the null share must lie between 0 and 1")));
        }
        Ok(Self { k: k as f64, n: n as f64, odds })
    }
}

/// Multiples of the null's odds with their weights, and the correlations.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    multiples: Vec<f64>,
    log_weights: Vec<f64>,
    rho: Vec<f64>,
}

impl Grid {
    /// Any points with equal weights. Sorted and without repetition; all must be finite and above 0.
    #[must_use]
    pub fn new(mut multiples: Vec<f64>, rho: &[f64]) -> Self {
        multiples.sort_by(f64::total_cmp);
        multiples.dedup_by(|a, b| same(*a, *b));
        Self { log_weights: vec![0.0; multiples.len()], multiples, rho: rho.to_vec() }
    }

    /// For a rate ratio: 1/40 to 60, with 1 and `tolerance` among the points.
    ///
    /// Weights are normal in ln c with standard deviation 2: effects near 1 are likelier than sixty-fold ones, and
    /// this decides faster than equal weights.
    #[must_use]
    pub fn ratio(tolerance: f64) -> Self {
        let mut multiples = spaced(1.0 / 40.0, 60.0);
        multiples.extend([1.0, tolerance]);
        let mut grid = Self::new(multiples, &RHO);
        grid.log_weights = grid.multiples.iter().map(|c| -0.5 * (c.ln() / 2.0).powi(2)).collect();
        grid
    }

    /// For a rate by itself: the odds of 10⁻⁶ to 0.6, with those of `margins` (floor, limit) among the points.
    #[must_use]
    pub fn rate(margins: impl IntoIterator<Item = f64>) -> Self {
        let mut rates = spaced(1e-6, 0.6);
        rates.extend(margins);
        Self::new(rates.into_iter().map(|p| p / (1.0 - p)).collect(), &RHO)
    }

    /// The index of a point that was put in.
    fn index(&self, multiple: f64) -> usize {
        let at = self.multiples.partition_point(|c| *c < multiple);
        // The point may lie a rounding error to either side.
        if at > 0 && self.multiples.get(at - 1).is_some_and(|c| same(*c, multiple)) { at - 1 } else { at }
    }
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

fn spaced(low: f64, high: f64) -> Vec<f64> {
    let step = (high / low).ln() / f64::from(POINTS - 1);
    (0..POINTS).map(|i| low * (step * f64::from(i)).exp()).collect()
}

/// Which points are alternatives and which are the null, and how many correlations are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    alternatives: Range<usize>,
    null: Range<usize>,
    rho: usize,
}

/// The cumulative log-likelihood of everything seen, over a grid. A fixed number of floats; samples are not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareTable {
    grid: Arc<Grid>,
    /// Row by row: all correlations of the first multiple, then of the second.
    cells: Vec<f64>,
}

impl ShareTable {
    /// Nothing seen.
    #[must_use]
    pub fn new(grid: Grid) -> Self {
        Self { cells: vec![0.0; grid.multiples.len() * grid.rho.len()], grid: Arc::new(grid) }
    }

    /// Adds a tick. No trials change nothing.
    pub fn add(&mut self, share: Share) {
        if share.n <= 0.0 {
            return;
        }
        let grid = &self.grid;
        for (row, multiple) in self.cells.chunks_exact_mut(grid.rho.len()).zip(&grid.multiples) {
            let odds = share.odds * multiple;
            for (cell, rho) in row.iter_mut().zip(&grid.rho) {
                *cell += log_kernel(share.k, share.n, odds, *rho);
            }
        }
    }

    /// "At least `alternative` times the null's odds, rather than at most `null` times": proof of more.
    #[must_use]
    pub fn more(&self, alternative: f64, null: f64) -> Question {
        let null = 0..self.grid.index(null) + 1;
        let first = self.grid.index(alternative).max(null.end);
        Question { alternatives: first..self.grid.multiples.len(), null, rho: self.grid.rho.len() }
    }

    /// "Less than `null` times the null's odds, rather than that or more": proof of less, with the short ρ grid.
    #[must_use]
    pub fn less(&self, null: f64) -> Question {
        let null = self.grid.index(null);
        Question {
            alternatives: 0..null,
            null: null..self.grid.multiples.len(),
            rho: RHO_HEALTHY.min(self.grid.rho.len()),
        }
    }

    /// Any two ranges of points and any number of correlations, for checking against reference values.
    #[must_use]
    pub const fn question(alternatives: Range<usize>, null: Range<usize>, rho: usize) -> Question {
        Question { alternatives, null, rho }
    }

    /// The log e-value: weighted mean over the alternatives over the maximum of the null.
    #[must_use]
    pub fn log_e(&self, question: &Question) -> f64 {
        let null = self.points(question.null.clone(), question.rho).map(|(x, _)| x);
        let null = null.fold(f64::NEG_INFINITY, f64::max);
        let mean = log_weighted_mean(self.points(question.alternatives.clone(), question.rho));
        if null == f64::NEG_INFINITY || mean == f64::NEG_INFINITY { 0.0 } else { mean - null }
    }

    /// The multiples that the data do not rule out, at every moment with probability at least 1 − `alpha`: all whose
    /// likelihood, maximised over ρ, exceeds `alpha` times the weighted mean over the grid. Between grid points the
    /// outer one is given, so that the interval is never too short. `None` when all of the grid is still possible.
    #[must_use]
    pub fn interval(&self, alpha: f64) -> Option<(f64, f64)> {
        let rho = self.grid.rho.len();
        let bar = alpha.ln() + log_weighted_mean(self.points(0..self.grid.multiples.len(), rho));
        let best = |row: &[f64]| row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let inside = |row: &[f64]| best(row) > bar;
        let first = self.cells.chunks_exact(rho).position(inside)?;
        let last = self.cells.chunks_exact(rho).rposition(inside)?;
        let end = self.grid.multiples.len() - 1;
        if first == 0 && last == end {
            return None;
        }
        Some((self.grid.multiples[first.saturating_sub(1)], self.grid.multiples[(last + 1).min(end)]))
    }

    fn points(&self, range: Range<usize>, rho: usize) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
        let stride = self.grid.rho.len();
        range.flat_map(move |i| {
            let weight = self.grid.log_weights[i];
            self.cells[i * stride..i * stride + rho].iter().map(move |cell| (*cell, weight))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(ticks: &[(u64, u64, f64)]) -> ShareTable {
        let mut table = ShareTable::new(Grid::ratio(1.5));
        for &(k, n, odds) in ticks {
            table.add(Share::new(k, n, odds).unwrap());
        }
        table
    }

    #[test]
    fn impossible_shares_cannot_be_made() {
        for (k, n, odds) in [(2, 1, 1.0), (0, 1, 0.0), (0, 1, -1.0), (0, 1, f64::NAN), (0, 1, f64::INFINITY)]
        {
            assert!(Share::new(k, n, odds).is_err(), "{k} of {n} at {odds}");
        }
    }

    #[test]
    fn margins_are_points_of_the_grid() {
        let grid = Grid::ratio(1.5);
        assert!(same(grid.multiples[grid.index(1.0)], 1.0));
        assert!(same(grid.multiples[grid.index(1.5)], 1.5));
        let grid = Grid::rate([0.01, 0.2]);
        assert!(same(grid.multiples[grid.index(0.25)], 0.25));
    }

    #[test]
    fn without_trials_nothing_is_known() {
        let table = table(&[(0, 0, 1.0), (0, 0, 0.1)]);
        assert!(table.log_e(&table.more(1.5, 1.0)).abs() < 1e-12);
        assert!(table.log_e(&table.less(1.5)).abs() < 1e-12);
        assert_eq!(table.interval(0.01), None);
    }

    #[test]
    fn evidence_points_where_the_data_point() {
        let harmful = table(&[(30, 33, 1.0); 5]);
        assert!(harmful.log_e(&harmful.more(1.5, 1.0)) > 5.0);
        assert!(harmful.log_e(&harmful.less(1.5)) < 0.0);
        let (low, high) = harmful.interval(0.01).unwrap();
        assert!(low > 1.0 && low < 10.0 && high >= 10.0, "{low} to {high}");
        let healthy = table(&[(10, 20, 1.0); 30]);
        assert!(healthy.log_e(&healthy.less(1.5)) > 3.0);
        let (low, high) = healthy.interval(0.01).unwrap();
        assert!(low < 1.0 && high > 1.0 && high < 2.0, "{low} to {high}");
    }

    proptest! {
        /// Two ticks of one table or one after the other: the same, and always finite.
        #[test]
        fn stays_finite(ticks in prop::collection::vec((0_u64..1_000_000, 0_u64..1_000_000, 1e-4_f64..1e4), 0..20)) {
            let ticks: Vec<_> = ticks.into_iter().map(|(a, b, odds)| (a.min(b), a.max(b), odds)).collect();
            let table = table(&ticks);
            prop_assert!(table.log_e(&table.more(1.5, 1.0)).is_finite());
            prop_assert!(table.log_e(&table.less(1.5)).is_finite());
        }
    }
}
