//! Attention masks: compared as logits, finite.

use crate::write::BLOCKED;
use unmask_onnx::ir::{GraphNode, OnnxGraph, TensorData, ValueId};

/// `sigmoid(x) < ½` is `x < 0`: where a comparison reads a sigmoid and a half, it reads the logits
/// and a zero. A sigmoid that nothing else reads then goes.
pub(super) fn logits(graph: &mut OnnxGraph) -> usize {
    let mut changes = 0;
    for id in graph.node_ids() {
        let node = graph.node(id);
        let compares = matches!(
            node.op.as_str(),
            "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual"
        );
        if !compares || node.inputs.len() != 2 {
            continue;
        }
        let logits = |i: usize| -> Option<ValueId> {
            let from = graph.producer(node.input(i)?)?;
            (from.op == "Sigmoid").then(|| from.input(0))?
        };
        let half = |i: usize| node.input(i).and_then(|id| graph.scalar_constant(id)) == Some(0.5);
        let (place, x, shape_of) = match (logits(0), logits(1)) {
            (Some(x), None) if half(1) => (0, x, node.input(1)),
            (None, Some(x)) if half(0) => (1, x, node.input(0)),
            _ => continue,
        };
        let Some(half) = shape_of else {
            continue;
        };
        let (dtype, shape) = (graph.value(half).dtype, graph.value(half).shape.clone());
        let Some(zero) = TensorData::from_f64(dtype, &[0.0]) else {
            continue;
        };
        let zero = graph.add_constant(&shape, zero, None);
        let node = graph.node_mut(id);
        node.inputs[place] = Some(x);
        node.inputs[1 - place] = Some(zero);
        changes += 1;
    }
    changes
}

/// −∞ that a Where puts into attention scores becomes −10⁴: as good as −∞ in a softmax of a row
/// with an open key, and FP16 can hold it. The graphs in question open rows that are blocked
/// whole before this (Mask2Former's own rule), so no row is left without a key.
pub(super) fn finite(graph: &mut OnnxGraph) -> usize {
    let mut changes = 0;
    let users = graph.all_users();
    for id in graph.node_ids() {
        let node = graph.node(id);
        if node.op != "Where" || !feeds_softmax(graph, node, &users) {
            continue;
        }
        for place in [1, 2] {
            let Some(value) = graph.node(id).input(place) else {
                continue;
            };
            let Some(data) = graph.constant(value).cloned() else {
                continue;
            };
            let values = data.to_f64();
            if !values.contains(&f64::NEG_INFINITY) {
                continue;
            }
            let finite = |&v: &f64| {
                if v == f64::NEG_INFINITY {
                    BLOCKED.into()
                } else {
                    v
                }
            };
            let values: Vec<f64> = values.iter().map(finite).collect();
            let Some(data) = TensorData::from_f64(data.dtype(), &values) else {
                continue;
            };
            let shape = graph.value(value).shape.clone();
            let new = graph.add_constant(&shape, data, None);
            graph.node_mut(id).inputs[place] = Some(new);
            changes += 1;
        }
    }
    changes
}

/// Whether all that `node` writes ends in a softmax, after nothing but additions and renaming.
fn feeds_softmax(
    graph: &OnnxGraph,
    node: &GraphNode,
    users: &std::collections::HashMap<ValueId, Vec<unmask_onnx::ir::NodeId>>,
) -> bool {
    let mut open = vec![node.output()];
    let mut steps = 0;
    while let Some(value) = open.pop() {
        steps += 1;
        let readers = users.get(&value).map_or(&[][..], Vec::as_slice);
        if steps > 64 || graph.is_output(value) || readers.is_empty() {
            return false;
        }
        for &reader in readers {
            let reader = graph.node(reader);
            match reader.op.as_str() {
                "Softmax" => {}
                "Add" | "Reshape" | "Unsqueeze" | "Squeeze" | "Expand" | "Tile" | "Transpose" => {
                    open.push(reader.output());
                }
                _ => return false,
            }
        }
    }
    true
}
