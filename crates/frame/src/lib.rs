//! Types shared by all layers of unmask: images, maps, frame metadata and times, and how
//! pictures are read from and written to files. Imports no other crate of the workspace.
#![forbid(unsafe_code)]

mod files;
mod jpeg;
mod picture;
pub mod random;
mod text;

pub use files::{
    create_file, open_regular_file, read_file_in, read_regular_file, read_regular_text,
};
pub use jpeg::{JpegError, WholeJpeg, check_jpeg};
pub use picture::{PictureError, decode_jpeg, decode_picture, read_picture, write_png};
pub use text::escape_control;

use std::sync::Arc;
use std::time::Duration;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    /// Width, px.
    pub w: usize,
    /// Height, px.
    pub h: usize,
}

impl Size {
    /// A size of `w` columns and `h` rows.
    pub const fn new(w: usize, h: usize) -> Self {
        Self { w, h }
    }

    /// Number of pixels.
    pub const fn area_px(self) -> usize {
        self.w * self.h
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.w, self.h)
    }
}

/// `text` without the byte order mark that some editors write first.
///
/// Every text that people write (lists, configurations, `model.toml`, JSON) is read through this.
pub fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The message of `error` and of its causes, each once: many messages quote their cause already.
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let message = cause.to_string();
        if !text.contains(message.trim()) {
            text.push_str(": ");
            text.push_str(&message);
        }
        next = cause.source();
    }
    text
}

/// A dense row-major map of one value per pixel: scores, labels, masks.
#[derive(Clone, Debug, PartialEq)]
pub struct PixelMap<T> {
    size: Size,
    data: Vec<T>,
}

/// A score per pixel. Higher = more anomalous; not bounded to `[0, 1]` (the class sum may exceed 1).
pub type ScoreMap = PixelMap<f32>;

/// A class or label index per pixel.
pub type LabelMap = PixelMap<u8>;

impl<T> PixelMap<T> {
    /// Wraps `data`, row-major.
    ///
    /// Returns `None` where `data.len()` is not `size.w * size.h`.
    pub fn new(size: Size, data: Vec<T>) -> Option<Self> {
        (data.len() == size.w.checked_mul(size.h)?).then_some(Self { size, data })
    }

    /// The map's size, px.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All values, row-major.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All values, row-major, to write.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The values, without the size.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// Row `y`.
    pub fn row(&self, y: usize) -> &[T] {
        &self.data[y * self.size.w..(y + 1) * self.size.w]
    }
}

impl<T: Clone> PixelMap<T> {
    /// A map with `value` everywhere.
    pub fn filled(size: Size, value: T) -> Self {
        Self {
            size,
            data: vec![value; size.area_px()],
        }
    }
}

impl<T: Copy> PixelMap<T> {
    /// The value at column `x`, row `y`.
    pub fn at(&self, x: usize, y: usize) -> T {
        self.data[y * self.size.w + x]
    }
}

/// An 8-bit RGB picture, interleaved, rows without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    rgb: Vec<u8>,
}

impl Picture {
    /// Wraps interleaved RGB bytes. Returns `None` where `rgb.len()` is not `w * h * 3`.
    pub fn new(size: Size, rgb: Vec<u8>) -> Option<Self> {
        let want = size.w.checked_mul(size.h)?.checked_mul(3)?;
        (rgb.len() == want).then_some(Self { size, rgb })
    }

    /// A picture of one colour.
    pub fn filled(size: Size, colour: [u8; 3]) -> Self {
        Self {
            size,
            rgb: colour.repeat(size.area_px()),
        }
    }

    /// The picture's size, px.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Interleaved RGB bytes.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Interleaved RGB bytes, to write.
    pub fn rgb_mut(&mut self) -> &mut [u8] {
        &mut self.rgb
    }

    /// The mirror image, left and right exchanged.
    pub fn mirrored(&self) -> Self {
        let mut rgb = Vec::with_capacity(self.rgb.len());
        for row in self.rgb.chunks(3 * self.size.w.max(1)) {
            rgb.extend(row.chunks_exact(3).rev().flatten());
        }
        Self {
            size: self.size,
            rgb,
        }
    }

    /// The bytes, without the size.
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    /// The colour at column `x`, row `y`.
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let i = (y * self.size.w + x) * 3;
        [self.rgb[i], self.rgb[i + 1], self.rgb[i + 2]]
    }
}

/// What happens when a queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Its sender waits: nothing is lost.
    Block,
    /// Something is dropped and counted: nobody waits.
    Drop,
}

/// A moment on the monotonic clock of the run, nanoseconds since the run's own start.
///
/// Virtual time uses the same type: nothing downstream can tell the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonotonicTime(pub u64);

impl MonotonicTime {
    /// Nanoseconds from `earlier` to here; 0 where `earlier` lies later.
    pub fn since(self, earlier: MonotonicTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment, `by` later.
    pub fn after(self, by: Duration) -> MonotonicTime {
        MonotonicTime(
            self.0
                .saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// What travels with a frame from capture to alert: its number, times and deadline.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameMetadata {
    /// Number of the frame in its source, from 0, without gaps unless the source dropped frames.
    pub frame: u64,
    /// When the frame was captured, on the run's clock.
    pub captured: MonotonicTime,
    /// Whether `captured` is that: else the capture time is unknown, and it is the time of arrival.
    pub age_known: bool,
    /// When the frame was captured, wall clock, nanoseconds since the Unix epoch.
    pub captured_unix_ns: i128,
    /// How old an alert for this frame may be, nanoseconds.
    pub budget_ns: u64,
    /// Where the frame comes from, as the user wrote it (`pictures:DIR`, `synthetic:7`, …).
    pub source: Arc<str>,
    /// The frame's own name in the source, where it has one (a file stem).
    pub name: Option<Arc<str>>,
}

impl FrameMetadata {
    /// The moment after which an alert for this frame is late.
    pub fn deadline(&self) -> MonotonicTime {
        self.captured.after(Duration::from_nanos(self.budget_ns))
    }
}

/// A frame on its way through the rooms.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Number, times and deadline.
    pub metadata: FrameMetadata,
    /// The picture.
    pub picture: Picture,
}

/// How long the parts of the last picture took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineTimes {
    /// Resize and normalise.
    pub prepare: Duration,
    /// The network.
    pub engine: Duration,
    /// Score and refinement, on the grid of the output.
    pub score: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_image_exchanges_left_and_right() {
        let size = Size::new(3, 2);
        let rgb: Vec<u8> = (0..18).collect();
        let picture = Picture::new(size, rgb).unwrap();
        let mirrored = picture.mirrored();
        assert_eq!(mirrored.rgb()[..9], [6, 7, 8, 3, 4, 5, 0, 1, 2]);
        assert_eq!(mirrored.mirrored(), picture);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(PixelMap::new(Size::new(2, 3), vec![0u8; 5]).is_none());
        assert!(PixelMap::new(Size::new(usize::MAX, 2), vec![0u8; 5]).is_none());
        assert!(Picture::new(Size::new(2, 2), vec![0; 11]).is_none());
        assert_eq!(
            PixelMap::new(Size::new(2, 1), vec![4u8, 9])
                .unwrap()
                .at(1, 0),
            9
        );
    }

    #[test]
    fn a_deadline_is_capture_plus_budget() {
        let metadata = FrameMetadata {
            frame: 0,
            captured: MonotonicTime(5),
            age_known: true,
            captured_unix_ns: 0,
            budget_ns: 7,
            source: "test".into(),
            name: None,
        };
        assert_eq!(metadata.deadline(), MonotonicTime(12));
        assert_eq!(MonotonicTime(3).since(MonotonicTime(9)), Duration::ZERO);
    }

    /// A message around a cause.
    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Around {
        text: &'static str,
        source: Box<dyn std::error::Error + 'static>,
    }

    #[test]
    fn causes_are_said_once() {
        let around = |text, source: Box<dyn std::error::Error>| Around { text, source };
        let disk = || Box::new(std::io::Error::other("the disk is full"));
        let quoting = around("cannot write a: the disk is full", disk());
        assert_eq!(error_chain(&quoting), "cannot write a: the disk is full");
        let plain = around("cannot write a", disk());
        assert_eq!(error_chain(&plain), "cannot write a: the disk is full");
        let twice = around("cannot prepare b", Box::new(quoting));
        assert_eq!(
            error_chain(&twice),
            "cannot prepare b: cannot write a: the disk is full"
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        assert_eq!(without_bom("\u{feff}a\u{feff}"), "a\u{feff}");
        assert_eq!(without_bom("a"), "a");
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
