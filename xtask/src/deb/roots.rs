//! Installs the package with dpkg in roots of several Debian releases.

use super::name;
use crate::arch::TargetArch;
use crate::cache::Cache;
use crate::process::ProcessRunner;
use anyhow::Context;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What is done in a root, and what must come of it; the first line that fails ends it.
const STEPS: &str = r#"#!/bin/sh
set -eux
fail() { echo "roots: $*" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
cd /

# Installed: it runs, its user and folders are there, it is enabled once.
dpkg -i /deb/older.deb
unmask --version
unmask validate --offline /etc/unmask/unmask.toml
getent passwd unmask
id -nG unmask | grep -w video
[ "$(stat -c %U:%a /var/lib/unmask)" = unmask:700 ] || fail "the folder's owner or mode"
[ "$(find /etc/systemd/system -name unmask.service | wc -l)" = 1 ] || fail "not enabled once"
[ -e /usr/share/man/man1/unmask-run.1.gz ] || [ -n "${NO_DOC:-}" ] || fail "no man page"

# Upgraded with an edited configuration: the edit stays, and a choice to disable it stays.
sed -i 's/^rate_hz = .*/rate_hz = 7.0/' /etc/unmask/unmask.toml
echo kept >/var/lib/unmask/kept
systemctl disable unmask.service
dpkg -i /deb/newer.deb
grep -q '^rate_hz = 7.0' /etc/unmask/unmask.toml || fail "the edited configuration is gone"
unmask validate --offline /etc/unmask/unmask.toml
[ -e /var/lib/unmask/kept ] || fail "an upgrade lost what lay in /var/lib/unmask"
[ -z "$(find /etc/systemd/system -name unmask.service)" ] || fail "an upgrade enables it again"
dpkg --verify unmask | grep -v ' c /etc/unmask/unmask.toml$' | grep . && fail "changed files"

# Removed: configuration and what it wrote stay. Installed again: they are used.
dpkg -r unmask
[ ! -e /usr/bin/unmask ] || fail "the program is still there"
[ -e /etc/unmask/unmask.toml ] && [ -e /var/lib/unmask/kept ] || fail "a removal lost files"
dpkg -i /deb/newer.deb
grep -q '^rate_hz = 7.0' /etc/unmask/unmask.toml

# Purged: nothing is left.
dpkg -P unmask
left=$(find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /deb -o -path /var/log/dpkg.log \) \
    -prune -o -name '*unmask*' -print | grep -v '^/usr/share/perl\|/deb-systemd' || true)
[ -z "$left" ] || fail "left behind: $left"
if getent passwd unmask; then fail "the user is still there"; fi
echo "roots: every step passed"
"#;

/// Installs, upgrades, removes and purges it in a root of a release.
pub fn attempt(
    runner: &ProcessRunner,
    arch: TargetArch,
    release: &str,
    older: &Path,
    newer: &Path,
    cache: &Cache,
) -> anyhow::Result<()> {
    let folder = cache.work().join("deb");
    fs::create_dir_all(&folder)?;
    fs::copy(older, folder.join("older.deb"))?;
    fs::copy(newer, folder.join("newer.deb"))?;
    let steps = folder.join("steps");
    fs::write(&steps, STEPS)?;
    fs::set_permissions(&steps, fs::Permissions::from_mode(0o755))?;
    eprintln!("deb: trying it in a root of {release}, {}", name(arch));
    let mut root = Command::new("mmdebstrap");
    root.args(["--variant=minbase", "--include=systemd,passwd", "--quiet"])
        .arg(format!("--architectures={}", name(arch)))
        .args(["--aptopt=APT::Install-Recommends \"false\""])
        .arg(format!("--customize-hook=copy-in '{}' /", folder.display()))
        .arg("--customize-hook=chroot \"$1\" /deb/steps >\"$1/deb/out\" 2>&1 || { tail -n 15 \"$1/deb/out\" >&2; exit 1; }")
        .args([release, "/dev/null"]);
    runner
        .output(&mut root, Duration::from_secs(1800))
        .with_context(|| format!("the package fails in a root of {release}, {}", name(arch)))?;
    println!(
        "{release}, {}: installed, upgraded with an edited configuration, removed, purged",
        name(arch)
    );
    Ok(())
}
