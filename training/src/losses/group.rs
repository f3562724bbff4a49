//! The loss of images whose labels are coarser than the network's classes.

use super::{LossTargets, StackedTargets};
use crate::data::{GROUP, GROUPS_MAX};
use burn::tensor::{Tensor, TensorData, activation};

/// The group that a label names.
pub(super) fn group_of(label: u8) -> Option<usize> {
    let group = label.checked_sub(GROUP)?;
    (group < GROUPS_MAX).then_some(usize::from(group))
}

/// Loss of pictures with grouped labels: `groups` are lists of classes, a pixel labelled
/// [`GROUP`]` + g` shows one of the classes in `groups[g]`.
///
/// The semantic confidence of a group is the sum over its classes of `Σ_q p_q(c) · m_q`; the loss is
/// its binary cross-entropy, summed over groups and heads, mean over the labelled pixels at mask
/// resolution. A group whose classes are also those of the pixel's own group is not pushed down.
/// `None` where no picture of the batch has grouped labels.
pub fn group_loss(
    stacked: &StackedTargets,
    targets: &LossTargets<'_>,
    groups: &[&[u8]],
) -> Option<Tensor<1>> {
    let [entries, queries, k1] = stacked.class_logits.dims();
    let [_, _, h, w] = stacked.mask_logits.dims();
    let device = stacked.class_logits.device();
    let (area, count) = (h * w, groups.len());
    // Weight of −log S and of −log(1 − S), per group and pixel, the same for every head.
    let mut up = vec![0.0f32; targets.batch * count * area];
    let mut down = up.clone();
    let mut pixels = 0u32;
    for b in 0..targets.batch {
        let picture = targets.picture(b);
        for i in 0..area {
            let at = |v: usize, n: usize, full: usize| (v * full + full / 2) / n;
            let (x, y) = (at(i % w, w, targets.w), at(i / w, h, targets.h));
            let label = picture.labels[y * targets.w + x];
            let Some(own) = group_of(label).filter(|&g| g < count) else {
                continue;
            };
            pixels += 1;
            for (g, classes) in groups.iter().enumerate() {
                let place = (b * count + g) * area + i;
                if g == own {
                    up[place] = 1.0;
                } else if !classes.iter().any(|c| groups[own].contains(c)) {
                    down[place] = 1.0;
                }
            }
        }
    }
    if pixels == 0 {
        return None;
    }
    let mut membership = vec![0.0f32; count * (k1 - 1)];
    for (g, classes) in groups.iter().enumerate() {
        for &class in classes.iter().filter(|&&c| usize::from(c) < k1 - 1) {
            membership[g * (k1 - 1) + usize::from(class)] = 1.0;
        }
    }
    let membership: Tensor<2> =
        Tensor::from_data(TensorData::new(membership, [count, k1 - 1]), &device);
    let class = activation::softmax(stacked.class_logits.clone(), 2).narrow(2, 0, k1 - 1);
    let class = class
        .reshape([entries * queries, k1 - 1])
        .matmul(membership.transpose())
        .reshape([entries, queries, count])
        .permute([0, 2, 1]);
    let masks = activation::sigmoid(stacked.mask_logits.clone()).reshape([entries, queries, area]);
    // Queries may claim a pixel together, so that the sum exceeds 1.
    let sums = class.matmul(masks).clamp(1e-4, 1.0 - 1e-4);
    let weights = |values: Vec<f32>| -> Tensor<3> {
        let data = TensorData::new(values, [targets.batch, count, area]);
        Tensor::from_data(data, &device).repeat_dim(0, stacked.heads)
    };
    let cost = sums.clone().log() * weights(up) + (sums.neg() + 1.0).log() * weights(down);
    Some(cost.sum().neg() / pixels as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{PASTED, VOID};
    use burn::tensor::Device;

    /// Two queries over 3 classes and 2×2 cells, one image. Query 0 is class 0 or 1, query 1 class 2.
    fn stacked(device: &Device, masks: [f32; 8]) -> StackedTargets {
        let class = vec![2.0f32, 1.0, -9.0, -9.0, -9.0, -9.0, 3.0, -9.0];
        let class = TensorData::new(class, [1, 2, 4]);
        let masks = TensorData::new(masks.to_vec(), [1, 2, 2, 2]);
        StackedTargets {
            class_logits: Tensor::from_data(class, device),
            mask_logits: Tensor::from_data(masks, device),
            heads: 1,
        }
    }

    fn loss(masks: [f32; 8], labels: &[u8], groups: &[&[u8]]) -> Option<f32> {
        let targets = LossTargets {
            labels,
            batch: 1,
            w: 2,
            h: 2,
        };
        let stacked = stacked(&Device::flex(), masks);
        group_loss(&stacked, &targets, groups).map(|loss| loss.into_scalar::<f32>())
    }

    const LEFT_RIGHT: [f32; 8] = [9.0, -9.0, 9.0, -9.0, -9.0, 9.0, -9.0, 9.0];
    const GROUPS: [&[u8]; 2] = [&[0, 1], &[2]];

    #[test]
    fn sums_over_a_group_count_not_single_classes() {
        let right = [GROUP, GROUP + 1, GROUP, GROUP + 1];
        let wrong = [GROUP + 1, GROUP, GROUP + 1, GROUP];
        // Query 0 splits its probability between classes 0 and 1: together they are sure.
        assert!(loss(LEFT_RIGHT, &right, &GROUPS).unwrap() < 0.01);
        assert!(loss(LEFT_RIGHT, &wrong, &GROUPS).unwrap() > 5.0);
        let single: [&[u8]; 2] = [&[0], &[2]];
        assert!(loss(LEFT_RIGHT, &right, &single).unwrap() > 0.1);
    }

    #[test]
    fn by_hand_on_one_pixel() {
        // Only the first cell is labelled: −ln S_0 − ln(1 − S_1) there.
        let labels = [GROUP, VOID, PASTED, 0];
        let found = loss([1.0, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0], &labels, &GROUPS).unwrap();
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let share =
            |logit: f64, all: [f64; 4]| logit.exp() / all.iter().map(|l| l.exp()).sum::<f64>();
        let (q0, q1) = ([2.0, 1.0, -9.0, -9.0], [-9.0, -9.0, 3.0, -9.0]);
        let (m0, m1) = (sigmoid(1.0), sigmoid(-2.0));
        let s0 = m0 * (share(2.0, q0) + share(1.0, q0)) + m1 * 2.0 * share(-9.0, q1);
        let s1 = m0 * share(-9.0, q0) + m1 * share(3.0, q1);
        let wanted = -s0.ln() - (1.0 - s1).ln();
        assert!((f64::from(found) - wanted).abs() < 1e-4, "{found} {wanted}");
    }

    #[test]
    fn shared_classes_are_not_pushed_down() {
        let labels = [GROUP; 4];
        let masks = [9.0f32, 9.0, 9.0, 9.0, -9.0, -9.0, -9.0, -9.0];
        // The second group holds class 1, too: being sure of it is not a mistake.
        let shared: [&[u8]; 2] = [&[0, 1], &[1, 2]];
        assert!(loss(masks, &labels, &shared).unwrap() < 0.01);
    }

    #[test]
    fn images_without_groups_have_no_loss() {
        assert!(loss(LEFT_RIGHT, &[0, 1, VOID, PASTED], &GROUPS).is_none());
    }
}
