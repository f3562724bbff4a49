//! Writes the network as an ONNX graph.
//!
//! [`OnnxOps`] interprets [`unmask_network::ops::NetworkOps`]: every call becomes a node (opset 17, static
//! shapes), or a constant where all that it reads is constant. What does not fit is noted and
//! reported together by [`OnnxOps::finish`].

mod elementary;
mod fold;
mod ops;
mod sampling;
#[cfg(test)]
mod tests;

use super::checkpoint::CheckpointWeights;
use super::error::{GraphError, WeightProblem};
use fold::FoldedTensor;
pub use sampling::SamplingForm;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use unmask_onnx::ir::{OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::{AttributeProto, DataType};

/// What a blocked key adds to an attention score. Finite: rows of −∞ give NaN in a softmax, and
/// FP16 can hold this number.
pub const BLOCKED: f32 = -1e4;

/// The eps of every norm of the network.
const EPS: f32 = 1e-5;

/// Constants with more elements than this are not multiplied out while writing.
const FOLD_LIMIT: usize = 1 << 24;

/// Writes the network down as a [`OnnxGraph`].
#[derive(Debug)]
pub struct OnnxOps {
    graph: OnnxGraph,
    weights: CheckpointWeights,
    sampling: SamplingForm,
    /// Parameters that were asked for, by key.
    parameters: HashMap<String, ValueId>,
    asked: BTreeSet<String>,
    problems: Vec<WeightProblem>,
    /// The part of the network that is being written: names nodes.
    scope: Arc<str>,
}

impl OnnxOps {
    /// A writer that takes parameters from `weights` and writes deformable attention as `sampling`
    /// says.
    pub fn new(weights: CheckpointWeights, sampling: SamplingForm) -> Self {
        Self {
            graph: OnnxGraph::default(),
            weights,
            sampling,
            parameters: HashMap::new(),
            asked: BTreeSet::new(),
            problems: Vec::new(),
            scope: "".into(),
        }
    }

    /// A writer that adds to `graph`; parameters that it asks for come from `weights`.
    pub fn extending(graph: OnnxGraph, weights: CheckpointWeights) -> Self {
        Self {
            graph,
            ..Self::new(weights, SamplingForm::default())
        }
    }

    /// Adds an input of the graph, float32.
    pub fn input(&mut self, name: &str, shape: &[usize]) -> ValueId {
        self.graph.add_input(name, shape)
    }

    /// Names `value` as an output of the graph.
    pub fn output(&mut self, name: &str, value: &ValueId) {
        self.graph.add_output(name, *value);
    }

    /// Lets the output `name` of the graph give `value` instead.
    pub fn replace_output(&mut self, name: &str, value: &ValueId) {
        self.graph.set_output(name, *value);
    }

    /// The graph, without nodes that reach no output and with batch norms folded into the
    /// convolutions before them.
    ///
    /// # Errors
    /// [`GraphError::Unfit`] with every key that is missing, misshapen or left over, and every
    /// operation whose shapes do not go together.
    pub fn finish(mut self) -> Result<OnnxGraph, GraphError> {
        let extra = self
            .weights
            .iter()
            .filter(|(k, _)| !self.asked.contains(*k));
        self.problems
            .extend(extra.map(|(key, tensor)| WeightProblem::Extra {
                key: key.to_owned(),
                found: tensor.shape.clone(),
            }));
        if !self.problems.is_empty() {
            return Err(GraphError::Unfit {
                problems: self.problems,
            });
        }
        self.graph.remove_dead_nodes();
        self.graph.fold_batch_norms();
        Ok(self.graph)
    }

    fn wrong(&mut self, what: String) {
        self.problems.push(WeightProblem::Operation {
            scope: self.scope.to_string(),
            what,
        });
    }

    /// Records a problem unless `ok`.
    fn require(&mut self, ok: bool, what: impl FnOnce() -> String) -> bool {
        if !ok {
            self.wrong(what());
        }
        ok
    }

    fn dims(&self, x: ValueId) -> &[usize] {
        &self.graph.value(x).shape
    }

    /// A value that stands for one that cannot be had. It is never written: a problem was noted.
    fn placeholder(&mut self, shape: &[usize]) -> ValueId {
        let scope = self.scope.clone();
        self.graph
            .add_node("Missing", &scope, &[], vec![], DataType::Float, shape)
    }

    /// Adds a float32 node, named after the parameter among its inputs if there is one.
    fn node(
        &mut self,
        op: &'static str,
        inputs: &[ValueId],
        attributes: Vec<AttributeProto>,
        shape: &[usize],
    ) -> ValueId {
        self.typed_node(op, inputs, attributes, DataType::Float, shape)
    }

    fn typed_node(
        &mut self,
        op: &'static str,
        inputs: &[ValueId],
        attributes: Vec<AttributeProto>,
        dtype: DataType,
        shape: &[usize],
    ) -> ValueId {
        let inputs: Vec<Option<ValueId>> = inputs.iter().copied().map(Some).collect();
        self.node_with_gaps(op, &inputs, attributes, dtype, shape)
    }

    fn node_with_gaps(
        &mut self,
        op: &'static str,
        inputs: &[Option<ValueId>],
        attributes: Vec<AttributeProto>,
        dtype: DataType,
        shape: &[usize],
    ) -> ValueId {
        if let Some(scope) = inputs.iter().flatten().find_map(|&id| self.scope_of(id)) {
            self.scope = scope;
        }
        let scope = self.scope.clone();
        self.graph
            .add_node(op, &scope, inputs, attributes, dtype, shape)
    }

    /// Writes what `write` says under the name `scope`.
    fn within(&mut self, scope: &str, write: impl FnOnce(&mut Self) -> ValueId) -> ValueId {
        let outside = std::mem::replace(&mut self.scope, scope.into());
        let value = write(self);
        self.scope = outside;
        value
    }

    /// The part of the network that a parameter belongs to: its key without `.weight` and the like.
    fn scope_of(&self, id: ValueId) -> Option<Arc<str>> {
        self.graph.f32_constant(id)?;
        let label = self.graph.value(id).label.as_deref()?;
        let label = label.strip_suffix(".folded").unwrap_or(label);
        let scope = match label.rsplit_once('.') {
            Some((stem, last)) if last.ends_with("weight") || last.ends_with("bias") => stem,
            _ => label,
        };
        Some(scope.into())
    }

    /// `id` as a constant, where it is one.
    fn constant_of(&self, id: ValueId) -> Option<FoldedTensor> {
        let data = self.graph.f32_constant(id)?.clone();
        Some(FoldedTensor {
            shape: self.dims(id).to_vec(),
            data,
        })
    }

    /// All of `ids` as constants, where all are.
    fn constants_of(&self, ids: &[ValueId]) -> Option<Vec<FoldedTensor>> {
        ids.iter().map(|&id| self.constant_of(id)).collect()
    }

    /// Adds `tensor`, whose values are those of `from` in another order, under the name of the
    /// first of them that has one.
    fn rearranged(&mut self, tensor: FoldedTensor, from: &[ValueId]) -> ValueId {
        let label = self.label_of(from);
        self.graph
            .add_constant(&tensor.shape, TensorData::F32(tensor.data), label)
    }

    /// Adds `tensor`, computed from `from`, named after the first of them that has a name.
    fn folded(&mut self, tensor: FoldedTensor, from: &[ValueId]) -> ValueId {
        let label = self.label_of(from).map(|l| match l.ends_with(".folded") {
            true => l,
            false => format!("{l}.folded").into(),
        });
        self.graph
            .add_constant(&tensor.shape, TensorData::F32(tensor.data), label)
    }

    fn label_of(&self, ids: &[ValueId]) -> Option<Arc<str>> {
        ids.iter()
            .find_map(|&id| self.graph.value(id).label.clone())
    }

    fn f32s(&mut self, shape: &[usize], values: Vec<f32>) -> ValueId {
        self.graph
            .add_constant(shape, TensorData::F32(values.into()), None)
    }

    fn i64s(&mut self, values: Vec<i64>) -> ValueId {
        self.graph
            .add_constant(&[values.len()], TensorData::I64(values.into()), None)
    }

    fn i32s(&mut self, shape: &[usize], values: Vec<i32>) -> ValueId {
        self.graph
            .add_constant(shape, TensorData::I32(values.into()), None)
    }
}

/// Shapes as ONNX holds them.
fn as_i64(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&v| v as i64).collect()
}

/// Number of elements; saturates.
fn count(shape: &[usize]) -> usize {
    shape.iter().fold(1, |n, &d| n.saturating_mul(d))
}
