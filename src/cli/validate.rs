//! `unmask validate`.

use super::ExitOutcome;
use crate::config::RunConfig;
use crate::sink::{SinkUri, check_broker_settings, try_broker};
use anyhow::{Context, bail};
use std::path::PathBuf;
use tracing::warn;

/// Arguments of `unmask validate`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask validate my.toml
  unmask validate --offline my.toml

Connects to every broker, to find out whether it would accept alerts; nothing is published. A broker
that cannot be reached is no error.

Exit code: 0 the configuration is valid; 78 it is not: the error names line, key and what is wanted; 1 a
file that it names is missing, or a broker refuses alerts.")]
pub struct ValidateArgs {
    /// Do not connect to brokers
    #[arg(long)]
    offline: bool,

    /// TOML configuration
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(args: &ValidateArgs) -> anyhow::Result<ExitOutcome> {
    let config = RunConfig::read(&args.file)?;
    let path = args.file.display();
    let usual = config.model.file.iter().map(|file| ("model.file", file));
    let steps = config.ladder.steps.iter();
    let others = steps.filter_map(|step| Some(("ladder.steps.model", step.model.as_ref()?)));
    for (key, model) in usual.chain(others) {
        let known = std::fs::metadata(model)
            .with_context(|| format!("{path}, key `{key}`: cannot find {}", model.display()))?;
        if !known.is_file() {
            bail!("{path}, key `{key}`: {} is no file", model.display());
        }
    }
    for (key, file) in config.sink.files() {
        unmask_frame::open_regular_file(file)
            .with_context(|| format!("{path}, key `sink.{key}`: cannot read {}", file.display()))?;
    }
    for target in &config.sink.alerts {
        let SinkUri::Mqtt(broker) = target else {
            continue;
        };
        let asked = match args.offline {
            true => check_broker_settings(broker, &config.sink.mqtt).map(|()| None),
            false => try_broker(broker, &config.sink.mqtt),
        };
        match asked.with_context(|| format!("{path}, key `sink.alerts`"))? {
            None => {}
            Some(fault) if fault.permanent => bail!("{path}, key `sink.alerts`: {broker}: {fault}"),
            Some(fault) => warn!("{path}: {broker} cannot be reached now: {fault}"),
        }
    }
    eprintln!("{path} is valid");
    Ok(ExitOutcome::Clean)
}
