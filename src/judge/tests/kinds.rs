//! Latency and value checks.

use super::*;
use crate::evidence::noise::Noise;
use crate::judge::spec::{Bound, Direction, LatencySpec, QuantileSpec, SlowLimit, ValueLimit, ValueSpec};

/// One of each kind.
pub fn all() -> [CheckKind; 3] {
    [
        ratio("x").kind,
        latency(&[("p50", 0.5), ("p99", 0.99)], Some((0.3, 0.02))).kind,
        value(Direction::Either, Some((Bound::Above(0.9), 10_000))).kind,
    ]
}

fn latency(quantiles: &[(&str, f64)], limit: Option<(f64, f64)>) -> CheckSpec {
    let quantile = |(name, quantile): &(&str, f64)| QuantileSpec {
        name: (*name).into(),
        quantile: *quantile,
        tolerance: 1.5,
    };
    CheckSpec {
        kind: CheckKind::Latency(LatencySpec {
            quantiles: quantiles.iter().map(quantile).collect(),
            limit: limit.map(|(over_s, share)| SlowLimit { over_s, share }),
        }),
        ..ratio("latency")
    }
}

fn value(direction: Direction, limit: Option<(Bound, u64)>) -> CheckSpec {
    CheckSpec {
        kind: CheckKind::Value(ValueSpec {
            tolerance: 1.3,
            direction,
            limit: limit.map(|(bound, for_ms)| ValueLimit { bound, for_ms }),
        }),
        ..ratio("cpu")
    }
}

fn histogram(counts: [u64; 4]) -> Reading {
    Reading::histogram(vec![0.1, 0.25, 1.0], counts.to_vec()).unwrap()
}

#[test]
fn latency_that_doubles_beyond_the_quantile_is_harm() {
    let mut court = Court::of(vec![latency(&[("p50", 0.5), ("p99", 0.99)], None)]);
    let live = histogram([500, 480, 18, 2]);
    court.see("latency", &live, &live, 2);
    // The first ticks only teach where live's quantiles lie.
    assert_ne!(court.standing("latency"), Standing::Harmful);
    court.see("latency", &live, &histogram([480, 430, 80, 10]), 12);
    assert_eq!(court.standing("latency"), Standing::Harmful);
    insta::assert_snapshot!(court.report("latency").reason, @"latency: p99: candidate 8.1% (650 of 8,000) slower than 0.25 s against live 2.0% (160 of 8,000): 4.1 times the live share (0.97 to 9.6 at 99%), tolerance 1.5; evidence for harm e^5.4, needed e^5.3");
}

#[test]
fn latency_like_live_is_healthy() {
    let mut court = Court::of(vec![latency(&[("p50", 0.5), ("p99", 0.99)], Some((0.3, 0.02)))]);
    let live = histogram([500, 480, 18, 2]);
    court.see("latency", &live, &live, 120);
    insta::assert_snapshot!(court.report("latency").reason, @"latency: p99: candidate 2.0% (2,380 of 119,000) slower than 0.25 s against live 2.0% (2,380 of 119,000): 1.0 times the live share (0.87 to 1.2 at 99%), tolerance 1.5; evidence for health e^88.1, needed e^3.0");
    assert_eq!(court.standing("latency"), Standing::Healthy);
}

#[test]
fn coarse_buckets_do_not_stand_in_the_way_of_health() {
    // Everything in the first bucket on both sides: no ratio to be had, and yet nothing is slow.
    let mut court = Court::of(vec![latency(&[("p50", 0.5), ("p99", 0.99)], None)]);
    court.see("latency", &histogram([1_000, 0, 0, 0]), &histogram([1_000, 0, 0, 0]), 120);
    assert_eq!(court.standing("latency"), Standing::Healthy);
    // A handful of slow requests is no harm to a median.
    let mut court = Court::of(vec![latency(&[("p50", 0.5)], None)]);
    court.see("latency", &histogram([1_000, 0, 0, 0]), &histogram([998, 2, 0, 0]), 120);
    assert_eq!(court.standing("latency"), Standing::Healthy);
}

#[test]
fn an_absolute_limit_uses_the_next_bound_and_says_so() {
    let mut court = Court::of(vec![latency(&[], Some((0.3, 0.02)))]);
    court.see("latency", &histogram([90, 5, 5, 0]), &histogram([50, 30, 10, 10]), 20);
    assert_eq!(court.standing("latency"), Standing::Harmful);
    insta::assert_snapshot!(court.report("latency").reason, @"latency: candidate 10% (40 of 400) slower than 1 s (the histogram's next bound above 0.3 s), above the limit of 2%; evidence for harm e^6.3, needed e^4.6");
}

#[test]
fn a_limit_beyond_every_bound_is_never_proved() {
    let mut court = Court::of(vec![latency(&[], Some((5.0, 0.02)))]);
    court.see("latency", &histogram([90, 5, 5, 0]), &histogram([90, 5, 5, 0]), 200);
    assert_eq!(court.standing("latency"), Standing::Undecided);
    insta::assert_snapshot!(court.report("latency").waiting_for.unwrap(), @"the candidate's first events in a histogram with a bound at or above 5 s");
}

#[test]
fn histograms_without_a_common_bound_are_a_gap() {
    let mut court = Court::of(vec![latency(&[("p50", 0.5)], None)]);
    let other = Reading::histogram(vec![7.0], vec![5, 5]).unwrap();
    court.see("latency", &histogram([90, 5, 5, 0]), &other, 2);
    assert_eq!(court.standing("latency"), Standing::Blind);
    assert!(court.report("latency").reason.contains("share no bound"));
}

#[test]
fn bounds_that_change_are_another_histogram() {
    let mut court = Court::of(vec![latency(&[("p50", 0.5)], None)]);
    court.see("latency", &histogram([90, 95, 5, 0]), &histogram([90, 95, 5, 0]), 20);
    let n = court.report("latency").candidate.n;
    let other = Reading::histogram(vec![0.05, 0.2], vec![5, 5, 5]).unwrap();
    court.see("latency", &other, &other, 1);
    // What live's quantile is in it is not known before it was seen.
    assert_eq!(court.report("latency").candidate.n, n);
    court.see("latency", &other, &other, 5);
    assert!(court.report("latency").candidate.n > n);
}

/// `seconds` of values around 0.4 on live, and `factor` times that on the candidate.
fn values(court: &mut Court, noise: &mut Noise, factor: f64, seconds: usize) {
    for _ in 0..seconds {
        let live = 0.4 * (0.05 * noise.normal()).exp();
        let candidate = 0.4 * factor * (0.05 * noise.normal()).exp();
        let [live, candidate] = [live, candidate].map(|x| Reading::value(x).unwrap());
        court.see("cpu", &live, &candidate, 1);
    }
}

#[test]
fn a_value_beyond_the_tolerance_is_harm_on_the_side_where_harm_lies() {
    for (direction, factor, standing) in [
        (Direction::Increase, 1.5, Standing::Harmful),
        (Direction::Increase, 1.0, Standing::Healthy),
        (Direction::Increase, 0.6, Standing::Healthy),
        (Direction::Decrease, 0.6, Standing::Harmful),
        (Direction::Decrease, 1.5, Standing::Healthy),
        (Direction::Either, 1.5, Standing::Harmful),
        (Direction::Either, 0.6, Standing::Harmful),
        (Direction::Either, 1.0, Standing::Healthy),
    ] {
        let mut court = Court::of(vec![value(direction, None)]);
        values(&mut court, &mut Noise::new(1), factor, 120);
        assert_eq!(
            court.standing("cpu"),
            standing,
            "{direction:?} ×{factor}: {}",
            court.report("cpu").reason
        );
    }
}

#[test]
fn a_tiny_steady_difference_does_not_convict() {
    let mut court = Court::of(vec![value(Direction::Increase, None)]);
    values(&mut court, &mut Noise::new(2), 1.05, 400);
    assert_eq!(court.standing("cpu"), Standing::Healthy);
    insta::assert_snapshot!(court.report("cpu").reason, @"cpu: candidate 0.421 (median of 400 ticks) against live 0.401 (median of 400 ticks): 1.1 times the live value (1.0 to 1.1 at 99%), tolerance 1.3; evidence for health e^242.6, needed e^3.0");
}

#[test]
fn two_values_a_side_never_convict() {
    for factor in [1.5, 100.0, 1e9] {
        let mut court = Court::of(vec![value(Direction::Either, None)]);
        court.see("cpu", &Reading::Value(0.1), &Reading::Value(0.1 * factor), 2);
        assert_eq!(court.standing("cpu"), Standing::Undecided);
        assert!(court.report("cpu").log_e_harm < 1.0);
    }
}

#[test]
fn a_value_that_is_not_positive_is_a_gap_with_its_reason() {
    let mut court = Court::of(vec![value(Direction::Increase, None)]);
    court.see("cpu", &Reading::Value(0.1), &Reading::Value(-0.3), 1);
    assert_eq!(court.standing("cpu"), Standing::Blind);
    insta::assert_snapshot!(court.report("cpu").reason, @"cpu: blind now: nothing measured of the candidate (malformed answer: -0.3 is not positive, so it has no ratio to compare)");
}

#[test]
fn a_value_beyond_its_limit_for_long_enough_is_harm() {
    let limited = || Court::of(vec![value(Direction::Increase, Some((Bound::Above(0.9), 10_000)))]);
    let (live, high, low) = (Reading::Value(0.95), Reading::Value(0.97), Reading::Value(0.8));
    let mut court = limited();
    court.see("cpu", &live, &high, 10);
    assert_eq!(court.standing("cpu"), Standing::Undecided);
    insta::assert_snapshot!(court.report("cpu").waiting_for.unwrap(), @"the candidate to return: above 0.9 for 9 s, limit 10 s");
    court.see("cpu", &live, &high, 1);
    assert_eq!(court.standing("cpu"), Standing::Harmful);
    insta::assert_snapshot!(court.report("cpu").reason, @"cpu: candidate 0.970 has been above 0.9 for 10 s, limit 10 s; candidate 0.970 (median of 11 ticks) against live 0.950 (median of 11 ticks): 1.0 times the live value, tolerance 1.3");
    for interruption in [low, gap(GapKind::TimedOut)] {
        let mut court = limited();
        court.see("cpu", &live, &high, 9).see("cpu", &live, &interruption, 1).see("cpu", &live, &high, 9);
        assert_ne!(court.standing("cpu"), Standing::Harmful);
    }
}

#[test]
fn a_measurement_that_is_read_again_is_no_new_evidence() {
    let after = |repeats: usize| {
        let mut court = Court::of(vec![value(Direction::Increase, None)]);
        let mut noise = Noise::new(4);
        for _ in 0..6 {
            let (live, candidate) =
                (0.4 * (0.02 * noise.normal()).exp(), 0.44 * (0.02 * noise.normal()).exp());
            court.see("cpu", &Reading::Value(live), &Reading::Value(candidate), repeats);
        }
        court.report("cpu").log_e_healthy
    };
    assert!((after(1) - after(12)).abs() < 1e-12, "{} {}", after(1), after(12));
    // A value that really does not move counts once a minute, so that it is not undecided for good.
    let mut court = Court::of(vec![value(Direction::Increase, None)]);
    court.see("cpu", &Reading::Value(0.4), &Reading::Value(0.4), 3_000);
    assert_eq!(court.standing("cpu"), Standing::Healthy);
}

#[test]
fn a_stay_beyond_the_limit_goes_on_between_measurements() {
    let mut court = Court::of(vec![value(Direction::Increase, Some((Bound::Above(0.9), 10_000)))]);
    let (live, high, not_yet) = (Reading::Value(0.95), Reading::Value(0.97), gap(GapKind::NotYet));
    for _ in 0..2 {
        court.see("cpu", &live, &high, 1).see("cpu", &not_yet, &not_yet, 4);
    }
    assert_ne!(court.standing("cpu"), Standing::Harmful);
    court.see("cpu", &live, &high, 1);
    assert_eq!(court.standing("cpu"), Standing::Harmful);
}
