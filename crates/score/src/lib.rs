//! Anomaly maps from a network's output: the mask score and its refinement, the per-pixel
//! score, and the way from the grid of the output to the picture.
//!
//! Everything here is pure: slices in, maps out. Formulas are those of Mask2Anomaly (arXiv
//! 2307.13316, inference and mask refinement); `docs/engine.md` writes them out.
#![forbid(unsafe_code)]

pub mod components;
mod fast;
mod mask;
pub mod npy;
mod pixel;
mod upsample;

pub use mask::{COVERED, MIN_QUERIES, SURE};
pub use mask::{MaskOutput, MaskScore, MaskScorer};
pub use pixel::{PixelOutput, PixelScore, pixel_score};
pub use upsample::{Upsampler, upsample};

use unmask_frame::{LabelMap, ScoreMap};

/// What the score room makes of one frame, on the grid of the network's output.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredFrame {
    /// Anomaly score per cell. Higher = more anomalous; refined cells are exactly 0.
    pub score: ScoreMap,
    /// Best known class per cell (index into the model's classes).
    pub classes: LabelMap,
    /// Queries that qualified for refinement (0 where refinement was not asked for).
    pub qualified: usize,
}

/// What can be wrong with a network's output.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ScoreError {
    /// A slice's length does not fit the shape it came with.
    #[error("{what} holds {have} values where its shape asks for {want}: the model is damaged")]
    Length {
        /// Which output.
        what: &'static str,
        /// Values there.
        have: usize,
        /// Values the shape asks for.
        want: usize,
    },
    /// NaN or infinity.
    #[error(
        "{what} holds {value} at index {index}: the model is damaged or its input is far from \
         what it was trained on; check mean and std"
    )]
    NotFinite {
        /// Which output.
        what: &'static str,
        /// Position of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
}

/// Refuses a slice of the wrong length, or one that holds NaN or infinity.
fn check(what: &'static str, values: &[f32], want: usize) -> Result<(), ScoreError> {
    if values.len() != want {
        return Err(ScoreError::Length {
            what,
            have: values.len(),
            want,
        });
    }
    if fast::all_finite(values) {
        return Ok(());
    }
    let index = values.iter().position(|v| !v.is_finite()).unwrap_or(0);
    Err(ScoreError::NotFinite {
        what,
        index,
        value: values[index],
    })
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
