//! From messages to a graph: names to values, constants, nodes in an order that runs, shapes.

use super::guard::{self, node_error};
use super::limits::ReadLimits;
use super::opset::{OpsetStep, opset, to_written};
use super::tensor::TensorReader;
use crate::constant_folding::fold_node;
use crate::error::OnnxError;
use crate::ir::{GraphNode, OnnxGraph, TensorData, ValueId};
use crate::memory::memory;
use crate::messages::{
    AttributeProto, DataType, Dimension, DimensionValue, GraphProto, ModelProto, NodeProto,
    ValueInfoProto, type_proto,
};
use crate::operator::may_grow;
use crate::shape_inference::{InferenceError, ValueType, elements, infer_types};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Opsets that are read.
const OPSETS: std::ops::RangeInclusive<i64> = 13..=25;
/// Elements of a float constant that is computed while reading: enough for shape arithmetic.
const FOLD_FLOATS: usize = 1 << 16;
/// The same for integers, which are indices and masks.
const FOLD_INTS: usize = 1 << 22;
/// Elements of all constants that are computed while reading together: a file of a few bytes per node
/// must not become gigabytes.
const FOLD_TOTAL: usize = 1 << 25;

impl OnnxGraph {
    /// The graph of `model`, its opset (13 to 25) brought to 17, and the metadata of its
    /// `metadata_props`.
    ///
    /// Every axis must be static. Nodes are put into an order in which they can run; those whose
    /// inputs are constants and small (the arithmetic on shapes of `torch.onnx`) become constants,
    /// except Q/DQ. Constants in other files are read from `folder` and the folders in it; without
    /// a folder they are refused.
    ///
    /// # Errors
    /// [`OnnxError::Limit`] where something is larger than `limits` allow, [`OnnxError::External`] for
    /// external data, [`OnnxError::Node`] with the node's name for what cannot be used there (unknown
    /// operators without a stated shape, shapes that do not go together or depend on data,
    /// control flow), [`OnnxError::Model`] for the rest.
    pub fn from_model(
        model: &ModelProto,
        folder: Option<&Path>,
        limits: &ReadLimits,
    ) -> Result<(Self, Vec<(String, String)>), OnnxError> {
        let refuse = |what: String| OnnxError::Model { what };
        guard::check(model, limits)?;
        let no_graph = GraphProto::default();
        let proto = model.graph.as_ref().unwrap_or(&no_graph);
        let opset = opset(model).unwrap_or(1);
        if !OPSETS.contains(&opset) {
            return Err(refuse(format!(
                "it is of opset {opset}; {} to {} are read: export it again with opset 17",
                OPSETS.start(),
                OPSETS.end()
            )));
        }
        if !model.functions.is_empty() {
            return Err(refuse(
                "it holds functions of its own: export it without (for torch.onnx: \
                 export_modules_as_functions=False, dynamo=False)"
                    .to_owned(),
            ));
        }
        if !proto.sparse_initializer.is_empty() {
            return Err(refuse(
                "it holds sparse constants: store them dense".to_owned(),
            ));
        }
        let mut builder = GraphBuilder {
            graph: OnnxGraph::default(),
            by_name: HashMap::new(),
            stated: HashMap::new(),
            opset,
            limits,
            fold_left: FOLD_TOTAL.min(limits.elements),
        };
        builder.constants_and_inputs(proto, folder)?;
        for info in &proto.value_info {
            if let (Some(name), Some(kind)) = (&info.name, stated_kind(info)) {
                builder.stated.insert(name, kind);
            }
        }
        for place in guard::order(proto)? {
            builder.node(&proto.node[place])?;
        }
        for output in &proto.output {
            let name = output.name.as_deref().unwrap_or("");
            let id = builder.by_name.get(name).copied();
            let id =
                id.ok_or_else(|| refuse(format!("nothing in it writes its output `{name}`")))?;
            builder.graph.add_output(name, id);
        }
        if proto.output.is_empty() {
            return Err(refuse("it has no output".to_owned()));
        }
        let mut graph = builder.graph;
        graph.remove_dead_nodes();
        let needed = memory(&graph).peak_bytes;
        if needed > limits.memory_bytes {
            return Err(OnnxError::Limit {
                what: format!(
                    "it needs {:.1} GB of memory to run, at most {:.1} GB are given: export it with \
                     a smaller input",
                    needed as f64 / 1e9,
                    limits.memory_bytes as f64 / 1e9
                ),
            });
        }
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        let metadata = model.metadata_props.iter();
        let metadata = metadata.map(|p| (text(&p.key), text(&p.value))).collect();
        Ok((graph, metadata))
    }
}

/// Type and static shape that the file states for a value.
fn stated_kind(info: &ValueInfoProto) -> Option<ValueType> {
    let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref()?.value.as_ref() else {
        return None;
    };
    Some((tensor.elem_type(), info.static_shape()?))
}

/// The part of the network that a node belongs to, as parameters are named: from
/// `backbone.stem/Conv_1` or `/backbone/stem/Conv`, `backbone.stem`.
fn scope_of(name: &str, op: &str) -> Arc<str> {
    let parts: Vec<&str> = name.split('/').filter(|p| !p.is_empty()).collect();
    let own = |last: &&str| {
        let rest = last.strip_prefix(op);
        rest.is_some_and(|r| r.is_empty() || r.starts_with('_'))
    };
    match parts.split_last() {
        Some((last, rest)) if own(last) => rest.join(".").into(),
        _ => parts.join(".").into(),
    }
}

struct GraphBuilder<'a> {
    graph: OnnxGraph,
    by_name: HashMap<&'a str, ValueId>,
    /// What the file says of values in between, for operators that are not known here.
    stated: HashMap<&'a str, ValueType>,
    opset: i64,
    limits: &'a ReadLimits,
    /// Elements that may still be computed while reading.
    fold_left: usize,
}

impl<'a> GraphBuilder<'a> {
    fn constants_and_inputs(
        &mut self,
        proto: &'a GraphProto,
        folder: Option<&Path>,
    ) -> Result<(), OnnxError> {
        let refuse = |what: String| OnnxError::Model { what };
        let mut reader = TensorReader::new(self.limits, folder);
        for tensor in &proto.initializer {
            let name = tensor.name.as_deref().unwrap_or("");
            let (shape, data) = reader.read(name, tensor)?;
            let id = self.graph.add_named_constant(name, &shape, data);
            if name.is_empty() || self.by_name.insert(name, id).is_some() {
                return Err(refuse(format!(
                    "two of its constants are called `{name}`, or one has no name"
                )));
            }
        }
        for input in &proto.input {
            let name = input.name.as_deref().unwrap_or("");
            // Old files list constants among the inputs.
            if self.by_name.contains_key(name) {
                continue;
            }
            let Some((dtype, shape)) = stated_kind(input) else {
                return Err(refuse(format!(
                    "its input `{name}` is {}, not a tensor of static shape: export it with fixed \
                     sizes and batch 1 (for torch.onnx: without dynamic_axes)",
                    described(input)
                )));
            };
            self.check_size(&[(dtype, shape.clone())])
                .map_err(|what| OnnxError::Limit {
                    what: format!("the input `{name}`: {what}"),
                })?;
            let id = self.graph.add_typed_input(name, dtype, &shape);
            self.by_name.insert(name, id);
        }
        Ok(())
    }

    fn check_size(&self, kinds: &[ValueType]) -> Result<(), String> {
        for (_, shape) in kinds {
            if shape.len() > self.limits.rank {
                return Err(format!(
                    "{shape:?} has {} axes, at most {} are read",
                    shape.len(),
                    self.limits.rank
                ));
            }
            if elements(shape).is_none_or(|n| n > self.limits.elements) {
                return Err(format!(
                    "{shape:?} has more than the {} elements that are read",
                    self.limits.elements
                ));
            }
        }
        Ok(())
    }

    fn node(&mut self, proto: &'a NodeProto) -> Result<(), OnnxError> {
        let op = proto.op_type.as_deref().unwrap_or("");
        if !matches!(proto.domain.as_deref(), None | Some("" | "ai.onnx")) {
            return Err(node_error(
                proto,
                format!(
                    "is an operator of `{}`; only those of ai.onnx are read",
                    proto.domain.as_deref().unwrap_or("")
                ),
            ));
        }
        if proto
            .attribute
            .iter()
            .any(|a| a.g.is_some() || !a.graphs.is_empty())
        {
            return Err(node_error(
                proto,
                "is control flow, which is not read: export a graph of static shapes",
            ));
        }
        if proto.output.is_empty() {
            return Err(node_error(proto, "writes nothing"));
        }
        let mut inputs = Vec::with_capacity(proto.input.len());
        for name in &proto.input {
            inputs.push(match name.as_str() {
                "" => None,
                name => Some(*self.by_name.get(name).ok_or_else(|| {
                    node_error(proto, format!("reads `{name}`, which nothing writes"))
                })?),
            });
        }
        while inputs.last() == Some(&None) {
            inputs.pop();
        }
        if op == "Constant" {
            return self.constant(proto);
        }
        let name = proto.name.as_deref().filter(|n| !n.is_empty());
        let node = GraphNode {
            op: op.into(),
            scope: scope_of(name.unwrap_or(""), op),
            name: name.map(Arc::from),
            inputs,
            outputs: Vec::new(),
            attributes: proto.attribute.clone(),
        };
        let steps = to_written(&mut self.graph, self.opset, node, proto.output.len())
            .map_err(|what| node_error(proto, what))?;
        let mut before = None;
        let last = steps.len().saturating_sub(1);
        for (
            i,
            OpsetStep {
                mut node,
                reads_before,
            },
        ) in steps.into_iter().enumerate()
        {
            for place in reads_before {
                node.inputs[place] = before;
            }
            let names: &[String] = if i == last { &proto.output } else { &[] };
            before = Some(self.add(proto, node, names)?);
        }
        Ok(())
    }

    /// Adds `node`, or the constant that it comes to; its first value.
    fn add(
        &mut self,
        proto: &NodeProto,
        mut node: GraphNode,
        names: &'a [String],
    ) -> Result<ValueId, OnnxError> {
        // Operators that have as many outputs as are asked for count them.
        node.outputs = vec![ValueId::default(); names.len().max(1)];
        let wanted = node.outputs.len();
        let mut kinds = match infer_types(&self.graph, &node) {
            Ok(kinds) => kinds,
            Err(unknown) => {
                let stated = names.iter().map(|n| self.stated.get(n.as_str()).cloned());
                // What is stated of an operator that grows bounds nothing when it runs.
                let stated = stated.collect::<Option<Vec<ValueType>>>();
                match (stated.filter(|_| !may_grow(&node.op)), unknown) {
                    (Some(kinds), _) if !kinds.is_empty() => kinds,
                    (_, InferenceError::Operator) => {
                        return Err(node_error(
                            proto,
                            "is an operator whose output is not known here, and the file does not \
                             state a shape that bounds it",
                        ));
                    }
                    (_, InferenceError::Wrong(what)) => return Err(node_error(proto, what)),
                }
            }
        };
        if kinds.len() > wanted && node.op == "Split" {
            return Err(node_error(
                proto,
                format!("has {wanted} outputs for {} parts", kinds.len()),
            ));
        }
        kinds.truncate(wanted);
        self.check_size(&kinds)
            .map_err(|what| node_error(proto, what))?;
        let rest = kinds.iter().try_fold(self.fold_left, |left, (_, shape)| {
            left.checked_sub(elements(shape)?)
        });
        if let Some(rest) = rest
            && self.folds(&node, &kinds)
            && let Some(data) = fold_node(&self.graph, &node, &kinds)
        {
            self.fold_left = rest;
            let mut first = None;
            for (i, ((_, shape), data)) in kinds.iter().zip(data).enumerate() {
                let id = self.graph.add_constant(shape, data, None);
                first.get_or_insert(id);
                if let Some(name) = names.get(i) {
                    self.by_name.insert(name, id);
                }
            }
            return first.ok_or_else(|| node_error(proto, "writes nothing"));
        }
        let mut outputs = Vec::with_capacity(wanted);
        for i in 0..wanted {
            let name = names.get(i).filter(|n| !n.is_empty());
            // One that is not wanted is kept as a gap.
            let (dtype, shape) = match (kinds.get(i), names.is_empty() || name.is_some()) {
                (Some(kind), true) => kind.clone(),
                _ => (DataType::Undefined, vec![]),
            };
            outputs.push((dtype, shape, name.map(|n| Arc::from(n.as_str()))));
        }
        let ids = self.graph.push_node(node, &outputs);
        for (name, &id) in names.iter().zip(&ids) {
            if name.is_empty() {
                continue;
            }
            // Statistics of norms and masks of dropouts: nothing here needs them.
            if self.graph.value(id).dtype != DataType::Undefined {
                self.by_name.insert(name, id);
            }
        }
        Ok(ids[0])
    }

    /// Whether a node is small enough to be computed while reading.
    fn folds(&self, node: &GraphNode, kinds: &[ValueType]) -> bool {
        if matches!(node.op.as_str(), "QuantizeLinear" | "DequantizeLinear") {
            return false;
        }
        let shape_only = matches!(node.op.as_str(), "Shape" | "Size");
        let inputs = node.inputs.iter().flatten().map(|&id| {
            let value = self.graph.value(id);
            (value.dtype, &value.shape)
        });
        let outputs = kinds.iter().map(|(dtype, shape)| (*dtype, shape));
        let small = |(dtype, shape): (DataType, &Vec<usize>)| {
            let limit = match dtype {
                DataType::Float | DataType::Float16 | DataType::Double => FOLD_FLOATS,
                _ => FOLD_INTS,
            };
            elements(shape).is_some_and(|n| n <= limit)
        };
        outputs.into_iter().all(small) && (shape_only || inputs.into_iter().all(small))
    }

    fn constant(&mut self, proto: &'a NodeProto) -> Result<(), OnnxError> {
        let name = proto.output[0].as_str();
        let attribute = |name: &str| {
            let mut all = proto.attribute.iter();
            all.find(|a| a.name.as_deref() == Some(name))
        };
        let (shape, data) = if let Some(tensor) = attribute("value").and_then(|a| a.t.as_ref()) {
            let mut reader = TensorReader::new(self.limits, None);
            reader
                .read(name, tensor)
                .map_err(|e| node_error(proto, e.to_string()))?
        } else if let Some(f) = attribute("value_float").and_then(|a| a.f) {
            (vec![], TensorData::F32([f].into()))
        } else if let Some(i) = attribute("value_int").and_then(|a| a.i) {
            (vec![], TensorData::I64([i].into()))
        } else if let Some(AttributeProto { floats, .. }) = attribute("value_floats") {
            (vec![floats.len()], TensorData::F32(floats[..].into()))
        } else if let Some(AttributeProto { ints, .. }) = attribute("value_ints") {
            (vec![ints.len()], TensorData::I64(ints[..].into()))
        } else {
            return Err(node_error(proto, "holds no dense numbers"));
        };
        let id = self.graph.add_constant(&shape, data, None);
        self.by_name.insert(name, id);
        Ok(())
    }
}

/// The shape of an input as text, names of dynamic axes included.
pub(crate) fn described(info: &ValueInfoProto) -> String {
    let tensor = info.r#type.as_ref().and_then(|t| t.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = tensor else {
        return "no tensor".to_owned();
    };
    let axis = |d: &Dimension| match &d.value {
        Some(DimensionValue::DimValue(n)) => n.to_string(),
        Some(DimensionValue::DimParam(name)) => name.clone(),
        None => "?".to_owned(),
    };
    match &tensor.shape {
        Some(shape) => {
            let axes: Vec<String> = shape.dim.iter().map(axis).collect();
            format!("[{}]", axes.join(", "))
        }
        None => "of no stated shape".to_owned(),
    }
}
