//! Multi-scale deformable pixel decoder (Mask2Former's `MSDeformAttnPixelDecoder`).

use crate::config::NetworkConfig;
use crate::ops::{NetworkOps, WeightInit};
use crate::position;

const NAME: &str = "sem_seg_head.pixel_decoder";

/// What the pixel decoder gives to the heads.
pub struct DecodedFeatures<T> {
    /// Per-pixel embeddings `[N, dim, H/4, W/4]`.
    pub mask_features: T,
    /// Maps `[N, dim, h, w]` at 1/32, 1/16 and 1/8.
    pub levels: [T; 3],
}

/// Runs the pixel decoder over the backbone's four `stages` (1/4 first).
pub fn forward<O: NetworkOps>(
    config: &NetworkConfig,
    ops: &mut O,
    stages: &[O::T; 4],
) -> DecodedFeatures<O::T> {
    let dim = config.dim;
    // Level 0 is the coarsest: res5, res4, res3.
    let coarse = [&stages[3], &stages[2], &stages[1]];
    let mut sizes = Vec::with_capacity(3);
    let mut tokens = Vec::with_capacity(3);
    let mut positions = Vec::with_capacity(3);
    let level_embed = ops.param(
        &format!("{NAME}.transformer.level_embed"),
        &[3, dim],
        WeightInit::Normal(1.0),
    );
    for (level, stage) in coarse.into_iter().enumerate() {
        let name = format!("{NAME}.input_proj.{level}");
        let inputs = ops.shape(stage)[1];
        let w = ops.param(
            &format!("{name}.0.weight"),
            &[dim, inputs, 1, 1],
            WeightInit::XavierUniform,
        );
        let b = ops.param(&format!("{name}.0.bias"), &[dim], WeightInit::Zeros);
        let x = ops.conv2d(stage, &w, Some(&b), 1, 0);
        let x = group_norm(config, ops, &x, &format!("{name}.1"));
        let shape = ops.shape(&x);
        let (h, w) = (shape[2], shape[3]);
        sizes.push((h, w));
        tokens.push(flatten(ops, &x));
        let sine = ops.constant(&[1, h * w, dim], &position::sine(h, w, dim));
        let embed = ops.slice(&level_embed, 0, level, 1);
        let embed = ops.reshape(&embed, &[1, 1, dim]);
        positions.push(ops.add(&sine, &embed));
    }
    let mut x = ops.concat(&tokens.iter().collect::<Vec<_>>(), 1);
    let pos = ops.concat(&positions.iter().collect::<Vec<_>>(), 1);
    for layer in 0..config.encoder_layers {
        let name = format!("{NAME}.transformer.encoder.layers.{layer}");
        x = encoder_layer(config, ops, &x, &pos, &sizes, &name);
    }

    let batch = ops.shape(&x)[0];
    let mut start = 0;
    let levels: [O::T; 3] = std::array::from_fn(|level| {
        let (h, w) = sizes[level];
        let part = ops.slice(&x, 1, start, h * w);
        start += h * w;
        let part = ops.permute(&part, &[0, 2, 1]);
        ops.reshape(&part, &[batch, dim, h, w])
    });
    let mask_features = fpn(config, ops, &stages[0], &levels[2]);
    DecodedFeatures {
        mask_features,
        levels,
    }
}

/// `[N, C, h, w]` → `[N, h*w, C]`.
pub(crate) fn flatten<O: NetworkOps>(ops: &mut O, x: &O::T) -> O::T {
    let s = ops.shape(x);
    let flat = ops.reshape(x, &[s[0], s[1], s[2] * s[3]]);
    ops.permute(&flat, &[0, 2, 1])
}

fn group_norm<O: NetworkOps>(config: &NetworkConfig, ops: &mut O, x: &O::T, name: &str) -> O::T {
    let gamma = ops.param(&format!("{name}.weight"), &[config.dim], WeightInit::Ones);
    let beta = ops.param(&format!("{name}.bias"), &[config.dim], WeightInit::Zeros);
    ops.group_norm(x, config.groups, &gamma, &beta)
}

/// `name.weight` of `[out, inputs]` and `name.bias`, applied to the last axis.
pub(crate) fn linear<O: NetworkOps>(
    ops: &mut O,
    x: &O::T,
    name: &str,
    out: usize,
    weight: WeightInit,
    bias: WeightInit,
) -> O::T {
    let inputs = *ops
        .shape(x)
        .last()
        .expect("a linear layer's input has an axis");
    let w = ops.param(&format!("{name}.weight"), &[out, inputs], weight);
    let b = ops.param(&format!("{name}.bias"), &[out], bias);
    ops.linear(x, &w, Some(&b))
}

/// `name.weight` and `name.bias` over the last axis.
pub(crate) fn layer_norm<O: NetworkOps>(ops: &mut O, x: &O::T, name: &str) -> O::T {
    let dim = *ops
        .shape(x)
        .last()
        .expect("a layer norm's input has an axis");
    let gamma = ops.param(&format!("{name}.weight"), &[dim], WeightInit::Ones);
    let beta = ops.param(&format!("{name}.bias"), &[dim], WeightInit::Zeros);
    ops.layer_norm(x, &gamma, &beta)
}

/// PyTorch's default start of a linear bias.
pub(crate) fn torch_bias(fan_in: usize) -> WeightInit {
    WeightInit::TorchDefault { fan_in }
}

fn encoder_layer<O: NetworkOps>(
    config: &NetworkConfig,
    ops: &mut O,
    x: &O::T,
    pos: &O::T,
    sizes: &[(usize, usize)],
    name: &str,
) -> O::T {
    let dim = config.dim;
    let query = ops.add(x, pos);
    let y = deformable_attention(config, ops, &query, x, sizes, &format!("{name}.self_attn"));
    let y = ops.add(x, &y);
    let x = layer_norm(ops, &y, &format!("{name}.norm1"));
    let hidden = config.encoder_ffn;
    let y = linear(
        ops,
        &x,
        &format!("{name}.linear1"),
        hidden,
        WeightInit::XavierUniform,
        torch_bias(dim),
    );
    let y = ops.relu(&y);
    let y = linear(
        ops,
        &y,
        &format!("{name}.linear2"),
        dim,
        WeightInit::XavierUniform,
        torch_bias(hidden),
    );
    let y = ops.add(&x, &y);
    layer_norm(ops, &y, &format!("{name}.norm2"))
}

/// Deformable DETR's multi-scale attention: offsets and weights from the query, values from `x`.
fn deformable_attention<O: NetworkOps>(
    config: &NetworkConfig,
    ops: &mut O,
    query: &O::T,
    x: &O::T,
    sizes: &[(usize, usize)],
    name: &str,
) -> O::T {
    let (dim, heads, points, levels) = (config.dim, config.heads, config.points, sizes.len());
    let shape = ops.shape(x);
    let (batch, tokens) = (shape[0], shape[1]);
    let value = linear(
        ops,
        x,
        &format!("{name}.value_proj"),
        dim,
        WeightInit::XavierUniform,
        WeightInit::Zeros,
    );
    let value = ops.reshape(&value, &[batch, tokens, heads, dim / heads]);

    let offsets = linear(
        ops,
        query,
        &format!("{name}.sampling_offsets"),
        heads * levels * points * 2,
        WeightInit::Zeros,
        WeightInit::Values(offset_bias(heads, levels, points)),
    );
    let weights = linear(
        ops,
        query,
        &format!("{name}.attention_weights"),
        heads * levels * points,
        WeightInit::Zeros,
        WeightInit::Zeros,
    );
    let weights = ops.reshape(&weights, &[batch, tokens, heads, levels * points]);
    let weights = ops.softmax(&weights);
    let weights = ops.reshape(&weights, &[batch, tokens, heads, levels, points]);

    // Offsets are in cells of their level: divide by its width and height. Ranks stay at 5 (the
    // last two axes of [N, tokens, heads, levels, points * 2]), as far as TensorRT goes easily.
    let cells: Vec<f32> = (0..heads)
        .flat_map(|_| sizes.iter())
        .flat_map(|&(h, w)| (0..points).flat_map(move |_| [1.0 / w as f32, 1.0 / h as f32]))
        .collect();
    let cells = ops.constant(&[1, 1, heads * levels * points * 2], &cells);
    let offsets = ops.mul(&offsets, &cells);
    let offsets = ops.reshape(&offsets, &[batch, tokens, heads * levels * points, 2]);
    let reference = ops.constant(&[1, tokens, 1, 2], &position::reference_points(sizes));
    let locations = ops.add(&offsets, &reference);
    let locations = ops.reshape(&locations, &[batch, tokens, heads, levels, points, 2]);

    let y = ops.deformable_sample(&value, sizes, &locations, &weights);
    linear(
        ops,
        &y,
        &format!("{name}.output_proj"),
        dim,
        WeightInit::XavierUniform,
        WeightInit::Zeros,
    )
}

/// Offsets at the start: one direction a head, `k + 1` cells out for point `k`.
fn offset_bias(heads: usize, levels: usize, points: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(heads * levels * points * 2);
    for head in 0..heads {
        let angle = head as f32 * std::f32::consts::TAU / heads as f32;
        let (x, y) = (angle.cos(), angle.sin());
        let longest = x.abs().max(y.abs());
        for _ in 0..levels {
            for point in 0..points {
                let far = (point + 1) as f32 / longest;
                out.extend([x * far, y * far]);
            }
        }
    }
    out
}

/// One step of a feature pyramid: 1/4 map + upsampled 1/8 map → mask features.
fn fpn<O: NetworkOps>(config: &NetworkConfig, ops: &mut O, fine: &O::T, coarse: &O::T) -> O::T {
    let dim = config.dim;
    let shape = ops.shape(fine);
    let (inputs, h, w) = (shape[1], shape[2], shape[3]);
    let weight = ops.param(
        &format!("{NAME}.adapter_1.weight"),
        &[dim, inputs, 1, 1],
        WeightInit::C2Xavier,
    );
    let lateral = ops.conv2d(fine, &weight, None, 1, 0);
    let lateral = group_norm(config, ops, &lateral, &format!("{NAME}.adapter_1.norm"));
    let up = ops.resize(coarse, h, w);
    let y = ops.add(&lateral, &up);
    let weight = ops.param(
        &format!("{NAME}.layer_1.weight"),
        &[dim, dim, 3, 3],
        WeightInit::C2Xavier,
    );
    let y = ops.conv2d(&y, &weight, None, 1, 1);
    let y = group_norm(config, ops, &y, &format!("{NAME}.layer_1.norm"));
    let y = ops.relu(&y);
    let weight = ops.param(
        &format!("{NAME}.mask_features.weight"),
        &[dim, dim, 1, 1],
        WeightInit::C2Xavier,
    );
    let bias = ops.param(
        &format!("{NAME}.mask_features.bias"),
        &[dim],
        WeightInit::Zeros,
    );
    ops.conv2d(&y, &weight, Some(&bias), 1, 0)
}
