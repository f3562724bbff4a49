//! The training loop: stages in order, a log, checkpoints, validation.

use crate::checkpoint::{self, CheckpointError, CheckpointFolder};
use crate::data::{
    BatchLoader, CAMVID_GROUND, CITYSCAPES_GROUND, DataError, ExampleBatch, IDD_LITE_GROUPS,
    OutlierObject, VOID,
};
use crate::interpreter::{BurnOps, BurnValue};
use crate::losses::{self, LossTargets, StackedTargets};
use crate::optimizer::OptimizerState;
use crate::params::ParamStore;
use crate::pretrained::{self, PretrainedError};
use crate::recipe::{DataSource, RecipeError, TrainingRecipe, TrainingStage};
use crate::validate;
use burn::tensor::{Device, Tensor, TensorData};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use unmask_network::{MaskNetwork, NetworkOutputs};

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The recipe or its data.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The log.
    #[error("{path}: {source}")]
    Log {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// Weights of the backbone.
    #[error(transparent)]
    Pretrained(#[from] PretrainedError),
    /// The plot.
    #[error(transparent)]
    Plot(#[from] crate::plot::PlotError),
    /// The loss is not a number any more.
    #[error(
        "{stage}, step {step}: the loss has not been finite for {count} steps; lower \
         `optim.lr`, or start from an earlier checkpoint"
    )]
    Diverged {
        /// Name of the stage.
        stage: String,
        /// Step.
        step: u64,
        /// Steps without a finite loss.
        count: u64,
    },
    /// The folder holds a run that was not asked to continue.
    #[error("{path} holds a run already: add --resume to go on with it, or give another --out")]
    Occupied {
        /// The state file.
        path: PathBuf,
    },
}

/// Where a run reads and writes.
#[derive(Clone, Debug)]
pub struct DataFolders {
    /// The data folder that the recipe's paths are relative to.
    pub data: PathBuf,
    /// Checkpoints and the log go here.
    pub out: PathBuf,
}

/// How a run is carried out; none of it changes its result.
#[derive(Clone, Debug)]
pub struct RunManner {
    /// Go on from the state in the folder.
    pub resume: bool,
    /// Start from this model instead of from nothing.
    pub init: Option<PathBuf>,
    /// Start the backbone from the public PyTorch weights in this file.
    pub backbone: Option<PathBuf>,
    /// Write a state every so many steps.
    pub save_every: u64,
    /// Stop after so many steps of this process.
    pub stop_after: Option<u64>,
    /// Threads that make batches.
    pub loader_threads: usize,
    /// The forms of operations that GPUs run well.
    pub gpu: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All stages ran.
    Finished {
        /// The model.
        model: PathBuf,
    },
    /// [`RunManner::stop_after`] steps ran: the model is not written yet.
    Stopped {
        /// The state, from which [`RunManner::resume`] continues.
        state: PathBuf,
    },
}

/// Not finite for so many steps in a row: diverged.
const PATIENCE: u64 = 20;

/// Runs `recipe` on `device` (with gradients); says how it ended and what was written.
///
/// # Errors
/// [`TrainError`]. What was saved before stays.
pub fn run(
    recipe: &TrainingRecipe,
    folders: &DataFolders,
    manner: &RunManner,
    device: &Device,
) -> Result<Ending, TrainError> {
    let device = device.clone().autodiff();
    std::fs::create_dir_all(&folders.out).map_err(|source| TrainError::Log {
        path: folders.out.clone(),
        source,
    })?;
    let state = folders.out.join("state.safetensors");
    let model = folders.out.join(format!("{}.safetensors", recipe.name));
    if !manner.resume && state.exists() {
        return Err(TrainError::Occupied { path: state });
    }
    let network = MaskNetwork::new(recipe.config()?).map_err(RecipeError::from)?;
    let first = &recipe.stages[0];
    let (mut params, mut memory, place) = if manner.resume && state.exists() {
        checkpoint::read_state(&state, recipe, &device)?
    } else {
        let mut params = match &manner.init {
            Some(path) => checkpoint::read_model(path, recipe.seed, &device)?,
            None => ParamStore::new(device.clone(), recipe.seed),
        };
        if let Some(path) = &manner.backbone {
            pretrained::read_backbone(path, network.config(), &mut params)?;
        }
        (
            params,
            OptimizerState::new(&first.optim),
            CheckpointFolder { stage: 0, step: 0 },
        )
    };
    let mut log = TrainLog::open(&folders.out.join("log.jsonl"))?;
    let outliers = recipe.read_outliers(&folders.data)?;
    // Every tenth object is only ever pasted into validation pictures.
    let (kept, held): (Vec<(usize, OutlierObject)>, Vec<_>) = outliers
        .into_iter()
        .enumerate()
        .partition(|(i, _)| i % 10 != 9);
    let outliers: Arc<[OutlierObject]> = kept.into_iter().map(|(_, o)| o).collect();
    let held: Vec<OutlierObject> = held.into_iter().map(|(_, o)| o).collect();
    let set = validation_set(recipe, &folders.data, &held)?;

    let mut left = manner.stop_after.unwrap_or(u64::MAX);
    for (index, stage) in recipe.stages.iter().enumerate().skip(place.stage) {
        let start = if index == place.stage { place.step } else { 0 };
        if index != place.stage {
            memory = OptimizerState::new(&stage.optim);
        }
        let provider = stage.provider(&folders.data, &outliers, recipe.normalise)?;
        let seed = recipe.seed.wrapping_mul(1000).wrapping_add(index as u64);
        let loader = BatchLoader::new(provider, manner.loader_threads, seed)?;
        let bar = progress(stage);
        bar.set_position(start);
        let mut broken = 0;
        for step in start..stage.steps {
            if left == 0 {
                return Ok(Ending::Stopped { state });
            }
            left -= 1;
            let began = Instant::now();
            let batch = loader.batch(step)?;
            let key = [seed, step];
            let done = train_step(
                &network,
                stage,
                &batch,
                &mut params,
                &mut memory,
                &key,
                manner,
            );
            broken = if done.loss.is_finite() { 0 } else { broken + 1 };
            if broken >= PATIENCE {
                let stage = stage.name.clone();
                return Err(TrainError::Diverged {
                    stage,
                    step,
                    count: broken,
                });
            }
            let ms = began.elapsed().as_secs_f64() * 1e3;
            bar.set_message(format!("loss {:.3} lr {:.1e}", done.loss, done.rate));
            bar.inc(1);
            if step % 10 == 0 || step + 1 == stage.steps {
                log.line(&json!({
                    "stage": stage.name, "step": step, "loss": done.loss, "class": done.class,
                    "mask": done.mask, "dice": done.dice, "margin": done.margin,
                    "group": done.group,
                    "grad_norm": done.norm, "lr": done.rate, "step_ms": ms,
                }))?;
            }
            let last = step + 1 == stage.steps;
            if last || (step + 1) % recipe.validation.every == 0 {
                let report = set.run(&network, &mut resting(&params, &memory, &device));
                bar.println(format!(
                    "{} {}: mIoU {:.4}, pixel accuracy {:.4}, pasted AuPRC {:.4}, FPR95 {:.4}",
                    stage.name,
                    step + 1,
                    report.miou,
                    report.accuracy,
                    report.auprc,
                    report.fpr95,
                ));
                log.line(&json!({"stage": stage.name, "step": step, "validation": report}))?;
                checkpoint::write_model(&model, recipe, &params, &memory)?;
                crate::plot::draw(&log.path, &folders.out.join("log.svg"))?;
            }
            if last || (step + 1) % manner.save_every == 0 || left == 0 {
                let place = CheckpointFolder {
                    stage: index,
                    step: step + 1,
                };
                checkpoint::write_state(&state, recipe, &params, &memory, place)?;
            }
        }
        bar.finish();
        let done = folders
            .out
            .join(format!("{}-{}.safetensors", recipe.name, stage.name));
        checkpoint::write_model(&done, recipe, &params, &memory)?;
        params = resting(&params, &memory, &device).moving(&device);
    }
    checkpoint::write_model(&model, recipe, &params, &OptimizerState::new(&first.optim))?;
    Ok(Ending::Finished { model })
}

/// A copy of the parameters without gradients: the running mean where one is kept.
fn resting(params: &ParamStore, memory: &OptimizerState, device: &Device) -> ParamStore {
    params.resting(&device.clone().inner(), |name| memory.mean(name).cloned())
}

fn validation_set(
    recipe: &TrainingRecipe,
    root: &Path,
    outliers: &[OutlierObject],
) -> Result<validate::ValidationSet, TrainError> {
    let (set, _) = recipe.validation.source.open(root, "val", VOID)?;
    let n = set.len().min(recipe.validation.pictures);
    let mut samples = Vec::new();
    for i in 0..n {
        // Spread over the set: neighbours of a drive look alike.
        samples.push(set.get(i * set.len() / n.max(1))?);
    }
    let ground: &[u8] = match recipe.validation.source {
        DataSource::Cityscapes { .. } => &CITYSCAPES_GROUND,
        DataSource::Camvid { .. } | DataSource::IddLite { .. } | DataSource::Drive { .. } => {
            &CAMVID_GROUND
        }
    };
    let size = recipe.validation.size;
    Ok(validate::ValidationSet::new(
        &samples,
        outliers,
        ground,
        size,
        &recipe.normalise,
    )?)
}

/// What a step did.
struct TrainSummary {
    loss: f32,
    class: f32,
    mask: f32,
    dice: f32,
    margin: f32,
    group: f32,
    norm: f32,
    rate: f64,
}

fn train_step(
    network: &MaskNetwork,
    stage: &TrainingStage,
    batch: &ExampleBatch,
    params: &mut ParamStore,
    memory: &mut OptimizerState,
    key: &[u64; 2],
    manner: &RunManner,
) -> TrainSummary {
    let device = params.device().clone();
    let data = TensorData::new(batch.images.clone(), [batch.n, 3, batch.h, batch.w]);
    let image: Tensor<4> = Tensor::from_data(data, &device);
    let targets = LossTargets {
        labels: &batch.labels,
        batch: batch.n,
        w: batch.w,
        h: batch.h,
    };
    let mut ops = BurnOps::new(params, !stage.frozen_norm).with_frozen(stage.frozen_prefixes());
    if manner.gpu {
        ops = ops.for_gpu();
    }
    let rate = stage.optim.rate(key[1], stage.steps);
    let mut done = TrainSummary {
        loss: 0.0,
        class: 0.0,
        mask: 0.0,
        dice: 0.0,
        margin: 0.0,
        group: 0.0,
        norm: 0.0,
        rate,
    };
    let read = |x: &Tensor<1>| x.clone().into_scalar::<f32>();
    let loss = match network.forward(&mut ops, &BurnValue::R4(image)) {
        NetworkOutputs::Mask(heads) => {
            let stacked = StackedTargets::new(&heads);
            let set = losses::set_loss(&stacked, &targets, &stage.weights, &stage.points, key);
            (done.class, done.mask, done.dice) =
                (read(&set.class), read(&set.mask), read(&set.dice));
            let mut loss = set.total(&stage.weights);
            if let Some(margin) = &stage.margin {
                let part = losses::margin_loss(&stacked, &targets, margin);
                done.margin = read(&part);
                loss = loss + part * margin.weight;
            }
            if let Some(part) = losses::group_loss(&stacked, &targets, &IDD_LITE_GROUPS) {
                done.group = read(&part);
                loss = loss + part * stage.weights.group;
            }
            loss
        }
        NetworkOutputs::PerPixel(logits) => losses::pixel_loss(&logits.r4(), &targets),
    };
    done.loss = read(&loss);
    if done.loss.is_finite() {
        let gradients = loss.backward();
        done.norm = memory.step(params, &gradients, &stage.optim, rate);
    }
    done
}

fn progress(stage: &TrainingStage) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix} {wide_bar} {pos}/{len} {msg} {elapsed} (left {eta})",
    )
    .expect("a fixed template");
    ProgressBar::new(stage.steps)
        .with_style(style)
        .with_prefix(stage.name.clone())
}

/// The log: one JSON object per line, appended and flushed.
struct TrainLog {
    path: PathBuf,
    file: std::fs::File,
}

impl TrainLog {
    fn open(path: &Path) -> Result<Self, TrainError> {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|source| TrainError::Log {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    fn line(&mut self, value: &serde_json::Value) -> Result<(), TrainError> {
        writeln!(self.file, "{value}").map_err(|source| TrainError::Log {
            path: self.path.clone(),
            source,
        })
    }
}
