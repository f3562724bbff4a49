//! Camera tampering: frames that are missing, frozen, or show nothing.
//!
//! Every frame gets a [`FrameStatistics`]: the mean luma of a grid of cells, and single pixels between
//! them. [`BlindSigns`] are derived from them, and [`TamperMonitor`] turns signs and times into one state,
//! raised within a second and cleared with hysteresis. Nothing here knows a camera or a clock:
//! times are given.

mod statistics;

pub use statistics::{BlindSigns, FrameStatistics};

use std::time::Duration;

/// Why nothing can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlindReason {
    /// The source is not there yet. Whoever opens it knows; [`TamperMonitor`] never raises it.
    Missing,
    /// No frame came for three periods.
    Silent,
    /// The picture does not change in a single pixel.
    Frozen,
    /// The picture is black.
    Black,
    /// Most of the picture is as bright as it can be.
    Overexposed,
    /// Something lies over the lens: light, but no shape.
    Covered,
    /// No edge is sharp.
    Blurred,
}

impl BlindReason {
    /// All reasons, in the order in which they are reported where several hold.
    pub const ALL: [BlindReason; 7] = [
        BlindReason::Missing,
        BlindReason::Silent,
        BlindReason::Black,
        BlindReason::Overexposed,
        BlindReason::Covered,
        BlindReason::Blurred,
        BlindReason::Frozen,
    ];

    /// One word for ids and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            BlindReason::Missing => "missing",
            BlindReason::Silent => "silent",
            BlindReason::Frozen => "frozen",
            BlindReason::Black => "black",
            BlindReason::Overexposed => "overexposed",
            BlindReason::Covered => "covered",
            BlindReason::Blurred => "blurred",
        }
    }
}

impl std::fmt::Display for BlindReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When the picture counts as not a picture. Measured on road pictures: `docs/camera.md`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlindLimits {
    /// Black: 99 in 100 cells are darker than this, luma 0 to 255.
    pub black_luma: f32,
    /// Over-exposed: this share of cells is at 250 or above, 0 to 1.
    pub bright_share: f32,
    /// Covered: fewer than this share of cells differ from their neighbours, 0 to 1.
    pub textured_share: f32,
    /// Blurred: the steepest edges rise by less than this share of their height from one cell to
    /// the next, 0 to 1.
    pub sharpness: f32,
    /// How much further the other way a sign must go before it counts as gone, as a factor.
    pub hysteresis: f32,
}

impl Default for BlindLimits {
    fn default() -> Self {
        Self {
            black_luma: 20.0,
            bright_share: 0.5,
            textured_share: 0.05,
            sharpness: 0.41,
            hysteresis: 1.15,
        }
    }
}

impl BlindLimits {
    /// What a single picture suffers from; `raised` asks with the limits of clearing.
    pub fn find_reason(&self, signs: &BlindSigns, raised: bool) -> Option<BlindReason> {
        let slack = if raised { self.hysteresis } else { 1.0 };
        if signs.luma_p99 < self.black_luma * slack {
            Some(BlindReason::Black)
        } else if signs.bright_share > self.bright_share / slack {
            Some(BlindReason::Overexposed)
        } else if signs.textured_share < self.textured_share * slack {
            Some(BlindReason::Covered)
        } else if signs.sharpness < self.sharpness * slack {
            Some(BlindReason::Blurred)
        } else {
            None
        }
    }
}

/// A sign must hold this long before it is reported.
const RAISE_AFTER: Duration = Duration::from_millis(500);
/// No sign may hold for this long before the end is reported.
const CLEAR_AFTER: Duration = Duration::from_millis(1000);
/// Frames that must agree, whatever the time: one picture is not a proof.
const FRAMES: u32 = 2;
/// Periods without a frame that are silence.
const SILENT_PERIODS: u32 = 3;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlindChange {
    /// From here on nothing is seen.
    Raised(BlindReason),
    /// It is over: objects are seen again. The cause is the one raised.
    Cleared(BlindReason),
}

impl std::fmt::Display for BlindChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BlindChange::Raised(reason) => write!(f, "blind: {reason}"),
            BlindChange::Cleared(reason) => write!(f, "sees again (was {reason})"),
        }
    }
}

/// Follows frames and reports when the camera is blind and when it recovers.
#[derive(Debug)]
pub struct TamperMonitor {
    limits: BlindLimits,
    silent_after: Duration,
    statistics: FrameStatistics,
    previous: FrameStatistics,
    /// When the last frame arrived.
    last: Option<Duration>,
    /// Since when, and over how many frames, signs held without a break.
    bad_streak: Option<(Duration, u32)>,
    /// Since when, and over how many frames, no sign held.
    good_streak: Option<(Duration, u32)>,
    raised: Option<BlindReason>,
}

impl TamperMonitor {
    /// A watch over a source that is to give a frame every `period`.
    pub fn new(limits: BlindLimits, period: Duration) -> Self {
        Self {
            limits,
            silent_after: period.saturating_mul(SILENT_PERIODS),
            statistics: FrameStatistics::default(),
            previous: FrameStatistics::default(),
            last: None,
            bad_streak: None,
            good_streak: None,
            raised: None,
        }
    }

    /// Why nothing is seen at present.
    pub fn raised(&self) -> Option<BlindReason> {
        self.raised
    }

    /// How long to wait for a frame before calling [`TamperMonitor::check_silence`].
    pub fn patience(&self) -> Duration {
        self.silent_after
    }

    /// A frame came: interleaved RGB, `w` x `h` pixels, captured at `at`.
    pub fn observe(&mut self, w: usize, h: usize, rgb: &[u8], at: Duration) -> Option<BlindChange> {
        std::mem::swap(&mut self.statistics, &mut self.previous);
        let signs = self.statistics.measure(w, h, rgb);
        self.update(signs, at)
    }

    /// As [`TamperMonitor::observe`], for a frame that is not a picture: `pixel` gives the colour at column and
    /// row.
    pub fn observe_pixels(
        &mut self,
        w: usize,
        h: usize,
        pixel: &dyn Fn(usize, usize) -> [u8; 3],
        at: Duration,
    ) -> Option<BlindChange> {
        std::mem::swap(&mut self.statistics, &mut self.previous);
        let signs = self.statistics.measure_pixels(w, h, pixel);
        self.update(signs, at)
    }

    fn update(&mut self, signs: BlindSigns, at: Duration) -> Option<BlindChange> {
        let frozen = self.last.is_some() && self.statistics.same_pixels(&self.previous);
        self.last = Some(at);
        // A burnt-out picture does not change either: what it suffers from says more.
        let reason = self
            .limits
            .find_reason(&signs, self.raised.is_some())
            .or(frozen.then_some(BlindReason::Frozen));
        let Some(reason) = reason else {
            self.bad_streak = None;
            let (since, frames) = self
                .good_streak
                .map_or((at, 1), |(since, n)| (since, n + 1));
            self.good_streak = Some((since, frames));
            let over = at.saturating_sub(since) >= CLEAR_AFTER && frames >= FRAMES;
            return if over { self.clear() } else { None };
        };
        self.good_streak = None;
        let (since, frames) = self.bad_streak.map_or((at, 1), |(since, n)| (since, n + 1));
        self.bad_streak = Some((since, frames));
        let changes = at.saturating_sub(since) >= RAISE_AFTER && frames >= FRAMES;
        if changes { self.raise(reason) } else { None }
    }

    /// The last frame seen arrived at `now`, later than it was captured. Without this call it counts
    /// as having arrived when it was captured.
    pub fn frame_arrived(&mut self, now: Duration) {
        self.last = self.last.map(|last| last.max(now));
    }

    /// No frame came until `now`, on the clock of the frames' times. Before the first frame the
    /// clock's zero counts as the last one.
    pub fn check_silence(&mut self, now: Duration) -> Option<BlindChange> {
        let last = self.last.unwrap_or(Duration::ZERO);
        if now.saturating_sub(last) < self.silent_after {
            return None;
        }
        self.good_streak = None;
        self.raise(BlindReason::Silent)
    }

    fn raise(&mut self, reason: BlindReason) -> Option<BlindChange> {
        if self.raised.is_some() {
            return None;
        }
        self.raised = Some(reason);
        Some(BlindChange::Raised(reason))
    }

    fn clear(&mut self) -> Option<BlindChange> {
        self.raised.take().map(BlindChange::Cleared)
    }
}

#[cfg(test)]
mod tests;
