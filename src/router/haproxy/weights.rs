//! Which integer weights split traffic as asked: HAProxy takes 0 to 256 for each server and knows no percentages.
//!
//! The share of a colour is the total of its servers' weights over the total of both colours. So one server each gets
//! W and 100 − W, and for other shapes the best pair of totals is searched for. Pure arithmetic, no I/O:
//! [`super::HaproxyRouter`] sends what is planned here.

use std::cmp::Reverse;

use crate::sample::Weight;

/// HAProxy's own limit for the absolute weight of a server.
const SERVER_WEIGHT_MAX: u64 = 256;

/// What a server gets when its colour has all the traffic, and what the totals are kept near to otherwise:
/// with one server each, weights then read as percentages.
const SERVER_WEIGHT_ALL: u64 = 100;

const BASIS_POINTS: u64 = 10_000;

/// Weights for the servers of the first and the second colour, so that the first gets `first` of the traffic.
///
/// `servers` says how many each colour has, neither zero. A share above 0 and below 100 percent never becomes 0 or
/// 100: a step that sends nothing could not be judged, and one that sends everything is a promotion. The nearest that
/// one server each allows is 1 in 257.
pub(super) fn plan(first: Weight, servers: [usize; 2]) -> [Vec<u64>; 2] {
    let [m, n] = servers.map(|count| count as u64);
    let totals = match first {
        Weight::NONE => [0, SERVER_WEIGHT_ALL * n],
        Weight::ALL => [SERVER_WEIGHT_ALL * m, 0],
        _ => best_totals(u64::from(first.basis_points()), [m, n]),
    };
    [spread(totals[0], m), spread(totals[1], n)]
}

/// The first colour's share when the colours' servers have these weights; `None` when nobody gets anything.
///
/// Rounded to the hundredth of a percent, but never to "nothing" or "all" while the other colour has weight.
pub(super) fn share(totals: [u64; 2]) -> Option<Weight> {
    let [a, b] = totals;
    match (a, b) {
        (0, 0) => None,
        (0, _) => Some(Weight::NONE),
        (_, 0) => Some(Weight::ALL),
        _ => {
            let rounded = (2 * BASIS_POINTS * a + a + b) / (2 * (a + b));
            let between = rounded.clamp(1, BASIS_POINTS - 1);
            u16::try_from(between).ok().map(Weight::from_basis_points)
        }
    }
}

/// Searches every total of the first colour, each with the totals of the second that can go with it.
fn best_totals(first: u64, servers: [u64; 2]) -> [u64; 2] {
    (1..=SERVER_WEIGHT_MAX * servers[0])
        .flat_map(|a| partners(a, first, servers[1]).map(move |b| [a, b]))
        .min_by_key(|&totals| cost(totals, first, servers))
        .unwrap_or([1, 1])
}

/// Totals of the second colour worth trying next to total `a`: the two nearest, and the two nearest that its `n`
/// servers can share evenly.
fn partners(a: u64, first: u64, n: u64) -> [u64; 4] {
    let ideal = a * (BASIS_POINTS - first) / first;
    let even = ideal / n * n;
    [ideal, ideal + 1, even, even + n].map(|b| b.clamp(1, SERVER_WEIGHT_MAX * n))
}

/// What makes one pair of totals worse than another, the most important first.
///
/// 1. The share as it will be read back, against the one asked for.
/// 2. Servers of a colour with traffic that get none themselves.
/// 3. Colours whose servers do not all get the same.
/// 4. The exact share against the one asked for, in millionths of a basis point.
/// 5. Distance from totals that read as percentages; of two at the same distance the larger.
fn cost(totals: [u64; 2], first: u64, servers: [u64; 2]) -> (u64, u64, u64, u64, u64, Reverse<u64>) {
    let [a, b] = totals;
    let sum = a + b;
    let seen = share(totals).map_or(0, |weight| u64::from(weight.basis_points()));
    let idle = servers[0].saturating_sub(a) + servers[1].saturating_sub(b);
    let uneven = u64::from(a % servers[0] != 0) + u64::from(b % servers[1] != 0);
    let exact = (BASIS_POINTS * a).abs_diff(first * sum) * 1_000_000 / sum;
    let scale = sum.abs_diff(SERVER_WEIGHT_ALL * servers[0].max(servers[1]));
    (seen.abs_diff(first), idle, uneven, exact, scale, Reverse(sum))
}

/// Shares `total` among `count` servers; they differ by one at most.
fn spread(total: u64, count: u64) -> Vec<u64> {
    (0..count).map(|server| total / count + u64::from(server < total % count)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn totals(plan: &[Vec<u64>; 2]) -> [u64; 2] {
        [plan[0].iter().sum(), plan[1].iter().sum()]
    }

    fn percent(percent: u16) -> Weight {
        Weight::from_basis_points(percent * 100)
    }

    #[test]
    fn one_server_each_gets_percentages() {
        for p in 0..=100_u16 {
            let planned = plan(percent(p), [1, 1]);
            assert_eq!(planned, [vec![u64::from(p)], vec![u64::from(100 - p)]], "{p}%");
        }
    }

    #[test]
    fn several_servers_of_a_colour_get_the_same_where_that_is_exact() {
        assert_eq!(plan(percent(25), [2, 2]), [vec![25, 25], vec![75, 75]]);
        assert_eq!(plan(percent(1), [1, 2]), [vec![2], vec![99, 99]]);
        assert_eq!(plan(percent(0), [3, 2]), [vec![0, 0, 0], vec![100, 100]]);
        assert_eq!(plan(percent(100), [1, 2]), [vec![100], vec![0, 0]]);
    }

    #[test]
    fn a_small_share_may_leave_servers_idle_but_is_kept_small() {
        let planned = plan(percent(1), [10, 1]);
        assert_eq!(share(totals(&planned)), Some(percent(1)));
        assert!(planned[1][0] <= 256);
    }

    #[test]
    fn a_share_too_small_for_haproxy_becomes_the_smallest_there_is() {
        let planned = plan(Weight::from_basis_points(1), [1, 1]);
        assert_eq!(planned, [vec![1], vec![256]]);
        assert_eq!(share([1, 256]), Some(Weight::from_basis_points(39)));
    }

    #[test]
    fn a_trickle_is_not_read_as_nothing() {
        assert_eq!(share([1, 100_000]), Some(Weight::from_basis_points(1)));
        assert_eq!(share([100_000, 1]), Some(Weight::from_basis_points(9_999)));
        assert_eq!(share([0, 0]), None);
    }

    /// The smallest error of any pair of totals at all.
    fn least_error(first: u64, servers: [u64; 2]) -> u64 {
        (1..=SERVER_WEIGHT_MAX * servers[0])
            .flat_map(|a| (1..=SERVER_WEIGHT_MAX * servers[1]).map(move |b| [a, b]))
            .map(|pair| cost(pair, first, servers).0)
            .min()
            .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_other_weights_come_nearer(first in 1_u16..10_000, m in 1_usize..3, n in 1_usize..3) {
            let planned = plan(Weight::from_basis_points(first), [m, n]);
            let seen = share(totals(&planned)).unwrap().basis_points();
            let least = least_error(u64::from(first), [m as u64, n as u64]);
            prop_assert_eq!(u64::from(seen.abs_diff(first)), least);
        }
    }

    proptest! {
        #[test]
        fn plans_are_valid_and_even(first in 0_u16..=10_000, m in 1_usize..8, n in 1_usize..8) {
            let planned = plan(Weight::from_basis_points(first), [m, n]);
            prop_assert_eq!([planned[0].len(), planned[1].len()], [m, n]);
            for colour in &planned {
                let (low, high) = (colour.iter().min().unwrap(), colour.iter().max().unwrap());
                prop_assert!(*high <= SERVER_WEIGHT_MAX && high - low <= 1);
            }
            let seen = share(totals(&planned)).unwrap();
            prop_assert_eq!(seen == Weight::NONE, first == 0);
            prop_assert_eq!(seen == Weight::ALL, first == 10_000);
        }
    }
}
