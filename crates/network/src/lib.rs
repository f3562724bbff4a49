//! Network.
#![forbid(unsafe_code)]
pub mod ops;
