//! The shift test: one value per colour and tick; is the candidate's shifted?
//!
//! `d` is the paired difference of a tick. If it is symmetric about a centre at most 0, then exp(λd − λ²d²/2) has
//! expectation at most 1 for every λ ≥ 0, without any moment (de la Peña 1999). Mixing λ over half-normals of scale σ
//! (Robbins 1970) gives, with S = Σd and V = Σd²:
//!
//! ```text
//! ln E(σ) = ln 2 − ½ ln(1+σ²V) + S²σ² / (2(1+σ²V)) + ln Φ( Sσ / √(1+σ²V) )
//! E       = mean of E(σ) over σ in {0.1, 0.3, 1, 3}
//! ```
//!
//! Before that a difference is scaled, clipped and whitened. Each step uses the past only and is odd in `d`, so
//! symmetry survives it.

use statrs::function::erf::erfc;

use super::log_weighted_mean;
use super::median::RunningMedian;

/// Scales of the mixture.
const SIGMA: [f64; 4] = [0.1, 0.3, 1.0, 3.0];

/// One wild value must neither convict nor hide anything.
const CLIP: f64 = 4.0;

/// The AR(1) coefficient is shrunk toward this, with the weight of so many ticks.
const PHI_PRIOR: f64 = 0.5;
const PHI_PRIOR_TICKS: f64 = 10.0;

/// The median of |x − y| for two independent normal values, in standard deviations.
const MEDIAN_DIFFERENCE: f64 = 0.953_872_552_417_69;

/// A spread smaller than this is rounding.
const SCALE_MIN: f64 = 1e-9;

/// The self-normalised e-value of "the centre is above 0", from two sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SelfNormalised {
    sum: f64,
    squares: f64,
}

impl SelfNormalised {
    /// Takes a prepared difference in.
    pub fn add(&mut self, d: f64) {
        self.sum += d;
        self.squares += d * d;
    }

    /// The log e-value against "centre at most 0".
    #[must_use]
    pub fn log_e_above(&self) -> f64 {
        self.log_e(self.sum)
    }

    /// The log e-value against "centre at least 0".
    #[must_use]
    pub fn log_e_below(&self) -> f64 {
        self.log_e(-self.sum)
    }

    fn log_e(&self, sum: f64) -> f64 {
        let terms = SIGMA.iter().map(|sigma| {
            let grown = 1.0 + sigma * sigma * self.squares;
            let x = sum * sigma / grown.sqrt();
            (std::f64::consts::LN_2 - 0.5 * grown.ln() + 0.5 * x * x + log_normal_cdf(x), 0.0)
        });
        log_weighted_mean(terms)
    }
}

/// ln Φ(x), also far below 0 where Φ is smaller than any double: then by the continued fraction of Mills' ratio.
fn log_normal_cdf(x: f64) -> f64 {
    if x > -30.0 {
        return (0.5 * erfc(-x / std::f64::consts::SQRT_2)).ln();
    }
    let z = -x;
    let mills = z + 1.0 / (z + 2.0 / (z + 3.0 / (z + 4.0 / (z + 5.0 / z))));
    -0.5 * z * z - mills.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
}

/// The whole test: preparation, and evidence about each of a grid of centres.
#[derive(Clone, Debug, PartialEq)]
pub struct ShiftTest {
    centres: Vec<Centre>,
    scale: RunningMedian,
    whitening: Whitening,
    median: RunningMedian,
    previous: Option<f64>,
    /// The previous difference as the whitening saw it: one wild value must not pass for correlation.
    tame: Option<f64>,
}

/// Evidence about one possible centre.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Centre {
    at: f64,
    previous: f64,
    sums: SelfNormalised,
}

impl ShiftTest {
    /// Asks about each of these centres.
    #[must_use]
    pub fn new(centres: impl IntoIterator<Item = f64>) -> Self {
        let mut centres: Vec<f64> = centres.into_iter().collect();
        centres.sort_by(f64::total_cmp);
        centres.dedup();
        let blank = |at| Centre { at, previous: 0.0, sums: SelfNormalised::default() };
        Self {
            centres: centres.into_iter().map(blank).collect(),
            scale: RunningMedian::default(),
            whitening: Whitening::default(),
            median: RunningMedian::default(),
            previous: None,
            tame: None,
        }
    }

    /// Takes the difference of a tick in; it must be finite. The first two only set the scale.
    pub fn add(&mut self, d: f64) {
        let mut tame = d;
        if let Some(spread) = self.scale.get() {
            let scale = (spread / MEDIAN_DIFFERENCE).max(SCALE_MIN);
            let middle = self.median.get().unwrap_or(d);
            tame = d.clamp(middle - CLIP * scale, middle + CLIP * scale);
            let phi = self.whitening.phi();
            for centre in &mut self.centres {
                let z = ((d - centre.at) / scale).clamp(-CLIP, CLIP);
                centre.sums.add(z - phi * centre.previous);
                centre.previous = z;
            }
        }
        if let Some(previous) = self.previous {
            self.scale.add((d - previous).abs());
        }
        self.whitening.add(tame, self.tame);
        self.median.add(d);
        self.previous = Some(d);
        self.tame = Some(tame);
    }

    /// The log e-value against "the centre is at most `centre`", which must be one of the grid's.
    #[must_use]
    pub fn log_e_above(&self, centre: f64) -> f64 {
        self.find(centre).map_or(0.0, |centre| centre.sums.log_e_above())
    }

    /// The log e-value against "the centre is at least `centre`", which must be one of the grid's.
    #[must_use]
    pub fn log_e_below(&self, centre: f64) -> f64 {
        self.find(centre).map_or(0.0, |centre| centre.sums.log_e_below())
    }

    /// The median of the latest differences.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.median.get()
    }

    /// How many differences were seen.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.median.seen()
    }

    /// The centres that are not ruled out at `alpha`, half of it for each side; `None` while none is.
    #[must_use]
    pub fn interval(&self, alpha: f64) -> Option<(f64, f64)> {
        let bar = (2.0 / alpha).ln();
        let low = self.centres.iter().rev().find(|c| c.sums.log_e_above() >= bar);
        let high = self.centres.iter().find(|c| c.sums.log_e_below() >= bar);
        let (first, last) = (self.centres.first()?, self.centres.last()?);
        if low.is_none() && high.is_none() {
            return None;
        }
        Some((low.unwrap_or(first).at, high.unwrap_or(last).at))
    }

    fn find(&self, centre: f64) -> Option<&Centre> {
        self.centres.iter().find(|c| (c.at - centre).abs() <= 1e-12)
    }
}

/// The AR(1) coefficient of the differences, from earlier ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Whitening {
    ticks: f64,
    mean: f64,
    products: f64,
    squares: f64,
}

impl Whitening {
    fn add(&mut self, d: f64, previous: Option<f64>) {
        self.ticks += 1.0;
        self.mean += (d - self.mean) / self.ticks;
        if let Some(previous) = previous {
            self.products += (d - self.mean) * (previous - self.mean);
            self.squares += (previous - self.mean).powi(2);
        }
    }

    /// With Kendall's (1954) correction for the bias of short series, shrunk toward the prior, in [0, 0.97].
    fn phi(&self) -> f64 {
        let pairs = self.ticks - 1.0;
        if pairs < 1.0 || self.squares <= 0.0 {
            return PHI_PRIOR;
        }
        let raw = self.products / self.squares;
        let corrected = (raw + (1.0 + 3.0 * raw) / pairs.max(4.0)).clamp(0.0, 0.97);
        let trust = pairs / (pairs + PHI_PRIOR_TICKS);
        trust * corrected + (1.0 - trust) * PHI_PRIOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_normal_cdf_is_smooth_where_the_formulas_meet() {
        assert!((log_normal_cdf(0.0) - 0.5_f64.ln()).abs() < 1e-14);
        // ln Φ(−30) and ln Φ(−10), from tables of Mills' ratio.
        assert!((log_normal_cdf(-10.0) - -53.231_285_150_512_47).abs() < 1e-9);
        let (above, below) = (log_normal_cdf(-29.999_999), log_normal_cdf(-30.000_001));
        assert!((above - below - 30.0 * 2e-6).abs() < 1e-6, "{above} {below}");
        assert!(log_normal_cdf(-1e6).is_finite());
    }

    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            // The sum of four uniforms, centred: nearly normal, symmetric.
            (0..4)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    #[expect(clippy::cast_precision_loss, reason = "31 bits fit")]
                    let u = (state >> 33) as f64 / 2_147_483_648.0;
                    u - 0.5
                })
                .sum()
        }
    }

    #[test]
    fn a_shift_is_found_and_no_shift_is_not() {
        let (mut shifted, mut still) = (ShiftTest::new([0.0, 1.0]), ShiftTest::new([0.0, 1.0]));
        let mut noise = noise(1);
        for _ in 0..200 {
            shifted.add(noise() + 1.0);
            still.add(noise());
        }
        assert!(shifted.log_e_above(0.0) > 5.0);
        assert!(still.log_e_above(0.0) < 3.0);
        assert!(still.log_e_below(1.0) > 5.0);
    }

    #[test]
    fn one_wild_value_neither_convicts_nor_hides() {
        let mut test = ShiftTest::new([0.0]);
        let mut noise = noise(2);
        (0..20).for_each(|_| test.add(noise()));
        test.add(1e9);
        assert!(test.log_e_above(0.0) < 3.0);
        (0..100).for_each(|_| test.add(noise() + 1.5));
        assert!(test.log_e_above(0.0) > 5.0, "{}", test.log_e_above(0.0));
    }

    #[test]
    fn two_points_never_convict() {
        let mut test = ShiftTest::new([0.0]);
        test.add(5.0);
        test.add(5.0);
        assert!(test.log_e_above(0.0) <= 1e-12);
    }

    #[test]
    fn the_interval_covers_the_centre_and_shrinks() {
        let centres: Vec<f64> = (-20..=20).map(|i| f64::from(i) / 10.0).collect();
        let mut test = ShiftTest::new(centres);
        let mut noise = noise(3);
        assert_eq!(test.interval(0.01), None);
        (0..400).for_each(|_| test.add(noise() + 0.55));
        let (low, high) = test.interval(0.01).unwrap();
        assert!(low < 0.55 && high > 0.55 && high - low < 1.0, "{low} to {high}");
    }
}
