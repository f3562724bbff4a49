//! Compares alerts with the truth of the synthetic drive: objects found and missed, false alerts.

use super::{Alert, AlertEvent};
use std::collections::BTreeMap;
use unmask_drive::GroundTruth;

/// An alert is true where at least this share of its area is something that does not belong.
const TRUE_SHARE: f64 = 0.1;
/// An object is found where at least this share of its visible pixels lies in the box of a true
/// alert, and no other object has more pixels there.
const FOUND_SHARE: f64 = 0.25;

/// An object that did not belong, over the run.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledObject {
    /// What it is.
    pub kind: &'static str,
    /// First and last frame in which it was seen at all.
    pub frames: (u64, u64),
    /// Largest visible area, px.
    pub area_px: u32,
    /// Frame of the first alert that covers it, with its distance then, m.
    pub found: Option<(u64, f32)>,
}

/// Follows a run whose truth is known.
#[derive(Clone, Debug, Default)]
pub struct AlertEvaluator {
    min_area_px: u32,
    frames: u64,
    objects: BTreeMap<u32, LabelledObject>,
    /// Alerts by id: whether anything was there in any of their frames.
    alerts: BTreeMap<String, bool>,
}

/// Result of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertEvaluation {
    /// Objects that had to be found: larger than the minimum area in some frame.
    pub objects: Vec<LabelledObject>,
    /// How many of them were.
    pub found: usize,
    /// Alerts about nothing.
    pub false_alerts: usize,
    /// False alerts a minute of the source's time.
    pub false_per_minute: f64,
}

impl AlertEvaluation {
    /// Objects that had to be found and were not.
    pub fn missed(&self) -> usize {
        self.objects.len() - self.found
    }
}

impl AlertEvaluator {
    /// Judges objects whose visible area exceeds `least_px` in some frame.
    pub fn new(min_area_px: u32) -> Self {
        Self {
            min_area_px,
            ..Self::default()
        }
    }

    /// Takes a frame with its truth and what was reported about it.
    pub fn add(&mut self, frame: u64, truth: &GroundTruth, alerts: &[Alert]) {
        self.frames += 1;
        let odd: Vec<_> = truth.objects.iter().filter(|o| o.anomaly).collect();
        for object in &odd {
            let labelled = self.objects.entry(object.id).or_insert(LabelledObject {
                kind: object.kind,
                frames: (frame, frame),
                area_px: 0,
                found: None,
            });
            labelled.frames.1 = frame;
            labelled.area_px = labelled.area_px.max(object.area_px);
        }
        let shown = |a: &&Alert| matches!(a.event, AlertEvent::Begin | AlertEvent::Update);
        for alert in alerts.iter().filter(shown) {
            let inside = odd
                .iter()
                .map(|object| (pixels_inside(truth, object.id, alert.bbox), *object));
            let inside: Vec<_> = inside.filter(|(pixels, _)| *pixels > 0).collect();
            let covered: u32 = inside.iter().map(|(pixels, _)| pixels).sum();
            let real = covered > 0 && f64::from(covered) >= TRUE_SHARE * f64::from(alert.area_px);
            // An alert is about one object: a small one far behind is not found by the way.
            if let Some((pixels, object)) = inside.iter().max_by_key(|(pixels, _)| *pixels)
                && real
                && f64::from(*pixels) >= FOUND_SHARE * f64::from(object.area_px)
                && let Some(labelled) = self.objects.get_mut(&object.id)
            {
                labelled.found.get_or_insert((frame, object.distance_m));
            }
            *self.alerts.entry(alert.id.to_string()).or_insert(false) |= real;
        }
    }

    /// Whether the alert `id` was about something.
    pub fn is_true_positive(&self, id: &str) -> Option<bool> {
        self.alerts.get(id).copied()
    }

    /// The result on everything so far, for a source of `rate_hz` frames per second.
    pub fn evaluation(&self, rate_hz: f64) -> AlertEvaluation {
        let labelled_objects: Vec<LabelledObject> = self
            .objects
            .values()
            .filter(|t| t.area_px > self.min_area_px)
            .cloned()
            .collect();
        let false_alerts = self.alerts.values().filter(|real| !**real).count();
        let minutes = self.frames as f64 / rate_hz / 60.0;
        AlertEvaluation {
            found: labelled_objects
                .iter()
                .filter(|t| t.found.is_some())
                .count(),
            objects: labelled_objects,
            false_alerts,
            false_per_minute: if minutes > 0.0 {
                false_alerts as f64 / minutes
            } else {
                0.0
            },
        }
    }
}

/// Pixels of object `id` inside a box.
fn pixels_inside(truth: &GroundTruth, id: u32, [x, y, w, h]: [u32; 4]) -> u32 {
    let size = truth.instances.size();
    let (left, top) = ((x as usize).min(size.w), (y as usize).min(size.h));
    let right = (x as usize + w as usize).min(size.w);
    let bottom = (y as usize + h as usize).min(size.h);
    // The map holds the low 16 bits of an id.
    let id = id as u16;
    (top..bottom)
        .map(|y| {
            let row = &truth.instances.row(y)[left..right];
            row.iter().filter(|&&pixel| pixel == id).count() as u32
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EngineId, SCHEMA};
    use unmask_drive::SceneObject;
    use unmask_frame::{PixelMap, Size};

    /// An anomaly of `side` x `side` at (10, 10) and a car next to it, in a 100x100 picture.
    fn truth(side: usize) -> GroundTruth {
        let mut instances = PixelMap::filled(Size::new(100, 100), 0u16);
        for y in 10..10 + side {
            instances.data_mut()[y * 100 + 10..y * 100 + 10 + side].fill(7);
            instances.data_mut()[y * 100 + 70..y * 100 + 90].fill(8);
        }
        let object = |id: u32, kind, anomaly, at: u32, w: usize| SceneObject {
            id,
            kind,
            anomaly,
            class: None,
            bbox: [at, 10, w as u32, side as u32],
            area_px: (w * side) as u32,
            distance_m: 12.0,
        };
        // Only the low 16 bits of an id are in the map.
        let objects = vec![
            object(7 + (1 << 16), "dog", true, 10, side),
            object(8, "car", false, 70, 20),
        ];
        GroundTruth { instances, objects }
    }

    fn alert(id: &str, bbox: [u32; 4]) -> Alert {
        Alert {
            schema: SCHEMA.into(),
            id: id.into(),
            event: AlertEvent::Begin,
            frame: 0,
            captured_at: String::new(),
            clock_error_ms: None,
            age_ms: 0.0,
            age: crate::AgeKnowledge::Known,
            budget_ms: 0.0,
            on_time: true,
            bbox,
            area_px: bbox[2] * bbox[3],
            score_max: 1.0,
            score_mean: 1.0,
            on_road: true,
            severity: crate::AlertSeverity::Medium,
            distance_m: None,
            bearing_deg: None,
            engine: EngineId {
                name: "cpu".into(),
                precision: "fp32".into(),
                hash: "".into(),
            },
            source: "test".into(),
            detail: None,
        }
    }

    #[test]
    fn found_missed_and_false_are_counted_once_a_thing() {
        let mut evaluator = AlertEvaluator::new(400);
        evaluator.add(0, &truth(10), &[]);
        evaluator.add(
            1,
            &truth(25),
            &[alert("a", [5, 5, 30, 30]), alert("b", [70, 10, 20, 20])],
        );
        evaluator.add(
            2,
            &truth(25),
            &[alert("a", [5, 5, 30, 30]), alert("b", [70, 10, 20, 20])],
        );
        let verdict = evaluator.evaluation(10.0);
        assert_eq!(
            (verdict.found, verdict.missed(), verdict.false_alerts),
            (1, 0, 1)
        );
        assert_eq!(verdict.objects[0].found, Some((1, 12.0)));
        assert_eq!(
            (verdict.objects[0].kind, verdict.objects[0].frames),
            ("dog", (0, 2))
        );
        // One false alert in 0.3 seconds.
        assert!((verdict.false_per_minute - 200.0).abs() < 1e-9);
        assert_eq!(
            (
                evaluator.is_true_positive("a"),
                evaluator.is_true_positive("b")
            ),
            (Some(true), Some(false))
        );
        assert_eq!(evaluator.is_true_positive("c"), None);
    }

    #[test]
    fn an_alert_that_grazes_an_object_neither_finds_it_nor_is_true() {
        let mut evaluator = AlertEvaluator::new(100);
        // One of 625 pixels of the object, one of 900 of the alert.
        evaluator.add(0, &truth(25), &[alert("a", [34, 34, 30, 30])]);
        let verdict = evaluator.evaluation(10.0);
        assert_eq!((verdict.found, verdict.false_alerts), (0, 1));
    }

    #[test]
    fn an_alert_finds_one_object_only() {
        let mut truth = truth(25);
        // The car becomes a second anomaly, with fewer pixels: 20 x 25 against 25 x 25.
        truth.objects[1].anomaly = true;
        let mut evaluator = AlertEvaluator::new(100);
        evaluator.add(0, &truth, &[alert("a", [0, 0, 100, 40])]);
        assert_eq!(evaluator.evaluation(10.0).found, 1);
        evaluator.add(1, &truth, &[alert("a", [65, 5, 30, 35])]);
        assert_eq!(evaluator.evaluation(10.0).found, 2);
    }

    #[test]
    fn small_objects_need_not_be_found_but_alerts_about_them_are_true() {
        let mut evaluator = AlertEvaluator::new(400);
        evaluator.add(0, &truth(20), &[alert("a", [10, 10, 20, 20])]);
        let verdict = evaluator.evaluation(10.0);
        assert_eq!((verdict.objects.len(), verdict.false_alerts), (0, 0));
        assert_eq!(
            AlertEvaluator::new(400).evaluation(10.0).false_per_minute,
            0.0
        );
    }

    #[test]
    fn boxes_beyond_the_picture_are_cut() {
        assert_eq!(
            pixels_inside(&truth(25), 7, [0, 0, u32::MAX, u32::MAX]),
            625
        );
        assert_eq!(pixels_inside(&truth(25), 7, [500, 500, 3, 3]), 0);
    }
}
