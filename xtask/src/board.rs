//! `cargo xtask board`: prepares, boots and asks the virtual board.

mod apt;
mod build;
mod emulator;
mod image;
mod kernel;
mod process;
mod report;

use anyhow::{Context, bail};
use apt::Apt;
use board_guest::{Line, Plan};
use process::Runner;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Arguments of `cargo xtask board`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask board --fast
  cargo xtask board --arch both --write
  cargo xtask board --only fault/

Needs Debian's apt-get, dpkg-deb, tar and xz, and no rights. Kernel, emulator and cross compiler are fetched as Debian packages, unpacked under the cache and never
installed.

Exit code: 0 every case passed; 1 one did not, or the board could not be had.")]
pub struct Args {
    /// Leave the endurance cases out
    #[arg(long)]
    fast: bool,

    /// Which board
    #[arg(long, value_enum, default_value_t = Boards::X86_64)]
    arch: Boards,

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

/// Which boards to boot.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
enum Boards {
    /// A PC
    #[value(name = "x86_64")]
    X86_64,
    /// A board like a Jetson
    Aarch64,
    /// One after the other
    Both,
}

/// A kind of processor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arch {
    /// 64-bit PC.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

impl Arch {
    /// Name in Rust's targets and in the emulator's programs.
    fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Name in Debian's packages.
    fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// Rust's target.
    fn target(self) -> String {
        format!("{}-unknown-linux-gnu", self.name())
    }

    /// That of this machine.
    fn host() -> anyhow::Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::X86_64),
            "aarch64" => Ok(Self::Aarch64),
            other => bail!("the board is prepared on x86_64 or aarch64 only, this is {other}"),
        }
    }
}

/// Runs the task. True if every case passed.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let boards = match args.arch {
        Boards::X86_64 => vec![Arch::X86_64],
        Boards::Aarch64 => vec![Arch::Aarch64],
        Boards::Both => vec![Arch::X86_64, Arch::Aarch64],
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in no repository")?;
    let cache = match &args.cache {
        Some(dir) => std::path::absolute(dir)?,
        None => repository.join("target/board"),
    };
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let lock = File::create(cache.join("lock"))?;
    if lock.try_lock().is_err() {
        bail!(
            "another `cargo xtask board` works in {}; wait for it or name another --cache",
            cache.display()
        );
    }
    // Only what a killed run left: the lock says that nobody else works here.
    let work = cache.join("work");
    clear(&work)?;
    fs::create_dir_all(&work)?;
    let all = boards_in(args, &boards, repository, &cache, &work);
    clear(&work)?;
    let all = all?;
    report::print(&all);
    if args.write {
        report::write(&repository.join("docs/board.md"), &all)?;
    }
    Ok(all.iter().all(report::Board::passed))
}

fn clear(work: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(work) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot clear {}", work.display()))
        }
        _ => Ok(()),
    }
}

fn boards_in(
    args: &Args,
    boards: &[Arch],
    repository: &Path,
    cache: &Path,
    work: &Path,
) -> anyhow::Result<Vec<report::Board>> {
    let runner = Runner::new()?;
    let mut all = Vec::new();
    for &arch in boards {
        let started = Instant::now();
        let apt = Apt::new(&runner, cache, work)?;
        let kernel = kernel::prepare(&apt, &runner, arch, cache, work)?;
        let emulator = emulator::find(&apt, arch, cache)?;
        let programs = build::build(&apt, &runner, arch, repository, cache, work)?;
        let plan = Plan {
            fast: args.fast,
            only: args.only.clone(),
        };
        let initrd = work.join("initrd");
        image::write(&initrd, &kernel, &programs, repository, &plan)?;
        eprintln!(
            "board: {} with kernel {} is ready after {:.0} s",
            arch.name(),
            kernel.release,
            started.elapsed().as_secs_f64()
        );
        let serial = work.join("serial");
        let mut board = report::Board::new(arch.name());
        let ended = emulator.boot(
            &runner,
            &kernel.image,
            &initrd,
            &serial,
            Duration::from_secs(args.limit),
            |line| {
                if let Line::Case(case) = &line {
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
        all.push(board);
    }
    Ok(all)
}
