//! Checkpoints that others trained: the authors' Mask2Anomaly and Mask2Former from detectron2
//! (`.pth`, `.pkl`; ResNet and Swin), Mask2Former from HuggingFace (safetensors or `.bin`, Swin).
//!
//! The container (safetensors, zip of a pickle, pickles) and the naming (detectron2's,
//! HuggingFace's) are told apart by what is in the file. Sizes are read off the tensors; pickles
//! are read without doing what they say (see `docs/decisions/pickle.md`).

mod archive;
mod facts;
mod huggingface;
mod names;
mod pickle;
mod sizes;
mod tensors;
mod torch;

use super::checkpoint::{self, Checkpoint, Origin, Weights};
use super::error::Error;
pub use facts::CITYSCAPES;
pub(crate) use names::in_huggingface_words;
use safetensors::SafeTensors;
use std::io::Read;
use std::path::Path;

/// Reads the checkpoint at `path`, whoever wrote it. `facts` is a `model.toml` with what a foreign
/// file does not say (classes, road, stuff, mean, std, threshold); without it, one beside
/// the checkpoint is taken if it is there.
///
/// # Errors
/// The file cannot be read, is too large, damaged, or of another kind; a pickle names what no
/// checkpoint needs; a key is missing or cannot be; classes are not named. Each names file and
/// key. Keys that are left over or misshapen are found when the network is written
/// ([`super::export::model`]).
pub fn read(path: &Path, facts: Option<&Path>) -> Result<Checkpoint, Error> {
    let weights = match contents(path)? {
        Contents::Foreign(weights) => weights,
        Contents::Own(_) if facts.is_some() => {
            let what = "--facts is for checkpoints of others: this one brings its own facts";
            return Err(Error::Option {
                what: what.to_owned(),
            });
        }
        Contents::Own(bytes) => return Checkpoint::from_bytes(path, &bytes),
    };
    if names::is_huggingface(&weights) {
        let said = huggingface::Said::read(path)?;
        let weights = names::from_huggingface(weights)?;
        let config = sizes::read(path, &weights, said.heads()?).map_err(in_huggingface_words)?;
        said.agrees(&config)?;
        let labels = said.labels(config.classes);
        let facts = facts::read(path, facts, config.classes, labels)?;
        return Ok(Checkpoint {
            config,
            facts,
            weights,
            origin: Origin::HuggingFace,
        });
    }
    let weights = names::renew(weights);
    if !names::is_detectron2(&weights) {
        let first = weights.iter().next().map_or("", |(key, _)| key);
        return Err(Error::NotCheckpoint {
            path: path.to_owned(),
            what: format!("its keys are no Mask2Former's (the first is `{first}`)"),
        });
    }
    let config = sizes::read(path, &weights, sizes::HEADS)?;
    let facts = facts::read(path, facts, config.classes, None)?;
    Ok(Checkpoint {
        config,
        facts,
        weights,
        origin: Origin::Detectron2,
    })
}

/// What a checkpoint file holds.
enum Contents {
    /// Tensors under the names of others.
    Foreign(Weights),
    /// The bytes of a file of this project, or of one that cannot be told.
    Own(Vec<u8>),
}

fn contents(path: &Path) -> Result<Contents, Error> {
    let mut head = Vec::new();
    checkpoint::open(path)?
        .take(4)
        .read_to_end(&mut head)
        .map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
    if torch::recognise(&head) {
        return torch::read(path, names::passed_over).map(Contents::Foreign);
    }
    let bytes = checkpoint::read_file(path)?;
    let (Ok((_, header)), Ok(tensors)) = (
        SafeTensors::read_metadata(&bytes),
        SafeTensors::deserialize(&bytes),
    ) else {
        return Ok(Contents::Own(bytes));
    };
    let own = header
        .metadata()
        .as_ref()
        .is_some_and(|m| m.contains_key("unmask.config"));
    let known = |name: &&str| {
        name.starts_with("model.pixel_level_module.") || name.contains("sem_seg_head.")
    };
    if own || !tensors.names().iter().any(known) {
        return Ok(Contents::Own(bytes));
    }
    Weights::from_safetensors_without(path, &tensors, names::passed_over).map(Contents::Foreign)
}
