//! Errors of sinks.

use std::path::{Path, PathBuf};

/// Why alerts cannot be emitted, or something next to them cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file cannot be made.
    #[error("cannot write alerts to {path}: {source}")]
    Create {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The other end is gone, or the disk is full.
    #[error("cannot write an alert to {name}: {source}")]
    Write {
        /// What is written to.
        name: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The process has no stdout.
    #[error(
        "alerts go to stdout, but it was closed when the program was started; send them elsewhere \
         with --alerts FILE"
    )]
    NoStdout,
    /// A sink's thread panicked.
    #[error("the thread of the sink {name} panicked; its counters: {counters}")]
    Thread {
        /// The sink.
        name: String,
        /// What it had done.
        counters: String,
    },
    /// A file or folder cannot be used.
    #[error("{what} {path}: {reason}")]
    Path {
        /// What it is, and what could not be done.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and the fix.
        reason: String,
    },
    /// A setting that is invalid.
    #[error("{key} = {value}: {reason}")]
    Setting {
        /// The key in the configuration file.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is wrong, and the fix.
        reason: String,
    },
    /// A setting that cannot be.
    #[error("sink.{key}: expected {want}")]
    Range {
        /// The key in the configuration file, below `[sink]`.
        key: &'static str,
        /// What is expected.
        want: &'static str,
    },
    /// TLS cannot be set up.
    #[error("TLS to {name}: {reason}")]
    Tls {
        /// The broker.
        name: String,
        /// What is wrong, and the fix.
        reason: String,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for metrics: {source}; choose another address or port")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The error of the system.
        source: std::io::Error,
    },
}

impl SinkError {
    pub(super) fn path(what: &'static str, path: &Path, reason: impl ToString) -> Self {
        SinkError::Path {
            what,
            path: path.to_path_buf(),
            reason: reason.to_string(),
        }
    }
}
