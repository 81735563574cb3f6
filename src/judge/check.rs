//! One check from its readings to its standing and its sentence.

use super::latency::Latency;
use super::measure::{Measure, Measurement};
use super::numbers::{e_value, span};
use super::presence::{Presence, Sight};
use super::ratio::Ratio;
use super::report::{CheckReport, Standing};
use super::spec::{CheckKind, CheckSpec, JudgeSpec};
use super::value::Value;
use crate::sample::{Pair, Timestamp, Weight};

/// An e-value of 1 comes out as a logarithm of so much at the most.
const ROUNDING: f64 = 1e-9;

/// Evidence of one check.
#[derive(Clone, Debug)]
enum Evidence {
    Ratio(Ratio),
    Latency(Latency),
    Value(Box<Value>),
}

impl Evidence {
    fn kind(&self) -> &dyn Measurement {
        match self {
            Self::Ratio(ratio) => ratio,
            Self::Latency(latency) => latency,
            Self::Value(value) => value.as_ref(),
        }
    }

    fn kind_mut(&mut self) -> &mut dyn Measurement {
        match self {
            Self::Ratio(ratio) => ratio,
            Self::Latency(latency) => latency,
            Self::Value(value) => value.as_mut(),
        }
    }
}

/// One check under way.
#[derive(Clone, Debug)]
pub(super) struct Check {
    spec: CheckSpec,
    evidence: Evidence,
    presence: Presence,
    /// The sentence that convicted. Harm stays.
    convicted: Option<String>,
}

/// The thresholds of a release, as logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thresholds {
    pub harm: f64,
    pub healthy: f64,
    pub alpha: f64,
}

/// A check's report with what the finding is made from.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub report: CheckReport,
    pub sight: Sight,
    /// The candidate had events and there is no evidence for harm.
    pub unharmed: bool,
}

impl Check {
    pub fn new(spec: CheckSpec) -> Self {
        let evidence = match spec.kind.clone() {
            CheckKind::Ratio(spec) => Evidence::Ratio(Ratio::new(spec)),
            CheckKind::Latency(spec) => Evidence::Latency(Latency::new(spec)),
            CheckKind::Value(spec) => Evidence::Value(Box::new(Value::new(spec))),
        };
        Self { spec, evidence, presence: Presence::default(), convicted: None }
    }

    pub fn name(&self) -> &str {
        &self.spec.name
    }

    pub fn ways(&self) -> u32 {
        self.evidence.kind().ways()
    }

    /// A tick before judging began: only what may be learnt of live.
    pub fn warm_up(&mut self, pair: &Pair) {
        if let Evidence::Latency(latency) = &mut self.evidence {
            latency.learn(&pair.live);
        }
    }

    pub fn observe(&mut self, pair: &Pair, at: Timestamp, weight: Weight, thresholds: Thresholds) {
        let traffic = !self.spec.probe && !matches!(self.spec.kind, CheckKind::Value(_));
        self.presence.observe(pair, at, weight, traffic);
        self.evidence.kind_mut().observe(pair, at);
        if self.convicted.is_none() && self.evidence.kind().convicts(thresholds.harm) {
            let measure = self.evidence.kind().measure(thresholds.alpha);
            self.convicted = Some(self.harm_words(&measure, thresholds));
        }
    }

    pub fn see(&self, at: Timestamp, begun: Timestamp, spec: &JudgeSpec, thresholds: Thresholds) -> Seen {
        let measure = self.evidence.kind().measure(thresholds.alpha);
        let sight = self.presence.sight(at, begun, spec, thresholds.harm);
        let log_e_harm = measure.strongest().map_or(0.0, |charge| charge.log_e);
        let log_e_healthy = measure.weakest();
        let standing = match (&self.convicted, &sight) {
            (Some(_), _) => Standing::Harmful,
            (None, Sight::Blind { .. } | Sight::Silent { .. }) => Standing::Blind,
            (None, Sight::Clear) if log_e_healthy >= thresholds.healthy => Standing::Healthy,
            (None, Sight::Clear) => Standing::Undecided,
        };
        let unharmed = measure.candidate.n > 0 && log_e_harm <= ROUNDING;
        let reason = self.reason(standing, &sight, &measure, thresholds);
        let waiting_for = Self::waiting_for(standing, &sight, log_e_healthy, thresholds);
        let (low, high) = measure.interval.unzip();
        let report = CheckReport {
            name: self.spec.name.clone(),
            standing,
            critical: self.spec.critical,
            reason,
            live: measure.live,
            candidate: measure.candidate,
            ratio: measure.ratio,
            ratio_low: low,
            ratio_high: high,
            log_e_harm,
            log_e_healthy,
            threshold_harm: thresholds.harm,
            threshold_healthy: thresholds.healthy,
            waiting_for,
        };
        Seen { report, sight, unharmed }
    }

    fn reason(&self, standing: Standing, sight: &Sight, measure: &Measure, thresholds: Thresholds) -> String {
        let name = &self.spec.name;
        if let Some(convicted) = &self.convicted {
            return convicted.clone();
        }
        if let Sight::Blind { why, .. } | Sight::Silent { why, .. } = sight {
            return format!("{name}: {why}");
        }
        let beside = measure.strongest().filter(|charge| !charge.alone);
        let charge = beside.map_or_else(String::new, |charge| format!(", {}", charge.words));
        let (harm, health) = (measure.strongest().map_or(0.0, |charge| charge.log_e), measure.weakest());
        let Thresholds { harm: harm_at, healthy: health_at, .. } = thresholds;
        let evidence = match standing {
            Standing::Healthy => {
                format!("healthy, evidence {}, needed {}", e_value(health), e_value(health_at))
            }
            _ => format!(
                "undecided, evidence for harm {} of {}, for health {} of {}",
                e_value(harm),
                e_value(harm_at),
                e_value(health),
                e_value(health_at)
            ),
        };
        format!("{name}: {}{charge}; {evidence}", measure.words)
    }

    fn harm_words(&self, measure: &Measure, thresholds: Thresholds) -> String {
        let Some(charge) = measure.strongest() else { return self.spec.name.clone() };
        let evidence = if charge.certain {
            "that is harm by its rule".to_owned()
        } else {
            format!("evidence for harm {}, needed {}", e_value(charge.log_e), e_value(thresholds.harm))
        };
        let words =
            if charge.alone { charge.words.clone() } else { format!("{}, {}", measure.words, charge.words) };
        format!("{}: {words}; {evidence}", self.spec.name)
    }

    fn waiting_for(
        standing: Standing,
        sight: &Sight,
        healthy: f64,
        thresholds: Thresholds,
    ) -> Option<String> {
        match (standing, sight) {
            (Standing::Harmful | Standing::Healthy, _) => None,
            (_, Sight::Silent { for_ms, .. }) => {
                Some(format!("a request on the candidate (silent for {})", span(*for_ms)))
            }
            (_, Sight::Blind { for_ms, .. }) => Some(format!("samples (none for {})", span(*for_ms))),
            _ => Some(format!("evidence for health {} of {}", e_value(healthy), e_value(thresholds.healthy))),
        }
    }
}
