//! `cargo xtask dist`: the release binary for a kind of processor, checked and tried.

mod alerts;
mod elf;

use crate::apt::AptCache;
use crate::arch::{ArchChoice, TargetArch};
use crate::cache::Cache;
use crate::process::{ProcessRunner, require};
use crate::toolchain::Toolchain;
use anyhow::{Context, bail};
pub use elf::newest_glibc;
use std::fs;
use std::path::{Path, PathBuf};

/// Largest binary without symbols and without models, bytes.
const LARGEST: u64 = 20_000_000;
/// The newest glibc that the binary may ask for: that of JetPack 6.
const NEWEST_GLIBC: (u32, u32) = (2, 35);

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask dist --arch aarch64
  cargo xtask dist --arch both
  cargo xtask dist --check

Writes target/dist/ARCH/unmask: the release binary without symbols, linked against Debian 11's C
library (glibc 2.31). Checked are its size, the glibc it asks for, that it holds no path of this machine, and
that it runs: a few frames of the synthetic drive with a tiny model, under qemu's user emulation where the
processor is another. With `both` the alerts of the two are compared. With --check the programs, with the offline
tools and without, are only compiled.

Exit code: 0 every check passed; 1 one did not.")]
pub struct DistArgs {
    /// Which processor
    #[arg(long, value_enum, default_value_t = ArchChoice::Aarch64)]
    arch: ArchChoice,

    /// Only check that the programs compile
    #[arg(long)]
    check: bool,

    /// Folder for what is fetched and unpacked [default: target/board]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// Runs the task.
pub fn run(args: &DistArgs) -> anyhow::Result<bool> {
    require(match args.check {
        true => &["cargo", "cc"],
        false => &["cargo", "cc", "readelf", "strip"],
    })?;
    let cache = Cache::open(args.cache.as_deref())?;
    let runner = ProcessRunner::new()?;
    let apt = AptCache::new(&runner, cache.folder(), cache.work())?;
    if args.check {
        for arch in args.arch.all() {
            compiles(&apt, &runner, arch, &cache)?;
        }
        return Ok(true);
    }
    let mut seen: Vec<(TargetArch, alerts::Alerts)> = Vec::new();
    for arch in args.arch.all() {
        let program = build(&apt, &runner, arch, &cache)?;
        let alerts = alerts::of(&apt, &runner, arch, &cache, &program)?;
        println!("{}: {} alerts of a few frames", arch.name(), alerts.len());
        seen.push((arch, alerts));
    }
    if let [(first, wanted), (second, found)] = seen.as_slice() {
        alerts::compare(wanted, found)
            .with_context(|| format!("{} and {} differ", first.name(), second.name()))?;
        println!(
            "{} and {} give the same alerts",
            first.name(),
            second.name()
        );
    }
    Ok(true)
}

/// Checks that the firmware and everything compile.
fn compiles(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    arch: TargetArch,
    cache: &Cache,
) -> anyhow::Result<()> {
    let toolchain = match arch == TargetArch::host()? {
        true => Toolchain::of_machine(arch),
        false => Toolchain::cross(apt, runner, arch, cache.folder())?,
    };
    for (package, more) in [
        ("unmask", &["--no-default-features"][..]),
        ("unmask", &[]),
        ("unmask-tensorrt", &[]),
    ] {
        eprintln!(
            "dist: checking {package} {} for {}",
            more.join(" "),
            arch.name()
        );
        toolchain.check(runner, cache.repository(), package, more)?;
    }
    println!(
        "{}: firmware, offline tools and TensorRT binding compile",
        arch.name()
    );
    Ok(())
}

/// The binary that was built before, checked.
pub fn built(runner: &ProcessRunner, arch: TargetArch, cache: &Cache) -> anyhow::Result<PathBuf> {
    let repository = cache.repository();
    let program = repository
        .join("target/dist")
        .join(arch.name())
        .join("unmask");
    check(runner, &program, repository)?;
    Ok(program)
}

/// Builds, strips and checks the binary. Gives its place.
pub fn build(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    arch: TargetArch,
    cache: &Cache,
) -> anyhow::Result<PathBuf> {
    let repository = cache.repository();
    let toolchain = Toolchain::oldest(apt, runner, arch, repository, cache.folder())?;
    eprintln!("dist: building for {}", arch.name());
    let built = toolchain.build(runner, repository, "unmask", &["--release"])?;
    let folder = repository.join("target/dist").join(arch.name());
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let program = folder.join("unmask");
    toolchain.strip(runner, &built, &program)?;
    check(runner, &program, repository)?;
    Ok(program)
}

/// Size, C library and strings of a binary.
fn check(runner: &ProcessRunner, program: &Path, repository: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let size = bytes.len() as u64;
    if size > LARGEST {
        bail!(
            "{} has {size} bytes, more than {LARGEST}",
            program.display()
        );
    }
    let wanted = elf::newest_glibc(runner, program)?;
    if wanted > NEWEST_GLIBC {
        bail!(
            "{} asks for glibc {}.{}, which JetPack 6 ({}.{}) has not",
            program.display(),
            wanted.0,
            wanted.1,
            NEWEST_GLIBC.0,
            NEWEST_GLIBC.1
        );
    }
    for folder in [Some(repository.to_path_buf()), std::env::home_dir()] {
        let Some(folder) = folder.filter(|folder| folder.components().count() > 1) else {
            continue;
        };
        let text = format!("{}/", folder.display());
        if let Some(at) = find(&bytes, text.as_bytes()) {
            let end = (at + 120).min(bytes.len());
            bail!(
                "{} holds a path of this machine: {}",
                program.display(),
                String::from_utf8_lossy(&bytes[at..end])
            );
        }
    }
    println!(
        "{}: {:.1} MB, glibc {}.{} or newer",
        program.display(),
        size as f64 / 1e6,
        wanted.0,
        wanted.1
    );
    Ok(())
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}
