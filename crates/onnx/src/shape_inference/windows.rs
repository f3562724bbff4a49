//! Convolutions, pools, resizing: what slides over a map.

use super::{InferenceError, NodeCall, ValueTypes, length};
use crate::messages::DataType;

/// The sliding of a window over the spatial axes, all that a file may leave out filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowShape {
    /// Sides of the kernel, a spatial axis each, as are the others.
    pub kernel: Vec<usize>,
    /// Entries from one place to the next.
    pub strides: Vec<usize>,
    /// Entries from one of the kernel's to the next.
    pub dilations: Vec<usize>,
    /// Entries added before and after the map.
    pub pads: Vec<(usize, usize)>,
}

impl NodeCall<'_> {
    fn lengths(
        &self,
        name: &str,
        n: usize,
        otherwise: usize,
    ) -> Result<Vec<usize>, InferenceError> {
        match self.node.ints(name) {
            Some(list) if list.len() == n => list.iter().map(|&v| length(v)).collect(),
            Some(list) => Err(format!("`{name}` has {} entries, not {n}", list.len()).into()),
            None => Ok(vec![otherwise; n]),
        }
    }

    fn window(&self, input: &[usize], kernel: Vec<usize>) -> Result<WindowShape, InferenceError> {
        let n = kernel.len();
        let strides = self.lengths("strides", n, 1)?;
        let dilations = self.lengths("dilations", n, 1)?;
        if strides.contains(&0) || dilations.contains(&0) || kernel.contains(&0) {
            return Err("a kernel, stride or dilation of 0".into());
        }
        let mut window = WindowShape {
            kernel,
            strides,
            dilations,
            pads: vec![(0, 0); n],
        };
        match self.node.text("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" => {
                let pads = self.lengths("pads", 2 * n, 0)?;
                window.pads = (0..n).map(|i| (pads[i], pads[n + i])).collect();
            }
            "VALID" => {}
            auto @ ("SAME_LOWER" | "SAME_UPPER") => {
                for (i, &length) in input.iter().enumerate().take(n) {
                    let out = length.div_ceil(window.strides[i]);
                    let reach = window.reach(i)?;
                    let wanted = out.saturating_sub(1).saturating_mul(window.strides[i]);
                    let wanted = wanted.saturating_add(reach);
                    let total = wanted.saturating_sub(length);
                    let less = total / 2;
                    window.pads[i] = match auto {
                        "SAME_LOWER" => (total - less, less),
                        _ => (less, total - less),
                    };
                }
            }
            other => return Err(format!("`auto_pad` = {other}").into()),
        }
        Ok(window)
    }

    /// The window of a convolution, transposed convolution or pool.
    pub(super) fn own_window(&self) -> Result<WindowShape, InferenceError> {
        let x = self.shape(0)?;
        if x.len() < 3 {
            return Err(format!("a window over {x:?}").into());
        }
        match self.node.op.as_str() {
            "Conv" | "ConvInteger" => self.window(&x[2..], self.weight_sides(&x)?),
            "ConvTranspose" => self.window_up(&x[2..], self.weight_sides(&x)?),
            _ => match self.node.ints("kernel_shape") {
                Some(k) if k.len() == x.len() - 2 => {
                    let kernel: Result<_, InferenceError> = k.iter().map(|&v| length(v)).collect();
                    self.window(&x[2..], kernel?)
                }
                _ => Err("a pool without a `kernel_shape` that fits".into()),
            },
        }
    }

    /// Spatial sides of the weights.
    fn weight_sides(&self, x: &[usize]) -> Result<Vec<usize>, InferenceError> {
        let w = self.shape(1)?;
        if w.len() != x.len() {
            return Err(format!("weights {w:?} on {x:?}").into());
        }
        let kernel = self.lengths("kernel_shape", w.len() - 2, 0)?;
        if self.node.ints("kernel_shape").is_some() && kernel != w[2..] {
            return Err(format!("`kernel_shape` {kernel:?} of weights {w:?}").into());
        }
        Ok(w[2..].to_vec())
    }

    /// The window of a transposed convolution: `output_shape` and `auto_pad` say how much of its
    /// output is cut off.
    fn window_up(
        &self,
        input: &[usize],
        kernel: Vec<usize>,
    ) -> Result<WindowShape, InferenceError> {
        let n = kernel.len();
        let auto = self.node.text("auto_pad").unwrap_or("NOTSET");
        let same = matches!(auto, "SAME_LOWER" | "SAME_UPPER");
        let asked = self.node.ints("output_shape");
        if asked.is_none() && !same {
            return self.window(input, kernel);
        }
        let strides = self.lengths("strides", n, 1)?;
        let dilations = self.lengths("dilations", n, 1)?;
        if strides.contains(&0) || dilations.contains(&0) || kernel.contains(&0) {
            return Err("a kernel, stride or dilation of 0".into());
        }
        let extra = self.lengths("output_padding", n, 0)?;
        // Some files name all axes.
        let asked = asked.map(|sides| &sides[sides.len().saturating_sub(n)..]);
        let mut window = WindowShape {
            kernel,
            strides,
            dilations,
            pads: vec![(0, 0); n],
        };
        for i in 0..n {
            let too_large = || InferenceError::from("its sizes overflow");
            let stride = window.strides[i];
            let whole = input[i]
                .checked_sub(1)
                .and_then(|v| v.checked_mul(stride))
                .and_then(|v| v.checked_add(window.reach(i).ok()?))
                .and_then(|v| v.checked_add(extra[i]))
                .ok_or_else(too_large)?;
            let side = match asked.map(|sides| sides.get(i)) {
                Some(Some(&side)) => length(side)?,
                Some(None) => return Err("an `output_shape` of too few sides".into()),
                None => input[i].checked_mul(stride).ok_or_else(too_large)?,
            };
            let total = whole.checked_sub(side).ok_or_else(|| {
                InferenceError::Wrong(format!("an output of {side}: {whole} is all"))
            })?;
            let less = total / 2;
            window.pads[i] = match auto {
                "SAME_UPPER" => (less, total - less),
                _ => (total - less, less),
            };
        }
        Ok(window)
    }

    fn slide(
        &self,
        window: &WindowShape,
        input: &[usize],
        up: bool,
    ) -> Result<Vec<usize>, InferenceError> {
        let n = window.kernel.len();
        let mut out = Vec::with_capacity(n);
        for i in 0..n {
            let too_large = || InferenceError::from("its sizes overflow");
            let (before, after) = window.pads[i];
            let padded = input[i]
                .checked_add(before)
                .and_then(|v| v.checked_add(after));
            let room = padded.ok_or_else(too_large)?.checked_sub(window.reach(i)?);
            let room = room.ok_or_else(|| {
                InferenceError::Wrong(format!("its kernel is larger than its map {input:?}"))
            })?;
            let last = match up {
                true => room.div_ceil(window.strides[i]),
                false => room / window.strides[i],
            };
            // A window that would begin behind the map is none.
            let begins = last.saturating_mul(window.strides[i]);
            let behind = up && last > 0 && begins >= input[i].saturating_add(before);
            out.push(if behind { last } else { last + 1 });
        }
        Ok(out)
    }

    pub(super) fn conv(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let w = self.shape(1)?;
        let groups = length(self.node.int("group").unwrap_or(1))?;
        let fits = x.len() >= 3
            && w.len() == x.len()
            && groups > 0
            && w[1].checked_mul(groups) == Some(x[1])
            && w[0].is_multiple_of(groups);
        if !fits {
            return Err(format!("a convolution of {x:?} with {w:?} in {groups} groups").into());
        }
        let window = self.own_window()?;
        let mut shape = vec![x[0], w[0]];
        shape.extend(self.slide(&window, &x[2..], false)?);
        let dtype = match self.node.op.as_str() {
            "ConvInteger" => DataType::Int32,
            _ => dtype,
        };
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn conv_transpose(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let w = self.shape(1)?;
        let groups = length(self.node.int("group").unwrap_or(1))?;
        if x.len() < 3 || w.len() != x.len() || w[0] != x[1] {
            return Err(format!("a transposed convolution of {x:?} with {w:?}").into());
        }
        let n = x.len() - 2;
        let window = self.own_window()?;
        let extra = self.lengths("output_padding", n, 0)?;
        let channels = w[1].checked_mul(groups).ok_or("its sizes overflow")?;
        let mut shape = vec![x[0], channels];
        for i in 0..n {
            let (before, after) = window.pads[i];
            let reach = window.reach(i)?;
            let side = x[2 + i]
                .checked_sub(1)
                .and_then(|v| v.checked_mul(window.strides[i]));
            let side = side
                .and_then(|v| v.checked_add(reach))
                .and_then(|v| v.checked_add(extra[i]))
                .and_then(|v| v.checked_sub(before))
                .and_then(|v| v.checked_sub(after));
            shape.push(side.ok_or("its sizes overflow")?);
        }
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn pool(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        if x.len() < 3 {
            return Err(format!("a pool of {x:?}").into());
        }
        let window = self.own_window()?;
        let up = self.node.int("ceil_mode") == Some(1);
        let mut shape = x[..2].to_vec();
        shape.extend(self.slide(&window, &x[2..], up)?);
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn global_pool(&self) -> ValueTypes {
        let (dtype, mut shape) = self.input_type(0)?;
        shape.iter_mut().skip(2).for_each(|side| *side = 1);
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn grid_sample(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let grid = self.shape(1)?;
        let rank = x.len();
        if rank < 3 || grid.len() != rank || grid[0] != x[0] || grid[rank - 1] != rank - 2 {
            return Err(format!("samples of {x:?} at {grid:?}").into());
        }
        let mut shape = x[..2].to_vec();
        shape.extend(&grid[1..rank - 1]);
        Ok(vec![(dtype, shape)])
    }

    pub(super) fn resize(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let wrong = |n: usize| InferenceError::Wrong(format!("{n} sizes for {} axes", x.len()));
        if self.node.input(3).is_some() {
            let sizes = self.ints(3)?;
            if sizes.len() != x.len() {
                return Err(wrong(sizes.len()));
            }
            let shape: Result<Vec<usize>, InferenceError> =
                sizes.iter().map(|&v| length(v)).collect();
            return Ok(vec![(dtype, shape?)]);
        }
        let scales = self.constant(2)?.to_f64();
        if scales.len() != x.len() {
            return Err(wrong(scales.len()));
        }
        let sides = x.iter().zip(&scales).map(|(&side, &by)| {
            let side = (side as f64 * by).floor();
            if side.is_finite() && (0.0..1e15).contains(&side) {
                Ok(side as usize)
            } else {
                Err(InferenceError::from("a scale that gives no size"))
            }
        });
        let shape: Result<Vec<usize>, InferenceError> = sides.collect();
        Ok(vec![(dtype, shape?)])
    }

    pub(super) fn depth_to_space(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let block = length(self.node.int("blocksize").unwrap_or(0))?;
        let area = block.checked_mul(block).unwrap_or(0);
        let (&[n, c, h, w], true) = (&x[..], area > 0) else {
            return Err(format!("depth to space of {x:?} by {block}").into());
        };
        let sides = (h.checked_mul(block), w.checked_mul(block));
        match sides {
            (Some(h), Some(w)) if c.is_multiple_of(area) => {
                Ok(vec![(dtype, vec![n, c / area, h, w])])
            }
            _ => Err(format!("depth to space of {x:?} by {block}").into()),
        }
    }

    pub(super) fn space_to_depth(&self) -> ValueTypes {
        let (dtype, x) = self.input_type(0)?;
        let block = length(self.node.int("blocksize").unwrap_or(0))?;
        match x[..] {
            [n, c, h, w] if block > 0 && h.is_multiple_of(block) && w.is_multiple_of(block) => {
                let depth = block.checked_mul(block).and_then(|a| a.checked_mul(c));
                let depth = depth.ok_or("its sizes overflow")?;
                Ok(vec![(dtype, vec![n, depth, h / block, w / block])])
            }
            _ => Err(format!("space to depth of {x:?} by {block}").into()),
        }
    }
}

impl WindowShape {
    /// Padding in the order of the attribute `pads`: all before, then all after.
    pub fn pads_in_order(&self) -> Vec<usize> {
        let (before, after): (Vec<_>, Vec<_>) = self.pads.iter().copied().unzip();
        [before, after].concat()
    }

    /// Entries of the map that the kernel spans on axis `i`.
    fn reach(&self, i: usize) -> Result<usize, InferenceError> {
        let gaps = (self.kernel[i] - 1).checked_mul(self.dilations[i]);
        gaps.and_then(|g| g.checked_add(1))
            .ok_or_else(|| "its sizes overflow".into())
    }
}
