//! Whether the watch itself is well: what is not watched is an alarm, too.

pub mod blind;
mod file;
pub mod host;
pub mod power;
pub mod thermal;
