//! Resizing. The runtime takes `cubic` for `linear`, and rounds coordinates of its own kind where a
//! scale does not give whole sizes; what it does not compute as the standard says becomes a product
//! with a constant matrix an axis (`linear`, `cubic`) or a choice of indices (`nearest`).

use super::Emit;
use unmask_onnx::ir::{NodeId, OnnxGraph, ValueId};
use unmask_onnx::messages::{AttributeProto, DataType};

/// Elements of a matrix that stands for an axis: at 16384 by 2048 the map should be cut, not
/// multiplied.
const MATRIX_LIMIT: usize = 1 << 25;
/// The standard's default of `cubic_coeff_a`.
const CUBIC_A: f32 = -0.75;

/// How positions of an output axis lie on the input's.
struct Axis {
    axis: usize,
    from: usize,
    to: usize,
    scale: f64,
    /// Start and end of the part that is resized, 0 to 1 (`tf_crop_and_resize` only).
    part: (f64, f64),
}

struct Rule {
    coordinates: String,
    nearest: String,
    cubic_a: f64,
    exclude_outside: bool,
}

/// Lowers the Resize node `id`.
pub(super) fn lower(graph: &mut OnnxGraph, id: NodeId) -> Result<(), String> {
    let mut emit = Emit::instead_of(graph, id);
    let x = emit.input(0)?;
    let node = &emit.node;
    let text = |name: &str, otherwise: &str| node.text(name).unwrap_or(otherwise).to_owned();
    let mode = text("mode", "nearest");
    let rule = Rule {
        coordinates: text("coordinate_transformation_mode", "half_pixel"),
        nearest: text("nearest_mode", "round_prefer_floor"),
        cubic_a: f64::from(node.float("cubic_coeff_a").unwrap_or(CUBIC_A)),
        exclude_outside: node.int("exclude_outside").unwrap_or(0) != 0,
    };
    if rule.coordinates == "tf_crop_and_resize"
        && node.float("extrapolation_value").unwrap_or(0.0) != 0.0
    {
        return Err("`extrapolation_value`: only 0 is computed".to_owned());
    }
    let axes = axes(&emit, &rule)?;
    let float = emit.dtype(x) == DataType::Float;
    if mode == "linear" && float && runtime_is_right(&emit, &rule, &axes)? {
        return Ok(());
    }
    if mode != "nearest" && !float {
        return Err(format!("`mode` = {mode} of type {:?}", emit.dtype(x)));
    }
    let mut y = x;
    for axis in &axes {
        y = match mode.as_str() {
            "nearest" => pick(&mut emit, y, axis, &nearest(axis, &rule)?)?,
            "linear" | "cubic" => {
                let rows = matrix(axis, &rule, mode == "cubic")?;
                multiply(&mut emit, y, axis, rows)?
            }
            other => return Err(format!("`mode` = {other}")),
        };
    }
    emit.replace(y)
}

/// Axes that a resize changes.
fn axes(emit: &Emit<'_>, rule: &Rule) -> Result<Vec<Axis>, String> {
    let from = emit.shape(emit.input(0)?);
    let to = emit.shape(emit.node.output());
    let constant = |i: usize| -> Result<Option<Vec<f64>>, String> {
        let Some(id) = emit.node.input(i) else {
            return Ok(None);
        };
        let data = emit.graph.constant(id);
        let data = data.ok_or_else(|| format!("its input {i} is computed from data"))?;
        Ok((!data.is_empty()).then(|| data.to_f64()))
    };
    let cropped = rule.coordinates == "tf_crop_and_resize";
    let roi = if cropped { constant(1)? } else { None };
    let scales = constant(2)?;
    let sizes = constant(3)?.is_some();
    let rank = from.len();
    let mut axes = Vec::new();
    for axis in 0..rank {
        let scale = match &scales {
            Some(scales) if !sizes => scales.get(axis).copied().unwrap_or(1.0),
            _ => to[axis] as f64 / from[axis] as f64,
        };
        let part = match &roi {
            Some(roi) if roi.len() == 2 * rank => (roi[axis], roi[rank + axis]),
            Some(roi) => return Err(format!("`roi` has {} numbers for {rank} axes", roi.len())),
            None => (0.0, 1.0),
        };
        if from[axis] == 0 || !(scale > 0.0 && scale.is_finite()) {
            return Err(format!("axis {axis}: {} resized by {scale}", from[axis]));
        }
        if scale != 1.0 || cropped && part != (0.0, 1.0) {
            axes.push(Axis {
                axis,
                from: from[axis],
                to: to[axis],
                scale,
                part,
            });
        }
    }
    Ok(axes)
}

/// Whether the runtime's own linear resize gives what the standard says.
fn runtime_is_right(emit: &Emit<'_>, rule: &Rule, axes: &[Axis]) -> Result<bool, String> {
    let rank = emit.shape(emit.input(0)?).len();
    let form = match rule.coordinates.as_str() {
        "half_pixel" | "asymmetric" => true,
        "pytorch_half_pixel" => axes.iter().all(|a| a.to > 1),
        _ => false,
    };
    let whole = axes.iter().all(|a| a.scale * a.from as f64 == a.to as f64);
    let last_two = axes.iter().all(|a| a.axis + 2 >= rank);
    Ok(form && whole && last_two && rank == 4 && !rule.exclude_outside)
}

impl Axis {
    /// Where the output's place `i` lies on the input's axis; none outside of a crop.
    fn coordinate(&self, i: usize, coordinates: &str) -> Result<Option<f64>, String> {
        let (i, from, scale) = (i as f64, self.from as f64, self.scale);
        // As long as the scale says, whole or not.
        let length = scale * from;
        Ok(Some(match coordinates {
            "half_pixel" => (i + 0.5) / scale - 0.5,
            "pytorch_half_pixel" if length == 1.0 => -0.5,
            "pytorch_half_pixel" => (i + 0.5) / scale - 0.5,
            "asymmetric" => i / scale,
            "align_corners" if length == 1.0 => 0.0,
            "align_corners" => i * (from - 1.0) / (length - 1.0),
            "tf_crop_and_resize" => {
                let (start, end) = self.part;
                let inside = match length == 1.0 {
                    true => (end - start) * (from - 1.0) / 2.0,
                    false => i * (end - start) * (from - 1.0) / (length - 1.0),
                };
                let place = start * (from - 1.0) + inside;
                if !(0.0..=from - 1.0).contains(&place) {
                    return Ok(None);
                }
                place
            }
            other => return Err(format!("`coordinate_transformation_mode` = {other}")),
        }))
    }

    /// The input's place nearest to `place`, past the ends the last one.
    fn clamp(&self, place: f64) -> usize {
        place.clamp(0.0, (self.from - 1) as f64) as usize
    }
}

/// For every place of the output axis the input's place that it shows.
fn nearest(axis: &Axis, rule: &Rule) -> Result<Vec<usize>, String> {
    let mut places = Vec::with_capacity(axis.to);
    for i in 0..axis.to {
        let Some(x) = axis.coordinate(i, &rule.coordinates)? else {
            return Err("`roi` reaches outside of the map".to_owned());
        };
        let rounded = match rule.nearest.as_str() {
            "floor" => x.floor(),
            "ceil" => x.ceil(),
            "round_prefer_floor" => (x - 0.5).ceil(),
            "round_prefer_ceil" => (x + 0.5).floor(),
            other => return Err(format!("`nearest_mode` = {other}")),
        };
        places.push(axis.clamp(rounded));
    }
    Ok(places)
}

/// The weights of the input's places, for each place of the output: `[to, from]`, row-major.
fn matrix(axis: &Axis, rule: &Rule, cubic: bool) -> Result<Vec<f32>, String> {
    if axis.to.saturating_mul(axis.from) > MATRIX_LIMIT {
        return Err(format!("axis {}: {} to {}", axis.axis, axis.from, axis.to));
    }
    let mut rows = vec![0.0f64; axis.to * axis.from];
    for (i, row) in rows.chunks_exact_mut(axis.from).enumerate() {
        let Some(x) = axis.coordinate(i, &rule.coordinates)? else {
            continue;
        };
        let (floor, ratio) = (x.floor(), x - x.floor());
        let weights = match cubic {
            false => vec![1.0 - ratio, ratio],
            true => cubic_weights(ratio, rule.cubic_a).to_vec(),
        };
        let first = floor - if cubic { 1.0 } else { 0.0 };
        let outside = |place: f64| place < 0.0 || place >= axis.from as f64;
        let mut sum = 0.0;
        for (k, weight) in weights.into_iter().enumerate() {
            let place = first + k as f64;
            if rule.exclude_outside && outside(place) {
                continue;
            }
            sum += weight;
            row[axis.clamp(place)] += weight;
        }
        if rule.exclude_outside && sum != 0.0 {
            row.iter_mut().for_each(|w| *w /= sum);
        }
    }
    Ok(rows.into_iter().map(|w| w as f32).collect())
}

/// Keys' cubic convolution: weights of the places −1, 0, 1, 2 around a point at `t` from 0.
fn cubic_weights(t: f64, a: f64) -> [f64; 4] {
    let near = |d: f64| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    let far = |d: f64| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

/// `x` with the entries `places` of an axis.
fn pick(emit: &mut Emit<'_>, x: ValueId, axis: &Axis, places: &[usize]) -> Result<ValueId, String> {
    let shape = emit.shape(x);
    let times = axis.to / axis.from;
    // Each entry some times over: a copy without indices.
    let repeated = times > 0
        && axis.to == times * axis.from
        && places.iter().enumerate().all(|(i, &p)| p == i / times);
    if repeated && shape.len() < 8 {
        let mut apart = shape.clone();
        apart.insert(axis.axis + 1, 1);
        let mut wide = apart.clone();
        wide[axis.axis + 1] = times;
        let apart = emit.reshape(x, &apart)?;
        let sides: Vec<i64> = wide.iter().map(|&s| s as i64).collect();
        let to = emit.ints(&[wide.len()], sides);
        let wide = emit.push("Expand", &[Some(apart), Some(to)], vec![])?;
        let mut shape = shape;
        shape[axis.axis] = axis.to;
        return emit.reshape(wide, &shape);
    }
    let places: Vec<i64> = places.iter().map(|&p| p as i64).collect();
    let places = emit.ints(&[axis.to], places);
    let along = AttributeProto::int("axis", axis.axis as i64);
    emit.push("Gather", &[Some(x), Some(places)], vec![along])
}

/// `x` times `rows` (`[to, from]`) along an axis.
fn multiply(
    emit: &mut Emit<'_>,
    x: ValueId,
    axis: &Axis,
    rows: Vec<f32>,
) -> Result<ValueId, String> {
    let rank = emit.shape(x).len();
    if axis.axis + 2 == rank {
        let rows = emit.floats(&[axis.to, axis.from], rows);
        return emit.push("MatMul", &[Some(rows), Some(x)], vec![]);
    }
    let mut columns = vec![0.0; rows.len()];
    for (i, row) in rows.chunks_exact(axis.from).enumerate() {
        for (j, &weight) in row.iter().enumerate() {
            columns[j * axis.to + i] = weight;
        }
    }
    let columns = emit.floats(&[axis.from, axis.to], columns);
    let last = rank - 1;
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(axis.axis, last);
    let swap = |emit: &mut Emit<'_>, x| match axis.axis == last {
        true => Ok(x),
        false => {
            let order = AttributeProto::ints("perm", order.clone());
            emit.push("Transpose", &[Some(x)], vec![order])
        }
    };
    let x = swap(emit, x)?;
    let vector = rank == 1;
    let x = if vector {
        emit.reshape(x, &[1, axis.from])?
    } else {
        x
    };
    let y = emit.push("MatMul", &[Some(x), Some(columns)], vec![])?;
    let y = if vector {
        emit.reshape(y, &[axis.to])?
    } else {
        y
    };
    swap(emit, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubic_weights_add_up_to_one() {
        for (t, a) in [(0.0, -0.75), (0.3, -0.75), (0.5, -0.5), (0.99, -1.0)] {
            let sum: f64 = cubic_weights(t, a).iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{t} {a}: {sum}");
        }
        assert_eq!(cubic_weights(0.0, -0.75), [0.0, 1.0, 0.0, 0.0]);
        // By hand: a = −0.75 half-way is −0.09375, 0.59375 and the same mirrored.
        assert_eq!(
            cubic_weights(0.5, -0.75),
            [-0.09375, 0.59375, 0.59375, -0.09375]
        );
    }
}
