//! Types and shapes of tensors.

use std::fmt;

/// Type of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// 32-bit floating point.
    Float32,
    /// 16-bit floating point (IEEE).
    Float16,
    /// 8-bit signed integer.
    Int8,
    /// 32-bit signed integer.
    Int32,
    /// One byte, 0 or 1.
    Bool,
    /// 8-bit unsigned integer.
    UInt8,
    /// 8-bit floating point (E4M3).
    Float8,
    /// 16-bit floating point with 8 bits of exponent.
    BFloat16,
    /// 64-bit signed integer.
    Int64,
    /// 4-bit signed integer, two in a byte.
    Int4,
    /// A type that this crate has no name for, by NVIDIA's number.
    Other(i32),
}

impl DataType {
    pub(crate) fn from_number(number: i32) -> Self {
        match number {
            0 => Self::Float32,
            1 => Self::Float16,
            2 => Self::Int8,
            3 => Self::Int32,
            4 => Self::Bool,
            5 => Self::UInt8,
            6 => Self::Float8,
            7 => Self::BFloat16,
            8 => Self::Int64,
            9 => Self::Int4,
            other => Self::Other(other),
        }
    }

    /// Size of one value in bits, where known.
    pub fn bits(self) -> Option<u32> {
        Some(match self {
            Self::Int4 => 4,
            Self::Int8 | Self::UInt8 | Self::Bool | Self::Float8 => 8,
            Self::Float16 | Self::BFloat16 => 16,
            Self::Float32 | Self::Int32 => 32,
            Self::Int64 => 64,
            Self::Other(_) => return None,
        })
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Int8 => "int8",
            Self::Int32 => "int32",
            Self::Bool => "bool",
            Self::UInt8 => "uint8",
            Self::Float8 => "float8",
            Self::BFloat16 => "bfloat16",
            Self::Int64 => "int64",
            Self::Int4 => "int4",
            Self::Other(number) => return write!(f, "type {number}"),
        })
    }
}

/// An input or output of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Type of its values.
    pub data_type: DataType,
    /// Its sizes; −1 where they are known at run time only.
    pub shape: Vec<i64>,
}
