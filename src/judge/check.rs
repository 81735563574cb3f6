//! One check: what it sees, what it has proved, and its report.

use crate::sample::{Pair, Timestamp, Weight};

use super::comparison::{Budget, Comparison, Proof};
use super::latency::LatencyCheck;
use super::ratio::RatioCheck;
use super::report::{CheckReport, Standing};
use super::sight::{Events, Limits, Look, Moment, Phase, Sight, View};
use super::spec::{CheckKind, CheckSpec};
use super::value::ValueCheck;
use super::words;

/// Log e-values are sums of rounded logarithms: what lies within this of 0 is no evidence.
const ROUNDING: f64 = 1e-9;

/// One check under judgement.
#[derive(Clone, Debug)]
pub struct Check {
    name: String,
    critical: bool,
    probe: bool,
    comparison: Kind,
    sight: Sight,
    conviction: Option<Conviction>,
}

/// Boxed, because the kinds differ much in size.
#[derive(Clone, Debug)]
enum Kind {
    Ratio(Box<RatioCheck>),
    Latency(Box<LatencyCheck>),
    Value(Box<ValueCheck>),
}

/// Harm, once proved: it stays.
#[derive(Clone, Debug)]
pub struct Conviction {
    pub at: Timestamp,
    pub sentence: String,
}

/// What a check contributes to the finding.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub report: CheckReport,
    pub view: View,
    /// Sees, has seen events of the candidate, and has no evidence for harm.
    pub unharmed: bool,
}

impl Check {
    pub fn new(spec: CheckSpec, limits: Limits) -> Self {
        Self {
            sight: Sight::new(limits, events(&spec)),
            comparison: match spec.kind {
                CheckKind::Ratio(spec) => Kind::Ratio(Box::new(RatioCheck::new(spec))),
                CheckKind::Latency(spec) => Kind::Latency(Box::new(LatencyCheck::new(spec))),
                CheckKind::Value(spec) => Kind::Value(Box::new(ValueCheck::new(spec))),
            },
            name: spec.name,
            critical: spec.critical,
            probe: spec.probe,
            conviction: None,
        }
    }

    /// In how many ways a check of these rules can convict by chance.
    pub fn ways(spec: &CheckSpec) -> u32 {
        match &spec.kind {
            CheckKind::Ratio(spec) => RatioCheck::ways(spec),
            CheckKind::Latency(spec) => LatencyCheck::ways(spec),
            CheckKind::Value(spec) => ValueCheck::ways(spec),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn critical(&self) -> bool {
        self.critical
    }

    pub fn conviction(&self) -> Option<&Conviction> {
        self.conviction.as_ref()
    }

    /// Nobody watched until `at`.
    pub fn resume(&mut self, at: Timestamp) {
        self.sight.resume(at);
    }

    /// Takes in one tick; `pair` is absent where this check was not asked.
    pub fn observe(&mut self, now: Moment, pair: Option<&Pair>, budget: &Budget) {
        let Some(pair) = pair else {
            self.sight.observe(now, None);
            return;
        };
        self.look(now, pair);
        // Once all traffic is the candidate's, live has none that could be compared; probes reach it all the same.
        let compared = self.probe || now.weight < Weight::ALL;
        let live = Some(&pair.live).filter(|_| compared);
        if self.judged(now) {
            self.comparison.get_mut().judge(now.at, live, Some(&pair.candidate));
            self.convict(now.at, budget);
        }
        if let Some(live) = live {
            self.comparison.get_mut().learn(live);
        }
    }

    /// Probes are judged from the first tick on, everything else while the candidate has traffic; nothing in warm-up.
    fn judged(&self, now: Moment) -> bool {
        match now.phase {
            Phase::BeforeTraffic => self.probe,
            Phase::WarmUp => false,
            Phase::Judging => self.probe || now.weight > Weight::NONE,
        }
    }

    fn look(&mut self, now: Moment, pair: &Pair) {
        let comparison = self.comparison.get();
        let live = comparison.events(&pair.live);
        let mut candidate = comparison.events(&pair.candidate);
        if let Some(gap) = comparison.mismatch(&pair.live, &pair.candidate) {
            candidate = Err(gap);
        }
        let look = Look { live: live.as_ref().copied(), candidate: candidate.as_ref().copied() };
        self.sight.observe(now, Some(look));
    }

    fn convict(&mut self, at: Timestamp, budget: &Budget) {
        let comparison = self.comparison.get();
        if self.conviction.is_none() && comparison.convicts(budget) {
            self.conviction = Some(Conviction { at, sentence: comparison.sentence(Proof::Harm, budget) });
        }
    }

    /// Where the check stands at `now`, the moment of the latest tick. `warming` says how long warm-up still lasts.
    pub fn outcome(&self, now: Moment, warming: Option<u64>, budget: &Budget) -> Outcome {
        let comparison = self.comparison.get();
        let view = self.sight.view(now.at);
        let evidence = comparison.evidence();
        let effect = comparison.effect(budget);
        let healthy = evidence.healthy >= budget.healthy;
        let standing = match (&self.conviction, &view, healthy) {
            (Some(_), ..) => Standing::Harmful,
            (None, View::Blind { .. } | View::Silent { .. }, _) => Standing::Blind,
            (None, View::Clear, true) => Standing::Healthy,
            (None, View::Clear, false) => Standing::Undecided,
        };
        let waiting = self.waiting_for(standing, &view, now, warming, budget);
        let unharmed = matches!(standing, Standing::Healthy | Standing::Undecided)
            && effect.candidate.n > 0
            && evidence.harm <= ROUNDING;
        let report = CheckReport {
            name: self.name.clone(),
            standing,
            critical: self.critical,
            reason: format!("{}: {}", self.name, self.sentence(standing, &view, waiting.as_deref(), budget)),
            live: effect.live,
            candidate: effect.candidate,
            ratio: effect.ratio,
            ratio_low: effect.interval.low,
            ratio_high: effect.interval.high,
            log_e_harm: evidence.harm,
            log_e_healthy: evidence.healthy,
            threshold_harm: budget.harm,
            threshold_healthy: budget.healthy,
            waiting_for: waiting,
        };
        Outcome { report, view, unharmed }
    }

    fn sentence(&self, standing: Standing, view: &View, waiting: Option<&str>, budget: &Budget) -> String {
        let comparison = self.comparison.get();
        match (standing, view, &self.conviction) {
            (Standing::Harmful, _, Some(conviction)) => conviction.sentence.clone(),
            (Standing::Blind, View::Silent { reason } | View::Blind { reason, .. }, _) => reason.clone(),
            (Standing::Healthy, ..) => comparison.sentence(Proof::Health, budget),
            _ if comparison.effect(budget).candidate.n == 0 => {
                format!("not judged yet, waiting for {}", waiting.unwrap_or("the first tick"))
            }
            _ => comparison.sentence(Proof::Neither, budget),
        }
    }

    fn waiting_for(
        &self,
        standing: Standing,
        view: &View,
        now: Moment,
        warming: Option<u64>,
        budget: &Budget,
    ) -> Option<String> {
        let traffic_missing = !self.probe && now.weight == Weight::NONE;
        match (standing, view) {
            (Standing::Harmful | Standing::Healthy, _) => None,
            (Standing::Blind, View::Blind { waiting_for, .. }) => Some(waiting_for.clone()),
            (Standing::Blind, _) => Some("the candidate's first events".into()),
            (Standing::Undecided, _) if traffic_missing => Some("traffic on the candidate".into()),
            (Standing::Undecided, _) => Some(match warming {
                Some(left_ms) => format!("the end of warm-up in {}", words::duration(left_ms)),
                None => self.comparison.get().waiting_for(budget),
            }),
        }
    }
}

impl Kind {
    fn get(&self) -> &dyn Comparison {
        match self {
            Self::Ratio(check) => check.as_ref(),
            Self::Latency(check) => check.as_ref(),
            Self::Value(check) => check.as_ref(),
        }
    }

    fn get_mut(&mut self) -> &mut dyn Comparison {
        match self {
            Self::Ratio(check) => check.as_mut(),
            Self::Latency(check) => check.as_mut(),
            Self::Value(check) => check.as_mut(),
        }
    }
}

fn events(spec: &CheckSpec) -> Events {
    match spec.kind {
        _ if spec.probe => Events::Probes,
        CheckKind::Value(_) => Events::Values,
        CheckKind::Ratio(_) | CheckKind::Latency(_) => Events::Traffic,
    }
}

/// The latest reading of a check in a tick: the last one listed.
pub fn pair_of<'a>(pairs: &'a [Pair], name: &str) -> Option<&'a Pair> {
    pairs.iter().rev().find(|pair| pair.check == name)
}
