//! Blindness: frames that do not come, do not change, or show nothing.
//!
//! Every frame gets a [`Glance`]: the mean luma of a grid of cells, and single pixels between
//! them. [`Signs`] are read off the glance, and [`Watch`] turns signs and times into one state,
//! raised within a second and cleared with hysteresis. Nothing here knows a camera or a clock:
//! times are given.

mod glance;

pub use glance::{Glance, Signs};

use std::time::Duration;

/// Why nothing can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The source is not there yet. Whoever opens it knows; [`Watch`] never raises it.
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

impl Cause {
    /// All causes, in the order in which they are told where several hold.
    pub const ALL: [Cause; 7] = [
        Cause::Missing,
        Cause::Silent,
        Cause::Black,
        Cause::Overexposed,
        Cause::Covered,
        Cause::Blurred,
        Cause::Frozen,
    ];

    /// One word for ids and logs.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Missing => "missing",
            Cause::Silent => "silent",
            Cause::Frozen => "frozen",
            Cause::Black => "black",
            Cause::Overexposed => "overexposed",
            Cause::Covered => "covered",
            Cause::Blurred => "blurred",
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// When the picture counts as no picture. Measured on road pictures: `docs/camera.md`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
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

impl Default for Limits {
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

impl Limits {
    /// What a single picture suffers from; `raised` asks with the limits of clearing.
    pub fn judge(&self, signs: &Signs, raised: bool) -> Option<Cause> {
        let slack = if raised { self.hysteresis } else { 1.0 };
        if signs.luma_p99 < self.black_luma * slack {
            Some(Cause::Black)
        } else if signs.bright_share > self.bright_share / slack {
            Some(Cause::Overexposed)
        } else if signs.textured_share < self.textured_share * slack {
            Some(Cause::Covered)
        } else if signs.sharpness < self.sharpness * slack {
            Some(Cause::Blurred)
        } else {
            None
        }
    }
}

/// A sign must hold this long before it is told.
const RAISE_AFTER: Duration = Duration::from_millis(500);
/// No sign may hold for this long before the end is told.
const CLEAR_AFTER: Duration = Duration::from_millis(1000);
/// Frames that must agree, whatever the time: one picture is no proof.
const FRAMES: u32 = 2;
/// Periods without a frame that are silence.
const SILENT_PERIODS: u32 = 3;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// From here on nothing is seen.
    Raised(Cause),
    /// It is over: things are seen again. The cause is the one raised.
    Cleared(Cause),
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Change::Raised(cause) => write!(f, "blind: {cause}"),
            Change::Cleared(cause) => write!(f, "sees again (was {cause})"),
        }
    }
}

/// Follows frames and tells when the watch is blind and when it sees again.
#[derive(Debug)]
pub struct Watch {
    limits: Limits,
    silent_after: Duration,
    glance: Glance,
    before: Glance,
    /// Time of the last frame.
    last: Option<Duration>,
    /// Since when, and over how many frames, signs held without a break.
    bad: Option<(Duration, u32)>,
    /// Since when, and over how many frames, no sign held.
    good: Option<(Duration, u32)>,
    raised: Option<Cause>,
}

impl Watch {
    /// A watch over a source that is to give a frame every `period`.
    pub fn new(limits: Limits, period: Duration) -> Self {
        Self {
            limits,
            silent_after: period.saturating_mul(SILENT_PERIODS),
            glance: Glance::default(),
            before: Glance::default(),
            last: None,
            bad: None,
            good: None,
            raised: None,
        }
    }

    /// Why nothing is seen at present.
    pub fn raised(&self) -> Option<Cause> {
        self.raised
    }

    /// How long to wait for a frame before calling [`Watch::wait`].
    pub fn patience(&self) -> Duration {
        self.silent_after
    }

    /// A frame came: interleaved RGB, `w` x `h` pixels, captured at `at`.
    pub fn see(&mut self, w: usize, h: usize, rgb: &[u8], at: Duration) -> Option<Change> {
        std::mem::swap(&mut self.glance, &mut self.before);
        let signs = self.glance.look(w, h, rgb);
        self.judge(signs, at)
    }

    /// As [`Watch::see`], for a frame that is no picture: `pixel` gives the colour at column and
    /// row.
    pub fn see_through(
        &mut self,
        w: usize,
        h: usize,
        pixel: &dyn Fn(usize, usize) -> [u8; 3],
        at: Duration,
    ) -> Option<Change> {
        std::mem::swap(&mut self.glance, &mut self.before);
        let signs = self.glance.look_through(w, h, pixel);
        self.judge(signs, at)
    }

    fn judge(&mut self, signs: Signs, at: Duration) -> Option<Change> {
        let frozen = self.last.is_some() && self.glance.same_pixels(&self.before);
        self.last = Some(at);
        // A burnt-out picture does not change either: what it suffers from says more.
        let cause = self
            .limits
            .judge(&signs, self.raised.is_some())
            .or(frozen.then_some(Cause::Frozen));
        let Some(cause) = cause else {
            self.bad = None;
            let (since, frames) = self.good.map_or((at, 1), |(since, n)| (since, n + 1));
            self.good = Some((since, frames));
            let over = at.saturating_sub(since) >= CLEAR_AFTER && frames >= FRAMES;
            return if over { self.clear() } else { None };
        };
        self.good = None;
        let (since, frames) = self.bad.map_or((at, 1), |(since, n)| (since, n + 1));
        self.bad = Some((since, frames));
        let told = at.saturating_sub(since) >= RAISE_AFTER && frames >= FRAMES;
        if told { self.raise(cause) } else { None }
    }

    /// No frame came until `now`, on the clock of the frames' times. Before the first frame the
    /// clock's zero counts as the last one.
    pub fn wait(&mut self, now: Duration) -> Option<Change> {
        let last = self.last.unwrap_or(Duration::ZERO);
        if now.saturating_sub(last) < self.silent_after {
            return None;
        }
        self.good = None;
        self.raise(Cause::Silent)
    }

    fn raise(&mut self, cause: Cause) -> Option<Change> {
        if self.raised.is_some() {
            return None;
        }
        self.raised = Some(cause);
        Some(Change::Raised(cause))
    }

    fn clear(&mut self) -> Option<Change> {
        self.raised.take().map(Change::Cleared)
    }
}

#[cfg(test)]
mod tests;
