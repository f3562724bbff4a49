//! The transformer decoder with global masked attention (Mask2Anomaly, sec. 3.2), or with
//! Mask2Former's masked attention.

use crate::config::{AttentionKind, NetworkConfig};
use crate::ops::{NetworkOps, PadSide, WeightInit};
use crate::pixel_decoder::{DecodedFeatures, flatten, layer_norm, linear, torch_bias};
use crate::position;

const NAME: &str = "sem_seg_head.predictor";

/// Class and mask logits of the queries after one decoder layer.
#[derive(Clone, Debug)]
pub struct MaskHead<T> {
    /// `[N, Q, K + 1]`, the last index is "no object".
    pub class_logits: T,
    /// `[N, Q, H/4, W/4]`.
    pub mask_logits: T,
}

/// Runs the decoder: `decoder_layers + 1` heads, the last one final.
pub fn forward<O: NetworkOps>(
    config: &NetworkConfig,
    ops: &mut O,
    features: &DecodedFeatures<O::T>,
) -> Vec<MaskHead<O::T>> {
    let (dim, queries) = (config.dim, config.queries);
    let batch = ops.shape(&features.mask_features)[0];
    let level_embed = ops.param(
        &format!("{NAME}.level_embed.weight"),
        &[3, dim],
        WeightInit::Normal(1.0),
    );
    let levels: Vec<FeatureLevel<O::T>> = (0..3)
        .map(|i| {
            let shape = ops.shape(&features.levels[i]);
            let size = (shape[2], shape[3]);
            let tokens = flatten(ops, &features.levels[i]);
            let embed = ops.slice(&level_embed, 0, i, 1);
            let embed = ops.reshape(&embed, &[1, 1, dim]);
            let values = ops.add(&tokens, &embed);
            let sine = position::sine(size.0, size.1, dim);
            let pos = ops.constant(&[1, size.0 * size.1, dim], &sine);
            let keys = ops.add(&values, &pos);
            FeatureLevel { size, keys, values }
        })
        .collect();

    let embedding = |ops: &mut O, name: &str| {
        let x = ops.param(
            &format!("{NAME}.{name}.weight"),
            &[queries, dim],
            WeightInit::Normal(1.0),
        );
        ops.reshape(&x, &[1, queries, dim])
    };
    let start = embedding(ops, "query_feat");
    let query_embed = embedding(ops, "query_embed");
    let mut x = ops.repeat_batch(&start, batch);
    let mut heads = vec![predict(config, ops, &x, &features.mask_features)];
    for layer in 0..config.decoder_layers {
        let level = &levels[layer % 3];
        let masks = &heads[layer].mask_logits;
        x = cross_attention(config, ops, &x, &query_embed, level, masks, layer);
        x = self_attention(config, ops, &x, &query_embed, layer);
        x = feed_forward(config, ops, &x, layer);
        heads.push(predict(config, ops, &x, &features.mask_features));
    }
    heads
}

struct FeatureLevel<T> {
    size: (usize, usize),
    keys: T,
    values: T,
}

/// Class and mask of every query as it stands: one shared norm, a linear layer, an MLP whose
/// output is multiplied with the mask features.
fn predict<O: NetworkOps>(
    config: &NetworkConfig,
    ops: &mut O,
    x: &O::T,
    mask_features: &O::T,
) -> MaskHead<O::T> {
    let dim = config.dim;
    let y = layer_norm(ops, x, &format!("{NAME}.decoder_norm"));
    let torch = || WeightInit::TorchDefault { fan_in: dim };
    let class_logits = linear(
        ops,
        &y,
        &format!("{NAME}.class_embed"),
        config.classes + 1,
        torch(),
        torch_bias(dim),
    );
    let mut e = y;
    for i in 0..3 {
        e = linear(
            ops,
            &e,
            &format!("{NAME}.mask_embed.layers.{i}"),
            dim,
            torch(),
            torch_bias(dim),
        );
        if i < 2 {
            e = ops.relu(&e);
        }
    }
    let s = ops.shape(mask_features);
    let flat = ops.reshape(mask_features, &[s[0], dim, s[2] * s[3]]);
    let masks = ops.matmul(&e, &flat);
    let mask_logits = ops.reshape(&masks, &[s[0], config.queries, s[2], s[3]]);
    MaskHead {
        class_logits,
        mask_logits,
    }
}

fn cross_attention<O: NetworkOps>(
    config: &NetworkConfig,
    ops: &mut O,
    x: &O::T,
    query_embed: &O::T,
    level: &FeatureLevel<O::T>,
    masks: &O::T,
    layer: usize,
) -> O::T {
    let name = format!("{NAME}.transformer_cross_attention_layers.{layer}");
    let (h, w) = level.size;
    let batch = ops.shape(x)[0];
    let masks = ops.detach(masks);
    let small = ops.resize(&masks, h, w);
    let small = ops.reshape(&small, &[batch, config.queries, h * w]);
    let q = ops.add(x, query_embed);
    let attend = |ops: &mut O, part: &str, side: PadSide| {
        let mask = ops.attention_mask(&small, side);
        let mask = ops.reshape(&mask, &[batch, 1, config.queries, h * w]);
        let name = format!("{name}.{part}");
        attention(
            config,
            ops,
            &q,
            &level.keys,
            &level.values,
            Some(&mask),
            &name,
        )
    };
    let y = match config.attention {
        AttentionKind::Global => {
            let inside = attend(ops, "multihead_attn_foreground", PadSide::Foreground);
            let outside = attend(ops, "multihead_attn_background", PadSide::Background);
            ops.add(&outside, &inside)
        }
        AttentionKind::Masked => attend(ops, "multihead_attn", PadSide::Foreground),
    };
    let y = ops.add(x, &y);
    layer_norm(ops, &y, &format!("{name}.norm"))
}

fn self_attention<O: NetworkOps>(
    config: &NetworkConfig,
    ops: &mut O,
    x: &O::T,
    query_embed: &O::T,
    layer: usize,
) -> O::T {
    let name = format!("{NAME}.transformer_self_attention_layers.{layer}");
    let q = ops.add(x, query_embed);
    let y = attention(config, ops, &q, &q, x, None, &format!("{name}.self_attn"));
    let y = ops.add(x, &y);
    layer_norm(ops, &y, &format!("{name}.norm"))
}

fn feed_forward<O: NetworkOps>(
    config: &NetworkConfig,
    ops: &mut O,
    x: &O::T,
    layer: usize,
) -> O::T {
    let name = format!("{NAME}.transformer_ffn_layers.{layer}");
    let (dim, hidden) = (config.dim, config.decoder_ffn);
    let y = linear(
        ops,
        x,
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
    let y = ops.add(x, &y);
    layer_norm(ops, &y, &format!("{name}.norm"))
}

/// `nn.MultiheadAttention`: one `in_proj` matrix for q, k and v, scaled dot products, `out_proj`.
/// `mask` is additive, `[N, 1, Lq, Lk]`.
fn attention<O: NetworkOps>(
    config: &NetworkConfig,
    ops: &mut O,
    query: &O::T,
    key: &O::T,
    value: &O::T,
    mask: Option<&O::T>,
    name: &str,
) -> O::T {
    let (dim, heads) = (config.dim, config.heads);
    let ch = dim / heads;
    let w = ops.param(
        &format!("{name}.in_proj_weight"),
        &[3 * dim, dim],
        WeightInit::XavierUniform,
    );
    let b = ops.param(
        &format!("{name}.in_proj_bias"),
        &[3 * dim],
        WeightInit::Zeros,
    );
    let split = |ops: &mut O, x: &O::T, part: usize| {
        let w = ops.slice(&w, 0, part * dim, dim);
        let b = ops.slice(&b, 0, part * dim, dim);
        let y = ops.linear(x, &w, Some(&b));
        let s = ops.shape(&y);
        let y = ops.reshape(&y, &[s[0], s[1], heads, ch]);
        ops.permute(&y, &[0, 2, 1, 3])
    };
    let q = split(ops, query, 0);
    let q = ops.scale(&q, 1.0 / (ch as f32).sqrt());
    let k = split(ops, key, 1);
    let v = split(ops, value, 2);
    let k = ops.permute(&k, &[0, 1, 3, 2]);
    let mut scores = ops.matmul(&q, &k);
    if let Some(mask) = mask {
        scores = ops.add(&scores, mask);
    }
    let weights = ops.softmax(&scores);
    let y = ops.matmul(&weights, &v);
    let y = ops.permute(&y, &[0, 2, 1, 3]);
    let s = ops.shape(&y);
    let y = ops.reshape(&y, &[s[0], s[1], dim]);
    linear(
        ops,
        &y,
        &format!("{name}.out_proj"),
        dim,
        WeightInit::XavierUniform,
        WeightInit::Zeros,
    )
}
