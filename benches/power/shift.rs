//! The shift test through a value check: false alarms and power on autocorrelated, heavy-tailed differences.
//!
//! 720 ticks at a nominal 0.5%. The check's tolerance is 1.02, so that the rule that a median below half of
//! ln(tolerance) never convicts (a twentieth of a unit here) does not hide what the test itself does.
//!
//! Streams with normal and t(3) noise begin in their stationary state, as a release does that comes upon a running
//! service. Those with t(4) begin at rest, because the table of the design was made so: with φ = 0.9 the first dozen
//! ticks are then far quieter than the rest, which makes a shift from the first tick on much easier to see. Only they
//! are held against that table.

use serde_json::json;

use super::lab::Lab;
use super::report::{Mark, Row, Table, percent, share_cell, share_json, time};
use super::stats::{Share, median};
use super::traffic::Stream;
use super::trial::{Trial, half, value};
use super::values::{Autoregression, Noise, Values};

const FAMILY: &str = "shift";
const NOMINAL: f64 = 0.005;
/// The goal up to φ = 0.9.
const GOAL: f64 = 0.01;
const TICKS: u32 = 720;
const SHIFTS: [f64; 3] = [0.5, 1.0, 2.0];
const PHIS: [f64; 6] = [0.0, 0.3, 0.6, 0.8, 0.9, 0.95];

/// Medians of two samples of some hundred runs differ by so much by chance.
const CHANCE: f64 = 1.15;

/// What the table of the design says was found: by the median tick, or as a share of the runs.
#[derive(Clone, Copy, Debug)]
enum Found {
    By(u32),
    Share(f64),
}

/// The design's prototype on t(4) from rest, at shifts of 0.5, 1 and 2 units.
const PROTOTYPE: [(f64, [Found; 3]); 5] = [
    (0.0, [Found::By(160), Found::By(53), Found::By(24)]),
    (0.3, [Found::By(192), Found::By(53), Found::By(24)]),
    (0.6, [Found::By(312), Found::By(82), Found::By(24)]),
    (0.8, [Found::Share(0.5), Found::By(130), Found::By(24)]),
    (0.9, [Found::Share(0.5), Found::By(50), Found::By(23)]),
];

impl Found {
    fn cell(self) -> String {
        match self {
            Self::By(tick) => tick.to_string(),
            Self::Share(share) => format!("{:.0}% found", 100.0 * share),
        }
    }

    /// Whether as much was found here, give or take chance.
    fn reached(self, found: &Share, median: Option<u32>) -> bool {
        match self {
            Self::By(tick) => median.is_some_and(|median| f64::from(median) <= CHANCE * f64::from(tick)),
            Self::Share(share) => found.high >= share,
        }
    }
}

/// What the differences are like.
#[derive(Clone, Copy, Debug)]
struct Kind {
    noise: Noise,
    from_rest: bool,
}

const KINDS: [Kind; 3] = [
    Kind { noise: Noise::Normal, from_rest: false },
    Kind { noise: Noise::T(3.0), from_rest: false },
    Kind { noise: Noise::T(4.0), from_rest: true },
];

impl Kind {
    fn name(self) -> String {
        self.noise.name() + if self.from_rest { " from rest" } else { "" }
    }

    fn differences(self, phi: f64) -> Autoregression {
        let stationary = Autoregression::new(phi, self.noise);
        if self.from_rest { stationary.starting_at_rest() } else { stationary }
    }

    fn prototype(self, phi: f64) -> Option<[Found; 3]> {
        let row = PROTOTYPE.iter().find(|(at, _)| self.from_rest && (at - phi).abs() < 1e-9);
        row.map(|(_, found)| *found)
    }
}

/// One row per kind of differences and autocorrelation.
pub fn shift(lab: &Lab) -> Table {
    let title = format!(
        "value check, {TICKS} ticks, nominal {}; found @ median tick at shifts of 0.5, 1 and 2 units; \
         goal up to φ .9: at most {} without a shift, and found as soon as the design's prototype",
        percent(NOMINAL),
        percent(GOAL)
    );
    let columns = ["runs", "reverted [95%]", "0.5", "1", "2", "prototype: 0.5", "1", "2"];
    let mut table = Table::new(FAMILY, title, &columns);
    for kind in KINDS {
        for phi in PHIS {
            let name = format!("{}, φ {phi}", kind.name());
            if lab.wants(FAMILY, &name) {
                table.rows.push(row(lab, &name, kind, phi));
            }
        }
    }
    table
}

fn row(lab: &Lab, name: &str, kind: Kind, phi: f64) -> Row {
    let mut trial = Trial::new(vec![value("cpu", 1.02)], TICKS, half);
    trial.spec.false_revert = NOMINAL;
    let alarms = |shift: f64, runs: u32| {
        let outcomes = lab.each(&format!("{name}, shift {shift}"), runs, |random| {
            let stream: Box<dyn Stream> = Box::new(Values::of("cpu", kind.differences(phi), shift));
            trial.run(&mut [stream], random).harmful
        });
        (Share::count(&outcomes, Option::is_some), median(&outcomes))
    };
    let (reverted, _) = alarms(0.0, lab.runs_at(1));
    let found = SHIFTS.map(|shift| alarms(shift, lab.runs_at(10)));
    let prototype = kind.prototype(phi);
    let as_soon = |wanted: [Found; 3]| {
        wanted.iter().zip(&found).all(|(wanted, (share, tick))| wanted.reached(share, *tick))
    };
    let met = reverted.value() <= GOAL && prototype.is_none_or(as_soon);
    let cells = [reverted.runs.to_string(), share_cell(&reverted)]
        .into_iter()
        .chain(found.iter().map(|(share, median)| format!("{} @ {}", percent(share.value()), time(*median))))
        .chain((0..3).map(|i| prototype.map_or_else(String::new, |found| found[i].cell())))
        .collect();
    let power: Vec<_> = SHIFTS
        .iter()
        .zip(&found)
        .map(|(shift, (share, median))| json!({ "shift": shift, "found": share_json(share), "median": median }))
        .collect();
    let numbers = json!({
        "noise": kind.name(), "phi": phi, "nominal": NOMINAL, "goal": GOAL,
        "reverted": share_json(&reverted), "power": power,
    });
    // Beyond φ = 0.9 nothing is aimed at.
    let mark = if phi > 0.9 { Mark::None } else { Mark::goal(met) };
    Row::new(name, cells, numbers, mark)
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_design_is_a_goal_for_its_own_streams_only() {
        assert!(KINDS[0].prototype(0.0).is_none() && KINDS[2].prototype(0.95).is_none());
        let [_, by, _] = KINDS[2].prototype(0.9).unwrap();
        let all = Share::of(10, 10);
        assert!(by.reached(&all, Some(57)) && !by.reached(&all, Some(58)) && !by.reached(&all, None));
        assert!(Found::Share(0.5).reached(&Share::of(4, 10), None));
        assert!(!Found::Share(0.5).reached(&Share::of(10, 100), None));
    }
}
