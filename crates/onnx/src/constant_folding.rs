//! Computes nodes whose inputs are constants, so that shape arithmetic and what depends on weights
//! alone are numbers before a graph is used.
//!
//! Float arithmetic is done in f64 and rounded once; integers in i64.

use super::ir::{GraphNode, OnnxGraph, TensorData, small_tensor};
use super::messages::DataType;
use super::operator::{Folding, Operator};
use super::shape_inference::{self, ValueType};

/// What `node` writes, where all that it reads is constant (or, for Shape and Size, has a shape)
/// and its operator is known here. `kinds` are its outputs' types and shapes.
pub fn fold_node(
    graph: &OnnxGraph,
    node: &GraphNode,
    kinds: &[ValueType],
) -> Option<Vec<TensorData>> {
    let operator = Operator::of(&node.op)?;
    if operator.folding() == Folding::Stays {
        return None;
    }
    let (dtype, shape) = kinds.first()?;
    if kinds.len() > 1 && node.op != "Split" {
        return None;
    }
    let given = |i: usize| node.input(i).map(|id| graph.value(id));
    let data = |i: usize| graph.constant(node.input(i)?);
    let count = shape_inference::elements(shape)?;
    match node.op.as_str() {
        "Shape" => {
            let side: Vec<i64> = given(0)?.shape.iter().map(|&d| d as i64).collect();
            let rank = side.len() as i64;
            let place = |v: i64| (if v < 0 { v + rank } else { v }).clamp(0, rank) as usize;
            let start = place(node.int("start").unwrap_or(0));
            let end = place(node.int("end").unwrap_or(rank)).max(start);
            return Some(vec![TensorData::I64(side[start..end].into())]);
        }
        "Size" => {
            let n = shape_inference::elements(&given(0)?.shape)? as i64;
            return Some(vec![TensorData::I64([n].into())]);
        }
        "ConstantOfShape" => {
            data(0)?;
            let tensor = node.attribute("value").and_then(|a| a.t.as_ref());
            let one = match tensor {
                Some(tensor) => small_tensor(tensor)?,
                None => TensorData::F32([0.0].into()),
            };
            return Some(vec![one.pick(&vec![0; count])?]);
        }
        _ => {}
    }
    if node
        .inputs
        .iter()
        .flatten()
        .any(|&id| graph.constant(id).is_none())
    {
        return None;
    }
    let x = data(0)?;
    let from = &given(0)?.shape;
    let one = match node.op.as_str() {
        "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => x.clone(),
        "Cast" => match x.to_i64() {
            Some(ints) => TensorData::from_i64(*dtype, &ints)?,
            None => TensorData::from_f64(*dtype, &x.to_f64())?,
        },
        "Transpose" => {
            let order: Vec<usize> = match node.ints("perm") {
                Some(perm) => perm
                    .iter()
                    .map(|&a| from_front(a, from.len()))
                    .collect::<Option<_>>()?,
                None => (0..from.len()).rev().collect(),
            };
            let steps = strides(from);
            let steps: Vec<i64> = order.iter().map(|&a| steps[a] as i64).collect();
            x.pick(&walk(shape, &steps, 0)?)?
        }
        "Expand" => x.pick(&walk(shape, &stretched(from, shape)?, 0)?)?,
        "Slice" => {
            let ranges = shape_inference::slice_ranges(graph, node)?;
            let steps = strides(from);
            let start = ranges.iter().zip(&steps).fold(0i64, |sum, (r, &s)| {
                sum.wrapping_add(r.0.wrapping_mul(s as i64))
            });
            let by: Vec<i64> = ranges
                .iter()
                .zip(&steps)
                .map(|(r, &s)| r.2.wrapping_mul(s as i64))
                .collect();
            x.pick(&walk(shape, &by, start)?)?
        }
        "Concat" => {
            let axis = from_front(node.int("axis")?, from.len())?;
            let outer = shape_inference::elements(&from[..axis])?;
            let mut all: Option<TensorData> = None;
            let mut places = vec![Vec::new(); outer];
            let mut offset = 0;
            for i in 0..node.inputs.len() {
                let part = data(i)?;
                let each = part.len().checked_div(outer).unwrap_or(0);
                for (o, list) in places.iter_mut().enumerate() {
                    list.extend((0..each).map(|e| offset + o * each + e));
                }
                offset += part.len();
                all = Some(match all {
                    Some(all) => all.join(part)?,
                    None => part.clone(),
                });
            }
            all?.pick(&places.concat())?
        }
        "Split" => {
            let axis = from_front(node.int("axis").unwrap_or(0), from.len())?;
            let steps: Vec<i64> = strides(from).iter().map(|&s| s as i64).collect();
            let mut start = 0i64;
            let mut parts = Vec::with_capacity(kinds.len());
            for (_, part) in kinds {
                let first = start.wrapping_mul(steps[axis]);
                parts.push(x.pick(&walk(part, &steps, first)?)?);
                start += *part.get(axis)? as i64;
            }
            return Some(parts);
        }
        "Gather" => {
            let axis = from_front(node.int("axis").unwrap_or(0), from.len())?;
            let side = from[axis];
            let (outer, inner) = (
                shape_inference::elements(&from[..axis])?,
                shape_inference::elements(&from[axis + 1..])?,
            );
            let indices = data(1)?.to_i64()?;
            let indices = indices.iter().map(|&i| from_front(i, side));
            let indices: Vec<usize> = indices.collect::<Option<_>>()?;
            let mut places = Vec::with_capacity(count);
            for o in 0..outer {
                for i in &indices {
                    let start = (o * side + i) * inner;
                    places.extend(start..start + inner);
                }
            }
            x.pick(&places)?
        }
        "Tile" => {
            let mut places = Vec::with_capacity(count);
            let steps = strides(from);
            for i in indices(shape) {
                let place = i.iter().zip(from.iter().zip(&steps));
                places.push(
                    place
                        .map(|(&i, (&side, &step))| i % side.max(1) * step)
                        .sum(),
                );
            }
            x.pick(&places)?
        }
        "Range" => {
            let (start, step) = (*x.to_f64().first()?, *data(2)?.to_f64().first()?);
            let values: Vec<f64> = (0..count).map(|i| start + i as f64 * step).collect();
            TensorData::from_f64(*dtype, &values)?
        }
        "Where" => {
            let pick = walk(shape, &stretched(from, shape)?, 0)?;
            let conditions = data(0)?.pick(&pick)?.to_i64()?;
            let side = |i: usize| -> Option<TensorData> {
                let steps = stretched(&given(i)?.shape, shape)?;
                data(i)?.pick(&walk(shape, &steps, 0)?)
            };
            let (yes, no) = (side(1)?, side(2)?);
            let both = yes.join(&no)?;
            let places = conditions.iter().enumerate();
            let places: Vec<usize> = places
                .map(|(i, &c)| if c != 0 { i } else { count + i })
                .collect();
            both.pick(&places)?
        }
        "CumSum" => {
            let axis = from_front(data(1)?.to_i64()?.first().copied()?, from.len())?;
            if node.int("exclusive").unwrap_or(0) != 0 || node.int("reverse").unwrap_or(0) != 0 {
                return None;
            }
            let mut values = x.to_f64();
            let step = strides(from)[axis];
            for i in 0..values.len() {
                if !(i / step).is_multiple_of(from[axis]) {
                    values[i] += values[i - step];
                }
            }
            TensorData::from_f64(*dtype, &values)?
        }
        "MatMul" => matmul(graph, node, *dtype, shape)?,
        "LayerNormalization" => layer_norm(graph, node)?,
        op if op.starts_with("Reduce") => reduce(graph, node, *dtype, shape)?,
        op => match node.inputs.len() {
            1 => unary(op, x, *dtype)?,
            _ => elementwise(graph, node, *dtype, shape)?,
        },
    };
    (one.len() == count && one.dtype() == *dtype).then(|| vec![one])
}

/// `axis` (or index) of `n`, counted from the front.
fn from_front(axis: i64, n: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + n as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&a| a < n)
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut steps: Vec<usize> = vec![1; shape.len()];
    for a in (1..shape.len()).rev() {
        // Next to an axis of 0 the others may be of any length.
        steps[a - 1] = steps[a].saturating_mul(shape[a]);
    }
    steps
}

/// Steps of a tensor `from` that is broadcast to `shape`; none where it has more axes.
fn stretched(from: &[usize], shape: &[usize]) -> Option<Vec<i64>> {
    let missing = shape.len().checked_sub(from.len())?;
    let own = strides(from);
    let step = |a: usize| match a.checked_sub(missing) {
        Some(a) if from[a] != 1 => own[a] as i64,
        _ => 0,
    };
    Some((0..shape.len()).map(step).collect())
}

/// All indices of `shape`, row-major.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let n = shape_inference::elements(shape).unwrap_or(0);
    let steps = strides(shape);
    (0..n).map(move |i| {
        let axes = steps.iter().zip(shape);
        axes.map(|(&step, &side)| i / step % side).collect()
    })
}

/// Places that are met when `shape` is walked row-major with the given steps; none where there is
/// not one for each axis.
fn walk(shape: &[usize], steps: &[i64], start: i64) -> Option<Vec<usize>> {
    if steps.len() != shape.len() {
        return None;
    }
    let n = shape_inference::elements(shape)?;
    let mut places = Vec::with_capacity(n);
    let mut index = vec![0; shape.len()];
    let mut place = start;
    for _ in 0..n {
        places.push(place as usize);
        for a in (0..shape.len()).rev() {
            index[a] += 1;
            // A step that leads out of all numbers is taken back before a place is used.
            place = place.wrapping_add(steps[a]);
            if index[a] < shape[a] {
                break;
            }
            place = place.wrapping_sub(steps[a].wrapping_mul(shape[a] as i64));
            index[a] = 0;
        }
    }
    Some(places)
}

fn unary(op: &str, x: &TensorData, dtype: DataType) -> Option<TensorData> {
    if let Some(ints) = x.to_i64() {
        let f: fn(i64) -> i64 = match op {
            "Neg" => i64::wrapping_neg,
            "Abs" => i64::wrapping_abs,
            "Not" => |v| i64::from(v == 0),
            "Sign" => i64::signum,
            "Relu" => |v| v.max(0),
            _ => return None,
        };
        let values: Vec<i64> = ints.into_iter().map(f).collect();
        return TensorData::from_i64(dtype, &values);
    }
    let f: fn(f64) -> f64 = match op {
        "Neg" => |v| -v,
        "Abs" => f64::abs,
        "Floor" => f64::floor,
        "Ceil" => f64::ceil,
        "Round" => f64::round_ties_even,
        "Sqrt" => f64::sqrt,
        "Exp" => f64::exp,
        "Log" => f64::ln,
        "Sin" => f64::sin,
        "Cos" => f64::cos,
        "Tanh" => f64::tanh,
        "Reciprocal" => f64::recip,
        "Relu" => |v| v.max(0.0),
        "Sigmoid" => |v| 1.0 / (1.0 + (-v).exp()),
        _ => return None,
    };
    let values: Vec<f64> = x.to_f64().into_iter().map(f).collect();
    TensorData::from_f64(dtype, &values)
}

fn elementwise(
    graph: &OnnxGraph,
    node: &GraphNode,
    dtype: DataType,
    shape: &[usize],
) -> Option<TensorData> {
    let all: Vec<TensorData> = node
        .inputs
        .iter()
        .map(|id| {
            let value = graph.value((*id)?);
            let steps = stretched(&value.shape, shape)?;
            graph.constant((*id)?)?.pick(&walk(shape, &steps, 0)?)
        })
        .collect::<Option<_>>()?;
    let ints: Option<Vec<Vec<i64>>> = all.iter().map(TensorData::to_i64).collect();
    let compare: Option<fn(&f64, &f64) -> bool> = match node.op.as_str() {
        "Equal" => Some(|a, b| a == b),
        "Less" => Some(|a, b| a < b),
        "LessOrEqual" => Some(|a, b| a <= b),
        "Greater" => Some(|a, b| a > b),
        "GreaterOrEqual" => Some(|a, b| a >= b),
        "And" => Some(|a, b| *a != 0.0 && *b != 0.0),
        "Or" => Some(|a, b| *a != 0.0 || *b != 0.0),
        "Xor" => Some(|a, b| (*a != 0.0) != (*b != 0.0)),
        _ => None,
    };
    if let Some(holds) = compare {
        let (a, b) = (all.first()?.to_f64(), all.get(1)?.to_f64());
        let values = a.iter().zip(&b).map(|(a, b)| holds(a, b));
        return Some(TensorData::Bool(values.collect()));
    }
    if let Some(ints) = ints {
        let f: fn(i64, i64) -> Option<i64> = match node.op.as_str() {
            "Add" | "Sum" => i64::checked_add,
            "Sub" => i64::checked_sub,
            "Mul" => i64::checked_mul,
            "Div" => i64::checked_div,
            "Mod" => i64::checked_rem_euclid,
            "Min" => |a, b| Some(a.min(b)),
            "Max" => |a, b| Some(a.max(b)),
            "Pow" => |a, b| a.checked_pow(u32::try_from(b).ok()?),
            _ => return None,
        };
        let values = zip_all(&ints, |a, b| f(*a, *b))?;
        // Euclid's remainder is ONNX's only for a divisor above zero.
        if node.op == "Mod" && (ints.get(1)?.iter().any(|&v| v <= 0) || node.int("fmod") == Some(1))
        {
            return None;
        }
        return TensorData::from_i64(dtype, &values);
    }
    let f: fn(f64, f64) -> f64 = match node.op.as_str() {
        "Add" | "Sum" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        "Div" => |a, b| a / b,
        "Min" => f64::min,
        "Max" => f64::max,
        "Pow" => f64::powf,
        _ => return None,
    };
    let floats: Vec<Vec<f64>> = all.iter().map(TensorData::to_f64).collect();
    TensorData::from_f64(dtype, &zip_all(&floats, |a, b| Some(f(*a, *b)))?)
}

/// `f` over all lists, from the left.
fn zip_all<T: Clone>(lists: &[Vec<T>], f: impl Fn(&T, &T) -> Option<T>) -> Option<Vec<T>> {
    let (first, rest) = lists.split_first()?;
    let mut sum = first.clone();
    for list in rest {
        for (a, b) in sum.iter_mut().zip(list) {
            *a = f(a, b)?;
        }
    }
    Some(sum)
}

fn reduce(
    graph: &OnnxGraph,
    node: &GraphNode,
    dtype: DataType,
    shape: &[usize],
) -> Option<TensorData> {
    let x = graph.value(node.input(0)?);
    let axes = shape_inference::reduced_axes(graph, node)?;
    let values = graph.constant(node.input(0)?)?.to_f64();
    let (start, f): (f64, fn(f64, f64) -> f64) = match node.op.as_str() {
        "ReduceSum" | "ReduceMean" => (0.0, |a, b| a + b),
        "ReduceProd" => (1.0, |a, b| a * b),
        "ReduceMax" if dtype == DataType::Bool => (0.0, f64::max),
        "ReduceMin" if dtype == DataType::Bool => (1.0, f64::min),
        "ReduceMax" => (f64::NEG_INFINITY, f64::max),
        "ReduceMin" => (f64::INFINITY, f64::min),
        _ => return None,
    };
    let kept: Vec<usize> = (0..x.shape.len())
        .map(|a| if axes.contains(&a) { 1 } else { x.shape[a] })
        .collect();
    let count = shape_inference::elements(shape)?;
    let mut sums = vec![start; count];
    let places = walk(&x.shape, &stretched(&kept, &x.shape)?, 0)?;
    for (value, place) in values.iter().zip(places) {
        let sum = sums.get_mut(place)?;
        *sum = f(*sum, *value);
    }
    if node.op == "ReduceMean" {
        let each = values.len().checked_div(count)? as f64;
        sums.iter_mut().for_each(|v| *v /= each);
    }
    TensorData::from_f64(dtype, &sums)
}

fn matmul(
    graph: &OnnxGraph,
    node: &GraphNode,
    dtype: DataType,
    shape: &[usize],
) -> Option<TensorData> {
    let (a, b) = (graph.value(node.input(0)?), graph.value(node.input(1)?));
    let (&[.., m, k], &[k_too, n]) = (&a.shape[..], &b.shape[..]) else {
        return None;
    };
    let rows = shape_inference::elements(shape)?.checked_div(n)?;
    if k != k_too || m == 0 || k == 0 {
        return None;
    }
    let left = graph.constant(node.input(0)?)?.to_f64();
    let right = graph.constant(node.input(1)?)?.to_f64();
    let mut values = vec![0.0; rows * n];
    for (row, out) in left.chunks_exact(k).zip(values.chunks_exact_mut(n)) {
        for (by, line) in row.iter().zip(right.chunks_exact(n)) {
            for (sum, v) in out.iter_mut().zip(line) {
                *sum += by * v;
            }
        }
    }
    TensorData::from_f64(dtype, &values)
}

fn layer_norm(graph: &OnnxGraph, node: &GraphNode) -> Option<TensorData> {
    let x = graph.value(node.input(0)?);
    let axis = node.int("axis").unwrap_or(-1);
    if axis != -1 && axis + 1 != x.shape.len() as i64 {
        return None;
    }
    let width = *x.shape.last()?;
    let eps = f64::from(node.float("epsilon").unwrap_or(1e-5));
    let values = graph.constant(node.input(0)?)?.to_f64();
    let gamma = graph.constant(node.input(1)?)?.to_f64();
    let beta = match node.input(2) {
        Some(id) => graph.constant(id)?.to_f64(),
        None => vec![0.0; width],
    };
    if width == 0 || gamma.len() != width || beta.len() != width {
        return None;
    }
    let mut out = Vec::with_capacity(values.len());
    for row in values.chunks_exact(width) {
        let mean = row.iter().sum::<f64>() / width as f64;
        let var = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / width as f64;
        let by = 1.0 / (var + eps).sqrt();
        let each = row.iter().zip(gamma.iter().zip(&beta));
        out.extend(each.map(|(v, (g, b))| (v - mean) * by * g + b));
    }
    TensorData::from_f64(x.dtype, &out)
}
