//! What the tables are made of: exact intervals of a share, medians, and how soon any test could decide.
//!
//! Used by every family beside it; the judge knows nothing of these.

use statrs::distribution::{Beta, ContinuousCDF};

/// How sure the intervals of shares are.
const CONFIDENCE: f64 = 0.95;

/// `hits` of `runs`, with the exact interval of Clopper and Pearson (1934).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    pub hits: u32,
    pub runs: u32,
    pub low: f64,
    pub high: f64,
}

impl Share {
    /// The share of `runs` (at least 1) that were hit, `hits <= runs`; 95% interval, half of the rest on each side.
    pub fn of(hits: u32, runs: u32) -> Self {
        let tail = (1.0 - CONFIDENCE) / 2.0;
        let (k, n) = (f64::from(hits), f64::from(runs));
        let quantile = |a: f64, b: f64, p: f64| Beta::new(a, b).unwrap().inverse_cdf(p);
        Self {
            hits,
            runs,
            low: if hits == 0 { 0.0 } else { quantile(k, n - k + 1.0, tail) },
            high: if hits == runs { 1.0 } else { quantile(k + 1.0, n - k, 1.0 - tail) },
        }
    }

    /// Of all runs, those that `hit`.
    pub fn count<T>(runs: &[T], hit: impl Fn(&T) -> bool) -> Self {
        let hits = runs.iter().filter(|run| hit(run)).count();
        Self::of(u32::try_from(hits).unwrap(), u32::try_from(runs.len()).unwrap())
    }

    pub fn value(&self) -> f64 {
        f64::from(self.hits) / f64::from(self.runs)
    }
}

/// The median where what never happened counts as later than everything; absent where that is the middle.
pub fn median(times: &[Option<u32>]) -> Option<u32> {
    let mut sorted: Vec<u32> = times.iter().map(|time| time.unwrap_or(u32::MAX)).collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().filter(|time| *time < u32::MAX)
}

/// The median of those that happened; absent where none did.
pub fn median_of_happened(times: &[Option<u32>]) -> Option<u32> {
    let happened: Vec<Option<u32>> = times.iter().flatten().map(|time| Some(*time)).collect();
    median(&happened)
}

/// The mean where what never happened counts as `horizon`, so that it is never overstated.
pub fn mean(times: &[Option<u32>], horizon: u32) -> f64 {
    let sum: f64 = times.iter().map(|time| f64::from(time.unwrap_or(horizon))).sum();
    sum / f64::from(u32::try_from(times.len().max(1)).unwrap())
}

/// Relative entropy of one coin of share `p` against one of share `q`, in nats. Both in [0, 1].
pub fn relative_entropy(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p == 0.0 { 0.0 } else { p * (p / q).ln() };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

/// What a tick brings on average: requests of both colours and the rates at which they fail.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// Requests of both colours per tick.
    pub requests: f64,
    /// The candidate's share of them, in (0, 1).
    pub weight: f64,
    /// Live's rate of bad events.
    pub live: f64,
    /// The candidate's.
    pub candidate: f64,
}

impl Flow {
    fn bad(&self, ratio: f64) -> (f64, f64) {
        (self.requests * (1.0 - self.weight) * self.live, self.requests * self.weight * self.live * ratio)
    }

    /// The candidate's share among all bad events if its rate were `ratio` times live's.
    fn share(&self, ratio: f64) -> f64 {
        let (live, candidate) = self.bad(ratio);
        candidate / (live + candidate)
    }

    /// Information per tick, in nats, against "the candidate's rate is `ratio` times live's": the relative entropy of
    /// the candidate's share among the bad events, given their number, times the number expected.
    ///
    /// For Poisson counts of both colours this is the smallest relative entropy over all null members, whatever
    /// live's rate: minimising over it leaves total · kl(share ‖ null share).
    pub fn information_against(&self, ratio: f64) -> f64 {
        if self.live == 0.0 {
            return 0.0;
        }
        let true_ratio = self.candidate / self.live;
        let (live, candidate) = self.bad(true_ratio);
        (live + candidate) * relative_entropy(self.share(true_ratio), self.share(ratio))
    }

    /// Information per tick against "the candidate's own rate is `rate`".
    pub fn information_against_rate(&self, rate: f64) -> f64 {
        self.requests * self.weight * relative_entropy(self.candidate, rate)
    }
}

/// Wald's (1945) bound in ticks: no test that errs with probability `error` stops sooner on average than
/// ln(1/error) / information, for a known effect.
pub fn wald_ticks(error: f64, information: f64) -> f64 {
    -error.ln() / information
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, within: f64) {
        assert!((a - b).abs() <= within, "{a} is not {b}");
    }

    /// Against the tables of Clopper and Pearson as R's `binom.test` prints them.
    #[test]
    fn intervals_are_exact() {
        for (hits, runs, low, high) in [
            (0, 10, 0.0, 0.308_497_1),
            (1, 10, 0.002_528_579, 0.445_016_1),
            (5, 10, 0.187_086_0, 0.812_914_0),
            (10, 10, 0.691_502_9, 1.0),
            (20, 2_000, 0.006_118_64, 0.015_401_4),
        ] {
            let share = Share::of(hits, runs);
            close(share.low, low, 2e-6);
            close(share.high, high, 2e-6);
        }
    }

    /// By definition: at the ends, what was seen or worse has probability 2.5%.
    #[test]
    fn the_ends_have_their_tails() {
        use statrs::distribution::{Binomial, DiscreteCDF};
        for (hits, runs) in [(3_u32, 40_u32), (12, 2_000), (150, 200)] {
            let share = Share::of(hits, runs);
            let at_most = |p: f64, k: u32| Binomial::new(p, u64::from(runs)).unwrap().cdf(u64::from(k));
            close(1.0 - at_most(share.low, hits - 1), 0.025, 1e-6);
            close(at_most(share.high, hits), 0.025, 1e-6);
        }
    }

    #[test]
    fn what_never_happened_is_late() {
        assert_eq!(median(&[Some(3), None, Some(1)]), Some(3));
        assert_eq!(median(&[Some(3), None, None]), None);
        assert_eq!(median(&[]), None);
        assert_eq!(median_of_happened(&[Some(3), None, None]), Some(3));
        close(mean(&[Some(2), None], 10), 6.0, 1e-12);
    }

    #[test]
    fn entropy_of_known_coins() {
        close(relative_entropy(0.5, 0.5), 0.0, 1e-15);
        close(relative_entropy(1.0, 0.5), std::f64::consts::LN_2, 1e-15);
        close(relative_entropy(0.0, 0.2), -(0.8_f64.ln()), 1e-15);
        close(relative_entropy(0.6, 0.5), 0.6 * 1.2_f64.ln() + 0.4 * 0.8_f64.ln(), 1e-15);
    }

    /// The closed form against a search over all null members: two Poisson counts of equal rates.
    #[test]
    fn no_null_member_is_nearer_than_the_conditional_one() {
        let poisson = |true_mean: f64, mean: f64| true_mean * (true_mean / mean).ln() - true_mean + mean;
        for (weight, ratio) in [(0.5, 2.0), (0.05, 1.5), (0.25, 20.0)] {
            let flow = Flow { requests: 200.0, weight, live: 0.005, candidate: 0.005 * ratio };
            let (live, candidate) = (200.0 * (1.0 - weight) * 0.005, 200.0 * weight * 0.005 * ratio);
            let member = |rate: f64| {
                poisson(live, 200.0 * (1.0 - weight) * rate) + poisson(candidate, 200.0 * weight * rate)
            };
            let nearest = (1..200_000).map(|i| member(f64::from(i) * 1e-6)).fold(f64::INFINITY, f64::min);
            close(flow.information_against(1.0), nearest, 1e-6);
        }
    }

    /// 200 requests a second, half of them the candidate's, twice 0.5%: shares 2/3 and 1/2 of 1.5 bad events.
    #[test]
    fn wald_of_a_doubled_rate() {
        let flow = Flow { requests: 200.0, weight: 0.5, live: 0.005, candidate: 0.01 };
        let information = 1.5 * ((2.0 / 3.0) * (4.0_f64 / 3.0).ln() + (1.0 / 3.0) * (2.0_f64 / 3.0).ln());
        close(flow.information_against(1.0), information, 1e-12);
        close(wald_ticks(0.005, information), 200.0_f64.ln() / information, 1e-9);
        assert!(flow.information_against(2.0).abs() < 1e-12);
    }

    #[test]
    fn silence_speaks_against_a_rate() {
        let flow = Flow { requests: 200.0, weight: 0.5, live: 0.0, candidate: 0.0 };
        close(flow.information_against_rate(0.001), -100.0 * 0.999_f64.ln(), 1e-12);
        close(flow.information_against(1.5), 0.0, 0.0);
    }
}
