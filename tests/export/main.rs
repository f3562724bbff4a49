//! Export: checkpoint → ONNX → CPU engine, against the PyTorch restatement in
//! `tests/fixtures/network`.

#[path = "../common/mod.rs"]
mod common;
mod files;
mod subcommand;

use common::network::{header, tiny};
use common::tensors::{Tensors, Values, difference, read_tensors, run};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use unmask_frame::Size;
use unmask_graph::checkpoint::{self, Checkpoint};
use unmask_graph::export::{self, ExportOptions};
use unmask_graph::write::SamplingForm;
use unmask_graph::{GraphError, WeightProblem};
use unmask_network::{AttentionKind, HeadKind, NetworkConfig};
use unmask_onnx::messages::ModelProto;

const HEAD: &str = "sem_seg_head.predictor";

fn fixture(name: &str) -> Tensors {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/network");
    read_tensors(&folder.join(format!("{name}.safetensors")))
}

fn weights(tensors: &Tensors) -> Tensors {
    let own = tensors.iter().filter(|(k, _)| !k.starts_with("io."));
    own.map(|(k, t)| (k.clone(), t.clone())).collect()
}

/// Writes a checkpoint file; `encode` turns values into the stored type.
fn write_checkpoint(
    path: &Path,
    tensors: &Tensors,
    header: HashMap<String, String>,
    dtype: Dtype,
    encode: impl Fn(f32) -> Vec<u8>,
) {
    let stored: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = values.iter().flat_map(|&v| encode(v)).collect();
            (name.clone(), shape.clone(), bytes)
        })
        .collect();
    let views = stored.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(dtype, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    fs::write(path, safetensors::serialize(views, Some(header)).unwrap()).unwrap();
}

fn write_f32(path: &Path, tensors: &Tensors, header: HashMap<String, String>) {
    let encode = |v: f32| v.to_le_bytes().to_vec();
    write_checkpoint(path, tensors, header, Dtype::F32, encode);
}

/// A folder with a checkpoint of `tensors` in it.
fn folder(tensors: &Tensors, config: &NetworkConfig) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    write_f32(&path, tensors, header(config));
    (dir, path)
}

/// Exports `tensors` as `config` in both forms of sampling; every output must be within 1e-4 of
/// what `want` names.
fn parity(
    label: &str,
    tensors: &Tensors,
    config: &NetworkConfig,
    image: &Values,
    want: &[(&str, &Values)],
) {
    let (_dir, path) = folder(tensors, config);
    let checkpoint = Checkpoint::read(&path).unwrap();
    for sampling in [SamplingForm::Gather, SamplingForm::Gridsample] {
        let options = ExportOptions {
            sampling,
            ..ExportOptions::default()
        };
        let model = export::model(&checkpoint, &options).unwrap();
        let (lean, report) = export::lean(&model).unwrap();
        println!(
            "{label}: surgery saves {:.3} of the MACs",
            report.macs_saved()
        );
        for (form, model) in [("as it is", model), ("after surgery", lean)] {
            let bytes = model.to_bytes();
            export::check(&bytes).unwrap();
            let got = run(&bytes, image);
            assert_eq!(got.len(), want.len(), "{label}: outputs");
            for (name, values) in want {
                let apart = difference(&got[*name], values);
                println!("{label}, {sampling}, {form}: {name} differs by {apart:.1e}");
                assert!(
                    apart <= 1e-4,
                    "{label}, {sampling}, {form}: {name} differs by {apart:.1e}"
                );
            }
        }
    }
}

#[test]
fn global_masked_attention_is_exported_exactly() {
    let all = fixture("tiny");
    let want = [
        ("class_logits", &all["io.class_logits.3"]),
        ("mask_logits", &all["io.mask_logits.3"]),
    ];
    parity("tiny", &weights(&all), &tiny(), &all["io.image"], &want);
}

#[test]
fn masked_attention_is_exported_exactly() {
    let (all, masked) = (fixture("tiny"), fixture("tiny_masked"));
    let mut tensors = weights(&all);
    tensors.retain(|k, _| !k.contains("multihead_attn_"));
    tensors.extend(weights(&masked));
    let config = NetworkConfig {
        attention: AttentionKind::Masked,
        ..tiny()
    };
    let want = [
        ("class_logits", &masked["io.class_logits.3"]),
        ("mask_logits", &masked["io.mask_logits.3"]),
    ];
    parity("masked", &tensors, &config, &all["io.image"], &want);
}

#[test]
fn the_per_pixel_head_is_exported_exactly() {
    let (all, pixel) = (fixture("tiny"), fixture("tiny_pixel"));
    let mut tensors = weights(&all);
    tensors.retain(|k, _| !k.starts_with(HEAD));
    tensors.extend(weights(&pixel));
    let config = NetworkConfig {
        head: HeadKind::PerPixel,
        ..tiny()
    };
    let want = [("logits", &pixel["io.logits"])];
    parity("per pixel", &tensors, &config, &all["io.image"], &want);
}

#[test]
fn bottleneck_blocks_are_exported_exactly() {
    let (tiny_file, all) = (fixture("tiny"), fixture("bottleneck"));
    let config = NetworkConfig {
        depth: 50,
        width: 1,
        encoder_layers: 1,
        decoder_layers: 1,
        ..tiny()
    };
    let want = [
        ("class_logits", &all["io.class_logits.1"]),
        ("mask_logits", &all["io.mask_logits.1"]),
    ];
    parity(
        "bottleneck",
        &weights(&all),
        &config,
        &tiny_file["io.image"],
        &want,
    );
}

#[test]
fn the_file_keeps_the_contract() {
    let (_dir, path) = folder(&weights(&fixture("tiny")), &tiny());
    let checkpoint = Checkpoint::read(&path).unwrap();
    let options = ExportOptions {
        size: Some(Size::new(128, 32)),
        ..ExportOptions::default()
    };
    let model = export::model(&checkpoint, &options).unwrap();
    assert_eq!(model.opset_import[0].version, Some(17));
    let graph = model.graph.as_ref().unwrap();
    let infos = |list: &[unmask_onnx::messages::ValueInfoProto]| -> Vec<(String, Vec<usize>)> {
        let pair = |v: &unmask_onnx::messages::ValueInfoProto| {
            (v.name.clone().unwrap(), v.static_shape().unwrap())
        };
        list.iter().map(pair).collect()
    };
    assert_eq!(
        infos(&graph.input),
        [("image".to_owned(), vec![1, 3, 32, 128])]
    );
    assert_eq!(
        infos(&graph.output),
        [
            ("class_logits".to_owned(), vec![1, 6, 5]),
            ("mask_logits".to_owned(), vec![1, 6, 8, 32]),
        ]
    );
    // Facts survive, the size is the one exported for.
    let metadata = checkpoint::CheckpointMetadata::from_lookup(4, |key| model.fact(key)).unwrap();
    assert_eq!(metadata.size, Size::new(128, 32));
    assert_eq!(metadata.classes, checkpoint.metadata.classes);
    assert_eq!(metadata.recipe.as_deref(), Some(r#"{"seed": 7}"#));
    let config: NetworkConfig = serde_json::from_str(model.fact("unmask.config").unwrap()).unwrap();
    assert_eq!(config, tiny());
    // Norms are folded, names are unique and say where a node belongs, every value is used, and
    // only the last head's classes are computed.
    let named = |n: &unmask_onnx::messages::NodeProto| n.name.clone().unwrap();
    let mut names: Vec<String> = graph.node.iter().map(named).collect();
    assert!(names.contains(&"backbone.res2.0.conv1/Conv".to_owned()));
    let classes = names
        .iter()
        .filter(|n| n.contains("class_embed/MatMul"))
        .count();
    assert_eq!(classes, 1, "one class head");
    assert!(
        graph
            .node
            .iter()
            .all(|n| n.op_type.as_deref() != Some("BatchNormalization"))
    );
    names.sort();
    names.dedup();
    assert_eq!(names.len(), graph.node.len());
    let read: std::collections::HashSet<&String> = graph
        .node
        .iter()
        .flat_map(|n| &n.input)
        .chain(graph.output.iter().filter_map(|o| o.name.as_ref()))
        .collect();
    for tensor in &graph.initializer {
        assert!(
            read.contains(tensor.name.as_ref().unwrap()),
            "{:?}",
            tensor.name
        );
    }
    for node in &graph.node {
        assert!(read.contains(&node.output[0]), "{:?}", node.name);
    }
    // The same checkpoint gives the same bytes.
    assert_eq!(
        export::model(&checkpoint, &options).unwrap().to_bytes(),
        model.to_bytes()
    );
}

#[test]
fn every_size_in_use_can_be_exported() {
    let (_dir, path) = folder(&weights(&fixture("tiny")), &tiny());
    let checkpoint = Checkpoint::read(&path).unwrap();
    for (h, w) in [(32, 32), (64, 32), (160, 288)] {
        let options = ExportOptions {
            size: Some(Size::new(w, h)),
            ..ExportOptions::default()
        };
        let bytes = export::model(&checkpoint, &options).unwrap().to_bytes();
        export::check(&bytes).unwrap();
    }
}

/// Checks a model with `onnx.checker` and runs it on ONNX Runtime: prints the largest difference
/// to the outputs that lie next to it as raw f32, over their largest value.
const ORACLE: &str = r#"
import sys, numpy as np, onnx, onnxruntime
model, image, *outputs = sys.argv[1:]
onnx.checker.check_model(model, full_check=True)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
x = session.get_inputs()[0]
got = session.run(None, {x.name: np.fromfile(image, "<f4").reshape(x.shape)})
assert len(got) == len(outputs)
for value, path in zip(got, outputs):
    want = np.fromfile(path, "<f4").reshape(value.shape)
    print(float(np.abs(value - want).max() / np.abs(want).max()))
"#;

#[test]
fn onnx_runtime_gives_the_same() {
    let Some(python) = unmask_oracle::python("onnx_runtime_gives_the_same") else {
        return;
    };
    let all = fixture("tiny");
    let (dir, path) = folder(&weights(&all), &tiny());
    let checkpoint = Checkpoint::read(&path).unwrap();
    let put = |name: &str, values: &[f32]| {
        let path = dir.path().join(name);
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut files = vec![put("image", &all["io.image"].1)];
    files.push(put("class", &all["io.class_logits.3"].1));
    files.push(put("mask", &all["io.mask_logits.3"].1));
    for sampling in [SamplingForm::Gather, SamplingForm::Gridsample] {
        let options = ExportOptions {
            sampling,
            ..ExportOptions::default()
        };
        let model = dir.path().join("model.onnx");
        let whole = export::model(&checkpoint, &options).unwrap();
        let (lean, _) = export::lean(&whole).unwrap();
        export::write_file(&model, &lean.to_bytes()).unwrap();
        let done = Command::new(&python)
            .args(["-c", ORACLE])
            .arg(&model)
            .args(&files)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let text = String::from_utf8(done.stdout).unwrap();
        println!(
            "{sampling}: differences {}",
            text.trim().replace('\n', ", ")
        );
        for line in text.lines() {
            assert!(line.parse::<f64>().unwrap() <= 1e-4, "{sampling}: {line}");
        }
    }
}
