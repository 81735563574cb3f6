//! What a rate test makes of streams whose truth is known.

mod exact;

use super::*;
use crate::evidence::noise::Noise;

#[expect(clippy::unnecessary_wraps, reason = "the shape that the test takes")]
const fn counts(bad: u64, total: u64) -> Option<Counts> {
    Some(Counts { bad, total })
}

#[test]
fn extreme_margins_have_alternatives_on_both_sides() {
    for (tolerance, floor, limit) in
        [(1.01, 1e-9, 0.999), (59.0, 1e-6, 0.6), (1e4, 0.5, 0.5), (1.5, 0.001, 0.2)]
    {
        let test = RateTest::new(tolerance, Some(floor), Some(limit));
        for question in [&test.worse.constant, &test.near] {
            assert!(!question.alternative.is_empty() && !question.null.is_empty());
        }
        for margin in [&test.own.floor, &test.own.limit] {
            for question in margin.iter().flat_map(|m| [&m.above.constant, &m.below]) {
                assert!(!question.alternative.is_empty() && !question.null.is_empty());
            }
        }
    }
}

#[test]
fn the_default_tables_have_the_size_of_the_design() {
    let test = RateTest::new(1.5, Some(0.001), Some(0.2));
    assert_eq!(test.ratio.grid().multiples().len(), 16);
    assert_eq!(test.own.table.grid().multiples().len(), 16);
}

#[test]
fn one_side_without_traffic_tells_the_ratio_nothing_but_feeds_the_own_rate() {
    let mut test = RateTest::new(1.5, None, Some(0.05));
    test.add(counts(0, 0), counts(30, 100));
    for _ in 0..3 {
        test.add(None, counts(30, 100));
    }
    let strengths = test.strengths();
    assert!(strengths.harm_by_ratio.abs() < 1e-9);
    assert!(strengths.near.abs() < 1e-9);
    assert!(strengths.harm_by_limit.unwrap() > 5.0);
    assert_eq!(test.estimate.ratio(), None);
}

#[test]
fn a_shared_failure_convicts_nobody() {
    let mut test = RateTest::new(1.5, Some(0.001), None);
    for bad in [0, 1, 90, 100, 95, 80, 2, 0] {
        test.add(counts(bad, 100), counts(bad, 100));
    }
    assert!(test.strengths().harm() < 0.0);
}

#[test]
fn worse_than_live_but_below_the_floor_does_not_matter() {
    let mut test = RateTest::new(1.5, Some(0.01), None);
    for _ in 0..200 {
        test.add(counts(0, 2_000), counts(4, 2_000));
    }
    let strengths = test.strengths();
    assert!(test.worse.log_e(&test.ratio) > 20.0);
    assert!(strengths.harm() < 0.0);
    assert!(strengths.healthy() > 3.0);
}

#[test]
fn the_estimate_survives_a_drifting_rate_and_weight() {
    // No difference within any tick, but the candidate got its traffic when everything was worse.
    let mut test = RateTest::new(1.5, None, None);
    test.add(counts(9, 900), counts(1, 100));
    test.add(counts(10, 100), counts(90, 900));
    assert!((test.estimate.ratio().unwrap() - 1.0).abs() < 1e-12);
}

/// Median and share of runs that reach `threshold` within 300 ticks of 200 requests at 50%.
fn reached(ratio: f64, threshold: f64, strength: impl Fn(&Strengths) -> f64) -> (usize, usize) {
    let mut at = Vec::new();
    for seed in 0..30 {
        let mut noise = Noise::new(seed);
        let mut test = RateTest::new(1.5, Some(0.001), Some(0.2));
        for tick in 0..300 {
            let (m, n) = (noise.poisson(100.0), noise.poisson(100.0));
            let (live, candidate) = (noise.binomial(m, 0.005), noise.binomial(n, 0.005 * ratio));
            test.add(counts(live, m), counts(candidate, n));
            if strength(&test.strengths()) >= threshold {
                at.push(tick);
                break;
            }
        }
    }
    at.sort_unstable();
    (at.len(), at.get(at.len() / 2).copied().unwrap_or(usize::MAX))
}

#[test]
fn harm_is_found_as_fast_as_the_design_says() {
    for (ratio, ticks_max) in [(20.0, 4), (5.0, 16), (2.0, 110)] {
        let (found, median) = reached(ratio, 200_f64.ln(), Strengths::harm);
        assert!(found >= 28 && median <= ticks_max, "×{ratio}: {found} at {median}");
    }
    let (found, _) = reached(1.0, 200_f64.ln(), Strengths::harm);
    assert_eq!(found, 0);
}

#[test]
fn health_is_found_as_fast_as_the_design_says() {
    let (found, median) = reached(1.0, 20_f64.ln(), Strengths::healthy);
    assert!(found >= 20 && median <= 250, "{found} at {median}");
    let (found, _) = reached(2.0, 20_f64.ln(), Strengths::healthy);
    assert!(found <= 2, "{found}");
}

/// Bad events of ten instances of ten requests each, whose rates scatter about `rate` with precision 99 (ρ = 0.01).
fn instances(noise: &mut Noise, rate: f64) -> Counts {
    let mut sum = Counts::default();
    for _ in 0..10 {
        let total = noise.poisson(10.0);
        let own_rate = noise.beta(rate * 99.0, (1.0 - rate) * 99.0);
        let bad = noise.binomial(total, own_rate);
        sum.add(Counts { bad, total });
    }
    sum
}

#[test]
fn bursty_instances_with_shared_drift_and_shocks_are_not_reverted() {
    for seed in 0..12 {
        let mut noise = Noise::new(seed);
        let mut test = RateTest::new(1.5, Some(0.001), Some(0.2));
        let mut drift = 0.0;
        for _ in 0..600 {
            drift = 0.98 * drift + 0.06 * noise.normal();
            let rate = 0.005 * f64::exp(drift + 0.3 * noise.normal());
            let [live, candidate] = [(); 2].map(|()| Some(instances(&mut noise, rate)));
            test.add(live, candidate);
            assert!(test.strengths().harm() < 200_f64.ln(), "seed {seed}");
        }
    }
}

#[test]
fn harm_that_begins_late_is_told_as_such() {
    let mut test = RateTest::new(1.5, Some(0.001), Some(0.2));
    for _ in 0..600 {
        test.add(counts(1, 200), counts(1, 200));
    }
    let mut ticks = 0;
    while test.strengths().harm() < 200_f64.ln() {
        test.add(counts(1, 200), counts(60, 200));
        ticks += 1;
        assert!(ticks < 10);
    }
    let words = test.candidate_words();
    assert!(words.contains("% in the latest ticks"), "{words}");
}
