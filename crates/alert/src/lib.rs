//! Detections, tracks and alerts.
//!
//! `find` turns an anomaly map into detections (components above two thresholds), `track` associates
//! detections over frames, `decide` applies the alert rules, `ground` computes ground positions, and [`Alert`] is the fixed form in which events leave: one JSON object per line, schema
//! `unmask.alert/1` (`docs/schema/unmask.alert-1.json`). `evaluate` compares alerts with the truth,
//! where a source knows it.
#![forbid(unsafe_code)]

mod decide;
mod evaluate;
mod find;
mod ground;
mod processed;
pub mod thresholds;
mod track;
mod zone;

pub use decide::{AlertDecider, AlertSettings, DecideError, FilterRules, HighSeverity};
pub use evaluate::{AlertEvaluation, AlertEvaluator};
pub use find::Detection;
pub use ground::{CameraGeometry, GroundPosition};
pub use processed::ProcessedFrame;
pub use track::TrackConfirmation;
pub use zone::ImageZone;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use unmask_frame::{FrameMetadata, MonotonicTime};

/// Name and version of the form of alerts.
pub const SCHEMA: &str = "unmask.alert/1";

/// What happened to the object an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertEvent {
    /// It was confirmed for the first time.
    Begin,
    /// It is still there.
    Update,
    /// It is gone, or the run ended. Box and scores are those last seen.
    End,
    /// The camera does not see; `detail` says why. The box is empty.
    Blind,
    /// The watch itself is not what it should be, or is again; `detail` says how. The box is empty.
    Degraded,
}

/// How much an object matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// Away from the road.
    Low,
    /// On or near the road.
    Medium,
    /// On or near the road, and close or large.
    High,
}

/// An object that is reported.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackSnapshot {
    /// Its id.
    pub id: Arc<str>,
    /// How it was last seen.
    pub last: Detection,
    /// Where it stands, where the camera's place is known.
    pub position: GroundPosition,
    /// How much it matters.
    pub severity: AlertSeverity,
}

/// What computed the scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineId {
    /// Where it ran: `cpu`.
    #[serde(with = "shared")]
    pub name: Arc<str>,
    /// Numeric precision: `fp32`.
    #[serde(with = "shared")]
    pub precision: Arc<str>,
    /// SHA-256 of the model file, hexadecimal.
    #[serde(with = "shared")]
    pub hash: Arc<str>,
}

/// Whether something is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgeKnowledge {
    /// It is.
    Known,
    /// It cannot be.
    Unknown,
}

/// One event, with every key of the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Always [`SCHEMA`].
    #[serde(with = "shared")]
    pub schema: Arc<str>,
    /// The same for all events of one object; unique on a board over all its runs.
    #[serde(with = "shared")]
    pub id: Arc<str>,
    /// What happened.
    pub event: AlertEvent,
    /// Number of the frame in its source.
    pub frame: u64,
    /// When the frame was captured, RFC 3339, UTC, microseconds.
    pub captured_at: String,
    /// How far that may be off by the system's own estimate, ms; null where nothing keeps the
    /// machine's clock right (no NTP yet): then only differences between times mean something.
    #[serde(default)]
    pub clock_error_ms: Option<f64>,
    /// From capture to the writing of this alert, ms; from arrival, where `age` is unknown.
    pub age_ms: f64,
    /// Whether the time of capture is known. It always is, except of a camera whose stamps say
    /// nothing.
    pub age: AgeKnowledge,
    /// How old it may be, ms.
    pub budget_ms: f64,
    /// Whether `age_ms` is within `budget_ms`; never claimed where the age is unknown.
    pub on_time: bool,
    /// Left, top, width, height in the picture, px.
    #[serde(rename = "box")]
    pub bbox: [u32; 4],
    /// Area in the picture, px.
    pub area_px: u32,
    /// Highest score in it. Higher = more anomalous.
    pub score_max: f32,
    /// Mean score in it.
    pub score_mean: f32,
    /// Whether it stands on or near the road.
    pub on_road: bool,
    /// How much it matters.
    pub severity: AlertSeverity,
    /// From below the camera along the ground, m; null where the camera's place is not known.
    pub distance_m: Option<f32>,
    /// Right of the camera's axis, degrees; null where the camera's place is not known.
    pub bearing_deg: Option<f32>,
    /// What computed the scores.
    pub engine: EngineId,
    /// The source, as the user wrote it.
    #[serde(with = "shared")]
    pub source: Arc<str>,
    /// Description, for events about the watch itself; else null.
    pub detail: Option<String>,
}

/// Shared text in JSON: plain strings.
mod shared {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::sync::Arc;

    pub fn serialize<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(from).map(Arc::from)
    }
}

/// The parts of an alert that stay the same through a run.
#[derive(Clone, Debug)]
pub struct AlertBuilder {
    schema: Arc<str>,
    engine: EngineId,
    clock_error_ms: Option<f64>,
}

impl AlertBuilder {
    /// An author who writes for `engine`.
    pub fn new(engine: EngineId) -> Self {
        Self {
            schema: SCHEMA.into(),
            engine,
            clock_error_ms: None,
        }
    }

    /// From here on the wall clock may be off by so much; by an unknown amount, where `None`.
    pub fn set_clock_error(&mut self, error: Option<Duration>) {
        let ns = error.map(|error| u64::try_from(error.as_nanos()).unwrap_or(u64::MAX));
        self.clock_error_ms = ns.map(milliseconds);
    }

    /// The alert for `track`, seen in the frame of `token`, written at `now`.
    pub fn track_alert(
        &self,
        event: AlertEvent,
        track: &TrackSnapshot,
        metadata: &FrameMetadata,
        now: MonotonicTime,
    ) -> Alert {
        let last = &track.last;
        Alert {
            bbox: last.bbox,
            area_px: last.area_px,
            score_max: last.score_max,
            score_mean: last.score_mean,
            on_road: last.on_road,
            severity: track.severity,
            distance_m: track.position.distance_m,
            bearing_deg: track.position.bearing_deg,
            ..self.base_alert(event, track.id.clone(), metadata, now)
        }
    }

    /// An alert about the watch itself ([`AlertEvent::Blind`], [`AlertEvent::Degraded`]), known since the
    /// frame of `token`; `id` joins those that belong together.
    pub fn status_alert(
        &self,
        event: AlertEvent,
        id: &Arc<str>,
        detail: String,
        severity: AlertSeverity,
        metadata: &FrameMetadata,
        now: MonotonicTime,
    ) -> Alert {
        Alert {
            severity,
            detail: Some(detail),
            ..self.base_alert(event, id.clone(), metadata, now)
        }
    }

    fn base_alert(
        &self,
        event: AlertEvent,
        id: Arc<str>,
        metadata: &FrameMetadata,
        now: MonotonicTime,
    ) -> Alert {
        let age = now.since(metadata.captured);
        Alert {
            schema: self.schema.clone(),
            id,
            event,
            frame: metadata.frame,
            captured_at: rfc3339(metadata.captured_unix_ns),
            clock_error_ms: self.clock_error_ms,
            age_ms: milliseconds(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)),
            budget_ms: milliseconds(metadata.budget_ns),
            age: if metadata.age_known {
                AgeKnowledge::Known
            } else {
                AgeKnowledge::Unknown
            },
            on_time: metadata.age_known && now <= metadata.deadline(),
            bbox: [0; 4],
            area_px: 0,
            score_max: 0.0,
            score_mean: 0.0,
            on_road: false,
            severity: AlertSeverity::Low,
            distance_m: None,
            bearing_deg: None,
            engine: self.engine.clone(),
            source: metadata.source.clone(),
            detail: None,
        }
    }
}

/// Milliseconds to the microsecond: more digits would only be noise in the log.
fn milliseconds(ns: u64) -> f64 {
    (ns / 1000) as f64 / 1000.0
}

/// `ns` since the Unix epoch as RFC 3339 in UTC, always with six decimals.
fn rfc3339(ns: i128) -> String {
    let held = ns.clamp(
        Timestamp::MIN.as_nanosecond(),
        Timestamp::MAX.as_nanosecond(),
    );
    let moment = Timestamp::from_nanosecond(held).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{moment:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> AlertBuilder {
        AlertBuilder::new(EngineId {
            name: "cpu".into(),
            precision: "fp32".into(),
            hash: "ab".repeat(32).into(),
        })
    }

    fn metadata() -> FrameMetadata {
        FrameMetadata {
            frame: 7,
            captured: MonotonicTime(1_000_000),
            age_known: true,
            captured_unix_ns: 1_700_000_000_123_456_789,
            budget_ns: 50_000_000,
            source: "synthetic:7".into(),
            name: None,
        }
    }

    fn alert(now: MonotonicTime) -> Alert {
        let track = TrackSnapshot {
            id: "19a0-1".into(),
            last: Detection {
                bbox: [1, 2, 30, 40],
                area_px: 900,
                score_max: 0.75,
                score_mean: 0.5,
                contrast: 0.4,
                thickness_px: 22.5,
                fill: 1.0,
                road_share: 0.75,
                at_edge: false,
                on_road: true,
            },
            position: GroundPosition {
                distance_m: Some(12.5),
                bearing_deg: None,
            },
            severity: AlertSeverity::Medium,
        };
        builder().track_alert(AlertEvent::Begin, &track, &metadata(), now)
    }

    #[test]
    fn an_alert_has_exactly_the_keys_of_the_schema() {
        let line = serde_json::to_string(&alert(MonotonicTime(31_500_500))).unwrap();
        let want = concat!(
            r#"{"schema":"unmask.alert/1","id":"19a0-1","event":"begin","frame":7,"#,
            r#""captured_at":"2023-11-14T22:13:20.123456Z","clock_error_ms":null,"#,
            r#""age_ms":30.5,"age":"known","#,
            r#""budget_ms":50.0,"#,
            r#""on_time":true,"box":[1,2,30,40],"area_px":900,"score_max":0.75,"#,
            r#""score_mean":0.5,"on_road":true,"severity":"medium","distance_m":12.5,"#,
            r#""bearing_deg":null,"engine":{"name":"cpu","precision":"fp32","hash":"HASH"},"#,
            r#""source":"synthetic:7","detail":null}"#
        );
        assert_eq!(line, want.replace("HASH", &"ab".repeat(32)));
    }

    #[test]
    fn the_schema_file_names_the_same_keys_and_events() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../..",
            "/docs/schema/unmask.alert-1.json"
        );
        let text = std::fs::read_to_string(path).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let alert = serde_json::to_value(alert(MonotonicTime(2_000_000))).unwrap();
        let keys = |v: &serde_json::Value| -> Vec<String> {
            let mut keys: Vec<String> = v.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&schema["properties"]), keys(&alert));
        let mut required: Vec<&str> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap())
            .collect();
        required.sort_unstable();
        assert_eq!(required, keys(&alert));
        let events = schema["properties"]["event"]["enum"].as_array().unwrap();
        for event in [
            AlertEvent::Begin,
            AlertEvent::Update,
            AlertEvent::End,
            AlertEvent::Blind,
            AlertEvent::Degraded,
        ] {
            assert!(events.contains(&serde_json::to_value(event).unwrap()));
        }
        let severities = &schema["properties"]["severity"]["enum"];
        let all = [
            AlertSeverity::Low,
            AlertSeverity::Medium,
            AlertSeverity::High,
        ];
        assert_eq!(*severities, serde_json::to_value(all).unwrap());
        assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
    }

    #[test]
    fn an_alert_about_the_watch_has_words_and_an_empty_box() {
        let reported = builder().status_alert(
            AlertEvent::Degraded,
            &"w-1".into(),
            "step 1 of 2: half size".into(),
            AlertSeverity::Medium,
            &metadata(),
            MonotonicTime(2_000_000),
        );
        assert_eq!(
            (reported.event, reported.bbox, &*reported.id),
            (AlertEvent::Degraded, [0; 4], "w-1")
        );
        assert_eq!(reported.detail.as_deref(), Some("step 1 of 2: half size"));
        let line = serde_json::to_string(&reported).unwrap();
        assert_eq!(serde_json::from_str::<Alert>(&line).unwrap(), reported);
        assert!(line.contains(r#""event":"degraded""#), "{line}");
    }

    #[test]
    fn an_alert_says_how_far_its_clock_is_known() {
        let mut builder = builder();
        builder.set_clock_error(Some(Duration::from_micros(1500)));
        let reported = builder.status_alert(
            AlertEvent::Degraded,
            &"w-1".into(),
            String::new(),
            AlertSeverity::Low,
            &metadata(),
            MonotonicTime(0),
        );
        assert_eq!(reported.clock_error_ms, Some(1.5));
        // Alerts of earlier versions, in an outbox, do not say it.
        let line = serde_json::to_string(&reported).unwrap();
        let old = line.replace(r#""clock_error_ms":1.5,"#, "");
        assert_ne!(old, line);
        assert_eq!(
            serde_json::from_str::<Alert>(&old).unwrap().clock_error_ms,
            None
        );
    }

    #[test]
    fn an_alert_at_its_deadline_is_on_time_and_later_is_late() {
        let at = alert(MonotonicTime(51_000_000));
        assert!(at.on_time && at.age_ms == 50.0);
        let late = alert(MonotonicTime(51_000_001));
        assert!(!late.on_time);
        assert_eq!(alert(MonotonicTime(0)).age_ms, 0.0);
    }

    #[test]
    fn times_out_of_range_do_not_panic() {
        assert!(rfc3339(i128::MAX).starts_with("9999"));
        assert!(!rfc3339(i128::MIN).is_empty());
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
    }
}
