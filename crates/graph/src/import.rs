//! Checkpoints that others trained: the authors' Mask2Anomaly and Mask2Former from detectron2
//! (ResNet and Swin), Mask2Former from HuggingFace (Swin).
//!
//! The container (safetensors, zip of a pickle, pickles, one file or shards with an index), the
//! naming (detectron2's, HuggingFace's), and what wrappers wrote before the names are told apart by
//! what is in the file, whatever it is called. Sizes are read off the tensors; pickles
//! are read without doing what they say (see `docs/decisions/pickle.md`).

mod archive;
mod contents;
mod facts;
mod huggingface;
mod names;
mod pickle;
mod sizes;
mod tensors;
mod torch;

use super::checkpoint::{Checkpoint, Origin};
use super::error::Error;
use contents::{Contents, contents};
pub use facts::CITYSCAPES;
pub(crate) use names::in_huggingface_words;
use std::path::Path;

/// Reads the checkpoint at `path`, whoever wrote it: a file, the index of a sharded one, or
/// HuggingFace's folder around them. `facts` is a `model.toml` with what a foreign
/// file does not say (classes, road, stuff, mean, std, threshold); without it, one beside
/// the checkpoint is taken if it is there.
///
/// # Errors
/// The file cannot be read, is too large, damaged, or of another kind; a pickle names what no
/// checkpoint needs; a key is missing or cannot be; classes are not named. Each names file and
/// key. Keys that are left over or misshapen are found when the network is written
/// ([`super::export::model`]).
pub fn read(path: &Path, facts: Option<&Path>) -> Result<Checkpoint, Error> {
    let path = &contents::file_of(path)?;
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
        return Err(Error::NotCheckpoint {
            path: path.to_owned(),
            what: names::foreign(&weights),
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
