//! Faults of driver and device during a capture: each is reported once and recovered from.

use super::super::line::CAMERA;
use super::watch::{EventWatch, HeldFrames, preset};
use super::{CaseTrial, FoundCamera, control, other_reader};
use crate::sys;
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::Path;
use unmask_v4l2::{ClockDomain, FrameAge, LossReason};

const DRIVER: &str = "/sys/bus/platform/drivers/vivid";
const DEVICE: &str = "vivid.0";

pub(super) fn trials() -> Vec<CaseTrial> {
    let mut all = vec![
        CaseTrial::new("fault/gone", "the device answers ENODEV", || {
            outage(LossReason::Gone, "disconnect")
        }),
        CaseTrial::new("fault/eio", "a fatal streaming error: EIO", || {
            outage(LossReason::Io, "inject_fatal_streaming_error")
        }),
        CaseTrial::new("fault/requeue", "QBUF fails while streaming", || {
            outage(LossReason::Refused, "inject_vidioc_qbuf_error")
        }),
        CaseTrial::new("fault/corrupt", "a frame with the error flag", corrupt),
        CaseTrial::new("fault/half", "the driver drops half of the frames", half),
        CaseTrial::new("fault/silent", "the driver drops all frames", silent),
        CaseTrial::new("fault/sequence", "the driver's count wraps", sequence),
        CaseTrial::new("fault/busy", "another program has the camera", busy),
        CaseTrial::new("fault/unplug", "unplugged, and plugged in", unplug),
        CaseTrial::new("clock/start", "stamps of the frame's start", || {
            clock(1, 0, &[ClockDomain::Monotonic])
        }),
        CaseTrial::new("clock/future", "stamps that lie in the future", || {
            clock(0, 0, &[ClockDomain::Future])
        }),
        CaseTrial::new("clock/far", "stamps near 2^31 s", || {
            clock(1, 2, &[ClockDomain::Offset, ClockDomain::Unknown])
        }),
    ];
    for call in ["reqbufs", "qbuf", "streamon"] {
        all.push(CaseTrial::new(
            format!("fault/{call}"),
            "the call fails once when the stream is started",
            move || start_fails(call),
        ));
    }
    all
}

/// A fault that a control injects into a stream that runs.
fn outage(reason: LossReason, name: &str) -> FoundCamera {
    preset()?;
    let mut watch = EventWatch::start()?;
    watch.frames(3)?;
    control(name, 1)?;
    watch.until("event", |report| report.count(reason) == 1)?;
    watch.until("recovery", |report| report.recovered == 1)?;
    watch.frames(3)?;
    let reported = watch.reported();
    let report = watch.end(Some(reason), 1)?;
    Ok(survived(&reported, report.longest_outage.as_secs_f64()))
}

fn survived(reported: &str, took_s: f64) -> String {
    format!("reported once: {reported}; frames again after {took_s:.2} s")
}

fn start_fails(call: &str) -> FoundCamera {
    preset()?;
    // It hits the next call of its kind, which is the watched one's.
    control(&format!("inject_vidioc_{call}_error"), 1)?;
    let mut watch = EventWatch::start()?;
    watch.until("recovery", |report| report.recovered == 1)?;
    watch.frames(3)?;
    let reported = watch.reported();
    let report = watch.end(Some(LossReason::Refused), 1)?;
    Ok(survived(&reported, report.longest_outage.as_secs_f64()))
}

fn corrupt() -> FoundCamera {
    preset()?;
    let mut watch = EventWatch::start()?;
    watch.frames(3)?;
    control("inject_v4l2_buf_flag_error", 1)?;
    watch.until("event", |report| report.count(LossReason::Corrupt) == 1)?;
    watch.frames(3)?;
    let report = watch.end(None, 0)?;
    ensure!(report.lost.corrupt == 1, "{:?}", report.lost);
    Ok("reported, counted and left out; the stream continues".into())
}

fn half() -> FoundCamera {
    preset()?;
    let mut watch = EventWatch::start()?;
    let held = HeldFrames::set("percentage_of_dropped_buffers", 50, 0)?;
    watch.frames(30)?;
    drop(held);
    watch.frames(3)?;
    let report = watch.end(None, 0)?;
    let gap = report.lost.gap;
    ensure!(gap >= 8, "only {gap} missing next to {}", report.frames);
    Ok(format!(
        "{gap} counted as missing next to {}",
        report.frames
    ))
}

fn silent() -> FoundCamera {
    preset()?;
    let mut watch = EventWatch::start()?;
    watch.frames(3)?;
    let held = HeldFrames::set("percentage_of_dropped_buffers", 100, 0)?;
    let quiet = watch.until("event", |report| report.count(LossReason::Timeout) == 1)?;
    drop(held);
    watch.until("recovery", |report| report.recovered == 1)?;
    watch.frames(3)?;
    let reported = watch.reported();
    let report = watch.end(Some(LossReason::Timeout), 1)?;
    ensure!(quiet < 5.0, "reported only after {quiet:.1} s");
    Ok(survived(&reported, report.longest_outage.as_secs_f64()))
}

fn sequence() -> FoundCamera {
    preset()?;
    let held = HeldFrames::set("wrap_sequence_number", 1, 0)?;
    let mut watch = EventWatch::start()?;
    // The count begins 128 before its end.
    watch.frames(140)?;
    drop(held);
    let report = watch.end(None, 0)?;
    ensure!(
        report.lost.gap < 1000,
        "the wrap counts as {} lost",
        report.lost.gap
    );
    let anew = report.count(LossReason::Sequence);
    ensure!(anew == 0, "the wrap was reported as a new count");
    Ok(format!(
        "{} frames over the wrap, {} counted as missing",
        report.frames, report.lost.gap
    ))
}

fn busy() -> FoundCamera {
    let other = other_reader()?;
    let mut watch = EventWatch::start()?;
    watch.until("event", |report| report.count(LossReason::Busy) == 1)?;
    other.frame().context("the first reader was disturbed")?;
    drop(other);
    watch.until("recovery", |report| report.recovered == 1)?;
    watch.frames(3)?;
    let reported = watch.reported();
    let report = watch.end(Some(LossReason::Busy), 1)?;
    Ok(survived(&reported, report.longest_outage.as_secs_f64()))
}

/// Pulls the device out of the kernel, or plugs it in.
pub fn plug(into: bool) -> anyhow::Result<()> {
    let file = if into { "bind" } else { "unbind" };
    fs::write(format!("{DRIVER}/{file}"), DEVICE).with_context(|| format!("cannot {file} {DEVICE}"))
}

/// Plugs the device in if it is out at the end of a case: those after it need it. Made before all
/// that holds the device, and so dropped after it: else the device came back under another name.
pub struct PlugsIn;

impl Drop for PlugsIn {
    fn drop(&mut self) {
        if !Path::new(CAMERA).exists() {
            // It may be in under another name. A kernel that refuses shows in every case that
            // follows.
            let _ = plug(false);
            let _ = plug(true);
        }
    }
}

fn unplug() -> FoundCamera {
    let _at_the_end = PlugsIn;
    preset()?;
    let mut watch = EventWatch::start()?;
    watch.frames(3)?;
    plug(false)?;
    watch.until("event", |report| report.count(LossReason::Gone) == 1)?;
    if Path::new(CAMERA).exists() {
        bail!("{CAMERA} is still there");
    }
    plug(true)?;
    let from = sys::monotonic_s();
    watch.until("recovery", |report| report.recovered == 1)?;
    let took = sys::monotonic_s() - from;
    watch.frames(3)?;
    let reported = watch.reported();
    watch.end(Some(LossReason::Gone), 1)?;
    ensure!(took <= 2.0, "frames only {took:.2} s after plugging in");
    Ok(format!(
        "reported once: {reported}; frames {took:.2} s after plugging in"
    ))
}

fn clock(source: i32, wrap: i32, wanted: &[ClockDomain]) -> FoundCamera {
    preset()?;
    let _source = HeldFrames::set("timestamp_source", source, 1)?;
    let _wrap = HeldFrames::set("wrap_timestamp", wrap, 0)?;
    let mut watch = EventWatch::start()?;
    watch.until("verdict", |report| report.clock != ClockDomain::Measuring)?;
    watch.frames(3)?;
    let age = watch.age();
    let report = watch.end(None, 0)?;
    let word = report.clock.as_str();
    ensure!(wanted.contains(&report.clock), "taken for: {word}");
    let offset_ms = report.clock_offset_ns as f64 / 1e6;
    match age {
        Some(FrameAge::Known(age)) => {
            ensure!(age.as_secs_f64() < 2.0, "claims an age of {age:?}");
            Ok(format!("recognised as {word}, {offset_ms:.0} ms taken off"))
        }
        _ => Ok(format!("recognised as {word}, no age is claimed")),
    }
}
