//! The sequential tests: e-values that may be looked at after every tick, and confidence sequences.
//!
//! [`share`] judges events that can be counted ([`late`] adds harm that begins late), [`shift`] values that cannot.
//! Both keep a fixed number of floats and never store samples.
//! An e-value starts at 1 and has expectation at most 1 at every moment while its null hypothesis holds, so the
//! chance that it *ever* reaches 1/a is at most a (Ville 1939); that is why the judge may look as often as it likes.
//! [`kernel`], [`gamma`] and [`normal`] are the functions underneath, [`quantile`] is the running median.
//! What follows from the evidence is decided in [`crate::judge`].

pub mod gamma;
pub mod kernel;
pub mod late;
#[cfg(test)]
pub mod noise;
pub mod normal;
pub mod quantile;
pub mod share;
pub mod shift;

/// A count as a float: exact up to 2^53, far beyond the events of any release.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of events stay far below 2^53")]
pub const fn count_to_float(count: u64) -> f64 {
    count as f64
}

/// A confidence sequence at one moment. An end that lies beyond what was asked about is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end; absent where it lies below the grid.
    pub low: Option<f64>,
    /// Upper end; absent where it lies above the grid.
    pub high: Option<f64>,
}
