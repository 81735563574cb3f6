//! The share test: is the share of successes larger, or smaller, than a known null share?
//!
//! Nearly everything that can be counted is an instance of it: a rate ratio (bad events of both colours, of which the
//! candidate's are the successes), a ceiling, a floor, a share of slow requests.
//! Neither the size of the effect c (a multiple of the null share's odds) nor the burstiness ρ has to be known:
//! the e-value is the likelihood averaged over alternatives, divided by the likelihood maximised over the null
//! (universal inference: Wasserman, Ramdas, Balakrishnan 2020).
//! The numerator is one probability distribution for the data and the denominator is at least the likelihood of the
//! true null member, so the quotient is an e-value, for every null and every alternative.
//!
//! One table of cumulative log-likelihoods over (c, ρ) therefore serves all questions about one stream, and its
//! confidence sequence too. The likelihood of one tick comes from [`super::kernel`].

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Interval;
use super::gamma::ln_beta;
use super::kernel::{Tally, beta_parameters, log_binomial, log_kernel_with};

/// Intra-tick correlations asked about, rising. Harm must be proved against all of them.
pub const RHO: [f64; 5] = [0.0, 0.001, 0.01, 0.05, 0.2];

/// How many of [`RHO`] a proof of harm is held against.
pub const RHO_HARM: usize = 5;

/// How many of [`RHO`] a proof of health is held against: silence cannot rule out rare large bursts, so with ρ up to
/// 0.2 a dozen clean ticks would prove nothing, however many requests they held.
pub const RHO_HEALTHY: usize = 3;

/// Two multiples closer than this, relatively, are one point of the grid.
const SAME: f64 = 1e-9;

/// Terms this far below the largest, in logs, no longer change a sum of a few hundred.
const NEGLIGIBLE: f64 = -45.0;

/// How the alternatives are weighted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Weighting {
    /// All points alike.
    Flat,
    /// A normal in ln c about 0 with this standard deviation: moderate effects are likelier than sixty-fold ones.
    LogNormal(f64),
}

/// The points (c, ρ) of a table, and what can be computed from them once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareGrid {
    multiples: Vec<f64>,
    rhos: Vec<f64>,
    weights: Vec<f64>,
    ln_weights: Vec<f64>,
    /// Beta parameters at odds 1 and their ln B, per cell with ρ > 0: what a stream with a fixed null share needs.
    at_even_odds: Vec<(f64, f64, f64)>,
}

impl ShareGrid {
    /// A grid over multiples of the odds and intra-tick correlations (each in [0, 1)).
    ///
    /// Multiples are sorted; duplicates and what is not a positive finite number are left out.
    #[must_use]
    pub fn new(multiples: impl IntoIterator<Item = f64>, rhos: &[f64], weighting: Weighting) -> Self {
        let mut multiples: Vec<f64> = multiples.into_iter().filter(|c| c.is_finite() && *c > 0.0).collect();
        multiples.sort_by(f64::total_cmp);
        multiples.dedup_by(|later, kept| *later <= *kept * (1.0 + SAME));
        let ln_weights: Vec<f64> = multiples
            .iter()
            .map(|c| match weighting {
                Weighting::Flat => 0.0,
                Weighting::LogNormal(sd) => -0.5 * (c.ln() / sd).powi(2),
            })
            .collect();
        Self {
            weights: ln_weights.iter().map(|w| w.exp()).collect(),
            at_even_odds: multiples
                .iter()
                .flat_map(|c| rhos.iter().map(move |rho| cell_parameters(*c, *rho)))
                .collect(),
            rhos: rhos.to_vec(),
            ln_weights,
            multiples,
        }
    }

    /// `count` points spread evenly in ln c from `low` to `high`, both included.
    pub fn spread(low: f64, high: f64, count: u32) -> impl Iterator<Item = f64> {
        let (from, to) = (low.ln(), high.ln());
        let steps = f64::from(count.max(2) - 1);
        (0..count).map(move |i| (from + (to - from) * f64::from(i) / steps).exp())
    }

    /// The multiples c, rising.
    #[must_use]
    pub fn multiples(&self) -> &[f64] {
        &self.multiples
    }

    /// The points at or above `c`.
    #[must_use]
    pub fn at_least(&self, c: f64) -> Range<usize> {
        self.first(|x| x >= c / (1.0 + SAME))..self.multiples.len()
    }

    /// The points above `c`.
    #[must_use]
    pub fn above(&self, c: f64) -> Range<usize> {
        self.first(|x| x > c * (1.0 + SAME))..self.multiples.len()
    }

    /// The points at or below `c`.
    #[must_use]
    pub fn at_most(&self, c: f64) -> Range<usize> {
        0..self.above(c).start
    }

    /// The points below `c`.
    #[must_use]
    pub fn below(&self, c: f64) -> Range<usize> {
        0..self.at_least(c).start
    }

    fn first(&self, reached: impl Fn(f64) -> bool) -> usize {
        self.multiples.partition_point(|x| !reached(*x))
    }
}

/// (a, b, ln B(a, b)) at odds c; unused and zero at ρ = 0, where there is no beta distribution.
fn cell_parameters(c: f64, rho: f64) -> (f64, f64, f64) {
    if rho <= 0.0 {
        return (0.0, 0.0, 0.0);
    }
    let (a, b) = beta_parameters(c, (1.0 - rho) / rho);
    (a, b, ln_beta(a, b))
}

/// What is asked of a table: an alternative against a null, each a range of multiples, with the first `rhos` of the
/// grid's correlations on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Indices from [`ShareGrid::at_least`] and its like.
    pub alternative: Range<usize>,
    /// Likewise.
    pub null: Range<usize>,
    /// How many of the grid's correlations, from the smallest.
    pub rhos: usize,
}

/// The cumulative log-likelihood of one stream over a grid. A fixed number of floats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareTable {
    grid: Arc<ShareGrid>,
    /// By multiple, then by ρ.
    cells: Vec<f64>,
    /// What the latest tick added to each cell.
    latest: Vec<f64>,
    /// Ticks with trials.
    ticks: u64,
}

/// One multiple's cells, by ρ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub cells: &'a [f64],
    pub latest: &'a [f64],
}

impl<'a> Row<'a> {
    /// The cells as they were before the latest tick.
    pub fn before(self) -> impl Iterator<Item = f64> + use<'a> {
        self.cells.iter().zip(self.latest).map(|(now, step)| now - step)
    }
}

impl ShareTable {
    /// A table that has seen nothing.
    #[must_use]
    pub fn new(grid: Arc<ShareGrid>) -> Self {
        let cells = vec![0.0; grid.multiples.len() * grid.rhos.len()];
        Self { latest: cells.clone(), ticks: 0, grid, cells }
    }

    /// The points of the table.
    #[must_use]
    pub fn grid(&self) -> &ShareGrid {
        &self.grid
    }

    /// How many ticks with trials there were.
    #[must_use]
    pub const fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Takes in one tick. The cell at c holds the odds `tally.odds() * c`. No trials change nothing.
    pub fn add(&mut self, tally: Tally) {
        let (k, n) = (tally.successes(), tally.trials());
        if n == 0 {
            return;
        }
        let width = self.grid.rhos.len();
        // Exactly 1 is how streams with a fixed null share are added; no arithmetic stands behind it.
        #[expect(clippy::float_cmp, reason = "a marker, not a result")]
        let even = tally.odds() == 1.0;
        let rows = self.latest.chunks_exact_mut(width.max(1)).zip(&self.grid.multiples);
        for (i, (row, c)) in rows.enumerate() {
            let odds = tally.odds() * c;
            for (j, (latest, rho)) in row.iter_mut().zip(&self.grid.rhos).enumerate() {
                *latest = if *rho <= 0.0 {
                    log_binomial(k, n, odds)
                } else if even {
                    let (a, b, ln_beta_ab) = self.grid.at_even_odds[i * width + j];
                    log_kernel_with(k, n, (a, b), ln_beta_ab)
                } else {
                    super::kernel::log_kernel(k, n, odds, *rho)
                };
            }
        }
        self.ticks += 1;
        for (cell, latest) in self.cells.iter_mut().zip(&self.latest) {
            *cell += latest;
        }
    }

    /// ln E: the weighted mean over the alternative divided by the maximum over the null.
    ///
    /// An empty alternative or null has nothing to say: 0. Always finite.
    #[must_use]
    pub fn log_e(&self, question: &Question) -> f64 {
        let null = self.log_max(question.null.clone(), question.rhos);
        let mean = self.log_mean(question.alternative.clone(), question.rhos);
        match (mean, null) {
            (Some(mean), Some(null)) => mean - null,
            _ => 0.0,
        }
    }

    /// All multiples whose likelihood, maximised over ρ, exceeds `alpha` times the weighted mean over the grid: an
    /// interval that holds the true one at every moment with probability 1 − `alpha`.
    ///
    /// Between two points of the grid the end is placed by prolonging the slope outside of it. The profile is concave
    /// in ln c, so it lies below that line and the interval is never too short.
    #[must_use]
    pub fn confidence(&self, alpha: f64) -> Interval {
        let all = 0..self.grid.multiples.len();
        let Some(mean) = self.log_mean(all.clone(), self.grid.rhos.len()) else {
            return Interval { low: None, high: None };
        };
        let bar = mean + alpha.ln();
        let excess = |i: usize| self.profile(i) - bar;
        let inside = |i: &usize| excess(*i) > 0.0;
        let low = all.clone().find(inside).filter(|i| *i > 0);
        let high = all.clone().rev().find(inside).filter(|i| i + 1 < all.end);
        Interval {
            low: low.map(|i| self.crossing(&excess, i - 1, i.checked_sub(2), i)),
            high: high.map(|i| self.crossing(&excess, i + 1, Some(i + 2).filter(|o| *o < all.end), i)),
        }
    }

    /// Where the profile rises through 0 between grid points `excluded` and `included`, seen from `outer` beyond.
    fn crossing(
        &self,
        excess: &impl Fn(usize) -> f64,
        excluded: usize,
        outer: Option<usize>,
        included: usize,
    ) -> f64 {
        let at = |i: usize| self.grid.multiples[i].ln();
        let Some(outer) = outer else {
            return self.grid.multiples[excluded];
        };
        let slope = (excess(excluded) - excess(outer)) / (at(excluded) - at(outer));
        let step = -excess(excluded) / slope;
        let whole = at(included) - at(excluded);
        // A profile that does not rise toward the inside is not concave here: then the excluded point itself.
        let part = step / whole;
        if part.is_finite() && part > 0.0 {
            (at(excluded) + whole * part.min(1.0)).exp()
        } else {
            self.grid.multiples[excluded]
        }
    }

    /// The log-likelihood at one multiple, maximised over every ρ.
    fn profile(&self, i: usize) -> f64 {
        self.log_max(i..i + 1, self.grid.rhos.len()).unwrap_or(f64::MIN)
    }

    /// Maximum over a range of multiples and the first `rhos` correlations; absent where the range is empty.
    fn log_max(&self, range: Range<usize>, rhos: usize) -> Option<f64> {
        self.rows(range).flat_map(|row| row.cells.iter().take(rhos)).copied().reduce(f64::max)
    }

    /// Log of the weighted mean of the likelihoods; absent where the range is empty or has no weight.
    pub(super) fn log_mean(&self, range: Range<usize>, rhos: usize) -> Option<f64> {
        let ln_weights = self.grid.ln_weights.get(range.clone())?;
        let weighted = || {
            self.rows(range.clone())
                .zip(ln_weights)
                .flat_map(|(row, w)| row.cells.iter().take(rhos).map(move |l| l + w))
        };
        let top = weighted().reduce(f64::max)?;
        let sum: f64 = weighted().map(|l| l - top).filter(|l| *l > NEGLIGIBLE).map(f64::exp).sum();
        let used = rhos.min(self.grid.rhos.len());
        let weight = self.grid.weights[range].iter().sum::<f64>() * super::count_to_float(used as u64);
        (weight > 0.0).then(|| top + (sum / weight).ln())
    }

    /// ln of each alternative cell's share of the prior, by multiple, then by ρ.
    pub(super) fn ln_prior(&self, range: &Range<usize>, rhos: usize) -> Vec<f64> {
        let used = rhos.min(self.grid.rhos.len());
        let weights = self.grid.weights.get(range.clone()).unwrap_or_default();
        let all = weights.iter().sum::<f64>() * super::count_to_float(used as u64);
        weights.iter().flat_map(|w| std::iter::repeat_n((w / all).ln(), used)).collect()
    }

    pub(super) fn rows(&self, range: Range<usize>) -> impl Iterator<Item = Row<'_>> {
        let width = self.grid.rhos.len().max(1);
        self.cells
            .chunks_exact(width)
            .zip(self.latest.chunks_exact(width))
            .skip(range.start)
            .take(range.len())
            .map(|(cells, latest)| Row { cells, latest })
    }
}

#[cfg(test)]
mod tests;
