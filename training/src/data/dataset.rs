//! Labelled pictures: folders in the CamVid and the Cityscapes layout, and frames from memory.

mod classes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use unmask::frame::{Map, Picture, Size};

use super::files::{entries, pictures_in, read_labels, read_picture};
use super::{DataError, PASTED, VOID};
pub use classes::{CAMVID_CLASSES, CAMVID_GROUND, CITYSCAPES_CLASSES, CITYSCAPES_GROUND};
use classes::{Table, camvid_table, cityscapes_id_table, cityscapes_train_table, relabel};

/// A picture and what each of its pixels shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name for messages and logs: the file's stem, or what the provider says.
    pub name: String,
    /// The picture.
    pub picture: Picture,
    /// `w * h` train ids row by row, [`VOID`] where unknown, [`PASTED`] on anomalies.
    pub labels: Vec<u8>,
}

impl Sample {
    /// A sample whose class map uses other numbers than the network's: `lookup[value]` is the
    /// train id, and 255 marks an anomaly, which becomes `anomaly` ([`PASTED`] when training with
    /// outliers, [`VOID`] when training the closed set). Values may map to [`VOID`].
    ///
    /// # Errors
    /// [`DataError::LabelValue`] where a value is neither 255 nor inside `lookup`,
    /// [`DataError::SizeMismatch`] where `classes` does not have one value a pixel.
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

/// What gives the samples of [`Dataset::Frames`].
pub type FrameSource = Arc<dyn Fn(u64) -> Result<Sample, DataError> + Send + Sync>;

/// A set of labelled pictures, read one at a time.
#[derive(Clone)]
pub enum Dataset {
    /// `ROOT/{train,val}/{images,labels}`, same stems, class index PNGs, 11 = unlabelled.
    CamVid {
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

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dataset")
            .field("name", &self.name())
            .field("len", &self.len())
            .finish()
    }
}

impl Dataset {
    /// Opens `ROOT/SPLIT/{images,labels}`. Pictures are listed, not read.
    ///
    /// # Errors
    /// [`DataError::Read`], [`DataError::Empty`], [`DataError::Partner`] for a picture without a
    /// label map, [`DataError::SameStem`].
    pub fn camvid(root: &Path, split: &str) -> Result<Self, DataError> {
        let folder = root.join(split);
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
        Ok(Self::CamVid {
            pairs,
            name: folder.display().to_string(),
        })
    }

    /// Opens `ROOT/leftImg8bit/SPLIT` and `ROOT/gtFine/SPLIT`, all cities.
    ///
    /// # Errors
    /// As [`Dataset::camvid`].
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
        source: impl Fn(u64) -> Result<Sample, DataError> + Send + Sync + 'static,
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
            Self::CamVid { pairs, .. } | Self::Cityscapes { pairs, .. } => pairs.len() as u64,
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
            | Self::Cityscapes { name, .. }
            | Self::Frames { name, .. } => name,
        }
    }

    /// Number of known classes; every label is below it, [`VOID`] or [`PASTED`].
    pub fn classes(&self) -> usize {
        match self {
            Self::CamVid { .. } => CAMVID_CLASSES.len(),
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
    pub fn get(&self, index: u64) -> Result<Sample, DataError> {
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

fn at(pairs: &[(PathBuf, PathBuf)], index: u64) -> Option<(&Path, &Path)> {
    let (picture, label) = pairs.get(usize::try_from(index).ok()?)?;
    Some((picture, label))
}

fn read_pair(
    picture_path: &Path,
    label_path: &Path,
    table: &Table,
    allowed: &str,
) -> Result<Sample, DataError> {
    let picture = read_picture(picture_path)?;
    let stored: Map<u8> = read_labels(label_path)?;
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
    Ok(Sample {
        name,
        picture,
        labels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a 4×2 picture.
    fn picture(path: PathBuf) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(4, 2, image::Rgb([9, 8, 7]))
            .save(path)
            .unwrap();
    }

    /// Writes a label map, 4 wide.
    fn labels(path: PathBuf, values: &[u8]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let h = values.len() as u32 / 4;
        image::GrayImage::from_raw(4, h, values.to_vec())
            .unwrap()
            .save(path)
            .unwrap();
    }

    fn camvid_folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for stem in ["b", "a"] {
            picture(dir.path().join(format!("train/images/{stem}.png")));
            labels(
                dir.path().join(format!("train/labels/{stem}.png")),
                &[0, 1, 2, 3, 10, 11, 255, 4],
            );
        }
        dir
    }

    #[test]
    fn camvid_gives_train_ids_and_void() {
        let dir = camvid_folder();
        let set = Dataset::camvid(dir.path(), "train").unwrap();
        assert_eq!((set.len(), set.is_empty(), set.classes()), (2, false, 11));
        let sample = set.get(0).unwrap();
        assert_eq!(sample.name, "a");
        assert_eq!(sample.labels, [0, 1, 2, 3, 10, VOID, VOID, 4]);
        assert_eq!(sample.picture.at(3, 1), [9, 8, 7]);
        assert!(set.check(|| ()).is_empty());
        let error = set.get(2).unwrap_err();
        assert!(
            matches!(
                error,
                DataError::Index {
                    index: 2,
                    len: 2,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn camvid_names_what_is_wrong() {
        let dir = camvid_folder();
        let open = || Dataset::camvid(dir.path(), "train");
        let bad = dir.path().join("train/labels/b.png");
        labels(bad.clone(), &[0, 1, 2, 3, 0, 12, 13, 0]);
        let found = open().unwrap().check(|| ());
        assert_eq!(found.len(), 1);
        let message = found[0].to_string();
        assert!(
            message.contains("b.png") && message.contains("value 12"),
            "{message}"
        );
        assert!(message.contains("column 1, row 1"), "{message}");

        labels(bad.clone(), &[0; 4]);
        let message = open().unwrap().get(1).unwrap_err().to_string();
        assert!(
            message.contains("4x1") && message.contains("4x2"),
            "{message}"
        );

        std::fs::remove_file(&bad).unwrap();
        let error = open().unwrap_err();
        assert!(matches!(
            error,
            DataError::Partner {
                partner: "label map",
                ..
            }
        ));
        assert!(error.to_string().contains("labels/b.png"), "{error}");

        picture(dir.path().join("train/images/a.jpg"));
        assert!(matches!(open().unwrap_err(), DataError::SameStem { .. }));
        assert!(matches!(
            Dataset::camvid(dir.path(), "val").unwrap_err(),
            DataError::Read { .. }
        ));
        std::fs::create_dir_all(dir.path().join("test/images")).unwrap();
        assert!(matches!(
            Dataset::camvid(dir.path(), "test").unwrap_err(),
            DataError::Empty { .. }
        ));
    }

    #[test]
    fn cityscapes_takes_train_ids_or_maps_label_ids() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in ["aachen/aachen_0", "ulm/ulm_7"] {
            picture(root.join(format!("leftImg8bit/val/{name}_leftImg8bit.png")));
        }
        picture(root.join("leftImg8bit/val/ulm/preview.png"));
        std::fs::write(root.join("leftImg8bit/val/license.txt"), "x").unwrap();
        let label = |name: &str| root.join(format!("gtFine/val/{name}"));
        labels(
            label("aachen/aachen_0_gtFine_labelTrainIds.png"),
            &[0, 18, 255, 1, 2, 3, 4, 5],
        );
        labels(label("aachen/aachen_0_gtFine_labelIds.png"), &[200; 8]);
        let error = Dataset::cityscapes(root, "val").unwrap_err();
        assert!(
            error.to_string().contains("ulm_7_gtFine_labelTrainIds.png"),
            "{error}"
        );
        labels(
            label("ulm/ulm_7_gtFine_labelIds.png"),
            &[7, 8, 33, 0, 255, 29, 26, 11],
        );

        let set = Dataset::cityscapes(root, "val").unwrap();
        assert_eq!((set.len(), set.classes()), (2, 19));
        let first = set.get(0).unwrap();
        assert_eq!(first.labels, [0, 18, VOID, 1, 2, 3, 4, 5]);
        assert_eq!(first.name, "aachen_0_leftImg8bit");
        assert_eq!(
            set.get(1).unwrap().labels,
            [0, 1, 18, VOID, VOID, VOID, 13, 2]
        );

        labels(
            label("ulm/ulm_7_gtFine_labelIds.png"),
            &[7, 8, 34, 0, 0, 0, 0, 0],
        );
        let message = set.get(1).unwrap_err().to_string();
        assert!(
            message.contains("value 34") && message.contains("label ids"),
            "{message}"
        );
        labels(
            label("aachen/aachen_0_gtFine_labelTrainIds.png"),
            &[0, 19, 0, 0, 0, 0, 0, 0],
        );
        let message = set.get(0).unwrap_err().to_string();
        assert!(
            message.contains("value 19") && message.contains("train ids"),
            "{message}"
        );

        std::fs::create_dir_all(root.join("leftImg8bit/empty/bonn")).unwrap();
        let error = Dataset::cityscapes(root, "empty").unwrap_err();
        assert!(matches!(error, DataError::Empty { .. }));
    }

    fn frame(values: &[u8]) -> Sample {
        let picture = Picture::filled(Size::new(2, 2), [1, 2, 3]);
        Sample {
            name: "scene 4".into(),
            picture,
            labels: values.to_vec(),
        }
    }

    #[test]
    fn frames_from_memory_are_checked_as_files_are() {
        let set = Dataset::frames("drive", 3, 5, |i| {
            Ok(frame(match i {
                0 => &[0, 4, VOID, PASTED],
                1 => &[0, 4, 5, 0],
                _ => &[0],
            }))
        });
        assert_eq!((set.len(), set.classes(), set.name()), (3, 5, "drive"));
        assert!(set.get(0).is_ok());
        let message = set.get(1).unwrap_err().to_string();
        assert!(
            message.contains("scene 4") && message.contains("value 5"),
            "{message}"
        );
        assert!(matches!(
            set.get(2).unwrap_err(),
            DataError::SizeMismatch { .. }
        ));
        assert!(matches!(set.get(3).unwrap_err(), DataError::Index { .. }));
        assert!(set.check(|| ()).is_empty());
    }

    #[test]
    fn scenes_are_mapped_to_the_classes_of_the_network() {
        let size = Size::new(2, 2);
        let scene = |classes: &[u8], anomaly| {
            Sample::from_scene(
                "s",
                Picture::filled(size, [0; 3]),
                classes,
                &[3, VOID, 8],
                anomaly,
            )
        };
        assert_eq!(
            scene(&[0, 1, 2, 255], PASTED).unwrap().labels,
            [3, VOID, 8, PASTED]
        );
        assert_eq!(
            scene(&[0, 1, 2, 255], VOID).unwrap().labels,
            [3, VOID, 8, VOID]
        );
        let message = scene(&[0, 0, 3, 0], VOID).unwrap_err().to_string();
        assert!(message.contains("value 3 at column 0, row 1"), "{message}");
        assert!(matches!(
            scene(&[0, 0, 0], VOID).unwrap_err(),
            DataError::SizeMismatch { .. }
        ));
    }

    #[test]
    fn a_picture_without_pixels_is_refused() {
        let picture = Picture::filled(Size::new(0, 4), [0; 3]);
        let sample = Sample {
            name: "none".into(),
            picture,
            labels: Vec::new(),
        };
        assert!(matches!(
            sample.check().unwrap_err(),
            DataError::Decode { .. }
        ));
    }
}
