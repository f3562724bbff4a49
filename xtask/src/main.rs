//! Tasks of this repository that are not part of the product.
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
mod reliability;
mod rtx;
mod toolchain;

use clap::Parser;
use std::process::ExitCode;

/// Tasks of this repository that are no part of the product.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum XtaskCommand {
    /// Run the camera suite on a virtual board: a Linux with a real V4L2 driver
    Board(board::BoardArgs),
    /// Make the Debian package and try it
    Deb(deb::DebArgs),
    /// Build the release binary for a processor, check it and try it
    Dist(dist::DistArgs),
    /// Count type names of one word, and names that several types share
    Names(names::NamesArgs),
    /// Try files, disks, brokers, clocks, signals and limits against the program
    Reliability(reliability::ReliabilityArgs),
    /// Build our graphs with NVIDIA's TensorRT-RTX, which needs no GPU
    Rtx(rtx::RtxArgs),
}

fn main() -> ExitCode {
    let done = match XtaskCommand::parse() {
        XtaskCommand::Board(args) => board::run(&args),
        XtaskCommand::Deb(args) => deb::run(&args),
        XtaskCommand::Dist(args) => dist::run(&args),
        XtaskCommand::Names(args) => names::run(&args),
        XtaskCommand::Reliability(args) => reliability::run(&args),
        XtaskCommand::Rtx(args) => rtx::run(&args),
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
