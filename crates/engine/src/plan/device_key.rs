//! Device key: the secret that seals plans.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const KEY_BYTES: usize = 32;

/// Why there is no device key.
#[derive(Debug, thiserror::Error)]
pub enum DeviceKeyError {
    /// A file could not be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The file is not a key.
    #[error(
        "{}: {found} bytes instead of {KEY_BYTES}: not a device key; remove it, and build plans again",
        file.display()
    )]
    Length {
        /// The file.
        file: PathBuf,
        /// Its length, 33 for any longer one.
        found: usize,
    },
    /// Others may read or write it.
    #[error(
        "{}: others may read or write it (mode {mode:o}): chmod 600 {}",
        file.display(),
        file.display()
    )]
    Open {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// A secret of this device, which seals receipts: what another device built is not trusted.
pub struct DeviceKey([u8; KEY_BYTES]);

impl DeviceKey {
    /// Reads the key at `file`, or makes one there that only the owner may read.
    pub fn open_or_create(file: &Path) -> Result<Self, DeviceKeyError> {
        let io = |source| DeviceKeyError::Io {
            file: file.to_path_buf(),
            source,
        };
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
        {
            Ok(mut made) => {
                let mut key = [0; KEY_BYTES];
                File::open("/dev/urandom")
                    .and_then(|mut random| random.read_exact(&mut key))
                    .map_err(io)?;
                let written = made.write_all(&key).and_then(|()| made.sync_all());
                if let Err(source) = written {
                    // Half a key would be refused for ever.
                    let _ = std::fs::remove_file(file);
                    return Err(io(source));
                }
                Ok(Self(key))
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::open(file),
            Err(error) => Err(io(error)),
        }
    }

    fn open(file: &Path) -> Result<Self, DeviceKeyError> {
        let io = |source| DeviceKeyError::Io {
            file: file.to_path_buf(),
            source,
        };
        let opened = File::open(file).map_err(io)?;
        let mode = opened.metadata().map_err(io)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(DeviceKeyError::Open {
                file: file.to_path_buf(),
                mode,
            });
        }
        let mut bytes = Vec::new();
        opened
            .take(KEY_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        let found = bytes.len();
        let key = bytes.try_into().map_err(|_| DeviceKeyError::Length {
            file: file.to_path_buf(),
            found,
        })?;
        Ok(Self(key))
    }

    /// HMAC-SHA-256 of `bytes`.
    pub(super) fn mac(&self, bytes: &[u8]) -> Vec<u8> {
        self.hmac(bytes).finalize().into_bytes().to_vec()
    }

    /// Whether `mac` is that of `bytes`, in constant time.
    pub(super) fn verifies(&self, bytes: &[u8], mac: &[u8]) -> bool {
        self.hmac(bytes).verify_slice(mac).is_ok()
    }

    fn hmac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mut hmac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        hmac.update(bytes);
        hmac
    }
}

/// What `chmod` sets; for tests of other modules.
#[cfg(test)]
pub(super) fn set_mode(file: &Path, mode: u32) {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}
