//! Placement of INT8 and float32.

use super::*;

#[test]
fn blocks_end_at_the_first_number() {
    for (name, block) in [
        ("backbone.res2.0.conv1/Conv", "backbone.res2.0"),
        ("backbone.stem.conv1/Conv", "backbone.stem"),
        ("/encoder/layers.3/fc/MatMul", "encoder.layers.3"),
        ("a.input_proj.0.1/Conv_2", "a.input_proj.0"),
        ("head/Conv", "head"),
        ("Conv_7", "Conv_7"),
        ("", "graph"),
    ] {
        assert_eq!(block_of(name), block, "{name}");
    }
}

#[test]
fn a_residual_block_has_its_shortcut_quantised_on_one_side() {
    let net = residual().net();
    let plan = QuantizePlan::new(&net);
    let want = ["stem.conv/Conv", "res.0.a/Conv", "res.0.b/Conv"];
    assert_eq!(names(&plan, &net), want);
    assert_eq!(plan.kept.len(), 1, "the head");
    assert_eq!(plan.tensors(), ["image", "res.0.relu", "stem.relu"]);
    assert_eq!(plan.blocks(), [("stem", 3888), ("res.0", 10368)]);
    assert_eq!(plan.macs, 3888 + 10368 + 2592);
    assert_eq!(plan.shortcuts.len(), 1);

    let written = int8(&net, 1.0, RestPrecision::Fp32).model;
    assert_eq!(ops(&written, "QuantizeLinear").len(), 3);
    assert_eq!(ops(&written, "DequantizeLinear").len(), 6);
    // The shortcut and the convolution read the same pair; the other side of the sum is bare.
    let add = ops(&written, "Add")[0];
    assert_eq!(add.input, ["stem.relu.dequantised", "res.0.b"]);
    let conv = ops(&written, "Conv");
    assert_eq!(
        conv[1].input,
        ["stem.relu.dequantised", "res.0.a.weight.dequantised"]
    );
    assert_eq!(conv[3].input, ["res.0.out", "head.weight"]);
    assert!(ops(&written, "Cast").is_empty());
}

#[test]
fn of_two_convolutions_that_are_added_only_one_output_is_quantised() {
    let mut b = Build::default();
    let shape = [1, 4, 6, 6];
    b.input(&[1, 3, 6, 6]);
    b.conv("image", "short", &shape, 3);
    b.conv("image", "long", &shape, 3);
    b.node("Add", &["long", "short"], "add", &shape);
    b.conv("add", "head", &shape, 4);
    b.output("head");
    let net = b.net();
    let plan = QuantizePlan::new(&net);
    let [shortcut] = &plan.shortcuts[..] else {
        panic!("{:?}", plan.shortcuts);
    };
    assert_eq!((shortcut.tensor.as_str(), shortcut.input), ("short", 1));
    // Without its convolution in INT8 the shortcut stays as it is.
    let only = BlockSet::Only(["short".to_owned()].into());
    let ranges = calibration(&net, 1.0);
    let written = rewrite(&net, &plan, &only, Some(&ranges), RestPrecision::Fp32).unwrap();
    assert_eq!(ops(&written.model, "Add")[0].input, ["long", "short"]);
    assert_eq!(ops(&written.model, "QuantizeLinear").len(), 1);
}

#[test]
fn attention_keeps_its_products_mask_and_norm() {
    let net = attention().net();
    let plan = QuantizePlan::new(&net);
    let want = ["q/MatMul", "k/MatMul", "v/MatMul", "out/MatMul"];
    assert_eq!(names(&plan, &net), want);
    assert_eq!(plan.tensors(), ["image", "mixed"]);
    assert!(plan.shortcuts.is_empty(), "no convolution is added");
    let islands: Vec<&str> = net
        .nodes()
        .iter()
        .zip(&plan.islands)
        .filter_map(|(n, island)| island.then_some(n.output[0].as_str()))
        .collect();
    assert_eq!(islands, ["masked", "soft", "norm", "class"]);

    let written = int8(&net, 1.0, RestPrecision::Fp16).model;
    let along: Vec<i64> = ops(&written, "DequantizeLinear")
        .iter()
        .filter(|n| n.input[0].ends_with("weight.int8"))
        .map(|n| n.attribute[0].i())
        .collect();
    assert_eq!(along, [1, 1, 1, 1], "output channels of a product");
    let types = types(&written);
    // Quantised layers speak float32 to their pairs; what lies between is FP16.
    for (name, dtype) in [
        ("q", DataType::Float),
        ("q.f16", DataType::Float16),
        ("scores", DataType::Float16),
        ("masked", DataType::Float),
        ("mask", DataType::Float),
        ("soft", DataType::Float),
        ("mixed", DataType::Float16),
        ("sum", DataType::Float16),
        ("norm", DataType::Float),
        ("class", DataType::Float),
        ("q.weight.int8", DataType::Int8),
    ] {
        assert_eq!(types.get(name), Some(&dtype), "{name}");
    }
    assert!(!types.contains_key("q.weight"), "no float copy is left");
}

#[test]
fn what_computes_coordinates_stays_float32() {
    let net = sampling().net();
    let plan = QuantizePlan::new(&net);
    assert_eq!(names(&plan, &net), ["value/MatMul", "out/MatMul"]);
    let kept: Vec<_> = plan
        .kept
        .iter()
        .map(|(i, why)| (net.nodes()[*i].name(), *why))
        .collect();
    assert_eq!(kept[0], ("offsets/MatMul", "computes sampling coordinates"));
    let island = |name: &str| {
        let at = net.producer(name).unwrap();
        plan.islands[at]
    };
    for name in ["offsets", "place", "inside", "cell", "fraction"] {
        assert!(island(name), "{name}");
    }
    for name in ["taken", "weighed", "value"] {
        assert!(!island(name), "{name}");
    }
    let fp16 = rewrite(&net, &plan, &BlockSet::none(), None, RestPrecision::Fp16).unwrap();
    let types = types(&fp16.model);
    assert_eq!(types["fraction"], DataType::Float);
    assert_eq!(types["taken"], DataType::Float16);
    assert_eq!(types["whole"], DataType::Int64);
}

#[test]
fn scores_in_the_graph_keep_the_class_layer_float() {
    // class → softmax, product with a sigmoid → output: the products behind both belong to the head.
    let mut b = Build::default();
    b.input(&[1, 4, 8]);
    b.weights("mix.weight", &[8, 8]);
    b.node("MatMul", &["image", "mix.weight"], "mix", &[1, 4, 8]);
    b.weights("class.weight", &[8, 4]);
    b.node("MatMul", &["mix", "class.weight"], "class", &[1, 4, 4]);
    b.node("Softmax", &["class"], "sure", &[1, 4, 4]);
    b.weights("mask.weight", &[8, 6]);
    b.node("MatMul", &["mix", "mask.weight"], "mask", &[1, 4, 6]);
    b.node("Sigmoid", &["mask"], "open", &[1, 4, 6]);
    b.node("MatMul", &["sure", "open"], "score", &[1, 4, 6]);
    b.output("score");
    let net = b.net();
    assert_eq!(names(&QuantizePlan::new(&net), &net), ["mix/MatMul"]);
}
