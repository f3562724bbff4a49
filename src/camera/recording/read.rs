//! Reads a recording.

use super::{FRAMES, HEAD, Head, Line, RecordingError, SCHEMA, What};
use crate::camera::pictures::read_picture;
use crate::camera::{BadFrame, Shot, Stamp};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

/// A recording as a source: the same frames, numbers, times and losses.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
    rate_hz: f64,
    lines: Vec<Result<Line, String>>,
    next: usize,
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

    pub(in crate::camera) fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    pub(in crate::camera) fn next(&mut self) -> Option<Result<Shot, BadFrame>> {
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
        let (file, at_ns, unix_ns) = match &line.what {
            What::Seen {
                file,
                at_ns,
                unix_ns,
            } => (file, *at_ns, *unix_ns),
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
        let picture = if is_plain(file) {
            read_picture(&path)
        } else {
            Err(format!("`{file}` lies outside the recording"))
        };
        Ok(Shot {
            number: line.frame,
            name: line.name.as_deref().map(Into::into),
            picture: picture.map_err(|reason| BadFrame {
                number: line.frame,
                name: path.display().to_string(),
                reason,
            })?,
            truth: None,
            read: start.elapsed(),
            stamp: Stamp {
                at: Duration::from_nanos(at_ns),
                unix_ns: Some(unix_ns),
            },
            drops: line.drops,
        })
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
