use super::*;
use crate::probe;
use crate::write::SamplingForm;
use std::sync::Arc;
use unmask_frame::Size;
use unmask_network::{AttentionKind, NetworkConfig};
use unmask_onnx::ir::{TensorData, ValueId};
use unmask_onnx::messages::{AttributeProto, DataType};

/// Largest allowed difference, as a part of the largest value.
const EQUAL: f32 = 1e-5;

/// Runs `pass` alone; the outputs must stay equal. What it did.
#[track_caller]
fn stays_equal(
    graph: &mut OnnxGraph,
    pass: fn(&mut OnnxGraph) -> usize,
) -> (usize, NodeCost, NodeCost) {
    let (before, cost) = (graph.to_model(&[]), cost::total(graph));
    let changes = pass(graph);
    graph.remove_dead_and_sort().unwrap();
    let after = cost::total(graph);
    let apart = probe::largest_difference(&before, &graph.to_model(&[]));
    println!("{changes} changes, {apart:.1e} apart, {cost:?} to {after:?}");
    assert!(apart <= EQUAL, "{apart} apart");
    (changes, cost, after)
}

fn add(g: &mut OnnxGraph, op: &str, inputs: &[ValueId], shape: &[usize]) -> ValueId {
    add_with(g, op, inputs, vec![], DataType::Float, shape)
}

fn add_with(
    g: &mut OnnxGraph,
    op: &str,
    inputs: &[ValueId],
    attributes: Vec<AttributeProto>,
    dtype: DataType,
    shape: &[usize],
) -> ValueId {
    let scope: Arc<str> = "part".into();
    let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
    g.add_node(op, &scope, &inputs, attributes, dtype, shape)
}

fn floats(g: &mut OnnxGraph, shape: &[usize], values: Vec<f32>) -> ValueId {
    g.add_constant(shape, TensorData::F32(values.into()), None)
}

#[test]
fn what_depends_on_constants_alone_is_folded() {
    let mut g = OnnxGraph::default();
    let x = g.add_input("x", &[2, 4]);
    let a = floats(&mut g, &[4, 3], probe::noise(1, 12));
    let b = floats(&mut g, &[3, 4], probe::noise(2, 12));
    let w = add(&mut g, "MatMul", &[a, b], &[4, 4]);
    let w = add(&mut g, "Sin", &[w], &[4, 4]);
    let perm = vec![AttributeProto::ints("perm", [1, 0])];
    let w = add_with(&mut g, "Transpose", &[w], perm, DataType::Float, &[4, 4]);
    let y = add(&mut g, "MatMul", &[x, w], &[2, 4]);
    g.add_output("y", y);
    let (changes, before, after) = stays_equal(&mut g, fold::constants);
    assert_eq!(changes, 3);
    assert_eq!(after.nodes, 1);
    assert!(after.macs < before.macs && after.moved_bytes < before.moved_bytes);
}

#[test]
fn batch_norms_go_into_convolutions() {
    let mut g = OnnxGraph::default();
    let x = g.add_input("x", &[1, 2, 4, 4]);
    let w = floats(&mut g, &[3, 2, 1, 1], probe::noise(1, 6));
    let attributes = vec![
        AttributeProto::ints("kernel_shape", [1, 1]),
        AttributeProto::ints("strides", [1, 1]),
        AttributeProto::ints("pads", [0; 4]),
    ];
    let inputs = [x, w];
    let y = add_with(
        &mut g,
        "Conv",
        &inputs,
        attributes,
        DataType::Float,
        &[1, 3, 4, 4],
    );
    let part = |g: &mut OnnxGraph, seed| {
        let values = probe::noise(seed, 3)
            .iter()
            .map(|v| v.abs() + 0.5)
            .collect();
        floats(g, &[3], values)
    };
    let parts = [
        part(&mut g, 2),
        part(&mut g, 3),
        part(&mut g, 4),
        part(&mut g, 5),
    ];
    let eps = vec![AttributeProto::float("epsilon", 1e-3)];
    let inputs = [&[y][..], &parts].concat();
    let shape = [1, 3, 4, 4];
    let y = add_with(
        &mut g,
        "BatchNormalization",
        &inputs,
        eps,
        DataType::Float,
        &shape,
    );
    g.add_output("y", y);
    let (changes, before, after) = stays_equal(&mut g, fold::batch_norms);
    assert_eq!((changes, before.nodes, after.nodes), (1, 2, 1));
}

#[test]
fn sigmoids_before_a_comparison_with_a_half_go() {
    let mut g = OnnxGraph::default();
    let x = g.add_input("x", &[2, 8]);
    let half = floats(&mut g, &[], vec![0.5]);
    let third = floats(&mut g, &[], vec![0.3]);
    let s = add(&mut g, "Sigmoid", &[x], &[2, 8]);
    let less = add_with(&mut g, "Less", &[s, half], vec![], DataType::Bool, &[2, 8]);
    let more = add_with(
        &mut g,
        "Greater",
        &[third, half],
        vec![],
        DataType::Bool,
        &[],
    );
    let y = add(&mut g, "Where", &[less, x, third], &[2, 8]);
    let y = add(&mut g, "Where", &[more, x, y], &[2, 8]);
    g.add_output("y", y);
    let (changes, before, after) = stays_equal(&mut g, masks::logits);
    assert_eq!((changes, before.nodes, after.nodes), (1, 5, 4));

    // Against another number it stays.
    let mut g = OnnxGraph::default();
    let x = g.add_input("x", &[2, 8]);
    let third = floats(&mut g, &[], vec![0.3]);
    let s = add(&mut g, "Sigmoid", &[x], &[2, 8]);
    let less = add_with(&mut g, "Less", &[s, third], vec![], DataType::Bool, &[2, 8]);
    let y = add(&mut g, "Where", &[less, x, third], &[2, 8]);
    g.add_output("y", y);
    assert_eq!(stays_equal(&mut g, masks::logits).0, 0);
}

#[test]
fn infinities_in_scores_become_finite_and_others_stay() {
    let build = |end: &str| {
        let mut g = OnnxGraph::default();
        let x = g.add_input("x", &[2, 8]);
        let zero = floats(&mut g, &[], vec![0.0]);
        let low = floats(&mut g, &[], vec![-0.4]);
        let infinite = floats(&mut g, &[], vec![f32::NEG_INFINITY]);
        let blocked = add_with(&mut g, "Less", &[x, low], vec![], DataType::Bool, &[2, 8]);
        let mask = add(&mut g, "Where", &[blocked, infinite, zero], &[2, 8]);
        let scores = add(&mut g, "Add", &[x, mask], &[2, 8]);
        let y = add(&mut g, end, &[scores], &[2, 8]);
        g.add_output("y", y);
        g
    };
    assert_eq!(stays_equal(&mut build("Softmax"), masks::finite).0, 1);
    assert_eq!(stays_equal(&mut build("Sigmoid"), masks::finite).0, 0);
}

#[test]
fn equal_computations_become_one() {
    let mut g = OnnxGraph::default();
    let x = g.add_input("x", &[2, 4]);
    let node = |g: &mut OnnxGraph, scope: &str| {
        let w = g.add_named_constant("w", &[4, 4], TensorData::F32(vec![0.1; 16].into()));
        // Constants under their own name are not the same; the shared one is.
        let scope: Arc<str> = scope.into();
        let y = g.add_node("Exp", &scope, &[Some(x)], vec![], DataType::Float, &[2, 4]);
        // A new node every time: the graph's own memory is cleared by an edit.
        let id = g.producer_id(y).unwrap();
        g.node_mut(id);
        (y, w)
    };
    let ((a, w), (b, _)) = (node(&mut g, "a"), node(&mut g, "b"));
    assert_ne!(a, b);
    let a = add(&mut g, "MatMul", &[a, w], &[2, 4]);
    let b = add(&mut g, "MatMul", &[b, w], &[2, 4]);
    g.node_mut(g.producer_id(b).unwrap());
    let y = add(&mut g, "Add", &[a, b], &[2, 4]);
    g.add_output("y", y);
    let (changes, before, after) = stays_equal(&mut g, identity::merge);
    assert_eq!((changes, before.nodes, after.nodes), (2, 5, 3));
    assert_eq!(after.macs * 2, before.macs);
}

#[test]
fn masks_between_layers_are_made_small() {
    for attention in [AttentionKind::Global, AttentionKind::Masked] {
        let config = NetworkConfig {
            attention,
            ..probe::tiny()
        };
        let model = probe::model(&config, Size::new(128, 64), SamplingForm::Gather);
        let mut g = probe::graph(&model);
        let (changes, before, after) = stays_equal(&mut g, features::resize_once);
        // One mask a layer, but the features are resized once a level: 4 layers, 3 levels.
        assert_eq!(changes, 4);
        assert!(after.macs < before.macs);
        let resized = |n: &&unmask_onnx::ir::GraphNode| {
            n.op == "Resize" && g.value(n.output()).shape[1] == config.dim
        };
        // Two of the pixel decoder's own sizes may be there besides.
        assert!(g.nodes().iter().filter(resized).count() >= 3);
    }
}

#[test]
fn the_einsum_form_is_known_too() {
    let mut g = OnnxGraph::default();
    let e = g.add_input("e", &[1, 3, 4]);
    let f = g.add_input("f", &[1, 4, 8, 8]);
    let equation = vec![AttributeProto::string("equation", "bqc,bchw->bqhw")];
    let shape = [1, 3, 8, 8];
    let masks = add_with(&mut g, "Einsum", &[e, f], equation, DataType::Float, &shape);
    let sizes = g.add_constant(&[4], TensorData::I64(vec![1, 3, 2, 4].into()), None);
    let attributes = vec![
        AttributeProto::string("mode", "linear"),
        AttributeProto::string("coordinate_transformation_mode", "half_pixel"),
    ];
    let inputs = [Some(masks), None, None, Some(sizes)];
    let scope: Arc<str> = "part".into();
    let shape = [1, 3, 2, 4];
    let y = g.add_node(
        "Resize",
        &scope,
        &inputs,
        attributes,
        DataType::Float,
        &shape,
    );
    g.add_output("y", y);
    let (changes, before, after) = stays_equal(&mut g, features::resize_once);
    assert_eq!(changes, 1);
    assert!(after.macs < before.macs);
}

/// Mask features of a 1×1 convolution, read small and large by products with embeddings of three
/// kinds: a constant, a linear layer's, a computed one.
fn masks_of_a_convolution(einsum: bool, extra_reader: bool) -> OnnxGraph {
    let mut g = OnnxGraph::default();
    let y = g.add_input("y", &[1, 6, 8, 8]);
    let h = g.add_input("h", &[1, 3, 7]);
    let weight = floats(&mut g, &[4, 6, 1, 1], probe::noise(1, 24));
    let bias = floats(&mut g, &[4], probe::noise(2, 4));
    let one = vec![AttributeProto::ints("kernel_shape", [1, 1])];
    let f32s = DataType::Float;
    let shape = [1, 4, 8, 8];
    let f = add_with(&mut g, "Conv", &[y, weight, bias], one, f32s, &shape);
    let scope: Arc<str> = "part".into();
    let sizes = g.add_constant(&[4], TensorData::I64(vec![1, 4, 2, 4].into()), None);
    let attributes = vec![
        AttributeProto::string("mode", "linear"),
        AttributeProto::string("coordinate_transformation_mode", "half_pixel"),
    ];
    let inputs = [Some(f), None, None, Some(sizes)];
    let small = g.add_node("Resize", &scope, &inputs, attributes, f32s, &[1, 4, 2, 4]);

    let fixed = floats(&mut g, &[1, 3, 4], probe::noise(3, 12));
    let m = floats(&mut g, &[7, 4], probe::noise(4, 28));
    let b = floats(&mut g, &[4], probe::noise(5, 4));
    let e = add(&mut g, "MatMul", &[h, m], &[1, 3, 4]);
    let linear = add(&mut g, "Add", &[e, b], &[1, 3, 4]);
    let computed = add(&mut g, "Relu", &[linear], &[1, 3, 4]);
    for (name, e, f) in [("a", fixed, f), ("b", linear, small), ("c", computed, f)] {
        let [_, _, h, w] = g.value(f).shape[..] else {
            unreachable!()
        };
        let masks = if einsum {
            let equation = vec![AttributeProto::string("equation", "bqc,bchw->bqhw")];
            add_with(&mut g, "Einsum", &[e, f], equation, f32s, &[1, 3, h, w])
        } else {
            let flat = vec![1, 4, (h * w) as i64];
            let flat = g.add_constant(&[3], TensorData::I64(flat.into()), None);
            let flat = add(&mut g, "Reshape", &[f, flat], &[1, 4, h * w]);
            add(&mut g, "MatMul", &[e, flat], &[1, 3, h * w])
        };
        g.add_output(name, masks);
    }
    if extra_reader {
        let read = add(&mut g, "Relu", &[f], &shape);
        g.add_output("d", read);
    }
    g
}

#[test]
fn the_mask_projection_goes_into_the_embedding() {
    for einsum in [false, true] {
        let mut g = masks_of_a_convolution(einsum, false);
        let (changes, before, after) = stays_equal(&mut g, embedding::multiply_in);
        assert_eq!(changes, 1, "einsum: {einsum}");
        assert!(after.macs < before.macs);
        assert!(g.nodes().iter().all(|n| n.op != "Conv"));
        // Where something else reads the features, they are computed anyway.
        let mut g = masks_of_a_convolution(einsum, true);
        assert_eq!(stays_equal(&mut g, embedding::multiply_in).0, 0);
    }
    for attention in [AttentionKind::Global, AttentionKind::Masked] {
        let config = NetworkConfig {
            attention,
            ..probe::tiny()
        };
        let model = probe::model(&config, Size::new(128, 64), SamplingForm::Gather);
        let mut g = probe::graph(&model);
        features::resize_once(&mut g);
        g.remove_dead_and_sort().unwrap();
        let (changes, before, after) = stays_equal(&mut g, embedding::multiply_in);
        assert_eq!(changes, 1);
        assert!(after.macs < before.macs && after.moved_bytes < before.moved_bytes);
    }
}

#[test]
fn projections_of_one_value_become_one_product() {
    for (attention, projections) in [
        (AttentionKind::Global, 16 + 8),
        (AttentionKind::Masked, 4 + 8),
    ] {
        let config = NetworkConfig {
            attention,
            ..probe::tiny()
        };
        let model = probe::model(&config, Size::new(128, 64), SamplingForm::Gather);
        let mut g = probe::graph(&model);
        let products = |g: &OnnxGraph| g.nodes().iter().filter(|n| n.op == "MatMul").count();
        let all = products(&g);
        let (changes, before, after) = stays_equal(&mut g, shared::merge);
        // Four layers on three levels: layers 0 and 3 share the first one. Each layer has queries
        // and keys of its self-attention besides, and two halves' queries of the cross-attention.
        println!(
            "{attention:?}: {changes} of {projections}, {all} to {}",
            products(&g)
        );
        assert!(products(&g) < all && after.nodes < before.nodes);
        assert_eq!(after.macs, before.macs);
        assert_eq!(after.parameters, before.parameters);
    }
}

#[test]
fn other_heads_other_readers_and_other_weights_are_left_apart() {
    let build = |second_width: usize, read_bare: bool| {
        let mut g = OnnxGraph::default();
        let x = g.add_input("x", &[1, 5, 6]);
        for (seed, width) in [(1, 2), (2, second_width)] {
            let w = floats(&mut g, &[6, 8], probe::noise(seed, 48));
            let y = add(&mut g, "MatMul", &[x, w], &[1, 5, 8]);
            let target = vec![1, 5, 8 / width as i64, width as i64];
            let target = g.add_constant(&[4], TensorData::I64(target.into()), None);
            let parted = add(&mut g, "Reshape", &[y, target], &[1, 5, 8 / width, width]);
            g.add_output(&format!("y{seed}"), parted);
            let perm = vec![AttributeProto::ints("perm", [0, 2, 1, 3])];
            let shape = [1, 8 / width, 5, width];
            let f32s = DataType::Float;
            let heads = add_with(&mut g, "Transpose", &[parted], perm, f32s, &shape);
            g.add_output(&format!("heads{seed}"), heads);
            if read_bare {
                g.add_output(&format!("bare{seed}"), y);
            }
        }
        g.clear_outputs();
        let last: Vec<_> = g
            .nodes()
            .iter()
            .filter(|n| n.op == "Transpose" || (read_bare && n.op == "MatMul"))
            .map(|n| n.output())
            .collect();
        for (i, id) in last.into_iter().enumerate() {
            let shape = g.value(id).shape.clone();
            let y = add(&mut g, "Exp", &[id], &shape);
            g.add_output(&format!("y{i}"), y);
        }
        g
    };
    assert_eq!(stays_equal(&mut build(2, false), shared::merge).0, 2);
    assert_eq!(stays_equal(&mut build(4, false), shared::merge).0, 0);
    assert_eq!(stays_equal(&mut build(2, true), shared::merge).0, 0);
}

#[test]
fn a_mask_repeated_for_every_head_is_broadcast() {
    // As PyTorch writes Mask2Former's mask: repeated, compared, opened where a row is blocked
    // whole, added.
    for tile in [false, true] {
        let mut g = OnnxGraph::default();
        let logits = g.add_input("logits", &[1, 3, 16]);
        let scores = g.add_input("scores", &[4, 3, 16]);
        let ints = |g: &mut OnnxGraph, v: &[i64]| {
            g.add_constant(&[v.len()], TensorData::I64(v.into()), None)
        };
        let target = ints(&mut g, &[1, 1, 3, 16]);
        let x = add(&mut g, "Reshape", &[logits, target], &[1, 1, 3, 16]);
        let x = add(&mut g, "Sigmoid", &[x], &[1, 1, 3, 16]);
        let (op, by) = if tile {
            ("Tile", ints(&mut g, &[1, 4, 1, 1]))
        } else {
            ("Expand", ints(&mut g, &[1, 4, 3, 16]))
        };
        let x = add(&mut g, op, &[x, by], &[1, 4, 3, 16]);
        let target = ints(&mut g, &[4, 3, 16]);
        let x = add(&mut g, "Reshape", &[x, target], &[4, 3, 16]);
        let half = floats(&mut g, &[], vec![0.5]);
        let bools = DataType::Bool;
        let blocked = add_with(&mut g, "Less", &[x, half], vec![], bools, &[4, 3, 16]);
        let axes = vec![
            AttributeProto::ints("axes", [-1]),
            AttributeProto::int("keepdims", 1),
        ];
        let most = add_with(&mut g, "ReduceMax", &[x], axes, DataType::Float, &[4, 3, 1]);
        let whole = add_with(&mut g, "Less", &[most, half], vec![], bools, &[4, 3, 1]);
        let open = add_with(&mut g, "Not", &[whole], vec![], bools, &[4, 3, 1]);
        let blocked = add_with(&mut g, "And", &[blocked, open], vec![], bools, &[4, 3, 16]);
        let (low, zero) = (
            floats(&mut g, &[], vec![-1e4]),
            floats(&mut g, &[], vec![0.0]),
        );
        let mask = add(&mut g, "Where", &[blocked, low, zero], &[4, 3, 16]);
        let y = add(&mut g, "Add", &[scores, mask], &[4, 3, 16]);
        let y = add(&mut g, "Softmax", &[y], &[4, 3, 16]);
        g.add_output("y", y);
        let (changes, before, after) = stays_equal(&mut g, common_subexpressions::broadcast);
        assert_eq!(changes, 1);
        assert!(after.moved_bytes < before.moved_bytes && after.nodes < before.nodes);
        assert!(g.nodes().iter().all(|n| n.op != "Expand" && n.op != "Tile"));
        assert_eq!(stays_equal(&mut g, common_subexpressions::broadcast).0, 0);
    }
}

#[test]
fn repeats_that_something_else_reads_stay() {
    let mut g = OnnxGraph::default();
    let x = g.add_input("x", &[1, 3]);
    let by = g.add_constant(&[2], TensorData::I64(vec![4, 3].into()), None);
    let y = add(&mut g, "Expand", &[x, by], &[4, 3]);
    let right = g.add_input("right", &[3, 2]);
    let product = add(&mut g, "MatMul", &[y, right], &[4, 2]);
    g.add_output("product", product);
    // Alone with a scalar nothing else has the four rows.
    let two = floats(&mut g, &[], vec![2.0]);
    let twice = add(&mut g, "Mul", &[y, two], &[4, 3]);
    g.add_output("twice", twice);
    assert_eq!(stays_equal(&mut g, common_subexpressions::broadcast).0, 0);
}

#[test]
fn all_passes_together_keep_the_outputs() {
    for sampling in [SamplingForm::Gather, SamplingForm::Gridsample] {
        let model = probe::model(&probe::tiny(), Size::new(64, 64), sampling);
        let mut g = probe::graph(&model);
        let report = run(&mut g).unwrap();
        assert!(report.macs_saved() > 0.0);
        let apart = probe::largest_difference(&model, &g.to_model(&[]));
        assert!(apart <= EQUAL, "{apart} apart");
        // A second time there is nothing left to do.
        let again = run(&mut g).unwrap();
        assert!(again.passes.iter().all(|p| p.changes == 0), "{again:?}");
    }
}

/// ResNet-50 with the paper's decoder at 512×1024: what the passes save, counted on the graph.
#[test]
fn the_papers_network_loses_a_twentieth_and_its_decoder_a_third() {
    let config = NetworkConfig::preset("r50").unwrap();
    let model = probe::model(&config, Size::new(1024, 512), SamplingForm::Gather);
    let mut g = probe::graph(&model);
    drop(model);
    let decoder = |g: &OnnxGraph| -> u64 {
        let blocks = cost::blocks(g).into_iter();
        blocks
            .filter(|b| cost::is_decoder(&b.name))
            .map(|b| b.cost.macs)
            .sum()
    };
    let before = decoder(&g);
    let report = run(&mut g).unwrap();
    let saved = 1.0 - decoder(&g) as f64 / before as f64;
    for pass in &report.passes {
        println!(
            "{:45} {:4} changes, {:6.2} to {:6.2} GMAC, {:6.0} to {:6.0} MB, {} to {} nodes",
            pass.pass,
            pass.changes,
            pass.before.macs as f64 / 1e9,
            pass.after.macs as f64 / 1e9,
            pass.before.moved_bytes as f64 / 1e6,
            pass.after.moved_bytes as f64 / 1e6,
            pass.before.nodes,
            pass.after.nodes,
        );
    }
    println!(
        "saved {:.1} % of all, {:.1} % of the decoder",
        100.0 * report.macs_saved(),
        100.0 * saved
    );
    assert!(report.macs_saved() >= 0.05, "{}", report.macs_saved());
    assert!(saved >= 0.30, "{saved}");
}
