//! Why a run cannot be assembled, or ended early.

use crate::budget::realtime::RealtimeError;
use crate::pipeline::PipelineError;
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::view::ViewError;
use std::path::PathBuf;
use unmask_engine::{EngineError, ModelNotFound};

/// Why a run cannot be assembled, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The latency budget is not a positive number.
    #[error("--budget-ms {ms}: wanted a number above 0")]
    Budget {
        /// The budget, ms.
        ms: f64,
    },
    /// The source cannot be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No model was named and none was found.
    #[error(transparent)]
    NoModel(#[from] ModelNotFound),
    /// A model cannot be opened or computed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The thread that opens a model panicked.
    #[error("the thread that opens the model {model} panicked; report it with the model's card")]
    EngineThread {
        /// The model's file.
        model: PathBuf,
    },
    /// Neither the model nor the user gives a threshold.
    #[error(
        "the model {model} has no threshold: give one with --threshold SCORE, or write \
         unmask.threshold into the model"
    )]
    NoThreshold {
        /// The model's file.
        model: PathBuf,
    },
    /// The model of a step of the degrade ladder does not fit.
    #[error("ladder step `{step}`: the model {model} {reason}")]
    LadderModel {
        /// Name of the step.
        step: String,
        /// The model's file.
        model: PathBuf,
        /// What does not fit, and the fix.
        reason: &'static str,
    },
    /// The system refuses `[realtime]`.
    #[error(transparent)]
    Realtime(#[from] RealtimeError),
    /// A sink or the telemetry cannot be opened, or an alert cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Overlays, the contact sheet or the page cannot be written.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The pipeline ended early.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}
