//! Graphs on disk: writing the network as ONNX, reading checkpoints and ONNX files.
//!
//! [`checkpoint`] reads what training wrote, [`mod@write`] interprets the network as a graph in memory
//! ([`ir`]), [`onnx`] is the file format, [`export`] puts them together.

pub mod checkpoint;
pub mod cost;
mod error;
mod evaluate;
pub mod export;
pub mod infer;
pub mod ir;
pub mod lint;
pub mod onnx;
#[cfg(test)]
mod probe;
pub mod read;
pub mod surgery;
pub mod write;

pub use error::{Error, Problem};
