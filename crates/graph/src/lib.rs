//! Graphs on disk: writing the network as ONNX, reading checkpoints and ONNX files.
//!
//! [`checkpoint`] reads what training wrote, [`import`] what others trained, [`mod@write`] interprets the network
//! as a graph in memory, [`export`] writes it as a file (crate `unmask-onnx`).
//!
//! [`bank`] adds a second score to a model: the distance to features of normal frames.
//!
//! [`calibrate`] takes ranges from frames, [`quantize`] writes a model in lower precision, [`sensitivity`]
//! measures what that costs. [`layers`] measures what each block of a network takes.
#![forbid(unsafe_code)]

pub mod bank;
pub mod calibrate;
pub mod checkpoint;
pub mod cost;
mod entry;
mod error;
pub mod export;
pub mod import;
pub mod layers;
pub mod lint;
pub mod prepare;
#[cfg(test)]
mod probe;
pub mod quantize;
#[cfg(test)]
mod read_tests;
pub mod sensitivity;
pub mod surgery;
pub mod write;

pub use error::{GraphError, WeightProblem};
