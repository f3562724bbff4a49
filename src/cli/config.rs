//! `unmask config`.

use super::Outcome;
use crate::config::TEMPLATE;
use anyhow::Context;
use std::io::Write;

/// Arguments of `unmask config`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  unmask config > my.toml

Every key with its default and what it means. Lines that begin with `#:` show keys that are absent
by default.")]
pub struct Args {}

pub(super) fn run(_: &Args) -> anyhow::Result<Outcome> {
    let mut out = std::io::stdout().lock();
    out.write_all(TEMPLATE.as_bytes())
        .context("cannot print the configuration")?;
    Ok(Outcome::Clean)
}
