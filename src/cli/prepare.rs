//! `unmask prepare`.

use super::{ExitOutcome, model};
use anyhow::{Context, ensure};
use std::path::PathBuf;
use unmask_engine::EngineOptions;
use unmask_frame::Size;
use unmask_graph::prepare::{self, PrepareOptions};
use unmask_model::{ColourMatrix, ColourRange, FrameFit, PixelFormat};
use unmask_score::PixelScore;

/// Arguments of `unmask prepare`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask prepare --model model.onnx --out camera.onnx --camera 1280x720 --format yuyv
  unmask prepare --model deeplab.onnx --out camera.onnx --score entropy
  unmask score --model camera.onnx --images photos --out maps

The result takes the bytes of a camera's frame and outputs the anomaly map; run, score, eval and demo
accept it like any model. A foreign model's output names, normalisation and classes are read from
model.toml next to it. docs/graph.md describes both.")]
pub struct PrepareArgs {
    /// ONNX model to prepare [default: $UNMASK_MODEL, else the shipped one]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// ONNX file to write
    #[arg(long, value_name = "FILE", default_value = "prepared.onnx")]
    out: PathBuf,

    /// Frame width x height [default: the model's input size]
    #[arg(long, value_name = "WxH", value_parser = camera_size)]
    camera: Option<Size>,

    /// Pixel format of frames, rows without padding
    #[arg(long, value_enum, default_value_t = PixelFormat::Rgb24)]
    format: PixelFormat,

    /// Luma weights of yuyv, uyvy and nv12
    #[arg(long, hide_short_help = true, value_enum, default_value_t)]
    matrix: ColourMatrix,

    /// Range of yuyv, uyvy and nv12: limited 16 to 235, full 0 to 255
    #[arg(long, hide_short_help = true, value_enum, default_value_t)]
    range: ColourRange,

    /// How a frame of another shape is fitted to the input
    #[arg(long, value_enum, default_value_t)]
    fit: FrameFit,

    /// Leave mask refinement out of the graph
    #[arg(long)]
    no_refine: bool,

    /// Score of a per-pixel model [default: max-softmax]
    #[arg(long, value_name = "KIND")]
    score: Option<PixelScore>,

    /// Enlarge masks to the input size before they are scored
    ///
    /// As the method's authors do; slower.
    #[arg(long)]
    full_size: bool,

    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

fn camera_size(text: &str) -> Result<Size, String> {
    let sides = text.split_once(['x', 'X']).and_then(|(w, h)| {
        let (w, h) = (w.parse().ok()?, h.parse().ok()?);
        (w > 0 && h > 0).then_some(Size::new(w, h))
    });
    sides.ok_or_else(|| format!("'{text}' is not WIDTHxHEIGHT, for example 1280x720"))
}

pub(super) fn run(args: &PrepareArgs) -> anyhow::Result<ExitOutcome> {
    let path = model::path(args.model.as_deref())?;
    let options = PrepareOptions {
        camera: args.camera,
        format: Some(args.format),
        matrix: args.matrix,
        range: args.range,
        fit: args.fit,
        no_refine: args.no_refine,
        score: args.score,
        full_size: args.full_size,
        threads: 0,
    };
    let same = || Some(path.canonicalize().ok()? == args.out.canonicalize().ok()?);
    ensure!(
        !same().unwrap_or(false),
        "--out {} is the model itself: give another name",
        args.out.display()
    );
    let prepared = prepare::prepare(&path, &options)
        .with_context(|| format!("cannot prepare {}", path.display()))?;
    model::write(&args.out, &prepared.bytes, EngineOptions::default())?;

    let facts = &prepared.metadata;
    let camera = facts.camera.context("the prepared graph has no camera")?;
    let head = facts.head.context("the prepared graph has no head")?;
    let (format, view, grid) = (camera.format, camera.view, facts.output.size());
    if args.json {
        let outputs: serde_json::Map<String, serde_json::Value> = prepared
            .outputs
            .iter()
            .map(|(name, shape)| (name.clone(), serde_json::json!(shape)))
            .collect();
        let summary = serde_json::json!({
            "out": args.out,
            "bytes": prepared.bytes.len(),
            "sha256": facts.sha256,
            "format": format.pixels.to_string(),
            "frame_bytes": format.bytes(),
            "frame_width": format.size.w,
            "frame_height": format.size.h,
            "matrix": format.matrix.to_string(),
            "range": format.range.to_string(),
            "fit": camera.fit.to_string(),
            "view": [view.x, view.y, view.size.w, view.size.h],
            "input_width": facts.input.w,
            "input_height": facts.input.h,
            "grid_width": grid.w,
            "grid_height": grid.h,
            "head": head.to_string(),
            "outputs": outputs,
            "front_nodes": prepared.preprocess_nodes,
            "front_macs": prepared.preprocess_macs,
            "head_nodes": prepared.postprocess_nodes,
        });
        println!("{summary}");
        return Ok(ExitOutcome::Clean);
    }
    println!(
        "{}: {format} ({} bytes a frame, {} [{},{} {}]) -> input {} -> {head} on {grid}, {} + {} \
         nodes, front {:.0} M multiplications, {:.1} MB, runs on the CPU engine",
        args.out.display(),
        format.bytes(),
        camera.fit,
        view.x,
        view.y,
        view.size,
        facts.input,
        prepared.preprocess_nodes,
        prepared.postprocess_nodes,
        prepared.preprocess_macs as f64 / 1e6,
        prepared.bytes.len() as f64 / 1e6,
    );
    Ok(ExitOutcome::Clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_width_by_height() {
        assert_eq!(camera_size("1280x720"), Ok(Size::new(1280, 720)));
        for bad in ["1280", "0x720", "1280x", "ax1", "1x2x3", "-1x2"] {
            let error = camera_size(bad).unwrap_err();
            assert!(error.contains("WIDTHxHEIGHT"), "{bad}: {error}");
        }
    }
}
