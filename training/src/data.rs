//! Training data: labelled pictures, outlier objects, augmentation, pasting, batches.
//!
//! The way of an example: a [`SourceMixture`] of [`PictureDataset`]s says which sample comes next, [`PasteSettings`]
//! puts outlier objects into the picture, [`AugmentSettings`] scales, crops, flips and recolours it,
//! [`BatchLoader`] gathers batches ahead of the training step. (Mask2Anomaly, arXiv 2307.13316, section
//! on training; the pasting follows its released code, with the object's size as a setting.)
//!
//! There is no hidden state: batch `n` follows from the seed and `n` alone, whatever the number of
//! threads and whatever was asked before. A run that is killed and resumed sees the same batches.

mod augment;
mod dataset;
mod error;
mod example;
mod files;
mod loader;
mod mixture;
mod outlier;
mod paste;
mod polygon;
mod resample;
mod rng;

pub use augment::{AugmentSettings, ColourJitter, ShortSide};
pub use dataset::{
    CAMVID_CLASSES, CAMVID_GROUND, CITYSCAPES_CLASSES, CITYSCAPES_GROUND, FrameSource,
    IDD_LITE_GROUPS, LabelledSample, PictureDataset,
};
pub use error::DataError;
pub use example::{InputNormalisation, TrainingExample, fit_example, make_example};
pub use files::{read_labels, read_picture};
pub use loader::{BatchLoader, BatchProvider, ExampleBatch, LoaderRecipe};
pub use mixture::SourceMixture;
pub use outlier::{
    CutSettings, OutlierCounts, OutlierObject, OutlierSet, ROAD_CLASS_NAMES, ROAD_CLASSES_COCO80,
    read_coco, read_yolo,
};
pub use paste::PasteSettings;
pub use rng::Rng;

/// Label of a pixel that no loss looks at as a known class: unlabelled, or outside the picture.
pub const VOID: u8 = 255;

/// Label of the first group of classes; group `g` has the label `GROUP + g`.
///
/// A data set with coarser labels than the network's classes says only that a pixel shows one of
/// several classes, see [`crate::losses::group_loss`].
pub const GROUP: u8 = 200;

/// Number of labels that are kept for groups.
pub const GROUPS_MAX: u8 = 50;

/// Label of a pixel of an object that does not belong: pasted, or an anomaly of the synthetic
/// drive.
pub const PASTED: u8 = 254;
