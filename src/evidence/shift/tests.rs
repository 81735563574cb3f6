//! Error rates, power and symmetry of the shift test.

use super::*;
use crate::evidence::noise::Noise;
use proptest::prelude::*;

/// The share of `runs` that ever alarm within 720 ticks at error 0.005, and the median tick of those that do.
fn alarms(runs: u64, phi: f64, shift: f64) -> (f64, usize) {
    let mut at = Vec::new();
    for seed in 0..runs {
        let mut noise = Noise::new(seed + 1);
        let mut table = ShiftTable::new([0.0]);
        let mut level = 0.0;
        for tick in 0..720 {
            level = phi * level + noise.student_t4();
            table.add(level * (1.0 - phi * phi).sqrt() + shift);
            if table.at(0.0).log_e_above() >= 200_f64.ln() {
                at.push(tick);
                break;
            }
        }
    }
    at.sort_unstable();
    let median = at.get(at.len() / 2).copied().unwrap_or(usize::MAX);
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let share = at.len() as f64 / runs as f64;
    (share, median)
}

#[test]
fn keeps_its_error_rate_and_finds_shifts() {
    // A nominal 0.5%. In units of Student's t with 4 degrees of freedom, so a shift of 1 is 0.7 standard deviations.
    for (phi, alarmed_max) in [(0.0, 0.005), (0.3, 0.01), (0.6, 0.01), (0.8, 0.02), (0.9, 0.03)] {
        let (alarmed, _) = alarms(200, phi, 0.0);
        assert!(alarmed <= alarmed_max, "φ {phi}: {alarmed}");
    }
    for (phi, shift, ticks_max) in
        [(0.0, 0.5, 180), (0.0, 1.0, 75), (0.0, 2.0, 40), (0.6, 1.0, 190), (0.8, 2.0, 160)]
    {
        let (found, median) = alarms(40, phi, shift);
        assert!(found > 0.95 && median <= ticks_max, "φ {phi}, shift {shift}: {found} at {median}");
    }
}

fn steady(values: impl IntoIterator<Item = f64>) -> ShiftTable {
    let mut table = ShiftTable::about(0.4, 4.0);
    for value in values {
        table.add(value);
    }
    table
}

#[test]
fn the_grid_of_centres_holds_null_and_margin() {
    let table = ShiftTable::about(0.4, 4.0);
    assert_eq!(table.centres.len(), 41);
    for centre in [0.0, 0.2, 0.4, -0.4] {
        assert!(table.centres.contains(&centre), "{centre}");
    }
    assert!((table.centres[40] - 4.0).abs() < 1e-12);
}

#[test]
fn one_wild_value_neither_convicts_nor_hides() {
    let mut noise = Noise::new(7);
    let shifted: Vec<f64> = (0..80).map(|_| noise.normal() + 1.5).collect();
    let mut spoilt = shifted.clone();
    spoilt[40] = -1e9;
    let (clean, spoilt) = (steady(shifted), steady(spoilt));
    let (clean, spoilt) = (clean.at(0.0).log_e_above(), spoilt.at(0.0).log_e_above());
    assert!(clean > 6.0 && spoilt > 200_f64.ln(), "{clean} {spoilt}");
    let wild = steady((0..40).map(|i| if i == 20 { 1e9 } else { 0.1 * f64::from(i % 3 - 1) }));
    assert!(wild.at(0.0).log_e_above() < 1.0);
}

#[test]
fn two_points_never_convict() {
    for (first, second) in [(1e9, 1e9), (5.0, 6.0), (1e-9, 1e9)] {
        assert!(steady([first, second]).at(0.0).log_e_above() <= 0.0);
    }
}

#[test]
fn a_steady_value_without_any_spread_is_evidence_and_stays_finite() {
    let table = steady([0.0; 40]);
    assert!(table.at(0.0).log_e_above().abs() < 1e-12, "zeros say nothing of 0");
    assert!(table.at(0.4).log_e_below() > 3.0, "but speak against the margin");
    let table = steady([0.4; 40]);
    assert!(table.at(0.0).log_e_above() > 5.0);
    assert!(table.at(0.0).log_e_above().is_finite());
}

#[test]
fn the_confidence_sequence_holds_the_centre() {
    assert_eq!(steady([]).confidence(0.01), Interval { low: None, high: None });
    let mut noise = Noise::new(3);
    let table = steady((0..400).map(|_| 0.2 * noise.normal() + 0.4));
    let Interval { low: Some(low), high: Some(high) } = table.confidence(0.01) else {
        panic!("bounded by now");
    };
    assert!(low < 0.4 && 0.4 < high && high - low <= 0.41, "{low} to {high}");
}

proptest! {
    #[test]
    fn turning_the_sign_turns_the_evidence(values in proptest::collection::vec(-1e3..1e3_f64, 0..60)) {
        let straight = steady(values.clone());
        let turned = steady(values.iter().map(|v| -v));
        for centre in [0.0, 0.4, -0.4] {
            let (a, b) = (straight.at(centre).log_e_above(), turned.at(-centre).log_e_below());
            prop_assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }

    #[test]
    fn always_finite(values in proptest::collection::vec(proptest::num::f64::NORMAL, 0..60)) {
        let table = steady(values);
        for bets in &table.bets {
            prop_assert!(bets.log_e_above().is_finite() && bets.log_e_below().is_finite());
        }
    }

    #[test]
    fn gaps_of_meaning_are_left_out(values in proptest::collection::vec(-1e3..1e3_f64, 0..60)) {
        let mut table = steady(values);
        let before = table.clone();
        table.add(f64::NAN);
        table.add(f64::INFINITY);
        prop_assert_eq!(before, table);
    }
}
