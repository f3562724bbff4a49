//! The way of a frame, on the small models of `tests/fixtures/models`.

mod realtime;

use super::*;
use crate::sink::JsonLines;
use crate::source::{OpenSource, SourceUri};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use unmask_alert::{AlertSettings as Decide, FilterRules, HighSeverity, TrackConfirmation};
use unmask_engine::{Engine, EngineOptions};
use unmask_frame::Size;
use unmask_frame::write_png;

/// A writer that the test can read.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    pub fn alerts(&self) -> Vec<Alert> {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub(super) fn engine(name: &str) -> Engine {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/models")
        .join(name);
    Engine::open(&path, EngineOptions { threads: 1 }).unwrap()
}

/// Red is road to the small model; a black square on it is an anomaly.
fn picture(square: Option<(usize, usize)>) -> Picture {
    let size = Size::new(256, 128);
    let mut picture = Picture::filled(size, [255, 0, 0]);
    if let Some((x, y)) = square {
        for row in y..y + 24 {
            picture.rgb_mut()[(row * size.w + x) * 3..][..24 * 3].fill(0);
        }
    }
    picture
}

pub(super) fn settings(source: &str) -> PipelineSettings {
    PipelineSettings {
        source: source.into(),
        frames: None,
        pace: RunPace::Offline,
        budget: Duration::from_secs(10),
        refine: true,
        decide: Decide {
            threshold: 0.5,
            low_threshold: 0.5,
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
        warm_up: 0,
        longest: None,
        degrade: None,
        realtime: Default::default(),
        board: host::HostSettings {
            interval_s: 0.0,
            ..Default::default()
        },
        stop: Default::default(),
    }
}

struct Ran {
    result: Result<RunSummary, PipelineError>,
    alerts: Vec<Alert>,
    bad: Vec<String>,
}

fn run_folder(
    folder: &Path,
    model: &str,
    settings: &PipelineSettings,
    view: Option<FrameObserver<'_>>,
) -> Ran {
    let camera = OpenSource::open(&SourceUri::Pictures(folder.to_path_buf()), 10.0).unwrap();
    let out = Shared::default();
    let mut sink = SinkFanout::from(JsonLines::to_writer("test", Box::new(out.clone())));
    let mut bad = Vec::new();
    let result = run(
        &mut engine(model),
        camera,
        settings,
        &mut sink,
        view,
        &mut |noted| {
            if let RunEvent::Bad(frame) = noted {
                bad.push(frame.to_string());
            }
        },
    );
    Ran {
        result,
        alerts: out.alerts(),
        bad,
    }
}

fn put(folder: &Path, name: &str, picture: &Picture) {
    write_png(&folder.join(name), picture).unwrap();
}

#[test]
fn a_thing_that_appears_moves_and_goes_is_one_alert() {
    let folder = tempfile::tempdir().unwrap();
    let squares = [None, Some((100, 60)), Some((108, 64)), None];
    for (i, square) in squares.into_iter().enumerate() {
        put(folder.path(), &format!("{i}.png"), &picture(square));
    }
    let ran = run_folder(folder.path(), "mask.onnx", &settings("pictures:x"), None);
    let summary = ran.result.unwrap();
    let events: Vec<(AlertEvent, u64)> = ran.alerts.iter().map(|a| (a.event, a.frame)).collect();
    assert_eq!(
        events,
        [
            (AlertEvent::Begin, 1),
            (AlertEvent::Update, 2),
            (AlertEvent::End, 3)
        ]
    );
    assert!(ran.alerts.iter().all(|a| a.id == ran.alerts[0].id));
    assert_eq!(
        (summary.ledger.frames(), summary.begun, summary.alerts),
        (4, 1, 3)
    );
    assert_eq!((summary.bad, summary.dropped, summary.not_drawn), (0, 0, 0));
    let first = &ran.alerts[0];
    // The square is 24 px wide; cells are 8 px, and the resize blurs its edge.
    let [x, y, w, h] = first.bbox;
    assert!(
        x.abs_diff(100) <= 8 && y.abs_diff(60) <= 8,
        "{:?}",
        first.bbox
    );
    assert!(
        (16..=40).contains(&w) && (16..=40).contains(&h),
        "{:?}",
        first.bbox
    );
    assert!(first.on_road && first.on_time && first.age_ms > 0.0);
    assert!(first.score_max > 0.99 && first.score_mean <= first.score_max);
    assert_eq!(
        (&*first.source, first.engine.hash.len()),
        ("pictures:x", 64)
    );
    assert!(summary.ledger.outside_engine_share() > 0.0);
    assert!(summary.frames_per_second() > 0.0);
}

#[test]
fn what_is_still_there_ends_with_the_run() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.png", &picture(Some((100, 60))));
    let ran = run_folder(folder.path(), "mask.onnx", &settings("s"), None);
    let events: Vec<AlertEvent> = ran.alerts.iter().map(|a| a.event).collect();
    assert_eq!(events, [AlertEvent::Begin, AlertEvent::End]);
    assert_eq!(ran.alerts[1].bbox, ran.alerts[0].bbox);
    ran.result.unwrap();
}

#[test]
fn a_bad_picture_is_counted_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.png", &picture(None));
    std::fs::write(folder.path().join("b.png"), b"no picture").unwrap();
    put(folder.path(), "c.png", &picture(None));
    let ran = run_folder(folder.path(), "mask.onnx", &settings("s"), None);
    let summary = ran.result.unwrap();
    assert_eq!((summary.ledger.frames(), summary.bad), (2, 1));
    assert!(ran.bad[0].contains("b.png: no JPEG"), "{:?}", ran.bad);
}

#[test]
fn nan_in_one_picture_names_it_and_does_not_end_the_run() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "dark.png",
        &Picture::filled(Size::new(64, 64), [0; 3]),
    );
    put(
        folder.path(),
        "light.png",
        &Picture::filled(Size::new(64, 64), [220; 3]),
    );
    let ran = run_folder(folder.path(), "nan.onnx", &settings("s"), None);
    assert_eq!(ran.result.unwrap().bad, 1);
    assert!(
        ran.bad[0].starts_with("dark.png: ") && ran.bad[0].contains("NaN"),
        "{:?}",
        ran.bad
    );
}

#[test]
fn a_run_without_one_usable_picture_fails() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("b.png"), b"no picture").unwrap();
    let ran = run_folder(folder.path(), "mask.onnx", &settings("s"), None);
    let error = ran.result.unwrap_err().to_string();
    assert!(
        error.contains("none of the 1 frames") && error.contains("b.png"),
        "{error}"
    );
}

#[test]
fn misses_are_counted_against_the_budget_and_alerts_say_so() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.png", &picture(Some((100, 60))));
    let mut tight = settings("s");
    tight.budget = Duration::from_nanos(1);
    let ran = run_folder(folder.path(), "mask.onnx", &tight, None);
    assert_eq!(ran.result.unwrap().ledger.misses(), 1);
    assert!(ran.alerts.iter().all(|a| !a.on_time));
    let ran = run_folder(folder.path(), "mask.onnx", &settings("s"), None);
    assert_eq!(ran.result.unwrap().ledger.misses(), 0);
}

#[test]
fn the_view_sees_every_frame_with_its_alerts() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..12 {
        put(
            folder.path(),
            &format!("{i:02}.png"),
            &picture((i > 5).then_some((100, 60))),
        );
    }
    let mut seen = Vec::new();
    let view: FrameObserver<'_> = Box::new(|processed: ProcessedFrame| {
        seen.push((processed.frame.metadata.frame, processed.alerts.len()));
        Ok(())
    });
    run_folder(folder.path(), "mask.onnx", &settings("s"), Some(view))
        .result
        .unwrap();
    let want: Vec<(u64, usize)> = (0..12).map(|i| (i, usize::from(i > 5))).collect();
    assert_eq!(seen, want);
}

#[test]
fn a_view_that_fails_ends_the_run_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..20 {
        put(folder.path(), &format!("{i:02}.png"), &picture(None));
    }
    let view: FrameObserver<'_> = Box::new(|_| Err("the disk is full".into()));
    let ran = run_folder(folder.path(), "mask.onnx", &settings("s"), Some(view));
    assert!(
        ran.result
            .unwrap_err()
            .to_string()
            .contains("the disk is full")
    );
}

#[test]
fn a_sink_that_fails_ends_the_run() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.png", &picture(Some((100, 60))));
    let camera = OpenSource::open(&SourceUri::Pictures(folder.path().into()), 10.0).unwrap();
    let mut sink = SinkFanout::from(JsonLines::to_writer("the pipe", Box::new(Closed)));
    let mut engine = engine("mask.onnx");
    let ran = run(
        &mut engine,
        camera,
        &settings("s"),
        &mut sink,
        None,
        &mut |_| {},
    );
    assert!(ran.unwrap_err().to_string().contains("the pipe"));
}

#[test]
fn the_number_of_frames_is_kept_and_two_runs_tell_the_same() {
    let reported = || {
        let camera = OpenSource::open(&SourceUri::Synthetic(2), 10.0).unwrap();
        let out = Shared::default();
        let mut sink = SinkFanout::from(JsonLines::to_writer("test", Box::new(out.clone())));
        let mut limited = settings("synthetic:2");
        limited.frames = Some(5);
        limited.decide.only_near_road = false;
        let mut engine = engine("mask.onnx");
        let summary = run(&mut engine, camera, &limited, &mut sink, None, &mut |_| {}).unwrap();
        assert_eq!(summary.ledger.frames(), 5);
        let said = |a: Alert| (a.event, a.frame, a.bbox, a.score_max.to_bits(), a.on_road);
        out.alerts().into_iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(reported(), reported());
}

#[test]
fn the_warm_up_stays_out_of_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    (0..7).for_each(|i| put(folder.path(), &format!("{i}.png"), &picture(None)));
    let warm = PipelineSettings {
        warm_up: 3,
        ..settings("s")
    };
    let ran = run_folder(folder.path(), "mask.onnx", &warm, None);
    assert_eq!(ran.result.unwrap().ledger.frames(), 4);
}

#[test]
fn a_run_ends_with_its_time_but_not_before_the_warm_up_does() {
    let folder = tempfile::tempdir().unwrap();
    (0..9).for_each(|i| put(folder.path(), &format!("{i}.png"), &picture(None)));
    let short = PipelineSettings {
        warm_up: 3,
        longest: Some(Duration::ZERO),
        ..settings("s")
    };
    let ran = run_folder(folder.path(), "mask.onnx", &short, None);
    let summary = ran.result.unwrap();
    // The frames of the warm-up were processed, and none after them.
    assert_eq!(summary.ledger.frames(), 0);
    assert!(summary.first_frame.is_some());
}

#[test]
fn a_run_that_is_told_to_stop_ends_what_it_began() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..20 {
        put(
            folder.path(),
            &format!("{i:02}.png"),
            &picture(Some((100, 90))),
        );
    }
    let camera = OpenSource::open(&SourceUri::Pictures(folder.path().into()), 10.0).unwrap();
    let out = Shared::default();
    let mut sink = SinkFanout::from(JsonLines::to_writer("test", Box::new(out.clone())));
    let settings = settings("s");
    let mut frames = 0;
    let mut engine = engine("mask.onnx");
    let summary = run(&mut engine, camera, &settings, &mut sink, None, &mut |_| {
        frames += 1;
        settings
            .stop
            .store(frames == 3, std::sync::atomic::Ordering::Relaxed);
    })
    .unwrap();
    assert_eq!(summary.ledger.frames(), 3);
    assert!(summary.first_frame.is_some());
    assert_eq!(out.alerts().last().unwrap().event, AlertEvent::End);
}
