//! Constants of a file: inside it, or in other files of its folder.

use super::limits::ReadLimits;
use crate::error::OnnxError;
use crate::ir::{TensorData, element_bytes, inside};
use crate::messages::{GraphProto, TensorProto};
use crate::shape_inference::elements;
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use unmask_frame::open_regular_file;

/// Reads constants and keeps count of what they cost.
pub(super) struct TensorReader<'a> {
    pub limits: &'a ReadLimits,
    /// The model's folder; none = external data is refused.
    pub folder: Option<&'a Path>,
    external_bytes: u64,
}

impl<'a> TensorReader<'a> {
    pub(super) fn new(limits: &'a ReadLimits, folder: Option<&'a Path>) -> Self {
        Self {
            limits,
            folder,
            external_bytes: 0,
        }
    }

    fn bring_in(
        &mut self,
        tensor: &mut TensorProto,
        hash: &mut Option<Sha256>,
    ) -> Result<(), OnnxError> {
        // Without the mark that they lie outside, names of places mean nothing.
        if tensor.data_location.unwrap_or(0) != 1 {
            tensor.external_data.clear();
            return Ok(());
        }
        let name = tensor.name.clone().unwrap_or_default();
        let sides = tensor.dims.iter().map(|&d| usize::try_from(d).ok());
        let count = sides
            .collect::<Option<Vec<_>>>()
            .as_deref()
            .and_then(elements);
        let width = element_bytes(tensor.data_type());
        let bytes = count.zip(width).and_then(|(n, width)| n.checked_mul(width));
        let bytes = bytes.ok_or_else(|| OnnxError::Model {
            what: format!(
                "the constant `{name}` of type {:?} and shape {:?} lies in another file, and its \
                 bytes cannot be counted",
                tensor.data_type(),
                tensor.dims
            ),
        })?;
        let found = self.external(&name, tensor, bytes as u64)?;
        hash.get_or_insert_default().update(&found);
        tensor.raw_data = Some(found);
        tensor.data_location = None;
        tensor.external_data.clear();
        Ok(())
    }

    /// Shape and elements of `tensor`, called `name` in messages.
    pub(super) fn read(
        &mut self,
        name: &str,
        tensor: &TensorProto,
    ) -> Result<(Vec<usize>, TensorData), OnnxError> {
        let wrong = |what: String| OnnxError::Model {
            what: format!("the constant `{name}` {what}"),
        };
        let dtype = tensor.data_type();
        let width = element_bytes(dtype)
            .ok_or_else(|| wrong(format!("is of type {dtype:?}, which is not read")))?;
        let shape: Option<Vec<usize>> = tensor
            .dims
            .iter()
            .map(|&d| usize::try_from(d).ok())
            .collect();
        let count = shape.as_deref().and_then(elements);
        let (Some(shape), Some(count)) = (shape, count) else {
            return Err(wrong(format!("has the shape {:?}", tensor.dims)));
        };
        if count > self.limits.elements || shape.len() > self.limits.rank {
            return Err(wrong(format!(
                "has the shape {shape:?}: at most {} elements on {} axes are read",
                self.limits.elements, self.limits.rank
            )));
        }
        if tensor.segment.is_some() {
            return Err(wrong("is a segment of a larger one".to_owned()));
        }
        let data = if tensor.data_location == Some(1) {
            let bytes = count.checked_mul(width).ok_or_else(|| {
                wrong(format!(
                    "has the shape {shape:?}, whose bytes cannot be counted"
                ))
            })?;
            TensorData::from_bytes(dtype, &self.external(name, tensor, bytes as u64)?)
        } else {
            inside(dtype, tensor)
        };
        match data {
            Some(data) if data.len() == count => Ok((shape, data)),
            Some(data) => Err(wrong(format!(
                "of shape {shape:?} holds {} elements, not {count}",
                data.len()
            ))),
            None => Err(wrong(format!("holds no whole {dtype:?} elements"))),
        }
    }

    /// The elements of `tensor`, which lie in another file.
    fn external(
        &mut self,
        name: &str,
        tensor: &TensorProto,
        bytes: u64,
    ) -> Result<Vec<u8>, OnnxError> {
        let fact = |key: &str| {
            let found = tensor
                .external_data
                .iter()
                .find(|e| e.key.as_deref() == Some(key));
            found.and_then(|e| e.value.as_deref())
        };
        let location = fact("location").unwrap_or("");
        let refuse = |what: &str| OnnxError::External {
            tensor: name.to_owned(),
            location: location.to_owned(),
            what: what.to_owned(),
        };
        let number = |key: &str, otherwise: u64| match fact(key) {
            Some(text) => text
                .parse()
                .map_err(|_| refuse(&format!("`{key}` is `{text}`, which is not a number"))),
            None => Ok(otherwise),
        };
        let (offset, length) = (number("offset", 0)?, number("length", bytes)?);
        if length != bytes {
            return Err(refuse(&format!(
                "it says {length} bytes, its shape asks for {bytes}"
            )));
        }
        self.external_bytes = self.external_bytes.saturating_add(length);
        if self.external_bytes > self.limits.bytes {
            return Err(refuse(&format!(
                "external data of more than {} bytes is not read",
                self.limits.bytes
            )));
        }
        let path = self.path_inside(location).map_err(|what| refuse(&what))?;
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = open_regular_file(&path)?;
            let end = offset.checked_add(length);
            if end.is_none_or(|end| file.metadata().is_ok_and(|m| m.len() < end)) {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
            }
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.take(length).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let found = read().map_err(|e| refuse(&format!("it cannot be read there: {e}")))?;
        if found.len() as u64 != length {
            return Err(refuse("the file is shorter than it says"));
        }
        Ok(found)
    }

    /// The file at `location`, which must lie in the model's folder, links followed.
    fn path_inside(&self, location: &str) -> Result<PathBuf, String> {
        let folder = self
            .folder
            .ok_or("a model read from memory has no folder to read it from")?;
        let inward = Path::new(location)
            .components()
            .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if location.is_empty() || !inward || location.contains('\\') {
            return Err(
                "only files in the model's own folder are read: put it there and name it \
                        without `..` or a leading `/`"
                    .to_owned(),
            );
        }
        // A model named without a folder lies in the current one.
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        let resolve = |path: &Path| {
            path.canonicalize().map_err(|e| match e.kind() {
                ErrorKind::NotFound => format!(
                    "{} is missing: copy it there along with the model, or export to one file \
                     (torch.onnx.export with external_data=False)",
                    path.display()
                ),
                _ => format!("{} cannot be read: {e}", path.display()),
            })
        };
        let (folder, path) = (resolve(folder)?, resolve(&folder.join(location))?);
        if !path.starts_with(&folder) {
            return Err(
                "it is a link that leads out of the model's folder: put the file itself \
                        there"
                    .to_owned(),
            );
        }
        if !path.is_file() {
            return Err("it is not a file".to_owned());
        }
        Ok(path)
    }
}

/// Puts the elements of tensors that lie in other files into their messages, in all of `graph` and
/// of the graphs inside it; how deep they lie was checked on the bytes. The hash of what was read,
/// hexadecimal; none where nothing was.
///
/// # Errors
/// [`OnnxError::External`] where a file cannot be read; [`OnnxError::Model`] for tensors that cannot be.
pub(super) fn bring_in(
    graph: &mut GraphProto,
    folder: Option<&Path>,
    limits: &ReadLimits,
) -> Result<Option<String>, OnnxError> {
    let mut reader = TensorReader::new(limits, folder);
    let mut hash: Option<Sha256> = None;
    let mut open = vec![graph];
    while let Some(graph) = open.pop() {
        for tensor in &mut graph.initializer {
            reader.bring_in(tensor, &mut hash)?;
        }
        for attribute in graph.node.iter_mut().flat_map(|n| &mut n.attribute) {
            for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
                reader.bring_in(tensor, &mut hash)?;
            }
            open.extend(attribute.g.iter_mut().chain(&mut attribute.graphs));
        }
    }
    Ok(hash.map(|hash| super::hex(&hash.finalize())))
}
