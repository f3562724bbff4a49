//! Graphs on disk: writing the network as ONNX, reading checkpoints.
//!
//! [`checkpoint`] reads what training wrote, [`mod@write`] interprets the network as a graph in memory
//! ([`ir`]), [`onnx`] is the file format, [`export`] puts them together.
//!
//! [`calibrate`] takes ranges from frames, [`quantize`] writes a model in lower precision, [`judge`]
//! measures what that costs.

pub mod calibrate;
pub mod checkpoint;
mod error;
pub mod export;
pub mod ir;
pub mod judge;
pub mod onnx;
pub mod quantize;
pub mod write;

pub use error::{Error, Problem};
