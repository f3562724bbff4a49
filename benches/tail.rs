//! Where the slow frames come from: `cargo bench --bench tail -- [--model FILE] [--source SOURCE]
//! [--frames 5000] [--priority 50]`.
//!
//! Prints what frames take in the engine and outside it up to p99.9, and of the slowest frames what
//! the pipeline's thread waited for: a core (the kernel's run queue), pages, or, where it was neither
//! on a core nor ready for one, the engine's thread, which gets each frame and hands it back. Between frames a fixed piece of work is timed:
//! what that varies by, the machine varies by. Without `--source`, small pictures are watched by the
//! tests' model; with `--priority` the frame's threads get SCHED_FIFO.

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use unmask::budget::realtime::RealtimeSettings;
use unmask::budget::{FrameStage, LatencyPercentiles};
use unmask::pipeline::{PipelineSettings, RunEvent, run};
use unmask::sink::JsonLines;
use unmask::source::{OpenSource, RunPace, SourceUri};
use unmask_alert::{AlertSettings, FilterRules, HighSeverity, ProcessedFrame, TrackConfirmation};
use unmask_engine::{Engine, EngineOptions};
use unmask_frame::{Picture, Size, write_png};

/// Frames that do not count.
const WARM_UP: u64 = 100;
/// Rounds of the fixed piece of work: about a fifth of a millisecond.
const ROUNDS: u64 = 100_000;
/// Share of the frames that are called slow.
const SLOW: f64 = 0.001;

struct Args {
    model: PathBuf,
    source: Option<SourceUri>,
    frames: u64,
    priority: Option<u8>,
}

fn args() -> Result<Args, Box<dyn Error>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models");
    let mut args = Args {
        model: fixtures.join("mask.onnx"),
        source: None,
        frames: 5000,
        priority: None,
    };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(key) = words.next() {
        let value = words.next().ok_or(format!("{key} needs a value"))?;
        match key.as_str() {
            "--model" => args.model = value.into(),
            "--source" => args.source = Some(value.parse()?),
            "--frames" => args.frames = value.parse()?,
            "--priority" => args.priority = Some(value.parse()?),
            _ => return Err(format!("unknown option {key}").into()),
        }
    }
    Ok(args)
}

/// What the kernel knows of the thread so far.
#[derive(Clone, Copy, Debug, Default)]
struct ThreadTimes {
    /// On a core, ns.
    cpu_ns: u64,
    /// Ready to run, but without a core, ns.
    queue_ns: u64,
    /// Times it had to leave its core for another thread.
    preempted: u64,
    faults: u64,
}

/// Reads what the kernel knows of the calling thread.
struct ThreadProbe {
    schedule: File,
    status: File,
    stat: File,
}

impl ThreadProbe {
    fn open() -> io::Result<Self> {
        let open = |name: &str| File::open(Path::new("/proc/thread-self").join(name));
        Ok(Self {
            schedule: open("schedstat")?,
            status: open("status")?,
            stat: open("stat")?,
        })
    }

    fn read(&self) -> ThreadTimes {
        let mut buffer = [0; 4096];
        let mut text = |file: &File| {
            let bytes = file.read_at(&mut buffer, 0).unwrap_or(0);
            String::from_utf8_lossy(&buffer[..bytes]).into_owned()
        };
        let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).unwrap_or(0);
        let schedule = text(&self.schedule);
        let mut words = schedule.split_whitespace();
        let (cpu_ns, queue_ns) = (number(words.next()), number(words.next()));
        let status = text(&self.status);
        let preempted = status
            .lines()
            .find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
        // Fields after the name, which may hold spaces; minor and major faults are 10 and 12.
        let stat = text(&self.stat);
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let field = |at: usize| number(fields.split_whitespace().nth(at - 3));
        ThreadTimes {
            cpu_ns,
            queue_ns,
            preempted: number(preempted.map(str::trim)),
            faults: field(10) + field(12),
        }
    }
}

/// A part of what a frame took, ms.
type TimePart = fn(&FrameTimes) -> f64;

/// A frame: from the end of the one before it to its own.
#[derive(Clone, Copy, Debug)]
struct FrameTimes {
    wall: Duration,
    engine: Duration,
    kernel: ThreadTimes,
    /// The fixed piece of work after it.
    work: Duration,
    work_cpu: Duration,
}

impl FrameTimes {
    fn outside(&self) -> Duration {
        self.wall.saturating_sub(self.engine)
    }
}

fn fixed_work() -> u64 {
    (0..ROUNDS).fold(1, |sum: u64, i| {
        black_box(sum.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7) ^ i)
    })
}

/// Measures on the pipeline's own thread.
#[derive(Default)]
struct FrameProbe {
    probe: Option<ThreadProbe>,
    start: Option<(Instant, ThreadTimes)>,
    frames: Vec<FrameTimes>,
}

impl FrameProbe {
    fn end_frame(&mut self) {
        let end = Instant::now();
        if self.probe.is_none() {
            // The first frame is there: this is the thread.
            self.probe = ThreadProbe::open().ok();
        }
        let Some(probe) = &self.probe else { return };
        let after = probe.read();
        if let Some((start, before)) = self.start {
            let begin = Instant::now();
            black_box(fixed_work());
            let work = begin.elapsed();
            let worked = probe.read();
            self.frames.push(FrameTimes {
                wall: end - start,
                engine: Duration::ZERO,
                kernel: ThreadTimes {
                    cpu_ns: after.cpu_ns - before.cpu_ns,
                    queue_ns: after.queue_ns - before.queue_ns,
                    preempted: after.preempted - before.preempted,
                    faults: after.faults - before.faults,
                },
                work,
                work_cpu: Duration::from_nanos(worked.cpu_ns - after.cpu_ns),
            });
        }
        self.start = Some((Instant::now(), probe.read()));
    }
}

/// Small pictures in which something moves, and a list that names them again and again.
fn pictures(folder: &Path, frames: u64) -> Result<SourceUri, Box<dyn Error>> {
    let size = Size::new(256, 128);
    for i in 0..16 {
        let mut picture = Picture::filled(size, [255, 0, 0]);
        for row in 60..84 {
            let at = (row * size.w + 60 + 4 * i) * 3;
            picture.rgb_mut()[at..at + 24 * 3].fill(0);
        }
        write_png(&folder.join(format!("{i:02}.png")), &picture).map_err(|e| e.to_string())?;
    }
    let list: String = (0..frames)
        .map(|frame| format!("{:02}.png\n", frame % 16))
        .collect();
    let path = folder.join("list.txt");
    fs::write(&path, list)?;
    Ok(SourceUri::Pictures(path))
}

fn settings(source: &SourceUri, args: &Args, threshold: f32) -> PipelineSettings {
    let mut settings = PipelineSettings {
        source: source.to_string().into(),
        frames: Some(args.frames + WARM_UP),
        pace: RunPace::Offline,
        budget: Duration::from_secs(10),
        refine: true,
        decide: AlertSettings {
            threshold,
            low_threshold: threshold,
            min_area_px: 100,
            only_near_road: true,
            zone: None,
            confirm: TrackConfirmation::IMMEDIATE,
            rules: FilterRules::NONE,
            cooldown: Duration::ZERO,
            camera_geometry: None,
            high_severity: HighSeverity {
                distance_m: 15.0,
                area_share: 0.01,
            },
        },
        warm_up: WARM_UP,
        longest: None,
        degrade: None,
        realtime: Default::default(),
        board: Default::default(),
        stop: Default::default(),
    };
    settings.realtime.priority = args.priority;
    settings
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = args()?;
    let folder = tempfile::tempdir()?;
    let source = match &args.source {
        Some(source) => source.clone(),
        None => pictures(folder.path(), args.frames + WARM_UP)?,
    };
    let realtime = RealtimeSettings {
        priority: args.priority,
        ..Default::default()
    };
    // Before the engine: its threads are to have it, too.
    realtime.enter()?;
    let mut engine = Engine::open(&args.model, EngineOptions { threads: 1 })?;
    let threshold = engine.model_metadata().threshold.unwrap_or(0.5);
    let camera = OpenSource::open(&source, 10.0)?;
    let settings = settings(&source, &args, threshold);
    let mut sink = JsonLines::to_writer("nowhere", Box::new(io::sink())).into();
    let engines: Mutex<Vec<Duration>> = Mutex::default();
    let view = |looked: ProcessedFrame| {
        let mut times = engines.lock().map_err(|error| error.to_string())?;
        times.push(looked.times.engine);
        Ok(())
    };
    let mut probe = FrameProbe::default();
    let summary = run(
        &mut engine,
        camera,
        &settings,
        &mut sink,
        Some(Box::new(view)),
        &mut |event| {
            if let RunEvent::Frame = event {
                probe.end_frame();
            }
        },
    )?;
    let times = engines.into_inner().map_err(|error| error.to_string())?;
    let mut frames = probe.frames;
    // The first frame has no beginning.
    for (frame, engine) in frames.iter_mut().zip(times.iter().skip(1)) {
        frame.engine = *engine;
    }
    let frames = frames.get(WARM_UP as usize..).unwrap_or_default();
    if frames.len() < 100 {
        return Err(format!("only {} frames were measured", frames.len()).into());
    }
    let priority = match args.priority {
        Some(priority) => format!("SCHED_FIFO {priority}"),
        None => "no priority".into(),
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} frames of {source}, {}, 1 thread, {priority}",
        frames.len(),
        args.model.file_name().unwrap_or_default().to_string_lossy()
    )?;
    head(&mut out)?;
    let ledger = &summary.ledger;
    percentiles(&mut out, "engine", ledger.stage(FrameStage::Engine))?;
    percentiles(&mut out, "outside engine", ledger.outside_engine())?;
    line(&mut out, "frame", frames, |f| f.wall)?;
    line(&mut out, "frame, on a core", frames, |f| {
        Duration::from_nanos(f.kernel.cpu_ns)
    })?;
    line(&mut out, "frame, no core", frames, |f| {
        Duration::from_nanos(f.kernel.queue_ns)
    })?;
    line(&mut out, "fixed work", frames, |f| f.work)?;
    line(&mut out, "fixed work, on a core", frames, |f| f.work_cpu)?;
    causes(&mut out, frames)?;
    Ok(())
}

fn head(out: &mut impl io::Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<24}{:>9}{:>9}{:>9}{:>9}{:>12}",
        "ms", "p50", "p99", "p99.9", "max", "p99.9/p50"
    )
}

fn percentiles(out: &mut impl io::Write, name: &str, p: LatencyPercentiles) -> io::Result<()> {
    print_line(out, name, [p.p50_ms, p.p99_ms, p.p999_ms, p.max_ms])
}

fn line(
    out: &mut impl io::Write,
    name: &str,
    frames: &[FrameTimes],
    pick: impl Fn(&FrameTimes) -> Duration,
) -> io::Result<()> {
    let mut sorted: Vec<Duration> = frames.iter().map(pick).collect();
    sorted.sort_unstable();
    let at = |share: f64| {
        let index = (share * sorted.len() as f64).ceil() as usize;
        sorted[index.clamp(1, sorted.len()) - 1].as_secs_f64() * 1e3
    };
    print_line(out, name, [at(0.5), at(0.99), at(0.999), at(1.0)])
}

fn print_line(out: &mut impl io::Write, name: &str, ms: [f64; 4]) -> io::Result<()> {
    let [p50, p99, p999, max] = ms;
    let ratio = if p50 > 0.0 { p999 / p50 } else { 0.0 };
    writeln!(
        out,
        "{name:<24}{p50:>9.3}{p99:>9.3}{p999:>9.3}{max:>9.3}{ratio:>12.2}"
    )
}

/// What the slowest frames have that the others do not.
fn causes(out: &mut impl io::Write, frames: &[FrameTimes]) -> io::Result<()> {
    let slowest = ((frames.len() as f64 * SLOW).ceil() as usize).max(5);
    for (name, key) in [
        (
            "whole frame",
            FrameTimes::wall as fn(&FrameTimes) -> Duration,
        ),
        ("outside engine", FrameTimes::outside),
    ] {
        let mut sorted = frames.to_vec();
        sorted.sort_by_key(|frame| std::cmp::Reverse(key(frame)));
        let (slow, rest) = sorted.split_at(slowest);
        let mean = |part: &[FrameTimes], pick: fn(&FrameTimes) -> f64| {
            part.iter().map(pick).sum::<f64>() / part.len() as f64
        };
        writeln!(
            out,
            "{name}: mean of the {slowest} slowest, and of the rest"
        )?;
        let rows: [(&str, TimePart); 6] = [
            ("  took, ms", |f| f.wall.as_secs_f64() * 1e3),
            ("  of it outside, ms", |f| f.outside().as_secs_f64() * 1e3),
            ("  on a core, ms", |f| f.kernel.cpu_ns as f64 / 1e6),
            ("  ready without core, ms", |f| {
                f.kernel.queue_ns as f64 / 1e6
            }),
            ("  left core for others", |f| f.kernel.preempted as f64),
            ("  page faults", |f| f.kernel.faults as f64),
        ];
        for (name, pick) in rows {
            writeln!(
                out,
                "{name:<26}{:>10.3}{:>10.3}",
                mean(slow, pick),
                mean(rest, pick)
            )?;
        }
    }
    Ok(())
}

impl FrameTimes {
    fn wall(&self) -> Duration {
        self.wall
    }
}
