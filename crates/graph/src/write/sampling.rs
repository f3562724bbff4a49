//! Multi-scale deformable sampling in ONNX operations, two ways.

use super::{OnnxOps, count};
use unmask_network::ops::NetworkOps;
use unmask_onnx::ir::ValueId;
use unmask_onnx::messages::{AttributeProto, DataType};

/// How deformable attention samples its levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SamplingForm {
    /// Bilinear sampling from Gather and arithmetic: every engine takes it and computes it right.
    #[default]
    Gather,
    /// One GridSample node a level (opset 16): small graphs. Check the engine's outputs against
    /// this project's CPU engine: TensorRT 10.13 to 11.1 are known to compute it wrongly.
    Gridsample,
}

impl std::fmt::Display for SamplingForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gather => "gather",
            Self::Gridsample => "gridsample",
        })
    }
}

/// Sizes that go through a deformable sampling.
struct LevelSizes {
    batch: usize,
    /// Queries.
    lq: usize,
    heads: usize,
    /// Channels of a head.
    ch: usize,
    points: usize,
    levels: Vec<(usize, usize)>,
}

impl LevelSizes {
    /// Rows of one picture in the table of all levels with their borders.
    fn rows(&self) -> usize {
        let pixels = self.levels.iter().map(|&(h, w)| (h + 2) * (w + 2));
        pixels.sum::<usize>() * self.heads
    }
}

impl OnnxOps {
    pub(super) fn write_deformable_sample(
        &mut self,
        value: ValueId,
        levels: &[(usize, usize)],
        locations: ValueId,
        weights: ValueId,
    ) -> ValueId {
        let (v, l, w) = (
            self.shape(&value),
            self.shape(&locations),
            self.shape(&weights),
        );
        let tokens: usize = levels.iter().map(|&(h, w)| h * w).sum();
        let fits = v.len() == 4
            && l.len() == 6
            && l[5] == 2
            && w[..] == l[..5]
            && v[0] == l[0]
            && v[1] == tokens
            && v[2] == l[2]
            && l[3] == levels.len()
            && count(&l) > 0;
        if !self.require(fits, || {
            format!("a deformable sampling of {v:?} in {levels:?} at {l:?} with weights {w:?}")
        }) {
            let at = |s: &[usize], i: usize| s.get(i).copied().unwrap_or(1);
            return self.placeholder(&[at(&v, 0), at(&l, 1), at(&v, 2) * at(&v, 3)]);
        }
        let sizes = LevelSizes {
            batch: v[0],
            lq: l[1],
            heads: v[2],
            ch: v[3],
            points: l[4],
            levels: levels.to_vec(),
        };
        // Named after what offsets and weights of the attention have in common.
        let around = self.scope.rsplit_once('.').map_or("", |(stem, _)| stem);
        let scope = format!("{around}.sampling");
        self.within(scope.trim_start_matches('.'), |ops| match ops.sampling {
            SamplingForm::Gridsample => ops.by_grid_sample(value, locations, weights, &sizes),
            SamplingForm::Gather => ops.by_gather(value, locations, weights, &sizes),
        })
    }

    /// Per level: GridSample of `[N·heads, ch, h, w]` at `2·loc − 1`, weighted and summed over the
    /// points (Deformable DETR's own PyTorch form).
    fn by_grid_sample(
        &mut self,
        value: ValueId,
        locations: ValueId,
        weights: ValueId,
        sizes: &LevelSizes,
    ) -> ValueId {
        let &LevelSizes {
            batch,
            lq,
            heads,
            ch,
            points,
            ..
        } = sizes;
        let maps = batch * heads;
        let flat = [batch, lq, heads, sizes.levels.len(), points * 2];
        let locations = self.write_reshape(locations, &flat);
        let mut sum: Option<ValueId> = None;
        let mut start = 0;
        for (level, &(h, w)) in sizes.levels.iter().enumerate() {
            let part = self.write_slice(value, 1, start, h * w);
            start += h * w;
            let part = self.write_permute(part, &[0, 2, 3, 1]);
            let map = self.write_reshape(part, &[maps, ch, h, w]);

            let grid = self.write_slice(locations, 3, level, 1);
            let grid = self.write_reshape(grid, &[batch, lq, heads, points * 2]);
            let grid = self.write_permute(grid, &[0, 2, 1, 3]);
            let grid = self.write_reshape(grid, &[maps, lq, points, 2]);
            let shape = [maps, lq, points, 2];
            let (two, one) = (self.f32s(&[], vec![2.0]), self.f32s(&[], vec![1.0]));
            let grid = self.node("Mul", &[grid, two], vec![], &shape);
            let grid = self.node("Sub", &[grid, one], vec![], &shape);
            let attributes = vec![
                AttributeProto::string("mode", "bilinear"),
                AttributeProto::string("padding_mode", "zeros"),
                AttributeProto::int("align_corners", 0),
            ];
            let shape = [maps, ch, lq, points];
            let sampled = self.node("GridSample", &[map, grid], attributes, &shape);

            let by = self.write_slice(weights, 3, level, 1);
            let by = self.write_reshape(by, &[batch, lq, heads, points]);
            let by = self.write_permute(by, &[0, 2, 1, 3]);
            let by = self.write_reshape(by, &[maps, 1, lq, points]);
            let weighted = self.node("Mul", &[sampled, by], vec![], &shape);
            let axes = self.i64s(vec![-1]);
            let keep = AttributeProto::int("keepdims", 0);
            let one_level = self.node("ReduceSum", &[weighted, axes], vec![keep], &shape[..3]);
            sum = Some(match sum {
                Some(sum) => self.node("Add", &[sum, one_level], vec![], &shape[..3]),
                None => one_level,
            });
        }
        // `fits` above asks for at least one level.
        let sum = sum.unwrap_or(value);
        let sum = self.write_reshape(sum, &[batch, heads * ch, lq]);
        self.write_permute(sum, &[0, 2, 1])
    }

    /// Every level gets a border of zeros; the four pixels around a place are rows of one table,
    /// fetched by a Gather a corner and summed over the points by a product with the weights.
    ///
    /// A place is clamped to the border, where all that it reads is zero: no comparison, no mask,
    /// no index out of range. Indices are int32 from the rounding on, whatever precision the rest
    /// of the graph is given. Each corner's index is made from the one before it, so that an engine
    /// that runs nodes as they become ready holds the rows of one corner at a time.
    fn by_gather(
        &mut self,
        value: ValueId,
        locations: ValueId,
        weights: ValueId,
        sizes: &LevelSizes,
    ) -> ValueId {
        let &LevelSizes {
            batch,
            lq,
            heads,
            ch,
            points,
            ..
        } = sizes;
        // Levels and points of a head: one axis.
        let (queries, spots) = (batch * lq, sizes.levels.len() * points);
        let shape = [queries, heads, 1, spots];
        let per_spot = |f: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            let levels = sizes.levels.iter();
            levels.flat_map(|&(h, w)| vec![f(h, w); points]).collect()
        };
        let locations = self.write_reshape(locations, &[queries, heads * spots, 2]);
        let half = self.f32s(&[], vec![0.5]);
        let minus_one = self.f32s(&[], vec![-1.0]);
        // Per axis: the pixel before the place (−1 … side − 1), as int32, and how far past it.
        let mut axes = Vec::with_capacity(2);
        for axis in 0..2 {
            let last = per_spot(&|h, w| [w, h][axis] as f32 - 1.0);
            let last = self.f32s(&[1, 1, 1, spots], last);
            let side = per_spot(&|h, w| [w, h][axis] as f32);
            let side = self.f32s(&[1, 1, 1, spots], side);
            let c = self.write_slice(locations, 2, axis, 1);
            let c = self.write_reshape(c, &shape);
            let c = self.node("Mul", &[c, side], vec![], &shape);
            let c = self.node("Sub", &[c, half], vec![], &shape);
            let c = self.node("Max", &[c, minus_one], vec![], &shape);
            let c = self.node("Min", &[c, side], vec![], &shape);
            let low = self.node("Floor", &[c], vec![], &shape);
            let low = self.node("Min", &[low, last], vec![], &shape);
            let past = self.node("Sub", &[c, low], vec![], &shape);
            let to = AttributeProto::int("to", DataType::Int32 as i64);
            let low = self.typed_node("Cast", &[low], vec![to], DataType::Int32, &shape);
            axes.push((low, past));
        }
        let [(x, right), (y, down)] = axes[..] else {
            return self.placeholder(&[batch, lq, heads * ch]);
        };
        let weights = self.write_reshape(weights, &shape);
        let lower = self.node("Mul", &[weights, down], vec![], &shape);
        let upper = self.node("Sub", &[weights, lower], vec![], &shape);
        let lower_right = self.node("Mul", &[lower, right], vec![], &shape);
        let lower_left = self.node("Sub", &[lower, lower_right], vec![], &shape);
        let upper_right = self.node("Mul", &[upper, right], vec![], &shape);
        let upper_left = self.node("Sub", &[upper, upper_right], vec![], &shape);

        let table = self.bordered_rows(value, sizes);
        let Some(indices) = self.corner_indices(x, y, sizes) else {
            return self.placeholder(&[batch, lq, heads * ch]);
        };
        let mut sum: Option<ValueId> = None;
        let by = [upper_left, upper_right, lower_right, lower_left];
        for (index, weights) in indices.into_iter().zip(by) {
            let gather = AttributeProto::int("axis", 0);
            let rows = [queries, heads, spots, ch];
            let rows = self.node("Gather", &[table, index], vec![gather], &rows);
            let shape = [queries, heads, 1, ch];
            let part = self.node("MatMul", &[weights, rows], vec![], &shape);
            sum = Some(match sum {
                Some(sum) => self.node("Add", &[sum, part], vec![], &shape),
                None => part,
            });
        }
        self.write_reshape(sum.unwrap_or(value), &[batch, lq, heads * ch])
    }

    /// `[rows, ch]`: for every picture of the batch, level, pixel of the level with its border of
    /// one zero on each side, and head: the values.
    fn bordered_rows(&mut self, value: ValueId, sizes: &LevelSizes) -> ValueId {
        let &LevelSizes {
            batch, heads, ch, ..
        } = sizes;
        let mut levels = Vec::with_capacity(sizes.levels.len());
        let mut start = 0;
        for &(h, w) in &sizes.levels {
            let part = self.write_slice(value, 1, start, h * w);
            start += h * w;
            let map = self.write_reshape(part, &[batch, h, w, heads * ch]);
            let map = self.write_pad(map, &[0, 1, 1, 0], &[0, 1, 1, 0]);
            levels.push(self.write_reshape(map, &[batch, (h + 2) * (w + 2) * heads, ch]));
        }
        let all = self.write_concat(&levels, 1);
        self.write_reshape(all, &[batch * sizes.rows(), ch])
    }

    /// Rows of the four pixels at and after (`x`, `y`), int32 `[N·Lq, heads, levels·points]`: upper
    /// left, upper right, lower right, lower left.
    fn corner_indices(
        &mut self,
        x: ValueId,
        y: ValueId,
        sizes: &LevelSizes,
    ) -> Option<[ValueId; 4]> {
        let &LevelSizes {
            batch,
            lq,
            heads,
            points,
            ..
        } = sizes;
        let total = batch.saturating_mul(sizes.rows());
        if !self.require(i32::try_from(total).is_ok(), || {
            format!("a deformable sampling of {total} rows: more than an int32 can count")
        }) {
            return None;
        }
        // The row of pixel (0, 0), and the step to the next line, for every head, level and point.
        let mut origins = Vec::with_capacity(heads * sizes.levels.len() * points);
        for head in 0..heads {
            let mut start = 0;
            for &(h, w) in &sizes.levels {
                let origin = start + (w + 2 + 1) * heads + head;
                origins.extend(vec![origin; points]);
                start += (h + 2) * (w + 2) * heads;
            }
        }
        let step = |&(_, w): &(usize, usize)| vec![((w + 2) * heads) as i32; points];
        let lines: Vec<i32> = sizes.levels.iter().flat_map(step).collect();
        let spots = lines.len();
        // Pictures of a batch lie one after the other; with one, its origins serve all queries.
        let (repeats, leading) = if batch == 1 { (1, 1) } else { (lq, batch * lq) };
        let origins: Vec<i32> = (0..batch)
            .flat_map(|n| vec![n * sizes.rows(); repeats])
            .flat_map(|first| origins.iter().map(move |o| (first + o) as i32))
            .collect();

        let shape = [batch * lq, heads, spots];
        let origins = self.i32s(&[leading, heads, spots], origins);
        let line = self.i32s(&[1, 1, spots], lines);
        let pixel = self.i32s(&[], vec![heads as i32]);
        let int =
            |ops: &mut Self, op, a, b| ops.typed_node(op, &[a, b], vec![], DataType::Int32, &shape);
        let x = self.write_reshape(x, &shape);
        let y = self.write_reshape(y, &shape);
        let x = int(self, "Mul", x, pixel);
        let y = int(self, "Mul", y, line);
        let place = int(self, "Add", x, y);
        let upper_left = int(self, "Add", place, origins);
        let upper_right = int(self, "Add", upper_left, pixel);
        let lower_right = int(self, "Add", upper_right, line);
        let lower_left = int(self, "Sub", lower_right, pixel);
        Some([upper_left, upper_right, lower_right, lower_left])
    }
}
