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
//! One table of likelihoods over (c, ρ) therefore serves all questions about one stream, and its confidence sequence
//! too. The points and the likelihood of one tick come from [`super::grid`].
//!
//! Likelihoods are kept as plain numbers relative to the likeliest cell, so that a tick is a multiplication per cell
//! and a question a sum of products. Now and then, before a number could leave the range of a double, they are
//! *folded*: taken into logarithms, from which they start anew at 1.

use std::ops::Range;
use std::sync::Arc;

use super::Interval;
pub use super::grid::ShareGrid;
use super::grid::{LN_FACTOR_MIN, Likelihood, Scratch};
use super::kernel::Tally;

/// Intra-tick correlations asked about, rising. Harm must be proved against all of them.
pub const RHO: [f64; 5] = [0.0, 0.001, 0.01, 0.05, 0.2];

/// How many of [`RHO`] a proof of harm is held against.
pub const RHO_HARM: usize = 5;

/// How many of [`RHO`] a proof that something is rare is held against, where live has shown no more: silence cannot
/// rule out rare large bursts, so with ρ up to 0.2 hundreds of clean ticks would prove nothing, however many requests
/// they held.
pub const RHO_HEALTHY: usize = 3;

/// A number below this is folded before another tick could make it vanish (a tick's factor is at least e^−350).
const FOLD_BELOW: f64 = 1e-120;

/// Evidence beyond e to this power, in either direction, is not told apart any more.
pub const LN_E_MAX: f64 = 700.0;

/// What is asked of a table: an alternative against a null, each a range of multiples, with the first `rhos` of the
/// grid's correlations on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Indices from [`ShareGrid::at_least`] and its like.
    pub alternative: Range<usize>,
    /// Likewise.
    pub null: Range<usize>,
    /// How many of the grid's correlations, from the smallest.
    pub rhos: usize,
}

/// The likelihood of one stream over a grid. A fixed number of floats; taking in a tick allocates nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareTable {
    grid: Arc<ShareGrid>,
    /// Per cell, relative to the likeliest one at the latest fold: `base * since`.
    likelihood: Vec<f64>,
    /// Log-likelihood at the latest fold, the largest being 0.
    ln_base: Vec<f64>,
    /// Its exponential.
    base: Vec<f64>,
    /// What the ticks since then made of it.
    since: Vec<f64>,
    /// What the latest tick multiplied each cell's likelihood with, the largest being 1.
    step: Vec<f64>,
    /// By how much, in logs, the latest tick lifted all cells beyond `step`, to keep the likeliest near 1.
    lift: f64,
    scratch: Scratch,
    /// Ticks with trials.
    ticks: u64,
}

impl ShareTable {
    /// A table that has seen nothing.
    #[must_use]
    pub fn new(grid: Arc<ShareGrid>) -> Self {
        let ones = vec![1.0; grid.cells()];
        Self {
            ln_base: vec![0.0; grid.cells()],
            likelihood: ones.clone(),
            base: ones.clone(),
            since: ones.clone(),
            step: ones,
            lift: 0.0,
            scratch: Scratch::new(&grid),
            ticks: 0,
            grid,
        }
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
        if tally.trials() == 0 {
            return;
        }
        self.ticks += 1;
        self.lift = 0.0;
        match self.grid.likelihood(tally, &mut self.scratch, &mut self.step) {
            Likelihood::Plain => self.multiply(),
            Likelihood::Logs => self.add_logs(),
        }
        for ((likelihood, base), since) in self.likelihood.iter_mut().zip(&self.base).zip(&self.since) {
            *likelihood = base * since;
        }
    }

    fn multiply(&mut self) {
        let scale = 1.0 / largest(&self.step);
        let mut least = f64::MAX;
        for (since, step) in self.since.iter_mut().zip(&mut self.step) {
            *step *= scale;
            *since *= *step;
            least = if *since < least { *since } else { least };
        }
        if least < FOLD_BELOW {
            self.fold();
        }
    }

    fn add_logs(&mut self) {
        let top = largest(&self.step);
        let least = self.step.iter().copied().fold(f64::MAX, f64::min);
        if least - top > LN_FACTOR_MIN {
            self.step.iter_mut().for_each(|step| *step = (*step - top).exp());
            self.multiply();
            return;
        }
        // Factors that a double cannot hold go straight into the logarithms.
        for (base, step) in self.ln_base.iter_mut().zip(&mut self.step) {
            *base += *step - top;
            *step = exp(*step - top);
        }
        self.fold();
    }

    fn fold(&mut self) {
        for (base, since) in self.ln_base.iter_mut().zip(&mut self.since) {
            *base += since.ln();
            *since = 1.0;
        }
        let top = largest(&self.ln_base);
        for (ln_base, base) in self.ln_base.iter_mut().zip(&mut self.base) {
            *ln_base -= top;
            *base = exp(*ln_base);
        }
        self.lift = -top;
    }

    /// ln E: the weighted mean over the alternative divided by the maximum over the null, held within ±[`LN_E_MAX`].
    ///
    /// An empty alternative or null, or an alternative without weight, has nothing to say: 0.
    #[must_use]
    pub fn log_e(&self, question: &Question) -> f64 {
        let prior = self.prior(&question.alternative, question.rhos);
        if prior <= 0.0 || question.null.is_empty() {
            return 0.0;
        }
        // One side may be so much less likely than the other that it vanished beside it.
        let mean = self.mean(&question.alternative, question.rhos, prior).max(f64::MIN_POSITIVE);
        let null = self.max(&question.null, question.rhos).max(f64::MIN_POSITIVE);
        (mean / null).ln().clamp(-LN_E_MAX, LN_E_MAX)
    }

    /// All multiples whose likelihood, maximised over ρ, exceeds `alpha` times the weighted mean over the grid: an
    /// interval that holds the true one at every moment with probability 1 − `alpha`.
    ///
    /// Between two points of the grid the end is placed by prolonging the slope outside of it. The profile is concave
    /// in ln c, so it lies below that line and the interval is never too short.
    #[must_use]
    pub fn confidence(&self, alpha: f64) -> Interval {
        let (all, rhos) = (0..self.grid.multiples().len(), self.grid.rhos().len());
        let prior = self.prior(&all, rhos);
        if prior <= 0.0 {
            return Interval { low: None, high: None };
        }
        let bar = self.ln_mean(&all, rhos, prior) + alpha.ln();
        let excess = |i: usize| self.ln_max(&(i..i + 1), rhos) - bar;
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
        let at = |i: usize| self.grid.multiples()[i].ln();
        let Some(outer) = outer else {
            return self.grid.multiples()[excluded];
        };
        let slope = (excess(excluded) - excess(outer)) / (at(excluded) - at(outer));
        let step = -excess(excluded) / slope;
        let whole = at(included) - at(excluded);
        // A profile that does not rise toward the inside is not concave here: then the excluded point itself.
        let part = step / whole;
        if part.is_finite() && part > 0.0 {
            (at(excluded) + whole * part.min(1.0)).exp()
        } else {
            self.grid.multiples()[excluded]
        }
    }

    /// What the latest tick multiplied each cell with, and by how much, in logs, all were lifted besides.
    pub(super) fn latest(&self) -> (&[f64], f64) {
        (&self.step, self.lift)
    }

    /// The whole weight of an alternative.
    pub(super) fn prior(&self, range: &Range<usize>, rhos: usize) -> f64 {
        self.grid.runs(range, rhos).flat_map(|run| &self.grid.weights()[run]).sum()
    }

    /// Weighted mean of the likelihoods of an alternative whose whole weight is `prior`, relative to the likeliest cell.
    pub(super) fn mean(&self, range: &Range<usize>, rhos: usize, prior: f64) -> f64 {
        let products = |run: Range<usize>| -> f64 {
            self.likelihood[run.clone()].iter().zip(&self.grid.weights()[run]).map(|(l, w)| l * w).sum()
        };
        self.grid.runs(range, rhos).map(products).sum::<f64>() / prior
    }

    /// The largest likelihood in a range of multiples and the first `rhos` correlations, likewise; 0 if it is empty.
    pub(super) fn max(&self, range: &Range<usize>, rhos: usize) -> f64 {
        self.grid.runs(range, rhos).map(|run| largest(&self.likelihood[run])).fold(0.0, f64::max)
    }

    fn ln_likelihood(&self, cell: usize) -> f64 {
        self.ln_base[cell] + self.since[cell].ln()
    }

    fn ln_max(&self, range: &Range<usize>, rhos: usize) -> f64 {
        let cells = self.grid.runs(range, rhos).flatten();
        cells.map(|cell| self.ln_likelihood(cell)).fold(f64::MIN, f64::max)
    }

    fn ln_mean(&self, range: &Range<usize>, rhos: usize, prior: f64) -> f64 {
        let weighted = || {
            let cells = self.grid.runs(range, rhos).flatten();
            cells.map(|cell| self.ln_likelihood(cell) + self.grid.weights()[cell].ln())
        };
        let top = weighted().fold(f64::MIN, f64::max);
        top + (weighted().map(|l| (l - top).exp()).sum::<f64>() / prior).ln()
    }
}

/// e^x for x ≤ 0, without the detour that a library takes to a number too small for a double.
fn exp(x: f64) -> f64 {
    if x < -LN_E_MAX { 0.0 } else { x.exp() }
}

/// The largest of a slice of numbers none of which is NaN; −∞ if it is empty.
fn largest(values: &[f64]) -> f64 {
    // Eight at a time: comparisons that do not wait for each other.
    let mut tops = [f64::NEG_INFINITY; 8];
    let mut chunks = values.chunks_exact(8);
    for chunk in &mut chunks {
        for (top, value) in tops.iter_mut().zip(chunk) {
            *top = if *value > *top { *value } else { *top };
        }
    }
    tops.iter().chain(chunks.remainder()).copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests;
