//! From an anomaly map to findings: components above a threshold, in pixels of the picture.
//!
//! This works on the grid of the network's output, not on the picture: the map between the cells
//! is only interpolated, so labelling the enlarged map would cost a hundred times as much and say
//! nothing new. Boxes and areas are those of the cells, carried over to the picture.
//!
//! A component is made with two thresholds (hysteresis, as in Canny 1986): it must hold a cell
//! above the high one, and reaches as far as cells above the low one connect. All buffers are kept:
//! after the first frames nothing is allocated.

use super::label::Labeller;
use crate::frame::{LabelMap, Size};
use crate::score::Scored;
use std::ops::Range;

/// Rows of cells below a component in which its road may begin.
const FOOT_ROWS: usize = 2;
/// Cells beside the road that still count as near it.
const NEAR_CELLS: usize = 1;
/// Width of the ring around a component with which it is compared, cells.
const RING_CELLS: usize = 2;

/// A component of the anomaly map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Left, top, width, height in the picture, px.
    pub bbox: [u32; 4],
    /// Area in the picture, px.
    pub area_px: u32,
    /// Highest score of its cells.
    pub score_max: f32,
    /// Mean score of its cells.
    pub score_mean: f32,
    /// `score_mean` less the mean score of the ring around it, two cells wide.
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

/// The two thresholds and the least area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
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
pub(super) struct Finder {
    road: [bool; 256],
    cells: Labeller,
    road_cells: Labeller,
    spans: Vec<Option<(usize, usize)>>,
    parts: Vec<Part>,
    /// Component a cell, plus one; 0 = none.
    owner: Vec<u32>,
    /// Component in whose ring a cell was counted last, plus one.
    ringed: Vec<u32>,
    found: Vec<Finding>,
}

/// What is summed up over the cells of a component.
#[derive(Clone, Copy, Debug)]
struct Part {
    cells: usize,
    max: f32,
    sum: f64,
    /// Left, top, right, bottom, cells; the last two are past the end.
    reach: [usize; 4],
    foot: (usize, usize),
}

/// What lies around a component.
#[derive(Clone, Copy, Debug, Default)]
struct Ring {
    cells: usize,
    sum: f64,
    low_cells: usize,
    low_road: usize,
}

impl Finder {
    /// `road` are the classes one drives on.
    pub fn new(road: &[usize]) -> Self {
        Self {
            road: std::array::from_fn(|class| road.contains(&class)),
            cells: Labeller::default(),
            road_cells: Labeller::default(),
            spans: Vec::new(),
            parts: Vec::new(),
            owner: Vec::new(),
            ringed: Vec::new(),
            found: Vec::new(),
        }
    }

    /// All components of `scored` that pass `cut`, the largest first.
    pub fn find(&mut self, scored: &Scored, picture: Size, cut: Cut) -> &[Finding] {
        self.found.clear();
        let grid = scored.score.size();
        let score = scored.score.data();
        self.cells.label(grid, |i| score[i] > cut.low);
        self.sum_up(scored);
        let cell_px = picture.area_px() as f64 / grid.area_px() as f64;
        let area = |part: &Part| (part.cells as f64 * cell_px).round() as u32;
        let passes = |part: &Part| part.max > cut.high && area(part) >= cut.min_area_px;
        if !self.parts.iter().any(passes) {
            return &self.found;
        }
        self.find_road(&scored.classes);
        self.own(grid);
        for k in 0..self.parts.len() {
            let part = self.parts[k];
            if !passes(&part) {
                continue;
            }
            let ring = self.ring(k, scored);
            let mean = part.sum / part.cells as f64;
            // Where it fills the picture there is nothing that it stands out from.
            let around = if ring.cells > 0 {
                ring.sum / ring.cells as f64
            } else {
                mean
            };
            let [left, top, right, bottom] = part.reach;
            let bbox = to_picture([left, top, right - left, bottom - top], grid, picture);
            self.found.push(Finding {
                bbox,
                area_px: area(&part),
                score_max: part.max,
                score_mean: mean as f32,
                contrast: (mean - around) as f32,
                thickness_px: area(&part) as f32 / bbox[2].max(bbox[3]).max(1) as f32,
                fill: part.cells as f32 / ((right - left) * (bottom - top)) as f32,
                road_share: ring.low_road as f32 / ring.low_cells.max(1) as f32,
                at_edge: left == 0 || right == grid.w || bottom == grid.h,
                on_road: self.holds(bottom - 1, part.foot.0..part.foot.1),
            });
        }
        self.found
            .sort_unstable_by(|a, b| b.area_px.cmp(&a.area_px).then(a.bbox.cmp(&b.bbox)));
        &self.found
    }

    fn sum_up(&mut self, scored: &Scored) {
        let none = Part {
            cells: 0,
            max: f32::NEG_INFINITY,
            sum: 0.0,
            reach: [usize::MAX, usize::MAX, 0, 0],
            foot: (0, 0),
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
            // Runs come from the top down: the foot is the last row, all its runs as one.
            part.foot = if part.reach[3] == y + 1 {
                (part.foot.0.min(start), part.foot.1.max(end))
            } else {
                (start, end)
            };
            let [left, top, right, _] = part.reach;
            part.reach = [left.min(start), top.min(y), right.max(end), y + 1];
        }
    }

    fn own(&mut self, grid: Size) {
        self.owner.clear();
        self.owner.resize(grid.area_px(), 0);
        self.ringed.clear();
        self.ringed.resize(grid.area_px(), 0);
        for run in self.cells.runs() {
            let row = run.y as usize * grid.w;
            self.owner[row + run.start as usize..row + run.end as usize].fill(run.component + 1);
        }
    }

    /// The cells within [`RING_CELLS`] of component `k`, each once.
    fn ring(&mut self, k: usize, scored: &Scored) -> Ring {
        let grid = scored.score.size();
        let (score, classes) = (scored.score.data(), scored.classes.data());
        let [_, top, _, bottom] = self.parts[k].reach;
        let (own, half) = (k as u32 + 1, (top + bottom) / 2);
        let mut ring = Ring::default();
        for run in self.cells.runs_of(k) {
            let rows = around(run.y as usize, run.y as usize + 1, grid.h);
            let columns = around(run.start as usize, run.end as usize, grid.w);
            for y in rows {
                for i in y * grid.w + columns.start..y * grid.w + columns.end {
                    if self.owner[i] == own || self.ringed[i] == own {
                        continue;
                    }
                    self.ringed[i] = own;
                    ring.cells += 1;
                    ring.sum += f64::from(score[i]);
                    if y >= half {
                        ring.low_cells += 1;
                        ring.low_road += usize::from(self.road[usize::from(classes[i])]);
                    }
                }
            }
        }
        ring
    }

    /// From where to where the road reaches in every row of cells.
    ///
    /// Only the largest connected piece of road counts (a stray cell in a wall is no road), and
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
    fn holds(&self, y: usize, foot: Range<usize>) -> bool {
        let rows = y..(y + FOOT_ROWS + 1).min(self.spans.len());
        self.spans[rows].iter().flatten().any(|&(start, end)| {
            let (start, end) = (start.saturating_sub(NEAR_CELLS), end + NEAR_CELLS);
            let held = end.min(foot.end).saturating_sub(start.max(foot.start));
            2 * held >= foot.len()
        })
    }
}

/// `start..end` with the ring's width more on each side, inside `0..all`.
fn around(start: usize, end: usize, all: usize) -> Range<usize> {
    start.saturating_sub(RING_CELLS)..(end + RING_CELLS).min(all)
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
mod tests {
    use super::*;
    use crate::frame::ScoreMap;

    fn find(
        map: &Scored,
        road: &[usize],
        picture: Size,
        high: f32,
        min_area_px: u32,
    ) -> Vec<Finding> {
        let cut = Cut {
            high,
            low: high,
            min_area_px,
        };
        Finder::new(road).find(map, picture, cut).to_vec()
    }

    /// Cells as text: a digit is ten times the score on road (class 0), a letter `a` to `j` the
    /// same digits beside the road (class 1).
    fn scored(rows: &[&str]) -> Scored {
        let size = Size::new(rows[0].len(), rows.len());
        let cells: Vec<(f32, u8)> = rows
            .concat()
            .bytes()
            .map(|b| match b {
                b'0'..=b'9' => (f32::from(b - b'0') / 10.0, 0),
                _ => (f32::from(b - b'a') / 10.0, 1),
            })
            .collect();
        Scored {
            score: ScoreMap::new(size, cells.iter().map(|c| c.0).collect()).unwrap(),
            classes: LabelMap::new(size, cells.iter().map(|c| c.1).collect()).unwrap(),
            qualified: 0,
        }
    }

    #[test]
    fn components_come_in_pixels_of_the_picture() {
        let map = scored(&["0000", "0990", "0700", "0000"]);
        let found = find(&map, &[0], Size::new(40, 20), 0.69, 1);
        assert_eq!(found.len(), 1);
        let Finding {
            bbox,
            area_px,
            score_max,
            score_mean,
            on_road,
            ..
        } = found[0];
        assert_eq!((bbox, area_px, on_road), ([10, 5, 20, 10], 150, true));
        assert_eq!(score_max, 0.9);
        assert!((score_mean - 2.5 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn boxes_are_rounded_outwards() {
        assert_eq!(
            to_picture([1, 1, 1, 1], Size::new(3, 3), Size::new(10, 10)),
            [3, 3, 4, 4]
        );
        assert_eq!(
            to_picture([0, 0, 3, 3], Size::new(3, 3), Size::new(10, 7)),
            [0, 0, 10, 7]
        );
        // A picture smaller than the grid: a box never vanishes.
        assert_eq!(
            to_picture([5, 5, 1, 1], Size::new(8, 8), Size::new(4, 4)),
            [2, 2, 1, 1]
        );
    }

    #[test]
    fn scores_lie_above_the_threshold_and_areas_from_the_least_on() {
        let map = scored(&["700", "000", "077"]);
        let picture = Size::new(30, 30);
        let areas = |threshold, min| -> Vec<u32> {
            let found = find(&map, &[0], picture, threshold, min);
            found.iter().map(|f| f.area_px).collect()
        };
        assert_eq!(areas(0.69, 1), [200, 100]);
        assert_eq!(areas(0.69, 100), [200, 100]);
        assert_eq!(areas(0.69, 101), [200]);
        assert!(areas(0.69, 201).is_empty());
        assert!(areas(0.7, 1).is_empty());
    }

    #[test]
    fn on_road_is_what_stands_on_the_road_or_beside_it() {
        // The road narrows upwards; everything else is class 1.
        let rows = [
            "aaaaaaaaaa",
            "aaaa00aaaa",
            "aaa0000aaa",
            "aa000000aa",
            "a00000000a",
        ];
        let stands = |x: usize, y: usize| {
            let mut map = scored(&rows);
            map.score.data_mut()[y * 10 + x] = 0.9;
            map.classes.data_mut()[y * 10 + x] = 1;
            let found = find(&map, &[0], Size::new(10, 5), 0.8, 1);
            assert_eq!(found.len(), 1);
            found[0].on_road
        };
        assert!(stands(5, 3) && stands(4, 1), "on the road");
        assert!(stands(1, 3) && stands(9, 4), "beside it");
        assert!(stands(4, 0), "its foot reaches the road below");
        assert!(
            !stands(0, 0) && !stands(9, 1) && !stands(0, 1),
            "away from it"
        );
    }

    #[test]
    fn a_verge_that_reaches_to_the_road_is_not_on_it() {
        // A bank along the left of the road, its foot at the bottom.
        let rows = [
            "aaaaaaaaaa",
            "aaaa00aaaa",
            "jjj0000aaa",
            "jj000000aa",
            "jjjjj00000",
        ];
        let found = find(&scored(&rows), &[0], Size::new(10, 5), 0.8, 1);
        assert_eq!((found.len(), found[0].on_road), (1, false));
        // The same with half of its foot on the road.
        let rows = [
            "aaaaaaaaaa",
            "aaaa00aaaa",
            "jjj0000aaa",
            "jjj00000aa",
            "jjj9999900",
        ];
        assert!(find(&scored(&rows), &[0], Size::new(10, 5), 0.8, 1)[0].on_road);
    }

    #[test]
    fn a_thing_across_the_whole_road_is_on_it_and_a_stray_cell_makes_no_road() {
        let mut rows = ["0bbbbb", "bbbbbb", "jjjjjj", "000000", "000000"];
        let found = find(&scored(&rows), &[0], Size::new(6, 5), 0.8, 1);
        assert!(found[0].on_road);
        rows[3] = "bbbbbb";
        rows[4] = "bbbbbb";
        rows[0] = "0jbbbb";
        rows[2] = "bbbbbb";
        // Only one road cell in the picture: it is the largest piece there is.
        assert!(find(&scored(&rows), &[0], Size::new(6, 5), 0.8, 1)[0].on_road);
        rows[4] = "000000";
        assert!(!find(&scored(&rows), &[0], Size::new(6, 5), 0.8, 1)[0].on_road);
        // No road at all.
        rows = ["bbbbbb", "bbjbbb", "bbbbbb", "bbbbbb", "bbbbbb"];
        assert!(!find(&scored(&rows), &[0], Size::new(6, 5), 0.8, 1)[0].on_road);
    }

    #[test]
    fn a_component_reaches_down_to_the_low_threshold_but_needs_the_high_one() {
        let map = scored(&["00000000", "05900550", "00600000", "00000000"]);
        let cut = |high, low| Cut {
            high,
            low,
            min_area_px: 1,
        };
        let mut finder = Finder::new(&[0]);
        let picture = Size::new(80, 40);
        let found = finder.find(&map, picture, cut(0.8, 0.4)).to_vec();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].bbox, found[0].area_px), ([10, 10, 20, 20], 300));
        // The low threshold alone finds both; the high one alone only the peak.
        assert_eq!(finder.find(&map, picture, cut(0.4, 0.4)).len(), 2);
        assert_eq!(finder.find(&map, picture, cut(0.8, 0.8))[0].area_px, 100);
        assert!(finder.find(&map, picture, cut(0.9, 0.4)).is_empty());
    }

    #[test]
    fn the_ring_tells_what_it_stands_out_from_and_stands_on() {
        // One cell of 0.9 on road of 0.1; below it, and beside it in its own row, all is road.
        let map = scored(&[
            "bbbbbbb", "bbbbbbb", "1119111", "1111111", "1111111", "1111111",
        ]);
        let found = find(&map, &[0], Size::new(7, 6), 0.8, 1)[0];
        assert!((found.contrast - 0.8).abs() < 1e-6, "{found:?}");
        assert_eq!((found.road_share, found.at_edge), (1.0, false));
        assert_eq!(found.thickness_px, 1.0);
        // Nothing but anomaly: nothing to stand out from, and the edge is reached.
        let all = find(&scored(&["99", "99"]), &[0], Size::new(2, 2), 0.8, 1)[0];
        assert_eq!(
            (all.contrast, all.road_share, all.at_edge),
            (0.0, 0.0, true)
        );
        // Half of the lower ring is road.
        let map = scored(&["bbbbbb", "bbbbbb", "bbj000", "bbb000", "bbb000"]);
        let found = find(&map, &[0], Size::new(6, 5), 0.8, 1)[0];
        assert!((found.road_share - 6.0 / 14.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn a_line_is_thin_and_the_upper_edge_is_no_edge() {
        let map = scored(&["0999990", "0000000", "0000000"]);
        let found = find(&map, &[0], Size::new(70, 30), 0.8, 1)[0];
        assert_eq!((found.thickness_px, found.at_edge), (10.0, false));
        assert_eq!(found.fill, 1.0);
        let map = scored(&["0900", "0090", "0000"]);
        let found = find(&map, &[0], Size::new(40, 30), 0.8, 1)[0];
        assert_eq!(found.fill, 0.5);
    }

    #[test]
    fn a_finder_forgets_the_frame_before() {
        let (a, b) = (scored(&["090", "000", "009"]), scored(&["00", "99"]));
        let cut = Cut {
            high: 0.8,
            low: 0.5,
            min_area_px: 1,
        };
        let mut finder = Finder::new(&[0]);
        let first = finder.find(&a, Size::new(30, 30), cut).to_vec();
        finder.find(&b, Size::new(20, 20), cut);
        assert_eq!(finder.find(&a, Size::new(30, 30), cut), first);
    }
}
