//! `unmask score`, as a user calls it.

mod common;

use common::model;
use std::path::Path;
use std::process::{Command, Output};
use unmask_onnx::messages::{
    DataType, ModelProto, NodeProto, StringStringEntryProto, TensorProto, ValueInfoProto,
};
use unmask_score::npy;

fn score(folder: &Path, name: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unmask"))
        .args(["score", "--images", "in", "--out", "maps", "--model"])
        .arg(model(name))
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn said(out: &Output) -> String {
    String::from_utf8(out.stderr.clone()).unwrap()
}

/// A blue picture and one that is red on the left, black on the right.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let blue = image::RgbImage::from_pixel(60, 40, image::Rgb([0, 0, 255]));
    blue.save(folder.path().join("in/blue.png")).unwrap();
    let half = image::RgbImage::from_fn(301, 97, |x, _| {
        image::Rgb([if x < 150 { 255 } else { 0 }, 0, 0])
    });
    half.save(folder.path().join("in/half.one.jpg")).unwrap();
    folder
}

#[test]
fn every_picture_becomes_a_map_of_its_own_size() {
    let folder = folder();
    let out = score(folder.path(), "mask.onnx", &[]);
    assert!(out.status.success(), "{}", said(&out));
    assert!(out.stdout.is_empty());
    let half = npy::read(&folder.path().join("maps/half.one.npy")).unwrap();
    assert_eq!((half.size().w, half.size().h), (301, 97));
    assert!(half.at(20, 50) < 0.01 && half.at(280, 50) > 0.99);
    let blue = npy::read(&folder.path().join("maps/blue.npy")).unwrap();
    assert!(blue.data().iter().all(|&a| a == 0.0), "refined");

    let out = score(
        folder.path(),
        "mask.onnx",
        &["--no-refine", "--threads", "1"],
    );
    assert!(out.status.success(), "{}", said(&out));
    let blue = npy::read(&folder.path().join("maps/blue.npy")).unwrap();
    assert!(blue.data().iter().all(|&a| a > 0.0), "not refined");
}

#[test]
fn a_per_pixel_model_scores_too() {
    let folder = folder();
    assert!(score(folder.path(), "pixel.onnx", &[]).status.success());
    let half = npy::read(&folder.path().join("maps/half.one.npy")).unwrap();
    assert!(half.at(20, 50) < 0.01 && (half.at(280, 50) - 2.0 / 3.0).abs() < 0.01);
}

#[test]
fn bad_pictures_are_named_and_counted() {
    let folder = folder();
    std::fs::write(folder.path().join("in/cut.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let again = folder.path().join("in/blue.webp");
    image::RgbImage::new(3, 3).save(again).unwrap();
    let out = score(folder.path(), "mask.onnx", &[]);
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(said(&out).contains("cut.png: "), "{}", said(&out));
    assert!(said(&out).contains("blue.webp: another picture has the same name"));
    assert!(said(&out).contains("2 maps written"));
}

#[test]
fn scores_that_are_no_numbers_are_bad_pictures() {
    let folder = folder();
    let light = image::RgbImage::from_pixel(60, 40, image::Rgb([200, 200, 200]));
    light.save(folder.path().join("in/light.png")).unwrap();
    let out = score(folder.path(), "nan.onnx", &[]);
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
    assert!(said(&out).contains("blue.png: ") && said(&out).contains("NaN"));
    assert!(folder.path().join("maps/light.npy").is_file());
    assert!(!folder.path().join("maps/blue.npy").exists());
}

#[test]
fn the_size_must_be_that_of_the_model() {
    let folder = folder();
    assert!(
        score(folder.path(), "mask.onnx", &["--size", "64x128"])
            .status
            .success()
    );
    let out = score(folder.path(), "mask.onnx", &["--size", "128x64"]);
    assert_eq!(out.status.code(), Some(1));
    for part in ["128x64", "64x128", "unmask export --size"] {
        assert!(said(&out).contains(part), "{}", said(&out));
    }
    assert_eq!(
        score(folder.path(), "mask.onnx", &["--size", "big"])
            .status
            .code(),
        Some(2)
    );
}

/// Writes `mask.onnx` with `edit` applied as `name` into `folder`.
fn edited(folder: &Path, name: &str, edit: impl Fn(&mut ModelProto)) -> std::path::PathBuf {
    let mut proto = ModelProto::from_bytes(&std::fs::read(model("mask.onnx")).unwrap()).unwrap();
    edit(&mut proto);
    let path = folder.join(name);
    std::fs::write(&path, proto.to_bytes()).unwrap();
    path
}

fn run(folder: &Path, args: &[&str]) -> Output {
    common::unmask(folder, args)
}

#[test]
fn external_data_is_read_next_to_the_model() {
    let folder = folder();
    let mut data = Vec::new();
    let data_file = folder.path().join("big.onnx.data");
    let mut proto = ModelProto::from_bytes(&std::fs::read(model("mask.onnx")).unwrap()).unwrap();
    for tensor in &mut proto.graph.as_mut().unwrap().initializer {
        let raw = tensor.raw_data.take().unwrap();
        let fact = StringStringEntryProto::new;
        tensor.data_location = Some(1);
        tensor.external_data = vec![
            fact("location", "big.onnx.data"),
            fact("offset", &data.len().to_string()),
            fact("length", &raw.len().to_string()),
        ];
        data.extend(raw);
    }
    std::fs::write(&data_file, data).unwrap();
    std::fs::write(folder.path().join("big.onnx"), proto.to_bytes()).unwrap();
    let args = |name: &'static str, out: &'static str| {
        ["score", "--model", name, "--images", "in", "--out", out]
    };
    let out = run(folder.path(), &args("big.onnx", "external"));
    assert!(out.status.success(), "{}", said(&out));
    assert!(score(folder.path(), "mask.onnx", &[]).status.success());
    let map = |folder_name: &str| {
        npy::read(&folder.path().join(folder_name).join("half.one.npy")).unwrap()
    };
    assert_eq!(map("external"), map("maps"));
    // The model in one file is what other verbs write of it.
    let out = run(
        folder.path(),
        &["prepare", "--model", "big.onnx", "--out", "one.onnx"],
    );
    assert!(out.status.success(), "{}", said(&out));
    std::fs::remove_file(&data_file).unwrap();
    assert!(
        run(folder.path(), &args("one.onnx", "one"))
            .status
            .success()
    );
    let out = run(folder.path(), &args("big.onnx", "external"));
    assert_eq!(out.status.code(), Some(1));
    let error = said(&out);
    assert!(
        error.contains("big.onnx.data is missing") && error.contains("external_data=False"),
        "{error}"
    );
}

#[test]
fn what_inspect_refuses_is_not_scored() {
    let folder = folder();
    // Two values of 6.4 GB between input and output, which the file's own sizes do not show.
    edited(folder.path(), "huge.onnx", |proto| {
        let graph = proto.graph.as_mut().unwrap();
        graph.initializer.push(TensorProto {
            name: Some("sizes".into()),
            dims: vec![4],
            data_type: Some(DataType::Int64 as i32),
            int64_data: vec![1 << 16, 3, 64, 128],
            ..TensorProto::default()
        });
        for (op, inputs, output) in [
            ("Expand", &["image", "sizes"][..], "large"),
            ("Relu", &["large"], "as_large"),
            ("ReduceSum", &["as_large"], "sum"),
        ] {
            graph.node.push(NodeProto {
                op_type: Some(op.into()),
                name: Some(output.into()),
                input: inputs.iter().map(|&i| i.into()).collect(),
                output: vec![output.into()],
                ..NodeProto::default()
            });
        }
        graph.output.push(ValueInfoProto::tensor(
            "sum",
            DataType::Float,
            &[1, 1, 1, 1],
        ));
    });
    // The road is said to be two things.
    edited(folder.path(), "twice.onnx", |proto| {
        let pair = StringStringEntryProto::new("unmask.road", "[1]");
        proto.metadata_props.push(pair);
    });
    for (name, says) in [
        ("huge.onnx", "of memory to run"),
        ("twice.onnx", "`unmask.road` twice"),
    ] {
        let inspect = run(folder.path(), &["inspect", name, "--json"]);
        assert_eq!(inspect.status.code(), Some(1), "{name}");
        let object: serde_json::Value = serde_json::from_slice(&inspect.stdout).unwrap();
        assert!(object["error"].as_str().unwrap().contains(says), "{object}");
        let args = ["score", "--model", name, "--images", "in", "--out", "maps"];
        let out = run(folder.path(), &args);
        assert_eq!(out.status.code(), Some(1), "{name}");
        assert!(said(&out).contains(says), "{}", said(&out));
    }
    let good = run(
        folder.path(),
        &["inspect", model("mask.onnx").to_str().unwrap(), "--json"],
    );
    let object: serde_json::Value = serde_json::from_slice(&good.stdout).unwrap();
    // The input, [1,3,64,128] floats, and what is made of it.
    assert!(object["memory"]["peak_bytes"].as_u64().unwrap() > 4 * 3 * 64 * 128);
    assert!(object["error"].is_null());
}

#[test]
fn missing_and_foreign_inputs_are_named() {
    let folder = folder();
    let out = score(folder.path(), "gone.onnx", &[]);
    assert!(out.status.code() == Some(1) && said(&out).contains("gone.onnx"));
    let out = score(folder.path(), "make_models.py", &[]);
    assert!(out.status.code() == Some(1) && said(&out).contains("make_models.py"));
    std::fs::remove_dir_all(folder.path().join("in")).unwrap();
    let out = score(folder.path(), "mask.onnx", &[]);
    assert!(out.status.code() == Some(1) && said(&out).contains("cannot list the folder in"));
    std::fs::create_dir(folder.path().join("in")).unwrap();
    std::fs::write(folder.path().join("in/a.png"), b"x").unwrap();
    let out = score(folder.path(), "mask.onnx", &[]);
    assert!(out.status.code() == Some(1) && said(&out).contains("none of the 1 images"));
}
