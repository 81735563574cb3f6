//! The latencies against the quantiles that they should have.

use rand::SeedableRng;

use super::*;

const PLAIN: Model = Model {
    requests: 1_000.0,
    shape: Shape::LogNormal,
    change: Change::None,
    drift: 1.0,
    period_ticks: 3_600,
};

fn near(a: f64, b: f64, within: f64) {
    assert!((a - b).abs() < within, "{a} is not {b}");
}

/// The changed distribution's share above what used to be the quantile `u` times `factor`.
fn beyond(change: Change, u: f64, factor: f64) -> f64 {
    let part = log_normal(0.08, 0.6);
    1.0 - at_most(&part, change, part.inverse_cdf(u) * factor)
}

#[test]
fn each_change_moves_the_quantiles_that_it_names() {
    near(beyond(Change::All(1.3), 0.5, 1.3), 0.5, 1e-6);
    near(beyond(Change::Tail(1.3), 0.99, 1.3), 0.01, 1e-6);
    near(beyond(Change::Tail(1.3), 0.9, 1.0), 0.1, 1e-6);
    near(beyond(Change::Tail(1.3), 0.5, 1.0), 0.5, 1e-6);
    near(beyond(Change::Tail(1.3), 0.999, 1.3), 0.001, 1e-6);
    // One request in twenty five times slower: p50 hardly moves, p99 does.
    let second = Change::SecondMode { share: 0.05, factor: 5.0 };
    assert!(beyond(second, 0.5, 1.0) < 0.53);
    assert!(beyond(second, 0.99, 1.0) > 0.03);
}

#[test]
fn probabilities_are_probabilities() {
    for shape in [Shape::LogNormal, Shape::Bimodal { rho: None }] {
        for change in [Change::None, Change::All(1.3), Change::Tail(1.3)] {
            let mixed = Parts::new(shape, change, 0.9).mixed(SLOW_SHARE);
            near(mixed.iter().sum(), 1.0, 1e-9);
            assert!(mixed.iter().all(|p| *p >= 0.0), "{mixed:?}");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn shares(model: Model, ticks: u32) -> (Vec<f64>, Vec<f64>) {
    let (mut latencies, mut random) = (Latencies::new("latency", model), Rng::seed_from_u64(6));
    let mut sums = (vec![0_u64; 12], vec![0_u64; 12]);
    for _ in 0..ticks {
        let pair = latencies.next(0.5, &mut random);
        for (sum, reading) in [(&mut sums.0, pair.live), (&mut sums.1, pair.candidate)] {
            let Reading::Histogram { counts, .. } = reading else { panic!("no histogram") };
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
    let share = |sum: Vec<u64>| {
        let all = sum.iter().sum::<u64>() as f64;
        sum.into_iter().map(|count| count as f64 / all).collect()
    };
    (share(sums.0), share(sums.1))
}

#[test]
fn histograms_have_the_probabilities_of_their_buckets() {
    let expected = buckets(&log_normal(0.08, 0.6), Change::None);
    let (live, candidate) = shares(PLAIN, 1_000);
    for (seen, expected) in live.iter().chain(&candidate).zip(expected.iter().chain(&expected)) {
        near(*seen, *expected, 0.003);
    }
}

/// Bursts, drift and cache misses leave the colours alike on average, and one in ten slow.
#[test]
fn what_is_shared_leaves_the_colours_alike() {
    for rho in [None, Some(0.02)] {
        let shape = Shape::Bimodal { rho };
        let (live, candidate) = shares(Model { shape, drift: 1.7, period_ticks: 1_000, ..PLAIN }, 1_000);
        for (live, candidate) in live.iter().zip(&candidate) {
            near(*live, *candidate, 0.01);
        }
        near(live[5..].iter().sum::<f64>(), 0.1, 0.02);
    }
}
