//! Labelled pictures: folders in the CamVid and the Cityscapes layout, and frames from memory.

mod classes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use unmask_frame::{Picture, PixelMap, Size};

use super::files::{entries, pictures_in, read_labels, read_picture};
use super::{DataError, PASTED, VOID};
pub use classes::{
    CAMVID_CLASSES, CAMVID_GROUND, CITYSCAPES_CLASSES, CITYSCAPES_GROUND, IDD_LITE_GROUPS,
};
use classes::{
    Table, camvid_table, cityscapes_id_table, cityscapes_train_table, idd_lite_table, relabel,
};

/// A picture and what each of its pixels shows.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledSample {
    /// Name for messages and logs: the file's stem, or what the provider says.
    pub name: String,
    /// The picture.
    pub picture: Picture,
    /// `w * h` train ids row-major, [`VOID`] where unknown, [`PASTED`] on anomalies.
    pub labels: Vec<u8>,
}

impl LabelledSample {
    /// A sample whose class map uses other numbers than the network's: `lookup[value]` is the
    /// train id, and 255 marks an anomaly, which becomes `anomaly` ([`PASTED`] when training with
    /// outliers, [`VOID`] when training the closed set). Values may map to [`VOID`].
    ///
    /// # Errors
    /// [`DataError::LabelValue`] where a value is neither 255 nor inside `lookup`,
    /// [`DataError::SizeMismatch`] where `classes` does not have one value per pixel.
    pub fn from_scene(
        name: impl Into<String>,
        picture: Picture,
        classes: &[u8],
        lookup: &[u8],
        anomaly: u8,
    ) -> Result<Self, DataError> {
        let name = name.into();
        let mut table = [None; 256];
        for (slot, &id) in table.iter_mut().zip(lookup) {
            *slot = Some(id);
        }
        table[255] = Some(anomaly);
        let labels = relabel(Path::new(&name), picture.size().w, classes, &table, || {
            format!("0 to {} and 255", lookup.len().saturating_sub(1))
        })?;
        let sample = Self {
            name,
            picture,
            labels,
        };
        sample.check()?;
        Ok(sample)
    }

    /// Whether there are pixels, and one label for each.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let size = self.picture.size();
        if size.area_px() == 0 {
            return Err(DataError::Decode {
                path: PathBuf::from(&self.name),
                what: "the picture has no pixels".into(),
            });
        }
        if self.labels.len() == size.area_px() {
            return Ok(());
        }
        Err(DataError::SizeMismatch {
            picture: PathBuf::from(&self.name),
            picture_size: size.to_string(),
            label: PathBuf::from(format!("the label map of {}", self.name)),
            label_size: format!("{} pixels", self.labels.len()),
        })
    }
}

/// What gives the samples of [`PictureDataset::Frames`].
pub type FrameSource = Arc<dyn Fn(u64) -> Result<LabelledSample, DataError> + Send + Sync>;

/// A set of labelled pictures, read one at a time.
#[derive(Clone)]
pub enum PictureDataset {
    /// `ROOT/{train,val}/{images,labels}`, same stems, PNG files of class indices, 11 = unlabelled.
    CamVid {
        /// Picture and label files.
        pairs: Vec<(PathBuf, PathBuf)>,
        /// The folder, for messages.
        name: String,
    },
    /// `ROOT/{train,val}/{images,labels}`, same stems, IDD-Lite's labels as groups of CamVid's
    /// classes, see [`IDD_LITE_GROUPS`].
    IddLite {
        /// Picture and label files.
        pairs: Vec<(PathBuf, PathBuf)>,
        /// The folder, for messages.
        name: String,
    },
    /// `ROOT/leftImg8bit/SPLIT/CITY/*_leftImg8bit.png` with
    /// `ROOT/gtFine/SPLIT/CITY/*_gtFine_labelTrainIds.png`, or `_labelIds.png` where only that
    /// exists.
    Cityscapes {
        /// Picture and label files.
        pairs: Vec<(PathBuf, PathBuf)>,
        /// The folder, for messages.
        name: String,
    },
    /// Frames made on demand.
    Frames {
        /// Gives sample `i`, the same each time it is asked.
        source: FrameSource,
        /// Number of samples.
        len: u64,
        /// Number of classes; train ids are below it.
        classes: usize,
        /// Name for messages.
        name: String,
    },
}

impl std::fmt::Debug for PictureDataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dataset")
            .field("name", &self.name())
            .field("len", &self.len())
            .finish()
    }
}

impl PictureDataset {
    /// Opens `ROOT/SPLIT/{images,labels}`. Pictures are listed, not read.
    ///
    /// # Errors
    /// [`DataError::Read`], [`DataError::Empty`], [`DataError::Partner`] for a picture without a
    /// label map, [`DataError::SameStem`].
    pub fn camvid(root: &Path, split: &str) -> Result<Self, DataError> {
        Ok(Self::CamVid {
            pairs: pairs_by_stem(&root.join(split))?,
            name: root.join(split).display().to_string(),
        })
    }

    /// Opens `ROOT/SPLIT/{images,labels}` with IDD-Lite's 7 labels.
    ///
    /// # Errors
    /// As [`PictureDataset::camvid`].
    pub fn idd_lite(root: &Path, split: &str) -> Result<Self, DataError> {
        Ok(Self::IddLite {
            pairs: pairs_by_stem(&root.join(split))?,
            name: root.join(split).display().to_string(),
        })
    }

    /// Opens `ROOT/leftImg8bit/SPLIT` and `ROOT/gtFine/SPLIT`, all cities.
    ///
    /// # Errors
    /// As [`PictureDataset::camvid`].
    pub fn cityscapes(root: &Path, split: &str) -> Result<Self, DataError> {
        let pictures = root.join("leftImg8bit").join(split);
        let labels = root.join("gtFine").join(split);
        let mut pairs = Vec::new();
        for city in entries(&pictures)?.into_iter().filter(|path| path.is_dir()) {
            let label_city = labels.join(city.file_name().unwrap_or_default());
            for path in entries(&city)? {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let Some(stem) = name.strip_suffix("_leftImg8bit.png") else {
                    continue;
                };
                let train = label_city.join(format!("{stem}_gtFine_labelTrainIds.png"));
                let ids = label_city.join(format!("{stem}_gtFine_labelIds.png"));
                let label = if train.is_file() {
                    train
                } else if ids.is_file() {
                    ids
                } else {
                    return Err(DataError::Partner {
                        path,
                        partner: "label map",
                        wanted: train,
                    });
                };
                pairs.push((path, label));
            }
        }
        if pairs.is_empty() {
            return Err(DataError::Empty {
                path: pictures,
                wanted: "CITY/*_leftImg8bit.png".into(),
            });
        }
        Ok(Self::Cityscapes {
            pairs,
            name: pictures.display().to_string(),
        })
    }

    /// Frames that `source` makes, numbered `0..len`, with `classes` known classes.
    pub fn frames(
        name: impl Into<String>,
        len: u64,
        classes: usize,
        source: impl Fn(u64) -> Result<LabelledSample, DataError> + Send + Sync + 'static,
    ) -> Self {
        Self::Frames {
            source: Arc::new(source),
            len,
            classes,
            name: name.into(),
        }
    }

    /// Number of samples.
    pub fn len(&self) -> u64 {
        match self {
            Self::CamVid { pairs, .. }
            | Self::IddLite { pairs, .. }
            | Self::Cityscapes { pairs, .. } => pairs.len() as u64,
            Self::Frames { len, .. } => *len,
        }
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name for messages.
    pub fn name(&self) -> &str {
        match self {
            Self::CamVid { name, .. }
            | Self::IddLite { name, .. }
            | Self::Cityscapes { name, .. }
            | Self::Frames { name, .. } => name,
        }
    }

    /// Number of known classes; every label is below it, [`VOID`] or [`PASTED`].
    pub fn classes(&self) -> usize {
        match self {
            Self::CamVid { .. } | Self::IddLite { .. } => CAMVID_CLASSES.len(),
            Self::Cityscapes { .. } => CITYSCAPES_CLASSES.len(),
            Self::Frames { classes, .. } => *classes,
        }
    }

    /// Reads sample `index`.
    ///
    /// # Errors
    /// [`DataError::Index`] past the end; [`DataError::Read`], [`DataError::Decode`],
    /// [`DataError::NotLabels`], [`DataError::LabelValue`] and [`DataError::SizeMismatch`] for the
    /// files of the sample.
    pub fn get(&self, index: u64) -> Result<LabelledSample, DataError> {
        let past = || DataError::Index {
            dataset: self.name().to_owned(),
            index,
            len: self.len(),
        };
        match self {
            Self::CamVid { pairs, .. } => {
                let (picture, label) = at(pairs, index).ok_or_else(past)?;
                read_pair(
                    picture,
                    label,
                    &camvid_table(),
                    "0 to 10, 11 and 255 (unlabelled)",
                )
            }
            Self::IddLite { pairs, .. } => {
                let (picture, label) = at(pairs, index).ok_or_else(past)?;
                read_pair(
                    picture,
                    label,
                    &idd_lite_table(),
                    "0 to 6, 255 (unlabelled)",
                )
            }
            Self::Cityscapes { pairs, .. } => {
                let (picture, label) = at(pairs, index).ok_or_else(past)?;
                let raw = label.to_string_lossy().ends_with("_labelIds.png");
                let (table, allowed) = if raw {
                    (cityscapes_id_table(), "0 to 33 and 255 (label ids)")
                } else {
                    (cityscapes_train_table(), "0 to 18 and 255 (train ids)")
                };
                read_pair(picture, label, &table, allowed)
            }
            Self::Frames {
                source,
                len,
                classes,
                ..
            } => {
                if index >= *len {
                    return Err(past());
                }
                let sample = source(index)?;
                sample.check()?;
                let known = |v: u8| usize::from(v) < *classes || v == VOID || v == PASTED;
                if let Some(i) = sample.labels.iter().position(|&v| !known(v)) {
                    let w = sample.picture.size().w;
                    return Err(DataError::LabelValue {
                        path: PathBuf::from(&sample.name),
                        value: sample.labels[i],
                        x: i % w,
                        y: i / w,
                        allowed: format!("0 to {}, 254 and 255", classes.saturating_sub(1)),
                    });
                }
                Ok(sample)
            }
        }
    }

    /// Reads every file once, on all cores, and returns what is wrong, in order. Worth its time
    /// before a run of hours. `done` is called after each sample. Frames made on demand are not
    /// checked.
    pub fn check(&self, done: impl Fn() + Sync) -> Vec<DataError> {
        if matches!(self, Self::Frames { .. }) {
            return Vec::new();
        }
        let outcomes: Vec<Option<DataError>> = (0..self.len())
            .into_par_iter()
            .map(|i| {
                let outcome = self.get(i).err();
                done();
                outcome
            })
            .collect();
        outcomes.into_iter().flatten().collect()
    }
}

/// Pictures in `FOLDER/images` with the label maps of the same stem in `FOLDER/labels`.
fn pairs_by_stem(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, DataError> {
    let mut by_stem = BTreeMap::new();
    for path in pictures_in(&folder.join("images"))? {
        let stem = path.file_stem().unwrap_or_default().to_owned();
        if let Some(first) = by_stem.insert(stem, path.clone()) {
            return Err(DataError::SameStem {
                first,
                second: path,
            });
        }
    }
    let mut pairs = Vec::with_capacity(by_stem.len());
    for (stem, path) in by_stem {
        let mut file = stem;
        file.push(".png");
        let label = folder.join("labels").join(file);
        if !label.is_file() {
            return Err(DataError::Partner {
                path,
                partner: "label map",
                wanted: label,
            });
        }
        pairs.push((path, label));
    }
    Ok(pairs)
}

fn at(pairs: &[(PathBuf, PathBuf)], index: u64) -> Option<(&Path, &Path)> {
    let (picture, label) = pairs.get(usize::try_from(index).ok()?)?;
    Some((picture, label))
}

fn read_pair(
    picture_path: &Path,
    label_path: &Path,
    table: &Table,
    allowed: &str,
) -> Result<LabelledSample, DataError> {
    let picture = read_picture(picture_path)?;
    let stored: PixelMap<u8> = read_labels(label_path)?;
    let (picture_size, label_size): (Size, Size) = (picture.size(), stored.size());
    if picture_size != label_size {
        return Err(DataError::SizeMismatch {
            picture: picture_path.to_owned(),
            picture_size: picture_size.to_string(),
            label: label_path.to_owned(),
            label_size: label_size.to_string(),
        });
    }
    let labels = relabel(label_path, label_size.w, stored.data(), table, || {
        allowed.into()
    })?;
    let name = picture_path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(LabelledSample {
        name,
        picture,
        labels,
    })
}

#[cfg(test)]
mod tests;
