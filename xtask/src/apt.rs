//! Debian packages without installing any: an apt of our own next to the machine's, which takes the
//! machine's mirrors and leaves its state, its configuration and its architectures as they are.

use crate::arch::TargetArch;
use crate::process::{ProcessRunner, clear, require};
use anyhow::{Context, bail};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longest time for one call of apt.
const LIMIT: Duration = Duration::from_secs(600);

/// What fetches and unpacks packages.
const TOOLS: [&str; 5] = ["apt-get", "apt-cache", "dpkg-deb", "tar", "xz"];

/// The keys that Debian's archives are signed with.
const KEYS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// An apt that knows the packages of both architectures.
pub struct AptCache<'a> {
    runner: &'a ProcessRunner,
    root: PathBuf,
    work: PathBuf,
    /// A release other than the machine's own.
    release: Option<&'static str>,
    /// The only kind of processor whose packages are known.
    arch: Option<TargetArch>,
    fresh: Cell<bool>,
}

impl<'a> AptCache<'a> {
    /// Checks that there is an apt at all; fetches nothing yet.
    pub fn new(runner: &'a ProcessRunner, cache: &Path, work: &Path) -> anyhow::Result<Self> {
        require(&TOOLS)?;
        Ok(Self {
            runner,
            root: cache.join("apt"),
            work: work.to_path_buf(),
            release: None,
            arch: None,
            fresh: Cell::new(false),
        })
    }

    /// An apt that knows another release of Debian, by its codename, from the machine's mirror; with
    /// `arch`, that kind of processor alone, as a machine of that kind does.
    pub fn of_release(&self, release: &'static str, arch: Option<TargetArch>) -> Self {
        let name = match arch {
            None => format!("apt-{release}"),
            Some(arch) => format!("apt-{release}-{}", arch.name()),
        };
        Self {
            runner: self.runner,
            root: self.root.with_file_name(name),
            work: self.work.clone(),
            release: Some(release),
            arch,
            fresh: Cell::new(false),
        }
    }

    /// The newest kernel package for `arch`.
    pub fn kernel(&self, arch: TargetArch) -> anyhow::Result<String> {
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
        eprintln!("xtask: fetching {}", packages.join(", "));
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
            format!("this task needs packages that apt could not fetch: {packages:?}")
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
        relative(&staging, &staging)?;
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

    /// Fetches the lists of packages, once per run.
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
        eprintln!("xtask: fetching the lists of packages");
        self.runner
            .output(self.command("apt-get")?.args(["-qq", "update"]), LIMIT)
            .context("this task needs Debian packages, and apt cannot fetch their lists")?;
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
        let (host, all) = match self.arch {
            Some(arch) => (arch.debian(), format!("\"{}\"", arch.debian())),
            None => (
                TargetArch::host()?.debian(),
                "\"amd64\"; \"arm64\"".to_string(),
            ),
        };
        Ok(format!(
            "APT::Architecture \"{host}\"; APT::Architectures {{ {all}; }};\n\
             APT::Sandbox::User \"\"; APT::Install-Recommends \"false\";\n\
             Dir::Etc::sourcelist \"{root}/sources.list\"; Dir::Etc::sourceparts \"/dev/null\";\n\
             Dir::Etc::preferences \"/dev/null\"; Dir::Etc::preferencesparts \"/dev/null\";\n\
             Dir::State \"{root}/state\"; Dir::State::status \"{root}/status\";\n\
             Dir::Cache \"{root}/cache\"; Acquire::Languages \"none\"; Acquire::Retries \"3\";\n\
             Debug::NoLocking \"true\";\n"
        ))
    }

    /// The machine's own Debian mirrors, and the backports next to its release.
    fn sources(&self) -> anyhow::Result<String> {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let codename = codename(&release).context(
            "this task takes Debian packages, and /etc/os-release names no Debian release",
        )?;
        let mut list = Command::new("apt-get");
        list.args(["indextargets", "--format", "$(SITE)|$(RELEASE)"])
            .arg("Created-By: Packages");
        let targets = self.runner.output(&mut list, LIMIT)?;
        let key = KEYS.into_iter().find(|key| Path::new(key).exists());
        let own = sources(&targets, codename, key)
            .with_context(|| format!("apt on this machine has no source for Debian {codename}"))?;
        Ok(match self.release {
            None => own,
            // The first line is the release itself.
            Some(other) => {
                let line = own.lines().next().unwrap_or_default();
                format!(
                    "{}\n",
                    line.replace(&format!(" {codename} "), &format!(" {other} "))
                )
            }
        })
    }
}

/// Makes the links of a root lead into that root instead of into this machine's.
fn relative(folder: &Path, root: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let kind = entry?;
        if kind.is_dir() {
            relative(&path, root)?;
        } else if kind.is_symlink() {
            let to = fs::read_link(&path)?;
            if let Ok(inside) = to.strip_prefix("/") {
                let depth = path.strip_prefix(root)?.components().count() - 1;
                let mut there: PathBuf = std::iter::repeat_n("..", depth).collect();
                there.push(inside);
                fs::remove_file(&path)?;
                std::os::unix::fs::symlink(there, &path)?;
            }
        }
    }
    Ok(())
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
    fn links_lead_into_their_root() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("usr/lib64");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(root.path().join("lib")).unwrap();
        fs::write(root.path().join("lib/x"), "here").unwrap();
        std::os::unix::fs::symlink("/lib/x", folder.join("link")).unwrap();
        relative(root.path(), root.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.join("link")).unwrap(), "here");
        assert_eq!(
            fs::read_link(folder.join("link")).unwrap(),
            Path::new("../../lib/x")
        );
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
