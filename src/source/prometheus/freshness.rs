//! Whether a colour's series are new, waited for, old or gone, and when both colours may be counted together.
//!
//! A scrape's own time tells whether it is new. Whether it is late is measured by how long nothing new has come, on
//! this machine's steady clock, so that two machines' clocks need not agree.

use std::time::Duration;

use tokio::time::Instant;

use super::series::Series;

/// A scrape that is this many intervals late is not coming: one may be missed, two are not chance.
const LATE_INTERVALS: f64 = 2.5;

/// While the scrape interval is not known yet (fewer than two scrapes), this is waited.
const INTERVAL_UNKNOWN: Duration = Duration::from_secs(15);

/// Below this, timers of two processes may disagree.
const LATE_MIN: Duration = Duration::from_millis(1_500);

/// What can be said of a colour at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// Scrapes that have not been counted; the newest is of this time.
    New(i64),
    /// The next scrape is not due.
    Waiting,
    /// Nothing new for too long: for how long, and the interval that was usual.
    Stale {
        /// Since the newest scrape came up.
        for_ms: u128,
        /// Between scrapes.
        interval_ms: u128,
    },
    /// No series.
    Gone,
}

/// One colour's scrapes over time.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    /// The newest scrape that has been counted.
    counted_ms: Option<i64>,
    /// The newest scrape that was seen, and when it was first seen.
    newest: Option<(i64, Instant)>,
    interval: Option<Duration>,
}

impl Freshness {
    /// Looks at a colour's series.
    pub fn look<'a>(&mut self, series: impl Iterator<Item = &'a Series> + Clone, now: Instant) -> Fresh {
        let Some(newest_ms) = series.clone().filter_map(Series::newest_ms).max() else {
            return Fresh::Gone;
        };
        if self.newest.is_none_or(|(known, _)| newest_ms > known) {
            self.newest = Some((newest_ms, now));
        }
        self.learn_interval(series);
        if self.counted_ms.is_none_or(|counted| newest_ms > counted) && !self.is_late(now) {
            return Fresh::New(newest_ms);
        }
        if self.is_late(now) {
            let since = self.newest.map_or(now, |(_, since)| since);
            let interval = self.interval.unwrap_or(INTERVAL_UNKNOWN);
            return Fresh::Stale {
                for_ms: now.duration_since(since).as_millis(),
                interval_ms: interval.as_millis(),
            };
        }
        Fresh::Waiting
    }

    /// Its scrapes up to this time have been counted.
    pub fn counted(&mut self, until_ms: i64) {
        self.counted_ms = Some(until_ms);
    }

    fn is_late(&self, now: Instant) -> bool {
        let limit = self.interval.unwrap_or(INTERVAL_UNKNOWN).mul_f64(LATE_INTERVALS).max(LATE_MIN);
        self.newest.is_some_and(|(_, since)| now.duration_since(since) > limit)
    }

    /// The shortest distance between two scrapes of a series: others may have been missed.
    fn learn_interval<'a>(&mut self, series: impl Iterator<Item = &'a Series>) {
        let distances = series.flat_map(|one| one.scrapes.windows(2).map(|w| w[1].at_ms - w[0].at_ms));
        let shortest = distances.filter(|ms| *ms > 0).min().and_then(|ms| u64::try_from(ms).ok());
        self.interval = shortest.map(Duration::from_millis).or(self.interval);
    }
}

/// What is counted at a look: both colours up to these times, or one that stands alone, or none.
#[must_use]
pub const fn countable(first: &Fresh, second: &Fresh) -> [Option<i64>; 2] {
    match (first, second) {
        (Fresh::New(first), Fresh::New(second)) => [Some(*first), Some(*second)],
        // Both colours' exposures belong together: one waits for the other, but not for one that is not coming.
        (Fresh::New(first), Fresh::Stale { .. } | Fresh::Gone) => [Some(*first), None],
        (Fresh::Stale { .. } | Fresh::Gone, Fresh::New(second)) => [None, Some(*second)],
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::series::Scrape;
    use super::*;

    fn scraped(times: &[i64]) -> Vec<Series> {
        let scrapes = times.iter().map(|&at_ms| Scrape { at_ms, value: 1.0 }).collect();
        vec![Series { labels: BTreeMap::new(), scrapes }]
    }

    #[test]
    fn new_then_waiting_then_stale_then_new_again() {
        let mut freshness = Freshness::default();
        let start = Instant::now();
        let look = |freshness: &mut Freshness, times: &[i64], after_ms| {
            freshness.look(scraped(times).iter(), start + Duration::from_millis(after_ms))
        };
        assert_eq!(look(&mut freshness, &[0, 1_000], 0), Fresh::New(1_000));
        freshness.counted(1_000);
        assert_eq!(look(&mut freshness, &[0, 1_000], 2_400), Fresh::Waiting);
        assert_eq!(
            look(&mut freshness, &[0, 1_000], 2_600),
            Fresh::Stale { for_ms: 2_600, interval_ms: 1_000 }
        );
        assert_eq!(look(&mut freshness, &[0, 1_000, 5_000], 2_700), Fresh::New(5_000));
        assert_eq!(freshness.look([].iter(), start), Fresh::Gone);
    }

    #[test]
    fn one_colour_waits_for_the_other_but_not_for_one_that_is_gone() {
        let stale = Fresh::Stale { for_ms: 9, interval_ms: 1 };
        assert_eq!(countable(&Fresh::New(1), &Fresh::New(2)), [Some(1), Some(2)]);
        assert_eq!(countable(&Fresh::New(1), &Fresh::Waiting), [None, None]);
        assert_eq!(countable(&Fresh::New(1), &Fresh::Gone), [Some(1), None]);
        assert_eq!(countable(&stale, &Fresh::New(2)), [None, Some(2)]);
        assert_eq!(countable(&Fresh::Waiting, &Fresh::Waiting), [None, None]);
    }
}
