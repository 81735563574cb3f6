//! Puts charts down with the drawing library: title, legend, axes with ticks, series, marks.
//!
//! The legend stands in a row of its own between title and chart, where it can hide nothing.

use std::fmt::Display;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::path::{self, Pixel};
use super::scale::{Scale, index_to_float};
use super::{Chart, Ink, Mark, MarkLine, PlotError, Series, Shape};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What one chart is drawn from.
pub type Panel<'a> = (&'a Chart, Scale, Scale);

const TEXT_PX: u32 = 12;
const TITLE_PX: u32 = 15;
const INK_OF_TEXT: RGBColor = RGBColor(0x33, 0x33, 0x33);
const INK_OF_GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);

/// Rows of the head, in pixels from the chart's top.
const TITLE_Y: i32 = 6;
const LEGEND_Y: i32 = 34;
const LEGEND_ROW_PX: i32 = 18;
/// Below the last row of the legend.
const HEAD_PX: i32 = 14;
const LEFT_PX: i32 = 72;

/// A swatch of the legend, and the space after it and after its text.
const SWATCH_PX: i32 = 18;
const GAP_PX: i32 = 6;

/// A wider label is written on the left of its mark when the mark stands in the right half.
const MARK_ROW_PX: i32 = 14;

/// Charts below each other.
pub fn picture(panels: &[Panel<'_>], width: u32, height: u32) -> Result<String, PlotError> {
    let mut picture = String::new();
    {
        let root = SVGBackend::with_string(&mut picture, (width, height)).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        for (panel, area) in panels.iter().zip(root.split_evenly((panels.len(), 1))) {
            draw(panel, &area, &root)?;
        }
        root.present().map_err(failed)?;
    }
    Ok(picture)
}

fn failed(error: impl Display) -> PlotError {
    PlotError::Drawing(error.to_string())
}

fn draw((chart, x, y): &Panel<'_>, area: &Area<'_>, root: &Area<'_>) -> Result<(), PlotError> {
    let (_, body) = area.split_vertically(head(chart, area)?);
    let mut context = ChartBuilder::on(&body)
        .margin_left(8)
        .margin_right(18)
        .margin_bottom(4)
        .x_label_area_size(38)
        .y_label_area_size(LEFT_PX - 8)
        .build_cartesian_2d(x.clone(), y.clone())
        .map_err(failed)?;
    let (wide, high) = context.plotting_area().dim_in_pixel();
    context
        .configure_mesh()
        .bold_line_style(INK_OF_GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(INK_OF_TEXT)
        .label_style(text(TEXT_PX, HPos::Center, VPos::Center))
        .x_labels((wide / 70).max(2) as usize)
        .y_labels((high / 32).max(2) as usize)
        .x_desc(chart.x.label.as_str())
        .y_desc(chart.y.label.as_str())
        .draw()
        .map_err(failed)?;
    let area = context.plotting_area();
    let place = |x: f64, y: f64| area.map_coordinate(&(x, y));
    let is_band = |series: &&Series| matches!(series.shape, Shape::Band(_));
    let (bands, others): (Vec<_>, Vec<_>) = chart.series.iter().partition(is_band);
    for one in bands.into_iter().chain(others) {
        series(one, place, root)?;
    }
    let (columns, rows) = area.get_pixel_range();
    for (row, mark) in (0..).zip(&chart.marks) {
        let frame = Frame { left: columns.start, right: columns.end, top: rows.start, bottom: rows.end };
        draw_mark(mark, row, &frame, (x, y), place, root)?;
    }
    Ok(())
}

/// Writes title and legend; gives the height that they take.
fn head(chart: &Chart, area: &Area<'_>) -> Result<i32, PlotError> {
    let title = text(TITLE_PX, HPos::Left, VPos::Top);
    area.draw_text(&chart.title, &title, (LEFT_PX, TITLE_Y)).map_err(failed)?;
    let style = text(TEXT_PX, HPos::Left, VPos::Center);
    let right = i32::try_from(area.dim_in_pixel().0).unwrap_or(i32::MAX);
    let (mut left, mut row) = (LEFT_PX, LEGEND_Y);
    for series in chart.series.iter().filter(|series| !series.name.is_empty()) {
        let width = SWATCH_PX + GAP_PX + text_px(&series.name);
        if left > LEFT_PX && left + width > right {
            (left, row) = (LEFT_PX, row + LEGEND_ROW_PX);
        }
        swatch(series, (left, row), area)?;
        area.draw_text(&series.name, &style, (left + SWATCH_PX + GAP_PX, row)).map_err(failed)?;
        left += width + 2 * GAP_PX;
    }
    Ok(row + HEAD_PX)
}

fn swatch(series: &Series, (left, row): Pixel, area: &Area<'_>) -> Result<(), PlotError> {
    let (colour, right) = (colour(series.ink), left + SWATCH_PX);
    match series.shape {
        Shape::Line(_) | Shape::Steps(_) => area
            .draw(&PathElement::new(vec![(left, row), (right, row)], colour.stroke_width(2)))
            .map_err(failed),
        Shape::Points(_) => {
            area.draw(&Circle::new((left + SWATCH_PX / 2, row), 4, colour.filled())).map_err(failed)
        }
        Shape::Band(_) => {
            let corners = [(left, row - 5), (right, row + 5)];
            area.draw(&Rectangle::new(corners, colour.mix(0.25).filled())).map_err(failed)
        }
    }
}

fn series(series: &Series, place: impl Fn(f64, f64) -> Pixel, root: &Area<'_>) -> Result<(), PlotError> {
    let colour = colour(series.ink);
    match &series.shape {
        Shape::Line(points) => lines(path::runs(points, place), colour, root),
        Shape::Steps(points) => lines(path::stairs(points, place), colour, root),
        Shape::Points(points) => {
            let mut dots = path::dots(points, place).into_iter();
            dots.try_for_each(|at| root.draw(&Circle::new(at, 3, colour.filled()))).map_err(failed)
        }
        Shape::Band(points) => {
            let mut outlines = path::bands(points, place).into_iter();
            outlines
                .try_for_each(|outline| root.draw(&Polygon::new(outline, colour.mix(0.25))))
                .map_err(failed)
        }
    }
}

/// A run of one point would be invisible as a line, so it is a dot.
fn lines(runs: Vec<Vec<Pixel>>, colour: RGBColor, root: &Area<'_>) -> Result<(), PlotError> {
    for run in runs {
        match run.as_slice() {
            [only] => root.draw(&Circle::new(*only, 2, colour.filled())),
            _ => root.draw(&PathElement::new(run, colour.stroke_width(2))),
        }
        .map_err(failed)?;
    }
    Ok(())
}

/// The inside of the axes, in pixels.
struct Frame {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

/// Labels of upright marks stand one row lower each, so that marks near each other can be read.
fn draw_mark(
    mark: &Mark,
    row: i32,
    frame: &Frame,
    (x, y): (&Scale, &Scale),
    place: impl Fn(f64, f64) -> Pixel,
    root: &Area<'_>,
) -> Result<(), PlotError> {
    let (ends, label_at, side) = match mark.line {
        MarkLine::Vertical(at) if at.is_finite() => {
            let column = place(at, y.range().start).0;
            let label_y = frame.top + 8 + row * MARK_ROW_PX % (frame.bottom - frame.top - 8).max(1);
            let (label_x, side) =
                if x.part(at) > 0.5 { (column - 5, HPos::Right) } else { (column + 5, HPos::Left) };
            ([(column, frame.top), (column, frame.bottom)], (label_x, label_y), side)
        }
        MarkLine::Horizontal(at) if at.is_finite() => {
            let line = place(x.range().start, at).1;
            // Above the line, or below it where there is no room above.
            let label_y = if line - frame.top > 12 { line - 8 } else { line + 8 };
            ([(frame.left, line), (frame.right, line)], (frame.right - 4, label_y), HPos::Right)
        }
        MarkLine::Vertical(_) | MarkLine::Horizontal(_) => return Ok(()),
    };
    let dashes = DashedPathElement::new(ends.to_vec(), 6, 4, INK_OF_TEXT.stroke_width(1));
    root.draw(&dashes).map_err(failed)?;
    root.draw_text(&mark.label, &text(TEXT_PX, side, VPos::Center), label_at).map_err(failed)
}

fn text(px: u32, side: HPos, height: VPos) -> TextStyle<'static> {
    ("sans-serif", px).into_font().color(&INK_OF_TEXT).pos(Pos::new(side, height))
}

/// About how wide a text of the legend is: no font is at hand, and sans-serif letters are a good half as wide as high.
fn text_px(text: &str) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "a name of a series")]
    let px = (index_to_float(text.chars().count()) * f64::from(TEXT_PX) * 0.54).round() as i32;
    px
}

/// Okabe and Ito, "Color Universal Design", 2008.
fn colour(ink: Ink) -> RGBColor {
    match ink {
        Ink::Blue => RGBColor(0x00, 0x72, 0xb2),
        Ink::Orange => RGBColor(0xe6, 0x9f, 0x00),
        Ink::Green => RGBColor(0x00, 0x9e, 0x73),
        Ink::Red => RGBColor(0xd5, 0x5e, 0x00),
        Ink::Purple => RGBColor(0xcc, 0x79, 0xa7),
        Ink::Sky => RGBColor(0x56, 0xb4, 0xe9),
        // Darker than theirs, which fades on white.
        Ink::Yellow => RGBColor(0xb8, 0xa9, 0x00),
        Ink::Grey => RGBColor(0x99, 0x99, 0x99),
        Ink::Black => RGBColor(0x00, 0x00, 0x00),
    }
}
