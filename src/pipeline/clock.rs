//! Wall clock and ids of a run.

use super::publish::StateChange;
use super::{AlertPipeline, PipelineError, RunEvent};
use std::sync::Arc;
use std::time::{Duration, Instant};
use unmask_alert::{AlertEvent, AlertSeverity};
use uuid::Uuid;

/// How often the kernel is asked how far the wall clock may be off.
const ASK: Duration = Duration::from_secs(1);

/// A name for one run that no other run has, whatever the wall clock says: its time (a UUID of
/// version 7) and 74 random bits.
pub(super) fn new_run_id() -> Arc<str> {
    Uuid::now_v7().to_string().into()
}

/// What a run knows of the wall clock.
#[derive(Debug, Default)]
pub(super) struct WallClock {
    asked: Option<Instant>,
    steps: u64,
}

impl AlertPipeline<'_> {
    /// Follows the wall clock, and reports where it was set.
    pub(super) fn follow_clock(
        &mut self,
        on_event: &mut dyn FnMut(RunEvent<'_>),
    ) -> Result<(), PipelineError> {
        if self.recorded {
            // What the wall clock said then is in the recording.
            return Ok(());
        }
        let asked = &mut self.wall.asked;
        if asked.is_none_or(|at| at.elapsed() >= ASK) {
            *asked = Some(Instant::now());
            let error = unmask_system::clock_error();
            for alert_builder in &mut self.alert_builders {
                alert_builder.set_clock_error(error);
            }
        }
        let Some(step_ns) = self.clock.follow() else {
            return Ok(());
        };
        self.wall.steps += 1;
        let detail = step_in_words(step_ns);
        on_event(RunEvent::Clock(&detail));
        let now = self.clock.now();
        let metadata = self.state_metadata(
            self.last.as_ref().map_or(0, |last| last.frame),
            now,
            self.clock.unix_ns(now),
        );
        let id: Arc<str> = format!("{}-clock-{}", self.run_id, self.wall.steps).into();
        // It is over as soon as it is reported: from here on times are as the clock says now.
        for (event, severity) in [
            (AlertEvent::Degraded, AlertSeverity::Medium),
            (AlertEvent::End, AlertSeverity::Low),
        ] {
            let change = StateChange {
                event,
                id: id.clone(),
                detail: detail.clone(),
                severity,
            };
            self.publish_state(change, &metadata)?;
        }
        Ok(())
    }
}

fn step_in_words(step_ns: i128) -> String {
    let ms = step_ns.unsigned_abs() / 1_000_000;
    let direction = if step_ns < 0 { "back" } else { "forward" };
    format!(
        "the wall clock was set {direction} by {}.{:03} s: captured_at of earlier alerts is off by \
         that much",
        ms / 1000,
        ms % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use uuid::{NoContext, Timestamp};

    #[test]
    fn ids_differ_over_ten_thousand_boots_with_the_same_clock() {
        // A board without a battery: every boot begins in the same second of 1970.
        let boot = || Uuid::new_v7(Timestamp::from_unix(NoContext, 17, 250_000_000));
        let ids: HashSet<_> = (0..10_000).map(|_| boot()).collect();
        assert_eq!(ids.len(), 10_000);
        let ids: HashSet<_> = (0..10_000).map(|_| new_run_id()).collect();
        assert_eq!(ids.len(), 10_000);
        println!("\n20000 tried, 20000 held, 0 lost: 10000 ids of 10000 boots with one clock");
    }

    #[test]
    fn a_step_has_a_direction() {
        assert!(step_in_words(-1_500_000_000).contains("back by 1.500 s"));
        assert!(step_in_words(86_400_000_000_000).contains("forward by 86400.000 s"));
    }
}
