//! Healthy releases: the share that is reverted must stay at or below `false_revert`, on ugly data too.
//!
//! Every row is a kind of traffic on which the candidate is exactly like live; each run is looked at on every tick,
//! for an hour of seconds. Ratio checks have tolerance 1.5, floor 0.1% and limit 20%. A limit is an absolute ceiling,
//! "whatever live does": shocks that break it convict by the rules' own word, so the row with outages has none.

use assize::judge::spec::CheckSpec;
use serde_json::json;

use super::lab::Lab;
use super::petshop::{self, Recording, Split, Splitting};
use super::report::{Mark, Row, Table, percent, share_cell, share_json, time};
use super::slowness::{self, Change, Latencies, Shape};
use super::stats::{Share, median_of_happened};
use super::traffic::{Drift, Model, Shocks, Stream, Traffic};
use super::trial::{
    FALSE_REVERT, HOUR, LIMIT, Outcome, Schedule, TOLERANCE, Trial, half, hundredth, latency, quarter, ratio,
    steps, twentieth, value,
};
use super::values::{Noise, Values};

const FAMILY: &str = "healthy";

/// Real intervals, split.
const PETSHOP: &str = "petshop";

/// The usual service: 200 requests a second, 0.5% bad.
const USUAL: Model = Model::healthy(200.0, 0.005);

/// A day in the hour that a run lasts.
const DAY: Drift = Drift { factor: 4.0, period_ticks: 3_600.0 };

fn table(family: &'static str, what: &str) -> Table {
    let title = format!("{what}; reverted, at most {} promised", percent(FALSE_REVERT));
    Table::new(family, title, &["runs", "reverted [95%]", "median tick", "healthy at some time"])
}

/// The row of a finished measurement.
fn row(name: &str, outcomes: &[Outcome]) -> Row {
    let reverted = Share::count(outcomes, |outcome| outcome.harmful.is_some());
    let healthy = Share::count(outcomes, |outcome| outcome.healthy.is_some());
    let times: Vec<Option<u32>> = outcomes.iter().map(|outcome| outcome.harmful).collect();
    let cells = vec![
        outcomes.len().to_string(),
        share_cell(&reverted),
        time(median_of_happened(&times)),
        percent(healthy.value()),
    ];
    let numbers = json!({
        "promised": FALSE_REVERT,
        "reverted": share_json(&reverted),
        "healthy": share_json(&healthy),
    });
    Row::new(name, cells, numbers, Mark::promise(&reverted, FALSE_REVERT))
}

/// Counts of one ratio check.
pub fn counts(lab: &Lab) -> Table {
    let mut table = table(FAMILY, "candidates like live, one ratio check");
    for (name, model, weight) in traffic_rows() {
        if lab.wants(FAMILY, name) {
            let checks = if name.contains("no limit") {
                vec![ratio("errors", TOLERANCE, None)]
            } else {
                vec![ratio("errors", TOLERANCE, Some(LIMIT))]
            };
            let trial = Trial::new(checks, lab.ticks(HOUR), weight);
            let outcomes = lab.each(name, lab.runs_at(1), |random| {
                trial.run(&mut [Box::new(Traffic::new("errors", model))], random)
            });
            table.rows.push(row(name, &outcomes));
        }
    }
    table
}

fn traffic_rows() -> Vec<(&'static str, Model, Schedule)> {
    let bursty = |rho| Model { rho: Some(rho), ..USUAL };
    let shaken = |low, high| Model {
        shocks: Some(Shocks { every_ticks: 300.0, ticks_max: 30, rate: (low, high) }),
        ..USUAL
    };
    vec![
        ("plain, weight 1%", USUAL, hundredth),
        ("plain, weight 5%", USUAL, twentieth),
        ("plain, weight 50%", USUAL, half),
        ("plain, weight 1→5→25→50%", USUAL, steps),
        ("plain, 2%, weight 50%", Model::healthy(200.0, 0.02), half),
        ("bursty ρ .01, 1 of 20 instances", bursty(0.01), twentieth),
        ("bursty ρ .01, 5 of 20", bursty(0.01), quarter),
        ("bursty ρ .01, 10 of 20", bursty(0.01), half),
        ("bursty ρ .1, 1 of 20", bursty(0.1), twentieth),
        ("bursty ρ .1, 10 of 20", bursty(0.1), half),
        ("bursty ρ .1, weight 1→5→25→50%", bursty(0.1), steps),
        ("bursty ρ .3, 1 of 20", bursty(0.3), twentieth),
        ("drift ×4, weight 5%", Model { drift: Some(DAY), ..USUAL }, twentieth),
        ("drift ×4, weight 1→5→25→50%", Model { drift: Some(DAY), ..USUAL }, steps),
        ("drift ×4 and bursty ρ .01, weight 50%", Model { drift: Some(DAY), ..bursty(0.01) }, half),
        ("shocks to 2–15%, weight 5%", shaken(0.02, 0.15), twentieth),
        ("shocks to 2–15%, weight 50%", shaken(0.02, 0.15), half),
        ("shocks to 20–90%, weight 50%, no limit", shaken(0.2, 0.9), half),
        ("shocks and bursty ρ .01, 1 of 20", Model { rho: Some(0.01), ..shaken(0.02, 0.15) }, twentieth),
        ("rate 1e-5, weight 50%", Model::healthy(200.0, 1e-5), half),
        ("rate 1e-4, weight 5%", Model::healthy(200.0, 1e-4), twentieth),
        ("rate 1e-4, weight 50%", Model::healthy(200.0, 1e-4), half),
        (
            "rate 1e-4 and bursty ρ .01, weight 50%",
            Model { rho: Some(0.01), ..Model::healthy(200.0, 1e-4) },
            half,
        ),
        ("2 requests/s, weight 5%", Model::healthy(2.0, 0.005), twentieth),
        ("2 requests/s, weight 50%", Model::healthy(2.0, 0.005), half),
        ("2 requests/s, 10% bad, no limit", Model::healthy(2.0, 0.1), half),
    ]
}

/// Histograms of one latency check with three quantiles.
pub fn latencies(lab: &Lab) -> Table {
    let mut table = table("healthy latency", "p50, p90 and p99 at once");
    let model = |shape, requests, drift| slowness::Model {
        requests,
        shape,
        change: Change::None,
        drift,
        period_ticks: HOUR,
    };
    let burst = |rho| Shape::Bimodal { rho: Some(rho) };
    let rows: [(&str, slowness::Model, Schedule); 8] = [
        ("log-normal, weight 50%", model(Shape::LogNormal, 200.0, 1.0), half),
        ("log-normal, weight 5%", model(Shape::LogNormal, 200.0, 1.0), twentieth),
        ("log-normal, 10 requests/s", model(Shape::LogNormal, 10.0, 1.0), half),
        ("log-normal, drift ×2, weight 1→5→25→50%", model(Shape::LogNormal, 200.0, 2.0), steps),
        ("bimodal, weight 50%", model(Shape::Bimodal { rho: None }, 200.0, 1.0), half),
        ("bimodal, drift ×2, weight 5%", model(Shape::Bimodal { rho: None }, 200.0, 2.0), twentieth),
        ("bimodal, bursty ρ .01, 10 of 20", model(burst(0.01), 200.0, 1.0), half),
        ("bimodal, bursty ρ .05, 1 of 20", model(burst(0.05), 200.0, 1.0), twentieth),
    ];
    for (name, model, weight) in rows {
        if lab.wants(table.family, name) {
            let trial = Trial::new(vec![latency("latency")], lab.ticks(HOUR), weight);
            let stream = Latencies::new("latency", model);
            let outcomes =
                lab.each(name, lab.runs_at(2), |random| trial.run(&mut [Box::new(stream.clone())], random));
            table.rows.push(row(name, &outcomes));
        }
    }
    table
}

/// Many checks share one budget.
pub fn many(lab: &Lab) -> Table {
    let mut table = table("healthy many", "20 checks at once, one budget");
    let rows: [(&str, Make); 2] =
        [("20 ratio checks, bursty ρ .01", || ratios(20)), ("14 ratios, 3 latencies, 3 values", mixed)];
    for (name, make) in rows {
        if lab.wants(table.family, name) {
            let trial = Trial::new(make().0, lab.ticks(HOUR / 2), half);
            let outcomes = lab.each(name, lab.runs_at(10), |random| trial.run(&mut make().1, random));
            table.rows.push(row(name, &outcomes));
        }
    }
    table
}

/// Checks, and one stream for each.
type Checked = (Vec<CheckSpec>, Vec<Box<dyn Stream>>);

/// Makes them anew for each run.
type Make = fn() -> Checked;

fn ratios(how_many: u32) -> Checked {
    (0..how_many)
        .map(|i| {
            let name = format!("errors-{i}");
            let model = Model { rho: Some(0.01), ..Model::healthy(100.0, 0.002 * f64::from(1 + i % 5)) };
            let stream: Box<dyn Stream> = Box::new(Traffic::new(&name, model));
            (ratio(&name, TOLERANCE, Some(LIMIT)), stream)
        })
        .unzip()
}

fn mixed() -> Checked {
    let (mut checks, mut streams) = ratios(14);
    for i in 0..3_u32 {
        let name = format!("latency-{i}");
        let model = slowness::Model {
            requests: 100.0,
            shape: if i == 0 { Shape::LogNormal } else { Shape::Bimodal { rho: Some(0.01) } },
            change: Change::None,
            drift: 1.0,
            period_ticks: HOUR,
        };
        checks.push(latency(&name));
        streams.push(Box::new(Latencies::new(&name, model)));
        let name = format!("value-{i}");
        checks.push(value(&name, 1.3));
        streams.push(Box::new(Values::new(&name, 0.3 * f64::from(i), Noise::T(3.0), 0.0)));
    }
    (checks, streams)
}

/// Real traffic, split at random; every run takes the next service.
pub fn real(lab: &Lab) -> Table {
    let mut table = table(PETSHOP, "49 h of real traffic split at random, tick 5 min, no limit");
    let rows: [(&str, Recording, Split, Schedule); 6] = [
        ("high traffic, singly, weight 50%", Recording::High, Split::Single, half),
        ("high traffic, singly, weight 1→5→25→50%", Recording::High, Split::Single, steps),
        ("high traffic, blocks of 5, weight 50%", Recording::High, Split::Blocks(5), half),
        ("low traffic, singly, weight 50%", Recording::Low, Split::Single, half),
        ("low traffic, singly, weight 5%", Recording::Low, Split::Single, twentieth),
        ("low traffic, blocks of 5, weight 50%", Recording::Low, Split::Blocks(5), half),
    ];
    for (name, recording, split, weight) in rows {
        if !lab.wants(PETSHOP, name) {
            continue;
        }
        let services = petshop::services(recording);
        let mut trial = Trial::new(vec![ratio("errors", TOLERANCE, None)], petshop::INTERVALS, weight);
        trial.tick_ms = petshop::INTERVAL_S * 1_000;
        let of_each = (lab.runs_at(1) / 5).max(2);
        let mut all = Vec::new();
        for service in &services {
            let full = format!("{name}, {}", service.name);
            let outcomes = lab.each(&full, of_each, |random| {
                trial.run(&mut [Box::new(Splitting::new(service, split))], random)
            });
            table.rows.push(row(&full, &outcomes));
            all.extend(outcomes);
        }
        table.rows.push(row(name, &all));
    }
    table
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::super::lab::Rng;
    use super::*;

    #[test]
    fn a_row_counts_its_runs() {
        let lab = Lab::new(1, true, Some(8), Vec::new());
        let trial = Trial::new(vec![ratio("errors", TOLERANCE, Some(LIMIT))], 60, half);
        let usual = |random: &mut Rng| trial.run(&mut [Box::new(Traffic::new("errors", USUAL))], random);
        let row = super::row("usual", &lab.each("usual", 8, usual));
        assert_eq!(row.numbers["reverted"]["runs"], 8);
        assert_eq!(row.mark, Mark::Kept);
        let reverted = [Outcome { harmful: Some(3), healthy: None }; 8];
        assert_eq!(super::row("bad", &reverted).mark, Mark::Broken);
    }

    #[test]
    fn rows_have_different_names() {
        let mut names: Vec<_> = traffic_rows().into_iter().map(|row| row.0).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
