//! `unmask config`.

use super::ExitOutcome;
use crate::config::TEMPLATE;
use anyhow::Context;
use std::io::Write;

/// Arguments of `unmask config`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  unmask config > my.toml

Prints every key with its default and its meaning. Lines that begin with `#:` show keys that are
absent by default.")]
pub struct ConfigArgs {}

pub(super) fn run(_: &ConfigArgs) -> anyhow::Result<ExitOutcome> {
    let mut out = std::io::stdout().lock();
    out.write_all(TEMPLATE.as_bytes())
        .context("cannot print the configuration")?;
    Ok(ExitOutcome::Clean)
}
