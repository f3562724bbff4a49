//! A started `unmask`: its lines as they come, and how it ended.

use crate::sys;
use anyhow::{Context, bail, ensure};
use board_guest::PROGRAM;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest wait for a line or an end, seconds of the board's clock: a busy machine emulates slowly.
pub const LIMIT_S: f64 = 120.0;

/// Lines with the time of their coming.
type OutputLines = Arc<Mutex<Vec<(String, f64)>>>;

/// `unmask`, running or ended.
pub struct RunningProgram {
    child: Child,
    out: OutputLines,
    err: OutputLines,
    readers: Vec<JoinHandle<()>>,
    status: Option<ExitStatus>,
}

impl RunningProgram {
    /// Starts it with arguments between spaces.
    pub fn start(arguments: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(PROGRAM)
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {PROGRAM}"))?;
        let (out, err) = (OutputLines::default(), OutputLines::default());
        let mut readers = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            readers.push(keep(pipe, &out));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.push(keep(pipe, &err));
        }
        Ok(Self {
            child,
            out,
            err,
            readers,
            status: None,
        })
    }

    /// Lines of stdout so far.
    pub fn out(&self) -> Vec<String> {
        texts(&self.out)
    }

    /// Alerts on stdout so far.
    pub fn alerts(&self) -> anyhow::Result<Vec<Value>> {
        let lines = self.out();
        let alerts = lines.iter().map(|line| serde_json::from_str(line));
        alerts
            .collect::<Result<_, _>>()
            .context("a line of stdout is not an alert")
    }

    /// The first alert on stdout that is `wanted`, waited for, and when it came.
    pub fn alert(
        &mut self,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<(Value, f64)> {
        let lines = Arc::clone(&self.out);
        self.first(what, &lines, |line| {
            let alert: Value =
                serde_json::from_str(line).with_context(|| format!("no alert: {line}"))?;
            ensure!(alert["schema"] == "unmask.alert/1", "no alert: {line}");
            Ok(wanted(&alert).then_some(alert))
        })
    }

    /// The first line of stderr that contains `text`, waited for.
    pub fn said(&mut self, text: &str) -> anyhow::Result<String> {
        let lines = Arc::clone(&self.err);
        let wanted = |line: &str| Ok(line.contains(text).then(|| line.to_string()));
        Ok(self.first(text, &lines, wanted)?.0)
    }

    /// Lines of stderr that contain `text`.
    pub fn count_said(&self, text: &str) -> usize {
        let lines = texts(&self.err);
        lines.iter().filter(|line| line.contains(text)).count()
    }

    fn first<T>(
        &mut self,
        what: &str,
        lines: &OutputLines,
        wanted: impl Fn(&str) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<(T, f64)> {
        let from = sys::monotonic_s();
        let mut seen = 0;
        loop {
            // Asked first: what came before the end is found below.
            let ended = self.poll()?;
            let all = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for (line, at) in &all[seen..] {
                if let Some(found) = wanted(line)? {
                    return Ok((found, *at));
                }
            }
            seen = all.len();
            if let Some(status) = ended {
                bail!(
                    "unmask ended ({status}) before {what}: {}",
                    self.last_words()
                );
            }
            if sys::monotonic_s() - from > LIMIT_S {
                bail!("no {what} within {LIMIT_S} s: {}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end.
    pub fn terminate(&self) -> anyhow::Result<()> {
        sys::terminate(self.child.id()).context("cannot send SIGTERM")
    }

    /// Waits for its end, with exit code `code`.
    pub fn ends_with(&mut self, code: i32) -> anyhow::Result<()> {
        self.ends_within(code, LIMIT_S)
    }

    /// As [`RunningProgram::ends_with`], within so many seconds.
    pub fn ends_within(&mut self, code: i32, limit_s: f64) -> anyhow::Result<()> {
        let from = sys::monotonic_s();
        let status = loop {
            if let Some(status) = self.poll()? {
                break status;
            }
            if sys::monotonic_s() - from > limit_s {
                bail!(
                    "unmask did not end within {limit_s} s: {}",
                    self.last_words()
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        ensure!(
            status.code() == Some(code),
            "unmask ended with {status}: {}",
            self.last_words()
        );
        Ok(())
    }

    /// How it ended, once it did; all its lines are there then.
    fn poll(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
            if self.status.is_some() {
                for reader in self.readers.drain(..) {
                    if reader.join().is_err() {
                        bail!("a reader of unmask's lines panicked");
                    }
                }
            }
        }
        Ok(self.status)
    }

    fn last_words(&self) -> String {
        let lines = texts(&self.err);
        lines[lines.len().saturating_sub(6)..].join(" / ")
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        if self.status.is_none() {
            // A case failed: nothing of it may be left for the next.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn keep(pipe: impl Read + Send + 'static, lines: &OutputLines) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let at = sys::monotonic_s();
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push((line, at));
        }
    })
}

fn texts(lines: &OutputLines) -> Vec<String> {
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().map(|(text, _)| text.clone()).collect()
}
