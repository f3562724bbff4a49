//! The ranking of SegmentMeIfYouCan's own tool: quantile bins of each image.
//!
//! Per image, bin edges are 0, 1, up to 384 quantiles of the anomalous pixels' scores and up to 384
//! of the normal ones. Pixels count at the lower edge of their bin, and the bins of all images are
//! swept together. Figures differ from exact ones the more, the rarer anomalies are: quantiles of the
//! anomalous pixels lie where the ranking is decided, and a bin's pixels move to its lower edge. Use
//! it to compare with published rows only.

use super::sweep::{PixelMetrics, ThresholdSweep, rank};
use super::{ANOMALY, IGNORE};

/// Quantiles per class and image.
const QUANTILES: usize = 384;

/// Bins of all images: lower edge, anomalous pixels, normal pixels.
#[derive(Default)]
pub(super) struct BenchmarkBins {
    bins: Vec<(f32, [u64; 2])>,
    totals: [u64; 2],
}

impl BenchmarkBins {
    /// Adds an image. `scores` are finite, `labels` known, both of equal length.
    pub(super) fn add(&mut self, scores: &[f32], labels: &[u8]) {
        let mut classes: [Vec<f32>; 2] = Default::default();
        for (&score, &label) in scores.iter().zip(labels) {
            if label != IGNORE {
                classes[usize::from(label != ANOMALY)].push(score);
            }
        }
        let mut edges = vec![0.0, 1.0];
        for class in &mut classes {
            class.sort_unstable_by(f32::total_cmp);
            edges.extend(quantiles(class));
        }
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup();
        for (i, pair) in edges.windows(2).enumerate() {
            let last = i + 2 == edges.len();
            // Bins hold their lower edge; the last one its upper edge, too.
            let below =
                |class: &Vec<f32>, edge: f64| class.partition_point(|&s| f64::from(s) < edge);
            let counts = [0, 1].map(|c| {
                let class = &classes[c];
                let to = if last {
                    class.len()
                } else {
                    below(class, pair[1])
                };
                (to - below(class, pair[0])) as u64
            });
            if counts != [0, 0] {
                self.bins.push((pair[0] as f32, counts));
            }
        }
        self.totals[0] += classes[0].len() as u64;
        self.totals[1] += classes[1].len() as u64;
    }

    /// Anomalous and normal pixels so far.
    pub(super) fn totals(&self) -> [u64; 2] {
        self.totals
    }

    /// Sweeps the bins. Both classes must have pixels.
    pub(super) fn finish(mut self) -> PixelMetrics {
        self.bins.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut sweep = ThresholdSweep::new(self.totals[0], self.totals[1], false);
        for tied in self.bins.chunk_by(|a, b| a.0 == b.0) {
            let sum = |class: usize| tied.iter().map(|bin| bin.1[class]).sum();
            sweep.step(rank(tied[0].0), sum(0), sum(1));
        }
        sweep.finish()
    }
}

/// Evenly spaced quantiles of sorted values, from the least to the largest, interpolated linearly.
fn quantiles(sorted: &[f32]) -> Vec<f64> {
    let count = sorted.len().min(QUANTILES);
    let at = |i: usize| {
        let place = i as f64 / (count.max(2) - 1) as f64 * (sorted.len() - 1) as f64;
        let (low, share) = (place as usize, place.fract());
        let (a, b) = (sorted[low], sorted[(low + 1).min(sorted.len() - 1)]);
        f64::from(a) + share * (f64::from(b) - f64::from(a))
    };
    (0..count).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pixels_are_their_own_bins() {
        let mut bins = BenchmarkBins::default();
        // Edges 0, 0.1, 0.2, 0.4, 0.6, 1: the scores themselves, so the ranking is exact.
        bins.add(&[0.6, 0.4, 0.2, 0.1, 0.9], &[1, 0, 1, 0, IGNORE]);
        let got = bins.finish();
        assert_eq!((got.positives, got.negatives), (2, 2));
        assert!((got.auprc - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
        assert_eq!(got.fpr95, 0.5);
        assert_eq!(got.auroc, 0.75);
    }

    #[test]
    fn quantiles_are_interpolated() {
        assert_eq!(quantiles(&[1.0, 2.0, 4.0]), [1.0, 2.0, 4.0]);
        assert_eq!(quantiles(&[3.0]), [3.0]);
        assert!(quantiles(&[]).is_empty());
        let many: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        let found = quantiles(&many);
        assert_eq!(found.len(), QUANTILES);
        assert!((found[1] - 999.0 / 383.0).abs() < 1e-9);
    }

    #[test]
    fn normal_pixels_of_other_images_fall_below_an_anomaly() {
        // An anomaly's own score is an edge of its image's bins, but not of another image's: there
        // 384 quantiles stand for 2,000 normal pixels, and those that share a bin with the anomaly's
        // score count at the lower edge, below it.
        let normal: Vec<f32> = (0..2000).map(|i| i as f32 / 4000.0).collect();
        let mut bins = BenchmarkBins::default();
        bins.add(&[0.4506], &[1]);
        bins.add(&normal, &[0; 2000]);
        let binned = bins.finish();
        let exact = crate::pixel_metrics(
            std::iter::once((0.4506, true)).chain(normal.iter().map(|&score| (score, false))),
        )
        .unwrap();
        assert_eq!((binned.positives, binned.negatives), (1, 2000));
        assert!(binned.auprc > exact.auprc);
        assert!((binned.auroc - exact.auroc).abs() < 5e-3);
    }
}
