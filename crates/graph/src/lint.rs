//! Lint for TensorRT 10.3, 10.16 and 11.4: finds what they refuse or silently compute wrongly,
//! before an engine is built on a device.
//!
//! Sources: the issues named in each finding, the parser's own lists (`operators`), and what
//! NVIDIA's TensorRT-RTX, which shares the parser of TensorRT 11, did with small graphs (`seen`).
//! Nothing here runs TensorRT.

mod measured;
mod operators;
#[cfg(test)]
mod tests;

use operators::{LATER, OPSETS, RESIZE_PLACES, TOP_K_LIMIT, parser_support};
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path};
use unmask_onnx::messages::{
    AttributeProto, DataType, DimensionValue, GraphProto, ModelProto, NodeProto, TensorProto,
    ValueInfoProto, type_proto,
};
use unmask_onnx::operator::ParserSupport;
use unmask_onnx::read::{opset, small_tensor};

/// What happens to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LintSeverity {
    /// No engine is built.
    Refused,
    /// An engine is built and its values may be wrong.
    Wrong,
    /// It may run badly: slowly, or with values lost in FP16.
    Risky,
}

impl std::fmt::Display for LintSeverity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Wrong => "wrong",
            Self::Risky => "risky",
        })
    }
}

/// Something that TensorRT does not take, or not well.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LintFinding {
    /// What happens.
    pub severity: LintSeverity,
    /// Where: a node's name, or an input's or constant's.
    pub place: String,
    /// The operator; empty where it is not a node.
    pub op: String,
    /// Versions of TensorRT.
    pub versions: String,
    /// What is wrong, and what to do.
    pub what: String,
}

const ALL: &str = "10.3, 10.16, 11.4, RTX 1.7";
const NEWER: &str = "10.16, 11.4";
/// Seen with TensorRT-RTX, whose parser is that of TensorRT 11.
const MEASURED: &str = "RTX 1.7";

/// All findings of `model`: the refusals first, then in the order of the file.
pub fn lint(model: &ModelProto) -> Vec<LintFinding> {
    let mut lint = LintReport {
        found: Vec::new(),
        opset: opset(model).unwrap_or(1),
        constants: HashMap::new(),
        shapes: HashMap::new(),
        types: HashMap::new(),
        outputs: HashSet::new(),
        functions: HashSet::new(),
    };
    for function in &model.functions {
        let domain = function.domain.as_deref().unwrap_or("");
        lint.functions
            .insert((domain, function.name.as_deref().unwrap_or("")));
    }
    lint.opset();
    if let Some(graph) = &model.graph {
        lint.graph(graph);
    }
    lint.found.sort_by_key(|f| f.severity);
    lint.found
}

struct LintReport<'a> {
    found: Vec<LintFinding>,
    opset: i64,
    constants: HashMap<&'a str, &'a TensorProto>,
    /// Sizes, where the file states them; none for one that is not known.
    shapes: HashMap<&'a str, Vec<Option<i64>>>,
    /// Types, where the file states them or an operator does.
    types: HashMap<&'a str, DataType>,
    /// Outputs of the graph.
    outputs: HashSet<&'a str>,
    /// Domain and name of what the model defines itself.
    functions: HashSet<(&'a str, &'a str)>,
}

impl<'a> LintReport<'a> {
    fn add(
        &mut self,
        fate: LintSeverity,
        place: &str,
        op: &str,
        versions: &str,
        what: impl Into<String>,
    ) {
        self.found.push(LintFinding {
            severity: fate,
            place: place.to_owned(),
            op: op.to_owned(),
            versions: versions.to_owned(),
            what: what.into(),
        });
    }

    fn opset(&mut self) {
        let opset = self.opset;
        for (newest, versions) in OPSETS {
            if opset > newest {
                let what = format!(
                    "it is of opset {opset}, the parser knows 9 to {newest}: export it with opset 17"
                );
                self.add(LintSeverity::Refused, "the model", "", versions, what);
            }
        }
    }

    fn graph(&mut self, graph: &'a GraphProto) {
        for tensor in &graph.initializer {
            self.constant(tensor);
        }
        for info in &graph.input {
            self.input(info);
        }
        let infos = graph
            .value_info
            .iter()
            .chain(&graph.input)
            .chain(&graph.output);
        for info in infos {
            let Some(name) = &info.name else { continue };
            self.types.insert(name, info.dtype());
            if let Some(sizes) = sizes(info) {
                self.axes(name, sizes.len());
                self.shapes.insert(name, sizes);
            }
        }
        let outputs = graph.output.iter().filter_map(|info| info.name.as_deref());
        self.outputs.extend(outputs);
        for info in graph.value_info.iter().chain(&graph.output) {
            let name = info.name.as_deref().unwrap_or("");
            self.dtype(name, "", info.dtype());
        }
        for info in &graph.value_info {
            let given = graph.input.iter().chain(&graph.output);
            let inside = given.into_iter().all(|i| i.name != info.name);
            if info.dtype() == DataType::Uint8 && inside {
                let what = "it is uint8, which TensorRT takes at inputs and outputs only: cast it \
                            there";
                let name = info.name.as_deref().unwrap_or("");
                self.add(LintSeverity::Refused, name, "", ALL, what);
            }
        }
        for node in &graph.node {
            self.node(node);
        }
    }

    fn constant(&mut self, tensor: &'a TensorProto) {
        let name = tensor.name.as_deref().unwrap_or("");
        self.constants.insert(name, tensor);
        self.types.insert(name, tensor.data_type());
        self.dtype(name, "", tensor.data_type());
        let location = tensor
            .external_data
            .iter()
            .find(|e| e.key.as_deref() == Some("location"))
            .and_then(|e| e.value.as_deref());
        let inward = |path: &str| {
            let mut parts = Path::new(path).components();
            parts.all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
        };
        match location {
            Some(path) if tensor.data_location == Some(1) && !inward(path) => self.add(
                LintSeverity::Refused,
                name,
                "",
                ALL,
                format!(
                    "its data is said to lie in `{path}`, outside the model's folder: save the \
                     model as one file"
                ),
            ),
            _ => {}
        }
    }

    fn input(&mut self, info: &'a ValueInfoProto) {
        let name = info.name.as_deref().unwrap_or("");
        if self.constants.contains_key(name) {
            return;
        }
        self.dtype(name, "", info.dtype());
        let Some(type_proto::Value::TensorType(tensor)) =
            info.r#type.as_ref().and_then(|t| t.value.as_ref())
        else {
            let what = "it is not a tensor: give tensors";
            self.add(LintSeverity::Refused, name, "", ALL, what);
            return;
        };
        let axes = tensor.shape.iter().flat_map(|s| &s.dim);
        let sides: Vec<Option<i64>> = axes
            .map(|d| match d.value {
                Some(DimensionValue::DimValue(n)) => Some(n),
                _ => None,
            })
            .collect();
        if sides.contains(&None) || tensor.shape.is_none() {
            self.add(
                LintSeverity::Refused,
                name,
                "",
                ALL,
                "it has dynamic axes, for which an engine needs profiles: export it with fixed \
                 sizes and batch 1",
            );
        }
        if sides.len() == 4 && sides[0].is_some_and(|batch| batch > 1) {
            self.add(
                LintSeverity::Wrong,
                name,
                "",
                "10.11 to 11.1 at least",
                "its batch is larger than 1: SegFormer then computes wrong values \
                 (NVIDIA/TensorRT #4853): export it with batch 1",
            );
        }
    }

    fn dtype(&mut self, place: &str, op: &str, dtype: DataType) {
        if dtype == DataType::Double {
            let what = "its type is Double: the parser makes it float32 and clamps what does not \
                        fit";
            self.add(LintSeverity::Risky, place, op, ALL, what);
        } else if !matches!(
            dtype,
            DataType::Undefined
                | DataType::Float
                | DataType::Float16
                | DataType::Bfloat16
                | DataType::Int8
                | DataType::Uint8
                | DataType::Int32
                | DataType::Int64
                | DataType::Bool
                | DataType::Float8e4m3fn
                | DataType::Int4
                | DataType::Float4e2m1
        ) {
            let what = format!("its type {dtype:?} is none of TensorRT's: cast it before export");
            self.add(LintSeverity::Refused, place, op, ALL, what);
        }
    }

    fn node(&mut self, node: &'a NodeProto) {
        let op = node.op_type.as_deref().unwrap_or("");
        let name = match node.name.as_deref() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!(
                "(writes {})",
                node.output.first().map_or("", String::as_str)
            ),
        };
        let name = name.as_str();
        if self.check_foreign(node, name, op) {
            return;
        }
        self.unsupported(name, op);
        self.check_measured(node, name, op);
        match op {
            "GridSample" => self.grid_sample(node, name),
            "Resize" => self.resize(node, name),
            "TopK" => self.top_k(node, name),
            "NonZero" => self.add(
                LintSeverity::Risky,
                name,
                op,
                ALL,
                "its shape depends on data: what follows it cannot be planned; replace indexing \
                 by a product with a mask",
            ),
            "CumSum" => self.add(
                LintSeverity::Risky,
                name,
                op,
                ALL,
                "suspected in NVIDIA/TensorRT #4551: `unmask prepare` folds it where it depends \
                 on sizes alone",
            ),
            "QuantizeLinear" | "DequantizeLinear" => self.zero_point(node, name, op),
            "Where" => self.infinity(node, name),
            "Constant" => {
                if let Some(tensor) = attribute(node, "value").and_then(|a| a.t.as_ref()) {
                    self.dtype(name, op, tensor.data_type());
                    if let Some(output) = node.output.first() {
                        self.constants.insert(output, tensor);
                    }
                }
            }
            "Cast" => {
                let to = attribute(node, "to").and_then(|a| a.i).unwrap_or(0);
                let to = i32::try_from(to)
                    .ok()
                    .and_then(|t| DataType::try_from(t).ok());
                self.dtype(name, op, to.unwrap_or(DataType::Undefined));
            }
            _ => {}
        }
        for attribute in &node.attribute {
            for graph in attribute.g.iter().chain(&attribute.graphs) {
                let what = "is control flow: TensorRT takes few forms of it; export a graph \
                            without";
                self.add(LintSeverity::Risky, name, op, ALL, what);
                graph.node.iter().for_each(|n| self.node_of_branch(n));
            }
        }
    }

    /// Names in branches may hide those outside: only operators are looked at.
    fn node_of_branch(&mut self, node: &NodeProto) {
        let op = node.op_type.as_deref().unwrap_or("");
        self.unsupported(node.name.as_deref().unwrap_or(""), op);
    }

    fn unsupported(&mut self, name: &str, op: &str) {
        if parser_support(op) == ParserSupport::Unparsed {
            let what = "TensorRT's parser does not know it";
            self.add(LintSeverity::Refused, name, op, ALL, what);
        }
        if let Some((_, since)) = LATER.iter().find(|(later, _)| *later == op) {
            let what = format!("the parser knows it from TensorRT {since} on");
            self.add(LintSeverity::Refused, name, op, "10.3", what);
        }
    }

    fn resize(&mut self, node: &NodeProto, name: &str) {
        let text = |name: &str| {
            let text = attribute(node, name).and_then(|a| a.s.as_deref());
            text.map_or(String::new(), |t| String::from_utf8_lossy(t).into_owned())
        };
        let place = text("coordinate_transformation_mode");
        let policy = text("keep_aspect_ratio_policy");
        let antialias = attribute(node, "antialias").is_some_and(|a| a.i.unwrap_or(0) != 0);
        let what = if !place.is_empty() && !RESIZE_PLACES.contains(&place.as_str()) {
            format!("its coordinates are `{place}`, which the parser does not know: use half_pixel")
        } else if antialias {
            "it smooths while it shrinks (antialias), which the parser does not know".to_owned()
        } else if !matches!(policy.as_str(), "" | "stretch") {
            format!("its aspect ratio policy is `{policy}`: only `stretch` is taken")
        } else {
            return;
        };
        self.add(LintSeverity::Refused, name, "Resize", ALL, what);
    }

    fn top_k(&mut self, node: &NodeProto, name: &str) {
        let k = node
            .input
            .get(1)
            .and_then(|k| self.constants.get(k.as_str()));
        let k = k.and_then(|k| small_tensor(k)?.to_i64()?.first().copied());
        if k.is_some_and(|k| k > TOP_K_LIMIT) {
            let what = format!(
                "it asks for {} values: at most {TOP_K_LIMIT} are taken",
                k.unwrap_or(0)
            );
            self.add(LintSeverity::Refused, name, "TopK", ALL, what);
        }
    }

    fn grid_sample(&mut self, node: &NodeProto, name: &str) {
        let op = "GridSample";
        if self.opset >= 20 {
            self.add(
                LintSeverity::Wrong,
                name,
                op,
                NEWER,
                "opset 20 calls its mode `linear`, which 10.13.3 computes wrongly without a word \
                 (NVIDIA/TensorRT #4646): export with opset 17, or with --sampling gather",
            );
        }
        self.add(
            LintSeverity::Wrong,
            name,
            op,
            NEWER,
            "10.14.1 to 11.1 compute it wrongly in deformable attention, without a word \
             (NVIDIA/TensorRT #4813, pytorch/TensorRT #4074): export with --sampling gather, or \
             compare the engine with the CPU engine",
        );
        let shape = node.input.first().and_then(|x| self.shapes.get(x.as_str()));
        if shape.is_some_and(|shape| shape.len() != 4) {
            // By the parser's list; TensorRT-RTX 1.7 takes five.
            let what = "TensorRT samples maps of four axes only";
            self.add(LintSeverity::Refused, name, op, "10.3, 10.16", what);
        }
    }

    fn zero_point(&mut self, node: &NodeProto, name: &str, op: &str) {
        let zero = node
            .input
            .get(2)
            .and_then(|z| self.constants.get(z.as_str()));
        let Some(zero) = zero else {
            return;
        };
        let raw = zero.raw_data.iter().flatten().any(|&b| b != 0);
        if raw || zero.int32_data.iter().any(|&v| v != 0) {
            let what = "its zero point is not 0: TensorRT takes symmetric INT8 only";
            self.add(LintSeverity::Refused, name, op, ALL, what);
        }
    }

    fn infinity(&mut self, node: &NodeProto, name: &str) {
        let infinite = node.input.iter().skip(1).any(|input| {
            self.constants.get(input.as_str()).is_some_and(|t| {
                let raw = t.raw_data.as_deref().unwrap_or(&[]);
                let first = raw.first_chunk::<4>().map(|c| f32::from_le_bytes(*c));
                t.data_type() == DataType::Float
                    && first
                        .iter()
                        .chain(t.float_data.first())
                        .any(|&v| v == f32::NEG_INFINITY)
            })
        });
        if infinite {
            self.add(
                LintSeverity::Risky,
                name,
                "Where",
                ALL,
                "it puts −∞ into scores: a row of −∞ gives NaN in a softmax; `unmask prepare` \
                 writes −10⁴",
            );
        }
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    let mut all = node.attribute.iter();
    all.find(|a| a.name.as_deref() == Some(name))
}

fn sizes(info: &ValueInfoProto) -> Option<Vec<Option<i64>>> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()? else {
        return None;
    };
    let sizes = tensor
        .shape
        .as_ref()?
        .dim
        .iter()
        .map(|axis| match axis.value {
            Some(DimensionValue::DimValue(size)) => Some(size),
            _ => None,
        });
    Some(sizes.collect())
}
