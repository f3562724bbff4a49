//! Prepared files in the engine against the models that they were made from.

mod foreign;

use super::bytes;
use crate::prepare::{PrepareOptions, prepare};
use std::path::{Path, PathBuf};
use unmask_engine::Engine;
use unmask_frame::{Picture, ScoreMap, Size};
use unmask_model::{
    ColourMatrix, ColourRange, FrameFit, FrameFormat, OutputForm, PixelFormat, ScoreHead,
};
use unmask_onnx::messages::{DataType, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};
use unmask_score::PixelScore;

const THREADS: unmask_engine::EngineOptions = unmask_engine::EngineOptions { threads: 1 };

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .join("tests/fixtures/models")
        .join(name)
}

fn plain(name: &str) -> Engine {
    Engine::open(&fixture(name), THREADS).unwrap()
}

fn prepared(name: &str, options: &PrepareOptions) -> Engine {
    open(&prepare(&fixture(name), options).unwrap().bytes)
}

fn open(bytes: &[u8]) -> Engine {
    Engine::from_bytes(Path::new("prepared.onnx"), bytes.to_vec(), THREADS).unwrap()
}

fn noise(size: Size) -> Picture {
    Picture::new(size, bytes(7, size.area_px() * 3)).unwrap()
}

/// Left half red (road), right half black (nothing that the model knows).
fn half_red(size: Size) -> Picture {
    let mut picture = Picture::filled(size, [0; 3]);
    for row in picture.rgb_mut().chunks_exact_mut(size.w * 3) {
        for px in row[..size.w / 2 * 3].chunks_exact_mut(3) {
            px[0] = 255;
        }
    }
    picture
}

fn difference(a: &ScoreMap, b: &ScoreMap) -> f32 {
    assert_eq!(a.size(), b.size());
    let pairs = a.data().iter().zip(b.data());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn rgb_of_the_models_size_scores_as_the_plain_path() {
    for name in ["mask.onnx", "mask_commas.onnx", "pixel.onnx"] {
        let (mut a, mut b) = (plain(name), prepared(name, &PrepareOptions::default()));
        let size = a.model_metadata().input;
        for picture in [noise(size), half_red(size)] {
            let want = a.score_at_mask_size(&picture, true).unwrap();
            let got = b.score_at_mask_size(&picture, true).unwrap();
            assert!(difference(&want.score, &got.score) <= 1e-5, "{name}");
            let from_bytes = b.score_bytes(picture.rgb(), true).unwrap();
            assert_eq!(from_bytes, got);
        }
        // Black and red cells have one best class each.
        let got = b.score_at_mask_size(&half_red(size), true).unwrap();
        assert_eq!(got.classes.at(0, 0), 0);
    }
}

#[test]
fn a_picture_of_another_size_loses_only_its_rounding_to_bytes() {
    // Without refinement, which jumps at its bound.
    let options = PrepareOptions {
        no_refine: true,
        ..PrepareOptions::default()
    };
    let (mut a, mut b) = (plain("mask.onnx"), prepared("mask.onnx", &options));
    let picture = noise(Size::new(300, 90));
    let want = a.score(&picture, false).unwrap();
    let got = b.score(&picture, false).unwrap();
    // Half a grey level is 1/16 of a logit here, and a sigmoid's slope is at most a quarter.
    assert!(difference(&want, &got) <= 1.0 / 64.0);
}

#[test]
fn a_file_says_what_it_takes_and_how_it_scores() {
    let options = PrepareOptions {
        camera: Some(Size::new(200, 100)),
        format: Some(PixelFormat::Nv12),
        matrix: ColourMatrix::Bt709,
        range: ColourRange::Full,
        fit: FrameFit::Letterbox,
        ..PrepareOptions::default()
    };
    let engine = prepared("mask.onnx", &options);
    let (metadata, of_plain) = (
        engine.model_metadata(),
        plain("mask.onnx").model_metadata().clone(),
    );
    let camera = metadata.camera.unwrap();
    assert_eq!(metadata.head, Some(ScoreHead::MaskRefined));
    assert_eq!(camera.fit, FrameFit::Letterbox);
    assert_eq!(camera.view.size, Size::new(200, 100));
    assert_eq!(
        camera.format,
        FrameFormat {
            pixels: PixelFormat::Nv12,
            size: Size::new(200, 100),
            matrix: ColourMatrix::Bt709,
            range: ColourRange::Full,
        }
    );
    assert_eq!(metadata.input, of_plain.input);
    assert_eq!((metadata.mean, metadata.std), (of_plain.mean, of_plain.std));
    assert_eq!(metadata.classes, of_plain.classes);
    assert_eq!(
        (&metadata.road, &metadata.stuff),
        (&of_plain.road, &of_plain.stuff)
    );
    assert_eq!(metadata.threshold, of_plain.threshold);
    let (known, size) = (3, Size::new(32, 16));
    assert_eq!(metadata.output, OutputForm::Map { known, size });
    // 200x100 has the input's shape.
    let made = prepare(&fixture("mask.onnx"), &options).unwrap();
    let outputs: Vec<_> = made.outputs.iter().map(|o| (&*o.0, &*o.1)).collect();
    assert_eq!(
        outputs,
        [
            ("anomaly", &[1, 16, 32][..]),
            ("classes", &[1, 16, 32][..]),
            ("query_score", &[1, 4][..]),
            ("query_class", &[1, 4][..]),
        ]
    );
    let model = ModelProto::from_bytes(&made.bytes).unwrap();
    assert_eq!(model.fact("unmask.prepared_from"), Some(&*of_plain.sha256));
    assert!(made.preprocess_macs > 0 && made.preprocess_nodes > 5 && made.postprocess_nodes > 10);
}

#[test]
fn every_format_and_fit_sees_the_same_scene() {
    use PixelFormat::{Bgr24, Nv12, Rgb24, Uyvy, Yuyv};
    for pixels in [Yuyv, Uyvy, Nv12, Rgb24, Bgr24] {
        for fit in [FrameFit::Stretch, FrameFit::Letterbox, FrameFit::Crop] {
            for size in [Size::new(160, 160), Size::new(400, 60)] {
                let options = PrepareOptions {
                    camera: Some(size),
                    format: Some(pixels),
                    fit,
                    ..PrepareOptions::default()
                };
                let mut engine = prepared("mask.onnx", &options);
                let format = engine.model_metadata().camera.unwrap().format;
                let scene = half_red(size);
                let frame = format.encode(&scene).unwrap();
                let at_once = engine.score(&scene, true).unwrap();
                assert_eq!(at_once.size(), size);
                let map = engine.score_bytes(&frame, true).unwrap().score;
                let view = engine.model_metadata().camera.unwrap().view;
                let what = format!("{format} {fit}");
                for x in [0.05, 0.2, 0.36, 0.64, 0.8, 0.95] {
                    for y in [0.05, 0.5, 0.95] {
                        let px = (x * size.w as f64, y * size.h as f64);
                        let seen = |at: f64, from: usize, part: usize| {
                            at >= from as f64 && at < (from + part) as f64
                        };
                        let seen =
                            seen(px.0, view.x, view.size.w) && seen(px.1, view.y, view.size.h);
                        let cell = map.size();
                        let a = map.at((x * cell.w as f64) as usize, (y * cell.h as f64) as usize);
                        if !seen {
                            assert_eq!(a, 0.0, "{what} at {x},{y}");
                        } else if x < 0.5 {
                            assert!(a < 0.02, "{what} at {x},{y}: {a}");
                        } else {
                            assert!(a > 0.98, "{what} at {x},{y}: {a}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn per_pixel_models_score_by_the_kind_asked_for() {
    use PixelScore::{Entropy, MaxLogit, MaxSoftmax};
    let picture = noise(Size::new(128, 64));
    for kind in [MaxSoftmax, MaxLogit, Entropy] {
        let mut a = plain("pixel.onnx");
        a.score_by(kind).unwrap();
        let options = PrepareOptions {
            score: Some(kind),
            ..PrepareOptions::default()
        };
        let mut b = prepared("pixel.onnx", &options);
        b.score_by(kind).unwrap();
        assert_eq!(b.model_metadata().head, Some(ScoreHead::Pixel(kind)));
        // A threshold found by one score says nothing about another.
        assert_eq!(b.model_metadata().threshold.is_some(), kind == MaxSoftmax);
        let want = a.score(&picture, true).unwrap();
        assert!(difference(&want, &b.score(&picture, true).unwrap()) <= 2e-5);
        let other = if kind == Entropy { MaxLogit } else { Entropy };
        let error = b.score_by(other).unwrap_err().to_string();
        assert!(error.contains(&format!("--score {other}")), "{error}");
    }
    let error = plain("mask.onnx")
        .score_by(Entropy)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("mask.onnx") && error.contains("per-pixel"),
        "{error}"
    );
}

#[test]
fn refinement_is_part_of_the_graph_or_not() {
    let blue = Picture::filled(Size::new(128, 64), [0, 0, 255]);
    let mut with = prepared("mask.onnx", &PrepareOptions::default());
    let refined = with.score(&blue, true).unwrap();
    assert!(refined.data().iter().all(|&a| a == 0.0));
    let error = with.score(&blue, false).unwrap_err().to_string();
    assert!(
        error.contains("prepare it again with --no-refine"),
        "{error}"
    );
    let mut without = prepared(
        "mask.onnx",
        &PrepareOptions {
            no_refine: true,
            ..PrepareOptions::default()
        },
    );
    for refine in [true, false] {
        let map = without.score(&blue, refine).unwrap();
        assert!(map.data().iter().all(|&a| a > 0.0));
    }
}

#[test]
fn wrong_frames_are_refused_with_what_was_wanted() {
    let options = PrepareOptions {
        camera: Some(Size::new(64, 48)),
        format: Some(PixelFormat::Yuyv),
        ..PrepareOptions::default()
    };
    let mut engine = prepared("mask.onnx", &options);
    let error = engine.score_bytes(&[0; 100], true).unwrap_err().to_string();
    for part in ["100 bytes", "yuyv 64x48", "6144", "--camera"] {
        assert!(error.contains(part), "{error}");
    }
    let error = plain("mask.onnx").score_bytes(&[0; 100], true).unwrap_err();
    assert!(error.to_string().contains("unmask prepare"), "{error}");
    let none = Picture::filled(Size::new(0, 0), [0; 3]);
    let error = engine.score(&none, true).unwrap_err().to_string();
    assert!(error.contains("0x0"), "{error}");
}

#[track_caller]
fn refused(name: &str, options: &PrepareOptions, parts: &[&str]) {
    let error = prepare(&fixture(name), options).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let camera = |w, h, format| PrepareOptions {
        camera: Some(Size::new(w, h)),
        format: Some(format),
        ..PrepareOptions::default()
    };
    let odd = camera(63, 48, PixelFormat::Yuyv);
    refused(
        "mask.onnx",
        &odd,
        &["--camera 63x48", "yuyv", "multiple of 2"],
    );
    let odd = camera(64, 47, PixelFormat::Nv12);
    refused("mask.onnx", &odd, &["64x47", "nv12"]);
    let fine = camera(64, 47, PixelFormat::Uyvy);
    assert!(prepare(&fixture("mask.onnx"), &fine).is_ok());
    for (w, h) in [(1, 40), (40, 1), (40, 20_000), (usize::MAX, 2)] {
        let size = camera(w, h, PixelFormat::Rgb24);
        refused("mask.onnx", &size, &["from 2 to 16384"]);
    }
    let scored = PrepareOptions {
        score: Some(PixelScore::Entropy),
        ..PrepareOptions::default()
    };
    refused("mask.onnx", &scored, &["--score entropy", "leave it out"]);
    refused(
        "bad_facts.onnx",
        &PrepareOptions::default(),
        &["unmask.classes"],
    );
    refused("gone.onnx", &PrepareOptions::default(), &["gone.onnx"]);
}

/// The model of a fixture, changed, next to a `model.toml`, in a folder of its own.
fn changed(
    name: &str,
    toml: &str,
    change: impl Fn(&mut ModelProto),
) -> (tempfile::TempDir, PathBuf) {
    let mut model = ModelProto::from_bytes(&std::fs::read(fixture(name)).unwrap()).unwrap();
    change(&mut model);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.onnx");
    std::fs::write(&path, model.to_bytes()).unwrap();
    std::fs::write(folder.path().join("model.toml"), toml).unwrap();
    (folder, path)
}

#[test]
fn a_prepared_file_is_not_prepared_again() {
    let made = prepare(&fixture("mask.onnx"), &PrepareOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.onnx");
    std::fs::write(&path, made.bytes).unwrap();
    let error = prepare(&path, &PrepareOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("made.onnx is prepared already"), "{error}");
}

#[test]
fn other_opsets_are_taken_as_far_as_they_go() {
    let with_opset = |version| {
        let set = OperatorSetIdProto {
            domain: None,
            version: Some(version),
        };
        // Of pixel.onnx no operator changes between these.
        changed("pixel.onnx", "", move |m| {
            m.opset_import = vec![set.clone()]
        })
    };
    let picture = half_red(Size::new(128, 64));
    let want = plain("pixel.onnx").score(&picture, true).unwrap();
    for version in [13, 18] {
        let (_folder, path) = with_opset(version);
        let mut engine = open(&prepare(&path, &PrepareOptions::default()).unwrap().bytes);
        let got = engine.score(&picture, true).unwrap();
        assert!(difference(&want, &got) <= 1e-5, "opset {version}");
    }
    for version in [12, 20] {
        let (_folder, path) = with_opset(version);
        let error = prepare(&path, &PrepareOptions::default()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(&format!("opset {version}")), "{error}");
    }
}
