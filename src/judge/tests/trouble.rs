//! Missing, silent, warming up, soaking: what is not evidence of harm, and what is.

use super::*;

fn probe(name: &str) -> CheckSpec {
    CheckSpec { probe: true, ..ratio(name) }
}

#[test]
fn missing_is_not_bad() {
    for kind in [GapKind::NoData, GapKind::TimedOut, GapKind::Refused, GapKind::Malformed] {
        let mut court = Court::of(vec![ratio("errors")]);
        court.see("errors", &counts(1, 100), &counts(1, 100), 10);
        let before = court.report("errors");
        court.see("errors", &counts(1, 100), &gap(kind), 10);
        let after = court.report("errors");
        assert_eq!(after.standing, Standing::Blind);
        assert!((before.log_e_harm - after.log_e_harm).abs() < f64::EPSILON);
        assert_eq!(before.candidate, after.candidate);
    }
}

#[test]
fn blindness_is_a_finding_only_after_its_time_and_only_of_critical_checks() {
    let mut court = Court::of(vec![ratio("errors"), CheckSpec { critical: false, ..ratio("other") }]);
    let tick = |court: &mut Court, errors: &Reading, other: &Reading, n: usize| {
        for _ in 0..n {
            court.tick(vec![
                pair("errors", counts(1, 100), errors.clone()),
                pair("other", counts(1, 100), other.clone()),
            ]);
        }
    };
    tick(&mut court, &counts(1, 100), &counts(1, 100), 5);
    assert!(is_unharmed(&court.finding()));
    tick(&mut court, &counts(1, 100), &gap(GapKind::TimedOut), 60);
    assert!(is_unharmed(&court.finding()) || matches!(court.finding(), Finding::Healthy { .. }));
    tick(&mut court, &gap(GapKind::TimedOut), &counts(1, 100), 1);
    let Finding::Undecided { reason, unharmed: false } = court.finding() else {
        panic!("blind, but not for long");
    };
    assert!(reason.contains("errors"), "{reason}");
    tick(&mut court, &gap(GapKind::TimedOut), &counts(1, 100), 30);
    let Finding::Blind { check, reason } = court.finding() else {
        panic!("blind for 30 s");
    };
    assert_eq!(check, "errors");
    insta::assert_snapshot!(reason, @"errors: blind for 30 s: nothing measured of the candidate (timed out: as asked)");
    tick(&mut court, &counts(1, 100), &counts(1, 100), 1);
    assert!(!matches!(court.finding(), Finding::Blind { .. }));
}

#[test]
fn blind_is_never_healthy() {
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(5, 500), &counts(5, 500), 60);
    assert_eq!(court.standing("errors"), Standing::Healthy);
    court.see("errors", &gap(GapKind::Stale), &counts(5, 500), 1);
    assert_eq!(court.standing("errors"), Standing::Blind);
    assert!(!matches!(court.finding(), Finding::Healthy { .. }));
}

#[test]
fn a_silent_candidate_is_found() {
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(1, 100), &counts(1, 100), 10);
    court.see("errors", &counts(1, 100), &counts(0, 0), 20);
    assert!(matches!(court.finding(), Finding::Undecided { unharmed: false, .. }));
    court.see("errors", &counts(1, 100), &counts(0, 0), 1);
    let Finding::Silent { check, reason } = court.finding() else {
        panic!("silent for 20 s");
    };
    assert_eq!(check, "errors");
    insta::assert_snapshot!(reason, @"errors: candidate silent for 20 s while live had 2,100 events, limit 20 s; the probability of that by chance is less than one in a million");
}

#[test]
fn zero_bad_events_are_neither_silence_nor_blindness() {
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(0, 100), &counts(0, 100), 100);
    assert!(!matches!(court.standing("errors"), Standing::Blind | Standing::Harmful));
}

#[test]
fn harm_comes_before_silence_and_silence_before_blindness() {
    let mut court = Court::of(vec![ratio("a"), ratio("b")]);
    let tick = |court: &mut Court, a: &Reading, b: &Reading, n: usize| {
        for _ in 0..n {
            court.tick(vec![pair("a", counts(1, 100), a.clone()), pair("b", counts(1, 100), b.clone())]);
        }
    };
    tick(&mut court, &gap(GapKind::TimedOut), &counts(0, 0), 40);
    assert!(matches!(court.finding(), Finding::Silent { check, .. } if check == "b"));
    assert!(court.judge.assess().also_blind.is_some_and(|reason| reason.starts_with("a: blind for")));
    tick(&mut court, &gap(GapKind::TimedOut), &counts(80, 100), 2);
    assert!(matches!(court.finding(), Finding::Harmful { check, .. } if check == "b"));
}

#[test]
fn a_check_that_is_not_critical_can_convict_but_is_not_needed() {
    let mut court = Court::of(vec![ratio("a"), CheckSpec { critical: false, ..ratio("b") }]);
    for _ in 0..60 {
        court.tick(vec![pair("a", counts(5, 500), counts(5, 500)), pair("b", counts(0, 0), counts(0, 0))]);
    }
    assert!(matches!(court.finding(), Finding::Healthy { check, .. } if check == "a"));
    for _ in 0..2 {
        court.tick(vec![pair("b", counts(0, 100), counts(90, 100))]);
    }
    assert!(matches!(court.finding(), Finding::Harmful { check, .. } if check == "b"));
}

#[test]
fn without_critical_checks_every_check_is_needed_and_without_checks_nothing_is_proved() {
    let loose = |name| CheckSpec { critical: false, ..ratio(name) };
    let mut court = Court::of(vec![loose("a"), loose("b")]);
    for _ in 0..60 {
        court.tick(vec![pair("a", counts(5, 500), counts(5, 500)), pair("b", counts(0, 0), counts(0, 0))]);
    }
    assert!(matches!(court.finding(), Finding::Undecided { unharmed: false, .. }));
    let mut court = Court::of(vec![]);
    court.tick(vec![]);
    assert!(matches!(court.finding(), Finding::Undecided { unharmed: false, .. }));
}

#[test]
fn warm_up_is_not_judged() {
    let mut court = Court::new(JudgeSpec { warmup_ms: 10_000, ..spec(vec![ratio("errors")]) });
    court.see("errors", &counts(1, 100), &counts(100, 100), 10);
    assert_eq!(court.standing("errors"), Standing::Undecided);
    assert_eq!(court.report("errors").candidate.n, 0);
    assert_eq!(court.report("errors").waiting_for.unwrap(), "the end of warm-up in 1 s");
    court.see("errors", &counts(1, 100), &counts(100, 100), 2);
    assert_eq!(court.standing("errors"), Standing::Harmful);
}

#[test]
fn before_traffic_only_probes_are_judged() {
    let mut court = Court::of(vec![ratio("errors"), probe("home")]);
    court.percent = 0.0;
    for _ in 0..40 {
        court.tick(vec![
            pair("errors", counts(1, 100), gap(GapKind::NoData)),
            pair("home", counts(0, 1), counts(0, 1)),
        ]);
    }
    assert_eq!(court.standing("errors"), Standing::Undecided);
    assert_eq!(court.report("errors").waiting_for.unwrap(), "traffic on the candidate");
    assert_eq!(court.report("home").candidate.n, 40);
    for _ in 0..20 {
        court.tick(vec![pair("home", counts(0, 1), counts(1, 1))]);
    }
    assert_eq!(court.standing("home"), Standing::Harmful);
}

#[test]
fn a_probe_is_never_silent() {
    let mut court = Court::of(vec![probe("home")]);
    court.see("home", &counts(0, 100), &counts(0, 0), 100);
    assert_eq!(court.standing("home"), Standing::Undecided);
}

#[test]
fn the_soak_goes_on_with_limits_alone() {
    let mut court = Court::of(vec![ratio("errors")]);
    court.see("errors", &counts(5, 500), &counts(5, 500), 60);
    let ratio_before = court.report("errors").ratio;
    court.percent = 100.0;
    court.see("errors", &gap(GapKind::NoData), &counts(9, 1_000), 60);
    assert_eq!(court.standing("errors"), Standing::Healthy);
    assert_eq!(court.report("errors").ratio, ratio_before);
    // What live shows now is no traffic to be compared with, and more errors within the limit are no harm.
    let mut worse = court.clone();
    worse.see("errors", &counts(0, 50), &counts(150, 1_000), 20);
    assert_eq!(worse.report("errors").ratio, ratio_before);
    assert_ne!(worse.standing("errors"), Standing::Harmful);
    court.see("errors", &counts(0, 0), &counts(900, 1_000), 8);
    assert_eq!(court.standing("errors"), Standing::Harmful);
    insta::assert_snapshot!(court.report("errors").reason, @"errors: candidate 4.7% (4,440 of 94,000), 69% in the latest ticks, above the limit of 20%, whatever live does (live 1.0% (300 of 30,000)); evidence for harm e^11.8, needed e^5.3");
}
