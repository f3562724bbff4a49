//! Projections of one value in one product: keys of all decoder layers that read the same level,
//! of both halves of their attention, and the values likewise.
//!
//! A projection is a product with constant weights, a bias, and the heads moved to an axis of
//! their own. Those that read the same value become one product with all their columns; behind it
//! the heads are parted again.

use std::collections::HashMap;
use std::sync::Arc;
use unmask_onnx::ir::{GraphNode, NodeId, OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::{AttributeProto, DataType};
use unmask_onnx::shape_inference::elements;

/// What projections must share to become one: the value read, the shape before the heads, the
/// width of a head, the order of axes at last, whether there is a bias.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ProjectionKey {
    x: ValueId,
    lead: Vec<usize>,
    width: usize,
    order: Vec<usize>,
    bias: bool,
}

struct SharedProjection {
    weight: ValueId,
    bias: Option<ValueId>,
    heads: usize,
    scope: Arc<str>,
    out: ValueId,
}

/// Makes one product of all projections of one value.
pub(super) fn merge(graph: &mut OnnxGraph) -> usize {
    let users = graph.all_users();
    let mut order: Vec<ProjectionKey> = Vec::new();
    let mut groups: HashMap<ProjectionKey, Vec<SharedProjection>> = HashMap::new();
    for id in graph.node_ids() {
        if let Some((key, projection)) = find(graph, id, &users) {
            if !groups.contains_key(&key) {
                order.push(key.clone());
            }
            groups.entry(key).or_default().push(projection);
        }
    }
    let mut changes = 0;
    for key in order {
        let group = groups.remove(&key).unwrap_or_default();
        if group.len() > 1 && write(graph, &key, &group).is_some() {
            changes += group.len();
        }
    }
    changes
}

fn find(
    graph: &OnnxGraph,
    id: NodeId,
    users: &HashMap<ValueId, Vec<NodeId>>,
) -> Option<(ProjectionKey, SharedProjection)> {
    let product = graph.node(id);
    let (x, weight) = (product.input(0)?, product.input(1)?);
    let &[_, columns] = &graph.value(weight).shape[..] else {
        return None;
    };
    if product.op != "MatMul" || graph.f32_constant(weight).is_none() {
        return None;
    }
    // The one node that reads `value`.
    let next = |value: ValueId| -> Option<&GraphNode> {
        match users.get(&value).map(Vec::as_slice) {
            Some(&[reader]) if !graph.is_output(value) => Some(graph.node(reader)),
            _ => None,
        }
    };
    let mut node = next(product.output())?;
    let mut bias = None;
    if node.op == "Add" {
        let mut others = node.inputs.iter().flatten();
        let other = *others.rfind(|&&id| id != product.output())?;
        let fits = graph.f32_constant(other)?.len() == columns
            && graph.value(other).shape.last() == Some(&columns);
        bias = Some(other).filter(|_| fits);
        bias?;
        node = next(node.output())?;
    }
    let shape = &graph.value(node.output()).shape;
    let (&[heads, width], lead) = (shape.last_chunk::<2>()?, &shape[..shape.len() - 2]);
    let rows = elements(&graph.value(product.output()).shape)? / columns.max(1);
    let parts_heads = node.op == "Reshape"
        && heads.checked_mul(width) == Some(columns)
        && elements(lead) == Some(rows);
    if !parts_heads {
        return None;
    }
    let mut out = node.output();
    let mut order: Vec<usize> = (0..shape.len()).collect();
    while let Some(moved) = next(out).filter(|n| n.op == "Transpose") {
        let perm = moved.ints("perm")?;
        let perm: Option<Vec<usize>> = perm
            .iter()
            .map(|&axis| order.get(usize::try_from(axis).ok()?).copied())
            .collect();
        order = perm?;
        out = moved.output();
    }
    if graph.is_output(out) {
        return None;
    }
    let key = ProjectionKey {
        x,
        lead: lead.to_vec(),
        width,
        order,
        bias: bias.is_some(),
    };
    let projection = SharedProjection {
        weight,
        bias,
        heads,
        scope: product.scope.clone(),
        out,
    };
    Some((key, projection))
}

/// The one product, its parts in place of the projections.
fn write(graph: &mut OnnxGraph, key: &ProjectionKey, group: &[SharedProjection]) -> Option<()> {
    let scope = &group[0].scope;
    let heads: usize = group.iter().map(|p| p.heads).sum();
    let columns = heads * key.width;
    let label = graph.value(group[0].weight).label.clone();
    let matrices: Option<Vec<Arc<[f32]>>> = group
        .iter()
        .map(|p| graph.f32_constant(p.weight).cloned())
        .collect();
    let matrices = matrices?;
    let rows = matrices[0].len() / (group[0].heads * key.width).max(1);
    let mut weight = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for (p, matrix) in group.iter().zip(&matrices) {
            let n = p.heads * key.width;
            weight.extend_from_slice(&matrix[row * n..(row + 1) * n]);
        }
    }
    let folded = |label: &Option<Arc<str>>| {
        let label = label.as_deref()?;
        let stem = label.strip_suffix(".folded").unwrap_or(label);
        Some(format!("{stem}.folded").into())
    };
    let weight = TensorData::F32(weight.into());
    let weight = graph.add_constant(&[rows, columns], weight, folded(&label));
    let mut shape = graph.value(key.x).shape.clone();
    *shape.last_mut()? = columns;
    let inputs = [Some(key.x), Some(weight)];
    let mut y = graph.add_node("MatMul", scope, &inputs, vec![], DataType::Float, &shape);
    if key.bias {
        let biases = group.iter().map(|p| graph.f32_constant(p.bias?));
        let biases: Option<Vec<&Arc<[f32]>>> = biases.collect();
        let bias: Vec<f32> = biases?.iter().flat_map(|b| b.iter().copied()).collect();
        let label = folded(&graph.value(group[0].bias?).label);
        let bias = graph.add_constant(&[columns], TensorData::F32(bias.into()), label);
        let inputs = [Some(y), Some(bias)];
        y = graph.add_node("Add", scope, &inputs, vec![], DataType::Float, &shape);
    }
    let parted = [&key.lead[..], &[heads, key.width]].concat();
    let target: Vec<i64> = parted.iter().map(|&n| n as i64).collect();
    let target = graph.add_constant(&[target.len()], TensorData::I64(target.into()), None);
    let inputs = [Some(y), Some(target)];
    y = graph.add_node("Reshape", scope, &inputs, vec![], DataType::Float, &parted);
    let mut shape: Vec<usize> = key.order.iter().map(|&axis| parted[axis]).collect();
    if !key.order.is_sorted() {
        let perm: Vec<i64> = key.order.iter().map(|&axis| axis as i64).collect();
        let perm = AttributeProto::ints("perm", perm);
        let inputs = [Some(y)];
        y = graph.add_node(
            "Transpose",
            scope,
            &inputs,
            vec![perm],
            DataType::Float,
            &shape,
        );
    }
    let axis = key.order.iter().position(|&a| a == key.lead.len())?;
    let sizes: Vec<i64> = group.iter().map(|p| p.heads as i64).collect();
    let sizes = graph.add_constant(&[sizes.len()], TensorData::I64(sizes.into()), None);
    let parts: Vec<_> = group
        .iter()
        .map(|p| {
            shape[axis] = p.heads;
            (DataType::Float, shape.clone(), None)
        })
        .collect();
    let split = GraphNode {
        op: "Split".into(),
        scope: scope.clone(),
        name: None,
        inputs: vec![Some(y), Some(sizes)],
        outputs: Vec::new(),
        attributes: vec![AttributeProto::int("axis", axis as i64)],
    };
    let parts = graph.push_node(split, &parts);
    for (projection, part) in group.iter().zip(parts) {
        graph.replace_uses(projection.out, part);
    }
    Some(())
}
