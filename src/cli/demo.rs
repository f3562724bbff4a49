//! `unmask demo`.

use super::run_args::RunOptions;
use super::{ExitOutcome, pipeline_run};
use crate::runner::{AlertOutput, EvaluatedRun, GalleryOutput, RunBuilder};
use crate::sink::{SinkSettings, SinkUri};
use crate::source::SourceUri;
use anyhow::Context;
use std::path::PathBuf;
use unmask_alert::{AlertEvaluation, AlertEvaluator};

/// Objects from this area on must be found, px of the frame.
const MIN_AREA_PX: u32 = 400;
/// Frames per second of the drive.
const RATE_HZ: f64 = 10.0;

/// Arguments of `unmask demo`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  unmask demo

Renders a drive, runs the pipeline on it, and writes DIR/alerts.jsonl, DIR/index.html,
DIR/contact-sheet.png and an overlay of every frame with an alert. The drive has ground truth: the
demo ends with the objects found and missed, and the false alerts.")]
pub struct DemoArgs {
    /// Folder for the results, created if missing
    #[arg(long, value_name = "DIR", default_value = "out/demo")]
    out: PathBuf,

    /// Frames of the drive, ten per second
    #[arg(long, value_name = "N", default_value_t = 150,
          value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,

    /// Seed of the drive
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    options: RunOptions,
}

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitOutcome> {
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create the folder {}", args.out.display()))?;
    let mut config = args.options.config()?;
    // A drive of its own, whatever the configuration watches.
    config.sink = SinkSettings::default();
    let alerts = SinkUri::File(args.out.join("alerts.jsonl"));
    let builder = RunBuilder::new(SourceUri::Synthetic(args.seed), config)
        .frames(Some(args.frames))
        .rate_hz(RATE_HZ)
        .realtime(false)
        .wait_for_source(false)
        .confirm(args.options.confirm())
        .alerts(AlertOutput::Sinks(vec![alerts]))
        .gallery(Some(GalleryOutput {
            page_folder: args.out.clone(),
            overlay_folder: "overlays/".into(),
            only_alerting: true,
            title: "unmask demo".into(),
        }))
        .evaluator(Some(AlertEvaluator::new(MIN_AREA_PX)));
    let finished = pipeline_run::execute(builder)?;
    eprint!("{}", finished.table());
    let outcome = pipeline_run::outcome(&finished);
    let evaluation = finished.evaluation(RATE_HZ);
    if let Some(evaluation) = &evaluation {
        eprint!("{}", in_words(evaluation));
    }
    finished.write_page(evaluation.as_ref().map(|evaluation| EvaluatedRun {
        evaluation,
        min_area_px: MIN_AREA_PX,
    }))?;
    eprintln!(
        "\nresults: {}\n         {}",
        args.out.join("index.html").display(),
        args.out.join("contact-sheet.png").display()
    );
    Ok(outcome)
}

/// The evaluation in words.
fn in_words(evaluation: &AlertEvaluation) -> String {
    let mut out = format!(
        "\nfound {} of {} objects larger than {MIN_AREA_PX} px, {} false alerts ({:.1} per minute)\n",
        evaluation.found,
        evaluation.objects.len(),
        evaluation.false_alerts,
        evaluation.false_per_minute
    );
    for object in &evaluation.objects {
        let line = match object.found {
            Some((frame, distance_m)) => format!(
                "  found   {:<12} in frame {frame}, {distance_m:.0} m away",
                object.kind
            ),
            None => format!(
                "  missed  {:<12} frames {} to {}, up to {} px",
                object.kind, object.frames.0, object.frames.1, object.area_px
            ),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}
