//! The pieces of a graph, run one after the other.

use super::*;
use crate::probe;
use crate::write::SamplingForm;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use unmask_engine::{Engine, EngineOptions};
use unmask_frame::Size;

const SIZE: Size = Size::new(64, 32);

#[test]
fn the_pieces_together_compute_what_the_whole_does() {
    let model = probe::model(&probe::tiny(), SIZE, SamplingForm::Gather);
    let whole = probe::run(&model);
    let graph = probe::graph(&model);
    let chain = LayerChain::new(&graph, Arc::new(ThreadPool::with_num_threads(1))).unwrap();
    let shape = [1, 3, SIZE.h, SIZE.w];
    let noise = Tensor::from_data(&shape, probe::noise(77, shape.iter().product()));
    let (took, values) = chain.run(ValueOrView::Value(noise.into())).unwrap();
    assert_eq!(took.len(), chain.blocks.len());
    assert_eq!(whole.len(), graph.outputs().len());
    for ((shape, wanted), (name, id)) in whole.iter().zip(graph.outputs()) {
        let Value::FloatTensor(got) = &values[id] else {
            panic!("{name} is not float32");
        };
        assert_eq!(got.shape(), shape);
        let most = wanted.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        for (a, b) in got.iter().zip(wanted) {
            assert!((a - b).abs() < 1e-4 * most, "{name}: {a} for {b}");
        }
    }
}

#[test]
fn every_block_has_a_time_and_the_shares_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let model = probe::model(&probe::tiny(), SIZE, SamplingForm::Gather);
    let blocks: Vec<String> = crate::cost::blocks(&probe::graph(&model))
        .into_iter()
        .map(|block| block.name)
        .collect();
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    let engine = Engine::open(&path, EngineOptions { threads: 1 }).unwrap();
    let grey = Picture::filled(SIZE, [90; 3]);
    let layers = measure(&path, engine.model_metadata(), &grey, 1, 2).unwrap();
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names.len(), blocks.len());
    assert!(blocks.iter().all(|block| names.contains(&block.as_str())));
    assert!(layers.iter().all(|layer| layer.ms > 0.0));
    let shares: f64 = layers.iter().map(|layer| layer.share).sum();
    assert!((shares - 1.0).abs() < 1e-9);

    let empty = Picture::filled(Size::new(0, 0), [0; 3]);
    let error = measure(&path, engine.model_metadata(), &empty, 1, 1).unwrap_err();
    assert!(error.to_string().contains("no pixels"), "{error}");
    let mut changed = std::fs::read(&path).unwrap();
    changed.extend([0xfa, 0x3f, 0]);
    std::fs::write(&path, changed).unwrap();
    assert!(measure(&path, engine.model_metadata(), &grey, 1, 1).is_err());
}
