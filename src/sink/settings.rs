//! Settings of the sinks, as they stand in the configuration file.

use super::{Display, Target};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything about where alerts go: the table `[sink]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Places for alerts; stdout, where there are none.
    pub alerts: Vec<Target>,
    /// Alerts that a sink's ring holds.
    pub ring: usize,
    /// How long the end of a run waits for slow sinks, ms.
    pub close_ms: u64,
    /// Framebuffer for the overlay, for example `fb:/dev/fb0`; none without it.
    pub display: Option<Display>,
    /// Files.
    pub file: FileSettings,
    /// Unix datagram sockets.
    pub socket: SocketSettings,
    /// Frames behind alerts, kept on disk.
    pub evidence: EvidenceSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alerts: Vec::new(),
            ring: 1024,
            close_ms: 5000,
            file: FileSettings::default(),
            socket: SocketSettings::default(),
            evidence: EvidenceSettings::default(),
            display: None,
        }
    }
}

/// Files: the table `[sink.file]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSettings {
    /// A file that would grow beyond this is put aside as `FILE.1`, bytes; 0 = never.
    pub rotate_bytes: u64,
    /// Files put aside: `FILE.1` (newest) to `FILE.N`; the oldest is removed.
    pub keep: u32,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            rotate_bytes: 16 << 20,
            keep: 8,
        }
    }
}

/// Unix datagram sockets: the table `[sink.socket]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SocketSettings {
    /// How long an alert waits for a receiver before it is given up, ms.
    pub hold_ms: u64,
    /// Time between tries, ms.
    pub retry_ms: u64,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            hold_ms: 5000,
            retry_ms: 100,
        }
    }
}

/// Frames behind alerts: the table `[sink.evidence]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceSettings {
    /// Folder; made where it is missing. No evidence is kept without it.
    pub folder: Option<PathBuf>,
    /// Frames kept; the oldest are removed.
    pub frames: u64,
    /// Bytes kept; the oldest frames are removed.
    pub bytes: u64,
    /// Least time between two frames that only hold updates, ms; begins and ends are always kept.
    pub spacing_ms: u64,
}

impl Default for EvidenceSettings {
    fn default() -> Self {
        Self {
            folder: None,
            frames: 500,
            bytes: 512 << 20,
            spacing_ms: 1000,
        }
    }
}
