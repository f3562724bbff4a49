//! Every kind of ONNX file that is written, through ONNX's checker and on ONNX Runtime: the values
//! are those of the CPU engine, and of reduced precision near those of the float32 file.

mod common;

use common::network::{header, tiny};
use common::{model, unmask};
use rten::{DataType, ModelOptions, Value, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use safetensors::tensor::SafeTensors;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use unmask_drive::{Drive, DriveSettings};
use unmask_frame::Size;

/// What a file is held against.
enum Against {
    /// The CPU engine on the same file.
    CpuEngine,
    /// ONNX Runtime on this other file.
    File(&'static str),
}

/// A written file.
struct Written {
    name: String,
    against: Against,
    /// Mean difference of an output over its largest value, at most.
    most: f64,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A folder with three checkpoints (`own.safetensors`, `authors.pth`, `swin/`), the picture that
/// they were made for, a per-pixel model and frames of a drive.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let bytes = fs::read(fixtures().join("network/tiny.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    fs::write(at("image.f32"), file.tensor("io.image").unwrap().data()).unwrap();
    let own = file.iter().filter(|(name, _)| !name.starts_with("io."));
    let own = safetensors::serialize(own, Some(header(&tiny()))).unwrap();
    fs::write(at("own.safetensors"), own).unwrap();
    fs::copy(fixtures().join("import/authors.pth"), at("authors.pth")).unwrap();
    fs::create_dir(at("swin")).unwrap();
    for part in ["model.safetensors", "config.json"] {
        let from = fixtures().join("import/swin").join(part);
        fs::copy(from, at("swin").join(part)).unwrap();
    }
    fs::copy(model("pixel.onnx"), at("pixel.onnx")).unwrap();
    fs::create_dir(at("frames")).unwrap();
    let size = Size::new(128, 72);
    let drive = Drive::new(DriveSettings {
        size,
        ..DriveSettings::default()
    });
    let drive = drive.unwrap();
    for frame in 0..16 {
        let picture = drive.scene(frame * 7).picture;
        let path = at("frames").join(format!("{frame:02}.png"));
        let (w, h) = (size.w as u32, size.h as u32);
        image::save_buffer(path, picture.rgb(), w, h, image::ColorType::Rgb8).unwrap();
    }
    dir
}

/// Calls `unmask` with the words of `line` and `--out out`.
#[track_caller]
fn write(dir: &Path, line: &str, out: &str) {
    let words: Vec<&str> = line.split(' ').chain(["--out", out]).collect();
    let done = unmask(dir, &words);
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{line}: {error}");
}

/// Writes a file of every kind.
fn written(dir: &Path) -> Vec<Written> {
    let mut all = Vec::new();
    let mut add = |line: String, name: &str, against, most| {
        write(dir, &line, name);
        all.push(Written {
            name: name.to_owned(),
            against,
            most,
        });
    };
    let cpu = || Against::CpuEngine;

    // Exports: three families, both forms of sampling, with and without surgery.
    for (checkpoint, name) in [
        ("own.safetensors", "own"),
        ("authors.pth", "authors"),
        ("swin/model.safetensors", "swin"),
    ] {
        for sampling in ["gather", "gridsample"] {
            for surgery in ["", " --no-surgery"] {
                let line = format!(
                    "export --checkpoint {checkpoint} --size 64x96 --sampling {sampling}{surgery}"
                );
                let file = format!("{name}-{sampling}{}.onnx", surgery.trim_start_matches(" -"));
                add(line, &file, cpu(), 1e-5);
            }
        }
    }
    // Surgery on a file as it would come from elsewhere.
    let line = "inspect swin-gridsample-no-surgery.onnx --surgery".to_owned();
    let before = Against::File("swin-gridsample-no-surgery.onnx");
    add(line, "lean.onnx", before, 1e-5);

    // Prepared for a camera, in every format, and every head.
    for options in [
        "--format yuyv --camera 128x72 --fit letterbox",
        "--format uyvy --camera 128x72 --matrix bt709 --range full",
        "--format nv12 --camera 160x90 --fit crop",
        "--format rgb24 --full-size",
        "--format bgr24 --camera 200x100 --no-refine",
    ] {
        let name = format!("prepared-{}.onnx", &options[9..13]);
        let line = format!("prepare --model own-gather.onnx {options}");
        add(line, &name, cpu(), 1e-4);
    }
    for score in ["max-softmax", "max-logit", "entropy"] {
        let line = format!("prepare --model pixel.onnx --score {score}");
        add(line, &format!("pixel-{score}.onnx"), cpu(), 1e-5);
    }

    // In lower precision: a network, one with windows of attention, one behind a camera.
    for (name, file) in [
        ("own", "own-gather.onnx"),
        ("swin", "swin-gather.onnx"),
        ("camera", "prepared-nv12.onnx"),
    ] {
        let range = format!("{name}.toml");
        let line = format!("calibrate --model {file} --frames frames --method max");
        write(dir, &line, &range);
        let line = format!("quantize --model {file} --precision fp16");
        add(
            line,
            &format!("{name}-fp16.onnx"),
            Against::File(file),
            0.01,
        );
        for rest in ["fp16", "fp32"] {
            let line = format!("quantize --model {file} --calibration {range} --rest {rest}");
            let made = format!("{name}-int8-{rest}.onnx");
            add(line, &made, Against::File(file), 0.1);
        }
    }
    all
}

/// The input of the model `name`: its type and its bytes.
fn input(dir: &Path, name: &str, shape: &[usize]) -> Vec<u8> {
    let camera = ["prepared", "pixel-", "camera"];
    if camera.iter().any(|start| name.starts_with(start)) {
        let bytes = shape.iter().product();
        // Neither flat nor noise: neighbours differ by little.
        return (0..bytes).map(|i: usize| ((i / 7) % 200) as u8).collect();
    }
    fs::read(dir.join("image.f32")).unwrap()
}

/// Runs `name` on the CPU engine: writes `name.in` and `name.K.out`, each output as float32.
fn on_the_cpu(dir: &Path, name: &str, compare: bool) {
    let bytes = fs::read(dir.join(name)).unwrap();
    let model = ModelOptions::with_all_ops().load(bytes);
    let model = model.unwrap_or_else(|e| panic!("{name}: {e}"));
    let &[input_id] = model.input_ids() else {
        panic!("{name}: not one input");
    };
    let info = model.node_info(input_id).unwrap();
    let shape: Vec<usize> = info
        .shape()
        .unwrap()
        .iter()
        .map(|side| match side {
            rten::Dimension::Fixed(side) => *side,
            rten::Dimension::Symbolic(_) => panic!("{name}: a dynamic axis"),
        })
        .collect();
    let bytes = input(dir, name, &shape);
    fs::write(dir.join(format!("{name}.in")), &bytes).unwrap();
    if !compare {
        return;
    }
    let value: ValueOrView<'_> = match info.dtype() {
        Some(rten::ValueType::Tensor(DataType::UInt8)) => {
            Tensor::from_data(shape.as_slice(), bytes).into()
        }
        _ => {
            let floats = bytes.as_chunks().0.iter();
            let floats: Vec<f32> = floats.map(|&c| f32::from_le_bytes(c)).collect();
            Tensor::from_data(shape.as_slice(), floats).into()
        }
    };
    let ids = model.output_ids().to_vec();
    let values = model.run(vec![(input_id, value)], &ids, None).unwrap();
    for (k, value) in values.into_iter().enumerate() {
        let floats: Vec<f32> = match value {
            Value::FloatTensor(t) => t.to_vec(),
            Value::Int32Tensor(t) => t.iter().map(|&v| v as f32).collect(),
            other => panic!("{name}: output {k} is a {:?}", other.dtype()),
        };
        let bytes: Vec<u8> = floats.iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(dir.join(format!("{name}.{k}.out")), bytes).unwrap();
    }
}

/// Reads lines of "file against" ("-" for the values that lie next to it); prints one line an
/// output: file, output, mean and largest difference over the largest value.
const ORACLE: &str = r#"
import sys, numpy as np, onnx, onnxruntime
def run(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x, = session.get_inputs()
    kind = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}[x.type]
    values = np.fromfile(path + ".in", kind).reshape(x.shape)
    return [o.name for o in session.get_outputs()], session.run(None, {x.name: values})
for line in sys.stdin:
    path, against = line.split()
    onnx.checker.check_model(path, full_check=True)
    names, got = run(path)
    if against == "-":
        want = [np.fromfile(f"{path}.{k}.out", np.float32) for k in range(len(got))]
    else:
        others, want = run(against)
        assert names == others, (names, others)
        assert all(a.dtype == b.dtype and a.shape == b.shape for a, b in zip(got, want))
    for name, a, b in zip(names, got, want):
        a, b = a.astype("f8").ravel(), b.astype("f8").ravel()
        assert np.isfinite(a).all() and len(a) == len(b), (path, name)
        apart, largest = np.abs(a - b), max(np.abs(b).max(), 1e-9)
        print(path, name, apart.mean() / largest, apart.max() / largest)
"#;

#[test]
fn every_kind_of_file_is_valid_and_runs_the_same() {
    let Some(python) = unmask_oracle::python("every_kind_of_file_is_valid_and_runs_the_same")
    else {
        return;
    };
    let dir = folder();
    let dir = dir.path();
    let all = written(dir);
    let mut jobs = String::new();
    for file in &all {
        let cpu = matches!(file.against, Against::CpuEngine);
        on_the_cpu(dir, &file.name, cpu);
        let against = match file.against {
            Against::CpuEngine => "-",
            Against::File(other) => other,
        };
        jobs += &format!("{} {against}\n", file.name);
    }
    fs::write(dir.join("jobs"), jobs).unwrap();
    let done = Command::new(python)
        .args(["-c", ORACLE])
        .current_dir(dir)
        .stdin(fs::File::open(dir.join("jobs")).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    println!("{said}");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{error}");
    for file in &all {
        let lines = said
            .lines()
            .filter(|l| l.split(' ').next() == Some(&file.name));
        let means: Vec<f64> = lines
            .map(|l| l.split(' ').nth(2).unwrap().parse().unwrap())
            .collect();
        assert!(!means.is_empty(), "{}: not run", file.name);
        for mean in means {
            assert!(mean <= file.most, "{}: {mean:e}", file.name);
        }
    }
}
