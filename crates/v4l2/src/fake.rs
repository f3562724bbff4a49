//! A driver inside the process, for tests: it fills buffers as a real one does, and injects
//! faults on request.
//!
//! Its time is its own ([`FakeKernel::virtual_time`]: waiting moves it on, so that hours of outages take
//! no time) or that of the machine ([`FakeKernel::real_time`]: frames come when a test calls
//! [`FakeKernel::produce`] on a thread of its own).

mod calls;
mod world;

use crate::{FourCc, MemoryKind, V4l2Api};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use world::FakeWorld;

/// A call that can be asked to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FakeCall {
    /// `open`
    Open,
    /// `VIDIOC_QUERYCAP`
    Identity,
    /// `VIDIOC_ENUM_FMT`
    Formats,
    /// `VIDIOC_ENUM_FRAMESIZES`
    Sizes,
    /// `VIDIOC_G_FMT`
    Format,
    /// `VIDIOC_S_FMT`
    SetFormat,
    /// `VIDIOC_G_PARM`
    Rate,
    /// `VIDIOC_S_PARM`
    SetRate,
    /// `VIDIOC_QUERY_EXT_CTRL`
    Controls,
    /// `VIDIOC_S_EXT_CTRLS`
    SetControl,
    /// `VIDIOC_REQBUFS`
    Request,
    /// `mmap`
    Map,
    /// `VIDIOC_QBUF`
    Queue,
    /// `VIDIOC_STREAMON`
    StreamOn,
    /// `VIDIOC_DQBUF`
    Dequeue,
    /// `poll`
    Wait,
}

impl FakeCall {
    /// All calls.
    pub const ALL: [FakeCall; 16] = [
        FakeCall::Open,
        FakeCall::Identity,
        FakeCall::Formats,
        FakeCall::Sizes,
        FakeCall::Format,
        FakeCall::SetFormat,
        FakeCall::Rate,
        FakeCall::SetRate,
        FakeCall::Controls,
        FakeCall::SetControl,
        FakeCall::Request,
        FakeCall::Map,
        FakeCall::Queue,
        FakeCall::StreamOn,
        FakeCall::Dequeue,
        FakeCall::Wait,
    ];

    fn name(self) -> &'static str {
        match self {
            FakeCall::Open => "open",
            FakeCall::Identity => "VIDIOC_QUERYCAP",
            FakeCall::Formats => "VIDIOC_ENUM_FMT",
            FakeCall::Sizes => "VIDIOC_ENUM_FRAMESIZES",
            FakeCall::Format => "VIDIOC_G_FMT",
            FakeCall::SetFormat => "VIDIOC_S_FMT",
            FakeCall::Rate => "VIDIOC_G_PARM",
            FakeCall::SetRate => "VIDIOC_S_PARM",
            FakeCall::Controls => "VIDIOC_QUERY_EXT_CTRL",
            FakeCall::SetControl => "VIDIOC_S_EXT_CTRLS",
            FakeCall::Request => "VIDIOC_REQBUFS",
            FakeCall::Map => "mmap",
            FakeCall::Queue => "VIDIOC_QBUF",
            FakeCall::StreamOn => "VIDIOC_STREAMON",
            FakeCall::Dequeue => "VIDIOC_DQBUF",
            FakeCall::Wait => "poll",
        }
    }
}

/// What befalls the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FakeEvent {
    /// It is pulled out: every call fails, until it is plugged in and opened again.
    Unplug,
    /// It is plugged in again.
    Plug,
    /// It gives no frame (`true`), or gives frames again.
    Silence(bool),
    /// So many frames to come are marked as damaged.
    Corrupt(u32),
    /// So many frames to come are cut short.
    Short(u32),
    /// The next frame has this number.
    Sequence(u32),
    /// So many frames are skipped.
    Skip(u32),
    /// Stamps are this much later than the truth from now on, ns; negative: earlier.
    StampOffset(i64),
    /// The next so many calls fail with this number.
    Fail(FakeCall, i32, u32),
    /// Someone else has the device: setting and streaming fail with EBUSY.
    Taken(bool),
}

/// How stamps are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FakeClock {
    /// The monotonic clock, and the driver says so.
    Monotonic,
    /// The wall clock; the driver does not say which.
    Realtime,
    /// The same number every time.
    Stopped,
}

/// A fake kernel with one device; clones share it.
#[derive(Clone, Debug)]
pub struct FakeKernel {
    shared: Arc<SharedWorld>,
}

#[derive(Debug)]
struct SharedWorld {
    world: Mutex<FakeWorld>,
    produced: Condvar,
    /// `None`: time is virtual.
    started: Option<Instant>,
}

impl FakeKernel {
    /// A device of 64x48 YUYV at 30 Hz in virtual time.
    pub fn virtual_time() -> Self {
        Self::new(None)
    }

    /// The same in the machine's time: frames come when [`FakeKernel::produce`] is called.
    pub fn real_time() -> Self {
        Self::new(Some(Instant::now()))
    }

    fn new(started: Option<Instant>) -> Self {
        Self {
            shared: Arc::new(SharedWorld {
                world: Mutex::new(FakeWorld::new()),
                produced: Condvar::new(),
                started,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, FakeWorld> {
        self.shared
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `event` befall the device now.
    pub fn inject_event(&self, event: FakeEvent) {
        self.lock().apply_event(event);
        self.shared.produced.notify_all();
    }

    /// Has `event` befall the device `after` from now, in virtual time.
    pub fn schedule(&self, after: Duration, event: FakeEvent) {
        let mut world = self.lock();
        let at = world.now + after;
        let place = world.events.partition_point(|(other, _)| *other <= at);
        world.events.insert(place, (at, event));
    }

    /// The kinds of memory that the driver does not take.
    pub fn refuse_memory(&self, kinds: &[MemoryKind]) {
        self.lock().refused_memory = kinds.to_vec();
    }

    /// How stamps are made, and how long a frame takes from its stamp to its arrival.
    pub fn set_clock(&self, clock: FakeClock, delay: Duration) {
        let mut world = self.lock();
        (world.clock, world.delay) = (clock, delay);
    }

    /// The pixel formats and sizes, and bytes at the end of each row that hold no pixel.
    pub fn set_modes(&self, formats: &[FourCc], sizes: &[(u32, u32)], padding: u32) {
        let mut world = self.lock();
        world.formats = formats.to_vec();
        world.sizes = sizes.to_vec();
        world.padding = padding;
        let (fourcc, (w, h)) = (formats[0], sizes[0]);
        world.set_format(fourcc, w, h);
    }

    /// What frames hold from now on, in turn; those that are longer than a frame may be are left
    /// out.
    pub fn set_contents(&self, contents: &[Vec<u8>]) {
        self.lock().contents = contents.to_vec();
    }

    /// A driver with a fault: it writes into buffers that it does not have.
    pub fn overwrite(&self) {
        self.lock().overwrites = true;
    }

    /// In real time: fills a queued buffer now; `false` where the driver has none, or does not
    /// stream. The frame is lost then.
    pub fn produce(&self) -> bool {
        let now = self.monotonic();
        let mut world = self.lock();
        world.now = now;
        let made = world.frame(now);
        drop(world);
        self.shared.produced.notify_all();
        made
    }

    /// When a frame was last handed out, in the machine's time.
    pub fn last_dequeue(&self) -> Option<Instant> {
        self.lock().dequeued
    }

    /// The value of a control.
    pub fn control(&self, name: &str) -> Option<i64> {
        let world = self.lock();
        let found = world.controls.iter().find(|(c, _)| c.name == name);
        found.map(|(_, value)| *value)
    }

    /// How often the device was opened, how many openings are not closed, how often it started to
    /// stream.
    pub fn counts(&self) -> (u64, u64, u64) {
        let world = self.lock();
        (world.opened, world.open, world.started)
    }
}
