//! What is known about a model besides its graph: colours, classes, threshold.
//!
//! Metadata is stored in the ONNX file (`metadata_props`, keys `unmask.*`). For files made
//! elsewhere it may be in `model.toml` next to the file; a key in the file wins over the same
//! key in `model.toml`. Nothing is guessed: wrong mean or class order gives wrong scores silently.

mod description;
mod prepared;
#[cfg(test)]
mod tests;
mod written;

pub use description::{ModelDescription, describe};
pub use prepared::ScoreHead;
pub use prepared::{PreparedMetadata, prepared};
pub use written::{ClassReference, OutputNames, WrittenMetadata};

use super::camera_input::CameraInput;
use description::MetadataPaths;
use std::path::{Path, PathBuf};
use unmask_frame::Size;
use written::{SIDECAR, list, shorten};

/// What the network gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputForm {
    /// Class logits `[1, queries, known + 1]` and mask logits `[1, queries, size.h, size.w]`.
    Mask {
        /// Number of queries.
        queries: usize,
        /// Number of known classes.
        known: usize,
        /// Grid of the masks, cells.
        size: Size,
    },
    /// Logits `[1, classes, size.h, size.w]`.
    Pixel {
        /// Number of classes.
        classes: usize,
        /// Grid of the logits, cells.
        size: Size,
    },
    /// Score and class per cell: a prepared graph.
    Map {
        /// Number of known classes.
        known: usize,
        /// Grid of the maps, cells.
        size: Size,
    },
}

impl OutputForm {
    /// The grid of the output, cells.
    pub fn size(&self) -> Size {
        match *self {
            OutputForm::Mask { size, .. }
            | OutputForm::Pixel { size, .. }
            | OutputForm::Map { size, .. } => size,
        }
    }

    /// Number of known classes.
    pub fn known(&self) -> usize {
        match *self {
            OutputForm::Mask { known, .. } | OutputForm::Map { known, .. } => known,
            OutputForm::Pixel { classes, .. } => classes,
        }
    }
}

/// Everything about a model that its user needs.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelMetadata {
    /// Mean of red, green, blue, on the scale 0–255.
    pub mean: [f32; 3],
    /// Standard deviation of red, green, blue, on the scale 0–255.
    pub std: [f32; 3],
    /// Names of the known classes, in the order of the network's columns.
    pub classes: Vec<String>,
    /// Classes one drives on, as indices into `classes`.
    pub road: Vec<usize>,
    /// Classes that mask refinement may suppress, as indices into `classes`.
    pub stuff: Vec<usize>,
    /// Score above which a cell counts as anomalous, where the model brings one.
    pub threshold: Option<f32>,
    /// Column of the class logits that stands for "no object"; the last one, unless the metadata
    /// say otherwise. Known classes are the other columns, in order. None without class logits.
    pub no_object: Option<usize>,
    /// How the score is computed, where the graph computes it: a prepared graph.
    pub head: Option<ScoreHead>,
    /// What a prepared graph wants of the camera.
    pub camera: Option<CameraInput>,
    /// Size of the network's input, px.
    pub input: Size,
    /// What the network gives.
    pub output: OutputForm,
    /// SHA-256 of the model file, hexadecimal.
    pub sha256: String,
}

impl ModelMetadata {
    /// The metadata as a model file holds them, by key, where they do not describe a prepared graph:
    /// a file with these needs no model.toml next to it, but for the names of its outputs.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("unmask.mean", numbers(self.mean)),
            ("unmask.std", numbers(self.std)),
            (
                "unmask.classes",
                serde_json::json!(self.classes).to_string(),
            ),
            ("unmask.road", serde_json::json!(self.road).to_string()),
            ("unmask.stuff", serde_json::json!(self.stuff).to_string()),
        ];
        if let Some(threshold) = self.threshold {
            pairs.push(("unmask.threshold", threshold.to_string()));
        }
        pairs
    }
}

/// Numbers as short as they read back the same.
fn numbers(values: [f32; 3]) -> String {
    let shortest = values.map(|v| v.to_string().parse::<f64>().unwrap_or(f64::from(v)));
    serde_json::json!(shortest).to_string()
}

/// What can be wrong with a model's metadata.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum MetadataError {
    /// Neither the file nor `model.toml` has them.
    #[error(
        "the model {model} lacks {}. Give them inside the file (metadata_props), or in {sidecar}, \
         for example: mean = [123.7, 116.3, 103.5], std = [58.4, 57.1, 57.4], \
         classes = [\"road\", \"sky\"], road = [\"road\"], stuff = [\"sky\"]",
        .missing.join(", ")
    )]
    Missing {
        /// The model file.
        model: PathBuf,
        /// Where `model.toml` would be.
        sidecar: PathBuf,
        /// The missing keys, as they are called in `metadata_props`.
        missing: Vec<String>,
    },
    /// A value cannot be read or is invalid.
    #[error("{place}, key {key}: {reason}")]
    Value {
        /// The file.
        place: PathBuf,
        /// The key in it.
        key: String,
        /// What is wrong and what is expected.
        reason: String,
    },
    /// `model.toml` is there but cannot be read.
    #[error(
        "cannot read {path}: {reason}. Known keys: mean, std, classes, road, stuff, threshold, \
         no_object, and the table [outputs] with class_logits, mask_logits, logits, \
         query_embedding"
    )]
    Sidecar {
        /// The file.
        path: PathBuf,
        /// The error of the reader.
        reason: String,
    },
}

/// The parts of [`ModelMetadata`] that were measured rather than written.
pub struct MeasuredMetadata {
    /// Size of the network's input, px.
    pub input: Size,
    /// Form and grid of the output.
    pub output: OutputForm,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What a prepared graph says of itself.
    pub prepared: Option<PreparedMetadata>,
}

/// Puts together what the file says, what `model.toml` adds, and what was measured.
///
/// # Errors
/// A value is missing, or does not fit the network.
pub fn settle(
    model: &Path,
    inside: WrittenMetadata,
    sidecar: WrittenMetadata,
    measured: MeasuredMetadata,
) -> Result<ModelMetadata, MetadataError> {
    let sidecar_path = model.with_file_name(SIDECAR);
    let places = MetadataPaths {
        model,
        sidecar: &sidecar_path,
    };
    let no_object = places.no_object(
        places.pick(inside.no_object, sidecar.no_object),
        measured.output,
    )?;
    let masks = !matches!(measured.output, OutputForm::Pixel { .. });
    let ModelDescription {
        mean,
        std,
        classes,
        road,
        stuff,
        threshold,
    } = places.describe(inside, sidecar, measured.output.known(), masks)?;
    Ok(ModelMetadata {
        mean,
        std,
        road,
        stuff,
        threshold,
        no_object,
        head: measured.prepared.map(|p| p.head),
        camera: measured.prepared.map(|p| p.camera),
        classes,
        input: measured.input,
        output: measured.output,
        sha256: measured.sha256,
    })
}
