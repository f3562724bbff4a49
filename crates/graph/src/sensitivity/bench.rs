//! Measures models on one data set.

use super::SensitivityOptions;
use crate::export::write_file;
use crate::quantize::QuantizeError;
use serde::Serialize;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use unmask_engine::Engine;
use unmask_eval::dataset::{LabelledPicture, labelled_pictures, read_labels};
use unmask_eval::{Evaluation, LabelRules};
use unmask_frame::read_picture;
use unmask_onnx::messages::ModelProto;

/// Name of the metadata that may lie next to a model.
const SIDECAR: &str = "model.toml";

/// What counts of a model, fractions. Binned: `unmask eval --fast` gives the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BlockMetrics {
    /// Area under precision and recall of anomalous pixels.
    pub auprc: f64,
    /// False positives where 95 % of the anomalous pixels are found.
    pub fpr95: f64,
}

/// A data set, and a place for the models that are measured on it.
pub(super) struct EvaluationBench {
    folder: TempDir,
    dataset: PathBuf,
    pictures: Vec<LabelledPicture>,
    left_out: Vec<String>,
    rules: LabelRules,
    refine: bool,
    threads: usize,
    measured: bool,
}

impl EvaluationBench {
    /// A bench for models made from the file `model`.
    pub fn open(
        model: &Path,
        dataset: &Path,
        options: &SensitivityOptions,
    ) -> Result<Self, QuantizeError> {
        let (pictures, bad) = labelled_pictures(dataset)?;
        let folder = tempfile::tempdir()?;
        let beside = model.with_file_name(SIDECAR);
        if beside.is_file() {
            std::fs::copy(&beside, folder.path().join(SIDECAR))?;
        }
        Ok(Self {
            folder,
            dataset: dataset.to_owned(),
            pictures,
            left_out: bad
                .iter()
                .map(|b| format!("{}: {}", b.name, b.problem))
                .collect(),
            rules: options.rules.clone(),
            refine: options.refine,
            threads: options.threads,
            measured: false,
        })
    }

    /// Number of pictures that are measured.
    pub fn images(&self) -> usize {
        self.pictures.len()
    }

    /// Pictures and labels left out, and why.
    pub fn skipped(&self) -> &[String] {
        &self.left_out
    }

    /// The files of the pictures.
    pub fn pictures(&self) -> impl Iterator<Item = &Path> {
        self.pictures.iter().map(|p| p.picture.as_path())
    }

    /// Measures `model`. Pictures that the first model cannot be measured on are left out from
    /// then on, so that all are measured on the same.
    pub fn measure(&mut self, model: &ModelProto) -> Result<BlockMetrics, QuantizeError> {
        let path = self.folder.path().join("model.onnx");
        write_file(&path, &model.to_bytes())?;
        let options = unmask_engine::EngineOptions {
            threads: self.threads,
        };
        let mut engine = Engine::open(&path, options)?;
        let evaluation = Evaluation::fast();
        let mut good = Vec::with_capacity(self.pictures.len());
        for found in std::mem::take(&mut self.pictures) {
            match self.add(&found, &mut engine, &evaluation) {
                Ok(()) => good.push(found),
                Err(what) if self.measured => {
                    return Err(QuantizeError::Frame {
                        frame: found.picture,
                        what,
                    });
                }
                Err(what) => self.left_out.push(format!("{}: {what}", found.name)),
            }
        }
        self.pictures = good;
        self.measured = true;
        if self.pictures.is_empty() {
            return Err(QuantizeError::NoPicture {
                dir: self.dataset.clone(),
                first: self.left_out.first().cloned().unwrap_or_default(),
            });
        }
        let pixels = evaluation.finish()?;
        Ok(BlockMetrics {
            auprc: pixels.auprc,
            fpr95: pixels.fpr95,
        })
    }

    fn add(
        &self,
        found: &LabelledPicture,
        engine: &mut Engine,
        evaluation: &Evaluation,
    ) -> Result<(), String> {
        let picture = read_picture(&found.picture)?;
        let labels = read_labels(&found.labels, &self.rules)?;
        let scores = engine
            .score(&picture, self.refine)
            .map_err(|e| e.to_string())?;
        evaluation.add(&scores, &labels).map_err(|e| e.to_string())
    }
}
