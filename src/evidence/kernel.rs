//! The beta-binomial log-likelihood, accurate where the textbook formula cancels.
//!
//! `k` of `n` given a mean share θ and an intra-tick correlation ρ:
//!
//! ```text
//! s = (1-ρ)/ρ,  a = θ·s,  b = (1-θ)·s
//! log f = ln B(k+a, n-k+b) - ln B(a, b)      (ρ > 0)
//!       = k ln θ + (n-k) ln(1-θ)             (ρ = 0)
//! ```
//!
//! The binomial coefficient cancels in every ratio that is made of these and is left out.
//! With ten million trials lnΓ is of the order of 10⁸ and its differences lose eight digits; so ln B is taken as
//! lnΓ(p) − [lnΓ(q+p) − lnΓ(q)] with the bracket from Stirling's series (as in TOMS 708, Didonato & Morris 1992).

use statrs::function::gamma::ln_gamma;

/// Up to here the product of single draws is faster than three lnΓ, and far from underflow: each factor is above 10⁻⁸.
const PRODUCT_MAX: f64 = 32.0;

/// From here on Stirling's series with six terms is exact to a double.
const STIRLING_FROM: f64 = 10.0;

/// The log-likelihood of `k` of `n` at odds `odds` and correlation `rho`.
///
/// `odds`: θ/(1−θ), above 0 and finite. `rho`: 0 to below 1. The result is finite and at most 0.
#[must_use]
#[expect(clippy::many_single_char_names, reason = "the formula's own names")]
pub fn log_kernel(k: f64, n: f64, odds: f64, rho: f64) -> f64 {
    let (theta, rest) = (odds / (1.0 + odds), 1.0 / (1.0 + odds));
    if rho <= 0.0 {
        return k * theta.ln() - (n - k) * odds.ln_1p();
    }
    let s = (1.0 - rho) / rho;
    let (a, b) = (theta * s, rest * s);
    if n <= PRODUCT_MAX {
        return (rising(a, k, s, 0.0) * rising(b, n - k, s, k)).ln();
    }
    ln_beta(k + a, n - k + b) - ln_beta(a, b)
}

/// Π (x+j) / (s+from+j) over j below `count`: the beta-binomial as Pólya's urn, draw by draw.
fn rising(x: f64, count: f64, s: f64, from: f64) -> f64 {
    let (mut product, mut j) = (1.0, 0.0);
    while j < count {
        product *= (x + j) / (s + from + j);
        j += 1.0;
    }
    product
}

/// ln B(p, q) for positive p and q.
fn ln_beta(p: f64, q: f64) -> f64 {
    let (p, q) = (p.min(q), p.max(q));
    if q < STIRLING_FROM {
        return ln_gamma(p) + ln_gamma(q) - ln_gamma(p + q);
    }
    ln_gamma(p) - ln_rising(q, p)
}

/// lnΓ(q+p) − lnΓ(q) for q of at least [`STIRLING_FROM`] and p above 0, without cancellation.
fn ln_rising(q: f64, p: f64) -> f64 {
    (q - 0.5) * (p / q).ln_1p() + p * ((q + p).ln() - 1.0) + stirling(q + p) - stirling(q)
}

/// lnΓ(x) − [(x−½) ln x − x + ½ ln 2π].
fn stirling(x: f64) -> f64 {
    let y = 1.0 / (x * x);
    (1.0 / 12.0
        - y * (1.0 / 360.0
            - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y * (1.0 / 1188.0 - y * (691.0 / 360_360.0))))))
        / x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_cases_by_hand() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(log_kernel(0.0, 1.0, 1.0, 0.0), 0.5_f64.ln());
        // One trial is Bernoulli whatever the correlation.
        close(log_kernel(1.0, 1.0, 0.25, 0.2), 0.2_f64.ln());
        // Two trials: θ(θs+1)/(s+1) with θ = 0.2, s = 4.
        close(log_kernel(2.0, 2.0, 0.25, 0.2), (0.2_f64 * 1.8 / 5.0).ln());
        close(log_kernel(0.0, 0.0, 3.0, 0.01), 0.0);
    }

    #[test]
    fn probabilities_of_all_outcomes_sum_to_one() {
        for (n, odds, rho) in [(7_u32, 0.3, 0.05), (20, 4.0, 0.001), (50, 0.01, 0.2)] {
            let mut choose = 1.0;
            let mut total = 0.0;
            for k in 0..=n {
                total += choose * log_kernel(f64::from(k), f64::from(n), odds, rho).exp();
                choose *= f64::from(n - k) / f64::from(k + 1);
            }
            assert!((total - 1.0).abs() < 1e-10, "{total}");
        }
    }
}
