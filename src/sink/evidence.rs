//! Evidence: the frames of alerts, in a bounded folder on disk.
//!
//! Three files per frame: `NAME.png` as the engine got it, `NAME.overlay.png` with what was seen,
//! and `NAME.json` with its alerts and times. Each is written under a temporary name and renamed; the
//! JSON comes last, so a frame without it is not whole, and the next start removes it. Names begin
//! with a number that rises from frame to frame and from run to run: which frame is the oldest does
//! not depend on the clock.

use super::{EvidenceSettings, SinkError};
use crate::view::OverlayDrawer;
use serde::Serialize;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use unmask_alert::ProcessedFrame;
use unmask_alert::{Alert, AlertEvent};
use unmask_frame::Picture;
use unmask_frame::write_png;

/// Form of the JSON file.
const SCHEMA: &str = "unmask.evidence/1";
/// Start of every name: nothing else in the folder is ever touched.
const PREFIX: &str = "alert-";
/// Ends of the three names, in the order they are written.
const SUFFIXES: [&str; 3] = [".png", ".overlay.png", ".json"];
/// End of a file that is being written.
const PARTIAL_SUFFIX: &str = ".part";

#[derive(Debug)]
struct KeptFrame {
    name: String,
    bytes: u64,
}

/// Keeps frames with alerts, within limits.
#[derive(Debug)]
pub struct EvidenceSink {
    folder: PathBuf,
    settings: EvidenceSettings,
    overlay: OverlayDrawer,
    kept: VecDeque<KeptFrame>,
    /// Number of the next frame.
    next: u64,
    last_ns: Option<i128>,
    written: u64,
    failed: u64,
}

#[derive(Serialize)]
struct EvidenceRecord<'a> {
    schema: &'static str,
    frame: u64,
    source: &'a str,
    name: Option<&'a str>,
    width_px: usize,
    height_px: usize,
    captured_unix_ms: i128,
    age_ms: f64,
    budget_ms: f64,
    prepare_ms: f64,
    engine_ms: f64,
    score_ms: f64,
    alerts: &'a [Alert],
}

impl EvidenceSink {
    /// Opens the ring in `folder`, which is made where it is missing. `threshold` and `budget`
    /// are those of the run: overlays show them.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(
        folder: &Path,
        settings: &EvidenceSettings,
        threshold: f32,
        budget: Duration,
    ) -> Result<Self, SinkError> {
        let refuse = |e: io::Error| SinkError::path("cannot keep evidence in", folder, e);
        std::fs::create_dir_all(folder).map_err(refuse)?;
        let kept = scan(folder).map_err(refuse)?;
        let last = kept.iter().filter_map(|kept| number(&kept.name)).max();
        let mut evidence = Self {
            folder: folder.to_path_buf(),
            settings: settings.clone(),
            overlay: OverlayDrawer::new(threshold, budget),
            kept,
            next: last.map_or(0, |last| last + 1),
            last_ns: None,
            written: 0,
            failed: 0,
        };
        evidence.make_room(0, 0);
        Ok(evidence)
    }

    /// Keeps `looked` where it has alerts that are worth it: every begin and end, and updates no
    /// closer than the spacing. Returns whether it was kept.
    ///
    /// # Errors
    /// A file cannot be written. Nothing of the frame is left then.
    pub fn add(&mut self, processed: &ProcessedFrame) -> io::Result<bool> {
        let now_ns = processed.frame.metadata.captured_unix_ns;
        let spacing_ns = i128::from(self.settings.min_interval_ms) * 1_000_000;
        // A clock that was set back must not keep frames out until it is where it was.
        let since = self.last_ns.map(|last| now_ns - last);
        let close = since.is_some_and(|since| (0..spacing_ns).contains(&since));
        let only_updates = processed
            .alerts
            .iter()
            .all(|a| a.event == AlertEvent::Update);
        if processed.alerts.is_empty() || (close && only_updates) {
            return Ok(false);
        }
        self.last_ns = Some(now_ns);
        match self.write(processed) {
            Ok(()) => {
                self.written += 1;
                Ok(true)
            }
            Err(error) => {
                self.failed += 1;
                Err(error)
            }
        }
    }

    /// Frames kept by this run, and frames that could not be written.
    pub fn counts(&self) -> (u64, u64) {
        (self.written, self.failed)
    }

    fn write(&mut self, processed: &ProcessedFrame) -> io::Result<()> {
        let metadata = &processed.frame.metadata;
        let unix_ms = metadata.captured_unix_ns.div_euclid(1_000_000);
        let name = format!(
            "{PREFIX}{:010}-{unix_ms:013}-{:09}",
            self.next, metadata.frame
        );
        // Used up whatever happens: a name is never given twice.
        self.next += 1;
        let drawn = self.overlay.draw(processed);
        let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let metadata = EvidenceRecord {
            schema: SCHEMA,
            frame: metadata.frame,
            source: &metadata.source,
            name: metadata.name.as_deref(),
            width_px: processed.frame.picture.size().w,
            height_px: processed.frame.picture.size().h,
            captured_unix_ms: unix_ms,
            age_ms: ms(processed.age),
            budget_ms: ms(Duration::from_nanos(metadata.budget_ns)),
            prepare_ms: ms(processed.times.prepare),
            engine_ms: ms(processed.times.engine),
            score_ms: ms(processed.times.score),
            alerts: &processed.alerts,
        };
        let text = serde_json::to_vec_pretty(&metadata)?;
        let png =
            |path: &Path, picture: &Picture| write_png(path, picture).map_err(io::Error::other);
        let written = [
            self.write_file(&name, SUFFIXES[0], |path| {
                png(path, &processed.frame.picture)
            }),
            self.write_file(&name, SUFFIXES[1], |path| png(path, &drawn)),
        ]
        .into_iter()
        .sum::<io::Result<u64>>()
        .and_then(|pictures| {
            self.make_room(1, pictures + text.len() as u64);
            let json = self.write_file(&name, SUFFIXES[2], |path| std::fs::write(path, &text))?;
            Ok(pictures + json)
        });
        match written {
            Ok(bytes) => {
                self.kept.push_back(KeptFrame { name, bytes });
                Ok(())
            }
            Err(error) => {
                remove(&self.folder, &name);
                Err(error)
            }
        }
    }

    /// Writes one file under a temporary name and renames it; returns its bytes.
    fn write_file(
        &self,
        name: &str,
        end: &str,
        write: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<u64> {
        let part = self.folder.join(format!("{name}{end}{PARTIAL_SUFFIX}"));
        write(&part)?;
        let bytes = std::fs::metadata(&part)?.len();
        std::fs::rename(&part, self.folder.join(format!("{name}{end}")))?;
        Ok(bytes)
    }

    /// Removes the oldest until so many more fit.
    fn make_room(&mut self, frames: u64, bytes: u64) {
        let mut have: u64 = self.kept.iter().map(|kept| kept.bytes).sum();
        while self.kept.len() as u64 + frames > self.settings.max_frames.max(1)
            || have + bytes > self.settings.max_bytes
        {
            let Some(oldest) = self.kept.pop_front() else {
                return;
            };
            have -= oldest.bytes;
            remove(&self.folder, &oldest.name);
        }
    }
}

/// Removes the files of a frame, the JSON first: what is left then is not whole.
fn remove(folder: &Path, name: &str) {
    for end in SUFFIXES.iter().rev() {
        for unfinished in ["", PARTIAL_SUFFIX] {
            // What is not there need not be removed.
            let _ = std::fs::remove_file(folder.join(format!("{name}{end}{unfinished}")));
        }
    }
}

/// Whole frames in `folder`, oldest first; removes what is not whole.
fn scan(folder: &Path) -> io::Result<VecDeque<KeptFrame>> {
    let mut found: std::collections::BTreeMap<String, (u64, usize)> = Default::default();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let file = entry.file_name();
        let Some(file) = file.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let whole = file.strip_suffix(PARTIAL_SUFFIX).unwrap_or(file);
        let Some((name, _)) = whole.split_once('.') else {
            continue;
        };
        let (bytes, files) = found.entry(name.to_string()).or_default();
        *bytes += entry.metadata()?.len();
        *files += usize::from(SUFFIXES.iter().any(|end| file == format!("{name}{end}")));
    }
    let mut kept = Vec::new();
    for (name, (bytes, files)) in found {
        if files == SUFFIXES.len() {
            kept.push(KeptFrame { name, bytes });
        } else {
            remove(folder, &name);
        }
    }
    // Those without a number, of earlier versions, come first, in the order of their times.
    kept.sort_by_key(|kept| number(&kept.name));
    Ok(kept.into())
}

/// The number of a frame's name, `alert-NUMBER-TIME-FRAME`; `None` for `alert-TIME-FRAME`.
fn number(name: &str) -> Option<u64> {
    let rest = name.strip_prefix(PREFIX)?;
    let (number, rest) = rest.split_once('-')?;
    // A time before 1970 begins with a minus sign.
    rest.trim_start_matches('-').contains('-').then_some(())?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::gallery_tests::processed;
    use unmask_frame::Size;

    fn settings(max_frames: u64, max_bytes: u64, min_interval_ms: u64) -> EvidenceSettings {
        EvidenceSettings {
            folder: None,
            max_frames,
            max_bytes,
            min_interval_ms,
        }
    }

    fn open(folder: &Path, settings: &EvidenceSettings) -> EvidenceSink {
        EvidenceSink::open(folder, settings, 0.5, Duration::from_millis(100)).unwrap()
    }

    /// Frame `number`, a tenth of a second after the one before.
    fn frame(number: u64, event: AlertEvent) -> ProcessedFrame {
        let mut processed = processed(Size::new(64, 48), number, true);
        processed.frame.metadata.captured_unix_ns = i128::from(number) * 100_000_000;
        for alert in &mut processed.alerts {
            alert.event = event;
        }
        processed
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_frame_is_kept_with_its_overlay_and_metadata() {
        let folder = tempfile::tempdir().unwrap();
        let mut evidence = open(folder.path(), &settings(10, 1 << 20, 1000));
        assert!(evidence.add(&frame(1, AlertEvent::Begin)).unwrap());
        // Updates too close are left out, ends are not, and frames without alerts never count.
        assert!(!evidence.add(&frame(2, AlertEvent::Update)).unwrap());
        assert!(evidence.add(&frame(3, AlertEvent::End)).unwrap());
        assert!(evidence.add(&frame(13, AlertEvent::Update)).unwrap());
        let quiet = processed(Size::new(64, 48), 30, false);
        assert!(!evidence.add(&quiet).unwrap());
        assert_eq!(evidence.counts(), (3, 0));
        let name = "alert-0000000000-0000000000100-000000001";
        let mut want = SUFFIXES.map(|end| format!("{name}{end}"));
        want.sort();
        assert_eq!(names(folder.path())[..3], want);
        let text = std::fs::read_to_string(folder.path().join(format!("{name}.json"))).unwrap();
        let metadata: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(metadata["schema"], SCHEMA);
        assert_eq!(
            (&metadata["frame"], &metadata["width_px"]),
            (&1.into(), &64.into())
        );
        assert_eq!(metadata["alerts"][0]["event"], "begin");
        assert!(metadata["engine_ms"].is_number());
        let picture = unmask_frame::read_picture(&folder.path().join(format!("{name}.png")));
        assert_eq!(picture.unwrap(), frame(1, AlertEvent::Begin).frame.picture);
    }

    #[test]
    fn the_oldest_make_room_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine.png"), "x").unwrap();
        let mut evidence = open(folder.path(), &settings(3, 1 << 30, 0));
        for number in 0..7 {
            evidence.add(&frame(number, AlertEvent::Update)).unwrap();
        }
        let left = names(folder.path());
        assert_eq!(left.len(), 10, "{left:?}");
        assert!(left[0].contains("-000000004.") && left.contains(&"mine.png".into()));
        // A crash while writing: the torn frame goes, whole ones are counted again.
        let torn = folder
            .path()
            .join("alert-0000000009-0000000000900-000000009");
        std::fs::write(torn.with_extension("png"), "x").unwrap();
        std::fs::write(torn.with_extension("json.part"), "x").unwrap();
        let bytes = evidence.kept[0].bytes;
        drop(evidence);
        let evidence = open(folder.path(), &settings(3, bytes * 2 + 500, 0));
        assert_eq!(evidence.kept.len(), 2);
        assert_eq!(names(folder.path()).len(), 7);
    }

    #[test]
    fn the_oldest_goes_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        // What an earlier version kept.
        let old = folder.path().join("alert-9999999999999-000000077");
        for end in ["png", "overlay.png", "json"] {
            std::fs::write(old.with_extension(end), "x").unwrap();
        }
        let mut times = [900, 200, 100, 300, -50, 8000].into_iter();
        let mut kept = Vec::new();
        // Two runs; in each the clock jumps to and fro.
        for run in 0..2 {
            let mut evidence = open(folder.path(), &settings(3, 1 << 30, 1000));
            for (step, ms) in times.by_ref().take(3).enumerate() {
                let mut frame = frame(10 * run + step as u64, AlertEvent::Update);
                frame.frame.metadata.captured_unix_ns = ms * 1_000_000;
                if evidence.add(&frame).unwrap() {
                    kept.push(frame.frame.metadata.frame);
                }
            }
        }
        // Steps back are kept, however close; so are steps far ahead.
        assert_eq!(kept, [0, 1, 2, 10, 11, 12]);
        let mut left: Vec<String> = names(folder.path());
        left.retain(|name| name.ends_with(".json"));
        let frames: Vec<&str> = left.iter().map(|n| n.rsplit_once('-').unwrap().1).collect();
        assert_eq!(
            frames,
            ["000000010.json", "000000011.json", "000000012.json"]
        );
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named_and_failures_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = EvidenceSink::open(&file, &settings(1, 1, 0), 0.5, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
        let gone = folder.path().join("gone");
        let mut evidence = open(&gone, &settings(1, 1, 0));
        std::fs::remove_dir(&gone).unwrap();
        assert!(evidence.add(&frame(1, AlertEvent::Begin)).is_err());
        assert_eq!(evidence.counts(), (0, 1));
    }
}
