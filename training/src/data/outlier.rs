//! Outlier objects cut from pictures with polygon annotations: COCO instances, YOLO text.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;
use unmask::frame::Picture;

use super::DataError;
use super::files::{entries, pictures_in, read_picture};
use super::polygon::{self, Corner};
use super::rng::{fold, permute};

/// Classes that a road scene knows, as indices in COCO's list of 80 names: person, bicycle, car,
/// motorcycle, bus, train, truck, traffic light, stop sign. Pasting them would teach that they
/// do not belong.
pub const ROAD_CLASSES_COCO80: [u32; 9] = [0, 1, 2, 3, 5, 6, 7, 9, 11];

/// The same classes by their names in COCO's annotation files.
pub const ROAD_CLASS_NAMES: [&str; 9] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "bus",
    "train",
    "truck",
    "traffic light",
    "stop sign",
];

/// One object without its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlier {
    /// Where it comes from: the picture's stem and the line or annotation id.
    pub name: String,
    /// Width of its bounding box, px.
    pub w: usize,
    /// Height of its bounding box, px.
    pub h: usize,
    /// `w * h * 3` bytes, interleaved RGB, surroundings included.
    pub rgb: Vec<u8>,
    /// `w * h` bytes: 255 on the object, 0 beside it. Every border row and column has a 255.
    pub alpha: Vec<u8>,
}

impl Outlier {
    /// Whether the sizes fit and there is a pixel; true for all that the readers give.
    pub fn is_sound(&self) -> bool {
        let area = self.w.checked_mul(self.h);
        area.is_some_and(|n| n > 0 && self.alpha.len() == n && self.rgb.len() == 3 * n)
    }
}

/// Which objects to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Objects with fewer pixels are left out: nothing can be recognised in them.
    pub min_area_px: usize,
    /// At most so many objects are read, drawn by `seed` from all; `None` reads all. An object
    /// takes four bytes a pixel of its bounding box, all of COCO some tens of gigabytes.
    pub max_objects: Option<usize>,
    /// Seed of that draw.
    pub seed: u64,
}

impl Default for Cut {
    fn default() -> Self {
        Self {
            min_area_px: 64,
            max_objects: None,
            seed: 0,
        }
    }
}

/// What was found and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutlierCounts {
    /// Objects annotated.
    pub objects: usize,
    /// Left out by their class.
    pub excluded: usize,
    /// Left out because their text file has no picture: cut-down copies of a data set often keep
    /// a few such files.
    pub no_picture: usize,
    /// Left out because they are run-length masks, which COCO uses for crowds.
    pub run_length: usize,
    /// Left out because no polygon has three corners, or no pixel centre lies inside.
    pub empty: usize,
    /// Left out because they are smaller than [`Cut::min_area_px`].
    pub small: usize,
    /// Left out by [`Cut::max_objects`].
    pub over_limit: usize,
    /// Kept, but parts of the polygon lay outside the picture and were cut off.
    pub clipped: usize,
}

/// Outlier objects, in the order of their files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutlierSet {
    /// The objects.
    pub outliers: Vec<Outlier>,
    /// How many were found and left out.
    pub counts: OutlierCounts,
}

/// An annotated object before its picture is read.
struct Found {
    name: String,
    polygons: Vec<Vec<Corner>>,
}

/// A picture with its objects.
struct Page {
    path: PathBuf,
    /// Size the annotations were made for; `None`: corners are relative to the picture.
    size: Option<(usize, usize)>,
    found: Vec<Found>,
}

/// Reads a COCO instances file and cuts its polygon objects from the pictures in `images`.
/// `exclude` names the categories to leave out, such as [`ROAD_CLASS_NAMES`]. Only pictures with
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
    cut: &Cut,
) -> Result<OutlierSet, DataError> {
    let bytes = std::fs::read(annotations).map_err(DataError::read(annotations))?;
    let file: CocoFile = serde_json::from_slice(&bytes).map_err(|e| DataError::Json {
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
    let mut pages: Vec<Page> = Vec::with_capacity(file.images.len());
    let mut page_of = HashMap::with_capacity(file.images.len());
    for image in file.images {
        page_of.insert(image.id, pages.len());
        pages.push(Page {
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
            Some(Segmentation::RunLength(_)) => {
                counts.run_length += 1;
                continue;
            }
            Some(Segmentation::Polygons(rings)) => rings,
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
        pages[page].found.push(Found { name, polygons });
    }
    cut_out(annotations, pages, cut, counts)
}

/// Reads `ROOT/images/*` with `ROOT/labels/STEM.txt`, one object a line: `class x1 y1 x2 y2 …`,
/// corners relative to the picture. `exclude` lists the classes to leave out, such as
/// [`ROAD_CLASSES_COCO80`]. A picture without a text file has no objects; a text
/// file without its picture is counted, not read from.
///
/// # Errors
/// [`DataError::Line`] for a line that is no polygon, otherwise as [`read_coco`].
pub fn read_yolo(root: &Path, exclude: &[u32], cut: &Cut) -> Result<OutlierSet, DataError> {
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
        // Some tools leave their class list beside the labels.
        if path.extension().is_none_or(|e| e != "txt") || path.ends_with("classes.txt") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default();
        let picture = by_stem.get(stem);
        let text = std::fs::read_to_string(&path).map_err(DataError::read(&path))?;
        let mut found = Vec::new();
        for (i, line) in text.lines().enumerate() {
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
                found.push(Found {
                    name,
                    polygons: vec![polygon],
                });
            }
        }
        if let Some(path) = picture.cloned() {
            pages.push(Page {
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

/// Applies the limit, reads the pictures and cuts the objects out.
fn cut_out(
    origin: &Path,
    mut pages: Vec<Page>,
    cut: &Cut,
    mut counts: OutlierCounts,
) -> Result<OutlierSet, DataError> {
    let total: usize = pages.iter().map(|page| page.found.len()).sum();
    if let Some(limit) = cut.max_objects.filter(|&limit| limit < total) {
        let key = fold(&[cut.seed]);
        let mut number = 0;
        for page in &mut pages {
            page.found.retain(|_| {
                number += 1;
                permute(number - 1, total as u64, key) < limit as u64
            });
        }
        counts.over_limit = total - limit;
    }
    pages.retain(|page| !page.found.is_empty());

    let cuts: Result<Vec<Vec<CutOne>>, DataError> = pages.par_iter().map(cut_page).collect();
    let mut outliers = Vec::new();
    for one in cuts?.into_iter().flatten() {
        let Some(outlier) = one.outlier else {
            counts.empty += 1;
            continue;
        };
        if one.area_px < cut.min_area_px {
            counts.small += 1;
            continue;
        }
        counts.clipped += usize::from(one.clipped);
        outliers.push(outlier);
    }
    if outliers.is_empty() {
        return Err(DataError::Empty {
            path: origin.to_owned(),
            wanted: format!("usable outlier object ({counts:?})"),
        });
    }
    Ok(OutlierSet { outliers, counts })
}

struct CutOne {
    outlier: Option<Outlier>,
    area_px: usize,
    clipped: bool,
}

fn cut_page(page: &Page) -> Result<Vec<CutOne>, DataError> {
    let picture = read_picture(&page.path)?;
    let size = picture.size();
    if let Some((w, h)) = page.size.filter(|&s| s != (size.w, size.h)) {
        return Err(DataError::SizeMismatch {
            picture: page.path.clone(),
            picture_size: size.to_string(),
            label: PathBuf::from("the annotation file"),
            label_size: format!("{w}x{h}"),
        });
    }
    let (sx, sy) = if page.size.is_none() {
        (size.w as f64, size.h as f64)
    } else {
        (1.0, 1.0)
    };
    let cut = |found: &Found| {
        let scaled: Vec<Vec<Corner>> = found
            .polygons
            .iter()
            .map(|polygon| polygon.iter().map(|&(x, y)| (x * sx, y * sy)).collect())
            .collect();
        cut_object(&picture, &found.name, &scaled)
    };
    Ok(page.found.iter().map(cut).collect())
}

/// Cuts the union of `polygons` (px) out of `picture`.
fn cut_object(picture: &Picture, name: &str, polygons: &[Vec<Corner>]) -> CutOne {
    let size = picture.size();
    let (w, h) = (size.w as f64, size.h as f64);
    // Rounded coordinates overshoot the border by less than this in sound files.
    let slack = 0.01;
    let outside = |&(x, y): &Corner| x < -slack || y < -slack || x > w + slack || y > h + slack;
    let clipped = polygons.iter().flatten().any(outside);

    // Drawn in the bounding box only; a large picture has hundreds of small objects.
    let corners = || polygons.iter().flatten();
    let low = |v: f64, max: usize| (v.floor().max(0.0) as usize).min(max);
    let high = |v: f64, max: usize| (v.ceil().max(0.0) as usize).min(max);
    let x0 = low(corners().map(|c| c.0).fold(f64::INFINITY, f64::min), size.w);
    let y0 = low(corners().map(|c| c.1).fold(f64::INFINITY, f64::min), size.h);
    let x1 = high(
        corners().map(|c| c.0).fold(f64::NEG_INFINITY, f64::max),
        size.w,
    );
    let y1 = high(
        corners().map(|c| c.1).fold(f64::NEG_INFINITY, f64::max),
        size.h,
    );
    let (bw, bh) = (x1.saturating_sub(x0), y1.saturating_sub(y0));
    let mut mask = vec![0; bw * bh];
    let mut area_px = 0;
    for polygon in polygons {
        let moved: Vec<Corner> = polygon
            .iter()
            .map(|&(x, y)| (x - x0 as f64, y - y0 as f64))
            .collect();
        area_px += polygon::fill(&mut mask, bw, bh, &moved);
    }
    if area_px == 0 {
        return CutOne {
            outlier: None,
            area_px,
            clipped,
        };
    }

    // Tighten the box to the pixels, so that the bottom row is where the object stands.
    let row_used = |y: &usize| mask[y * bw..(y + 1) * bw].contains(&255);
    let column_used = |x: &usize| (0..bh).any(|y| mask[y * bw + x] == 255);
    let top = (0..bh).find(row_used).unwrap_or(0);
    let bottom = (0..bh).rfind(row_used).map_or(bh, |y| y + 1);
    let left = (0..bw).find(column_used).unwrap_or(0);
    let right = (0..bw).rfind(column_used).map_or(bw, |x| x + 1);
    let (w, h) = (right - left, bottom - top);
    let mut rgb = Vec::with_capacity(w * h * 3);
    let mut alpha = Vec::with_capacity(w * h);
    for y in top..bottom {
        let from = ((y0 + y) * size.w + x0 + left) * 3;
        rgb.extend_from_slice(&picture.rgb()[from..from + w * 3]);
        alpha.extend_from_slice(&mask[y * bw + left..y * bw + right]);
    }
    CutOne {
        outlier: Some(Outlier {
            name: name.to_owned(),
            w,
            h,
            rgb,
            alpha,
        }),
        area_px,
        clipped,
    }
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
    segmentation: Option<Segmentation>,
}

#[derive(Deserialize)]
struct CocoCategory {
    id: u64,
    name: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Segmentation {
    Polygons(Vec<Vec<f64>>),
    RunLength(RunLength),
}

#[derive(Deserialize)]
struct RunLength {
    #[serde(rename = "counts")]
    _counts: serde::de::IgnoredAny,
}
