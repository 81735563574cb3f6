//! A study as a picture: how releases come to their end over time, and how long harm takes to be found on each weight.

use super::words;
use crate::judge::words::duration;
use crate::plot::{self, Axis, Chart, Ink, Mark, PlotError, Series, Unit};
use crate::simulate::study::{Place, Study};
use crate::simulate::{Harm, Setup, seconds};

const WIDTH_PX: u32 = 960;
const HEIGHT_PX: u32 = 760;

/// Draws both panels.
pub fn svg(setup: &Setup, study: &Study, service: &str) -> Result<String, PlotError> {
    plot::svg(&[over_time(setup, study, service), by_harm(setup, study)], WIDTH_PX, HEIGHT_PX)
}

/// The share of releases that came to the end that suits them: promoted as they are as live, reverted otherwise.
fn over_time(setup: &Setup, study: &Study, service: &str) -> Chart {
    let (tick_s, deadline_s) = (seconds(setup.plan.tick_ms), seconds(setup.plan.deadline_ms));
    let whole = study.cells.iter().filter(|cell| cell.place == Place::Plan);
    let series = whole.zip(0..).map(|(cell, n)| {
        let healthy = cell.harm == Harm::None;
        let times = if healthy { &cell.outcomes.promoted_ms } else { &cell.outcomes.reverted_ms };
        let one = 1.0 / f64::from(cell.outcomes.runs.max(1));
        let risen = (1_u32..).zip(times).map(|(count, at)| (seconds(*at), f64::from(count) * one));
        let last = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX)) * one;
        let points = std::iter::once((tick_s, 0.0)).chain(risen).chain([(deadline_s, last)]).collect();
        let name = if healthy {
            "promoted: as live".to_owned()
        } else {
            format!("reverted: {}", words::harm(cell.harm))
        };
        Series::steps(name, ink(cell.harm, n), points)
    });
    Chart {
        title: format!("{service}, through the plan: share of releases promoted or reverted so far"),
        x: Axis::new("time since the start", tick_s, deadline_s * 1.2).unit(Unit::Seconds).log(),
        y: Axis::new("share of releases", 0.0, 1.1).unit(Unit::Share),
        series: series.collect(),
        marks: vec![Mark::vertical(deadline_s, format!("deadline {}", duration(setup.plan.deadline_ms)))],
    }
}

/// Green for health; harm by its number, without that green.
fn ink(harm: Harm, n: usize) -> Ink {
    const HARMS: [Ink; 6] = [Ink::Sky, Ink::Blue, Ink::Purple, Ink::Orange, Ink::Red, Ink::Black];
    if harm == Harm::None { Ink::Green } else { HARMS[n.saturating_sub(1) % HARMS.len()] }
}

/// The median time to proof of harm by its size, on each weight.
fn by_harm(setup: &Setup, study: &Study) -> Chart {
    let deadline_s = seconds(setup.plan.deadline_ms);
    let mut least_s = deadline_s;
    let series: Vec<Series> = setup
        .plan
        .steps
        .iter()
        .zip(0..)
        .flat_map(|(weight, n)| {
            let cells = study.cells.iter().filter(|cell| cell.place == Place::Step(*weight));
            let points: Vec<(f64, f64)> = cells
                .filter_map(|cell| match cell.harm {
                    Harm::Times(factor) => {
                        Some((factor, cell.outcomes.reverted_by(0.5).map_or(f64::NAN, seconds)))
                    }
                    Harm::None | Harm::Outage => None,
                })
                .collect();
            least_s = points.iter().fold(least_s, |least, (_, s)| least.min(*s));
            let dots = Series::points("", Ink::nth(n), points.clone());
            [Series::line(format!("at {weight}"), Ink::nth(n), points), dots]
        })
        .collect();
    Chart {
        title: format!("harm in `{}`: median time until it is found, standing on one weight", setup.harmed),
        x: Axis::new("harm: times live", 1.1, 22.0).unit(Unit::Factor).log(),
        y: Axis::new("time", least_s / 1.5, deadline_s * 2.0).unit(Unit::Seconds).log(),
        series,
        marks: vec![Mark::threshold(deadline_s, "deadline: not found")],
    }
}
