//! One operation, written as ONNX and run on the CPU engine.

use super::*;

/// A dense f64 array: what the restatements work on.
#[derive(Clone, Debug)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<f64>,
}

impl Array {
    /// Values between about −2 and 2 that repeat nowhere, exact in float32.
    pub(super) fn noise(shape: &[usize], seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let data = (0..count(shape)).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            f64::from(((state >> 40) as f32 / (1 << 22) as f32) - 2.0)
        });
        Self {
            shape: shape.to_vec(),
            data: data.collect(),
        }
    }

    pub(super) fn of(shape: &[usize], f: impl Fn(&[usize]) -> f64) -> Self {
        let mut index = vec![0; shape.len()];
        let mut data = Vec::new();
        for _ in 0..count(shape) {
            data.push(f(&index));
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Self {
            shape: shape.to_vec(),
            data,
        }
    }

    pub(super) fn at(&self, index: &[usize]) -> f64 {
        let flat = index
            .iter()
            .zip(&self.shape)
            .fold(0, |n, (&i, &d)| n * d + i);
        self.data[flat]
    }

    /// Zero outside.
    pub(super) fn pixel(&self, n: usize, c: usize, y: i64, x: i64) -> f64 {
        let inside = |v: i64, side: usize| (0..side as i64).contains(&v);
        if inside(y, self.shape[2]) && inside(x, self.shape[3]) {
            self.at(&[n, c, y as usize, x as usize])
        } else {
            0.0
        }
    }

    pub(super) fn f32s(&self) -> Vec<f32> {
        self.data.iter().map(|&v| v as f32).collect()
    }

    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            shape: self.shape.clone(),
            data: self.data.iter().map(|&v| f(v)).collect(),
        }
    }
}

/// Inputs and parameters of a case; parameters are called `p0.weight`, `p1.weight`, ….
pub(super) struct Case<'a> {
    pub(super) inputs: &'a [&'a Array],
    pub(super) parameters: &'a [&'a Array],
    pub(super) sampling: SamplingForm,
}

impl Case<'_> {
    /// Writes what `build` says about the values of inputs and parameters, and runs it. Also gives
    /// the operators that were written.
    pub(super) fn run(
        &self,
        build: impl Fn(&mut OnnxOps, &[ValueId], &[ValueId]) -> ValueId,
    ) -> (Array, Vec<String>) {
        let mut weights = CheckpointWeights::new();
        let name = |i: usize| format!("p{i}.weight");
        for (i, p) in self.parameters.iter().enumerate() {
            let data = p.f32s().into();
            let shape = p.shape.clone();
            weights.insert(name(i), checkpoint::WeightTensor { shape, data });
        }
        let mut ops = OnnxOps::new(weights, self.sampling);
        let inputs: Vec<ValueId> = (0..self.inputs.len())
            .map(|i| ops.input(&format!("x{i}"), &self.inputs[i].shape))
            .collect();
        let parameters: Vec<ValueId> = (0..self.parameters.len())
            .map(|i| ops.param(&name(i), &self.parameters[i].shape, WeightInit::Zeros))
            .collect();
        let y = build(&mut ops, &inputs, &parameters);
        let stated = ops.shape(&y);
        ops.output("y", &y);
        let model = ops.finish().unwrap().to_model(&[]);
        let nodes = &model.graph.as_ref().unwrap().node;
        let operators = nodes.iter().map(|n| n.op_type.clone().unwrap()).collect();
        let engine = Model::load(model.to_bytes()).unwrap();
        let mut values = Vec::new();
        for (i, x) in self.inputs.iter().enumerate() {
            let tensor = rten_tensor::Tensor::from_data(&x.shape, x.f32s());
            let id = engine.node_id(&format!("x{i}")).unwrap();
            values.push((id, ValueOrView::from(tensor)));
        }
        let out = engine.node_id("y").unwrap();
        let y = engine.run(values, &[out], None).unwrap().remove(0);
        let y: rten_tensor::Tensor<f32> = y.try_into().unwrap();
        assert_eq!(y.shape(), stated, "the stated shape");
        let array = Array {
            shape: y.shape().to_vec(),
            data: y.iter().map(|&v| f64::from(v)).collect(),
        };
        (array, operators)
    }
}

pub(super) fn close(got: &Array, want: &Array) {
    assert_eq!(got.shape, want.shape);
    let scale = want.data.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in got.data.iter().zip(&want.data).enumerate() {
        assert!((a - b).abs() <= 2e-6 * scale, "element {i}: {a} for {b}");
    }
}

/// Runs `build` with `x` given at run time, and with `x` a parameter: both must give `want`.
pub(super) fn both_ways(
    x: &Array,
    parameters: &[&Array],
    want: &Array,
    build: impl Fn(&mut OnnxOps, ValueId, &[ValueId]) -> ValueId,
) {
    let sampling = SamplingForm::default();
    let given = Case {
        inputs: &[x],
        parameters,
        sampling,
    };
    close(&given.run(|ops, i, p| build(ops, i[0], p)).0, want);
    let all: Vec<&Array> = [x].into_iter().chain(parameters.iter().copied()).collect();
    let constant = Case {
        inputs: &[],
        parameters: &all,
        sampling,
    };
    let (got, operators) = constant.run(|ops, _, p| build(ops, p[0], &p[1..]));
    close(&got, want);
    assert_eq!(operators, ["Identity"], "constants are folded");
}

pub(super) fn run(
    inputs: &[&Array],
    parameters: &[&Array],
    build: impl Fn(&mut OnnxOps, &[ValueId], &[ValueId]) -> ValueId,
) -> (Array, Vec<String>) {
    let sampling = SamplingForm::default();
    Case {
        inputs,
        parameters,
        sampling,
    }
    .run(build)
}
