//! A graph with an index of producers, readers, types and shapes.
//!
//! Works on the file's own names, so that a calibration file and reports name what the user sees
//! in any viewer.

use super::QuantizeError;
use prost::Message;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use unmask_onnx::messages::{
    AttributeProto, DataType, DimensionValue, GraphProto, ModelProto, NodeProto, TensorProto,
    ValueInfoProto, type_proto,
};
use unmask_onnx::read::{self, ReadLimits};

/// QuantizeLinear and DequantizeLinear know scales per channel from here on.
const OPSET_MIN: i64 = 13;

/// Type and static shape of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Element type.
    pub dtype: DataType,
    /// Shape.
    pub shape: Vec<usize>,
}

/// A float32 graph whose every value has a known type and shape.
#[derive(Clone, Debug)]
pub struct QuantizeGraph {
    model: ModelProto,
    graph: GraphProto,
    kinds: HashMap<String, TensorType>,
    constants: HashMap<String, usize>,
    producers: HashMap<String, usize>,
    readers: HashMap<String, Vec<usize>>,
    outputs: HashSet<String>,
    hash: String,
}

impl QuantizeGraph {
    /// Reads the model file `path` and indexes its graph.
    ///
    /// # Errors
    /// The file cannot be read, is too large or no ONNX model; as [`QuantizeGraph::new`].
    pub fn read(path: &Path) -> Result<Self, QuantizeError> {
        Self::new(read::open_complete(path, &ReadLimits::default())?)
    }

    /// Indexes `model`.
    ///
    /// # Errors
    /// As [`read::whole`]; [`QuantizeError::Unfit`]: an opset below 13, subgraphs, values without static
    /// shape, or a graph that is already in lower precision.
    pub fn new(mut model: ModelProto) -> Result<Self, QuantizeError> {
        read::check(&model, &ReadLimits::default())?;
        let opset = model
            .opset_import
            .iter()
            .find(|o| matches!(o.domain.as_deref(), None | Some("" | "ai.onnx")))
            .and_then(|o| o.version)
            .unwrap_or(0);
        if opset < OPSET_MIN {
            return Err(unsupported(format!(
                "it uses opset {opset}; quantised weights need {OPSET_MIN}: export it with opset 17"
            )));
        }
        let mut graph = model.graph.take().unwrap_or_default();
        let hash = hex(&Sha256::digest(graph.encode_to_vec()));
        constants_out_of_nodes(&mut graph);
        let mut net = Self {
            kinds: kinds(&graph)?,
            constants: HashMap::new(),
            producers: HashMap::new(),
            readers: HashMap::new(),
            outputs: graph.output.iter().filter_map(|o| o.name.clone()).collect(),
            model,
            graph,
            hash,
        };
        for (i, tensor) in net.graph.initializer.iter().enumerate() {
            net.constants.insert(tensor.name().to_owned(), i);
        }
        for (i, node) in net.graph.node.iter().enumerate() {
            net.check(node)?;
            for name in net.computed(node) {
                let known = net.producers.contains_key(name);
                if !known && !net.graph.input.iter().any(|i| i.name() == name) {
                    return Err(unsupported(format!(
                        "node `{}` reads `{name}` before it is written: sort the nodes",
                        node.name()
                    )));
                }
            }
            for name in node.output.iter().filter(|n| !n.is_empty()) {
                net.producers.insert(name.clone(), i);
            }
            for name in node.input.iter().filter(|n| !n.is_empty()) {
                net.readers.entry(name.clone()).or_default().push(i);
            }
        }
        Ok(net)
    }

    fn check(&self, node: &NodeProto) -> Result<(), QuantizeError> {
        let at = || format!("node `{}` ({})", node.name(), node.op_type());
        if node
            .attribute
            .iter()
            .any(|a| a.g.is_some() || !a.graphs.is_empty())
        {
            return Err(unsupported(format!("{} holds a graph of its own", at())));
        }
        if matches!(node.op_type(), "QuantizeLinear" | "DequantizeLinear") {
            return Err(unsupported(format!(
                "{} says that it is quantised already: give the float32 model",
                at()
            )));
        }
        for name in node
            .input
            .iter()
            .chain(&node.output)
            .filter(|n| !n.is_empty())
        {
            match self.kinds.get(name).map(|k| k.dtype) {
                None => {
                    return Err(unsupported(format!(
                        "the type or static shape of `{name}` at {} is not known: export it with \
                         static shapes, and with shape inference",
                        at()
                    )));
                }
                Some(DataType::Float16 | DataType::Bfloat16) => {
                    return Err(unsupported(format!(
                        "`{name}` at {} is in half precision already: give the float32 model",
                        at()
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// SHA-256 of the graph: nodes, weights, names; not of the metadata next to it.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The nodes, in running order.
    pub fn nodes(&self) -> &[NodeProto] {
        &self.graph.node
    }

    /// The graph itself.
    pub fn graph(&self) -> &GraphProto {
        &self.graph
    }

    /// The model with `graph` in place of its own.
    pub fn model_with(&self, graph: GraphProto) -> ModelProto {
        ModelProto {
            graph: Some(graph),
            ..self.model.clone()
        }
    }

    /// Type and shape of a value.
    pub fn tensor_type(&self, name: &str) -> Option<&TensorType> {
        self.kinds.get(name)
    }

    /// Whether a value is float32.
    pub fn is_float(&self, name: &str) -> bool {
        self.tensor_type(name)
            .is_some_and(|k| k.dtype == DataType::Float)
    }

    /// Shape of a value; empty where it is not known.
    pub fn shape(&self, name: &str) -> &[usize] {
        self.tensor_type(name).map_or(&[], |k| &k.shape)
    }

    /// The constant of this name.
    pub fn constant(&self, name: &str) -> Option<&TensorProto> {
        self.constants
            .get(name)
            .map(|&i| &self.graph.initializer[i])
    }

    /// The node that writes a value.
    pub fn producer(&self, name: &str) -> Option<usize> {
        self.producers.get(name).copied()
    }

    /// The nodes that read a value; one that reads it twice is named twice.
    pub fn readers(&self, name: &str) -> &[usize] {
        self.readers.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a value is an output of the graph.
    pub fn is_output(&self, name: &str) -> bool {
        self.outputs.contains(name)
    }

    /// The inputs of a node that are computed, that is neither constant nor absent.
    pub fn computed<'a>(&'a self, node: &'a NodeProto) -> impl Iterator<Item = &'a str> {
        let names = node.input.iter().map(String::as_str);
        names.filter(|n| !n.is_empty() && self.constant(n).is_none())
    }

    /// The bytes of this model with `tensors` as further outputs.
    pub fn with_outputs<'a>(&self, tensors: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
        let mut graph = self.graph.clone();
        add_outputs(&mut graph, tensors, |name| self.tensor_type(name).cloned());
        self.model_with(graph).to_bytes()
    }
}

/// Names `tensors` as further outputs of `graph`.
pub fn add_outputs<'a>(
    graph: &mut GraphProto,
    tensors: impl IntoIterator<Item = &'a str>,
    kind: impl Fn(&str) -> Option<TensorType>,
) {
    let mut have: HashSet<String> = graph.output.iter().map(|o| o.name().to_owned()).collect();
    for name in tensors {
        if let Some(kind) = kind(name)
            && have.insert(name.to_owned())
        {
            let info = ValueInfoProto::tensor(name, kind.dtype, &kind.shape);
            graph.output.push(info);
        }
    }
}

/// An attribute of a node.
pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|a| a.name() == name)
}

/// The elements of a float32 tensor; none where it holds other or too few.
pub fn f32s(tensor: &TensorProto) -> Option<Vec<f32>> {
    let count = elements(&tensor.dims)?;
    if tensor.data_type != Some(DataType::Float as i32) {
        return None;
    }
    let values: Vec<f32> = match &tensor.raw_data {
        Some(raw) if !raw.is_empty() => {
            let (words, rest) = raw.as_chunks::<4>();
            if !rest.is_empty() {
                return None;
            }
            words.iter().map(|w| f32::from_le_bytes(*w)).collect()
        }
        _ => tensor.float_data.clone(),
    };
    (values.len() == count).then_some(values)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub(super) fn unsupported(what: String) -> QuantizeError {
    QuantizeError::Unfit { what }
}

fn elements(dims: &[i64]) -> Option<usize> {
    dims.iter()
        .try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?))
}

/// Turns `Constant` nodes that hold a tensor into constants of the graph.
fn constants_out_of_nodes(graph: &mut GraphProto) {
    let mut found = Vec::new();
    graph.node.retain_mut(|node| {
        if node.op_type() != "Constant" {
            return true;
        }
        let tensor = node.attribute.iter_mut().find_map(|a| a.t.take());
        match (tensor, node.output.first()) {
            (Some(mut tensor), Some(name)) => {
                tensor.name = Some(name.clone());
                found.push(tensor);
                false
            }
            _ => true,
        }
    });
    graph.initializer.append(&mut found);
}

fn kinds(graph: &GraphProto) -> Result<HashMap<String, TensorType>, QuantizeError> {
    let mut kinds = HashMap::new();
    for tensor in &graph.initializer {
        let dims = tensor.dims.iter().map(|&d| usize::try_from(d).ok());
        let (Some(shape), Some(dtype)) = (
            dims.collect::<Option<Vec<_>>>(),
            tensor.data_type.and_then(|t| DataType::try_from(t).ok()),
        ) else {
            return Err(unsupported(format!(
                "the constant `{}` is damaged",
                tensor.name()
            )));
        };
        kinds.insert(tensor.name().to_owned(), TensorType { dtype, shape });
    }
    let infos = graph.input.iter().chain(&graph.value_info);
    for info in infos.chain(&graph.output) {
        let Some(type_proto::Value::TensorType(tensor)) =
            info.r#type.as_ref().and_then(|t| t.value.as_ref())
        else {
            continue;
        };
        let dtype = tensor.elem_type.and_then(|t| DataType::try_from(t).ok());
        let dims = tensor.shape.as_ref().map(|s| &s.dim);
        let shape: Option<Vec<usize>> = dims.and_then(|dims| {
            let each = dims.iter().map(|d| match d.value {
                Some(DimensionValue::DimValue(n)) => usize::try_from(n).ok(),
                _ => None,
            });
            each.collect()
        });
        if let (Some(dtype), Some(shape)) = (dtype, shape) {
            kinds.insert(info.name().to_owned(), TensorType { dtype, shape });
        }
    }
    Ok(kinds)
}
