//! Contents of a checkpoint file: one file of tensors, or an index of several.

use super::names::KeyMap;
use super::torch;
use crate::GraphError;
use crate::checkpoint::{self, CheckpointWeights, FILE_LIMIT_BYTES};
use safetensors::SafeTensors;
use safetensors::tensor::Metadata;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use unmask_frame::without_bom;

/// The files that HuggingFace's `save_pretrained` writes, the first that is there counts.
const FOLDER_FILES: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
/// How the name of an index ends.
const INDEX_ENDING: &str = ".index.json";
/// An index has a line per tensor: more than this is something else.
const INDEX_LIMIT_BYTES: u64 = 16 << 20;
/// How a file begins that stands for one in Git's large file storage.
const POINTER: &[u8] = b"version https://git-lfs";

/// What a checkpoint holds.
pub(super) enum ImportContents {
    /// Tensors under the names that their framework gives them.
    Foreign(CheckpointWeights),
    /// The bytes of a file of this project, or of one that is damaged.
    Own(Vec<u8>),
}

/// The index of a sharded checkpoint.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

/// The checkpoint's file: `path`, or the one in the folder `path`.
///
/// # Errors
/// A folder without one.
pub(super) fn file_of(path: &Path) -> Result<PathBuf, GraphError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let mut files = FOLDER_FILES.iter().map(|name| path.join(name));
    files.find(|file| file.is_file()).ok_or_else(|| {
        let what = format!("it is a folder without {}", FOLDER_FILES.join(", "));
        not_checkpoint(path, what)
    })
}

/// The contents of the file at `path`, or of the shards that it is the index of.
///
/// # Errors
/// Files that cannot be read, are damaged, too large, or hold something else.
pub(super) fn contents(path: &Path) -> Result<ImportContents, GraphError> {
    if path.to_string_lossy().ends_with(INDEX_ENDING) {
        return shards(path).map(ImportContents::Foreign);
    }
    if let Some(total) = shard_of(path) {
        let index = sibling_index(path);
        return Err(not_checkpoint(
            path,
            match index {
                Some(index) => format!(
                    "it is one of {total} files that make one checkpoint: give their index, {}",
                    index.display()
                ),
                None => format!(
                    "it is one of {total} files that make one checkpoint, and their index \
                     (NAME{INDEX_ENDING}) is not next to it: put it there and name the index"
                ),
            },
        ));
    }
    one(path, None)
}

/// The contents of one file, under the names of `keys` or of those that its own keys suggest.
fn one(path: &Path, keys: Option<&KeyMap>) -> Result<ImportContents, GraphError> {
    let failed = |source| GraphError::Read {
        path: path.to_owned(),
        source,
    };
    let mut head = Vec::new();
    checkpoint::open(path)?
        .take(POINTER.len() as u64)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if head == POINTER {
        let what = "it is a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`";
        return Err(not_checkpoint(path, what.to_owned()));
    }
    if torch::recognise(&head) {
        return torch::read(path, keys).map(ImportContents::Foreign);
    }
    let bytes = checkpoint::read_file(path)?;
    let (Ok((_, header)), Ok(tensors)) = (
        SafeTensors::read_metadata(&bytes),
        SafeTensors::deserialize(&bytes),
    ) else {
        return Ok(ImportContents::Own(bytes));
    };
    if is_own(&header) {
        return Ok(ImportContents::Own(bytes));
    }
    let names = tensors.names();
    let found = KeyMap::of(names.iter().map(|name| &**name));
    let keys = keys.unwrap_or(&found);
    CheckpointWeights::from_safetensors_as(path, &tensors, |key| keys.name(key))
        .map(ImportContents::Foreign)
}

fn is_own(header: &Metadata) -> bool {
    let metadata = header.metadata().as_ref();
    metadata.is_some_and(|metadata| metadata.contains_key("unmask.config"))
}

/// The tensors of all shards of the index at `path`.
fn shards(path: &Path) -> Result<CheckpointWeights, GraphError> {
    let broken = |what: String| not_checkpoint(path, what);
    let mut text = String::new();
    checkpoint::open(path)?
        .take(INDEX_LIMIT_BYTES)
        .read_to_string(&mut text)
        .map_err(|source| GraphError::Read {
            path: path.to_owned(),
            source,
        })?;
    let index: Index = serde_json::from_str(without_bom(&text))
        .map_err(|e| broken(format!("it is not an index of shards ({e})")))?;
    let keys = KeyMap::of(index.weight_map.keys().map(String::as_str));
    let files: BTreeSet<&str> = index.weight_map.values().map(String::as_str).collect();
    let mut weights = CheckpointWeights::new();
    let mut bytes = 0u64;
    for file in files {
        let bare = Path::new(file).file_name().is_some_and(|name| name == file);
        if !bare {
            let what = format!("it names the shard `{file}`, which is not a file next to it");
            return Err(broken(what));
        }
        let shard = path.with_file_name(file);
        if !shard.is_file() {
            return Err(broken(format!(
                "its shard {} is missing: fetch all files of the checkpoint into one folder",
                shard.display()
            )));
        }
        bytes = bytes.saturating_add(fs::metadata(&shard).map_or(0, |m| m.len()));
        if bytes > FILE_LIMIT_BYTES {
            return Err(GraphError::TooLarge {
                path: path.to_owned(),
                bytes,
                limit: FILE_LIMIT_BYTES,
            });
        }
        let ImportContents::Foreign(part) = one(&shard, Some(&keys))? else {
            let what = "is a shard, but no whole safetensors or PyTorch file".to_owned();
            return Err(not_checkpoint(&shard, format!("it {what}")));
        };
        for (name, tensor) in part.iter() {
            if weights.get(name).is_some() {
                return Err(broken(format!("two of its shards hold `{name}`")));
            }
            weights.insert(name, tensor.clone());
        }
    }
    let missing = index.weight_map.iter().find(|(key, _)| {
        keys.name(key)
            .is_some_and(|name| weights.get(&name).is_none())
    });
    match missing {
        None => Ok(weights),
        Some((key, file)) => Err(broken(format!(
            "its shard `{file}` lacks `{key}`: the files belong to different checkpoints"
        ))),
    }
}

/// The number of shards, where `path` is called as one of several (`NAME-00001-of-00004.ENDING`).
fn shard_of(path: &Path) -> Option<usize> {
    let stem = path.file_stem()?.to_str()?;
    let (rest, total) = stem.rsplit_once("-of-")?;
    let (_, number) = rest.rsplit_once('-')?;
    let number: usize = number.parse().ok()?;
    total
        .parse()
        .ok()
        .filter(|&total| total > 1 && number <= total)
}

/// The index next to a shard.
fn sibling_index(shard: &Path) -> Option<PathBuf> {
    let ending = shard.extension()?.to_str()?;
    let (name, _) = shard.file_stem()?.to_str()?.rsplit_once("-of-")?;
    let (name, _) = name.rsplit_once('-')?;
    let index = shard.with_file_name(format!("{name}.{ending}{INDEX_ENDING}"));
    index.is_file().then_some(index)
}

fn not_checkpoint(path: &Path, what: String) -> GraphError {
    GraphError::NotCheckpoint {
        path: path.to_owned(),
        what,
    }
}
