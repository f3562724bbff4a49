//! Deadline policy: whether a frame can still meet its deadline, checked before the engine.
//!
//! A pure state machine over moments that the caller gives: it runs on the run's clock and in tests
//! on virtual time. Prediction is the 99th percentile of what the rest of the pipeline (prepare, engine,
//! score, decide, emit) took for the last frames, as one time: the sum of each stage's own
//! percentile would be too large.
//!
//! A frame that cannot make it is dropped. Were nothing served for long, nothing would be learned
//! and nothing told: so one frame is served as a probe whenever [`PolicySettings::probe_every`] passed
//! without one. A probe that makes its deadline ends what was learned before it: the slow time is
//! over.

use std::time::Duration;
use unmask_frame::MonotonicTime;

/// Frames that a prediction looks back on.
const WINDOW: usize = 256;
/// Frames served before anything is predicted.
const MIN_FRAMES: usize = 8;

/// How a policy works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicySettings {
    /// Longest time without a frame served, as long as frames come.
    pub probe_every: Duration,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            probe_every: Duration::from_secs(1),
        }
    }
}

/// What happens to a frame that reached the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It can make its deadline, as far as is known.
    Serve,
    /// It cannot, but is served to learn how things are.
    Probe,
    /// It cannot: it is dropped.
    Drop,
}

/// Admits frames to the engine.
#[derive(Clone, Debug)]
pub struct DeadlinePolicy {
    settings: PolicySettings,
    recent: RecentTimes,
    last_served: Option<MonotonicTime>,
}

impl DeadlinePolicy {
    /// A policy that knows nothing yet: it serves the first frames whatever they take.
    pub fn new(settings: PolicySettings) -> Self {
        Self {
            settings,
            recent: RecentTimes::new(),
            last_served: None,
        }
    }

    /// What the rest of the pipeline is expected to take; `None` before enough frames were served.
    pub fn expected(&self) -> Option<Duration> {
        self.recent.p99().map(Duration::from_nanos)
    }

    /// Whether a frame with this `deadline` is to be served `now`.
    pub fn admit(&mut self, now: MonotonicTime, deadline: MonotonicTime) -> Admission {
        let makes_it = self
            .expected()
            .is_none_or(|expected| now.after(expected) <= deadline);
        let probe = self
            .last_served
            .is_none_or(|last| now.since(last) >= self.settings.probe_every);
        let admission = match (makes_it, probe) {
            (true, _) => Admission::Serve,
            (false, true) => Admission::Probe,
            (false, false) => Admission::Drop,
        };
        if admission != Admission::Drop {
            self.last_served = Some(now);
        }
        admission
    }

    /// A frame that was admitted as `admission` at `from` is finished at `now`.
    pub fn finished(
        &mut self,
        admission: Admission,
        from: MonotonicTime,
        now: MonotonicTime,
        deadline: MonotonicTime,
    ) {
        if admission == Admission::Probe && now <= deadline {
            self.recent = RecentTimes::new();
        }
        let took = now.since(from);
        self.recent
            .add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// The last times, ns.
#[derive(Clone, Debug)]
struct RecentTimes {
    times: [u64; WINDOW],
    count: usize,
    next: usize,
}

impl RecentTimes {
    fn new() -> Self {
        Self {
            times: [0; WINDOW],
            count: 0,
            next: 0,
        }
    }

    fn add(&mut self, ns: u64) {
        self.times[self.next] = ns;
        self.next = (self.next + 1) % WINDOW;
        self.count = (self.count + 1).min(WINDOW);
    }

    /// The smallest time that at least 99 of 100 do not exceed.
    fn p99(&self) -> Option<u64> {
        if self.count < MIN_FRAMES {
            return None;
        }
        let mut sorted = self.times;
        let rank = (self.count * 99).div_ceil(100) - 1;
        let (_, at, _) = sorted[..self.count].select_nth_unstable(rank);
        Some(*at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::overload::simulate;
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn where_no_frame_can_make_it_only_probes_are_served() {
        let (period, budget, engine) = (33 * MS, 100 * MS, 330 * MS);
        let came = simulate(3_000, period, budget, |_| engine);
        // 99 seconds, a probe each; the first frames are served to learn.
        assert_eq!(came.on_time, 0);
        let probes = came.served - MIN_FRAMES as u64;
        assert!((90..=99).contains(&probes), "{probes}");
        assert!(came.dropped > 1000);
        assert_eq!(came.superseded + came.dropped + came.served, came.arrivals);
    }

    #[test]
    fn a_slow_time_that_ends_is_forgotten_with_the_first_probe_that_makes_it() {
        let (period, budget) = (50 * MS, 100 * MS);
        // 30 slow ones, then fast.
        let came = simulate(1_000, period, budget, |n| {
            if n < 30 { 400 * MS } else { 20 * MS }
        });
        // The slow ones take the window's first 8 frames, then 22 probes, one a second.
        let slow_s = 8.0 * 0.4 + 22.0;
        let fast_frames = 1_000 - (slow_s / 0.05) as u64;
        assert!(
            came.on_time + 60 >= fast_frames,
            "{} of {fast_frames}",
            came.on_time
        );
    }

    #[test]
    fn a_frame_within_budget_is_served_to_the_nanosecond() {
        let mut policy = DeadlinePolicy::new(PolicySettings::default());
        for i in 0..MIN_FRAMES as u64 {
            assert_eq!(
                policy.admit(MonotonicTime(i), MonotonicTime(i)),
                Admission::Serve
            );
            policy.finished(
                Admission::Serve,
                MonotonicTime(i),
                MonotonicTime(i + 10),
                MonotonicTime(i),
            );
        }
        assert_eq!(policy.expected(), Some(Duration::from_nanos(10)));
        assert_eq!(
            policy.admit(MonotonicTime(100), MonotonicTime(110)),
            Admission::Serve
        );
        assert_eq!(
            policy.admit(MonotonicTime(100), MonotonicTime(109)),
            Admission::Drop
        );
        let later = 100 + 1_000_000_000;
        assert_eq!(
            policy.admit(MonotonicTime(later), MonotonicTime(later)),
            Admission::Probe
        );
        assert_eq!(
            policy.admit(MonotonicTime(later), MonotonicTime(later)),
            Admission::Drop
        );
    }

    #[test]
    fn a_few_outliers_in_a_full_window_do_not_stop_frames() {
        let mut recent = RecentTimes::new();
        for i in 0..WINDOW as u64 {
            recent.add(if i % 128 == 0 { 1000 } else { 10 });
        }
        assert_eq!(recent.p99(), Some(10));
        recent.add(1000);
        assert_eq!(
            recent.p99(),
            Some(10),
            "the new one took the place of an old one"
        );
        recent.add(1000);
        recent.add(1000);
        assert_eq!(recent.p99(), Some(1000));
    }
}
