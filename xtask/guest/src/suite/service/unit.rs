//! A unit of systemd, as `systemctl` and the journal show it.

use crate::sys;
use anyhow::{Context, bail, ensure};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Longest wait, seconds of the board's clock: a busy machine emulates slowly.
const LIMIT_S: f64 = 180.0;
/// The unit as it is installed.
const PACKAGED: &str = "/usr/lib/systemd/system/unmask.service";
/// Units of the cases.
const RUN: &str = "/run/systemd/system";

/// A unit.
pub struct Unit {
    name: String,
}

impl Unit {
    /// The service.
    pub fn packaged() -> Self {
        Self::named("unmask.service")
    }

    /// Any other that is installed.
    pub fn named(name: &str) -> Self {
        Self { name: name.into() }
    }

    /// A unit with all lines of the packaged one, that runs `command` once, with `rules` behind.
    pub fn like_packaged(name: &str, command: &str, rules: &[&str]) -> anyhow::Result<Self> {
        let text = fs::read_to_string(PACKAGED).context("the unit is not installed")?;
        let mut unit = String::new();
        for line in text.lines() {
            // The folder below /run goes with the service that has it: a probe's end must not take it.
            let dropped = [
                "ExecStart",
                "Type=",
                "Watchdog",
                "Restart",
                "NotifyAccess",
                "RuntimeD",
            ];
            if line == "[Install]" {
                break;
            }
            if !dropped.iter().any(|key| line.starts_with(key)) {
                unit.push_str(line);
                unit.push('\n');
            }
        }
        unit.push_str(&format!("Type=oneshot\nExecStart={command}\n"));
        for rule in rules {
            unit.push_str(rule);
            unit.push('\n');
        }
        let name = format!("probe-{name}.service");
        fs::create_dir_all(RUN)?;
        fs::write(format!("{RUN}/{name}"), unit)?;
        systemctl(&["daemon-reload"])?;
        Ok(Self { name })
    }

    /// Replaces the lines that are added to its `[Service]`.
    pub fn drop_in(&self, lines: &str) -> anyhow::Result<()> {
        let folder = format!("{RUN}/{}.d", self.name);
        fs::create_dir_all(&folder)?;
        // Failures of one case do not count against the next.
        let text = format!("[Unit]\nStartLimitIntervalSec=0\n[Service]\n{lines}");
        fs::write(format!("{folder}/case.conf"), text)?;
        systemctl(&["daemon-reload"])?;
        Ok(())
    }

    /// Starts it and waits until it is ready.
    pub fn start(&self) -> anyhow::Result<()> {
        match systemctl(&["restart", &self.name]) {
            Ok(_) => Ok(()),
            Err(error) => bail!("{error:#}: {}", self.journal()?),
        }
    }

    /// Stops it.
    pub fn stop(&self) -> anyhow::Result<()> {
        systemctl(&["stop", &self.name])?;
        Ok(())
    }

    /// A property of it.
    pub fn show(&self, property: &str) -> anyhow::Result<String> {
        let shown = systemctl(&["show", &self.name, "--value", "-p", property])?;
        Ok(shown.trim().to_string())
    }

    /// Its main process.
    pub fn pid(&self) -> anyhow::Result<u32> {
        let pid = self.show("MainPID")?.parse()?;
        ensure!(pid > 0, "{} does not run: {}", self.name, self.journal()?);
        Ok(pid)
    }

    /// Waits until it runs in another process than `before`.
    pub fn comes_back_from(&self, before: u32) -> anyhow::Result<()> {
        wait("the service again", || {
            let pid: u32 = self.show("MainPID")?.parse()?;
            let ready = pid > 0 && pid != before && self.show("ActiveState")? == "active";
            Ok(ready.then_some(()))
        })
    }

    /// The last that the journal has of it.
    pub fn journal(&self) -> anyhow::Result<String> {
        output(Command::new("journalctl").args([
            "-o",
            "cat",
            "--no-pager",
            "-n",
            "40",
            "-u",
            &self.name,
        ]))
    }

    /// What `systemd-analyze security` says.
    pub fn security(&self) -> anyhow::Result<String> {
        output(Command::new("systemd-analyze").args(["security", "--no-pager", &self.name]))
    }

    /// Keys of the unit's file that this systemd passes over.
    pub fn unknown_keys(&self) -> anyhow::Result<Vec<String>> {
        let said = output(Command::new("journalctl").args(["-o", "cat", "--no-pager", "-b"]))?;
        let mut keys: Vec<String> = said
            .lines()
            .filter(|line| line.contains(&self.name) && line.contains("Unknown"))
            .filter_map(|line| line.split(['\'', '"']).nth(1).map(str::to_string))
            .collect();
        keys.sort();
        keys.dedup();
        Ok(keys)
    }
}

/// The release of systemd.
pub fn release() -> anyhow::Result<u32> {
    let shown = systemctl(&["--version"])?;
    let number = shown
        .split_whitespace()
        .nth(1)
        .context("systemd has no version")?;
    let end = number
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(number.len());
    Ok(number[..end].parse()?)
}

/// Asks until there is an answer.
pub fn wait<T>(
    what: &str,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let from = sys::monotonic_s();
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        ensure!(
            sys::monotonic_s() - from < LIMIT_S,
            "no {what} within {LIMIT_S} s"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<String> {
    output(Command::new("systemctl").args(arguments))
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let out = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    ensure!(
        out.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&out.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
