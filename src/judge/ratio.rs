//! Bad events of all events: candidate against live, and the candidate's own rate against floor and limit.

use super::measure::{Charge, Measure, Measurement};
use super::numbers::{grouped, percent, significant};
use super::report::RoleReport;
use super::spec::RatioSpec;
use crate::evidence::renewal::Renewal;
use crate::evidence::share::{Grid, Share, ShareTable};
use crate::sample::{Pair, Reading, Timestamp};

/// Bad events and all events since judging began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub bad: u64,
    pub n: u64,
}

impl Tally {
    pub fn add(&mut self, bad: u64, n: u64) {
        self.bad = self.bad.saturating_add(bad);
        self.n = self.n.saturating_add(n);
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for reading")]
    pub fn rate(self) -> Option<f64> {
        (self.n > 0).then(|| self.bad as f64 / self.n as f64)
    }

    pub fn report(self) -> RoleReport {
        RoleReport { n: self.n, bad: self.bad, rate: self.rate() }
    }

    /// `5.1% (61 of 1,200)`.
    pub fn words(self) -> String {
        match self.rate() {
            Some(rate) => format!("{} ({} of {})", percent(rate), grouped(self.bad), grouped(self.n)),
            None => "nothing yet".to_owned(),
        }
    }
}

/// The comparison of one kind of bad event between the colours. Latency has one for each quantile.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    table: ShareTable,
    late: Renewal,
    tolerance: f64,
    pub live: Tally,
    pub candidate: Tally,
}

impl Comparison {
    pub fn new(tolerance: f64) -> Self {
        Self {
            table: ShareTable::new(Grid::ratio(tolerance)),
            late: Renewal::new(Grid::ratio(tolerance), |table| table.more(tolerance, 1.0)),
            tolerance,
            live: Tally::default(),
            candidate: Tally::default(),
        }
    }

    /// Takes a tick in; each side is (bad, all). A tick in which one side had no events tells the ratio nothing.
    pub fn add(&mut self, live: (u64, u64), candidate: (u64, u64)) {
        self.live.add(live.0, live.1);
        self.candidate.add(candidate.0, candidate.1);
        if live.1 == 0 || candidate.1 == 0 {
            return;
        }
        // Given the number of bad events of both, the candidate's share under "no difference" is its share of events.
        #[expect(clippy::cast_precision_loss, reason = "counts of one tick fit a double exactly")]
        let odds = candidate.1 as f64 / live.1 as f64;
        if let Ok(share) = Share::new(candidate.0, candidate.0.saturating_add(live.0), odds) {
            self.table.add(share);
            self.late.add(share);
        }
    }

    pub fn log_e_harm(&self) -> f64 {
        self.late.log_e(&self.table)
    }

    pub fn log_e_healthy(&self) -> f64 {
        self.table.log_e(&self.table.less(self.tolerance))
    }

    pub fn ratio(&self) -> Option<f64> {
        match (self.candidate.rate(), self.live.rate()) {
            (Some(candidate), Some(live)) if live > 0.0 => Some(candidate / live),
            _ => None,
        }
    }

    pub fn interval(&self, alpha: f64) -> Option<(f64, f64)> {
        self.table.interval(alpha)
    }

    /// `9.8 times the live rate (4.1 to 22 at 99%), tolerance 1.5`.
    pub fn ratio_words(&self, alpha: f64) -> String {
        let times = match self.ratio() {
            Some(ratio) => format!("{} times the live rate", significant(ratio)),
            None => "with nothing on the live side to compare with".to_owned(),
        };
        let interval = self.interval(alpha).map_or_else(String::new, |(low, high)| {
            format!(" ({} to {} at {})", significant(low), significant(high), percent(1.0 - alpha))
        });
        format!("{times}{interval}, tolerance {}", significant(self.tolerance))
    }

    pub fn words(&self) -> String {
        format!("candidate {} against live {}", self.candidate.words(), self.live.words())
    }
}

/// The candidate's own rate, against absolute margins.
#[derive(Clone, Debug)]
pub(super) struct OwnRate {
    table: ShareTable,
    /// One for each margin.
    late: Vec<(f64, Renewal)>,
    pub tally: Tally,
}

impl OwnRate {
    pub fn new(margins: &[f64]) -> Self {
        let grid = || Grid::rate(margins.iter().copied());
        let late = |margin: &f64| {
            let odds = odds(*margin);
            (*margin, Renewal::new(grid(), |table| table.more(odds, odds)))
        };
        Self {
            table: ShareTable::new(grid()),
            late: margins.iter().map(late).collect(),
            tally: Tally::default(),
        }
    }

    pub fn add(&mut self, bad: u64, n: u64) {
        self.tally.add(bad, n);
        if let Ok(share) = Share::new(bad, n, 1.0)
            && n > 0
        {
            self.table.add(share);
            self.late.iter_mut().for_each(|(_, late)| late.add(share));
        }
    }

    /// Against "the rate is at most `margin`", which must be one of those that it was made with.
    pub fn log_e_over(&self, margin: f64) -> f64 {
        let late = self.late.iter().find(|(of, _)| of.total_cmp(&margin).is_eq());
        late.map_or(0.0, |(_, late)| late.log_e(&self.table))
    }

    /// Against "the rate is at least `margin`".
    pub fn log_e_under(&self, margin: f64) -> f64 {
        self.table.log_e(&self.table.less(odds(margin)))
    }
}

/// A ratio check's evidence.
#[derive(Clone, Debug)]
pub(super) struct Ratio {
    spec: RatioSpec,
    comparison: Comparison,
    own: OwnRate,
}

impl Ratio {
    pub fn new(spec: RatioSpec) -> Self {
        Self {
            comparison: Comparison::new(spec.tolerance),
            own: OwnRate::new(&spec.floor.into_iter().chain(spec.limit).collect::<Vec<_>>()),
            spec,
        }
    }
}

impl Measurement for Ratio {
    fn observe(&mut self, pair: &Pair, _: Timestamp) {
        let counts = |reading: &Reading| match reading {
            Reading::Counts { bad, total } => (*bad, *total),
            _ => (0, 0),
        };
        let (live, candidate) = (counts(&pair.live), counts(&pair.candidate));
        self.comparison.add(live, candidate);
        self.own.add(candidate.0, candidate.1);
    }

    fn measure(&self, alpha: f64) -> Measure {
        let Self { spec, comparison, own } = self;
        // Both worse than live and worse than the floor: a minimum of e-values is one for "either null holds".
        let matters = spec.floor.map_or(f64::INFINITY, |floor| own.log_e_over(floor));
        let mut charges = vec![Charge {
            log_e: comparison.log_e_harm().min(matters),
            words: comparison.ratio_words(alpha),
            may_convict: true,
            certain: false,
            alone: false,
        }];
        charges.extend(spec.limit.map(|limit| Charge {
            log_e: own.log_e_over(limit),
            words: format!("over the limit of {}", percent(limit)),
            may_convict: true,
            certain: false,
            alone: false,
        }));
        let near = comparison.log_e_healthy();
        let rare = spec.floor.map(|floor| own.log_e_under(floor));
        let mut proofs = vec![rare.map_or(near, |rare| log_mean(near, rare))];
        proofs.extend(spec.limit.map(|limit| own.log_e_under(limit)));
        Measure {
            live: comparison.live.report(),
            candidate: comparison.candidate.report(),
            ratio: comparison.ratio(),
            interval: comparison.interval(alpha),
            charges,
            proofs,
            words: comparison.words(),
        }
    }

    fn convicts(&self, threshold: f64) -> bool {
        let Self { spec, comparison, own } = self;
        let over = |margin: Option<f64>| margin.map(|margin| own.log_e_over(margin));
        (comparison.log_e_harm() >= threshold && over(spec.floor).is_none_or(|log_e| log_e >= threshold))
            || over(spec.limit).is_some_and(|log_e| log_e >= threshold)
    }

    fn ways(&self) -> u32 {
        1 + u32::from(self.spec.limit.is_some())
    }
}

fn odds(share: f64) -> f64 {
    share / (1.0 - share)
}

/// The logarithm of the mean of two e-values, which is an e-value for "both nulls hold".
fn log_mean(a: f64, b: f64) -> f64 {
    let top = a.max(b);
    top + (0.5 + 0.5 * (-(a - b).abs()).exp()).ln()
}
