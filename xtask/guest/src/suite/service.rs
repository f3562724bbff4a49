//! The packaged service under systemd: how it starts, what it may open, how it comes back.

mod life;
mod rules;
mod unit;

use super::line::CAMERA;
use super::product::scene::{self, ShownScene, show};
use super::{CaseTrial, FoundCamera};
use crate::sys;
use crate::video::PictureFeeder;
use anyhow::{Context, ensure};
use board_guest::{PROBE, SMALL_MODEL};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;
use unit::{Unit, wait};

/// A device that anyone may open here, and that is none of the service's.
const FOREIGN: &str = "/dev/cpu_dma_latency";
/// What the service writes.
const ALERTS: &str = "/var/log/unmask/alerts.jsonl";
/// Where a probe writes what it could open; the service may write there.
const PROBED: &str = "/var/lib/unmask/probe";
/// The most that `systemd-analyze security` may find.
const EXPOSURE: f64 = 1.5;
/// The first release whose `ProtectClock=` leaves other devices alone.
const CLOCK_MENDED: u32 = 252;

/// The configuration of the cases: what comes out of the camera, through the small model.
const CONFIG: &str = r#"
[source]
uri = "v4l2:/dev/video0"
[capture]
format = "RGB3"
[model]
file = "/board/mask.onnx"
threads = 1
[budget]
ms = 60000.0
[filter]
threshold = 0.3
min_area_px = 50
only_near_road = false
confirm = "1/1"
cooldown_s = 0.0
[sink]
alerts = ["/var/log/unmask/alerts.jsonl"]
"#;

pub(super) fn trials() -> Vec<CaseTrial> {
    vec![
        CaseTrial::new(
            "service/start",
            "the service is started with a camera that shows a square",
            start,
        ),
        CaseTrial::new(
            "service/devices",
            "devices are opened under the unit's own rules, and without them",
            devices,
        ),
        CaseTrial::new(
            "service/rules",
            "what each rule of the unit shuts out is tried, with all rules and without that one",
            rules::case,
        ),
        CaseTrial::new(
            "service/clock",
            "ProtectClock=yes with DevicePolicy=auto, as no unit should have it before systemd 252",
            clock,
        ),
        CaseTrial::new(
            "service/realtime",
            "SCHED_FIFO and locked memory are asked for, and forbidden",
            realtime,
        ),
        CaseTrial::new("service/hang", "SIGSTOP: no frame is finished", hang),
        CaseTrial::new("service/crash", "SIGKILL", crash),
        CaseTrial::new(
            "service/config",
            "a mistake in the configuration, and its correction",
            config,
        ),
        CaseTrial::new(
            "service/safe",
            "five crashes in a row, a covered camera, and a calm time",
            life::safe_mode,
        ),
        CaseTrial::new(
            "service/build",
            "engines are to be built beside the watch",
            life::build,
        ),
        CaseTrial::new(
            "service/unplug",
            "the camera is unplugged under the service, and plugged in",
            life::unplug,
        ),
        CaseTrial::new(
            "service/time",
            "the wall clock is set five hours on",
            life::clock_set,
        ),
        CaseTrial::new(
            "service/disk",
            "the disk of the alerts is full, and has room again",
            life::disk_full,
        ),
        CaseTrial::new(
            "service/exposure",
            "systemd-analyze security of the unit",
            exposure,
        ),
    ]
}

/// The service with the cases' configuration, running, and what feeds its camera.
fn running(drop_in: &str) -> anyhow::Result<(Unit, PictureFeeder)> {
    ensure!(Path::new(SMALL_MODEL).exists(), "no {SMALL_MODEL}");
    let feeder = show(ShownScene::Square)?;
    fs::write("/etc/unmask/unmask.toml", CONFIG)?;
    let unit = Unit::packaged();
    unit.drop_in(drop_in)?;
    unit.start()?;
    Ok((unit, feeder))
}

/// Alerts that were written so far.
fn alerts() -> anyhow::Result<Vec<Value>> {
    let text = match fs::read_to_string(ALERTS) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .context("an alert is not JSON")
}

fn start() -> FoundCamera {
    let from = sys::monotonic_s();
    let (unit, feeder) = running("")?;
    let up_s = sys::monotonic_s() - from;
    let begun = wait("an alert", || {
        Ok(alerts()?
            .into_iter()
            .find(|alert| alert["event"] == "begin"))
    })?;
    let alert_s = sys::monotonic_s() - from;
    let overlap = scene::overlap(&begun["box"])?;
    ensure!(overlap > 0.5, "the square is reported at {}", begun["box"]);
    let status = wait("a status", || {
        let status = unit.show("StatusText")?;
        Ok(status.contains("frames/s").then_some(status))
    })?;
    let user = unit.show("User")?;
    ensure!(user == "unmask", "it runs as {user}");
    unit.stop()?;
    feeder.stop()?;
    Ok(format!(
        "ready after {up_s:.1} s, first alert after {alert_s:.1} s; status: {status}"
    ))
}

/// Opens devices as the unit `rules` lets a program of it, and says what came of each.
fn probed(name: &str, rules: &[&str]) -> anyhow::Result<[String; 2]> {
    let unit = Unit::like_packaged(
        name,
        &format!("/init {PROBE} {PROBED}-{name} {CAMERA} {FOREIGN}"),
        rules,
    )?;
    unit.start()?;
    let text = fs::read_to_string(format!("{PROBED}-{name}")).context("the probe wrote nothing")?;
    let mut lines = text.lines().map(str::to_string);
    match (lines.next(), lines.next()) {
        (Some(camera), Some(foreign)) => Ok([camera, foreign]),
        _ => anyhow::bail!("the probe wrote {text:?}"),
    }
}

pub use rules::probe as probe_rules;

/// Opens each device, and writes a line of each: what a case of this file starts under a unit.
pub fn probe(file: &str, devices: &[String]) {
    let mut text = String::new();
    for device in devices {
        match fs::File::open(device) {
            Ok(_) => text.push_str("open\n"),
            Err(error) => text.push_str(&format!("{error}\n")),
        }
    }
    if let Err(error) = fs::write(file, text) {
        eprintln!("cannot write {file}: {error}");
        std::process::exit(1);
    }
}

fn devices() -> FoundCamera {
    std::fs::set_permissions(FOREIGN, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    let [camera, foreign] = probed("closed", &[])?;
    ensure!(camera == "open", "the unit shuts {CAMERA} out: {camera}");
    ensure!(
        foreign.contains("Operation not permitted"),
        "the unit lets {FOREIGN} in: {foreign}"
    );
    // Without the rules the same file opens: what was refused was refused by them.
    let open = ["DevicePolicy=auto", "DeviceAllow=", "ProtectClock=no"];
    let [_, control] = probed("open", &open)?;
    ensure!(
        control == "open",
        "{FOREIGN} does not open at all: {control}"
    );
    let narrow = ["DeviceAllow=", "DevicePolicy=closed"];
    let [without, _] = probed("narrow", &narrow)?;
    ensure!(
        without.contains("Operation not permitted"),
        "{CAMERA} opens without its line: {without}"
    );
    Ok(format!(
        "{CAMERA} opens, {FOREIGN} does not; it opens without the rules, and {CAMERA} does not without its line"
    ))
}

fn clock() -> FoundCamera {
    let release = unit::release()?;
    let rules = ["DevicePolicy=auto", "DeviceAllow=", "ProtectClock=yes"];
    let [camera, _] = probed("clock", &rules)?;
    let denied = camera.contains("Operation not permitted");
    ensure!(
        denied == (release < CLOCK_MENDED),
        "systemd {release}: {CAMERA}: {camera}"
    );
    Ok(match denied {
        true => format!("systemd {release} shuts every camera out: {camera}"),
        false => format!("systemd {release} lets the camera in"),
    })
}

fn realtime() -> FoundCamera {
    let more = format!("{CONFIG}[realtime]\npriority = 10\nlock_memory = true\n");
    let (unit, feeder) = running("")?;
    unit.stop()?;
    fs::write("/etc/unmask/unmask.toml", &more)?;
    unit.start()?;
    let pid = unit.pid()?;
    let mut threads = 0;
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = fs::read_to_string(entry?.path().join("stat"))?;
        // Behind the name in brackets: the 39th field of all is the policy, 1 is SCHED_FIFO.
        let fields = stat.rsplit_once(')').context("no stat")?.1;
        threads += usize::from(fields.split_whitespace().nth(38) == Some("1"));
    }
    ensure!(threads > 0, "no thread of {pid} runs under SCHED_FIFO");
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let locked = status.lines().find(|line| line.starts_with("VmLck:"));
    let locked = locked.context("no VmLck")?.to_string();
    ensure!(!locked.ends_with(" 0 kB"), "{locked}");
    unit.stop()?;
    // The control: a unit that forbids it does not start.
    unit.drop_in("RestrictRealtime=yes\nRestart=no\n")?;
    let refused = unit.start().is_err();
    unit.drop_in("")?;
    feeder.stop()?;
    ensure!(refused, "it starts with RestrictRealtime=yes");
    Ok(format!(
        "{threads} threads under SCHED_FIFO, {locked}; with RestrictRealtime=yes it does not start"
    ))
}

fn hang() -> FoundCamera {
    let (unit, feeder) = running("WatchdogSec=10\n")?;
    let pid = unit.pid()?;
    let from = sys::monotonic_s();
    sys::freeze(pid)?;
    unit.comes_back_from(pid)?;
    let back_s = sys::monotonic_s() - from;
    let result = unit.journal()?;
    ensure!(
        result.contains("Watchdog timeout"),
        "no watchdog in {result}"
    );
    unit.stop()?;
    feeder.stop()?;
    Ok(format!(
        "the watchdog ends it, and it runs again after {back_s:.1} s"
    ))
}

fn crash() -> FoundCamera {
    let (unit, feeder) = running("")?;
    let pid = unit.pid()?;
    let from = sys::monotonic_s();
    sys::kill(pid)?;
    unit.comes_back_from(pid)?;
    let back_s = sys::monotonic_s() - from;
    unit.stop()?;
    feeder.stop()?;
    Ok(format!("it runs again after {back_s:.1} s"))
}

fn config() -> FoundCamera {
    let (unit, feeder) = running("")?;
    unit.stop()?;
    fs::write(
        "/etc/unmask/unmask.toml",
        format!("{CONFIG}[budgte]\nms = 1\n"),
    )?;
    ensure!(unit.start().is_err(), "it starts with a mistake");
    let said = unit.journal()?;
    let line = said.lines().rev().find(|line| line.contains("budgte"));
    let line = line
        .with_context(|| format!("the key is not named: {said}"))?
        .to_string();
    // Longer than RestartSec=: with this exit code it is not tried again.
    std::thread::sleep(Duration::from_secs(5));
    let state = (
        unit.show("ActiveState")?,
        unit.show("ExecMainStatus")?,
        unit.show("NRestarts")?,
    );
    ensure!(
        state == ("failed".into(), "78".into(), "0".into()),
        "state, exit code and restarts are {state:?}"
    );
    fs::write("/etc/unmask/unmask.toml", CONFIG)?;
    unit.start()?;
    unit.stop()?;
    feeder.stop()?;
    Ok(format!(
        "exit code 78, not started again, the journal says: {line}"
    ))
}

fn exposure() -> FoundCamera {
    let unit = Unit::packaged();
    let shown = unit.security()?;
    let level = shown
        .lines()
        .rev()
        .find_map(|line| line.split_once("Overall exposure level for"))
        .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<f64>().ok())
        .with_context(|| format!("no exposure in {shown}"))?;
    ensure!(level <= EXPOSURE, "exposure {level}: {shown}");
    // systemd says so of each key that it does not know.
    std::thread::sleep(Duration::from_millis(100));
    let unknown = unit.unknown_keys()?;
    Ok(format!(
        "exposure {level}; keys that systemd {} does not know: {}",
        unit::release()?,
        if unknown.is_empty() {
            "none".into()
        } else {
            unknown.join(", ")
        }
    ))
}
