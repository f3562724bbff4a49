//! What others do to an alerts file: moved, removed, copied and truncated, its place taken.

use super::SuiteContext;
use super::account::{AlertLines, file_sink, named};
use super::program::{LIMIT, Running, unexpected_end};
use super::scene::Scene;
use super::suite::SuiteResult;
use rustix::process::Signal;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::Duration;

/// Bytes at which the file is rotated: about 20 alerts.
const ROTATE_BYTES: u64 = 8192;
/// Longest line of an alert, bytes.
const LINE_BYTES: u64 = 1024;

/// What is done to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meddling {
    Nothing,
    /// logrotate's `create`: moved, and made again by the program.
    Moved,
    /// Moved, with an empty file put in its place.
    Replaced,
    /// logrotate's `copytruncate`.
    CopiedAndTruncated,
    Removed,
    /// One of the files that were kept is removed: a gap.
    KeptRemoved,
    /// The next file of a rotation that was interrupted.
    PartLeft,
}

const ALL: [Meddling; 7] = [
    Meddling::Nothing,
    Meddling::Moved,
    Meddling::Replaced,
    Meddling::CopiedAndTruncated,
    Meddling::Removed,
    Meddling::KeptRemoved,
    Meddling::PartLeft,
];

pub fn run(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let mut result = SuiteResult::default();
    for meddling in ALL {
        for keep in [0, 1, 3, 1000] {
            try_one(context, meddling, keep, &mut result)?;
        }
    }
    result
        .figures
        .push("`keep` 0, 1, 3 and 1000; the file is meddled with four times per run".to_string());
    Ok(result)
}

fn try_one(
    context: &SuiteContext,
    meddling: Meddling,
    keep: u32,
    result: &mut SuiteResult,
) -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.recording("drive", 600, 20)?;
    context.program.configure(
        &scene,
        &format!(
            "[sink]\nalerts = [\"a.jsonl\"]\n[sink.file]\nrotate_bytes = {ROTATE_BYTES}\n\
             max_files = {keep}\n"
        ),
    )?;
    let file = scene.path("a.jsonl");
    let mut run = Running::start(
        &scene,
        &mut context.program.watch(&scene, "recording:drive"),
    )?;
    run.wait_until(LIMIT, || file.exists());
    for number in 0..4 {
        std::thread::sleep(Duration::from_millis(500));
        // Stopped meanwhile: what happens between two steps of another program is its own affair.
        run.send(Signal::STOP);
        meddle(meddling, &scene, &file, number);
        run.send(Signal::CONT);
    }
    let status = run.wait(LIMIT)?;
    let sink = file_sink(&run.summary());
    let mut failures: Vec<String> = unexpected_end(status, &run.said()).into_iter().collect();
    let current = named(scene.folder(), "a.jsonl");
    let aside = named(scene.folder(), "moved");
    let found = AlertLines::read(current.iter().chain(&aside).cloned());
    if sink.received == 0 {
        failures.push(format!("no alert was received: {}", run.said()));
    }
    if !file.exists() {
        failures.push("the file is not there".into());
    }
    if found.damaged > 0 {
        failures.push(format!("{} lines are damaged", found.damaged));
    }
    if sink.delivered + sink.lost != sink.received {
        failures.push(format!("the counters do not add up: {sink:?}"));
    }
    let mut nowhere = 0;
    if keep == 1000 {
        // Nothing is old enough to go.
        nowhere = sink
            .received
            .saturating_sub(found.whole.len() as u64 + sink.lost);
        if nowhere > 0 {
            failures.push(format!("{nowhere} of {} alerts are nowhere", sink.received));
        }
    } else if matches!(meddling, Meddling::Nothing | Meddling::PartLeft) {
        // As many files as are to be kept, and full.
        for number in 1..=keep {
            let kept = fs::metadata(scene.path(&format!("a.jsonl.{number}")));
            if !kept.is_ok_and(|kept| kept.len() + LINE_BYTES >= ROTATE_BYTES) {
                failures.push(format!("a.jsonl.{number} is not there or not full"));
            }
        }
        if scene.path(&format!("a.jsonl.{}", keep + 1)).exists() {
            failures.push(format!("more than {keep} files are kept"));
        }
    }
    if status.code() != Some(if sink.lost > 0 { 2 } else { 0 }) {
        failures.push(format!("{status}, {} lost: {}", sink.lost, run.said()));
    }
    result.add(&format!("{meddling:?}, keep {keep}"), &failures);
    result.alerts += sink.received;
    result.lost_counted += sink.lost;
    result.lost_uncounted += nowhere;
    Ok(())
}

/// What is moved or removed is kept under another name, to be counted. Where there is no file at
/// that moment there is nothing to meddle with.
fn meddle(meddling: Meddling, scene: &Scene, file: &Path, number: u32) {
    let moved = scene.path(&format!("moved-{number}"));
    match meddling {
        Meddling::Nothing => {}
        Meddling::Moved => drop(fs::rename(file, moved)),
        Meddling::Replaced => {
            drop(fs::rename(file, moved));
            drop(fs::write(file, ""));
        }
        Meddling::CopiedAndTruncated => {
            if fs::copy(file, moved).is_ok() {
                drop(OpenOptions::new().write(true).truncate(true).open(file));
            }
        }
        Meddling::Removed => {
            drop(fs::hard_link(file, moved));
            drop(fs::remove_file(file));
        }
        Meddling::KeptRemoved => {
            drop(fs::rename(scene.path("a.jsonl.2"), moved));
        }
        Meddling::PartLeft => {
            // An interrupted rotation leaves a file that no process has open.
            let part = scene.path("a.jsonl.part");
            if !part.exists() {
                drop(fs::write(part, ""));
            }
        }
    }
}
