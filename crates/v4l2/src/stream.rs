//! Streaming: buffers are exchanged between driver and reader.

use crate::{BufferPlace, DequeuedBuffer, MemoryKind, Region, V4l2Error, VideoNode, WaitOutcome};
use std::ops::{Deref, Range};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No driver has more buffers (`VIDEO_MAX_FRAME`).
const MAX_BUFFERS: u32 = 32;

/// Makes the memory of one more buffer.
pub type BufferAllocator<'a> = &'a mut dyn FnMut() -> Result<Arc<dyn Region>, V4l2Error>;

/// Whose memory is to be filled.
pub enum MemoryPreference<'a> {
    /// The driver's own, mapped.
    Mmap,
    /// The caller's; asked for as many times as the driver wants buffers.
    User(BufferAllocator<'a>),
    /// The caller's, shared by a file.
    Shared(BufferAllocator<'a>),
}

impl MemoryPreference<'_> {
    fn kind(&self) -> MemoryKind {
        match self {
            MemoryPreference::Mmap => MemoryKind::Mmap,
            MemoryPreference::User(_) => MemoryKind::User,
            MemoryPreference::Shared(_) => MemoryKind::Shared,
        }
    }
}

/// A device that streams. Dropped, it stops and lets go of the device; what is still held stays
/// readable.
#[derive(Debug)]
pub struct VideoStream {
    node: Arc<dyn VideoNode>,
    shared: Arc<SharedStream>,
}

#[derive(Debug)]
struct SharedStream {
    kind: MemoryKind,
    regions: Vec<Arc<dyn Region>>,
    state: Mutex<StreamState>,
}

#[derive(Debug)]
struct StreamState {
    /// The device, while it takes buffers: a frame that is held must not keep it open.
    node: Option<Arc<dyn VideoNode>>,
    /// The buffers that the driver has, a bit each.
    queued: u32,
    /// Why a buffer could not be given back.
    refused: Option<V4l2Error>,
}

/// A filled buffer. The driver gets it back when this is dropped, wherever that happens.
#[derive(Debug)]
pub struct FilledBuffer {
    shared: Arc<SharedStream>,
    dequeued: DequeuedBuffer,
    range: Range<usize>,
}

impl VideoStream {
    /// Asks for `count` buffers, hands them to the driver and starts it.
    ///
    /// # Errors
    /// The driver does not have that kind of memory ([`V4l2Error::is_refused`]), is busy, or fails. It
    /// is left stopped and without buffers.
    pub fn start(
        node: Arc<dyn VideoNode>,
        memory: MemoryPreference<'_>,
        count: u32,
    ) -> Result<Self, V4l2Error> {
        let kind = memory.kind();
        let granted = node.request(kind, count.clamp(1, MAX_BUFFERS))?;
        let mut shared = SharedStream {
            kind,
            regions: Vec::new(),
            state: Mutex::new(StreamState {
                node: None,
                queued: 0,
                refused: None,
            }),
        };
        let started = shared.start(&node, memory, granted.min(MAX_BUFFERS));
        // From here on dropping it stops the driver.
        let stream = Self {
            node,
            shared: Arc::new(shared),
        };
        started.map(|()| stream)
    }

    /// Number of buffers.
    pub fn buffers(&self) -> usize {
        self.shared.regions.len()
    }

    /// Buffers that the driver has.
    pub fn queued(&self) -> u32 {
        self.shared.lock().queued.count_ones()
    }

    /// Waits for a frame; `None` where none came in time.
    ///
    /// # Errors
    /// The device failed or is gone, or a buffer could not be given back to it.
    pub fn next(&self, patience: Duration) -> Result<Option<FilledBuffer>, V4l2Error> {
        if let Some(error) = self.shared.lock().refused.take() {
            return Err(error);
        }
        let waited = self.node.wait_readable(patience)?;
        if waited == WaitOutcome::Nothing {
            return Ok(None);
        }
        match self.take()? {
            None if waited == WaitOutcome::Failed => Err(V4l2Error::of("poll", libc::EIO)),
            taken => Ok(taken),
        }
    }

    /// The oldest filled buffer; `None` where there is none.
    ///
    /// # Errors
    /// The device failed or is gone, or names a buffer that it does not have.
    pub fn take(&self) -> Result<Option<FilledBuffer>, V4l2Error> {
        let shared = &self.shared;
        let Some(done) = self.node.dequeue(shared.kind)? else {
            return Ok(None);
        };
        let mut state = shared.lock();
        let bit = 1u32.checked_shl(done.index).unwrap_or(0);
        let Some(region) = shared.regions.get(done.index as usize) else {
            return Err(V4l2Error::other(
                "VIDIOC_DQBUF",
                "it gave a buffer that is none",
            ));
        };
        if state.queued & bit == 0 {
            return Err(V4l2Error::other(
                "VIDIOC_DQBUF",
                "it gave a buffer that it did not have",
            ));
        }
        state.queued &= !bit;
        drop(state);
        region.begin_read();
        let end = (done.end as usize).min(region.bytes());
        Ok(Some(FilledBuffer {
            shared: shared.clone(),
            dequeued: done,
            range: (done.offset as usize).min(end)..end,
        }))
    }
}

impl Drop for VideoStream {
    fn drop(&mut self) {
        let shared = &self.shared;
        {
            let mut state = shared.lock();
            state.node = None;
            state.queued = 0;
        }
        // What a device that is gone says to this is of no interest.
        let _ = self.node.stream(false);
        let _ = self.node.request(shared.kind, 0);
    }
}

impl SharedStream {
    /// A thread that panicked while it held the lock left a state that is still whole.
    fn lock(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(
        &mut self,
        node: &Arc<dyn VideoNode>,
        mut memory: MemoryPreference<'_>,
        count: u32,
    ) -> Result<(), V4l2Error> {
        for index in 0..count {
            let region: Arc<dyn Region> = match &mut memory {
                MemoryPreference::Mmap => Arc::new(node.map(index)?),
                MemoryPreference::User(make) | MemoryPreference::Shared(make) => make()?,
            };
            self.regions.push(region);
        }
        let mut state = self.lock();
        for index in 0..count {
            self.queue(&**node, index, &mut state)?;
        }
        node.stream(true)?;
        state.node = Some(node.clone());
        Ok(())
    }

    fn queue(
        &self,
        node: &dyn VideoNode,
        index: u32,
        state: &mut StreamState,
    ) -> Result<(), V4l2Error> {
        let region = &self.regions[index as usize];
        let bytes = region.bytes();
        let place = match self.kind {
            MemoryKind::Mmap => BufferPlace::Mmap,
            MemoryKind::User => BufferPlace::User {
                start: region.start().as_ptr(),
                bytes,
            },
            MemoryKind::Shared => BufferPlace::Shared {
                file: region
                    .file()
                    .ok_or_else(|| V4l2Error::other("VIDIOC_QBUF", "no file shares this memory"))?
                    .as_raw_fd(),
                bytes,
            },
        };
        // The bit first: a driver on another thread may be done before this thread continues.
        state.queued |= 1 << index;
        // SAFETY: `regions` keeps the memory for as long as this value lives, which the stream and
        // every `Filled` share; the stream's end, which outlives no memory, stops the driver. Nobody reads it: a buffer is
        // queued at the start, before there was a `Filled` of it, or when its only one is dropped.
        let queued = unsafe { node.queue(index, place) };
        if queued.is_err() {
            state.queued &= !(1 << index);
        }
        queued
    }

    fn requeue(&self, index: u32) {
        self.regions[index as usize].end_read();
        let mut state = self.lock();
        if let Some(node) = state.node.clone()
            && let Err(error) = self.queue(&*node, index, &mut state)
        {
            state.refused = Some(error);
        }
    }
}

impl FilledBuffer {
    /// What the driver says of it.
    pub fn dequeued(&self) -> &DequeuedBuffer {
        &self.dequeued
    }
}

impl Deref for FilledBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let region = &self.shared.regions[self.dequeued.index as usize];
        // SAFETY: the range lies in the region (`Stream::take` holds it to that), whose memory
        // lives as long as `shared`. The driver does not have this buffer: it was dequeued, its
        // bit was taken from `queued`, and only the drop of this value queues it again.
        unsafe {
            let start = region.start().as_ptr().add(self.range.start);
            std::slice::from_raw_parts(start, self.range.len())
        }
    }
}

impl Drop for FilledBuffer {
    fn drop(&mut self) {
        self.shared.requeue(self.dequeued.index);
    }
}
