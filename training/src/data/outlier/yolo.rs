//! YOLO segmentation text.

use std::collections::BTreeMap;
use std::path::Path;

use super::{CutSettings, FoundOutlier, OutlierCounts, OutlierPage, OutlierSet, cut_out};
use crate::data::DataError;
use crate::data::files::{entries, pictures_in};
use crate::data::polygon::Corner;
use unmask_frame::without_bom;

/// Reads `ROOT/images/*` with `ROOT/labels/STEM.txt`, one object a line: `class x1 y1 x2 y2 …`,
/// corners relative to the picture. `exclude` lists the classes to leave out, such as
/// [`super::ROAD_CLASSES_COCO80`]. A picture without a text file has no objects; a text
/// file without its picture is counted, not read from.
///
/// # Errors
/// [`DataError::Line`] for a line that is not a polygon, otherwise as [`super::read_coco`].
pub fn read_yolo(root: &Path, exclude: &[u32], cut: &CutSettings) -> Result<OutlierSet, DataError> {
    let images = root.join("images");
    let mut by_stem = BTreeMap::new();
    for path in pictures_in(&images)? {
        let stem = path.file_stem().unwrap_or_default().to_owned();
        if let Some(first) = by_stem.insert(stem, path.clone()) {
            return Err(DataError::SameStem {
                first,
                second: path,
            });
        }
    }
    let mut counts = OutlierCounts::default();
    let mut pages = Vec::new();
    for path in entries(&root.join("labels"))? {
        // Some tools leave their class list next to the labels.
        if path.extension().is_none_or(|e| e != "txt") || path.ends_with("classes.txt") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default();
        let picture = by_stem.get(stem);
        let text =
            unmask_frame::read_regular_text(&path, u64::MAX).map_err(DataError::read(&path))?;
        let mut found = Vec::new();
        for (i, line) in without_bom(&text).lines().enumerate() {
            let wrong = |what| DataError::Line {
                path: path.clone(),
                line: i + 1,
                what,
            };
            let Some((class, polygon)) = yolo_line(line).map_err(wrong)? else {
                continue;
            };
            counts.objects += 1;
            if exclude.contains(&class) {
                counts.excluded += 1;
            } else if picture.is_none() {
                counts.no_picture += 1;
            } else {
                let name = format!("{}:{}", stem.to_string_lossy(), i + 1);
                found.push(FoundOutlier {
                    name,
                    polygons: vec![polygon],
                });
            }
        }
        if let Some(path) = picture.cloned() {
            pages.push(OutlierPage {
                path,
                size: None,
                found,
            });
        }
    }
    cut_out(root, pages, cut, counts)
}

/// Class and polygon of a line, `None` for a blank one.
fn yolo_line(line: &str) -> Result<Option<(u32, Vec<Corner>)>, String> {
    let mut words = line.split_whitespace();
    let Some(class) = words.next() else {
        return Ok(None);
    };
    let class = class.parse().map_err(|_| {
        format!("'{class}' is no class index; a line reads: class x1 y1 x2 y2 x3 y3 …")
    })?;
    let mut numbers = Vec::new();
    for word in words {
        match word.parse::<f64>() {
            Ok(v) if v.is_finite() => numbers.push(v),
            _ => {
                return Err(format!(
                    "'{word}' is no coordinate; write numbers from 0 to 1"
                ));
            }
        }
    }
    match numbers.len() {
        4 => {
            Err("a box, not a polygon (4 numbers after the class); use segmentation labels".into())
        }
        n if n < 6 || n % 2 == 1 => Err(format!(
            "{n} numbers after the class; a polygon has three or more x y pairs"
        )),
        // Relative coordinates are 0..1 with a little slack; 2 and more can only be pixels.
        _ if numbers.iter().any(|v| v.abs() >= 2.0) => {
            Err("coordinates in pixels; divide x by the picture's width and y by its height".into())
        }
        _ => Ok(Some((
            class,
            numbers.chunks_exact(2).map(|c| (c[0], c[1])).collect(),
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ALL, folder};
    use super::*;

    fn yolo(text: &str, exclude: &[u32], cut: &CutSettings) -> Result<OutlierSet, DataError> {
        let dir = folder();
        std::fs::write(dir.path().join("labels/one.txt"), text).unwrap();
        read_yolo(dir.path(), exclude, cut)
    }

    #[test]
    fn a_yolo_polygon_is_cut_to_its_pixels() {
        let set = yolo(
            "44 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n\n0 0 0 1 0 1 1\n",
            &[0],
            &ALL,
        )
        .unwrap();
        let counts = OutlierCounts {
            objects: 2,
            excluded: 1,
            ..OutlierCounts::default()
        };
        assert_eq!(set.counts, counts);
        let outlier = &set.outliers[0];
        assert_eq!(
            (outlier.name.as_str(), outlier.w, outlier.h),
            ("one:1", 8, 4)
        );
        assert!(outlier.is_sound() && outlier.alpha.iter().all(|&v| v == 255));
        assert_eq!((outlier.rgb[0], outlier.rgb[7 * 3]), (2, 9));
    }

    #[test]
    fn what_leaves_the_picture_is_cut_off_and_counted() {
        let set = yolo("9 -0.5 0.5 1.5 0.5 1.5 1.5 -0.5 1.5\n", &[], &ALL).unwrap();
        assert_eq!(
            (set.counts.clipped, set.outliers[0].w, set.outliers[0].h),
            (1, 20, 5)
        );
        // All outside, or no pixel centre inside: nothing is left of it.
        let text = "9 -0.5 0 -0.1 0 -0.1 1\n9 0.01 0.01 0.02 0.01 0.02 0.02\n9 0 0 1 0 1 1\n";
        let set = yolo(text, &[], &ALL).unwrap();
        assert_eq!(
            (set.counts.empty, set.counts.clipped, set.outliers.len()),
            (2, 0, 1)
        );
        // Rounding over the border by a hair is not a fault.
        assert_eq!(
            yolo("9 0 0 1.0001 0 1.0001 1\n", &[], &ALL)
                .unwrap()
                .counts
                .clipped,
            0
        );
    }

    #[test]
    fn wrong_lines_are_named() {
        let message = |line: &str| {
            let error = yolo(&format!("9 0 0 1 0 1 1\n{line}\n"), &[], &ALL).unwrap_err();
            assert!(
                matches!(error, DataError::Line { line: 2, .. }),
                "{error:?}"
            );
            let message = error.to_string();
            assert!(message.contains("one.txt:2: "), "{message}");
            message
        };
        assert!(message("dog 0 0 1 0 1 1").contains("'dog' is no class index"));
        assert!(message("-1 0 0 1 0 1 1").contains("'-1' is no class index"));
        assert!(message("9 0 0 1 zero 1 1").contains("'zero' is no coordinate"));
        assert!(message("9 0 0 1 nan 1 1").contains("'nan' is no coordinate"));
        assert!(message("9 0.5 0.5 0.1 0.1").contains("a box"));
        assert!(message("9 0 0 1 0 1 1 0.5").contains("7 numbers"));
        assert!(message("9").contains("0 numbers"));
        assert!(message("9 0 0 640 0 640 480").contains("in pixels"));
    }

    #[test]
    fn yolo_files_without_a_partner() {
        let dir = folder();
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join("labels").join(name), text).unwrap();
        };
        // No text at all: nothing to paste.
        let error = read_yolo(dir.path(), &[], &ALL).unwrap_err();
        assert!(matches!(error, DataError::Empty { .. }));
        write("two.txt", "9 0 0 1 0 1 1\n0 0 0 1 0 1 1\n");
        write("classes.txt", "person\n");
        write("notes.md", "x");
        let error = read_yolo(dir.path(), &[0], &ALL).unwrap_err().to_string();
        assert!(
            error.contains("no_picture: 1") && error.contains("excluded: 1"),
            "{error}"
        );
        write("one.txt", "9 0 0 1 0 1 1\n");
        let set = read_yolo(dir.path(), &[0], &ALL).unwrap();
        assert_eq!((set.outliers.len(), set.counts.no_picture), (1, 1));
        // Two pictures for one text.
        std::fs::copy(
            dir.path().join("images/one.png"),
            dir.path().join("images/one.jpg"),
        )
        .unwrap();
        let error = read_yolo(dir.path(), &[0], &ALL).unwrap_err();
        assert!(matches!(error, DataError::SameStem { .. }));
        assert!(read_yolo(&dir.path().join("gone"), &[], &ALL).is_err());
    }

    #[test]
    fn small_objects_and_those_over_the_limit_are_left_out() {
        let line = |i: usize| {
            format!(
                "9 {0} 0 {1} 0 {1} 1 {0} 1\n",
                i as f64 * 0.1,
                (i + 1) as f64 * 0.1
            )
        };
        let text: String = (0..10).map(line).collect();
        assert_eq!(yolo(&text, &[], &ALL).unwrap().outliers.len(), 10);
        let error = yolo(
            &text,
            &[],
            &CutSettings {
                min_area_px: 21,
                ..ALL
            },
        )
        .unwrap_err();
        assert!(error.to_string().contains("small: 10"), "{error}");
        let some = |seed| {
            yolo(
                &text,
                &[],
                &CutSettings {
                    max_objects: Some(4),
                    seed,
                    ..ALL
                },
            )
            .unwrap()
        };
        assert_eq!((some(1).outliers.len(), some(1).counts.over_limit), (4, 6));
        assert_eq!(some(1), some(1));
        assert!((2..9).any(|seed| some(seed) != some(1)));
        let most = yolo(
            &text,
            &[],
            &CutSettings {
                max_objects: Some(10),
                ..ALL
            },
        )
        .unwrap();
        assert_eq!(most.counts.over_limit, 0);
    }
}
