//! Logarithms of the gamma and beta functions, accurate where the tests need them.
//!
//! A beta-binomial likelihood is a difference of log beta functions whose parts grow as large as 10^8 while the
//! difference is of the order of 10.
//! Taken apart into gamma functions it would lose all its digits, so the large parts are cancelled on paper:
//! Stirling's series for both (Abramowitz and Stegun 6.1.40), their difference by `ln_1p`.
//! Used by [`super::kernel`] only.

/// From here on Stirling's series with the terms below is exact to double precision.
const STIRLING_FROM: f64 = 10.0;

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

/// lnΓ(x) for `x > 0`.
///
/// The absolute error is a few units in the last place of max(1, |lnΓ(x)|).
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    if x >= STIRLING_FROM {
        return (x - 0.5) * x.ln() - x + HALF_LN_TAU + stirling_correction(x);
    }
    let (lifted, product) = lift(x, |y| y);
    ln_gamma(lifted) - product.ln()
}

/// ln of the beta function B(p, q) for positive `p` and `q`, without cancellation for any sizes of the two.
#[must_use]
pub fn ln_beta(p: f64, q: f64) -> f64 {
    let (small, large) = if p < q { (p, q) } else { (q, p) };
    if small < STIRLING_FROM {
        return ln_gamma(small) - ln_rising(large, small);
    }
    let sum = small + large;
    HALF_LN_TAU
        - (small - 0.5) * (large / small).ln_1p()
        - (large - 0.5) * (small / large).ln_1p()
        - 0.5 * sum.ln()
        + stirling_correction(small)
        + stirling_correction(large)
        - stirling_correction(sum)
}

/// lnΓ(x + y) − lnΓ(x) for positive `x` and `y`: the log of the rising factorial for real `y`.
#[must_use]
pub fn ln_rising(x: f64, y: f64) -> f64 {
    if x < STIRLING_FROM {
        let (lifted, product) = lift(x, |z| (z + y) / z);
        return ln_rising(lifted, y) - product.ln();
    }
    let end = x + y;
    (x - 0.5) * (y / x).ln_1p() + y * (end.ln() - 1.0) + stirling_correction(end) - stirling_correction(x)
}

/// Raises `x` in steps of 1 to where Stirling's series holds, with the product of `factor` over the steps.
fn lift(mut x: f64, factor: impl Fn(f64) -> f64) -> (f64, f64) {
    let mut product = 1.0;
    while x < STIRLING_FROM {
        product *= factor(x);
        x += 1.0;
    }
    (x, product)
}

/// What Stirling's formula leaves out, for `x >= 10`.
fn stirling_correction(x: f64) -> f64 {
    let z = 1.0 / (x * x);
    let series =
        -1.0 / 360.0 + z * (1.0 / 1260.0 - z * (1.0 / 1680.0 - z * (1.0 / 1188.0 - z * (691.0 / 360_360.0))));
    (1.0 / 12.0 + z * series) / x
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 2e-13 * expected.abs().max(1.0)
    }

    #[test]
    fn factorials() {
        let mut factorial = 1.0_f64;
        for n in 1..30 {
            assert!(close(ln_gamma(f64::from(n)), factorial.ln()), "lnΓ({n}) = {}", ln_gamma(f64::from(n)));
            factorial *= f64::from(n);
        }
    }

    #[test]
    fn a_large_parameter_does_not_swallow_a_small_one() {
        // lnB(1, q) = -ln q exactly.
        for q in [0.5, 3.0, 12.0, 1e4, 1e9, 1e15] {
            assert!(close(ln_beta(1.0, q), -f64::ln(q)), "q = {q}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_another_implementation(x in 1e-6..1e6_f64, y in 1e-6..1e4_f64) {
            let reference = statrs::function::gamma::ln_gamma;
            prop_assert!((ln_gamma(x) - reference(x)).abs() <= 1e-12 * reference(x).abs().max(1.0));
            let naive = reference(x) + reference(y) - reference(x + y);
            // The naive form loses digits in proportion to its largest part.
            prop_assert!((ln_beta(x, y) - naive).abs() <= 1e-13 * reference(x + y).abs().max(100.0));
        }

        #[test]
        fn rising_obeys_its_recurrence(x in 1e-3..1e7_f64, y in 0.0..100.0_f64) {
            let step = ln_rising(x, y + 1.0) - ln_rising(x, y);
            prop_assert!((step - (x + y).ln()).abs() <= 1e-11, "{step} against {}", (x + y).ln());
        }
    }
}
