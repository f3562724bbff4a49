//! EfficientNet-Lite backbones: EfficientNet (arXiv 1905.11946) without squeeze-and-excitation,
//! with ReLU6, and with stem and last stage that do not grow with the variant.
//!
//! Parameters follow the ResNet's naming: `backbone.stem` is everything up to 1/2, `backbone.res2`
//! to `backbone.res5` end at 1/4 to 1/32. The weights that are public were trained with
//! TensorFlow's padding and with 1e-3 as the batch norms' epsilon; see
//! [`parameter_names`] for the translation.

use crate::ops::{ConvOptions, NetworkOps, WeightInit};
use serde::{Deserialize, Serialize};

/// Which EfficientNet-Lite backbone: larger numbers are wider and deeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EfficientNet {
    /// 4.7 M parameters with its classifier, 3.4 M as a backbone.
    Lite0,
    /// 5.4 M parameters with its classifier.
    Lite1,
    /// 6.1 M parameters with its classifier.
    Lite2,
}

/// One row of the paper's table 1: blocks of equal width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BlockGroup {
    blocks: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
    channels: usize,
}

/// Channels after the first convolution, in every variant.
const STEM_CHANNELS: usize = 32;

/// What PyTorch names the epsilon of the public weights' batch norms.
pub const PRETRAINED_EPS: f32 = 1e-3;

/// The epsilon of this network's batch norms.
pub const NETWORK_EPS: f32 = 1e-5;

/// Blocks, kernel, stride, expansion and channels of variant 0.
const BASE: [BlockGroup; 7] = [
    group(1, 3, 1, 1, 16),
    group(2, 3, 2, 6, 24),
    group(2, 5, 2, 6, 40),
    group(3, 3, 2, 6, 80),
    group(3, 5, 1, 6, 112),
    group(4, 5, 2, 6, 192),
    group(1, 3, 1, 6, 320),
];

/// The groups that each named stage holds: `stem`, `res2` … `res5`.
const STAGE_GROUPS: [(&str, std::ops::Range<usize>); 5] = [
    ("stem", 0..1),
    ("res2", 1..2),
    ("res3", 2..3),
    ("res4", 3..5),
    ("res5", 5..7),
];

const fn group(
    blocks: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
    channels: usize,
) -> BlockGroup {
    BlockGroup {
        blocks,
        kernel,
        stride,
        expansion,
        channels,
    }
}

fn groups(variant: EfficientNet) -> [BlockGroup; 7] {
    // Width and depth coefficients in tenths.
    let (width, depth) = match variant {
        EfficientNet::Lite0 => (10, 10),
        EfficientNet::Lite1 => (10, 11),
        EfficientNet::Lite2 => (11, 12),
    };
    let mut scaled = BASE;
    for (i, group) in scaled.iter_mut().enumerate() {
        group.channels = round_channels(group.channels * width);
        // The first and the last group stay as they are, unlike in EfficientNet proper.
        if i > 0 && i < 6 {
            group.blocks = (group.blocks * depth).div_ceil(10);
        }
    }
    scaled
}

/// The nearest multiple of 8 to `tenths / 10`, not more than a tenth below it.
fn round_channels(tenths: usize) -> usize {
    let nearest = (tenths + 40) / 80 * 8;
    if nearest * 100 < tenths * 9 {
        nearest + 8
    } else {
        nearest
    }
}

/// Channels of the maps at 1/4, 1/8, 1/16 and 1/32.
pub fn stage_channels(variant: EfficientNet) -> [usize; 4] {
    let groups = groups(variant);
    [1, 2, 4, 6].map(|i| groups[i].channels)
}

/// Maps at 1/4, 1/8, 1/16 and 1/32 of `image` `[N, 3, H, W]` (H and W multiples of 32).
pub fn forward<O: NetworkOps>(variant: EfficientNet, ops: &mut O, image: &O::T) -> [O::T; 4] {
    let groups = groups(variant);
    let stem = ops.param(
        "backbone.stem.conv.weight",
        &[STEM_CHANNELS, 3, 3, 3],
        WeightInit::Msra,
    );
    let x = ops.conv2d_with(image, &stem, None, same_padding(3, 2, 1));
    let x = ops.batch_norm(&x, "backbone.stem.conv.norm", true);
    let mut x = ops.relu6(&x);
    let mut maps = Vec::with_capacity(4);
    for (stage, range) in STAGE_GROUPS {
        let mut index = 0;
        for group in &groups[range] {
            for block in 0..group.blocks {
                let name = format!("backbone.{stage}.{index}");
                let stride = if block == 0 { group.stride } else { 1 };
                x = inverted_residual(ops, &x, &name, group, stride);
                index += 1;
            }
        }
        if stage != "stem" {
            maps.push(x.clone());
        }
    }
    maps.try_into()
        .unwrap_or_else(|_| unreachable!("four stages follow the stem"))
}

/// 1×1 expansion, depthwise convolution, linear 1×1 projection; a shortcut where shapes allow it.
fn inverted_residual<O: NetworkOps>(
    ops: &mut O,
    x: &O::T,
    name: &str,
    group: &BlockGroup,
    stride: usize,
) -> O::T {
    let inputs = ops.shape(x)[1];
    let mut y = x.clone();
    if group.expansion > 1 {
        y = pointwise(ops, &y, &format!("{name}.expand"), inputs * group.expansion);
        y = ops.relu6(&y);
    }
    let hidden = ops.shape(&y)[1];
    let part = format!("{name}.depthwise");
    let w = ops.param(
        &format!("{part}.weight"),
        &[hidden, 1, group.kernel, group.kernel],
        WeightInit::Msra,
    );
    y = ops.conv2d_with(&y, &w, None, same_padding(group.kernel, stride, hidden));
    y = ops.batch_norm(&y, &format!("{part}.norm"), true);
    y = ops.relu6(&y);
    y = pointwise(ops, &y, &format!("{name}.project"), group.channels);
    if stride == 1 && inputs == group.channels {
        ops.add(&y, x)
    } else {
        y
    }
}

fn pointwise<O: NetworkOps>(ops: &mut O, x: &O::T, name: &str, out: usize) -> O::T {
    let inputs = ops.shape(x)[1];
    let w = ops.param(
        &format!("{name}.weight"),
        &[out, inputs, 1, 1],
        WeightInit::Msra,
    );
    let y = ops.conv2d(x, &w, None, 1, 0);
    ops.batch_norm(&y, &format!("{name}.norm"), true)
}

/// TensorFlow's `SAME` padding of a side that `stride` divides: at stride 2 the odd cell of padding
/// lies at the bottom and at the right.
fn same_padding(kernel: usize, stride: usize, groups: usize) -> ConvOptions {
    let total = kernel - stride;
    let before = total / 2;
    let after = total - before;
    ConvOptions {
        stride,
        pads: [before, before, after, after],
        groups,
    }
}

/// Names of the parameters of the public PyTorch weights (`_conv_stem.weight`, `_blocks.0.…`) and
/// of this network, in pairs.
///
/// Weights of the classifier (`_conv_head`, the norm after it, `_fc`) have no counterpart. To keep
/// what the batch norms do, add [`PRETRAINED_EPS`] − [`NETWORK_EPS`] to every `running_var`.
pub fn parameter_names(variant: EfficientNet) -> Vec<(String, String)> {
    const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];
    let mut names = Vec::new();
    let mut layer = |conv: String, norm: String, ours: String| {
        names.push((format!("{conv}.weight"), format!("{ours}.weight")));
        for part in NORM {
            names.push((format!("{norm}.{part}"), format!("{ours}.norm.{part}")));
        }
    };
    layer(
        "_conv_stem".into(),
        "_bn0".into(),
        "backbone.stem.conv".into(),
    );
    let groups = groups(variant);
    let mut theirs = 0;
    for (stage, range) in STAGE_GROUPS {
        let mut index = 0;
        for group in &groups[range] {
            for _ in 0..group.blocks {
                let block = format!("_blocks.{theirs}");
                let ours = format!("backbone.{stage}.{index}");
                let mut parts = vec![
                    ("_depthwise_conv", "_bn1", "depthwise"),
                    ("_project_conv", "_bn2", "project"),
                ];
                if group.expansion > 1 {
                    parts.push(("_expand_conv", "_bn0", "expand"));
                }
                for (conv, norm, part) in parts {
                    layer(
                        format!("{block}.{conv}"),
                        format!("{block}.{norm}"),
                        format!("{ours}.{part}"),
                    );
                }
                theirs += 1;
                index += 1;
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_have_published_sizes() {
        assert_eq!(stage_channels(EfficientNet::Lite0), [24, 40, 112, 320]);
        assert_eq!(stage_channels(EfficientNet::Lite1), [24, 40, 112, 320]);
        assert_eq!(stage_channels(EfficientNet::Lite2), [24, 48, 120, 352]);
        let blocks = |variant| groups(variant).map(|g| g.blocks);
        assert_eq!(blocks(EfficientNet::Lite0), [1, 2, 2, 3, 3, 4, 1]);
        assert_eq!(blocks(EfficientNet::Lite1), [1, 3, 3, 4, 4, 5, 1]);
        assert_eq!(blocks(EfficientNet::Lite2), [1, 3, 3, 4, 4, 5, 1]);
    }

    #[test]
    fn padding_at_stride_two_is_bottom_right() {
        assert_eq!(same_padding(3, 1, 1).pads, [1, 1, 1, 1]);
        assert_eq!(same_padding(5, 1, 1).pads, [2, 2, 2, 2]);
        assert_eq!(same_padding(3, 2, 1).pads, [0, 0, 1, 1]);
        assert_eq!(same_padding(5, 2, 1).pads, [1, 1, 2, 2]);
    }

    #[test]
    fn every_parameter_is_named_once() {
        let names = parameter_names(EfficientNet::Lite0);
        // 1 stem, 1 block without expansion, 15 with: 5 tensors per layer.
        assert_eq!(names.len(), 5 * (1 + 2 + 15 * 3));
        let ours: std::collections::BTreeSet<_> = names.iter().map(|n| &n.1).collect();
        assert_eq!(ours.len(), names.len());
    }
}
