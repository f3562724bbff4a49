//! Scores of a per-pixel network: by largest probability, largest logit, or entropy.

use super::{ScoreError, ScoredFrame, check, fast};
use unmask_frame::{LabelMap, ScoreMap, Size};

/// What a per-pixel network gives for one picture.
#[derive(Clone, Copy, Debug)]
pub struct PixelOutput<'a> {
    /// `[classes, size.h, size.w]`, row-major.
    pub logits: &'a [f32],
    /// Number of classes.
    pub classes: usize,
    /// Grid of the logits, cells.
    pub size: Size,
}

/// Cells worked on at a time.
const BLOCK: usize = 256;

/// How a per-pixel network's logits become a score. Higher = more anomalous.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum PixelScore {
    /// `1 - max_c softmax(logits)_c` (Hendrycks and Gimpel, 2017).
    #[default]
    MaxSoftmax,
    /// `-max_c logits_c`, without bounds (Hendrycks et al., 2022).
    MaxLogit,
    /// `-sum_c p_c ln p_c / ln C` with p = softmax over the C classes: 0 to 1.
    Entropy,
}

impl std::fmt::Display for PixelScore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::MaxSoftmax => "max-softmax",
            Self::MaxLogit => "max-logit",
            Self::Entropy => "entropy",
        })
    }
}

impl PixelScore {
    /// `1 / ln classes`; 0 for a single class, whose entropy is always 0.
    pub fn entropy_scale(self, classes: usize) -> f32 {
        if classes > 1 {
            (1.0 / (classes as f64).ln()) as f32
        } else {
            0.0
        }
    }
}

/// The anomaly score of every cell and the best class. Mask refinement needs masks, so there is
/// none here.
///
/// # Errors
/// Lengths that do not fit the shape; NaN or infinity in the output.
pub fn pixel_score(out: &PixelOutput<'_>, kind: PixelScore) -> Result<ScoredFrame, ScoreError> {
    let cells = out.size.area_px();
    check("logits", out.logits, out.classes * cells)?;
    let scale = kind.entropy_scale(out.classes);
    let mut score = vec![0.0f32; cells];
    let mut classes = vec![0u8; cells];
    for start in (0..cells).step_by(BLOCK) {
        let n = BLOCK.min(cells - start);
        let plane = |c: usize| &out.logits[c * cells + start..][..n];
        let mut top = [f32::NEG_INFINITY; BLOCK];
        let mut label = [0u32; BLOCK];
        for c in 0..out.classes {
            for ((top, label), &v) in top.iter_mut().zip(&mut label).zip(plane(c)) {
                let better = v > *top;
                *label = if better { c as u32 } else { *label };
                *top = if better { v } else { *top };
            }
        }
        // With d_c = v_c - top: sum_c exp(d_c), and sum_c d_c exp(d_c).
        let (mut sum, mut weighted) = ([0.0f32; BLOCK], [0.0f32; BLOCK]);
        for c in 0..out.classes {
            let sums = sum.iter_mut().zip(&mut weighted);
            for (((sum, weighted), &top), &v) in sums.zip(&top).zip(plane(c)) {
                let e = fast::exp(v - top);
                *sum += e;
                *weighted += (v - top) * e;
            }
        }
        for i in 0..n {
            score[start + i] = match kind {
                PixelScore::MaxSoftmax => 1.0 - 1.0 / sum[i],
                PixelScore::MaxLogit => -top[i],
                // -sum_c p_c ln p_c = ln(sum) - weighted / sum
                PixelScore::Entropy => (sum[i].ln() - weighted[i] / sum[i]) * scale,
            };
            classes[start + i] = label[i] as u8;
        }
    }
    let own = "a map of its own size";
    Ok(ScoredFrame {
        score: ScoreMap::new(out.size, score).expect(own),
        classes: LabelMap::new(out.size, classes).expect(own),
        qualified: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_formula() {
        let size = Size::new(23, 29);
        let classes = 7;
        let logits: Vec<f32> = (0..classes * size.area_px())
            .map(|i| ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) * 30.0)
            .collect();
        let out = PixelOutput {
            logits: &logits,
            classes,
            size,
        };
        let of = |kind| pixel_score(&out, kind).unwrap();
        let got = of(PixelScore::MaxSoftmax);
        let (by_logit, by_entropy) = (of(PixelScore::MaxLogit), of(PixelScore::Entropy));
        for i in 0..size.area_px() {
            let row: Vec<f64> = (0..classes)
                .map(|c| f64::from(logits[c * size.area_px() + i]))
                .collect();
            let sum: f64 = row.iter().map(|v| v.exp()).sum();
            let best = (0..classes)
                .rev()
                .max_by(|&a, &b| row[a].total_cmp(&row[b]))
                .unwrap();
            let want = 1.0 - row[best].exp() / sum;
            assert!((f64::from(got.score.data()[i]) - want).abs() < 1e-6);
            assert_eq!(usize::from(got.classes.data()[i]), best);
            assert_eq!(f64::from(by_logit.score.data()[i]), -row[best]);
            let entropy: f64 = row
                .iter()
                .map(|v| v.exp() / sum)
                .map(|p| -p * p.ln())
                .sum::<f64>()
                / (classes as f64).ln();
            assert!((f64::from(by_entropy.score.data()[i]) - entropy).abs() < 1e-6);
        }
    }

    #[test]
    fn one_class_is_never_an_anomaly_and_nan_is_refused() {
        for kind in [PixelScore::MaxSoftmax, PixelScore::Entropy] {
            one_class(kind);
        }
    }

    fn one_class(kind: PixelScore) {
        let size = Size::new(2, 1);
        let out = PixelOutput {
            logits: &[3.0, -4.0],
            classes: 1,
            size,
        };
        assert_eq!(pixel_score(&out, kind).unwrap().score.data(), &[0.0, 0.0]);
        let out = PixelOutput {
            logits: &[3.0, f32::NAN],
            classes: 1,
            size,
        };
        assert!(matches!(
            pixel_score(&out, kind),
            Err(ScoreError::NotFinite { index: 1, .. })
        ));
        let out = PixelOutput {
            logits: &[3.0],
            classes: 1,
            size,
        };
        assert!(matches!(
            pixel_score(&out, kind),
            Err(ScoreError::Length { want: 2, .. })
        ));
    }
}
