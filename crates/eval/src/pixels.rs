//! Pixel metrics of a data set, picture by picture.

use std::sync::{Mutex, PoisonError};

use super::benchmark_bins::BenchmarkBins;
use super::bins::ScoreBins;
use super::ranking::{ScoreBlock, ScoreRanking};
use super::{ANOMALY, EvalError, NORMAL, PixelMetrics, check};
use unmask_frame::{LabelMap, PixelMap, ScoreMap, Size};

/// Memory that the exact ranking may hold before it goes to a temporary file, bytes.
pub const BUDGET_BYTES: usize = 256 << 20;

/// Pixels that [`pixel_metrics`] gathers before it sorts them.
const CHUNK: usize = 1 << 20;

/// Pools the pixels of all pictures of a data set and computes [`PixelMetrics`].
///
/// [`Evaluation::add`] may be called from any number of threads; the result does not depend on
/// their number or order.
///
/// Memory: exact: `BUDGET_BYTES` and, for each picture being added, 2 bytes per pixel + 0.5 MiB;
/// beyond the budget, 2 bytes per pixel in a temporary file. Fast: 16 MiB a thread, no file.
pub struct Evaluation {
    mode: CountMode,
}

enum CountMode {
    Exact(Mutex<ScoreRanking>),
    Fast(Vec<Mutex<ScoreBins>>),
    Benchmark(Mutex<BenchmarkBins>),
}

impl Evaluation {
    /// Exact metrics: every distinct score is a threshold.
    pub fn exact() -> Self {
        Self::with_budget(BUDGET_BYTES)
    }

    /// Exact metrics holding at most about `budget_bytes` of ranked pixels in memory.
    pub fn with_budget(budget_bytes: usize) -> Self {
        Self {
            mode: CountMode::Exact(Mutex::new(ScoreRanking::new(budget_bytes))),
        }
    }

    /// Binned metrics: scores that agree in sign, exponent and 11 bits of mantissa count as equal.
    /// [`PixelMetrics::bounds`] says how far the exact metrics may be.
    pub fn fast() -> Self {
        let shards = rayon::current_num_threads().max(1);
        Self {
            mode: CountMode::Fast((0..shards).map(|_| Mutex::default()).collect()),
        }
    }

    /// Metrics as SegmentMeIfYouCan's own tool ranks pixels, to compare with its published rows: by
    /// quantile bins of each image. Memory: about 12 KiB for each image.
    pub fn benchmark_bins() -> Self {
        Self {
            mode: CountMode::Benchmark(Mutex::default()),
        }
    }

    /// The exact ranking so far, to be stored; `None` in the other modes.
    pub(super) fn into_ranking(self) -> Option<ScoreRanking> {
        match self.mode {
            CountMode::Exact(ranking) => {
                Some(ranking.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            CountMode::Fast(_) | CountMode::Benchmark(_) => None,
        }
    }

    /// An evaluation that continues from `ranking`.
    pub(super) fn from_ranking(ranking: ScoreRanking) -> Self {
        Self {
            mode: CountMode::Exact(Mutex::new(ranking)),
        }
    }

    /// Counts one picture. `labels`: 0 normal, 1 anomaly, 255 ignore.
    ///
    /// # Errors
    /// Sizes that differ, scores that are not finite, other labels: the picture is then left out
    /// as a whole. [`EvalError::Spill`] where a temporary file fails: the evaluation is then void.
    pub fn add(&self, scores: &ScoreMap, labels: &LabelMap) -> Result<(), EvalError> {
        check(scores, labels)?;
        match &self.mode {
            CountMode::Exact(ranking) => {
                let block = ScoreBlock::new(scores.data(), labels.data());
                lock(ranking).push(block)?;
            }
            CountMode::Fast(shards) => {
                let shard = rayon::current_thread_index().unwrap_or(0) % shards.len();
                lock(&shards[shard]).add(scores.data(), labels.data());
            }
            CountMode::Benchmark(bins) => lock(bins).add(scores.data(), labels.data()),
        }
        Ok(())
    }

    /// The metrics of all pictures added.
    ///
    /// # Errors
    /// [`EvalError::NoAnomaly`], [`EvalError::NoNormal`], or a temporary file that fails.
    pub fn finish(self) -> Result<PixelMetrics, EvalError> {
        match self.mode {
            CountMode::Exact(ranking) => {
                let ranking = ranking.into_inner().unwrap_or_else(PoisonError::into_inner);
                both_classes(ranking.totals())?;
                Ok(ranking.finish()?)
            }
            CountMode::Fast(shards) => {
                let mut all = ScoreBins::default();
                for shard in shards {
                    all.merge(shard.into_inner().unwrap_or_else(PoisonError::into_inner));
                }
                both_classes(all.totals())?;
                Ok(all.finish())
            }
            CountMode::Benchmark(bins) => {
                let bins = bins.into_inner().unwrap_or_else(PoisonError::into_inner);
                both_classes(bins.totals())?;
                Ok(bins.finish())
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn both_classes([positives, negatives]: [u64; 2]) -> Result<(), EvalError> {
    match (positives, negatives) {
        (0, normal) => Err(EvalError::NoAnomaly { normal }),
        (anomalous, 0) => Err(EvalError::NoNormal { anomalous }),
        _ => Ok(()),
    }
}

/// Exact metrics of a stream of pixels: score, and whether the pixel is anomalous.
///
/// # Errors
/// As [`Evaluation::add`] and [`Evaluation::finish`]; the place in an error counts from the start
/// of the chunk of 2^20 pixels that holds it.
pub fn pixel_metrics(
    pixels: impl IntoIterator<Item = (f32, bool)>,
) -> Result<PixelMetrics, EvalError> {
    let evaluation = Evaluation::exact();
    let mut pixels = pixels.into_iter();
    loop {
        let mut scores = Vec::new();
        let mut labels = Vec::new();
        for (score, anomalous) in pixels.by_ref().take(CHUNK) {
            scores.push(score);
            labels.push(if anomalous { ANOMALY } else { NORMAL });
        }
        if scores.is_empty() {
            return evaluation.finish();
        }
        let size = Size::new(scores.len(), 1);
        if let (Some(scores), Some(labels)) =
            (PixelMap::new(size, scores), PixelMap::new(size, labels))
        {
            evaluation.add(&scores, &labels)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IGNORE;

    fn map<T>(w: usize, data: Vec<T>) -> PixelMap<T> {
        PixelMap::new(Size::new(w, data.len() / w), data).unwrap()
    }

    #[test]
    fn by_hand_over_two_pictures() {
        for evaluation in [Evaluation::exact(), Evaluation::fast()] {
            evaluation
                .add(
                    &map(2, vec![4.0, 3.0, 9.0, 2.0]),
                    &map(2, vec![1, 0, IGNORE, 1]),
                )
                .unwrap();
            evaluation
                .add(&map(3, vec![2.0, 1.0, 2.0]), &map(3, vec![1, 0, 0]))
                .unwrap();
            let got = evaluation.finish().unwrap();
            assert!((got.auprc - 2.2 / 3.0).abs() < 1e-15);
            assert_eq!(
                (got.fpr95, got.auroc, got.best_f1),
                (2.0 / 3.0, 6.0 / 9.0, 0.75)
            );
            assert_eq!((got.positives, got.negatives), (3, 3));
        }
    }

    #[test]
    fn perfect_inverted_and_constant_scores() {
        let perfect = pixel_metrics([(0.9, true), (0.8, true), (0.1, false)]).unwrap();
        assert_eq!(
            (perfect.auprc, perfect.fpr95, perfect.auroc),
            (1.0, 0.0, 1.0)
        );
        assert_eq!(
            (perfect.best_f1, perfect.threshold),
            (1.0, 0.8f32.next_down())
        );
        let inverted = pixel_metrics([(0.1, true), (0.8, false), (0.9, false)]).unwrap();
        assert_eq!(
            (inverted.auprc, inverted.fpr95, inverted.auroc),
            (1.0 / 3.0, 1.0, 0.0)
        );
        let flat = pixel_metrics([(0.5, true), (0.5, false), (0.5, false), (0.5, false)]).unwrap();
        assert_eq!((flat.auprc, flat.fpr95, flat.auroc), (0.25, 1.0, 0.5));
    }

    #[test]
    fn positive_and_negative_zero_are_one_score() {
        let got = pixel_metrics([(0.0, false), (-0.0, true)]).unwrap();
        assert_eq!((got.auprc, got.auroc), (0.5, 0.5));
    }

    #[test]
    fn streams_longer_than_a_chunk_are_pooled() {
        let len = CHUNK + 10;
        let got = pixel_metrics((0..len).map(|i| (i as f32, i >= len - 5))).unwrap();
        assert_eq!((got.positives, got.negatives), (5, len as u64 - 5));
        assert_eq!(got.auprc, 1.0);
    }

    #[test]
    fn bad_pictures_are_refused_whole() {
        let evaluation = Evaluation::exact();
        let good = map(2, vec![0.5, 0.25]);
        let labels = map(2, vec![1, 0]);
        let said = |result: Result<(), EvalError>| result.unwrap_err().to_string();
        let wide = map(3, vec![0.0; 3]);
        assert!(said(evaluation.add(&wide, &labels)).contains("3x1 but the label picture is 2x1"));
        let nan = map(1, vec![0.0, f32::NAN]);
        assert!(said(evaluation.add(&nan, &map(1, vec![1, 0]))).contains("column 0, row 1 is NaN"));
        let inf = map(2, vec![0.0, f32::NEG_INFINITY]);
        assert!(said(evaluation.add(&inf, &labels)).contains("column 1, row 0 is -inf"));
        // Ignored pixels must be finite too.
        assert!(evaluation.add(&inf, &map(2, vec![1, IGNORE])).is_err());
        assert!(said(evaluation.add(&good, &map(2, vec![1, 7]))).contains("row 0 is 7"));
        evaluation.add(&good, &labels).unwrap();
        let got = evaluation.finish().unwrap();
        assert_eq!((got.positives, got.negatives, got.auprc), (1, 1, 1.0));
    }

    #[test]
    fn one_class_alone_has_no_metrics() {
        for make in [Evaluation::exact, Evaluation::fast] {
            let evaluation = make();
            assert!(matches!(
                evaluation.finish(),
                Err(EvalError::NoAnomaly { normal: 0 })
            ));
            let evaluation = make();
            evaluation
                .add(&map(2, vec![0.5, 0.25]), &map(2, vec![0, 255]))
                .unwrap();
            assert!(matches!(
                evaluation.finish(),
                Err(EvalError::NoAnomaly { normal: 1 })
            ));
            let evaluation = make();
            evaluation
                .add(&map(2, vec![0.5, 0.25]), &map(2, vec![1, 255]))
                .unwrap();
            assert!(matches!(
                evaluation.finish(),
                Err(EvalError::NoNormal { anomalous: 1 })
            ));
        }
        assert!(pixel_metrics([]).is_err());
    }

    /// The bins' own error bounds hold against the exact metrics, and are small.
    #[test]
    fn fast_stays_within_its_bounds() {
        for (spread, max_error) in [(1.0f32, 2e-3), (1e-3, 1.0)] {
            let mut state = 3u64;
            let mut next = || {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 40) as f32 / 2f32.powi(24)
            };
            let labels: Vec<u8> = (0..40_000).map(|i| u8::from(i % 20 == 0)).collect();
            let scores = labels
                .iter()
                .map(|&label| 0.5 + spread * (next() + 0.5 * f32::from(label)));
            let scores = map(200, scores.collect());
            let labels = map(200, labels);
            let (exact, fast) = (Evaluation::exact(), Evaluation::fast());
            exact.add(&scores, &labels).unwrap();
            fast.add(&scores, &labels).unwrap();
            let (exact, fast) = (exact.finish().unwrap(), fast.finish().unwrap());
            let bounds = fast.bounds;
            assert!((exact.auprc - fast.auprc).abs() <= bounds.auprc);
            assert!((exact.fpr95 - fast.fpr95).abs() <= bounds.fpr95);
            assert!((exact.auroc - fast.auroc).abs() <= bounds.auroc);
            assert!(fast.best_f1 <= exact.best_f1);
            assert!((exact.auprc - fast.auprc).abs() <= max_error);
            assert!(bounds.auprc > 0.0 && bounds.auroc > 0.0);
        }
    }
}
