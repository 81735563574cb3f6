//! Streams of samples and what the judge makes of them.

use super::spec::*;
use super::*;
use crate::sample::{GapKind, Pair, Reading};

fn ratio() -> CheckKind {
    CheckKind::Ratio(RatioSpec { tolerance: 1.5, floor: Some(0.001), limit: Some(0.2) })
}

fn check(name: &str, kind: CheckKind) -> CheckSpec {
    CheckSpec { name: name.into(), critical: true, probe: false, kind }
}

fn spec(checks: Vec<CheckSpec>) -> JudgeSpec {
    JudgeSpec {
        checks,
        false_revert: 0.01,
        missed_harm: 0.05,
        warmup_ms: 0,
        blind_after_ms: 10_000,
        silent_after_ms: 5_000,
    }
}

/// A judge with its own clock of one-second ticks.
struct Court {
    judge: Judge,
    at: Timestamp,
    weight: Weight,
}

impl Court {
    fn new(spec: JudgeSpec) -> Self {
        Self {
            judge: Judge::new(spec),
            at: Timestamp::from_ms(0),
            weight: Weight::from_percent(50.0).unwrap(),
        }
    }

    fn of(kind: CheckKind) -> Self {
        Self::new(spec(vec![check("it", kind)]))
    }

    fn tick(&mut self, pairs: Vec<Pair>) -> Assessment {
        self.at = self.at.plus_ms(1_000);
        self.judge.observe(&Tick { at: self.at, weight: self.weight, pairs });
        self.judge.assess()
    }

    fn see(&mut self, live: Reading, candidate: Reading) -> Assessment {
        self.tick(vec![Pair { check: "it".into(), live, candidate }])
    }

    fn counts(&mut self, live: (u64, u64), candidate: (u64, u64)) -> Assessment {
        self.see(Reading::counts(live.0, live.1).unwrap(), Reading::counts(candidate.0, candidate.1).unwrap())
    }
}

fn standing(assessment: &Assessment) -> Standing {
    assessment.checks[0].standing
}

/// `SplitMix64` with what a simulation needs.
struct Dice(u64);

impl Dice {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn binomial(&mut self, n: u64, p: f64) -> u64 {
        (0..n).filter(|_| self.uniform() < p).count() as u64
    }
}

#[test]
fn two_ticks_of_disaster_are_enough() {
    let mut court = Court::of(ratio());
    court.counts((0, 100), (100, 100));
    let assessment = court.counts((0, 100), (100, 100));
    assert!(matches!(assessment.finding, Finding::Harmful { .. }), "{assessment:#?}");
}

#[test]
fn harm_is_found_in_about_the_time_of_the_table_and_stays() {
    let mut dice = Dice(7);
    let mut court = Court::of(ratio());
    let found = (1..=200).find(|_| {
        let (live, candidate) = (dice.binomial(100, 0.005), dice.binomial(100, 0.025));
        standing(&court.counts((live, 100), (candidate, 100))) == Standing::Harmful
    });
    assert!(found.is_some_and(|tick| tick <= 40), "×5 at 200/s: {found:?} (the table says 13)");
    let later = court.counts((0, 100_000), (0, 100_000));
    assert_eq!(standing(&later), Standing::Harmful, "latched");
    assert!(later.checks[0].reason.contains("evidence for harm"), "{}", later.checks[0].reason);
}

#[test]
fn health_is_found_in_about_the_time_of_the_table_and_can_be_lost() {
    let mut dice = Dice(11);
    let mut court = Court::of(ratio());
    let found = (1..=900).find(|_| {
        let (live, candidate) = (dice.binomial(100, 0.005), dice.binomial(100, 0.005));
        matches!(court.counts((live, 100), (candidate, 100)).finding, Finding::Healthy { .. })
    });
    assert!(found.is_some(), "×1 at 200/s (the table says 224)");
    let mut last = Standing::Healthy;
    for _ in 0..60 {
        last = standing(&court.counts((1, 200), (2, 200)));
        if last != Standing::Healthy {
            break;
        }
    }
    assert_ne!(last, Standing::Healthy, "health is not latched");
}

#[test]
fn too_rare_to_matter_is_healthy_and_never_harm() {
    let kind = CheckKind::Ratio(RatioSpec { tolerance: 1.5, floor: Some(0.02), limit: None });
    let mut court = Court::of(kind);
    let mut assessment = court.counts((0, 500), (3, 500));
    for _ in 0..20 {
        assessment = court.counts((0, 500), (3, 500));
        assert_ne!(standing(&assessment), Standing::Harmful);
    }
    assert_eq!(standing(&assessment), Standing::Healthy, "{assessment:#?}");
}

#[test]
fn over_the_limit_is_harm_even_where_live_is_as_bad() {
    let mut court = Court::of(ratio());
    let mut assessment = court.counts((40, 100), (40, 100));
    for _ in 0..10 {
        assessment = court.counts((40, 100), (40, 100));
    }
    assert!(
        matches!(&assessment.finding, Finding::Harmful { reason, .. } if reason.contains("limit of 20%"))
    );
}

#[test]
fn healthy_releases_are_rarely_reverted_and_harmful_ones_rarely_acquitted_at_once() {
    let mut dice = Dice(3);
    let mut reverted = 0;
    for _ in 0..200 {
        let mut court = Court::of(ratio());
        let harmful = (0..120).any(|_| {
            let (live, candidate) = (dice.binomial(50, 0.02), dice.binomial(50, 0.02));
            standing(&court.counts((live, 50), (candidate, 50))) == Standing::Harmful
        });
        reverted += u32::from(harmful);
    }
    // 1% of 200 is 2; seven or more has a chance below half a percent at exactly 1%.
    assert!(reverted < 7, "{reverted} of 200 healthy releases reverted");
}

#[test]
fn the_soak_has_no_live_side_and_still_has_a_limit() {
    let mut court = Court::of(ratio());
    (0..5).for_each(|_| drop(court.counts((1, 400), (1, 400))));
    court.weight = Weight::ALL;
    let gap = Reading::gap(GapKind::NoData, "no traffic");
    let calm = court.see(gap.clone(), Reading::counts(2, 800).unwrap());
    assert_ne!(standing(&calm), Standing::Blind, "live is not expected: {calm:#?}");
    let outage = Reading::counts(500, 800).unwrap();
    let found = (0..20).find(|_| standing(&court.see(gap.clone(), outage.clone())) == Standing::Harmful);
    assert!(found.is_some(), "{:#?}", court.judge.assess());
}

#[test]
fn a_failing_source_blinds_and_is_neither_harm_nor_health() {
    let mut court = Court::of(ratio());
    (0..60).for_each(|_| drop(court.counts((0, 500), (0, 500))));
    assert_eq!(standing(&court.judge.assess()), Standing::Healthy);
    let gap = Reading::gap(GapKind::TimedOut, "after 5s");
    let first = court.see(gap.clone(), gap.clone());
    assert_eq!(standing(&first), Standing::Blind);
    assert!(matches!(first.finding, Finding::Undecided { unharmed: false, .. }), "{first:#?}");
    let mut assessment = first;
    for _ in 0..10 {
        assessment = court.see(gap.clone(), gap.clone());
    }
    assert!(matches!(&assessment.finding, Finding::Blind { reason, .. } if reason.contains("after 5s")));
    assert_eq!(standing(&court.counts((0, 500), (0, 500))), Standing::Healthy, "sees again, at once");
}

#[test]
fn not_yet_is_no_gap_for_a_while() {
    let mut court = Court::of(ratio());
    court.counts((0, 500), (0, 500));
    let wait = Reading::gap(GapKind::NotYet, "");
    for _ in 0..10 {
        assert_ne!(standing(&court.see(wait.clone(), wait.clone())), Standing::Blind);
    }
    let late = court.see(wait.clone(), wait);
    assert_eq!(standing(&late), Standing::Blind, "longer than blind_after");
    let unasked = court.tick(vec![]);
    assert_eq!(standing(&unasked), Standing::Blind);
}

#[test]
fn a_silent_candidate_is_silent_not_blind_and_only_with_enough_traffic() {
    for silent in [Reading::counts(0, 0).unwrap(), Reading::gap(GapKind::NoData, "no series")] {
        let mut court = Court::of(ratio());
        let mut findings = Vec::new();
        for _ in 0..7 {
            findings.push(court.see(Reading::counts(0, 100).unwrap(), silent.clone()).finding);
        }
        assert!(matches!(findings[4], Finding::Undecided { .. }), "not before silent_after: {findings:#?}");
        assert!(matches!(&findings[6], Finding::Silent { reason, .. } if reason.contains("silent")));
    }
    let mut quiet = Court::of(ratio());
    quiet.weight = Weight::from_percent(1.0).unwrap();
    for _ in 0..9 {
        let assessment = quiet.see(Reading::counts(0, 1).unwrap(), Reading::counts(0, 0).unwrap());
        assert!(
            !matches!(assessment.finding, Finding::Silent { .. }),
            "at 1% of one request a second that is chance"
        );
    }
}

#[test]
fn silence_ends_with_the_first_request_and_a_failing_source_is_no_silence() {
    let mut court = Court::of(ratio());
    let (busy, none) = (Reading::counts(0, 100).unwrap(), Reading::counts(0, 0).unwrap());
    (0..4).for_each(|_| drop(court.see(busy.clone(), none.clone())));
    court.counts((0, 100), (0, 1));
    (0..4).for_each(|_| drop(court.see(busy.clone(), none.clone())));
    assert!(!matches!(court.judge.assess().finding, Finding::Silent { .. }));
    let mut court = Court::of(ratio());
    for _ in 0..20 {
        let assessment = court.see(busy.clone(), Reading::gap(GapKind::Refused, "down"));
        assert!(!matches!(assessment.finding, Finding::Silent { .. }));
    }
}

#[test]
fn nothing_is_judged_before_traffic_and_in_the_warm_up() {
    let mut court = Court::new(JudgeSpec { warmup_ms: 3_000, ..spec(vec![check("it", ratio())]) });
    court.weight = Weight::NONE;
    (0..5).for_each(|_| drop(court.counts((0, 100), (100, 100))));
    court.weight = Weight::from_percent(50.0).unwrap();
    for _ in 0..3 {
        let assessment = court.counts((0, 100), (100, 100));
        assert_eq!(standing(&assessment), Standing::Undecided, "{assessment:#?}");
    }
    court.counts((0, 100), (100, 100));
    assert_eq!(standing(&court.counts((0, 100), (100, 100))), Standing::Harmful);
}

#[test]
fn every_critical_check_must_be_healthy_and_any_check_convicts() {
    let mut minor = check("minor", ratio());
    minor.critical = false;
    let checks = vec![check("it", ratio()), minor];
    let pair = |check: &str, bad| Pair {
        check: check.into(),
        live: Reading::counts(0, 2_000).unwrap(),
        candidate: Reading::counts(bad, 2_000).unwrap(),
    };
    let mut court = Court::new(spec(checks.clone()));
    (0..30).for_each(|_| drop(court.tick(vec![pair("it", 0)])));
    assert!(matches!(court.judge.assess().finding, Finding::Healthy { .. }), "minor is not critical");
    let mut court = Court::new(spec(checks));
    (0..30).for_each(|_| drop(court.tick(vec![pair("it", 0), pair("minor", 1_900)])));
    let finding = court.judge.assess().finding;
    assert!(matches!(&finding, Finding::Harmful { check, .. } if check == "minor"), "{finding:#?}");
    let mut two = Court::new(spec(vec![check("it", ratio()), check("other", ratio())]));
    (0..30).for_each(|_| drop(two.tick(vec![pair("it", 0)])));
    assert!(!matches!(two.judge.assess().finding, Finding::Healthy { .. }), "other was never asked");
}

#[test]
fn without_checks_nothing_is_ever_healthy() {
    let mut court = Court::new(spec(vec![]));
    assert!(matches!(court.tick(vec![]).finding, Finding::Undecided { unharmed: false, .. }));
}

fn latency() -> CheckKind {
    let quantile = QuantileSpec { name: "p90".into(), quantile: 0.9, tolerance: 1.5 };
    let limit = SlowLimit { over_s: 0.9, share: 0.3 };
    CheckKind::Latency(LatencySpec { quantiles: vec![quantile], limit: Some(limit) })
}

fn histogram(fast: u64, slow: u64, awful: u64) -> Reading {
    Reading::histogram(vec![0.1, 0.5, 1.0], vec![fast, slow, 0, awful]).unwrap()
}

#[test]
fn a_doubled_slow_share_is_harm_and_an_equal_one_is_health() {
    let mut court = Court::of(latency());
    let found = (0..40)
        .find(|_| standing(&court.see(histogram(85, 15, 0), histogram(70, 30, 0))) == Standing::Harmful);
    assert!(found.is_some());
    let reason = &court.judge.assess().checks[0].reason;
    assert!(reason.contains("slower than 100ms (live p90)"), "{reason}");
    let mut court = Court::of(latency());
    let found = (0..60)
        .find(|_| standing(&court.see(histogram(85, 15, 0), histogram(85, 15, 0))) == Standing::Healthy);
    assert!(found.is_some(), "{:#?}", court.judge.assess());
}

#[test]
fn the_first_tick_of_a_latency_check_only_learns() {
    let assessment = Court::of(latency()).see(histogram(1_000, 0, 0), histogram(700, 300, 0));
    assert_eq!(standing(&assessment), Standing::Undecided);
}

#[test]
fn too_many_over_the_limit_is_harm_and_strange_bounds_are_survived() {
    let mut court = Court::of(latency());
    let found = (0..20)
        .find(|_| standing(&court.see(histogram(50, 0, 50), histogram(50, 0, 50))) == Standing::Harmful);
    assert!(found.is_some());
    let mut court = Court::of(latency());
    let other = Reading::histogram(vec![0.3], vec![10, 10]).unwrap();
    for _ in 0..5 {
        court.see(histogram(85, 15, 0), other.clone());
        court.see(other.clone(), histogram(85, 15, 0));
    }
}

fn value(direction: Direction) -> CheckKind {
    let limit = ValueLimit { bound: Bound::Above(0.95), for_ms: 3_000 };
    CheckKind::Value(ValueSpec { tolerance: 1.3, direction, limit: Some(limit) })
}

fn values(court: &mut Court, dice: &mut Dice, factor: f64) -> Standing {
    let live = 0.3 * (1.0 + 0.1 * (dice.uniform() - 0.5));
    let candidate = 0.3 * factor * (1.0 + 0.1 * (dice.uniform() - 0.5));
    standing(&court.see(Reading::Value(live), Reading::Value(candidate)))
}

#[test]
fn a_value_beyond_the_tolerance_is_harm_in_the_direction_asked() {
    for (direction, factor, expected) in [
        (Direction::Increase, 1.5, Standing::Harmful),
        (Direction::Increase, 0.5, Standing::Healthy),
        (Direction::Increase, 1.0, Standing::Healthy),
        (Direction::Decrease, 0.5, Standing::Harmful),
        (Direction::Decrease, 1.5, Standing::Healthy),
        (Direction::Either, 0.5, Standing::Harmful),
        (Direction::Either, 1.5, Standing::Harmful),
        (Direction::Either, 1.0, Standing::Healthy),
    ] {
        let (mut court, mut dice) = (Court::of(value(direction)), Dice(5));
        let mut last = Standing::Undecided;
        for _ in 0..150 {
            last = values(&mut court, &mut dice, factor);
        }
        assert_eq!(last, expected, "{direction:?} ×{factor}: {:#?}", court.judge.assess());
    }
}

#[test]
fn a_tiny_steady_difference_does_not_convict_and_two_points_never_do() {
    let (mut court, mut dice) = (Court::of(value(Direction::Increase)), Dice(5));
    for _ in 0..300 {
        assert_ne!(values(&mut court, &mut dice, 1.05), Standing::Harmful);
    }
    let mut court = Court::of(value(Direction::Increase));
    for _ in 0..2 {
        assert_eq!(standing(&court.see(Reading::Value(0.1), Reading::Value(0.9))), Standing::Undecided);
    }
}

#[test]
fn a_value_beyond_its_limit_convicts_after_its_time_and_not_before() {
    let mut court = Court::of(value(Direction::Increase));
    let over = |court: &mut Court| standing(&court.see(Reading::Value(0.97), Reading::Value(0.97)));
    assert_ne!(over(&mut court), Standing::Harmful);
    court.see(Reading::Value(0.9), Reading::Value(0.9));
    for _ in 0..3 {
        assert_ne!(over(&mut court), Standing::Harmful);
    }
    assert_eq!(over(&mut court), Standing::Harmful);
    assert!(court.judge.assess().checks[0].reason.contains("above its limit of 0.95"));
}

#[test]
fn the_same_ticks_give_the_same_answer_and_numbers_stay_finite() {
    let run = || {
        let mut court = Court::of(ratio());
        let mut dice = Dice(9);
        let mut last = court.judge.assess();
        for _ in 0..50 {
            last = court.counts((dice.binomial(20, 0.1), 20), (dice.binomial(20, 0.2), 20));
        }
        last
    };
    let (first, second) = (run(), run());
    assert_eq!(first, second);
    let check = &first.checks[0];
    let (low, high) = (check.ratio_low.unwrap(), check.ratio_high.unwrap());
    assert!(low < check.ratio.unwrap() && check.ratio.unwrap() < high, "{check:#?}");
    assert!(check.log_e_harm.is_finite() && check.log_e_healthy.is_finite());
}
