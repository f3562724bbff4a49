//! Chooses the INT8 range of a tensor from its histogram.
//!
//! All ranges are symmetric: `[-t, t]`, in steps of `t / 127`.

use super::histogram::ValueHistogram;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Largest integer of symmetric INT8: −128 stays unused, so that the range has no lean.
pub const LEVELS: f64 = 127.0;

/// Share of values that [`RangeMethod::Percentile`] covers by default, percent.
pub const PERCENTILE: f64 = 99.99;

/// Groups into which the entropy method packs the bins: the levels of one sign.
const GROUPS: usize = 128;
/// Bins from one candidate of the entropy method to the next.
const ENTROPY_STEP: usize = 8;
/// Candidates of the error method, as parts of the largest value.
const MSE_PARTS: usize = 128;
/// First candidate of the error method, of [`MSE_PARTS`].
const MSE_FIRST: usize = 8;

/// How a range is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeMethod {
    /// The largest value.
    Max,
    /// The value that a share of all values stays below.
    Percentile,
    /// The range with the smallest mean squared error.
    Mse,
    /// The range that loses the least information: the smallest divergence between the values
    /// and their quantised form (Migacz, "8-bit inference with TensorRT", GTC 2017).
    Entropy,
}

impl fmt::Display for RangeMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Max => "max",
            Self::Percentile => "percentile",
            Self::Mse => "mse",
            Self::Entropy => "entropy",
        })
    }
}

impl RangeMethod {
    /// The end `t` of the range for `histogram`; 0 where all values are 0. `percentile` (percent)
    /// counts for [`RangeMethod::Percentile`] only.
    pub fn range(self, histogram: &ValueHistogram, percentile: f64) -> f64 {
        let largest = histogram.largest();
        if largest == 0.0 || histogram.width() == 0.0 {
            return largest;
        }
        let found = match self {
            Self::Max => largest,
            Self::Percentile => at_share(histogram, percentile / 100.0),
            Self::Mse => least_error(histogram),
            Self::Entropy => least_divergence(histogram),
        };
        found.min(largest)
    }
}

/// The upper end of the first bin up to which `share` of all values lie.
fn at_share(histogram: &ValueHistogram, share: f64) -> f64 {
    let wanted = (share * histogram.total() as f64).ceil() as u64;
    let mut sum = 0;
    for (i, &n) in histogram.used().iter().enumerate() {
        sum += n;
        if sum >= wanted {
            return (i + 1) as f64 * histogram.width();
        }
    }
    histogram.largest()
}

fn least_error(histogram: &ValueHistogram) -> f64 {
    let largest = histogram.largest();
    let mut best = (f64::INFINITY, largest);
    // From the widest on: of equal ones the widest wins.
    for part in (MSE_FIRST..=MSE_PARTS).rev() {
        let end = largest * part as f64 / MSE_PARTS as f64;
        let error = noise(histogram, end);
        if error < best.0 {
            best = (error, end);
        }
    }
    best.1
}

/// Sum of squared errors when the range ends at `end`: `step²/12` a value inside, the value
/// itself where it becomes 0, what is cut off outside.
pub fn noise(histogram: &ValueHistogram, end: f64) -> f64 {
    let step = end / LEVELS;
    let rounding = step * step / 12.0;
    let each = |(value, n): (f64, f64)| {
        n * if value > end {
            (value - end).powi(2)
        } else if value < step / 2.0 {
            value * value
        } else {
            rounding
        }
    };
    values(histogram).map(each).sum()
}

/// Signal to quantisation noise for a range that ends at `end`, dB. None where there is no signal
/// or no noise.
pub fn sqnr_db(histogram: &ValueHistogram, end: f64) -> Option<f64> {
    let signal: f64 = values(histogram).map(|(v, n)| n * v * v).sum();
    let noise = noise(histogram, end);
    (signal > 0.0 && noise > 0.0).then(|| 10.0 * (signal / noise).log10())
}

/// The middle of each bin and its count. The first bin stands for 0: that is what it mostly holds.
fn values(histogram: &ValueHistogram) -> impl Iterator<Item = (f64, f64)> {
    let width = histogram.width();
    let used = histogram.used().iter().enumerate();
    used.filter(|(_, n)| **n > 0).map(move |(i, &n)| {
        let middle = if i == 0 {
            0.0
        } else {
            (i as f64 + 0.5) * width
        };
        (middle, n as f64)
    })
}

fn least_divergence(histogram: &ValueHistogram) -> f64 {
    let used = histogram.used();
    if used.len() <= GROUPS {
        return histogram.largest();
    }
    let mut counts: Vec<f64> = used.iter().map(|&n| n as f64).collect();
    // Exact zeros cost nothing in any range; left in, they would drown the rest.
    counts[0] = counts[1];
    let mut best = (f64::INFINITY, used.len());
    let mut end = used.len();
    while end >= GROUPS {
        if let Some(divergence) = divergence(&counts, end)
            && divergence < best.0
        {
            best = (divergence, end);
        }
        end -= ENTROPY_STEP.min(end);
    }
    best.1 as f64 * histogram.width()
}

/// Kullback-Leibler divergence from the bins up to `end`, with what lies outside added to the
/// last, to their form in [`GROUPS`] levels. None where that form lacks a value that occurs.
fn divergence(counts: &[f64], end: usize) -> Option<f64> {
    let outside: f64 = counts[end..].iter().sum();
    let total: f64 = counts.iter().sum();
    let inside = total - outside;
    let mut sum = 0.0;
    for group in 0..GROUPS {
        let bins = group * end / GROUPS..(group + 1) * end / GROUPS;
        let held: f64 = counts[bins.clone()].iter().sum();
        let occupied = counts[bins.clone()].iter().filter(|n| **n > 0.0).count();
        for i in bins {
            let p = counts[i] + if i + 1 == end { outside } else { 0.0 };
            if p == 0.0 {
                continue;
            }
            if counts[i] == 0.0 {
                return None;
            }
            let (p, q) = (p / total, held / occupied as f64 / inside);
            sum += p * (p / q).ln();
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [RangeMethod; 4] = [
        RangeMethod::Max,
        RangeMethod::Percentile,
        RangeMethod::Mse,
        RangeMethod::Entropy,
    ];

    fn of(values: impl IntoIterator<Item = f32>) -> ValueHistogram {
        let mut h = ValueHistogram::default();
        h.add(&values.into_iter().collect::<Vec<_>>()).unwrap();
        h
    }

    /// Normal distribution with deviation 1: the same 100,000 values every time.
    fn normal() -> Vec<f32> {
        let mut state = 7u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1u64 << 24) as f64
        };
        (0..100_000)
            .map(|_| (0..12).map(|_| uniform()).sum::<f64>() as f32 - 6.0)
            .collect()
    }

    #[test]
    fn an_even_distribution_keeps_its_whole_range() {
        let even = of((0..=10_000).map(|i| i as f32 / 10_000.0));
        for method in ALL {
            let end = method.range(&even, PERCENTILE);
            assert!((0.97..=1.0).contains(&end), "{method}: {end}");
        }
    }

    #[test]
    fn a_lone_outlier_moves_only_max() {
        let h = of(normal().into_iter().chain([100.0]));
        assert_eq!(RangeMethod::Max.range(&h, PERCENTILE), 100.0);
        for method in [
            RangeMethod::Percentile,
            RangeMethod::Mse,
            RangeMethod::Entropy,
        ] {
            let end = method.range(&h, PERCENTILE);
            // One value of 100 is worth some rounding of the others to the squared error.
            let clips = if method == RangeMethod::Mse {
                80.0
            } else {
                5.0
            };
            assert!(end > 2.0 && end < clips, "{method}: {end}");
        }
    }

    #[test]
    fn the_share_of_a_percentile_is_met() {
        let h = of((1..=1000).map(|i| i as f32));
        let end = RangeMethod::Percentile.range(&h, 90.0);
        assert!((900.0..901.5).contains(&end), "{end}");
        assert_eq!(RangeMethod::Percentile.range(&h, 100.0), 1000.0);
    }

    #[test]
    fn the_least_error_lies_near_that_of_a_normal_distribution() {
        // 127 steps a side: the best range of a normal distribution ends near 4 deviations.
        let end = RangeMethod::Mse.range(&of(normal()), PERCENTILE);
        assert!((3.3..4.7).contains(&end), "{end}");
    }

    #[test]
    fn the_noise_is_that_of_rounding_the_values() {
        let values = normal();
        let h = of(values.iter().copied());
        for end in [1.0, 2.5, 4.0] {
            let step = end / LEVELS;
            let real: f64 = values
                .iter()
                .map(|&v| {
                    let v = f64::from(v);
                    (v - (v / step).round().clamp(-LEVELS, LEVELS) * step).powi(2)
                })
                .sum();
            let said = noise(&h, end);
            assert!((said / real - 1.0).abs() < 0.02, "{end}: {said} {real}");
        }
        // A range of 4 deviations: 10·log10(12·127²/4²).
        let db = sqnr_db(&h, 4.0).unwrap();
        assert!((db - 40.8).abs() < 0.3, "{db}");
    }

    #[test]
    fn zeros_and_few_values_are_taken() {
        for method in ALL {
            assert_eq!(method.range(&of([0.0, 0.0]), PERCENTILE), 0.0);
            assert_eq!(method.range(&ValueHistogram::default(), PERCENTILE), 0.0);
            let end = method.range(&of([0.5]), PERCENTILE);
            assert!((0.49..=0.5).contains(&end), "{method}: {end}");
        }
        assert_eq!(sqnr_db(&of([0.0]), 1.0), None);
    }

    #[test]
    fn zeros_of_a_relu_do_not_drown_the_rest() {
        let half = normal().into_iter().map(|v| v.max(0.0));
        let many = half.chain(std::iter::repeat_n(0.0, 1_000_000));
        let end = RangeMethod::Entropy.range(&of(many), PERCENTILE);
        assert!(end > 2.0, "{end}");
    }
}
