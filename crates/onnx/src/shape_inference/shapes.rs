//! Products, and what moves, picks or gathers entries.

use super::{InferenceError, NodeCall, ValueTypes, broadcast, elements, length};
use crate::ir::TensorData;
use crate::messages::DataType;
use std::collections::BTreeMap;

impl NodeCall<'_> {
    /// All inputs broadcast; the type is that of input `like`, or `to`.
    pub(super) fn broadcast(&self, like: usize, to: Option<DataType>) -> ValueTypes {
        let mut shape = self.shape(0)?;
        for i in 1..self.node.inputs.len() {
            let other = self.shape(i)?;
            shape = broadcast(&shape, &other)
                .ok_or_else(|| InferenceError::Wrong(format!("{shape:?} and {other:?}")))?;
        }
        Ok(vec![(to.unwrap_or(self.input_type(like)?.0), shape)])
    }

    pub(super) fn matmul(&self) -> ValueTypes {
        let (dtype, a) = self.input_type(0)?;
        let b = self.shape(1)?;
        let wrong = || InferenceError::Wrong(format!("a product of {a:?} and {b:?}"));
        if a.is_empty() || b.is_empty() {
            return Err(wrong());
        }
        // A vector is a row on the left, a column on the right, and its axis goes again.
        let left = if a.len() == 1 {
            vec![1, a[0]]
        } else {
            a.clone()
        };
        let right = if b.len() == 1 {
            vec![b[0], 1]
        } else {
            b.clone()
        };
        let (m, n) = (left.len(), right.len());
        if left[m - 1] != right[n - 2] {
            return Err(wrong());
        }
        let mut shape = broadcast(&left[..m - 2], &right[..n - 2]).ok_or_else(wrong)?;
        if a.len() > 1 {
            shape.push(left[m - 2]);
        }
        if b.len() > 1 {
            shape.push(right[n - 1]);
        }
        let dtype = match self.node.op.as_str() {
            "MatMulInteger" => DataType::Int32,
            _ => dtype,
        };
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn gemm(&self) -> ValueTypes {
        let (dtype, a) = self.input_type(0)?;
        let b = self.shape(1)?;
        let (&[m, k], &[k_too, n]) = (&a[..], &b[..]) else {
            return Err(format!("a product of {a:?} and {b:?}").into());
        };
        let flag = |name| self.node.int(name).unwrap_or(0) != 0;
        let (m, k) = if flag("transA") { (k, m) } else { (m, k) };
        let (k_too, n) = if flag("transB") {
            (n, k_too)
        } else {
            (k_too, n)
        };
        if k != k_too {
            return Err(format!("a product of {a:?} and {b:?}").into());
        }
        Ok(vec![(dtype, vec![m, n])])
    }

    /// The axes that an ellipsis stands for are broadcast; an equation without an arrow keeps them
    /// and the letters that occur once, in alphabetical order.
    pub(super) fn einsum(&self) -> ValueTypes {
        let text = self.node.text("equation").unwrap_or("").replace(' ', "");
        let wrong = || InferenceError::Wrong(format!("the equation `{text}`"));
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (&text[..], None),
        };
        let mut sizes: BTreeMap<char, usize> = BTreeMap::new();
        let mut times: BTreeMap<char, usize> = BTreeMap::new();
        let mut rest: Vec<usize> = Vec::new();
        let terms: Vec<&str> = left.split(',').collect();
        if terms.len() != self.node.inputs.len() {
            return Err(wrong());
        }
        for (i, term) in terms.into_iter().enumerate() {
            let shape = self.shape(i)?;
            let (before, after, open) = match term.split_once("...") {
                Some((before, after)) => (before, after, true),
                None => (term, "", false),
            };
            let (front, back) = (before.chars().count(), after.chars().count());
            let inside = shape.len().checked_sub(front + back).ok_or_else(wrong)?;
            if !open && inside > 0 {
                return Err(wrong());
            }
            let covered = &shape[front..front + inside];
            rest = broadcast(&rest, covered).ok_or_else(wrong)?;
            let sides = shape[..front].iter().chain(&shape[front + inside..]);
            for (letter, &side) in before.chars().chain(after.chars()).zip(sides) {
                if !letter.is_ascii_alphabetic() || *sizes.entry(letter).or_insert(side) != side {
                    return Err(wrong());
                }
                *times.entry(letter).or_default() += 1;
            }
        }
        let side = |letter: char| sizes.get(&letter).copied().ok_or_else(wrong);
        let mut shape = Vec::new();
        match right {
            Some(right) => {
                let (before, after) = match right.split_once("...") {
                    Some((before, after)) => (before, Some(after)),
                    None => (right, None),
                };
                for letter in before.chars() {
                    shape.push(side(letter)?);
                }
                for letter in after.unwrap_or("").chars() {
                    shape.push(side(letter)?);
                }
                if after.is_some() {
                    let at = before.chars().count();
                    shape.splice(at..at, rest);
                }
            }
            None => {
                shape = rest;
                let once = times.iter().filter(|&(_, &n)| n == 1);
                for (&letter, _) in once {
                    shape.push(side(letter)?);
                }
            }
        }
        Ok(vec![(self.input_type(0)?.0, shape)])
    }

    pub(super) fn reshape(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let target = self.ints(1)?;
        let keep = self.node.int("allowzero").unwrap_or(0) == 0;
        let wrong = || InferenceError::Wrong(format!("a reshape of {x:?} to {target:?}"));
        let mut shape = Vec::with_capacity(target.len());
        let mut open = None;
        for (i, &side) in target.iter().enumerate() {
            shape.push(match side {
                0 if keep => *x.get(i).ok_or_else(wrong)?,
                -1 if open.is_none() => {
                    open = Some(i);
                    1
                }
                n => usize::try_from(n).map_err(|_| wrong())?,
            });
        }
        let total = elements(&x).ok_or_else(wrong)?;
        let have = elements(&shape).ok_or_else(wrong)?;
        if let Some(i) = open {
            if have == 0 || !total.is_multiple_of(have) {
                return Err(wrong());
            }
            shape[i] = total / have;
        } else if total != have {
            return Err(wrong());
        }
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn flatten(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let axis = self.axis(self.node.int("axis").unwrap_or(1), x.len(), true)?;
        let sides = (elements(&x[..axis]), elements(&x[axis..]));
        match sides {
            (Some(a), Some(b)) => Ok(vec![(dtype, vec![a, b])]),
            _ => Err("its sizes overflow".into()),
        }
    }

    pub(super) fn transpose(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let order = match self.node.ints("perm") {
            Some(perm) => self.axes(perm, x.len())?,
            None => (0..x.len()).rev().collect(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..x.len()) {
            return Err(format!("axes {order:?} of {x:?}").into());
        }
        Ok(vec![(dtype, order.iter().map(|&a| x[a]).collect())])
    }

    pub(super) fn squeeze(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let axes = match self.optional_ints(1)? {
            Some(axes) => self.axes(&axes, x.len())?,
            None => (0..x.len()).filter(|&a| x[a] == 1).collect(),
        };
        if axes.iter().any(|&a| x[a] != 1) {
            return Err(format!("axes {axes:?} of {x:?} cannot go").into());
        }
        let left = (0..x.len()).filter(|a| !axes.contains(a)).map(|a| x[a]);
        Ok(vec![(dtype, left.collect())])
    }

    pub(super) fn unsqueeze(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let axes = self.ints(1)?;
        let rank = x.len() + axes.len();
        let axes = self.axes(&axes, rank)?;
        let mut old = x.iter();
        let mut shape = Vec::with_capacity(rank);
        for a in 0..rank {
            shape.push(match axes.contains(&a) {
                true => 1,
                false => *old.next().ok_or("an axis named twice")?,
            });
        }
        match old.next() {
            None => Ok(vec![(dtype, shape)]),
            Some(_) => Err("an axis named twice".into()),
        }
    }

    pub(super) fn concat(&self) -> ValueTypes {
        let (dtype, mut shape) = self.input_type(0)?;
        let axis = self.axis(self.node.int("axis").unwrap_or(0), shape.len(), false)?;
        for i in 1..self.node.inputs.len() {
            let other = self.shape(i)?;
            let same = other.len() == shape.len()
                && (0..shape.len()).all(|a| a == axis || other[a] == shape[a]);
            if !same {
                return Err(format!("{shape:?} and {other:?} joined on axis {axis}").into());
            }
            shape[axis] = shape[axis]
                .checked_add(other[axis])
                .ok_or("its sizes overflow")?;
        }
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn split(&self) -> ValueTypes {
        let (dtype, shape) = self.input_type(0)?;
        let axis = self.axis(self.node.int("axis").unwrap_or(0), shape.len(), false)?;
        let parts = match self.optional_ints(1)? {
            Some(parts) => parts.iter().map(|&v| length(v)).collect::<Result<_, _>>()?,
            None => {
                let n = self.node.outputs.len().max(1);
                if !shape[axis].is_multiple_of(n) {
                    return Err(format!("{} split in {n} equal parts", shape[axis]).into());
                }
                vec![shape[axis] / n; n]
            }
        };
        if parts.iter().try_fold(0usize, |n, &p| n.checked_add(p)) != Some(shape[axis]) {
            return Err(format!("{parts:?} parts of axis {axis} of {shape:?}").into());
        }
        let kinds = parts.iter().map(|&part| {
            let mut shape = shape.clone();
            shape[axis] = part;
            (dtype, shape)
        });
        Ok(kinds.collect())
    }

    /// For every axis: start, length, step.
    pub(super) fn slice_ranges(&self) -> Result<Vec<(i64, usize, i64)>, InferenceError> {
        let x = self.shape(0)?;
        let (starts, ends) = (self.ints(1)?, self.ints(2)?);
        let axes = match self.optional_ints(3)? {
            Some(axes) => self.axes(&axes, x.len())?,
            None => (0..starts.len()).collect(),
        };
        let steps = match self.optional_ints(4)? {
            Some(steps) => steps,
            None => vec![1; starts.len()],
        };
        let n = starts.len();
        if ends.len() != n || axes.len() != n || steps.len() != n || n > x.len() {
            return Err("starts, ends, axes and steps of different lengths".into());
        }
        let mut ranges: Vec<(i64, usize, i64)> = x.iter().map(|&side| (0, side, 1)).collect();
        for i in 0..n {
            let side = x[axes[i]] as i64;
            let from_front = |v: i64| if v < 0 { v.saturating_add(side) } else { v };
            let (start, end) = (from_front(starts[i]), from_front(ends[i]));
            let step = steps[i];
            let (start, span) = match step {
                0 => return Err("a step of 0".into()),
                s if s > 0 => {
                    let start = start.clamp(0, side);
                    (start, end.clamp(0, side) - start)
                }
                _ => {
                    let start = start.clamp(-1, side - 1);
                    (start, start - end.clamp(-1, side - 1))
                }
            };
            let size = step.unsigned_abs();
            let count = (span.max(0) as u64).div_ceil(size);
            ranges[axes[i]] = (start, count as usize, step);
        }
        Ok(ranges)
    }

    pub(super) fn slice(&self) -> ValueTypes {
        let shape = self.slice_ranges()?.iter().map(|r| r.1).collect();
        Ok(vec![(self.input_type(0)?.0, shape)])
    }

    pub(super) fn gather(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let axis = self.axis(self.node.int("axis").unwrap_or(0), x.len(), false)?;
        let shape = [&x[..axis], &self.shape(1)?, &x[axis + 1..]].concat();
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn gather_nd(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let indices = self.shape(1)?;
        let batch = length(self.node.int("batch_dims").unwrap_or(0))?;
        let wrong = || InferenceError::Wrong(format!("entries of {x:?} at {indices:?}"));
        let (&depth, front) = indices.split_last().ok_or_else(wrong)?;
        let rest = batch
            .checked_add(depth)
            .and_then(|n| x.get(n..))
            .ok_or_else(wrong)?;
        Ok(vec![(dtype, [front, rest].concat())])
    }

    pub(super) fn expand(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let target = self.ints(1)?;
        let target: Result<Vec<usize>, InferenceError> =
            target.iter().map(|&v| length(v)).collect();
        let target = target?;
        let shape = broadcast(&x, &target)
            .ok_or_else(|| InferenceError::Wrong(format!("{x:?} expanded to {target:?}")))?;
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn tile(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let times = self.ints(1)?;
        if times.len() != x.len() {
            return Err(format!("{} repeats for {x:?}", times.len()).into());
        }
        let mut shape = Vec::with_capacity(x.len());
        for (side, n) in x.iter().zip(times) {
            shape.push(side.checked_mul(length(n)?).ok_or("its sizes overflow")?);
        }
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn pad(&self) -> ValueTypes {
        let (dtype, mut shape) = self.input_type(0)?;
        let pads = self.ints(1)?;
        let rank = shape.len();
        if self.node.input(3).is_some() || pads.len() != 2 * rank {
            return Err(format!("{} pads for {rank} axes", pads.len()).into());
        }
        for i in 0..rank {
            let side = i64::try_from(shape[i])
                .ok()
                .and_then(|s| s.checked_add(pads[i]));
            let side = side.and_then(|s| s.checked_add(pads[rank + i]));
            shape[i] = length(side.ok_or("its sizes overflow")?)?;
        }
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn top_k(&self) -> ValueTypes {
        let (dtype, mut shape) = self.input_type(0)?;
        let axis = self.axis(self.node.int("axis").unwrap_or(-1), shape.len(), false)?;
        let k = match self.ints(1)?[..] {
            [k] => length(k)?,
            _ => return Err("`K` is not one number".into()),
        };
        if k > shape[axis] {
            return Err(format!("the first {k} of {}", shape[axis]).into());
        }
        shape[axis] = k;
        Ok(vec![(dtype, shape.clone()), (DataType::Int64, shape)])
    }

    /// `shape` without `axes`, or with 1 there.
    fn without(&self, shape: &[usize], axes: &[usize], keep: bool) -> Vec<usize> {
        let sides = shape.iter().enumerate();
        sides
            .filter(|(a, _)| keep || !axes.contains(a))
            .map(|(a, &side)| if axes.contains(&a) { 1 } else { side })
            .collect()
    }

    pub(super) fn arg(&self) -> ValueTypes {
        let shape = self.shape(0)?;
        let axis = self.axis(self.node.int("axis").unwrap_or(0), shape.len(), false)?;
        let keep = self.node.int("keepdims").unwrap_or(1) != 0;
        Ok(vec![(DataType::Int64, self.without(&shape, &[axis], keep))])
    }

    /// Axes that a reduction goes over.
    pub(super) fn reduced_axes(&self) -> Result<Vec<usize>, InferenceError> {
        let rank = self.shape(0)?.len();
        let given = match self.node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => self.optional_ints(1)?,
        };
        match given {
            Some(axes) if !axes.is_empty() => self.axes(&axes, rank),
            _ if self.node.int("noop_with_empty_axes") == Some(1) => Ok(vec![]),
            _ => Ok((0..rank).collect()),
        }
    }

    pub(super) fn reduce(&self) -> ValueTypes {
        let (dtype, shape) = self.input_type(0)?;
        let keep = self.node.int("keepdims").unwrap_or(1) != 0;
        let axes = self.reduced_axes()?;
        Ok(vec![(dtype, self.without(&shape, &axes, keep))])
    }

    pub(super) fn one_hot(&self) -> ValueTypes {
        let mut shape = self.shape(0)?;
        let depth = match self.constant(1)?.to_f64()[..] {
            [depth] if (0.0..1e9).contains(&depth) => depth as usize,
            _ => return Err("its depth is not one number".into()),
        };
        let rank = shape.len() + 1;
        let axis = self.axis(self.node.int("axis").unwrap_or(-1), rank, false)?;
        shape.insert(axis, depth);
        Ok(vec![(self.input_type(2)?.0, shape)])
    }

    /// The first and one past the last axis that a Shape node returns.
    pub(super) fn shape_range(&self) -> Result<(usize, usize), InferenceError> {
        let rank = self.shape(0)?.len() as i64;
        let place = |v: i64| (if v < 0 { v.saturating_add(rank) } else { v }).clamp(0, rank);
        let start = place(self.node.int("start").unwrap_or(0)) as usize;
        let end = place(self.node.int("end").unwrap_or(rank)) as usize;
        Ok((start, end.max(start)))
    }

    pub(super) fn shape_of(&self) -> ValueTypes {
        let (start, end) = self.shape_range()?;
        Ok(vec![(DataType::Int64, vec![end - start])])
    }

    pub(super) fn constant_of_shape(&self) -> ValueTypes {
        let sides = self.ints(0)?;
        let shape: Result<Vec<usize>, InferenceError> = sides.iter().map(|&v| length(v)).collect();
        let value = self.node.attribute("value").and_then(|a| a.t.as_ref());
        let dtype = match value {
            Some(tensor) => tensor.data_type(),
            None => DataType::Float,
        };
        Ok(vec![(dtype, shape?)])
    }

    pub(super) fn range(&self) -> ValueTypes {
        let one = |i: usize| -> Result<f64, InferenceError> {
            let data: &TensorData = self.constant(i)?;
            match data.to_f64()[..] {
                [v] => Ok(v),
                _ => Err("a bound that is not one number".into()),
            }
        };
        let (start, limit, step) = (one(0)?, one(1)?, one(2)?);
        let count = ((limit - start) / step).ceil().max(0.0);
        if !count.is_finite() || count > 1e9 {
            return Err(format!("a range from {start} to {limit} by {step}").into());
        }
        Ok(vec![(self.input_type(0)?.0, vec![count as usize])])
    }
}
