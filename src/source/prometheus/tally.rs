//! What one counting check holds for one colour: the watched series, and how they become a reading.
//!
//! A ratio check watches two queries, and they must agree: a bad event counts only together with the request that it
//! is one of. All series of one target come from one scrape and share its moment, so the newest total of each target
//! is the cut for its bad events. The total is asked first, so everything up to the cut is there when the bad events
//! are asked.
//! Pure; [`super::pairing`] decides when to count.

use std::collections::BTreeMap;

use super::histogram::Buckets;
use super::series::{Labels, Series, newest_ms, spacing_ms};
use super::watch::Watch;
use crate::sample::{BadSample, Reading};

/// One colour's watched series.
pub trait Tally: Default {
    /// What the server said of them this time.
    type Answer;

    /// Whether counting begins anew after an answer that contradicts itself. Otherwise the events wait: they are
    /// counted with the next answer that is sound.
    const RESTARTS_AFTER_BAD: bool;

    /// The series that say whether there was a scrape.
    fn newest_ms(answer: &Self::Answer) -> Option<i64>;

    /// Time between scrapes.
    fn spacing_ms(answer: &Self::Answer) -> Option<u64>;

    /// What was added since the last time, up to `until_ms`. `None` without a new scrape.
    ///
    /// # Errors
    /// When the answer contradicts itself.
    fn added(&self, answer: &Self::Answer, until_ms: i64) -> Result<Option<Reading>, BadSample>;

    /// The first new scrape that is no earlier than `at_ms`.
    fn first_from(&self, answer: &Self::Answer, at_ms: i64) -> Option<i64>;

    /// Counts from there on: nothing up to `until_ms` counts again.
    fn advance(&mut self, answer: &Self::Answer, until_ms: i64);

    /// Counts from the newest samples on, wherever it stood.
    fn restart(&mut self, answer: &Self::Answer);
}

/// Bad events of all events.
#[derive(Clone, Debug, Default)]
pub struct RatioTally {
    bad: Watch<u64>,
    total: Watch<u64>,
}

/// Both queries of a ratio check, for one colour.
#[derive(Clone, Debug, PartialEq)]
pub struct RatioAnswer {
    /// Bad events: asked second.
    pub bad: Vec<Series<u64>>,
    /// All events: asked first.
    pub total: Vec<Series<u64>>,
}

impl Tally for RatioTally {
    type Answer = RatioAnswer;

    const RESTARTS_AFTER_BAD: bool = false;

    fn newest_ms(answer: &RatioAnswer) -> Option<i64> {
        newest_ms(&answer.total)
    }

    fn spacing_ms(answer: &RatioAnswer) -> Option<u64> {
        spacing_ms(&answer.total)
    }

    fn added(&self, answer: &RatioAnswer, until_ms: i64) -> Result<Option<Reading>, BadSample> {
        let Some(total) = self.total.added(&answer.total, |_| until_ms)? else {
            return Ok(None);
        };
        let cut = Cut::of(&answer.total, until_ms);
        // No bad series beside a total means that nothing went wrong yet: clients create a series with its first event.
        let bad = self.bad.added(&answer.bad, |labels| cut.of_target(labels))?.unwrap_or(0);
        if bad > total {
            return Err(BadSample(format!(
                "{bad} bad events of only {total}: every series that `bad` selects must be among those of `total`, \
                 from the same targets"
            )));
        }
        Reading::counts(bad, total).map(Some)
    }

    fn first_from(&self, answer: &RatioAnswer, at_ms: i64) -> Option<i64> {
        self.total.first_from(&answer.total, at_ms)
    }

    fn advance(&mut self, answer: &RatioAnswer, until_ms: i64) {
        let cut = Cut::of(&answer.total, until_ms);
        self.total.advance(&answer.total, |_| until_ms);
        self.bad.advance(&answer.bad, |labels| cut.of_target(labels));
    }

    fn restart(&mut self, answer: &RatioAnswer) {
        let cut = Cut::of(&answer.total, i64::MAX);
        self.total.restart(&answer.total, |_| i64::MAX);
        self.bad.restart(&answer.bad, |labels| cut.of_target(labels));
    }
}

/// The newest total of each target.
struct Cut<'a> {
    by_target: BTreeMap<Target<'a>, i64>,
    /// For bad series whose target is told by other labels than the total's (an aggregating recording rule).
    newest_ms: i64,
}

/// `job` and `instance`: the labels that Prometheus gives to each target's series.
type Target<'a> = (Option<&'a str>, Option<&'a str>);

fn target(labels: &Labels) -> Target<'_> {
    let of = |key| labels.get(key).map(String::as_str);
    (of("job"), of("instance"))
}

impl<'a> Cut<'a> {
    fn of(total: &'a [Series<u64>], until_ms: i64) -> Self {
        let mut by_target = BTreeMap::new();
        for series in total {
            let seen = series.points.partition_point(|p| p.at_ms <= until_ms);
            if let Some(last) = series.points[..seen].last() {
                let newest = by_target.entry(target(&series.labels)).or_insert(last.at_ms);
                *newest = last.at_ms.max(*newest);
            }
        }
        let newest_ms = by_target.values().copied().max().unwrap_or(i64::MIN);
        Self { by_target, newest_ms }
    }

    fn of_target(&self, labels: &Labels) -> i64 {
        self.by_target.get(&target(labels)).copied().unwrap_or(self.newest_ms)
    }
}

/// Events by size.
#[derive(Clone, Debug, Default)]
pub struct HistogramTally {
    buckets: Watch<Buckets>,
}

impl Tally for HistogramTally {
    type Answer = Vec<Series<Buckets>>;

    /// A process that began anew and stands higher in every bucket already looks like one whose buckets grew in an
    /// impossible way, and would go on to look so against the old base.
    const RESTARTS_AFTER_BAD: bool = true;

    fn newest_ms(answer: &Self::Answer) -> Option<i64> {
        newest_ms(answer)
    }

    fn spacing_ms(answer: &Self::Answer) -> Option<u64> {
        spacing_ms(answer)
    }

    fn added(&self, answer: &Self::Answer, until_ms: i64) -> Result<Option<Reading>, BadSample> {
        let sum = self.buckets.added(answer, |_| until_ms)?;
        sum.map(|buckets| buckets.reading()).transpose()
    }

    fn first_from(&self, answer: &Self::Answer, at_ms: i64) -> Option<i64> {
        self.buckets.first_from(answer, at_ms)
    }

    fn advance(&mut self, answer: &Self::Answer, until_ms: i64) {
        self.buckets.advance(answer, |_| until_ms);
    }

    fn restart(&mut self, answer: &Self::Answer) {
        self.buckets.restart(answer, |_| i64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::super::series::Point;
    use super::*;

    fn series(target: &str, code: &str, points: &[(i64, u64)]) -> Series<u64> {
        let labels = [("instance", target), ("code", code)];
        let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let points = points.iter().map(|&(at_ms, value)| Point { at_ms, value }).collect();
        Series { labels, points }
    }

    fn answer(total: &[Series<u64>], bad: &[Series<u64>]) -> RatioAnswer {
        RatioAnswer { bad: bad.to_vec(), total: total.to_vec() }
    }

    fn started(total: &[Series<u64>], bad: &[Series<u64>]) -> RatioTally {
        let mut tally = RatioTally::default();
        tally.restart(&answer(total, bad));
        tally
    }

    #[test]
    fn no_bad_series_beside_a_total_is_no_error_yet() {
        let tally = started(&[series("a", "200", &[(1, 5)])], &[]);
        let next = answer(&[series("a", "200", &[(1, 5), (2, 9)])], &[]);
        let added = tally.added(&next, i64::MAX).unwrap();
        assert_eq!(added, Some(Reading::Counts { bad: 0, total: 4 }));
    }

    #[test]
    fn bad_events_wait_for_the_scrape_of_their_total() {
        let mut tally = started(&[series("a", "all", &[(1, 5)])], &[series("a", "500", &[(1, 0)])]);
        // Between the two queries the scrapes at 3 (a) and 4 (b) came in, and b's total was newer than a's.
        let total = [series("a", "all", &[(2, 6)]), series("b", "all", &[(3, 10)])];
        let bad = [series("a", "500", &[(2, 1), (3, 4)]), series("b", "500", &[(3, 2), (4, 9)])];
        let first = answer(&total, &bad);
        let added = tally.added(&first, i64::MAX).unwrap();
        assert_eq!(added, Some(Reading::Counts { bad: 1 + 2, total: 1 + 10 }));
        tally.advance(&first, i64::MAX);
        let total = [series("a", "all", &[(3, 10)]), series("b", "all", &[(4, 20)])];
        let added = tally.added(&answer(&total, &bad), i64::MAX).unwrap();
        assert_eq!(added, Some(Reading::Counts { bad: 3 + 7, total: 4 + 10 }));
    }

    #[test]
    fn bad_series_of_unknown_targets_go_by_the_newest_total() {
        let tally = started(&[series("a", "all", &[(1, 5)])], &[]);
        let bad = [series("recorded", "500", &[(1, 1), (2, 2), (3, 9)])];
        let next = answer(&[series("a", "all", &[(2, 10)])], &bad);
        assert_eq!(tally.added(&next, i64::MAX).unwrap(), Some(Reading::Counts { bad: 2, total: 5 }));
    }

    #[test]
    fn more_bad_events_than_events_is_said_with_its_cause() {
        let tally = started(&[series("a", "200", &[(1, 5)])], &[series("a", "500", &[(1, 0)])]);
        let next = answer(&[series("a", "200", &[(2, 6)])], &[series("a", "500", &[(2, 3)])]);
        let refused = tally.added(&next, i64::MAX).unwrap_err().to_string();
        assert!(refused.contains("3 bad events of only 1") && refused.contains("among"), "{refused}");
    }
}
