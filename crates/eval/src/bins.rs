//! The binned ranking: one table of fixed size, no temporary file.
//!
//! A bin is what the upper 20 bits of a score's rank name: sign, exponent and 11 bits of mantissa.
//! Scores in one bin differ by less than 2^-11 of themselves and count as equal. That is one bit
//! finer than float16, the format in which SegmentMeIfYouCan's own tool keeps scores.

use super::sweep::{PixelMetrics, ThresholdSweep, rank};
use super::{ANOMALY, IGNORE};

/// Bits of the rank that a bin leaves out.
const DROPPED: u32 = 12;

/// Counts of positives and negatives by bin: 16 MiB once used.
#[derive(Default)]
pub(super) struct ScoreBins {
    cells: Vec<[u64; 2]>,
}

impl ScoreBins {
    /// Adds a picture. `scores` are finite, `labels` known, both of equal length.
    pub(super) fn add(&mut self, scores: &[f32], labels: &[u8]) {
        self.cells.resize(1 << (32 - DROPPED), [0; 2]);
        for (&score, &label) in scores.iter().zip(labels) {
            if label != IGNORE {
                let class = usize::from(label != ANOMALY);
                self.cells[(rank(score) >> DROPPED) as usize][class] += 1;
            }
        }
    }

    /// Adds the counts of `other`.
    pub(super) fn merge(&mut self, other: Self) {
        if self.cells.is_empty() {
            *self = other;
            return;
        }
        for (cell, more) in self.cells.iter_mut().zip(other.cells) {
            cell[0] += more[0];
            cell[1] += more[1];
        }
    }

    /// Positive and negative pixels so far.
    pub(super) fn totals(&self) -> [u64; 2] {
        let sum = |class: usize| self.cells.iter().map(|cell| cell[class]).sum();
        [sum(0), sum(1)]
    }

    /// Sweeps the bins. Both classes must have pixels.
    pub(super) fn finish(&self) -> PixelMetrics {
        let [positives, negatives] = self.totals();
        let mut sweep = ThresholdSweep::new(positives, negatives, true);
        for (bin, &[p, n]) in self.cells.iter().enumerate().filter(|(_, c)| **c != [0, 0]) {
            let lowest = (bin as u32) << DROPPED | ((1 << DROPPED) - 1);
            sweep.step(lowest, p, n);
        }
        sweep.finish()
    }
}
