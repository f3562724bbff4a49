//! Errors of networks that do not fit their weights or themselves.

use super::*;

#[test]
fn every_key_that_does_not_fit_is_named_at_once() {
    let mut weights = CheckpointWeights::new();
    for (name, shape) in [
        ("a.weight", [2, 3]),
        ("c.weight", [4, 5]),
        ("d.weight", [1, 1]),
    ] {
        let data = vec![0.0; shape[0] * shape[1]].into();
        let shape = shape.to_vec();
        weights.insert(name, checkpoint::WeightTensor { shape, data });
    }
    let mut ops = OnnxOps::new(weights, SamplingForm::default());
    let x = ops.input("x", &[2, 3]);
    let a = ops.param("a.weight", &[2, 3], WeightInit::Zeros);
    let b = ops.param("b.weight", &[7, 2], WeightInit::Zeros);
    let c = ops.param("c.weight", &[5, 4], WeightInit::Zeros);
    let y = ops.linear(&x, &a, None);
    let y = ops.linear(&y, &b, None);
    assert_eq!(ops.shape(&y), [2, 7], "shapes go on");
    let y = ops.add(&y, &c);
    ops.output("y", &y);
    let error = ops.finish().unwrap_err();
    let text = error.to_string();
    for part in [
        "`b.weight` [7, 2] is missing",
        "`c.weight` should be [5, 4] but is [4, 5]",
        "Add of [2, 7] and [5, 4]",
        "`d.weight` [1, 1] belongs to nothing",
    ] {
        assert!(text.contains(part), "{part} in: {text}");
    }
    let GraphError::Unfit { problems } = error else {
        panic!("{error}");
    };
    assert_eq!(problems.len(), 4);
}

#[test]
fn operations_on_shapes_that_do_not_go_together_are_noted() {
    type Build = fn(&mut OnnxOps, ValueId) -> ValueId;
    let cases: [(&str, Build); 14] = [
        ("a product", |o, x| o.matmul(&x, &x)),
        ("a group norm", |o, x| o.group_norm(&x, 0, &x, &x)),
        ("a layer norm", |o, x| o.layer_norm(&x, &x, &x)),
        ("a linear layer", |o, x| o.linear(&x, &x, None)),
        ("a convolution", |o, x| o.conv2d(&x, &x, None, 0, 0)),
        ("a reshape", |o, x| o.reshape(&x, &[5])),
        ("axes", |o, x| o.permute(&x, &[0, 0, 1, 2])),
        ("on axis 9", |o, x| o.slice(&x, 9, 0, 1)),
        ("3..5 on axis 2", |o, x| o.slice(&x, 2, 3, 2)),
        ("a concat", |o, x| {
            let y = o.slice(&x, 2, 0, 1);
            o.concat(&[&x, &y], 1)
        }),
        ("rows", |o, x| o.rows(&x, &[0])),
        ("a resize", |o, x| o.resize(&x, 0, 1)),
        ("a repeat", |o, x| o.repeat_batch(&x, 2)),
        ("a deformable sampling", |o, x| {
            o.deformable_sample(&x, &[(1, 1)], &x, &x)
        }),
    ];
    for (says, build) in cases {
        let mut ops = OnnxOps::new(CheckpointWeights::new(), SamplingForm::default());
        let x = ops.input("x", &[2, 3, 4, 5]);
        let y = build(&mut ops, x);
        ops.output("y", &y);
        let error = ops.finish().unwrap_err().to_string();
        assert!(error.contains(says), "{says} in: {error}");
    }
}
