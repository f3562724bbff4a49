//! What a run leaves behind: its summary, for people and as JSON, and its page.

use super::super::super::ExitOutcome;
use super::{EvaluatedRun, RunResult, WatchRun};
use crate::budget::{DropReason, FrameStage, LatencyPercentiles};
use crate::pipeline::RunSummary;
use crate::view::{AlertGallery, PageFact, RunPage, StageSpan, html};
use anyhow::Context;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;
use unmask_alert::AlertEvaluation;
use unmask_model::ModelMetadata;

/// The summary as JSON.
#[derive(Serialize)]
pub(in crate::cli) struct RunReport {
    source: String,
    frames: u64,
    bad_frames: u64,
    dropped_frames: u64,
    ladder_moves: u64,
    things: u64,
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

#[derive(Serialize)]
struct StageReport {
    stage: FrameStage,
    #[serde(flatten)]
    times: LatencyPercentiles,
}

#[derive(Serialize)]
struct EngineReport {
    name: &'static str,
    precision: &'static str,
    threads: usize,
    model: String,
    hash: String,
    input_height: usize,
    input_width: usize,
}

impl RunResult {
    /// Clean, or with bad frames or lost alerts.
    pub fn outcome(&self) -> ExitOutcome {
        let lost = self.sinks.iter().any(|sink| sink.lost_in_all() > 0);
        if self.summary.bad == 0 && !lost {
            ExitOutcome::Clean
        } else {
            ExitOutcome::SomeBadInputs
        }
    }

    /// What the run came to.
    pub fn summary(&self) -> &RunSummary {
        &self.summary
    }

    /// The model's facts.
    pub fn facts(&self) -> &ModelMetadata {
        &self.facts
    }

    /// The run that was asked for.
    pub fn watch(&self) -> &WatchRun {
        &self.watch
    }

    /// The engine's name, precision and threads.
    pub fn engine(&self) -> (&'static str, &'static str, usize) {
        (self.engine_name, self.precision, self.threads)
    }

    /// The model's file.
    pub fn model(&self) -> &Path {
        &self.model
    }

    /// What the judge says, where there was one.
    pub fn verdict(&self, rate_hz: f64) -> Option<AlertEvaluation> {
        self.judge.as_ref().map(|judge| judge.verdict(rate_hz))
    }

    /// The summary as JSON.
    pub fn report(&self) -> RunReport {
        let ledger = &self.summary.ledger;
        RunReport {
            source: self.watch.source.to_string(),
            frames: ledger.frames(),
            bad_frames: self.summary.bad,
            dropped_frames: self.summary.dropped,
            ladder_moves: self.summary.changes,
            things: self.summary.begun,
            alerts: self.summary.alerts,
            seconds: rounded(self.summary.took.as_secs_f64()),
            frames_per_second: rounded(self.summary.frames_per_second()),
            budget_ms: self.watch.config.budget.ms,
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
                name: self.engine_name,
                precision: self.precision,
                threads: self.threads,
                model: self.model.display().to_string(),
                hash: self.facts.sha256.clone(),
                input_height: self.facts.input.h,
                input_width: self.facts.input.w,
            },
            sinks: self.sinks.clone(),
            evidence_frames: self.evidence.0,
            evidence_failed: self.evidence.1,
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
            "{} frames in {:.1} s: {:.1} frames/s, {} things told of, {} alert lines",
            ledger.frames(),
            summary.took.as_secs_f64(),
            summary.frames_per_second(),
            summary.begun,
            summary.alerts
        );
        for (count, what) in [
            (summary.bad, "bad frames, named above"),
            (
                ledger.dropped(DropReason::Overtaken),
                "frames dropped: a newer one overtook them",
            ),
            (
                ledger.dropped(DropReason::TooLate),
                "frames dropped before the engine: they could not make their deadline",
            ),
            (
                ledger.dropped(DropReason::LeftOut),
                "frames left out by the degrade ladder",
            ),
            (summary.changes, "moves on the degrade ladder"),
            (
                ledger.unknown_age(),
                "frames of unknown age: the source does not tell when they were captured",
            ),
            (summary.not_drawn, "frames not drawn: drawing was behind"),
            (self.evidence.0, "frames kept as evidence"),
            (self.evidence.1, "frames could not be kept as evidence"),
        ] {
            if count > 0 {
                let _ = writeln!(out, "{count} {what}");
            }
        }
        if let Some(capture) = &self.summary.capture {
            let _ = writeln!(out, "{capture}");
        }
        let unequal = |s: &&crate::sink::SinkReport| s.delivered != s.told || s.waiting > 0;
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
            self.watch.config.budget.ms
        );
        out
    }

    /// Writes the contact sheet and the page, where something was to be drawn.
    pub fn write_page(mut self, judged: Option<EvaluatedRun<'_>>) -> anyhow::Result<()> {
        let Some((show, mut gallery)) = self.gallery.take() else {
            return Ok(());
        };
        let sheet = "contact-sheet.png";
        gallery.write_sheet(&show.page_folder.join(sheet), &show.title)?;
        let truth = self.truth(&mut gallery, judged.as_ref());
        let facts = self.page_facts(judged.as_ref());
        let ledger = &self.summary.ledger;
        let lead = format!(
            "{} frames of {}, watched by {} on the {}.",
            ledger.frames(),
            self.watch.source,
            file_name(&self.model),
            self.engine_name
        );
        let page = html(&RunPage {
            title: &show.title,
            lead: &lead,
            facts: &facts,
            frames: ledger.frames() + self.summary.bad + self.summary.dropped,
            alerts: gallery.spans(),
            truth: truth.as_deref(),
            ledger,
            budget_ms: self.watch.config.budget.ms,
            sheet,
            overlay_folder: &show.overlay_folder,
            overlays: gallery.links(),
            notes: &self.page_notes(&gallery),
        });
        let path = show.page_folder.join("index.html");
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Notes what is true of every alert; returns the things that had to be found.
    fn truth(
        &self,
        gallery: &mut AlertGallery,
        judged: Option<&EvaluatedRun<'_>>,
    ) -> Option<Vec<StageSpan>> {
        let (judge, judged) = (self.judge.as_ref()?, judged?);
        for span in gallery.spans_mut() {
            span.real = judge.was_real(&span.id);
        }
        let spans = judged.verdict.things.iter().map(|thing| StageSpan {
            id: thing.kind.to_string(),
            first: thing.frames.0,
            last: thing.frames.1,
            score_max: 0.0,
            area_px: thing.area_px,
            late: false,
            real: Some(thing.found.is_some()),
        });
        Some(spans.collect())
    }

    fn page_facts(&self, judged: Option<&EvaluatedRun<'_>>) -> Vec<PageFact> {
        let (summary, ledger) = (&self.summary, &self.summary.ledger);
        let mut facts = Vec::new();
        if let Some(EvaluatedRun { verdict, least_px }) = judged {
            let (found, all) = (verdict.found, verdict.things.len());
            facts.push(PageFact::judged(
                format!("{found} of {all}"),
                format!("things larger than {least_px} px found"),
                found * 10 >= all * 9,
            ));
            facts.push(PageFact::judged(
                format!("{:.1}", verdict.false_per_minute),
                "false alerts a minute",
                verdict.false_per_minute <= 1.0,
            ));
        } else {
            facts.push(PageFact::plain(summary.begun.to_string(), "things told of"));
        }
        facts.push(PageFact::plain(ledger.frames().to_string(), "frames"));
        facts.push(PageFact::plain(
            format!("{:.1}", summary.frames_per_second()),
            "frames a second",
        ));
        facts.push(PageFact::plain(
            format!("{:.0} ms", ledger.age().p50_ms),
            "capture to alert, median",
        ));
        facts.push(PageFact::judged(
            ledger.misses().to_string(),
            format!("misses of the {} ms budget", self.watch.config.budget.ms),
            ledger.misses() == 0,
        ));
        if summary.bad > 0 {
            facts.push(PageFact::judged(
                summary.bad.to_string(),
                "bad frames",
                false,
            ));
        }
        facts
    }

    fn page_notes(&self, gallery: &AlertGallery) -> Vec<(String, String)> {
        let ModelMetadata {
            input,
            classes,
            sha256,
            ..
        } = &self.facts;
        let mut notes = vec![
            (
                "model",
                format!("{}, SHA-256 {sha256}", file_name(&self.model)),
            ),
            ("input", format!("{}x{} (height x width)", input.h, input.w)),
            ("classes", classes.join(", ")),
            (
                "engine",
                format!(
                    "{}, {}, {} threads",
                    self.engine_name, self.precision, self.threads
                ),
            ),
            ("source", self.watch.source.to_string()),
            ("threshold", self.threshold.to_string()),
            (
                "smallest thing",
                format!("{} px", self.watch.config.decide.min_area_px),
            ),
        ];
        if gallery.more_spans() > 0 {
            let more = format!("{} more than are listed here", gallery.more_spans());
            notes.push(("things told of", more));
        }
        if gallery.drawn() > gallery.links().len() as u64 {
            notes.push(("overlays", format!("{} in all", gallery.drawn())));
        }
        notes
            .into_iter()
            .map(|(key, value)| (key.to_string(), value))
            .collect()
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
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
