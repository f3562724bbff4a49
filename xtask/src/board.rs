//! `cargo xtask board`: prepares, boots and asks the virtual board.

mod build;
mod cpio;
mod debian;
mod emulator;
mod image;
mod kernel;
mod report;

use crate::apt::AptCache;
use crate::arch::{ArchChoice, TargetArch};
use crate::cache::Cache;
use crate::process::{ProcessRunner, require};
use anyhow::Context;
use board_guest::{GuestPlan, ReportLine};
use debian::Init;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Arguments of `cargo xtask board`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask board --fast
  cargo xtask board --arch both --write
  cargo xtask board --only fault/
  cargo xtask board --init bullseye,trixie

Needs Debian's apt-get, dpkg-deb, tar and xz, and no rights. Kernel, emulator and cross compiler are fetched as Debian packages, unpacked under the cache and never
installed.

Exit code: 0 every case passed; 1 one did not, or the board could not be had.")]
pub struct BoardArgs {
    /// Leave the endurance cases out
    #[arg(long)]
    fast: bool,

    /// Which board
    #[arg(long, value_enum, default_value_t = ArchChoice::X86_64)]
    arch: ArchChoice,

    /// What it boots into; with systemd the packaged service is tried
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Init::Bare])]
    init: Vec<Init>,

    /// Folder for what is fetched and unpacked [default: target/board]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,

    /// Run only the cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Write the table into docs/board.md
    #[arg(long, conflicts_with = "only")]
    write: bool,

    /// Copy the board's serial log here
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// Longest time that one board may run, in seconds
    #[arg(long, value_name = "S", default_value_t = 7200)]
    limit: u64,
}

/// Runs the task. True if every case passed.
pub fn run(args: &BoardArgs) -> anyhow::Result<bool> {
    require(&["cargo", "cc", "ldd", "strip"])?;
    let cache = Cache::open(args.cache.as_deref())?;
    let all = boards_in(args, &cache)?;
    report::print(&all);
    if args.write {
        report::write(&cache.repository().join("docs/board.md"), &all)?;
    }
    Ok(all.iter().all(report::BoardReport::passed))
}

fn boards_in(args: &BoardArgs, cache: &Cache) -> anyhow::Result<Vec<report::BoardReport>> {
    let runner = ProcessRunner::new()?;
    let apt = AptCache::new(&runner, cache.folder(), cache.work())?;
    let mut all = Vec::new();
    for arch in args.arch.all() {
        for &init in &args.init {
            all.push(one(args, &apt, &runner, arch, init, cache)?);
        }
    }
    Ok(all)
}

/// Prepares and boots one board.
fn one(
    args: &BoardArgs,
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    arch: TargetArch,
    init: Init,
    cache: &Cache,
) -> anyhow::Result<report::BoardReport> {
    let started = Instant::now();
    let (repository, folder, work) = (cache.repository(), cache.folder(), cache.work());
    let kernel = kernel::prepare(apt, runner, arch, folder, work)?;
    let emulator = emulator::find(apt, arch, folder)?;
    let (programs, root) = match init.codename() {
        None => (
            build::build(apt, runner, arch, repository, folder, work)?,
            None,
        ),
        Some(release) => (
            build::for_any_root(apt, runner, arch, cache)?,
            Some(debian::root(apt, arch, release, folder)?),
        ),
    };
    let plan = GuestPlan {
        fast: args.fast,
        only: args.only.clone(),
        systemd: root.is_some(),
    };
    let initrd = work.join("initrd");
    image::write(
        &initrd,
        &kernel,
        &programs,
        root.as_deref(),
        repository,
        &plan,
    )?;
    eprintln!(
        "board: {} with kernel {} is ready after {:.0} s",
        arch.name(),
        kernel.release,
        started.elapsed().as_secs_f64()
    );
    let serial = work.join("serial");
    let mut board = report::BoardReport::new(report::Label { arch, init });
    let ended = emulator.boot(
        runner,
        &kernel.image,
        &initrd,
        &serial,
        Duration::from_secs(args.limit),
        |line| {
            if let ReportLine::Case(case) = &line {
                eprintln!("{}", report::one_line(case));
            }
            board.take(line);
        },
    );
    if let Some(log) = &args.log {
        fs::copy(&serial, log).with_context(|| format!("cannot write {}", log.display()))?;
    }
    ended?;
    if !board.whole() {
        board.stopped(&report::tail(&serial, 30));
    }
    Ok(board)
}
