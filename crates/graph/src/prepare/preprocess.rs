//! Preprocess subgraph: from camera bytes to the network's input.
//!
//! Rows are summed first, on the bytes as they lie in the buffer, whatever their meaning; then
//! columns of each plane; then colour, on the small picture. Every step but the last clip is
//! linear, so this order gives what converting every pixel of the frame first would give, up to
//! colours that no RGB byte can hold. `docs/decisions/front.md` has the reasons and the costs.

use super::build::NodeBuilder;
use super::fit::FitGeometry;
use unmask_frame::Size;
use unmask_model::{FrameFormat, PixelFormat, ResizeAxis};
use unmask_onnx::ir::ValueId;
use unmask_onnx::messages::{AttributeProto, ModelProto};

/// Outputs of a filter that share one MatMul: the band of the filter's matrix is narrow, and the
/// zeros next to it cost as much as the rest.
const BLOCK: usize = 64;

/// What the front is given by the node that reads the bytes: the same shape as float32.
pub(super) const BYTES: &str = "front/bytes";
/// What the front gives.
pub(super) const IMAGE: &str = "front/image";

/// What the front does.
pub(super) struct PreprocessSubgraph<'a> {
    pub format: &'a FrameFormat,
    pub geometry: &'a FitGeometry,
    /// The network's input, px.
    pub input: Size,
    /// Of red, green, blue, on the scale 0–255.
    pub mean: [f32; 3],
    /// The same.
    pub std: [f32; 3],
    pub opset: i64,
}

/// Builds the front: from [`BYTES`] (float32, the shape of the frame) to [`IMAGE`].
pub(super) fn build(front: &PreprocessSubgraph<'_>) -> ModelProto {
    let mut b = NodeBuilder::new("front", front.opset);
    let shape = front.format.shape();
    let bytes = b.input(BYTES, &shape);
    // Rows of bytes, as the buffer holds them.
    let rows = b.reshape(bytes, &[shape[1], shape[2..].iter().product()]);
    let rgb = match front.format.pixels {
        PixelFormat::Rgb24 => front.colours(&mut b, rows),
        PixelFormat::Bgr24 => {
            let bgr = front.colours(&mut b, rows);
            b.gather(bgr, 1, &[2, 1, 0])
        }
        PixelFormat::Yuyv => front.packed(&mut b, rows, [0, 2], [1, 3]),
        PixelFormat::Uyvy => front.packed(&mut b, rows, [1, 3], [0, 2]),
        PixelFormat::Nv12 => front.planar(&mut b, rows),
    };
    let per_colour = |values: [f32; 3]| (vec![1, 3, 1, 1], values.to_vec());
    let (shape, scale) = per_colour(front.std.map(|s| 1.0 / s));
    let scale = b.floats(&shape, scale);
    let (shape, shift) = per_colour(std::array::from_fn(|c| -front.mean[c] / front.std[c]));
    let shift = b.floats(&shape, shift);
    let scaled = b.binary("Mul", rgb, scale);
    let normal = b.binary("Add", scaled, shift);
    let image = front.pad(&mut b, normal);
    b.output(IMAGE, image);
    b.finish()
}

impl PreprocessSubgraph<'_> {
    /// Interleaved colours `[h, 3w]` → `[1,3,H,W]`, the colours in their own order.
    fn colours(&self, b: &mut NodeBuilder, rows: ValueId) -> ValueId {
        let Size { w, .. } = self.format.size;
        let view = self.geometry.view;
        let content = self.geometry.content;
        let rows = sum_rows(b, rows, &ResizeFilter::new(view.y, view.size.h, content.h));
        let pixels = b.reshape(rows, &[1, content.h, w, 3]);
        let planes = b.transpose(pixels, &[0, 3, 1, 2]);
        sum_columns(
            b,
            planes,
            &ResizeFilter::new(view.x, view.size.w, content.w),
        )
    }

    /// Two pixels in four bytes: `y` and `uv` are the places of Y0, Y1 and U, V.
    fn packed(&self, b: &mut NodeBuilder, rows: ValueId, y: [usize; 2], uv: [usize; 2]) -> ValueId {
        let Size { w, .. } = self.format.size;
        let view = self.geometry.view;
        let content = self.geometry.content;
        let rows = sum_rows(b, rows, &ResizeFilter::new(view.y, view.size.h, content.h));
        let pairs = b.reshape(rows, &[1, content.h, w / 2, 4]);
        let planes = b.transpose(pairs, &[0, 3, 1, 2]);
        let filter = ResizeFilter::new(view.x, view.size.w, content.w);
        let luma: Vec<ValueId> = (0..2)
            .map(|parity| {
                let plane = b.slice(planes, 1, (y[parity], y[parity] + 1, 1));
                sum_columns(b, plane, &filter.of_parity(parity))
            })
            .collect();
        let luma = b.binary("Add", luma[0], luma[1]);
        let chroma = b.slice(planes, 1, (uv[0], uv[1] + 1, 2));
        let chroma = sum_columns(b, chroma, &filter.of_pairs());
        self.to_rgb(b, luma, chroma)
    }

    /// A plane of Y, below it one of U V pairs.
    fn planar(&self, b: &mut NodeBuilder, rows: ValueId) -> ValueId {
        let Size { w, h } = self.format.size;
        let view = self.geometry.view;
        let content = self.geometry.content;
        let down = ResizeFilter::new(view.y, view.size.h, content.h);
        let across = ResizeFilter::new(view.x, view.size.w, content.w);
        let luma = sum_rows(b, rows, &down);
        let luma = b.reshape(luma, &[1, 1, content.h, w]);
        let luma = sum_columns(b, luma, &across);
        let chroma = sum_rows(b, rows, &down.of_pairs().moved(h));
        let chroma = b.reshape(chroma, &[1, content.h, w / 2, 2]);
        let chroma = b.transpose(chroma, &[0, 3, 1, 2]);
        let chroma = sum_columns(b, chroma, &across.of_pairs());
        self.to_rgb(b, luma, chroma)
    }

    /// Y `[1,1,H,W]` and UV `[1,2,H,W]` → RGB, held to 0–255.
    fn to_rgb(&self, b: &mut NodeBuilder, luma: ValueId, chroma: ValueId) -> ValueId {
        let yuv = b.concat(&[luma, chroma], 1);
        let (matrix, shift) = self.format.to_rgb();
        let weights = matrix.iter().flatten().map(|&v| v as f32).collect();
        let weights = b.floats(&[3, 3, 1, 1], weights);
        let shift = b.floats(&[3], shift.map(|v| v as f32).to_vec());
        let shape = b.shape(yuv);
        let one = AttributeProto::ints("kernel_shape", [1, 1]);
        let rgb = b.node("Conv", &[yuv, weights, shift], vec![one], &shape);
        let (black, white) = (b.floats(&[], vec![0.0]), b.floats(&[], vec![255.0]));
        b.node("Clip", &[rgb, black, white], vec![], &shape)
    }

    /// Fills the input to the right and below with 0, the mean colour.
    fn pad(&self, b: &mut NodeBuilder, image: ValueId) -> ValueId {
        let Size { w, h } = self.geometry.content;
        let (right, below) = (self.input.w - w, self.input.h - h);
        if (right, below) == (0, 0) {
            return image;
        }
        let pads = b.ints(&[0, 0, 0, 0, 0, 0, below as i64, right as i64]);
        let zero = b.floats(&[], vec![0.0]);
        let shape = [1, 3, self.input.h, self.input.w];
        b.node("Pad", &[image, pads, zero], vec![], &shape)
    }
}

/// Where every output of an axis reads: positions and weights.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ResizeFilter {
    taps: Vec<Vec<(usize, f32)>>,
}

impl ResizeFilter {
    /// Makes `to` positions of the `size` positions from `start` on.
    fn new(start: usize, size: usize, to: usize) -> Self {
        let axis = ResizeAxis::new(size, to);
        let taps = (0..to).map(|o| {
            let (first, weights) = axis.at(o);
            let places = weights.iter().enumerate().filter(|(_, w)| **w != 0.0);
            places.map(|(i, &w)| (start + first + i, w)).collect()
        });
        Self {
            taps: taps.collect(),
        }
    }

    fn map(&self, place: impl Fn(usize) -> Option<usize>) -> Self {
        let taps = self.taps.iter().map(|taps| {
            let mut out: Vec<(usize, f32)> = Vec::with_capacity(taps.len());
            for &(at, weight) in taps {
                let Some(at) = place(at) else { continue };
                match out.last_mut().filter(|last| last.0 == at) {
                    Some(last) => last.1 += weight,
                    None => out.push((at, weight)),
                }
            }
            out
        });
        Self {
            taps: taps.collect(),
        }
    }

    /// The part that reads even or odd positions, on a plane that holds only those.
    fn of_parity(&self, parity: usize) -> Self {
        self.map(|at| (at % 2 == parity).then_some(at / 2))
    }

    /// The same filter on a plane that holds one value for every two positions.
    fn of_pairs(&self) -> Self {
        self.map(|at| Some(at / 2))
    }

    /// The same filter, `by` positions further.
    fn moved(&self, by: usize) -> Self {
        self.map(|at| Some(at + by))
    }

    /// First position, where every output is the position after the one before, unchanged.
    fn copies_from(&self) -> Option<usize> {
        let first = self.taps.first()?.first()?.0;
        let plain = |(i, taps): (usize, &Vec<(usize, f32)>)| taps[..] == [(first + i, 1.0)];
        self.taps.iter().enumerate().all(plain).then_some(first)
    }

    /// Outputs in blocks: first position read, positions read, and the block's matrix, by output.
    fn blocks(&self) -> Vec<(usize, usize, Vec<Vec<f32>>)> {
        let blocks = self.taps.chunks(BLOCK).map(|block| {
            let places = || block.iter().flatten().map(|tap| tap.0);
            let first = places().min().unwrap_or(0);
            let span = places().max().map_or(1, |last| last + 1 - first);
            let rows = block.iter().map(|taps| {
                let mut row = vec![0.0; span];
                for &(at, weight) in taps {
                    row[at - first] += weight;
                }
                row
            });
            (first, span, rows.collect())
        });
        blocks.collect()
    }
}

/// `[n, m]` → `[outputs, m]`.
fn sum_rows(b: &mut NodeBuilder, rows: ValueId, filter: &ResizeFilter) -> ValueId {
    if let Some(first) = filter.copies_from() {
        return b.slice(rows, 0, (first, first + filter.taps.len(), 1));
    }
    let mut parts = Vec::new();
    for (first, span, matrix) in filter.blocks() {
        let part = b.slice(rows, 0, (first, first + span, 1));
        let matrix = b.floats(&[matrix.len(), span], matrix.concat());
        parts.push(b.matmul(matrix, part));
    }
    b.concat(&parts, 0)
}

/// `[1, c, h, n]` → `[1, c, h, outputs]`.
fn sum_columns(b: &mut NodeBuilder, planes: ValueId, filter: &ResizeFilter) -> ValueId {
    if let Some(first) = filter.copies_from() {
        return b.slice(planes, 3, (first, first + filter.taps.len(), 1));
    }
    let mut parts = Vec::new();
    for (first, span, matrix) in filter.blocks() {
        let part = b.slice(planes, 3, (first, first + span, 1));
        let outputs = matrix.len();
        let across = (0..span).flat_map(|i| matrix.iter().map(move |row| row[i]));
        let across = across.collect();
        let matrix = b.floats(&[span, outputs], across);
        parts.push(b.matmul(part, matrix));
    }
    b.concat(&parts, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_the_whole_filter() {
        let filter = ResizeFilter::new(7, 1280, 150);
        let blocks = filter.blocks();
        assert_eq!(blocks.len(), 3);
        let mut at = 0;
        for (first, span, rows) in blocks {
            assert!(span < 1280 / 2, "{span}");
            for row in rows {
                let sum: f32 = row.iter().sum();
                assert!((sum - 1.0).abs() < 1e-5);
                for &(place, weight) in &filter.taps[at] {
                    assert_eq!(row[place - first], weight);
                }
                at += 1;
            }
        }
        assert_eq!(at, 150);
    }

    #[test]
    fn only_an_unchanged_axis_is_a_copy() {
        assert_eq!(ResizeFilter::new(0, 9, 9).copies_from(), Some(0));
        assert_eq!(ResizeFilter::new(4, 9, 9).copies_from(), Some(4));
        assert_eq!(ResizeFilter::new(0, 9, 8).copies_from(), None);
        assert_eq!(ResizeFilter::new(0, 9, 9).of_pairs().copies_from(), None);
    }

    #[test]
    fn parities_and_pairs_share_the_weights_out() {
        let filter = ResizeFilter::new(2, 20, 7);
        let (even, odd) = (filter.of_parity(0), filter.of_parity(1));
        let pairs = filter.of_pairs().moved(100);
        for (o, taps) in filter.taps.iter().enumerate() {
            let sum = |taps: &[(usize, f32)]| taps.iter().map(|t| t.1).sum::<f32>();
            let parts = sum(&even.taps[o]) + sum(&odd.taps[o]);
            assert!((parts - sum(taps)).abs() < 1e-6);
            assert!((sum(&pairs.taps[o]) - sum(taps)).abs() < 1e-6);
            for &(at, weight) in &pairs.taps[o] {
                let pair = taps.iter().filter(|t| t.0 / 2 + 100 == at);
                assert!((pair.map(|t| t.1).sum::<f32>() - weight).abs() < 1e-6);
            }
        }
    }
}
