use super::*;
use crate::error::WeightProblem;
use crate::write::{OnnxOps, SamplingForm};
use rten::ValueOrView;
use rten_tensor::NdTensorView;
use rten_tensor::prelude::*;
use unmask_frame::Size;
use unmask_network::efficientnet;
use unmask_onnx::ir::OnnxGraph;
use unmask_onnx::messages::{AttributeProto, DataType, ModelProto};

fn samples(n: usize, channels: usize, seed: u64) -> FeatureSamples {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 2f32.powi(24) - 0.5
    };
    let mut features = Vec::new();
    for _ in 0..n {
        let base: Vec<f32> = (0..channels).map(|_| next()).collect();
        // Channels of unequal spread, and dependent on each other.
        features.extend(
            (0..channels).map(|c| (c + 1) as f32 * base[c] + base[(c + 1) % channels] + 3.0),
        );
    }
    FeatureSamples {
        features,
        frames: n / 10,
    }
}

fn bank() -> FeatureBank {
    let options = LearnOptions {
        entries: 100,
        beyond: 0.1,
        slope: 2.0,
    };
    FeatureBank::learn(
        EfficientNet::Lite0,
        4,
        &samples(1000, 4, 1),
        &samples(200, 4, 2),
        &options,
    )
    .unwrap()
}

#[test]
fn whitened_features_have_unit_covariance() {
    let bank = bank();
    let all = samples(1000, 4, 1).features;
    let z: Vec<Vec<f32>> = all.chunks_exact(4).map(|f| bank.whiten(f)).collect();
    for i in 0..4 {
        for j in 0..4 {
            let covariance: f32 = z.iter().map(|z| z[i] * z[j]).sum::<f32>() / z.len() as f32;
            let wanted = if i == j { 1.0 } else { 0.0 };
            assert!((covariance - wanted).abs() < 0.02, "{i} {j}: {covariance}");
        }
    }
}

#[test]
fn tolerance_lets_the_asked_share_beyond() {
    let bank = bank();
    let held_out = samples(200, 4, 2).features;
    let beyond = held_out
        .chunks_exact(4)
        .filter(|f| bank.distance(f).ln() > bank.strength.tolerance)
        .count();
    assert!((18..=21).contains(&beyond), "{beyond} of 200");
    assert_eq!(bank.len(), 100);
    let strange = bank.distance(&[30.0, -20.0, 9.0, 0.0]).ln();
    assert!(strange > bank.strength.tolerance + 1.0);
}

#[test]
fn a_bank_survives_writing_and_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bank.safetensors");
    std::fs::write(&path, bank().to_bytes().unwrap()).unwrap();
    assert_eq!(FeatureBank::read(&path).unwrap(), bank());
    std::fs::write(&path, b"no bank").unwrap();
    assert!(FeatureBank::read(&path).is_err());
}

#[test]
fn too_few_cells_and_bad_options_are_refused() {
    let (few, some) = (samples(3, 4, 1), samples(50, 4, 1));
    let learn = |train: &FeatureSamples, options| {
        FeatureBank::learn(EfficientNet::Lite0, 4, train, &some, &options)
            .unwrap_err()
            .to_string()
    };
    assert!(learn(&few, LearnOptions::default()).contains("too few"));
    let none = LearnOptions {
        entries: 0,
        ..LearnOptions::default()
    };
    assert!(learn(&some, none).contains("0 entries"));
    let all = LearnOptions {
        beyond: 1.0,
        ..LearnOptions::default()
    };
    assert!(learn(&some, all).contains("share"));
}

#[path = "../../../../tests/common/hashed.rs"]
mod hashed;

const SIDE: usize = 64;

/// Weights of Lite0 by hash, shapes from what the writer asks for.
fn hashed_weights() -> CheckpointWeights {
    let mut ops = OnnxOps::new(CheckpointWeights::new(), SamplingForm::default());
    let image = ops.input("image", &[1, 3, SIDE, SIDE]);
    let maps = efficientnet::forward(EfficientNet::Lite0, &mut ops, &image);
    ops.output("features", &maps[3]);
    let Err(GraphError::Unfit { problems }) = ops.finish() else {
        panic!("no weights were given");
    };
    let shapes: HashMap<String, Vec<usize>> = problems
        .into_iter()
        .filter_map(|problem| match problem {
            WeightProblem::Missing { key, expected } => Some((key, expected)),
            _ => None,
        })
        .collect();
    let mut weights = CheckpointWeights::new();
    for (theirs, ours) in efficientnet::parameter_names(EfficientNet::Lite0) {
        let shape = shapes[&ours].clone();
        let mut data = hashed::values(&theirs, &shape);
        if ours.ends_with(".running_var") {
            let more = efficientnet::PRETRAINED_EPS - efficientnet::NETWORK_EPS;
            data.iter_mut().for_each(|v| *v += more);
        }
        let data = data.into();
        weights.insert(ours, WeightTensor { shape, data });
    }
    weights
}

fn run(model: &ModelProto, input: &[f32]) -> Vec<f32> {
    let engine = rten::Model::load(model.to_bytes()).unwrap();
    let view = NdTensorView::from_data([1, 3, SIDE, SIDE], input);
    let value = engine.run_one(ValueOrView::from(view), None).unwrap();
    let value: rten_tensor::Tensor<f32> = value.try_into().unwrap();
    value.to_vec()
}

#[test]
fn exported_features_agree_with_pytorch() {
    let model = features_model(
        &hashed_weights(),
        EfficientNet::Lite0,
        Size::new(SIDE, SIDE),
        [127.0; 3],
        [128.0; 3],
    )
    .unwrap();
    let found = run(&model, &hashed::values("image", &[1, 3, SIDE, SIDE]));
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/network/efficientnet_lite0.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let wanted = CheckpointWeights::from_safetensors(Path::new("fixture"), &tensors).unwrap();
    let wanted = wanted.get("io.res4").unwrap();
    let most = wanted.data.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    assert_eq!(found.len(), wanted.data.len());
    for (f, w) in found.iter().zip(wanted.data.iter()) {
        assert!((f - w).abs() <= 1e-4 * most, "{f} {w}");
    }
}

/// A mask model of one convolution: two masks at 1/4.
fn mask_model() -> ModelProto {
    let mut graph = OnnxGraph::default();
    let image = graph.add_input("image", &[1, 3, SIDE, SIDE]);
    let weight = [0.9, -0.4, 0.2, -1.5, 0.3, 0.8];
    let weight = graph.add_parameter("w", &[2, 3, 1, 1], weight.to_vec().into());
    let attributes = vec![
        AttributeProto::ints("kernel_shape", [1, 1]),
        AttributeProto::ints("strides", [4, 4]),
        AttributeProto::ints("pads", [0; 4]),
    ];
    let shape = [1, 2, SIDE / 4, SIDE / 4];
    let inputs = [Some(image), Some(weight)];
    let scope = "mask".into();
    let masks = graph.add_node("Conv", &scope, &inputs, attributes, DataType::Float, &shape);
    graph.add_output("mask_logits", masks);
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    graph.to_model(&[
        fact("unmask.mean", "[120.0, 110.0, 100.0]"),
        fact("unmask.std", "[60.0, 58.0, 57.0]"),
    ])
}

#[test]
fn attached_distance_lowers_masks_as_stated() {
    let weights = hashed_weights();
    let (mean, std) = ([120.0, 110.0, 100.0], [60.0, 58.0, 57.0]);
    let size = Size::new(SIDE, SIDE);
    let extractor = features_model(&weights, EfficientNet::Lite0, size, mean, std).unwrap();
    let channels = efficientnet::stage_channels(EfficientNet::Lite0)[2];
    let cells = (SIDE / 16) * (SIDE / 16);
    let sample = |names: std::ops::Range<usize>| {
        let mut samples = FeatureSamples::default();
        for i in names {
            let planes = run(
                &extractor,
                &hashed::values(&format!("f{i}"), &[1, 3, SIDE, SIDE]),
            );
            let by_cell =
                (0..cells * channels).map(|j| planes[j % channels * cells + j / channels]);
            samples.features.extend(by_cell);
            samples.frames += 1;
        }
        samples
    };
    let options = LearnOptions {
        entries: 60,
        beyond: 0.5,
        slope: 0.7,
    };
    let lite0 = EfficientNet::Lite0;
    let bank =
        FeatureBank::learn(lite0, channels, &sample(0..9), &sample(9..12), &options).unwrap();
    let before = mask_model();
    let after = attach(&before, &weights, &bank).unwrap();
    let input = hashed::values("image", &[1, 3, SIDE, SIDE]);
    let (plain, lowered) = (run(&before, &input), run(&after, &input));

    let features = run(&extractor, &input);
    let squared: Vec<f32> = (0..cells)
        .map(|cell| {
            let feature: Vec<f32> = (0..channels).map(|c| features[c * cells + cell]).collect();
            bank.distance(&feature).powi(2)
        })
        .collect();
    let (coarse, fine) = (SIDE / 16, SIDE / 4);
    let mut changed = 0;
    for y in 0..fine {
        for x in 0..fine {
            let d2 = bilinear(&squared, coarse, fine, x, y);
            let beyond = (0.5 * d2.ln() - bank.strength.tolerance).max(0.0);
            let share = (-bank.strength.slope * beyond).exp();
            changed += usize::from(share < 0.99);
            for q in 0..2 {
                let at = q * fine * fine + y * fine + x;
                let sigmoid = |m: f32| 1.0 / (1.0 + (-m).exp());
                let (found, wanted) = (sigmoid(lowered[at]), sigmoid(plain[at]) * share);
                assert!(
                    (found - wanted).abs() < 1e-3,
                    "{x} {y} {q}: {found} {wanted}"
                );
            }
        }
    }
    assert!(changed > fine * fine / 10, "{changed} cells");

    // Everything within the tolerance: nothing changes.
    let mut lenient = bank;
    lenient.strength.tolerance = 20.0;
    let same = run(&attach(&before, &weights, &lenient).unwrap(), &input);
    for (a, b) in same.iter().zip(&plain) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

/// Bilinear resize from `from` to `to` cells a side, half-pixel centres.
fn bilinear(map: &[f32], from: usize, to: usize, x: usize, y: usize) -> f32 {
    let axis = |i: usize| {
        let at = ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).max(0.0);
        let low = (at as usize).min(from - 1);
        (low, (low + 1).min(from - 1), at - low as f32)
    };
    let ((x0, x1, u), (y0, y1, v)) = (axis(x), axis(y));
    let row = |y: usize| map[y * from + x0] * (1.0 - u) + map[y * from + x1] * u;
    row(y0) * (1.0 - v) + row(y1) * v
}

#[test]
fn models_without_masks_are_refused() {
    let mut graph = OnnxGraph::default();
    let image = graph.add_input("image", &[1, 3, SIDE, SIDE]);
    graph.add_output("logits", image);
    let mut bank = bank();
    bank.channels = 112;
    let error = attach(&graph.to_model(&[]), &hashed_weights(), &bank).unwrap_err();
    assert!(error.to_string().contains("mask_logits"), "{error}");
}
