//! The score of a per-pixel network: one minus the largest softmax probability.

use super::{ScoreError, Scored, check, fast};
use crate::frame::{LabelMap, ScoreMap, Size};

/// What a per-pixel network gives for one picture.
#[derive(Clone, Copy, Debug)]
pub struct PixelOutput<'a> {
    /// `[classes, size.h, size.w]`, row by row.
    pub logits: &'a [f32],
    /// Number of classes.
    pub classes: usize,
    /// Grid of the logits, cells.
    pub size: Size,
}

/// Cells worked on at a time.
const BLOCK: usize = 256;

/// The anomaly score of every cell, `1 - max_c softmax(logits)_c` ("maximum softmax"), and the
/// best class. Mask refinement needs masks, so there is none here.
///
/// # Errors
/// Lengths that do not fit the shape; NaN or infinity in the output.
pub fn pixel_score(out: &PixelOutput<'_>) -> Result<Scored, ScoreError> {
    let cells = out.size.area_px();
    check("logits", out.logits, out.classes * cells)?;
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
        // 1 - 1 / sum_c exp(v_c - top)
        let mut sum = [0.0f32; BLOCK];
        for c in 0..out.classes {
            for ((sum, &top), &v) in sum.iter_mut().zip(&top).zip(plane(c)) {
                *sum += fast::exp(v - top);
            }
        }
        for i in 0..n {
            score[start + i] = 1.0 - 1.0 / sum[i];
            classes[start + i] = label[i] as u8;
        }
    }
    let own = "a map of its own size";
    Ok(Scored {
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
        let got = pixel_score(&out).unwrap();
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
        }
    }

    #[test]
    fn one_class_is_never_an_anomaly_and_nan_is_refused() {
        let size = Size::new(2, 1);
        let out = PixelOutput {
            logits: &[3.0, -4.0],
            classes: 1,
            size,
        };
        assert_eq!(pixel_score(&out).unwrap().score.data(), &[0.0, 0.0]);
        let out = PixelOutput {
            logits: &[3.0, f32::NAN],
            classes: 1,
            size,
        };
        assert!(matches!(
            pixel_score(&out),
            Err(ScoreError::NotFinite { index: 1, .. })
        ));
        let out = PixelOutput {
            logits: &[3.0],
            classes: 1,
            size,
        };
        assert!(matches!(
            pixel_score(&out),
            Err(ScoreError::Length { want: 2, .. })
        ));
    }
}
