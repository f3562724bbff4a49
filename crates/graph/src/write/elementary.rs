//! Operations whose ONNX form takes more than a line.

use super::{BLOCKED, EPS, FOLD_LIMIT, OnnxOps, as_i64, count, fold};
use unmask_network::ops::{ConvOptions, NetworkOps, PadSide};
use unmask_onnx::ir::ValueId;
use unmask_onnx::messages::{AttributeProto, DataType};

impl OnnxOps {
    pub(super) fn write_conv(
        &mut self,
        x: ValueId,
        w: ValueId,
        b: Option<ValueId>,
        options: ConvOptions,
    ) -> ValueId {
        let ConvOptions {
            stride,
            pads,
            groups,
        } = options;
        let padded = |from: &[usize], i: usize| from[2 + i] + pads[i] + pads[2 + i];
        let (from, kernel) = (self.shape(&x), self.shape(&w));
        let fits = from.len() == 4
            && kernel.len() == 4
            && stride > 0
            && groups > 0
            && from[1] == kernel[1] * groups
            && kernel[0].is_multiple_of(groups)
            && (0..2).all(|i| kernel[2 + i] > 0 && padded(&from, i) >= kernel[2 + i])
            && b.is_none_or(|b| self.dims(b) == &kernel[..1]);
        if !self.require(fits, || {
            format!("a convolution of {from:?} with {kernel:?}")
        }) {
            let mut shape = from;
            if let (Some(c), Some(&out)) = (shape.get_mut(1), kernel.first()) {
                *c = out;
            }
            return self.placeholder(&shape);
        }
        let side = |i: usize| (padded(&from, i) - kernel[2 + i]) / stride + 1;
        let mut attributes = vec![
            AttributeProto::ints("kernel_shape", as_i64(&kernel[2..])),
            AttributeProto::ints("strides", [stride as i64; 2]),
            AttributeProto::ints("pads", as_i64(&pads)),
        ];
        if groups > 1 {
            attributes.push(AttributeProto::int("group", groups as i64));
        }
        let mut inputs = vec![x, w];
        inputs.extend(b);
        self.node(
            "Conv",
            &inputs,
            attributes,
            &[from[0], kernel[0], side(0), side(1)],
        )
    }

    /// MatMul with the transposed weight, then Add: engines fuse the pair, pack the constant once,
    /// and run `[N, L, in]` as one matrix.
    pub(super) fn write_linear(&mut self, x: ValueId, w: ValueId, b: Option<ValueId>) -> ValueId {
        let (from, weight) = (self.shape(&x), self.shape(&w));
        let fits = weight.len() == 2
            && from.last() == weight.get(1)
            && b.is_none_or(|b| self.dims(b) == &weight[..1]);
        let mut shape = from.clone();
        if let (Some(last), Some(&out)) = (shape.last_mut(), weight.first()) {
            *last = out;
        }
        if !self.require(fits, || {
            format!("a linear layer of {from:?} with {weight:?}")
        }) {
            return self.placeholder(&shape);
        }
        let all: Vec<ValueId> = [x, w].into_iter().chain(b).collect();
        if let Some(c) = self.constants_of(&all)
            && count(&shape) <= FOLD_LIMIT
        {
            let y = fold::linear(&c[0], &c[1], c.get(2));
            return self.folded(y, &[w]);
        }
        let transposed = self.write_permute(w, &[1, 0]);
        let y = self.node("MatMul", &[x, transposed], vec![], &shape);
        match b {
            Some(b) => self.node("Add", &[y, b], vec![], &shape),
            None => y,
        }
    }

    /// Opset 17 has no group norm: InstanceNormalization over the groups as channels, then the
    /// affine part per channel.
    pub(super) fn write_group_norm(
        &mut self,
        x: ValueId,
        groups: usize,
        gamma: ValueId,
        beta: ValueId,
    ) -> ValueId {
        let shape = self.shape(&x);
        let fits = shape.len() == 4
            && groups > 0
            && shape[1].is_multiple_of(groups)
            && self.dims(gamma) == &shape[1..2]
            && self.dims(beta) == &shape[1..2];
        if !self.require(fits, || {
            format!("a group norm of {shape:?} in {groups} groups")
        }) {
            return self.placeholder(&shape);
        }
        if let Some(scope) = self.scope_of(gamma) {
            self.scope = scope;
        }
        let grouped = [shape[0], groups, count(&shape[1..]) / groups];
        let y = self.write_reshape(x, &grouped);
        let ones = self.f32s(&[groups], vec![1.0; groups]);
        let zeros = self.f32s(&[groups], vec![0.0; groups]);
        let eps = AttributeProto::float("epsilon", EPS);
        let y = self.node(
            "InstanceNormalization",
            &[y, ones, zeros],
            vec![eps],
            &grouped,
        );
        let y = self.write_reshape(y, &shape);
        let column = [1, shape[1], 1, 1];
        let (gamma, beta) = (
            self.write_reshape(gamma, &column),
            self.write_reshape(beta, &column),
        );
        let y = self.node("Mul", &[y, gamma], vec![], &shape);
        self.node("Add", &[y, beta], vec![], &shape)
    }

    pub(super) fn write_binary(
        &mut self,
        op: &'static str,
        a: ValueId,
        b: ValueId,
        f: impl Fn(f32, f32) -> f32,
    ) -> ValueId {
        let (left, right) = (self.shape(&a), self.shape(&b));
        let mut pairs = left.iter().zip(&right);
        let fits = left.len() == right.len() && pairs.all(|(&m, &n)| m == n || m == 1 || n == 1);
        if !self.require(fits, || format!("{op} of {left:?} and {right:?}")) {
            return self.placeholder(&left);
        }
        let shape: Vec<usize> = left
            .iter()
            .zip(&right)
            .map(|(&m, &n)| if m == 1 { n } else { m })
            .collect();
        if let Some(c) = self.constants_of(&[a, b])
            && count(&shape) <= FOLD_LIMIT
        {
            return self.folded(fold::binary(&c[0], &c[1], f), &[a, b]);
        }
        self.node(op, &[a, b], vec![], &shape)
    }

    pub(super) fn write_reshape(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        let from = self.shape(&x);
        if !self.require(count(&from) == count(shape), || {
            format!("a reshape of {from:?} to {shape:?}")
        }) {
            return self.placeholder(shape);
        }
        if from == shape {
            return x;
        }
        if let Some(mut c) = self.constant_of(x) {
            c.shape = shape.to_vec();
            return self.rearranged(c, &[x]);
        }
        // A reshape of a reshape reads the first one's input.
        let x = match self.graph.producer(x) {
            Some(node) if node.op == "Reshape" => node.inputs[0].unwrap_or(x),
            _ => x,
        };
        if self.dims(x) == shape {
            return x;
        }
        let target = self.i64s(as_i64(shape));
        let dtype = self.graph.value(x).dtype;
        self.typed_node("Reshape", &[x, target], vec![], dtype, shape)
    }

    pub(super) fn write_permute(&mut self, x: ValueId, order: &[usize]) -> ValueId {
        let from = self.shape(&x);
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        let fits = sorted.iter().copied().eq(0..from.len());
        if !self.require(fits, || format!("axes {order:?} of {from:?}")) {
            return self.placeholder(&from);
        }
        if order.iter().copied().eq(0..order.len()) {
            return x;
        }
        if let Some(c) = self.constant_of(x) {
            return self.rearranged(fold::permute(&c, order), &[x]);
        }
        let shape: Vec<usize> = order.iter().map(|&a| from[a]).collect();
        let perm = AttributeProto::ints("perm", as_i64(order));
        self.node("Transpose", &[x], vec![perm], &shape)
    }

    pub(super) fn write_slice(
        &mut self,
        x: ValueId,
        axis: usize,
        start: usize,
        len: usize,
    ) -> ValueId {
        let from = self.shape(&x);
        let end = start.saturating_add(len);
        let fits = axis < from.len() && end <= from[axis] && len > 0;
        let mut shape = from.clone();
        if let Some(side) = shape.get_mut(axis) {
            *side = len;
        }
        if !self.require(fits, || {
            format!("{start}..{end} on axis {axis} of {from:?}")
        }) {
            return self.placeholder(&shape);
        }
        if len == from[axis] {
            return x;
        }
        if let Some(c) = self.constant_of(x) {
            return self.rearranged(fold::slice(&c, axis, start, len), &[x]);
        }
        let (start, end) = (self.i64s(vec![start as i64]), self.i64s(vec![end as i64]));
        let axis = self.i64s(vec![axis as i64]);
        self.node("Slice", &[x, start, end, axis], vec![], &shape)
    }

    pub(super) fn write_concat(&mut self, xs: &[ValueId], axis: usize) -> ValueId {
        let Some(&first) = xs.first() else {
            self.wrong("a concat of nothing".to_owned());
            return self.placeholder(&[]);
        };
        let mut shape = self.shape(&first);
        let fits = axis < shape.len()
            && xs.iter().all(|&x| {
                let other = self.dims(x);
                let sides = other.iter().zip(&shape).enumerate();
                other.len() == shape.len()
                    && sides.fold(true, |ok, (i, (a, b))| ok & (i == axis || a == b))
            });
        if !self.require(fits, || {
            format!("a concat of {shape:?} and others on axis {axis}")
        }) {
            return self.placeholder(&shape);
        }
        if xs.len() == 1 {
            return first;
        }
        shape[axis] = xs.iter().map(|&x| self.dims(x)[axis]).sum();
        if let Some(c) = self.constants_of(xs) {
            return self.rearranged(fold::concat(&c, axis), xs);
        }
        let axis = AttributeProto::int("axis", axis as i64);
        self.node("Concat", xs, vec![axis], &shape)
    }

    /// Zeros before and after the entries of each axis.
    pub(super) fn write_pad(&mut self, x: ValueId, before: &[usize], after: &[usize]) -> ValueId {
        let mut shape = self.shape(&x);
        for (side, (b, a)) in shape.iter_mut().zip(before.iter().zip(after)) {
            *side += b + a;
        }
        if self.dims(x) == shape {
            return x;
        }
        let pads = self.i64s(as_i64(&[before, after].concat()));
        let zero = self.f32s(&[], vec![0.0]);
        let mode = AttributeProto::string("mode", "constant");
        self.node("Pad", &[x, pads, zero], vec![mode], &shape)
    }

    pub(super) fn write_resize(&mut self, x: ValueId, h: usize, w: usize) -> ValueId {
        let from = self.shape(&x);
        let fits = from.len() == 4 && h > 0 && w > 0 && count(&from) > 0;
        if !self.require(fits, || format!("a resize of {from:?} to {h}x{w}")) {
            return self.placeholder(&from);
        }
        let shape = [from[0], from[1], h, w];
        if from == shape {
            return x;
        }
        let sizes = self.i64s(as_i64(&shape));
        let attributes = vec![
            AttributeProto::string("mode", "linear"),
            AttributeProto::string("coordinate_transformation_mode", "half_pixel"),
        ];
        let inputs = [Some(x), None, None, Some(sizes)];
        self.node_with_gaps("Resize", &inputs, attributes, DataType::Float, &shape)
    }

    /// 0 or [`BLOCKED`] per key. A row with every key blocked is opened by its own extremum, not by
    /// the softmax being blind to shifts: −1e4 added to a whole row of FP16 scores would round them
    /// away.
    pub(super) fn write_attention_mask(&mut self, logits: ValueId, side: PadSide) -> ValueId {
        let shape = self.shape(&logits);
        let fits = shape.last().is_some_and(|&keys| keys > 0);
        if !self.require(fits, || format!("an attention mask of {shape:?}")) {
            return self.placeholder(&shape);
        }
        // The key that is open if any is, and the comparison that blocks.
        let (extremum, blocks, name) = match side {
            PadSide::Foreground => ("ReduceMax", "Less", "foreground_mask"),
            PadSide::Background => ("ReduceMin", "Greater", "background_mask"),
        };
        let scope = format!("{}.{name}", self.scope);
        self.within(scope.trim_start_matches('.'), |ops| {
            let mut row = shape.clone();
            row[shape.len() - 1] = 1;
            let attributes = vec![
                AttributeProto::ints("axes", [-1]),
                AttributeProto::int("keepdims", 1),
            ];
            let zero = ops.f32s(&[], vec![0.0]);
            let blocked = ops.f32s(&[], vec![BLOCKED]);
            let best = ops.node(extremum, &[logits], attributes, &row);
            let all = ops.typed_node(blocks, &[best, zero], vec![], DataType::Bool, &row);
            let amount = ops.node("Where", &[all, zero, blocked], vec![], &row);
            let each = ops.typed_node(blocks, &[logits, zero], vec![], DataType::Bool, &shape);
            ops.node("Where", &[each, amount, zero], vec![], &shape)
        })
    }

    /// `op` of one input, cell by cell, shape kept.
    pub(crate) fn unary(&mut self, op: &'static str, x: &ValueId) -> ValueId {
        let shape = self.shape(x);
        self.node(op, &[*x], vec![], &shape)
    }

    /// `min(max(x, low), high)`.
    pub(crate) fn clip(&mut self, x: &ValueId, low: f32, high: f32) -> ValueId {
        let shape = self.shape(x);
        let (low, high) = (self.f32s(&[], vec![low]), self.f32s(&[], vec![high]));
        self.node("Clip", &[*x, low, high], vec![], &shape)
    }

    /// The least value along the last axis, which stays with length 1.
    pub(crate) fn least(&mut self, x: &ValueId) -> ValueId {
        let mut shape = self.shape(x);
        if let Some(last) = shape.last_mut() {
            *last = 1;
        }
        let attributes = vec![
            AttributeProto::ints("axes", [-1]),
            AttributeProto::int("keepdims", 1),
        ];
        self.node("ReduceMin", &[*x], attributes, &shape)
    }
}
