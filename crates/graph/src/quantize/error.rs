//! Errors of calibration and quantisation.

use std::path::PathBuf;
use unmask_engine::EngineError;
use unmask_eval::EvalError;

/// An error of calibration, quantisation or their judgement.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// The model file, or a file to write.
    #[error(transparent)]
    Graph(#[from] crate::GraphError),
    /// The engine cannot open or run a model.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The metrics cannot be computed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A graph cannot be rewritten.
    #[error("the graph cannot be quantised: {what}")]
    Unfit {
        /// Where and why, and what to do.
        what: String,
    },
    /// The CPU engine does not run a graph.
    #[error("the CPU engine does not run the graph: {what}")]
    Run {
        /// What it said.
        what: String,
    },
    /// A value of a tensor is not a number.
    #[error(
        "on the frame {frame}, the tensor `{tensor}` holds {count} values that are NaN or \
         infinite: the model cannot be calibrated"
    )]
    NotFinite {
        /// The frame's file.
        frame: PathBuf,
        /// The tensor.
        tensor: String,
        /// How many.
        count: usize,
    },
    /// Too few different frames.
    #[error(
        "{dir} holds {found} different frames; a calibration needs at least {wanted} to see what \
         the model will see: give more, or --force",
        dir = dir.display()
    )]
    FewFrames {
        /// The folder.
        dir: PathBuf,
        /// How many there are.
        found: usize,
        /// How many are needed.
        wanted: usize,
    },
    /// A frame cannot be read.
    #[error("the frame {frame} cannot be read: {what}; remove or replace it", frame = frame.display())]
    Frame {
        /// The file.
        frame: PathBuf,
        /// Why.
        what: String,
    },
    /// A frame shows nothing that a camera would.
    #[error(
        "the frame {frame} {what}: ranges taken from it would be wrong on a road. Give frames of \
         the camera, or --force",
        frame = frame.display()
    )]
    NoScene {
        /// The file.
        frame: PathBuf,
        /// What it shows instead.
        what: String,
    },
    /// The calibration file is damaged or of another kind.
    #[error("{path} is not a calibration file: {what}; write one with `unmask calibrate`", path = path.display())]
    NotCalibration {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The calibration belongs to another graph.
    #[error(
        "the calibration was made for the graph {calibrated}, but the model's graph is {model}: \
         calibrate again with `unmask calibrate`"
    )]
    OtherGraph {
        /// Hash in the calibration file.
        calibrated: String,
        /// Hash of the model's graph.
        model: String,
    },
    /// The calibration lacks a tensor.
    #[error(
        "the calibration lacks the tensor `{tensor}`: it was written by another version; calibrate \
         again with `unmask calibrate`"
    )]
    MissingTensor {
        /// The tensor.
        tensor: String,
    },
    /// A block was named that the graph does not have.
    #[error("the graph has no block `{block}`; it has: {}", .known.join(", "))]
    NoBlock {
        /// The name given.
        block: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// No picture of the data set could be judged.
    #[error("none of the pictures of {dir} could be judged; the first: {first}", dir = dir.display())]
    NoPicture {
        /// The data set.
        dir: PathBuf,
        /// What was wrong with the first.
        first: String,
    },
    /// A plot could not be drawn.
    #[error("the plot could not be drawn: {what}")]
    Plot {
        /// What the plotter said.
        what: String,
    },
    /// A temporary folder cannot be used.
    #[error("cannot use a temporary folder in {dir}: {source}; free some space there or set TMPDIR", dir = std::env::temp_dir().display())]
    Temporary {
        /// What the system says.
        #[from]
        source: std::io::Error,
    },
}

impl From<unmask_onnx::OnnxError> for QuantizeError {
    fn from(error: unmask_onnx::OnnxError) -> Self {
        Self::Graph(error.into())
    }
}
