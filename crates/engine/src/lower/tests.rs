//! ONNX's own node tests (`tests/fixtures/make_onnx_nodes.py`) through reader, lowering and
//! runtime: each gives what the standard says, or is refused with its node. None is wrong.

use super::lower;
use crate::cpu::Program;
use unmask_onnx::infer::elements;
use unmask_onnx::ir::{Data, Graph};
use unmask_onnx::messages::{DataType, ModelProto, TensorProto};
use unmask_onnx::read::Limits;
use prost::Message;
use rten::{ThreadPool, Value};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Inputs that shapes depend on: files have them as constants.
const PARAMETERS: &[(&str, &[usize])] = &[
    ("Reshape", &[1]),
    ("Expand", &[1]),
    ("Tile", &[1]),
    ("Slice", &[1, 2, 3, 4]),
    ("Pad", &[1, 2, 3]),
    ("Resize", &[1, 2, 3]),
    ("Squeeze", &[1]),
    ("Unsqueeze", &[1]),
    ("Split", &[1]),
    ("TopK", &[1]),
    ("OneHot", &[1]),
    ("Range", &[0, 1, 2]),
    ("ConstantOfShape", &[0]),
    ("CumSum", &[1]),
    ("Trilu", &[1]),
];

struct Case {
    name: String,
    rtol: f64,
    atol: f64,
    model: ModelProto,
    inputs: Vec<TensorProto>,
    outputs: Vec<TensorProto>,
}

/// Takes numbers and blobs off the front of the file.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> usize {
        u32::from_le_bytes(self.take(4).try_into().unwrap()) as usize
    }

    fn float(&mut self) -> f64 {
        f64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn blob(&mut self) -> &'a [u8] {
        let n = self.number();
        self.take(n)
    }
}

fn cases(path: &Path) -> Vec<Case> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .unwrap();
    let mut bytes = Bytes(&bytes);
    let blobs: Vec<&[u8]> = (0..bytes.number()).map(|_| bytes.blob()).collect();
    let count = bytes.number();
    let case = |bytes: &mut Bytes| {
        let name = String::from_utf8(bytes.blob().to_vec()).unwrap();
        let (rtol, atol) = (bytes.float(), bytes.float());
        let model = ModelProto::decode(bytes.blob()).unwrap();
        let mut tensors = || {
            let count = bytes.number();
            let numbers = (0..count).map(|_| bytes.number());
            let tensors = numbers.map(|i| TensorProto::decode(blobs[i]).unwrap());
            tensors.collect::<Vec<_>>()
        };
        let (inputs, outputs) = (tensors(), tensors());
        Case {
            name,
            rtol,
            atol,
            model,
            inputs,
            outputs,
        }
    };
    (0..count).map(|_| case(&mut bytes)).collect()
}

/// Which inputs of a case become constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// Those that shapes depend on.
    Data,
    /// All but the first, as weights are.
    Weights,
    /// All: the reader computes the node.
    Constants,
}

#[derive(Debug, PartialEq)]
enum Fate {
    Equal,
    Refused(String),
    Wrong(String),
}

fn shape_of(tensor: &TensorProto) -> Vec<usize> {
    tensor.dims.iter().map(|&d| d as usize).collect()
}

fn data_of(tensor: &TensorProto) -> Data {
    let n = elements(&shape_of(tensor)).unwrap();
    let raw = tensor.raw_data.as_deref().unwrap_or_default();
    let data = Data::from_bytes(tensor.data_type(), raw).unwrap();
    assert_eq!(data.len(), n);
    data
}

fn value_of(tensor: &TensorProto) -> Value {
    let shape = shape_of(tensor);
    let shape = shape.as_slice();
    match data_of(tensor) {
        Data::U8(d) => Tensor::from_data(shape, d.to_vec()).into(),
        Data::I8(d) => Tensor::from_data(shape, d.to_vec()).into(),
        data @ (Data::I32(_) | Data::I64(_) | Data::Bool(_)) => {
            let ints = data.to_i64().unwrap();
            let ints: Vec<i32> = ints.into_iter().map(|v| v as i32).collect();
            Tensor::from_data(shape, ints).into()
        }
        data => {
            let floats: Vec<f32> = data.to_f64().into_iter().map(|v| v as f32).collect();
            Tensor::from_data(shape, floats).into()
        }
    }
}

fn floats_of(value: Value) -> (Vec<usize>, Vec<f64>) {
    let shape = value.shape().to_vec();
    let values = match value {
        Value::FloatTensor(t) => t.iter().map(|&v| f64::from(v)).collect(),
        Value::Int32Tensor(t) => t.iter().map(|&v| f64::from(v)).collect(),
        Value::Int8Tensor(t) => t.iter().map(|&v| f64::from(v)).collect(),
        Value::UInt8Tensor(t) => t.iter().map(|&v| f64::from(v)).collect(),
        _ => panic!("no tensor"),
    };
    (shape, values)
}

fn differs(case: &Case, i: usize, shape: &[usize], got: &[f64]) -> Option<String> {
    let want = &case.outputs[i];
    let values = data_of(want).to_f64();
    if shape != shape_of(want) {
        return Some(format!("output {i} is {shape:?}, not {:?}", want.dims));
    }
    let near = |a: f64, b: f64| {
        a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= case.atol + case.rtol * b.abs()
    };
    let place = got.iter().zip(&values).position(|(&a, &b)| !near(a, b))?;
    Some(format!(
        "output {i} is {} at {place}, not {}",
        got[place], values[place]
    ))
}

/// The model of `case` with its inputs as `form` has them, and the values of those that are left.
fn formed(case: &Case, form: Form) -> (ModelProto, Vec<(String, TensorProto)>) {
    let mut model = case.model.clone();
    let graph = model.graph.as_mut().unwrap();
    let parameters: Vec<&str> = graph
        .node
        .iter()
        .flat_map(|node| {
            let op = node.op_type.as_deref().unwrap_or("");
            let places = PARAMETERS.iter().find(|(name, _)| *name == op);
            let places = match places {
                Some((_, places)) => places.to_vec(),
                None if op.starts_with("Reduce") => vec![1],
                None => vec![],
            };
            let names = places.into_iter().filter_map(|i| node.input.get(i));
            names.map(String::as_str).collect::<Vec<_>>()
        })
        .collect();
    let constant = |i: usize, name: &str| match form {
        Form::Data => parameters.contains(&name),
        Form::Weights => i > 0 || parameters.contains(&name),
        Form::Constants => true,
    };
    let mut left = Vec::new();
    let mut constants = Vec::new();
    for (i, (info, tensor)) in graph.input.iter().zip(&case.inputs).enumerate() {
        let name = info.name.clone().unwrap();
        let mut tensor = tensor.clone();
        tensor.name = Some(name.clone());
        match constant(i, &name) {
            true => constants.push(tensor),
            false => left.push((name, tensor)),
        }
    }
    graph.input.retain(|info| {
        left.iter()
            .any(|(name, _)| info.name.as_ref() == Some(name))
    });
    graph.initializer.extend(constants);
    (model, left)
}

fn run(case: &Case, form: Form, pool: &Arc<ThreadPool>) -> Fate {
    let (model, left) = formed(case, form);
    let read = Graph::from_model(&model, None, &Limits::default());
    let mut graph = match read {
        Ok((graph, _)) => graph,
        Err(e) => return Fate::Refused(format!("read: {e}")),
    };
    // A value that the reader computed has no node.
    let whole = |graph: &Graph| graph.nodes().is_empty();
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
    let mut program = match Program::new(&graph, pool.clone()) {
        Ok(program) => program,
        Err(e) => return Fate::Refused(format!("load: {e}")),
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
        Ok(Err(e)) => return Fate::Refused(format!("run: {e}")),
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

/// The fixture, or the same made anew from the package where there is a Python.
fn fixture(dir: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let Some(python) = std::env::var_os("UNMASK_PYTHON") else {
        return here.join("onnx-nodes.gz");
    };
    let made = dir.join("onnx-nodes.gz");
    let done = Command::new(python)
        .arg(here.join("make_onnx_nodes.py"))
        .arg(&made)
        .output()
        .unwrap();
    match done.status.success() {
        true => made,
        false => {
            println!(
                "from the fixture: {}",
                String::from_utf8_lossy(&done.stderr)
            );
            here.join("onnx-nodes.gz")
        }
    }
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
                        if only.is_some()
                            || std::env::var_os("UNMASK_NODE_REFUSALS").is_some()
                        {
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
