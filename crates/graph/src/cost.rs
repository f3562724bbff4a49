//! Cost of a graph: multiply-accumulates, bytes moved, parameters; per node and per block.

use std::collections::{BTreeSet, HashMap, HashSet};
use unmask_onnx::ir::{GraphNode, OnnxGraph, ValueId, element_bytes};
use unmask_onnx::messages::{AttributeProto, DataType, NodeProto};
use unmask_onnx::operator::{Operator, OperatorWork};
use unmask_onnx::shape_inference::elements;

/// Costs, of a node or of a part of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct NodeCost {
    /// Nodes.
    pub nodes: u64,
    /// Nodes among them whose operator is not known here: their work is not counted.
    pub unknown_nodes: u64,
    /// Elements of float constants with a name of their own, and of all others with more than one
    /// element; each counted where it is read first.
    pub parameters: u64,
    /// Multiply-accumulates of convolutions, products, resizing and sampling. Elementwise work is
    /// not counted.
    pub macs: u64,
    /// Bytes that nodes read and write. Nodes that only rename (Reshape and the like) move none.
    pub moved_bytes: u64,
}

impl NodeCost {
    /// Adds `other`.
    pub fn add(&mut self, other: NodeCost) {
        self.nodes += other.nodes;
        self.unknown_nodes += other.unknown_nodes;
        self.parameters += other.parameters;
        self.macs = self.macs.saturating_add(other.macs);
        self.moved_bytes = self.moved_bytes.saturating_add(other.moved_bytes);
    }
}

/// A part of a network with its costs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BlockCost {
    /// The part: `backbone res3`, `pixel decoder`, `decoder layer 4`, `heads`, …
    pub name: String,
    /// Its costs.
    #[serde(flatten)]
    pub cost: NodeCost,
    /// Number formats of its convolutions and products: `fp32`, `fp16`, `int8`, joined by `+`;
    /// `-` where it has none.
    pub precision: String,
}

/// The graph's blocks, in the order in which they run first.
pub fn blocks(graph: &OnnxGraph) -> Vec<BlockCost> {
    let mut order: Vec<String> = Vec::new();
    let mut found: HashMap<String, (NodeCost, BTreeSet<&'static str>)> = HashMap::new();
    let mut counted = HashSet::new();
    for node in graph.nodes() {
        let name = block_of(graph, node);
        if !found.contains_key(&name) {
            order.push(name.clone());
        }
        let (cost, formats) = found.entry(name).or_default();
        cost.add(NodeCost {
            nodes: 1,
            unknown_nodes: u64::from(Operator::of(&node.op).is_none()),
            parameters: parameters(graph, node, &mut counted),
            macs: macs(graph, node),
            moved_bytes: moved_bytes(graph, node),
        });
        formats.extend(format_of(graph, node));
    }
    let blocks = order.into_iter().filter_map(|name| {
        let (cost, formats) = found.remove(&name)?;
        let precision = match formats.is_empty() {
            true => "-".to_owned(),
            false => Vec::from_iter(formats).join("+"),
        };
        Some(BlockCost {
            name,
            cost,
            precision,
        })
    });
    blocks.collect()
}

/// The costs of all of it.
pub fn total(graph: &OnnxGraph) -> NodeCost {
    let mut sum = NodeCost::default();
    blocks(graph).iter().for_each(|b| sum.add(b.cost));
    sum
}

/// Whether the block `name` belongs to what comes after the pixel decoder: decoder layers and
/// heads.
pub fn is_decoder(name: &str) -> bool {
    name == "heads" || name.starts_with("decoder layer")
}

fn parameters(graph: &OnnxGraph, node: &GraphNode, counted: &mut HashSet<ValueId>) -> u64 {
    let read = node.inputs.iter().flatten().filter(|&&id| {
        let value = graph.value(id);
        let float = matches!(
            value.dtype,
            DataType::Float | DataType::Float16 | DataType::Int8
        );
        let data = graph.constant(id);
        float && data.is_some_and(|d| value.label.is_some() || d.len() > 1) && counted.insert(id)
    });
    read.filter_map(|&id| elements(&graph.value(id).shape))
        .map(|n| n as u64)
        .sum()
}

/// A node as far as its multiply-accumulates depend on it, whatever holds the graph.
struct CountedNode<'a> {
    operator: &'a str,
    /// Shapes of the inputs; none where one is left out.
    inputs: Vec<Option<&'a [usize]>>,
    /// Shape of the first output.
    output: &'a [usize],
    attributes: &'a [AttributeProto],
}

/// Multiply-accumulates of a node of a graph in memory, a picture; 0 for operators that are not
/// known here, which [`NodeCost::unknown_nodes`] counts.
pub fn macs(graph: &OnnxGraph, node: &GraphNode) -> u64 {
    let shape = |id: ValueId| &graph.value(id).shape[..];
    let counted = CountedNode {
        operator: &node.op,
        inputs: node.inputs.iter().map(|id| id.map(shape)).collect(),
        output: shape(node.output()),
        attributes: &node.attributes,
    };
    counted.macs()
}

/// The same of a node of a file; `shape` gives the shape of the value of a name, empty where it is
/// not known.
pub fn macs_of_file<'a>(node: &'a NodeProto, shape: impl Fn(&str) -> &'a [usize]) -> u64 {
    let given = |name: &String| (!name.is_empty()).then(|| shape(name));
    let counted = CountedNode {
        operator: node.op_type(),
        inputs: node.input.iter().map(given).collect(),
        output: node.output.first().map_or(&[], |name| shape(name)),
        attributes: &node.attribute,
    };
    counted.macs()
}

impl CountedNode<'_> {
    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        let mut all = self.attributes.iter();
        all.find(|a| a.name.as_deref() == Some(name))
    }

    fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.attribute(name)?.s.as_deref()?).ok()
    }

    fn macs(&self) -> u64 {
        let count = |shape: &[usize]| shape.iter().fold(1u64, |n, &d| n.saturating_mul(d as u64));
        let input = |i: usize| self.inputs.get(i).copied().flatten();
        let out = count(self.output);
        let inner = |weight: &'_ [usize]| weight.get(1..).map_or(1, count);
        let Some(operator) = Operator::of(self.operator) else {
            return 0;
        };
        match operator.work() {
            OperatorWork::Window => input(1).map_or(0, |w| out.saturating_mul(inner(w))),
            OperatorWork::Transposed => match (input(0), input(1)) {
                (Some(x), Some(w)) => count(x).saturating_mul(inner(w)),
                _ => 0,
            },
            OperatorWork::Product => {
                let inner = input(0).and_then(|a| a.last().copied()).unwrap_or(0);
                out.saturating_mul(inner as u64)
            }
            OperatorWork::Gemm => {
                let across =
                    usize::from(self.attribute("transA").and_then(|a| a.i).unwrap_or(0) == 0);
                let inner = input(0).and_then(|a| a.get(across).copied());
                out.saturating_mul(inner.unwrap_or(0) as u64)
            }
            OperatorWork::Einsum => {
                let equation = self.text("equation").unwrap_or("").replace(' ', "");
                let terms = equation.split("->").next().unwrap_or("").split(',');
                let mut sides: HashMap<char, usize> = HashMap::new();
                for (i, term) in terms.enumerate() {
                    let shape = input(i).unwrap_or(&[]);
                    sides.extend(term.chars().zip(shape.iter().copied()));
                }
                sides
                    .values()
                    .fold(1u64, |n, &d| n.saturating_mul(d as u64))
            }
            // The nearest neighbour is a move; it is Resize's default, and GridSample's is not.
            OperatorWork::Corners
                if operator == Operator::Resize && self.text("mode") != Some("linear") =>
            {
                0
            }
            OperatorWork::Corners => out.saturating_mul(4),
            OperatorWork::Uncounted => 0,
        }
    }
}

fn moved_bytes(graph: &OnnxGraph, node: &GraphNode) -> u64 {
    if matches!(
        node.op.as_str(),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Identity" | "Shape" | "Size"
    ) {
        return 0;
    }
    let all = node.inputs.iter().flatten().chain(&node.outputs);
    all.map(|&id| {
        let value = graph.value(id);
        let width = element_bytes(value.dtype).unwrap_or(0);
        elements(&value.shape).map_or(0, |n| (n as u64).saturating_mul(width as u64))
    })
    .fold(0, u64::saturating_add)
}

/// The number format in which a convolution or product runs.
fn format_of(graph: &OnnxGraph, node: &GraphNode) -> Option<&'static str> {
    if !matches!(
        node.op.as_str(),
        "Conv" | "ConvTranspose" | "MatMul" | "Gemm" | "Einsum"
    ) {
        return None;
    }
    let quantized = |i: usize| {
        let from = node.input(i).and_then(|id| graph.producer(id));
        from.is_some_and(|n| n.op == "DequantizeLinear")
    };
    if quantized(0) && quantized(1) {
        return Some("int8");
    }
    match graph.value(node.output()).dtype {
        DataType::Float => Some("fp32"),
        DataType::Float16 => Some("fp16"),
        DataType::Double => Some("fp64"),
        _ => None,
    }
}

/// The part of the network that `node` belongs to, by its scope or the parameters it reads.
pub fn block_of(graph: &OnnxGraph, node: &GraphNode) -> String {
    let labels = node.inputs.iter().flatten().filter_map(|&id| {
        let value = graph.value(id);
        graph.constant(id).and(value.label.as_deref())
    });
    let known = std::iter::once(&*node.scope)
        .chain(labels)
        .find_map(known_block);
    known.unwrap_or_else(|| {
        let parts: Vec<&str> = node.scope.split('.').take(2).collect();
        match parts[..] {
            [] | [""] => "other".to_owned(),
            _ => parts.join("."),
        }
    })
}

/// The block of a parameter's or node's name, in the ways of detectron2 and transformers.
fn known_block(name: &str) -> Option<String> {
    let number_after = |key: &str| {
        let rest = &name[name.find(key)? + key.len()..];
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().ok()
    };
    if name.contains("pixel_decoder") || name.contains("pixel_level_module.decoder") {
        return Some("pixel decoder".to_owned());
    }
    for key in [
        "transformer_cross_attention_layers.",
        "transformer_self_attention_layers.",
        "transformer_ffn_layers.",
        "transformer_module.decoder.layers.",
    ] {
        if let Some(n) = number_after(key) {
            return Some(format!("decoder layer {n}"));
        }
    }
    for (key, stage) in [
        ("backbone.res", "res"),
        ("backbone.layers.", "stage "),
        ("encoder.encoder.layers.", "stage "),
    ] {
        if let Some(n) = number_after(key) {
            return Some(format!("backbone {stage}{n}"));
        }
    }
    if name.contains("backbone") || name.contains("pixel_level_module.encoder") {
        return Some("backbone stem".to_owned());
    }
    [
        "predictor",
        "transformer_module",
        "sem_seg_head",
        "class_predictor",
    ]
    .iter()
    .any(|key| name.contains(key))
    .then(|| "heads".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_families_find_their_block() {
        for (name, block) in [
            ("backbone.res3.0.conv1", "backbone res3"),
            ("backbone.layers.2.blocks.0.attn", "backbone stage 2"),
            ("backbone.stem.conv1", "backbone stem"),
            ("sem_seg_head.pixel_decoder.adapter_1", "pixel decoder"),
            (
                "sem_seg_head.predictor.transformer_ffn_layers.7.linear1",
                "decoder layer 7",
            ),
            ("sem_seg_head.predictor.mask_embed.layers.0", "heads"),
            (
                "model.pixel_level_module.encoder.encoder.layers.1.blocks.0",
                "backbone stage 1",
            ),
            (
                "model.transformer_module.decoder.layers.3.fc1",
                "decoder layer 3",
            ),
        ] {
            assert_eq!(known_block(name).as_deref(), Some(block), "{name}");
        }
        assert_eq!(known_block("conv1"), None);
        assert!(is_decoder("heads") && is_decoder("decoder layer 0"));
        assert!(!is_decoder("pixel decoder"));
    }

    #[test]
    fn a_product_and_a_convolution_are_counted() {
        let mut g = OnnxGraph::default();
        let scope = "backbone.res2.conv".into();
        let x = g.add_input("x", &[1, 2, 4, 4]);
        let w = g.add_parameter(
            "backbone.res2.conv.weight",
            &[3, 2, 1, 1],
            vec![0.5; 6].into(),
        );
        let inputs = [Some(x), Some(w)];
        let y = g.add_node(
            "Conv",
            &scope,
            &inputs,
            vec![],
            DataType::Float,
            &[1, 3, 4, 4],
        );
        g.add_output("y", y);
        let all = blocks(&g);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].name, "backbone res2");
        assert_eq!(all[0].precision, "fp32");
        let cost = NodeCost {
            nodes: 1,
            unknown_nodes: 0,
            parameters: 6,
            macs: 3 * 16 * 2,
            moved_bytes: 4 * (32 + 6 + 48),
        };
        assert_eq!(all[0].cost, cost);
        assert_eq!(total(&g), cost);
    }
}
