//! Outlier objects cut from pictures with polygon annotations: COCO instances, YOLO text.

mod coco;
mod yolo;

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use unmask_frame::Picture;

use super::DataError;
use super::files::read_picture;
use super::polygon::{self, Corner};
use super::rng::{fold, permute};
pub use coco::read_coco;
pub use yolo::read_yolo;

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
pub struct OutlierObject {
    /// Where it comes from: the picture's stem and the line or annotation id.
    pub name: String,
    /// Width of its bounding box, px.
    pub w: usize,
    /// Height of its bounding box, px.
    pub h: usize,
    /// `w * h * 3` bytes, interleaved RGB, surroundings included.
    pub rgb: Vec<u8>,
    /// `w * h` bytes: 255 on the object, 0 next to it. Every border row and column has a 255.
    pub alpha: Vec<u8>,
}

impl OutlierObject {
    /// Whether the sizes fit and there is a pixel; true for all that the readers give.
    pub fn is_sound(&self) -> bool {
        let area = self.w.checked_mul(self.h);
        area.is_some_and(|n| n > 0 && self.alpha.len() == n && self.rgb.len() == 3 * n)
    }
}

/// Which objects to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutSettings {
    /// Objects with fewer pixels are left out: nothing can be recognised in them.
    pub min_area_px: usize,
    /// At most so many objects are read, drawn by `seed` from all; `None` reads all. An object
    /// takes four bytes a pixel of its bounding box, all of COCO some tens of gigabytes.
    pub max_objects: Option<usize>,
    /// Seed of that draw.
    pub seed: u64,
}

impl Default for CutSettings {
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
    /// Left out because they are smaller than [`CutSettings::min_area_px`].
    pub small: usize,
    /// Left out by [`CutSettings::max_objects`].
    pub over_limit: usize,
    /// Kept, but parts of the polygon lay outside the picture and were cut off.
    pub clipped: usize,
}

/// Outlier objects, in the order of their files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutlierSet {
    /// The objects.
    pub outliers: Vec<OutlierObject>,
    /// How many were found and left out.
    pub counts: OutlierCounts,
}

/// An annotated object before its picture is read.
struct FoundOutlier {
    name: String,
    polygons: Vec<Vec<Corner>>,
}

/// A picture with its objects.
struct OutlierPage {
    path: PathBuf,
    /// Size the annotations were made for; `None`: corners are relative to the picture.
    size: Option<(usize, usize)>,
    found: Vec<FoundOutlier>,
}

/// Applies the limit, reads the pictures and cuts the objects out.
fn cut_out(
    origin: &Path,
    mut pages: Vec<OutlierPage>,
    cut: &CutSettings,
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
    outlier: Option<OutlierObject>,
    area_px: usize,
    clipped: bool,
}

fn cut_page(page: &OutlierPage) -> Result<Vec<CutOne>, DataError> {
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
    let cut = |found: &FoundOutlier| {
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
        outlier: Some(OutlierObject {
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

#[cfg(test)]
mod tests {
    use super::CutSettings;

    pub(super) const ALL: CutSettings = CutSettings {
        min_area_px: 0,
        max_objects: None,
        seed: 0,
    };

    /// `images/one.png`, 20×10, column number in red; annotation texts are the tests' own.
    pub(super) fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["images", "labels"] {
            std::fs::create_dir(dir.path().join(sub)).unwrap();
        }
        let picture = image::RgbImage::from_fn(20, 10, |x, _| image::Rgb([x as u8, 0, 0]));
        picture.save(dir.path().join("images/one.png")).unwrap();
        dir
    }
}
