//! For tests of this crate: networks with made-up weights, and graphs run on the CPU engine.

use super::checkpoint::{
    Checkpoint, CheckpointMetadata, CheckpointOrigin, CheckpointWeights, WeightTensor,
};
use super::error::{GraphError, WeightProblem};
use super::export::{self, ExportOptions};
use rten::{Model, Value, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{AsView, Tensor as Values};
use unmask_frame::Size;
use unmask_network::NetworkConfig;
use unmask_onnx::ir::OnnxGraph;
use unmask_onnx::messages::{DataType, ModelProto};
use unmask_onnx::read::ReadLimits;

/// Numbers in −1 … 1, the same for the same seed.
pub(crate) fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// A network with made-up weights.
pub(crate) fn checkpoint(config: &NetworkConfig, size: Size) -> Checkpoint {
    let mut checkpoint = Checkpoint {
        config: config.clone(),
        metadata: CheckpointMetadata {
            mean: [123.0, 116.0, 103.0],
            std: [58.0, 57.0, 57.0],
            classes: (0..config.classes).map(|c| format!("class {c}")).collect(),
            road: vec![0],
            stuff: vec![0],
            size,
            threshold: None,
            recipe: None,
        },
        weights: CheckpointWeights::new(),
        origin: CheckpointOrigin::Unmask,
    };
    // The refusal of no weights at all lists every key with its shape.
    let refused = export::model(&checkpoint, &ExportOptions::default());
    let Err(GraphError::Unfit { problems }) = refused else {
        panic!("a network without weights was exported");
    };
    for (i, problem) in problems.into_iter().enumerate() {
        let WeightProblem::Missing { key, expected } = problem else {
            continue;
        };
        let n: usize = expected.iter().product();
        let fan: usize = expected.iter().skip(1).product();
        let by = (3.0 / fan.max(1) as f32).sqrt();
        let mut values = noise(i as u64 + 1, n);
        for v in &mut values {
            *v *= by;
            if key.ends_with("running_var") {
                *v = v.abs() + 0.5;
            }
            if expected.len() == 1 && key.ends_with("weight") {
                *v = 1.0 + 0.1 * *v;
            }
        }
        let tensor = WeightTensor {
            shape: expected,
            data: values.into(),
        };
        checkpoint.weights.insert(key, tensor);
    }
    checkpoint
}

/// The model that our own writer makes of `config` with made-up weights.
pub(crate) fn model(
    config: &NetworkConfig,
    size: Size,
    sampling: super::write::SamplingForm,
) -> ModelProto {
    let options = ExportOptions {
        size: Some(size),
        sampling,
    };
    export::model(&checkpoint(config, size), &options).unwrap()
}

/// A mask network that is small in every way.
pub(crate) fn tiny() -> NetworkConfig {
    NetworkConfig {
        width: 4,
        dim: 16,
        groups: 4,
        heads: 2,
        encoder_layers: 1,
        encoder_ffn: 16,
        decoder_layers: 4,
        decoder_ffn: 16,
        queries: 5,
        classes: 3,
        ..NetworkConfig::preset("tiny").unwrap()
    }
}

/// The graph of `model`, read with the usual limits.
pub(crate) fn graph(model: &ModelProto) -> OnnxGraph {
    OnnxGraph::from_model(model, None, &ReadLimits::default())
        .unwrap()
        .0
}

/// Every output of `model` on the CPU engine, as float32; inputs are noise.
pub(crate) fn run(model: &ModelProto) -> Vec<(Vec<usize>, Vec<f32>)> {
    let engine = Model::load(model.to_bytes()).unwrap();
    let graph = model.graph.as_ref().unwrap();
    let mut inputs = Vec::new();
    for (i, info) in graph.input.iter().enumerate() {
        let shape = info.static_shape().unwrap();
        let values = noise(77 + i as u64, shape.iter().product());
        let value: Value = match info.dtype() {
            DataType::Uint8 => {
                let bytes: Vec<u8> = values.iter().map(|v| (v * 127.0 + 128.0) as u8).collect();
                Values::<u8>::from_data(&shape, bytes).into()
            }
            _ => Values::from_data(&shape, values).into(),
        };
        let id = engine.node_id(info.name.as_deref().unwrap()).unwrap();
        inputs.push((id, ValueOrView::Value(value)));
    }
    let outputs: Vec<_> = graph
        .output
        .iter()
        .map(|o| engine.node_id(o.name.as_deref().unwrap()).unwrap())
        .collect();
    let values = engine.run(inputs, &outputs, None).unwrap();
    values
        .into_iter()
        .map(|value| match value {
            Value::Int32Tensor(t) => (t.shape().to_vec(), t.iter().map(|&v| v as f32).collect()),
            value => {
                let t: Values<f32> = value.try_into().unwrap();
                (t.shape().to_vec(), t.iter().copied().collect())
            }
        })
        .collect()
}

/// The largest difference between the outputs of `a` and `b`, as a part of the largest value.
pub(crate) fn largest_difference(a: &ModelProto, b: &ModelProto) -> f32 {
    let (a, b) = (run(a), run(b));
    assert_eq!(a.len(), b.len());
    let mut most = 0.0f32;
    for ((shape, a), (shape_too, b)) in a.iter().zip(&b) {
        assert_eq!(shape, shape_too);
        let size = a.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        for (a, b) in a.iter().zip(b) {
            assert!(a.is_finite() && b.is_finite());
            most = most.max((a - b).abs() / size);
        }
    }
    most
}
