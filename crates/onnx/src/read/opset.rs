//! Opset of a file, and the forms of newer opsets (18 to 25) in those of opset 17. From 21 on most
//! changes are new types.

use crate::ir::{GraphNode, OnnxGraph, TensorData};
use crate::messages::{AttributeProto, DataType, ModelProto};
use crate::shape_inference::elements;

/// Opset of `ai.onnx` that the model's nodes are taken from.
pub fn opset(model: &ModelProto) -> Option<i64> {
    let own = |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let mut imports = model.opset_import.iter();
    imports.find(|o| own(&o.domain)).and_then(|o| o.version)
}

/// One of the nodes that stand for a node of the file.
pub(super) struct OpsetStep {
    pub node: GraphNode,
    /// Which inputs are the first value of the step before.
    pub reads_before: Vec<usize>,
}

impl OpsetStep {
    fn alone(node: GraphNode) -> Vec<Self> {
        vec![Self {
            node,
            reads_before: vec![],
        }]
    }
}

/// `node` of a file of opset `opset` that has `outputs` outputs, as opset 17 says it.
pub(super) fn to_written(
    graph: &mut OnnxGraph,
    opset: i64,
    mut node: GraphNode,
    outputs: usize,
) -> Result<Vec<OpsetStep>, String> {
    if opset < 18 {
        return Ok(OpsetStep::alone(node));
    }
    let constant = |graph: &OnnxGraph, node: &GraphNode, i: usize| match node.input(i) {
        Some(id) => graph.ints_constant(id).map(Some).ok_or(()),
        None => Ok(None),
    };
    match node.op.clone().as_str() {
        // 18: axes became an input; opset 17 has that for ReduceSum only.
        op if op.starts_with("Reduce") && op != "ReduceSum" => {
            let axes = constant(graph, &node, 1)
                .map_err(|()| "reduces over axes that are computed from data".to_owned())?;
            node.inputs.truncate(1);
            match axes {
                Some(axes) if !axes.is_empty() => {
                    node.attributes.push(AttributeProto::ints("axes", axes));
                }
                _ if node.int("noop_with_empty_axes") == Some(1) => {
                    node.op = "Identity".into();
                    node.attributes.clear();
                }
                _ => {}
            }
            drop_attribute(&mut node, "noop_with_empty_axes");
        }
        "Split" if node.input(1).is_none() => {
            let axis = node.int("axis").unwrap_or(0);
            drop_attribute(&mut node, "num_outputs");
            let shape = &graph.value(node.input(0).ok_or("reads nothing")?).shape;
            let axis = if axis < 0 {
                axis + shape.len() as i64
            } else {
                axis
            };
            let side = usize::try_from(axis)
                .ok()
                .and_then(|a| shape.get(a).copied());
            let side = side.ok_or("splits an axis that is not there")?;
            // The last part may be shorter.
            let each = side.div_ceil(outputs);
            let last = each
                .checked_mul(outputs - 1)
                .and_then(|n| side.checked_sub(n));
            let last = last.ok_or_else(|| format!("splits {side} in {outputs} parts"))?;
            let mut parts = vec![each as i64; outputs];
            parts[outputs - 1] = last as i64;
            let parts = graph.add_constant(&[outputs], TensorData::I64(parts.into()), None);
            node.inputs.push(Some(parts));
        }
        "Resize" => resize(graph, &mut node)?,
        "Pad" => pad(graph, &mut node)?,
        "GridSample" => {
            let mode = match node.text("mode") {
                None | Some("linear" | "bilinear") => "bilinear",
                Some("cubic" | "bicubic") => "bicubic",
                Some("nearest") => "nearest",
                Some(other) => return Err(format!("samples in the mode `{other}`")),
            };
            drop_attribute(&mut node, "mode");
            node.attributes.push(AttributeProto::string("mode", mode));
        }
        "Cast" | "CastLike" => {
            // Both are about types that are not held here.
            drop_attribute(&mut node, "saturate");
            drop_attribute(&mut node, "round_mode");
        }
        "QuantizeLinear" | "DequantizeLinear" => quantized(graph, &mut node)?,
        "AveragePool" | "LpPool" if opset >= 18 => {
            if node
                .ints("dilations")
                .is_some_and(|d| d.iter().any(|&v| v != 1))
            {
                return Err("is dilated, which opset 17 has no form for".to_owned());
            }
            drop_attribute(&mut node, "dilations");
        }
        "Gelu" => return gelu(graph, node),
        "GroupNormalization" => {
            return Err("opset 17 has no form for it: export with opset 17".to_owned());
        }
        _ => {}
    }
    Ok(OpsetStep::alone(node))
}

/// 21 has blocks and a type, 23 a precision.
fn quantized(graph: &mut OnnxGraph, node: &mut GraphNode) -> Result<(), String> {
    if node.int("block_size").unwrap_or(0) != 0 {
        return Err("`block_size`: opset 17 has no form for it".to_owned());
    }
    let float = Some(DataType::Float as i64);
    let quantize = node.op == "QuantizeLinear";
    let types: &[Option<i64>] = match quantize {
        true => &[None, Some(0)],
        false => &[None, Some(0), float],
    };
    let to = node.int("output_dtype");
    if !types.contains(&to) {
        let zero = TensorData::from_f64(dtype_of(to).unwrap_or(DataType::Undefined), &[0.0]);
        let scale = node.input(1).map(|id| graph.value(id).shape.clone());
        match (zero, scale, node.input(2)) {
            (Some(_), _, Some(zero)) if Some(graph.value(zero).dtype) == dtype_of(to) => {}
            (Some(zero), Some(shape), None) if quantize => {
                let zeros = zero.pick(&vec![0; elements(&shape).unwrap_or(0)]);
                let zeros = zeros.ok_or("`output_dtype`: its scales have no size")?;
                node.inputs.resize(2, None);
                node.inputs
                    .push(Some(graph.add_constant(&shape, zeros, None)));
            }
            _ => return Err("`output_dtype`: opset 17 has no form for it".to_owned()),
        }
    }
    if ![None, Some(0), float].contains(&node.int("precision")) {
        return Err("`precision`: opset 17 has no form for it".to_owned());
    }
    for name in ["block_size", "output_dtype", "precision", "saturate"] {
        drop_attribute(node, name);
    }
    Ok(())
}

fn dtype_of(number: Option<i64>) -> Option<DataType> {
    DataType::try_from(i32::try_from(number?).ok()?).ok()
}

fn drop_attribute(node: &mut GraphNode, name: &str) {
    node.attributes.retain(|a| a.name.as_deref() != Some(name));
}

/// 18 has `axes`, `antialias` and ratio policies.
fn resize(graph: &mut OnnxGraph, node: &mut GraphNode) -> Result<(), String> {
    if node.int("antialias").unwrap_or(0) != 0 {
        return Err("resizes with antialias, which opset 17 has no form for".to_owned());
    }
    if node
        .text("keep_aspect_ratio_policy")
        .is_some_and(|p| p != "stretch")
    {
        return Err("keeps an aspect ratio, which opset 17 has no form for".to_owned());
    }
    if node.text("coordinate_transformation_mode") == Some("half_pixel_symmetric") {
        return Err("is half_pixel_symmetric, which opset 17 has no form for".to_owned());
    }
    if let Some(axes) = node.ints("axes").map(<[i64]>::to_vec) {
        let x = node.input(0).ok_or("reads nothing")?;
        let shape = graph.value(x).shape.clone();
        let place = |a: i64| if a < 0 { a + shape.len() as i64 } else { a };
        // Sizes and scales for all axes: those not named stay as they are.
        if node.input(1).is_some() {
            let given = node.input(1).and_then(|id| graph.constant(id));
            let given = given.ok_or("its `roi` is computed from data")?.to_f64();
            let mut all = vec![0.0; shape.len()];
            all.resize(2 * shape.len(), 1.0);
            for (i, &value) in given.iter().enumerate() {
                let axis = axes.get(i % axes.len().max(1)).copied().map(place);
                let axis = axis.and_then(|a| usize::try_from(a).ok());
                let end = if i < axes.len() { 0 } else { shape.len() };
                *axis
                    .filter(|&a| a < shape.len())
                    .and_then(|a| all.get_mut(end + a))
                    .ok_or("its `roi` is of an axis that is not there")? = value;
            }
            if !given.is_empty() {
                let data =
                    TensorData::from_f64(DataType::Float, &all).ok_or("a `roi` of no numbers")?;
                node.inputs[1] = Some(graph.add_constant(&[all.len()], data, None));
            }
        }
        for (input, sizes) in [(2, false), (3, true)] {
            let Some(id) = node.input(input) else {
                continue;
            };
            let given = graph
                .constant(id)
                .ok_or("resizes to a size computed from data")?;
            let given = given.to_f64();
            let mut all: Vec<f64> = match sizes {
                true => shape.iter().map(|&s| s as f64).collect(),
                false => vec![1.0; shape.len()],
            };
            for (&axis, &value) in axes.iter().zip(&given) {
                let place = usize::try_from(place(axis)).ok();
                *place
                    .and_then(|a| all.get_mut(a))
                    .ok_or("resizes an axis that is not there")? = value;
            }
            let dtype = if sizes {
                DataType::Int64
            } else {
                DataType::Float
            };
            let data = TensorData::from_f64(dtype, &all).ok_or("resizes to no numbers")?;
            node.inputs[input] = Some(graph.add_constant(&[all.len()], data, None));
        }
    }
    for name in ["antialias", "axes", "keep_aspect_ratio_policy"] {
        drop_attribute(node, name);
    }
    Ok(())
}

/// 18 has `axes`, 19 wraps.
fn pad(graph: &mut OnnxGraph, node: &mut GraphNode) -> Result<(), String> {
    if node.text("mode") == Some("wrap") {
        return Err("wraps, which opset 17 has no form for".to_owned());
    }
    let Some(axes) = node.input(3) else {
        return Ok(());
    };
    let x = node.input(0).ok_or("reads nothing")?;
    let rank = graph.value(x).shape.len();
    let constant = |id| graph.ints_constant(id);
    let axes = constant(axes).ok_or("pads axes that are computed from data")?;
    let pads = node.input(1).and_then(constant);
    let pads = pads.ok_or("pads by numbers that are computed from data")?;
    if pads.len() != 2 * axes.len() {
        return Err(format!("has {} pads for {} axes", pads.len(), axes.len()));
    }
    let mut all = vec![0; 2 * rank];
    for (i, &axis) in axes.iter().enumerate() {
        let axis = if axis < 0 { axis + rank as i64 } else { axis };
        let axis = usize::try_from(axis).ok().filter(|&a| a < rank);
        let axis = axis.ok_or("pads an axis that is not there")?;
        all[axis] = pads[i];
        all[rank + axis] = pads[axes.len() + i];
    }
    let pads = graph.add_constant(&[2 * rank], TensorData::I64(all.into()), None);
    node.inputs[1] = Some(pads);
    node.inputs.truncate(3);
    Ok(())
}

/// 20 has Gelu; here it is x·½·(1 + erf(x/√2)), or its tanh form.
fn gelu(graph: &mut OnnxGraph, node: GraphNode) -> Result<Vec<OpsetStep>, String> {
    let x = node.input(0).ok_or("reads nothing")?;
    let value = graph.value(x);
    if value.dtype != DataType::Float || elements(&value.shape).is_none() {
        return Err("opset 17 has no form for it in this type".to_owned());
    }
    let mut number = |v: f32| Some(graph.add_constant(&[], TensorData::F32([v].into()), None));
    let step = |op: &str, inputs: Vec<Option<_>>, reads_before: Vec<usize>| OpsetStep {
        node: GraphNode {
            op: op.into(),
            name: None,
            inputs,
            attributes: vec![],
            ..node.clone()
        },
        reads_before,
    };
    let x = Some(x);
    let mut steps = match node.text("approximate").unwrap_or("none") {
        "none" => vec![
            step("Div", vec![x, number(std::f32::consts::SQRT_2)], vec![]),
            step("Erf", vec![None], vec![0]),
        ],
        // tanh(√(2/π)·x·(1 + 0.044715·x²))
        "tanh" => vec![
            step("Mul", vec![x, x], vec![]),
            step("Mul", vec![None, number(0.044_715)], vec![0]),
            step("Add", vec![None, number(1.0)], vec![0]),
            step("Mul", vec![x, None], vec![1]),
            step("Mul", vec![None, number(0.797_884_6)], vec![0]),
            step("Tanh", vec![None], vec![0]),
        ],
        other => return Err(format!("approximates by `{other}`")),
    };
    steps.push(step("Add", vec![None, number(1.0)], vec![0]));
    steps.push(step("Mul", vec![x, None], vec![1]));
    steps.push(step("Mul", vec![None, number(0.5)], vec![0]));
    Ok(steps)
}
