//! Parameters by name, as float32.

use crate::GraphError;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTensor {
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements, row-major.
    pub data: Arc<[f32]>,
}

/// Parameters by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckpointWeights {
    by_name: BTreeMap<String, WeightTensor>,
}

impl CheckpointWeights {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter, or replaces it.
    pub fn insert(&mut self, name: impl Into<String>, tensor: WeightTensor) {
        self.by_name.insert(name.into(), tensor);
    }

    /// The parameter `name`.
    pub fn get(&self, name: &str) -> Option<&WeightTensor> {
        self.by_name.get(name)
    }

    /// Removes the parameter `name`.
    pub fn remove(&mut self, name: &str) -> Option<WeightTensor> {
        self.by_name.remove(name)
    }

    /// All parameters, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &WeightTensor)> {
        self.by_name.iter().map(|(k, t)| (k.as_str(), t))
    }

    /// Number of parameters' elements.
    pub fn elements(&self) -> usize {
        self.by_name.values().map(|t| t.data.len()).sum()
    }

    /// All tensors of a safetensors file, as float32. Counters of batch norms
    /// (`num_batches_tracked`), which no network reads, are passed over.
    ///
    /// # Errors
    /// A tensor of a type that holds no weights, or with a value that is not finite.
    pub fn from_safetensors(path: &Path, tensors: &SafeTensors<'_>) -> Result<Self, GraphError> {
        Self::from_safetensors_as(path, tensors, |key| {
            (!key.ends_with(".num_batches_tracked")).then(|| key.to_owned())
        })
    }

    /// The tensors of a safetensors file as float32, under the names that `name` gives their keys;
    /// those without one are left out.
    ///
    /// # Errors
    /// As [`CheckpointWeights::from_safetensors`]; two keys with the same name.
    pub(crate) fn from_safetensors_as(
        path: &Path,
        tensors: &SafeTensors<'_>,
        name: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, GraphError> {
        let mut weights = Self::new();
        for (key, view) in tensors.iter() {
            if let Some(name) = name(key) {
                weights.insert_bytes(path, key, name, view.shape(), view.dtype(), view.data())?;
            }
        }
        Ok(weights)
    }

    /// Adds the parameter `name` from its elements as they lie in a file under `key`,
    /// little-endian, row-major.
    ///
    /// # Errors
    /// A type that holds no weights, a value that is not finite, a name that is there already.
    pub(crate) fn insert_bytes(
        &mut self,
        path: &Path,
        key: &str,
        name: String,
        shape: &[usize],
        dtype: Dtype,
        bytes: &[u8],
    ) -> Result<(), GraphError> {
        let wrong = |what: String| GraphError::Key {
            path: path.to_owned(),
            key: key.to_owned(),
            what,
        };
        if self.get(&name).is_some() {
            return Err(wrong(format!(
                "is the parameter `{name}`, which another key holds, too: leave one of them out"
            )));
        }
        let data = as_f32(dtype, bytes).ok_or_else(|| {
            wrong(format!(
                "holds {dtype:?}, which is not a weight type: store it as F32, F64, F16 or BF16"
            ))
        })?;
        if let Some(at) = data.iter().position(|v| !v.is_finite()) {
            return Err(wrong(format!(
                "is {} at element {at}: the training that wrote it went wrong",
                data[at]
            )));
        }
        let (shape, data) = (shape.to_vec(), data.into());
        self.insert(name, WeightTensor { shape, data });
        Ok(())
    }
}

/// Little-endian elements as float32; none for types that hold no weights.
fn as_f32(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let half = |c: &[u8; 2]| u16::from_le_bytes(*c);
    Some(match dtype {
        Dtype::F32 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|&c| f32::from_le_bytes(c))
            .collect(),
        Dtype::F64 => {
            let doubles = bytes.as_chunks().0.iter();
            doubles.map(|&c| f64::from_le_bytes(c) as f32).collect()
        }
        Dtype::F16 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|c| from_f16(half(c)))
            .collect(),
        Dtype::BF16 => {
            let upper = bytes.as_chunks().0.iter().map(half);
            upper.map(|h| f32::from_bits(u32::from(h) << 16)).collect()
        }
        _ => return None,
    })
}

/// IEEE 754 half precision to single, exact.
fn from_f16(half: u16) -> f32 {
    let sign = if half >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(half >> 10 & 0x1f);
    let fraction = f32::from(half & 0x3ff) / 1024.0;
    let magnitude = match exponent {
        0 => fraction * (2.0f32).powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction) * (2.0f32).powi(exponent - 15),
    };
    sign * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        for (half, single) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2.0f32.powi(-24)),
            (0x03ff, 1023.0 * 2.0f32.powi(-24)),
            (0x0400, 2.0f32.powi(-14)),
            (0x3555, 0.333_251_95),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(from_f16(half), single, "{half:#06x}");
        }
        assert!(from_f16(0x8000).is_sign_negative());
        assert!(from_f16(0x7c01).is_nan());
    }

    #[test]
    fn every_float_type_becomes_f32() {
        assert_eq!(as_f32(Dtype::F32, &1.5f32.to_le_bytes()), Some(vec![1.5]));
        assert_eq!(
            as_f32(Dtype::F64, &(-0.1f64).to_le_bytes()),
            Some(vec![-0.1])
        );
        assert_eq!(as_f32(Dtype::F16, &[0x00, 0x3c]), Some(vec![1.0]));
        assert_eq!(as_f32(Dtype::BF16, &[0x20, 0xc0]), Some(vec![-2.5]));
        assert_eq!(as_f32(Dtype::I64, &[0; 8]), None);
    }
}
