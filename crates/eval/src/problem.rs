//! Pictures that an evaluation leaves out, and why.

use std::path::PathBuf;

use super::EvalError;
use unmask_score::npy::NpyError;

/// A picture left out, and why.
#[derive(Debug)]
pub struct BadPicture {
    /// The picture's name: the stem of its files.
    pub name: String,
    /// What is wrong.
    pub problem: PictureProblem,
}

/// What is wrong with a picture's files.
#[derive(Debug, thiserror::Error)]
pub enum PictureProblem {
    /// The score map cannot be read.
    #[error(transparent)]
    Scores(#[from] NpyError),
    /// The label picture cannot be read or holds unknown values.
    #[error("{path} is not a usable label picture: {what}", path = path.display())]
    Labels {
        /// The label picture.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The two do not go together, or hold values that cannot be evaluated.
    #[error(
        "{scores} with {labels}: {source}",
        scores = scores.display(), labels = labels.display()
    )]
    Values {
        /// The score map, or the picture it comes from.
        scores: PathBuf,
        /// The label picture.
        labels: PathBuf,
        /// What is wrong.
        source: EvalError,
    },
    /// A file without counterpart.
    #[error("{path} has no {what} of the same name in {dir}", path = path.display(), dir = dir.display())]
    Alone {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// Two files with the same stem.
    #[error("{path} has the same name as {other}; only the latter is used", path = path.display(), other = other.display())]
    Twice {
        /// The file left out.
        path: PathBuf,
        /// The file used.
        other: PathBuf,
    },
    /// The picture could not be scored.
    #[error("{0}")]
    NotScored(String),
}
