//! Report of a capture.

use crate::mode::CaptureMode;
use crate::timestamp_clock::{ClockDomain, TimestampClock};
use crate::{DeviceIdentity, MemoryKind, V4l2Error};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Events that wait to be reported; if they are not fetched, the oldest are dropped.
const EVENTS_LIMIT: usize = 64;

/// Frames lost, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LostFrames {
    /// The driver's sequence numbers leave them out.
    pub gap: u64,
    /// A newer one was there before they were looked at.
    pub superseded: u64,
    /// The driver marked them as damaged, or they were cut short.
    pub corrupt: u64,
    /// They were too old when they arrived.
    pub stale: u64,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LossReason {
    /// The device is gone.
    Gone,
    /// The driver failed inside (EIO).
    Io,
    /// Someone else has the device.
    Busy,
    /// The kernel refused a call.
    Refused,
    /// No frame came.
    Timeout,
    /// It failed otherwise.
    Failed,
    /// A frame is damaged.
    Corrupt,
    /// The driver counts frames again.
    Sequence,
    /// Stamps jumped.
    Jump,
    /// The clock of the stamps is known.
    Clock,
    /// Frames lie in other memory than was requested.
    Fallback,
    /// Frames come again.
    Recovered,
}

impl LossReason {
    /// All reasons.
    pub const ALL: [LossReason; 12] = [
        LossReason::Gone,
        LossReason::Io,
        LossReason::Busy,
        LossReason::Refused,
        LossReason::Timeout,
        LossReason::Failed,
        LossReason::Corrupt,
        LossReason::Sequence,
        LossReason::Jump,
        LossReason::Clock,
        LossReason::Fallback,
        LossReason::Recovered,
    ];

    /// Those that end a stream; frames come again after [`LossReason::Recovered`].
    pub const OUTAGES: [LossReason; 6] = [
        LossReason::Gone,
        LossReason::Io,
        LossReason::Busy,
        LossReason::Refused,
        LossReason::Timeout,
        LossReason::Failed,
    ];

    /// One word for logs and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            LossReason::Gone => "gone",
            LossReason::Io => "io",
            LossReason::Busy => "busy",
            LossReason::Refused => "refused",
            LossReason::Timeout => "timeout",
            LossReason::Failed => "failed",
            LossReason::Corrupt => "corrupt",
            LossReason::Sequence => "sequence",
            LossReason::Jump => "jump",
            LossReason::Clock => "clock",
            LossReason::Fallback => "fallback",
            LossReason::Recovered => "recovered",
        }
    }

    pub(super) fn of(error: &V4l2Error) -> Self {
        match () {
            () if error.is_gone() => LossReason::Gone,
            () if error.is_io() => LossReason::Io,
            () if error.is_busy() => LossReason::Busy,
            () if error.is_refused() => LossReason::Refused,
            () => LossReason::Failed,
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureEvent {
    /// When, on the monotonic clock.
    pub at: Duration,
    /// What it is about.
    pub reason: LossReason,
    /// Description.
    pub text: String,
}

impl std::fmt::Display for CaptureEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "camera: {}", self.text)
    }
}

/// Result of a capture so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaptureSummary {
    /// Who the device says it is.
    pub identity: DeviceIdentity,
    /// What it was set to.
    pub mode: Option<CaptureMode>,
    /// Whose memory is filled, once it streams.
    pub memory: Option<MemoryKind>,
    /// Buffers that go round.
    pub buffers: usize,
    /// The clock of the stamps.
    pub clock: ClockDomain,
    /// What is taken off the time from stamp to arrival, ns.
    pub clock_offset_ns: i64,
    /// Frames given.
    pub frames: u64,
    /// Frames lost.
    pub lost: LostFrames,
    /// Events by reason, in the order of [`LossReason::ALL`].
    pub events: [u64; LossReason::ALL.len()],
    /// How often the device was opened.
    pub opened: u64,
    /// Tries that failed again.
    pub retries: u64,
    /// Outages that ended.
    pub recovered: u64,
    /// The longest of them.
    pub longest_outage: Duration,
}

impl CaptureSummary {
    /// Events of `reason`.
    pub fn count(&self, reason: LossReason) -> u64 {
        self.events[reason as usize]
    }

    pub(super) fn set_clock(&mut self, doctor: &TimestampClock) {
        self.clock = doctor.domain();
        self.clock_offset_ns = doctor.offset_ns();
    }
}

/// Shared with whoever wants to know of a capture, or to stop it.
#[derive(Clone, Debug, Default)]
pub struct ReportHandle {
    shared: Arc<SharedReport>,
}

#[derive(Debug, Default)]
struct SharedReport {
    stopped: AtomicBool,
    reported: Mutex<ReportedEvents>,
}

#[derive(Debug, Default)]
struct ReportedEvents {
    report: CaptureSummary,
    events: VecDeque<CaptureEvent>,
}

impl ReportHandle {
    /// A thread that panicked while it held the lock left a state that is still whole.
    fn lock(&self) -> MutexGuard<'_, ReportedEvents> {
        self.shared
            .reported
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the capture: its `next` returns `None` within a twentieth of a second.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Relaxed)
    }

    /// Its result so far.
    pub fn report(&self) -> CaptureSummary {
        self.lock().report.clone()
    }

    /// The oldest event that was not asked for yet.
    pub fn event(&self) -> Option<CaptureEvent> {
        self.lock().events.pop_front()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut CaptureSummary)) {
        change(&mut self.lock().report);
    }

    pub(super) fn count(&self, reason: LossReason) {
        self.update(|report| report.events[reason as usize] += 1);
    }

    pub(super) fn push_event(&self, event: CaptureEvent) {
        let mut reported = self.lock();
        reported.report.events[event.reason as usize] += 1;
        if reported.events.len() >= EVENTS_LIMIT {
            reported.events.pop_front();
        }
        reported.events.push_back(event);
    }
}
