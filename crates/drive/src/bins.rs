//! Bins solids by the image tiles that they may touch.

use super::camera_model::ImageRect;

/// Side of a tile, px.
pub(super) const TILE: usize = 16;

/// Numbers sorted into tiles.
pub(super) struct SolidBins {
    starts: Vec<u32>,
    items: Vec<u32>,
    columns: usize,
}

impl SolidBins {
    pub fn new(
        columns: usize,
        rows: usize,
        rects: impl Fn(&mut dyn FnMut(u32, ImageRect)),
    ) -> Self {
        let span = |r: &ImageRect| {
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

    /// Drops the numbers for which `keep` (tile's column and row, number) says no.
    pub fn retain(&mut self, keep: impl Fn(usize, usize, u32) -> bool) {
        let (mut from, mut to) = (0, 0);
        for tile in 0..self.starts.len() - 1 {
            let end = self.starts[tile + 1] as usize;
            let (column, row) = (tile % self.columns, tile / self.columns);
            while from < end {
                let item = self.items[from];
                if keep(column, row, item) {
                    self.items[to] = item;
                    to += 1;
                }
                from += 1;
            }
            self.starts[tile + 1] = to as u32;
        }
        self.items.truncate(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lie_in_the_tiles_they_touch() {
        let rect = |x0, y0, x1, y1| ImageRect { x0, y0, x1, y1 };
        let rects = [rect(0, 0, 16, 16), rect(15, 3, 17, 33), ImageRect::EMPTY];
        let mut bins = SolidBins::new(3, 3, |add| {
            for (i, r) in rects.iter().enumerate() {
                add(i as u32, *r);
            }
        });
        assert_eq!(bins.tile(0, 0), [0, 1]);
        assert_eq!(bins.tile(1, 0), [1]);
        assert_eq!(bins.tile(1, 2), [1]);
        assert!(bins.tile(2, 0).is_empty());
        bins.retain(|column, _, item| column == 0 && item == 1);
        assert_eq!(bins.tile(0, 0), [1]);
        assert!(bins.tile(1, 0).is_empty() && bins.tile(1, 2).is_empty());
        assert_eq!(bins.tile(0, 2), [1]);
    }
}
