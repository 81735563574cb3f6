//! From values to pixels: gaps where a value is no number, and no more points than a picture can show.
//!
//! A day of ticks has far more points than a chart has columns. Within one column the first, lowest, highest and last
//! point draw the same picture as all of them, so that the size of a picture depends on its width and not on its data.

use std::collections::BTreeSet;

/// In pixels, from the upper left.
pub type Pixel = (i32, i32);

/// Runs of joined points; `place` maps a point of finite numbers.
pub fn runs(points: &[(f64, f64)], place: impl Fn(f64, f64) -> Pixel) -> Vec<Vec<Pixel>> {
    points
        .split(|(x, y)| !x.is_finite() || !y.is_finite())
        .filter(|run| !run.is_empty())
        .map(|run| reduced(run.iter().map(|(x, y)| place(*x, *y))))
        .collect()
}

/// As [`runs`], where each value holds until the next point of its run.
pub fn stairs(points: &[(f64, f64)], place: impl Fn(f64, f64) -> Pixel) -> Vec<Vec<Pixel>> {
    runs(points, place).into_iter().map(|run| corners(&run)).collect()
}

/// Outlines of the runs of a band, each ready to be filled.
pub fn bands(points: &[(f64, f64, f64)], place: impl Fn(f64, f64) -> Pixel) -> Vec<Vec<Pixel>> {
    points
        .split(|(x, low, high)| !x.is_finite() || !low.is_finite() || !high.is_finite())
        .filter(|run| !run.is_empty())
        .map(|run| {
            let mut outline = reduced(run.iter().map(|(x, _, high)| place(*x, *high)));
            outline.extend(reduced(run.iter().rev().map(|(x, low, _)| place(*x, *low))));
            outline
        })
        .collect()
}

/// Where there are points, each place once.
pub fn dots(points: &[(f64, f64)], place: impl Fn(f64, f64) -> Pixel) -> Vec<Pixel> {
    let finite = points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
    finite.map(|(x, y)| place(*x, *y)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The points of one column that are kept.
struct Column {
    first: Pixel,
    lowest: i32,
    highest: i32,
    last: Pixel,
}

impl Column {
    fn put_down(&self, path: &mut Vec<Pixel>) {
        let x = self.first.0;
        for point in [self.first, (x, self.lowest), (x, self.highest), self.last] {
            if path.last() != Some(&point) {
                path.push(point);
            }
        }
    }
}

fn reduced(points: impl Iterator<Item = Pixel>) -> Vec<Pixel> {
    let mut path = Vec::new();
    let mut column: Option<Column> = None;
    for point in points {
        match &mut column {
            Some(column) if column.first.0 == point.0 => {
                column.lowest = column.lowest.min(point.1);
                column.highest = column.highest.max(point.1);
                column.last = point;
            }
            _ => {
                if let Some(full) = &column {
                    full.put_down(&mut path);
                }
                column = Some(Column { first: point, lowest: point.1, highest: point.1, last: point });
            }
        }
    }
    if let Some(full) = &column {
        full.put_down(&mut path);
    }
    path
}

fn corners(run: &[Pixel]) -> Vec<Pixel> {
    let mut path = Vec::with_capacity(run.len() * 2);
    for point in run {
        if let Some((_, y)) = path.last().copied() {
            path.push((point.0, y));
        }
        path.push(*point);
    }
    path.dedup();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, reason = "small numbers of these tests")]
    fn whole(x: f64, y: f64) -> Pixel {
        (x as i32, y as i32)
    }

    #[test]
    fn what_is_no_number_is_a_gap() {
        let points = [(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 4.0)];
        assert_eq!(runs(&points, whole), [vec![(0, 1), (1, 2)], vec![(3, 4)]]);
        assert_eq!(runs(&[(f64::INFINITY, 0.0)], whole), [[]; 0]);
        assert_eq!(dots(&points, whole), [(0, 1), (1, 2), (3, 4)]);
        let band = [(0.0, 1.0, 3.0), (1.0, 2.0, 4.0), (2.0, f64::NAN, 1.0)];
        assert_eq!(bands(&band, whole), [[(0, 3), (1, 4), (1, 2), (0, 1)]]);
    }

    #[test]
    fn values_hold_until_the_next() {
        let points = [(0.0, 1.0), (5.0, 3.0), (9.0, 3.0)];
        assert_eq!(stairs(&points, whole), [[(0, 1), (5, 1), (5, 3), (9, 3)]]);
    }

    #[test]
    fn a_million_points_are_as_large_as_the_picture() {
        let points: Vec<(f64, f64)> =
            (0..1_000_000).map(|i| (f64::from(i) / 10_000.0, f64::from(i % 1_000))).collect();
        let [run] = runs(&points, whole).try_into().unwrap();
        assert!(run.len() <= 400, "{}", run.len());
        let (lowest, highest) = (run.iter().map(|p| p.1).min(), run.iter().map(|p| p.1).max());
        assert_eq!((lowest, highest), (Some(0), Some(999)), "no spike is lost");
    }
}
