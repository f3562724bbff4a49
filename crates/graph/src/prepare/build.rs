//! Node builder for the preprocess and postprocess subgraphs.

use std::sync::Arc;
use unmask_onnx::ir::{OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::{AttributeProto, DataType, ModelProto};

/// First opset in which ReduceMax takes its axes as an input.
const REDUCE_AXES_INPUT: i64 = 18;

/// A part of a graph under construction.
pub(super) struct NodeBuilder {
    graph: OnnxGraph,
    scope: Arc<str>,
    /// Opset of the model that the part goes into.
    opset: i64,
}

impl NodeBuilder {
    pub fn new(scope: &str, opset: i64) -> Self {
        Self {
            graph: OnnxGraph::default(),
            scope: scope.into(),
            opset,
        }
    }

    /// The part as a model of its own.
    pub fn finish(self) -> ModelProto {
        self.graph.to_model(&[])
    }

    pub fn input(&mut self, name: &str, shape: &[usize]) -> ValueId {
        self.graph.add_input(name, shape)
    }

    pub fn output(&mut self, name: &str, value: ValueId) {
        self.graph.add_output(name, value);
    }

    pub fn shape(&self, value: ValueId) -> Vec<usize> {
        self.graph.value(value).shape.clone()
    }

    pub fn floats(&mut self, shape: &[usize], values: Vec<f32>) -> ValueId {
        self.graph
            .add_constant(shape, TensorData::F32(values.into()), None)
    }

    pub fn ints(&mut self, values: &[i64]) -> ValueId {
        self.graph
            .add_constant(&[values.len()], TensorData::I64(values.into()), None)
    }

    /// A node that gives float32.
    pub fn node(
        &mut self,
        op: &'static str,
        inputs: &[ValueId],
        attributes: Vec<AttributeProto>,
        shape: &[usize],
    ) -> ValueId {
        self.typed(op, inputs, attributes, DataType::Float, shape)
    }

    pub fn typed(
        &mut self,
        op: &'static str,
        inputs: &[ValueId],
        attributes: Vec<AttributeProto>,
        dtype: DataType,
        shape: &[usize],
    ) -> ValueId {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.graph
            .add_node(op, &self.scope, &inputs, attributes, dtype, shape)
    }

    pub fn cast(&mut self, value: ValueId, to: DataType) -> ValueId {
        let shape = self.shape(value);
        let to_attribute = AttributeProto::int("to", to as i64);
        self.typed("Cast", &[value], vec![to_attribute], to, &shape)
    }

    pub fn reshape(&mut self, value: ValueId, shape: &[usize]) -> ValueId {
        if self.shape(value) == shape {
            return value;
        }
        let wanted: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
        let wanted = self.ints(&wanted);
        let dtype = self.graph.value(value).dtype;
        self.typed("Reshape", &[value, wanted], vec![], dtype, shape)
    }

    pub fn transpose(&mut self, value: ValueId, order: &[usize]) -> ValueId {
        let from = self.shape(value);
        let shape: Vec<usize> = order.iter().map(|&axis| from[axis]).collect();
        let order: Vec<i64> = order.iter().map(|&axis| axis as i64).collect();
        self.node(
            "Transpose",
            &[value],
            vec![AttributeProto::ints("perm", order)],
            &shape,
        )
    }

    /// Positions `start`, `start + step` … of an axis, before `end`.
    pub fn slice(
        &mut self,
        value: ValueId,
        axis: usize,
        (start, end, step): (usize, usize, usize),
    ) -> ValueId {
        let mut shape = self.shape(value);
        if (start, end, step) == (0, shape[axis], 1) {
            return value;
        }
        shape[axis] = (end - start).div_ceil(step);
        let [start, end, axis, step] =
            [start, end, axis, step].map(|position| self.ints(&[position as i64]));
        self.node("Slice", &[value, start, end, axis, step], vec![], &shape)
    }

    /// Positions of an axis, in the order given.
    pub fn gather(&mut self, value: ValueId, axis: usize, positions: &[usize]) -> ValueId {
        let mut shape = self.shape(value);
        shape[axis] = positions.len();
        let positions: Vec<i64> = positions.iter().map(|&p| p as i64).collect();
        let positions = self.ints(&positions);
        let axis = AttributeProto::int("axis", axis as i64);
        self.node("Gather", &[value, positions], vec![axis], &shape)
    }

    /// One value where there is one.
    pub fn concat(&mut self, values: &[ValueId], axis: usize) -> ValueId {
        let mut shape = self.shape(values[0]);
        if values.len() == 1 {
            return values[0];
        }
        shape[axis] = values.iter().map(|&v| self.shape(v)[axis]).sum();
        let axis = AttributeProto::int("axis", axis as i64);
        self.node("Concat", values, vec![axis], &shape)
    }

    pub fn matmul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        let mut shape = self.shape(a);
        let other = self.shape(b);
        if other.len() > shape.len() {
            let rows = shape[shape.len() - 2];
            shape = other.clone();
            let axis = shape.len() - 2;
            shape[axis] = rows;
        }
        let last = shape.len() - 1;
        shape[last] = other[other.len() - 1];
        self.node("MatMul", &[a, b], vec![], &shape)
    }

    /// A node of two inputs that spread against each other; the result has the first one's shape.
    pub fn binary(&mut self, op: &'static str, a: ValueId, b: ValueId) -> ValueId {
        let shape = self.shape(a);
        self.node(op, &[a, b], vec![], &shape)
    }

    /// The same with a number.
    pub fn with_number(&mut self, op: &'static str, a: ValueId, number: f32) -> ValueId {
        let number = self.floats(&[], vec![number]);
        self.binary(op, a, number)
    }

    /// A node that gives truth values.
    pub fn compare(&mut self, op: &'static str, a: ValueId, number: f32) -> ValueId {
        let number = self.floats(&[], vec![number]);
        let shape = self.shape(a);
        self.typed(op, &[a, number], vec![], DataType::Bool, &shape)
    }

    pub fn unary(&mut self, op: &'static str, value: ValueId) -> ValueId {
        let shape = self.shape(value);
        self.node(op, &[value], vec![], &shape)
    }

    pub fn along(&mut self, op: &'static str, value: ValueId, axis: usize) -> ValueId {
        let shape = self.shape(value);
        let axis = AttributeProto::int("axis", axis as i64);
        self.node(op, &[value], vec![axis], &shape)
    }

    /// The largest value along an axis, which stays with length 1.
    pub fn reduce_max(&mut self, value: ValueId, axis: usize) -> ValueId {
        let mut shape = self.shape(value);
        shape[axis] = 1;
        let axis = axis as i64;
        if self.opset < REDUCE_AXES_INPUT {
            let axes = AttributeProto::ints("axes", [axis]);
            return self.node("ReduceMax", &[value], vec![axes], &shape);
        }
        let axes = self.ints(&[axis]);
        self.node("ReduceMax", &[value, axes], vec![], &shape)
    }

    /// The sum along an axis, which stays with length 1.
    pub fn reduce_sum(&mut self, value: ValueId, axis: usize) -> ValueId {
        let mut shape = self.shape(value);
        shape[axis] = 1;
        let axes = self.ints(&[axis as i64]);
        self.node("ReduceSum", &[value, axes], vec![], &shape)
    }

    /// Bilinear, pixel centres at half-integers.
    pub fn resize(&mut self, value: ValueId, shape: [usize; 4]) -> ValueId {
        let sizes = self.ints(&shape.map(|side| side as i64));
        let attributes = vec![
            AttributeProto::string("mode", "linear"),
            AttributeProto::string("coordinate_transformation_mode", "half_pixel"),
        ];
        self.graph.add_node(
            "Resize",
            &self.scope,
            &[Some(value), None, None, Some(sizes)],
            attributes,
            DataType::Float,
            &shape,
        )
    }

    /// Index of the largest value along an axis, which goes, as int32.
    pub fn arg_max(&mut self, value: ValueId, axis: usize) -> ValueId {
        let mut shape = self.shape(value);
        shape.remove(axis);
        let attributes = vec![
            AttributeProto::int("axis", axis as i64),
            AttributeProto::int("keepdims", 0),
        ];
        let index = self.typed("ArgMax", &[value], attributes, DataType::Int64, &shape);
        self.cast(index, DataType::Int32)
    }
}
