//! The shift test through a value check: false alarms and power on autocorrelated, heavy-tailed differences.
//!
//! 720 ticks at a nominal 0.5%, as in the design's table. The check's tolerance is 1.02, so that the rule that a median
//! below half of ln(tolerance) never convicts (a twentieth of a unit here) does not hide what the test itself does.

use serde_json::json;

use super::lab::Lab;
use super::report::{Mark, Row, Table, percent, share_cell, share_json, time};
use super::stats::{Share, median};
use super::traffic::Stream;
use super::trial::{Trial, half, value};
use super::values::{Noise, Values};

const FAMILY: &str = "shift";
const NOMINAL: f64 = 0.005;
/// The goal up to φ = 0.9.
const GOAL: f64 = 0.01;
const TICKS: u32 = 720;
const SHIFTS: [f64; 3] = [0.5, 1.0, 2.0];

/// Student's t(4) as in the design's table, and the two that the issue names.
const NOISES: [Noise; 3] = [Noise::Normal, Noise::T(3.0), Noise::T(4.0)];
const PHIS: [f64; 6] = [0.0, 0.3, 0.6, 0.8, 0.9, 0.95];

/// The design's own prototype on t(4): median ticks to alarm at 0.5, 1 and 2 units, or the share found.
const PROTOTYPE: [(f64, [&str; 3]); 5] = [
    (0.0, ["160", "53", "24"]),
    (0.3, ["192", "53", "24"]),
    (0.6, ["312 (85%)", "82", "24"]),
    (0.8, ["50% found", "82–130", "24"]),
    (0.9, ["50% found", "50", "23"]),
];

/// One row per noise and autocorrelation.
pub fn shift(lab: &Lab) -> Table {
    let title = format!(
        "value check, {TICKS} ticks, nominal {}; goal at most {} without a shift up to φ .9; \
         found @ median tick at shifts of 0.5, 1 and 2 units",
        percent(NOMINAL),
        percent(GOAL)
    );
    let columns = ["runs", "reverted [95%]", "0.5", "1", "2", "prototype: 0.5", "1", "2"];
    let mut table = Table::new(FAMILY, title, &columns);
    for noise in NOISES {
        for phi in PHIS {
            let name = format!("{}, φ {phi}", noise.name());
            if lab.wants(FAMILY, &name) {
                table.rows.push(row(lab, &name, noise, phi));
            }
        }
    }
    table
}

fn row(lab: &Lab, name: &str, noise: Noise, phi: f64) -> Row {
    let mut trial = Trial::new(vec![value("cpu", 1.02)], TICKS, half);
    trial.spec.false_revert = NOMINAL;
    let alarms = |shift: f64, runs: u32| {
        let outcomes = lab.each(&format!("{name}, shift {shift}"), runs, |random| {
            let stream: Box<dyn Stream> = Box::new(Values::new("cpu", phi, noise, shift));
            trial.run(&mut [stream], random).harmful
        });
        (Share::count(&outcomes, Option::is_some), median(&outcomes))
    };
    let (reverted, _) = alarms(0.0, lab.runs_at(1));
    let found = SHIFTS.map(|shift| alarms(shift, lab.runs_at(10)));
    let prototype = PROTOTYPE.iter().find(|(at, _)| noise == Noise::T(4.0) && (at - phi).abs() < 1e-9);
    let cells = [reverted.runs.to_string(), share_cell(&reverted)]
        .into_iter()
        .chain(found.iter().map(|(share, median)| format!("{} @ {}", percent(share.value()), time(*median))))
        .chain((0..3).map(|i| prototype.map_or_else(String::new, |(_, cells)| cells[i].to_owned())))
        .collect();
    let power: Vec<_> = SHIFTS
        .iter()
        .zip(&found)
        .map(|(shift, (share, median))| json!({ "shift": shift, "found": share_json(share), "median": median }))
        .collect();
    let numbers = json!({
        "noise": noise.name(), "phi": phi, "nominal": NOMINAL, "goal": GOAL,
        "reverted": share_json(&reverted), "power": power,
    });
    // Beyond φ = 0.9 nothing is aimed at.
    let mark = if phi > 0.9 { Mark::None } else { Mark::goal(reverted.low <= GOAL) };
    Row::new(name, cells, numbers, mark)
}
