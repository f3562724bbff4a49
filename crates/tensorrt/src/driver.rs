//! The CUDA driver, asked before TensorRT uses it.

use crate::message;
use crate::sys::entry::{DriverAnswer, initialise_driver};
use std::path::{Path, PathBuf};

/// Why the CUDA driver cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The driver's library is not there.
    #[error("no CUDA driver: {}: {reason}; this needs an NVIDIA GPU with its driver", file.display())]
    NotFound {
        /// The file.
        file: PathBuf,
        /// The loader's reason.
        reason: String,
    },
    /// The driver is there but does not start.
    #[error("the CUDA driver does not start: cuInit returned {code}{}", hint(*code))]
    Failed {
        /// `CUresult` of `cuInit`.
        code: i32,
    },
}

/// What the usual failures of `cuInit` mean.
fn hint(code: i32) -> &'static str {
    match code {
        100 => " (no device): is the GPU visible to this process?",
        34 => " (stub library): the toolkit's stub was found instead of the driver's libcuda.so.1",
        35 | 803 => {
            " (driver older than the library, or not matching the kernel): update the driver"
        }
        999 => " (unknown): check permissions of /dev/nvidia* or /dev/nvhost*",
        _ => "",
    }
}

/// A CUDA driver that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Driver {
    /// The newest CUDA version that the driver serves, 12060 for 12.6.
    pub cuda_version: i32,
}

impl Driver {
    /// The driver's library: the versioned name, since the other belongs to the toolkit's stub.
    pub fn file() -> PathBuf {
        PathBuf::from("libcuda.so.1")
    }

    /// Opens and initialises the driver of this machine.
    pub fn initialise() -> Result<Self, DriverError> {
        Self::initialise_file(&Self::file())
    }

    pub(crate) fn initialise_file(file: &Path) -> Result<Self, DriverError> {
        match initialise_driver(file) {
            Ok(DriverAnswer::Ready(cuda_version)) => Ok(Self { cuda_version }),
            Ok(DriverAnswer::Failed(code)) => Err(DriverError::Failed { code }),
            Err(error) => Err(DriverError::NotFound {
                file: file.to_path_buf(),
                reason: message::chain(&error),
            }),
        }
    }
}
