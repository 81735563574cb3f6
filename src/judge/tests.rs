//! The judge as a whole: scripts of ticks and what it must say of them.

mod kinds;
mod promises;
mod trouble;

use super::Judge;
use super::report::{Assessment, CheckReport, Finding, Standing};
use super::spec::{CheckKind, CheckSpec, JudgeSpec, RatioSpec};
use crate::sample::{GapKind, Pair, Reading, Tick, Timestamp, Weight};

fn ratio(name: &str) -> CheckSpec {
    CheckSpec {
        name: name.into(),
        critical: true,
        probe: false,
        kind: CheckKind::Ratio(RatioSpec { tolerance: 1.5, floor: Some(0.001), limit: Some(0.2) }),
    }
}

fn spec(checks: Vec<CheckSpec>) -> JudgeSpec {
    JudgeSpec {
        checks,
        false_revert: 0.01,
        missed_harm: 0.05,
        warmup_ms: 0,
        blind_after_ms: 30_000,
        silent_after_ms: 20_000,
    }
}

/// A judge with a clock of one tick a second.
#[derive(Clone)]
struct Court {
    judge: Judge,
    second: i64,
    percent: f64,
}

impl Court {
    fn new(spec: JudgeSpec) -> Self {
        Self { judge: Judge::new(spec), second: 0, percent: 50.0 }
    }

    fn of(checks: Vec<CheckSpec>) -> Self {
        Self::new(spec(checks))
    }

    fn tick(&mut self, pairs: Vec<Pair>) {
        self.second += 1;
        self.judge.observe(&Tick {
            at: Timestamp::from_ms(self.second * 1_000),
            weight: Weight::from_percent(self.percent).unwrap(),
            pairs,
        });
    }

    /// `seconds` ticks of the same pair.
    fn see(&mut self, check: &str, live: &Reading, candidate: &Reading, seconds: usize) -> &mut Self {
        for _ in 0..seconds {
            self.tick(vec![pair(check, live.clone(), candidate.clone())]);
        }
        self
    }

    fn finding(&self) -> Finding {
        self.judge.assess().finding
    }

    fn report(&self, name: &str) -> CheckReport {
        let Assessment { checks, .. } = self.judge.assess();
        checks.into_iter().find(|c| c.name == name).unwrap()
    }

    fn standing(&self, name: &str) -> Standing {
        self.report(name).standing
    }
}

fn pair(check: &str, live: Reading, candidate: Reading) -> Pair {
    Pair { check: check.into(), live, candidate }
}

fn counts(bad: u64, total: u64) -> Reading {
    Reading::counts(bad, total).unwrap()
}

fn gap(kind: GapKind) -> Reading {
    Reading::gap(kind, "as asked")
}

fn is_unharmed(finding: &Finding) -> bool {
    matches!(finding, Finding::Undecided { unharmed: true, .. })
}
