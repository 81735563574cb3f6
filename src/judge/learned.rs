//! Live's own histogram, learned from earlier ticks: where its quantiles lie.
//!
//! Used by [`super::latency`] to choose a bound before a tick is seen.

use crate::evidence::count_to_float;

use super::reading::Histogram;

/// So many events must be expected beyond a quantile before it is read off: fewer would place it by chance.
const BEYOND_MIN: f64 = 10.0;

/// The memory is halved whenever it holds twice so many events, so that it follows live through the day.
const MEMORY_EVENTS: f64 = 100_000.0;

/// Live's histogram so far. Its size is that of one histogram.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    bounds: Vec<f64>,
    /// Floats, because halving leaves fractions.
    counts: Vec<f64>,
}

impl Learned {
    /// How many events of live are needed before `quantile` is read off.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and a float that is too large saturates"
    )]
    pub fn events_needed(quantile: f64) -> u64 {
        (BEYOND_MIN / (1.0 - quantile)).round() as u64
    }

    /// How many events stand behind it.
    pub fn events(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Takes in one tick of live. Other bounds than before are another histogram: what was known is forgotten.
    pub fn add(&mut self, live: Histogram<'_>) {
        if self.bounds != live.bounds {
            self.bounds = live.bounds.to_vec();
            self.counts = vec![0.0; live.counts.len()];
        }
        for (sum, count) in self.counts.iter_mut().zip(live.counts) {
            *sum += count_to_float(*count);
        }
        // Halved until it fits: one tick may hold many times the memory.
        let excess = self.events() / MEMORY_EVENTS;
        if excess >= 2.0 {
            let keep = if excess >= 4.0 { 1.0 / excess } else { 0.5 };
            self.counts.iter_mut().for_each(|sum| *sum *= keep);
        }
    }

    /// The bound nearest to `quantile`: the one whose share of slower events is nearest, in logs, to 1 − `quantile`.
    ///
    /// Of bounds that are equally far the smallest. Bounds that are not `usable` are passed over, and so are those
    /// where `tolerance` times live's share would be all requests or more, which no candidate could exceed.
    /// Absent while there are too few events, or where no bound is left.
    pub fn bound_at(&self, quantile: f64, tolerance: f64, usable: impl Fn(f64) -> bool) -> Option<f64> {
        let events = self.events();
        if events < BEYOND_MIN / (1.0 - quantile) {
            return None;
        }
        let mut best: Option<(f64, f64)> = None;
        let mut slower = events;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            slower -= count;
            // Half an event more, so that "none so far" is a small share and not zero.
            let share = (slower.max(0.0) + 0.5) / (events + 1.0);
            let distance = (share / (1.0 - quantile)).ln().abs();
            let nearer = best.is_none_or(|(_, nearest)| distance < nearest);
            if share * tolerance < 1.0 && nearer && usable(*bound) {
                best = Some((*bound, distance));
            }
        }
        best.map(|(bound, _)| bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(bounds: &[f64], counts: &[u64]) -> Learned {
        let mut learned = Learned::default();
        learned.add(Histogram { bounds, counts });
        learned
    }

    #[test]
    fn the_bound_lies_at_the_quantile() {
        let live = learned(&[0.1, 0.25, 0.5, 1.0], &[500, 400, 88, 11, 1]);
        assert_eq!(live.bound_at(0.5, 1.5, |_| true), Some(0.1));
        assert_eq!(live.bound_at(0.9, 1.5, |_| true), Some(0.25));
        assert_eq!(live.bound_at(0.99, 1.5, |_| true), Some(0.5));
        assert_eq!(live.bound_at(0.99, 1.5, |b| b > 0.5), Some(1.0));
        assert_eq!(live.bound_at(0.99, 1.5, |_| false), None);
    }

    #[test]
    fn a_share_that_cannot_grow_by_the_tolerance_is_passed_over() {
        let live = learned(&[0.1, 0.25], &[450, 400, 150]);
        assert_eq!(live.bound_at(0.5, 1.5, |_| true), Some(0.1));
        assert_eq!(live.bound_at(0.5, 2.0, |_| true), Some(0.25));
    }

    #[test]
    fn too_few_events_place_nothing() {
        assert_eq!(Learned::events_needed(0.99), 1_000);
        assert_eq!(learned(&[0.1], &[989, 10]).bound_at(0.99, 1.5, |_| true), None);
        assert_eq!(learned(&[0.1], &[990, 10]).bound_at(0.99, 1.5, |_| true), Some(0.1));
        assert_eq!(Learned::default().bound_at(0.5, 1.5, |_| true), None);
    }

    #[test]
    fn it_follows_live_and_forgets_other_bounds() {
        let mut live = learned(&[0.1, 1.0], &[1_000_000, 0, 0]);
        assert!(live.events() <= MEMORY_EVENTS);
        for _ in 0..200 {
            live.add(Histogram { bounds: &[0.1, 1.0], counts: &[0, 10_000, 10_000] });
        }
        assert!(live.events() < 2.0 * MEMORY_EVENTS);
        assert_eq!(live.bound_at(0.5, 1.5, |_| true), Some(1.0));
        live.add(Histogram { bounds: &[0.2], counts: &[10, 20] });
        assert!((live.events() - 30.0).abs() < f64::EPSILON);
    }
}
