//! Trains unmask's networks: closed set, then mask contrastive learning with pasted outliers.
//!
//! The network itself is `unmask-network`'s; here it runs on `burn` tensors with gradients.
#![forbid(unsafe_code)]

pub mod interpreter;
pub mod params;
