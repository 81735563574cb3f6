//! The only place that asks what time it is.

use std::sync::OnceLock;

use crate::sample::Timestamp;

/// Tells the time. A trait, so that the daemon can be run under a time of somebody else's making.
pub trait Clock: Send + Sync {
    /// The present moment, by a clock that people may set.
    fn now(&self) -> Timestamp;

    /// Milliseconds since some moment of the past, by a clock that nobody can set. It may stand still while the machine
    /// sleeps.
    fn uptime_ms(&self) -> u64;
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let ms = since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        Timestamp::from_ms(ms)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn uptime_ms(&self) -> u64 {
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        let start = START.get_or_init(std::time::Instant::now);
        u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The present as one service tells it: never behind what was said before, and never standing still.
///
/// A clock that is set back must neither reorder a release nor stop its deadlines and holds, so time then goes on from
/// where it was, by the clock that nobody can set. A clock that is set forward, or a machine that slept, is believed.
#[derive(Clone, Copy, Debug)]
pub struct Onward {
    at: Timestamp,
    uptime_ms: u64,
}

impl Onward {
    /// Time goes on from `at`, or from the present where that is later.
    #[must_use]
    pub fn from(at: Timestamp, clock: &dyn Clock) -> Self {
        Self { at, uptime_ms: clock.uptime_ms() }
    }

    /// The present.
    pub fn now(&mut self, clock: &dyn Clock) -> Timestamp {
        let (set, uptime_ms) = (clock.now(), clock.uptime_ms());
        let gone_on = self.at.plus_ms(uptime_ms.saturating_sub(self.uptime_ms));
        if set <= gone_on {
            return gone_on;
        }
        *self = Self { at: set, uptime_ms };
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both clocks say: the one that is set, the one that is not.
    struct Said(i64, u64);

    impl Clock for Said {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(self.0)
        }
        fn uptime_ms(&self) -> u64 {
            self.1
        }
    }

    #[test]
    fn a_clock_set_back_neither_turns_time_nor_stops_it() {
        let mut onward = Onward::from(Timestamp::from_ms(1_000_000), &Said(1_000_000, 50));
        let mut now = |set, uptime| onward.now(&Said(set, uptime)).ms();
        assert_eq!(now(1_005_000, 5_050), 1_005_000);
        assert_eq!(now(10_000, 10_050), 1_010_000, "set back by a quarter of an hour");
        assert_eq!(now(15_000, 15_050), 1_015_000);
        assert_eq!(now(1_020_000, 20_050), 1_020_000, "set right again");
        assert_eq!(now(9_000_000, 20_060), 9_000_000, "the machine slept");
        assert_eq!(now(9_000_010, 20_070), 9_000_010);
    }

    #[test]
    fn a_release_taken_up_again_goes_on_from_its_last_event() {
        let mut onward = Onward::from(Timestamp::from_ms(1_000_000), &Said(4_000, 7));
        assert_eq!(onward.now(&Said(4_000, 7)).ms(), 1_000_000);
        assert_eq!(onward.now(&Said(4_100, 107)).ms(), 1_000_100);
    }
}
