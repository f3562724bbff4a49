//! Runs that may open few files: each works, or says what it lacks.

use super::SuiteContext;
use super::account::{AlertLines, broker_sink, file_sink, named, outbox};
use super::broker::{Broker, Conduct};
use super::program::{LIMIT, Running, unexpected_end};
use super::scene::Scene;
use super::suite::SuiteResult;
use std::process::Command;

/// Limits that are tried.
const LIMITS: std::ops::RangeInclusive<u32> = 4..=40;

pub fn run(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let mut result = SuiteResult::default();
    let (mut ran, mut least) = (0, None);
    for limit in LIMITS {
        let (status, worked) = try_one(context, limit, &mut result)?;
        ran += u64::from(worked);
        if status == Some(0) {
            least.get_or_insert(limit);
        }
    }
    let least = least.map_or("none".into(), |limit: u32| limit.to_string());
    result.figures.push(format!(
        "{ran} of the limits from {} to {} let a run with file, broker, evidence and metrics \
         begin; from {least} on nothing is lost",
        LIMITS.start(),
        LIMITS.end()
    ));
    Ok(result)
}

/// A run with `limit` descriptors; its exit code, and whether it got as far as a summary.
fn try_one(
    context: &SuiteContext,
    limit: u32,
    result: &mut SuiteResult,
) -> anyhow::Result<(Option<i32>, bool)> {
    let scene = Scene::new()?;
    scene.recording("drive", 160, 10)?;
    let broker = Broker::start(Conduct::Good)?;
    context.program.configure(
        &scene,
        &format!(
            "[sink]\nalerts = [\"a.jsonl\", \"mqtt://127.0.0.1:{}/road\"]\n\
             metrics = \"127.0.0.1:0\"\n[sink.file]\nrotate_bytes = 8192\nmax_files = 100\n\
             [sink.mqtt]\noutbox_folder = \"outbox\"\nbackoff_ms = 50\nbackoff_max_ms = 200\n\
             [sink.evidence]\nfolder = \"kept\"\nframes = 20\n",
            broker.port()
        ),
    )?;
    let watch = context.program.watch(&scene, "recording:drive");
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")])
        .arg(watch.get_program())
        .args(watch.get_args())
        .current_dir(scene.folder());
    let mut run = Running::start(&scene, &mut command)?;
    let status = run.wait(LIMIT)?;
    let (said, summary) = (run.said(), run.summary());
    let mut failures: Vec<String> = unexpected_end(status, &said).into_iter().collect();
    let (file, sent) = (file_sink(&summary), broker_sink(&summary));
    let worked = file.received > 0;
    let mut nowhere = 0;
    if worked {
        let in_file = AlertLines::read(named(scene.folder(), "a.jsonl"));
        let known = broker
            .taken()
            .union(&outbox(&scene.path("outbox")).whole)
            .count() as u64;
        nowhere = file
            .received
            .saturating_sub(in_file.whole.len() as u64 + file.lost)
            + sent.received.saturating_sub(known + sent.lost);
        if nowhere > 0 {
            failures.push(format!("{nowhere} alerts are nowhere: {file:?}, {sent:?}"));
        }
        if file.lost + sent.lost > 0 && status.code() == Some(0) {
            failures.push("alerts were lost with exit code 0".into());
        }
    } else if status.code() == Some(0) || said.trim().is_empty() {
        // Below some limit the loader itself cannot open the C library, and says so.
        failures.push(format!("{status} without a word: {said}"));
    }
    result.add(&format!("{limit} descriptors"), &failures);
    result.alerts += file.received + sent.received;
    result.lost_counted += file.lost + sent.lost;
    result.lost_uncounted += nowhere;
    Ok((status.code(), worked))
}
