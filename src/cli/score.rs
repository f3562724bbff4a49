//! `unmask score`.

use super::progress;
use super::score_kind::ScoreKind;
use super::{ExitOutcome, model, model::parse_size, shutdown};
use crate::source::PictureSource;
use anyhow::{Context, bail};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use tracing::warn;
use unmask_frame::{Size, escape_control, read_picture};
use unmask_score::npy;

/// Arguments of `unmask score`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  unmask score --model engines/unmask-small.onnx --images photos --out maps

Writes maps/NAME.npy for every image photos/NAME.*: float32, [H, W] of the image, higher = more
anomalous. Read them with numpy.load, or evaluate them with `unmask eval --scores maps`.

Exit code: 0 every image was scored; 2 some were bad, counted and named; 1 nothing was scored.")]
pub struct ScoreArgs {
    /// ONNX model [default: $UNMASK_MODEL, else the shipped one]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// Folder of images (jpg, png, webp)
    #[arg(long, value_name = "DIR")]
    images: PathBuf,

    /// Folder for the maps, created if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Input size that the model must have, height x width
    ///
    /// A model's size is fixed at export: for another one, use `unmask export --size`.
    #[arg(long, value_name = "HxW", value_parser = parse_size)]
    size: Option<Size>,

    /// Disable mask refinement
    #[arg(long)]
    no_refine: bool,

    /// Score of the model's outputs [default: sum; max-softmax of per-pixel models]
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    score: Option<ScoreKind>,

    /// Average with the mirrored image: better, twice the time
    #[arg(long)]
    flip: bool,

    /// Threads to compute with; 0 = all cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

pub(super) fn run(args: &ScoreArgs) -> anyhow::Result<ExitOutcome> {
    let pictures = PictureSource::open(&args.images)?;
    let mut engine = model::open(args.model.as_deref(), args.size, args.threads, args.score)?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;

    let bar = progress::start(Some(pictures.len()), "scoring");
    let (mut bad, mut first_bad) = (0u64, None);
    let mut taken = HashSet::new();
    let stop = shutdown::on_request();
    for path in pictures.paths() {
        if stop.load(Relaxed) {
            bar.finish_and_clear();
            warn!(
                "stopped: {} of {} images were tried",
                bar.position(),
                pictures.len()
            );
            return Ok(ExitOutcome::Stopped);
        }
        let stem = path.file_stem().unwrap_or_default();
        let scored = if taken.insert(stem.to_os_string()) {
            read_picture(path).and_then(|picture| {
                let scored = match args.flip {
                    true => engine.score_with_flip(&picture, !args.no_refine),
                    false => engine.score(&picture, !args.no_refine),
                };
                scored.map_err(|e| e.to_string())
            })
        } else {
            Err("another picture has the same name up to its ending".to_string())
        };
        bar.inc(1);
        match scored {
            Ok(map) => {
                let mut name = stem.to_os_string();
                name.push(".npy");
                npy::write(&args.out.join(name), &map)?;
            }
            Err(reason) => {
                let line = format!("{}: {reason}", path.display());
                let line = escape_control(&line).into_owned();
                warn!("bad image {line}");
                bad += 1;
                first_bad.get_or_insert(line);
            }
        }
    }
    bar.finish_and_clear();
    let good = pictures.len() - bad;
    if let Some(first) = first_bad.filter(|_| good == 0) {
        bail!("none of the {bad} images could be scored; the first: {first}");
    }
    eprintln!(
        "{good} maps written to {}, {bad} bad images",
        args.out.display()
    );
    Ok(if bad == 0 {
        ExitOutcome::Clean
    } else {
        ExitOutcome::SomeBadInputs
    })
}
