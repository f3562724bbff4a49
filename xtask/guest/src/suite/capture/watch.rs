//! A capture on a thread of its own, monitored from outside, as the product runs it.

use super::super::line::CAMERA;
use super::{LIMIT_S, WEBCAM, control};
use crate::sys;
use crate::video::VideoDevice;
use anyhow::{Context, bail, ensure};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use unmask_v4l2::{
    CaptureOptions, CaptureSession, CaptureSummary, FormatRequest, FourCc, FrameAge, LinuxKernel,
    LossReason, MemoryChoice, MemoryKind, ReportHandle,
};

/// The running capture.
pub struct EventWatch {
    handle: ReportHandle,
    thread: Option<JoinHandle<()>>,
    age: Arc<Mutex<Option<FrameAge>>>,
    texts: Vec<String>,
}

/// Sets the webcam's input, size and rate, and its stamps to the start of a frame.
pub fn preset() -> anyhow::Result<()> {
    let (pixels, width, height, rate_hz) = WEBCAM;
    let device = VideoDevice::camera(CAMERA)?;
    device.set_input(0)?;
    device.set_format(pixels, width, height)?;
    device.set_rate(rate_hz)?;
    device.set_control("timestamp_source", 1)
}

impl EventWatch {
    /// Starts to capture into memory of this process.
    pub fn start() -> anyhow::Result<Self> {
        let (pixels, width, height, rate_hz) = WEBCAM;
        let settings = CaptureOptions {
            path: CAMERA.into(),
            request: FormatRequest {
                fourcc: Some(FourCc(pixels)),
                known: Vec::new(),
                size: Some((width, height)),
                rate_hz: Some(f64::from(rate_hz)),
                controls: Vec::new(),
            },
            memory: MemoryChoice::Only(MemoryKind::User),
            buffers: 4,
        };
        let mut capture = CaptureSession::open(Arc::new(LinuxKernel), settings)?;
        let handle = capture.handle();
        let age = Arc::new(Mutex::new(None));
        let latest = Arc::clone(&age);
        let thread = std::thread::spawn(move || {
            while let Some(frame) = capture.next() {
                *latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(frame.age);
            }
        });
        Ok(Self {
            handle,
            thread: Some(thread),
            age,
            texts: Vec::new(),
        })
    }

    /// Its result so far.
    pub fn report(&self) -> CaptureSummary {
        self.handle.report()
    }

    /// Age of the newest frame when it came.
    pub fn age(&self) -> Option<FrameAge> {
        *self.age.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the report is as wanted; gives the seconds that it took.
    pub fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&CaptureSummary) -> bool,
    ) -> anyhow::Result<f64> {
        let from = sys::monotonic_s();
        loop {
            while let Some(event) = self.handle.event() {
                self.texts.push(event.text);
            }
            let report = self.report();
            let took = sys::monotonic_s() - from;
            if wanted(&report) {
                return Ok(took);
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                bail!("the capture's thread ended before {what}");
            }
            if took > LIMIT_S {
                bail!(
                    "no {what} within {LIMIT_S} s; {} frames, reported: {}",
                    report.frames,
                    self.texts.join(" / ")
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for more frames.
    pub fn frames(&mut self, more: u64) -> anyhow::Result<f64> {
        let wanted = self.report().frames + more;
        self.until("frames", |report| report.frames >= wanted)
    }

    /// What was reported last about a fault of the device, in words.
    pub fn reported(&self) -> String {
        let reported = self
            .texts
            .iter()
            .rev()
            .find(|text| text.contains(" fails: "));
        let text = reported.map_or("", String::as_str);
        let text = text.split(" fails: ").last().unwrap_or(text);
        text.split("; trying").next().unwrap_or(text).to_string()
    }

    /// Ends it in order, and checks that each outage of `reason` was reported once and is over, and that
    /// there was no other.
    pub fn end(mut self, reason: Option<LossReason>, times: u64) -> anyhow::Result<CaptureSummary> {
        self.handle.stop();
        let thread = self.thread.take().context("it ended before")?;
        if thread.join().is_err() {
            bail!("the capture panicked");
        }
        let report = self.report();
        for outage in LossReason::OUTAGES {
            let wanted = if reason == Some(outage) { times } else { 0 };
            let reported = report.count(outage);
            ensure!(
                reported == wanted,
                "`{}` was reported {reported} times, not {wanted}: {}",
                outage.as_str(),
                self.texts.join(" / ")
            );
        }
        let over = report.recovered;
        let wanted = if reason.is_some() { times } else { 0 };
        ensure!(over == wanted, "{over} outages ended, not {wanted}");
        Ok(report)
    }
}

impl Drop for EventWatch {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            // Another error is on its way.
            let _ = thread.join();
        }
    }
}

/// Sets a control for as long as the value lives.
pub struct HeldFrames {
    name: &'static str,
    rest: i32,
}

impl HeldFrames {
    /// Sets it to `value`; dropped, it is set to `rest`.
    pub fn set(name: &'static str, value: i32, rest: i32) -> anyhow::Result<Self> {
        control(name, value)?;
        Ok(Self { name, rest })
    }
}

impl Drop for HeldFrames {
    fn drop(&mut self) {
        // A device that is gone comes back with its own values.
        let _ = control(self.name, self.rest);
    }
}
