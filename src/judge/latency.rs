//! Slowness by histogram: the share of requests slower than the live colour's own quantiles.
//!
//! For each quantile a bound of the histogram is chosen from the live colour's *earlier* ticks, and a request above it
//! is a bad event of the share test. The choice uses the past only, so the evidence stays valid while it moves. It is
//! the bound that a share of live requests nearest to the quantile's exceeded: histograms have few bounds.

use super::measure::{Charge, Measure, Measurement};
use super::numbers::{percent, significant};
use super::ratio::{Comparison, OwnRate};
use super::spec::{LatencySpec, QuantileSpec, SlowLimit};
use crate::sample::{Pair, Reading, Timestamp};

/// The live colour's past counts for less the older it is: half after about 350 ticks, so that the bound follows the day.
const REMEMBERED_PER_TICK: f64 = 0.998;

/// So many live requests must have been seen before a bound is chosen; a bad choice costs power, not validity.
const PAST_MIN: f64 = 20.0;

/// A latency check's evidence.
#[derive(Clone, Debug)]
pub(super) struct Latency {
    past: Past,
    quantiles: Vec<AtQuantile>,
    limit: Option<AtLimit>,
    /// Requests seen, for when no quantile is asked about.
    seen: (u64, u64),
}

#[derive(Clone, Debug)]
struct AtQuantile {
    spec: QuantileSpec,
    comparison: Comparison,
    bound: Option<f64>,
}

#[derive(Clone, Debug)]
struct AtLimit {
    spec: SlowLimit,
    own: OwnRate,
    /// The histogram's bound in force: the first at or above the limit's.
    bound: Option<f64>,
}

/// The live colour's histogram of earlier ticks.
#[derive(Clone, Debug, Default)]
struct Past {
    bounds: Vec<f64>,
    counts: Vec<f64>,
}

impl Past {
    #[expect(clippy::cast_precision_loss, reason = "counts of one tick fit a double exactly")]
    fn add(&mut self, bounds: &[f64], counts: &[u64]) {
        // Another set of bounds is another histogram: what was learnt of the old one does not carry over.
        if self.bounds != bounds {
            self.bounds = bounds.to_vec();
            self.counts = vec![0.0; counts.len()];
        }
        for (past, count) in self.counts.iter_mut().zip(counts) {
            *past = *past * REMEMBERED_PER_TICK + *count as f64;
        }
    }

    /// The bound that a share of the past nearest to `1 - quantile` exceeded, by ratio; the lower of two that are
    /// equal, which sees more. A bound that nothing exceeded has nothing to compare.
    fn bound_at(&self, quantile: f64) -> Option<f64> {
        let total: f64 = self.counts.iter().sum();
        if total < PAST_MIN {
            return None;
        }
        let mut above = total;
        let mut nearest: Option<(f64, f64)> = None;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            above -= count;
            // Half an event: less is what rounding leaves of none.
            if above < 0.5 {
                break;
            }
            let distance = (above / total / (1.0 - quantile)).ln().abs();
            if nearest.is_none_or(|(_, known)| distance < known) {
                nearest = Some((*bound, distance));
            }
        }
        nearest.map(|(bound, _)| bound).or_else(|| self.bounds.first().copied())
    }
}

/// (slower than the bound, all). A histogram without that bound cannot tell.
fn slower(bounds: &[f64], counts: &[u64], bound: f64) -> Option<(u64, u64)> {
    let index = bounds.iter().position(|b| (b - bound).abs() <= 1e-9 * bound.abs())?;
    Some((counts[index + 1..].iter().sum(), counts.iter().sum()))
}

impl Latency {
    pub fn new(spec: LatencySpec) -> Self {
        let at_quantile = |spec: QuantileSpec| AtQuantile {
            comparison: Comparison::new(spec.tolerance),
            bound: None,
            spec,
        };
        let at_limit = |spec: SlowLimit| AtLimit { own: OwnRate::new(&[spec.share]), bound: None, spec };
        Self {
            past: Past::default(),
            quantiles: spec.quantiles.into_iter().map(at_quantile).collect(),
            limit: spec.limit.map(at_limit),
            seen: (0, 0),
        }
    }

    /// Lets the live colour's past grow without judging: for the warm-up.
    pub fn learn(&mut self, live: &Reading) {
        if let Reading::Histogram { bounds, counts } = live {
            self.past.add(bounds, counts);
        }
    }
}

impl Measurement for Latency {
    fn observe(&mut self, pair: &Pair, _: Timestamp) {
        self.seen.0 = self.seen.0.saturating_add(pair.live.events());
        self.seen.1 = self.seen.1.saturating_add(pair.candidate.events());
        if let Reading::Histogram { bounds, counts } = &pair.candidate {
            if let Some(limit) = &mut self.limit {
                limit.observe(bounds, counts);
            }
            if let Reading::Histogram { bounds: live_bounds, counts: live_counts } = &pair.live {
                for at in &mut self.quantiles {
                    let Some(bound) = self.past.bound_at(at.spec.quantile) else { continue };
                    at.bound = Some(bound);
                    let live = slower(live_bounds, live_counts, bound);
                    if let (Some(live), Some(candidate)) = (live, slower(bounds, counts, bound)) {
                        at.comparison.add(live, candidate);
                    }
                }
            }
        }
        self.learn(&pair.live);
    }

    fn measure(&self, alpha: f64) -> Measure {
        let mut charges: Vec<Charge> = self.quantiles.iter().map(|at| at.charge(alpha)).collect();
        charges.extend(self.limit.as_ref().map(AtLimit::charge));
        let mut proofs: Vec<f64> = self.quantiles.iter().map(|at| at.comparison.log_e_healthy()).collect();
        proofs.extend(self.limit.as_ref().map(|limit| limit.own.log_e_under(limit.spec.share)));
        // The quantile with the strongest charge speaks for the check.
        let worst = (self.quantiles.iter())
            .max_by(|a, b| a.comparison.log_e_harm().total_cmp(&b.comparison.log_e_harm()));
        let (mut live, mut candidate) = worst.map_or_else(
            || {
                (
                    super::report::RoleReport::default(),
                    self.limit.as_ref().map(|l| l.own.tally.report()).unwrap_or_default(),
                )
            },
            |at| (at.comparison.live.report(), at.comparison.candidate.report()),
        );
        live.n = live.n.max(self.seen.0);
        candidate.n = candidate.n.max(self.seen.1);
        Measure {
            live,
            candidate,
            ratio: worst.and_then(|at| at.comparison.ratio()),
            interval: worst.and_then(|at| at.comparison.interval(alpha)),
            charges,
            proofs,
            words: worst.map_or_else(|| self.limit_words(), AtQuantile::words),
        }
    }

    fn convicts(&self, threshold: f64) -> bool {
        let over = |limit: &AtLimit| limit.own.log_e_over(limit.spec.share) >= threshold;
        self.quantiles.iter().any(|at| at.comparison.log_e_harm() >= threshold)
            || self.limit.as_ref().is_some_and(over)
    }

    fn ways(&self) -> u32 {
        u32::try_from(self.quantiles.len())
            .unwrap_or(u32::MAX)
            .saturating_add(u32::from(self.limit.is_some()))
    }
}

impl Latency {
    fn limit_words(&self) -> String {
        self.limit.as_ref().map_or_else(String::new, AtLimit::words)
    }
}

impl AtQuantile {
    fn words(&self) -> String {
        match self.bound {
            Some(bound) => format!(
                "slower than {} (live {}): {}",
                seconds(bound),
                self.spec.name,
                self.comparison.words()
            ),
            None => format!("the live colour's {} is not known yet", self.spec.name),
        }
    }

    fn charge(&self, alpha: f64) -> Charge {
        Charge {
            log_e: self.comparison.log_e_harm(),
            words: self.comparison.ratio_words(alpha),
            may_convict: true,
            certain: false,
            alone: false,
        }
    }
}

impl AtLimit {
    fn observe(&mut self, bounds: &[f64], counts: &[u64]) {
        // The next higher bound where the limit's own is none: slower than that is slower than the limit.
        let bound = bounds.iter().copied().find(|bound| *bound >= self.spec.over_s * (1.0 - 1e-9));
        self.bound = bound;
        let (bad, n) = bound
            .and_then(|bound| slower(bounds, counts, bound))
            // No bound that high: only what lies above all bounds can be slower.
            .unwrap_or_else(|| (counts.last().copied().unwrap_or(0), counts.iter().sum()));
        self.own.add(bad, n);
    }

    fn words(&self) -> String {
        format!(
            "candidate slower than {}: {}",
            seconds(self.bound.unwrap_or(self.spec.over_s)),
            self.own.tally.words()
        )
    }

    fn charge(&self) -> Charge {
        Charge {
            log_e: self.own.log_e_over(self.spec.share),
            words: format!("{}, over the limit of {}", self.words(), percent(self.spec.share)),
            may_convict: true,
            certain: false,
            alone: true,
        }
    }
}

/// `250ms`, `2s`.
fn seconds(s: f64) -> String {
    if s < 1.0 { format!("{}ms", significant(s * 1_000.0)) } else { format!("{}s", significant(s)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_lies_where_live_still_has_slow_requests() {
        let mut past = Past::default();
        assert_eq!(past.bound_at(0.9), None);
        past.add(&[0.1, 0.2, 0.5, 1.0], &[880, 0, 100, 20, 0]);
        assert_eq!(past.bound_at(0.5), Some(0.1), "the nearest there is");
        assert_eq!(past.bound_at(0.9), Some(0.1), "as good as 0.2, and sees more");
        assert_eq!(past.bound_at(0.99), Some(0.5));
        assert_eq!(past.bound_at(0.999), Some(0.5), "nothing is above 1.0");
        past.add(&[1.0, 2.0], &[100, 0, 0]);
        assert_eq!(past.bound_at(0.9), Some(1.0), "new bounds start anew");
    }
}
