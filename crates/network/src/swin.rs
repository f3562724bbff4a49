//! Swin Transformer (arXiv 2103.14030) in the layout of Mask2Former's `D2SwinTransformer`: a norm
//! on each stage's output, windows padded at the bottom and on the right, no absolute positions.

use crate::config::SwinConfig;
use crate::ops::{NetworkOps, WeightInit};
use crate::pixel_decoder::{flatten, layer_norm, linear, torch_bias};

/// Pixels a side of a patch: the first stage works at 1/4.
const PATCH: usize = 4;

/// What a key of another region adds to an attention score: the value that Swin is trained with.
const APART: f32 = -100.0;

/// Standard deviation of weights and position biases at the start.
const SPREAD: f32 = 0.02;

/// Maps at 1/4, 1/8, 1/16 and 1/32 of `image` `[N,3,H,W]` (H and W multiples of 32).
pub fn forward<O: NetworkOps>(swin: &SwinConfig, ops: &mut O, image: &O::T) -> [O::T; 4] {
    let mut x = patches(swin, ops, image);
    let shape = ops.shape(image);
    let (batch, mut h, mut w) = (shape[0], shape[2] / PATCH, shape[3] / PATCH);
    std::array::from_fn(|stage| {
        if stage > 0 {
            x = merge(ops, &x, (h, w), &format!("backbone.layers.{}", stage - 1));
            (h, w) = (h / 2, w / 2);
        }
        for block in 0..swin.depths[stage] {
            // Every second block looks at windows moved by half their side.
            let shift = if block % 2 == 0 { 0 } else { swin.window / 2 };
            let layer = SwinBlock {
                swin,
                name: format!("backbone.layers.{stage}.blocks.{block}"),
                heads: swin.heads[stage],
                size: (h, w),
                shift,
            };
            x = layer.forward(ops, &x);
        }
        let channels = ops.shape(&x)[2];
        let y = layer_norm(ops, &x, &format!("backbone.norm{stage}"));
        let y = ops.permute(&y, &[0, 2, 1]);
        ops.reshape(&y, &[batch, channels, h, w])
    })
}

/// `[N,3,H,W]` → `[N, H/4 * W/4, embed]`.
fn patches<O: NetworkOps>(swin: &SwinConfig, ops: &mut O, image: &O::T) -> O::T {
    let name = "backbone.patch_embed";
    let fan_in = 3 * PATCH * PATCH;
    let weight = ops.param(
        &format!("{name}.proj.weight"),
        &[swin.embed, 3, PATCH, PATCH],
        WeightInit::TorchDefault { fan_in },
    );
    let bias = ops.param(
        &format!("{name}.proj.bias"),
        &[swin.embed],
        torch_bias(fan_in),
    );
    let x = ops.conv2d(image, &weight, Some(&bias), PATCH, 0);
    let x = flatten(ops, &x);
    layer_norm(ops, &x, &format!("{name}.norm"))
}

/// Each 2×2 of tokens becomes one of twice the channels.
fn merge<O: NetworkOps>(ops: &mut O, x: &O::T, (h, w): (usize, usize), stage: &str) -> O::T {
    let shape = ops.shape(x);
    let (batch, channels) = (shape[0], shape[2]);
    let name = format!("{stage}.downsample");
    // Channels in the order of the four places: (0,0), (1,0), (0,1), (1,1) as (row, column).
    // [N * h/2, 2 rows, w/2, 2 columns * C] → [N * h/2, w/2, 2 columns, 2 rows, C].
    let x = ops.reshape(x, &[batch * h / 2, 2, w / 2, 2, channels]);
    let x = ops.permute(&x, &[0, 2, 3, 1, 4]);
    let x = ops.reshape(&x, &[batch, h * w / 4, 4 * channels]);
    let x = layer_norm(ops, &x, &format!("{name}.norm"));
    let weight = ops.param(
        &format!("{name}.reduction.weight"),
        &[2 * channels, 4 * channels],
        WeightInit::Normal(SPREAD),
    );
    ops.linear(&x, &weight, None)
}

/// A transformer layer over windows of `[N, h * w, C]`.
struct SwinBlock<'a> {
    swin: &'a SwinConfig,
    name: String,
    heads: usize,
    /// Rows and columns of tokens.
    size: (usize, usize),
    /// Tokens that the windows are moved by.
    shift: usize,
}

impl SwinBlock<'_> {
    fn forward<O: NetworkOps>(&self, ops: &mut O, x: &O::T) -> O::T {
        let (h, w) = self.size;
        let shape = ops.shape(x);
        let (batch, channels) = (shape[0], shape[2]);
        let side = self.swin.window;
        let padded = (h.next_multiple_of(side), w.next_multiple_of(side));

        let y = layer_norm(ops, x, &format!("{}.norm1", self.name));
        let y = pad(ops, &y, batch, self.size, padded);
        let y = roll(ops, &y, self.shift, self.shift);
        let y = self.partition(ops, &y, padded);
        let y = self.attention(ops, &y, batch, padded);
        // Windows back to rows and columns, moved back, cut to size.
        let y = ops.reshape(
            &y,
            &[
                batch * padded.0 / side,
                padded.1 / side,
                side,
                side * channels,
            ],
        );
        let y = ops.permute(&y, &[0, 2, 1, 3]);
        let y = ops.reshape(&y, &[batch, padded.0, padded.1, channels]);
        let y = match self.shift {
            0 => y,
            shift => roll(ops, &y, padded.0 - shift, padded.1 - shift),
        };
        let y = ops.slice(&y, 1, 0, h);
        let y = ops.slice(&y, 2, 0, w);
        let y = ops.reshape(&y, &[batch, h * w, channels]);
        let x = ops.add(x, &y);

        let y = layer_norm(ops, &x, &format!("{}.norm2", self.name));
        let hidden = channels * self.swin.mlp_ratio;
        let start = || WeightInit::Normal(SPREAD);
        let name = format!("{}.mlp.fc1", self.name);
        let y = linear(ops, &y, &name, hidden, start(), WeightInit::Zeros);
        let y = ops.gelu(&y);
        let name = format!("{}.mlp.fc2", self.name);
        let y = linear(ops, &y, &name, channels, start(), WeightInit::Zeros);
        ops.add(&x, &y)
    }

    /// `[N, h, w, C]` → `[N * windows, side * side, C]`.
    fn partition<O: NetworkOps>(&self, ops: &mut O, x: &O::T, (h, w): (usize, usize)) -> O::T {
        let shape = ops.shape(x);
        let (batch, channels, side) = (shape[0], shape[3], self.swin.window);
        let (rows, columns) = (h / side, w / side);
        let x = ops.reshape(x, &[batch * rows, side, columns, side * channels]);
        let x = ops.permute(&x, &[0, 2, 1, 3]);
        ops.reshape(&x, &[batch * rows * columns, side * side, channels])
    }

    /// Attention inside each window of `[windows, tokens, C]`, with a learnt bias per distance.
    fn attention<O: NetworkOps>(
        &self,
        ops: &mut O,
        x: &O::T,
        batch: usize,
        padded: (usize, usize),
    ) -> O::T {
        let name = format!("{}.attn", self.name);
        let shape = ops.shape(x);
        let (windows, tokens, channels) = (shape[0], shape[1], shape[2]);
        let (heads, side) = (self.heads, self.swin.window);
        let ch = channels / heads;

        let weight = ops.param(
            &format!("{name}.qkv.weight"),
            &[3 * channels, channels],
            WeightInit::Normal(SPREAD),
        );
        let bias = ops.param(
            &format!("{name}.qkv.bias"),
            &[3 * channels],
            WeightInit::Zeros,
        );
        // The queries' scale goes into their rows of the weight: one layer gives all three.
        let scale = 1.0 / (ch as f32).sqrt();
        let weight = scale_rows(ops, &weight, channels, scale);
        let bias = scale_rows(ops, &bias, channels, scale);
        let y = ops.linear(x, &weight, Some(&bias));
        let y = ops.reshape(&y, &[windows, tokens, 3 * heads, ch]);
        let y = ops.permute(&y, &[0, 2, 1, 3]);
        let q = ops.slice(&y, 1, 0, heads);
        let k = ops.slice(&y, 1, heads, heads);
        let v = ops.slice(&y, 1, 2 * heads, heads);
        let k = ops.permute(&k, &[0, 1, 3, 2]);
        let scores = ops.matmul(&q, &k);

        let table = ops.param(
            &format!("{name}.relative_position_bias_table"),
            &[(2 * side - 1).pow(2), heads],
            WeightInit::Normal(SPREAD),
        );
        let near = ops.rows(&table, &relative_positions(side));
        let near = ops.permute(&near, &[1, 0]);
        let near = ops.reshape(&near, &[1, heads, tokens, tokens]);
        let mut scores = ops.add(&scores, &near);
        if self.shift > 0 {
            let mask = region_mask(padded, side, self.shift).repeat(batch);
            let mask = ops.constant(&[windows, 1, tokens, tokens], &mask);
            scores = ops.add(&scores, &mask);
        }
        let weights = ops.softmax(&scores);
        let y = ops.matmul(&weights, &v);
        let y = ops.permute(&y, &[0, 2, 1, 3]);
        let y = ops.reshape(&y, &[windows, tokens, channels]);
        linear(
            ops,
            &y,
            &format!("{name}.proj"),
            channels,
            WeightInit::Normal(SPREAD),
            WeightInit::Zeros,
        )
    }
}

/// The first `rows` entries of axis 0 times `by`.
fn scale_rows<O: NetworkOps>(ops: &mut O, x: &O::T, rows: usize, by: f32) -> O::T {
    let all = ops.shape(x)[0];
    let first = ops.slice(x, 0, 0, rows);
    let first = ops.scale(&first, by);
    let rest = ops.slice(x, 0, rows, all - rows);
    ops.concat(&[&first, &rest], 0)
}

/// `[N, h * w, C]` → `[N, rows, columns, C]` with zeros at the bottom and on the right.
fn pad<O: NetworkOps>(
    ops: &mut O,
    x: &O::T,
    batch: usize,
    (h, w): (usize, usize),
    (rows, columns): (usize, usize),
) -> O::T {
    let channels = ops.shape(x)[2];
    let x = ops.reshape(x, &[batch, h, w, channels]);
    let x = match columns - w {
        0 => x,
        right => ops.pad_bottom_right(&x, right, 0),
    };
    match rows - h {
        0 => x,
        bottom => {
            let x = ops.reshape(&x, &[batch, 1, h, columns * channels]);
            let x = ops.pad_bottom_right(&x, bottom, 0);
            ops.reshape(&x, &[batch, rows, columns, channels])
        }
    }
}

/// Moves `[N, h, w, C]` up by `up` and left by `left`; what leaves comes in on the other side.
fn roll<O: NetworkOps>(ops: &mut O, x: &O::T, up: usize, left: usize) -> O::T {
    let mut x = x.clone();
    for (axis, by) in [(1, up), (2, left)] {
        if by > 0 {
            let all = ops.shape(&x)[axis];
            let last = ops.slice(&x, axis, by, all - by);
            let first = ops.slice(&x, axis, 0, by);
            x = ops.concat(&[&last, &first], axis);
        }
    }
    x
}

/// For each pair of a window's tokens, the row of the bias table that holds its distance.
fn relative_positions(side: usize) -> Vec<usize> {
    let tokens = side * side;
    let mut out = Vec::with_capacity(tokens * tokens);
    for a in 0..tokens {
        for b in 0..tokens {
            let rows = a / side + side - 1 - b / side;
            let columns = a % side + side - 1 - b % side;
            out.push(rows * (2 * side - 1) + columns);
        }
    }
    out
}

/// Moved windows hold tokens from opposite sides of the picture: [`APART`] between tokens of
/// different regions, else 0. `[windows, tokens, tokens]`.
fn region_mask((h, w): (usize, usize), side: usize, shift: usize) -> Vec<f32> {
    let region = |at: usize, length: usize| match at {
        _ if at < length - side => 0,
        _ if at < length - shift => 1,
        _ => 2,
    };
    let mut out = Vec::with_capacity(h * w * side * side);
    for row in (0..h).step_by(side) {
        for column in (0..w).step_by(side) {
            let regions: Vec<usize> = (0..side * side)
                .map(|t| region(row + t / side, h) * 3 + region(column + t % side, w))
                .collect();
            for a in &regions {
                out.extend(regions.iter().map(|b| if a == b { 0.0 } else { APART }));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_index_the_bias_table() {
        // A window of 2×2: the table has 3×3 rows, the middle one is for a token and itself.
        let index = relative_positions(2);
        assert_eq!(index.len(), 16);
        assert_eq!([index[0], index[5], index[10], index[15]], [4; 4]);
        // From the first token to its right neighbour: one column less.
        assert_eq!(index[1], 3);
        // From the last token to the first: one row and one column more.
        assert_eq!(index[12], 8);
    }

    #[test]
    fn only_tokens_of_one_region_see_each_other() {
        // 4×4 tokens, windows of 2×2 moved by 1: the first window lies in one region whole.
        let mask = region_mask((4, 4), 2, 1);
        assert_eq!(mask.len(), 4 * 16);
        assert!(mask[..16].iter().all(|&v| v == 0.0));
        // The last has four regions: each token sees itself only.
        for (i, &v) in mask[48..].iter().enumerate() {
            assert_eq!(v, if i % 5 == 0 { 0.0 } else { APART }, "{i}");
        }
        // The second is cut in the middle: columns see their own.
        assert_eq!(mask[16..20], [0.0, APART, 0.0, APART]);
    }
}
