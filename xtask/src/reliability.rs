//! `cargo xtask reliability`: what must hold under faults, tried against the program itself.
//!
//! A suite tries many cases and says of each whether it held, and what became of the alerts. The
//! suites that need nothing but the program's own tests run those and add up what they print.

mod account;
mod broker;
mod brokers;
mod clock;
mod descriptors;
mod disk;
mod files;
mod frames;
mod kill;
mod packet;
mod program;
mod scene;
mod signals;
mod soak;
mod suite;
mod table;
mod tests;

use crate::process::ProcessRunner;
use anyhow::{Context, bail};
use program::Program;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use suite::SuiteResult;

/// Arguments of `cargo xtask reliability`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask reliability
  cargo xtask reliability --suite kill,signals
  cargo xtask reliability --suite soak --minutes 1440
  cargo xtask reliability --write

The suite `disk` mounts file systems of its own and wants root; `clock` wants libfaketime; `tls` wants
mosquitto and openssl. What is missing is named, and its cases are skipped.

Exit code: 0 everything held; 1 something did not.")]
pub struct ReliabilityArgs {
    /// Suites to run, with commas between them [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    suite: Vec<String>,

    /// Length of the suite `soak`
    #[arg(long, value_name = "N", default_value_t = 5)]
    minutes: u64,

    /// The program to try [default: built from this tree]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// Write the figures into docs/reliability.md
    #[arg(long)]
    write: bool,
}

/// What every suite is given.
struct SuiteContext {
    program: Program,
    repository: PathBuf,
    minutes: u64,
}

type RunSuite = fn(&SuiteContext) -> anyhow::Result<SuiteResult>;

/// All suites, in the order of the table.
const SUITES: [(&str, RunSuite); 15] = [
    ("inject", tests::inject),
    ("files", files::run),
    ("disk", disk::run),
    ("kill", kill::run),
    ("brokers", brokers::run),
    ("tls", tests::tls),
    ("ids", tests::ids),
    ("clock", clock::run),
    ("descriptors", descriptors::run),
    ("signals", signals::run),
    ("metrics", tests::metrics),
    ("frames", frames::run),
    ("streams", tests::streams),
    ("fuzz", tests::fuzz),
    ("soak", soak::run),
];

/// Runs the task. True if everything held.
pub fn run(args: &ReliabilityArgs) -> anyhow::Result<bool> {
    for name in &args.suite {
        if !SUITES.iter().any(|(known, _)| known == name) {
            let known: Vec<&str> = SUITES.iter().map(|(name, _)| *name).collect();
            bail!("unknown suite `{name}`; known: {}", known.join(", "));
        }
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in no repository")?
        .to_path_buf();
    let program = match &args.program {
        Some(program) => std::path::absolute(program)?,
        None => build(&repository)?,
    };
    let context = SuiteContext {
        program: Program::new(program, &repository)?,
        repository,
        minutes: args.minutes,
    };
    let wanted = |name: &str| args.suite.is_empty() || args.suite.iter().any(|one| one == name);
    let mut held = true;
    let mut rows = Vec::new();
    println!("{}", table::HEAD);
    for (name, suite) in SUITES.iter().filter(|(name, _)| wanted(name)) {
        let start = Instant::now();
        let result = suite(&context).with_context(|| format!("suite {name}"))?;
        let row = table::row(name, &result, start.elapsed());
        println!("{row}");
        for failure in &result.failures {
            println!("  did not hold: {failure}");
        }
        for skipped in &result.skipped {
            println!("  skipped: {skipped}");
        }
        held &= result.failures.is_empty();
        rows.push((*name, row));
    }
    if args.write {
        table::write(&context.repository.join("docs/reliability.md"), &rows)?;
    }
    Ok(held)
}

/// Builds the program of this tree.
fn build(repository: &Path) -> anyhow::Result<PathBuf> {
    let runner = ProcessRunner::new()?;
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(repository)
        .args(["build", "--package", "unmask"]);
    let status = runner.watch(&mut cargo, Duration::from_secs(3600), || Ok(()))?;
    if !status.success() {
        bail!("the program cannot be built");
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Ok(repository.join(target).join("debug/unmask"))
}
