//! Graphs on disk: writing the network as ONNX, reading checkpoints and ONNX files.
//!
//! [`checkpoint`] reads what training wrote, [`import`] what others trained, [`mod@write`] interprets the network as a graph in memory
//! ([`ir`]), [`onnx`] is the file format, [`export`] puts them together.
//!
//! [`bank`] adds a second score to a model: the distance to features of normal frames.
//!
//! [`calibrate`] takes ranges from frames, [`quantize`] writes a model in lower precision, [`judge`]
//! measures what that costs. [`layers`] measures what each block of a network takes.

pub mod bank;
pub mod calibrate;
pub mod checkpoint;
pub mod cost;
mod entry;
mod error;
mod evaluate;
pub mod export;
pub mod import;
pub mod infer;
pub mod ir;
pub mod judge;
pub mod layers;
pub mod lint;
pub mod onnx;
pub mod prepare;
#[cfg(test)]
mod probe;
pub mod quantize;
pub mod read;
pub mod surgery;
mod unique;
pub mod write;

pub use error::{Error, Problem};
