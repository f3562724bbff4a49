//! What a foreign model says about itself: `model.toml`, HuggingFace's labels, Cityscapes.

use crate::Error;
use crate::checkpoint::Facts;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Classes of Cityscapes by training index; Mask2Anomaly's and Mask2Former's checkpoints with 19
/// classes have these.
pub const CITYSCAPES: [&str; 19] = [
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
];
/// What the paper's refinement may take for background: building to sky.
const CITYSCAPES_STUFF: std::ops::RangeInclusive<usize> = 2..=10;
/// ImageNet's mean and deviation of red, green and blue on the scale 0 to 255.
const MEAN: [f32; 3] = [123.675, 116.28, 103.53];
const STD: [f32; 3] = [58.395, 57.12, 57.375];
/// The size that Mask2Former's Cityscapes models see in training.
const SIZE: &str = "512x1024";

/// A class, by index or by name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Class {
    Index(usize),
    Name(String),
}

/// The part of a `model.toml` that speaks of a model's facts; the rest is left to others.
#[derive(Debug, Default, Deserialize)]
struct File {
    classes: Option<Vec<String>>,
    road: Option<Vec<Class>>,
    stuff: Option<Vec<Class>>,
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
    threshold: Option<f32>,
}

/// The facts of a model with `classes` classes in the checkpoint `path`: from the file `given`, or
/// from a `model.toml` beside the checkpoint, else from `labels`, else Cityscapes' where the
/// number of classes is its.
///
/// # Errors
/// A file that cannot be read, a fact that cannot be, classes that nobody names.
pub(super) fn read(
    path: &Path,
    given: Option<&Path>,
    classes: usize,
    labels: Option<Vec<String>>,
) -> Result<Facts, Error> {
    let beside = path.with_file_name("model.toml");
    let file: Option<PathBuf> = match given {
        Some(file) => Some(file.to_owned()),
        None => beside.is_file().then_some(beside),
    };
    let said = match &file {
        Some(file) => open(file)?,
        None => File::default(),
    };
    let source = file.as_deref().unwrap_or(path);
    let names = said
        .classes
        .or(labels)
        .or_else(|| (classes == CITYSCAPES.len()).then(|| CITYSCAPES.map(str::to_owned).to_vec()));
    let names = names.ok_or_else(|| Error::Key {
        path: path.to_owned(),
        key: "classes".to_owned(),
        what: format!(
            "are not named: the model has {classes}; write `classes = [\"road\", …]`, `road = \
             [\"road\"]` and `stuff = [\"sky\", …]` into a file and give it with --facts"
        ),
    })?;
    let same = |(a, b): (&String, &&str)| a.eq_ignore_ascii_case(b);
    let cityscapes = names.len() == CITYSCAPES.len() && names.iter().zip(&CITYSCAPES).all(same);
    let indices = |key: &str, list: Vec<Class>| -> Result<Vec<usize>, Error> {
        let index = |class| match class {
            Class::Index(index) => Ok(index),
            Class::Name(name) => {
                let found = names.iter().position(|n| *n == name);
                found.ok_or_else(|| Error::Key {
                    path: source.to_owned(),
                    key: key.to_owned(),
                    what: format!("holds `{name}`, which is none of the {classes} classes"),
                })
            }
        };
        list.into_iter().map(index).collect()
    };
    let road = said.road.map(|list| indices("road", list)).transpose()?;
    let road = road.unwrap_or_else(|| {
        let roads = names.iter().enumerate();
        let roads = roads.filter(|(_, name)| name.eq_ignore_ascii_case("road"));
        roads.map(|(index, _)| index).collect()
    });
    let stuff = said.stuff.map(|list| indices("stuff", list)).transpose()?;
    let stuff = stuff.unwrap_or_else(|| match cityscapes {
        true => CITYSCAPES_STUFF.collect(),
        false => Vec::new(),
    });
    let mut pairs = BTreeMap::from([
        (
            "unmask.mean",
            serde_json::json!(said.mean.unwrap_or(MEAN)).to_string(),
        ),
        (
            "unmask.std",
            serde_json::json!(said.std.unwrap_or(STD)).to_string(),
        ),
        ("unmask.classes", serde_json::json!(names).to_string()),
        ("unmask.road", serde_json::json!(road).to_string()),
        ("unmask.stuff", serde_json::json!(stuff).to_string()),
        ("unmask.size", SIZE.to_owned()),
    ]);
    if let Some(threshold) = said.threshold {
        pairs.insert("unmask.threshold", threshold.to_string());
    }
    let lookup = |name: &str| pairs.get(name).map(String::as_str);
    Facts::from_lookup(classes, lookup).map_err(|(name, what)| Error::Key {
        path: source.to_owned(),
        key: name.trim_start_matches("unmask.").to_owned(),
        what,
    })
}

fn open(path: &Path) -> Result<File, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|e| Error::Option {
        what: format!(
            "{} cannot be read: {}; give classes, road, stuff, mean, std, threshold",
            path.display(),
            e.message()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmask_frame::Size;

    fn facts(text: Option<&str>, classes: usize, labels: Option<&[&str]>) -> Result<Facts, String> {
        let dir = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            fs::write(dir.path().join("model.toml"), text).unwrap();
        }
        let labels = labels.map(|l| l.iter().map(|s| (*s).to_owned()).collect());
        read(&dir.path().join("c.pth"), None, classes, labels).map_err(|e| e.to_string())
    }

    #[test]
    fn nineteen_classes_are_those_of_cityscapes() {
        let facts = facts(None, 19, None).unwrap();
        assert_eq!(facts.classes, CITYSCAPES);
        assert_eq!(facts.road, [0]);
        assert_eq!(facts.stuff, (2..=10).collect::<Vec<_>>());
        assert_eq!(facts.size, Size::new(1024, 512));
        assert_eq!((facts.mean, facts.threshold), (MEAN, None));
    }

    #[test]
    fn labels_and_a_file_say_otherwise() {
        let labelled = facts(None, 2, Some(&["Sky", "Road"])).unwrap();
        assert_eq!((labelled.road, labelled.stuff), (vec![1], vec![]));
        let text = "classes = [\"way\", \"wood\"]\nroad = [\"way\"]\nstuff = [1]\nmean = [1, 2, 3]\n\
                    std = [4, 5, 6]\nthreshold = 0.5\n[output]\nclass = \"c\"\n";
        let said = facts(Some(text), 2, Some(&["Sky", "Road"])).unwrap();
        assert_eq!(said.classes, ["way", "wood"]);
        assert_eq!((said.road, said.stuff), (vec![0], vec![1]));
        assert_eq!((said.mean, said.std), ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]));
        assert_eq!(said.threshold, Some(0.5));
    }

    #[test]
    fn what_is_unknown_or_cannot_be_is_named() {
        let error = facts(None, 65, None).unwrap_err();
        assert!(
            error.contains("the model has 65") && error.contains("--facts"),
            "{error}"
        );
        let error = facts(Some("road = [7]"), 2, Some(&["a", "b"])).unwrap_err();
        assert!(error.contains("model.toml: `road` holds 7"), "{error}");
        let error = facts(Some("stuff = [\"c\"]"), 2, Some(&["a", "b"])).unwrap_err();
        assert!(error.contains("`stuff` holds `c`"), "{error}");
        let error = facts(Some("classes = [\"a\"]"), 2, None).unwrap_err();
        assert!(error.contains("`classes` names 1 classes"), "{error}");
        let error = facts(Some("classes = 5"), 2, None).unwrap_err();
        assert!(error.contains("model.toml cannot be read"), "{error}");
        let missing = read(Path::new("c.pth"), Some(Path::new("none.toml")), 19, None);
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("cannot read none.toml")
        );
    }
}
