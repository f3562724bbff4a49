//! Elements of constants, of every type a graph here may hold.

use crate::messages::DataType;
use std::sync::Arc;

/// Elements of a constant, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    /// float32.
    F32(Arc<[f32]>),
    /// float64.
    F64(Arc<[f64]>),
    /// float16, as bits ([`f16_to_f32`]).
    F16(Arc<[u16]>),
    /// int8.
    I8(Arc<[i8]>),
    /// uint8.
    U8(Arc<[u8]>),
    /// int32.
    I32(Arc<[i32]>),
    /// int64.
    I64(Arc<[i64]>),
    /// bool.
    Bool(Arc<[bool]>),
}

/// Runs `$body` with `$d` bound to the elements, whatever their type.
macro_rules! each {
    ($data:expr, $d:ident => $body:expr) => {
        match $data {
            TensorData::F32($d) => $body,
            TensorData::F64($d) => $body,
            TensorData::F16($d) => $body,
            TensorData::I8($d) => $body,
            TensorData::U8($d) => $body,
            TensorData::I32($d) => $body,
            TensorData::I64($d) => $body,
            TensorData::Bool($d) => $body,
        }
    };
}

impl TensorData {
    /// Element type.
    pub fn dtype(&self) -> DataType {
        match self {
            Self::F32(_) => DataType::Float,
            Self::F64(_) => DataType::Double,
            Self::F16(_) => DataType::Float16,
            Self::I8(_) => DataType::Int8,
            Self::U8(_) => DataType::Uint8,
            Self::I32(_) => DataType::Int32,
            Self::I64(_) => DataType::Int64,
            Self::Bool(_) => DataType::Bool,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        each!(self, d => d.len())
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements as an ONNX file holds them: little endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(d) => d.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F64(d) => d.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F16(d) => d.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::I8(d) => d.iter().map(|&v| v as u8).collect(),
            Self::U8(d) => d.to_vec(),
            Self::I32(d) => d.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::I64(d) => d.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::Bool(d) => d.iter().map(|&v| u8::from(v)).collect(),
        }
    }

    /// Elements from the little-endian bytes of a file; none where the type is not held here, or
    /// the bytes are no whole number of elements.
    pub fn from_bytes(dtype: DataType, bytes: &[u8]) -> Option<Self> {
        fn chunks<const N: usize, T>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Option<Arc<[T]>> {
            let (chunks, rest) = bytes.as_chunks::<N>();
            rest.is_empty()
                .then(|| chunks.iter().map(|c| f(*c)).collect())
        }
        Some(match dtype {
            DataType::Float => Self::F32(chunks(bytes, f32::from_le_bytes)?),
            DataType::Double => Self::F64(chunks(bytes, f64::from_le_bytes)?),
            DataType::Float16 => Self::F16(chunks(bytes, u16::from_le_bytes)?),
            DataType::Int8 => Self::I8(bytes.iter().map(|&b| b as i8).collect()),
            DataType::Uint8 => Self::U8(bytes.into()),
            DataType::Int32 => Self::I32(chunks(bytes, i32::from_le_bytes)?),
            DataType::Int64 => Self::I64(chunks(bytes, i64::from_le_bytes)?),
            DataType::Bool => Self::Bool(bytes.iter().map(|&b| b != 0).collect()),
            _ => return None,
        })
    }

    /// The elements at `places`, in that order; none where a place lies outside.
    pub fn pick(&self, places: &[usize]) -> Option<Self> {
        fn take<T: Copy>(d: &[T], places: &[usize]) -> Option<Arc<[T]>> {
            places.iter().map(|&p| d.get(p).copied()).collect()
        }
        Some(match self {
            Self::F32(d) => Self::F32(take(d, places)?),
            Self::F64(d) => Self::F64(take(d, places)?),
            Self::F16(d) => Self::F16(take(d, places)?),
            Self::I8(d) => Self::I8(take(d, places)?),
            Self::U8(d) => Self::U8(take(d, places)?),
            Self::I32(d) => Self::I32(take(d, places)?),
            Self::I64(d) => Self::I64(take(d, places)?),
            Self::Bool(d) => Self::Bool(take(d, places)?),
        })
    }

    /// Both one after the other; none where their types differ.
    pub fn join(&self, after: &Self) -> Option<Self> {
        let bytes = [self.to_bytes(), after.to_bytes()].concat();
        (self.dtype() == after.dtype())
            .then(|| Self::from_bytes(self.dtype(), &bytes))
            .flatten()
    }

    /// Elements as f64: exact for all types but int64 beyond 2⁵³.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Self::F32(d) => d.iter().map(|&v| f64::from(v)).collect(),
            Self::F64(d) => d.to_vec(),
            Self::F16(d) => d.iter().map(|&v| f64::from(f16_to_f32(v))).collect(),
            Self::I8(d) => d.iter().map(|&v| f64::from(v)).collect(),
            Self::U8(d) => d.iter().map(|&v| f64::from(v)).collect(),
            Self::I32(d) => d.iter().map(|&v| f64::from(v)).collect(),
            Self::I64(d) => d.iter().map(|&v| v as f64).collect(),
            Self::Bool(d) => d.iter().map(|&v| f64::from(u8::from(v))).collect(),
        }
    }

    /// Elements as int64; none for floats.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        Some(match self {
            Self::I8(d) => d.iter().map(|&v| v.into()).collect(),
            Self::U8(d) => d.iter().map(|&v| v.into()).collect(),
            Self::I32(d) => d.iter().map(|&v| v.into()).collect(),
            Self::I64(d) => d.to_vec(),
            Self::Bool(d) => d.iter().map(|&v| v.into()).collect(),
            Self::F32(_) | Self::F64(_) | Self::F16(_) => return None,
        })
    }

    /// Elements of type `dtype` with the given values: rounded to nearest for float types, cut
    /// toward zero and clamped to the type's range for integers, `≠ 0` for bool; none where the
    /// type is not held here.
    pub fn from_f64(dtype: DataType, values: &[f64]) -> Option<Self> {
        Some(match dtype {
            DataType::Float => Self::F32(values.iter().map(|&v| v as f32).collect()),
            DataType::Double => Self::F64(values.into()),
            DataType::Float16 => {
                Self::F16(values.iter().map(|&v| f16_from_f32(v as f32)).collect())
            }
            DataType::Int8 => Self::I8(values.iter().map(|&v| v as i8).collect()),
            DataType::Uint8 => Self::U8(values.iter().map(|&v| v as u8).collect()),
            DataType::Int32 => Self::I32(values.iter().map(|&v| v as i32).collect()),
            DataType::Int64 => Self::I64(values.iter().map(|&v| v as i64).collect()),
            DataType::Bool => Self::Bool(values.iter().map(|&v| v != 0.0).collect()),
            _ => return None,
        })
    }

    /// Elements of type `dtype` with the given values, wrapped into the type's range as ONNX's
    /// Cast does; none where the type is not held here.
    pub fn from_i64(dtype: DataType, values: &[i64]) -> Option<Self> {
        Some(match dtype {
            DataType::Int8 => Self::I8(values.iter().map(|&v| v as i8).collect()),
            DataType::Uint8 => Self::U8(values.iter().map(|&v| v as u8).collect()),
            DataType::Int32 => Self::I32(values.iter().map(|&v| v as i32).collect()),
            DataType::Int64 => Self::I64(values.into()),
            DataType::Bool => Self::Bool(values.iter().map(|&v| v != 0).collect()),
            _ => {
                let values: Vec<f64> = values.iter().map(|&v| v as f64).collect();
                return Self::from_f64(dtype, &values);
            }
        })
    }
}

/// Bytes of an element of `dtype`; none where the type is not held here.
pub fn element_bytes(dtype: DataType) -> Option<usize> {
    Some(match dtype {
        DataType::Int8 | DataType::Uint8 | DataType::Bool => 1,
        DataType::Float16 => 2,
        DataType::Float | DataType::Int32 => 4,
        DataType::Double | DataType::Int64 => 8,
        _ => return None,
    })
}

/// IEEE 754 half precision to single, exact.
pub fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    match (exponent, fraction) {
        (0, _) => {
            let size = fraction as f32 / 16_777_216.0;
            if sign == 0 { size } else { -size }
        }
        (31, _) => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// Single precision to IEEE 754 half, to nearest, ties to even; too large becomes ±∞.
pub fn f16_from_f32(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let size = bits & 0x7fff_ffff;
    if size > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    // 65520 and more round to infinity.
    if size >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    // Below 2⁻¹⁴: multiples of 2⁻²⁴. The product is exact, the rounding is to even.
    if size < 0x3880_0000 {
        let steps = f32::from_bits(size) * 16_777_216.0;
        return sign | steps.round_ties_even() as u16;
    }
    let odd = size >> 13 & 1;
    let rounded = size - (112 << 23) + 0xfff + odd;
    sign | (rounded >> 13) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_the_way_through_single() {
        for bits in 0..=u16::MAX {
            let value = f16_to_f32(bits);
            if value.is_nan() {
                assert!(f16_to_f32(f16_from_f32(value)).is_nan());
            } else {
                assert_eq!(f16_from_f32(value), bits, "{bits:#x} = {value}");
            }
        }
    }

    #[test]
    fn singles_round_to_the_nearest_half() {
        assert_eq!(f16_to_f32(f16_from_f32(1.0 + 1.0 / 2048.0)), 1.0);
        assert_eq!(
            f16_to_f32(f16_from_f32(1.0 + 3.0 / 2048.0)),
            1.0 + 2.0 / 1024.0
        );
        assert_eq!(f16_to_f32(f16_from_f32(65_519.0)), 65_504.0);
        assert_eq!(f16_to_f32(f16_from_f32(65_520.0)), f32::INFINITY);
        assert_eq!(f16_from_f32(-1e-10), 0x8000);
    }

    #[test]
    fn bytes_and_values_come_back() {
        for dtype in [
            DataType::Float,
            DataType::Double,
            DataType::Float16,
            DataType::Int8,
            DataType::Uint8,
            DataType::Int32,
            DataType::Int64,
            DataType::Bool,
        ] {
            let data = TensorData::from_f64(dtype, &[1.0, 0.0, 1.0]).unwrap();
            assert_eq!(data.dtype(), dtype);
            assert_eq!(data.to_f64(), [1.0, 0.0, 1.0]);
            let bytes = data.to_bytes();
            assert_eq!(bytes.len(), 3 * element_bytes(dtype).unwrap());
            assert_eq!(TensorData::from_bytes(dtype, &bytes).as_ref(), Some(&data));
            let joined = data.join(&data).unwrap().pick(&[5, 1]).unwrap();
            assert_eq!(joined.to_f64(), [1.0, 0.0]);
            assert_eq!(data.pick(&[3]), None);
            if bytes.len() > 3 {
                assert_eq!(TensorData::from_bytes(dtype, &bytes[1..]), None);
            }
        }
        assert_eq!(TensorData::from_bytes(DataType::String, &[]), None);
        let ints = TensorData::from_i64(DataType::Int8, &[300]).unwrap();
        assert_eq!(ints.to_i64(), Some(vec![44]));
    }
}
