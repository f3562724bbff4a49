//! Precision that a model asks for.

use crate::messages::{DataType, ModelProto, NodeProto};
use std::collections::HashSet;

/// The lowest number format of the model's convolutions and products: `int8` where one reads
/// values that were quantised, else `fp16` where values are half precision, else `fp32`.
pub fn precision(model: &ModelProto) -> &'static str {
    let Some(graph) = &model.graph else {
        return "fp32";
    };
    let op = |node: &NodeProto, op: &str| node.op_type.as_deref() == Some(op);
    let quantised: HashSet<&str> = graph
        .node
        .iter()
        .filter(|n| op(n, "DequantizeLinear"))
        .filter_map(|n| n.output.first().map(String::as_str))
        .collect();
    let product = |n: &&NodeProto| {
        ["Conv", "ConvTranspose", "MatMul", "Gemm"]
            .iter()
            .any(|kind| op(n, kind))
    };
    let reads_quantised = |n: &NodeProto| {
        let pair = n.input.iter().take(2);
        pair.filter(|i| quantised.contains(i.as_str())).count() == 2
    };
    if graph.node.iter().filter(product).any(reads_quantised) {
        return "int8";
    }
    let half = DataType::Float16 as i32;
    let cast = |n: &NodeProto| {
        let to = n.attribute.iter().find(|a| a.name.as_deref() == Some("to"));
        op(n, "Cast") && to.and_then(|a| a.i) == Some(half.into())
    };
    let stored = graph
        .initializer
        .iter()
        .any(|t| t.data_type == Some(half) && t.dims.len() > 1);
    match stored || graph.node.iter().any(cast) {
        true => "fp16",
        false => "fp32",
    }
}
