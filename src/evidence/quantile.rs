//! A running quantile in a fixed number of floats.
//!
//! The P² algorithm (Jain and Chlamtac 1985): five markers, at the minimum, the maximum, the quantile and half way
//! to it on either side, moved by parabolic interpolation as values come in.
//! Exact for up to five values; after that an estimate, good to a few percent of the spread.
//! Used for the spread and the median in [`super::shift`] and for the values that reports show.

use serde::{Deserialize, Serialize};

/// How many markers P² keeps.
const MARKERS: usize = 5;

/// The running median of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunningMedian {
    count: u64,
    heights: [f64; MARKERS],
    /// How many values lie at or below each marker, as whole floats.
    positions: [f64; MARKERS],
}

impl RunningMedian {
    /// Takes in one value; what is not finite is left out.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        match usize::try_from(self.count) {
            Ok(filled) if filled < MARKERS => self.fill(filled, value),
            _ => self.shift(value),
        }
        self.count += 1;
    }

    /// How many values there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The median so far; absent before the first value.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let h = &self.heights;
        match self.count {
            0 => None,
            1 => Some(h[0]),
            2 => Some(f64::midpoint(h[0], h[1])),
            3 => Some(h[1]),
            4 => Some(f64::midpoint(h[1], h[2])),
            _ => Some(h[2]),
        }
    }

    /// The first values are kept in order.
    fn fill(&mut self, filled: usize, value: f64) {
        self.heights[filled] = value;
        self.heights[..=filled].sort_by(f64::total_cmp);
        self.positions = [1.0, 2.0, 3.0, 4.0, 5.0];
    }

    fn shift(&mut self, value: f64) {
        self.heights[0] = self.heights[0].min(value);
        self.heights[MARKERS - 1] = self.heights[MARKERS - 1].max(value);
        for (position, height) in self.positions.iter_mut().zip(self.heights).skip(1) {
            if value < height {
                *position += 1.0;
            }
        }
        // The maximum always has everything at or below it.
        let n = super::count_to_float(self.count);
        self.positions[MARKERS - 1] = n + 1.0;
        for (i, share) in [(1, 0.25), (2, 0.5), (3, 0.75)] {
            self.adjust(i, 1.0 + n * share);
        }
    }

    /// Moves marker `i` by one place where it lies a whole place or more from where it belongs.
    fn adjust(&mut self, i: usize, desired: f64) {
        let (p, h) = (self.positions, self.heights);
        let off = desired - p[i];
        let room_above = off >= 1.0 && p[i + 1] - p[i] > 1.0;
        let room_below = off <= -1.0 && p[i] - p[i - 1] > 1.0;
        if !(room_above || room_below) {
            return;
        }
        let step = off.signum();
        let up = (h[i + 1] - h[i]) / (p[i + 1] - p[i]);
        let down = (h[i] - h[i - 1]) / (p[i] - p[i - 1]);
        let parabola = h[i]
            + step / (p[i + 1] - p[i - 1])
                * ((p[i] - p[i - 1] + step) * up + (p[i + 1] - p[i] - step) * down);
        self.heights[i] = if h[i - 1] < parabola && parabola < h[i + 1] {
            parabola
        } else if step > 0.0 {
            h[i] + up
        } else {
            h[i] - down
        };
        self.positions[i] += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exact_for_a_handful() {
        let mut median = RunningMedian::default();
        assert_eq!(median.median(), None);
        for (value, expected) in [(5.0, 5.0), (1.0, 3.0), (9.0, 5.0), (2.0, 3.5), (4.0, 4.0)] {
            median.add(value);
            assert_eq!(median.median(), Some(expected));
        }
    }

    #[test]
    fn close_for_many() {
        // A fixed permutation of 0..1009 (a prime).
        let mut median = RunningMedian::default();
        for i in 0..1009_u32 {
            median.add(f64::from(i * 383 % 1009));
        }
        let found = median.median().unwrap();
        assert!((found - 504.0).abs() < 20.0, "{found}");
    }

    #[test]
    fn constants_stay_constant() {
        let mut median = RunningMedian::default();
        for _ in 0..50 {
            median.add(0.25);
        }
        assert_eq!(median.median(), Some(0.25));
    }

    proptest! {
        #[test]
        fn stays_within_what_was_seen(values in proptest::collection::vec(-1e6..1e6_f64, 1..200)) {
            let mut median = RunningMedian::default();
            for value in &values {
                median.add(*value);
            }
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let found = median.median().unwrap();
            prop_assert!(low <= found && found <= high, "{low} {found} {high}");
        }
    }
}
