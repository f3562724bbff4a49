//! ResNet-18/34/50/101 in detectron2's layout: basic 7×7 stem, stride in the 3×3 convolution. Or
//! [`swin`] or [`efficientnet`], where the config asks for it.

use crate::config::NetworkConfig;
use crate::ops::{NetworkOps, WeightInit};
use crate::{efficientnet, swin};

/// Maps at 1/4, 1/8, 1/16 and 1/32 of `image` `[N,3,H,W]` (H and W multiples of 32).
pub fn forward<O: NetworkOps>(config: &NetworkConfig, ops: &mut O, image: &O::T) -> [O::T; 4] {
    if let Some(sizes) = &config.swin {
        return swin::forward(sizes, ops, image);
    }
    if let Some(variant) = config.efficientnet {
        return efficientnet::forward(variant, ops, image);
    }
    let frozen = config.frozen_norm;
    let x = conv_norm(
        ops,
        image,
        "backbone.stem.conv1",
        config.width,
        7,
        2,
        frozen,
    );
    let x = ops.relu(&x);
    let mut x = ops.max_pool3s2(&x);
    let blocks = config.stage_blocks();
    let channels = config.stage_channels();
    std::array::from_fn(|stage| {
        for block in 0..blocks[stage] {
            let name = format!("backbone.res{}.{block}", stage + 2);
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let mid = config.width << stage;
            x = residual(ops, &x, &name, mid, channels[stage], stride, config);
        }
        x.clone()
    })
}

/// A residual block: basic (two 3×3) where `mid == out`, else a bottleneck (1×1, 3×3, 1×1).
fn residual<O: NetworkOps>(
    ops: &mut O,
    x: &O::T,
    name: &str,
    mid: usize,
    out: usize,
    stride: usize,
    config: &NetworkConfig,
) -> O::T {
    let frozen = config.frozen_norm;
    let conv = |ops: &mut O, x: &O::T, part: &str, out, k, s| {
        conv_norm(ops, x, &format!("{name}.{part}"), out, k, s, frozen)
    };
    let short = if ops.shape(x)[1] != out || stride != 1 {
        conv(ops, x, "shortcut", out, 1, stride)
    } else {
        x.clone()
    };
    let y = if config.bottlenecks() {
        let y = conv(ops, x, "conv1", mid, 1, 1);
        let y = ops.relu(&y);
        let y = conv(ops, &y, "conv2", mid, 3, stride);
        let y = ops.relu(&y);
        conv(ops, &y, "conv3", out, 1, 1)
    } else {
        let y = conv(ops, x, "conv1", out, 3, stride);
        let y = ops.relu(&y);
        conv(ops, &y, "conv2", out, 3, 1)
    };
    let sum = ops.add(&y, &short);
    ops.relu(&sum)
}

fn conv_norm<O: NetworkOps>(
    ops: &mut O,
    x: &O::T,
    name: &str,
    out: usize,
    kernel: usize,
    stride: usize,
    frozen: bool,
) -> O::T {
    let inputs = ops.shape(x)[1];
    let w = ops.param(
        &format!("{name}.weight"),
        &[out, inputs, kernel, kernel],
        WeightInit::Msra,
    );
    let y = ops.conv2d(x, &w, None, stride, kernel / 2);
    ops.batch_norm(&y, &format!("{name}.norm"), frozen)
}
