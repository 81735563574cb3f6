//! The points of a share table, and the likelihood of one tick at each of them.
//!
//! A point (a *cell*) is a multiple c of the null share's odds and an intra-tick correlation ρ.
//! Only the quotients of likelihoods matter to a table, so a tick is given either as plain factors, which a table
//! multiplies up without a single logarithm (few trials, the usual case), or as logarithms (many trials).
//! Cells lie by ρ, then by c, so that one ρ's cells are one run of memory.

use std::ops::Range;

use super::count_to_float;
use super::gamma::{ln_beta, ln_rising};
use super::kernel::{Tally, beta_parameters, log_kernel};
use super::lanes::{self, LANES, LIFT, Lanes};

/// Two multiples closer than this, relatively, are one point of the grid.
const SAME: f64 = 1e-9;

/// Up to so many trials a likelihood is a product of so many factors: faster than gamma functions, and exact.
const PRODUCT_TRIALS_MAX: u64 = 32;

/// Factors smaller than e to this power are left to logarithms: a product of doubles would lose them.
pub(super) const LN_FACTOR_MIN: f64 = -350.0;

/// The points (c, ρ) of a table, their weights, and what can be computed from them once.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareGrid {
    multiples: Vec<f64>,
    rhos: Vec<f64>,
    /// Per cell.
    weights: Vec<f64>,
    /// Per cell, where the null share never changes; otherwise empty.
    even: Vec<Shape>,
}

/// One tick's likelihood at every cell, written to the caller's slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likelihood {
    /// As it is.
    Plain,
    /// As its logarithm.
    Logs,
}

/// Room for the shares of one tick, by multiple.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scratch {
    share: Vec<f64>,
    rest: Vec<f64>,
}

impl Scratch {
    pub fn new(grid: &ShareGrid) -> Self {
        let zeros = vec![0.0; grid.multiples.len()];
        Self { share: zeros.clone(), rest: zeros }
    }
}

/// The parts of a likelihood that do not depend on the counts.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    /// ln B(a, b).
    ln_beta: f64,
    /// ln Γ(a+b)/Γ(b), for few successes of many trials.
    ln_rising_b: f64,
}

impl Shape {
    fn new(odds: f64, rho: f64) -> Self {
        if rho <= 0.0 {
            return Self { ln_beta: 0.0, ln_rising_b: 0.0 };
        }
        let (a, b) = beta_parameters(odds, (1.0 - rho) / rho);
        Self { ln_beta: ln_beta(a, b), ln_rising_b: ln_rising(b, a) }
    }
}

impl ShareGrid {
    /// Every combination of multiples of the odds and intra-tick correlations (each in [0, 1)), weighted by
    /// `weight(c, ρ)` where they are alternatives.
    ///
    /// Multiples are sorted; duplicates and what is not a positive finite number are left out.
    #[must_use]
    pub fn new(
        multiples: impl IntoIterator<Item = f64>,
        rhos: &[f64],
        weight: impl Fn(f64, f64) -> f64,
    ) -> Self {
        let mut multiples: Vec<f64> = multiples.into_iter().filter(|c| c.is_finite() && *c > 0.0).collect();
        multiples.sort_by(f64::total_cmp);
        multiples.dedup_by(|later, kept| *later <= *kept * (1.0 + SAME));
        let cells = || rhos.iter().flat_map(|rho| multiples.iter().map(move |c| (*c, *rho)));
        Self {
            weights: cells().map(|(c, rho)| weight(c, rho)).collect(),
            even: Vec::new(),
            rhos: rhos.to_vec(),
            multiples,
        }
    }

    /// The same points, for streams whose null share never changes: their tallies have the odds 1, so that c is the odds
    /// itself, and what does not depend on the counts is computed here once.
    #[must_use]
    pub fn at_even_odds(mut self) -> Self {
        let cells = self.rhos.iter().flat_map(|rho| self.multiples.iter().map(move |c| Shape::new(*c, *rho)));
        self.even = cells.collect();
        self
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

    /// The intra-tick correlations ρ.
    #[must_use]
    pub fn rhos(&self) -> &[f64] {
        &self.rhos
    }

    /// How many points there are.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.weights.len()
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

    /// Where the cells of a range of multiples lie, one run for each of the first `rhos` correlations.
    pub(super) fn runs(
        &self,
        range: &Range<usize>,
        rhos: usize,
    ) -> impl Iterator<Item = Range<usize>> + use<> {
        let (width, start, end) = (self.multiples.len(), range.start, range.end);
        (0..rhos.min(self.rhos.len())).map(move |j| j * width + start..j * width + end)
    }

    /// Weights of the alternatives, by cell.
    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The tick's likelihood at every cell, into `out` (one entry per cell). The cell at c holds the odds
    /// `tally.odds() * c`. Allocates nothing.
    pub(super) fn likelihood(&self, tally: Tally, scratch: &mut Scratch, out: &mut [f64]) -> Likelihood {
        let shares = scratch.share.iter_mut().zip(&mut scratch.rest);
        for (c, (share, rest)) in self.multiples.iter().zip(shares) {
            let odds = tally.odds() * c;
            // Neither is a difference, so that neither loses digits near 0 or 1.
            *rest = 1.0 / (1.0 + odds);
            *share = odds * *rest;
        }
        if tally.trials() <= PRODUCT_TRIALS_MAX && least_ln(tally, scratch) > LN_FACTOR_MIN {
            for (j, rho) in self.rhos.iter().enumerate() {
                let run = j * self.multiples.len()..(j + 1) * self.multiples.len();
                products(tally, rho / (1.0 - rho), scratch, &mut out[run]);
            }
            return Likelihood::Plain;
        }
        self.logs(tally, scratch, out);
        Likelihood::Logs
    }

    fn logs(&self, tally: Tally, scratch: &Scratch, out: &mut [f64]) {
        // Exactly 1 is how streams with a fixed null share are added; no arithmetic stands behind it.
        #[expect(clippy::float_cmp, reason = "a marker, not a result")]
        let even = tally.odds() == 1.0;
        let width = self.multiples.len().max(1);
        for (j, (out, rho)) in out.chunks_mut(width).zip(&self.rhos).enumerate() {
            if *rho <= 0.0 {
                binomial_logs(tally, scratch, out);
            } else if tally.trials() > LANES_TRIALS_MAX || *rho < LANES_RHO_MIN {
                self.logs_one_by_one(tally, *rho, out);
            } else {
                let shapes = self.even.get(j * width..(j + 1) * width).filter(|_| even);
                Tick::new(tally, *rho).logs(scratch, shapes, out);
            }
        }
    }

    /// Slower, and exact for counts of any size.
    fn logs_one_by_one(&self, tally: Tally, rho: f64, out: &mut [f64]) {
        for (out, c) in out.iter_mut().zip(&self.multiples) {
            *out = log_kernel(tally.successes(), tally.trials(), tally.odds() * c, rho);
        }
    }
}

/// The smallest logarithm that a product could have: every factor is at least the smallest share or its rest.
fn least_ln(tally: Tally, scratch: &Scratch) -> f64 {
    let (k, failures) =
        (count_to_float(tally.successes()), count_to_float(tally.trials() - tally.successes()));
    let least = |values: &[f64], count: f64, value: Option<&f64>| match value {
        Some(value) if count > 0.0 && !values.is_empty() => count * value.ln(),
        _ => 0.0,
    };
    // Multiples rise, so the first share is the smallest, and so is the last rest.
    least(&scratch.share, k, scratch.share.first()) + least(&scratch.rest, failures, scratch.rest.last())
}

/// Beta-binomial likelihoods of one ρ as products: with d = ρ/(1−ρ),
/// Π (θ + i·d) over the successes, Π (1−θ + i·d) over the rest, by Π (1 + i·d) over all. At ρ = 0 the binomial.
fn products(tally: Tally, d: f64, scratch: &Scratch, out: &mut [f64]) {
    let (k, failures) = (tally.successes(), tally.trials() - tally.successes());
    let all: f64 = (0..tally.trials()).map(|i| 1.0 + d * count_to_float(i)).product();
    let shares = scratch.share.chunks(LANES).zip(scratch.rest.chunks(LANES));
    for (out, (share, rest)) in out.chunks_mut(LANES).zip(shares) {
        let product =
            times_rising(times_rising([1.0 / all; LANES], padded(share), k, d), padded(rest), failures, d);
        out.copy_from_slice(&product[..share.len()]);
    }
}

/// `product` times x(x+d)(x+2d)…, `count` factors.
#[inline]
fn times_rising(mut product: Lanes, mut x: Lanes, count: u64, d: f64) -> Lanes {
    for _ in 0..count {
        for (product, x) in product.iter_mut().zip(&mut x) {
            *product *= *x;
            *x += d;
        }
    }
    product
}

/// A slice of at most [`LANES`] numbers, filled up with the middle of what a share can be.
#[inline]
fn padded(values: &[f64]) -> Lanes {
    let mut lanes = [0.5; LANES];
    lanes[..values.len()].copy_from_slice(values);
    lanes
}

/// k ln θ + (n−k) ln(1−θ) at every share of a tick.
fn binomial_logs(tally: Tally, scratch: &Scratch, out: &mut [f64]) {
    let (k, failures) =
        (count_to_float(tally.successes()), count_to_float(tally.trials() - tally.successes()));
    let shares = scratch.share.chunks(LANES).zip(scratch.rest.chunks(LANES));
    for (out, (share, rest)) in out.chunks_mut(LANES).zip(shares) {
        // The smaller of the two is exact, and so is ln(1−x) = ln_1p(−x) of it.
        for ((out, share), rest) in out.iter_mut().zip(share).zip(rest) {
            let hit = if *rest < *share { (-rest).ln_1p() } else { share.ln() };
            let miss = if *rest < *share { rest.ln() } else { (-share).ln_1p() };
            *out = k * hit + failures * miss;
        }
    }
}

/// Up to so many of one kind a rising factorial is a product.
const FEW: u64 = 16;

/// Up to so many trials the sums below hold to 10^−7; the error is some 10^−16 of the trials.
const LANES_TRIALS_MAX: u64 = 1_000_000_000;

/// Below this ρ the beta distribution's parameters are so large that products of them would not fit.
const LANES_RHO_MIN: f64 = 1e-6;

/// One tick's log-likelihood at one ρ > 0: lnB(k+a, n−k+b) − lnB(a, b) with a = sθ, b = s(1−θ), s = (1−ρ)/ρ.
struct Tick {
    successes: u64,
    k: f64,
    failures: f64,
    s: f64,
    /// Γ(s+20)/Γ(s), as a logarithm.
    ln_lift: f64,
}

impl Tick {
    fn new(tally: Tally, rho: f64) -> Self {
        let s = (1.0 - rho) / rho;
        Self {
            successes: tally.successes(),
            k: count_to_float(tally.successes()),
            failures: count_to_float(tally.trials() - tally.successes()),
            ln_lift: ln_rising(s, 2.0 * LIFT),
            s,
        }
    }

    fn logs(&self, scratch: &Scratch, shapes: Option<&[Shape]>, out: &mut [f64]) {
        let few = self.successes <= FEW && self.failures >= LIFT;
        let starts = (0..out.len()).step_by(LANES);
        for (start, out) in starts.zip(out.chunks_mut(LANES)) {
            let end = start + out.len();
            let a = lanes::each(padded(&scratch.share[start..end]), |share| self.s * share);
            let b = lanes::each(padded(&scratch.rest[start..end]), |rest| self.s * rest);
            let shapes = shapes.map(|shapes| &shapes[start..end]);
            let logs = if few { self.few(a, b, shapes) } else { self.many(a, b, shapes) };
            out.copy_from_slice(&logs[..end - start]);
        }
    }

    /// Any counts.
    #[inline]
    fn many(&self, a: Lanes, b: Lanes, shapes: Option<&[Shape]>) -> Lanes {
        let (p, q) = (lanes::each(a, |a| a + self.k), lanes::each(b, |b| b + self.failures));
        let sum = self.s + self.k + self.failures;
        let mut logs = if self.k.min(self.failures) >= LIFT {
            lanes::ln_beta(p, q, sum)
        } else {
            // Lifted by 10 each: B(p, q) = B(p+10, q+10) · (p+q)_20 / ((p)_10 (q)_10).
            let (higher_p, higher_q) = (lanes::each(p, |p| p + LIFT), lanes::each(q, |q| q + LIFT));
            let mut logs = lanes::ln_beta(higher_p, higher_q, sum + 2.0 * LIFT);
            let lifted = lanes::ln(times(lanes::lift(p), lanes::lift(q)));
            let constant = ln_rising(sum, 2.0 * LIFT);
            for i in 0..LANES {
                logs[i] += constant - lifted[i];
            }
            logs
        };
        let before =
            shapes.map_or_else(|| self.ln_beta_before(a, b), |shapes| of_shapes(shapes, |s| s.ln_beta));
        for i in 0..LANES {
            logs[i] -= before[i];
        }
        logs
    }

    #[inline]
    fn ln_beta_before(&self, a: Lanes, b: Lanes) -> Lanes {
        let mut logs =
            lanes::ln_beta(lanes::each(a, |a| a + LIFT), lanes::each(b, |b| b + LIFT), self.s + 2.0 * LIFT);
        let lifted = lanes::ln(times(lanes::lift(a), lanes::lift(b)));
        for i in 0..LANES {
            logs[i] += self.ln_lift - lifted[i];
        }
        logs
    }

    /// Few successes: (a)_k is a product, and Γ(b+f)/Γ(s+n) is what lies between b+f and s+n = b+f + a+k.
    #[inline]
    fn few(&self, a: Lanes, b: Lanes, shapes: Option<&[Shape]>) -> Lanes {
        let sum = self.s + self.k + self.failures;
        let q = lanes::each(b, |b| b + self.failures);
        let inverse = 1.0 / sum;
        let ln_q = lanes::ln(lanes::each(q, |q| q * inverse));
        let correction = lanes::stirling_correction(q);
        let correction_of_sum = lanes::stirling_correction([sum; LANES])[0];
        let product = lanes::ln(times_rising([1.0; LANES], a, self.successes, 1.0));
        let before = shapes.map_or_else(
            || self.ln_rising_before(a, b),
            |shapes| of_shapes(shapes, |shape| shape.ln_rising_b),
        );
        let ln_sum = sum.ln() - 1.0;
        let mut logs = product;
        for i in 0..LANES {
            logs[i] += (q[i] - 0.5) * ln_q[i] - (a[i] + self.k) * ln_sum + correction[i] - correction_of_sum
                + before[i];
        }
        logs
    }

    /// ln Γ(s)/Γ(b), lifted by 20 and by 10: (s+20) lies a+10 above b+10.
    #[inline]
    fn ln_rising_before(&self, a: Lanes, b: Lanes) -> Lanes {
        let sum = self.s + 2.0 * LIFT;
        let q = lanes::each(b, |b| b + LIFT);
        let inverse = 1.0 / sum;
        let ln_q = lanes::ln(lanes::each(q, |q| q * inverse));
        let correction = lanes::stirling_correction(q);
        let correction_of_sum = lanes::stirling_correction([sum; LANES])[0];
        let mut logs = lanes::ln(lanes::lift(b));
        let ln_sum = sum.ln() - 1.0;
        for i in 0..LANES {
            logs[i] += (a[i] + LIFT) * ln_sum + correction_of_sum
                - (q[i] - 0.5) * ln_q[i]
                - correction[i]
                - self.ln_lift;
        }
        logs
    }
}

#[inline]
fn times(x: Lanes, y: Lanes) -> Lanes {
    let mut product = x;
    for (product, y) in product.iter_mut().zip(y) {
        *product *= y;
    }
    product
}

#[inline]
fn of_shapes(shapes: &[Shape], part: impl Fn(&Shape) -> f64) -> Lanes {
    let mut lanes = [0.0; LANES];
    for (lane, shape) in lanes.iter_mut().zip(shapes) {
        *lane = part(shape);
    }
    lanes
}

#[cfg(test)]
mod tests;
