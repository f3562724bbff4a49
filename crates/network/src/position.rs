//! Positions as numbers: sine embeddings and reference points, both constants of the input size.

/// Sine embedding of an `h`×`w` grid, `[h*w, dim]` row-major: `dim / 2` channels of y, then of x,
/// sine and cosine interleaved; temperature 10000, coordinates `(i + 1) / (n + 1e-6) * 2π`
/// (DETR's, as Mask2Former uses it).
pub fn sine(h: usize, w: usize, dim: usize) -> Vec<f32> {
    let half = dim / 2;
    let axis = |n: usize| -> Vec<f32> {
        let mut out = Vec::with_capacity(n * half);
        for i in 0..n {
            let at = (i + 1) as f64 / (n as f64 + 1e-6) * std::f64::consts::TAU;
            for c in 0..half {
                let angle = at / 10_000f64.powf((c / 2 * 2) as f64 / half as f64);
                out.push(if c % 2 == 0 { angle.sin() } else { angle.cos() } as f32);
            }
        }
        out
    };
    let (ys, xs) = (axis(h), axis(w));
    let mut out = Vec::with_capacity(h * w * dim);
    for y in 0..h {
        for x in 0..w {
            out.extend_from_slice(&ys[y * half..(y + 1) * half]);
            out.extend_from_slice(&xs[x * half..(x + 1) * half]);
        }
    }
    out
}

/// Pixel centres of all levels' tokens, one after the other: `[tokens, 2]` as (x, y) in `[0, 1]`.
pub fn reference_points(levels: &[(usize, usize)]) -> Vec<f32> {
    let mut out = Vec::new();
    for &(h, w) in levels {
        for y in 0..h {
            for x in 0..w {
                out.push((x as f32 + 0.5) / w as f32);
                out.push((y as f32 + 0.5) / h as f32);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cell_stands_at_a_full_turn() {
        let e = sine(2, 3, 4);
        assert_eq!(e.len(), 2 * 3 * 4);
        // (i + 1) / n * 2π is 2π in the last row and column: sine 0, cosine 1.
        let last = &e[5 * 4..];
        assert!(last[0].abs() < 1e-5 && (last[1] - 1.0).abs() < 1e-5);
        assert!(last[2].abs() < 1e-5 && (last[3] - 1.0).abs() < 1e-5);
        // First row of two: half a turn.
        assert!((e[1] + 1.0).abs() < 1e-5);
    }

    #[test]
    fn reference_points_are_pixel_centres() {
        assert_eq!(reference_points(&[(1, 2)]), [0.25, 0.5, 0.75, 0.5]);
    }
}
