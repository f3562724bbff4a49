//! Component labeller that reuses its buffers.
//!
//! Runs are joined with union-find on buffers that are kept: once they have grown to the size of the
//! map, a frame costs no allocation.

use super::CellRun;
use unmask_frame::Size;

/// Finds 8-connected components, frame after frame.
#[derive(Debug, Default)]
pub struct ComponentLabeller {
    size: Size,
    runs: Vec<CellRun>,
    parents: Vec<u32>,
    numbers: Vec<u32>,
    count: usize,
    /// Indices into `runs`, those of component `k` at `starts[k]..starts[k + 1]`.
    order: Vec<u32>,
    starts: Vec<u32>,
}

impl ComponentLabeller {
    /// Labels the cells of a map of `size` for which `on` is true.
    pub fn label(&mut self, size: Size, on: impl Fn(usize) -> bool) {
        if size != self.size {
            self.size = size;
            self.reserve(size.w.div_ceil(2) * size.h);
        }
        self.join_all(on);
        self.group();
    }

    /// The runs of one map, and the number of its components, without buffers to keep.
    pub(super) fn label_once(size: Size, on: impl Fn(usize) -> bool) -> (Vec<CellRun>, usize) {
        let mut labeller = Self {
            size,
            ..Self::default()
        };
        labeller.join_all(on);
        (labeller.runs, labeller.count)
    }

    /// Finds the runs, joins those that touch and numbers the components.
    fn join_all(&mut self, on: impl Fn(usize) -> bool) {
        let size = self.size;
        self.runs.clear();
        self.parents.clear();
        let mut above = 0..0;
        for y in 0..size.h {
            let first = self.runs.len();
            self.push_row(y, &on);
            self.join(above, first..self.runs.len());
            above = first..self.runs.len();
        }
        self.number();
    }

    /// Number of components, in the order of their first cell (row-major).
    pub fn count(&self) -> usize {
        self.count
    }

    /// All runs, row-major, left to right.
    pub fn runs(&self) -> &[CellRun] {
        &self.runs
    }

    /// The runs of component `k`, row-major.
    pub fn runs_of(&self, k: usize) -> impl Iterator<Item = CellRun> {
        let range = self.starts[k] as usize..self.starts[k + 1] as usize;
        self.order[range].iter().map(|&i| self.runs[i as usize])
    }

    fn reserve(&mut self, most_runs: usize) {
        self.runs.clear();
        self.runs.reserve(most_runs);
        for list in [
            &mut self.parents,
            &mut self.numbers,
            &mut self.order,
            &mut self.starts,
        ] {
            list.clear();
            list.reserve(most_runs + 1);
        }
    }

    fn push_row(&mut self, y: usize, on: &impl Fn(usize) -> bool) {
        let (from, w) = (y * self.size.w, self.size.w);
        let mut x = 0;
        while x < w {
            if !on(from + x) {
                x += 1;
                continue;
            }
            let start = x;
            while x < w && on(from + x) {
                x += 1;
            }
            // Until the numbering, `component` holds the run's own index.
            let index = self.runs.len() as u32;
            self.runs.push(CellRun {
                y: y as u32,
                start: start as u32,
                end: x as u32,
                component: index,
            });
            self.parents.push(index);
        }
    }

    /// Joins every run of a row with the runs above that it touches, corners included.
    fn join(&mut self, above: std::ops::Range<usize>, row: std::ops::Range<usize>) {
        let mut first = above.start;
        for index in row {
            let run = self.runs[index];
            while first < above.end && self.runs[first].end < run.start {
                first += 1;
            }
            let mut other = first;
            while other < above.end && self.runs[other].start <= run.end {
                let (a, b) = (self.root(other as u32), self.root(index as u32));
                // The smaller index stays root: components keep the order of their first cell.
                self.parents[a.max(b) as usize] = a.min(b);
                other += 1;
            }
        }
    }

    fn root(&mut self, mut index: u32) -> u32 {
        while self.parents[index as usize] != index {
            let up = self.parents[self.parents[index as usize] as usize];
            self.parents[index as usize] = up;
            index = up;
        }
        index
    }

    fn number(&mut self) {
        self.numbers.clear();
        self.numbers.resize(self.runs.len(), 0);
        self.count = 0;
        for index in 0..self.runs.len() {
            let root = self.root(index as u32) as usize;
            if root == index {
                self.numbers[index] = self.count as u32;
                self.count += 1;
            }
            self.runs[index].component = self.numbers[root];
        }
    }

    /// Sorts the runs by component, by counting.
    fn group(&mut self) {
        self.starts.clear();
        self.starts.resize(self.count + 1, 0);
        for run in &self.runs {
            self.starts[run.component as usize + 1] += 1;
        }
        for k in 0..self.count {
            self.starts[k + 1] += self.starts[k];
        }
        self.order.clear();
        self.order.resize(self.runs.len(), 0);
        // `numbers` is free again: it holds the next free place of every component.
        self.numbers.clear();
        self.numbers.extend_from_slice(&self.starts[..self.count]);
        for (index, run) in self.runs.iter().enumerate() {
            let place = &mut self.numbers[run.component as usize];
            self.order[*place as usize] = index as u32;
            *place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components;
    use unmask_frame::PixelMap;

    #[test]
    fn kept_buffers_give_the_same_components_frame_after_frame() {
        let mut labeller = ComponentLabeller::default();
        let mut state = 7u32;
        for (case, (w, h)) in [(1, 1), (9, 4), (13, 17), (13, 17), (2, 40)]
            .into_iter()
            .enumerate()
        {
            let size = Size::new(w, h);
            let cells: Vec<bool> = (0..w * h)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state >> 30 != 0 || case == 0
                })
                .collect();
            labeller.label(size, |i| cells[i]);
            let want = components::label(&PixelMap::new(size, cells).unwrap());
            assert_eq!(labeller.runs(), want.runs(), "case {case}");
            assert_eq!(labeller.count(), want.list().len());
            for k in 0..labeller.count() {
                let area: usize = labeller.runs_of(k).map(|run| run.len_px()).sum();
                assert_eq!(area, want.list()[k].area_px);
            }
        }
        labeller.label(Size::new(3, 3), |_| false);
        assert_eq!((labeller.count(), labeller.runs().len()), (0, 0));
    }
}
