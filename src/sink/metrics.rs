//! Metrics of a run, to be read from any thread.

use crate::budget::DropReason;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Ages below this are not distinguished, µs, as a power of two: 256 µs.
const FINEST: u32 = 8;
/// Powers of two that are distinguished: up to 67 s.
const OCTAVES: usize = 18;
/// Steps of one power of two.
const STEPS: usize = 4;
/// The first is for what is finer, the last for what is longer.
const BUCKETS: usize = OCTAVES * STEPS + 2;

/// Counters of frames and a histogram of their ages. Written once per frame without a lock, read
/// from any thread.
#[derive(Debug)]
pub struct RunMetrics {
    started: Instant,
    on_time: AtomicU64,
    late: AtomicU64,
    unknown: AtomicU64,
    invalid: AtomicU64,
    waits: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    alerts: AtomicU64,
    age_us: AtomicU64,
    ages: [AtomicU64; BUCKETS],
}

impl Default for RunMetrics {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            on_time: AtomicU64::new(0),
            late: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            dropped: std::array::from_fn(|_| AtomicU64::new(0)),
            alerts: AtomicU64::new(0),
            age_us: AtomicU64::new(0),
            ages: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl RunMetrics {
    /// A frame's alerts are written; it is `age` old.
    pub fn finish_frame(&self, age: Duration, on_time: bool) {
        let us = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        self.ages[bucket(us)].fetch_add(1, Relaxed);
        self.age_us.fetch_add(us, Relaxed);
        let counter = if on_time { &self.on_time } else { &self.late };
        counter.fetch_add(1, Relaxed);
    }

    /// A frame's alerts are written; its capture time is unknown.
    pub fn finish_frame_of_unknown_age(&self) {
        self.unknown.fetch_add(1, Relaxed);
    }

    /// A frame could not be decoded or scored.
    pub fn count_invalid(&self) {
        self.invalid.fetch_add(1, Relaxed);
    }

    /// The source is not there yet, and the run waits for it.
    pub fn count_wait(&self) {
        self.waits.fetch_add(1, Relaxed);
    }

    /// A frame did not reach the engine.
    pub fn count_dropped(&self, reason: DropReason) {
        self.dropped[reason as usize].fetch_add(1, Relaxed);
    }

    /// So many frames were superseded by newer ones since the start of the run.
    pub fn set_superseded(&self, frames: u64) {
        self.dropped[DropReason::Superseded as usize].store(frames, Relaxed);
    }

    pub(super) fn count_alert(&self) {
        self.alerts.fetch_add(1, Relaxed);
    }

    /// The numbers as they are now.
    pub(super) fn snapshot(&self) -> MetricsSnapshot {
        MetricsSnapshot {
            up: self.started.elapsed(),
            on_time: self.on_time.load(Relaxed),
            late: self.late.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            invalid: self.invalid.load(Relaxed),
            waits: self.waits.load(Relaxed),
            dropped: std::array::from_fn(|i| self.dropped[i].load(Relaxed)),
            alerts: self.alerts.load(Relaxed),
            age_us: self.age_us.load(Relaxed),
            ages: std::array::from_fn(|i| self.ages[i].load(Relaxed)),
        }
    }
}

/// The numbers at one moment.
#[derive(Clone, Debug)]
pub(super) struct MetricsSnapshot {
    pub up: Duration,
    pub on_time: u64,
    pub late: u64,
    pub unknown: u64,
    pub invalid: u64,
    /// Looks at a source that was not there.
    pub waits: u64,
    /// By reason, in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
    pub alerts: u64,
    pub age_us: u64,
    ages: [u64; BUCKETS],
}

impl MetricsSnapshot {
    /// Frames finished.
    pub fn frames(&self) -> u64 {
        self.on_time + self.late + self.unknown
    }

    /// Frames finished whose age is known.
    pub fn aged(&self) -> u64 {
        self.on_time + self.late
    }

    /// Frames that did not reach the engine, for any reason.
    pub fn all_dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// An age that `share` of the frames finished since `before` do not exceed, at most a quarter
    /// too high, ms; `None` without frames.
    pub fn age_ms(&self, share: f64, before: Option<&MetricsSnapshot>) -> Option<f64> {
        let count = |i: usize| self.ages[i] - before.map_or(0, |b| b.ages[i].min(self.ages[i]));
        let all: u64 = (0..BUCKETS).map(count).sum();
        let rank = (share * all as f64).ceil() as u64;
        let mut below = 0;
        (0..BUCKETS)
            .find(|&i| {
                below += count(i);
                below >= rank && all > 0
            })
            .map(|i| upper_us(i) as f64 / 1e3)
    }

    /// Upper bounds, s, and counts of the histogram, one bound a power of two; the last is
    /// infinite.
    pub fn histogram(&self) -> Vec<(f64, u64)> {
        let mut bins = vec![(upper_us(0) as f64 / 1e6, self.ages[0])];
        for octave in 0..OCTAVES {
            let first = 1 + octave * STEPS;
            let count = self.ages[first..first + STEPS].iter().sum();
            bins.push((upper_us(first + STEPS - 1) as f64 / 1e6, count));
        }
        bins.push((f64::INFINITY, self.ages[BUCKETS - 1]));
        bins
    }
}

fn bucket(us: u64) -> usize {
    if us < 1 << FINEST {
        return 0;
    }
    let octave = us.ilog2();
    let step = (us >> (octave - 2)) as usize & (STEPS - 1);
    (1 + (octave - FINEST) as usize * STEPS + step).min(BUCKETS - 1)
}

/// Where a bucket ends, µs.
fn upper_us(bucket: usize) -> u64 {
    if bucket == 0 {
        return 1 << FINEST;
    }
    let octave = (bucket - 1) / STEPS + FINEST as usize;
    let step = (bucket - 1) % STEPS;
    ((STEPS + step + 1) as u64) << (octave - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_age_lies_in_its_bucket() {
        for us in (0..100_000).chain([1 << 20, (1 << 26) - 1, 1 << 26, u64::MAX]) {
            let i = bucket(us);
            assert!(us < upper_us(i) || i == BUCKETS - 1, "{us}");
            assert!(i == 0 || us >= upper_us(i - 1), "{us}");
        }
    }

    #[test]
    fn percentiles_are_close_and_of_the_time_asked_for() {
        let metrics = RunMetrics::default();
        assert_eq!(metrics.snapshot().age_ms(0.99, None), None);
        for ms in 1..=100 {
            metrics.finish_frame(Duration::from_millis(ms), ms <= 50);
        }
        let first = metrics.snapshot();
        let p99 = first.age_ms(0.99, None).unwrap();
        assert!((99.0..125.0).contains(&p99), "{p99}");
        assert_eq!((first.on_time, first.late, first.frames()), (50, 50, 100));
        assert_eq!(first.age_us, 5_050_000);
        metrics.finish_frame_of_unknown_age();
        let snapshot = metrics.snapshot();
        assert_eq!((snapshot.frames(), snapshot.aged()), (101, 100));
        metrics.finish_frame(Duration::from_millis(4), true);
        let p99 = metrics.snapshot().age_ms(0.99, Some(&first)).unwrap();
        assert!((4.0..5.1).contains(&p99), "{p99}");
        assert_eq!(first.histogram().iter().map(|b| b.1).sum::<u64>(), 100);
        metrics.finish_frame(Duration::MAX, false);
        assert_eq!(metrics.snapshot().histogram().last().unwrap().1, 1);
    }
}
