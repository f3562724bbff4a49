//! Chooses the threshold for a given rate of false alarms, from normal driving.
//!
//! Many deciders process the same frames, one per threshold. Every alert of theirs is false, as nothing was
//! there. The answer is the lowest threshold at which, and above which, the rate is kept.

use super::{AlertDecider, AlertEvent, AlertSettings, DecideError, TrackSnapshot};
use unmask_frame::Size;
use unmask_score::ScoredFrame;

/// Thresholds tried: scores of both kinds of model end at 1.
const TRIAL_PERCENTS: std::ops::RangeInclusive<u32> = 5..=99;

/// Watches frames on which nothing is to be reported, at many thresholds at once.
#[derive(Debug)]
pub struct ScoreBank {
    deciders: Vec<(f32, AlertDecider, u64)>,
    events: Vec<(AlertEvent, TrackSnapshot)>,
    frames: u64,
}

/// A threshold and how many alerts it would have begun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThresholdTrial {
    /// The threshold.
    pub threshold: f32,
    /// Alarms begun.
    pub alarms: u64,
}

impl ScoreBank {
    /// A bank whose deciders differ in `threshold` only: `settings` gives those of each.
    ///
    /// # Errors
    /// As [`AlertDecider::new`].
    pub fn new(
        settings: impl Fn(f32) -> AlertSettings,
        road: &[usize],
    ) -> Result<Self, DecideError> {
        let deciders = TRIAL_PERCENTS.map(|percent| {
            let threshold = percent as f32 / 100.0;
            Ok((threshold, AlertDecider::new(settings(threshold), road)?, 0))
        });
        Ok(Self {
            deciders: deciders.collect::<Result<_, DecideError>>()?,
            events: Vec::new(),
            frames: 0,
        })
    }

    /// Takes a frame of size `picture`, captured at `unix_ns`.
    pub fn step(&mut self, scored: &ScoredFrame, picture: Size, unix_ns: i128) {
        self.frames += 1;
        for (_, decider, alarms) in &mut self.deciders {
            decider.step(scored, picture, unix_ns, &mut self.events);
            let begun = self.events.drain(..).filter(|e| e.0 == AlertEvent::Begin);
            *alarms += begun.count() as u64;
        }
    }

    /// Frames taken.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Every threshold with its alarms, the lowest first.
    pub fn trials(&self) -> Vec<ThresholdTrial> {
        let one = |(threshold, _, alarms): &(f32, AlertDecider, u64)| ThresholdTrial {
            threshold: *threshold,
            alarms: *alarms,
        };
        self.deciders.iter().map(one).collect()
    }
}

/// The lowest threshold at which and above which there are at most `allowed` alarms.
pub fn lowest(tried: &[ThresholdTrial], allowed: u64) -> Option<ThresholdTrial> {
    let kept = tried.iter().rev().take_while(|t| t.alarms <= allowed);
    kept.last().copied()
}

/// The rate, in events of the whole time, that is exceeded with 5 % confidence only after `events`
/// were seen (Poisson; 3.0 for none, the "rule of three").
pub fn upper_95(events: u64) -> f64 {
    // The chance of at most `events` at a rate falls with the rate: halve until it is 5 %.
    let chance = |rate: f64| {
        let mut term = (-rate).exp();
        let mut sum = term;
        for k in 1..=events {
            term *= rate / k as f64;
            sum += term;
        }
        sum
    };
    let (mut low, mut high) = (0.0, 10.0 + 3.0 * events as f64);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if chance(middle) > 0.05 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FilterRules, TrackConfirmation};
    use unmask_frame::{LabelMap, ScoreMap};

    fn settings(threshold: f32) -> AlertSettings {
        AlertSettings {
            low_threshold: threshold,
            min_area_px: 1,
            confirm: TrackConfirmation::IMMEDIATE,
            rules: FilterRules::NONE,
            ..AlertSettings::images(threshold)
        }
    }

    #[test]
    fn every_threshold_counts_its_own_alarms() {
        let mut bank = ScoreBank::new(settings, &[0]).unwrap();
        // Peaks of 0.305, 0.605 and 0.905, each in a frame of its own, at different places.
        for (i, peak) in [0.305, 0.605, 0.905].into_iter().enumerate() {
            let size = Size::new(24, 4);
            let mut score = ScoreMap::filled(size, 0.0);
            score.data_mut()[24 + 10 * i] = peak;
            let classes = LabelMap::filled(size, 0);
            let scored = ScoredFrame {
                score,
                classes,
                qualified: 0,
            };
            bank.step(&scored, Size::new(240, 40), i as i128);
        }
        let tried = bank.trials();
        assert_eq!((tried.len(), bank.frames()), (95, 3));
        let chosen = |allowed| lowest(&tried, allowed).unwrap().threshold;
        assert_eq!((chosen(3), chosen(2)), (0.05, 0.31));
        assert_eq!((chosen(1), chosen(0)), (0.61, 0.91));
    }

    #[test]
    fn no_threshold_where_the_highest_reports_too_much() {
        let tried = [(0.5, 1), (0.6, 0), (0.7, 4)]
            .map(|(threshold, alarms)| ThresholdTrial { threshold, alarms });
        assert_eq!(lowest(&tried, 3), None);
        // A lower one that happens to keep the number does not count.
        assert_eq!(lowest(&tried, 4).unwrap().threshold, 0.5);
        assert_eq!(lowest(&tried[..2], 0).unwrap().threshold, 0.6);
    }

    #[test]
    fn the_bound_is_that_of_the_tables() {
        for (events, bound) in [(0, 2.9957), (1, 4.7439), (5, 10.5130), (100, 118.08)] {
            assert!(
                (upper_95(events) - bound).abs() < 0.01,
                "{events}: {}",
                upper_95(events)
            );
        }
    }
}
