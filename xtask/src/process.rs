//! Child processes that end with this one: on a signal, at a limit, or when it is killed.

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Runs children, and ends them when this process is asked to stop.
pub struct ProcessRunner {
    stop: Arc<AtomicBool>,
}

/// What a child left behind.
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A child with all of its own children.
struct ProcessGroup(Child);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            if let Some(pid) = Pid::from_raw(self.0.id() as i32) {
                // It may be gone already: then there is nothing to do.
                let _ = kill_process_group(pid, Signal::KILL);
            }
            let _ = self.0.wait();
        }
    }
}

impl ProcessRunner {
    /// From here on, TERM, INT and HUP end the work in order.
    pub fn new() -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self { stop })
    }

    /// Runs a command to its end, with `tick` called ten times per second.
    ///
    /// # Errors
    /// It cannot be started, `limit` passes, `tick` fails, or this process is asked to stop.
    pub fn watch(
        &self,
        command: &mut Command,
        limit: Duration,
        mut tick: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<ExitStatus> {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        let mut group = ProcessGroup(child.with_context(|| format!("cannot start {name}"))?);
        loop {
            if let Some(status) = group.0.try_wait()? {
                tick()?;
                return Ok(status);
            }
            if self.stop.load(Ordering::Relaxed) {
                bail!("stopped by a signal while {name} ran");
            }
            if started.elapsed() > limit {
                bail!("{name} did not end within {} s", limit.as_secs());
            }
            tick()?;
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Runs a command to its end and keeps what it printed.
    pub fn run(&self, command: &mut Command, limit: Duration) -> anyhow::Result<Output> {
        let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
        command.stdout(out.try_clone()?).stderr(err.try_clone()?);
        let status = self.watch(command, limit, || Ok(()))?;
        Ok(Output {
            status,
            stdout: text(&mut out)?,
            stderr: text(&mut err)?,
        })
    }

    /// Like [`Self::run`]; a failure is an error with the last lines that the command wrote.
    pub fn output(&self, command: &mut Command, limit: Duration) -> anyhow::Result<String> {
        let output = self.run(command, limit)?;
        if !output.status.success() {
            bail!(
                "{} failed ({}): {}",
                command.get_program().to_string_lossy(),
                output.status,
                last_lines(&output.stderr, 6)
            );
        }
        Ok(output.stdout)
    }
}

fn text(file: &mut File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Removes a folder with all in it, if it is there.
pub fn clear(work: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(work) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot clear {}", work.display()))
        }
        _ => Ok(()),
    }
}

/// The last `n` lines of a text.
pub fn last_lines(text: &str, n: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(n)..].join("\n")
}

/// Checks that programs are there, before any work is done.
///
/// # Errors
/// One sentence that names every missing program and the Debian packages that have them.
pub fn require(programs: &[&str]) -> anyhow::Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|name| !on_path(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|name| package_of(name)).collect();
    packages.sort_unstable();
    packages.dedup();
    bail!(
        "this machine has no {}; on Debian 12 or newer: apt-get install {}",
        missing.join(", "),
        packages.join(" ")
    )
}

/// The Debian package that a program comes from.
fn package_of(program: &str) -> &str {
    match program {
        "apt-get" | "apt-cache" => "apt",
        "dpkg-deb" => "dpkg",
        "xz" => "xz-utils",
        "cc" => "gcc libc6-dev",
        "strip" | "readelf" => "binutils",
        "ldd" => "libc-bin",
        "cargo" | "rustc" => "rustup",
        other => other,
    }
}

/// True if a program of this name is on the path.
pub fn on_path(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_carries_what_the_command_said() {
        let runner = ProcessRunner::new().unwrap();
        let error = runner
            .output(
                &mut sh("echo no such package >&2; exit 3"),
                Duration::from_secs(10),
            )
            .unwrap_err();
        assert!(error.to_string().contains("no such package"), "{error}");
    }

    #[test]
    fn missing_programs_are_named_at_once_with_their_packages() {
        require(&["sh"]).unwrap();
        let error = require(&["sh", "no-such-tool", "no-such-other"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this machine has no no-such-tool, no-such-other; on Debian 12 or newer: \
             apt-get install no-such-other no-such-tool"
        );
        assert_eq!(package_of("xz"), "xz-utils");
    }

    #[test]
    fn a_limit_ends_the_command_and_its_children() {
        let runner = ProcessRunner::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        let script = format!("(sleep 1; touch {}) & wait", mark.display());
        let error = runner
            .run(&mut sh(&script), Duration::from_millis(200))
            .err()
            .expect("it outlives the limit");
        assert!(error.to_string().contains("did not end"), "{error}");
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!mark.exists(), "a grandchild lived on");
    }
}
