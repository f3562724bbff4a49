//! Channels-last maps with a border of zeros, and their operators other than convolution.

use super::conv::{Clamp, bounded};
use rayon::prelude::*;
use rten_simd::ops::{BitOps, FloatOps, NumOps};
use rten_simd::{Isa, SimdOp};

/// Entries around a map: before and after the rows, before and after the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Border {
    pub top: usize,
    pub bottom: usize,
    pub left: usize,
    pub right: usize,
}

impl Border {
    /// As wide as either.
    pub fn cover(self, other: Self) -> Self {
        Self {
            top: self.top.max(other.top),
            bottom: self.bottom.max(other.bottom),
            left: self.left.max(other.left),
            right: self.right.max(other.right),
        }
    }
}

/// Sizes of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Geometry {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub border: Border,
}

impl Geometry {
    /// Values of a row, border included.
    pub fn pitch(&self) -> usize {
        (self.border.left + self.width + self.border.right) * self.channels
    }

    /// Values of the whole.
    pub fn len(&self) -> usize {
        (self.border.top + self.height + self.border.bottom) * self.pitch()
    }

    /// Where the row `y` of the map begins, its border left out.
    pub fn row(&self, y: usize) -> usize {
        (self.border.top + y) * self.pitch() + self.border.left * self.channels
    }

    /// Values of a row, border left out.
    pub fn row_len(&self) -> usize {
        self.width * self.channels
    }
}

/// A map in memory. Its border is written once, with zeros.
#[derive(Debug)]
pub(super) struct Map {
    pub geometry: Geometry,
    pub data: Vec<f32>,
}

impl Map {
    pub fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            data: vec![0.0; geometry.len()],
        }
    }

    pub fn row(&self, y: usize) -> &[f32] {
        &self.data[self.geometry.row(y)..][..self.geometry.row_len()]
    }

    /// Calls `f` on groups of `rows` rows of the map at once: the first row's number, and the rows
    /// with their borders at the sides.
    pub fn each_rows(&mut self, rows: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
        let geometry = self.geometry;
        let pitch = geometry.pitch();
        let start = geometry.border.top * pitch;
        self.data[start..][..geometry.height * pitch]
            .par_chunks_mut(rows * pitch)
            .enumerate()
            .for_each(|(i, chunk)| f(i * rows, chunk));
    }

    /// Calls `f` on each row of the map: its number, and the row without its border.
    pub fn each_row(&mut self, f: impl Fn(usize, &mut [f32]) + Sync) {
        let geometry = self.geometry;
        let left = geometry.border.left * geometry.channels;
        let rows = geometry
            .height
            .div_ceil(rayon::current_num_threads() * 2)
            .max(1);
        self.each_rows(rows, |first, chunk| {
            for (i, row) in chunk.chunks_mut(geometry.pitch()).enumerate() {
                f(first + i, &mut row[left..][..geometry.row_len()]);
            }
        });
    }

    /// From `[channels, height, width]`.
    pub fn enter(&mut self, planes: &[f32]) {
        let geometry = self.geometry;
        let plane = geometry.height * geometry.width;
        self.each_row(|y, row| {
            for c in 0..geometry.channels {
                let from = &planes[c * plane + y * geometry.width..][..geometry.width];
                let pixels = row[c..].iter_mut().step_by(geometry.channels);
                pixels.zip(from).for_each(|(to, &from)| *to = from);
            }
        });
    }

    /// To `[channels, height, width]`.
    pub fn leave(&self, planes: &mut [f32]) {
        let geometry = self.geometry;
        let plane = geometry.height * geometry.width;
        planes
            .par_chunks_mut(plane * GROUP)
            .enumerate()
            .for_each(|(group, planes)| {
                let channel = group * GROUP;
                let count = planes.len() / plane;
                for y in 0..geometry.height {
                    let pixels = self.row(y).chunks_exact(geometry.channels);
                    for (x, pixel) in pixels.enumerate() {
                        let place = y * geometry.width + x;
                        for (c, &value) in pixel[channel..][..count].iter().enumerate() {
                            planes[c * plane + place] = value;
                        }
                    }
                }
            });
    }
}

/// Channels that are written in one walk over a map.
const GROUP: usize = 16;

/// A pool's window.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Before the rows and the columns.
    pub before: [usize; 2],
}

/// The largest value of each window.
pub(super) fn max_pool(pool: &Pool, from: &Map, to: &mut Map) {
    let (source, channels) = (from.geometry, from.geometry.channels);
    to.each_row(|y, row| {
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            pixel.fill(f32::NEG_INFINITY);
            for ky in 0..pool.kernel[0] {
                let Some(v) = (y * pool.stride[0] + ky).checked_sub(pool.before[0]) else {
                    continue;
                };
                if v >= source.height {
                    continue;
                }
                let line = from.row(v);
                for kx in 0..pool.kernel[1] {
                    let Some(u) = (x * pool.stride[1] + kx).checked_sub(pool.before[1]) else {
                        continue;
                    };
                    if u >= source.width {
                        continue;
                    }
                    let other = &line[u * channels..][..channels];
                    for (max, &value) in pixel.iter_mut().zip(other) {
                        // NaN stays.
                        *max = if *max >= value { *max } else { value };
                    }
                }
            }
        }
    });
}

/// The sum of two maps, within bounds.
pub(super) fn add(a: &Map, b: &Map, clamp: Clamp, to: &mut Map) {
    to.each_row(|y, row| {
        let pairs = a.row(y).iter().zip(b.row(y));
        for (out, (&a, &b)) in row.iter_mut().zip(pairs) {
            *out = bounded(a + b, clamp);
        }
    });
}

/// A map within bounds.
pub(super) fn bound(from: &Map, clamp: Clamp, to: &mut Map) {
    to.each_row(|y, row| {
        for (out, &value) in row.iter_mut().zip(from.row(y)) {
            *out = bounded(value, clamp);
        }
    });
}

/// What QuantizeLinear and DequantizeLinear, one after the other, make of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounding {
    pub scale: f32,
    pub zero: f32,
    /// The type's least and largest number.
    pub low: f32,
    pub high: f32,
}

/// A map rounded to the numbers of an integer type.
pub(super) fn round(from: &Map, rounding: Rounding, to: &mut Map) {
    to.each_row(|y, row| {
        RoundRow {
            from: from.row(y),
            rounding,
            to: row,
        }
        .dispatch();
    });
}

struct RoundRow<'a> {
    from: &'a [f32],
    rounding: Rounding,
    to: &'a mut [f32],
}

impl SimdOp for RoundRow<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let lanes = ops.len();
        let Rounding {
            scale,
            zero,
            low,
            high,
        } = self.rounding;
        let all = [scale, zero, low, high].map(|number| ops.splat(number));
        let [scales, zeros, lows, highs] = all;
        let whole = self.from.len() / lanes * lanes;
        let (from, from_rest) = self.from.split_at(whole);
        let (to, to_rest) = self.to.split_at_mut(whole);
        for (from, to) in from.chunks_exact(lanes).zip(to.chunks_exact_mut(lanes)) {
            let steps = ops.round_ties_even(ops.div(ops.load(from), scales));
            // Of NaN the bound is taken, as engines do: the lowest number.
            let number = ops.min(ops.max(ops.add(steps, zeros), lows), highs);
            ops.store(ops.mul(ops.sub(number, zeros), scales), to);
        }
        for (&value, out) in from_rest.iter().zip(to_rest) {
            let number = (value / scale).round_ties_even() + zero;
            *out = (number.max(low).min(high) - zero) * scale;
        }
    }
}
