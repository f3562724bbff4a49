//! Tensors in a pickle: PyTorch's, which name a storage outside of it, and NumPy's arrays.

use super::pickle::{ObjectId, PickleObject, PickleReader};
use safetensors::Dtype;
use std::borrow::Cow;
use std::collections::HashMap;

/// A tensor that a pickle speaks of.
#[derive(Debug, PartialEq)]
pub(super) struct FoundTensor<'a> {
    pub(super) shape: Vec<usize>,
    pub(super) dtype: Dtype,
    /// Steps between neighbours on each axis, elements.
    strides: Vec<usize>,
    /// The first element's place.
    offset: usize,
    pub(super) source: TensorSource<'a>,
}

/// Where a tensor's elements lie.
#[derive(Debug, PartialEq)]
pub(super) enum TensorSource<'a> {
    /// In a storage of its own or a shared one.
    Storage {
        /// The storage's name.
        key: &'a str,
        /// Its length, bytes.
        len: usize,
    },
    /// In the pickle.
    Here(Cow<'a, [u8]>),
}

const REBUILD_V2: &[(&str, &str)] = &[("torch._utils", "_rebuild_tensor_v2")];
const REBUILD: &[(&str, &str)] = &[("torch._utils", "_rebuild_tensor")];
const PARAMETER: &[(&str, &str)] = &[("torch._utils", "_rebuild_parameter")];
const RECONSTRUCT: &[(&str, &str)] = &[
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
];
const FROM_BUFFER: &[(&str, &str)] = &[
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
];

/// What the dict of a network's tensors is called inside of others, in the order in which they are
/// looked for.
const NESTED_KEYS: [&str; 6] = [
    "model",
    "state_dict",
    "model_state_dict",
    "net",
    "network",
    "module",
];
/// How deep dicts lie in each other, at most.
const MAX_NESTING: usize = 4;
/// How many keys a message lists.
const LISTED_KEYS: usize = 8;

/// The named tensors of a checkpoint: the entries of the dict that the pickle is about, or of the
/// one in it that is called as one of [`NESTED_KEYS`], and so on inwards. What is not a tensor next to
/// tensors stays in the list; it is refused where it is read.
///
/// # Errors
/// What is there instead.
pub(super) fn named<'a>(pickle: &PickleReader<'a>) -> Result<Vec<(&'a str, ObjectId)>, String> {
    let no_dict = || "it holds no dict of named tensors".to_owned();
    let mut dict = pickle.dict(pickle.root()).ok_or_else(no_dict)?;
    for _ in 0..MAX_NESTING {
        let inner = NESTED_KEYS.iter().find_map(|&nest| {
            let found = dict.iter().find(|(key, _)| pickle.text(*key) == Some(nest));
            pickle.dict(found?.1)
        });
        match inner {
            Some(entries) => dict = entries,
            None => break,
        }
    }
    let text = |&(key, value): &(ObjectId, ObjectId)| Some((pickle.text(key)?, value));
    let all: Option<Vec<_>> = dict.iter().map(text).collect();
    let all = all.ok_or_else(no_dict)?;
    if !all.is_empty()
        && all
            .iter()
            .all(|(_, id)| FoundTensor::read(pickle, *id).is_err())
    {
        let keys: Vec<String> = all
            .iter()
            .take(LISTED_KEYS)
            .map(|(key, _)| format!("`{key}`"))
            .collect();
        let more = if all.len() > LISTED_KEYS { ", …" } else { "" };
        return Err(format!(
            "its dict holds no tensors, but {}{more}; weights are looked for in it and under `{}`",
            keys.join(", "),
            NESTED_KEYS.join("`, `"),
        ));
    }
    Ok(all)
}

impl<'a> FoundTensor<'a> {
    /// The tensor at `id`.
    ///
    /// # Errors
    /// What is there instead, as the end of a sentence on the key.
    pub(super) fn read(pickle: &PickleReader<'a>, id: ObjectId) -> Result<Self, String> {
        let id = match pickle.call(id, PARAMETER) {
            Some([data, ..]) => *data,
            _ => id,
        };
        if let Some(args) = pickle
            .call(id, REBUILD_V2)
            .or_else(|| pickle.call(id, REBUILD))
        {
            return Self::torch(pickle, args)
                .ok_or_else(|| "is a PyTorch tensor that cannot be read".to_owned());
        }
        if pickle.call(id, RECONSTRUCT).is_some() {
            let state = pickle.state(id).and_then(|state| pickle.tuple(state));
            return match state {
                Some(&[_, shape, dtype, fortran, data]) => {
                    Self::array(pickle, shape, dtype, pickle.int(fortran) == Some(1), data)
                }
                _ => Err("is a NumPy array that cannot be read".to_owned()),
            };
        }
        if let Some(&[data, dtype, shape, order]) = pickle.call(id, FROM_BUFFER) {
            let data = match pickle.call(data, &[("builtins", "bytearray")]) {
                Some(&[data]) => data,
                _ => data,
            };
            return Self::array(pickle, shape, dtype, pickle.text(order) == Some("F"), data);
        }
        Err("is not a tensor".to_owned())
    }

    /// `_rebuild_tensor_v2(storage, offset, shape, strides, …)`.
    fn torch(pickle: &PickleReader<'a>, args: &[ObjectId]) -> Option<Self> {
        let &[storage, offset, shape, strides, ..] = args else {
            return None;
        };
        let (dtype, key, elements) = storage_of(pickle, pickle.get(storage))?;
        let shape = match pickle.call(shape, &[("torch", "Size")]) {
            Some(&[inner]) => pickle.sizes(inner)?,
            _ => pickle.sizes(shape)?,
        };
        let strides = pickle.sizes(strides)?;
        (strides.len() == shape.len()).then_some(Self {
            shape,
            dtype,
            strides,
            offset: usize::try_from(pickle.int(offset)?).ok()?,
            source: TensorSource::Storage {
                key,
                len: elements.checked_mul(bytes_of(dtype))?,
            },
        })
    }

    /// A NumPy array, `fortran`: column by column.
    fn array(
        pickle: &PickleReader<'a>,
        shape: ObjectId,
        dtype: ObjectId,
        fortran: bool,
        data: ObjectId,
    ) -> Result<Self, String> {
        let unread = || "is a NumPy array that cannot be read".to_owned();
        let shape = pickle.sizes(shape).ok_or_else(unread)?;
        let dtype = numpy_type(pickle, dtype).ok_or_else(|| {
            "is a NumPy array of another type than little-endian f2, f4, f8 or i8".to_owned()
        })?;
        let mut strides = vec![0; shape.len()];
        let mut step: usize = 1;
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        if !fortran {
            axes.reverse();
        }
        for axis in axes {
            strides[axis] = step;
            step = step.checked_mul(shape[axis]).ok_or_else(unread)?;
        }
        let len = step.checked_mul(bytes_of(dtype)).ok_or_else(unread)?;
        let data = pickle.bytes(data, len).ok_or_else(|| {
            format!("is a NumPy array of {shape:?} whose data is not {len} bytes")
        })?;
        Ok(Self {
            shape,
            dtype,
            strides,
            offset: 0,
            source: TensorSource::Here(data),
        })
    }

    /// Number of elements; none where it does not fit a number.
    pub(super) fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
    }

    /// The elements' bytes row-major, out of those of the storage.
    ///
    /// # Errors
    /// Where they reach beyond the storage.
    pub(super) fn rows<'s>(&self, storage: &'s [u8]) -> Result<Cow<'s, [u8]>, String> {
        let size = bytes_of(self.dtype);
        let short = || format!("reaches beyond the {} bytes of its storage", storage.len());
        let elements = self.elements().ok_or_else(short)?;
        if elements == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let mut last = Some(self.offset);
        for (&side, &step) in self.shape.iter().zip(&self.strides) {
            let reach = (side - 1).checked_mul(step);
            last = last.zip(reach).and_then(|(a, b)| a.checked_add(b));
        }
        let end = last.and_then(|last| last.checked_add(1)?.checked_mul(size));
        if end.is_none_or(|end| end > storage.len()) {
            return Err(short());
        }
        let mut dense = 1;
        let contiguous = self
            .shape
            .iter()
            .zip(&self.strides)
            .rev()
            .all(|(&side, &step)| {
                let next = side == 1 || step == dense;
                dense *= side;
                next
            });
        let start = self.offset * size;
        if contiguous {
            return Ok(Cow::Borrowed(&storage[start..start + elements * size]));
        }
        let mut out = Vec::with_capacity(elements * size);
        let mut index = vec![0; self.shape.len()];
        let mut at = self.offset;
        for _ in 0..elements {
            out.extend_from_slice(&storage[at * size..(at + 1) * size]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                at += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                at -= self.strides[axis] * self.shape[axis];
                index[axis] = 0;
            }
        }
        Ok(Cow::Owned(out))
    }
}

/// Element type, name and number of elements of a storage:
/// `("storage", type, name, device, elements[, view of another storage])`.
fn storage_of<'a>(
    pickle: &PickleReader<'a>,
    object: &PickleObject<'a>,
) -> Option<(Dtype, &'a str, usize)> {
    let PickleObject::Outside(description) = object else {
        return None;
    };
    let &[kind, class, key, _, elements, ref view @ ..] = pickle.tuple(*description)? else {
        return None;
    };
    let PickleObject::Name("torch", class) = pickle.get(class) else {
        return None;
    };
    let dtype = match *class {
        "FloatStorage" => Dtype::F32,
        "DoubleStorage" => Dtype::F64,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "LongStorage" => Dtype::I64,
        "IntStorage" => Dtype::I32,
        "ShortStorage" => Dtype::I16,
        "CharStorage" => Dtype::I8,
        "ByteStorage" => Dtype::U8,
        "BoolStorage" => Dtype::BOOL,
        _ => return None,
    };
    let whole = view
        .iter()
        .all(|&v| pickle.get(v) == &PickleObject::Nothing);
    let elements = usize::try_from(pickle.int(elements)?).ok()?;
    let known = whole && pickle.text(kind) == Some("storage");
    Some((dtype, pickle.text(key)?, elements)).filter(|_| known)
}

/// Bytes an element of each storage that a pickle speaks of.
pub(super) fn element_bytes<'a>(pickle: &PickleReader<'a>) -> HashMap<&'a str, usize> {
    let storages = pickle
        .objects()
        .filter_map(|object| storage_of(pickle, object));
    storages
        .map(|(dtype, key, _)| (key, bytes_of(dtype)))
        .collect()
}

/// `dtype("f4", …)` with the byte order in its state.
fn numpy_type(pickle: &PickleReader<'_>, id: ObjectId) -> Option<Dtype> {
    let name = *pickle.call(id, &[("numpy", "dtype")])?.first()?;
    let dtype = match pickle.text(name)? {
        "f2" => Dtype::F16,
        "f4" => Dtype::F32,
        "f8" => Dtype::F64,
        "i8" => Dtype::I64,
        _ => return None,
    };
    let state = pickle.tuple(pickle.state(id)?)?;
    (pickle.text(*state.get(1)?)? == "<").then_some(dtype)
}

fn bytes_of(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(shape: &[usize], strides: &[usize], offset: usize) -> FoundTensor<'static> {
        FoundTensor {
            shape: shape.to_vec(),
            dtype: Dtype::U8,
            strides: strides.to_vec(),
            offset,
            source: TensorSource::Here(Cow::Borrowed(&[])),
        }
    }

    #[test]
    fn elements_are_laid_out_row_by_row() {
        let storage: Vec<u8> = (0..12).collect();
        let rows = |f: FoundTensor<'_>| f.rows(&storage).map(Cow::into_owned);
        assert_eq!(
            rows(found(&[2, 3], &[3, 1], 4)).unwrap(),
            [4, 5, 6, 7, 8, 9]
        );
        assert_eq!(
            rows(found(&[3, 2], &[1, 3], 0)).unwrap(),
            [0, 3, 1, 4, 2, 5]
        );
        assert_eq!(rows(found(&[2, 2], &[0, 1], 10)).unwrap(), [10, 11, 10, 11]);
        assert_eq!(rows(found(&[], &[], 3)).unwrap(), [3]);
        assert!(rows(found(&[0, 5], &[5, 1], 99)).unwrap().is_empty());
        // An axis of one has any stride.
        assert_eq!(rows(found(&[1, 2], &[7, 1], 1)).unwrap(), [1, 2]);
    }

    #[test]
    fn elements_beyond_the_storage_are_refused() {
        let storage = [0u8; 12];
        for (shape, strides, offset) in [
            (vec![13], vec![1], 0),
            (vec![2], vec![1], 11),
            (vec![2], vec![12], 0),
            (vec![2], vec![usize::MAX], 2),
            (vec![usize::MAX, 2], vec![1, 1], 0),
            (vec![1], vec![1], usize::MAX),
        ] {
            let error = found(&shape, &strides, offset).rows(&storage).unwrap_err();
            assert!(error.contains("12 bytes"), "{shape:?}: {error}");
        }
    }
}
