//! The board's root file system: a cpio archive that the kernel unpacks into memory.

use super::build::GuestPrograms;
use super::cpio::CpioArchive;
use super::debian;
use super::kernel::KernelImage;
use anyhow::Context;
use board_guest::{GuestPlan, MODULES, PLAN, PROGRAM, SHIPPED_MODEL, SMALL_MODEL};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

/// Writes the archive: the board's init, the program under test, their libraries, models, modules;
/// with `root`, all that over Debian's systemd.
pub fn write(
    path: &Path,
    kernel: &KernelImage,
    programs: &GuestPrograms,
    root: Option<&Path>,
    repository: &Path,
    plan: &GuestPlan,
) -> anyhow::Result<()> {
    let mut archive = CpioArchive::new(BufWriter::new(File::create(path)?));
    match root {
        Some(root) => debian::write(&mut archive, root, &programs.unmask, repository)?,
        None => {
            for folder in ["/dev", "/proc", "/run", "/sys", "/tmp"] {
                archive.folders(folder)?;
            }
            archive.file(PROGRAM, 0o755, &read(&programs.unmask)?)?;
            let shipped = repository.join("engines/unmask-small.onnx");
            archive.file(SHIPPED_MODEL, 0o644, &read(&shipped)?)?;
            for (name, library) in &programs.libraries {
                archive.file(name, 0o755, &read(library)?)?;
            }
        }
    }
    archive.file("/init", 0o755, &read(&programs.guest)?)?;
    let small = repository.join("tests/fixtures/models/mask.onnx");
    archive.file(SMALL_MODEL, 0o644, &read(&small)?)?;
    let mut order = String::new();
    for module in &kernel.modules {
        let name = module.file_name().context("a module has no name")?;
        let name = name.to_string_lossy();
        archive.file(&format!("{MODULES}/{name}"), 0o644, &read(module)?)?;
        order.push_str(&name);
        order.push('\n');
    }
    archive.file(&format!("{MODULES}/order"), 0o644, order.as_bytes())?;
    archive.file(PLAN, 0o644, &serde_json::to_vec(plan)?)?;
    archive.end()?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
