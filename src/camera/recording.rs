//! Frames on disk, with their times and losses, to be seen again.
//!
//! A recording is a folder: `recording.json` (what it is), `frames.jsonl` (one line a frame, in
//! the order of capture) and one PNG a frame. The line is written after its picture and flushed:
//! whatever cuts a recording short, what its lines name is there.

mod read;
mod write;

pub use read::Recording;
pub use write::Recorder;

use super::Drops;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Name and version of the form of recordings.
const SCHEMA: &str = "unmask.recording/1";
/// The file that says what the folder is.
const HEAD: &str = "recording.json";
/// The file with one line a frame.
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
        /// What the system said.
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
        /// What the system said.
        source: std::io::Error,
    },
    /// The head is no head of a recording of this version.
    #[error("{path} is no head of a recording ({SCHEMA}): {reason}")]
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
struct Head {
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
struct Line {
    frame: u64,
    /// The frame's own name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Frames lost between the one before and this one.
    #[serde(default, skip_serializing_if = "Drops::is_none")]
    drops: Drops,
    #[serde(flatten)]
    what: What,
}

/// What is in the place of a frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum What {
    /// A picture.
    Seen {
        /// The picture's file, in the same folder.
        file: String,
        /// Captured so long after the first frame, ns.
        at_ns: u64,
        /// Captured then, wall clock, ns since the Unix epoch.
        unix_ns: i64,
    },
    /// Nothing: why not.
    Bad {
        /// What was wrong with it.
        bad: String,
    },
}

#[cfg(test)]
mod tests {
    use super::super::{BadFrame, Camera, Shot, Source, Stamp};
    use super::*;
    use crate::frame::{Picture, Size};
    use std::path::Path;
    use std::time::Duration;

    fn shot(number: u64, colour: u8, at_ms: u64, drops: Drops) -> Shot {
        Shot {
            number,
            name: (number == 1).then(|| "one.png".into()),
            picture: Picture::filled(Size::new(5, 3), [colour, 7, 255]),
            truth: None,
            read: Duration::ZERO,
            stamp: Stamp {
                at: Duration::from_millis(at_ms),
                unix_ns: None,
            },
            drops,
        }
    }

    fn lost(overtaken: u64) -> Drops {
        Drops {
            overtaken,
            ..Drops::default()
        }
    }

    fn recorder(folder: &Path) -> Recorder {
        Recorder::create(folder, "synthetic:7", false, 10.0).unwrap()
    }

    /// Three frames, the second bad, two lost before the third.
    fn recorded(folder: &Path) {
        let mut recorder = recorder(folder);
        recorder
            .add(&shot(0, 10, 0, lost(0)), Duration::ZERO, 1_700_000_000_000)
            .unwrap();
        let bad = BadFrame {
            number: 1,
            name: "x.png".into(),
            reason: "cut short".into(),
        };
        recorder.add_bad(&bad).unwrap();
        let at = Duration::from_millis(400);
        recorder
            .add(&shot(4, 20, 400, lost(2)), at, 1_700_000_000_400)
            .unwrap();
        assert_eq!((recorder.frames(), recorder.bad()), (2, 1));
        assert_eq!(recorder.drops(), lost(2));
        assert!(recorder.bytes() > 100);
    }

    #[test]
    fn what_was_recorded_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        recorded(folder.path());
        let source = Source::Recording(folder.path().into());
        let mut camera = Camera::open(&source, 10.0).unwrap();
        assert_eq!((camera.len(), camera.is_empty()), (Some(3), false));
        let first = camera.next().unwrap().unwrap();
        assert_eq!((first.number, first.picture.at(4, 2)), (0, [10, 7, 255]));
        assert_eq!(first.stamp.unix_ns, Some(1_700_000_000_000));
        let bad = camera.next().unwrap().unwrap_err();
        assert_eq!((bad.number, bad.reason.as_str()), (1, "cut short"));
        assert_eq!(bad.name, "x.png");
        let third = camera.next().unwrap().unwrap();
        assert_eq!((third.number, third.drops), (4, lost(2)));
        assert_eq!(third.stamp.at, Duration::from_millis(400));
        assert!(camera.next().is_none());
    }

    #[test]
    fn a_recording_cut_short_gives_what_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        recorded(folder.path());
        let path = folder.path().join(FRAMES);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        let mut recording = Recording::open(folder.path()).unwrap();
        assert!(recording.next().unwrap().is_ok());
        assert!(recording.next().unwrap().is_err());
        let cut = recording.next().unwrap().unwrap_err();
        assert!(cut.to_string().contains("frames.jsonl line 3"), "{cut}");
        assert!(recording.next().is_none());
    }

    #[test]
    fn a_folder_in_use_is_not_written_into() {
        let folder = tempfile::tempdir().unwrap();
        recorded(folder.path());
        let error = Recorder::create(folder.path(), "s", false, 1.0).unwrap_err();
        assert!(error.to_string().contains("new or empty"), "{error}");
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Recorder::create(&file, "s", false, 1.0).unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
    }

    #[test]
    fn what_is_no_recording_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Recording::open(folder.path()).unwrap_err().to_string();
        assert!(
            open().contains("recording.json: No such file"),
            "{}",
            open()
        );
        let head = folder.path().join(HEAD);
        std::fs::write(&head, "{}").unwrap();
        assert!(open().contains("missing field"), "{}", open());
        let other = r#"{"schema":"unmask.recording/2","source":"s","realtime":false,"rate_hz":1}"#;
        std::fs::write(&head, other).unwrap();
        assert!(
            open().contains("its schema is `unmask.recording/2`"),
            "{}",
            open()
        );
        let other = other.replace("/2", "/1");
        std::fs::write(&head, other.replace("z\":1", "z\":0")).unwrap();
        assert!(open().contains("rate_hz is 0"), "{}", open());
        std::fs::write(&head, other).unwrap();
        assert!(open().contains("frames.jsonl: No such file"), "{}", open());
        std::fs::write(folder.path().join(FRAMES), "\n").unwrap();
        assert!(open().contains("names no frame"), "{}", open());
    }

    #[test]
    fn lines_that_lie_are_bad_frames() {
        let folder = tempfile::tempdir().unwrap();
        recorded(folder.path());
        std::fs::write(folder.path().join("text.png"), "no picture").unwrap();
        let line = |file: &str| format!(r#"{{"frame":9,"file":"{file}","at_ns":0,"unix_ns":0}}"#);
        let lines = [
            line("../00000000.png"),
            line("/etc/x.png"),
            line(".."),
            line("gone.png"),
            line("text.png"),
            r#"{"frame":9}"#.into(),
            "[]".into(),
        ];
        std::fs::write(folder.path().join(FRAMES), lines.join("\n")).unwrap();
        let mut recording = Recording::open(folder.path()).unwrap();
        let told: Vec<String> = std::iter::from_fn(|| recording.next())
            .map(|shot| shot.unwrap_err().to_string())
            .collect();
        let want = [
            "outside",
            "outside",
            "outside",
            "No such file",
            "no JPEG",
            "line 6",
            "line 7",
        ];
        assert_eq!(told.len(), want.len());
        for (told, want) in told.iter().zip(want) {
            assert!(told.contains(want), "{told} | {want}");
        }
    }
}
