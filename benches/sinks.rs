//! Time from the engine's output to the alert's bytes at the other end of a Unix socket, and of
//! the components alone: `cargo bench --bench sinks`.

use hdrhistogram::Histogram;
use std::error::Error;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};
use unmask::alert::{Author, Confirm, Decider, EngineId, Settings as Decide};
use unmask::frame::{LabelMap, Map, Moment, ScoreMap, Size, Token};
use unmask::score::Scored;
use unmask::score::components::label;
use unmask::sink::{Overflow, Settings, Sinks, Target};

/// Grid of the network's output.
const GRID: Size = Size::new(512, 256);
/// Picture that the grid stands for.
const PICTURE: Size = Size::new(2048, 1024);
const FRAMES: u64 = 2000;
/// Frames that do not count.
const WARM_UP: u64 = 20;

/// A road with things on it that move a little from frame to frame.
fn scored(frame: u64) -> Scored {
    let mut score = ScoreMap::filled(GRID, 0.1);
    for thing in 0..6 {
        let (x, y) = (60 + thing * 70 + (frame % 8) as usize, 120 + thing * 15);
        for row in y..y + 14 {
            let at = row * GRID.w + x;
            score.data_mut()[at..at + 18].fill(0.9);
        }
    }
    Scored {
        score,
        classes: LabelMap::filled(GRID, 0),
        qualified: 0,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("alerts");
    let receiver = UnixDatagram::bind(&path)?;
    receiver.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut sinks = Sinks::open(
        &[Target::Socket(path)],
        &Settings::default(),
        Overflow::Drop,
    )?;
    let decide = Decide {
        confirm: Confirm::AT_ONCE,
        ..Decide::stills(0.5)
    };
    let mut decider = Decider::new(decide, &[0])?;
    let author = Author::new(EngineId {
        name: "cpu".into(),
        precision: "fp32".into(),
        hash: "ab".repeat(32).into(),
    });
    let (mut way, mut parts) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    let mut told = 0;
    let mut events = Vec::new();
    let mut buffer = [0; 4096];
    for frame in 0..FRAMES {
        let scored = scored(frame);
        let token = Token {
            frame,
            captured: Moment(frame * 100_000_000),
            captured_unix_ns: i128::from(frame) * 100_000_000,
            budget_ns: 100_000_000,
            source: "bench".into(),
            name: None,
        };
        let start = Instant::now();
        decider.step(&scored, PICTURE, token.captured_unix_ns, &mut events);
        let alerts = events.len();
        for (event, track) in events.drain(..) {
            sinks.tell(&author.write(event, &track, &token, token.captured))?;
        }
        for _ in 0..alerts {
            receiver.recv(&mut buffer)?;
        }
        let took = start.elapsed();
        let mask: Vec<bool> = scored.score.data().iter().map(|s| *s > 0.5).collect();
        let mask = Map::new(GRID, mask).ok_or("a grid of the wrong size")?;
        let start = Instant::now();
        std::hint::black_box(label(&mask));
        let labelled = start.elapsed();
        told += alerts;
        if alerts > 0 && frame >= WARM_UP {
            way.record(took.as_micros() as u64)?;
            parts.record(labelled.as_micros() as u64)?;
        }
    }
    let ms = |h: &Histogram<u64>, q| h.value_at_quantile(q) as f64 / 1e3;
    println!(
        "engine output to alert bytes, {GRID} grid, {} alerts a frame: p50 {:.3} ms, p99 {:.3} ms, \
         max {:.3} ms",
        told as u64 / FRAMES,
        ms(&way, 0.5),
        ms(&way, 0.99),
        ms(&way, 1.0)
    );
    println!(
        "components of a {GRID} map: p50 {:.3} ms, p99 {:.3} ms",
        ms(&parts, 0.5),
        ms(&parts, 0.99)
    );
    Ok(())
}
