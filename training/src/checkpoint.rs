//! Checkpoints: safetensors files, written whole or not at all.
//!
//! A *model* holds parameters and running statistics by detectron2 name, and the metadata that export
//! needs. A *state* holds everything to continue with: the same, the optimizer's memory and the place
//! in the recipe.

use crate::optimizer::{OptimizerSettings, OptimizerState};
use crate::params::ParamStore;
use crate::recipe::TrainingRecipe;
use burn::tensor::Device;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be written or read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The file is not a checkpoint of this program.
    #[error("{path}: {what}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointFolder {
    /// Index of the stage.
    pub stage: usize,
    /// Steps done in it.
    pub step: u64,
}

/// Facts of a model, as export wants them.
fn metadata(recipe: &TrainingRecipe) -> HashMap<String, String> {
    let json = |v: serde_json::Value| v.to_string();
    let config = recipe.config().expect("checked when the recipe was read");
    let mut metadata = HashMap::from([
        (
            "unmask.mean".to_owned(),
            json(serde_json::json!(recipe.normalise.mean)),
        ),
        (
            "unmask.std".to_owned(),
            json(serde_json::json!(recipe.normalise.std)),
        ),
        (
            "unmask.classes".to_owned(),
            json(serde_json::json!(recipe.classes())),
        ),
        (
            "unmask.road".to_owned(),
            json(serde_json::json!(recipe.road())),
        ),
        (
            "unmask.stuff".to_owned(),
            json(serde_json::json!(recipe.stuff())),
        ),
        ("unmask.recipe".to_owned(), recipe.name.clone()),
    ]);
    let (w, h) = recipe.validation.size;
    metadata.insert("unmask.size".to_owned(), format!("{h}x{w}"));
    if let Ok(config) = serde_json::to_string(&config) {
        metadata.insert("unmask.config".to_owned(), config);
    }
    metadata
}

/// Writes the model: the running mean of the weights where one is kept.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn write_model(
    path: &Path,
    recipe: &TrainingRecipe,
    params: &ParamStore,
    memory: &OptimizerState,
) -> Result<(), CheckpointError> {
    let tensors = params.iter().map(|(name, param)| {
        let value = match memory.mean(name) {
            Some(mean) => mean.to_data(),
            None => param.value.to_data(),
        };
        let values = value.try_to_vec::<f32>().expect("float32 values");
        (name.clone(), param.shape.clone(), values)
    });
    write(path, tensors.collect(), metadata(recipe))
}

/// Writes everything to continue with from `place`.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn write_state(
    path: &Path,
    recipe: &TrainingRecipe,
    params: &ParamStore,
    memory: &OptimizerState,
    place: CheckpointFolder,
) -> Result<(), CheckpointError> {
    let mut tensors: Vec<(String, Vec<usize>, Vec<f32>)> = params
        .iter()
        .map(|(name, param)| {
            let values = param
                .value
                .to_data()
                .try_to_vec::<f32>()
                .expect("float32 values");
            (format!("p.{name}"), param.shape.clone(), values)
        })
        .collect();
    let (vectors, time) = memory.to_vectors();
    tensors.extend(
        vectors
            .into_iter()
            .map(|(name, values)| (name, vec![values.len()], values)),
    );
    let mut metadata = metadata(recipe);
    metadata.insert(
        "unmask.place".to_owned(),
        format!("{} {} {time}", place.stage, place.step),
    );
    write(path, tensors, metadata)
}

/// Reads a state back: parameters, memory and place.
///
/// # Errors
/// [`CheckpointError`] naming the file.
pub fn read_state(
    path: &Path,
    recipe: &TrainingRecipe,
    device: &Device,
) -> Result<(ParamStore, OptimizerState, CheckpointFolder), CheckpointError> {
    let (tensors, metadata) = read(path)?;
    let foreign = |what: &str| CheckpointError::Foreign {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    let config = serde_json::to_string(&recipe.config().expect("checked when read")).ok();
    if metadata.get("unmask.config") != config.as_ref() {
        return Err(foreign(
            "made with another network; use another folder, or that recipe",
        ));
    }
    let place: Vec<u64> = metadata
        .get("unmask.place")
        .map(|p| p.split(' ').filter_map(|n| n.parse().ok()).collect())
        .unwrap_or_default();
    let [stage, step, time] = place[..] else {
        return Err(foreign(
            "no place in a recipe: this is a model, not a state",
        ));
    };
    let place = CheckpointFolder {
        stage: stage as usize,
        step,
    };
    let mut params = ParamStore::new(device.clone(), recipe.seed);
    let mut vectors = BTreeMap::new();
    for (name, (shape, values)) in tensors {
        match name.strip_prefix("p.") {
            Some(name) => params.insert(name, &shape, values, !name.contains(".running_")),
            None => {
                vectors.insert(name, values);
            }
        }
    }
    let optim = recipe
        .stages
        .get(place.stage)
        .map_or_else(OptimizerSettings::default, |s| s.optim.clone());
    let mut memory = OptimizerState::new(&optim);
    memory.restore(&params, vectors, time);
    Ok((params, memory, place))
}

/// Reads a model to start from.
///
/// # Errors
/// [`CheckpointError`] naming the file.
pub fn read_model(path: &Path, seed: u64, device: &Device) -> Result<ParamStore, CheckpointError> {
    let (tensors, _) = read(path)?;
    let mut params = ParamStore::new(device.clone(), seed);
    for (name, (shape, values)) in tensors {
        params.insert(&name, &shape, values, !name.contains(".running_"));
    }
    Ok(params)
}

type TensorMap = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn read(path: &Path) -> Result<(TensorMap, HashMap<String, String>), CheckpointError> {
    let io = |source| CheckpointError::Io {
        path: path.to_owned(),
        source,
    };
    let foreign = |what: String| CheckpointError::Foreign {
        path: path.to_owned(),
        what,
    };
    let bytes = unmask_frame::read_regular_file(path, u64::MAX).map_err(io)?;
    let (_, header) =
        SafeTensors::read_metadata(&bytes).map_err(|e| foreign(format!("no safetensors: {e}")))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let file =
        SafeTensors::deserialize(&bytes).map_err(|e| foreign(format!("no safetensors: {e}")))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(foreign(format!(
                "{name} is {:?}; float32 is wanted",
                view.dtype()
            )));
        }
        let values = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        tensors.insert(name, (view.shape().to_vec(), values));
    }
    Ok((tensors, metadata))
}

fn write(
    path: &Path,
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
    metadata: HashMap<String, String>,
) -> Result<(), CheckpointError> {
    let io = |source| CheckpointError::Io {
        path: path.to_owned(),
        source,
    };
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, shape, values)| {
            (
                name,
                shape,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            )
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, data)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), data).expect("sizes fit");
        (name.as_str(), view)
    });
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| {
        io(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            e.to_string(),
        ))
    })?;
    // Written under a temporary name and renamed: a kill leaves the old file or the new one, never half.
    let part = path.with_extension("part");
    let mut out = std::fs::File::create(&part).map_err(io)?;
    out.write_all(&file)
        .and_then(|()| out.sync_all())
        .map_err(io)?;
    std::fs::rename(&part, path).map_err(io)
}
