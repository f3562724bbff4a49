//! From the driver to the engine: how long a frame takes from DQBUF to the thread that scores it,
//! with a driver inside the process. `cargo bench --bench camera`

use hdrhistogram::Histogram;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use unmask::source::{
    CaptureSettings, NextFrame, OpenSource, RunPace, SourceClock, SourceFrame, SourceReader,
    V4l2Source,
};
use unmask_v4l2::FourCc;
use unmask_v4l2::fake::FakeKernel;

const SIZE: (u32, u32) = (1280, 720);
const FRAMES: u64 = 2000;
/// Frames that do not count.
const WARM_UP: u64 = 50;
/// From the asking for a frame to its filling: both readers sleep by then.
const PAUSE: Duration = Duration::from_millis(2);

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "{FRAMES} frames of YUYV {}x{}, one at a time",
        SIZE.0, SIZE.1
    );
    // The thread that called DQBUF.
    let fake = fake();
    let mut camera = open(&fake)?;
    let calling = measure(&fake, || match camera.next() {
        Some(Ok(shot)) => Ok(shot),
        other => Err(format!("no frame: {other:?}").into()),
    })?;
    print("on the thread that called DQBUF", &calling);
    // As in a run: the camera has a thread of its own, and the engine sleeps on its queue.
    let fake = self::fake();
    let pace = RunPace::Realtime { rate_hz: 30.0 };
    let reader = SourceReader::start(open(&fake)?, SourceClock::start(), pace, None)?;
    let engine = measure(&fake, || {
        match reader.take_within(Duration::from_secs(10)) {
            NextFrame::Frame(Ok(shot), _) => Ok(shot),
            other => Err(format!("no frame: {other:?}").into()),
        }
    })?;
    print("on the engine's thread", &engine);
    Ok(())
}

fn fake() -> FakeKernel {
    let fake = FakeKernel::real_time();
    fake.set_modes(&[FourCc(*b"YUYV")], &[SIZE], 0);
    fake
}

fn open(fake: &FakeKernel) -> Result<OpenSource, Box<dyn Error>> {
    let settings = CaptureSettings::default();
    let camera = V4l2Source::open(Arc::new(fake.clone()), Path::new("/dev/fake"), &settings)?;
    let mut camera = OpenSource::V4l2(Box::new(camera));
    camera.keep_bytes();
    Ok(camera)
}

/// Times from DQBUF to what `take` returns, ns. A frame is filled once it is asked for, so that no
/// other is underway.
fn measure(
    fake: &FakeKernel,
    mut take: impl FnMut() -> Result<SourceFrame, Box<dyn Error>>,
) -> Result<Histogram<u64>, Box<dyn Error>> {
    let mut times = Histogram::new(3)?;
    let (ask, asked) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| fill(fake, asked));
        // Dropped at the end, which ends the filling.
        let ask = ask;
        for number in 0..WARM_UP + FRAMES {
            ask.send(())?;
            let shot = take()?;
            let bytes = shot.bytes.as_ref().ok_or("the frame has no bytes")?;
            let first = bytes[0];
            let now = Instant::now();
            let dequeued = fake.last_dequeue().ok_or("nothing was dequeued")?;
            if first != shot.number as u8 {
                return Err(format!("frame {} holds {first}", shot.number).into());
            }
            if number >= WARM_UP {
                times.record(now.duration_since(dequeued).as_nanos() as u64)?;
            }
        }
        Ok(times)
    })
}

fn fill(fake: &FakeKernel, asked: Receiver<()>) {
    for () in asked {
        std::thread::sleep(PAUSE);
        // Until the stream has begun there is no buffer to fill.
        while !fake.produce() {
            std::thread::yield_now();
        }
    }
}

fn print(what: &str, times: &Histogram<u64>) {
    let us = |ns: u64| ns as f64 / 1e3;
    println!(
        "{what}: p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs, max {:.1} µs",
        us(times.value_at_quantile(0.5)),
        us(times.value_at_quantile(0.99)),
        us(times.value_at_quantile(0.999)),
        us(times.max())
    );
}
