//! Joins preprocess subgraph, model and postprocess subgraph into one graph.

use super::postprocess::{CLASS_LOGITS, LOGITS, MASK_LOGITS};
use super::{PREPROCESS_SCOPE, PrepareError, option, preprocess};
use std::collections::{HashMap, HashSet};
use unmask_model::{LogitNames, ModelNames, QUERY_EMBEDDING};
use unmask_onnx::messages::{
    AttributeProto, DataType, GraphProto, ModelProto, NodeProto, ValueInfoProto,
};
use unmask_onnx::unique::UniqueNames;

/// What is put around a model.
pub(super) struct GraphParts {
    pub preprocess: ModelProto,
    pub postprocess: ModelProto,
    /// Name, type and shape of the new input.
    pub frame: (&'static str, DataType, Vec<usize>),
}

/// The joined model: opset, producer and metadata are the model's own.
pub(super) fn splice(
    mut model: ModelProto,
    names: &ModelNames,
    parts: &GraphParts,
) -> Result<ModelProto, PrepareError> {
    let mut graph = model.graph.take().unwrap_or_default();
    let (frame, frame_type, frame_shape) = &parts.frame;
    let mut front = parts.preprocess.graph.clone().unwrap_or_default();
    let mut head = parts.postprocess.graph.clone().unwrap_or_default();
    put_below(&mut front, PREPROCESS_SCOPE);
    put_below(&mut head, "head/");

    // The model's own names give way to the new ones.
    let mut new: HashSet<String> = values_of(&front).into_iter().collect();
    new.extend(values_of(&head));
    new.insert((*frame).to_owned());
    new.insert(QUERY_EMBEDDING.to_owned());
    let own = values_of(&graph);
    let renamed: HashMap<String, String> = own
        .iter()
        .filter(|name| new.contains(*name))
        .map(|name| (name.clone(), free(&format!("model/{name}"), &own, &new)))
        .collect();
    rename(&mut graph, &renamed);
    let now = |name: &str| {
        renamed
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    };

    // Front: bytes → float32 → the model's input.
    let input = now(&names.input);
    let links = HashMap::from([(preprocess::IMAGE.to_owned(), input.clone())]);
    rename(&mut front, &links);
    front.node.insert(
        0,
        NodeProto {
            name: Some("front/Cast".into()),
            op_type: Some("Cast".into()),
            input: vec![(*frame).to_owned()],
            output: vec![preprocess::BYTES.into()],
            attribute: vec![AttributeProto::int("to", DataType::Float as i64)],
            ..NodeProto::default()
        },
    );
    front.value_info.append(&mut front.input);
    front.value_info.append(&mut front.output);
    graph.input.retain(|i| i.name.as_deref() != Some(&input));
    graph
        .input
        .insert(0, ValueInfoProto::tensor(frame, *frame_type, frame_shape));

    // Head: the model's logits → maps. They are outputs no more.
    let links = match &names.logits {
        LogitNames::Mask { class, mask } => {
            vec![(CLASS_LOGITS, now(class)), (MASK_LOGITS, now(mask))]
        }
        LogitNames::Pixel(logits) => vec![(LOGITS, now(logits))],
        LogitNames::Prepared => return Err(option("the graph is prepared already".into())),
    };
    let links: HashMap<String, String> = links
        .into_iter()
        .map(|(part, own)| (part.to_owned(), own))
        .collect();
    rename(&mut head, &links);
    let embedding = match (&names.query_embedding, &names.logits) {
        (Some(named), _) => {
            let value = now(named);
            let shape = shape_of(&graph, &value).ok_or_else(|| {
                option(format!(
                    "the file gives no fixed shape for the output `{named}` (query_embedding): \
                     export it with one"
                ))
            })?;
            Some((value, shape))
        }
        (None, LogitNames::Mask { class, .. }) => embedding(&graph, &now(class)),
        _ => None,
    };
    if let Some((value, shape)) = embedding {
        head.node.push(NodeProto {
            name: Some("head/Identity".into()),
            op_type: Some("Identity".into()),
            input: vec![value],
            output: vec![QUERY_EMBEDDING.into()],
            ..NodeProto::default()
        });
        let info = ValueInfoProto::tensor(QUERY_EMBEDDING, DataType::Float, &shape);
        head.output.push(info);
    }
    // The shapes that the head was built for were measured; the file's own need not be there.
    graph.value_info.append(&mut head.input);
    graph.output = std::mem::take(&mut head.output);

    let nodes = std::mem::take(&mut graph.node);
    graph.node = [front.node, nodes, head.node].concat();
    unique_node_names(&mut graph.node);
    graph.initializer.extend(front.initializer);
    graph.initializer.extend(head.initializer);
    graph.value_info.extend(front.value_info);
    graph.value_info.extend(head.value_info);
    // The last word on a value's shape is the measured one.
    let outputs: HashSet<_> = graph.output.iter().map(|o| o.name.clone()).collect();
    let mut seen = HashSet::new();
    graph.value_info.reverse();
    graph
        .value_info
        .retain(|v| !outputs.contains(&v.name) && seen.insert(v.name.clone()));
    graph.value_info.reverse();
    model.graph = Some(graph);
    Ok(model)
}

/// What the last linear layer (MatMul with a constant, Add) before the class logits reads, with
/// its shape: a vector per query.
fn embedding(graph: &GraphProto, class: &str) -> Option<(String, Vec<usize>)> {
    let queries = match shape_of(graph, class)?[..] {
        [1, queries, _] => queries,
        _ => return None,
    };
    let producer = |name: &str| {
        graph
            .node
            .iter()
            .find(|n| n.output.first().is_some_and(|o| o == name))
    };
    let constant = |name: &str| {
        graph
            .initializer
            .iter()
            .find(|t| t.name.as_deref() == Some(name))
    };
    let mut node = producer(class)?;
    if node.op_type.as_deref() == Some("Add") {
        let sum = node.input.iter().find(|i| constant(i).is_none())?;
        node = producer(sum)?;
    }
    let [vector, weight] = &node.input[..] else {
        return None;
    };
    let weight = constant(weight).filter(|_| node.op_type.as_deref() == Some("MatMul"))?;
    let &[length, _] = &weight.dims[..] else {
        return None;
    };
    Some((
        vector.clone(),
        vec![1, queries, usize::try_from(length).ok()?],
    ))
}

fn shape_of(graph: &GraphProto, name: &str) -> Option<Vec<usize>> {
    graph
        .output
        .iter()
        .chain(&graph.value_info)
        .find(|v| v.name.as_deref() == Some(name))?
        .static_shape()
}

/// Every value that the graph, or a graph inside it, names.
fn values_of(graph: &GraphProto) -> Vec<String> {
    let infos = graph
        .input
        .iter()
        .chain(&graph.output)
        .chain(&graph.value_info);
    let mut names: Vec<String> = infos.filter_map(|v| v.name.clone()).collect();
    names.extend(graph.initializer.iter().filter_map(|t| t.name.clone()));
    for node in &graph.node {
        names.extend(node.input.iter().chain(&node.output).cloned());
        for attribute in &node.attribute {
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                names.extend(values_of(inner));
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
}

/// Puts the scope before every name inside a part; inputs and outputs keep theirs.
fn put_below(part: &mut GraphProto, scope: &str) {
    let ends = part.input.iter().chain(&part.output);
    let ends: HashSet<String> = ends.filter_map(|v| v.name.clone()).collect();
    let inner = values_of(part).into_iter();
    let inner = inner.filter(|name| !ends.contains(name) && !name.starts_with(scope));
    let names = inner.map(|name| (name.clone(), format!("{scope}{name}")));
    let names = names.collect();
    rename(part, &names);
}

/// `wanted`, or the first `wanted_N`, that neither list holds.
fn free(wanted: &str, own: &[String], new: &HashSet<String>) -> String {
    let taken = |name: &str| {
        new.contains(name) || own.binary_search_by(|own| own.as_str().cmp(name)).is_ok()
    };
    let mut name = wanted.to_owned();
    let mut number = 1;
    while taken(&name) {
        name = format!("{wanted}_{number}");
        number += 1;
    }
    name
}

/// Renames values, in the graphs inside the graph, too.
fn rename(graph: &mut GraphProto, names: &HashMap<String, String>) {
    if names.is_empty() {
        return;
    }
    let change = |name: &mut String| {
        if let Some(new) = names.get(name) {
            name.clone_from(new);
        }
    };
    let infos = graph
        .input
        .iter_mut()
        .chain(&mut graph.output)
        .chain(&mut graph.value_info);
    infos.filter_map(|v| v.name.as_mut()).for_each(change);
    let constants = graph.initializer.iter_mut();
    constants.filter_map(|t| t.name.as_mut()).for_each(change);
    let sparse = graph.sparse_initializer.iter_mut();
    sparse
        .filter_map(|t| t.values.as_mut()?.name.as_mut())
        .for_each(change);
    for notes in &mut graph.quantization_annotation {
        notes.tensor_name.iter_mut().for_each(change);
    }
    for node in &mut graph.node {
        node.input.iter_mut().for_each(change);
        node.output.iter_mut().for_each(change);
        for attribute in &mut node.attribute {
            for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                rename(inner, names);
            }
        }
    }
}

/// Numbers nodes of the same name; those without one stay so.
fn unique_node_names(nodes: &mut [NodeProto]) {
    let mut names: UniqueNames = nodes.iter().filter_map(|n| n.name.clone()).collect();
    let mut seen = HashSet::new();
    for node in nodes {
        let Some(name) = node.name.as_mut().filter(|name| !name.is_empty()) else {
            continue;
        };
        if !seen.insert(name.clone()) {
            *name = names.unique(name);
        }
    }
}
