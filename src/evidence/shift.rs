//! The shift test: is a paired difference shifted, when its distribution is not known?
//!
//! For values that cannot be counted (CPU per request, a queue length): one difference d per tick.
//! For a variable y that is symmetric about 0, exp(λy − λ²y²/2) has expectation at most 1 for every λ, without any
//! moment (de la Peña 1999), whatever its variance or drift; symmetry about a negative centre only lowers it.
//! Mixing λ over half-normals (Robbins 1970; Howard and others 2021) gives an e-value that needs only
//! S = Σy and V = Σy²: [`SelfNormalised`].
//!
//! Three things are done to d first ([`Preparation`]), each using the past only and each odd in d, so that symmetry
//! survives: scale, clip, whiten.
//! [`ShiftTable`] asks about a whole grid of centres at once, from which every test and the confidence sequence are
//! read. Neither ever stores samples.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::normal::half_square_plus_ln_phi;
use super::quantile::RunningMedian;
use super::{Interval, count_to_float};

/// Scales of the half-normals that λ is mixed over, in units of the spread.
pub const SIGMAS: [f64; 4] = [0.1, 0.3, 1.0, 3.0];

/// Differences are clipped at so many spreads: one wild value must neither convict nor hide anything.
/// Unclipped, one value of −40 standard deviations wiped out 50 ticks of a shift by one.
const CLIP: f64 = 4.0;

/// Where the autocorrelation of neighbouring ticks is assumed to lie before it is known.
const PHI_PRIOR: f64 = 0.5;

/// How many ticks that assumption weighs.
const PHI_PRIOR_TICKS: f64 = 10.0;

/// The largest autocorrelation that is taken out: at 1 nothing would be left of a steady shift.
const PHI_MAX: f64 = 0.97;

/// Differences are held within this, so that no square overflows; no measured quantity comes near.
const REACH_MAX: f64 = 1e100;

/// The median of |x| of a normal, in standard deviations.
const MEDIAN_DEVIATION: f64 = 0.674_489_750_196_081_7;

/// S and V of one null hypothesis, and its e-values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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

/// What is known before a tick about spread and autocorrelation. A fixed number of floats.
///
/// 1. *Scale*: the running median of |d − centre so far|, as the standard deviation of a normal. It does not change
///    when all of d is shifted or turned about. Differences of neighbouring ticks would be simpler, but where ticks
///    resemble each other they are far smaller than the spread: the clip then makes slow swings look like constants,
///    and false alarms at φ = 0.8 rise from 1.5% to 3.5%.
/// 2. *Clip* at ±4 of it.
/// 3. *Whiten*: y = c − φ·previous c, with φ the lag-1 autocorrelation of earlier ticks about a running centre, with
///    Kendall's (1954) correction of its bias, shrunk toward 0.5.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    ticks: u64,
    previous: f64,
    deviations: RunningMedian,
    centre: f64,
    products: f64,
    squares: f64,
}

/// How one difference is prepared, fixed before it was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Prepared {
    d: f64,
    previous: f64,
    scale: f64,
    phi: f64,
}

impl Prepared {
    /// The whitened value against the null that d is centred at `centre`.
    fn about(&self, centre: f64) -> f64 {
        clip(self.d - centre, self.scale) - self.phi * clip(self.previous - centre, self.scale)
    }
}

/// x in units of `scale`, held within ±[`CLIP`]. Where there is no spread every difference from 0 is as large as can be.
fn clip(x: f64, scale: f64) -> f64 {
    if x == 0.0 { 0.0 } else { (x / scale).clamp(-CLIP, CLIP) }
}

impl Preparation {
    /// Prepares `d` by what was known before it, then learns from it. The first two ticks only teach the spread.
    fn take(&mut self, d: f64) -> Option<Prepared> {
        let prepared =
            self.scale().map(|scale| Prepared { d, previous: self.previous, scale, phi: self.phi() });
        self.learn(d);
        prepared
    }

    fn scale(&self) -> Option<f64> {
        self.deviations.median().map(|m| m / MEDIAN_DEVIATION)
    }

    /// Estimated autocorrelation, in [0, 0.97].
    fn phi(&self) -> f64 {
        let pairs = count_to_float(self.ticks.saturating_sub(1));
        let raw = if self.squares > 0.0 { self.products / self.squares } else { PHI_PRIOR };
        let unbiased = raw + (1.0 + 3.0 * raw) / pairs.max(4.0);
        let own = pairs / (pairs + PHI_PRIOR_TICKS);
        own * unbiased.clamp(0.0, PHI_MAX) + (1.0 - own) * PHI_PRIOR
    }

    fn learn(&mut self, d: f64) {
        self.ticks += 1;
        if self.ticks == 1 {
            self.centre = d;
        } else {
            self.deviations.add((d - self.centre).abs());
            // A mean whose steps are clipped: odd in d, and a wild value moves it by four spreads at most.
            // Kept in units of d: early spreads are rough, and dividing by them would weigh the first ticks wildly.
            let reach = CLIP * self.scale().unwrap_or(0.0);
            let within = |x: f64| x.clamp(-reach, reach);
            self.centre += within(d - self.centre) / count_to_float(self.ticks);
            let (now, before) = (within(d - self.centre), within(self.previous - self.centre));
            self.products += now * before;
            self.squares += before * before;
        }
        self.previous = d;
    }
}

/// Shift tests of one stream of differences against a fixed grid of centres. A fixed number of floats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShiftTable {
    centres: Arc<[f64]>,
    sums: Vec<SelfNormalised>,
    preparation: Preparation,
    median: RunningMedian,
}

impl ShiftTable {
    /// A table that has seen nothing, about the given centres (sorted here; what is not finite is left out).
    #[must_use]
    pub fn new(centres: impl IntoIterator<Item = f64>) -> Self {
        let mut centres: Vec<f64> = centres.into_iter().filter(|c| c.is_finite()).collect();
        centres.sort_by(f64::total_cmp);
        centres.dedup();
        Self {
            sums: vec![SelfNormalised::default(); centres.len()],
            centres: centres.into(),
            preparation: Preparation::default(),
            median: RunningMedian::default(),
        }
    }

    /// 41 centres about 0 that hold 0 and ±`margin` exactly: quarters of the margin up to twice the margin, and from
    /// there evenly in logs up to `reach` (at least four margins).
    #[must_use]
    pub fn about(margin: f64, reach: f64) -> Self {
        let near = (1..=8).map(|i| margin * f64::from(i) / 4.0);
        let ratio = (reach / margin).max(4.0) / 2.0;
        let far = (1..=12).map(|i| 2.0 * margin * ratio.powf(f64::from(i) / 12.0));
        let half: Vec<f64> = near.chain(far).collect();
        let mirrored = half.iter().map(|c| -c).collect::<Vec<_>>();
        Self::new(mirrored.into_iter().chain([0.0]).chain(half))
    }

    /// Takes in one difference; what is not finite is left out.
    pub fn add(&mut self, d: f64) {
        if !d.is_finite() {
            return;
        }
        let d = d.clamp(-REACH_MAX, REACH_MAX);
        self.median.add(d);
        if let Some(prepared) = self.preparation.take(d) {
            for (sums, centre) in self.sums.iter_mut().zip(self.centres.iter()) {
                sums.add(prepared.about(*centre));
            }
        }
    }

    /// The running median of the differences; absent before the first.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.median.median()
    }

    /// How many differences there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.median.count()
    }

    /// S and V against the null at the grid's centre nearest to `centre`.
    #[must_use]
    pub fn at(&self, centre: f64) -> SelfNormalised {
        let distance = |c: f64| (c - centre).abs();
        self.centres
            .iter()
            .zip(&self.sums)
            .min_by(|a, b| distance(*a.0).total_cmp(&distance(*b.0)))
            .map_or_else(SelfNormalised::default, |(_, sums)| *sums)
    }

    /// An interval that holds the true centre at every moment with probability 1 − `alpha`, half on each side.
    ///
    /// Its ends are points of the grid that are excluded themselves, so it is never too short.
    #[must_use]
    pub fn confidence(&self, alpha: f64) -> Interval {
        let bar = (2.0 / alpha).ln();
        let too_low = |s: &SelfNormalised| s.log_e_above() >= bar;
        let too_high = |s: &SelfNormalised| s.log_e_below() >= bar;
        let lows = self.sums.iter().take_while(|s| too_low(s)).count();
        let highs = self.sums.iter().rev().take_while(|s| too_high(s)).count();
        let end = |excluded: usize, i: usize| (excluded > 0).then(|| self.centres[i]);
        Interval {
            low: end(lows, lows.wrapping_sub(1)),
            high: end(highs, self.centres.len().wrapping_sub(highs)),
        }
    }
}

#[cfg(test)]
mod tests;
