//! The engine as a whole, on the small models of `tests/fixtures/models` (see `make_models.py`).

use super::*;
use unmask_frame::Picture;
use unmask_model::OutputForm;

fn model(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .join("tests/fixtures/models")
        .join(name)
}

fn open(name: &str) -> Result<Engine, EngineError> {
    Engine::open(&model(name), EngineOptions { threads: 1 })
}

/// Left half red, right half black: road, and nothing that the mask model knows.
fn half_red(size: Size) -> Picture {
    let mut picture = Picture::filled(size, [0; 3]);
    for row in picture.rgb_mut().chunks_exact_mut(size.w * 3) {
        for px in row[..size.w / 2 * 3].chunks_exact_mut(3) {
            px[0] = 255;
        }
    }
    picture
}

#[test]
fn metadata_is_read_and_measured() {
    let engine = open("mask.onnx").unwrap();
    let metadata = engine.model_metadata();
    assert_eq!(metadata.classes, ["road", "sky", "car"]);
    assert_eq!((&*metadata.road, &*metadata.stuff), (&[0][..], &[1, 2][..]));
    assert_eq!((metadata.mean, metadata.std), ([128.0; 3], [64.0; 3]));
    assert_eq!(metadata.threshold, Some(0.5));
    assert_eq!(metadata.input, Size::new(128, 64));
    let size = Size::new(32, 16);
    assert_eq!(
        metadata.output,
        OutputForm::Mask {
            queries: 4,
            known: 3,
            size
        }
    );
    assert_eq!(metadata.sha256.len(), 64);
    assert_eq!(
        (engine.name(), engine.precision(), engine.threads()),
        ("cpu", "fp32", 1)
    );
}

#[test]
fn metadata_in_other_forms_gives_the_same_result() {
    let picture = half_red(Size::new(128, 64));
    let want = open("mask.onnx").unwrap().score(&picture, true).unwrap();
    let mut other = open("mask_commas.onnx").unwrap();
    assert_eq!(other.model_metadata().std, [63.75; 3]);
    assert_eq!(other.model_metadata().threshold, None);
    let got = other.score(&picture, true).unwrap();
    for (a, b) in got.data().iter().zip(want.data()) {
        assert!((a - b).abs() < 0.01, "{a} against {b}");
    }
}

#[test]
fn scores_are_those_of_the_hand_computed_model() {
    let mut engine = open("mask.onnx").unwrap();
    let scored = engine
        .score_at_mask_size(&half_red(Size::new(128, 64)), false)
        .unwrap();
    assert_eq!(scored.score.size(), Size::new(32, 16));
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (red, black) = (8.0 * (255.0 - 128.0) / 64.0, 8.0 * -128.0 / 64.0);
    let sure = 12f64.exp() / (12f64.exp() + 3.0);
    let rest = 1.0 / (12f64.exp() + 3.0);
    let road = 1.0 - (sure * sigmoid(red) + 2.0 * rest * sigmoid(black) + rest * sigmoid(-8.0));
    let none = 1.0 - (sure * sigmoid(black) + 2.0 * rest * sigmoid(black) + rest * sigmoid(-8.0));
    for y in 0..16 {
        for x in 0..32 {
            let want = if x < 16 { road } else { none };
            assert!((f64::from(scored.score.at(x, y)) - want).abs() < 1e-6);
            assert!(x >= 16 || scored.classes.at(x, y) == 0);
        }
    }
    let times = engine.times();
    assert!(times.engine.as_nanos() > 0 && times.prepare.as_nanos() > 0);
}

#[test]
fn refinement_clears_stuff_only() {
    let mut engine = open("mask.onnx").unwrap();
    let blue = Picture::filled(Size::new(128, 64), [0, 0, 255]);
    let refined = engine.score(&blue, true).unwrap();
    assert!(refined.data().iter().all(|&a| a == 0.0));
    let plain = engine.score(&blue, false).unwrap();
    assert!(plain.data().iter().all(|&a| a > 0.0));
    let red = Picture::filled(Size::new(128, 64), [255, 0, 0]);
    assert_eq!(
        engine.score(&red, true).unwrap(),
        engine.score(&red, false).unwrap()
    );
}

#[test]
fn a_score_map_has_the_size_of_its_picture() {
    let mut engine = open("mask.onnx").unwrap();
    for size in [
        Size::new(1, 1),
        Size::new(301, 77),
        Size::new(128, 64),
        Size::new(32, 16),
    ] {
        let map = engine.score(&half_red(size), true).unwrap();
        assert_eq!(map.size(), size);
        assert!(map.data().iter().all(|a| a.is_finite()));
    }
    let map = engine.score(&half_red(Size::new(300, 80)), true).unwrap();
    assert!(map.at(10, 40) < 0.01 && map.at(290, 40) > 0.99);
    let error = engine
        .score(&Picture::filled(Size::new(0, 0), [0; 3]), true)
        .unwrap_err();
    assert!(error.to_string().contains("0x0"), "{error}");
}

#[test]
fn a_per_pixel_model_scores_by_softmax() {
    let mut engine = open("pixel.onnx").unwrap();
    assert_eq!(
        engine.model_metadata().output,
        OutputForm::Pixel {
            classes: 3,
            size: Size::new(32, 16)
        }
    );
    let grey = Picture::filled(Size::new(64, 64), [90; 3]);
    let map = engine.score(&grey, true).unwrap();
    assert!(map.data().iter().all(|a| (a - 2.0 / 3.0).abs() < 1e-6));
    let green = Picture::filled(Size::new(64, 64), [0, 255, 0]);
    let scored = engine.score_at_mask_size(&green, true).unwrap();
    assert!(scored.score.data().iter().all(|a| *a < 1e-6));
    assert!(scored.classes.data().iter().all(|c| *c == 1));
}

#[test]
fn threads_do_not_change_the_score() {
    let picture = half_red(Size::new(90, 70));
    let one = open("mask.onnx").unwrap().score(&picture, true).unwrap();
    for threads in [0, 2, 5] {
        let mut engine = Engine::open(&model("mask.onnx"), EngineOptions { threads }).unwrap();
        assert_eq!(engine.score(&picture, true).unwrap(), one);
    }
}

#[test]
fn the_picture_is_resized_as_pillow_does_it() {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let rgb = (0..40 * 23 * 3).map(|_| next()).collect();
    let picture = Picture::new(Size::new(40, 23), rgb).unwrap();
    let want = std::fs::read(model("pillow_24x16.rgb")).unwrap();
    let to = Size::new(24, 16);
    let mut preparer = Preprocessor::new(to, [0.0; 3], [1.0; 3]);
    let got = preparer.run(&picture).unwrap();
    for (i, px) in want.chunks(3).enumerate() {
        for c in 0..3 {
            let (have, want) = (got[c * to.area_px() + i], f32::from(px[c]));
            // Pillow rounds twice, once a direction.
            assert!(
                (have - want).abs() <= 1.01,
                "pixel {i}: {have} against {want}"
            );
        }
    }
}

#[test]
fn files_that_are_no_model_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.onnx");
    let whole = std::fs::read(model("mask.onnx")).unwrap();
    let text = b"<html>404 not found</html>".repeat(40);
    for bytes in [
        &b""[..],
        &text,
        b"RTEN0000",
        &whole[..whole.len() / 2],
        &[0xff; 300],
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = Engine::open(&path, EngineOptions::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("odd.onnx"), "{error}");
    }
    let error = Engine::open(folder.path(), EngineOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("cannot read the model"), "{error}");
    let error = open("gone.onnx").unwrap_err().to_string();
    assert!(
        error.contains("gone.onnx") && error.contains("No such file"),
        "{error}"
    );
}

#[test]
fn a_model_cut_or_changed_anywhere_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.onnx");
    let whole = std::fs::read(model("mask.onnx")).unwrap();
    for end in (0..whole.len()).step_by(13) {
        std::fs::write(&path, &whole[..end]).unwrap();
        assert!(
            Engine::open(&path, EngineOptions { threads: 1 }).is_err(),
            "{end} bytes were taken"
        );
    }
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        // Some changes only rename a node: taken or refused, but never a panic.
        let _ = Engine::open(&path, EngineOptions { threads: 1 });
    }
}

#[test]
fn models_outside_the_contract_are_refused_with_the_reason() {
    let cases = [
        ("mask_rank3.onnx", "`mask_logits` has 3 dimensions"),
        (
            "queries_differ.onnx",
            "class_logits [1,4,4] and mask_logits [1,3,16,32]",
        ),
        (
            "dynamic.onnx",
            "[1, 3, height, width], not a tensor of static shape",
        ),
        ("grey_input.onnx", "its input is [1,1,64,128]"),
        ("two_inputs.onnx", "it has 2 inputs"),
        ("other_outputs.onnx", "its outputs are [anything]"),
        ("integers.onnx", "`logits` has 4 dimensions"),
        ("unknown_operator.onnx", "Guess"),
        (
            "weights_outside.onnx",
            "only files in the model's own folder",
        ),
        (
            "bad_facts.onnx",
            "unmask.classes: 2 names, but the network knows 3",
        ),
        ("bare.onnx", "its outputs are [scores, masks]"),
    ];
    for (name, part) in cases {
        let error = open(name).unwrap_err().to_string();
        assert!(
            error.contains(part) && error.contains(name),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_foreign_model_gets_its_metadata_and_output_names_from_model_toml() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.onnx");
    std::fs::copy(model("bare.onnx"), &path).unwrap();
    let toml = folder.path().join("model.toml");
    std::fs::write(
        &toml,
        "outputs = { class_logits = 'scores', mask_logits = 'masks' }",
    )
    .unwrap();
    let error = Engine::open(&path, EngineOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("lacks unmask.mean, unmask.std, unmask.classes"),
        "{error}"
    );
    let metadata = "mean = [128, 128, 128]\nstd = [64, 64, 64]\nclasses = ['road', 'sky', 'car']\n\
                 road = ['road']\nstuff = [1, 2]\nthreshold = 0.5\n\
                 [outputs]\nclass_logits = 'scores'\nmask_logits = 'masks'\n";
    std::fs::write(&toml, metadata).unwrap();
    let picture = half_red(Size::new(100, 50));
    let got = Engine::open(&path, EngineOptions::default())
        .unwrap()
        .score(&picture, true)
        .unwrap();
    assert_eq!(
        got,
        open("mask.onnx").unwrap().score(&picture, true).unwrap()
    );
}

#[test]
fn nan_in_the_outputs_is_an_error_that_names_the_model() {
    let mut engine = open("nan.onnx").unwrap();
    let light = Picture::filled(Size::new(128, 64), [200; 3]);
    assert!(engine.score(&light, true).is_ok());
    let dark = Picture::filled(Size::new(128, 64), [0; 3]);
    let error = engine.score(&dark, true).unwrap_err().to_string();
    assert!(
        error.contains("nan.onnx") && error.contains("mask_logits holds NaN"),
        "{error}"
    );
    // The engine continues with the next picture.
    assert!(engine.score(&light, true).is_ok());
}

#[test]
fn flip_gives_mirror_images_mirrored_maps() {
    let picture = half_red(Size::new(120, 60));
    let mut engine = open("mask.onnx").unwrap();
    let map = engine.score_with_flip(&picture, false).unwrap();
    let mirrored = engine.score_with_flip(&picture.mirrored(), false).unwrap();
    for (row, other) in map.data().chunks(120).zip(mirrored.data().chunks(120)) {
        for (a, b) in row.iter().zip(other.iter().rev()) {
            assert!((a - b).abs() < 1e-5, "{a} against {b}");
        }
    }
    let plain = engine.score(&picture, false).unwrap();
    assert_eq!(map.size(), plain.size());
}

#[test]
fn mask_scores_are_of_mask_models_only() {
    let picture = half_red(Size::new(128, 64));
    let mut engine = open("mask.onnx").unwrap();
    let sum = engine.score(&picture, false).unwrap();
    engine.score_masks_by(MaskScore::NoisyOr).unwrap();
    let noisy_or = engine.score(&picture, false).unwrap();
    // Independent errors never explain more than the sum does.
    let mut pairs = sum.data().iter().zip(noisy_or.data());
    assert!(pairs.all(|(sum, or)| *or >= sum - 1e-5));
    let mut engine = open("pixel.onnx").unwrap();
    let error = engine.score_masks_by(MaskScore::Max).unwrap_err();
    assert!(matches!(error, EngineError::ScoreKind { .. }), "{error}");
}
