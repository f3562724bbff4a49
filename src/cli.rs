//! The command line: thin verbs. `anyhow` lives here and in `main` only.
//!
//! Exit codes: 0 success; 1 the run failed; 2 the run ended but some inputs were bad (counted and
//! reported), or the command line is wrong.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

mod calibrate;
mod camera;
mod camera_args;
mod config;
mod demo;
mod eval;
mod export;
mod inspect;
mod label_values;
mod learn;
mod model;
mod prepare;
mod profile;
mod quantize;
mod record;
mod run;
mod score;
mod thresholds;
mod validate;

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
    Score(score::Args),
    /// Benchmark metrics of a model, or of saved score maps.
    Eval(eval::Args),
    /// Write a checkpoint as an ONNX model.
    Export(export::Args),
    /// Learn what is normal from frames of normal driving, and write it into a model.
    Learn(learn::Args),
    /// Print the default configuration, with comments.
    Config(config::Args),
    /// Check a configuration without running.
    Validate(validate::Args),
    /// Measure where a frame's time goes; write and compare profiles.
    Profile(profile::Args),
    /// Find the threshold for a rate of false alarms, from frames of normal driving.
    Thresholds(thresholds::Args),
    /// Write a model in INT8 or FP16, judged by the task if wanted.
    Quantize(quantize::Args),
    /// Put camera bytes and anomaly score into a model's graph.
    Prepare(prepare::Args),
    /// What an ONNX model is made of, what it costs, what TensorRT will say to it.
    Inspect(inspect::Args),
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
        Verb::Calibrate(args) => calibrate::run(&args),
        Verb::Camera(args) => camera::run(&args),
        Verb::Demo(args) => demo::run(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Record(args) => record::run(&args),
        Verb::Score(args) => score::run(&args),
        Verb::Eval(args) => eval::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Learn(args) => learn::run(&args),
        Verb::Config(args) => config::run(&args),
        Verb::Validate(args) => validate::run(&args),
        Verb::Profile(args) => profile::run(&args),
        Verb::Thresholds(args) => thresholds::run(&args),
        Verb::Quantize(args) => quantize::run(&args),
        Verb::Prepare(args) => prepare::run(&args),
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

/// `text` on one line, with nothing in it that a terminal would obey: errors quote names out of
/// files that anyone may have written.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(plain("a `b\n\u{1b}[2J` é"), "a `b\\n\\u{1b}[2J` é");
    }
}
