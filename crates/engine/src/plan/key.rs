//! Plan key: everything that a plan depends on.

use super::sha256_hex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a plan was built from and for. If any of it changes, the plan is built again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanKey {
    /// SHA-256 of the graph, hexadecimal.
    pub graph_sha256: String,
    /// SHA-256 of the calibration file; none for a graph without INT8.
    pub scales_sha256: Option<String>,
    /// SHA-256 of the recipe.
    pub recipe_sha256: String,
    /// Library and version: `TensorRT 10.3.0`.
    pub library: String,
    /// Newest CUDA version that the driver serves: `12.6`.
    pub cuda: String,
    /// Version of the driver or of the board's software: `R36.4.3`.
    pub driver: String,
    /// Name of the GPU.
    pub gpu: String,
    /// Compute capability: `8.7`.
    pub compute_capability: String,
    /// Power mode of the board: `MAXN`. Kernels are chosen by their times in it.
    pub power_mode: String,
}

/// One difference between two keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// What differs.
    pub part: &'static str,
    /// What the plan was built with.
    pub was: String,
    /// What is there now.
    pub is: String,
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was {}, is {}", self.part, self.was, self.is)
    }
}

impl PlanKey {
    /// SHA-256 over all parts, hexadecimal: the plan's name.
    pub fn hash(&self) -> String {
        // Lengths keep parts apart: no two keys have the same text.
        let text: String = self
            .parts()
            .iter()
            .map(|(name, value)| format!("{name}={}:{value};", value.len()))
            .collect();
        sha256_hex(text.as_bytes())
    }

    /// What differs between this key, of a plan, and `now`.
    pub fn changes(&self, now: &Self) -> Vec<KeyChange> {
        let both = self.parts().into_iter().zip(now.parts());
        let changed = both.filter(|((_, was), (_, is))| was != is);
        changed
            .map(|((part, was), (_, is))| KeyChange { part, was, is })
            .collect()
    }

    fn parts(&self) -> [(&'static str, String); 9] {
        let scales = self
            .scales_sha256
            .clone()
            .unwrap_or_else(|| "none".to_owned());
        [
            ("graph", self.graph_sha256.clone()),
            ("scales", scales),
            ("recipe", self.recipe_sha256.clone()),
            ("library", self.library.clone()),
            ("CUDA", self.cuda.clone()),
            ("driver", self.driver.clone()),
            ("GPU", self.gpu.clone()),
            ("compute capability", self.compute_capability.clone()),
            ("power mode", self.power_mode.clone()),
        ]
    }
}
