//! The fake device: its state, its time, and the frames that it captures.

use super::{FakeCall, FakeClock, FakeEvent};
use crate::{
    AlignedPages, BufferFlags, ColourInfo, ControlInfo, DequeuedBuffer, FourCc, FrameSizes,
    MemoryKind, Region, V4l2Error, VideoFormat,
};
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The wall clock stands this far from the monotonic clock.
pub const EPOCH: Duration = Duration::from_secs(1_700_000_000);

#[derive(Debug)]
pub struct FakeWorld {
    pub now: Duration,
    /// Counts how often the device was plugged in: older openings are dead.
    pub plugged: u32,
    pub unplugged: bool,
    pub silent: bool,
    pub busy: bool,
    pub corrupt: u32,
    pub short: u32,
    pub faults: Vec<(FakeCall, i32, u32)>,
    pub events: VecDeque<(Duration, FakeEvent)>,
    pub period: Duration,
    pub delay: Duration,
    pub next_frame: Duration,
    pub sequence: u32,
    pub stamp_offset: i64,
    pub clock: FakeClock,
    pub refused_memory: Vec<MemoryKind>,
    pub formats: Vec<FourCc>,
    pub sizes: Vec<(u32, u32)>,
    pub padding: u32,
    pub format: VideoFormat,
    pub rate_hz: f64,
    pub controls: Vec<(ControlInfo, i64)>,
    pub streaming: Option<StreamingState>,
    pub file: Option<OwnedFd>,
    pub opened: u64,
    pub open: u64,
    pub started: u64,
    pub overwrites: bool,
    /// What frames hold, in turn; every byte is the frame's number where there is nothing.
    pub contents: Vec<Vec<u8>>,
    pub dequeued: Option<Instant>,
}

#[derive(Debug)]
pub struct StreamingState {
    pub on: bool,
    pub kind: MemoryKind,
    pub slots: Vec<BufferSlot>,
    pub queue: VecDeque<u32>,
    pub done: VecDeque<DequeuedBuffer>,
}

/// The memory that a buffer was last queued with.
#[derive(Debug, Default)]
pub struct BufferSlot {
    pub memory: Option<WrittenBuffer>,
}

#[derive(Debug)]
pub enum WrittenBuffer {
    /// Pages of this driver, or of a file that was handed in.
    Pages(AlignedPages),
    /// Memory of the caller.
    At(*mut u8, usize),
}

// SAFETY: the address of `Written::At` is handed in by `Node::queue`, whose caller vouches that the
// memory is the driver's until the buffer is given back; it is written under the world's lock only.
unsafe impl Send for BufferSlot {}

impl BufferSlot {
    fn write(&mut self, byte: u8, bytes: usize) {
        let (start, length) = match &self.memory {
            Some(WrittenBuffer::Pages(pages)) => (pages.start().as_ptr(), pages.bytes()),
            Some(WrittenBuffer::At(start, length)) => (*start, *length),
            None => return,
        };
        // SAFETY: the memory is `length` long and the driver's own while the buffer is queued
        // (see `Node::queue`); pages of this driver live in the slot.
        unsafe { std::ptr::write_bytes(start, byte, bytes.min(length)) };
    }

    /// Writes `content` to the beginning of the memory.
    fn put(&mut self, content: &[u8]) {
        let (start, length) = match &self.memory {
            Some(WrittenBuffer::Pages(pages)) => (pages.start().as_ptr(), pages.bytes()),
            Some(WrittenBuffer::At(start, length)) => (*start, *length),
            None => return,
        };
        let bytes = content.len().min(length);
        // SAFETY: as in `write`; `content` is not a part of it.
        unsafe { std::ptr::copy_nonoverlapping(content.as_ptr(), start, bytes) };
    }
}

impl FakeWorld {
    /// A device of 64x48 YUYV at 30 Hz.
    pub fn new() -> Self {
        let fourcc = FourCc(*b"YUYV");
        let mut world = Self {
            now: Duration::from_secs(1000),
            plugged: 1,
            unplugged: false,
            silent: false,
            busy: false,
            corrupt: 0,
            short: 0,
            faults: Vec::new(),
            events: VecDeque::new(),
            period: Duration::from_nanos(1_000_000_000 / 30),
            delay: Duration::from_millis(5),
            next_frame: Duration::ZERO,
            sequence: 0,
            stamp_offset: 0,
            clock: FakeClock::Monotonic,
            refused_memory: Vec::new(),
            formats: [
                b"YUYV", b"UYVY", b"NV12", b"NV21", b"RGB3", b"BGR3", b"GREY", b"MJPG",
            ]
            .map(|letters| FourCc(*letters))
            .to_vec(),
            sizes: vec![(64, 48), (128, 96)],
            padding: 0,
            format: VideoFormat {
                fourcc,
                width: 64,
                height: 48,
                stride: 128,
                bytes: 64 * 48 * 2,
                colour: ColourInfo::default(),
            },
            rate_hz: 30.0,
            controls: [("gain", 0, 100), ("exposure_time_absolute", 1, 1000)]
                .into_iter()
                .zip(1..)
                .map(|((name, minimum, maximum), id)| {
                    let control = ControlInfo {
                        id,
                        name: name.into(),
                        minimum,
                        maximum,
                        step: 1,
                        default: minimum,
                    };
                    (control, minimum)
                })
                .collect(),
            streaming: None,
            file: None,
            opened: 0,
            open: 0,
            started: 0,
            overwrites: false,
            contents: Vec::new(),
            dequeued: None,
        };
        world.set_format(fourcc, 64, 48);
        world
    }

    pub fn apply_event(&mut self, event: FakeEvent) {
        match event {
            FakeEvent::Unplug => {
                self.unplugged = true;
                self.streaming = None;
            }
            FakeEvent::Plug => {
                self.unplugged = false;
                self.plugged += 1;
            }
            FakeEvent::Silence(silent) => self.silent = silent,
            FakeEvent::Corrupt(frames) => self.corrupt = frames,
            FakeEvent::Short(frames) => self.short = frames,
            FakeEvent::Sequence(number) => self.sequence = number,
            FakeEvent::Skip(frames) => self.sequence = self.sequence.wrapping_add(frames),
            FakeEvent::StampOffset(ns) => self.stamp_offset = ns,
            FakeEvent::Fail(call, number, times) => self.faults.push((call, number, times)),
            FakeEvent::Taken(taken) => self.busy = taken,
        }
    }

    /// Fails where it is asked to.
    pub fn check_fault(&mut self, call: FakeCall) -> Result<(), V4l2Error> {
        if let Some(fault) = self.faults.iter_mut().find(|f| f.0 == call && f.2 > 0) {
            fault.2 -= 1;
            return Err(V4l2Error::of(call.name(), fault.1));
        }
        Ok(())
    }

    pub fn set_format(&mut self, fourcc: FourCc, width: u32, height: u32) {
        let fourcc = if self.formats.contains(&fourcc) {
            fourcc
        } else {
            self.formats[0]
        };
        let sizes = FrameSizes::Listed(self.sizes.clone());
        let (width, height) = sizes.nearest(width, height).unwrap_or((width, height));
        // Bytes per row, and bytes of the frame in eighths of that of one plane.
        let (row, eighths) = match &fourcc.0 {
            b"YUYV" | b"UYVY" => (width * 2, 8),
            b"RGB3" | b"BGR3" => (width * 3, 8),
            b"NV12" | b"NV21" => (width, 12),
            b"MJPG" => (0, 0),
            _ => (width, 8),
        };
        let stride = if row == 0 { 0 } else { row + self.padding };
        let bytes = match stride {
            0 => width * height * 2,
            stride => stride * height * eighths / 8,
        };
        self.format = VideoFormat {
            fourcc,
            width,
            height,
            stride,
            bytes,
            colour: ColourInfo::default(),
        };
    }

    /// A frame is captured at `now`: it goes into the oldest queued buffer.
    pub fn frame(&mut self, now: Duration) -> bool {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let Some(streaming) = self.streaming.as_mut().filter(|s| s.on) else {
            return false;
        };
        let bytes = self.format.bytes as usize;
        if self.overwrites {
            for slot in &mut streaming.slots {
                slot.write(sequence as u8, bytes);
            }
        }
        let Some(index) = streaming.queue.pop_front() else {
            return false;
        };
        let slot = &mut streaming.slots[index as usize];
        slot.write(sequence as u8, bytes);
        let turn = sequence as usize % self.contents.len().max(1);
        let content = self.contents.get(turn).filter(|c| c.len() <= bytes);
        if let Some(content) = content {
            slot.put(content);
        }
        let buffer = content.map_or(self.format.bytes, |content| content.len() as u32);
        let corrupt = self.corrupt > 0;
        self.corrupt = self.corrupt.saturating_sub(1);
        let short = self.short > 0;
        self.short = self.short.saturating_sub(1);
        let captured = now.saturating_sub(self.delay);
        let (stamp, clock) = match self.clock {
            FakeClock::Monotonic => (captured, BufferFlags::MONOTONIC),
            FakeClock::Realtime => (captured + EPOCH, 0),
            FakeClock::Stopped => (Duration::ZERO, 0),
        };
        let offset = Duration::from_nanos(self.stamp_offset.unsigned_abs());
        let stamp = if self.stamp_offset < 0 {
            stamp.saturating_sub(offset)
        } else {
            stamp + offset
        };
        streaming.done.push_back(DequeuedBuffer {
            index,
            offset: 0,
            end: buffer / if short { 2 } else { 1 },
            flags: BufferFlags(clock | if corrupt { BufferFlags::CORRUPT } else { 0 }),
            sequence,
            stamp,
        });
        true
    }

    /// Moves virtual time to `until`; where it `waits`, no further than to a frame.
    pub fn run(&mut self, until: Duration, waits: bool) -> bool {
        loop {
            let ready = self.streaming.as_ref().is_some_and(|s| !s.done.is_empty());
            if waits && (ready || self.unplugged) {
                return ready;
            }
            let on = self.streaming.as_ref().is_some_and(|s| s.on);
            let frame = (on && !self.silent).then_some(self.next_frame);
            let event = self.events.front().map(|(at, _)| *at);
            let next = [frame, event].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = self.now.max(until);
                return false;
            };
            self.now = self.now.max(next);
            if event == Some(next)
                && let Some((_, event)) = self.events.pop_front()
            {
                self.apply_event(event);
                continue;
            }
            self.next_frame = self.now + self.period;
            self.frame(self.now);
        }
    }
}
