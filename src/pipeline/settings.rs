//! How a run is to go.

use crate::budget::ladder;
use crate::budget::realtime::RealtimeSettings;
use crate::health::host;
use crate::source::RunPace;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use unmask_alert::AlertSettings as Decide;

/// A ladder that never moves.
pub(super) const NO_LADDER: ladder::LadderSettings = ladder::LadderSettings {
    steps: 0,
    window_frames: 1,
    degrade_above: 1.0,
    recover_below: 0.0,
    recover_windows: 1,
};

/// How a run is to go.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// The source, as the user wrote it: alerts carry it.
    pub source: Arc<str>,
    /// Frames to take; all, where `None`.
    pub frames: Option<u64>,
    /// When frames come.
    pub pace: RunPace,
    /// How old an alert may be.
    pub budget: Duration,
    /// Whether mask refinement is applied.
    pub refine: bool,
    /// What is reported.
    pub decide: Decide,
    /// Frames at the start that are processed, but left out of the latency statistics.
    pub warm_up: u64,
    /// Ends the run so long after the warm-up, as if the source had ended.
    pub longest: Option<Duration>,
    /// What to do less of when frames miss their deadline, in real time.
    pub degrade: Option<DegradeSettings>,
    /// What the threads of the frame's way are given.
    pub realtime: RealtimeSettings,
    /// How the host is monitored, in real time.
    pub board: host::HostSettings,
    /// Set from outside, the run ends as if the source had ended.
    pub stop: Arc<AtomicBool>,
}

/// The degrade ladder of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct DegradeSettings {
    /// When it moves; its number of steps is that of `steps`.
    pub ladder: ladder::LadderSettings,
    /// What each step below the top does.
    pub steps: Vec<DegradeStep>,
}

/// A step of the degrade ladder.
#[derive(Clone, Debug, PartialEq)]
pub struct DegradeStep {
    /// What it is called in alerts.
    pub name: String,
    /// Whether mask refinement stays.
    pub refine: bool,
    /// Of so many frames one is served.
    pub every: u64,
    /// Number of the engine, see [`EngineSet`](super::EngineSet).
    pub engine: usize,
    /// Threshold and low threshold of that engine; those of the settings, where `None`.
    pub thresholds: Option<(f32, f32)>,
}
