//! Video4Linux2 capture with memory that the caller owns.
//!
//! A [`V4l2Api`] opens [`VideoNode`]s: devices that report their formats and controls, and that stream. A
//! [`VideoStream`] has the driver fill buffers in its own memory ([`MemoryPreference::Mmap`]), in that of the
//! caller ([`MemoryPreference::User`]) or in memory shared by file ([`MemoryPreference::Shared`]). What was filled is
//! the reader's until it drops its [`FilledBuffer`]; only then has the driver that buffer again, so that
//! nothing is overwritten while it is read.
//!
//! A [`CaptureSession`] does all that for as long as the process lives: it sets the device, gives the
//! newest frame with its age and with what was lost before it, and survives every fault.
//!
//! There are two kernels: `LinuxKernel` (on x86_64 and aarch64), and `fake::FakeKernel` (feature
//! `fake`), a driver inside the process whose time and faults a test commands.
//!
//! The kernel's side of it: `Documentation/userspace-api/media/v4l`.
#![cfg(target_os = "linux")]

mod capture;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod format;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod linux;
mod memory;
mod mode;
mod node;
mod outage;
mod sequence;
mod stream;
mod timestamp_clock;

pub use capture::{
    CaptureError, CaptureEvent, CaptureOptions, CaptureSession, CaptureSummary, CapturedFrame,
    LossReason, LostFrames, MemoryChoice, MemoryLending, ReportHandle,
};
pub use format::{
    ColourInfo, ControlInfo, DeviceIdentity, FourCc, FrameRates, FrameSizes, SizeRange, VideoFormat,
};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub use linux::LinuxKernel;
pub use memory::{AlignedPages, Region};
pub use mode::{CaptureMode, FormatRequest, ModeError};
pub use node::{
    BufferFlags, BufferPlace, DequeuedBuffer, MemoryKind, V4l2Api, VideoNode, WaitOutcome,
};
pub use outage::CaptureOutage;
pub use sequence::{SequenceCounter, SequenceStep};
pub use stream::{BufferAllocator, FilledBuffer, MemoryPreference, VideoStream};
pub use timestamp_clock::{ClockDomain, ClockEvent, FrameAge, TimestampClock};

/// A call that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {source}")]
pub struct V4l2Error {
    /// The call.
    pub call: &'static str,
    /// The error of the kernel.
    pub source: std::io::Error,
}

impl V4l2Error {
    /// The last error of this thread.
    pub(crate) fn last(call: &'static str) -> Self {
        let source = std::io::Error::last_os_error();
        Self { call, source }
    }

    /// Error `number` of the kernel.
    pub fn of(call: &'static str, number: i32) -> Self {
        let source = std::io::Error::from_raw_os_error(number);
        Self { call, source }
    }

    /// Something that no number of the kernel says.
    pub(crate) fn other(call: &'static str, reason: &'static str) -> Self {
        let source = std::io::Error::other(reason);
        Self { call, source }
    }

    /// The kernel's error number, where there is one.
    pub fn number(&self) -> Option<i32> {
        self.source.raw_os_error()
    }

    /// Whether the device is gone.
    pub fn is_gone(&self) -> bool {
        matches!(
            self.number(),
            Some(libc::ENODEV | libc::ENXIO | libc::ENOENT)
        )
    }

    /// Whether someone else has the device.
    pub fn is_busy(&self) -> bool {
        self.number() == Some(libc::EBUSY)
    }

    /// Whether the driver said that it failed inside.
    pub fn is_io(&self) -> bool {
        self.number() == Some(libc::EIO)
    }

    /// Whether the kernel does not take what it was given: another way may do.
    pub fn is_refused(&self) -> bool {
        matches!(
            self.number(),
            Some(libc::EINVAL | libc::EFAULT | libc::ENOTTY | libc::EOPNOTSUPP)
        )
    }
}
