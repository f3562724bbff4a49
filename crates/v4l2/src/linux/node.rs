//! Calls on a device: one system call each.

use super::device::{LinuxDevice, SINGLE, no_planes, text};
use crate::format::plain_name;
use crate::{
    AlignedPages, BufferFlags, BufferPlace, ControlInfo, DequeuedBuffer, DeviceIdentity, FourCc,
    FrameRates, FrameSizes, MemoryKind, SizeRange, V4l2Error, VideoFormat, VideoNode, WaitOutcome,
};
use std::mem::zeroed;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::v4l_sys::*;
use v4l::v4l2::vidioc;
use v4l::video::Capture;

/// The frame rate can be set.
const HAS_RATE: u32 = V4L2_CAP_TIMEPERFRAME;
/// The next control, of any kind.
const NEXT: u32 = V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND;
const NOT_TO_BE_SET: u32 = V4L2_CTRL_FLAG_DISABLED | V4L2_CTRL_FLAG_READ_ONLY;
/// Whole numbers, switches, menus, buttons and bit masks.
const SETTABLE: [u32; 7] = [
    v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER,
    v4l2_ctrl_type_V4L2_CTRL_TYPE_BOOLEAN,
    v4l2_ctrl_type_V4L2_CTRL_TYPE_MENU,
    v4l2_ctrl_type_V4L2_CTRL_TYPE_BUTTON,
    v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER64,
    v4l2_ctrl_type_V4L2_CTRL_TYPE_BITMASK,
    v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER_MENU,
];

fn hertz(interval: v4l::Fraction) -> f64 {
    f64::from(interval.denominator) / f64::from(interval.numerator.max(1))
}

impl VideoNode for LinuxDevice {
    fn identity(&self) -> Result<DeviceIdentity, V4l2Error> {
        let capability = self.capability()?;
        Ok(DeviceIdentity {
            driver: text(&capability.driver),
            card: text(&capability.card),
            bus: text(&capability.bus_info),
        })
    }

    fn formats(&self) -> Result<Vec<FourCc>, V4l2Error> {
        let mut formats = Vec::new();
        for index in 0.. {
            // SAFETY: plain numbers and text, for which zeros are values.
            let mut value: v4l2_fmtdesc = unsafe { zeroed() };
            (value.index, value.type_) = (index, self.buffers);
            // SAFETY: the structure of this call; it holds no address.
            match unsafe { self.call("VIDIOC_ENUM_FMT", vidioc::VIDIOC_ENUM_FMT, &mut value) } {
                Ok(()) => formats.push(value.pixelformat.into()),
                Err(error) if error.is_refused() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(formats)
    }

    fn sizes(&self, fourcc: FourCc) -> Result<FrameSizes, V4l2Error> {
        let sizes = self
            .device
            .enum_framesizes(v4l::FourCC::new(&fourcc.0))
            .map_err(|source| V4l2Error {
                call: "VIDIOC_ENUM_FRAMESIZES",
                source,
            })?;
        let mut listed = Vec::new();
        for size in sizes {
            match size.size {
                FrameSizeEnum::Discrete(size) => listed.push((size.width, size.height)),
                FrameSizeEnum::Stepwise(range) => {
                    let of = |least, greatest, step| SizeRange {
                        least,
                        greatest,
                        step,
                    };
                    return Ok(FrameSizes::Within(
                        of(range.min_width, range.max_width, range.step_width),
                        of(range.min_height, range.max_height, range.step_height),
                    ));
                }
            }
        }
        Ok(FrameSizes::Listed(listed))
    }

    fn rates(&self, fourcc: FourCc, width: u32, height: u32) -> Result<FrameRates, V4l2Error> {
        let intervals = self
            .device
            .enum_frameintervals(v4l::FourCC::new(&fourcc.0), width, height)
            .map_err(|source| V4l2Error {
                call: "VIDIOC_ENUM_FRAMEINTERVALS",
                source,
            })?;
        let mut listed = Vec::new();
        for interval in intervals {
            match interval.interval {
                FrameIntervalEnum::Discrete(interval) => listed.push(hertz(interval)),
                FrameIntervalEnum::Stepwise(range) => {
                    return Ok(FrameRates::Within(hertz(range.max), hertz(range.min)));
                }
            }
        }
        Ok(FrameRates::Listed(listed))
    }

    fn format(&self) -> Result<VideoFormat, V4l2Error> {
        self.settle(&self.get_format()?)
    }

    fn set_format(
        &self,
        fourcc: FourCc,
        width: u32,
        height: u32,
    ) -> Result<VideoFormat, V4l2Error> {
        // SAFETY: plain numbers, for which zeros are values.
        let mut value: v4l2_format = unsafe { zeroed() };
        value.type_ = self.buffers;
        let field = v4l2_field_V4L2_FIELD_NONE;
        if self.buffers == SINGLE {
            // SAFETY: plain numbers, for which zeros are values.
            let mut pix: v4l2_pix_format = unsafe { zeroed() };
            (pix.width, pix.height, pix.field) = (width, height, field);
            pix.pixelformat = fourcc.number();
            value.fmt.pix = pix;
        } else {
            // SAFETY: plain numbers, for which zeros are values.
            let mut pix: v4l2_pix_format_mplane = unsafe { zeroed() };
            (pix.width, pix.height, pix.field) = (width, height, field);
            (pix.pixelformat, pix.num_planes) = (fourcc.number(), 1);
            value.fmt.pix_mp = pix;
        }
        // SAFETY: the structure of this call; a capture format holds no address.
        unsafe { self.call("VIDIOC_S_FMT", vidioc::VIDIOC_S_FMT, &mut value)? };
        self.settle(&value)
    }

    fn rate(&self) -> Result<Option<f64>, V4l2Error> {
        let Some(value) = self.parameters()? else {
            return Ok(None);
        };
        // SAFETY: a capture device fills `capture`.
        let interval = unsafe { value.parm.capture.timeperframe };
        let known = interval.numerator > 0 && interval.denominator > 0;
        Ok(known.then(|| f64::from(interval.denominator) / f64::from(interval.numerator)))
    }

    fn set_rate(&self, rate_hz: f64) -> Result<Option<f64>, V4l2Error> {
        let Some(mut value) = self.parameters()? else {
            return Ok(None);
        };
        // SAFETY: a capture device fills `capture`.
        if unsafe { value.parm.capture.capability } & HAS_RATE == 0 {
            return self.rate();
        }
        value.parm.capture.timeperframe = v4l2_fract {
            numerator: 1000,
            // `as` holds the value to the range of the type.
            denominator: (rate_hz * 1000.0).round() as u32,
        };
        // SAFETY: the structure of this call; it holds no address.
        unsafe { self.call("VIDIOC_S_PARM", vidioc::VIDIOC_S_PARM, &mut value)? };
        self.rate()
    }

    fn controls(&self) -> Result<Vec<ControlInfo>, V4l2Error> {
        let mut controls = Vec::new();
        let mut id = 0;
        loop {
            // SAFETY: plain numbers and text, for which zeros are values.
            let mut value: v4l2_query_ext_ctrl = unsafe { zeroed() };
            value.id = id | NEXT;
            // SAFETY: the structure of this call; it holds no address.
            let asked = unsafe {
                self.call(
                    "VIDIOC_QUERY_EXT_CTRL",
                    vidioc::VIDIOC_QUERY_EXT_CTRL,
                    &mut value,
                )
            };
            match asked {
                Ok(()) => id = value.id,
                Err(error) if error.is_refused() => return Ok(controls),
                Err(error) => return Err(error),
            }
            if !SETTABLE.contains(&value.type_) || value.flags & NOT_TO_BE_SET != 0 {
                continue;
            }
            let name: Vec<u8> = value.name.iter().map(|&c| c as u8).collect();
            controls.push(ControlInfo {
                id: value.id,
                name: plain_name(&text(&name)),
                minimum: value.minimum,
                maximum: value.maximum,
                step: value.step,
                default: value.default_value,
            });
        }
    }

    fn set_control(&self, id: u32, value: i64) -> Result<(), V4l2Error> {
        let value = v4l::control::Value::Integer(value);
        self.device
            .set_control(v4l::Control { id, value })
            .map_err(|source| V4l2Error {
                call: "VIDIOC_S_EXT_CTRLS",
                source,
            })
    }

    fn request(&self, kind: MemoryKind, count: u32) -> Result<u32, V4l2Error> {
        // SAFETY: plain numbers, for which zeros are values.
        let mut value: v4l2_requestbuffers = unsafe { zeroed() };
        (value.count, value.type_) = (count, self.buffers);
        value.memory = self.buffer(kind, &mut no_planes()).memory;
        // SAFETY: the structure of this call; it holds no address.
        unsafe { self.call("VIDIOC_REQBUFS", vidioc::VIDIOC_REQBUFS, &mut value)? };
        Ok(value.count)
    }

    fn map(&self, index: u32) -> Result<AlignedPages, V4l2Error> {
        let mut planes = no_planes();
        let mut value = self.buffer(MemoryKind::Mmap, &mut planes);
        value.index = index;
        // SAFETY: the structure of this call; `planes` outlives it.
        unsafe { self.call("VIDIOC_QUERYBUF", vidioc::VIDIOC_QUERYBUF, &mut value)? };
        let (offset, bytes) = if self.buffers == SINGLE {
            // SAFETY: the driver fills `offset` for its own memory.
            (unsafe { value.m.offset }, value.length)
        } else {
            // SAFETY: as above.
            (unsafe { planes[0].m.mem_offset }, planes[0].length)
        };
        // SAFETY: the device is open for as long as `self` lives.
        let file = unsafe { BorrowedFd::borrow_raw(self.fd()) };
        AlignedPages::of_driver(file, i64::from(offset), bytes as usize)
    }

    unsafe fn queue(&self, index: u32, place: BufferPlace) -> Result<(), V4l2Error> {
        let kind = match place {
            BufferPlace::Mmap => MemoryKind::Mmap,
            BufferPlace::User { .. } => MemoryKind::User,
            BufferPlace::Shared { .. } => MemoryKind::Shared,
        };
        let mut planes = no_planes();
        let mut value = self.buffer(kind, &mut planes);
        value.index = index;
        if self.buffers == SINGLE {
            match place {
                BufferPlace::Mmap => {}
                BufferPlace::User { start, bytes } => {
                    (value.m.userptr, value.length) = (start as _, bytes as u32);
                }
                BufferPlace::Shared { file, bytes } => {
                    (value.m.fd, value.length) = (file, bytes as u32);
                }
            }
        } else {
            value.length = 1;
            match place {
                BufferPlace::Mmap => {}
                BufferPlace::User { start, bytes } => {
                    (planes[0].m.userptr, planes[0].length) = (start as _, bytes as u32);
                }
                BufferPlace::Shared { file, bytes } => {
                    (planes[0].m.fd, planes[0].length) = (file, bytes as u32);
                }
            }
            value.m.planes = planes.as_mut_ptr();
        }
        // SAFETY: the structure of this call; `planes` outlives it, and the caller vouches for the
        // memory of `place`.
        unsafe { self.call("VIDIOC_QBUF", vidioc::VIDIOC_QBUF, &mut value) }
    }

    fn dequeue(&self, kind: MemoryKind) -> Result<Option<DequeuedBuffer>, V4l2Error> {
        let mut planes = no_planes();
        let mut value = self.buffer(kind, &mut planes);
        // SAFETY: the structure of this call; `planes` outlives it.
        match unsafe { self.call("VIDIOC_DQBUF", vidioc::VIDIOC_DQBUF, &mut value) } {
            Ok(()) => {}
            Err(error) if error.number() == Some(libc::EAGAIN) => return Ok(None),
            Err(error) => return Err(error),
        }
        let (offset, end) = if self.buffers == SINGLE {
            (0, value.bytesused)
        } else {
            (planes[0].data_offset, planes[0].bytesused)
        };
        let seconds = u64::try_from(value.timestamp.tv_sec).unwrap_or(0);
        let micros = u64::try_from(value.timestamp.tv_usec).unwrap_or(0);
        Ok(Some(DequeuedBuffer {
            index: value.index,
            offset,
            end,
            flags: BufferFlags(value.flags),
            sequence: value.sequence,
            stamp: Duration::from_secs(seconds) + Duration::from_micros(micros),
        }))
    }

    fn stream(&self, on: bool) -> Result<(), V4l2Error> {
        let mut kind = self.buffers as libc::c_int;
        // SAFETY: both calls take the number of a buffer type.
        unsafe {
            if on {
                self.call("VIDIOC_STREAMON", vidioc::VIDIOC_STREAMON, &mut kind)
            } else {
                self.call("VIDIOC_STREAMOFF", vidioc::VIDIOC_STREAMOFF, &mut kind)
            }
        }
    }

    fn wait_readable(&self, patience: Duration) -> Result<WaitOutcome, V4l2Error> {
        let mut asked = libc::pollfd {
            fd: self.fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let milliseconds = patience.as_nanos().div_ceil(1_000_000);
        let milliseconds = i32::try_from(milliseconds).unwrap_or(i32::MAX);
        // SAFETY: one structure, of an open file.
        match unsafe { libc::poll(&mut asked, 1, milliseconds) } {
            0 => Ok(WaitOutcome::Nothing),
            1 if asked.revents & libc::POLLIN != 0 => Ok(WaitOutcome::Ready),
            1 => Ok(WaitOutcome::Failed),
            _ => match V4l2Error::last("poll") {
                error if error.number() == Some(libc::EINTR) => Ok(WaitOutcome::Nothing),
                error => Err(error),
            },
        }
    }
}
