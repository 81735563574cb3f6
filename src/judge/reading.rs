//! What one reading says to one kind of check, or why it says nothing.
//!
//! [`Reading`]'s variants are open, so a reading that contradicts itself can be made; here it becomes a malformed gap,
//! never a panic and never a zero.

use crate::sample::{Gap, GapKind, Reading};

use super::rate::Counts;

/// Bad events of all events.
pub fn counts(reading: &Reading) -> Result<Counts, Gap> {
    match reading {
        Reading::Counts { bad, total } if bad <= total => Ok(Counts { bad: *bad, total: *total }),
        Reading::Counts { bad, total } => Err(malformed(format!("{bad} bad events of only {total}"))),
        Reading::Histogram { .. } | Reading::Value(_) | Reading::Gap(_) => Err(unfit(reading, "counts")),
    }
}

/// Events by size.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    /// Upper bounds, strictly rising.
    pub bounds: &'a [f64],
    /// One more than bounds.
    pub counts: &'a [u64],
}

impl Histogram<'_> {
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Events above `bound` as the bad ones of all; absent where it is not one of the bounds.
    pub fn counts_slower(&self, bound: f64) -> Option<Counts> {
        let i = self.position(bound)?;
        let slower = self.counts.iter().skip(i + 1);
        Some(Counts { bad: slower.fold(0, |sum, n| sum.saturating_add(*n)), total: self.total() })
    }

    pub fn has(&self, bound: f64) -> bool {
        self.position(bound).is_some()
    }

    fn position(&self, bound: f64) -> Option<usize> {
        self.bounds.binary_search_by(|probe| probe.total_cmp(&bound)).ok()
    }
}

/// A histogram with bounds that rise and a count for each bucket.
pub fn histogram(reading: &Reading) -> Result<Histogram<'_>, Gap> {
    match reading {
        Reading::Histogram { bounds, counts } => {
            let rising = bounds.windows(2).all(|w| w[0] < w[1]);
            if counts.len() == bounds.len() + 1 && rising && bounds.iter().all(|b| b.is_finite()) {
                Ok(Histogram { bounds, counts })
            } else {
                Err(malformed("a histogram whose bounds and counts do not fit".into()))
            }
        }
        Reading::Counts { .. } | Reading::Value(_) | Reading::Gap(_) => Err(unfit(reading, "a histogram")),
    }
}

/// One finite number.
pub fn value(reading: &Reading) -> Result<f64, Gap> {
    match reading {
        Reading::Value(x) if x.is_finite() => Ok(*x),
        Reading::Value(x) => Err(malformed(format!("{x} is not a finite number"))),
        Reading::Counts { .. } | Reading::Histogram { .. } | Reading::Gap(_) => {
            Err(unfit(reading, "a value"))
        }
    }
}

/// A gap keeps its reason; another kind of reading than the check works on is malformed.
fn unfit(reading: &Reading, wanted: &str) -> Gap {
    match reading {
        Reading::Gap(gap) => gap.clone(),
        Reading::Counts { .. } => malformed(format!("counts where {wanted} should be")),
        Reading::Histogram { .. } => malformed(format!("a histogram where {wanted} should be")),
        Reading::Value(_) => malformed(format!("a value where {wanted} should be")),
    }
}

pub fn malformed(detail: String) -> Gap {
    Gap { kind: GapKind::Malformed, detail }
}
