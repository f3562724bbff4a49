//! Multi-scale deformable sampling in ONNX operations, two ways.

use super::{OnnxOps, count};
use crate::graph::ir::ValueId;
use crate::graph::onnx::{AttributeProto, DataType};
use unmask_network::ops::Ops;

/// How deformable attention samples its levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Sampling {
    /// Bilinear sampling from Gather and arithmetic: every engine takes it and computes it right.
    #[default]
    Gather,
    /// One GridSample node a level (opset 16): small graphs. Check the engine's outputs against
    /// this project's CPU engine: TensorRT 10.13 to 11.1 are known to compute it wrongly.
    Gridsample,
}

impl std::fmt::Display for Sampling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gather => "gather",
            Self::Gridsample => "gridsample",
        })
    }
}

/// Sizes that go through a deformable sampling.
struct Sizes {
    batch: usize,
    /// Queries.
    lq: usize,
    heads: usize,
    /// Channels of a head.
    ch: usize,
    points: usize,
    levels: Vec<(usize, usize)>,
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
        let sizes = Sizes {
            batch: v[0],
            lq: l[1],
            heads: v[2],
            ch: v[3],
            points: l[4],
            levels: levels.to_vec(),
        };
        match self.sampling {
            Sampling::Gridsample => self.by_grid_sample(value, locations, weights, &sizes),
            Sampling::Gather => self.by_gather(value, locations, weights, &sizes),
        }
    }

    /// Per level: GridSample of `[N·heads, ch, h, w]` at `2·loc − 1`, weighted and summed over the
    /// points (Deformable DETR's own PyTorch form).
    fn by_grid_sample(
        &mut self,
        value: ValueId,
        locations: ValueId,
        weights: ValueId,
        sizes: &Sizes,
    ) -> ValueId {
        let &Sizes {
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

    /// Every level gets a border of zeros; each row of one table then holds the four neighbours
    /// of a place between pixels, so that one Gather with one index a point fetches all that
    /// bilinear sampling needs, and one product with the corner weights sums corners, points and
    /// levels.
    ///
    /// A place is clamped to the border, where all that it reads is zero: no comparison, no mask,
    /// no index out of range. Indices are int32 from the rounding on, whatever precision the rest
    /// of the graph is given.
    fn by_gather(
        &mut self,
        value: ValueId,
        locations: ValueId,
        weights: ValueId,
        sizes: &Sizes,
    ) -> ValueId {
        let &Sizes {
            batch,
            lq,
            heads,
            ch,
            points,
            ..
        } = sizes;
        let table = self.corner_table(value, sizes);
        // All heads, levels and points of a query: one axis.
        let spots = heads * sizes.levels.len() * points;
        let shape = [batch, lq, spots];
        let per_spot = |f: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            (0..heads)
                .flat_map(|_| sizes.levels.iter())
                .flat_map(|&(h, w)| vec![f(h, w); points])
                .collect()
        };
        let locations = self.write_reshape(locations, &[batch, lq, spots, 2]);
        let half = self.f32s(&[], vec![0.5]);
        let minus_one = self.f32s(&[], vec![-1.0]);
        // Per axis: the pixel before the place (−1 … side − 1), as int32, and how far past it.
        let mut axes = Vec::with_capacity(2);
        for axis in 0..2 {
            let side = |less: f32| -> Vec<f32> { per_spot(&|h, w| [w, h][axis] as f32 - less) };
            let last = self.f32s(&[1, 1, spots], side(1.0));
            let side = self.f32s(&[1, 1, spots], side(0.0));
            let c = self.write_slice(locations, 3, axis, 1);
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
        let index = self.corner_index(x, y, sizes, &shape);
        let gather = AttributeProto::int("axis", 0);
        let rows = self.node(
            "Gather",
            &[table, index],
            vec![gather],
            &[batch, lq, spots, 4 * ch],
        );

        // Weights of the corners, in the table's order: upper left, upper right, lower left,
        // lower right.
        let weights = self.write_reshape(weights, &shape);
        let lower = self.node("Mul", &[weights, down], vec![], &shape);
        let upper = self.node("Sub", &[weights, lower], vec![], &shape);
        let lower_right = self.node("Mul", &[lower, right], vec![], &shape);
        let lower_left = self.node("Sub", &[lower, lower_right], vec![], &shape);
        let upper_right = self.node("Mul", &[upper, right], vec![], &shape);
        let upper_left = self.node("Sub", &[upper, upper_right], vec![], &shape);
        let corners: Vec<ValueId> = [upper_left, upper_right, lower_left, lower_right]
            .into_iter()
            .map(|c| self.write_reshape(c, &[batch, lq, spots, 1]))
            .collect();
        let corners = self.write_concat(&corners, 3);

        let each = spots / heads * 4;
        let corners = self.write_reshape(corners, &[batch * lq * heads, 1, each]);
        let rows = self.write_reshape(rows, &[batch * lq * heads, each, ch]);
        let sum = self.node(
            "MatMul",
            &[corners, rows],
            vec![],
            &[batch * lq * heads, 1, ch],
        );
        self.write_reshape(sum, &[batch, lq, heads * ch])
    }

    /// `[rows, 4·ch]`: for every level, picture of the batch, place between pixels (`h + 1` by
    /// `w + 1` of them) and head, the values of the four pixels around it.
    fn corner_table(&mut self, value: ValueId, sizes: &Sizes) -> ValueId {
        let &Sizes {
            batch, heads, ch, ..
        } = sizes;
        let mut tables = Vec::with_capacity(sizes.levels.len());
        let mut start = 0;
        for &(h, w) in &sizes.levels {
            let part = self.write_slice(value, 1, start, h * w);
            start += h * w;
            let map = self.write_reshape(part, &[batch, h, w, heads * ch]);
            let map = self.write_pad(map, &[0, 1, 1, 0], &[0, 1, 1, 0]);
            let map = self.write_reshape(map, &[batch, h + 2, (w + 2) * heads, ch]);
            let mut corners = Vec::with_capacity(4);
            for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let c = self.write_slice(map, 1, down, h + 1);
                corners.push(self.write_slice(c, 2, right * heads, (w + 1) * heads));
            }
            let table = self.write_concat(&corners, 3);
            let rows = batch * (h + 1) * (w + 1) * heads;
            tables.push(self.write_reshape(table, &[rows, 4 * ch]));
        }
        self.write_concat(&tables, 0)
    }

    /// The row of the corner table for the place after pixel (`x`, `y`), int32 of `shape`.
    fn corner_index(&mut self, x: ValueId, y: ValueId, sizes: &Sizes, shape: &[usize]) -> ValueId {
        let &Sizes {
            batch,
            heads,
            points,
            ..
        } = sizes;
        let spots = shape[2];
        let mut first = Vec::with_capacity(batch * spots);
        let mut row = Vec::with_capacity(spots);
        let mut starts = Vec::with_capacity(sizes.levels.len());
        let mut total = 0;
        for &(h, w) in &sizes.levels {
            starts.push(total);
            total += batch * (h + 1) * (w + 1) * heads;
        }
        if !self.require(i32::try_from(total).is_ok(), || {
            format!("a deformable sampling of {total} rows: more than an int32 can count")
        }) {
            return self.placeholder(shape);
        }
        for n in 0..batch {
            for head in 0..heads {
                for (&(h, w), start) in sizes.levels.iter().zip(&starts) {
                    // The pixel at (−1, −1), the border's corner, is the first place.
                    let here = start + (n * (h + 1) * (w + 1) + (w + 1) + 1) * heads + head;
                    first.extend(vec![here as i32; points]);
                    if n == 0 {
                        row.extend(vec![((w + 1) * heads) as i32; points]);
                    }
                }
            }
        }
        let first = self.i32s(&[batch, 1, spots], first);
        let row = self.i32s(&[1, 1, spots], row);
        let column = self.i32s(&[], vec![heads as i32]);
        let int = DataType::Int32;
        let x = self.typed_node("Mul", &[x, column], vec![], int, shape);
        let y = self.typed_node("Mul", &[y, row], vec![], int, shape);
        let index = self.typed_node("Add", &[x, y], vec![], int, shape);
        self.typed_node("Add", &[index, first], vec![], int, shape)
    }
}
