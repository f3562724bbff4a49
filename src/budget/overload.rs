//! Simulates overload on virtual time: the policy alone, with given engine times. Shown by `unmask profile --overload`.

use super::policy::{Admission, DeadlinePolicy, PolicySettings};
use serde::Serialize;
use std::time::Duration;
use unmask_frame::MonotonicTime;

/// Frames of every row of the table.
pub const FRAMES: u64 = 20_000;
/// Engine times of the table, in periods between frames.
pub const TIMES: [f64; 3] = [1.1, 2.0, 10.0];
/// A camera's 30 frames per second, rounded.
pub const PERIOD: Duration = Duration::from_millis(33);

/// Result of a run on virtual time.
#[derive(Debug, Default)]
pub(super) struct OverloadRun {
    pub arrivals: u64,
    pub superseded: u64,
    pub dropped: u64,
    pub served: u64,
    pub on_time: u64,
    /// Most frames that ever waited.
    pub max_queue_depth: usize,
    /// Ages of the frames served, ns.
    pub ages: Vec<u64>,
}

impl OverloadRun {
    pub fn age_p99(&mut self) -> u64 {
        self.ages.sort_unstable();
        let rank = (self.ages.len() * 99).div_ceil(100);
        rank.checked_sub(1).map_or(0, |at| self.ages[at])
    }
}

/// Frames come every `period`; the newest waits, alone, while the engine works. `service` says
/// what the n-th served frame takes. All times in ns.
pub(super) fn simulate(
    frames: u64,
    period: u64,
    budget: u64,
    service: impl Fn(u64) -> u64,
) -> OverloadRun {
    let mut policy = DeadlinePolicy::new(PolicySettings::default());
    let mut came = OverloadRun::default();
    let mut waiting: Option<u64> = None;
    let mut free_at = 0;
    for i in 0..=frames {
        let arrival = if i < frames { i * period } else { u64::MAX };
        // Until this arrival the engine takes what waits whenever it is free.
        while let Some(captured) = waiting.filter(|c| free_at.max(*c) < arrival) {
            waiting = None;
            let now = MonotonicTime(free_at.max(captured));
            let deadline = MonotonicTime(captured + budget);
            let admission = policy.admit(now, deadline);
            if admission == Admission::Drop {
                came.dropped += 1;
                continue;
            }
            let done = MonotonicTime(now.0 + service(came.served));
            policy.finished(admission, now, done, deadline);
            came.served += 1;
            came.on_time += u64::from(done <= deadline);
            came.ages.push(done.0 - captured);
            free_at = done.0;
        }
        if i < frames {
            came.arrivals += 1;
            came.superseded += u64::from(waiting.replace(arrival).is_some());
            came.max_queue_depth = came.max_queue_depth.max(usize::from(waiting.is_some()));
        }
    }
    came
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverloadRow {
    /// Engine time in periods between frames.
    pub engine_per_period: f64,
    /// How old an alert may be, ms.
    pub budget_ms: f64,
    /// Frames that came.
    pub frames: u64,
    /// Frames that reached the engine.
    pub served: u64,
    /// Frames whose alerts were within the budget.
    pub on_time: u64,
    /// Frames that a newer one superseded.
    pub superseded: u64,
    /// Frames dropped before the engine, since they could not make their deadline.
    pub too_late: u64,
    /// Most frames that ever waited.
    pub max_queue_depth: usize,
    /// 99 of 100 frames served were at most this old, ms.
    pub age_p99_ms: f64,
}

/// [`FRAMES`] frames, one every [`PERIOD`], with an engine that takes `times` periods, give or take
/// a tenth, and a budget of the engine at its slowest and half a wait.
pub fn row(times: f64) -> OverloadRow {
    let period = u64::try_from(PERIOD.as_nanos()).unwrap_or(u64::MAX);
    let engine = (period as f64 * times) as u64;
    let budget = engine * 11 / 10 + period / 2;
    let mut came = simulate(FRAMES, period, budget, |n| with_jitter(engine, n));
    let ms = |ns: u64| ns as f64 / 1e6;
    OverloadRow {
        engine_per_period: times,
        budget_ms: ms(budget),
        frames: came.arrivals,
        served: came.served,
        on_time: came.on_time,
        superseded: came.superseded,
        too_late: came.dropped,
        max_queue_depth: came.max_queue_depth,
        age_p99_ms: ms(came.age_p99()),
    }
}

/// `mean` give or take a tenth, the same for the same `n`.
fn with_jitter(mean: u64, n: u64) -> u64 {
    let noise = n.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17) % 201;
    mean * (900 + noise) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overload_keeps_the_queue_short_the_age_bounded_and_every_drop_counted() {
        let period_ms = PERIOD.as_secs_f64() * 1e3;
        for row in TIMES.map(row) {
            assert_eq!(row.frames, FRAMES);
            assert!(row.max_queue_depth <= 1, "{row:?}");
            assert!(row.age_p99_ms <= row.budget_ms + period_ms, "{row:?}");
            assert_eq!(row.superseded + row.too_late, row.frames - row.served);
            assert!(row.served > 1000, "{row:?}");
            // What was admitted as able to make it nearly always does.
            assert!(row.on_time * 100 >= row.served * 97, "{row:?}");
        }
    }

    #[test]
    fn without_frames_there_is_no_age() {
        assert_eq!(simulate(0, 1, 1, |_| 1).age_p99(), 0);
    }
}
