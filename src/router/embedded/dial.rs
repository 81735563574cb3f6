//! Which colour the next request goes to: by turns, not by chance.
//!
//! Turns are dealt in a fixed order that spreads each colour evenly. With a weight in whole percent every hundred turns
//! are split exactly, and any hundred in a row are off by one at most; other weights are exact over ten thousand.
//!
//! Strict alternation would be exact over shorter runs still, but it falls into step with traffic that has a rhythm
//! (page, image, page, image), and then the colours are compared on different requests. So a hundred turns go by
//! multiples of the golden ratio, and each hundred begins one step before the last one did, so that not even a rhythm
//! of a hundred keeps step.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::sample::Weight;

/// Nearest whole number to 100 times the golden ratio's fraction (0.618…) that shares no factor with 100, so that 100
/// steps visit every place once.
const GOLDEN: u64 = 61;

/// No weight was set since the start.
const UNSET: u32 = u32::MAX;

/// The split in force and the turn.
pub(super) struct Dial {
    /// Hundredths of a percent for the first colour, or [`UNSET`].
    first: AtomicU32,
    /// Serves while nothing is set: 0 or 1.
    live: usize,
    turn: AtomicU64,
}

impl Dial {
    /// All traffic goes to colour `live` (0 or 1) until a weight is set.
    pub(super) fn new(live: usize) -> Self {
        Self { first: AtomicU32::new(UNSET), live, turn: AtomicU64::new(0) }
    }

    /// What the first colour gets from the next request on.
    pub(super) fn set(&self, first: Weight) {
        self.first.store(first.basis_points().into(), Ordering::Relaxed);
    }

    /// What was last set.
    pub(super) fn first(&self) -> Option<Weight> {
        let first = u16::try_from(self.first.load(Ordering::Relaxed)).ok()?;
        Some(Weight::from_basis_points(first))
    }

    /// The colour (0 or 1) of the next request.
    pub(super) fn next(&self) -> usize {
        let Some(first) = self.first() else {
            return self.live;
        };
        let place = place(self.turn.fetch_add(1, Ordering::Relaxed));
        usize::from(place >= u64::from(first.basis_points()))
    }
}

/// A place from 0 to 9,999 for each turn: its hundreds visit 0 to 99 in every 100 turns, its rest in every 10,000.
fn place(turn: u64) -> u64 {
    let (hundred, turn) = (turn / 100 % 100, turn % 100);
    let coarse = (turn + 100 - hundred) * GOLDEN % 100;
    let fine = hundred * GOLDEN % 100;
    coarse * 100 + fine
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dealt(basis_points: u16, turns: usize) -> Vec<usize> {
        let dial = Dial::new(0);
        dial.set(Weight::from_basis_points(basis_points).rest());
        (0..turns).map(|_| dial.next()).collect()
    }

    #[test]
    fn every_hundred_is_split_exactly() {
        for percent in 0..=100_u16 {
            let dealt = dealt(percent * 100, 10_000);
            for hundred in dealt.chunks(100) {
                assert_eq!(hundred.iter().sum::<usize>(), usize::from(percent));
            }
            for window in dealt.windows(100) {
                assert!(window.iter().sum::<usize>().abs_diff(percent.into()) <= 1);
            }
        }
    }

    #[test]
    fn fractions_are_exact_over_ten_thousand_and_near_over_a_hundred() {
        for basis_points in [1, 50, 333, 3_333, 6_667, 9_999_u16] {
            let dealt = dealt(basis_points, 10_000);
            assert_eq!(dealt.iter().sum::<usize>(), usize::from(basis_points));
            for window in dealt.chunks(100) {
                let off = 100 * window.iter().sum::<usize>();
                assert!(off.abs_diff(basis_points.into()) < 100, "{basis_points}: {off}");
            }
        }
    }

    #[test]
    fn shorter_runs_are_off_by_three_at_most() {
        for percent in [1, 5, 10, 25, 33, 50, 75, 99_usize] {
            let dealt = dealt(u16::try_from(percent * 100).unwrap(), 10_000);
            for length in [1, 2, 3, 5, 8, 13, 20, 34, 50, 80] {
                for window in dealt.windows(length) {
                    let off = (100 * window.iter().sum::<usize>()).abs_diff(percent * length);
                    assert!(off <= 300, "{percent}% over {length}: off by {off} hundredths");
                }
            }
        }
    }

    #[test]
    fn no_beat_of_a_rhythm_is_favoured() {
        for percent in [5, 10, 25, 50_usize] {
            let dealt = dealt(u16::try_from(percent * 100).unwrap(), 10_000);
            for rhythm in [2, 3, 4, 5, 10, 20, 50, 100] {
                for beat in 0..rhythm {
                    let on_beat: Vec<usize> = dealt.iter().skip(beat).step_by(rhythm).copied().collect();
                    let off = (100 * on_beat.iter().sum::<usize>()).abs_diff(percent * on_beat.len());
                    assert!(off <= 300, "{percent}%, beat {beat} of {rhythm}: off by {off} hundredths");
                }
            }
        }
    }

    #[test]
    fn the_live_colour_gets_everything_until_a_weight_is_set() {
        let dial = Dial::new(1);
        assert_eq!((dial.first(), dial.next()), (None, 1));
        dial.set(Weight::ALL);
        assert_eq!((dial.first(), dial.next()), (Some(Weight::ALL), 0));
    }
}
