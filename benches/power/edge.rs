//! Releases at the edge of harm, through the real release machine: promoted in at most `missed_harm` of the runs.
//!
//! The candidate's rate is exactly the tolerance times live's. The plan is an ordinary one: steps of 5, 25 and 50
//! percent, a hold of one minute each, 30 s of warm-up, a deadline of one hour, and steps that go on "unharmed".
//! The router does at once as it is told. A run ends when all traffic is ordered to the candidate or back to live.

use assize::release::effect::Effect;
use assize::release::event::Event;
use assize::release::plan::{Advance, OnDeadline, OnTrouble, Plan};
use assize::release::state::{Beginning, Phase, Release};
use assize::release::step::{begin, step};
use assize::sample::{Colour, Tick, Timestamp, Weight};
use serde_json::json;

use super::lab::{Lab, Rng};
use super::report::{Mark, Row, Table, percent, share_cell, share_json, time};
use super::stats::{Share, median_of_happened};
use super::traffic::{Model, Stream, Traffic};
use super::trial::{MISSED_HARM, TOLERANCE, errors, judge};

const FAMILY: &str = "edge";

/// How a release ended, and at which tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Promoted(u32),
    Reverted(u32),
}

impl Ending {
    const fn promoted(self) -> Option<u32> {
        match self {
            Self::Promoted(tick) => Some(tick),
            Self::Reverted(_) => None,
        }
    }
}

fn plan() -> Plan {
    Plan {
        tick_ms: 1_000,
        steps: [500, 2_500, 5_000].map(Weight::from_basis_points).into(),
        hold_ms: 60_000,
        advance: Advance::Unharmed,
        deadline_ms: 3_600_000,
        on_deadline: OnDeadline::Revert,
        on_blind: OnTrouble::Hold,
        on_silent: OnTrouble::Revert,
        soak_ms: 600_000,
    }
}

/// One release on `traffic`, second by second.
pub fn release(traffic: Model, random: &mut Rng) -> Ending {
    let mut judge = judge(errors());
    judge.warmup_ms = 30_000;
    judge.blind_after_ms = 120_000;
    judge.silent_after_ms = 120_000;
    let colour = |name| Colour::new(name).unwrap();
    let (mut release, effects) = begin(Beginning {
        id: "shop-1".into(),
        service: "shop".into(),
        live: colour("blue"),
        candidate: colour("green"),
        plan: plan(),
        judge,
        at: Timestamp::default(),
        by: "bench".into(),
    });
    let mut stream = Traffic::new("errors", traffic);
    release = routed(release, &effects, Timestamp::default());
    for second in 1_u32.. {
        let at = Timestamp::from_ms(i64::from(second) * 1_000);
        let weight = release.granted;
        let tick = Tick { at, weight, pairs: vec![stream.next(weight.share(), random)] };
        let (after, effects) = step(release, &Event::Tick(tick));
        match after.phase {
            Phase::CutOver | Phase::Soak { .. } => return Ending::Promoted(second),
            Phase::Return { .. } | Phase::Ended { .. } => return Ending::Reverted(second),
            Phase::Step { .. } => release = routed(after, &effects, at),
        }
    }
    unreachable!("the deadline ends every release")
}

/// The router has done what it was told.
fn routed(mut release: Release, effects: &[Effect], at: Timestamp) -> Release {
    for effect in effects {
        if let Effect::SetWeight { id, .. } = effect {
            release = step(release, &Event::Routed { at, effect: *id, error: None }).0;
        }
    }
    release
}

/// One row per traffic.
pub fn edge(lab: &Lab) -> Table {
    let title = format!(
        "rate exactly {TOLERANCE} × live, whole releases (steps 5, 25, 50, hold 1m, deadline 1h); \
         promoted, at most {} promised",
        percent(MISSED_HARM)
    );
    let columns = ["runs", "promoted [95%]", "median s", "reverted on evidence", "median s"];
    let mut table = Table::new(FAMILY, title, &columns);
    for (name, rho) in [("plain", None), ("bursty ρ .01", Some(0.01)), ("bursty ρ .1", Some(0.1))] {
        for (requests, rate) in [(200.0, 0.005), (200.0, 0.02), (20.0, 0.02), (1_000.0, 0.002)] {
            let name = format!("{name}, {requests} requests/s, {}", percent(rate));
            if lab.wants(FAMILY, &name) {
                let model = Model { rho, ratio: TOLERANCE, ..Model::healthy(requests, rate) };
                table
                    .rows
                    .push(row(&name, &lab.each(&name, lab.runs_at(1), |random| release(model, random))));
            }
        }
    }
    table
}

fn row(name: &str, endings: &[Ending]) -> Row {
    let deadline = u32::try_from(plan().deadline_ms / 1_000).unwrap();
    let promoted: Vec<Option<u32>> = endings.iter().copied().map(Ending::promoted).collect();
    let reverted: Vec<Option<u32>> = endings
        .iter()
        .map(|ending| match ending {
            Ending::Reverted(tick) if *tick < deadline => Some(*tick),
            _ => None,
        })
        .collect();
    let (missed, found) =
        (Share::count(&promoted, Option::is_some), Share::count(&reverted, Option::is_some));
    let cells = vec![
        endings.len().to_string(),
        share_cell(&missed),
        time(median_of_happened(&promoted)),
        percent(found.value()),
        time(median_of_happened(&reverted)),
    ];
    let numbers = json!({
        "promised": MISSED_HARM,
        "promoted": share_json(&missed), "promoted_median": median_of_happened(&promoted),
        "reverted": share_json(&found), "reverted_median": median_of_happened(&reverted),
    });
    Row::new(name, cells, numbers, Mark::promise(&missed, MISSED_HARM))
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_good_release_is_promoted_after_its_holds() {
        let ending = release(Model::healthy(2_000.0, 0.02), &mut Rng::seed_from_u64(1));
        let Ending::Promoted(tick) = ending else { panic!("{ending:?}") };
        assert!(tick >= 180, "three holds of a minute, not {tick} s");
    }

    #[test]
    fn a_bad_release_is_reverted() {
        let bad = Model { ratio: 10.0, ..Model::healthy(500.0, 0.01) };
        let ending = release(bad, &mut Rng::seed_from_u64(1));
        assert!(matches!(ending, Ending::Reverted(31..=90)), "{ending:?}");
    }

    /// Without bad events beyond a trace nothing is proved by the deadline.
    #[test]
    fn the_deadline_ends_what_is_undecided() {
        let slow = Model { ratio: 1.4, ..Model::healthy(1.0, 0.05) };
        assert_eq!(release(slow, &mut Rng::seed_from_u64(1)), Ending::Reverted(3_600));
    }
}
