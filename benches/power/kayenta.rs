//! A peer: the canary judge of Kayenta (`NetflixACAJudge`), fairly rebuilt for one metric.
//!
//! Its documentation and source (`MannWhitneyClassifier`, `MannWhitney`, read in 2026) say what it does:
//! - A Mann-Whitney U test in R's manner: ranks with ties averaged, normal approximation with the tie correction in the
//!   variance and a continuity correction of a half, inverted to a confidence interval of the shift between the
//!   samples. The judge uses the 98% level, and a tolerance of 0.25.
//! - The metric is "High" when the interval's low end lies above 0.25 × |Hodges–Lehmann estimate of the shift|.
//! - A metric may also name an effect size, `allowedIncrease`: then it fails only if besides the mean of the experiment
//!   is at least so many times that of the control. The default asks for nothing; a row with 1.25 is shown too.
//! - Equal samples, or a single distinct value in both, pass.
//!
//! Values are error rates per minute, in percent, of all minutes so far: the growing window that Kayenta calls
//! `growing` lookback, judged every minute from the fifth on. A failed critical metric fails the canary, at once.
//! The p-value comes from `statrs`; the interval and the estimate, which it lacks, are found here by bisection on the
//! same statistic. Kayenta's root finder stops at 1e-4, and so does this one.

use statrs::stats_tests::Alternative;
use statrs::stats_tests::mannwhitneyu::{MannWhitneyUMethod, mannwhitneyu};

/// 98%: one percent on each side.
const TAIL: f64 = 0.01;

/// The normal quantile of 0.99.
const QUANTILE: f64 = 2.326_347_874_040_841;

/// The part of the estimated shift that the interval must clear.
const TOLERANCE: f64 = 0.25;

/// Where Kayenta's root finder stops.
const PRECISION: f64 = 1e-4;

/// Whether `experiment` is significantly higher than `control`. `allowed_increase`: 1 asks for no effect size.
pub fn is_high(control: &[f64], experiment: &[f64], allowed_increase: f64) -> bool {
    let all_equal = |values: &[f64]| values.windows(2).all(|w| w[0].total_cmp(&w[1]).is_eq());
    let mut both = [control, experiment].concat();
    both.sort_by(f64::total_cmp);
    if all_equal(&both) || !one_sided_p(control, experiment).is_some_and(|p| p < TAIL) {
        // An interval that holds 0 cannot lie above a bound that is 0 or more.
        return false;
    }
    let low = shift_at(control, experiment, QUANTILE);
    let estimate = shift_at(control, experiment, 0.0);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap());
    low > TOLERANCE * estimate.abs() && mean(experiment) >= allowed_increase * mean(control)
}

/// The asymptotic p-value of "`experiment` is higher", ties and continuity corrected.
pub fn one_sided_p(control: &[f64], experiment: &[f64]) -> Option<f64> {
    let method = MannWhitneyUMethod::AsymptoticInclContinuityCorrection;
    mannwhitneyu(experiment, control, method, Alternative::Greater).ok().map(|(_, p)| p)
}

/// The shift at which the standardised statistic equals `quantile`: the low end of the interval for the normal
/// quantile, the Hodges–Lehmann estimate for 0.
fn shift_at(control: &[f64], experiment: &[f64], quantile: f64) -> f64 {
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut low, mut high) = (least(experiment) - most(control), most(experiment) - least(control));
    if standardised(control, experiment, low) <= quantile {
        return low;
    }
    while high - low > PRECISION {
        let middle = 0.5 * (low + high);
        // Falls as the shift rises.
        if standardised(control, experiment, middle) > quantile { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The Mann-Whitney statistic of `experiment` less `shift`, standardised, with both corrections.
fn standardised(control: &[f64], experiment: &[f64], shift: f64) -> f64 {
    let ours = experiment.iter().map(|x| (x - shift, true));
    let mut all: Vec<(f64, bool)> = ours.chain(control.iter().map(|y| (*y, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = |values: &[f64]| f64::from(u32::try_from(values.len()).unwrap());
    let (m, n) = (count(experiment), count(control));
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for group in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let size = f64::from(u32::try_from(group.len()).unwrap());
        let mine = f64::from(u32::try_from(group.iter().filter(|(_, mine)| *mine).count()).unwrap());
        rank_sum += mine * (before + 0.5 * (size + 1.0));
        ties += size.powi(3) - size;
        before += size;
    }
    let centred = rank_sum - 0.5 * m * (m + 1.0) - 0.5 * m * n;
    let sigma = (m * n / 12.0 * ((m + n + 1.0) - ties / ((m + n) * (m + n - 1.0)))).sqrt();
    let correction = if centred == 0.0 { 0.0 } else { 0.5 * centred.signum() };
    if sigma == 0.0 { 0.0 } else { (centred - correction) / sigma }
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, within: f64) {
        assert!((a - b).abs() < within, "{a} is not {b}");
    }

    /// Hollander and Wolfe (1973), permeability of the human chorioamnion, the example of R's `?wilcox.test`: W = 35.
    const TERM: [f64; 10] = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const EARLY: [f64; 5] = [1.15, 0.88, 0.90, 0.74, 1.21];

    /// U = 35 of 50, mean 25, variance 50 · 16 / 12: z = (35 − 25 − ½) / 8.165 = 1.1635, p = 0.1223.
    #[test]
    fn the_statistic_is_r_s() {
        close(standardised(&EARLY, &TERM, 0.0), 9.5 / (50.0_f64 * 16.0 / 12.0).sqrt(), 1e-12);
        close(one_sided_p(&EARLY, &TERM).unwrap(), 0.122_304_7, 1e-4);
    }

    /// The median of the fifty differences is 0.305, as R's `wilcox.test(conf.int = TRUE)` gives it.
    #[test]
    fn the_estimate_is_the_median_difference() {
        let mut differences: Vec<f64> = TERM.iter().flat_map(|x| EARLY.iter().map(move |y| x - y)).collect();
        differences.sort_by(f64::total_cmp);
        close(0.5 * (differences[24] + differences[25]), 0.305, 1e-9);
        close(shift_at(&EARLY, &TERM, 0.0), 0.305, 0.02);
    }

    /// {1,2,2} against {2,3}: ranks 1, 3, 3, 3, 5; sum of ours 8, U = 5, sigma² = ½ (6 − 24/20).
    #[test]
    fn ties_are_averaged_and_corrected() {
        let z = standardised(&[1.0, 2.0, 2.0], &[2.0, 3.0], 0.0);
        close(z, (5.0 - 3.0 - 0.5) / (0.5 * (6.0 - 24.0 / 20.0_f64)).sqrt(), 1e-12);
        let p = one_sided_p(&[1.0, 2.0, 2.0], &[2.0, 3.0]).unwrap();
        close(p, 0.166_515, 1e-3);
    }

    #[test]
    fn high_is_high_and_equal_passes() {
        let low: Vec<f64> = (0..20).map(|i| f64::from(i % 7)).collect();
        let high: Vec<f64> = low.iter().map(|x| x + 10.0).collect();
        assert!(is_high(&low, &high, 1.0));
        assert!(is_high(&low, &high, 1.25));
        assert!(!is_high(&low, &high, 100.0), "the effect size is asked for");
        assert!(!is_high(&high, &low, 1.0));
        assert!(!is_high(&low, &low, 1.0));
        assert!(!is_high(&[0.0; 9], &[0.0; 9], 1.0));
    }
}
