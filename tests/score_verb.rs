//! `unmask score`, as a user calls it.

mod common;

use common::model;
use std::path::Path;
use std::process::{Command, Output};
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
    assert!(out.status.code() == Some(1) && said(&out).contains("none of the 1 pictures"));
}
