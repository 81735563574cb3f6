//! Real traffic split at random: two colours that are alike by construction, with a real day's drift and blips.
//!
//! Source: `fixtures/petshop` (its README says where from and how it was cut). Each request of an interval goes to the
//! candidate with the probability of its weight. Errors are thinned in one of two ways: one by one, which is exactly
//! hypergeometric given both colours' requests, or in blocks that hit one colour as a whole, as an instance that fails
//! for a while does.

use assize::sample::Pair;
use rand_distr::{Distribution, Hypergeometric};

use super::lab::Rng;
use super::traffic::{Counts, INSTANCES, Stream, binomial, candidate_instances};

/// Seconds of an interval.
pub const INTERVAL_S: u32 = 300;

/// Intervals of one split.
pub const INTERVALS: u32 = 589;

/// Which of the two recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    High,
    Low,
}

/// How errors find their colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Each by itself.
    Single,
    /// So many at a time, on one of the fleet's instances.
    Blocks(u64),
}

/// One service's intervals.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: String,
    pub intervals: Vec<Counts>,
}

/// All services of a recording.
pub fn services(recording: Recording) -> Vec<Service> {
    let text = match recording {
        Recording::High => include_str!("../../fixtures/petshop/high.csv"),
        Recording::Low => include_str!("../../fixtures/petshop/low.csv"),
    };
    let mut services: Vec<Service> = Vec::new();
    for line in text.lines().skip(1) {
        let [_, name, requests, errors] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("four columns: {line}");
        };
        let interval = Counts { bad: errors.parse().unwrap(), total: requests.parse().unwrap() };
        match services.iter_mut().find(|service| service.name == name) {
            Some(service) => service.intervals.push(interval),
            None => services.push(Service { name: name.to_owned(), intervals: vec![interval] }),
        }
    }
    services
}

/// A service's intervals, split on their way. Starts again where they end.
#[derive(Clone, Debug)]
pub struct Splitting<'a> {
    intervals: &'a [Counts],
    split: Split,
    next: usize,
}

impl<'a> Splitting<'a> {
    pub fn new(service: &'a Service, split: Split) -> Self {
        Self { intervals: &service.intervals, split, next: 0 }
    }
}

/// The candidate's part of an interval.
pub fn candidates_part(all: Counts, weight: f64, split: Split, random: &mut Rng) -> Counts {
    let total = binomial(all.total, weight, random);
    let bad = match split {
        Split::Single if all.bad == 0 || total == 0 => 0,
        Split::Single => Hypergeometric::new(all.total, all.bad, total).unwrap().sample(random),
        Split::Blocks(size) => {
            let share = f64::from(candidate_instances(weight)) / f64::from(INSTANCES);
            let blocks = binomial(all.bad / size, share, random) * size;
            let rest = binomial(all.bad % size, share, random);
            // No colour has more errors than requests; what is over goes to the other.
            (blocks + rest).min(total).max(all.bad.saturating_sub(all.total - total))
        }
    };
    Counts { bad, total }
}

impl Stream for Splitting<'_> {
    fn next(&mut self, weight: f64, random: &mut Rng) -> Pair {
        let all = self.intervals[self.next % self.intervals.len()];
        self.next += 1;
        let candidate = candidates_part(all, weight, self.split, random);
        let live = Counts { bad: all.bad - candidate.bad, total: all.total - candidate.total };
        Pair { check: "errors".into(), live: live.reading(), candidate: candidate.reading() }
    }
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn both_recordings_hold_what_the_dataset_says() {
        for (recording, requests, errors) in
            [(Recording::High, 406_226, 364), (Recording::Low, 285_225, 1_167)]
        {
            let services = services(recording);
            assert_eq!(services.len(), 5);
            let site = services.iter().find(|service| service.name == "PetSite").unwrap();
            assert_eq!(site.intervals.len(), INTERVALS as usize);
            assert_eq!(site.intervals.iter().map(|i| i.total).sum::<u64>(), requests);
            assert_eq!(site.intervals.iter().map(|i| i.bad).sum::<u64>(), errors);
            assert!(services.iter().all(|s| s.intervals.iter().all(|i| i.bad <= i.total)));
        }
    }

    /// Nothing is lost, and on average both colours fail alike.
    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn a_split_is_fair_and_whole() {
        let mut random = Rng::seed_from_u64(1);
        let all = Counts { bad: 40, total: 1_000 };
        for (weight, split) in [(0.5, Split::Single), (0.05, Split::Single), (0.25, Split::Blocks(8))] {
            let parts: Vec<Counts> =
                (0..20_000).map(|_| candidates_part(all, weight, split, &mut random)).collect();
            assert!(parts.iter().all(|p| p.bad <= p.total && p.bad <= all.bad));
            let bad = parts.iter().map(|p| p.bad as f64).sum::<f64>() / 20_000.0;
            assert!((bad / (40.0 * weight) - 1.0).abs() < 0.03, "{bad} of 40 at {weight}");
            let spread = parts.iter().map(|p| (p.bad as f64 - bad).powi(2)).sum::<f64>() / 20_000.0;
            let alone = 40.0 * weight * (1.0 - weight);
            let clumped = if split == Split::Single { 1.0 } else { 8.0 };
            assert!((spread / (alone * clumped) - 1.0).abs() < 0.1, "{spread} against {alone}");
        }
    }

    #[test]
    fn blocks_stay_within_what_there_is() {
        let mut random = Rng::seed_from_u64(1);
        for _ in 0..1_000 {
            let all = Counts { bad: 9, total: 10 };
            let part = candidates_part(all, 0.5, Split::Blocks(8), &mut random);
            assert!(part.bad <= part.total && all.bad - part.bad <= all.total - part.total);
        }
    }
}
