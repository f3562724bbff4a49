//! Which detections become alerts: the tables `[filter]` and `[filter.rules]`.

use serde::Deserialize;
use std::time::Duration;
use unmask_alert::{
    AlertSettings as Decide, CameraGeometry, FilterRules, HighSeverity, ImageZone,
    TrackConfirmation,
};

/// What is reported.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilterConfig {
    /// Score above which a cell counts as anomalous; the model's own, where absent.
    pub threshold: Option<f32>,
    /// Score above which neighbouring cells belong to it; the threshold less a quarter, where absent.
    pub low_threshold: Option<f32>,
    /// Smallest component, px of the picture.
    pub min_area_px: u32,
    /// Whether only objects on or near the road count.
    pub only_near_road: bool,
    /// Polygon in which objects count, corners as shares of the picture; everywhere, where absent.
    #[serde(alias = "region")]
    pub zone: Option<ImageZone>,
    /// `K/N`: seen in K of the last N frames of a video.
    pub confirm: TrackConfirmation,
    /// For how long an object that ended does not start again in its place, s.
    #[serde(alias = "cool_down_s")]
    pub cooldown_s: f64,
    /// On the road and up to this distance an object is of high severity, m.
    #[serde(alias = "severe_distance_m")]
    pub high_severity_distance_m: f32,
    /// Where the distance is not known: from this share of the picture on.
    #[serde(alias = "severe_area_share")]
    pub high_severity_area_share: f32,
    /// What a detection of a video must show to begin an alert.
    pub rules: FilterRules,
}

impl Default for FilterConfig {
    fn default() -> Self {
        let film = Decide::video(1.0);
        Self {
            threshold: None,
            low_threshold: None,
            min_area_px: film.min_area_px,
            only_near_road: film.only_near_road,
            zone: None,
            confirm: film.confirm,
            cooldown_s: film.cooldown.as_secs_f64(),
            high_severity_distance_m: film.high_severity.distance_m,
            high_severity_area_share: film.high_severity.area_share,
            rules: film.rules,
        }
    }
}

impl FilterConfig {
    /// The decision's settings for a source of a `video` or of unrelated images; `threshold` is
    /// that of the model, or the user's.
    pub fn settings(&self, threshold: f32, film: bool, ground: Option<CameraGeometry>) -> Decide {
        let usual = if film {
            Decide {
                confirm: self.confirm,
                rules: self.rules,
                cooldown: Duration::try_from_secs_f64(self.cooldown_s).unwrap_or_default(),
                ..Decide::video(threshold)
            }
        } else {
            Decide::images(threshold)
        };
        Decide {
            low_threshold: self.low_threshold.unwrap_or(usual.low_threshold),
            min_area_px: self.min_area_px,
            only_near_road: self.only_near_road,
            zone: self.zone.clone(),
            camera_geometry: ground,
            high_severity: HighSeverity {
                distance_m: self.high_severity_distance_m,
                area_share: self.high_severity_area_share,
            },
            ..usual
        }
    }
}
