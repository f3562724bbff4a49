//! Emits a graph as an ONNX model.

use super::{OnnxGraph, TensorData, ValueId, ValueSource};
use crate::messages::{
    DataType, GraphProto, IR_VERSION, ModelProto, NodeProto, OPSET, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, ValueInfoProto,
};
use crate::unique::UniqueNames;
use std::collections::HashMap;

impl OnnxGraph {
    /// The graph as an ONNX model (opset 17) with `metadata` in `metadata_props`.
    ///
    /// Nodes are named after the part of the network they belong to, constants after the parameter
    /// they are or stem from; every name is unique. Every value carries its static shape.
    pub fn to_model(&self, metadata: &[(String, String)]) -> ModelProto {
        let mut values: HashMap<ValueId, String> = HashMap::new();
        let mut names = UniqueNames::default();
        let mut graph = GraphProto {
            name: Some("unmask".to_owned()),
            ..GraphProto::default()
        };

        for &id in &self.inputs {
            let value = self.value(id);
            let name = names.unique(value.label.as_deref().unwrap_or("input"));
            graph
                .input
                .push(ValueInfoProto::tensor(&name, value.dtype, &value.shape));
            values.insert(id, name);
        }
        // Outputs take their names before anything else can. One that no node writes, or that has
        // a name already, is copied under its own.
        let mut copies = Vec::new();
        for (wanted, id) in &self.outputs {
            let value = self.value(*id);
            let name = names.unique(wanted);
            graph
                .output
                .push(ValueInfoProto::tensor(&name, value.dtype, &value.shape));
            if matches!(value.source, ValueSource::Node(_)) && !values.contains_key(id) {
                values.insert(*id, name);
            } else {
                copies.push((name, *id));
            }
        }
        for id in self.values_read() {
            let value = self.value(id);
            if let ValueSource::Constant(data) = &value.source {
                let name = names.unique(value.label.as_deref().unwrap_or("constant"));
                graph
                    .initializer
                    .push(initializer(&name, &value.shape, data));
                values.insert(id, name);
            }
        }

        let mut node_names = UniqueNames::default();
        for node in &self.nodes {
            let name = match (&node.name, &*node.scope) {
                (Some(name), _) => node_names.unique(name),
                (None, "") => node_names.unique(&node.op),
                (None, scope) => node_names.unique(&format!("{scope}/{}", node.op)),
            };
            let mut written = Vec::with_capacity(node.outputs.len());
            for (i, &id) in node.outputs.iter().enumerate() {
                let value = self.value(id);
                if value.dtype == DataType::Undefined {
                    written.push(String::new());
                    continue;
                }
                let end = match i {
                    0 => String::new(),
                    i => i.to_string(),
                };
                let output = values
                    .entry(id)
                    .or_insert_with(|| match &value.label {
                        Some(label) => names.unique(label),
                        None => names.unique(&format!("{name}.out{end}")),
                    })
                    .clone();
                if !self.outputs.iter().any(|(_, out)| *out == id) {
                    let info = ValueInfoProto::tensor(&output, value.dtype, &value.shape);
                    graph.value_info.push(info);
                }
                written.push(output);
            }
            while written.last().is_some_and(String::is_empty) {
                written.pop();
            }
            let input = |id: &Option<ValueId>| match id {
                Some(id) => values.get(id).cloned().unwrap_or_default(),
                None => String::new(),
            };
            graph.node.push(NodeProto {
                input: node.inputs.iter().map(input).collect(),
                output: written,
                name: Some(name),
                op_type: Some(node.op.to_string()),
                attribute: node.attributes.clone(),
                ..NodeProto::default()
            });
        }
        for (output, id) in copies {
            graph.node.push(NodeProto {
                input: vec![values.get(&id).cloned().unwrap_or_default()],
                name: Some(node_names.unique(&format!("{output}/Identity"))),
                output: vec![output],
                op_type: Some("Identity".to_owned()),
                ..NodeProto::default()
            });
        }

        ModelProto {
            ir_version: Some(IR_VERSION),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPSET),
            }],
            producer_name: Some("unmask".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(graph),
            metadata_props: metadata
                .iter()
                .map(|(k, v)| StringStringEntryProto::new(k, v))
                .collect(),
            ..ModelProto::default()
        }
    }
}

fn initializer(name: &str, shape: &[usize], data: &TensorData) -> TensorProto {
    TensorProto {
        dims: shape.iter().map(|&d| d as i64).collect(),
        data_type: Some(data.dtype() as i32),
        name: Some(name.to_owned()),
        raw_data: Some(data.to_bytes()),
        ..TensorProto::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_outputs_keep_theirs() {
        let mut g = OnnxGraph::default();
        let x = g.add_input("x", &[2]);
        let scope = "a".into();
        let relu = |g: &mut OnnxGraph, v| {
            g.add_node("Relu", &scope, &[Some(v)], vec![], DataType::Float, &[2])
        };
        let a = relu(&mut g, x);
        let b = relu(&mut g, a);
        let w = g.add_parameter("x", &[2], vec![1.0, 2.0].into());
        let c = g.add_node(
            "Add",
            &scope,
            &[Some(b), Some(w)],
            vec![],
            DataType::Float,
            &[2],
        );
        g.add_output("y", c);
        g.add_output("y_again", c);
        g.add_output("x_again", x);
        let graph = g.to_model(&[]).graph.unwrap();
        let names: Vec<_> = graph
            .node
            .iter()
            .map(|n| n.name.as_deref().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "a/Relu",
                "a/Relu_1",
                "a/Add",
                "y_again/Identity",
                "x_again/Identity"
            ]
        );
        // The parameter called like the input gives way.
        assert_eq!(graph.initializer[0].name.as_deref(), Some("x_1"));
        assert_eq!(graph.node[2].input, ["a/Relu_1.out", "x_1"]);
        assert_eq!(graph.node[2].output, ["y"]);
        assert_eq!(graph.node[3].input, ["y"]);
        assert_eq!(graph.node[4].input, ["x"]);
        let infos: Vec<_> = graph
            .value_info
            .iter()
            .map(|v| v.name.as_deref().unwrap())
            .collect();
        assert_eq!(infos, ["a/Relu.out", "a/Relu_1.out"]);
    }

    #[test]
    fn the_same_constant_is_written_once() {
        let mut g = OnnxGraph::default();
        let x = g.add_input("x", &[2]);
        let scope = "a".into();
        let one = |g: &mut OnnxGraph| g.add_constant(&[1], TensorData::F32(vec![1.0].into()), None);
        let (k, l) = (one(&mut g), one(&mut g));
        assert_eq!(k, l);
        // Another type with the same bytes is another constant.
        let m = g.add_constant(&[1], TensorData::I32(vec![0x3f80_0000].into()), None);
        assert_ne!(k, m);
        let y = g.add_node(
            "Add",
            &scope,
            &[Some(x), Some(k)],
            vec![],
            DataType::Float,
            &[2],
        );
        let z = g.add_node(
            "Add",
            &scope,
            &[Some(y), Some(l)],
            vec![],
            DataType::Float,
            &[2],
        );
        g.add_output("z", z);
        assert_eq!(g.to_model(&[]).graph.unwrap().initializer.len(), 1);
    }
}
