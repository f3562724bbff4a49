//! TensorRT plans on disk: their key, seal and store.
//!
//! A TensorRT plan is executable code for one GPU, driver and library, and the library checks four
//! bytes of it. So a plan lies next to a [`Receipt`], which names what the plan was built from
//! ([`PlanKey`]) and its hash, and carries a MAC with a key of this device ([`DeviceKey`]).
//! [`PlanStore::load`] hands out a plan only if all of it agrees.

mod device_key;
mod key;
mod receipt;
mod store;
#[cfg(test)]
mod tests;

pub use device_key::{DeviceKey, DeviceKeyError};
pub use key::{KeyChange, PlanKey};
pub use receipt::{BuildFacts, Gate, Receipt};
pub use store::{PlanError, PlanStore, SealedPlan};

use sha2::{Digest, Sha256};

/// SHA-256 of `bytes`, hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}
