//! What is told: the tables `[decide]` and `[decide.rules]`.

use serde::Deserialize;
use std::time::Duration;
use unmask_alert::{
    AlertSettings as Decide, CameraGeometry, FilterRules, HighSeverity, ImageZone,
    TrackConfirmation,
};

/// What is told.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilterConfig {
    /// Score above which a cell counts as anomalous; the model's own, where absent.
    pub threshold: Option<f32>,
    /// Score above which neighbouring cells belong to it; the threshold less a quarter, where absent.
    pub low_threshold: Option<f32>,
    /// Smallest component, px of the picture.
    pub min_area_px: u32,
    /// Whether only things on or near the road count.
    pub only_near_road: bool,
    /// Polygon in which things count, corners as shares of the picture; everywhere, where absent.
    pub region: Option<ImageZone>,
    /// `K/N`: seen in K of the last N frames of a film.
    pub confirm: TrackConfirmation,
    /// For how long a thing that ended does not begin anew in its place, s.
    pub cool_down_s: f64,
    /// On the road and up to this distance a thing is of high severity, m.
    pub severe_distance_m: f32,
    /// Where the distance is not known: from this share of the picture on.
    pub severe_area_share: f32,
    /// What a finding of a film must show to begin an alert.
    pub rules: FilterRules,
}

impl Default for FilterConfig {
    fn default() -> Self {
        let film = Decide::film(1.0);
        Self {
            threshold: None,
            low_threshold: None,
            min_area_px: film.min_area_px,
            only_near_road: film.only_near_road,
            region: None,
            confirm: film.confirm,
            cool_down_s: film.cool_down.as_secs_f64(),
            severe_distance_m: film.severe.distance_m,
            severe_area_share: film.severe.area_share,
            rules: film.rules,
        }
    }
}

impl FilterConfig {
    /// The decision's settings for a source of a `film` or of unrelated stills; `threshold` is
    /// that of the model, or the user's.
    pub fn settings(&self, threshold: f32, film: bool, ground: Option<CameraGeometry>) -> Decide {
        let usual = if film {
            Decide {
                confirm: self.confirm,
                rules: self.rules,
                cool_down: Duration::try_from_secs_f64(self.cool_down_s).unwrap_or_default(),
                ..Decide::film(threshold)
            }
        } else {
            Decide::stills(threshold)
        };
        Decide {
            low_threshold: self.low_threshold.unwrap_or(usual.low_threshold),
            min_area_px: self.min_area_px,
            only_near_road: self.only_near_road,
            region: self.region.clone(),
            ground,
            severe: HighSeverity {
                distance_m: self.severe_distance_m,
                area_share: self.severe_area_share,
            },
            ..usual
        }
    }
}
