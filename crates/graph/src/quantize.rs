//! Lower precision inside the graph: INT8 as pairs of QuantizeLinear and DequantizeLinear, FP16 as
//! casts. That is the only way on TensorRT 11, and works on 10 with strong typing; the CPU engine
//! runs the same file.
//!
//! [`QuantizeGraph`] indexes a model, [`QuantizePlan`] says where INT8 may go and where float32 must stay,
//! [`rewrite()`] writes the graph again. Ranges come from [`super::calibrate`]; [`super::sensitivity`]
//! measures what a choice costs.

mod check;
mod error;
mod half;
mod net;
mod placement;
mod rewrite;
#[cfg(test)]
mod tests;
mod weights;

pub use check::runs;
pub use error::QuantizeError;
pub use net::{QuantizeGraph, TensorType, add_outputs};
pub use placement::{QuantizePlan, QuantizedLayer, ResidualShortcut, block_of, macs};
pub use rewrite::{BlockSet, RewrittenGraph, WrittenGraph, rewrite, set_metadata};
pub use weights::{QuantizedWeights, quantise, scale};

pub(super) use net::hex;

/// What a graph computes in where it is not INT8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum RestPrecision {
    /// FP16, with float32 where FP16 loses too much (norms, softmax, sampling, end of the head).
    #[default]
    Fp16,
    /// float32 everywhere.
    Fp32,
}

impl RestPrecision {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp16 => "FP16",
            Self::Fp32 => "FP32",
        }
    }
}
