//! The command line: thin verbs. `anyhow` lives here and in `main` only.
//!
//! Exit codes: 0 success; 1 the run failed; 2 the run ended but some inputs were bad (counted and
//! reported), or the command line is wrong.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

mod demo;
mod eval;
mod export;
mod model;
mod record;
mod run;
mod score;

/// Tells when something is on the road that does not belong there.
#[derive(Parser, Debug)]
#[command(name = "unmask", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Synthetic drive → alerts, overlays, a contact sheet and a page. Needs no argument.
    Demo(demo::Args),
    /// Watch a source and emit alerts on stdout.
    Run(run::Args),
    /// Write what a source gives to disk, to be watched again.
    Record(record::Args),
    /// Write one anomaly map (NumPy float32) per picture.
    Score(score::Args),
    /// Benchmark metrics of a model, or of saved score maps.
    Eval(eval::Args),
    /// Write a checkpoint as an ONNX model.
    Export(export::Args),
}

/// How a verb that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Clean,
    /// The run ended, but some inputs were bad; they were counted and named on stderr.
    SomeBadInputs,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Record(args) => record::run(&args),
        Verb::Score(args) => score::run(&args),
        Verb::Eval(args) => eval::run(&args),
        Verb::Export(args) => export::run(&args),
    };
    match done {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::SomeBadInputs) => ExitCode::from(2),
        Err(error) => {
            eprintln!("unmask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
