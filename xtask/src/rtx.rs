//! `cargo xtask rtx`: our graphs and the binding against NVIDIA's own parser and builder.
//!
//! TensorRT-RTX builds plans without a GPU. It is proprietary: it is fetched by who runs this, into
//! the cache only, and never becomes part of the tree or of a release.

use anyhow::{Context, bail, ensure};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Arguments of `cargo xtask rtx`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask rtx --fast
  cargo xtask rtx --all
  cargo xtask rtx --folder ~/tensorrt_rtx_libs

Needs python3 with pip to fetch the library (89 MB). It is NVIDIA's and proprietary: by running this
you accept its licence, which lies beside it. Among other things it forbids redistribution, and use
where failure may threaten life without a separate agreement.

Exit code: 0 every test passed; 1 one did not, was skipped, or the library could not be had.")]
pub struct RtxArgs {
    /// Folder with libtensorrt_rtx.so.1 and libtensorrt_onnxparser_rtx.so.1 [default: fetched]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// Folder for what is fetched [default: target/rtx]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,

    /// Test the binding and the operators only
    #[arg(long)]
    fast: bool,

    /// Build the large networks, too
    #[arg(long, conflicts_with = "fast")]
    all: bool,

    /// Print where the library lies, and test nothing
    #[arg(long)]
    fetch_only: bool,
}

/// A package of PyPI.
struct Package {
    name: &'static str,
    platform: &'static str,
    sha256: &'static str,
    /// Folder of the libraries inside.
    libraries: &'static str,
}

const VERSION: &str = "1.7.1.116";

/// The package for this machine.
fn package() -> anyhow::Result<Package> {
    Ok(match std::env::consts::ARCH {
        "x86_64" => Package {
            name: "tensorrt_rtx_cu12_libs",
            platform: "manylinux_2_28_x86_64",
            sha256: "68c2615fef1556e7721235682f460f3d78ab89df320a3f34a416367b144817a8",
            libraries: "tensorrt_rtx_libs",
        },
        "aarch64" => Package {
            name: "tensorrt_rtx_cu13_libs",
            platform: "manylinux_2_35_aarch64",
            sha256: "ec8b6cb95a8ea61e31d544dbc5039d35219b311999f92c518a3889aaae74359c",
            libraries: "tensorrt_rtx_libs",
        },
        other => bail!("TensorRT-RTX exists for x86_64 and aarch64 only, this is {other}"),
    })
}

/// What is tested: package, name of the tests' file, whether it is one of the fast ones.
const SUITES: [(&str, &str, bool); 3] = [
    ("unmask-tensorrt", "rtx", true),
    ("unmask-graph", "rtx_operators", true),
    ("unmask-graph", "rtx_graphs", false),
];

/// Runs the task. True if every test passed.
pub fn run(args: &RtxArgs) -> anyhow::Result<bool> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in no repository")?;
    let folder = match &args.folder {
        Some(folder) => std::path::absolute(folder)?,
        None => {
            let cache = match &args.cache {
                Some(folder) => std::path::absolute(folder)?,
                None => repository.join("target/rtx"),
            };
            fetch(&package()?, &cache)?
        }
    };
    let library = folder.join("libtensorrt_rtx.so.1");
    ensure!(
        library.exists(),
        "{}: not there; name the folder of the two libraries",
        library.display()
    );
    println!("TensorRT-RTX in {}", folder.display());
    if args.fetch_only {
        return Ok(true);
    }
    let mut passed = true;
    for (package, suite, _) in SUITES.iter().filter(|(.., fast)| *fast || !args.fast) {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(repository)
            .args(["test", "--package", package, "--test", suite]);
        cargo.args(["--", "--nocapture", "--test-threads", "1"]);
        cargo.env("UNMASK_RTX", &folder);
        if args.all {
            cargo.env("UNMASK_RTX_ALL", "1");
        }
        passed &= tests_pass(&mut cargo).with_context(|| format!("tests of {package}"))?;
    }
    Ok(passed)
}

/// Runs `cargo`, passing its output on. A test that was skipped counts as one that failed: the
/// library is there, so nothing may be missing.
fn tests_pass(cargo: &mut Command) -> anyhow::Result<bool> {
    let mut child = cargo
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let stderr = child.stderr.take().context("cargo gives no output")?;
    let mut skipped = Vec::new();
    for line in BufReader::new(stderr).lines() {
        let line = line?;
        eprintln!("{line}");
        if line.starts_with("skipped ") {
            skipped.push(line);
        }
    }
    let status = child.wait()?;
    Ok(status.success() && skipped.is_empty())
}

/// The package's libraries, fetched and unpacked under `cache` if they are not there.
fn fetch(package: &Package, cache: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let lock = File::create(cache.join("lock"))?;
    lock.lock()
        .with_context(|| format!("cannot lock {}", cache.display()))?;
    let folder = cache.join(format!("{}-{VERSION}", package.name));
    let libraries = folder.join(package.libraries);
    if libraries.exists() {
        return Ok(libraries);
    }
    eprintln!(
        "rtx: fetching {} {VERSION}, which is proprietary to NVIDIA",
        package.name
    );
    let work = tempfile::tempdir_in(cache)?;
    let wanted = work.path().join("wanted.txt");
    let line = format!(
        "{}=={VERSION} --hash=sha256:{}\n",
        package.name, package.sha256
    );
    fs::write(&wanted, line)?;
    let unpacked = work.path().join("unpacked");
    let output = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
        ])
        .args(["--disable-pip-version-check", "--require-hashes"])
        .args(["--only-binary", ":all:", "--platform", package.platform])
        .arg("--target")
        .arg(&unpacked)
        .arg("--requirement")
        .arg(&wanted)
        .output()
        .context("cannot start python3, which fetches the library; install python3 and pip")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "pip could not fetch {} {VERSION}: {}",
            package.name,
            said.trim()
        );
    }
    // Whole or not at all.
    fs::rename(&unpacked, &folder)?;
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_test_fails_the_task() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            tests_pass(&mut command).unwrap()
        };
        assert!(shell("echo fine >&2"));
        assert!(!shell("exit 1"));
        assert!(!shell("echo 'skipped this_test: no library' >&2"));
    }

    #[test]
    fn libraries_at_hand_are_not_fetched() {
        let cache = tempfile::tempdir().unwrap();
        let package = Package {
            name: "no-such-package",
            platform: "p",
            sha256: "0",
            libraries: "libs",
        };
        let folder = cache.path().join(format!("no-such-package-{VERSION}/libs"));
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(fetch(&package, cache.path()).unwrap(), folder);
    }
}
