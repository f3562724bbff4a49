//! Preprocess and postprocess subgraphs and prepared graphs against restatements and the plain path.

mod fronts;
mod heads;
mod whole;

use rten::{Model, Value, ValueOrView};
use rten_tensor::{Tensor, TensorView};
use unmask_onnx::messages::ModelProto;

/// Runs a part on the CPU engine: the named inputs in, every output out.
fn run(part: &ModelProto, inputs: &[(&str, &[usize], &[f32])]) -> Vec<Value> {
    let model = Model::load(part.to_bytes()).unwrap();
    let inputs = inputs.iter().map(|(name, shape, values)| {
        let view = TensorView::from_data(*shape, *values);
        (model.node_id(name).unwrap(), ValueOrView::from(view))
    });
    model
        .run(inputs.collect(), model.output_ids(), None)
        .unwrap()
}

fn floats(value: Value) -> Tensor<f32> {
    value.try_into().unwrap()
}

/// A repeatable stream of bytes.
fn bytes(seed: u32, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// A repeatable stream of numbers in `[-by, by)`.
fn noise(seed: u64, count: usize, by: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * by
    };
    (0..count).map(|_| next()).collect()
}
