//! Which operators and attributes are computed: those that passed ONNX's node tests. The operators
//! themselves are a column of [`Operator`]'s table.

use unmask_onnx::ir::{GraphNode, OnnxGraph};
use unmask_onnx::messages::DataType;
use unmask_onnx::operator::{CpuSupport, Operator};

/// Operators that the runtime does not compute on int8 and uint8.
const NOT_ON_BYTES: &[&str] = &[
    "Abs",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Mod",
    "Pow",
    "Neg",
    "Clip",
    "Min",
    "Max",
    "Mean",
    "Sum",
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "MaxPool",
    "AveragePool",
    "Relu",
    "Sign",
    "ArgMax",
    "ArgMin",
    "ReduceMax",
    "ReduceMin",
    "ReduceMean",
    "ReduceSum",
    "ReduceProd",
    "MatMul",
    "Gemm",
    "Round",
    "Trilu",
];

/// Refuses what the engine does not compute.
pub(super) fn check(graph: &OnnxGraph, node: &GraphNode) -> Result<(), String> {
    let support = Operator::of(&node.op).map(Operator::cpu);
    if support != Some(CpuSupport::Computed) {
        return Err(
            "is an operator that the CPU engine does not compute: export the model without it"
                .to_owned(),
        );
    }
    if node.int("select_last_index").unwrap_or(0) != 0 {
        return Err("`select_last_index`: only 0 is computed".to_owned());
    }
    let dtype = node.input(0).map(|id| graph.value(id).dtype);
    if matches!(dtype, Some(DataType::Int8 | DataType::Uint8))
        && NOT_ON_BYTES.contains(&node.op.as_str())
    {
        return Err(format!(
            "of type {:?}: cast what it reads to int32 or float32",
            dtype.unwrap_or_default()
        ));
    }
    attributes(graph, node)?;
    let empty = |id| graph.value(id).shape.contains(&0);
    if matches!(node.op.as_str(), "ReduceMax" | "ReduceMin") && node.input(0).is_some_and(empty) {
        return Err("has nothing to find the extremum of".to_owned());
    }
    Ok(())
}

/// Refuses attributes and ranks that the runtime does not have.
fn attributes(graph: &OnnxGraph, node: &GraphNode) -> Result<(), String> {
    let rank = node.input(0).map_or(0, |id| graph.value(id).shape.len());
    let only = |name: &str, have: Option<&str>, all: &[&str]| match have {
        Some(text) if !all.contains(&text) => Err(format!(
            "`{name}` = {text}: only {} is computed",
            all.join(", ")
        )),
        _ => Ok(()),
    };
    match node.op.as_str() {
        "GridSample" => {
            only("mode", node.text("mode"), &["bilinear", "linear"])?;
            only("padding_mode", node.text("padding_mode"), &["zeros"])?;
            if rank != 4 {
                return Err(format!("of {rank} axes: only 4 are computed"));
            }
        }
        "IsInf" => {
            for name in ["detect_positive", "detect_negative"] {
                if node.int(name) == Some(0) {
                    return Err(format!("`{name}`: only 1 is computed"));
                }
            }
        }
        "ConvTranspose" if rank > 4 => {
            return Err(format!("of {rank} axes: at most 4 are computed"));
        }
        _ => {}
    }
    Ok(())
}
