//! The sequential tests: e-values that may be looked at after every tick, and confidence sequences.
//!
//! [`share`] judges events that can be counted ([`late`] adds harm that begins late, [`outage`] harm that one tick
//! shows), [`shift`] values that cannot.
//! Both keep a fixed number of floats and never store samples.
//! An e-value starts at 1 and has expectation at most 1 at every moment while its null hypothesis holds, so the
//! chance that it *ever* reaches 1/a is at most a (Ville 1939); that is why the judge may look as often as it likes.
//! [`kernel`], [`gamma`] and [`normal`] are the functions underneath, [`quantile`] is the running median.
//! What follows from the evidence is decided in [`crate::judge`].

pub mod bets;
pub mod gamma;
pub mod grid;
pub mod kernel;
mod lanes;
pub mod late;
#[cfg(test)]
pub mod noise;
pub mod normal;
pub mod outage;
pub mod quantile;
pub mod self_normalised;
pub mod share;
pub mod shift;

/// A count as a float: exact up to 2^53, far beyond the events of any release.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of events stay far below 2^53")]
pub const fn count_to_float(count: u64) -> f64 {
    count as f64
}

/// ln(eᵃ + eᵇ); either may be −∞.
#[must_use]
pub fn ln_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    // Beyond e^−40 the smaller one no longer changes a double.
    if low < high - 40.0 || low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// The mean of e-values given as logarithms, with weights that sum to 1: an e-value again.
#[must_use]
pub fn mixed<const N: usize>(parts: [(f64, f64); N]) -> f64 {
    parts.into_iter().map(|(weight, log_e)| weight.ln() + log_e).fold(f64::NEG_INFINITY, ln_add)
}

/// A confidence sequence at one moment. An end that lies beyond what was asked about is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end; absent where it lies below the grid.
    pub low: Option<f64>,
    /// Upper end; absent where it lies above the grid.
    pub high: Option<f64>,
}
