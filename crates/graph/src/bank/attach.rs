//! Adds the distance to a feature bank to a graph, as nodes.

use super::FeatureBank;
use crate::checkpoint::CheckpointWeights;
use crate::error::GraphError;
use crate::surgery;
use crate::write::{OnnxOps, SamplingForm};
use unmask_frame::Size;
use unmask_network::ops::NetworkOps;
use unmask_network::{EfficientNet, efficientnet};
use unmask_onnx::ir::{OnnxGraph, ValueId};
use unmask_onnx::messages::ModelProto;
use unmask_onnx::read::ReadLimits;

/// The stage whose map is compared: 1/16 of the input.
const STAGE: usize = 2;

/// Pixels as the public weights expect them: (x − 127) / 128.
const PRETRAINED_MEAN: f32 = 127.0;
const PRETRAINED_STD: f32 = 128.0;

/// A model that gives the compared features `[1, C, H/16, W/16]` as output `features` for an input
/// `image` of `size`, normalised with `mean` and `std`.
///
/// # Errors
/// [`GraphError::Unfit`] where the weights are not those of the backbone.
pub fn features_model(
    weights: &CheckpointWeights,
    variant: EfficientNet,
    size: Size,
    mean: [f32; 3],
    std: [f32; 3],
) -> Result<ModelProto, GraphError> {
    let mut ops = OnnxOps::new(weights.clone(), SamplingForm::default());
    let image = ops.input("image", &[1, 3, size.h, size.w]);
    let features = features(&mut ops, &image, variant, mean, std);
    ops.output("features", &features);
    Ok(ops.finish()?.to_model(&[]))
}

fn features(
    ops: &mut OnnxOps,
    image: &ValueId,
    variant: EfficientNet,
    mean: [f32; 3],
    std: [f32; 3],
) -> ValueId {
    let same = mean == [PRETRAINED_MEAN; 3] && std == [PRETRAINED_STD; 3];
    let image = if same {
        *image
    } else {
        let scale = ops.constant(&[1, 3, 1, 1], &std.map(|s| s / PRETRAINED_STD));
        let shift = mean.map(|m| (m - PRETRAINED_MEAN) / PRETRAINED_STD);
        let shift = ops.constant(&[1, 3, 1, 1], &shift);
        let scaled = ops.mul(image, &scale);
        ops.add(&scaled, &shift)
    };
    // Later stages reach no output and are not written.
    efficientnet::forward(variant, ops, &image)[STAGE]
}

/// `model` with the distance to `bank` in its graph. The model is a mask model with one input
/// `[1, 3, H, W]` and an output `mask_logits` `[1, Q, h, w]`, as `unmask export` writes it.
///
/// With the distance `d` of a cell's features to the nearest entry, resized to the masks' grid, every
/// mask probability is multiplied by `f = min(1, exp(−slope · (ln d − tolerance)))`, which
/// turns the score `1 − max_c S_c` into `1 − f · max_c S_c`.
///
/// # Errors
/// [`GraphError::Option`] for a model without such input and output, or without the metadata `unmask.mean` and
/// `unmask.std`; [`GraphError::Unfit`] where weights or bank do not fit the
/// backbone, and what reading the model's graph gives.
pub fn attach(
    model: &ModelProto,
    weights: &CheckpointWeights,
    bank: &FeatureBank,
) -> Result<ModelProto, GraphError> {
    let wrong = |what: &str| GraphError::Option {
        what: what.to_owned(),
    };
    let (graph, metadata) = OnnxGraph::from_model(model, None, &ReadLimits::default())?;
    let image = match graph.inputs() {
        &[image] if graph.value(image).shape.len() == 4 => image,
        _ => {
            return Err(wrong(
                "the model has not one input [1, 3, H, W]; give one of unmask export",
            ));
        }
    };
    let masks = graph.outputs().iter().find(|(name, _)| name == MASKS);
    let Some(&(_, masks)) = masks else {
        return Err(wrong(
            "the model has no output `mask_logits`: a bank needs a mask model, as unmask export writes it",
        ));
    };
    let colour = |name: &str| -> Result<[f32; 3], GraphError> {
        let text = metadata.iter().find(|(key, _)| key == name);
        let value = text.and_then(|(_, text)| serde_json::from_str(text).ok());
        value.ok_or_else(|| wrong(&format!("the model does not state `{name}`")))
    };
    let (mean, std) = (colour("unmask.mean")?, colour("unmask.std")?);

    let mut ops = OnnxOps::extending(graph, weights.clone());
    let map = features(&mut ops, &image, bank.variant, mean, std);
    let shape = ops.shape(&map);
    let grid = ops.shape(&masks);
    if shape[1] != bank.channels || grid.len() != 4 {
        return Err(wrong("the bank is not of this backbone: learn it again"));
    }
    let squared = squared_distance(&mut ops, &map, bank);
    let squared = ops.reshape(&squared, &[1, 1, shape[2], shape[3]]);
    let squared = ops.resize(&squared, grid[2], grid[3]);
    let known = known_share(&mut ops, &squared, bank);
    let lowered = lower_masks(&mut ops, &masks, &known);
    ops.replace_output(MASKS, &lowered);
    let mut graph = ops.finish()?;
    // A network on the same frozen backbone computes it once: equal nodes are merged.
    surgery::run(&mut graph)?;
    Ok(graph.to_model(&metadata))
}

/// The output that is changed.
const MASKS: &str = "mask_logits";

/// Squared distance of each cell to the nearest entry, `[1, cells, 1]`.
fn squared_distance(ops: &mut OnnxOps, map: &ValueId, bank: &FeatureBank) -> ValueId {
    let shape = ops.shape(map);
    let (channels, cells) = (shape[1], shape[2] * shape[3]);
    let flat = ops.reshape(map, &[1, channels, cells]);
    let flat = ops.permute(&flat, &[0, 2, 1]);
    let rows = bank.whitening.chunks_exact(channels);
    let shift: Vec<f32> = rows
        .map(|row| -row.iter().zip(&bank.mean).map(|(w, m)| w * m).sum::<f32>())
        .collect();
    let whitening = ops.constant(&[channels, channels], &bank.whitening);
    let shift = ops.constant(&[channels], &shift);
    let z = ops.linear(&flat, &whitening, Some(&shift));
    // |z − e|² = |z|² + (|e|² − 2 z·e), the bracket as one linear layer.
    let doubled: Vec<f32> = bank.entries.iter().map(|v| -2.0 * v).collect();
    let norms: Vec<f32> = bank
        .entries
        .chunks_exact(channels)
        .map(|entry| entry.iter().map(|v| v * v).sum())
        .collect();
    let doubled = ops.constant(&[bank.len(), channels], &doubled);
    let norms = ops.constant(&[bank.len()], &norms);
    let cross = ops.linear(&z, &doubled, Some(&norms));
    let nearest = ops.least(&cross);
    let squares = ops.mul(&z, &z);
    let ones = ops.constant(&[1, channels], &vec![1.0; channels]);
    let length = ops.linear(&squares, &ones, None);
    let squared = ops.add(&nearest, &length);
    // Rounding can make it negative where a cell is an entry.
    ops.relu(&squared)
}

/// `min(1, exp(−slope · (½ ln d² − tolerance)))`.
fn known_share(ops: &mut OnnxOps, squared: &ValueId, bank: &FeatureBank) -> ValueId {
    let one = |ops: &mut OnnxOps, value: f32| ops.constant(&[1, 1, 1, 1], &[value]);
    let least = one(ops, 1e-6);
    let squared = ops.add(squared, &least);
    let log = ops.unary("Log", &squared);
    let half = ops.scale(&log, 0.5);
    let tolerance = one(ops, -bank.strength.tolerance);
    let beyond = ops.add(&half, &tolerance);
    let beyond = ops.relu(&beyond);
    let beyond = ops.scale(&beyond, -bank.strength.slope);
    ops.unary("Exp", &beyond)
}

/// Logits of `f · sigmoid(m)`: `m + ln f − ln(1 + (1 − f) · exp(m))`, `m` where `f` is 1 and `|m|` at most 30.
fn lower_masks(ops: &mut OnnxOps, masks: &ValueId, known: &ValueId) -> ValueId {
    let one = ops.constant(&[1, 1, 1, 1], &[1.0]);
    // A sigmoid is 1 or 0 in float32 long before, and exp(30) is far from overflow.
    let most = 30.0;
    let capped = ops.clip(masks, -most, most);
    let grown = ops.unary("Exp", &capped);
    let less = ops.scale(known, -1.0);
    let rest = ops.add(&less, &one);
    let grown = ops.mul(&grown, &rest);
    let grown = ops.add(&grown, &one);
    let lost = ops.unary("Log", &grown);
    let lost = ops.scale(&lost, -1.0);
    let log = ops.unary("Log", known);
    let masks = ops.add(&capped, &log);
    ops.add(&masks, &lost)
}
