//! Common subexpression elimination: equal nodes on equal values become one.

use prost::Message;
use std::collections::HashMap;
use unmask_onnx::ir::{OnnxGraph, ValueId};

/// Operator, inputs, attributes (encoded), number of outputs.
type NodeSignature = (String, Vec<Option<ValueId>>, Vec<u8>, usize);

/// Lets readers of a node that repeats an earlier one read the earlier one. Nodes must lie in
/// running order.
pub(super) fn merge(graph: &mut OnnxGraph) -> usize {
    let mut first: HashMap<NodeSignature, Vec<ValueId>> = HashMap::new();
    let mut changes = 0;
    for id in graph.node_ids() {
        let node = graph.node(id).clone();
        // What is drawn at random is not the same twice.
        if node.op.starts_with("Random") || node.op == "Bernoulli" || node.op == "Multinomial" {
            continue;
        }
        let mut attributes = node.attributes.clone();
        attributes.sort_by(|a, b| a.name.cmp(&b.name));
        let mut encoded = Vec::new();
        for attribute in &attributes {
            encoded.extend(attribute.encode_length_delimited_to_vec());
        }
        let op = node.op.to_string();
        let key = (op, node.inputs.clone(), encoded, node.outputs.len());
        match first.get(&key) {
            Some(outputs) => {
                for (&old, &new) in node.outputs.iter().zip(outputs) {
                    graph.replace_uses(old, new);
                }
                changes += 1;
            }
            None => {
                first.insert(key, node.outputs);
            }
        }
    }
    changes
}
