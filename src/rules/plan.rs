//! `[plan]`: steps, times, the error budget, and what happens when evidence stays out.

use toml::de::{DeTable, DeValue};

use super::duration::format_ms;
use super::section::{Item, Section};
use super::shape::{Choice, End, List, Number, Shape, Time};
use super::sink::Read;
use crate::release::plan::{Advance, OnDeadline, OnTrouble, Plan};
use crate::sample::Weight;

const DAY_MS: u64 = 86_400_000;

/// Below 100 ms a tick holds too few events to say anything; above 10 min a release would see too few ticks.
const TICK: Time = Time { min_ms: 100, max_ms: 600_000, example: "\"5s\"" };

/// Hold, warmup and soak: a week is longer than any of them is meant to be, and catches a wrong unit.
const PHASE: Time = Time { min_ms: 0, max_ms: 7 * DAY_MS, example: "\"1m\"" };

/// Thirty days: the journal and a person's memory of why end somewhere.
const DEADLINE: Time = Time { min_ms: 100, max_ms: 30 * DAY_MS, example: "\"1h\"" };

/// A release that sees nothing for a day has ended in all but name.
const PATIENCE: Time = Time { min_ms: 100, max_ms: DAY_MS, example: "\"2m\"" };

/// Steps finer than this are noise to any router.
const STEPS_MAX: usize = 50;

const STEPS: List<Step> = List { of: Step, max: STEPS_MAX, example: "[1, 5, 25, 50]" };

const TROUBLE: &[(&str, OnTrouble)] = &[("hold", OnTrouble::Hold), ("revert", OnTrouble::Revert)];

const ON_TROUBLE: Choice<OnTrouble> = Choice { words: TROUBLE, planned: &[], example: "\"revert\"" };

const ON_DEADLINE: Choice<OnDeadline> = Choice {
    words: &[("revert", OnDeadline::Revert), ("hold", OnDeadline::Hold), ("promote", OnDeadline::Promote)],
    planned: &[],
    example: "\"revert\"",
};

const ADVANCE: Choice<Advance> = Choice {
    words: &[("unharmed", Advance::Unharmed), ("healthy", Advance::Healthy)],
    planned: &[],
    example: "\"unharmed\"",
};

/// A chance of error above one half would decide worse than a coin.
const CHANCE: Number = Number { low: End::Beyond(0.0), high: End::At(0.5), example: "0.01" };

/// The plan, and the part of it that the judge needs.
pub(super) struct Planned {
    pub plan: Plan,
    pub false_revert: f64,
    pub missed_harm: f64,
    pub warmup_ms: u64,
    pub blind_after_ms: u64,
    pub silent_after_ms: u64,
}

/// Reads `[plan]`, every key of which has a default.
pub(super) fn read(root: &mut Section<'_>) -> Read<Planned> {
    let sink = root.sink();
    match root.table("plan", "[plan]")? {
        Some(section) => read_keys(section),
        None => read_keys(Section::new(sink, "[plan]", root.span(), &DeTable::new())),
    }
}

fn read_keys(mut section: Section<'_>) -> Read<Planned> {
    let tick_ms = section.or("tick", &TICK, 5_000);
    let steps = section.optional("steps", &STEPS).and_then(|steps| rising(&section, steps));
    let hold_ms = section.or("hold", &PHASE, 60_000);
    let advance = section.or("advance", &ADVANCE, Advance::Unharmed);
    let warmup_ms = section.or("warmup", &PHASE, 0);
    let deadline_ms = section.or("deadline", &DEADLINE, 3_600_000);
    let on_deadline = section.or("on_deadline", &ON_DEADLINE, OnDeadline::Revert);
    let on_blind = section.or("on_blind", &ON_TROUBLE, OnTrouble::Hold);
    let blind_after_ms = section.or("blind_after", &PATIENCE, 120_000);
    let on_silent = section.or("on_silent", &ON_TROUBLE, OnTrouble::Revert);
    let silent_after_ms = section.or("silent_after", &PATIENCE, 120_000);
    let soak_ms = section.or("soak", &PHASE, 600_000);
    let false_revert = section.or("false_revert", &CHANCE, 0.01);
    let missed_harm = section.or("missed_harm", &CHANCE, 0.05);
    if let Ok(tick_ms) = tick_ms {
        for (key, ms) in
            [("deadline", deadline_ms), ("blind_after", blind_after_ms), ("silent_after", silent_after_ms)]
        {
            at_least_a_tick(&mut section, key, ms, tick_ms);
        }
    }
    if let (Ok(steps), Ok(hold_ms), Ok(warmup_ms), Ok(deadline_ms)) =
        (&steps, hold_ms, warmup_ms, deadline_ms)
    {
        remark_on_deadline(&section, hold_ms * steps.len() as u64 + warmup_ms, deadline_ms);
        remark_on_hold(&section, hold_ms);
        remark_on_patience(&section, "blind_after", blind_after_ms, deadline_ms);
        remark_on_patience(&section, "silent_after", silent_after_ms, deadline_ms);
    }
    section.finish(&[]);
    Ok(Planned {
        plan: Plan {
            tick_ms: tick_ms?,
            steps: steps?,
            hold_ms: hold_ms?,
            advance: advance?,
            deadline_ms: deadline_ms?,
            on_deadline: on_deadline?,
            on_blind: on_blind?,
            on_silent: on_silent?,
            soak_ms: soak_ms?,
        },
        false_revert: false_revert?,
        missed_harm: missed_harm?,
        warmup_ms: warmup_ms?,
        blind_after_ms: blind_after_ms?,
        silent_after_ms: silent_after_ms?,
    })
}

/// One weight of the plan.
struct Step;

/// The finest split that a weight can say is a hundredth of a percent.
const STEP: Number = Number { low: End::At(0.01), high: End::At(99.99), example: "5" };

impl Shape for Step {
    type Out = Weight;
    fn read(&self, item: &Item<'_>) -> Read<Weight> {
        let is_all = match item.value.get_ref() {
            DeValue::Integer(whole) => whole.as_str() == "100",
            DeValue::Float(float) => float.as_str().parse() == Ok(100.0),
            _ => false,
        };
        if is_all {
            let message =
                format!("{} is 100: a step is a share of the traffic before the promotion", item.name);
            return Err(item.fault(message, "remove it: 100 percent follows when the last step is healthy"));
        }
        let percent = STEP.read(item)?;
        Weight::from_percent(percent)
            .map_err(|why| item.fault(why.to_string(), "choose at least 0.01 and at most 99.99"))
    }
    fn example(&self) -> &'static str {
        STEP.example
    }
}

/// The steps, or the default ones; they must rise.
fn rising(section: &Section<'_>, steps: Option<Vec<Weight>>) -> Read<Vec<Weight>> {
    const DEFAULT_BASIS_POINTS: [u16; 4] = [100, 500, 2_500, 5_000];
    let Some(steps) = steps else {
        return Ok(DEFAULT_BASIS_POINTS.map(Weight::from_basis_points).to_vec());
    };
    match steps.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => {
            let message = format!("`steps` in [plan] must rise, and {} follows {}", pair[1], pair[0]);
            Err(section.sink().fault(section.span_of("steps"), message, "sort them and name each once"))
        }
        None => Ok(steps),
    }
}

fn at_least_a_tick(section: &mut Section<'_>, key: &'static str, ms: Read<u64>, tick_ms: u64) {
    let Ok(ms) = ms else {
        return;
    };
    if ms < tick_ms {
        // Where only the tick is written, it is what made the default too short.
        let span = section.span_of(if section.has(key) { key } else { "tick" });
        let (found, least) = (format_ms(ms), format_ms(tick_ms));
        let message = format!("`{key}` in [plan] is {found}, less than one tick ({least})");
        let remedy = format!("choose at least `{key} = \"{least}\"`, or a shorter tick");
        section.conflict(&[key, "tick"], span, message, remedy);
    }
}

fn remark_on_deadline(section: &Section<'_>, least_ms: u64, deadline_ms: u64) {
    if deadline_ms <= least_ms {
        let key = ["deadline", "hold", "steps"].into_iter().find(|key| section.has(key)).unwrap_or("warmup");
        let (deadline, least) = (format_ms(deadline_ms), format_ms(least_ms));
        let message = format!(
            "the deadline ({deadline}) comes before warmup and holds are over ({least}): no release can be promoted by evidence"
        );
        section.sink().note(
            section.span_of(key),
            message,
            format!("choose a deadline well above {least}, or shorter holds"),
        );
    }
}

fn remark_on_hold(section: &Section<'_>, hold_ms: u64) {
    if hold_ms == 0 {
        section.sink().note(
            section.span_of("hold"),
            "without a least time on a step the first lucky ticks can promote: bursts that have not come yet look like health",
            "choose a hold of some ten ticks at least",
        );
    }
}

fn remark_on_patience(section: &Section<'_>, key: &str, ms: Read<u64>, deadline_ms: u64) {
    if ms.is_ok_and(|ms| ms >= deadline_ms) {
        let span = section.span_of(if section.has(key) { key } else { "deadline" });
        let message = format!("`{key}` in [plan] is not before the deadline, so it never acts");
        section.sink().note(span, message, format!("choose `{key}` below {}", format_ms(deadline_ms)));
    }
}
