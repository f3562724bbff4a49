//! Sources of frames.
//!
//! A [`SourceUri`] is what the user writes (`pictures:DIR`, `synthetic:7`); opened, it is a
//! [`OpenSource`], which gives frames one after the other; a [`SourceReader`] runs the camera on a thread of
//! its own, so that the engine never waits for a picture to be decoded. A [`FrameRecorder`] writes what
//! a camera gave, so that `recording:DIR` gives it again.

mod awaited;
mod bytes;
mod capture_report;
mod clock;
mod drops;
mod event;
mod pictures;
mod pixels;
mod queue;
mod reader;
mod recording;
mod settings;

mod synthetic;
mod uri;
#[cfg(target_os = "linux")]
mod v4l2;
mod watch;

pub use awaited::{AwaitedSource, SourceFeed};
pub use bytes::FrameBytes;
pub use capture_report::CaptureReport;
pub use clock::SourceClock;
pub use drops::FrameDrops;
pub use event::SourceEvent;
pub use pictures::PictureSource;
pub use pixels::{PixelLayout, PixelReading};
pub use reader::{NextFrame, RunPace, SourceReader};
pub use recording::{FrameRecorder, RecordingError, RecordingSource};
pub(crate) use settings::parse_size;
pub use settings::{CaptureMemory, CaptureSettings};
pub use synthetic::{SYNTHETIC_SIZE, SyntheticSource};
pub use uri::SourceUri;
#[cfg(target_os = "linux")]
pub use v4l2::V4l2Source;
pub use watch::CaptureWatch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use unmask_drive::GroundTruth;
use unmask_frame::{Picture, Size, escape_control};
use unmask_model::CameraInput;

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text names no source.
    #[error(
        "unknown source `{text}`: {reason}. Valid: v4l2:/dev/video0 (a camera), pictures:DIR (a folder \
         of jpg, png, webp) or pictures:LIST.txt (one file per line), recording:DIR (what `unmask record` wrote), \
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
        "`{text}` is not in this build: cameras are read on Linux on x86-64 and aarch64. \
         Valid here: pictures:DIR (a folder of jpg, png, webp) or \
         pictures:LIST.txt (one file per line), recording:DIR (what `unmask record` wrote), \
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
        /// The error of the system.
        source: std::io::Error,
    },
    /// The folder holds no picture.
    #[error("the folder {path} holds no picture: expected files ending in jpg, jpeg, png or webp")]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
    /// The list of pictures cannot be read.
    #[error("cannot read the list {path}: {source}")]
    List {
        /// The list.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The list of pictures names none.
    #[error("the list {path} names no picture: expected one file per line")]
    EmptyList {
        /// The list.
        path: PathBuf,
    },
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The synthetic drive refuses its settings.
    #[error(transparent)]
    Drive(#[from] unmask_drive::DriveError),
    /// The frame rate is invalid.
    #[error("invalid rate {rate_hz} Hz: give --rate a number above 0, at most 1000")]
    Rate {
        /// The requested value.
        rate_hz: f64,
    },
    /// The camera cannot be opened, or not be set to what is asked for.
    #[error("{reason}")]
    Capture {
        /// Whether there is no such device now; it may come.
        missing: bool,
        /// The device, what is wrong, and what it can do.
        reason: String,
    },
    /// No thread for reading.
    #[error("cannot start the reading thread: {source}")]
    Thread {
        /// The error of the system.
        source: std::io::Error,
    },
}

impl SourceError {
    /// Whether the source is not there, so that it may come: a device that is not plugged in, a
    /// folder of a mount that is not mounted.
    pub fn is_missing(&self) -> bool {
        let absent = |error: &std::io::Error| {
            // ENXIO and ENODEV have no kind of their own.
            const GONE: [i32; 2] = [6, 19];
            error.kind() == std::io::ErrorKind::NotFound
                || error
                    .raw_os_error()
                    .is_some_and(|code| GONE.contains(&code))
        };
        match self {
            SourceError::Folder { source, .. } | SourceError::List { source, .. } => absent(source),
            SourceError::Recording(RecordingError::Read { source, .. }) => absent(source),
            SourceError::Capture { missing, .. } => *missing,
            _ => false,
        }
    }
}

/// A frame fresh from its source, before it has a time.
#[derive(Debug)]
pub struct SourceFrame {
    /// Number of the frame in its source, from 0.
    pub number: u64,
    /// The frame's own name, where it has one (a file name).
    pub name: Option<Arc<str>>,
    /// The picture; without pixels where there are `bytes`.
    pub picture: Picture,
    /// The frame as the camera's driver wrote it: from a camera that serves a prepared graph or is
    /// recorded, and from its recording.
    pub bytes: Option<FrameBytes>,
    /// What is truly there, where the source knows (the synthetic drive does).
    pub truth: Option<GroundTruth>,
    /// How long decoding or rendering took.
    pub read: Duration,
    /// When it was captured, in the source's own time.
    pub stamp: FrameTimestamp,
    /// Frames lost between the one before and this one.
    pub drops: FrameDrops,
}

impl SourceFrame {
    /// The same with a picture, where there are only bytes: a copy.
    ///
    /// # Errors
    /// The bytes are no whole frame.
    pub fn into_picture(mut self) -> Result<Self, BadFrame> {
        if let Some(bytes) = self.bytes.take() {
            self.picture = bytes.picture().map_err(|reason| BadFrame {
                number: self.number,
                name: self.name.as_deref().unwrap_or_default().to_string(),
                reason,
            })?;
        }
        Ok(self)
    }

    /// Size of the frame, px.
    pub fn size(&self) -> Size {
        let bytes = self.bytes.as_ref();
        bytes.map_or(self.picture.size(), FrameBytes::size)
    }
}

/// When a frame was captured, as its source knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTimestamp {
    /// Since the source's first frame. Pictures and the synthetic drive count `1 / rate` a frame,
    /// a recording reports what it recorded.
    pub at: Duration,
    /// Wall clock, nanoseconds since the Unix epoch, where the source knows it (a recording does).
    pub unix_ns: Option<i64>,
    /// When that was on the machine's clock.
    pub captured: CaptureTime,
}

/// When a frame was captured, on the machine's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureTime {
    /// The frame has no time there: the pace of the run gives it one.
    #[default]
    Paced,
    /// As `Paced`; its age was unknown when it was recorded.
    PacedUnknown,
    /// Then.
    Known(Instant),
    /// Nobody knows; it arrived then.
    Unknown(Instant),
}

impl CaptureTime {
    /// The capture, or the arrival where only that is known.
    pub fn instant(&self) -> Option<&Instant> {
        match self {
            CaptureTime::Paced | CaptureTime::PacedUnknown => None,
            CaptureTime::Known(instant) | CaptureTime::Unknown(instant) => Some(instant),
        }
    }

    /// Whether the frame's age is known.
    pub fn is_known(&self) -> bool {
        matches!(self, CaptureTime::Paced | CaptureTime::Known(_))
    }
}

impl FrameTimestamp {
    /// Frame `number` of a source whose world shows `rate_hz` frames per second.
    fn regular(number: u64, rate_hz: f64) -> Self {
        Self {
            at: Duration::try_from_secs_f64(number as f64 / rate_hz).unwrap_or(Duration::MAX),
            unix_ns: None,
            captured: CaptureTime::Paced,
        }
    }
}

/// A frame that could not be had. The source continues after it.
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
        // Both quote what anyone may have written into a file or a folder.
        let (name, reason) = (escape_control(&self.name), escape_control(&self.reason));
        write!(f, "{name}: {reason}")
    }
}

/// An open source.
#[expect(clippy::large_enum_variant, reason = "one camera a run")]
#[derive(Debug)]
pub enum OpenSource {
    /// The pictures of a folder or a list.
    Pictures(PictureSource),
    /// What was recorded.
    Recording(RecordingSource),
    /// A rendered drive.
    Synthetic(SyntheticSource),
    /// A V4L2 camera.
    #[cfg(target_os = "linux")]
    V4l2(Box<V4l2Source>),
}

impl OpenSource {
    /// Opens `source`; `rate_hz` is how many frames its world shows a second.
    ///
    /// # Errors
    /// A rate outside (0, 1000]; a folder or list that is missing or holds no picture; a recording
    /// that cannot be read; a drive that refuses the rate.
    pub fn open(source: &SourceUri, rate_hz: f64) -> Result<OpenSource, SourceError> {
        Self::open_with(source, rate_hz, &CaptureSettings::default())
    }

    /// As [`OpenSource::open`]; a camera is set to `capture`. Its rate is its own.
    ///
    /// # Errors
    /// As [`OpenSource::open`]; a camera that is not there or cannot be set to that, or that this build
    /// cannot open.
    pub fn open_with(
        source: &SourceUri,
        rate_hz: f64,
        capture: &CaptureSettings,
    ) -> Result<OpenSource, SourceError> {
        if !(rate_hz > 0.0 && rate_hz <= 1000.0) {
            return Err(SourceError::Rate { rate_hz });
        }
        match source {
            SourceUri::Pictures(path) => {
                let pictures = PictureSource::open(path)?;
                Ok(OpenSource::Pictures(pictures.at_rate(rate_hz)))
            }
            SourceUri::Recording(folder) => {
                Ok(OpenSource::Recording(RecordingSource::open(folder)?))
            }
            SourceUri::Synthetic(seed) => {
                SyntheticSource::open(*seed, rate_hz).map(OpenSource::Synthetic)
            }
            #[cfg(all(
                target_os = "linux",
                any(target_arch = "x86_64", target_arch = "aarch64")
            ))]
            SourceUri::V4l2(path) => {
                let kernel = Arc::new(unmask_v4l2::LinuxKernel);
                V4l2Source::open(kernel, path, capture)
                    .map(|camera| OpenSource::V4l2(Box::new(camera)))
            }
            #[cfg(not(all(
                target_os = "linux",
                any(target_arch = "x86_64", target_arch = "aarch64")
            )))]
            SourceUri::V4l2(_) => {
                let _ = capture;
                Err(SourceError::NotInThisBuild {
                    text: source.to_string(),
                })
            }
        }
    }

    /// Has a camera give frames as the bytes that a prepared graph takes; a recording gives those
    /// that it has. Other sources give pictures. Call it before the first frame.
    ///
    /// # Errors
    /// The camera cannot be set to that format and size.
    pub fn serve(&mut self, input: Option<&CameraInput>) -> Result<(), SourceError> {
        match (self, input) {
            #[cfg(target_os = "linux")]
            (OpenSource::V4l2(camera), Some(input)) => camera.serve(input),
            (OpenSource::Recording(recording), Some(input)) => {
                recording.serve(input);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Has a camera give frames as its driver's bytes, where a recording can hold them. Other
    /// sources continue as they are.
    pub fn keep_bytes(&mut self) {
        match self {
            #[cfg(target_os = "linux")]
            OpenSource::V4l2(camera) => camera.keep_bytes(),
            _ => {}
        }
    }

    /// Whether frames come by themselves and cannot be waited for.
    pub fn is_live(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            OpenSource::V4l2(_) => true,
            _ => false,
        }
    }

    /// How a camera goes.
    pub fn capture(&self) -> Option<CaptureWatch> {
        match self {
            #[cfg(target_os = "linux")]
            OpenSource::V4l2(camera) => Some(camera.watch()),
            _ => None,
        }
    }

    /// Number of frames, where the source ends.
    pub fn len(&self) -> Option<u64> {
        match self {
            OpenSource::Pictures(pictures) => Some(pictures.len()),
            OpenSource::Recording(recording) => Some(recording.len()),
            OpenSource::Synthetic(_) => None,
            #[cfg(target_os = "linux")]
            OpenSource::V4l2(_) => None,
        }
    }

    /// Frame rate of the source.
    pub fn rate_hz(&self) -> f64 {
        match self {
            OpenSource::Pictures(pictures) => pictures.rate_hz(),
            OpenSource::Recording(recording) => recording.rate_hz(),
            OpenSource::Synthetic(synthetic) => synthetic.rate_hz(),
            #[cfg(target_os = "linux")]
            OpenSource::V4l2(camera) => camera.rate_hz(),
        }
    }

    /// Whether no frame will come.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The next frame, or why there is none in its place; `None` at the end of the source.
    #[expect(
        clippy::should_implement_trait,
        reason = "a camera is not an iterator: it has a clock"
    )]
    pub fn next(&mut self) -> Option<Result<SourceFrame, BadFrame>> {
        match self {
            OpenSource::Pictures(pictures) => pictures.next(),
            OpenSource::Recording(recording) => recording.next(),
            OpenSource::Synthetic(synthetic) => Some(Ok(synthetic.next())),
            #[cfg(target_os = "linux")]
            OpenSource::V4l2(camera) => camera.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synthetic_camera_knows_the_truth_and_repeats_itself() {
        let mut a = OpenSource::open(&SourceUri::Synthetic(5), 10.0).unwrap();
        let mut b = OpenSource::open(&SourceUri::Synthetic(5), 10.0).unwrap();
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
    fn a_bad_frame_is_one_line_whatever_its_name_is() {
        let bad = BadFrame {
            number: 0,
            name: "x.png\nunmask: all is well\u{1b}[2J".into(),
            reason: "the `a\u{202e}b` is\r\nwrong".into(),
        };
        let line = bad.to_string();
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(
            line.contains("x.png\\nunmask") && line.contains("\\u{202e}"),
            "{line}"
        );
    }

    #[test]
    fn only_what_is_not_there_is_missing() {
        let open = |source: &str| OpenSource::open(&source.parse().unwrap(), 10.0).unwrap_err();
        assert!(open("pictures:/nowhere/in").is_missing());
        assert!(open("recording:/nowhere/drive").is_missing());
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().display();
        assert!(!open(&format!("pictures:{here}")).is_missing());
        std::fs::write(folder.path().join("recording.json"), "{}").unwrap();
        assert!(!open(&format!("recording:{here}")).is_missing());
    }

    #[test]
    fn rates_out_of_range_are_refused() {
        for rate_hz in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            let error = OpenSource::open(&SourceUri::Synthetic(1), rate_hz).unwrap_err();
            assert!(error.to_string().contains("--rate"), "{error}");
        }
    }
}
