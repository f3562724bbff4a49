//! A run without an engine, after crashes: frames are captured, blindness is reported, and nothing else.

use super::publish::StateChange;
use super::{AlertPipeline, PipelineError, RunEvent};
use crate::source::{BadFrame, SourceFrame};
use std::sync::Arc;
use unmask_alert::{AlertEvent, AlertSeverity};
use unmask_frame::MonotonicTime;

impl AlertPipeline<'_> {
    /// Publishes the begin or the end of safe mode; nothing if there is an engine.
    pub(super) fn publish_safe_mode(&mut self, event: AlertEvent) -> Result<(), PipelineError> {
        let Some(reason) = self.engines.absence().cloned() else {
            return Ok(());
        };
        let (severity, detail) = match event {
            AlertEvent::End => (AlertSeverity::Low, "safe mode is over".to_string()),
            _ => (
                AlertSeverity::High,
                format!("safe mode, only blindness is reported: {reason}"),
            ),
        };
        let now = self.clock.now();
        let frame = self.last.as_ref().map_or(0, |last| last.frame);
        let metadata = self.state_metadata(frame, now, self.clock.unix_ns(now));
        let id: Arc<str> = format!("{}-safe-1", self.run_id).into();
        let change = StateChange {
            event,
            id,
            detail,
            severity,
        };
        self.publish_state(change, &metadata)
    }

    /// Counts a frame that nothing scores: the watchdog and the metrics see that frames come.
    pub(super) fn finish_unscored(
        &mut self,
        frame: Result<SourceFrame, BadFrame>,
        captured: MonotonicTime,
        on_event: &mut dyn FnMut(RunEvent<'_>),
    ) {
        self.taken += 1;
        match frame {
            Ok(frame) => {
                let known = frame.stamp.captured.is_known();
                let unix_ns = self.clock.unix_ns(captured);
                self.last = Some(self.state_metadata(frame.number, captured, unix_ns));
                let age = self.clock.now().since(captured);
                let metrics = self.sink.metrics();
                if known {
                    self.summary.ledger.finish_frame(age);
                    metrics.finish_frame(age, age <= self.settings.budget);
                } else {
                    self.summary.ledger.finish_frame_of_unknown_age();
                    metrics.finish_frame_of_unknown_age();
                }
                metrics.set_superseded(self.reader.dropped());
                on_event(RunEvent::Frame);
            }
            Err(bad) => {
                on_event(RunEvent::Bad(&bad));
                self.summary.bad += 1;
                self.sink.metrics().count_invalid();
                self.first_bad.get_or_insert(bad);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Shared, settings};
    use super::super::*;
    use crate::sink::JsonLines;
    use crate::source::{OpenSource, SourceUri};
    use unmask_alert::AlertSeverity;

    #[test]
    fn without_an_engine_the_run_says_so_and_captures_to_its_end() {
        let out = Shared::default();
        let mut sink = SinkFanout::from(JsonLines::to_writer("test", Box::new(out.clone())));
        let mut settings = settings("synthetic:1");
        settings.pace = RunPace::Realtime { rate_hz: 50.0 };
        settings.longest = Some(Duration::from_millis(400));
        let feed = OpenSource::open(&SourceUri::Synthetic(1), 50.0).unwrap();
        let engines = EngineSet::none("5 starts failed within 60 s");
        let summary = run(engines, feed, &settings, &mut sink, None, &mut |_| {}).unwrap();
        assert!(summary.ledger.frames() > 0);
        let alerts = out.alerts();
        let reported: Vec<_> = alerts.iter().map(|a| (a.event, a.severity)).collect();
        assert_eq!(
            reported,
            [
                (AlertEvent::Degraded, AlertSeverity::High),
                (AlertEvent::End, AlertSeverity::Low)
            ]
        );
        assert_eq!(alerts[0].id, alerts[1].id);
        let detail = alerts[0].detail.as_deref().unwrap();
        assert!(
            detail.contains("safe mode") && detail.contains("5 starts failed"),
            "{detail}"
        );
    }
}
