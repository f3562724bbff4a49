//! The programs that run on the board: its init, and what it needs.

use super::Arch;
use super::apt::Apt;
use super::emulator::with_own_libraries;
use super::process::{Runner, last_lines, on_path};
use anyhow::{Context, bail};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Longest time for one build.
const LIMIT: Duration = Duration::from_secs(3600);

/// Programs for the board, without symbols, and the libraries that they need.
pub struct Programs {
    /// The board's init.
    pub guest: PathBuf,
    /// The program under test.
    pub unmask: PathBuf,
    /// Path on the board, file here.
    pub libraries: Vec<(String, PathBuf)>,
}

/// How programs for another kind of processor are made.
struct Cross {
    /// Environment of cargo.
    environment: Vec<(String, std::ffi::OsString)>,
    /// Root with that kind's C library.
    root: PathBuf,
    /// The program that takes symbols out.
    strip: Vec<PathBuf>,
}

/// Builds for `arch`, natively or with a cross compiler.
pub fn build(
    apt: &Apt<'_>,
    runner: &Runner,
    arch: Arch,
    repository: &Path,
    cache: &Path,
    work: &Path,
) -> anyhow::Result<Programs> {
    let cross = if arch == Arch::host()? {
        None
    } else {
        Some(cross(apt, runner, arch, cache)?)
    };
    eprintln!("board: building for {}", arch.name());
    let made = |package: &str| -> anyhow::Result<PathBuf> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(repository)
            .args(["build", "--package", package, "--bins"])
            .args(["--message-format", "json-render-diagnostics"]);
        if let Some(cross) = &cross {
            cargo
                .args(["--target", &arch.target()])
                .arg("--target-dir")
                .arg(cache.join("cross"))
                .envs(cross.environment.iter().map(|(k, v)| (k, v)));
        }
        let output = runner.run(&mut cargo, LIMIT)?;
        if !output.status.success() {
            bail!(
                "cannot build {package} for {}: {}",
                arch.name(),
                last_lines(&output.stderr, 40)
            );
        }
        executable(&output.stdout, package)
            .with_context(|| format!("cargo named no program of {package}"))
    };
    let guest = made("board-guest")?;
    let unmask = made("unmask")?;
    let strip = cross
        .as_ref()
        .map_or_else(|| vec![PathBuf::from("strip")], |cross| cross.strip.clone());
    let stripped = |name: &str, from: &Path| -> anyhow::Result<PathBuf> {
        let to = work.join(name);
        let mut command = Command::new(&strip[0]);
        command.args(&strip[1..]).arg("-o").arg(&to).arg(from);
        runner.output(&mut command, Duration::from_secs(120))?;
        Ok(to)
    };
    let libraries = match &cross {
        None => needed_here(runner, &[&guest, &unmask])?,
        Some(cross) => of_root(&cross.root, arch)?,
    };
    Ok(Programs {
        guest: stripped("guest", &guest)?,
        unmask: stripped("unmask", &unmask)?,
        libraries,
    })
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

/// The libraries that the loader of this machine would take.
fn needed_here(runner: &Runner, programs: &[&Path]) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for program in programs {
        let shown = runner.output(Command::new("ldd").arg(program), Duration::from_secs(60))?;
        all.extend(libraries_in(&shown)?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// What `ldd` printed: loader and libraries, each at its own path.
fn libraries_in(shown: &str) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for line in shown.lines() {
        if line.contains("not found") {
            bail!("a program of the board lacks a library: {}", line.trim());
        }
        let path = line.split("=>").last().unwrap_or(line).trim();
        let path = path.split(" (").next().unwrap_or(path);
        if path.starts_with('/') {
            all.push((path.to_string(), PathBuf::from(path)));
        }
    }
    Ok(all)
}

/// The C libraries of a cross compiler's root.
fn of_root(root: &Path, arch: Arch) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let folder = root.join(format!("usr/{}-linux-gnu/lib", arch.name()));
    let loader = match arch {
        Arch::X86_64 => "/lib64/ld-linux-x86-64.so.2",
        Arch::Aarch64 => "/lib/ld-linux-aarch64.so.1",
    };
    let mut all = Vec::new();
    for name in [
        "libc.so.6",
        "libm.so.6",
        "libgcc_s.so.1",
        "libdl.so.2",
        "libpthread.so.0",
    ] {
        all.push((format!("/lib/{name}"), folder.join(name)));
    }
    let name = loader.rsplit('/').next().unwrap_or(loader);
    all.push((loader.to_string(), folder.join(name)));
    if let Some((_, missing)) = all.iter().find(|(_, file)| !file.exists()) {
        bail!("the cross compiler's root has no {}", missing.display());
    }
    Ok(all)
}

/// Debian's cross compiler, and Debian's Rust where rustup has not the target.
fn cross(apt: &Apt<'_>, runner: &Runner, arch: Arch, cache: &Path) -> anyhow::Result<Cross> {
    let root = cache.join(format!("cross-{}", arch.name()));
    let gnu = format!("{}-linux-gnu", arch.name());
    if !root.exists() {
        let compiler = format!("gcc-{gnu}");
        let library = format!("libc6-dev-{}-cross", arch.debian());
        apt.unpack(&[&compiler, &library], true, &root, &[])?;
    }
    let mut environment: Vec<(String, std::ffi::OsString)> = Vec::new();
    let upper = arch.target().to_uppercase().replace('-', "_");
    let lower = arch.target().replace('-', "_");
    let linker = cache.join(format!("cc-{}", arch.name()));
    let library_path = library_path(&root)?;
    script(
        &linker,
        &format!(
            "export LD_LIBRARY_PATH={library_path}\nexec {0}/usr/bin/{gnu}-gcc --sysroot={0} \"$@\"\n",
            quoted(&root)
        ),
    )?;
    environment.push((format!("CARGO_TARGET_{upper}_LINKER"), (&linker).into()));
    environment.push((format!("CC_{lower}"), (&linker).into()));
    if !rustup_has(runner, arch)? {
        let rust = rust_of_debian(apt, arch, cache)?;
        environment.push(("RUSTC".into(), rust.into()));
    }
    let strip = cache.join(format!("strip-{}", arch.name()));
    script(
        &strip,
        &format!(
            "export LD_LIBRARY_PATH={library_path}\nexec {}/usr/bin/{gnu}-strip \"$@\"\n",
            quoted(&root)
        ),
    )?;
    Ok(Cross {
        environment,
        root,
        strip: vec![strip],
    })
}

/// Folders of the shared libraries that an unpacked compiler of this machine needs.
fn library_path(root: &Path) -> anyhow::Result<String> {
    let host = Arch::host()?.name();
    Ok(format!("{}/usr/lib/{host}-linux-gnu", quoted(root)))
}

/// True if the compiler that cargo takes has the standard library for `arch`.
fn rustup_has(runner: &Runner, arch: Arch) -> anyhow::Result<bool> {
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
fn rust_of_debian(apt: &Apt<'_>, arch: Arch, cache: &Path) -> anyhow::Result<PathBuf> {
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
    // Written only where it differs: cargo builds anew where a compiler's file is younger.
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
    fn libraries_are_the_loader_and_what_it_finds() {
        let shown = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x2)\n\
                     \t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        let paths: Vec<String> = libraries_in(shown)
            .unwrap()
            .into_iter()
            .map(|l| l.0)
            .collect();
        assert_eq!(paths, ["/lib/x/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
        assert!(libraries_in("\tlibx.so => not found\n").is_err());
    }

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
