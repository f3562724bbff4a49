//! Which query answers for which target: bipartite matching by class, mask and dice cost
//! (Mask2Former, `HungarianMatcher`).

use crate::points::{self, SamplePoint};
use pathfinding::prelude::{Matrix, kuhn_munkres_min};

/// Weights of the losses, also of the matching costs.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatchWeights {
    /// Cross-entropy of the class (2).
    pub class: f32,
    /// Binary cross-entropy of the mask (5).
    pub mask: f32,
    /// Dice of the mask (5).
    pub dice: f32,
    /// Cross-entropy weight of the no-object class (0.1).
    pub no_object: f32,
    /// Loss on sums of class probabilities, for pictures with grouped labels (5).
    pub group: f32,
}

impl Default for MatchWeights {
    fn default() -> Self {
        Self {
            class: 2.0,
            mask: 5.0,
            dice: 5.0,
            no_object: 0.1,
            group: 5.0,
        }
    }
}

/// One picture's predictions on the host.
#[derive(Clone, Copy, Debug)]
pub struct MatchPredictions<'a> {
    /// `[Q, K + 1]`.
    pub class_logits: &'a [f32],
    /// `[Q, h * w]`.
    pub mask_logits: &'a [f32],
    /// Queries.
    pub queries: usize,
    /// Width of the masks.
    pub w: usize,
    /// Height of the masks.
    pub h: usize,
}

/// One picture's labels: the classes that occur are its targets.
#[derive(Clone, Copy, Debug)]
pub struct MatchLabels<'a> {
    /// `w * h` train ids.
    pub labels: &'a [u8],
    /// Width.
    pub w: usize,
    /// Height.
    pub h: usize,
}

impl MatchLabels<'_> {
    /// The classes below `classes` that occur, ascending.
    pub fn present(&self, classes: usize) -> Vec<u8> {
        let mut seen = [false; 256];
        for &label in self.labels {
            seen[label as usize] = true;
        }
        (0..classes.min(254))
            .filter(|&c| seen[c])
            .map(|c| c as u8)
            .collect()
    }
}

/// Costs `[Q, targets]`, row-major: every query against every target class, over `at` points.
pub fn costs(
    predictions: &MatchPredictions<'_>,
    labels: &MatchLabels<'_>,
    targets: &[u8],
    at: &[SamplePoint],
    weights: &MatchWeights,
) -> Vec<f32> {
    let n = at.len();
    let target_values: Vec<Vec<f32>> = targets
        .iter()
        .map(|&class| {
            at.iter()
                .map(|&p| points::sample_label(labels.labels, labels.w, labels.h, class, p))
                .collect()
        })
        .collect();
    let target_sums: Vec<f32> = target_values.iter().map(|t| t.iter().sum()).collect();
    let corners: Vec<_> = at
        .iter()
        .map(|&p| points::corners(p, predictions.w, predictions.h))
        .collect();
    let area = predictions.w * predictions.h;
    let k1 = predictions.class_logits.len() / predictions.queries;
    let mut out = Vec::with_capacity(predictions.queries * targets.len());
    let (mut logits, mut sigmoids) = (vec![0.0f32; n], vec![0.0f32; n]);
    for q in 0..predictions.queries {
        let mask = &predictions.mask_logits[q * area..(q + 1) * area];
        let (mut softplus, mut sigmoid_sum) = (0.0f32, 0.0f32);
        for (i, corner) in corners.iter().enumerate() {
            let x: f32 = corner.iter().map(|&(j, weight)| mask[j] * weight).sum();
            let e = (-x.abs()).exp();
            softplus += x.max(0.0) + e.ln_1p();
            let s = if x >= 0.0 {
                1.0 / (1.0 + e)
            } else {
                e / (1.0 + e)
            };
            logits[i] = x;
            sigmoids[i] = s;
            sigmoid_sum += s;
        }
        let class = softmax(&predictions.class_logits[q * k1..(q + 1) * k1]);
        for (t, &id) in targets.iter().enumerate() {
            let target = &target_values[t];
            let (mut along, mut overlap) = (0.0f32, 0.0f32);
            for i in 0..n {
                along += logits[i] * target[i];
                overlap += sigmoids[i] * target[i];
            }
            // BCE(x, t) = softplus(x) − x·t.
            let bce = (softplus - along) / n as f32;
            let dice = 1.0 - (2.0 * overlap + 1.0) / (sigmoid_sum + target_sums[t] + 1.0);
            out.push(
                -weights.class * class[id as usize] + weights.mask * bce + weights.dice * dice,
            );
        }
    }
    out
}

/// The cheapest assignment: for every target (a column of `costs` `[queries, targets]`) its query.
/// Where targets outnumber queries, some have none.
pub fn assign(costs: &[f32], queries: usize, targets: usize) -> Vec<Option<usize>> {
    if targets == 0 || queries == 0 {
        return vec![None; targets];
    }
    // Whole numbers, as the algorithm needs: a billionth of the unit is far below the noise.
    let whole = |q: usize, t: usize| {
        let cost = f64::from(costs[q * targets + t]).clamp(-1e6, 1e6);
        if cost.is_nan() {
            1_000_000_000_000_000
        } else {
            (cost * 1e9) as i64
        }
    };
    if targets <= queries {
        let matrix = Matrix::from_fn(targets, queries, |(t, q)| whole(q, t));
        kuhn_munkres_min(&matrix).1.into_iter().map(Some).collect()
    } else {
        let matrix = Matrix::from_fn(queries, targets, |(q, t)| whole(q, t));
        let mut out = vec![None; targets];
        for (q, t) in kuhn_munkres_min(&matrix).1.into_iter().enumerate() {
            out[t] = Some(q);
        }
        out
    }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let e: Vec<f32> = logits.iter().map(|x| (x - most).exp()).collect();
    let sum: f32 = e.iter().sum();
    e.into_iter().map(|x| x / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_assignment_is_not_the_greedy_one() {
        // Greedy takes (0, 0) at 1 and is left with (1, 1) at 100; the best is 2 + 3.
        let costs = [1.0, 2.0, 3.0, 100.0];
        assert_eq!(assign(&costs, 2, 2), [Some(1), Some(0)]);
        assert_eq!(assign(&[], 4, 0), []);
        // More targets than queries: the cheapest target gets the only query.
        assert_eq!(assign(&[5.0, 1.0, 3.0], 1, 3), [None, Some(0), None]);
    }

    #[test]
    fn nan_costs_do_not_panic() {
        assert_eq!(assign(&[f32::NAN, 1.0], 2, 1), [Some(1)]);
    }

    #[test]
    fn a_perfect_query_costs_least() {
        let labels: Vec<u8> = (0..64).map(|i| u8::from(i % 8 >= 4)).collect();
        let labels = MatchLabels {
            labels: &labels,
            w: 8,
            h: 8,
        };
        let right: Vec<f32> = (0..64)
            .map(|i| if i % 8 >= 4 { 9.0 } else { -9.0 })
            .collect();
        let masks: Vec<f32> = right
            .iter()
            .map(|x| -x)
            .chain(right.iter().copied())
            .collect();
        let predictions = MatchPredictions {
            class_logits: &[5.0, 0.0, 0.0, 0.0, 5.0, 0.0],
            mask_logits: &masks,
            queries: 2,
            w: 8,
            h: 8,
        };
        let at = points::uniform(&mut crate::data::Rng::new(&[3]), 256);
        assert_eq!(labels.present(2), [0, 1]);
        let costs = costs(
            &predictions,
            &labels,
            &[0, 1],
            &at,
            &MatchWeights::default(),
        );
        assert_eq!(assign(&costs, 2, 2), [Some(0), Some(1)]);
    }
}
