//! Metadata of an imported model: `model.toml`, HuggingFace's labels, Cityscapes.

use crate::GraphError;
use crate::checkpoint::{CheckpointMetadata, parse_size};
use std::path::Path;
use unmask_model::{ClassReference, WrittenMetadata, describe};

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

/// The metadata of a model with `classes` classes in the checkpoint `path`: from the file `given`, or
/// from a `model.toml` next to the checkpoint, else from `labels`, else Cityscapes' where the
/// number of classes is its.
///
/// # Errors
/// A file that cannot be read, a fact that cannot be, classes that nobody names, none of them
/// called `road` where the file does not say what one drives on.
pub(super) fn read(
    path: &Path,
    given: Option<&Path>,
    classes: usize,
    labels: Option<Vec<String>>,
) -> Result<CheckpointMetadata, GraphError> {
    let beside = path.with_file_name("model.toml");
    let (mut written, source) = match given {
        Some(file) => (WrittenMetadata::from_toml(file)?, file),
        None if beside.is_file() => (WrittenMetadata::from_toml(&beside)?, &*beside),
        None => (WrittenMetadata::default(), path),
    };
    let wrong = |key: &str, what: String| GraphError::Key {
        path: path.to_owned(),
        key: key.to_owned(),
        what,
    };
    let names =
        written.classes.take().or(labels).or_else(|| {
            (classes == CITYSCAPES.len()).then(|| CITYSCAPES.map(str::to_owned).to_vec())
        });
    let names = names.ok_or_else(|| {
        wrong(
            "classes",
            format!(
                "are not named: the model has {classes}; write `classes = [\"road\", …]`, `road = \
                 [\"road\"]` and `stuff = [\"sky\", …]` into a file and give it with --facts"
            ),
        )
    })?;
    let same = |(a, b): (&String, &&str)| a.eq_ignore_ascii_case(b);
    let cityscapes = names.len() == CITYSCAPES.len() && names.iter().zip(&CITYSCAPES).all(same);
    if written.road.is_none() {
        let roads = names.iter().enumerate();
        let roads = roads.filter(|(_, name)| name.eq_ignore_ascii_case("road"));
        let roads: Vec<ClassReference> = roads
            .map(|(index, _)| ClassReference::Index(index))
            .collect();
        if roads.is_empty() {
            let what = "is not known: none of its classes is called `road`; write what one drives \
                        on, `road = [\"…\"]`, into a file and give it with --facts";
            return Err(wrong("road", what.to_owned()));
        }
        written.road = Some(roads);
    }
    let stuff = if cityscapes {
        CITYSCAPES_STUFF.map(ClassReference::Index).collect()
    } else {
        Vec::new()
    };
    written.stuff = written.stuff.or(Some(stuff));
    written.classes = Some(names);
    written.mean = written.mean.or(Some(MEAN.to_vec()));
    written.std = written.std.or(Some(STD.to_vec()));
    let described = describe(source, written, classes)?;
    let size = parse_size(SIZE).map_err(|what| wrong("size", what))?;
    Ok(CheckpointMetadata::new(described, size, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use unmask_frame::Size;

    fn metadata(
        text: Option<&str>,
        classes: usize,
        labels: Option<&[&str]>,
    ) -> Result<CheckpointMetadata, String> {
        let dir = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            fs::write(dir.path().join("model.toml"), text).unwrap();
        }
        let labels = labels.map(|l| l.iter().map(|s| (*s).to_owned()).collect());
        read(&dir.path().join("c.pth"), None, classes, labels).map_err(|e| e.to_string())
    }

    #[test]
    fn nineteen_classes_are_those_of_cityscapes() {
        let metadata = metadata(None, 19, None).unwrap();
        assert_eq!(metadata.classes, CITYSCAPES);
        assert_eq!(metadata.road, [0]);
        assert_eq!(metadata.stuff, (2..=10).collect::<Vec<_>>());
        assert_eq!(metadata.size, Size::new(1024, 512));
        assert_eq!((metadata.mean, metadata.threshold), (MEAN, None));
    }

    #[test]
    fn labels_and_a_file_say_otherwise() {
        let labelled = metadata(None, 2, Some(&["Sky", "Road"])).unwrap();
        assert_eq!((labelled.road, labelled.stuff), (vec![1], vec![]));
        let text = "classes = [\"way\", \"wood\"]\nroad = [\"way\"]\nstuff = [1]\nmean = [1, 2, 3]\n\
                    std = [4, 5, 6]\nthreshold = 0.5\n[outputs]\nclass_logits = \"c\"\n";
        let said = metadata(Some(text), 2, Some(&["Sky", "Road"])).unwrap();
        assert_eq!(said.classes, ["way", "wood"]);
        assert_eq!((said.road, said.stuff), (vec![0], vec![1]));
        assert_eq!((said.mean, said.std), ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]));
        assert_eq!(said.threshold, Some(0.5));
    }

    #[test]
    fn metadata_on_the_unit_scale_is_scaled() {
        let text = "road = [0]\nmean = [0.4, 0.5, 0.6]\nstd = [0.2, 0.25, 0.2]\n";
        let said = metadata(Some(text), 2, Some(&["a", "b"])).unwrap();
        assert_eq!(said.std, [51.0, 63.75, 51.0]);
    }

    #[test]
    fn what_is_unknown_or_cannot_be_is_named() {
        let error = metadata(None, 65, None).unwrap_err();
        assert!(
            error.contains("the model has 65") && error.contains("--facts"),
            "{error}"
        );
        let error = metadata(None, 2, Some(&["a", "b"])).unwrap_err();
        assert!(
            error.contains("`road` is not known") && error.contains("--facts"),
            "{error}"
        );
        let error = metadata(Some("road = [7]"), 2, Some(&["a", "b"])).unwrap_err();
        assert!(
            error.contains("model.toml, key road: `7` is none of"),
            "{error}"
        );
        let error =
            metadata(Some("road = [0]\nstuff = [\"c\"]"), 2, Some(&["a", "b"])).unwrap_err();
        assert!(error.contains("key stuff: `c` is none of"), "{error}");
        let error = metadata(Some("classes = [\"road\"]"), 2, None).unwrap_err();
        assert!(error.contains("key classes: 1 names"), "{error}");
        let error = metadata(Some("classes = 5"), 2, None).unwrap_err();
        assert!(
            error.contains("cannot read") && error.contains("model.toml"),
            "{error}"
        );
        let missing = read(Path::new("c.pth"), Some(Path::new("none.toml")), 19, None);
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("cannot read none.toml")
        );
    }
}
