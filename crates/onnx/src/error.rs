//! Errors of reading and handling ONNX graphs.

use std::path::PathBuf;

/// Why an ONNX file or graph cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Bytes are no ONNX model.
    #[error("not an ONNX model: {what}")]
    NotOnnx {
        /// What is wrong with them.
        what: String,
    },
    /// A file asks for more than is read.
    #[error("too large: {what}")]
    Limit {
        /// What, how large, and the limit.
        what: String,
    },
    /// A model cannot be used.
    #[error("the model cannot be used: {what}")]
    Model {
        /// Why, and what to do.
        what: String,
    },
    /// A node of a model cannot be used.
    #[error("the model cannot be used: node `{node}` ({op}): {what}")]
    Node {
        /// The node's name.
        node: String,
        /// Its operator.
        op: String,
        /// Why, and what to do.
        what: String,
    },
    /// The elements of a constant lie in another file and cannot be read.
    #[error("the data of `{tensor}` is said to lie in `{location}`: {what}")]
    External {
        /// The constant.
        tensor: String,
        /// The file, as the model names it.
        location: String,
        /// Why, and what to do.
        what: String,
    },
}
