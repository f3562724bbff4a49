//! What is known about a model besides its graph: colours, classes, threshold.
//!
//! The facts travel inside the ONNX file (`metadata_props`, keys `unmask.*`). For files made
//! elsewhere they may lie in `model.toml` beside the file; a key in the file wins over the same
//! key in `model.toml`. Nothing is guessed: wrong mean or class order gives wrong scores silently.

mod prepared;
#[cfg(test)]
mod tests;

pub use prepared::Head;
pub use prepared::{PreparedFacts, prepared};

use super::camera_input::CameraInput;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use unmask_frame::Size;

/// Values of std up to this one mean that mean and std are on the scale 0–1.
const UNIT_SCALE_STD: f32 = 1.5;

/// Name of the file beside a model.
const BESIDE: &str = "model.toml";

/// `model.toml` is a page of text; more than this is something else.
const BESIDE_LIMIT_BYTES: u64 = 1 << 20;

/// What the network gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
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
    /// Score and class a cell: a prepared graph.
    Map {
        /// Number of known classes.
        known: usize,
        /// Grid of the maps, cells.
        size: Size,
    },
}

impl Output {
    /// The grid of the output, cells.
    pub fn size(&self) -> Size {
        match *self {
            Output::Mask { size, .. } | Output::Pixel { size, .. } | Output::Map { size, .. } => {
                size
            }
        }
    }

    /// Number of known classes.
    pub fn known(&self) -> usize {
        match *self {
            Output::Mask { known, .. } | Output::Map { known, .. } => known,
            Output::Pixel { classes, .. } => classes,
        }
    }
}

/// Everything about a model that its user needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
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
    /// Column of the class logits that stands for "no object"; the last one, unless the facts
    /// say otherwise. Known classes are the other columns, in order. None without class logits.
    pub no_object: Option<usize>,
    /// How the score is computed, where the graph computes it: a prepared graph.
    pub head: Option<Head>,
    /// What a prepared graph wants of the camera.
    pub camera: Option<CameraInput>,
    /// Size of the network's input, px.
    pub input: Size,
    /// What the network gives.
    pub output: Output,
    /// SHA-256 of the model file, hexadecimal.
    pub sha256: String,
}

/// What can be wrong with a model's facts.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FactsError {
    /// Neither the file nor `model.toml` has them.
    #[error(
        "the model {model} lacks {}. Give them inside the file (metadata_props), or in {beside}, \
         for example: mean = [123.7, 116.3, 103.5], std = [58.4, 57.1, 57.4], \
         classes = [\"road\", \"sky\"], road = [\"road\"], stuff = [\"sky\"]",
        .missing.join(", ")
    )]
    Missing {
        /// The model file.
        model: PathBuf,
        /// Where `model.toml` would be.
        beside: PathBuf,
        /// The missing keys, as they are called in `metadata_props`.
        missing: Vec<String>,
    },
    /// A value cannot be read or makes no sense.
    #[error("{place}, key {key}: {reason}")]
    Value {
        /// The file.
        place: PathBuf,
        /// The key in it.
        key: String,
        /// What is wrong and what was wanted.
        reason: String,
    },
    /// `model.toml` is there but cannot be read.
    #[error(
        "cannot read {path}: {reason}. Known keys: mean, std, classes, road, stuff, threshold, \
         no_object, and the table [outputs] with class_logits, mask_logits, logits, \
         query_embedding"
    )]
    Beside {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
}

/// Names of a foreign model's outputs.
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

/// A class, by index or by name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Class {
    Index(usize),
    Name(String),
}

/// The facts as they were written, from one place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    mean: Option<Vec<f32>>,
    std: Option<Vec<f32>>,
    classes: Option<Vec<String>>,
    road: Option<Vec<Class>>,
    stuff: Option<Vec<Class>>,
    threshold: Option<f32>,
    no_object: Option<usize>,
    /// Names of the outputs, where they are not the contract's.
    #[serde(default)]
    pub outputs: OutputNames,
}

impl Written {
    /// Reads `metadata_props`. Lists are JSON arrays, or text with commas.
    pub fn from_metadata<'a>(
        model: &Path,
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, FactsError> {
        let read = |key: &'static str| get(key).map(|text| (key, text.trim()));
        let bad = |key: &str, text: &str, wanted: &str| FactsError::Value {
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
                    list::<Class>(text, |s| Some(class_of(s)))
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
            outputs: OutputNames::default(),
        })
    }

    /// Number of class names written.
    pub fn class_count(&self) -> usize {
        self.classes.as_ref().map_or(0, Vec::len)
    }

    /// Reads `model.toml` beside `model`; nothing written where there is no such file.
    pub fn from_beside(model: &Path) -> Result<Self, FactsError> {
        let path = model.with_file_name(BESIDE);
        let refuse = |reason: String| FactsError::Beside {
            path: path.clone(),
            reason,
        };
        match std::fs::metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(refuse(e.to_string())),
            Ok(found) if found.len() > BESIDE_LIMIT_BYTES => {
                return Err(refuse(format!(
                    "{} bytes are no page of facts",
                    found.len()
                )));
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(&path).map_err(|e| refuse(e.to_string()))?;
        toml::from_str(&text).map_err(|e| refuse(e.to_string().trim_end().replace('\n', " ")))
    }

    /// Whether nothing is missing that a file must bring.
    pub fn is_whole(&self) -> bool {
        self.mean.is_some()
            && self.std.is_some()
            && self.classes.is_some()
            && self.road.is_some()
            && self.stuff.is_some()
    }
}

/// The parts of [`Facts`] that were measured rather than written.
pub struct Measured {
    /// Size of the network's input, px.
    pub input: Size,
    /// Form and grid of the output.
    pub output: Output,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What a prepared graph says of itself.
    pub prepared: Option<PreparedFacts>,
}

/// Puts together what the file says, what `model.toml` adds, and what was measured.
///
/// # Errors
/// A value is missing, or does not fit the network.
pub fn settle(
    model: &Path,
    inside: Written,
    beside: Written,
    measured: Measured,
) -> Result<Facts, FactsError> {
    let beside_path = model.with_file_name(BESIDE);
    let settle = Settle {
        model,
        beside: &beside_path,
    };
    let mean = settle.pick(inside.mean, beside.mean);
    let std = settle.pick(inside.std, beside.std);
    let classes = settle.pick(inside.classes, beside.classes);
    let road = settle.pick(inside.road, beside.road);
    let mut stuff = settle.pick(inside.stuff, beside.stuff);
    let no_object = settle.no_object(
        settle.pick(inside.no_object, beside.no_object),
        measured.output,
    )?;
    if matches!(measured.output, Output::Pixel { .. }) {
        // A per-pixel model has no masks to refine with: it need not say what is stuff.
        stuff = stuff.or(Some((Vec::new(), model)));
    }
    let missing: Vec<String> = [
        ("unmask.mean", mean.is_none()),
        ("unmask.std", std.is_none()),
        ("unmask.classes", classes.is_none()),
        ("unmask.road", road.is_none()),
        ("unmask.stuff", stuff.is_none()),
    ]
    .into_iter()
    .filter(|(_, gone)| *gone)
    .map(|(key, _)| key.to_string())
    .collect();
    let (Some(mean), Some(std), Some(classes), Some(road), Some(stuff)) =
        (mean, std, classes, road, stuff)
    else {
        return Err(FactsError::Missing {
            model: model.to_path_buf(),
            beside: beside_path,
            missing,
        });
    };
    let (mean, std) = settle.colours(mean, std)?;
    let classes = settle.classes(classes, measured.output.known())?;
    Ok(Facts {
        mean,
        std,
        road: settle.indices("road", road, &classes, 1)?,
        stuff: settle.indices("stuff", stuff, &classes, 0)?,
        threshold: settle.threshold(settle.pick(inside.threshold, beside.threshold))?,
        no_object,
        head: measured.prepared.map(|p| p.head),
        camera: measured.prepared.map(|p| p.camera),
        classes,
        input: measured.input,
        output: measured.output,
        sha256: measured.sha256,
    })
}

/// A value and the file it came from.
type From<'a, T> = (T, &'a Path);

struct Settle<'a> {
    model: &'a Path,
    beside: &'a Path,
}

impl<'a> Settle<'a> {
    fn pick<T>(&self, inside: Option<T>, beside: Option<T>) -> Option<From<'a, T>> {
        inside
            .map(|v| (v, self.model))
            .or(beside.map(|v| (v, self.beside)))
    }

    fn bad(&self, place: &Path, key: &str, reason: String) -> FactsError {
        let prefix = if place == self.model { "unmask." } else { "" };
        FactsError::Value {
            place: place.to_path_buf(),
            key: format!("{prefix}{key}"),
            reason,
        }
    }

    fn colours(
        &self,
        mean: From<'_, Vec<f32>>,
        std: From<'_, Vec<f32>>,
    ) -> Result<([f32; 3], [f32; 3]), FactsError> {
        let three = |key: &str, (values, place): From<'_, Vec<f32>>| {
            <[f32; 3]>::try_from(values.as_slice())
                .ok()
                .filter(|v| v.iter().all(|x| x.is_finite()))
                .ok_or_else(|| self.bad(place, key, "wanted three finite numbers (RGB)".into()))
        };
        let std_place = std.1;
        let (mean, std) = (three("mean", mean)?, three("std", std)?);
        if std.iter().any(|&s| s <= 0.0) {
            let reason = format!("{std:?}: every value must lie above 0");
            return Err(self.bad(std_place, "std", reason));
        }
        let unit = std.iter().all(|&s| s <= UNIT_SCALE_STD);
        let scale = if unit { 255.0 } else { 1.0 };
        Ok((mean.map(|v| v * scale), std.map(|v| v * scale)))
    }

    fn classes(
        &self,
        (classes, place): From<'_, Vec<String>>,
        known: usize,
    ) -> Result<Vec<String>, FactsError> {
        if classes.len() != known {
            let reason = format!("{} names, but the network knows {known}", classes.len());
            return Err(self.bad(place, "classes", reason));
        }
        for (i, name) in classes.iter().enumerate() {
            if name.trim().is_empty() || classes[..i].contains(name) {
                let reason = format!("name {i} (`{name}`) is empty or stands there twice");
                return Err(self.bad(place, "classes", reason));
            }
        }
        Ok(classes)
    }

    fn indices(
        &self,
        key: &str,
        (wanted, place): From<'_, Vec<Class>>,
        classes: &[String],
        least: usize,
    ) -> Result<Vec<usize>, FactsError> {
        let mut indices = Vec::with_capacity(wanted.len());
        for class in wanted {
            let found = match &class {
                Class::Index(i) => (*i < classes.len()).then_some(*i),
                Class::Name(name) => classes.iter().position(|c| c == name),
            };
            let Some(index) = found else {
                let shown = match class {
                    Class::Index(i) => i.to_string(),
                    Class::Name(name) => name,
                };
                let reason = format!(
                    "`{}` is none of the {} classes: {}",
                    shorten(&shown),
                    classes.len(),
                    shorten(&classes.join(", "))
                );
                return Err(self.bad(place, key, reason));
            };
            if !indices.contains(&index) {
                indices.push(index);
            }
        }
        if indices.len() < least {
            return Err(self.bad(place, key, "wanted at least one class".into()));
        }
        indices.sort_unstable();
        Ok(indices)
    }

    /// Column of "no object" of a mask model.
    fn no_object(
        &self,
        value: Option<From<'_, usize>>,
        output: Output,
    ) -> Result<Option<usize>, FactsError> {
        match (value, output) {
            (Some((column, place)), Output::Mask { known, .. }) if column > known => {
                let reason = format!("{column}, but the class logits have {} columns", known + 1);
                Err(self.bad(place, "no_object", reason))
            }
            (Some((_, place)), Output::Pixel { .. }) => Err(self.bad(
                place,
                "no_object",
                "only mask models have such a column; take the key out".into(),
            )),
            (value, Output::Mask { known, .. }) => Ok(Some(value.map_or(known, |v| v.0))),
            _ => Ok(None),
        }
    }

    fn threshold(&self, value: Option<From<'_, f32>>) -> Result<Option<f32>, FactsError> {
        match value {
            Some((t, place)) if !t.is_finite() => {
                Err(self.bad(place, "threshold", format!("{t} is not a finite number")))
            }
            other => Ok(other.map(|(t, _)| t)),
        }
    }
}

/// Reads `[…]` as JSON, anything else as text with commas. Empty text is an empty list.
fn list<T: serde::de::DeserializeOwned>(
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

fn class_of(text: &str) -> Class {
    text.parse()
        .map_or_else(|_| Class::Name(text.to_string()), Class::Index)
}

/// The first 60 characters: a foreign file may hold anything.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
