//! One release from its start to its decision, in virtual time: the real judge, the real release machine.
//!
//! Two questions are asked of a release. [`release`] lets it go through its plan, with a router that does as it is told
//! at once. [`standing`] leaves it on one weight and asks how long the judge takes there.
//!
//! A release over a day may have 86,400 ticks, and what the last of them say differs little from one another. So ticks
//! are taken one by one while they are few, and later together, so that none covers much more than a hundredth of the
//! time on its step (`Pace`). Counts lose nothing by that. Values do, one reading for several, so with a check of
//! values ticks are taken together only after the first thousand; times found there are rather too long than too short.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::traffic::{Source, Stretch};
use super::{Harm, Setup};
use crate::judge::Judge;
use crate::judge::report::{Assessment, Finding, Standing};
use crate::judge::spec::CheckKind;
use crate::release::effect::Effect;
use crate::release::event::Event;
use crate::release::state::{Beginning, Phase, Release};
use crate::release::step::{begin, step};
use crate::sample::{Tick, Timestamp, Weight};

/// Ticks that are taken one by one on each step, for counts and with values.
const SINGLE_TICKS: u64 = 100;
const SINGLE_TICKS_WITH_VALUES: u64 = 1_000;

/// From then on, a tick covers one of so many of those gone by.
const PART: u64 = 100;

/// A run never takes more ticks. Each of the 50 steps that a plan may have takes less than 3,000, at 100 ms for 30 days.
const TICKS_MAX: u64 = 150_000;

/// How a release came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// On proof of no harm.
    Promoted,
    /// On proof of harm, or on silence or blindness by policy.
    Reverted,
    /// Neither by the deadline.
    Undecided,
}

/// One release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub end: End,
    /// When, from its start.
    pub after_ms: u64,
    /// The check that convicted, or those that had not become healthy at the deadline.
    pub checks: Vec<String>,
    /// It was not harm that reverted it, but silence or blindness.
    pub unseen: bool,
    /// Ticks that were judged.
    pub ticks: u64,
}

/// The generator of one run: its numbers depend on nothing else, so runs may go side by side.
#[must_use]
pub fn generator(seed: u64, cell: u64, run: u64) -> Pcg64 {
    // Odd constants spread neighbouring numbers over the whole range (Knuth's multiplicative hashing).
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ cell.wrapping_mul(0xbf58_476d_1ce4_e5b9)
        ^ run.wrapping_mul(0x94d0_49bb_1331_11eb);
    Pcg64::seed_from_u64(mixed)
}

/// Lets a release go through its plan until it is cut over, turned back, or its deadline passes.
pub fn release(setup: &Setup, harm: Harm, rng: &mut impl Rng) -> Run {
    let (source, pace) = (Source::new(setup, harm), Pace::of(setup));
    let mut release = started(setup);
    let mut since_ms = 0;
    let mut now_ms = 0;
    for ticks in 1..=TICKS_MAX {
        let from_ms = now_ms;
        now_ms = pace.next(from_ms, since_ms);
        let pairs = source.draw(Stretch { from_ms, to_ms: now_ms, weight: release.granted }, rng);
        let tick = Tick { at: moment(now_ms), weight: release.granted, pairs };
        let (after, effects) = step(release, &Event::Tick(tick));
        if let Some(end) = ended(&after, now_ms) {
            return run(end, now_ms, ticks, &after.assessment);
        }
        // Another weight is another step; announcements come all the time.
        if effects.iter().any(|effect| matches!(effect, Effect::SetWeight { .. })) {
            since_ms = now_ms;
        }
        release = routed(after, effects, now_ms);
    }
    run(End::Undecided, now_ms, TICKS_MAX, &release.assessment)
}

/// Leaves a release on one weight until harm is proved or the deadline passes; one without harm, until health is proved.
///
/// [`End::Promoted`] says that health was proved: on the last step that promotes.
pub fn standing(setup: &Setup, weight: Weight, harm: Harm, rng: &mut impl Rng) -> Run {
    let (source, pace) = (Source::new(setup, harm), Pace::of(setup));
    let mut judge = Judge::new(setup.judge.clone());
    let mut now_ms = 0;
    for ticks in 1..=TICKS_MAX {
        let from_ms = now_ms;
        now_ms = pace.next(from_ms, 0);
        let pairs = source.draw(Stretch { from_ms, to_ms: now_ms, weight }, rng);
        judge.observe(&Tick { at: moment(now_ms), weight, pairs });
        let assessment = judge.assess();
        let end = match &assessment.finding {
            Finding::Harmful { .. } => Some(End::Reverted),
            Finding::Healthy { .. } if harm == Harm::None => Some(End::Promoted),
            _ if now_ms >= setup.plan.deadline_ms => Some(End::Undecided),
            _ => None,
        };
        if let Some(end) = end {
            return run(end, now_ms, ticks, &assessment);
        }
    }
    run(End::Undecided, now_ms, TICKS_MAX, &judge.assess())
}

fn moment(ms: u64) -> Timestamp {
    Timestamp::default().plus_ms(ms)
}

fn started(setup: &Setup) -> Release {
    let [live, candidate] = setup.colours.clone();
    let (release, effects) = begin(Beginning {
        id: "simulated".into(),
        service: "simulated".into(),
        live,
        candidate,
        plan: setup.plan.clone(),
        judge: setup.judge.clone(),
        at: moment(0),
        by: "simulation".into(),
    });
    routed(release, effects, 0)
}

/// The router does as it is told, at once. A confirmation asks for nothing more.
fn routed(release: Release, effects: Vec<Effect>, now_ms: u64) -> Release {
    effects.into_iter().fold(release, |release, effect| match effect {
        Effect::SetWeight { id, .. } => {
            step(release, &Event::Routed { at: moment(now_ms), effect: id, error: None }).0
        }
        Effect::Announce(_) => release,
    })
}

fn ended(release: &Release, now_ms: u64) -> Option<End> {
    let late = moment(now_ms).ms_since(release.started_at) >= release.plan.deadline_ms;
    let proved = matches!(release.assessment.finding, Finding::Harmful { .. });
    match release.phase {
        Phase::Return { .. } | Phase::Ended { .. } if proved || !late => Some(End::Reverted),
        Phase::CutOver | Phase::Soak { .. } if !late => Some(End::Promoted),
        Phase::Step { .. } if !late => None,
        _ => Some(End::Undecided),
    }
}

fn run(end: End, after_ms: u64, ticks: u64, assessment: &Assessment) -> Run {
    let checks = match &assessment.finding {
        Finding::Harmful { check, .. } | Finding::Silent { check, .. } | Finding::Blind { check, .. } => {
            vec![check.clone()]
        }
        Finding::Healthy { .. } | Finding::Undecided { .. } => {
            let none_critical = assessment.checks.iter().all(|check| !check.critical);
            let open = assessment.checks.iter().filter(|check| {
                (check.critical || none_critical)
                    && check.standing != Standing::Healthy
                    && end == End::Undecided
            });
            open.map(|check| check.name.clone()).collect()
        }
    };
    let unseen = end == End::Reverted && !matches!(assessment.finding, Finding::Harmful { .. });
    Run { end, after_ms, checks, unseen, ticks }
}

/// When the next tick is.
struct Pace {
    tick_ms: u64,
    deadline_ms: u64,
    single_ticks: u64,
}

impl Pace {
    fn of(setup: &Setup) -> Self {
        let tick_ms = setup.plan.tick_ms.max(1);
        let has_values = setup.judge.checks.iter().any(|check| matches!(check.kind, CheckKind::Value(_)));
        Self {
            tick_ms,
            deadline_ms: setup.plan.deadline_ms,
            single_ticks: if has_values { SINGLE_TICKS_WITH_VALUES } else { SINGLE_TICKS },
        }
    }

    /// The end of the tick that begins at `from_ms`, on a step since `since_ms`. No tick goes past the deadline.
    fn next(&self, from_ms: u64, since_ms: u64) -> u64 {
        let gone = (from_ms - since_ms) / self.tick_ms;
        let together = 1 + gone.saturating_sub(self.single_ticks) / PART;
        let to_ms = from_ms + together * self.tick_ms;
        if from_ms < self.deadline_ms { to_ms.min(self.deadline_ms) } else { to_ms }
    }
}
