//! The network's operations, one method each; the longer ones lie in `elementary` and `sampling`.

use super::{EPS, OnnxOps, as_i64, count, fold};
use crate::error::WeightProblem;
use unmask_network::ops::{ConvOptions, NetworkOps, PadSide, WeightInit};
use unmask_onnx::ir::ValueId;
use unmask_onnx::messages::AttributeProto;

impl NetworkOps for OnnxOps {
    type T = ValueId;

    fn shape(&self, x: &ValueId) -> Vec<usize> {
        self.dims(*x).to_vec()
    }

    fn param(&mut self, name: &str, shape: &[usize], _init: WeightInit) -> ValueId {
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
            Some(tensor) => WeightProblem::Shape {
                key: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.shape.clone(),
            },
            None => WeightProblem::Missing {
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
            inputs.push(self.param(&format!("{name}.{part}"), &[channels], WeightInit::Zeros));
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
        let options = ConvOptions {
            stride,
            pads: [pad; 4],
            groups: 1,
        };
        self.write_conv(*x, *w, b.copied(), options)
    }

    fn conv2d_with(
        &mut self,
        x: &ValueId,
        w: &ValueId,
        b: Option<&ValueId>,
        options: ConvOptions,
    ) -> ValueId {
        self.write_conv(*x, *w, b.copied(), options)
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

    fn relu6(&mut self, x: &ValueId) -> ValueId {
        if let Some(c) = self.constant_of(*x) {
            return self.folded(fold::map(&c, |v| v.clamp(0.0, 6.0)), &[*x]);
        }
        self.clip(x, 0.0, 6.0)
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

    fn attention_mask(&mut self, logits: &ValueId, side: PadSide) -> ValueId {
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
