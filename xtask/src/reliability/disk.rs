//! Disks that are full or out of inodes, outboxes that somebody removes. Wants root for disks of
//! its own.

use super::SuiteContext;
use super::account::{AlertLines, broker_sink, file_sink, named, outbox};
use super::broker::Broker;
use super::program::{LIMIT, Running, unexpected_end};
use super::scene::Scene;
use super::suite::SuiteResult;
use anyhow::ensure;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A file system in memory with a limit.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, options: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(at)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
        ensure!(mount.status()?.success(), "cannot mount {}", at.display());
        Ok(Self(at.to_path_buf()))
    }

    /// Uses up all room.
    fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.0.join("other"))?;
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    }

    fn clear(&self) {
        for file in named(&self.0, "other") {
            let _ = fs::remove_file(file);
        }
    }

    /// Uses up all inodes.
    fn use_inodes(&self) {
        for number in 0.. {
            if File::create(self.0.join(format!("other-{number}"))).is_err() {
                return;
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// What happens to the disk in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DiskFault {
    FullFor2S,
    FullToTheEnd,
    NoInodesFor2S,
    /// Evidence takes all room that there is.
    Evidence,
}

/// What somebody removes from an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    Folder,
    Lock,
    Acked,
    Segments,
    All,
}

pub fn run(context: &SuiteContext) -> anyhow::Result<SuiteResult> {
    let mut result = SuiteResult::default();
    if rustix::process::geteuid().is_root() {
        for fault in [
            DiskFault::FullFor2S,
            DiskFault::FullToTheEnd,
            DiskFault::NoInodesFor2S,
            DiskFault::Evidence,
        ] {
            for with_broker in [false, true] {
                try_disk(context, fault, with_broker, &mut result)?;
            }
        }
    } else {
        result.skipped.push("full disks (wants root)".into());
    }
    for removal in [
        Removal::Folder,
        Removal::Lock,
        Removal::Acked,
        Removal::Segments,
        Removal::All,
    ] {
        for with_broker in [false, true] {
            try_removal(context, removal, with_broker, &mut result)?;
        }
    }
    Ok(result)
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// File, outbox and evidence on one small disk; the broker comes late or not at all.
fn try_disk(
    context: &SuiteContext,
    fault: DiskFault,
    with_broker: bool,
    result: &mut SuiteResult,
) -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.recording("drive", 800, 10)?;
    let options = match fault {
        DiskFault::NoInodesFor2S => "size=8m,nr_inodes=40",
        _ => "size=512k",
    };
    let disk = SmallDisk::mount(&scene.path("disk"), options)?;
    let port = free_port()?;
    let evidence = match fault {
        DiskFault::Evidence => {
            "[sink.evidence]\nfolder = \"disk/kept\"\nframes = 100000\nmin_interval_ms = 0\n"
        }
        _ => "",
    };
    context.program.configure(
        &scene,
        &format!(
            "[sink]\nshutdown_timeout_ms = 10000\nalerts = [\"disk/a.jsonl\", \
             \"mqtt://127.0.0.1:{port}/road\"]\n[sink.file]\nrotate_bytes = 16384\nmax_files = 20\n\
             [sink.mqtt]\noutbox_folder = \"disk/outbox\"\nbackoff_ms = 50\nbackoff_max_ms = 200\n\
             {evidence}"
        ),
    )?;
    let mut command = context.program.watch(&scene, "recording:drive");
    let mut run = Running::start(&scene, &mut command)?;
    run.wait_until(LIMIT, || scene.path("disk/a.jsonl").exists());
    std::thread::sleep(Duration::from_secs(1));
    match fault {
        DiskFault::Evidence => {}
        DiskFault::NoInodesFor2S => disk.use_inodes(),
        _ => disk.fill()?,
    }
    std::thread::sleep(Duration::from_secs(2));
    if fault != DiskFault::FullToTheEnd {
        disk.clear();
    }
    let broker = with_broker.then(|| Broker::start_on(port)).transpose()?;
    let status = run.wait(LIMIT)?;
    let (said, summary) = (run.said(), run.summary());
    let mut failures: Vec<String> = unexpected_end(status, &said).into_iter().collect();
    let (file, sent) = (file_sink(&summary), broker_sink(&summary));
    let in_file = AlertLines::read(named(&scene.path("disk"), "a.jsonl"));
    let on_disk = outbox(&scene.path("disk/outbox"));
    let taken = broker.map(|broker| broker.taken()).unwrap_or_default();
    if file.received == 0 {
        failures.push(format!("no alert was received: {said}"));
    }
    if !scene.path("disk/a.jsonl").exists() {
        failures.push("the file is not there".into());
    }
    let of_file = file
        .received
        .saturating_sub(in_file.whole.len() as u64 + file.lost);
    let known = taken.union(&on_disk.whole).count() as u64;
    let of_broker = sent.received.saturating_sub(known + sent.lost);
    if of_file + of_broker > 0 {
        failures.push(format!(
            "{of_file} alerts of the file and {of_broker} of the broker are nowhere: {file:?}, \
             {sent:?}"
        ));
    }
    if sent.delivered + sent.buffered + sent.lost != sent.received {
        failures.push(format!("the counters do not add up: {sent:?}"));
    }
    if sent.buffered > on_disk.lines {
        failures.push(format!(
            "{} wait, {} are on disk",
            sent.buffered, on_disk.lines
        ));
    }
    let lost = file.lost + sent.lost;
    if status.code() != Some(if lost > 0 { 2 } else { 0 }) {
        failures.push(format!("{status}, {lost} lost: {said}"));
    }
    if lost > 0 && !said.contains("lost") {
        failures.push(format!("{lost} lost and not a word of it: {said}"));
    }
    let broker = if with_broker { "a broker" } else { "no broker" };
    result.add(&format!("{fault:?}, {broker}"), &failures);
    result.alerts += file.received + sent.received;
    result.lost_counted += lost;
    result.lost_uncounted += of_file + of_broker;
    Ok(())
}

/// Somebody removes parts of the outbox while the broker is away.
fn try_removal(
    context: &SuiteContext,
    removal: Removal,
    with_broker: bool,
    result: &mut SuiteResult,
) -> anyhow::Result<()> {
    let scene = Scene::new()?;
    scene.recording("drive", 1600, 10)?;
    let port = free_port()?;
    context.program.configure(
        &scene,
        &format!(
            "[sink]\nshutdown_timeout_ms = 10000\nalerts = [\"mqtt://127.0.0.1:{port}/road\"]\n\
             [sink.mqtt]\noutbox_folder = \"outbox\"\noutbox_max_bytes = 1048576\nbackoff_ms = 50\n\
             backoff_max_ms = 200\n"
        ),
    )?;
    let mut command = context.program.watch(&scene, "recording:drive");
    let mut run = Running::start(&scene, &mut command)?;
    let folder = scene.path("outbox");
    run.wait_until(LIMIT, || outbox(&folder).lines > 20);
    for boxed in named(&folder, "") {
        let remove = |end: &str| {
            let all = named(&boxed, "").into_iter();
            all.filter(|file| file.to_string_lossy().ends_with(end))
                .for_each(|file| drop(fs::remove_file(file)));
        };
        match removal {
            Removal::Folder => drop(fs::remove_dir_all(&boxed)),
            Removal::Lock => remove("lock"),
            Removal::Acked => remove("acked"),
            Removal::Segments => remove(".log"),
            Removal::All => drop(fs::remove_dir_all(&folder)),
        }
    }
    std::thread::sleep(Duration::from_secs(2));
    let broker = with_broker.then(|| Broker::start_on(port)).transpose()?;
    // On a busy machine the run may be over by then.
    let met = with_broker && run.is_running();
    let status = run.wait(LIMIT)?;
    let (said, sink) = (run.said(), broker_sink(&run.summary()));
    let mut failures: Vec<String> = unexpected_end(status, &said).into_iter().collect();
    let on_disk = outbox(&folder);
    let taken = broker.map(|broker| broker.taken()).unwrap_or_default();
    let known = taken.union(&on_disk.whole).count() as u64;
    let nowhere = sink.received.saturating_sub(known + sink.lost);
    if nowhere > 0 || sink.received == 0 {
        failures.push(format!(
            "{nowhere} of {} alerts are nowhere: {said}",
            sink.received
        ));
    }
    if sink.delivered + sink.buffered + sink.lost != sink.received {
        failures.push(format!("the counters do not add up: {sink:?}"));
    }
    if sink.buffered > on_disk.lines {
        failures.push(format!(
            "{} wait, {} are on disk",
            sink.buffered, on_disk.lines
        ));
    }
    if met && taken.is_empty() {
        failures.push(format!("nothing reached the broker: {said}"));
    }
    let silent = removal != Removal::Acked && !said.contains("removed");
    if silent {
        failures.push(format!("not a word of what was removed: {said}"));
    }
    let broker = if with_broker { "a broker" } else { "no broker" };
    result.add(&format!("{removal:?} removed, {broker}"), &failures);
    result.alerts += sink.received;
    result.lost_counted += sink.lost;
    result.lost_uncounted += nowhere;
    Ok(())
}
