//! ONNX's own node tests (`tests/fixtures/make_onnx_nodes.py`) through reader, lowering and
//! runtime: each gives what the standard says, or is refused with its node. None is wrong.

mod cases;

use super::lower;
use crate::cpu::CpuProgram;
use cases::{Case, Form, cases, differs, fixture, floats_of, formed, shape_of, value_of};
use rten::{ThreadPool, Value};
use rten_tensor::Tensor;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use unmask_onnx::ir::{OnnxGraph, TensorData};
use unmask_onnx::messages::{AttributeProto, DataType};
use unmask_onnx::read::ReadLimits;

#[derive(Debug, PartialEq)]
enum Fate {
    Equal,
    Refused(String),
    Wrong(String),
}

fn run(case: &Case, form: Form, pool: &Arc<ThreadPool>) -> Fate {
    let (model, left) = formed(case, form);
    let read = OnnxGraph::from_model(&model, None, &ReadLimits::default());
    let mut graph = match read {
        Ok((graph, _)) => graph,
        Err(e) => return Fate::Refused(format!("read: {e}")),
    };
    // A value that the reader computed has no node.
    let whole = |graph: &OnnxGraph| graph.nodes().is_empty();
    if whole(&graph) {
        for (i, (_, id)) in graph.outputs().to_vec().into_iter().enumerate() {
            let value = graph.value(id);
            if let Some(data) = graph.constant(id)
                && let Some(what) = differs(case, i, &value.shape, &data.to_f64())
            {
                return Fate::Wrong(format!("folded: {what}"));
            }
        }
    }
    let kinds: Vec<(DataType, Vec<usize>)> = graph
        .outputs()
        .iter()
        .map(|(_, id)| {
            let value = graph.value(*id);
            (value.dtype, value.shape.clone())
        })
        .collect();
    for (i, ((dtype, shape), want)) in kinds.iter().zip(&case.outputs).enumerate() {
        if *dtype != want.data_type() || *shape != shape_of(want) {
            return Fate::Wrong(format!(
                "output {i} is inferred as {dtype:?} {shape:?}, not {:?} {:?}",
                want.data_type(),
                want.dims
            ));
        }
    }
    if let Err(e) = lower(&mut graph) {
        return Fate::Refused(format!("lower: {e}"));
    }
    let mut program = match CpuProgram::new(&graph, pool.clone()) {
        Ok(program) => program,
        Err(e) => return Fate::Wrong(format!("refused late, by the runtime: {e}")),
    };
    let inputs: Vec<Value> = graph
        .inputs()
        .iter()
        .map(|&id| {
            let name = graph.value(id).label.clone().unwrap();
            let (_, tensor) = left.iter().find(|(n, _)| **n == *name).unwrap();
            value_of(tensor)
        })
        .collect();
    let views: Vec<_> = inputs.iter().map(Value::as_view).collect();
    let places: Vec<usize> = (0..graph.outputs().len()).collect();
    let done = catch_unwind(AssertUnwindSafe(|| program.run(&views, &places)));
    let values = match done {
        Ok(Ok(values)) => values,
        Ok(Err(e)) => return Fate::Wrong(format!("refused when it ran: {e}")),
        Err(_) => return Fate::Wrong("the runtime panicked".to_owned()),
    };
    for (i, value) in values.into_iter().enumerate() {
        let (shape, got) = floats_of(value);
        if let Some(what) = differs(case, i, &shape, &got) {
            return Fate::Wrong(what);
        }
    }
    Fate::Equal
}

#[test]
fn node_tests_are_equal_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let cases = cases(&fixture(dir.path()));
    let pool = Arc::new(ThreadPool::with_num_threads(1));
    let mut wrong = Vec::new();
    let only = std::env::var("UNMASK_NODE_TEST").ok();
    {
        for form in [Form::Data, Form::Weights, Form::Constants] {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for case in &cases {
                if only
                    .as_ref()
                    .is_some_and(|o| !case.name.contains(o.as_str()))
                {
                    continue;
                }
                let fate = run(case, form, &pool);
                let key = match &fate {
                    Fate::Equal => "equal",
                    Fate::Refused(why) => {
                        if only.is_some() || std::env::var_os("UNMASK_NODE_REFUSALS").is_some() {
                            println!("{} {form:?}: {why}", case.name);
                        }
                        "refused"
                    }
                    Fate::Wrong(what) => {
                        wrong.push(format!("{} {form:?}: {what}", case.name));
                        "wrong"
                    }
                };
                *counts.entry(key).or_default() += 1;
            }
            println!("{form:?}: {counts:?}");
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn sums_of_bytes_are_exact() {
    // Full-range bytes over more terms than float32 holds: 3 × 3 × 64.
    let (channels, outputs, side) = (64, 3, 6);
    let mut graph = OnnxGraph::default();
    let x = graph.add_typed_input("x", DataType::Uint8, &[1, channels, side, side]);
    let bytes = |n: usize, by: usize| (0..n).map(move |i| ((i * by) % 256) as u8);
    let w: Vec<i8> = bytes(outputs * channels * 9, 89).map(|b| b as i8).collect();
    let w = graph.add_constant(&[outputs, channels, 3, 3], TensorData::I8(w.into()), None);
    let zero = graph.add_constant(&[], TensorData::U8([201].into()), None);
    let pads = AttributeProto::ints("pads", [1, 1, 1, 1]);
    let inputs = [Some(x), Some(w), Some(zero)];
    let scope = "net".into();
    let shape = [1, outputs, side, side];
    let y = graph.add_node(
        "ConvInteger",
        &scope,
        &inputs,
        vec![pads],
        DataType::Int32,
        &shape,
    );
    graph.add_output("y", y);
    lower(&mut graph).unwrap();
    let pool = Arc::new(ThreadPool::with_num_threads(1));
    let mut program = CpuProgram::new(&graph, pool).unwrap();
    let values: Vec<u8> = bytes(channels * side * side, 251)
        .map(|b| b | 0x80)
        .collect();
    let given: Value = Tensor::from_data(&[1, channels, side, side][..], values.clone()).into();
    let got = program.run(&[given.as_view()], &[0]).unwrap().remove(0);
    let (_, got) = floats_of(got);
    let weights: Vec<i8> = bytes(outputs * channels * 9, 89).map(|b| b as i8).collect();
    for (place, got) in got.into_iter().enumerate() {
        let (o, y, x) = (place / (side * side), place / side % side, place % side);
        let mut want = 0i64;
        for c in 0..channels {
            for (k, (dy, dx)) in (0..9).map(|k| (k, (k / 3, k % 3))) {
                let (v, u) = (y + dy, x + dx);
                if (1..=side).contains(&v) && (1..=side).contains(&u) {
                    let value = values[(c * side + v - 1) * side + u - 1];
                    want +=
                        (i64::from(value) - 201) * i64::from(weights[(o * channels + c) * 9 + k]);
                }
            }
        }
        assert_eq!(got, want as f64, "{place}");
    }
}

/// A resize that is rewritten, of floats of type `dtype`, between casts from and to float32.
fn resized_in(dtype: DataType, mode: &str) -> Vec<f64> {
    let mut graph = OnnxGraph::default();
    let scope = "net".into();
    let x = graph.add_input("x", &[1, 1, 2, 3]);
    let to = |dtype: DataType| vec![AttributeProto::int("to", dtype as i64)];
    let (from, side) = ([1, 1, 2, 3], [1, 1, 5, 4]);
    let half = graph.add_node("Cast", &scope, &[Some(x)], to(dtype), dtype, &from);
    let by = TensorData::from_f64(dtype, &[0.75]).unwrap();
    let by = graph.add_constant(&[], by, None);
    let inputs = [Some(half), Some(by)];
    let half = graph.add_node("Mul", &scope, &inputs, vec![], dtype, &from);
    let sizes = TensorData::I64(side.map(|s| s as i64).into());
    let sizes = graph.add_constant(&[4], sizes, None);
    let mode = vec![AttributeProto::string("mode", mode)];
    let inputs = [Some(half), None, None, Some(sizes)];
    let half = graph.add_node("Resize", &scope, &inputs, mode, dtype, &side);
    let single = DataType::Float;
    let y = graph.add_node("Cast", &scope, &[Some(half)], to(single), single, &side);
    graph.add_output("y", y);
    lower(&mut graph).unwrap();
    let pool = Arc::new(ThreadPool::with_num_threads(1));
    let mut program = CpuProgram::new(&graph, pool).unwrap();
    let values = vec![1.0f32, -2.0, 3.5, 0.25, 8.0, -0.5];
    let given: Value = Tensor::from_data(&from[..], values).into();
    let got = program.run(&[given.as_view()], &[0]).unwrap().remove(0);
    floats_of(got).1
}

#[test]
fn half_precision_is_computed_wherever_single_is() {
    for mode in ["nearest", "linear", "cubic"] {
        let (half, single) = (
            resized_in(DataType::Float16, mode),
            resized_in(DataType::Float, mode),
        );
        assert_eq!(half, single, "{mode}");
        assert!(half.iter().any(|&v| v != half[0]), "{mode}");
    }
}
