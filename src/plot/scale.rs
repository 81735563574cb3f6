//! Where a value lies on an axis, which ticks the axis has, and how they read.
//!
//! The library has linear and logarithmic axes as different types; this is one type for both, so that a chart can
//! choose when it is drawn. It also knows ticks of durations (30 s, 5 min, 1 h), which the library does not.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::{Axis, Unit};

/// Ticks of an axis of durations, in seconds.
const SECONDS: &[f64] = &[
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    1_200.0,
    1_800.0,
    3_600.0,
    7_200.0,
    10_800.0,
    14_400.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    432_000.0,
    864_000.0,
    1_728_000.0,
];

/// An axis never has more ticks than this, whatever is asked.
const TICKS_MAX: usize = 64;

/// An axis that has an inside.
#[derive(Clone, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    log: bool,
    unit: Unit,
}

impl Scale {
    /// Says what is wrong with an axis that has no inside.
    pub fn new(axis: &Axis) -> Result<Self, &'static str> {
        let Axis { low, high, log, unit, .. } = *axis;
        if !low.is_finite() || !high.is_finite() {
            return Err("an end is not a finite number");
        }
        if low >= high || !(high - low).is_finite() {
            return Err("its low end must lie below its high end");
        }
        if log && low <= 0.0 {
            return Err("a logarithmic axis must begin above 0");
        }
        Ok(Self { low, high, log, unit })
    }

    /// How far along the axis a value lies, 0 to 1; beyond an end counts as the end.
    pub fn part(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// At most `most` ticks, rising, all on the axis.
    fn ticks(&self, most: usize) -> Vec<f64> {
        let most = most.clamp(2, TICKS_MAX);
        let within = |ticks: Vec<f64>| -> Vec<f64> {
            let slack = (self.high - self.low) * 1e-9;
            ticks.into_iter().filter(|t| *t >= self.low - slack && *t <= self.high + slack).collect()
        };
        if self.log {
            let decades = (self.low.log10().floor(), self.high.log10().ceil());
            let fine = if self.unit == Unit::Seconds {
                within(SECONDS.to_vec())
            } else {
                within(decade_ticks(decades, &[1.0, 2.0, 5.0]))
            };
            // Between two decades there may be none at all: then evenly, as on a linear axis.
            if fine.len() >= 2 {
                return thinned(fine, most);
            }
        }
        let step = self.step(most);
        let first = (self.low / step - 1e-9).ceil();
        let count = ((self.high - self.low) / step + 1e-9).floor();
        within(
            (0..=TICKS_MAX)
                .map(index_to_float)
                .take_while(|i| *i <= count)
                .map(|i| (first + i) * step)
                .collect(),
        )
    }

    /// The least round step with at most `most` ticks.
    fn step(&self, most: usize) -> f64 {
        let least = (self.high - self.low) / index_to_float(most);
        let of_time = || SECONDS.iter().copied().find(|step| *step >= least);
        if self.unit == Unit::Seconds
            && let Some(step) = of_time()
        {
            return step;
        }
        let decade = 10.0_f64.powf(least.log10().floor());
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * decade).find(|step| *step >= least).unwrap_or(least)
    }
}

/// Every second, third … tick, so that no more than `most` are left; decades stay where they can.
fn thinned(ticks: Vec<f64>, most: usize) -> Vec<f64> {
    if ticks.len() <= most {
        return ticks;
    }
    let is_decade = |t: &f64| (t.log10() - t.log10().round()).abs() < 1e-9;
    let decades: Vec<f64> = ticks.iter().copied().filter(is_decade).collect();
    let kept = if decades.len() >= 3 { decades } else { ticks };
    let every = kept.len().div_ceil(most);
    kept.into_iter().step_by(every).collect()
}

fn decade_ticks((first, last): (f64, f64), parts: &[f64]) -> Vec<f64> {
    // A double has some 600 decades; an axis over more than 60 of them is thinned before it is written.
    #[expect(clippy::cast_possible_truncation, reason = "between -308 and 309")]
    let exponents = (first as i32)..=(last as i32);
    exponents.flat_map(|exponent| parts.iter().map(move |part| part * 10.0_f64.powi(exponent))).collect()
}

/// Small whole numbers only: ticks, charts, pixels.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub fn index_to_float(index: usize) -> f64 {
    index as f64
}

/// How a tick reads.
pub fn tick_text(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Number => plain(value),
        Unit::Share => format!("{}%", plain(value * 100.0)),
        Unit::Seconds => seconds(value),
        Unit::Factor => format!("×{}", plain(value)),
    }
}

/// Without the noise of the last digits, and without a long row of zeros.
fn plain(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let size = value.abs();
    if !(1e-5..1e7).contains(&size) {
        return format!("{value:.0e}");
    }
    // Nine digits after the first one are more than a tick needs.
    let rounded: f64 = format!("{value:.9e}").parse().unwrap_or(value);
    rounded.to_string()
}

fn seconds(value: f64) -> String {
    if value < 60.0 {
        return format!("{}s", plain(value));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of seconds; casts saturate"
    )]
    let whole = value.round() as u64;
    let parts = [(whole / 86_400, "d"), (whole / 3_600 % 24, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")];
    let words: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    words.concat()
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let along = f64::from(last - first) * self.part(*value);
        #[expect(clippy::cast_possible_truncation, reason = "within the picture")]
        let along = along.round() as i32;
        first + along
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Only ticks that are written: lines between them would be noise.
        self.ticks(hint.bold_points())
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        tick_text(*value, self.unit)
    }
}
