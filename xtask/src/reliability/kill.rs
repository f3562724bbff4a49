//! SIGKILL at any moment: what was in the outbox arrives, what was in the file stays.

use super::SuiteContext;
use super::account::{AlertKey, AlertLines, named, outbox};
use super::broker::Broker;
use super::program::{LIMIT, Running, unexpected_end};
use super::scene::Scene;
use super::suite::SuiteResult;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

/// Processes that are killed.
const KILLS: u64 = 20;
/// Time between a process's first alert and its end, at most, ms.
const LONGEST_MS: u64 = 900;

pub fn run(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let mut result = SuiteResult::default();
    let scene = Scene::new()?;
    scene.list("list.txt", 3000)?;
    // Nobody listens there until the last run.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    context.program.configure(
        &scene,
        &format!(
            "[sink]\nshutdown_timeout_ms = 20000\nalerts = [\"a.jsonl\", \"mqtt://127.0.0.1:{port}/road\"]\n\
             [sink.file]\nrotate_bytes = 16384\nmax_files = 1000\n[sink.mqtt]\noutbox_folder = \"outbox\"\n\
             backoff_ms = 50\nbackoff_max_ms = 200\n"
        ),
    )?;
    let files = || AlertLines::read(named(scene.folder(), "a.jsonl"));
    let mut stored: BTreeSet<AlertKey> = BTreeSet::new();
    let mut kept: BTreeSet<AlertKey> = BTreeSet::new();
    let mut torn = 0;
    for number in 0..KILLS {
        let before = (files().lines, outbox(&scene.path("outbox")).lines);
        let mut command = context.program.watch(&scene, "pictures:list.txt");
        let mut run = Running::start(&scene, command.args(["--rate", "100"]))?;
        let mut failures = Vec::new();
        let begun = run.wait_until(LIMIT, || {
            outbox(&scene.path("outbox")).lines > before.1 && files().lines > before.0
        });
        if !begun {
            failures.push(format!("no alert came: {}", run.said()));
        }
        let wait_ms = number * 7919 % LONGEST_MS;
        std::thread::sleep(Duration::from_millis(wait_ms));
        run.send(Signal::KILL);
        run.wait(LIMIT)?;
        let (on_disk, in_file) = (outbox(&scene.path("outbox")), files());
        let gone = stored.difference(&on_disk.whole).count();
        if gone > 0 {
            failures.push(format!("{gone} stored alerts are no longer in the outbox"));
        }
        let gone = kept.difference(&in_file.whole).count();
        if gone > 0 {
            failures.push(format!("{gone} lines are no longer in the file"));
        }
        // At most one line each is torn by one kill.
        if on_disk.damaged > number + 1 || in_file.damaged > number + 1 {
            failures.push(format!(
                "{} lines of the outbox and {} of the file are damaged",
                on_disk.damaged, in_file.damaged
            ));
        }
        torn = on_disk.damaged + in_file.damaged;
        stored.extend(on_disk.whole);
        kept.extend(in_file.whole);
        result.add(&format!("kill {number} after {wait_ms} ms"), &failures);
    }
    let broker = Broker::start_on(port)?;
    fs::write(scene.path("short.txt"), "pictures/00.png\n")?;
    let mut command = context.program.watch(&scene, "pictures:short.txt");
    let mut run = Running::start(&scene, command.args(["--rate", "100"]))?;
    let status = run.wait(LIMIT)?;
    let mut failures: Vec<String> = unexpected_end(status, &run.said()).into_iter().collect();
    let missing = stored.difference(&broker.taken()).count() as u64;
    if missing > 0 {
        failures.push(format!("{missing} of {} never arrived", stored.len()));
    }
    result.add("delivery after the last kill", &failures);
    result.alerts = stored.len() as u64;
    result.lost_uncounted = missing;
    result.figures.push(format!(
        "{KILLS} kills; {} alerts in the outbox, {} delivered by the run after them; {torn} torn \
         lines",
        stored.len(),
        stored.len() as u64 - missing
    ));
    Ok(result)
}
