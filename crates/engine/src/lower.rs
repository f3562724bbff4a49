//! Lowers a graph to operators that the runtime computes as the ONNX standard defines.
//!
//! The runtime (`rten` 0.27) loads more than it computes right: some forms it approximates, of some
//! attributes it takes no notice. ONNX's own node tests show which. Every node is either of a form
//! that passes them ([`forms`]), is rewritten into such forms (the other modules), or is refused
//! here with its name, when the file is opened. An operator that is not listed is refused too: the
//! list is what was tested.

mod elementwise;
mod forms;
mod integers;
mod matrices;
mod resize;
#[cfg(test)]
mod tests;
mod windows;

use unmask_onnx::OnnxError;
use unmask_onnx::constant_folding::fold_node;
use unmask_onnx::ir::{GraphNode, NodeId, OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::{AttributeProto, DataType};
use unmask_onnx::read::{self, ReadLimits};
use unmask_onnx::shape_inference::{ValueType, elements, infer_types};

/// The model in `bytes` as the runtime computes it right, for those who run it without an
/// [`Engine`](crate::Engine): inputs and outputs keep their names. What was Float16 is Float32.
///
/// # Errors
/// What does not read as a whole model, or is not computed: see [`OnnxError`].
pub fn lowered(bytes: &[u8]) -> Result<Vec<u8>, OnnxError> {
    let limits = ReadLimits::default();
    let messages = read::whole(bytes, &limits)?;
    let (mut graph, metadata) = OnnxGraph::from_model(&messages, None, &limits)?;
    drop(messages);
    lower(&mut graph)?;
    finish(&mut graph)?;
    Ok(graph.to_model(&metadata).to_bytes())
}

/// Lowers `graph`; what it computes stays the same. Before a part of it goes to the runtime,
/// [`finish`] it.
///
/// # Errors
/// [`OnnxError::Node`] with the node, its operator and the attribute or input that is not computed.
pub(crate) fn lower(graph: &mut OnnxGraph) -> Result<(), OnnxError> {
    // The runtime computes half precision in single: it says so from here on, and the rewrites and
    // the kernels of our own need to know one kind of float only.
    graph.widen_halves();
    each_node(graph, lower_node)?;
    fold_constants(graph);
    graph.remove_dead_nodes();
    let constant = |id: &ValueId| graph.constant(*id).is_some();
    for (i, (name, id)) in graph.outputs().iter().enumerate() {
        let before = &graph.outputs()[..i];
        if let Some((other, _)) = before.iter().find(|(_, o)| o == id && constant(o)) {
            return Err(OnnxError::Model {
                what: format!("its outputs `{other}` and `{name}` are the same constant"),
            });
        }
    }
    Ok(())
}

/// Elements of all constants that are folded here together.
const FOLD_LIMIT: usize = 1 << 26;

/// Computes what depends on constants alone. The runtime would do so too, but takes small floats
/// without fractions for integers: −1.0 / 2.0 is 0 then.
fn fold_constants(graph: &mut OnnxGraph) {
    let mut left = FOLD_LIMIT;
    for id in graph.node_ids() {
        let node = graph.node(id).clone();
        let mut inputs = node.inputs.iter().flatten();
        if node.inputs.is_empty() || !inputs.all(|&input| graph.constant(input).is_some()) {
            continue;
        }
        let kind = |&output: &ValueId| {
            let value = graph.value(output);
            (value.dtype, value.shape.clone())
        };
        let kinds: Vec<ValueType> = node.outputs.iter().map(kind).collect();
        let size = kinds.iter().try_fold(0usize, |sum, (_, shape)| {
            elements(shape).and_then(|n| sum.checked_add(n))
        });
        let Some(rest) = size.and_then(|size| left.checked_sub(size)) else {
            continue;
        };
        let Some(data) = fold_node(graph, &node, &kinds) else {
            continue;
        };
        left = rest;
        for ((data, (_, shape)), &output) in data.into_iter().zip(&kinds).zip(&node.outputs) {
            let constant = graph.add_constant(shape, data, None);
            graph.replace_uses(output, constant);
        }
    }
}

/// The last rewrites of a lowered graph, which the kernels of our own do without.
///
/// # Errors
/// As [`lower`].
pub(crate) fn finish(graph: &mut OnnxGraph) -> Result<(), OnnxError> {
    each_node(graph, |graph, id, node| match node.op.as_str() {
        "QuantizeLinear" => integers::divide(graph, id),
        _ => Ok(()),
    })
}

/// Calls `rewrite` on the nodes that are there: those that it adds are of tested forms.
fn each_node(
    graph: &mut OnnxGraph,
    rewrite: impl Fn(&mut OnnxGraph, NodeId, &GraphNode) -> Result<(), String>,
) -> Result<(), OnnxError> {
    let ids: Vec<NodeId> = graph.node_ids().collect();
    for id in ids {
        let node = graph.node(id).clone();
        rewrite(graph, id, &node).map_err(|what| OnnxError::Node {
            node: node.title().to_owned(),
            op: node.op.to_string(),
            what,
        })?;
    }
    graph.remove_dead_and_sort().map_err(|_| OnnxError::Model {
        what: "its nodes wait for each other: the graph has a cycle".to_owned(),
    })
}

fn lower_node(graph: &mut OnnxGraph, id: NodeId, node: &GraphNode) -> Result<(), String> {
    forms::check(graph, node)?;
    match node.op.as_str() {
        "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" => windows::explicit(graph, id),
        "ConvInteger" => integers::conv(graph, id),
        "MatMulInteger" => integers::matmul(graph, id),
        "DynamicQuantizeLinear" => integers::dynamic(graph, id),
        "ArgMax" | "ArgMin" => elementwise::first_extremum(graph, id),
        "QuantizeLinear" => integers::quantize(graph, id),
        "DequantizeLinear" => integers::dequantize(graph, id),
        "Resize" => resize::lower(graph, id),
        "MatMul" => matrices::matmul(graph, id),
        "Cast" | "CastLike" => elementwise::cast(graph, id),
        "Sign" => elementwise::sign(graph, id),
        "Dropout" => elementwise::dropout(graph, id),
        "Pow" => elementwise::pow(graph, id),
        "OneHot" => elementwise::one_hot(graph, id),
        "Mish" | "ThresholdedRelu" | "Celu" | "Selu" => elementwise::activation(graph, id),
        "SpaceToDepth" => matrices::space_to_depth(graph, id),
        _ => Ok(()),
    }
}

/// Adds nodes in place of a node of the graph.
struct Emit<'a> {
    graph: &'a mut OnnxGraph,
    node: GraphNode,
}

impl<'a> Emit<'a> {
    /// Nodes that stand for `id`.
    fn instead_of(graph: &'a mut OnnxGraph, id: NodeId) -> Self {
        let node = graph.node(id).clone();
        Self { graph, node }
    }

    /// Input `i` of the node, which must be given.
    fn input(&self, i: usize) -> Result<ValueId, String> {
        let id = self.node.input(i);
        id.ok_or_else(|| format!("its input {i} is missing"))
    }

    fn shape(&self, id: ValueId) -> Vec<usize> {
        self.graph.value(id).shape.clone()
    }

    fn dtype(&self, id: ValueId) -> DataType {
        self.graph.value(id).dtype
    }

    /// A constant of int64.
    fn ints(&mut self, shape: &[usize], values: impl Into<Vec<i64>>) -> ValueId {
        let data = TensorData::I64(values.into().into());
        self.graph.add_constant(shape, data, None)
    }

    /// A constant of float32.
    fn floats(&mut self, shape: &[usize], values: impl Into<Vec<f32>>) -> ValueId {
        let data = TensorData::F32(values.into().into());
        self.graph.add_constant(shape, data, None)
    }

    /// A constant of one number without axes.
    fn number(&mut self, dtype: DataType, value: f64) -> Result<ValueId, String> {
        let data = TensorData::from_f64(dtype, &[value]);
        let data = data.ok_or_else(|| format!("type {dtype:?}"))?;
        Ok(self.graph.add_constant(&[], data, None))
    }

    /// A node of one output.
    fn push(
        &mut self,
        op: &str,
        inputs: &[Option<ValueId>],
        attributes: Vec<AttributeProto>,
    ) -> Result<ValueId, String> {
        let mut node = GraphNode {
            op: op.into(),
            scope: self.node.scope.clone(),
            name: None,
            inputs: inputs.to_vec(),
            outputs: vec![ValueId::default()],
            attributes: attributes.clone(),
        };
        let kinds = infer_types(self.graph, &node).map_err(|e| format!("{op}: {e:?}"))?;
        node.outputs.clear();
        let (dtype, shape) = kinds.into_iter().next().ok_or("writes nothing")?;
        let scope = node.scope.clone();
        let id = self
            .graph
            .add_node(op, &scope, inputs, attributes, dtype, &shape);
        Ok(id)
    }

    /// `x` in another type.
    fn cast(&mut self, x: ValueId, to: DataType) -> Result<ValueId, String> {
        let to = AttributeProto::int("to", to as i64);
        self.push("Cast", &[Some(x)], vec![to])
    }

    /// `x` in another shape.
    fn reshape(&mut self, x: ValueId, shape: &[usize]) -> Result<ValueId, String> {
        let sides: Vec<i64> = shape.iter().map(|&side| side as i64).collect();
        let to = self.ints(&[shape.len()], sides);
        let exact = AttributeProto::int("allowzero", 1);
        self.push("Reshape", &[Some(x), Some(to)], vec![exact])
    }

    /// Lets everything that reads the node's first output read `new`.
    fn replace(mut self, new: ValueId) -> Result<(), String> {
        self.replace_output(0, new)
    }

    /// Lets everything that reads the node's output `i` read `new`.
    fn replace_output(&mut self, i: usize, new: ValueId) -> Result<(), String> {
        let Some(&old) = self.node.outputs.get(i) else {
            return Ok(());
        };
        if self.dtype(old) == DataType::Undefined {
            return Ok(());
        }
        let (was, is) = (self.graph.value(old), self.graph.value(new));
        if was.shape != is.shape {
            return Err(format!(
                "gives {:?} where {:?} belongs",
                is.shape, was.shape
            ));
        }
        self.graph.replace_uses(old, new);
        Ok(())
    }
}
