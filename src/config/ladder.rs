//! The degrade ladder: the table `[ladder]`.

use crate::budget::ladder;
use crate::pipeline::{DegradeSettings, DegradeStep};
use serde::Deserialize;
use std::path::PathBuf;

/// The degrade ladder.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LadderConfig {
    /// Frames per window.
    #[serde(alias = "window")]
    pub window_frames: u32,
    /// Step down where more than this share of a window missed.
    #[serde(alias = "down_above")]
    pub degrade_above: f32,
    /// A window is good if at most this share missed.
    #[serde(alias = "up_below")]
    pub recover_below: f32,
    /// Good windows in a row before a step up.
    #[serde(alias = "calm_windows")]
    pub recover_windows: u32,
    /// Steps below the top, in order.
    pub steps: Vec<LadderStep>,
}

impl Default for LadderConfig {
    fn default() -> Self {
        Self {
            window_frames: 100,
            degrade_above: 0.1,
            recover_below: 0.01,
            recover_windows: 5,
            steps: Vec::new(),
        }
    }
}

/// A step of the ladder.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderStep {
    /// What it is called in alerts.
    pub name: String,
    /// Whether mask refinement stays.
    #[serde(default = "yes")]
    pub refine: bool,
    /// Of so many frames one is served.
    #[serde(default = "one")]
    pub every: u64,
    /// Another model file, smaller or of lower precision, with the same road classes.
    #[serde(default)]
    pub model: Option<PathBuf>,
}

fn yes() -> bool {
    true
}

fn one() -> u64 {
    1
}

impl LadderConfig {
    /// The pipeline's ladder, every step with the usual engine; `None` without steps.
    pub fn degrade(&self) -> Option<DegradeSettings> {
        let steps: Vec<DegradeStep> = self
            .steps
            .iter()
            .map(|step| DegradeStep {
                name: step.name.clone(),
                refine: step.refine,
                every: step.every,
                engine: 0,
                thresholds: None,
            })
            .collect();
        (!steps.is_empty()).then_some(DegradeSettings {
            ladder: ladder::LadderSettings {
                steps: steps.len(),
                window_frames: self.window_frames,
                degrade_above: self.degrade_above,
                recover_below: self.recover_below,
                recover_windows: self.recover_windows,
            },
            steps,
        })
    }
}
