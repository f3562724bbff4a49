//! Metadata of a model, in a checkpoint's header and in a model's `metadata_props`.

use std::path::Path;
use unmask_frame::Size;
use unmask_model::{MetadataError, ModelDescription, WrittenMetadata, describe};

/// Longest side of a picture that a network is made for, px.
const SIDE_LIMIT_PX: usize = 8192;

/// Facts of a model, under the same names in checkpoints and in ONNX files.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointMetadata {
    /// `unmask.mean`: what is taken from red, green and blue, on the scale 0 to 255.
    pub mean: [f32; 3],
    /// `unmask.std`: what they are then divided by.
    pub std: [f32; 3],
    /// `unmask.classes`: names of the known classes, by index.
    pub classes: Vec<String>,
    /// `unmask.road`: indices of the classes that one drives on.
    pub road: Vec<usize>,
    /// `unmask.stuff`: indices of the classes whose confident masks refine the score.
    pub stuff: Vec<usize>,
    /// `unmask.size`, `HxW`: the size of the input.
    pub size: Size,
    /// `unmask.threshold`: the score above which a pixel counts as anomalous.
    pub threshold: Option<f32>,
    /// `unmask.recipe`: how it was trained, as the training wrote it.
    pub recipe: Option<String>,
}

impl CheckpointMetadata {
    /// Reads the metadata of a network with `classes` known classes; `lookup` gives the text under a
    /// name.
    ///
    /// # Errors
    /// The name of the first fact that is missing or cannot be, and what is wrong with it.
    pub fn from_lookup<'a>(
        classes: usize,
        lookup: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, (String, String)> {
        let size = lookup("unmask.size").ok_or_else(|| missing("unmask.size"))?;
        let size = parse_size(size).map_err(|what| ("unmask.size".to_owned(), what))?;
        let nowhere = Path::new("");
        let described = WrittenMetadata::from_metadata(nowhere, &lookup)
            .and_then(|written| describe(nowhere, written, classes));
        let described = described.map_err(|error| match error {
            MetadataError::Missing { missing: names, .. } => {
                missing(names.first().map_or("unmask", String::as_str))
            }
            MetadataError::Value { key, reason, .. } => (key, reason),
            other @ MetadataError::Sidecar { .. } => ("unmask".to_owned(), other.to_string()),
        })?;
        let recipe = lookup("unmask.recipe").map(str::to_owned);
        Ok(Self::new(described, size, recipe))
    }

    /// The metadata of a network that is described, with the size of its input.
    pub(crate) fn new(described: ModelDescription, size: Size, recipe: Option<String>) -> Self {
        let ModelDescription {
            mean,
            std,
            classes,
            road,
            stuff,
            threshold,
        } = described;
        Self {
            mean,
            std,
            classes,
            road,
            stuff,
            size,
            threshold,
            recipe,
        }
    }

    /// The metadata by name, as text.
    pub fn to_pairs(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("unmask.mean", serde_json::json!(self.mean).to_string()),
            ("unmask.std", serde_json::json!(self.std).to_string()),
            (
                "unmask.classes",
                serde_json::json!(self.classes).to_string(),
            ),
            ("unmask.road", serde_json::json!(self.road).to_string()),
            ("unmask.stuff", serde_json::json!(self.stuff).to_string()),
            ("unmask.size", format!("{}x{}", self.size.h, self.size.w)),
        ];
        if let Some(threshold) = self.threshold {
            pairs.push(("unmask.threshold", threshold.to_string()));
        }
        if let Some(recipe) = &self.recipe {
            pairs.push(("unmask.recipe", recipe.clone()));
        }
        pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
    }
}

fn missing(name: &str) -> (String, String) {
    (
        name.to_owned(),
        "is missing from the file's metadata".to_owned(),
    )
}

/// Reads `HxW`, both multiples of 32 from 32 to 8192 px, as the network needs them.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_size(text: &str) -> Result<Size, String> {
    let sides = text
        .split_once('x')
        .and_then(|(h, w)| Some((h.trim().parse().ok()?, w.trim().parse().ok()?)));
    let Some((h, w)) = sides else {
        return Err(format!(
            "is `{text}`: give height and width as HxW, 256x512 say"
        ));
    };
    let fits = |side: usize| (32..=SIDE_LIMIT_PX).contains(&side) && side.is_multiple_of(32);
    if fits(h) && fits(w) {
        Ok(Size::new(w, h))
    } else {
        Err(format!(
            "is `{text}`: height and width must be multiples of 32 from 32 to {SIDE_LIMIT_PX}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> CheckpointMetadata {
        CheckpointMetadata {
            mean: [123.675, 116.28, 103.53],
            std: [58.395, 57.12, 57.375],
            classes: vec!["road".into(), "sky \"blue\"".into()],
            road: vec![0],
            stuff: vec![1],
            size: Size::new(512, 256),
            threshold: Some(0.25),
            recipe: Some("{\"seed\": 7}".into()),
        }
    }

    fn read(pairs: &[(String, String)]) -> Result<CheckpointMetadata, (String, String)> {
        CheckpointMetadata::from_lookup(2, |name| {
            pairs
                .iter()
                .find(|(k, _)| k == name)
                .map(|(_, v)| v.as_str())
        })
    }

    #[test]
    fn metadata_survives_writing_and_reading() {
        let pairs = metadata().to_pairs();
        assert_eq!(read(&pairs).unwrap(), metadata());
        assert!(pairs.contains(&("unmask.size".into(), "256x512".into())));
        let bare = CheckpointMetadata {
            threshold: None,
            recipe: None,
            ..metadata()
        };
        assert_eq!(read(&bare.to_pairs()).unwrap(), bare);
    }

    #[test]
    fn every_missing_fact_is_named() {
        for name in ["mean", "std", "classes", "road", "stuff", "size"] {
            let name = format!("unmask.{name}");
            let mut pairs = metadata().to_pairs();
            pairs.retain(|(k, _)| *k != name);
            let (key, what) = read(&pairs).unwrap_err();
            assert_eq!(key, name);
            assert!(what.contains("missing"), "{what}");
        }
    }

    #[test]
    fn every_fact_that_cannot_be_is_named() {
        for (name, text, says) in [
            ("mean", "[1, 2]", "three finite numbers"),
            ("mean", "[1, 2, 1e60]", "finite"),
            ("std", "[1, 0, 1]", "above 0"),
            ("std", "nonsense", "not a list of three numbers"),
            ("classes", "[\"road\"]", "1 names, but the network knows 2"),
            ("road", "[2]", "`2` is none of the 2 classes"),
            ("stuff", "[-1]", "not a list of class names or indices"),
            ("size", "256", "HxW"),
            ("size", "250x512", "multiples of 32"),
            ("size", "0x512", "multiples of 32"),
            ("size", "256x16384", "multiples of 32"),
            ("threshold", "high", "not a number"),
            ("threshold", "1e60", "not a finite number"),
        ] {
            let name = format!("unmask.{name}");
            let mut pairs = metadata().to_pairs();
            for pair in pairs.iter_mut().filter(|(k, _)| *k == name) {
                pair.1 = text.to_owned();
            }
            let (key, what) = read(&pairs).unwrap_err();
            assert_eq!(key, name, "{text}");
            assert!(what.contains(says), "{name} = {text}: {what}");
        }
    }
}
