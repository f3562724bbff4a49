//! The command line: thin verbs. `anyhow` lives here and in `main` only.
//!
//! Exit codes: 0 success; 1 the run failed; 2 the run ended but some inputs were bad (counted and
//! reported), or the command line is wrong; 78 the configuration is wrong.

use crate::sink::without_password;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use unmask_frame::{error_chain, escape_control};

/// As the standard library's, but a stdout that is closed or full is not a panic.
macro_rules! println {
    () => { crate::cli::print::line(format_args!("")) };
    ($($text:tt)*) => { crate::cli::print::line(format_args!($($text)*)) };
}
/// As the standard library's, but a stderr that is closed or full is not a panic.
macro_rules! eprintln {
    ($($text:tt)*) => { crate::cli::print::say_line(format_args!($($text)*)) };
}
/// As the standard library's, but a stderr that is closed or full is not a panic.
macro_rules! eprint {
    ($($text:tt)*) => { crate::cli::print::say(format_args!($($text)*)) };
}

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
mod failure;
#[cfg(feature = "offline")]
mod inspect;
#[cfg(feature = "offline")]
mod label_values;
#[cfg(feature = "offline")]
mod learn;
#[cfg(feature = "offline")]
mod model;
mod outcome;
#[cfg(feature = "offline")]
mod prepare;
mod print;
mod profile;
#[cfg(feature = "offline")]
mod quantize;
mod record;
mod run;
#[cfg(feature = "offline")]
mod score;
mod shutdown;
mod thresholds;
mod validate;

pub use outcome::ExitOutcome;

/// Tells when something is on the road that does not belong there.
#[derive(Parser, Debug)]
#[command(name = "unmask", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: CliCommand,
}

#[derive(Subcommand, Debug)]
enum CliCommand {
    /// Ranges of a model's values on frames, for INT8.
    #[cfg(feature = "offline")]
    Calibrate(calibrate::CalibrateArgs),
    /// Look at a camera: what it is set to, its frames, its clock, its faults.
    Camera(camera::CameraArgs),
    /// Synthetic drive → alerts, overlays, a contact sheet and a page. Needs no argument.
    Demo(demo::DemoArgs),
    /// Watch a source and emit alerts on stdout.
    Run(Box<run::RunArgs>),
    /// Write what a source gives to disk, to be watched again.
    Record(record::RecordArgs),
    /// Write one anomaly map (NumPy float32) per picture.
    #[cfg(feature = "offline")]
    Score(score::ScoreArgs),
    /// Benchmark metrics of a model, or of saved score maps.
    #[cfg(feature = "offline")]
    Eval(eval::EvalArgs),
    /// Write a checkpoint as an ONNX model.
    #[cfg(feature = "offline")]
    Export(export::ExportArgs),
    #[cfg(feature = "offline")]
    /// Learn what is normal from frames of normal driving, and write it into a model.
    Learn(learn::LearnArgs),
    /// Print the default configuration, with comments.
    Config(config::ConfigArgs),
    /// Check a configuration without running.
    Validate(validate::ValidateArgs),
    /// Measure where a frame's time goes; write and compare profiles.
    Profile(profile::ProfileArgs),
    /// Find the threshold for a rate of false alarms, from frames of normal driving.
    Thresholds(thresholds::ThresholdArgs),
    /// Write a model in INT8 or FP16, judged by the task if wanted.
    #[cfg(feature = "offline")]
    Quantize(quantize::QuantizeArgs),
    /// Put camera bytes and anomaly score into a model's graph.
    #[cfg(feature = "offline")]
    Prepare(prepare::PrepareArgs),
    /// What an ONNX model is made of, what it costs, what TensorRT will say to it.
    #[cfg(feature = "offline")]
    Inspect(inspect::InspectArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let json = failure::wants_json(std::env::args_os().skip(1));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, json),
    };
    let prints = cli.verb.prints();
    if prints && !unmask_system::stdout_is_open() {
        eprintln!(
            "unmask: stdout was closed when the program was started: the answer would be lost"
        );
        return ExitCode::FAILURE;
    }
    let done = shutdown::listen().and_then(|()| match cli.verb {
        #[cfg(feature = "offline")]
        CliCommand::Calibrate(args) => calibrate::run(&args),
        CliCommand::Camera(args) => camera::run(&args),
        CliCommand::Demo(args) => demo::run(&args),
        CliCommand::Run(args) => run::run(&args),
        CliCommand::Record(args) => record::run(&args),
        #[cfg(feature = "offline")]
        CliCommand::Score(args) => score::run(&args),
        #[cfg(feature = "offline")]
        CliCommand::Eval(args) => eval::run(&args),
        #[cfg(feature = "offline")]
        CliCommand::Export(args) => export::run(&args),
        #[cfg(feature = "offline")]
        CliCommand::Learn(args) => learn::run(&args),
        CliCommand::Config(args) => config::run(&args),
        CliCommand::Validate(args) => validate::run(&args),
        CliCommand::Profile(args) => profile::run(&args),
        CliCommand::Thresholds(args) => thresholds::run(&args),
        #[cfg(feature = "offline")]
        CliCommand::Quantize(args) => quantize::run(&args),
        #[cfg(feature = "offline")]
        CliCommand::Prepare(args) => prepare::run(&args),
        #[cfg(feature = "offline")]
        CliCommand::Inspect(args) => inspect::run(&args),
    });
    if let Some(error) = print::failure() {
        match prints {
            true => {
                eprintln!("unmask: cannot write to stdout: {error}");
                return ExitCode::FAILURE;
            }
            // The files are what was asked for, and they are there.
            false => eprintln!("unmask: the summary cannot be written to stdout: {error}"),
        }
    }
    match done {
        Ok(ExitOutcome::Clean) => ExitCode::SUCCESS,
        Ok(ExitOutcome::SomeBadInputs) => ExitCode::from(2),
        Ok(ExitOutcome::Stopped) => shutdown::end_by_signal(),
        Err(error) => {
            let text = escape_control(&error_chain(error.as_ref())).into_owned();
            let code = failure::exit_code(&error);
            if json && !error.is::<failure::Printed>() {
                failure::print_json(&text, i32::from(code));
            }
            eprintln!("unmask: {text}");
            ExitCode::from(code)
        }
    }
}

impl CliCommand {
    /// Whether what is printed on stdout is the answer itself; else it is said of files.
    fn prints(&self) -> bool {
        match self {
            CliCommand::Camera(_)
            | CliCommand::Config(_)
            | CliCommand::Profile(_)
            | CliCommand::Thresholds(_) => true,
            CliCommand::Demo(_)
            | CliCommand::Record(_)
            | CliCommand::Run(_)
            | CliCommand::Validate(_) => false,
            #[cfg(feature = "offline")]
            CliCommand::Eval(_) | CliCommand::Inspect(_) => true,
            #[cfg(feature = "offline")]
            CliCommand::Calibrate(_)
            | CliCommand::Export(_)
            | CliCommand::Learn(_)
            | CliCommand::Prepare(_)
            | CliCommand::Quantize(_)
            | CliCommand::Score(_) => false,
        }
    }
}

/// A command line that cannot be understood, or help that was asked for. What may be a password
/// in an address is not repeated.
fn refuse(error: &clap::Error, json: bool) -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let said = error.render().to_string();
    let hidden = hide_passwords(&said, &arguments);
    if json && error.use_stderr() {
        failure::print_json(&hidden, error.exit_code());
    }
    let printed = match hidden == said {
        true => error.print(),
        false => {
            eprint!("{hidden}");
            Ok(())
        }
    };
    match (error.use_stderr(), printed) {
        (true, _) => ExitCode::from(2),
        (false, Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("unmask: cannot write to stdout: {error}");
            ExitCode::FAILURE
        }
        (false, _) => ExitCode::SUCCESS,
    }
}

/// `text` without the passwords in the addresses among `arguments`.
fn hide_passwords(text: &str, arguments: &[String]) -> String {
    let mut text = text.to_string();
    for argument in arguments {
        let value = argument.split_once('=').map(|(_, value)| value);
        for part in value.into_iter().chain([argument.as_str()]) {
            let hidden = without_password(part);
            if hidden != part {
                text = text.replace(part, &hidden);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::hide_passwords;

    #[test]
    fn the_command_lines_own_errors_hide_passwords() {
        let arguments = [
            "run",
            "--alerts=mqtt://me:secret@h:0",
            "mqtt://me:p@ss:w/rd#1@h",
        ];
        let said = "error: invalid value 'mqtt://me:secret@h:0' for '--alerts <PLACE>', \
                    unexpected argument 'mqtt://me:p@ss:w/rd#1@h' found";
        assert_eq!(
            hide_passwords(said, &arguments.map(String::from)),
            "error: invalid value 'mqtt://…@h:0' for '--alerts <PLACE>', unexpected argument \
             'mqtt://…@h' found"
        );
    }
}
