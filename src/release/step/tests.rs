//! Scripts: given this release and these events, these orders and these verdicts.

use super::*;
use crate::judge::report::Standing;
use crate::judge::spec::{CheckKind, CheckSpec, JudgeSpec, RatioSpec};
use crate::release::plan::{Advance, OnDeadline, OnTrouble, Plan};
use crate::sample::{Colour, GapKind, Pair, Reading};

fn percent(percent: f64) -> Weight {
    Weight::from_percent(percent).unwrap()
}

fn plan() -> Plan {
    Plan {
        tick_ms: 1_000,
        steps: vec![percent(10.0), percent(50.0)],
        hold_ms: 3_000,
        advance: Advance::Unharmed,
        deadline_ms: 60_000,
        on_deadline: OnDeadline::Revert,
        on_blind: OnTrouble::Hold,
        on_silent: OnTrouble::Revert,
        soak_ms: 5_000,
    }
}

fn spec() -> JudgeSpec {
    let ratio = RatioSpec { tolerance: 1.5, floor: Some(0.01), limit: Some(0.2) };
    JudgeSpec {
        checks: vec![CheckSpec {
            name: "errors".into(),
            critical: true,
            probe: false,
            kind: CheckKind::Ratio(ratio),
        }],
        false_revert: 0.01,
        missed_harm: 0.05,
        warmup_ms: 0,
        blind_after_ms: 4_000,
        silent_after_ms: 4_000,
    }
}

/// A release under test with what came out of it.
struct Script {
    release: Release,
    orders: Vec<(u64, Weight)>,
    verdicts: Vec<Verdict>,
    now: Timestamp,
}

impl Script {
    fn new(plan: Plan) -> Self {
        let beginning = Beginning {
            id: "shop-1".into(),
            service: "shop".into(),
            live: Colour::new("blue").unwrap(),
            candidate: Colour::new("green").unwrap(),
            plan,
            judge: spec(),
            at: Timestamp::from_ms(0),
            by: "ann".into(),
        };
        let (release, effects) = begin(beginning);
        let mut script = Self { release, orders: vec![], verdicts: vec![], now: Timestamp::from_ms(0) };
        script.take(effects);
        script
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::SetWeight { id, weight } => self.orders.push((id, weight)),
                Effect::Announce(verdict) => self.verdicts.push(*verdict),
            }
        }
    }

    fn feed(&mut self, event: &Event) {
        let (release, effects) = step(self.release.clone(), event);
        self.release = release;
        self.take(effects);
    }

    /// The router answers to the newest order.
    fn routed(&mut self) -> &mut Self {
        let effect = self.release.order.id;
        self.feed(&Event::Routed { at: self.now, effect, error: None });
        self
    }

    fn router_fails(&mut self) -> &mut Self {
        let effect = self.release.order.id;
        self.feed(&Event::Routed { at: self.now, effect, error: Some("no answer".into()) });
        self
    }

    fn command(&mut self, command: Command) -> &mut Self {
        self.feed(&Event::Command { at: self.now, command, by: "bob".into() });
        self
    }

    fn ticks(&mut self, count: usize, live: &Reading, candidate: &Reading) -> &mut Self {
        for _ in 0..count {
            self.now = self.now.plus_ms(1_000);
            let pair = Pair { check: "errors".into(), live: live.clone(), candidate: candidate.clone() };
            let tick = Tick { at: self.now, weight: self.release.granted, pairs: vec![pair] };
            self.feed(&Event::Tick(tick));
        }
        self
    }

    /// Both colours serve without a failure, enough of it to prove no harm in a tick or two.
    fn good(&mut self, count: usize) -> &mut Self {
        let clean = Reading::counts(0, 2_000).unwrap();
        self.ticks(count, &clean, &clean)
    }

    fn bad(&mut self, count: usize) -> &mut Self {
        self.ticks(count, &Reading::counts(1, 500).unwrap(), &Reading::counts(250, 500).unwrap())
    }

    /// So little traffic that nothing can be proved.
    fn scant(&mut self, count: usize) -> &mut Self {
        let scant = Reading::counts(0, 1).unwrap();
        self.ticks(count, &scant, &scant)
    }

    fn unseen(&mut self, count: usize) -> &mut Self {
        let gap = Reading::gap(GapKind::Refused, "nobody listens");
        self.ticks(count, &gap, &gap)
    }

    fn weights(&self) -> Vec<f64> {
        self.orders.iter().map(|(_, weight)| weight.percent()).collect()
    }

    fn said(&self, event: Happening) -> Vec<&str> {
        self.verdicts.iter().filter(|v| v.event == event).map(|v| v.reason.as_str()).collect()
    }

    fn outcome(&self) -> Option<Outcome> {
        self.release.ending().map(|(outcome, _)| outcome)
    }
}

#[test]
fn a_good_candidate_goes_up_the_steps_soaks_and_is_promoted() {
    let mut script = Script::new(plan());
    script.routed().good(4).routed().good(4);
    assert_eq!(script.weights(), [10.0, 50.0, 100.0]);
    assert_eq!(script.release.phase, Phase::CutOver);
    let alone = Reading::counts(0, 4_000).unwrap();
    let idle = Reading::counts(0, 0).unwrap();
    script.routed().ticks(6, &idle, &alone);
    assert_eq!(script.outcome(), Some(Outcome::Promoted));
    assert_eq!(script.release.ending().unwrap().1.as_str(), "green");
}

#[test]
fn a_step_is_held_for_its_least_time_from_the_routers_word() {
    let mut script = Script::new(plan());
    script.good(10);
    assert_eq!(script.weights(), [10.0], "the router has not confirmed the first step");
    script.routed().good(2);
    assert_eq!(script.weights(), [10.0], "two of three seconds");
    script.good(1);
    assert_eq!(script.weights(), [10.0, 50.0]);
}

#[test]
fn harm_reverts_at_once_even_while_paused_and_ends_when_the_router_says_so() {
    let mut script = Script::new(plan());
    script.routed().command(Command::Pause).bad(3);
    assert_eq!(script.weights(), [10.0, 0.0]);
    assert_eq!(script.outcome(), None, "the router has not confirmed");
    script.routed();
    assert_eq!(script.outcome(), Some(Outcome::Reverted));
    assert_eq!(script.release.ending().unwrap().1.as_str(), "blue");
    assert_eq!(script.said(Happening::Harm).len(), 1);
}

#[test]
fn the_last_step_waits_for_proof_and_the_deadline_reverts() {
    let mut script = Script::new(plan());
    script.routed().scant(4).routed().scant(50);
    assert_eq!(script.weights(), [10.0, 50.0], "no proof, no promotion");
    script.scant(10);
    assert_eq!(script.weights(), [10.0, 50.0, 0.0]);
    assert!(script.said(Happening::Deadline)[0].contains("reverting"), "{:?}", script.verdicts.last());
}

#[test]
fn with_advance_healthy_every_step_waits_for_proof() {
    let mut script = Script::new(Plan { advance: Advance::Healthy, ..plan() });
    script.routed().scant(10);
    assert_eq!(script.weights(), [10.0]);
    script.good(3);
    assert_eq!(script.weights(), [10.0, 50.0]);
}

#[test]
fn deadline_hold_waits_for_a_person_for_as_long_again_and_then_reverts() {
    let mut script = Script::new(Plan { on_deadline: OnDeadline::Hold, ..plan() });
    script.routed().scant(4).routed().scant(60);
    assert_eq!(script.weights(), [10.0, 50.0]);
    assert!(script.said(Happening::Deadline)[0].contains("assize release promote shop"));
    script.scant(60);
    assert_eq!(script.weights(), [10.0, 50.0, 0.0]);
}

#[test]
fn deadline_promote_goes_on_without_proof_but_never_blind() {
    let promote = Plan { on_deadline: OnDeadline::Promote, ..plan() };
    let mut script = Script::new(promote.clone());
    script.routed().scant(4).routed().scant(60);
    assert_eq!(script.weights(), [10.0, 50.0, 100.0]);
    let mut script = Script::new(promote);
    script.routed().scant(4).routed().unseen(60);
    assert_eq!(script.weights(), [10.0, 50.0, 0.0]);
}

#[test]
fn deadline_promote_needs_a_sight_of_the_candidate() {
    let mut script = Script::new(Plan { on_deadline: OnDeadline::Promote, ..plan() });
    // The router never confirms, so the candidate never had traffic.
    script.scant(61);
    assert_eq!(script.weights(), [10.0, 0.0]);
}

#[test]
fn blindness_holds_says_why_and_passes() {
    let mut script = Script::new(plan());
    script.routed().good(1).unseen(20);
    assert_eq!(script.weights(), [10.0]);
    let said = script.said(Happening::Blind);
    assert_eq!(said.len(), 1, "said once: {said:?}");
    assert!(said[0].contains("nobody listens"), "{said:?}");
    script.good(2).routed().good(4);
    assert_eq!(script.weights(), [10.0, 50.0, 100.0]);
}

#[test]
fn blindness_reverts_when_the_policy_says_so() {
    let mut script = Script::new(Plan { on_blind: OnTrouble::Revert, ..plan() });
    script.routed().good(1).unseen(8);
    assert_eq!(script.weights(), [10.0, 0.0]);
}

#[test]
fn a_silent_candidate_is_reverted() {
    let mut script = Script::new(plan());
    let (serves, silent) = (Reading::counts(0, 500).unwrap(), Reading::counts(0, 0).unwrap());
    script.routed().ticks(8, &serves, &silent);
    assert_eq!(script.weights(), [10.0, 0.0]);
    assert!(script.said(Happening::Silent)[0].contains("silent"));
}

#[test]
fn one_checks_silence_does_not_hide_that_another_is_blind() {
    for (on_blind, expected) in [(OnTrouble::Hold, vec![10.0]), (OnTrouble::Revert, vec![10.0, 0.0])] {
        let mut script = Script::new(Plan { on_silent: OnTrouble::Hold, on_blind, ..plan() });
        let mut spec = spec();
        let second = CheckSpec { name: "more".into(), critical: false, ..spec.checks[0].clone() };
        spec.checks.push(second);
        script.release.judge = Judge::new(spec);
        script.routed();
        for _ in 0..10 {
            script.now = script.now.plus_ms(1_000);
            let gap = Reading::gap(GapKind::TimedOut, "no answer");
            let blind = Pair { check: "errors".into(), live: gap.clone(), candidate: gap };
            let (live, nothing) = (Reading::counts(0, 900).unwrap(), Reading::counts(0, 0).unwrap());
            let silent = Pair { check: "more".into(), live, candidate: nothing };
            let tick = Tick { at: script.now, weight: script.release.granted, pairs: vec![blind, silent] };
            script.feed(&Event::Tick(tick));
        }
        assert_eq!(script.weights(), expected);
    }
}

#[test]
fn a_person_promotes_reverts_and_cancels() {
    let mut script = Script::new(plan());
    script.routed().command(Command::Promote).routed();
    assert!(matches!(script.release.phase, Phase::Soak { .. }));
    script.command(Command::Revert).routed();
    assert_eq!(script.weights(), [10.0, 100.0, 0.0]);
    assert_eq!(script.outcome(), Some(Outcome::Reverted));

    let mut script = Script::new(plan());
    script.routed().command(Command::Cancel).routed();
    assert_eq!(script.outcome(), Some(Outcome::Cancelled));

    let mut script = Script::new(plan());
    script.routed().command(Command::Promote).routed().command(Command::Promote);
    assert_eq!(script.outcome(), Some(Outcome::Promoted), "promote in the soak ends it");
}

#[test]
fn a_pause_holds_the_step_and_resume_goes_on() {
    let mut script = Script::new(plan());
    script.routed().command(Command::Pause).good(20);
    assert_eq!(script.weights(), [10.0]);
    script.command(Command::Resume).good(1);
    assert_eq!(script.weights(), [10.0, 50.0]);
}

#[test]
fn promote_is_refused_on_the_way_back() {
    let mut script = Script::new(plan());
    script.routed().command(Command::Revert).command(Command::Promote).command(Command::Pause).routed();
    assert_eq!(script.weights(), [10.0, 0.0]);
    assert_eq!(script.outcome(), Some(Outcome::Reverted));
}

#[test]
fn a_failing_router_is_told_again_under_the_same_number_and_spoken_of_once() {
    let mut script = Script::new(plan());
    script.routed().command(Command::Revert);
    for _ in 0..10 {
        script.router_fails().scant(1);
    }
    assert_eq!(script.said(Happening::RouterFailed).len(), 1);
    let (ids, weights): (Vec<_>, Vec<_>) = script.orders.iter().skip(1).copied().unzip();
    assert_eq!(ids.len(), 11);
    assert!(ids.iter().all(|id| *id == ids[0]) && weights.iter().all(|w| *w == Weight::NONE));
    script.routed();
    assert_eq!(script.outcome(), Some(Outcome::Reverted));
}

#[test]
fn an_answer_to_an_old_order_is_not_taken_for_the_new_ones() {
    let mut script = Script::new(plan());
    let first = script.release.order.id;
    script.command(Command::Revert);
    script.feed(&Event::Routed { at: script.now, effect: first, error: None });
    assert_eq!(script.outcome(), None);
}

#[test]
fn drift_is_put_right_and_the_hold_goes_on() {
    let mut script = Script::new(plan());
    script.routed().good(2);
    script.feed(&Event::Drifted { at: script.now, weight: percent(100.0), restarted: true });
    assert_eq!(script.weights(), [10.0, 10.0]);
    assert!(script.said(Happening::Drift)[0].contains("restarted"));
    script.routed().good(1);
    assert_eq!(script.weights(), [10.0, 10.0, 50.0]);
}

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

#[test]
fn drift_while_an_order_is_on_its_way_is_no_drift() {
    let mut script = Script::new(plan());
    script.feed(&Event::Drifted { at: script.now, weight: Weight::NONE, restarted: false });
    assert_eq!(script.weights(), [10.0]);
}

#[test]
fn after_a_restart_an_unanswered_order_is_issued_again_with_its_number() {
    let mut script = Script::new(plan());
    script.feed(&Event::Resumed { at: script.now });
    assert_eq!(script.orders, [(1, percent(10.0)), (1, percent(10.0))]);
    script.routed();
    script.feed(&Event::Resumed { at: script.now });
    assert_eq!(script.orders.len(), 2, "a confirmed order is not issued again");
}

#[test]
fn nothing_happens_after_the_end() {
    let mut script = Script::new(plan());
    script.command(Command::Cancel).routed();
    let (orders, verdicts) = (script.orders.len(), script.verdicts.len());
    script.bad(3).command(Command::Promote).routed();
    assert_eq!((script.orders.len(), script.verdicts.len()), (orders, verdicts));
}

#[test]
fn the_log_speaks_even_when_nothing_changes() {
    let mut script = Script::new(Plan { deadline_ms: 3_600_000, ..plan() });
    script.routed().scant(4).routed().scant(100);
    assert!(script.said(Happening::Progress).len() >= 3);
}

mod any_run {
    use proptest::prelude::*;

    use super::*;

    /// One thing that may happen, by a small number.
    fn act(script: &mut Script, what: u8) {
        match what {
            0 => _ = script.routed(),
            1 => _ = script.router_fails(),
            2 => _ = script.good(1),
            3 => _ = script.bad(1),
            4 => _ = script.unseen(1),
            5 => _ = script.scant(1),
            6 => _ = script.command(Command::Pause),
            7 => _ = script.command(Command::Resume),
            8 => _ = script.command(Command::Promote),
            9 => script.feed(&Event::Resumed { at: script.now }),
            10 => _ = script.ticks(1, &Reading::counts(0, 2_000).unwrap(), &Reading::counts(0, 0).unwrap()),
            _ => script.feed(&Event::Drifted { at: script.now, weight: percent(33.0), restarted: false }),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Whatever happens, once the router answers and time goes on the release ends with one colour in service.
        #[test]
        fn ends_with_one_colour(acts in prop::collection::vec(0_u8..12, 0..60), policy in 0_usize..3) {
            let on_deadline = [OnDeadline::Hold, OnDeadline::Revert, OnDeadline::Promote][policy];
            let mut script = Script::new(Plan { on_deadline, ..plan() });
            for what in acts {
                act(&mut script, what);
            }
            for _ in 0..300 {
                script.routed().unseen(1);
            }
            prop_assert!(script.release.ending().is_some());
            let last = script.release.granted;
            prop_assert!(last == Weight::NONE || last == Weight::ALL);
            let promoted = script.outcome() == Some(Outcome::Promoted);
            prop_assert_eq!(promoted, last == Weight::ALL);
        }

        /// A revert that is asked for is the next order, whatever came before.
        #[test]
        fn a_revert_never_waits(acts in prop::collection::vec(0_u8..12, 0..60)) {
            let mut script = Script::new(plan());
            for what in acts {
                act(&mut script, what);
            }
            let over = script.release.ending().is_some();
            script.command(Command::Revert);
            prop_assert!(over || script.release.is_returning());
            prop_assert!(over || script.orders.last().unwrap().1 == Weight::NONE);
        }
    }
}
