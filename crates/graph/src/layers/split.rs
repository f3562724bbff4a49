//! Cuts a graph at the borders of its blocks into pieces that run one after the other.

use crate::cost::block_of;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use unmask_onnx::ir::{GraphNode, NodeId, OnnxGraph, ValueId, ValueSource};
use unmask_onnx::messages::{DataType, ModelProto};

/// A part of one block that can run once those before it have.
pub(super) struct GraphPiece {
    /// The block.
    pub block: String,
    /// The piece as a model of its own. Its inputs are `reads`, its outputs `writes`, in order.
    pub model: ModelProto,
    /// Values of the whole graph: its inputs, and those of pieces before.
    pub reads: Vec<ValueId>,
    /// Values of the whole graph that later pieces read, or that are its outputs.
    pub writes: Vec<ValueId>,
}

/// The pieces of `graph`. A block has several where others run in between.
pub(super) fn split_blocks(graph: &OnnxGraph) -> Vec<GraphPiece> {
    let parts = parts(graph);
    let mut at = HashMap::new();
    for (i, (_, nodes)) in parts.iter().enumerate() {
        let written = nodes.iter().flat_map(|&n| &graph.node(n).outputs);
        at.extend(written.map(|&id| (id, i)));
    }
    // What is read in another piece than it was written in, or leaves the graph.
    let mut wanted: HashSet<ValueId> = graph.outputs().iter().map(|(_, id)| *id).collect();
    for (i, (_, nodes)) in parts.iter().enumerate() {
        let read = nodes.iter().flat_map(|&n| &graph.node(n).inputs).flatten();
        wanted.extend(read.filter(|id| at.get(id).is_some_and(|&from| from != i)));
    }
    let pieces = parts.into_iter().map(|(block, nodes)| {
        let mut copy = PieceCopy::new(graph);
        nodes.iter().for_each(|&n| copy.node(graph.node(n)));
        copy.finish(block, &wanted)
    });
    // A piece that nothing waits for would not run in the whole graph, either.
    pieces.filter(|piece| !piece.writes.is_empty()).collect()
}

/// The nodes in an order in which they can run, with as few changes of block as it takes.
fn parts(graph: &OnnxGraph) -> Vec<(String, Vec<NodeId>)> {
    let blocks: Vec<String> = graph.nodes().iter().map(|n| block_of(graph, n)).collect();
    let users = graph.all_users();
    let mut waits: Vec<usize> = Vec::with_capacity(blocks.len());
    let mut ready: BTreeMap<&str, BTreeSet<NodeId>> = BTreeMap::new();
    for id in graph.node_ids() {
        let read: HashSet<ValueId> = graph.node(id).inputs.iter().flatten().copied().collect();
        let from_nodes = read.iter().filter(|&&v| graph.producer(v).is_some());
        waits.push(from_nodes.count());
        if waits[id.index()] == 0 {
            ready.entry(&blocks[id.index()]).or_default().insert(id);
        }
    }
    let mut parts: Vec<(String, Vec<NodeId>)> = Vec::new();
    loop {
        let here = parts.last().map(|(block, _)| block.as_str());
        let next = here.and_then(|block| ready.get_mut(block)?.pop_first());
        let next = match next {
            Some(id) => id,
            None => {
                let first = ready.values_mut().filter(|nodes| !nodes.is_empty());
                let Some(first) = first
                    .min_by_key(|nodes| nodes.first().copied())
                    .and_then(BTreeSet::pop_first)
                else {
                    return parts;
                };
                parts.push((blocks[first.index()].clone(), Vec::new()));
                first
            }
        };
        if let Some((_, nodes)) = parts.last_mut() {
            nodes.push(next);
        }
        for output in &graph.node(next).outputs {
            for &user in users.get(output).into_iter().flatten() {
                waits[user.index()] -= 1;
                if waits[user.index()] == 0 {
                    ready.entry(&blocks[user.index()]).or_default().insert(user);
                }
            }
        }
    }
}

/// Some nodes of a graph as a graph of their own.
struct PieceCopy<'a> {
    from: &'a OnnxGraph,
    to: OnnxGraph,
    /// Values of `from`, as they are in `to`.
    known: HashMap<ValueId, ValueId>,
    reads: Vec<ValueId>,
    written: Vec<ValueId>,
}

impl<'a> PieceCopy<'a> {
    fn new(from: &'a OnnxGraph) -> Self {
        Self {
            from,
            to: OnnxGraph::default(),
            known: HashMap::new(),
            reads: Vec::new(),
            written: Vec::new(),
        }
    }

    fn value(&mut self, id: ValueId) -> ValueId {
        if let Some(&known) = self.known.get(&id) {
            return known;
        }
        let value = self.from.value(id);
        let name = value.label.as_deref().unwrap_or("value");
        let new = match &value.source {
            ValueSource::Constant(data) => {
                self.to.add_named_constant(name, &value.shape, data.clone())
            }
            ValueSource::Input | ValueSource::Node(_) => {
                self.reads.push(id);
                self.to.add_typed_input(name, value.dtype, &value.shape)
            }
        };
        self.known.insert(id, new);
        new
    }

    fn node(&mut self, node: &GraphNode) {
        let inputs = node.inputs.iter().map(|id| id.map(|id| self.value(id)));
        let copy = GraphNode {
            inputs: inputs.collect(),
            ..node.clone()
        };
        let written = |&id: &ValueId| {
            let value = self.from.value(id);
            (value.dtype, value.shape.clone(), value.label.clone())
        };
        let outputs: Vec<_> = node.outputs.iter().map(written).collect();
        let new = self.to.push_node(copy, &outputs);
        for (&id, new) in node.outputs.iter().zip(new) {
            if self.from.value(id).dtype != DataType::Undefined {
                self.known.insert(id, new);
                self.written.push(id);
            }
        }
    }

    fn finish(mut self, block: String, wanted: &HashSet<ValueId>) -> GraphPiece {
        let writes: Vec<ValueId> = self
            .written
            .into_iter()
            .filter(|id| wanted.contains(id))
            .collect();
        for (i, id) in writes.iter().enumerate() {
            self.to.add_output(&format!("out{i}"), self.known[id]);
        }
        GraphPiece {
            block,
            model: self.to.to_model(&[]),
            reads: self.reads,
            writes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe;
    use crate::write::SamplingForm;
    use unmask_frame::Size;

    #[test]
    fn every_node_lies_in_one_piece_after_those_it_reads_from() {
        let graph = probe::graph(&probe::model(
            &probe::tiny(),
            Size::new(64, 32),
            SamplingForm::Gather,
        ));
        let pieces = split_blocks(&graph);
        let nodes = |piece: &GraphPiece| piece.model.graph.as_ref().unwrap().node.len();
        assert_eq!(pieces.iter().map(nodes).sum::<usize>(), graph.nodes().len());
        let mut there: HashSet<ValueId> = graph.inputs().iter().copied().collect();
        for piece in &pieces {
            assert!(piece.reads.iter().all(|id| there.contains(id)));
            let proto = piece.model.graph.as_ref().unwrap();
            assert_eq!(proto.input.len(), piece.reads.len());
            assert_eq!(proto.output.len(), piece.writes.len());
            there.extend(&piece.writes);
        }
        assert!(graph.outputs().iter().all(|(_, id)| there.contains(id)));
        // Neighbours are of different blocks, else they were one piece.
        assert!(pieces.windows(2).all(|two| two[0].block != two[1].block));
        let names: HashSet<&str> = pieces.iter().map(|p| p.block.as_str()).collect();
        for block in ["backbone stem", "pixel decoder", "decoder layer 0", "heads"] {
            assert!(names.contains(block), "{block}: {names:?}");
        }
    }
}
