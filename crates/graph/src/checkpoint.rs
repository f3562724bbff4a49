//! This project's training checkpoints: safetensors with the network's metadata in the header.
//!
//! Every parameter lies under its detectron2 name. `__metadata__` holds `unmask.config` (the
//! network's sizes, JSON) and the metadata of [`CheckpointMetadata`]; other entries are left alone.

mod metadata;
mod weights;

pub use metadata::{CheckpointMetadata, parse_size};
use safetensors::SafeTensors;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use unmask_network::NetworkConfig;
pub use weights::{CheckpointWeights, WeightTensor};

use super::GraphError;

/// The largest checkpoint that is read: 4 GiB.
pub const FILE_LIMIT_BYTES: u64 = 4 << 30;

/// A trained network: sizes, metadata, parameters.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The network's sizes and switches.
    pub config: NetworkConfig,
    /// What the model says about itself.
    pub metadata: CheckpointMetadata,
    /// Parameters by detectron2 name.
    pub weights: CheckpointWeights,
    /// Whose file it was.
    pub origin: CheckpointOrigin,
}

/// Who wrote a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointOrigin {
    /// `unmask-train`.
    Unmask,
    /// detectron2: Mask2Former, Mask2Anomaly.
    Detectron2,
    /// HuggingFace `transformers`, which has other names for the parameters.
    HuggingFace,
}

impl std::fmt::Display for CheckpointOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unmask => "unmask",
            Self::Detectron2 => "detectron2",
            Self::HuggingFace => "huggingface",
        })
    }
}

impl Checkpoint {
    /// Reads the checkpoint at `path`: at most 4 GiB, tensors as f32, f64, f16 or bf16.
    ///
    /// # Errors
    /// The file cannot be read, is too large, is not a whole safetensors file, or a key is missing,
    /// of a type that holds no weights, not finite, or a fact that cannot be; the error names file
    /// and key.
    pub fn read(path: &Path) -> Result<Self, GraphError> {
        Self::from_bytes(path, &read_file(path)?)
    }

    /// The checkpoint in `bytes`, read from `path`.
    pub(crate) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, GraphError> {
        let broken = |what: String| GraphError::NotSafetensors {
            path: path.to_owned(),
            what,
        };
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
            let what = "it looks like a PyTorch pickle, which `unmask export` imports";
            return Err(broken(what.to_owned()));
        }
        let header = SafeTensors::read_metadata(bytes).map_err(|e| broken(e.to_string()))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| broken(e.to_string()))?;
        let weights = CheckpointWeights::from_safetensors(path, &tensors)?;

        let none = std::collections::HashMap::new();
        let metadata = header.1.metadata().as_ref().unwrap_or(&none);
        let key = |key: &str, what: String| GraphError::Key {
            path: path.to_owned(),
            key: key.to_owned(),
            what,
        };
        let config = metadata.get("unmask.config").ok_or_else(|| {
            let what = "is missing from the file's header: give a checkpoint of unmask-train";
            key("unmask.config", what.to_owned())
        })?;
        let config: NetworkConfig = serde_json::from_str(config)
            .map_err(|e| key("unmask.config", format!("does not describe a network: {e}")))?;
        config
            .check()
            .map_err(|e| key("unmask.config", format!("does not describe a network: {e}")))?;
        let metadata = CheckpointMetadata::from_lookup(config.classes, |name| {
            metadata.get(name).map(String::as_str)
        })
        .map_err(|(name, what)| key(&name, what))?;
        Ok(Self {
            config,
            metadata,
            weights,
            origin: CheckpointOrigin::Unmask,
        })
    }
}

/// The file, where it is not larger than a checkpoint may be.
pub(crate) fn open(path: &Path) -> Result<File, GraphError> {
    let failed = |source| GraphError::Read {
        path: path.to_owned(),
        source,
    };
    let file = unmask_frame::open_regular_file(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > FILE_LIMIT_BYTES {
        return Err(GraphError::TooLarge {
            path: path.to_owned(),
            bytes: size,
            limit: FILE_LIMIT_BYTES,
        });
    }
    Ok(file)
}

/// The whole file, where it is not larger than a checkpoint may be.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, GraphError> {
    let mut bytes = Vec::new();
    // A file that grows meanwhile is cut; the reader then finds it broken.
    open(path)?
        .take(FILE_LIMIT_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|source| GraphError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(bytes)
}
