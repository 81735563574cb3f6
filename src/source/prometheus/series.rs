//! Raw counters, scrape by scrape: exact increments with resets, new series and vanished ones handled.
//!
//! Prometheus' own `increase()` extrapolates and misses a new series' first value. Here each series is remembered by
//! its last value, and what it has counted since is summed from the raw samples. Pure: no clock, no network.

use std::collections::BTreeMap;

/// One scrape of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scrape {
    /// The server's own time of the scrape, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The counter.
    pub value: f64,
}

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels, sorted.
    pub labels: BTreeMap<String, String>,
    /// Its scrapes, oldest first.
    pub scrapes: Vec<Scrape>,
}

impl Series {
    /// A name that no other series of the answer has.
    #[must_use]
    pub fn key(&self) -> String {
        let part = |(key, value): (&String, &String)| format!("{key}\u{1f}{value}\u{1e}");
        self.labels.iter().map(part).collect()
    }

    /// Which process it was scraped from: all series of one scrape share its time.
    #[must_use]
    pub fn target(&self) -> String {
        let label = |name| self.labels.get(name).map_or("", String::as_str);
        format!("{}\u{1f}{}", label("job"), label("instance"))
    }

    /// The time of its last scrape.
    #[must_use]
    pub fn newest_ms(&self) -> Option<i64> {
        self.scrapes.last().map(|scrape| scrape.at_ms)
    }
}

/// A series that was gone for so many others' sake is forgotten: bounds the memory of a service whose pods come and go.
const REMEMBERED_MAX: usize = 20_000;

/// The last value of every series, also of those that have vanished: one that comes back goes on where it was.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    last: BTreeMap<String, Scrape>,
}

/// A counter that is no count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a counter of {0}: negative, not a number, or too large to count exactly")]
pub struct NoCount(String);

/// Doubles count exactly up to here.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

impl Counters {
    /// What each series has counted since the last call, by its place in `series`, up to the time that `until` gives.
    ///
    /// A series that was never seen started at zero if its process is `known`: the first failure makes a new series.
    /// Of a process that was never seen only the values are remembered: what it counted before is not of this look.
    ///
    /// # Errors
    /// When a value is negative, not a number, or too large; then nothing is remembered.
    pub fn advance(
        &mut self,
        series: &[Series],
        known: impl Fn(&Series) -> bool,
        until: impl Fn(&Series) -> i64,
    ) -> Result<Vec<u64>, NoCount> {
        let mut increments = Vec::with_capacity(series.len());
        let mut news = Vec::with_capacity(series.len());
        for one in series {
            let key = one.key();
            let until = until(one);
            let start = match self.last.get(&key) {
                None if known(one) => Some(Scrape { at_ms: i64::MIN, value: 0.0 }),
                seen => seen.copied(),
            };
            let (increment, last) = counted_since(start, one, until)?;
            increments.push(increment);
            news.extend(last.map(|last| (key, last)));
        }
        self.last.extend(news);
        self.forget();
        Ok(increments)
    }

    fn forget(&mut self) {
        while self.last.len() > REMEMBERED_MAX {
            let oldest = self.last.iter().min_by_key(|(_, scrape)| scrape.at_ms).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.last.remove(&oldest);
        }
    }
}

/// What a series has counted after `start`, and its last scrape; without a start only the latter.
fn counted_since(
    start: Option<Scrape>,
    series: &Series,
    until_ms: i64,
) -> Result<(u64, Option<Scrape>), NoCount> {
    let (mut last, mut counted) = (start, 0.0);
    for scrape in series.scrapes.iter().filter(|scrape| scrape.at_ms <= until_ms) {
        if !(0.0..=EXACT_MAX).contains(&scrape.value) {
            return Err(NoCount(scrape.value.to_string()));
        }
        if let Some(before) = last.filter(|_| start.is_some()) {
            if scrape.at_ms <= before.at_ms {
                continue;
            }
            // A value that fell was reset to zero in between.
            let from = if scrape.value < before.value { 0.0 } else { before.value };
            counted += scrape.value - from;
        }
        last = Some(*scrape);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of exact counts, not negative"
    )]
    let counted = counted.round() as u64;
    Ok((counted, last.filter(|scrape| scrape.at_ms > i64::MIN)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(name: &str, scrapes: &[(i64, f64)]) -> Series {
        Series {
            labels: BTreeMap::from([("s".to_owned(), name.to_owned())]),
            scrapes: scrapes.iter().map(|&(at_ms, value)| Scrape { at_ms, value }).collect(),
        }
    }

    fn advance(counters: &mut Counters, scrapes: &[(i64, f64)]) -> u64 {
        counters.advance(&[series("a", scrapes)], |_| false, |_| i64::MAX).unwrap()[0]
    }

    #[test]
    fn the_first_look_only_remembers() {
        let mut counters = Counters::default();
        assert_eq!(advance(&mut counters, &[(1, 5.0), (2, 9.0)]), 0);
        assert_eq!(advance(&mut counters, &[(1, 5.0), (2, 9.0), (3, 12.0)]), 3);
        assert_eq!(advance(&mut counters, &[(3, 12.0)]), 0);
    }

    #[test]
    fn a_reset_counts_from_zero() {
        let mut counters = Counters::default();
        advance(&mut counters, &[(1, 100.0)]);
        assert_eq!(advance(&mut counters, &[(1, 100.0), (2, 110.0), (3, 4.0), (4, 6.0)]), 16);
    }

    #[test]
    fn a_new_series_counts_fully_and_one_that_comes_back_only_what_is_new() {
        let mut counters = Counters::default();
        advance(&mut counters, &[(1, 100.0)]);
        let both = [series("a", &[(2, 101.0)]), series("b", &[(2, 7.0)])];
        assert_eq!(
            counters.clone().advance(&both, |_| false, |_| i64::MAX).unwrap(),
            [1, 0],
            "of an unknown process"
        );
        assert_eq!(counters.advance(&both, |_| true, |_| i64::MAX).unwrap(), [1, 7]);
        assert_eq!(advance(&mut counters, &[(3, 101.0)]), 0);
        let back = [series("b", &[(9, 8.0)])];
        assert_eq!(counters.advance(&back, |_| true, |_| i64::MAX).unwrap(), [1]);
    }

    #[test]
    fn scrapes_beyond_the_boundary_wait() {
        let mut counters = Counters::default();
        advance(&mut counters, &[(1, 0.0)]);
        let one = [series("a", &[(1, 0.0), (2, 5.0), (3, 9.0)])];
        assert_eq!(counters.advance(&one, |_| true, |_| 2).unwrap(), [5]);
        assert_eq!(counters.advance(&one, |_| true, |_| 3).unwrap(), [4]);
    }

    #[test]
    fn what_is_no_count_is_refused_and_changes_nothing() {
        let mut counters = Counters::default();
        advance(&mut counters, &[(1, 1.0)]);
        for wrong in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert!(
                counters.advance(&[series("a", &[(2, 4.0), (3, wrong)])], |_| true, |_| i64::MAX).is_err()
            );
        }
        assert_eq!(advance(&mut counters, &[(2, 4.0)]), 3);
    }

    proptest! {
        /// However often one looks, the total is the same.
        #[test]
        fn looking_often_or_once_counts_the_same(steps in prop::collection::vec((0_u32..50, any::<bool>(), any::<bool>()), 1..60)) {
            let (mut value, mut scrapes, mut looks) = (1_000.0, vec![(0, 1_000.0)], vec![]);
            for (i, (step, reset, look)) in steps.iter().enumerate() {
                value = if *reset { f64::from(*step) } else { value + f64::from(*step) };
                scrapes.push((i64::try_from(i).unwrap() + 1, value));
                if *look {
                    looks.push(scrapes.len());
                }
            }
            looks.push(scrapes.len());
            let (mut often, mut once) = (Counters::default(), Counters::default());
            advance(&mut often, &scrapes[..1]);
            advance(&mut once, &scrapes[..1]);
            let total: u64 = looks.iter().map(|upto| advance(&mut often, &scrapes[..*upto])).sum();
            prop_assert_eq!(total, advance(&mut once, &scrapes));
        }
    }
}
