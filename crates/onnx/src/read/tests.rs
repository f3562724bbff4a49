//! Models that an engine may load: files made self-contained, sizes bounded before they run.

use super::{ReadLimits, Runnable, open, open_proto, runnable};
use crate::OnnxError;
use crate::ir::OnnxGraph;
use crate::messages::{
    AttributeProto, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, ValueInfoProto,
};
use std::fs;
use std::path::Path;

fn node(op: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: Some(op.into()),
        name: Some(format!("makes {output}")),
        input: inputs.iter().map(|&s| s.into()).collect(),
        output: vec![output.into()],
        attribute: attributes,
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

fn floats(name: &str, values: &[f32]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: vec![values.len() as i64],
        data_type: Some(DataType::Float as i32),
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// A model with the input `x` `[2, 3]` and the output `y`.
fn model(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(17),
        }],
        graph: Some(GraphProto {
            name: Some("g".into()),
            node,
            initializer,
            input: vec![ValueInfoProto::tensor("x", DataType::Float, &[2, 3])],
            output: vec![ValueInfoProto::tensor("y", DataType::Float, &[2, 3])],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

fn run(model: &ModelProto, folder: Option<&Path>) -> Result<Runnable, OnnxError> {
    runnable(model.to_bytes(), folder, &ReadLimits::default())
}

/// `w` of three floats in `file`.
fn outside(file: &str) -> TensorProto {
    let fact = StringStringEntryProto::new;
    TensorProto {
        float_data: vec![],
        data_location: Some(1),
        external_data: vec![fact("location", file), fact("length", "12")],
        ..floats("w", &[0.0; 3])
    }
}

#[test]
fn external_data_comes_inside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.onnx");
    let data = dir.path().join("m.onnx.data");
    let proto = model(
        vec![node("Mul", &["x", "w"], "y", vec![])],
        vec![outside("m.onnx.data")],
    );
    fs::write(&path, proto.to_bytes()).unwrap();
    let values = |v: [f32; 3]| v.map(f32::to_le_bytes).concat();
    fs::write(&data, values([1.0, 2.0, 3.0])).unwrap();
    let first = run(&proto, Some(dir.path())).unwrap();
    // The bytes need no folder any more, and hold what lay outside.
    let inside = ModelProto::from_bytes(&first.bytes).unwrap();
    assert_eq!(
        inside.graph.as_ref().unwrap().initializer[0].raw_data,
        Some(values([1.0, 2.0, 3.0]))
    );
    run(&inside, None).unwrap();
    assert_eq!(
        open(&path, &ReadLimits::default()).unwrap().sha256,
        first.sha256
    );
    // Other weights are another model, whatever the file says.
    fs::write(&data, values([1.0, 2.0, 4.0])).unwrap();
    assert_ne!(run(&proto, Some(dir.path())).unwrap().sha256, first.sha256);

    fs::remove_file(&data).unwrap();
    for folder in [Some(dir.path()), None] {
        let error = run(&proto, folder).unwrap_err().to_string();
        assert!(
            error.contains("`w`") && error.contains("m.onnx.data"),
            "{error}"
        );
        assert!(
            folder.is_none() || error.contains("external_data=False"),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_is_whole_is_not_touched() {
    let proto = model(vec![node("Relu", &["x"], "y", vec![])], vec![]);
    let bytes = proto.to_bytes();
    let found = runnable(bytes.clone(), None, &ReadLimits::default()).unwrap();
    assert_eq!(found.bytes, bytes);
    assert_eq!(found.precision, "fp32");
}

#[test]
fn constants_among_the_inputs_are_constants() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.onnx");
    let mut proto = model(
        vec![node("Mul", &["x", "w"], "y", vec![])],
        vec![floats("w", &[1.0, 2.0, 3.0])],
    );
    let graph = proto.graph.as_mut().unwrap();
    graph
        .input
        .insert(0, ValueInfoProto::tensor("w", DataType::Float, &[3]));
    fs::write(&path, proto.to_bytes()).unwrap();
    let names = |proto: &ModelProto| -> Vec<String> {
        let inputs = &proto.graph.as_ref().unwrap().input;
        inputs.iter().map(|i| i.name().to_owned()).collect()
    };
    let (read, _) = open_proto(&path, &ReadLimits::default()).unwrap();
    assert_eq!(names(&read), ["x"]);
    let found = run(&proto, None).unwrap();
    assert_eq!(names(&ModelProto::from_bytes(&found.bytes).unwrap()), ["x"]);
}

#[test]
fn what_grows_by_values_is_not_taken_at_its_word() {
    // The shape comes out of the image; the file says that it is small.
    let cast = |to| vec![AttributeProto::int("to", to as i64)];
    for (op, inputs) in [
        ("Expand", &["x", "sizes"][..]),
        ("Tile", &["x", "sizes"]),
        ("ConstantOfShape", &["sizes"]),
        ("Upsample", &["x", "sizes"]),
    ] {
        let mut proto = model(
            vec![
                node("Cast", &["x"], "sizes", cast(DataType::Int64)),
                node(op, inputs, "y", vec![]),
            ],
            vec![],
        );
        let graph = proto.graph.as_mut().unwrap();
        graph
            .value_info
            .push(ValueInfoProto::tensor("y", DataType::Float, &[2, 3]));
        let error = run(&proto, None).unwrap_err().to_string();
        assert!(error.contains("makes y") && error.contains(op), "{error}");
    }
}

#[test]
fn memory_is_bounded_before_a_graph_runs() {
    // What constants become counts as much as what an image becomes.
    for start in ["x", "c"] {
        let nodes = vec![
            node("Expand", &[start, "sizes"], "large", vec![]),
            node("ReduceMean", &["large"], "mean", vec![]),
            node("Add", &["x", "mean"], "y", vec![]),
        ];
        let constants = vec![
            ints("sizes", &[1 << 29, 2, 3]),
            TensorProto {
                dims: vec![1, 3],
                ..floats("c", &[1.0, 2.0, 3.0])
            },
        ];
        let error = run(&model(nodes, constants), None).unwrap_err().to_string();
        assert!(
            error.contains("too large") || error.contains("more than"),
            "{start}: {error}"
        );
    }
    let nodes = vec![
        node("Expand", &["x", "sizes"], "a", vec![]),
        node("Expand", &["x", "sizes"], "b", vec![]),
        node("Add", &["a", "b"], "sum", vec![]),
        node("ReduceMean", &["sum"], "mean", vec![]),
        node("Add", &["x", "mean"], "y", vec![]),
    ];
    let constants = vec![ints("sizes", &[1 << 26, 2, 3])];
    let proto = model(nodes, constants);
    let small = ReadLimits {
        memory_bytes: 1 << 30,
        ..ReadLimits::default()
    };
    let error = runnable(proto.to_bytes(), None, &small)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("4.8 GB of memory") && error.contains("1.1 GB"),
        "{error}"
    );
    run(&proto, None).unwrap();
}

#[test]
fn products_by_equation_have_their_shapes() {
    let shape = |equation: &str| -> Result<Vec<usize>, String> {
        let attributes = vec![AttributeProto::string("equation", equation)];
        let proto = model(
            vec![node("Einsum", &["x", "w"], "y", attributes)],
            vec![TensorProto {
                dims: vec![5, 3],
                ..floats("w", &[0.0; 15])
            }],
        );
        let (graph, _) = OnnxGraph::from_model(&proto, None, &ReadLimits::default())
            .map_err(|e| e.to_string())?;
        let (_, id) = &graph.outputs()[0];
        Ok(graph.value(*id).shape.clone())
    };
    assert_eq!(shape("ab,cb->ac"), Ok(vec![2, 5]));
    assert_eq!(shape("ab,cb"), Ok(vec![2, 5]));
    assert_eq!(shape("a...,c...->ac..."), Ok(vec![2, 5, 3]));
    assert_eq!(shape("a...,c..."), Ok(vec![3, 2, 5]));
    assert_eq!(shape("...b,cd->...bcd"), Ok(vec![2, 3, 5, 3]));
    for wrong in ["ab,ab->a", "a,cb->a", "ab,cb->ad", "ab->a", "...,... ->..."] {
        let error = shape(wrong).unwrap_err();
        assert!(error.contains("makes y"), "{wrong}: {error}");
    }
}
