//! Finding the files of a data set, and reading label pictures.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::problem::{BadPicture, PictureProblem};
use super::{ANOMALY, EvalError, IGNORE, NORMAL};
use unmask_frame::{LabelMap, PixelMap, Size};

/// Label pictures with more pixels than this are refused: 2^27, about 11,500 × 11,500 px.
pub const MAX_PIXELS: usize = 1 << 27;

/// A score map and its labels, on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledPair {
    /// The stem both files share.
    pub name: String,
    /// The score map, `.npy`.
    pub scores: PathBuf,
    /// The file that errors about the scores name: the score map, or the picture it comes from.
    pub shown: PathBuf,
    /// The label picture, `.png`.
    pub labels: PathBuf,
}

/// A picture and its labels, on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledPicture {
    /// The stem both files share.
    pub name: String,
    /// The picture.
    pub picture: PathBuf,
    /// The label picture, `.png`.
    pub labels: PathBuf,
}

/// Pairs `scores/NAME.npy` with `labels/NAME.png` (or `NAME_labels_semantic.png`), in the order of
/// their names.
///
/// Files without counterpart are returned as bad pictures.
///
/// # Errors
/// A folder that cannot be listed or holds no such file.
pub fn saved_scores(
    scores: &Path,
    labels: &Path,
) -> Result<(Vec<LabelledPair>, Vec<BadPicture>), EvalError> {
    let (found, bad) = pair(
        (scores, &["npy"], "score map (.npy)"),
        (labels, &["png"], LABELS),
    )?;
    let pairs = found
        .into_iter()
        .map(|(name, scores, labels)| LabelledPair {
            name,
            shown: scores.clone(),
            scores,
            labels,
        });
    Ok((pairs.collect(), bad))
}

/// The folders in which data sets keep their label pictures: this project's, and that of
/// SegmentMeIfYouCan's downloads.
const LABEL_FOLDERS: [&str; 2] = ["labels", "labels_masks"];

/// How SegmentMeIfYouCan ends the names of label pictures, after the picture's own name.
const LABEL_ENDING: &str = "_labels_semantic";
/// The same in colours to look at: no labels.
const COLOUR_ENDING: &str = "_labels_semantic_color";

/// The folder of label pictures in the data set `dir`: `labels`, or `labels_masks`.
pub fn label_folder(dir: &Path) -> PathBuf {
    let folders = LABEL_FOLDERS.map(|name| dir.join(name));
    let [usual, ..] = &folders;
    folders
        .iter()
        .find(|folder| folder.is_dir())
        .unwrap_or(usual)
        .clone()
}

/// The picture's stem in the stem of a label picture; none for pictures that are no labels.
fn labelled_stem(stem: &OsStr) -> Option<OsString> {
    let Some(text) = stem.to_str() else {
        return Some(stem.to_owned());
    };
    if text.ends_with(COLOUR_ENDING) {
        return None;
    }
    Some(text.strip_suffix(LABEL_ENDING).unwrap_or(text).into())
}

/// Pairs `DIR/images/NAME.*` with `DIR/labels/NAME.png`, or with
/// `DIR/labels_masks/NAME_labels_semantic.png` as SegmentMeIfYouCan names them, in the order of
/// their names.
///
/// Files without counterpart are returned as bad pictures.
///
/// # Errors
/// A folder that cannot be listed or holds no such file.
pub fn labelled_pictures(dir: &Path) -> Result<(Vec<LabelledPicture>, Vec<BadPicture>), EvalError> {
    let (found, bad) = pair(
        (
            &dir.join("images"),
            &["jpg", "jpeg", "png", "webp"],
            "picture (.jpg, .png, .webp)",
        ),
        (&label_folder(dir), &["png"], LABELS),
    )?;
    let pictures = found
        .into_iter()
        .map(|(name, picture, labels)| LabelledPicture {
            name,
            picture,
            labels,
        });
    Ok((pictures.collect(), bad))
}

/// Stem, file of the left folder, file of the right folder.
type FoundLabel = (String, PathBuf, PathBuf);

/// What a file of labels is called.
const LABELS: &str = "label picture (.png)";

/// Folder, extensions, and what such a file is called.
type FileSide<'a> = (&'a Path, &'a [&'a str], &'static str);

fn pair(
    left: FileSide<'_>,
    right: FileSide<'_>,
) -> Result<(Vec<FoundLabel>, Vec<BadPicture>), EvalError> {
    let mut bad = Vec::new();
    let lefts = list(left, &mut bad)?;
    let mut rights = list(right, &mut bad)?;
    let mut pairs = Vec::new();
    let mut alone = |name: String, path: PathBuf, side: FileSide<'_>| {
        bad.push(BadPicture {
            name,
            problem: PictureProblem::Alone {
                path,
                what: side.2,
                dir: side.0.into(),
            },
        });
    };
    for (stem, path) in lefts {
        let name = stem.to_string_lossy().into_owned();
        match rights.remove(&stem) {
            Some(other) => pairs.push((name, path, other)),
            None => alone(name, path, right),
        }
    }
    for (stem, path) in rights {
        alone(stem.to_string_lossy().into_owned(), path, left);
    }
    bad.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((pairs, bad))
}

/// The files of a folder that have one of the extensions, by stem. Names that start with a dot
/// are not looked at.
fn list(
    (dir, extensions, what): FileSide<'_>,
    unreadable: &mut Vec<BadPicture>,
) -> Result<BTreeMap<OsString, PathBuf>, EvalError> {
    let failed = |source| EvalError::Folder {
        dir: dir.into(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        let known = path.extension().is_some_and(|extension| {
            extensions
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        });
        if known && !hidden && path.is_file() {
            paths.push(path);
        }
    }
    // Folders list in no fixed order; of two files with one stem, the first by name stays.
    paths.sort();
    let is_labels = what == LABELS;
    let mut files = BTreeMap::new();
    for path in paths {
        let stem = path.file_stem().unwrap_or_default().to_owned();
        let stem = match is_labels {
            true => labelled_stem(&stem),
            false => Some(stem),
        };
        let Some(stem) = stem else {
            continue;
        };
        if let Some(first) = files.get(&stem).cloned() {
            unreadable.push(BadPicture {
                name: stem.to_string_lossy().into_owned(),
                problem: PictureProblem::Twice { path, other: first },
            });
        } else {
            files.insert(stem, path);
        }
    }
    if files.is_empty() {
        return Err(EvalError::Empty {
            dir: dir.into(),
            what,
        });
    }
    Ok(files)
}

/// What the values of label pictures mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRules {
    /// Class by value; none = an error.
    meaning: [Option<u8>; 256],
}

/// Label values that contradict each other.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("label value {value} is given twice: as {first} and as {second}")]
pub struct RulesError {
    value: u8,
    first: &'static str,
    second: &'static str,
}

impl LabelRules {
    /// Value 0 is normal unless listed otherwise; what is not listed is an error in a label
    /// picture.
    ///
    /// # Errors
    /// A value in two of the lists.
    pub fn new(anomaly: &[u8], ignore: &[u8], normal: &[u8]) -> Result<Self, RulesError> {
        let mut meaning = [None; 256];
        let lists = [(anomaly, ANOMALY), (ignore, IGNORE), (normal, NORMAL)];
        for (values, class) in lists {
            for &value in values {
                let place = &mut meaning[usize::from(value)];
                if let Some(first) = place.filter(|&first| first != class) {
                    return Err(RulesError {
                        value,
                        first: class_name(first),
                        second: class_name(class),
                    });
                }
                *place = Some(class);
            }
        }
        meaning[0].get_or_insert(NORMAL);
        Ok(Self { meaning })
    }

    /// The values of one meaning, as text.
    fn values(&self, class: u8) -> String {
        let values = (0..256).filter(|&value| self.meaning[value] == Some(class));
        values
            .map(|value| value.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Default for LabelRules {
    /// 0 normal, 1 anomaly, 255 ignore.
    fn default() -> Self {
        Self::new(&[ANOMALY], &[IGNORE], &[]).expect("three different values")
    }
}

fn class_name(class: u8) -> &'static str {
    match class {
        ANOMALY => "anomaly",
        IGNORE => "ignore",
        _ => "normal",
    }
}

/// Reads a label picture: 0 normal, 1 anomaly, 255 ignore.
///
/// PNG with grey values or palette indices of up to 8 bits, taken as they are, or RGB with three
/// equal channels.
///
/// # Errors
/// A text without the file's name: what is wrong with the file, or which value is not in `rules`.
pub fn read_labels(path: &Path, rules: &LabelRules) -> Result<LabelMap, String> {
    let (size, mut labels) = read_values(path)?;
    let known = rules.meaning.map(|class| class.is_some());
    if let Some(at) = labels.iter().position(|&value| !known[usize::from(value)]) {
        return Err(format!(
            "value {} at column {}, row {} means nothing: anomaly is {}, ignore is {}, normal is \
             {} (--anomaly-value, --ignore-value, --normal-values)",
            labels[at],
            at % size.w,
            at / size.w,
            rules.values(ANOMALY),
            rules.values(IGNORE),
            rules.values(NORMAL),
        ));
    }
    let classes = rules.meaning.map(|class| class.unwrap_or(NORMAL));
    for label in &mut labels {
        *label = classes[usize::from(*label)];
    }
    Ok(PixelMap::new(size, labels).expect("one value a pixel was read"))
}

/// Reads a label picture of classes, values as stored: of the same formats as [`read_labels`].
///
/// # Errors
/// A text without the file's name: what is wrong with the file.
pub fn read_classes(path: &Path) -> Result<LabelMap, String> {
    let (size, values) = read_values(path)?;
    Ok(PixelMap::new(size, values).expect("one value a pixel was read"))
}

fn read_values(path: &Path) -> Result<(Size, Vec<u8>), String> {
    let file = unmask_frame::open_regular_file(path).map_err(|error| error.to_string())?;
    let mut decoder = png::Decoder::new_with_limits(
        BufReader::new(file),
        png::Limits {
            bytes: 4 * MAX_PIXELS,
        },
    );
    // Values as stored: palette indices are labels, colours are not.
    decoder.set_transformations(png::Transformations::IDENTITY);
    let broken = |error: png::DecodingError| format!("not a readable PNG file: {error}");
    let mut reader = decoder.read_info().map_err(broken)?;
    let size = Size::new(reader.info().width as usize, reader.info().height as usize);
    if size
        .w
        .checked_mul(size.h)
        .is_none_or(|area_px| area_px > MAX_PIXELS)
    {
        return Err(format!("{size} is more than {MAX_PIXELS} pixels"));
    }
    let (colour, depth) = reader.output_color_type();
    if depth == png::BitDepth::Sixteen {
        return Err("it has 16 bits a channel; labels have 8".into());
    }
    let bytes = reader.output_buffer_size().ok_or("it is too large")?;
    let mut data = vec![0; bytes];
    let frame = reader.next_frame(&mut data).map_err(broken)?;
    if frame.line_size == size.w && depth == png::BitDepth::Eight {
        return Ok((size, data));
    }
    let rows = data.chunks_exact(frame.line_size).take(size.h);
    let mut values = Vec::with_capacity(size.area_px());
    match colour {
        png::ColorType::Grayscale | png::ColorType::Indexed => {
            // Fewer than 8 bits: several values a byte, the first in the highest bits.
            let bits = depth as usize;
            for row in rows {
                values.extend((0..size.w).map(|x| {
                    let shift = 8 - bits - (x * bits) % 8;
                    row[x * bits / 8] >> shift & ((1 << bits) - 1)
                }));
            }
        }
        _ => {
            let channels = colour.samples();
            let colours = channels - usize::from(channels % 2 == 0);
            for pixel in rows.flat_map(|row| row[..size.w * channels].chunks_exact(channels)) {
                let opaque = pixel[colours..].iter().all(|&alpha| alpha == 255);
                if !opaque || pixel[..colours].iter().any(|&value| value != pixel[0]) {
                    let (x, y) = (values.len() % size.w, values.len() / size.w);
                    return Err(format!(
                        "it is a colour picture ({pixel:?} at column {x}, row {y}); labels are \
                         one number a pixel: save it as 8-bit grey or with a palette"
                    ));
                }
                values.push(pixel[0]);
            }
        }
    }
    Ok((size, values))
}

#[cfg(test)]
mod tests;
