//! Calibration, quantisation and sensitivity, as a user calls them, on a small network and a
//! synthetic drive.

mod common;

use common::network::{header, tiny};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use unmask_drive::{Drive, DriveSettings};
use unmask_engine::Engine;
use unmask_frame::{Picture, Size};
use unmask_graph::calibrate::Calibration;
use unmask_graph::checkpoint::Checkpoint;
use unmask_graph::export::{self, ExportOptions};
use unmask_graph::quantize::{QuantizeGraph, QuantizePlan};
use unmask_onnx::messages::{ModelProto, ValueInfoProto};

/// The network of `tests/fixtures/network/tiny.safetensors`, with the metadata that export wants.
fn checkpoint(dir: &Path) -> PathBuf {
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/network/tiny.safetensors");
    let bytes = fs::read(fixture).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let weights = file.iter().filter(|(name, _)| !name.starts_with("io."));
    let path = dir.join("checkpoint.safetensors");
    fs::write(
        &path,
        safetensors::serialize(weights, Some(header(&tiny()))).unwrap(),
    )
    .unwrap();
    path
}

const FP16: [&str; 7] = [
    "quantize",
    "--model",
    "model.onnx",
    "--precision",
    "fp16",
    "--out",
    "h.onnx",
];

/// A folder with `model.onnx` and `frames/` of a drive.
fn folder(frames: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::read(&checkpoint(dir.path())).unwrap();
    let model = export::model(&checkpoint, &ExportOptions::default()).unwrap();
    fs::write(dir.path().join("model.onnx"), model.to_bytes()).unwrap();
    fs::create_dir(dir.path().join("frames")).unwrap();
    let drive = drive();
    for frame in 0..frames {
        let picture = drive.scene(frame * 7).picture;
        save(&dir.path().join(format!("frames/{frame:03}.png")), &picture);
    }
    dir
}

fn drive() -> Drive {
    Drive::new(DriveSettings {
        size: Size::new(128, 72),
        ..DriveSettings::default()
    })
    .unwrap()
}

fn save(path: &Path, picture: &Picture) {
    let (w, h) = (picture.size().w as u32, picture.size().h as u32);
    image::save_buffer(path, picture.rgb(), w, h, image::ColorType::Rgb8).unwrap();
}

fn unmask(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unmask"))
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap()
}

#[track_caller]
fn good(done: Output) -> String {
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{error}");
    String::from_utf8(done.stdout).unwrap()
}

/// The one line on stderr of a verb that failed.
#[track_caller]
fn refused(done: Output) -> String {
    let error = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    error
}

const CALIBRATE: [&str; 7] = [
    "calibrate",
    "--model",
    "model.onnx",
    "--frames",
    "frames",
    "--out",
    "c.toml",
];
const QUANTIZE: [&str; 5] = [
    "quantize",
    "--model",
    "model.onnx",
    "--calibration",
    "c.toml",
];

fn with<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [first, more].concat()
}

#[test]
fn a_calibration_is_the_same_every_time_and_serves_both_precisions() {
    let dir = folder(18);
    let dir = dir.path();
    let said = good(unmask(dir, &with(&CALIBRATE, &["--threads", "1"])));
    assert!(said.contains("18 frames, method entropy"), "{said}");
    let first = fs::read(dir.join("c.toml")).unwrap();
    good(unmask(dir, &with(&CALIBRATE, &["--threads", "2"])));
    assert_eq!(fs::read(dir.join("c.toml")).unwrap(), first);
    for method in ["max", "percentile", "mse"] {
        let said = good(unmask(
            dir,
            &with(&CALIBRATE, &["--method", method, "--json"]),
        ));
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["method"], method);
        assert_ne!(fs::read(dir.join("c.toml")).unwrap(), first, "{method}");
    }

    let said = good(unmask(
        dir,
        &with(&QUANTIZE, &["--out", "q.onnx", "--json"]),
    ));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(said["int8_layers"].as_u64().unwrap() > 30, "{said}");
    assert!(said["int8_mac_share"].as_f64().unwrap() > 0.7, "{said}");
    let written = ModelProto::from_bytes(&fs::read(dir.join("q.onnx")).unwrap()).unwrap();
    assert_eq!(written.fact("unmask.precision"), Some("int8"));
    assert_eq!(
        written.fact("unmask.road"),
        Some("[0]"),
        "the metadata stay"
    );
    good(unmask(dir, &FP16));

    let precision = |model: &str| {
        let engine =
            Engine::open(&dir.join(model), unmask_engine::EngineOptions::default()).unwrap();
        engine.precision()
    };
    assert_eq!(
        ["model.onnx", "h.onnx", "q.onnx"].map(precision),
        ["fp32", "fp16", "int8"]
    );

    // Both run wherever the float model runs, and score nearly as it does.
    let score = |model: &str, out: &str| {
        let args = [
            "score",
            "--model",
            model,
            "--images",
            "frames",
            "--out",
            out,
            "--no-refine",
        ];
        good(unmask(dir, &args));
        unmask_score::npy::read(&dir.join(out).join("003.npy")).unwrap()
    };
    let want = score("model.onnx", "want");
    for (model, most) in [("h.onnx", 0.02), ("q.onnx", 0.15)] {
        let have = score(model, model.trim_end_matches(".onnx"));
        let pairs = want.data().iter().zip(have.data());
        let error: f32 = pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / want.data().len() as f32;
        assert!(error < most, "{model}: {error}");
    }
}

#[test]
fn frames_that_show_nothing_are_refused() {
    let dir = folder(17);
    let dir = dir.path();
    // The same frame again and again counts once.
    let limited = with(&CALIBRATE, &["--frames-limit", "9"]);
    let error = refused(unmask(dir, &limited));
    assert!(
        error.contains("9 different frames") && error.contains("16"),
        "{error}"
    );
    good(unmask(dir, &with(&limited, &["--force"])));
    assert!(
        fs::read_to_string(dir.join("c.toml"))
            .unwrap()
            .contains("forced = true")
    );

    let mut state = 1u32;
    let noise = (0..96 * 64 * 3).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let noise = Picture::new(Size::new(96, 64), noise.collect()).unwrap();
    save(&dir.join("frames/noise.png"), &noise);
    let error = refused(unmask(dir, &CALIBRATE));
    assert!(
        error.contains("noise.png") && error.contains("noise"),
        "{error}"
    );
    save(
        &dir.join("frames/noise.png"),
        &Picture::filled(Size::new(96, 64), [9; 3]),
    );
    let error = refused(unmask(dir, &CALIBRATE));
    assert!(error.contains("one brightness"), "{error}");
    fs::write(dir.join("frames/noise.png"), b"no picture").unwrap();
    let error = refused(unmask(dir, &with(&CALIBRATE, &["--force"])));
    assert!(error.contains("noise.png"), "{error}");
}

#[test]
fn what_is_written_is_what_score_takes() {
    let dir = folder(1);
    let dir = dir.path();
    let edit = |edit: &dyn Fn(&mut ModelProto)| {
        let bytes = fs::read(dir.join("model.onnx")).unwrap();
        let mut model = ModelProto::from_bytes(&bytes).unwrap();
        edit(&mut model);
        fs::write(dir.join("edited.onnx"), model.to_bytes()).unwrap();
    };
    let quantize = |out: &str| {
        let args = [
            "quantize",
            "--model",
            "edited.onnx",
            "--precision",
            "fp16",
            "--out",
            out,
        ];
        unmask(dir, &args)
    };
    let score = |model: &str| {
        let out = format!("{model}.maps");
        good(unmask(
            dir,
            &[
                "score", "--model", model, "--images", "frames", "--out", &out,
            ],
        ));
    };
    // Weights listed among the inputs, as older exporters do.
    edit(&|model| {
        let graph = model.graph.as_mut().unwrap();
        let listed = graph.initializer.iter().map(|t| {
            let shape: Vec<usize> = t.dims.iter().map(|&d| d as usize).collect();
            ValueInfoProto::tensor(t.name(), t.data_type(), &shape)
        });
        let listed: Vec<ValueInfoProto> = listed.collect();
        graph.input.extend(listed);
    });
    good(quantize("listed.onnx"));
    score("listed.onnx");
    good(unmask(
        dir,
        &[
            "prepare",
            "--model",
            "edited.onnx",
            "--out",
            "prepared.onnx",
        ],
    ));
    score("prepared.onnx");

    // Facts and names of outputs that lie next to the model travel with what is made of it.
    edit(&|model| {
        let graph = model.graph.as_mut().unwrap();
        let logits = "class_logits".to_owned();
        let nodes = graph.node.iter_mut().flat_map(|n| &mut n.output);
        for name in nodes.filter(|name| **name == logits) {
            *name = "classes_of_mine".into();
        }
        for output in graph.output.iter_mut().filter(|o| o.name() == logits) {
            output.name = Some("classes_of_mine".into());
        }
        model.metadata_props.clear();
    });
    let error = refused(quantize("foreign.onnx"));
    assert!(
        error.contains("edited.onnx") && error.contains("model.toml"),
        "{error}"
    );
    let names: Vec<String> = (0..tiny().classes).map(|i| format!("\"c{i}\"")).collect();
    let toml = format!(
        "mean = [123, 116, 103]\nstd = [58, 57, 57]\nclasses = [{}]\nroad = [0]\nstuff = []\n\
         [outputs]\nclass_logits = \"classes_of_mine\"\nmask_logits = \"mask_logits\"\n",
        names.join(", ")
    );
    fs::write(dir.join("model.toml"), toml).unwrap();
    fs::create_dir(dir.join("elsewhere")).unwrap();
    good(quantize("elsewhere/foreign.onnx"));
    score("elsewhere/foreign.onnx");
    // Next to the file nothing was left.
    let left = fs::read_dir(dir.join("elsewhere")).unwrap().count();
    assert_eq!(left, 2, "the model and its maps");
}

#[test]
fn the_calibration_of_another_graph_is_refused_with_both_hashes() {
    let dir = folder(2);
    let dir = dir.path();
    let force = with(&CALIBRATE, &["--force"]);
    good(unmask(dir, &force));
    let mut model = ModelProto::from_bytes(&fs::read(dir.join("model.onnx")).unwrap()).unwrap();
    let tensors = &mut model.graph.as_mut().unwrap().initializer;
    let weights = tensors.iter_mut().find(|t| t.dims.len() == 4).unwrap();
    weights.raw_data.as_mut().unwrap()[0] ^= 1;
    fs::write(dir.join("model.onnx"), model.to_bytes()).unwrap();
    let error = refused(unmask(dir, &QUANTIZE));
    let hash = |path: &str| {
        let text = fs::read_to_string(dir.join(path)).unwrap();
        let line = text
            .lines()
            .find(|l| l.starts_with("graph_sha256"))
            .unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let old = hash("c.toml");
    good(unmask(dir, &force));
    let new = hash("c.toml");
    assert_ne!(old, new);
    assert!(error.contains(&old) && error.contains(&new), "{error}");
    assert!(!dir.join("quantised.onnx").exists());

    // Without --calibration the place is looked at where `calibrate` puts it without --out.
    let bare = ["quantize", "--model", "model.onnx"];
    let error = refused(unmask(dir, &bare));
    assert!(
        error.contains("calibration/model.toml") && error.contains("unmask calibrate"),
        "{error}"
    );
    good(unmask(dir, &with(&CALIBRATE[..5], &["--force"])));
    assert_eq!(hash("calibration/model.toml"), new);
    good(unmask(dir, &bare));
    fs::remove_file(dir.join("quantised.onnx")).unwrap();

    let error = refused(unmask(dir, &with(&QUANTIZE, &["--keep", "backbone.res9"])));
    assert!(
        error.contains("`backbone.res9`") && error.contains("backbone.stem"),
        "{error}"
    );
    good(unmask(dir, &QUANTIZE));
    let again = [
        "quantize",
        "--model",
        "quantised.onnx",
        "--precision",
        "fp16",
    ];
    let error = refused(unmask(dir, &again));
    assert!(error.contains("already"), "{error}");
}

#[test]
fn the_shipped_model_has_a_calibration() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = QuantizeGraph::read(&root.join("engines/unmask-small.onnx")).unwrap();
    let file = root.join("calibration/unmask-small.toml");
    let calibration = Calibration::read(&file).unwrap();
    calibration.check_graph(model.hash()).unwrap();
    assert!(!calibration.forced);
    assert_eq!(calibration.frames.len(), 64);
    let plan = QuantizePlan::new(&model);
    let missing: Vec<&str> = plan
        .tensors()
        .into_iter()
        .filter(|tensor| calibration.range(tensor).is_none())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");

    // As a user calls it: nothing but the model is named.
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("small.int8.onnx");
    let out = out.to_str().unwrap();
    let args = ["quantize", "--model", "engines/unmask-small.onnx", "--json"];
    let said = good(unmask(root, &with(&args, &["--out", out])));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let (ratio, share) = (said["ratio"].as_f64(), said["int8_mac_share"].as_f64());
    assert!(ratio.unwrap() <= 0.3, "{said}");
    assert!(share.unwrap() > 0.9, "{said}");
}

#[test]
fn a_prepared_graph_is_calibrated_and_quantised_behind_its_front() {
    let dir = folder(16);
    let dir = dir.path();
    let prepare = [
        "prepare",
        "--model",
        "model.onnx",
        "--out",
        "p.onnx",
        "--camera",
        "160x90",
        "--format",
        "nv12",
        "--no-refine",
    ];
    good(unmask(dir, &prepare));
    let calibrate = [
        "calibrate",
        "--model",
        "p.onnx",
        "--frames",
        "frames",
        "--out",
        "c.toml",
    ];
    good(unmask(dir, &calibrate));
    let ranges = fs::read_to_string(dir.join("c.toml")).unwrap();
    assert!(ranges.contains("name = \"image\""), "{ranges}");
    assert!(!ranges.contains("front/"), "{ranges}");
    let quantize = [
        "quantize",
        "--model",
        "p.onnx",
        "--calibration",
        "c.toml",
        "--out",
        "q.onnx",
        "--json",
    ];
    let said = good(unmask(dir, &quantize));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(said["int8_layers"].as_u64().unwrap() > 30, "{said}");
    let kept = said["float_layers"].as_array().unwrap().iter();
    let front = kept.filter(|l| l["node"].as_str().unwrap().starts_with("front/"));
    assert!(front.count() > 0, "{said}");

    let open = |model: &str| {
        Engine::open(&dir.join(model), unmask_engine::EngineOptions::default()).unwrap()
    };
    let (mut float, mut int8) = (open("p.onnx"), open("q.onnx"));
    assert_eq!((float.precision(), int8.precision()), ("fp32", "int8"));
    let picture = drive().scene(9).picture;
    let (want, have) = (
        float.score(&picture, false).unwrap(),
        int8.score(&picture, false).unwrap(),
    );
    let pairs = want.data().iter().zip(have.data());
    let error: f32 = pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / want.data().len() as f32;
    assert!(error < 0.15, "{error}");
}

#[test]
fn blocks_are_judged_and_reported() {
    let dir = folder(4);
    let dir = dir.path();
    good(unmask(
        dir,
        &with(&CALIBRATE, &["--force", "--method", "max"]),
    ));
    for part in ["images", "labels"] {
        fs::create_dir_all(dir.join("set").join(part)).unwrap();
    }
    let drive = drive();
    for frame in 0..40 {
        let scene = drive.scene(frame * 5);
        save(&dir.join(format!("set/images/{frame}.png")), &scene.picture);
        let (w, h) = (scene.picture.size().w as u32, scene.picture.size().h as u32);
        let labels = image::GrayImage::from_raw(w, h, scene.anomaly.into_data()).unwrap();
        labels
            .save(dir.join(format!("set/labels/{frame}.png")))
            .unwrap();
    }
    let judge = with(&QUANTIZE, &["--judge", "set", "--out", "q.onnx", "--json"]);
    let said = good(unmask(
        dir,
        &with(&judge, &["--max-drop", "1", "--keep", "backbone.stem"]),
    ));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let rows = said["judged"]["rows"].as_array().unwrap();
    assert!(rows.len() > 15, "{said}");
    assert_eq!(rows[0]["decision"], "asked");
    let int8 = rows.iter().filter(|r| r["decision"] == "int8").count();
    assert_eq!(int8, rows.len() - 1);
    // The first block reads what the float model reads: its noise is that of 8 bits.
    let sqnr = rows[0]["sqnr_db"].as_f64().unwrap();
    assert!((20.0..60.0).contains(&sqnr), "{sqnr}");
    let table = fs::read_to_string(dir.join("q.md")).unwrap();
    assert!(
        table.contains("| backbone.stem |") && table.contains("FP16 (asked)"),
        "{table}"
    );
    assert!(
        fs::read_to_string(dir.join("q.svg"))
            .unwrap()
            .starts_with("<svg")
    );
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("q.json")).unwrap()).unwrap();
    assert_eq!(json, said["judged"]);

    fs::remove_dir_all(dir.join("set/labels")).unwrap();
    let error = refused(unmask(dir, &judge));
    assert!(error.contains("set/labels"), "{error}");
}

/// Checks a model with `onnx.checker`, runs it on ONNX Runtime, and prints the largest difference
/// to the float model over its largest value, one line an output.
const ORACLE: &str = r#"
import sys, numpy as np, onnx, onnxruntime
first, *others = sys.argv[1:]
def run(path):
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x = session.get_inputs()[0]
    y, z = np.meshgrid(np.arange(x.shape[2]), np.arange(x.shape[3]), indexing="ij")
    image = np.stack([np.sin(y * 0.1 + c) + np.cos(z * 0.07) for c in range(3)])[None]
    return session.run(None, {x.name: image.astype("f4")})
want = run(first)
for path in others:
    for a, b in zip(want, run(path)):
        assert a.dtype == b.dtype and a.shape == b.shape
        print(float(np.abs(a - b).mean() / np.abs(a).max()))
"#;

#[test]
fn onnx_runtime_takes_what_is_written() {
    let Some(python) = unmask_oracle::python("onnx_runtime_takes_what_is_written") else {
        return;
    };
    let dir = folder(4);
    let dir = dir.path();
    good(unmask(dir, &with(&CALIBRATE, &["--force"])));
    good(unmask(dir, &with(&QUANTIZE, &["--out", "q16.onnx"])));
    good(unmask(
        dir,
        &with(&QUANTIZE, &["--out", "q32.onnx", "--rest", "fp32"]),
    ));
    good(unmask(dir, &FP16));
    let done = Command::new(python)
        .args(["-c", ORACLE, "model.onnx", "h.onnx", "q16.onnx", "q32.onnx"])
        .current_dir(dir)
        .output()
        .unwrap();
    let text = good(done);
    let errors: Vec<f64> = text.lines().map(|l| l.parse().unwrap()).collect();
    println!("mean differences: {errors:?}");
    assert_eq!(errors.len(), 6);
    for (i, error) in errors.iter().enumerate() {
        let most = if i < 2 { 0.01 } else { 0.1 };
        assert!(*error < most, "output {i}: {error}");
    }
}
