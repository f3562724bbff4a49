//! The reader of `unmask-onnx`, on small models and on what this crate writes.

use crate::probe;
use crate::write::SamplingForm;
use std::fs;
use unmask_frame::Size;
use unmask_onnx::OnnxError;
use unmask_onnx::ir::OnnxGraph;
use unmask_onnx::messages::{
    AttributeProto, DataType, Dimension, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, ValueInfoProto, type_proto,
};
use unmask_onnx::read::{ReadLimits, open, parse};

fn node(op: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: Some(op.into()),
        name: Some(format!("/net/{op}")),
        input: inputs.iter().map(|&s| s.into()).collect(),
        output: outputs.iter().map(|&s| s.into()).collect(),
        attribute,
        ..NodeProto::default()
    }
}

fn ints(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: vec![values.len() as i64],
        data_type: Some(DataType::Int64 as i32),
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn model(opset: i64, node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(opset),
        }],
        graph: Some(GraphProto {
            name: Some("g".into()),
            node,
            initializer,
            input: vec![ValueInfoProto::tensor("x", DataType::Float, &[1, 2, 4, 6])],
            output: vec![ValueInfoProto {
                name: Some("y".into()),
                ..ValueInfoProto::default()
            }],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

fn read(model: &ModelProto) -> Result<OnnxGraph, OnnxError> {
    OnnxGraph::from_model(model, None, &ReadLimits::default()).map(|(graph, _)| graph)
}

fn shape(model: &ModelProto) -> Vec<usize> {
    let graph = read(model).unwrap();
    graph.value(graph.outputs()[0].1).shape.clone()
}

#[track_caller]
fn refused(model: &ModelProto, parts: &[&str]) {
    let error = read(model).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn our_own_export_comes_back_the_same() {
    for sampling in [SamplingForm::Gather, SamplingForm::Gridsample] {
        let model = probe::model(&probe::tiny(), Size::new(64, 32), sampling);
        let (graph, metadata) =
            OnnxGraph::from_model(&model, None, &ReadLimits::default()).unwrap();
        let back = graph.to_model(&metadata);
        assert_eq!(back.metadata_props, model.metadata_props);
        let (old, new) = (model.graph.as_ref().unwrap(), back.graph.as_ref().unwrap());
        assert_eq!(old.node, new.node);
        assert_eq!(old.input, new.input);
        assert_eq!(old.output, new.output);
        // What inference finds is what the writer knew.
        assert_eq!(old.value_info, new.value_info);
        assert_eq!(old.initializer.len(), new.initializer.len());
        assert_eq!(probe::largest_difference(&model, &back), 0.0);
    }
}

#[test]
fn arithmetic_on_shapes_becomes_numbers() {
    // Reshape to [batch, -1, last two axes], as torch.onnx writes it.
    let starts = [
        ints("two", &[2]),
        ints("four", &[4]),
        ints("open", &[-1]),
        ints("zero", &[0]),
    ];
    let nodes = vec![
        node("Shape", &["x"], &["s"], vec![]),
        node(
            "Gather",
            &["s", "zero"],
            &["n"],
            vec![AttributeProto::int("axis", 0)],
        ),
        node("Slice", &["s", "two", "four"], &["hw"], vec![]),
        node(
            "Cast",
            &["hw"],
            &["hwf"],
            vec![AttributeProto::int("to", 1)],
        ),
        node(
            "Cast",
            &["hwf"],
            &["hwi"],
            vec![AttributeProto::int("to", 7)],
        ),
        node(
            "Concat",
            &["n", "open", "hwi"],
            &["t"],
            vec![AttributeProto::int("axis", 0)],
        ),
        node("Reshape", &["x", "t"], &["y"], vec![]),
    ];
    let model = model(17, nodes, starts.into());
    let graph = read(&model).unwrap();
    assert_eq!(graph.nodes().len(), 1);
    assert_eq!(graph.nodes()[0].title(), "/net/Reshape");
    assert_eq!(&*graph.nodes()[0].scope, "net");
    assert_eq!(shape(&model), [1, 2, 4, 6]);
}

#[test]
fn nodes_in_any_order_are_read_and_circles_are_found() {
    let mut nodes = vec![
        node("Exp", &["a"], &["y"], vec![]),
        node("Relu", &["x"], &["a"], vec![]),
    ];
    let graph = read(&model(17, nodes.clone(), vec![])).unwrap();
    assert_eq!(graph.nodes()[0].op, "Relu");
    nodes[1].input = vec!["y".into()];
    refused(&model(17, nodes.clone(), vec![]), &["/net/", "cycle"]);
    nodes[1].input = vec!["nowhere".into()];
    refused(
        &model(17, nodes.clone(), vec![]),
        &["/net/Relu", "`nowhere`"],
    );
    nodes[1].output = vec!["y".into()];
    refused(
        &model(17, nodes, vec![]),
        &["/net/Relu", "another node writes"],
    );
}

#[test]
fn newer_opsets_are_brought_to_17() {
    let reduce = node("ReduceMax", &["x", "axes"], &["y"], vec![]);
    let model_18 = model(18, vec![reduce], vec![ints("axes", &[-1])]);
    let graph = read(&model_18).unwrap();
    assert_eq!(graph.nodes()[0].ints("axes"), Some(&[-1][..]));
    assert_eq!(shape(&model_18), [1, 2, 4, 1]);

    let attributes = vec![
        AttributeProto::int("axis", 3),
        AttributeProto::int("num_outputs", 4),
    ];
    let split = node("Split", &["x"], &["a", "b", "c", "y"], attributes);
    // 6 in four parts of two: the last one holds nothing.
    assert_eq!(shape(&model(18, vec![split], vec![])), [1, 2, 4, 0]);

    let pad = node("Pad", &["x", "pads", "", "axes"], &["y"], vec![]);
    let pads = vec![ints("pads", &[1, 2]), ints("axes", &[2])];
    assert_eq!(shape(&model(18, vec![pad], pads)), [1, 2, 7, 6]);

    let attributes = vec![AttributeProto::ints("axes", [2, 3])];
    let resize = node("Resize", &["x", "", "", "sizes"], &["y"], attributes);
    let sizes = vec![ints("sizes", &[8, 3])];
    assert_eq!(shape(&model(18, vec![resize], sizes)), [1, 2, 8, 3]);

    let gelu = node("Gelu", &["x"], &["y"], vec![]);
    let gelu = model(20, vec![gelu], vec![]);
    let graph = read(&gelu).unwrap();
    assert_eq!(graph.nodes().len(), 5);
    let y = probe::run(&graph.to_model(&[]));
    let x = probe::noise(77, 48);
    // 0.5·x·(1 + erf(x/√2)) by its odd series.
    let erf = |x: f64| {
        let terms = (0..30).scan(x, |t, n| {
            let now = *t / f64::from(2 * n + 1);
            *t *= -x * x / f64::from(n + 1);
            Some(now)
        });
        terms.sum::<f64>() * 2.0 / std::f64::consts::PI.sqrt()
    };
    for (x, y) in x.iter().zip(&y[0].1) {
        let x = f64::from(*x);
        let want = 0.5 * x * (1.0 + erf(x / 2.0f64.sqrt()));
        assert!((want - f64::from(*y)).abs() < 1e-6, "{x}: {want} {y}");
    }

    for opset in [12, 26] {
        let relu = node("Relu", &["x"], &["y"], vec![]);
        refused(&model(opset, vec![relu], vec![]), &["opset", "13 to 25"]);
    }
}

#[test]
fn several_outputs_and_gaps_are_kept() {
    let k = ints("k", &[3]);
    let top = node("TopK", &["x", "k"], &["", "places"], vec![]);
    let cast = node(
        "Cast",
        &["places"],
        &["y"],
        vec![AttributeProto::int("to", 1)],
    );
    let model = model(17, vec![top, cast], vec![k]);
    let graph = read(&model).unwrap();
    assert_eq!(shape(&model), [1, 2, 4, 3]);
    let back = graph.to_model(&[]).graph.unwrap();
    assert_eq!(back.node[0].output, ["", "places"]);
}

#[test]
fn operators_that_are_not_known_need_a_stated_shape() {
    let bogus = node("Bogus", &["x"], &["y"], vec![]);
    let mut model = model(17, vec![bogus], vec![]);
    refused(&model, &["/net/Bogus", "not known here"]);
    let info = ValueInfoProto::tensor("y", DataType::Float, &[5]);
    model.graph.as_mut().unwrap().value_info.push(info);
    assert_eq!(shape(&model), [5]);
    model.graph.as_mut().unwrap().node[0].domain = Some("com.example".into());
    refused(&model, &["/net/Bogus", "com.example"]);
}

#[test]
fn shapes_that_cannot_be_are_refused_with_the_node() {
    let reshape = |target: &[i64]| {
        let nodes = vec![node("Reshape", &["x", "t"], &["y"], vec![])];
        model(17, nodes, vec![ints("t", target)])
    };
    refused(&reshape(&[5, 5]), &["/net/Reshape", "[5, 5]"]);
    refused(&reshape(&[i64::MAX, i64::MAX, 4]), &["/net/Reshape"]);
    let expand = |target: &[i64]| {
        let nodes = vec![node("Expand", &["x", "t"], &["y"], vec![])];
        model(17, nodes, vec![ints("t", target)])
    };
    refused(
        &expand(&[1 << 40, 1, 1, 1, 1]),
        &["/net/Expand", "elements"],
    );
    refused(&expand(&[1; 9]), &["/net/Expand", "9 axes"]);
    refused(&expand(&[-1]), &["/net/Expand", "-1"]);
    let huge = TensorProto {
        dims: vec![1 << 31, 1 << 31, 4],
        ..ints("t", &[])
    };
    let nodes = vec![node("Expand", &["x", "t"], &["y"], vec![])];
    refused(&model(17, nodes, vec![huge]), &["`t`", "shape"]);
    let mut dynamic = model(17, vec![node("Relu", &["x"], &["y"], vec![])], vec![]);
    let input = &mut dynamic.graph.as_mut().unwrap().input[0];
    if let Some(type_proto::Value::TensorType(t)) =
        input.r#type.as_mut().and_then(|t| t.value.as_mut())
    {
        t.shape.as_mut().unwrap().dim[0] = Dimension {
            value: Some(DimensionValue::DimParam("batch".into())),
            denotation: None,
        };
    }
    refused(&dynamic, &["`x`", "[batch, 2, 4, 6]", "dynamic_axes"]);
    let small = ReadLimits {
        nodes: 0,
        ..ReadLimits::default()
    };
    let relu = model(17, vec![node("Relu", &["x"], &["y"], vec![])], vec![]);
    let error = OnnxGraph::from_model(&relu, None, &small).unwrap_err();
    assert!(matches!(error, OnnxError::Limit { .. }), "{error}");
}

fn external(location: &str, length: &str) -> ModelProto {
    let fact = StringStringEntryProto::new;
    let tensor = TensorProto {
        name: Some("w".into()),
        dims: vec![2],
        data_type: Some(DataType::Float as i32),
        data_location: Some(1),
        external_data: vec![
            fact("location", location),
            fact("offset", "4"),
            fact("length", length),
        ],
        ..TensorProto::default()
    };
    let nodes = vec![node("Mul", &["x", "w"], &["y"], vec![])];
    let mut model = model(17, nodes, vec![tensor]);
    model.graph.as_mut().unwrap().input = vec![ValueInfoProto::tensor("x", DataType::Float, &[2])];
    model
}

#[test]
fn external_data_is_read_in_the_models_folder_only() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    fs::create_dir(&folder).unwrap();
    let bytes: Vec<u8> = [1.0f32, 2.0, 3.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    fs::write(folder.join("w.bin"), &bytes).unwrap();
    fs::write(dir.path().join("outside.bin"), &bytes).unwrap();
    let path = folder.join("m.onnx");
    let open_with = |location: &str, length: &str| {
        fs::write(&path, external(location, length).to_bytes()).unwrap();
        open(&path, &ReadLimits::default())
    };
    let read = open_with("w.bin", "8").unwrap();
    let w = read.graph.nodes()[0].input(1).unwrap();
    assert_eq!(read.graph.f32_constant(w).unwrap()[..], [2.0, 3.0]);
    assert_eq!(read.sha256.len(), 64);

    let outside = dir.path().join("outside.bin");
    let mut cases = vec![
        ("../outside.bin".to_owned(), "own folder"),
        (outside.display().to_string(), "own folder"),
        ("missing.bin".to_owned(), "external_data=False"),
        (String::new(), "own folder"),
        (".".to_owned(), "not a file"),
    ];
    if cfg!(unix) {
        #[cfg(unix)]
        std::os::unix::fs::symlink(&outside, folder.join("link.bin")).unwrap();
        cases.push(("link.bin".to_owned(), "link that leads out"));
    }
    for (location, part) in cases {
        let error = open_with(&location, "8").unwrap_err();
        assert!(matches!(error, OnnxError::External { .. }), "{error}");
        assert!(error.to_string().contains(part), "{location}: {error}");
    }
    for (length, part) in [("9", "9 bytes"), ("x", "not a number")] {
        let error = open_with("w.bin", length).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    // The file ends before the second element does.
    fs::write(folder.join("w.bin"), &bytes[..10]).unwrap();
    let error = open_with("w.bin", "8").unwrap_err().to_string();
    assert!(error.contains("cannot be read there"), "{error}");
    // From memory there is no folder.
    let error = OnnxGraph::from_model(&external("w.bin", "8"), None, &ReadLimits::default());
    assert!(matches!(error, Err(OnnxError::External { .. })));
}

#[test]
fn files_over_the_limit_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.onnx");
    fs::write(&path, [0; 100]).unwrap();
    let limits = ReadLimits {
        bytes: 99,
        ..ReadLimits::default()
    };
    let error = open(&path, &limits).unwrap_err().to_string();
    assert!(
        error.contains("100 bytes") && error.contains("99"),
        "{error}"
    );
    assert!(matches!(
        open(dir.path(), &limits),
        Err(OnnxError::Read { .. } | OnnxError::Limit { .. })
    ));
}

/// Whatever is cut off or changed, reading ends in a graph or an error.
#[test]
fn damaged_files_never_panic() {
    let config = unmask_network::NetworkConfig {
        decoder_layers: 1,
        ..probe::tiny()
    };
    let bytes = probe::model(&config, Size::new(32, 32), SamplingForm::Gather).to_bytes();
    let limits = ReadLimits {
        elements: 1 << 20,
        ..ReadLimits::default()
    };
    let try_bytes = |bytes: &[u8]| {
        if let Ok(model) = parse(bytes) {
            let _ = OnnxGraph::from_model(&model, None, &limits);
        }
    };
    let steps = 300;
    for i in 0..steps {
        try_bytes(&bytes[..bytes.len() * i / steps]);
    }
    // Most bytes are weights: changes go to the rest.
    let mut small = probe::model(&config, Size::new(32, 32), SamplingForm::Gather);
    for tensor in &mut small.graph.as_mut().unwrap().initializer {
        if tensor.data_type() == DataType::Float && tensor.dims.iter().product::<i64>() > 8 {
            tensor.dims = vec![1];
            tensor.raw_data = Some(vec![0; 4]);
        }
    }
    let small = small.to_bytes();
    let mut state = 1u64;
    for _ in 0..500 {
        let mut damaged = bytes.clone();
        let mut damaged_small = small.clone();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let (place, value) = ((state >> 33) as usize, (state >> 20) as u8);
            let n = damaged.len();
            damaged[place % n] ^= value;
            let n = damaged_small.len();
            damaged_small[place % n] ^= value;
        }
        try_bytes(&damaged_small);
        if state.is_multiple_of(8) {
            try_bytes(&damaged);
        }
    }
}

#[test]
fn computed_constants_have_a_limit_together() {
    let nodes = ["a", "b", "y"].map(|to| node("ConstantOfShape", &["shape"], &[to], vec![]));
    let model = model(17, nodes.to_vec(), vec![ints("shape", &[400])]);
    let limits = |elements| ReadLimits {
        elements,
        ..ReadLimits::default()
    };
    for (elements, left) in [(1000, 1), (1200, 0)] {
        let (graph, _) = OnnxGraph::from_model(&model, None, &limits(elements)).unwrap();
        let graph = graph.nodes();
        assert_eq!(graph.len(), left, "{elements}");
    }
}

#[test]
fn a_stated_shape_that_contradicts_the_operator_is_not_computed_with() {
    let floats = |name: &str, dims: &[i64]| TensorProto {
        name: Some(name.into()),
        dims: dims.to_vec(),
        data_type: Some(DataType::Float as i32),
        float_data: vec![1.0; dims.iter().product::<i64>() as usize],
        ..TensorProto::default()
    };
    let perm = AttributeProto {
        name: Some("perm".into()),
        r#type: Some(7),
        ints: vec![0, 0],
        ..AttributeProto::default()
    };
    let cases = [
        ("Expand", vec!["a", "to"], vec![]),
        ("Add", vec!["a", "b"], vec![]),
        ("Where", vec!["a", "b", "b"], vec![]),
        ("Transpose", vec!["a"], vec![perm]),
        ("MatMul", vec!["none", "none"], vec![]),
        ("Split", vec!["a", "to"], vec![]),
        ("Concat", vec!["a", "b"], vec![]),
    ];
    for (op, inputs, attributes) in cases {
        for stated in [&[][..], &[7], &[1, 1, 1, 1, 7]] {
            let constants = vec![
                floats("a", &[2, 3]),
                floats("b", &[5, 7]),
                floats("none", &[3, 0]),
                ints("to", &[4, 5]),
            ];
            let nodes = vec![node(op, &inputs, &["y"], attributes.clone())];
            let mut model = model(17, nodes, constants);
            let graph = model.graph.as_mut().unwrap();
            let info = ValueInfoProto::tensor("y", DataType::Float, stated);
            graph.output = vec![info.clone()];
            graph.value_info.push(info);
            // Refused, or kept as a node that nobody computed.
            if let Ok(graph) = read(&model) {
                assert_eq!(graph.nodes().len(), 1, "{op} {stated:?}");
            }
        }
    }
}
