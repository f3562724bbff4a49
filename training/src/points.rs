//! Point sampling of masks (PointRend, as Mask2Former uses it): losses and matching look at points
//! of a mask, not at all its pixels.

use crate::data::Rng;

/// A point of a map: (x, y) in `[0, 1]`, pixel centres at (i + 0.5) / size.
pub type SamplePoint = (f32, f32);

/// `n` uniform points.
pub fn uniform(rng: &mut Rng, n: usize) -> Vec<SamplePoint> {
    (0..n)
        .map(|_| (rng.unit() as f32, rng.unit() as f32))
        .collect()
}

/// The four pixels around a point of a `w`×`h` map and their bilinear weights; a weight is 0 where
/// the pixel lies outside (`grid_sample` with zero padding, `align_corners = false`).
pub fn corners((x, y): SamplePoint, w: usize, h: usize) -> [(usize, f32); 4] {
    let (x, y) = (x * w as f32 - 0.5, y * h as f32 - 0.5);
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (x - x0, y - y0);
    [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map(|(dx, dy)| {
        let (cx, cy) = (x0 + dx, y0 + dy);
        let weight = if dx == 0.0 { 1.0 - fx } else { fx } * if dy == 0.0 { 1.0 - fy } else { fy };
        if cx < 0.0 || cy < 0.0 || cx >= w as f32 || cy >= h as f32 {
            (0, 0.0)
        } else {
            (cy as usize * w + cx as usize, weight)
        }
    })
}

/// The value of a `w`×`h` map at a point.
pub fn sample(map: &[f32], w: usize, h: usize, point: SamplePoint) -> f32 {
    corners(point, w, h)
        .iter()
        .map(|&(i, weight)| map[i] * weight)
        .sum()
}

/// How much of the pixels around a point carry the label `class` (a binary mask, sampled).
pub fn sample_label(labels: &[u8], w: usize, h: usize, class: u8, point: SamplePoint) -> f32 {
    let hit = |i: usize| if labels[i] == class { 1.0 } else { 0.0 };
    corners(point, w, h)
        .iter()
        .map(|&(i, weight)| hit(i) * weight)
        .sum()
}

/// How points of a mask are chosen.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PointSampler {
    /// Points a mask (12,544 in the paper).
    pub count: usize,
    /// Candidates per point (3).
    pub oversample: f32,
    /// Share of the points taken from the most uncertain candidates (0.75); the rest is uniform.
    pub uncertain: f32,
}

impl Default for PointSampler {
    fn default() -> Self {
        Self {
            count: 12_544,
            oversample: 3.0,
            uncertain: 0.75,
        }
    }
}

/// Points of one mask: most where the logit is nearest 0 (PointRend, sec. 3.1).
pub fn uncertain(
    logits: &[f32],
    w: usize,
    h: usize,
    how: &PointSampler,
    rng: &mut Rng,
) -> Vec<SamplePoint> {
    let candidates = uniform(rng, (how.count as f32 * how.oversample) as usize);
    let sure: Vec<f32> = candidates
        .iter()
        .map(|&p| sample(logits, w, h, p).abs())
        .collect();
    let keep = ((how.count as f32 * how.uncertain) as usize).min(candidates.len());
    let mut chosen: Vec<SamplePoint> = least(&sure, keep)
        .into_iter()
        .map(|i| candidates[i])
        .collect();
    chosen.extend(uniform(rng, how.count - keep));
    chosen
}

/// Indices of the `keep` smallest values, smallest first; ties in order of index.
pub fn least(values: &[f32], keep: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let by = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]).then(a.cmp(b));
    if keep < order.len() {
        order.select_nth_unstable_by(keep, by);
        order.truncate(keep);
    }
    order.sort_by(by);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_centre_is_its_pixel_and_a_corner_fades_out() {
        let map = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(sample(&map, 2, 2, (0.75, 0.25)), 2.0);
        assert_eq!(sample(&map, 2, 2, (0.5, 0.5)), 2.5);
        // At the very corner three of the four neighbours lie outside and count as 0.
        assert_eq!(sample(&map, 2, 2, (0.0, 0.0)), 0.25);
        assert_eq!(sample_label(&[7, 1, 7, 1], 2, 2, 7, (0.5, 0.5)), 0.5);
    }

    #[test]
    fn the_most_uncertain_are_kept() {
        assert_eq!(least(&[0.5, 0.1, 0.3, 0.1], 3), [1, 3, 2]);
        assert_eq!(least(&[2.0, 1.0], 5), [1, 0]);
        let logits: Vec<f32> = (0..64).map(|i| i as f32 % 8.0 - 3.5).collect();
        let how = PointSampler {
            count: 40,
            oversample: 3.0,
            uncertain: 0.75,
        };
        let points = uncertain(&logits, 8, 8, &how, &mut Rng::new(&[1]));
        assert_eq!(points.len(), 40);
        let near = points[..30]
            .iter()
            .filter(|p| (p.0 - 0.5).abs() < 0.2)
            .count();
        assert!(near > 25, "only {near} of 30 near the edge of the mask");
    }
}
