//! Calibration: ranges of the values of a graph on real frames.
//!
//! The float32 graph runs on the CPU engine over frames of the camera; of every value that
//! [`QuantizePlan`] would quantise a [`ValueHistogram`] is kept, and a [`RangeMethod`] chooses a range from it.
//! [`Calibration`] is the file: readable, with the hash of the graph and of every frame.

mod collect;
mod file;
mod histogram;
mod probe;
mod range;
mod scene_check;

pub use collect::{CalibrateOptions, FRAMES_MIN, calibrate};
pub use file::{Calibration, CalibrationFrame, SCHEMA, TensorScale};
pub use histogram::{BINS, ValueHistogram};
pub use range::{LEVELS, PERCENTILE, RangeMethod, noise, sqnr_db};
pub use scene_check::{CORRELATION_MIN, PictureLook, classify, neighbour_correlation};

pub(super) use probe::TensorProbe;

use super::quantize::{QuantizeError, QuantizeGraph, QuantizePlan};
