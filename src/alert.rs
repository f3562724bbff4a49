//! What the user is told.
//!
//! `find` turns an anomaly map into findings (components above the threshold), `track` follows
//! findings from frame to frame, and [`Alert`] is the fixed form in which events leave: one JSON
//! object a line, schema `unmask.alert/1` (`docs/schema/unmask.alert-1.json`). `judge` compares
//! alerts with the truth, where a source knows it.

mod decide;
mod find;
mod judge;
mod track;

pub use decide::{DecideError, Decider, Settings};
pub use find::Finding;
pub use judge::{Judge, Verdict};
pub use track::{Confirm, Track};

use crate::frame::{Moment, Token};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Name and version of the form of alerts.
pub const SCHEMA: &str = "unmask.alert/1";

/// What happened to the thing an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It was confirmed for the first time.
    Begin,
    /// It is still there.
    Update,
    /// It is gone, or the run ended. Box and scores are those last seen.
    End,
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

/// One event, with every key of the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Always [`SCHEMA`].
    #[serde(with = "shared")]
    pub schema: Arc<str>,
    /// The same for all events of one thing; unique on a board over all its runs.
    #[serde(with = "shared")]
    pub id: Arc<str>,
    /// What happened.
    pub event: Event,
    /// Number of the frame in its source.
    pub frame: u64,
    /// When the frame was captured, RFC 3339, UTC, microseconds.
    pub captured_at: String,
    /// From capture to the writing of this alert, ms.
    pub age_ms: f64,
    /// How old it may be, ms.
    pub budget_ms: f64,
    /// Whether `age_ms` is within `budget_ms`.
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
    /// From the camera, m; null where the camera's place is not known.
    pub distance_m: Option<f32>,
    /// Right of the camera's axis, degrees; null where the camera's place is not known.
    pub bearing_deg: Option<f32>,
    /// What computed the scores.
    pub engine: EngineId,
    /// The source, as the user wrote it.
    #[serde(with = "shared")]
    pub source: Arc<str>,
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
pub struct Author {
    schema: Arc<str>,
    engine: EngineId,
}

impl Author {
    /// An author who writes for `engine`.
    pub fn new(engine: EngineId) -> Self {
        Self {
            schema: SCHEMA.into(),
            engine,
        }
    }

    /// The alert for `track`, seen in the frame of `token`, written at `now`.
    pub fn write(&self, event: Event, track: &Track, token: &Token, now: Moment) -> Alert {
        let age = now.since(token.captured);
        Alert {
            schema: self.schema.clone(),
            id: track.id.clone(),
            event,
            frame: token.frame,
            captured_at: rfc3339(token.captured_unix_ns),
            age_ms: milliseconds(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)),
            budget_ms: milliseconds(token.budget_ns),
            on_time: now <= token.deadline(),
            bbox: track.last.bbox,
            area_px: track.last.area_px,
            score_max: track.last.score_max,
            score_mean: track.last.score_mean,
            on_road: track.last.on_road,
            distance_m: None,
            bearing_deg: None,
            engine: self.engine.clone(),
            source: token.source.clone(),
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

    fn alert(now: Moment) -> Alert {
        let author = Author::new(EngineId {
            name: "cpu".into(),
            precision: "fp32".into(),
            hash: "ab".repeat(32).into(),
        });
        let track = Track {
            id: "19a0-1".into(),
            last: Finding {
                bbox: [1, 2, 30, 40],
                area_px: 900,
                score_max: 0.75,
                score_mean: 0.5,
                on_road: true,
            },
        };
        let token = Token {
            frame: 7,
            captured: Moment(1_000_000),
            captured_unix_ns: 1_700_000_000_123_456_789,
            budget_ns: 50_000_000,
            source: "synthetic:7".into(),
            name: None,
        };
        author.write(Event::Begin, &track, &token, now)
    }

    #[test]
    fn an_alert_has_exactly_the_keys_of_the_schema() {
        let line = serde_json::to_string(&alert(Moment(31_500_500))).unwrap();
        let want = concat!(
            r#"{"schema":"unmask.alert/1","id":"19a0-1","event":"begin","frame":7,"#,
            r#""captured_at":"2023-11-14T22:13:20.123456Z","age_ms":30.5,"budget_ms":50.0,"#,
            r#""on_time":true,"box":[1,2,30,40],"area_px":900,"score_max":0.75,"#,
            r#""score_mean":0.5,"on_road":true,"distance_m":null,"bearing_deg":null,"#,
            r#""engine":{"name":"cpu","precision":"fp32","hash":"HASH"},"source":"synthetic:7"}"#
        );
        assert_eq!(line, want.replace("HASH", &"ab".repeat(32)));
    }

    #[test]
    fn the_schema_file_names_the_same_keys_and_events() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/docs/schema/unmask.alert-1.json"
        );
        let text = std::fs::read_to_string(path).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let alert = serde_json::to_value(alert(Moment(2_000_000))).unwrap();
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
        for event in [Event::Begin, Event::Update, Event::End] {
            assert!(events.contains(&serde_json::to_value(event).unwrap()));
        }
        assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
    }

    #[test]
    fn an_alert_at_its_deadline_is_on_time_and_later_is_late() {
        let at = alert(Moment(51_000_000));
        assert!(at.on_time && at.age_ms == 50.0);
        let late = alert(Moment(51_000_001));
        assert!(!late.on_time);
        assert_eq!(alert(Moment(0)).age_ms, 0.0);
    }

    #[test]
    fn times_out_of_range_do_not_panic() {
        assert!(rfc3339(i128::MAX).starts_with("9999"));
        assert!(!rfc3339(i128::MIN).is_empty());
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
    }
}
