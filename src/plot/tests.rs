//! Pictures by their text: everything is there, where it belongs, and nothing breaks the markup.

use super::scale::{Scale, tick_text};
use super::*;

fn chart() -> Chart {
    Chart {
        title: "rates <of> \"checkout\" & co".into(),
        x: Axis::new("time", 0.0, 600.0).unit(Unit::Seconds),
        y: Axis::new("error rate", 0.000_1, 1.0).unit(Unit::Share).log(),
        series: vec![
            Series::line("live", Ink::Blue, vec![(0.0, 0.005), (600.0, 0.005)]),
            Series::steps("candidate", Ink::Orange, vec![(0.0, 0.01), (300.0, 0.1), (600.0, 0.2)]),
            Series::points("probes", Ink::Purple, vec![(10.0, 0.5)]),
            Series::band("interval", Ink::Orange, vec![(0.0, 0.001, 0.1), (600.0, 0.01, 0.5)]),
        ],
        marks: vec![Mark::vertical(85.0, "reverted at 85 s"), Mark::threshold(0.05, "limit <5%>")],
    }
}

fn ticks(axis: &Axis, most: usize) -> Vec<String> {
    use plotters::coord::ranged1d::Ranged;
    Scale::new(axis).unwrap().key_points(most).into_iter().map(|tick| tick_text(tick, axis.unit)).collect()
}

#[test]
fn everything_is_in_the_picture_and_escaped() {
    let picture = svg(&[chart()], 800, 300).unwrap();
    for text in [
        "rates &lt;of&gt; &quot;checkout&quot; &amp; co",
        "error rate",
        "time",
        "live",
        "candidate",
        "probes",
        "interval",
        "reverted at 85 s",
        "limit &lt;5%&gt;",
        "<polygon",
        "<polyline",
        "<circle",
        "sans-serif",
        "5m",
        "1%",
    ] {
        assert!(picture.contains(text), "{text} is not in\n{picture}");
    }
    assert_eq!(picture, svg(&[chart()], 800, 300).unwrap(), "the same chart gives the same picture");
}

#[test]
fn panels_are_stacked() {
    let other = Chart { title: "second".into(), ..chart() };
    let picture = svg(&[chart(), other], 800, 600).unwrap();
    let row_of = |title: &str| -> f64 {
        let text = &picture[..picture.find(title).unwrap()];
        let from = text.rfind(" y=\"").unwrap() + 4;
        text[from..].split('"').next().unwrap().parse().unwrap()
    };
    assert!(row_of("rates &lt;") < 50.0 && (300.0..350.0).contains(&row_of("second")));
}

#[test]
fn a_long_legend_takes_more_rows() {
    let mut many = chart();
    many.series =
        (0..12).map(|n| Series::line(format!("series number {n}"), Ink::nth(n), Vec::new())).collect();
    let picture = svg(&[many], 400, 400).unwrap();
    let widest = picture.split("<text x=\"").skip(1).filter(|text| text.contains("series number"));
    let starts: Vec<i32> = widest.map(|text| text.split('"').next().unwrap().parse().unwrap()).collect();
    assert_eq!(starts.len(), 12);
    assert!(starts.iter().all(|x| *x < 320), "{starts:?}");
}

#[test]
fn what_lies_beyond_an_axis_stays_in_the_picture() {
    let mut wild = chart();
    wild.marks =
        vec![Mark::vertical(f64::NAN, "never"), Mark::vertical(1e9, "late"), Mark::threshold(-1.0, "low")];
    wild.series = vec![
        Series::line(
            "a",
            Ink::Blue,
            vec![(-1e300, 0.0), (f64::NAN, 1.0), (1e300, -5.0), (10.0, f64::INFINITY)],
        ),
        Series::band("b", Ink::Red, vec![(0.0, f64::NEG_INFINITY, 1.0), (5.0, -1.0, 2.0)]),
        Series::points("", Ink::Red, Vec::new()),
    ];
    let picture = svg(&[wild], 400, 200).unwrap();
    assert!(!picture.contains("never") && picture.contains("late"));
    for number in picture.split("points=\"").skip(1).flat_map(|rest| {
        rest.split('"').next().unwrap_or_default().split([' ', ',']).filter(|part| !part.is_empty())
    }) {
        assert!((0.0..=400.0).contains(&number.parse::<f64>().unwrap()), "{number}");
    }
}

#[test]
fn a_wrong_axis_and_a_wrong_size_are_told() {
    let with = |low, high, log| {
        let mut chart = chart();
        chart.y = Axis { low, high, log, ..chart.y };
        svg(&[chart], 800, 300).unwrap_err().to_string()
    };
    for (message, expected) in [
        (with(0.0, f64::NAN, false), "not a finite number"),
        (with(1.0, 1.0, false), "must lie below"),
        (with(0.0, 1.0, true), "must begin above 0"),
    ] {
        assert!(message.contains("axis `error rate`") && message.contains(expected), "{message}");
    }
    for (panels, width, height) in
        [(0, 800, 300), (2, 800, 200), (1, 100, 300), (1, 800, 100_000), (33, 800, 8_000)]
    {
        let error = svg(&vec![chart(); panels], width, height).unwrap_err();
        assert_eq!(error, PlotError::Size { panels, width, height });
    }
}

#[test]
fn ticks_are_round_and_read_well() {
    let linear = |low, high, unit, most| ticks(&Axis::new("a", low, high).unit(unit), most);
    assert_eq!(linear(0.0, 1.0, Unit::Number, 6), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
    assert_eq!(linear(0.0, 0.03, Unit::Share, 4), ["0%", "1%", "2%", "3%"]);
    assert_eq!(linear(0.0, 3_600.0, Unit::Seconds, 7), ["0s", "10m", "20m", "30m", "40m", "50m", "1h"]);
    assert_eq!(linear(0.0, 86_400.0, Unit::Seconds, 5), ["0s", "6h", "12h", "18h", "1d"]);
    let log = |low, high, unit, most| ticks(&Axis::new("a", low, high).unit(unit).log(), most);
    assert_eq!(log(1.0, 20.0, Unit::Factor, 9), ["×1", "×2", "×5", "×10", "×20"]);
    assert_eq!(log(1e-4, 1.0, Unit::Share, 6), ["0.01%", "0.1%", "1%", "10%", "100%"]);
    assert_eq!(log(5.0, 7_200.0, Unit::Seconds, 20).last().map(String::as_str), Some("2h"));
    assert_eq!(tick_text(5_430.0, Unit::Seconds), "1h30m30s");
    assert!(log(1e-300, 1e300, Unit::Number, 10).len() <= 10);
}

#[test]
fn inks_repeat_only_after_eight() {
    let first: Vec<Ink> = (0..8).map(Ink::nth).collect();
    assert!((0..8).all(|i| first.iter().filter(|ink| **ink == first[i]).count() == 1));
    assert_eq!(Ink::nth(8), Ink::nth(0));
}
