//! The one way on which the run's alerts reach its sinks: those of tracks, and those of the run's own
//! state.

use super::{AlertPipeline, PipelineError};
use std::sync::Arc;
use unmask_alert::{Alert, AlertEvent, AlertSeverity};
use unmask_frame::{FrameMetadata, MonotonicTime};

/// A change of the run's own state: blindness, the host, the clock, the degrade ladder.
pub(super) struct StateChange {
    /// What happened.
    pub event: AlertEvent,
    /// The same for a state's begin and its end.
    pub id: Arc<str>,
    /// Where the state is described.
    pub detail: String,
    /// How much it matters.
    pub severity: AlertSeverity,
}

impl AlertPipeline<'_> {
    /// Hands an alert to the sinks, and counts it.
    pub(super) fn publish(&mut self, alert: &Alert) -> Result<(), PipelineError> {
        self.sink.publish(alert)?;
        self.summary.alerts += 1;
        Ok(())
    }

    /// Publishes a change of the run's own state.
    pub(super) fn publish_state(
        &mut self,
        change: StateChange,
        metadata: &FrameMetadata,
    ) -> Result<(), PipelineError> {
        let StateChange {
            event,
            id,
            detail,
            severity,
        } = change;
        let now = self.clock.now();
        let alert = self
            .alert_builder()
            .status_alert(event, &id, detail, severity, metadata, now);
        self.publish(&alert)
    }

    /// Metadata of a state change that no frame brought: `frame` is the last one before it.
    pub(super) fn state_metadata(
        &self,
        frame: u64,
        captured: MonotonicTime,
        captured_unix_ns: i128,
    ) -> FrameMetadata {
        FrameMetadata {
            frame,
            captured,
            age_known: true,
            captured_unix_ns,
            budget_ns: u64::try_from(self.settings.budget.as_nanos()).unwrap_or(u64::MAX),
            source: self.settings.source.clone(),
            name: None,
        }
    }
}
