//! Alert decider: which detections begin, update and end alerts.

use super::find::{DetectionFinder, HysteresisThresholds};
use super::track::{TrackConfirmation, TrackFilter, TrackUpdate, Tracker};
use super::{
    AlertEvent, AlertSeverity, CameraGeometry, Detection, GroundPosition, ImageZone, TrackSnapshot,
};
use std::time::Duration;
use unmask_frame::Size;
use unmask_score::ScoredFrame;

/// Most detections of a frame that are looked at, the largest first.
const DETECTIONS_LIMIT: usize = 128;
/// How far the low threshold lies below the threshold, as a share of it.
const LOW_SHARE: f32 = 0.25;
/// How often an object must be seen in a video.
const VIDEO_CONFIRM: TrackConfirmation = TrackConfirmation::new(4, 6).unwrap();

/// Which detections become alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSettings {
    /// Score above which a cell counts as anomalous: an object holds such a cell.
    pub threshold: f32,
    /// Score above which neighbouring cells belong to it; at most `threshold`.
    pub low_threshold: f32,
    /// Smallest component, px of the picture.
    pub min_area_px: u32,
    /// Whether only objects on or near the road count.
    pub only_near_road: bool,
    /// Where objects count; everywhere, where `None`.
    pub zone: Option<ImageZone>,
    /// How often an object must be seen, by detections that keep all of `rules`.
    pub confirm: TrackConfirmation,
    /// What a detection must show to count towards a beginning.
    pub rules: FilterRules,
    /// For how long an object that ended does not start again in its place.
    pub cooldown: Duration,
    /// Place and optics of the camera, where known.
    pub camera_geometry: Option<CameraGeometry>,
    /// When an object is severe.
    pub high_severity: HighSeverity,
}

impl AlertSettings {
    /// For a video, from a moving camera or a fixed one, and a model whose own threshold is
    /// `threshold`.
    pub fn video(threshold: f32) -> Self {
        Self {
            threshold,
            low_threshold: threshold - LOW_SHARE * threshold.abs(),
            min_area_px: 200,
            only_near_road: true,
            zone: None,
            confirm: VIDEO_CONFIRM,
            rules: FilterRules::VIDEO,
            cooldown: Duration::from_secs(3),
            camera_geometry: None,
            high_severity: HighSeverity {
                distance_m: 15.0,
                area_share: 0.01,
            },
        }
    }

    /// For pictures that have nothing to do with each other: each is reported at once.
    pub fn images(threshold: f32) -> Self {
        Self {
            confirm: TrackConfirmation::IMMEDIATE,
            rules: FilterRules::NONE,
            cooldown: Duration::ZERO,
            ..Self::video(threshold)
        }
    }
}

/// What a detection must show to count towards a beginning. What has begun continues without them.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilterRules {
    /// Least difference between the mean score inside and that of the contour around it, as a share
    /// of the threshold: an object stands out, a doubtful stretch of the map does not.
    pub min_contrast: f32,
    /// Minimum area divided by the longer side of the box, px: seams between surfaces are thin.
    pub min_thickness_px: f32,
    /// Least share of its box that it fills, 0 to 1: doubt sprawls, objects are compact.
    pub min_fill: f32,
    /// Least share of road in the lower half of the contour around it, 0 to 1: what stands on a road
    /// has road next to and below it.
    pub min_road_share: f32,
    /// Whether it must be seen whole: not cut by the left, right or lower edge of the picture.
    #[serde(alias = "whole")]
    pub reject_truncated: bool,
    /// Minimum area at confirmation, as a share of that at first detection: what is approached grows.
    pub min_growth: f32,
    /// Farthest that its bottom edge may have risen since first detection, as a share of its height: what is
    /// approached comes down the picture.
    pub max_rise: f32,
}

impl Default for FilterRules {
    fn default() -> Self {
        Self::VIDEO
    }
}

impl FilterRules {
    /// Nothing is asked: for pictures that have nothing to do with each other, and for tests.
    pub const NONE: FilterRules = FilterRules {
        min_contrast: f32::NEG_INFINITY,
        min_thickness_px: 0.0,
        min_fill: 0.0,
        min_road_share: 0.0,
        reject_truncated: false,
        min_growth: 0.0,
        max_rise: f32::INFINITY,
    };

    /// For a video.
    pub const VIDEO: FilterRules = FilterRules {
        min_contrast: 0.5,
        min_thickness_px: 10.0,
        min_fill: 0.35,
        min_road_share: 0.3,
        reject_truncated: true,
        min_growth: 0.6,
        max_rise: 0.5,
    };

    fn accepts(&self, detection: &Detection, threshold: f32) -> bool {
        detection.contrast >= self.min_contrast * threshold.abs()
            && detection.fill >= self.min_fill
            && detection.thickness_px >= self.min_thickness_px
            && detection.road_share >= self.min_road_share
            && !(self.reject_truncated && detection.at_edge)
    }
}

/// When an object on the road is of high severity: near, or large in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HighSeverity {
    /// Up to this distance, m (where the distance is known).
    pub distance_m: f32,
    /// From this share of the picture on (where it is not).
    pub area_share: f32,
}

/// Invalid settings.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DecideError {
    /// NaN or infinity.
    #[error("the threshold {threshold} is not a finite number")]
    Threshold {
        /// The requested value.
        threshold: f32,
    },
    /// A low threshold above the high one.
    #[error(
        "the low threshold {low} must be a number of at most the threshold {high}: cells between \
         the two extend an object but do not start one"
    )]
    LowThreshold {
        /// The requested value.
        low: f32,
        /// The threshold.
        high: f32,
    },
    /// A camera that cannot be.
    #[error("the camera's {key} must be {want}")]
    Ground {
        /// Which number.
        key: &'static str,
        /// What it must be.
        want: &'static str,
    },
}

/// Decides frame after frame.
#[derive(Debug)]
pub struct AlertDecider {
    settings: AlertSettings,
    finder: DetectionFinder,
    tracker: Tracker,
    detections: Vec<(Detection, bool)>,
    updates: Vec<(AlertEvent, TrackUpdate)>,
    picture: Size,
}

impl AlertDecider {
    /// A decider; `road` are the classes one drives on.
    ///
    /// # Errors
    /// Thresholds that are not finite or the wrong way round; a camera that cannot be.
    pub fn new(settings: AlertSettings, road: &[usize]) -> Result<Self, DecideError> {
        let (high, low) = (settings.threshold, settings.low_threshold);
        if !high.is_finite() {
            return Err(DecideError::Threshold { threshold: high });
        }
        if !(low.is_finite() && low <= high) {
            return Err(DecideError::LowThreshold { low, high });
        }
        if let Some((key, want)) = settings.camera_geometry.and_then(|g| g.invalid_value()) {
            return Err(DecideError::Ground { key, want });
        }
        let rule = TrackFilter {
            confirm: settings.confirm,
            min_growth: settings.rules.min_growth,
            max_rise: settings.rules.max_rise,
            cooldown: settings.cooldown,
        };
        Ok(Self {
            settings,
            finder: DetectionFinder::new(road),
            tracker: Tracker::new(rule),
            detections: Vec::with_capacity(DETECTIONS_LIMIT),
            updates: Vec::with_capacity(DETECTIONS_LIMIT),
            picture: Size::default(),
        })
    }

    /// From now on cells count above `threshold`, and those that connect to them above
    /// `low_threshold`: another model scores. Thresholds that are not finite or the wrong way round
    /// change nothing.
    pub fn set_thresholds(&mut self, threshold: f32, low_threshold: f32) {
        if threshold.is_finite() && low_threshold.is_finite() && low_threshold <= threshold {
            self.settings.threshold = threshold;
            self.settings.low_threshold = low_threshold;
        }
    }

    /// Begins every id with `run_id`, rather than with the time of the first frame: that of a
    /// board without a battery is the same in every run.
    pub fn set_run_id(&mut self, run_id: &str) {
        self.tracker.set_prefix(run_id);
    }

    /// Takes a frame of size `picture`, captured at `captured_unix_ns`; appends what happened to
    /// `events`.
    pub fn step(
        &mut self,
        scored: &ScoredFrame,
        picture: Size,
        captured_unix_ns: i128,
        events: &mut Vec<(AlertEvent, TrackSnapshot)>,
    ) {
        self.picture = picture;
        let thresholds = HysteresisThresholds {
            high: self.settings.threshold,
            low: self.settings.low_threshold,
            min_area_px: self.settings.min_area_px,
        };
        let found = self.finder.find(scored, picture, thresholds);
        let settings = &self.settings;
        self.detections.clear();
        self.detections.extend(
            found
                .iter()
                .filter(|f| f.on_road || !settings.only_near_road)
                .filter(|f| {
                    settings
                        .zone
                        .as_ref()
                        .is_none_or(|r| r.contains(bottom_centre(f, picture)))
                })
                .take(DETECTIONS_LIMIT)
                .map(|f| (*f, settings.rules.accepts(f, settings.threshold))),
        );
        self.tracker
            .step(captured_unix_ns, &self.detections, &mut self.updates);
        self.emit_events(events);
    }

    /// Ends everything that is tracked.
    pub fn finish(&mut self, events: &mut Vec<(AlertEvent, TrackSnapshot)>) {
        self.tracker.finish(&mut self.updates);
        self.emit_events(events);
    }

    fn emit_events(&mut self, events: &mut Vec<(AlertEvent, TrackSnapshot)>) {
        let (settings, picture) = (&self.settings, self.picture);
        events.extend(
            self.updates
                .drain(..)
                .map(|(event, TrackUpdate { id, last })| {
                    let position =
                        settings
                            .camera_geometry
                            .map_or_else(GroundPosition::default, |ground| {
                                ground.position_of(last.bbox, [picture.w as u32, picture.h as u32])
                            });
                    let severity = settings.high_severity.severity_of(&last, position, picture);
                    let track = TrackSnapshot {
                        id,
                        last,
                        position,
                        severity,
                    };
                    (event, track)
                }),
        );
    }
}

impl HighSeverity {
    fn severity_of(
        &self,
        detection: &Detection,
        position: GroundPosition,
        picture: Size,
    ) -> AlertSeverity {
        if !detection.on_road {
            return AlertSeverity::Low;
        }
        let high = match position.distance_m {
            Some(distance_m) => distance_m <= self.distance_m,
            None => detection.area_px as f32 >= self.area_share * picture.area_px() as f32,
        };
        if high {
            AlertSeverity::High
        } else {
            AlertSeverity::Medium
        }
    }
}

/// The middle of the lower edge of its box, as shares of the picture.
fn bottom_centre(detection: &Detection, picture: Size) -> [f32; 2] {
    let [x, y, w, h] = detection.bbox.map(|v| v as f32);
    [
        (x + w / 2.0) / picture.w.max(1) as f32,
        (y + h) / picture.h.max(1) as f32,
    ]
}

#[cfg(test)]
mod tests;
