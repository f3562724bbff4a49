//! Debian packages without installing any: an apt of our own beside the machine's, which takes the
//! machine's mirrors and leaves its state, its configuration and its architectures as they are.

use super::process::{Runner, on_path};
use super::{Arch, clear};
use anyhow::{Context, bail};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longest time for one call of apt.
const LIMIT: Duration = Duration::from_secs(600);

/// The keys that Debian's archives are signed with.
const KEYS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// An apt that knows the packages of both architectures.
pub struct Apt<'a> {
    runner: &'a Runner,
    root: PathBuf,
    work: PathBuf,
    fresh: Cell<bool>,
}

impl<'a> Apt<'a> {
    /// Checks that there is an apt at all; fetches nothing yet.
    pub fn new(runner: &'a Runner, cache: &Path, work: &Path) -> anyhow::Result<Self> {
        let missing: Vec<&str> = ["apt-get", "apt-cache", "dpkg-deb", "tar", "xz"]
            .into_iter()
            .filter(|name| !on_path(name))
            .collect();
        if !missing.is_empty() {
            bail!(
                "the board is made of Debian packages, and this machine has no {}: run it on \
                 Debian 12 or newer",
                missing.join(", ")
            );
        }
        Ok(Self {
            runner,
            root: cache.join("apt"),
            work: work.to_path_buf(),
            fresh: Cell::new(false),
        })
    }

    /// The newest kernel package for `arch`.
    pub fn kernel(&self, arch: Arch) -> anyhow::Result<String> {
        self.update()?;
        let meta = format!("linux-image-{0}:{0}", arch.debian());
        let shown = self
            .runner
            .output(self.command("apt-cache")?.args(["show", &meta]), LIMIT)
            .with_context(|| format!("the board needs the package {meta}, which apt has not"))?;
        newest_kernel(&shown).with_context(|| format!("{meta} names no kernel"))
    }

    /// Fetches packages, with all that they need if `closure`, and unpacks them into `root`.
    ///
    /// `root` is there with all of it, or not at all.
    pub fn unpack(
        &self,
        packages: &[&str],
        closure: bool,
        root: &Path,
        leave_out: &[&str],
    ) -> anyhow::Result<()> {
        self.update()?;
        let debs = self.work.join("debs");
        clear(&debs)?;
        fs::create_dir_all(debs.join("partial"))?;
        eprintln!("board: fetching {}", packages.join(", "));
        let mut get = self.command("apt-get")?;
        if closure {
            let mut archives = std::ffi::OsString::from("Dir::Cache::archives=");
            archives.push(&debs);
            get.args(["install", "-y", "-qq", "--download-only"])
                .args(["--no-install-recommends", "-o"])
                .arg(archives)
                .args(packages);
        } else {
            get.current_dir(&debs)
                .args(["download", "-qq"])
                .args(packages);
        }
        self.runner.output(&mut get, LIMIT).with_context(|| {
            format!("the board needs packages that apt could not fetch: {packages:?}")
        })?;

        let staging = self.work.join("root");
        clear(&staging)?;
        for folder in ["bin", "lib", "lib64", "sbin"] {
            fs::create_dir_all(staging.join("usr").join(folder))?;
            std::os::unix::fs::symlink(format!("usr/{folder}"), staging.join(folder))?;
        }
        for entry in fs::read_dir(&debs)? {
            let deb = entry?.path();
            if deb.extension().is_some_and(|e| e == "deb") {
                self.unpack_one(&deb, &staging, leave_out)?;
            }
        }
        clear(&debs)?;
        clear(root)?;
        fs::rename(&staging, root)?;
        Ok(())
    }

    fn unpack_one(&self, deb: &Path, root: &Path, leave_out: &[&str]) -> anyhow::Result<()> {
        let mut from = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(deb)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let tape = from.stdout.take().context("dpkg-deb gives no output")?;
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(root);
        tar.args(["-x", "--keep-directory-symlink", "--no-same-owner"]);
        for pattern in ["./usr/share/doc", "./usr/share/man", "./usr/share/locale"]
            .iter()
            .chain(leave_out)
        {
            tar.arg(format!("--exclude={pattern}"));
        }
        let unpacked = tar.stdin(tape).output()?;
        if !from.wait()?.success() || !unpacked.status.success() {
            bail!(
                "cannot unpack {}: {}",
                deb.display(),
                String::from_utf8_lossy(&unpacked.stderr).trim()
            );
        }
        Ok(())
    }

    /// Fetches the lists of packages, once a run.
    fn update(&self) -> anyhow::Result<()> {
        if self.fresh.get() {
            return Ok(());
        }
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(self.root.join(folder))?;
        }
        fs::write(self.root.join("status"), "")?;
        fs::write(self.root.join("sources.list"), self.sources()?)?;
        fs::write(self.root.join("apt.conf"), self.configuration()?)?;
        eprintln!("board: fetching the lists of packages");
        self.runner
            .output(self.command("apt-get")?.args(["-qq", "update"]), LIMIT)
            .context("the board needs Debian packages, and apt cannot fetch their lists")?;
        self.fresh.set(true);
        Ok(())
    }

    fn command(&self, program: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", self.root.join("apt.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Images of containers often switch apt's own cache off, which costs seconds a call.
            .args(["-o", "Dir::Cache::pkgcache=pkgcache.bin"])
            .args(["-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin"]);
        Ok(command)
    }

    fn configuration(&self) -> anyhow::Result<String> {
        let root = self.root.display();
        let host = Arch::host()?.debian();
        Ok(format!(
            "APT::Architecture \"{host}\"; APT::Architectures {{ \"amd64\"; \"arm64\"; }};\n\
             APT::Sandbox::User \"\"; APT::Install-Recommends \"false\";\n\
             Dir::Etc::sourcelist \"{root}/sources.list\"; Dir::Etc::sourceparts \"/dev/null\";\n\
             Dir::Etc::preferences \"/dev/null\"; Dir::Etc::preferencesparts \"/dev/null\";\n\
             Dir::State \"{root}/state\"; Dir::State::status \"{root}/status\";\n\
             Dir::Cache \"{root}/cache\"; Acquire::Languages \"none\"; Acquire::Retries \"3\";\n\
             Debug::NoLocking \"true\";\n"
        ))
    }

    /// The machine's own Debian mirrors, and the backports beside its release.
    fn sources(&self) -> anyhow::Result<String> {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let codename = codename(&release).context(
            "the board is made of Debian packages, and /etc/os-release names no Debian release",
        )?;
        let mut list = Command::new("apt-get");
        list.args(["indextargets", "--format", "$(SITE)|$(RELEASE)"])
            .arg("Created-By: Packages");
        let targets = self.runner.output(&mut list, LIMIT)?;
        let key = KEYS.into_iter().find(|key| Path::new(key).exists());
        sources(&targets, codename, key)
            .with_context(|| format!("apt on this machine has no source for Debian {codename}"))
    }
}

fn codename(os_release: &str) -> Option<&str> {
    let value = |key: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|value| value.trim_matches('"'))
    };
    (value("ID")? == "debian").then(|| value("VERSION_CODENAME"))?
}

fn sources(targets: &str, codename: &str, key: Option<&str>) -> Option<String> {
    let signed = key.map_or(String::new(), |key| format!("[signed-by={key}] "));
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for (site, release) in targets.lines().filter_map(|line| line.split_once('|')) {
        let known = ["", "-updates", "-security", "-backports"]
            .iter()
            .any(|suffix| release.strip_prefix(codename) == Some(suffix));
        let pair = (site, release.to_string());
        if known && !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let main = pairs.iter().find(|(_, release)| release == codename)?.0;
    let backports = (main, format!("{codename}-backports"));
    if !pairs.contains(&backports) {
        pairs.push(backports);
    }
    Some(
        pairs
            .iter()
            .map(|(site, release)| format!("deb {signed}{site} {release} main\n"))
            .collect(),
    )
}

/// The kernel that the first, newest record depends on.
fn newest_kernel(shown: &str) -> Option<String> {
    shown
        .lines()
        .find_map(|line| line.strip_prefix("Depends: "))?
        .split(", ")
        .filter_map(|need| need.split_whitespace().next())
        .find(|name| name.starts_with("linux-image-"))
        .map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_those_of_the_machine_and_the_backports() {
        let targets = "http://a/debian|stable-x|\nhttp://a/debian|trixie\n\
                       http://a/debian|trixie\nhttp://b/sec|trixie-security\nhttp://c/x|y-trixie\n";
        let text = sources(targets, "trixie", Some("/k")).unwrap();
        assert_eq!(
            text,
            "deb [signed-by=/k] http://a/debian trixie main\n\
             deb [signed-by=/k] http://b/sec trixie-security main\n\
             deb [signed-by=/k] http://a/debian trixie-backports main\n"
        );
        assert!(sources(targets, "bookworm", None).is_none());
    }

    #[test]
    fn only_debian_has_a_codename() {
        let debian = "ID=debian\nVERSION_CODENAME=bookworm\n";
        assert_eq!(codename(debian), Some("bookworm"));
        assert_eq!(codename("ID=ubuntu\nVERSION_CODENAME=noble\n"), None);
        assert_eq!(codename(""), None);
    }

    #[test]
    fn the_first_record_names_the_newest_kernel() {
        let shown = "Package: linux-image-amd64\nDepends: linux-image-6.12-amd64 (= 6.12-1), x\n\n\
                     Package: linux-image-amd64\nDepends: linux-image-6.1-amd64 (= 6.1-1)\n";
        assert_eq!(
            newest_kernel(shown).as_deref(),
            Some("linux-image-6.12-amd64")
        );
        assert_eq!(newest_kernel("Depends: other\n"), None);
    }
}
