//! Multi-scale deformable sampling: by rows for CPUs, by `grid_sample` for GPUs.

use super::{BurnOps, BurnValue};
use burn::tensor::Tensor;
use burn::tensor::ops::{GridSampleOptions, GridSamplePaddingMode, InterpolateMode};

impl BurnOps<'_> {
    /// The four corners of every sample as rows of one `[N * tokens * heads, ch]` table.
    pub(super) fn sample_rows(
        &self,
        value: &BurnValue,
        levels: &[(usize, usize)],
        locations: &BurnValue,
        weights: &BurnValue,
    ) -> BurnValue {
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
        BurnValue::R3(sum.reshape([n, queries, heads * ch]))
    }

    /// `grid_sample` a level, zeros outside, pixel centres at (i + 0.5) / size.
    pub(super) fn sample_grid(
        &self,
        value: &BurnValue,
        levels: &[(usize, usize)],
        locations: &BurnValue,
        weights: &BurnValue,
    ) -> BurnValue {
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
        BurnValue::R3(y.permute([0, 2, 1]))
    }
}
