//! `unmask export`.

use super::Outcome;
use crate::frame::Size;
use crate::graph::checkpoint::parse_size;
use crate::graph::write::Sampling;
use crate::graph::{export, import};
use anyhow::Context;
use std::path::PathBuf;

/// Arguments of `unmask export`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    unmask export --checkpoint small.safetensors --out model.onnx\n  \
    unmask export --checkpoint mask2anomaly.pth --size 512x1024 --out model.onnx\n  \
    unmask export --checkpoint mask2former/model.safetensors --out model.onnx\n  \
    unmask export --checkpoint streethazards.pth --facts classes.toml --out model.onnx")]
pub struct Args {
    /// Checkpoint: of unmask-train (safetensors), of Mask2Anomaly or Mask2Former from detectron2
    /// (.pth, .pkl), of Mask2Former from HuggingFace (safetensors with its config.json beside it).
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// TOML file with what a checkpoint of others does not say: classes, road, stuff, mean, std,
    /// threshold [default: model.toml beside the checkpoint, else Cityscapes for 19 classes].
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// ONNX file to write.
    #[arg(long, value_name = "FILE", default_value = "model.onnx")]
    out: PathBuf,
    /// Height and width of the input, multiples of 32 [default: the size it was trained for;
    /// 512x1024 where the checkpoint does not say].
    #[arg(long, value_name = "HxW", value_parser = size)]
    size: Option<Size>,
    /// Score above which a pixel counts as anomalous, written into the model; `unmask run` goes by
    /// it [default: the checkpoint's, if it has one].
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, value_parser = score)]
    threshold: Option<f32>,
    /// How deformable attention samples its maps.
    #[arg(long, value_enum, default_value_t)]
    sampling: Sampling,
    /// Print what was written as JSON.
    #[arg(long)]
    json: bool,
}

fn size(text: &str) -> Result<Size, String> {
    parse_size(text).map_err(|what| format!("the size {what}"))
}

fn score(text: &str) -> Result<f32, String> {
    let score: Option<f32> = text.parse().ok().filter(|score: &f32| score.is_finite());
    score.ok_or_else(|| format!("'{text}' is no finite number"))
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut checkpoint = import::read(&args.checkpoint, args.facts.as_deref())?;
    checkpoint.facts.threshold = args.threshold.or(checkpoint.facts.threshold);
    let options = export::Options {
        size: args.size,
        sampling: args.sampling,
    };
    let file = || format!("cannot export {}", args.checkpoint.display());
    let model = export::model(&checkpoint, &options).with_context(file)?;
    let bytes = model.to_bytes();
    export::check(&bytes).with_context(file)?;
    export::write_file(&args.out, &bytes)?;

    let graph = model.graph.unwrap_or_default();
    let size = options.size.unwrap_or(checkpoint.facts.size);
    let summary = serde_json::json!({
        "out": args.out,
        "bytes": bytes.len(),
        "height": size.h,
        "width": size.w,
        "classes": checkpoint.config.classes,
        "nodes": graph.node.len(),
        "origin": checkpoint.origin.to_string(),
        "parameters": checkpoint.weights.elements(),
        "sampling": args.sampling.to_string(),
        "outputs": graph.output.iter().map(|o| o.name.clone()).collect::<Vec<_>>(),
    });
    if args.json {
        println!("{summary}");
    } else {
        println!(
            "{}: input {}x{} (HxW), {} classes, {} nodes, {:.2} M parameters, {:.1} MB, runs on \
             the CPU engine",
            args.out.display(),
            size.h,
            size.w,
            checkpoint.config.classes,
            graph.node.len(),
            checkpoint.weights.elements() as f64 / 1e6,
            bytes.len() as f64 / 1e6,
        );
    }
    Ok(Outcome::Clean)
}
