//! Health of the system itself: camera tampering and faults, host temperature, clocks and power.

pub mod blind;
pub mod crashes;
mod file;
pub mod host;
pub mod limits;
pub mod power;
pub mod sample;
pub mod thermal;
