//! The network, written down as an ONNX graph.
//!
//! [`OnnxOps`] interprets [`unmask_network::ops::Ops`]: every call becomes a node (opset 17, static
//! shapes), or a constant where all that it reads is constant. What does not fit is noted and
//! reported together by [`OnnxOps::finish`].

mod elementary;
mod fold;
mod sampling;
#[cfg(test)]
mod tests;

use super::checkpoint::Weights;
use super::error::{Error, Problem};
use super::ir::{Data, Graph, ValueId};
use super::onnx::{AttributeProto, DataType};
use fold::Tensor;
pub use sampling::Sampling;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use unmask_network::ops::{Init, Ops, Side};

/// What a blocked key adds to an attention score. Finite: rows of −∞ give NaN in a softmax, and
/// FP16 can hold this number.
pub const BLOCKED: f32 = -1e4;

/// The eps of every norm of the network.
const EPS: f32 = 1e-5;

/// Constants with more elements than this are not multiplied out while writing.
const FOLD_LIMIT: usize = 1 << 24;

/// Writes the network down as a [`Graph`].
#[derive(Debug)]
pub struct OnnxOps {
    graph: Graph,
    weights: Weights,
    sampling: Sampling,
    /// Parameters that were asked for, by key.
    parameters: HashMap<String, ValueId>,
    asked: BTreeSet<String>,
    problems: Vec<Problem>,
    /// The part of the network that is being written: names nodes.
    scope: Arc<str>,
}

impl OnnxOps {
    /// A writer that takes parameters from `weights` and writes deformable attention as `sampling`
    /// says.
    pub fn new(weights: Weights, sampling: Sampling) -> Self {
        Self {
            graph: Graph::default(),
            weights,
            sampling,
            parameters: HashMap::new(),
            asked: BTreeSet::new(),
            problems: Vec::new(),
            scope: "".into(),
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

    /// The graph, without nodes that reach no output and with batch norms folded into the
    /// convolutions before them.
    ///
    /// # Errors
    /// [`Error::Unfit`] with every key that is missing, misshapen or left over, and every
    /// operation whose shapes do not go together.
    pub fn finish(mut self) -> Result<Graph, Error> {
        let extra = self
            .weights
            .iter()
            .filter(|(k, _)| !self.asked.contains(*k));
        self.problems
            .extend(extra.map(|(key, tensor)| Problem::Extra {
                key: key.to_owned(),
                found: tensor.shape.clone(),
            }));
        if !self.problems.is_empty() {
            return Err(Error::Unfit {
                problems: self.problems,
            });
        }
        self.graph.remove_dead_nodes();
        self.graph.fold_batch_norms();
        Ok(self.graph)
    }

    fn wrong(&mut self, what: String) {
        self.problems.push(Problem::Operation {
            scope: self.scope.to_string(),
            what,
        });
    }

    /// Notes a problem unless `ok`.
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
    fn constant_of(&self, id: ValueId) -> Option<Tensor> {
        let data = self.graph.f32_constant(id)?.clone();
        Some(Tensor {
            shape: self.dims(id).to_vec(),
            data,
        })
    }

    /// All of `ids` as constants, where all are.
    fn constants_of(&self, ids: &[ValueId]) -> Option<Vec<Tensor>> {
        ids.iter().map(|&id| self.constant_of(id)).collect()
    }

    /// Adds `tensor`, whose values are those of `from` in another order, under the name of the
    /// first of them that has one.
    fn rearranged(&mut self, tensor: Tensor, from: &[ValueId]) -> ValueId {
        let label = self.label_of(from);
        self.graph
            .add_constant(&tensor.shape, Data::F32(tensor.data), label)
    }

    /// Adds `tensor`, computed from `from`, named after the first of them that has a name.
    fn folded(&mut self, tensor: Tensor, from: &[ValueId]) -> ValueId {
        let label = self.label_of(from).map(|l| match l.ends_with(".folded") {
            true => l,
            false => format!("{l}.folded").into(),
        });
        self.graph
            .add_constant(&tensor.shape, Data::F32(tensor.data), label)
    }

    fn label_of(&self, ids: &[ValueId]) -> Option<Arc<str>> {
        ids.iter()
            .find_map(|&id| self.graph.value(id).label.clone())
    }

    fn f32s(&mut self, shape: &[usize], values: Vec<f32>) -> ValueId {
        self.graph
            .add_constant(shape, Data::F32(values.into()), None)
    }

    fn i64s(&mut self, values: Vec<i64>) -> ValueId {
        self.graph
            .add_constant(&[values.len()], Data::I64(values.into()), None)
    }

    fn i32s(&mut self, shape: &[usize], values: Vec<i32>) -> ValueId {
        self.graph
            .add_constant(shape, Data::I32(values.into()), None)
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

impl Ops for OnnxOps {
    type T = ValueId;

    fn shape(&self, x: &ValueId) -> Vec<usize> {
        self.dims(*x).to_vec()
    }

    fn param(&mut self, name: &str, shape: &[usize], _init: Init) -> ValueId {
        if let Some(&id) = self.parameters.get(name)
            && self.dims(id) == shape
        {
            return id;
        }
        self.asked.insert(name.to_owned());
        let problem = match self.weights.get(name) {
            Some(tensor) if tensor.shape == shape => {
                let data = tensor.data.clone();
                let id = self.graph.add_parameter(name, shape, data);
                self.parameters.insert(name.to_owned(), id);
                return id;
            }
            Some(tensor) => Problem::Shape {
                key: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.shape.clone(),
            },
            None => Problem::Missing {
                key: name.to_owned(),
                expected: shape.to_vec(),
            },
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
        self.placeholder(shape)
    }

    fn constant(&mut self, shape: &[usize], values: &[f32]) -> ValueId {
        if !self.require(count(shape) == values.len(), || {
            format!("a constant of {} values as {shape:?}", values.len())
        }) {
            return self.placeholder(shape);
        }
        self.f32s(shape, values.to_vec())
    }

    fn batch_norm(&mut self, x: &ValueId, name: &str, _frozen: bool) -> ValueId {
        let shape = self.shape(x);
        let channels = shape.get(1).copied().unwrap_or(0);
        let mut inputs = vec![*x];
        for part in ["weight", "bias", "running_mean", "running_var"] {
            inputs.push(self.param(&format!("{name}.{part}"), &[channels], Init::Zeros));
        }
        self.require(shape.len() == 4, || format!("a batch norm of {shape:?}"));
        let eps = AttributeProto::float("epsilon", EPS);
        self.node("BatchNormalization", &inputs, vec![eps], &shape)
    }

    fn conv2d(
        &mut self,
        x: &ValueId,
        w: &ValueId,
        b: Option<&ValueId>,
        stride: usize,
        pad: usize,
    ) -> ValueId {
        self.write_conv(*x, *w, b.copied(), stride, pad)
    }

    fn linear(&mut self, x: &ValueId, w: &ValueId, b: Option<&ValueId>) -> ValueId {
        self.write_linear(*x, *w, b.copied())
    }

    fn matmul(&mut self, a: &ValueId, b: &ValueId) -> ValueId {
        let (left, right) = (self.shape(a), self.shape(b));
        let rank = left.len();
        let fits = rank >= 2
            && right.len() == rank
            && left[..rank - 2] == right[..rank - 2]
            && left[rank - 1] == right[rank - 2];
        if !self.require(fits, || format!("a product of {left:?} and {right:?}")) {
            return self.placeholder(&left);
        }
        let mut shape = left;
        shape[rank - 1] = right[rank - 1];
        self.node("MatMul", &[*a, *b], vec![], &shape)
    }

    fn group_norm(
        &mut self,
        x: &ValueId,
        groups: usize,
        gamma: &ValueId,
        beta: &ValueId,
    ) -> ValueId {
        self.write_group_norm(*x, groups, *gamma, *beta)
    }

    fn layer_norm(&mut self, x: &ValueId, gamma: &ValueId, beta: &ValueId) -> ValueId {
        let shape = self.shape(x);
        let last: Vec<usize> = shape.last().copied().into_iter().collect();
        let fits = self.dims(*gamma) == last && self.dims(*beta) == last && !last.is_empty();
        if !self.require(fits, || format!("a layer norm of {shape:?}")) {
            return self.placeholder(&shape);
        }
        if let Some(c) = self.constants_of(&[*x, *gamma, *beta]) {
            let y = fold::layer_norm(&c[0], &c[1], &c[2], f64::from(EPS));
            return self.folded(y, &[*gamma]);
        }
        let attributes = vec![
            AttributeProto::int("axis", -1),
            AttributeProto::float("epsilon", EPS),
        ];
        self.node(
            "LayerNormalization",
            &[*x, *gamma, *beta],
            attributes,
            &shape,
        )
    }

    fn max_pool3s2(&mut self, x: &ValueId) -> ValueId {
        let mut shape = self.shape(x);
        let fits = shape.len() == 4 && shape[2] > 0 && shape[3] > 0;
        if !self.require(fits, || format!("a max pool of {shape:?}")) {
            return self.placeholder(&shape);
        }
        for side in &mut shape[2..] {
            *side = (*side - 1) / 2 + 1;
        }
        let attributes = vec![
            AttributeProto::ints("kernel_shape", [3, 3]),
            AttributeProto::ints("strides", [2, 2]),
            AttributeProto::ints("pads", [1, 1, 1, 1]),
        ];
        self.node("MaxPool", &[*x], attributes, &shape)
    }

    fn relu(&mut self, x: &ValueId) -> ValueId {
        if let Some(c) = self.constant_of(*x) {
            return self.folded(fold::map(&c, |v| v.max(0.0)), &[*x]);
        }
        let shape = self.shape(x);
        self.node("Relu", &[*x], vec![], &shape)
    }

    fn gelu(&mut self, x: &ValueId) -> ValueId {
        // The shape that engines fuse: x · (erf(x / √2) + 1) · 0.5.
        let shape = self.shape(x);
        let root = self.f32s(&[], vec![std::f32::consts::SQRT_2]);
        let y = self.node("Div", &[*x, root], vec![], &shape);
        let y = self.node("Erf", &[y], vec![], &shape);
        let one = self.f32s(&[], vec![1.0]);
        let y = self.node("Add", &[y, one], vec![], &shape);
        let y = self.node("Mul", &[*x, y], vec![], &shape);
        let half = self.f32s(&[], vec![0.5]);
        self.node("Mul", &[y, half], vec![], &shape)
    }

    fn softmax(&mut self, x: &ValueId) -> ValueId {
        let shape = self.shape(x);
        self.node(
            "Softmax",
            &[*x],
            vec![AttributeProto::int("axis", -1)],
            &shape,
        )
    }

    fn add(&mut self, a: &ValueId, b: &ValueId) -> ValueId {
        self.write_binary("Add", *a, *b, |p, q| p + q)
    }

    fn mul(&mut self, a: &ValueId, b: &ValueId) -> ValueId {
        self.write_binary("Mul", *a, *b, |p, q| p * q)
    }

    fn scale(&mut self, x: &ValueId, by: f32) -> ValueId {
        if let Some(c) = self.constant_of(*x) {
            return self.folded(fold::map(&c, |v| v * by), &[*x]);
        }
        let shape = self.shape(x);
        let by = self.f32s(&[], vec![by]);
        self.node("Mul", &[*x, by], vec![], &shape)
    }

    fn reshape(&mut self, x: &ValueId, shape: &[usize]) -> ValueId {
        self.write_reshape(*x, shape)
    }

    fn permute(&mut self, x: &ValueId, order: &[usize]) -> ValueId {
        self.write_permute(*x, order)
    }

    fn slice(&mut self, x: &ValueId, axis: usize, start: usize, len: usize) -> ValueId {
        self.write_slice(*x, axis, start, len)
    }

    fn concat(&mut self, xs: &[&ValueId], axis: usize) -> ValueId {
        let xs: Vec<ValueId> = xs.iter().map(|&&x| x).collect();
        self.write_concat(&xs, axis)
    }

    fn pad_bottom_right(&mut self, x: &ValueId, bottom: usize, right: usize) -> ValueId {
        let shape = self.shape(x);
        if !self.require(shape.len() == 4, || format!("a padding of {shape:?}")) {
            return self.placeholder(&shape);
        }
        self.write_pad(*x, &[0; 4], &[0, 0, bottom, right])
    }

    fn rows(&mut self, table: &ValueId, indices: &[usize]) -> ValueId {
        let shape = self.shape(table);
        let fits = shape.len() == 2 && indices.iter().all(|&i| i < shape[0]);
        if !self.require(fits, || format!("rows that {shape:?} does not have")) {
            return self.placeholder(&[indices.len(), shape.last().copied().unwrap_or(0)]);
        }
        if let Some(c) = self.constant_of(*table) {
            return self.rearranged(fold::rows(&c, indices), &[*table]);
        }
        let list = self.i64s(as_i64(indices));
        let axis = AttributeProto::int("axis", 0);
        self.node(
            "Gather",
            &[*table, list],
            vec![axis],
            &[indices.len(), shape[1]],
        )
    }

    fn resize(&mut self, x: &ValueId, h: usize, w: usize) -> ValueId {
        self.write_resize(*x, h, w)
    }

    fn repeat_batch(&mut self, x: &ValueId, n: usize) -> ValueId {
        let mut shape = self.shape(x);
        if !self.require(shape.first() == Some(&1), || {
            format!("a repeat of {shape:?}")
        }) {
            return self.placeholder(&shape);
        }
        if n == 1 {
            return *x;
        }
        shape[0] = n;
        let target = self.i64s(as_i64(&shape));
        self.node("Expand", &[*x, target], vec![], &shape)
    }

    fn detach(&mut self, x: &ValueId) -> ValueId {
        *x
    }

    fn attention_mask(&mut self, logits: &ValueId, side: Side) -> ValueId {
        self.write_attention_mask(*logits, side)
    }

    fn deformable_sample(
        &mut self,
        value: &ValueId,
        levels: &[(usize, usize)],
        locations: &ValueId,
        weights: &ValueId,
    ) -> ValueId {
        self.write_deformable_sample(*value, levels, *locations, *weights)
    }
}
