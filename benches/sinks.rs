//! Time from the engine's output to the alert's bytes at the other end of a Unix socket, and what
//! of it the decision takes, all on one core: `cargo bench --bench sinks`.

use hdrhistogram::Histogram;
use std::error::Error;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};
use unmask::budget::realtime::RealtimeSettings;
use unmask::sink::{SinkFanout, SinkSettings, SinkUri, WhenFull};
use unmask_alert::{
    AlertBuilder, AlertDecider, AlertSettings as Decide, EngineId, TrackConfirmation,
};
use unmask_frame::{FrameMetadata, LabelMap, MonotonicTime, PixelMap, ScoreMap, Size};
use unmask_score::ScoredFrame;
use unmask_score::components::label;

/// Grid of the network's output.
const GRID: Size = Size::new(512, 256);
/// Picture that the grid stands for.
const PICTURE: Size = Size::new(2048, 1024);
const FRAMES: u64 = 2000;
/// Frames that do not count.
const WARM_UP: u64 = 20;
const THRESHOLD: f32 = 0.5;

/// How the map looks next to the things on it.
#[derive(Clone, Copy)]
enum Rest {
    /// Calm: what a trained network mostly gives.
    Calm,
    /// One cell in fifty is above the threshold, by itself: thousands of components, all too small.
    Specks,
}

impl Rest {
    fn name(self) -> &'static str {
        match self {
            Rest::Calm => "calm map",
            Rest::Specks => "map full of specks",
        }
    }
}

/// A road with things on it that move a little from frame to frame.
fn scored(frame: u64, rest: Rest) -> ScoredFrame {
    let mut score = ScoreMap::filled(GRID, 0.1);
    if let Rest::Specks = rest {
        let mut state = frame * 2 + 1;
        for cell in score.data_mut() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if state.is_multiple_of(50) {
                *cell = 0.9;
            }
        }
    }
    for thing in 0..6 {
        let (x, y) = (60 + thing * 70 + (frame % 8) as usize, 120 + thing * 15);
        for row in y..y + 14 {
            let at = row * GRID.w + x;
            score.data_mut()[at..at + 18].fill(0.9);
        }
    }
    ScoredFrame {
        score,
        classes: LabelMap::filled(GRID, 0),
        qualified: 0,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // The socket's thread, started later, is held to the same core.
    RealtimeSettings {
        cores: vec![0],
        ..RealtimeSettings::default()
    }
    .enter()?;
    for rest in [Rest::Calm, Rest::Specks] {
        measure(rest)?;
    }
    Ok(())
}

fn measure(rest: Rest) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("alerts");
    let receiver = UnixDatagram::bind(&path)?;
    receiver.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut sinks = SinkFanout::open(
        &[SinkUri::Socket(path)],
        &SinkSettings::default(),
        WhenFull::Drop,
    )?;
    let decide = Decide {
        confirm: TrackConfirmation::IMMEDIATE,
        ..Decide::images(THRESHOLD)
    };
    let mut decider = AlertDecider::new(decide, &[0])?;
    let author = AlertBuilder::new(EngineId {
        name: "cpu".into(),
        precision: "fp32".into(),
        hash: "ab".repeat(32).into(),
    });
    let new = || Histogram::<u64>::new(3);
    let (mut way, mut decision, mut parts) = (new()?, new()?, new()?);
    let (mut reported, mut components) = (0, 0);
    let mut events = Vec::new();
    let mut buffer = [0; 4096];
    for frame in 0..FRAMES {
        let scored = scored(frame, rest);
        let metadata = FrameMetadata {
            frame,
            captured: MonotonicTime(frame * 100_000_000),
            age_known: true,
            captured_unix_ns: i128::from(frame) * 100_000_000,
            budget_ns: 100_000_000,
            source: "bench".into(),
            name: None,
        };
        let start = Instant::now();
        decider.step(&scored, PICTURE, metadata.captured_unix_ns, &mut events);
        let decided = start.elapsed();
        let alerts = events.len();
        for (event, track) in events.drain(..) {
            sinks.publish(&author.track_alert(event, &track, &metadata, metadata.captured))?;
        }
        for _ in 0..alerts {
            receiver.recv(&mut buffer)?;
        }
        let took = start.elapsed();
        let mask: Vec<bool> = scored.score.data().iter().map(|s| *s > THRESHOLD).collect();
        let mask = PixelMap::new(GRID, mask).ok_or("a grid of the wrong size")?;
        let start = Instant::now();
        let found = std::hint::black_box(label(&mask)).list().len();
        let labelled = start.elapsed();
        reported += alerts as u64;
        components += found as u64;
        if alerts > 0 && frame >= WARM_UP {
            way.record(took.as_nanos() as u64)?;
            decision.record(decided.as_nanos() as u64)?;
            parts.record(labelled.as_nanos() as u64)?;
        }
    }
    println!(
        "{GRID} grid, {}: {:.0} components and {:.1} alerts a frame, {} frames, one core",
        rest.name(),
        components as f64 / FRAMES as f64,
        reported as f64 / FRAMES as f64,
        way.len()
    );
    let line = |what: &str, h: &Histogram<u64>| {
        let ms = |q| h.value_at_quantile(q) as f64 / 1e6;
        let (p50, p99, max) = (ms(0.5), ms(0.99), ms(1.0));
        println!("  {what:<44} p50 {p50:.3} ms, p99 {p99:.3} ms, max {max:.3} ms");
    };
    line("engine output to alert bytes on the socket", &way);
    line("of it the decision (components, road, tracks)", &decision);
    line("plain labelling of the map, for comparison", &parts);
    Ok(())
}
