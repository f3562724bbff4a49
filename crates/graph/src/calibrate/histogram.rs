//! Histogram of the absolute values of a tensor.

use std::ops::Range;

/// Bins of a histogram. A value just above a power of two still leaves half of them in use.
pub const BINS: usize = 4096;

/// Largest values below 2^this lie in the first bin together: nothing in a network is smaller.
const EXPONENT_MIN: i32 = -100;

/// A histogram of absolute values with a range that grows.
///
/// The range always ends at a power of two, and growing merges pairs of bins, so the counts are
/// the same in whatever order frames come: those of one pass with the final range.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueHistogram {
    counts: Vec<u64>,
    /// The bins cover `[0, 2^exponent)`; none while only zeros were seen.
    exponent: Option<i32>,
    min: f32,
    max: f32,
    total: u64,
}

impl Default for ValueHistogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BINS],
            exponent: None,
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
            total: 0,
        }
    }
}

impl ValueHistogram {
    /// Counts `values`.
    ///
    /// # Errors
    /// The number of values that are NaN or infinite; then nothing is counted.
    pub fn add(&mut self, values: &[f32]) -> Result<(), usize> {
        let mut bad = 0;
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for &v in values {
            bad += usize::from(!v.is_finite());
            low = low.min(v);
            high = high.max(v);
        }
        if bad > 0 {
            return Err(bad);
        }
        if values.is_empty() {
            return Ok(());
        }
        self.min = self.min.min(low);
        self.max = self.max.max(high);
        self.total += values.len() as u64;
        self.grow(low.abs().max(high.abs()));
        let Some(exponent) = self.exponent else {
            self.counts[0] += values.len() as u64;
            return Ok(());
        };
        let by = (BINS as f64 * 2f64.powi(-exponent)) as f32;
        for &v in values {
            // The product is exact, being by a power of two, and below the number of bins.
            let bin = (v.abs() * by) as usize;
            self.counts[bin.min(BINS - 1)] += 1;
        }
        Ok(())
    }

    /// Makes room for a value of size `largest`.
    fn grow(&mut self, largest: f32) {
        if largest == 0.0 {
            return;
        }
        let mut wanted = EXPONENT_MIN;
        while 2f64.powi(wanted) <= f64::from(largest) {
            wanted += 1;
        }
        // Zeros lie in the first bin whatever the range.
        let from = self.exponent.unwrap_or(wanted);
        for _ in from..wanted {
            for i in 0..BINS / 2 {
                self.counts[i] = self.counts[2 * i] + self.counts[2 * i + 1];
            }
            self.counts[BINS / 2..].fill(0);
        }
        self.exponent = Some(from.max(wanted));
    }

    /// Largest absolute value; 0 before any.
    pub fn largest(&self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        f64::from(self.min.abs().max(self.max.abs()))
    }

    /// Smallest and largest value; none before any.
    pub fn ends(&self) -> Option<Range<f32>> {
        (self.total > 0).then_some(self.min..self.max)
    }

    /// Number of values.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Width of a bin; 0 while only zeros were seen.
    pub fn width(&self) -> f64 {
        self.exponent.map_or(0.0, |e| 2f64.powi(e) / BINS as f64)
    }

    /// The bins up to the one of the largest value.
    pub fn used(&self) -> &[u64] {
        let end = self
            .counts
            .iter()
            .rposition(|&n| n > 0)
            .map_or(0, |i| i + 1);
        &self.counts[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[&[f32]]) -> ValueHistogram {
        let mut h = ValueHistogram::default();
        for part in parts {
            h.add(part).unwrap();
        }
        h
    }

    #[test]
    fn counts_do_not_depend_on_the_order_of_frames() {
        let (a, b, c): (&[f32], &[f32], &[f32]) =
            (&[0.0, 0.1, -0.9], &[700.0, 3.0, -2.0], &[0.0, 0.0]);
        let all = of(&[&[0.0, 0.1, -0.9, 700.0, 3.0, -2.0, 0.0, 0.0]]);
        for order in [[a, b, c], [b, a, c], [c, b, a], [c, a, b]] {
            assert_eq!(of(&order), all);
        }
        assert_eq!(all.total(), 8);
        assert_eq!(all.ends(), Some(-2.0..700.0));
        assert_eq!(all.width(), 1024.0 / BINS as f64);
        assert_eq!(all.used().len(), 2801);
        assert_eq!(all.used().iter().sum::<u64>(), 8);
    }

    #[test]
    fn a_power_of_two_has_its_own_bin() {
        let h = of(&[&[1.0]]);
        assert_eq!(h.width(), 2.0 / BINS as f64);
        assert_eq!(h.used().len(), BINS / 2 + 1);
        assert_eq!(h.largest(), 1.0);
    }

    #[test]
    fn nothing_and_zeros_have_no_range() {
        assert_eq!(of(&[]).largest(), 0.0);
        assert_eq!(of(&[]).ends(), None);
        let zeros = of(&[&[0.0, -0.0], &[]]);
        assert_eq!((zeros.width(), zeros.largest()), (0.0, 0.0));
        assert_eq!(zeros.used(), [2]);
    }

    #[test]
    fn the_ends_of_the_number_range_are_taken() {
        let h = of(&[&[f32::MAX, f32::MIN, 1e-44]]);
        assert_eq!(h.used().len(), BINS);
        assert_eq!(h.counts[BINS - 1], 2);
    }

    #[test]
    fn values_that_are_no_numbers_are_refused_whole() {
        let mut h = of(&[&[1.0]]);
        let before = h.clone();
        assert_eq!(h.add(&[2.0, f32::NAN, f32::INFINITY]), Err(2));
        assert_eq!(h, before);
    }
}
