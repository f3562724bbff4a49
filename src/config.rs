//! The configuration of a run: one TOML file.
//!
//! `unmask config` prints [`TEMPLATE`]: every key with its default and meaning. A file needs only
//! the keys that it changes. Unknown keys are errors, and every error names file, line and key.
//! Keys that were renamed are accepted under their former names, too.

mod check;
mod filter;
mod key_position;
mod ladder;
#[cfg(test)]
mod tests;

pub use filter::FilterConfig;
pub use ladder::{LadderConfig, LadderStep};

use crate::budget::realtime::RealtimeSettings;
use crate::health::crashes::SafeModeSettings;
use crate::health::host;
use crate::sink;
use crate::source::CaptureSettings;
use key_position::{key_at, locate};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use unmask_alert::CameraGeometry;
use unmask_frame::without_bom;

/// The default configuration with comments, as `unmask config` prints it.
pub const TEMPLATE: &str = include_str!("config/template.toml");

/// A configuration takes a few pages; a larger file is something else.
const FILE_LIMIT_BYTES: u64 = 16 << 20;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A key or value is wrong.
    #[error("{path}, line {line}, key `{key}`: {reason}. `unmask config` prints every key")]
    Key {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key with its tables; empty where the line holds none.
        key: String,
        /// What is wrong and what is expected.
        reason: String,
    },
}

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Where frames come from.
    pub source: SourceConfig,
    /// What scores them.
    pub model: ModelConfig,
    /// Latency budget.
    pub budget: BudgetConfig,
    /// Which detections become alerts.
    #[serde(alias = "decide")]
    pub filter: FilterConfig,
    /// Mounting and optics of the camera.
    #[serde(alias = "camera")]
    pub camera_geometry: Option<CameraGeometry>,
    /// Capture settings of a V4L2 camera.
    pub capture: CaptureSettings,
    /// What to degrade when frames miss their deadline.
    pub ladder: LadderConfig,
    /// Scheduling of the pipeline's threads.
    pub realtime: RealtimeSettings,
    /// How the host is monitored.
    #[serde(alias = "board")]
    pub host: host::HostSettings,
    /// What a service does after repeated crashes.
    pub safe_mode: SafeModeSettings,
    /// Sinks, metrics, evidence and display.
    pub sink: sink::SinkSettings,
}

/// Where frames come from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// Source URI, as in `--source`.
    #[serde(alias = "name")]
    pub uri: Option<String>,
    /// Number of frames to process; all, where absent.
    pub frames: Option<u64>,
    /// Frame rate, Hz.
    pub rate_hz: f64,
    /// Whether frames arrive at that rate even if they cannot be processed in time.
    pub realtime: bool,
    /// Whether to wait for a source that is missing; where absent: if systemd started the run.
    pub wait: Option<bool>,
}

impl SourceConfig {
    /// Whether to wait for a source that is missing.
    pub fn waits(&self) -> bool {
        // A boot brings devices in any order: a unit that fails for that stays failed.
        let by_systemd = || std::env::var_os("NOTIFY_SOCKET").is_some_and(|name| !name.is_empty());
        self.wait.unwrap_or_else(by_systemd)
    }
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            uri: None,
            frames: None,
            rate_hz: 10.0,
            realtime: false,
            wait: None,
        }
    }
}

/// What scores frames.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// The model file; `$UNMASK_MODEL` or the shipped one, where absent.
    pub file: Option<PathBuf>,
    /// Threads to compute with; 0 = all.
    pub threads: usize,
    /// Whether mask refinement is applied.
    pub refine: bool,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            file: None,
            threads: 0,
            refine: true,
        }
    }
}

/// Latency budget.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// Time from capture to the emission of the alert, ms.
    pub ms: f64,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self { ms: 100.0 }
    }
}

impl RunConfig {
    /// Reads and checks `path`.
    ///
    /// # Errors
    /// The file cannot be read, or a key is unknown or its value invalid: the first one is named.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = unmask_frame::read_regular_text(path, FILE_LIMIT_BYTES).map_err(|source| {
            ConfigError::Read {
                path: path.to_path_buf(),
                source,
            }
        })?;
        Self::parse(&text, path)
    }

    /// Checks the text of `path`.
    ///
    /// # Errors
    /// As [`RunConfig::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let key_error = |line: usize, key: String, reason: String| ConfigError::Key {
            path: path.to_path_buf(),
            line,
            key,
            reason,
        };
        let text = without_bom(text);
        let config: RunConfig = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..at]
                .iter()
                .filter(|&&b| b == b'\n')
                .count();
            let reason = error.message().trim_end_matches('.').replace('\n', ", ");
            // It may quote an address with a password in it.
            let reason = sink::without_password(&reason);
            key_error(line + 1, key_at(text, line), reason)
        })?;
        match config.invalid_value() {
            None => Ok(config),
            Some((key, want)) => {
                let reason = format!("expected {want}");
                let (line, key) = locate(text, &key);
                Err(key_error(line, key, reason))
            }
        }
    }
}
