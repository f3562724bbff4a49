//! Checks whether this machine can run the alarm, and says what to fix.
//!
//! Every check looks at one part and gives one [`Finding`]; a problem keeps the service from running,
//! a warning does not.

mod checks;

use crate::config::RunConfig;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingSeverity {
    /// As it should be.
    Ok,
    /// The alarm runs, with less.
    Warning,
    /// The alarm cannot run.
    Problem,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub part: &'static str,
    /// How much it matters.
    pub severity: FindingSeverity,
    /// What was found.
    pub found: String,
    /// The command or change that fixes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    fn ok(part: &'static str, found: impl Into<String>) -> Self {
        Self {
            part,
            severity: FindingSeverity::Ok,
            found: found.into(),
            fix: None,
        }
    }

    fn warning(part: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            part,
            severity: FindingSeverity::Warning,
            found: found.into(),
            fix: Some(fix.into()),
        }
    }

    fn problem(part: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            severity: FindingSeverity::Problem,
            ..Self::warning(part, found, fix)
        }
    }
}

/// What is checked.
#[derive(Clone, Debug)]
pub struct DoctorSettings {
    /// Root of the file system: `/`, or a fixture.
    pub root: PathBuf,
    /// The configuration of the run.
    pub config: RunConfig,
    /// Folder of the TensorRT libraries; where the loader looks, if absent.
    pub library_folder: Option<PathBuf>,
    /// Folder for outbox and plans.
    pub state_folder: Option<PathBuf>,
}

/// Runs every check, in the order of a frame's way.
pub fn examine(settings: &DoctorSettings) -> Vec<Finding> {
    let root: &Path = &settings.root;
    let mut findings = vec![checks::source(root, &settings.config)];
    findings.extend(checks::cameras(root));
    findings.push(checks::model(&settings.config));
    findings.extend(checks::tensorrt(settings.library_folder.as_deref()));
    findings.push(checks::gpu());
    findings.extend(checks::clocks(root));
    findings.push(checks::memory(root));
    findings.push(checks::state(settings.state_folder.as_deref()));
    findings.push(checks::wall_clock());
    findings
}

/// The worst severity of `findings`.
pub fn worst(findings: &[Finding]) -> FindingSeverity {
    let severities = findings.iter().map(|finding| finding.severity);
    severities.max().unwrap_or(FindingSeverity::Ok)
}
