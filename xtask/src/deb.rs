//! `cargo xtask deb`: the Debian package, the same bytes from the same sources.

mod contents;
mod roots;

use crate::apt::AptCache;
use crate::arch::{ArchChoice, TargetArch};
use crate::cache::Cache;
use crate::dist;
use crate::process::{ProcessRunner, clear, on_path, require};
use anyhow::{Context, bail};
use contents::Contents;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Arguments of `cargo xtask deb`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask deb --arch both
  cargo xtask deb --arch x86_64 --try

Writes target/dist/unmask_VERSION_ARCH.deb around the binary of `cargo xtask dist`. It is packed twice, the second
time a day later by the packer's clock, and the bytes must be equal; lintian looks at it where it is installed.
With --try it is installed, upgraded over an older one with an edited configuration, removed and purged in
Debian roots, and put into such a root as before flashing (mmdebstrap, its own rights or root; for another
processor the kernel must know qemu-user-static by binfmt_misc).

Exit code: 0 packed and every check passed; 1 not.")]
pub struct DebArgs {
    /// Which processor
    #[arg(long, value_enum, default_value_t = ArchChoice::Aarch64)]
    arch: ArchChoice,

    /// Install, upgrade, remove and purge it in Debian roots
    #[arg(long = "try")]
    attempt: bool,

    /// Take the binary that `cargo xtask dist` left instead of building it anew
    #[arg(long)]
    no_build: bool,

    /// Debian releases of these roots
    #[arg(long, value_delimiter = ',', default_values_t = ["bullseye", "bookworm", "trixie"].map(String::from))]
    releases: Vec<String>,

    /// Folder for what is fetched and unpacked [default: target/board]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// Runs the task.
pub fn run(args: &DebArgs) -> anyhow::Result<bool> {
    require(&[
        "cargo", "cc", "readelf", "strip", "dpkg-deb", "md5sum", "gzip",
    ])?;
    if args.attempt {
        require(&["mmdebstrap"])?;
    }
    let cache = Cache::open(args.cache.as_deref())?;
    let runner = ProcessRunner::new()?;
    let apt = AptCache::new(&runner, cache.folder(), cache.work())?;
    let pages = pages(&runner, &cache)?;
    for arch in args.arch.all() {
        let program = match args.no_build {
            true => dist::built(&runner, arch, &cache)?,
            false => dist::build(&apt, &runner, arch, &cache)?,
        };
        let contents = Contents::new(&runner, arch, &cache, program, &pages)?;
        let package = pack(&apt, &runner, &contents, &cache)?;
        lint(&runner, &package)?;
        if args.attempt {
            // An older version of the same package, to upgrade from.
            let older = contents.older();
            let before = cache.work().join("older.deb");
            one(&runner, &older, &cache, &before, None)?;
            // One that no root of this processor may take.
            let other = cache.work().join("other.deb");
            one(&runner, &contents.for_another(), &cache, &other, None)?;
            for release in &args.releases {
                let packages = [&*before, &*package, &*other];
                roots::attempt(&runner, arch, release, packages, &cache)?;
            }
        }
    }
    Ok(true)
}

/// Man pages and completions, made from the command line's definition.
fn pages(runner: &ProcessRunner, cache: &Cache) -> anyhow::Result<PathBuf> {
    let folder = cache.work().join("pages");
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(cache.repository())
        .args(["run", "--quiet", "--package", "command-pages", "--"])
        .arg(&folder);
    runner.output(&mut cargo, Duration::from_secs(3600))?;
    Ok(folder)
}

/// Packs twice, today and on another day, and compares the bytes.
fn pack(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    contents: &Contents,
    cache: &Cache,
) -> anyhow::Result<PathBuf> {
    let name = contents.file_name();
    let package = cache.repository().join("target/dist").join(&name);
    one(runner, contents, cache, &package, None)?;
    let again = cache.work().join(&name);
    let clock = other_clock(apt, runner, cache)?;
    one(runner, contents, cache, &again, Some(&clock))?;
    let (a, b) = (fs::read(&package)?, fs::read(&again)?);
    if a != b {
        bail!("{name}: two packings of the same files differ");
    }
    let sum = runner.output(
        Command::new("sha256sum").arg(&package),
        Duration::from_secs(60),
    )?;
    println!(
        "{}: {:.1} MB, the same bytes a day later, sha256 {}",
        package.display(),
        a.len() as f64 / 1e6,
        sum.split_whitespace().next().unwrap_or_default()
    );
    Ok(package)
}

/// How much later the second packing is made.
const LATER: &str = "+1d";

/// The library that has a program believe in another day, once it is seen to work.
fn other_clock(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    cache: &Cache,
) -> anyhow::Result<PathBuf> {
    let root = cache.folder().join("faketime");
    if !root.exists() {
        apt.unpack(&["libfaketime"], false, &root, &[])?;
    }
    let host = TargetArch::host()?.name();
    let library = root.join(format!(
        "usr/lib/{host}-linux-gnu/faketime/libfaketime.so.1"
    ));
    let day = |later: bool| -> anyhow::Result<String> {
        let mut date = Command::new("date");
        if later {
            date.env("LD_PRELOAD", &library).env("FAKETIME", LATER);
        }
        runner.output(date.args(["--utc", "+%F"]), Duration::from_secs(10))
    };
    if day(true)? == day(false)? {
        bail!("{} does not change the day", library.display());
    }
    Ok(library)
}

fn one(
    runner: &ProcessRunner,
    contents: &Contents,
    cache: &Cache,
    to: &Path,
    clock: Option<&Path>,
) -> anyhow::Result<()> {
    let tree = cache.work().join("tree");
    clear(&tree)?;
    contents.stage(runner, &tree)?;
    let mut pack = Command::new("dpkg-deb");
    pack.env("SOURCE_DATE_EPOCH", contents.epoch_s().to_string())
        // The number of threads changes where the blocks of the archive end.
        .env("DPKG_DEB_THREADS_MAX", "1")
        .args(["--root-owner-group", "-Zxz", "--build"])
        .arg(&tree)
        .arg(to);
    if let Some(clock) = clock {
        pack.env("LD_PRELOAD", clock).env("FAKETIME", LATER);
    }
    runner
        .output(&mut pack, Duration::from_secs(300))
        .with_context(|| format!("cannot pack {}", to.display()))?;
    Ok(())
}

/// What Debian's checker says: nothing, next to what is explained in the overrides.
fn lint(runner: &ProcessRunner, package: &Path) -> anyhow::Result<()> {
    if !on_path("lintian") {
        if unmask_oracle::is_required("lintian") {
            bail!(
                "lintian is not installed, and {}=1 forbids to do without",
                unmask_oracle::CI
            );
        }
        println!("skipped lintian: it is not installed");
        return Ok(());
    }
    let mut lintian = Command::new("lintian");
    lintian
        .args(["--allow-root", "--fail-on", "error,warning"])
        .arg(package);
    let output = runner.run(&mut lintian, Duration::from_secs(600))?;
    if !output.status.success() {
        bail!("lintian: {}{}", output.stdout, output.stderr);
    }
    println!("lintian: no error, no warning");
    Ok(())
}

/// Debian's name of the kind of processor, for messages.
fn name(arch: TargetArch) -> &'static str {
    arch.debian()
}
