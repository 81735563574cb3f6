//! What a check sees: nothing (blind), or nothing of the candidate where there should be something (silent).
//!
//! A source that fails, a candidate that says nothing and a candidate that does badly are different facts.
//!
//! *Blind*: the newest reading of the candidate, or of live while live has traffic, is a gap; or there has been no
//! reading at all for longer than `blind_after`. The next good pair ends it at once. "Not due yet" is no gap.
//!
//! *Silent*: the candidate has weight w, live has events and the candidate has none (zero events, or a source that
//! answers and knows nothing new of it) for `silent_after`, and so many events of live that chance does not explain
//! it: each of them would have been the candidate's with probability w, so the silence has probability (1−w)^n.
//! That must be as small as the threshold of harm asks of any proof, so low traffic is never taken for silence.
//! A source that fails says nothing about the candidate and never counts as silence; it stops the counting but
//! does not undo it, whereas one event of the candidate does.
//! Silence while warming up does not count. With all traffic on the candidate there is no live colour to hold it
//! against, and only blindness is left.

use crate::sample::{Gap, GapKind, Role, Timestamp, Weight};

use super::words;

/// Silence that chance explains with less than this probability is worth reporting while it builds up.
const NOTICEABLE: f64 = 0.05;

/// How far the release is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The candidate has had no traffic yet.
    BeforeTraffic,
    /// It has, but not for long enough.
    WarmUp,
    /// What is seen counts.
    Judging,
}

/// Times and probabilities, the same for every check.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub blind_after_ms: u64,
    pub silent_after_ms: u64,
    /// Log of the probability below which silence is no chance.
    pub ln_chance_max: f64,
}

/// Both roles of one check in one tick: how many events, or why not.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    pub live: Result<u64, &'a Gap>,
    pub candidate: Result<u64, &'a Gap>,
}

/// Where and when a tick was.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub at: Timestamp,
    pub weight: Weight,
    pub phase: Phase,
}

/// What one check has seen lately.
#[derive(Clone, Debug)]
pub struct Sight {
    limits: Limits,
    /// Its events do not come with the router's traffic.
    probe: bool,
    /// Since when there should be readings.
    expected_since: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    gap: Option<SeenGap>,
    silence: Option<Silence>,
}

#[derive(Clone, Debug)]
struct SeenGap {
    since: Timestamp,
    role: Role,
    gap: Gap,
}

#[derive(Clone, Debug)]
struct Silence {
    since: Timestamp,
    /// Log of the probability that chance made it.
    ln_chance: f64,
    live_events: u64,
}

/// What can be said of it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Nothing is in the way.
    Clear,
    /// The candidate is silent: proved and for long enough.
    Silent { reason: String },
    /// Nothing is seen. `long`: for `blind_after`.
    Blind { reason: String, waiting_for: String, long: bool },
}

impl Sight {
    pub fn new(limits: Limits, probe: bool) -> Self {
        Self { limits, probe, expected_since: None, last_seen: None, gap: None, silence: None }
    }

    /// Takes in one tick; `look` is absent where the check was not asked.
    pub fn observe(&mut self, now: Moment, look: Option<Look<'_>>) {
        if !self.probe && now.weight == Weight::NONE {
            // Without traffic there is nothing to see, and what was missed before is past.
            *self = Self::new(self.limits, self.probe);
            return;
        }
        self.expected_since.get_or_insert(now.at);
        if now.weight == Weight::ALL {
            self.silence = None;
        }
        if let Some(look) = look {
            self.notice_gap(now, look);
            if !self.probe {
                self.notice_silence(now, look);
            }
        }
    }

    fn notice_gap(&mut self, now: Moment, look: Look<'_>) {
        let compared = self.probe || now.weight < Weight::ALL;
        let candidate = (Role::Candidate, look.candidate);
        let live = (Role::Live, if compared { look.live } else { Ok(0) });
        // The candidate's gap is the one to tell of when both are missing.
        let roles = [candidate, live];
        let missing = roles.iter().find_map(|(role, seen)| match seen {
            Err(gap) if gap.kind != GapKind::NotYet => Some((*role, *gap)),
            _ => None,
        });
        if let Some((role, gap)) = missing {
            let since = self.gap.as_ref().map_or(now.at, |seen| seen.since);
            let gap = gap.clone();
            self.gap = Some(SeenGap { since, role, gap });
        } else if roles.iter().all(|(_, seen)| seen.is_ok()) {
            self.gap = None;
            self.last_seen = Some(now.at);
        }
    }

    fn notice_silence(&mut self, now: Moment, look: Look<'_>) {
        if now.phase != Phase::Judging || now.weight == Weight::ALL {
            return;
        }
        let candidate = match look.candidate {
            Ok(events) => events,
            Err(gap) if matches!(gap.kind, GapKind::NoData | GapKind::Stale) => 0,
            Err(_) => return,
        };
        if candidate > 0 {
            self.silence = None;
            return;
        }
        let Ok(live_events @ 1..) = look.live else {
            return;
        };
        let silence = self.silence.get_or_insert(Silence { since: now.at, ln_chance: 0.0, live_events: 0 });
        silence.live_events = silence.live_events.saturating_add(live_events);
        silence.ln_chance += crate::evidence::count_to_float(live_events) * (-now.weight.share()).ln_1p();
    }

    /// What can be said at `now`, the moment of the latest tick.
    pub fn view(&self, now: Timestamp) -> View {
        if let Some(view) = self.silence.as_ref().and_then(|s| self.view_silence(s, now)) {
            return view;
        }
        if let Some(gap) = &self.gap {
            return self.view_gap(gap, now);
        }
        match self.expected_since {
            Some(expected) => self.view_absence(expected.max(self.last_seen.unwrap_or(expected)), now),
            None => View::Clear,
        }
    }

    /// Absent where the silence is not worth a word, or has not been proved in time and is left to blindness.
    fn view_silence(&self, silence: &Silence, now: Timestamp) -> Option<View> {
        let lasted_ms = now.ms_since(silence.since);
        let silent_after_ms = self.limits.silent_after_ms;
        let long_enough = lasted_ms >= silent_after_ms;
        let fact = format!(
            "candidate silent for {} while live had {} events",
            words::duration(lasted_ms),
            words::count(silence.live_events)
        );
        if long_enough && silence.ln_chance <= self.limits.ln_chance_max {
            return Some(View::Silent {
                reason: format!(
                    "{fact}, limit {}; at its weight the probability of that is {}",
                    words::duration(silent_after_ms),
                    probability(silence.ln_chance)
                ),
            });
        }
        let by_gap = self.gap.as_ref().is_some_and(|seen| {
            seen.role == Role::Candidate && matches!(seen.gap.kind, GapKind::NoData | GapKind::Stale)
        });
        let noticeable = silence.ln_chance <= NOTICEABLE.ln();
        let building = if by_gap { !long_enough } else { noticeable && self.gap.is_none() };
        building.then(|| View::Blind {
            reason: fact,
            waiting_for: format!(
                "candidate silent for {} of {}",
                words::duration(lasted_ms),
                words::duration(silent_after_ms)
            ),
            long: false,
        })
    }

    fn view_gap(&self, seen: &SeenGap, now: Timestamp) -> View {
        let lasted_ms = now.ms_since(seen.since);
        let role = match seen.role {
            Role::Live => "live",
            Role::Candidate => "the candidate",
        };
        View::Blind {
            reason: format!(
                "{}: nothing measured of {role} ({})",
                if lasted_ms == 0 {
                    "blind now".into()
                } else {
                    format!("blind for {}", words::duration(lasted_ms))
                },
                seen.gap
            ),
            waiting_for: format!(
                "a measurement of {role}: missing for {} of {}",
                words::duration(lasted_ms),
                words::duration(self.limits.blind_after_ms)
            ),
            long: lasted_ms >= self.limits.blind_after_ms,
        }
    }

    fn view_absence(&self, since: Timestamp, now: Timestamp) -> View {
        let lasted_ms = now.ms_since(since);
        if lasted_ms <= self.limits.blind_after_ms {
            return View::Clear;
        }
        View::Blind {
            reason: format!(
                "blind for {}: no measurement of both colours came in",
                words::duration(lasted_ms)
            ),
            waiting_for: "a measurement of both colours".into(),
            long: true,
        }
    }
}

fn probability(ln_chance: f64) -> String {
    let chance = ln_chance.exp();
    if chance < 1e-6 { "less than one in a million".into() } else { words::percent(chance) }
}

#[cfg(test)]
mod tests;
