//! Errors of this crate.

use std::fmt;
use std::path::PathBuf;

/// An error of the graph room.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is larger than its kind may be.
    #[error(
        "{path} has {bytes} bytes; a checkpoint may have at most {limit}: give the file that \
         training wrote",
        path = path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, bytes.
        bytes: u64,
        /// The limit, bytes.
        limit: u64,
    },
    /// A file is not a safetensors file, or a damaged one.
    #[error(
        "{path} is not a whole safetensors file ({what}): give the checkpoint that training wrote",
        path = path.display()
    )]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file is not a checkpoint that can be imported, or a damaged one.
    #[error(
        "{path} cannot be read as a checkpoint: {what}; give a whole PyTorch (.pth), detectron2 \
         (.pkl) or safetensors file of a Mask2Former or Mask2Anomaly",
        path = path.display()
    )]
    NotCheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A key of a checkpoint is missing or cannot be used.
    #[error("{path}: `{key}` {what}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key: a tensor's name, or a fact's.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The weights do not fit the network.
    #[error("the weights do not fit the network: {}", list(.problems))]
    Unfit {
        /// Every problem, in the network's order, keys that nothing asked for at the end.
        problems: Vec<WeightProblem>,
    },
    /// What is written about a model cannot be used.
    #[error(transparent)]
    Metadata(#[from] unmask_model::MetadataError),
    /// An ONNX file or graph cannot be used.
    #[error(transparent)]
    Onnx(#[from] unmask_onnx::OnnxError),
    /// The CPU engine does not run a model, or a part of it.
    #[error("the CPU engine does not run {part}: {what}")]
    Run {
        /// The model, or the part.
        part: String,
        /// What it said.
        what: String,
    },
    /// An option cannot be met.
    #[error("{what}")]
    Option {
        /// Which, and what to do.
        what: String,
    },
    /// A written graph does not run on the CPU engine, or gives values that are no numbers.
    #[error("the exported graph failed its check: {what}")]
    Check {
        /// What happened.
        what: String,
    },
}

/// Something that does not fit between a network and its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightProblem {
    /// The network asks for a key that the weights lack.
    Missing {
        /// The key.
        key: String,
        /// The shape that the network asks for.
        expected: Vec<usize>,
    },
    /// A key has another shape than the network asks for.
    Shape {
        /// The key.
        key: String,
        /// The shape that the network asks for.
        expected: Vec<usize>,
        /// The shape that the weights have.
        found: Vec<usize>,
    },
    /// The weights hold a key that the network never asks for.
    Extra {
        /// The key.
        key: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// An operation was called with shapes that do not go together.
    Operation {
        /// The part of the network, after the last parameter that it used.
        scope: String,
        /// Operation and shapes.
        what: String,
    },
}

impl fmt::Display for WeightProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { key, expected } => write!(f, "`{key}` {expected:?} is missing"),
            Self::Shape {
                key,
                expected,
                found,
            } => write!(f, "`{key}` should be {expected:?} but is {found:?}"),
            Self::Extra { key, found } => {
                write!(f, "`{key}` {found:?} belongs to nothing in the network")
            }
            Self::Operation { scope, what } => write!(f, "after `{scope}`: {what}"),
        }
    }
}

fn list(problems: &[WeightProblem]) -> String {
    let all: Vec<String> = problems.iter().map(WeightProblem::to_string).collect();
    all.join("; ")
}
