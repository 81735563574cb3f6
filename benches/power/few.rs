//! Few samples: one tick of disaster is enough to revert, and two points a side of a value never convict.

use assize::sample::{Pair, Reading};
use rand::RngExt;
use serde_json::json;

use super::lab::{Lab, Rng};
use super::report::{Mark, Row, Table, share_cell, share_json};
use super::stats::Share;
use super::traffic::{Counts, Stream, binomial};
use super::trial::{Schedule, Trial, errors, half, hundredth, twentieth, value};

const FAMILY: &str = "few";

/// All of the candidate's requests fail, live is healthy; exactly as many requests as the weight says.
#[derive(Clone, Copy, Debug)]
struct Disaster {
    requests: f64,
    live_rate: f64,
}

impl Stream for Disaster {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    fn next(&mut self, weight: f64, random: &mut Rng) -> Pair {
        let candidate = (self.requests * weight).round() as u64;
        let live = self.requests as u64 - candidate;
        Pair {
            check: "errors".into(),
            live: Counts { bad: binomial(live, self.live_rate, random), total: live }.reading(),
            candidate: Counts { bad: candidate, total: candidate }.reading(),
        }
    }
}

/// Values of any size, the candidate's always far worse.
#[derive(Clone, Copy, Debug)]
struct Extremes;

impl Stream for Extremes {
    fn next(&mut self, _weight: f64, random: &mut Rng) -> Pair {
        let live = 10_f64.powf(random.random_range(-9.0..9.0));
        let times = 10_f64.powf(random.random_range(0.0..12.0));
        Pair { check: "cpu".into(), live: Reading::Value(live), candidate: Reading::Value(live * times) }
    }
}

/// One row per kind of scarcity.
pub fn few(lab: &Lab) -> Table {
    let mut table = Table::new(
        FAMILY,
        "few samples; a disaster must revert, two points a side must not",
        &["runs", "reverted [95%]"],
    );
    let disaster = |requests, live_rate| Disaster { requests, live_rate };
    let disasters: [(&str, Disaster, Schedule, bool); 5] = [
        ("one tick, 100 of 100 fail, live 0 of 100", disaster(200.0, 0.0), half, true),
        ("one tick, 100 of 100 fail, live 0.5% of 100", disaster(200.0, 0.005), half, true),
        ("one tick, 10 of 10 fail, live 0 of 190", disaster(200.0, 0.0), twentieth, true),
        ("one tick, 10 of 10 fail, live 0.5% of 190", disaster(200.0, 0.005), twentieth, true),
        ("one tick, 2 of 2 fail, live 0.5% of 198", disaster(200.0, 0.005), hundredth, false),
    ];
    for (name, disaster, weight, must) in disasters {
        if lab.wants(FAMILY, name) {
            let trial = Trial::new(errors(), 1, weight);
            let reverted = reverted(lab, name, &trial, || Box::new(disaster));
            let mark = if must { Mark::goal(reverted.hits == reverted.runs) } else { Mark::None };
            table.rows.push(row(name, &reverted, mark));
        }
    }
    for (name, points) in
        [("value: one point a side, up to 10¹² times", 1), ("value: two points a side, up to 10¹² times", 2)]
    {
        if lab.wants(FAMILY, name) {
            let trial = Trial::new(vec![value("cpu", 1.3)], points, half);
            let reverted = reverted(lab, name, &trial, || Box::new(Extremes));
            // A promise without a percentage: not one.
            let mark = if reverted.hits == 0 { Mark::Kept } else { Mark::Broken };
            table.rows.push(row(name, &reverted, mark));
        }
    }
    table
}

fn reverted(lab: &Lab, name: &str, trial: &Trial, stream: impl Fn() -> Box<dyn Stream> + Sync) -> Share {
    let outcomes = lab.each(name, lab.runs_at(1), |random| trial.run(&mut [stream()], random));
    Share::count(&outcomes, |outcome| outcome.harmful.is_some())
}

fn row(name: &str, reverted: &Share, mark: Mark) -> Row {
    let numbers = json!({ "reverted": share_json(reverted) });
    Row::new(name, vec![reverted.runs.to_string(), share_cell(reverted)], numbers, mark)
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;

    #[test]
    fn disaster_reverts_and_two_points_do_not() {
        let table = few(&Lab::new(1, true, Some(40), Vec::new()));
        let share = |part: &str| {
            let row = table.rows.iter().find(|row| row.name.contains(part)).unwrap();
            row.numbers["reverted"]["share"].as_f64().unwrap()
        };
        assert!((share("live 0 of 100") - 1.0).abs() < f64::EPSILON);
        assert!(share("two points").abs() < f64::EPSILON);
    }
}
