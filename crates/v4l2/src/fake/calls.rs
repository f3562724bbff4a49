//! The calls that the fake device answers as the kernel does.

use super::world::{EPOCH, Slot, Streaming, World, Written};
use super::{Call, Fake};
use crate::{
    Control, Done, Error, Format, FourCc, Identity, Kernel, Kind, Node, Pages, Place, Rates, Sizes,
    Wait,
};
use std::collections::VecDeque;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

impl Kernel for Fake {
    fn open(&self, _: &Path) -> Result<Arc<dyn Node>, Error> {
        let mut world = self.lock();
        world.pass(Call::Open)?;
        if world.gone {
            return Err(Error::of("open", libc::ENOENT));
        }
        world.opened += 1;
        world.open += 1;
        Ok(Arc::new(Opened {
            fake: self.clone(),
            plugged: world.plugged,
        }))
    }

    fn share(&self, bytes: usize) -> Result<Pages, Error> {
        let file = memory_file(bytes.next_multiple_of(crate::memory::page_bytes()))?;
        Pages::of_file(file, bytes.next_multiple_of(crate::memory::page_bytes()))
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
fn memory_file(bytes: usize) -> Result<OwnedFd, Error> {
    // SAFETY: the name is a C string; the call has no other requirement.
    let file = unsafe { libc::memfd_create(c"frames".as_ptr(), libc::MFD_CLOEXEC) };
    if file < 0 {
        return Err(Error::last("memfd_create"));
    }
    // SAFETY: the file was opened just now and belongs to nobody else.
    let file = unsafe { OwnedFd::from_raw_fd(file) };
    let grown = std::fs::File::from(file.try_clone().map_err(|source| Error {
        call: "dup",
        source,
    })?)
    .set_len(bytes as u64);
    match grown {
        Ok(()) => Ok(file),
        Err(source) => Err(Error {
            call: "ftruncate",
            source,
        }),
    }
}

/// One opening of the device.
#[derive(Debug)]
struct Opened {
    fake: Fake,
    plugged: u32,
}

impl Opened {
    /// The world, if the device is still there and `call` does not fail.
    fn call(&self, call: Call) -> Result<MutexGuard<'_, World>, Error> {
        let mut world = self.fake.lock();
        if world.gone || world.plugged != self.plugged {
            return Err(Error::of(call.name(), libc::ENODEV));
        }
        world.pass(call)?;
        let owns = matches!(
            call,
            Call::SetFormat | Call::SetRate | Call::Request | Call::StreamOn
        );
        if owns && world.taken {
            return Err(Error::of(call.name(), libc::EBUSY));
        }
        Ok(world)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.fake.lock().open -= 1;
    }
}

impl Node for Opened {
    fn identity(&self) -> Result<Identity, Error> {
        drop(self.call(Call::Identity)?);
        Ok(Identity {
            driver: "fake".into(),
            card: "A driver inside the process".into(),
            bus: "memory".into(),
        })
    }

    fn formats(&self) -> Result<Vec<FourCc>, Error> {
        Ok(self.call(Call::Formats)?.formats.clone())
    }

    fn sizes(&self, _: FourCc) -> Result<Sizes, Error> {
        Ok(Sizes::Listed(self.call(Call::Sizes)?.sizes.clone()))
    }

    fn rates(&self, _: FourCc, _: u32, _: u32) -> Result<Rates, Error> {
        drop(self.call(Call::Sizes)?);
        Ok(Rates::Listed(vec![30.0, 15.0]))
    }

    fn format(&self) -> Result<Format, Error> {
        Ok(self.call(Call::Format)?.format)
    }

    fn set_format(&self, fourcc: FourCc, width: u32, height: u32) -> Result<Format, Error> {
        let mut world = self.call(Call::SetFormat)?;
        world.set_format(fourcc, width, height);
        Ok(world.format)
    }

    fn rate(&self) -> Result<Option<f64>, Error> {
        Ok(Some(self.call(Call::Rate)?.rate_hz))
    }

    fn set_rate(&self, rate_hz: f64) -> Result<Option<f64>, Error> {
        let mut world = self.call(Call::SetRate)?;
        world.rate_hz = if rate_hz > 20.0 { 30.0 } else { 15.0 };
        world.period = Duration::from_secs_f64(1.0 / world.rate_hz);
        Ok(Some(world.rate_hz))
    }

    fn controls(&self) -> Result<Vec<Control>, Error> {
        let world = self.call(Call::Controls)?;
        Ok(world.controls.iter().map(|(c, _)| c.clone()).collect())
    }

    fn set_control(&self, id: u32, value: i64) -> Result<(), Error> {
        let mut world = self.call(Call::SetControl)?;
        match world.controls.iter_mut().find(|(c, _)| c.id == id) {
            Some((control, now)) if (control.minimum..=control.maximum).contains(&value) => {
                *now = value;
                Ok(())
            }
            _ => Err(Error::of(Call::SetControl.name(), libc::EINVAL)),
        }
    }

    fn request(&self, kind: Kind, count: u32) -> Result<u32, Error> {
        if count == 0 {
            // Giving back does not fail by command: a test would count it for a start.
            let mut world = self.fake.lock();
            world.streaming = None;
            return Ok(0);
        }
        let mut world = self.call(Call::Request)?;
        if world.refuses.contains(&kind) {
            return Err(Error::of(Call::Request.name(), libc::EINVAL));
        }
        if world.streaming.is_some() {
            return Err(Error::of(Call::Request.name(), libc::EBUSY));
        }
        let page = crate::memory::page_bytes();
        let each = (world.format.bytes as usize).next_multiple_of(page);
        let mut slots: Vec<Slot> = (0..count).map(|_| Slot::default()).collect();
        if kind == Kind::Mmap {
            let file = memory_file(each * count as usize)?;
            for (index, slot) in slots.iter_mut().enumerate() {
                let pages = Pages::of_driver(file.as_fd(), (index * each) as i64, each)?;
                slot.memory = Some(Written::Pages(pages));
            }
            world.file = Some(file);
        }
        world.streaming = Some(Streaming {
            on: false,
            kind,
            slots,
            queue: VecDeque::with_capacity(count as usize),
            done: VecDeque::with_capacity(count as usize),
        });
        Ok(count)
    }

    fn map(&self, index: u32) -> Result<Pages, Error> {
        let world = self.call(Call::Map)?;
        let page = crate::memory::page_bytes();
        let each = (world.format.bytes as usize).next_multiple_of(page);
        match &world.file {
            Some(file) => Pages::of_driver(file.as_fd(), (index as usize * each) as i64, each),
            None => Err(Error::of(Call::Map.name(), libc::EINVAL)),
        }
    }

    unsafe fn queue(&self, index: u32, place: Place) -> Result<(), Error> {
        let mut world = self.call(Call::Queue)?;
        let wanted = world.format.bytes as usize;
        let refused = || Error::of(Call::Queue.name(), libc::EINVAL);
        let streaming = world.streaming.as_mut().ok_or_else(refused)?;
        let slot = streaming
            .slots
            .get_mut(index as usize)
            .ok_or_else(refused)?;
        match (streaming.kind, place) {
            (Kind::Mmap, Place::Mmap) => {}
            (Kind::User, Place::User { start, bytes }) if bytes >= wanted => {
                slot.memory = Some(Written::At(start, bytes));
            }
            (Kind::Shared, Place::Shared { file, bytes }) if bytes >= wanted => {
                if slot.memory.is_none() {
                    // SAFETY: the caller keeps the file open while the buffer is queued.
                    let file = unsafe { std::os::fd::BorrowedFd::borrow_raw(file) };
                    slot.memory = Some(Written::Pages(Pages::of_driver(file, 0, bytes)?));
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

    fn dequeue(&self, _: Kind) -> Result<Option<Done>, Error> {
        let mut world = self.call(Call::Dequeue)?;
        let done = match &mut world.streaming {
            Some(streaming) if streaming.on => streaming.done.pop_front(),
            _ => return Err(Error::of(Call::Dequeue.name(), libc::EINVAL)),
        };
        if done.is_some() {
            world.dequeued = Some(Instant::now());
        }
        Ok(done)
    }

    fn stream(&self, on: bool) -> Result<(), Error> {
        if !on {
            let mut world = self.fake.lock();
            if let Some(streaming) = &mut world.streaming {
                streaming.on = false;
                streaming.queue.clear();
                streaming.done.clear();
            }
            return Ok(());
        }
        let mut world = self.call(Call::StreamOn)?;
        world.next_frame = world.now + world.period;
        world.sequence = 0;
        world.started += 1;
        match &mut world.streaming {
            Some(streaming) => streaming.on = true,
            None => return Err(Error::of(Call::StreamOn.name(), libc::EINVAL)),
        }
        Ok(())
    }

    fn wait(&self, patience: Duration) -> Result<Wait, Error> {
        let deadline = Instant::now() + patience;
        let mut world = self.fake.lock();
        world.pass(Call::Wait)?;
        let dead = |world: &World| world.gone || world.plugged != self.plugged;
        if self.fake.shared.started.is_none() {
            let until = world.now + patience;
            let ready = !dead(&world) && world.run(until, true);
            return Ok(match ready {
                _ if dead(&world) => Wait::Failed,
                true => Wait::Ready,
                false => Wait::Nothing,
            });
        }
        loop {
            if dead(&world) {
                return Ok(Wait::Failed);
            }
            if world.streaming.as_ref().is_some_and(|s| !s.done.is_empty()) {
                return Ok(Wait::Ready);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Wait::Nothing);
            }
            let waited = self.fake.shared.produced.wait_timeout(world, left);
            world = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
