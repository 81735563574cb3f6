//! Classic histograms: the cumulative buckets of one scrape, their differences and their sum over instances.
//!
//! A classic histogram is one counter per upper bound (`le`), each counting all events up to its bound.
//! The buckets of one process are differenced together: if any of them fell, or the bounds changed, the process began
//! anew, and then all of its buckets did, also those that already stand higher than before.

use super::watch::Cumulative;
use crate::sample::{BadSample, GapKind, Reading};

/// Cumulative buckets; as many counts as bounds and one more, for all events (`+Inf`).
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Finite and strictly rising.
    bounds: Vec<f64>,
    /// Events up to each bound, the last up to infinity.
    up_to: Vec<u64>,
}

impl Buckets {
    /// From the buckets of one scrape in any order, by upper bound.
    ///
    /// # Errors
    /// When the bucket `+Inf` is missing, or one comes twice.
    pub fn assemble(mut buckets: Vec<(f64, u64)>) -> Result<Self, BadSample> {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        if buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
            return Err(BadSample("the bucket le=\"+Inf\" is missing".into()));
        }
        if let Some(twice) = buckets.windows(2).find(|w| w[0].0 >= w[1].0) {
            return Err(BadSample(format!("the bucket le=\"{}\" comes twice", twice[0].0)));
        }
        let (mut bounds, up_to): (Vec<_>, Vec<_>) = buckets.into_iter().unzip();
        bounds.pop();
        Ok(Self { bounds, up_to })
    }

    /// As a reading, per bucket.
    ///
    /// # Errors
    /// When fewer events lie below a bound than below a smaller one, or there is no finite bound.
    pub fn reading(&self) -> Result<Reading, BadSample> {
        if self.bounds.is_empty() {
            return Err(BadSample("the histograms have no bucket in common but +Inf".into()));
        }
        let mut below = 0;
        let mut counts = Vec::with_capacity(self.up_to.len());
        for (i, &up_to) in self.up_to.iter().enumerate() {
            let Some(count) = up_to.checked_sub(below) else {
                return Err(BadSample(format!(
                    "{below} events up to {} but only {up_to} up to the next bound: the buckets are not cumulative",
                    self.bounds[i - 1]
                )));
            };
            counts.push(count);
            below = up_to;
        }
        Reading::histogram(self.bounds.clone(), counts)
    }

    /// The same events in fewer buckets: exact, because the counts are cumulative.
    fn at(&self, bounds: &[f64]) -> Self {
        let kept = self.bounds.iter().zip(&self.up_to).filter(|(bound, _)| bounds.contains(bound));
        let (bounds, mut up_to): (Vec<f64>, Vec<u64>) = kept.unzip();
        up_to.extend(self.up_to.last());
        Self { bounds, up_to }
    }
}

impl Cumulative for Buckets {
    fn since(&self, earlier: &Self) -> Self {
        if self.bounds != earlier.bounds {
            return self.clone();
        }
        let pairs = self.up_to.iter().zip(&earlier.up_to);
        let up_to: Option<Vec<_>> = pairs.map(|(now, then)| now.checked_sub(*then)).collect();
        match up_to {
            Some(up_to) => Self { bounds: self.bounds.clone(), up_to },
            None => self.clone(),
        }
    }

    /// On the bounds that both have: instances of two versions may differ in their buckets.
    fn plus(&self, other: &Self) -> Result<Self, BadSample> {
        if self.bounds != other.bounds {
            let (ours, theirs) = (self.at(&other.bounds), other.at(&self.bounds));
            return ours.plus(&theirs);
        }
        let pairs = self.up_to.iter().zip(&other.up_to);
        let up_to: Result<Vec<_>, _> = pairs.map(|(a, b)| a.plus(b)).collect();
        Ok(Self { bounds: self.bounds.clone(), up_to: up_to? })
    }
}

/// Brings both colours' histograms to the bounds that they share, so that they can be compared bucket by bucket.
/// A new version may come with new buckets. Readings of other kinds stay as they are.
#[must_use]
pub fn on_common_bounds(readings: [Reading; 2]) -> [Reading; 2] {
    let [Reading::Histogram { bounds: first, .. }, Reading::Histogram { bounds: second, .. }] = &readings
    else {
        return readings;
    };
    if first == second {
        return readings;
    }
    let common: Vec<f64> = first.iter().filter(|bound| second.contains(bound)).copied().collect();
    if common.is_empty() {
        let text =
            "the colours' histograms have no bucket in common but +Inf: give both versions the same buckets";
        return [0, 1].map(|_| Reading::gap(GapKind::Malformed, text));
    }
    readings.map(|reading| coarsen(reading, &common))
}

/// Adds up the buckets between the bounds that are kept.
fn coarsen(reading: Reading, kept: &[f64]) -> Reading {
    let Reading::Histogram { bounds, counts } = reading else {
        return reading;
    };
    let mut coarse = vec![0; kept.len() + 1];
    for (i, count) in counts.into_iter().enumerate() {
        // The bucket's upper bound lies in the first kept bucket that reaches as far; the last bucket has none.
        let upper = bounds.get(i).copied().unwrap_or(f64::INFINITY);
        coarse[kept.partition_point(|k| *k < upper)] += count;
    }
    Reading::Histogram { bounds: kept.to_vec(), counts: coarse }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INF: f64 = f64::INFINITY;

    fn buckets(all: &[(f64, u64)]) -> Buckets {
        Buckets::assemble(all.to_vec()).unwrap()
    }

    fn counts(reading: &Reading) -> (&[f64], &[u64]) {
        match reading {
            Reading::Histogram { bounds, counts } => (bounds, counts),
            other => panic!("a histogram expected, not {other:?}"),
        }
    }

    #[test]
    fn cumulative_buckets_become_counts_per_bucket() {
        let reading = buckets(&[(INF, 10), (0.1, 4), (0.5, 9)]).reading().unwrap();
        assert_eq!(counts(&reading), (&[0.1, 0.5][..], &[4, 5, 1][..]));
    }

    #[test]
    fn one_bucket_that_fell_means_that_all_began_anew() {
        let before = buckets(&[(0.1, 5), (INF, 100)]);
        let after = buckets(&[(0.1, 7), (INF, 8)]);
        assert_eq!(after.since(&before), after);
        let grown = buckets(&[(0.1, 7), (INF, 108)]);
        assert_eq!(grown.since(&before), buckets(&[(0.1, 2), (INF, 8)]));
        let other_bounds = buckets(&[(0.2, 7), (INF, 108)]);
        assert_eq!(other_bounds.since(&before), other_bounds);
    }

    #[test]
    fn instances_with_different_buckets_are_summed_on_the_common_ones() {
        let (one, two) = (buckets(&[(0.1, 1), (0.5, 3), (INF, 4)]), buckets(&[(0.2, 1), (0.5, 2), (INF, 9)]));
        assert_eq!(one.plus(&two).unwrap(), buckets(&[(0.5, 5), (INF, 13)]));
        let none = one.plus(&buckets(&[(7.0, 1), (INF, 1)])).unwrap();
        assert!(none.reading().unwrap_err().to_string().contains("in common"));
    }

    #[test]
    fn buckets_that_cannot_be_are_refused() {
        let missing = Buckets::assemble(vec![(0.1, 1)]).unwrap_err();
        assert!(missing.to_string().contains("+Inf"), "{missing}");
        let twice = Buckets::assemble(vec![(0.1, 1), (0.1, 1), (INF, 1)]).unwrap_err();
        assert!(twice.to_string().contains("twice"), "{twice}");
        let falling = buckets(&[(0.1, 5), (0.2, 4), (INF, 6)]).reading().unwrap_err();
        assert!(falling.to_string().contains("not cumulative"), "{falling}");
    }

    #[test]
    fn colours_with_different_buckets_are_compared_on_the_common_ones() {
        let blue = Reading::histogram(vec![0.1, 0.5, 1.0], vec![1, 2, 3, 4]).unwrap();
        let green = Reading::histogram(vec![0.5, 1.0], vec![5, 6, 7]).unwrap();
        let [blue, green] = on_common_bounds([blue, green]);
        assert_eq!(counts(&blue), (&[0.5, 1.0][..], &[3, 3, 4][..]));
        assert_eq!(counts(&green), (&[0.5, 1.0][..], &[5, 6, 7][..]));
        let alien = Reading::histogram(vec![9.0], vec![1, 1]).unwrap();
        let [first, second] = on_common_bounds([blue, alien]);
        assert!(matches!((first, second), (Reading::Gap(_), Reading::Gap(_))));
    }

    proptest! {
        /// No event is lost or doubled by differencing, summing or coarsening.
        #[test]
        fn events_are_preserved(
            per_bucket in prop::collection::vec((0_u64..1000, 0_u64..1000), 4),
            keep in prop::collection::vec(any::<bool>(), 3),
        ) {
            let bounds = [0.1, 0.5, 1.0, INF];
            let running = |pick: fn(&(u64, u64)) -> u64| {
                let mut sum = 0;
                let all = bounds.iter().zip(&per_bucket).map(|(bound, n)| { sum += pick(n); (*bound, sum) });
                Buckets::assemble(all.collect()).unwrap()
            };
            let (first, second) = (running(|n| n.0), running(|n| n.1));
            let sum = first.plus(&second).unwrap();
            prop_assert_eq!(&sum.since(&first), &second);
            let reading = sum.reading().unwrap();
            let expected: Vec<u64> = per_bucket.iter().map(|(a, b)| a + b).collect();
            prop_assert_eq!(counts(&reading).1, &expected[..]);
            let kept: Vec<f64> = bounds.iter().zip(&keep).filter(|(_, k)| **k).map(|(b, _)| *b).collect();
            prop_assert_eq!(coarsen(reading.clone(), &kept).events(), reading.events());
        }
    }
}
