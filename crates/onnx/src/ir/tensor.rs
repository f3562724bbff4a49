//! Elements of a tensor that lie in its message.

use super::TensorData;
use crate::messages::{DataType, TensorProto};

/// The elements of a tensor that lie in its message.
pub(crate) fn inside(dtype: DataType, tensor: &TensorProto) -> Option<TensorData> {
    if let Some(raw) = tensor.raw_data.as_deref().filter(|raw| !raw.is_empty()) {
        return TensorData::from_bytes(dtype, raw);
    }
    let ints = || tensor.int32_data.iter();
    Some(match dtype {
        DataType::Float => TensorData::F32(tensor.float_data[..].into()),
        DataType::Double => TensorData::F64(tensor.double_data[..].into()),
        DataType::Int64 => TensorData::I64(tensor.int64_data[..].into()),
        DataType::Int32 => TensorData::I32(tensor.int32_data[..].into()),
        DataType::Float16 => TensorData::F16(ints().map(|&v| v as u16).collect()),
        DataType::Int8 => TensorData::I8(ints().map(|&v| v as i8).collect()),
        DataType::Uint8 => TensorData::U8(ints().map(|&v| v as u8).collect()),
        DataType::Bool => TensorData::Bool(ints().map(|&v| v != 0).collect()),
        _ => return None,
    })
}

/// The one element of `tensor`, which lies in its message; none where there is not one.
pub fn small_tensor(tensor: &TensorProto) -> Option<TensorData> {
    inside(tensor.data_type(), tensor).filter(|d| d.len() == 1)
}
