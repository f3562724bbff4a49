//! Finds detections in an anomaly map: components above a threshold, in image pixels.
//!
//! This works on the grid of the network's output, not on the picture: the map between the cells
//! is only interpolated, so labelling the enlarged map would cost a hundred times as much and add
//! no information. Boxes and areas are those of the cells, carried over to the picture.
//!
//! A component is made with two thresholds (hysteresis, as in Canny 1986): it must hold a cell
//! above the high one, and reaches as far as cells above the low one connect. All buffers are kept:
//! after the first frames nothing is allocated.

use std::ops::Range;
use unmask_frame::{LabelMap, Size};
use unmask_score::ScoredFrame;
use unmask_score::components::ComponentLabeller;

/// Rows of cells below a component in which its road may begin.
const BOTTOM_ROWS: usize = 2;
/// Cells next to the road that still count as near it.
const NEAR_CELLS: usize = 1;
/// Width of the contour around a component with which it is compared, cells.
const CONTOUR_CELLS: usize = 2;

/// A component of the anomaly map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Left, top, width, height in the picture, px.
    pub bbox: [u32; 4],
    /// Area in the picture, px.
    pub area_px: u32,
    /// Highest score of its cells.
    pub score_max: f32,
    /// Mean score of its cells.
    pub score_mean: f32,
    /// `score_mean` less the mean score of the contour around it, two cells wide.
    pub contrast: f32,
    /// Area divided by the longer side of the box, px: how thick it is where it is a line.
    pub thickness_px: f32,
    /// Share of the box that it fills, 0 to 1.
    pub fill: f32,
    /// Share of road among the cells of the ring from half its height downwards, 0 to 1.
    pub road_share: f32,
    /// Whether it reaches the left, right or lower edge of the picture: only a part is seen.
    pub at_edge: bool,
    /// Whether it stands on or near the road.
    pub on_road: bool,
}

/// The two thresholds and the minimum area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HysteresisThresholds {
    /// A component must hold a cell above this. (Above, not from: the threshold that `unmask eval`
    /// prints is meant so.)
    pub high: f32,
    /// Cells above this belong to it.
    pub low: f32,
    /// Smallest component, px of the picture.
    pub min_area_px: u32,
}

/// Finds components, frame after frame.
#[derive(Debug)]
pub(super) struct DetectionFinder {
    road: [bool; 256],
    cells: ComponentLabeller,
    road_cells: ComponentLabeller,
    spans: Vec<Option<(usize, usize)>>,
    parts: Vec<ComponentSums>,
    /// Component per cell, plus one; 0 = none.
    owner: Vec<u32>,
    /// Component in whose ring a cell was counted last, plus one.
    contour_owner: Vec<u32>,
    detections: Vec<Detection>,
}

/// What is summed up over the cells of a component.
#[derive(Clone, Copy, Debug)]
struct ComponentSums {
    cells: usize,
    max: f32,
    sum: f64,
    /// Left, top, right, bottom, cells; the last two are past the end.
    extent: [usize; 4],
    bottom: (usize, usize),
}

/// What lies around a component.
#[derive(Clone, Copy, Debug, Default)]
struct ContourRing {
    cells: usize,
    sum: f64,
    low_cells: usize,
    low_road: usize,
}

impl DetectionFinder {
    /// `road` are the classes one drives on.
    pub fn new(road: &[usize]) -> Self {
        Self {
            road: std::array::from_fn(|class| road.contains(&class)),
            cells: ComponentLabeller::default(),
            road_cells: ComponentLabeller::default(),
            spans: Vec::new(),
            parts: Vec::new(),
            owner: Vec::new(),
            contour_owner: Vec::new(),
            detections: Vec::new(),
        }
    }

    /// All components of `scored` that pass `cut`, the largest first.
    pub fn find(
        &mut self,
        scored: &ScoredFrame,
        picture: Size,
        thresholds: HysteresisThresholds,
    ) -> &[Detection] {
        self.detections.clear();
        let grid = scored.score.size();
        let score = scored.score.data();
        self.cells.label(grid, |i| score[i] > thresholds.low);
        self.sum_up(scored);
        let cell_px = picture.area_px() as f64 / grid.area_px() as f64;
        let area = |part: &ComponentSums| (part.cells as f64 * cell_px).round() as u32;
        let passes = |part: &ComponentSums| {
            part.max > thresholds.high && area(part) >= thresholds.min_area_px
        };
        if !self.parts.iter().any(passes) {
            return &self.detections;
        }
        self.find_road(&scored.classes);
        self.assign_owners(grid);
        for k in 0..self.parts.len() {
            let part = self.parts[k];
            if !passes(&part) {
                continue;
            }
            let contour = self.contour(k, scored);
            let mean = part.sum / part.cells as f64;
            // Where it fills the picture there is nothing that it stands out from.
            let around = if contour.cells > 0 {
                contour.sum / contour.cells as f64
            } else {
                mean
            };
            let [left, top, right, bottom] = part.extent;
            let bbox = to_picture([left, top, right - left, bottom - top], grid, picture);
            self.detections.push(Detection {
                bbox,
                area_px: area(&part),
                score_max: part.max,
                score_mean: mean as f32,
                contrast: (mean - around) as f32,
                thickness_px: area(&part) as f32 / bbox[2].max(bbox[3]).max(1) as f32,
                fill: part.cells as f32 / ((right - left) * (bottom - top)) as f32,
                road_share: contour.low_road as f32 / contour.low_cells.max(1) as f32,
                at_edge: left == 0 || right == grid.w || bottom == grid.h,
                on_road: self.contains_below(bottom - 1, part.bottom.0..part.bottom.1),
            });
        }
        self.detections
            .sort_unstable_by(|a, b| b.area_px.cmp(&a.area_px).then(a.bbox.cmp(&b.bbox)));
        &self.detections
    }

    fn sum_up(&mut self, scored: &ScoredFrame) {
        let none = ComponentSums {
            cells: 0,
            max: f32::NEG_INFINITY,
            sum: 0.0,
            extent: [usize::MAX, usize::MAX, 0, 0],
            bottom: (0, 0),
        };
        self.parts.clear();
        self.parts.resize(self.cells.count(), none);
        for run in self.cells.runs() {
            let (y, start, end) = (run.y as usize, run.start as usize, run.end as usize);
            let part = &mut self.parts[run.component as usize];
            for &a in &scored.score.row(y)[start..end] {
                part.max = part.max.max(a);
                part.sum += f64::from(a);
            }
            part.cells += end - start;
            // Runs come from the top down: the bottom edge is the last row, all its runs as one.
            part.bottom = if part.extent[3] == y + 1 {
                (part.bottom.0.min(start), part.bottom.1.max(end))
            } else {
                (start, end)
            };
            let [left, top, right, _] = part.extent;
            part.extent = [left.min(start), top.min(y), right.max(end), y + 1];
        }
    }

    fn assign_owners(&mut self, grid: Size) {
        self.owner.clear();
        self.owner.resize(grid.area_px(), 0);
        self.contour_owner.clear();
        self.contour_owner.resize(grid.area_px(), 0);
        for run in self.cells.runs() {
            let row = run.y as usize * grid.w;
            self.owner[row + run.start as usize..row + run.end as usize].fill(run.component + 1);
        }
    }

    /// The cells within [`CONTOUR_CELLS`] of component `k`, each once.
    fn contour(&mut self, k: usize, scored: &ScoredFrame) -> ContourRing {
        let grid = scored.score.size();
        let (score, classes) = (scored.score.data(), scored.classes.data());
        let [_, top, _, bottom] = self.parts[k].extent;
        let (own, half) = (k as u32 + 1, (top + bottom) / 2);
        let mut contour = ContourRing::default();
        for run in self.cells.runs_of(k) {
            let rows = around(run.y as usize, run.y as usize + 1, grid.h);
            let columns = around(run.start as usize, run.end as usize, grid.w);
            for y in rows {
                for i in y * grid.w + columns.start..y * grid.w + columns.end {
                    if self.owner[i] == own || self.contour_owner[i] == own {
                        continue;
                    }
                    self.contour_owner[i] = own;
                    contour.cells += 1;
                    contour.sum += f64::from(score[i]);
                    if y >= half {
                        contour.low_cells += 1;
                        contour.low_road += usize::from(self.road[usize::from(classes[i])]);
                    }
                }
            }
        }
        contour
    }

    /// From where to where the road reaches in every row of cells.
    ///
    /// Only the largest connected piece of road counts (a stray cell in a wall is not a road), and
    /// what stands between its left and right edge stands on it: there the cells themselves are
    /// not road.
    fn find_road(&mut self, classes: &LabelMap) {
        let road = &self.road;
        let data = classes.data();
        self.road_cells
            .label(classes.size(), |i| road[usize::from(data[i])]);
        let pieces = &self.road_cells;
        let cells = |k: &usize| pieces.runs_of(*k).map(|run| run.len_px()).sum::<usize>();
        self.spans.clear();
        self.spans.resize(classes.size().h, None);
        let Some(largest) = (0..pieces.count()).max_by_key(cells) else {
            return;
        };
        for run in pieces.runs_of(largest) {
            let (start, end) = (run.start as usize, run.end as usize);
            let span = &mut self.spans[run.y as usize];
            *span = Some(match *span {
                Some((a, b)) => (a.min(start), b.max(end)),
                None => (start, end),
            });
        }
    }

    /// Whether a foot in row `y` stands on or near the road: in its row or the ones right below,
    /// the road, with a cell more on each side, holds at least half of its width. What merely
    /// reaches to the edge of the road, such as a verge, does not stand on it.
    fn contains_below(&self, y: usize, bottom: Range<usize>) -> bool {
        let rows = y..(y + BOTTOM_ROWS + 1).min(self.spans.len());
        self.spans[rows].iter().flatten().any(|&(start, end)| {
            let (start, end) = (start.saturating_sub(NEAR_CELLS), end + NEAR_CELLS);
            let held = end.min(bottom.end).saturating_sub(start.max(bottom.start));
            2 * held >= bottom.len()
        })
    }
}

/// `start..end` with the ring's width more on each side, inside `0..all`.
fn around(start: usize, end: usize, all: usize) -> Range<usize> {
    start.saturating_sub(CONTOUR_CELLS)..(end + CONTOUR_CELLS).min(all)
}

/// A box of cells as a box of pixels, rounded outwards.
fn to_picture([x, y, w, h]: [usize; 4], grid: Size, picture: Size) -> [u32; 4] {
    let from = |at: usize, cells: usize, px: usize| at * px / cells;
    let to = |at: usize, cells: usize, px: usize| (at * px).div_ceil(cells);
    let (left, top) = (from(x, grid.w, picture.w), from(y, grid.h, picture.h));
    let (right, bottom) = (to(x + w, grid.w, picture.w), to(y + h, grid.h, picture.h));
    [left, top, right - left, bottom - top].map(|v| v as u32)
}

#[cfg(test)]
mod tests;
