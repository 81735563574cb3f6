//! A replay as a picture: per check its rates, their ratio and the evidence over time, up to the decision.
//!
//! The check that decided comes first; its first chart carries the reason.

use std::cmp::Ordering;

use crate::judge::spec::{Bound, CheckKind, CheckSpec, Direction};
use crate::judge::words::{duration, exact_percent, significant};
use crate::plot::{self, Axis, Chart, Ink, Mark, PlotError, Series, Unit};
use crate::replay::Output;
use crate::replay::film::{Film, Measured, Scene};
use crate::sample::Timestamp;

/// More checks than this make a picture that nobody scrolls through.
const CHECKS_MAX: usize = 6;

const WIDTH_PX: u32 = 1_100;
const CHART_PX: u32 = 250;

/// Rates are drawn over so many stretches of time at most: more would be noise only.
const RATES_MAX: usize = 250;

/// A ratio beyond this, either way, is drawn at the end of its axis.
const RATIO_MAX: f64 = 50.0;

/// Letters of the reason in one row.
const ROW_LETTERS: usize = 110;

/// Draws a film whose last output is the decision.
pub fn svg(film: &Film, last: &Output) -> Result<String, PlotError> {
    let mut order: Vec<usize> = (0..film.checks().len()).collect();
    let name = |index: usize| film.checks().get(index).map(|check| check.name.as_str());
    order.sort_by_key(|index| name(*index) != last.check.as_deref());
    let end_s = film.frames().last().map_or(0.0, |frame| seconds(film, frame.at));
    let charts: Vec<Chart> = order
        .into_iter()
        .take(CHECKS_MAX)
        .filter_map(|index| Some((index, film.checks().get(index)?)))
        .zip(0..)
        .flat_map(|((index, check), place)| {
            let part = Part { film, index, check, last, end_s };
            let rows = if place == 0 { part.reason() } else { Vec::new() };
            [part.rates(&rows), part.ratio(), part.evidence()]
        })
        .collect();
    let height = CHART_PX.saturating_mul(u32::try_from(charts.len()).unwrap_or(u32::MAX));
    plot::svg(&charts, WIDTH_PX, height)
}

/// One check of the film.
struct Part<'a> {
    film: &'a Film,
    index: usize,
    check: &'a CheckSpec,
    last: &'a Output,
    end_s: f64,
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of one release fit a double exactly")]
fn seconds(film: &Film, at: Timestamp) -> f64 {
    at.ms_since(film.origin()) as f64 / 1_000.0
}

impl Part<'_> {
    fn scenes(&self) -> impl Iterator<Item = (f64, &Scene)> {
        let frames = self.film.frames().iter();
        frames.filter_map(|frame| Some((seconds(self.film, frame.at), frame.checks.get(self.index)?)))
    }

    fn line(&self, name: &str, ink: Ink, value: impl Fn(&Scene) -> f64) -> Series {
        Series::line(name, ink, self.scenes().map(|(at, scene)| (at, value(scene))).collect())
    }

    fn time(&self) -> Axis {
        // A little room behind the decision, so that its mark does not lie on the frame.
        Axis::new("time", 0.0, (self.end_s * 1.02).max(1.0)).unit(Unit::Seconds)
    }

    /// `revert at 1 min 25 s`.
    fn moment(&self) -> String {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of the film")]
        let ms = (self.end_s * 1_000.0).round() as u64;
        format!("{} at {}", self.last.decision, duration(ms))
    }

    fn decision(&self) -> Mark {
        Mark::vertical(self.end_s, self.moment())
    }

    /// The decision's reason in rows.
    fn reason(&self) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        for word in self.last.reason.split(' ') {
            match rows.last_mut() {
                Some(row) if row.chars().count() + word.chars().count() < ROW_LETTERS => {
                    row.push(' ');
                    row.push_str(word);
                }
                _ => rows.push(word.to_owned()),
            }
        }
        rows
    }

    /// What both colours showed. `reason` is written below the decision.
    fn rates(&self, reason: &[String]) -> Chart {
        let (title, label, unit) = match &self.check.kind {
            CheckKind::Ratio(_) => ("bad events of all events", "rate", Unit::Share),
            CheckKind::Latency(_) => ("slow requests of all requests, so far", "share slower", Unit::Share),
            CheckKind::Value(_) => ("values", "value", Unit::Number),
        };
        let mut series = Vec::new();
        if matches!(self.check.kind, CheckKind::Latency(_)) {
            let known = |share: Option<f64>| share.unwrap_or(f64::NAN);
            series.push(self.line("live", Ink::Blue, |scene| known(scene.live_so_far)));
            series.push(self.line("candidate", Ink::Orange, |scene| known(scene.candidate_so_far)));
        } else {
            for (name, ink, of) in [
                ("live", Ink::Blue, (|scene| scene.live) as fn(&Scene) -> Measured),
                ("candidate", Ink::Orange, |scene| scene.candidate),
            ] {
                let stretches = self.stretches(of);
                let band = stretches.iter().map(|(at, all)| (*at, all.low, all.high)).collect();
                series.push(Series::band("", ink, band));
                series.push(Series::line(
                    name,
                    ink,
                    stretches.iter().map(|(at, all)| (*at, all.rate())).collect(),
                ));
            }
        }
        // Rows of words stand on top of the data: the more of them, the more room.
        let room = if reason.is_empty() { 1.15 } else { 1.5 };
        let y = axis_of_rates(label, &series, room, unit);
        let mut marks = vec![self.decision()];
        marks.extend(reason.iter().map(|row| Mark::vertical(self.end_s, row.clone())));
        marks.extend(
            self.margins()
                .into_iter()
                .filter(|(at, _)| (y.low..y.high).contains(at))
                .map(|(at, name)| Mark::threshold(at, name)),
        );
        Chart {
            title: format!("{}, {}: {title}", self.last.service, self.check.name),
            x: self.time(),
            y,
            series,
            marks,
        }
    }

    /// What was measured, over few enough stretches of time.
    fn stretches(&self, of: fn(&Scene) -> Measured) -> Vec<(f64, Measured)> {
        let all: Vec<(f64, Measured)> = self.scenes().map(|(at, scene)| (at, of(scene))).collect();
        let each = all.len().div_ceil(RATES_MAX).max(1);
        let joined = |chunk: &[(f64, Measured)]| {
            let together = chunk.iter().fold(Measured::NOTHING, |sum, (_, one)| sum.and(*one));
            chunk.last().map(|(at, _)| (*at, together))
        };
        all.chunks(each).filter_map(joined).collect()
    }

    /// Absolute margins of the rules.
    fn margins(&self) -> Vec<(f64, String)> {
        match &self.check.kind {
            CheckKind::Ratio(spec) => {
                let floor = spec.floor.map(|at| (at, format!("floor {}", exact_percent(at))));
                let limit = spec.limit.map(|at| (at, format!("limit {}", exact_percent(at))));
                floor.into_iter().chain(limit).collect()
            }
            // The shares drawn are of requests slower than a quantile, the limit's of those slower than its own time.
            CheckKind::Latency(_) => Vec::new(),
            CheckKind::Value(spec) => {
                let limit = spec.limit.as_ref().map(|limit| match limit.bound {
                    Bound::Above(at) | Bound::Below(at) => at,
                });
                limit.into_iter().map(|at| (at, format!("limit {}", significant(at, 3)))).collect()
            }
        }
    }

    /// Candidate over live with its confidence sequence, against the tolerance.
    fn ratio(&self) -> Chart {
        let tolerances = self.tolerances();
        let mut span: (f64, f64) = (1.0 / 1.25, 1.25);
        for at in
            tolerances.iter().map(|(at, _)| *at).chain(self.scenes().filter_map(|(_, scene)| scene.ratio))
        {
            span = (span.0.min(at), span.1.max(at));
        }
        let (low, high) = ((span.0 / 1.5).max(1.0 / RATIO_MAX), (span.1 * 1.5).min(RATIO_MAX));
        let band = self.scenes().map(|(at, scene)| match (scene.ratio_low, scene.ratio_high) {
            (None, None) => (at, f64::NAN, f64::NAN),
            (from, to) => (at, from.unwrap_or(low).max(low), to.unwrap_or(high).min(high)),
        });
        let mut marks = vec![self.decision(), Mark::threshold(1.0, "as live")];
        marks.extend(tolerances.into_iter().map(|(at, name)| Mark::threshold(at, name)));
        Chart {
            title: format!("{}: candidate against live, since judging began", self.check.name),
            x: self.time(),
            y: Axis::new("ratio", low, high).unit(Unit::Factor).log(),
            series: vec![
                Series::band("confidence sequence", Ink::Sky, band.collect()),
                self.line("ratio", Ink::Black, |scene| scene.ratio.unwrap_or(f64::NAN)),
            ],
            marks,
        }
    }

    fn tolerances(&self) -> Vec<(f64, String)> {
        match &self.check.kind {
            CheckKind::Ratio(spec) => vec![(spec.tolerance, format!("tolerance ×{}", spec.tolerance))],
            CheckKind::Latency(spec) => (spec.quantiles.iter())
                .map(|quantile| {
                    (quantile.tolerance, format!("tolerance {} ×{}", quantile.name, quantile.tolerance))
                })
                .collect(),
            CheckKind::Value(spec) => {
                let up = (spec.tolerance, format!("tolerance ×{}", spec.tolerance));
                let down = (1.0 / spec.tolerance, format!("tolerance ÷{}", spec.tolerance));
                match spec.direction {
                    Direction::Increase => vec![up],
                    Direction::Decrease => vec![down],
                    Direction::Either => vec![up, down],
                }
            }
        }
    }

    /// Evidence for harm and for health, each against its threshold.
    fn evidence(&self) -> Chart {
        let report = self.last.checks.get(self.index);
        let (harm, healthy) =
            report.map_or((1.0, 1.0), |report| (report.threshold_harm, report.threshold_healthy));
        let most = self.scenes().map(|(_, scene)| scene.harm.high.max(scene.healthy.high));
        let top = most.max_by(f64::total_cmp).unwrap_or(0.0).clamp(0.0, 3.0 * harm.max(healthy));
        let high = 1.2 * top.max(harm).max(healthy);
        let band = |name: &str, ink, of: fn(&Scene) -> (f64, f64)| {
            let points = self.scenes().map(|(at, scene)| (at, of(scene).0, of(scene).1));
            Series::band(name, ink, points.collect())
        };
        Chart {
            title: format!("{}: evidence (logarithm of the e-value)", self.check.name),
            x: self.time(),
            y: Axis::new("ln e", -0.5 * high, high),
            series: vec![
                band("", Ink::Red, |scene| (scene.harm.low, scene.harm.high)),
                band("", Ink::Green, |scene| (scene.healthy.low, scene.healthy.high)),
                self.line("for harm", Ink::Red, |scene| scene.harm.last),
                self.line("for health", Ink::Green, |scene| scene.healthy.last),
            ],
            marks: vec![
                self.decision(),
                Mark::threshold(harm, format!("harm from {} on", significant(harm, 2))),
                Mark::threshold(healthy, format!("health from {} on", significant(healthy, 2))),
            ],
        }
    }
}

/// An axis that holds all points; shares start at 0.
fn axis_of_rates(label: &str, series: &[Series], room: f64, unit: Unit) -> Axis {
    let values = || series.iter().flat_map(values_of).filter(|value| value.is_finite());
    let most = values().max_by(f64::total_cmp);
    let least = values().min_by(f64::total_cmp).filter(|_| unit != Unit::Share).unwrap_or(0.0);
    let (low, high) = match most.map(|most| (most, most.partial_cmp(&least))) {
        Some((most, Some(Ordering::Greater))) => (least, least + (most - least) * room),
        Some((same, _)) if unit != Unit::Share => (same - 1.0, same + 1.0),
        _ => (0.0, 0.01),
    };
    Axis::new(label, low, high).unit(unit)
}

fn values_of(series: &Series) -> Vec<f64> {
    match &series.shape {
        plot::Shape::Line(points) | plot::Shape::Points(points) | plot::Shape::Steps(points) => {
            points.iter().map(|(_, y)| *y).collect()
        }
        plot::Shape::Band(points) => points.iter().flat_map(|(_, low, high)| [*low, *high]).collect(),
    }
}
