//! One counted check over time: two answers of the server to a reading for each colour. Pure but for the steady clock
//! that it is handed.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::buckets;
use super::freshness::{Fresh, Freshness, countable};
use super::labels::Selection;
use super::series::{Counters, Series};
use crate::sample::{GapKind, Reading};

/// More processes than this never served one colour; beyond it those that are gone are forgotten.
const TARGETS_MAX: usize = 10_000;

/// What a check keeps between looks.
#[derive(Debug, Default)]
pub struct Counted {
    freshness: [Freshness; 2],
    total: [Counters; 2],
    bad: [Counters; 2],
    /// Processes that were seen before.
    targets: [BTreeSet<String>; 2],
    looked: bool,
}

/// Raw scrapes, by colour.
pub type ByColour = [Vec<Series>; 2];

/// Splits an answer to a common query by colour.
#[must_use]
pub fn split(series: Vec<Series>, selection: &Selection) -> ByColour {
    let Selection::Together { label, values, .. } = selection else {
        return [series, Vec::new()];
    };
    let mut split = [Vec::new(), Vec::new()];
    for one in series {
        let value = one.labels.get(label);
        if let Some(colour) = values.iter().position(|known| Some(known) == value) {
            split[colour].push(one);
        }
    }
    split
}

impl Counted {
    /// Readings of both colours. `bad` was asked after `total`; `None` for a histogram, whose buckets are `total`.
    pub fn readings(&mut self, total: &ByColour, bad: Option<&ByColour>, now: Instant) -> [Reading; 2] {
        let fresh = [0, 1].map(|colour: usize| self.freshness[colour].look(total[colour].iter(), now));
        let until = if self.looked {
            countable(&fresh[0], &fresh[1])
        } else {
            [0, 1].map(|i: usize| newest(&fresh[i]))
        };
        let first_look = !std::mem::replace(&mut self.looked, true);
        [0, 1].map(|colour: usize| {
            let reading = match until[colour] {
                Some(until) => self.count(colour, total, bad, until),
                None => return waiting(&fresh[colour]),
            };
            if first_look {
                Reading::gap(GapKind::NotYet, "the first look, nothing to compare with")
            } else {
                reading
            }
        })
    }

    fn count(&mut self, colour: usize, total: &ByColour, bad: Option<&ByColour>, until: i64) -> Reading {
        self.freshness[colour].counted(until);
        // Scrapes of a process are taken whole: what came in after its newest total is left for the next look.
        let newest_of = |one: &Series| {
            let same = total[colour].iter().filter(|other| other.target() == one.target());
            same.filter_map(Series::newest_ms).max().unwrap_or(until)
        };
        let targets = &self.targets[colour];
        let known = |one: &Series| targets.contains(&one.target());
        let increments = match self.total[colour].advance(&total[colour], known, newest_of) {
            Ok(increments) => increments,
            Err(error) => return Reading::gap(GapKind::Malformed, error.to_string()),
        };
        let Some(bad) = bad else {
            self.remember(colour, &total[colour]);
            let buckets = buckets::assemble(total[colour].iter().zip(increments));
            return buckets.unwrap_or_else(|reason| Reading::gap(GapKind::Malformed, reason));
        };
        let all = increments.iter().sum();
        let bad: u64 = match self.bad[colour].advance(&bad[colour], known, newest_of) {
            Ok(increments) => increments.iter().sum(),
            Err(error) => return Reading::gap(GapKind::Malformed, error.to_string()),
        };
        self.remember(colour, &total[colour]);
        Reading::counts(bad, all).unwrap_or_else(|_| {
            Reading::gap(
                GapKind::Malformed,
                format!("{bad} bad of only {all}: `bad` must select a part of `total`"),
            )
        })
    }
}

impl Counted {
    fn remember(&mut self, colour: usize, series: &[Series]) {
        if self.targets[colour].len() > TARGETS_MAX {
            self.targets[colour].clear();
        }
        self.targets[colour].extend(series.iter().map(Series::target));
    }
}

const fn newest(fresh: &Fresh) -> Option<i64> {
    match fresh {
        Fresh::New(at_ms) => Some(*at_ms),
        Fresh::Waiting | Fresh::Stale { .. } | Fresh::Gone => None,
    }
}

fn waiting(fresh: &Fresh) -> Reading {
    match fresh {
        Fresh::New(_) => {
            Reading::gap(GapKind::NotYet, "counted together with the other colour's next scrape")
        }
        Fresh::Waiting => Reading::gap(GapKind::NotYet, ""),
        Fresh::Gone => Reading::gap(GapKind::NoData, "no such series"),
        Fresh::Stale { for_ms, interval_ms } => {
            let seconds = |ms: u128| format!("{}.{}s", ms / 1_000, ms % 1_000 / 100);
            let detail =
                format!("no scrape for {}, usually every {}", seconds(*for_ms), seconds(*interval_ms));
            Reading::gap(GapKind::Stale, detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::series::Scrape;
    use super::*;

    fn series(instance: &str, scrapes: &[(i64, f64)]) -> Series {
        Series {
            labels: BTreeMap::from([("instance".to_owned(), instance.to_owned())]),
            scrapes: scrapes.iter().map(|&(at_ms, value)| Scrape { at_ms, value }).collect(),
        }
    }

    fn counts(bad: u64, total: u64) -> Reading {
        Reading::counts(bad, total).unwrap()
    }

    #[test]
    fn both_colours_are_counted_together_and_nothing_is_lost() {
        let now = Instant::now();
        let mut counted = Counted::default();
        let none = || [vec![], vec![]];
        let start = [vec![series("b", &[(0, 10.0)])], vec![series("g", &[(0, 20.0)])]];
        for reading in counted.readings(&start, Some(&none()), now) {
            assert!(matches!(reading, Reading::Gap(gap) if gap.kind == GapKind::NotYet));
        }
        // Blue has a new scrape, green not: both wait.
        let blue_first = [vec![series("b", &[(0, 10.0), (1_000, 15.0)])], vec![series("g", &[(0, 20.0)])]];
        for reading in counted.readings(&blue_first, Some(&none()), now) {
            assert!(matches!(reading, Reading::Gap(gap) if gap.kind == GapKind::NotYet));
        }
        let both = [
            vec![series("b", &[(1_000, 15.0), (2_000, 19.0)])],
            vec![series("g", &[(0, 20.0), (1_100, 27.0)])],
        ];
        let bad = [vec![series("b", &[(1_000, 1.0), (2_000, 2.0), (3_000, 9.0)])], vec![]];
        assert_eq!(counted.readings(&both, Some(&bad), now), [counts(2, 9), counts(0, 7)]);
    }

    #[test]
    fn a_colour_alone_is_counted_when_the_other_is_gone() {
        let mut counted = Counted::default();
        let start = [vec![series("b", &[(0, 10.0), (1_000, 10.0)])], vec![]];
        counted.readings(&start, Some(&[vec![], vec![]]), Instant::now());
        let later = [vec![series("b", &[(1_000, 10.0), (2_000, 13.0)])], vec![]];
        let [blue, green] = counted.readings(&later, Some(&[vec![], vec![]]), Instant::now());
        assert_eq!(blue, counts(0, 3));
        assert!(matches!(green, Reading::Gap(gap) if gap.kind == GapKind::NoData));
        // Green's process appears; what it counted before that is not of this look.
        let appears =
            [vec![series("b", &[(2_000, 13.0), (3_000, 14.0)])], vec![series("g", &[(3_000, 500.0)])]];
        let [_, green] = counted.readings(&appears, Some(&[vec![], vec![]]), Instant::now());
        assert_eq!(green, counts(0, 0));
        // Its first failure is a new series, which started at zero.
        let fails =
            [vec![series("b", &[(4_000, 14.0)])], vec![series("g", &[(3_000, 500.0), (4_000, 509.0)])]];
        let bad = [vec![], vec![series("g", &[(4_000, 2.0)])]];
        let [_, green] = counted.readings(&fails, Some(&bad), Instant::now());
        assert_eq!(green, counts(2, 9));
    }

    #[test]
    fn queries_that_do_not_nest_are_malformed() {
        let mut counted = Counted::default();
        let at = |ms, value| [vec![series("b", &[(ms, value)])], vec![series("g", &[(ms, value)])]];
        counted.readings(&at(0, 0.0), Some(&at(0, 0.0)), Instant::now());
        let [blue, _] = counted.readings(&at(1_000, 1.0), Some(&at(1_000, 9.0)), Instant::now());
        assert!(matches!(blue, Reading::Gap(gap) if gap.detail.contains("part of `total`")));
    }
}
