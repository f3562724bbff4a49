//! What is written, and what is refused.

use super::*;

#[test]
fn int8_stays_near_float_and_is_the_same_every_time() {
    for (build, range) in [
        (residual as fn() -> Build, 8.0),
        (attention, 2.0),
        (sampling, 2.0),
    ] {
        let net = build().net();
        let want = run(&build().model());
        for rest in [RestPrecision::Fp32, RestPrecision::Fp16] {
            let written = int8(&net, range, rest);
            assert!(!written.layers.is_empty());
            let have = run(&written.model);
            let largest = want.iter().fold(0f32, |m, v| m.max(v.abs()));
            let error = |(w, h): (&f32, &f32)| (w - h).abs();
            let worst = want.iter().zip(&have).map(error).fold(0.0, f32::max);
            assert!(worst > 0.0, "nothing was rounded");
            // Three layers of 8 bits, ranges that fit.
            assert!(worst < 0.08 * largest, "{worst} of {largest}");
            assert_eq!(
                int8(&net, range, rest).model.to_bytes(),
                written.model.to_bytes()
            );
        }
    }
}

#[test]
fn fp16_alone_changes_weights_only_by_their_rounding() {
    for build in [residual as fn() -> Build, attention, sampling] {
        let net = build().net();
        let plan = QuantizePlan::new(&net);
        let written = rewrite(&net, &plan, &BlockSet::none(), None, RestPrecision::Fp16).unwrap();
        assert!(written.layers.is_empty());
        assert!(!ops(&written.model, "Cast").is_empty());
        let (want, have) = (run(&build().model()), run(&written.model));
        let largest = want.iter().fold(0f32, |m, v| m.max(v.abs()));
        for (w, h) in want.iter().zip(&have) {
            assert!((w - h).abs() <= 5e-3 * largest, "{w} {h}");
        }
    }
}

#[test]
fn outputs_stay_float32_under_their_names() {
    let mut b = residual();
    b.output("res.0.out");
    let net = b.net();
    let plan = QuantizePlan::new(&net);
    let written = rewrite(&net, &plan, &BlockSet::none(), None, RestPrecision::Fp16).unwrap();
    let graph = written.model.graph.as_ref().unwrap();
    let outs: Vec<&str> = graph.output.iter().map(|o| o.name()).collect();
    assert_eq!(outs, ["head", "res.0.out"]);
    let types = types(&written.model);
    assert_eq!(types["res.0.out"], DataType::Float);
    runs(written.model.to_bytes()).unwrap();
}

#[test]
fn weights_that_several_nodes_share_are_stored_once() {
    let mut b = residual();
    let at = b
        .graph
        .node
        .iter()
        .position(|n| n.name() == "res.0.b/Conv")
        .unwrap();
    b.graph.node[at].input[1] = "res.0.a.weight".into();
    let net = b.net();
    let written = int8(&net, 1.0, RestPrecision::Fp32).model;
    let graph = written.graph.unwrap();
    let small = graph
        .initializer
        .iter()
        .filter(|t| t.name().ends_with(".weight.int8"));
    assert_eq!(small.count(), 2, "stem and the shared one");
    assert!(
        !graph
            .initializer
            .iter()
            .any(|t| t.name() == "res.0.b.weight")
    );
}

#[test]
fn large_constants_that_are_added_are_stored_as_int8() {
    let build = || {
        let mut b = Build::default();
        b.input(&[1, 64, 64]);
        b.weights("place", &[1, 64, 64]);
        b.node("Add", &["image", "place"], "embed", &[1, 64, 64]);
        b.weights("a.weight", &[64, 8]);
        b.node("MatMul", &["embed", "a.weight"], "a", &[1, 64, 8]);
        b.weights("class.weight", &[8, 3]);
        b.node("MatMul", &["a", "class.weight"], "class", &[1, 64, 3]);
        b.output("class");
        b
    };
    let net = build().net();
    let written = int8(&net, 2.0, RestPrecision::Fp16).model;
    let types = types(&written);
    assert_eq!(types.get("place.int8"), Some(&DataType::Int8));
    assert!(!types.contains_key("place"));
    assert_eq!(ops(&written, "Add")[0].input[1], "place.f16");
    let (want, have) = (run(&build().model()), run(&written));
    let worst = want
        .iter()
        .zip(&have)
        .map(|(w, h)| (w - h).abs())
        .fold(0.0, f32::max);
    assert!(worst < 0.3, "{worst}");
    // Where its block keeps float, it does too.
    let plan = QuantizePlan::new(&net);
    let only = BlockSet::Only(["a".to_owned()].into());
    let written = rewrite(
        &net,
        &plan,
        &only,
        Some(&calibration(&net, 2.0)),
        RestPrecision::Fp32,
    )
    .unwrap();
    assert!(
        written
            .model
            .graph
            .unwrap()
            .initializer
            .iter()
            .any(|t| t.name() == "place")
    );
}

#[test]
fn a_range_that_is_missing_is_named() {
    let net = residual().net();
    let mut ranges = calibration(&net, 1.0);
    ranges.tensors.retain(|t| t.name != "stem.relu");
    let plan = QuantizePlan::new(&net);
    let error = rewrite(
        &net,
        &plan,
        &everything(),
        Some(&ranges),
        RestPrecision::Fp16,
    )
    .unwrap_err();
    assert!(error.to_string().contains("`stem.relu`"), "{error}");
    let error = rewrite(&net, &plan, &everything(), None, RestPrecision::Fp16).unwrap_err();
    assert!(
        matches!(error, QuantizeError::MissingTensor { .. }),
        "{error}"
    );
}

#[test]
fn the_hash_is_that_of_the_graph_not_of_the_metadata() {
    let mut model = residual().model();
    let hash = QuantizeGraph::new(model.clone()).unwrap().hash().to_owned();
    set_metadata(&mut model, "unmask.threshold", "0.5");
    set_metadata(&mut model, "unmask.threshold", "0.6");
    assert_eq!(model.metadata_props.len(), 1);
    assert_eq!(QuantizeGraph::new(model.clone()).unwrap().hash(), hash);
    model.graph.as_mut().unwrap().initializer[0]
        .raw_data
        .as_mut()
        .unwrap()[0] ^= 1;
    assert_ne!(QuantizeGraph::new(model).unwrap().hash(), hash);
}

#[test]
fn constants_in_nodes_are_taken_as_constants() {
    let mut model = residual().model();
    let graph = model.graph.as_mut().unwrap();
    let mut tensor = graph.initializer.remove(0);
    let name = tensor.name.take().unwrap();
    graph.node.insert(
        0,
        NodeProto {
            op_type: Some("Constant".into()),
            output: vec![name],
            attribute: vec![AttributeProto {
                t: Some(tensor),
                ..AttributeProto::int("value", 0)
            }],
            ..NodeProto::default()
        },
    );
    let net = QuantizeGraph::new(model).unwrap();
    assert_eq!(QuantizePlan::new(&net).layers.len(), 3);
}

#[test]
fn graphs_that_cannot_be_quantised_are_refused_with_the_reason() {
    type Change = fn(&mut ModelProto);
    let cases: [(Change, &str); 8] = [
        (|m| m.opset_import[0].version = Some(11), "opset 11"),
        (
            |m| {
                m.graph.as_mut().unwrap().value_info.remove(1);
            },
            "`stem.relu`",
        ),
        (
            |m| m.graph.as_mut().unwrap().node.swap(0, 1),
            "before it is written",
        ),
        (
            |m| m.graph.as_mut().unwrap().node[1].op_type = Some("QuantizeLinear".into()),
            "quantised already",
        ),
        (
            |m| m.graph.as_mut().unwrap().initializer[0].data_type = Some(DataType::Float16 as i32),
            "half precision",
        ),
        (
            |m| m.graph.as_mut().unwrap().initializer[0].data_location = Some(1),
            "weights in another file",
        ),
        (
            |m| m.graph.as_mut().unwrap().initializer[0].dims[0] = -4,
            "has the shape [-4,",
        ),
        (
            |m| {
                m.graph.as_mut().unwrap().node[1]
                    .attribute
                    .push(AttributeProto {
                        g: Some(GraphProto::default()),
                        ..AttributeProto::int("body", 0)
                    });
            },
            "a graph of its own",
        ),
    ];
    for (change, said) in cases {
        let mut model = residual().model();
        change(&mut model);
        let error = QuantizeGraph::new(model).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_graph_that_gives_no_numbers_fails_its_check() {
    let mut b = residual();
    let head = b
        .graph
        .initializer
        .iter_mut()
        .find(|t| t.name() == "head.weight");
    head.unwrap().raw_data.as_mut().unwrap()[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = runs(b.model().to_bytes()).unwrap_err().to_string();
    assert!(
        error.contains("`head`") && error.contains("not finite"),
        "{error}"
    );
    let error = runs(vec![1, 2, 3]).unwrap_err().to_string();
    assert!(error.contains("does not run"), "{error}");
}
