//! Parts of an evaluation, their merge, and recall by size.

use super::{EvalArgs, report_bad};
use crate::cli::ExitOutcome;
use crate::cli::progress;
use anyhow::Context;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use unmask_eval::{
    BadPicture, ComponentMetrics, EvalOptions, LabelledPair, SIZE_EDGES_PX, evaluate_shard,
};

/// Keeps every `n`-th entry from the `k`-th on, of the pictures and of the bad ones alike: each
/// belongs to one shard.
pub(super) fn keep<T>(
    (all, bad): (Vec<T>, Vec<BadPicture>),
    shard: Option<(usize, usize)>,
) -> (Vec<T>, Vec<BadPicture>) {
    let Some((k, n)) = shard else {
        return (all, bad);
    };
    (
        all.into_iter().skip(k - 1).step_by(n).collect(),
        bad.into_iter().skip(k - 1).step_by(n).collect(),
    )
}

/// Evaluates `pairs` into the shard file `out`.
pub(super) fn write(
    args: &EvalArgs,
    pairs: &[LabelledPair],
    mut bad: Vec<BadPicture>,
    options: &EvalOptions,
    out: &Path,
) -> anyhow::Result<ExitOutcome> {
    let bar = progress::start(Some(2 * pairs.len() as u64), "evaluating");
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build()
        .context("cannot start threads")?;
    let (shard, more) = pool.install(|| evaluate_shard(pairs, options, &|_| bar.inc(1)))?;
    bar.finish_and_clear();
    let good = pairs.len() - more.len();
    bad.extend(more);
    report_bad(&bad, good);
    shard.write(out)?;
    println!("{}: {good} images", out.display());
    Ok(match bad.len() {
        0 => ExitOutcome::Clean,
        _ => ExitOutcome::SomeBadInputs,
    })
}

/// Prints the metrics of all shards.
pub(super) fn merge(args: &EvalArgs) -> anyhow::Result<ExitOutcome> {
    let merged = unmask_eval::merge(&args.merge)?;
    let (pixels, components) = (&merged.pixels, &merged.components);
    let text = if args.json {
        let mut json = serde_json::json!({
            "auprc": pixels.auprc,
            "fpr95": pixels.fpr95,
            "auroc": pixels.auroc,
            "best_f1": pixels.best_f1,
            "best_f1_threshold": pixels.threshold,
            "images": merged.images,
            "bad": merged.bad,
            "collapsed_scores": merged.collapsed,
            "anomaly_pixels": pixels.positives,
            "normal_pixels": pixels.negatives,
            "exact": true,
        });
        if let Some((components, threshold)) = components {
            json["siou"] = components.siou.into();
            json["ppv"] = components.ppv.into();
            json["f1_mean"] = components.f1_mean.into();
            json["threshold"] = (*threshold).into();
            json["labelled_components"] = components.labelled.into();
            json["predicted_components"] = components.predicted.into();
            json["sizes"] = serde_json::to_value(json_sizes(components))?;
        }
        json.to_string() + "\n"
    } else {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<24}{value}");
        };
        let percent = |value: f64| format!("{:>7.2} %", 100.0 * value);
        line("images", format!("{:>7}", merged.images));
        line("AuPRC", percent(pixels.auprc));
        line("FPR95", percent(pixels.fpr95));
        line("AUROC", percent(pixels.auroc));
        let best = percent(pixels.best_f1);
        line(
            "best pixel F1",
            format!("{best}  at score > {}", pixels.threshold),
        );
        match components {
            Some((components, threshold)) => {
                line("components", format!("    score > {threshold}"));
                line("  sIoU", percent(components.siou));
                line("  PPV", percent(components.ppv));
                line("  mean F1", percent(components.f1_mean));
                text += &size_table(components);
            }
            None => line(
                "components",
                format!(
                    "    none: make the shards with --threshold, {} for the best pixel F1",
                    pixels.threshold
                ),
            ),
        }
        text
    };
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .context("cannot write the report")?;
    Ok(match merged.bad {
        0 => ExitOutcome::Clean,
        _ => ExitOutcome::SomeBadInputs,
    })
}

/// Recall of a class of sizes.
#[derive(Serialize)]
pub(super) struct JsonSize {
    from_px: usize,
    below_px: Option<usize>,
    components: u64,
    found: u64,
    pixels: u64,
    hit_pixels: u64,
}

pub(super) fn json_sizes(components: &ComponentMetrics) -> Vec<JsonSize> {
    let sizes = components.sizes.iter().enumerate();
    sizes
        .map(|(i, size)| JsonSize {
            from_px: i.checked_sub(1).map_or(1, |before| SIZE_EDGES_PX[before]),
            below_px: SIZE_EDGES_PX.get(i).copied(),
            components: size.components,
            found: size.found,
            pixels: size.pixels,
            hit_pixels: size.hit_pixels,
        })
        .collect()
}

pub(super) fn size_table(components: &ComponentMetrics) -> String {
    let mut text = String::new();
    for size in json_sizes(components).iter().filter(|s| s.components > 0) {
        let range = match size.below_px {
            Some(below) => format!("  {} to {} px", size.from_px, below - 1),
            None => format!("  {} px or more", size.from_px),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{range:<24}{:>7} of {} found, {:.2} % of their pixels",
            size.found,
            size.components,
            100.0 * size.hit_pixels as f64 / size.pixels.max(1) as f64
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_belongs_to_one_shard() {
        let mut seen = Vec::new();
        for k in 1..=3 {
            seen.extend(keep(((0..10).collect::<Vec<_>>(), vec![]), Some((k, 3))).0);
        }
        seen.sort();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        assert_eq!(keep((vec![1, 2], vec![]), None).0, [1, 2]);
        for (text, wanted) in [("1/1", Some((1, 1))), ("3/16", Some((3, 16)))] {
            assert_eq!(super::super::part(text).ok(), wanted);
        }
        for bad in ["0/4", "5/4", "1", "a/b", "1/0"] {
            assert!(super::super::part(bad).is_err(), "{bad}");
        }
    }
}
