//! Streaming with `unmask-v4l2` on a real driver: pictures, memories, faults, endurance.

mod endurance;
mod faults;
mod memories;
mod watch;

pub use faults::{PlugsIn, plug};

use super::line::CAMERA;
use super::{CaseTrial, FoundCamera};
use crate::video::{RawFourCc, VideoDevice};
use anyhow::{Context, bail};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use unmask_v4l2::{
    AlignedPages, FilledBuffer, LinuxKernel, MemoryKind, MemoryPreference, Region, V4l2Api,
    VideoStream,
};

/// Longest wait for a frame. Emulated machines stall; the suite asks for events, not for times.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait for an event, seconds of the board's clock.
const LIMIT_S: f64 = 30.0;

/// The webcam's format and rate, where the picture does not matter.
const WEBCAM: (RawFourCc, u32, u32, u32) = (*b"YUYV", 640, 360, 30);

/// All cases of the floor.
pub fn trials() -> Vec<CaseTrial> {
    let mut all = memories::trials();
    all.extend(faults::trials());
    all.extend(endurance::trials());
    all
}

/// A camera that streams, and the memory that was lent to it.
pub struct VividCamera {
    stream: VideoStream,
    lent: Vec<Arc<AlignedPages>>,
}

impl VividCamera {
    /// The webcam, which [`watch::preset`] has set.
    fn start(kind: MemoryKind) -> anyhow::Result<Self> {
        let (pixels, width, height, _) = WEBCAM;
        Self::start_as(kind, (pixels, width, height))
    }

    /// Opens, sets the format and starts with one kind of memory.
    fn start_as(kind: MemoryKind, format: (RawFourCc, u32, u32)) -> anyhow::Result<Self> {
        let node = LinuxKernel.open(Path::new(CAMERA))?;
        let (pixels, width, height) = format;
        let set = node.set_format(unmask_v4l2::FourCc(pixels), width, height)?;
        if (set.fourcc.0, set.width, set.height) != format {
            bail!("asked for {format:?}, the camera is set to {set:?}");
        }
        let bytes = set.bytes as usize;
        let lent = Mutex::new(Vec::new());
        let mut make = || {
            let pages = Arc::new(match kind {
                MemoryKind::Shared => LinuxKernel.share(bytes)?,
                _ => AlignedPages::own(bytes)?,
            });
            if let Ok(mut lent) = lent.lock() {
                lent.push(Arc::clone(&pages));
            }
            Ok(pages as Arc<dyn Region>)
        };
        let memory = match kind {
            MemoryKind::Mmap => MemoryPreference::Mmap,
            MemoryKind::User => MemoryPreference::User(&mut make),
            MemoryKind::Shared => MemoryPreference::Shared(&mut make),
        };
        let stream = VideoStream::start(node, memory, 4)?;
        Ok(Self {
            stream,
            lent: lent.into_inner().unwrap_or_default(),
        })
    }

    /// The next frame; that there is none is an error.
    pub fn frame(&self) -> anyhow::Result<FilledBuffer> {
        self.stream
            .next(PATIENCE)?
            .with_context(|| format!("no frame within {} s", PATIENCE.as_secs()))
    }

    /// Whether a frame lies in memory that was lent: then nobody copied it there.
    fn lies_in_lent(&self, frame: &[u8]) -> bool {
        let range = frame.as_ptr_range();
        self.lent.iter().any(|pages| {
            let from = pages.start().as_ptr().cast_const();
            let to = from.wrapping_add(pages.bytes());
            from <= range.start && range.end <= to
        })
    }
}

/// Sets the webcam's input, size and rate.
pub fn webcam() -> anyhow::Result<()> {
    watch::preset()
}

/// Has the webcam's picture be of squares that move: one in which nothing moves is a frozen one.
pub fn move_picture() -> anyhow::Result<()> {
    control("osd_text_mode", 0)?;
    control("test_pattern", 4)?;
    control("horizontal_movement", 5)
}

/// Another program that has the camera, and streams.
pub fn other_reader() -> anyhow::Result<VividCamera> {
    webcam()?;
    let camera = VividCamera::start(MemoryKind::Mmap)?;
    camera.frame()?;
    Ok(camera)
}

/// Sets a control from outside, as another program would.
fn control(name: &str, value: i32) -> anyhow::Result<()> {
    VideoDevice::camera(CAMERA)?.set_control(name, value)
}
