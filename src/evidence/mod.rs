//! Evidence: e-values that may be looked at after every tick.
//!
//! An e-value starts at 1 and has expectation at most 1 at every moment while its null hypothesis holds, so it ever
//! reaches 1/a with probability at most a (Ville 1939). [`share`] is for events that can be counted, [`shift`] for
//! values that cannot, [`renewal`] finds harm that begins late. Everything is kept as logarithms. `judge` turns evidence into standings.

pub mod kernel;
pub mod median;
pub mod renewal;
pub mod share;
pub mod shift;

/// The logarithm of the mean of `exp(x)` under weights given as logarithms, which need not sum to one.
/// Negative infinity for an empty range.
fn log_weighted_mean(terms: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let (mut top, mut weight) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (x, log_weight) in terms.clone() {
        top = top.max(x + log_weight);
        weight = weight.max(log_weight);
    }
    if top == f64::NEG_INFINITY {
        return top;
    }
    let (mut sum, mut total) = (0.0, 0.0);
    for (x, log_weight) in terms {
        sum += (x + log_weight - top).exp();
        total += (log_weight - weight).exp();
    }
    top + sum.ln() - weight - total.ln()
}
