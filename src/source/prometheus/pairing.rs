//! When a check's counts may be given out, so that both colours' counts always span the same time.
//!
//! The judge compares the colours tick by tick, each against its own exposure. If one colour's counts covered a
//! minute and the other's a second, a burst that hit both would look like one colour's. Hence:
//!
//! - both colours have new scrapes: both are given;
//! - one has, the other is only between two scrapes: both wait, and nothing is counted yet;
//! - one has, the other is *out* (stale, no data, error): the fresh one is given alone, and the other falls *behind*;
//! - the one behind is back: it is given alone first, up to where the other one stands (or the first scrape after it;
//!   then the other one does the same, should it have several scrapes before that). From there on both are in step.
//!
//! Every event that the scrapes show is given exactly once, through waits, outages and restarts of the server.
//! Not given is what was added before a colour's first look, and what lies before a fresh start that the server forced
//! (its clock was set back, or a histogram was impossible): that start is reported as a gap. Whether a colour is out is decided by the moments of its own scrapes against the server's clock,
//! so neither the daemon's clock nor the length of a tick has a part in it.
//! Pure: everything is decided from the answers and the server's time that are handed in.

use super::series::malformed;
use super::tally::Tally;
use crate::sample::{Gap, GapKind, Reading};

/// The range of a query reaches back at least so far: Prometheus' default interval between scrapes.
const WINDOW_MIN_MS: u64 = 60_000;

/// And at most so far, which is how far Prometheus itself looks back for a series that is still alive.
pub const WINDOW_MAX_MS: u64 = 300_000;

/// Scrapes that a range should cover, so that their interval can be told.
const WINDOW_SCRAPES: u64 = 4;

/// Assumed between scrapes until two of them were seen: Prometheus' default.
const SPACING_UNKNOWN_MS: u64 = 60_000;

/// A server whose time lies so far before samples that it gave earlier has had its clock set back.
/// Servers behind one load balancer differ by less.
const CLOCK_BACK_MS: i64 = 10_000;

/// Both colours of one counting check.
#[derive(Clone, Debug, Default)]
pub struct Paired<T> {
    sides: [Side<T>; 2],
    /// The side whose counts must catch up with the other's before both are given together.
    behind: Option<usize>,
    /// Server time of the last poll that was answered.
    answered_ms: Option<i64>,
}

/// One colour.
#[derive(Clone, Debug, Default)]
struct Side<T> {
    tally: T,
    /// The newest scrape that was counted; `None` until the first one was seen.
    through_ms: Option<i64>,
    spacing_ms: Option<u64>,
}

/// What one colour has to give.
enum Look {
    /// New scrapes.
    Fresh,
    /// None yet, but the last one is young.
    Waiting(Gap),
    /// Nothing, and nobody knows until when.
    Out(Gap),
    /// Nothing, and counting begins (anew) with this answer.
    Start(Gap),
}

/// Which colours are given now.
#[derive(Clone, Copy)]
enum Due {
    Neither,
    Both,
    /// Everything that this one has.
    Alone(usize),
    /// What this one has up to where the other one stands.
    CatchUp(usize),
}

impl<T: Tally> Paired<T> {
    /// How far back the next query should reach at server time `now_ms`: over everything since the last poll and over
    /// enough scrapes to tell their interval, within fixed bounds.
    #[must_use]
    pub fn window_ms(&self, now_ms: i64) -> u64 {
        // The first look asks far back: a target whose latest scrape failed has its history then, and not one poll later.
        let Some(answered_ms) = self.answered_ms else {
            return WINDOW_MAX_MS;
        };
        // Not known although it was asked: the scrapes lie further apart than the window was long.
        let Some(spacing_ms) = self.sides.iter().filter_map(|s| s.spacing_ms).max() else {
            return WINDOW_MAX_MS;
        };
        let since_last = u64::try_from(now_ms - answered_ms).unwrap_or(0);
        let needed = (WINDOW_SCRAPES * spacing_ms).max(since_last + patience_ms(spacing_ms));
        needed.clamp(WINDOW_MIN_MS, WINDOW_MAX_MS)
    }

    /// Takes both colours' answers of server time `now_ms`, gives both readings.
    pub fn poll(&mut self, now_ms: i64, answers: &[Result<T::Answer, Gap>; 2]) -> [Reading; 2] {
        if answers.iter().any(Result::is_ok) {
            self.answered_ms = Some(now_ms);
        }
        for (side, answer) in self.sides.iter_mut().zip(answers) {
            let known = answer.as_ref().ok().and_then(T::spacing_ms);
            side.spacing_ms = known.or(side.spacing_ms);
        }
        let looks = [0, 1].map(|i| self.sides[i].look(now_ms, &answers[i]));
        let due = self.due(&looks);
        self.behind = self.behind_after(due, &looks);
        let until_ms = match due {
            Due::CatchUp(i) => self.catch_up_until(i, &answers[i]),
            _ => i64::MAX,
        };
        let [first, second] = looks;
        let [one, other] = &mut self.sides;
        let readings = [
            one.give(first, due.includes(0), &answers[0], until_ms),
            other.give(second, due.includes(1), &answers[1], until_ms),
        ];
        if let Due::CatchUp(i) = due {
            self.behind = self.overtaken(1 - i, &answers[1 - i]);
        }
        readings
    }

    /// After one colour caught up by a scrape that spans an outage, the other one may have several before it.
    fn overtaken(&self, i: usize, answer: &Result<T::Answer, Gap>) -> Option<usize> {
        let next_ms = self.sides[i].tally.first_from(answer.as_ref().ok()?, i64::MIN)?;
        let other_ms = self.sides[1 - i].through_ms?;
        (next_ms < other_ms).then_some(i)
    }

    fn due(&self, looks: &[Look; 2]) -> Due {
        let fresh = |i: usize| matches!(looks[i], Look::Fresh);
        let waiting = |i: usize| matches!(looks[i], Look::Waiting(_));
        match self.behind {
            Some(i) if fresh(i) && (fresh(1 - i) || waiting(1 - i)) => Due::CatchUp(i),
            _ if fresh(0) && fresh(1) => Due::Both,
            _ if fresh(0) && !waiting(1) => Due::Alone(0),
            _ if fresh(1) && !waiting(0) => Due::Alone(1),
            _ => Due::Neither,
        }
    }

    /// Who is behind once this is done: the one that is out while the other one moves on.
    fn behind_after(&self, due: Due, looks: &[Look; 2]) -> Option<usize> {
        let starts = |i: usize| matches!(looks[i], Look::Start(_));
        let left = |i: usize| matches!(looks[i], Look::Out(_)) && self.sides[i].through_ms.is_some();
        let moved_on = match due {
            Due::Both | Due::CatchUp(_) => return None,
            Due::Alone(i) => Some(i),
            Due::Neither => (0..2).find(|&i| starts(i)),
        };
        match moved_on {
            Some(i) => left(1 - i).then_some(1 - i),
            None => self.behind,
        }
    }

    /// The first scrape of `i` that reaches where the other colour stands; all of them if none reaches so far.
    fn catch_up_until(&self, i: usize, answer: &Result<T::Answer, Gap>) -> i64 {
        let other_ms = self.sides[1 - i].through_ms.unwrap_or(i64::MIN);
        let reached = answer.as_ref().ok().and_then(|a| self.sides[i].tally.first_from(a, other_ms));
        reached.unwrap_or(i64::MAX)
    }
}

impl Due {
    fn includes(self, side: usize) -> bool {
        match self {
            Self::Neither => false,
            Self::Both => true,
            Self::Alone(i) | Self::CatchUp(i) => i == side,
        }
    }
}

impl<T: Tally> Side<T> {
    fn look(&self, now_ms: i64, answer: &Result<T::Answer, Gap>) -> Look {
        let answer = match answer {
            Ok(answer) => answer,
            Err(gap) => return Look::Out(gap.clone()),
        };
        let Some(newest_ms) = T::newest_ms(answer) else {
            return Look::Out(self.no_data(now_ms));
        };
        match self.through_ms {
            None => Look::Start(not_yet("first look: counting starts with the next scrape".into())),
            Some(through_ms) if through_ms > now_ms.saturating_add(CLOCK_BACK_MS) => {
                let back = seconds(through_ms - now_ms);
                let detail = format!("the server's clock went back by {back} s: counting starts anew");
                Look::Start(Gap { kind: GapKind::Malformed, detail })
            }
            Some(_) => match self.tally.added(answer, i64::MAX) {
                Ok(Some(_)) => Look::Fresh,
                Ok(None) => self.no_scrape(now_ms - newest_ms),
                Err(why) if T::RESTARTS_AFTER_BAD => Look::Start(malformed(&why)),
                Err(why) => Look::Out(malformed(&why)),
            },
        }
    }

    fn no_data(&self, now_ms: i64) -> Gap {
        let detail = match self.through_ms {
            Some(last) => format!("no series; the last sample was {} s ago", seconds(now_ms - last)),
            None => "no series".to_owned(),
        };
        Gap { kind: GapKind::NoData, detail }
    }

    fn no_scrape(&self, age_ms: i64) -> Look {
        let spacing_ms = self.spacing_ms.unwrap_or(SPACING_UNKNOWN_MS);
        let every = seconds(i64::try_from(spacing_ms).unwrap_or(i64::MAX));
        let detail = format!("newest sample {} s old, scraped every {every} s", seconds(age_ms));
        if u64::try_from(age_ms).unwrap_or(0) > patience_ms(spacing_ms) {
            return Look::Out(Gap { kind: GapKind::Stale, detail });
        }
        Look::Waiting(not_yet(detail))
    }

    /// Carries out what was decided for this colour.
    fn give(&mut self, look: Look, due: bool, answer: &Result<T::Answer, Gap>, until_ms: i64) -> Reading {
        match (look, answer) {
            (Look::Fresh, Ok(answer)) if due => self.count(answer, until_ms),
            (Look::Start(gap), Ok(answer)) => {
                self.tally.restart(answer);
                self.through_ms = T::newest_ms(answer);
                Reading::Gap(gap)
            }
            (Look::Fresh, _) => {
                let detail = "has new samples, waits for the other colour's next scrape";
                Reading::Gap(not_yet(detail.into()))
            }
            (Look::Waiting(gap) | Look::Out(gap) | Look::Start(gap), _) => Reading::Gap(gap),
        }
    }

    fn count(&mut self, answer: &T::Answer, until_ms: i64) -> Reading {
        match self.tally.added(answer, until_ms) {
            Ok(Some(reading)) => {
                self.tally.advance(answer, until_ms);
                let newest_ms = T::newest_ms(answer).map(|newest| newest.min(until_ms));
                self.through_ms = self.through_ms.max(newest_ms);
                reading
            }
            // A part of an answer that is sound as a whole: take the whole.
            Ok(None) | Err(_) if until_ms < i64::MAX => self.count(answer, i64::MAX),
            Ok(None) => Reading::Gap(not_yet(String::new())),
            Err(why) => Reading::Gap(malformed(&why)),
        }
    }
}

/// How old the newest sample may be while the next one is merely awaited: one scrape may fail, and the next one takes
/// some time to be stored.
fn patience_ms(spacing_ms: u64) -> u64 {
    spacing_ms.saturating_mul(5) / 2
}

fn not_yet(detail: String) -> Gap {
    Gap { kind: GapKind::NotYet, detail }
}

/// Seconds with one decimal.
#[must_use]
pub fn seconds(ms: i64) -> String {
    let tenths = (ms.max(0) + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests;
