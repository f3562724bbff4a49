//! Outages: when to retry, and what to report.

use std::time::Duration;

/// The first wait after a fault.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Longer waits would cost more than a try does.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Frames must have come for this long before a fault counts as a new one.
const STEADY_TIME: Duration = Duration::from_secs(2);

/// From the first fault to the next frame. Knows no clock: times are given.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaptureOutage {
    /// Since when; `None` while frames come.
    since: Option<Duration>,
    tries: u32,
    wait: Duration,
    retry_at: Duration,
    /// When frames came again.
    recovered: Option<Duration>,
}

impl CaptureOutage {
    /// Something failed at `now`. Whether this begins an outage: that is reported once.
    pub fn fault_occurred(&mut self, now: Duration) -> bool {
        let steady = self
            .recovered
            .is_none_or(|then| now.saturating_sub(then) >= STEADY_TIME);
        if self.since.is_none() && steady {
            self.wait = Duration::ZERO;
        }
        self.wait = (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        self.retry_at = now + self.wait;
        let begins = self.since.is_none();
        if begins {
            (self.since, self.tries) = (Some(now), 0);
        }
        begins
    }

    /// How long to wait at `now` before the next try.
    pub fn remaining_wait(&self, now: Duration) -> Duration {
        self.retry_at.saturating_sub(now)
    }

    /// A try is made.
    pub fn count_retry(&mut self) {
        self.tries += 1;
    }

    /// A frame came at `now`: how long the outage was and how many tries it took, if there was one.
    pub fn frame_arrived(&mut self, now: Duration) -> Option<(Duration, u32)> {
        let since = self.since.take()?;
        self.recovered = Some(now);
        Some((now.saturating_sub(since), self.tries))
    }

    /// Whether no frames come.
    pub fn is_active(&self) -> bool {
        self.since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn waits_double_up_to_a_second() {
        let mut outage = CaptureOutage::default();
        let mut now = ms(10);
        let mut waits = Vec::new();
        for i in 0..7 {
            assert_eq!(outage.fault_occurred(now), i == 0);
            outage.count_retry();
            waits.push(outage.remaining_wait(now).as_millis());
            now += outage.remaining_wait(now);
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(outage.remaining_wait(now), Duration::ZERO);
        assert_eq!(outage.frame_arrived(now), Some((now - ms(10), 7)));
        assert_eq!(
            (outage.frame_arrived(now), outage.is_active()),
            (None, false)
        );
    }

    #[test]
    fn a_device_that_flutters_is_not_hurried() {
        let mut outage = CaptureOutage::default();
        outage.fault_occurred(ms(0));
        outage.frame_arrived(ms(60));
        assert!(
            outage.fault_occurred(ms(500)),
            "a new outage, reported again"
        );
        assert_eq!(outage.remaining_wait(ms(500)), ms(100));
        outage.frame_arrived(ms(700));
        assert!(outage.fault_occurred(ms(700) + STEADY_TIME));
        assert_eq!(outage.remaining_wait(ms(700) + STEADY_TIME), FIRST_WAIT);
    }
}
