//! `unmask prepare`, as a user calls it; ONNX's checker and ONNX Runtime on what it writes.

mod common;

use common::{model, unmask};
use std::process::{Command, Output};
use unmask_score::npy;

fn said(out: &Output) -> String {
    String::from_utf8(out.stderr.clone()).unwrap()
}

/// A folder with a copy of the named model as `model.onnx`, and one picture.
fn folder(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(model(name), folder.path().join("model.onnx")).unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let half = image::RgbImage::from_fn(128, 64, |x, y| {
        image::Rgb([if x < 64 { 255 } else { 0 }, y as u8, 0])
    });
    half.save(folder.path().join("in/half.png")).unwrap();
    folder
}

#[test]
fn a_prepared_model_scores_a_folder_as_its_model_does() {
    let folder = folder("mask.onnx");
    let prepared = unmask(
        folder.path(),
        &[
            "prepare",
            "--model",
            "model.onnx",
            "--out",
            "p.onnx",
            "--json",
        ],
    );
    assert!(prepared.status.success(), "{}", said(&prepared));
    let json: serde_json::Value = serde_json::from_slice(&prepared.stdout).unwrap();
    assert_eq!(json["frame_bytes"], 128 * 64 * 3);
    assert_eq!(json["head"], "mask-refined");
    assert_eq!(json["outputs"]["anomaly"], serde_json::json!([1, 16, 32]));
    let mut maps = Vec::new();
    for name in ["model.onnx", "p.onnx"] {
        let scored = unmask(
            folder.path(),
            &[
                "score",
                "--model",
                name,
                "--images",
                "in",
                "--out",
                name.trim_end_matches(".onnx"),
            ],
        );
        assert!(scored.status.success(), "{}", said(&scored));
        let map = folder
            .path()
            .join(name.trim_end_matches(".onnx"))
            .join("half.npy");
        maps.push(npy::read(&map).unwrap());
    }
    let pairs = maps[0].data().iter().zip(maps[1].data());
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn the_summary_names_the_frame_and_errors_name_the_flag() {
    let folder = folder("pixel.onnx");
    let camera = ["--camera", "640x480", "--format", "nv12", "--fit", "crop"];
    let mut args = vec!["prepare", "--model", "model.onnx", "--score", "entropy"];
    args.extend(camera);
    let done = unmask(folder.path(), &args);
    assert!(done.status.success(), "{}", said(&done));
    let line = String::from_utf8(done.stdout).unwrap();
    for part in [
        "prepared.onnx: nv12 640x480 bt601 limited (460800 bytes a frame, crop [0,80 640x320])",
        "input 128x64",
        "entropy on 32x16",
    ] {
        assert!(line.contains(part), "{line}");
    }
    for (args, part) in [
        (&["--camera", "640"][..], "WIDTHxHEIGHT"),
        (
            &["--camera", "641x480", "--format", "nv12"][..],
            "multiple of 2",
        ),
        (&["--format", "mjpg"][..], "yuyv"),
        (&["--out", "model.onnx"][..], "is the model itself"),
        (&["--out", "gone/p.onnx"][..], "gone/p.onnx"),
    ] {
        let mut all = vec!["prepare", "--model", "model.onnx"];
        all.extend(args);
        let refused = unmask(folder.path(), &all);
        assert!(!refused.status.success(), "{args:?}");
        assert!(
            said(&refused).contains(part),
            "{args:?}: {}",
            said(&refused)
        );
    }
    // An unprepared per-pixel model is scored by the kind asked for; a mask model is not.
    let args = [
        "score",
        "--model",
        "model.onnx",
        "--images",
        "in",
        "--out",
        "maps",
    ];
    let by_logit = unmask(
        folder.path(),
        &[&args[..], &["--score", "max-logit"]].concat(),
    );
    assert!(by_logit.status.success(), "{}", said(&by_logit));
    let map = npy::read(&folder.path().join("maps/half.npy")).unwrap();
    assert!(map.at(2, 30) < -10.0, "{}", map.at(2, 30));
    std::fs::copy(model("mask.onnx"), folder.path().join("model.onnx")).unwrap();
    let refused = unmask(
        folder.path(),
        &[&args[..], &["--score", "entropy"]].concat(),
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("per-pixel"), "{}", said(&refused));
}

/// Checks a file, runs it on a frame, and prints how far its maps are from those given.
const ORACLE: &str = r#"
import sys
import numpy as np, onnx, onnxruntime
model, frame, want = sys.argv[1:]
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
x, = session.get_inputs()
assert x.name == "frame" and x.type == "tensor(uint8)", (x.name, x.type)
got = dict(zip([o.name for o in session.get_outputs()],
               session.run(None, {"frame": np.fromfile(frame, np.uint8).reshape(x.shape)})))
assert got["classes"].dtype == np.int32 and got["classes"].shape == got["anomaly"].shape
want = np.fromfile(want, "<f4").reshape(got["anomaly"].shape)
print(float(np.abs(got["anomaly"] - want).max()))
"#;

#[test]
fn onnx_runtime_gives_the_same_maps() {
    use unmask_engine::{Engine, EngineOptions};
    use unmask_frame::Size;
    use unmask_graph::prepare::{self, prepare};
    use unmask_model::{FrameFit, PixelFormat};
    use unmask_score::PixelScore;

    let Some(python) = unmask_oracle::python("onnx_runtime_gives_the_same_maps") else {
        return;
    };
    let base = prepare::PrepareOptions {
        camera: Some(Size::new(180, 100)),
        ..prepare::PrepareOptions::default()
    };
    let format = |format, fit| prepare::PrepareOptions {
        format: Some(format),
        fit,
        ..base
    };
    let score = |kind| prepare::PrepareOptions {
        score: Some(kind),
        ..base
    };
    let cases = [
        ("mask.onnx", prepare::PrepareOptions::default()),
        ("mask.onnx", format(PixelFormat::Yuyv, FrameFit::Letterbox)),
        ("mask.onnx", format(PixelFormat::Uyvy, FrameFit::Stretch)),
        // A crop whose cells lie on those of the whole frame.
        (
            "mask.onnx",
            prepare::PrepareOptions {
                camera: Some(Size::new(128, 96)),
                ..format(PixelFormat::Nv12, FrameFit::Crop)
            },
        ),
        ("mask.onnx", format(PixelFormat::Bgr24, FrameFit::Stretch)),
        (
            "mask.onnx",
            prepare::PrepareOptions {
                full_size: true,
                ..base
            },
        ),
        ("pixel.onnx", score(PixelScore::MaxSoftmax)),
        ("pixel.onnx", score(PixelScore::MaxLogit)),
        ("pixel.onnx", score(PixelScore::Entropy)),
    ];
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    for (name, options) in cases {
        let made = prepare(&model(name), &options).unwrap();
        let file = put("p.onnx", &made.bytes);
        let mut engine = Engine::open(&file, EngineOptions::default()).unwrap();
        let camera = engine.model_metadata().camera.unwrap();
        let noise = (0..camera.format.bytes()).map(|i| (i * 7919 % 251) as u8);
        let noise: Vec<u8> = noise.collect();
        let frame = put("frame", &noise);
        // Only the part that the graph gives: a crop is spread over the frame by the engine.
        let map = engine.score_bytes(&noise, true).unwrap().score;
        let cell = |part: usize, view: usize, all: usize| part * all / view;
        let grid = engine.model_metadata().output.size();
        let whole = map.size();
        let (left, top) = (
            cell(camera.view.x, camera.format.size.w, whole.w),
            cell(camera.view.y, camera.format.size.h, whole.h),
        );
        let rows = (0..grid.h).flat_map(|y| {
            let row = map.row((top + y).min(whole.h - 1));
            row[left..].iter().take(grid.w).copied()
        });
        let values: Vec<u8> = rows.flat_map(f32::to_le_bytes).collect();
        let want = put("want", &values);
        let done = Command::new(&python)
            .args(["-c", ORACLE])
            .args([&file, &frame, &want])
            .output()
            .unwrap();
        assert!(done.status.success(), "{name} {options:?}: {}", said(&done));
        let text = String::from_utf8(done.stdout).unwrap();
        let difference: f64 = text.trim().parse().unwrap();
        println!("{name} {options:?}: {difference:e}");
        assert!(difference <= 1e-4, "{name} {options:?}: {difference:e}");
    }
}
