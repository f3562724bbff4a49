//! What a run under test looks at: small pictures in which something comes, moves and goes.

use anyhow::Context;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Pictures of a scene; with ten of them something lies on the road.
pub const PICTURES: u64 = 16;
/// Frames per second of the recorded world.
pub const RATE_HZ: u64 = 10;
const SIZE: (u32, u32) = (256, 128);

/// A folder for one run.
pub struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    /// An empty folder.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("unmask-").tempdir()?;
        Ok(Self { folder })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the pictures into `folder`.
    pub fn pictures(&self, folder: &str) -> anyhow::Result<()> {
        let folder = self.path(folder);
        fs::create_dir_all(&folder)?;
        (0..PICTURES).try_for_each(|i| {
            let left = (i >= 6).then_some(60 + 4 * i as u32);
            write_picture(&folder.join(format!("{i:02}.png")), left)
        })
    }

    /// Writes a recording of `frames` frames that come `speed` times as fast as they were taken.
    pub fn recording(&self, name: &str, frames: u64, speed: u64) -> anyhow::Result<()> {
        self.pictures(name)?;
        let head = r#"{"schema":"unmask.recording/1","source":"synthetic:1","realtime":true,"rate_hz":10.0}"#;
        fs::write(self.path(name).join("recording.json"), head)?;
        let mut lines = String::new();
        for frame in 0..frames {
            let taken_ns = frame * 1_000_000_000 / RATE_HZ;
            writeln!(
                lines,
                r#"{{"frame":{frame},"file":"{:02}.png","at_ns":{},"unix_ns":{}}}"#,
                frame % PICTURES,
                taken_ns / speed,
                1_700_000_000_000_000_000 + taken_ns
            )?;
        }
        fs::write(self.path(name).join("frames.jsonl"), lines)?;
        Ok(())
    }

    /// Writes a list of `frames` pictures: unlike a recording, each run has ids of its own.
    pub fn list(&self, name: &str, frames: u64) -> anyhow::Result<()> {
        self.pictures("pictures")?;
        let lines: String = (0..frames)
            .map(|frame| format!("pictures/{:02}.png\n", frame % PICTURES))
            .collect();
        fs::write(self.path(name), lines)?;
        Ok(())
    }
}

/// Red is road to the tests' model, a black square on it is an anomaly.
fn write_picture(path: &Path, left: Option<u32>) -> anyhow::Result<()> {
    let (width, height) = SIZE;
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let square =
                left.is_some_and(|left| (left..left + 24).contains(&x) && (60..84).contains(&y));
            rgb.extend(if square { [0, 0, 0] } else { [255, 0, 0] });
        }
    }
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&rgb)?;
    Ok(())
}
