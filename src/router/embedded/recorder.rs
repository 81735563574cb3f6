//! What the embedded router saw: per colour, requests sent, how they were answered and how long they took.
//!
//! Counters only grow; who wants a rate takes two readings and subtracts ([`Seen::since`]).
//! [`crate::source::embedded`] does that once a tick.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use crate::sample::Colour;

/// Upper bounds of the latency buckets in seconds, 0.5 ms to 60 s.
///
/// Eight or nine to the decade, a third apart or less, so that a quantile found between them is off by less than any
/// tolerance worth asking for; and on the round numbers that limits are written in (0.1, 0.25, 0.5, 1, 2, 5 s).
pub const LATENCY_BOUNDS_S: [f64; 46] = [
    0.000_5, 0.000_75, //
    0.001, 0.001_25, 0.001_5, 0.002, 0.002_5, 0.003, 0.004, 0.005, 0.007_5, //
    0.01, 0.012_5, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075, //
    0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, //
    1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, //
    10.0, 12.5, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0,
];

/// Status codes are counted one by one from 100 to 599; anything above counts as 599.
const CODES: std::ops::RangeInclusive<u16> = 100..=599;
const CODE_COUNT: usize = 500;

/// A request that ended without a usable answer counts as this: bad gateway.
const BROKEN: u16 = 502;

/// The books of both colours. Cloning is cheap and gives the same books.
#[derive(Clone)]
pub struct Recorder {
    books: Arc<[Book; 2]>,
}

struct Book {
    colour: Colour,
    sent: AtomicU64,
    ended: AtomicU64,
    aborted: AtomicU64,
    codes: [AtomicU64; CODE_COUNT],
    latency: [AtomicU64; LATENCY_BOUNDS_S.len() + 1],
}

/// Counts of one colour: since the start, or between two readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Requests that were given to the colour.
    pub sent: u64,
    /// Those that came to an end of any kind; `sent - ended` are under way.
    pub ended: u64,
    /// Those that the client gave up. They are among `codes` if the colour had answered with headers by then.
    pub aborted: u64,
    codes: Vec<u64>,
    /// By time to the end of the answer's body, or until the client gave up: one entry more than [`LATENCY_BOUNDS_S`].
    pub latency: Vec<u64>,
}

impl Recorder {
    /// Empty books.
    #[must_use]
    pub fn new(colours: [Colour; 2]) -> Self {
        Self { books: Arc::new(colours.map(Book::new)) }
    }

    /// Everything seen of a colour since the start; `None` for a colour that is not one of the two.
    #[must_use]
    pub fn seen(&self, colour: &Colour) -> Option<Seen> {
        let book = self.books.iter().find(|book| book.colour == *colour)?;
        Some(book.read())
    }

    /// A request goes to colour 0 or 1 (any other number means 1).
    pub(super) fn send(&self, colour: usize) -> Ticket {
        let ticket = Ticket {
            recorder: self.clone(),
            colour: colour.min(1),
            sent_at: Instant::now(),
            status: None,
            open: true,
        };
        ticket.book().sent.fetch_add(1, Ordering::Relaxed);
        ticket
    }
}

impl Book {
    fn new(colour: Colour) -> Self {
        Self {
            colour,
            sent: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            codes: [const { AtomicU64::new(0) }; CODE_COUNT],
            latency: [const { AtomicU64::new(0) }; LATENCY_BOUNDS_S.len() + 1],
        }
    }

    /// `ended` is read before `sent`, and only grows after it, so never more have ended than were sent.
    fn read(&self) -> Seen {
        let all = |counters: &[AtomicU64]| counters.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        let ended = self.ended.load(Ordering::Acquire);
        Seen {
            ended,
            sent: self.sent.load(Ordering::Acquire),
            aborted: self.aborted.load(Ordering::Relaxed),
            codes: all(&self.codes),
            latency: all(&self.latency),
        }
    }
}

impl Seen {
    /// What was added since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let minus = |now: &[u64], then: &[u64]| {
            now.iter().zip(then).map(|(now, then)| now.saturating_sub(*then)).collect()
        };
        Self {
            sent: self.sent.saturating_sub(earlier.sent),
            ended: self.ended.saturating_sub(earlier.ended),
            aborted: self.aborted.saturating_sub(earlier.aborted),
            codes: minus(&self.codes, &earlier.codes),
            latency: minus(&self.latency, &earlier.latency),
        }
    }

    /// How many requests were answered with a status code that `is` true of. No connection, no answer in time and an
    /// answer that broke off count as 502, 504 and 502, whatever the headers said.
    #[must_use]
    pub fn answered(&self, is: impl Fn(u16) -> bool) -> u64 {
        let codes = CODES.zip(&self.codes);
        codes.filter(|(code, _)| is(*code)).map(|(_, count)| count).sum()
    }
}

/// One request on its way. Dropped before it was closed, it counts as given up by the client.
pub(super) struct Ticket {
    recorder: Recorder,
    colour: usize,
    sent_at: Instant,
    status: Option<u16>,
    open: bool,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The answer was passed on to its end.
    Complete,
    /// The colour broke off its answer.
    Broken,
    /// The client went away. Its status counts if there was one: the colour had decided it.
    Aborted,
}

impl Ticket {
    /// The colour's (or, in its place, the router's) status code.
    pub(super) fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Enters the request in the books, the first time only.
    pub(super) fn close(&mut self, end: End) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let book = self.book();
        let status = match end {
            End::Broken => Some(BROKEN),
            End::Complete | End::Aborted => self.status,
        };
        if let Some(status) = status {
            let slot = status.clamp(*CODES.start(), *CODES.end()) - CODES.start();
            book.codes[usize::from(slot)].fetch_add(1, Ordering::Relaxed);
        }
        if end == End::Aborted {
            book.aborted.fetch_add(1, Ordering::Relaxed);
        }
        let seconds = self.sent_at.elapsed().as_secs_f64();
        book.latency[bucket(seconds)].fetch_add(1, Ordering::Relaxed);
        book.ended.fetch_add(1, Ordering::Release);
    }

    fn book(&self) -> &Book {
        &self.recorder.books[self.colour]
    }
}

/// Index of the first bound that is not below `seconds`; behind the last one when all are.
fn bucket(seconds: f64) -> usize {
    LATENCY_BOUNDS_S.partition_point(|bound| *bound < seconds)
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.close(End::Aborted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder() -> Recorder {
        Recorder::new(["blue", "green"].map(|name| Colour::new(name).unwrap()))
    }

    fn green(recorder: &Recorder) -> Seen {
        recorder.seen(&Colour::new("green").unwrap()).unwrap()
    }

    #[test]
    fn bounds_rise() {
        assert!(LATENCY_BOUNDS_S.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn every_end_is_counted_once() {
        let recorder = recorder();
        let mut complete = recorder.send(1);
        complete.answered(429);
        complete.close(End::Complete);
        complete.close(End::Broken);
        drop(complete);
        let mut broken = recorder.send(1);
        broken.answered(200);
        broken.close(End::Broken);
        let mut left = recorder.send(1);
        left.answered(200);
        drop(left);
        drop(recorder.send(1));
        let under_way = recorder.send(1);

        let seen = green(&recorder);
        assert_eq!((seen.sent, seen.ended, seen.aborted), (5, 4, 2));
        assert_eq!(seen.answered(|_| true), 3, "one was given up without a status");
        assert_eq!([429, 502, 200].map(|code| seen.answered(|c| c == code)), [1, 1, 1]);
        assert_eq!(seen.latency.iter().sum::<u64>(), 4);
        drop(under_way);
        let later = green(&recorder).since(&seen);
        assert_eq!((later.sent, later.ended, later.answered(|_| true)), (0, 1, 0));
    }

    #[test]
    fn odd_status_codes_have_a_place() {
        let recorder = recorder();
        for status in [100, 999] {
            let mut ticket = recorder.send(1);
            ticket.answered(status);
            ticket.close(End::Complete);
        }
        assert_eq!(green(&recorder).answered(|code| code == 599), 1);
    }

    #[test]
    fn a_bucket_holds_what_is_not_above_its_bound() {
        let at = LATENCY_BOUNDS_S.iter().position(|bound| (*bound - 0.05).abs() < 1e-9).unwrap();
        assert_eq!([0.05, 0.050_1, 0.0, 60.0, 70.0].map(bucket), [at, at + 1, 0, 45, 46]);
    }
}
