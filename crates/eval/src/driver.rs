//! Two passes over a data set on disk: pixels first, then components at the threshold found.
//!
//! The second pass reads the files again instead of keeping anything of the first.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::dataset::{LabelRules, LabelledPair, read_labels};
use super::problem::{BadPicture, PictureProblem};
use super::{
    BenchmarkTrack, ComponentMetrics, EvalError, Evaluation, PixelMetrics, SegmentMatcher, Shard,
};
use unmask_frame::{LabelMap, PixelMap, ScoreMap, Size};
use unmask_score::npy;

/// What to evaluate, and how.
#[derive(Clone, Debug, Default)]
pub struct EvalOptions {
    /// Meaning of the label values.
    pub rules: LabelRules,
    /// Component sizes.
    pub track: BenchmarkTrack,
    /// Threshold of the component metrics; none = the one with the best pixel F1.
    pub threshold: Option<f32>,
    /// How pixels are ranked.
    pub ranker: Ranker,
    /// Resize score maps (bilinear) to the size of their label picture.
    pub resize: bool,
}

/// How pixels are ranked for the pixel metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ranker {
    /// Every distinct score is a threshold.
    #[default]
    Exact,
    /// Scores in one of a million fixed bins count as equal.
    Fast,
    /// As SegmentMeIfYouCan's own tool does it, by quantiles of each image.
    BenchmarkBins,
}

/// The metrics of a data set.
#[derive(Debug)]
pub struct EvalReport {
    /// Pixel metrics.
    pub pixels: PixelMetrics,
    /// Component metrics, at [`EvalReport::threshold`].
    pub components: ComponentMetrics,
    /// Threshold of the component metrics: pixels with a score above it are predicted.
    pub threshold: f32,
    /// Number of pictures evaluated.
    pub images: usize,
    /// Different float64 scores that are equal in float32, in which maps are ranked: each is a
    /// tie that the files do not hold. Counted per map.
    pub collapsed: u64,
    /// Pictures left out, in the order of the pairs given.
    pub unreadable: Vec<BadPicture>,
}

/// A pass over the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvalPass {
    /// Ranking all pixels.
    Pixels,
    /// Finding and comparing components.
    Components,
}

/// Evaluates saved score maps on the threads of the current rayon pool.
///
/// `progress` is called once per picture and pass, from any thread. The result does not depend on
/// the number of threads.
///
/// # Errors
/// No usable picture, no anomalous or no normal pixel, a temporary file that fails, or files that
/// change under way. A bad picture is not an error: it is left out and reported.
pub fn evaluate(
    pairs: &[LabelledPair],
    options: &EvalOptions,
    progress: &(dyn Fn(EvalPass) + Sync),
) -> Result<EvalReport, EvalError> {
    // Said before the first pass, not after it.
    SegmentMatcher::new(options.track, options.threshold.unwrap_or(0.0))?;
    let (evaluation, bad, collapsed) = pixel_pass(pairs, options, progress)?;
    let pixels = evaluation.finish()?;
    let threshold = options.threshold.unwrap_or(pixels.threshold);
    let components = component_pass(pairs, options, threshold, &bad, progress)?;
    let bad = named(pairs, bad);
    Ok(EvalReport {
        pixels,
        components: components.finish(),
        threshold,
        images: pairs.len() - bad.len(),
        collapsed,
        unreadable: bad,
    })
}

/// Evaluates a part of a data set, to be merged with the others later ([`super::merge`]). Without
/// [`EvalOptions::threshold`] the part holds no components: the threshold with the best pixel F1 is
/// known only when all parts are merged.
///
/// # Errors
/// As [`evaluate`], but a part may lack anomalous or normal pixels; [`EvalError::ShardRanker`] for
/// another ranker than the exact one.
pub fn evaluate_shard(
    pairs: &[LabelledPair],
    options: &EvalOptions,
    progress: &(dyn Fn(EvalPass) + Sync),
) -> Result<(Shard, Vec<BadPicture>), EvalError> {
    SegmentMatcher::new(options.track, options.threshold.unwrap_or(0.0))?;
    if options.ranker != Ranker::Exact {
        return Err(EvalError::ShardRanker);
    }
    let (evaluation, bad, collapsed) = pixel_pass(pairs, options, progress)?;
    let ranking = evaluation.into_ranking().ok_or(EvalError::ShardRanker)?;
    let segments = match options.threshold {
        Some(threshold) => Some(component_pass(pairs, options, threshold, &bad, progress)?),
        None => None,
    };
    let bad = named(pairs, bad);
    let images = (pairs.len() - bad.len()) as u64;
    let shard = Shard::new(ranking, segments, [images, bad.len() as u64, collapsed]);
    Ok((shard, bad))
}

/// The ranking, the pairs that cannot be used with their index, and the number of collapsed scores.
type RankedPixels = (Evaluation, Vec<(usize, PictureProblem)>, u64);

/// Ranks all pixels; also gives the pairs that cannot be used, by index, and the number of collapsed
/// scores.
fn pixel_pass(
    pairs: &[LabelledPair],
    options: &EvalOptions,
    progress: &(dyn Fn(EvalPass) + Sync),
) -> Result<RankedPixels, EvalError> {
    let evaluation = match options.ranker {
        Ranker::Exact => Evaluation::exact(),
        Ranker::Fast => Evaluation::fast(),
        Ranker::BenchmarkBins => Evaluation::benchmark_bins(),
    };
    let bad = Mutex::new(Vec::new());
    let collapsed = AtomicU64::new(0);
    pairs.par_iter().enumerate().try_for_each(|(index, pair)| {
        let done = match load(pair, options) {
            Ok((scores, labels, ties)) => match evaluation.add(&scores, &labels) {
                Err(error @ EvalError::Spill { .. }) => return Err(error),
                done => done
                    .map(|()| _ = collapsed.fetch_add(ties, Ordering::Relaxed))
                    .map_err(|error| values(pair, error)),
            },
            Err(problem) => Err(problem),
        };
        if let Err(problem) = done {
            bad.lock()
                .unwrap_or_else(|e| e.into_inner())
                .push((index, problem));
        }
        progress(EvalPass::Pixels);
        Ok(())
    })?;
    let mut bad = bad.into_inner().unwrap_or_else(|e| e.into_inner());
    bad.sort_by_key(|(index, _)| *index);
    if bad.len() == pairs.len() {
        return Err(EvalError::AllUnreadable {
            count: pairs.len(),
            first: bad
                .first()
                .map_or("there is none".into(), |(_, p)| p.to_string()),
        });
    }
    Ok((evaluation, bad, collapsed.into_inner()))
}

/// Compares the components of all pairs that are not `bad`.
fn component_pass(
    pairs: &[LabelledPair],
    options: &EvalOptions,
    threshold: f32,
    bad: &[(usize, PictureProblem)],
    progress: &(dyn Fn(EvalPass) + Sync),
) -> Result<SegmentMatcher, EvalError> {
    let empty = SegmentMatcher::new(options.track, threshold)?;
    let is_bad = |index: usize| bad.binary_search_by_key(&index, |(bad, _)| *bad).is_ok();
    pairs
        .par_iter()
        .enumerate()
        .filter(|&(index, _)| !is_bad(index))
        .try_fold(
            || empty.clone(),
            |mut segments, (_, pair)| {
                load(pair, options)
                    .and_then(|(s, l, _)| segments.add(&s, &l).map_err(|error| values(pair, error)))
                    .map_err(|problem| EvalError::Changed {
                        name: pair.name.clone(),
                        problem: problem.to_string(),
                    })?;
                progress(EvalPass::Components);
                Ok::<_, EvalError>(segments)
            },
        )
        .try_reduce(
            || empty.clone(),
            |mut all, part| {
                all.merge(&part);
                Ok(all)
            },
        )
}

fn named(pairs: &[LabelledPair], bad: Vec<(usize, PictureProblem)>) -> Vec<BadPicture> {
    bad.into_iter()
        .map(|(index, problem)| BadPicture {
            name: pairs[index].name.clone(),
            problem,
        })
        .collect()
}

fn values(pair: &LabelledPair, source: EvalError) -> PictureProblem {
    PictureProblem::Values {
        scores: pair.shown.clone(),
        labels: pair.labels.clone(),
        source,
    }
}

/// Scores and labels of a picture, and the number of float64 scores that are ties in float32.
fn load(
    pair: &LabelledPair,
    options: &EvalOptions,
) -> Result<(ScoreMap, LabelMap, u64), PictureProblem> {
    let labels =
        read_labels(&pair.labels, &options.rules).map_err(|what| PictureProblem::Labels {
            path: pair.labels.clone(),
            what,
        })?;
    let (scores, ties) = npy::read_counting(&pair.scores)?;
    match (scores.size() == labels.size(), options.resize) {
        (true, _) => Ok((scores, labels, ties)),
        (false, true) => Ok((resize(&scores, labels.size()), labels, ties)),
        (false, false) => Err(values(
            pair,
            EvalError::SizeMismatch {
                scores: scores.size(),
                labels: labels.size(),
                hint: "save score maps at the picture's own size, or give --resize",
            },
        )),
    }
}

/// Bilinear, pixel centres at half-integers, edge values repeated: no smoothing when shrinking.
fn resize(map: &ScoreMap, to: Size) -> ScoreMap {
    let from = map.size();
    let columns = taps(from.w, to.w);
    let mut data = Vec::with_capacity(to.area_px());
    for (y0, y1, v) in taps(from.h, to.h) {
        let (above, below) = (map.row(y0), map.row(y1));
        data.extend(columns.iter().map(|&(x0, x1, u)| {
            let top = above[x0] * (1.0 - u) + above[x1] * u;
            let bottom = below[x0] * (1.0 - u) + below[x1] * u;
            top * (1.0 - v) + bottom * v
        }));
    }
    PixelMap::new(to, data).expect("one value a pixel of the new size")
}

/// For each place along the new axis: the two old places and the weight of the second.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f64 / to as f64;
    let place = |at: usize| {
        let centre = ((at as f64 + 0.5) * scale - 0.5).max(0.0);
        let first = (centre as usize).min(from - 1);
        (
            first,
            (first + 1).min(from - 1),
            (centre - first as f64) as f32,
        )
    };
    (0..to).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resizing_is_bilinear_between_pixel_centres() {
        let map = PixelMap::new(Size::new(2, 1), vec![0.0, 4.0]).unwrap();
        assert_eq!(resize(&map, Size::new(4, 1)).data(), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(resize(&map, Size::new(1, 2)).data(), [2.0, 2.0]);
        assert_eq!(resize(&map, map.size()), map);
        let tall = PixelMap::new(Size::new(1, 3), vec![1.0, 2.0, 6.0]).unwrap();
        assert_eq!(
            resize(&tall, Size::new(1, 6)).data(),
            [1.0, 1.25, 1.75, 3.0, 5.0, 6.0]
        );
    }
}
