//! Calibration: which ranges the values of a graph have on real frames.
//!
//! The float32 graph runs on the CPU engine over frames of the camera; of every value that
//! [`Plan`] would quantise a [`Histogram`] is kept, and a [`Method`] chooses a range from it.
//! [`Calibration`] is the file: readable, with the hash of the graph and of every frame.

mod collect;
mod file;
mod histogram;
mod look;
mod probe;
mod range;

pub use collect::{FRAMES_MIN, Options, calibrate};
pub use file::{Calibration, Frame, SCHEMA, Tensor};
pub use histogram::{BINS, Histogram};
pub use look::{LIKENESS_MIN, Look, likeness, look};
pub use range::{LEVELS, Method, PERCENTILE, noise, sqnr_db};

pub(super) use probe::Probe;

use super::quantize::{Error, Net, Plan};
