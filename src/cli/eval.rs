//! `unmask eval`.

mod closed_set;
mod shards;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::Serialize;
use tracing::warn;

use super::label_values::LabelValues;
use super::progress;
use super::score_kind::ScoreKind;
use super::{ExitOutcome, model, model::parse_size, shutdown};
use unmask_eval::dataset::{label_folder, labelled_pictures, saved_scores};
use unmask_eval::{
    BadPicture, BenchmarkTrack, ErrorBounds, EvalOptions, EvalReport, LabelledPair, PictureProblem,
    Ranker, evaluate,
};
use unmask_frame::read_picture;
use unmask_frame::{Picture, ScoreMap, Size, error_chain};
use unmask_score::npy;

const EXAMPLES: &str = "Examples:
  unmask eval --dataset road_anomaly --anomaly-value 2
  unmask eval --model model.onnx --dataset road_obstacle21 --track obstacle
  unmask eval --scores out --labels road_anomaly/labels --anomaly-value 2 --json
  unmask eval --scores out --dataset road_obstacle21_val --track obstacle
  unmask eval --scores out --labels labels --shard 3/16 --out 3.shard
  unmask eval --merge 1.shard 2.shard 3.shard
  unmask eval --model model.onnx --dataset camvid/val --closed-set

Definitions, file formats and exit codes: docs/eval.md.";

/// Arguments of `unmask eval`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EvalArgs {
    /// ONNX model that scores --dataset [default: the shipped one]
    ///
    /// Default: $UNMASK_MODEL, else the shipped one. Not with --scores.
    #[arg(long, value_name = "FILE", conflicts_with = "scores")]
    model: Option<PathBuf>,
    /// Folder of saved anomaly maps, NAME.npy
    ///
    /// [H,W], float16, float32 or float64; higher = more anomalous.
    #[arg(long, value_name = "DIR")]
    scores: Option<PathBuf>,
    /// Folder with images/NAME.* and labels/NAME.png
    ///
    /// Also with labels_masks/NAME_labels_semantic.png, as in SegmentMeIfYouCan.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["labels", "merge"])]
    dataset: Option<PathBuf>,
    /// Folder of label images for --scores, NAME.png
    ///
    /// Or NAME_labels_semantic.png.
    #[arg(long, value_name = "DIR", requires = "scores", conflicts_with_all = ["dataset", "model"])]
    labels: Option<PathBuf>,
    /// Component sizes of the benchmark's track
    ///
    /// anomaly: predicted ≥ 500 px, labelled ≥ 100 px; obstacle: ≥ 50 px, ≥ 10 px.
    #[arg(long, help_heading = "Metrics", value_enum, default_value_t = TrackName::Anomaly)]
    track: TrackName,
    /// Threshold of component metrics [default: best pixel F1]
    #[arg(
        long,
        help_heading = "Metrics",
        value_name = "T",
        allow_negative_numbers = true
    )]
    threshold: Option<f32>,
    /// Binned pixel metrics, without a temporary file
    ///
    /// The possible error is printed.
    #[arg(long, help_heading = "Metrics")]
    fast: bool,
    /// Rank pixels by quantile bins, as SegmentMeIfYouCan's tool
    ///
    /// Quantiles are those of each image. Only for comparison with the published rows.
    #[arg(
        long,
        hide_short_help = true,
        help_heading = "Metrics",
        conflicts_with = "fast"
    )]
    benchmark_bins: bool,
    /// Evaluate part K of N (K from 1), and write it to --out
    #[arg(long, help_heading = "Shards", value_name = "K/N", value_parser = part, requires = "out",
          conflicts_with_all = ["fast", "benchmark_bins"])]
    shard: Option<(usize, usize)>,
    /// File that --shard writes
    #[arg(long, help_heading = "Shards", value_name = "FILE", requires = "shard")]
    out: Option<PathBuf>,
    /// Merge shards into exactly the metrics of a single run
    ///
    /// For component metrics, write the shards with --threshold.
    #[arg(long, help_heading = "Shards", value_name = "FILE", num_args = 1..,
          conflicts_with_all = ["model", "scores", "dataset", "labels", "shard", "threshold"])]
    merge: Vec<PathBuf>,
    /// Print the IoU of every class of the model, and the mean
    ///
    /// Labels are the model's classes by index; other values are ignored.
    #[arg(long, help_heading = "Metrics", requires = "dataset",
          conflicts_with_all = ["scores", "shard", "fast", "benchmark_bins"])]
    closed_set: bool,
    /// Resize anomaly maps to the size of their label images
    #[arg(long, help_heading = "Metrics")]
    resize: bool,
    /// Input size that the model must have, height x width
    #[arg(long, value_name = "HxW", value_parser = parse_size, conflicts_with = "scores")]
    size: Option<Size>,
    /// Disable mask refinement
    #[arg(long, conflicts_with = "scores")]
    no_refine: bool,
    /// Score of the model's outputs [default: sum; max-softmax of per-pixel models]
    #[arg(
        long,
        value_name = "KIND",
        conflicts_with = "scores",
        hide_possible_values = true
    )]
    score: Option<ScoreKind>,
    /// Average with the mirrored image: better, twice the time
    #[arg(long, conflicts_with = "scores", hide_short_help = true)]
    flip: bool,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    label_values: LabelValues,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum TrackName {
    Anomaly,
    Obstacle,
}

/// Scores one picture at its own size.
type ScorerKind = Box<dyn FnMut(&Picture) -> anyhow::Result<ScoreMap>>;

/// Reads `K/N`, 1 ≤ K ≤ N.
fn part(text: &str) -> Result<(usize, usize), String> {
    let numbers = text
        .split_once('/')
        .and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((k, n)) if (1..=n).contains(&k) => Ok((k, n)),
        _ => Err(format!(
            "'{text}' is not K/N with K from 1 to N, for example 3/16"
        )),
    }
}

pub(super) fn run(args: &EvalArgs) -> anyhow::Result<ExitOutcome> {
    if !args.merge.is_empty() {
        return shards::merge(args);
    }
    if args.closed_set {
        return closed_set::run(args);
    }
    let options = EvalOptions {
        rules: args.label_values.rules()?,
        track: match args.track {
            TrackName::Anomaly => BenchmarkTrack::Anomaly,
            TrackName::Obstacle => BenchmarkTrack::Obstacle,
        },
        threshold: args.threshold,
        ranker: match (args.fast, args.benchmark_bins) {
            (true, _) => Ranker::Fast,
            (_, true) => Ranker::BenchmarkBins,
            _ => Ranker::Exact,
        },
        resize: args.resize,
    };
    // Score maps of a model live in this folder until both passes have read them.
    let temporary = tempfile::tempdir().context("cannot make a temporary folder; set TMPDIR")?;
    shutdown::remove_at_end(temporary.path());
    let (pairs, mut bad) = match (&args.scores, &args.dataset, &args.labels) {
        (Some(scores), _, Some(labels)) => shards::keep(saved_scores(scores, labels)?, args.shard),
        (Some(scores), Some(dataset), _) => {
            shards::keep(saved_scores(scores, &label_folder(dataset))?, args.shard)
        }
        (None, Some(dataset), _) => {
            let scorer = model_scorer(args)?;
            score_pictures(dataset, scorer, temporary.path(), args.shard)?
        }
        _ => bail!("give --dataset, or --scores and --labels"),
    };
    if pairs.is_empty() {
        report_bad(&bad, 0);
        bail!("no picture could be evaluated");
    }
    if let (Some(_), Some(out)) = (args.shard, &args.out) {
        return shards::write(args, &pairs, bad, &options, out);
    }
    let bar = progress::start(Some((2 * pairs.len()) as u64), "evaluating");
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build()
        .context("cannot start threads")?;
    let evaluated = pool.install(|| evaluate(&pairs, &options, &|_| bar.inc(1)));
    bar.finish_and_clear();
    let mut report = match evaluated {
        Ok(report) => report,
        Err(error) => {
            report_bad(&bad, 0);
            return Err(error.into());
        }
    };
    bad.append(&mut report.unreadable);
    report.unreadable = bad;
    report_bad(&report.unreadable, report.images);
    if report.collapsed > 0 {
        warn!(
            "{} different float64 scores are equal in float32, in which they are ranked, \
             and count as ties: spread them out before they are saved (logits instead of \
             probabilities close to 1)",
            report.collapsed
        );
    }
    let text = if args.json {
        json(&report, args)?
    } else {
        table(&report, args)
    };
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .context("cannot write the report")?;
    Ok(if report.unreadable.is_empty() {
        ExitOutcome::Clean
    } else {
        ExitOutcome::SomeBadInputs
    })
}

/// Opens the model.
fn model_scorer(args: &EvalArgs) -> anyhow::Result<ScorerKind> {
    let mut engine = model::open(args.model.as_deref(), args.size, args.threads, args.score)?;
    let refine = !args.no_refine;
    let flip = args.flip;
    Ok(Box::new(move |picture| {
        Ok(match flip {
            true => engine.score_with_flip(picture, refine)?,
            false => engine.score(picture, refine)?,
        })
    }))
}

/// Scores every picture of a data set into `dir`, one float32 file each: the evaluation then
/// reads them as it reads saved score maps, and memory does not grow with their number.
fn score_pictures(
    dataset: &Path,
    mut scorer: ScorerKind,
    dir: &Path,
    shard: Option<(usize, usize)>,
) -> anyhow::Result<(Vec<LabelledPair>, Vec<BadPicture>)> {
    let (pictures, mut bad) = shards::keep(labelled_pictures(dataset)?, shard);
    let bar = progress::start(Some(pictures.len() as u64), "scoring");
    let mut pairs = Vec::new();
    for (index, found) in pictures.into_iter().enumerate() {
        let scored = read_picture(&found.picture)
            .map_err(|reason| anyhow!("{}: {reason}", found.picture.display()))
            .and_then(|picture| scorer(&picture));
        bar.inc(1);
        let map = match scored {
            Ok(map) => map,
            Err(error) => {
                bad.push(BadPicture {
                    name: found.name,
                    problem: PictureProblem::NotScored(error_chain(error.as_ref())),
                });
                continue;
            }
        };
        let scores = dir.join(format!("{index}.npy"));
        npy::write(&scores, &map).context("cannot keep a score map; free space or set TMPDIR")?;
        pairs.push(LabelledPair {
            name: found.name,
            scores,
            shown: found.picture,
            labels: found.labels,
        });
    }
    bar.finish_and_clear();
    Ok((pairs, bad))
}

fn report_bad(bad: &[BadPicture], good: usize) {
    for bad in bad {
        warn!("{}: {}", bad.name, bad.problem);
    }
    if !bad.is_empty() {
        warn!("{}, {good} evaluated", left_out(bad.len()));
    }
}

fn left_out(count: usize) -> String {
    match count {
        1 => "1 picture or label left out".into(),
        n => format!("{n} pictures or labels left out"),
    }
}

/// The keys up to `anomaly_pixels` are a contract; those after it may grow.
#[derive(Serialize)]
struct EvalJson {
    auprc: f64,
    fpr95: f64,
    auroc: f64,
    siou: f64,
    ppv: f64,
    f1_mean: f64,
    threshold: f32,
    images: usize,
    anomaly_pixels: u64,
    normal_pixels: u64,
    best_f1: f64,
    best_f1_threshold: f32,
    labelled_components: u64,
    predicted_components: u64,
    track: &'static str,
    exact: bool,
    error_bounds: JsonBounds,
    collapsed_scores: u64,
    bad: usize,
    benchmark_bins: bool,
    sizes: Vec<shards::JsonSize>,
}

#[derive(Serialize)]
struct JsonBounds {
    auprc: f64,
    fpr95: f64,
    auroc: f64,
}

fn json(report: &EvalReport, args: &EvalArgs) -> anyhow::Result<String> {
    let (pixels, components) = (&report.pixels, &report.components);
    let ErrorBounds {
        auprc,
        fpr95,
        auroc,
    } = pixels.bounds;
    let json = EvalJson {
        auprc: pixels.auprc,
        fpr95: pixels.fpr95,
        auroc: pixels.auroc,
        siou: components.siou,
        ppv: components.ppv,
        f1_mean: components.f1_mean,
        threshold: report.threshold,
        images: report.images,
        anomaly_pixels: pixels.positives,
        normal_pixels: pixels.negatives,
        best_f1: pixels.best_f1,
        best_f1_threshold: pixels.threshold,
        labelled_components: components.labelled,
        predicted_components: components.predicted,
        track: track_name(args.track),
        exact: !args.fast && !args.benchmark_bins,
        error_bounds: JsonBounds {
            auprc,
            fpr95,
            auroc,
        },
        collapsed_scores: report.collapsed,
        bad: report.unreadable.len(),
        benchmark_bins: args.benchmark_bins,
        sizes: shards::json_sizes(components),
    };
    Ok(serde_json::to_string(&json)? + "\n")
}

fn track_name(track: TrackName) -> &'static str {
    match track {
        TrackName::Anomaly => "anomaly",
        TrackName::Obstacle => "obstacle",
    }
}

fn table(report: &EvalReport, args: &EvalArgs) -> String {
    use std::fmt::Write as _;
    let (pixels, components) = (&report.pixels, &report.components);
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<24}{value}");
    };
    let percent = |value: f64| format!("{:>7.2} %", 100.0 * value);
    let within = |value: f64, bound: f64| {
        if args.fast {
            format!("{} ± {:.4}", percent(value), 100.0 * bound)
        } else {
            percent(value)
        }
    };
    let mean = |value: f64, over: u64, what: &str| match over {
        0 => format!("      –   (no {what} components)"),
        1 => format!("{}  over 1 {what} component", percent(value)),
        n => format!("{}  over {n} {what} components", percent(value)),
    };
    let total = pixels.positives + pixels.negatives;
    let aside = match report.unreadable.len() {
        0 => String::new(),
        n => format!("  ({})", left_out(n)),
    };
    line("pictures", format!("{:>7}{aside}", report.images));
    let share = percent(pixels.positives as f64 / total as f64);
    line("anomalous pixels", format!("{share}  of {total}"));
    line("AuPRC", within(pixels.auprc, pixels.bounds.auprc));
    line("FPR95", within(pixels.fpr95, pixels.bounds.fpr95));
    line("AUROC", within(pixels.auroc, pixels.bounds.auroc));
    let best = percent(pixels.best_f1);
    line(
        "best pixel F1",
        format!("{best}  at score > {}", pixels.threshold),
    );
    line(
        "components",
        format!(
            "    track {}, score > {}",
            track_name(args.track),
            report.threshold
        ),
    );
    line(
        "  sIoU",
        mean(components.siou, components.labelled, "labelled"),
    );
    line(
        "  PPV",
        mean(components.ppv, components.predicted, "predicted"),
    );
    line("  mean F1", percent(components.f1_mean));
    text + &shards::size_table(components)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(path: &Path, level: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(4, 2, image::Rgb([level; 3]))
            .save(path)
            .unwrap();
    }

    #[test]
    fn pictures_are_scored_into_files_and_bad_ones_are_counted() {
        let data = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            picture(&data.path().join(format!("images/{name}.png")), 51);
            picture(&data.path().join(format!("labels/{name}.png")), 0);
        }
        std::fs::write(data.path().join("images/b.png"), b"no picture").unwrap();
        let mut seen = 0;
        let scorer: ScorerKind = Box::new(move |picture| {
            seen += 1;
            anyhow::ensure!(seen == 1, "the engine failed");
            let data = picture
                .rgb()
                .chunks(3)
                .map(|p| f32::from(p[0]) / 255.0)
                .collect();
            ScoreMap::new(picture.size(), data).context("size")
        });
        let out = tempfile::tempdir().unwrap();
        let (pairs, bad) = score_pictures(data.path(), scorer, out.path(), None).unwrap();
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].shown, data.path().join("images/a.png"));
        assert_eq!(
            npy::read(&pairs[0].scores).unwrap(),
            ScoreMap::filled(Size::new(4, 2), 0.2)
        );
        let said: Vec<_> = bad.iter().map(|bad| bad.problem.to_string()).collect();
        assert!(said[0].contains("images/b.png"), "{said:?}");
        assert_eq!(said[1], "the engine failed");
    }
}
