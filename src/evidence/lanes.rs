//! Logarithms and gamma functions of several numbers at once.
//!
//! Written without branches over small arrays, so that a compiler turns them into vector instructions.
//! Always inlined: on its own each is a call with sixteen numbers through memory.
//! Used where [`super::grid`] computes one tick's likelihood at all its cells; [`super::gamma`] has the same functions
//! for single numbers, to full precision for any size.

#![expect(clippy::inline_always, reason = "see above; measured")]

/// So many numbers are worked on at a time: enough independent work to keep a processor busy.
pub const LANES: usize = 8;

/// As many numbers.
pub type Lanes = [f64; LANES];

/// Stirling's series is used from here on: smaller arguments are lifted by as much.
pub const LIFT: f64 = 10.0;

/// √½ as bits: mantissas are brought between it and √2.
const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;

/// The exponent of 1 as bits.
const ONE: u64 = 0x3ff0_0000_0000_0000;

/// 2^52 as bits: an integer below it in its mantissa makes a double of that integer plus 2^52.
const MAGIC: u64 = 0x4330_0000_0000_0000;

/// ln 2 in two parts, the first with zeros at its end, so that its multiples are exact (Cody and Waite 1980).
const LN_2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);

/// `f` of each number: a plain loop, which compilers turn into vector instructions.
#[inline(always)]
pub fn each(mut x: Lanes, f: impl Fn(f64) -> f64) -> Lanes {
    for x in &mut x {
        *x = f(*x);
    }
    x
}

/// ln x for positive, normal, finite x, to about two units in the last place.
///
/// x = 2^e·m with m about 1, and ln m = 2 artanh((m−1)/(m+1)) as its series (Abramowitz and Stegun 4.1.27).
#[inline(always)]
pub fn ln(x: Lanes) -> Lanes {
    each(x, |x| {
        let bits = x.to_bits();
        let biased = bits.wrapping_sub(ROOT_HALF).wrapping_add(ONE);
        let exponent = f64::from_bits(MAGIC | (biased >> 52)) - (4_503_599_627_370_496.0 + 1_023.0);
        let mantissa = f64::from_bits(bits.wrapping_sub(biased & 0xfff0_0000_0000_0000).wrapping_add(ONE));
        let s = (mantissa - 1.0) / (mantissa + 1.0);
        let w = s * s;
        let tail = w
            * (1.0 / 3.0
                + w * (1.0 / 5.0
                    + w * (1.0 / 7.0
                        + w * (1.0 / 9.0
                            + w * (1.0 / 11.0
                                + w * (1.0 / 13.0 + w * (1.0 / 15.0 + w * (1.0 / 17.0 + w / 19.0))))))));
        exponent * LN_2.0 + (2.0 * s * tail + exponent * LN_2.1 + 2.0 * s)
    })
}

/// What Stirling's formula leaves out of lnΓ(x), for x ≥ 10.
#[inline(always)]
pub fn stirling_correction(x: Lanes) -> Lanes {
    each(x, |x| {
        let inverse = 1.0 / x;
        let z = inverse * inverse;
        let series = -1.0 / 360.0 + z * (1.0 / 1260.0 - z * (1.0 / 1680.0 - z * (1.0 / 1188.0)));
        (1.0 / 12.0 + z * series) * inverse
    })
}

/// x(x+1)…(x+9): Γ(x+10)/Γ(x).
#[inline(always)]
pub fn lift(x: Lanes) -> Lanes {
    each(x, |x| {
        // In pairs x(x+9) + 0, 8, 14, 18, 20, which are independent of each other.
        let pair = x * (x + 9.0);
        (pair * (pair + 8.0)) * ((pair + 14.0) * (pair + 18.0)) * (pair + 20.0)
    })
}

/// lnΓ(p) + lnΓ(q) − lnΓ(p+q) for p and q of at least 10, where `sum` is p+q, the same in every lane.
///
/// The parts that cancel are left out: (p−½)ln(p/(p+q)) + (q−½)ln(q/(p+q)) − ½ln((p+q)/2π) and the corrections.
/// The absolute error is some 10^−16 of p+q.
#[inline(always)]
pub fn ln_beta(p: Lanes, q: Lanes, sum: f64) -> Lanes {
    let inverse = 1.0 / sum;
    let (ln_p, ln_q) = (ln(each(p, |p| p * inverse)), ln(each(q, |q| q * inverse)));
    let (more_p, more_q) = (stirling_correction(p), stirling_correction(q));
    let constant = -0.5 * (sum / std::f64::consts::TAU).ln() - stirling_correction([sum; LANES])[0];
    let mut result = [0.0; LANES];
    for i in 0..LANES {
        result[i] = (p[i] - 0.5) * ln_p[i] + (q[i] - 0.5) * ln_q[i] + (more_p[i] + more_q[i] + constant);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::gamma;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn logarithms_are_those_of_the_library(x in proptest::array::uniform8(-300.0..300.0_f64)) {
            let x = x.map(|exponent| 10.0_f64.powf(exponent));
            for (found, x) in ln(x).into_iter().zip(x) {
                prop_assert!((found - x.ln()).abs() <= 4.0 * f64::EPSILON * x.ln().abs(), "{} {}", found, x.ln());
            }
        }

        #[test]
        fn near_one_nothing_is_lost(x in -0.3..0.4_f64) {
            let x = 1.0 + x;
            prop_assert!((ln([x; LANES])[3] - x.ln()).abs() <= 4.0 * f64::EPSILON * x.ln().abs());
        }

        #[test]
        fn beta_functions_are_those_for_single_numbers(p in 10.0..1e5_f64, q in 10.0..1e6_f64) {
            let found = ln_beta([p; LANES], [q; LANES], p + q)[0];
            let expected = gamma::ln_beta(p, q);
            prop_assert!((found - expected).abs() <= 1e-15 * (p + q) + 1e-11, "{} for {}", found, expected);
        }

        #[test]
        fn lifting_is_what_gamma_functions_say(x in 1e-6..1e4_f64) {
            let expected = gamma::ln_rising(x, LIFT);
            prop_assert!((lift([x; LANES])[0].ln() - expected).abs() <= 1e-11 * expected.abs().max(1.0));
        }
    }
}
