//! ONNX's node tests as `tests/fixtures/make_onnx_nodes.py` writes them.

use prost::Message;
use rten::Value;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use unmask_onnx::ir::TensorData;
use unmask_onnx::messages::{DataType, ModelProto, TensorProto};
use unmask_onnx::shape_inference::elements;

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

pub struct Case {
    pub name: String,
    pub rtol: f64,
    pub atol: f64,
    pub model: ModelProto,
    pub inputs: Vec<TensorProto>,
    pub outputs: Vec<TensorProto>,
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

pub fn cases(path: &Path) -> Vec<Case> {
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
pub enum Form {
    /// Those that shapes depend on.
    Data,
    /// All but the first, as weights are.
    Weights,
    /// All: the reader computes the node.
    Constants,
}

pub fn shape_of(tensor: &TensorProto) -> Vec<usize> {
    tensor.dims.iter().map(|&d| d as usize).collect()
}

pub fn data_of(tensor: &TensorProto) -> TensorData {
    let n = elements(&shape_of(tensor)).unwrap();
    let raw = tensor.raw_data.as_deref().unwrap_or_default();
    let data = TensorData::from_bytes(tensor.data_type(), raw).unwrap();
    assert_eq!(data.len(), n);
    data
}

pub fn value_of(tensor: &TensorProto) -> Value {
    let shape = shape_of(tensor);
    let shape = shape.as_slice();
    match data_of(tensor) {
        TensorData::U8(d) => Tensor::from_data(shape, d.to_vec()).into(),
        TensorData::I8(d) => Tensor::from_data(shape, d.to_vec()).into(),
        data @ (TensorData::I32(_) | TensorData::I64(_) | TensorData::Bool(_)) => {
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

pub fn floats_of(value: Value) -> (Vec<usize>, Vec<f64>) {
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

/// Two of its own steps of half precision.
const HALF_RTOL: f64 = 2.0 / 1024.0;

pub fn differs(case: &Case, i: usize, shape: &[usize], got: &[f64]) -> Option<String> {
    let want = &case.outputs[i];
    let values = data_of(want).to_f64();
    if shape != shape_of(want) {
        return Some(format!("output {i} is {shape:?}, not {:?}", want.dims));
    }
    // Half precision is computed in single: what the standard rounds after each node differs.
    let rtol = match want.data_type() {
        DataType::Float16 => case.rtol.max(HALF_RTOL),
        _ => case.rtol,
    };
    let near = |a: f64, b: f64| {
        a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= case.atol + rtol * b.abs()
    };
    let place = got.iter().zip(&values).position(|(&a, &b)| !near(a, b))?;
    Some(format!(
        "output {i} is {} at {place}, not {}",
        got[place], values[place]
    ))
}

/// The model of `case` with its inputs as `form` has them, and the values of those that are left.
pub fn formed(case: &Case, form: Form) -> (ModelProto, Vec<(String, TensorProto)>) {
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

/// The fixture, or the same made again from the package where there is a Python.
pub fn fixture(dir: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let Some(python) = unmask_oracle::python("node tests made anew") else {
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
            let said = String::from_utf8_lossy(&done.stderr);
            unmask_oracle::skip("node tests made anew", "onnx", said.trim());
            here.join("onnx-nodes.gz")
        }
    }
}
