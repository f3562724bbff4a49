//! Tasks of this repository that are no part of the product.
#![forbid(unsafe_code)]

mod apt;
mod arch;
mod board;
mod cache;
mod deb;
mod dist;
mod names;
mod package;
mod process;
mod rtx;
mod toolchain;

use clap::Parser;
use std::process::ExitCode;

/// Tasks of this repository that are no part of the product.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Run the camera suite on a virtual board: a Linux with a real V4L2 driver
    Board(board::Args),
    /// Make the Debian package and try it
    Deb(deb::Args),
    /// Build the release binary for a processor, check it and try it
    Dist(dist::Args),
    /// Count type names of one word, and names that several types share
    Names(names::Args),
    /// Build our graphs with NVIDIA's TensorRT-RTX, which needs no GPU
    Rtx(rtx::Args),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Board(args) => board::run(&args),
        Task::Deb(args) => deb::run(&args),
        Task::Dist(args) => dist::run(&args),
        Task::Names(args) => names::run(&args),
        Task::Rtx(args) => rtx::run(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
