//! A network's sizes, read off its parameters (detectron2's names).

use crate::GraphError;
use crate::checkpoint::CheckpointWeights;
use std::collections::BTreeSet;
use std::path::Path;
use unmask_network::{AttentionKind, HeadKind, NetworkConfig, SwinConfig};

const PIXEL: &str = "sem_seg_head.pixel_decoder";
const HEAD: &str = "sem_seg_head.predictor";
/// Levels that the deformable attention samples.
const LEVELS: usize = 3;
/// Points per head and level, in every published Mask2Former.
const POINTS: usize = 4;
/// Heads where no file says it: Mask2Former's, Mask2Anomaly's.
pub(super) const HEADS: usize = 8;
/// Groups of the pixel decoder's norms: detectron2's and HuggingFace's.
const GROUPS: usize = 32;

/// The sizes of the network that `weights` are of; `heads` are not in their shapes.
///
/// # Errors
/// The first key that the sizes hang on and that is missing or cannot be.
pub(super) fn read(
    path: &Path,
    weights: &CheckpointWeights,
    heads: usize,
) -> Result<NetworkConfig, GraphError> {
    let of = LayerShapes { path, weights };
    let dim = of.side(&format!("{PIXEL}.mask_features.weight"), 4, 0)?;
    let encoder = format!("{PIXEL}.transformer.encoder.layers");
    let taps = format!("{encoder}.0.self_attn.attention_weights.weight");
    let rows = of.side(&taps, 2, 0)?;
    if rows != heads * LEVELS * POINTS {
        return Err(of.wrong(
            &taps,
            format!(
                "has {rows} rows, Mask2Former's with {heads} heads has {} (heads, {LEVELS} levels, \
                 {POINTS} points): this network is another",
                heads * LEVELS * POINTS
            ),
        ));
    }
    let predictions = of.side(&format!("{HEAD}.class_embed.weight"), 2, 0)?;
    let cross = format!("{HEAD}.transformer_cross_attention_layers");
    let global = of.has(&format!("{cross}.0.multihead_attn_foreground."));
    let (swin, depth, width) = match of.has("backbone.patch_embed.") {
        true => (Some(swin(&of)?), 50, 64),
        false => {
            let (depth, width) = resnet(&of)?;
            (None, depth, width)
        }
    };
    let config = NetworkConfig {
        swin,
        efficientnet: None,
        depth,
        width,
        frozen_norm: true,
        dim,
        groups: GROUPS,
        heads,
        encoder_layers: of.count(&encoder),
        encoder_ffn: of.side(&format!("{encoder}.0.linear1.weight"), 2, 0)?,
        points: POINTS,
        decoder_layers: of.count(&cross),
        decoder_ffn: of.side(
            &format!("{HEAD}.transformer_ffn_layers.0.linear1.weight"),
            2,
            0,
        )?,
        queries: of.side(&format!("{HEAD}.query_feat.weight"), 2, 0)?,
        classes: predictions.saturating_sub(1),
        attention: if global {
            AttentionKind::Global
        } else {
            AttentionKind::Masked
        },
        head: HeadKind::Mask,
    };
    config.check().map_err(|e| GraphError::NotCheckpoint {
        path: path.to_owned(),
        what: format!("its tensors make no network ({e})"),
    })?;
    Ok(config)
}

/// Depth and width.
fn resnet(of: &LayerShapes<'_>) -> Result<(usize, usize), GraphError> {
    let width = of.side("backbone.stem.conv1.weight", 4, 0)?;
    let bottlenecks = of.has("backbone.res2.0.conv3.");
    let blocks: [usize; 4] = std::array::from_fn(|i| of.count(&format!("backbone.res{}", i + 2)));
    let depth = match (bottlenecks, blocks) {
        (false, [2, 2, 2, 2]) => 18,
        (false, [3, 4, 6, 3]) => 34,
        (true, [3, 4, 6, 3]) => 50,
        (true, [3, 4, 23, 3]) => 101,
        _ => {
            return Err(of.wrong(
                "backbone.res2",
                format!("to `res5` have {blocks:?} blocks: that is not a ResNet-18, 34, 50 or 101"),
            ));
        }
    };
    Ok((depth, width))
}

fn swin(of: &LayerShapes<'_>) -> Result<SwinConfig, GraphError> {
    let embed = of.side("backbone.patch_embed.proj.weight", 4, 0)?;
    let hidden = of.side("backbone.layers.0.blocks.0.mlp.fc1.weight", 2, 0)?;
    let table = |stage: usize| {
        format!("backbone.layers.{stage}.blocks.0.attn.relative_position_bias_table")
    };
    let rows = of.side(&table(0), 2, 0)?;
    let window = rows.isqrt().div_ceil(2);
    if (2 * window).saturating_sub(1).checked_pow(2) != Some(rows) {
        let what = format!("has {rows} rows, which is no (2 * window - 1)²");
        return Err(of.wrong(&table(0), what));
    }
    let mut heads = [0; 4];
    for (stage, heads) in heads.iter_mut().enumerate() {
        *heads = of.side(&table(stage), 2, 1)?;
    }
    Ok(SwinConfig {
        embed,
        depths: std::array::from_fn(|i| of.count(&format!("backbone.layers.{i}.blocks"))),
        heads,
        window,
        mlp_ratio: hidden / embed.max(1),
    })
}

struct LayerShapes<'a> {
    path: &'a Path,
    weights: &'a CheckpointWeights,
}

impl LayerShapes<'_> {
    fn wrong(&self, key: &str, what: String) -> GraphError {
        GraphError::Key {
            path: self.path.to_owned(),
            key: key.to_owned(),
            what,
        }
    }

    /// The length of `axis` of `key`, which must have `rank` axes.
    fn side(&self, key: &str, rank: usize, axis: usize) -> Result<usize, GraphError> {
        let tensor = self.weights.get(key);
        let tensor = tensor.ok_or_else(|| self.wrong(key, "is missing".to_owned()))?;
        match tensor.shape.get(axis) {
            Some(&side) if tensor.shape.len() == rank => Ok(side),
            _ => Err(self.wrong(key, format!("is {:?}, not of {rank} axes", tensor.shape))),
        }
    }

    fn has(&self, start: &str) -> bool {
        self.weights.iter().any(|(key, _)| key.starts_with(start))
    }

    /// How many numbers from 0 on follow `start` without a gap.
    fn count(&self, start: &str) -> usize {
        let numbers: BTreeSet<usize> = self
            .weights
            .iter()
            .filter_map(|(key, _)| {
                let rest = key.strip_prefix(start)?.strip_prefix('.')?;
                rest.split('.').next()?.parse().ok()
            })
            .collect();
        (0..).take_while(|i| numbers.contains(i)).count()
    }
}
