//! Capture session: gives the newest frame with its age, counts lost frames, and recovers from
//! faults for as long as the process runs.
//!
//! One outage, one event: it begins with the first fault and ends with the next frame, whatever
//! is tried in between ([`CaptureOutage`] has the timing). Trying again means opening the device again: after a
//! fault no part of a stream is trusted.

mod frames;
mod report;
mod start;

pub use report::{CaptureEvent, CaptureSummary, LossReason, LostFrames, ReportHandle};

use crate::mode::{FormatRequest, ModeError};
use crate::outage::CaptureOutage;
use crate::sequence::SequenceCounter;
use crate::timestamp_clock::{FrameAge, TimestampClock};
use crate::{
    AlignedPages, FilledBuffer, MemoryKind, Region, V4l2Api, V4l2Error, VideoFormat, VideoStream,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a wait lasts at most before the wish to stop is looked at.
const WAIT_SLICE: Duration = Duration::from_millis(50);
/// A device is silent when no frame comes for this many periods ...
const SILENT_PERIODS: u32 = 10;
/// ... but not sooner than this.
const MIN_SILENCE: Duration = Duration::from_secs(1);
/// The period of a device that cannot say its rate.
const DEFAULT_PERIOD: Duration = Duration::from_millis(33);

/// Whose memory frames are to lie in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MemoryChoice {
    /// That of the caller where the driver takes it, else the driver's.
    #[default]
    Auto,
    /// This kind, or none.
    Only(MemoryKind),
}

/// How to capture.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// The device.
    pub path: PathBuf,
    /// What it is to be set to.
    pub request: FormatRequest,
    /// Whose memory is filled.
    pub memory: MemoryChoice,
    /// Buffers that go round: one with the reader, one waiting, and what the driver needs.
    pub buffers: u32,
}

/// A captured frame. Dropped, its memory goes back to the driver.
#[derive(Debug)]
pub struct CapturedFrame {
    /// Its bytes.
    pub buffer: FilledBuffer,
    /// What they are.
    pub format: VideoFormat,
    /// Its number since the beginning, those that were lost included.
    pub number: u64,
    /// How old it was when it arrived.
    pub age: FrameAge,
    /// When it arrived.
    pub arrived: Instant,
    /// Frames lost since the one before.
    pub lost: LostFrames,
}

/// Lends the memory of one buffer of at least so many bytes.
pub type MemoryLending = dyn Fn(usize) -> Result<Arc<dyn Region>, V4l2Error> + Send + Sync;

/// A camera.
pub struct CaptureSession {
    kernel: Arc<dyn V4l2Api>,
    options: CaptureOptions,
    allocator: Box<MemoryLending>,
    /// Memory that was lent before: it is used again.
    buffer_pool: Vec<Arc<dyn Region>>,
    pool_kind: Option<MemoryKind>,
    live: Option<LiveStream>,
    outage: CaptureOutage,
    timestamp_clock: TimestampClock,
    handle: ReportHandle,
    number: u64,
    lost: LostFrames,
    /// Whether the last frame was damaged: a row of them is reported once.
    damaged: bool,
    /// Whether the last frame that was given was rejected, and the one before it.
    rejected: bool,
    rejected_before: bool,
}

impl std::fmt::Debug for CaptureSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture")
            .field("settings", &self.options)
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

/// A stream that continues.
#[derive(Debug)]
struct LiveStream {
    stream: VideoStream,
    format: VideoFormat,
    period: Duration,
    sequence: SequenceCounter,
    /// When the last buffer came, or the stream began.
    last_buffer: Duration,
    /// What failed while a frame was at hand.
    pending: Option<V4l2Error>,
}

/// Why a camera cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// It cannot be opened or set.
    #[error("the camera {path}: {source}")]
    Mode {
        /// The device.
        path: PathBuf,
        /// What is wrong.
        source: ModeError,
    },
    /// The kernel gives no stream.
    #[error("the camera {path} cannot be started: {source}")]
    Start {
        /// The device.
        path: PathBuf,
        /// The error of the kernel.
        source: V4l2Error,
    },
}

impl CaptureError {
    /// What the kernel reported, where it did.
    pub fn kernel_error(&self) -> Option<&V4l2Error> {
        match self {
            CaptureError::Mode { source, .. } => source.kernel_error(),
            CaptureError::Start { source, .. } => Some(source),
        }
    }
}

impl CaptureSession {
    /// Opens and sets the device once, so that a wrong wish shows now; streaming begins with the
    /// first [`CaptureSession::next`]. A device that someone else has is waited for.
    ///
    /// # Errors
    /// There is no such device; it cannot be set to what is wished.
    pub fn open(kernel: Arc<dyn V4l2Api>, settings: CaptureOptions) -> Result<Self, CaptureError> {
        Self::open_with_allocator(
            kernel,
            settings,
            Box::new(|bytes| Ok(Arc::new(AlignedPages::own(bytes)?))),
        )
    }

    /// As [`CaptureSession::open`], with memory for USERPTR that `lend` gives: an engine's.
    ///
    /// # Errors
    /// As [`CaptureSession::open`].
    pub fn open_with_allocator(
        kernel: Arc<dyn V4l2Api>,
        settings: CaptureOptions,
        allocator: Box<MemoryLending>,
    ) -> Result<Self, CaptureError> {
        let mut capture = Self {
            kernel,
            options: settings,
            allocator,
            buffer_pool: Vec::new(),
            pool_kind: None,
            live: None,
            outage: CaptureOutage::default(),
            timestamp_clock: TimestampClock::new(DEFAULT_PERIOD),
            handle: ReportHandle::default(),
            number: 0,
            lost: LostFrames::default(),
            damaged: false,
            rejected: false,
            rejected_before: false,
        };
        match capture.set() {
            Ok(_) => {}
            Err(error) if error.kernel_error().is_some_and(V4l2Error::is_busy) => {
                capture.on_error(&error)
            }
            Err(error) => return Err(error),
        }
        Ok(capture)
    }

    /// Sets it to another wish, before the first frame.
    ///
    /// # Errors
    /// As [`CaptureSession::open`].
    pub fn set_request(&mut self, request: FormatRequest) -> Result<(), CaptureError> {
        self.options.request = request;
        match self.set() {
            Err(error) if error.kernel_error().is_some_and(V4l2Error::is_busy) => Ok(()),
            set => set.map(|_| ()),
        }
    }

    /// How it is set.
    pub fn settings(&self) -> &CaptureOptions {
        &self.options
    }

    /// What others may know of it, and how it is stopped, while another thread waits in
    /// [`CaptureSession::next`].
    pub fn handle(&self) -> ReportHandle {
        self.handle.clone()
    }

    /// The newest frame, waited for through every fault; `None` once it was asked to stop.
    #[expect(
        clippy::should_implement_trait,
        reason = "a camera is not an iterator: it has no end of its own"
    )]
    pub fn next(&mut self) -> Option<CapturedFrame> {
        while !self.handle.is_stopped() {
            let Some(live) = &mut self.live else {
                self.restart();
                continue;
            };
            let taken = match live.pending.take() {
                Some(error) => Err(error),
                None => live.stream.next(WAIT_SLICE),
            };
            match taken {
                Ok(Some(buffer)) => {
                    if let Some(frame) = self.newest(buffer) {
                        return Some(frame);
                    }
                }
                Ok(None) => self.check_silence(),
                Err(error) => self.fail(LossReason::of(&error), &error),
            }
        }
        // Given back now: whoever stopped it may want the device.
        self.live = None;
        None
    }

    fn check_silence(&mut self) {
        let Some(live) = &self.live else { return };
        let patience = MIN_SILENCE.max(live.period * SILENT_PERIODS);
        let silent = self.kernel.monotonic().saturating_sub(live.last_buffer);
        if silent >= patience {
            let text = format!("no frame for {:.1} s", silent.as_secs_f64());
            self.fail(LossReason::Timeout, &text);
        }
    }

    fn on_error(&mut self, error: &CaptureError) {
        let reason = error
            .kernel_error()
            .map_or(LossReason::Failed, LossReason::of);
        self.fail(reason, error);
    }

    /// The stream is over; the first fault of an outage is reported.
    fn fail(&mut self, reason: LossReason, error: &dyn std::fmt::Display) {
        self.live = None;
        if self.outage.fault_occurred(self.kernel.monotonic()) {
            let path = self.options.path.display();
            let text = format!("{path} fails: {error}; trying again until it gives frames");
            self.report_event(reason, text);
        } else {
            self.handle.update(|report| report.retries += 1);
        }
    }

    fn report_event(&mut self, reason: LossReason, text: String) {
        let at = self.kernel.monotonic();
        self.handle.push_event(CaptureEvent { at, reason, text });
    }
}
