//! What may touch which tile of the picture.

use super::eye::Rect;

/// Side of a tile, px.
pub(super) const TILE: usize = 16;

/// Numbers sorted into tiles.
pub(super) struct Bins {
    starts: Vec<u32>,
    items: Vec<u32>,
    columns: usize,
}

impl Bins {
    pub fn new(columns: usize, rows: usize, rects: impl Fn(&mut dyn FnMut(u32, Rect))) -> Self {
        let span = |r: &Rect| {
            let t = TILE as i32;
            (r.x0 / t..(r.x1 + t - 1) / t, r.y0 / t..(r.y1 + t - 1) / t)
        };
        let mut starts = vec![0u32; columns * rows + 1];
        rects(&mut |_, r| {
            if r.is_empty() {
                return;
            }
            let (xs, ys) = span(&r);
            for y in ys {
                for x in xs.clone() {
                    starts[y as usize * columns + x as usize + 1] += 1;
                }
            }
        });
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut next = starts.clone();
        let mut items = vec![0; starts[starts.len() - 1] as usize];
        rects(&mut |i, r| {
            if r.is_empty() {
                return;
            }
            let (xs, ys) = span(&r);
            for y in ys {
                for x in xs.clone() {
                    let at = &mut next[y as usize * columns + x as usize];
                    items[*at as usize] = i;
                    *at += 1;
                }
            }
        });
        Self {
            starts,
            items,
            columns,
        }
    }

    /// Numbers of a tile, in the order they came.
    pub fn tile(&self, column: usize, row: usize) -> &[u32] {
        let i = row * self.columns + column;
        &self.items[self.starts[i] as usize..self.starts[i + 1] as usize]
    }
}
