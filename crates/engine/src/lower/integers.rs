//! Integer convolutions and products, and quantisation.

use super::{Emit, windows};
use unmask_onnx::infer::window_of;
use unmask_onnx::ir::{Data, Graph, NodeId};
use unmask_onnx::messages::{AttributeProto, DataType};

/// The runtime pads with 0 where the standard pads with the zero point: it is given a padded input.
pub(super) fn conv(graph: &mut Graph, id: NodeId) -> Result<(), String> {
    windows::explicit(graph, id)?;
    let window = window_of(graph, graph.node(id))?;
    let mut emit = Emit::instead_of(graph, id);
    let x = emit.input(0)?;
    let Some(zero) = emit.node.input(2) else {
        return Ok(());
    };
    if window.pads.iter().all(|&pads| pads == (0, 0)) {
        return Ok(());
    }
    let n = window.kernel.len();
    let mut pads = vec![0; 2 * (n + 2)];
    for (i, &(before, after)) in window.pads.iter().enumerate() {
        pads[2 + i] = before as i64;
        pads[n + 4 + i] = after as i64;
    }
    let pads = emit.ints(&[2 * (n + 2)], pads);
    let zero = emit.reshape(zero, &[])?;
    // The runtime pads floats and int32.
    let wide = emit.cast(x, DataType::Int32)?;
    let zero = emit.cast(zero, DataType::Int32)?;
    let padded = emit.push("Pad", &[Some(wide), Some(pads), Some(zero)], vec![])?;
    let padded = emit.cast(padded, emit.dtype(x))?;
    let node = graph.node_mut(id);
    node.inputs[0] = Some(padded);
    node.attributes
        .retain(|a| a.name.as_deref() != Some("pads"));
    let none = vec![0; 2 * n];
    node.attributes.push(AttributeProto::ints("pads", none));
    Ok(())
}

/// Products by a vector, as of floats.
pub(super) fn matmul(graph: &mut Graph, id: NodeId) -> Result<(), String> {
    let emit = Emit::instead_of(graph, id);
    for i in [0, 1] {
        if emit.shape(emit.input(i)?).len() < 2 {
            return Err(format!("its input {i} is a vector: give it two axes"));
        }
    }
    Ok(())
}

/// What is added to an int8 to have it as uint8.
const TO_UNSIGNED: i64 = 128;

/// The runtime quantises to int8 one value at a time, and NaN to 0 instead of the lowest: values are
/// quantised to uint8, from where those that are read as numbers again never come back.
pub(super) fn quantize(graph: &mut Graph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let (x, scale) = (emit.input(0)?, emit.input(1)?);
    let shape = emit.shape(scale);
    let to = emit.dtype(emit.node.output());
    if emit.graph.constant(scale).is_none() {
        return Err("`y_scale` is computed from data".to_owned());
    }
    let zeros = match emit.node.input(2) {
        Some(zero) => emit.graph.ints_constant(zero),
        None => Some(vec![0; shape.iter().product()]),
    };
    let zeros = zeros.ok_or("`y_zero_point` is computed from data")?;
    let away = match to {
        DataType::Uint8 => 0,
        DataType::Int8 => TO_UNSIGNED,
        other => return Err(format!("to type {other:?}")),
    };
    let zeros: Vec<i64> = zeros.iter().map(|&zero| zero + away).collect();
    let zeros = Data::from_i64(DataType::Uint8, &zeros).ok_or("a zero point of no number")?;
    let zero = emit.graph.add_constant(&shape, zeros, None);
    if to == DataType::Uint8 {
        let node = graph.node_mut(id);
        node.inputs.resize(2, None);
        node.inputs.push(Some(zero));
        return Ok(());
    }
    let (same, attributes) = (emit.node.inputs.clone(), emit.node.attributes.clone());
    let inputs = [Some(x), Some(scale), Some(zero)];
    let unsigned = emit.push("QuantizeLinear", &inputs, attributes)?;
    let readers = emit.graph.users(emit.node.output());
    for reader in readers {
        let node = emit.graph.node(reader);
        let back = node.op == "DequantizeLinear" && node.inputs.get(1..) == same.get(1..);
        if back {
            let inputs = vec![Some(unsigned), Some(scale), Some(zero)];
            emit.graph.node_mut(reader).inputs = inputs;
        }
    }
    let wide = emit.cast(unsigned, DataType::Int32)?;
    let by = emit.number(DataType::Int32, TO_UNSIGNED as f64)?;
    let moved = emit.push("Sub", &[Some(wide), Some(by)], vec![])?;
    let signed = emit.cast(moved, DataType::Int8)?;
    emit.replace(signed)
}

/// Constants become floats once, when the file is opened.
pub(super) fn dequantize(graph: &mut Graph, id: NodeId) -> Result<(), String> {
    let emit = Emit::instead_of(graph, id);
    let (x, scale) = (emit.input(0)?, emit.input(1)?);
    let shape = emit.shape(x);
    let (Some(numbers), Some(scales)) = (emit.graph.ints_constant(x), emit.graph.constant(scale))
    else {
        return Ok(());
    };
    let scales = scales.to_f64();
    let zeros = match emit.node.input(2) {
        Some(zero) => emit.graph.ints_constant(zero),
        None => Some(vec![0; scales.len()]),
    };
    let zeros = zeros.ok_or("`x_zero_point` is computed from data")?;
    let axis = emit.node.int("axis").unwrap_or(1);
    let axis = if axis < 0 {
        axis + shape.len() as i64
    } else {
        axis
    } as usize;
    let (side, inner) = match scales.len() {
        1 => (1, 1),
        n if shape.get(axis) == Some(&n) => (n, shape[axis + 1..].iter().product::<usize>()),
        n => return Err(format!("`axis` {axis} of {shape:?} with {n} scales")),
    };
    if zeros.len() != scales.len() {
        return Err("`x_zero_point` of another shape than `x_scale`".to_owned());
    }
    let floats = numbers.iter().enumerate().map(|(i, &number)| {
        let k = i / inner.max(1) % side;
        (number - zeros[k]) as f32 * scales[k] as f32
    });
    let floats = Data::F32(floats.collect());
    let label = emit.graph.value(x).label.clone();
    let floats = emit.graph.add_constant(&shape, floats, label);
    emit.replace(floats)
}
