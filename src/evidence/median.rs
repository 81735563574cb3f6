//! The median of the latest values, exact and in a fixed number of floats.
//!
//! An estimate that moves markers (P², Jain & Chlamtac 1985) was tried first: one value of 10⁹ threw its markers off for
//! hundreds of ticks, and the whole point of a median here is that one wild value does nothing.

/// So many values are kept: enough for a steady median, few enough to follow a change.
const WINDOW: usize = 63;

/// The median of the last 63 values, and how many there ever were.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningMedian {
    latest: [f64; WINDOW],
    seen: u64,
}

impl Default for RunningMedian {
    fn default() -> Self {
        Self { latest: [0.0; WINDOW], seen: 0 }
    }
}

impl RunningMedian {
    /// Takes a finite value in; the oldest gives way.
    pub fn add(&mut self, x: f64) {
        let place = self.seen % WINDOW as u64;
        if let Some(slot) = usize::try_from(place).ok().and_then(|place| self.latest.get_mut(place)) {
            *slot = x;
        }
        self.seen += 1;
    }

    /// The median of the latest values; `None` before the first.
    #[must_use]
    pub fn get(&self) -> Option<f64> {
        let filled = usize::try_from(self.seen).map_or(WINDOW, |seen| seen.min(WINDOW));
        let mut sorted = self.latest;
        let sorted = sorted.get_mut(..filled)?;
        sorted.sort_unstable_by(f64::total_cmp);
        let (low, high) = (sorted.get(filled.checked_sub(1)? / 2)?, sorted.get(filled / 2)?);
        Some(low.midpoint(*high))
    }

    /// How many values were seen.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_and_of_the_latest() {
        let mut median = RunningMedian::default();
        assert_eq!(median.get(), None);
        for (x, expected) in [(3.0, 3.0), (1.0, 2.0), (2.0, 2.0), (10.0, 2.5), (0.0, 2.0)] {
            median.add(x);
            assert_eq!(median.get(), Some(expected));
        }
        (0..WINDOW).for_each(|_| median.add(7.0));
        median.add(1e300);
        assert_eq!(median.get(), Some(7.0));
        assert_eq!(median.seen(), 5 + 63 + 1);
    }
}
