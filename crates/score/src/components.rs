//! Connected components of a mask: 8-connected, run by run.
//!
//! A mask is read once into horizontal runs. Runs that touch a run of the row above, diagonals
//! included, are joined with union-find; a second pass over the runs numbers the components. The
//! cost after the one scan of the mask is that of the runs, not of the pixels, and overlap
//! between two masks ([`overlaps`]) is found the same way. [`ComponentLabeller`] does it frame after frame on
//! buffers that are kept.

mod labeller;

use unmask_frame::{PixelMap, Size};

pub use labeller::ComponentLabeller;

/// A horizontal run of mask pixels: columns `start..end` of row `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellRun {
    /// Row, px.
    pub y: u32,
    /// First column, px.
    pub start: u32,
    /// One past the last column, px.
    pub end: u32,
    /// Index into [`Components::list`].
    pub component: u32,
}

impl CellRun {
    /// Number of pixels in the run.
    pub fn len_px(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// One connected component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// Number of pixels.
    pub area_px: usize,
    /// Smallest upright box around it: left, top, width, height, px.
    pub bbox: [usize; 4],
}

/// The connected components of one mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    size: Size,
    runs: Vec<CellRun>,
    list: Vec<Component>,
}

impl Components {
    /// Size of the mask, px.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The components, in the order of their first pixel (row-major).
    pub fn list(&self) -> &[Component] {
        &self.list
    }

    /// All runs, row-major, left to right.
    pub fn runs(&self) -> &[CellRun] {
        &self.runs
    }

    /// Component numbers as a map: 0 = background, `k + 1` = `list()[k]`.
    pub fn to_map(&self) -> PixelMap<u32> {
        let mut map = PixelMap::filled(self.size, 0);
        for run in &self.runs {
            let row = run.y as usize * self.size.w;
            map.data_mut()[row + run.start as usize..row + run.end as usize]
                .fill(run.component + 1);
        }
        map
    }
}

/// Finds the 8-connected components of the `true` pixels.
///
/// Sides beyond `u32::MAX` px cannot occur: such a mask would not fit in memory.
pub fn label(mask: &PixelMap<bool>) -> Components {
    let size = mask.size();
    let pixels = mask.data();
    let (runs, count) = ComponentLabeller::label_once(size, |at| pixels[at]);
    let mut list: Vec<Component> = Vec::with_capacity(count);
    for run in &runs {
        // Components are numbered by their first run, so a new number is always the next one.
        if run.component as usize == list.len() {
            list.push(Component {
                area_px: 0,
                bbox: [run.start as usize, run.y as usize, 0, 0],
            });
        }
        grow(&mut list[run.component as usize], run);
    }
    Components { size, runs, list }
}

fn grow(component: &mut Component, run: &CellRun) {
    component.area_px += run.len_px();
    let [x, y, w, _] = component.bbox;
    let left = x.min(run.start as usize);
    let right = (x + w).max(run.end as usize);
    component.bbox = [left, y, right - left, run.y as usize + 1 - y];
}

/// Calls `found(component of a, component of b, shared px)` for every pair of overlapping runs.
///
/// A pair of components is reported once for each pair of their runs that overlap; the caller adds
/// up. Both must come from masks of the same size.
pub fn overlaps(a: &Components, b: &Components, mut found: impl FnMut(u32, u32, usize)) {
    let (mut i, mut j) = (0, 0);
    while let (Some(left), Some(right)) = (a.runs.get(i), b.runs.get(j)) {
        if left.y == right.y {
            let start = left.start.max(right.start);
            let end = left.end.min(right.end);
            if start < end {
                found(left.component, right.component, (end - start) as usize);
            }
        }
        // Drop the run that ends first in reading order: nothing later can meet it.
        if (left.y, left.end) <= (right.y, right.end) {
            i += 1;
        } else {
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> PixelMap<bool> {
        let w = rows.first().map_or(0, |row| row.len());
        let data: Vec<bool> = rows
            .iter()
            .flat_map(|r| r.bytes().map(|b| b == b'#'))
            .collect();
        PixelMap::new(Size::new(w, rows.len()), data).unwrap()
    }

    #[test]
    fn empty_and_full_masks() {
        assert!(label(&mask(&["....", "...."])).list().is_empty());
        assert!(
            label(&PixelMap::filled(Size::new(0, 0), true))
                .list()
                .is_empty()
        );
        let full = label(&mask(&["###", "###"]));
        let all = Component {
            area_px: 6,
            bbox: [0, 0, 3, 2],
        };
        assert_eq!(full.list(), [all]);
    }

    #[test]
    fn corners_connect() {
        let found = label(&mask(&["#..", ".#.", "#.."]));
        assert_eq!(found.list().len(), 1);
        assert_eq!(found.list()[0].bbox, [0, 0, 2, 3]);
        assert_eq!(found.list()[0].area_px, 3);
        // One column further apart they do not.
        assert_eq!(label(&mask(&["#..", "..#"])).list().len(), 2);
    }

    #[test]
    fn shapes_that_join_late_are_one() {
        let found = label(&mask(&[
            "#...#...#", //
            "#.#.#...#",
            "#.#.#####",
            "###......",
        ]));
        assert_eq!(found.list().len(), 2);
        assert_eq!(found.list()[0].bbox, [0, 0, 3, 4]);
        assert_eq!(found.list()[0].area_px, 3 + 2 + 3);
        assert_eq!(found.list()[1].bbox, [4, 0, 5, 3]);
        assert_eq!(found.to_map().at(8, 0), 2);
        assert_eq!(found.to_map().at(3, 0), 0);
    }

    #[test]
    fn order_is_that_of_the_first_pixel() {
        let found = label(&mask(&["....#", "#...#", "#...."]));
        assert_eq!(found.list()[0].bbox, [4, 0, 1, 2]);
        assert_eq!(found.list()[1].bbox, [0, 1, 1, 2]);
    }

    /// Flood fill says the same on pseudo-random masks of several densities.
    #[test]
    fn agrees_with_flood_fill() {
        let mut state = 7u64;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            state >> 33
        };
        for case in 0..60 {
            let size = Size::new(1 + (next() % 23) as usize, 1 + (next() % 17) as usize);
            let density = 10 + (case % 9) * 10;
            let data = (0..size.area_px())
                .map(|_| next() % 100 < density)
                .collect();
            let mask = PixelMap::new(size, data).unwrap();
            let found = label(&mask);
            assert_eq!(found.to_map(), flood(&mask), "case {case}");
            let areas: usize = found.list().iter().map(|c| c.area_px).sum();
            assert_eq!(areas, mask.data().iter().filter(|&&on| on).count());
        }
    }

    fn flood(mask: &PixelMap<bool>) -> PixelMap<u32> {
        let size = mask.size();
        let mut out = PixelMap::filled(size, 0u32);
        let mut count = 0;
        for start in 0..size.area_px() {
            if !mask.data()[start] || out.data()[start] != 0 {
                continue;
            }
            count += 1;
            let mut open = vec![start];
            while let Some(at) = open.pop() {
                if out.data()[at] != 0 {
                    continue;
                }
                out.data_mut()[at] = count;
                let (x, y) = (at % size.w, at / size.w);
                for ny in y.saturating_sub(1)..(y + 2).min(size.h) {
                    for nx in x.saturating_sub(1)..(x + 2).min(size.w) {
                        if mask.at(nx, ny) {
                            open.push(ny * size.w + nx);
                        }
                    }
                }
            }
        }
        out
    }

    #[test]
    fn overlaps_count_every_shared_pixel() {
        let a = label(&mask(&["##.##", ".....", "#####"]));
        let b = label(&mask(&[".###.", "....#", "#.#.#"]));
        let mut shared = std::collections::BTreeMap::new();
        overlaps(&a, &b, |i, j, px| *shared.entry((i, j)).or_insert(0) += px);
        // b: 0 = the bar and the column right of it (they touch at a corner), 1, 2 = single pixels.
        let want = [
            ((0, 0), 1),
            ((1, 0), 1),
            ((2, 0), 1),
            ((2, 1), 1),
            ((2, 2), 1),
        ];
        assert_eq!(shared.into_iter().collect::<Vec<_>>(), want);
    }
}
