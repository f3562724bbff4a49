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

Writes target/dist/unmask_VERSION_ARCH.deb around the binary of `cargo xtask dist`. It is packed twice, and the
bytes must be equal; lintian looks at it where it is installed. With --try it is installed, upgraded over an
older one with an edited configuration, removed and purged in Debian roots (mmdebstrap, its own rights or
root).

Exit code: 0 packed and every check passed; 1 not.")]
pub struct DebArgs {
    /// Which processor
    #[arg(long, value_enum, default_value_t = ArchChoice::Aarch64)]
    arch: ArchChoice,

    /// Install, upgrade, remove and purge it in Debian roots
    #[arg(long = "try")]
    attempt: bool,

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
        let program = dist::build(&apt, &runner, arch, &cache)?;
        let contents = Contents::new(&runner, arch, &cache, program, &pages)?;
        let package = pack(&runner, &contents, &cache)?;
        lint(&runner, &package)?;
        if args.attempt {
            // An older version of the same package, to upgrade from.
            let older = contents.older();
            let before = cache.work().join("older.deb");
            one(&runner, &older, &cache, &before)?;
            for release in &args.releases {
                roots::attempt(&runner, arch, release, &before, &package, &cache)?;
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

/// Packs twice and compares the bytes.
fn pack(runner: &ProcessRunner, contents: &Contents, cache: &Cache) -> anyhow::Result<PathBuf> {
    let name = contents.file_name();
    let package = cache.repository().join("target/dist").join(&name);
    one(runner, contents, cache, &package)?;
    let again = cache.work().join(&name);
    one(runner, contents, cache, &again)?;
    let (a, b) = (fs::read(&package)?, fs::read(&again)?);
    if a != b {
        bail!("{name}: two packings of the same files differ");
    }
    println!("{}: {:.1} MB", package.display(), a.len() as f64 / 1e6);
    Ok(package)
}

fn one(
    runner: &ProcessRunner,
    contents: &Contents,
    cache: &Cache,
    to: &Path,
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
