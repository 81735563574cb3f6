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
//! Silence while warming up does not count.
//!
//! With all traffic on the candidate there is no live colour to hold it against. Then its own pace before serves: at r
//! events a second nothing for t seconds has probability e^(−r·t).
//! Values are no events: whether one is there has nothing to do with traffic, so a value check is blind, never silent.

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

/// What kind of events a check sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// Requests: they come with the router's traffic.
    Traffic,
    /// Probes: they come with or without it.
    Probes,
    /// Values: one a tick, however much traffic there is.
    Values,
}

/// How many events the candidate has had lately, in events per millisecond: a running mean that forgets.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    per_ms: f64,
    known: Option<Timestamp>,
}

/// A pace is that of about so long.
const PACE_MS: f64 = 60_000.0;

impl Pace {
    fn learn(&mut self, at: Timestamp, events: u64) {
        if let Some(before) = self.known.replace(at) {
            let passed = crate::evidence::count_to_float(at.ms_since(before)).max(1.0);
            let weight = -(-passed / PACE_MS).exp_m1();
            self.per_ms += weight * (crate::evidence::count_to_float(events) / passed - self.per_ms);
        }
    }
}

/// What one check has seen lately.
#[derive(Clone, Debug)]
pub struct Sight {
    limits: Limits,
    events: Events,
    /// Watching has begun anew, and no good pair has come since.
    awaiting: bool,
    pace: Pace,
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
    /// How long it was observed, without the times in which nothing could be.
    lasted_ms: u64,
    /// When it was observed last; absent while something else stands in the way.
    latest: Option<Timestamp>,
    /// Log of the probability that chance made it.
    ln_chance: f64,
    /// What it is held against.
    against: Against,
}

#[derive(Clone, Copy, Debug)]
enum Against {
    /// Live's events meanwhile.
    Live(u64),
    /// Events that the candidate's own pace lets expect.
    Pace(f64),
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
    pub fn new(limits: Limits, events: Events) -> Self {
        Self {
            limits,
            events,
            awaiting: false,
            pace: Pace::default(),
            expected_since: None,
            last_seen: None,
            gap: None,
            silence: None,
        }
    }

    /// Nobody watched until `at`: what was going on then counts no more, and a good pair is awaited.
    pub fn resume(&mut self, at: Timestamp) {
        if self.expected_since.is_some() {
            *self = Self {
                awaiting: true,
                expected_since: Some(at),
                pace: Pace { known: None, ..self.pace },
                ..Self::new(self.limits, self.events)
            };
        }
    }

    /// Takes in one tick; `look` is absent where the check was not asked.
    pub fn observe(&mut self, now: Moment, look: Option<Look<'_>>) {
        if self.events != Events::Probes && now.weight == Weight::NONE {
            // Without traffic there is nothing to see, and what was missed before is past.
            *self = Self::new(self.limits, self.events);
            return;
        }
        self.expected_since.get_or_insert(now.at);
        if let Some(look) = look {
            self.notice_gap(now, look);
            if self.events == Events::Traffic {
                self.notice_silence(now, look);
            }
        }
    }

    fn notice_gap(&mut self, now: Moment, look: Look<'_>) {
        let compared = self.events == Events::Probes || now.weight < Weight::ALL;
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
            self.awaiting = false;
        }
    }

    fn notice_silence(&mut self, now: Moment, look: Look<'_>) {
        let candidate = match look.candidate {
            Ok(events) => events,
            Err(gap) if matches!(gap.kind, GapKind::NoData | GapKind::Stale) => 0,
            Err(gap) => return self.interrupt(gap),
        };
        if candidate > 0 {
            self.silence = None;
            self.pace.learn(now.at, candidate);
            return;
        }
        if now.phase != Phase::Judging {
            return;
        }
        if now.weight == Weight::ALL {
            self.count_against_pace(now);
            return;
        }
        match look.live {
            Ok(0) => {}
            Ok(live) => {
                let ln_chance = crate::evidence::count_to_float(live) * (-now.weight.share()).ln_1p();
                let silence = self.count(now.at, ln_chance);
                let before = if let Against::Live(events) = silence.against { events } else { 0 };
                silence.against = Against::Live(before.saturating_add(live));
            }
            Err(gap) => self.interrupt(gap),
        }
    }

    /// Something else than silence is in the way; "not due yet" is not.
    fn interrupt(&mut self, gap: &Gap) {
        if let Some(silence) = self.silence.as_mut().filter(|_| gap.kind != GapKind::NotYet) {
            silence.latest = None;
        }
    }

    fn count_against_pace(&mut self, now: Moment) {
        let since = self.silence.as_ref().map_or(self.pace.known, |silence| silence.latest);
        let passed_ms = since.map_or(0, |since| now.at.ms_since(since));
        let expected = self.pace.per_ms * crate::evidence::count_to_float(passed_ms);
        let silence = self.count(now.at, -expected);
        let before = if let Against::Pace(events) = silence.against { events } else { 0.0 };
        silence.against = Against::Pace(before + expected);
    }

    /// One more tick of silence.
    fn count(&mut self, at: Timestamp, ln_chance: f64) -> &mut Silence {
        let silence = self.silence.get_or_insert(Silence {
            lasted_ms: 0,
            latest: None,
            ln_chance: 0.0,
            against: Against::Live(0),
        });
        if let Some(before) = silence.latest.replace(at) {
            silence.lasted_ms += at.ms_since(before);
        }
        silence.ln_chance += ln_chance;
        silence
    }

    /// What can be said at `now`, the moment of the latest tick.
    pub fn view(&self, now: Timestamp) -> View {
        if let Some(view) = self.silence.as_ref().and_then(|s| self.view_silence(s)) {
            return view;
        }
        if let Some(gap) = &self.gap {
            return self.view_gap(gap, now);
        }
        match self.expected_since {
            Some(expected) => {
                match self.view_absence(expected.max(self.last_seen.unwrap_or(expected)), now) {
                    View::Clear if self.awaiting => View::Blind {
                        reason: "nothing measured yet since watching began again".into(),
                        waiting_for: "a measurement of both colours".into(),
                        long: false,
                    },
                    view => view,
                }
            }
            None => View::Clear,
        }
    }

    /// Absent where the silence is not worth a word, or has not been proved in time and is left to blindness.
    fn view_silence(&self, silence: &Silence) -> Option<View> {
        silence.latest?;
        let lasted_ms = silence.lasted_ms;
        let silent_after_ms = self.limits.silent_after_ms;
        let long_enough = lasted_ms >= silent_after_ms;
        let against = match silence.against {
            Against::Live(events) => format!("while live had {} events", words::count(events)),
            Against::Pace(events) => {
                format!("where its pace before lets expect {} events", words::significant(events, 2))
            }
        };
        let fact = format!("candidate silent for {} {against}", words::duration(lasted_ms));
        if long_enough && silence.ln_chance <= self.limits.ln_chance_max {
            return Some(View::Silent {
                reason: format!(
                    "{fact}, limit {}; the probability of that by chance is {}",
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
