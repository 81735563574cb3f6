//! The only place that asks what time it is.

use crate::sample::Timestamp;

/// Tells the time. A trait, so that the daemon can be run under a time of somebody else's making.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let ms = since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        Timestamp::from_ms(ms)
    }
}

/// Time that only goes forward, and goes on while the machine's clock has been set back: holds, deadlines and limits
/// must neither stand still nor run twice.
#[derive(Clone, Copy, Debug)]
pub struct Onward {
    last: Timestamp,
    told: tokio::time::Instant,
}

impl Onward {
    /// From `last` on.
    #[must_use]
    pub fn from(last: Timestamp) -> Self {
        Self { last, told: tokio::time::Instant::now() }
    }

    /// The present, never behind what was told before, and at least as far on as time has passed since.
    pub fn now(&mut self, clock: &dyn Clock) -> Timestamp {
        let now = later(self.last, clock.now(), self.told.elapsed().as_millis());
        // Parts of a millisecond are kept until they are one.
        if now > self.last {
            *self = Self::from(now);
        }
        self.last
    }
}

fn later(last: Timestamp, wall: Timestamp, passed_ms: u128) -> Timestamp {
    wall.max(last.plus_ms(u64::try_from(passed_ms).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_time() {
        let ms = Timestamp::from_ms;
        assert_eq!(later(ms(5_000), ms(6_000), 900), ms(6_000), "the machine's clock as a rule");
        assert_eq!(later(ms(3_600_000), ms(1_000), 1_000), ms(3_601_000), "set back by an hour");
        assert_eq!(later(ms(5_000), ms(4_999), 0), ms(5_000));
    }

    struct Back(std::sync::atomic::AtomicI64);

    impl Clock for Back {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(self.0.fetch_sub(1_000, std::sync::atomic::Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn what_was_told_never_falls() {
        let clock = Back(1_000_000.into());
        let mut onward = Onward::from(Timestamp::from_ms(0));
        let first = onward.now(&clock);
        assert_eq!(first, Timestamp::from_ms(1_000_000));
        for _ in 0..50 {
            assert!(onward.now(&clock) >= first);
        }
    }
}
