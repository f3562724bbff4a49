//! Component metrics of SegmentMeIfYouCan: adjusted sIoU, PPV and mean F1.
//!
//! Source: Chan et al. 2021 (arXiv 2104.14812), section 3, as their tool computes it. All counts
//! are whole numbers and the means are summed in fixed point, so that the result does not depend
//! on the order in which pictures arrive.

use super::{ANOMALY, EvalError, IGNORE, check};
use unmask_frame::{LabelMap, PixelMap, ScoreMap};
use unmask_score::components::{Components, label, overlaps};

/// The overlaps at which components are judged, percent: 25, 30, … 75.
pub const TAUS_PERCENT: [u64; 11] = [25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75];

/// A track of the benchmark: it sets the sizes below which components do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BenchmarkTrack {
    /// RoadAnomaly21: large objects anywhere.
    #[default]
    Anomaly,
    /// RoadObstacle21: small objects on the road.
    Obstacle,
}

impl BenchmarkTrack {
    /// Predicted components smaller than this are dropped, px.
    pub const fn min_predicted_px(self) -> usize {
        match self {
            BenchmarkTrack::Anomaly => 500,
            BenchmarkTrack::Obstacle => 50,
        }
    }

    /// Labelled components smaller than this are ignored, px.
    pub const fn min_labelled_px(self) -> usize {
        match self {
            BenchmarkTrack::Anomaly => 100,
            BenchmarkTrack::Obstacle => 10,
        }
    }
}

/// Areas at which [`SizeRecall`] changes from one class of sizes to the next, px of the label image.
pub const SIZE_EDGES_PX: [usize; 5] = [64, 256, 1024, 4096, 16_384];

/// How many labelled components of a class of sizes are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SizeRecall {
    /// Labelled components, also those too small for the other component metrics.
    pub components: u64,
    /// Those of which at least half the pixels have a score above the threshold.
    pub found: u64,
    /// Their pixels.
    pub pixels: u64,
    /// Those of the pixels with a score above the threshold.
    pub hit_pixels: u64,
}

/// Component metrics of a whole data set. Where a mean is over nothing it is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComponentMetrics {
    /// Mean adjusted intersection over union of the labelled components, fraction.
    pub siou: f64,
    /// Mean share of a predicted component that is labelled as anomaly, fraction.
    pub ppv: f64,
    /// Mean of [`ComponentMetrics::f1`], fraction.
    pub f1_mean: f64,
    /// F1 at each of [`TAUS_PERCENT`], fraction.
    pub f1: [f64; 11],
    /// Number of labelled components that count.
    pub labelled: u64,
    /// Number of predicted components that count.
    pub predicted: u64,
    /// Recall by size, classes divided by [`SIZE_EDGES_PX`].
    pub sizes: [SizeRecall; 6],
}

/// Sums the component metrics picture by picture.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SegmentMatcher {
    track: BenchmarkTrack,
    threshold: f32,
    siou_sum: u128,
    ppv_sum: u128,
    labelled: u64,
    predicted: u64,
    found: [u64; 11],
    wrong: [u64; 11],
    sizes: [SizeRecall; 6],
}

/// Binary places of the fixed-point sums.
const PLACES: u32 = 60;

fn fixed(part: u64, whole: u64) -> u128 {
    (u128::from(part) << PLACES) / u128::from(whole)
}

fn mean(sum: u128, count: u64) -> f64 {
    match count {
        0 => 0.0,
        count => sum as f64 / 2f64.powi(PLACES as i32) / count as f64,
    }
}

/// Whether `part / whole` reaches `percent` %, in whole numbers.
fn reaches(part: u64, whole: u64, percent: u64) -> bool {
    u128::from(part) * 100 >= u128::from(percent) * u128::from(whole)
}

impl SegmentMatcher {
    /// Pixels with a score above `threshold` (`>`) are predicted as anomaly.
    ///
    /// # Errors
    /// [`EvalError::Threshold`] where the threshold is NaN.
    pub fn new(track: BenchmarkTrack, threshold: f32) -> Result<Self, EvalError> {
        if threshold.is_nan() {
            return Err(EvalError::Threshold);
        }
        Ok(Self {
            track,
            threshold,
            siou_sum: 0,
            ppv_sum: 0,
            labelled: 0,
            predicted: 0,
            found: [0; 11],
            wrong: [0; 11],
            sizes: [SizeRecall::default(); 6],
        })
    }

    /// Counts one picture. `labels`: 0 normal, 1 anomaly, 255 ignore.
    ///
    /// # Errors
    /// Sizes that differ, scores that are not finite, other labels.
    pub fn add(&mut self, scores: &ScoreMap, labels: &LabelMap) -> Result<(), EvalError> {
        check(scores, labels)?;
        let pixels = scores.data().iter().zip(labels.data());
        let over = pixels.map(|(&score, &label)| score > self.threshold && label != IGNORE);
        let predicted = label(&mask(scores, over));
        let labelled = label(&mask(scores, labels.data().iter().map(|&l| l == ANOMALY)));
        let kept = |area_px: usize, min_px: usize| area_px >= min_px;
        self.add_sizes(&labelled, scores);
        let keep_predicted: Vec<bool> = (predicted.list().iter())
            .map(|c| kept(c.area_px, self.track.min_predicted_px()))
            .collect();
        let keep_labelled: Vec<bool> = (labelled.list().iter())
            .map(|c| kept(c.area_px, self.track.min_labelled_px()))
            .collect();

        // Pixels of a predicted component that count, and those of them on labelled components.
        let mut counted: Vec<u64> = predicted.list().iter().map(|c| c.area_px as u64).collect();
        let mut hits = vec![0u64; counted.len()];
        // (labelled, predicted, shared px), one entry a pair of runs.
        let mut shared: Vec<(u32, u32, u64)> = Vec::new();
        overlaps(&labelled, &predicted, |k, j, px| {
            if !keep_predicted[j as usize] {
                return;
            }
            if keep_labelled[k as usize] {
                hits[j as usize] += px as u64;
                shared.push((k, j, px as u64));
            } else {
                // A labelled component too small to count is ignored ground.
                counted[j as usize] -= px as u64;
            }
        });
        shared.sort_unstable();

        for (k, component) in labelled
            .list()
            .iter()
            .enumerate()
            .filter(|&(k, _)| keep_labelled[k])
        {
            let from = shared.partition_point(|pair| (pair.0 as usize) < k);
            let to = shared.partition_point(|pair| pair.0 as usize <= k);
            let (mut inside, mut outside) = (0, 0);
            for pairs in shared[from..to].chunk_by(|a, b| a.1 == b.1) {
                let j = pairs[0].1 as usize;
                let here: u64 = pairs.iter().map(|pair| pair.2).sum();
                inside += here;
                // What this predicted component covers of other labelled ones is not held
                // against it: it counts neither in the intersection nor in the union.
                outside += counted[j] - hits[j];
            }
            self.add_labelled(inside, component.area_px as u64 + outside);
        }
        for (j, &area_px) in counted
            .iter()
            .enumerate()
            .filter(|&(j, _)| keep_predicted[j])
        {
            if area_px > 0 {
                self.add_predicted(hits[j], area_px);
            }
        }
        Ok(())
    }

    /// Counts every labelled component by its size.
    fn add_sizes(&mut self, labelled: &Components, scores: &ScoreMap) {
        let mut hits = vec![0u64; labelled.list().len()];
        let owner = labelled.to_map();
        for (&k, &score) in owner.data().iter().zip(scores.data()) {
            if k > 0 && score > self.threshold {
                hits[k as usize - 1] += 1;
            }
        }
        for (component, hit) in labelled.list().iter().zip(hits) {
            let class = SIZE_EDGES_PX.partition_point(|&edge| component.area_px >= edge);
            let size = &mut self.sizes[class];
            size.components += 1;
            size.found += u64::from(2 * hit >= component.area_px as u64);
            size.pixels += component.area_px as u64;
            size.hit_pixels += hit;
        }
    }

    fn add_labelled(&mut self, intersection: u64, union: u64) {
        self.labelled += 1;
        self.siou_sum += fixed(intersection, union);
        for (found, tau) in self.found.iter_mut().zip(TAUS_PERCENT) {
            *found += u64::from(reaches(intersection, union, tau));
        }
    }

    fn add_predicted(&mut self, hit: u64, area_px: u64) {
        self.predicted += 1;
        self.ppv_sum += fixed(hit, area_px);
        for (wrong, tau) in self.wrong.iter_mut().zip(TAUS_PERCENT) {
            *wrong += u64::from(!reaches(hit, area_px, tau));
        }
    }

    /// The track and the threshold it counts with.
    pub fn settings(&self) -> (BenchmarkTrack, f32) {
        (self.track, self.threshold)
    }

    /// Adds the pictures that `other` counted with the same track and threshold.
    pub fn merge(&mut self, other: &Self) {
        self.siou_sum += other.siou_sum;
        self.ppv_sum += other.ppv_sum;
        self.labelled += other.labelled;
        self.predicted += other.predicted;
        for (sum, more) in self.sizes.iter_mut().zip(&other.sizes) {
            sum.components += more.components;
            sum.found += more.found;
            sum.pixels += more.pixels;
            sum.hit_pixels += more.hit_pixels;
        }
        for tau in 0..TAUS_PERCENT.len() {
            self.found[tau] += other.found[tau];
            self.wrong[tau] += other.wrong[tau];
        }
    }

    /// The metrics of all pictures added.
    pub fn finish(&self) -> ComponentMetrics {
        let f1 = std::array::from_fn(|tau| {
            let (tp, fp) = (self.found[tau], self.wrong[tau]);
            // TP + FN = all labelled components.
            match tp + self.labelled + fp {
                0 => 0.0,
                all => 2.0 * tp as f64 / all as f64,
            }
        });
        ComponentMetrics {
            siou: mean(self.siou_sum, self.labelled),
            ppv: mean(self.ppv_sum, self.predicted),
            f1_mean: f1.iter().sum::<f64>() / f1.len() as f64,
            f1,
            labelled: self.labelled,
            predicted: self.predicted,
            sizes: self.sizes,
        }
    }
}

fn mask(like: &ScoreMap, on: impl Iterator<Item = bool>) -> PixelMap<bool> {
    let mut mask = PixelMap::filled(like.size(), false);
    mask.data_mut()
        .iter_mut()
        .zip(on)
        .for_each(|(to, on)| *to = on);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmask_frame::Size;

    /// A picture of rectangles `(x, y, w, h, value)` on a ground of zeros.
    fn draw<T: Copy>(
        size: Size,
        ground: T,
        boxes: &[(usize, usize, usize, usize, T)],
    ) -> PixelMap<T> {
        let mut map = PixelMap::filled(size, ground);
        for &(x, y, w, h, value) in boxes {
            for row in y..y + h {
                map.data_mut()[row * size.w + x..row * size.w + x + w].fill(value);
            }
        }
        map
    }

    const SIZE: Size = Size::new(60, 40);

    fn obstacle(
        scores: &[(usize, usize, usize, usize, f32)],
        labels: &[(usize, usize, usize, usize, u8)],
    ) -> ComponentMetrics {
        let mut segments = SegmentMatcher::new(BenchmarkTrack::Obstacle, 0.5).unwrap();
        segments
            .add(&draw(SIZE, 0.0, scores), &draw(SIZE, 0, labels))
            .unwrap();
        segments.finish()
    }

    #[test]
    fn one_object_half_found() {
        // 10x10 object, 10x10 prediction shifted by 5: I = 50, U = 150, PPV = 0.5.
        let got = obstacle(&[(5, 0, 10, 10, 0.9)], &[(0, 0, 10, 10, 1)]);
        assert_eq!(got.siou, 1.0 / 3.0);
        assert_eq!(got.ppv, 0.5);
        // sIoU reaches 25 and 30 %; PPV reaches 25 … 50 %.
        let both = [1.0, 1.0];
        assert_eq!(got.f1[..2], both);
        assert_eq!(got.f1[2..], [0.0; 9]);
        assert_eq!(got.f1_mean, 2.0 / 11.0);
        assert_eq!((got.labelled, got.predicted), (1, 1));
    }

    #[test]
    fn other_objects_under_the_same_prediction_are_not_held_against_it() {
        // Two 10x10 objects, 10 px apart, under one 30x10 prediction.
        let got = obstacle(
            &[(0, 0, 30, 10, 0.9)],
            &[(0, 0, 10, 10, 1), (20, 0, 10, 10, 1)],
        );
        // Each: I = 100, K = 300, A = 100, k = 100: 100 / (300 + 100 - 100 - 100).
        assert_eq!(got.siou, 0.5);
        assert!((got.ppv - 2.0 / 3.0).abs() < 1e-15);
        // Up to 50 %: two found, none wrong. 55 … 65 %: none found. Beyond: one wrong.
        assert_eq!(got.f1[..6], [1.0; 6]);
        assert_eq!(got.f1[6..], [0.0; 5]);
    }

    #[test]
    fn several_predictions_on_one_object_are_joined() {
        // A 20x10 object under two 8x10 predictions: I = 160, U = 200.
        let got = obstacle(
            &[(0, 0, 8, 10, 0.9), (12, 0, 8, 10, 0.9)],
            &[(0, 0, 20, 10, 1)],
        );
        assert_eq!((got.siou, got.ppv, got.predicted), (0.8, 1.0, 2));
        assert_eq!(got.f1_mean, 1.0);
    }

    #[test]
    fn small_components_are_dropped_or_ignored_at_the_limit() {
        // Predictions of 49 and 50 px, both on nothing.
        let got = obstacle(&[(0, 0, 7, 7, 0.9), (20, 0, 10, 5, 0.9)], &[]);
        assert_eq!((got.predicted, got.ppv), (1, 0.0));
        // Objects of 9 and 10 px, none found.
        let got = obstacle(&[], &[(0, 0, 3, 3, 1), (20, 0, 5, 2, 1)]);
        assert_eq!((got.labelled, got.siou), (1, 0.0));
        // A prediction over a 9 px object: these 9 px are ignored, the rest is wrong.
        let got = obstacle(&[(0, 0, 10, 6, 0.9)], &[(0, 0, 3, 3, 1)]);
        assert_eq!((got.labelled, got.predicted, got.ppv), (0, 1, 0.0));
        for (track, predicted, labelled) in [
            (BenchmarkTrack::Anomaly, 500, 100),
            (BenchmarkTrack::Obstacle, 50, 10),
        ] {
            assert_eq!(track.min_predicted_px(), predicted);
            assert_eq!(track.min_labelled_px(), labelled);
        }
    }

    #[test]
    fn ignored_ground_cuts_predictions() {
        // A 20x10 prediction, the right half on ignored ground; the object fills the left half.
        let got = obstacle(
            &[(0, 0, 20, 10, 0.9)],
            &[(0, 0, 10, 10, 1), (10, 0, 10, 10, IGNORE)],
        );
        assert_eq!((got.siou, got.ppv, got.f1_mean), (1.0, 1.0, 1.0));
        // A band of ignored ground through the middle leaves two components, one too small.
        let got = obstacle(&[(0, 0, 20, 10, 0.9)], &[(4, 0, 2, 10, IGNORE)]);
        assert_eq!((got.predicted, got.ppv), (1, 0.0));
    }

    #[test]
    fn a_score_equal_to_the_threshold_is_not_predicted() {
        let got = obstacle(&[(0, 0, 10, 10, 0.5)], &[(0, 0, 10, 10, 1)]);
        assert_eq!((got.predicted, got.siou), (0, 0.0));
    }

    #[test]
    fn nothing_at_all_divides_by_nothing() {
        let got = obstacle(&[], &[]);
        assert_eq!((got.siou, got.ppv, got.f1_mean), (0.0, 0.0, 0.0));
        assert_eq!((got.labelled, got.predicted), (0, 0));
        let empty = SegmentMatcher::new(BenchmarkTrack::Anomaly, 0.0).unwrap();
        assert_eq!(empty.finish(), got);
        assert!(matches!(
            SegmentMatcher::new(BenchmarkTrack::Anomaly, f32::NAN),
            Err(EvalError::Threshold)
        ));
    }

    #[test]
    fn a_share_of_exactly_tau_counts() {
        // I / U = 30 / 100 = 0.3: reached at 25 and 30 %, where floats would be unsure.
        let got = obstacle(&[(0, 0, 10, 10, 0.9)], &[(0, 0, 10, 3, 1)]);
        assert_eq!(got.siou, 0.3);
        assert_eq!(got.f1[1], 1.0);
        assert_eq!(got.f1[2], 0.0);
    }

    #[test]
    fn merging_equals_adding_in_any_order() {
        let cases = [
            (
                draw(SIZE, 0.0, &[(5, 0, 10, 10, 0.9)]),
                draw(SIZE, 0, &[(0, 0, 10, 10, 1)]),
            ),
            (
                draw(SIZE, 0.0, &[(0, 0, 30, 7, 0.9)]),
                draw(SIZE, 0, &[(3, 0, 11, 9, 1)]),
            ),
            (
                draw(SIZE, 0.0, &[(9, 9, 13, 7, 0.9)]),
                draw(SIZE, 0, &[(3, 0, 31, 19, 1)]),
            ),
        ];
        let new = || SegmentMatcher::new(BenchmarkTrack::Obstacle, 0.5).unwrap();
        let mut all = new();
        cases.iter().for_each(|(s, l)| all.add(s, l).unwrap());
        let mut merged = new();
        for (scores, labels) in cases.iter().rev() {
            let mut one = new();
            one.add(scores, labels).unwrap();
            merged.merge(&one);
        }
        assert_eq!(merged.finish(), all.finish());
        assert_eq!(all.finish().labelled, 3);
    }

    #[test]
    fn bad_pictures_are_refused() {
        let mut segments = SegmentMatcher::new(BenchmarkTrack::Anomaly, 0.5).unwrap();
        let scores = draw(SIZE, f32::NAN, &[]);
        assert!(segments.add(&scores, &draw(SIZE, 0, &[])).is_err());
        let other = Size::new(40, 60);
        assert!(
            segments
                .add(&draw(SIZE, 0.0, &[]), &draw(other, 0, &[]))
                .is_err()
        );
    }

    #[test]
    fn recall_counts_every_component_by_its_size() {
        // 5x5 (too small for other metrics of the anomaly track) fully found, 20x20 a quarter.
        let scores = [(0, 0, 5, 5, 0.9), (10, 0, 10, 10, 0.9)];
        let labels = [(0, 0, 5, 5, 1), (10, 0, 20, 20, 1)];
        let mut segments = SegmentMatcher::new(BenchmarkTrack::Anomaly, 0.5).unwrap();
        segments
            .add(&draw(SIZE, 0.0, &scores), &draw(SIZE, 0, &labels))
            .unwrap();
        let sizes = segments.finish().sizes;
        let of = |components, found, pixels, hit_pixels| SizeRecall {
            components,
            found,
            pixels,
            hit_pixels,
        };
        assert_eq!(sizes[0], of(1, 1, 25, 25));
        assert_eq!(sizes[2], of(1, 0, 400, 100));
        let rest: u64 = [1, 3, 4, 5].iter().map(|&i| sizes[i].components).sum();
        assert_eq!(rest, 0);
    }
}
