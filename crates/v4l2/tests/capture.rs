//! Capture against the driver inside the process: what is given, what is lost, and every fault.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use unmask_v4l2::fake::{FakeCall, FakeClock, FakeEvent as Befall, FakeKernel};
use unmask_v4l2::{
    CaptureEvent, CaptureOptions, CaptureSession, CapturedFrame, ClockDomain, FormatRequest,
    FourCc, FrameAge, LossReason, MemoryChoice, MemoryKind, V4l2Api,
};

fn settings(memory: MemoryChoice) -> CaptureOptions {
    CaptureOptions {
        path: PathBuf::from("/dev/fake"),
        request: FormatRequest::default(),
        memory,
        buffers: 4,
    }
}

fn open(fake: &FakeKernel) -> CaptureSession {
    CaptureSession::open(Arc::new(fake.clone()), settings(MemoryChoice::Auto)).unwrap()
}

fn events(capture: &CaptureSession) -> Vec<CaptureEvent> {
    let handle = capture.handle();
    std::iter::from_fn(|| handle.event()).collect()
}

fn causes(capture: &CaptureSession) -> Vec<LossReason> {
    events(capture).iter().map(|event| event.reason).collect()
}

/// The next frame, whose bytes must all be its driver's number.
fn next(capture: &mut CaptureSession) -> CapturedFrame {
    let frame = capture.next().expect("nobody stopped it");
    let want = frame.buffer.dequeued().sequence as u8;
    assert!(frame.buffer.iter().all(|&b| b == want), "{want}");
    frame
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const STEADY: usize = 12;

#[test]
fn frames_come_in_each_kind_of_memory() {
    for kind in [MemoryKind::Mmap, MemoryKind::User, MemoryKind::Shared] {
        let fake = FakeKernel::virtual_time();
        let only = settings(MemoryChoice::Only(kind));
        let mut capture = CaptureSession::open(Arc::new(fake.clone()), only).unwrap();
        for number in 0..20 {
            let frame = next(&mut capture);
            assert_eq!((frame.number, frame.buffer.len()), (number, 64 * 48 * 2));
            assert_eq!(frame.age, FrameAge::Known(ms(5)));
        }
        let report = capture.handle().report();
        assert_eq!((report.memory, report.frames), (Some(kind), 20));
        assert_eq!((report.buffers, report.clock), (4, ClockDomain::Monotonic));
        assert_eq!(causes(&capture), [LossReason::Clock]);
        drop(capture);
        assert_eq!(fake.counts().1, 0, "the device is closed");
    }
}

#[test]
fn where_the_driver_does_not_take_our_memory_its_own_is_mapped() {
    let fake = FakeKernel::virtual_time();
    fake.refuse_memory(&[MemoryKind::User]);
    let mut capture = open(&fake);
    next(&mut capture);
    assert_eq!(capture.handle().report().memory, Some(MemoryKind::Mmap));
    let reported = events(&capture);
    assert_eq!(reported[0].reason, LossReason::Fallback);
    assert!(
        reported[0].text.contains("does not take ours"),
        "{}",
        reported[0]
    );
}

#[test]
fn what_was_asked_for_by_name_is_not_replaced() {
    let fake = FakeKernel::virtual_time();
    fake.refuse_memory(&[MemoryKind::Shared]);
    let only = settings(MemoryChoice::Only(MemoryKind::Shared));
    let mut capture = CaptureSession::open(Arc::new(fake.clone()), only).unwrap();
    let handle = capture.handle();
    // It is tried again until someone stops it.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while handle.report().retries < 3 {
                std::thread::yield_now();
            }
            handle.stop();
        });
        assert!(capture.next().is_none());
    });
    assert_eq!(causes(&capture), [LossReason::Refused]);
}

#[test]
fn a_wrong_wish_or_path_shows_at_once() {
    let fake = FakeKernel::virtual_time();
    let mut wrong = settings(MemoryChoice::Auto);
    wrong.request.size = Some((65, 48));
    let error = CaptureSession::open(Arc::new(fake.clone()), wrong).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("/dev/fake") && text.contains("nearest is YUYV 64x48"),
        "{text}"
    );
    fake.inject_event(Befall::Unplug);
    let error = CaptureSession::open(Arc::new(fake), settings(MemoryChoice::Auto)).unwrap_err();
    assert!(error.to_string().contains("open: No such file"), "{error}");
}

#[test]
fn another_wish_before_the_first_frame_counts() {
    let fake = FakeKernel::virtual_time();
    let mut capture = open(&fake);
    let request = FormatRequest {
        fourcc: Some(FourCc(*b"NV12")),
        size: Some((128, 96)),
        ..FormatRequest::default()
    };
    capture.set_request(request).unwrap();
    let frame = next(&mut capture);
    assert_eq!(
        (frame.format.width, frame.buffer.len()),
        (128, 128 * 96 * 3 / 2)
    );
}

#[test]
fn the_newest_frame_wins_and_the_others_are_counted() {
    let fake = FakeKernel::virtual_time();
    let mut capture = open(&fake);
    next(&mut capture);
    // Three buffers are filled meanwhile, and two frames more find none.
    fake.sleep(ms(170));
    let frame = next(&mut capture);
    assert_eq!(
        (frame.number, frame.lost.superseded, frame.lost.gap),
        (4, 3, 0)
    );
    let frame = next(&mut capture);
    assert_eq!(
        (frame.number, frame.lost.gap, frame.lost.superseded),
        (6, 1, 0)
    );
}

#[test]
fn lost_frames_are_counted_by_cause() {
    let fake = FakeKernel::virtual_time();
    let mut capture = open(&fake);
    (0..STEADY).for_each(|_| drop(next(&mut capture)));
    fake.inject_event(Befall::Skip(3));
    let frame = next(&mut capture);
    assert_eq!((frame.lost.gap, frame.number), (3, 15));
    fake.inject_event(Befall::Corrupt(2));
    let frame = next(&mut capture);
    assert_eq!((frame.lost.corrupt, frame.number), (2, 18));
    fake.inject_event(Befall::Short(1));
    assert_eq!(next(&mut capture).lost.corrupt, 1);
    // A frame that took three seconds.
    fake.inject_event(Befall::StampOffset(-3_000_000_000));
    fake.schedule(ms(40), Befall::StampOffset(0));
    assert_eq!(next(&mut capture).lost.stale, 1);
    let report = capture.handle().report();
    let lost = report.lost;
    assert_eq!(
        (lost.gap, lost.corrupt, lost.stale, lost.superseded),
        (3, 3, 1, 0)
    );
    assert_eq!(report.count(LossReason::Corrupt), 3);
    // A row of damaged frames is reported once.
    let reported = causes(&capture);
    assert_eq!(
        reported,
        [LossReason::Clock, LossReason::Corrupt, LossReason::Corrupt]
    );
}

#[test]
fn numbers_that_wrap_or_jump_lose_nothing() {
    let fake = FakeKernel::virtual_time();
    let mut capture = open(&fake);
    (0..STEADY).for_each(|_| drop(next(&mut capture)));
    fake.inject_event(Befall::Sequence(u32::MAX - 1));
    for _ in 0..5 {
        assert_eq!(next(&mut capture).lost, Default::default());
    }
    assert_eq!(causes(&capture), [LossReason::Clock, LossReason::Sequence]);
}

#[test]
fn stamps_that_jump_are_measured_anew_and_the_age_is_unknown_meanwhile() {
    let fake = FakeKernel::virtual_time();
    let mut capture = open(&fake);
    (0..STEADY).for_each(|_| drop(next(&mut capture)));
    fake.inject_event(Befall::StampOffset(1 << 60));
    assert_eq!(next(&mut capture).age, FrameAge::Unknown);
    (0..STEADY).for_each(|_| drop(next(&mut capture)));
    assert!(matches!(next(&mut capture).age, FrameAge::Known(_)));
    assert_eq!(
        causes(&capture),
        [LossReason::Clock, LossReason::Jump, LossReason::Clock]
    );
    assert_eq!(capture.handle().report().clock, ClockDomain::Offset);
}

#[test]
fn a_driver_without_a_clock_has_frames_of_unknown_age() {
    let fake = FakeKernel::virtual_time();
    fake.set_clock(FakeClock::Stopped, ms(5));
    let mut capture = open(&fake);
    assert!((0..20).all(|_| next(&mut capture).age == FrameAge::Unknown));
    assert_eq!(capture.handle().report().clock, ClockDomain::Unknown);
    let fake = FakeKernel::virtual_time();
    fake.set_clock(FakeClock::Realtime, ms(5));
    let mut capture = open(&fake);
    let ages: Vec<FrameAge> = (0..9).map(|_| next(&mut capture).age).collect();
    assert_eq!(
        (ages[0], ages[8]),
        (FrameAge::Unknown, FrameAge::Known(ms(5)))
    );
}

/// Runs a capture into `fault` and out of it: one event at its beginning, one at its end.
fn survives(what: &str, befall: &[Befall], mend: &[Befall], want: LossReason) -> Duration {
    let fake = FakeKernel::virtual_time();
    let mut capture = open(&fake);
    (0..STEADY).for_each(|_| drop(next(&mut capture)));
    assert_eq!(causes(&capture), [LossReason::Clock]);
    befall.iter().for_each(|&event| fake.inject_event(event));
    let outage = ms(5_000);
    for &event in mend {
        fake.schedule(outage, event);
    }
    let began = fake.monotonic();
    next(&mut capture);
    let took = fake.monotonic() - began;
    // A buffer that cannot be given back is noticed one frame later.
    next(&mut capture);
    let mut reported = causes(&capture);
    // A driver that refuses our memory once is given its own.
    reported.retain(|reason| *reason != LossReason::Fallback);
    assert_eq!(reported, [want, LossReason::Recovered], "{what}");
    (0..STEADY).for_each(|_| drop(next(&mut capture)));
    let report = capture.handle().report();
    assert_eq!((report.recovered, report.count(want)), (1, 1), "{what}");
    // One opening is alive, and nothing of the old ones.
    assert_eq!(fake.counts().1, 1, "{what}");
    drop(capture);
    assert_eq!(fake.counts().1, 0, "{what}");
    if mend.is_empty() { took } else { took - outage }
}

#[test]
fn faults_that_last_are_reported_once_and_survived() {
    let cases: [(&str, &[Befall], &[Befall], LossReason); 4] = [
        (
            "unplug",
            &[Befall::Unplug],
            &[Befall::Plug],
            LossReason::Gone,
        ),
        (
            "silence",
            &[Befall::Silence(true)],
            &[Befall::Silence(false)],
            LossReason::Timeout,
        ),
        (
            "never starts",
            &[
                Befall::Silence(true),
                Befall::Fail(FakeCall::Dequeue, libc::EIO, 0),
            ],
            &[Befall::Silence(false)],
            LossReason::Timeout,
        ),
        (
            "another has it",
            &[
                Befall::Taken(true),
                Befall::Fail(FakeCall::Wait, libc::EBUSY, 1),
            ],
            &[Befall::Taken(false)],
            LossReason::Busy,
        ),
    ];
    for (what, befall, mend, want) in cases {
        let late = survives(what, befall, mend, want);
        assert!(late <= Duration::from_secs(2), "{what}: {late:?}");
    }
}

#[test]
fn every_error_of_every_call_is_survived() {
    let numbers = [
        (libc::EINVAL, LossReason::Refused),
        (libc::EIO, LossReason::Io),
        (libc::ENODEV, LossReason::Gone),
        (libc::EBUSY, LossReason::Busy),
        (libc::ENOMEM, LossReason::Failed),
    ];
    for (number, want) in numbers {
        // While it streams.
        for call in [FakeCall::Dequeue, FakeCall::Queue, FakeCall::Wait] {
            let fault = Befall::Fail(call, number, 1);
            survives(&format!("{call:?} {number}"), &[fault], &[], want);
        }
        // While it is opened again after it was unplugged: no second event, however often.
        for call in [
            FakeCall::Open,
            FakeCall::Formats,
            FakeCall::Format,
            FakeCall::SetFormat,
            FakeCall::Rate,
            FakeCall::Request,
            FakeCall::Queue,
            FakeCall::StreamOn,
        ] {
            let befall = [Befall::Unplug, Befall::Plug, Befall::Fail(call, number, 3)];
            let took = survives(
                &format!("{call:?} {number}"),
                &befall,
                &[],
                LossReason::Gone,
            );
            assert!(
                took <= Duration::from_secs(2),
                "{call:?} {number}: {took:?}"
            );
        }
    }
}

#[test]
fn a_device_that_somebody_else_has_is_waited_for_from_the_start() {
    let fake = FakeKernel::virtual_time();
    fake.inject_event(Befall::Taken(true));
    fake.schedule(ms(3_000), Befall::Taken(false));
    let mut capture = open(&fake);
    let began = fake.monotonic();
    next(&mut capture);
    assert!(fake.monotonic() - began >= ms(2_900));
    assert_eq!(causes(&capture), [LossReason::Busy, LossReason::Recovered]);
}

#[test]
fn it_stops_while_it_waits_for_a_device_that_never_comes_back() {
    let fake = FakeKernel::real_time();
    let mut capture = open(&fake);
    let handle = capture.handle();
    fake.inject_event(Befall::Unplug);
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(ms(150));
            handle.stop();
        });
        assert!(capture.next().is_none());
    });
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(fake.counts().1, 0);
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_thousand_starts_and_two_hundred_pulls_leave_nothing_behind() {
    let fake = FakeKernel::virtual_time();
    for kind in [MemoryKind::User, MemoryKind::Shared, MemoryKind::Mmap] {
        for _ in 0..334 {
            let only = settings(MemoryChoice::Only(kind));
            let mut capture = CaptureSession::open(Arc::new(fake.clone()), only).unwrap();
            next(&mut capture);
        }
    }
    assert_eq!((fake.counts().1, fake.counts().2), (0, 1002));
    let mut capture = open(&fake);
    for i in 0..200 {
        next(&mut capture);
        fake.inject_event(Befall::Unplug);
        fake.schedule(ms(100), Befall::Plug);
        // A frame that is still read when its device goes.
        if i % 2 == 0 {
            let held = capture.next().unwrap();
            fake.inject_event(Befall::Unplug);
            fake.schedule(ms(100), Befall::Plug);
            next(&mut capture);
            assert_eq!(fake.counts().1, 1, "what is held keeps no device open");
            let want = held.buffer.dequeued().sequence as u8;
            assert!(held.buffer.iter().all(|&b| b == want));
        }
    }
    let report = capture.handle().report();
    assert_eq!(report.recovered, 299);
    assert_eq!(fake.counts().1, 1);
    drop(capture);
    // Other tests of this process open files, too; two hundred openings would show.
    assert!(open_files() < 100, "{}", open_files());
}
