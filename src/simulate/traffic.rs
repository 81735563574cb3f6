//! Draws what each check would measure in one tick.
//!
//! Requests arrive as a Poisson process and are split by the weight. Of a colour's requests in a tick, the bad ones are
//! beta-binomial: their rate strays from tick to tick, as that of real instances does. Response times are log-normal,
//! counted between bounds as services usually have them; harm multiplies the share slower than any bound. A value is
//! log-normal around a level that lies well within its limit.
//! Ticks that are taken together have the counts of all of them: their stray averages out, so ρ falls with their number.

use rand::Rng;
use rand_distr::{Beta, Binomial, Distribution, Poisson, StandardNormal};
use statrs::distribution::{ContinuousCDF, LogNormal};

use super::{Harm, Setup, Traffic, seconds};
use crate::evidence::count_to_float;
use crate::judge::spec::{Bound, CheckKind, CheckSpec, Direction, ValueSpec};
use crate::sample::{GapKind, Pair, Reading, Weight};

/// Upper bounds of the response time histogram in seconds.
const BOUNDS_S: [f64; 22] = [
    0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0,
    2.0, 3.0, 5.0, 10.0, 30.0,
];

/// What a check's readings are drawn from; live and candidate in this order.
#[derive(Clone, Debug)]
enum Signal {
    /// Bad events of the requests.
    Requests([f64; 2]),
    /// Bad events of the probes that were due.
    Probes { share: [f64; 2], every_ms: u64 },
    /// Shares of the requests by bucket.
    Histogram([Vec<f64>; 2]),
    /// Logarithms of the medians.
    Value([f64; 2]),
}

/// What all checks' readings are drawn from.
#[derive(Clone, Debug)]
pub struct Source {
    signals: Vec<(String, Signal)>,
    traffic: Traffic,
    tick_ms: u64,
}

/// A stretch of time with one weight: one tick, or several taken together.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Its beginning, excluded.
    pub from_ms: u64,
    /// Its end, included.
    pub to_ms: u64,
    /// The candidate's.
    pub weight: Weight,
}

impl Source {
    pub fn new(setup: &Setup, harm: Harm) -> Self {
        let signal = |check: &CheckSpec| {
            let harm = match harm {
                Harm::Times(_) if check.name != setup.harmed => Harm::None,
                harm => harm,
            };
            (check.name.clone(), signal(check, setup, harm))
        };
        Self {
            signals: setup.judge.checks.iter().map(signal).collect(),
            traffic: setup.traffic,
            tick_ms: setup.plan.tick_ms.max(1),
        }
    }

    /// One reading of each check for both colours.
    pub fn draw(&self, stretch: Stretch, rng: &mut impl Rng) -> Vec<Pair> {
        let long_s = seconds(stretch.to_ms - stretch.from_ms);
        let share = stretch.weight.share();
        let requests = [1.0 - share, share].map(|share| poisson(self.traffic.rate * long_s * share, rng));
        let ticks = (stretch.to_ms - stretch.from_ms).div_ceil(self.tick_ms).max(1);
        let spread = Spread::of(self.traffic.burstiness / count_to_float(ticks));
        let pair = |(name, signal): &(String, Signal), rng: &mut _| {
            let [live, candidate] = match signal {
                Signal::Requests(share) => {
                    [0, 1].map(|role: usize| counts(requests[role], share[role], spread, rng))
                }
                Signal::Probes { share, every_ms } => {
                    let due = stretch.to_ms / every_ms - stretch.from_ms / every_ms;
                    share.map(|share| if due == 0 { not_yet() } else { counts(due, share, spread, rng) })
                }
                Signal::Histogram(shares) => {
                    [0, 1].map(|role: usize| histogram(requests[role], &shares[role], spread, rng))
                }
                Signal::Value(logs) => logs.map(|log| {
                    let stray: f64 = StandardNormal.sample(rng);
                    Reading::Value((log + self.traffic.value_noise * stray).exp())
                }),
            };
            Pair { check: name.clone(), live, candidate }
        };
        self.signals.iter().map(|signal| pair(signal, rng)).collect()
    }
}

fn signal(check: &CheckSpec, setup: &Setup, harm: Harm) -> Signal {
    match &check.kind {
        CheckKind::Ratio(_) => {
            let share = [setup.traffic.error_rate, worse(setup.traffic.error_rate, harm)];
            match setup.probe_every_ms.get(&check.name) {
                Some(every_ms) => Signal::Probes { share, every_ms: (*every_ms).max(1) },
                None => Signal::Requests(share),
            }
        }
        CheckKind::Latency(_) => {
            Signal::Histogram([Harm::None, harm].map(|harm| buckets(&setup.traffic, harm)))
        }
        CheckKind::Value(spec) => Signal::Value(levels(spec, harm)),
    }
}

fn worse(share: f64, harm: Harm) -> f64 {
    match harm {
        Harm::None => share,
        Harm::Times(factor) => (share * factor).min(1.0),
        Harm::Outage => 1.0,
    }
}

/// Shares of the requests between the bounds, the last for what is slower than all.
fn buckets(traffic: &Traffic, harm: Harm) -> Vec<f64> {
    let times = LogNormal::new(traffic.latency_median_s.ln(), traffic.latency_sigma);
    let slower = |bound: f64| worse(times.as_ref().map_or(0.0, |times| times.sf(bound)), harm);
    let shares = BOUNDS_S.map(slower);
    let above = std::iter::once(1.0).chain(shares);
    above.zip(shares.into_iter().chain([0.0])).map(|(faster, slower)| faster - slower).collect()
}

/// Half of a limit from above, twice one from below. An outage is not seen in values: what an idle service uses says nothing.
fn levels(spec: &ValueSpec, harm: Harm) -> [f64; 2] {
    let level = match spec.limit.as_ref().map(|limit| limit.bound) {
        Some(Bound::Above(bound)) if bound > 0.0 => (bound / 2.0).ln(),
        Some(Bound::Below(bound)) if bound > 0.0 => (bound * 2.0).ln(),
        _ => 0.0,
    };
    let shift = match (harm, spec.direction) {
        (Harm::Times(factor), Direction::Increase | Direction::Either) => factor.ln(),
        (Harm::Times(factor), Direction::Decrease) => -factor.ln(),
        (Harm::None | Harm::Outage, _) => 0.0,
    };
    [level, level + shift]
}

/// (1−ρ)/ρ, the sum of a beta distribution's two parameters; absent for ρ = 0.
#[derive(Clone, Copy, Debug)]
struct Spread(Option<f64>);

impl Spread {
    fn of(rho: f64) -> Self {
        Self((rho > 0.0).then(|| (1.0 - rho) / rho))
    }
}

fn counts(total: u64, share: f64, spread: Spread, rng: &mut impl Rng) -> Reading {
    Reading::Counts { bad: some_of(total, share, spread, rng), total }
}

/// A Dirichlet-multinomial draw, one bucket after the other.
fn histogram(total: u64, shares: &[f64], spread: Spread, rng: &mut impl Rng) -> Reading {
    let (mut left, mut mass) = (total, 1.0);
    let mut counts = vec![0; shares.len()];
    for (count, share) in counts.iter_mut().zip(shares).rev() {
        let here = Spread(spread.0.map(|sum| sum * mass));
        *count = if mass > *share { some_of(left, share / mass, here, rng) } else { left };
        left -= *count;
        mass -= share;
        if left == 0 {
            break;
        }
    }
    // What rounding left over is fast.
    if let Some(fastest) = counts.first_mut() {
        *fastest += left;
    }
    Reading::Histogram { bounds: BOUNDS_S.to_vec(), counts }
}

/// Beta-binomial.
fn some_of(total: u64, share: f64, spread: Spread, rng: &mut impl Rng) -> u64 {
    if total == 0 || share <= 0.0 {
        return 0;
    }
    if share >= 1.0 {
        return total;
    }
    let beta = spread.0.and_then(|sum| Beta::new(share * sum, (1.0 - share) * sum).ok());
    // With next to no mass at one end a draw can underflow to no number; the mean is then as good.
    let share = beta.map(|beta| beta.sample(rng)).filter(|drawn: &f64| drawn.is_finite()).unwrap_or(share);
    Binomial::new(total, share.clamp(0.0, 1.0)).map_or(0, |binomial| binomial.sample(rng))
}

fn poisson(mean: f64, rng: &mut impl Rng) -> u64 {
    let drawn = Poisson::new(mean).map_or(0.0, |poisson| poisson.sample(rng));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; casts saturate")]
    let count = drawn as u64;
    count
}

fn not_yet() -> Reading {
    Reading::gap(GapKind::NotYet, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::run::generator;

    fn mean_and_variance(draw: impl Fn(&mut rand_pcg::Pcg64) -> f64) -> (f64, f64) {
        let mut rng = generator(7, 0, 0);
        let drawn: Vec<f64> = (0..20_000).map(|_| draw(&mut rng)).collect();
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        (mean, drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0)
    }

    #[test]
    fn bad_events_stray_as_much_as_asked() {
        // n·p·(1−p)·(1 + (n−1)ρ)
        for (rho, variance) in [(0.0, 9.0), (0.01, 9.0 * 1.99)] {
            let (mean, found) =
                mean_and_variance(|rng| count_to_float(some_of(100, 0.1, Spread::of(rho), rng)));
            assert!((mean - 10.0).abs() < 0.15, "{mean}");
            assert!((found / variance - 1.0).abs() < 0.05, "{found} for {variance}");
        }
    }

    #[test]
    fn a_histogram_holds_every_request_where_it_belongs() {
        let traffic = Traffic::new(100.0, 0.01);
        for harm in [Harm::None, Harm::Times(2.0), Harm::Outage] {
            let shares = buckets(&traffic, harm);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12 && shares.iter().all(|s| *s >= 0.0));
            let slow = |shares: &[f64]| shares[14..].iter().sum::<f64>();
            let expected = worse(slow(&buckets(&traffic, Harm::None)), harm);
            assert!((slow(&shares) - expected).abs() < 1e-9, "{harm:?}");
            let (mean, _) =
                mean_and_variance(|rng| match histogram(1_000, &shares, Spread::of(0.001), rng) {
                    Reading::Histogram { counts, .. } => {
                        assert_eq!(counts.iter().sum::<u64>(), 1_000);
                        count_to_float(counts[14..].iter().sum())
                    }
                    other => panic!("{other:?}"),
                });
            assert!((mean - 1_000.0 * expected).abs() < 2.0, "{mean} for {expected}");
        }
    }
}
