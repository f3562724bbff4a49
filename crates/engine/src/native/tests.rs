//! Sections against the runtime on the same graphs.

use super::split_graph;
use crate::cpu::CpuProgram;
use rten::{ThreadPool, Value};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use std::sync::Arc;
use unmask_onnx::ir::{GraphNode, OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::AttributeProto;
use unmask_onnx::shape_inference::infer_types;

/// A graph that grows by its operators' names.
struct Net {
    graph: OnnxGraph,
    seed: u32,
}

impl Net {
    fn new(shape: &[usize]) -> (Self, ValueId) {
        let mut graph = OnnxGraph::default();
        let x = graph.add_input("x", shape);
        (Self { graph, seed: 1 }, x)
    }

    /// Numbers from −1 to 1.
    fn noise(&mut self, count: usize) -> Vec<f32> {
        let next = |seed: &mut u32| {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next(&mut self.seed)).collect()
    }

    fn floats(&mut self, shape: &[usize], values: Vec<f32>) -> ValueId {
        self.graph
            .add_constant(shape, TensorData::F32(values.into()), None)
    }

    fn push(&mut self, op: &str, inputs: &[ValueId], attributes: Vec<AttributeProto>) -> ValueId {
        let node = GraphNode {
            op: op.into(),
            scope: "net".into(),
            name: None,
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: vec![ValueId::default()],
            attributes,
        };
        let (dtype, shape) = infer_types(&self.graph, &node).unwrap().remove(0);
        self.graph.push_node(node, &[(dtype, shape, None)])[0]
    }

    /// A convolution: outputs, kernel, stride, padding, dilation; depthwise where `outputs` is 0.
    fn conv(&mut self, x: ValueId, outputs: usize, form: [usize; 4], bias: bool) -> ValueId {
        let [kernel, stride, pad, dilation] = form;
        let channels = self.graph.value(x).shape[1];
        let depthwise = outputs == 0;
        let (out, inputs) = match depthwise {
            true => (channels, 1),
            false => (outputs, channels),
        };
        let shape = [out, inputs, kernel, kernel];
        let mut weights = self.noise(shape.iter().product());
        // As trained ones: maps neither grow nor vanish, and sums cancel little.
        let by = ((inputs * kernel * kernel) as f32).sqrt().recip();
        weights.iter_mut().for_each(|w| *w *= by);
        let weights = self.floats(&shape, weights);
        let mut given = vec![x, weights];
        if bias {
            let bias = self.noise(out);
            given.push(self.floats(&[out], bias));
        }
        let two = |v: usize| vec![v as i64; 2];
        let group = if depthwise { channels as i64 } else { 1 };
        let attributes = vec![
            AttributeProto::ints("kernel_shape", two(kernel)),
            AttributeProto::ints("strides", two(stride)),
            AttributeProto::ints("pads", [two(pad), two(pad)].concat()),
            AttributeProto::ints("dilations", two(dilation)),
            AttributeProto::int("group", group),
        ];
        self.push("Conv", &given, attributes)
    }

    fn pool(&mut self, x: ValueId, kernel: i64, stride: i64, pad: i64) -> ValueId {
        let attributes = vec![
            AttributeProto::ints("kernel_shape", vec![kernel; 2]),
            AttributeProto::ints("strides", vec![stride; 2]),
            AttributeProto::ints("pads", vec![pad; 4]),
        ];
        self.push("MaxPool", &[x], attributes)
    }

    fn rounded(&mut self, x: ValueId) -> ValueId {
        let scale = self.floats(&[], vec![0.05]);
        let zero = self
            .graph
            .add_constant(&[], TensorData::I8([3].into()), None);
        let numbers = self.push("QuantizeLinear", &[x, scale, zero], vec![]);
        self.push("DequantizeLinear", &[numbers, scale, zero], vec![])
    }

    /// Runs it cut and in the runtime alone, twice, and compares.
    fn check(mut self, outputs: &[ValueId]) {
        for (i, &id) in outputs.iter().enumerate() {
            self.graph.add_output(&format!("y{i}"), id);
        }
        let shape = self.graph.value(self.graph.inputs()[0]).shape.clone();
        assert!(
            split_graph(&self.graph).unwrap().is_some(),
            "nothing was cut"
        );
        let pool = Arc::new(ThreadPool::with_num_threads(2));
        let mut own = CpuProgram::new(&self.graph, pool.clone()).unwrap();
        let mut theirs = CpuProgram::uncut(&self.graph, pool).unwrap();
        let places: Vec<usize> = (0..outputs.len()).collect();
        for _ in 0..2 {
            let values = self.noise(shape.iter().product());
            let x: Value = Tensor::from_data(shape.as_slice(), values).into();
            let got = own.run(&[x.as_view()], &places).unwrap();
            let want = theirs.run(&[x.as_view()], &places).unwrap();
            for (i, (got, want)) in got.into_iter().zip(want).enumerate() {
                assert_eq!(got.shape(), want.shape());
                let (Value::FloatTensor(got), Value::FloatTensor(want)) = (got, want) else {
                    panic!("no floats");
                };
                for (a, b) in got.iter().zip(want.iter()) {
                    assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "y{i}: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn convolutions_of_every_form_agree() {
    for (channels, outputs) in [(3, 32), (5, 7), (16, 16), (33, 40), (8, 1)] {
        for form in [
            [1, 1, 0, 1],
            [3, 1, 1, 1],
            [3, 2, 1, 1],
            [7, 2, 3, 1],
            [3, 1, 2, 2],
            [2, 2, 0, 1],
            [1, 2, 0, 1],
        ] {
            for (height, width) in [(9, 13), (7, 7), (16, 33)] {
                let (mut net, x) = Net::new(&[1, channels, height, width]);
                let y = net.conv(x, outputs, form, channels != 5);
                net.check(&[y]);
            }
        }
    }
}

#[test]
fn convolutions_by_tiles_agree() {
    for (channels, outputs) in [(16, 16), (32, 48), (96, 96), (48, 16)] {
        for (height, width) in [(2, 2), (4, 6), (10, 34), (16, 128)] {
            let (mut net, x) = Net::new(&[1, channels, height, width]);
            let a = net.conv(x, outputs, [3, 1, 1, 1], true);
            let a = net.push("Relu", &[a], vec![]);
            let b = net.conv(x, outputs, [1, 1, 0, 1], false);
            let c = net.conv(a, outputs, [3, 1, 1, 1], false);
            let sum = net.push("Add", &[b, c], vec![]);
            net.check(&[a, sum]);
        }
    }
}

#[test]
fn depthwise_convolutions_agree() {
    for channels in [3, 8, 16, 37] {
        for form in [[3, 1, 1, 1], [3, 2, 1, 1], [5, 1, 2, 1], [3, 1, 2, 2]] {
            let (mut net, x) = Net::new(&[1, channels, 10, 15]);
            let y = net.conv(x, 0, form, true);
            net.check(&[y]);
        }
    }
}

#[test]
fn what_follows_a_convolution_goes_into_it() {
    let (mut net, x) = Net::new(&[1, 3, 24, 40]);
    let stem = net.conv(x, 16, [7, 2, 3, 1], true);
    let stem = net.push("Relu", &[stem], vec![]);
    let stem = net.pool(stem, 3, 2, 1);
    let mut y = stem;
    for _ in 0..3 {
        let a = net.conv(y, 16, [3, 1, 1, 1], true);
        let a = net.push("Relu", &[a], vec![]);
        let a = net.conv(a, 16, [3, 1, 1, 1], true);
        let sum = net.push("Add", &[y, a], vec![]);
        y = net.push("Relu", &[sum], vec![]);
    }
    let side = net.conv(y, 24, [1, 2, 0, 1], false);
    let deep = net.conv(y, 24, [3, 2, 1, 1], true);
    let low = net.floats(&[], vec![-0.2]);
    let high = net.floats(&[], vec![0.7]);
    let bound = net.push("Clip", &[deep, low, high], vec![]);
    let sum = net.push("Add", &[side, bound], vec![]);
    // Read inside and outside, before and after the bound.
    let tail = net.push("Sigmoid", &[deep], vec![]);
    net.check(&[sum, tail, y, deep]);
}

#[test]
fn rounded_values_agree() {
    let (mut net, x) = Net::new(&[1, 3, 12, 12]);
    let x = net.rounded(x);
    let y = net.conv(x, 8, [3, 1, 1, 1], true);
    let y = net.push("Relu", &[y], vec![]);
    let y = net.rounded(y);
    let z = net.conv(y, 8, [3, 2, 1, 1], true);
    net.check(&[z]);
}

#[test]
fn parts_before_and_after_are_kept() {
    let (mut net, x) = Net::new(&[1, 3, 12, 20]);
    let half = net.floats(&[], vec![0.5]);
    let front = net.push("Mul", &[x, half], vec![]);
    let mean = net.push(
        "ReduceMean",
        &[front],
        vec![AttributeProto::ints("axes", [2, 3])],
    );
    let y = net.conv(front, 8, [3, 1, 1, 1], true);
    let low = net.floats(&[1, 8, 1, 1], vec![0.25; 8]);
    let y = net.push("Mul", &[y, low], vec![]);
    let first = net.push("Add", &[x, mean], vec![]);
    // Behind the first cut, a convolution again: it is the runtime's.
    let z = net.conv(y, 4, [1, 1, 0, 1], true);
    net.check(&[z, first, mean]);
}

#[test]
fn a_graph_without_convolutions_is_not_cut() {
    let (mut net, x) = Net::new(&[1, 3, 4, 4]);
    let y = net.push("Relu", &[x], vec![]);
    net.graph.add_output("y", y);
    assert!(split_graph(&net.graph).unwrap().is_none());
}
