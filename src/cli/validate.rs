//! `unmask validate`.

use super::Outcome;
use crate::config::Config;
use anyhow::{Context, bail};
use std::path::PathBuf;

/// Arguments of `unmask validate`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  unmask validate my.toml

Exit code: 0 the configuration is good; 1 it is not: the error names line, key and what is wanted.")]
pub struct Args {
    /// The configuration, TOML
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let config = Config::read(&args.file)?;
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
    eprintln!("{path} is good");
    Ok(Outcome::Clean)
}
