//! Health of the system itself: camera tampering and faults, host temperature, clocks and power.

pub mod blind;
mod file;
pub mod host;
pub mod power;
pub mod thermal;
