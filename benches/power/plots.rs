//! The tables as pictures: one SVG file per family that has something to see.

use assize::plot::{Axis, Chart, Ink, Mark, Series, Unit, svg};
use serde_json::Value;

use super::report::{Row, Table};
use super::side::JUDGES;
use super::trial::HOUR;

const WIDTH_PX: u32 = 900;
const PANEL_PX: u32 = 320;

/// Of [`JUDGES`], in their order: one colour per kind, neighbours told apart.
const INKS: [Ink; JUDGES.len()] =
    [Ink::Blue, Ink::Orange, Ink::Green, Ink::Red, Ink::Purple, Ink::Sky, Ink::Black];

/// File names and pictures of the families that were measured.
pub fn pictures(tables: &[Table]) -> Vec<(String, String)> {
    let family = |name: &str| tables.iter().find(|table| table.family == name);
    let charts = [
        ("healthy.svg", tables.iter().filter_map(promise).collect()),
        ("shift.svg", family("shift").map(shift).unwrap_or_default()),
        ("harm.svg", family("harm").map(harm).unwrap_or_default()),
        ("side.svg", family("side").map(side).unwrap_or_default()),
    ];
    let drawn = charts.into_iter().filter(|(_, charts): &(_, Vec<Chart>)| !charts.is_empty());
    drawn
        .map(|(name, charts)| {
            let height = PANEL_PX * u32::try_from(charts.len()).unwrap();
            (name.to_owned(), svg(&charts, WIDTH_PX, height).unwrap())
        })
        .collect()
}

/// Follows keys into a row's numbers.
fn number(row: &Row, path: &[&str]) -> Option<f64> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(row.numbers.get(*first)?, |value, key| value.get(key))?.as_f64()
}

/// Shares and intervals of every row that carries a promise, by its place in the table.
fn promise(table: &Table) -> Option<Chart> {
    let key = if table.family == "edge" { "promoted" } else { "reverted" };
    let promised = table.rows.iter().find_map(|row| number(row, &["promised"]))?;
    let rows = || (1_u32..).map(f64::from).zip(&table.rows);
    let share = |row: &Row, end: &str| number(row, &[key, end]).unwrap_or(f64::NAN);
    let boxes = rows().map(|(place, row)| {
        let (low, high) = (share(row, "low"), share(row, "high"));
        Series::band("", Ink::Sky, vec![(place - 0.3, low, high), (place + 0.3, low, high)])
    });
    let points = rows().map(|(place, row)| (place, share(row, "share"))).collect();
    let highest = rows().map(|(_, row)| share(row, "high")).fold(2.0 * promised, f64::max);
    let last = f64::from(u32::try_from(table.rows.len()).unwrap()) + 1.0;
    Some(Chart {
        title: format!("{}: {key}, with 95% intervals", table.family),
        x: Axis::new("row of the table", 0.0, last),
        y: Axis::new("share of runs", 0.0, 1.05 * highest).unit(Unit::Share),
        series: boxes.chain([Series::points(key, Ink::Blue, points)]).collect(),
        marks: vec![Mark::threshold(promised, "promised at most")],
    })
}

/// False alarms of the shift test over the autocorrelation.
fn shift(table: &Table) -> Vec<Chart> {
    let mut noises: Vec<&str> =
        table.rows.iter().filter_map(|row| row.numbers.get("noise")?.as_str()).collect();
    noises.dedup();
    let of = |noise: &str| -> Vec<(f64, f64)> {
        let rows =
            table.rows.iter().filter(|row| row.numbers.get("noise").and_then(Value::as_str) == Some(noise));
        rows.filter_map(|row| Some((number(row, &["phi"])?, number(row, &["reverted", "share"])?))).collect()
    };
    let series: Vec<Series> =
        noises.iter().enumerate().map(|(i, noise)| Series::line(*noise, Ink::nth(i), of(noise))).collect();
    let highest = noises.iter().flat_map(|noise| of(noise)).map(|point| point.1).fold(0.02, f64::max);
    vec![Chart {
        title: "shift test without a shift: reverted in 720 ticks".into(),
        x: Axis::new("autocorrelation φ of the differences", 0.0, 1.0),
        y: Axis::new("share of runs", 0.0, 1.05 * highest).unit(Unit::Share),
        series,
        marks: vec![Mark::threshold(0.005, "nominal"), Mark::threshold(0.01, "goal up to φ = 0.9")],
    }]
}

/// Mean time to harm and Wald's bound, at tolerance 1.5 on plain traffic; one panel per weight.
fn harm(table: &Table) -> Vec<Chart> {
    let is = |row: &Row, key: &str, value: f64| number(row, &[key]).is_some_and(|n| (n - value).abs() < 1e-9);
    let panel = |weight: f64| {
        let rows = |rate: f64| {
            table.rows.iter().filter(move |row| {
                is(row, "weight", weight)
                    && is(row, "rate", rate)
                    && is(row, "tolerance", 1.5)
                    && row.numbers.get("rho").is_none_or(Value::is_null)
            })
        };
        let points = |rate: f64, key: &str| -> Vec<(f64, f64)> {
            rows(rate).filter_map(|row| Some((number(row, &["ratio"])?, number(row, &[key])?))).collect()
        };
        let series: Vec<Series> = [(0.005, "0.5%", Ink::Orange), (0.02, "2%", Ink::Blue)]
            .into_iter()
            .flat_map(|(rate, name, ink)| {
                [
                    Series::line(format!("Wald's bound, {name}"), Ink::Grey, points(rate, "wald")),
                    Series::line(format!("mean, {name}"), ink, points(rate, "mean")),
                    Series::points("", ink, points(rate, "mean")),
                ]
            })
            .collect();
        Chart {
            title: format!("time to harm, 200 requests/s, weight {}%", weight * 100.0),
            x: Axis::new("candidate's rate over live's", 1.4, 22.0).log().unit(Unit::Factor),
            y: Axis::new("time", 0.5, 3_600.0).log().unit(Unit::Seconds),
            series,
            marks: Vec::new(),
        }
    };
    let drawn =
        |chart: &Chart| chart.series.iter().any(|series| series.name.starts_with("mean") && !empty(series));
    [0.5, 0.05].map(panel).into_iter().filter(drawn).collect()
}

fn empty(series: &Series) -> bool {
    matches!(&series.shape, assize::plot::Shape::Line(points) if points.is_empty())
}

/// The share reverted over time, by every judge, for healthy and doubled rates on bursty instances.
fn side(table: &Table) -> Vec<Chart> {
    let shown = [
        "healthy, bursty ρ .01, weight 5%",
        "healthy, shocks, weight 50%",
        "×2, bursty ρ .01, weight 5%",
        "×2, bursty ρ .01, weight 50%",
    ];
    let rows = shown.iter().filter_map(|name| table.rows.iter().find(|row| row.name == *name));
    rows.map(|row| {
        let curve = |judge: &str| -> Vec<(f64, f64)> {
            let points =
                row.numbers.get("judges").and_then(|judges| judges.get(judge)?.get("by_second")?.as_array());
            let point = |point: &Value| Some((point.get(0)?.as_f64()?, point.get(1)?.as_f64()?));
            points.into_iter().flatten().filter_map(point).collect()
        };
        let series =
            JUDGES.iter().zip(INKS).map(|(judge, ink)| Series::steps(*judge, ink, curve(judge))).collect();
        Chart {
            title: format!("reverted, {}", row.name),
            x: Axis::new("time", 1.0, f64::from(HOUR)).log().unit(Unit::Seconds),
            y: Axis::new("share of runs", 0.0, 1.0).unit(Unit::Share),
            series,
            marks: Vec::new(),
        }
    })
    .collect()
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::super::report::Mark;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_promise_is_drawn_with_its_interval() {
        let mut table = Table::new("healthy", "t", &[]);
        let reverted = json!({ "share": 0.01, "low": 0.002, "high": 0.03 });
        let numbers = json!({ "promised": 0.01, "reverted": reverted });
        table.rows.push(Row::new("plain", Vec::new(), numbers, Mark::Kept));
        let pictures = pictures(&[table]);
        assert_eq!(pictures.len(), 1);
        assert!(pictures[0].1.contains("promised at most") && pictures[0].1.contains("<polygon"));
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        assert!(pictures(&[]).is_empty());
        assert!(pictures(&[Table::new("harm", "t", &[])]).is_empty());
    }
}
