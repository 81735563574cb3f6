//! Error rates, speed, latching: what the judge promises whatever it is fed.

use super::*;
use crate::evidence::noise::Noise;
use proptest::prelude::*;

/// A stream of 200 requests a second at 50% with 0.5% errors on live and `ratio` times that on the candidate; both
/// share a drifting rate, and every tenth tick is a burst. Returns the second and kind of the first decision.
fn run(seed: u64, ratio_of_rates: f64, seconds: usize) -> Option<(i64, bool)> {
    let mut noise = Noise::new(seed);
    let mut court = Court::of(vec![ratio("errors")]);
    let mut drift = 0.0;
    for _ in 0..seconds {
        drift = 0.98 * drift + 0.06 * noise.normal();
        let rate = 0.005 * f64::exp(drift);
        let (m, n) = (noise.poisson(100.0), noise.poisson(100.0));
        let live = noise.binomial(m, rate);
        let candidate = noise.binomial(n, (rate * ratio_of_rates).min(1.0));
        court.tick(vec![pair("errors", counts(live, m), counts(candidate, n))]);
        match court.finding() {
            Finding::Harmful { .. } => return Some((court.second, true)),
            // A least hold stands before a promotion, as in a release.
            Finding::Healthy { .. } if court.second > 15 => return Some((court.second, false)),
            _ => {}
        }
    }
    None
}

fn summary(runs: u64, ratio_of_rates: f64, seconds: usize) -> (u64, u64, i64) {
    let decided: Vec<(i64, bool)> = (0..runs).filter_map(|seed| run(seed, ratio_of_rates, seconds)).collect();
    let reverted = decided.iter().filter(|d| d.1).count() as u64;
    let mut times: Vec<i64> = decided.iter().map(|d| d.0).collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or(i64::MAX);
    (reverted, decided.len() as u64 - reverted, median)
}

#[test]
fn a_release_no_worse_than_live_is_not_reverted() {
    let (reverted, _, _) = summary(200, 1.0, 120);
    // α is 0.01, so 2 of 200 are expected at most; 7 or more would be a chance of one in two hundred.
    assert!(reverted <= 6, "{reverted} of 200");
}

#[test]
fn a_healthy_release_is_promoted_in_the_time_of_the_design() {
    // statistics.md: ×1 promoted .97 @ 224.
    let (reverted, promoted, median) = summary(12, 1.0, 900);
    assert!(reverted == 0 && promoted >= 11, "{reverted} reverted, {promoted} promoted");
    assert!(median <= 260, "{median} s");
}

#[test]
fn a_bad_release_is_reverted_in_the_time_of_the_design() {
    // statistics.md: ×2 at 88 s, ×5 at 13 s, ×20 at 2 s.
    for (ratio_of_rates, seconds_max) in [(2.0, 110), (5.0, 17), (20.0, 5)] {
        let (reverted, promoted, median) = summary(25, ratio_of_rates, 600);
        assert!(
            reverted >= 24 && promoted <= 1,
            "×{ratio_of_rates}: {reverted} reverted, {promoted} promoted"
        );
        assert!(median <= seconds_max, "×{ratio_of_rates}: {median} s");
    }
}

#[test]
fn a_disaster_is_reverted_after_one_tick() {
    let mut court = Court::of(vec![ratio("errors")]);
    court.percent = 5.0;
    court.see("errors", &counts(2, 1_900), &counts(60, 100), 1);
    assert!(matches!(court.finding(), Finding::Harmful { check, .. } if check == "errors"));
    // At even traffic one tick in which a single role fails may be one burst (ρ up to 0.2): the second convicts.
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(1, 200), &counts(120, 200), 2);
    assert_eq!(court.standing("errors"), Standing::Harmful);
}

#[test]
fn one_bad_event_never_convicts() {
    for total in [1, 2, 100] {
        let mut court = Court::of(vec![ratio("errors")]);
        court.see("errors", &counts(0, total), &counts(1, total), 1);
        assert!(!matches!(court.finding(), Finding::Harmful { .. }));
    }
}

#[test]
fn harm_is_latched_with_its_sentence() {
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(1, 200), &counts(120, 200), 2);
    let Finding::Harmful { reason, .. } = court.finding() else {
        panic!("harm is plain");
    };
    court.see("errors", &counts(1, 200), &counts(0, 200), 2_000);
    court.see("errors", &gap(GapKind::TimedOut), &gap(GapKind::TimedOut), 100);
    assert!(court.report("errors").log_e_harm < court.report("errors").threshold_harm);
    assert_eq!(court.standing("errors"), Standing::Harmful);
    assert!(matches!(court.finding(), Finding::Harmful { reason: later, .. } if later == reason));
}

#[test]
fn health_is_asked_again() {
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(5, 500), &counts(5, 500), 60);
    assert!(matches!(court.finding(), Finding::Healthy { .. }));
    court.see("errors", &counts(5, 500), &counts(9, 500), 30);
    assert_ne!(court.standing("errors"), Standing::Healthy);
}

#[test]
fn the_threshold_shares_the_budget_among_all_ways() {
    let judge = Judge::new(spec(vec![ratio("a"), ratio("b")]));
    let report = &judge.assess().checks[0];
    // Two checks with ratio and limit each: H = 4.
    assert!((report.threshold_harm - 400_f64.ln()).abs() < 1e-12);
    assert!((report.threshold_healthy - 20_f64.ln()).abs() < 1e-12);
}

#[test]
fn the_reason_can_be_read_at_night() {
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(2, 400), &counts(4, 400), 1);
    court.see("errors", &counts(2, 400), &counts(26, 400), 2);
    insta::assert_snapshot!(court.report("errors").reason, @"errors: candidate 4.7% (56 of 1,200) against live 0.50% (6 of 1,200): 9.3 times the live rate (at least 0.59 at 99%), tolerance 1.5; undecided: evidence for harm e^2.4 of e^5.3, for health e^-7.9 of e^3.0");
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(0, 50), &counts(15, 50), 4);
    insta::assert_snapshot!(court.report("errors").reason, @"errors: candidate 30% (45 of 150) against live 0% (0 of 150): none on live to compare with (at least 1.7 at 99%), tolerance 1.5; evidence for harm e^8.7, needed e^5.3");
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(5, 500), &counts(5, 500), 60);
    insta::assert_snapshot!(court.report("errors").reason, @"errors: candidate 1.0% (300 of 30,000) against live 1.0% (300 of 30,000): 1.0 times the live rate (0.71 to 1.4 at 99%), tolerance 1.5; evidence for health e^10.2, needed e^3.0");
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(0, 5_000), &counts(0, 5_000), 12);
    insta::assert_snapshot!(court.report("errors").reason, @"errors: candidate 0% (0 of 60,000) against live 0% (0 of 60,000): no ratio yet, tolerance 1.5; undecided: evidence for harm e^-4.0 of e^5.3, for health e^1.4 of e^3.0");
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(1, 500), &counts(1, 500), 4);
    insta::assert_snapshot!(court.report("errors").reason, @"errors: candidate 0.20% (4 of 2,000) against live 0.20% (4 of 2,000): 1.0 times the live rate (0.025 to 13 at 99%), tolerance 1.5; undecided: evidence for harm e^-1.6 of e^5.3, for health e^-0.8 of e^3.0");
    insta::assert_snapshot!(court.report("errors").waiting_for.unwrap(), @"evidence for health: e^-0.8 so far, needed e^3.0");
}

fn any_reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        (0..2_000_u64, 0..2_000_u64).prop_map(|(bad, good)| counts(bad, bad + good)),
        Just(Reading::Counts { bad: 3, total: 2 }),
        Just(gap(GapKind::NoData)),
        Just(gap(GapKind::NotYet)),
        Just(gap(GapKind::TimedOut)),
        proptest::num::f64::ANY.prop_map(Reading::Value),
        proptest::collection::vec(0..100_u64, 0..5)
            .prop_map(|counts| Reading::Histogram { bounds: vec![0.1, 0.2, 0.4], counts }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_the_same_ticks_give_the_same_finite_answer(
        script in proptest::collection::vec((any_reading(), any_reading(), 0..=100_u16), 1..40),
        kind in 0..3_usize,
    ) {
        let check = CheckSpec { kind: kinds::all()[kind].clone(), ..ratio("x") };
        let mut courts = [Court::of(vec![check.clone()]), Court::of(vec![check])];
        for (live, candidate, percent) in &script {
            for court in &mut courts {
                court.percent = f64::from(*percent);
                court.see("x", live, candidate, 1);
            }
            let assessment = courts[0].judge.assess();
            prop_assert_eq!(&assessment, &courts[1].judge.assess());
            let report = &assessment.checks[0];
            let numbers = [Some(report.log_e_harm), Some(report.log_e_healthy), report.ratio, report.ratio_low, report.ratio_high];
            prop_assert!(numbers.into_iter().flatten().all(f64::is_finite), "{:?}", report);
        }
    }

    #[test]
    fn ticks_without_events_change_no_evidence(bad in 0..50_u64, ticks in 1..30_usize) {
        let mut court = Court::of(vec![ratio("errors")]);
        court.see("errors", &counts(1, 100), &counts(bad, 100), 3);
        let before = court.report("errors");
        court.see("errors", &counts(0, 0), &counts(0, 0), ticks);
        let after = court.report("errors");
        prop_assert_eq!((before.log_e_harm, before.log_e_healthy, before.standing), (after.log_e_harm, after.log_e_healthy, after.standing));
    }
}
