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

/// What is done to the root from outside, as before NVIDIA's tool writes it to a board, and at its first start.
const FLASH: &str = r#"#!/bin/sh
set -eux
root=$1 folder=$2 flash=$3
fail() { echo "flash: $*" >&2; exit 1; }
cd "$folder"
printf 'name,mqtt_user,mqtt_password,client_cert,client_key\nmast-7,seven,a & b,c.pem,c.key\n' >boards.csv
printf '[sink]\nalerts = ["mqtts://@MQTT_USER@@broker.example/road/@NAME@"]\n[sink.mqtt]\n' >config.toml
printf 'cert_file = "/etc/unmask/client.pem"\nkey_file = "/etc/unmask/client.key"\n' >>config.toml
echo certificate >c.pem
echo key >c.key
put() { sh "$flash" root "$root" "$1" --config config.toml --boards boards.csv --name mast-7; }
listing() { (cd "$root" && find etc/unmask etc/hostname etc/systemd/system var/lib/unmask-install \
    -printf '%p %U:%G %m %s\n' | sort && sha256sum etc/unmask/* etc/hostname var/lib/unmask-install/*); }

# A package of another processor is refused, and nothing is written.
if put other.deb >out 2>&1; then fail "the package of another processor is taken"; fi
grep -q 'is a root for' out
[ ! -e "$root/var/lib/unmask-install" ] || fail "something was written"

# Done twice it is as done once; everything belongs to root, secrets to nobody else.
put newer.deb
listing >once
put newer.deb
listing >twice
cmp once twice
if grep -v ' 0:0 \|^[0-9a-f]\{64\} ' once; then fail "these are not root's"; fi
for secret in environment client.key; do
    [ "$(stat -c %a "$root/etc/unmask/$secret")" = 600 ] || fail "others can read $secret"
done

# The first start: what unmask-install.service does.
sed -n 's/^ExecStart=//p' "$root/etc/systemd/system/unmask-install.service" >"$root/first-start"
chroot "$root" sh -eux /first-start
rm "$root/first-start"
chroot "$root" sh -eux -c '
    test "$(cat /etc/hostname)" = mast-7
    grep -q "mqtts://seven@broker.example/road/mast-7" /etc/unmask/unmask.toml
    test "$(stat -c %U:%G:%a /etc/unmask/client.key)" = root:unmask:640
    test "$(stat -c %U:%G:%a /etc/unmask/environment)" = root:root:600
    test "$(stat -c %U:%a /var/lib/unmask)" = unmask:700
    test ! -e /var/lib/unmask-install
    test -z "$(find /etc/systemd/system -name "unmask-install*")"
    test "$(find /etc/systemd/system -name unmask.service | wc -l)" = 1
    unmask config >/dev/null
    dpkg -s unmask | grep -q "Status: install ok installed"'
echo "flash: every step passed"
"#;

/// Installs, upgrades, removes and purges it in a root of a release.
pub fn attempt(
    runner: &ProcessRunner,
    arch: TargetArch,
    release: &str,
    [older, newer, other]: [&Path; 3],
    cache: &Cache,
) -> anyhow::Result<()> {
    let folder = cache.work().join("deb");
    fs::create_dir_all(&folder)?;
    fs::copy(older, folder.join("older.deb"))?;
    fs::copy(newer, folder.join("newer.deb"))?;
    fs::copy(other, folder.join("other.deb"))?;
    for (name, text) in [("steps", STEPS), ("flash", FLASH)] {
        let file = folder.join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    runs_here(arch)?;
    eprintln!("deb: trying it in a root of {release}, {}", name(arch));
    let mut root = Command::new("mmdebstrap");
    // Whether programs for it start here was looked at above.
    root.args(["--variant=minbase", "--include=systemd,passwd", "--quiet", "--skip=check/qemu"])
        .arg(format!("--architectures={}", name(arch)))
        .args(["--aptopt=APT::Install-Recommends \"false\""])
        .arg(format!("--customize-hook=copy-in '{}' /", folder.display()))
        .arg("--customize-hook=chroot \"$1\" /deb/steps >\"$1/deb/out\" 2>&1 || { tail -n 15 \"$1/deb/out\" >&2; exit 1; }")
        .arg(format!(
            "--customize-hook='{0}/flash' \"$1\" '{0}' '{1}' >'{0}/out' 2>&1 || {{ tail -n 15 '{0}/out' >&2; exit 1; }}",
            folder.display(),
            cache.repository().join("systemd/flash/flash.sh").display()
        ))
        .args([release, "/dev/null"]);
    runner
        .output(&mut root, Duration::from_secs(1800))
        .with_context(|| format!("the package fails in a root of {release}, {}", name(arch)))?;
    println!(
        "{release}, {}: installed, upgraded with an edited configuration, removed, purged; put into the root \
         as before flashing, twice as once, and installed at its first start",
        name(arch)
    );
    Ok(())
}

/// Checks that programs of the root start here: those of another processor do where the kernel hands them to
/// qemu's user emulation.
fn runs_here(arch: TargetArch) -> anyhow::Result<()> {
    if arch == TargetArch::host()? {
        return Ok(());
    }
    let known = fs::read_dir("/proc/sys/fs/binfmt_misc")
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy() == format!("qemu-{}", arch.name()));
    anyhow::ensure!(
        known,
        "programs for {0} do not start here. On Debian: apt-get install qemu-user-static; where \
         /proc/sys/fs/binfmt_misc is empty, mount it (mount -t binfmt_misc none /proc/sys/fs/binfmt_misc) and \
         write /usr/lib/binfmt.d/qemu-{0}.conf to its file `register`",
        arch.name()
    );
    Ok(())
}
