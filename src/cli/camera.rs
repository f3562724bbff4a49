//! `unmask camera`.

use super::{ExitOutcome, camera_args, shutdown};
use crate::source::{CaptureReport, CaptureSettings, SourceUri};
use anyhow::{Context, bail};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `unmask camera`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask camera --source v4l2:/dev/video0
  unmask camera --source v4l2:/dev/video0 --frames 100 --camera-memory dmabuf --json
  unmask camera --source v4l2:/dev/video0 --camera-size 1280x720 --camera-format NV12 --out frames
  unmask camera --source v4l2:/dev/video0 --cycles 1000 --frames 1

Captures frames without a model, and reports the format, the memory that is filled, the clock of the
timestamps, lost frames and faults. With --out the bytes of every frame are written, unchanged, to
NUMBER.raw. Faults are handled as in `unmask run`; use --seconds where frames may fail to arrive.

Exit code: 0 all frames arrived; 1 the capture failed, or the time was up before.")]
pub struct CameraArgs {
    /// Camera: v4l2:/dev/video0, or a name under /dev/v4l/by-id
    #[arg(long, value_name = "SOURCE")]
    source: SourceUri,

    /// Frames to capture
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,

    /// Give up after this time, s [default: never]
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,

    /// Hold every frame's memory for this long, ms
    #[arg(long, hide_short_help = true, value_name = "MS", default_value_t = 0)]
    hold_ms: u64,

    /// Open, stream and close N times, each for --frames frames
    #[arg(long, hide_short_help = true, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    cycles: u64,

    /// Report the SHA-256 of every frame, next to its CRC-32
    #[arg(long)]
    sha256: bool,

    /// Folder for the frames' bytes
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print the result as JSON on stdout
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    camera: camera_args::CaptureArgs,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct FoundDevice {
    camera: CaptureReport,
    cycles: u64,
    seconds: f64,
    frames: Vec<CameraReport>,
    events: Vec<ReportedFault>,
    /// Open files of this process after the first and the last cycle.
    open_files: Option<[u64; 2]>,
    /// Memory of this process after the first and the last cycle, KiB.
    resident_kib: Option<[u64; 2]>,
}

/// A frame.
#[derive(Debug, Serialize)]
struct CameraReport {
    number: u64,
    sequence: u32,
    /// Its age when it arrived, ms; null where it is unknown.
    age_ms: Option<f64>,
    bytes: usize,
    flags: u32,
    crc32: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize)]
struct ReportedFault {
    cause: &'static str,
    after_s: f64,
    text: String,
}

pub(super) fn run(args: &CameraArgs) -> anyhow::Result<ExitOutcome> {
    let SourceUri::V4l2(path) = &args.source else {
        bail!(
            "`{}` is no camera: wanted v4l2:DEVICE, such as v4l2:/dev/video0",
            args.source
        );
    };
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let settings = args.camera.apply_to(CaptureSettings::default());
    let found = look(args, path, &settings)?;
    let outcome = match shutdown::is_requested() {
        true => ExitOutcome::Stopped,
        false => ExitOutcome::Clean,
    };
    if args.json {
        let text = serde_json::to_string_pretty(&found)?;
        writeln!(std::io::stdout().lock(), "{text}").context("cannot write what was found")?;
    } else {
        print_summary(&found)?;
    }
    let (had, wanted) = (found.frames.len() as u64, args.frames * args.cycles);
    if had < wanted && outcome == ExitOutcome::Clean {
        bail!("only {had} of {wanted} frames came in time");
    }
    Ok(outcome)
}

fn print_summary(found: &FoundDevice) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let camera = &found.camera;
    writeln!(out, "{camera}")?;
    let rate = found.frames.len() as f64 / found.seconds.max(1e-9);
    writeln!(
        out,
        "{} frames in {:.2} s: {rate:.2} a second; the driver says {}",
        found.frames.len(),
        found.seconds,
        camera
            .rate_hz
            .map_or_else(|| "nothing".into(), |hz| format!("{hz:.2}"))
    )?;
    let mut ages: Vec<f64> = found.frames.iter().filter_map(|f| f.age_ms).collect();
    ages.sort_by(f64::total_cmp);
    match (ages.first(), ages.last()) {
        (Some(least), Some(most)) => writeln!(
            out,
            "age at arrival {least:.2} to {most:.2} ms, known of {} frames",
            ages.len()
        )?,
        _ => writeln!(out, "age at arrival: unknown")?,
    }
    if let (Some(files), Some(kib)) = (found.open_files, found.resident_kib) {
        writeln!(
            out,
            "{} cycles: open files {} then {}, memory {} then {} KiB",
            found.cycles, files[0], files[1], kib[0], kib[1]
        )?;
    }
    Ok(())
}

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
fn look(args: &CameraArgs, _: &Path, _: &CaptureSettings) -> anyhow::Result<FoundDevice> {
    let text = args.source.to_string();
    Err(crate::source::SourceError::NotInThisBuild { text }.into())
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
fn look(args: &CameraArgs, path: &Path, settings: &CaptureSettings) -> anyhow::Result<FoundDevice> {
    let kernel = std::sync::Arc::new(unmask_v4l2::LinuxKernel);
    take(args, kernel, path, settings)
}

/// Takes the frames.
#[cfg(target_os = "linux")]
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(dead_code)
)]
fn take(
    args: &CameraArgs,
    kernel: std::sync::Arc<dyn unmask_v4l2::V4l2Api>,
    path: &Path,
    settings: &CaptureSettings,
) -> anyhow::Result<FoundDevice> {
    use crate::source::V4l2Source;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::{Duration, Instant};

    let mut found = FoundDevice {
        cycles: args.cycles,
        ..FoundDevice::default()
    };
    let start = Instant::now();
    let limit = args.seconds.map(|s| {
        Duration::try_from_secs_f64(s)
            .with_context(|| format!("--seconds {s}: wanted a number above 0"))
    });
    let deadline = limit.transpose()?.map(|limit| start + limit);
    let mut first = None;
    let stop = shutdown::on_request();
    for cycle in 0..args.cycles {
        if stop.load(Relaxed) {
            break;
        }
        let mut camera = V4l2Source::open(kernel.clone(), path, settings)?;
        let watch = camera.watch();
        let (done, ended) = std::sync::mpsc::channel::<()>();
        let events = std::thread::scope(|scope| -> anyhow::Result<Vec<ReportedFault>> {
            let watching = scope.spawn(|| follow(&watch, ended, start, deadline, &stop));
            // Dropped however the frames end: whoever follows them goes on.
            let done = done;
            for _ in 0..args.frames {
                let Some(frame) = camera.next_raw() else {
                    break;
                };
                found.frames.push(seen(args, &frame)?);
                if args.hold_ms > 0 {
                    std::thread::sleep(Duration::from_millis(args.hold_ms));
                }
            }
            drop(done);
            watching
                .join()
                .map_err(|_| anyhow::anyhow!("the thread that follows the camera broke down"))
        })?;
        found.events.extend(events);
        found.camera = watch.report();
        drop(camera);
        if cycle == 0 {
            first = usage();
        }
    }
    if let (Some((files, kib)), Some((files_now, kib_now))) = (first, usage()) {
        found.open_files = Some([files, files_now]);
        found.resident_kib = Some([kib, kib_now]);
    }
    found.seconds = start.elapsed().as_secs_f64();
    Ok(found)
}

/// Logs events as they come, and stops the camera when the time is over.
#[cfg(target_os = "linux")]
fn follow(
    watch: &crate::source::CaptureWatch,
    ended: std::sync::mpsc::Receiver<()>,
    start: std::time::Instant,
    deadline: Option<std::time::Instant>,
    stop: &std::sync::atomic::AtomicBool,
) -> Vec<ReportedFault> {
    use std::sync::mpsc::RecvTimeoutError;
    let mut reported = Vec::new();
    loop {
        let waited = ended.recv_timeout(std::time::Duration::from_millis(20));
        while let Some(event) = watch.event() {
            event.log();
            reported.push(ReportedFault {
                cause: event.reason,
                after_s: start.elapsed().as_secs_f64(),
                text: event.text,
            });
        }
        if waited != Err(RecvTimeoutError::Timeout) {
            return reported;
        }
        let is_over = deadline.is_some_and(|at| std::time::Instant::now() >= at);
        if is_over || stop.load(std::sync::atomic::Ordering::Relaxed) {
            watch.stop();
        }
    }
}

#[cfg(target_os = "linux")]
fn seen(args: &CameraArgs, frame: &unmask_v4l2::CapturedFrame) -> anyhow::Result<CameraReport> {
    use sha2::{Digest, Sha256};
    let (bytes, done) = (&*frame.buffer, frame.buffer.dequeued());
    if let Some(folder) = &args.out {
        let path = folder.join(format!("{:08}.raw", frame.number));
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let hex = |digest: &[u8]| {
        digest
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    Ok(CameraReport {
        number: frame.number,
        sequence: done.sequence,
        age_ms: match frame.age {
            unmask_v4l2::FrameAge::Known(age) => Some(age.as_secs_f64() * 1e3),
            unmask_v4l2::FrameAge::Unknown => None,
        },
        bytes: bytes.len(),
        flags: done.flags.0,
        crc32: format!("{:08x}", crc32fast::hash(bytes)),
        sha256: args.sha256.then(|| hex(&Sha256::digest(bytes))),
    })
}

/// Open files and resident memory, KiB, of this process.
#[cfg(target_os = "linux")]
fn usage() -> Option<(u64, u64)> {
    let files = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((files, kib))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use clap::Parser;
    use std::sync::Arc;
    use unmask_v4l2::fake::{FakeEvent, FakeKernel};

    #[derive(Parser)]
    struct ReportLine {
        #[command(flatten)]
        args: CameraArgs,
    }

    fn found(fake: &FakeKernel, line: &str) -> anyhow::Result<FoundDevice> {
        let words = ["camera", "--source", "v4l2:/dev/fake"];
        let args = ReportLine::parse_from(words.into_iter().chain(line.split_whitespace())).args;
        let settings = args.camera.apply_to(CaptureSettings::default());
        take(
            &args,
            Arc::new(fake.clone()),
            Path::new("/dev/fake"),
            &settings,
        )
    }

    #[test]
    fn frames_are_told_one_by_one_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!(
            "--frames 3 --mode dmabuf --format GREY --sha256 --out {}",
            folder.path().display()
        );
        let found = found(&FakeKernel::virtual_time(), &line).unwrap();
        assert_eq!((found.camera.memory, found.frames.len()), ("dmabuf", 3));
        let bytes = std::fs::read(folder.path().join("00000002.raw")).unwrap();
        assert_eq!(bytes, [2; 64 * 48]);
        let last = &found.frames[2];
        assert_eq!(last.crc32, format!("{:08x}", crc32fast::hash(&bytes)));
        assert_eq!(last.sha256.as_ref().unwrap().len(), 64);
        assert_eq!(last.age_ms, Some(5.0));
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["camera"]["copies_per_frame"], 1);
    }

    #[test]
    fn cycles_leave_nothing_open_and_faults_are_told() {
        let fake = FakeKernel::virtual_time();
        let found = found(&fake, "--frames 2 --cycles 5").unwrap();
        assert_eq!((found.frames.len(), fake.counts().1), (10, 0));
        assert!(found.open_files.is_some());
    }

    #[test]
    fn the_time_ends_the_wait_for_frames_that_do_not_come() {
        let fake = FakeKernel::real_time();
        fake.inject_event(FakeEvent::Silence(true));
        let found = found(&fake, "--frames 2 --seconds 0.2").unwrap();
        assert!(found.frames.is_empty() && found.seconds >= 0.2);
    }
}
