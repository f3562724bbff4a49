//! Helpers shared by the tests.

// Every test file is a crate of its own and takes only what it needs.
#![allow(dead_code)]

pub mod network;
pub mod tensors;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The small model `name` of the fixtures.
pub fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/models")
        .join(name)
}

/// `unmask` with `args` in `folder`; only what a test says names a model.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unmask"));
    command
        .args(args)
        .current_dir(folder)
        .env_remove("UNMASK_MODEL");
    command
}

/// Runs `unmask` with `args` in `folder`.
pub fn unmask(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

/// Writes a picture for the small models: red is road, a black square on it is an anomaly.
pub fn put(path: &Path, square: bool) {
    let mut picture = image::RgbImage::from_pixel(256, 128, image::Rgb([255, 0, 0]));
    if square {
        for (x, y) in (100..124).flat_map(|x| (60..84).map(move |y| (x, y))) {
            picture.put_pixel(x, y, image::Rgb([0, 0, 0]));
        }
    }
    picture.save(path).unwrap();
}
