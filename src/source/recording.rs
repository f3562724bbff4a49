//! Recordings: frames on disk with their times and losses, for replay.
//!
//! A recording is a folder: `recording.json` (what it is), `frames.jsonl` (one line per frame, in
//! the order of capture) and one file per frame: the bytes as a camera's driver wrote them, or a
//! PNG. The line is written after its file and flushed: whatever cuts a recording short, what its
//! lines name is there.

mod read;
mod write;

pub use read::RecordingSource;
pub use write::FrameRecorder;

use super::FrameDrops;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use unmask_frame::Size;
use unmask_model::{ColourMatrix, ColourRange, FrameFormat, PixelFormat};

/// Name and version of the form of recordings.
const SCHEMA: &str = "unmask.recording/1";
/// The file that says what the folder is.
const HEAD: &str = "recording.json";
/// The file with one line per frame.
const FRAMES: &str = "frames.jsonl";

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The folder holds something already.
    #[error("{path} holds files already: a recording wants a folder that is new or empty")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error(
        "cannot read {path}: {source}. A recording is a folder with {HEAD} and {FRAMES}, as \
         `unmask record` writes it"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The head is not a head of a recording of this version.
    #[error("{path} is not the header of a recording ({SCHEMA}): {reason}")]
    Head {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no frame in it.
    #[error("{path} names no frame: the recording ended before its first")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl RecordingError {
    fn write(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let path = path.into();
        Self::Write { path, source }
    }
}

/// What the folder is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordingHeader {
    schema: String,
    /// The source, as the user wrote it.
    source: String,
    /// Whether frames were lost rather than waited for.
    realtime: bool,
    /// Frames a second that were asked for.
    rate_hz: f64,
}

/// A frame, or why there is none in its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RecordingLine {
    frame: u64,
    /// The frame's own name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Frames lost between the one before and this one.
    #[serde(default, skip_serializing_if = "FrameDrops::is_none")]
    drops: FrameDrops,
    #[serde(flatten)]
    what: RecordedEvent,
}

/// What is in the place of a frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum RecordedEvent {
    /// A frame.
    Frame {
        /// The frame's file, in the same folder.
        file: String,
        /// Captured so long after the first frame, ns.
        at_ns: u64,
        /// Captured then, wall clock, ns since the Unix epoch.
        unix_ns: i64,
        /// Whether that is only when it arrived.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        age: Option<RecordedAge>,
        /// What the file's bytes are, where it is not a picture.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<RecordedLayout>,
    },
    /// Nothing: why not.
    Invalid {
        /// What was wrong with it.
        bad: String,
    },
}

/// What is said of a frame's age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RecordedAge {
    /// Nobody knows how long it took to arrive.
    Unknown,
}

/// What the bytes of a frame are, in the words of `unmask prepare`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RecordedLayout {
    pixels: String,
    width: u16,
    height: u16,
    matrix: String,
    range: String,
}

impl From<&FrameFormat> for RecordedLayout {
    fn from(format: &FrameFormat) -> Self {
        // A camera's frame is far from these limits; one that is not is refused when it is read.
        let side = |px: usize| u16::try_from(px).unwrap_or(0);
        Self {
            pixels: format.pixels.to_string(),
            width: side(format.size.w),
            height: side(format.size.h),
            matrix: format.matrix.to_string(),
            range: format.range.to_string(),
        }
    }
}

impl RecordedLayout {
    /// The same in this program's own words.
    fn format(&self) -> Result<FrameFormat, String> {
        fn named<T: ValueEnum>(what: &str, text: &str) -> Result<T, String> {
            T::from_str(text, false).map_err(|_| format!("its {what} are `{text}`: unknown here"))
        }
        let format = FrameFormat {
            pixels: named::<PixelFormat>("pixels", &self.pixels)?,
            size: Size::new(self.width.into(), self.height.into()),
            matrix: named::<ColourMatrix>("luma weights", &self.matrix)?,
            range: named::<ColourRange>("byte values", &self.range)?,
        };
        if !format.is_whole() {
            return Err(format!("a frame of {format} cannot be"));
        }
        Ok(format)
    }
}

#[cfg(test)]
mod tests;
