//! Memory that a graph needs to run, computed from its shapes.

use super::ir::{OnnxGraph, ValueId, ValueSource, element_bytes};
use super::shape_inference::elements;
use std::collections::HashMap;

/// Memory of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// Constants, and what is computed from constants alone: an engine computes those once and
    /// keeps them, bytes.
    pub constant_bytes: u64,
    /// Constants and the values that exist at once where they are most, with the nodes run in the
    /// graph's order, bytes. What an engine uses inside a node (copies of weights in another
    /// order, columns of a convolution) comes on top.
    pub peak_bytes: u64,
}

/// Operators whose output is their input under another shape.
const VIEWS: [&str; 5] = ["Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"];

/// The memory of `graph`: a value lives from the node that writes it to the last that reads it.
pub fn memory(graph: &OnnxGraph) -> MemoryEstimate {
    let mut values = Values {
        graph,
        fixed: HashMap::new(),
        roots: HashMap::new(),
    };
    let mut last_use: HashMap<ValueId, usize> = HashMap::new();
    for (i, node) in graph.nodes().iter().enumerate() {
        let fixed = node.inputs.iter().flatten().all(|&id| values.is_fixed(id));
        let root = match node.input(0) {
            Some(x) if VIEWS.contains(&node.op.as_str()) => Some(values.root(x)),
            _ => None,
        };
        for &id in node.inputs.iter().flatten() {
            last_use.insert(values.root(id), i);
        }
        for &id in &node.outputs {
            values.fixed.insert(id, fixed);
            if let Some(root) = root {
                values.roots.insert(id, root);
            }
            // One that nobody reads lives while its node runs.
            last_use.insert(values.root(id), i);
        }
    }
    let end = graph.nodes().len();
    for (_, id) in graph.outputs() {
        last_use.insert(values.root(*id), end);
    }
    let mut dies: Vec<Vec<ValueId>> = vec![Vec::new(); end + 1];
    for (&id, &at) in &last_use {
        if !values.is_fixed(id) {
            dies[at].push(id);
        }
    }
    let constants = last_use.keys().filter(|&&id| values.is_fixed(id));
    let constant_bytes = constants.fold(0u64, |sum, &id| sum.saturating_add(values.bytes(id)));
    let inputs = graph.inputs().iter();
    let mut live = inputs.fold(constant_bytes, |sum, &id| {
        sum.saturating_add(values.bytes(id))
    });
    let mut peak = live;
    for (node, dead) in graph.nodes().iter().zip(&dies) {
        for &id in &node.outputs {
            if values.root(id) == id && !values.is_fixed(id) {
                live = live.saturating_add(values.bytes(id));
            }
        }
        peak = peak.max(live);
        for &id in dead {
            live = live.saturating_sub(values.bytes(id));
        }
    }
    MemoryEstimate {
        constant_bytes,
        peak_bytes: peak,
    }
}

struct Values<'a> {
    graph: &'a OnnxGraph,
    /// Whether a node's value is computed from constants alone.
    fixed: HashMap<ValueId, bool>,
    /// The value whose elements a view shows.
    roots: HashMap<ValueId, ValueId>,
}

impl Values<'_> {
    fn is_fixed(&self, id: ValueId) -> bool {
        match self.graph.value(id).source {
            ValueSource::Constant(_) => true,
            ValueSource::Input => false,
            ValueSource::Node(_) => self.fixed.get(&id).copied().unwrap_or(false),
        }
    }

    fn root(&self, id: ValueId) -> ValueId {
        self.roots.get(&id).copied().unwrap_or(id)
    }

    fn bytes(&self, id: ValueId) -> u64 {
        let value = self.graph.value(id);
        let width = element_bytes(value.dtype).unwrap_or(0) as u64;
        let count = elements(&value.shape).map_or(u64::MAX, |n| n as u64);
        count.saturating_mul(width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::TensorData;
    use crate::messages::DataType;

    fn node(graph: &mut OnnxGraph, op: &str, x: ValueId, shape: &[usize]) -> ValueId {
        let scope = "a".into();
        graph.add_node(op, &scope, &[Some(x)], vec![], DataType::Float, shape)
    }

    #[test]
    fn values_live_until_they_are_read_last() {
        let mut g = OnnxGraph::default();
        let x = g.add_input("x", &[100]);
        let a = node(&mut g, "Relu", x, &[100]);
        let flat = node(&mut g, "Reshape", a, &[10, 10]);
        let b = node(&mut g, "Relu", flat, &[10, 10]);
        let c = node(&mut g, "Relu", b, &[10, 10]);
        g.add_output("c", c);
        // Two values of 100 floats at a time: the view takes nothing, x goes after the first node.
        let two = 2 * 400;
        assert_eq!(memory(&g).peak_bytes, two);
        // An output stays.
        g.add_output("a", a);
        assert_eq!(memory(&g).peak_bytes, two + 400);
    }

    #[test]
    fn what_constants_become_stays() {
        let mut g = OnnxGraph::default();
        let x = g.add_input("x", &[4]);
        let one = g.add_constant(&[1], TensorData::F32([1.0].into()), None);
        let many = node(&mut g, "Expand", one, &[1000]);
        let sum = g.add_node(
            "Add",
            &"a".into(),
            &[Some(x), Some(many)],
            vec![],
            DataType::Float,
            &[1000],
        );
        g.add_output("y", sum);
        let found = memory(&g);
        assert_eq!(found.constant_bytes, 4 + 4000);
        assert_eq!(found.peak_bytes, 4 + 4000 + 16 + 4000);
    }
}
