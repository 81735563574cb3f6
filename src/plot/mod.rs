//! Charts as SVG: a few shapes that every report of this project draws with, on the crate `plotters`.
//!
//! A [`Chart`] is plain data: axes, series, marks. [`svg`] stacks charts in one picture, readable on white, with colours
//! that people with a colour deficiency tell apart (Okabe and Ito 2008), and text as text, so that it can be searched.
//! What lies beyond an axis is drawn at its end; a point that is no number leaves a gap.
//! `scale` says where a value lies and which ticks an axis has, `path` turns values into pixels, `draw` puts them down.
//!
//! ```
//! use assize::plot::{Axis, Chart, Ink, Mark, Series, Unit, svg};
//!
//! let chart = Chart {
//!     title: "error rate".into(),
//!     x: Axis::new("time", 0.0, 60.0).unit(Unit::Seconds),
//!     y: Axis::new("rate", 0.0, 0.02).unit(Unit::Share),
//!     series: vec![Series::line("candidate", Ink::Orange, vec![(0.0, 0.001), (60.0, 0.015)])],
//!     marks: vec![Mark::vertical(42.0, "reverted at 42 s"), Mark::threshold(0.01, "limit")],
//! };
//! let picture = svg(&[chart], 800, 300).unwrap();
//! assert!(picture.starts_with("<svg") && picture.contains("reverted at 42 s"));
//! ```

mod draw;
mod path;
mod scale;

use scale::Scale;

/// So many charts fit in one picture.
pub const PANELS_MAX: usize = 32;

/// Pixels of one chart, width and height, below which axes and text would fill it.
pub const PANEL_PX_MIN: (u32, u32) = (240, 140);

/// Pixels of a picture, each way.
pub const SIDE_PX_MAX: u32 = 16_384;

/// One pair of axes and what is drawn between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// Drawn in this order, bands below everything else.
    pub series: Vec<Series>,
    /// Drawn on top.
    pub marks: Vec<Mark>,
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What is measured, with its unit where `unit` does not say it.
    pub label: String,
    /// Left or lower end. Finite; above 0 where `log`.
    pub low: f64,
    /// Right or upper end. Finite, above `low`.
    pub high: f64,
    /// Equal factors are equally far apart.
    pub log: bool,
    /// How its ticks are chosen and written.
    pub unit: Unit,
}

/// How the ticks of an axis are chosen and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// `0.5`, `200`.
    #[default]
    Number,
    /// A share of 1, written in percent: `0.5%`.
    Share,
    /// Seconds, written as a duration: `30s`, `5m`, `1h30m`.
    Seconds,
    /// A factor: `×2`.
    Factor,
}

/// One thing measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// In the legend; an empty name is not listed.
    pub name: String,
    /// In which colour.
    pub ink: Ink,
    /// How it is drawn.
    pub shape: Shape,
}

/// How a series is drawn. Points are (x, y); x does not fall.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Points joined.
    Line(Vec<(f64, f64)>),
    /// Points alone.
    Points(Vec<(f64, f64)>),
    /// Each value holds until the next point.
    Steps(Vec<(f64, f64)>),
    /// From low to high at each x: (x, low, high).
    Band(Vec<(f64, f64, f64)>),
}

/// Colours that are told apart with any colour vision, and on white.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// For the live colour, by custom of this project.
    Blue,
    /// For the candidate, by custom of this project.
    Orange,
    /// For health.
    Green,
    /// For harm.
    Red,
    /// Another series.
    Purple,
    /// Another series.
    Sky,
    /// Another series; light.
    Yellow,
    /// For what only helps to read the others.
    Grey,
    /// Another series.
    Black,
}

impl Ink {
    /// For series that have no meaning of their own: by number, repeated after eight.
    #[must_use]
    pub const fn nth(n: usize) -> Self {
        match n % 8 {
            0 => Self::Blue,
            1 => Self::Orange,
            2 => Self::Green,
            3 => Self::Red,
            4 => Self::Purple,
            5 => Self::Sky,
            6 => Self::Yellow,
            _ => Self::Black,
        }
    }
}

/// A line across the chart with a word to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Which way it runs, and where.
    pub line: MarkLine,
    /// Beside it: "reverted at 85 s".
    pub label: String,
}

/// Which way a mark runs, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MarkLine {
    /// From bottom to top at this x: a moment.
    Vertical(f64),
    /// From left to right at this y: a threshold.
    Horizontal(f64),
}

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlotError {
    /// An axis without an inside.
    #[error("chart `{chart}`, axis `{axis}`: {why}")]
    Axis {
        /// Its title.
        chart: String,
        /// Its label.
        axis: String,
        /// What is wrong, and what would be right.
        why: &'static str,
    },
    /// Nothing to draw, or too much, or no room.
    #[error(
        "{panels} chart(s) do not fit {width} by {height} pixels: 1 to {PANELS_MAX} charts of at least {} by {}, at most {SIDE_PX_MAX} a side",
        PANEL_PX_MIN.0,
        PANEL_PX_MIN.1
    )]
    Size {
        /// Charts.
        panels: usize,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// The drawing library's own words.
    #[error("cannot draw: {0}")]
    Drawing(String),
}

/// Draws charts of equal height below each other, `width` by `height` pixels in all.
///
/// # Errors
/// When the charts do not fit, or an axis has no inside.
pub fn svg(panels: &[Chart], width: u32, height: u32) -> Result<String, PlotError> {
    let count = u32::try_from(panels.len()).unwrap_or(u32::MAX);
    let fits = (1..=PANELS_MAX).contains(&panels.len())
        && (PANEL_PX_MIN.0..=SIDE_PX_MAX).contains(&width)
        && (PANEL_PX_MIN.1.saturating_mul(count)..=SIDE_PX_MAX).contains(&height);
    if !fits {
        return Err(PlotError::Size { panels: panels.len(), width, height });
    }
    let scaled = panels.iter().map(|chart| Ok((chart, scale(chart, &chart.x)?, scale(chart, &chart.y)?)));
    draw::picture(&scaled.collect::<Result<Vec<_>, _>>()?, width, height)
}

fn scale(chart: &Chart, axis: &Axis) -> Result<Scale, PlotError> {
    Scale::new(axis).map_err(|why| PlotError::Axis {
        chart: chart.title.clone(),
        axis: axis.label.clone(),
        why,
    })
}

impl Axis {
    /// A linear axis of plain numbers.
    #[must_use]
    pub fn new(label: impl Into<String>, low: f64, high: f64) -> Self {
        Self { label: label.into(), low, high, log: false, unit: Unit::Number }
    }

    /// Equal factors equally far apart.
    #[must_use]
    pub fn log(self) -> Self {
        Self { log: true, ..self }
    }

    /// With ticks in this unit.
    #[must_use]
    pub fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }
}

impl Series {
    /// Points joined.
    #[must_use]
    pub fn line(name: impl Into<String>, ink: Ink, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), ink, shape: Shape::Line(points) }
    }

    /// Points alone.
    #[must_use]
    pub fn points(name: impl Into<String>, ink: Ink, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), ink, shape: Shape::Points(points) }
    }

    /// Each value holds until the next point.
    #[must_use]
    pub fn steps(name: impl Into<String>, ink: Ink, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), ink, shape: Shape::Steps(points) }
    }

    /// From low to high at each x.
    #[must_use]
    pub fn band(name: impl Into<String>, ink: Ink, points: Vec<(f64, f64, f64)>) -> Self {
        Self { name: name.into(), ink, shape: Shape::Band(points) }
    }
}

impl Mark {
    /// A moment.
    #[must_use]
    pub fn vertical(x: f64, label: impl Into<String>) -> Self {
        Self { line: MarkLine::Vertical(x), label: label.into() }
    }

    /// A value that something is held against.
    #[must_use]
    pub fn threshold(y: f64, label: impl Into<String>) -> Self {
        Self { line: MarkLine::Horizontal(y), label: label.into() }
    }
}

#[cfg(test)]
mod tests;
