//! How much was added to each cumulative series since it was last looked at, exactly and once.
//!
//! Prometheus' own `increase()` extrapolates to the ends of its range and loses a series' first value, so a count of
//! 3 errors may come out as 3.7 or as 0. Here each series is differenced sample by sample against its base, the last
//! sample that was counted:
//!
//! - a value that fell means that the process began anew, so all of the new value was added since;
//! - a series that was not there before began at zero, so its first value counts in full (the first errors of a
//!   release appear as a new series);
//! - a series that is gone adds nothing; its base is kept, so that its history is not counted again when it is back.
//!
//! Out of an outage longer than the queried range, only what lies before a reset within it stays unseen: the value
//! from before the outage is still the base for the first sample after it.
//!
//! Pure; whoever holds a [`Watch`] decides when to move the bases on ([`super::pairing`]).

use std::collections::BTreeMap;

use super::series::{Labels, Point, SERIES_MAX, Series};
use crate::sample::BadSample;

/// Most bases that are kept; beyond it those that were seen longest ago are forgotten.
///
/// Twice what one answer may hold, so that no series of the present is ever forgotten, and a whole generation of
/// replaced instances is remembered beside it.
const REMEMBERED_MAX: usize = 2 * SERIES_MAX;

/// Something that only grows, until the process that counts begins anew.
pub trait Cumulative: Clone {
    /// What was added since `earlier`: the difference, or all of `self` after a reset.
    #[must_use]
    fn since(&self, earlier: &Self) -> Self;

    /// The sum of two series' additions.
    ///
    /// # Errors
    /// When they cannot be added up.
    fn plus(&self, other: &Self) -> Result<Self, BadSample>;
}

impl Cumulative for u64 {
    fn since(&self, earlier: &Self) -> Self {
        self.checked_sub(*earlier).unwrap_or(*self)
    }

    fn plus(&self, other: &Self) -> Result<Self, BadSample> {
        self.checked_add(*other).ok_or_else(|| BadSample("the counters' sum exceeds 64 bits".into()))
    }
}

/// The bases of one query's series for one colour.
#[derive(Clone, Debug)]
pub struct Watch<V> {
    bases: BTreeMap<Labels, Point<V>>,
    /// The newest sample of the look with which counting began. What a series without a base shows up to here was
    /// there before: it was only not seen (a scrape failed, or was not stored yet), and does not count.
    begun_ms: i64,
}

impl<V> Default for Watch<V> {
    fn default() -> Self {
        Self { bases: BTreeMap::new(), begun_ms: i64::MIN }
    }
}

impl<V: Cumulative> Watch<V> {
    /// The sum over all series of what was added after their bases and no later than `until` says for each.
    /// `None` when no series has a sample there; an addition of zero is not `None`.
    ///
    /// # Errors
    /// When the series cannot be added up.
    pub fn added(
        &self,
        series: &[Series<V>],
        until: impl Fn(&Labels) -> i64,
    ) -> Result<Option<V>, BadSample> {
        let mut sum: Option<V> = None;
        for one in series {
            let base = self.base(one);
            let mut last = base.map(|b| &b.value);
            for point in fresh(one, base, until(&one.labels)) {
                let step = last.map_or_else(|| point.value.clone(), |l| point.value.since(l));
                sum = Some(match sum {
                    Some(sum) => sum.plus(&step)?,
                    None => step,
                });
                last = Some(&point.value);
            }
        }
        Ok(sum)
    }

    /// The earliest sample after the bases that is no earlier than `at_ms`.
    #[must_use]
    pub fn first_from(&self, series: &[Series<V>], at_ms: i64) -> Option<i64> {
        let all = series.iter().flat_map(|s| fresh(s, self.base(s), i64::MAX));
        all.map(|p| p.at_ms).filter(|&at| at >= at_ms).min()
    }

    /// Moves each base on to its series' last sample no later than `until` says. Never back.
    pub fn advance(&mut self, series: &[Series<V>], until: impl Fn(&Labels) -> i64) {
        for one in series {
            let base = self.base(one);
            if let Some(last) = fresh(one, base, until(&one.labels)).last().or(base) {
                let last = last.clone();
                self.bases.insert(one.labels.clone(), last);
            }
        }
        self.forget_oldest(REMEMBERED_MAX);
    }

    /// Sets the bases of these series to their last samples, wherever they were. Counts nothing.
    pub fn restart(&mut self, series: &[Series<V>], until: impl Fn(&Labels) -> i64) {
        for one in series {
            self.bases.remove(&one.labels);
        }
        self.begun_ms = i64::MIN;
        self.advance(series, until);
        let newest = series.iter().filter_map(|one| one.points.last()).map(|point| point.at_ms).max();
        self.begun_ms = newest.unwrap_or(i64::MIN);
    }

    /// The last sample of a series that was counted, or was there before counting began.
    fn base<'a>(&'a self, one: &'a Series<V>) -> Option<&'a Point<V>> {
        self.bases.get(&one.labels).or_else(|| {
            let before = one.points.partition_point(|point| point.at_ms <= self.begun_ms);
            one.points[..before].last()
        })
    }

    fn forget_oldest(&mut self, keep: usize) {
        let excess = self.bases.len().saturating_sub(keep);
        if excess == 0 {
            return;
        }
        let mut moments: Vec<_> = self.bases.values().map(|p| p.at_ms).collect();
        let (_, &mut last_forgotten, _) = moments.select_nth_unstable(excess - 1);
        self.bases.retain(|_, base| base.at_ms > last_forgotten);
    }
}

/// The samples after the base and no later than `until_ms`.
fn fresh<'a, V>(
    series: &'a Series<V>,
    base: Option<&Point<V>>,
    until_ms: i64,
) -> impl Iterator<Item = &'a Point<V>> + use<'a, V> {
    let from = base.map_or(0, |b| series.points.partition_point(|p| p.at_ms <= b.at_ms));
    series.points[from..].iter().take_while(move |p| p.at_ms <= until_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(name: &str, points: &[(i64, u64)]) -> Series<u64> {
        let labels = [("instance".to_owned(), name.to_owned())].into();
        let points = points.iter().map(|&(at_ms, value)| Point { at_ms, value }).collect();
        Series { labels, points }
    }

    /// Counts everything that is new and moves on, as a poll does.
    fn poll(watch: &mut Watch<u64>, all: &[Series<u64>]) -> Option<u64> {
        let added = watch.added(all, |_| i64::MAX).unwrap();
        watch.advance(all, |_| i64::MAX);
        added
    }

    #[test]
    fn only_what_was_added_since_the_base_counts() {
        let mut watch = Watch::default();
        watch.restart(&[series("a", &[(1, 100)])], |_| i64::MAX);
        assert_eq!(poll(&mut watch, &[series("a", &[(1, 100), (2, 103), (3, 110)])]), Some(10));
        assert_eq!(poll(&mut watch, &[series("a", &[(2, 103), (3, 110)])]), None);
        assert_eq!(poll(&mut watch, &[series("a", &[(3, 110), (4, 110)])]), Some(0));
    }

    #[test]
    fn after_a_reset_all_of_the_new_value_counts() {
        let mut watch = Watch::default();
        watch.restart(&[series("a", &[(1, 100)])], |_| i64::MAX);
        let reset = series("a", &[(1, 100), (2, 105), (3, 4), (4, 6)]);
        assert_eq!(poll(&mut watch, &[reset]), Some(5 + 4 + 2));
    }

    #[test]
    fn a_new_series_counts_from_zero_and_a_returning_one_from_its_base() {
        let mut watch = Watch::default();
        watch.restart(&[series("a", &[(1, 100)])], |_| i64::MAX);
        let both = [series("a", &[(2, 101)]), series("b", &[(2, 7)])];
        assert_eq!(poll(&mut watch, &both), Some(1 + 7));
        assert_eq!(poll(&mut watch, &[series("b", &[(3, 8)])]), Some(1));
        let back = [series("a", &[(9, 120)]), series("b", &[(9, 8)])];
        assert_eq!(poll(&mut watch, &back), Some(19));
    }

    #[test]
    fn a_series_that_the_first_look_missed_counts_from_there_too() {
        // Two targets, scraped every minute; the scrape of the second one failed before the first look.
        let mut watch = Watch::default();
        watch.restart(&[series("a", &[(60, 900)])], |_| i64::MAX);
        let later = [series("a", &[(60, 900), (120, 950)]), series("b", &[(0, 1_000_000), (120, 1_000_050)])];
        assert_eq!(poll(&mut watch, &later), Some(50 + 50));
        // One that really is new counts in full, and so does what comes after a restart of it.
        let new = [series("a", &[(120, 950), (180, 960)]), series("c", &[(180, 7)])];
        assert_eq!(poll(&mut watch, &new), Some(10 + 7));
    }

    #[test]
    fn samples_after_the_cut_wait() {
        let mut watch = Watch::default();
        watch.restart(&[series("a", &[(1, 1)])], |_| i64::MAX);
        let all = [series("a", &[(1, 1), (2, 3), (3, 9)])];
        assert_eq!(watch.added(&all, |_| 2).unwrap(), Some(2));
        watch.advance(&all, |_| 2);
        assert_eq!(watch.first_from(&all, 0), Some(3));
        assert_eq!(poll(&mut watch, &all), Some(6));
    }

    #[test]
    fn the_series_seen_longest_ago_are_forgotten_first() {
        let mut watch = Watch::default();
        for (at, name) in [(1, "a"), (2, "b"), (3, "c")] {
            watch.advance(&[series(name, &[(at, 1)])], |_| i64::MAX);
        }
        watch.forget_oldest(2);
        let left: Vec<_> = watch.bases.keys().map(|l| l["instance"].as_str()).collect();
        assert_eq!(left, ["b", "c"]);
    }

    #[test]
    fn a_sum_beyond_64_bits_is_refused() {
        assert!(u64::MAX.plus(&1).is_err());
    }

    proptest! {
        /// However the scrapes fall into polls and windows, the same is counted as if all had been read at once.
        #[test]
        fn splitting_the_scrapes_over_polls_changes_nothing(
            steps in prop::collection::vec((0_u64..50, prop::bool::weighted(0.1)), 1..40),
            cuts in prop::collection::btree_set(0_usize..40, 0..10),
            window in 1_usize..10,
        ) {
            let (mut value, mut truth, mut points) = (1000, 0, vec![(0, 1000)]);
            for (i, (step, reset)) in steps.iter().enumerate() {
                // A process that begins anew shows as a value below the one before.
                let fell = *reset && *step < value;
                value = if fell { *step } else { value + step };
                truth += step;
                points.push((i64::try_from(i).unwrap() + 1, value));
            }
            let mut watch = Watch::default();
            watch.restart(&[series("a", &points[..1])], |_| i64::MAX);
            let (mut counted, mut from) = (0, 1);
            for end in cuts.into_iter().chain([points.len()]) {
                if end <= from || end > points.len() { continue; }
                // The window reaches back over what is new, and some way over what was counted.
                let start = from.saturating_sub(window);
                counted += poll(&mut watch, &[series("a", &points[start..end])]).unwrap_or(0);
                from = end;
            }
            prop_assert_eq!(counted, truth);
        }
    }
}
