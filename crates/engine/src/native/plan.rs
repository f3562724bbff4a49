//! Plans the steps of a section: fuses operators into convolutions, and reuses the memory of maps
//! that are no longer read.

use super::conv::{Clamp, Conv, Sizes};
use super::maps::{Border, Geometry, Map, Pool, Rounding};
use super::winograd::Winograd;
use super::{ConvStep, NativeKernel, NativeSection, SectionStep};
use std::collections::{HashMap, HashSet};
use unmask_onnx::ir::{GraphNode, NodeId, OnnxGraph, TensorData, ValueId};
use unmask_onnx::messages::DataType;
use unmask_onnx::shape_inference::window_of;

/// The operation that a node of a section is.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Conv,
    MaxPool,
    Add,
    Bound(Clamp),
    /// The quantised form of a value: only DequantizeLinear reads it.
    Quantize,
    Dequantize(Rounding),
}

/// What `node` is, where kernels are there for it.
pub(super) fn form_of(graph: &OnnxGraph, node: &GraphNode) -> Option<Form> {
    let map = |id: Option<ValueId>| {
        let value = graph.value(id?);
        let four = value.dtype == DataType::Float && value.shape.len() == 4;
        (four && value.shape[0] == 1 && !value.shape.contains(&0)).then_some(())
    };
    let form = match node.op.as_str() {
        "Conv" => {
            map(node.input(0))?;
            graph.f32_constant(node.input(1)?)?;
            if let Some(bias) = node.input(2) {
                graph.f32_constant(bias)?;
            }
            let x = &graph.value(node.input(0)?).shape;
            let outputs = graph.value(node.output()).shape.get(1).copied()?;
            let groups = node.int("group").unwrap_or(1) as usize;
            (groups == 1 || groups == x[1] && outputs == x[1]).then_some(Form::Conv)
        }
        "MaxPool" => {
            map(node.input(0))?;
            let alone = node.outputs.len() == 1;
            alone.then_some(Form::MaxPool)
        }
        "Add" => {
            let shape = |i: usize| Some(&graph.value(node.input(i)?).shape);
            map(node.input(0))?;
            map(node.input(1))?;
            let same = shape(0)? == shape(1)? && node.input(0) != node.input(1);
            same.then_some(Form::Add)
        }
        "Relu" => Some(Form::Bound(Clamp {
            low: 0.0,
            high: f32::INFINITY,
        })),
        "Clip" => {
            let bound = |i: usize, otherwise: f32| match node.input(i) {
                Some(id) => graph.scalar_constant(id).map(|v| v as f32),
                None => Some(otherwise),
            };
            let (low, high) = (bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?);
            (low <= high).then_some(Form::Bound(Clamp { low, high }))
        }
        "QuantizeLinear" => rounding(graph, node).map(|_| Form::Quantize),
        "DequantizeLinear" => {
            let quantize = graph.producer(node.input(0)?)?;
            let same =
                quantize.op == "QuantizeLinear" && quantize.inputs.get(1..) == node.inputs.get(1..);
            same.then(|| rounding(graph, quantize).map(Form::Dequantize))?
        }
        _ => None,
    }?;
    map(Some(node.output())).or_else(|| matches!(form, Form::Quantize).then_some(()))?;
    if !matches!(form, Form::Dequantize(_)) {
        map(node.input(0))?;
    }
    Some(form)
}

/// What QuantizeLinear `node` rounds to, where scale and zero point are one number each.
fn rounding(graph: &OnnxGraph, node: &GraphNode) -> Option<Rounding> {
    let scale = graph.scalar_constant(node.input(1)?)? as f32;
    let (low, high, zero) = match graph.constant(node.input(2)?)? {
        TensorData::U8(zero) => (0.0, 255.0, zero.first().copied()?.into()),
        TensorData::I8(zero) => (-128.0, 127.0, zero.first().copied()?.into()),
        _ => return None,
    };
    let one = graph.scalar_constant(node.input(2)?).is_some();
    (one && scale > 0.0).then_some(Rounding {
        scale,
        zero,
        low,
        high,
    })
}

/// Plans `nodes` of `graph`, in running order, which read each other's values, constants and
/// `inputs`; `outputs` leave the section. None where a node turns out not to fit.
pub(super) fn plan(
    graph: &OnnxGraph,
    nodes: &[NodeId],
    inputs: &[ValueId],
    outputs: &[ValueId],
) -> Option<NativeSection> {
    let mut planner = Planner {
        graph,
        drafts: Vec::new(),
        writer: HashMap::new(),
    };
    for (input, &id) in inputs.iter().enumerate() {
        planner.write(id, Work::Enter(input), vec![]);
    }
    let mut reads: HashMap<ValueId, usize> = HashMap::new();
    for &id in nodes {
        for &input in graph.node(id).inputs.iter().flatten() {
            *reads.entry(input).or_default() += 1;
        }
    }
    outputs
        .iter()
        .for_each(|&id| *reads.entry(id).or_default() += 2);
    for &id in nodes {
        planner.node(graph.node(id), &reads)?;
    }
    planner.finish(outputs)
}

enum Work {
    Enter(usize),
    Conv(GraphNode),
    MaxPool(Pool),
    Add,
    Bound,
    Round(Rounding),
}

/// A step before its maps have memory.
struct Draft {
    work: Work,
    /// What it reads; of a convolution, what it adds comes second.
    reads: Vec<ValueId>,
    clamp: Clamp,
    writes: ValueId,
}

struct Planner<'a> {
    graph: &'a OnnxGraph,
    drafts: Vec<Draft>,
    /// The draft that writes a value.
    writer: HashMap<ValueId, usize>,
}

impl Planner<'_> {
    fn write(&mut self, id: ValueId, work: Work, reads: Vec<ValueId>) {
        self.writer.insert(id, self.drafts.len());
        self.drafts.push(Draft {
            work,
            reads,
            clamp: Clamp::NONE,
            writes: id,
        });
    }

    /// Lets the draft that writes `id` write `instead`.
    fn rename(&mut self, draft: usize, instead: ValueId) {
        self.writer.insert(instead, draft);
        self.drafts[draft].writes = instead;
    }

    fn node(&mut self, node: &GraphNode, reads: &HashMap<ValueId, usize>) -> Option<()> {
        let alone = |id: ValueId| reads.get(&id) == Some(&1);
        let unbounded = |draft: &Draft| {
            draft.clamp.low == f32::NEG_INFINITY && draft.clamp.high == f32::INFINITY
        };
        let x = node.input(0)?;
        let y = node.output();
        match form_of(self.graph, node)? {
            Form::Conv => self.write(y, Work::Conv(node.clone()), vec![x]),
            Form::MaxPool => {
                let window = window_of(self.graph, node).ok()?;
                if window.dilations.iter().any(|&d| d != 1) {
                    return None;
                }
                let pair = |list: &[usize]| Some([*list.first()?, *list.get(1)?]);
                let pool = Pool {
                    kernel: pair(&window.kernel)?,
                    stride: pair(&window.strides)?,
                    before: [window.pads.first()?.0, window.pads.get(1)?.0],
                };
                self.write(y, Work::MaxPool(pool), vec![x]);
            }
            Form::Add => {
                let other = node.input(1)?;
                let (a, b) = (*self.writer.get(&x)?, *self.writer.get(&other)?);
                // The later of the two may add the other one to its sums.
                let (late, value, adds) = if a > b { (a, x, other) } else { (b, other, x) };
                let draft = &self.drafts[late];
                let fits = matches!(draft.work, Work::Conv(_))
                    && draft.reads.len() == 1
                    && unbounded(draft)
                    && alone(value);
                if fits {
                    self.drafts[late].reads.push(adds);
                    self.rename(late, y);
                } else {
                    self.write(y, Work::Add, vec![x, other]);
                }
            }
            Form::Bound(clamp) => {
                let before = *self.writer.get(&x)?;
                let draft = &self.drafts[before];
                let fits = matches!(draft.work, Work::Conv(_) | Work::Add);
                if fits && unbounded(draft) && alone(x) {
                    self.drafts[before].clamp = clamp;
                    self.rename(before, y);
                } else {
                    self.write(y, Work::Bound, vec![x]);
                    self.drafts.last_mut()?.clamp = clamp;
                }
            }
            // Read through by the node that follows.
            Form::Quantize => {}
            Form::Dequantize(rounding) => {
                let x = self.graph.producer(x)?.input(0)?;
                self.write(y, Work::Round(rounding), vec![x]);
            }
        }
        Some(())
    }

    /// Memory for every value, and the steps.
    fn finish(mut self, outputs: &[ValueId]) -> Option<NativeSection> {
        let mut borders: HashMap<ValueId, Border> = HashMap::new();
        for draft in &self.drafts {
            if let Work::Conv(node) = &draft.work {
                let window = window_of(self.graph, node).ok()?;
                let (x, y) = (self.sides(draft.reads[0])?, self.sides(draft.writes)?);
                // The last window may end before the map's border does.
                let after = |i: usize| -> Option<usize> {
                    let reach = (window.kernel[i] - 1) * window.dilations[i] + 1;
                    let end = (y[1 + i] - 1) * window.strides[i] + reach;
                    Some(end.saturating_sub(window.pads[i].0 + x[1 + i]))
                };
                let border = Border {
                    top: window.pads.first()?.0,
                    left: window.pads.get(1)?.0,
                    bottom: after(0)?,
                    right: after(1)?,
                };
                let known = borders.entry(draft.reads[0]).or_default();
                *known = known.cover(border);
            }
        }
        let geometry = |id: ValueId, this: &Self| -> Option<Geometry> {
            let [channels, height, width] = this.sides(id)?;
            Some(Geometry {
                channels,
                height,
                width,
                border: borders.get(&id).copied().unwrap_or_default(),
            })
        };
        let mut last: HashMap<ValueId, usize> = HashMap::new();
        for (i, draft) in self.drafts.iter().enumerate() {
            draft.reads.iter().for_each(|&id| {
                last.insert(id, i);
            });
        }
        let leaves: HashSet<ValueId> = outputs.iter().copied().collect();
        let mut maps: Vec<Map> = Vec::new();
        let mut free: HashMap<Geometry, Vec<usize>> = HashMap::new();
        let mut place: HashMap<ValueId, usize> = HashMap::new();
        let mut steps = Vec::new();
        let drafts = std::mem::take(&mut self.drafts);
        for (i, draft) in drafts.into_iter().enumerate() {
            let shape = geometry(draft.writes, &self)?;
            let to = match free.get_mut(&shape).and_then(Vec::pop) {
                Some(to) => to,
                None => {
                    maps.push(Map::new(shape));
                    maps.len() - 1
                }
            };
            place.insert(draft.writes, to);
            let from = |k: usize| -> Option<usize> { place.get(draft.reads.get(k)?).copied() };
            let clamp = draft.clamp;
            steps.push(match draft.work {
                Work::Enter(input) => SectionStep::Enter { input, to },
                Work::MaxPool(pool) => SectionStep::MaxPool {
                    pool,
                    from: from(0)?,
                    to,
                },
                Work::Add => SectionStep::Add {
                    a: from(0)?,
                    b: from(1)?,
                    clamp,
                    to,
                },
                Work::Bound => SectionStep::Bound {
                    from: from(0)?,
                    clamp,
                    to,
                },
                Work::Round(rounding) => SectionStep::Round {
                    from: from(0)?,
                    rounding,
                    to,
                },
                Work::Conv(ref node) => {
                    let source = maps[from(0)?].geometry;
                    let step = conv_step(self.graph, node, source)?;
                    SectionStep::Conv(Box::new(ConvStep {
                        from: from(0)?,
                        add: match draft.reads.len() {
                            1 => None,
                            _ => Some(from(1)?),
                        },
                        clamp,
                        to,
                        ..step
                    }))
                }
            });
            if let Some(output) = outputs.iter().position(|&id| id == draft.writes) {
                steps.push(SectionStep::Leave { from: to, output });
            }
            for id in &draft.reads {
                if last.get(id) == Some(&i) {
                    let map = place.get(id).copied()?;
                    let list = free.entry(maps[map].geometry).or_default();
                    if !list.contains(&map) {
                        list.push(map);
                    }
                }
            }
            // What only leaves is read already.
            if !last.contains_key(&draft.writes) && leaves.contains(&draft.writes) {
                free.entry(shape).or_default().push(to);
            }
        }
        let outputs = outputs.iter().map(|&id| {
            let shape = self.graph.value(id).shape.clone();
            let values = vec![0.0; shape.iter().product()];
            (shape, values)
        });
        Some(NativeSection {
            steps,
            maps,
            outputs: outputs.collect(),
        })
    }

    /// Channels, height, width.
    fn sides(&self, id: ValueId) -> Option<[usize; 3]> {
        match self.graph.value(id).shape[..] {
            [1, channels, height, width] => Some([channels, height, width]),
            _ => None,
        }
    }
}

/// The convolution `node` on a map of `source`; what it is connected to is filled in later.
fn conv_step(graph: &OnnxGraph, node: &GraphNode, source: Geometry) -> Option<ConvStep> {
    let window = window_of(graph, node).ok()?;
    let weights = graph.f32_constant(node.input(1)?)?;
    let bias = match node.input(2) {
        Some(id) => Some(&graph.f32_constant(id)?[..]),
        None => None,
    };
    let outputs = *graph.value(node.output()).shape.get(1)?;
    let pair = |list: &[usize]| Some([*list.first()?, *list.get(1)?]);
    let depthwise = node.int("group").unwrap_or(1) > 1;
    let sizes = Sizes {
        inputs: source.channels,
        outputs,
        kernel: pair(&window.kernel)?,
        stride: pair(&window.strides)?,
        dilation: pair(&window.dilations)?,
        pitch: source.pitch(),
        depthwise,
    };
    let inputs = if depthwise { 1 } else { source.channels };
    let taps = sizes.kernel[0] * sizes.kernel[1];
    let fits =
        weights.len() == outputs * inputs * taps && bias.is_none_or(|bias| bias.len() == outputs);
    if !fits {
        return None;
    }
    let border = source.border;
    let (top, left) = (window.pads.first()?.0, window.pads.get(1)?.0);
    let [height, width] = pair(graph.value(node.output()).shape.get(2..)?)?;
    let tiled = sizes.kernel == [3, 3]
        && sizes.stride == [1, 1]
        && sizes.dilation == [1, 1]
        && !depthwise
        && height.is_multiple_of(2)
        && width.is_multiple_of(2)
        && Winograd::takes(source.channels, outputs);
    let kernel = match tiled {
        true => NativeKernel::Winograd(Winograd::new(source.channels, outputs, weights, bias)),
        false => NativeKernel::Direct(Conv::new(&sizes, weights, bias)),
    };
    Some(ConvStep {
        kernel,
        from: 0,
        stride: sizes.stride[0],
        first: (
            border.top.checked_sub(top)?,
            border.left.checked_sub(left)? * source.channels,
        ),
        add: None,
        clamp: Clamp::NONE,
        to: 0,
        weights_bytes: weights.len() * size_of::<f32>(),
    })
}
