//! Why a plan was not built.

use std::path::PathBuf;

/// Why a plan was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildCommandError {
    /// A file cannot be read.
    #[error("cannot read {what} {path}: {source}")]
    Read {
        /// What it is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The recipe has a key or value that is wrong.
    #[error("{path}, line {line}: {reason}")]
    Recipe {
        /// The recipe.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// The process that builds cannot be started or followed.
    #[error("cannot run the build process: {0}")]
    Process(std::io::Error),
    /// The library refused, or is not there.
    #[error("{0}")]
    Refused(String),
    /// The process ended without an answer.
    #[error("the build process ended without a plan ({status}){hint}")]
    Died {
        /// How it ended.
        status: String,
        /// What that usually means.
        hint: &'static str,
    },
    /// It was asked to stop.
    #[error("the build was stopped; the plan that was there before still serves")]
    Stopped,
}
