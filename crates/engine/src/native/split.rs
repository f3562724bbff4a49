//! Splits a graph around its convolutions.

use super::NativeSection;
use super::plan::{Form, form_of, plan};
use std::collections::{HashMap, HashSet};
use unmask_onnx::OnnxError;
use unmask_onnx::ir::{GraphNode, NodeId, OnnxGraph, ValueId, ValueSource};

/// A graph in three parts.
#[derive(Debug)]
pub(crate) struct Cut {
    /// What comes before the section: its inputs are the graph's, its outputs `before`'s values.
    pub before: Option<Part>,
    pub section: NativeSection,
    /// The graph's inputs or values of `before` that the section reads.
    pub section_inputs: Vec<Wire>,
    /// The rest, with the inputs that it needs alone; its outputs are the graph's.
    pub after: Part,
    /// Where the values of the rest's inputs come from.
    pub after_inputs: Vec<Wire>,
}

/// A graph for the runtime.
#[derive(Debug)]
pub(crate) struct Part {
    pub graph: OnnxGraph,
    /// Names of its inputs.
    pub inputs: Vec<String>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Input of the whole graph, by its place.
    Input(usize),
    /// Output of the part before.
    Before(usize),
    /// Output of the section.
    Section(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Before,
    Section,
    After,
}

/// Cuts `graph`; none where no convolution is computed here.
///
/// # Errors
/// [`OnnxError::Model`] where a part's nodes wait for each other.
pub(crate) fn split_graph(graph: &OnnxGraph) -> Result<Option<Cut>, OnnxError> {
    let sides = sides(graph);
    let on = |side: Side| {
        let ids = graph.node_ids().zip(&sides);
        ids.filter(move |(_, s)| **s == side).map(|(id, _)| id)
    };
    let nodes: Vec<NodeId> = on(Side::Section).collect();
    if !nodes.iter().any(|&id| graph.node(id).op == "Conv") {
        return Ok(None);
    }
    let side_of = |id: ValueId| match graph.producer_id(id) {
        Some(node) => sides[node.index()],
        None => Side::Before,
    };
    let computed = |id: &ValueId| graph.constant(*id).is_none();
    let read_by = |side: Side| {
        let mut seen = HashSet::new();
        let inputs = on(side).flat_map(|id| graph.node(id).inputs.clone());
        let mut all: Vec<ValueId> = inputs.flatten().filter(computed).collect();
        if side == Side::After {
            all.extend(graph.outputs().iter().map(|(_, id)| *id).filter(computed));
        }
        all.retain(|&id| side_of(id) < side && seen.insert(id));
        all
    };
    let (into_section, into_after): (Vec<ValueId>, Vec<ValueId>) =
        (read_by(Side::Section), read_by(Side::After));
    if into_section.len() > super::INPUTS_LIMIT {
        return Ok(None);
    }
    let leaving: Vec<ValueId> = into_after
        .iter()
        .copied()
        .filter(|&id| side_of(id) == Side::Section)
        .collect();
    let Some(section) = plan(graph, &nodes, &into_section, &leaving) else {
        return Ok(None);
    };
    let mut carried = Vec::new();
    let mut wire = |id: ValueId| match graph.value(id).source {
        ValueSource::Input => {
            let place = graph.inputs().iter().position(|&input| input == id);
            Wire::Input(place.unwrap_or_default())
        }
        _ if side_of(id) == Side::Section => {
            Wire::Section(leaving.iter().position(|&l| l == id).unwrap_or_default())
        }
        _ => Wire::Before(match carried.iter().position(|&c| c == id) {
            Some(place) => place,
            None => {
                carried.push(id);
                carried.len() - 1
            }
        }),
    };
    let section_inputs = into_section.iter().map(|&id| wire(id)).collect();
    let mut after = graph.clone();
    after.clear_inputs();
    let mut inputs = Vec::with_capacity(into_after.len());
    let mut after_inputs = Vec::with_capacity(into_after.len());
    for (i, &id) in into_after.iter().enumerate() {
        let name = format!("cut/{i}");
        let value = graph.value(id);
        let input = after.add_typed_input(&name, value.dtype, &value.shape);
        after.replace_uses(id, input);
        inputs.push(name);
        after_inputs.push(wire(id));
    }
    let cycle = |_| OnnxError::Model {
        what: "its nodes wait for each other: the graph has a cycle".to_owned(),
    };
    after.remove_dead_and_sort().map_err(cycle)?;
    let before = match carried.is_empty() {
        true => None,
        false => {
            let mut before = graph.clone();
            before.clear_outputs();
            for (i, &id) in carried.iter().enumerate() {
                before.add_output(&format!("carried/{i}"), id);
            }
            before.remove_dead_and_sort().map_err(cycle)?;
            let inputs = graph.inputs().iter().map(|&id| {
                let name = graph.value(id).label.as_deref();
                name.unwrap_or("input").to_owned()
            });
            Some(Part {
                inputs: inputs.collect(),
                graph: before,
            })
        }
    };
    Ok(Some(Cut {
        before,
        section,
        section_inputs,
        after: Part {
            graph: after,
            inputs,
        },
        after_inputs,
    }))
}

/// On which side of the cuts each node lies. The section begins with convolutions, and with values
/// rounded for them.
fn sides(graph: &OnnxGraph) -> Vec<Side> {
    let users = graph.all_users();
    let mut values: HashMap<ValueId, Side> = HashMap::new();
    let mut sides = Vec::new();
    for id in graph.node_ids() {
        let node = graph.node(id);
        let inputs = node.inputs.iter().flatten();
        let latest = inputs
            .filter(|&&input| graph.constant(input).is_none())
            .map(|input| values.get(input).copied().unwrap_or(Side::Before))
            .max()
            .unwrap_or(Side::Before);
        let form = match latest {
            Side::After => None,
            _ => form_of(graph, node).filter(|form| fits(graph, node, form, &users, &values)),
        };
        let begins = matches!(form, Some(Form::Conv | Form::Quantize));
        let side = match (form, latest) {
            (Some(_), Side::Section) => Side::Section,
            (Some(_), Side::Before) if begins => Side::Section,
            (None, Side::Section) => Side::After,
            (_, latest) => latest,
        };
        sides.push(side);
        for &output in &node.outputs {
            values.insert(output, side);
        }
    }
    sides
}

/// Whether a node's neighbours let it be part of the section.
fn fits(
    graph: &OnnxGraph,
    node: &GraphNode,
    form: &Form,
    users: &HashMap<ValueId, Vec<NodeId>>,
    values: &HashMap<ValueId, Side>,
) -> bool {
    match form {
        Form::Quantize => {
            let readers = users.get(&node.output()).map_or(&[][..], Vec::as_slice);
            let pairs =
                |&id: &NodeId| matches!(form_of(graph, graph.node(id)), Some(Form::Dequantize(_)));
            !graph.is_output(node.output()) && !readers.is_empty() && readers.iter().all(pairs)
        }
        Form::Dequantize(_) => node
            .input(0)
            .is_some_and(|x| values.get(&x) == Some(&Side::Section)),
        _ => true,
    }
}
