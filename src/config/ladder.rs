//! What to do less of: the table `[ladder]`.

use crate::budget::ladder;
use crate::pipeline::{DegradeSettings, DegradeStep};
use serde::Deserialize;
use std::path::PathBuf;

/// The degrade ladder.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LadderConfig {
    /// Frames a window.
    pub window: u32,
    /// Step down where more than this share of a window missed.
    pub down_above: f32,
    /// A window is calm where at most this share missed.
    pub up_below: f32,
    /// Calm windows in a row before a step up.
    pub calm_windows: u32,
    /// Steps below the top, in order.
    pub steps: Vec<LadderStep>,
}

impl Default for LadderConfig {
    fn default() -> Self {
        Self {
            window: 100,
            down_above: 0.1,
            up_below: 0.01,
            calm_windows: 5,
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
                window: self.window,
                down_above: self.down_above,
                up_below: self.up_below,
                calm_windows: self.calm_windows,
            },
            steps,
        })
    }
}
