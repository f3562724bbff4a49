//! Wall clocks that start equal, are set, go back, jump and drift. Wants libfaketime.

use super::SuiteContext;
use super::account::{AlertLines, named};
use super::program::{LIMIT, Running, unexpected_end};
use super::scene::Scene;
use super::suite::SuiteResult;
use anyhow::Context;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Runs that begin in the same second.
const EQUAL: usize = 8;
/// What the clock says when a board without a battery starts.
const START: &str = "@2000-01-01 00:00:00";

/// How a clock is set during a run: its name, what is written into libfaketime's file before and
/// after, and what `captured_at` then begins with. Times of libfaketime count from the start of
/// the process.
const SETS: [(&str, &str, &str, &str); 4] = [
    (
        "set by 26 years",
        START,
        "@2026-11-29 12:00:00",
        "2026-11-29T12:00:",
    ),
    (
        "back by a day",
        "@2026-11-29 12:00:00",
        "@2026-11-28 12:00:00",
        "2026-11-28T12:00:",
    ),
    (
        "back before 1970",
        "@2026-11-29 12:00:00",
        "@1969-12-31 12:00:00",
        "1969-12-31T12:00:",
    ),
    (
        "ahead by 100 years",
        "@2026-11-29 12:00:00",
        "@2126-11-29 12:00:00",
        "2126-11-29T12:00:",
    ),
];

pub fn run(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let mut result = SuiteResult::default();
    let Some(library) = libfaketime() else {
        result
            .skipped
            .push("clocks that are set (wants libfaketime)".into());
        return Ok(result);
    };
    equal_starts(context, &library, &mut result)?;
    for set in SETS {
        set_clock(context, &library, set, &mut result)?;
    }
    drift(context, &library, &mut result)?;
    Ok(result)
}

/// libfaketime for programs with threads.
fn libfaketime() -> Option<PathBuf> {
    let named = std::env::var_os("FAKETIME_LIB").map(PathBuf::from);
    let folders = [
        "/usr/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];
    let known = folders.map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1"));
    named.into_iter().chain(known).find(|file| file.is_file())
}

struct FakeClock<'a> {
    library: &'a Path,
    file: PathBuf,
}

impl FakeClock<'_> {
    /// From now on the clock says `text`, in libfaketime's form.
    fn set(&self, text: &str) -> anyhow::Result<()> {
        let new = self.file.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(&new, &self.file).context("cannot set the clock")
    }

    fn apply(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("TZ", "UTC");
    }
}

struct ClockRun {
    scene: Scene,
    run: Running,
}

fn start(
    context: &SuiteContext,
    library: &Path,
    at: &str,
    frames: u64,
) -> anyhow::Result<ClockRun> {
    let scene = Scene::new()?;
    scene.list("list.txt", frames)?;
    let settings = "[sink]\nalerts = [\"a.jsonl\"]\n";
    context.program.configure(&scene, settings)?;
    let clock = FakeClock {
        library,
        file: scene.path("clock"),
    };
    clock.set(at)?;
    let mut command = context.program.watch(&scene, "pictures:list.txt");
    clock.apply(command.args(["--rate", "20"]));
    let run = Running::start(&scene, &mut command)?;
    Ok(ClockRun { scene, run })
}

impl ClockRun {
    fn lines(&self) -> String {
        fs::read_to_string(self.scene.path("a.jsonl")).unwrap_or_default()
    }

    /// `captured_at` of the last alert of something seen.
    fn last_captured_at(&self) -> String {
        let text = self.lines();
        let alerts = text
            .lines()
            .rev()
            .map(serde_json::from_str::<serde_json::Value>);
        alerts
            .flatten()
            .find_map(|alert| Some(alert["captured_at"].as_str()?.to_string()))
            .unwrap_or_default()
    }
}

/// Boards that start in the same second of the same year: no two alerts may have one id.
fn equal_starts(
    context: &SuiteContext,
    library: &Path,
    result: &mut SuiteResult,
) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    for _ in 0..EQUAL {
        runs.push(start(context, library, START, 48)?);
    }
    let mut ids = BTreeSet::new();
    let (mut all, mut failures) = (0, Vec::new());
    for run in &mut runs {
        let status = run.run.wait(LIMIT)?;
        failures.extend(unexpected_end(status, &run.run.said()));
        let found = AlertLines::read(named(run.scene.folder(), "a.jsonl"));
        let own: BTreeSet<String> = found.whole.into_iter().map(|(id, ..)| id).collect();
        all += own.len();
        ids.extend(own);
    }
    if ids.len() != all || all == 0 {
        failures.push(format!("{} different ids of {all}", ids.len()));
    }
    result.figures.push(format!(
        "{all} ids of {EQUAL} equal starts, {} different",
        ids.len()
    ));
    result.add("equal starts", &failures);
    Ok(())
}

fn set_clock(
    context: &SuiteContext,
    library: &Path,
    (name, before, after, begins): (&str, &str, &str, &str),
    result: &mut SuiteResult,
) -> anyhow::Result<()> {
    let mut run = start(context, library, before, 240)?;
    let scene = run.scene.path("a.jsonl");
    run.run.wait_until(LIMIT, || {
        fs::metadata(&scene).is_ok_and(|file| file.len() > 0)
    });
    std::thread::sleep(Duration::from_secs(2));
    let clock = FakeClock {
        library,
        file: run.scene.path("clock"),
    };
    clock.set(after)?;
    let status = run.run.wait(LIMIT)?;
    let said = run.run.said();
    let mut failures: Vec<String> = unexpected_end(status, &said).into_iter().collect();
    let last = run.last_captured_at();
    if !last.starts_with(begins) {
        failures.push(format!("the last alert says {last}, it is {begins}"));
    }
    if !run.lines().contains("the wall clock was set") {
        failures.push(format!("the step is no event: {said}"));
    }
    if status.code() != Some(0) {
        failures.push(format!("{status}: {said}"));
    }
    result.add(name, &failures);
    Ok(())
}

/// A clock that gains a twentieth is followed without an event.
fn drift(context: &SuiteContext, library: &Path, result: &mut SuiteResult) -> anyhow::Result<()> {
    let mut run = start(context, library, "@2026-11-29 12:00:00 x1.05", 160)?;
    let status = run.run.wait(LIMIT)?;
    let said = run.run.said();
    let mut failures: Vec<String> = unexpected_end(status, &said).into_iter().collect();
    if run.lines().contains("the wall clock was set") {
        failures.push("a drift was called a step".into());
    }
    let last = run.last_captured_at();
    if !last.starts_with("2026-11-29T12:00:") {
        failures.push(format!("the last alert says {last}"));
    }
    result.add("drift of 5 %", &failures);
    Ok(())
}
