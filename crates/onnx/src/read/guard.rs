//! Checks for every model, whatever its operators: number of nodes, sizes of tensors, a running
//! order without cycles.

use super::limits::ReadLimits;
use crate::error::OnnxError;
use crate::messages::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::shape_inference::elements;
use std::collections::HashMap;

/// What to call the node in messages.
fn node_name(node: &NodeProto) -> String {
    match (node.name.as_deref(), node.output.first()) {
        (Some(name), _) if !name.is_empty() => name.to_owned(),
        (_, Some(output)) => format!("(writes {output})"),
        _ => "(without a name)".to_owned(),
    }
}

/// The error that says what is wrong with `node`.
pub(super) fn node_error(node: &NodeProto, what: impl Into<String>) -> OnnxError {
    OnnxError::Node {
        node: node_name(node),
        op: node.op_type.clone().unwrap_or_default(),
        what: what.into(),
    }
}

/// Checks `model` against `limits`.
///
/// # Errors
/// [`OnnxError::NotOnnx`] without a graph; [`OnnxError::Limit`] for more nodes than are read, or a tensor
/// with more elements or axes; [`OnnxError::Node`] for nodes that wait for each other, or write the
/// same value.
pub(super) fn check(model: &ModelProto, limits: &ReadLimits) -> Result<(), OnnxError> {
    let graph = model.graph.as_ref().ok_or_else(|| OnnxError::NotOnnx {
        what: "it holds no graph".to_owned(),
    })?;
    unique_keys(model)?;
    let mut nodes = 0;
    each_graph(graph, &mut |graph| {
        nodes += graph.node.len();
        if nodes > limits.nodes {
            return Err(OnnxError::Limit {
                what: format!(
                    "the graph has {nodes} nodes, at most {} are read",
                    limits.nodes
                ),
            });
        }
        for tensor in tensors(graph) {
            check_tensor(tensor, limits)?;
        }
        let infos = graph.input.iter().chain(&graph.value_info);
        for info in infos.chain(&graph.output) {
            check_info(info, limits)?;
        }
        order(graph).map(|_| ())
    })
}

/// Refuses a key of the metadata with two values: which of them counts would be a guess, and each
/// reader's own.
fn unique_keys(model: &ModelProto) -> Result<(), OnnxError> {
    let mut values: HashMap<&str, &str> = HashMap::new();
    for pair in &model.metadata_props {
        let (key, value) = (pair.key(), pair.value());
        match values.insert(key, value) {
            Some(first) if first != value => {
                return Err(OnnxError::Model {
                    what: format!(
                        "its metadata has the key `{key}` twice, with different values: take one \
                         of them out"
                    ),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses weights that lie outside of the file.
///
/// # Errors
/// [`OnnxError::External`] with the constant.
pub(super) fn weights_inside(graph: &GraphProto) -> Result<(), OnnxError> {
    each_graph(graph, &mut |graph| {
        let outside =
            |t: &&TensorProto| !t.external_data.is_empty() || t.data_location.unwrap_or(0) != 0;
        match tensors(graph).find(outside) {
            None => Ok(()),
            Some(tensor) => Err(OnnxError::External {
                tensor: tensor.name.clone().unwrap_or_default(),
                location: tensor
                    .external_data
                    .iter()
                    .find(|e| e.key.as_deref() == Some("location"))
                    .and_then(|e| e.value.clone())
                    .unwrap_or_default(),
                what: "weights in another file are not read here; put them inside \
                       (save_as_external_data = False)"
                    .to_owned(),
            }),
        }
    })
}

/// Calls `f` on `graph` and the graphs inside it. How deep they lie was checked on the bytes.
fn each_graph<'a>(
    graph: &'a GraphProto,
    f: &mut impl FnMut(&'a GraphProto) -> Result<(), OnnxError>,
) -> Result<(), OnnxError> {
    let mut open = vec![graph];
    while let Some(graph) = open.pop() {
        f(graph)?;
        let attributes = graph.node.iter().flat_map(|n| &n.attribute);
        open.extend(attributes.flat_map(|a| a.g.iter().chain(&a.graphs)));
    }
    Ok(())
}

/// The constants of `graph`: its own, and those in attributes of its nodes.
fn tensors(graph: &GraphProto) -> impl Iterator<Item = &TensorProto> {
    let attributes = graph.node.iter().flat_map(|n| &n.attribute);
    let inside = attributes.flat_map(|a| a.t.iter().chain(&a.tensors));
    graph.initializer.iter().chain(inside)
}

fn check_tensor(tensor: &TensorProto, limits: &ReadLimits) -> Result<(), OnnxError> {
    let wrong = |what: String| OnnxError::Limit {
        what: format!(
            "the constant `{}` {what}",
            tensor.name.as_deref().unwrap_or("")
        ),
    };
    let dims = &tensor.dims;
    let sides: Option<Vec<usize>> = dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    // An axis of 0 hides how long the others are.
    let absurd = dims
        .iter()
        .any(|&d| usize::try_from(d).is_ok_and(|d| d > limits.elements));
    match sides.as_deref().map(elements) {
        Some(Some(count)) if count <= limits.elements && dims.len() <= limits.rank && !absurd => {
            Ok(())
        }
        _ => Err(wrong(format!(
            "has the shape {dims:?}: at most {} elements on {} axes are read",
            limits.elements, limits.rank
        ))),
    }
}

fn check_info(info: &ValueInfoProto, limits: &ReadLimits) -> Result<(), OnnxError> {
    let Some(shape) = info.static_shape() else {
        return Ok(());
    };
    if shape.len() <= limits.rank && elements(&shape).is_some_and(|n| n <= limits.elements) {
        return Ok(());
    }
    Err(OnnxError::Limit {
        what: format!(
            "`{}` has the shape {shape:?}: at most {} elements on {} axes are read",
            info.name.as_deref().unwrap_or(""),
            limits.elements,
            limits.rank
        ),
    })
}

/// The places of the nodes, each after those it reads from.
///
/// # Errors
/// [`OnnxError::Node`] where nodes wait for each other, or two write the same value.
pub(super) fn order(graph: &GraphProto) -> Result<Vec<usize>, OnnxError> {
    let mut writers: HashMap<&str, usize> = HashMap::new();
    for (i, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|n| !n.is_empty()) {
            if writers.insert(name, i).is_some() {
                return Err(node_error(
                    node,
                    format!("writes `{name}`, which another node writes"),
                ));
            }
        }
    }
    #[derive(Clone, Copy, PartialEq)]
    enum OrderState {
        New,
        Open,
        Placed,
    }
    let mut state = vec![OrderState::New; graph.node.len()];
    let mut order = Vec::with_capacity(graph.node.len());
    let mut stack: Vec<(usize, usize)> = Vec::new();
    let node = |i: usize| -> &NodeProto { &graph.node[i] };
    for start in 0..graph.node.len() {
        stack.push((start, 0));
        while let Some((i, next)) = stack.pop() {
            if next == 0 {
                match state[i] {
                    OrderState::Placed => continue,
                    OrderState::Open => {
                        return Err(node_error(
                            node(i),
                            "waits for its own output: the graph has a cycle",
                        ));
                    }
                    OrderState::New => state[i] = OrderState::Open,
                }
            }
            match node(i).input.get(next) {
                Some(name) => {
                    stack.push((i, next + 1));
                    match writers.get(name.as_str()) {
                        Some(&from) if state[from] != OrderState::Placed => stack.push((from, 0)),
                        _ => {}
                    }
                }
                None => {
                    state[i] = OrderState::Placed;
                    order.push(i);
                }
            }
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::super::{ReadLimits, whole};
    use crate::messages::{
        AttributeProto, DataType, GraphProto, ModelProto, NodeProto, StringStringEntryProto,
        TensorProto, ValueInfoProto,
    };

    fn model(edit: impl Fn(&mut GraphProto)) -> Vec<u8> {
        let node = |input: &str, output: &str| NodeProto {
            op_type: Some("Guess".into()),
            name: Some(format!("makes {output}")),
            input: vec![input.to_owned()],
            output: vec![output.to_owned()],
            ..NodeProto::default()
        };
        let mut graph = GraphProto {
            node: vec![node("x", "a"), node("a", "y")],
            input: vec![ValueInfoProto::tensor("x", DataType::Float, &[1, 2])],
            output: vec![ValueInfoProto::tensor("y", DataType::Float, &[1, 2])],
            ..GraphProto::default()
        };
        edit(&mut graph);
        ModelProto {
            ir_version: Some(8),
            graph: Some(graph),
            ..ModelProto::default()
        }
        .to_bytes()
    }

    #[track_caller]
    fn refused(edit: impl Fn(&mut GraphProto), part: &str) {
        let limits = ReadLimits {
            nodes: 3,
            elements: 1000,
            ..ReadLimits::default()
        };
        let error = whole(&model(edit), &limits).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    fn constant(dims: &[i64]) -> TensorProto {
        TensorProto {
            name: Some("w".into()),
            data_type: Some(DataType::Float as i32),
            dims: dims.to_vec(),
            ..TensorProto::default()
        }
    }

    #[test]
    fn a_model_of_unknown_operators_passes() {
        let read = whole(&model(|_| {}), &ReadLimits::default()).unwrap();
        assert_eq!(read.graph.unwrap().node.len(), 2);
    }

    #[test]
    fn what_no_reader_takes_is_refused_with_its_name() {
        refused(|g| g.node[0].input[0] = "y".into(), "has a cycle");
        refused(|g| g.node[0].input[0] = "a".into(), "has a cycle");
        refused(|g| g.node[1].output[0] = "a".into(), "another node writes");
        refused(
            |g| g.node.extend(vec![NodeProto::default(); 2]),
            "4 nodes, at most 3",
        );
        for dims in [
            &[1001][..],
            &[-1],
            &[1 << 40, 1 << 40],
            &[0, 1 << 40],
            &[1; 9],
        ] {
            refused(|g| g.initializer.push(constant(dims)), "the constant `w`");
        }
        refused(
            |g| g.input[0] = ValueInfoProto::tensor("x", DataType::Float, &[1 << 40, 1 << 40]),
            "`x` has the shape",
        );
        // In an attribute, and in a graph inside the graph.
        let with = |tensor: Option<TensorProto>, g: Option<GraphProto>| AttributeProto {
            name: Some("part".into()),
            t: tensor,
            g,
            ..AttributeProto::default()
        };
        refused(
            |g| {
                g.node[0]
                    .attribute
                    .push(with(Some(constant(&[1001])), None));
            },
            "the constant `w`",
        );
        refused(
            |g| {
                let inner = GraphProto {
                    node: vec![NodeProto::default(); 2],
                    ..GraphProto::default()
                };
                g.node[0].attribute.push(with(None, Some(inner)));
            },
            "4 nodes, at most 3",
        );
    }

    #[test]
    fn a_key_with_two_values_is_refused() {
        let with = |pairs: &[(&str, &str)]| {
            let mut model = ModelProto::from_bytes(&model(|_| {})).unwrap();
            let pairs = pairs.iter();
            model.metadata_props = pairs
                .map(|&(key, value)| StringStringEntryProto::new(key, value))
                .collect();
            whole(&model.to_bytes(), &ReadLimits::default())
        };
        let error = with(&[("unmask.road", "[0]"), ("a", ""), ("unmask.road", "[1]")]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("`unmask.road` twice"), "{error}");
        with(&[("a", "1"), ("a", "1"), ("b", "2")]).unwrap();
    }

    #[test]
    fn no_graph_or_no_version_is_no_model() {
        for bytes in [&[][..], &[0x08, 8], &[0x3a, 0]] {
            let error = whole(bytes, &ReadLimits::default())
                .unwrap_err()
                .to_string();
            assert!(error.contains("not an ONNX model"), "{error}");
        }
    }
}
