//! `unmask` itself on the board, as a user starts it: its alerts and its exit.

mod program;
pub(super) mod scene;

use super::capture::{PlugsIn, move_picture, other_reader, plug, webcam};
use super::line::{self, CAMERA};
use super::{CaseTrial, FoundCamera};
use crate::sys;
use anyhow::{Context, bail, ensure};
use board_guest::SMALL_MODEL;
use program::RunningProgram;
use scene::{ShownScene, show, show_instead};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The small model behind a front that takes the camera's bytes; the board makes it.
const PREPARED_MODEL: &str = "/tmp/prepared.onnx";
/// What a run on this machine is asked: every thing is reported at once, and no frame is too late.
const WATCHED: &str = "--anywhere --no-rules --confirm 1/1 --min-area 50 --threshold 0.3 \
                       --budget-ms 60000 --threads 1";

/// By how much the wall clock is set: 26 years.
const CLOCK_STEP_S: i64 = 26 * 365 * 86_400;

/// How often the picture turns black at most, until it is reported as that.
const BLACK_TIMES: usize = 5;

pub(super) fn trials() -> Vec<CaseTrial> {
    vec![
        CaseTrial::new(
            "product/alerts",
            "a square that does not belong, a prepared model",
            alerts,
        ),
        CaseTrial::new(
            "product/term",
            "SIGTERM while alerts are emitted on stdout",
            term,
        ),
        CaseTrial::new(
            "product/blind",
            "the picture turns black, and comes again",
            blind,
        ),
        CaseTrial::new(
            "product/unplug",
            "unplugged under `unmask run`, and plugged in",
            unplug,
        ),
        CaseTrial::new(
            "product/record",
            "`unmask record`, and `unmask run` on what it wrote",
            record,
        ),
        CaseTrial::new(
            "product/busy",
            "another program has the camera when `unmask run` starts",
            busy,
        ),
        CaseTrial::new(
            "product/clock",
            "the wall clock is set ahead by 26 years under `unmask run`, and back",
            clock,
        ),
        CaseTrial {
            long: true,
            ..CaseTrial::new(
                "product/shipped",
                "one frame through the model that is shipped",
                shipped,
            )
        },
    ]
}

/// `unmask run` on the camera.
fn run(model: &str, more: &str) -> anyhow::Result<RunningProgram> {
    RunningProgram::start(&format!(
        "run --source v4l2:{CAMERA} --model {model} {WATCHED} {more}"
    ))
}

/// Has the board prepare the small model, once.
fn prepared() -> anyhow::Result<&'static str> {
    if !Path::new(PREPARED_MODEL).exists() {
        let (w, h) = scene::SIZE;
        let mut made = RunningProgram::start(&format!(
            "prepare --model {SMALL_MODEL} --out {PREPARED_MODEL} --camera {w}x{h} --format rgb24"
        ))?;
        made.ends_with(0)?;
    }
    Ok(PREPARED_MODEL)
}

fn alerts() -> FoundCamera {
    let feeder = show(ShownScene::Square)?;
    let file = "/tmp/alerts.jsonl";
    let mut run = run(
        prepared()?,
        &format!("--frames 12 --alerts {file} --json --camera-memory userptr"),
    )?;
    run.ends_with(0)?;
    feeder.stop()?;
    let summary = summary(&run)?;
    let camera = &summary["camera"];
    ensure!(
        camera["copies_per_frame"] == 0 && camera["memory"] == "userptr",
        "the camera's part of the summary: {camera}"
    );
    let reported = std::fs::read_to_string(file)?;
    let begun = reported
        .lines()
        .map(serde_json::from_str::<Value>)
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .find(|alert| alert["event"] == "begin")
        .context("no alert was emitted")?;
    let overlap = scene::overlap(&begun["box"])?;
    ensure!(
        overlap > 0.5,
        "the square was reported at {}, which is not where it is",
        begun["box"]
    );
    Ok(format!(
        "12 frames, 0 copies per frame; reported at {}, {:.0} % of it and the square are the same",
        begun["box"],
        overlap * 100.0
    ))
}

fn term() -> FoundCamera {
    let feeder = show(ShownScene::Square)?;
    let mut run = run(SMALL_MODEL, "--camera-format RGB3")?;
    let (begun, _) = run.alert("begin", |alert| alert["event"] == "begin")?;
    run.terminate()?;
    let from = sys::monotonic_s();
    run.ends_with(0)?;
    let took = sys::monotonic_s() - from;
    feeder.stop()?;
    let last: Value = serde_json::from_str(run.out().last().context("stdout is empty")?)
        .context("the last line of stdout is not whole")?;
    ensure!(
        last["event"] == "end" && last["id"] == begun["id"],
        "the last alert is {last}"
    );
    Ok(format!(
        "`end` is emitted for what had begun, exit code 0 after {took:.2} s"
    ))
}

fn blind() -> FoundCamera {
    let mut feeder = show(ShownScene::Square)?;
    let mut run = run(SMALL_MODEL, "--camera-format RGB3")?;
    run.alert("a thing", |alert| alert["event"] == "begin")?;
    let mut reported = Vec::new();
    // On a slow machine frames may fail to come, which is reported as what it is: then once more.
    for _ in 0..BLACK_TIMES {
        let before = seeing(&run)?;
        feeder = show_instead(feeder, ShownScene::Black)?;
        let (raised, _) = run.alert("blindness", |alert| {
            alert["event"] == "blind" && !before.contains(&alert["id"])
        })?;
        feeder = show_instead(feeder, ShownScene::Square)?;
        run.alert("its end", |alert| {
            alert["event"] == "end" && alert["id"] == raised["id"]
        })?;
        let id = raised["id"].as_str().unwrap_or_default().to_string();
        let black = id.ends_with("-black");
        reported.push(id);
        if black {
            run.terminate()?;
            run.ends_with(0)?;
            feeder.stop()?;
            return Ok("reported as `black`; over once something is seen".into());
        }
    }
    bail!("reported as {}", reported.join(", "))
}

fn unplug() -> FoundCamera {
    let _at_the_end = PlugsIn;
    webcam()?;
    move_picture()?;
    let mut run = run(SMALL_MODEL, "--camera-format YUYV --camera-size 640x360")?;
    run.said("stamps are of the clock")?;
    // A machine that is slow enough is blind now and then: it is to see when the device goes.
    let before = seeing(&run)?;
    plug(false)?;
    let from = sys::monotonic_s();
    let (raised, at) = run.alert("blindness", |alert| {
        alert["event"] == "blind" && !before.contains(&alert["id"])
    })?;
    let (id, blind_s) = (raised["id"].as_str().unwrap_or_default(), at - from);
    ensure!(id.ends_with("-silent"), "reported as {id}");
    // Until the old device is closed, the new one would have another name.
    run.said(" fails: ")?;
    plug(true)?;
    move_picture()?;
    let from = sys::monotonic_s();
    let (_, at) = run.alert("its end", |alert| {
        alert["event"] == "end" && alert["id"] == id
    })?;
    let over_s = at - from;
    run.terminate()?;
    run.ends_with(0)?;
    let outages = run.count_said(" fails: ");
    ensure!(outages == 1, "the outage was reported {outages} times");
    ensure!(
        blind_s < 5.0,
        "blindness was reported only after {blind_s:.1} s"
    );
    Ok(format!(
        "blind (`silent`) reported {blind_s:.2} s after, over {over_s:.2} s after plugging in, one \
         log line of the outage"
    ))
}

/// Waits until every blindness that was reported is over; gives their ids.
fn seeing(run: &RunningProgram) -> anyhow::Result<Vec<Value>> {
    let from = sys::monotonic_s();
    loop {
        let alerts = run.alerts()?;
        let ids = |event: &str| -> Vec<Value> {
            let of_event = alerts.iter().filter(|alert| alert["event"] == event);
            of_event.map(|alert| alert["id"].clone()).collect()
        };
        let (blind, ended) = (ids("blind"), ids("end"));
        if blind.iter().all(|id| ended.contains(id)) {
            return Ok(blind);
        }
        ensure!(
            sys::monotonic_s() - from < program::LIMIT_S,
            "it stays blind: {}",
            blind.last().unwrap_or(&Value::Null)
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn record() -> FoundCamera {
    let (feeder, pictures) = line::feed(*b"YUYV")?;
    let folder = "/tmp/recording";
    let mut recorded = RunningProgram::start(&format!(
        "record --source v4l2:{CAMERA} --camera-format YUYV --frames 12 --out {folder}"
    ))?;
    recorded.ends_with(0)?;
    feeder.stop()?;
    // A slow machine does not write every frame that comes: the others are counted as lost.
    let lines = std::fs::read_to_string(format!("{folder}/frames.jsonl"))?;
    let frames = lines.lines().count();
    ensure!(frames >= 2, "only {frames} frames were recorded");
    for number in 0..frames {
        let file = format!("{folder}/{number:08}.yuyv");
        let bytes = std::fs::read(&file).with_context(|| format!("no {file}"))?;
        ensure!(
            pictures.contains(&bytes),
            "{file} is none of the pictures fed in"
        );
    }
    let mut replayed = RunningProgram::start(&format!(
        "run --source recording:{folder} --model {SMALL_MODEL} {WATCHED} \
         --alerts /tmp/replayed.jsonl --json"
    ))?;
    replayed.ends_with(0)?;
    let summary = summary(&replayed)?;
    ensure!(
        summary["frames"] == frames,
        "the replay's summary: {summary}"
    );
    Ok(format!(
        "{frames} files bit-exact with the pictures fed in; replayed, exit code 0"
    ))
}

/// What `--json` wrote.
fn summary(of: &RunningProgram) -> anyhow::Result<Value> {
    let text = of.out().join("\n");
    serde_json::from_str(&text).with_context(|| format!("the summary is not JSON: {text}"))
}

fn busy() -> FoundCamera {
    let other = other_reader()?;
    let mut run = run(SMALL_MODEL, "--camera-format YUYV --camera-size 640x360")?;
    let reported = run.said("Device or resource busy")?;
    ensure!(reported.contains(CAMERA), "{reported}");
    other.frame().context("the first reader was disturbed")?;
    drop(other);
    run.said("frames come again")?;
    run.terminate()?;
    run.ends_with(0)?;
    let reported = reported.strip_prefix("unmask: ").unwrap_or(&reported);
    Ok(format!(
        "reported once: {reported}; frames once it was free"
    ))
}

/// Puts the wall clock back when dropped.
struct ClockReset;

impl Drop for ClockReset {
    fn drop(&mut self) {
        // The case has failed already where this does.
        let _ = sys::move_wall_clock(-CLOCK_STEP_S);
    }
}

fn clock() -> FoundCamera {
    let feeder = show(ShownScene::Square)?;
    let mut run = run(SMALL_MODEL, "--camera-format RGB3")?;
    let (begun, _) = run.alert("a thing", |alert| alert["event"] == "begin")?;
    let year =
        |alert: &Value| -> Option<u32> { alert["captured_at"].as_str()?.get(..4)?.parse().ok() };
    let before = year(&begun).context("an alert without a year")?;
    let step = |direction: &'static str| {
        move |alert: &Value| {
            let detail = alert["detail"].as_str().unwrap_or_default();
            detail.contains(direction)
        }
    };
    sys::move_wall_clock(CLOCK_STEP_S).context("cannot set the clock")?;
    let reset = ClockReset;
    run.alert("the step ahead", step("set forward"))?;
    run.alert("a time 26 years later", |alert| {
        year(alert).is_some_and(|year| year >= before + 25)
    })?;
    drop(reset);
    let (back, _) = run.alert("the step back", step("set back"))?;
    ensure!(
        year(&back) <= Some(before + 1),
        "the step back is told at {back}"
    );
    run.terminate()?;
    run.ends_with(0)?;
    feeder.stop()?;
    let ids = run.alerts()?;
    let of_clock = ids.iter().filter(|alert| {
        alert["event"] == "degraded"
            && alert["id"]
                .as_str()
                .is_some_and(|id| id.contains("-clock-"))
    });
    let steps = of_clock.count();
    ensure!(steps == 2, "{steps} steps were told");
    Ok("two steps told, times of alerts follow both".into())
}

fn shipped() -> FoundCamera {
    let feeder = show(ShownScene::Square)?;
    let from = sys::monotonic_s();
    // The model lies where a package would put it: no option names it.
    let mut run = RunningProgram::start(&format!(
        "run --source v4l2:{CAMERA} --camera-format RGB3 --budget-ms 3600000 --frames 1 \
         --alerts /tmp/shipped.jsonl --json"
    ))?;
    run.ends_within(0, 3000.0)?;
    feeder.stop()?;
    let summary = summary(&run)?;
    ensure!(summary["camera"]["frames"].as_u64() >= Some(1), "{summary}");
    Ok(format!(
        "one frame with its summary, exit code 0; {:.0} s on an emulated processor",
        sys::monotonic_s() - from
    ))
}
