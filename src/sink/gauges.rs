//! Numbers of a run that others look at while it goes on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Ages below this are not told apart, µs, as a power of two: 256 µs.
const FINEST: u32 = 8;
/// Powers of two that are told apart: up to 67 s.
const OCTAVES: usize = 18;
/// Steps of one power of two.
const STEPS: usize = 4;
/// The first is for what is finer, the last for what is longer.
const BUCKETS: usize = OCTAVES * STEPS + 2;

/// Counters of frames and a histogram of their ages. Written once a frame without a lock, read
/// from any thread.
#[derive(Debug)]
pub struct Gauges {
    started: Instant,
    on_time: AtomicU64,
    late: AtomicU64,
    bad: AtomicU64,
    dropped: AtomicU64,
    alerts: AtomicU64,
    ages: [AtomicU64; BUCKETS],
}

impl Default for Gauges {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            on_time: AtomicU64::new(0),
            late: AtomicU64::new(0),
            bad: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            alerts: AtomicU64::new(0),
            ages: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Gauges {
    /// A frame's alerts are written; it is `age` old.
    pub fn finish_frame(&self, age: Duration, on_time: bool) {
        let us = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        self.ages[bucket(us)].fetch_add(1, Relaxed);
        let counter = if on_time { &self.on_time } else { &self.late };
        counter.fetch_add(1, Relaxed);
    }

    /// A frame could not be used.
    pub fn count_bad(&self) {
        self.bad.fetch_add(1, Relaxed);
    }

    /// So many frames were overtaken by newer ones since the start of the run.
    pub fn set_dropped(&self, frames: u64) {
        self.dropped.store(frames, Relaxed);
    }

    pub(super) fn count_alert(&self) {
        self.alerts.fetch_add(1, Relaxed);
    }

    /// The numbers as they are now.
    pub(super) fn look(&self) -> Look {
        Look {
            up: self.started.elapsed(),
            on_time: self.on_time.load(Relaxed),
            late: self.late.load(Relaxed),
            bad: self.bad.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            alerts: self.alerts.load(Relaxed),
            ages: std::array::from_fn(|i| self.ages[i].load(Relaxed)),
        }
    }
}

/// The numbers at one moment.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub up: Duration,
    pub on_time: u64,
    pub late: u64,
    pub bad: u64,
    pub dropped: u64,
    pub alerts: u64,
    ages: [u64; BUCKETS],
}

impl Look {
    /// Frames finished.
    pub fn frames(&self) -> u64 {
        self.on_time + self.late
    }

    /// An age that `share` of the frames finished since `before` do not exceed, at most a quarter
    /// too high, ms; `None` without frames.
    pub fn age_ms(&self, share: f64, before: Option<&Look>) -> Option<f64> {
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
        let gauges = Gauges::default();
        assert_eq!(gauges.look().age_ms(0.99, None), None);
        for ms in 1..=100 {
            gauges.finish_frame(Duration::from_millis(ms), ms <= 50);
        }
        let first = gauges.look();
        let p99 = first.age_ms(0.99, None).unwrap();
        assert!((99.0..125.0).contains(&p99), "{p99}");
        assert_eq!((first.on_time, first.late, first.frames()), (50, 50, 100));
        gauges.finish_frame(Duration::from_millis(4), true);
        let p99 = gauges.look().age_ms(0.99, Some(&first)).unwrap();
        assert!((4.0..5.1).contains(&p99), "{p99}");
        gauges.finish_frame(Duration::MAX, false);
        assert_eq!(gauges.look().late, 51);
    }
}
