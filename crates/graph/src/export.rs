//! Exports a checkpoint to a checked ONNX file.

use super::checkpoint::{Checkpoint, CheckpointOrigin};
use super::error::GraphError;
use super::import::in_huggingface_words;
use super::surgery::{self, SurgeryReport};
use super::write::{OnnxOps, SamplingForm};
use rten::{Model, NodeId, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use unmask_frame::Size;
use unmask_network::{MaskNetwork, NetworkOutputs};
use unmask_onnx::ir::OnnxGraph;
use unmask_onnx::messages::ModelProto;
use unmask_onnx::read::ReadLimits;

/// Choices of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Size of the input; none = the checkpoint's own.
    pub size: Option<Size>,
    /// Form of the deformable attention.
    pub sampling: SamplingForm,
}

/// Writes the network of `checkpoint` as an ONNX model: opset 17, batch 1, static shapes.
///
/// Input `image` float32 `[1, 3, H, W]`, RGB, normalised with the metadata `unmask.mean` and
/// `unmask.std`. Outputs `class_logits` `[1, Q, K + 1]` and `mask_logits` `[1, Q, H/4, W/4]`, or
/// `logits` `[1, K, H/4, W/4]` of the per-pixel variant. The metadata, and `unmask.config`, are in
/// `metadata_props`.
///
/// # Errors
/// [`GraphError::Unfit`] where the weights are not those of the network.
pub fn model(checkpoint: &Checkpoint, options: &ExportOptions) -> Result<ModelProto, GraphError> {
    let mut metadata = checkpoint.metadata.clone();
    metadata.size = options.size.unwrap_or(metadata.size);
    let network = MaskNetwork::new(checkpoint.config.clone()).map_err(|e| GraphError::Option {
        what: e.to_string(),
    })?;
    let mut ops = OnnxOps::new(checkpoint.weights.clone(), options.sampling);
    let image = ops.input("image", &[1, 3, metadata.size.h, metadata.size.w]);
    match network.forward(&mut ops, &image) {
        NetworkOutputs::Mask(heads) => {
            let last = heads.last().ok_or_else(|| GraphError::Option {
                what: "the network has no head".to_owned(),
            })?;
            ops.output("class_logits", &last.class_logits);
            ops.output("mask_logits", &last.mask_logits);
        }
        NetworkOutputs::PerPixel(logits) => ops.output("logits", &logits),
    }
    let graph = ops.finish().map_err(|error| match checkpoint.origin {
        CheckpointOrigin::HuggingFace => in_huggingface_words(error),
        CheckpointOrigin::Unmask | CheckpointOrigin::Detectron2 => error,
    })?;
    let mut pairs = metadata.to_pairs();
    let config = serde_json::to_string(&checkpoint.config).map_err(|e| GraphError::Option {
        what: format!("the network's config cannot be written: {e}"),
    })?;
    pairs.push(("unmask.config".to_owned(), config));
    Ok(graph.to_model(&pairs))
}

/// `model` after surgery ([`surgery::run`]), and what that saved. The outputs stay equal to 1e-5 of
/// the largest value; metadata stay.
///
/// # Errors
/// As [`OnnxGraph::from_model`] and [`surgery::run`]; none for what [`model()`] writes.
pub fn lean(model: &ModelProto) -> Result<(ModelProto, SurgeryReport), GraphError> {
    let (mut graph, metadata) = OnnxGraph::from_model(model, None, &ReadLimits::default())?;
    let report = surgery::run(&mut graph)?;
    Ok((graph.to_model(&metadata), report))
}

/// Loads `bytes` into the CPU engine and runs them on a fixed test picture: every output must have
/// the shape that the model states, and hold finite numbers only.
///
/// # Errors
/// [`GraphError::Check`] with what happened; [`unmask_onnx::OnnxError::NotOnnx`] where the bytes are no ONNX model.
pub fn check(bytes: &[u8]) -> Result<(), GraphError> {
    let failed = |what: String| GraphError::Check { what };
    let proto = ModelProto::from_bytes(bytes)?;
    let graph = proto.graph.unwrap_or_default();
    let shape = match &graph.input[..] {
        [image] => image
            .static_shape()
            .and_then(|s| <[usize; 4]>::try_from(s).ok()),
        _ => None,
    };
    let Some(shape) = shape else {
        return Err(failed(
            "it has not one static input of four axes".to_owned(),
        ));
    };
    let engine = Model::load(bytes.to_vec())
        .map_err(|e| failed(format!("the CPU engine does not take it: {e}")))?;
    let id = |name: &str| -> Result<NodeId, GraphError> {
        engine
            .node_id(name)
            .map_err(|e| failed(format!("`{name}`: {e}")))
    };
    let name = |info: &unmask_onnx::messages::ValueInfoProto| info.name.clone().unwrap_or_default();
    let mut outputs = Vec::with_capacity(graph.output.len());
    for output in &graph.output {
        outputs.push(id(&name(output))?);
    }
    let picture = test_picture(shape);
    let input = (
        id(&name(&graph.input[0]))?,
        ValueOrView::from(picture.view()),
    );
    let values = engine
        .run(vec![input], &outputs, None)
        .map_err(|e| failed(format!("the CPU engine does not run it: {e}")))?;
    for (info, value) in graph.output.iter().zip(values) {
        let name = name(info);
        let value: Tensor<f32> = value
            .try_into()
            .map_err(|e| failed(format!("output `{name}`: {e}")))?;
        if Some(value.shape()) != info.static_shape().as_deref() {
            return Err(failed(format!(
                "output `{name}` is {:?}, the file says {:?}",
                value.shape(),
                info.static_shape()
            )));
        }
        let bad = value.iter().filter(|v| !v.is_finite()).count();
        if bad > 0 {
            return Err(failed(format!(
                "output `{name}` holds {bad} values of {} that are not finite on the test picture",
                value.len()
            )));
        }
    }
    Ok(())
}

/// A normalised picture with slow waves and fine noise, the same every time.
fn test_picture(shape: [usize; 4]) -> NdTensor<f32, 4> {
    NdTensor::from_fn(shape, |[_, c, y, x]| {
        let wave = ((x as f32) * 0.05 + (c as f32)).sin() + ((y as f32) * 0.08).cos();
        let hash = ((x * 73_856_093) ^ (y * 19_349_663) ^ (c * 83_492_791)) % 1024;
        wave + hash as f32 / 1024.0 - 0.5
    })
}

/// Writes `bytes` to `path` whole or not at all: next to it under another name first, then renamed.
///
/// # Errors
/// [`GraphError::Write`]; nothing is left behind.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), GraphError> {
    write_checked(path, bytes, |_| Ok(()))
}

/// As [`write_file`], once `check` has passed the file: it lies next to its place under another
/// name, where a user's command finds what it would find next to the file itself.
///
/// # Errors
/// [`GraphError::Write`], and those of `check`; nothing is left behind, and what was at `path` stays.
pub fn write_checked<E: From<GraphError>>(
    path: &Path,
    bytes: &[u8],
    check: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |source| GraphError::Write {
        path: path.to_owned(),
        source,
    };
    let name = path.file_name().ok_or_else(|| {
        failed(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "this is not a file name",
        ))
    })?;
    let beside = path.with_file_name(format!(
        ".{}.{}.part",
        name.to_string_lossy(),
        std::process::id()
    ));
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    let done = (|| {
        write().map_err(failed)?;
        check(&beside)?;
        fs::rename(&beside, path).map_err(failed)?;
        Ok(())
    })();
    done.inspect_err(|_| {
        // The name is ours alone; that nothing was left there is no further error.
        let _ = fs::remove_file(&beside);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmask_onnx::messages::DataType;

    fn graph(build: impl Fn(&mut OnnxGraph)) -> Vec<u8> {
        let mut g = OnnxGraph::default();
        build(&mut g);
        g.to_model(&[]).to_bytes()
    }

    #[test]
    fn a_graph_that_gives_no_numbers_is_refused() {
        let bytes = graph(|g| {
            let x = g.add_input("image", &[1, 3, 8, 8]);
            let zero = g.add_parameter("zero", &[1, 1, 1, 1], vec![0.0].into());
            let scope = "a".into();
            let inputs = [Some(x), Some(zero)];
            let y = g.add_node(
                "Div",
                &scope,
                &inputs,
                vec![],
                DataType::Float,
                &[1, 3, 8, 8],
            );
            g.add_output("y", y);
        });
        let error = check(&bytes).unwrap_err().to_string();
        assert!(error.contains("`y` holds 192 values of 192"), "{error}");
    }

    #[test]
    fn a_graph_whose_shapes_are_not_what_it_says_is_refused() {
        let bytes = graph(|g| {
            let x = g.add_input("image", &[1, 3, 8, 8]);
            let scope = "a".into();
            let y = g.add_node(
                "Relu",
                &scope,
                &[Some(x)],
                vec![],
                DataType::Float,
                &[1, 3, 8, 9],
            );
            g.add_output("y", y);
        });
        let error = check(&bytes).unwrap_err();
        assert!(matches!(error, GraphError::Check { .. }), "{error}");
    }

    #[test]
    fn an_operator_that_the_engine_lacks_is_named() {
        let bytes = graph(|g| {
            let x = g.add_input("image", &[1, 3, 8, 8]);
            let scope = "a".into();
            let y = g.add_node(
                "Bogus",
                &scope,
                &[Some(x)],
                vec![],
                DataType::Float,
                &[1, 3, 8, 8],
            );
            g.add_output("y", y);
        });
        let error = check(&bytes).unwrap_err().to_string();
        assert!(error.contains("Bogus"), "{error}");
    }

    #[test]
    fn files_are_written_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.onnx");
        write_file(&path, b"first").unwrap();
        write_file(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

        let nowhere = dir.path().join("missing").join("model.onnx");
        let error = write_file(&nowhere, b"x").unwrap_err().to_string();
        assert!(error.contains("model.onnx"), "{error}");
        // A folder stands where the file should go: the part next to it is removed again.
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("inside"), b"x").unwrap();
        write_file(&folder, b"x").unwrap_err();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
