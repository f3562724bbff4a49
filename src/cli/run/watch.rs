//! What `run` and `demo` share: options, the run itself, its summary and its page.

mod report;

use crate::alert::{Confirm, Judge, Rules, Settings as Decide, Verdict};
use crate::camera::{Camera, Pace, Source};
use crate::engine::{Engine, Facts, Options, find_model};
use crate::pipeline::{self, Looked, Noted, Settings, Summary};
use crate::sink::JsonLines;
use crate::view::{Gallery, GallerySettings};
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::PathBuf;
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

    /// Score above which cells beside those belong to the same thing [default: the threshold less
    /// a tenth]
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    low_threshold: Option<f32>,

    /// Smallest thing to tell of, px of the picture
    #[arg(long, value_name = "PX", default_value_t = 200)]
    min_area: u32,

    /// Tell of a thing once it was seen in K of the last N frames [default: 4/6, but 1/1 for
    /// pictures, which may have nothing to do with each other]
    #[arg(long, value_name = "K/N")]
    confirm: Option<Confirm>,

    /// Ask nothing of a thing but score, area and confirmation: leave the rules out
    #[arg(long)]
    no_rules: bool,

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

impl Args {
    /// What is told of `source`, with what the user asked for.
    fn decide(&self, source: &Source, threshold: f32) -> Decide {
        let usual = match source {
            Source::Pictures(_) => Decide::stills(threshold),
            _ => Decide::film(threshold),
        };
        Decide {
            low_threshold: self.low_threshold.unwrap_or(usual.low_threshold),
            min_area_px: self.min_area,
            only_near_road: !self.anywhere,
            confirm: self.confirm.unwrap_or(usual.confirm),
            rules: if self.no_rules {
                Rules::NONE
            } else {
                usual.rules
            },
            ..usual
        }
    }
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
            decide: args.decide(&self.source, threshold),
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
                        _ => FILM_SPACING,
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
                if !matches!(noted, Noted::Sight(_)) {
                    bar.inc(1);
                }
                match noted {
                    Noted::Frame => {}
                    Noted::Bad(frame) => {
                        bar.suspend(|| eprintln!("unmask: bad frame {frame}"));
                    }
                    Noted::Sight(change) => bar.suspend(|| eprintln!("unmask: {change}")),
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
}
