//! Which product and version a library is, and which binary interface that means.

use crate::sys::Abi;
use std::fmt;

/// The product of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// `libnvinfer`: TensorRT for data centre GPUs and Jetson.
    TensorRt,
    /// `libtensorrt_rtx`: TensorRT-RTX for GeForce RTX, which builds without a GPU.
    TensorRtRtx,
}

/// The version that a library reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// The product.
    pub product: Product,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Patch number.
    pub patch: u32,
}

/// Oldest TensorRT-RTX: 1.4 has the same file name but another table of methods.
const FIRST_RTX_MINOR: u32 = 5;

/// Oldest TensorRT 10: 10.0 lacks a method of the engine that is called here. JetPack 6 has 10.3.
const FIRST_V10_MINOR: u32 = 1;

impl Version {
    /// The version behind the number of `getInferLibVersion`.
    ///
    /// One function counts in three ways: major × 10,000 + minor × 100 + patch since TensorRT 10
    /// (10.3.0 is 100300) and in RTX (1.7.1 is 10701), major × 1,000 in TensorRT 8 (8601).
    pub fn from_number(number: i32) -> Option<Self> {
        let number = u32::try_from(number)
            .ok()
            .filter(|number| *number >= 1000)?;
        let (product, scale) = match number {
            ..10_000 => (Product::TensorRt, 1000),
            10_000..100_000 => (Product::TensorRtRtx, 10_000),
            _ => (Product::TensorRt, 10_000),
        };
        let rest = number % scale;
        Some(Self {
            product,
            major: number / scale,
            minor: rest / 100,
            patch: rest % 100,
        })
    }

    /// The binary interface of this version; `None` where this crate does not know it.
    pub fn abi(self) -> Option<Abi> {
        match (self.product, self.major, self.minor) {
            (Product::TensorRt, 10, FIRST_V10_MINOR..) => Some(Abi::V10),
            (Product::TensorRt, 11, _) => Some(Abi::V11),
            (Product::TensorRtRtx, 1, FIRST_RTX_MINOR..) => Some(Abi::Rtx),
            _ => None,
        }
    }

    /// Whether a network's flags can be asked for: 10.8, and only that, has another method in the
    /// middle of the network's table, so that those behind it lie elsewhere.
    pub(crate) fn tells_network_flags(self) -> bool {
        !(self.product == Product::TensorRt && self.major == 10 && self.minor == 8)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let product = match self.product {
            Product::TensorRt => "TensorRT",
            Product::TensorRtRtx => "TensorRT-RTX",
        };
        write!(f, "{product} {}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_choose_the_interface() {
        for (number, name, abi) in [
            (100_000, "TensorRT 10.0.0", None),
            (100_100, "TensorRT 10.1.0", Some(Abi::V10)),
            (100_300, "TensorRT 10.3.0", Some(Abi::V10)),
            (101_602, "TensorRT 10.16.2", Some(Abi::V10)),
            (110_400, "TensorRT 11.4.0", Some(Abi::V11)),
            (10_701, "TensorRT-RTX 1.7.1", Some(Abi::Rtx)),
            (10_500, "TensorRT-RTX 1.5.0", Some(Abi::Rtx)),
            (10_400, "TensorRT-RTX 1.4.0", None),
            (20_000, "TensorRT-RTX 2.0.0", None),
            (8601, "TensorRT 8.6.1", None),
            (120_000, "TensorRT 12.0.0", None),
        ] {
            let version = Version::from_number(number).unwrap();
            assert_eq!(
                (version.to_string().as_str(), version.abi()),
                (name, abi),
                "{number}"
            );
        }
        for number in [-1, 0, 999] {
            assert_eq!(Version::from_number(number), None, "{number}");
        }
    }
}
