//! Training room.
#![forbid(unsafe_code)]
fn main() {}
