//! Graphs on disk: writing the network as ONNX, reading checkpoints.
//!
//! [`checkpoint`] reads what training wrote, [`import`] what others trained, [`mod@write`] interprets the network as a graph in memory
//! ([`ir`]), [`onnx`] is the file format, [`export`] puts them together.

pub mod checkpoint;
mod error;
pub mod export;
pub mod import;
pub mod ir;
pub mod onnx;
pub mod write;

pub use error::{Error, Problem};
