//! How programs are built for a kind of processor: on this machine, with Debian's cross compiler,
//! or against the oldest C library that the product runs on.

use crate::apt::AptCache;
use crate::arch::TargetArch;
use crate::process::{ProcessRunner, last_lines, on_path};
use anyhow::{Context, bail};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Longest time for one build.
const LIMIT: Duration = Duration::from_secs(3600);

/// The Debian release with glibc 2.31, which is that of JetPack 5: what is linked against it runs
/// there, on JetPack 6 (2.35) and on all that is newer.
pub const OLDEST: &str = "bullseye";

/// What cargo needs to build for a kind of processor.
pub struct Toolchain {
    arch: TargetArch,
    /// Environment of cargo.
    environment: Vec<(String, OsString)>,
    /// Folder of cargo's own; the repository's where it builds for this machine.
    target_folder: Option<PathBuf>,
    /// Root with the C library of the programs, if it is not this machine's.
    root: Option<PathBuf>,
    /// The program that takes symbols out.
    strip: PathBuf,
    /// What links the programs themselves, where it is not what links all else.
    last_linker: Option<PathBuf>,
}

impl Toolchain {
    /// As `cargo build` does it.
    pub fn of_machine(arch: TargetArch) -> Self {
        Self {
            arch,
            environment: Vec::new(),
            target_folder: None,
            root: None,
            strip: "strip".into(),
            last_linker: None,
        }
    }

    /// Debian's cross compiler, and Debian's Rust where rustup has not the target.
    pub fn cross(
        apt: &AptCache<'_>,
        runner: &ProcessRunner,
        arch: TargetArch,
        cache: &Path,
    ) -> anyhow::Result<Self> {
        let (compiler, strip, root) = cross_compiler(apt, arch, cache)?;
        let linker = cache.join(format!("cc-{}", arch.name()));
        let line = format!("{compiler} --sysroot={} \"$@\"\n", quoted(&root));
        script(&linker, &line)?;
        Ok(Self {
            arch,
            environment: environment(apt, runner, arch, cache, &linker)?,
            target_folder: Some(cache.join("cross")),
            root: Some(root),
            strip,
            last_linker: None,
        })
    }

    /// The same, or this machine's compiler, with the oldest C library to run on.
    pub fn oldest(
        apt: &AptCache<'_>,
        runner: &ProcessRunner,
        arch: TargetArch,
        repository: &Path,
        cache: &Path,
    ) -> anyhow::Result<Self> {
        let (linker, root) = oldest_linker(apt, arch, cache)?;
        let mut environment = environment(apt, runner, arch, cache, &linker)?;
        environment.push(("CARGO_ENCODED_RUSTFLAGS".into(), flags(repository)?));
        let strip = match arch == TargetArch::host()? {
            true => PathBuf::from("strip"),
            false => cross_compiler(apt, arch, cache)?.1,
        };
        Ok(Self {
            arch,
            environment,
            target_folder: Some(cache.join("release")),
            root: Some(root),
            strip,
            last_linker: None,
        })
    }

    /// Links the programs with the oldest C library to run on; all that they are made of stays as it
    /// is, and is not built again.
    pub fn linked_with_oldest(mut self, apt: &AptCache<'_>, cache: &Path) -> anyhow::Result<Self> {
        let (linker, root) = oldest_linker(apt, self.arch, cache)?;
        self.last_linker = Some(linker);
        self.root = Some(root);
        Ok(self)
    }

    /// Root with the C library of the programs, if it is not this machine's.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Builds a package of the workspace. Gives the program of the package's name.
    pub fn build(
        &self,
        runner: &ProcessRunner,
        repository: &Path,
        package: &str,
        more: &[&str],
    ) -> anyhow::Result<PathBuf> {
        let mut cargo = Command::new("cargo");
        let task = match self.last_linker {
            Some(_) => "rustc",
            None => "build",
        };
        cargo
            .current_dir(repository)
            .args([task, "--package", package, "--bin", package])
            .args(["--message-format", "json-render-diagnostics"])
            .args(more)
            .envs(self.environment.iter().map(|(k, v)| (k, v)));
        if let Some(folder) = &self.target_folder {
            cargo
                .args(["--target", &self.arch.target()])
                .arg("--target-dir")
                .arg(folder);
        }
        if let Some(linker) = &self.last_linker {
            cargo.args(["--", "-C"]);
            cargo.arg(format!("linker={}", linker.display()));
        }
        let output = runner.run(&mut cargo, LIMIT)?;
        if !output.status.success() {
            bail!(
                "cannot build {package} for {}: {}",
                self.arch.name(),
                last_lines(&output.stderr, 40)
            );
        }
        executable(&output.stdout, package)
            .with_context(|| format!("cargo named no program of {package}"))
    }

    /// Checks that a package of the workspace compiles, without linking it.
    pub fn check(
        &self,
        runner: &ProcessRunner,
        repository: &Path,
        package: &str,
        more: &[&str],
    ) -> anyhow::Result<()> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(repository)
            .args(["check", "--package", package])
            .args(more)
            .envs(self.environment.iter().map(|(k, v)| (k, v)));
        if let Some(folder) = &self.target_folder {
            cargo
                .args(["--target", &self.arch.target()])
                .arg("--target-dir")
                .arg(folder);
        }
        let output = runner.run(&mut cargo, LIMIT)?;
        if !output.status.success() {
            bail!(
                "{package} does not compile for {}: {}",
                self.arch.name(),
                last_lines(&output.stderr, 40)
            );
        }
        Ok(())
    }

    /// Copies a program without its symbols.
    pub fn strip(&self, runner: &ProcessRunner, from: &Path, to: &Path) -> anyhow::Result<()> {
        let mut command = Command::new(&self.strip);
        command.arg("-o").arg(to).arg(from);
        runner.output(&mut command, Duration::from_secs(120))?;
        Ok(())
    }
}

/// The program that cargo's messages name for a package.
fn executable(messages: &str, package: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == package)
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
}

/// The command that compiles, the program that strips, and the root of both.
fn cross_compiler(
    apt: &AptCache<'_>,
    arch: TargetArch,
    cache: &Path,
) -> anyhow::Result<(String, PathBuf, PathBuf)> {
    let root = cache.join(format!("cross-{}", arch.name()));
    let gnu = format!("{}-linux-gnu", arch.name());
    if !root.exists() {
        let compiler = format!("gcc-{gnu}");
        let library = format!("libc6-dev-{}-cross", arch.debian());
        apt.unpack(&[&compiler, &library], true, &root, &[])?;
    }
    let own = format!("export LD_LIBRARY_PATH={}\n", library_path(&root)?);
    let strip = cache.join(format!("strip-{}", arch.name()));
    let bin = format!("{}/usr/bin", quoted(&root));
    script(&strip, &format!("{own}exec {bin}/{gnu}-strip \"$@\"\n"))?;
    Ok((format!("{own}exec {bin}/{gnu}-gcc"), strip, root))
}

/// A linker with Debian 11's C library, and that library's root.
fn oldest_linker(
    apt: &AptCache<'_>,
    arch: TargetArch,
    cache: &Path,
) -> anyhow::Result<(PathBuf, PathBuf)> {
    let root = cache.join(format!("sysroot-{}", arch.name()));
    if !root.exists() {
        let packages = ["libc6-dev", "libc6", "libgcc-s1", "linux-libc-dev"]
            .map(|package| format!("{package}:{}", arch.debian()));
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        let apt = apt.of_release(OLDEST, None);
        apt.unpack(&names, false, &root, &[])?;
    }
    let compiler = match arch == TargetArch::host()? {
        true => "exec cc".to_string(),
        false => cross_compiler(apt, arch, cache)?.0,
    };
    let linker = cache.join(format!("cc-oldest-{}", arch.name()));
    // A native compiler looks next to itself for the start files before it looks into the root.
    let folder = format!("{}/usr/lib/{}-linux-gnu", quoted(&root), arch.name());
    let line = format!(
        "{compiler} --sysroot={} -B{folder} -L{folder} \"$@\"\n",
        quoted(&root)
    );
    script(&linker, &line)?;
    Ok((linker, root))
}

/// What cargo is told of the compiler and of Rust's library.
fn environment(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    arch: TargetArch,
    cache: &Path,
    linker: &Path,
) -> anyhow::Result<Vec<(String, OsString)>> {
    let upper = arch.target().to_uppercase().replace('-', "_");
    let lower = arch.target().replace('-', "_");
    let mut environment: Vec<(String, OsString)> = vec![
        (format!("CARGO_TARGET_{upper}_LINKER"), linker.into()),
        (format!("CC_{lower}"), linker.into()),
    ];
    if !rustup_has(runner, arch)? {
        let rust = rust_of_debian(apt, arch, cache)?;
        environment.push(("RUSTC".into(), rust.into()));
    }
    Ok(environment)
}

/// Flags that keep this machine's paths out of the programs: the same bytes wherever they are built.
fn flags(repository: &Path) -> anyhow::Result<OsString> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo"),
    };
    let mut flags = OsString::new();
    for (n, (from, to)) in [(repository, "unmask"), (home.as_path(), "cargo")]
        .into_iter()
        .enumerate()
    {
        if n > 0 {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    Ok(flags)
}

/// A program of an unpacked root, run with that root's loader and libraries.
pub fn with_own_libraries(root: &Path, program: &str) -> anyhow::Result<Vec<PathBuf>> {
    let host = TargetArch::host()?;
    let triple = format!("{}-linux-gnu", host.name());
    let loader = match host {
        TargetArch::X86_64 => "lib64/ld-linux-x86-64.so.2".to_string(),
        TargetArch::Aarch64 => "lib/ld-linux-aarch64.so.1".to_string(),
    };
    let mut libraries = std::ffi::OsString::new();
    for (n, folder) in [
        format!("usr/lib/{triple}"),
        format!("usr/lib/{triple}/pulseaudio"),
        "usr/lib".to_string(),
    ]
    .iter()
    .enumerate()
    {
        if n > 0 {
            libraries.push(":");
        }
        libraries.push(root.join(folder));
    }
    Ok(vec![
        root.join(loader),
        "--library-path".into(),
        libraries.into(),
        root.join(program),
    ])
}

/// Folders of the shared libraries that an unpacked compiler of this machine needs.
fn library_path(root: &Path) -> anyhow::Result<String> {
    let host = TargetArch::host()?.name();
    Ok(format!("{}/usr/lib/{host}-linux-gnu", quoted(root)))
}

/// True if the compiler that cargo takes has the standard library for `arch`.
fn rustup_has(runner: &ProcessRunner, arch: TargetArch) -> anyhow::Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", &arch.target()]);
    let folder = runner.output(&mut rustc, Duration::from_secs(60))?;
    let Ok(entries) = fs::read_dir(folder.trim()) else {
        return Ok(false);
    };
    Ok(entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

/// Debian's newest Rust with the standard libraries of both kinds of processor.
fn rust_of_debian(apt: &AptCache<'_>, arch: TargetArch, cache: &Path) -> anyhow::Result<PathBuf> {
    let root = cache.join(format!("rust-{}", arch.name()));
    if !root.exists() {
        let library = format!("libstd-rust-web-dev:{}", arch.debian());
        apt.unpack(&["rustc-web", &library], true, &root, &[])
            .with_context(|| {
                format!(
                    "the {0} board needs Rust's standard library for {0}: neither rustup \
                     (`rustup target add {1}`) nor Debian (rustc-web) has it here",
                    arch.name(),
                    arch.target()
                )
            })?;
    }
    let start = with_own_libraries(&root, "usr/bin/rustc")?;
    let words: Vec<String> = start.iter().map(|word| quoted(word)).collect();
    let rustc = cache.join(format!("rustc-{}", arch.name()));
    script(
        &rustc,
        &format!(
            "exec {} --sysroot={}/usr \"$@\"\n",
            words.join(" "),
            quoted(&root)
        ),
    )?;
    if !on_path("cc") {
        bail!("build scripts need a C compiler of this machine (`cc`)");
    }
    Ok(rustc)
}

fn script(path: &Path, body: &str) -> anyhow::Result<()> {
    let text = format!("#!/bin/sh\n{body}");
    // Written only where it differs: cargo builds again where a compiler's file is younger.
    if fs::read_to_string(path).ok().as_deref() != Some(text.as_str()) {
        fs::write(path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_one_that_cargo_names() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"build"},"executable":"/b"}
{"reason":"compiler-artifact","target":{"name":"unmask"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"unmask"},"executable":"/t/unmask"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "unmask"), Some("/t/unmask".into()));
        assert_eq!(executable(messages, "other"), None);
    }
}
