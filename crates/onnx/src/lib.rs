//! ONNX files: the protobuf messages, the limits that every file passes first, the reader, the
//! graph in memory, shape inference and constant folding.
//!
//! [`read`] turns a file into a [`Graph`](ir::OnnxGraph); [`messages`] is the file format; [`shape_inference`]
//! computes types and shapes, [`constant_folding`] folds constants.
#![forbid(unsafe_code)]

pub mod constant_folding;
mod error;
pub mod ir;
pub mod memory;
pub mod messages;
pub mod operator;
pub mod read;
pub mod shape_inference;
pub mod unique;

pub use error::OnnxError;
