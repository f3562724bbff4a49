//! Convolutions by windows of 3 x 3 with 2.25 times fewer products: Winograd's F(2×2, 3×3).
//!
//! A tile of 4×4 input values becomes 16 sums and differences of them; each is multiplied with the
//! weights transformed alike, which is one product of matrices over all channels; 2×2 outputs are
//! sums and differences of the 16 products. The transforms have no factors but ±1 (on the input and
//! the output) and ½ (on the weights), so next to nothing is lost: at most some 1e-6 of the largest
//! value in float32. After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
//! 2015.

use super::conv::Clamp;
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};
use std::cell::RefCell;

/// Values of a transformed tile.
const POINTS: usize = 16;
/// Channels below which the transforms cost more than they save.
const MIN_CHANNELS: usize = 48;
/// Vectors of output channels in a tile of products.
const VECTORS: usize = 2;

thread_local! {
    /// A thread's transformed tiles and their products; grows to what the largest layer needs.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// A 3×3 convolution of stride 1 with its weights transformed.
#[derive(Debug)]
pub(super) struct Winograd {
    inputs: usize,
    outputs: usize,
    /// `[points, blocks, inputs, block]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
    block: usize,
}

/// Some rows of tiles: where their maps lie.
pub(super) struct Tiles<'a> {
    /// The input from the first tile's first value on.
    pub input: &'a [f32],
    /// Values from a row of the input to the next.
    pub input_pitch: usize,
    /// What is added, from the first output's row on, and its pitch.
    pub add: Option<(&'a [f32], usize)>,
    pub clamp: Clamp,
    /// The output from the first pixel of the first row on.
    pub output: &'a mut [f32],
    pub output_pitch: usize,
    /// Tiles in a row, and rows of them.
    pub columns: usize,
    pub rows: usize,
}

struct Lanes;

impl SimdOp for Lanes {
    type Output = usize;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> usize {
        isa.f32().len()
    }
}

impl Winograd {
    /// Whether a convolution of so many channels is computed here: whole vectors, and enough of
    /// them that products outweigh the transforms.
    pub fn takes(inputs: usize, outputs: usize) -> bool {
        let lanes = Lanes.dispatch();
        let whole = |channels: usize| channels >= MIN_CHANNELS && channels.is_multiple_of(lanes);
        whole(inputs) && whole(outputs)
    }

    /// `weights` are `[outputs, inputs, 3, 3]`.
    pub fn new(inputs: usize, outputs: usize, weights: &[f32], bias: Option<&[f32]>) -> Self {
        let block = VECTORS * Lanes.dispatch();
        let blocks = outputs.div_ceil(block);
        let mut packed = vec![0.0; POINTS * blocks * inputs * block];
        for o in 0..outputs {
            for i in 0..inputs {
                let points = transformed(&weights[(o * inputs + i) * 9..][..9]);
                for (k, &point) in points.iter().enumerate() {
                    let row = (k * blocks + o / block) * inputs + i;
                    packed[row * block + o % block] = point as f32;
                }
            }
        }
        let mut sums = vec![0.0; outputs];
        if let Some(bias) = bias {
            sums.copy_from_slice(bias);
        }
        Self {
            inputs,
            outputs,
            weights: packed,
            bias: sums,
            block,
        }
    }

    /// Computes the outputs of some rows of tiles.
    pub fn run(&self, tiles: Tiles<'_>) {
        let count = tiles.rows * tiles.columns;
        let wide = self.bias.len().div_ceil(self.block) * self.block;
        let (taken, made) = (POINTS * count * self.inputs, POINTS * count * wide);
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.len() < taken + made {
                scratch.resize(taken + made, 0.0);
            }
            let (points, rest) = scratch.split_at_mut(taken);
            let products = &mut rest[..made];
            Transform {
                layer: self,
                tiles: &tiles,
                points,
            }
            .dispatch();
            Products {
                layer: self,
                count,
                points,
                products,
                wide,
            }
            .dispatch();
            Finish {
                layer: self,
                tiles,
                products,
                wide,
            }
            .dispatch();
        });
    }
}

/// A window of weights at the 16 points, in f64.
fn transformed(window: &[f32]) -> [f64; POINTS] {
    let half = |a: [f64; 3]| {
        let (outer, middle) = (a[0] + a[2], a[1]);
        [a[0], (outer + middle) / 2.0, (outer - middle) / 2.0, a[2]]
    };
    let at = |y: usize, x: usize| f64::from(window[3 * y + x]);
    let columns: [[f64; 4]; 3] = std::array::from_fn(|x| half(std::array::from_fn(|y| at(y, x))));
    let mut points = [0.0; POINTS];
    for y in 0..4 {
        let row = half(std::array::from_fn(|x| columns[x][y]));
        points[4 * y..][..4].copy_from_slice(&row);
    }
    points
}

/// From the input to `[points, tiles, inputs]`.
struct Transform<'a, 'b> {
    layer: &'a Winograd,
    tiles: &'a Tiles<'b>,
    points: &'a mut [f32],
}

impl SimdOp for Transform<'_, '_> {
    type Output = ();

    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "columns of a transform of both axes"
    )]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let lanes = ops.len();
        let channels = self.layer.inputs;
        let tiles = self.tiles;
        let count = tiles.rows * tiles.columns;
        for row in 0..tiles.rows {
            for column in 0..tiles.columns {
                let start = 2 * row * tiles.input_pitch + 2 * column * channels;
                let place = (row * tiles.columns + column) * channels;
                for c in (0..channels).step_by(lanes) {
                    let load = |y: usize, x: usize| {
                        let at = start + y * tiles.input_pitch + x * channels + c;
                        ops.load(&tiles.input[at..])
                    };
                    let mut rows = [[ops.zero(); 4]; 4];
                    for x in 0..4 {
                        let d = [load(0, x), load(1, x), load(2, x), load(3, x)];
                        rows[0][x] = ops.sub(d[0], d[2]);
                        rows[1][x] = ops.add(d[1], d[2]);
                        rows[2][x] = ops.sub(d[2], d[1]);
                        rows[3][x] = ops.sub(d[1], d[3]);
                    }
                    for (y, t) in rows.into_iter().enumerate() {
                        let points = [
                            ops.sub(t[0], t[2]),
                            ops.add(t[1], t[2]),
                            ops.sub(t[2], t[1]),
                            ops.sub(t[1], t[3]),
                        ];
                        for (x, point) in points.into_iter().enumerate() {
                            let at = (4 * y + x) * count * channels + place + c;
                            ops.store(point, &mut self.points[at..][..lanes]);
                        }
                    }
                }
            }
        }
    }
}

/// From `[points, tiles, inputs]` to `[points, tiles, wide]`.
struct Products<'a> {
    layer: &'a Winograd,
    count: usize,
    points: &'a [f32],
    products: &'a mut [f32],
    wide: usize,
}

impl SimdOp for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(mut self, isa: I) {
        // AVX2 has 16 registers, AVX-512 and NEON 32.
        match (isa.f32().len() == 8, self.count) {
            (true, 6..) => self.all::<I, 6>(isa),
            (false, 12..) => self.all::<I, 12>(isa),
            (_, 4..) => self.all::<I, 4>(isa),
            _ => self.all::<I, 1>(isa),
        }
    }
}

impl Products<'_> {
    #[inline(always)]
    fn all<I: Isa, const P: usize>(&mut self, isa: I) {
        let blocks = self.wide / self.layer.block;
        for point in 0..POINTS {
            for block in 0..blocks {
                let mut tile = 0;
                loop {
                    self.some::<I, P>(isa, point, block, tile);
                    if tile + P >= self.count {
                        break;
                    }
                    tile = (tile + P).min(self.count - P);
                }
            }
        }
    }

    /// `P` tiles by a block of outputs.
    #[inline(always)]
    fn some<I: Isa, const P: usize>(&mut self, isa: I, point: usize, block: usize, tile: usize) {
        let ops = isa.f32();
        let lanes = ops.len();
        let (inputs, size) = (self.layer.inputs, VECTORS * lanes);
        let blocks = self.wide / size;
        let start = (point * self.count + tile) * inputs;
        let rows: [&[f32]; P] =
            std::array::from_fn(|p| &self.points[start + p * inputs..][..inputs]);
        let weights = &self.layer.weights[(point * blocks + block) * inputs * size..];
        let weights = &weights[..inputs * size];
        let mut sums = [[ops.zero(); VECTORS]; P];
        for (i, weights) in weights.chunks_exact(size).enumerate() {
            let weights: [I::F32; VECTORS] =
                std::array::from_fn(|v| ops.load(&weights[v * lanes..]));
            for p in 0..P {
                let value = ops.splat(rows[p][i]);
                for v in 0..VECTORS {
                    sums[p][v] = ops.mul_add(value, weights[v], sums[p][v]);
                }
            }
        }
        for (p, sums) in sums.into_iter().enumerate() {
            let at = (point * self.count + tile + p) * self.wide + block * size;
            for (v, sum) in sums.into_iter().enumerate() {
                ops.store(sum, &mut self.products[at + v * lanes..][..lanes]);
            }
        }
    }
}

/// From `[points, tiles, wide]` to the output.
struct Finish<'a, 'b> {
    layer: &'a Winograd,
    tiles: Tiles<'b>,
    products: &'a [f32],
    wide: usize,
}

impl SimdOp for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "columns of a transform of both axes"
    )]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let lanes = ops.len();
        let channels = self.layer.outputs;
        let tiles = self.tiles;
        let count = tiles.rows * tiles.columns;
        let (low, high) = (ops.splat(tiles.clamp.low), ops.splat(tiles.clamp.high));
        for row in 0..tiles.rows {
            for column in 0..tiles.columns {
                let place = (row * tiles.columns + column) * self.wide;
                for c in (0..channels).step_by(lanes) {
                    let load =
                        |k: usize| ops.load(&self.products[k * count * self.wide + place + c..]);
                    let bias = ops.load(&self.layer.bias[c..]);
                    let mut rows = [[ops.zero(); 4]; 2];
                    for x in 0..4 {
                        let m = [load(x), load(4 + x), load(8 + x), load(12 + x)];
                        let (sum, difference) = (ops.add(m[1], m[2]), ops.sub(m[1], m[2]));
                        rows[0][x] = ops.add(m[0], sum);
                        rows[1][x] = ops.sub(difference, m[3]);
                    }
                    for (y, s) in rows.into_iter().enumerate() {
                        let (sum, difference) = (ops.add(s[1], s[2]), ops.sub(s[1], s[2]));
                        let pair = [ops.add(s[0], sum), ops.sub(difference, s[3])];
                        for (x, value) in pair.into_iter().enumerate() {
                            let pixel = (2 * column + x) * channels + c;
                            let value = ops.add(value, bias);
                            let value = match tiles.add {
                                Some((add, pitch)) => {
                                    let at = (2 * row + y) * pitch + pixel;
                                    ops.add(value, ops.load(&add[at..]))
                                }
                                None => value,
                            };
                            // NaN stays NaN: the bound comes first.
                            let value = ops.min(high, ops.max(low, value));
                            let at = (2 * row + y) * tiles.output_pitch + pixel;
                            ops.store(value, &mut tiles.output[at..][..lanes]);
                        }
                    }
                }
            }
        }
    }
}
