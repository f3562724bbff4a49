//! Tells what becomes of the machine while a run goes on.

use super::{AlertPipeline, PipelineError, RunEvent};
use std::sync::Arc;
use unmask_alert::{AlertEvent, AlertSeverity};
use unmask_frame::FrameMetadata;

impl AlertPipeline<'_> {
    /// Tells what changed about the machine since the last call; never waits for it.
    pub(super) fn tell_board(
        &mut self,
        note: &mut dyn FnMut(RunEvent<'_>),
    ) -> Result<(), PipelineError> {
        while let Some(change) = self.board.as_ref().and_then(|board| board.next()) {
            note(RunEvent::Board(&change));
            let (event, severity) = match change.begins {
                true => (AlertEvent::Degraded, AlertSeverity::Medium),
                false => (AlertEvent::End, AlertSeverity::Low),
            };
            let now = self.clock.now();
            let token = FrameMetadata {
                frame: self.last.as_ref().map_or(0, |last| last.frame),
                captured: now,
                age_known: true,
                captured_unix_ns: self.clock.unix_ns(now),
                budget_ns: u64::try_from(self.settings.budget.as_nanos()).unwrap_or(u64::MAX),
                source: self.settings.source.clone(),
                name: None,
            };
            let id: Arc<str> = format!("{}-board-{}", self.run_id, change.number).into();
            let alert = self
                .author()
                .write_state(event, &id, change.detail, severity, &token, now);
            self.sink.tell(&alert)?;
            self.summary.alerts += 1;
        }
        Ok(())
    }
}
