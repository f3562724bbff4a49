//! What a training run does, as a TOML file: network, data, stages.

use crate::data::{
    self, AugmentSettings, CAMVID_CLASSES, CITYSCAPES_CLASSES, CutSettings, DataError,
    InputNormalisation, LabelledSample, OutlierObject, PASTED, PasteSettings, PictureDataset,
    ROAD_CLASS_NAMES, ROAD_CLASSES_COCO80, SourceMixture, VOID,
};
use crate::losses::MarginLoss;
use crate::matcher::MatchWeights;
use crate::optimizer::OptimizerSettings;
use crate::points::PointSampler;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use unmask_network::{AttentionKind, EfficientNet, HeadKind, NetworkConfig, NetworkConfigError};

/// A training run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    /// Name of the run, and of the files it writes.
    pub name: String,
    /// Every random choice follows from it.
    pub seed: u64,
    /// The network.
    pub network: NetworkChoice,
    /// Classes by name; where absent, those of the data (CamVid or Cityscapes).
    #[serde(default)]
    pub normalise: InputNormalisation,
    /// Outlier objects: folders relative to the data folder.
    #[serde(default)]
    pub outliers: Vec<OutlierSource>,
    /// Validation pictures.
    pub validation: ValidationSettings,
    /// Stages, one after the other.
    pub stages: Vec<TrainingStage>,
}

/// A preset and what differs from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkChoice {
    /// `tiny`, `small` or `r50`.
    pub preset: String,
    /// Cross-attention, where another than the preset's.
    pub attention: Option<AttentionKind>,
    /// Head, where another than the preset's.
    pub head: Option<HeadKind>,
    /// ResNet depth, where another than the preset's.
    pub depth: Option<usize>,
    /// Base width, where another than the preset's.
    pub width: Option<usize>,
    /// EfficientNet-Lite in place of the ResNet: `lite0`, `lite1` or `lite2`.
    pub efficientnet: Option<EfficientNet>,
    /// Decoder layers, where another number than the preset's.
    pub decoder_layers: Option<usize>,
}

/// Where labelled pictures come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DataSource {
    /// `PATH/train/{images,labels}` with CamVid's 11 classes.
    Camvid {
        /// Folder, relative to the data folder.
        path: PathBuf,
        /// Share of the draws.
        share: f64,
    },
    /// `PATH/train/{images,labels}` with IDD-Lite's 7 labels, each a group of CamVid's classes.
    IddLite {
        /// Folder, relative to the data folder.
        path: PathBuf,
        /// Share of the draws.
        share: f64,
    },
    /// `PATH/leftImg8bit/train` and `PATH/gtFine/train` with Cityscapes' 19 classes.
    Cityscapes {
        /// Folder, relative to the data folder.
        path: PathBuf,
        /// Share of the draws.
        share: f64,
    },
    /// Stills of the synthetic drive (CamVid's 11 classes).
    Drive {
        /// Seed of the drive.
        seed: u64,
        /// Number of different images.
        stills: u64,
        /// Width and height of a still, px.
        size: (usize, usize),
        /// Share of the images that look at a zebra crossing (0 to 1; absent = 0).
        #[serde(default)]
        crossings: f64,
        /// Share of the draws.
        share: f64,
    },
}

/// Where outlier objects come from. Classes that a road scene knows are left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OutlierSource {
    /// `PATH/images` and `PATH/labels/*.txt`, class numbers of COCO's 80 names.
    Yolo {
        /// Folder, relative to the data folder.
        path: PathBuf,
    },
    /// A COCO instances file and its pictures.
    Coco {
        /// Annotation file, relative to the data folder.
        annotations: PathBuf,
        /// Picture folder, relative to the data folder.
        images: PathBuf,
    },
}

/// How progress is judged while training; not the figures of the model card.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationSettings {
    /// Labelled pictures (their `val` split).
    pub source: DataSource,
    /// At most so many of them.
    pub pictures: u64,
    /// Every so many steps.
    pub every: u64,
    /// Width and height they are squeezed to, px: multiples of 32.
    pub size: (usize, usize),
}

/// One stage of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingStage {
    /// Name, for logs and files.
    pub name: String,
    /// Steps.
    pub steps: u64,
    /// Pictures per step.
    pub batch: usize,
    /// Labelled pictures.
    pub sources: Vec<DataSource>,
    /// How examples are cut; the crop is a multiple of 32.
    #[serde(default)]
    pub augment: AugmentSettings,
    /// Pasting of outliers; absent = closed set.
    pub paste: Option<PasteSettings>,
    /// The margin loss; absent = none.
    pub margin: Option<MarginLoss>,
    /// Optimizer.
    #[serde(default)]
    pub optim: OptimizerSettings,
    /// Keep the batch norms' statistics as they are: for small batches.
    #[serde(default)]
    pub frozen_norm: bool,
    /// Stages of the backbone that are not trained, in order: 1 = the stem, 5 = all of it.
    #[serde(default)]
    pub frozen_stages: usize,
    /// Point sampling.
    #[serde(default)]
    pub points: PointSampler,
    /// Weights of the set loss.
    #[serde(default)]
    pub weights: MatchWeights,
}

/// Why a recipe cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The recipe file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The file is not a recipe.
    #[error("{path}: {what}")]
    Parse {
        /// The recipe file.
        path: PathBuf,
        /// What and where.
        what: String,
    },
    /// A setting that cannot stand.
    #[error("recipe: {key}: {what}")]
    Setting {
        /// The key.
        key: String,
        /// What is wrong and what would do.
        what: String,
    },
    /// The network cannot be built.
    #[error("recipe: network: {0}")]
    Network(#[from] NetworkConfigError),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl TrainingRecipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// [`RecipeError::Read`], [`RecipeError::Parse`] with line and key, and what
    /// [`TrainingRecipe::check`] finds.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text = unmask_frame::read_regular_text(path, u64::MAX).map_err(|source| {
            RecipeError::Read {
                path: path.to_owned(),
                source,
            }
        })?;
        let recipe: Self =
            toml::from_str(unmask_frame::without_bom(&text)).map_err(|e| RecipeError::Parse {
                path: path.to_owned(),
                what: e.to_string().trim().to_owned(),
            })?;
        recipe.check()?;
        Ok(recipe)
    }

    /// Checks what can be checked without the data.
    ///
    /// # Errors
    /// [`RecipeError::Setting`] or [`RecipeError::Network`], naming the key.
    pub fn check(&self) -> Result<(), RecipeError> {
        self.config()?;
        let setting = |key: String, what: &str| {
            Err(RecipeError::Setting {
                key,
                what: what.to_owned(),
            })
        };
        if self.stages.is_empty() {
            return setting("stages".into(), "give at least one stage");
        }
        let multiple =
            |(w, h): (usize, usize)| w > 0 && h > 0 && w.is_multiple_of(32) && h.is_multiple_of(32);
        if !multiple(self.validation.size) {
            return setting(
                "validation.size".into(),
                "width and height must be multiples of 32",
            );
        }
        for (i, stage) in self.stages.iter().enumerate() {
            let key = |field: &str| format!("stages[{i}].{field}");
            if stage.steps == 0 || stage.batch == 0 {
                return setting(key("steps, batch"), "must be 1 or more");
            }
            if !multiple(stage.augment.crop) {
                return setting(
                    key("augment.crop"),
                    "width and height must be multiples of 32",
                );
            }
            if stage.points.count == 0 || stage.points.oversample < 1.0 {
                return setting(key("points"), "count and oversample must be 1 or more");
            }
            if stage.frozen_stages > BACKBONE_STAGES.len() {
                return setting(key("frozen_stages"), "must be 0 to 5");
            }
            let shares = stage.margin.map_or([0.0; 2], |m| [m.hard, m.even]);
            if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
                return setting(key("margin"), "hard and even must be from 0 to 1");
            }
            if stage.paste.is_some() && self.outliers.is_empty() {
                return setting(
                    "outliers".into(),
                    "a stage pastes objects: give a source of them",
                );
            }
        }
        Ok(())
    }

    /// The network's configuration: the preset, the overrides, and the classes of the data.
    ///
    /// # Errors
    /// [`RecipeError::Network`].
    pub fn config(&self) -> Result<NetworkConfig, RecipeError> {
        let mut config = NetworkConfig::preset(&self.network.preset)?;
        config.attention = self.network.attention.unwrap_or(config.attention);
        config.head = self.network.head.unwrap_or(config.head);
        config.depth = self.network.depth.unwrap_or(config.depth);
        config.width = self.network.width.unwrap_or(config.width);
        config.efficientnet = self.network.efficientnet;
        config.decoder_layers = self.network.decoder_layers.unwrap_or(config.decoder_layers);
        config.classes = self.classes().len();
        config.check()?;
        Ok(config)
    }

    /// Class names, in the order of their train ids.
    pub fn classes(&self) -> &'static [&'static str] {
        match &self.validation.source {
            DataSource::Cityscapes { .. } => &CITYSCAPES_CLASSES,
            DataSource::Camvid { .. } | DataSource::IddLite { .. } | DataSource::Drive { .. } => {
                &CAMVID_CLASSES
            }
        }
    }

    /// Train ids of the road.
    pub fn road(&self) -> Vec<usize> {
        self.ids(&["road"])
    }

    /// Train ids that refinement may suppress: stuff other than the ground (paper, sec. 3.4).
    pub fn stuff(&self) -> Vec<usize> {
        self.ids(&[
            "sky",
            "building",
            "pole",
            "tree",
            "sign",
            "fence",
            "wall",
            "traffic light",
            "traffic sign",
            "vegetation",
            "terrain",
        ])
    }

    fn ids(&self, names: &[&str]) -> Vec<usize> {
        let classes = self.classes().iter().enumerate();
        classes
            .filter(|(_, c)| names.contains(c))
            .map(|(i, _)| i)
            .collect()
    }

    /// Reads all outlier objects below `root`.
    ///
    /// # Errors
    /// [`RecipeError::Data`].
    pub fn read_outliers(&self, root: &Path) -> Result<Vec<OutlierObject>, RecipeError> {
        let mut out = Vec::new();
        for source in &self.outliers {
            let set = match source {
                OutlierSource::Yolo { path } => data::read_yolo(
                    &root.join(path),
                    &ROAD_CLASSES_COCO80,
                    &CutSettings::default(),
                )?,
                OutlierSource::Coco {
                    annotations,
                    images,
                } => data::read_coco(
                    &root.join(annotations),
                    &root.join(images),
                    &ROAD_CLASS_NAMES,
                    &CutSettings::default(),
                )?,
            };
            out.extend(set.outliers);
        }
        Ok(out)
    }
}

/// Names of the backbone's stages, in order.
const BACKBONE_STAGES: [&str; 5] = ["stem", "res2", "res3", "res4", "res5"];

impl TrainingStage {
    /// What the names of parameters that are not trained start with.
    pub fn frozen_prefixes(&self) -> Vec<String> {
        let frozen = BACKBONE_STAGES.iter().take(self.frozen_stages);
        frozen.map(|name| format!("backbone.{name}.")).collect()
    }

    /// What gives this stage's examples.
    ///
    /// # Errors
    /// [`RecipeError::Data`].
    pub fn provider(
        &self,
        root: &Path,
        outliers: &Arc<[OutlierObject]>,
        normalise: InputNormalisation,
    ) -> Result<data::LoaderRecipe, RecipeError> {
        // Anomalies of the drive teach where outliers do; the closed set must not see them.
        let open = self.paste.is_some() || self.margin.is_some();
        let anomaly = if open { PASTED } else { VOID };
        let mut parts = Vec::new();
        for source in &self.sources {
            parts.push(source.open(root, "train", anomaly)?);
        }
        let provider = data::LoaderRecipe {
            mixture: SourceMixture::new(parts)?,
            augment: self.augment.clone(),
            paste: self.paste.clone().map(|p| (p, outliers.clone())),
            normalise,
            batch_size: self.batch,
        };
        provider.check()?;
        Ok(provider)
    }
}

impl DataSource {
    /// The data set and its share. Anomalies of the drive get the label `anomaly`.
    ///
    /// # Errors
    /// [`RecipeError::Data`].
    pub fn open(
        &self,
        root: &Path,
        split: &str,
        anomaly: u8,
    ) -> Result<(PictureDataset, f64), RecipeError> {
        Ok(match self {
            DataSource::Camvid { path, share } => {
                (PictureDataset::camvid(&root.join(path), split)?, *share)
            }
            DataSource::IddLite { path, share } => {
                (PictureDataset::idd_lite(&root.join(path), split)?, *share)
            }
            DataSource::Cityscapes { path, share } => {
                (PictureDataset::cityscapes(&root.join(path), split)?, *share)
            }
            DataSource::Drive {
                seed,
                stills,
                size,
                crossings,
                share,
            } => (drive(*seed, *stills, *size, *crossings, anomaly)?, *share),
        })
    }
}

/// Stills of the synthetic drive.
fn drive(
    seed: u64,
    stills: u64,
    size: (usize, usize),
    crossings: f64,
    anomaly: u8,
) -> Result<PictureDataset, RecipeError> {
    if !(0.0..=1.0).contains(&crossings) {
        return Err(RecipeError::Setting {
            key: "sources: drive: crossings".into(),
            what: format!("{crossings} is no share: give 0 to 1"),
        });
    }
    let settings = unmask_drive::DriveSettings {
        seed,
        size: unmask_frame::Size::new(size.0, size.1),
        ..unmask_drive::DriveSettings::default()
    };
    let drive = unmask_drive::Drive::new(settings).map_err(|e| RecipeError::Setting {
        key: "sources: drive".into(),
        what: e.to_string(),
    })?;
    let lookup: Vec<u8> = (0..CAMVID_CLASSES.len() as u8).collect();
    Ok(PictureDataset::frames(
        "the synthetic drive",
        stills,
        CAMVID_CLASSES.len(),
        move |n| {
            // Every still is a street of its own, so counting them round is random enough.
            let scene = if ((n % 100) as f64) < crossings * 100.0 {
                drive.random_crossing(n)
            } else {
                drive.random_scene(n)
            };
            LabelledSample::from_scene(
                format!("drive-{n}"),
                scene.picture,
                scene.classes.data(),
                &lookup,
                anomaly,
            )
        },
    ))
}
