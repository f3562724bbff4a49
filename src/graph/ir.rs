//! A graph in memory: values with static shapes, nodes, constants. What the writer fills, what
//! passes change, what becomes an ONNX file.

mod emit;
mod passes;

use super::onnx::{AttributeProto, DataType};
use prost::Message;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// A value of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(usize);

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(usize);

/// Elements of a constant, row by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// float32.
    F32(Arc<[f32]>),
    /// int32.
    I32(Arc<[i32]>),
    /// int64.
    I64(Arc<[i64]>),
}

impl Data {
    /// Element type.
    pub fn dtype(&self) -> DataType {
        match self {
            Self::F32(_) => DataType::Float,
            Self::I32(_) => DataType::Int32,
            Self::I64(_) => DataType::Int64,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(d) => d.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::I32(d) => d.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::I64(d) => d.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The graph is given it.
    Input,
    /// It is part of the graph.
    Constant(Data),
    /// A node writes it.
    Node(NodeId),
}

/// A value: type, shape, origin.
#[derive(Clone, Debug)]
pub struct Value {
    /// Element type.
    pub dtype: DataType,
    /// Static shape.
    pub shape: Vec<usize>,
    /// Where it comes from.
    pub source: Source,
    /// The input's name, or the parameter that a constant is or stems from.
    pub label: Option<Arc<str>>,
}

/// An operation.
#[derive(Clone, Debug)]
pub struct Node {
    /// Operator of `ai.onnx`.
    pub op: &'static str,
    /// The part of the network it belongs to, as parameters are named.
    pub scope: Arc<str>,
    /// Values read; none = an optional input that is not given.
    pub inputs: Vec<Option<ValueId>>,
    /// The value written.
    pub output: ValueId,
    /// Attributes.
    pub attributes: Vec<AttributeProto>,
}

/// Operator, inputs, attributes (encoded).
type Computation = (&'static str, Vec<Option<ValueId>>, Vec<u8>);

/// A graph with static shapes. Nodes lie in an order in which they can run.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    values: Vec<Value>,
    nodes: Vec<Node>,
    inputs: Vec<ValueId>,
    outputs: Vec<(String, ValueId)>,
    /// Constants without a name of their own by type, shape and SHA-256: each is kept once.
    known: HashMap<(DataType, Vec<usize>, [u8; 32]), ValueId>,
    /// Values of nodes by what they compute: each computation is done once.
    done: HashMap<Computation, ValueId>,
}

impl Graph {
    /// The value `id`.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// The nodes that are left, in running order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node that writes `id`.
    pub fn producer(&self, id: ValueId) -> Option<&Node> {
        match self.value(id).source {
            Source::Node(node) => Some(&self.nodes[node.0]),
            _ => None,
        }
    }

    /// The elements of `id`, where it is a float32 constant.
    pub fn f32_constant(&self, id: ValueId) -> Option<&Arc<[f32]>> {
        match &self.value(id).source {
            Source::Constant(Data::F32(data)) => Some(data),
            _ => None,
        }
    }

    /// Adds a float32 input.
    pub fn add_input(&mut self, name: &str, shape: &[usize]) -> ValueId {
        let id = self.push(Value {
            dtype: DataType::Float,
            shape: shape.to_vec(),
            source: Source::Input,
            label: Some(name.into()),
        });
        self.inputs.push(id);
        id
    }

    /// Adds a parameter under its own name.
    pub fn add_parameter(&mut self, name: &str, shape: &[usize], data: Arc<[f32]>) -> ValueId {
        self.push(Value {
            dtype: DataType::Float,
            shape: shape.to_vec(),
            source: Source::Constant(Data::F32(data)),
            label: Some(name.into()),
        })
    }

    /// Adds a constant that has no name of its own; the same constant is added once. `label` is
    /// the parameter that it stems from.
    pub fn add_constant(
        &mut self,
        shape: &[usize],
        data: Data,
        label: Option<Arc<str>>,
    ) -> ValueId {
        let hash = Sha256::digest(data.to_bytes()).into();
        let key = (data.dtype(), shape.to_vec(), hash);
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let id = self.push(Value {
            dtype: data.dtype(),
            shape: shape.to_vec(),
            source: Source::Constant(data),
            label,
        });
        self.known.insert(key, id);
        id
    }

    /// Adds a node with one output of the given type and shape; a node that does the same on the
    /// same inputs is there only once.
    pub fn add_node(
        &mut self,
        op: &'static str,
        scope: &Arc<str>,
        inputs: &[Option<ValueId>],
        attributes: Vec<AttributeProto>,
        dtype: DataType,
        shape: &[usize],
    ) -> ValueId {
        let encoded = attributes.iter().flat_map(Message::encode_to_vec).collect();
        let key = (op, inputs.to_vec(), encoded);
        if let Some(&id) = self.done.get(&key)
            && self.value(id).shape == shape
            && self.value(id).dtype == dtype
        {
            return id;
        }
        let node = NodeId(self.nodes.len());
        let output = self.push(Value {
            dtype,
            shape: shape.to_vec(),
            source: Source::Node(node),
            label: None,
        });
        self.nodes.push(Node {
            op,
            scope: scope.clone(),
            inputs: inputs.to_vec(),
            output,
            attributes,
        });
        self.done.insert(key, output);
        output
    }

    /// Names `value` as an output of the graph.
    pub fn add_output(&mut self, name: &str, value: ValueId) {
        self.outputs.push((name.to_owned(), value));
    }

    /// The outputs: names and values.
    pub fn outputs(&self) -> &[(String, ValueId)] {
        &self.outputs
    }

    fn push(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        ValueId(self.values.len() - 1)
    }
}
