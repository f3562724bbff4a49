//! The CUDA driver, asked before TensorRT uses it.

use crate::message;
use crate::sys::entry::{DriverAnswer, driver_devices, initialise_driver};
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
    /// The driver does not describe its devices.
    #[error("the CUDA driver does not describe its devices: error {code}")]
    Devices {
        /// `CUresult` of the call that failed.
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

/// A GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The driver's name for it: `Orin`.
    pub name: String,
    /// Compute capability, 87 for 8.7.
    pub compute_capability: u32,
    /// Memory, bytes; on Jetson that of the whole board.
    pub memory_bytes: u64,
}

impl Driver {
    /// The GPUs of this machine, in the driver's order.
    ///
    /// # Errors
    /// The driver is missing, does not start, or does not answer.
    pub fn devices() -> Result<Vec<Device>, DriverError> {
        let file = Self::file();
        Self::initialise_file(&file)?;
        let answers = driver_devices(&file).map_err(|error| DriverError::NotFound {
            file,
            reason: message::chain(&error),
        })?;
        let answers = answers.map_err(|code| DriverError::Devices { code })?;
        let devices = answers.into_iter().map(|answer| {
            let (major, minor) = answer.capability;
            Device {
                name: answer.name,
                compute_capability: u32::try_from(10 * major + minor).unwrap_or(0),
                memory_bytes: answer.memory_bytes as u64,
            }
        });
        Ok(devices.collect())
    }

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
