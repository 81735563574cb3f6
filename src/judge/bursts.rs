//! How bursty live's bad events are, and so how bursty the candidate's may be.
//!
//! Silence cannot rule out bursts that have not come yet, so a proof that something is rare has to know how bursty
//! such events are. Live shows it, tick after tick, with the same code and the same dependencies.
//!
//! Measured by the method of moments on differences of neighbouring ticks (von Neumann 1941), which a slow drift of the
//! rate leaves alone: if counts were binomial, Σ(rₜ − rₜ₋₁)² would be p(1−p)·Σ(1/nₜ + 1/nₜ₋₁); what it is more, by the
//! factor D, is an intra-tick correlation of about (D − 1)/(n − 1).
//!
//! A colour is a number of instances that burst each on its own, so the fewer it has the burstier it is: the candidate's
//! correlation is live's times the quotient of their requests.

use crate::evidence::count_to_float;
use crate::evidence::share::{RHO, RHO_HARM, RHO_HEALTHY};

use super::rate::Counts;

/// So many standard errors D must lie above 1 before it is more than chance. One of D is about √(3/ticks).
const CHANCE: f64 = 2.0;

/// What live has shown so far. A fixed number of floats.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bursts {
    previous: Option<(f64, f64)>,
    /// Σ (rₜ − rₜ₋₁)² and Σ (1/nₜ + 1/nₜ₋₁).
    squares: f64,
    inverse: f64,
    pairs: f64,
    bad: f64,
    live: f64,
    candidate: f64,
    ticks: f64,
}

impl Bursts {
    /// Takes in one tick in which both served something.
    pub fn add(&mut self, live: Counts, candidate: Counts) {
        let n = count_to_float(live.total.max(1));
        let rate = count_to_float(live.bad) / n;
        if let Some((before, n_before)) = self.previous.replace((rate, n)) {
            self.squares += (rate - before).powi(2);
            self.inverse += 1.0 / n + 1.0 / n_before;
            self.pairs += 1.0;
        }
        self.bad += count_to_float(live.bad);
        self.live += n;
        self.candidate += count_to_float(candidate.total);
        self.ticks += 1.0;
    }

    /// The candidate's intra-tick correlation as live's suggests it, in [0, 1]; 0 while nothing beyond chance was seen.
    pub fn rho(&self) -> f64 {
        let rate = self.bad / self.live.max(1.0);
        let expected = rate * (1.0 - rate) * self.inverse;
        let size = self.live / self.ticks.max(1.0);
        if expected <= 0.0 || size <= 1.0 || self.candidate <= 0.0 {
            return 0.0;
        }
        let dispersion = self.squares / expected;
        if dispersion <= 1.0 + CHANCE * (3.0 / self.pairs).sqrt() {
            return 0.0;
        }
        let live = (dispersion - 1.0) / (size - 1.0);
        (live * self.live / self.candidate).clamp(0.0, 1.0)
    }

    /// How many of [`RHO`] a proof that something is rare has to be held against: up to the nearest one, in logs.
    pub fn rhos(&self) -> usize {
        let rho = self.rho();
        let nearer = |i: usize| RHO.get(i).is_some_and(|next| rho > (RHO[i - 1] * next).sqrt());
        (RHO_HEALTHY..RHO_HARM).take_while(|i| nearer(*i)).last().map_or(RHO_HEALTHY, |i| i + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::noise::Noise;

    /// Live's counts of `n` requests at `rate`, with `rho` (0: binomial), beside a candidate of a `part` of the requests.
    fn shown(n: u64, rate: f64, rho: f64, part: u64, ticks: u64) -> Bursts {
        let (mut noise, mut bursts) = (Noise::new(5), Bursts::default());
        for i in 0..ticks {
            // A rate that doubles over the run is no burst.
            let rate = rate * (1.0 + count_to_float(i) / count_to_float(ticks));
            let s = (1.0 - rho) / rho.max(1e-9);
            let p = if rho > 0.0 { noise.beta(rate * s, (1.0 - rate) * s) } else { rate };
            let live = Counts { bad: noise.binomial(n, p), total: n };
            bursts.add(live, Counts { bad: 0, total: n / part });
        }
        bursts
    }

    #[test]
    fn errors_one_by_one_are_no_bursts() {
        for (n, rate) in [(100, 0.005), (1_000, 0.002), (50, 0.1)] {
            let bursts = shown(n, rate, 0.0, 1, 300);
            assert_eq!(bursts.rhos(), RHO_HEALTHY, "{n}, {rate}: {}", bursts.rho());
        }
        assert_eq!(Bursts::default().rhos(), RHO_HEALTHY);
    }

    #[test]
    fn bursts_are_measured_and_grow_with_fewer_instances() {
        let bursts = shown(500, 0.005, 0.01, 1, 600);
        assert!((0.004..0.025).contains(&bursts.rho()), "{}", bursts.rho());
        assert_eq!(bursts.rhos(), RHO_HEALTHY);
        let fewer = shown(500, 0.005, 0.01, 10, 600);
        assert!((fewer.rho() / bursts.rho() - 10.0).abs() < 1e-6);
        assert_eq!(fewer.rhos(), RHO_HEALTHY + 1 + usize::from(fewer.rho() > 0.1));
        assert_eq!(shown(500, 0.005, 0.3, 1, 300).rhos(), RHO_HARM);
    }
}
