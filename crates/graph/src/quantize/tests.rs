//! Placement and rewriting on small graphs made by hand.

mod place;
mod rewrite;

use super::*;
use crate::calibrate::{Calibration, RangeMethod, SCHEMA, TensorScale};
use rten::{Model, ValueOrView};
use rten_tensor::Tensor as Values;
use rten_tensor::prelude::*;
use std::collections::{BTreeSet, HashMap};
use unmask_onnx::messages::{
    AttributeProto, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    ValueInfoProto,
};

/// Writes small graphs.
#[derive(Default)]
struct Build {
    graph: GraphProto,
    seed: u32,
}

impl Build {
    fn input(&mut self, shape: &[usize]) {
        let info = ValueInfoProto::tensor("image", DataType::Float, shape);
        self.graph.input.push(info);
    }

    /// Constant weights in `[-0.5, 0.5)`, the same every time.
    fn weights(&mut self, name: &str, shape: &[usize]) {
        let raw = (0..shape.iter().product()).flat_map(|_| {
            self.seed = self
                .seed
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            ((self.seed >> 8) as f32 / (1u32 << 24) as f32 - 0.5).to_le_bytes()
        });
        let raw = raw.collect();
        self.constant(name, shape, DataType::Float, raw);
    }

    fn constant(&mut self, name: &str, shape: &[usize], dtype: DataType, raw: Vec<u8>) {
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|&d| d as i64).collect(),
            data_type: Some(dtype as i32),
            name: Some(name.into()),
            raw_data: Some(raw),
            ..TensorProto::default()
        });
    }

    /// A node named `SCOPE/OP` with the output `SCOPE`, float32.
    fn node(&mut self, op: &str, inputs: &[&str], scope: &str, shape: &[usize]) -> &mut NodeProto {
        self.typed(op, inputs, scope, shape, DataType::Float)
    }

    fn typed(
        &mut self,
        op: &str,
        inputs: &[&str],
        scope: &str,
        shape: &[usize],
        dtype: DataType,
    ) -> &mut NodeProto {
        let info = ValueInfoProto::tensor(scope, dtype, shape);
        self.graph.value_info.push(info);
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|i| (*i).to_owned()).collect(),
            output: vec![scope.to_owned()],
            name: Some(format!("{scope}/{op}")),
            op_type: Some(op.to_owned()),
            ..NodeProto::default()
        });
        self.graph.node.last_mut().unwrap()
    }

    fn conv(&mut self, input: &str, scope: &str, shape: &[usize; 4], from: usize) {
        let weight = format!("{scope}.weight");
        self.weights(&weight, &[shape[1], from, 3, 3]);
        self.node("Conv", &[input, &weight], scope, shape)
            .attribute
            .extend([
                AttributeProto::ints("pads", [1, 1, 1, 1]),
                AttributeProto::ints("strides", [1, 1]),
                AttributeProto::ints("dilations", [1, 1]),
            ]);
    }

    fn output(&mut self, name: &str) {
        let at = self.graph.value_info.iter().position(|v| v.name() == name);
        let info = self.graph.value_info.remove(at.unwrap());
        self.graph.output.push(info);
    }

    fn model(self) -> ModelProto {
        ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(17),
            }],
            graph: Some(self.graph),
            ..ModelProto::default()
        }
    }

    fn net(self) -> QuantizeGraph {
        QuantizeGraph::new(self.model()).unwrap()
    }
}

/// stem → relu → [conv, conv] + shortcut → relu → head.
fn residual() -> Build {
    let mut b = Build::default();
    let shape = [1, 4, 6, 6];
    b.input(&[1, 3, 6, 6]);
    b.conv("image", "stem.conv", &shape, 3);
    b.node("Relu", &["stem.conv"], "stem.relu", &shape);
    b.conv("stem.relu", "res.0.a", &shape, 4);
    b.node("Relu", &["res.0.a"], "res.0.relu", &shape);
    b.conv("res.0.relu", "res.0.b", &shape, 4);
    b.node("Add", &["stem.relu", "res.0.b"], "res.0.add", &shape);
    b.node("Relu", &["res.0.add"], "res.0.out", &shape);
    b.conv("res.0.out", "head", &[1, 2, 6, 6], 4);
    b.output("head");
    b
}

/// Ranges for every value of `net` that a plan wants.
fn calibration(net: &QuantizeGraph, range: f64) -> Calibration {
    let tensor = |name: &str| TensorScale {
        name: name.into(),
        min: 0.0,
        max: 1.0,
        range,
        sqnr_db: None,
    };
    Calibration {
        schema: SCHEMA.into(),
        tool: "test".into(),
        model: "m".into(),
        graph_sha256: net.hash().into(),
        method: RangeMethod::Max,
        percentile: None,
        forced: false,
        frames: vec![],
        tensors: QuantizePlan::new(net)
            .tensors()
            .into_iter()
            .map(tensor)
            .collect(),
    }
}

fn everything() -> BlockSet {
    BlockSet::AllBut(BTreeSet::new())
}

fn int8(net: &QuantizeGraph, range: f64, rest: RestPrecision) -> RewrittenGraph {
    let calibration = calibration(net, range);
    rewrite(
        net,
        &QuantizePlan::new(net),
        &everything(),
        Some(&calibration),
        rest,
    )
    .unwrap()
}

/// Runs a model with one input on a fixed picture.
fn run(model: &ModelProto) -> Vec<f32> {
    let engine = Model::load(model.to_bytes()).unwrap();
    let shape = engine.input_shape(0).unwrap();
    let shape: Vec<usize> = shape
        .iter()
        .map(|d| match d {
            rten::Dimension::Fixed(n) => *n,
            rten::Dimension::Symbolic(s) => panic!("dynamic axis {s}"),
        })
        .collect();
    let count: usize = shape.iter().product();
    let data: Vec<f32> = (0..count)
        .map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * 0.9)
        .collect();
    let picture = Values::from_data(&shape[..], data);
    let value = engine
        .run_one(ValueOrView::from(picture.view()), None)
        .unwrap();
    let value: Values<f32> = value.try_into().unwrap();
    value.to_vec()
}

fn names<'a>(plan: &'a QuantizePlan, net: &'a QuantizeGraph) -> Vec<&'a str> {
    let layers = plan.layers.iter();
    layers.map(|l| net.nodes()[l.node].name()).collect()
}

fn ops<'a>(model: &'a ModelProto, op: &str) -> Vec<&'a NodeProto> {
    let nodes = model.graph.as_ref().unwrap().node.iter();
    nodes.filter(|n| n.op_type() == op).collect()
}

/// Types of all values that a model describes.
fn types(model: &ModelProto) -> HashMap<String, DataType> {
    use unmask_onnx::messages::type_proto::Value;
    let graph = model.graph.as_ref().unwrap();
    let infos = graph
        .value_info
        .iter()
        .chain(&graph.output)
        .chain(&graph.input);
    infos
        .map(|info| {
            let Some(Value::TensorType(t)) = info.r#type.as_ref().unwrap().value.as_ref() else {
                panic!("no tensor");
            };
            let dtype = DataType::try_from(t.elem_type.unwrap()).unwrap();
            (info.name().to_owned(), dtype)
        })
        .chain(graph.initializer.iter().map(|t| {
            let dtype = DataType::try_from(t.data_type.unwrap()).unwrap();
            (t.name().to_owned(), dtype)
        }))
        .collect()
}

/// x → q, k, v → softmax(q·kᵀ + mask)·v → norm → head.
fn attention() -> Build {
    let mut b = Build::default();
    b.input(&[1, 4, 8]);
    for part in ["q", "k", "v"] {
        b.weights(&format!("{part}.weight"), &[8, 8]);
        b.node(
            "MatMul",
            &["image", &format!("{part}.weight")],
            part,
            &[1, 4, 8],
        );
    }
    b.node("Transpose", &["k"], "kt", &[1, 8, 4])
        .attribute
        .push(AttributeProto::ints("perm", [0, 2, 1]));
    b.node("MatMul", &["q", "kt"], "scores", &[1, 4, 4]);
    b.weights("mask", &[4, 4]);
    b.node("Add", &["scores", "mask"], "masked", &[1, 4, 4]);
    b.node("Softmax", &["masked"], "soft", &[1, 4, 4]);
    b.node("MatMul", &["soft", "v"], "mixed", &[1, 4, 8]);
    b.weights("out.weight", &[8, 8]);
    b.node("MatMul", &["mixed", "out.weight"], "out", &[1, 4, 8]);
    b.node("Add", &["image", "out"], "sum", &[1, 4, 8]);
    b.weights("norm.weight", &[8]);
    b.weights("norm.bias", &[8]);
    let inputs = ["sum", "norm.weight", "norm.bias"];
    b.node("LayerNormalization", &inputs, "norm", &[1, 4, 8]);
    b.weights("class.weight", &[8, 3]);
    b.node("MatMul", &["norm", "class.weight"], "class", &[1, 4, 3]);
    b.output("class");
    b
}

/// offsets → + reference → floor → indices; the fraction weighs what was gathered.
fn sampling() -> Build {
    let mut b = Build::default();
    b.input(&[1, 4, 8]);
    b.weights("value.weight", &[8, 8]);
    b.node("MatMul", &["image", "value.weight"], "value", &[1, 4, 8]);
    b.weights("offsets.weight", &[8, 1]);
    b.node(
        "MatMul",
        &["image", "offsets.weight"],
        "offsets",
        &[1, 4, 1],
    );
    b.weights("reference", &[4, 1]);
    b.node("Add", &["offsets", "reference"], "place", &[1, 4, 1]);
    b.node("Clip", &["place", "zero", "three"], "inside", &[1, 4, 1]);
    b.constant("zero", &[], DataType::Float, 0f32.to_le_bytes().into());
    b.constant("three", &[], DataType::Float, 3f32.to_le_bytes().into());
    b.node("Floor", &["inside"], "cell", &[1, 4, 1]);
    b.node("Sub", &["inside", "cell"], "fraction", &[1, 4, 1]);
    b.typed("Cast", &["cell"], "whole", &[1, 4, 1], DataType::Int64)
        .attribute
        .push(AttributeProto::int("to", DataType::Int64 as i64));
    b.constant("flat", &[1], DataType::Int64, 4i64.to_le_bytes().into());
    b.typed(
        "Reshape",
        &["whole", "flat"],
        "indices",
        &[4],
        DataType::Int64,
    );
    b.node("Gather", &["value", "indices"], "taken", &[1, 4, 8])
        .attribute
        .push(AttributeProto::int("axis", 1));
    b.node("Mul", &["taken", "fraction"], "weighed", &[1, 4, 8]);
    b.weights("out.weight", &[8, 8]);
    b.node("MatMul", &["weighed", "out.weight"], "out", &[1, 4, 8]);
    b.weights("class.weight", &[8, 3]);
    b.node("MatMul", &["out", "class.weight"], "class", &[1, 4, 3]);
    b.output("class");
    b
}
