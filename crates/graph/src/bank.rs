//! A second anomaly score: how far a cell's features are from those of normal frames.
//!
//! A bank holds features that a frozen, pretrained backbone gives for frames of normal driving
//! (whitened, so that distances are Mahalanobis distances; the nearest entry decides, as in
//! PatchCore, arXiv 2106.08265). [`attach`] writes the distance into a model's graph, where it
//! lowers the mask probabilities of cells that resemble nothing in the bank. The outputs keep their
//! names and shapes, so scoring, `unmask prepare`, quantization and TensorRT take the model as before.

mod attach;
mod whiten;

pub use attach::{attach, features_model};

use super::checkpoint::{CheckpointWeights, WeightTensor, read_file};
use super::error::GraphError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::path::Path;
use unmask_network::EfficientNet;

/// Version of the file format.
const VERSION: &str = "1";

/// Entries that a bank may have at most: the graph multiplies every cell with every entry.
pub const ENTRIES_MAX: usize = 16_384;

/// How the distance changes the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BankStrength {
    /// ln of the distance up to which a cell counts as known.
    pub tolerance: f32,
    /// The mask probabilities are multiplied by `exp(−slope · (ln distance − tolerance))` beyond it.
    pub slope: f32,
}

/// Features of normal frames.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureBank {
    /// The backbone that the features come from.
    pub variant: EfficientNet,
    /// Channels of a feature.
    pub channels: usize,
    /// Mean of the features, `[channels]`.
    pub mean: Vec<f32>,
    /// `[channels, channels]`, row-major: `whitening · (feature − mean)` has unit covariance.
    pub whitening: Vec<f32>,
    /// Whitened features, `[entries, channels]`.
    pub entries: Vec<f32>,
    /// How the distance changes the score.
    pub strength: BankStrength,
    /// Frames that it was learned from.
    pub frames: usize,
}

/// What a bank is learned from: one feature per cell.
#[derive(Clone, Debug, Default)]
pub struct FeatureSamples {
    /// `[cells, channels]`, row-major.
    pub features: Vec<f32>,
    /// Frames they come from.
    pub frames: usize,
}

/// Choices of learning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnOptions {
    /// Entries of the bank.
    pub entries: usize,
    /// Share of the cells of held-out normal frames that may lie beyond the tolerance.
    pub beyond: f32,
    /// [`BankStrength::slope`].
    pub slope: f32,
}

impl Default for LearnOptions {
    fn default() -> Self {
        Self {
            entries: 2000,
            beyond: 0.3,
            slope: 2.0,
        }
    }
}

impl FeatureBank {
    /// Learns a bank from `train`; `held_out`, cells of other normal frames, set the tolerance.
    ///
    /// # Errors
    /// [`GraphError::Option`] where there are no cells, or an option is out of range.
    pub fn learn(
        variant: EfficientNet,
        channels: usize,
        train: &FeatureSamples,
        held_out: &FeatureSamples,
        options: &LearnOptions,
    ) -> Result<Self, GraphError> {
        let wrong = |what: String| Err(GraphError::Option { what });
        let cells = train.features.len() / channels.max(1);
        if cells <= channels || held_out.features.is_empty() {
            return wrong(format!(
                "{cells} cells of normal frames are too few for a bank: give more frames"
            ));
        }
        if !(1..=ENTRIES_MAX).contains(&options.entries) {
            return wrong(format!(
                "{} entries: give 1 to {ENTRIES_MAX}",
                options.entries
            ));
        }
        if !(0.0..1.0).contains(&options.beyond) || !(0.0..=16.0).contains(&options.slope) {
            return wrong("give a share from 0 to below 1, and a slope from 0 to 16".to_owned());
        }
        let (mean, whitening) = whiten::whitening(&train.features, channels);
        let entries = options.entries.min(cells);
        // Cells in steps of a large odd stride: spread over frames and places, the same every time.
        let stride = coprime_stride(cells);
        let mut bank = Self {
            variant,
            channels,
            mean,
            whitening,
            entries: Vec::with_capacity(entries * channels),
            strength: BankStrength {
                tolerance: 0.0,
                slope: options.slope,
            },
            frames: train.frames,
        };
        for i in 0..entries {
            let cell = (i * stride) % cells;
            let feature = &train.features[cell * channels..(cell + 1) * channels];
            let whitened = bank.whiten(feature);
            bank.entries.extend(whitened);
        }
        let mut logs: Vec<f32> = held_out
            .features
            .chunks_exact(channels)
            .map(|feature| bank.distance(feature).max(f32::MIN_POSITIVE).ln())
            .collect();
        logs.sort_by(f32::total_cmp);
        let at = ((1.0 - options.beyond) * (logs.len() - 1) as f32) as usize;
        bank.strength.tolerance = logs[at];
        Ok(bank)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len() / self.channels.max(1)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn whiten(&self, feature: &[f32]) -> Vec<f32> {
        let centred: Vec<f32> = feature.iter().zip(&self.mean).map(|(f, m)| f - m).collect();
        self.whitening
            .chunks_exact(self.channels)
            .map(|row| row.iter().zip(&centred).map(|(w, c)| w * c).sum())
            .collect()
    }

    /// Distance of a feature to the nearest entry, in standard deviations.
    pub fn distance(&self, feature: &[f32]) -> f32 {
        let whitened = self.whiten(feature);
        let squared = |entry: &[f32]| -> f32 {
            let difference = entry.iter().zip(&whitened).map(|(e, w)| e - w);
            difference.map(|d| d * d).sum()
        };
        let nearest = self.entries.chunks_exact(self.channels).map(squared);
        nearest.fold(f32::INFINITY, f32::min).sqrt()
    }

    /// The bank as a safetensors file.
    ///
    /// # Errors
    /// [`GraphError::Option`] where it cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GraphError> {
        let encode =
            |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
        let c = self.channels;
        let tensors = [
            ("mean", vec![c], encode(&self.mean)),
            ("whitening", vec![c, c], encode(&self.whitening)),
            ("entries", vec![self.len(), c], encode(&self.entries)),
        ];
        let variant = serde_json::to_string(&self.variant).unwrap_or_default();
        let metadata = HashMap::from([
            ("unmask.bank".to_owned(), VERSION.to_owned()),
            ("unmask.bank.backbone".to_owned(), variant),
            (
                "unmask.bank.tolerance".to_owned(),
                self.strength.tolerance.to_string(),
            ),
            (
                "unmask.bank.slope".to_owned(),
                self.strength.slope.to_string(),
            ),
            ("unmask.bank.frames".to_owned(), self.frames.to_string()),
        ]);
        let what = |e: safetensors::SafeTensorError| GraphError::Option {
            what: format!("the bank cannot be encoded: {e}"),
        };
        let views: Result<Vec<_>, _> = tensors
            .iter()
            .map(|(name, shape, bytes)| {
                TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (*name, view))
            })
            .collect();
        safetensors::serialize(views.map_err(what)?, Some(metadata)).map_err(what)
    }

    /// Reads a bank.
    ///
    /// # Errors
    /// [`GraphError::NotSafetensors`] for another file; [`GraphError::Key`] naming what is missing, misshapen
    /// or of another version.
    pub fn read(path: &Path) -> Result<Self, GraphError> {
        let bytes = read_file(path)?;
        let broken = |e: safetensors::SafeTensorError| GraphError::NotSafetensors {
            path: path.to_owned(),
            what: e.to_string(),
        };
        let key = |key: &str, what: &str| GraphError::Key {
            path: path.to_owned(),
            key: key.to_owned(),
            what: what.to_owned(),
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
        let fact = |name: &str| {
            let found = metadata.get(name);
            found.ok_or_else(|| key(name, "is missing: give a bank that `unmask learn` wrote"))
        };
        if fact("unmask.bank")? != VERSION {
            return Err(key("unmask.bank", "is of another version: learn it again"));
        }
        let number = |name: &str| -> Result<f32, GraphError> {
            let value: Option<f32> = fact(name)?.parse().ok().filter(|v: &f32| v.is_finite());
            value.ok_or_else(|| key(name, "is not a finite number"))
        };
        let variant = serde_json::from_str(fact("unmask.bank.backbone")?)
            .map_err(|_| key("unmask.bank.backbone", "is not a known backbone"))?;
        let weights = CheckpointWeights::from_safetensors(path, &tensors)?;
        let tensor = |name: &str, axes: usize| -> Result<&WeightTensor, GraphError> {
            let found = weights.get(name).filter(|t| t.shape.len() == axes);
            found.ok_or_else(|| key(name, "is missing or misshapen"))
        };
        let (mean, whitening) = (tensor("mean", 1)?, tensor("whitening", 2)?);
        let entries = tensor("entries", 2)?;
        let channels = mean.shape[0];
        if channels == 0
            || whitening.shape != [channels, channels]
            || entries.shape[1] != channels
            || !(1..=ENTRIES_MAX).contains(&entries.shape[0])
        {
            return Err(key("entries", "does not fit the other tensors"));
        }
        Ok(Self {
            variant,
            channels,
            mean: mean.data.to_vec(),
            whitening: whitening.data.to_vec(),
            entries: entries.data.to_vec(),
            strength: BankStrength {
                tolerance: number("unmask.bank.tolerance")?,
                slope: number("unmask.bank.slope")?,
            },
            frames: number("unmask.bank.frames")? as usize,
        })
    }
}

/// A stride near the golden share of `n` without a common divisor.
fn coprime_stride(n: usize) -> usize {
    let gcd = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let start = ((n as f64 * 0.618_034) as usize).max(1);
    (start..).find(|&s| gcd(s, n) == 1).unwrap_or(1)
}

#[cfg(test)]
mod tests;
