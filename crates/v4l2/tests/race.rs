//! With a driver on a thread of its own: nothing is overwritten while it is read; how long a frame
//! takes to its reader; what it allocates.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use unmask_v4l2::fake::FakeKernel;
use unmask_v4l2::{CaptureOptions, CaptureSession, FormatRequest, MemoryChoice, MemoryKind};

fn capture(fake: &FakeKernel, kind: MemoryKind) -> CaptureSession {
    let settings = CaptureOptions {
        path: PathBuf::from("/dev/fake"),
        request: FormatRequest::default(),
        memory: MemoryChoice::Only(kind),
        buffers: 4,
    };
    CaptureSession::open(Arc::new(fake.clone()), settings).unwrap()
}

/// Runs `read` while a driver fills buffers as fast as it can.
fn with_driver<T>(fake: &FakeKernel, pause: Duration, read: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Relaxed) {
                fake.produce();
                if pause.is_zero() {
                    std::thread::yield_now();
                } else {
                    std::thread::sleep(pause);
                }
            }
        });
        let read = read();
        ended.store(true, Relaxed);
        read
    })
}

/// Frames whose bytes changed, or are not of one picture, of `count`.
fn torn(fake: &FakeKernel, kind: MemoryKind, count: usize) -> usize {
    with_driver(fake, Duration::ZERO, || {
        let mut capture = capture(fake, kind);
        let mut torn = 0;
        let mut held = std::collections::VecDeque::new();
        for _ in 0..count {
            held.push_back(capture.next().unwrap());
            // Two are read at a time, one of them for longer.
            if held.len() > 2 {
                held.pop_front();
            }
            let whole = held.iter().all(|frame: &unmask_v4l2::CapturedFrame| {
                let want = frame.buffer.dequeued().sequence as u8;
                std::thread::yield_now();
                frame.buffer.iter().all(|&b| b == want)
            });
            torn += usize::from(!whole);
        }
        torn
    })
}

#[test]
fn no_frame_is_overwritten_while_it_is_read() {
    for kind in [MemoryKind::User, MemoryKind::Mmap, MemoryKind::Shared] {
        let fake = FakeKernel::real_time();
        assert_eq!(torn(&fake, kind, 300), 0, "{kind:?}");
    }
}

#[test]
fn the_test_sees_a_driver_that_overwrites() {
    let fake = FakeKernel::real_time();
    fake.overwrite();
    assert!(torn(&fake, MemoryKind::Mmap, 100) > 0);
}

#[test]
fn a_frame_is_with_its_reader_at_once() {
    let fake = FakeKernel::real_time();
    let mut capture = capture(&fake, MemoryKind::User);
    let mut times: Vec<Duration> = with_driver(&fake, Duration::from_micros(300), || {
        (0..2000)
            .map(|_| {
                let frame = capture.next().unwrap();
                assert_eq!(frame.buffer[0], frame.buffer.dequeued().sequence as u8);
                frame.arrived.elapsed()
            })
            .collect()
    });
    times.sort();
    let at = |share: f64| times[(share * 1999.0) as usize];
    println!(
        "from DQBUF to the pointer: p50 {:?}, p99 {:?}, max {:?}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    // The median is the code; the tail is whoever else wants the processor.
    assert!(at(0.5) < Duration::from_micros(50));
}

#[test]
fn a_thousand_frames_allocate_nothing() {
    for kind in [MemoryKind::User, MemoryKind::Mmap, MemoryKind::Shared] {
        let fake = FakeKernel::virtual_time();
        let mut capture = capture(&fake, kind);
        let start = Instant::now();
        let mut frames = |count: u32| {
            for _ in 0..count {
                let frame = capture.next().unwrap();
                assert!(!frame.buffer.is_empty());
            }
        };
        frames(50);
        let counted = allocation_counter::measure(|| frames(1000));
        println!(
            "{kind:?}: {} allocations in 1000 frames, {:?}",
            counted.count_total,
            start.elapsed()
        );
        assert_eq!(counted.count_total, 0, "{kind:?}");
    }
}
