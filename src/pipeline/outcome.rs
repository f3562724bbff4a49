//! What a run gives: events while it goes on, a summary, or why it ended early.

use crate::budget::LatencyStats;
use crate::budget::realtime::RealtimeError;
use crate::health::{blind, host};
use crate::sink::SinkError;
use crate::source::{BadFrame, CaptureReport, SourceError, SourceEvent};
use std::time::Duration;
use unmask_alert::DecideError;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The source failed.
    #[error(transparent)]
    Camera(#[from] SourceError),
    /// An alert could not be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Settings that make no sense.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// The system does not give what was asked for.
    #[error(transparent)]
    Realtime(#[from] RealtimeError),
    /// The thread that watches the machine cannot be started.
    #[error("cannot watch the machine: {0}; board.every_s = 0 leaves it out")]
    Board(std::io::Error),
    /// The view stopped.
    #[error("cannot draw: {0}")]
    View(String),
    /// Not one frame could be used.
    #[error("none of the {frames} frames could be used; the first: {first}")]
    NothingUsed {
        /// Frames tried.
        frames: u64,
        /// What was wrong with the first.
        first: BadFrame,
    },
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// Times and misses.
    pub ledger: LatencyStats,
    /// Frames that could not be used.
    pub bad: u64,
    /// Frames that did not reach the engine (in real time only), those of the warm-up included.
    pub dropped: u64,
    /// Steps down and up on the degrade ladder.
    pub changes: u64,
    /// Frames that were not drawn for want of time (in real time only).
    pub not_drawn: u64,
    /// Detections that were alerted on.
    pub begun: u64,
    /// Lines written.
    pub alerts: u64,
    /// From the beginning, or the end of the warm-up, to the end.
    pub took: Duration,
    /// What the camera came to, where it is one.
    pub capture: Option<CaptureReport>,
    /// What the very first frame took, from its admission to its alerts.
    pub first_frame: Option<Duration>,
}

impl RunSummary {
    /// Frames finished a second.
    pub fn frames_per_second(&self) -> f64 {
        let seconds = self.took.as_secs_f64();
        if seconds > 0.0 {
            self.ledger.frames() as f64 / seconds
        } else {
            0.0
        }
    }
}

/// What happens while a run goes on.
#[derive(Clone, Copy, Debug)]
pub enum RunEvent<'a> {
    /// A frame was finished.
    Frame,
    /// A frame could not be used.
    Bad(&'a BadFrame),
    /// The camera is blind, or sees again.
    Health(blind::BlindChange),
    /// The camera failed, or works again.
    Camera(&'a SourceEvent),
    /// The wall clock was set.
    Clock(&'a str),
    /// The host gets slower, or will, or is well again.
    Host(&'a host::HostChange),
}
