//! The calls that the fake device answers as the kernel does.

use super::world::{BufferSlot, EPOCH, FakeWorld, StreamingState, WrittenBuffer};
use super::{FakeCall, FakeKernel};
use crate::{
    AlignedPages, BufferPlace, ControlInfo, DequeuedBuffer, DeviceIdentity, FourCc, FrameRates,
    FrameSizes, MemoryKind, V4l2Api, V4l2Error, VideoFormat, VideoNode, WaitOutcome,
};
use std::collections::VecDeque;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

impl V4l2Api for FakeKernel {
    fn open(&self, _: &Path) -> Result<Arc<dyn VideoNode>, V4l2Error> {
        let mut world = self.lock();
        world.check_fault(FakeCall::Open)?;
        if world.unplugged {
            return Err(V4l2Error::of("open", libc::ENOENT));
        }
        world.opened += 1;
        world.open += 1;
        Ok(Arc::new(FakeNode {
            fake: self.clone(),
            plugged: world.plugged,
        }))
    }

    fn share(&self, bytes: usize) -> Result<AlignedPages, V4l2Error> {
        let file = memory_file(bytes.next_multiple_of(crate::memory::page_bytes()))?;
        AlignedPages::of_file(file, bytes.next_multiple_of(crate::memory::page_bytes()))
    }

    fn monotonic(&self) -> Duration {
        match self.shared.started {
            Some(started) => Duration::from_secs(1000) + started.elapsed(),
            None => self.lock().now,
        }
    }

    fn realtime(&self) -> Duration {
        EPOCH + self.monotonic()
    }

    fn sleep(&self, time: Duration) {
        if self.shared.started.is_some() {
            return std::thread::sleep(time);
        }
        let mut world = self.lock();
        let until = world.now + time;
        // Frames that come meanwhile wait, or are lost.
        world.run(until, false);
    }
}

/// A file in memory of `bytes` bytes.
fn memory_file(bytes: usize) -> Result<OwnedFd, V4l2Error> {
    // SAFETY: the name is a C string; the call has no other requirement.
    let file = unsafe { libc::memfd_create(c"frames".as_ptr(), libc::MFD_CLOEXEC) };
    if file < 0 {
        return Err(V4l2Error::last("memfd_create"));
    }
    // SAFETY: the file was opened just now and belongs to nobody else.
    let file = unsafe { OwnedFd::from_raw_fd(file) };
    let grown = std::fs::File::from(file.try_clone().map_err(|source| V4l2Error {
        call: "dup",
        source,
    })?)
    .set_len(bytes as u64);
    match grown {
        Ok(()) => Ok(file),
        Err(source) => Err(V4l2Error {
            call: "ftruncate",
            source,
        }),
    }
}

/// One opening of the device.
#[derive(Debug)]
struct FakeNode {
    fake: FakeKernel,
    plugged: u32,
}

impl FakeNode {
    /// The world, if the device is still there and `call` does not fail.
    fn call(&self, call: FakeCall) -> Result<MutexGuard<'_, FakeWorld>, V4l2Error> {
        let mut world = self.fake.lock();
        if world.unplugged || world.plugged != self.plugged {
            return Err(V4l2Error::of(call.name(), libc::ENODEV));
        }
        world.check_fault(call)?;
        let owns = matches!(
            call,
            FakeCall::SetFormat | FakeCall::SetRate | FakeCall::Request | FakeCall::StreamOn
        );
        if owns && world.busy {
            return Err(V4l2Error::of(call.name(), libc::EBUSY));
        }
        Ok(world)
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.fake.lock().open -= 1;
    }
}

impl VideoNode for FakeNode {
    fn identity(&self) -> Result<DeviceIdentity, V4l2Error> {
        drop(self.call(FakeCall::Identity)?);
        Ok(DeviceIdentity {
            driver: "fake".into(),
            card: "A driver inside the process".into(),
            bus: "memory".into(),
        })
    }

    fn formats(&self) -> Result<Vec<FourCc>, V4l2Error> {
        Ok(self.call(FakeCall::Formats)?.formats.clone())
    }

    fn sizes(&self, _: FourCc) -> Result<FrameSizes, V4l2Error> {
        Ok(FrameSizes::Listed(
            self.call(FakeCall::Sizes)?.sizes.clone(),
        ))
    }

    fn rates(&self, _: FourCc, _: u32, _: u32) -> Result<FrameRates, V4l2Error> {
        drop(self.call(FakeCall::Sizes)?);
        Ok(FrameRates::Listed(vec![30.0, 15.0]))
    }

    fn format(&self) -> Result<VideoFormat, V4l2Error> {
        Ok(self.call(FakeCall::Format)?.format)
    }

    fn set_format(
        &self,
        fourcc: FourCc,
        width: u32,
        height: u32,
    ) -> Result<VideoFormat, V4l2Error> {
        let mut world = self.call(FakeCall::SetFormat)?;
        world.set_format(fourcc, width, height);
        Ok(world.format)
    }

    fn rate(&self) -> Result<Option<f64>, V4l2Error> {
        Ok(Some(self.call(FakeCall::Rate)?.rate_hz))
    }

    fn set_rate(&self, rate_hz: f64) -> Result<Option<f64>, V4l2Error> {
        let mut world = self.call(FakeCall::SetRate)?;
        world.rate_hz = if rate_hz > 20.0 { 30.0 } else { 15.0 };
        world.period = Duration::from_secs_f64(1.0 / world.rate_hz);
        Ok(Some(world.rate_hz))
    }

    fn controls(&self) -> Result<Vec<ControlInfo>, V4l2Error> {
        let world = self.call(FakeCall::Controls)?;
        Ok(world.controls.iter().map(|(c, _)| c.clone()).collect())
    }

    fn set_control(&self, id: u32, value: i64) -> Result<(), V4l2Error> {
        let mut world = self.call(FakeCall::SetControl)?;
        match world.controls.iter_mut().find(|(c, _)| c.id == id) {
            Some((control, now)) if (control.minimum..=control.maximum).contains(&value) => {
                *now = value;
                Ok(())
            }
            _ => Err(V4l2Error::of(FakeCall::SetControl.name(), libc::EINVAL)),
        }
    }

    fn request(&self, kind: MemoryKind, count: u32) -> Result<u32, V4l2Error> {
        if count == 0 {
            // Giving back does not fail by command: a test would count it for a start.
            let mut world = self.fake.lock();
            world.streaming = None;
            return Ok(0);
        }
        let mut world = self.call(FakeCall::Request)?;
        if world.refused_memory.contains(&kind) {
            return Err(V4l2Error::of(FakeCall::Request.name(), libc::EINVAL));
        }
        if world.streaming.is_some() {
            return Err(V4l2Error::of(FakeCall::Request.name(), libc::EBUSY));
        }
        let page = crate::memory::page_bytes();
        let each = (world.format.bytes as usize).next_multiple_of(page);
        let mut slots: Vec<BufferSlot> = (0..count).map(|_| BufferSlot::default()).collect();
        if kind == MemoryKind::Mmap {
            let file = memory_file(each * count as usize)?;
            for (index, slot) in slots.iter_mut().enumerate() {
                let pages = AlignedPages::of_driver(file.as_fd(), (index * each) as i64, each)?;
                slot.memory = Some(WrittenBuffer::Pages(pages));
            }
            world.file = Some(file);
        }
        world.streaming = Some(StreamingState {
            on: false,
            kind,
            slots,
            queue: VecDeque::with_capacity(count as usize),
            done: VecDeque::with_capacity(count as usize),
        });
        Ok(count)
    }

    fn map(&self, index: u32) -> Result<AlignedPages, V4l2Error> {
        let world = self.call(FakeCall::Map)?;
        let page = crate::memory::page_bytes();
        let each = (world.format.bytes as usize).next_multiple_of(page);
        match &world.file {
            Some(file) => {
                AlignedPages::of_driver(file.as_fd(), (index as usize * each) as i64, each)
            }
            None => Err(V4l2Error::of(FakeCall::Map.name(), libc::EINVAL)),
        }
    }

    unsafe fn queue(&self, index: u32, place: BufferPlace) -> Result<(), V4l2Error> {
        let mut world = self.call(FakeCall::Queue)?;
        let requested = world.format.bytes as usize;
        let refused = || V4l2Error::of(FakeCall::Queue.name(), libc::EINVAL);
        let streaming = world.streaming.as_mut().ok_or_else(refused)?;
        let slot = streaming
            .slots
            .get_mut(index as usize)
            .ok_or_else(refused)?;
        match (streaming.kind, place) {
            (MemoryKind::Mmap, BufferPlace::Mmap) => {}
            (MemoryKind::User, BufferPlace::User { start, bytes }) if bytes >= requested => {
                slot.memory = Some(WrittenBuffer::At(start, bytes));
            }
            (MemoryKind::Shared, BufferPlace::Shared { file, bytes }) if bytes >= requested => {
                if slot.memory.is_none() {
                    // SAFETY: the caller keeps the file open while the buffer is queued.
                    let file = unsafe { std::os::fd::BorrowedFd::borrow_raw(file) };
                    slot.memory = Some(WrittenBuffer::Pages(AlignedPages::of_driver(
                        file, 0, bytes,
                    )?));
                }
            }
            _ => return Err(refused()),
        }
        if streaming.queue.contains(&index) || streaming.done.iter().any(|d| d.index == index) {
            return Err(refused());
        }
        streaming.queue.push_back(index);
        Ok(())
    }

    fn dequeue(&self, _: MemoryKind) -> Result<Option<DequeuedBuffer>, V4l2Error> {
        let mut world = self.call(FakeCall::Dequeue)?;
        let done = match &mut world.streaming {
            Some(streaming) if streaming.on => streaming.done.pop_front(),
            _ => return Err(V4l2Error::of(FakeCall::Dequeue.name(), libc::EINVAL)),
        };
        if done.is_some() {
            world.dequeued = Some(Instant::now());
        }
        Ok(done)
    }

    fn stream(&self, on: bool) -> Result<(), V4l2Error> {
        if !on {
            let mut world = self.fake.lock();
            if let Some(streaming) = &mut world.streaming {
                streaming.on = false;
                streaming.queue.clear();
                streaming.done.clear();
            }
            return Ok(());
        }
        let mut world = self.call(FakeCall::StreamOn)?;
        world.next_frame = world.now + world.period;
        world.sequence = 0;
        world.started += 1;
        match &mut world.streaming {
            Some(streaming) => streaming.on = true,
            None => return Err(V4l2Error::of(FakeCall::StreamOn.name(), libc::EINVAL)),
        }
        Ok(())
    }

    fn wait_readable(&self, patience: Duration) -> Result<WaitOutcome, V4l2Error> {
        let deadline = Instant::now() + patience;
        let mut world = self.fake.lock();
        world.check_fault(FakeCall::Wait)?;
        let dead = |world: &FakeWorld| world.unplugged || world.plugged != self.plugged;
        if self.fake.shared.started.is_none() {
            let until = world.now + patience;
            let ready = !dead(&world) && world.run(until, true);
            return Ok(match ready {
                _ if dead(&world) => WaitOutcome::Failed,
                true => WaitOutcome::Ready,
                false => WaitOutcome::Nothing,
            });
        }
        loop {
            if dead(&world) {
                return Ok(WaitOutcome::Failed);
            }
            if world.streaming.as_ref().is_some_and(|s| !s.done.is_empty()) {
                return Ok(WaitOutcome::Ready);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(WaitOutcome::Nothing);
            }
            let waited = self.fake.shared.produced.wait_timeout(world, left);
            world = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
