//! `unmask quantize`.

use super::calibrate::{place, read};
use super::label_values::LabelValues;
use super::progress;
use super::{ExitOutcome, model};
use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tracing::warn;
use unmask_engine::{Engine, EngineOptions};
use unmask_graph::calibrate::Calibration;
use unmask_graph::export::write_file;
use unmask_graph::quantize::{
    BlockSet, QuantizeError, QuantizeGraph, QuantizePlan, RestPrecision, RewrittenGraph, rewrite,
    runs, set_metadata,
};
use unmask_graph::sensitivity::{self, SensitivityReport, measure_sensitivity};
use unmask_model::ModelMetadata;

const EXAMPLES: &str = "Examples:
  unmask quantize --model model.onnx --precision fp16 --out model.fp16.onnx
  unmask quantize --precision int8
  unmask quantize --model model.onnx --calibration drive.toml --out model.int8.onnx
  unmask quantize --model model.onnx --judge road_anomaly --anomaly-value 2 --max-drop 0.01

What becomes INT8, what stays float32, and why: docs/quantise.md.";

/// Arguments of `unmask quantize`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct QuantizeArgs {
    /// Float32 ONNX model [default: $UNMASK_MODEL, else the shipped one]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Calibration file for INT8 [default: calibration/MODEL.toml]
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Lowest precision to use
    #[arg(long, value_enum, default_value_t = PrecisionName::Int8)]
    precision: PrecisionName,
    /// Precision of what is not INT8
    #[arg(long, value_enum, default_value_t)]
    rest: RestPrecision,
    /// ONNX file to write
    #[arg(long, value_name = "FILE", default_value = "quantised.onnx")]
    out: PathBuf,
    /// Block that stays out of INT8; may be repeated
    #[arg(long, value_name = "BLOCK")]
    keep: Vec<String>,
    /// Evaluate on this data set, and leave costly blocks out of INT8
    ///
    /// A folder with images/NAME.* and labels/NAME.png.
    #[arg(long, help_heading = "Evaluation", value_name = "DIR")]
    judge: Option<PathBuf>,
    /// AuPRC that INT8 may cost, absolute
    #[arg(long, help_heading = "Evaluation", value_name = "X", default_value_t = 0.01, requires = "judge", value_parser = drop)]
    max_drop: f64,
    /// Report: this name with .md, .json and .svg
    ///
    /// Default: --out without its ending.
    #[arg(
        long,
        help_heading = "Evaluation",
        value_name = "FILE",
        requires = "judge"
    )]
    report: Option<PathBuf>,
    /// Evaluate without mask refinement
    #[arg(long, help_heading = "Evaluation")]
    no_refine: bool,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    label_values: LabelValues,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PrecisionName {
    /// FP16, with float32 where FP16 loses too much.
    Fp16,
    /// INT8 where it can be, --rest elsewhere.
    Int8,
}

fn drop(text: &str) -> Result<f64, String> {
    let drop: Option<f64> = text.parse().ok().filter(|d| (0.0..=1.0).contains(d));
    drop.ok_or_else(|| format!("'{text}' is no number from 0 to 1"))
}

pub(super) fn run(args: &QuantizeArgs) -> anyhow::Result<ExitOutcome> {
    let model = &model::path(args.model.as_deref())?;
    // Its metadata may lie next to it, where that of the file to be written will not.
    let (facts, metadata) = {
        let engine = Engine::open(model, engine_options(args))
            .with_context(|| format!("cannot use the model {}", model.display()))?;
        (engine.model_metadata().clone(), engine.metadata())
    };
    let net = read(model)?;
    let plan = QuantizePlan::new(&net);
    let keep = blocks(&plan, &args.keep)?;
    let calibration = match (args.precision, &args.calibration) {
        (_, Some(given)) => Some(given.clone()),
        (PrecisionName::Int8, None) => Some(standing(model)?),
        (PrecisionName::Fp16, None) => None,
    };
    let (written, verdict) = match args.precision {
        PrecisionName::Fp16 => {
            ensure!(
                args.rest == RestPrecision::Fp16,
                "--precision fp16 with --rest fp32 leaves nothing to do; drop one of them"
            );
            if args.judge.is_some() || !keep.is_empty() {
                bail!("--judge and --keep choose between INT8 and FP16: give --precision int8");
            }
            (
                rewrite(&net, &plan, &BlockSet::none(), None, RestPrecision::Fp16)?,
                None,
            )
        }
        PrecisionName::Int8 => {
            let path = calibration.as_deref().context("give --calibration")?;
            int8(args, (model, &facts), &net, &plan, keep, path)?
        }
    };
    let RewrittenGraph {
        model: mut new,
        layers,
    } = written;
    let precision = match args.precision {
        PrecisionName::Fp16 => "fp16",
        PrecisionName::Int8 => "int8",
    };
    for (key, text) in metadata {
        if new.fact(key).is_none() {
            set_metadata(&mut new, key, &text);
        }
    }
    set_metadata(&mut new, "unmask.precision", precision);
    set_metadata(&mut new, "unmask.float_graph", net.hash());
    if let Some(path) = &calibration {
        let bytes = unmask_frame::read_regular_file(path, u64::MAX)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let hash: String = Sha256::digest(bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        set_metadata(&mut new, "unmask.calibration", &hash);
    }
    let bytes = new.to_bytes();
    runs(bytes.clone()).context("the written graph failed its check")?;
    let options = engine_options(args);
    model::write(&args.out, &bytes, options)?;

    let before = std::fs::metadata(model)?.len();
    let macs: u64 = layers.iter().map(|l| l.macs).sum();
    let share = macs as f64 / plan.macs.max(1) as f64;
    let ratio = bytes.len() as f64 / before as f64;
    if args.json {
        let kept = plan.kept.iter().map(
            |(node, why)| serde_json::json!({ "node": net.nodes()[*node].name(), "why": why }),
        );
        let summary = serde_json::json!({
            "out": args.out,
            "precision": precision,
            "rest": args.rest.name(),
            "bytes": bytes.len(),
            "bytes_before": before,
            "ratio": ratio,
            "int8_layers": layers.len(),
            "int8_mac_share": share,
            "float_layers": kept.collect::<Vec<_>>(),
            "float32_islands": plan.islands.iter().filter(|i| **i).count(),
            "judged": verdict,
        });
        println!("{summary}");
    } else {
        println!(
            "{}: {} bytes, {ratio:.3} of {}; {} layers in INT8, {:.1} % of the MACs",
            args.out.display(),
            bytes.len(),
            model.display(),
            layers.len(),
            100.0 * share
        );
    }
    Ok(ExitOutcome::Clean)
}

fn engine_options(args: &QuantizeArgs) -> EngineOptions {
    EngineOptions {
        threads: args.threads,
    }
}

/// The calibration of `model` in the place where `unmask calibrate` puts it.
fn standing(model: &Path) -> anyhow::Result<PathBuf> {
    let path = place(model);
    ensure!(
        path.is_file(),
        "no calibration of {model} at {path}: make one with `unmask calibrate --model {model} \
         --frames DIR`, or give --calibration",
        model = model.display(),
        path = path.display()
    );
    Ok(path)
}

/// The blocks named by --keep, which must exist.
fn blocks(plan: &QuantizePlan, keep: &[String]) -> Result<BTreeSet<String>, QuantizeError> {
    let known: Vec<String> = plan.blocks().iter().map(|(b, _)| (*b).to_owned()).collect();
    match keep.iter().find(|k| !known.contains(k)) {
        Some(block) => Err(QuantizeError::NoBlock {
            block: block.clone(),
            known,
        }),
        None => Ok(keep.iter().cloned().collect()),
    }
}

fn int8(
    args: &QuantizeArgs,
    model: (&Path, &ModelMetadata),
    net: &QuantizeGraph,
    plan: &QuantizePlan,
    keep: BTreeSet<String>,
    path: &Path,
) -> anyhow::Result<(RewrittenGraph, Option<SensitivityReport>)> {
    let calibration = Calibration::read(path)?;
    calibration.check_graph(net.hash())?;
    let (out, verdict) = match &args.judge {
        None => (keep, None),
        Some(dataset) => {
            let verdict = judged(args, model, net, &calibration, dataset, keep)?;
            (verdict.out.clone(), Some(verdict))
        }
    };
    let written = rewrite(
        net,
        plan,
        &BlockSet::AllBut(out),
        Some(&calibration),
        args.rest,
    )?;
    Ok((written, verdict))
}

fn judged(
    args: &QuantizeArgs,
    (model, facts): (&Path, &ModelMetadata),
    net: &QuantizeGraph,
    calibration: &Calibration,
    dataset: &Path,
    keep: BTreeSet<String>,
) -> anyhow::Result<SensitivityReport> {
    let options = sensitivity::SensitivityOptions {
        max_drop: args.max_drop,
        rest: args.rest,
        keep,
        rules: args.label_values.rules()?,
        refine: !args.no_refine,
        threads: args.threads,
    };
    let bar = progress::start(Some(1), "judging");
    let mut progress = |what: &str, done: usize, total: usize| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        bar.set_message(format!("judging {what}"));
    };
    let verdict = measure_sensitivity(
        net,
        calibration,
        model,
        facts,
        dataset,
        &options,
        &mut progress,
    );
    bar.finish_and_clear();
    let verdict = verdict.with_context(|| format!("cannot judge on {}", dataset.display()))?;
    for left_out in &verdict.skipped {
        warn!("left out: {left_out}");
    }
    let stem = args
        .report
        .clone()
        .unwrap_or_else(|| args.out.with_extension(""));
    let sibling = |ending: &str| {
        let mut name = stem.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let table = verdict.to_markdown();
    write_file(&sibling(".md"), table.as_bytes())?;
    let json = serde_json::to_string_pretty(&verdict)? + "\n";
    write_file(&sibling(".json"), json.as_bytes())?;
    write_file(&sibling(".svg"), verdict.to_svg()?.as_bytes())?;
    if !args.json {
        println!("{table}");
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_fractions() {
        assert_eq!(drop("0.01"), Ok(0.01));
        assert_eq!(drop("0"), Ok(0.0));
        for bad in ["-0.1", "1.5", "NaN", "much"] {
            assert!(drop(bad).unwrap_err().contains(bad), "{bad}");
        }
    }
}
