//! The network's operations on `burn` tensors, with gradients where the device records them.

use crate::params::Params;
use burn::tensor::ops::{
    ConvOptions, GridSampleOptions, GridSamplePaddingMode, InterpolateMode, InterpolateOptions,
};
use burn::tensor::{Device, Int, Tensor, TensorData, activation, module};
use unmask_network::ops::{Init, Ops, Side};

/// What a blocked key's score is lowered by: `exp` of it is 0 in float32.
const BLOCKED: f32 = -1e4;
const EPS: f64 = 1e-5;
/// Running statistics move by this share of each batch (PyTorch's default).
const MOMENTUM: f64 = 0.1;

/// A tensor of any rank from 1 to 6.
#[derive(Clone, Debug)]
pub enum Value {
    /// Rank 1.
    R1(Tensor<1>),
    /// Rank 2.
    R2(Tensor<2>),
    /// Rank 3.
    R3(Tensor<3>),
    /// Rank 4.
    R4(Tensor<4>),
    /// Rank 5.
    R5(Tensor<5>),
    /// Rank 6.
    R6(Tensor<6>),
}

/// `op` on the tensor inside, whatever its rank; the rank stays.
macro_rules! each {
    ($value:expr, $t:ident => $op:expr) => {
        match $value.clone() {
            Value::R1($t) => Value::R1($op),
            Value::R2($t) => Value::R2($op),
            Value::R3($t) => Value::R3($op),
            Value::R4($t) => Value::R4($op),
            Value::R5($t) => Value::R5($op),
            Value::R6($t) => Value::R6($op),
        }
    };
}

/// `op` on the tensor inside, whatever its rank, to something without one.
macro_rules! read {
    ($value:expr, $t:ident => $op:expr) => {
        match $value {
            Value::R1($t) => $op,
            Value::R2($t) => $op,
            Value::R3($t) => $op,
            Value::R4($t) => $op,
            Value::R5($t) => $op,
            Value::R6($t) => $op,
        }
    };
}

macro_rules! both {
    ($a:expr, $b:expr, $x:ident, $y:ident => $op:expr) => {
        match ($a.clone(), $b.clone()) {
            (Value::R1($x), Value::R1($y)) => Value::R1($op),
            (Value::R2($x), Value::R2($y)) => Value::R2($op),
            (Value::R3($x), Value::R3($y)) => Value::R3($op),
            (Value::R4($x), Value::R4($y)) => Value::R4($op),
            (Value::R5($x), Value::R5($y)) => Value::R5($op),
            (Value::R6($x), Value::R6($y)) => Value::R6($op),
            (a, b) => panic!("ranks differ: {:?} and {:?}", a.shape(), b.shape()),
        }
    };
}

impl Value {
    /// The tensor's shape.
    pub fn shape(&self) -> Vec<usize> {
        read!(self, t => t.dims().to_vec())
    }

    /// The tensor of rank 4.
    ///
    /// # Panics
    /// Where the rank is another: the network's definition decides it, not the user.
    pub fn r4(&self) -> Tensor<4> {
        match self {
            Value::R4(t) => t.clone(),
            other => panic!("rank 4 wanted, shape {:?}", other.shape()),
        }
    }

    /// The tensor of rank 3.
    ///
    /// # Panics
    /// Where the rank is another.
    pub fn r3(&self) -> Tensor<3> {
        match self {
            Value::R3(t) => t.clone(),
            other => panic!("rank 3 wanted, shape {:?}", other.shape()),
        }
    }

    fn r2(&self) -> Tensor<2> {
        match self {
            Value::R2(t) => t.clone(),
            other => panic!("rank 2 wanted, shape {:?}", other.shape()),
        }
    }

    fn r1(&self) -> Tensor<1> {
        match self {
            Value::R1(t) => t.clone(),
            other => panic!("rank 1 wanted, shape {:?}", other.shape()),
        }
    }

    /// Values in row-major order.
    pub fn to_vec(&self) -> Vec<f32> {
        read!(self, t => t.to_data().try_to_vec::<f32>().expect("float32 values"))
    }

    fn reshaped(&self, shape: &[usize]) -> Value {
        fn go<const D: usize>(v: &Value, shape: &[usize]) -> Tensor<D> {
            let mut to = [0; D];
            to.copy_from_slice(shape);
            read!(v, t => t.clone().reshape::<D, _>(to))
        }
        match shape.len() {
            1 => Value::R1(go(self, shape)),
            2 => Value::R2(go(self, shape)),
            3 => Value::R3(go(self, shape)),
            4 => Value::R4(go(self, shape)),
            5 => Value::R5(go(self, shape)),
            6 => Value::R6(go(self, shape)),
            n => panic!("rank {n} is beyond what the network uses"),
        }
    }
}

/// How deformable sampling is computed; the values are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Rows gathered by index: fastest on CPUs.
    Rows,
    /// `grid_sample`: for GPUs, where row gathers run serially.
    Grid,
}

/// Runs the network on `burn` tensors.
#[derive(Debug)]
pub struct BurnOps<'a> {
    params: &'a mut Params,
    device: Device,
    /// Batch statistics in the norms, and their running averages moved.
    training: bool,
    sampling: Sampling,
    /// Burn has no gradient for `interpolate` on GPUs: two constant products do the same.
    resize_by_products: bool,
}

impl<'a> BurnOps<'a> {
    /// An interpreter over `params`; `training` uses and moves batch statistics.
    pub fn new(params: &'a mut Params, training: bool) -> Self {
        let device = params.device().clone();
        Self {
            params,
            device,
            training,
            sampling: Sampling::Rows,
            resize_by_products: false,
        }
    }

    /// The forms that GPUs run well.
    pub fn for_gpu(mut self) -> Self {
        self.sampling = Sampling::Grid;
        self.resize_by_products = true;
        self
    }

    /// Another way to sample.
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
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

impl Ops for BurnOps<'_> {
    type T = Value;

    fn shape(&self, x: &Value) -> Vec<usize> {
        x.shape()
    }

    fn param(&mut self, name: &str, shape: &[usize], init: Init) -> Value {
        let flat = self
            .params
            .get_or_init(name, shape, init, true)
            .value
            .clone();
        Value::R1(flat).reshaped(shape)
    }

    fn constant(&mut self, shape: &[usize], values: &[f32]) -> Value {
        Value::R1(self.tensor([values.len()], values)).reshaped(shape)
    }

    fn batch_norm(&mut self, x: &Value, name: &str, frozen: bool) -> Value {
        let x = x.r4();
        let [n, c, h, w] = x.dims();
        let mut get = |part: &str, init: Init, trained: bool| {
            self.params
                .get_or_init(&format!("{name}.{part}"), &[c], init, trained)
                .value
                .clone()
        };
        let gamma = get("weight", Init::Ones, true);
        let beta = get("bias", Init::Zeros, true);
        let mean = get("running_mean", Init::Zeros, false);
        let var = get("running_var", Init::Ones, false);
        if !self.training || frozen {
            return Value::R4(module::batch_norm(x, gamma, beta, mean, var, EPS));
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
        Value::R4(out.output)
    }

    fn conv2d(
        &mut self,
        x: &Value,
        w: &Value,
        b: Option<&Value>,
        stride: usize,
        pad: usize,
    ) -> Value {
        let options = ConvOptions::new([stride; 2], [pad; 2], [1, 1], 1);
        Value::R4(module::conv2d(x.r4(), w.r4(), b.map(Value::r1), options))
    }

    fn linear(&mut self, x: &Value, w: &Value, b: Option<&Value>) -> Value {
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
        Value::R2(y).reshaped(&shape)
    }

    fn matmul(&mut self, a: &Value, b: &Value) -> Value {
        both!(a, b, x, y => x.matmul(y))
    }

    fn group_norm(&mut self, x: &Value, groups: usize, gamma: &Value, beta: &Value) -> Value {
        let x = x.r4();
        let [n, c, h, w] = x.dims();
        let flat = x.reshape([n, groups, c / groups * h * w]);
        let centred = flat.clone() - flat.mean_dim(2);
        let var = centred.clone().square().mean_dim(2);
        let y = (centred / (var + EPS).sqrt()).reshape([n, c, h, w]);
        let gamma = gamma.r1().reshape([1, c, 1, 1]);
        Value::R4(y * gamma + beta.r1().reshape([1, c, 1, 1]))
    }

    fn layer_norm(&mut self, x: &Value, gamma: &Value, beta: &Value) -> Value {
        each!(x, t => module::layer_norm(t, gamma.r1(), Some(beta.r1()), EPS))
    }

    fn max_pool3s2(&mut self, x: &Value) -> Value {
        let options = burn::tensor::ops::MaxPoolOptions::new([3, 3])
            .with_stride([2, 2])
            .with_padding([1, 1]);
        Value::R4(module::max_pool2d(x.r4(), options))
    }

    fn relu(&mut self, x: &Value) -> Value {
        each!(x, t => activation::relu(t))
    }

    fn gelu(&mut self, x: &Value) -> Value {
        each!(x, t => activation::gelu(t))
    }

    fn softmax(&mut self, x: &Value) -> Value {
        let last = x.shape().len() - 1;
        each!(x, t => activation::softmax(t, last))
    }

    fn add(&mut self, a: &Value, b: &Value) -> Value {
        both!(a, b, x, y => x + y)
    }

    fn mul(&mut self, a: &Value, b: &Value) -> Value {
        both!(a, b, x, y => x * y)
    }

    fn scale(&mut self, x: &Value, by: f32) -> Value {
        each!(x, t => t.mul_scalar(by))
    }

    fn reshape(&mut self, x: &Value, shape: &[usize]) -> Value {
        x.reshaped(shape)
    }

    fn permute(&mut self, x: &Value, order: &[usize]) -> Value {
        fn axes<const D: usize>(order: &[usize]) -> [usize; D] {
            let mut to = [0; D];
            to.copy_from_slice(order);
            to
        }
        each!(x, t => t.permute(axes(order)))
    }

    fn slice(&mut self, x: &Value, axis: usize, start: usize, len: usize) -> Value {
        each!(x, t => t.narrow(axis, start, len))
    }

    fn concat(&mut self, xs: &[&Value], axis: usize) -> Value {
        macro_rules! cat {
            ($($rank:ident),*) => {
                match xs[0] {
                    $(Value::$rank(_) => Value::$rank(Tensor::cat(
                        xs.iter()
                            .map(|x| match x {
                                Value::$rank(t) => t.clone(),
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

    fn pad_bottom_right(&mut self, x: &Value, bottom: usize, right: usize) -> Value {
        Value::R4(x.r4().pad((0, right, 0, bottom), 0.0))
    }

    fn rows(&mut self, table: &Value, indices: &[usize]) -> Value {
        let indices = self.ints(indices.iter().map(|&i| i as i32).collect());
        Value::R2(table.r2().select(0, indices))
    }

    fn resize(&mut self, x: &Value, h: usize, w: usize) -> Value {
        let x = x.r4();
        let [n, c, h0, w0] = x.dims();
        if (h, w) == (h0, w0) {
            return Value::R4(x);
        }
        if !self.resize_by_products {
            let options = InterpolateOptions::new(InterpolateMode::Bilinear)
                .with_output_size([h, w])
                .with_align_corners(false);
            return Value::R4(module::interpolate(x, options));
        }
        let across = self.tensor([w, w0], &resize_matrix(w0, w)).transpose();
        let down = self.tensor([h, h0], &resize_matrix(h0, h));
        let y = x
            .reshape([n * c * h0, w0])
            .matmul(across)
            .reshape([n * c, h0, w]);
        let y = down.unsqueeze::<3>().expand([n * c, h, h0]).matmul(y);
        Value::R4(y.reshape([n, c, h, w]))
    }

    fn repeat_batch(&mut self, x: &Value, n: usize) -> Value {
        each!(x, t => t.repeat_dim(0, n))
    }

    fn detach(&mut self, x: &Value) -> Value {
        each!(x, t => t.detach())
    }

    fn attention_mask(&mut self, logits: &Value, side: Side) -> Value {
        let logits = logits.r3();
        let blocked = match side {
            Side::Foreground => logits.lower_scalar(0.0),
            Side::Background => logits.greater_scalar(0.0),
        };
        // 1 where a row has an open key: a row without one is opened whole.
        let any_open = blocked.clone().all_dim(2).bool_not().float();
        Value::R3(blocked.float() * any_open * BLOCKED)
    }

    fn deformable_sample(
        &mut self,
        value: &Value,
        levels: &[(usize, usize)],
        locations: &Value,
        weights: &Value,
    ) -> Value {
        match self.sampling {
            Sampling::Rows => self.sample_rows(value, levels, locations, weights),
            Sampling::Grid => self.sample_grid(value, levels, locations, weights),
        }
    }
}

impl BurnOps<'_> {
    /// The four corners of every sample as rows of one `[N * tokens * heads, ch]` table.
    fn sample_rows(
        &self,
        value: &Value,
        levels: &[(usize, usize)],
        locations: &Value,
        weights: &Value,
    ) -> Value {
        let s = value.shape();
        let (n, tokens, heads, ch) = (s[0], s[1], s[2], s[3]);
        let s = locations.shape();
        let (queries, points) = (s[1], s[4]);
        let taps = levels.len() * points;
        let table = value.reshaped(&[n * tokens * heads, ch]).r2();
        // [N, Lq, heads, taps] for x and y, in cells of the tap's level.
        let at = locations.reshaped(&[n, queries * heads, taps, 2]).r4();
        let per_tap = |f: &dyn Fn(usize, (usize, usize)) -> f32| -> Tensor<3> {
            let mut out = Vec::with_capacity(taps);
            let mut first = 0;
            for &(h, w) in levels {
                out.extend(std::iter::repeat_n(f(first, (h, w)), points));
                first += h * w;
            }
            self.tensor([1, 1, taps], &out)
        };
        let wide = per_tap(&|_, (_, w)| w as f32);
        let high = per_tap(&|_, (h, _)| h as f32);
        let first = per_tap(&|first, _| first as f32);
        let x = at.clone().narrow(3, 0, 1).squeeze_dim::<3>(3) * wide.clone() - 0.5;
        let y = at.narrow(3, 1, 1).squeeze_dim::<3>(3) * high.clone() - 0.5;
        let (x0, y0) = (x.clone().detach().floor(), y.clone().detach().floor());
        let (fx, fy) = (x - x0.clone(), y - y0.clone());
        let weights = weights.reshaped(&[n, queries * heads, taps]).r3();

        // Row of (batch b, token t, head k) is (b * tokens + t) * heads + k; float32 holds these
        // whole numbers exactly up to 2^24.
        debug_assert!(n * tokens * heads < 1 << 24);
        let mut base = Vec::with_capacity(n * queries * heads);
        for b in 0..n {
            for _ in 0..queries {
                base.extend((0..heads).map(|k| (b * tokens * heads + k) as f32));
            }
        }
        let base = self.tensor([n, queries * heads, 1], &base);
        let mut sum: Option<Tensor<2>> = None;
        for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let share = |f: &Tensor<3>, d: f32| {
                if d == 0.0 {
                    f.clone().neg() + 1.0
                } else {
                    f.clone()
                }
            };
            let (cx, cy) = (x0.clone() + dx, y0.clone() + dy);
            let inside = |c: &Tensor<3>, n: &Tensor<3>| {
                let low = c.clone().greater_equal_scalar(0.0);
                low.bool_and(c.clone().lower(n.clone().expand(c.shape())))
                    .float()
            };
            let ok = inside(&cx, &wide) * inside(&cy, &high);
            let token = first.clone() + cy * wide.clone() + cx;
            let row = (token * heads as f32 + base.clone()) * ok.clone();
            let rows = table
                .clone()
                .select(0, row.reshape([n * queries * heads * taps]).int());
            let factor = share(&fx, dx) * share(&fy, dy) * ok * weights.clone();
            // A product of tiny matrices a sample would be slower than this by far.
            let part = rows.reshape([n * queries * heads, taps, ch]);
            let factor = factor.reshape([n * queries * heads, taps, 1]);
            let part = (part * factor)
                .sum_dim(1)
                .reshape([n * queries * heads, ch]);
            sum = Some(match sum {
                Some(sum) => sum + part,
                None => part,
            });
        }
        let sum = sum.expect("four corners");
        Value::R3(sum.reshape([n, queries, heads * ch]))
    }

    /// `grid_sample` a level, zeros outside, pixel centres at (i + 0.5) / size.
    fn sample_grid(
        &self,
        value: &Value,
        levels: &[(usize, usize)],
        locations: &Value,
        weights: &Value,
    ) -> Value {
        let s = value.shape();
        let (n, heads, ch) = (s[0], s[2], s[3]);
        let s = locations.shape();
        let (queries, points) = (s[1], s[4]);
        let value = value.r4().permute([0, 2, 3, 1]);
        let grids = locations
            .reshaped(&[n, queries, heads, levels.len() * points * 2])
            .r4();
        let grids = grids.permute([0, 2, 1, 3]) * 2.0 - 1.0;
        let mut start = 0;
        let mut samples = Vec::with_capacity(levels.len());
        for (i, &(h, w)) in levels.iter().enumerate() {
            let map = value
                .clone()
                .narrow(3, start, h * w)
                .reshape([n * heads, ch, h, w]);
            start += h * w;
            let grid = grids.clone().narrow(3, i * points * 2, points * 2);
            let grid = grid.reshape([n * heads, queries, points, 2]);
            let options = GridSampleOptions::new(InterpolateMode::Bilinear)
                .with_padding_mode(GridSamplePaddingMode::Zeros)
                .with_align_corners(false);
            samples.push(map.grid_sample_2d(grid, options));
        }
        let samples = Tensor::cat(samples, 3);
        let weights = weights
            .reshaped(&[n, queries, heads, levels.len() * points])
            .r4();
        let weights = weights.permute([0, 2, 1, 3]);
        let weights = weights.reshape([n * heads, 1, queries, levels.len() * points]);
        let y = (samples * weights)
            .sum_dim(3)
            .reshape([n, heads * ch, queries]);
        Value::R3(y.permute([0, 2, 1]))
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
