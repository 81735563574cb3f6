//! What the judge says: standings and effect sizes per check, and one finding for the release.

use serde::{Deserialize, Serialize};

/// Where a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Harm is proved. Latched: it stays.
    Harmful,
    /// No harm is proved, now.
    Healthy,
    /// Neither, so far.
    Undecided,
    /// Not seen: samples are missing or stale.
    Blind,
}

/// What one role did in one check since judging began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoleReport {
    /// Events (requests, probes) or, for a value check, ticks.
    pub n: u64,
    /// Bad or slow events. Zero for a value check.
    pub bad: u64,
    /// `bad / n`; for a value check the median value. Absent while `n` is 0.
    pub rate: Option<f64>,
}

/// One check of the report; the fields are a contract with users (`docs/verdict.schema.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// As in the rules.
    pub name: String,
    /// Where it stands.
    pub standing: Standing,
    /// Whether promotion needs it healthy.
    pub critical: bool,
    /// One sentence: rates, n, ratio with interval, tolerance, evidence against threshold.
    pub reason: String,
    /// The live colour.
    pub live: RoleReport,
    /// The candidate.
    pub candidate: RoleReport,
    /// Candidate's rate (share slower, value) over live's, point estimate. Absent without data.
    pub ratio: Option<f64>,
    /// Lower end of its confidence sequence at `false_revert`.
    pub ratio_low: Option<f64>,
    /// Upper end.
    pub ratio_high: Option<f64>,
    /// Log e-value for harm: the strongest way in which this check could convict.
    pub log_e_harm: f64,
    /// Log e-value for health: the weakest proof that is still asked for.
    pub log_e_healthy: f64,
    /// `log_e_harm` convicts here: ln(H / `false_revert`).
    pub threshold_harm: f64,
    /// `log_e_healthy` acquits here: ln(1 / `missed_harm`).
    pub threshold_healthy: f64,
    /// What an undecided or blind check waits for.
    pub waiting_for: Option<String>,
}

/// What the checks together say of the release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// A check convicted the candidate.
    Harmful {
        /// Which.
        check: String,
        /// Its sentence.
        reason: String,
    },
    /// The candidate has traffic and gave no samples for `silent_after` while live did.
    Silent {
        /// Which check saw it.
        check: String,
        /// One sentence.
        reason: String,
    },
    /// A critical check has had no samples for `blind_after`.
    Blind {
        /// Which.
        check: String,
        /// One sentence with the gap's own words.
        reason: String,
    },
    /// Every critical check is healthy now.
    Healthy {
        /// The check that was hardest to satisfy.
        check: String,
        /// One sentence.
        reason: String,
    },
    /// None of these.
    Undecided {
        /// What is waited for, one sentence.
        reason: String,
        /// No critical check is blind, every critical check has seen events of the candidate, and none has evidence
        /// for harm (log e above 0). A step, but never promotion, may rest on this.
        unharmed: bool,
    },
}

/// The judge's whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// What the checks together say.
    pub finding: Finding,
    /// Beside a finding of silence: a critical check that has been blind for `blind_after`, as its sentence. The two
    /// have policies of their own, and the stricter one counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also_blind: Option<String>,
    /// One report per check, in the order of the rules.
    pub checks: Vec<CheckReport>,
}
