//! Integer convolutions and products, and quantisation.

use super::{Emit, windows};
use unmask_onnx::infer::window_of;
use unmask_onnx::ir::{Data, Graph, NodeId, ValueId};
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
    let mut emit = Emit::instead_of(graph, id);
    for i in [0, 1] {
        if emit.shape(emit.input(i)?).len() < 2 {
            return Err(format!("its input {i} is a vector: give it two axes"));
        }
    }
    // The runtime takes a zero point without axes, or one a row.
    for i in [2, 3] {
        if let Some(zero) = emit.node.input(i)
            && emit.shape(zero)[..] == [1]
        {
            let zero = emit.reshape(zero, &[])?;
            emit.graph.node_mut(id).inputs[i] = Some(zero);
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
    let (same, attributes) = (emit.node.inputs.clone(), emit.node.attributes.clone());
    let inputs = [Some(x), Some(scale), Some(zero)];
    let unsigned = emit.push("QuantizeLinear", &inputs, attributes)?;
    if to == DataType::Uint8 {
        return emit.replace(unsigned);
    }
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

/// What DynamicQuantizeLinear is made of: the runtime multiplies by the inverse of the scale, which
/// rounds halves another way than the standard's division.
pub(super) fn dynamic(graph: &mut Graph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let x = emit.input(0)?;
    let zero = emit.number(DataType::Float, 0.0)?;
    let largest = emit.number(DataType::Float, 255.0)?;
    let whole = AttributeProto::int("keepdims", 0);
    let max = emit.push("ReduceMax", &[Some(x)], vec![whole.clone()])?;
    let min = emit.push("ReduceMin", &[Some(x)], vec![whole])?;
    let max = emit.push("Max", &[Some(max), Some(zero)], vec![])?;
    let min = emit.push("Min", &[Some(min), Some(zero)], vec![])?;
    let span = emit.push("Sub", &[Some(max), Some(min)], vec![])?;
    let scale = emit.push("Div", &[Some(span), Some(largest)], vec![])?;
    // All zeros: any scale will do, and 0 will not.
    let none = emit.push("Equal", &[Some(scale), Some(zero)], vec![])?;
    let one = emit.number(DataType::Float, 1.0)?;
    let scale = emit.push("Where", &[Some(none), Some(one), Some(scale)], vec![])?;
    let rounded = |emit: &mut Emit<'_>, value, plus| -> Result<_, String> {
        let steps = quotient(emit, value, scale)?;
        let steps = emit.push("Round", &[Some(steps)], vec![])?;
        let steps = match plus {
            Some(plus) => emit.push("Add", &[Some(steps), Some(plus)], vec![])?,
            None => steps,
        };
        emit.push("Clip", &[Some(steps), Some(zero), Some(largest)], vec![])
    };
    let below = emit.push("Neg", &[Some(min)], vec![])?;
    let point = rounded(&mut emit, below, None)?;
    let numbers = rounded(&mut emit, x, Some(point))?;
    let numbers = emit.cast(numbers, DataType::Uint8)?;
    let point = emit.cast(point, DataType::Uint8)?;
    emit.replace_output(0, numbers)?;
    emit.replace_output(1, scale)?;
    emit.replace_output(2, point)
}

/// The runtime multiplies by the inverse of the scale, which rounds halves another way than the
/// standard's division: what it gets is divided before.
pub(super) fn divide(graph: &mut Graph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let (x, scale) = (emit.input(0)?, emit.input(1)?);
    let scales = emit.graph.f32_constant(scale).cloned();
    let scales = scales.ok_or("`y_scale` is computed from data")?;
    let exact = |scale: &f32| scale.to_bits() & MANTISSA == 0;
    if scales.iter().all(exact) {
        return Ok(());
    }
    let (rank, shape) = (emit.shape(x).len(), emit.shape(scale));
    let by = match shape[..] {
        [n] if n > 1 => {
            let axis = emit.node.int("axis").unwrap_or(1);
            let axis = if axis < 0 { axis + rank as i64 } else { axis } as usize;
            let mut wide = vec![1; rank];
            *wide.get_mut(axis).ok_or("`axis` is not there")? = n;
            emit.floats(&wide, scales.to_vec())
        }
        [] | [1] => emit.floats(&[], scales.to_vec()),
        _ => return Err(format!("`y_scale` of {shape:?}")),
    };
    let steps = quotient(&mut emit, x, by)?;
    let ones = emit.floats(&shape, vec![1.0; scales.len()]);
    let inputs = [Some(steps), Some(ones), emit.node.input(2)];
    let attributes = emit.node.attributes.clone();
    let numbers = emit.push("QuantizeLinear", &inputs, attributes)?;
    emit.replace(numbers)
}

/// `x` divided by `by`. The runtime multiplies by the inverse of what has one element: such a divisor
/// is repeated.
fn quotient(emit: &mut Emit<'_>, x: ValueId, by: ValueId) -> Result<ValueId, String> {
    if emit.shape(by).iter().product::<usize>() != 1 {
        return emit.push("Div", &[Some(x), Some(by)], vec![]);
    }
    let shape = emit.shape(x);
    // One element is divided twice, and the second left out.
    let (x, sides) = match shape.iter().position(|&side| side > 1) {
        Some(axis) => {
            let mut sides = vec![1; shape.len() - axis];
            sides[0] = shape[axis];
            (x, sides)
        }
        None => {
            let two = emit.ints(&[1], [2]);
            let one = emit.reshape(x, &[1])?;
            (
                emit.push("Expand", &[Some(one), Some(two)], vec![])?,
                vec![2],
            )
        }
    };
    let by = emit.reshape(by, &vec![1; sides.len()])?;
    let to: Vec<i64> = sides.iter().map(|&side| side as i64).collect();
    let to = emit.ints(&[sides.len()], to);
    let by = emit.push("Expand", &[Some(by), Some(to)], vec![])?;
    let quotient = emit.push("Div", &[Some(x), Some(by)], vec![])?;
    if shape.iter().product::<usize>() != 1 {
        return Ok(quotient);
    }
    let first = emit.ints(&[1], [0]);
    let along = AttributeProto::int("axis", 0);
    let first = emit.push("Gather", &[Some(quotient), Some(first)], vec![along])?;
    emit.reshape(first, &shape)
}

/// The part of a float32 that is 0 in powers of two.
const MANTISSA: u32 = 0x007f_ffff;

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
