//! `unmask calibrate`.

use super::progress;
use super::{ExitOutcome, model};
use crate::source::PictureSource;
use anyhow::Context;
use std::path::{Path, PathBuf};
use unmask_engine::{Engine, EngineOptions};
use unmask_graph::calibrate::{CalibrateOptions, PERCENTILE, RangeMethod, calibrate};
use unmask_graph::quantize::QuantizeGraph;

const EXAMPLES: &str = "Examples:
  unmask calibrate --frames drive/
  unmask calibrate --model model.onnx --frames drive/ --method percentile --frames-limit 64

The frames must come from the camera that the model will see: 16 at least, 64 to 500 are usual.
Methods and file format: docs/quantise.md.";

/// Arguments of `unmask calibrate`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CalibrateArgs {
    /// Float32 ONNX model [default: $UNMASK_MODEL, else the shipped one]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Folder of images as the camera takes them
    #[arg(long, value_name = "DIR")]
    frames: PathBuf,
    /// Calibration file to write [default: calibration/MODEL.toml]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How a range is chosen
    #[arg(long, value_enum, default_value_t = MethodName::Entropy)]
    method: MethodName,
    /// Share of values that `percentile` keeps in range, percent
    #[arg(long, value_name = "P", default_value_t = PERCENTILE, value_parser = percent)]
    percentile: f64,
    /// Use at most N frames, spread evenly over the folder
    #[arg(long, value_name = "N")]
    frames_limit: Option<usize>,
    /// Accept noise, uniform images and too few frames
    #[arg(long)]
    force: bool,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum MethodName {
    /// The largest value.
    Max,
    /// The value that --percentile of all values stay below.
    Percentile,
    /// The smallest mean squared error.
    Mse,
    /// The smallest loss of information.
    Entropy,
}

fn percent(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok().filter(|p| *p > 0.0 && *p <= 100.0);
    share.ok_or_else(|| format!("'{text}' is no share above 0 and up to 100"))
}

pub(super) fn run(args: &CalibrateArgs) -> anyhow::Result<ExitOutcome> {
    let model = &model::path(args.model.as_deref())?;
    let net = read(model)?;
    let facts = Engine::open(
        model,
        EngineOptions {
            threads: args.threads,
        },
    )?
    .model_metadata()
    .clone();
    let pictures = PictureSource::open(&args.frames)?;
    let options = CalibrateOptions {
        method: match args.method {
            MethodName::Max => RangeMethod::Max,
            MethodName::Percentile => RangeMethod::Percentile,
            MethodName::Mse => RangeMethod::Mse,
            MethodName::Entropy => RangeMethod::Entropy,
        },
        percentile: args.percentile,
        limit: args.frames_limit,
        force: args.force,
        threads: args.threads,
    };
    let count = pictures.paths().len();
    let frames = args.frames_limit.unwrap_or(count).min(count);
    let bar = progress::start(Some(frames as u64), "calibrating");
    let calibration = calibrate(
        &net,
        &facts,
        model,
        &args.frames,
        pictures.paths(),
        &options,
        &mut |done| bar.set_position(done as u64),
    )
    .with_context(|| format!("cannot calibrate {}", model.display()));
    bar.finish_and_clear();
    let calibration = calibration?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => made_folder(place(model))?,
    };
    calibration.write(&out)?;
    if args.json {
        let summary = serde_json::json!({
            "out": out,
            "graph_sha256": calibration.graph_sha256,
            "method": calibration.method,
            "frames": calibration.frames.len(),
            "tensors": calibration.tensors.len(),
            "forced": calibration.forced,
        });
        println!("{summary}");
    } else {
        println!(
            "{}: {} ranges from {} frames, method {}",
            out.display(),
            calibration.tensors.len(),
            calibration.frames.len(),
            calibration.method
        );
    }
    Ok(ExitOutcome::Clean)
}

/// Reads a model file and indexes its graph.
pub(super) fn read(path: &Path) -> anyhow::Result<QuantizeGraph> {
    QuantizeGraph::read(path).with_context(|| format!("cannot use the model {}", path.display()))
}

/// Where a model's calibration lies unless it is said: `calibration/` in the current folder.
pub(super) fn place(model: &Path) -> PathBuf {
    let mut name = model.file_stem().unwrap_or_default().to_owned();
    name.push(".toml");
    Path::new("calibration").join(name)
}

/// `file`, once its folder is there.
fn made_folder(file: PathBuf) -> anyhow::Result<PathBuf> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibration_is_called_as_its_model() {
        let place = |model: &str| place(Path::new(model));
        assert_eq!(
            place("engines/unmask-small.onnx"),
            Path::new("calibration/unmask-small.toml")
        );
        assert_eq!(place("v1.2.onnx"), Path::new("calibration/v1.2.toml"));
    }

    #[test]
    fn shares_lie_between_nothing_and_all() {
        assert_eq!(percent("99.9"), Ok(99.9));
        assert_eq!(percent("100"), Ok(100.0));
        for bad in ["0", "-1", "100.1", "NaN", "all"] {
            assert!(percent(bad).unwrap_err().contains(bad), "{bad}");
        }
    }
}
