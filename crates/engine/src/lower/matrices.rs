//! Products of matrices.

use super::Emit;
use unmask_onnx::ir::{NodeId, OnnxGraph};
use unmask_onnx::messages::AttributeProto;

/// The runtime leaves an axis too many in a product of more than two axes by a vector.
pub(super) fn matmul(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let (a, b) = (emit.input(0)?, emit.input(1)?);
    let (left, right) = (emit.shape(a), emit.shape(b));
    if left.len() > 1 && right.len() > 1 {
        return Ok(());
    }
    let shape = emit.shape(emit.node.output());
    let a = match left[..] {
        [k] => emit.reshape(a, &[1, k])?,
        _ => a,
    };
    let b = match right[..] {
        [k] => emit.reshape(b, &[k, 1])?,
        _ => b,
    };
    let product = emit.push("MatMul", &[Some(a), Some(b)], vec![])?;
    let product = emit.reshape(product, &shape)?;
    emit.replace(product)
}

/// Blocks of a map into channels, by moving axes.
pub(super) fn space_to_depth(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let x = emit.input(0)?;
    let block = usize::try_from(emit.node.int("blocksize").unwrap_or(0)).unwrap_or(0);
    let (from, to) = (emit.shape(x), emit.shape(emit.node.output()));
    let (&[n, c, ..], &[_, _, h, w]) = (&from[..], &to[..]) else {
        return Err(format!("of {from:?}"));
    };
    let apart = emit.reshape(x, &[n, c, h, block, w, block])?;
    let order = AttributeProto::ints("perm", [0, 3, 5, 1, 2, 4]);
    let moved = emit.push("Transpose", &[Some(apart)], vec![order])?;
    let y = emit.reshape(moved, &to)?;
    emit.replace(y)
}
