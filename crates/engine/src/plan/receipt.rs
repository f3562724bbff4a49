//! Receipt of a plan: its key, hash and seal.

use super::{DeviceKey, PlanKey, from_hex, hex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Kind and version of the file.
pub(super) const SCHEMA: &str = "unmask.receipt/1";

/// A check that a plan passed before it was taken into service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// What was measured, with its unit.
    pub name: String,
    /// The measured value.
    pub value: f64,
    /// The largest value that passes.
    pub limit: f64,
}

/// What the build said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildFacts {
    /// When the build ended, RFC 3339.
    pub built_at: String,
    /// How long it took, s: the estimate for the next one.
    pub build_time_s: f64,
    /// Warnings of the builder.
    pub warnings: Vec<String>,
    /// Layers of the plan by kind and type.
    pub layers: BTreeMap<String, u32>,
    /// Checks that the plan passed.
    pub gates: Vec<Gate>,
}

/// What lies next to a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Kind and version of the file.
    pub schema: String,
    /// What the plan was built from and for.
    pub key: PlanKey,
    /// File name of the plan.
    pub plan_file: String,
    /// SHA-256 of the plan, hexadecimal.
    pub plan_sha256: String,
    /// Length of the plan, bytes.
    pub plan_bytes: u64,
    /// What the build said.
    pub build: BuildFacts,
    /// HMAC-SHA-256 over all of the above with the device's key, hexadecimal.
    pub mac: String,
}

impl Receipt {
    /// Puts the MAC in.
    pub(super) fn seal(mut self, device_key: &DeviceKey) -> Self {
        self.mac = hex(&device_key.mac(&self.sealed_bytes()));
        self
    }

    /// Whether `device_key` sealed just this.
    pub(super) fn is_sealed_by(&self, device_key: &DeviceKey) -> bool {
        from_hex(&self.mac).is_some_and(|mac| device_key.verifies(&self.sealed_bytes(), &mac))
    }

    /// The file's text.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("a receipt has text keys only");
        text.push(b'\n');
        text
    }

    /// Everything but the MAC, the same for the same receipt.
    fn sealed_bytes(&self) -> Vec<u8> {
        Self {
            mac: String::new(),
            ..self.clone()
        }
        .to_json()
    }
}
