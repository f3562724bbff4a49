//! `unmask demo`.

use super::ExitOutcome;
use super::run::watch::{self, EvaluatedRun, WatchRun};
use crate::sink::{SinkSettings, SinkUri};
use crate::source::SourceUri;
use anyhow::Context;
use std::path::PathBuf;
use unmask_alert::{AlertEvaluation, AlertEvaluator};

/// Things larger than this must be found, px of the picture.
const LEAST_PX: u32 = 400;
/// Pictures a second of the drive.
const RATE_HZ: f64 = 10.0;

/// Arguments of `unmask demo`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  unmask demo

Renders a drive, watches it, and writes DIR/alerts.jsonl, DIR/index.html, DIR/contact-sheet.png
and an overlay of every frame with an alert. The drive knows what is truly there: the demo ends
with what was found, missed and falsely told.")]
pub struct DemoArgs {
    /// Folder for the results; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "out/demo")]
    out: PathBuf,

    /// Frames of the drive, ten a second
    #[arg(long, value_name = "N", default_value_t = 150,
          value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,

    /// Which drive
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    watch: watch::WatchArgs,
}

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitOutcome> {
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let watch = WatchRun {
        source: SourceUri::Synthetic(args.seed),
        frames: Some(args.frames),
        rate_hz: RATE_HZ,
        realtime: false,
        waits: false,
        warm_up: 0,
        longest: None,
        alerts: watch::AlertOutput::Places(vec![SinkUri::File(args.out.join("alerts.jsonl"))]),
        sinks: SinkSettings::default(),
        config: args.watch.config()?,
    };
    let show = watch::OverlayOutput {
        page_folder: args.out.clone(),
        overlay_folder: "overlays/".into(),
        only_alerting: true,
        title: "unmask demo".into(),
    };
    let seen = watch.run(&args.watch, Some(show), Some(AlertEvaluator::new(LEAST_PX)))?;
    eprint!("{}", seen.table());
    let outcome = seen.outcome();
    let verdict = seen.verdict(RATE_HZ);
    if let Some(verdict) = &verdict {
        eprint!("{}", told(verdict));
    }
    seen.write_page(verdict.as_ref().map(|verdict| EvaluatedRun {
        verdict,
        least_px: LEAST_PX,
    }))?;
    eprintln!(
        "\nlook at {}\n   and {}",
        args.out.join("index.html").display(),
        args.out.join("contact-sheet.png").display()
    );
    Ok(outcome)
}

/// The verdict in words.
fn told(verdict: &AlertEvaluation) -> String {
    let mut out = format!(
        "\nfound {} of {} things larger than {LEAST_PX} px, {} false alerts ({:.1} a minute)\n",
        verdict.found,
        verdict.objects.len(),
        verdict.false_alerts,
        verdict.false_per_minute
    );
    for thing in &verdict.objects {
        let line = match thing.found {
            Some((frame, distance_m)) => format!(
                "  found   {:<12} in frame {frame}, {distance_m:.0} m away",
                thing.kind
            ),
            None => format!(
                "  missed  {:<12} frames {} to {}, up to {} px",
                thing.kind, thing.frames.0, thing.frames.1, thing.area_px
            ),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}
