//! Harm that begins late: the share test with a change point.
//!
//! The plain e-value of [`super::share`] compares constant rates over the whole release. After an hour of good
//! behaviour a candidate that breaks would first have to use up that hour's evidence, tick by tick.
//! So beside it stands a second one, whose alternative is "like the null until some tick, and from there on like an
//! alternative": before every tick the change happens with a fixed small probability (Shiryaev's prior), and the
//! likelihood is averaged over when it happened.
//! That average is again one probability distribution for the data, so the quotient is an e-value as before, and so
//! is a weighted mean of the two.
//!
//! The null is widened as well: its own rate and burstiness may change once within the null, at the moment that suits
//! it best. Otherwise a single burst after a long calm, or a rate that rises but stays within its limit, would look
//! like the change to harm.

use super::share::{LN_E_MAX, Question, ShareTable};

/// Probability that harm begins with a given tick. At 1 in 1,000 the proof costs e^7 more than one that knew the
/// moment, which is one to three ticks of plain harm, and the prior still covers releases of some thousand ticks.
const ONSET: f64 = 0.001;

/// Numbers outside of this are brought back by a common factor, long before they could leave the range of a double.
const SCALE: (f64, f64) = (1e-100, 1e100);

/// One question of one [`ShareTable`], asked of every moment at which the answer may have changed.
/// A fixed number of floats; taking in a tick allocates nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct LateTest {
    question: Question,
    /// The weight of the whole alternative, and of the whole null.
    priors: (f64, f64),
    /// Prior × likelihood per alternative cell, with the change behind it; in the table's scale times e^`ln_scale`.
    changed: Vec<f64>,
    /// Likelihood per null cell, which holds since the moment that suits it best; before that, any null cell. Likewise.
    null: Vec<f64>,
    ln_scale: f64,
    /// e^−`ln_scale`: from the table's scale to this one.
    inward: f64,
    /// Prior × likelihood with the change still to come, in the table's scale.
    unchanged: f64,
    /// The prior alone of the change still to come.
    calm: f64,
    /// The largest likelihood of a null cell of the table, in the table's scale.
    null_of_table: f64,
}

impl LateTest {
    /// For a table that has seen nothing yet.
    #[must_use]
    pub fn new(question: Question, table: &ShareTable) -> Self {
        let rhos = question.rhos.min(table.grid().rhos().len());
        Self {
            priors: (table.prior(&question.alternative, rhos), table.prior(&question.null, rhos)),
            changed: vec![0.0; question.alternative.len() * rhos],
            null: vec![1.0; question.null.len() * rhos],
            ln_scale: 0.0,
            inward: 1.0,
            unchanged: 1.0,
            calm: 1.0,
            null_of_table: 1.0,
            question,
        }
    }

    /// Takes in the tick that `table` has just taken in; to be called once for each tick with trials.
    pub fn add(&mut self, table: &ShareTable) {
        let Question { alternative, null, rhos } = &self.question;
        let (step, lift) = table.latest();
        let onset = ONSET * self.unchanged * self.inward / self.priors.0;
        let width = alternative.len().max(1);
        for (changed, run) in self.changed.chunks_exact_mut(width).zip(table.grid().runs(alternative, *rhos))
        {
            let weights = &table.grid().weights()[run.clone()];
            for ((changed, step), weight) in changed.iter_mut().zip(&step[run]).zip(weights) {
                *changed = (*changed + onset * weight) * step;
            }
        }
        let before = self.null_of_table * self.inward;
        let width = null.len().max(1);
        for (cells, run) in self.null.chunks_exact_mut(width).zip(table.grid().runs(null, *rhos)) {
            for (cell, step) in cells.iter_mut().zip(&step[run]) {
                *cell = if *cell > before { *cell } else { before } * step;
            }
        }
        self.calm *= 1.0 - ONSET;
        self.null_of_table = table.max(null, *rhos);
        self.unchanged = self.calm * table.mean(null, *rhos, self.priors.1);
        self.rescale(lift);
    }

    /// Follows the table's scale, and keeps the own numbers in range.
    fn rescale(&mut self, lift: f64) {
        let top = self.changed.iter().chain(&self.null).copied().fold(0.0, f64::max);
        let away = top > 0.0 && !(SCALE.0..=SCALE.1).contains(&top);
        if away {
            let factor = 1.0 / top;
            self.changed.iter_mut().chain(&mut self.null).for_each(|value| *value *= factor);
        }
        if away || lift != 0.0 {
            self.ln_scale += lift + if away { top.ln() } else { 0.0 };
            self.inward = (-self.ln_scale).exp();
        }
    }

    /// ln E: 0 before the first tick, finite always.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        let null = self.null.iter().copied().fold(0.0, f64::max);
        let changed: f64 = self.changed.iter().sum();
        if self.priors.0 <= 0.0 || changed <= 0.0 && null <= 0.0 {
            return 0.0;
        }
        ((changed + self.unchanged * self.inward) / null).ln().clamp(-LN_E_MAX, LN_E_MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::evidence::count_to_float;
    use crate::evidence::kernel::Tally;
    use crate::evidence::share::{RHO, RHO_HARM, ShareGrid};

    #[derive(Clone)]
    struct Stream {
        table: ShareTable,
        question: Question,
        late: LateTest,
    }

    fn stream() -> Stream {
        let points = ShareGrid::spread(1.0 / 40.0, 60.0, 44).chain([1.0, 1.5]);
        let grid = ShareGrid::new(points, &RHO, |c, _| (-0.5 * (c.ln() / 2.0).powi(2)).exp());
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
