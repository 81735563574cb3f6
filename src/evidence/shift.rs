//! The shift test: is a paired difference shifted, when its distribution is not known?
//!
//! For values that cannot be counted (CPU per request, a queue length): one difference d per tick.
//! For a variable y that is symmetric about 0, 1 + tanh(λy) has expectation 1 for every λ, whatever its variance, tails
//! or drift, and symmetry about a negative centre only lowers it: a bet on the sign of y, the larger the larger |y|.
//! The product of such bets is an e-value, and so is its mean over a few λ ([`super::bets`]).
//!
//! Three things are done to d first ([`Preparation`]), each using the past only and each odd in d, so that symmetry
//! survives: scale, clip, whiten.
//! [`ShiftTable`] asks about a whole grid of centres at once, from which every test and the confidence sequence are
//! read. It never stores samples.

use std::sync::Arc;

use super::bets::SignBets;
use super::quantile::RunningMedian;
use super::{Interval, count_to_float};

/// Differences are clipped at so many spreads: one wild value must neither convict nor hide anything.
/// Unclipped, one value of −40 standard deviations wiped out 50 ticks of a shift by one.
const CLIP: f64 = 4.0;

/// Where the autocorrelation of neighbouring ticks is assumed to lie before it is known: high, because what is taken
/// for noise while it is a slow swing convicts by mistake.
const PHI_PRIOR: f64 = 0.9;

/// How many ticks that assumption weighs.
const PHI_PRIOR_TICKS: f64 = 5.0;

/// The estimate is raised by so many of its own standard errors, for the same reason.
const PHI_CAUTION: f64 = 0.7;

/// The largest autocorrelation that is taken out: at 1 nothing would be left of a steady shift.
const PHI_MAX: f64 = 0.985;

/// Where nothing ever moved there is no autocorrelation to be seen; then this.
const PHI_CONSTANT: f64 = 0.5;

/// No bet before the ticks so far are worth this many independent ones, n(1−φ)/(1+φ): fewer say neither how wide
/// nor how slow the swings are.
const INDEPENDENT_MIN: f64 = 2.0;

/// Differences are held within this, so that no square overflows; no measured quantity comes near.
const REACH_MAX: f64 = 1e100;

/// The median of |x| of a normal, in standard deviations.
const MEDIAN_DEVIATION: f64 = 0.674_489_750_196_081_7;

/// What is known before a tick about spread and autocorrelation. A fixed number of floats.
///
/// 1. *Scale*: the running median of |d − centre so far|, as the standard deviation of a normal. It does not change
///    when all of d is shifted or turned about. Differences of neighbouring ticks would be simpler, but where ticks
///    resemble each other they are far smaller than the spread: the clip then makes slow swings look like constants,
///    and false alarms at φ = 0.8 rise from 1.5% to 3.5%.
/// 2. *Clip* at ±4 of it.
/// 3. *Whiten*: y = c − φ·previous c, with φ the lag-1 autocorrelation of earlier ticks about a running centre, with
///    Kendall's (1954) correction of its bias, shrunk toward 0.9 and raised by a part of its standard error.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// Prepares `d` by what was known before it, then learns from it. Absent while too little is known.
    fn take(&mut self, d: f64) -> Option<Prepared> {
        let phi = self.phi();
        let enough = count_to_float(self.ticks) * (1.0 - phi) / (1.0 + phi) >= INDEPENDENT_MIN;
        let scale = self.scale().filter(|_| enough);
        let prepared = scale.map(|scale| Prepared { d, previous: self.previous, scale, phi });
        self.learn(d);
        prepared
    }

    fn scale(&self) -> Option<f64> {
        self.deviations.median().map(|m| m / MEDIAN_DEVIATION)
    }

    /// Autocorrelation to be taken out, in [0, 0.985].
    fn phi(&self) -> f64 {
        if self.squares <= 0.0 {
            return PHI_CONSTANT;
        }
        let pairs = count_to_float(self.ticks.saturating_sub(1));
        let raw = self.products / self.squares;
        let unbiased = (raw + (1.0 + 3.0 * raw) / pairs.max(4.0)).clamp(0.0, PHI_MAX);
        let weight = pairs + PHI_PRIOR_TICKS;
        let estimate = (pairs * unbiased + PHI_PRIOR_TICKS * PHI_PRIOR) / weight;
        let standard_error = ((1.0 - estimate * estimate) / weight).sqrt();
        (estimate + PHI_CAUTION * standard_error).min(PHI_MAX)
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
#[derive(Clone, Debug, PartialEq)]
pub struct ShiftTable {
    centres: Arc<[f64]>,
    bets: Vec<SignBets>,
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
            bets: vec![SignBets::default(); centres.len()],
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
            for (bets, centre) in self.bets.iter_mut().zip(self.centres.iter()) {
                bets.add(prepared.about(*centre));
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

    /// The bets against the null at the grid's centre nearest to `centre`.
    #[must_use]
    pub fn at(&self, centre: f64) -> SignBets {
        let distance = |c: f64| (c - centre).abs();
        self.centres
            .iter()
            .zip(&self.bets)
            .min_by(|a, b| distance(*a.0).total_cmp(&distance(*b.0)))
            .map_or_else(SignBets::default, |(_, bets)| *bets)
    }

    /// An interval that holds the true centre at every moment with probability 1 − `alpha`, half on each side.
    ///
    /// Its ends are points of the grid that are excluded themselves, so it is never too short.
    #[must_use]
    pub fn confidence(&self, alpha: f64) -> Interval {
        let bar = (2.0 / alpha).ln();
        let too_low = |s: &SignBets| s.log_e_above() >= bar;
        let too_high = |s: &SignBets| s.log_e_below() >= bar;
        let lows = self.bets.iter().take_while(|s| too_low(s)).count();
        let highs = self.bets.iter().rev().take_while(|s| too_high(s)).count();
        let end = |excluded: usize, i: usize| (excluded > 0).then(|| self.centres[i]);
        Interval {
            low: end(lows, lows.wrapping_sub(1)),
            high: end(highs, self.centres.len().wrapping_sub(highs)),
        }
    }
}

#[cfg(test)]
mod tests;
