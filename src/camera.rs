//! Where frames come from.
//!
//! A [`Source`] is what the user writes (`pictures:DIR`, `synthetic:7`); opened, it is a
//! [`Camera`], which gives frames one after the other; a [`Reader`] runs the camera on a thread of
//! its own, so that the engine never waits for a picture to be decoded.

mod clock;
mod pictures;
mod queue;
mod reader;
mod source;
mod synthetic;

pub use clock::Clock;
pub use pictures::{Pictures, read_picture};
pub use reader::{Pace, Reader};
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
        "`{text}` is no source: {reason}. Valid: pictures:DIR (a folder of jpg, png, webp), \
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
        "`{text}` is not in this build. Valid here: pictures:DIR (a folder of jpg, png, webp), \
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
    /// A folder of pictures, in order of their names.
    Pictures(Pictures),
    /// A rendered drive.
    Synthetic(Synthetic),
}

impl Camera {
    /// Opens `source`; `rate_hz` is how many frames its world shows a second.
    ///
    /// # Errors
    /// A rate outside (0, 1000]; a folder that is missing or holds no picture; a drive that
    /// refuses the rate.
    pub fn open(source: &Source, rate_hz: f64) -> Result<Camera, CameraError> {
        if !(rate_hz > 0.0 && rate_hz <= 1000.0) {
            return Err(CameraError::Rate { rate_hz });
        }
        match source {
            Source::Pictures(folder) => Pictures::open(folder).map(Camera::Pictures),
            Source::Synthetic(seed) => Synthetic::open(*seed, rate_hz).map(Camera::Synthetic),
        }
    }

    /// Number of frames, where the source ends.
    pub fn len(&self) -> Option<u64> {
        match self {
            Camera::Pictures(pictures) => Some(pictures.len()),
            Camera::Synthetic(_) => None,
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
