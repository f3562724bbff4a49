//! Writes a recording.

use super::{
    FRAMES, HEAD, RecordedAge, RecordedEvent, RecordingError, RecordingHeader, RecordingLine,
    SCHEMA,
};
use crate::source::{BadFrame, FrameDrops, SourceFrame};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use unmask_frame::Picture;

/// Writes frames, with their times and losses, into a folder.
#[derive(Debug)]
pub struct FrameRecorder {
    folder: PathBuf,
    lines: File,
    frames: u64,
    bad: u64,
    bytes: u64,
    drops: FrameDrops,
}

impl FrameRecorder {
    /// Starts a recording of `source` in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// The folder holds something already or cannot be written.
    pub fn create(
        folder: &Path,
        source: &str,
        realtime: bool,
        rate_hz: f64,
    ) -> Result<Self, RecordingError> {
        let refuse = |source| RecordingError::write(folder, source);
        std::fs::create_dir_all(folder).map_err(refuse)?;
        if std::fs::read_dir(folder).map_err(refuse)?.next().is_some() {
            return Err(RecordingError::NotEmpty {
                path: folder.to_path_buf(),
            });
        }
        let head = RecordingHeader {
            schema: SCHEMA.into(),
            source: source.into(),
            realtime,
            rate_hz,
        };
        let path = folder.join(HEAD);
        serde_json::to_vec_pretty(&head)
            .map_err(std::io::Error::from)
            .and_then(|text| std::fs::write(&path, text))
            .map_err(|source| RecordingError::write(&path, source))?;
        let path = folder.join(FRAMES);
        let lines = File::create(&path).map_err(|source| RecordingError::write(&path, source))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            lines,
            frames: 0,
            bad: 0,
            bytes: 0,
            drops: FrameDrops::default(),
        })
    }

    /// Adds a frame captured `at` after the first, at `unix_ns` since the Unix epoch. What
    /// `shot.drops` counts is written with it. A frame of bytes is written as it lies.
    ///
    /// # Errors
    /// The picture or its line cannot be written.
    pub fn add(
        &mut self,
        shot: &SourceFrame,
        at: Duration,
        unix_ns: i64,
    ) -> Result<(), RecordingError> {
        let place = self.frames + self.bad;
        let file = match &shot.bytes {
            Some(bytes) => format!("{place:08}.{}", bytes.format().pixels),
            None => format!("{place:08}.png"),
        };
        let path = self.folder.join(&file);
        let written = match &shot.bytes {
            Some(bytes) => std::fs::write(&path, &bytes[..]).map(|()| bytes.len()),
            None => png(&shot.picture)
                .and_then(|bytes| std::fs::write(&path, &bytes).map(|()| bytes.len())),
        };
        let bytes = written.map_err(|source| RecordingError::write(&path, source))? as u64;
        self.write(&RecordingLine {
            frame: shot.number,
            name: shot.name.as_deref().map(str::to_string),
            drops: shot.drops,
            what: RecordedEvent::Frame {
                file,
                at_ns: u64::try_from(at.as_nanos()).unwrap_or(u64::MAX),
                unix_ns,
                age: (!shot.stamp.captured.is_known()).then_some(RecordedAge::Unknown),
                bytes: shot.bytes.as_ref().map(|bytes| bytes.format().into()),
            },
        })?;
        self.frames += 1;
        self.bytes += bytes;
        self.drops += shot.drops;
        Ok(())
    }

    /// Adds that there was no picture in the place of a frame.
    ///
    /// # Errors
    /// The line cannot be written.
    pub fn add_bad(&mut self, bad: &BadFrame) -> Result<(), RecordingError> {
        self.write(&RecordingLine {
            frame: bad.number,
            name: Some(bad.name.clone()),
            drops: FrameDrops::default(),
            what: RecordedEvent::Invalid {
                bad: bad.reason.clone(),
            },
        })?;
        self.bad += 1;
        Ok(())
    }

    fn write(&mut self, line: &RecordingLine) -> Result<(), RecordingError> {
        serde_json::to_vec(line)
            .map_err(std::io::Error::from)
            .and_then(|mut text| {
                text.push(b'\n');
                self.lines.write_all(&text)
            })
            .map_err(|source| RecordingError::write(self.folder.join(FRAMES), source))
    }

    /// Frames written.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Frames that were bad.
    pub fn bad(&self) -> u64 {
        self.bad
    }

    /// Bytes of the frames, as files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Frames lost.
    pub fn drops(&self) -> FrameDrops {
        self.drops
    }
}

/// Lossless, since the alerts of a replay must be those of the run; fast, since frames continue.
fn png(picture: &Picture) -> std::io::Result<Vec<u8>> {
    let size = picture.size();
    let side = |px: usize| u32::try_from(px).map_err(std::io::Error::other);
    let mut bytes = Vec::with_capacity(picture.rgb().len() / 2);
    let mut encoder = png::Encoder::new(&mut bytes, side(size.w)?, side(size.h)?);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(picture.rgb()))
        .map_err(std::io::Error::other)?;
    Ok(bytes)
}
