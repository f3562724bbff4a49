//! The program under test: started, signalled, asked what it came to.

use super::scene::Scene;
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a process is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(2);
/// Longer than any case takes that ends by itself.
pub const LIMIT: Duration = Duration::from_secs(120);

/// The program under test and the tests' small model.
pub struct Program {
    file: PathBuf,
    model: PathBuf,
}

impl Program {
    pub fn new(file: PathBuf, repository: &Path) -> anyhow::Result<Self> {
        let model = repository.join("tests/fixtures/models/mask.onnx");
        for needed in [&file, &model] {
            if !needed.is_file() {
                bail!("{} is not there", needed.display());
            }
        }
        Ok(Self { file, model })
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn model(&self) -> &Path {
        &self.model
    }

    /// Settings in which everything that comes is an alert; `more` is added.
    pub fn configure(&self, scene: &Scene, more: &str) -> anyhow::Result<()> {
        let text = format!(
            "[model]\nfile = \"{}\"\nthreads = 1\n[budget]\nms = 60000.0\n[decide]\n\
             cool_down_s = 0.0\nconfirm = \"2/2\"\n[decide.rules]\nwhole = false\n\
             min_road_share = 0.0\nmin_contrast = 0.0\nmin_thickness_px = 0.0\nmin_fill = 0.0\n\
             min_growth = 0.0\nmax_rise = 100.0\n{more}",
            self.model.display()
        );
        fs::write(scene.path("c.toml"), text)?;
        Ok(())
    }

    /// `unmask run` in real time on `source` with the settings of [`Program::configure`].
    pub fn watch(&self, scene: &Scene, source: &str) -> Command {
        let mut command = Command::new(&self.file);
        command.args(["run", "--config", "c.toml", "--source", source]);
        command.args(["--realtime", "--json"]);
        command.current_dir(scene.folder());
        command
    }
}

/// A process in a scene, with its output in files. It is killed when this is dropped.
pub struct Running {
    child: Child,
    folder: PathBuf,
}

impl Running {
    pub fn start(scene: &Scene, command: &mut Command) -> anyhow::Result<Self> {
        let child = command
            .env_remove("UNMASK_MODEL")
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(File::create(scene.path("out"))?)
            .stderr(File::create(scene.path("err"))?)
            .spawn()
            .with_context(|| format!("cannot start {:?}", command.get_program()))?;
        Ok(Self {
            child,
            folder: scene.folder().to_path_buf(),
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn send(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            // It may have ended: then there is nobody to tell.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() > limit {
                bail!(
                    "it did not end within {} s: {}",
                    limit.as_secs(),
                    self.said()
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until `done` holds; false if it ends before or `limit` passes.
    pub fn wait_until(&mut self, limit: Duration, mut done: impl FnMut() -> bool) -> bool {
        let start = Instant::now();
        while !done() {
            if !self.is_running() || start.elapsed() > limit {
                return done();
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    /// What it wrote to stderr.
    pub fn said(&self) -> String {
        let bytes = fs::read(self.folder.join("err")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its summary; null where it printed none.
    pub fn summary(&self) -> Value {
        let bytes = fs::read(self.folder.join("out")).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Why `status` is not the end of a program that works: death by a signal, or a panic.
pub fn unexpected_end(status: ExitStatus, said: &str) -> Option<String> {
    let end = said.lines().rev().take(3).collect::<Vec<_>>().join(" / ");
    match (status.signal(), status.code()) {
        (Some(signal), _) => Some(format!("it died of signal {signal}: {end}")),
        (_, Some(101)) => Some(format!("it panicked: {end}")),
        _ => None,
    }
}
