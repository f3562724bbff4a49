//! What a capture tells of itself.

use crate::doctor::{Doctor, Domain};
use crate::mode::Mode;
use crate::{Error, Identity, Kind};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Events that wait to be told; where nobody asks, the oldest go.
const EVENTS: usize = 64;

/// Frames lost, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The driver's sequence numbers leave them out.
    pub gap: u64,
    /// A newer one was there before they were looked at.
    pub overtaken: u64,
    /// The driver marked them as damaged, or they were cut short.
    pub corrupt: u64,
    /// They were too old when they arrived.
    pub stale: u64,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The device is gone.
    Gone,
    /// The driver failed inside (EIO).
    Io,
    /// Somebody else has the device.
    Busy,
    /// The kernel refused a call.
    Refused,
    /// No frame came.
    Timeout,
    /// It failed otherwise.
    Failed,
    /// A frame is damaged.
    Corrupt,
    /// The driver counts frames anew.
    Sequence,
    /// Stamps jumped.
    Jump,
    /// The clock of the stamps is known.
    Clock,
    /// Frames lie in other memory than was wanted.
    Fallback,
    /// Frames come again.
    Recovered,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 12] = [
        Cause::Gone,
        Cause::Io,
        Cause::Busy,
        Cause::Refused,
        Cause::Timeout,
        Cause::Failed,
        Cause::Corrupt,
        Cause::Sequence,
        Cause::Jump,
        Cause::Clock,
        Cause::Fallback,
        Cause::Recovered,
    ];

    /// Those that end a stream; frames come again after [`Cause::Recovered`].
    pub const OUTAGES: [Cause; 6] = [
        Cause::Gone,
        Cause::Io,
        Cause::Busy,
        Cause::Refused,
        Cause::Timeout,
        Cause::Failed,
    ];

    /// One word for logs and reports.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Gone => "gone",
            Cause::Io => "io",
            Cause::Busy => "busy",
            Cause::Refused => "refused",
            Cause::Timeout => "timeout",
            Cause::Failed => "failed",
            Cause::Corrupt => "corrupt",
            Cause::Sequence => "sequence",
            Cause::Jump => "jump",
            Cause::Clock => "clock",
            Cause::Fallback => "fallback",
            Cause::Recovered => "recovered",
        }
    }

    pub(super) fn of(error: &Error) -> Self {
        match () {
            () if error.is_gone() => Cause::Gone,
            () if error.is_io() => Cause::Io,
            () if error.is_busy() => Cause::Busy,
            () if error.is_refused() => Cause::Refused,
            () => Cause::Failed,
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, on the monotonic clock.
    pub at: Duration,
    /// What it is about.
    pub cause: Cause,
    /// In words.
    pub text: String,
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "camera: {}", self.text)
    }
}

/// What a capture came to so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Who the device says it is.
    pub identity: Identity,
    /// What it was set to.
    pub mode: Option<Mode>,
    /// Whose memory is filled, once it streams.
    pub memory: Option<Kind>,
    /// Buffers that go round.
    pub buffers: usize,
    /// The clock of the stamps.
    pub clock: Domain,
    /// What is taken off the time from stamp to arrival, ns.
    pub clock_offset_ns: i64,
    /// Frames given.
    pub frames: u64,
    /// Frames lost.
    pub lost: Lost,
    /// Events by cause, in the order of [`Cause::ALL`].
    pub events: [u64; Cause::ALL.len()],
    /// How often the device was opened.
    pub opened: u64,
    /// Tries that failed again.
    pub retries: u64,
    /// Outages that ended.
    pub recovered: u64,
    /// The longest of them.
    pub longest_outage: Duration,
}

impl Report {
    /// Events of `cause`.
    pub fn count(&self, cause: Cause) -> u64 {
        self.events[cause as usize]
    }

    pub(super) fn set_clock(&mut self, doctor: &Doctor) {
        self.clock = doctor.domain();
        self.clock_offset_ns = doctor.offset_ns();
    }
}

/// Shared with whoever wants to know of a capture, or to stop it.
#[derive(Clone, Debug, Default)]
pub struct Handle {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    report: Report,
    events: VecDeque<Event>,
}

impl Handle {
    /// A thread that panicked while it held the lock left a state that is still whole.
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.shared
            .told
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

    /// What it came to so far.
    pub fn report(&self) -> Report {
        self.lock().report.clone()
    }

    /// The oldest event that was not asked for yet.
    pub fn event(&self) -> Option<Event> {
        self.lock().events.pop_front()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.lock().report);
    }

    pub(super) fn count(&self, cause: Cause) {
        self.update(|report| report.events[cause as usize] += 1);
    }

    pub(super) fn tell(&self, event: Event) {
        let mut told = self.lock();
        told.report.events[event.cause as usize] += 1;
        if told.events.len() >= EVENTS {
            told.events.pop_front();
        }
        told.events.push_back(event);
    }
}
