//! Intermediate representation: values with static shapes, nodes, constants. The writer builds it,
//! passes change it, and it is emitted as an ONNX file.

mod data;
mod edit;
mod emit;
mod passes;
mod tensor;

pub use data::{TensorData, element_bytes, f16_from_f32, f16_to_f32};
pub use edit::GraphCycle;
pub(crate) use tensor::inside;
pub use tensor::small_tensor;

use super::messages::{AttributeProto, DataType};
use prost::Message;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// A value of a [`OnnxGraph`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(usize);

/// A node of a [`OnnxGraph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(usize);

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSource {
    /// The graph is given it.
    Input,
    /// It is part of the graph.
    Constant(TensorData),
    /// A node writes it.
    Node(NodeId),
}

/// A value: type, shape, origin.
#[derive(Clone, Debug)]
pub struct GraphValue {
    /// Element type.
    pub dtype: DataType,
    /// Static shape.
    pub shape: Vec<usize>,
    /// Where it comes from.
    pub source: ValueSource,
    /// The input's name, the parameter that a constant is or stems from, or the name that a node's
    /// output has in the file it was read from.
    pub label: Option<Arc<str>>,
}

/// Name of an operator of `ai.onnx`; compares with text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeOperator(Arc<str>);

impl NodeOperator {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for NodeOperator {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for NodeOperator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for NodeOperator {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl PartialEq<str> for NodeOperator {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for NodeOperator {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

/// An operation.
#[derive(Clone, Debug)]
pub struct GraphNode {
    /// Operator of `ai.onnx`.
    pub op: NodeOperator,
    /// The part of the network it belongs to, as parameters are named.
    pub scope: Arc<str>,
    /// Its name in the file that it was read from.
    pub name: Option<Arc<str>>,
    /// Values read; none = an optional input that is not given.
    pub inputs: Vec<Option<ValueId>>,
    /// Values written, at least one. An optional output that is not wanted is a value of type
    /// [`DataType::Undefined`].
    pub outputs: Vec<ValueId>,
    /// Attributes.
    pub attributes: Vec<AttributeProto>,
}

impl GraphNode {
    /// The first value written.
    pub fn output(&self) -> ValueId {
        self.outputs[0]
    }

    /// Input `i`, where it is given.
    pub fn input(&self, i: usize) -> Option<ValueId> {
        self.inputs.get(i).copied().flatten()
    }

    /// What to call it in messages: its name in the file, or the part of the network it belongs to.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.scope)
    }

    /// The integer attribute `name`, where there is one.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).and_then(|a| a.i)
    }

    /// The float attribute `name`, where there is one.
    pub fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name).and_then(|a| a.f)
    }

    /// The attribute `name` of several integers, where there is one.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| &a.ints[..])
    }

    /// The text attribute `name`, where there is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = self.attribute(name)?.s.as_deref()?;
        std::str::from_utf8(text).ok()
    }

    /// The attribute `name`, where there is one.
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes
            .iter()
            .find(|a| a.name.as_deref() == Some(name))
    }
}

/// What a node writes: element type, shape, name.
pub type WrittenAttribute = (DataType, Vec<usize>, Option<Arc<str>>);

/// Operator, inputs, attributes (encoded).
type NodeComputation = (NodeOperator, Vec<Option<ValueId>>, Vec<u8>);

/// A graph with static shapes. Nodes lie in an order in which they can run.
#[derive(Clone, Debug, Default)]
pub struct OnnxGraph {
    values: Vec<GraphValue>,
    nodes: Vec<GraphNode>,
    inputs: Vec<ValueId>,
    outputs: Vec<(String, ValueId)>,
    /// Constants without a name of their own by type, shape and SHA-256: each is kept once.
    known: HashMap<(DataType, Vec<usize>, [u8; 32]), ValueId>,
    /// Values of nodes by what they compute: each computation is done once.
    done: HashMap<NodeComputation, ValueId>,
}

impl OnnxGraph {
    /// The value `id`.
    pub fn value(&self, id: ValueId) -> &GraphValue {
        &self.values[id.0]
    }

    /// The nodes that are left, in running order.
    pub fn nodes(&self) -> &[GraphNode] {
        &self.nodes
    }

    /// The node that writes `id`.
    pub fn producer(&self, id: ValueId) -> Option<&GraphNode> {
        match self.value(id).source {
            ValueSource::Node(node) => Some(&self.nodes[node.0]),
            _ => None,
        }
    }

    /// The elements of `id`, where it is a float32 constant.
    pub fn f32_constant(&self, id: ValueId) -> Option<&Arc<[f32]>> {
        match &self.value(id).source {
            ValueSource::Constant(TensorData::F32(data)) => Some(data),
            _ => None,
        }
    }

    /// The elements of `id`, where it is a constant.
    pub fn constant(&self, id: ValueId) -> Option<&TensorData> {
        match &self.value(id).source {
            ValueSource::Constant(data) => Some(data),
            _ => None,
        }
    }

    /// The elements of `id`, where it is a constant of integers (or bools).
    pub fn ints_constant(&self, id: ValueId) -> Option<Vec<i64>> {
        self.constant(id)?.to_i64()
    }

    /// The one element of `id`, where it is a constant with one element.
    pub fn scalar_constant(&self, id: ValueId) -> Option<f64> {
        let data = self.constant(id)?;
        (data.len() == 1).then(|| data.to_f64()[0])
    }

    /// The inputs.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// Adds a float32 input.
    pub fn add_input(&mut self, name: &str, shape: &[usize]) -> ValueId {
        self.add_typed_input(name, DataType::Float, shape)
    }

    /// Adds an input.
    pub fn add_typed_input(&mut self, name: &str, dtype: DataType, shape: &[usize]) -> ValueId {
        let id = self.push(GraphValue {
            dtype,
            shape: shape.to_vec(),
            source: ValueSource::Input,
            label: Some(name.into()),
        });
        self.inputs.push(id);
        id
    }

    /// Adds a parameter under its own name.
    pub fn add_parameter(&mut self, name: &str, shape: &[usize], data: Arc<[f32]>) -> ValueId {
        self.add_named_constant(name, shape, TensorData::F32(data))
    }

    /// Adds a constant under its own name.
    pub fn add_named_constant(&mut self, name: &str, shape: &[usize], data: TensorData) -> ValueId {
        self.push(GraphValue {
            dtype: data.dtype(),
            shape: shape.to_vec(),
            source: ValueSource::Constant(data),
            label: Some(name.into()),
        })
    }

    /// Adds a constant that has no name of its own; the same constant is added once. `label` is
    /// the parameter that it stems from.
    pub fn add_constant(
        &mut self,
        shape: &[usize],
        data: TensorData,
        label: Option<Arc<str>>,
    ) -> ValueId {
        let hash = Sha256::digest(data.to_bytes()).into();
        let key = (data.dtype(), shape.to_vec(), hash);
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let id = self.push(GraphValue {
            dtype: data.dtype(),
            shape: shape.to_vec(),
            source: ValueSource::Constant(data),
            label,
        });
        self.known.insert(key, id);
        id
    }

    /// Adds a node with one output of the given type and shape; a node that does the same on the
    /// same inputs is there only once. It is added at the end: [`OnnxGraph::remove_dead_and_sort`] puts nodes where
    /// they can run.
    pub fn add_node(
        &mut self,
        op: &str,
        scope: &Arc<str>,
        inputs: &[Option<ValueId>],
        attributes: Vec<AttributeProto>,
        dtype: DataType,
        shape: &[usize],
    ) -> ValueId {
        let encoded = attributes.iter().flat_map(Message::encode_to_vec).collect();
        let key = (NodeOperator::from(op), inputs.to_vec(), encoded);
        if let Some(&id) = self.done.get(&key)
            && self.value(id).shape == shape
            && self.value(id).dtype == dtype
        {
            return id;
        }
        let node = GraphNode {
            op: op.into(),
            scope: scope.clone(),
            name: None,
            inputs: inputs.to_vec(),
            outputs: Vec::new(),
            attributes,
        };
        let id = self.push_node(node, &[(dtype, shape.to_vec(), None)])[0];
        self.done.insert(key, id);
        id
    }

    /// Adds `node` at the end with outputs of the given types, shapes and names, in place of those
    /// it names.
    pub fn push_node(&mut self, mut node: GraphNode, outputs: &[WrittenAttribute]) -> Vec<ValueId> {
        let source = ValueSource::Node(NodeId(self.nodes.len()));
        node.outputs = Vec::with_capacity(outputs.len());
        for (dtype, shape, label) in outputs {
            node.outputs.push(self.push(GraphValue {
                dtype: *dtype,
                shape: shape.clone(),
                source: source.clone(),
                label: label.clone(),
            }));
        }
        let ids = node.outputs.clone();
        self.nodes.push(node);
        ids
    }

    /// Names `value` as an output of the graph.
    pub fn add_output(&mut self, name: &str, value: ValueId) {
        self.outputs.push((name.to_owned(), value));
    }

    /// Lets the output `name` give `value` from now on; adds it where there is none of that name.
    pub fn set_output(&mut self, name: &str, value: ValueId) {
        match self.outputs.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.add_output(name, value),
        }
    }

    /// The outputs: names and values.
    pub fn outputs(&self) -> &[(String, ValueId)] {
        &self.outputs
    }

    fn push(&mut self, value: GraphValue) -> ValueId {
        self.values.push(value);
        ValueId(self.values.len() - 1)
    }
}
