//! Latency checks: the share of requests slower than live's own quantiles.
//!
//! For each quantile a bound x of the histogram is chosen that lies at live's quantile *in earlier ticks*, and then
//! "slower than x" is counted for both roles like bad events ([`RateTest`]). Because x is fixed before the tick, the
//! test stays valid even as x follows live through the day.
//!
//! A histogram has only its bounds. Where they are coarse, x may lie far beyond live's quantile, with hardly an event
//! slower than it; then one slow request in ten thousand would be an infinite ratio, and no ratio could ever be proved
//! near. So a share below half of what live has beyond the quantile itself does not matter, in either direction:
//! with fewer than ½(1−q) of its requests slower than x, the candidate's quantile lies within the same bucket or below.
//!
//! The limit counts requests slower than a fixed bound, for the candidate alone.

use crate::evidence::{Interval, count_to_float};
use crate::sample::{Gap, Reading, Timestamp};

use super::comparison::{Budget, Comparison, Effect, Evidence, Proof, more_health, weighing};
use super::learned::Learned;
use super::rate::{Counts, OwnRate, RateTest};
use super::reading::{self, Histogram};
use super::report::RoleReport;
use super::spec::{LatencySpec, QuantileSpec, SlowLimit};
use super::words;

/// Shares below this part of 1−q do not matter: see above.
const FLOOR_PART: f64 = 0.5;

/// One latency check under judgement.
#[derive(Clone, Debug)]
pub struct LatencyCheck {
    learned: Learned,
    quantiles: Vec<QuantileTest>,
    limit: Option<LimitTest>,
}

#[derive(Clone, Debug)]
struct QuantileTest {
    spec: QuantileSpec,
    /// x of the latest tick; absent while live's histogram is too thin.
    bound: Option<f64>,
    test: RateTest,
}

#[derive(Clone, Debug)]
struct LimitTest {
    spec: SlowLimit,
    /// The smallest bound at or above the one asked for.
    bound: Option<f64>,
    own: OwnRate,
    /// Only to be shown: the limit asks nothing of live.
    live: Counts,
    candidate: Counts,
}

/// The part of the check that a report is about.
enum Lead<'a> {
    Quantile(&'a QuantileTest),
    Limit(&'a LimitTest),
}

impl LatencyCheck {
    pub fn new(spec: LatencySpec) -> Self {
        let quantile = |spec: QuantileSpec| QuantileTest {
            test: RateTest::new(spec.tolerance, Some(FLOOR_PART * (1.0 - spec.quantile)), None),
            bound: None,
            spec,
        };
        let limit = |spec: SlowLimit| LimitTest {
            own: OwnRate::new(None, Some(spec.share)),
            bound: None,
            live: Counts::default(),
            candidate: Counts::default(),
            spec,
        };
        Self {
            learned: Learned::default(),
            quantiles: spec.quantiles.into_iter().map(quantile).collect(),
            limit: spec.limit.map(limit),
        }
    }

    /// In how many ways a check of these rules can convict.
    pub fn ways(spec: &LatencySpec) -> u32 {
        u32::try_from(spec.quantiles.len()).unwrap_or(u32::MAX - 1) + u32::from(spec.limit.is_some())
    }

    fn parts(&self) -> impl Iterator<Item = (Evidence, Lead<'_>)> {
        let quantiles = self.quantiles.iter().map(|q| (q.evidence(), Lead::Quantile(q)));
        quantiles.chain(self.limit.iter().map(|l| (l.evidence(), Lead::Limit(l))))
    }

    /// For harm the strongest part, otherwise the one that is hardest to satisfy; the first of equals.
    fn lead(&self, proof: Proof) -> Option<(Evidence, Lead<'_>)> {
        let rank = |e: &Evidence| match proof {
            Proof::Harm => -e.harm,
            Proof::Health | Proof::Neither => e.healthy,
        };
        self.parts().min_by(|a, b| rank(&a.0).total_cmp(&rank(&b.0)))
    }
}

impl QuantileTest {
    fn evidence(&self) -> Evidence {
        let strengths = self.test.strengths();
        Evidence { harm: strengths.harm(), healthy: strengths.healthy() }
    }

    fn judge(&mut self, learned: &Learned, live: Option<Histogram<'_>>, candidate: Option<Histogram<'_>>) {
        let usable = |bound: f64| live.is_none_or(|h| h.has(bound)) && candidate.is_none_or(|h| h.has(bound));
        self.bound = learned.bound_at(self.spec.quantile, self.spec.tolerance, usable);
        if let Some(bound) = self.bound {
            let slower = |h: Histogram<'_>| h.counts_slower(bound);
            self.test.add(live.and_then(slower), candidate.and_then(slower));
        }
    }

    fn facts(&self, alpha: f64) -> String {
        let name = &self.spec.name;
        match self.bound {
            Some(bound) => {
                let slower = format!(" slower than {bound} s");
                let tolerance = self.spec.tolerance;
                format!("{name}: {}", self.test.against_live(&slower, "share", tolerance, alpha))
            }
            None => format!("{name}: live's own {name} is not known yet"),
        }
    }
}

impl LimitTest {
    fn evidence(&self) -> Evidence {
        let (harm, healthy) = self.own.limit().unwrap_or((0.0, 0.0));
        Evidence { harm, healthy }
    }

    fn judge(&mut self, live: Option<Histogram<'_>>, candidate: Histogram<'_>) {
        let over = self.spec.over_s;
        self.bound = candidate.bounds.iter().copied().find(|b| *b >= over);
        let Some(bound) = self.bound else {
            return;
        };
        if let Some(counts) = candidate.counts_slower(bound) {
            self.candidate.add(counts);
            self.own.add(counts);
        }
        if let Some(counts) = live.and_then(|h| h.counts_slower(bound)) {
            self.live.add(counts);
        }
    }

    /// `2 s`, and which bound stands for it where the histogram has no such bound.
    fn name(&self) -> String {
        let over = self.spec.over_s;
        match self.bound {
            Some(bound) if bound > over => {
                format!("{bound} s (the histogram's next bound above {over} s)")
            }
            _ => format!("{over} s"),
        }
    }

    fn facts(&self, proof: Proof) -> String {
        let relation = match proof {
            Proof::Harm => "above",
            Proof::Health => "under",
            Proof::Neither => "against",
        };
        format!(
            "candidate {} slower than {}, {relation} the limit of {}",
            words::rate(self.candidate.bad, self.candidate.total),
            self.name(),
            words::exact_percent(self.spec.share)
        )
    }

    fn waiting_for(&self, budget: &Budget) -> String {
        if self.candidate.total == 0 {
            return format!(
                "the candidate's first events in a histogram with a bound at or above {} s",
                self.spec.over_s
            );
        }
        let what =
            format!("that under {} are slower than {}", words::exact_percent(self.spec.share), self.name());
        more_health(&what, self.evidence().healthy, budget)
    }
}

impl Comparison for LatencyCheck {
    fn events(&self, reading: &Reading) -> Result<u64, Gap> {
        reading::histogram(reading).map(|h| h.total())
    }

    fn mismatch(&self, live: &Reading, candidate: &Reading) -> Option<Gap> {
        let (live, candidate) = (reading::histogram(live).ok()?, reading::histogram(candidate).ok()?);
        let apart = live.bounds.iter().all(|b| !candidate.has(*b));
        apart.then(|| reading::malformed("the histograms of live and candidate share no bound".into()))
    }

    fn judge(&mut self, _at: Timestamp, live: Option<&Reading>, candidate: Option<&Reading>) {
        let live = live.and_then(|r| reading::histogram(r).ok());
        let candidate = candidate.and_then(|r| reading::histogram(r).ok());
        for quantile in &mut self.quantiles {
            quantile.judge(&self.learned, live, candidate);
        }
        if let (Some(limit), Some(candidate)) = (&mut self.limit, candidate) {
            limit.judge(live, candidate);
        }
    }

    fn learn(&mut self, live: &Reading) {
        if let Ok(histogram) = reading::histogram(live) {
            self.learned.add(histogram);
        }
    }

    fn evidence(&self) -> Evidence {
        let of = |proof| self.lead(proof).map_or(Evidence { harm: 0.0, healthy: 0.0 }, |l| l.0);
        Evidence { harm: of(Proof::Harm).harm, healthy: of(Proof::Health).healthy }
    }

    fn effect(&self, budget: &Budget) -> Effect {
        let proof = if self.convicts(budget) { Proof::Harm } else { Proof::Neither };
        match self.lead(proof) {
            Some((_, Lead::Quantile(quantile))) => quantile.test.effect(budget.false_revert),
            Some((_, Lead::Limit(limit))) => {
                Effect { live: limit.live.report(), candidate: limit.candidate.report(), ..nothing() }
            }
            None => nothing(),
        }
    }

    fn sentence(&self, proof: Proof, budget: &Budget) -> String {
        let Some((evidence, lead)) = self.lead(proof) else {
            return "nothing to compare: no quantile and no limit".into();
        };
        let facts = match lead {
            Lead::Quantile(quantile) => quantile.facts(budget.false_revert),
            Lead::Limit(limit) => limit.facts(proof),
        };
        format!("{facts}; {}", weighing(proof, evidence, budget))
    }

    fn waiting_for(&self, budget: &Budget) -> String {
        match self.lead(Proof::Neither) {
            Some((_, Lead::Limit(limit))) => limit.waiting_for(budget),
            Some((evidence, Lead::Quantile(quantile))) => {
                let name = &quantile.spec.name;
                let needed = Learned::events_needed(quantile.spec.quantile);
                if self.learned.events() < count_to_float(needed) {
                    return format!(
                        "live's own {name}: {} of {} events seen",
                        words::significant(self.learned.events().round(), 3),
                        words::count(needed)
                    );
                }
                if quantile.test.candidate().total == 0 {
                    return "the candidate's first events".into();
                }
                more_health(&format!("for health at {name}"), evidence.healthy, budget)
            }
            None => "a quantile or a limit in the rules".into(),
        }
    }
}

fn nothing() -> Effect {
    Effect {
        live: RoleReport::default(),
        candidate: RoleReport::default(),
        ratio: None,
        interval: Interval { low: None, high: None },
    }
}
