//! Golden values, error rates and invariances of the share test.

use super::*;
use crate::evidence::count_to_float;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    kappa: Vec<f64>,
    rho: Vec<f64>,
    null_multiplier: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    direction: String,
    ticks: Vec<(u64, u64, f64)>,
    log_e: Vec<f64>,
}

#[test]
fn matches_the_golden_series() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../fixtures/golden/share_test.json")).unwrap();
    assert_eq!(golden.cases.len(), 10);
    for case in &golden.cases {
        let greater = case.direction == "greater";
        let turn = |c: &f64| if greater { *c } else { 1.0 / c };
        let points = golden.kappa.iter().chain(&golden.null_multiplier).map(turn);
        let grid = Arc::new(ShareGrid::new(points, &golden.rho, |_, _| 1.0));
        let question = Question {
            alternative: if greater { grid.above(1.0) } else { grid.below(1.0) },
            null: if greater { grid.at_most(1.0) } else { grid.at_least(1.0) },
            rhos: golden.rho.len(),
        };
        assert_eq!(question.alternative.len(), golden.kappa.len());
        assert_eq!(question.null.len(), golden.null_multiplier.len());
        let mut table = ShareTable::new(grid);
        for (i, ((k, n, q), expected)) in case.ticks.iter().zip(&case.log_e).enumerate() {
            table.add(Tally::new(*k, *n, *q).unwrap());
            let found = table.log_e(&question);
            assert!(
                (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                "{}, tick {i}: {found} for {expected}",
                case.name
            );
        }
    }
}

/// A normal in ln c with standard deviation 2.
fn log_normal(c: f64, _rho: f64) -> f64 {
    (-0.5 * (c.ln() / 2.0).powi(2)).exp()
}

fn ratio_table() -> ShareTable {
    let points = ShareGrid::spread(1.0 / 40.0, 60.0, 44).chain([1.0, 1.5]);
    ShareTable::new(Arc::new(ShareGrid::new(points, &RHO, log_normal).at_even_odds()))
}

fn harm(table: &ShareTable) -> Question {
    Question { alternative: table.grid().at_least(1.5), null: table.grid().at_most(1.0), rhos: RHO_HARM }
}

#[test]
fn ranges_split_the_grid_at_a_point_exactly() {
    let table = ratio_table();
    let grid = table.grid();
    assert_eq!(grid.multiples().len(), 46);
    let count = grid.multiples().len();
    assert_eq!(grid.below(1.5).len() + grid.at_least(1.5).len(), count);
    assert_eq!(grid.at_most(1.5).len() + grid.above(1.5).len(), count);
    assert_eq!(grid.at_most(1.5).len(), grid.below(1.5).len() + 1);
}

#[test]
fn an_empty_question_says_nothing() {
    let mut table = ratio_table();
    table.add(Tally::new(3, 3, 0.5).unwrap());
    let question =
        Question { alternative: table.grid().at_least(1e6), null: table.grid().at_most(1.0), rhos: RHO_HARM };
    assert!(table.log_e(&question).abs() < f64::EPSILON);
}

#[test]
fn the_cached_path_is_the_same_function() {
    let (mut even, mut uneven) = (ratio_table(), ratio_table());
    for (k, n) in [(0, 40), (3, 200), (900, 1_000), (2, 9)] {
        even.add(Tally::with_odds(k, n, 1.0).unwrap());
        uneven.add(Tally::with_odds(k, n, 1.0 + 1e-15).unwrap());
    }
    for cell in 0..even.grid.cells() {
        let (a, b) = (even.ln_likelihood(cell), uneven.ln_likelihood(cell));
        assert!((a - b).abs() <= 1e-9 * a.abs().max(1.0));
    }
}

#[test]
fn the_confidence_sequence_narrows_about_the_truth() {
    // Three of every four bad events are the candidate's at even traffic: its rate is three times the live one.
    let mut table = ratio_table();
    assert_eq!(table.confidence(0.01), Interval { low: None, high: None });
    let mut width = f64::INFINITY;
    for _ in 0..5 {
        for _ in 0..40 {
            table.add(Tally::new(3, 4, 0.5).unwrap());
        }
        let Interval { low: Some(low), high: Some(high) } = table.confidence(0.01) else {
            panic!("the interval should be bounded by now");
        };
        assert!(low < 3.0 && 3.0 < high, "{low} to {high}");
        assert!(high - low < width);
        width = high - low;
    }
    assert!(width < 3.0, "{width}");
}

#[test]
fn interpolation_never_shortens_the_interval() {
    // The same data on a grid four times as fine: the coarse interval must hold the fine one.
    let coarse_points = ShareGrid::spread(0.025, 60.0, 45);
    let fine_points = ShareGrid::spread(0.025, 60.0, 177);
    let [mut coarse, mut fine] = [coarse_points.collect::<Vec<_>>(), fine_points.collect()]
        .map(|points| ShareTable::new(Arc::new(ShareGrid::new(points, &RHO, log_normal))));
    for i in 0..50 {
        let tally = Tally::new(2 + i % 3, 6, 0.4).unwrap();
        coarse.add(tally);
        fine.add(tally);
    }
    let (coarse, fine) = (coarse.confidence(0.01), fine.confidence(0.01));
    // The mean over the grid differs a little between the two, hence the slack.
    assert!(coarse.low.unwrap() <= fine.low.unwrap() * 1.01, "{coarse:?} {fine:?}");
    assert!(coarse.high.unwrap() >= fine.high.unwrap() * 0.99, "{coarse:?} {fine:?}");
}

proptest! {
    #[test]
    fn no_trials_change_nothing(k in 0..20_u64, more in 0..200_u64, q in 0.001..0.999_f64) {
        let mut table = ratio_table();
        table.add(Tally::new(k, k + more, q).unwrap());
        let before = table.clone();
        table.add(Tally::new(0, 0, q).unwrap());
        prop_assert_eq!(before, table);
    }

    #[test]
    fn always_finite(ticks in proptest::collection::vec((0..1_000_000_u64, 0..1_000_000_u64, 1e-9..1e9_f64), 1..20)) {
        let mut table = ratio_table();
        for (k, more, odds) in ticks {
            table.add(Tally::with_odds(k, k + more, odds).unwrap());
            let log_e = table.log_e(&harm(&table));
            prop_assert!(log_e.is_finite(), "{}", log_e);
        }
    }

    #[test]
    fn more_bad_of_the_candidate_is_more_evidence(n in 1..60_u64, k in 0..60_u64) {
        let k = k.min(n - 1);
        let (mut less, mut more) = (ratio_table(), ratio_table());
        less.add(Tally::new(k, n, 0.5).unwrap());
        more.add(Tally::new(k + 1, n, 0.5).unwrap());
        let question = harm(&less);
        prop_assert!(more.log_e(&question) >= less.log_e(&question) - 1e-9);
    }
}

#[test]
fn expectation_under_the_null_is_at_most_one() {
    // Exact, not simulated: every outcome of three ticks of four trials, weighted by its probability under the null.
    let table = ratio_table();
    let question = harm(&table);
    let (q, choose) = (0.3_f64, [1.0, 4.0, 6.0, 4.0, 1.0]);
    let mut expectation = 0.0;
    for (a, b, c) in (0..125).map(|i| (i / 25, i / 5 % 5, i % 5)) {
        let mut run = table.clone();
        let mut probability = 1.0;
        for k in [a, b, c] {
            let successes = u64::try_from(k).unwrap();
            run.add(Tally::new(successes, 4, q).unwrap());
            probability *= choose[usize::try_from(k).unwrap()]
                * q.powf(count_to_float(successes))
                * (1.0 - q).powf(count_to_float(4 - successes));
        }
        expectation += probability * run.log_e(&question).exp();
    }
    assert!(expectation <= 1.0, "{expectation}");
    assert!(expectation > 0.05, "the test must be able to say something: {expectation}");
}
