//! `unmask export`.

use super::{ExitOutcome, model};
use anyhow::Context;
use std::path::PathBuf;
use unmask_engine::EngineOptions;
use unmask_frame::Size;
use unmask_graph::checkpoint::parse_size;
use unmask_graph::write::SamplingForm;
use unmask_graph::{export, import};

/// Arguments of `unmask export`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    unmask export --checkpoint small.safetensors --out model.onnx\n  \
    unmask export --checkpoint mask2anomaly.pth --size 512x1024 --out model.onnx\n  \
    unmask export --checkpoint mask2former/model.safetensors --out model.onnx\n  \
    unmask export --checkpoint streethazards.pth --facts classes.toml --out model.onnx")]
pub struct ExportArgs {
    /// Checkpoint of unmask-train, detectron2 or HuggingFace
    ///
    /// Of unmask-train (safetensors), of Mask2Anomaly or Mask2Former from detectron2 (.pth, .pkl), of
    /// Mask2Former from HuggingFace (safetensors or .bin, with its config.json next to it).
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// TOML file with the metadata that a checkpoint lacks
    ///
    /// Classes, road, stuff, mean, std, threshold. Default: model.toml next to the checkpoint, else
    /// Cityscapes for 19 classes.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// ONNX file to write
    #[arg(long, value_name = "FILE", default_value = "model.onnx")]
    out: PathBuf,
    /// Input height and width, multiples of 32
    ///
    /// Default: the size it was trained for; 512x1024 where the checkpoint does not say.
    #[arg(long, value_name = "HxW", value_parser = size)]
    size: Option<Size>,
    /// Score above which a pixel is anomalous, for `unmask run`
    ///
    /// It is written into the model. Default: the checkpoint's, if it has one.
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, value_parser = score)]
    threshold: Option<f32>,
    /// Classes that refinement may suppress, with commas; "" for none
    ///
    /// Default: the checkpoint's. Leave out a class that the network confidently mistakes anomalies
    /// for.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "CLASSES",
        value_delimiter = ','
    )]
    stuff: Option<Vec<String>>,
    /// How deformable attention samples its maps
    #[arg(long, hide_short_help = true, value_enum, default_value_t)]
    sampling: SamplingForm,
    /// Write the network without the exact surgery
    ///
    /// Surgery makes it cheaper and keeps its outputs (docs/graph.md).
    #[arg(long, hide_short_help = true)]
    no_surgery: bool,
    /// Print what was written as JSON
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

/// Indices of the classes called `names`; empty names count as none.
fn indices(names: &[String], classes: &[String]) -> anyhow::Result<Vec<usize>> {
    let names = names.iter().map(|name| name.trim());
    names
        .filter(|name| !name.is_empty())
        .map(|name| {
            let found = classes.iter().position(|class| class == name);
            found.with_context(|| {
                let all = classes.join(", ");
                format!("--stuff: the checkpoint has no class `{name}`; it has {all}")
            })
        })
        .collect()
}

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<ExitOutcome> {
    let mut checkpoint = import::read(&args.checkpoint, args.facts.as_deref())?;
    checkpoint.metadata.threshold = args.threshold.or(checkpoint.metadata.threshold);
    if let Some(names) = &args.stuff {
        checkpoint.metadata.stuff = indices(names, &checkpoint.metadata.classes)?;
    }
    let options = export::ExportOptions {
        size: args.size,
        sampling: args.sampling,
    };
    let file = || format!("cannot export {}", args.checkpoint.display());
    let model = export::model(&checkpoint, &options).with_context(file)?;
    let (model, saved) = match args.no_surgery {
        true => (model, 0.0),
        false => {
            let (lean, report) = export::lean(&model).with_context(file)?;
            (lean, report.macs_saved())
        }
    };
    let bytes = model.to_bytes();
    export::check(&bytes).with_context(file)?;
    model::write(&args.out, &bytes, EngineOptions::default()).with_context(file)?;

    let graph = model.graph.unwrap_or_default();
    let size = options.size.unwrap_or(checkpoint.metadata.size);
    let summary = serde_json::json!({
        "out": args.out,
        "bytes": bytes.len(),
        "height": size.h,
        "width": size.w,
        "classes": checkpoint.config.classes,
        "macs_saved": saved,
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
            "{}: input {}x{} (HxW), {} classes, {} nodes, {:.2} M parameters, {:.1} MB, {:.1} % of \
             the multiplications saved, runs on the CPU engine",
            args.out.display(),
            size.h,
            size.w,
            checkpoint.config.classes,
            graph.node.len(),
            checkpoint.weights.elements() as f64 / 1e6,
            bytes.len() as f64 / 1e6,
            100.0 * saved,
        );
    }
    Ok(ExitOutcome::Clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuff_is_chosen_by_name() {
        let classes = ["road", "sky", "tree"].map(String::from);
        let pick = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| n.to_string()).collect();
            indices(&names, &classes)
        };
        assert_eq!(pick(&["sky", " tree"]).unwrap(), [1, 2]);
        assert!(pick(&[""]).unwrap().is_empty());
        let error = pick(&["sea"]).unwrap_err().to_string();
        assert!(
            error.contains("`sea`") && error.contains("road, sky, tree"),
            "{error}"
        );
    }
}
