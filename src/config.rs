//! Everything a run can be told, in one TOML file.
//!
//! `unmask config` prints [`TEMPLATE`]: every key with its default and what it means. A file may
//! leave out what it does not change. Keys that are not known are refused, and every error names
//! file, line and key.

mod check;
mod decide;
mod ladder;
mod place;
#[cfg(test)]
mod tests;

pub use decide::FilterConfig;
pub use ladder::{LadderConfig, LadderStep};

use crate::budget::realtime::RealtimeSettings;
use crate::health::board;
use crate::health::crashes::SafeModeSettings;
use crate::sink;
use crate::source::CaptureSettings;
use place::{key_at, line_of};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use unmask_alert::CameraGeometry;
use unmask_frame::without_bom;

/// The default configuration with comments, as `unmask config` prints it.
pub const TEMPLATE: &str = include_str!("config/template.toml");

/// A configuration is a few pages; more is something else.
const FILE_LIMIT_BYTES: u64 = 16 << 20;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
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
        /// What is wrong and what is wanted.
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
    /// How old alerts may be.
    pub budget: BudgetConfig,
    /// What is told.
    pub decide: FilterConfig,
    /// Place and optics of the camera.
    pub camera: Option<CameraGeometry>,
    /// How a camera is set that frames come from.
    pub capture: CaptureSettings,
    /// What to do less of when frames miss their deadline.
    pub ladder: LadderConfig,
    /// What the threads of the frame's way are given.
    pub realtime: RealtimeSettings,
    /// How the machine is watched.
    pub board: board::HostSettings,
    /// What a service does after crashes.
    pub safe_mode: SafeModeSettings,
    /// Where alerts go, and what the outside sees.
    pub sink: sink::SinkSettings,
}

/// Where frames come from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// As `--source`.
    pub name: Option<String>,
    /// Frames to take; all, where absent.
    pub frames: Option<u64>,
    /// Frames a second, Hz.
    pub rate_hz: f64,
    /// Whether frames come at that rate whether or not they can be dealt with.
    pub realtime: bool,
    /// Whether a source that is not there is waited for; where absent: if systemd started the run.
    pub wait: Option<bool>,
}

impl SourceConfig {
    /// Whether a source that is not there is waited for.
    pub fn waits(&self) -> bool {
        // A boot brings devices in any order: a unit that fails for that stays failed.
        let by_systemd = || std::env::var_os("NOTIFY_SOCKET").is_some_and(|name| !name.is_empty());
        self.wait.unwrap_or_else(by_systemd)
    }
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            name: None,
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

/// How old alerts may be.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// From capture to the writing of the alert, ms.
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
    /// A file that cannot be read; the first key that is unknown or whose value cannot be.
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
        let fault = |line: usize, key: String, reason: String| ConfigError::Key {
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
            fault(line + 1, key_at(text, line), reason)
        })?;
        match config.fault() {
            None => Ok(config),
            Some((key, want)) => {
                let reason = format!("wanted {want}");
                Err(fault(line_of(text, &key), key, reason))
            }
        }
    }
}
