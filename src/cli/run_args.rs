//! Options of every subcommand that runs the pipeline.

use crate::config::RunConfig;
use std::path::PathBuf;
use unmask_alert::{FilterRules, TrackConfirmation};

/// Options of every subcommand that runs the pipeline.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "run_options")]
#[command(next_help_heading = "Model and detection")]
pub(super) struct RunOptions {
    /// ONNX model [default: $UNMASK_MODEL, else the shipped one]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// TOML configuration; options override it
    ///
    /// `unmask config` prints the default one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Latency budget, from capture to alert, ms [default: 100]
    #[arg(long, value_name = "MS")]
    budget_ms: Option<f64>,

    /// Threads to compute with; 0 = all cores [default: 0]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Score above which a cell is anomalous [default: the model's]
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    threshold: Option<f32>,

    /// Score above which neighbouring cells belong to a detection
    ///
    /// Default: three quarters of the threshold.
    #[arg(
        long,
        value_name = "SCORE",
        allow_negative_numbers = true,
        hide_short_help = true
    )]
    low_threshold: Option<f32>,

    /// Smallest detection that is alerted on, px of the frame [default: 200]
    #[arg(long, value_name = "PX", hide_short_help = true)]
    min_area: Option<u32>,

    /// Alert once a track was detected in K of the last N frames
    ///
    /// Default: 4/6; 1/1 for images, which may be unrelated.
    #[arg(long, value_name = "K/N", hide_short_help = true)]
    confirm: Option<TrackConfirmation>,

    /// Disable the alert rules; score, area and confirmation remain
    #[arg(long, hide_short_help = true)]
    no_rules: bool,

    /// Alert on detections away from the road, too
    #[arg(long, hide_short_help = true)]
    anywhere: bool,

    /// Disable mask refinement
    #[arg(long, hide_short_help = true)]
    no_refine: bool,
}

impl RunOptions {
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

    /// How a track is confirmed, where the command line says so.
    pub fn confirm(&self) -> Option<TrackConfirmation> {
        self.confirm
    }
}
