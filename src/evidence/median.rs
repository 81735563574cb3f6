//! A running median with five markers: the P² algorithm (Jain & Chlamtac 1985). Exact up to five values.

/// An estimate of the median of everything seen, in a fixed number of floats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunningMedian {
    seen: u64,
    heights: [f64; 5],
    positions: [f64; 5],
}

/// Where the markers should stand, as shares of the values seen.
const SHARES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

impl RunningMedian {
    /// Takes a finite value in.
    pub fn add(&mut self, x: f64) {
        if let Ok(filled @ 0..5) = usize::try_from(self.seen) {
            self.heights[filled] = x;
            self.heights[..=filled].sort_by(f64::total_cmp);
            self.positions = [0.0, 1.0, 2.0, 3.0, 4.0];
            self.seen += 1;
            return;
        }
        self.seen += 1;
        let cell = (1..4).rev().find(|i| x >= self.heights[*i]).unwrap_or(0);
        self.heights[0] = self.heights[0].min(x);
        self.heights[4] = self.heights[4].max(x);
        for position in &mut self.positions[cell + 1..] {
            *position += 1.0;
        }
        for i in 1..4 {
            self.adjust(i);
        }
    }

    /// The median so far; `None` before the first value.
    #[must_use]
    pub fn get(&self) -> Option<f64> {
        let h = &self.heights;
        match self.seen {
            0 => None,
            1 => Some(h[0]),
            2 => Some(h[0].midpoint(h[1])),
            3 => Some(h[1]),
            4 => Some(h[1].midpoint(h[2])),
            _ => Some(h[2]),
        }
    }

    /// How many values were seen.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// Moves a middle marker by one place when it stands a place or more off.
    fn adjust(&mut self, i: usize) {
        let p = self.positions;
        let off = SHARES[i] * p[4] - p[i];
        let side = if off >= 1.0 && p[i + 1] - p[i] > 1.0 {
            1.0
        } else if off <= -1.0 && p[i - 1] - p[i] < -1.0 {
            -1.0
        } else {
            return;
        };
        let h = self.heights;
        let (up, down) = ((h[i + 1] - h[i]) / (p[i + 1] - p[i]), (h[i] - h[i - 1]) / (p[i] - p[i - 1]));
        let parabola = h[i]
            + side / (p[i + 1] - p[i - 1])
                * ((p[i] - p[i - 1] + side) * up + (p[i + 1] - p[i] - side) * down);
        self.heights[i] = if h[i - 1] < parabola && parabola < h[i + 1] {
            parabola
        } else {
            h[i] + side * if side > 0.0 { up } else { down }
        };
        self.positions[i] += side;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exact_for_few_values() {
        let mut median = RunningMedian::default();
        assert_eq!(median.get(), None);
        for (x, expected) in [(3.0, 3.0), (1.0, 2.0), (2.0, 2.0), (10.0, 2.5), (0.0, 2.0)] {
            median.add(x);
            assert_eq!(median.get(), Some(expected));
        }
    }

    proptest! {
        /// Near the true median of many values: between their 35% and 65% quantiles.
        #[test]
        fn near_for_many_values(mut xs in prop::collection::vec(-1e3_f64..1e3, 200..400)) {
            let mut median = RunningMedian::default();
            xs.iter().for_each(|x| median.add(*x));
            xs.sort_by(f64::total_cmp);
            let (low, high) = (xs[xs.len() * 35 / 100], xs[xs.len() * 65 / 100]);
            let found = median.get().unwrap();
            prop_assert!(low <= found && found <= high, "{low} {found} {high}");
        }
    }
}
