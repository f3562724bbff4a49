//! Casts and signs.

use super::Emit;
use unmask_onnx::ir::{NodeId, OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::DataType;
use unmask_onnx::shape_inference::elements;

/// The runtime casts to bool as to int32, and keeps floats that are no half precision.
pub(super) fn cast(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let x = emit.input(0)?;
    let (from, to) = (emit.dtype(x), emit.dtype(emit.node.output()));
    let cast = match (from, to) {
        (from, to) if from == to => x,
        (from, DataType::Bool) => {
            let zero = emit.number(from, 0.0)?;
            let none = emit.push("Equal", &[Some(x), Some(zero)], vec![])?;
            emit.push("Not", &[Some(none)], vec![])?
        }
        _ => emit.cast(x, to)?,
    };
    emit.replace(cast)
}

/// The runtime finds the last of several extrema where the standard wants the first: it looks from
/// the other end.
pub(super) fn first_extremum(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let x = emit.input(0)?;
    let shape = emit.shape(x);
    let axis = emit.node.int("axis").unwrap_or(0);
    let axis = if axis < 0 {
        axis + shape.len() as i64
    } else {
        axis
    };
    let side = usize::try_from(axis).ok().and_then(|a| shape.get(a));
    let side = *side.ok_or("`axis` is not there")?;
    let [start, end] = [side as i64 - 1, -(side as i64) - 1].map(|v| emit.ints(&[1], [v]));
    let (along, step) = (emit.ints(&[1], [axis]), emit.ints(&[1], [-1]));
    let inputs = [Some(x), Some(start), Some(end), Some(along), Some(step)];
    let turned = emit.push("Slice", &inputs, vec![])?;
    let (op, attributes) = (emit.node.op.clone(), emit.node.attributes.clone());
    let place = emit.push(&op, &[Some(turned)], attributes)?;
    let last = emit.number(DataType::Int64, side as f64 - 1.0)?;
    let place = emit.push("Sub", &[Some(last), Some(place)], vec![])?;
    emit.replace(place)
}

/// The runtime takes 0 for positive: here it is (x > 0) − (x < 0).
pub(super) fn sign(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let x = emit.input(0)?;
    let dtype = emit.dtype(x);
    let zero = emit.number(dtype, 0.0)?;
    let mut side = |op: &str| -> Result<_, String> {
        let holds = emit.push(op, &[Some(x), Some(zero)], vec![])?;
        emit.cast(holds, dtype)
    };
    let (above, below) = (side("Greater")?, side("Less")?);
    let sign = emit.push("Sub", &[Some(above), Some(below)], vec![])?;
    emit.replace(sign)
}

/// Activations that the runtime does not have, from those that it has.
pub(super) fn activation(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let x = emit.input(0)?;
    let dtype = emit.dtype(x);
    let op = emit.node.op.clone();
    let float = |name: &str, otherwise: f64| emit.node.float(name).map_or(otherwise, f64::from);
    let (alpha, gamma) = match op.as_str() {
        "Selu" => (float("alpha", SELU_ALPHA), float("gamma", SELU_GAMMA)),
        _ => (float("alpha", 1.0), 1.0),
    };
    let zero = emit.number(dtype, 0.0)?;
    let y = match op.as_str() {
        "Mish" => {
            let soft = emit.push("Softplus", &[Some(x)], vec![])?;
            let tanh = emit.push("Tanh", &[Some(soft)], vec![])?;
            emit.push("Mul", &[Some(x), Some(tanh)], vec![])?
        }
        "ThresholdedRelu" => {
            let least = emit.number(dtype, alpha)?;
            let above = emit.push("Greater", &[Some(x), Some(least)], vec![])?;
            emit.push("Where", &[Some(above), Some(x), Some(zero)], vec![])?
        }
        // Celu and Selu: γ·(max(0, x) + min(0, α·(exp(x / β) − 1))), β = α and 1.
        _ => {
            let scaled = match op.as_str() {
                "Celu" => {
                    let alpha = emit.number(dtype, alpha)?;
                    emit.push("Div", &[Some(x), Some(alpha)], vec![])?
                }
                _ => x,
            };
            let exp = emit.push("Exp", &[Some(scaled)], vec![])?;
            let one = emit.number(dtype, 1.0)?;
            let curve = emit.push("Sub", &[Some(exp), Some(one)], vec![])?;
            let by = emit.number(dtype, alpha * gamma)?;
            let curve = emit.push("Mul", &[Some(curve), Some(by)], vec![])?;
            let below = emit.push("Min", &[Some(curve), Some(zero)], vec![])?;
            let above = emit.push("Max", &[Some(x), Some(zero)], vec![])?;
            let by = emit.number(dtype, gamma)?;
            let above = emit.push("Mul", &[Some(above), Some(by)], vec![])?;
            emit.push("Add", &[Some(above), Some(below)], vec![])?
        }
    };
    emit.replace(y)
}

/// Defaults of Selu, as the standard has them.
const SELU_ALPHA: f64 = 1.673_263_192_176_818_8;
const SELU_GAMMA: f64 = 1.050_701_022_148_132_3;

/// Nothing is dropped where nothing is trained. A mask of what is kept is all ones.
pub(super) fn dropout(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    if let Some(training) = emit.node.input(2)
        && emit
            .graph
            .ints_constant(training)
            .is_none_or(|t| t.iter().any(|&on| on != 0))
    {
        return Err("`training_mode`: only inference is computed".to_owned());
    }
    let x = emit.input(0)?;
    let shape = emit.shape(x);
    let Some(count) = elements(&shape) else {
        return Err(format!("of {shape:?}"));
    };
    let read = |id: &ValueId| emit.graph.value(*id).dtype != DataType::Undefined;
    if emit.node.outputs.get(1).is_some_and(read) {
        let ones = TensorData::Bool(vec![true; count].into());
        let ones = emit.graph.add_constant(&shape, ones, None);
        emit.replace_output(1, ones)?;
    }
    emit.replace(x)
}

/// The exponent in the type of the base.
pub(super) fn pow(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let (base, exponent) = (emit.input(0)?, emit.input(1)?);
    let (to, from) = (emit.dtype(base), emit.dtype(exponent));
    let whole = |dtype| matches!(dtype, DataType::Int32 | DataType::Int64);
    if to == from || !whole(from) || to != DataType::Float {
        return Ok(());
    }
    let exponent = emit.cast(exponent, to)?;
    let power = emit.push("Pow", &[Some(base), Some(exponent)], vec![])?;
    emit.replace(power)
}

/// Indices and depth as integers.
pub(super) fn one_hot(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    for i in [0, 1] {
        let value = emit.input(i)?;
        if emit.dtype(value) == DataType::Float {
            let whole = emit.cast(value, DataType::Int64)?;
            emit.graph.node_mut(id).inputs[i] = Some(whole);
        }
    }
    Ok(())
}
