//! How a run is doing: mean IoU on labelled pictures, and how well the score tells pasted objects
//! from the rest. Indicators at mask resolution, not the figures of the model card.

use crate::data::{
    AugmentSettings, ColourJitter, DataError, InputNormalisation, LabelledSample, OutlierObject,
    PASTED, PasteSettings, Rng, ShortSide, TrainingExample, fit_example, make_example,
};
use crate::interpreter::{BurnOps, BurnValue};
use crate::params::ParamStore;
use burn::tensor::{Tensor, TensorData, activation};
use serde::Serialize;
use unmask_network::{MaskNetwork, NetworkOutputs};

/// What a validation found.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ValidationReport {
    /// Mean over the classes that occur of intersection / union.
    pub miou: f64,
    /// Share of labelled pixels with the right class.
    pub accuracy: f64,
    /// Average precision of the anomaly score for pasted pixels; `NaN` without any.
    pub auprc: f64,
    /// False positive rate at 95 % recall of pasted pixels; `NaN` without any.
    pub fpr95: f64,
}

/// Pictures to validate on, plain and with objects pasted.
#[derive(Debug)]
pub struct ValidationSet {
    plain: Vec<TrainingExample>,
    pasted: Vec<TrainingExample>,
}

impl ValidationSet {
    /// Prepares `samples`, squeezed to `size` (width, height). Objects are pasted with draws that
    /// only depend on the sample's place, so that figures compare over a run.
    ///
    /// # Errors
    /// [`DataError`] of a sample.
    pub fn new(
        samples: &[LabelledSample],
        outliers: &[OutlierObject],
        ground: &[u8],
        size: (usize, usize),
        normalise: &InputNormalisation,
    ) -> Result<Self, DataError> {
        let mut set = Self {
            plain: Vec::new(),
            pasted: Vec::new(),
        };
        let paste = PasteSettings {
            probability: 1.0,
            height: (0.08, 0.3),
            on_ground: 1.0,
            ground: ground.to_vec(),
            ..PasteSettings::default()
        };
        for (i, sample) in samples.iter().enumerate() {
            set.plain.push(fit_example(sample, size, normalise)?);
            if !outliers.is_empty() {
                let augment = AugmentSettings {
                    short_side: ShortSide::Choice(vec![size.1 as u32]),
                    crop: size,
                    hflip: 0.0,
                    colour: ColourJitter {
                        probability: 0.0,
                        ..ColourJitter::default()
                    },
                    ..AugmentSettings::default()
                };
                let mut rng = Rng::new(&[0x7a11d, i as u64]);
                let paste = Some((&paste, outliers));
                set.pasted
                    .push(make_example(sample, &augment, paste, normalise, &mut rng)?);
            }
        }
        Ok(set)
    }

    /// Runs the network over the set.
    pub fn run(&self, network: &MaskNetwork, params: &mut ParamStore) -> ValidationReport {
        let classes = network.config().classes;
        let mut hits = vec![0u64; classes];
        let mut unions = vec![0u64; classes];
        let (mut right, mut all) = (0u64, 0u64);
        for example in &self.plain {
            let (sums, w, h) = class_sums(network, params, example);
            for y in 0..h {
                for x in 0..w {
                    let label = label_at(example, x, y, w, h) as usize;
                    if label >= classes {
                        continue;
                    }
                    let i = y * w + x;
                    let value = |c: usize| sums[c * w * h + i];
                    let best = (0..classes)
                        .max_by(|&a, &b| value(a).total_cmp(&value(b)))
                        .unwrap_or(0);
                    all += 1;
                    unions[label] += 1;
                    if best == label {
                        hits[label] += 1;
                        right += 1;
                    } else {
                        unions[best] += 1;
                    }
                }
            }
        }
        let mut points = Vec::new();
        for example in &self.pasted {
            let (sums, w, h) = class_sums(network, params, example);
            for y in 0..h {
                for x in 0..w {
                    let label = label_at(example, x, y, w, h);
                    if (label as usize) < classes || label == PASTED {
                        let i = y * w + x;
                        let most = (0..classes)
                            .map(|c| sums[c * w * h + i])
                            .fold(f32::MIN, f32::max);
                        points.push((1.0 - most, label == PASTED));
                    }
                }
            }
        }
        let (auprc, fpr95) = ranking(&mut points);
        let ious: Vec<f64> = hits
            .iter()
            .zip(&unions)
            .filter(|(_, union)| **union > 0)
            .map(|(&hit, &union)| hit as f64 / union as f64)
            .collect();
        ValidationReport {
            miou: ious.iter().sum::<f64>() / ious.len().max(1) as f64,
            accuracy: right as f64 / all.max(1) as f64,
            auprc,
            fpr95,
        }
    }
}

/// The label under the centre of mask pixel (x, y).
fn label_at(example: &TrainingExample, x: usize, y: usize, w: usize, h: usize) -> u8 {
    let at = |i: usize, n: usize, full: usize| (i * full + full / 2) / n;
    example.labels[at(y, h, example.h) * example.w + at(x, w, example.w)]
}

/// Class confidences `[K, h, w]` at mask resolution: `Σ_q softmax · sigmoid`, or the softmax of
/// the per-pixel head.
fn class_sums(
    network: &MaskNetwork,
    params: &mut ParamStore,
    example: &TrainingExample,
) -> (Vec<f32>, usize, usize) {
    let device = params.device().clone();
    let data = TensorData::new(example.image.clone(), [1, 3, example.h, example.w]);
    let image: Tensor<4> = Tensor::from_data(data, &device);
    let mut ops = BurnOps::new(params, false);
    let sums = match network.forward(&mut ops, &BurnValue::R4(image)) {
        NetworkOutputs::Mask(heads) => {
            let last = heads.last().expect("a decoder has at least one head");
            let class = activation::softmax(last.class_logits.r3(), 2);
            let [_, queries, k1] = class.dims();
            let masks = activation::sigmoid(last.mask_logits.r4());
            let [_, _, h, w] = masks.dims();
            let class = class.narrow(2, 0, k1 - 1).permute([0, 2, 1]);
            class
                .matmul(masks.reshape([1, queries, h * w]))
                .reshape([1, k1 - 1, h, w])
        }
        NetworkOutputs::PerPixel(logits) => activation::softmax(logits.r4(), 1),
    };
    let [_, _, h, w] = sums.dims();
    (
        sums.to_data().try_to_vec::<f32>().expect("float32 values"),
        w,
        h,
    )
}

/// Average precision and FPR at 95 % recall of `(score, positive)` points; ties share a threshold.
pub fn ranking(points: &mut [(f32, bool)]) -> (f64, f64) {
    points.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = points.iter().filter(|p| p.1).count() as f64;
    let negatives = points.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return (f64::NAN, f64::NAN);
    }
    let (mut tp, mut fp, mut ap, mut fpr95) = (0.0, 0.0, 0.0, None);
    let mut i = 0;
    while i < points.len() {
        let before = tp;
        let score = points[i].0;
        while i < points.len() && points[i].0 == score {
            if points[i].1 {
                tp += 1.0
            } else {
                fp += 1.0
            }
            i += 1;
        }
        ap += (tp - before) / positives * (tp / (tp + fp));
        if fpr95.is_none() && tp / positives >= 0.95 {
            fpr95 = Some(fp / negatives);
        }
    }
    (ap, fpr95.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranking_by_hand() {
        let mut points = vec![(0.9, true), (0.8, false), (0.7, true), (0.1, false)];
        let (ap, fpr) = ranking(&mut points);
        assert!((ap - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
        assert!((fpr - 0.5).abs() < 1e-12);
        assert!(ranking(&mut [(0.3, false)]).0.is_nan());
    }
}
