//! The command line: thin subcommands. `anyhow` lives here and in `main` only.
//!
//! Exit codes: 0 success; 1 the run failed; 2 the run ended but some inputs were bad (counted and
//! reported), or the command line is wrong; 78 the configuration is wrong.

use crate::sink::without_password;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tracing::{error, warn};
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

mod build;
#[cfg(feature = "offline")]
mod calibrate;
mod camera;
mod camera_args;
mod config;
mod demo;
mod doctor;
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
mod logging;
#[cfg(feature = "offline")]
mod model;
mod outcome;
mod pipeline_run;
#[cfg(feature = "offline")]
mod prepare;
mod print;
mod profile;
mod progress;
#[cfg(feature = "offline")]
mod quantize;
mod record;
mod run;
mod run_args;
#[cfg(feature = "offline")]
mod score;
#[cfg(feature = "offline")]
mod score_kind;
mod shutdown;
mod telemetry_args;
mod thresholds;
mod validate;

pub use outcome::ExitOutcome;

/// Detects objects on the road that do not belong there, and alerts.
#[derive(Parser, Debug)]
#[command(name = "unmask", version, about, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    logs: logging::LogArgs,

    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Subcommand, Debug)]
enum CliCommand {
    /// Run the pipeline on a source and emit alerts
    Run(Box<run::RunArgs>),
    /// Run the pipeline on a synthetic drive; needs no argument
    Demo(demo::DemoArgs),
    /// Record the frames of a source
    Record(record::RecordArgs),
    /// Show a camera's formats, capture frames, and report its faults
    Camera(camera::CameraArgs),
    /// Measure the latency of every stage; write and compare profiles
    Profile(profile::ProfileArgs),
    /// Find the threshold for a false-alarm rate from normal driving
    Thresholds(thresholds::ThresholdArgs),
    /// Print the default configuration, with comments
    Config(config::ConfigArgs),
    /// Check a configuration without running it
    Validate(validate::ValidateArgs),
    /// Build a TensorRT plan for the GPU of this machine
    Build(build::BuildArgs),
    /// Check whether this machine can run the alarm, and say what to fix
    Doctor(doctor::DoctorArgs),
    /// Write one anomaly map (NumPy float32) per image
    #[cfg(feature = "offline")]
    Score(score::ScoreArgs),
    /// Compute benchmark metrics of a model or of saved anomaly maps
    #[cfg(feature = "offline")]
    Eval(eval::EvalArgs),
    /// Convert a checkpoint to an ONNX model
    #[cfg(feature = "offline")]
    Export(export::ExportArgs),
    /// Add camera input and anomaly score to a model's graph
    #[cfg(feature = "offline")]
    Prepare(prepare::PrepareArgs),
    /// Measure the value ranges of a model for INT8
    #[cfg(feature = "offline")]
    Calibrate(calibrate::CalibrateArgs),
    /// Convert a model to INT8 or FP16, and evaluate the result
    #[cfg(feature = "offline")]
    Quantize(quantize::QuantizeArgs),
    /// Learn normal driving from frames, and write it into a model
    #[cfg(feature = "offline")]
    Learn(learn::LearnArgs),
    /// Show a model's contents, its cost, and TensorRT's restrictions
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
    if let CliCommand::Build(args) = &cli.command
        && args.is_worker()
    {
        return build::work();
    }
    if let Err(error) = logging::start(cli.logs) {
        eprintln!("unmask: error: {error}");
        return ExitCode::from(2);
    }
    let prints = cli.command.prints();
    if prints && !unmask_system::stdout_is_open() {
        error!("stdout was closed when the program was started: the answer would be lost");
        return ExitCode::FAILURE;
    }
    let done = shutdown::listen().and_then(|()| match cli.command {
        #[cfg(feature = "offline")]
        CliCommand::Calibrate(args) => calibrate::run(&args),
        CliCommand::Build(args) => build::run(&args),
        CliCommand::Camera(args) => camera::run(&args),
        CliCommand::Doctor(args) => doctor::run(&args),
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
                error!("cannot write to stdout: {error}");
                return ExitCode::FAILURE;
            }
            // The files are what was asked for, and they are there.
            false => warn!("the summary cannot be written to stdout: {error}"),
        }
    }
    match done {
        Ok(ExitOutcome::Clean) => ExitCode::SUCCESS,
        Ok(ExitOutcome::SomeBadInputs) => ExitCode::from(2),
        Ok(ExitOutcome::Refused) => ExitCode::FAILURE,
        Ok(ExitOutcome::Stopped) => shutdown::end_by_signal(),
        Err(error) => {
            let text = escape_control(&error_chain(error.as_ref())).into_owned();
            let code = failure::exit_code(&error);
            if json && !error.is::<failure::Printed>() {
                failure::print_json(&text, i32::from(code));
            }
            error!("{text}");
            ExitCode::from(code)
        }
    }
}

impl CliCommand {
    /// Whether what is printed on stdout is the answer itself; else it is said of files.
    fn prints(&self) -> bool {
        match self {
            CliCommand::Build(_)
            | CliCommand::Camera(_)
            | CliCommand::Config(_)
            | CliCommand::Doctor(_)
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
            eprintln!("unmask: error: cannot write to stdout: {error}");
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
