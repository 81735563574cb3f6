//! Every outcome of small cases, weighted by its exact probability: no e-value may exceed 1 on average, for any null
//! member between the points of the tests' own grids.
//!
//! Simulation sees a violation of a few per cent only; here one of 10^−9 would show.

use super::*;
use crate::evidence::kernel::log_kernel;

/// Intra-tick correlations between and at the points of the tests' grid.
const RHOS: [f64; 14] =
    [0.0, 0.0004, 0.001, 0.003, 0.006, 0.01, 0.02, 0.03, 0.05, 0.08, 0.11, 0.15, 0.18, 0.2];

/// One run of ticks: how many successes in each, and the e-values after it.
struct Outcome {
    ks: Vec<u64>,
    log_e: Vec<f64>,
}

/// All outcomes of ticks with the given trials, and what `judged` says of each.
fn outcomes(trials: &[u64], judged: impl Fn(&[(u64, u64)]) -> Vec<f64>) -> Vec<Outcome> {
    let mut all = vec![vec![]];
    for n in trials {
        all = all
            .into_iter()
            .flat_map(|ks: Vec<u64>| (0..=*n).map(move |k| [ks.clone(), vec![k]].concat()))
            .collect();
    }
    let outcome = |ks: Vec<u64>| {
        let ticks: Vec<(u64, u64)> = ks.iter().copied().zip(trials.iter().copied()).collect();
        Outcome { log_e: judged(&ticks), ks }
    };
    all.into_iter().map(outcome).collect()
}

fn choose(n: u64, k: u64) -> f64 {
    (0..k).fold(1.0, |c, i| c * count_to_float(n - i) / count_to_float(i + 1))
}

/// The largest expectation of each e-value over null members with these odds and correlations.
fn largest_expectations(
    outcomes: &[Outcome],
    trials: &[u64],
    odds: &[f64],
    rhos: &[f64],
) -> Vec<(f64, f64, f64)> {
    let tests = outcomes[0].log_e.len();
    let mut largest = vec![(0.0, 0.0, 0.0); tests];
    for o in odds {
        for rho in rhos {
            // Probability of every count of every tick.
            let chances: Vec<Vec<f64>> = trials
                .iter()
                .map(|n| (0..=*n).map(|k| choose(*n, k) * log_kernel(k, *n, *o, *rho).exp()).collect())
                .collect();
            let mut expectations = vec![0.0; tests];
            for outcome in outcomes {
                let chance: f64 = outcome
                    .ks
                    .iter()
                    .zip(&chances)
                    .map(|(k, chances)| chances[usize::try_from(*k).unwrap()])
                    .product();
                for (expectation, log_e) in expectations.iter_mut().zip(&outcome.log_e) {
                    *expectation += chance * log_e.exp();
                }
            }
            for (largest, expectation) in largest.iter_mut().zip(expectations) {
                if expectation > largest.0 {
                    *largest = (expectation, *o, *rho);
                }
            }
        }
    }
    largest
}

fn assert_at_most_one(what: &str, found: &[(f64, f64, f64)]) {
    for (i, (expectation, odds, rho)) in found.iter().enumerate() {
        assert!(*expectation <= 1.0 + 1e-9, "{what}, e-value {i}: {expectation} at odds {odds}, rho {rho}");
        assert!(*expectation > 1e-3, "{what}, e-value {i} can say nothing");
    }
}

/// Odds from `edge` away from it, densely: factors of 1.01 near the edge, then wider.
fn away(edge: f64, upward: bool) -> Vec<f64> {
    let factors = [1.0, 1.01, 1.03, 1.06, 1.1, 1.17, 1.25, 1.4, 1.7, 2.2, 3.3, 6.0, 15.0, 40.0];
    factors.into_iter().map(|f| if upward { edge * f } else { edge / f }).collect()
}

const TICKS: [&[u64]; 5] = [&[1, 1, 1], &[3, 3, 3], &[7, 7], &[8, 5, 6], &[20, 20]];

#[test]
fn worse_than_live_and_near_to_live() {
    for tolerance in [1.2, 1.5, 3.0] {
        for even in [0.05, 1.0, 9.0] {
            for trials in TICKS {
                let judged = |ticks: &[(u64, u64)]| {
                    let mut test = RateTest::new(tolerance, None, None);
                    for (k, n) in ticks {
                        test.ratio.add(Tally::with_odds(*k, *n, even).unwrap());
                        test.worse.add(&test.ratio);
                    }
                    let worse = [test.ratio.log_e(&test.worse.constant), test.worse.late.log_e()];
                    [worse.to_vec(), vec![test.worse.log_e(&test.ratio), test.ratio.log_e(&test.near)]]
                        .concat()
                };
                let all = outcomes(trials, judged);
                let harm = largest_expectations(&all, trials, &away(even, false), &RHOS);
                let what = format!("tolerance {tolerance}, odds {even}, {trials:?}");
                assert_at_most_one(&what, &harm[..3]);
                let health = largest_expectations(&all, trials, &away(even * tolerance, true), &RHOS);
                assert_at_most_one(&what, &health[3..]);
            }
        }
    }
}

#[test]
fn above_and_below_a_margin() {
    for rate in [0.001, 0.02, 0.2, 0.9] {
        for trials in TICKS {
            let judged = |ticks: &[(u64, u64)]| {
                let mut own = OwnRate::new(None, Some(rate));
                for (k, n) in ticks {
                    own.add(Counts { bad: *k, total: *n });
                }
                let margin = own.limit.as_ref().unwrap();
                vec![margin.above.log_e(&own.table), own.table.log_e(&margin.below)]
            };
            let all = outcomes(trials, judged);
            let edge = rate / (1.0 - rate);
            let above = largest_expectations(&all, trials, &away(edge, false), &RHOS);
            let below = largest_expectations(&all, trials, &away(edge, true), &RHOS);
            let what = format!("rate {rate}, {trials:?}");
            assert_at_most_one(&what, &above[..1]);
            assert_at_most_one(&what, &below[1..]);
        }
    }
}
