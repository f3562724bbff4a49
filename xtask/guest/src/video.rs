//! Plain access to the board's video devices: formats, controls, a feeder and a plain reader.
//!
//! It shares nothing with the product, so that each tells on the other.

use crate::sys::{self, Argument, MappedMemory};
use anyhow::{Context, bail};
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const CAPTURE: u32 = 1;
const OUTPUT: u32 = 2;
const MMAP: u32 = 1;

const fn both(number: u64, size: usize) -> u64 {
    0xc000_0000 | ((size as u64) << 16) | ((b'V' as u64) << 8) | number
}
const fn to_kernel(number: u64, size: usize) -> u64 {
    0x4000_0000 | ((size as u64) << 16) | ((b'V' as u64) << 8) | number
}

/// A four-letter pixel format.
pub type RawFourCc = [u8; 4];

#[repr(C)]
#[derive(Clone, Copy)]
struct RawFormat {
    kind: u32,
    pad: u32,
    width: u32,
    height: u32,
    pixels: u32,
    field: u32,
    bytes_per_line: u32,
    size: u32,
    rest: [u32; 44],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct FormatDescription {
    index: u32,
    kind: u32,
    flags: u32,
    text: [u8; 32],
    pixels: u32,
    rest: [u32; 4],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct BufferRequest {
    count: u32,
    kind: u32,
    memory: u32,
    capabilities: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawBuffer {
    index: u32,
    kind: u32,
    used: u32,
    flags: u32,
    field: u32,
    pad: u32,
    seconds: i64,
    microseconds: i64,
    time_code: [u32; 4],
    sequence: u32,
    memory: u32,
    place: u64,
    length: u32,
    rest: [u32; 3],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct RawControlInfo {
    id: u32,
    kind: u32,
    name: [u8; 32],
    numbers: [i64; 4],
    rest: [u32; 40],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawControl {
    id: u32,
    value: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct StreamParameters {
    kind: u32,
    capability: u32,
    mode: u32,
    numerator: u32,
    denominator: u32,
    rest: [u32; 46],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct RawTimings {
    words: [u32; 33],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct ListedTimings {
    index: u32,
    pad: [u32; 3],
    timings: RawTimings,
}

// SAFETY: plain words in the kernel's layout (64-bit, little-endian), whose sizes the tests check.
unsafe impl Argument for RawFormat {}
// SAFETY: as above.
unsafe impl Argument for FormatDescription {}
// SAFETY: as above.
unsafe impl Argument for BufferRequest {}
// SAFETY: as above.
unsafe impl Argument for RawBuffer {}
// SAFETY: as above.
unsafe impl Argument for RawControlInfo {}
// SAFETY: as above.
unsafe impl Argument for RawControl {}
// SAFETY: as above.
unsafe impl Argument for StreamParameters {}
// SAFETY: as above.
unsafe impl Argument for RawTimings {}
// SAFETY: as above.
unsafe impl Argument for ListedTimings {}

/// One open video device.
pub struct VideoDevice {
    file: File,
    path: String,
    kind: u32,
}

impl VideoDevice {
    /// Opens a camera.
    pub fn camera(path: &str) -> anyhow::Result<Self> {
        Self::open(path, CAPTURE)
    }

    /// Opens an output: what is written into it comes out of the camera.
    pub fn output(path: &str) -> anyhow::Result<Self> {
        Self::open(path, OUTPUT)
    }

    fn open(path: &str, kind: u32) -> anyhow::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| format!("cannot open {path}"))?;
        Ok(Self {
            file,
            path: path.to_string(),
            kind,
        })
    }

    fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    fn call<T: Argument>(&self, what: &str, request: u64, argument: &mut T) -> anyhow::Result<()> {
        sys::ioctl(self.fd(), request, argument).with_context(|| format!("{}: {what}", self.path))
    }

    /// All pixel formats that the device has.
    pub fn formats(&self) -> Vec<RawFourCc> {
        let mut all = Vec::new();
        loop {
            let mut description = FormatDescription {
                index: all.len() as u32,
                kind: self.kind,
                ..FormatDescription::default()
            };
            if sys::ioctl(self.fd(), both(2, 64), &mut description).is_err() {
                return all;
            }
            all.push(description.pixels.to_le_bytes());
        }
    }

    /// Sets the format, without padding; gives the bytes of one picture.
    pub fn set_format(&self, pixels: RawFourCc, width: u32, height: u32) -> anyhow::Result<usize> {
        let mut format = RawFormat {
            kind: self.kind,
            pad: 0,
            width,
            height,
            pixels: u32::from_le_bytes(pixels),
            field: 1,
            bytes_per_line: 0,
            size: 0,
            rest: [0; 44],
        };
        self.call("set format", both(5, 208), &mut format)?;
        if (format.width, format.height) != (width, height)
            || format.pixels != u32::from_le_bytes(pixels)
        {
            bail!(
                "{} offers {}x{} {} for {width}x{height} {}",
                self.path,
                format.width,
                format.height,
                name(format.pixels.to_le_bytes()),
                name(pixels)
            );
        }
        Ok(format.size as usize)
    }

    /// Sets the rate in frames per second.
    pub fn set_rate(&self, rate_hz: u32) -> anyhow::Result<()> {
        let mut parameters = StreamParameters {
            kind: self.kind,
            capability: 0,
            mode: 0,
            numerator: 1,
            denominator: rate_hz,
            rest: [0; 46],
        };
        self.call("set rate", both(22, 204), &mut parameters)
    }

    /// Chooses an input.
    pub fn set_input(&self, mut input: i32) -> anyhow::Result<()> {
        self.call("set input", both(39, 4), &mut input)
    }

    /// Sets the timings of a digital picture line by their number in the device's list.
    pub fn set_timings(&self, index: u32) -> anyhow::Result<()> {
        let mut listed = ListedTimings {
            index,
            pad: [0; 3],
            timings: RawTimings { words: [0; 33] },
        };
        self.call("list timings", both(98, 148), &mut listed)?;
        self.call("set timings", both(87, 132), &mut listed.timings)
    }

    /// Names of all controls, in the way that `v4l2-ctl` writes them, with their numbers.
    fn controls(&self) -> Vec<(String, u32)> {
        const NEXT: u32 = 0x8000_0000;
        let mut all = Vec::new();
        let mut id = 0;
        loop {
            let mut info = RawControlInfo {
                id: id | NEXT,
                kind: 0,
                name: [0; 32],
                numbers: [0; 4],
                rest: [0; 40],
            };
            if sys::ioctl(self.fd(), both(103, 232), &mut info).is_err() {
                return all;
            }
            id = info.id;
            all.push((control_name(&info.name), id));
        }
    }

    /// Sets the first control whose name ends in `name`.
    pub fn set_control(&self, name: &str, value: i32) -> anyhow::Result<()> {
        let controls = self.controls();
        let Some((found, id)) = controls.iter().find(|(n, _)| n.ends_with(name)) else {
            let names: Vec<&str> = controls.iter().map(|(n, _)| n.as_str()).collect();
            bail!(
                "{} has no control {name}; it has {}",
                self.path,
                names.join(" ")
            )
        };
        let mut control = RawControl { id: *id, value };
        self.call(found, both(28, 8), &mut control)
    }

    fn buffer(&self, index: u32) -> RawBuffer {
        RawBuffer {
            index,
            kind: self.kind,
            memory: MMAP,
            ..RawBuffer::default()
        }
    }

    fn request(&self, count: u32) -> anyhow::Result<u32> {
        let mut request = BufferRequest {
            count,
            kind: self.kind,
            memory: MMAP,
            ..BufferRequest::default()
        };
        self.call("request buffers", both(8, 20), &mut request)?;
        Ok(request.count)
    }

    fn map(&self, index: u32) -> anyhow::Result<MappedMemory> {
        let mut buffer = self.buffer(index);
        self.call("ask for a buffer", both(9, 88), &mut buffer)?;
        // An offset is 32 bits wide; the rest of the union is not set.
        let offset = buffer.place & 0xffff_ffff;
        MappedMemory::new(self.fd(), offset, buffer.length as usize)
            .with_context(|| format!("{}: map a buffer", self.path))
    }

    fn queue(&self, buffer: &mut RawBuffer) -> anyhow::Result<()> {
        self.call("queue", both(15, 88), buffer)
    }

    fn switch(&self, on: bool) -> anyhow::Result<()> {
        let number = if on { 18 } else { 19 };
        let mut kind = self.kind;
        self.call("start or stop", to_kernel(number, 4), &mut kind)
    }

    /// Takes one buffer that is through, if there is one within the time.
    fn take(&self, wait: Duration) -> anyhow::Result<Option<RawBuffer>> {
        if !sys::poll(self.fd(), self.kind == OUTPUT, wait)? {
            return Ok(None);
        }
        let mut buffer = self.buffer(0);
        self.call("take a buffer", both(17, 88), &mut buffer)?;
        Ok(Some(buffer))
    }
}

/// Reads pictures in the plainest way.
pub struct OutputStream {
    device: VideoDevice,
    memory: Vec<MappedMemory>,
}

impl OutputStream {
    /// Starts a camera whose format is set.
    pub fn start(device: VideoDevice) -> anyhow::Result<Self> {
        let mut memory = Vec::new();
        for index in 0..device.request(4)? {
            memory.push(device.map(index)?);
            device.queue(&mut device.buffer(index))?;
        }
        device.switch(true)?;
        Ok(Self { device, memory })
    }

    /// Shows the next picture to `look`.
    pub fn next<T>(&self, look: impl FnOnce(&[u8]) -> T) -> anyhow::Result<T> {
        let Some(mut buffer) = self.device.take(Duration::from_secs(5))? else {
            bail!("{}: no picture within 5 s", self.device.path)
        };
        let seen = look(&self.memory[buffer.index as usize].bytes()[..buffer.used as usize]);
        self.device.queue(&mut buffer)?;
        Ok(seen)
    }
}

/// Feeds pictures into an output, each from its own buffer, over and over.
///
/// A buffer is written whole once; after that it is altered a little at most and queued again: a slow
/// machine starves nothing.
pub struct PictureFeeder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl PictureFeeder {
    /// Starts an output whose format is set: the pictures, over and over.
    pub fn start(device: VideoDevice, pictures: &[Vec<u8>]) -> anyhow::Result<Self> {
        Self::start_altered(device, pictures, |_, _| ())
    }

    /// As [`PictureFeeder::start`]; `alter` has the bytes of a picture before it is shown again, and how
    /// many were shown before.
    pub fn start_altered(
        device: VideoDevice,
        pictures: &[Vec<u8>],
        alter: impl Fn(&mut [u8], u64) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let count = device.request(pictures.len().max(4) as u32)?;
        let mut memory = Vec::new();
        for index in 0..count {
            let picture = &pictures[index as usize % pictures.len()];
            let mut mapped = device.map(index)?;
            mapped
                .bytes_mut()
                .get_mut(..picture.len())
                .context("a picture is larger than its buffer")?
                .copy_from_slice(picture);
            memory.push(mapped);
        }
        let used = pictures[0].len() as u32;
        let buffer = move |device: &VideoDevice, index| RawBuffer {
            used,
            field: 1,
            ..device.buffer(index)
        };
        for index in 0..count {
            device.queue(&mut buffer(&device, index))?;
        }
        device.switch(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let reported = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut shown = 0;
            while !reported.load(Ordering::Relaxed) {
                if let Some(done) = device.take(Duration::from_millis(200))? {
                    let mapped = memory.get_mut(done.index as usize);
                    let mapped = mapped.context("the driver gave a buffer it does not have")?;
                    alter(mapped.bytes_mut(), shown);
                    shown += 1;
                    device.queue(&mut buffer(&device, done.index))?;
                }
            }
            Ok(())
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Stops, and says whether it could feed until now.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(fed)) => fed.context("the feeder failed"),
            Some(Err(_)) => bail!("the feeder panicked"),
            None => Ok(()),
        }
    }
}

impl Drop for PictureFeeder {
    fn drop(&mut self) {
        // `stop` has reported errors already; here another error is on its way.
        let _ = self.end();
    }
}

/// A format's name.
pub fn name(pixels: RawFourCc) -> String {
    String::from_utf8_lossy(&pixels).trim_end().to_string()
}

/// Lower case, with one `_` for all between letters and digits.
fn control_name(text: &[u8]) -> String {
    let mut name = String::new();
    for &byte in text.iter().take_while(|&&b| b != 0) {
        if byte.is_ascii_alphanumeric() {
            name.push(byte.to_ascii_lowercase().into());
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_matches('_').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_as_large_as_the_kernels() {
        assert_eq!(size_of::<RawFormat>(), 208);
        assert_eq!(size_of::<FormatDescription>(), 64);
        assert_eq!(size_of::<BufferRequest>(), 20);
        assert_eq!(size_of::<RawBuffer>(), 88);
        assert_eq!(size_of::<RawControlInfo>(), 232);
        assert_eq!(size_of::<RawControl>(), 8);
        assert_eq!(size_of::<StreamParameters>(), 204);
        assert_eq!(size_of::<RawTimings>(), 132);
        assert_eq!(size_of::<ListedTimings>(), 148);
    }

    #[test]
    fn controls_are_named_as_v4l2_ctl_names_them() {
        assert_eq!(
            control_name(b"HDMI 000-0 Is Connected To\0\0"),
            "hdmi_000_0_is_connected_to"
        );
        assert_eq!(
            control_name(b"Inject V4L2_BUF_FLAG_ERROR\0"),
            "inject_v4l2_buf_flag_error"
        );
    }
}
