//! Harm that begins late: the share test with a change point.
//!
//! The plain e-value of [`super::share`] compares constant rates over the whole release. After an hour of good
//! behaviour a candidate that breaks would first have to use up that hour's evidence, tick by tick.
//! So beside it stands a second one, whose alternative is "like the null until some tick, and from there on like an
//! alternative": before every tick the change happens with a fixed small probability (Shiryaev's prior), and the
//! likelihood is averaged over when it happened.
//! That average is again one probability distribution for the data, so the quotient is an e-value as before, and so
//! is a weighted mean of the two ([`with_late`]).
//!
//! The null is widened as well: its own rate and burstiness may change once within the null, at the moment that suits
//! it best. Otherwise a single burst after a long calm, or a rate that rises but stays within its limit, would look
//! like the change to harm.

use serde::{Deserialize, Serialize};

use super::share::{Question, ShareTable};

/// Probability that harm begins with a given tick. At 1 in 1,000 the proof costs e^7 more than one that knew the
/// moment, which is one to three ticks of plain harm, and the prior still covers releases of some thousand ticks.
const ONSET: f64 = 0.001;

/// What late harm weighs beside harm from the start: the latter loses a tenth of its evidence (ln 0.9 = −0.1).
const LATE_WEIGHT: f64 = 0.1;

/// The weighted mean of the e-values for harm from the start and for late harm, all as logarithms.
#[must_use]
pub fn with_late(constant: f64, late: f64) -> f64 {
    ln_add((1.0 - LATE_WEIGHT).ln() + constant, LATE_WEIGHT.ln() + late)
}

/// One question of one [`ShareTable`], asked of every moment at which the answer may have changed.
/// A fixed number of floats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LateTest {
    question: Question,
    /// ln of prior × likelihood per alternative cell, with the change behind it.
    changed: Vec<f64>,
    /// ln of the likelihood of each alternative cell's share of the prior.
    prior: Vec<f64>,
    /// ln of prior × likelihood with the change still to come.
    unchanged: f64,
    /// Log-likelihood per null cell, which holds since the moment that suits it best; before that, any null cell.
    null: Vec<f64>,
}

impl LateTest {
    /// For a table that has seen nothing yet.
    #[must_use]
    pub fn new(question: Question, table: &ShareTable) -> Self {
        let prior = table.ln_prior(&question.alternative, question.rhos);
        let cells = question.null.len() * question.rhos;
        Self {
            changed: vec![f64::NEG_INFINITY; prior.len()],
            prior,
            unchanged: 0.0,
            null: vec![0.0; cells],
            question,
        }
    }

    /// Takes in the tick that `table` has just taken in; to be called once for each tick with trials.
    pub fn add(&mut self, table: &ShareTable) {
        let Question { alternative, null, rhos } = &self.question;
        let onset = ONSET.ln() + self.unchanged;
        let alternatives = table.rows(alternative.clone()).flat_map(|row| row.latest.iter().take(*rhos));
        for ((changed, prior), latest) in self.changed.iter_mut().zip(&self.prior).zip(alternatives) {
            *changed = ln_add(*changed, onset + prior) + latest;
        }
        let before = table
            .rows(null.clone())
            .flat_map(|row| row.before().take(*rhos))
            .fold(f64::NEG_INFINITY, f64::max);
        let steps = table.rows(null.clone()).flat_map(|row| row.latest.iter().take(*rhos));
        for (cell, latest) in self.null.iter_mut().zip(steps) {
            *cell = cell.max(before) + latest;
        }
        if let Some(mean) = table.log_mean(null.clone(), *rhos) {
            // The prior that the change is still to come, after as many ticks as the table has seen.
            self.unchanged = mean + (1.0 - ONSET).ln() * super::count_to_float(table.ticks());
        }
    }

    /// ln E: 0 before the first tick, finite always.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        let changed = self.changed.iter().copied().fold(f64::NEG_INFINITY, ln_add);
        let null = self.null.iter().copied().reduce(f64::max);
        match null {
            Some(null) if !self.changed.is_empty() => ln_add(changed, self.unchanged) - null,
            _ => 0.0,
        }
    }
}

/// ln(eᵃ + eᵇ), where `a` may be −∞.
fn ln_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::evidence::count_to_float;
    use crate::evidence::kernel::Tally;
    use crate::evidence::share::{RHO, RHO_HARM, ShareGrid, Weighting};

    #[derive(Clone)]
    struct Stream {
        table: ShareTable,
        question: Question,
        late: LateTest,
    }

    fn stream() -> Stream {
        let points = ShareGrid::spread(1.0 / 40.0, 60.0, 44).chain([1.0, 1.5]);
        let grid = ShareGrid::new(points, &RHO, Weighting::LogNormal(2.0));
        let question = Question { alternative: grid.at_least(1.5), null: grid.at_most(1.0), rhos: RHO_HARM };
        let table = ShareTable::new(Arc::new(grid));
        let late = LateTest::new(question.clone(), &table);
        Stream { table, question, late }
    }

    impl Stream {
        fn add(&mut self, k: u64, n: u64, times: usize) -> &mut Self {
            for _ in 0..times {
                self.table.add(Tally::new(k, n, 0.5).unwrap());
                self.late.add(&self.table);
            }
            self
        }
    }

    #[test]
    fn nothing_seen_is_no_evidence() {
        assert!(stream().late.log_e().abs() < f64::EPSILON);
        assert!(with_late(0.0, 0.0).abs() < 1e-12);
    }

    #[test]
    fn harm_after_a_long_calm_is_found_in_a_few_ticks() {
        let mut stream = stream();
        stream.add(2, 4, 1_000).add(60, 62, 8);
        assert!(stream.table.log_e(&stream.question) < 0.0, "the plain test still looks back");
        assert!(stream.late.log_e() > 8.0, "{}", stream.late.log_e());
    }

    #[test]
    fn one_burst_after_a_long_calm_is_not_harm() {
        let mut stream = stream();
        stream.add(2, 4, 1_000).add(60, 62, 1);
        assert!(stream.late.log_e() < 2.0, "{}", stream.late.log_e());
    }

    #[test]
    fn a_change_within_the_null_is_not_harm() {
        // The candidate was much better than live, and then is as good.
        let mut stream = stream();
        stream.add(1, 10, 300).add(5, 10, 300);
        assert!(stream.late.log_e() < 0.0, "{}", stream.late.log_e());
    }

    #[test]
    fn expectation_under_the_null_is_at_most_one() {
        // Exact: every outcome of three ticks of four trials, at the edge of the null and inside of it.
        let choose = [1.0, 4.0, 6.0, 4.0, 1.0];
        for share in [0.5_f64, 0.3] {
            let mut expectation = 0.0;
            for i in 0..125_u64 {
                let (mut run, mut probability) = (stream(), 1.0);
                for k in [i / 25, i / 5 % 5, i % 5] {
                    run.add(k, 4, 1);
                    probability *= choose[usize::try_from(k).unwrap()]
                        * share.powf(count_to_float(k))
                        * (1.0 - share).powf(count_to_float(4 - k));
                }
                expectation += probability * run.late.log_e().exp();
            }
            assert!(expectation <= 1.0 + 1e-9, "{share}: {expectation}");
        }
    }
}
