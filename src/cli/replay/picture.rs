//! A replay as a picture: per check its rates, their ratio and the evidence over time, up to the decision.
//!
//! The check that decided comes first; its first chart carries the reason.

use crate::judge::spec::{Bound, CheckKind, CheckSpec, Direction};
use crate::judge::words::{duration, exact_percent, significant};
use crate::plot::{self, Axis, Chart, Ink, Mark, PlotError, Series, Shape, Unit};
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
        // Room behind the decision for the words of thresholds, which stand at the right.
        Axis::new("time", 0.0, (self.end_s * 1.13).max(1.0)).unit(Unit::Seconds)
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
            CheckKind::Ratio(_) => ("bad events of all events".to_owned(), "rate", Unit::Share),
            CheckKind::Latency(_) => (self.slower(), "share slower", Unit::Share),
            CheckKind::Value(_) => ("values".to_owned(), "value", Unit::Number),
        };
        let (mut bands, mut lines) = (Vec::new(), Vec::new());
        let mut draw = |name: &str, ink, stretches: &[(f64, Measured)]| {
            let band = stretches.iter().map(|(at, all)| (*at, all.low, all.high)).collect();
            bands.push(Series::band("", ink, band));
            let line = stretches.iter().map(|(at, all)| (*at, all.rate())).collect();
            lines.push(Series::line(name, ink, line));
        };
        draw("live", Ink::Blue, &self.stretches(|scene| scene.live));
        draw("candidate", Ink::Orange, &self.stretches(|scene| scene.candidate));
        // Rows of words stand on top of the data: the more of them, the more room.
        let room = if reason.is_empty() { 1.3 } else { 1.8 };
        let y = if unit == Unit::Share { shares(label, &lines, room) } else { numbers(label, &bands, room) };
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
            series: bands.into_iter().chain(lines).collect(),
            marks,
        }
    }

    fn slower(&self) -> String {
        match self.film.slower_than(self.index) {
            Some(bound) => format!("requests slower than {} of all requests", significant(bound, 3)),
            None => "slow requests of all requests: live's quantile is not known yet".to_owned(),
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
            CheckKind::Ratio(spec) if spec.floor == spec.limit => spec
                .limit
                .map(|at| (at, format!("floor and limit {}", exact_percent(at))))
                .into_iter()
                .collect(),
            CheckKind::Ratio(spec) => {
                let floor = spec.floor.map(|at| (at, format!("floor {}", exact_percent(at))));
                let limit = spec.limit.map(|at| (at, format!("limit {}", exact_percent(at))));
                floor.into_iter().chain(limit).collect()
            }
            // The limit's share is of requests slower than its own time, not than the bound drawn here.
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
        let at_quantile = match &self.check.kind {
            CheckKind::Latency(spec) if spec.quantiles.len() > 1 => ", at the quantile that counts most",
            _ => "",
        };
        let mut marks = vec![self.decision(), Mark::threshold(1.0, "as live")];
        marks.extend(tolerances.into_iter().map(|(at, name)| Mark::threshold(at, name)));
        Chart {
            title: format!("{}: candidate against live, since judging began{at_quantile}", self.check.name),
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
        let high = 1.4 * top.max(harm).max(healthy);
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

/// An axis of shares, from 0 to above all lines; single ticks may lie beyond.
fn shares(label: &str, lines: &[Series], room: f64) -> Axis {
    let most = values(lines).max_by(f64::total_cmp).filter(|most| *most > 0.0);
    Axis::new(label, 0.0, most.map_or(0.01, |most| (most * room).min(1.1))).unit(Unit::Share)
}

/// An axis that holds all values of single ticks.
fn numbers(label: &str, bands: &[Series], room: f64) -> Axis {
    let least = values(bands).min_by(f64::total_cmp).unwrap_or(0.0);
    let most = values(bands).max_by(f64::total_cmp).unwrap_or(0.0);
    if most > least {
        let high = least + (most - least) * room;
        Axis::new(label, least, if high.is_finite() { high } else { most })
    } else {
        Axis::new(label, most - 1.0, most + 1.0)
    }
}

/// The finite heights of lines and bands.
fn values(series: &[Series]) -> impl Iterator<Item = f64> {
    let of = |series: &Series| -> Vec<f64> {
        match &series.shape {
            Shape::Line(points) | Shape::Points(points) | Shape::Steps(points) => {
                points.iter().map(|(_, y)| *y).collect()
            }
            Shape::Band(points) => points.iter().flat_map(|(_, low, high)| [*low, *high]).collect(),
        }
    };
    series.iter().flat_map(of).filter(|value| value.is_finite())
}
