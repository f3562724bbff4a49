//! Makes the defaults of convolutions and pools explicit: the runtime ignores the shapes that they
//! follow from, and pads SAME_LOWER as SAME_UPPER.

use super::Emit;
use unmask_onnx::ir::{NodeId, OnnxGraph};
use unmask_onnx::messages::AttributeProto;
use unmask_onnx::shape_inference::window_of;

/// Writes kernel, strides, dilations and padding of node `id` out.
pub(super) fn explicit(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let node = graph.node(id);
    let pool = node.op.ends_with("Pool");
    let window = window_of(graph, node)?;
    if node.op == "AveragePool" {
        average_is_exact(graph, id)?;
    }
    let mut all = vec![
        ("kernel_shape", window.kernel.clone()),
        ("strides", window.strides.clone()),
        ("pads", window.pads_in_order()),
    ];
    if !pool {
        all.push(("dilations", window.dilations.clone()));
    } else if window.dilations.iter().any(|&d| d != 1) {
        return Err("`dilations`: the CPU engine has no dilated pools".to_owned());
    }
    let node = graph.node_mut(id);
    let said: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    node.attributes.retain(|a| {
        let name = a.name.as_deref().unwrap_or("");
        !said.contains(&name) && !["auto_pad", "dilations", "output_shape"].contains(&name)
    });
    for (name, values) in all {
        let values: Vec<i64> = values.into_iter().map(|v| v as i64).collect();
        node.attributes.push(AttributeProto::ints(name, values));
    }
    Ok(())
}

/// Refuses an average whose last window would reach over the padding: engines differ there.
fn average_is_exact(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let emit = Emit::instead_of(graph, id);
    let x = emit.shape(emit.input(0)?);
    let y = emit.shape(emit.node.output());
    let window = window_of(emit.graph, &emit.node)?;
    for (i, kernel) in window.kernel.iter().enumerate() {
        let (before, after) = window.pads[i];
        let end = (y[2 + i].saturating_sub(1)) * window.strides[i] + kernel;
        if end > x[2 + i] + before + after {
            return Err("`ceil_mode`: its last window reaches over the padding".to_owned());
        }
    }
    Ok(())
}
