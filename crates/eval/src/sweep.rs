//! The one pass from the highest score to the lowest, from which every pixel metric is read.

/// Threshold-free metrics of a whole data set, all pixels pooled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelMetrics {
    /// Average precision: sum over distinct scores of recall step × precision, fraction.
    pub auprc: f64,
    /// False positive rate at the first threshold with true positive rate ≥ 0.95, fraction.
    pub fpr95: f64,
    /// Area under the ROC curve (trapezoids: a tie counts one half), fraction.
    pub auroc: f64,
    /// Best F1 of the pixels over all thresholds, fraction.
    pub best_f1: f64,
    /// The pixels with a score above this (`>`) are those with the best F1. It is the float just
    /// below the lowest score among them; where several thresholds are best, the highest.
    pub threshold: f32,
    /// Number of anomalous pixels.
    pub positives: u64,
    /// Number of normal pixels.
    pub negatives: u64,
    /// How far the exact metrics may lie from these; 0 where these are exact.
    pub bounds: ErrorBounds,
}

/// Largest distance between binned and exact metrics that the bins themselves admit, fractions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ErrorBounds {
    /// Of [`PixelMetrics::auprc`].
    pub auprc: f64,
    /// Of [`PixelMetrics::fpr95`].
    pub fpr95: f64,
    /// Of [`PixelMetrics::auroc`].
    pub auroc: f64,
}

/// Place of a score in the order from highest to lowest: 0 = highest. Scores that compare equal
/// (`0.0` and `-0.0` too) share a rank. `score` must not be NaN.
pub(super) fn rank(score: f32) -> u32 {
    // Adding zero turns -0.0 into 0.0.
    let bits = (score + 0.0).to_bits();
    // Negative floats order by falling bits, the others by rising bits and above them.
    let flip = ((bits as i32 >> 31) as u32) | 0x8000_0000;
    !(bits ^ flip)
}

/// The score of a rank.
pub(super) fn score_of(rank: u32) -> f32 {
    let ordered = !rank;
    f32::from_bits(if ordered >> 31 == 1 {
        ordered ^ 0x8000_0000
    } else {
        !ordered
    })
}

/// Takes counts by falling score and keeps what the metrics need: a few numbers.
pub(super) struct ThresholdSweep {
    positives: u64,
    negatives: u64,
    tp: u64,
    fp: u64,
    ap: ExactSum,
    /// Twice the number of (positive, negative) pairs in right order; a tie counts 1. Exact.
    pairs_twice: u128,
    fpr95_fp: Option<u64>,
    best: Option<BestThreshold>,
    binned: bool,
    ap_low: ExactSum,
    ap_high: ExactSum,
    pairs_tied: u128,
    fpr95_tied: u64,
}

#[derive(Clone, Copy)]
struct BestThreshold {
    tp: u64,
    fp: u64,
    rank: u32,
}

impl ThresholdSweep {
    /// For `positives` and `negatives` pixels in all. `binned`: a step may hold unlike scores, so
    /// error bounds are kept.
    pub(super) fn new(positives: u64, negatives: u64, binned: bool) -> Self {
        Self {
            positives,
            negatives,
            tp: 0,
            fp: 0,
            ap: ExactSum::default(),
            pairs_twice: 0,
            fpr95_fp: None,
            best: None,
            binned,
            ap_low: ExactSum::default(),
            ap_high: ExactSum::default(),
            pairs_tied: 0,
            fpr95_tied: 0,
        }
    }

    /// The pixels with the next lower score; `rank` is that of the lowest score in the step.
    ///
    /// Steps without positives need no order among themselves: they only add false positives, and
    /// no metric changes before the next positive.
    pub(super) fn step(&mut self, rank: u32, positives: u64, negatives: u64) {
        if self.binned {
            self.bound(positives, negatives);
        }
        self.pairs_twice +=
            u128::from(negatives) * (2 * u128::from(self.tp) + u128::from(positives));
        self.tp += positives;
        self.fp += negatives;
        if positives == 0 {
            return;
        }
        let precision = self.tp as f64 / (self.tp + self.fp) as f64;
        self.ap.add(positives as f64 * precision);
        // tp / positives >= 0.95 in whole numbers.
        let reached = 20 * u128::from(self.tp) >= 19 * u128::from(self.positives);
        if self.fpr95_fp.is_none() && reached {
            self.fpr95_fp = Some(self.fp);
            self.fpr95_tied = negatives;
        }
        let now = BestThreshold {
            tp: self.tp,
            fp: self.fp,
            rank,
        };
        if self.best.is_none_or(|best| self.beats(now, best)) {
            self.best = Some(now);
        }
    }

    /// Whether F1 = 2·tp / (tp + fp + P) of `a` is above that of `b`, in whole numbers.
    fn beats(&self, a: BestThreshold, b: BestThreshold) -> bool {
        let side = |x: BestThreshold, y: BestThreshold| {
            u128::from(x.tp) * (u128::from(y.tp) + u128::from(y.fp) + u128::from(self.positives))
        };
        side(a, b) > side(b, a)
    }

    /// What the order inside a bin of `d` positives and `n` negatives can do to the metrics.
    fn bound(&mut self, d: u64, n: u64) {
        self.pairs_tied += u128::from(d) * u128::from(n);
        if d == 0 {
            return;
        }
        let (d, n) = (d as f64, n as f64);
        let (tp, fp) = (self.tp as f64, self.fp as f64);
        // Best: all positives first, and equal. Worst: all negatives first, then the positives one
        // by one: sum of (tp + i) / (tp + i + wrong), bounded below by the integral.
        self.ap_high.add(d * (tp + d) / (tp + d + fp));
        let wrong = fp + n;
        let worst = if wrong == 0.0 {
            d
        } else {
            d - wrong * ((tp + d + wrong) / (tp + wrong)).ln()
        };
        self.ap_low.add(worst.max(0.0));
    }

    /// The metrics. Both classes must have pixels.
    pub(super) fn finish(self) -> PixelMetrics {
        let (p, n) = (self.positives as f64, self.negatives as f64);
        let pairs = u128::from(self.positives) * u128::from(self.negatives);
        let best = self.best.unwrap_or(BestThreshold {
            tp: 0,
            fp: 0,
            rank: 0,
        });
        let auprc = self.ap.total() / p;
        let bounds = if self.binned {
            ErrorBounds {
                auprc: (auprc - self.ap_low.total() / p).max(self.ap_high.total() / p - auprc),
                fpr95: self.fpr95_tied as f64 / n,
                auroc: self.pairs_tied as f64 / (2.0 * pairs as f64),
            }
        } else {
            ErrorBounds::default()
        };
        PixelMetrics {
            auprc,
            fpr95: self.fpr95_fp.unwrap_or(self.negatives) as f64 / n,
            auroc: self.pairs_twice as f64 / (2.0 * pairs as f64),
            best_f1: 2.0 * best.tp as f64 / ((best.tp + best.fp) as f64 + p),
            threshold: score_of(best.rank).next_down().max(f32::MIN),
            positives: self.positives,
            negatives: self.negatives,
            bounds,
        }
    }
}

/// Compensated sum (Neumaier): millions of small terms keep their last digits.
#[derive(Clone, Copy, Default)]
struct ExactSum {
    sum: f64,
    lost: f64,
}

impl ExactSum {
    fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.lost += if self.sum.abs() >= term.abs() {
            (self.sum - sum) + term
        } else {
            (term - sum) + self.sum
        };
        self.sum = sum;
    }

    fn total(self) -> f64 {
        self.sum + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_fall_as_scores_rise() {
        let scores = [
            f32::MAX,
            2.0,
            1.0,
            1.0f32.next_down(),
            1e-40,
            0.0,
            -1e-40,
            -0.5,
            -3.0,
            f32::MIN,
        ];
        assert!(scores.windows(2).all(|pair| rank(pair[0]) < rank(pair[1])));
        assert!(scores.iter().all(|&score| score_of(rank(score)) == score));
        assert_eq!(rank(-0.0), rank(0.0));
    }

    /// Scores 4 (positive), 3 (negative), 2 (two positives, one negative), 1 (negative).
    #[test]
    fn by_hand() {
        let mut sweep = ThresholdSweep::new(3, 3, false);
        for (score, positives, negatives) in [(4.0, 1, 0), (3.0, 0, 1), (2.0, 2, 1), (1.0, 0, 1)] {
            sweep.step(rank(score), positives, negatives);
        }
        let got = sweep.finish();
        assert!((got.auprc - (1.0 + 2.0 * 3.0 / 5.0) / 3.0).abs() < 1e-15);
        assert_eq!(got.fpr95, 2.0 / 3.0);
        // Pairs: 4 beats all three; each 2 loses to 3, ties with 2, beats 1: 3 + 2 * 1.5 of 9.
        assert_eq!(got.auroc, 6.0 / 9.0);
        // F1: at 4: 2/(1+3) = 0.5; at 2: 6/(5+3) = 0.75.
        assert_eq!(got.best_f1, 0.75);
        assert!(got.threshold < 2.0 && got.threshold.next_up() == 2.0);
        assert_eq!(got.bounds, ErrorBounds::default());
    }

    #[test]
    fn fpr95_is_taken_at_exactly_95_percent() {
        let mut sweep = ThresholdSweep::new(20, 4, false);
        sweep.step(rank(5.0), 18, 1);
        sweep.step(rank(4.0), 1, 1);
        sweep.step(rank(3.0), 1, 2);
        assert_eq!(sweep.finish().fpr95, 0.5);
    }

    #[test]
    fn of_equal_f1_the_highest_threshold_wins() {
        // At 3: 2·1/(1+0+2) = 2/3; at 1: 2·2/(2+2+2) = 2/3.
        let mut sweep = ThresholdSweep::new(2, 2, false);
        sweep.step(rank(3.0), 1, 0);
        sweep.step(rank(2.0), 0, 1);
        sweep.step(rank(1.0), 1, 1);
        assert_eq!(sweep.finish().threshold, 3.0f32.next_down());
    }

    #[test]
    fn the_lowest_float_as_threshold_stays_finite() {
        let mut sweep = ThresholdSweep::new(1, 1, false);
        sweep.step(rank(f32::MIN), 1, 1);
        assert_eq!(sweep.finish().threshold, f32::MIN);
    }
}
