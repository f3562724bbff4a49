//! COCO instances JSON.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde::Deserialize;

use super::{CutSettings, FoundOutlier, OutlierCounts, OutlierPage, OutlierSet, cut_out};
use crate::data::DataError;

/// The byte order mark of UTF-8, which some editors write first.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads a COCO instances file and cuts its polygon objects from the pictures in `images`.
/// `exclude` names the categories to leave out, such as [`super::ROAD_CLASS_NAMES`]. Only pictures with
/// objects to keep are read, on all cores.
///
/// # Errors
/// [`DataError::Json`] and [`DataError::Annotation`] for the annotation file,
/// [`DataError::UnknownClass`] for a name in `exclude` that it does not have,
/// [`DataError::Read`], [`DataError::Decode`] and [`DataError::SizeMismatch`] for a picture,
/// [`DataError::Empty`] where no object is left.
pub fn read_coco(
    annotations: &Path,
    images: &Path,
    exclude: &[impl AsRef<str>],
    cut: &CutSettings,
) -> Result<OutlierSet, DataError> {
    let bytes = unmask_frame::read_regular_file(annotations, u64::MAX)
        .map_err(DataError::read(annotations))?;
    let text = bytes.strip_prefix(BOM).unwrap_or(&bytes);
    let file: CocoFile = serde_json::from_slice(text).map_err(|e| DataError::Json {
        path: annotations.to_owned(),
        line: e.line(),
        column: e.column(),
        what: e.to_string(),
    })?;
    drop(bytes);
    let wrong = |id, what: String| DataError::Annotation {
        path: annotations.to_owned(),
        id,
        what,
    };

    let mut left_out = BTreeSet::new();
    for name in exclude.iter().map(AsRef::as_ref) {
        let before = left_out.len();
        left_out.extend(
            file.categories
                .iter()
                .filter(|c| c.name == name)
                .map(|c| c.id),
        );
        if left_out.len() == before && !file.categories.iter().any(|c| c.name == name) {
            let known: Vec<&str> = file.categories.iter().map(|c| c.name.as_str()).collect();
            return Err(DataError::UnknownClass {
                path: annotations.to_owned(),
                name: name.to_owned(),
                known: known.join(", "),
            });
        }
    }
    let categories: BTreeSet<u64> = file.categories.iter().map(|c| c.id).collect();
    let mut pages: Vec<OutlierPage> = Vec::with_capacity(file.images.len());
    let mut page_of = HashMap::with_capacity(file.images.len());
    for image in file.images {
        page_of.insert(image.id, pages.len());
        pages.push(OutlierPage {
            path: images.join(image.file_name),
            size: Some((image.width, image.height)),
            found: Vec::new(),
        });
    }

    let mut counts = OutlierCounts::default();
    for annotation in file.annotations {
        let id = annotation.id;
        counts.objects += 1;
        if !categories.contains(&annotation.category_id) {
            let what = format!(
                "its category_id {} is not in 'categories'",
                annotation.category_id
            );
            return Err(wrong(id, what));
        }
        let Some(&page) = page_of.get(&annotation.image_id) else {
            let what = format!("its image_id {} is not in 'images'", annotation.image_id);
            return Err(wrong(id, what));
        };
        if left_out.contains(&annotation.category_id) {
            counts.excluded += 1;
            continue;
        }
        let rings = match annotation.segmentation {
            Some(CocoSegmentation::RunLength(_)) => {
                counts.run_length += 1;
                continue;
            }
            Some(CocoSegmentation::Polygons(rings)) => rings,
            None => Vec::new(),
        };
        let mut polygons = Vec::new();
        for ring in rings {
            if ring.len() % 2 == 1 {
                let what = format!(
                    "a polygon has {} numbers; corners are x y pairs",
                    ring.len()
                );
                return Err(wrong(id, what));
            }
            // The published files hold a few polygons of two corners; they cover nothing.
            if ring.len() >= 6 {
                polygons.push(ring.chunks_exact(2).map(|c| (c[0], c[1])).collect());
            }
        }
        if polygons.is_empty() {
            counts.empty += 1;
            continue;
        }
        let stem = pages[page]
            .path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let name = format!("{stem}:{id}");
        pages[page].found.push(FoundOutlier { name, polygons });
    }
    cut_out(annotations, pages, cut, counts)
}

#[derive(Deserialize)]
struct CocoFile {
    images: Vec<CocoImage>,
    annotations: Vec<CocoAnnotation>,
    categories: Vec<CocoCategory>,
}

#[derive(Deserialize)]
struct CocoImage {
    id: u64,
    file_name: String,
    width: usize,
    height: usize,
}

#[derive(Deserialize)]
struct CocoAnnotation {
    id: u64,
    image_id: u64,
    category_id: u64,
    #[serde(default)]
    segmentation: Option<CocoSegmentation>,
}

#[derive(Deserialize)]
struct CocoCategory {
    id: u64,
    name: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CocoSegmentation {
    Polygons(Vec<Vec<f64>>),
    RunLength(RunLength),
}

#[derive(Deserialize)]
struct RunLength {
    #[serde(rename = "counts")]
    _counts: serde::de::IgnoredAny,
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ALL, folder};
    use super::*;

    fn coco_text(annotations: &str) -> String {
        format!(
            r#"{{"images": [{{"id": 7, "file_name": "one.png", "width": 20, "height": 10}}],
                "categories": [{{"id": 1, "name": "person"}}, {{"id": 44, "name": "bottle"}}],
                "annotations": [{annotations}]}}"#
        )
    }

    fn coco(text: &str, exclude: &[&str]) -> Result<OutlierSet, DataError> {
        let dir = folder();
        let path = dir.path().join("instances.json");
        std::fs::write(&path, text).unwrap();
        read_coco(&path, &dir.path().join("images"), exclude, &ALL)
    }

    fn annotation(id: u64, image: u64, category: u64, segmentation: &str) -> String {
        format!(
            r#"{{"id": {id}, "image_id": {image}, "category_id": {category}, "iscrowd": 0,
                "bbox": [1, 2, 3, 4], "segmentation": {segmentation}}}"#
        )
    }

    const SQUARE: &str = "[[2, 1, 6, 1, 6, 5, 2, 5]]";

    #[test]
    fn coco_polygons_are_joined_and_the_rest_is_counted() {
        let list = [
            annotation(1, 7, 1, SQUARE),
            annotation(
                2,
                7,
                44,
                "[[2, 1, 6, 1, 6, 5, 2, 5], [10.0, 3, 12, 3, 12, 9, 10, 9]]",
            ),
            annotation(3, 7, 44, r#"{"counts": [3, 4, 193], "size": [10, 20]}"#),
            annotation(4, 7, 44, r#"{"counts": "abc", "size": [10, 20]}"#),
            annotation(5, 7, 44, "[[1, 2, 3, 4]]"),
            annotation(6, 7, 44, "[]"),
            r#"{"id": 8, "image_id": 7, "category_id": 44}"#.into(),
        ];
        let set = coco(&coco_text(&list.join(",")), &["person"]).unwrap();
        let want = OutlierCounts {
            objects: 7,
            excluded: 1,
            run_length: 2,
            empty: 3,
            ..OutlierCounts::default()
        };
        assert_eq!(set.counts, want);
        assert_eq!(set.outliers.len(), 1);
        let outlier = &set.outliers[0];
        assert_eq!(
            (outlier.name.as_str(), outlier.w, outlier.h),
            ("one:2", 10, 8)
        );
        assert_eq!(outlier.alpha.iter().filter(|&&v| v == 255).count(), 16 + 12);
        assert_eq!(outlier.rgb[9 * 3], 11);
    }

    #[test]
    fn wrong_coco_files_are_named() {
        let fault = |list: &str| {
            let error = coco(&coco_text(list), &["person"]).unwrap_err();
            assert!(
                matches!(error, DataError::Annotation { id: 5, .. }),
                "{error:?}"
            );
            error.to_string()
        };
        assert!(fault(&annotation(5, 8, 44, SQUARE)).contains("image_id 8"));
        assert!(fault(&annotation(5, 7, 2, SQUARE)).contains("category_id 2"));
        assert!(fault(&annotation(5, 7, 44, "[[1, 2, 3, 4, 5, 6, 7]]")).contains("7 numbers"));

        let good = coco_text(&annotation(5, 7, 44, SQUARE));
        let message = |text: &str, exclude: &[&str]| coco(text, exclude).unwrap_err().to_string();
        let unknown = message(&good, &["motorbike"]);
        assert!(
            unknown.contains("'motorbike'") && unknown.contains("person, bottle"),
            "{unknown}"
        );
        let cut = message(&good[..good.len() - 20], &[]);
        assert!(
            cut.contains("instances.json:4:") && cut.contains("COCO"),
            "{cut}"
        );
        let renamed = message(&good.replace("file_name", "file"), &[]);
        assert!(renamed.contains("missing field `file_name`"), "{renamed}");
        let resized = message(&good.replace("\"width\": 20", "\"width\": 40"), &[]);
        assert!(
            resized.contains("40x10") && resized.contains("20x10"),
            "{resized}"
        );
        let moved = message(&good.replace("one.png", "two.png"), &[]);
        assert!(moved.contains("two.png"), "{moved}");
        let none = message(&good, &["person", "bottle"]);
        assert!(none.contains("excluded: 1"), "{none}");
        assert!(read_coco(Path::new("gone.json"), Path::new("."), &["person"], &ALL).is_err());
    }
}
