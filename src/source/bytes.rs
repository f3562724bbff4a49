//! Frame bytes, as a prepared graph reads them.

use super::pixels::PixelReading;
use std::ops::Deref;
use unmask_frame::{Picture, Size};
use unmask_model::FrameFormat;

/// A frame in the memory that the driver wrote it to. Dropped, its memory goes back to the driver.
#[derive(Debug)]
pub struct FrameBytes {
    held: HeldBytes,
    format: FrameFormat,
    reading: PixelReading,
}

#[derive(Debug)]
enum HeldBytes {
    /// Where the driver wrote them.
    #[cfg(target_os = "linux")]
    Driver(unmask_v4l2::FilledBuffer),
    /// A copy.
    Own(Vec<u8>),
}

impl FrameBytes {
    #[cfg(target_os = "linux")]
    pub(super) fn of_driver(filled: unmask_v4l2::FilledBuffer, format: FrameFormat) -> Self {
        Self {
            held: HeldBytes::Driver(filled),
            format,
            reading: PixelReading::of(&format),
        }
    }

    /// Bytes of one's own. `None` where they are not as many as a frame of `format` has.
    pub fn own(bytes: Vec<u8>, format: FrameFormat) -> Option<Self> {
        (bytes.len() == format.bytes()).then(|| Self {
            held: HeldBytes::Own(bytes),
            format,
            reading: PixelReading::of(&format),
        })
    }

    /// What they are.
    pub fn format(&self) -> &FrameFormat {
        &self.format
    }

    /// Size of the frame, px.
    pub fn size(&self) -> Size {
        self.format.size
    }

    /// The colour at column `x`, row `y`.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        self.reading.pixel(self, x, y)
    }

    /// The frame as a picture: a copy.
    ///
    /// # Errors
    /// The bytes are no whole frame.
    pub fn picture(&self) -> Result<Picture, String> {
        self.reading.picture(self)
    }
}

impl Deref for FrameBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.held {
            #[cfg(target_os = "linux")]
            // The driver's buffer may be longer than the frame.
            HeldBytes::Driver(filled) => &filled[..filled.len().min(self.format.bytes())],
            HeldBytes::Own(bytes) => bytes,
        }
    }
}
