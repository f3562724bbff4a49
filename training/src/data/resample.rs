//! Resizing: bilinear with the triangle widened when shrinking (as PIL does), nearest for labels,
//! both for a window of the resized picture only, so that a crop costs no more than its own size.

/// A window of a resized picture. All px.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResampleWindow {
    /// Size of the source picture, width and height.
    pub source: (usize, usize),
    /// Size of the whole resized picture.
    pub resized: (usize, usize),
    /// Top left of the window in the resized picture.
    pub offset: (usize, usize),
    /// Size of the window; it lies inside the resized picture.
    pub size: (usize, usize),
}

/// Weights of one axis: output `i` is the sum of `width` source values from `start[i]`.
struct ResampleTaps {
    start: Vec<usize>,
    weights: Vec<f32>,
    width: usize,
}

impl ResampleTaps {
    fn new(source: usize, resized: usize, offset: usize, len: usize) -> Self {
        let scale = source as f64 / resized as f64;
        let support = scale.max(1.0);
        let width = (2 * support.ceil() as usize + 1).min(source);
        let mut start = Vec::with_capacity(len);
        let mut weights = vec![0.0; len * width];
        for (i, row) in weights.chunks_exact_mut(width).enumerate() {
            let centre = ((offset + i) as f64 + 0.5) * scale;
            let first = ((centre - support + 0.5).max(0.0) as usize).min(source - width);
            let mut sum = 0.0;
            for (k, weight) in row.iter_mut().enumerate() {
                let distance = ((first + k) as f64 + 0.5 - centre).abs() / support;
                *weight = (1.0 - distance).max(0.0) as f32;
                sum += *weight;
            }
            row.iter_mut().for_each(|weight| *weight /= sum);
            start.push(first);
        }
        Self {
            start,
            weights,
            width,
        }
    }
}

/// Resizes interleaved 8-bit pixels of `C` channels; gives the window, interleaved, 0 to 255.
pub(super) fn bilinear<const C: usize>(pixels: &[u8], window: &ResampleWindow) -> Vec<f32> {
    let (w, h) = window.size;
    if w == 0 || h == 0 || window.source.0 == 0 || window.source.1 == 0 {
        return Vec::new();
    }
    let columns = ResampleTaps::new(window.source.0, window.resized.0, window.offset.0, w);
    let rows = ResampleTaps::new(window.source.1, window.resized.1, window.offset.1, h);
    // Only the source rows that some output row looks at.
    let top = rows.start.iter().copied().min().unwrap_or(0);
    let bottom = rows.start.iter().copied().max().unwrap_or(0) + rows.width;
    let mut across = vec![0.0f32; (bottom - top) * w * C];
    for (y, out) in (top..bottom).zip(across.chunks_exact_mut(w * C)) {
        let line = &pixels[y * window.source.0 * C..(y + 1) * window.source.0 * C];
        let taps = columns
            .start
            .iter()
            .zip(columns.weights.chunks_exact(columns.width));
        for ((&start, weights), pixel) in taps.zip(out.chunks_exact_mut(C)) {
            let mut sum = [0.0f32; C];
            let near = &line[start * C..(start + columns.width) * C];
            for (&weight, value) in weights.iter().zip(near.chunks_exact(C)) {
                for (s, &v) in sum.iter_mut().zip(value) {
                    *s += weight * f32::from(v);
                }
            }
            pixel.copy_from_slice(&sum);
        }
    }
    let mut out = vec![0.0f32; w * h * C];
    let taps = rows.start.iter().zip(rows.weights.chunks_exact(rows.width));
    for ((&start, weights), line) in taps.zip(out.chunks_exact_mut(w * C)) {
        for (k, &weight) in weights.iter().enumerate() {
            if weight != 0.0 {
                let from = (start - top + k) * w * C;
                for (o, &v) in line.iter_mut().zip(&across[from..from + w * C]) {
                    *o += weight * v;
                }
            }
        }
    }
    out
}

/// Resizes labels by taking the source pixel under each output pixel's centre.
pub(super) fn nearest(labels: &[u8], window: &ResampleWindow) -> Vec<u8> {
    let (w, h) = window.size;
    let under = |i: usize, source: usize, resized: usize| {
        (((i as f64 + 0.5) * source as f64 / resized as f64) as usize).min(source.saturating_sub(1))
    };
    let columns: Vec<usize> = (0..w)
        .map(|x| under(window.offset.0 + x, window.source.0, window.resized.0))
        .collect();
    let mut out = Vec::with_capacity(w * h);
    for y in 0..h {
        let row = under(window.offset.1 + y, window.source.1, window.resized.1) * window.source.0;
        out.extend(columns.iter().map(|&x| labels[row + x]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(source: (usize, usize), resized: (usize, usize)) -> ResampleWindow {
        ResampleWindow {
            source,
            resized,
            offset: (0, 0),
            size: resized,
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let pixels: Vec<u8> = (0..4 * 3 * 3).map(|v| (v * 7) as u8).collect();
        let out = bilinear::<3>(&pixels, &whole((4, 3), (4, 3)));
        assert_eq!(
            out,
            pixels.iter().map(|&v| f32::from(v)).collect::<Vec<_>>()
        );
        assert_eq!(nearest(&pixels[..12], &whole((4, 3), (4, 3))), pixels[..12]);
    }

    #[test]
    fn enlarging_blends_between_pixel_centres() {
        let out = bilinear::<1>(&[0, 100], &whole((2, 1), (4, 1)));
        assert_eq!(out, [0.0, 25.0, 75.0, 100.0]);
        assert_eq!(nearest(&[0, 9], &whole((2, 1), (4, 1))), [0, 0, 9, 9]);
    }

    #[test]
    fn shrinking_looks_at_every_source_pixel() {
        // A one-pixel checker turns to its mean, which sampling single pixels would miss.
        let pixels: Vec<u8> = (0..64 * 64)
            .map(|i| if (i + i / 64) % 2 == 0 { 200 } else { 0 })
            .collect();
        let out = bilinear::<1>(&pixels, &whole((64, 64), (16, 16)));
        assert!(out.iter().all(|v| (v - 100.0).abs() < 4.0), "{out:?}");
    }

    #[test]
    fn a_window_equals_the_same_part_of_the_whole() {
        let (source, resized) = ((37, 23), (61, 17));
        let pixels: Vec<u8> = (0..37 * 23 * 3).map(|i| (i * i % 251) as u8).collect();
        let all = bilinear::<3>(&pixels, &whole(source, resized));
        let all_labels = nearest(&pixels[..37 * 23], &whole(source, resized));
        let window = ResampleWindow {
            source,
            resized,
            offset: (20, 5),
            size: (30, 11),
        };
        let part = bilinear::<3>(&pixels, &window);
        let labels = nearest(&pixels[..37 * 23], &window);
        for y in 0..11 {
            for x in 0..30 {
                let there = (y + 5) * 61 + x + 20;
                assert_eq!(part[(y * 30 + x) * 3..][..3], all[there * 3..][..3]);
                assert_eq!(labels[y * 30 + x], all_labels[there]);
            }
        }
    }

    #[test]
    fn tiny_pictures_do_not_break_it() {
        assert_eq!(
            bilinear::<3>(&[1, 2, 3], &whole((1, 1), (2, 1))),
            [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]
        );
        let out = bilinear::<1>(&[10, 20, 30], &whole((3, 1), (1, 1)));
        assert!((out[0] - 20.0).abs() < 1e-4);
        assert!(bilinear::<3>(&[], &whole((0, 0), (0, 0))).is_empty());
    }
}
