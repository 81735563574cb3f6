//! Which effects the rate tests ask about, and how likely each is held beforehand.
//!
//! Weights never touch the promised error rates (any weights give an e-value); they decide which effects are found
//! soon. A proof costs −ln(weight near the true effect) more than one that knew it.
//! Chosen so that a candidate just at the tolerance is found as soon as one twice as bad, in terms of what is possible
//! for each; `docs/statistics.md` has the figures.

use crate::evidence::share::{RHO, ShareGrid};

/// Rate ratios as multiples of the tolerance, from the tolerance itself to what no live colour survives.
const HARM: [(f64, f64); 8] = [
    (1.0, 0.27),
    (1.2, 0.13),
    (1.5, 0.15),
    (2.0, 0.11),
    (3.2, 0.09),
    (6.0, 0.08),
    (13.0, 0.10),
    (40.0, 0.07),
];

/// Rate ratios of a healthy candidate: most are just like live.
const HEALTH: [(f64, f64); 7] = [
    (1.0 / 40.0, 0.04),
    (1.0 / 12.0, 0.06),
    (0.2, 0.07),
    (0.4, 0.10),
    (0.65, 0.14),
    (0.85, 0.16),
    (1.0, 0.33),
];

/// Half way, in logs, between live and the tolerance.
const BETWEEN: f64 = 0.10;

/// Own rates as multiples of a floor or a limit, by their odds; all alike.
const AROUND_MARGIN: [f64; 8] = [0.05, 0.25, 0.6, 1.0, 1.5, 3.0, 8.0, 30.0];

/// Errors that come one by one are the commonest kind; [`RHO`] says how they cluster otherwise.
const BURSTINESS: [f64; RHO.len()] = [0.66, 0.09, 0.08, 0.06, 0.11];

/// Two points closer than this, relatively, are one.
const SAME: f64 = 1e-9;

/// Rate ratios for a tolerance above 1; 1 and the tolerance are among them.
pub fn ratios(tolerance: f64) -> ShareGrid {
    let harm = HARM.map(|(factor, weight)| (tolerance * factor, weight));
    let between = [(tolerance.sqrt(), BETWEEN)];
    let points: Vec<(f64, f64)> = HEALTH.into_iter().chain(between).chain(harm).collect();
    grid(&points)
}

/// Own rates about the given margins, by their odds.
pub fn rates(margins: impl Iterator<Item = f64>) -> ShareGrid {
    let points: Vec<(f64, f64)> =
        margins.flat_map(|margin| AROUND_MARGIN.map(|factor| (margin * factor, 1.0))).collect();
    grid(&points).at_even_odds()
}

fn grid(points: &[(f64, f64)]) -> ShareGrid {
    let burstiness = |rho: f64| RHO.iter().zip(BURSTINESS).find(|(r, _)| **r >= rho).map_or(0.0, |(_, w)| w);
    let weight = |c: f64| {
        let here = points.iter().filter(|(point, _)| (point / c - 1.0).abs() <= SAME);
        here.map(|(_, weight)| weight).sum::<f64>()
    };
    ShareGrid::new(points.iter().map(|(c, _)| *c), &RHO, |c, rho| weight(c) * burstiness(rho))
}
