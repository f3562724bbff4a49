//! Reads a recording.

use super::{Age, FRAMES, HEAD, Head, Layout, Line, RecordingError, SCHEMA, What};
use crate::source::{BadFrame, Captured, FrameBytes, Shot, Stamp};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};
use unmask_frame::{Picture, Size, read_picture};
use unmask_model::{CameraInput, FrameFormat};

/// A recording as a source: the same frames, numbers, times and losses.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
    rate_hz: f64,
    lines: Vec<Result<Line, String>>,
    next: usize,
    /// What a prepared graph takes, where there is one.
    graph: Option<FrameFormat>,
}

impl Recording {
    /// Reads the lines of the recording in `folder`; pictures are read as they are asked for.
    ///
    /// # Errors
    /// The folder is no recording, of another version, or without a frame. A damaged line is no
    /// error here: its frame is bad.
    pub fn open(folder: &Path) -> Result<Self, RecordingError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| RecordingError::Read {
                path: path.to_path_buf(),
                source,
            })
        };
        let path = folder.join(HEAD);
        let refuse = |reason| RecordingError::Head {
            path: path.clone(),
            reason,
        };
        let head: Head =
            serde_json::from_slice(&read(&path)?).map_err(|error| refuse(error.to_string()))?;
        if head.schema != SCHEMA {
            return Err(refuse(format!("its schema is `{}`", head.schema)));
        }
        if !(head.rate_hz > 0.0 && head.rate_hz.is_finite()) {
            return Err(refuse(format!("its rate_hz is {}", head.rate_hz)));
        }
        let path = folder.join(FRAMES);
        let text = read(&path)?;
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

    /// Whether there is none; never so after [`Recording::open`].
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

    pub(in crate::source) fn next(&mut self) -> Option<Result<Shot, BadFrame>> {
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

    fn shot(&self, line: &Line) -> Result<Shot, BadFrame> {
        let (file, at_ns, unix_ns, age, layout) = match &line.what {
            What::Seen {
                file,
                at_ns,
                unix_ns,
                age,
                bytes,
            } => (file, *at_ns, *unix_ns, age, bytes),
            What::Bad { bad } => {
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
            _ if !is_plain(file) => Err(format!("`{file}` lies outside the recording")),
            None => read_picture(&path).map(|picture| (picture, None)),
            Some(layout) => self
                .bytes(&path, layout)
                .map(|bytes| (Picture::filled(Size::default(), [0; 3]), Some(bytes))),
        };
        let (picture, bytes) = read.map_err(|reason| BadFrame {
            number: line.frame,
            name: path.display().to_string(),
            reason,
        })?;
        Ok(Shot {
            number: line.frame,
            name: line.name.as_deref().map(Into::into),
            picture,
            bytes,
            truth: None,
            read: start.elapsed(),
            stamp: Stamp {
                at: Duration::from_nanos(at_ns),
                unix_ns: Some(unix_ns),
                captured: match age {
                    None => Captured::Paced,
                    Some(Age::Unknown) => Captured::PacedUnknown,
                },
            },
            drops: line.drops,
        })
    }

    /// A frame as the driver wrote it.
    fn bytes(&self, path: &Path, layout: &Layout) -> Result<FrameBytes, String> {
        let recorded = layout.format()?;
        let format = match self.graph {
            Some(graph) if (graph.pixels, graph.size) == (recorded.pixels, recorded.size) => graph,
            _ => recorded,
        };
        let wrong = |have: u64| {
            let want = format.bytes();
            format!("it has {have} bytes, but a frame of {format} has {want}")
        };
        // Looked at before it is read: whatever lies there, no more than a frame is taken in.
        let have = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
        if have != format.bytes() as u64 {
            return Err(wrong(have));
        }
        let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
        let have = bytes.len() as u64;
        FrameBytes::own(bytes, format).ok_or_else(|| wrong(have))
    }
}

/// Whether `file` is the bare name of a file.
fn is_plain(file: &str) -> bool {
    let mut parts = Path::new(file).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}
