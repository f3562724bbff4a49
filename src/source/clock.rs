//! The clock of a run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use unmask_frame::Moment;

/// A monotonic clock that starts with the run, tied once to the wall clock.
///
/// The wall clock may jump while a run goes on; times within a run never do.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    start_unix_ns: i128,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self {
            start: Instant::now(),
            start_unix_ns: i128::try_from(unix.as_nanos()).unwrap_or(0),
        }
    }

    /// Now, since the run's start.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// `instant`, since the run's start; 0 where it lies before.
    pub fn moment(&self, instant: Instant) -> Moment {
        let since = instant.saturating_duration_since(self.start);
        Moment(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds since the Unix epoch at `moment`.
    pub fn unix_ns(&self, moment: Moment) -> i128 {
        self.start_unix_ns + i128::from(moment.0)
    }

    /// Sleeps until `moment`; returns at once where that is past.
    pub fn sleep_until(&self, moment: Moment) {
        std::thread::sleep(moment.since(self.now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_and_is_tied_to_the_wall_clock() {
        let clock = Clock::start();
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
