use super::*;
use crate::probe;
use crate::write::SamplingForm;
use unmask_frame::Size;
use unmask_onnx::messages::{Dimension, OperatorSetIdProto};

fn model(opset: i64, node: NodeProto, constant: TensorProto) -> ModelProto {
    ModelProto {
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(opset),
        }],
        graph: Some(GraphProto {
            node: vec![node],
            initializer: vec![constant],
            input: vec![ValueInfoProto::tensor("x", DataType::Float, &[1, 2, 4, 6])],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

fn node(op: &str, input: &[&str]) -> NodeProto {
    NodeProto {
        op_type: Some(op.into()),
        name: Some(format!("part/{op}")),
        input: input.iter().map(|&s| s.into()).collect(),
        output: vec!["y".into()],
        ..NodeProto::default()
    }
}

#[track_caller]
fn finds(model: &ModelProto, fate: LintSeverity, place: &str, part: &str) {
    let found = lint(model);
    assert!(
        found
            .iter()
            .any(|f| f.severity == fate && f.place == place && f.what.contains(part)),
        "{found:?}"
    );
}

#[test]
fn our_own_export_is_clean_and_grid_samples_are_named() {
    let clean = probe::model(&probe::tiny(), Size::new(32, 32), SamplingForm::Gather);
    assert_eq!(lint(&clean), []);
    let sampled = probe::model(&probe::tiny(), Size::new(32, 32), SamplingForm::Gridsample);
    let found = lint(&sampled);
    assert!(!found.is_empty());
    assert!(
        found
            .iter()
            .all(|f| f.op == "GridSample" && f.place.contains("sampling"))
    );
}

#[test]
fn what_is_refused_or_wrong_is_found_with_its_node() {
    let zero = |dtype: DataType, value| TensorProto {
        name: Some("z".into()),
        data_type: Some(dtype as i32),
        int32_data: vec![value],
        ..TensorProto::default()
    };
    let none = TensorProto::default();
    let grid = model(20, node("GridSample", &["x", "g"]), none.clone());
    finds(&grid, LintSeverity::Wrong, "part/GridSample", "#4646");
    let odd = model(17, node("Unique", &["x"]), none.clone());
    finds(&odd, LintSeverity::Refused, "part/Unique", "parser");
    let mut other = node("Gelu", &["x"]);
    other.domain = Some("com.microsoft".into());
    let other = model(17, other, none);
    finds(&other, LintSeverity::Wrong, "part/Gelu", "com.microsoft");
    let q = |z| model(17, node("QuantizeLinear", &["x", "s", "z"]), z);
    let place = "part/QuantizeLinear";
    finds(
        &q(zero(DataType::Int8, 3)),
        LintSeverity::Refused,
        place,
        "zero point",
    );
    finds(
        &q(zero(DataType::Uint8, 0)),
        LintSeverity::Wrong,
        place,
        "uint8",
    );
    assert_eq!(lint(&q(zero(DataType::Int8, 0))), []);
    let double = zero(DataType::Double, 0);
    finds(&q(double), LintSeverity::Risky, "z", "Double");
    let text = zero(DataType::String, 0);
    finds(&q(text), LintSeverity::Refused, "z", "String");
    let infinite = TensorProto {
        name: Some("z".into()),
        data_type: Some(DataType::Float as i32),
        float_data: vec![f32::NEG_INFINITY],
        ..TensorProto::default()
    };
    let masked = model(17, node("Where", &["c", "z", "x"]), infinite);
    finds(&masked, LintSeverity::Risky, "part/Where", "NaN");
}

#[test]
fn inputs_and_data_elsewhere_are_looked_at() {
    let outside = TensorProto {
        name: Some("w".into()),
        data_type: Some(DataType::Float as i32),
        data_location: Some(1),
        external_data: vec![unmask_onnx::messages::StringStringEntryProto::new(
            "location", "../w.bin",
        )],
        ..TensorProto::default()
    };
    let mut model = model(17, node("Relu", &["x"]), outside);
    finds(&model, LintSeverity::Refused, "w", "../w.bin");
    let input = &mut model.graph.as_mut().unwrap().input[0];
    *input = ValueInfoProto::tensor("x", DataType::Float, &[4, 2, 4, 6]);
    finds(&model, LintSeverity::Wrong, "x", "#4853");
    let input = &mut model.graph.as_mut().unwrap().input[0];
    if let Some(type_proto::Value::TensorType(t)) =
        input.r#type.as_mut().and_then(|t| t.value.as_mut())
    {
        t.shape.as_mut().unwrap().dim[2] = Dimension::default();
    }
    finds(&model, LintSeverity::Refused, "x", "dynamic axes");
}

#[test]
fn what_the_parser_lists_as_refused_is_found() {
    let none = TensorProto::default;
    let window = model(17, node("HannWindow", &["x"]), none());
    let found = lint(&window);
    assert_eq!((found.len(), found[0].versions.as_str()), (1, "10.3"));
    for (opset, refusals) in [(20, 0), (21, 1), (25, 2), (26, 3)] {
        let found = lint(&model(opset, node("Relu", &["x"]), none()));
        assert_eq!(found.len(), refusals, "opset {opset}");
    }
    let resize = |attribute: AttributeProto| {
        let mut node = node("Resize", &["x"]);
        node.attribute.push(attribute);
        model(18, node, none())
    };
    assert_eq!(lint(&resize(AttributeProto::string("mode", "linear"))), []);
    for (attribute, part) in [
        (
            AttributeProto::string("coordinate_transformation_mode", "tf_crop_and_resize"),
            "tf_crop_and_resize",
        ),
        (AttributeProto::int("antialias", 1), "antialias"),
        (
            AttributeProto::string("keep_aspect_ratio_policy", "not_larger"),
            "not_larger",
        ),
    ] {
        finds(
            &resize(attribute),
            LintSeverity::Refused,
            "part/Resize",
            part,
        );
    }
    let count = |k: i64| TensorProto {
        name: Some("k".into()),
        data_type: Some(DataType::Int64 as i32),
        int64_data: vec![k],
        dims: vec![1],
        ..TensorProto::default()
    };
    let top = |k| model(17, node("TopK", &["x", "k"]), count(k));
    assert_eq!(lint(&top(100)), []);
    assert_eq!(lint(&top(3840)), []);
    finds(&top(3841), LintSeverity::Refused, "part/TopK", "3840");
    let mut bytes = model(17, node("Relu", &["x"]), none());
    let graph = bytes.graph.as_mut().unwrap();
    let info = ValueInfoProto::tensor("b", DataType::Uint8, &[1]);
    graph.value_info.push(info);
    finds(
        &bytes,
        LintSeverity::Refused,
        "b",
        "inputs and outputs only",
    );
}
