//! Where frames come from.
//!
//! A [`Source`] is what the user writes (`pictures:DIR`, `synthetic:7`); opened, it is a
//! [`Camera`], which gives frames one after the other; a [`Reader`] runs the camera on a thread of
//! its own, so that the engine never waits for a picture to be decoded. A [`Recorder`] writes what
//! a camera gave, so that `recording:DIR` gives it again.

mod clock;
mod drops;
mod pictures;
mod queue;
mod reader;
mod recording;
mod source;
mod synthetic;

pub use clock::Clock;
pub use drops::Drops;
pub use pictures::{Pictures, read_picture};
pub use reader::{Next, Pace, Reader};
pub use recording::{Recorder, Recording, RecordingError};
pub use source::Source;
pub use synthetic::{SYNTHETIC_SIZE, Synthetic};

use crate::drive;
use crate::frame::{Map, Picture};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// The text names no source.
    #[error(
        "`{text}` is no source: {reason}. Valid: pictures:DIR (a folder of jpg, png, webp) or \
         pictures:LIST.txt (one file a line), recording:DIR (what `unmask record` wrote), \
         synthetic or synthetic:SEED (a rendered drive)"
    )]
    Source {
        /// What the user wrote.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The source is known but this build cannot open it.
    #[error(
        "`{text}` is not in this build. Valid here: pictures:DIR (a folder of jpg, png, webp) or \
         pictures:LIST.txt (one file a line), recording:DIR (what `unmask record` wrote), \
         synthetic or synthetic:SEED (a rendered drive)"
    )]
    NotInThisBuild {
        /// What the user wrote.
        text: String,
    },
    /// The folder cannot be listed.
    #[error("cannot list the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder holds no picture.
    #[error("the folder {path} holds no picture: wanted files ending in jpg, jpeg, png or webp")]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
    /// The list of pictures cannot be read.
    #[error("cannot read the list {path}: {source}")]
    List {
        /// The list.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The list of pictures names none.
    #[error("the list {path} names no picture: wanted one file a line")]
    EmptyList {
        /// The list.
        path: PathBuf,
    },
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The synthetic drive refuses its settings.
    #[error(transparent)]
    Drive(#[from] drive::DriveError),
    /// The frame rate makes no sense.
    #[error("a rate of {rate_hz} Hz makes no sense: give --rate a number above 0, at most 1000")]
    Rate {
        /// What was asked for.
        rate_hz: f64,
    },
    /// No thread for reading.
    #[error("cannot start the reading thread: {source}")]
    Thread {
        /// What the system said.
        source: std::io::Error,
    },
}

/// A frame fresh from its source, before it has a time.
#[derive(Clone, Debug)]
pub struct Shot {
    /// Number of the frame in its source, from 0.
    pub number: u64,
    /// The frame's own name, where it has one (a file name).
    pub name: Option<Arc<str>>,
    /// The picture.
    pub picture: Picture,
    /// What is truly there, where the source knows (the synthetic drive does).
    pub truth: Option<Truth>,
    /// How long decoding or rendering took.
    pub read: Duration,
    /// When it was captured, in the source's own time.
    pub stamp: Stamp,
    /// Frames lost between the one before and this one.
    pub drops: Drops,
}

/// When a frame was captured, as its source knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Since the source's first frame. Pictures and the synthetic drive count `1 / rate` a frame,
    /// a recording tells what it recorded.
    pub at: Duration,
    /// Wall clock, nanoseconds since the Unix epoch, where the source knows it (a recording does).
    pub unix_ns: Option<i64>,
}

impl Stamp {
    /// Frame `number` of a source whose world shows `rate_hz` frames a second.
    fn regular(number: u64, rate_hz: f64) -> Self {
        Self {
            at: Duration::try_from_secs_f64(number as f64 / rate_hz).unwrap_or(Duration::MAX),
            unix_ns: None,
        }
    }
}

/// What a synthetic frame shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Object a pixel: the low 16 bits of its id; 0 where none is.
    pub instances: Map<u16>,
    /// The objects, those that do not belong included.
    pub objects: Vec<drive::Object>,
}

/// A frame that could not be had. The source goes on after it.
#[derive(Clone, Debug, PartialEq)]
pub struct BadFrame {
    /// Number of the frame in its source.
    pub number: u64,
    /// Its file, or the source where it has none.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for BadFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// An open source.
#[expect(clippy::large_enum_variant, reason = "one camera a run")]
#[derive(Debug)]
pub enum Camera {
    /// The pictures of a folder or a list.
    Pictures(Pictures),
    /// What was recorded.
    Recording(Recording),
    /// A rendered drive.
    Synthetic(Synthetic),
}

impl Camera {
    /// Opens `source`; `rate_hz` is how many frames its world shows a second.
    ///
    /// # Errors
    /// A rate outside (0, 1000]; a folder or list that is missing or holds no picture; a recording
    /// that cannot be read; a drive that refuses the rate.
    pub fn open(source: &Source, rate_hz: f64) -> Result<Camera, CameraError> {
        if !(rate_hz > 0.0 && rate_hz <= 1000.0) {
            return Err(CameraError::Rate { rate_hz });
        }
        match source {
            Source::Pictures(path) => {
                let pictures = Pictures::open(path)?;
                Ok(Camera::Pictures(pictures.at_rate(rate_hz)))
            }
            Source::Recording(folder) => Ok(Camera::Recording(Recording::open(folder)?)),
            Source::Synthetic(seed) => Synthetic::open(*seed, rate_hz).map(Camera::Synthetic),
        }
    }

    /// Number of frames, where the source ends.
    pub fn len(&self) -> Option<u64> {
        match self {
            Camera::Pictures(pictures) => Some(pictures.len()),
            Camera::Recording(recording) => Some(recording.len()),
            Camera::Synthetic(_) => None,
        }
    }

    /// Frames a second of the source's world.
    pub fn rate_hz(&self) -> f64 {
        match self {
            Camera::Pictures(pictures) => pictures.rate_hz(),
            Camera::Recording(recording) => recording.rate_hz(),
            Camera::Synthetic(synthetic) => synthetic.rate_hz(),
        }
    }

    /// Whether no frame will come.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The next frame, or why there is none in its place; `None` at the end of the source.
    #[expect(
        clippy::should_implement_trait,
        reason = "a camera is no iterator: it has a clock"
    )]
    pub fn next(&mut self) -> Option<Result<Shot, BadFrame>> {
        match self {
            Camera::Pictures(pictures) => pictures.next(),
            Camera::Recording(recording) => recording.next(),
            Camera::Synthetic(synthetic) => Some(Ok(synthetic.next())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synthetic_camera_knows_the_truth_and_repeats_itself() {
        let mut a = Camera::open(&Source::Synthetic(5), 10.0).unwrap();
        let mut b = Camera::open(&Source::Synthetic(5), 10.0).unwrap();
        assert_eq!((a.len(), a.is_empty()), (None, false));
        for number in 0..3 {
            let (x, y) = (a.next().unwrap().unwrap(), b.next().unwrap().unwrap());
            assert_eq!((x.number, x.picture.size()), (number, SYNTHETIC_SIZE));
            assert_eq!(x.stamp.at, Duration::from_millis(100 * number));
            assert_eq!(x.picture, y.picture);
            assert_eq!(x.truth.unwrap(), y.truth.unwrap());
        }
    }

    #[test]
    fn rates_that_make_no_sense_are_refused() {
        for rate_hz in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            let error = Camera::open(&Source::Synthetic(1), rate_hz).unwrap_err();
            assert!(error.to_string().contains("--rate"), "{error}");
        }
    }
}
