//! Removes repetition: a mask that is repeated for every head is kept once and broadcast to the
//! scores.
//!
//! A value is followed from where it is repeated (Expand, Tile, Concat of itself) through work
//! that treats all copies alike, until it meets a value that has that axis of its own.

use std::collections::HashMap;
use unmask_onnx::ir::{GraphNode, NodeId, OnnxGraph, TensorData, ValueId};
use unmask_onnx::shape_inference::infer_types;

/// A value whose slices along `axis` are all the same, and one slice of it (the axis is 1 long).
#[derive(Clone, Copy)]
struct CommonSubexpressions {
    axis: usize,
    once: ValueId,
}

/// Lets readers of repeated values read one copy, wherever broadcasting does the rest. Nodes must
/// lie in running order.
pub(super) fn broadcast(graph: &mut OnnxGraph) -> usize {
    let mut repeated: HashMap<ValueId, CommonSubexpressions> = HashMap::new();
    let mut changes = 0;
    for id in graph.node_ids() {
        let node = graph.node(id).clone();
        if node.outputs.len() != 1 {
            continue;
        }
        let found = source(graph, &node).or_else(|| carried(graph, &node, &repeated));
        match found {
            Some(found) => {
                repeated.insert(node.output(), found);
            }
            None => changes += meets(graph, id, &repeated),
        }
    }
    changes
}

/// Where a repetition begins: the one axis along which the node writes more than it reads.
fn source(graph: &OnnxGraph, node: &GraphNode) -> Option<CommonSubexpressions> {
    let once = node.input(0)?;
    let (small, large) = (&graph.value(once).shape, &graph.value(node.output()).shape);
    let copies = match node.op.as_str() {
        "Expand" | "Tile" => true,
        "Concat" => node.inputs.len() > 1 && node.inputs.iter().all(|i| *i == Some(once)),
        _ => false,
    };
    if !copies || small.len() != large.len() {
        return None;
    }
    let mut axes = (0..small.len()).filter(|&i| small[i] != large[i]);
    let axis = axes.next().filter(|&i| small[i] == 1)?;
    axes.next()
        .is_none()
        .then_some(CommonSubexpressions { axis, once })
}

/// What comes out of `node` if it treats all copies alike, computed on one copy.
fn carried(
    graph: &mut OnnxGraph,
    node: &GraphNode,
    repeated: &HashMap<ValueId, CommonSubexpressions>,
) -> Option<CommonSubexpressions> {
    let of = |i: usize| node.input(i).and_then(|id| repeated.get(&id)).copied();
    (0..node.inputs.len()).find_map(of)?;
    let out = graph.value(node.output()).shape.clone();
    let mut once = node.clone();
    let axis = if elementwise(&node.op) {
        // Counted from the right, as broadcasting does.
        let place = (0..node.inputs.len()).find_map(|i| {
            let rank = graph.value(node.input(i)?).shape.len();
            Some(rank - of(i)?.axis)
        })?;
        let axis = out.len().checked_sub(place)?;
        for input in &mut once.inputs {
            let id = (*input)?;
            let shape = &graph.value(id).shape;
            let own = shape.len().checked_sub(place);
            match (repeated.get(&id), own) {
                (Some(r), Some(own)) if r.axis == own => *input = Some(r.once),
                (_, Some(own)) if shape[own] != 1 => return None,
                _ => {}
            }
        }
        axis
    } else if matches!(&*node.op, "Reshape" | "Squeeze" | "Unsqueeze") {
        let from = of(0)?;
        let shape = &graph.value(node.input(0)?).shape;
        let size = |sides: &[usize]| sides.iter().product::<usize>();
        let (before, after) = (size(&shape[..from.axis]), size(&shape[from.axis + 1..]));
        let axis = (0..out.len()).find(|&k| {
            out[k] == shape[from.axis] && size(&out[..k]) == before && size(&out[k + 1..]) == after
        })?;
        let mut target: Vec<i64> = out.iter().map(|&n| n as i64).collect();
        target[axis] = 1;
        let target = graph.add_constant(&[target.len()], TensorData::I64(target.into()), None);
        once.op = "Reshape".into();
        once.attributes = vec![];
        once.inputs = vec![Some(from.once), Some(target)];
        axis
    } else if node.op.starts_with("Reduce") {
        // Reduced along other axes, all of them kept.
        let from = of(0)?;
        let rank = out.len() as i64;
        let axes = match node.input(1) {
            Some(axes) => graph.ints_constant(axes)?,
            None => node.ints("axes")?.to_vec(),
        };
        let own = from.axis as i64;
        let fits = node.int("keepdims").unwrap_or(1) == 1
            && !axes.is_empty()
            && axes.iter().all(|&a| a != own && a + rank != own);
        once.inputs[0] = Some(from.once);
        fits.then_some(from.axis)?
    } else {
        return None;
    };
    let (dtype, shape) = infer_types(graph, &once).ok()?.into_iter().next()?;
    let mut want = out;
    *want.get_mut(axis)? = 1;
    if shape != want || dtype != graph.value(node.output()).dtype {
        return None;
    }
    let attributes = once.attributes;
    let once = graph.add_node(
        &once.op,
        &once.scope,
        &once.inputs,
        attributes,
        dtype,
        &shape,
    );
    Some(CommonSubexpressions { axis, once })
}

/// Where copies meet something that differs along their axis: one copy does. How many inputs
/// changed.
fn meets(
    graph: &mut OnnxGraph,
    id: NodeId,
    repeated: &HashMap<ValueId, CommonSubexpressions>,
) -> usize {
    let node = graph.node(id).clone();
    if !elementwise(&node.op) {
        return 0;
    }
    let out = graph.value(node.output()).shape.clone();
    let mut changes = 0;
    for (i, input) in node.inputs.iter().enumerate() {
        let Some(&CommonSubexpressions { once, .. }) = input.and_then(|id| repeated.get(&id))
        else {
            continue;
        };
        let mut other = graph.node(id).clone();
        other.inputs[i] = Some(once);
        let same = infer_types(graph, &other).is_ok_and(|k| k.first().is_some_and(|k| k.1 == out));
        if same {
            graph.node_mut(id).inputs[i] = Some(once);
            changes += 1;
        }
    }
    changes
}

/// Operators that treat every element alike and broadcast.
fn elementwise(op: &str) -> bool {
    matches!(
        op,
        "Add"
            | "Sub"
            | "Mul"
            | "Div"
            | "Min"
            | "Max"
            | "Where"
            | "Less"
            | "LessOrEqual"
            | "Greater"
            | "GreaterOrEqual"
            | "Equal"
            | "And"
            | "Or"
            | "Xor"
            | "Not"
            | "Cast"
            | "Sigmoid"
            | "Neg"
            | "Abs"
            | "Identity"
    )
}
