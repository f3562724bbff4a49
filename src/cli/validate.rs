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
    if let Some(model) = &config.model.file {
        let known = std::fs::metadata(model).with_context(|| {
            format!("{path}, key `model.file`: cannot find {}", model.display())
        })?;
        if !known.is_file() {
            bail!("{path}, key `model.file`: {} is no file", model.display());
        }
    }
    eprintln!("{path} is good");
    Ok(Outcome::Clean)
}
