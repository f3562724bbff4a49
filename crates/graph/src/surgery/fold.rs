//! Constants folded: what depends on weights alone is computed once; batch norms go into the
//! convolutions before them.

use unmask_onnx::constant_folding::fold_node;
use unmask_onnx::ir::OnnxGraph;
use unmask_onnx::shape_inference::{ValueType, elements};

/// Elements of a constant that is computed here.
const ELEMENTS_LIMIT: usize = 1 << 22;
/// Multiply-accumulates of a product that is computed here.
const MACS_LIMIT: u64 = 1 << 30;
/// Elements of all constants that are computed here together: a file of a few bytes per node must
/// not become gigabytes.
const TOTAL_LIMIT: usize = 1 << 26;

/// Replaces nodes whose inputs are all constants by what they compute. Q/DQ and casts to smaller
/// floats stay: they say in which precision engines compute.
pub(super) fn constants(graph: &mut OnnxGraph) -> usize {
    let mut changes = 0;
    let mut left = TOTAL_LIMIT;
    for id in graph.node_ids() {
        let node = graph.node(id).clone();
        let keeps = matches!(
            node.op.as_str(),
            "QuantizeLinear" | "DequantizeLinear" | "Cast" | "CastLike"
        );
        let constant = |id: &Option<_>| id.is_none_or(|id| graph.constant(id).is_some());
        if keeps || node.inputs.is_empty() || !node.inputs.iter().all(constant) {
            continue;
        }
        let kinds: Vec<ValueType> = node
            .outputs
            .iter()
            .map(|&id| (graph.value(id).dtype, graph.value(id).shape.clone()))
            .collect();
        let small = |shape: &[usize]| elements(shape).filter(|&n| n <= ELEMENTS_LIMIT);
        let counts: Option<Vec<usize>> = kinds.iter().map(|(_, shape)| small(shape)).collect();
        let rest = counts.and_then(|counts| left.checked_sub(counts.iter().sum()));
        let fits = rest.is_some() && crate::cost::macs(graph, &node) <= MACS_LIMIT;
        if !fits {
            continue;
        }
        let Some(data) = fold_node(graph, &node, &kinds) else {
            continue;
        };
        left = rest.unwrap_or(0);
        let label = node.inputs.iter().flatten().find_map(|&id| {
            let label = graph.value(id).label.as_deref()?;
            let stem = label.strip_suffix(".folded").unwrap_or(label);
            Some(format!("{stem}.folded").into())
        });
        for ((_, shape), (data, &old)) in kinds.iter().zip(data.into_iter().zip(&node.outputs)) {
            let new = graph.add_constant(shape, data, label.clone());
            graph.replace_uses(old, new);
        }
        changes += 1;
    }
    changes
}

/// Folds batch norms into the convolutions before them.
pub(super) fn batch_norms(graph: &mut OnnxGraph) -> usize {
    let before = graph.nodes().len();
    graph.fold_batch_norms();
    before - graph.nodes().len()
}
