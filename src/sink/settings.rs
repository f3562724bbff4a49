//! Settings of the sinks: the table `[sink]` of the configuration.

use super::{DisplayFormat, SinkUri};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Most files put aside: each rotation renames all of them.
const MAX_FILES_LIMIT: u32 = 1000;

/// Everything about where alerts go: the table `[sink]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SinkSettings {
    /// Places for alerts; stdout, where there are none.
    pub alerts: Vec<SinkUri>,
    /// Capacity of the queue of each sink, alerts.
    #[serde(alias = "ring")]
    pub queue_capacity: usize,
    /// How long the end of a run waits for slow sinks, ms.
    #[serde(alias = "close_ms")]
    pub shutdown_timeout_ms: u64,
    /// Address of the Prometheus endpoint, for example `127.0.0.1:9464`; none without it.
    pub metrics: Option<SocketAddr>,
    /// Framebuffer for the overlay, for example `fb:/dev/fb0`; none without it.
    pub display: Option<DisplayFormat>,
    /// Files.
    pub file: FileSettings,
    /// Unix datagram sockets.
    pub socket: SocketSettings,
    /// MQTT.
    pub mqtt: MqttSettings,
    /// Frames behind alerts, kept on disk.
    pub evidence: EvidenceSettings,
}

impl Default for SinkSettings {
    fn default() -> Self {
        Self {
            alerts: Vec::new(),
            queue_capacity: 1024,
            shutdown_timeout_ms: 5000,
            file: FileSettings::default(),
            socket: SocketSettings::default(),
            mqtt: MqttSettings::default(),
            evidence: EvidenceSettings::default(),
            metrics: None,
            display: None,
        }
    }
}

impl SinkSettings {
    /// The first invalid value: its key below `[sink]`, and what is expected.
    pub fn invalid_value(&self) -> Option<(&'static str, &'static str)> {
        let mqtt = &self.mqtt;
        let checks = [
            (
                "queue_capacity",
                (1..=1 << 20).contains(&self.queue_capacity),
                "a number from 1 to 1048576",
            ),
            (
                "file.max_files",
                self.file.max_files <= MAX_FILES_LIMIT,
                "a number from 0 to 1000",
            ),
            (
                "mqtt.client_id",
                mqtt.client_id.as_deref() != Some(""),
                "a name, or no such key for one derived from the host name",
            ),
            (
                "mqtt.cert_file",
                mqtt.cert_file.is_some() == mqtt.key_file.is_some(),
                "mqtt.key_file with it, or neither",
            ),
            (
                "mqtt.keep_alive_s",
                mqtt.keep_alive_s >= 5,
                "a number from 5 on",
            ),
            (
                "mqtt.connect_timeout_s",
                mqtt.connect_timeout_s >= 1,
                "a number from 1 on",
            ),
            (
                "mqtt.max_in_flight",
                (1..=1000).contains(&mqtt.max_in_flight),
                "a number from 1 to 1000",
            ),
            (
                "mqtt.backoff_ms",
                mqtt.backoff_ms >= 10 && mqtt.backoff_ms <= mqtt.backoff_max_ms,
                "a number from 10 on, at most backoff_max_ms",
            ),
            (
                "mqtt.outbox_max_bytes",
                mqtt.outbox_max_bytes >= 64 << 10,
                "at least 65536 (64 KiB)",
            ),
            (
                "evidence.max_frames",
                self.evidence.max_frames >= 1,
                "a number from 1 on",
            ),
        ];
        let first = checks.into_iter().find(|(_, good, _)| !good);
        first.map(|(key, _, want)| (key, want))
    }

    /// Files that must be there before a run, each with its key below `[sink]`.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let mqtt = &self.mqtt;
        [
            ("mqtt.password_file", &mqtt.password_file),
            ("mqtt.ca_file", &mqtt.ca_file),
            ("mqtt.cert_file", &mqtt.cert_file),
            ("mqtt.key_file", &mqtt.key_file),
        ]
        .into_iter()
        .filter_map(|(key, file)| Some((key, file.as_deref()?)))
    }
}

/// Files: the table `[sink.file]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSettings {
    /// A file that would grow beyond this is put aside as `FILE.1`, bytes; 0 = never.
    pub rotate_bytes: u64,
    /// Files put aside: `FILE.1` (newest) to `FILE.N`; the oldest is removed.
    #[serde(alias = "keep")]
    pub max_files: u32,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            rotate_bytes: 16 << 20,
            max_files: 8,
        }
    }
}

/// Unix datagram sockets: the table `[sink.socket]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SocketSettings {
    /// How long an alert waits for a receiver before it is given up, ms.
    #[serde(alias = "hold_ms")]
    pub send_timeout_ms: u64,
    /// Time between tries, ms.
    #[serde(alias = "retry_ms")]
    pub retry_interval_ms: u64,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            send_timeout_ms: 5000,
            retry_interval_ms: 100,
        }
    }
}

/// MQTT: the table `[sink.mqtt]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MqttSettings {
    /// Version of the protocol: `"5"` or `"3.1.1"`.
    pub version: MqttVersion,
    /// Client id; made from the host's name and the address, where none is given.
    pub client_id: Option<String>,
    /// User, where the address names none.
    pub user: Option<String>,
    /// File with the password in its first line.
    pub password_file: Option<PathBuf>,
    /// Certificates to trust, PEM; those of the system, where none is given.
    pub ca_file: Option<PathBuf>,
    /// Certificate of this client, PEM; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Private key of this client, PEM; needs `cert_file`.
    pub key_file: Option<PathBuf>,
    /// Silence after which the connection is probed, s.
    pub keep_alive_s: u16,
    /// How long making a connection may take, s.
    pub connect_timeout_s: u64,
    /// Alerts on their way at once, not yet acknowledged.
    #[serde(alias = "window")]
    pub max_in_flight: u16,
    /// First pause after a lost connection, ms; it doubles with every failure.
    pub backoff_ms: u64,
    /// Longest pause, ms.
    pub backoff_max_ms: u64,
    /// Folder for outboxes; one folder an address is made in it. Default:
    /// `$STATE_DIRECTORY/outbox`, else `$XDG_STATE_HOME/unmask/outbox`, else
    /// `~/.local/state/unmask/outbox`.
    #[serde(alias = "outbox")]
    pub outbox_folder: Option<PathBuf>,
    /// Bytes an outbox may take on disk; the oldest alerts make room.
    #[serde(alias = "outbox_bytes")]
    pub outbox_max_bytes: u64,
    /// Longest time between writing an alert and its flush to the medium, ms; 0 = at once.
    #[serde(alias = "sync_ms")]
    pub fsync_interval_ms: u64,
}

impl Default for MqttSettings {
    fn default() -> Self {
        Self {
            version: MqttVersion::V5,
            client_id: None,
            user: None,
            password_file: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            keep_alive_s: 30,
            connect_timeout_s: 5,
            max_in_flight: 16,
            backoff_ms: 500,
            backoff_max_ms: 30_000,
            outbox_folder: None,
            outbox_max_bytes: 64 << 20,
            fsync_interval_ms: 1000,
        }
    }
}

/// Version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MqttVersion {
    /// MQTT 5.
    #[serde(rename = "5")]
    V5,
    /// MQTT 3.1.1.
    #[serde(rename = "3.1.1")]
    V3,
}

/// Frames behind alerts: the table `[sink.evidence]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceSettings {
    /// Folder; made where it is missing. No evidence is kept without it.
    pub folder: Option<PathBuf>,
    /// Frames kept; the oldest are removed.
    #[serde(alias = "frames")]
    pub max_frames: u64,
    /// Bytes kept; the oldest frames are removed.
    #[serde(alias = "bytes")]
    pub max_bytes: u64,
    /// Minimum time between two frames that only hold updates, ms; begins and ends are always kept.
    #[serde(alias = "spacing_ms")]
    pub min_interval_ms: u64,
}

impl Default for EvidenceSettings {
    fn default() -> Self {
        Self {
            folder: None,
            max_frames: 500,
            max_bytes: 512 << 20,
            min_interval_ms: 1000,
        }
    }
}
