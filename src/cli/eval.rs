//! `unmask eval`.

use super::Outcome;

/// Arguments of `unmask eval`.
#[derive(clap::Args, Debug)]
pub struct Args {}

pub(super) fn run(_args: &Args) -> anyhow::Result<Outcome> {
    anyhow::bail!("not built yet")
}
