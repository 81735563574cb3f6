//! The other judges, on the very streams that the real one sees.
//!
//! - *Kayenta*: [`super::kayenta`] on error rates per minute, every minute from the fifth on.
//! - *Threshold*: Flagger's and Argo Rollouts' analysis as most teams write it: the candidate's error rate of the last
//!   minute must stay at or below a fixed number, here twice the base rate, which is known exactly (in life it is
//!   guessed); so many bad minutes in a row end the release. Both products also count failures that are not in a row,
//!   which alarms more often, so this is the kinder reading. A minute without requests is no failure.
//! - *Binomial mixture*: the judge's own question (no worse than live, against the tolerance or beyond) by an e-value
//!   that takes events for independent: the same multiples of the odds with the same weights, ρ = 0 alone. It has one
//!   way to convict, so it has the whole of α for itself.

use super::kayenta;
use super::traffic::Counts;
use super::trial::{FALSE_REVERT, TOLERANCE};

/// Ticks of a minute.
pub const MINUTE: u32 = 60;

/// The first minute that Kayenta judges.
const KAYENTA_FROM: usize = 5;

/// The error rate of one minute in percent; 0 where there was no request.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn percentage(counts: Counts) -> f64 {
    if counts.total == 0 { 0.0 } else { 100.0 * counts.bad as f64 / counts.total as f64 }
}

/// Sums of whole minutes.
pub fn minutes(ticks: &[(Counts, Counts)]) -> Vec<(Counts, Counts)> {
    ticks
        .chunks_exact(MINUTE as usize)
        .map(|minute| {
            minute.iter().fold((Counts::default(), Counts::default()), |mut sum, tick| {
                sum.0.add(tick.0);
                sum.1.add(tick.1);
                sum
            })
        })
        .collect()
}

/// The tick of a minute's end, from the minute's index.
fn tick_of(minute: usize) -> u32 {
    u32::try_from(minute + 1).unwrap() * MINUTE
}

/// The tick at which Kayenta fails the candidate.
pub fn kayenta(minutes: &[(Counts, Counts)], allowed_increase: f64) -> Option<u32> {
    let live: Vec<f64> = minutes.iter().map(|minute| percentage(minute.0)).collect();
    let candidate: Vec<f64> = minutes.iter().map(|minute| percentage(minute.1)).collect();
    (KAYENTA_FROM..=minutes.len())
        .find(|n| kayenta::is_high(&live[..*n], &candidate[..*n], allowed_increase))
        .map(|n| tick_of(n - 1))
}

/// The tick at which the candidate has been above `rate` for `in_a_row` minutes.
pub fn threshold(minutes: &[(Counts, Counts)], rate: f64, in_a_row: u32) -> Option<u32> {
    let mut bad = 0;
    minutes
        .iter()
        .position(|minute| {
            bad = if percentage(minute.1) > 100.0 * rate { bad + 1 } else { 0 };
            bad >= in_a_row
        })
        .map(tick_of)
}

/// A sequential test of "no worse than live" that takes events for independent.
#[derive(Clone, Debug)]
pub struct Mixture {
    /// Multiples of the odds, rising.
    multiples: Vec<f64>,
    log_likelihoods: Vec<f64>,
}

impl Mixture {
    /// 46 multiples from 1/40 to 60 with 1 and the tolerance among them, as the judge's table has them.
    pub fn new() -> Self {
        let ratio = (60.0_f64 * 40.0).powf(1.0 / 43.0);
        let mut multiples: Vec<f64> = (0..44).map(|i| ratio.powi(i) / 40.0).chain([1.0, TOLERANCE]).collect();
        multiples.sort_by(f64::total_cmp);
        Self { log_likelihoods: vec![0.0; multiples.len()], multiples }
    }

    /// Takes in one tick.
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    pub fn add(&mut self, live: Counts, candidate: Counts) {
        if live.total == 0 || candidate.total == 0 {
            return;
        }
        let odds = candidate.total as f64 / live.total as f64;
        for (sum, multiple) in self.log_likelihoods.iter_mut().zip(&self.multiples) {
            let odds = odds * multiple;
            *sum += candidate.bad as f64 * (odds / (1.0 + odds)).ln() - live.bad as f64 * odds.ln_1p();
        }
    }

    /// ln E: the mean likelihood of the tolerance and beyond, over the largest of 1 and below.
    pub fn log_e(&self) -> f64 {
        let cells = || self.multiples.iter().zip(&self.log_likelihoods);
        let null = cells().filter(|(c, _)| **c <= 1.0 + 1e-9).map(|(_, l)| *l).fold(f64::MIN, f64::max);
        let (mut total, mut sum) = (0.0, 0.0);
        for (multiple, log_likelihood) in cells().filter(|(c, _)| **c >= TOLERANCE - 1e-9) {
            // A normal in ln c with a standard deviation of 2.
            let weight = (-0.5 * (multiple.ln() / 2.0).powi(2)).exp();
            total += weight;
            sum += weight * (log_likelihood - null).exp();
        }
        (sum / total).ln()
    }
}

/// The tick at which the binomial mixture convicts.
pub fn mixture(ticks: &[(Counts, Counts)]) -> Option<u32> {
    let mut mixture = Mixture::new();
    let convicts = ticks.iter().position(|(live, candidate)| {
        mixture.add(*live, *candidate);
        mixture.log_e() >= -FALSE_REVERT.ln()
    });
    convicts.map(|tick| u32::try_from(tick + 1).unwrap())
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;

    fn minute(live: u64, candidate: u64) -> (Counts, Counts) {
        (Counts { bad: live, total: 100 }, Counts { bad: candidate, total: 100 })
    }

    #[test]
    fn a_threshold_wants_its_minutes_in_a_row() {
        let minutes = [minute(1, 3), minute(1, 1), minute(1, 3), minute(1, 4), minute(1, 2)];
        assert_eq!(threshold(&minutes, 0.02, 1), Some(60));
        assert_eq!(threshold(&minutes, 0.02, 2), Some(240));
        assert_eq!(threshold(&minutes, 0.02, 3), None);
    }

    #[test]
    fn kayenta_waits_for_five_minutes() {
        let minutes: Vec<_> = (0..10).map(|i| minute(i % 3, 20 + i % 4)).collect();
        assert_eq!(kayenta(&minutes, 1.0), Some(300));
        let alike: Vec<_> = (0..10).map(|i| minute(i % 3, i % 3)).collect();
        assert_eq!(kayenta(&alike, 1.0), None);
    }

    /// Whole minutes only.
    #[test]
    fn minutes_are_sums() {
        let ticks = vec![minute(1, 2); 130];
        let sums = minutes(&ticks);
        assert_eq!(sums.len(), 2);
        assert_eq!(sums[1].1, Counts { bad: 120, total: 6_000 });
    }

    /// One bad event, the candidate's, at equal traffic: L(c) = c/(1+c), so E is twice the weighted mean of that.
    #[test]
    fn the_mixture_of_one_event_is_by_hand() {
        let mut mixture = Mixture::new();
        mixture.add(Counts { bad: 0, total: 50 }, Counts { bad: 1, total: 50 });
        let (mut sum, mut total) = (0.0, 0.0);
        for c in mixture.multiples.iter().filter(|c| **c >= TOLERANCE) {
            let weight = (-0.125 * c.ln().powi(2)).exp();
            sum += weight * c / (1.0 + c);
            total += weight;
        }
        assert!((mixture.log_e() - (2.0 * sum / total).ln()).abs() < 1e-12);
    }

    #[test]
    fn the_mixture_convicts_a_doubled_rate_and_acquits_an_equal_one() {
        let minute = |live, candidate| minute(live, candidate);
        assert!(mixture(&vec![minute(2, 5); 60]).is_some());
        assert_eq!(mixture(&vec![minute(3, 3); 600]), None);
    }
}
