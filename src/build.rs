//! Builds TensorRT plans of models for the GPU of this machine.
//!
//! [`BuildRecipe`] says what is built. [`supervise`] starts a process of its own for the library,
//! which may take all memory or crash, and follows its events; [`worker`] is what that process does.
//! [`DeviceDescription`] and the recipe make the [`unmask_engine::plan::PlanKey`] under which a plan
//! is stored, so that a plan is built once and built anew when anything that it depends on changes.

mod device;
mod error;
mod event;
mod explain;
mod recipe;
mod supervisor;
pub mod worker;

pub use device::DeviceDescription;
pub use error::BuildCommandError;
pub use event::{BuiltPlan, WorkerEvent, WorkerJob};
pub use explain::layer_table;
pub use recipe::{BuildRecipe, LoadedRecipe};
pub use supervisor::{BuildOutcome, supervise};

use std::path::PathBuf;

/// Names the folder of TensorRT's libraries where the loader does not find them.
pub const LIBRARY_VARIABLE: &str = "UNMASK_TENSORRT";

/// The folder that `$UNMASK_TENSORRT` names.
pub fn library_folder() -> Option<PathBuf> {
    std::env::var_os(LIBRARY_VARIABLE)
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
}
