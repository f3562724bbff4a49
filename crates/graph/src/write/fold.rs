//! Operations on constants, done while writing. Sums run in f64.

use std::sync::Arc;

/// A constant: shape and elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FoldedTensor {
    pub(super) shape: Vec<usize>,
    pub(super) data: Arc<[f32]>,
}

impl FoldedTensor {
    pub(super) fn new(shape: &[usize], data: impl Into<Arc<[f32]>>) -> Self {
        Self {
            shape: shape.to_vec(),
            data: data.into(),
        }
    }
}

/// Steps between neighbours on each axis of a row-major tensor.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// For every index of `shape`, row-major, the offset by `strides` from `start`.
fn walk(shape: &[usize], strides: &[usize], start: usize) -> impl Iterator<Item = usize> {
    let count: usize = shape.iter().product();
    let (shape, strides) = (shape.to_vec(), strides.to_vec());
    let mut index = vec![0; shape.len()];
    let mut offset = start;
    (0..count).map(move |_| {
        let here = offset;
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            offset += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            offset -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
        here
    })
}

pub(super) fn permute(x: &FoldedTensor, order: &[usize]) -> FoldedTensor {
    let from = strides(&x.shape);
    let shape: Vec<usize> = order.iter().map(|&a| x.shape[a]).collect();
    let steps: Vec<usize> = order.iter().map(|&a| from[a]).collect();
    let data: Vec<f32> = walk(&shape, &steps, 0).map(|i| x.data[i]).collect();
    FoldedTensor::new(&shape, data)
}

pub(super) fn slice(x: &FoldedTensor, axis: usize, start: usize, len: usize) -> FoldedTensor {
    let steps = strides(&x.shape);
    let mut shape = x.shape.clone();
    shape[axis] = len;
    let data: Vec<f32> = walk(&shape, &steps, start * steps[axis])
        .map(|i| x.data[i])
        .collect();
    FoldedTensor::new(&shape, data)
}

pub(super) fn concat(xs: &[FoldedTensor], axis: usize) -> FoldedTensor {
    let mut shape = xs[0].shape.clone();
    shape[axis] = xs.iter().map(|x| x.shape[axis]).sum();
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let mut data = Vec::with_capacity(shape.iter().product());
    for o in 0..outer {
        for x in xs {
            let row = x.shape[axis] * inner;
            data.extend_from_slice(&x.data[o * row..(o + 1) * row]);
        }
    }
    FoldedTensor::new(&shape, data)
}

pub(super) fn rows(table: &FoldedTensor, indices: &[usize]) -> FoldedTensor {
    let columns = table.shape[1];
    let data: Vec<f32> = indices
        .iter()
        .flat_map(|&i| &table.data[i * columns..(i + 1) * columns])
        .copied()
        .collect();
    FoldedTensor::new(&[indices.len(), columns], data)
}

/// Applies `f` to pairs; axes of length 1 broadcast.
pub(super) fn binary(
    a: &FoldedTensor,
    b: &FoldedTensor,
    f: impl Fn(f32, f32) -> f32,
) -> FoldedTensor {
    let shape: Vec<usize> = a
        .shape
        .iter()
        .zip(&b.shape)
        .map(|(&m, &n)| m.max(n))
        .collect();
    let steps = |t: &FoldedTensor| -> Vec<usize> {
        let broadcast = |(s, &d): (usize, &usize)| if d == 1 { 0 } else { s };
        strides(&t.shape)
            .into_iter()
            .zip(&t.shape)
            .map(broadcast)
            .collect()
    };
    let data: Vec<f32> = walk(&shape, &steps(a), 0)
        .zip(walk(&shape, &steps(b), 0))
        .map(|(i, j)| f(a.data[i], b.data[j]))
        .collect();
    FoldedTensor::new(&shape, data)
}

pub(super) fn map(x: &FoldedTensor, f: impl Fn(f32) -> f32) -> FoldedTensor {
    let data: Vec<f32> = x.data.iter().map(|&v| f(v)).collect();
    FoldedTensor::new(&x.shape, data)
}

/// `x · wᵀ + b` over the last axis.
pub(super) fn linear(x: &FoldedTensor, w: &FoldedTensor, b: Option<&FoldedTensor>) -> FoldedTensor {
    let (outs, ins) = (w.shape[0], w.shape[1]);
    let mut data = Vec::with_capacity(x.data.len() / ins.max(1) * outs);
    for row in x.data.chunks_exact(ins) {
        for (o, weights) in w.data.chunks_exact(ins).enumerate() {
            let dot: f64 = row
                .iter()
                .zip(weights)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum();
            data.push((dot + b.map_or(0.0, |b| f64::from(b.data[o]))) as f32);
        }
    }
    let mut shape = x.shape.clone();
    if let Some(last) = shape.last_mut() {
        *last = outs;
    }
    FoldedTensor::new(&shape, data)
}

/// Layer norm over the last axis.
pub(super) fn layer_norm(
    x: &FoldedTensor,
    gamma: &FoldedTensor,
    beta: &FoldedTensor,
    eps: f64,
) -> FoldedTensor {
    let c = gamma.data.len();
    let mut data = Vec::with_capacity(x.data.len());
    for row in x.data.chunks_exact(c) {
        let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / c as f64;
        let var = row
            .iter()
            .map(|&v| (f64::from(v) - mean).powi(2))
            .sum::<f64>()
            / c as f64;
        let by = 1.0 / (var + eps).sqrt();
        data.extend(row.iter().zip(gamma.data.iter().zip(beta.data.iter())).map(
            |(&v, (&g, &b))| ((f64::from(v) - mean) * by * f64::from(g) + f64::from(b)) as f32,
        ));
    }
    FoldedTensor::new(&x.shape, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(shape: &[usize]) -> FoldedTensor {
        let n = shape.iter().product::<usize>();
        FoldedTensor::new(shape, (0..n).map(|v| v as f32).collect::<Vec<_>>())
    }

    #[test]
    fn axes_move() {
        let x = count(&[2, 3, 4]);
        let y = permute(&x, &[2, 0, 1]);
        assert_eq!(y.shape, [4, 2, 3]);
        for (i, j, k) in [(0, 0, 0), (3, 1, 2), (2, 0, 1)] {
            assert_eq!(y.data[i * 6 + j * 3 + k], x.data[j * 12 + k * 4 + i]);
        }
    }

    #[test]
    fn parts_are_cut_and_joined() {
        let x = count(&[2, 3, 2]);
        let a = slice(&x, 1, 0, 1);
        let b = slice(&x, 1, 1, 2);
        assert_eq!(b.data[..], [2.0, 3.0, 4.0, 5.0, 8.0, 9.0, 10.0, 11.0]);
        assert_eq!(concat(&[a, b], 1), x);
        assert_eq!(
            rows(&count(&[3, 2]), &[2, 0]).data[..],
            [4.0, 5.0, 0.0, 1.0]
        );
    }

    #[test]
    fn single_axes_broadcast() {
        let a = FoldedTensor::new(&[2, 1], vec![10.0, 20.0]);
        let b = FoldedTensor::new(&[1, 3], vec![1.0, 2.0, 3.0]);
        let y = binary(&a, &b, |p, q| p + q);
        assert_eq!(y.shape, [2, 3]);
        assert_eq!(y.data[..], [11.0, 12.0, 13.0, 21.0, 22.0, 23.0]);
    }

    #[test]
    fn a_layer_is_a_product_and_a_norm_has_unit_spread() {
        let x = FoldedTensor::new(&[1, 2, 2], vec![1.0, 2.0, 3.0, 4.0]);
        let w = FoldedTensor::new(&[3, 2], vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        let b = FoldedTensor::new(&[3], vec![0.0, 0.0, 0.5]);
        let y = linear(&x, &w, Some(&b));
        assert_eq!(y.shape, [1, 2, 3]);
        assert_eq!(y.data[..], [1.0, 2.0, 3.5, 3.0, 4.0, 7.5]);
        let one = FoldedTensor::new(&[2], vec![1.0; 2]);
        let zero = FoldedTensor::new(&[2], vec![0.0; 2]);
        let n = layer_norm(&x, &one, &zero, 0.0);
        assert_eq!(n.data[..], [-1.0, 1.0, -1.0, 1.0]);
    }
}
