//! Metadata as written in a model file, a checkpoint, or `model.toml`.

use super::MetadataError;
use serde::Deserialize;
use std::path::Path;
use unmask_frame::{read_regular_text, without_bom};

/// Name of the file next to a model.
pub(super) const SIDECAR: &str = "model.toml";

/// `model.toml` is a page of text; more than this is something else.
const SIDECAR_LIMIT_BYTES: u64 = 1 << 20;

/// Names of a foreign model's outputs: the table `[outputs]` of model.toml, or the object under
/// `unmask.outputs` in a file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputNames {
    /// Class logits `[1, Q, K + 1]`.
    pub class_logits: Option<String>,
    /// Mask logits `[1, Q, h, w]`.
    pub mask_logits: Option<String>,
    /// Per-pixel logits `[1, C, h, w]`.
    pub logits: Option<String>,
    /// Read by `prepare` only.
    pub query_embedding: Option<String>,
}

impl OutputNames {
    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A class, by index or by name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum ClassReference {
    /// By index.
    Index(usize),
    /// By name.
    Name(String),
}

/// The metadata as they were written, from one place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenMetadata {
    /// Mean of red, green, blue, on the scale 0–255 or 0–1.
    pub mean: Option<Vec<f32>>,
    /// Standard deviation of red, green, blue, on the same scale.
    pub std: Option<Vec<f32>>,
    /// Names of the known classes.
    pub classes: Option<Vec<String>>,
    /// Classes one drives on.
    pub road: Option<Vec<ClassReference>>,
    /// Classes that mask refinement may suppress.
    pub stuff: Option<Vec<ClassReference>>,
    /// Score above which a cell counts as anomalous.
    pub threshold: Option<f32>,
    /// Column of "no object".
    pub no_object: Option<usize>,
    /// Names of the outputs, where they are not the contract's.
    #[serde(default)]
    pub outputs: OutputNames,
}

impl WrittenMetadata {
    /// Reads `metadata_props`. Lists are JSON arrays, or text with commas.
    pub fn from_metadata<'a>(
        model: &Path,
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, MetadataError> {
        let read = |key: &'static str| get(key).map(|text| (key, text.trim()));
        let bad = |key: &str, text: &str, wanted: &str| MetadataError::Value {
            place: model.to_path_buf(),
            key: key.to_string(),
            reason: format!("`{}` is not {wanted}", shorten(text)),
        };
        let numbers = |key| {
            read(key)
                .map(|(key, text)| {
                    list::<f32>(text, |s| s.parse().ok())
                        .ok_or_else(|| bad(key, text, "a list of three numbers"))
                })
                .transpose()
        };
        let classes = |key| {
            read(key)
                .map(|(key, text)| {
                    list::<ClassReference>(text, |s| Some(class_of(s)))
                        .ok_or_else(|| bad(key, text, "a list of class names or indices"))
                })
                .transpose()
        };
        Ok(Self {
            mean: numbers("unmask.mean")?,
            std: numbers("unmask.std")?,
            classes: read("unmask.classes")
                .map(|(key, text)| {
                    list::<String>(text, |s| Some(s.to_string()))
                        .ok_or_else(|| bad(key, text, "a list of class names"))
                })
                .transpose()?,
            road: classes("unmask.road")?,
            stuff: classes("unmask.stuff")?,
            threshold: read("unmask.threshold")
                .map(|(key, text)| text.parse().map_err(|_| bad(key, text, "a number")))
                .transpose()?,
            no_object: read("unmask.no_object")
                .map(|(key, text)| text.parse().map_err(|_| bad(key, text, "a column's index")))
                .transpose()?,
            outputs: read("unmask.outputs")
                .map(|(key, text)| {
                    serde_json::from_str(text)
                        .map_err(|_| bad(key, text, "an object of output names"))
                })
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// Number of class names written.
    pub fn class_count(&self) -> usize {
        self.classes.as_ref().map_or(0, Vec::len)
    }

    /// Reads `model.toml` next to `model`; nothing written where there is no such file.
    ///
    /// # Errors
    /// As [`WrittenMetadata::from_toml`].
    pub fn from_sidecar(model: &Path) -> Result<Self, MetadataError> {
        let path = model.with_file_name(SIDECAR);
        match std::fs::metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            _ => Self::from_toml(&path),
        }
    }

    /// Reads the TOML file `path`.
    ///
    /// # Errors
    /// It cannot be read, is too large, or holds an unknown key.
    pub fn from_toml(path: &Path) -> Result<Self, MetadataError> {
        let refuse = |reason: String| MetadataError::Sidecar {
            path: path.to_owned(),
            reason,
        };
        let text =
            read_regular_text(path, SIDECAR_LIMIT_BYTES).map_err(|e| refuse(e.to_string()))?;
        toml::from_str(without_bom(&text))
            .map_err(|e| refuse(e.to_string().trim_end().replace('\n', " ")))
    }

    /// Whether nothing is missing that a file must bring.
    pub fn is_complete(&self) -> bool {
        self.mean.is_some()
            && self.std.is_some()
            && self.classes.is_some()
            && self.road.is_some()
            && self.stuff.is_some()
    }
}

/// Reads `[…]` as JSON, anything else as text with commas. Empty text is an empty list.
pub(super) fn list<T: serde::de::DeserializeOwned>(
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    if text.starts_with('[') {
        return serde_json::from_str(text).ok();
    }
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(|part| parse(part.trim())).collect()
}

fn class_of(text: &str) -> ClassReference {
    text.parse().map_or_else(
        |_| ClassReference::Name(text.to_string()),
        ClassReference::Index,
    )
}

/// The first 60 characters: a foreign file may hold anything.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
