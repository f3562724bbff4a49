//! `unmask learn`.

use super::{ExitOutcome, model};
use anyhow::{Context, anyhow, ensure};
use rten::{Model, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensorView, Tensor};
use std::path::{Path, PathBuf};
use tracing::warn;
use unmask_engine::Preprocessor;
use unmask_frame::read_picture;
use unmask_graph::bank::{self, FeatureBank, FeatureSamples, LearnOptions};
use unmask_graph::checkpoint::CheckpointWeights;
use unmask_graph::{export, import};
use unmask_model::ModelMetadata;
use unmask_network::EfficientNet;
use unmask_onnx::read::{self, ReadLimits};

/// Every so many frames, one is held out: its distances set the tolerance.
const HELD_OUT: usize = 5;

/// Arguments of `unmask learn`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask learn --backbone efficientnet-lite0.pth --frames normal --out learned.onnx
  unmask learn --backbone efficientnet-lite0.pth --bank normal.safetensors --out learned.onnx
  unmask eval --model learned.onnx --dataset road_anomaly --anomaly-value 2

The result is the model with the distance to features of these frames in its graph: cells that
resemble none of them get a higher score. docs/training.md describes it.")]
pub struct LearnArgs {
    /// ONNX mask model to extend [default: $UNMASK_MODEL, else the shipped one]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// ImageNet weights of EfficientNet-Lite (.pth)
    #[arg(long, value_name = "FILE")]
    backbone: PathBuf,

    /// Variant of the weights
    #[arg(long, value_enum, default_value_t = BackboneVariant::Lite0)]
    variant: BackboneVariant,

    /// Folder of images of normal driving; may be repeated
    #[arg(long, value_name = "DIR", required_unless_present = "bank")]
    frames: Vec<PathBuf>,

    /// Use at most N images per folder, spread evenly
    #[arg(long, value_name = "N", default_value_t = 100)]
    per_folder: usize,

    /// Use this feature bank instead of learning one
    #[arg(long, value_name = "FILE", conflicts_with = "frames")]
    bank: Option<PathBuf>,

    /// Also write the learned feature bank
    #[arg(long, value_name = "FILE", conflicts_with = "bank")]
    save_bank: Option<PathBuf>,

    /// Entries of the bank
    #[arg(long, hide_short_help = true, value_name = "N", default_value_t = LearnOptions::default().entries)]
    entries: usize,

    /// Share of the cells of normal frames that may be unusual
    #[arg(long, hide_short_help = true, value_name = "SHARE", default_value_t = LearnOptions::default().beyond)]
    beyond: f32,

    /// How steeply distance lowers the known classes
    #[arg(long, hide_short_help = true, value_name = "X", default_value_t = LearnOptions::default().slope)]
    slope: f32,

    /// ONNX file to write
    #[arg(long, value_name = "FILE", default_value = "learned.onnx")]
    out: PathBuf,

    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum BackboneVariant {
    Lite0,
    Lite1,
    Lite2,
}

impl From<BackboneVariant> for EfficientNet {
    fn from(variant: BackboneVariant) -> Self {
        match variant {
            BackboneVariant::Lite0 => Self::Lite0,
            BackboneVariant::Lite1 => Self::Lite1,
            BackboneVariant::Lite2 => Self::Lite2,
        }
    }
}

pub(super) fn run(args: &LearnArgs) -> anyhow::Result<ExitOutcome> {
    let path = model::path(args.model.as_deref())?;
    let weights = import::read_efficientnet(&args.backbone, args.variant.into())?;
    let facts = model::open(Some(&path), None, 0, None)?
        .model_metadata()
        .clone();
    let mut bad = 0;
    let bank = match &args.bank {
        Some(path) => FeatureBank::read(path)?,
        None => {
            let (bank, unread) = learn(args, &facts, &weights)?;
            bad = unread;
            bank
        }
    };
    if let Some(path) = &args.save_bank {
        export::write_file(path, &bank.to_bytes()?)?;
    }
    let proto = read::open_complete(&path, &ReadLimits::default())?;
    let learned = bank::attach(&proto, &weights, &bank)
        .with_context(|| format!("cannot add to {}", path.display()))?;
    let bytes = learned.to_bytes();
    export::check(&bytes)?;
    export::write_file(&args.out, &bytes)?;
    if args.json {
        let summary = serde_json::json!({
            "out": args.out,
            "bytes": bytes.len(),
            "entries": bank.len(),
            "frames": bank.frames,
            "tolerance": bank.strength.tolerance,
            "slope": bank.strength.slope,
            "bad": bad,
        });
        println!("{summary}");
    } else {
        println!(
            "{}: {} entries from {} frames, tolerance {:.3}, slope {}, {:.1} MB, runs on the CPU engine",
            args.out.display(),
            bank.len(),
            bank.frames,
            bank.strength.tolerance,
            bank.strength.slope,
            bytes.len() as f64 / 1e6,
        );
    }
    Ok(match bad {
        0 => ExitOutcome::Clean,
        _ => ExitOutcome::SomeBadInputs,
    })
}

/// The bank of the frames, and how many of them could not be read.
fn learn(
    args: &LearnArgs,
    facts: &ModelMetadata,
    weights: &CheckpointWeights,
) -> anyhow::Result<(FeatureBank, usize)> {
    let variant = args.variant.into();
    let size = facts.input;
    let extractor = bank::features_model(weights, variant, size, facts.mean, facts.std)?;
    let extractor = Model::load(extractor.to_bytes())
        .map_err(|e| anyhow!("the CPU engine does not take the backbone: {e}"))?;
    let mut preparer = Preprocessor::new(size, facts.mean, facts.std);
    let (mut train, mut held_out) = (FeatureSamples::default(), FeatureSamples::default());
    let (mut bad, mut channels, mut used) = (0, 0, 0);
    for folder in &args.frames {
        let paths = images(folder)?;
        ensure!(
            !paths.is_empty(),
            "{} holds no images (png, jpg, webp)",
            folder.display()
        );
        let count = paths.len().min(args.per_folder.max(1));
        for i in 0..count {
            let path = &paths[i * paths.len() / count];
            let input = read_picture(path).and_then(|picture| {
                let input = preparer.run(&picture).map(<[f32]>::to_vec);
                input.ok_or_else(|| "it has no pixels".to_owned())
            });
            let input = match input {
                Ok(input) => input,
                Err(reason) => {
                    bad += 1;
                    warn!("{}: {reason}", path.display());
                    continue;
                }
            };
            let shape = [1, 3, size.h, size.w];
            let view = NdTensorView::from_data(shape, input.as_slice());
            let features: Tensor<f32> = extractor
                .run_one(ValueOrView::from(view), None)
                .map_err(|e| anyhow!("the CPU engine does not run the backbone: {e}"))?
                .try_into()
                .map_err(|e| anyhow!("the backbone's features: {e}"))?;
            channels = features.shape()[1];
            let cells = features.shape()[2] * features.shape()[3];
            let planes = features.to_vec();
            let samples = match used % HELD_OUT {
                0 => &mut held_out,
                _ => &mut train,
            };
            used += 1;
            samples.frames += 1;
            samples
                .features
                .extend((0..cells * channels).map(|j| planes[j % channels * cells + j / channels]));
        }
    }
    let options = LearnOptions {
        entries: args.entries,
        beyond: args.beyond,
        slope: args.slope,
    };
    let bank = FeatureBank::learn(variant, channels, &train, &held_out, &options)?;
    Ok((bank, bad))
}

/// Image files of a folder, in order of their names.
fn images(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read the folder {}", folder.display()))?
            .path();
        let kind = path.extension().unwrap_or_default().to_ascii_lowercase();
        if ["png", "jpg", "jpeg", "webp"].iter().any(|k| kind == *k) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
