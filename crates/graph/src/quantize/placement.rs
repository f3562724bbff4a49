//! Placement of INT8 and float32. It depends on the graph's structure only, except for the
//! preprocess subgraph of `unmask prepare`, which is known by its node names.
//!
//! INT8: convolutions and matrix products with constant weights (their input and their weights),
//! and the shortcut of a residual addition behind a convolution, so that TensorRT can fuse both
//! into one kernel. Nothing else: products of two computed values, softmax, norms and sampling
//! stay as they are. Of these layers, some keep float: those that compute sampling coordinates,
//! those of one output channel, and the last before an output. A prepared graph's front, which
//! resizes bytes, keeps float32 too.
//!
//! Float32 in an otherwise FP16 graph: norms, softmax with the additions of its mask, sampling
//! with all coordinate arithmetic, and the end of the head.

use super::net::{QuantizeGraph, attribute};
use crate::cost;
use crate::prepare::PREPROCESS_SCOPE;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use unmask_onnx::messages::{DataType, NodeProto};
use unmask_onnx::operator::{RoundingMode, rounding};

/// What may follow a quantised layer inside the same kernel.
const EPILOGUE: [&str; 4] = ["Add", "Clip", "LeakyRelu", "Relu"];

/// A layer that can be quantised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantizedLayer {
    /// Index of the node.
    pub node: usize,
    /// The block it belongs to.
    pub block: String,
    /// The value that it reads.
    pub input: String,
    /// The value that it writes.
    pub output: String,
    /// The constant that it multiplies with.
    pub weight: String,
    /// Axis of the output channels in the weights.
    pub axis: usize,
    /// Multiplications with addition, a picture.
    pub macs: u64,
}

/// The shortcut of a residual addition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResidualShortcut {
    /// Index of the addition.
    pub node: usize,
    /// Which of its inputs the shortcut is.
    pub input: usize,
    /// The shortcut's value.
    pub tensor: String,
    /// Index of the convolution on the other side.
    pub convolution: usize,
}

/// Where INT8 can go in a graph and where float32 must stay.
#[derive(Clone, Debug)]
pub struct QuantizePlan {
    /// Layers that can be quantised, in running order.
    pub layers: Vec<QuantizedLayer>,
    /// Shortcuts that are quantised together with their convolution.
    pub shortcuts: Vec<ResidualShortcut>,
    /// Layers with weights that keep float: node index and reason.
    pub kept: Vec<(usize, &'static str)>,
    /// By node: whether it stays float32 where the rest is FP16.
    pub islands: Vec<bool>,
    /// MACs of the whole graph, a picture.
    pub macs: u64,
}

impl QuantizePlan {
    /// Places INT8 and float32 in `net`.
    pub fn new(net: &QuantizeGraph) -> Self {
        let coordinates = coordinates(net);
        let head = head(net);
        let mut plan = Self {
            layers: Vec::new(),
            shortcuts: Vec::new(),
            kept: Vec::new(),
            islands: vec![false; net.nodes().len()],
            macs: 0,
        };
        for (i, node) in net.nodes().iter().enumerate() {
            plan.macs = plan.macs.saturating_add(macs(net, node));
            let front = node.name().starts_with(PREPROCESS_SCOPE);
            plan.islands[i] = front
                || coordinates.contains(&i)
                || head.contains(&i)
                || rounding(node.op_type()) == RoundingMode::Float32
                || !matches!(node.domain.as_deref(), None | Some("" | "ai.onnx"));
            let Some(layer) = layer(net, i) else { continue };
            if front {
                plan.kept.push((i, "resizes the camera's bytes"));
            } else if coordinates.contains(&i) {
                plan.kept.push((i, "computes sampling coordinates"));
            } else if head.contains(&i) {
                plan.kept.push((i, "the last layer before an output"));
            } else if net.shape(&layer.weight).get(layer.axis) == Some(&1) {
                plan.kept
                    .push((i, "has one output channel, too few for an INT8 kernel"));
            } else {
                plan.layers.push(layer);
            }
        }
        for i in before_softmax(net) {
            plan.islands[i] = true;
        }
        plan.shortcuts = shortcuts(net, &plan.layers);
        plan
    }

    /// The values whose ranges a calibration must know, each once, sorted.
    pub fn tensors(&self) -> Vec<&str> {
        let layers = self.layers.iter().map(|l| l.input.as_str());
        let shortcuts = self.shortcuts.iter().map(|s| s.tensor.as_str());
        layers
            .chain(shortcuts)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// The blocks with their MACs in quantisable layers, in running order.
    pub fn blocks(&self) -> Vec<(&str, u64)> {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        let mut order: Vec<&str> = Vec::new();
        for layer in &self.layers {
            *sums.entry(&layer.block).or_insert_with(|| {
                order.push(&layer.block);
                0
            }) += layer.macs;
        }
        order.into_iter().map(|b| (b, sums[b])).collect()
    }

    /// The nodes that run inside the kernels of `layers`: additions of constants or quantised
    /// shortcuts, and activations, as long as nothing else reads what lies between.
    pub fn epilogues<'a>(
        &self,
        net: &QuantizeGraph,
        layers: impl Iterator<Item = &'a QuantizedLayer>,
        shortcuts: &HashSet<usize>,
    ) -> HashSet<usize> {
        let mut found = HashSet::new();
        for layer in layers {
            let mut value = layer.output.as_str();
            while let &[next] = net.readers(value)
                && !net.is_output(value)
            {
                let node = &net.nodes()[next];
                let alone = net.computed(node).count() == 1;
                if !EPILOGUE.contains(&node.op_type()) || !(alone || shortcuts.contains(&next)) {
                    break;
                }
                found.insert(next);
                value = &node.output[0];
            }
        }
        found
    }
}

/// The block a node belongs to: its name up to the first number, or without its last part.
///
/// `backbone.res2.0.conv1/Conv` lies in `backbone.res2.0`, `/encoder/layers.3/fc/MatMul` in
/// `encoder.layers.3`.
pub fn block_of(name: &str) -> String {
    let scope = name.rsplit_once('/').map_or(name, |(scope, _)| scope);
    let parts: Vec<&str> = scope.split(['.', '/']).filter(|p| !p.is_empty()).collect();
    let is_number = |p: &&str| p.bytes().all(|b| b.is_ascii_digit());
    let end = match parts.iter().position(is_number) {
        Some(at) if at > 0 => at + 1,
        _ => parts.len().saturating_sub(1).max(1),
    };
    match parts.get(..end) {
        Some(parts) => parts.join("."),
        None => "graph".to_owned(),
    }
}

/// The layer at node `i`, where it is one with constant weights.
fn layer(net: &QuantizeGraph, i: usize) -> Option<QuantizedLayer> {
    let node = &net.nodes()[i];
    let flag = |name| attribute(node, name).is_some_and(|a| a.i() != 0);
    let weight = node.input.get(1)?;
    let shape = &net
        .tensor_type(weight)
        .filter(|k| k.dtype == DataType::Float)?
        .shape;
    let axis = match (node.op_type(), shape.len()) {
        ("Conv", 3..) => 0,
        ("MatMul", 2) => 1,
        ("Gemm", 2) if !flag("transA") => usize::from(!flag("transB")),
        _ => return None,
    };
    net.constant(weight)?;
    let input = node.input.first()?;
    if net.constant(input).is_some() || !net.is_float(input) {
        return None;
    }
    let name = match node.name() {
        "" => weight,
        name => name,
    };
    Some(QuantizedLayer {
        node: i,
        block: block_of(name),
        input: input.clone(),
        output: node.output.first()?.clone(),
        weight: weight.clone(),
        axis,
        macs: macs(net, node),
    })
}

/// Multiply-accumulates of a node, as [`cost::macs_of_file`] counts them.
pub fn macs(net: &QuantizeGraph, node: &NodeProto) -> u64 {
    cost::macs_of_file(node, |name| net.shape(name))
}

/// Walks back from `values` through `through`, taking the nodes it meets; `stop` are taken too,
/// but not walked through.
fn back(
    net: &QuantizeGraph,
    values: Vec<&str>,
    through: impl Fn(&NodeProto) -> bool,
    stop: impl Fn(usize) -> bool,
) -> HashSet<usize> {
    let mut found = HashSet::new();
    let mut open = values;
    while let Some(value) = open.pop() {
        let Some(i) = net.producer(value) else {
            continue;
        };
        let node = &net.nodes()[i];
        if found.contains(&i) {
            continue;
        }
        if stop(i) {
            found.insert(i);
        } else if through(node) {
            found.insert(i);
            open.extend(net.computed(node).filter(|n| net.is_float(n)));
        }
    }
    found
}

fn simple(node: &NodeProto) -> bool {
    let op = node.op_type();
    matches!(rounding(op), RoundingMode::Moves | RoundingMode::Pointwise) || op == "Cast"
}

/// Nodes that compute where to sample: what leads to a grid or to indices, back to the layers that
/// it comes from, and what is computed from such values alone (the bilinear weights).
fn coordinates(net: &QuantizeGraph) -> HashSet<usize> {
    let mut ends = Vec::new();
    for node in net.nodes() {
        match (node.op_type(), &node.input[..]) {
            ("GridSample", [_, grid, ..]) => ends.push(grid.as_str()),
            ("Cast", [x, ..]) if net.is_float(x) && to_integer(node) => ends.push(x),
            _ => {}
        }
    }
    let mut found = back(net, ends, simple, |i| layer(net, i).is_some());
    for (i, node) in net.nodes().iter().enumerate() {
        if found.contains(&i) || !simple(node) {
            continue;
        }
        let mut floats = net.computed(node).filter(|n| net.is_float(n)).peekable();
        let from_integers = node.op_type() == "Cast" && floats.peek().is_none();
        let any = floats.peek().is_some();
        let known = floats.all(|n| net.producer(n).is_some_and(|p| found.contains(&p)));
        if from_integers || (any && known) {
            found.insert(i);
        }
    }
    found
}

fn to_integer(node: &NodeProto) -> bool {
    let to = attribute(node, "to").map_or(0, |a| a.i());
    [
        DataType::Int32,
        DataType::Int64,
        DataType::Uint8,
        DataType::Int8,
    ]
    .contains(
        &i32::try_from(to)
            .ok()
            .and_then(|t| DataType::try_from(t).ok())
            .unwrap_or(DataType::Undefined),
    )
}

/// The additions and choices that make the input of a softmax: the attention mask.
fn before_softmax(net: &QuantizeGraph) -> HashSet<usize> {
    let softmax = net.nodes().iter().filter(|n| n.op_type() == "Softmax");
    let inputs = softmax.filter_map(|n| n.input.first()).map(String::as_str);
    back(net, inputs.collect(), simple, |_| false)
}

/// The end of the head: from the outputs back to the last product, included. Where the graph goes
/// on to scores, the products behind their softmax and sigmoid belong to it as well.
fn head(net: &QuantizeGraph) -> HashSet<usize> {
    let outputs = net.graph().output.iter().map(|o| o.name());
    let mut found = HashSet::new();
    let mut open: Vec<&str> = outputs.collect();
    while !open.is_empty() {
        let last = back(
            net,
            open,
            |n| !is_product(n),
            |i| is_product(&net.nodes()[i]),
        );
        open = Vec::new();
        for &i in last.difference(&found) {
            let node = &net.nodes()[i];
            let scores = |name: &&str| is_score(net, name);
            if is_product(node) {
                open.extend(net.computed(node).filter(scores));
            }
        }
        found.extend(last);
    }
    found
}

fn is_product(node: &NodeProto) -> bool {
    matches!(
        node.op_type(),
        "Conv" | "ConvTranspose" | "Gemm" | "MatMul" | "Einsum"
    )
}

/// Whether a value is a softmax or sigmoid, moved at most.
fn is_score<'a>(net: &'a QuantizeGraph, mut value: &'a str) -> bool {
    while let Some(i) = net.producer(value) {
        let node = &net.nodes()[i];
        match (node.op_type(), node.input.first()) {
            ("Softmax" | "Sigmoid", _) => return true,
            (op, Some(input)) if rounding(op) == RoundingMode::Moves => value = input,
            _ => return false,
        }
    }
    false
}

/// Shortcuts of additions of which one side is a convolution that nothing else reads.
fn shortcuts(net: &QuantizeGraph, layers: &[QuantizedLayer]) -> Vec<ResidualShortcut> {
    let convolution = |value: &String| {
        let i = net.producer(value)?;
        let alone = net.readers(value).len() == 1 && !net.is_output(value);
        let known = layers.binary_search_by_key(&i, |l| l.node).is_ok();
        (alone && known && net.nodes()[i].op_type() == "Conv").then_some(i)
    };
    let mut found = Vec::new();
    for (i, node) in net.nodes().iter().enumerate() {
        let [a, b] = &node.input[..] else { continue };
        let both = net.constant(a).is_none() && net.constant(b).is_none();
        if node.op_type() != "Add" || !both || a == b || net.shape(a) != net.shape(b) {
            continue;
        }
        // Where both sides are convolutions, the one that runs last takes the other in.
        let side = match (convolution(a), convolution(b)) {
            (Some(x), Some(y)) if x > y => Some((1, b, x)),
            (_, Some(y)) => Some((0, a, y)),
            (Some(x), None) => Some((1, b, x)),
            (None, None) => None,
        };
        if let Some((input, tensor, convolution)) = side {
            found.push(ResidualShortcut {
                node: i,
                input,
                tensor: tensor.clone(),
                convolution,
            });
        }
    }
    found
}
