//! The kernel interface and its devices: one function per system call.

use crate::{
    AlignedPages, ControlInfo, DeviceIdentity, FourCc, FrameRates, FrameSizes, V4l2Error,
    VideoFormat,
};
use std::fmt::Debug;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Whose memory a driver fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryKind {
    /// The driver's own, mapped into this process.
    Mmap,
    /// Memory of this process.
    User,
    /// Memory that a file shares.
    Shared,
}

/// The memory of one buffer, as it is handed to the driver.
#[derive(Clone, Copy, Debug)]
pub enum BufferPlace {
    /// The driver's own.
    Mmap,
    /// From `start` on, `bytes` bytes of this process.
    User {
        /// Address.
        start: *mut u8,
        /// Length.
        bytes: usize,
    },
    /// The first `bytes` bytes of a file.
    Shared {
        /// The file.
        file: RawFd,
        /// Length.
        bytes: usize,
    },
}

/// What a driver says of a frame, in bits (`V4L2_BUF_FLAG_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferFlags(pub u32);

impl BufferFlags {
    /// The content may be damaged.
    pub const CORRUPT: u32 = 0x40;
    /// The bits that state the clock of the stamp.
    pub const CLOCK: u32 = 0xe000;
    /// The stamp is of the monotonic clock.
    pub const MONOTONIC: u32 = 0x2000;
    /// The stamp is of the beginning of the exposure, not of the end of the frame.
    pub const START: u32 = 0x1_0000;

    /// Whether the content may be damaged.
    pub fn is_corrupt(self) -> bool {
        self.0 & Self::CORRUPT != 0
    }

    /// Whether the driver says that its stamps are of the monotonic clock.
    pub fn is_monotonic(self) -> bool {
        self.0 & Self::CLOCK == Self::MONOTONIC
    }
}

/// A buffer that the driver has filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DequeuedBuffer {
    /// Its number.
    pub index: u32,
    /// Where the frame begins in it, bytes.
    pub offset: u32,
    /// Where it ends, bytes.
    pub end: u32,
    /// What the driver says of it.
    pub flags: BufferFlags,
    /// The driver's count of frames; goes round after 2³² − 1.
    pub sequence: u32,
    /// When it was captured, on a clock of the driver's choice.
    pub stamp: Duration,
}

/// Result of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitOutcome {
    /// A buffer is filled.
    Ready,
    /// Nothing came in time.
    Nothing,
    /// The device has failed: dequeuing a buffer gives the error.
    Failed,
}

/// An open capture device.
pub trait VideoNode: Debug + Send + Sync {
    /// Who it says it is (`QUERYCAP`).
    ///
    /// # Errors
    /// The device is gone.
    fn identity(&self) -> Result<DeviceIdentity, V4l2Error>;

    /// The pixel formats it delivers (`ENUM_FMT`).
    ///
    /// # Errors
    /// The device is gone.
    fn formats(&self) -> Result<Vec<FourCc>, V4l2Error>;

    /// The sizes of a pixel format (`ENUM_FRAMESIZES`).
    ///
    /// # Errors
    /// The driver does not list them.
    fn sizes(&self, fourcc: FourCc) -> Result<FrameSizes, V4l2Error>;

    /// The frame rates of a size (`ENUM_FRAMEINTERVALS`).
    ///
    /// # Errors
    /// The driver does not list them.
    fn rates(&self, fourcc: FourCc, width: u32, height: u32) -> Result<FrameRates, V4l2Error>;

    /// What it is set to (`G_FMT`).
    ///
    /// # Errors
    /// The device is gone.
    fn format(&self) -> Result<VideoFormat, V4l2Error>;

    /// Sets it to what it finds nearest, and says what that is (`S_FMT`).
    ///
    /// # Errors
    /// The device is gone, or busy.
    fn set_format(&self, fourcc: FourCc, width: u32, height: u32)
    -> Result<VideoFormat, V4l2Error>;

    /// The frame rate, Hz; `None` where the driver cannot say (`G_PARM`).
    ///
    /// # Errors
    /// The device is gone.
    fn rate(&self) -> Result<Option<f64>, V4l2Error>;

    /// Sets the frame rate to what it finds nearest, Hz (`S_PARM`).
    ///
    /// # Errors
    /// The device is gone, or busy.
    fn set_rate(&self, rate_hz: f64) -> Result<Option<f64>, V4l2Error>;

    /// Its controls (`QUERY_EXT_CTRL`).
    ///
    /// # Errors
    /// The device is gone.
    fn controls(&self) -> Result<Vec<ControlInfo>, V4l2Error>;

    /// Sets a control (`S_EXT_CTRLS`).
    ///
    /// # Errors
    /// The value is out of range, or the control cannot be set now.
    fn set_control(&self, id: u32, value: i64) -> Result<(), V4l2Error>;

    /// Asks for buffers and says how many there are; 0 gives all back (`REQBUFS`).
    ///
    /// # Errors
    /// The driver does not have that kind, or is busy.
    fn request(&self, kind: MemoryKind, count: u32) -> Result<u32, V4l2Error>;

    /// Maps a buffer of the driver's own memory (`QUERYBUF`, `mmap`).
    ///
    /// # Errors
    /// The kernel refuses.
    fn map(&self, index: u32) -> Result<AlignedPages, V4l2Error>;

    /// Hands a buffer to the driver (`QBUF`).
    ///
    /// # Safety
    /// The memory of `place` must stay valid, and nobody may read or write it, until the driver
    /// gives the buffer back or streaming has ended.
    ///
    /// # Errors
    /// The kernel refuses.
    unsafe fn queue(&self, index: u32, place: BufferPlace) -> Result<(), V4l2Error>;

    /// Takes the oldest filled buffer; `None` where there is none (`DQBUF`).
    ///
    /// # Errors
    /// The device failed or is gone.
    fn dequeue(&self, kind: MemoryKind) -> Result<Option<DequeuedBuffer>, V4l2Error>;

    /// Starts or ends streaming; at its end the driver gives up all buffers (`STREAMON`,
    /// `STREAMOFF`).
    ///
    /// # Errors
    /// The kernel refuses.
    fn stream(&self, on: bool) -> Result<(), V4l2Error>;

    /// Waits for a filled buffer (`poll`).
    ///
    /// # Errors
    /// The kernel refuses.
    fn wait_readable(&self, patience: Duration) -> Result<WaitOutcome, V4l2Error>;
}

/// What opens devices and knows the time.
pub trait V4l2Api: Debug + Send + Sync {
    /// Opens a device for capture.
    ///
    /// # Errors
    /// It cannot be opened, is no V4L2 device, or cannot stream captured frames.
    fn open(&self, path: &Path) -> Result<Arc<dyn VideoNode>, V4l2Error>;

    /// At least `bytes` of memory that a file shares, for DMABUF.
    ///
    /// # Errors
    /// The machine has no such memory.
    fn share(&self, bytes: usize) -> Result<AlignedPages, V4l2Error>;

    /// Now, on the monotonic clock.
    fn monotonic(&self) -> Duration;

    /// Now, since the Unix epoch.
    fn realtime(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);
}
