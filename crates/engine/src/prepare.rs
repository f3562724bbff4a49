//! Preprocessing: resizes a picture with a triangle filter, normalises it, and splits it into planes.
//!
//! The filter is the one of PIL's `BILINEAR`: a triangle over two source pixels where the picture
//! grows, widened by the scale where it shrinks, weights normalised at the edges. Computed in
//! f32 without rounding in between.
//!
//! Rows are summed first: that pass touches every source pixel, but it is plain array arithmetic
//! over whole rows. Then four summed rows are interleaved, and the columns of all four are summed
//! at once, one row a SIMD lane. Bands of rows go to the threads of the pool this is called in.

use rayon::prelude::*;
use unmask_frame::{Picture, Size};
use unmask_model::ResizeAxis;

/// Rows whose columns are summed at once: the lanes of a baseline SIMD register.
const LANES: usize = 4;
/// Rows of the input that one task makes.
const BAND: usize = 4 * LANES;

/// Turns pictures into network inputs; keeps its tables and buffers while sizes stay the same.
#[derive(Debug)]
pub struct Preprocessor {
    to: Size,
    /// `value * scale + shift` normalises, one pair a colour.
    scale: [f32; 3],
    shift: [f32; 3],
    from: Size,
    columns: ResizeAxis,
    rows: ResizeAxis,
    out: Vec<f32>,
}

/// One task's working memory.
#[derive(Default)]
struct BandWork {
    /// Summed rows, interleaved RGB.
    rows: [Vec<f32>; LANES],
    /// The same, interleaved: RGB of a column, and of each colour the rows.
    lanes: Vec<[f32; LANES]>,
    /// Summed columns of the rows of one colour.
    sums: [Vec<[f32; LANES]>; 3],
}

impl Preprocessor {
    /// For inputs of size `to`; `mean` and `std` are those of RGB values 0–255.
    pub fn new(to: Size, mean: [f32; 3], std: [f32; 3]) -> Self {
        Self {
            to,
            scale: std::array::from_fn(|c| 1.0 / std[c]),
            shift: std::array::from_fn(|c| -mean[c] / std[c]),
            from: Size::new(0, 0),
            columns: ResizeAxis::default(),
            rows: ResizeAxis::default(),
            out: vec![0.0; to.area_px() * 3],
        }
    }

    /// The input for `picture`: `[3, H, W]`, row-major. `None` for a picture without pixels.
    pub fn run(&mut self, picture: &Picture) -> Option<&[f32]> {
        if picture.size().area_px() == 0 {
            return None;
        }
        if picture.size() != self.from {
            self.from = picture.size();
            self.columns = ResizeAxis::new(self.from.w, self.to.w);
            self.rows = ResizeAxis::new(self.from.h, self.to.h);
        }
        let mut out = std::mem::take(&mut self.out);
        let (red, rest) = out.split_at_mut(self.to.area_px());
        let (green, blue) = rest.split_at_mut(self.to.area_px());
        let band = BAND * self.to.w;
        red.par_chunks_mut(band)
            .zip(green.par_chunks_mut(band))
            .zip(blue.par_chunks_mut(band))
            .enumerate()
            .for_each_init(BandWork::default, |work, (i, ((red, green), blue))| {
                self.band(picture, i * BAND, [red, green, blue], work);
            });
        self.out = out;
        Some(&self.out)
    }

    /// Makes the rows from `y` on, as many as the planes hold.
    fn band(&self, picture: &Picture, y: usize, planes: [&mut [f32]; 3], work: &mut BandWork) {
        work.fit(self.from.w * 3, self.to.w);
        let height = planes[0].len() / self.to.w;
        for from in (0..height).step_by(LANES) {
            let count = LANES.min(height - from);
            for (lane, row) in work.rows.iter_mut().enumerate().take(count) {
                let (first, weights) = self.rows.at(y + from + lane);
                sum_rows(picture, first, weights, row);
            }
            let [a, b, c, d] = &work.rows;
            let rows = a.iter().zip(b).zip(c.iter().zip(d));
            for (to, ((&a, &b), (&c, &d))) in work.lanes.iter_mut().zip(rows) {
                *to = [a, b, c, d];
            }
            let [red, green, blue] = &mut work.sums;
            let sums = red.iter_mut().zip(green).zip(blue);
            for (x, ((red, green), blue)) in sums.enumerate() {
                let (first, weights) = self.columns.at(x);
                [*red, *green, *blue] = sum_columns(&work.lanes[first * 3..], weights);
            }
            for (colour, sums) in work.sums.iter().enumerate() {
                let (scale, shift) = (self.scale[colour], self.shift[colour]);
                let rows = planes[colour][from * self.to.w..].chunks_exact_mut(self.to.w);
                for (lane, row) in rows.take(count).enumerate() {
                    for (to, sum) in row.iter_mut().zip(sums) {
                        *to = sum[lane] * scale + shift;
                    }
                }
            }
        }
    }
}

impl BandWork {
    /// Makes room for source rows of `values` and input rows of `columns`.
    fn fit(&mut self, values: usize, columns: usize) {
        self.rows.iter_mut().for_each(|row| row.resize(values, 0.0));
        self.lanes.resize(values, [0.0; LANES]);
        let sums = self.sums.iter_mut();
        sums.for_each(|sums| sums.resize(columns, [0.0; LANES]));
    }
}

/// Weighted sum of the picture's rows from `first` on, into `out` (interleaved RGB).
fn sum_rows(picture: &Picture, first: usize, weights: &[f32], out: &mut [f32]) {
    let width = out.len();
    let row = |k: usize| &picture.rgb()[(first + k) * width..][..width];
    // Two rows go in at a time; the first pass writes, so that nothing has to be cleared.
    let (pairs, single) = weights.as_chunks::<2>();
    for (k, &[v, w]) in pairs.iter().enumerate() {
        let lines = out.iter_mut().zip(row(2 * k)).zip(row(2 * k + 1));
        if k == 0 {
            for ((o, &a), &b) in lines {
                *o = v * f32::from(a) + w * f32::from(b);
            }
        } else {
            for ((o, &a), &b) in lines {
                *o += v * f32::from(a) + w * f32::from(b);
            }
        }
    }
    if let &[w] = single {
        let lines = out.iter_mut().zip(row(weights.len() - 1));
        if pairs.is_empty() {
            lines.for_each(|(o, &a)| *o = w * f32::from(a));
        } else {
            lines.for_each(|(o, &a)| *o += w * f32::from(a));
        }
    }
}

/// Weighted sum of columns: of each colour, of each row.
#[inline(always)]
fn sum_columns(lanes: &[[f32; LANES]], weights: &[f32]) -> [[f32; LANES]; 3] {
    let mut sums = [[0.0f32; LANES]; 3];
    let (pixels, _) = lanes.as_chunks::<3>();
    for (&w, pixel) in weights.iter().zip(pixels) {
        for (sum, values) in sums.iter_mut().zip(pixel) {
            for (sum, &v) in sum.iter_mut().zip(values) {
                *sum += w * v;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: ([f32; 3], [f32; 3]) = ([0.0; 3], [1.0; 3]);

    fn noise(size: Size, seed: u32) -> Picture {
        let mut state = seed;
        let rgb = (0..size.area_px() * 3)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        Picture::new(size, rgb).unwrap()
    }

    /// The filter as its definition reads, in f64, both directions at once.
    fn naive(picture: &Picture, to: Size, c: usize, x: usize, y: usize) -> f64 {
        let axis = |o: usize, from: usize, to: usize| -> Vec<(usize, f64)> {
            let scale = from as f64 / to as f64;
            let reach = scale.max(1.0);
            let centre = (o as f64 + 0.5) * scale;
            let all: Vec<(usize, f64)> = (0..from)
                .map(|i| {
                    (
                        i,
                        (1.0 - ((i as f64 + 0.5 - centre) / reach).abs()).max(0.0),
                    )
                })
                .filter(|t| t.1 > 0.0)
                .collect();
            let sum: f64 = all.iter().map(|t| t.1).sum();
            all.into_iter().map(|(i, w)| (i, w / sum)).collect()
        };
        let (size, mut out) = (picture.size(), 0.0);
        for (j, v) in axis(y, size.h, to.h) {
            for (i, u) in axis(x, size.w, to.w) {
                out += u * v * f64::from(picture.at(i, j)[c]);
            }
        }
        out
    }

    #[test]
    fn equals_the_filter_growing_shrinking_and_mixed() {
        let sizes = [(1, 1), (3, 2), (37, 23), (64, 48), (100, 9), (17, 130)];
        let to = Size::new(24, 16);
        for (seed, (w, h)) in sizes.into_iter().enumerate() {
            let picture = noise(Size::new(w, h), seed as u32);
            let mut prepare = Preprocessor::new(to, PLAIN.0, PLAIN.1);
            let got = prepare.run(&picture).unwrap();
            for c in 0..3 {
                for y in 0..to.h {
                    for x in 0..to.w {
                        let have = f64::from(got[(c * to.h + y) * to.w + x]);
                        let want = naive(&picture, to, c, x, y);
                        assert!(
                            (have - want).abs() < 1e-3,
                            "{w}x{h} {c},{x},{y}: {have} {want}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_size_passes_through_normalised() {
        let picture = noise(Size::new(5, 4), 9);
        let mut prepare = Preprocessor::new(Size::new(5, 4), [10.0, 20.0, 30.0], [2.0, 4.0, 5.0]);
        let got = prepare.run(&picture).unwrap().to_vec();
        for (i, px) in picture.rgb().chunks(3).enumerate() {
            assert!((got[i] - (f32::from(px[0]) - 10.0) / 2.0).abs() < 1e-5);
            assert!((got[20 + i] - (f32::from(px[1]) - 20.0) / 4.0).abs() < 1e-5);
            assert!((got[40 + i] - (f32::from(px[2]) - 30.0) / 5.0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_change_of_size_between_frames_is_taken() {
        let (a, b) = (noise(Size::new(40, 30), 1), noise(Size::new(9, 50), 2));
        let to = Size::new(8, 8);
        let alone = Preprocessor::new(to, PLAIN.0, PLAIN.1)
            .run(&b)
            .unwrap()
            .to_vec();
        let mut prepare = Preprocessor::new(to, PLAIN.0, PLAIN.1);
        prepare.run(&a).unwrap();
        assert_eq!(prepare.run(&b).unwrap(), alone);
        assert!(
            prepare
                .run(&Picture::filled(Size::new(0, 3), [0; 3]))
                .is_none()
        );
        assert_eq!(prepare.run(&b).unwrap(), alone);
    }

    #[test]
    fn white_stays_white_and_does_not_overflow() {
        for (w, h) in [(1, 1), (24, 16), (31, 1000), (2000, 40), (5, 8192)] {
            let white = Picture::filled(Size::new(w, h), [255; 3]);
            let mut prepare = Preprocessor::new(Size::new(24, 16), PLAIN.0, PLAIN.1);
            let got = prepare.run(&white).unwrap();
            let off = got.iter().map(|v| (v - 255.0).abs()).fold(0.0, f32::max);
            assert!(off < 1e-3, "{w}x{h}: {off}");
        }
    }
}
