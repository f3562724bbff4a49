//! Executes a run for a subcommand: progress, signals, outcome.

use super::{ExitOutcome, progress, shutdown};
use crate::pipeline::RunEvent;
use crate::runner::{FinishedRun, RunBuilder};

/// Builds and executes a run with a progress bar, until it ends or a signal ends it.
pub(super) fn execute(builder: RunBuilder) -> anyhow::Result<FinishedRun> {
    let run = builder.build()?;
    let bar = progress::start(run.frame_count(), "frames");
    // Until here a signal ends the process at once: nothing was begun.
    let stop = shutdown::on_request();
    let finished = run.execute(stop, &mut |event| {
        if matches!(event, RunEvent::Frame | RunEvent::Bad(_)) {
            bar.inc(1);
        }
    });
    bar.finish_and_clear();
    Ok(finished?)
}

/// Clean, or with bad frames or lost alerts.
pub(super) fn outcome(finished: &FinishedRun) -> ExitOutcome {
    match finished.is_clean() {
        true => ExitOutcome::Clean,
        false => ExitOutcome::SomeBadInputs,
    }
}
