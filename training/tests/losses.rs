//! Losses, matching and point sampling against a plain PyTorch restatement.

mod common;

use burn::tensor::{Device, Tensor};
use common::{Fixture, assert_close, read, tensor};
use unmask_train::losses::{
    self, ContrastiveSign, LossTargets, MarginLoss, MatchedPairs, StackedTargets,
};
use unmask_train::matcher::{self, MatchLabels, MatchPredictions, MatchWeights};
use unmask_train::points;

fn points_of(fixture: &Fixture, name: &str, row: usize) -> Vec<points::SamplePoint> {
    let (shape, values) = &fixture[name];
    let n = shape[1] * 2;
    values[row * n..(row + 1) * n]
        .chunks_exact(2)
        .map(|p| (p[0], p[1]))
        .collect()
}

/// Stacked logits with gradients: one head, a batch of two.
fn stacked(fixture: &Fixture, prefix: &str) -> StackedTargets {
    let device = Device::flex().autodiff();
    StackedTargets {
        class_logits: tensor::<3>(fixture, &format!("{prefix}.class_logits"), &device)
            .require_grad(),
        mask_logits: tensor::<4>(fixture, &format!("{prefix}.mask_logits"), &device).require_grad(),
        heads: 1,
    }
}

#[test]
fn costs_and_assignments_agree() {
    let f = read("losses");
    let (classes, masks) = (&f["set.target_classes"].1, &f["set.target_masks"].1);
    let counts = &f["set.targets_per_image"].1;
    let mut first = 0;
    for b in 0..2 {
        let n = counts[b] as usize;
        let predictions = MatchPredictions {
            class_logits: &f["set.class_logits"].1[b * 30..(b + 1) * 30],
            mask_logits: &f["set.mask_logits"].1[b * 576..(b + 1) * 576],
            queries: 6,
            w: 12,
            h: 8,
        };
        let at = points_of(&f, "match.points", b);
        let mut found = vec![0.0; 6 * n];
        for t in 0..n {
            // Target masks may overlap: each gets a label map of its own.
            let class = classes[first + t] as u8;
            let mask = &masks[(first + t) * 384..(first + t + 1) * 384];
            let labels: Vec<u8> = mask
                .iter()
                .map(|&m| if m > 0.5 { class } else { 255 })
                .collect();
            let labels = MatchLabels {
                labels: &labels,
                w: 24,
                h: 16,
            };
            let costs = matcher::costs(
                &predictions,
                &labels,
                &[class],
                &at,
                &MatchWeights::default(),
            );
            for (q, cost) in costs.into_iter().enumerate() {
                found[q * n + t] = cost;
            }
        }
        assert_close(
            "costs",
            &found,
            &f[&format!("match.cost_total.{b}")].1,
            1e-5,
        );
        let assigned = matcher::assign(&found, 6, n);
        for pair in f[&format!("match.assignment.{b}")].1.chunks_exact(2) {
            assert_eq!(
                assigned[pair[1] as usize],
                Some(pair[0] as usize),
                "picture {b}"
            );
        }
        first += n;
    }
}

#[test]
fn assignments_that_greed_gets_wrong() {
    let f = read("losses");
    for i in 0..2 {
        let (shape, costs) = &f[&format!("assign.cost.{i}")];
        let found = matcher::assign(costs, shape[0], shape[1]);
        let mut wanted = vec![None; shape[1]];
        for pair in f[&format!("assign.pairs.{i}")].1.chunks_exact(2) {
            wanted[pair[1] as usize] = Some(pair[0] as usize);
        }
        assert_eq!(found, wanted, "problem {i}");
    }
}

#[test]
fn set_loss_and_gradients_agree() {
    let f = read("losses");
    let stacked = stacked(&f, "set");
    let matches: Vec<MatchedPairs> = f["set.matches"]
        .1
        .chunks_exact(3)
        .enumerate()
        .map(|(row, m)| MatchedPairs {
            row: m[0] as usize * 6 + m[1] as usize,
            entry: m[0] as usize,
            class: f["set.target_classes"].1[m[2] as usize] as u8,
            points: points_of(&f, "set.points", row),
        })
        .collect();
    let class = losses::class_loss(&stacked, &matches, 0.1, &[]);
    let logits = losses::gather_points(&stacked.mask_logits, &matches);
    let values = logits.to_data().try_to_vec::<f32>().unwrap();
    assert_close("logits at points", &values, &f["set.point_logits"].1, 1e-5);
    let target: Tensor<2> = tensor(&f, "set.point_targets", &logits.device());
    let (mask, dice) = losses::point_losses(&logits, &target, 5.0);
    let value = |x: &Tensor<1>| [x.clone().into_scalar::<f32>()];
    assert_close("class", &value(&class), &f["set.ce"].1, 1e-5);
    assert_close("mask", &value(&mask), &f["set.bce"].1, 1e-5);
    assert_close("dice", &value(&dice), &f["set.dice"].1, 1e-5);
    let total = losses::SetLoss { class, mask, dice }.total(&MatchWeights::default());
    assert_close("total", &value(&total), &f["set.total"].1, 1e-5);
    let gradients = total.backward();
    let class = stacked.class_logits.grad(&gradients).unwrap().to_data();
    let mask = stacked.mask_logits.grad(&gradients).unwrap().to_data();
    let vec = |d: burn::tensor::TensorData| d.try_to_vec::<f32>().unwrap();
    assert_close(
        "class gradient",
        &vec(class),
        &f["set.grad_class_logits"].1,
        1e-4,
    );
    assert_close(
        "mask gradient",
        &vec(mask),
        &f["set.grad_mask_logits"].1,
        1e-4,
    );
}

#[test]
fn targets_at_points_and_uncertain_points_agree() {
    let f = read("losses");
    let matches: Vec<Vec<f32>> = f["set.matches"]
        .1
        .chunks_exact(3)
        .map(<[f32]>::to_vec)
        .collect();
    let order = &f["uncertain.order"].1;
    for (row, m) in matches.iter().enumerate() {
        let t = m[2] as usize;
        let mask = &f["set.target_masks"].1[t * 384..(t + 1) * 384];
        let labels: Vec<u8> = mask.iter().map(|&m| u8::from(m > 0.5)).collect();
        let found: Vec<f32> = points_of(&f, "set.points", row)
            .into_iter()
            .map(|p| points::sample_label(&labels, 24, 16, 1, p))
            .collect();
        let wanted = &f["set.point_targets"].1[row * 20..(row + 1) * 20];
        assert_close("targets at points", &found, wanted, 1e-5);

        let first = (m[0] as usize * 6 + m[1] as usize) * 96;
        let logits = &f["set.mask_logits"].1[first..first + 96];
        let sure: Vec<f32> = points_of(&f, "uncertain.points", row)
            .into_iter()
            .map(|p| points::sample(logits, 12, 8, p).abs())
            .collect();
        let wanted: Vec<usize> = order[row * 60..(row + 1) * 60]
            .iter()
            .map(|&i| i as usize)
            .collect();
        assert_eq!(points::least(&sure, 60), wanted);
        assert_eq!(points::least(&sure, 7), wanted[..7]);
    }
}

#[test]
fn margin_loss_and_gradients_agree() {
    let f = read("losses");
    let labels: Vec<u8> = f["margin.labels"].1.iter().map(|&l| l as u8).collect();
    let clean: Vec<u8> = labels
        .iter()
        .map(|&l| if l == 254 { 1 } else { l })
        .collect();
    let authors = |outlier| MarginLoss {
        sign: ContrastiveSign::Authors,
        outlier,
        inlier: 0.0,
        hard: 0.0,
        even: 0.0,
        weight: 1.0,
    };
    let separating = |inlier, outlier| MarginLoss {
        sign: ContrastiveSign::Separating,
        outlier,
        inlier,
        hard: 0.0,
        even: 0.0,
        weight: 1.0,
    };
    for (name, margin, labels) in [
        ("published_100", authors(1.0), &labels),
        ("published_075", authors(0.75), &labels),
        ("published_clean", authors(1.0), &clean),
        ("separating_02_09", separating(0.2, 0.9), &labels),
        ("separating_00_05", separating(0.0, 0.5), &labels),
        ("separating_clean", separating(0.2, 0.9), &clean),
    ] {
        let stacked = stacked(&f, "margin");
        let targets = LossTargets {
            labels,
            batch: 2,
            w: 22,
            h: 15,
        };
        let loss = losses::margin_loss(&stacked, &targets, &margin);
        let value = [loss.clone().into_scalar::<f32>()];
        assert_close(name, &value, &f[&format!("margin.{name}")].1, 1e-5);
        let gradients = loss.backward();
        let vec = |d: burn::tensor::TensorData| d.try_to_vec::<f32>().unwrap();
        let class = vec(stacked.class_logits.grad(&gradients).unwrap().to_data());
        let mask = vec(stacked.mask_logits.grad(&gradients).unwrap().to_data());
        let wanted = |part: &str| &f[&format!("margin.{name}.grad_{part}")].1;
        assert_close(
            &format!("{name}: class"),
            &class,
            wanted("class_logits"),
            1e-4,
        );
        assert_close(&format!("{name}: mask"), &mask, wanted("mask_logits"), 1e-4);
    }
}

/// The value of the margin loss on the fixture.
fn margin_value(margin: MarginLoss, labels: &[u8]) -> f32 {
    let targets = LossTargets {
        labels,
        batch: 2,
        w: 22,
        h: 15,
    };
    let stacked = stacked(&read("losses"), "margin");
    losses::margin_loss(&stacked, &targets, &margin).into_scalar::<f32>()
}

/// A margin in which a share of the known pixels is hard. No outlier is below a bound of -10: what
/// is left of the loss is the part of the known pixels.
fn hard_margin(hard: f32) -> MarginLoss {
    MarginLoss {
        sign: ContrastiveSign::Separating,
        outlier: -10.0,
        inlier: 0.2,
        hard,
        even: 0.0,
        weight: 1.0,
    }
}

#[test]
fn hard_pixels_count_once_more() {
    let f = read("losses");
    let labels: Vec<u8> = f["margin.labels"].1.iter().map(|&l| l as u8).collect();
    let value = |hard| margin_value(hard_margin(hard), &labels);
    let plain = value(0.0);
    assert!(plain > 0.0);
    assert_close("all of them", &[value(1.0)], &[2.0 * plain], 1e-5);
    // The fewer, the further off they are on average.
    let extra: Vec<f32> = [0.01, 0.1, 0.5, 1.0].map(|h| value(h) - plain).to_vec();
    assert!(extra.is_sorted_by(|a, b| a > b), "{extra:?}");
}

#[test]
fn without_known_pixels_nothing_is_hard() {
    let pasted = vec![254u8; 2 * 22 * 15];
    assert_eq!(margin_value(hard_margin(0.1), &pasted), 0.0);
}

#[test]
fn evened_things_count_alike_whatever_their_size() {
    // Two things in the first picture: 2 x 2 and 9 x 9.
    let labels = |small: u8, large: u8| {
        let mut labels = vec![255u8; 2 * 22 * 15];
        let mut fill = |x: usize, y: usize, side: usize, label: u8| {
            for row in y..y + side {
                labels[row * 22 + x..row * 22 + x + side].fill(label);
            }
        };
        fill(1, 1, 2, small);
        fill(10, 3, 9, large);
        labels
    };
    let value = |even: f32, labels: &[u8]| {
        let margin = MarginLoss {
            outlier: 2.0,
            even,
            ..MarginLoss::default()
        };
        margin_value(margin, labels)
    };
    let (small, large) = (labels(254, 255), labels(255, 254));
    let [s, l] = [value(0.0, &small), value(0.0, &large)];
    assert!((s - l).abs() > 1e-3, "{s} {l}");
    assert_close("alone", &[value(1.0, &small)], &[s], 1e-5);
    let both = labels(254, 254);
    let pixels = (4.0 * s + 81.0 * l) / 85.0;
    assert_close("pixels alike", &[value(0.0, &both)], &[pixels], 1e-5);
    assert_close("things alike", &[value(1.0, &both)], &[(s + l) / 2.0], 1e-5);
    let between = (2.0 * s + 9.0 * l) / 11.0;
    assert_close("between", &[value(0.5, &both)], &[between], 1e-5);
    assert_eq!(value(0.5, &labels(255, 255)), 0.0);
}
