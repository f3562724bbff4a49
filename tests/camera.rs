//! Fake driver to prepared model's score, and errors of the command line without a camera.
#![cfg(target_os = "linux")]

mod common;

use common::{model, unmask};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use unmask::source::{
    CaptureSettings, FrameRecorder, OpenSource, RunPace, SourceClock, SourceReader, SourceUri,
    V4l2Source,
};
use unmask_engine::{Engine, EngineOptions};
use unmask_v4l2::fake::FakeKernel;

/// A small model that takes YUYV of a camera, prepared in `folder` with `more` arguments.
fn prepared(folder: &Path, more: &[&str]) -> Engine {
    let source = model("mask.onnx");
    let mut arguments = vec!["prepare", "--model", source.to_str().unwrap()];
    arguments.extend(["--out", "camera.onnx", "--format", "yuyv"]);
    arguments.extend(more);
    let out = unmask(folder, &arguments);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    Engine::open(&folder.join("camera.onnx"), EngineOptions { threads: 1 }).unwrap()
}

#[test]
fn a_prepared_model_reads_what_the_driver_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = prepared(folder.path(), &["--camera", "128x96"]);

    let fake = FakeKernel::real_time();
    let settings = CaptureSettings::default();
    let camera =
        V4l2Source::open(Arc::new(fake.clone()), Path::new("/dev/fake"), &settings).unwrap();
    let mut camera = OpenSource::V4l2(Box::new(camera));
    camera
        .serve(engine.model_metadata().camera.as_ref())
        .unwrap();
    let pace = RunPace::Realtime { rate_hz: 30.0 };
    let reader = SourceReader::start(camera, SourceClock::start(), pace, None).unwrap();
    for _ in 0..5 {
        let shot = loop {
            fake.produce();
            match reader.take_within(Duration::from_millis(20)) {
                unmask::source::NextFrame::Frame(shot, _) => break shot.unwrap(),
                _ => continue,
            }
        };
        let bytes = shot.bytes.unwrap();
        assert_eq!(bytes.len(), 128 * 96 * 2);
        assert_eq!(
            bytes.as_ptr() as usize % 4096,
            0,
            "where the driver wrote it"
        );
        let copy = bytes.to_vec();
        let scored = engine.score_bytes(&bytes, true).unwrap();
        // The driver may have its other buffers by now; this one it may not.
        fake.produce();
        assert_eq!(&bytes[..], copy);
        assert_eq!(engine.score_bytes(&copy, true).unwrap(), scored);
    }
    let report = reader.capture().unwrap().report();
    assert_eq!((report.copies_per_frame, report.memory), (0, "userptr"));
    assert_eq!((report.format.as_str(), report.width_px), ("YUYV", 128));
}

#[test]
fn a_prepared_model_scores_a_recording_as_it_scored_the_camera() {
    let folder = tempfile::tempdir().unwrap();
    // The camera says nothing of its colours, which is BT.601: the graph's own word counts.
    let mut engine = prepared(folder.path(), &["--camera", "64x48", "--matrix", "bt709"]);
    let input = engine.model_metadata().camera;

    let fake = FakeKernel::virtual_time();
    let open = || {
        let settings = CaptureSettings::default();
        let camera = V4l2Source::open(Arc::new(fake.clone()), Path::new("/dev/fake"), &settings);
        OpenSource::V4l2(Box::new(camera.unwrap()))
    };
    let mut live = open();
    live.serve(input.as_ref()).unwrap();
    let seen: Vec<_> = (0..3)
        .map(|_| {
            let bytes = live.next().unwrap().unwrap().bytes.unwrap();
            engine.score_bytes(&bytes, true).unwrap()
        })
        .collect();
    drop(live);
    // Recorded without a model, as `unmask record` does. The driver's frames count again.
    let mut camera = open();
    camera.keep_bytes();
    let out = folder.path().join("recording");
    let mut recorder = FrameRecorder::create(&out, "v4l2:/dev/fake", true, 30.0).unwrap();
    for _ in 0..3 {
        let shot = camera.next().unwrap().unwrap();
        recorder.add(&shot, shot.stamp.at, 0).unwrap();
    }
    let mut replay = OpenSource::open(&SourceUri::Recording(out), 30.0).unwrap();
    replay.serve(input.as_ref()).unwrap();
    for want in seen {
        let bytes = replay.next().unwrap().unwrap().bytes.unwrap();
        assert_eq!(engine.score_bytes(&bytes, true).unwrap(), want);
    }
}

#[test]
fn a_thousand_frames_of_a_camera_allocate_nothing() {
    let fake = FakeKernel::virtual_time();
    let settings = CaptureSettings::default();
    let camera =
        V4l2Source::open(Arc::new(fake.clone()), Path::new("/dev/fake"), &settings).unwrap();
    let mut camera = OpenSource::V4l2(Box::new(camera));
    camera.keep_bytes();
    let mut frames = |count: u32| {
        for _ in 0..count {
            let shot = camera.next().unwrap().unwrap();
            assert_eq!(shot.bytes.unwrap()[0], shot.number as u8);
        }
    };
    frames(50);
    let counted = allocation_counter::measure(|| frames(1000));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn a_camera_that_is_not_there_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for verb in ["camera", "record"] {
        let mut args = vec![verb, "--source", "v4l2:/dev/no-such-camera"];
        if verb == "record" {
            args.extend(["--out", "recording"]);
        }
        let out = unmask(folder.path(), &args);
        assert_eq!(out.status.code(), Some(1));
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(
            said.contains("/dev/no-such-camera: open: No such file"),
            "{said}"
        );
    }
    let out = unmask(folder.path(), &["camera", "--source", "synthetic:1"]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("no camera: wanted v4l2:DEVICE"), "{said}");
}
