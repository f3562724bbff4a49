//! Debian's kernel, and of its modules those that the board loads.

use crate::apt::AptCache;
use crate::arch::TargetArch;
use crate::process::ProcessRunner;
use crate::process::clear;
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The driver of the virtual camera. All else that the board needs is built into the kernel.
const WANTED: &str = "vivid";

/// A kernel that is ready to boot.
pub struct KernelImage {
    /// Its release, as `uname -r` has it.
    pub release: String,
    /// The file that the emulator loads.
    pub image: PathBuf,
    /// Modules, each after those that it needs.
    pub modules: Vec<PathBuf>,
}

/// Takes the kernel from the cache, or fetches it.
pub fn prepare(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    arch: TargetArch,
    cache: &Path,
    work: &Path,
) -> anyhow::Result<KernelImage> {
    let home = cache.join(format!("kernel-{}", arch.name()));
    if !home.exists() {
        let package = apt.kernel(arch)?;
        let root = work.join("kernel");
        let wanted = format!("{package}:{}", arch.debian());
        // Nothing of these is wanted, and they are most of the package.
        let leave_out = [
            "./lib/modules/*/kernel/drivers/net",
            "./lib/modules/*/kernel/drivers/gpu",
            "./lib/modules/*/kernel/drivers/infiniband",
            "./lib/modules/*/kernel/drivers/scsi",
            "./lib/modules/*/kernel/fs",
            "./lib/modules/*/kernel/net",
        ];
        apt.unpack(&[&wanted], false, &root, &leave_out)?;
        let staging = work.join("kernel-staging");
        clear(&staging)?;
        assemble(runner, &root, &package, &staging)?;
        fs::rename(&staging, &home)?;
        clear(&root)?;
    }
    let list = fs::read_to_string(home.join("modules"))?;
    Ok(KernelImage {
        release: fs::read_to_string(home.join("release"))?,
        image: home.join("vmlinuz"),
        modules: list.lines().map(|name| home.join(name)).collect(),
    })
}

fn assemble(runner: &ProcessRunner, root: &Path, package: &str, home: &Path) -> anyhow::Result<()> {
    let release = package
        .strip_prefix("linux-image-")
        .with_context(|| format!("{package} is not a kernel"))?;
    fs::create_dir_all(home)?;
    fs::copy(
        root.join("boot").join(format!("vmlinuz-{release}")),
        home.join("vmlinuz"),
    )
    .context("the kernel's package has no image")?;
    let mut found = BTreeMap::new();
    index(&root.join("lib/modules").join(release), &mut found)?;
    let order = order(WANTED, &found, &mut |file| module_needs(runner, file))?;
    let mut list = String::new();
    for name in &order {
        let file = format!("{name}.ko");
        fs::write(home.join(&file), unpacked(runner, &found[name])?)?;
        list.push_str(&file);
        list.push('\n');
    }
    fs::write(home.join("modules"), list)?;
    fs::write(home.join("release"), release)?;
    Ok(())
}

/// Every module file below a folder, by the module's name.
fn index(dir: &Path, found: &mut BTreeMap<String, PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            index(&path, found)?;
        } else if let Some((name, _)) = entry.file_name().to_string_lossy().split_once(".ko") {
            found.insert(name.replace('-', "_"), path);
        }
    }
    Ok(())
}

/// `name` behind all that it needs, each once.
fn order(
    name: &str,
    found: &BTreeMap<String, PathBuf>,
    needs: &mut dyn FnMut(&Path) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<Vec<String>> {
    fn visit(
        name: &str,
        found: &BTreeMap<String, PathBuf>,
        needs: &mut dyn FnMut(&Path) -> anyhow::Result<Vec<String>>,
        order: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        if order.iter().any(|done| done == name) {
            return Ok(());
        }
        let Some(file) = found.get(name) else {
            bail!("the kernel's package has no module {name}")
        };
        for need in needs(file)? {
            visit(&need, found, needs, order)?;
        }
        order.push(name.to_string());
        Ok(())
    }
    let mut done = Vec::new();
    visit(name, found, needs, &mut done)?;
    Ok(done)
}

fn module_needs(runner: &ProcessRunner, file: &Path) -> anyhow::Result<Vec<String>> {
    Ok(needs_of(&unpacked(runner, file)?))
}

/// What the `depends=` entry of a module's information names.
fn needs_of(module: &[u8]) -> Vec<String> {
    let key = b"\0depends=";
    let Some(at) = module.windows(key.len()).position(|w| w == key) else {
        return Vec::new();
    };
    let value = &module[at + key.len()..];
    let end = value.iter().position(|&b| b == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end])
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

fn unpacked(runner: &ProcessRunner, file: &Path) -> anyhow::Result<Vec<u8>> {
    if file.extension().is_none_or(|e| e != "xz") {
        return Ok(fs::read(file)?);
    }
    let plain = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    let mut xz = Command::new("xz");
    xz.arg("-dc").arg(file).stdout(plain.reopen()?);
    let status = runner.watch(&mut xz, Duration::from_secs(60), || Ok(()))?;
    if !status.success() {
        bail!("cannot unpack {}: xz failed ({status})", file.display());
    }
    Ok(fs::read(plain.path())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_read_from_the_modules_own_information() {
        assert_eq!(
            needs_of(b"x\0license=GPL\0depends=videodev,v4l2-tpg\0y"),
            ["videodev", "v4l2_tpg"]
        );
        assert!(needs_of(b"\0depends=\0name=mc\0").is_empty());
        assert!(needs_of(b"nothing").is_empty());
    }

    #[test]
    fn a_module_comes_after_what_it_needs_and_once() {
        let needs = |name: &str| match name {
            "vivid" => vec!["cec", "videodev"],
            "cec" | "videodev" => vec!["mc"],
            _ => vec![],
        };
        let mut found = BTreeMap::new();
        for name in ["vivid", "cec", "videodev", "mc"] {
            found.insert(name.to_string(), PathBuf::from(name));
        }
        let mut ask = |file: &Path| {
            let needs = needs(file.to_str().unwrap());
            Ok(needs.into_iter().map(str::to_string).collect())
        };
        assert_eq!(
            order("vivid", &found, &mut ask).unwrap(),
            ["mc", "cec", "videodev", "vivid"]
        );
        found.remove("mc");
        let error = order("vivid", &found, &mut ask).unwrap_err();
        assert!(error.to_string().contains("no module mc"), "{error}");
    }
}
