//! Video4Linux2 capture with memory that the caller owns.
//!
//! A [`Kernel`] opens [`Node`]s: devices that tell their formats and controls, and that stream. A
//! [`Stream`] has the driver fill buffers in its own memory ([`Memory::Mmap`]), in that of the
//! caller ([`Memory::User`]) or in memory shared by file ([`Memory::Shared`]). What was filled is
//! the reader's until it drops its [`Filled`]; only then has the driver that buffer again, so that
//! nothing is overwritten while it is read.
//!
//! A [`Capture`] does all that for as long as the process lives: it sets the device, gives the
//! newest frame with its age and with what was lost before it, and survives every fault.
//!
//! There are two kernels: `Linux` (feature `kernel`), and [`fake::Fake`], a driver inside the
//! process whose time and faults a test commands. All but `Linux` builds with cargo alone.
//!
//! The kernel's side of it: `Documentation/userspace-api/media/v4l`.
#![cfg(target_os = "linux")]

mod capture;
mod doctor;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod format;
#[cfg(feature = "kernel")]
mod linux;
mod memory;
mod mode;
mod node;
mod outage;
mod sequence;
mod stream;

pub use capture::{
    Capture, CaptureError, Cause, Event, Frame, Handle, Lend, Lost, Report, Settings, Wanted,
};
pub use doctor::{Age, Doctor, Domain, Finding};
pub use format::{Colour, Control, Format, FourCc, Identity, Range, Rates, Sizes};
#[cfg(feature = "kernel")]
pub use linux::Linux;
pub use memory::{Pages, Region};
pub use mode::{Mode, ModeError, Wish};
pub use node::{Done, Flags, Kernel, Kind, Node, Place, Wait};
pub use outage::Outage;
pub use sequence::{Sequence, Step};
pub use stream::{Filled, Make, Memory, Stream};

/// A call that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {source}")]
pub struct Error {
    /// The call.
    pub call: &'static str,
    /// What the kernel said.
    pub source: std::io::Error,
}

impl Error {
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

    /// Whether somebody else has the device.
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
