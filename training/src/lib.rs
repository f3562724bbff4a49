//! Trains unmask's networks: closed set, then mask contrastive learning with pasted outliers.
//!
//! The network itself is `unmask-network`'s; here it runs on `burn` tensors with gradients.
#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod data;
pub mod interpreter;
pub mod losses;
pub mod matcher;
pub mod optimizer;
pub mod params;
pub mod plot;
pub mod points;
pub mod pretrained;
pub mod recipe;
pub mod trainer;
pub mod validate;
