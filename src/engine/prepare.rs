//! From a picture to the network's input: resize with a triangle filter, normalise, planes.
//!
//! The filter is the one of PIL's `BILINEAR`: a triangle over two source pixels where the picture
//! grows, widened by the scale where it shrinks, weights normalised at the edges. Computed in
//! f32 without rounding in between. Rows are summed first: that pass is plain array arithmetic
//! over whole rows, which the compiler vectorises, and it leaves little for the column pass.

use crate::frame::{Picture, Size};

/// Source positions and weights of one output position.
#[derive(Clone, Debug)]
struct Window {
    first: usize,
    weights: Vec<f32>,
}

/// Turns pictures into network inputs; keeps its tables and buffers while sizes stay the same.
#[derive(Debug)]
pub struct Preparer {
    to: Size,
    /// `value * scale + shift` normalises, one pair a colour.
    scale: [f32; 3],
    shift: [f32; 3],
    from: Size,
    columns: Vec<Window>,
    rows: Vec<Window>,
    /// One summed row, interleaved RGB and one value more, so that four can be read at the end.
    row: Vec<f32>,
    out: Vec<f32>,
}

impl Preparer {
    /// For inputs of size `to`; `mean` and `std` are those of RGB values 0–255.
    pub fn new(to: Size, mean: [f32; 3], std: [f32; 3]) -> Self {
        Self {
            to,
            scale: std::array::from_fn(|c| 1.0 / std[c]),
            shift: std::array::from_fn(|c| -mean[c] / std[c]),
            from: Size::new(0, 0),
            columns: Vec::new(),
            rows: Vec::new(),
            row: Vec::new(),
            out: vec![0.0; to.area_px() * 3],
        }
    }

    /// The input for `picture`: `[3, H, W]`, row by row. `None` for a picture without pixels.
    pub fn run(&mut self, picture: &Picture) -> Option<&[f32]> {
        if picture.size().area_px() == 0 {
            return None;
        }
        if picture.size() != self.from {
            self.from = picture.size();
            self.columns = windows(self.from.w, self.to.w);
            self.rows = windows(self.from.h, self.to.h);
            self.row = vec![0.0; self.from.w * 3 + 1];
        }
        let plane = self.to.area_px();
        for (y, window) in self.rows.iter().enumerate() {
            sum_rows(picture, window, &mut self.row);
            let (r, rest) = self.out.split_at_mut(plane);
            let (g, b) = rest.split_at_mut(plane);
            let line = y * self.to.w..(y + 1) * self.to.w;
            let lines = r[line.clone()]
                .iter_mut()
                .zip(&mut g[line.clone()])
                .zip(&mut b[line]);
            for (((r, g), b), window) in lines.zip(&self.columns) {
                let [vr, vg, vb] = sum_columns(&self.row, window);
                *r = vr * self.scale[0] + self.shift[0];
                *g = vg * self.scale[1] + self.shift[1];
                *b = vb * self.scale[2] + self.shift[2];
            }
        }
        Some(&self.out)
    }
}

/// Weighted sum of the picture's rows in `window`, into `out` (interleaved RGB).
fn sum_rows(picture: &Picture, window: &Window, out: &mut [f32]) {
    let width = picture.size().w * 3;
    let row = |k: usize| &picture.rgb()[(window.first + k) * width..][..width];
    let out = &mut out[..width];
    let weights = &window.weights;
    // The first pass writes, so that nothing has to be cleared; two rows go in at a time.
    match weights.len() {
        0 => {}
        1 => {
            for (o, &a) in out.iter_mut().zip(row(0)) {
                *o = weights[0] * f32::from(a);
            }
        }
        _ => {
            for ((o, &a), &b) in out.iter_mut().zip(row(0)).zip(row(1)) {
                *o = weights[0] * f32::from(a) + weights[1] * f32::from(b);
            }
        }
    }
    let mut k = 2;
    while k + 1 < weights.len() {
        for ((o, &a), &b) in out.iter_mut().zip(row(k)).zip(row(k + 1)) {
            *o += weights[k] * f32::from(a) + weights[k + 1] * f32::from(b);
        }
        k += 2;
    }
    if k < weights.len() {
        for (o, &a) in out.iter_mut().zip(row(k)) {
            *o += weights[k] * f32::from(a);
        }
    }
}

/// Weighted sum of one row's pixels in `window`: red, green, blue.
#[inline]
fn sum_columns(row: &[f32], window: &Window) -> [f32; 3] {
    let mut sum = [0.0f32; 4];
    for (k, &w) in window.weights.iter().enumerate() {
        // Four values at a time: red, green, blue and the next pixel's red, which is dropped.
        let at = (window.first + k) * 3;
        if let Some(&[r, g, b, next]) = row[at..].first_chunk::<4>() {
            sum[0] += w * r;
            sum[1] += w * g;
            sum[2] += w * b;
            sum[3] += w * next;
        }
    }
    [sum[0], sum[1], sum[2]]
}

/// The triangle filter's windows from `from` positions to `to`.
fn windows(from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    (0..to)
        .map(|o| {
            let centre = (o as f64 + 0.5) * scale;
            // Half up, as PIL does it: positions whose centre lies within reach.
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from);
            let raw: Vec<f64> = (first..end)
                .map(|i| (1.0 - ((i as f64 + 0.5 - centre) / reach).abs()).max(0.0))
                .collect();
            let sum: f64 = raw.iter().sum();
            Window {
                first,
                weights: raw.iter().map(|w| (w / sum) as f32).collect(),
            }
        })
        .collect()
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
        let froms = [(1, 1), (3, 2), (37, 23), (64, 48), (100, 9), (17, 130)];
        let to = Size::new(24, 16);
        for (seed, (w, h)) in froms.into_iter().enumerate() {
            let picture = noise(Size::new(w, h), seed as u32);
            let mut prepare = Preparer::new(to, PLAIN.0, PLAIN.1);
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
        let mut prepare = Preparer::new(Size::new(5, 4), [10.0, 20.0, 30.0], [2.0, 4.0, 5.0]);
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
        let alone = Preparer::new(to, PLAIN.0, PLAIN.1)
            .run(&b)
            .unwrap()
            .to_vec();
        let mut prepare = Preparer::new(to, PLAIN.0, PLAIN.1);
        prepare.run(&a).unwrap();
        assert_eq!(prepare.run(&b).unwrap(), alone);
        assert!(
            prepare
                .run(&Picture::filled(Size::new(0, 3), [0; 3]))
                .is_none()
        );
        assert_eq!(prepare.run(&b).unwrap(), alone);
    }
}
