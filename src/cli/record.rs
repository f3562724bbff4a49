//! `unmask record`.

use super::progress;
use super::{ExitOutcome, camera_args, shutdown};
use crate::source::{
    BadFrame, CaptureSettings, FrameRecorder, NextFrame, OpenSource, RunPace, SourceClock,
    SourceFrame, SourceReader, SourceUri,
};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tracing::warn;
use unmask_frame::MonotonicTime;

/// How often a recording that waits for a frame looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Arguments of `unmask record`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask record --source synthetic:7 --frames 100 --out drive
  unmask run --source recording:drive > alerts.jsonl
  unmask record --source v4l2:/dev/video0 --camera-format RGB3 --frames 300 --out drive
  unmask record --source pictures:list.txt --rate 30 --realtime --out list

Writes recording.json, frames.jsonl (one line per frame: number, times, frames lost before it) and
one file per frame. For cameras, these are the bytes that the driver wrote, so that a replay gives
any model what the camera gave; GREY, NV21 and MJPG, and all other sources, become PNG. It can be
stopped at any time: what is written is complete.

Exit code: 0 all frames were written; 2 some frames were bad, counted and named; 1 the recording
failed.")]
pub struct RecordArgs {
    /// Source: v4l2:/dev/video0, pictures:DIR, recording:DIR, synthetic
    ///
    /// Also pictures:LIST.txt, a list of files, and synthetic:SEED, another drive.
    #[arg(long, value_name = "SOURCE")]
    source: String,

    /// Folder to write to, new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Stop after N frames [default: at the end of the source]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,

    /// Frames per second of the source
    #[arg(long, value_name = "HZ", default_value_t = 10.0)]
    rate: f64,

    /// Deliver frames at --rate; superseded ones are dropped
    ///
    /// Dropped frames are counted, and times are those of the clock. Without it no frame is lost, and
    /// times are those of the source.
    #[arg(long)]
    realtime: bool,

    /// Write PNG files instead of a camera's bytes
    ///
    /// Smaller, but slower to write, and a model that is prepared for the camera gets its bytes back
    /// with rounding errors.
    #[arg(long)]
    png: bool,

    /// Print the summary as JSON on stdout
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    camera: camera_args::CaptureArgs,
}

pub(super) fn run(args: &RecordArgs) -> anyhow::Result<ExitOutcome> {
    let source: SourceUri = args.source.parse()?;
    let settings = args.camera.apply_to(CaptureSettings::default());
    let mut camera = OpenSource::open_with(&source, args.rate, &settings)?;
    if !args.png {
        camera.keep_bytes();
    }
    // Nobody can wait for a camera's frames, and its rate is its own.
    let realtime = args.realtime || source.is_live();
    let rate_hz = camera.rate_hz();
    let length = match (camera.len(), args.frames) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let mut recorder = FrameRecorder::create(&args.out, &source.to_string(), realtime, rate_hz)?;
    let pace = if realtime {
        RunPace::Realtime { rate_hz }
    } else {
        RunPace::Offline
    };
    let clock = SourceClock::start();
    let start = Instant::now();
    let reader = SourceReader::start(camera, clock, pace, args.frames)?;
    let bar = progress::start(length, "recording");
    let mut times = RecordTimes::new(clock, realtime);
    let mut first_bad: Option<BadFrame> = None;
    let stop = shutdown::on_request();
    while !stop.load(Relaxed) {
        let (shot, captured) = match reader.take_within(LOOK) {
            NextFrame::Frame(shot, captured) => (shot, captured),
            NextFrame::Nothing => continue,
            NextFrame::End => break,
        };
        while let Some(event) = reader.capture().and_then(|capture| capture.event()) {
            event.log();
        }
        let shot = match shot {
            Ok(shot) if args.png => shot.into_picture(),
            shot => shot,
        };
        match shot {
            Ok(shot) => {
                let (at, unix_ns) = times.of(&shot, captured);
                recorder.add(&shot, at, unix_ns)?;
            }
            Err(bad) => {
                warn!("bad frame {bad}");
                recorder.add_bad(&bad)?;
                first_bad.get_or_insert(bad);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let took = start.elapsed();
    if let (0, Some(first)) = (recorder.frames(), first_bad) {
        anyhow::bail!("not one frame could be recorded; the first: {first}");
    }
    print_summary(args, &recorder, took)?;
    Ok(if recorder.bad() > 0 {
        ExitOutcome::SomeBadInputs
    } else {
        ExitOutcome::Clean
    })
}

/// Gives frames their times.
struct RecordTimes {
    clock: SourceClock,
    realtime: bool,
    start: MonotonicTime,
    first: Option<(MonotonicTime, Duration)>,
}

impl RecordTimes {
    fn new(clock: SourceClock, realtime: bool) -> Self {
        Self {
            clock,
            realtime,
            start: clock.now(),
            first: None,
        }
    }

    /// Since the first frame, and on the wall clock, ns since the Unix epoch.
    fn of(&mut self, shot: &SourceFrame, captured: MonotonicTime) -> (Duration, i64) {
        let (first, first_at) = *self.first.get_or_insert((captured, shot.stamp.at));
        let (at, then) = if self.realtime {
            (captured.since(first), captured)
        } else {
            let at = shot.stamp.at.saturating_sub(first_at);
            (at, self.start.after(at))
        };
        let clock_ns = i64::try_from(self.clock.unix_ns(then)).unwrap_or(i64::MAX);
        // A recording of a recording keeps the times of the first.
        (at, shot.stamp.unix_ns.unwrap_or(clock_ns))
    }
}

fn print_summary(
    args: &RecordArgs,
    recorder: &FrameRecorder,
    took: Duration,
) -> anyhow::Result<()> {
    let drops = recorder.drops();
    if args.json {
        let summary = serde_json::json!({
            "recording": args.out.display().to_string(),
            "frames": recorder.frames(),
            "bad": recorder.bad(),
            "drops": drops,
            "bytes": recorder.bytes(),
            "seconds": took.as_secs_f64(),
        });
        let text = serde_json::to_string_pretty(&summary)?;
        println!("{text}");
        return Ok(());
    }
    eprintln!(
        "{} frames, {} bad, {drops} lost; {:.1} MB in {:.1} s\nwatch it again: unmask run --source \
         recording:{}",
        recorder.frames(),
        recorder.bad(),
        recorder.bytes() as f64 / 1e6,
        took.as_secs_f64(),
        args.out.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_worlds_or_the_clocks() {
        let clock = SourceClock::start();
        let mut camera = OpenSource::open(&SourceUri::Synthetic(1), 4.0).unwrap();
        let shots: Vec<SourceFrame> = (0..2).map(|_| camera.next().unwrap().unwrap()).collect();
        let ms = |ms: u64| MonotonicTime(ms * 1_000_000);
        let mut times = RecordTimes::new(clock, false);
        let (a, b) = (times.of(&shots[0], ms(5)), times.of(&shots[1], ms(999)));
        assert_eq!((a.0, b.0), (Duration::ZERO, Duration::from_millis(250)));
        assert_eq!(b.1 - a.1, 250_000_000);
        let mut times = RecordTimes::new(clock, true);
        let (a, b) = (times.of(&shots[0], ms(5)), times.of(&shots[1], ms(999)));
        assert_eq!((a.0, b.0), (Duration::ZERO, Duration::from_millis(994)));
        assert_eq!(b.1 - a.1, 994_000_000);
    }
}
