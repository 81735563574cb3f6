//! Harm that one tick shows: the candidate fails most of what it gets while live does not.
//!
//! The share test looks at bad events only, given their number, and allows for bursts: a hundred bad events of one
//! colour in one tick may be one burst. It does not use that live served a hundred good ones in the same tick.
//! Here both colours' counts are held against "both fail at the same rate p, each with bursts of its own":
//!
//! D = f(candidate | fails most) · f(live | fails little) / max over p and ρ of f(candidate | p, ρ) · f(live | p, ρ)
//!
//! The numerator is one distribution and the denominator at least the likelihood of every p that the two may share, so
//! D is an e-value, for every p and whatever p was before. A candidate that fails less than live only makes D smaller.
//!
//! The maximum over p costs too much to be paid at every tick, so the tick is bet on beforehand: tick i with 1/(i(i+1)),
//! since what is broken is mostly broken at once. Ticks without gross failure pay nothing out: E is
//! Σ over gross ticks of D/(i(i+1)), plus 1/(t+1) for the bets still open.

use super::kernel::log_kernel;
use super::{count_to_float, ln_add};

/// A tick is gross where the candidate fails at least this share, …
const GROSS_SHARE: f64 = 0.3;

/// … at least so many events, …
const GROSS_EVENTS: u64 = 5;

/// … and this many times live's share.
const GROSS_RATIO: f64 = 3.0;

/// Shares that the alternative gives the candidate and live, and its burstiness.
const FAILS_MOST: [f64; 2] = [0.7, 0.995];
const FAILS_LITTLE: [f64; 2] = [0.002, 0.03];
const ALTERNATIVE_RHO: f64 = 0.05;

/// Burstiness of the null, for each colour apart.
const NULL_RHO: [f64; 4] = [0.0, 0.01, 0.05, 0.2];

/// Odds of the shared rate p that the null is maximised over, besides the two that the tick itself suggests.
const NULL_ODDS: [f64; 11] = [0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 5.0, 20.0];

/// Bad events of all events of one colour in one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Bad ones.
    pub bad: u64,
    /// All of them, at least as many.
    pub total: u64,
}

impl Served {
    fn share(self) -> f64 {
        count_to_float(self.bad) / count_to_float(self.total.max(1))
    }

    fn ln_chance(self, odds: f64, rho: f64) -> f64 {
        log_kernel(self.bad.min(self.total), self.total, odds, rho)
    }
}

/// The e-value for an outage that one tick shows. Three numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutageTest {
    ticks: u64,
    /// Paid out so far, as a logarithm; absent while nothing was.
    ln_won: Option<f64>,
}

impl OutageTest {
    /// Takes in one tick in which both colours served something.
    pub fn add(&mut self, live: Served, candidate: Served) {
        self.ticks += 1;
        if gross(live, candidate) {
            let i = count_to_float(self.ticks);
            let won = ln_quotient(live, candidate) - (i * (i + 1.0)).ln();
            self.ln_won = Some(self.ln_won.map_or(won, |before| ln_add(before, won)));
        }
    }

    /// ln E: 0 before the first tick, finite always.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        let open = -(count_to_float(self.ticks) + 1.0).ln();
        self.ln_won.map_or(open, |won| ln_add(won, open))
    }
}

fn gross(live: Served, candidate: Served) -> bool {
    candidate.bad >= GROSS_EVENTS
        && candidate.share() >= GROSS_SHARE
        && candidate.share() >= GROSS_RATIO * live.share()
}

/// ln D.
fn ln_quotient(live: Served, candidate: Served) -> f64 {
    let odds = |share: f64| share / (1.0 - share);
    let mean = |served: Served, shares: [f64; 2]| {
        let all = shares.map(|share| served.ln_chance(odds(share), ALTERNATIVE_RHO));
        all.into_iter().reduce(ln_add).unwrap_or(0.0) - std::f64::consts::LN_2
    };
    let best = |served: Served, odds: f64| {
        NULL_RHO.iter().map(|rho| served.ln_chance(odds, *rho)).fold(f64::MIN, f64::max)
    };
    // Where one tick's shared rate is likeliest: with all events alike, and with both colours alike.
    let pooled = count_to_float(live.bad.saturating_add(candidate.bad))
        / count_to_float(live.total.saturating_add(candidate.total).max(1));
    let suggested = [pooled, 0.5 * (live.share() + candidate.share())].into_iter().map(odds);
    let null = NULL_ODDS
        .into_iter()
        .chain(suggested.filter(|odds| odds.is_finite() && *odds > 0.0))
        .map(|odds| best(live, odds) + best(candidate, odds))
        .fold(f64::MIN, f64::max);
    mean(candidate, FAILS_MOST) + mean(live, FAILS_LITTLE) - null
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ticks: &[(u64, u64, u64, u64)]) -> f64 {
        let mut test = OutageTest::default();
        for (live_bad, live, bad, total) in ticks {
            test.add(Served { bad: *live_bad, total: *live }, Served { bad: *bad, total: *total });
        }
        test.log_e()
    }

    #[test]
    fn nothing_seen_is_no_evidence() {
        assert!(OutageTest::default().log_e().abs() < f64::EPSILON);
    }

    #[test]
    fn one_tick_of_outage_is_proof() {
        // A twentieth of the traffic: ten of ten.
        assert!(after(&[(0, 190, 10, 10)]) > 7.5, "{}", after(&[(0, 190, 10, 10)]));
        assert!(after(&[(0, 100, 100, 100)]) > 9.0, "{}", after(&[(0, 100, 100, 100)]));
        assert!(after(&[(2, 100, 97, 100)]) > 4.0, "{}", after(&[(2, 100, 97, 100)]));
    }

    #[test]
    fn a_shared_outage_and_a_burst_are_none() {
        assert!(after(&[(100, 100, 100, 100)]) <= 0.0);
        assert!(after(&[(30, 100, 100, 100)]) < 3.0);
        assert!(after(&[(0, 100, 30, 100)]) < 3.0, "{}", after(&[(0, 100, 30, 100)]));
    }

    #[test]
    fn bets_not_won_are_lost_slowly() {
        assert!((after(&[(0, 100, 0, 100); 99]) + 100.0_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn expectation_under_any_shared_rate_is_at_most_one() {
        // Exact: every outcome of one tick of 12 requests a colour, at rates and correlations off the null's grid.
        let n = 12;
        let choose = |k: u64| (0..k).fold(1.0, |c, i| c * count_to_float(n - i) / count_to_float(i + 1));
        for p in [0.02_f64, 0.1, 0.25, 0.37, 0.5, 0.62, 0.8, 0.95] {
            for (rho_live, rho_candidate) in [(0.0, 0.0), (0.005, 0.1), (0.1, 0.03), (0.2, 0.2)] {
                let chance = |k: u64, rho: f64| choose(k) * log_kernel(k, n, p / (1.0 - p), rho).exp();
                let mut expectation = 0.0;
                for live in 0..=n {
                    for bad in 0..=n {
                        let (l, c) = (Served { bad: live, total: n }, Served { bad, total: n });
                        if gross(l, c) {
                            expectation +=
                                chance(live, rho_live) * chance(bad, rho_candidate) * ln_quotient(l, c).exp();
                        }
                    }
                }
                assert!(expectation <= 1.0 + 1e-9, "p {p}: {expectation}");
            }
        }
    }
}
