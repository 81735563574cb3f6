//! What the judge is asked: the checks, their margins and the error budget, already validated.
//!
//! `rules` compiles these from the TOML; nothing here parses.

use serde::{Deserialize, Serialize};

/// Everything the judge needs to know, fixed for the life of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeSpec {
    /// Checks and probes, in the order of the rules.
    pub checks: Vec<CheckSpec>,
    /// Chance that a release no worse than live is reverted, over the whole release. In (0, 0.5].
    pub false_revert: f64,
    /// Chance that a check passes a release beyond the tolerance. In (0, 0.5].
    pub missed_harm: f64,
    /// After the candidate first gets traffic, this long is not judged.
    pub warmup_ms: u64,
    /// A check without samples for this long makes the release blind.
    pub blind_after_ms: u64,
    /// A candidate with traffic but without events for this long, while live has them, is silent.
    pub silent_after_ms: u64,
}

/// One named thing to compare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckSpec {
    /// Unique among checks and probes.
    pub name: String,
    /// Whether promotion needs it healthy. A check that is not critical can still convict.
    pub critical: bool,
    /// Synthetic: measured by the daemon itself, so its events are not the router's traffic (never `silent`).
    pub probe: bool,
    /// How it is compared.
    pub kind: CheckKind,
}

/// How a check compares the colours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Bad events of all events.
    Ratio(RatioSpec),
    /// The share of requests slower than the live colour's quantiles.
    Latency(LatencySpec),
    /// One number per colour and tick.
    Value(ValueSpec),
}

/// Bad events of all events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatioSpec {
    /// This many times the live rate or more is harm. Above 1.
    pub tolerance: f64,
    /// Rates below this do not matter. In (0, 1).
    pub floor: Option<f64>,
    /// Rates above this are harm, whatever live does. In (0, 1), not below `floor`.
    pub limit: Option<f64>,
}

/// Slowness by histogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencySpec {
    /// At least one, or a limit.
    pub quantiles: Vec<QuantileSpec>,
    /// An absolute ceiling.
    pub limit: Option<SlowLimit>,
}

/// One quantile of the live colour that the candidate is held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantileSpec {
    /// As written in the rules: `p99`.
    pub name: String,
    /// In (0, 1): 0.99.
    pub quantile: f64,
    /// The share of requests slower than this quantile may grow by less than this factor. Above 1.
    pub tolerance: f64,
}

/// At most `share` of requests slower than `over_s`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlowLimit {
    /// Seconds (or the histogram's own unit).
    pub over_s: f64,
    /// In (0, 1).
    pub share: f64,
}

/// A number that cannot be counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueSpec {
    /// The candidate's value may be less than this many times the live one. Above 1.
    pub tolerance: f64,
    /// Which way harm lies.
    pub direction: Direction,
    /// An absolute bound.
    pub limit: Option<ValueLimit>,
}

/// Which way harm lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is worse.
    Increase,
    /// Less is worse.
    Decrease,
    /// Any change is worse.
    Either,
}

/// Harm when the candidate stays beyond the bound for so long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueLimit {
    /// Where it lies.
    pub bound: Bound,
    /// How long it must stay there.
    pub for_ms: u64,
}

/// One side of a number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Harm above.
    Above(f64),
    /// Harm below.
    Below(f64),
}
