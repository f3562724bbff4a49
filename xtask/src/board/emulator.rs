//! The machine that the board runs on: qemu, without KVM, network, screen or disk.

use crate::apt::AptCache;
use crate::arch::TargetArch;
use crate::process::{ProcessRunner, last_lines, on_path};
use crate::toolchain::with_own_libraries;
use anyhow::{Context, bail};
use board_guest::{MARK, ReportLine};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The emulator, as it is started on this machine.
pub struct BoardEmulator {
    arch: TargetArch,
    start: Vec<PathBuf>,
    /// Where the emulator's own plug-ins lie, if not in their usual place.
    modules: Option<PathBuf>,
}

/// The machine's own emulator, or one that is unpacked next to it.
pub fn find(apt: &AptCache<'_>, arch: TargetArch, cache: &Path) -> anyhow::Result<BoardEmulator> {
    let program = format!("qemu-system-{}", arch.name());
    let mut start: Vec<PathBuf> = Vec::new();
    // A board never outlives the task, not even if the task is killed.
    if on_path("setpriv") {
        start.extend(["setpriv", "--pdeathsig", "KILL"].map(PathBuf::from));
    }
    if on_path(&program) {
        start.push(program.into());
        return Ok(BoardEmulator {
            arch,
            start,
            modules: None,
        });
    }
    let root = cache.join(format!("emulator-{}", arch.name()));
    if !root.exists() {
        let package = match arch {
            TargetArch::X86_64 => "qemu-system-x86",
            TargetArch::Aarch64 => "qemu-system-arm",
        };
        apt.unpack(&[package], true, &root, &[])?;
    }
    start.extend(with_own_libraries(&root, &format!("usr/bin/{program}"))?);
    for data in ["usr/share/qemu", "usr/share/seabios"] {
        start.push("-L".into());
        start.push(root.join(data));
    }
    let host = TargetArch::host()?.name();
    Ok(BoardEmulator {
        arch,
        start,
        modules: Some(root.join(format!("usr/lib/{host}-linux-gnu/qemu"))),
    })
}

impl BoardEmulator {
    /// Boots, calls `take` for every line of the board's, and returns when the board is off.
    ///
    /// # Errors
    /// The emulator fails, or the board is not off within `limit`.
    pub fn boot(
        &self,
        runner: &ProcessRunner,
        kernel: &Path,
        initrd: &Path,
        serial: &Path,
        limit: Duration,
        mut take: impl FnMut(ReportLine),
    ) -> anyhow::Result<()> {
        let (machine, processor, port) = match self.arch {
            TargetArch::X86_64 => ("q35", "max", "ttyS0"),
            TargetArch::Aarch64 => ("virt", "cortex-a76", "ttyAMA0"),
        };
        let mut command = Command::new(&self.start[0]);
        let mut channel = std::ffi::OsString::from("file,id=serial,path=");
        channel.push(serial);
        command
            .args(&self.start[1..])
            .args(["-M", machine, "-cpu", processor])
            .args(["-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024"])
            .args(["-nodefaults", "-display", "none", "-nic", "none"])
            .arg("-no-reboot")
            .arg("-chardev")
            .arg(channel)
            .args(["-serial", "chardev:serial"])
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(initrd)
            .arg("-append")
            .arg(format!(
                "console={port} rdinit=/init panic=-1 quiet loglevel=3 systemd.show_status=0"
            ));
        if let Some(modules) = &self.modules {
            command.env("QEMU_MODULE_DIR", modules);
        }
        let errors = tempfile::NamedTempFile::new()?;
        command.stdout(Stdio::null()).stderr(errors.reopen()?);
        File::create(serial)?;
        let mut port = SerialPort::open(serial)?;
        let status = runner
            .watch(&mut command, limit, || port.read(&mut take))
            .with_context(|| format!("the board {}", self.arch.name()))?;
        if !status.success() {
            let said = fs::read_to_string(errors.path()).unwrap_or_default();
            bail!("the emulator failed ({status}): {}", last_lines(&said, 5));
        }
        Ok(())
    }
}

/// Reads the serial port's file while it grows.
struct SerialPort {
    file: File,
    at: u64,
    rest: Vec<u8>,
}

impl SerialPort {
    fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            at: 0,
            rest: Vec::new(),
        })
    }

    fn read(&mut self, take: &mut impl FnMut(ReportLine)) -> anyhow::Result<()> {
        self.file.seek(SeekFrom::Start(self.at))?;
        self.at += self.file.read_to_end(&mut self.rest)? as u64;
        while let Some(end) = self.rest.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            // The kernel may write before it on the same line, never within it.
            if let Some((_, json)) = line.split_once(MARK) {
                let line = serde_json::from_str(json.trim())
                    .with_context(|| format!("the board wrote an invalid line: {json}"))?;
                take(line);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_are_taken_whole_from_between_the_kernels() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut port = SerialPort::open(file.path()).unwrap();
        let mut names = Vec::new();
        let mut take = |line| {
            if let ReportLine::Begin { name } = line {
                names.push(name);
            }
        };
        write!(
            file,
            "[ 0.1] kernel\r\n[0.2] x@@board {{\"line\":\"begin\","
        )
        .unwrap();
        port.read(&mut take).unwrap();
        write!(file, "\"name\":\"a/b\"}}\r\n[ 0.3] more").unwrap();
        port.read(&mut take).unwrap();
        assert_eq!(names, ["a/b"]);
        write!(file, "\n@@board nonsense\n").unwrap();
        assert!(port.read(&mut |_| ()).is_err());
    }
}
