//! What the network is trained on: the set loss (Mask2Former), the per-pixel loss of the baseline,
//! and the margin loss of mask contrastive learning (Mask2Anomaly, sec. 3.3).

mod group;

use crate::data::{PASTED, Rng, VOID};
use crate::interpreter::BurnValue;
use crate::matcher::{self, MatchLabels, MatchPredictions, MatchWeights};
use crate::points::{self, PointSampler};
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Int, Tensor, TensorData, activation, module};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use unmask_frame::{PixelMap, Size};
use unmask_network::MaskHead;

pub use group::group_loss;
use group::group_of;
use unmask_score::components::label;

/// Labels of a batch.
#[derive(Clone, Copy, Debug)]
pub struct LossTargets<'a> {
    /// `[batch, h, w]` train ids, [`VOID`] or [`PASTED`].
    pub labels: &'a [u8],
    /// Pictures.
    pub batch: usize,
    /// Width, px.
    pub w: usize,
    /// Height, px.
    pub h: usize,
}

impl<'a> LossTargets<'a> {
    /// Whether picture `b` has grouped labels.
    fn is_grouped(&self, b: usize) -> bool {
        let labels = self.picture(b).labels;
        labels.iter().any(|&label| group_of(label).is_some())
    }

    /// Labels of picture `b`.
    pub fn picture(&self, b: usize) -> MatchLabels<'a> {
        let area = self.w * self.h;
        MatchLabels {
            labels: &self.labels[b * area..(b + 1) * area],
            w: self.w,
            h: self.h,
        }
    }
}

/// The parts of the set loss, each summed over the heads, not yet weighted.
#[derive(Clone, Debug)]
pub struct SetLoss {
    /// Cross-entropy of the classes.
    pub class: Tensor<1>,
    /// Binary cross-entropy at the points.
    pub mask: Tensor<1>,
    /// Dice at the points.
    pub dice: Tensor<1>,
}

impl SetLoss {
    /// The weighted sum.
    pub fn total(&self, weights: &MatchWeights) -> Tensor<1> {
        self.class.clone() * weights.class
            + self.mask.clone() * weights.mask
            + self.dice.clone() * weights.dice
    }
}

/// Logits of all heads, one after the other along the batch.
#[derive(Clone, Debug)]
pub struct StackedTargets {
    /// `[heads * batch, Q, K + 1]`.
    pub class_logits: Tensor<3>,
    /// `[heads * batch, Q, h, w]`.
    pub mask_logits: Tensor<4>,
    /// Heads.
    pub heads: usize,
}

impl StackedTargets {
    /// Stacks the heads, which all count alike (deep supervision).
    pub fn new(heads: &[MaskHead<BurnValue>]) -> Self {
        Self {
            class_logits: Tensor::cat(heads.iter().map(|h| h.class_logits.r3()).collect(), 0),
            mask_logits: Tensor::cat(heads.iter().map(|h| h.mask_logits.r4()).collect(), 0),
            heads: heads.len(),
        }
    }
}

/// A query matched with a target.
#[derive(Clone, Debug)]
pub struct MatchedPairs {
    /// Row of the stacked `[heads * batch * Q, h * w]` masks.
    pub row: usize,
    /// Entry of the stacked `[heads * batch]` pictures.
    pub entry: usize,
    /// Class of the target.
    pub class: u8,
    /// Where it is judged; as many as for every other match.
    pub points: Vec<points::SamplePoint>,
}

/// The set loss: Hungarian matching for every head and picture, cross-entropy with a weight for
/// "no object", mask BCE and dice at sampled points, both divided by the number of targets.
pub fn set_loss(
    stacked: &StackedTargets,
    targets: &LossTargets<'_>,
    weights: &MatchWeights,
    how: &PointSampler,
    seed: &[u64],
) -> SetLoss {
    let [entries, queries, k1] = stacked.class_logits.dims();
    let [_, _, h, w] = stacked.mask_logits.dims();
    let area = h * w;
    let class_host = to_vec(&stacked.class_logits);
    let mask_host = to_vec(&stacked.mask_logits);

    let matches: Vec<MatchedPairs> = (0..entries)
        .into_par_iter()
        .flat_map_iter(|entry| {
            let labels = targets.picture(entry % targets.batch);
            let present = labels.present(k1 - 1);
            let predictions = MatchPredictions {
                class_logits: &class_host[entry * queries * k1..(entry + 1) * queries * k1],
                mask_logits: &mask_host[entry * queries * area..(entry + 1) * queries * area],
                queries,
                w,
                h,
            };
            let mut key = seed.to_vec();
            key.push(entry as u64);
            let mut rng = Rng::new(&key);
            let at = points::uniform(&mut rng, how.count);
            let costs = matcher::costs(&predictions, &labels, &present, &at, weights);
            let assigned = matcher::assign(&costs, queries, present.len());
            let mut out = Vec::with_capacity(present.len());
            for (&class, query) in present.iter().zip(assigned) {
                let Some(q) = query else { continue };
                let mask = &predictions.mask_logits[q * area..(q + 1) * area];
                let points = points::uncertain(mask, w, h, how, &mut rng);
                out.push(MatchedPairs {
                    row: entry * queries + q,
                    entry,
                    class,
                    points,
                });
            }
            out
        })
        .collect();

    let device = stacked.class_logits.device();
    let grouped: Vec<bool> = (0..targets.batch).map(|b| targets.is_grouped(b)).collect();
    let class = class_loss(stacked, &matches, weights.no_object, &grouped);
    if matches.is_empty() {
        let none = stacked.mask_logits.clone().sum() * 0.0;
        return SetLoss {
            class,
            mask: none.clone(),
            dice: none,
        };
    }
    let at_points: Vec<f32> = matches
        .par_iter()
        .flat_map_iter(|m| {
            let labels = targets.picture(m.entry % targets.batch);
            let value = |&p| points::sample_label(labels.labels, labels.w, labels.h, m.class, p);
            m.points.iter().map(value).collect::<Vec<_>>()
        })
        .collect();
    let n = matches.len();
    let target: Tensor<2> = Tensor::from_data(TensorData::new(at_points, [n, how.count]), &device);
    let logits = gather_points(&stacked.mask_logits, &matches);
    // The number of targets of one head: every head sees the same labels.
    let targets = (n as f32 / stacked.heads as f32).max(1.0);
    let (mask, dice) = point_losses(&logits, &target, targets);
    SetLoss { class, mask, dice }
}

/// Mask BCE and dice (smoothed by 1) of `logits` against `target`, both `[matches, points]`: means
/// over points, sums over matches, divided by `targets`.
pub fn point_losses(
    logits: &Tensor<2>,
    target: &Tensor<2>,
    targets: f32,
) -> (Tensor<1>, Tensor<1>) {
    // BCE(x, t) = (1 − t)·x − log σ(x).
    let bce =
        (target.clone().neg() + 1.0) * logits.clone() - activation::log_sigmoid(logits.clone());
    let mask = bce.mean_dim(1).sum() / targets;
    let sigmoid = activation::sigmoid(logits.clone());
    let overlap = (sigmoid.clone() * target.clone()).sum_dim(1) * 2.0 + 1.0;
    let size = sigmoid.sum_dim(1) + target.clone().sum_dim(1) + 1.0;
    let dice = ((overlap / size).neg() + 1.0).sum() / targets;
    (mask, dice)
}

/// `F.cross_entropy` with class weights, a mean of its own for every head, summed over the heads.
/// Pictures that are `grouped` (one entry per picture) do not count: a query without a match says
/// nothing there.
pub fn class_loss(
    stacked: &StackedTargets,
    matches: &[MatchedPairs],
    no_object: f32,
    grouped: &[bool],
) -> Tensor<1> {
    let [entries, queries, k1] = stacked.class_logits.dims();
    let device = &stacked.class_logits.device();
    let rows = entries * queries;
    let mut class = vec![k1 - 1; rows];
    for m in matches {
        class[m.row] = m.class as usize;
    }
    let weight = |r: usize| {
        let picture = (r / queries) % grouped.len().max(1);
        match class[r] {
            _ if grouped.get(picture) == Some(&true) => 0.0,
            c if c == k1 - 1 => no_object,
            _ => 1.0,
        }
    };
    let per_head = rows / stacked.heads;
    let mut one_hot = vec![0.0f32; rows * k1];
    for head in 0..stacked.heads {
        let rows = head * per_head..(head + 1) * per_head;
        let sum: f32 = rows.clone().map(weight).sum();
        for r in rows.filter(|_| sum > 0.0) {
            one_hot[r * k1 + class[r]] = weight(r) / sum;
        }
    }
    let one_hot: Tensor<3> =
        Tensor::from_data(TensorData::new(one_hot, [entries, queries, k1]), device);
    (activation::log_softmax(stacked.class_logits.clone(), 2) * one_hot)
        .sum()
        .neg()
}

/// Mask logits of the matches at their points, `[matches, points]`.
pub fn gather_points(masks: &Tensor<4>, matches: &[MatchedPairs]) -> Tensor<2> {
    let device = &masks.device();
    let count = matches.first().map_or(0, |m| m.points.len());
    let [entries, queries, h, w] = masks.dims();
    let n = matches.len();
    let (mut index, mut share) = (vec![0i32; n * 4 * count], vec![0.0f32; n * 4 * count]);
    index
        .par_chunks_mut(4 * count)
        .zip(share.par_chunks_mut(4 * count))
        .zip(matches)
        .for_each(|((index, share), m)| {
            for (i, &p) in m.points.iter().enumerate() {
                for (c, (pixel, weight)) in points::corners(p, w, h).into_iter().enumerate() {
                    index[c * count + i] = pixel as i32;
                    share[c * count + i] = weight;
                }
            }
        });
    let rows: Vec<i32> = matches.iter().map(|m| m.row as i32).collect();
    let rows: Tensor<1, Int> = Tensor::from_data(TensorData::new(rows, [n]), device);
    let index: Tensor<2, Int> = Tensor::from_data(TensorData::new(index, [n, 4 * count]), device);
    let share: Tensor<2> = Tensor::from_data(TensorData::new(share, [n, 4 * count]), device);
    let flat = masks
        .clone()
        .reshape([entries * queries, h * w])
        .select(0, rows);
    (flat.gather(1, index) * share)
        .reshape([n, 4, count])
        .sum_dim(1)
        .squeeze_dim(1)
}

/// Cross-entropy of the per-pixel head at label size; [`VOID`] and [`PASTED`] pixels do not count.
pub fn pixel_loss(logits: &Tensor<4>, targets: &LossTargets<'_>) -> Tensor<1> {
    let [batch, classes, _, _] = logits.dims();
    let device = logits.device();
    let area = targets.w * targets.h;
    let up = resize(logits.clone(), targets.h, targets.w, false).reshape([batch, classes, area]);
    let known = |l: u8| (l as usize) < classes;
    let count = targets.labels.iter().filter(|&&l| known(l)).count().max(1);
    let index: Vec<i32> = targets
        .labels
        .iter()
        .map(|&l| if known(l) { i32::from(l) } else { 0 })
        .collect();
    let share: Vec<f32> = targets
        .labels
        .iter()
        .map(|&l| if known(l) { 1.0 / count as f32 } else { 0.0 })
        .collect();
    let index: Tensor<3, Int> =
        Tensor::from_data(TensorData::new(index, [batch, 1, area]), &device);
    let share: Tensor<3> = Tensor::from_data(TensorData::new(share, [batch, 1, area]), &device);
    (activation::log_softmax(up, 1).gather(1, index) * share)
        .sum()
        .neg()
}

/// Which way the margin loss pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContrastiveSign {
    /// As the authors' code has it: `s = −max_c P_c`, known pixels are pulled to 0 and pasted ones
    /// to `outlier`, so both lose confidence; what holds the known ones up is the set loss.
    Authors,
    /// `s = 1 − max_c P_c`: known pixels are pushed below `inlier`, pasted ones above `outlier`.
    Separating,
}

/// Settings of the margin loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarginLoss {
    /// Which way it pushes.
    pub sign: ContrastiveSign,
    /// Pasted pixels below this score cost (1.0 in the authors' code, 0.75 in the paper).
    pub outlier: f32,
    /// Known pixels above this score cost; only with [`ContrastiveSign::Separating`].
    pub inlier: f32,
    /// Share of the known pixels, the costliest of a batch, whose mean counts once more (0 to 1; 0 as
    /// in the paper). Stripes of a crossing are few: in the mean over all they are not heard.
    pub hard: f32,
    /// How far things of all sizes count alike (0 to 1): a thing of `a` pixels weighs `a^(1 − even)`.
    /// 0, as in the paper, is the mean over pixels, in which things far away are not heard.
    pub even: f32,
    /// Weight in the sum of the losses (1.0).
    pub weight: f32,
}

impl MarginLoss {
    /// Whether a pixel with this label is one that is known.
    fn knows(&self, label: u8) -> bool {
        label != PASTED && (label != VOID || self.sign == ContrastiveSign::Authors)
    }
}

impl Default for MarginLoss {
    fn default() -> Self {
        Self {
            sign: ContrastiveSign::Separating,
            outlier: 0.75,
            inlier: 0.1,
            hard: 0.0,
            even: 0.0,
            weight: 1.0,
        }
    }
}

/// The margin loss of mask contrastive learning, summed over the heads: mean over known pixels plus
/// mean over pasted pixels of a squared distance, halved, at label size. Void pixels count as known
/// for [`ContrastiveSign::Authors`] (as in their code) and not at all for [`ContrastiveSign::Separating`].
pub fn margin_loss(
    stacked: &StackedTargets,
    targets: &LossTargets<'_>,
    margin: &MarginLoss,
) -> Tensor<1> {
    let [entries, queries, k1] = stacked.class_logits.dims();
    let [_, _, h, w] = stacked.mask_logits.dims();
    let device = stacked.class_logits.device();
    let class = activation::softmax(stacked.class_logits.clone(), 2).narrow(2, 0, k1 - 1);
    let masks = activation::sigmoid(stacked.mask_logits.clone()).reshape([entries, queries, h * w]);
    let sums = class.permute([0, 2, 1]).matmul(masks);
    let confidence = sums.max_dim(1).reshape([entries, 1, h, w]);
    let confidence = resize(confidence, targets.h, targets.w, true);
    let area = targets.w * targets.h;
    let confidence = confidence.reshape([stacked.heads, targets.batch * area]);

    let share = |counts: &dyn Fn(u8) -> bool| -> Option<Tensor<2>> {
        let n = targets.labels.iter().filter(|&&l| counts(l)).count();
        let each = 1.0 / n.max(1) as f32;
        let values: Vec<f32> = targets
            .labels
            .iter()
            .map(|&l| if counts(l) { each } else { 0.0 })
            .collect();
        let data = TensorData::new(values, [1, targets.batch * area]);
        (n > 0).then(|| Tensor::from_data(data, &device))
    };
    let pasted = if margin.even > 0.0 {
        evened(targets, margin.even)
            .map(|w| Tensor::from_data(TensorData::new(w, [1, targets.batch * area]), &device))
    } else {
        share(&|l| l == PASTED)
    };
    let known = share(&|l| margin.knows(l));
    let (below, above) = match margin.sign {
        ContrastiveSign::Authors => {
            let score = confidence.neg();
            let above = activation::relu(score.clone().neg() + margin.outlier);
            (score, above)
        }
        ContrastiveSign::Separating => {
            let score = confidence.neg() + 1.0;
            let above = activation::relu(score.clone().neg() + margin.outlier);
            let below = activation::relu(score - margin.inlier);
            (below, above)
        }
    };
    let part = |distance: Tensor<2>, share: Option<Tensor<2>>| match share {
        Some(share) => (distance.square() * share).sum(),
        None => distance.sum() * 0.0,
    };
    let hard = (margin.hard > 0.0).then(|| hardest(&below, targets, margin));
    let sum = part(below.clone(), known) + part(above, pasted);
    let sum = match hard {
        Some(hard) => sum + part(below, Some(hard)),
        None => sum,
    };
    sum * 0.5
}

/// Weights `[batch · area]` of the pasted pixels, together 1: those of a thing of `a` connected pixels
/// weigh `a^(1 − even)` together. `None` where nothing was pasted.
fn evened(targets: &LossTargets<'_>, even: f32) -> Option<Vec<f32>> {
    let size = Size::new(targets.w, targets.h);
    let mut weights = Vec::with_capacity(targets.labels.len());
    for labels in targets.labels.chunks(size.area_px()) {
        let pasted = labels.iter().map(|&l| l == PASTED).collect();
        let things = label(&PixelMap::new(size, pasted).expect("as many labels as pixels"));
        let weight = |k: usize| (things.list()[k].area_px as f32).powf(-even);
        let thing = things.to_map();
        weights.extend(thing.data().iter().map(|&k| match k {
            0 => 0.0,
            k => weight(k as usize - 1),
        }));
    }
    let sum: f64 = weights.iter().map(|&w| f64::from(w)).sum();
    weights.iter_mut().for_each(|w| *w /= sum as f32);
    (sum > 0.0).then_some(weights)
}

/// Weights `[heads, batch · area]` that take the mean, in each head, over the share
/// [`MarginLoss::hard`] of the known pixels that are furthest off.
fn hardest(below: &Tensor<2>, targets: &LossTargets<'_>, margin: &MarginLoss) -> Tensor<2> {
    let [heads, area] = below.dims();
    let far = to_vec(below);
    let known: Vec<usize> = (0..area)
        .filter(|&i| margin.knows(targets.labels[i]))
        .collect();
    let kept = ((known.len() as f32 * margin.hard).ceil() as usize).min(known.len());
    let mut weights = vec![0.0f32; heads * area];
    for (row, far) in weights.chunks_mut(area).zip(far.chunks(area)) {
        let mut order = known.clone();
        let off = |i: usize| far[i].abs();
        if kept < order.len() {
            order.select_nth_unstable_by(kept, |&a, &b| off(b).total_cmp(&off(a)).then(a.cmp(&b)));
        }
        for &i in &order[..kept] {
            row[i] = 1.0 / kept as f32;
        }
    }
    Tensor::from_data(TensorData::new(weights, [heads, area]), &below.device())
}

/// Bilinear resize of maps.
fn resize(x: Tensor<4>, h: usize, w: usize, align_corners: bool) -> Tensor<4> {
    let options = InterpolateOptions::new(InterpolateMode::Bilinear)
        .with_output_size([h, w])
        .with_align_corners(align_corners);
    module::interpolate(x, options)
}

fn to_vec<const D: usize>(x: &Tensor<D>) -> Vec<f32> {
    x.to_data().try_to_vec::<f32>().expect("float32 values")
}
