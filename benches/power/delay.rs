//! How soon the judge decides: harm, health and slowness, beside what is possible at all.
//!
//! Wald (1945): for a known effect no test that errs with probability α stops sooner on average than ln(1/α) over the
//! information of a tick. The judge has H ways to convict and shares α between them, hence ln(H/α). The mean counts a
//! run that came to no decision as its last tick, so it is never flattered by more than those runs.

use serde_json::json;

use super::lab::Lab;
use super::report::{Mark, Row, Table, percent, share_cell, share_json, time};
use super::slowness::{self, Change, Latencies, Shape};
use super::stats::{Flow, Share, mean, median, wald_ticks};
use super::traffic::{Model, Traffic};
use super::trial::{
    FALSE_REVERT, FLOOR, HOUR, LIMIT, MISSED_HARM, Outcome, Schedule, TOLERANCE, Trial, Until, half, latency,
    ratio, twentieth,
};

/// A ratio check with a limit can convict in so many ways.
const WAYS: f64 = 2.0;

/// No run is longer, and none shorter.
const TICKS_MAX: f64 = 50_000.0;
const TICKS_MIN: f64 = 200.0;

/// A run lasts so many times the bound.
const BOUNDS: f64 = 8.0;

/// Goal up to a ratio of 2, and beyond it with two ticks more.
const GOAL: f64 = 1.3;
const GOAL_BEYOND: f64 = 1.6;
const TICKS_BEYOND: f64 = 2.0;

/// Ratio and tolerance; an infinite ratio is an outage.
const HARMS: [(f64, f64); 6] = [
    (1.2, 1.2),
    (1.5, TOLERANCE),
    (2.0, TOLERANCE),
    (5.0, TOLERANCE),
    (20.0, TOLERANCE),
    (f64::INFINITY, TOLERANCE),
];

const WEIGHTS: [(&str, f64, Schedule); 2] = [("50%", 0.5, half), ("5%", 0.05, twentieth)];

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held within bounds")]
fn horizon(bound: f64) -> u32 {
    (BOUNDS * bound).clamp(TICKS_MIN, TICKS_MAX) as u32
}

/// Time to proof of harm.
pub fn harm(lab: &Lab) -> Table {
    const FAMILY: &str = "harm";
    let title = format!(
        "seconds to harm, 200 requests/s, floor {}, limit {}, α {}; \
         goal: mean at most {GOAL} × Wald's bound ln(H/α)/KL up to ×2, {GOAL_BEYOND} × + {TICKS_BEYOND} beyond",
        percent(FLOOR),
        percent(LIMIT),
        percent(FALSE_REVERT)
    );
    let columns = ["runs", "found", "median s", "mean s", "Wald s", "mean/Wald"];
    let mut table = Table::new(FAMILY, title, &columns);
    for rho in [None, Some(0.01)] {
        for rate in [0.005, 0.02] {
            for (weight_name, weight, schedule) in WEIGHTS {
                for (times, tolerance) in HARMS {
                    let model = Model { ratio: times, rho, ..Model::healthy(200.0, rate) };
                    let name = harm_name(times, tolerance, rate, weight_name, rho);
                    if lab.wants(FAMILY, &name) {
                        table.rows.push(harm_row(lab, &name, model, tolerance, (weight, schedule)));
                    }
                }
            }
        }
    }
    table
}

fn harm_name(times: f64, tolerance: f64, rate: f64, weight: &str, rho: Option<f64>) -> String {
    let what = if times.is_finite() { format!("×{times}") } else { "outage".into() };
    let tolerance = if (tolerance - TOLERANCE).abs() < 1e-9 {
        String::new()
    } else {
        format!(" at tolerance {tolerance}")
    };
    let bursty = rho.map_or_else(String::new, |rho| format!(", bursty ρ {rho}"));
    format!("{what}{tolerance}, {}, weight {weight}{bursty}", percent(rate))
}

fn harm_row(lab: &Lab, name: &str, model: Model, tolerance: f64, (weight, schedule): (f64, Schedule)) -> Row {
    let flow = Flow { requests: model.requests, weight, live: model.rate, candidate: model.candidate_rate() };
    let bound = wald_ticks(FALSE_REVERT / WAYS, flow.information_against(1.0));
    let ticks = horizon(bound);
    let trial = Trial::new(vec![ratio("errors", tolerance, Some(LIMIT))], ticks, schedule);
    let cost = if model.ratio < TOLERANCE { 10 } else { 2 };
    let times: Vec<Option<u32>> = lab.each(name, lab.runs_at(cost), |random| {
        trial.run(&mut [Box::new(Traffic::new("errors", model))], random).harmful
    });
    let (found, mean) = (Share::count(&times, Option::is_some), mean(&times, ticks));
    // The bound is Wald's for independent events; of bursts it is only a yardstick.
    let mark = match (model.rho, model.ratio <= 2.0) {
        (Some(_), _) => Mark::None,
        (None, true) => Mark::goal(mean <= GOAL * bound),
        (None, false) => Mark::goal(mean <= GOAL_BEYOND * bound + TICKS_BEYOND),
    };
    let cells = vec![
        times.len().to_string(),
        percent(found.value()),
        time(median(&times)),
        format!("{mean:.1}"),
        format!("{bound:.2}"),
        format!("{:.2}", mean / bound),
    ];
    let numbers = json!({
        "ratio": if model.ratio.is_finite() { json!(model.ratio) } else { json!("outage") },
        "tolerance": tolerance, "rate": model.rate, "weight": weight, "rho": model.rho,
        "found": share_json(&found), "median": median(&times), "mean": mean,
        "wald": bound, "quotient": mean / bound, "horizon": ticks,
    });
    Row::new(name, cells, numbers, mark)
}

/// Time to proof of no harm.
pub fn health(lab: &Lab) -> Table {
    const FAMILY: &str = "health";
    let title = format!(
        "seconds to the first health of a candidate like live, tolerance {TOLERANCE}, floor {}, β {}; \
         Wald: ln(1/β) / information against ×{TOLERANCE}, or against the floor where that is more",
        percent(FLOOR),
        percent(MISSED_HARM)
    );
    let columns = ["runs", "found", "median s", "mean s", "Wald s", "mean/Wald", "reverted"];
    let mut table = Table::new(FAMILY, title, &columns);
    for (weight_name, weight, schedule) in WEIGHTS {
        for requests in [20.0, 200.0] {
            for rate in [0.0, 0.000_5, 0.002, 0.02] {
                let name = format!("{requests} requests/s, {}, weight {weight_name}", percent(rate));
                if lab.wants(FAMILY, &name) {
                    let model = Model::healthy(requests, rate);
                    table.rows.push(health_row(lab, &name, model, weight, schedule));
                }
            }
        }
    }
    table
}

fn health_row(lab: &Lab, name: &str, model: Model, weight: f64, schedule: Schedule) -> Row {
    let flow = Flow { requests: model.requests, weight, live: model.rate, candidate: model.rate };
    let rare = if model.rate < FLOOR { flow.information_against_rate(FLOOR) } else { 0.0 };
    let bound = wald_ticks(MISSED_HARM, flow.information_against(TOLERANCE).max(rare));
    let ticks = horizon(bound);
    let mut trial = Trial::new(vec![ratio("errors", TOLERANCE, Some(LIMIT))], ticks, schedule);
    trial.until = Until::Health;
    let outcomes: Vec<Outcome> = lab.each(name, lab.runs_at(4), |random| {
        trial.run(&mut [Box::new(Traffic::new("errors", model))], random)
    });
    let times: Vec<Option<u32>> = outcomes.iter().map(|outcome| outcome.healthy).collect();
    let reverted = Share::count(&outcomes, |outcome| outcome.harmful.is_some());
    let (found, mean) = (Share::count(&times, Option::is_some), mean(&times, ticks));
    let cells = vec![
        times.len().to_string(),
        percent(found.value()),
        time(median(&times)),
        format!("{mean:.1}"),
        format!("{bound:.1}"),
        format!("{:.2}", mean / bound),
        percent(reverted.value()),
    ];
    let numbers = json!({
        "requests": model.requests, "rate": model.rate, "weight": weight,
        "found": share_json(&found), "median": median(&times), "mean": mean,
        "wald": bound, "quotient": mean / bound, "reverted": share_json(&reverted), "horizon": ticks,
    });
    Row::new(name, cells, numbers, Mark::None)
}

/// Time to proof of slowness.
pub fn latencies(lab: &Lab) -> Table {
    const FAMILY: &str = "latency";
    let title = "p50 (tolerance 1.2), p90 and p99 (1.5) at once over the default Prometheus bounds, \
                 log-normal around 80 ms; harm within the hour, goal: found in nine of ten";
    let columns = ["runs", "found [95%]", "median s", "healthy first"];
    let mut table = Table::new(FAMILY, title, &columns);
    let changes = [
        ("+30% at p99 only", Change::Tail(1.3)),
        ("everything ×1.3", Change::All(1.3)),
        ("second mode: 5% of requests ×5", Change::SecondMode { share: 0.05, factor: 5.0 }),
    ];
    for (change_name, change) in changes {
        for (weight_name, _, schedule) in WEIGHTS {
            for requests in [200.0, 20.0] {
                let name = format!("{change_name}, {requests} requests/s, weight {weight_name}");
                if lab.wants(FAMILY, &name) {
                    let shape = Shape::LogNormal;
                    let model = slowness::Model { requests, shape, change, drift: 1.0, period_ticks: HOUR };
                    table.rows.push(latency_row(lab, &name, model, schedule));
                }
            }
        }
    }
    table
}

fn latency_row(lab: &Lab, name: &str, model: slowness::Model, schedule: Schedule) -> Row {
    let trial = Trial::new(vec![latency("latency")], HOUR, schedule);
    let stream = Latencies::new("latency", model);
    let outcomes: Vec<Outcome> =
        lab.each(name, lab.runs_at(10), |random| trial.run(&mut [Box::new(stream.clone())], random));
    let times: Vec<Option<u32>> = outcomes.iter().map(|outcome| outcome.harmful).collect();
    let found = Share::count(&times, Option::is_some);
    let fooled = Share::count(&outcomes, |outcome| outcome.healthy.is_some());
    let cells =
        vec![times.len().to_string(), share_cell(&found), time(median(&times)), percent(fooled.value())];
    let numbers = json!({
        "requests": model.requests, "found": share_json(&found), "median": median(&times),
        "healthy_first": share_json(&fooled),
    });
    Row::new(name, cells, numbers, Mark::goal(found.value() >= 0.9))
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;

    /// Everything that the outage's row is made of, at its smallest.
    #[test]
    fn an_outage_is_found_at_once() {
        let lab = Lab::new(1, true, Some(16), Vec::new());
        let model = Model { ratio: f64::INFINITY, ..Model::healthy(200.0, 0.005) };
        let row = harm_row(&lab, "outage", model, TOLERANCE, (0.5, half));
        assert!(row.numbers["mean"].as_f64().unwrap() < 4.0, "{row:?}");
        assert_eq!(row.numbers["found"]["share"], 1.0);
        assert!(row.numbers["wald"].as_f64().unwrap() < 1.0);
    }

    #[test]
    fn runs_last_long_enough_and_not_for_ever() {
        assert_eq!(horizon(0.1), 200);
        assert_eq!(horizon(100.0), 800);
        assert_eq!(horizon(1e9), 50_000);
    }
}
