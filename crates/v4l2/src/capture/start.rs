//! Starts a stream: opens the device, sets its mode, chooses the buffer memory.

use super::{
    CaptureError, CaptureSession, DEFAULT_PERIOD, LiveStream, LossReason, MemoryChoice, WAIT_SLICE,
};
use crate::mode::{self, CaptureMode, ModeError};
use crate::sequence::SequenceCounter;
use crate::timestamp_clock::TimestampClock;
use crate::{MemoryKind, MemoryPreference, Region, V4l2Error, VideoFormat, VideoNode, VideoStream};
use std::sync::Arc;
use std::time::Duration;

impl CaptureSession {
    /// Opens, sets and starts the device, or waits until that may be tried.
    pub(super) fn restart(&mut self) {
        let left = self.outage.remaining_wait(self.kernel.monotonic());
        if !left.is_zero() {
            return self.kernel.sleep(left.min(WAIT_SLICE));
        }
        if self.outage.is_active() {
            self.outage.count_retry();
        }
        if let Err(error) = self.start() {
            self.on_error(&error);
        }
    }

    /// Opens and sets the device.
    pub(super) fn set(&mut self) -> Result<(Arc<dyn VideoNode>, CaptureMode), CaptureError> {
        let path = &self.options.path;
        let refuse = |source: ModeError| CaptureError::Mode {
            path: path.clone(),
            source,
        };
        let node = self.kernel.open(path).map_err(|e| refuse(e.into()))?;
        let mode = mode::set(&*node, &self.options.request).map_err(refuse)?;
        let identity = node.identity().unwrap_or_default();
        self.handle.update(|report| {
            (report.mode, report.identity) = (Some(mode), identity);
            report.opened += 1;
        });
        Ok((node, mode))
    }

    fn start(&mut self) -> Result<(), CaptureError> {
        let (node, mode) = self.set()?;
        let (stream, kind, why) = self.stream(&node, mode.format).map_err(|source| {
            let path = self.options.path.clone();
            CaptureError::Start { path, source }
        })?;
        let period = mode
            .rate_hz
            .and_then(|hz| Duration::try_from_secs_f64(1.0 / hz).ok())
            .filter(|period| !period.is_zero())
            .unwrap_or(DEFAULT_PERIOD);
        self.timestamp_clock = TimestampClock::new(period);
        self.damaged = false;
        if let Some(error) = why {
            let text =
                format!("frames lie in the driver's memory: it does not take ours ({error})");
            self.report_event(LossReason::Fallback, text);
        }
        self.handle.update(|report| {
            (report.memory, report.buffers) = (Some(kind), stream.buffers());
            report.set_clock(&TimestampClock::new(period));
        });
        self.live = Some(LiveStream {
            stream,
            format: mode.format,
            period,
            sequence: SequenceCounter::default(),
            last_buffer: self.kernel.monotonic(),
            pending: None,
        });
        Ok(())
    }

    /// Starts the stream in the requested memory; where it is another, with the reason.
    fn stream(
        &mut self,
        node: &Arc<dyn VideoNode>,
        format: VideoFormat,
    ) -> Result<(VideoStream, MemoryKind, Option<V4l2Error>), V4l2Error> {
        let kinds: &[MemoryKind] = match self.options.memory {
            MemoryChoice::Auto => &[MemoryKind::User, MemoryKind::Mmap],
            MemoryChoice::Only(MemoryKind::Mmap) => &[MemoryKind::Mmap],
            MemoryChoice::Only(MemoryKind::User) => &[MemoryKind::User],
            MemoryChoice::Only(MemoryKind::Shared) => &[MemoryKind::Shared],
        };
        let mut why = None;
        for &kind in kinds {
            match self.stream_in(node, format, kind) {
                Ok(stream) => return Ok((stream, kind, why)),
                Err(error) if error.is_refused() && kinds.len() > 1 && why.is_none() => {
                    why = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(why.unwrap_or_else(|| V4l2Error::other("VIDIOC_REQBUFS", "no memory to fill")))
    }

    fn stream_in(
        &mut self,
        node: &Arc<dyn VideoNode>,
        format: VideoFormat,
        kind: MemoryKind,
    ) -> Result<VideoStream, V4l2Error> {
        if self.pool_kind != Some(kind) {
            self.buffer_pool.clear();
            self.pool_kind = Some(kind);
        }
        let bytes = format.bytes as usize;
        // What nobody reads any more, and is large enough, is lent again.
        self.buffer_pool
            .retain(|region| Arc::strong_count(region) == 1 && region.bytes() >= bytes);
        let mut free: Vec<Arc<dyn Region>> = std::mem::take(&mut self.buffer_pool);
        let mut lent = Vec::new();
        let (allocator, kernel) = (&self.allocator, &self.kernel);
        let mut make = || {
            let region = match (free.pop(), kind) {
                (Some(region), _) => region,
                (None, MemoryKind::Shared) => Arc::new(kernel.share(bytes)?),
                (None, _) => allocator(bytes)?,
            };
            lent.push(region.clone());
            Ok(region)
        };
        let memory = match kind {
            MemoryKind::Mmap => MemoryPreference::Mmap,
            MemoryKind::User => MemoryPreference::User(&mut make),
            MemoryKind::Shared => MemoryPreference::Shared(&mut make),
        };
        let started = VideoStream::start(node.clone(), memory, self.options.buffers);
        self.buffer_pool = lent;
        self.buffer_pool.append(&mut free);
        started
    }
}
