//! Rewrites a graph in lower precision.

use super::net::{QuantizeGraph, unsupported};
use super::placement::{QuantizePlan, QuantizedLayer, block_of};
use super::weights::{QuantizedWeights, halve, quantise, scale};
use super::{QuantizeError, RestPrecision};
use crate::calibrate::Calibration;
use std::collections::{BTreeSet, HashMap, HashSet};
use unmask_onnx::messages::{
    AttributeProto, DataType, GraphProto, ModelProto, NodeProto, StringStringEntryProto,
    TensorProto, ValueInfoProto,
};
use unmask_onnx::unique::UniqueNames;

/// Smaller constants are not worth a node of their own.
const STORED_MIN: usize = 4096;

/// The precision a node computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum NodeClass {
    Full,
    Half,
}

impl NodeClass {
    fn dtype(self) -> DataType {
        match self {
            Self::Full => DataType::Float,
            Self::Half => DataType::Float16,
        }
    }
}

/// Which blocks become INT8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockSet {
    /// All but these.
    AllBut(BTreeSet<String>),
    /// Only these.
    Only(BTreeSet<String>),
}

impl BlockSet {
    /// Whether `block` becomes INT8.
    pub fn hold(&self, block: &str) -> bool {
        match self {
            Self::AllBut(names) => !names.contains(block),
            Self::Only(names) => names.contains(block),
        }
    }

    /// No block at all.
    pub fn none() -> Self {
        Self::Only(BTreeSet::new())
    }
}

/// A layer that became INT8.
#[derive(Clone, Debug)]
pub struct WrittenGraph {
    /// Name of its node.
    pub node: String,
    /// The value that it writes.
    pub output: String,
    /// Its block.
    pub block: String,
    /// MACs, a picture.
    pub macs: u64,
    /// Signal to quantisation noise of its weights, dB.
    pub weights_sqnr_db: Option<f64>,
}

/// A graph in lower precision.
#[derive(Clone, Debug)]
pub struct RewrittenGraph {
    /// The model, with the metadata of the one it was made from.
    pub model: ModelProto,
    /// The layers that became INT8, in running order.
    pub layers: Vec<WrittenGraph>,
}

/// Writes `net` again: `blocks` in INT8 with the ranges of `calibration`, the rest as `rest` says.
///
/// Scales are float32 and every QuantizeLinear reads float32, as opset 17 wants it; a layer in
/// INT8 reads its DequantizeLinear directly, so that TensorRT sees the pair; where FP16 meets
/// float32 a Cast lies between.
///
/// # Errors
/// A range that `calibration` lacks; damaged weights.
pub fn rewrite(
    net: &QuantizeGraph,
    plan: &QuantizePlan,
    blocks: &BlockSet,
    calibration: Option<&Calibration>,
    rest: RestPrecision,
) -> Result<RewrittenGraph, QuantizeError> {
    let layers: HashMap<usize, &QuantizedLayer> = plan
        .layers
        .iter()
        .filter(|l| blocks.hold(&l.block))
        .map(|l| (l.node, l))
        .collect();
    let shortcuts: HashMap<usize, usize> = plan
        .shortcuts
        .iter()
        .filter(|s| layers.contains_key(&s.convolution))
        .map(|s| (s.node, s.input))
        .collect();
    let fused = plan.epilogues(
        net,
        layers.values().copied(),
        &shortcuts.keys().copied().collect(),
    );
    let mut writer = GraphWriter {
        net,
        calibration,
        stored: stored(net, plan, blocks),
        out: GraphProto::default(),
        names: names_of(net),
        forms: HashMap::new(),
        pairs: HashMap::new(),
        weights: HashMap::new(),
        layers: Vec::new(),
    };
    for (i, node) in net.nodes().iter().enumerate() {
        let full = rest == RestPrecision::Fp32
            || plan.islands[i]
            || layers.contains_key(&i)
            || shortcuts.contains_key(&i)
            || fused.contains(&i)
            || makes_floats(net, node);
        let class = if full {
            NodeClass::Full
        } else {
            NodeClass::Half
        };
        writer.node(
            node,
            class,
            layers.get(&i).copied(),
            shortcuts.get(&i).copied(),
        )?;
    }
    Ok(writer.finish())
}

/// Constants that only additions in `blocks` read, outside what must stay float32: position
/// embeddings. Large ones weigh as much as a layer's weights and are stored as these are.
fn stored<'a>(net: &'a QuantizeGraph, plan: &QuantizePlan, blocks: &BlockSet) -> HashSet<&'a str> {
    let fits = |tensor: &&TensorProto| {
        let name = tensor.name();
        let elements: usize = net.shape(name).iter().product();
        let readers = net.readers(name);
        net.is_float(name)
            && elements >= STORED_MIN
            && tensor.dims.len() >= 2
            && !readers.is_empty()
            && readers.iter().all(|&i| {
                let node = &net.nodes()[i];
                node.op_type() == "Add" && !plan.islands[i] && blocks.hold(&block_of(node.name()))
            })
    };
    let constants = net.graph().initializer.iter();
    constants.filter(fits).map(TensorProto::name).collect()
}

/// Whether a node writes float32 without reading any: its type is its own choice.
fn makes_floats(net: &QuantizeGraph, node: &NodeProto) -> bool {
    node.op_type() == "Cast" || !node.input.iter().any(|n| net.is_float(n))
}

/// Inputs that are float32 whatever precision the node computes in.
fn always_float(op: &str, input: usize) -> bool {
    op == "Resize" && (input == 1 || input == 2)
}

/// Every name that `net` uses.
fn names_of(net: &QuantizeGraph) -> UniqueNames {
    let graph = net.graph();
    let values = graph.node.iter().flat_map(|n| &n.output).cloned();
    let named = graph.node.iter().map(|n| n.name().to_owned());
    let constants = graph.initializer.iter().map(|t| t.name().to_owned());
    let inputs = graph.input.iter().map(|i| i.name().to_owned());
    values.chain(named).chain(constants).chain(inputs).collect()
}

struct GraphWriter<'a> {
    net: &'a QuantizeGraph,
    calibration: Option<&'a Calibration>,
    /// Constants that are no weights but large enough to be stored as INT8 like them.
    stored: HashSet<&'a str>,
    out: GraphProto,
    names: UniqueNames,
    /// The name of a value in a precision, once it is there.
    forms: HashMap<(String, NodeClass), String>,
    /// The dequantised form of values.
    pairs: HashMap<String, String>,
    /// The dequantised form of weights.
    weights: HashMap<(String, usize), (String, Option<f64>)>,
    layers: Vec<WrittenGraph>,
}

impl GraphWriter<'_> {
    fn node(
        &mut self,
        node: &NodeProto,
        class: NodeClass,
        layer: Option<&QuantizedLayer>,
        shortcut: Option<usize>,
    ) -> Result<(), QuantizeError> {
        let mut new = node.clone();
        for (at, name) in node.input.iter().enumerate() {
            if !self.net.is_float(name) {
                self.keep(name);
                continue;
            }
            new.input[at] = if layer.is_some() && at == 0 || shortcut == Some(at) {
                self.pair(name)?
            } else if let (Some(layer), 1) = (layer, at) {
                let (dequantised, sqnr_db) = self.weight(name, layer.axis)?;
                self.layers.push(WrittenGraph {
                    node: node.name().to_owned(),
                    output: layer.output.clone(),
                    block: layer.block.clone(),
                    macs: layer.macs,
                    weights_sqnr_db: sqnr_db,
                });
                dequantised
            } else if always_float(node.op_type(), at) {
                self.form(name, NodeClass::Full)?
            } else {
                self.form(name, class)?
            };
        }
        let mut casts = Vec::new();
        for name in new.output.iter_mut().filter(|n| !n.is_empty()) {
            if !self.net.is_float(name) {
                self.describe_as_before(name);
                continue;
            }
            let old = name.clone();
            if class == NodeClass::Half && self.net.is_output(name) {
                // What leaves the graph stays float32 under its own name.
                *name = self.names.unique(&format!("{old}.f16"));
                casts.push((name.clone(), old.clone()));
            }
            self.describe(name, &old, class.dtype());
            self.forms.insert((old, class), name.clone());
        }
        self.out.node.push(new);
        for (from, to) in casts {
            self.describe(&to, &to, DataType::Float);
            self.cast(&from, &to, NodeClass::Full);
            self.forms.insert((to.clone(), NodeClass::Full), to);
        }
        Ok(())
    }

    /// The name under which `value` can be read in `class`; a cast or constant is added on the way
    /// where there is none yet.
    fn form(&mut self, value: &str, class: NodeClass) -> Result<String, QuantizeError> {
        let key = (value.to_owned(), class);
        if let Some(name) = self.forms.get(&key) {
            return Ok(name.clone());
        }
        let name = match (self.net.constant(value), class) {
            (Some(tensor), _) if self.stored.contains(value) => {
                let (back, _) = self.weight(value, tensor.dims.len() - 1)?;
                match class {
                    NodeClass::Full => back,
                    NodeClass::Half => {
                        let name = self.names.unique(&format!("{value}.f16"));
                        self.describe(&name, value, class.dtype());
                        self.cast(&back, &name, class);
                        name
                    }
                }
            }
            (Some(_), NodeClass::Full) => {
                self.keep(value);
                value.to_owned()
            }
            (Some(tensor), NodeClass::Half) => {
                let name = self.names.unique(&format!("{value}.f16"));
                self.out.initializer.push(halve(tensor, &name)?);
                name
            }
            // An input of the graph.
            (None, NodeClass::Full) if self.net.producer(value).is_none() => value.to_owned(),
            (None, _) => {
                let (other, ending) = match class {
                    NodeClass::Full => (NodeClass::Half, "f32"),
                    NodeClass::Half => (NodeClass::Full, "f16"),
                };
                let from = self.form(value, other)?;
                let name = self.names.unique(&format!("{value}.{ending}"));
                self.describe(&name, value, class.dtype());
                self.cast(&from, &name, class);
                name
            }
        };
        self.forms.insert(key, name.clone());
        Ok(name)
    }

    fn cast(&mut self, from: &str, to: &str, class: NodeClass) {
        let attribute = AttributeProto::int("to", class.dtype() as i64);
        self.op("Cast", vec![from.into()], to, vec![attribute]);
    }

    /// `value` after QuantizeLinear and DequantizeLinear.
    fn pair(&mut self, value: &str) -> Result<String, QuantizeError> {
        if let Some(name) = self.pairs.get(value) {
            return Ok(name.clone());
        }
        let missing = || QuantizeError::MissingTensor {
            tensor: value.to_owned(),
        };
        let range = self
            .calibration
            .and_then(|c| c.range(value))
            .ok_or_else(missing)?;
        let from = self.form(value, NodeClass::Full)?;
        let step = self.names.unique(&format!("{value}.scale"));
        self.constant(
            &step,
            &[],
            DataType::Float,
            scale(range).to_le_bytes().into(),
        );
        let zero = self.names.unique(&format!("{value}.zero"));
        self.constant(&zero, &[], DataType::Int8, vec![0]);
        let small = self.names.unique(&format!("{value}.int8"));
        self.describe(&small, value, DataType::Int8);
        let inputs = vec![from, step.clone(), zero.clone()];
        self.op("QuantizeLinear", inputs, &small, vec![]);
        let back = self.names.unique(&format!("{value}.dequantised"));
        self.describe(&back, value, DataType::Float);
        self.op("DequantizeLinear", vec![small, step, zero], &back, vec![]);
        self.pairs.insert(value.to_owned(), back.clone());
        Ok(back)
    }

    /// The weights `value`, stored as INT8, after DequantizeLinear; and their SQNR, dB.
    fn weight(&mut self, value: &str, axis: usize) -> Result<(String, Option<f64>), QuantizeError> {
        let key = (value.to_owned(), axis);
        if let Some(known) = self.weights.get(&key) {
            return Ok(known.clone());
        }
        let tensor = self
            .net
            .constant(value)
            .ok_or_else(|| unsupported(format!("`{value}` is not a constant")))?;
        let QuantizedWeights {
            values,
            scales,
            sqnr_db,
        } = quantise(tensor, axis)?;
        let small = self.names.unique(&format!("{value}.int8"));
        let raw = values.iter().map(|v| v.cast_unsigned()).collect();
        self.constant(&small, &tensor.dims, DataType::Int8, raw);
        let step = self.names.unique(&format!("{value}.scale"));
        let raw = scales.iter().flat_map(|s| s.to_le_bytes()).collect();
        self.constant(&step, &[scales.len() as i64], DataType::Float, raw);
        let back = self.names.unique(&format!("{value}.dequantised"));
        self.describe(&back, value, DataType::Float);
        let along = AttributeProto::int("axis", axis as i64);
        self.op("DequantizeLinear", vec![small, step], &back, vec![along]);
        self.weights.insert(key, (back.clone(), sqnr_db));
        Ok((back, sqnr_db))
    }

    fn op(&mut self, op: &str, input: Vec<String>, to: &str, attribute: Vec<AttributeProto>) {
        let name = self.names.unique(&format!("{to}/{op}"));
        self.out.node.push(NodeProto {
            input,
            output: vec![to.to_owned()],
            name: Some(name),
            op_type: Some(op.to_owned()),
            attribute,
            ..NodeProto::default()
        });
    }

    fn constant(&mut self, name: &str, dims: &[i64], dtype: DataType, raw: Vec<u8>) {
        self.out.initializer.push(TensorProto {
            dims: dims.to_vec(),
            data_type: Some(dtype as i32),
            name: Some(name.to_owned()),
            raw_data: Some(raw),
            ..TensorProto::default()
        });
    }

    /// Keeps the constant `name` as it is, if it is one.
    fn keep(&mut self, name: &str) {
        if let Some(tensor) = self.net.constant(name)
            && self
                .forms
                .insert((name.to_owned(), NodeClass::Full), name.to_owned())
                .is_none()
        {
            self.out.initializer.push(tensor.clone());
        }
    }

    /// Notes type and shape of the new value `name`, which has the shape of `like`.
    fn describe(&mut self, name: &str, like: &str, dtype: DataType) {
        if !self.net.is_output(name) {
            let shape = self.net.shape(like);
            self.out
                .value_info
                .push(ValueInfoProto::tensor(name, dtype, shape));
        }
    }

    fn describe_as_before(&mut self, name: &str) {
        if let Some(kind) = self.net.tensor_type(name) {
            self.describe(name, name, kind.dtype);
        }
    }

    fn finish(self) -> RewrittenGraph {
        let mut graph = self.out;
        let old = self.net.graph();
        graph.name = old.name.clone();
        graph.doc_string = old.doc_string.clone();
        graph.input = old.input.clone();
        graph.output = old.output.clone();
        // A constant that is also an output is read by no node.
        for output in &old.output {
            let known = |t: &TensorProto| t.name() == output.name();
            if let Some(tensor) = self.net.constant(output.name())
                && !graph.initializer.iter().any(known)
            {
                graph.initializer.push(tensor.clone());
            }
        }
        RewrittenGraph {
            model: self.net.model_with(graph),
            layers: self.layers,
        }
    }
}

/// Sets the fact `key` of a model, in place of the one it has.
pub fn set_metadata(model: &mut ModelProto, key: &str, value: &str) {
    model.metadata_props.retain(|p| p.key() != key);
    model
        .metadata_props
        .push(StringStringEntryProto::new(key, value));
}
