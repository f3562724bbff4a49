//! Placement and rewriting on small graphs made by hand.

use super::*;
use crate::graph::calibrate::{Calibration, Method, SCHEMA, Tensor};
use crate::graph::onnx::{
    AttributeProto, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    ValueInfoProto,
};
use rten::{Model, ValueOrView};
use rten_tensor::Tensor as Values;
use rten_tensor::prelude::*;
use std::collections::{BTreeSet, HashMap};

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

    fn net(self) -> Net {
        Net::new(self.model()).unwrap()
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
fn calibration(net: &Net, range: f64) -> Calibration {
    let tensor = |name: &str| Tensor {
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
        method: Method::Max,
        percentile: None,
        forced: false,
        frames: vec![],
        tensors: Plan::new(net).tensors().into_iter().map(tensor).collect(),
    }
}

fn everything() -> Blocks {
    Blocks::AllBut(BTreeSet::new())
}

fn int8(net: &Net, range: f64, rest: Rest) -> Rewritten {
    let calibration = calibration(net, range);
    rewrite(
        net,
        &Plan::new(net),
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

fn names<'a>(plan: &'a Plan, net: &'a Net) -> Vec<&'a str> {
    let layers = plan.layers.iter();
    layers.map(|l| net.nodes()[l.node].name()).collect()
}

fn ops<'a>(model: &'a ModelProto, op: &str) -> Vec<&'a NodeProto> {
    let nodes = model.graph.as_ref().unwrap().node.iter();
    nodes.filter(|n| n.op_type() == op).collect()
}

/// Types of all values that a model describes.
fn types(model: &ModelProto) -> HashMap<String, DataType> {
    use crate::graph::onnx::type_proto::Value;
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

#[test]
fn blocks_end_at_the_first_number() {
    for (name, block) in [
        ("backbone.res2.0.conv1/Conv", "backbone.res2.0"),
        ("backbone.stem.conv1/Conv", "backbone.stem"),
        ("/encoder/layers.3/fc/MatMul", "encoder.layers.3"),
        ("a.input_proj.0.1/Conv_2", "a.input_proj.0"),
        ("head/Conv", "head"),
        ("Conv_7", "Conv_7"),
        ("", "graph"),
    ] {
        assert_eq!(block_of(name), block, "{name}");
    }
}

#[test]
fn a_residual_block_has_its_shortcut_quantised_on_one_side() {
    let net = residual().net();
    let plan = Plan::new(&net);
    let want = ["stem.conv/Conv", "res.0.a/Conv", "res.0.b/Conv"];
    assert_eq!(names(&plan, &net), want);
    assert_eq!(plan.kept.len(), 1, "the head");
    assert_eq!(plan.tensors(), ["image", "res.0.relu", "stem.relu"]);
    assert_eq!(plan.blocks(), [("stem", 3888), ("res.0", 10368)]);
    assert_eq!(plan.macs, 3888 + 10368 + 2592);
    assert_eq!(plan.shortcuts.len(), 1);

    let written = int8(&net, 1.0, Rest::Fp32).model;
    assert_eq!(ops(&written, "QuantizeLinear").len(), 3);
    assert_eq!(ops(&written, "DequantizeLinear").len(), 6);
    // The shortcut and the convolution read the same pair; the other side of the sum is bare.
    let add = ops(&written, "Add")[0];
    assert_eq!(add.input, ["stem.relu.dequantised", "res.0.b"]);
    let conv = ops(&written, "Conv");
    assert_eq!(
        conv[1].input,
        ["stem.relu.dequantised", "res.0.a.weight.dequantised"]
    );
    assert_eq!(conv[3].input, ["res.0.out", "head.weight"]);
    assert!(ops(&written, "Cast").is_empty());
}

#[test]
fn of_two_convolutions_that_are_added_only_one_output_is_quantised() {
    let mut b = Build::default();
    let shape = [1, 4, 6, 6];
    b.input(&[1, 3, 6, 6]);
    b.conv("image", "short", &shape, 3);
    b.conv("image", "long", &shape, 3);
    b.node("Add", &["long", "short"], "add", &shape);
    b.conv("add", "head", &shape, 4);
    b.output("head");
    let net = b.net();
    let plan = Plan::new(&net);
    let [shortcut] = &plan.shortcuts[..] else {
        panic!("{:?}", plan.shortcuts);
    };
    assert_eq!((shortcut.tensor.as_str(), shortcut.input), ("short", 1));
    // Without its convolution in INT8 the shortcut stays as it is.
    let only = Blocks::Only(["short".to_owned()].into());
    let ranges = calibration(&net, 1.0);
    let written = rewrite(&net, &plan, &only, Some(&ranges), Rest::Fp32).unwrap();
    assert_eq!(ops(&written.model, "Add")[0].input, ["long", "short"]);
    assert_eq!(ops(&written.model, "QuantizeLinear").len(), 1);
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

#[test]
fn attention_keeps_its_products_mask_and_norm() {
    let net = attention().net();
    let plan = Plan::new(&net);
    let want = ["q/MatMul", "k/MatMul", "v/MatMul", "out/MatMul"];
    assert_eq!(names(&plan, &net), want);
    assert_eq!(plan.tensors(), ["image", "mixed"]);
    assert!(plan.shortcuts.is_empty(), "no convolution is added");
    let islands: Vec<&str> = net
        .nodes()
        .iter()
        .zip(&plan.islands)
        .filter_map(|(n, island)| island.then_some(n.output[0].as_str()))
        .collect();
    assert_eq!(islands, ["masked", "soft", "norm", "class"]);

    let written = int8(&net, 1.0, Rest::Fp16).model;
    let along: Vec<i64> = ops(&written, "DequantizeLinear")
        .iter()
        .filter(|n| n.input[0].ends_with("weight.int8"))
        .map(|n| n.attribute[0].i())
        .collect();
    assert_eq!(along, [1, 1, 1, 1], "output channels of a product");
    let types = types(&written);
    // Quantised layers speak float32 to their pairs; what lies between is FP16.
    for (name, dtype) in [
        ("q", DataType::Float),
        ("q.f16", DataType::Float16),
        ("scores", DataType::Float16),
        ("masked", DataType::Float),
        ("mask", DataType::Float),
        ("soft", DataType::Float),
        ("mixed", DataType::Float16),
        ("sum", DataType::Float16),
        ("norm", DataType::Float),
        ("class", DataType::Float),
        ("q.weight.int8", DataType::Int8),
    ] {
        assert_eq!(types.get(name), Some(&dtype), "{name}");
    }
    assert!(!types.contains_key("q.weight"), "no float copy is left");
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

#[test]
fn what_computes_coordinates_stays_float32() {
    let net = sampling().net();
    let plan = Plan::new(&net);
    assert_eq!(names(&plan, &net), ["value/MatMul", "out/MatMul"]);
    let kept: Vec<_> = plan
        .kept
        .iter()
        .map(|(i, why)| (net.nodes()[*i].name(), *why))
        .collect();
    assert_eq!(kept[0], ("offsets/MatMul", "computes sampling coordinates"));
    let island = |name: &str| {
        let at = net.producer(name).unwrap();
        plan.islands[at]
    };
    for name in ["offsets", "place", "inside", "cell", "fraction"] {
        assert!(island(name), "{name}");
    }
    for name in ["taken", "weighed", "value"] {
        assert!(!island(name), "{name}");
    }
    let fp16 = rewrite(&net, &plan, &Blocks::none(), None, Rest::Fp16).unwrap();
    let types = types(&fp16.model);
    assert_eq!(types["fraction"], DataType::Float);
    assert_eq!(types["taken"], DataType::Float16);
    assert_eq!(types["whole"], DataType::Int64);
}

#[test]
fn scores_in_the_graph_keep_the_class_layer_float() {
    // class → softmax, product with a sigmoid → output: the products behind both belong to the head.
    let mut b = Build::default();
    b.input(&[1, 4, 8]);
    b.weights("mix.weight", &[8, 8]);
    b.node("MatMul", &["image", "mix.weight"], "mix", &[1, 4, 8]);
    b.weights("class.weight", &[8, 4]);
    b.node("MatMul", &["mix", "class.weight"], "class", &[1, 4, 4]);
    b.node("Softmax", &["class"], "sure", &[1, 4, 4]);
    b.weights("mask.weight", &[8, 6]);
    b.node("MatMul", &["mix", "mask.weight"], "mask", &[1, 4, 6]);
    b.node("Sigmoid", &["mask"], "open", &[1, 4, 6]);
    b.node("MatMul", &["sure", "open"], "score", &[1, 4, 6]);
    b.output("score");
    let net = b.net();
    assert_eq!(names(&Plan::new(&net), &net), ["mix/MatMul"]);
}

#[test]
fn int8_stays_near_float_and_is_the_same_every_time() {
    for (build, range) in [
        (residual as fn() -> Build, 8.0),
        (attention, 2.0),
        (sampling, 2.0),
    ] {
        let net = build().net();
        let want = run(&build().model());
        for rest in [Rest::Fp32, Rest::Fp16] {
            let written = int8(&net, range, rest);
            assert!(!written.layers.is_empty());
            let have = run(&written.model);
            let largest = want.iter().fold(0f32, |m, v| m.max(v.abs()));
            let error = |(w, h): (&f32, &f32)| (w - h).abs();
            let worst = want.iter().zip(&have).map(error).fold(0.0, f32::max);
            assert!(worst > 0.0, "nothing was rounded");
            // Three layers of 8 bits, ranges that fit.
            assert!(worst < 0.08 * largest, "{worst} of {largest}");
            assert_eq!(
                int8(&net, range, rest).model.to_bytes(),
                written.model.to_bytes()
            );
        }
    }
}

#[test]
fn fp16_alone_changes_weights_only_by_their_rounding() {
    for build in [residual as fn() -> Build, attention, sampling] {
        let net = build().net();
        let plan = Plan::new(&net);
        let written = rewrite(&net, &plan, &Blocks::none(), None, Rest::Fp16).unwrap();
        assert!(written.layers.is_empty());
        assert!(!ops(&written.model, "Cast").is_empty());
        let (want, have) = (run(&build().model()), run(&written.model));
        let largest = want.iter().fold(0f32, |m, v| m.max(v.abs()));
        for (w, h) in want.iter().zip(&have) {
            assert!((w - h).abs() <= 5e-3 * largest, "{w} {h}");
        }
    }
}

#[test]
fn outputs_stay_float32_under_their_names() {
    let mut b = residual();
    b.output("res.0.out");
    let net = b.net();
    let plan = Plan::new(&net);
    let written = rewrite(&net, &plan, &Blocks::none(), None, Rest::Fp16).unwrap();
    let graph = written.model.graph.as_ref().unwrap();
    let outs: Vec<&str> = graph.output.iter().map(|o| o.name()).collect();
    assert_eq!(outs, ["head", "res.0.out"]);
    let types = types(&written.model);
    assert_eq!(types["res.0.out"], DataType::Float);
    runs(written.model.to_bytes()).unwrap();
}

#[test]
fn weights_that_several_nodes_share_are_stored_once() {
    let mut b = residual();
    let at = b
        .graph
        .node
        .iter()
        .position(|n| n.name() == "res.0.b/Conv")
        .unwrap();
    b.graph.node[at].input[1] = "res.0.a.weight".into();
    let net = b.net();
    let written = int8(&net, 1.0, Rest::Fp32).model;
    let graph = written.graph.unwrap();
    let small = graph
        .initializer
        .iter()
        .filter(|t| t.name().ends_with(".weight.int8"));
    assert_eq!(small.count(), 2, "stem and the shared one");
    assert!(
        !graph
            .initializer
            .iter()
            .any(|t| t.name() == "res.0.b.weight")
    );
}

#[test]
fn large_constants_that_are_added_are_stored_as_int8() {
    let build = || {
        let mut b = Build::default();
        b.input(&[1, 64, 64]);
        b.weights("place", &[1, 64, 64]);
        b.node("Add", &["image", "place"], "embed", &[1, 64, 64]);
        b.weights("a.weight", &[64, 8]);
        b.node("MatMul", &["embed", "a.weight"], "a", &[1, 64, 8]);
        b.weights("class.weight", &[8, 3]);
        b.node("MatMul", &["a", "class.weight"], "class", &[1, 64, 3]);
        b.output("class");
        b
    };
    let net = build().net();
    let written = int8(&net, 2.0, Rest::Fp16).model;
    let types = types(&written);
    assert_eq!(types.get("place.int8"), Some(&DataType::Int8));
    assert!(!types.contains_key("place"));
    assert_eq!(ops(&written, "Add")[0].input[1], "place.f16");
    let (want, have) = (run(&build().model()), run(&written));
    let worst = want
        .iter()
        .zip(&have)
        .map(|(w, h)| (w - h).abs())
        .fold(0.0, f32::max);
    assert!(worst < 0.3, "{worst}");
    // Where its block keeps float, it does too.
    let plan = Plan::new(&net);
    let only = Blocks::Only(["a".to_owned()].into());
    let written = rewrite(
        &net,
        &plan,
        &only,
        Some(&calibration(&net, 2.0)),
        Rest::Fp32,
    )
    .unwrap();
    assert!(
        written
            .model
            .graph
            .unwrap()
            .initializer
            .iter()
            .any(|t| t.name() == "place")
    );
}

#[test]
fn a_range_that_is_missing_is_named() {
    let net = residual().net();
    let mut ranges = calibration(&net, 1.0);
    ranges.tensors.retain(|t| t.name != "stem.relu");
    let plan = Plan::new(&net);
    let error = rewrite(&net, &plan, &everything(), Some(&ranges), Rest::Fp16).unwrap_err();
    assert!(error.to_string().contains("`stem.relu`"), "{error}");
    let error = rewrite(&net, &plan, &everything(), None, Rest::Fp16).unwrap_err();
    assert!(matches!(error, Error::MissingTensor { .. }), "{error}");
}

#[test]
fn the_hash_is_that_of_the_graph_not_of_the_facts() {
    let mut model = residual().model();
    let hash = Net::new(model.clone()).unwrap().hash().to_owned();
    set_fact(&mut model, "unmask.threshold", "0.5");
    set_fact(&mut model, "unmask.threshold", "0.6");
    assert_eq!(model.metadata_props.len(), 1);
    assert_eq!(Net::new(model.clone()).unwrap().hash(), hash);
    model.graph.as_mut().unwrap().initializer[0]
        .raw_data
        .as_mut()
        .unwrap()[0] ^= 1;
    assert_ne!(Net::new(model).unwrap().hash(), hash);
}

#[test]
fn constants_in_nodes_are_taken_as_constants() {
    let mut model = residual().model();
    let graph = model.graph.as_mut().unwrap();
    let mut tensor = graph.initializer.remove(0);
    let name = tensor.name.take().unwrap();
    graph.node.insert(
        0,
        NodeProto {
            op_type: Some("Constant".into()),
            output: vec![name],
            attribute: vec![AttributeProto {
                t: Some(tensor),
                ..AttributeProto::int("value", 0)
            }],
            ..NodeProto::default()
        },
    );
    let net = Net::new(model).unwrap();
    assert_eq!(Plan::new(&net).layers.len(), 3);
}

#[test]
fn graphs_that_cannot_be_quantised_are_refused_with_the_reason() {
    type Change = fn(&mut ModelProto);
    let cases: [(Change, &str); 8] = [
        (|m| m.opset_import[0].version = Some(11), "opset 11"),
        (
            |m| {
                m.graph.as_mut().unwrap().value_info.remove(1);
            },
            "`stem.relu`",
        ),
        (
            |m| m.graph.as_mut().unwrap().node.swap(0, 1),
            "before it is written",
        ),
        (
            |m| m.graph.as_mut().unwrap().node[1].op_type = Some("QuantizeLinear".into()),
            "quantised already",
        ),
        (
            |m| m.graph.as_mut().unwrap().initializer[0].data_type = Some(DataType::Float16 as i32),
            "half precision",
        ),
        (
            |m| m.graph.as_mut().unwrap().initializer[0].data_location = Some(1),
            "outside the file",
        ),
        (
            |m| m.graph.as_mut().unwrap().initializer[0].dims[0] = -4,
            "damaged",
        ),
        (
            |m| {
                m.graph.as_mut().unwrap().node[1]
                    .attribute
                    .push(AttributeProto {
                        g: Some(GraphProto::default()),
                        ..AttributeProto::int("body", 0)
                    });
            },
            "a graph of its own",
        ),
    ];
    for (change, said) in cases {
        let mut model = residual().model();
        change(&mut model);
        let error = Net::new(model).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_graph_that_gives_no_numbers_fails_its_check() {
    let mut b = residual();
    let head = b
        .graph
        .initializer
        .iter_mut()
        .find(|t| t.name() == "head.weight");
    head.unwrap().raw_data.as_mut().unwrap()[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = runs(b.model().to_bytes()).unwrap_err().to_string();
    assert!(
        error.contains("`head`") && error.contains("not finite"),
        "{error}"
    );
    let error = runs(vec![1, 2, 3]).unwrap_err().to_string();
    assert!(error.contains("does not run"), "{error}");
}
