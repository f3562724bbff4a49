//! The calibration file: TOML, for people and for `unmask quantize`.

use super::QuantizeError;
use super::range::RangeMethod;
use crate::export::write_file;
use serde::{Deserialize, Serialize};
use std::path::Path;
use unmask_frame::read_regular_text;
use unmask_frame::without_bom;

/// Kind and version of the file.
pub const SCHEMA: &str = "unmask.calibration/1";

/// A file with more bytes is something else: a line per tensor is all there is.
const LIMIT_BYTES: u64 = 64 << 20;

/// Ranges of a graph's values, and where they come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// [`SCHEMA`].
    pub schema: String,
    /// Name and version of the program that wrote it.
    pub tool: String,
    /// File name of the model.
    pub model: String,
    /// SHA-256 of the model's graph, hexadecimal.
    pub graph_sha256: String,
    /// How ranges were chosen.
    pub method: RangeMethod,
    /// Share of values inside the range, percent; for [`RangeMethod::Percentile`] only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
    /// Whether checks of the frames were overruled.
    pub forced: bool,
    /// The frames, in the order of their names.
    pub frames: Vec<CalibrationFrame>,
    /// The ranges, in the order of their names.
    pub tensors: Vec<TensorScale>,
}

/// A frame that ranges were taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationFrame {
    /// File name.
    pub name: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// The range of a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorScale {
    /// Name in the graph.
    pub name: String,
    /// Smallest value seen.
    pub min: f32,
    /// Largest value seen.
    pub max: f32,
    /// The chosen range is `[-range, range]`; the scale of INT8 is `range / 127`.
    pub range: f64,
    /// Signal to quantisation noise in this range, dB; absent where there is no signal or noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqnr_db: Option<f64>,
}

impl Calibration {
    /// The range of the value `tensor`.
    pub fn range(&self, tensor: &str) -> Option<f64> {
        self.tensor(tensor).map(|t| t.range)
    }

    /// All about the value `tensor`.
    pub fn tensor(&self, tensor: &str) -> Option<&TensorScale> {
        // Sorted when read and when made.
        let at = self
            .tensors
            .binary_search_by(|t| t.name.as_str().cmp(tensor));
        at.ok().map(|i| &self.tensors[i])
    }

    /// The file's text.
    pub fn to_toml(&self) -> String {
        // All keys are plain and all values numbers or text: there is nothing to refuse.
        toml::to_string(self).unwrap_or_default()
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), QuantizeError> {
        Ok(write_file(path, self.to_toml().as_bytes())?)
    }

    /// Reads the file `path`.
    ///
    /// # Errors
    /// [`QuantizeError::NotCalibration`]: unreadable, of another kind or version, or with ranges that make
    /// no sense.
    pub fn read(path: &Path) -> Result<Self, QuantizeError> {
        let refuse = |what: String| QuantizeError::NotCalibration {
            path: path.to_owned(),
            what,
        };
        let text = read_regular_text(path, LIMIT_BYTES).map_err(|e| refuse(e.to_string()))?;
        Self::parse(&text).map_err(refuse)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut read: Self =
            toml::from_str(without_bom(text)).map_err(|e| e.to_string().trim().to_owned())?;
        if read.schema != SCHEMA {
            return Err(format!("its schema is `{}`, not `{SCHEMA}`", read.schema));
        }
        for tensor in &read.tensors {
            if !(tensor.range >= 0.0 && tensor.range <= f64::from(f32::MAX)) {
                return Err(format!(
                    "the range of `{}` is {}",
                    tensor.name, tensor.range
                ));
            }
        }
        read.tensors.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = read.tensors.windows(2).find(|p| p[0].name == p[1].name) {
            return Err(format!("`{}` is in it twice", pair[0].name));
        }
        Ok(read)
    }

    /// Refuses a calibration of another graph.
    ///
    /// # Errors
    /// [`QuantizeError::OtherGraph`], with both hashes.
    pub fn check_graph(&self, hash: &str) -> Result<(), QuantizeError> {
        if self.graph_sha256 == hash {
            return Ok(());
        }
        Err(QuantizeError::OtherGraph {
            calibrated: self.graph_sha256.clone(),
            model: hash.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Calibration {
        let tensor = |name: &str, range| TensorScale {
            name: name.into(),
            min: -0.25,
            max: 1.5,
            range,
            sqnr_db: Some(41.25),
        };
        Calibration {
            schema: SCHEMA.into(),
            tool: "unmask 0.1.0".into(),
            model: "model.onnx".into(),
            graph_sha256: "ab".repeat(32),
            method: RangeMethod::Entropy,
            percentile: None,
            forced: false,
            frames: vec![CalibrationFrame {
                name: "a.png".into(),
                sha256: "cd".repeat(32),
            }],
            tensors: vec![tensor("a.out", 1.25), tensor("b/c", 0.1)],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        let calibration = example();
        calibration.write(&path).unwrap();
        let back = Calibration::read(&path).unwrap();
        assert_eq!(back, calibration);
        assert_eq!(back.range("b/c"), Some(0.1));
        assert_eq!(back.range("c"), None);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("method = \"entropy\""), "{text}");
    }

    #[test]
    fn damaged_files_are_refused_with_their_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        let good = example().to_toml();
        let cases = [
            (
                good.replace("calibration/1", "calibration/9"),
                "calibration/9",
            ),
            (good.replace("range = 1.25", "range = nan"), "a.out"),
            (good.replace("range = 1.25", "range = -1.0"), "a.out"),
            (good.replace("b/c", "a.out"), "twice"),
            (good.replace("graph_sha256", "graph"), "graph"),
            (good[..good.len() / 2].to_owned(), "c.toml"),
        ];
        for (text, said) in cases {
            assert_ne!(text, good);
            std::fs::write(&path, text).unwrap();
            let error = Calibration::read(&path).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("c.toml"), "{error}");
        }
        let error = Calibration::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("not a calibration file"), "{error}");
    }

    #[test]
    fn another_graph_is_refused_with_both_hashes() {
        let calibration = example();
        calibration.check_graph(&"ab".repeat(32)).unwrap();
        let error = calibration.check_graph("77").unwrap_err().to_string();
        assert!(
            error.contains(&"ab".repeat(32)) && error.contains("77"),
            "{error}"
        );
    }
}
