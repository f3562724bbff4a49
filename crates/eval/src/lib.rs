//! Benchmark metrics: pixel and component, from score maps and labels.
//!
//! Definitions are those of SegmentMeIfYouCan (Chan et al. 2021): `docs/eval.md` states them.
//!
//! * [`Evaluation`] takes pictures one by one, from any thread, and gives [`PixelMetrics`].
//! * [`SegmentMatcher`] does the same for the component metrics, once a threshold is known.
//! * [`evaluate`] runs both over saved score maps, on all threads.
//! * [`dataset`] finds the files of a data set and reads label pictures.
//!
//! No part keeps pictures: memory is bounded whatever their number ([`Evaluation`] says by what).
#![forbid(unsafe_code)]

mod benchmark_bins;
mod bins;
mod confusion;
pub mod dataset;
mod driver;
mod pixels;
mod problem;
mod ranking;
mod segments;
mod shard;
mod sweep;

pub use confusion::Confusion;
pub use dataset::{LabelRules, LabelledPair};
pub use driver::{EvalOptions, EvalPass, EvalReport, Ranker, evaluate, evaluate_shard};
pub use pixels::{Evaluation, pixel_metrics};
pub use problem::{BadPicture, PictureProblem};
pub use segments::{
    BenchmarkTrack, ComponentMetrics, SIZE_EDGES_PX, SegmentMatcher, SizeRecall, TAUS_PERCENT,
};
pub use shard::{MergedShards, Shard, ShardError, merge};
pub use sweep::{ErrorBounds, PixelMetrics};

use std::path::PathBuf;
use unmask_frame::{LabelMap, ScoreMap, Size};

/// Label of a pixel where nothing is out of place.
pub const NORMAL: u8 = 0;
/// Label of a pixel of something that does not belong there.
pub const ANOMALY: u8 = 1;
/// Label of a pixel that counts for nothing.
pub const IGNORE: u8 = 255;

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Scores and labels of one picture differ in size.
    #[error("the score map is {scores} but the label picture is {labels}; {hint}")]
    SizeMismatch {
        /// Size of the score map, px.
        scores: Size,
        /// Size of the label picture, px.
        labels: Size,
        /// What to do.
        hint: &'static str,
    },
    /// A score is NaN or infinite.
    #[error("the score at column {x}, row {y} is {value}; scores must be finite")]
    NotFinite {
        /// The score.
        value: f32,
        /// Column, px.
        x: usize,
        /// Row, px.
        y: usize,
    },
    /// A label is none of [`NORMAL`], [`ANOMALY`], [`IGNORE`].
    #[error("the label at column {x}, row {y} is {value}; 0, 1 and 255 are known")]
    LabelValue {
        /// The label.
        value: u8,
        /// Column, px.
        x: usize,
        /// Row, px.
        y: usize,
    },
    /// No labelled pixel is anomalous.
    #[error(
        "no pixel of the data set is labelled as anomaly ({normal} are normal): the metrics have \
         no meaning; is --anomaly-value right?"
    )]
    NoAnomaly {
        /// Number of normal pixels.
        normal: u64,
    },
    /// No labelled pixel is normal.
    #[error(
        "no pixel of the data set is labelled as normal ({anomalous} are anomalous): the metrics \
         have no meaning; are --anomaly-value and --normal-values right?"
    )]
    NoNormal {
        /// Number of anomalous pixels.
        anomalous: u64,
    },
    /// A shard of inexact metrics was asked for.
    #[error("shards are exact: leave out --fast and --benchmark-bins")]
    ShardRanker,
    /// A threshold is NaN.
    #[error("the threshold is not a number")]
    Threshold,
    /// Scores that no longer fit in memory could not be written to or read from a temporary file.
    #[error(
        "cannot use a temporary file in {dir}: {source}; free some space there or set TMPDIR",
        dir = std::env::temp_dir().display()
    )]
    Spill {
        /// What the system says.
        #[from]
        source: std::io::Error,
    },
    /// A folder could not be listed.
    #[error("cannot read the folder {dir}: {source}", dir = dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder holds nothing to evaluate.
    #[error("the folder {dir} holds no {what}", dir = dir.display())]
    Empty {
        /// The folder.
        dir: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// No picture could be evaluated.
    #[error("none of the {count} pictures could be evaluated; the first: {first}")]
    AllUnreadable {
        /// How many there are.
        count: usize,
        /// What was wrong with the first.
        first: String,
    },
    /// A file that was good in the first pass no longer is.
    #[error("{name} changed while the evaluation ran: {problem}")]
    Changed {
        /// The picture.
        name: String,
        /// What is wrong with it now.
        problem: String,
    },
}

/// Checks one picture before it is counted, so that a bad one leaves no trace in the sums.
fn check(scores: &ScoreMap, labels: &LabelMap) -> Result<(), EvalError> {
    if scores.size() != labels.size() {
        return Err(EvalError::SizeMismatch {
            scores: scores.size(),
            labels: labels.size(),
            hint: "they must be the same",
        });
    }
    let place = |at: usize| (at % scores.size().w, at / scores.size().w);
    // Folding without an early end lets the compiler use wide registers.
    if !scores
        .data()
        .iter()
        .fold(true, |good, v| good & v.is_finite())
    {
        let at = scores
            .data()
            .iter()
            .position(|v| !v.is_finite())
            .unwrap_or(0);
        let (x, y) = place(at);
        let value = scores.data()[at];
        return Err(EvalError::NotFinite { value, x, y });
    }
    let known = |v: u8| v == NORMAL || v == ANOMALY || v == IGNORE;
    if !labels.data().iter().fold(true, |good, &v| good & known(v)) {
        let at = labels.data().iter().position(|&v| !known(v)).unwrap_or(0);
        let (x, y) = place(at);
        let value = labels.data()[at];
        return Err(EvalError::LabelValue { value, x, y });
    }
    Ok(())
}
