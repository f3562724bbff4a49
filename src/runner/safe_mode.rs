//! Safe mode of a service that crashes again and again: frames are captured and checked for blindness
//! only, and no engine is loaded, which may be what crashes.

use super::telemetry::TelemetryWorkers;
use super::{AlertOutput, RunBuilder, RunError, latency_budget, log};
use crate::health::crashes::{CrashLog, SafeModeSettings, uptime_s};
use crate::pipeline::{self, EngineSet, PipelineSettings};
use crate::sink::{SinkFanout, WhenFull};
use crate::source::{RunPace, SourceFeed};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tracing::{error, warn};

/// Records the start of a service to which systemd gave a folder below `/run`; `None` for every other
/// run.
pub fn record_start(settings: &SafeModeSettings) -> Option<CrashLog> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NOTIFY_SOCKET")?;
    let folder = PathBuf::from(set("RUNTIME_DIRECTORY")?);
    match CrashLog::begin(&folder, settings, uptime_s()?) {
        Ok(log) => Some(log),
        Err(error) => {
            let folder = folder.display();
            warn!("starts cannot be counted in {folder}, so there is no safe mode: {error}");
            None
        }
    }
}

/// Records that the run ended in order.
pub fn record_end(starts: Option<CrashLog>) {
    if let Some(Err(error)) = starts.map(CrashLog::end) {
        warn!("the next start will count as one after a crash: {error}");
    }
}

/// Captures and reports blindness until the calm time is over or `stop` is set. Returns whether every
/// alert was delivered.
///
/// # Errors
/// The source, a sink or the telemetry cannot be opened, or the pipeline fails.
pub fn execute(builder: RunBuilder, reason: &str, stop: Arc<AtomicBool>) -> Result<bool, RunError> {
    let config = &builder.config;
    let calm = config.safe_mode.calm();
    error!(
        "SAFE MODE: {reason}. No engine is loaded, only blindness is reported. The full run is tried \
         again after {} s without a crash, or at once with `systemctl stop unmask && systemctl start \
         unmask`",
        calm.as_secs()
    );
    let budget = latency_budget(config.budget.ms)?;
    let feed = SourceFeed::open(&builder.source, builder.rate_hz, &config.capture, true)?;
    let AlertOutput::Sinks(uris) = &builder.alerts else {
        return Ok(true);
    };
    // Nothing is scored: no threshold is ever compared.
    let threshold = config.filter.threshold.or(config.filter.low_threshold);
    let mut sinks = SinkFanout::open(uris, &config.sink, WhenFull::Drop)?;
    let telemetry = TelemetryWorkers::start(&config.sink, &sinks)?;
    let settings = PipelineSettings {
        pace: RunPace::Realtime {
            rate_hz: builder.rate_hz,
        },
        refine: false,
        warm_up: 0,
        longest: Some(calm),
        stop,
        ..builder.pipeline_settings(budget, threshold.unwrap_or(1.0))
    };
    let ran = pipeline::run(
        EngineSet::none(reason),
        feed,
        &settings,
        &mut sinks,
        None,
        &mut |event| log::event(&event),
    );
    drop(telemetry);
    let summary = ran?;
    let reports = sinks.close()?;
    warn!(
        "safe mode is over: {} frames captured, {} alerts",
        summary.ledger.frames(),
        summary.alerts
    );
    Ok(reports.iter().all(|sink| sink.total_discarded() == 0))
}
