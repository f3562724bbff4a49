//! Clock of a run: monotonic time, tied to the wall clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use unmask_frame::MonotonicTime;

/// A wall clock that moved by so much was set.
const STEP_NS: i128 = 1_000_000_000;
/// Smaller moves are not followed: the two clocks cannot be read at the same moment.
const JITTER_NS: i128 = 1_000_000;

/// A monotonic clock that starts with the run, tied to the wall clock.
///
/// The wall clock may be set while a run continues, which [`SourceClock::follow`] notices; times within a
/// run never jump.
#[derive(Clone, Copy, Debug)]
pub struct SourceClock {
    start: Instant,
    start_unix_ns: i128,
}

impl SourceClock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            start_unix_ns: unix_now_ns(),
        }
    }

    /// Reads the wall clock again. Returns by how much it was set since the last call, ns, where
    /// it was; what it gains or loses little by little is followed without a word.
    pub fn follow(&mut self) -> Option<i128> {
        let before = self.start.elapsed();
        let unix_ns = unix_now_ns();
        let after = self.start.elapsed();
        if (after - before).as_nanos() as i128 > JITTER_NS {
            // Interrupted between the readings: the next call knows more.
            return None;
        }
        let moved = unix_ns - (self.start_unix_ns + after.as_nanos() as i128);
        if moved.abs() > JITTER_NS {
            self.start_unix_ns += moved;
        }
        (moved.abs() >= STEP_NS).then_some(moved)
    }

    /// Now, since the run's start.
    pub fn now(&self) -> MonotonicTime {
        MonotonicTime(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// `instant`, since the run's start; 0 where it lies before.
    pub fn since_start(&self, instant: Instant) -> MonotonicTime {
        let since = instant.saturating_duration_since(self.start);
        MonotonicTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds since the Unix epoch at `moment`.
    pub fn unix_ns(&self, moment: MonotonicTime) -> i128 {
        self.start_unix_ns + i128::from(moment.0)
    }

    /// Sleeps until `moment`; returns at once where that is past.
    pub fn sleep_until(&self, moment: MonotonicTime) {
        std::thread::sleep(moment.since(self.now()));
    }
}

/// Nanoseconds since the Unix epoch by the wall clock; negative before it.
fn unix_now_ns() -> i128 {
    let ns = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(0);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => ns(since),
        Err(before) => -ns(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_is_set_is_followed_and_noticed() {
        for wrong_s in [-3600, 40 * 365 * 86_400, 2] {
            let mut clock = SourceClock::start();
            assert_eq!(clock.follow(), None);
            let right = clock.unix_ns(clock.now());
            clock.start_unix_ns += wrong_s * STEP_NS;
            // The machine may interrupt a reading.
            let moved = std::iter::repeat_with(|| clock.follow()).find_map(|moved| moved);
            let error = moved.unwrap() + wrong_s * STEP_NS;
            assert!(error.abs() < STEP_NS / 2, "{wrong_s}: {error}");
            let apart = clock.unix_ns(clock.now()) - right;
            // Either reading may be late: the machine may interrupt the start, too.
            let about = -STEP_NS / 2..10 * STEP_NS;
            assert!(about.contains(&apart), "{wrong_s}: {apart}");
            assert_eq!(clock.follow(), None);
        }
        // A drift is followed without a word.
        let mut clock = SourceClock::start();
        clock.start_unix_ns -= STEP_NS / 2;
        let before = clock.start_unix_ns;
        while clock.start_unix_ns == before {
            assert_eq!(clock.follow(), None);
        }
    }

    #[test]
    fn time_continues_and_is_tied_to_the_wall_clock() {
        let clock = SourceClock::start();
        let early = clock.now();
        clock.sleep_until(early.after(Duration::from_millis(5)));
        clock.sleep_until(early);
        let later = clock.now();
        assert!(later.since(early) >= Duration::from_millis(5));
        let apart = clock.unix_ns(later) - clock.unix_ns(early);
        assert_eq!(apart, later.since(early).as_nanos() as i128);
        assert!(clock.unix_ns(early) > 1_700_000_000_000_000_000);
    }
}
