//! What `run` and `demo` share: options, the run itself, its summary and its page.

use super::super::Outcome;
use crate::alert::{Confirm, Judge, Settings as Decide, Verdict};
use crate::budget::{Percentiles, Stage};
use crate::camera::{Camera, Pace, Source};
use crate::engine::{Engine, Facts, Options, find_model};
use crate::pipeline::{self, Looked, Noted, Settings, Summary};
use crate::sink::JsonLines;
use crate::view::{Fact, Gallery, GallerySettings, Page, Span, html};
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Frames between two tiles of a film on the contact sheet.
const FILM_SPACING: u64 = 6;

/// Options of every verb that watches a source.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "watch")]
pub(in crate::cli) struct Args {
    /// The model, ONNX [default: $UNMASK_MODEL, else the shipped one]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// How old an alert may be, ms
    #[arg(long, value_name = "MS", default_value_t = 100.0)]
    budget_ms: f64,

    /// Threads to compute with; 0 = all
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,

    /// Score above which a cell counts as anomalous [default: the model's own]
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    threshold: Option<f32>,

    /// Smallest thing to tell of, px of the picture
    #[arg(long, value_name = "PX", default_value_t = 200)]
    min_area: u32,

    /// Tell of a thing once it was seen in K of the last N frames [default: 2/3, but 1/1 for
    /// pictures, which may have nothing to do with each other]
    #[arg(long, value_name = "K/N")]
    confirm: Option<Confirm>,

    /// Tell of things away from the road, too
    #[arg(long)]
    anywhere: bool,

    /// Leave mask refinement out
    #[arg(long)]
    no_refine: bool,
}

/// A run to be made.
pub(in crate::cli) struct Watch {
    pub source: Source,
    pub frames: Option<u64>,
    pub rate_hz: f64,
    pub realtime: bool,
    /// File for alerts; stdout, where `None`.
    pub alerts: Option<PathBuf>,
    pub args: Args,
}

/// What is to be drawn.
pub(in crate::cli) struct Show {
    /// Folder of the page and the contact sheet.
    pub page_folder: PathBuf,
    /// Folder of the overlays below it, with `/` at its end; empty for the same.
    pub overlay_folder: String,
    pub only_alerting: bool,
    pub title: String,
}

/// A verdict for the page.
pub(in crate::cli) struct Judged<'a> {
    pub verdict: &'a Verdict,
    pub least_px: u32,
}

/// A run that was made.
pub(in crate::cli) struct Seen {
    summary: Summary,
    facts: Facts,
    engine_name: &'static str,
    precision: &'static str,
    threads: usize,
    model: PathBuf,
    threshold: f32,
    watch: Watch,
    gallery: Option<(Show, Gallery)>,
    judge: Option<Judge>,
}

impl Watch {
    /// Makes the run.
    pub fn run(self, show: Option<Show>, judge: Option<Judge>) -> anyhow::Result<Seen> {
        let args = &self.args;
        // The cheap checks come first: a wrong folder should not cost the loading of a model.
        let budget = budget(args.budget_ms)?;
        let camera = Camera::open(&self.source, self.rate_hz)?;
        let length = match (camera.len(), self.frames) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let model = match &args.model {
            Some(model) => model.clone(),
            None => find_model()?,
        };
        let mut engine = Engine::open(
            &model,
            Options {
                threads: args.threads,
            },
        )?;
        let facts = engine.facts().clone();
        let Some(threshold) = args.threshold.or(facts.threshold) else {
            bail!(
                "the model {} brings no threshold: give one with --threshold SCORE, or write \
                 unmask.threshold into the model",
                model.display()
            );
        };
        let settings = Settings {
            source: self.source.to_string().into(),
            frames: self.frames,
            pace: if self.realtime {
                Pace::Realtime {
                    rate_hz: self.rate_hz,
                }
            } else {
                Pace::AsTaken
            },
            budget,
            refine: !args.no_refine,
            decide: Decide {
                threshold,
                min_area_px: args.min_area,
                only_near_road: !args.anywhere,
                confirm: args.confirm.unwrap_or(match self.source {
                    Source::Pictures(_) => Confirm::AT_ONCE,
                    Source::Synthetic(_) => Confirm::new(2, 3).unwrap_or(Confirm::AT_ONCE),
                }),
            },
        };
        let mut sink = match &self.alerts {
            Some(path) => JsonLines::to_file(path)?,
            None => JsonLines::stdout(),
        };
        let mut gallery = match show {
            Some(show) => {
                let gallery = Gallery::new(GallerySettings {
                    folder: show.page_folder.join(&show.overlay_folder),
                    only_alerting: show.only_alerting,
                    threshold,
                    budget,
                    tile_spacing: match self.source {
                        Source::Pictures(_) => 1,
                        Source::Synthetic(_) => FILM_SPACING,
                    },
                })?;
                Some((show, gallery))
            }
            None => None,
        };
        let mut judge = judge;
        let view: Option<pipeline::View<'_>> = if gallery.is_some() || judge.is_some() {
            let (gallery, judge) = (&mut gallery, &mut judge);
            Some(Box::new(move |looked: Looked| {
                if let (Some(judge), Some(truth)) = (judge.as_mut(), &looked.truth) {
                    judge.add(looked.frame.token.frame, truth, &looked.alerts);
                }
                match gallery {
                    Some((_, gallery)) => gallery.add(&looked).map_err(|e| e.to_string()),
                    None => Ok(()),
                }
            }))
        } else {
            None
        };
        let bar = progress_bar(length, "watching");
        let ran = pipeline::run(
            &mut engine,
            camera,
            &settings,
            &mut sink,
            view,
            &mut |noted| {
                bar.inc(1);
                if let Noted::Bad(frame) = noted {
                    bar.suspend(|| eprintln!("unmask: bad frame {frame}"));
                }
            },
        );
        bar.finish_and_clear();
        Ok(Seen {
            summary: ran?,
            facts,
            engine_name: engine.name(),
            precision: engine.precision(),
            threads: engine.threads(),
            model,
            threshold,
            watch: self,
            gallery,
            judge,
        })
    }
}

/// The summary as JSON.
#[derive(Serialize)]
pub(in crate::cli) struct Report {
    source: String,
    frames: u64,
    bad_frames: u64,
    dropped_frames: u64,
    things: u64,
    alerts: u64,
    seconds: f64,
    frames_per_second: f64,
    budget_ms: f64,
    budget_misses: u64,
    outside_engine_share: f64,
    age: Percentiles,
    stages: Vec<StageReport>,
    threshold: f32,
    engine: EngineReport,
}

#[derive(Serialize)]
struct StageReport {
    stage: Stage,
    #[serde(flatten)]
    times: Percentiles,
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

impl Seen {
    /// Clean, or with bad frames.
    pub fn outcome(&self) -> Outcome {
        if self.summary.bad == 0 {
            Outcome::Clean
        } else {
            Outcome::SomeBadInputs
        }
    }

    /// What the judge says, where there was one.
    pub fn verdict(&self, rate_hz: f64) -> Option<Verdict> {
        self.judge.as_ref().map(|judge| judge.verdict(rate_hz))
    }

    /// The summary as JSON.
    pub fn report(&self) -> Report {
        let ledger = &self.summary.ledger;
        Report {
            source: self.watch.source.to_string(),
            frames: ledger.frames(),
            bad_frames: self.summary.bad,
            dropped_frames: self.summary.dropped,
            things: self.summary.begun,
            alerts: self.summary.alerts,
            seconds: rounded(self.summary.took.as_secs_f64()),
            frames_per_second: rounded(self.summary.frames_per_second()),
            budget_ms: self.watch.args.budget_ms,
            budget_misses: ledger.misses(),
            outside_engine_share: rounded(ledger.outside_engine_share()),
            age: ledger.age(),
            stages: Stage::ALL
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
            (summary.dropped, "frames dropped: a newer one overtook them"),
            (summary.not_drawn, "frames not drawn: drawing was behind"),
        ] {
            if count > 0 {
                let _ = writeln!(out, "{count} {what}");
            }
        }
        let _ = writeln!(
            out,
            "{:<18}{:>10}{:>10}{:>10}",
            "stage", "p50 ms", "p99 ms", "max ms"
        );
        let mut line = |name: &str, p: Percentiles| {
            let _ = writeln!(
                out,
                "{name:<18}{:>10.2}{:>10.2}{:>10.2}",
                p.p50_ms, p.p99_ms, p.max_ms
            );
        };
        for stage in Stage::ALL {
            line(stage.name(), ledger.stage(stage));
        }
        line("capture to alert", ledger.age());
        let _ = writeln!(
            out,
            "{:.1} % of the time outside the engine; {} of {} frames missed the budget of {} ms",
            ledger.outside_engine_share() * 100.0,
            ledger.misses(),
            ledger.frames(),
            self.watch.args.budget_ms
        );
        out
    }

    /// Writes the contact sheet and the page, where something was to be drawn.
    pub fn write_page(mut self, judged: Option<Judged<'_>>) -> anyhow::Result<()> {
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
        let page = html(&Page {
            title: &show.title,
            lead: &lead,
            facts: &facts,
            frames: ledger.frames() + self.summary.bad + self.summary.dropped,
            alerts: gallery.spans(),
            truth: truth.as_deref(),
            ledger,
            budget_ms: self.watch.args.budget_ms,
            sheet,
            overlay_folder: &show.overlay_folder,
            overlays: gallery.links(),
            notes: &self.page_notes(&gallery),
        });
        let path = show.page_folder.join("index.html");
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Notes what is true of every alert; returns the things that had to be found.
    fn truth(&self, gallery: &mut Gallery, judged: Option<&Judged<'_>>) -> Option<Vec<Span>> {
        let (judge, judged) = (self.judge.as_ref()?, judged?);
        for span in gallery.spans_mut() {
            span.real = judge.was_real(&span.id);
        }
        let spans = judged.verdict.things.iter().map(|thing| Span {
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

    fn page_facts(&self, judged: Option<&Judged<'_>>) -> Vec<Fact> {
        let (summary, ledger) = (&self.summary, &self.summary.ledger);
        let mut facts = Vec::new();
        if let Some(Judged { verdict, least_px }) = judged {
            let (found, all) = (verdict.found, verdict.things.len());
            facts.push(Fact::judged(
                format!("{found} of {all}"),
                format!("things larger than {least_px} px found"),
                found * 10 >= all * 9,
            ));
            facts.push(Fact::judged(
                format!("{:.1}", verdict.false_per_minute),
                "false alerts a minute",
                verdict.false_per_minute <= 1.0,
            ));
        } else {
            facts.push(Fact::plain(summary.begun.to_string(), "things told of"));
        }
        facts.push(Fact::plain(ledger.frames().to_string(), "frames"));
        facts.push(Fact::plain(
            format!("{:.1}", summary.frames_per_second()),
            "frames a second",
        ));
        facts.push(Fact::plain(
            format!("{:.0} ms", ledger.age().p50_ms),
            "capture to alert, median",
        ));
        facts.push(Fact::judged(
            ledger.misses().to_string(),
            format!("misses of the {} ms budget", self.watch.args.budget_ms),
            ledger.misses() == 0,
        ));
        if summary.bad > 0 {
            facts.push(Fact::judged(summary.bad.to_string(), "bad frames", false));
        }
        facts
    }

    fn page_notes(&self, gallery: &Gallery) -> Vec<(String, String)> {
        let Facts {
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
            ("smallest thing", format!("{} px", self.watch.args.min_area)),
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

fn budget(ms: f64) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(ms / 1e3)
        .ok()
        .filter(|budget| !budget.is_zero())
        .with_context(|| format!("--budget-ms {ms}: wanted a number above 0"))
}

/// A progress bar on stderr, shown on a terminal only.
pub(in crate::cli) fn progress_bar(length: Option<u64>, what: &'static str) -> ProgressBar {
    let bar = match length {
        Some(length) => ProgressBar::new(length),
        None => ProgressBar::no_length(),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    let template = match length {
        Some(_) => "{msg} {wide_bar} {pos}/{len} {per_sec} eta {eta}",
        None => "{msg} {spinner} {pos} {per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_number_above_0() {
        assert_eq!(budget(0.5).unwrap(), Duration::from_micros(500));
        for ms in [0.0, -3.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(budget(ms).unwrap_err().to_string().contains("--budget-ms"));
        }
    }

    #[test]
    fn numbers_are_rounded_to_four_decimals() {
        assert_eq!(rounded(1.234_567), 1.2346);
    }
}
