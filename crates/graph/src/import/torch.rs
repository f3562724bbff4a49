//! Files that PyTorch and detectron2 write: zip archives, the older stream of pickles, plain
//! pickles with NumPy arrays.

use super::archive::ZipArchive;
use super::names::KeyMap;
use super::pickle::PickleReader;
use super::tensors::{FoundTensor, TensorSource, element_bytes, named};
use crate::GraphError;
use crate::checkpoint::{CheckpointWeights, FILE_LIMIT_BYTES, read_file};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::Path;

/// The largest `data.pkl` of an archive: tensors lie outside of it.
const PICKLE_LIMIT_BYTES: u64 = 64 << 20;

/// `torch.save`'s magic number before version 1.6, as a pickle of its own.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Whether a file that starts with `head` may be one of these.
pub(super) fn recognise(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || matches!(head, [0x80, 2..=5, ..])
}

/// The floating-point tensors of the file at `path`, under the names of `keys`, or of those that
/// its own keys suggest.
///
/// # Errors
/// A file that cannot be read, is damaged, too large, or names what no checkpoint needs; a tensor
/// that cannot be had, by key.
pub(super) fn read(path: &Path, keys: Option<&KeyMap>) -> Result<CheckpointWeights, GraphError> {
    let failed = |source| GraphError::Read {
        path: path.to_owned(),
        source,
    };
    let broken = |what: String| GraphError::NotCheckpoint {
        path: path.to_owned(),
        what,
    };
    let mut file = unmask_frame::open_regular_file(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut head = Vec::new();
    file.by_ref()
        .take(4)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if head.starts_with(b"PK\x03\x04") && bytes <= FILE_LIMIT_BYTES {
        let (pickle, mut storages) = PackedTensor::open(file, bytes).map_err(broken)?;
        let pickle = PickleReader::read(&pickle).map_err(|e| broken(e.to_string()))?;
        return weights(path, &pickle, &mut storages, bytes, keys);
    }
    let all = read_file(path)?;
    if all.starts_with(MAGIC) {
        let (pickle, mut storages) = stream(&all).map_err(broken)?;
        return weights(path, &pickle, &mut storages, bytes, keys);
    }
    let pickle = PickleReader::read(&all).map_err(|e| broken(e.to_string()))?;
    weights(path, &pickle, &mut MissingStorage, bytes, keys)
}

/// Where storages lie.
trait StorageMap {
    /// The storage `key` of `len` bytes.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence on a tensor.
    fn get(&mut self, key: &str, len: usize) -> Result<&[u8], String>;
}

fn weights(
    path: &Path,
    pickle: &PickleReader<'_>,
    storages: &mut dyn StorageMap,
    file_bytes: u64,
    keys: Option<&KeyMap>,
) -> Result<CheckpointWeights, GraphError> {
    let entries = named(pickle).map_err(|what| GraphError::NotCheckpoint {
        path: path.to_owned(),
        what,
    })?;
    let found = KeyMap::of(entries.iter().map(|(key, _)| *key));
    let keys = keys.unwrap_or(&found);
    let mut weights = CheckpointWeights::new();
    // Tensors may share storages and repeat elements: together no more than the file has bytes.
    let mut left = usize::try_from(file_bytes).unwrap_or(usize::MAX);
    for (key, id) in entries {
        let Some(name) = keys.name(key) else {
            continue;
        };
        let wrong = |what: String| GraphError::Key {
            path: path.to_owned(),
            key: key.to_owned(),
            what,
        };
        let tensor = FoundTensor::read(pickle, id).map_err(wrong)?;
        let elements = tensor.elements().filter(|&n| n <= left);
        left -= elements.ok_or_else(|| {
            wrong(format!(
                "is {:?}: more than the file can hold",
                tensor.shape
            ))
        })?;
        let bytes = match &tensor.source {
            TensorSource::Storage { key, len } => {
                tensor.rows(storages.get(key, *len).map_err(wrong)?)
            }
            TensorSource::Here(bytes) => tensor.rows(bytes),
        };
        let bytes = bytes.map_err(wrong)?;
        weights.insert_bytes(path, key, name, &tensor.shape, tensor.dtype, &bytes)?;
    }
    Ok(weights)
}

/// Storages of an archive, each read once.
struct PackedTensor {
    archive: ZipArchive<BufReader<File>>,
    /// What every name starts with.
    folder: String,
    read: HashMap<String, Vec<u8>>,
    /// Bytes that may still be read: entries that overlap must not make more than the file has.
    left: u64,
}

impl PackedTensor {
    /// The pickle and the storages of the archive in `file`.
    fn open(file: File, bytes: u64) -> Result<(Vec<u8>, Self), String> {
        let archive = ZipArchive::open(BufReader::new(file))?;
        // TorchScript: a program, whose names are not those of the network.
        if archive.names().any(|name| name.ends_with("/constants.pkl")) {
            return Err(
                "it is TorchScript (`torch.jit.save`): save the model's `state_dict()` \
                        with `torch.save` instead"
                    .to_owned(),
            );
        }
        let folder = archive
            .names()
            .filter_map(|name| name.strip_suffix("data.pkl"))
            .filter(|folder| folder.is_empty() || folder.ends_with('/'))
            .min()
            .ok_or("it is a zip archive without the `data.pkl` of a checkpoint")?
            .to_owned();
        let order = format!("{folder}byteorder");
        let said = archive.names().any(|name| name == order);
        let mut packed = Self {
            archive,
            folder,
            read: HashMap::new(),
            left: bytes,
        };
        if said && packed.entry("byteorder", 16)?.trim_ascii() != b"little" {
            return Err("its byte order is not little-endian".to_owned());
        }
        let pickle = packed.entry("data.pkl", PICKLE_LIMIT_BYTES)?;
        Ok((pickle, packed))
    }

    fn entry(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, String> {
        let name = format!("{}{name}", self.folder);
        let bytes = self.archive.read(&name, limit.min(self.left))?;
        self.left -= bytes.len() as u64;
        Ok(bytes)
    }
}

impl StorageMap for PackedTensor {
    fn get(&mut self, key: &str, len: usize) -> Result<&[u8], String> {
        if !self.read.contains_key(key) {
            let bytes = self
                .entry(&format!("data/{key}"), FILE_LIMIT_BYTES)
                .map_err(|what| format!("has no storage: {what}"))?;
            self.read.insert(key.to_owned(), bytes);
        }
        match self.read.get(key) {
            Some(bytes) if bytes.len() == len => Ok(bytes),
            other => Err(format!(
                "has a storage of {} bytes, not {len}",
                other.map_or(0, Vec::len)
            )),
        }
    }
}

/// Storages after the pickles of a stream.
struct PickleStream<'a> {
    bytes: &'a [u8],
    places: HashMap<&'a str, Range<usize>>,
}

/// Magic number, version, system's metadata, the object, storages' names; then each storage: number
/// of elements (u64) and elements. Storages say nothing of their element size: it is what the
/// object says.
fn stream(all: &[u8]) -> Result<(PickleReader<'_>, PickleStream<'_>), String> {
    let mut at = 0;
    let mut next = || {
        let pickle = PickleReader::read(&all[at..]).map_err(|e| e.to_string())?;
        at += pickle.len();
        Ok::<_, String>(pickle)
    };
    let (_magic, _version, _system) = (next()?, next()?, next()?);
    let object = next()?;
    let keys = next()?;
    let sizes = element_bytes(&object);
    let names = keys.list(keys.root()).unwrap_or_default();
    let mut places = HashMap::new();
    for &id in names {
        let key = keys.text(id).ok_or("its list of storages cannot be read")?;
        let size = sizes.get(key).copied().unwrap_or(0);
        let count = all.get(at..).and_then(|rest| rest.first_chunk());
        let count = u64::from_le_bytes(*count.ok_or("it is cut before its storages")?);
        let len = usize::try_from(count)
            .ok()
            .and_then(|n| n.checked_mul(size));
        let start = at + 8;
        let end = len.and_then(|len| start.checked_add(len));
        let end = end.filter(|&end| end <= all.len());
        at = end.ok_or_else(|| format!("it is cut in its storage `{key}`"))?;
        places.insert(key, start..at);
    }
    let bytes = all;
    Ok((object, PickleStream { bytes, places }))
}

impl StorageMap for PickleStream<'_> {
    fn get(&mut self, key: &str, len: usize) -> Result<&[u8], String> {
        match self.places.get(key) {
            Some(range) if range.len() == len => Ok(&self.bytes[range.clone()]),
            Some(range) => Err(format!("has a storage of {} bytes, not {len}", range.len())),
            None => Err(format!("has no storage: `{key}` is not in the file")),
        }
    }
}

/// A plain pickle holds what it speaks of.
struct MissingStorage;

impl StorageMap for MissingStorage {
    fn get(&mut self, key: &str, _len: usize) -> Result<&[u8], String> {
        Err(format!(
            "has no storage: a plain pickle cannot have `{key}`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;
    use std::path::PathBuf;

    fn fixture(name: &str) -> PathBuf {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .join("tests/fixtures/import")
            .join(name)
    }

    #[test]
    fn every_container_holds_the_same_tensors() {
        let bytes = std::fs::read(fixture("arrays.safetensors")).unwrap();
        let want = SafeTensors::deserialize(&bytes).unwrap();
        let want = CheckpointWeights::from_safetensors(Path::new("arrays"), &want).unwrap();
        assert_eq!(want.iter().count(), 3);
        for name in ["arrays.2.pkl", "arrays.4.pkl", "arrays.5.pkl", "legacy.pth"] {
            let path = fixture(name);
            let got = read(&path, None).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mutant.pkl");
        for name in ["arrays.2.pkl", "arrays.4.pkl", "arrays.5.pkl", "legacy.pth"] {
            let whole = std::fs::read(fixture(name)).unwrap();
            let mut refused = 0;
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                match at % 5 {
                    0 => bytes.truncate(at),
                    1 => bytes[at] = 0xff,
                    2 => bytes[at] ^= 1 << (at / 5 % 8),
                    3 => bytes[at] = b"(.0RbQ}]"[at / 5 % 8],
                    _ => bytes[at] = 0,
                }
                std::fs::write(&path, &bytes).unwrap();
                if let Err(error) = read(&path, None) {
                    assert!(
                        error.to_string().contains("mutant.pkl"),
                        "{name}, {at}: {error}"
                    );
                    refused += 1;
                }
            }
            assert!(
                refused > whole.len() / 3,
                "{name}: {refused} of {}",
                whole.len()
            );
        }
    }

    #[test]
    fn tensors_hold_no_more_than_their_file() {
        // A view of one element, repeated 2^40 times.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bomb.pth");
        let bytes = std::fs::read(fixture("legacy.pth")).unwrap();
        let shape = b"K\x02K\x03\x86";
        let at = bytes.windows(5).position(|w| w == shape).unwrap();
        let many = b"\x8a\x06\x00\x00\x00\x00\x00\x01K\x01\x86";
        let bytes = [&bytes[..at], many, &bytes[at + 5..]].concat();
        std::fs::write(&path, bytes).unwrap();
        let error = read(&path, None).unwrap_err().to_string();
        assert!(error.contains("more than the file can hold"), "{error}");
    }
}
