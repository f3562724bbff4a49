//! Constants of a file: inside it, or in other files of its folder.

use super::Limits;
use crate::error::Error;
use crate::infer::elements;
use crate::ir::{Data, element_bytes};
use crate::messages::{DataType, TensorProto};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// Reads constants and keeps count of what they cost.
pub(super) struct Reader<'a> {
    pub limits: &'a Limits,
    /// The model's folder; none = external data is refused.
    pub folder: Option<&'a Path>,
    external_bytes: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(limits: &'a Limits, folder: Option<&'a Path>) -> Self {
        Self {
            limits,
            folder,
            external_bytes: 0,
        }
    }

    /// Shape and elements of `tensor`, called `name` in messages.
    pub(super) fn read(
        &mut self,
        name: &str,
        tensor: &TensorProto,
    ) -> Result<(Vec<usize>, Data), Error> {
        let wrong = |what: String| Error::Model {
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
            Data::from_bytes(dtype, &self.external(name, tensor, bytes as u64)?)
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

    fn external(&mut self, name: &str, tensor: &TensorProto, bytes: u64) -> Result<Vec<u8>, Error> {
        let fact = |key: &str| {
            let found = tensor
                .external_data
                .iter()
                .find(|e| e.key.as_deref() == Some(key));
            found.and_then(|e| e.value.as_deref())
        };
        let location = fact("location").unwrap_or("");
        let refuse = |what: &str| Error::External {
            tensor: name.to_owned(),
            location: location.to_owned(),
            what: what.to_owned(),
        };
        let number = |key: &str, otherwise: u64| match fact(key) {
            Some(text) => text
                .parse()
                .map_err(|_| refuse(&format!("`{key}` is `{text}`, which is no number"))),
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
            let mut file = File::open(&path)?;
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
            path.canonicalize()
                .map_err(|e| format!("{} cannot be read: {e}", path.display()))
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
            return Err("it is no file".to_owned());
        }
        Ok(path)
    }
}

/// The elements of a tensor that lie in its message.
fn inside(dtype: DataType, tensor: &TensorProto) -> Option<Data> {
    if let Some(raw) = tensor.raw_data.as_deref().filter(|raw| !raw.is_empty()) {
        return Data::from_bytes(dtype, raw);
    }
    let ints = || tensor.int32_data.iter();
    Some(match dtype {
        DataType::Float => Data::F32(tensor.float_data[..].into()),
        DataType::Double => Data::F64(tensor.double_data[..].into()),
        DataType::Int64 => Data::I64(tensor.int64_data[..].into()),
        DataType::Int32 => Data::I32(tensor.int32_data[..].into()),
        DataType::Float16 => Data::F16(ints().map(|&v| v as u16).collect()),
        DataType::Int8 => Data::I8(ints().map(|&v| v as i8).collect()),
        DataType::Uint8 => Data::U8(ints().map(|&v| v as u8).collect()),
        DataType::Bool => Data::Bool(ints().map(|&v| v != 0).collect()),
        _ => return None,
    })
}

/// The one element of `tensor`, which lies in its message; none where there is not one.
pub fn small_tensor(tensor: &TensorProto) -> Option<Data> {
    inside(tensor.data_type(), tensor).filter(|d| d.len() == 1)
}
