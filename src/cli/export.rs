//! `unmask export`.

use super::Outcome;

/// Arguments of `unmask export`.
#[derive(clap::Args, Debug)]
pub struct Args {}

pub(super) fn run(_args: &Args) -> anyhow::Result<Outcome> {
    anyhow::bail!("not built yet")
}
