//! A classic histogram's buckets, from increments of `_bucket` counters to events per bucket. Pure.

use super::series::Series;
use crate::sample::Reading;

/// Assembles one colour's histogram from its series and what each has counted.
///
/// # Errors
/// Says what is wrong: no `le`, no `+Inf`, instances with different bounds, counts that fall with rising bounds.
pub fn assemble<'a>(increments: impl Iterator<Item = (&'a Series, u64)>) -> Result<Reading, String> {
    // Bound, sum over instances, number of instances.
    let mut buckets: Vec<(f64, u64, usize)> = Vec::new();
    for (series, increment) in increments {
        let le = series.labels.get("le").ok_or("a series without `le`: select the `_bucket` counters")?;
        let bound = parse(le).ok_or_else(|| format!("`le=\"{le}\"` is no bound"))?;
        match buckets.iter_mut().find(|(known, ..)| known.total_cmp(&bound).is_eq()) {
            Some((_, count, instances)) => {
                *count = count.saturating_add(increment);
                *instances += 1;
            }
            None => buckets.push((bound, increment, 1)),
        }
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some((last, _, instances)) = buckets.last().copied() else {
        return Err("no buckets".to_owned());
    };
    if last != f64::INFINITY {
        return Err("no bucket `le=\"+Inf\"`: the selector leaves it out".to_owned());
    }
    if buckets.iter().any(|(.., n)| *n != instances) {
        return Err(
            "instances have different bounds: give them the same, or select one version of them".to_owned()
        );
    }
    let bounds = buckets.iter().map(|(bound, ..)| *bound).filter(|bound| bound.is_finite()).collect();
    let mut below = 0;
    let mut counts = Vec::with_capacity(buckets.len());
    for (bound, cumulative, _) in &buckets {
        let count = cumulative.checked_sub(below);
        counts
            .push(count.ok_or_else(|| format!("fewer events up to {bound} than up to the bound before it"))?);
        below = *cumulative;
    }
    Reading::histogram(bounds, counts).map_err(|error| error.0)
}

fn parse(le: &str) -> Option<f64> {
    if le == "+Inf" { Some(f64::INFINITY) } else { le.parse().ok().filter(|bound: &f64| bound.is_finite()) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(buckets: &[(&str, u64)]) -> Result<Reading, String> {
        let series: Vec<(Series, u64)> = (buckets.iter())
            .map(|(le, count)| {
                let labels = BTreeMap::from([("le".to_owned(), (*le).to_owned())]);
                (Series { labels, scrapes: vec![] }, *count)
            })
            .collect();
        assemble(series.iter().map(|(series, count)| (series, *count)))
    }

    #[test]
    fn cumulative_counts_become_counts_per_bucket_summed_over_instances() {
        let both = [("0.1", 5), ("+Inf", 9), ("0.5", 8), ("0.5", 2), ("0.1", 1), ("+Inf", 2)];
        assert_eq!(check(&both), Reading::histogram(vec![0.1, 0.5], vec![6, 4, 1]).map_err(|e| e.0));
    }

    #[test]
    fn what_is_no_histogram_is_refused_with_its_reason() {
        for (buckets, reason) in [
            (&[("0.1", 5), ("0.5", 8)][..], "+Inf"),
            (&[("0.1", 5), ("+Inf", 4)], "fewer events"),
            (&[("0.1", 5), ("x", 8)], "no bound"),
            (&[("0.1", 5), ("+Inf", 8), ("+Inf", 8)], "different bounds"),
            (&[], "no buckets"),
        ] {
            assert!(check(buckets).unwrap_err().contains(reason), "{buckets:?}");
        }
    }
}
