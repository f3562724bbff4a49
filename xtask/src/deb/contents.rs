//! Contents of the package.

use super::name;
use crate::arch::TargetArch;
use crate::cache::Cache;
use crate::dist::newest_glibc;
use crate::package::{CONFFILES, FILES, PROGRAM, mode};
use crate::process::ProcessRunner;
use anyhow::{Context, bail};
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Packaging files of the repository.
const FOLDER: &str = "systemd/deb";
const SCRIPTS: [&str; 3] = ["postinst", "postrm", "prerm"];
const DOC: &str = "usr/share/doc/unmask";

/// Everything that one package is made of.
pub struct Contents {
    version: String,
    arch: TargetArch,
    glibc: (u32, u32),
    repository: PathBuf,
    program: PathBuf,
    pages: PathBuf,
    changelog: String,
    epoch_s: u64,
}

impl Contents {
    /// Gathers it.
    pub fn new(
        runner: &ProcessRunner,
        arch: TargetArch,
        cache: &Cache,
        program: PathBuf,
        pages: &Path,
    ) -> anyhow::Result<Self> {
        let repository = cache.repository().to_path_buf();
        let changelog = read(&repository.join(FOLDER).join("changelog"))?;
        let version = version_of(&changelog).context("the changelog begins with no version")?;
        if version != env!("CARGO_PKG_VERSION") {
            bail!(
                "{FOLDER}/changelog is about {version}, the workspace is {}: add an entry",
                env!("CARGO_PKG_VERSION")
            );
        }
        Ok(Self {
            version: version.to_string(),
            arch,
            glibc: newest_glibc(runner, &program)?,
            epoch_s: epoch_s(runner, &changelog)?,
            repository,
            program,
            pages: pages.to_path_buf(),
            changelog,
        })
    }

    /// The same as an older version.
    pub fn older(&self) -> Self {
        Self {
            version: "0.0.1".into(),
            changelog: self.changelog.replacen(&self.version, "0.0.1", 1),
            repository: self.repository.clone(),
            program: self.program.clone(),
            pages: self.pages.clone(),
            ..*self
        }
    }

    /// The same as a package of the other processor, by its description.
    pub fn for_another(&self) -> Self {
        Self {
            version: self.version.clone(),
            changelog: self.changelog.clone(),
            arch: match self.arch {
                TargetArch::X86_64 => TargetArch::Aarch64,
                TargetArch::Aarch64 => TargetArch::X86_64,
            },
            repository: self.repository.clone(),
            program: self.program.clone(),
            pages: self.pages.clone(),
            ..*self
        }
    }

    /// `unmask_VERSION_ARCH.deb`.
    pub fn file_name(&self) -> String {
        format!("unmask_{}_{}.deb", self.version, name(self.arch))
    }

    /// The date of everything in it: that of its newest change, s since 1970.
    pub fn epoch_s(&self) -> u64 {
        self.epoch_s
    }

    /// Lays it out below `tree` as dpkg-deb takes it.
    pub fn stage(&self, runner: &ProcessRunner, tree: &Path) -> anyhow::Result<()> {
        self.put(tree, PROGRAM, &fs::read(&self.program)?, 0o755)?;
        for entry in &FILES {
            let bytes = fs::read(self.repository.join(entry.source))
                .with_context(|| format!("cannot read {}", entry.source))?;
            self.put(tree, entry.target, &bytes, mode(entry.target))?;
        }
        for file in files(&self.pages.join("man1"))? {
            let target = format!("usr/share/man/man1/{}.gz", file_name(&file));
            self.put(
                tree,
                &target,
                &packed(runner, &fs::read(&file)?, tree)?,
                0o644,
            )?;
        }
        for (from, target) in [
            (
                "bash/unmask.bash",
                "usr/share/bash-completion/completions/unmask",
            ),
            ("zsh/_unmask", "usr/share/zsh/vendor-completions/_unmask"),
            (
                "fish/unmask.fish",
                "usr/share/fish/vendor_completions.d/unmask.fish",
            ),
        ] {
            self.put(tree, target, &fs::read(self.pages.join(from))?, 0o644)?;
        }
        let folder = self.repository.join(FOLDER);
        let changes = packed(runner, self.changelog.as_bytes(), tree)?;
        self.put(tree, &format!("{DOC}/changelog.gz"), &changes, 0o644)?;
        self.put(
            tree,
            &format!("{DOC}/copyright"),
            self.copyright()?.as_bytes(),
            0o644,
        )?;
        let overrides = folder.join("lintian-overrides");
        if overrides.exists() {
            let target = "usr/share/lintian/overrides/unmask";
            self.put(tree, target, &fs::read(overrides)?, 0o644)?;
        }
        self.control(runner, tree, &folder)?;
        self.date(tree)
    }

    /// The folder `DEBIAN`: sums, conffiles, scripts and the description.
    fn control(&self, runner: &ProcessRunner, tree: &Path, folder: &Path) -> anyhow::Result<()> {
        let mut all = Vec::new();
        walk(tree, &mut all)?;
        let mut kib = 0;
        for path in &all {
            let about = path.symlink_metadata()?;
            kib += if about.is_dir() {
                1
            } else {
                about.len().div_ceil(1024)
            };
        }
        let mut sums = Command::new("md5sum");
        sums.current_dir(tree);
        for path in all.iter().filter(|path| path.is_file()) {
            let name = path.strip_prefix(tree)?;
            // Files of the user's are not the package's to check.
            if !CONFFILES
                .iter()
                .any(|conf| Path::new(conf.trim_start_matches('/')) == name)
            {
                sums.arg(name);
            }
        }
        let sums = runner.output(&mut sums, Duration::from_secs(60))?;
        self.put(tree, "DEBIAN/md5sums", sums.as_bytes(), 0o644)?;
        let conffiles = CONFFILES.map(|file| format!("{file}\n")).concat();
        self.put(tree, "DEBIAN/conffiles", conffiles.as_bytes(), 0o644)?;
        for script in SCRIPTS {
            let text = read(&folder.join(script))?;
            self.put(tree, &format!("DEBIAN/{script}"), text.as_bytes(), 0o755)?;
        }
        let control = read(&folder.join("control"))?
            .replace("@VERSION@", &self.version)
            .replace("@ARCHITECTURE@", name(self.arch))
            .replace("@SIZE_KIB@", &kib.to_string())
            .replace("@GLIBC@", &format!("{}.{}", self.glibc.0, self.glibc.1));
        if let Some(at) = control.find('@') {
            let word = control[at..].split_whitespace().next().unwrap_or_default();
            if word.matches('@').count() > 1 {
                bail!("{FOLDER}/control: nothing is known for {word}");
            }
        }
        self.put(tree, "DEBIAN/control", control.as_bytes(), 0o644)
    }

    /// The licences, with the text of the one that Debian has not.
    fn copyright(&self) -> anyhow::Result<String> {
        let text = read(&self.repository.join(FOLDER).join("copyright"))?;
        let licence = read(&self.repository.join("LICENSE-MIT"))?;
        let body: Vec<String> = licence
            .lines()
            .skip_while(|line| !line.starts_with("Permission"))
            .map(|line| {
                if line.is_empty() {
                    " .".into()
                } else {
                    format!(" {line}")
                }
            })
            .collect();
        Ok(text.replace("@MIT@", body.join("\n").trim_end()))
    }

    fn put(&self, tree: &Path, target: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
        let path = tree.join(target.trim_start_matches('/'));
        let folder = path.parent().context("a target has no folder")?;
        fs::create_dir_all(folder)?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(())
    }

    /// Gives everything one date, and folders one mode, whatever the umask is.
    fn date(&self, tree: &Path) -> anyhow::Result<()> {
        let mut all = vec![tree.to_path_buf()];
        walk(tree, &mut all)?;
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(self.epoch_s);
        let times = FileTimes::new().set_modified(date).set_accessed(date);
        // Files first: a folder's date changes with what lies in it.
        for path in all.iter().rev() {
            if path.is_dir() {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
            }
            File::open(path)?.set_times(times)?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Files of a folder, in order.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    all.sort();
    Ok(all)
}

/// All below a folder, each folder before what lies in it, in order.
fn walk(folder: &Path, all: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for path in files(folder)? {
        all.push(path.clone());
        if path.is_dir() {
            walk(&path, all)?;
        }
    }
    Ok(())
}

/// The bytes through gzip, without name and date.
fn packed(runner: &ProcessRunner, bytes: &[u8], tree: &Path) -> anyhow::Result<Vec<u8>> {
    let plain = tree.with_extension("plain");
    fs::write(&plain, bytes)?;
    let mut gzip = Command::new("gzip");
    gzip.args(["-9", "--no-name", "--force", "--keep"])
        .arg(&plain);
    runner.output(&mut gzip, Duration::from_secs(60))?;
    Ok(fs::read(tree.with_extension("plain.gz"))?)
}

/// The version that a changelog's first entry is about.
fn version_of(changelog: &str) -> Option<&str> {
    let (_, rest) = changelog.split_once('(')?;
    rest.split_once(')').map(|(version, _)| version)
}

/// The date of a changelog's first entry, s since 1970.
fn epoch_s(runner: &ProcessRunner, changelog: &str) -> anyhow::Result<u64> {
    let date = changelog
        .lines()
        .find_map(|line| {
            line.strip_prefix(" -- ")?
                .split_once(">  ")
                .map(|(_, date)| date)
        })
        .context("the changelog's first entry has no date")?;
    let mut command = Command::new("date");
    command.args(["--utc", "--date", date, "+%s"]);
    let shown = runner.output(&mut command, Duration::from_secs(10))?;
    Ok(shown.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_date_are_those_of_the_newest_entry() {
        let text = include_str!("../../../systemd/deb/changelog");
        assert_eq!(version_of(text), Some(env!("CARGO_PKG_VERSION")));
        let text = "unmask (1.2) x\n\n * a\n\n -- A <a@b>  Thu, 01 Jan 1970 00:01:00 +0000\n\
                    unmask (1.1) x\n\n -- A <a@b>  Fri, 02 Jan 1970 00:00:00 +0000\n";
        assert_eq!(epoch_s(&ProcessRunner::new().unwrap(), text).unwrap(), 60);
        assert_eq!(version_of(text), Some("1.2"));
    }
}
