//! What the build process is given, and what it reports: one JSON object per line.

use super::BuildRecipe;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the build process is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerJob {
    /// How to build.
    pub recipe: BuildRecipe,
    /// The model's file.
    pub model: PathBuf,
    /// Folder of the libraries; where the loader looks, if absent.
    pub library_folder: Option<PathBuf>,
    /// File that the plan is written to; where absent, the plan is built and discarded.
    pub plan_file: Option<PathBuf>,
    /// File of kernel timings, read and written.
    pub timing_cache: Option<PathBuf>,
    /// Parse only.
    pub parse_only: bool,
    /// Have the library describe the plan's layers.
    pub describe_layers: bool,
}

/// What the build process reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum WorkerEvent {
    /// The library was opened.
    Library {
        /// Product and version.
        name: String,
    },
    /// The model was parsed.
    Parsed {
        /// Layers of the library's network.
        layers: usize,
    },
    /// The library begins a phase of the build.
    Phase {
        /// Its name, in the library's words.
        name: String,
    },
    /// The library warned, or something was done differently.
    Warning {
        /// What it said.
        text: String,
    },
    /// The plan was built.
    Built(BuiltPlan),
    /// It could not be done.
    Failed {
        /// Why, and the fix.
        reason: String,
    },
}

/// A built plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BuiltPlan {
    /// Length of the plan, bytes.
    pub plan_bytes: u64,
    /// Time of the build, s.
    pub seconds: f64,
    /// Layers by kind and type, where the library described them.
    pub layers: BTreeMap<String, u32>,
    /// Kernels per frame.
    pub kernels: u64,
    /// Bytes that kernels read and write per frame.
    pub moved_bytes: u64,
    /// Bytes of constants.
    pub constant_bytes: u64,
}
