//! The score of a mask-classification network, and its refinement.

use super::{ScoreError, ScoredFrame, check, fast};
use rayon::prelude::*;
use unmask_frame::{LabelMap, ScoreMap, Size};

/// Cells worked on at a time: the class sums of a block stay in the first-level cache.
const BLOCK: usize = 256;
/// Cells that one task takes; maps of one task stay on the thread they are on.
const TASK: usize = 8 * BLOCK;
/// Queries worked on at a time: each pass over the class sums takes this many along.
const LANES: usize = 4;
/// A query takes part in refinement above this class probability.
pub const SURE: f32 = 0.95;
/// A cell is refined away from this weighted mask probability on.
pub const COVERED: f32 = 0.5;
/// Refinement needs this many queries, as in the authors' inference.
pub const MIN_QUERIES: usize = 2;

/// How the masks of all queries become a known class's share of a cell. With `p_q` = a query's
/// probability of the class and `m_q` = its mask's probability in the cell:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum MaskScore {
    /// `sum_q p_q m_q` (Mask2Anomaly, inference). Several queries that claim a cell sum to more than
    /// 1, and its score is negative.
    #[default]
    Sum,
    /// `min(1, sum_q p_q m_q)`: no score is negative.
    Capped,
    /// `max_q p_q m_q`: the query that is surest decides alone.
    Max,
    /// `1 - prod_q (1 - p_q m_q)`: the probability that at least one query is right, if they err
    /// independently (noisy-or; Pearl, Probabilistic Reasoning in Intelligent Systems, 1988).
    NoisyOr,
}

impl MaskScore {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sum, Self::Capped, Self::Max, Self::NoisyOr];

    /// The value of a class before the first query.
    fn start(self) -> f32 {
        match self {
            // Of a product of what is left.
            Self::NoisyOr => 1.0,
            Self::Sum | Self::Capped | Self::Max => 0.0,
        }
    }
}

/// What a mask-classification network gives for one picture.
#[derive(Clone, Copy, Debug)]
pub struct MaskOutput<'a> {
    /// `[queries, known + 1]`, row-major; the last column is "no object".
    pub class_logits: &'a [f32],
    /// `[queries, size.h, size.w]`, row-major.
    pub mask_logits: &'a [f32],
    /// Number of queries.
    pub queries: usize,
    /// Number of known classes, without "no object".
    pub known: usize,
    /// Grid of the masks, cells.
    pub size: Size,
}

/// Scores frame after frame and keeps its working memory between them.
#[derive(Debug, Default)]
pub struct MaskScorer {
    /// `[queries rounded up to LANES, known]` class probabilities; zeros pad the end.
    probabilities: Vec<f32>,
    /// Refinement weight a query: its class probability, or 0 where it does not qualify.
    weights: Vec<f32>,
    softmax: Vec<f32>,
    kind: MaskScore,
}

/// One task's working memory.
struct ColumnBlock {
    /// Class sums, `[known, BLOCK]`.
    sums: Vec<f32>,
    /// Mask probabilities of the queries worked on, `[LANES, BLOCK]`.
    sigmoids: Vec<f32>,
}

impl MaskScorer {
    /// A scorer without memory yet; the first frame gives it its size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses how masks become a class's share of a cell; at first it is [`MaskScore::Sum`].
    pub fn set_kind(&mut self, kind: MaskScore) {
        self.kind = kind;
    }

    /// The anomaly score of every cell: `1 - max_c sum_q softmax(class_q)_c * sigmoid(mask_q)`
    /// over the known classes, or what [`MaskScorer::set_kind`] puts in the place of the sum.
    ///
    /// With `refine`, cells that a confident query of a `stuff` class covers become 0: with
    /// `w_q` = the query's best class probability where that class is in `stuff` and the
    /// probability exceeds 0.95 (else 0), the cells where `max_q w_q * sigmoid(mask_q) >= 0.5`.
    /// This is done only where at least two queries qualify (Mask2Anomaly, mask refinement; the
    /// fixed-query form of the authors' inference).
    ///
    /// # Errors
    /// Lengths that do not fit the shape; NaN or infinity in an output.
    pub fn score(
        &mut self,
        out: &MaskOutput<'_>,
        stuff: &[usize],
        refine: bool,
    ) -> Result<ScoredFrame, ScoreError> {
        let cells = out.size.area_px();
        let columns = out.known + 1;
        check("class_logits", out.class_logits, out.queries * columns)?;
        check("mask_logits", out.mask_logits, out.queries * cells)?;

        let qualified = self.read_classes(out, if refine { stuff } else { &[] });
        let suppress = qualified >= MIN_QUERIES;
        let mut score = vec![0.0f32; cells];
        let mut classes = vec![0u8; cells];
        let this = &*self;
        score
            .par_chunks_mut(TASK)
            .zip(classes.par_chunks_mut(TASK))
            .enumerate()
            .for_each_init(
                || ColumnBlock::new(out.known),
                |block, (task, (score, classes))| {
                    let parts = score.chunks_mut(BLOCK).zip(classes.chunks_mut(BLOCK));
                    for (i, (score, classes)) in parts.enumerate() {
                        let start = task * TASK + i * BLOCK;
                        this.score_block(out, start, suppress, block, score, classes);
                    }
                },
            );
        // Lengths are right by construction: both vectors hold `cells` values.
        let none = "a map of its own size";
        Ok(ScoredFrame {
            score: ScoreMap::new(out.size, score).expect(none),
            classes: LabelMap::new(out.size, classes).expect(none),
            qualified,
        })
    }

    /// Fills class probabilities and refinement weights; returns how many queries qualify.
    fn read_classes(&mut self, out: &MaskOutput<'_>, stuff: &[usize]) -> usize {
        let columns = out.known + 1;
        let padded = out.queries.div_ceil(LANES) * LANES;
        self.probabilities.clear();
        self.probabilities.resize(padded * out.known, 0.0);
        self.weights.clear();
        self.weights.resize(padded, 0.0);
        self.softmax.resize(columns, 0.0);
        let mut qualified = 0;
        for q in 0..out.queries {
            let logits = &out.class_logits[q * columns..(q + 1) * columns];
            fast::softmax_into(logits, &mut self.softmax);
            self.probabilities[q * out.known..(q + 1) * out.known]
                .copy_from_slice(&self.softmax[..out.known]);
            let (label, &sure) = self
                .softmax
                .iter()
                .enumerate()
                .rev()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .expect("there is at least the no-object column");
            if sure > SURE && stuff.contains(&label) {
                self.weights[q] = sure;
                qualified += 1;
            }
        }
        qualified
    }

    /// Scores the cells from `start` on, as many as `score` holds.
    fn score_block(
        &self,
        out: &MaskOutput<'_>,
        start: usize,
        suppress: bool,
        block: &mut ColumnBlock,
        score: &mut [f32],
        classes: &mut [u8],
    ) {
        let (cells, n) = (out.size.area_px(), score.len());
        let mut cover = [0.0f32; BLOCK];
        block.sums.fill(self.kind.start());
        for first in (0..out.queries).step_by(LANES) {
            for (lane, s) in block.sigmoids.chunks_exact_mut(BLOCK).enumerate() {
                let q = first + lane;
                if q >= out.queries {
                    s.fill(0.0);
                    continue;
                }
                fast::sigmoid_into(&out.mask_logits[q * cells + start..][..n], &mut s[..n]);
                let weight = self.weights[q];
                if suppress && weight > 0.0 {
                    for (r, &s) in cover.iter_mut().zip(&*s) {
                        *r = r.max(weight * s);
                    }
                }
            }
            let probabilities = &self.probabilities[first * out.known..];
            match self.kind {
                MaskScore::Sum | MaskScore::Capped => block.add(probabilities, out.known),
                MaskScore::Max => block.merge(probabilities, out.known, |best, lanes| {
                    lanes.into_iter().fold(best, f32::max)
                }),
                MaskScore::NoisyOr => block.merge(probabilities, out.known, |rest, lanes| {
                    lanes
                        .into_iter()
                        .fold(rest, |rest, share| rest * (1.0 - share))
                }),
            }
        }
        match self.kind {
            MaskScore::Sum | MaskScore::Max => {}
            MaskScore::Capped => block.sums.iter_mut().for_each(|sum| *sum = sum.min(1.0)),
            MaskScore::NoisyOr => block.sums.iter_mut().for_each(|rest| *rest = 1.0 - *rest),
        }
        best_class(&block.sums, out.known, score, classes);
        if suppress {
            for (a, &r) in score.iter_mut().zip(&cover) {
                *a = if r >= COVERED { 0.0 } else { *a };
            }
        }
    }
}

impl ColumnBlock {
    fn new(known: usize) -> Self {
        Self {
            sums: vec![0.0; known * BLOCK],
            sigmoids: vec![0.0; LANES * BLOCK],
        }
    }

    /// `sums[c] += sum over the lanes of p[lane, c] * sigmoid[lane]`, for every class.
    fn add(&mut self, probabilities: &[f32], known: usize) {
        let (s01, s23) = self.sigmoids.split_at(2 * BLOCK);
        let (s0, s1) = s01.split_at(BLOCK);
        let (s2, s3) = s23.split_at(BLOCK);
        for (c, sums) in self.sums.chunks_exact_mut(BLOCK).enumerate() {
            let [p0, p1, p2, p3] = std::array::from_fn(|lane| probabilities[lane * known + c]);
            let lanes = s0.iter().zip(s1).zip(s2.iter().zip(s3));
            for (sum, ((a, b), (c, d))) in sums.iter_mut().zip(lanes) {
                *sum += (p0 * a + p1 * b) + (p2 * c + p3 * d);
            }
        }
    }

    /// As [`ColumnBlock::add`], with `merge` of a class's value and the lanes' shares in the place of
    /// the sum.
    fn merge(
        &mut self,
        probabilities: &[f32],
        known: usize,
        merge: impl Fn(f32, [f32; LANES]) -> f32,
    ) {
        let (s01, s23) = self.sigmoids.split_at(2 * BLOCK);
        let (s0, s1) = s01.split_at(BLOCK);
        let (s2, s3) = s23.split_at(BLOCK);
        for (c, values) in self.sums.chunks_exact_mut(BLOCK).enumerate() {
            let [p0, p1, p2, p3] = std::array::from_fn(|lane| probabilities[lane * known + c]);
            let lanes = s0.iter().zip(s1).zip(s2.iter().zip(s3));
            for (value, ((a, b), (c, d))) in values.iter_mut().zip(lanes) {
                *value = merge(*value, [p0 * a, p1 * b, p2 * c, p3 * d]);
            }
        }
    }
}

/// Writes `1 - max` and the class that holds the maximum (the first one, where several do).
fn best_class(sums: &[f32], known: usize, score: &mut [f32], classes: &mut [u8]) {
    let n = score.len();
    let mut best = [0.0f32; BLOCK];
    let mut label = [0u32; BLOCK];
    for c in 0..known {
        let sums = &sums[c * BLOCK..(c + 1) * BLOCK];
        let to = c as u32;
        for ((best, label), &sum) in best.iter_mut().zip(&mut label).zip(sums) {
            let better = sum > *best;
            *label = if better { to } else { *label };
            *best = if better { sum } else { *best };
        }
    }
    for i in 0..n {
        score[i] = 1.0 - best[i];
        classes[i] = label[i] as u8;
    }
}

/// The same score written as the formula reads, in f64: what the fast one is tested against.
#[cfg(test)]
pub fn naive(
    out: &MaskOutput<'_>,
    kind: MaskScore,
    stuff: &[usize],
    refine: bool,
) -> unmask_frame::PixelMap<f64> {
    let (cells, columns) = (out.size.area_px(), out.known + 1);
    let sigmoid =
        |q: usize, i: usize| 1.0 / (1.0 + (-f64::from(out.mask_logits[q * cells + i])).exp());
    let softmax: Vec<Vec<f64>> = out
        .class_logits
        .chunks(columns)
        .map(|row| {
            let e: Vec<f64> = row.iter().map(|&v| f64::from(v).exp()).collect();
            let sum: f64 = e.iter().sum();
            e.iter().map(|v| v / sum).collect()
        })
        .collect();
    let kept: Vec<(usize, f64)> = (0..out.queries)
        .filter_map(|q| {
            let (label, p) = softmax[q]
                .iter()
                .copied()
                .enumerate()
                .fold((0, -1.0), |b, v| if v.1 > b.1 { v } else { b });
            (refine && p > 0.95 && stuff.contains(&label)).then_some((q, p))
        })
        .collect();
    let data = (0..cells).map(|i| {
        let best = (0..out.known)
            .map(|c| {
                let shares = (0..out.queries).map(|q| softmax[q][c] * sigmoid(q, i));
                match kind {
                    MaskScore::Sum => shares.sum(),
                    MaskScore::Capped => shares.sum::<f64>().min(1.0),
                    MaskScore::Max => shares.fold(0.0, f64::max),
                    MaskScore::NoisyOr => 1.0 - shares.map(|share| 1.0 - share).product::<f64>(),
                }
            })
            .fold(0.0f64, f64::max);
        let covered = kept.len() >= 2 && kept.iter().any(|&(q, p)| p * sigmoid(q, i) >= 0.5);
        if covered { 0.0 } else { 1.0 - best }
    });
    unmask_frame::PixelMap::new(out.size, data.collect()).expect("one value a cell")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repeatable stream of numbers in [-1, 1).
    fn noise(seed: u64) -> impl FnMut() -> f32 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        }
    }

    struct ScoreCase {
        class: Vec<f32>,
        mask: Vec<f32>,
        queries: usize,
        known: usize,
        size: Size,
    }

    impl ScoreCase {
        fn random(queries: usize, known: usize, size: Size, seed: u64) -> Self {
            let mut next = noise(seed);
            Self {
                class: (0..queries * (known + 1)).map(|_| next() * 6.0).collect(),
                mask: (0..queries * size.area_px())
                    .map(|_| next() * 9.0)
                    .collect(),
                queries,
                known,
                size,
            }
        }

        /// Makes query `q` sure of column `c`.
        fn sure(mut self, q: usize, c: usize, logit: f32) -> Self {
            let columns = self.known + 1;
            self.class[q * columns..(q + 1) * columns].fill(0.0);
            self.class[q * columns + c] = logit;
            self
        }

        fn out(&self) -> MaskOutput<'_> {
            MaskOutput {
                class_logits: &self.class,
                mask_logits: &self.mask,
                queries: self.queries,
                known: self.known,
                size: self.size,
            }
        }
    }

    #[track_caller]
    fn agrees(case: &ScoreCase, stuff: &[usize], refine: bool) -> ScoredFrame {
        let scored = MaskScore::ALL.map(|kind| {
            let mut scorer = MaskScorer::new();
            scorer.set_kind(kind);
            let got = scorer.score(&case.out(), stuff, refine).unwrap();
            let want = naive(&case.out(), kind, stuff, refine);
            for (i, (&g, &w)) in got.score.data().iter().zip(want.data()).enumerate() {
                let close = (f64::from(g) - w).abs() < 3e-6;
                assert!(close, "{kind:?}, cell {i}: {g} against {w}");
            }
            got
        });
        let [sum, ..] = scored;
        sum
    }

    #[test]
    fn equals_the_formula_over_many_shapes() {
        let shapes = [
            (1, 1, 1, 1),
            (3, 2, 5, 7),
            (4, 3, 16, 16),
            (5, 19, 33, 17),
            (50, 11, 40, 9),
        ];
        for (seed, (q, k, w, h)) in shapes.into_iter().enumerate() {
            let case = ScoreCase::random(q, k, Size::new(w, h), seed as u64 + 1);
            agrees(&case, &[0, 2], false);
            agrees(&case, &[0, 2], true);
        }
    }

    #[test]
    fn refinement_needs_two_queries_that_qualify() {
        let base = || {
            let mut case = ScoreCase::random(6, 3, Size::new(9, 30), 7);
            case.class.iter_mut().for_each(|v| *v /= 6.0);
            case
        };
        let none = agrees(&base(), &[0], true);
        assert_eq!(none.qualified, 0);

        let one = base().sure(1, 0, 12.0);
        let one_scored = agrees(&one, &[0], true);
        assert_eq!(one_scored.qualified, 1);
        assert!(one_scored.score.data().iter().all(|&a| a != 0.0));

        let two = base().sure(1, 0, 12.0).sure(4, 2, 12.0);
        let refined = agrees(&two, &[0, 2], true);
        assert_eq!(refined.qualified, 2);
        let zeros = refined.score.data().iter().filter(|&&a| a == 0.0).count();
        assert!(zeros > 20 && zeros < 270, "{zeros} cells refined");
        let plain = agrees(&two, &[0, 2], false);
        assert_eq!(plain.qualified, 0);
        assert!(plain.score.data().iter().all(|&a| a != 0.0));

        // A query sure of a class outside `stuff`, or of no object, does not count.
        let other = base().sure(1, 0, 12.0).sure(4, 1, 12.0).sure(5, 3, 12.0);
        assert_eq!(agrees(&other, &[0, 2], true).qualified, 1);
    }

    #[test]
    fn a_query_at_the_threshold_does_not_qualify() {
        // softmax of [x, 0, 0, 0] is e^x / (e^x + 3): 0.95 at x = ln 57.
        let at = 57.0f32.ln();
        let size = Size::new(2, 2);
        let below = ScoreCase::random(4, 3, size, 3)
            .sure(0, 0, at - 1e-3)
            .sure(1, 0, 9.0);
        assert_eq!(agrees(&below, &[0], true).qualified, 1);
        let above = ScoreCase::random(4, 3, size, 3)
            .sure(0, 0, at + 1e-3)
            .sure(1, 0, 9.0);
        assert_eq!(agrees(&above, &[0], true).qualified, 2);
    }

    #[test]
    fn the_class_map_names_the_largest_sum() {
        let size = Size::new(2, 1);
        let case = ScoreCase {
            class: vec![0.0, 9.0, 0.0, 9.0, 0.0, 0.0],
            mask: vec![-9.0, 9.0, 9.0, -9.0],
            queries: 2,
            known: 2,
            size,
        };
        assert_eq!(agrees(&case, &[], false).classes.data(), &[0, 1]);
    }

    #[test]
    fn scores_may_fall_below_0() {
        // Two queries sure of the same class on the same cell: the class sum nears 2.
        let case = ScoreCase::random(2, 2, Size::new(1, 1), 1)
            .sure(0, 0, 20.0)
            .sure(1, 0, 20.0);
        let case = ScoreCase {
            mask: vec![20.0, 20.0],
            ..case
        };
        assert!(agrees(&case, &[], false).score.at(0, 0) < -0.99);
    }

    #[test]
    fn wrong_lengths_and_bad_values_are_named() {
        let mut case = ScoreCase::random(3, 2, Size::new(4, 4), 2);
        case.mask[17] = f32::NAN;
        let error = MaskScorer::new().score(&case.out(), &[], true).unwrap_err();
        assert!(matches!(
            error,
            ScoreError::NotFinite {
                what: "mask_logits",
                index: 17,
                ..
            }
        ));
        case.class[2] = f32::INFINITY;
        let error = MaskScorer::new().score(&case.out(), &[], true).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("class_logits holds inf at index 2"),
            "{error}"
        );
        case.class.pop();
        let error = MaskScorer::new().score(&case.out(), &[], true).unwrap_err();
        assert_eq!(
            error,
            ScoreError::Length {
                what: "class_logits",
                have: 8,
                want: 9
            }
        );
    }

    #[test]
    fn a_scorer_forgets_the_frame_before() {
        let mut scorer = MaskScorer::new();
        let large = ScoreCase::random(9, 5, Size::new(20, 20), 4)
            .sure(0, 0, 20.0)
            .sure(1, 0, 20.0);
        let small = ScoreCase::random(3, 2, Size::new(3, 3), 5);
        let alone = MaskScorer::new().score(&small.out(), &[0], true).unwrap();
        scorer.score(&large.out(), &[0], true).unwrap();
        assert_eq!(scorer.score(&small.out(), &[0], true).unwrap(), alone);
    }
}
