//! Gallery: collects what the report page of a run shows.

use super::page::AlertSpan;
use super::sheet::{TILE_W, shrink};
use super::{OverlayDrawer, SheetTile, ViewError, contact_sheet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use unmask_alert::ProcessedFrame;
use unmask_alert::{Alert, AlertEvent};
use unmask_frame::write_png;

/// Tiles on a contact sheet.
const TILES: usize = 12;
/// Objects that a page lists; more would only make it slow.
const SPANS: usize = 400;
/// Overlays that a page links to.
const LINKS: usize = 600;
/// A tile from every so many frames where nothing is reported.
const QUIET_STEP: u64 = 10;

/// What a gallery keeps.
#[derive(Clone, Debug)]
pub struct GallerySettings {
    /// Folder for the overlays; made where it is missing.
    pub folder: PathBuf,
    /// Whether only frames with alerts are drawn.
    pub only_alerting: bool,
    /// Score above which a cell counts as anomalous.
    pub threshold: f32,
    /// How old an alert may be.
    pub budget: Duration,
    /// Tiles of the contact sheet lie at least this many frames apart: neighbours of a video show
    /// the same.
    pub tile_spacing: u64,
}

/// Draws frames into a folder and remembers what the sheet and the page need: a bounded amount,
/// however long the run.
#[derive(Debug)]
pub struct AlertGallery {
    settings: GallerySettings,
    overlay: OverlayDrawer,
    tiles: Vec<KeptTile>,
    spans: Vec<AlertSpan>,
    /// Objects beyond those listed.
    more_spans: u64,
    links: Vec<String>,
    drawn: u64,
}

#[derive(Debug)]
struct KeptTile {
    rank: TileRank,
    frame: u64,
    tile: SheetTile,
}

/// What makes a frame worth a tile; larger is better.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct TileRank {
    begins: bool,
    alerts: bool,
    score: f32,
}

impl AlertGallery {
    /// An empty gallery; makes the folder.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(settings: GallerySettings) -> Result<Self, ViewError> {
        std::fs::create_dir_all(&settings.folder)
            .map_err(|e| ViewError::write(&settings.folder, e))?;
        Ok(Self {
            overlay: OverlayDrawer::new(settings.threshold, settings.budget),
            settings,
            tiles: Vec::new(),
            spans: Vec::new(),
            more_spans: 0,
            links: Vec::new(),
            drawn: 0,
        })
    }

    /// Takes a frame: draws it, and keeps a tile of it if its scores are among the highest.
    ///
    /// # Errors
    /// The overlay cannot be written.
    pub fn add(&mut self, processed: &ProcessedFrame) -> Result<(), ViewError> {
        for alert in &processed.alerts {
            self.update_span(alert);
        }
        let reported: Vec<&Alert> = processed
            .alerts
            .iter()
            .filter(|a| a.event != AlertEvent::End)
            .collect();
        let frame = processed.frame.metadata.frame;
        let rank = TileRank {
            begins: reported.iter().any(|a| a.event == AlertEvent::Begin),
            alerts: !reported.is_empty(),
            score: reported.iter().map(|a| a.score_max).fold(0.0, f32::max),
        };
        let wanted = self.keeps_rank(rank, frame);
        let drawn = !self.settings.only_alerting || rank.alerts;
        if !wanted && !drawn {
            return Ok(());
        }
        let picture = self.overlay.draw(processed);
        if drawn {
            let name = file_name(frame, processed.frame.metadata.name.as_deref());
            write_png(&self.settings.folder.join(&name), &picture)?;
            self.drawn += 1;
            if self.links.len() < LINKS {
                self.links.push(name);
            }
        }
        if wanted {
            let tile = SheetTile {
                picture: shrink(&picture, TILE_W),
                caption: caption(frame, &reported),
            };
            self.keep(KeptTile { rank, frame, tile });
        }
        Ok(())
    }

    fn keeps_rank(&self, rank: TileRank, frame: u64) -> bool {
        if !rank.alerts && !frame.is_multiple_of(QUIET_STEP) {
            return false;
        }
        let near = |kept: &&KeptTile| self.is_near(kept, frame);
        match self.tiles.iter().find(near) {
            Some(neighbour) => neighbour.rank < rank,
            None => self.tiles.len() < TILES || self.tiles.iter().any(|kept| kept.rank < rank),
        }
    }

    fn is_near(&self, kept: &KeptTile, frame: u64) -> bool {
        kept.frame.abs_diff(frame) < self.settings.tile_spacing
    }

    fn keep(&mut self, new: KeptTile) {
        if let Some(i) = (0..self.tiles.len()).find(|&i| self.is_near(&self.tiles[i], new.frame)) {
            self.tiles[i] = new;
            return;
        }
        self.tiles.push(new);
        if self.tiles.len() > TILES {
            // The one with the lowest scores is removed; of equals the latest.
            let least = (0..self.tiles.len())
                .min_by(|&a, &b| {
                    let (a, b) = (&self.tiles[a], &self.tiles[b]);
                    let rank = a.rank.partial_cmp(&b.rank);
                    rank.unwrap_or(std::cmp::Ordering::Equal)
                        .then(b.frame.cmp(&a.frame))
                })
                .unwrap_or(0);
            self.tiles.remove(least);
        }
    }

    fn update_span(&mut self, alert: &Alert) {
        let room = self.spans.len() < SPANS;
        let known = self.spans.iter_mut().rev().find(|s| s.id == *alert.id);
        match (known, alert.event) {
            (Some(span), AlertEvent::Update | AlertEvent::Begin) => {
                span.last = alert.frame;
                span.score_max = span.score_max.max(alert.score_max);
                span.area_px = span.area_px.max(alert.area_px);
                span.late |= !alert.on_time;
            }
            (None, AlertEvent::Begin) if room => self.spans.push(AlertSpan {
                id: alert.id.to_string(),
                first: alert.frame,
                last: alert.frame,
                score_max: alert.score_max,
                area_px: alert.area_px,
                late: !alert.on_time,
                real: None,
            }),
            (None, AlertEvent::Begin) => self.more_spans += 1,
            _ => {}
        }
    }

    /// Writes the contact sheet.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_sheet(&mut self, path: &Path, title: &str) -> Result<(), ViewError> {
        self.tiles.sort_by_key(|kept| kept.frame);
        let tiles: Vec<SheetTile> = self.tiles.iter().map(|kept| kept.tile.clone()).collect();
        Ok(write_png(path, &contact_sheet(title, &tiles))?)
    }

    /// The objects reported, in the order they began.
    pub fn spans(&self) -> &[AlertSpan] {
        &self.spans
    }

    /// The objects reported, to note what is true of them.
    pub fn spans_mut(&mut self) -> &mut [AlertSpan] {
        &mut self.spans
    }

    /// Objects reported beyond those in [`AlertGallery::spans`].
    pub fn more_spans(&self) -> u64 {
        self.more_spans
    }

    /// File names of the first overlays.
    pub fn links(&self) -> &[String] {
        &self.links
    }

    /// Overlays written.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }
}

fn file_name(frame: u64, name: Option<&str>) -> String {
    let stem = name.and_then(|name| Path::new(name).file_stem());
    match stem {
        Some(stem) => format!("{frame:06}-{}.png", stem.to_string_lossy()),
        None => format!("{frame:06}.png"),
    }
}

fn caption(frame: u64, reported: &[&Alert]) -> String {
    let mut text = format!("frame {frame}");
    if reported.is_empty() {
        text.push_str(": no alerts");
    }
    for alert in reported {
        let number = alert.id.rsplit('-').next().unwrap_or("");
        let verb = match alert.event {
            AlertEvent::Begin => "begins",
            AlertEvent::Update | AlertEvent::End | AlertEvent::Blind | AlertEvent::Degraded => {
                "goes on"
            }
        };
        text.push_str(&format!("  #{number} {verb}, {:.2}", alert.score_max));
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use unmask_alert::{EngineId, SCHEMA};
    use unmask_frame::EngineTimes;
    use unmask_frame::{Frame, FrameMetadata, LabelMap, MonotonicTime, Picture, ScoreMap, Size};
    use unmask_score::ScoredFrame;

    /// A grey frame with an anomaly in its middle, reported where `alerting`.
    pub fn processed(size: Size, frame: u64, alerting: bool) -> ProcessedFrame {
        let grid = Size::new(16, 10);
        let mut score = ScoreMap::filled(grid, 0.05);
        for y in 4..7 {
            score.data_mut()[y * 16 + 6..y * 16 + 10].fill(if alerting { 0.95 } else { 0.05 });
        }
        let (w, h) = (size.w as u32, size.h as u32);
        let alert = Alert {
            schema: SCHEMA.into(),
            id: "1f-4".into(),
            event: AlertEvent::Begin,
            frame,
            captured_at: String::new(),
            clock_error_ms: None,
            age_ms: 20.0,
            age: unmask_alert::AgeKnowledge::Known,
            budget_ms: 100.0,
            on_time: frame.is_multiple_of(2),
            bbox: [w * 6 / 16, h * 4 / 10, w / 4, h * 3 / 10],
            area_px: 400,
            score_max: 0.95,
            score_mean: 0.9,
            on_road: true,
            severity: unmask_alert::AlertSeverity::Medium,
            distance_m: None,
            bearing_deg: None,
            engine: EngineId {
                name: "cpu".into(),
                precision: "fp32".into(),
                hash: "0".into(),
            },
            source: "test".into(),
            detail: None,
        };
        ProcessedFrame {
            frame: Frame {
                metadata: FrameMetadata {
                    frame,
                    captured: MonotonicTime(0),
                    age_known: true,
                    captured_unix_ns: 0,
                    budget_ns: 100_000_000,
                    source: "test".into(),
                    name: None,
                },
                picture: Picture::filled(size, [110, 115, 120]),
            },
            truth: None,
            scored: ScoredFrame {
                score,
                classes: LabelMap::filled(grid, 0),
                qualified: 0,
            },
            alerts: if alerting { vec![alert] } else { Vec::new() },
            times: EngineTimes {
                prepare: Duration::from_millis(2),
                engine: Duration::from_millis(30),
                score: Duration::from_millis(1),
            },
            age: Duration::from_millis(36),
        }
    }

    fn gallery(folder: &Path, only_alerting: bool) -> AlertGallery {
        AlertGallery::new(GallerySettings {
            folder: folder.join("deep/er"),
            only_alerting,
            threshold: 0.5,
            budget: Duration::from_millis(100),
            tile_spacing: 1,
        })
        .unwrap()
    }

    #[test]
    fn only_frames_with_alerts_are_drawn_where_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let size = Size::new(64, 40);
        for (only_alerting, want) in [(true, 5), (false, 30)] {
            let mut gallery = gallery(folder.path(), only_alerting);
            for frame in 0..30 {
                gallery
                    .add(&processed(size, frame, frame % 6 == 1))
                    .unwrap();
            }
            assert_eq!(gallery.drawn(), want);
            assert_eq!(gallery.links().len() as u64, want);
            for name in gallery.links() {
                assert!(folder.path().join("deep/er").join(name).is_file());
            }
        }
    }

    #[test]
    fn one_object_is_one_span_from_first_to_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut gallery = gallery(folder.path(), true);
        let size = Size::new(64, 40);
        gallery.add(&processed(size, 2, true)).unwrap();
        let mut next = processed(size, 5, true);
        next.alerts[0].event = AlertEvent::Update;
        next.alerts[0].score_max = 0.99;
        gallery.add(&next).unwrap();
        next.alerts[0].event = AlertEvent::End;
        next.alerts[0].frame = 9;
        gallery.add(&next).unwrap();
        let span = &gallery.spans()[0];
        assert_eq!(gallery.spans().len(), 1);
        assert_eq!(
            (span.first, span.last, span.score_max, span.late),
            (2, 5, 0.99, true)
        );
    }

    #[test]
    fn the_highest_scored_frames_stay_and_memory_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut gallery = gallery(folder.path(), true);
        let size = Size::new(64, 40);
        for frame in 0..200 {
            let mut frame = processed(size, frame, frame == 77 || frame > 150);
            for alert in &mut frame.alerts {
                alert.id = format!("1-{}", alert.frame).into();
                alert.event = if alert.frame == 77 {
                    AlertEvent::Begin
                } else {
                    AlertEvent::Update
                };
            }
            gallery.add(&frame).unwrap();
        }
        assert_eq!(gallery.tiles.len(), TILES);
        assert!(gallery.tiles.iter().any(|t| t.frame == 77 && t.rank.begins));
        assert!(gallery.tiles.iter().all(|t| t.rank.alerts));
        for i in 0..SPANS as u64 + 5 {
            let mut frame = processed(size, i, true);
            frame.alerts[0].id = format!("2-{i}").into();
            gallery.update_span(&frame.alerts[0]);
        }
        assert_eq!(gallery.spans().len(), SPANS);
        assert_eq!(gallery.more_spans(), 6);
        let sheet = folder.path().join("sheet.png");
        gallery.write_sheet(&sheet, "a title").unwrap();
        assert!(sheet.is_file());
    }

    #[test]
    fn neighbours_share_a_tile_and_the_better_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut gallery = gallery(folder.path(), true);
        gallery.settings.tile_spacing = 5;
        let size = Size::new(64, 40);
        for (frame, score) in [(20, 0.6), (22, 0.9), (24, 0.7), (27, 0.5), (21, 0.8)] {
            let mut processed = processed(size, frame, true);
            processed.alerts[0].score_max = score;
            gallery.add(&processed).unwrap();
        }
        let kept: Vec<u64> = gallery.tiles.iter().map(|t| t.frame).collect();
        assert_eq!(kept, [22, 27]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("deep"), "a file").unwrap();
        let settings = GallerySettings {
            folder: folder.path().join("deep/er"),
            only_alerting: true,
            threshold: 0.5,
            budget: Duration::ZERO,
            tile_spacing: 1,
        };
        assert!(
            AlertGallery::new(settings)
                .unwrap_err()
                .to_string()
                .contains("deep/er")
        );
    }

    #[test]
    fn pictures_keep_their_name() {
        assert_eq!(file_name(7, None), "000007.png");
        assert_eq!(file_name(7, Some("a.b.jpg")), "000007-a.b.png");
    }
}
