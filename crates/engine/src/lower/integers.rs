//! Integer convolutions and products, and quantisation.

use super::{Emit, windows};
use unmask_onnx::ir::{NodeId, OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::{AttributeProto, DataType};
use unmask_onnx::shape_inference::elements;

/// Terms of a sum of products of bytes that float32 holds exactly: 2²⁴ / 255².
const EXACT_TERMS: usize = 258;
/// By what weights are split where there are more terms.
const HALF_BYTE: f64 = 16.0;

/// The runtime's integer products saturate where the processor has no VNNI, and its ConvInteger
/// pads with 0 where the standard pads with the zero point: products are those of float32, exact as
/// long as their sums are.
pub(super) fn conv(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    windows::explicit(graph, id)?;
    let mut emit = Emit::instead_of(graph, id);
    let w = emit.input(1)?;
    let shape = emit.shape(w);
    let mut wide = vec![1; shape.len()];
    wide[0] = shape[0];
    let x = moved(&mut emit, 0, 2, &[])?;
    let w = moved(&mut emit, 1, 3, &wide)?;
    let terms = shape[1..].iter().product();
    product(emit, "Conv", x, w, terms)
}

/// As [`conv`].
pub(super) fn matmul(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let (left, right) = (emit.shape(emit.input(0)?), emit.shape(emit.input(1)?));
    let rows = match left.len() {
        0 | 1 => vec![],
        n => vec![left[n - 2], 1],
    };
    let a = moved(&mut emit, 0, 2, &rows)?;
    let b = moved(&mut emit, 1, 3, &right[right.len().saturating_sub(1)..])?;
    product(emit, "MatMul", a, b, left.last().copied().unwrap_or(0))
}

/// Input `i` less its zero point, input `zero`, as floats. A zero point of more than one element
/// has the shape `each`.
fn moved(emit: &mut Emit<'_>, i: usize, zero: usize, each: &[usize]) -> Result<ValueId, String> {
    let x = emit.input(i)?;
    let x = emit.cast(x, DataType::Float)?;
    let Some(zero) = emit.node.input(zero) else {
        return Ok(x);
    };
    let zero = emit.cast(zero, DataType::Float)?;
    let shape = emit.shape(zero);
    let zero = match elements(&shape) {
        Some(1) => emit.reshape(zero, &[])?,
        n if n == elements(each) => emit.reshape(zero, each)?,
        _ => return Err(format!("a zero point of the shape {shape:?}")),
    };
    emit.push("Sub", &[Some(x), Some(zero)], vec![])
}

/// The product `op` of floats without fractions, as int32.
fn product(
    mut emit: Emit<'_>,
    op: &str,
    x: ValueId,
    w: ValueId,
    terms: usize,
) -> Result<(), String> {
    let attributes = emit.node.attributes.clone();
    let whole = |emit: &mut Emit<'_>, w| -> Result<ValueId, String> {
        let sums = emit.push(op, &[Some(x), Some(w)], attributes.clone())?;
        emit.cast(sums, DataType::Int32)
    };
    let sums = if terms <= EXACT_TERMS {
        whole(&mut emit, w)?
    } else {
        // w = 16·h + l, 0 ≤ l < 16.
        let by = emit.number(DataType::Float, HALF_BYTE)?;
        let inverse = emit.number(DataType::Float, HALF_BYTE.recip())?;
        let high = emit.push("Mul", &[Some(w), Some(inverse)], vec![])?;
        let high = emit.push("Floor", &[Some(high)], vec![])?;
        let up = emit.push("Mul", &[Some(high), Some(by)], vec![])?;
        let low = emit.push("Sub", &[Some(w), Some(up)], vec![])?;
        let (high, low) = (whole(&mut emit, high)?, whole(&mut emit, low)?);
        let by = emit.number(DataType::Int32, HALF_BYTE)?;
        let high = emit.push("Mul", &[Some(high), Some(by)], vec![])?;
        emit.push("Add", &[Some(high), Some(low)], vec![])?
    };
    emit.replace(sums)
}

/// What is added to an int8 to have it as uint8.
const TO_UNSIGNED: i64 = 128;

/// The runtime quantises to int8 one value at a time, and NaN to 0 instead of the lowest: values are
/// quantised to uint8, from where those that are read as numbers again never come back.
pub(super) fn quantize(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
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
    let zeros = TensorData::from_i64(DataType::Uint8, &zeros).ok_or("a zero point of no number")?;
    let zero = emit.graph.add_constant(&shape, zeros, None);
    let (same, mut attributes) = (emit.node.inputs.clone(), emit.node.attributes.clone());
    // The runtime's default is the last axis, the standard's the second.
    if emit.node.int("axis").is_none() {
        attributes.push(AttributeProto::int("axis", 1));
    }
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
pub(super) fn dynamic(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
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
pub(super) fn divide(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
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
pub(super) fn dequantize(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
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
    let floats = TensorData::F32(floats.collect());
    let label = emit.graph.value(x).label.clone();
    let floats = emit.graph.add_constant(&shape, floats, label);
    emit.replace(floats)
}
