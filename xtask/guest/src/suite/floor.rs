//! The streaming floor (`unmask-v4l2`) on a real driver: pictures, memories, faults, endurance.

mod endurance;
mod faults;
mod memories;
mod watch;

pub use faults::{PlugsIn, plug};

use super::line::CAMERA;
use super::{Found, Trial};
use crate::video::{Device, FourCc};
use anyhow::{Context, bail};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use unmask_v4l2::{Filled, Kernel, Kind, Linux, Memory, Pages, Region, Stream};

/// Longest wait for a frame. Emulated machines stall; the suite asks for events, not for times.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait for an event, seconds of the board's clock.
const LIMIT_S: f64 = 30.0;

/// The webcam's format and rate, where the picture does not matter.
const WEBCAM: (FourCc, u32, u32, u32) = (*b"YUYV", 640, 360, 30);

/// All cases of the floor.
pub fn trials() -> Vec<Trial> {
    let mut all = memories::trials();
    all.extend(faults::trials());
    all.extend(endurance::trials());
    all
}

/// A camera that streams, and the memory that was lent to it.
pub struct Camera {
    stream: Stream,
    lent: Vec<Arc<Pages>>,
}

impl Camera {
    /// The webcam, which [`watch::preset`] has set.
    fn start(kind: Kind) -> anyhow::Result<Self> {
        let (pixels, width, height, _) = WEBCAM;
        Self::start_as(kind, (pixels, width, height))
    }

    /// Opens, sets the format and starts with one kind of memory.
    fn start_as(kind: Kind, format: (FourCc, u32, u32)) -> anyhow::Result<Self> {
        let node = Linux.open(Path::new(CAMERA))?;
        let (pixels, width, height) = format;
        let set = node.set_format(unmask_v4l2::FourCc(pixels), width, height)?;
        if (set.fourcc.0, set.width, set.height) != format {
            bail!("asked for {format:?}, the camera is set to {set:?}");
        }
        let bytes = set.bytes as usize;
        let lent = Mutex::new(Vec::new());
        let mut make = || {
            let pages = Arc::new(match kind {
                Kind::Shared => Linux.share(bytes)?,
                _ => Pages::own(bytes)?,
            });
            if let Ok(mut lent) = lent.lock() {
                lent.push(Arc::clone(&pages));
            }
            Ok(pages as Arc<dyn Region>)
        };
        let memory = match kind {
            Kind::Mmap => Memory::Mmap,
            Kind::User => Memory::User(&mut make),
            Kind::Shared => Memory::Shared(&mut make),
        };
        let stream = Stream::start(node, memory, 4)?;
        Ok(Self {
            stream,
            lent: lent.into_inner().unwrap_or_default(),
        })
    }

    /// The next frame; that there is none is an error.
    pub fn frame(&self) -> anyhow::Result<Filled> {
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
pub fn other_reader() -> anyhow::Result<Camera> {
    webcam()?;
    let camera = Camera::start(Kind::Mmap)?;
    camera.frame()?;
    Ok(camera)
}

/// Sets a control from outside, as another program would.
fn control(name: &str, value: i32) -> anyhow::Result<()> {
    Device::camera(CAMERA)?.set_control(name, value)
}
