//! One release before the real judge: every tick is observed and looked at.

use assize::judge::Judge;
use assize::judge::report::Finding;
use assize::judge::spec::{
    CheckKind, CheckSpec, Direction, JudgeSpec, LatencySpec, QuantileSpec, RatioSpec, ValueSpec,
};
use assize::sample::{Tick, Timestamp, Weight};

use super::lab::Rng;
use super::traffic::Stream;

/// What is promised throughout, unless a row says otherwise.
pub const FALSE_REVERT: f64 = 0.01;
pub const MISSED_HARM: f64 = 0.05;

/// An ordinary ratio check.
pub const TOLERANCE: f64 = 1.5;
pub const FLOOR: f64 = 0.001;
pub const LIMIT: f64 = 0.2;

/// How long the ordinary release lasts: an hour of seconds.
pub const HOUR: u32 = 3_600;

/// The weight of each tick.
pub type Schedule = fn(tick: u32, ticks: u32) -> f64;

/// A trial's terms.
#[derive(Clone, Debug)]
pub struct Trial {
    pub spec: JudgeSpec,
    pub ticks: u32,
    pub tick_ms: u32,
    pub weight: Schedule,
    pub until: Until,
}

/// When to stop looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At harm, or the end.
    Harm,
    /// At the first health, at harm, or the end.
    Health,
}

/// What came of it: the ticks, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub harmful: Option<u32>,
    pub healthy: Option<u32>,
}

impl Trial {
    pub fn new(checks: Vec<CheckSpec>, ticks: u32, weight: Schedule) -> Self {
        Self { spec: judge(checks), ticks, tick_ms: 1_000, weight, until: Until::Harm }
    }

    /// Runs it: one stream per check.
    pub fn run(&self, streams: &mut [Box<dyn Stream + '_>], random: &mut Rng) -> Outcome {
        let mut judge = Judge::new(self.spec.clone());
        let mut outcome = Outcome::default();
        for number in 1..=self.ticks {
            let share = (self.weight)(number, self.ticks);
            judge.observe(&Tick {
                at: Timestamp::from_ms(i64::from(number) * i64::from(self.tick_ms)),
                weight: Weight::from_percent(share * 100.0).unwrap(),
                pairs: streams.iter_mut().map(|stream| stream.next(share, random)).collect(),
            });
            match judge.assess().finding {
                Finding::Harmful { .. } => {
                    return Outcome { harmful: Some(number), ..outcome };
                }
                Finding::Healthy { .. } => {
                    outcome.healthy.get_or_insert(number);
                    if self.until == Until::Health {
                        return outcome;
                    }
                }
                // Silence is a finding of its own and no reversion on evidence; no stream here is ever silent.
                Finding::Undecided { .. } | Finding::Blind { .. } | Finding::Silent { .. } => {}
            }
        }
        outcome
    }
}

/// A judge without warm-up. Blindness and silence are far away: they are not what is measured.
pub fn judge(checks: Vec<CheckSpec>) -> JudgeSpec {
    JudgeSpec {
        checks,
        false_revert: FALSE_REVERT,
        missed_harm: MISSED_HARM,
        warmup_ms: 0,
        blind_after_ms: 3_600_000,
        silent_after_ms: 3_600_000,
    }
}

fn check(name: &str, kind: CheckKind) -> CheckSpec {
    CheckSpec { name: name.to_owned(), critical: true, probe: false, kind }
}

/// Floor 0.1%; `limit` where one is asked for.
pub fn ratio(name: &str, tolerance: f64, limit: Option<f64>) -> CheckSpec {
    check(name, CheckKind::Ratio(RatioSpec { tolerance, floor: Some(FLOOR), limit }))
}

/// The ordinary ratio check.
pub fn errors() -> Vec<CheckSpec> {
    vec![ratio("errors", TOLERANCE, Some(LIMIT))]
}

/// p50, p90 and p99 at once. The share beyond p50 cannot grow by much more than 1.2 where it is a half already.
pub fn latency(name: &str) -> CheckSpec {
    let quantile =
        |name: &str, quantile: f64, tolerance: f64| QuantileSpec { name: name.into(), quantile, tolerance };
    let quantiles = vec![quantile("p50", 0.5, 1.2), quantile("p90", 0.9, 1.5), quantile("p99", 0.99, 1.5)];
    check(name, CheckKind::Latency(LatencySpec { quantiles, limit: None }))
}

pub fn value(name: &str, tolerance: f64) -> CheckSpec {
    check(name, CheckKind::Value(ValueSpec { tolerance, direction: Direction::Increase, limit: None }))
}

pub fn half(_tick: u32, _ticks: u32) -> f64 {
    0.5
}

pub fn twentieth(_tick: u32, _ticks: u32) -> f64 {
    0.05
}

pub fn hundredth(_tick: u32, _ticks: u32) -> f64 {
    0.01
}

pub fn quarter(_tick: u32, _ticks: u32) -> f64 {
    0.25
}

/// 1, 5, 25 and 50 percent, a quarter of the time each.
pub fn steps(tick: u32, ticks: u32) -> f64 {
    match (tick - 1) * 4 / ticks.max(1) {
        0 => 0.01,
        1 => 0.05,
        2 => 0.25,
        _ => 0.5,
    }
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::super::traffic::{Model, Traffic};
    use super::*;
    use rand::SeedableRng;

    fn run(model: Model, until: Until) -> Outcome {
        let trial = Trial { until, ..Trial::new(errors(), 200, half) };
        let traffic = Traffic::new("errors", model);
        trial.run(&mut [Box::new(traffic)], &mut Rng::seed_from_u64(1))
    }

    #[test]
    fn harm_is_found_and_ends_the_trial() {
        let bad = run(Model { ratio: 20.0, ..Model::healthy(200.0, 0.01) }, Until::Harm);
        assert!(bad.harmful.is_some_and(|tick| tick < 20) && bad.healthy.is_none(), "{bad:?}");
    }

    #[test]
    fn health_is_found() {
        let good = run(Model::healthy(2_000.0, 0.02), Until::Health);
        assert!(good.healthy.is_some() && good.harmful.is_none(), "{good:?}");
    }

    #[test]
    fn the_weight_steps_up() {
        let weights: Vec<f64> = [1, 900, 901, 1_801, 2_701, 3_600].map(|tick| steps(tick, 3_600)).into();
        assert_eq!(weights, [0.01, 0.01, 0.05, 0.25, 0.5, 0.5]);
    }
}
