//! Runs a graph over frames and keeps a histogram of each value.

use super::file::{Calibration, CalibrationFrame, SCHEMA, TensorScale};
use super::histogram::ValueHistogram;
use super::probe::TensorProbe;
use super::range::{RangeMethod, sqnr_db};
use super::scene_check::{PictureLook, classify};
use super::{QuantizeError, QuantizeGraph, QuantizePlan};
use crate::quantize::hex;
use rayon::prelude::*;
use rten_tensor::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use unmask_frame::Picture;
use unmask_frame::{read_picture, read_regular_file};
use unmask_model::ModelMetadata;

/// Fewer different frames than this say too little about a camera.
pub const FRAMES_MIN: usize = 16;

/// How to calibrate.
#[derive(Clone, Debug)]
pub struct CalibrateOptions {
    /// How ranges are chosen.
    pub method: RangeMethod,
    /// Share of values inside the range, percent; for [`RangeMethod::Percentile`] only.
    pub percentile: f64,
    /// Frames to use at most, spread evenly over those given.
    pub limit: Option<usize>,
    /// Take frames that show nothing, and too few of them.
    pub force: bool,
    /// Threads to compute with; 0 = all that this process may use.
    pub threads: usize,
}

/// Calibrates `net`: `frames` are picture files, `metadata` those of the model, `model` and `dir` the
/// names that messages and the file carry. `progress` receives the number of frames that are done.
///
/// The result depends on the frames alone, not on their order or on the threads.
///
/// # Errors
/// A frame that cannot be read; unless forced, too few different frames, or one that shows nothing
/// or noise; values that are no numbers; a graph that the CPU engine does not run.
pub fn calibrate(
    net: &QuantizeGraph,
    metadata: &ModelMetadata,
    model: &Path,
    dir: &Path,
    frames: &[PathBuf],
    options: &CalibrateOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Calibration, QuantizeError> {
    let frames = spread(frames, options.limit);
    let hashes = hashes(&frames)?;
    let different = hashes.iter().collect::<HashSet<_>>().len();
    if different < FRAMES_MIN && !options.force || different == 0 {
        return Err(QuantizeError::FewFrames {
            dir: dir.to_owned(),
            found: different,
            wanted: FRAMES_MIN,
        });
    }
    let plan = QuantizePlan::new(net);
    let tensors = plan.tensors();
    let bytes = net.with_outputs(tensors.iter().copied());
    let mut probe = TensorProbe::open(bytes, &tensors, metadata, options.threads)?;
    let mut histograms = vec![ValueHistogram::default(); tensors.len()];
    for (done, frame) in frames.iter().enumerate() {
        let picture = read_picture(frame).map_err(|what| QuantizeError::Frame {
            frame: frame.clone(),
            what,
        })?;
        if !options.force {
            check_scene(frame, &picture)?;
        }
        // One thread a value: no sum depends on who came first.
        let counted: Vec<Result<(), usize>> = probe.run(&picture, |values| {
            let pairs = histograms.par_iter_mut().zip(values);
            let each = pairs.map(|(histogram, value)| match value.data() {
                Some(data) => histogram.add(data),
                None => histogram.add(&value.to_vec()),
            });
            each.collect()
        })?;
        for (tensor, counted) in tensors.iter().zip(counted) {
            counted.map_err(|count| QuantizeError::NotFinite {
                frame: frame.clone(),
                tensor: (*tensor).to_owned(),
                count,
            })?;
        }
        progress(done + 1);
    }
    let percentile = (options.method == RangeMethod::Percentile).then_some(options.percentile);
    let pairs: Vec<_> = tensors.iter().zip(&histograms).collect();
    let tensors = pairs
        .into_par_iter()
        .map(|(name, histogram)| range_of(name, histogram, options))
        .collect();
    let names = frames.iter().map(|f| file_name(f)).zip(hashes);
    Ok(Calibration {
        schema: SCHEMA.to_owned(),
        tool: concat!("unmask ", env!("CARGO_PKG_VERSION")).to_owned(),
        model: file_name(model),
        graph_sha256: net.hash().to_owned(),
        method: options.method,
        percentile,
        forced: options.force,
        frames: names
            .map(|(name, sha256)| CalibrationFrame { name, sha256 })
            .collect(),
        tensors,
    })
}

fn range_of(name: &str, histogram: &ValueHistogram, options: &CalibrateOptions) -> TensorScale {
    let range = options.method.range(histogram, options.percentile);
    let ends = histogram.ends().unwrap_or(0.0..0.0);
    TensorScale {
        name: name.to_owned(),
        min: ends.start,
        max: ends.end,
        range,
        // Two digits behind the point are more than anyone reads.
        sqnr_db: sqnr_db(histogram, range).map(|db| (db * 100.0).round() / 100.0),
    }
}

/// At most `limit` of `frames`, evenly over all of them.
fn spread(frames: &[PathBuf], limit: Option<usize>) -> Vec<PathBuf> {
    let count = limit.unwrap_or(frames.len()).min(frames.len());
    (0..count)
        .map(|i| frames[i * frames.len() / count].clone())
        .collect()
}

fn hashes(frames: &[PathBuf]) -> Result<Vec<String>, QuantizeError> {
    let hash = |frame: &PathBuf| match read_regular_file(frame, u64::MAX) {
        Ok(bytes) => Ok(hex(&Sha256::digest(bytes))),
        Err(source) => Err(QuantizeError::Frame {
            frame: frame.clone(),
            what: source.to_string(),
        }),
    };
    frames.par_iter().map(hash).collect()
}

fn check_scene(frame: &Path, picture: &Picture) -> Result<(), QuantizeError> {
    let what = match classify(picture) {
        PictureLook::Scene => return Ok(()),
        PictureLook::Flat => "shows one brightness everywhere".to_owned(),
        PictureLook::Noise {
            correlation: likeness,
        } => format!(
            "looks like noise (neighbouring pixels correlate by {likeness:.2}, a scene by 0.9 and \
             more)"
        ),
    };
    Err(QuantizeError::NoScene {
        frame: frame.to_owned(),
        what,
    })
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_spreads_over_all_frames() {
        let all: Vec<PathBuf> = (0..10).map(|i| PathBuf::from(format!("{i}"))).collect();
        let names =
            |limit| -> Vec<String> { spread(&all, limit).iter().map(|p| file_name(p)).collect() };
        assert_eq!(names(Some(4)), ["0", "2", "5", "7"]);
        assert_eq!(names(Some(99)).len(), 10);
        assert_eq!(names(None).len(), 10);
        assert!(names(Some(0)).is_empty());
    }
}
