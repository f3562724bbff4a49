//! Publishes changes of the host while a run goes on.

use super::publish::StateChange;
use super::{AlertPipeline, PipelineError, RunEvent};
use std::sync::Arc;
use unmask_alert::{AlertEvent, AlertSeverity};

impl AlertPipeline<'_> {
    /// Publishes what changed about the host since the last call; never waits for it.
    pub(super) fn publish_host_changes(
        &mut self,
        on_event: &mut dyn FnMut(RunEvent<'_>),
    ) -> Result<(), PipelineError> {
        while let Some(change) = self.board.as_ref().and_then(|board| board.next()) {
            on_event(RunEvent::Host(&change));
            let (event, severity) = match change.begins {
                true => (AlertEvent::Degraded, AlertSeverity::Medium),
                false => (AlertEvent::End, AlertSeverity::Low),
            };
            let now = self.clock.now();
            let metadata = self.state_metadata(
                self.last.as_ref().map_or(0, |last| last.frame),
                now,
                self.clock.unix_ns(now),
            );
            let id: Arc<str> = format!("{}-board-{}", self.run_id, change.number).into();
            let change = StateChange {
                event,
                id,
                detail: change.detail,
                severity,
            };
            self.publish_state(change, &metadata)?;
        }
        Ok(())
    }
}
