//! Convolutions over channels-last maps.
//!
//! A tile of pixels by two vectors of output channels is held in registers while the window is
//! walked: an input value is broadcast, a row of weights is loaded, and every product is added to
//! its sum. Weights lie in the order in which they are read. Nothing is copied before (no im2col):
//! where the window is not dilated, its rows are contiguous.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, Simd, SimdOp};

/// Vectors of output channels in a tile.
const VECTORS: usize = 2;

/// A convolution's sizes, and its weights as the kernel reads them.
#[derive(Debug)]
pub(super) struct Conv {
    /// Output channels.
    channels: usize,
    /// Where the contiguous parts of a window begin, from its first value.
    parts: Vec<usize>,
    /// Values of a part: channels of the input, times the window's width where it is not dilated.
    run: usize,
    /// From a pixel's window to the next.
    step: usize,
    /// `[blocks, parts, run, block]`.
    weights: Vec<f32>,
    /// A block's multiple of channels.
    bias: Vec<f32>,
    block: usize,
    /// Each channel has a window of its own.
    depthwise: bool,
}

/// What the file says of a convolution.
pub(super) struct Sizes {
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Values from a row of the input to the next.
    pub pitch: usize,
    pub depthwise: bool,
}

/// What follows a convolution while its sums are in registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clamp {
    pub low: f32,
    pub high: f32,
}

impl Clamp {
    pub const NONE: Self = Self {
        low: f32::NEG_INFINITY,
        high: f32::INFINITY,
    };
}

/// Floats in a vector here.
struct Lanes;

impl SimdOp for Lanes {
    type Output = usize;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> usize {
        isa.f32().len()
    }
}

impl Conv {
    /// `weights` as the file has them: `[outputs, inputs, kernel]`, or `[channels, 1, kernel]`.
    pub fn new(sizes: &Sizes, weights: &[f32], bias: Option<&[f32]>) -> Self {
        let lanes = Lanes.dispatch();
        let block = match sizes.depthwise {
            true => lanes,
            false => VECTORS * lanes,
        };
        let blocks = sizes.outputs.div_ceil(block);
        let [kh, kw] = sizes.kernel;
        let inputs = if sizes.depthwise { 1 } else { sizes.inputs };
        let dense = sizes.dilation[1] == 1 && !sizes.depthwise;
        let mut parts = Vec::new();
        for y in 0..kh {
            let row = y * sizes.dilation[0] * sizes.pitch;
            match dense {
                true => parts.push(row),
                false => {
                    parts.extend((0..kw).map(|x| row + x * sizes.dilation[1] * sizes.inputs));
                }
            }
        }
        let run = if dense { kw * inputs } else { inputs };
        let taps = kh * kw * inputs;
        let mut packed = vec![0.0; blocks * taps * block];
        for o in 0..sizes.outputs {
            for i in 0..inputs {
                for tap in 0..kh * kw {
                    let place = (o / block * taps + tap * inputs + i) * block + o % block;
                    packed[place] = weights[(o * inputs + i) * kh * kw + tap];
                }
            }
        }
        let mut sums = vec![0.0; blocks * block];
        if let Some(bias) = bias {
            sums[..sizes.outputs].copy_from_slice(bias);
        }
        Self {
            channels: sizes.outputs,
            parts,
            run,
            step: sizes.stride[1] * sizes.inputs,
            weights: packed,
            bias: sums,
            block,
            depthwise: sizes.depthwise,
        }
    }

    /// Blocks of output channels.
    pub fn blocks(&self) -> usize {
        self.bias.len() / self.block
    }

    /// One block of channels of one row of the output, `[width, channels]`, from the input that
    /// begins with the row's first window; `add` lies as the output does.
    pub fn row(
        &self,
        block: usize,
        input: &[f32],
        add: Option<&[f32]>,
        clamp: Clamp,
        output: &mut [f32],
    ) {
        Row {
            conv: self,
            width: output.len() / self.channels,
            block,
            input,
            add,
            clamp,
            output,
        }
        .dispatch();
    }
}

struct Row<'a> {
    conv: &'a Conv,
    width: usize,
    block: usize,
    input: &'a [f32],
    add: Option<&'a [f32]>,
    clamp: Clamp,
    output: &'a mut [f32],
}

impl SimdOp for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(mut self, isa: I) {
        let width = self.width;
        // Fewest pixels computed twice at the end of a row.
        let covered = |pixels: usize| width.div_ceil(pixels) * pixels;
        let best = |wide: usize, narrow: usize| width >= wide && covered(wide) <= covered(narrow);
        // AVX2 has 16 registers, AVX-512 and NEON 32.
        match (isa.f32().len() == 8, self.conv.depthwise) {
            (_, true) if width >= 4 => self.pixels::<I, 4, 1>(isa),
            (_, true) => self.pixels::<I, 1, 1>(isa),
            (true, _) if best(6, 4) => self.pixels::<I, 6, VECTORS>(isa),
            (false, _) if best(12, 8) => self.pixels::<I, 12, VECTORS>(isa),
            (false, _) if width >= 8 => self.pixels::<I, 8, VECTORS>(isa),
            _ if width >= 4 => self.pixels::<I, 4, VECTORS>(isa),
            _ => self.pixels::<I, 1, VECTORS>(isa),
        }
    }
}

impl Row<'_> {
    /// The row in tiles of `P` pixels by `V` vectors; the last one may begin before the end of the
    /// one before.
    #[inline(always)]
    fn pixels<I: Isa, const P: usize, const V: usize>(&mut self, isa: I) {
        let mut x = 0;
        loop {
            match self.conv.depthwise {
                true => self.depthwise_tile::<I, P, V>(isa, x),
                false => self.tile::<I, P, V>(isa, x),
            }
            if x + P >= self.width {
                break;
            }
            x = (x + P).min(self.width - P);
        }
    }

    #[inline(always)]
    fn tile<I: Isa, const P: usize, const V: usize>(&mut self, isa: I, x: usize) {
        let ops = isa.f32();
        let lanes = ops.len();
        let conv = self.conv;
        let (run, block) = (conv.run, V * lanes);
        let mut sums = [[ops.zero(); V]; P];
        let size = run * block;
        let first = self.block * conv.parts.len() * size;
        for (k, part) in conv.parts.iter().enumerate() {
            let start = part + x * conv.step;
            let pixels: [&[f32]; P] =
                std::array::from_fn(|p| &self.input[start + p * conv.step..][..run]);
            let weights = &conv.weights[first + k * size..][..size];
            for (j, weights) in weights.chunks_exact(block).enumerate() {
                let weights: [I::F32; V] = std::array::from_fn(|v| ops.load(&weights[v * lanes..]));
                for p in 0..P {
                    let value = ops.splat(pixels[p][j]);
                    for v in 0..V {
                        sums[p][v] = ops.mul_add(value, weights[v], sums[p][v]);
                    }
                }
            }
        }
        self.finish::<I, P, V>(isa, x, &sums);
    }

    #[inline(always)]
    fn depthwise_tile<I: Isa, const P: usize, const V: usize>(&mut self, isa: I, x: usize) {
        let ops = isa.f32();
        let lanes = ops.len();
        let conv = self.conv;
        let channel = self.block * lanes;
        let whole = channel + lanes <= conv.channels;
        let mut sums = [[ops.zero(); V]; P];
        for (k, part) in conv.parts.iter().enumerate() {
            let weights = &conv.weights[(self.block * conv.parts.len() + k) * lanes..];
            let weights = ops.load(weights);
            let start = part + x * conv.step + channel;
            for (p, sums) in sums.iter_mut().enumerate() {
                let pixel = &self.input[start + p * conv.step..];
                let value = match whole {
                    true => ops.load(pixel),
                    false => ops.load_pad(&pixel[..conv.channels - channel]).0,
                };
                sums[0] = ops.mul_add(value, weights, sums[0]);
            }
        }
        self.finish::<I, P, V>(isa, x, &sums);
    }

    /// Bias, addition and bounds on the sums of a tile.
    #[inline(always)]
    fn finish<I: Isa, const P: usize, const V: usize>(
        &mut self,
        isa: I,
        x: usize,
        sums: &[[I::F32; V]; P],
    ) {
        let ops = isa.f32();
        let lanes = ops.len();
        let channels = self.conv.channels;
        let channel = self.block * V * lanes;
        let (low, high) = (ops.splat(self.clamp.low), ops.splat(self.clamp.high));
        for (p, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let c = channel + v * lanes;
                let left = channels.saturating_sub(c).min(lanes);
                let place = (x + p) * channels + c;
                let sum = ops.add(sum, ops.load(&self.conv.bias[c..]));
                if left == lanes {
                    let sum = match self.add {
                        Some(add) => ops.add(sum, ops.load(&add[place..])),
                        None => sum,
                    };
                    // NaN stays NaN: the bound comes first.
                    let sum = ops.min(high, ops.max(low, sum));
                    ops.store(sum, &mut self.output[place..][..lanes]);
                } else if left > 0 {
                    let sum = sum.to_array();
                    for (i, out) in self.output[place..][..left].iter_mut().enumerate() {
                        let sum = sum[i] + self.add.map_or(0.0, |add| add[place + i]);
                        *out = bounded(sum, self.clamp);
                    }
                }
            }
        }
    }
}

/// `value` within bounds; NaN stays NaN.
pub(super) fn bounded(value: f32, clamp: Clamp) -> f32 {
    if value < clamp.low {
        clamp.low
    } else if value > clamp.high {
        clamp.high
    } else {
        value
    }
}
