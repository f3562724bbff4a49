//! The decision: which findings are told.

use super::find::find;
use super::track::{Confirm, Track, Tracker};
use super::{Event, Finding};
use crate::frame::Size;
use crate::score::Scored;

/// What counts as a thing to tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Score above which a cell counts as anomalous.
    pub threshold: f32,
    /// Smallest component, px of the picture.
    pub min_area_px: u32,
    /// Whether only things on or near the road count.
    pub only_near_road: bool,
    /// How often a thing must be seen.
    pub confirm: Confirm,
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
}

/// Decides frame after frame.
#[derive(Debug)]
pub struct Decider {
    settings: Settings,
    road: Vec<usize>,
    tracker: Tracker,
}

impl Decider {
    /// A decider; `road` are the classes one drives on.
    ///
    /// # Errors
    /// A threshold that is not finite.
    pub fn new(settings: Settings, road: Vec<usize>) -> Result<Self, DecideError> {
        if !settings.threshold.is_finite() {
            return Err(DecideError::Threshold {
                threshold: settings.threshold,
            });
        }
        Ok(Self {
            settings,
            road,
            tracker: Tracker::new(settings.confirm),
        })
    }

    /// Takes a frame of size `picture`, captured at `captured_unix_ns`; returns what happened.
    pub fn step(
        &mut self,
        scored: &Scored,
        picture: Size,
        captured_unix_ns: i128,
    ) -> Vec<(Event, Track)> {
        let Settings {
            threshold,
            min_area_px,
            only_near_road,
            ..
        } = self.settings;
        let mut findings: Vec<Finding> = find(scored, &self.road, picture, threshold, min_area_px);
        findings.retain(|f| f.on_road || !only_near_road);
        self.tracker.step(captured_unix_ns, &findings)
    }

    /// Ends everything that is followed.
    pub fn finish(&mut self) -> Vec<(Event, Track)> {
        self.tracker.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{LabelMap, ScoreMap};

    /// Road in the lower half; one anomalous cell at `(x, y)` of an 8x8 grid.
    fn frame(x: usize, y: usize) -> Scored {
        let size = Size::new(8, 8);
        let mut score = ScoreMap::filled(size, 0.1);
        score.data_mut()[y * 8 + x] = 0.9;
        let mut classes = LabelMap::filled(size, 1);
        classes.data_mut()[32..].fill(0);
        Scored {
            score,
            classes,
            qualified: 0,
        }
    }

    fn settings(only_near_road: bool) -> Settings {
        Settings {
            threshold: 0.5,
            min_area_px: 1,
            only_near_road,
            confirm: Confirm::AT_ONCE,
        }
    }

    #[test]
    fn things_off_the_road_are_told_only_where_asked_for() {
        let picture = Size::new(80, 80);
        let mut near = Decider::new(settings(true), vec![0]).unwrap();
        assert!(near.step(&frame(3, 0), picture, 0).is_empty());
        assert_eq!(near.step(&frame(3, 5), picture, 0)[0].0, Event::Begin);
        let mut all = Decider::new(settings(false), vec![0]).unwrap();
        let told = all.step(&frame(3, 0), picture, 0);
        assert_eq!(told[0].0, Event::Begin);
        assert!(!told[0].1.last.on_road);
        assert_eq!(all.finish()[0].0, Event::End);
        assert!(all.finish().is_empty());
    }

    #[test]
    fn a_threshold_that_is_no_number_is_refused() {
        let bad = Settings {
            threshold: f32::NAN,
            ..settings(true)
        };
        let error = Decider::new(bad, vec![0]).unwrap_err().to_string();
        assert!(error.contains("NaN"), "{error}");
    }
}
