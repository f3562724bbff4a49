//! Root file systems with systemd: Debian packages, unpacked, and what their scripts would have done.

use super::cpio::CpioArchive;
use crate::apt::AptCache;
use crate::arch::TargetArch;
use crate::package;
use anyhow::Context;
use board_guest::SERVICE_SUITE;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What the board boots into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Init {
    /// The board's own program: cases of the camera and of the product
    Bare,
    /// Debian 11's systemd 247, between those of JetPack 5 (245) and 6 (249): cases of the service
    Bullseye,
    /// Debian 12's systemd 252
    Bookworm,
    /// Debian 13's systemd 257; JetPack 7 has 255
    Trixie,
}

impl Init {
    /// Debian's name of the release; none for the bare board.
    pub fn codename(self) -> Option<&'static str> {
        match self {
            Self::Bare => None,
            Self::Bullseye => Some("bullseye"),
            Self::Bookworm => Some("bookworm"),
            Self::Trixie => Some("trixie"),
        }
    }
}

/// What the root is made of; what they need comes with them.
const PACKAGES: [&str; 8] = [
    "systemd",
    "udev",
    "kmod",
    "mount",
    "util-linux",
    "base-files",
    "base-passwd",
    "libgcc-s1",
];

/// Not wanted on the board, and most of its bytes.
const LEFT_OUT: [&str; 14] = [
    "./usr/share/i18n",
    "./usr/share/info",
    "./usr/share/zoneinfo",
    "./usr/share/bash-completion",
    "./usr/share/lintian",
    "./usr/share/bug",
    "./usr/share/perl*",
    "./usr/lib/*/gconv",
    "./usr/lib/*/perl*",
    "./usr/lib/udev/hwdb.d",
    "./lib/udev/hwdb.d",
    "./usr/lib/systemd/catalog",
    "./var/lib/dpkg",
    "./usr/share/zsh",
];

/// Units that wait for what the board has not, or change it.
const MASKED: [&str; 26] = [
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty.target",
    "modprobe@configfs.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "proc-sys-fs-binfmt_misc.automount",
    "serial-getty@ttyAMA0.service",
    "serial-getty@ttyS0.service",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-logind.service",
    "systemd-machine-id-commit.service",
    "systemd-networkd.service",
    "systemd-pcrphase.service",
    "systemd-random-seed.service",
    "systemd-timesyncd.service",
];

/// Unpacks a release's root into the cache, once.
pub fn root(
    apt: &AptCache<'_>,
    arch: TargetArch,
    release: &'static str,
    cache: &Path,
) -> anyhow::Result<PathBuf> {
    let root = cache.join(format!("systemd-{release}-{}", arch.name()));
    if !root.exists() {
        let apt = apt.of_release(release, Some(arch));
        apt.unpack(&PACKAGES, true, &root, &LEFT_OUT)?;
    }
    Ok(root)
}

/// Puts a root into the archive, with the package installed and the suite as a service.
pub fn write<W: Write>(
    archive: &mut CpioArchive<W>,
    root: &Path,
    program: &Path,
    repository: &Path,
) -> anyhow::Result<()> {
    tree(archive, root, root)?;
    for folder in [
        "/dev",
        "/proc",
        "/run",
        "/sys",
        "/tmp",
        "/etc/systemd/system",
    ] {
        archive.folders(folder)?;
    }
    for (file, from) in [("passwd", "passwd.master"), ("group", "group.master")] {
        let from = root.join("usr/share/base-passwd").join(from);
        let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        archive.file(&format!("/etc/{file}"), 0o644, &bytes)?;
    }
    archive.file(
        "/etc/machine-id",
        0o444,
        b"0123456789abcdef0123456789abcdef\n",
    )?;
    archive.file("/etc/hostname", 0o644, b"board\n")?;
    archive.file("/etc/fstab", 0o644, b"")?;
    let system = "/etc/systemd/system";
    for unit in MASKED {
        archive.link(&format!("{system}/{unit}"), "/dev/null")?;
    }
    let target = "/usr/lib/systemd/system/multi-user.target";
    archive.link(&format!("{system}/default.target"), target)?;
    let suite = format!(
        "[Unit]\nDescription=Suite of the service\nAfter=multi-user.target\n\
         [Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/init {SERVICE_SUITE}\n\
         StandardOutput=tty\nTTYPath=/dev/console\n"
    );
    archive.file(&format!("{system}/suite.service"), 0o644, suite.as_bytes())?;
    let wanted = format!("{system}/multi-user.target.wants/suite.service");
    archive.link(&wanted, &format!("{system}/suite.service"))?;

    let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    archive.file(package::PROGRAM, 0o755, &bytes)?;
    for entry in &package::FILES {
        let from = repository.join(entry.source);
        let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        archive.file(entry.target, package::mode(entry.target), &bytes)?;
    }
    Ok(())
}

fn tree<W: Write>(archive: &mut CpioArchive<W>, folder: &Path, root: &Path) -> anyhow::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let about = path.symlink_metadata()?;
        let name = format!("/{}", path.strip_prefix(root)?.display());
        if about.is_symlink() {
            archive.link(&name, &fs::read_link(&path)?.to_string_lossy())?;
        } else if about.is_dir() {
            archive.folders(&name)?;
            tree(archive, &path, root)?;
        } else if about.is_file() {
            let mode = about.permissions().mode() & 0o7777;
            archive.file(&name, mode, &fs::read(&path)?)?;
        }
    }
    Ok(())
}
