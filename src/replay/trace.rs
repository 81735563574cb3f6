//! What a replay saw, thinned out for a picture: however long the file, a bounded number of moments.

use crate::judge::report::{Assessment, CheckReport};
use crate::sample::Timestamp;

/// So many moments are kept at most. When they are full every second one is dropped, and from then on only every second
/// one of those that come is kept.
pub const MOMENTS_MAX: usize = 2_000;

/// Moments of a replay, evenly thinned out; the last one is always the newest that was given.
#[derive(Clone, Debug)]
pub struct Trace {
    moments: Vec<Seen>,
    /// Each so-many-th tick is kept.
    every: u64,
    ticks: u64,
}

/// One moment: seconds since the first tick, and every check as it stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// In the order of the rules.
    pub checks: Vec<CheckReport>,
}

impl Default for Trace {
    fn default() -> Self {
        Self { moments: Vec::new(), every: 1, ticks: 0 }
    }
}

impl Trace {
    /// Counts a tick, and says whether it is one to be kept.
    pub fn wants_next(&mut self) -> bool {
        self.ticks += 1;
        (self.ticks - 1).is_multiple_of(self.every)
    }

    /// Keeps a moment.
    pub fn keep(&mut self, at: Timestamp, assessment: &Assessment) {
        if self.moments.len() >= MOMENTS_MAX {
            let mut index = 0;
            self.moments.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every *= 2;
        }
        self.moments.push(Seen { at, checks: assessment.checks.clone() });
    }

    /// In the order of time.
    #[must_use]
    pub fn moments(&self) -> &[Seen] {
        &self.moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::report::Finding;

    fn nothing() -> Assessment {
        let finding = Finding::Undecided { reason: String::new(), unharmed: false };
        Assessment { finding, also_blind: None, checks: Vec::new() }
    }

    #[test]
    fn a_long_replay_is_thinned_out_evenly() {
        for ticks in [1_i64, 1_999, 2_000, 2_001, 86_400] {
            let mut trace = Trace::default();
            for second in 0..ticks {
                if trace.wants_next() {
                    trace.keep(Timestamp::from_ms(second * 1_000), &nothing());
                }
            }
            let at: Vec<i64> = trace.moments().iter().map(|seen| seen.at.ms()).collect();
            assert!(at.len() <= MOMENTS_MAX && at.len() * 4 >= usize::try_from(ticks.min(4_000)).unwrap());
            assert_eq!(at.first(), Some(&0));
            let steps: Vec<i64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(
                steps.iter().all(|step| *step == steps[0]),
                "{ticks}: {:?}",
                &steps[..steps.len().min(9)]
            );
        }
    }
}
