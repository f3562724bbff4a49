//! The decision: which findings are told.

use super::find::{DetectionFinder, HysteresisThresholds};
use super::track::{TrackConfirmation, TrackFilter, TrackUpdate, Tracker};
use super::{
    AlertEvent, AlertSeverity, CameraGeometry, Detection, GroundPosition, ImageZone, TrackSnapshot,
};
use std::time::Duration;
use unmask_frame::Size;
use unmask_score::ScoredFrame;

/// Most findings of a frame that are looked at, the largest first.
const FINDINGS_LIMIT: usize = 128;
/// How far the low threshold lies below the threshold, as a share of it.
const LOW_SHARE: f32 = 0.25;
/// How often a thing must be seen in a film.
const FILM_CONFIRM: TrackConfirmation = TrackConfirmation::new(4, 6).unwrap();

/// What counts as a thing to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSettings {
    /// Score above which a cell counts as anomalous: a thing holds such a cell.
    pub threshold: f32,
    /// Score above which neighbouring cells belong to it; at most `threshold`.
    pub low_threshold: f32,
    /// Smallest component, px of the picture.
    pub min_area_px: u32,
    /// Whether only things on or near the road count.
    pub only_near_road: bool,
    /// Where things count; everywhere, where `None`.
    pub region: Option<ImageZone>,
    /// How often a thing must be seen, by findings that keep all of `rules`.
    pub confirm: TrackConfirmation,
    /// What a finding must show to count towards a beginning.
    pub rules: FilterRules,
    /// For how long a thing that ended does not begin anew in its place.
    pub cool_down: Duration,
    /// Place and optics of the camera, where known.
    pub ground: Option<CameraGeometry>,
    /// When a thing is severe.
    pub severe: HighSeverity,
}

impl AlertSettings {
    /// For a film, from a moving camera or a fixed one, and a model whose own threshold is
    /// `threshold`.
    pub fn film(threshold: f32) -> Self {
        Self {
            threshold,
            low_threshold: threshold - LOW_SHARE * threshold.abs(),
            min_area_px: 200,
            only_near_road: true,
            region: None,
            confirm: FILM_CONFIRM,
            rules: FilterRules::FILM,
            cool_down: Duration::from_secs(3),
            ground: None,
            severe: HighSeverity {
                distance_m: 15.0,
                area_share: 0.01,
            },
        }
    }

    /// For pictures that have nothing to do with each other: each is told of at once.
    pub fn stills(threshold: f32) -> Self {
        Self {
            confirm: TrackConfirmation::AT_ONCE,
            rules: FilterRules::NONE,
            cool_down: Duration::ZERO,
            ..Self::film(threshold)
        }
    }
}

/// What a finding must show to count towards a beginning. What has begun goes on without them.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilterRules {
    /// Least difference between the mean score inside and that of the ring around it, as a share
    /// of the threshold: a thing stands out, a doubtful stretch of the map does not.
    pub min_contrast: f32,
    /// Least area divided by the longer side of the box, px: seams between surfaces are thin.
    pub min_thickness_px: f32,
    /// Least share of its box that it fills, 0 to 1: doubt sprawls, things are compact.
    pub min_fill: f32,
    /// Least share of road in the lower half of the ring around it, 0 to 1: what stands on a road
    /// has road beside and below it.
    pub min_road_share: f32,
    /// Whether it must be seen whole: not cut by the left, right or lower edge of the picture.
    pub whole: bool,
    /// Least area at confirmation, as a share of that at first sight: what is approached grows.
    pub min_growth: f32,
    /// Farthest that its foot may have risen since first sight, as a share of its height: what is
    /// approached comes down the picture.
    pub max_rise: f32,
}

impl Default for FilterRules {
    fn default() -> Self {
        Self::FILM
    }
}

impl FilterRules {
    /// Nothing is asked: for pictures that have nothing to do with each other, and for tests.
    pub const NONE: FilterRules = FilterRules {
        min_contrast: f32::NEG_INFINITY,
        min_thickness_px: 0.0,
        min_fill: 0.0,
        min_road_share: 0.0,
        whole: false,
        min_growth: 0.0,
        max_rise: f32::INFINITY,
    };

    /// For a film.
    pub const FILM: FilterRules = FilterRules {
        min_contrast: 0.5,
        min_thickness_px: 10.0,
        min_fill: 0.35,
        min_road_share: 0.3,
        whole: true,
        min_growth: 0.6,
        max_rise: 0.5,
    };

    fn keeps(&self, finding: &Detection, threshold: f32) -> bool {
        finding.contrast >= self.min_contrast * threshold.abs()
            && finding.fill >= self.min_fill
            && finding.thickness_px >= self.min_thickness_px
            && finding.road_share >= self.min_road_share
            && !(self.whole && finding.at_edge)
    }
}

/// When a thing on the road is of high severity: near, or large in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HighSeverity {
    /// Up to this distance, m (where the distance is known).
    pub distance_m: f32,
    /// From this share of the picture on (where it is not).
    pub area_share: f32,
}

/// Settings that make no sense.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DecideError {
    /// NaN or infinity.
    #[error("the threshold {threshold} is not a finite number")]
    Threshold {
        /// What was asked for.
        threshold: f32,
    },
    /// A low threshold above the high one.
    #[error(
        "the low threshold {low} must be a number of at most the threshold {high}: cells between \
         the two belong to a thing but do not make one"
    )]
    LowThreshold {
        /// What was asked for.
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
    findings: Vec<(Detection, bool)>,
    seen: Vec<(AlertEvent, TrackUpdate)>,
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
        if let Some((key, want)) = settings.ground.and_then(|g| g.fault()) {
            return Err(DecideError::Ground { key, want });
        }
        let rule = TrackFilter {
            confirm: settings.confirm,
            min_growth: settings.rules.min_growth,
            max_rise: settings.rules.max_rise,
            cool_down: settings.cool_down,
        };
        Ok(Self {
            settings,
            finder: DetectionFinder::new(road),
            tracker: Tracker::new(rule),
            findings: Vec::with_capacity(FINDINGS_LIMIT),
            seen: Vec::with_capacity(FINDINGS_LIMIT),
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
        let cut = HysteresisThresholds {
            high: self.settings.threshold,
            low: self.settings.low_threshold,
            min_area_px: self.settings.min_area_px,
        };
        let found = self.finder.find(scored, picture, cut);
        let settings = &self.settings;
        self.findings.clear();
        self.findings.extend(
            found
                .iter()
                .filter(|f| f.on_road || !settings.only_near_road)
                .filter(|f| {
                    settings
                        .region
                        .as_ref()
                        .is_none_or(|r| r.holds(foot(f, picture)))
                })
                .take(FINDINGS_LIMIT)
                .map(|f| (*f, settings.rules.keeps(f, settings.threshold))),
        );
        self.tracker
            .step(captured_unix_ns, &self.findings, &mut self.seen);
        self.hand_over(events);
    }

    /// Ends everything that is followed.
    pub fn finish(&mut self, events: &mut Vec<(AlertEvent, TrackSnapshot)>) {
        self.tracker.finish(&mut self.seen);
        self.hand_over(events);
    }

    fn hand_over(&mut self, events: &mut Vec<(AlertEvent, TrackSnapshot)>) {
        let (settings, picture) = (&self.settings, self.picture);
        events.extend(
            self.seen
                .drain(..)
                .map(|(event, TrackUpdate { id, last })| {
                    let place = settings
                        .ground
                        .map_or_else(GroundPosition::default, |ground| {
                            ground.place(last.bbox, [picture.w as u32, picture.h as u32])
                        });
                    let severity = settings.severe.of(&last, place, picture);
                    let track = TrackSnapshot {
                        id,
                        last,
                        place,
                        severity,
                    };
                    (event, track)
                }),
        );
    }
}

impl HighSeverity {
    fn of(&self, finding: &Detection, place: GroundPosition, picture: Size) -> AlertSeverity {
        if !finding.on_road {
            return AlertSeverity::Low;
        }
        let high = match place.distance_m {
            Some(distance_m) => distance_m <= self.distance_m,
            None => finding.area_px as f32 >= self.area_share * picture.area_px() as f32,
        };
        if high {
            AlertSeverity::High
        } else {
            AlertSeverity::Medium
        }
    }
}

/// The middle of the lower edge of its box, as shares of the picture.
fn foot(finding: &Detection, picture: Size) -> [f32; 2] {
    let [x, y, w, h] = finding.bbox.map(|v| v as f32);
    [
        (x + w / 2.0) / picture.w.max(1) as f32,
        (y + h) / picture.h.max(1) as f32,
    ]
}

#[cfg(test)]
mod tests;
