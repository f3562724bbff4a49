//! From an anomaly map to findings: components above a threshold, in pixels of the picture.
//!
//! This works on the grid of the network's output, not on the picture: the map between the cells
//! is only interpolated, so labelling the enlarged map would cost a hundred times as much and say
//! nothing new. Boxes and areas are those of the cells, carried over to the picture.

use crate::frame::{LabelMap, Map, Size};
use crate::score::Scored;
use crate::score::components::{Component, Components, label};

/// Rows of cells below a component in which its road may begin.
const FOOT_ROWS: usize = 2;
/// Cells beside the road that still count as near it.
const NEAR_CELLS: usize = 1;

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
    /// Whether it stands on or near the road.
    pub on_road: bool,
}

/// All components of at least `min_area_px` whose cells score above `threshold`, the largest
/// first. (Above, not from: the threshold that `unmask eval` prints is meant so.)
pub(super) fn find(
    scored: &Scored,
    road: &[usize],
    picture: Size,
    threshold: f32,
    min_area_px: u32,
) -> Vec<Finding> {
    let grid = scored.score.size();
    let above = scored.score.data().iter().map(|&a| a > threshold).collect();
    let mask = Map::new(grid, above).expect("one value a cell");
    let components = label(&mask);
    if components.list().is_empty() {
        return Vec::new();
    }
    let cell_px = picture.area_px() as f64 / grid.area_px() as f64;
    let area = |c: &Component| (c.area_px as f64 * cell_px).round() as u32;
    if components.list().iter().all(|c| area(c) < min_area_px) {
        return Vec::new();
    }
    let scores = score_components(scored, &components);
    let road = RoadSpans::of(&scored.classes, road);
    let feet = feet(&components);
    let mut found: Vec<Finding> = components
        .list()
        .iter()
        .zip(&scores)
        .zip(&feet)
        .filter(|((c, _), _)| area(c) >= min_area_px)
        .map(|((c, score), foot)| Finding {
            bbox: to_picture(c.bbox, grid, picture),
            area_px: area(c),
            score_max: score.max,
            score_mean: (score.sum / c.area_px as f64) as f32,
            on_road: foot.is_some_and(|foot| road.holds(foot)),
        })
        .collect();
    found.sort_by(|a, b| b.area_px.cmp(&a.area_px).then(a.bbox.cmp(&b.bbox)));
    found
}

#[derive(Clone, Copy)]
struct Sum {
    max: f32,
    sum: f64,
}

fn score_components(scored: &Scored, components: &Components) -> Vec<Sum> {
    let none = Sum {
        max: f32::NEG_INFINITY,
        sum: 0.0,
    };
    let mut sums = vec![none; components.list().len()];
    for run in components.runs() {
        let row = scored.score.row(run.y as usize);
        let sum = &mut sums[run.component as usize];
        for &a in &row[run.start as usize..run.end as usize] {
            sum.max = sum.max.max(a);
            sum.sum += f64::from(a);
        }
    }
    sums
}

/// The lowest run of a component: what it stands on lies below.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Foot {
    y: usize,
    start: usize,
    end: usize,
}

/// The foot of every component, in their order: all its runs of the lowest row, as one.
fn feet(components: &Components) -> Vec<Option<Foot>> {
    let mut feet: Vec<Option<Foot>> = vec![None; components.list().len()];
    for run in components.runs() {
        let new = Foot {
            y: run.y as usize,
            start: run.start as usize,
            end: run.end as usize,
        };
        let foot = &mut feet[run.component as usize];
        *foot = Some(match *foot {
            Some(old) if old.y > new.y => old,
            Some(old) if old.y == new.y => Foot {
                y: old.y,
                start: old.start.min(new.start),
                end: old.end.max(new.end),
            },
            _ => new,
        });
    }
    feet
}

/// From where to where the road reaches in every row of cells.
///
/// Only the largest connected piece of road counts (a stray cell in a wall is no road), and what
/// stands between its left and right edge stands on it: there the cells themselves are not road.
struct RoadSpans {
    rows: Vec<Option<(usize, usize)>>,
}

impl RoadSpans {
    fn of(classes: &LabelMap, road: &[usize]) -> Self {
        let size = classes.size();
        let is_road = classes
            .data()
            .iter()
            .map(|&c| road.contains(&usize::from(c)))
            .collect();
        let pieces = label(&Map::new(size, is_road).expect("one value a cell"));
        let mut rows = vec![None; size.h];
        let largest = pieces
            .list()
            .iter()
            .enumerate()
            .max_by_key(|(_, c)| c.area_px)
            .map(|(i, _)| i as u32);
        for run in pieces
            .runs()
            .iter()
            .filter(|r| Some(r.component) == largest)
        {
            let (start, end) = (run.start as usize, run.end as usize);
            let row: &mut Option<(usize, usize)> = &mut rows[run.y as usize];
            *row = Some(match *row {
                Some((a, b)) => (a.min(start), b.max(end)),
                None => (start, end),
            });
        }
        Self { rows }
    }

    /// Whether `foot` stands on or near the road: in its row or the ones right below, the road,
    /// with a cell more on each side, holds at least half of its width. What merely reaches to
    /// the edge of the road, such as a verge, does not stand on it.
    fn holds(&self, foot: Foot) -> bool {
        let below = foot.y..=foot.y + FOOT_ROWS;
        self.rows
            .iter()
            .enumerate()
            .filter(|(y, _)| below.contains(y))
            .filter_map(|(_, row)| *row)
            .any(|(start, end)| {
                let (start, end) = (start.saturating_sub(NEAR_CELLS), end + NEAR_CELLS);
                let held = end.min(foot.end).saturating_sub(start.max(foot.start));
                2 * held >= foot.end - foot.start
            })
    }
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
}
