//! The operations a network is written in.
//!
//! One definition serves training and export: the network calls these, and an interpreter decides
//! what they do. `unmask-train` runs them on `burn` tensors with gradients; `unmask::graph` writes
//! them down as ONNX nodes.
//!
//! Interpreters never fail at a call: they note what is wrong (a missing or misshapen parameter,
//! say) and continue with a placeholder of the asked shape, so that one pass names every problem.

/// How a parameter starts.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightInit {
    /// All zeros.
    Zeros,
    /// All ones.
    Ones,
    /// Normal, mean 0, this standard deviation.
    Normal(f32),
    /// Uniform in ±`sqrt(6 / (fan_in + fan_out))`, the first axis being the outputs.
    XavierUniform,
    /// Uniform in ±`sqrt(3 / fan_in)`: `kaiming_uniform(a = 1)`, detectron2's `c2_xavier_fill`.
    C2Xavier,
    /// Uniform in ±`1 / sqrt(fan_in)`: PyTorch's default for linear layers and convolutions.
    TorchDefault {
        /// Inputs an output sees (a bias does not show it in its shape).
        fan_in: usize,
    },
    /// Normal, deviation `sqrt(2 / fan_out)`: detectron2's `c2_msra_fill`.
    Msra,
    /// Exactly these values.
    Values(Vec<f32>),
}

/// Which half of global masked attention a mask serves (fact: Mask2Anomaly, sec. 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PadSide {
    /// Keys inside the query's mask: logit ≥ 0.
    Foreground,
    /// Keys outside it: logit ≤ 0.
    Background,
}

/// Stride, padding and groups of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvOptions {
    /// Step on both axes.
    pub stride: usize,
    /// Zeros at the top, left, bottom and right.
    pub pads: [usize; 4],
    /// Groups of channels that do not mix; as many as channels in a depthwise convolution.
    pub groups: usize,
}

/// An interpreter of the network's operations. Shapes are NCHW for maps, `[N, tokens, C]` for
/// sequences. All values are float32.
pub trait NetworkOps {
    /// A value on its way through the network.
    type T: Clone;

    /// The shape of `x`.
    fn shape(&self, x: &Self::T) -> Vec<usize>;
    /// The parameter `name`; created with `init` where the interpreter starts from nothing.
    fn param(&mut self, name: &str, shape: &[usize], init: WeightInit) -> Self::T;
    /// A constant.
    fn constant(&mut self, shape: &[usize], values: &[f32]) -> Self::T;
    /// `name.{weight,bias,running_mean,running_var}` over axis 1 of NCHW, eps 1e-5. `frozen` uses
    /// the running statistics while training too.
    fn batch_norm(&mut self, x: &Self::T, name: &str, frozen: bool) -> Self::T;
    /// 2-D convolution, weight `[out, in, kh, kw]`, equal stride and zero padding on both axes.
    fn conv2d(
        &mut self,
        x: &Self::T,
        w: &Self::T,
        b: Option<&Self::T>,
        stride: usize,
        pad: usize,
    ) -> Self::T;
    /// 2-D convolution, weight `[out, in / groups, kh, kw]`, with a padding per side.
    fn conv2d_with(
        &mut self,
        x: &Self::T,
        w: &Self::T,
        b: Option<&Self::T>,
        options: ConvOptions,
    ) -> Self::T;
    /// `x · wᵀ + b` over the last axis, weight `[out, in]`.
    fn linear(&mut self, x: &Self::T, w: &Self::T, b: Option<&Self::T>) -> Self::T;
    /// Batched matrix product of the last two axes; leading axes equal.
    fn matmul(&mut self, a: &Self::T, b: &Self::T) -> Self::T;
    /// Group norm over NCHW, eps 1e-5.
    fn group_norm(
        &mut self,
        x: &Self::T,
        groups: usize,
        gamma: &Self::T,
        beta: &Self::T,
    ) -> Self::T;
    /// Layer norm over the last axis, eps 1e-5.
    fn layer_norm(&mut self, x: &Self::T, gamma: &Self::T, beta: &Self::T) -> Self::T;
    /// Max pool 3×3, stride 2, padding 1.
    fn max_pool3s2(&mut self, x: &Self::T) -> Self::T;
    /// max(x, 0).
    fn relu(&mut self, x: &Self::T) -> Self::T;
    /// min(max(x, 0), 6).
    fn relu6(&mut self, x: &Self::T) -> Self::T;
    /// x·Φ(x), the exact (erf) form.
    fn gelu(&mut self, x: &Self::T) -> Self::T;
    /// Softmax over the last axis.
    fn softmax(&mut self, x: &Self::T) -> Self::T;
    /// Sum; axes of length 1 broadcast, ranks are equal.
    fn add(&mut self, a: &Self::T, b: &Self::T) -> Self::T;
    /// Product; axes of length 1 broadcast, ranks are equal.
    fn mul(&mut self, a: &Self::T, b: &Self::T) -> Self::T;
    /// `x * by`.
    fn scale(&mut self, x: &Self::T, by: f32) -> Self::T;
    /// Same values, another shape.
    fn reshape(&mut self, x: &Self::T, shape: &[usize]) -> Self::T;
    /// Axes in another order: output axis `i` is input axis `order[i]`.
    fn permute(&mut self, x: &Self::T, order: &[usize]) -> Self::T;
    /// `len` entries of `axis` from `start`.
    fn slice(&mut self, x: &Self::T, axis: usize, start: usize, len: usize) -> Self::T;
    /// One after the other along `axis`.
    fn concat(&mut self, xs: &[&Self::T], axis: usize) -> Self::T;
    /// Zeros after the last entry of axes 2 and 3 (`bottom` rows, `right` columns).
    fn pad_bottom_right(&mut self, x: &Self::T, bottom: usize, right: usize) -> Self::T;
    /// Rows of a 2-D `table`, one per index: `[indices.len(), table columns]`.
    fn rows(&mut self, table: &Self::T, indices: &[usize]) -> Self::T;
    /// Bilinear resize of NCHW maps, half-pixel centres (`align_corners = false`), no antialias.
    fn resize(&mut self, x: &Self::T, h: usize, w: usize) -> Self::T;
    /// Repeats axis 0, of length 1, `n` times.
    fn repeat_batch(&mut self, x: &Self::T, n: usize) -> Self::T;
    /// No gradient flows back through here.
    fn detach(&mut self, x: &Self::T) -> Self::T;
    /// Additive attention mask from mask logits `[N, Q, keys]`: 0 where open, a large negative
    /// finite number where blocked. Foreground blocks logit < 0, background blocks logit > 0 (a
    /// logit of exactly 0 is open to both); a row with every key blocked is opened whole.
    fn attention_mask(&mut self, logits: &Self::T, side: PadSide) -> Self::T;
    /// Multi-scale deformable sampling (Deformable DETR, eq. 3).
    ///
    /// `value` `[N, tokens, heads, ch]` with the levels' tokens one after the other (`levels` =
    /// `(h, w)` each), `locations` `[N, Lq, heads, levels, points, 2]` as (x, y) in `[0, 1]` over
    /// the level, `weights` `[N, Lq, heads, levels, points]`. Bilinear, zeros outside, pixel centres
    /// at (i + 0.5) / size. Returns `[N, Lq, heads * ch]`.
    fn deformable_sample(
        &mut self,
        value: &Self::T,
        levels: &[(usize, usize)],
        locations: &Self::T,
        weights: &Self::T,
    ) -> Self::T;
}
