//! Whether the watch itself is well: what is not watched is an alarm, too.

pub mod blind;
pub mod board;
pub mod crashes;
mod file;
pub mod limits;
pub mod power;
pub mod sample;
pub mod thermal;
