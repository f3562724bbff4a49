//! The programs that run on the board: its init, and what it needs.

use crate::apt::AptCache;
use crate::arch::TargetArch;
use crate::cache::Cache;
use crate::process::ProcessRunner;
use crate::toolchain::Toolchain;
use anyhow::bail;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Programs for the board, without symbols, and the libraries that they need.
pub struct GuestPrograms {
    /// The board's init.
    pub guest: PathBuf,
    /// The program under test.
    pub unmask: PathBuf,
    /// Path on the board, file here.
    pub libraries: Vec<(String, PathBuf)>,
}

/// Builds for `arch`, natively or with a cross compiler.
pub fn build(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    arch: TargetArch,
    repository: &Path,
    cache: &Path,
    work: &Path,
) -> anyhow::Result<GuestPrograms> {
    let toolchain = toolchain(apt, runner, arch, cache)?;
    eprintln!("board: building for {}", arch.name());
    programs(
        runner,
        &toolchain,
        repository,
        work,
        |programs| match toolchain.root() {
            None => needed_here(runner, programs),
            Some(root) => of_root(root, arch),
        },
    )
}

/// The same for roots that bring their C library along, whatever its release is.
pub fn for_any_root(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    arch: TargetArch,
    cache: &Cache,
) -> anyhow::Result<GuestPrograms> {
    let toolchain = toolchain(apt, runner, arch, cache.folder())?;
    let toolchain = toolchain.linked_with_oldest(apt, cache.folder())?;
    eprintln!("board: building for {} and glibc 2.31", arch.name());
    programs(runner, &toolchain, cache.repository(), cache.work(), |_| {
        Ok(Vec::new())
    })
}

fn toolchain(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    arch: TargetArch,
    cache: &Path,
) -> anyhow::Result<Toolchain> {
    if arch == TargetArch::host()? {
        Ok(Toolchain::of_machine(arch))
    } else {
        Toolchain::cross(apt, runner, arch, cache)
    }
}

/// Builds and strips both programs; `libraries` says what they need.
fn programs(
    runner: &ProcessRunner,
    toolchain: &Toolchain,
    repository: &Path,
    work: &Path,
    libraries: impl FnOnce(&[&Path]) -> anyhow::Result<Vec<(String, PathBuf)>>,
) -> anyhow::Result<GuestPrograms> {
    let guest = toolchain.build(runner, repository, "board-guest", &[])?;
    let unmask = toolchain.build(runner, repository, "unmask", &[])?;
    let stripped = |name: &str, from: &Path| {
        let to = work.join(name);
        toolchain.strip(runner, from, &to).map(|()| to)
    };
    Ok(GuestPrograms {
        libraries: libraries(&[&guest, &unmask])?,
        guest: stripped("guest", &guest)?,
        unmask: stripped("unmask", &unmask)?,
    })
}

/// The libraries that the loader of this machine would take.
fn needed_here(
    runner: &ProcessRunner,
    programs: &[&Path],
) -> anyhow::Result<Vec<(String, PathBuf)>> {
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
fn of_root(root: &Path, arch: TargetArch) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let folder = root.join(format!("usr/{}-linux-gnu/lib", arch.name()));
    let loader = match arch {
        TargetArch::X86_64 => "/lib64/ld-linux-x86-64.so.2",
        TargetArch::Aarch64 => "/lib/ld-linux-aarch64.so.1",
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
}
