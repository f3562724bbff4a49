//! Named tensors, and a model run on them.

use rten::{Model, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use safetensors::tensor::SafeTensors;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Shape and values.
pub type Values = (Vec<usize>, Vec<f32>);
/// By name.
pub type Tensors = HashMap<String, Values>;

/// The float32 tensors of the safetensors file at `path`.
pub fn read_tensors(path: &Path) -> Tensors {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let values = view.data().as_chunks().0.iter();
            let values = values.map(|&c| f32::from_le_bytes(c)).collect();
            (name.to_owned(), (view.shape().to_vec(), values))
        })
        .collect()
}

/// Runs a model on `image`: values by output name.
pub fn run(bytes: &[u8], image: &Values) -> Tensors {
    let engine = Model::load(bytes.to_vec()).unwrap();
    let input = engine.node_id("image").unwrap();
    let value = Tensor::from_data(&image.0, image.1.clone());
    let ids = engine.output_ids().to_vec();
    let values = engine
        .run(vec![(input, ValueOrView::from(value))], &ids, None)
        .unwrap();
    ids.iter()
        .zip(values)
        .map(|(&id, value)| {
            let name = engine.node_info(id).unwrap().name().unwrap().to_owned();
            let value: Tensor<f32> = value.try_into().unwrap();
            (name, (value.shape().to_vec(), value.to_vec()))
        })
        .collect()
}

/// Largest difference over the largest value of `want`.
pub fn difference(got: &Values, want: &Values) -> f64 {
    assert_eq!(got.0, want.0);
    let largest = want
        .1
        .iter()
        .fold(0.0f64, |m, &v| m.max(f64::from(v.abs())));
    let apart = got
        .1
        .iter()
        .zip(&want.1)
        .map(|(&a, &b)| f64::from(a) - f64::from(b));
    apart.fold(0.0, |m: f64, d| m.max(d.abs())) / largest
}
