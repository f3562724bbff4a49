//! Values that cannot be.

use super::RunConfig;

/// Most steps of the ladder.
const STEPS_LIMIT: usize = 16;

impl RunConfig {
    /// The first value that cannot be: its key and what is wanted.
    pub(super) fn fault(&self) -> Option<(String, String)> {
        let decide = &self.decide;
        let share = |v: f32| (0.0..=1.0).contains(&v);
        let finite = |v: Option<f32>| v.is_none_or(f32::is_finite);
        let (high, low) = (decide.threshold, decide.low_threshold);
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
            ("decide.threshold", finite(high), "a finite number"),
            (
                "decide.low_threshold",
                finite(low) && high.zip(low).is_none_or(|(high, low)| low <= high),
                "a number of at most the threshold",
            ),
            (
                "decide.cool_down_s",
                (0.0..=86_400.0).contains(&decide.cool_down_s),
                "a number from 0 to 86400 (a day)",
            ),
            (
                "decide.severe_distance_m",
                decide.severe_distance_m >= 0.0,
                "a number from 0 on",
            ),
            (
                "decide.severe_area_share",
                share(decide.severe_area_share),
                "a share from 0 to 1",
            ),
            (
                "decide.rules.min_contrast",
                !decide.rules.min_contrast.is_nan(),
                "a number",
            ),
            (
                "decide.rules.min_thickness_px",
                decide.rules.min_thickness_px >= 0.0,
                "a number from 0 on",
            ),
            (
                "decide.rules.min_fill",
                share(decide.rules.min_fill),
                "a share from 0 to 1",
            ),
            (
                "decide.rules.min_road_share",
                share(decide.rules.min_road_share),
                "a share from 0 to 1",
            ),
            (
                "decide.rules.min_growth",
                decide.rules.min_growth >= 0.0,
                "a number from 0 on",
            ),
            (
                "decide.rules.max_rise",
                decide.rules.max_rise >= 0.0,
                "a number from 0 on",
            ),
            (
                "board.every_s",
                (0.0..=3600.0).contains(&self.board.every_s),
                "a number from 0 (never) to 3600",
            ),
            (
                "ladder.window",
                self.ladder.window > 0,
                "a number from 1 on",
            ),
            (
                "ladder.down_above",
                share(self.ladder.down_above),
                "a share from 0 to 1",
            ),
            (
                "ladder.up_below",
                share(self.ladder.up_below) && self.ladder.up_below <= self.ladder.down_above,
                "a share from 0 to 1, at most down_above",
            ),
            (
                "ladder.calm_windows",
                self.ladder.calm_windows > 0,
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
        let first = checks.into_iter().find(|(_, good, _)| !good);
        let plain = first.map(|(key, _, want)| (key.to_string(), want.to_string()));
        plain
            .or_else(|| {
                let (key, want) = self.camera?.fault()?;
                Some((format!("camera.{key}"), want.to_string()))
            })
            .or_else(|| {
                let (key, want) = self.capture.fault()?;
                Some((format!("capture.{key}"), want.to_string()))
            })
            .or_else(|| {
                let (key, want) = self.realtime.fault()?;
                Some((format!("realtime.{key}"), want.to_string()))
            })
            .or_else(|| {
                let (key, want) = self.sink.fault()?;
                Some((format!("sink.{key}"), want.to_string()))
            })
            .or_else(|| {
                let error = self
                    .source
                    .name
                    .as_ref()?
                    .parse::<crate::source::SourceUri>();
                Some(("source.name".into(), format!("a source: {}", error.err()?)))
            })
    }
}
