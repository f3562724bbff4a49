//! Tasks of this repository that are no part of the product.
#![forbid(unsafe_code)]

mod board;
mod names;

use clap::Parser;
use std::process::ExitCode;

/// Tasks of this repository that are no part of the product.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Run the camera suite on a virtual board: a Linux with a real V4L2 driver
    Board(board::Args),
    /// Count type names of one word, and names that several types share
    Names(names::Args),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Board(args) => board::run(&args),
        Task::Names(args) => names::run(&args),
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
