//! The first form of the shift test, kept as a yardstick.
//!
//! For a variable y that is symmetric about 0, exp(λy − λ²y²/2) has expectation at most 1 for every λ, without any
//! moment (de la Peña 1999). Mixing λ over half-normals (Robbins 1970; Howard and others 2021) gives an e-value that
//! needs only S = Σy and V = Σy².
//! The bets of [`super::bets`] win at least as much for every y and every λ, because ln cosh x ≤ x²/2; the judge uses
//! those. This form has known values, against which both are held.

use super::count_to_float;
use super::normal::half_square_plus_ln_phi;

/// Scales of the half-normals that λ is mixed over, in units of the spread.
pub const SIGMAS: [f64; 4] = [0.1, 0.3, 1.0, 3.0];

/// S and V of one null hypothesis, and its e-values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SelfNormalised {
    sum: f64,
    squares: f64,
}

impl SelfNormalised {
    /// Takes in one value, already centred on the null, scaled and whitened.
    pub fn add(&mut self, y: f64) {
        self.sum += y;
        self.squares += y * y;
    }

    /// ln E against "symmetric about 0 or less".
    #[must_use]
    pub fn log_e_above(&self) -> f64 {
        log_mixture(self.sum, self.squares)
    }

    /// ln E against "symmetric about 0 or more".
    #[must_use]
    pub fn log_e_below(&self) -> f64 {
        log_mixture(-self.sum, self.squares)
    }
}

/// The mean over σ of 2 exp(x²/2) Φ(x) / √(1+σ²V) with x = Sσ/√(1+σ²V), as a logarithm.
fn log_mixture(s: f64, v: f64) -> f64 {
    let parts = SIGMAS.map(|sigma| {
        let growth = 1.0 + sigma * sigma * v;
        let x = s * sigma / growth.sqrt();
        std::f64::consts::LN_2 - 0.5 * growth.ln() + half_square_plus_ln_phi(x)
    });
    let top = parts.into_iter().fold(f64::MIN, f64::max);
    let sum: f64 = parts.iter().map(|part| (part - top).exp()).sum();
    top + (sum / count_to_float(SIGMAS.len() as u64)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::bets::SignBets;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Golden {
        sigma: Vec<f64>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        d: Vec<f64>,
        log_e: Vec<f64>,
    }

    #[test]
    fn matches_the_golden_series() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../fixtures/golden/shift_test.json")).unwrap();
        assert_eq!(golden.sigma, SIGMAS);
        assert_eq!(golden.cases.len(), 7);
        for case in &golden.cases {
            let (mut test, mut turned) = (SelfNormalised::default(), SelfNormalised::default());
            for (i, (d, expected)) in case.d.iter().zip(&case.log_e).enumerate() {
                test.add(*d);
                turned.add(-d);
                for found in [test.log_e_above(), turned.log_e_below()] {
                    assert!(
                        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                        "{}, tick {i}: {found} for {expected}",
                        case.name
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_bet_on_the_sign_wins_at_least_as_much(values in proptest::collection::vec(-6.0..6.0_f64, 1..100)) {
            for lambda in [0.08, 0.16, 0.32, 0.64] {
                let bound: f64 = values.iter().map(|y| lambda * y - (lambda * y).powi(2) / 2.0).sum();
                let bets: f64 = values.iter().map(|y| (lambda * y).tanh().ln_1p()).sum();
                prop_assert!(bets >= bound - 1e-9, "{} for {}", bets, bound);
            }
        }

        #[test]
        fn both_forms_find_what_is_there(shift in 0.5..2.0_f64) {
            let (mut bets, mut sums) = (SignBets::default(), SelfNormalised::default());
            for i in 0..200 {
                let y = shift + f64::from(i % 5 - 2) * 0.7;
                bets.add(y);
                sums.add(y);
            }
            prop_assert!(bets.log_e_above() > 10.0 && sums.log_e_above() > 10.0);
            prop_assert!(bets.log_e_below() < 0.0 && sums.log_e_below() < 0.0);
        }
    }
}
