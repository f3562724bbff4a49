//! The summary of a run, as JSON and as a table.

use super::FinishedRun;
use crate::budget::{DropReason, FrameStage, LatencyPercentiles};
use serde::Serialize;
use std::fmt::Write as _;

/// The summary of a run as `run --json` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    source: String,
    frames: u64,
    bad_frames: u64,
    dropped_frames: u64,
    ladder_moves: u64,
    tracks: u64,
    alerts: u64,
    seconds: f64,
    frames_per_second: f64,
    budget_ms: f64,
    budget_misses: u64,
    unknown_age: u64,
    outside_engine_share: f64,
    outside_engine: LatencyPercentiles,
    age: LatencyPercentiles,
    stages: Vec<StageReport>,
    threshold: f32,
    engine: EngineReport,
    sinks: Vec<crate::sink::SinkReport>,
    evidence_frames: u64,
    evidence_failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<crate::source::CaptureReport>,
}

#[derive(Clone, Debug, Serialize)]
struct StageReport {
    stage: FrameStage,
    #[serde(flatten)]
    times: LatencyPercentiles,
}

#[derive(Clone, Debug, Serialize)]
struct EngineReport {
    name: &'static str,
    precision: &'static str,
    threads: usize,
    model: String,
    hash: String,
    input_height: usize,
    input_width: usize,
}

impl FinishedRun {
    /// The summary as JSON.
    pub fn report(&self) -> RunReport {
        let ledger = &self.summary.ledger;
        RunReport {
            source: self.builder.source.to_string(),
            frames: ledger.frames(),
            bad_frames: self.summary.bad,
            dropped_frames: self.summary.dropped,
            ladder_moves: self.summary.changes,
            tracks: self.summary.begun,
            alerts: self.summary.alerts,
            seconds: rounded(self.summary.took.as_secs_f64()),
            frames_per_second: rounded(self.summary.frames_per_second()),
            budget_ms: self.budget_ms(),
            budget_misses: ledger.misses(),
            unknown_age: ledger.unknown_age(),
            outside_engine_share: rounded(ledger.outside_engine_share()),
            outside_engine: ledger.outside_engine(),
            age: ledger.age(),
            stages: FrameStage::ALL
                .iter()
                .map(|&stage| StageReport {
                    stage,
                    times: ledger.stage(stage),
                })
                .collect(),
            threshold: self.threshold,
            engine: EngineReport {
                name: self.engine.name,
                precision: self.engine.precision,
                threads: self.engine.threads,
                model: self.model.display().to_string(),
                hash: self.metadata.sha256.clone(),
                input_height: self.metadata.input.h,
                input_width: self.metadata.input.w,
            },
            sinks: self.sinks.clone(),
            evidence_frames: self.evidence.kept,
            evidence_failed: self.evidence.failed,
            camera: self.summary.capture.clone(),
        }
    }

    /// The summary for people.
    pub fn table(&self) -> String {
        let (summary, ledger) = (&self.summary, &self.summary.ledger);
        let mut out = String::new();
        // Writing into a string cannot fail; the results are dropped for that reason.
        let _ = writeln!(
            out,
            "{} frames in {:.1} s: {:.1} frames/s, {} detections alerted on, {} alert lines",
            ledger.frames(),
            summary.took.as_secs_f64(),
            summary.frames_per_second(),
            summary.begun,
            summary.alerts
        );
        for (count, what) in [
            (summary.bad, "bad frames, named above"),
            (
                ledger.dropped(DropReason::Superseded),
                "frames dropped: a newer one overtook them",
            ),
            (
                ledger.dropped(DropReason::TooLate),
                "frames dropped before the engine: they could not make their deadline",
            ),
            (
                ledger.dropped(DropReason::Skipped),
                "frames left out by the degrade ladder",
            ),
            (summary.changes, "moves on the degrade ladder"),
            (
                ledger.unknown_age(),
                "frames of unknown age: the source does not give their capture time",
            ),
            (summary.not_drawn, "frames not drawn: drawing was behind"),
            (self.evidence.kept, "frames kept as evidence"),
            (self.evidence.failed, "frames could not be kept as evidence"),
        ] {
            if count > 0 {
                let _ = writeln!(out, "{count} {what}");
            }
        }
        if let Some(capture) = &self.summary.capture {
            let _ = writeln!(out, "{capture}");
        }
        let unequal = |s: &&crate::sink::SinkReport| s.delivered != s.received || s.buffered > 0;
        for sink in self.sinks.iter().filter(unequal) {
            let _ = writeln!(out, "{sink}");
        }
        let _ = writeln!(
            out,
            "{:<18}{:>10}{:>10}{:>10}",
            "stage", "p50 ms", "p99 ms", "max ms"
        );
        let mut line = |name: &str, p: LatencyPercentiles| {
            let _ = writeln!(
                out,
                "{name:<18}{:>10.2}{:>10.2}{:>10.2}",
                p.p50_ms, p.p99_ms, p.max_ms
            );
        };
        for stage in FrameStage::ALL {
            line(stage.name(), ledger.stage(stage));
        }
        line("capture to alert", ledger.age());
        let _ = writeln!(
            out,
            "{:.1} % of the time outside the engine; {} of {} frames missed the budget of {} ms",
            ledger.outside_engine_share() * 100.0,
            ledger.misses(),
            ledger.frames(),
            self.budget_ms()
        );
        out
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_four_decimals() {
        assert_eq!(rounded(1.234_567), 1.2346);
    }
}
