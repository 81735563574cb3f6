//! The normal distribution's logarithm, accurate in the far tail.
//!
//! The shift test adds x²/2 to ln Φ(x). In the lower tail the two nearly cancel, so their sum is computed as one
//! function. Used by [`super::self_normalised`] only.

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

/// Below this the continued fraction converges to double precision within [`FRACTION_TERMS`] terms.
/// Above it the series loses at most three digits to cancellation.
const TAIL_FROM: f64 = -2.5;

/// Terms of the continued fraction.
const FRACTION_TERMS: u32 = 60;

/// Beyond this Φ is 1 to double precision.
const ONE_FROM: f64 = 9.0;

/// x²/2 + ln Φ(x), where Φ is the standard normal distribution function. Finite for every finite `x`.
#[must_use]
pub fn half_square_plus_ln_phi(x: f64) -> f64 {
    if x < TAIL_FROM {
        return -mills_denominator(-x).ln() - HALF_LN_TAU;
    }
    x * x / 2.0 + ln_phi_near(x)
}

/// ln Φ(x). Finite for every finite `x` with a finite square.
#[must_use]
pub fn ln_phi(x: f64) -> f64 {
    if x < TAIL_FROM {
        return half_square_plus_ln_phi(x) - x * x / 2.0;
    }
    ln_phi_near(x)
}

fn ln_phi_near(x: f64) -> f64 {
    if x > ONE_FROM {
        return 0.0;
    }
    if x > -TAIL_FROM {
        return (-ln_phi(-x).exp()).ln_1p();
    }
    (0.5 + (-x * x / 2.0 - HALF_LN_TAU).exp() * series(x)).ln()
}

/// x + x³/3 + x⁵/(3·5) + …, which is (Φ(x) − ½)/φ(x) (Abramowitz and Stegun 26.2.11).
fn series(x: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > f64::EPSILON * sum.abs() {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    sum
}

/// t + 1/(t + 2/(t + 3/(t + …))), the inverse of Mills' ratio for `t > 0` (Laplace; Abramowitz and Stegun 26.2.14).
fn mills_denominator(t: f64) -> f64 {
    (1..=FRACTION_TERMS).rev().fold(t, |inner, term| t + f64::from(term) / inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // From tables to 15 digits: ln Φ at 0, 1, -1, -3, -4, -10, -30.
        for (x, expected) in [
            (0.0, -std::f64::consts::LN_2),
            (1.0, -0.172_753_779_023_449_9),
            (-1.0, -1.841_021_645_009_263_5),
            (-3.0, -6.607_726_221_510_349),
            (-10.0, -53.231_285_150_512_46),
            (-30.0, -454.321_243_956_343_1),
        ] {
            let found = ln_phi(x);
            assert!(
                (found - expected).abs() <= 1e-12 * expected.abs(),
                "ln Φ({x}) = {found}, not {expected}"
            );
        }
    }

    #[test]
    fn both_forms_meet() {
        let (above, below) = (ln_phi(TAIL_FROM + 1e-9), ln_phi(TAIL_FROM - 1e-9));
        assert!((above - below).abs() < 1e-7, "{above} {below}");
        let exact = half_square_plus_ln_phi(TAIL_FROM - 1e-13);
        let near = TAIL_FROM * TAIL_FROM / 2.0 + ln_phi_near(TAIL_FROM);
        assert!((exact - near).abs() < 1e-12, "{exact} {near}");
    }

    #[test]
    fn finite_in_the_farthest_tail() {
        assert!(half_square_plus_ln_phi(-1e150).is_finite());
    }
}
