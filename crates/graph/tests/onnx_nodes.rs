//! ONNX's own node tests after surgery, and after a file was written and read again: results stay
//! what the standard says, or the node is refused.

#[path = "../../engine/src/lower/tests/cases.rs"]
#[expect(dead_code, reason = "the engine's own test uses one more form")]
mod cases;

use cases::{Case, Form, cases, differs, fixture, floats_of, formed, value_of};
use rten::ModelOptions;
use unmask_engine::lowered;
use unmask_graph::surgery;
use unmask_onnx::ir::OnnxGraph;
use unmask_onnx::read::ReadLimits;

/// What is wrong with `case` after surgery; `Ok(false)` where it is refused.
fn run(case: &Case, form: Form) -> Result<bool, String> {
    let (model, left) = formed(case, form);
    let Ok((mut graph, metadata)) = OnnxGraph::from_model(&model, None, &ReadLimits::default())
    else {
        return Ok(false);
    };
    surgery::run(&mut graph).map_err(|e| e.to_string())?;
    let Ok(bytes) = lowered(&graph.to_model(&metadata).to_bytes()) else {
        return Ok(false);
    };
    let Ok(model) = ModelOptions::with_all_ops().load(bytes) else {
        return Ok(false);
    };
    let inputs = left.iter().filter_map(|(name, tensor)| {
        let id = model.node_id(name).ok()?;
        Some((id, value_of(tensor).into()))
    });
    let outputs = model.output_ids().to_vec();
    let Ok(values) = model.run(inputs.collect(), &outputs, None) else {
        return Ok(false);
    };
    for (i, value) in values.into_iter().enumerate() {
        let (shape, got) = floats_of(value);
        if let Some(what) = differs(case, i, &shape, &got) {
            return Err(what);
        }
    }
    Ok(true)
}

#[test]
fn surgery_keeps_node_tests_right() {
    let dir = tempfile::tempdir().unwrap();
    let cases = cases(&fixture(dir.path()));
    let mut wrong = Vec::new();
    for form in [Form::Data, Form::Weights] {
        let (mut equal, mut refused) = (0, 0);
        for case in &cases {
            match run(case, form) {
                Ok(true) => equal += 1,
                Ok(false) => refused += 1,
                Err(what) => wrong.push(format!("{} {form:?}: {what}", case.name)),
            }
        }
        println!("{form:?}, after surgery: {equal} equal, {refused} refused");
        assert!(equal > refused, "most are computed");
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
