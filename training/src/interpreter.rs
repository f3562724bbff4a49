//! The network's operations on `burn` tensors, with gradients where the device records them.

mod sampling;
#[macro_use]
mod value;

use crate::params::ParamStore;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Int, Tensor, TensorData, activation, module};
use unmask_network::ops::{ConvOptions, NetworkOps, PadSide, WeightInit};
pub use value::BurnValue;

/// What a blocked key's score is lowered by: `exp` of it is 0 in float32.
const BLOCKED: f32 = -1e4;
const EPS: f64 = 1e-5;
/// Running statistics move by this share of each batch (PyTorch's default).
const MOMENTUM: f64 = 0.1;

/// How deformable sampling is computed; the values are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplingBackend {
    /// Rows gathered by index: fastest on CPUs.
    Rows,
    /// `grid_sample`: for GPUs, where row gathers run serially.
    Grid,
}

/// Runs the network on `burn` tensors.
#[derive(Debug)]
pub struct BurnOps<'a> {
    params: &'a mut ParamStore,
    device: Device,
    /// Batch statistics in the norms, and their running averages moved.
    training: bool,
    sampling: SamplingBackend,
    /// Burn has no gradient for `interpolate` on GPUs: two constant products do the same.
    resize_by_products: bool,
    /// Parameters whose names start with one of these get no gradient.
    frozen: Vec<String>,
}

impl<'a> BurnOps<'a> {
    /// An interpreter over `params`; `training` uses and moves batch statistics.
    pub fn new(params: &'a mut ParamStore, training: bool) -> Self {
        let device = params.device().clone();
        Self {
            params,
            device,
            training,
            sampling: SamplingBackend::Rows,
            resize_by_products: false,
            frozen: Vec::new(),
        }
    }

    /// Without gradients for parameters whose names start with one of `prefixes`. Layers before the
    /// first parameter with a gradient then cost no memory and no backward pass.
    pub fn with_frozen(mut self, prefixes: Vec<String>) -> Self {
        self.frozen = prefixes;
        self
    }

    /// `value` of the parameter `name`, cut off from its gradient where it is frozen.
    fn unless_frozen(&self, name: &str, value: Tensor<1>) -> Tensor<1> {
        if self.frozen.iter().any(|prefix| name.starts_with(prefix)) {
            value.detach()
        } else {
            value
        }
    }

    /// The forms that GPUs run well.
    pub fn for_gpu(mut self) -> Self {
        self.sampling = SamplingBackend::Grid;
        self.resize_by_products = true;
        self
    }

    /// Another way to sample.
    pub fn with_sampling(mut self, sampling: SamplingBackend) -> Self {
        self.sampling = sampling;
        self
    }

    fn tensor<const D: usize>(&self, shape: [usize; D], values: &[f32]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &self.device)
    }

    fn ints(&self, values: Vec<i32>) -> Tensor<1, Int> {
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), &self.device)
    }
}

impl NetworkOps for BurnOps<'_> {
    type T = BurnValue;

    fn shape(&self, x: &BurnValue) -> Vec<usize> {
        x.shape()
    }

    fn param(&mut self, name: &str, shape: &[usize], init: WeightInit) -> BurnValue {
        let flat = self
            .params
            .get_or_init(name, shape, init, true)
            .value
            .clone();
        BurnValue::R1(self.unless_frozen(name, flat)).reshaped(shape)
    }

    fn constant(&mut self, shape: &[usize], values: &[f32]) -> BurnValue {
        BurnValue::R1(self.tensor([values.len()], values)).reshaped(shape)
    }

    fn batch_norm(&mut self, x: &BurnValue, name: &str, frozen: bool) -> BurnValue {
        let x = x.r4();
        let [n, c, h, w] = x.dims();
        let mut get = |part: &str, init: WeightInit, trained: bool| {
            let name = format!("{name}.{part}");
            let value = self.params.get_or_init(&name, &[c], init, trained);
            let value = value.value.clone();
            self.unless_frozen(&name, value)
        };
        let gamma = get("weight", WeightInit::Ones, true);
        let beta = get("bias", WeightInit::Zeros, true);
        let mean = get("running_mean", WeightInit::Zeros, false);
        let var = get("running_var", WeightInit::Ones, false);
        if !self.training || frozen {
            return BurnValue::R4(module::batch_norm(x, gamma, beta, mean, var, EPS));
        }
        let out = module::batch_norm_train(x, gamma, beta, EPS);
        // The running variance is the unbiased one, as in PyTorch.
        let count = (n * h * w) as f64;
        let unbiased = out.variance.detach() * (count / (count - 1.0).max(1.0));
        let moved = |old: Tensor<1>, new: Tensor<1>| old * (1.0 - MOMENTUM) + new * MOMENTUM;
        self.params.set(
            &format!("{name}.running_mean"),
            moved(mean, out.mean.detach()),
        );
        self.params
            .set(&format!("{name}.running_var"), moved(var, unbiased));
        BurnValue::R4(out.output)
    }

    fn conv2d(
        &mut self,
        x: &BurnValue,
        w: &BurnValue,
        b: Option<&BurnValue>,
        stride: usize,
        pad: usize,
    ) -> BurnValue {
        let options = ConvOptions {
            stride,
            pads: [pad; 4],
            groups: 1,
        };
        self.conv2d_with(x, w, b, options)
    }

    fn conv2d_with(
        &mut self,
        x: &BurnValue,
        w: &BurnValue,
        b: Option<&BurnValue>,
        options: ConvOptions,
    ) -> BurnValue {
        let [top, left, bottom, right] = options.pads;
        let mut x = x.r4();
        let mut pads = [top, left];
        if top != bottom || left != right {
            x = x.pad((left, right, top, bottom), 0.0);
            pads = [0, 0];
        }
        let options =
            burn::tensor::ops::ConvOptions::new([options.stride; 2], pads, [1, 1], options.groups);
        BurnValue::R4(module::conv2d(x, w.r4(), b.map(BurnValue::r1), options))
    }

    fn linear(&mut self, x: &BurnValue, w: &BurnValue, b: Option<&BurnValue>) -> BurnValue {
        let shape = x.shape();
        let inputs = *shape.last().expect("a linear layer's input has an axis");
        // One product over all rows: batched products of the same weight are slower everywhere.
        let rows = shape.iter().product::<usize>() / inputs;
        let mut y = x.reshaped(&[rows, inputs]).r2().matmul(w.r2().transpose());
        if let Some(b) = b {
            y = y + b.r1().unsqueeze::<2>();
        }
        let mut shape = shape;
        *shape
            .last_mut()
            .expect("a linear layer's input has an axis") = y.dims()[1];
        BurnValue::R2(y).reshaped(&shape)
    }

    fn matmul(&mut self, a: &BurnValue, b: &BurnValue) -> BurnValue {
        both!(a, b, x, y => x.matmul(y))
    }

    fn group_norm(
        &mut self,
        x: &BurnValue,
        groups: usize,
        gamma: &BurnValue,
        beta: &BurnValue,
    ) -> BurnValue {
        let x = x.r4();
        let [n, c, h, w] = x.dims();
        let flat = x.reshape([n, groups, c / groups * h * w]);
        let centred = flat.clone() - flat.mean_dim(2);
        let var = centred.clone().square().mean_dim(2);
        let y = (centred / (var + EPS).sqrt()).reshape([n, c, h, w]);
        let gamma = gamma.r1().reshape([1, c, 1, 1]);
        BurnValue::R4(y * gamma + beta.r1().reshape([1, c, 1, 1]))
    }

    fn layer_norm(&mut self, x: &BurnValue, gamma: &BurnValue, beta: &BurnValue) -> BurnValue {
        each!(x, t => module::layer_norm(t, gamma.r1(), Some(beta.r1()), EPS))
    }

    fn max_pool3s2(&mut self, x: &BurnValue) -> BurnValue {
        let options = burn::tensor::ops::MaxPoolOptions::new([3, 3])
            .with_stride([2, 2])
            .with_padding([1, 1]);
        BurnValue::R4(module::max_pool2d(x.r4(), options))
    }

    fn relu(&mut self, x: &BurnValue) -> BurnValue {
        each!(x, t => activation::relu(t))
    }

    fn relu6(&mut self, x: &BurnValue) -> BurnValue {
        each!(x, t => t.clamp(0.0, 6.0))
    }

    fn gelu(&mut self, x: &BurnValue) -> BurnValue {
        each!(x, t => activation::gelu(t))
    }

    fn softmax(&mut self, x: &BurnValue) -> BurnValue {
        let last = x.shape().len() - 1;
        each!(x, t => activation::softmax(t, last))
    }

    fn add(&mut self, a: &BurnValue, b: &BurnValue) -> BurnValue {
        both!(a, b, x, y => x + y)
    }

    fn mul(&mut self, a: &BurnValue, b: &BurnValue) -> BurnValue {
        both!(a, b, x, y => x * y)
    }

    fn scale(&mut self, x: &BurnValue, by: f32) -> BurnValue {
        each!(x, t => t.mul_scalar(by))
    }

    fn reshape(&mut self, x: &BurnValue, shape: &[usize]) -> BurnValue {
        x.reshaped(shape)
    }

    fn permute(&mut self, x: &BurnValue, order: &[usize]) -> BurnValue {
        fn axes<const D: usize>(order: &[usize]) -> [usize; D] {
            let mut to = [0; D];
            to.copy_from_slice(order);
            to
        }
        each!(x, t => t.permute(axes(order)))
    }

    fn slice(&mut self, x: &BurnValue, axis: usize, start: usize, len: usize) -> BurnValue {
        each!(x, t => t.narrow(axis, start, len))
    }

    fn concat(&mut self, xs: &[&BurnValue], axis: usize) -> BurnValue {
        macro_rules! cat {
            ($($rank:ident),*) => {
                match xs[0] {
                    $(BurnValue::$rank(_) => BurnValue::$rank(Tensor::cat(
                        xs.iter()
                            .map(|x| match x {
                                BurnValue::$rank(t) => t.clone(),
                                other => panic!("ranks differ: {:?}", other.shape()),
                            })
                            .collect(),
                        axis,
                    )),)*
                }
            };
        }
        cat!(R1, R2, R3, R4, R5, R6)
    }

    fn pad_bottom_right(&mut self, x: &BurnValue, bottom: usize, right: usize) -> BurnValue {
        BurnValue::R4(x.r4().pad((0, right, 0, bottom), 0.0))
    }

    fn rows(&mut self, table: &BurnValue, indices: &[usize]) -> BurnValue {
        let indices = self.ints(indices.iter().map(|&i| i as i32).collect());
        BurnValue::R2(table.r2().select(0, indices))
    }

    fn resize(&mut self, x: &BurnValue, h: usize, w: usize) -> BurnValue {
        let x = x.r4();
        let [n, c, h0, w0] = x.dims();
        if (h, w) == (h0, w0) {
            return BurnValue::R4(x);
        }
        if !self.resize_by_products {
            let options = InterpolateOptions::new(InterpolateMode::Bilinear)
                .with_output_size([h, w])
                .with_align_corners(false);
            return BurnValue::R4(module::interpolate(x, options));
        }
        let across = self.tensor([w, w0], &resize_matrix(w0, w)).transpose();
        let down = self.tensor([h, h0], &resize_matrix(h0, h));
        let y = x
            .reshape([n * c * h0, w0])
            .matmul(across)
            .reshape([n * c, h0, w]);
        let y = down.unsqueeze::<3>().expand([n * c, h, h0]).matmul(y);
        BurnValue::R4(y.reshape([n, c, h, w]))
    }

    fn repeat_batch(&mut self, x: &BurnValue, n: usize) -> BurnValue {
        each!(x, t => t.repeat_dim(0, n))
    }

    fn detach(&mut self, x: &BurnValue) -> BurnValue {
        each!(x, t => t.detach())
    }

    fn attention_mask(&mut self, logits: &BurnValue, side: PadSide) -> BurnValue {
        let logits = logits.r3();
        let blocked = match side {
            PadSide::Foreground => logits.lower_scalar(0.0),
            PadSide::Background => logits.greater_scalar(0.0),
        };
        // 1 where a row has an open key: a row without one is opened whole.
        let any_open = blocked.clone().all_dim(2).bool_not().float();
        BurnValue::R3(blocked.float() * any_open * BLOCKED)
    }

    fn deformable_sample(
        &mut self,
        value: &BurnValue,
        levels: &[(usize, usize)],
        locations: &BurnValue,
        weights: &BurnValue,
    ) -> BurnValue {
        match self.sampling {
            SamplingBackend::Rows => self.sample_rows(value, levels, locations, weights),
            SamplingBackend::Grid => self.sample_grid(value, levels, locations, weights),
        }
    }
}

/// Bilinear resize of one axis as a matrix `[to, from]`, half-pixel centres.
fn resize_matrix(from: usize, to: usize) -> Vec<f32> {
    let mut out = vec![0.0; to * from];
    let scale = from as f32 / to as f32;
    for i in 0..to {
        let at = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
        let low = (at as usize).min(from - 1);
        let high = (low + 1).min(from - 1);
        let share = at - low as f32;
        out[i * from + low] += 1.0 - share;
        out[i * from + high] += share;
    }
    out
}
