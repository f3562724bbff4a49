//! Reports on a V4L2 camera from other threads.

use crate::source::FrameDrops;
use crate::source::capture_report::CaptureReport;
use crate::source::event::SourceEvent;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use unmask_v4l2::{LossReason, MemoryKind, ReportHandle, VideoFormat};

/// How a frame gets to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum CopyCounter {
    /// As it lies.
    None,
    /// As a picture.
    Picture,
    /// As a picture, decoded.
    Decoded,
    /// As bytes, without the padding of its rows.
    Padding,
}

impl CopyCounter {
    const ALL: [CopyCounter; 4] = [
        CopyCounter::None,
        CopyCounter::Picture,
        CopyCounter::Decoded,
        CopyCounter::Padding,
    ];

    fn why(self) -> &'static str {
        match self {
            CopyCounter::None => "the driver's bytes are taken where they lie",
            CopyCounter::Picture => "turned into a picture: the model is not prepared for a camera",
            CopyCounter::Decoded => "decoded",
            CopyCounter::Padding => "the padding of its rows is taken out",
        }
    }
}

/// See [`CaptureWatch`].
#[derive(Clone, Debug)]
pub(in crate::source) struct V4l2Watch {
    pub(super) handle: ReportHandle,
    pub(super) path: PathBuf,
    pub(super) copies: Arc<AtomicU8>,
}

impl V4l2Watch {
    pub fn report(&self) -> CaptureReport {
        let report = self.handle.report();
        let copies =
            CopyCounter::ALL[usize::from(self.copies.load(Relaxed)) % CopyCounter::ALL.len()];
        let format = report.mode.map(|mode| mode.format);
        let number = |of: fn(&VideoFormat) -> u32| format.as_ref().map_or(0, of);
        let counted = LossReason::ALL
            .iter()
            .map(|&c| (c.as_str(), report.count(c)));
        CaptureReport {
            device: self.path.display().to_string(),
            driver: report.identity.driver.clone(),
            card: report.identity.card.clone(),
            bus: report.identity.bus.clone(),
            format: format.map_or_else(String::new, |f| f.fourcc.to_string()),
            width_px: number(|f| f.width),
            height_px: number(|f| f.height),
            stride_bytes: number(|f| f.stride),
            frame_bytes: number(|f| f.bytes),
            rate_hz: report.mode.and_then(|mode| mode.rate_hz),
            memory: match report.memory {
                Some(MemoryKind::User) => "userptr",
                Some(MemoryKind::Shared) => "dmabuf",
                Some(MemoryKind::Mmap) => "mmap",
                None => "none",
            },
            buffers: report.buffers,
            copies_per_frame: u32::from(copies != CopyCounter::None),
            copies: copies.why(),
            clock: report.clock.as_str(),
            clock_offset_ms: report.clock_offset_ns as f64 / 1e6,
            frames: report.frames,
            drops: FrameDrops {
                superseded: report.lost.superseded,
                gap: report.lost.gap,
                corrupt: report.lost.corrupt,
                stale: report.lost.stale,
            },
            events: counted.filter(|(_, count)| *count > 0).collect(),
            opened: report.opened,
            retries: report.retries,
            recovered: report.recovered,
            longest_outage_ms: report.longest_outage.as_secs_f64() * 1e3,
        }
    }

    pub fn event(&self) -> Option<SourceEvent> {
        let event = self.handle.event()?;
        Some(SourceEvent {
            reason: event.reason.as_str(),
            text: event.to_string(),
            is_fault: !matches!(event.reason, LossReason::Recovered | LossReason::Clock),
        })
    }

    pub fn stop(&self) {
        self.handle.stop();
    }
}
