//! Training of unmask's networks.
#![forbid(unsafe_code)]

pub mod data;
