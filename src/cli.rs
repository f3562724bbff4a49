//! The command line: thin verbs. `anyhow` lives here and in `main` only.
//!
//! Exit codes: 0 success; 1 the run failed; 2 the run ended but some inputs were bad (counted and
//! reported), or the command line is wrong.

use clap::{Parser, Subcommand};
use outcome::plain;
use std::process::ExitCode;

#[cfg(feature = "offline")]
mod calibrate;
mod camera;
mod camera_args;
mod config;
mod demo;
#[cfg(feature = "offline")]
mod eval;
#[cfg(feature = "offline")]
mod export;
#[cfg(feature = "offline")]
mod inspect;
#[cfg(feature = "offline")]
mod label_values;
#[cfg(feature = "offline")]
mod model;
mod outcome;
#[cfg(feature = "offline")]
mod prepare;
mod profile;
#[cfg(feature = "offline")]
mod quantize;
mod record;
mod run;
#[cfg(feature = "offline")]
mod score;
mod thresholds;
mod validate;

pub use outcome::Outcome;

/// Tells when something is on the road that does not belong there.
#[derive(Parser, Debug)]
#[command(name = "unmask", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Ranges of a model's values on frames, for INT8.
    #[cfg(feature = "offline")]
    Calibrate(calibrate::Args),
    /// Look at a camera: what it is set to, its frames, its clock, its faults.
    Camera(camera::Args),
    /// Synthetic drive → alerts, overlays, a contact sheet and a page. Needs no argument.
    Demo(demo::Args),
    /// Watch a source and emit alerts on stdout.
    Run(Box<run::Args>),
    /// Write what a source gives to disk, to be watched again.
    Record(record::Args),
    /// Write one anomaly map (NumPy float32) per picture.
    #[cfg(feature = "offline")]
    Score(score::Args),
    /// Benchmark metrics of a model, or of saved score maps.
    #[cfg(feature = "offline")]
    Eval(eval::Args),
    /// Write a checkpoint as an ONNX model.
    #[cfg(feature = "offline")]
    Export(export::Args),
    /// Print the default configuration, with comments.
    Config(config::Args),
    /// Check a configuration without running.
    Validate(validate::Args),
    /// Measure where a frame's time goes; write and compare profiles.
    Profile(profile::Args),
    /// Find the threshold for a rate of false alarms, from frames of normal driving.
    Thresholds(thresholds::Args),
    /// Write a model in INT8 or FP16, judged by the task if wanted.
    #[cfg(feature = "offline")]
    Quantize(quantize::Args),
    /// Put camera bytes and anomaly score into a model's graph.
    #[cfg(feature = "offline")]
    Prepare(prepare::Args),
    /// What an ONNX model is made of, what it costs, what TensorRT will say to it.
    #[cfg(feature = "offline")]
    Inspect(inspect::Args),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.verb {
        #[cfg(feature = "offline")]
        Verb::Calibrate(args) => calibrate::run(&args),
        Verb::Camera(args) => camera::run(&args),
        Verb::Demo(args) => demo::run(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Record(args) => record::run(&args),
        #[cfg(feature = "offline")]
        Verb::Score(args) => score::run(&args),
        #[cfg(feature = "offline")]
        Verb::Eval(args) => eval::run(&args),
        #[cfg(feature = "offline")]
        Verb::Export(args) => export::run(&args),
        Verb::Config(args) => config::run(&args),
        Verb::Validate(args) => validate::run(&args),
        Verb::Profile(args) => profile::run(&args),
        Verb::Thresholds(args) => thresholds::run(&args),
        #[cfg(feature = "offline")]
        Verb::Quantize(args) => quantize::run(&args),
        #[cfg(feature = "offline")]
        Verb::Prepare(args) => prepare::run(&args),
        #[cfg(feature = "offline")]
        Verb::Inspect(args) => inspect::run(&args),
    };
    match done {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::SomeBadInputs) => ExitCode::from(2),
        Err(error) => {
            eprintln!("unmask: {}", plain(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}
