//! Reads a recording.

use super::{
    FRAMES, HEAD, RecordedAge, RecordedEvent, RecordedLayout, RecordingError, RecordingHeader,
    RecordingLine, SCHEMA,
};
use crate::source::{BadFrame, CaptureTime, FrameBytes, FrameTimestamp, SourceFrame};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use unmask_frame::{Picture, Size, decode_picture, read_file_in};
use unmask_model::{CameraInput, FrameFormat};

/// Neither the head nor the lines of a recording are larger, bytes.
const LIST_LIMIT_BYTES: u64 = 1 << 30;
/// No picture of a recording is larger, bytes.
const PICTURE_LIMIT_BYTES: u64 = 512 << 20;

/// A recording as a source: the same frames, numbers, times and losses.
#[derive(Debug)]
pub struct RecordingSource {
    folder: PathBuf,
    rate_hz: f64,
    lines: Vec<Result<RecordingLine, String>>,
    next: usize,
    /// What a prepared graph takes, where there is one.
    graph: Option<FrameFormat>,
}

impl RecordingSource {
    /// Reads the lines of the recording in `folder`; pictures are read as they are asked for.
    ///
    /// # Errors
    /// The folder is not a recording, of another version, or without a frame. A damaged line is no
    /// error here: its frame is bad.
    pub fn open(folder: &Path) -> Result<Self, RecordingError> {
        let read = |name: &str| {
            read_file_in(folder, name, LIST_LIMIT_BYTES).map_err(|source| RecordingError::Read {
                path: folder.join(name),
                source,
            })
        };
        let path = folder.join(HEAD);
        let refuse = |reason| RecordingError::Head {
            path: path.clone(),
            reason,
        };
        let head: RecordingHeader =
            serde_json::from_slice(&read(HEAD)?).map_err(|error| refuse(error.to_string()))?;
        if head.schema != SCHEMA {
            return Err(refuse(format!("its schema is `{}`", head.schema)));
        }
        if !(head.rate_hz > 0.0 && head.rate_hz.is_finite()) {
            return Err(refuse(format!("its rate_hz is {}", head.rate_hz)));
        }
        let path = folder.join(FRAMES);
        let text = read(FRAMES)?;
        let lines: Vec<_> = text
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
            .map(|line| serde_json::from_slice(line).map_err(|error| error.to_string()))
            .collect();
        if lines.is_empty() {
            return Err(RecordingError::Empty { path });
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            rate_hz: head.rate_hz,
            lines,
            next: 0,
            graph: None,
        })
    }

    /// Number of frames, bad ones included.
    pub fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Whether there is none; never so after [`RecordingSource::open`].
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(in crate::source) fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// Frames of the layout and size that a prepared graph takes are given as that graph's: what
    /// the camera said of their colours does not count, as it does not count in a run on it.
    pub(in crate::source) fn serve(&mut self, input: &CameraInput) {
        self.graph = Some(input.format);
    }

    pub(in crate::source) fn next(&mut self) -> Option<Result<SourceFrame, BadFrame>> {
        let line = self.lines.get(self.next)?;
        self.next += 1;
        Some(match line {
            Ok(line) => self.shot(line),
            Err(reason) => Err(BadFrame {
                number: self.next as u64 - 1,
                name: format!("{} line {}", self.folder.join(FRAMES).display(), self.next),
                reason: reason.clone(),
            }),
        })
    }

    fn shot(&self, line: &RecordingLine) -> Result<SourceFrame, BadFrame> {
        let (file, at_ns, unix_ns, age, layout) = match &line.what {
            RecordedEvent::Frame {
                file,
                at_ns,
                unix_ns,
                age,
                bytes,
            } => (file, *at_ns, *unix_ns, age, bytes),
            RecordedEvent::Invalid { bad } => {
                return Err(BadFrame {
                    number: line.frame,
                    name: line.name.clone().unwrap_or_default(),
                    reason: bad.clone(),
                });
            }
        };
        let path = self.folder.join(file);
        let start = Instant::now();
        let read = match layout {
            None => self.picture(file).map(|picture| (picture, None)),
            Some(layout) => self
                .bytes(file, layout)
                .map(|bytes| (Picture::filled(Size::default(), [0; 3]), Some(bytes))),
        };
        let (picture, bytes) = read.map_err(|reason| BadFrame {
            number: line.frame,
            name: path.display().to_string(),
            reason,
        })?;
        Ok(SourceFrame {
            number: line.frame,
            name: line.name.as_deref().map(Into::into),
            picture,
            bytes,
            truth: None,
            read: start.elapsed(),
            stamp: FrameTimestamp {
                at: Duration::from_nanos(at_ns),
                unix_ns: Some(unix_ns),
                captured: match age {
                    None => CaptureTime::Paced,
                    Some(RecordedAge::Unknown) => CaptureTime::PacedUnknown,
                },
            },
            drops: line.drops,
        })
    }

    /// A frame as a picture.
    fn picture(&self, file: &str) -> Result<Picture, String> {
        let bytes = read_file_in(&self.folder, file, PICTURE_LIMIT_BYTES);
        decode_picture(&bytes.map_err(|e| e.to_string())?)
    }

    /// A frame as the driver wrote it.
    fn bytes(&self, file: &str, layout: &RecordedLayout) -> Result<FrameBytes, String> {
        let recorded = layout.format()?;
        let format = match self.graph {
            Some(graph) if (graph.pixels, graph.size) == (recorded.pixels, recorded.size) => graph,
            _ => recorded,
        };
        let wrong = |have: u64| {
            let want = format.bytes();
            format!("it has {have} bytes, but a frame of {format} has {want}")
        };
        // Whatever lies there, no more than a frame is taken in.
        let bytes = read_file_in(&self.folder, file, format.bytes() as u64)
            .map_err(|e| format!("{e}; a frame of {format} has {} bytes", format.bytes()))?;
        let have = bytes.len() as u64;
        FrameBytes::own(bytes, format).ok_or_else(|| wrong(have))
    }
}
