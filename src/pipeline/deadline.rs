//! Which frames go on to the engine, what each that was finished teaches, and the moves on the
//! degrade ladder.

use super::publish::StateChange;
use super::{AlertPipeline, DegradeStep, PipelineError, PipelineSettings};
use crate::budget::ladder::LadderChange;
use crate::budget::policy::Admission;
use crate::budget::{DropReason, LatencyStats};
use crate::source::RunPace;
use std::sync::Arc;
use std::time::Instant;
use unmask_alert::{AlertEvent, AlertSeverity};
use unmask_frame::MonotonicTime;

impl<'a> AlertPipeline<'a> {
    /// Whether a frame goes on to the engine. Where every frame is waited for, each does.
    pub(super) fn admit(&mut self, captured: MonotonicTime) -> Option<Admission> {
        self.taken += 1;
        if self.settings.pace == RunPace::Offline {
            return Some(Admission::Serve);
        }
        if let Some(step) = self.step()
            && !self.taken.is_multiple_of(step.every.max(1))
        {
            self.drop_frame(DropReason::Skipped);
            return None;
        }
        let deadline = captured.after(self.settings.budget);
        match self.policy.admit(self.clock.now(), deadline) {
            Admission::Drop => {
                self.drop_frame(DropReason::TooLate);
                let change = self.ladder.record(true);
                self.moved(change);
                None
            }
            admission => Some(admission),
        }
    }

    /// Whether the run has lasted as long as it may.
    pub(super) fn is_over(&self) -> bool {
        let longest = self.settings.longest;
        self.warm && longest.is_some_and(|longest| self.since.elapsed() >= longest)
    }

    fn drop_frame(&mut self, cause: DropReason) {
        self.summary.ledger.count_dropped(cause, 1);
        self.sink.metrics().count_dropped(cause);
    }

    /// The step of the ladder the run is on; `None` at the top.
    pub(super) fn step(&self) -> Option<&'a DegradeStep> {
        let settings: &'a PipelineSettings = self.settings;
        let degrade = settings.degrade.as_ref()?;
        degrade.steps.get(self.ladder.step().checked_sub(1)?)
    }

    /// After a frame is reported: what it took goes into prediction and ladder; the warm-up ends.
    pub(super) fn learn(
        &mut self,
        admission: Admission,
        admitted: MonotonicTime,
    ) -> Result<(), PipelineError> {
        let Some(token) = &self.last else {
            return Ok(());
        };
        let (now, deadline) = (self.clock.now(), token.deadline());
        if self.settings.pace != RunPace::Offline {
            self.policy.finished(admission, admitted, now, deadline);
            let change = self.ladder.record(now > deadline);
            self.moved(change);
        }
        self.publish_ladder_change()?;
        if !self.warm && self.summary.ledger.frames() >= self.settings.warm_up {
            self.warm = true;
            self.since = Instant::now();
            self.lost_before = self.reader.dropped();
            self.dropped_before = self.summary.ledger.all_dropped();
            self.summary.ledger = new_ledger(self.settings);
        }
        Ok(())
    }

    /// Notes a move on the ladder; it is reported with the next frame that is served.
    pub(super) fn moved(&mut self, change: Option<LadderChange>) {
        if let Some(LadderChange { from, to }) = change {
            self.summary.changes += 1;
            let from = self.pending_change.map_or(from, |pending| pending.from);
            self.pending_change = (from != to).then_some(LadderChange { from, to });
        }
    }

    /// Publishes a move on the ladder.
    pub(super) fn publish_ladder_change(&mut self) -> Result<(), PipelineError> {
        let (Some(LadderChange { to, .. }), Some(degrade), Some(token)) = (
            self.pending_change.take(),
            &self.settings.degrade,
            &self.last,
        ) else {
            return Ok(());
        };
        let (name, severity) = match to.checked_sub(1).and_then(|i| degrade.steps.get(i)) {
            Some(step) => (step.name.as_str(), AlertSeverity::Medium),
            None => ("everything as configured", AlertSeverity::Low),
        };
        let detail = format!("step {to} of {}: {name}", degrade.steps.len());
        let id: Arc<str> = format!("{}-ladder", self.run_id).into();
        let change = StateChange {
            event: AlertEvent::Degraded,
            id,
            detail,
            severity,
        };
        let metadata = token.clone();
        self.publish_state(change, &metadata)
    }
}

pub(super) fn new_ledger(settings: &PipelineSettings) -> LatencyStats {
    let idle_waits = matches!(settings.pace, RunPace::Realtime { .. });
    LatencyStats::new(settings.budget, idle_waits)
}
