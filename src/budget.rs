//! Latency statistics: a histogram per stage, and misses of the budget. `policy` decides which
//! frames can still meet their deadline, `ladder` degrades the run when too many do not.

pub mod ladder;
pub mod overload;
pub mod policy;
pub mod realtime;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest time that is distinguished, ns: ten minutes.
const LONGEST_NS: u64 = 600_000_000_000;
/// Significant decimal digits of a histogram.
const DIGITS: u8 = 3;

/// A stage of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameStage {
    /// Decoding or rendering, on the camera's own thread.
    Read,
    /// The pipeline's wait for a frame from the camera's thread.
    Wait,
    /// The frame's wait for the engine, from its capture on (in real time).
    Queue,
    /// Resize and normalise.
    Prepare,
    /// The network.
    Engine,
    /// Score and refinement.
    Score,
    /// Components and tracks.
    Decide,
    /// Writing alerts.
    Emit,
    /// Handing the frame to the view; the drawing itself runs on the view's own thread.
    View,
}

impl FrameStage {
    /// All stages, in pipeline order.
    pub const ALL: [FrameStage; 9] = [
        FrameStage::Read,
        FrameStage::Wait,
        FrameStage::Queue,
        FrameStage::Prepare,
        FrameStage::Engine,
        FrameStage::Score,
        FrameStage::Decide,
        FrameStage::Emit,
        FrameStage::View,
    ];

    /// Its name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            FrameStage::Read => "read",
            FrameStage::Wait => "wait",
            FrameStage::Queue => "queue",
            FrameStage::Prepare => "prepare",
            FrameStage::Engine => "engine",
            FrameStage::Score => "score",
            FrameStage::Decide => "decide",
            FrameStage::Emit => "emit",
            FrameStage::View => "view",
        }
    }
}

/// Percentiles of a time, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyPercentiles {
    /// Half of the values lie at or below.
    pub p50_ms: f64,
    /// 90 of 100 values lie at or below.
    pub p90_ms: f64,
    /// 99 of 100 values lie at or below.
    pub p99_ms: f64,
    /// 999 of 1000 values lie at or below.
    pub p999_ms: f64,
    /// The largest value.
    pub max_ms: f64,
}

/// Why a frame did not reach the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// A newer one came while it waited.
    Superseded,
    /// It could not make its deadline any more.
    TooLate,
    /// The degrade ladder leaves it out.
    Skipped,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [DropReason; 3] = [
        DropReason::Superseded,
        DropReason::TooLate,
        DropReason::Skipped,
    ];

    /// Its name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            DropReason::Superseded => "superseded",
            DropReason::TooLate => "too_late",
            DropReason::Skipped => "skipped",
        }
    }
}

/// One time's histogram and exact sum.
#[derive(Clone, Debug)]
struct StageTimes {
    histogram: Histogram<u64>,
    sum: Duration,
}

impl StageTimes {
    fn new() -> Self {
        Self {
            histogram: Histogram::new_with_bounds(1, LONGEST_NS, DIGITS)
                .expect("the bounds are constants that fit"),
            sum: Duration::ZERO,
        }
    }

    fn add(&mut self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(LONGEST_NS);
        self.histogram.saturating_record(ns);
        self.sum += time;
    }

    fn percentiles(&self) -> LatencyPercentiles {
        let ms = |ns: u64| (ns as f64 / 1e6 * 1e3).round() / 1e3;
        if self.histogram.is_empty() {
            return LatencyPercentiles::default();
        }
        LatencyPercentiles {
            p50_ms: ms(self.histogram.value_at_quantile(0.5)),
            p90_ms: ms(self.histogram.value_at_quantile(0.9)),
            p99_ms: ms(self.histogram.value_at_quantile(0.99)),
            p999_ms: ms(self.histogram.value_at_quantile(0.999)),
            max_ms: ms(self.histogram.max()),
        }
    }
}

/// The times of a run.
#[derive(Clone, Debug)]
pub struct LatencyStats {
    stages: [StageTimes; FrameStage::ALL.len()],
    age: StageTimes,
    work: StageTimes,
    outside: StageTimes,
    budget: Duration,
    misses: u64,
    unknown: u64,
    dropped: [u64; DropReason::ALL.len()],
    last_age: Option<Duration>,
    age_steps: Duration,
    steps: u64,
    idle_waits: bool,
}

impl LatencyStats {
    /// A ledger for frames whose alerts may be `budget` old.
    ///
    /// `idle_waits`: frames come at a fixed rate, so waiting for one is idleness and not a cost.
    pub fn new(budget: Duration, idle_waits: bool) -> Self {
        Self {
            stages: std::array::from_fn(|_| StageTimes::new()),
            age: StageTimes::new(),
            work: StageTimes::new(),
            outside: StageTimes::new(),
            budget,
            misses: 0,
            unknown: 0,
            dropped: [0; DropReason::ALL.len()],
            last_age: None,
            age_steps: Duration::ZERO,
            steps: 0,
            idle_waits,
        }
    }

    /// Records what `stage` of one frame took.
    pub fn add(&mut self, stage: FrameStage, time: Duration) {
        self.stages[stage as usize].add(time);
    }

    /// Records the age of a frame whose alerts are written: a miss where it exceeds the budget.
    pub fn finish_frame(&mut self, age: Duration) {
        self.age.add(age);
        self.misses += u64::from(age > self.budget);
        if let Some(last) = self.last_age.replace(age) {
            self.age_steps += age.abs_diff(last);
            self.steps += 1;
        }
    }

    /// Records a frame whose alerts are written, but whose capture time is unknown: it
    /// is neither on time nor late.
    pub fn finish_frame_of_unknown_age(&mut self) {
        self.unknown += 1;
        self.last_age = None;
    }

    /// Records what a frame took from its admission to its alerts, without its wait, and how much of
    /// that the engine ran.
    pub fn finish_work(&mut self, took: Duration, engine: Duration) {
        self.work.add(took);
        self.outside.add(took.saturating_sub(engine));
    }

    /// Percentiles of what each frame took outside the engine, from its admission to its alerts:
    /// the pipeline's own share.
    pub fn outside_engine(&self) -> LatencyPercentiles {
        self.outside.percentiles()
    }

    /// Percentiles of what frames took from their admission to their alerts.
    pub fn work(&self) -> LatencyPercentiles {
        self.work.percentiles()
    }

    /// Records `frames` that did not reach the engine.
    pub fn count_dropped(&mut self, reason: DropReason, frames: u64) {
        self.dropped[reason as usize] += frames;
    }

    /// Frames that did not reach the engine.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Frames that did not reach the engine, for any reason.
    pub fn all_dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Frames whose alerts were written within the budget.
    pub fn on_time(&self) -> u64 {
        self.age.histogram.len() - self.misses
    }

    /// Mean difference between the ages of one frame and the next, ms.
    pub fn jitter_ms(&self) -> f64 {
        match self.steps {
            0 => 0.0,
            steps => self.age_steps.as_secs_f64() * 1e3 / steps as f64,
        }
    }

    /// Frames finished: on time, late or of unknown age.
    pub fn frames(&self) -> u64 {
        self.age.histogram.len() + self.unknown
    }

    /// Frames finished whose capture time is unknown.
    pub fn unknown_age(&self) -> u64 {
        self.unknown
    }

    /// Frames older than the budget when their alerts were written.
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// Percentiles of one stage.
    pub fn stage(&self, stage: FrameStage) -> LatencyPercentiles {
        self.stages[stage as usize].percentiles()
    }

    /// Percentiles of a frame's age when its alerts were written.
    pub fn age(&self) -> LatencyPercentiles {
        self.age.percentiles()
    }

    /// Time spent outside the engine as a share of all time on the frames' way, 0 to 1.
    ///
    /// Counted: everything that keeps the engine from its next frame. Reading and drawing run on
    /// threads of their own and count only where the engine had to wait for them.
    pub fn outside_engine_share(&self) -> f64 {
        let counted = |stage: &FrameStage| match stage {
            FrameStage::Read => false,
            // A frame waits for the engine while the engine works.
            FrameStage::Queue => false,
            FrameStage::Wait => !self.idle_waits,
            _ => true,
        };
        let all: Duration = FrameStage::ALL
            .iter()
            .filter(|s| counted(s))
            .map(|&s| self.stages[s as usize].sum)
            .sum();
        if all.is_zero() {
            return 0.0;
        }
        let engine = self.stages[FrameStage::Engine as usize].sum;
        1.0 - engine.as_secs_f64() / all.as_secs_f64()
    }

    /// Ages of frames in `bins` equal steps from 0 to the largest: upper bound in ms and count.
    pub fn age_histogram(&self, bins: usize) -> Vec<(f64, u64)> {
        let max = self.age.histogram.max();
        if self.age.histogram.is_empty() || bins == 0 {
            return Vec::new();
        }
        let step = (max / bins as u64 + 1).max(1);
        let mut counts: Vec<(f64, u64)> = (1..=bins as u64)
            .map(|i| ((i * step) as f64 / 1e6, 0))
            .collect();
        for value in self.age.histogram.iter_recorded() {
            let bin = (value.value_iterated_to() / step) as usize;
            counts[bin.min(bins - 1)].1 += value.count_at_value();
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        let mut ledger = LatencyStats::new(ms(95), false);
        for i in 1..=100 {
            ledger.add(FrameStage::Engine, ms(i));
            ledger.finish_frame(ms(i));
        }
        let engine = ledger.stage(FrameStage::Engine);
        assert!((engine.p50_ms - 50.0).abs() < 0.1 && (engine.p99_ms - 99.0).abs() < 0.2);
        assert!((engine.max_ms - 100.0).abs() < 0.2);
        assert_eq!((ledger.frames(), ledger.misses()), (100, 5));
        assert_eq!(
            ledger.stage(FrameStage::View),
            LatencyPercentiles::default()
        );
    }

    #[test]
    fn the_tail_is_distinguished() {
        let mut ledger = LatencyStats::new(ms(95), false);
        (1..=1000).for_each(|i| ledger.add(FrameStage::Queue, ms(i)));
        let queue = ledger.stage(FrameStage::Queue);
        assert!((queue.p90_ms - 900.0).abs() < 1.0 && (queue.p999_ms - 999.0).abs() < 1.0);
    }

    #[test]
    fn drops_are_counted_by_cause_and_jitter_is_the_mean_step() {
        let mut ledger = LatencyStats::new(ms(15), false);
        assert_eq!(ledger.jitter_ms(), 0.0);
        for age in [10, 20, 16, 16] {
            ledger.finish_frame(ms(age));
        }
        assert!((ledger.jitter_ms() - 14.0 / 3.0).abs() < 1e-9);
        assert_eq!((ledger.on_time(), ledger.misses()), (1, 3));
        ledger.count_dropped(DropReason::Superseded, 5);
        ledger.count_dropped(DropReason::TooLate, 1);
        ledger.count_dropped(DropReason::TooLate, 1);
        let dropped = DropReason::ALL.map(|reason| (reason.name(), ledger.dropped(reason)));
        assert_eq!(
            dropped,
            [("superseded", 5), ("too_late", 2), ("skipped", 0)]
        );
        assert_eq!(ledger.all_dropped(), 7);
    }

    #[test]
    fn frames_of_unknown_age_are_neither_on_time_nor_late() {
        let mut ledger = LatencyStats::new(ms(15), false);
        ledger.finish_frame(ms(10));
        ledger.finish_frame_of_unknown_age();
        ledger.finish_frame(ms(20));
        assert_eq!((ledger.frames(), ledger.unknown_age()), (3, 1));
        assert_eq!((ledger.on_time(), ledger.misses()), (1, 1));
        // The two known ones are not neighbours.
        assert_eq!(ledger.jitter_ms(), 0.0);
        assert_eq!(ledger.age_histogram(4).iter().map(|b| b.1).sum::<u64>(), 2);
    }

    #[test]
    fn the_share_outside_leaves_out_what_runs_beside() {
        let mut ledger = LatencyStats::new(ms(1), false);
        ledger.add(FrameStage::Read, ms(500));
        ledger.add(FrameStage::Engine, ms(90));
        ledger.add(FrameStage::Score, ms(6));
        ledger.add(FrameStage::Wait, ms(4));
        assert!((ledger.outside_engine_share() - 0.1).abs() < 1e-9);
        ledger.idle_waits = true;
        assert!((ledger.outside_engine_share() - 6.0 / 96.0).abs() < 1e-9);
        assert_eq!(LatencyStats::new(ms(1), false).outside_engine_share(), 0.0);
    }

    #[test]
    fn share_outside_is_per_frame() {
        let mut ledger = LatencyStats::new(ms(100), true);
        for _ in 0..999 {
            ledger.finish_work(ms(51), ms(50));
        }
        // A slow engine is not the pipeline's share.
        ledger.finish_work(ms(95), ms(90));
        let outside = ledger.outside_engine();
        assert!((outside.p50_ms - 1.0).abs() < 0.01 && (outside.max_ms - 5.0).abs() < 0.05);
        assert!((ledger.work().max_ms - 95.0).abs() < 0.5);
    }

    #[test]
    fn times_beyond_the_histogram_are_held_at_its_end() {
        let mut ledger = LatencyStats::new(Duration::ZERO, false);
        ledger.add(FrameStage::Emit, Duration::MAX / 2);
        ledger.add(FrameStage::Decide, Duration::ZERO);
        assert!(ledger.stage(FrameStage::Emit).max_ms >= 600_000.0);
        ledger.finish_frame(Duration::ZERO);
        assert_eq!(ledger.misses(), 0);
    }

    #[test]
    fn every_frame_falls_into_one_bin() {
        let mut ledger = LatencyStats::new(ms(10), false);
        assert!(ledger.age_histogram(5).is_empty());
        for i in [0, 1, 5, 10, 10, 20] {
            ledger.finish_frame(ms(i));
        }
        let bins = ledger.age_histogram(4);
        assert_eq!(bins.len(), 4);
        assert_eq!(bins.iter().map(|b| b.1).sum::<u64>(), 6);
        assert!(bins[3].0 >= 20.0 && bins[3].1 == 1);
        assert!(bins.windows(2).all(|w| w[0].0 < w[1].0));
    }
}
