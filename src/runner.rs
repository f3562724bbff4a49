//! Assembles a run from a configuration and executes it.
//!
//! [`RunBuilder`] takes what is wanted, [`RunBuilder::build`] opens the source, the model, the sinks
//! and the telemetry, and [`PreparedRun::execute`] takes frames until the source ends or the run is
//! stopped. What happens meanwhile is logged with [`tracing`]; `docs/logs.md` lists the levels.
//!
//! ```no_run
//! use unmask::config::RunConfig;
//! use unmask::runner::RunBuilder;
//! use unmask::source::SourceUri;
//!
//! let source: SourceUri = "synthetic:7".parse()?;
//! let run = RunBuilder::new(source, RunConfig::default())
//!     .frames(Some(100))
//!     .build()?;
//! let finished = run.execute(Default::default(), &mut |_| {})?;
//! println!("{}", finished.table());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod engines;
mod error;
mod log;
mod page;
mod report;
pub mod safe_mode;
mod telemetry;

pub use error::RunError;
pub use page::EvaluatedRun;
pub use report::RunReport;

use crate::config::RunConfig;
use crate::pipeline::{self, EngineSet, FrameObserver, PipelineSettings, RunEvent, RunSummary};
use crate::sink::{JsonLines, SinkFanout, SinkReport, SinkUri, WhenFull};
use crate::source::{RunPace, SourceFeed, SourceUri};
use crate::view::{AlertGallery, GallerySettings};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use telemetry::{FrameObservers, TelemetryWorkers};
use unmask_alert::{
    AlertEvaluation, AlertEvaluator, AlertSettings, ProcessedFrame, TrackConfirmation,
};
use unmask_engine::{Engine, find_model};
use unmask_model::ModelMetadata;

/// Frames between two tiles of a video on the contact sheet.
const VIDEO_TILE_SPACING: u64 = 6;

/// Where alerts go.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertOutput {
    /// To these sinks; to stdout where there are none.
    Sinks(Vec<SinkUri>),
    /// Alerts are formed and serialised, but discarded: for measurements.
    Discard,
}

/// What is drawn, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GalleryOutput {
    /// Folder of the page and the contact sheet.
    pub page_folder: PathBuf,
    /// Folder of the overlays below it, with `/` at its end; empty for the same folder.
    pub overlay_folder: String,
    /// Whether only frames with an alert are drawn.
    pub only_alerting: bool,
    /// Title of the page.
    pub title: String,
}

/// Collects what a run needs. What is not set comes from the configuration.
#[derive(Debug)]
pub struct RunBuilder {
    source: SourceUri,
    config: RunConfig,
    frames: Option<u64>,
    rate_hz: f64,
    realtime: bool,
    waits_for_source: bool,
    warm_up_frames: u64,
    duration: Option<Duration>,
    confirm: Option<TrackConfirmation>,
    alerts: AlertOutput,
    gallery: Option<GalleryOutput>,
    evaluator: Option<AlertEvaluator>,
}

/// A run whose source, engines and sinks are open.
pub struct PreparedRun {
    builder: RunBuilder,
    settings: PipelineSettings,
    feed: SourceFeed,
    length: Option<u64>,
    engine: Engine,
    /// Those that steps of the degrade ladder name.
    ladder_engines: Vec<Engine>,
    sinks: SinkFanout,
    observers: FrameObservers,
    gallery: Option<(GalleryOutput, AlertGallery)>,
    model: PathBuf,
    threshold: f32,
}

/// A run that ended.
#[derive(Debug)]
pub struct FinishedRun {
    summary: RunSummary,
    metadata: ModelMetadata,
    engine: EngineDescription,
    model: PathBuf,
    threshold: f32,
    builder: RunBuilder,
    gallery: Option<(GalleryOutput, AlertGallery)>,
    sinks: Vec<SinkReport>,
    evidence: EvidenceCounts,
}

/// What computed the scores of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineDescription {
    /// Name as in alerts.
    pub name: &'static str,
    /// `fp32`, `fp16` or `int8`.
    pub precision: &'static str,
    /// Threads it computes with.
    pub threads: usize,
}

/// Frames with an alert that were to be kept as evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EvidenceCounts {
    kept: u64,
    failed: u64,
}

impl RunBuilder {
    /// A run over `source` as `config` describes it. A live source always runs in real time: its
    /// frames cannot be made to wait.
    pub fn new(source: SourceUri, config: RunConfig) -> Self {
        Self {
            frames: config.source.frames,
            rate_hz: config.source.rate_hz,
            realtime: config.source.realtime || source.is_live(),
            waits_for_source: config.source.waits(),
            warm_up_frames: 0,
            duration: None,
            confirm: None,
            alerts: AlertOutput::Sinks(config.sink.alerts.clone()),
            gallery: None,
            evaluator: None,
            source,
            config,
        }
    }

    /// Ends the run after so many frames; `None`: with the source.
    pub fn frames(mut self, frames: Option<u64>) -> Self {
        self.frames = frames;
        self
    }

    /// Frames per second of the source's world, Hz.
    pub fn rate_hz(mut self, rate_hz: f64) -> Self {
        self.rate_hz = rate_hz;
        self
    }

    /// Whether frames come at their rate, processed or not.
    pub fn realtime(mut self, realtime: bool) -> Self {
        self.realtime = realtime;
        self
    }

    /// Whether a source that is not there is waited for; else it is an error.
    pub fn wait_for_source(mut self, waits: bool) -> Self {
        self.waits_for_source = waits;
        self
    }

    /// Leaves the first frames out of the latency statistics.
    pub fn warm_up_frames(mut self, frames: u64) -> Self {
        self.warm_up_frames = frames;
        self
    }

    /// Ends the run so long after the warm-up.
    pub fn duration(mut self, duration: Option<Duration>) -> Self {
        self.duration = duration;
        self
    }

    /// How a track is confirmed, for unrelated images, too; the configuration's value applies to
    /// video only.
    pub fn confirm(mut self, confirm: Option<TrackConfirmation>) -> Self {
        self.confirm = confirm;
        self
    }

    /// Where alerts go.
    pub fn alerts(mut self, alerts: AlertOutput) -> Self {
        self.alerts = alerts;
        self
    }

    /// Draws frames; [`FinishedRun::write_page`] writes the page.
    pub fn gallery(mut self, gallery: Option<GalleryOutput>) -> Self {
        self.gallery = gallery;
        self
    }

    /// Compares alerts with the source's ground truth, where it has one.
    pub fn evaluator(mut self, evaluator: Option<AlertEvaluator>) -> Self {
        self.evaluator = evaluator;
        self
    }

    /// Opens everything. The cheap checks come first: a wrong folder does not cost the loading of a
    /// model.
    ///
    /// # Errors
    /// [`RunError`]: the first part that cannot be opened or does not fit the others.
    pub fn build(self) -> Result<PreparedRun, RunError> {
        let config = &self.config;
        let budget = latency_budget(config.budget.ms)?;
        let feed = SourceFeed::open(
            &self.source,
            self.rate_hz,
            &config.capture,
            self.waits_for_source,
        )?;
        if let SourceFeed::Awaited(_) = feed {
            log::waiting_for(&self.source);
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
        let mut engine = engines::open(&model, config)?;
        log::opened_model(&model, &engine);
        let metadata = engine.model_metadata().clone();
        let threshold = config.filter.threshold.or(metadata.threshold);
        let threshold = threshold.ok_or_else(|| RunError::NoThreshold {
            model: model.clone(),
        })?;
        let (degrade, mut ladder_engines) = engines::ladder(&self, &metadata)?;
        let settings = PipelineSettings {
            degrade,
            ..self.pipeline_settings(budget, threshold)
        };
        // Before anyone learns that frames can come: the first must not take longer than others.
        for engine in std::iter::once(&mut engine).chain(&mut ladder_engines) {
            engines::warm_up(engine, config.model.refine)?;
        }
        let when_full = if self.realtime {
            WhenFull::Drop
        } else {
            WhenFull::Block
        };
        let sinks = match &self.alerts {
            AlertOutput::Sinks(sinks) => SinkFanout::open(sinks, &config.sink, when_full)?,
            AlertOutput::Discard => {
                SinkFanout::from(JsonLines::to_writer("nowhere", Box::new(std::io::sink())))
            }
        };
        let observers = FrameObservers::open(&config.sink, threshold, budget)?;
        let gallery = match &self.gallery {
            Some(output) => {
                let gallery = AlertGallery::new(GallerySettings {
                    folder: output.page_folder.join(&output.overlay_folder),
                    only_alerting: output.only_alerting,
                    threshold,
                    budget,
                    tile_spacing: if self.is_video() {
                        VIDEO_TILE_SPACING
                    } else {
                        1
                    },
                })?;
                Some((output.clone(), gallery))
            }
            None => None,
        };
        Ok(PreparedRun {
            builder: self,
            settings,
            feed,
            length,
            engine,
            ladder_engines,
            sinks,
            observers,
            gallery,
            model,
            threshold,
        })
    }

    /// What the pipeline is told, without a degrade ladder.
    fn pipeline_settings(&self, budget: Duration, threshold: f32) -> PipelineSettings {
        let config = &self.config;
        PipelineSettings {
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
            decide: self.alert_settings(threshold),
            warm_up: self.warm_up_frames,
            longest: self.duration,
            degrade: None,
            realtime: config.realtime.clone(),
            board: config.host.clone(),
            stop: Arc::default(),
        }
    }

    /// The alert rules with `threshold`, the model's or the user's.
    fn alert_settings(&self, threshold: f32) -> AlertSettings {
        let config = &self.config;
        let mut settings =
            config
                .filter
                .settings(threshold, self.is_video(), config.camera_geometry);
        settings.confirm = self.confirm.unwrap_or(settings.confirm);
        settings
    }

    /// Whether consecutive frames have to do with each other.
    fn is_video(&self) -> bool {
        !matches!(self.source, SourceUri::Pictures(_))
    }
}

impl std::fmt::Debug for PreparedRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedRun")
            .field("settings", &self.settings)
            .field("model", &self.model)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}

impl PreparedRun {
    /// Frames that the run will take; `None` where that is open.
    pub fn frame_count(&self) -> Option<u64> {
        self.length
    }

    /// Takes frames until the source ends, the run has its frames or its duration, or `stop` is set.
    /// Every event is logged, and then given to `on_event`.
    ///
    /// # Errors
    /// The pipeline or a sink fails, telemetry cannot be started, or not one frame could be used.
    pub fn execute(
        self,
        stop: Arc<AtomicBool>,
        on_event: &mut dyn FnMut(&RunEvent<'_>),
    ) -> Result<FinishedRun, RunError> {
        let Self {
            mut builder,
            mut settings,
            feed,
            mut engine,
            mut ladder_engines,
            mut sinks,
            mut observers,
            mut gallery,
            model,
            threshold,
            length: _,
        } = self;
        settings.stop = stop;
        let telemetry = TelemetryWorkers::start(&builder.config.sink, &sinks)?;
        let observer: Option<FrameObserver<'_>> = {
            let (gallery, evaluator, observers) =
                (&mut gallery, &mut builder.evaluator, &mut observers);
            let observed = gallery.is_some() || evaluator.is_some() || !observers.is_empty();
            observed.then(|| -> FrameObserver<'_> {
                Box::new(move |frame: ProcessedFrame| {
                    observers.observe(&frame);
                    if let (Some(evaluator), Some(truth)) = (evaluator.as_mut(), &frame.truth) {
                        evaluator.add(frame.frame.metadata.frame, truth, &frame.alerts);
                    }
                    match gallery {
                        Some((_, gallery)) => gallery.add(&frame).map_err(|e| e.to_string()),
                        None => Ok(()),
                    }
                })
            })
        };
        let ran = pipeline::run(
            EngineSet::new(&mut engine, &mut ladder_engines),
            feed,
            &settings,
            &mut sinks,
            observer,
            &mut |event| {
                log::event(&event);
                on_event(&event);
            },
        );
        drop(telemetry);
        let summary = ran?;
        Ok(FinishedRun {
            summary,
            sinks: sinks.close()?,
            evidence: observers.evidence_counts(),
            metadata: engine.model_metadata().clone(),
            engine: EngineDescription {
                name: engine.name(),
                precision: engine.precision(),
                threads: engine.threads(),
            },
            model,
            threshold,
            builder,
            gallery,
        })
    }
}

impl FinishedRun {
    /// Whether every frame was used and every alert delivered.
    pub fn is_clean(&self) -> bool {
        let lost = self.sinks.iter().any(|sink| sink.total_discarded() > 0);
        self.summary.bad == 0 && !lost
    }

    /// Counters and latencies.
    pub fn summary(&self) -> &RunSummary {
        &self.summary
    }

    /// The model's metadata.
    pub fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    /// What computed the scores.
    pub fn engine(&self) -> EngineDescription {
        self.engine
    }

    /// The model's file.
    pub fn model(&self) -> &Path {
        &self.model
    }

    /// Where the frames came from.
    pub fn source(&self) -> &SourceUri {
        &self.builder.source
    }

    /// Whether the run was in real time, and frames per second of the source's world, Hz.
    pub fn pacing(&self) -> (bool, f64) {
        (self.builder.realtime, self.builder.rate_hz)
    }

    /// Frames that were left out of the latency statistics at the start.
    pub fn warm_up_frames(&self) -> u64 {
        self.builder.warm_up_frames
    }

    /// The latency budget, ms.
    pub fn budget_ms(&self) -> f64 {
        self.builder.config.budget.ms
    }

    /// How the alerts compare with the ground truth, at `rate_hz` frames per second; `None` where
    /// there was no evaluator.
    pub fn evaluation(&self, rate_hz: f64) -> Option<AlertEvaluation> {
        let evaluator = self.builder.evaluator.as_ref();
        evaluator.map(|evaluator| evaluator.evaluation(rate_hz))
    }
}

fn latency_budget(ms: f64) -> Result<Duration, RunError> {
    Duration::try_from_secs_f64(ms / 1e3)
        .ok()
        .filter(|budget| !budget.is_zero())
        .ok_or(RunError::Budget { ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_is_a_positive_number() {
        assert_eq!(latency_budget(0.5).unwrap(), Duration::from_micros(500));
        for ms in [0.0, -3.0, f64::NAN, f64::INFINITY, 1e300] {
            let error = latency_budget(ms).unwrap_err().to_string();
            assert!(error.contains("--budget-ms"), "{error}");
        }
    }

    #[test]
    fn live_source_runs_in_real_time() {
        let builder = |uri: &str| RunBuilder::new(uri.parse().unwrap(), RunConfig::default());
        assert!(builder("v4l2:/dev/video0").realtime);
        assert!(!builder("synthetic:1").realtime);
        assert!(!builder("pictures:x").is_video());
    }

    #[test]
    fn missing_source_is_refused_before_the_model_is_opened() {
        let mut config = RunConfig::default();
        config.model.file = Some("/nonexistent/model.onnx".into());
        let source = SourceUri::Pictures("/nonexistent/images".into());
        let error = RunBuilder::new(source, config).build().unwrap_err();
        assert!(matches!(error, RunError::Source(_)), "{error}");
    }
}
