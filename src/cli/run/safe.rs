//! Safe mode of a service: what it captures is looked at for blindness only, and no engine is loaded.

use super::super::{ExitOutcome, shutdown};
use super::beside::TelemetryWorkers;
use super::watch::{AlertOutput, WatchRun};
use crate::health::crashes::{CrashLog, SafeModeSettings, uptime_s};
use crate::pipeline::{self, EngineSet, PipelineSettings, RunEvent};
use crate::sink::{SinkFanout, WhenFull};
use crate::source::{RunPace, SourceFeed};
use anyhow::Context;
use std::path::PathBuf;
use std::time::Duration;
use unmask_frame::escape_control;

/// Notes the start of a service that systemd gave a folder below `/run`; `None` for every other run.
pub(super) fn note_start(settings: &SafeModeSettings) -> Option<CrashLog> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NOTIFY_SOCKET")?;
    let folder = PathBuf::from(set("RUNTIME_DIRECTORY")?);
    match CrashLog::begin(&folder, settings, uptime_s()?) {
        Ok(log) => Some(log),
        Err(error) => {
            let folder = folder.display();
            eprintln!(
                "unmask: starts cannot be counted in {folder}, so there is no safe mode: {error}"
            );
            None
        }
    }
}

/// Notes that the run ended in order.
pub(super) fn note_end(starts: Option<CrashLog>) {
    if let Some(Err(error)) = starts.map(CrashLog::end) {
        eprintln!("unmask: the next start will count as one after a crash: {error}");
    }
}

/// Captures and reports blindness until the calm time is over or the run is told to stop.
pub(super) fn run(watch: &WatchRun, reason: &str) -> anyhow::Result<ExitOutcome> {
    let config = &watch.config;
    let calm = config.safe_mode.calm();
    eprintln!(
        "unmask: SAFE MODE: {reason}. No engine is loaded, only blindness is reported. The full watch is tried \
         again after {} s without a crash, or at once with `systemctl stop unmask && systemctl start unmask`",
        calm.as_secs()
    );
    let budget = Duration::try_from_secs_f64(config.budget.ms / 1e3).context("budget.ms")?;
    let feed = SourceFeed::open(&watch.source, watch.rate_hz, &config.capture, true)?;
    let AlertOutput::Places(places) = &watch.alerts else {
        return Ok(ExitOutcome::Clean);
    };
    // Nothing is scored: it is never asked for.
    let decide = &config.decide;
    let threshold = decide.threshold.or(decide.low_threshold).unwrap_or(1.0);
    let mut sinks = SinkFanout::open(places, &watch.sinks, WhenFull::Drop)?;
    let tellers = TelemetryWorkers::start(&watch.sinks, &sinks)?;
    let settings = PipelineSettings {
        source: watch.source.to_string().into(),
        frames: watch.frames,
        pace: RunPace::Realtime {
            rate_hz: watch.rate_hz,
        },
        budget,
        refine: false,
        decide: config.decide.settings(threshold, true, config.camera),
        warm_up: 0,
        longest: Some(calm),
        degrade: None,
        realtime: config.realtime.clone(),
        board: config.board.clone(),
        stop: shutdown::on_request(),
    };
    let ran = pipeline::run(
        EngineSet::none(reason),
        feed,
        &settings,
        &mut sinks,
        None,
        &mut |noted| match noted {
            RunEvent::Frame => {}
            RunEvent::Bad(frame) => eprintln!("unmask: bad frame {frame}"),
            RunEvent::Board(change) => eprintln!("unmask: {change}"),
            RunEvent::Camera(event) => eprintln!("unmask: {}", escape_control(event)),
            RunEvent::Clock(event) => eprintln!("unmask: {event}"),
            RunEvent::Sight(change) => eprintln!("unmask: {change}"),
        },
    );
    drop(tellers);
    let summary = ran?;
    let reports = sinks.close()?;
    eprintln!(
        "unmask: safe mode is over: {} frames captured, {} alerts",
        summary.ledger.frames(),
        summary.alerts
    );
    Ok(match reports.iter().any(|sink| sink.lost_in_all() > 0) {
        true => ExitOutcome::SomeBadInputs,
        false => ExitOutcome::Clean,
    })
}
