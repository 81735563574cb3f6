//! The likelihood of one tick's count: beta-binomial, because events come in bursts.
//!
//! One bad host or one retry storm gives many bad events at once.
//! A plain binomial likelihood calls such bursts a regression, so the share of a tick is itself taken as random:
//! beta distributed about its mean θ with intra-tick correlation ρ.
//! The binomial coefficient is left out: it cancels in every ratio of likelihoods.
//! [`super::grid`] computes the same over a whole grid of odds and ρ at once; here is one value, plainly.

use super::count_to_float;
use super::gamma::ln_beta;

/// Up to so many trials the likelihood is a product of so many factors: faster than gamma functions, and exact.
const PRODUCT_TRIALS_MAX: u64 = 16;

/// Below this a running product is turned into its logarithm, long before it underflows.
const PRODUCT_MIN: f64 = 1e-200;

/// What one tick says: `successes` of `trials`, to be held against a share with the given odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    successes: u64,
    trials: u64,
    odds: f64,
}

/// A tally that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BadTally {
    /// More successes than trials.
    #[error("{successes} successes of only {trials} trials")]
    TooMany {
        /// Claimed.
        successes: u64,
        /// Out of.
        trials: u64,
    },
    /// A share outside (0, 1), or odds outside (0, ∞).
    #[error("a null share must lie strictly between 0 and 1, its odds between 0 and infinity: got {0}")]
    Share(f64),
}

impl Tally {
    /// Counts against a null share `q` in (0, 1).
    ///
    /// # Errors
    /// When there are more successes than trials, or `q` lies outside (0, 1) or is not a number.
    pub fn new(successes: u64, trials: u64, q: f64) -> Result<Self, BadTally> {
        if !(q > 0.0 && q < 1.0) {
            return Err(BadTally::Share(q));
        }
        Self::with_odds(successes, trials, q / (1.0 - q))
    }

    /// Counts against a null share by its odds q/(1−q), positive and finite.
    ///
    /// # Errors
    /// When there are more successes than trials, or the odds are not positive and finite.
    pub fn with_odds(successes: u64, trials: u64, odds: f64) -> Result<Self, BadTally> {
        if successes > trials {
            return Err(BadTally::TooMany { successes, trials });
        }
        if !(odds > 0.0 && odds.is_finite()) {
            return Err(BadTally::Share(odds));
        }
        Ok(Self { successes, trials, odds })
    }

    /// k.
    #[must_use]
    pub const fn successes(self) -> u64 {
        self.successes
    }

    /// n.
    #[must_use]
    pub const fn trials(self) -> u64 {
        self.trials
    }

    /// q/(1−q).
    #[must_use]
    pub const fn odds(self) -> f64 {
        self.odds
    }
}

/// Both parameters of the beta distribution with mean odds `odds` and s = (1−ρ)/ρ.
#[must_use]
pub fn beta_parameters(odds: f64, s: f64) -> (f64, f64) {
    // θ = o/(1+o) and 1−θ = 1/(1+o); written so that neither is a difference.
    (s * odds / (1.0 + odds), s / (1.0 + odds))
}

/// ln f(k | n, θ, ρ) of `successes` in `trials`, with θ given by its odds. `rho` in [0, 1); 0 is the binomial.
#[must_use]
pub fn log_kernel(successes: u64, trials: u64, odds: f64, rho: f64) -> f64 {
    if rho <= 0.0 {
        return log_binomial(successes, trials, odds);
    }
    let (a, b) = beta_parameters(odds, (1.0 - rho) / rho);
    if trials <= PRODUCT_TRIALS_MAX {
        log_product(successes, trials, a, b)
    } else {
        log_beta_binomial(successes, trials, a, b, ln_beta(a, b))
    }
}

/// k ln θ + (n−k) ln(1−θ).
#[must_use]
pub fn log_binomial(successes: u64, trials: u64, odds: f64) -> f64 {
    let (k, failures) = (count_to_float(successes), count_to_float(trials - successes));
    // A count of 0 drops its term whatever its logarithm.
    let hit = if successes == 0 { 0.0 } else { -k * (1.0 / odds).ln_1p() };
    hit - failures * odds.ln_1p()
}

/// lnB(k+a, n−k+b) − lnB(a, b).
fn log_beta_binomial(successes: u64, trials: u64, a: f64, b: f64, ln_beta_ab: f64) -> f64 {
    let (k, failures) = (count_to_float(successes), count_to_float(trials - successes));
    ln_beta(k + a, failures + b) - ln_beta_ab
}

/// The same as a product of factors of rising factorials: a(a+1)… b(b+1)… / s(s+1)…
fn log_product(successes: u64, trials: u64, a: f64, b: f64) -> f64 {
    let (mut log, mut product) = (0.0, 1.0);
    let s = a + b;
    for i in 0..trials {
        let numerator = if i < successes { a + count_to_float(i) } else { b + count_to_float(i - successes) };
        product *= numerator / (s + count_to_float(i));
        if product < PRODUCT_MIN {
            log += product.ln();
            product = 1.0;
        }
    }
    log + product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(Tally::new(1, 1, 0.5).is_ok());
        assert!(Tally::new(0, 0, 0.5).is_ok());
        assert_eq!(Tally::new(2, 1, 0.5), Err(BadTally::TooMany { successes: 2, trials: 1 }));
        for q in [0.0, 1.0, -0.1, 1.1, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Tally::new(0, 1, q), Err(BadTally::Share(q)));
        }
        assert!(Tally::new(0, 1, f64::NAN).is_err());
        for odds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Tally::with_odds(0, 1, odds).is_err());
        }
    }

    #[test]
    fn matches_the_golden_kernel() {
        #[derive(serde::Deserialize)]
        struct Golden {
            kernel: Vec<Entry>,
        }
        #[derive(serde::Deserialize)]
        struct Entry {
            k: u64,
            n: u64,
            theta: f64,
            rho: f64,
            log_kernel: f64,
        }
        let golden: Golden =
            serde_json::from_str(include_str!("../../fixtures/golden/share_test.json")).unwrap();
        assert_eq!(golden.kernel.len(), 8);
        for e in golden.kernel {
            let found = log_kernel(e.k, e.n, e.theta / (1.0 - e.theta), e.rho);
            let error = (found - e.log_kernel).abs() / e.log_kernel.abs();
            assert!(error <= 1e-9, "k {} of {}: {found} for {}", e.k, e.n, e.log_kernel);
        }
    }

    proptest! {
        #[test]
        fn product_and_gamma_forms_agree(n in 0..=16_u64, part in 0.0..=1.0_f64, odds in 1e-7..1e3_f64, rho in 0.001..0.5_f64) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 16")]
            let k = (count_to_float(n) * part) as u64;
            let (a, b) = beta_parameters(odds, (1.0 - rho) / rho);
            let product = log_product(k, n, a, b);
            let gamma = log_beta_binomial(k, n, a, b, ln_beta(a, b));
            prop_assert!((product - gamma).abs() <= 1e-10 * product.abs().max(1.0), "{product} {gamma}");
        }

        #[test]
        fn probabilities_sum_to_one(n in 1..60_u64, odds in 0.01..100.0_f64, rho in 0.0..0.5_f64) {
            let mut coefficient = 1.0;
            let mut sum = 0.0;
            for k in 0..=n {
                sum += coefficient * log_kernel(k, n, odds, rho).exp();
                coefficient *= count_to_float(n - k) / count_to_float(k + 1);
            }
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }

        #[test]
        fn never_positive_never_infinite(k in 0..1_000_000_u64, more in 0..1_000_000_000_u64, odds in 1e-12..1e12_f64, rho in 0.0..0.9_f64) {
            let log = log_kernel(k, k + more, odds, rho);
            prop_assert!(log.is_finite() && log <= 1e-6, "{log}");
        }
    }
}
