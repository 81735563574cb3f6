//! A replay as a picture: rates, ratio and evidence of each check over time, and the moment of decision.

use crate::judge::report::CheckReport;
use crate::judge::spec::{CheckKind, CheckSpec};
use crate::plot::{self, Axis, Chart, Ink, Mark, PlotError, Series, Unit};
use crate::replay::trace::Seen;
use crate::replay::{Decision, Output};

/// So many checks are drawn, the one that decided first.
const CHECKS_MAX: usize = 6;

const WIDTH_PX: u32 = 1_000;
const PANEL_PX: u32 = 230;

/// Evidence beyond e to this power is drawn at the edge: what decides lies far within.
const EVIDENCE_MAX: f64 = 20.0;

/// Draws three panels for each check.
pub fn svg(
    specs: &[CheckSpec],
    moments: &[Seen],
    last: &Output,
    decision: Decision,
) -> Result<String, PlotError> {
    let decisive = |spec: &&CheckSpec| last.check.as_deref() == Some(spec.name.as_str());
    let first = specs.iter().filter(decisive);
    let others = specs.iter().filter(|spec| !decisive(spec));
    let view = View::new(moments, last, decision);
    let charts: Vec<Chart> =
        first.chain(others).take(CHECKS_MAX).flat_map(|spec| view.panels(spec)).collect();
    let height = PANEL_PX.saturating_mul(u32::try_from(charts.len()).unwrap_or(1).max(1));
    plot::svg(&charts, WIDTH_PX, height)
}

/// What all panels share.
struct View<'a> {
    moments: &'a [Seen],
    start_ms: i64,
    span_s: f64,
    decided: Mark,
}

impl<'a> View<'a> {
    fn new(moments: &'a [Seen], last: &Output, decision: Decision) -> Self {
        let start_ms = moments.first().map_or(0, |seen| seen.at.ms());
        let end_ms = moments.last().map_or(0, |seen| seen.at.ms());
        let span_s = seconds(end_ms - start_ms).max(1.0);
        let words = match decision {
            Decision::Promote => "promote",
            Decision::Revert => "revert",
            Decision::Undecided => "undecided",
        };
        let check = last.check.as_deref().map(|check| format!(" by {check}")).unwrap_or_default();
        Self { moments, start_ms, span_s, decided: Mark::vertical(span_s, format!("{words}{check}")) }
    }

    fn panels(&self, spec: &CheckSpec) -> [Chart; 3] {
        [self.rates(spec), self.ratio(spec), self.evidence(spec)]
    }

    /// One number of a check over time; a gap where there is none.
    fn over_time(&self, name: &str, value: impl Fn(&CheckReport) -> Option<f64>) -> Vec<(f64, f64)> {
        let of = |seen: &Seen| seen.checks.iter().find(|check| check.name == name).and_then(&value);
        let at = |seen: &Seen| seconds(seen.at.ms() - self.start_ms);
        self.moments.iter().map(|seen| (at(seen), of(seen).unwrap_or(f64::NAN))).collect()
    }

    fn time(&self) -> Axis {
        Axis::new("time", 0.0, self.span_s * 1.08).unit(Unit::Seconds)
    }

    fn rates(&self, spec: &CheckSpec) -> Chart {
        let live = self.over_time(&spec.name, |check| check.live.rate);
        let candidate = self.over_time(&spec.name, |check| check.candidate.rate);
        let top = largest(live.iter().chain(&candidate)).max(1e-6) * 1.15;
        let (what, unit) = match spec.kind {
            CheckKind::Value(_) => ("median value", Unit::Number),
            CheckKind::Latency(_) => ("share slower, so far", Unit::Share),
            CheckKind::Ratio(_) => ("rate so far", Unit::Share),
        };
        Chart {
            title: format!("{}: {what}", spec.name),
            x: self.time(),
            y: Axis::new(what, 0.0, top).unit(unit),
            series: vec![
                Series::line("live", Ink::Blue, live),
                Series::line("candidate", Ink::Orange, candidate),
            ],
            marks: vec![self.decided.clone()],
        }
    }

    fn ratio(&self, spec: &CheckSpec) -> Chart {
        const LEAST: f64 = 0.1;
        const MOST: f64 = 100.0;
        let within = |value: f64| value.clamp(LEAST, MOST);
        let points = self.over_time(&spec.name, |check| check.ratio.map(within));
        let lows = self.over_time(&spec.name, |check| Some(check.ratio_low.map_or(LEAST, within)));
        let highs = self.over_time(&spec.name, |check| Some(check.ratio_high.map_or(MOST, within)));
        let band = lows.iter().zip(&highs).map(|((at, low), (_, high))| (*at, *low, *high)).collect();
        let tolerance = match &spec.kind {
            CheckKind::Ratio(ratio) => Some(ratio.tolerance),
            CheckKind::Value(value) => Some(value.tolerance),
            // One for each quantile; the report's own words name it.
            CheckKind::Latency(_) => None,
        };
        let tolerance = tolerance.map(|t| Mark::threshold(t, format!("tolerance {t}")));
        Chart {
            title: format!("{}: candidate over live, with its interval", spec.name),
            x: self.time(),
            y: Axis::new("times live", LEAST, MOST).unit(Unit::Factor).log(),
            series: vec![Series::band("interval", Ink::Sky, band), Series::line("ratio", Ink::Black, points)],
            marks: tolerance.into_iter().chain([self.decided.clone()]).collect(),
        }
    }

    fn evidence(&self, spec: &CheckSpec) -> Chart {
        let within = |value: f64| value.clamp(-EVIDENCE_MAX / 2.0, EVIDENCE_MAX);
        let harm = self.over_time(&spec.name, |check| Some(within(check.log_e_harm)));
        let health = self.over_time(&spec.name, |check| Some(within(check.log_e_healthy)));
        let last = self.moments.last().and_then(|seen| seen.checks.iter().find(|c| c.name == spec.name));
        let thresholds = last.into_iter().flat_map(|check| {
            [
                Mark::threshold(check.threshold_harm, "harm is proved"),
                Mark::threshold(check.threshold_healthy, "health is proved"),
            ]
        });
        Chart {
            title: format!("{}: evidence", spec.name),
            x: self.time(),
            y: Axis::new("ln E", -EVIDENCE_MAX / 2.0, EVIDENCE_MAX),
            series: vec![Series::line("harm", Ink::Red, harm), Series::line("health", Ink::Green, health)],
            marks: thresholds.chain([self.decided.clone()]).collect(),
        }
    }
}

fn largest<'p>(points: impl Iterator<Item = &'p (f64, f64)>) -> f64 {
    points.map(|(_, y)| *y).filter(|y| y.is_finite()).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a file stay far below 2^53")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
