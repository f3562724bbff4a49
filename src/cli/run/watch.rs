//! What `run` and `demo` share: options, the run itself, its summary and its page.

mod report;

use super::super::shutdown;
use super::beside::{FrameObservers, TelemetryWorkers};
use crate::config::RunConfig;
use crate::pipeline::{self, PipelineSettings, RunEvent, RunSummary};
use crate::sink::{self, JsonLines, SinkFanout, SinkUri, WhenFull};
use crate::source::{RunPace, SourceFeed, SourceUri};
use crate::view::{AlertGallery, GallerySettings};
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::{Path, PathBuf};
use std::time::Duration;
use unmask_alert::ProcessedFrame;
use unmask_alert::{
    AlertEvaluation, AlertEvaluator, AlertSettings as Decide, FilterRules, TrackConfirmation,
};
use unmask_engine::{Engine, EngineOptions, find_model};
use unmask_frame::{Picture, escape_control};
use unmask_model::ModelMetadata;

/// Frames between two tiles of a film on the contact sheet.
const FILM_SPACING: u64 = 6;

/// Grey pictures that an engine sees before the first frame.
const WARM_UPS: usize = 3;

/// Options of every verb that watches a source.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "watch")]
pub(in crate::cli) struct WatchArgs {
    /// The model, ONNX [default: $UNMASK_MODEL, else the shipped one]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// Configuration, TOML (`unmask config` prints one); what is given here counts more
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// How old an alert may be, ms [default: 100]
    #[arg(long, value_name = "MS")]
    budget_ms: Option<f64>,

    /// Threads to compute with; 0 = all [default: 0]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Score above which a cell counts as anomalous [default: the model's own]
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    threshold: Option<f32>,

    /// Score above which cells beside those belong to the same thing [default: the threshold less
    /// a quarter]
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    low_threshold: Option<f32>,

    /// Smallest thing to tell of, px of the picture [default: 200]
    #[arg(long, value_name = "PX")]
    min_area: Option<u32>,

    /// Tell of a thing once it was seen in K of the last N frames [default: 4/6, but 1/1 for
    /// pictures, which may have nothing to do with each other]
    #[arg(long, value_name = "K/N")]
    confirm: Option<TrackConfirmation>,

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
pub(in crate::cli) struct WatchRun {
    pub source: SourceUri,
    pub frames: Option<u64>,
    pub rate_hz: f64,
    pub realtime: bool,
    /// Whether a source that is not there is waited for.
    pub waits: bool,
    /// The configuration, with what the command line changes in it.
    pub config: RunConfig,
    /// Frames at the start that do not enter the ledger.
    pub warm_up: u64,
    /// Ends the run so long after the warm-up.
    pub longest: Option<Duration>,
    /// Where alerts go.
    pub alerts: AlertOutput,
    /// How the places are written, and what is kept and shown beside.
    pub sinks: sink::SinkSettings,
}

/// Where alerts go.
pub(in crate::cli) enum AlertOutput {
    /// To these places; to stdout, where there are none.
    Places(Vec<SinkUri>),
    /// Written, but to nowhere.
    Nowhere,
}

/// What is to be drawn.
pub(in crate::cli) struct OverlayOutput {
    /// Folder of the page and the contact sheet.
    pub page_folder: PathBuf,
    /// Folder of the overlays below it, with `/` at its end; empty for the same.
    pub overlay_folder: String,
    pub only_alerting: bool,
    pub title: String,
}

/// A verdict for the page.
pub(in crate::cli) struct EvaluatedRun<'a> {
    pub verdict: &'a AlertEvaluation,
    pub least_px: u32,
}

/// A run that was made.
pub(in crate::cli) struct RunResult {
    summary: RunSummary,
    facts: ModelMetadata,
    engine_name: &'static str,
    precision: &'static str,
    threads: usize,
    model: PathBuf,
    threshold: f32,
    watch: WatchRun,
    gallery: Option<(OverlayOutput, AlertGallery)>,
    judge: Option<AlertEvaluator>,
    sinks: Vec<sink::SinkReport>,
    evidence: (u64, u64),
}

impl WatchArgs {
    /// The configuration file, with what the command line changes in it.
    pub fn config(&self) -> anyhow::Result<RunConfig> {
        let mut config = match &self.config {
            Some(path) => RunConfig::read(path)?,
            None => RunConfig::default(),
        };
        let (model, decide) = (&mut config.model, &mut config.filter);
        if let Some(file) = &self.model {
            model.file = Some(file.clone());
        }
        model.threads = self.threads.unwrap_or(model.threads);
        model.refine &= !self.no_refine;
        config.budget.ms = self.budget_ms.unwrap_or(config.budget.ms);
        decide.threshold = self.threshold.or(decide.threshold);
        decide.low_threshold = self.low_threshold.or(decide.low_threshold);
        decide.min_area_px = self.min_area.unwrap_or(decide.min_area_px);
        decide.confirm = self.confirm.unwrap_or(decide.confirm);
        decide.only_near_road &= !self.anywhere;
        if self.no_rules {
            decide.rules = FilterRules::NONE;
        }
        Ok(config)
    }

    /// What is told of `source` by a model whose threshold is `threshold`.
    fn decide(&self, config: &RunConfig, source: &SourceUri, threshold: f32) -> Decide {
        let film = !matches!(source, SourceUri::Pictures(_));
        let mut decide = config
            .filter
            .settings(threshold, film, config.camera_geometry);
        // Asked for on the command line, it counts for pictures, too.
        decide.confirm = self.confirm.unwrap_or(decide.confirm);
        decide
    }
}

impl WatchRun {
    /// Makes the run.
    pub fn run(
        self,
        args: &WatchArgs,
        show: Option<OverlayOutput>,
        judge: Option<AlertEvaluator>,
    ) -> anyhow::Result<RunResult> {
        let config = &self.config;
        // The cheap checks come first: a wrong folder should not cost the loading of a model.
        let budget = budget(config.budget.ms)?;
        let feed = SourceFeed::open(&self.source, self.rate_hz, &config.capture, self.waits)?;
        if let SourceFeed::Awaited(_) = feed {
            let source = self.source.to_string();
            eprintln!(
                "unmask: {} is not there yet: waiting for it",
                escape_control(&source)
            );
        }
        let length = match (feed.len(), self.frames) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let model = match &config.model.file {
            Some(model) => model.clone(),
            None => find_model()?,
        };
        config.realtime.lock()?;
        let mut engine = open_engine(&model, config)?;
        let facts = engine.model_metadata().clone();
        let Some(threshold) = config.filter.threshold.or(facts.threshold) else {
            bail!(
                "the model {} brings no threshold: give one with --threshold SCORE, or write \
                 unmask.threshold into the model",
                model.display()
            );
        };
        let settings = PipelineSettings {
            source: self.source.to_string().into(),
            frames: self.frames,
            pace: if self.realtime {
                RunPace::Realtime {
                    rate_hz: self.rate_hz,
                }
            } else {
                RunPace::Offline
            },
            budget,
            refine: config.model.refine,
            decide: args.decide(config, &self.source, threshold),
            warm_up: self.warm_up,
            longest: self.longest,
            degrade: None,
            realtime: config.realtime.clone(),
            board: config.host.clone(),
            stop: Default::default(),
        };
        let (degrade, mut others) = self.ladder(args, &facts)?;
        let mut settings = PipelineSettings {
            degrade,
            ..settings
        };
        // Before anyone is told that frames can come: the first must not take longer than others.
        for engine in std::iter::once(&mut engine).chain(&mut others) {
            warm(engine, config.model.refine)?;
        }
        let overflow = if self.realtime {
            WhenFull::Drop
        } else {
            WhenFull::Block
        };
        let mut sinks = match &self.alerts {
            AlertOutput::Places(places) => SinkFanout::open(places, &self.sinks, overflow)?,
            AlertOutput::Nowhere => {
                SinkFanout::from(JsonLines::to_writer("nowhere", Box::new(std::io::sink())))
            }
        };
        let mut lookers = FrameObservers::open(&self.sinks, threshold, budget)?;
        let mut gallery = match show {
            Some(show) => {
                let gallery = AlertGallery::new(GallerySettings {
                    folder: show.page_folder.join(&show.overlay_folder),
                    only_alerting: show.only_alerting,
                    threshold,
                    budget,
                    tile_spacing: match self.source {
                        SourceUri::Pictures(_) => 1,
                        _ => FILM_SPACING,
                    },
                })?;
                Some((show, gallery))
            }
            None => None,
        };
        let mut judge = judge;
        let view: Option<pipeline::FrameObserver<'_>> =
            if gallery.is_some() || judge.is_some() || !lookers.is_empty() {
                let (gallery, judge, lookers) = (&mut gallery, &mut judge, &mut lookers);
                Some(Box::new(move |looked: ProcessedFrame| {
                    lookers.add(&looked);
                    if let (Some(judge), Some(truth)) = (judge.as_mut(), &looked.truth) {
                        judge.add(looked.frame.metadata.frame, truth, &looked.alerts);
                    }
                    match gallery {
                        Some((_, gallery)) => gallery.add(&looked).map_err(|e| e.to_string()),
                        None => Ok(()),
                    }
                }))
            } else {
                None
            };
        let tellers = TelemetryWorkers::start(&self.sinks, &sinks)?;
        let bar = progress_bar(length, "watching");
        // Until here a signal ends the process at once: nothing was begun.
        settings.stop = shutdown::on_request();
        let ran = pipeline::run(
            pipeline::EngineSet::new(&mut engine, &mut others),
            feed,
            &settings,
            &mut sinks,
            view,
            &mut |noted| match noted {
                RunEvent::Frame => bar.inc(1),
                RunEvent::Bad(frame) => {
                    bar.inc(1);
                    bar.suspend(|| eprintln!("unmask: bad frame {frame}"));
                }
                RunEvent::Board(change) => bar.suspend(|| eprintln!("unmask: {change}")),
                RunEvent::Camera(event) => {
                    bar.suspend(|| eprintln!("unmask: {}", escape_control(event)));
                }
                RunEvent::Clock(event) => bar.suspend(|| eprintln!("unmask: {event}")),
                RunEvent::Sight(change) => bar.suspend(|| eprintln!("unmask: {change}")),
            },
        );
        bar.finish_and_clear();
        drop(tellers);
        let summary = ran?;
        Ok(RunResult {
            summary,
            sinks: sinks.close()?,
            evidence: lookers.kept(),
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

impl WatchRun {
    /// The ladder, with the models that its steps name.
    fn ladder(
        &self,
        args: &WatchArgs,
        usual: &ModelMetadata,
    ) -> anyhow::Result<(Option<pipeline::DegradeSettings>, Vec<Engine>)> {
        let config = &self.config;
        let mut degrade = config.ladder.degrade();
        let mut engines: Vec<Engine> = Vec::new();
        let mut opened: Vec<&Path> = Vec::new();
        let steps = degrade.iter_mut().flat_map(|degrade| &mut degrade.steps);
        for (step, wanted) in steps.zip(&config.ladder.steps) {
            let Some(model) = &wanted.model else {
                continue;
            };
            let at = match opened.iter().position(|file| *file == model.as_path()) {
                Some(at) => at,
                None => {
                    engines.push(open_engine(model, config)?);
                    opened.push(model.as_path());
                    engines.len() - 1
                }
            };
            let facts = engines[at].model_metadata();
            if facts.road != usual.road || facts.classes != usual.classes {
                bail!(
                    "ladder step `{}`: the model {} knows other classes than the usual one; a step \
                     needs a model of the same classes",
                    wanted.name,
                    model.display()
                );
            }
            let Some(threshold) = config.filter.threshold.or(facts.threshold) else {
                bail!(
                    "ladder step `{}`: the model {} brings no threshold; write unmask.threshold \
                     into it",
                    wanted.name,
                    model.display()
                );
            };
            let decide = args.decide(config, &self.source, threshold);
            step.engine = at + 1;
            step.thresholds = Some((decide.threshold, decide.low_threshold));
        }
        Ok((degrade, engines))
    }
}

/// Opens a model on a thread that has what `[realtime]` asks for: the engine's threads have it from
/// there, and threads that are started later do not.
fn open_engine(model: &Path, config: &RunConfig) -> anyhow::Result<Engine> {
    let options = EngineOptions {
        threads: config.model.threads,
    };
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| -> anyhow::Result<Engine> {
            config.realtime.enter()?;
            Ok(Engine::open(model, options)?)
        });
        match opening.join() {
            Ok(opened) => opened,
            Err(_) => bail!("the thread that loads {} broke down", model.display()),
        }
    })
}

/// Runs the engine on grey pictures, so that its memory and the caches are as they will be.
fn warm(engine: &mut Engine, refine: bool) -> anyhow::Result<()> {
    let grey = Picture::filled(engine.model_metadata().input, [127; 3]);
    for _ in 0..WARM_UPS {
        engine.score_at_mask_size(&grey, refine)?;
    }
    Ok(())
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
