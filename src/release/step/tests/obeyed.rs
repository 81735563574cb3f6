//! A router that does not obey, and times in which nobody watched: neither may count as all being well.

use super::*;

/// A candidate in the soak, and then somebody else's weight.
fn drifted_in_soak(plan: Plan) -> Script {
    let mut script = Script::new(plan);
    script.routed().good(4).routed().good(4).routed().good(2);
    assert!(matches!(script.release.phase, Phase::Soak { .. }));
    script.feed(&Event::Drifted { at: script.now, weight: percent(50.0), restarted: true });
    script
}

#[test]
fn a_soak_does_not_end_while_the_router_serves_something_else() {
    let mut script = drifted_in_soak(plan());
    for _ in 0..20 {
        script.router_fails().good(1);
    }
    assert_eq!(script.outcome(), None, "all traffic is not on the candidate");
    script.routed().good(1);
    assert_eq!(script.outcome(), Some(Outcome::Promoted));
}

#[test]
fn a_promotion_in_such_a_soak_is_remembered_until_the_router_obeys() {
    let mut script = drifted_in_soak(Plan { soak_ms: 50_000, ..plan() });
    script.router_fails().command(Command::Promote).good(3);
    assert_eq!(script.outcome(), None);
    assert!(script.said(Happening::Command)[0].contains("as soon as the router gives green 100%"));
    script.routed().good(1);
    assert_eq!(script.outcome(), Some(Outcome::Promoted));
}

#[test]
fn nor_does_a_deadline_promote_end_it() {
    let mut script = drifted_in_soak(Plan { on_deadline: OnDeadline::Promote, ..plan() });
    for _ in 0..100 {
        script.router_fails().good(1);
    }
    assert_eq!(script.outcome(), None);
}

#[test]
fn a_pause_stops_a_deadline_that_would_promote() {
    let mut script = Script::new(Plan { on_deadline: OnDeadline::Promote, ..plan() });
    script.routed().scant(4).routed().command(Command::Pause).scant(60);
    assert_eq!(script.weights(), [10.0, 50.0]);
    script.scant(60);
    assert_eq!(script.weights(), [10.0, 50.0, 0.0]);
}

#[test]
fn a_hold_counts_watched_time_only() {
    for away in [true, false] {
        let mut script = Script::new(Plan { steps: vec![percent(50.0)], ..plan() });
        script.routed().good(2);
        // The daemon is down, or the machine asleep; meanwhile the candidate may have broken.
        script.now = script.now.plus_ms(40_000);
        if away {
            script.feed(&Event::Resumed { at: script.now });
        }
        let gap = Reading::gap(GapKind::NotYet, "");
        script.ticks(3, &gap, &gap);
        assert_eq!(script.weights(), [50.0]);
        assert_eq!(script.release.assessment.checks[0].standing, Standing::Blind);
        script.good(4);
        assert_eq!(script.weights(), [50.0, 100.0]);
    }
}

#[test]
fn a_soak_begins_anew_after_a_restart_and_blindness_is_timed_from_there() {
    let mut script = Script::new(Plan { on_blind: OnTrouble::Revert, ..plan() });
    script.routed().good(4).routed().good(4).routed().good(2);
    script.now = script.now.plus_ms(30_000);
    script.feed(&Event::Resumed { at: script.now });
    script.good(4);
    assert_eq!(script.outcome(), None);
    script.good(3);
    assert_eq!(script.outcome(), Some(Outcome::Promoted));
}

#[test]
fn a_candidate_that_falls_silent_in_the_soak_is_reverted() {
    let mut script = Script::new(Plan { soak_ms: 20_000, ..plan() });
    script.routed().good(4).routed().good(4).routed().good(3);
    let nothing = Reading::counts(0, 0).unwrap();
    script.ticks(8, &nothing, &nothing);
    assert_eq!(script.weights(), [10.0, 50.0, 100.0, 0.0]);
    assert!(script.said(Happening::Silent)[0].contains("its pace before"));
}
