//! Values that cannot be counted: an autocorrelated difference between the colours, on a load that both share.
//!
//! The judge compares logs, so live is exp(load) and the candidate exp(load + difference), both autoregressive of
//! order one. The difference is what the shift test sees: innovations of unit scale times √(1−φ²), so that with normal
//! noise its standard deviation is 1; with Student's t the scale is that of the innovations, as in the table of
//! the design, where "1 sd" means one such unit.

use assize::sample::{Pair, Reading};
use rand_distr::{Distribution, StandardNormal, StudentT};

use super::lab::Rng;
use super::traffic::Stream;

/// What one unit of the difference is, in logs: small, so that values stay ordinary numbers.
pub const UNIT: f64 = 0.2;

/// Steps before the first tick, so that a stream begins in its stationary state: 0.95^200 is nothing.
const BURN_IN: u32 = 200;

/// Innovations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    Normal,
    /// Student's t with so many degrees of freedom.
    T(f64),
}

impl Noise {
    pub fn name(self) -> String {
        match self {
            Self::Normal => "normal".into(),
            Self::T(freedom) => format!("t({freedom})"),
        }
    }

    fn draw(self, random: &mut Rng) -> f64 {
        match self {
            Self::Normal => StandardNormal.sample(random),
            Self::T(freedom) => StudentT::new(freedom).unwrap().sample(random),
        }
    }
}

/// x ← φx + √(1−φ²)·noise.
#[derive(Clone, Copy, Debug)]
pub struct Autoregression {
    phi: f64,
    noise: Noise,
    state: Option<f64>,
}

impl Autoregression {
    /// `phi` in [0, 1).
    pub const fn new(phi: f64, noise: Noise) -> Self {
        Self { phi, noise, state: None }
    }

    /// Begins at 0 instead of anywhere.
    pub const fn starting_at_rest(self) -> Self {
        Self { state: Some(0.0), ..self }
    }

    pub fn next(&mut self, random: &mut Rng) -> f64 {
        let part = (1.0 - self.phi * self.phi).sqrt();
        let step = |x: f64, random: &mut Rng| self.phi * x + part * self.noise.draw(random);
        let before = self.state.unwrap_or_else(|| (0..BURN_IN).fold(0.0, |x, _| step(x, random)));
        let now = step(before, random);
        self.state = Some(now);
        now
    }
}

/// Values on their way.
#[derive(Clone, Debug)]
pub struct Values {
    name: String,
    /// In units of the difference.
    shift: f64,
    load: Autoregression,
    difference: Autoregression,
}

impl Values {
    /// Differences with autocorrelation `phi`, shifted by `shift` units toward worse.
    pub fn new(name: &str, phi: f64, noise: Noise, shift: f64) -> Self {
        Self::of(name, Autoregression::new(phi, noise), shift)
    }

    /// Differences of any kind.
    pub fn of(name: &str, difference: Autoregression, shift: f64) -> Self {
        let load = Autoregression::new(0.9, Noise::Normal);
        Self { name: name.to_owned(), shift, load, difference }
    }
}

impl Stream for Values {
    fn next(&mut self, _weight: f64, random: &mut Rng) -> Pair {
        let load = UNIT * self.load.next(random);
        let difference = UNIT * (self.difference.next(random) + self.shift);
        // A t(3) innovation beyond e^300 does not happen; beyond the largest float it would be no reading.
        let value = |log: f64| Reading::Value(log.clamp(-300.0, 300.0).exp());
        Pair { check: self.name.clone(), live: value(load), candidate: value(load + difference) }
    }
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn differences_have_their_shift_spread_and_correlation() {
        for (phi, noise, variance) in
            [(0.0, Noise::Normal, 1.0), (0.9, Noise::Normal, 1.0), (0.6, Noise::T(4.0), 2.0)]
        {
            let (mut values, mut random) = (Values::new("cpu", phi, noise, 0.5), Rng::seed_from_u64(4));
            let differences: Vec<f64> = (0..200_000)
                .map(|_| match values.next(0.5, &mut random) {
                    Pair { live: Reading::Value(live), candidate: Reading::Value(candidate), .. } => {
                        (candidate / live).ln() / UNIT
                    }
                    other => panic!("{other:?}"),
                })
                .collect();
            let n = 200_000.0;
            let mean = differences.iter().sum::<f64>() / n;
            let spread = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n;
            let lagged = differences.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>() / n;
            assert!((mean - 0.5).abs() < 0.05, "mean {mean}");
            assert!((spread / variance - 1.0).abs() < 0.1, "variance {spread}");
            assert!((lagged / spread - phi).abs() < 0.02, "correlation {}", lagged / spread);
        }
    }

    #[test]
    fn from_rest_the_first_ticks_are_quiet() {
        let mut random = Rng::seed_from_u64(8);
        let rest = Autoregression::new(0.95, Noise::Normal).starting_at_rest();
        let first = (0..20_000).map(|_| { rest }.next(&mut random).powi(2)).sum::<f64>() / 20_000.0;
        assert!((first / (1.0 - 0.95_f64.powi(2)) - 1.0).abs() < 0.05, "{first}");
    }

    /// The first tick is as spread out as any other.
    #[test]
    fn it_begins_stationary() {
        let mut random = Rng::seed_from_u64(8);
        let first = (0..20_000).map(|_| Autoregression::new(0.95, Noise::Normal).next(&mut random).powi(2));
        assert!((first.sum::<f64>() / 20_000.0 - 1.0).abs() < 0.05);
    }
}
