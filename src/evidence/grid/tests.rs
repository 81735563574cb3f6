//! The fast paths give what the plain formula gives.

use super::*;
use crate::evidence::share::RHO;
use proptest::prelude::*;

/// Likelihoods of one tick at every cell, as logarithms.
fn logs(grid: &ShareGrid, tally: Tally) -> Vec<f64> {
    let (mut scratch, mut out) = (Scratch::new(grid), vec![0.0; grid.cells()]);
    match grid.likelihood(tally, &mut scratch, &mut out) {
        Likelihood::Plain => out.into_iter().map(f64::ln).collect(),
        Likelihood::Logs => out,
    }
}

fn agrees(grid: &ShareGrid, tally: Tally) -> Result<(), String> {
    let cells = grid.rhos.iter().flat_map(|rho| grid.multiples.iter().map(move |c| (*c, *rho)));
    for ((c, rho), found) in cells.zip(logs(grid, tally)) {
        let plain = log_kernel(tally.successes(), tally.trials(), tally.odds() * c, rho);
        // Sums over n trials lose some 10^−16 of n; beside the whole likelihood that is nothing.
        if (found - plain).abs() > 1e-9 * plain.abs().max(1.0) + 1e-15 * count_to_float(tally.trials()) {
            return Err(format!("{tally:?} at {c}, {rho}: {found} for {plain}"));
        }
    }
    Ok(())
}

fn grid() -> ShareGrid {
    ShareGrid::new(ShareGrid::spread(0.025, 60.0, 19), &RHO, |_, _| 1.0).at_even_odds()
}

#[test]
fn every_path_at_its_edges() {
    let grid = grid();
    for n in [1_u64, 15, 16, 17, 31, 32, 33, 64, 1_000, 100_000, 1_000_000, 50_000_000, 2_000_000_000] {
        for k in [0, 1, 9, 15, 16, 17, 30, n / 2, n.saturating_sub(17), n.saturating_sub(3), n] {
            for odds in [1.0, 0.999, 1e-6, 0.02, 30.0] {
                agrees(&grid, Tally::with_odds(k.min(n), n, odds).unwrap()).unwrap();
            }
        }
    }
}

proptest! {
    #[test]
    fn any_tick(k in 0..3_000_u64, more in 0..3_000_u64, ln_odds in -14.0..7.0_f64, even: bool) {
        let odds = if even { 1.0 } else { ln_odds.exp() };
        let tally = Tally::with_odds(k, k + more, odds).unwrap();
        prop_assert_eq!(agrees(&grid(), tally), Ok(()));
    }

    #[test]
    fn any_small_tick(k in 0..20_u64, more in 0..40_u64, ln_odds in -20.0..20.0_f64) {
        prop_assert_eq!(agrees(&grid(), Tally::with_odds(k, k + more, ln_odds.exp()).unwrap()), Ok(()));
    }
}
