//! The processed frame: what the pipeline hands to drawing and evidence.

use crate::Alert;
use std::time::Duration;
use unmask_drive::Truth;
use unmask_frame::{Frame, Times};
use unmask_score::Scored;

/// A frame at the end of its way, for the view.
#[derive(Debug)]
pub struct Looked {
    /// The frame.
    pub frame: Frame,
    /// What is truly there, where the source knows.
    pub truth: Option<Truth>,
    /// Score and classes on the grid of the network's output.
    pub scored: Scored,
    /// What was told about it.
    pub alerts: Vec<Alert>,
    /// What the engine's parts took.
    pub times: Times,
    /// From capture to the writing of its alerts.
    pub age: Duration,
}
