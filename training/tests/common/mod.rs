//! Reads the numbers that a plain PyTorch restatement made (`tests/fixtures/network`).

// Every test file is a crate of its own and takes only what it needs.
#![allow(dead_code)]

#[path = "../../../tests/common/network.rs"]
pub mod network;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::path::Path;
use unmask_train::params::ParamStore;

pub type Fixture = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub fn read(name: &str) -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/network")
        .join(name)
        .with_extension("safetensors");
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.tensors()
        .into_iter()
        .map(|(name, view)| {
            let values = view.data().chunks_exact(4);
            let values = values
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect();
            (name, (view.shape().to_vec(), values))
        })
        .collect()
}

/// The weights of a fixture: everything that is not an input, output or gradient.
pub fn weights(params: &mut ParamStore, fixture: &Fixture) {
    for (name, (shape, values)) in fixture {
        if name.starts_with("backbone.") || name.starts_with("sem_seg_head.") {
            params.insert(name, shape, values.clone(), !name.contains(".running_"));
        }
    }
}

pub fn tensor<const D: usize>(fixture: &Fixture, name: &str, device: &Device) -> Tensor<D> {
    let (shape, values) = &fixture[name];
    let shape: [usize; D] = shape.clone().try_into().unwrap();
    Tensor::from_data(TensorData::new(values.clone(), shape), device)
}

/// Largest difference relative to the largest wanted value.
pub fn assert_close(what: &str, found: &[f32], wanted: &[f32], relative: f32) {
    assert_eq!(found.len(), wanted.len(), "{what}: number of values");
    let most = wanted.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let off = found
        .iter()
        .zip(wanted)
        .fold(0.0f32, |m, (f, w)| m.max((f - w).abs()));
    assert!(
        off <= relative * most.max(1e-6),
        "{what}: off by {off:.2e} of {most:.2e}"
    );
    assert!(found.iter().all(|v| v.is_finite()), "{what}: not finite");
}
