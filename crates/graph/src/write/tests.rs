//! Every operation, written as ONNX and run on the CPU engine, against a slow f64 restatement.

mod case;
mod problems;

use super::*;
use crate::checkpoint;
use case::{Array, Case, both_ways, close, run};
use rten::{Model, ValueOrView};
use rten_tensor::prelude::*;
use unmask_network::ops::{NetworkOps, PadSide, WeightInit};

fn conv(x: &Array, w: &Array, b: Option<&Array>, stride: usize, pad: usize) -> Array {
    let side = |i: usize| (x.shape[i] + 2 * pad - w.shape[i]) / stride + 1;
    Array::of(&[x.shape[0], w.shape[0], side(2), side(3)], |i| {
        let mut sum = b.map_or(0.0, |b| b.data[i[1]]);
        for c in 0..w.shape[1] {
            for dy in 0..w.shape[2] {
                for dx in 0..w.shape[3] {
                    let y = (i[2] * stride + dy) as i64 - pad as i64;
                    let x_at = (i[3] * stride + dx) as i64 - pad as i64;
                    sum += w.at(&[i[1], c, dy, dx]) * x.pixel(i[0], c, y, x_at);
                }
            }
        }
        sum
    })
}

#[test]
fn convolutions() {
    let x = Array::noise(&[1, 3, 7, 9], 1);
    let b = Array::noise(&[4], 3);
    for (kernel, stride, pad) in [(1, 1, 0), (3, 1, 1), (3, 2, 1), (7, 2, 3), (1, 2, 0)] {
        let w = Array::noise(&[4, 3, kernel, kernel], 2);
        let (got, _) = run(&[&x], &[&w, &b], |ops, x, p| {
            ops.conv2d(&x[0], &p[0], Some(&p[1]), stride, pad)
        });
        close(&got, &conv(&x, &w, Some(&b), stride, pad));
        let (got, _) = run(&[&x], &[&w], |ops, x, p| {
            ops.conv2d(&x[0], &p[0], None, stride, pad)
        });
        close(&got, &conv(&x, &w, None, stride, pad));
    }
}

#[test]
fn batch_norms_alone_and_after_a_convolution() {
    let x = Array::noise(&[2, 3, 4, 5], 1);
    let w = Array::noise(&[3, 3, 3, 3], 2);
    let parts = [3, 4, 5, 6].map(|seed| Array::noise(&[3], seed));
    let norm = |x: &Array| {
        Array::of(&x.shape, |i| {
            let [gamma, beta, mean, var] = [0, 1, 2, 3].map(|p| parts[p].data[i[1]]);
            (x.at(i) - mean) / (var.abs() + 1e-5).sqrt() * gamma + beta
        })
    };
    let case = |fold: bool| {
        let mut weights = CheckpointWeights::new();
        let mut put = |name: &str, a: &Array| {
            let tensor = checkpoint::WeightTensor {
                shape: a.shape.clone(),
                data: a.f32s().into(),
            };
            weights.insert(name, tensor);
        };
        put("stem.conv.weight", &w);
        put("stem.norm.weight", &parts[0]);
        put("stem.norm.bias", &parts[1]);
        put("stem.norm.running_mean", &parts[2]);
        put("stem.norm.running_var", &parts[3].map(f64::abs));
        let mut ops = OnnxOps::new(weights, SamplingForm::default());
        let input = ops.input("x", &x.shape);
        let kernel = ops.param("stem.conv.weight", &w.shape, WeightInit::Msra);
        let mut y = ops.conv2d(&input, &kernel, None, 1, 1);
        if !fold {
            y = ops.relu(&y);
        }
        let y = ops.batch_norm(&y, "stem.norm", false);
        ops.output("y", &y);
        let model = ops.finish().unwrap().to_model(&[]);
        let engine = Model::load(model.to_bytes()).unwrap();
        let tensor = rten_tensor::Tensor::from_data(&x.shape, x.f32s());
        let y = engine.run_one(ValueOrView::from(tensor), None).unwrap();
        let y: rten_tensor::Tensor<f32> = y.try_into().unwrap();
        let data = y.iter().map(|&v| f64::from(v)).collect();
        let shape = y.shape().to_vec();
        (model, Array { shape, data })
    };
    let raw = conv(&x, &w, None, 1, 1);
    let (model, got) = case(true);
    let graph = model.graph.unwrap();
    assert_eq!(graph.node.len(), 1);
    assert_eq!(graph.node[0].name.as_deref(), Some("stem.conv/Conv"));
    let names: Vec<_> = graph
        .initializer
        .iter()
        .map(|t| t.name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["stem.conv.weight", "stem.conv.bias"]);
    close(&got, &norm(&raw));
    let (model, got) = case(false);
    assert_eq!(model.graph.unwrap().node.len(), 3);
    close(&got, &norm(&raw.map(|v| v.max(0.0))));
}

#[test]
fn linear_layers() {
    let w = Array::noise(&[6, 5], 2);
    let b = Array::noise(&[6], 3);
    for shape in [&[4, 5][..], &[2, 4, 5], &[1, 2, 3, 5]] {
        let x = Array::noise(shape, 1);
        let mut out = shape.to_vec();
        *out.last_mut().unwrap() = 6;
        let want = Array::of(&out, |i| {
            let (&o, lead) = i.split_last().unwrap();
            let dot = |c| x.at(&[lead, &[c]].concat()) * w.at(&[o, c]);
            (0..5).map(dot).sum::<f64>() + b.data[o]
        });
        both_ways(&x, &[&w, &b], &want, |ops, x, p| {
            ops.linear(&x, &p[0], Some(&p[1]))
        });
    }
    let x = Array::noise(&[2, 5], 1);
    let want = Array::of(&[2, 6], |i| {
        (0..5).map(|c| x.at(&[i[0], c]) * w.at(&[i[1], c])).sum()
    });
    both_ways(&x, &[&w], &want, |ops, x, p| ops.linear(&x, &p[0], None));
}

#[test]
fn products() {
    let a = Array::noise(&[2, 3, 4, 5], 1);
    let b = Array::noise(&[2, 3, 5, 6], 2);
    let want = Array::of(&[2, 3, 4, 6], |i| {
        (0..5)
            .map(|k| a.at(&[i[0], i[1], i[2], k]) * b.at(&[i[0], i[1], k, i[3]]))
            .sum()
    });
    close(
        &run(&[&a, &b], &[], |ops, x, _| ops.matmul(&x[0], &x[1])).0,
        &want,
    );
}

#[test]
fn norms() {
    let x = Array::noise(&[2, 6, 3, 4], 1).map(|v| v * 3.0 + 10.0);
    let (gamma, beta) = (Array::noise(&[6], 2), Array::noise(&[6], 3));
    let want = Array::of(&x.shape, |i| {
        let group = i[1] / 2;
        let all: Vec<f64> = (0..24)
            .map(|k| x.at(&[i[0], group * 2 + k / 12, k / 4 % 3, k % 4]))
            .collect();
        let mean = all.iter().sum::<f64>() / 24.0;
        let var = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 24.0;
        (x.at(i) - mean) / (var + 1e-5).sqrt() * gamma.data[i[1]] + beta.data[i[1]]
    });
    let (got, _) = run(&[&x], &[&gamma, &beta], |ops, x, p| {
        ops.group_norm(&x[0], 3, &p[0], &p[1])
    });
    close(&got, &want);

    let x = Array::noise(&[2, 3, 6], 4);
    let want = Array::of(&x.shape, |i| {
        let row: Vec<f64> = (0..6).map(|c| x.at(&[i[0], i[1], c])).collect();
        let mean = row.iter().sum::<f64>() / 6.0;
        let var = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 6.0;
        (x.at(i) - mean) / (var + 1e-5).sqrt() * gamma.data[i[2]] + beta.data[i[2]]
    });
    both_ways(&x, &[&gamma, &beta], &want, |ops, x, p| {
        ops.layer_norm(&x, &p[0], &p[1])
    });
}

#[test]
fn pools_and_activations() {
    for (h, w) in [(6, 8), (5, 7), (1, 2)] {
        let x = Array::noise(&[1, 2, h, w], 1).map(|v| v - 3.0);
        let want = Array::of(&[1, 2, h.div_ceil(2), w.div_ceil(2)], |i| {
            let near = |at: usize, side: usize| (2 * at).saturating_sub(1)..(2 * at + 2).min(side);
            near(i[2], h)
                .flat_map(|y| near(i[3], w).map(move |x| (y, x)))
                .map(|(py, px)| x.at(&[0, i[1], py, px]))
                .fold(f64::NEG_INFINITY, f64::max)
        });
        close(
            &run(&[&x], &[], |ops, x, _| ops.max_pool3s2(&x[0])).0,
            &want,
        );
    }
    let x = Array::noise(&[3, 5], 2);
    both_ways(&x, &[], &x.map(|v| v.max(0.0)), |ops, x, _| ops.relu(&x));
    both_ways(&x, &[], &x.map(|v| v * 0.3), |ops, x, _| ops.scale(&x, 0.3));
    // Φ by its series.
    let phi = |x: f64| {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            let n = f64::from(n);
            term *= -x * x / (2.0 * n);
            sum += term / (2.0 * n + 1.0);
        }
        0.5 + sum / (2.0 * std::f64::consts::PI).sqrt()
    };
    let (got, _) = run(&[&x], &[], |ops, x, _| ops.gelu(&x[0]));
    close(&got, &x.map(|v| v * phi(v)));
    let soft = Array::of(&x.shape, |i| {
        let sum: f64 = (0..5).map(|c| x.at(&[i[0], c]).exp()).sum();
        x.at(i).exp() / sum
    });
    close(&run(&[&x], &[], |ops, x, _| ops.softmax(&x[0])).0, &soft);
}

#[test]
fn sums_and_products_broadcast() {
    let a = Array::noise(&[2, 1, 4], 1);
    let b = Array::noise(&[1, 3, 4], 2);
    let at = |x: &Array, i: &[usize]| {
        let single = |(&i, &d): (&usize, &usize)| if d == 1 { 0 } else { i };
        x.at(&i.iter().zip(&x.shape).map(single).collect::<Vec<_>>())
    };
    let sum = Array::of(&[2, 3, 4], |i| at(&a, i) + at(&b, i));
    both_ways(&a, &[&b], &sum, |ops, x, p| ops.add(&x, &p[0]));
    let product = Array::of(&[2, 3, 4], |i| at(&a, i) * at(&b, i));
    both_ways(&a, &[&b], &product, |ops, x, p| ops.mul(&x, &p[0]));
}

#[test]
fn values_are_moved_cut_and_joined() {
    let x = Array::noise(&[2, 3, 4], 1);
    let same = |shape: &[usize]| Array {
        shape: shape.to_vec(),
        data: x.data.clone(),
    };
    both_ways(&x, &[], &same(&[6, 1, 4]), |ops, x, _| {
        ops.reshape(&x, &[6, 1, 4])
    });
    let turned = Array::of(&[4, 2, 3], |i| x.at(&[i[1], i[2], i[0]]));
    both_ways(&x, &[], &turned, |ops, x, _| ops.permute(&x, &[2, 0, 1]));
    let part = Array::of(&[2, 2, 4], |i| x.at(&[i[0], i[1] + 1, i[2]]));
    both_ways(&x, &[], &part, |ops, x, _| ops.slice(&x, 1, 1, 2));
    let joined = Array::of(&[2, 6, 4], |i| x.at(&[i[0], i[1] % 3, i[2]]));
    both_ways(&x, &[&x], &joined, |ops, x, p| ops.concat(&[&x, &p[0]], 1));

    let table = Array::noise(&[5, 3], 2);
    let rows = Array::of(&[4, 3], |i| table.at(&[[4, 0, 2, 4][i[0]], i[1]]));
    both_ways(&table, &[], &rows, |ops, x, _| ops.rows(&x, &[4, 0, 2, 4]));

    let map = Array::noise(&[1, 2, 2, 3], 3);
    let padded = Array::of(&[1, 2, 3, 5], |i| {
        map.pixel(0, i[1], i[2] as i64, i[3] as i64)
    });
    close(
        &run(&[&map], &[], |ops, x, _| ops.pad_bottom_right(&x[0], 1, 2)).0,
        &padded,
    );
    let repeated = Array::of(&[3, 2, 2, 3], |i| map.at(&[0, i[1], i[2], i[3]]));
    close(
        &run(&[&map], &[], |ops, x, _| ops.repeat_batch(&x[0], 3)).0,
        &repeated,
    );
}

#[test]
fn what_changes_nothing_is_not_written() {
    let x = Array::noise(&[1, 2, 3, 4], 1);
    let (got, operators) = run(&[&x], &[], |ops, x, _| {
        let x = ops.reshape(&x[0], &[1, 2, 3, 4]);
        let x = ops.permute(&x, &[0, 1, 2, 3]);
        let x = ops.slice(&x, 1, 0, 2);
        let x = ops.concat(&[&x], 0);
        let x = ops.resize(&x, 3, 4);
        let x = ops.repeat_batch(&x, 1);
        let x = ops.pad_bottom_right(&x, 0, 0);
        let x = ops.detach(&x);
        let x = ops.reshape(&x, &[24]);
        let _dead = ops.relu(&x);
        ops.reshape(&x, &[1, 2, 3, 4])
    });
    close(&got, &x);
    assert_eq!(operators, ["Identity"]);
    // The same computation asked for twice is done once; a reshape of a reshape is one.
    let (_, operators) = run(&[&x], &[], |ops, x, _| {
        let a = ops.relu(&x[0]);
        let b = ops.relu(&x[0]);
        let sum = ops.add(&a, &b);
        let flat = ops.reshape(&sum, &[6, 4]);
        ops.reshape(&flat, &[24])
    });
    assert_eq!(operators, ["Relu", "Add", "Reshape"]);
}

#[test]
fn resizes() {
    let x = Array::noise(&[1, 2, 6, 8], 1);
    for (h, w) in [(12, 16), (3, 4), (2, 2), (7, 5), (1, 1), (6, 16)] {
        let want = Array::of(&[1, 2, h, w], |i| {
            let place = |at: usize, from: usize, to: usize| {
                let c = ((at as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
                let low = (c.floor() as usize).min(from - 1);
                (low, (low + 1).min(from - 1), c - low as f64)
            };
            let (y0, y1, fy) = place(i[2], 6, h);
            let (x0, x1, fx) = place(i[3], 8, w);
            let p = |y, x_at| x.at(&[0, i[1], y, x_at]);
            (p(y0, x0) * (1.0 - fx) + p(y0, x1) * fx) * (1.0 - fy)
                + (p(y1, x0) * (1.0 - fx) + p(y1, x1) * fx) * fy
        });
        close(
            &run(&[&x], &[], |ops, x, _| ops.resize(&x[0], h, w)).0,
            &want,
        );
    }
}

#[test]
fn attention_masks() {
    // Rows: mixed with an exact zero, all below 0, all above 0, all zero.
    let rows = [
        [-1.0, 0.0, 2.0, 1e-30],
        [-1.0, -2.0, -1e-30, -3.0],
        [1.0, 2.0, 1e-30, 3.0],
        [0.0, -0.0, 0.0, 0.0],
    ];
    let x = Array::of(&[1, 4, 4], |i| f64::from(rows[i[1]][i[2]] as f32));
    let b = f64::from(BLOCKED);
    let inside = [[b, 0.0, 0.0, 0.0], [0.0; 4], [0.0; 4], [0.0; 4]];
    let outside = [[0.0, 0.0, b, b], [0.0; 4], [0.0; 4], [0.0; 4]];
    for (side, want) in [
        (PadSide::Foreground, inside),
        (PadSide::Background, outside),
    ] {
        let (got, _) = run(&[&x], &[], |ops, x, _| ops.attention_mask(&x[0], side));
        assert_eq!(got.shape, x.shape);
        assert_eq!(got.data, want.concat(), "{side:?}");
    }
}

#[test]
fn deformable_sampling_both_ways() {
    let levels = [(2, 3), (4, 5), (1, 7)];
    let (batch, lq, heads, ch, points) = (2, 6, 2, 3, 2);
    let value = Array::noise(&[batch, 6 + 20 + 7, heads, ch], 1);
    let weights = Array::noise(&[batch, lq, heads, 3, points], 2);
    // From −0.5 to 1.5: inside, across every border, and far outside.
    let mut places = Array::noise(&[batch, lq, heads, 3, points, 2], 3).map(|v| v / 2.0 + 0.5);
    // Exactly on corners, on pixel centres, on the border, and very far away.
    places.data[..8].copy_from_slice(&[0.0, 1.0, 0.5, 0.25, 1.0, 1.0, -1e6, 1e6]);
    let places = places.map(|v| f64::from(v as f32));
    let want = Array::of(&[batch, lq, heads * ch], |i| {
        let (head, c) = (i[2] / ch, i[2] % ch);
        let mut sum = 0.0;
        let mut start = 0;
        for (l, &(h, w)) in levels.iter().enumerate() {
            let pixel = |y: i64, x: i64| {
                if (0..h as i64).contains(&y) && (0..w as i64).contains(&x) {
                    value.at(&[i[0], start + y as usize * w + x as usize, head, c])
                } else {
                    0.0
                }
            };
            for p in 0..points {
                let place = |axis| places.at(&[i[0], i[1], head, l, p, axis]);
                let (x, y) = (place(0) * w as f64 - 0.5, place(1) * h as f64 - 0.5);
                let (x0, y0) = (x.floor() as i64, y.floor() as i64);
                let (fx, fy) = (x - x.floor(), y - y.floor());
                let sample = (pixel(y0, x0) * (1.0 - fx) + pixel(y0, x0 + 1) * fx) * (1.0 - fy)
                    + (pixel(y0 + 1, x0) * (1.0 - fx) + pixel(y0 + 1, x0 + 1) * fx) * fy;
                sum += sample * weights.at(&[i[0], i[1], head, l, p]);
            }
            start += h * w;
        }
        sum
    });
    for sampling in [SamplingForm::Gather, SamplingForm::Gridsample] {
        let case = Case {
            inputs: &[&value, &places, &weights],
            parameters: &[],
            sampling,
        };
        let (got, operators) =
            case.run(|ops, x, _| ops.deformable_sample(&x[0], &levels, &x[1], &x[2]));
        close(&got, &want);
        let grid = operators.iter().any(|o| o == "GridSample");
        assert_eq!(grid, sampling == SamplingForm::Gridsample);
    }
}
