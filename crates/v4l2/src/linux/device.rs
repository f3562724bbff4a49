//! An open device, and the structures that its calls take.

use crate::{ColourInfo, MemoryKind, V4l2Error, VideoFormat};
use std::mem::zeroed;
use std::os::fd::RawFd;
use std::path::Path;
use v4l::v4l_sys::*;
use v4l::v4l2::{self, vidioc};

/// `v4l2_buf_type`: one memory plane, and several.
pub const SINGLE: u32 = v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
const MULTI: u32 = v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
/// Most planes that a buffer has.
pub const PLANES: usize = 8;

pub struct LinuxDevice {
    pub device: v4l::Device,
    /// `SINGLE` or `MULTI`.
    pub buffers: u32,
}

impl std::fmt::Debug for LinuxDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device")
            .field("fd", &self.fd())
            .finish_non_exhaustive()
    }
}

impl LinuxDevice {
    pub fn open(path: &Path) -> Result<Self, V4l2Error> {
        use std::os::unix::ffi::OsStrExt;
        if path.as_os_str().as_bytes().contains(&0) {
            return Err(V4l2Error::of("open", libc::ENOENT));
        }
        let device = v4l::Device::with_path(path).map_err(|source| V4l2Error {
            call: "open",
            source,
        })?;
        let mut device = Self {
            device,
            buffers: SINGLE,
        };
        // SAFETY: sets a flag of an open file.
        unsafe { libc::fcntl(device.fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
        let capability = device.capability()?;
        let can = if capability.capabilities & V4L2_CAP_DEVICE_CAPS != 0 {
            capability.device_caps
        } else {
            capability.capabilities
        };
        let none = |reason| Err(V4l2Error::other("VIDIOC_QUERYCAP", reason));
        device.buffers = match can {
            _ if can & V4L2_CAP_STREAMING == 0 => return none("the device does not stream"),
            _ if can & V4L2_CAP_VIDEO_CAPTURE != 0 => SINGLE,
            _ if can & V4L2_CAP_VIDEO_CAPTURE_MPLANE != 0 => MULTI,
            _ => return none("the device does not capture"),
        };
        Ok(device)
    }

    pub fn fd(&self) -> RawFd {
        self.device.handle().fd()
    }

    /// Calls the kernel; begins again where a signal cut in.
    ///
    /// # Safety
    /// `value` must be the structure that `number` stands for, and addresses in it must hold for
    /// as long as the kernel may use them.
    pub unsafe fn call<T>(
        &self,
        name: &'static str,
        number: vidioc::_IOC_TYPE,
        value: &mut T,
    ) -> Result<(), V4l2Error> {
        loop {
            // SAFETY: the device is open; the caller vouches for number and value.
            let done = unsafe { v4l2::ioctl(self.fd(), number, std::ptr::from_mut(value).cast()) };
            match done {
                Ok(()) => return Ok(()),
                Err(source) if source.raw_os_error() == Some(libc::EINTR) => {}
                Err(source) => return Err(V4l2Error { call: name, source }),
            }
        }
    }

    pub fn capability(&self) -> Result<v4l2_capability, V4l2Error> {
        // SAFETY: plain numbers and text, for which zeros are values.
        let mut value: v4l2_capability = unsafe { zeroed() };
        // SAFETY: the structure of this call; it holds no address.
        unsafe { self.call("VIDIOC_QUERYCAP", vidioc::VIDIOC_QUERYCAP, &mut value)? };
        Ok(value)
    }

    pub fn parameters(&self) -> Result<Option<v4l2_streamparm>, V4l2Error> {
        // SAFETY: plain numbers, for which zeros are values.
        let mut value: v4l2_streamparm = unsafe { zeroed() };
        value.type_ = self.buffers;
        // SAFETY: the structure of this call; it holds no address.
        match unsafe { self.call("VIDIOC_G_PARM", vidioc::VIDIOC_G_PARM, &mut value) } {
            Ok(()) => Ok(Some(value)),
            Err(error) if error.is_refused() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn settle(&self, value: &v4l2_format) -> Result<VideoFormat, V4l2Error> {
        if self.buffers == SINGLE {
            // SAFETY: a single-planar device fills `pix`.
            let pix = unsafe { value.fmt.pix };
            return Ok(VideoFormat {
                fourcc: pix.pixelformat.into(),
                width: pix.width,
                height: pix.height,
                stride: pix.bytesperline,
                bytes: pix.sizeimage,
                colour: ColourInfo {
                    space: pix.colorspace,
                    // SAFETY: both members of the union are this number.
                    coding: unsafe { pix.__bindgen_anon_1.ycbcr_enc },
                    quantization: pix.quantization,
                },
            });
        }
        // SAFETY: a multi-planar device fills `pix_mp`.
        let pix = unsafe { value.fmt.pix_mp };
        // The structure is packed: members are copied, not referred to.
        let (count, first) = (pix.num_planes, pix.plane_fmt[0]);
        if count != 1 {
            return Err(V4l2Error::other(
                "VIDIOC_S_FMT",
                "the format spreads a frame over several memory planes; choose one that does not",
            ));
        }
        Ok(VideoFormat {
            fourcc: pix.pixelformat.into(),
            width: pix.width,
            height: pix.height,
            stride: first.bytesperline,
            bytes: first.sizeimage,
            colour: ColourInfo {
                space: pix.colorspace,
                // SAFETY: both members of the union are this number.
                coding: u32::from(unsafe { pix.__bindgen_anon_1.ycbcr_enc }),
                quantization: u32::from(pix.quantization),
            },
        })
    }

    pub fn get_format(&self) -> Result<v4l2_format, V4l2Error> {
        // SAFETY: plain numbers, for which zeros are values.
        let mut value: v4l2_format = unsafe { zeroed() };
        value.type_ = self.buffers;
        // SAFETY: the structure of this call; a capture format holds no address.
        unsafe { self.call("VIDIOC_G_FMT", vidioc::VIDIOC_G_FMT, &mut value)? };
        Ok(value)
    }

    /// A buffer's structure; `planes` must outlive its use.
    pub fn buffer(&self, kind: MemoryKind, planes: &mut [v4l2_plane; PLANES]) -> v4l2_buffer {
        // SAFETY: plain numbers and a null address, for which zeros are values.
        let mut buffer: v4l2_buffer = unsafe { zeroed() };
        buffer.type_ = self.buffers;
        buffer.memory = match kind {
            MemoryKind::Mmap => v4l2_memory_V4L2_MEMORY_MMAP,
            MemoryKind::User => v4l2_memory_V4L2_MEMORY_USERPTR,
            MemoryKind::Shared => v4l2_memory_V4L2_MEMORY_DMABUF,
        };
        if self.buffers == MULTI {
            buffer.m.planes = planes.as_mut_ptr();
            buffer.length = PLANES as u32;
        }
        buffer
    }
}

pub fn no_planes() -> [v4l2_plane; PLANES] {
    // SAFETY: plain numbers, for which zeros are values.
    unsafe { zeroed() }
}

/// The text of an array that ends in zeros.
pub fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
