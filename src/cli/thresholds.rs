//! `unmask thresholds`.

use super::progress;
use super::run_args::RunOptions;
use super::{ExitOutcome, shutdown};
use crate::source::{OpenSource, SourceUri};
use anyhow::{Context, bail, ensure};
use serde::Serialize;
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;
use tracing::warn;
use unmask_alert::thresholds::{ScoreBank, lowest, upper_95};
use unmask_engine::{Engine, EngineOptions, find_model};

/// Arguments of `unmask thresholds`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  unmask thresholds --frames normal-driving --false-alarms-per-hour 1

The frames are those of normal driving, in order, --rate per second: every alert on them is a false
alarm. Prints the lowest threshold from which on the rate is kept, with all rules and the
confirmation of a video. `upper_95_per_hour` is the rate that the recording cannot exclude: a short
recording proves little, however quiet it is.

Exit code: 0 all frames were used; 2 some were bad; 1 no threshold keeps the rate.")]
pub struct ThresholdArgs {
    /// Normal driving: a folder of images, or a source that ends
    ///
    /// Images are taken in the order of their names.
    #[arg(long, value_name = "DIR")]
    frames: String,

    /// Acceptable false alarms per hour
    #[arg(long, value_name = "X")]
    false_alarms_per_hour: f64,

    /// Frames per second of the recording
    #[arg(long, value_name = "HZ", default_value_t = 10.0)]
    rate: f64,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    options: RunOptions,
}

/// The answer.
#[derive(Serialize)]
struct ThresholdAnswer {
    threshold: f32,
    low_threshold: f32,
    false_alarms: u64,
    false_alarms_per_hour: f64,
    upper_95_per_hour: f64,
    wanted_per_hour: f64,
    frames: u64,
    hours: f64,
    /// Every threshold tried with its false alarms.
    tried: Vec<(f32, u64)>,
}

pub(super) fn run(args: &ThresholdArgs) -> anyhow::Result<ExitOutcome> {
    let wanted = args.false_alarms_per_hour;
    ensure!(
        wanted.is_finite() && wanted >= 0.0,
        "--false-alarms-per-hour {wanted}: wanted a number from 0 on"
    );
    let config = args.options.config()?;
    let source = args
        .frames
        .parse()
        .unwrap_or_else(|_| SourceUri::Pictures(args.frames.clone().into()));
    let mut camera = OpenSource::open(&source, args.rate)?;
    let Some(length) = camera.len() else {
        bail!("--frames {source}: this source has no end; give a recording of normal driving");
    };
    let model = match &config.model.file {
        Some(model) => model.clone(),
        None => find_model()?,
    };
    let threads = config.model.threads;
    let mut engine = Engine::open(&model, EngineOptions { threads })?;
    let road = engine.model_metadata().road.clone();
    camera.serve(engine.model_metadata().camera.as_ref())?;
    let takes = engine.model_metadata().camera.map(|camera| camera.format);
    let settings = |threshold| {
        config
            .filter
            .settings(threshold, true, config.camera_geometry)
    };
    // A fixed low threshold may not lie above the ones tried.
    let held = |threshold: f32| {
        let mut settings = settings(threshold);
        settings.low_threshold = settings.low_threshold.min(threshold);
        settings
    };
    let mut bank = ScoreBank::new(held, &road)?;
    let bar = progress::start(Some(length), "frames");
    let (mut bad, mut number) = (0u64, 0u64);
    let stop = shutdown::on_request();
    while let Some(shot) = camera.next() {
        if stop.load(Relaxed) {
            bar.finish_and_clear();
            warn!("stopped: a part of the recording gives no threshold");
            return Ok(ExitOutcome::Stopped);
        }
        bar.inc(1);
        let at_ns = (number as f64 / args.rate * 1e9) as i128;
        number += 1;
        let scored = shot.map_err(|bad| bad.to_string()).and_then(|shot| {
            let refine = config.model.refine;
            let scored = match &shot.bytes {
                Some(bytes) if takes == Some(*bytes.format()) => engine.score_bytes(bytes, refine),
                Some(bytes) => engine.score_at_mask_size(&bytes.picture()?, refine),
                None => engine.score_at_mask_size(&shot.picture, refine),
            };
            scored
                .map(|scored| (scored, shot.size()))
                .map_err(|error| format!("frame {}: {error}", shot.number))
        });
        match scored {
            Ok((scored, size)) => bank.step(&scored, size, at_ns),
            Err(reason) => {
                bad += 1;
                warn!("bad frame {reason}");
            }
        }
    }
    bar.finish_and_clear();
    ensure!(bank.frames() > 0, "none of the {bad} frames could be used");
    let hours = bank.frames() as f64 / args.rate / 3600.0;
    let tried = bank.trials();
    let Some(best) = lowest(&tried, (wanted * hours).floor() as u64) else {
        bail!(
            "no threshold up to 0.99 keeps {wanted} false alarms an hour on these {} frames. Ask \
             for more, train on such frames, or narrow what counts: --confirm, decide.region",
            bank.frames()
        );
    };
    let answer = ThresholdAnswer {
        threshold: best.threshold,
        low_threshold: held(best.threshold).low_threshold,
        false_alarms: best.alarms,
        false_alarms_per_hour: best.alarms as f64 / hours,
        upper_95_per_hour: upper_95(best.alarms) / hours,
        wanted_per_hour: wanted,
        frames: bank.frames(),
        hours,
        tried: tried.iter().map(|t| (t.threshold, t.alarms)).collect(),
    };
    let text = if args.json {
        serde_json::to_string_pretty(&answer)? + "\n"
    } else {
        in_words(&answer)
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .context("cannot print the answer")?;
    Ok(if bad == 0 {
        ExitOutcome::Clean
    } else {
        ExitOutcome::SomeBadInputs
    })
}

/// The answer in words.
fn in_words(answer: &ThresholdAnswer) -> String {
    let mut out = format!(
        "threshold {:.2}: {} false alarms in {} frames ({:.2} hours), {:.1} an hour\n",
        answer.threshold,
        answer.false_alarms,
        answer.frames,
        answer.hours,
        answer.false_alarms_per_hour
    );
    if answer.upper_95_per_hour > answer.wanted_per_hour {
        let enough = upper_95(0) / answer.wanted_per_hour.max(1e-9);
        out += &format!(
            "The recording is too short to promise {} an hour: up to {:.1} cannot be excluded \
             (95 %). {enough:.1} hours without one would.\n",
            answer.wanted_per_hour, answer.upper_95_per_hour
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_recording_promises_nothing() {
        let mut answer = ThresholdAnswer {
            threshold: 0.8,
            low_threshold: 0.72,
            false_alarms: 0,
            false_alarms_per_hour: 0.0,
            upper_95_per_hour: 30.0,
            wanted_per_hour: 1.0,
            frames: 3600,
            hours: 0.1,
            tried: Vec::new(),
        };
        let said = in_words(&answer);
        assert!(
            said.contains("too short") && said.contains("3.0 hours"),
            "{said}"
        );
        answer.upper_95_per_hour = 0.9;
        assert!(!in_words(&answer).contains("too short"));
    }
}
