//! Writes man pages and shell completions of `unmask` into a folder.
#![forbid(unsafe_code)]

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("command-pages FOLDER: wanted is one folder to write into");
    };
    pages(&folder.join("man1"))?;
    completions(&folder)
}

/// One page for the program and one for each subcommand.
fn pages(folder: &Path) -> anyhow::Result<()> {
    make(folder)?;
    let command = unmask::cli::Cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, folder)
        .with_context(|| format!("cannot write the man pages into {}", folder.display()))
}

fn completions(folder: &Path) -> anyhow::Result<()> {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let folder = folder.join(shell.to_string());
        make(&folder)?;
        generate_to(shell, &mut unmask::cli::Cli::command(), "unmask", &folder)
            .with_context(|| format!("cannot write the completion into {}", folder.display()))?;
    }
    Ok(())
}

fn make(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}
