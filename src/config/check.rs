//! Checks the values of a configuration.

use super::RunConfig;

/// Most steps of the ladder.
const STEPS_LIMIT: usize = 16;

impl RunConfig {
    /// The first invalid value: its key and what is expected.
    pub(super) fn invalid_value(&self) -> Option<(String, String)> {
        let filter = &self.filter;
        let share = |v: f32| (0.0..=1.0).contains(&v);
        let finite = |v: Option<f32>| v.is_none_or(f32::is_finite);
        let (high, low) = (filter.threshold, filter.low_threshold);
        let checks = [
            (
                "source.frames",
                self.source.frames != Some(0),
                "a number from 1 on",
            ),
            (
                "source.rate_hz",
                self.source.rate_hz > 0.0 && self.source.rate_hz <= 1000.0,
                "a number above 0 and at most 1000",
            ),
            (
                "safe_mode.within_s",
                self.safe_mode.within_s > 0.0 && self.safe_mode.within_s <= 86_400.0,
                "a number above 0 and at most 86400 (a day)",
            ),
            (
                "safe_mode.calm_s",
                self.safe_mode.calm_s > 0.0 && self.safe_mode.calm_s <= 604_800.0,
                "a number above 0 and at most 604800 (a week)",
            ),
            ("model.threads", self.model.threads <= 1024, "at most 1024"),
            (
                "budget.ms",
                self.budget.ms > 0.0 && self.budget.ms <= 3.6e6,
                "a number above 0 and at most 3600000 (an hour)",
            ),
            ("filter.threshold", finite(high), "a finite number"),
            (
                "filter.low_threshold",
                finite(low) && high.zip(low).is_none_or(|(high, low)| low <= high),
                "a number of at most the threshold",
            ),
            (
                "filter.cooldown_s",
                (0.0..=86_400.0).contains(&filter.cooldown_s),
                "a number from 0 to 86400 (a day)",
            ),
            (
                "filter.high_severity_distance_m",
                filter.high_severity_distance_m >= 0.0,
                "a number from 0 on",
            ),
            (
                "filter.high_severity_area_share",
                share(filter.high_severity_area_share),
                "a share from 0 to 1",
            ),
            (
                "filter.rules.min_contrast",
                !filter.rules.min_contrast.is_nan(),
                "a number",
            ),
            (
                "filter.rules.min_thickness_px",
                filter.rules.min_thickness_px >= 0.0,
                "a number from 0 on",
            ),
            (
                "filter.rules.min_fill",
                share(filter.rules.min_fill),
                "a share from 0 to 1",
            ),
            (
                "filter.rules.min_road_share",
                share(filter.rules.min_road_share),
                "a share from 0 to 1",
            ),
            (
                "filter.rules.min_growth",
                filter.rules.min_growth >= 0.0,
                "a number from 0 on",
            ),
            (
                "filter.rules.max_rise",
                filter.rules.max_rise >= 0.0,
                "a number from 0 on",
            ),
            (
                "host.interval_s",
                (0.0..=3600.0).contains(&self.host.interval_s),
                "a number from 0 (never) to 3600",
            ),
            (
                "ladder.window_frames",
                self.ladder.window_frames > 0,
                "a number from 1 on",
            ),
            (
                "ladder.degrade_above",
                share(self.ladder.degrade_above),
                "a share from 0 to 1",
            ),
            (
                "ladder.recover_below",
                share(self.ladder.recover_below)
                    && self.ladder.recover_below <= self.ladder.degrade_above,
                "a share from 0 to 1, at most degrade_above",
            ),
            (
                "ladder.recover_windows",
                self.ladder.recover_windows > 0,
                "a number from 1 on",
            ),
            (
                "ladder.steps",
                self.ladder.steps.len() <= STEPS_LIMIT,
                "at most 16 steps",
            ),
            (
                "ladder.steps.every",
                self.ladder
                    .steps
                    .iter()
                    .all(|s| (1..=1000).contains(&s.every)),
                "a number from 1 to 1000",
            ),
        ];
        let first = checks.into_iter().find(|(_, valid, _)| !valid);
        let plain = first.map(|(key, _, want)| (key.to_string(), want.to_string()));
        plain
            .or_else(|| {
                let (key, want) = self.camera_geometry?.invalid_value()?;
                Some((format!("camera_geometry.{key}"), want.to_string()))
            })
            .or_else(|| {
                let (key, want) = self.capture.invalid_value()?;
                Some((format!("capture.{key}"), want.to_string()))
            })
            .or_else(|| {
                let (key, want) = self.realtime.invalid_value()?;
                Some((format!("realtime.{key}"), want.to_string()))
            })
            .or_else(|| {
                let (key, want) = self.sink.invalid_value()?;
                Some((format!("sink.{key}"), want.to_string()))
            })
            .or_else(|| {
                let error = self
                    .source
                    .uri
                    .as_ref()?
                    .parse::<crate::source::SourceUri>();
                Some(("source.uri".into(), format!("a source: {}", error.err()?)))
            })
    }
}
