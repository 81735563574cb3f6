//! Evidence for harm that begins late.
//!
//! A table that has watched an hour of health stands at e^(−thousands) for harm and would need as long to come back.
//! So beside the whole table a recent one is kept that starts anew, at 1, whenever what it has seen speaks for health.
//! Each of its lives is an e-value of its own, and a weighted sum of e-values whose weights sum to at most 1 is an
//! e-value (the start may depend on the past, because it is decided before the next tick). The j-th life has the weight
//! 1/(j(j+1)), which sums to 1 however many there are: late harm costs a few nats more and is found in a few ticks.

use super::share::{Grid, Question, Share, ShareTable};

/// The share of the error budget that goes to harm that begins late; the whole table keeps the rest.
const LATE: f64 = 0.2;

/// A life that has come down to this log e-value has seen enough health.
const RENEW_AT: f64 = -3.0;

/// A recent table for one question.
#[derive(Clone, Debug)]
pub struct Renewal {
    fresh: ShareTable,
    recent: ShareTable,
    question: Question,
    lives: f64,
}

impl Renewal {
    /// Nothing seen.
    #[must_use]
    pub fn new(grid: Grid, question: impl FnOnce(&ShareTable) -> Question) -> Self {
        let fresh = ShareTable::new(grid);
        Self { recent: fresh.clone(), question: question(&fresh), fresh, lives: 1.0 }
    }

    /// Adds a tick, after a new start where the last tick called for one.
    pub fn add(&mut self, share: Share) {
        if self.recent.log_e(&self.question) <= RENEW_AT {
            self.recent.clone_from(&self.fresh);
            self.lives += 1.0;
        }
        self.recent.add(share);
    }

    /// The log e-value of the same question to `whole` and to this life together.
    #[must_use]
    pub fn log_e(&self, whole: &ShareTable) -> f64 {
        let whole = whole.log_e(&self.question) + (1.0 - LATE).ln();
        let weight = LATE / (self.lives * (self.lives + 1.0));
        let recent = self.recent.log_e(&self.question) + weight.ln();
        let top = whole.max(recent);
        // Before anything is seen the lives to come hold the missing weight, each at 1.
        let unborn = LATE / (self.lives + 1.0);
        top + ((whole - top).exp() + (recent - top).exp() + unborn * (-top).exp()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(ticks: &[(u64, u64)]) -> f64 {
        let margin = 0.25;
        let mut whole = ShareTable::new(Grid::rate([0.2]));
        let mut renewal = Renewal::new(Grid::rate([0.2]), |table| table.more(margin, margin));
        for &(k, n) in ticks {
            let share = Share::new(k, n, 1.0).unwrap();
            whole.add(share);
            renewal.add(share);
        }
        renewal.log_e(&whole)
    }

    #[test]
    fn starts_at_one_and_costs_little() {
        assert!(feed(&[]).abs() < 1e-12);
        let mut whole = ShareTable::new(Grid::rate([0.2]));
        (0..3).for_each(|_| whole.add(Share::new(9, 10, 1.0).unwrap()));
        let alone = whole.log_e(&whole.more(0.25, 0.25));
        assert!(feed(&[(9, 10); 3]) > alone - 0.25);
    }

    #[test]
    fn harm_after_an_hour_of_health_is_found_in_a_few_ticks() {
        let mut ticks = vec![(1, 400); 3_600];
        assert!(feed(&ticks) < 0.0);
        ticks.extend([(320, 400); 12]);
        assert!(feed(&ticks) > 5.3, "{}", feed(&ticks));
    }
}
