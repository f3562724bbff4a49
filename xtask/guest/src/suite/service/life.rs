//! What the service lives through: crashes, a camera that goes, a clock that is set, a full disk, and
//! engines that are built beside it.

use super::super::FoundCamera;
use super::super::capture::{PlugsIn, plug};
use super::super::product::scene::{ShownScene, show_again, show_instead};
use super::unit::{Unit, wait};
use super::{ALERTS, CONFIG, alerts, running};
use crate::sys;
use anyhow::{Context, ensure};
use board_guest::NAP;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Crashes that lead to safe mode; the time is longer than a user's minute, since a machine emulates slowly.
const SAFE_MODE: &str = "[safe_mode]\ncrashes = 5\nwithin_s = 900.0\ncalm_s = 30.0\n";
/// How far the clock is set on.
const FIVE_HOURS: Duration = Duration::from_secs(5 * 3600);

/// Waits for an alert behind the first `known` that is `wanted`.
fn alert(what: &str, known: usize, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    wait(what, || Ok(alerts()?.into_iter().skip(known).find(&wanted)))
}

fn is(event: &str, part: &str) -> impl Fn(&Value) -> bool {
    move |alert| {
        let detail = alert["detail"].as_str().unwrap_or_default();
        alert["event"] == event && detail.contains(part)
    }
}

pub fn safe_mode() -> FoundCamera {
    let (unit, feeder) = running("")?;
    unit.stop()?;
    fs::write("/etc/unmask/unmask.toml", format!("{CONFIG}{SAFE_MODE}"))?;
    unit.start()?;
    let known = alerts()?.len();
    for _ in 0..5 {
        let pid = unit.pid()?;
        sys::kill(pid)?;
        unit.comes_back_from(pid)?;
    }
    let told = alert("safe mode", known, is("degraded", "safe mode"))?;
    ensure!(
        told["severity"] == "high",
        "it is told as {}",
        told["severity"]
    );
    let pid = unit.pid()?;
    let resident = sys::resident_kib(pid)?;
    // What is still watched there.
    let feeder = show_instead(feeder, ShownScene::Black)?;
    alert("blindness", known, is("blind", "black"))?;
    let feeder = show_instead(feeder, ShownScene::Square)?;
    alert("the end of blindness", known, is("end", "black"))?;
    let scored = alerts()?;
    let after = scored
        .iter()
        .skip(known)
        .skip_while(|alert| alert["id"] != told["id"]);
    let found = after.filter(|alert| alert["event"] == "begin").count();
    ensure!(found == 0, "{found} things are reported in safe mode");
    alert(
        "the end of safe mode",
        known,
        is("end", "safe mode is over"),
    )?;
    unit.comes_back_from(pid)?;
    let back = alerts()?.len();
    alert("the square", back.saturating_sub(1), |alert| {
        alert["event"] == "begin"
    })?;
    unit.stop()?;
    feeder.stop()?;
    Ok(format!(
        "told as high (`{}`), resident {resident} KiB; blindness is told, the square is not; left by itself after \
         30 s, and the square is told again",
        told["detail"].as_str().unwrap_or_default()
    ))
}

/// A unit that is skipped, and one that takes its time.
pub fn build() -> FoundCamera {
    let build = Unit::named("unmask-build.service");
    build.start()?;
    let state = (
        build.show("ActiveState")?,
        build.show("ExecMainStartTimestampMonotonic")?,
    );
    ensure!(
        state == ("inactive".into(), "0".into()),
        "a board without TensorRT leaves {state:?}"
    );
    build.drop_in(&format!(
        "ExecCondition=\nExecCondition=/init {NAP} 0\nExecStart=\nExecStart=/init {NAP} 40\n"
    ))?;
    let (unit, feeder) = running("")?;
    let (at_start, pid) = (build.show("ActiveState")?, unit.pid()?);
    ensure!(
        at_start == "activating",
        "the build is {at_start} once the watch is ready"
    );
    alert("the square beside the build", 0, |alert| {
        alert["event"] == "begin"
    })?;
    unit.comes_back_from(pid)?;
    let (state, restarts) = (build.show("Result")?, unit.show("NRestarts")?);
    ensure!(
        (state.as_str(), restarts.as_str()) == ("success", "0"),
        "the build ended as {state}, after {restarts} crashes of the watch"
    );
    build.drop_in("")?;
    unit.stop()?;
    feeder.stop()?;
    Ok("skipped without TensorRT; with a build of 40 s the watch is ready and alerts meanwhile, and is \
        started again once after it"
        .into())
}

pub fn unplug() -> FoundCamera {
    let _at_the_end = PlugsIn;
    let (unit, feeder) = running("")?;
    let (known, pid) = (alerts()?.len(), unit.pid()?);
    plug(false)?;
    // The line's other end goes with it.
    let _ = feeder.stop();
    let from = sys::monotonic_s();
    let blind = alert("blindness", known, |alert| alert["event"] == "blind")?;
    let blind_s = sys::monotonic_s() - from;
    // Until the old device is closed, the new one would have another name.
    wait("the device closed", || {
        Ok(unit.journal()?.contains(" fails: ").then_some(()))
    })?;
    plug(true)?;
    let feeder = show_again(ShownScene::Square)?;
    alert("its end", known, |alert| {
        alert["event"] == "end" && alert["id"] == blind["id"]
    })?;
    ensure!(unit.pid()? == pid, "it was started again");
    unit.stop()?;
    feeder.stop()?;
    Ok(format!(
        "blind told {blind_s:.1} s after, and its end after plugging in; not started again"
    ))
}

pub fn clock_set() -> FoundCamera {
    let (unit, feeder) = running("WatchdogSec=20\n")?;
    let pid = unit.pid()?;
    let known = alerts()?.len();
    sys::move_clock(FIVE_HOURS)?;
    let told = alert("the new time", known, |alert| {
        alert["event"] == "degraded"
            && alert["detail"]
                .as_str()
                .is_some_and(|text| text.contains("clock"))
    })?;
    // Longer than the watchdog: it is fed on.
    std::thread::sleep(Duration::from_secs(25));
    ensure!(
        unit.pid()? == pid,
        "it was started again: {}",
        unit.journal()?
    );
    unit.stop()?;
    feeder.stop()?;
    Ok(format!(
        "told (`{}`), frames go on, the watchdog is fed",
        told["detail"].as_str().unwrap_or_default()
    ))
}

pub fn disk_full() -> FoundCamera {
    let folder = Path::new(ALERTS)
        .parent()
        .context("alerts have no folder")?;
    let small = ["-t", "tmpfs", "-o", "size=64k"];
    let mounted = Command::new("mount")
        .args(small)
        .arg("alerts")
        .arg(folder)
        .status()?;
    ensure!(mounted.success(), "cannot mount a small disk");
    let found = on_small_disk(folder);
    let freed = Command::new("umount").arg("-l").arg(folder).status()?;
    ensure!(freed.success(), "cannot take the small disk away");
    found
}

fn on_small_disk(folder: &Path) -> FoundCamera {
    let (unit, feeder) = running("")?;
    let pid = unit.pid()?;
    alert("the square", 0, |alert| alert["event"] == "begin")?;
    let weight = folder.join("weight");
    // As much as there is room for.
    let _ = fs::write(&weight, vec![0; 1 << 20]);
    let feeder = show_instead(feeder, ShownScene::Black)?;
    std::thread::sleep(Duration::from_secs(10));
    fs::remove_file(&weight)?;
    let known = alerts()?.len();
    let feeder = show_instead(feeder, ShownScene::Square)?;
    alert("the square again", known, |alert| alert["event"] == "begin")?;
    ensure!(
        unit.pid()? == pid,
        "it was started again: {}",
        unit.journal()?
    );
    unit.stop()?;
    feeder.stop()?;
    Ok("it goes on, and alerts are written once there is room; not started again".into())
}
