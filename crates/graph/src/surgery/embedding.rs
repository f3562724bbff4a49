//! The last projection of the mask features multiplied into the queries' embedding.
//!
//! Mask features end in a 1×1 convolution without an activation, and a mask is a product with
//! them: `e · (W·y + b) = (e·W) · y + e·b`. The embedding of a few hundred queries is cheaper to
//! project than every pixel; where it ends in a linear layer of its own, the two become one.

use std::collections::HashMap;
use unmask_onnx::ir::{GraphNode, NodeId, OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::DataType;
use unmask_onnx::shape_inference::{elements, infer_types};

/// A matrix, row-major.
struct WeightMatrix {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

/// A convolution that only masks read.
struct EmbeddingMatch {
    /// The convolution's input `[1, I, H, W]` and that number of channels.
    input: ValueId,
    channels: usize,
    /// Its weights `[O, I]` and bias `[O, 1]`.
    weight: WeightMatrix,
    bias: Option<WeightMatrix>,
    masks: Vec<MaskProduct>,
}

/// A product of an embedding with the features.
struct MaskProduct {
    resize: Option<GraphNode>,
    /// Whether the features reach the product as `[1, O, H·W]`.
    flat: bool,
    product: GraphNode,
}

/// Multiplies the convolution into the embeddings wherever that makes the graph cheaper.
pub(super) fn multiply_in(graph: &mut OnnxGraph) -> usize {
    let mut changes = 0;
    for id in graph.node_ids() {
        if graph.node(id).op != "Conv" {
            continue;
        }
        let users = graph.all_users();
        let Some(found) = find(graph, graph.node(id), &users) else {
            continue;
        };
        if !pays(graph, id, &found) {
            continue;
        }
        if let Some(replaced) = rewrite(graph, &found) {
            for (old, new) in replaced {
                graph.replace_uses(old, new);
            }
            changes += 1;
        }
    }
    changes
}

fn find(
    graph: &OnnxGraph,
    conv: &GraphNode,
    users: &HashMap<ValueId, Vec<NodeId>>,
) -> Option<EmbeddingMatch> {
    let all = |name: &str, value: i64| {
        let ints = conv.ints(name).unwrap_or_default();
        ints.iter().all(|&v| v == value)
    };
    let plain = conv.int("group").unwrap_or(1) == 1
        && all("strides", 1)
        && all("pads", 0)
        && matches!(conv.text("auto_pad"), None | Some("NOTSET"));
    let weight = conv.input(1).filter(|_| plain)?;
    let &[outs, channels, 1, 1] = &graph.value(weight).shape[..] else {
        return None;
    };
    let column = |id: ValueId, rows, columns| {
        let data = graph.f32_constant(id)?;
        (data.len() == rows * columns).then(|| WeightMatrix {
            rows,
            columns,
            values: data.iter().map(|&v| v.into()).collect(),
        })
    };
    let bias = match conv.input(2) {
        Some(bias) => Some(column(bias, outs, 1)?),
        None => None,
    };
    let mut masks = Vec::new();
    read_by_masks(graph, conv.output(), None, users, &mut masks)?;
    // What a file says of shapes need not go together.
    let embeds = |mask: &MaskProduct| {
        let embedding = mask.product.input(0).map(|e| &graph.value(e).shape[..]);
        matches!(embedding, Some(&[1, _, inner]) if inner == outs)
    };
    if !masks.iter().all(embeds) {
        return None;
    }
    Some(EmbeddingMatch {
        input: conv.input(0)?,
        channels,
        weight: column(weight, outs, channels)?,
        bias,
        masks,
    })
}

/// Notes down who reads `features`; none where one of them is not a mask.
fn read_by_masks(
    graph: &OnnxGraph,
    features: ValueId,
    resize: Option<&GraphNode>,
    users: &HashMap<ValueId, Vec<NodeId>>,
    masks: &mut Vec<MaskProduct>,
) -> Option<()> {
    let &[1, outs, h, w] = &graph.value(features).shape[..] else {
        return None;
    };
    if graph.is_output(features) {
        return None;
    }
    for &id in users.get(&features)? {
        let node = graph.node(id);
        match node.op.as_str() {
            // Every output is a weighted mean of inputs: a constant stays what it is.
            "Resize" if resize.is_none() => {
                let mode = node.text("mode").unwrap_or("nearest");
                let place = node.text("coordinate_transformation_mode");
                let by_channel = graph.value(node.output()).shape.get(..2) == Some(&[1, outs]);
                let fits = matches!(mode, "linear" | "nearest")
                    && place != Some("tf_crop_and_resize")
                    && by_channel
                    && node.input(0) == Some(features);
                if !fits {
                    return None;
                }
                read_by_masks(graph, node.output(), Some(node), users, masks)?;
            }
            "Reshape" => {
                let flat = node.output();
                let cells = h.checked_mul(w)?;
                if graph.value(flat).shape != [1, outs, cells] || graph.is_output(flat) {
                    return None;
                }
                for &id in users.get(&flat)? {
                    let product = graph.node(id);
                    let embedding = product.input(0).filter(|&e| e != flat)?;
                    let shape = &graph.value(embedding).shape;
                    if product.op != "MatMul"
                        || !matches!(shape[..], [1, _, inner] if inner == outs)
                    {
                        return None;
                    }
                    masks.push(MaskProduct {
                        resize: resize.cloned(),
                        flat: true,
                        product: product.clone(),
                    });
                }
            }
            "Einsum" => {
                let equation = node.text("equation")?.replace(' ', "");
                let letters: Vec<char> =
                    equation.chars().filter(char::is_ascii_lowercase).collect();
                let &[b, q, c, fb, fc, y, x, rb, rq, ry, rx] = &letters[..] else {
                    return None;
                };
                let fits = (b, c) == (fb, fc)
                    && [b, q, y, x] == [rb, rq, ry, rx]
                    && equation == format!("{b}{q}{c},{b}{c}{y}{x}->{b}{q}{y}{x}")
                    && node.input(0).is_some_and(|e| e != features);
                if !fits {
                    return None;
                }
                masks.push(MaskProduct {
                    resize: resize.cloned(),
                    flat: false,
                    product: node.clone(),
                });
            }
            _ => return None,
        }
    }
    Some(())
}

/// Whether the graph gets cheaper: the embeddings' products, at their dearest, against the
/// convolution.
fn pays(graph: &OnnxGraph, conv: NodeId, found: &EmbeddingMatch) -> bool {
    let cost = |node: &GraphNode| crate::cost::macs(graph, node);
    let (outs, ins) = (found.weight.rows as u64, found.weight.columns as u64);
    // What reads the features reads `ins` channels in place of `outs`.
    let scaled = |macs: u64| (macs / outs.max(1)).saturating_mul(ins);
    let mut before = cost(graph.node(conv));
    let mut after = 0u64;
    for mask in &found.masks {
        let resize = mask.resize.as_ref().map_or(0, cost);
        let macs = cost(&mask.product).saturating_add(resize);
        before = before.saturating_add(macs);
        let queries = mask.product.input(0).map_or(0, |e| graph.value(e).shape[1]) as u64;
        let made = queries.saturating_mul(outs).saturating_mul(ins + 1);
        after = after.saturating_add(scaled(macs)).saturating_add(made);
    }
    after < before
}

/// The products of `found` again: old and new values.
fn rewrite(graph: &mut OnnxGraph, found: &EmbeddingMatch) -> Option<Vec<(ValueId, ValueId)>> {
    let mut embeddings: HashMap<ValueId, (ValueId, Option<ValueId>)> = HashMap::new();
    let mut replaced = Vec::new();
    for mask in &found.masks {
        let e = mask.product.input(0)?;
        let (embedding, shift) = match embeddings.get(&e) {
            Some(&done) => done,
            None => {
                let embedding = times(graph, e, &found.weight, &mask.product)?;
                let shift = match &found.bias {
                    Some(bias) => Some(times(graph, e, bias, &mask.product)?),
                    None => None,
                };
                embeddings.insert(e, (embedding, shift));
                (embedding, shift)
            }
        };
        let features = features(graph, found, mask)?;
        let mut product = mask.product.clone();
        product.inputs = vec![Some(embedding), Some(features)];
        let mut masks = add(graph, &product)?;
        if let Some(mut shift) = shift {
            if !mask.flat {
                let queries = graph.value(shift).shape[1];
                shift = shown(graph, shift, &[1, queries, 1, 1], &product)?;
            }
            let mut sum = product.clone();
            (sum.op, sum.attributes) = ("Add".into(), vec![]);
            sum.inputs = vec![Some(masks), Some(shift)];
            masks = add(graph, &sum)?;
        }
        replaced.push((mask.product.output(), masks));
    }
    Some(replaced)
}

/// What the product reads in place of the convolution's output.
fn features(graph: &mut OnnxGraph, found: &EmbeddingMatch, mask: &MaskProduct) -> Option<ValueId> {
    let mut value = found.input;
    if let Some(resize) = &mask.resize {
        let mut shape = graph.value(resize.output()).shape.clone();
        shape[1] = found.channels;
        let mut resize = resize.clone();
        resize.inputs[0] = Some(value);
        if let Some(sizes) = resize.inputs.get_mut(3) {
            *sizes = Some(ints(graph, &shape));
        }
        value = add(graph, &resize)?;
        if graph.value(value).shape != shape {
            return None;
        }
    }
    let &[_, _, h, w] = &graph.value(value).shape[..] else {
        return None;
    };
    match mask.flat {
        true => shown(graph, value, &[1, found.channels, h * w], &mask.product),
        false => Some(value),
    }
}

/// `e · matrix` for an embedding `[1, Q, C]`: multiplied out where `e` is a constant or comes from
/// a linear layer with constant weights.
fn times(
    graph: &mut OnnxGraph,
    e: ValueId,
    matrix: &WeightMatrix,
    like: &GraphNode,
) -> Option<ValueId> {
    let &[1, queries, inner] = &graph.value(e).shape[..] else {
        return None;
    };
    if inner != matrix.rows {
        return None;
    }
    if let Some(data) = graph.constant(e) {
        let product = multiply(&data.to_f64(), matrix);
        let label = folded(graph, e);
        return Some(constant(
            graph,
            &[1, queries, matrix.columns],
            &product,
            label,
        ));
    }
    if let Some((x, weight, bias)) = linear_layer(graph, e) {
        let scope = graph.producer(e)?.scope.clone();
        let rows = graph.value(weight).shape[0];
        let product = multiply(&graph.constant(weight)?.to_f64(), matrix);
        let shift = multiply(&graph.constant(bias)?.to_f64(), matrix);
        let label = folded(graph, weight);
        let weight = constant(graph, &[rows, matrix.columns], &product, label);
        let label = folded(graph, bias);
        let bias = constant(graph, &[matrix.columns], &shift, label);
        let shape = [1, queries, matrix.columns];
        let mut node = |op: &str, a, b| {
            let inputs = [Some(a), Some(b)];
            graph.add_node(op, &scope, &inputs, vec![], DataType::Float, &shape)
        };
        let y = node("MatMul", x, weight);
        return Some(node("Add", y, bias));
    }
    let right = constant(graph, &[matrix.rows, matrix.columns], &matrix.values, None);
    let mut product = like.clone();
    (product.op, product.attributes) = ("MatMul".into(), vec![]);
    product.inputs = vec![Some(e), Some(right)];
    add(graph, &product)
}

/// Input, weights and bias of the linear layer `MatMul`, `Add` that ends in `e`.
fn linear_layer(graph: &OnnxGraph, e: ValueId) -> Option<(ValueId, ValueId, ValueId)> {
    let sum = graph.producer(e).filter(|n| n.op == "Add")?;
    let (a, b) = (sum.input(0)?, sum.input(1)?);
    let (product, bias) = match graph.constant(b) {
        Some(_) => (a, b),
        None => (b, a),
    };
    let product = graph.producer(product).filter(|n| n.op == "MatMul")?;
    let (x, weight) = (product.input(0)?, product.input(1)?);
    let columns = *graph.value(e).shape.last()?;
    let fits = graph.f32_constant(bias)?.len() == columns
        && graph.f32_constant(weight).is_some()
        && matches!(graph.value(weight).shape[..], [_, n] if n == columns)
        && graph.value(x).shape.len() == 3;
    fits.then_some((x, weight, bias))
}

/// Rows of `left` times `right`, in f64.
fn multiply(left: &[f64], right: &WeightMatrix) -> Vec<f64> {
    let mut product = Vec::with_capacity(left.len() / right.rows.max(1) * right.columns);
    for row in left.chunks_exact(right.rows.max(1)) {
        let mut sums = vec![0.0; right.columns];
        for (l, line) in row
            .iter()
            .zip(right.values.chunks_exact(right.columns.max(1)))
        {
            for (sum, r) in sums.iter_mut().zip(line) {
                *sum += l * r;
            }
        }
        product.extend(sums);
    }
    product
}

fn constant(
    graph: &mut OnnxGraph,
    shape: &[usize],
    values: &[f64],
    label: Option<std::sync::Arc<str>>,
) -> ValueId {
    debug_assert_eq!(elements(shape), Some(values.len()));
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    graph.add_constant(shape, TensorData::F32(values.into()), label)
}

fn ints(graph: &mut OnnxGraph, values: &[usize]) -> ValueId {
    let data: Vec<i64> = values.iter().map(|&v| v as i64).collect();
    graph.add_constant(&[values.len()], TensorData::I64(data.into()), None)
}

fn folded(graph: &OnnxGraph, id: ValueId) -> Option<std::sync::Arc<str>> {
    let label = graph.value(id).label.as_deref()?;
    let stem = label.strip_suffix(".folded").unwrap_or(label);
    Some(format!("{stem}.folded").into())
}

/// `value` in another shape of as many elements.
fn shown(
    graph: &mut OnnxGraph,
    value: ValueId,
    shape: &[usize],
    like: &GraphNode,
) -> Option<ValueId> {
    let target = ints(graph, shape);
    let mut node = like.clone();
    (node.op, node.attributes) = ("Reshape".into(), vec![]);
    node.inputs = vec![Some(value), Some(target)];
    add(graph, &node)
}

/// Adds `node`, whose type and shape are inferred.
fn add(graph: &mut OnnxGraph, node: &GraphNode) -> Option<ValueId> {
    let (dtype, shape) = infer_types(graph, node).ok()?.into_iter().next()?;
    let attributes = node.attributes.clone();
    Some(graph.add_node(
        &node.op,
        &node.scope,
        &node.inputs,
        attributes,
        dtype,
        &shape,
    ))
}
