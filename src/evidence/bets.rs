//! Bets on the sign of symmetric values: 1 + tanh(λy).
//!
//! If y is symmetric about 0, its sign is a fair coin once |y| is known, so a stake of tanh(λ|y|) on "positive" neither
//! wins nor loses on average; if y is symmetric about a negative centre, "positive" is the rarer side and it loses.
//! Of all such stakes this is the best against a normal shifted by λ (in its own variances): then the chance of
//! "positive" given |y| is just (1 + tanh(λ|y|))/2. (Betting: Shafer 2021; sign tests: Ramdas and others 2020.)
//!
//! The best λ is not known, so the stake is divided among a few; their mean is an e-value as each of them is.
//! Both directions are kept, as both are asked for.

use super::ln_add;

/// The smallest λ; each further one doubles it. In units of the spread: whitened shifts worth finding lie between.
const LAMBDA_MIN: f64 = 0.08;

/// How many λ there are: 0.08, 0.16, 0.32, 0.64. Larger ones would find nothing sooner, and take a slow swing for a
/// shift more often.
const LAMBDAS: usize = 4;

/// A product below this is taken into its logarithm.
const FOLD_BELOW: f64 = 1e-150;

/// And one above this.
const FOLD_ABOVE: f64 = 1e150;

/// Values are held within this: their bet is all or nothing long before.
const REACH_MAX: f64 = 100.0;

/// The wealth of a few gamblers who began with 1 each: some bet on "above 0", some on "below".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SignBets {
    above: [Wealth; LAMBDAS],
    below: [Wealth; LAMBDAS],
}

/// `factor` times e^`ln_base`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wealth {
    factor: f64,
    ln_base: f64,
}

impl Default for Wealth {
    fn default() -> Self {
        Self { factor: 1.0, ln_base: 0.0 }
    }
}

impl Wealth {
    fn multiply(&mut self, by: f64) {
        self.factor *= by;
        if !(FOLD_BELOW..=FOLD_ABOVE).contains(&self.factor) {
            self.ln_base += self.factor.ln();
            self.factor = 1.0;
        }
    }

    fn ln(self) -> f64 {
        self.ln_base + self.factor.ln()
    }
}

impl SignBets {
    /// Takes in one value, already centred on the null, scaled and whitened.
    pub fn add(&mut self, y: f64) {
        // 1 + tanh x = 2/(1 + e^−2x), and e^−2x of a doubled λ is the square.
        let mut odds_below = (-2.0 * LAMBDA_MIN * y.clamp(-REACH_MAX, REACH_MAX)).exp();
        for (above, below) in self.above.iter_mut().zip(&mut self.below) {
            let stake = 2.0 / (1.0 + odds_below);
            above.multiply(stake);
            below.multiply(stake * odds_below);
            odds_below *= odds_below;
        }
    }

    /// ln E against "symmetric about 0 or less".
    #[must_use]
    pub fn log_e_above(&self) -> f64 {
        ln_mean(&self.above)
    }

    /// ln E against "symmetric about 0 or more".
    #[must_use]
    pub fn log_e_below(&self) -> f64 {
        ln_mean(&self.below)
    }
}

fn ln_mean(wealth: &[Wealth; LAMBDAS]) -> f64 {
    const LN_LAMBDAS: f64 = 2.0 * std::f64::consts::LN_2;
    wealth.iter().map(|w| w.ln()).fold(f64::NEG_INFINITY, ln_add) - LN_LAMBDAS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_fair_coin_wins_nothing(sizes in proptest::array::uniform6(0.0..50.0_f64)) {
            // Every pattern of signs of given sizes, all alike likely.
            let (mut above, mut below) = (0.0, 0.0);
            for signs in 0..64_u32 {
                let mut bets = SignBets::default();
                for (i, size) in sizes.iter().enumerate() {
                    bets.add(if signs >> i & 1 == 1 { *size } else { -size });
                }
                above += bets.log_e_above().exp() / 64.0;
                below += bets.log_e_below().exp() / 64.0;
            }
            prop_assert!((above - 1.0).abs() < 1e-9 && (below - 1.0).abs() < 1e-9, "{} {}", above, below);
        }

        #[test]
        fn turning_the_values_turns_the_bets(values in proptest::collection::vec(-1e9..1e9_f64, 0..300)) {
            let (mut straight, mut turned) = (SignBets::default(), SignBets::default());
            for value in values {
                straight.add(value);
                turned.add(-value);
            }
            let (a, b) = (straight.log_e_above(), turned.log_e_below());
            prop_assert!(a.is_finite() && (a - b).abs() <= 1e-9 * a.abs().max(1.0), "{} {}", a, b);
        }
    }
}
