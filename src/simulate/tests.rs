//! Whole simulations: what must come out of them, whatever the numbers are.

use super::remedy::{Care, Change, ENOUGH, Trouble, remedies, trouble, with};
use super::run::{End, generator, release, standing};
use super::study::{Effort, Place, Study, healthy};
use super::*;
use crate::judge::spec::CheckSpec;
use crate::release::plan::OnDeadline;
use crate::sample::Weight;

/// A busy service with a short plan: 500 requests/s, 2% bad.
fn rules(plan: &str, more: &str) -> Rules {
    let text = format!(
        r#"[service]
name = "shop"
[colours.blue]
url = "http://127.0.0.1:1"
[colours.green]
url = "http://127.0.0.1:2"
[router]
kind = "embedded"
listen = "127.0.0.1:8080"
[sources.edge]
kind = "embedded"
[plan]
tick = "1s"
steps = [25, 50]
hold = "5s"
blind_after = "20s"
silent_after = "20s"
{plan}
[[checks]]
name = "errors"
kind = "ratio"
tolerance = 2
{more}"#
    );
    crate::rules::compile(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0
}

fn setup(traffic: Traffic) -> Setup {
    Setup::new(&rules("deadline = \"2m\"", ""), traffic, None).unwrap()
}

fn busy() -> Setup {
    setup(Traffic::new(500.0, 0.02))
}

fn study(seed: u64) -> Study {
    Study::of(&busy(), Effort { runs: 8, tests_max: u64::MAX }, seed, &|_| {})
}

#[test]
fn a_study_finds_what_it_should_and_the_same_each_time() {
    let first = study(1);
    let all = |study: &Study| study.cells.iter().map(|cell| cell.outcomes.clone()).collect::<Vec<_>>();
    assert_eq!(all(&first), all(&study(1)), "the same seed gives the same numbers");
    assert_ne!(all(&first), all(&study(2)), "and another seed others");

    let at = |harm, place| first.outcomes(harm, place).unwrap();
    let (half, none) = (Place::Step(Weight::from_basis_points(5_000)), Harm::None);
    assert!(at(none, Place::Plan).promoted() >= 0.8, "{:?}", at(none, Place::Plan));
    assert!(at(none, Place::Plan).promoted_by(0.5).unwrap() >= 10_000, "two holds lie before a promotion");
    for place in [Place::Plan, half] {
        let outage = at(Harm::Outage, place);
        assert_eq!(outage.reverted_ms.len(), 8, "{outage:?}");
        assert!(outage.reverted_by(1.0).unwrap() <= 3_000, "{outage:?}");
        let times = [2.0, 5.0, 20.0].map(|factor| at(Harm::Times(factor), place).reverted_by(0.5).unwrap());
        assert!(times.is_sorted_by(|a, b| a >= b), "the larger the harm the sooner it is found: {times:?}");
    }
    assert_eq!(at(Harm::Times(20.0), Place::Plan).checks, [("errors".to_owned(), 8)]);
}

#[test]
fn progress_is_told_and_the_effort_bounds_the_rounds() {
    let told = std::sync::Mutex::new(Vec::new());
    let effort = Effort { runs: 1_000, tests_max: 1 };
    let study = Study::of(&busy(), effort, 1, &|part| told.lock().unwrap().push(part));
    assert!(study.cells.iter().all(|cell| (8..=16).contains(&cell.outcomes.runs)), "one round and no more");
    let told = told.into_inner().unwrap();
    assert!(!told.is_empty() && told.iter().all(|part| (0.0..=1.0).contains(part)));
}

#[test]
fn a_hopeless_deadline_is_noticed_and_each_remedy_works() {
    let mut slow = setup(Traffic::new(40.0, 0.02));
    slow.plan.steps = vec![Weight::from_basis_points(1_000)];
    slow.plan.deadline_ms = 60_000;
    let care = Care { runs: 30, all: true };
    let outcomes = healthy(&slow, 10, 10, 1, 0);
    let trouble = trouble(&outcomes).unwrap();
    let Trouble::TooLate { promoted, open } = &trouble else { panic!("{trouble:?}") };
    assert!(*promoted <= 0.5 && open.as_deref() == Some("errors"), "{trouble:?}");
    let found = remedies(&slow, &trouble, care, 1);
    assert!(
        matches!(
            found.as_slice(),
            [
                super::remedy::Remedy { change: Change::Deadline(60_001..), .. },
                ..,
                super::remedy::Remedy { change: Change::Tolerance { .. }, .. }
            ]
        ),
        "{found:#?}"
    );
    for remedy in found {
        // Other numbers than those by which it was found.
        let again = healthy(&with(&slow, &remedy.change), 20, 20, 99, 7);
        assert!(remedy.promoted >= ENOUGH && again.promoted() >= 0.75, "{remedy:?} gives {again:?}");
    }
    let one = remedies(&slow, &trouble, Care { all: false, ..care }, 1);
    assert_eq!(one.len(), 1);
}

#[test]
fn what_is_promoted_in_time_needs_no_remedy() {
    let outcomes = healthy(&busy(), 10, 10, 1, 0);
    assert_eq!(trouble(&outcomes), None, "{outcomes:?}");
}

#[test]
fn a_limit_below_what_live_does_is_noticed() {
    let rules = rules("deadline = \"1m\"", "limit = 0.01");
    let setup = Setup::new(&rules, Traffic::new(500.0, 0.05), None).unwrap();
    let trouble = trouble(&healthy(&setup, 8, 8, 1, 0)).unwrap();
    assert!(
        matches!(&trouble, Trouble::Reverted { unseen: false, by: Some(by), reverted } if by == "errors" && *reverted > 0.9),
        "{trouble:?}"
    );
    assert_eq!(remedies(&setup, &trouble, Care { runs: 8, all: true }, 1), []);
}

#[test]
fn silence_by_chance_is_no_limit() {
    let of = |unseen| study::Outcomes {
        runs: 10,
        promoted_ms: vec![60_000; 5],
        reverted_ms: vec![30_000; 5],
        unseen,
        checks: vec![("errors".into(), 5)],
    };
    for (unseen, expected) in [(0, false), (2, false), (3, true), (5, true)] {
        let by = Some("errors".to_owned());
        assert_eq!(trouble(&of(unseen)), Some(Trouble::Reverted { unseen: expected, reverted: 0.5, by }));
    }
}

#[test]
fn whatever_the_deadline_does_it_is_no_proof() {
    for on_deadline in [OnDeadline::Revert, OnDeadline::Hold, OnDeadline::Promote] {
        let mut slow = setup(Traffic::new(2.0, 0.02));
        (slow.plan.on_deadline, slow.plan.deadline_ms) = (on_deadline, 30_500);
        let run = release(&slow, Harm::None, &mut generator(1, 0, 0));
        assert_eq!((run.end, run.after_ms), (End::Undecided, 30_500), "{on_deadline:?}: {run:?}");
        assert_eq!(run.checks, ["errors"]);
    }
}

#[test]
fn a_day_takes_few_ticks_and_ends_at_its_deadline() {
    let mut long = setup(Traffic::new(0.5, 0.02));
    long.plan.deadline_ms = 86_400_000;
    let run = standing(&long, Weight::from_basis_points(100), Harm::Times(1.2), &mut generator(1, 0, 0));
    assert_eq!((run.end, run.after_ms), (End::Undecided, 86_400_000));
    assert!((500..1_500).contains(&run.ticks), "{}", run.ticks);
    let run = release(&long, Harm::None, &mut generator(1, 0, 0));
    assert!((500..3_000).contains(&run.ticks), "on each of two steps: {run:?}");
}

/// One check of each kind and a probe.
fn mixed() -> Rules {
    rules(
        "deadline = \"3m\"",
        r#"
[[checks]]
name = "latency"
kind = "latency"
quantiles = { p90 = 1.5 }
[[probes]]
name = "home"
get = "/"
every = "2s"
limit = 0.3
"#,
    )
}

#[test]
fn harm_shows_in_the_check_that_is_named_and_nowhere_else() {
    let rules = mixed();
    let traffic = Traffic::new(500.0, 0.02);
    assert_eq!(Setup::new(&rules, traffic, None).unwrap().harmed, "errors");
    assert!(Setup::new(&rules, traffic, Some("erors")).is_none());
    let slow = Setup::new(&rules, traffic, Some("latency")).unwrap();
    let run = release(&slow, Harm::Times(5.0), &mut generator(1, 0, 0));
    assert_eq!((run.end, run.checks.as_slice()), (End::Reverted, ["latency".to_owned()].as_slice()));
    let run = release(&slow, Harm::None, &mut generator(1, 0, 0));
    assert_eq!(run.end, End::Promoted, "{run:?}");
}

#[test]
fn harm_in_a_value_is_found_on_its_side() {
    use crate::judge::spec::{CheckKind, Direction, ValueSpec};
    for direction in [Direction::Increase, Direction::Decrease, Direction::Either] {
        let mut setup = busy();
        let kind = CheckKind::Value(ValueSpec { tolerance: 1.3, direction, limit: None });
        setup.judge.checks = vec![CheckSpec { name: "cpu".into(), critical: true, probe: false, kind }];
        setup.harmed = "cpu".into();
        let end = |harm| release(&setup, harm, &mut generator(1, 0, 0)).end;
        assert_eq!((end(Harm::Times(2.0)), end(Harm::None)), (End::Reverted, End::Promoted), "{direction:?}");
        let study = Study::of(&setup, Effort { runs: 1, tests_max: 1 }, 1, &|_| {});
        assert_eq!(study.outcomes(Harm::Outage, Place::Plan), None, "values say nothing of an outage");
    }
}
