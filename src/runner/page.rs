//! The page and the contact sheet of a run.

use super::{FinishedRun, RunError};
use crate::view::{AlertGallery, AlertSpan, PageFigure, RunPage, ViewError, html};
use std::path::Path;
use unmask_alert::AlertEvaluation;
use unmask_model::ModelMetadata;

/// An evaluation for the page.
#[derive(Clone, Copy, Debug)]
pub struct EvaluatedRun<'a> {
    /// How the alerts compare with the ground truth.
    pub evaluation: &'a AlertEvaluation,
    /// Area from which an object had to be found, px of the frame.
    pub min_area_px: u32,
}

impl FinishedRun {
    /// Writes the contact sheet and the page, where something was to be drawn.
    pub fn write_page(mut self, evaluated: Option<EvaluatedRun<'_>>) -> Result<(), RunError> {
        let Some((output, mut gallery)) = self.gallery.take() else {
            return Ok(());
        };
        let sheet = "contact-sheet.png";
        gallery.write_sheet(&output.page_folder.join(sheet), &output.title)?;
        let truth = self.truth(&mut gallery, evaluated.as_ref());
        let facts = self.page_facts(evaluated.as_ref());
        let ledger = &self.summary.ledger;
        let lead = format!(
            "{} frames of {}, scored by {} on the {}.",
            ledger.frames(),
            self.builder.source,
            file_name(&self.model),
            self.engine.name
        );
        let page = html(&RunPage {
            title: &output.title,
            lead: &lead,
            figures: &facts,
            frames: ledger.frames() + self.summary.bad + self.summary.dropped,
            alerts: gallery.spans(),
            truth: truth.as_deref(),
            latency: ledger,
            budget_ms: self.budget_ms(),
            sheet,
            overlay_folder: &output.overlay_folder,
            overlays: gallery.links(),
            notes: &self.page_notes(&gallery),
        });
        let path = output.page_folder.join("index.html");
        std::fs::write(&path, page).map_err(|error| ViewError::write(&path, error))?;
        Ok(())
    }

    /// Marks every alert as true or false; returns the objects that had to be found.
    fn truth(
        &self,
        gallery: &mut AlertGallery,
        evaluated: Option<&EvaluatedRun<'_>>,
    ) -> Option<Vec<AlertSpan>> {
        let (evaluator, evaluated) = (self.builder.evaluator.as_ref()?, evaluated?);
        for span in gallery.spans_mut() {
            span.real = evaluator.is_true_positive(&span.id);
        }
        let spans = evaluated.evaluation.objects.iter().map(|object| AlertSpan {
            id: object.kind.to_string(),
            first: object.frames.0,
            last: object.frames.1,
            score_max: 0.0,
            area_px: object.area_px,
            late: false,
            real: Some(object.found.is_some()),
        });
        Some(spans.collect())
    }

    fn page_facts(&self, evaluated: Option<&EvaluatedRun<'_>>) -> Vec<PageFigure> {
        let (summary, ledger) = (&self.summary, &self.summary.ledger);
        let mut facts = Vec::new();
        if let Some(EvaluatedRun {
            evaluation,
            min_area_px,
        }) = evaluated
        {
            let (found, all) = (evaluation.found, evaluation.objects.len());
            facts.push(PageFigure::rated(
                format!("{found} of {all}"),
                format!("objects larger than {min_area_px} px found"),
                found * 10 >= all * 9,
            ));
            facts.push(PageFigure::rated(
                format!("{:.1}", evaluation.false_per_minute),
                "false alerts per minute",
                evaluation.false_per_minute <= 1.0,
            ));
        } else {
            facts.push(PageFigure::plain(
                summary.begun.to_string(),
                "detections alerted on",
            ));
        }
        facts.push(PageFigure::plain(ledger.frames().to_string(), "frames"));
        facts.push(PageFigure::plain(
            format!("{:.1}", summary.frames_per_second()),
            "frames per second",
        ));
        facts.push(PageFigure::plain(
            format!("{:.0} ms", ledger.age().p50_ms),
            "capture to alert, median",
        ));
        facts.push(PageFigure::rated(
            ledger.misses().to_string(),
            format!("misses of the {} ms budget", self.budget_ms()),
            ledger.misses() == 0,
        ));
        if summary.bad > 0 {
            facts.push(PageFigure::rated(
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
        } = &self.metadata;
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
                    self.engine.name, self.engine.precision, self.engine.threads
                ),
            ),
            ("source", self.builder.source.to_string()),
            ("threshold", self.threshold.to_string()),
            (
                "smallest detection",
                format!("{} px", self.builder.config.filter.min_area_px),
            ),
        ];
        if gallery.more_spans() > 0 {
            let more = format!("{} more than are listed here", gallery.more_spans());
            notes.push(("detections alerted on", more));
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
