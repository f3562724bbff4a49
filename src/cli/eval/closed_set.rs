//! Closed-set metrics: IoU of the model's own classes.

use super::{EvalArgs, report_bad};
use crate::cli::progress;
use crate::cli::{ExitOutcome, model};
use anyhow::{Context, bail};
use std::fmt::Write as _;
use std::io::Write as _;
use unmask_eval::dataset::{labelled_pictures, read_classes};
use unmask_eval::{BadPicture, Confusion, PictureProblem};
use unmask_frame::read_picture;

pub(super) fn run(args: &EvalArgs) -> anyhow::Result<ExitOutcome> {
    let Some(dataset) = &args.dataset else {
        bail!("--closed-set needs --dataset");
    };
    let mut engine = model::open(args.model.as_deref(), args.size, args.threads, args.score)?;
    let names = engine.model_metadata().classes.clone();
    let (pictures, mut bad) = labelled_pictures(dataset)?;
    let bar = progress::start(Some(pictures.len() as u64), "scoring");
    let mut confusion = Confusion::new(names.len());
    let mut images = 0;
    for found in pictures {
        let done = (|| -> Result<(), String> {
            let picture = read_picture(&found.picture)
                .map_err(|reason| format!("{}: {reason}", found.picture.display()))?;
            let labels = read_classes(&found.labels)
                .map_err(|reason| format!("{}: {reason}", found.labels.display()))?;
            let scored = engine.score_at_mask_size(&picture, false);
            confusion.add(&scored.map_err(|e| e.to_string())?.classes, &labels);
            Ok(())
        })();
        bar.inc(1);
        match done {
            Ok(()) => images += 1,
            Err(reason) => bad.push(BadPicture {
                name: found.name,
                problem: PictureProblem::NotScored(reason),
            }),
        }
    }
    bar.finish_and_clear();
    report_bad(&bad, images);
    if images == 0 {
        bail!("no image could be evaluated");
    }
    let text = if args.json {
        let of_class = names.iter().zip(confusion.iou());
        let iou: serde_json::Map<String, serde_json::Value> = of_class
            .map(|(name, iou)| (name.clone(), iou.into()))
            .collect();
        let json = serde_json::json!({
            "miou": confusion.mean_iou(),
            "accuracy": confusion.accuracy(),
            "iou": iou,
            "images": images,
            "bad": bad.len(),
        });
        json.to_string() + "\n"
    } else {
        let mut text = String::new();
        let mut line = |name: &str, value: Option<f64>| {
            let value = match value {
                Some(value) => format!("{:>7.2} %", 100.0 * value),
                None => "      –   (neither labelled nor predicted)".to_owned(),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<24}{value}");
        };
        line("mIoU", Some(confusion.mean_iou()));
        line("pixel accuracy", Some(confusion.accuracy()));
        for (name, iou) in names.iter().zip(confusion.iou()) {
            line(&format!("  {name}"), iou);
        }
        text
    };
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .context("cannot write the report")?;
    Ok(match bad.len() {
        0 => ExitOutcome::Clean,
        _ => ExitOutcome::SomeBadInputs,
    })
}
