//! Report of a camera: mode, clock, frames, losses, events.

use super::FrameDrops;
use serde::Serialize;
use std::collections::BTreeMap;

/// Result of a camera.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CaptureReport {
    /// The device.
    pub device: String,
    /// Its driver.
    pub driver: String,
    /// Its name, for people.
    pub card: String,
    /// Where it is plugged in.
    pub bus: String,
    /// Pixel format, four letters.
    pub format: String,
    /// Width, px.
    pub width_px: u32,
    /// Height, px.
    pub height_px: u32,
    /// From one row to the next, bytes.
    pub stride_bytes: u32,
    /// Bytes of a frame.
    pub frame_bytes: u32,
    /// Frames per second, Hz, where the driver can say.
    pub rate_hz: Option<f64>,
    /// Whose memory is filled: `userptr`, `dmabuf`, `mmap`, or `none` before it streams.
    pub memory: &'static str,
    /// Buffers that go round.
    pub buffers: usize,
    /// Times that the processor copies per frame before the engine has it.
    pub copies_per_frame: u32,
    /// Why it does.
    pub copies: &'static str,
    /// The clock of the driver's stamps: `monotonic`, `realtime`, `offset`, `future`, `unknown`,
    /// or `measuring`.
    pub clock: &'static str,
    /// Taken off the time from stamp to arrival, ms.
    pub clock_offset_ms: f64,
    /// Frames given.
    pub frames: u64,
    /// Frames lost before they were given.
    pub drops: FrameDrops,
    /// Events by reason; causes without any are left out.
    pub events: BTreeMap<&'static str, u64>,
    /// How often the device was opened.
    pub opened: u64,
    /// Tries to open or start it that failed again.
    pub retries: u64,
    /// Outages that ended.
    pub recovered: u64,
    /// The longest of them, ms.
    pub longest_outage_ms: f64,
}

impl std::fmt::Display for CaptureReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "camera {} ({}): {} {}x{} through {}, {} copies a frame ({}), stamps {}; {} frames, \
             lost {}",
            self.device,
            self.driver,
            self.format,
            self.width_px,
            self.height_px,
            self.memory,
            self.copies_per_frame,
            self.copies,
            self.clock,
            self.frames,
            self.drops
        )?;
        for (reason, count) in &self.events {
            write!(f, ", {reason} {count}")?;
        }
        Ok(())
    }
}
