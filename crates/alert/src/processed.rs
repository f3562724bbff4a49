//! The processed frame: what the pipeline hands to drawing and evidence.

use crate::Alert;
use std::time::Duration;
use unmask_drive::GroundTruth;
use unmask_frame::{EngineTimes, Frame};
use unmask_score::ScoredFrame;

/// A frame at the end of the pipeline, for the view.
#[derive(Debug)]
pub struct ProcessedFrame {
    /// The frame.
    pub frame: Frame,
    /// What is truly there, where the source knows.
    pub truth: Option<GroundTruth>,
    /// Score and classes on the grid of the network's output.
    pub scored: ScoredFrame,
    /// What was reported about it.
    pub alerts: Vec<Alert>,
    /// What the engine's parts took.
    pub times: EngineTimes,
    /// From capture to the writing of its alerts.
    pub age: Duration,
}
