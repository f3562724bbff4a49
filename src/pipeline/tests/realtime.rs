//! Runs in real time: frames that are overtaken or too late, the degrade ladder, heat.

use super::*;
use crate::budget::ladder;

#[test]
fn in_real_time_overtaken_frames_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..6 {
        put(folder.path(), &format!("{i}.png"), &picture(None));
    }
    let camera = OpenSource::open(&SourceUri::Pictures(folder.path().into()), 10.0).unwrap();
    let mut sink = SinkFanout::from(JsonLines::to_writer("test", Box::new(Shared::default())));
    let mut fast = settings("s");
    // Later than any frame here: only newer frames push others out.
    fast.budget = Duration::from_secs(100);
    fast.pace = RunPace::Realtime { rate_hz: 1000.0 };
    let mut engine = engine("mask.onnx");
    let mut busy = Some(Duration::from_secs(2));
    let mut slow = |_: RunEvent<'_>| std::thread::sleep(busy.take().unwrap_or_default());
    let summary = run(&mut engine, camera, &fast, &mut sink, None, &mut slow).unwrap();
    assert_eq!(summary.ledger.frames() + summary.dropped, 6);
    assert!(summary.dropped > 0);
}

/// Runs `frames` pictures in real time.
fn run_realtime(
    frames: usize,
    rate_hz: f64,
    settings: PipelineSettings,
) -> (RunSummary, Vec<Alert>) {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..frames {
        put(folder.path(), &format!("{i:03}.png"), &picture(None));
    }
    let camera = OpenSource::open(&SourceUri::Pictures(folder.path().into()), 10.0).unwrap();
    let out = Shared::default();
    let mut sink = SinkFanout::from(JsonLines::to_writer("test", Box::new(out.clone())));
    let mut engine = engine("mask.onnx");
    let paced = PipelineSettings {
        pace: RunPace::Realtime { rate_hz },
        ..settings
    };
    let summary = run(&mut engine, camera, &paced, &mut sink, None, &mut |_| {}).unwrap();
    (summary, out.alerts())
}

#[test]
fn frames_that_cannot_make_it_are_dropped_before_the_engine() {
    let hopeless = || PipelineSettings {
        budget: Duration::from_nanos(1),
        ..settings("s")
    };
    let (summary, _) = run_realtime(40, 20.0, hopeless());
    let ledger = &summary.ledger;
    // Eight are served to learn from; then the budget is known to be out of reach.
    assert_eq!((ledger.on_time(), ledger.misses()), (0, ledger.frames()));
    assert!(ledger.frames() >= 8 && ledger.dropped(DropReason::TooLate) > 0);
    assert_eq!(ledger.frames() + ledger.all_dropped(), 40);
    assert_eq!(summary.dropped, ledger.all_dropped());
    // Where every frame is waited for, none is dropped.
    let folder = tempfile::tempdir().unwrap();
    (0..12).for_each(|i| put(folder.path(), &format!("{i:02}.png"), &picture(None)));
    let ran = run_folder(folder.path(), "mask.onnx", &hopeless(), None);
    assert_eq!(ran.result.unwrap().ledger.frames(), 12);
}

#[test]
fn too_many_misses_go_down_the_ladder_and_are_told() {
    let degrading = PipelineSettings {
        budget: Duration::from_nanos(1),
        degrade: Some(DegradeSettings {
            ladder: ladder::LadderSettings {
                steps: 1,
                window_frames: 4,
                degrade_above: 0.5,
                recover_below: 0.0,
                recover_windows: 2,
            },
            steps: vec![DegradeStep {
                name: "every second frame".into(),
                refine: false,
                every: 2,
                engine: 0,
                thresholds: None,
            }],
        }),
        ..settings("s")
    };
    let (summary, alerts) = run_realtime(30, 20.0, degrading);
    assert_eq!((summary.changes, summary.alerts), (1, 1));
    assert_eq!(alerts[0].event, AlertEvent::Degraded);
    let detail = alerts[0].detail.as_deref();
    assert_eq!(detail, Some("step 1 of 1: every second frame"));
    assert!(summary.ledger.dropped(DropReason::Skipped) > 0);
}

#[test]
fn a_step_of_the_ladder_may_name_another_model_with_thresholds_of_its_own() {
    let other = 1;
    let degrading = PipelineSettings {
        budget: Duration::from_nanos(1),
        pace: RunPace::Realtime { rate_hz: 20.0 },
        degrade: Some(DegradeSettings {
            ladder: ladder::LadderSettings {
                steps: 1,
                window_frames: 2,
                degrade_above: 0.5,
                recover_below: 0.0,
                recover_windows: 2,
            },
            steps: vec![DegradeStep {
                name: "the small one".into(),
                refine: true,
                every: 1,
                engine: other,
                thresholds: Some((0.25, 0.25)),
            }],
        }),
        ..settings("s")
    };
    let folder = tempfile::tempdir().unwrap();
    for i in 0..30 {
        put(
            folder.path(),
            &format!("{i:03}.png"),
            &picture(Some((100, 90))),
        );
    }
    let camera = OpenSource::open(&SourceUri::Pictures(folder.path().into()), 10.0).unwrap();
    let out = Shared::default();
    let mut sink = SinkFanout::from(JsonLines::to_writer("test", Box::new(out.clone())));
    let (mut usual, mut others) = (engine("mask.onnx"), [engine("mask_commas.onnx")]);
    let hashes = [&usual, &others[0]].map(|e| e.model_metadata().sha256.clone());
    assert_ne!(hashes[0], hashes[1]);
    let engines = EngineSet::new(&mut usual, &mut others);
    run(engines, camera, &degrading, &mut sink, None, &mut |_| {}).unwrap();
    let alerts = out.alerts();
    let moved = alerts
        .iter()
        .position(|a| a.event == AlertEvent::Degraded)
        .expect("the ladder moved");
    let by = |alert: &Alert, engine: usize| *alert.engine.hash == *hashes[engine];
    assert!(alerts[..=moved].iter().all(|alert| by(alert, 0)));
    let after = &alerts[moved + 1..];
    assert!(!after.is_empty() && after.iter().all(|alert| by(alert, 1)));
}

#[test]
fn heat_is_told_while_frames_come() {
    let root = tempfile::tempdir().unwrap();
    let zone = root.path().join("sys/class/thermal/thermal_zone0");
    std::fs::create_dir_all(&zone).unwrap();
    for (file, text) in [
        ("type", "gpu-thermal"),
        ("temp", "96000"),
        ("trip_point_0_type", "passive"),
        ("trip_point_0_temp", "97000"),
    ] {
        std::fs::write(zone.join(file), text).unwrap();
    }
    let hot = PipelineSettings {
        board: host::HostSettings {
            interval_s: 0.01,
            root: root.path().into(),
        },
        ..settings("s")
    };
    let (summary, alerts) = run_realtime(20, 50.0, hot);
    let reported: Vec<_> = alerts.iter().filter(|a| a.id.contains("-board-")).collect();
    assert_eq!((reported.len(), summary.alerts), (1, 1));
    assert_eq!(reported[0].event, AlertEvent::Degraded);
    let detail = reported[0].detail.as_deref().unwrap();
    assert!(detail.contains("gpu-thermal is at 96.0 °C"), "{detail}");
}
