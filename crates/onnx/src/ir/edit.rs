//! Edits a graph: finds readers, replaces values, removes dead nodes, sorts nodes into running
//! order.

use super::{GraphNode, NodeId, OnnxGraph, TensorData, ValueId, ValueSource, inside};
use crate::messages::DataType;
use std::collections::{HashMap, HashSet};

/// A graph whose nodes wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphCycle(pub NodeId);

impl NodeId {
    /// Its place in [`OnnxGraph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

impl OnnxGraph {
    /// The node `id`. Ids change with [`OnnxGraph::remove_dead_and_sort`].
    pub fn node(&self, id: NodeId) -> &GraphNode {
        &self.nodes[id.0]
    }

    /// The node `id`, to be changed. Its outputs must stay what they are.
    pub fn node_mut(&mut self, id: NodeId) -> &mut GraphNode {
        self.done.clear();
        &mut self.nodes[id.0]
    }

    /// The ids of all nodes, in order.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The node that writes `id`.
    pub fn producer_id(&self, id: ValueId) -> Option<NodeId> {
        match self.value(id).source {
            ValueSource::Node(node) => Some(node),
            _ => None,
        }
    }

    /// The nodes that read `id`, each once, in order.
    pub fn users(&self, id: ValueId) -> Vec<NodeId> {
        let reads = |n: &NodeId| self.node(*n).inputs.contains(&Some(id));
        self.node_ids().filter(reads).collect()
    }

    /// For every value that nodes read: these nodes, each once, in order.
    pub fn all_users(&self) -> HashMap<ValueId, Vec<NodeId>> {
        let mut users: HashMap<ValueId, Vec<NodeId>> = HashMap::new();
        for id in self.node_ids() {
            for &input in self.node(id).inputs.iter().flatten() {
                let list = users.entry(input).or_default();
                if list.last() != Some(&id) {
                    list.push(id);
                }
            }
        }
        users
    }

    /// Whether `id` is an output of the graph.
    pub fn is_output(&self, id: ValueId) -> bool {
        self.outputs.iter().any(|(_, out)| *out == id)
    }

    /// Lets everything that reads `old`, outputs of the graph included, read `new`.
    pub fn replace_uses(&mut self, old: ValueId, new: ValueId) {
        let inputs = self.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut());
        for input in inputs.flatten().filter(|id| **id == old) {
            *input = new;
        }
        for (_, id) in self.outputs.iter_mut().filter(|(_, id)| *id == old) {
            *id = new;
        }
        self.done.clear();
    }

    /// Makes every Float16 value a Float32 one, inputs and outputs of the graph included, for
    /// runtimes that compute in single precision. Constants keep their values: each half is a
    /// single.
    pub fn widen_halves(&mut self) {
        let half = DataType::Float16;
        for value in self.values.iter_mut().filter(|v| v.dtype == half) {
            value.dtype = DataType::Float;
            if let ValueSource::Constant(data) = &mut value.source {
                *data = TensorData::F32(data.to_f64().into_iter().map(|v| v as f32).collect());
            }
        }
        let attributes = self.nodes.iter_mut().flat_map(|n| n.attributes.iter_mut());
        for attribute in attributes {
            let names_type = matches!(
                attribute.name.as_deref(),
                Some("to" | "dtype" | "output_dtype")
            );
            if names_type && attribute.i == Some(half as i64) {
                attribute.i = Some(DataType::Float as i64);
            }
            if let Some(tensor) = attribute.t.as_mut()
                && tensor.data_type() == half
                && let Some(data) = inside(half, tensor)
            {
                let values: Vec<u8> = data
                    .to_f64()
                    .into_iter()
                    .flat_map(|v| (v as f32).to_le_bytes())
                    .collect();
                tensor.data_type = Some(DataType::Float as i32);
                tensor.int32_data.clear();
                tensor.raw_data = Some(values);
            }
        }
        self.done.clear();
    }

    /// Takes the outputs' names off, for passes that set others.
    pub fn clear_outputs(&mut self) {
        self.outputs.clear();
    }

    /// Takes the inputs off, for passes that set others; nothing may read them any more.
    pub fn clear_inputs(&mut self) {
        self.inputs.clear();
    }

    /// Removes the nodes whose values reach no output.
    pub fn remove_dead_nodes(&mut self) {
        let mut alive = vec![false; self.values.len()];
        for (_, id) in &self.outputs {
            alive[id.0] = true;
        }
        for node in self.nodes.iter().rev() {
            if node.outputs.iter().any(|o| alive[o.0]) {
                for id in node.inputs.iter().flatten() {
                    alive[id.0] = true;
                }
            }
        }
        self.nodes.retain(|n| n.outputs.iter().any(|o| alive[o.0]));
        self.renumber();
    }

    /// Puts the nodes into an order in which they can run, and removes those that reach no output.
    /// Nodes that lie right stay where they are; one that was added later comes before the first
    /// that reads it. Node ids change.
    ///
    /// # Errors
    /// [`GraphCycle`] with a node that waits for itself; the order is then left as it was.
    pub fn remove_dead_and_sort(&mut self) -> Result<(), GraphCycle> {
        let order = self.order().map_err(GraphCycle)?;
        let mut nodes: Vec<Option<GraphNode>> = std::mem::take(&mut self.nodes)
            .into_iter()
            .map(Some)
            .collect();
        self.nodes = order.iter().filter_map(|id| nodes[id.0].take()).collect();
        self.remove_dead_nodes();
        Ok(())
    }

    /// All nodes, each after those it reads from, otherwise as they lie.
    fn order(&self) -> Result<Vec<NodeId>, NodeId> {
        #[derive(Clone, Copy, PartialEq)]
        enum VisitState {
            New,
            Open,
            Done,
        }
        let mut state = vec![VisitState::New; self.nodes.len()];
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack = Vec::new();
        for start in self.node_ids() {
            stack.push((start, 0));
            while let Some((id, next)) = stack.pop() {
                if next == 0 {
                    match state[id.0] {
                        VisitState::Done => continue,
                        VisitState::Open => return Err(id),
                        VisitState::New => state[id.0] = VisitState::Open,
                    }
                }
                match self.nodes[id.0].inputs.get(next) {
                    Some(input) => {
                        stack.push((id, next + 1));
                        if let Some(from) = input.and_then(|v| self.producer_id(v))
                            && state[from.0] != VisitState::Done
                        {
                            stack.push((from, 0));
                        }
                    }
                    None => {
                        state[id.0] = VisitState::Done;
                        order.push(id);
                    }
                }
            }
        }
        Ok(order)
    }

    /// How often each value is read; being an output of the graph counts.
    pub(super) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        let read = self.nodes.iter().flat_map(|n| n.inputs.iter().flatten());
        for id in read.chain(self.outputs.iter().map(|(_, id)| id)) {
            uses[id.0] += 1;
        }
        uses
    }

    /// Makes the values name their producers again after nodes were moved or removed.
    pub(super) fn renumber(&mut self) {
        for (i, node) in self.nodes.iter().enumerate() {
            for output in &node.outputs {
                self.values[output.0].source = ValueSource::Node(NodeId(i));
            }
        }
        self.done.clear();
    }

    /// The values that are left, constants included, in the order nodes read them.
    pub fn values_read(&self) -> Vec<ValueId> {
        let mut seen = HashSet::new();
        self.nodes
            .iter()
            .flat_map(|n| n.inputs.iter().flatten())
            .chain(self.outputs.iter().map(|(_, id)| id))
            .copied()
            .filter(|id| seen.insert(*id))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::DataType;

    fn relu(g: &mut OnnxGraph, x: ValueId, scope: &str) -> ValueId {
        let shape = g.value(x).shape.clone();
        g.add_node(
            "Relu",
            &scope.into(),
            &[Some(x)],
            vec![],
            DataType::Float,
            &shape,
        )
    }

    #[test]
    fn a_node_added_later_comes_before_its_reader() {
        let mut g = OnnxGraph::default();
        let x = g.add_input("x", &[2]);
        let a = relu(&mut g, x, "a");
        let b = relu(&mut g, a, "b");
        g.add_output("y", b);
        let exp = g.add_node(
            "Exp",
            &"c".into(),
            &[Some(x)],
            vec![],
            DataType::Float,
            &[2],
        );
        g.replace_uses(a, exp);
        assert_eq!(
            g.users(exp),
            g.users(a)
                .into_iter()
                .chain([NodeId(1)])
                .collect::<Vec<_>>()
        );
        g.remove_dead_and_sort().unwrap();
        let ops: Vec<&str> = g.nodes().iter().map(|n| n.op.as_str()).collect();
        assert_eq!(ops, ["Exp", "Relu"]);
        assert_eq!(g.producer_id(b), Some(NodeId(1)));
        assert_eq!(g.all_users()[&x], [NodeId(0)]);
    }

    #[test]
    fn an_order_that_runs_is_kept() {
        let mut g = OnnxGraph::default();
        let x = g.add_input("x", &[2]);
        let a = relu(&mut g, x, "a");
        let exp = g.add_node(
            "Exp",
            &"b".into(),
            &[Some(x)],
            vec![],
            DataType::Float,
            &[2],
        );
        let inputs = [Some(exp), Some(a)];
        let sum = g.add_node("Add", &"c".into(), &inputs, vec![], DataType::Float, &[2]);
        g.add_output("y", sum);
        g.remove_dead_and_sort().unwrap();
        let ops: Vec<&str> = g.nodes().iter().map(|n| n.op.as_str()).collect();
        assert_eq!(ops, ["Relu", "Exp", "Add"]);
    }

    #[test]
    fn nodes_that_wait_for_each_other_are_found() {
        let mut g = OnnxGraph::default();
        let x = g.add_input("x", &[2]);
        let a = relu(&mut g, x, "a");
        let b = relu(&mut g, a, "b");
        g.add_output("y", b);
        g.node_mut(NodeId(0)).inputs[0] = Some(b);
        let GraphCycle(node) = g.remove_dead_and_sort().unwrap_err();
        assert!(node.index() < 2);
        assert_eq!(g.nodes().len(), 2);
    }
}
