//! Whether a check sees anything: blindness and silence, which are not harm and not health.
//!
//! *Blind*: the last measurement of a colour failed, or none has come for long. *Silent*: the candidate has traffic by
//! the router's word and live has events, but the candidate has none; with enough of live's traffic that is evidence
//! and not an absence of it: if each request goes to the candidate with probability w, then n requests of which it
//! saw none have probability (1−w)ⁿ.

use super::numbers::span;
use super::numbers::{count, e_value};
use super::spec::JudgeSpec;
use crate::sample::{Gap, GapKind, Pair, Reading, Timestamp, Weight};

/// What one check has seen lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Presence {
    /// When a pair that can be judged last came.
    last_seen: Option<Timestamp>,
    /// Since when it is blind, and by which gap.
    gap: Option<(Timestamp, &'static str, Gap)>,
    silence: Option<Silence>,
}

#[derive(Clone, Debug)]
struct Silence {
    since: Timestamp,
    live_events: u64,
    /// Log probability of the silence if the router does as it says.
    log_p: f64,
}

/// What a check's presence comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sight {
    /// It sees.
    Clear,
    /// It does not.
    Blind {
        /// For how long.
        for_ms: u64,
        /// Why: the gap's own words.
        why: String,
    },
    /// The candidate gives nothing while live does.
    Silent {
        /// For how long.
        for_ms: u64,
        /// Long enough, and unlikely enough by chance.
        proved: bool,
        /// Why, with numbers.
        why: String,
    },
}

impl Presence {
    /// Takes a tick's pair in. `traffic`: its events are the router's traffic (no probe, no value).
    pub fn observe(&mut self, pair: &Pair, at: Timestamp, weight: Weight, traffic: bool) {
        let silent = traffic && weight > Weight::NONE && weight < Weight::ALL && is_silent(pair);
        if silent {
            let n = pair.live.events();
            let silence = self.silence.get_or_insert(Silence { since: at, live_events: 0, log_p: 0.0 });
            silence.live_events = silence.live_events.saturating_add(n);
            #[expect(clippy::cast_precision_loss, reason = "a probability for a threshold")]
            let log_p = n as f64 * (-weight.share()).ln_1p();
            silence.log_p += log_p;
            return;
        }
        if pair.candidate.events() > 0 {
            self.silence = None;
        }
        self.note_gap(pair, at, weight);
    }

    fn note_gap(&mut self, pair: &Pair, at: Timestamp, weight: Weight) {
        // Without traffic live is not expected to be measurable.
        let live = (weight < Weight::ALL).then_some(("live", &pair.live));
        let sides = [Some(("candidate", &pair.candidate)), live];
        let mut waiting = false;
        for (role, reading) in sides.into_iter().flatten() {
            match reading {
                Reading::Gap(gap) if gap.kind == GapKind::NotYet => waiting = true,
                Reading::Gap(gap) => {
                    let since = self.gap.as_ref().map_or(at, |(since, ..)| *since);
                    self.gap = Some((since, role, gap.clone()));
                    return;
                }
                _ => {}
            }
        }
        if !waiting {
            self.gap = None;
            self.last_seen = Some(at);
        }
    }

    /// Where it stands at `at`; `begun` is when judging began.
    pub fn sight(&self, at: Timestamp, begun: Timestamp, spec: &JudgeSpec, threshold: f64) -> Sight {
        if let Some(silence) = &self.silence {
            let for_ms = at.ms_since(silence.since);
            return Sight::Silent {
                for_ms,
                proved: for_ms >= spec.silent_after_ms && -silence.log_p >= threshold,
                why: silence.words(for_ms, spec.silent_after_ms, threshold),
            };
        }
        if let Some((since, role, gap)) = &self.gap {
            let for_ms = at.ms_since(*since);
            return Sight::Blind { for_ms, why: format!("{role} not measured for {}: {gap}", span(for_ms)) };
        }
        let for_ms = at.ms_since(self.last_seen.unwrap_or(begun).max(begun));
        if for_ms > spec.blind_after_ms {
            return Sight::Blind { for_ms, why: format!("no measurement for {}", span(for_ms)) };
        }
        Sight::Clear
    }
}

impl Silence {
    fn words(&self, for_ms: u64, after_ms: u64, threshold: f64) -> String {
        format!(
            "candidate silent for {} of {}: none of its requests was recorded while live had {}; evidence {}, needed {}",
            span(for_ms),
            span(after_ms),
            count(self.live_events, "request"),
            e_value(-self.log_p),
            e_value(threshold)
        )
    }
}

/// Live has events and the candidate none. A source that failed says nothing about the candidate.
fn is_silent(pair: &Pair) -> bool {
    let nothing = match &pair.candidate {
        Reading::Gap(gap) => matches!(gap.kind, GapKind::NoData | GapKind::Stale),
        reading => reading.events() == 0,
    };
    nothing && pair.live.events() > 0
}
