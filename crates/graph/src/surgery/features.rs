//! Mask features resized once per level.
//!
//! A mask is a product of an embedding with the features of every pixel, and resizing is linear in
//! space: `resize(e · F) = e · resize(F)`. The masks between decoder layers are needed small only,
//! so their products are taken with features that were made small once.

use unmask_onnx::ir::{GraphNode, OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::DataType;
use unmask_onnx::shape_inference::infer_types;

/// A resized product: what is multiplied, in which order of axes.
struct FeatureMatch {
    /// The node that multiplies.
    product: GraphNode,
    /// The input of it that holds the features, and the features `[N, C, H, W]`.
    place: usize,
    features: ValueId,
    /// Whether the features reach the product as `[N, C, H·W]`.
    flat: bool,
}

/// Puts resizing before the product wherever that makes the product smaller.
pub(super) fn resize_once(graph: &mut OnnxGraph) -> usize {
    let mut replaced = Vec::new();
    for id in graph.node_ids() {
        let node = graph.node(id).clone();
        let Some(found) = product_before(graph, &node) else {
            continue;
        };
        if let Some(new) = rewrite(graph, &node, &found) {
            replaced.push((node.output(), new));
        }
    }
    for &(old, new) in &replaced {
        graph.replace_uses(old, new);
    }
    replaced.len()
}

fn product_before(graph: &OnnxGraph, resize: &GraphNode) -> Option<FeatureMatch> {
    let mode = resize.text("mode").unwrap_or("nearest");
    let place = resize.text("coordinate_transformation_mode");
    if resize.op != "Resize"
        || !matches!(mode, "linear" | "nearest")
        || place == Some("tf_crop_and_resize")
    {
        return None;
    }
    let masks = resize.input(0)?;
    let &[n, _, h, w] = &graph.value(masks).shape[..] else {
        return None;
    };
    let small = &graph.value(resize.output()).shape;
    let &[n_too, _, small_h, small_w] = &small[..] else {
        return None;
    };
    if n != 1 || n_too != 1 || small_h.checked_mul(small_w)? >= h.checked_mul(w)? {
        return None;
    }
    let node = graph.producer(masks)?;
    if node.op == "Einsum" {
        // e[b,q,c] · F[b,c,h,w], as Mask2Former's own code says it.
        let equation = node.text("equation")?.replace(' ', "");
        let (left, right) = equation.split_once("->")?;
        let (e, f) = left.split_once(',')?;
        let [b, q, c] = <[char; 3]>::try_from(Vec::from_iter(e.chars())).ok()?;
        let [fb, fc, y, x] = <[char; 4]>::try_from(Vec::from_iter(f.chars())).ok()?;
        let fits = b == fb && c == fc && right.chars().eq([b, q, y, x]);
        return fits.then(|| {
            Some(FeatureMatch {
                features: node.input(1)?,
                product: node.clone(),
                place: 1,
                flat: false,
            })
        })?;
    }
    // [1, Q, H·W] shown as [1, Q, H, W]; the features the other way round.
    if node.op != "Reshape" {
        return None;
    }
    let product = graph.producer(node.input(0)?)?;
    let flat = product.input(1)?;
    let &[one, _, pixels] = &graph.value(flat).shape[..] else {
        return None;
    };
    let reshape = graph.producer(flat)?;
    let features = reshape.input(0)?;
    let shape = &graph.value(features).shape;
    let same_axes = matches!(shape[..], [1, c, fh, fw]
        if fh == h && fw == w && c == graph.value(flat).shape[1]);
    let masks_of_product = graph.value(product.output()).shape.len() == 3;
    let fits = product.op == "MatMul"
        && one == 1
        && reshape.op == "Reshape"
        && pixels == h * w
        && same_axes
        && masks_of_product;
    fits.then(|| FeatureMatch {
        product: product.clone(),
        place: 1,
        features,
        flat: true,
    })
}

/// The product with resized features; the value that stands for the resized masks.
fn rewrite(graph: &mut OnnxGraph, resize: &GraphNode, found: &FeatureMatch) -> Option<ValueId> {
    let out = graph.value(resize.output()).clone();
    let &[_, queries, h, w] = &out.shape[..] else {
        return None;
    };
    let channels = *graph.value(found.features).shape.get(1)?;
    let scope = {
        let from = graph.producer(found.features);
        from.map_or(resize.scope.clone(), |n| n.scope.clone())
    };
    let ints = |graph: &mut OnnxGraph, values: &[usize]| {
        let data: Vec<i64> = values.iter().map(|&v| v as i64).collect();
        Some(graph.add_constant(&[values.len()], TensorData::I64(data.into()), None))
    };
    let small = [1, channels, h, w];
    let sizes = ints(graph, &small);
    let inputs = [Some(found.features), None, None, sizes];
    let attributes = resize.attributes.clone();
    let mut features = graph.add_node(
        "Resize",
        &scope,
        &inputs,
        attributes,
        DataType::Float,
        &small,
    );
    if found.flat {
        let flat = [1, channels, h * w];
        let target = ints(graph, &flat);
        let inputs = [Some(features), target];
        features = graph.add_node("Reshape", &scope, &inputs, vec![], DataType::Float, &flat);
    }
    let mut product = found.product.clone();
    product.inputs[found.place] = Some(features);
    let (dtype, shape) = infer_types(graph, &product).ok()?.into_iter().next()?;
    let masks = graph.add_node(
        &product.op,
        &product.scope,
        &product.inputs,
        product.attributes.clone(),
        dtype,
        &shape,
    );
    if !found.flat {
        return (shape == out.shape).then_some(masks);
    }
    let target = ints(graph, &[1, queries, h, w]);
    let inputs = [Some(masks), target];
    let scope = product.scope;
    Some(graph.add_node("Reshape", &scope, &inputs, vec![], dtype, &out.shape))
}
