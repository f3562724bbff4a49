//! Rules measured with NVIDIA's parser and builder on small graphs: TensorRT-RTX 1.7.1, SM 8.6, each rule
//! with a graph in `tests/rtx_operators.rs`. The parser is that of TensorRT 11.

use super::operators::{MEASURED_UNSUPPORTED, SINGLE_OUTPUT, parser_support};
use super::{ALL, LintReport, LintSeverity, MEASURED, attribute};
use unmask_onnx::messages::{DataType, NodeProto, TensorProto};
use unmask_onnx::operator::ParserSupport;

/// Most axes that a tensor may have.
const AXES_LIMIT: usize = 8;

/// Reductions and other operators that take no booleans.
const NO_BOOL: [&str; 2] = ["ReduceMax", "ReduceMin"];

impl<'a> LintReport<'a> {
    /// An operator of another domain, or one that the model defines. True if it is not an operator of
    /// ONNX's.
    pub(super) fn check_foreign(&mut self, node: &NodeProto, name: &str, op: &str) -> bool {
        let domain = node.domain.as_deref().unwrap_or("");
        let is_onnx = matches!(domain, "" | "ai.onnx");
        let is_function = self.functions.contains(&(domain, op));
        if is_onnx && !is_function {
            return false;
        }
        let known = parser_support(op) == ParserSupport::Parsed;
        let place = if is_function {
            "the model itself"
        } else {
            domain
        };
        if known {
            let what = format!(
                "is defined by {place}, and the parser takes it for ONNX's {op} without a word: \
                 rename it, or write it with operators of ONNX"
            );
            self.add(LintSeverity::Wrong, name, op, ALL, what);
        } else if !is_function {
            let what = format!(
                "is an operator of `{domain}`: without a plugin of that name no engine is built"
            );
            self.add(LintSeverity::Refused, name, op, ALL, what);
        }
        true
    }

    /// Rules that only trying showed.
    pub(super) fn check_measured(&mut self, node: &'a NodeProto, name: &str, op: &str) {
        if MEASURED_UNSUPPORTED.contains(&op) {
            let what = "this parser refuses it, or its builder has no kernel for it";
            self.add(LintSeverity::Refused, name, op, MEASURED, what);
        }
        let outputs = node
            .output
            .iter()
            .filter(|output| !output.is_empty())
            .count();
        if SINGLE_OUTPUT.contains(&op) && outputs > 1 {
            let what = "only its first output is taken: compute the other one with other operators";
            self.add(LintSeverity::Refused, name, op, MEASURED, what);
        }
        self.bytes_inside(node, name, op);
        let first = node.input.first().map_or("", String::as_str);
        match op {
            "Einsum" => {
                let text = attribute(node, "equation").and_then(|a| a.s.as_deref());
                if text.is_some_and(|text| text.iter().any(u8::is_ascii_uppercase)) {
                    let what = "its equation has capital letters: write it with small ones";
                    self.add(LintSeverity::Refused, name, op, MEASURED, what);
                }
            }
            "ScatterND" | "ScatterElements" => {
                let reduction = attribute(node, "reduction").and_then(|a| a.s.as_deref());
                if reduction.is_some_and(|kind| !matches!(kind, b"" | b"none")) {
                    let what = "it adds or compares while it scatters: only plain writing is taken";
                    self.add(LintSeverity::Refused, name, op, MEASURED, what);
                }
            }
            "MaxPool" => {
                let steps = attribute(node, "dilations").map(|a| a.ints.as_slice());
                if steps.is_some_and(|steps| steps.iter().any(|&step| step != 1)) {
                    let what = "it is dilated: pool without, or with a convolution before";
                    self.add(LintSeverity::Refused, name, op, MEASURED, what);
                }
            }
            "BatchNormalization"
                if attribute(node, "training_mode").is_some_and(|a| a.i == Some(1)) =>
            {
                let what = "it is in training mode: export the model for inference";
                self.add(LintSeverity::Refused, name, op, MEASURED, what);
            }
            _ if NO_BOOL.contains(&op) && self.types.get(first) == Some(&DataType::Bool) => {
                let what = "it reduces booleans: cast them to int32 before";
                self.add(LintSeverity::Refused, name, op, MEASURED, what);
            }
            "Attention" => self.attention(node, name),
            "QuantizeLinear" => self.quantize(node, name),
            "DequantizeLinear" => self.dequantize(node, name),
            "Cast" => self.cast(node, name),
            _ => {}
        }
    }

    /// uint8 may enter and leave a graph, and nothing but a Cast may be done with it.
    fn bytes_inside(&mut self, node: &NodeProto, name: &str, op: &str) {
        let is_bytes = |input: &String| self.types.get(input.as_str()) == Some(&DataType::Uint8);
        let quantised = matches!(op, "QuantizeLinear" | "DequantizeLinear");
        // Zero points are looked at by value.
        let taken = if quantised { 1 } else { node.input.len() };
        let computes = !matches!(op, "Cast" | "Identity" | "Constant");
        if computes && node.input.iter().take(taken).any(is_bytes) {
            let what = "it takes uint8: TensorRT computes nothing in uint8, cast it before";
            self.add(LintSeverity::Refused, name, op, ALL, what);
        }
    }

    fn cast(&mut self, node: &'a NodeProto, name: &str) {
        let to = attribute(node, "to").and_then(|a| a.i).unwrap_or(0);
        let to = i32::try_from(to)
            .ok()
            .and_then(|to| DataType::try_from(to).ok());
        let Some((to, output)) = to.zip(node.output.first()) else {
            return;
        };
        self.types.insert(output, to);
        if to == DataType::Uint8 && !self.outputs.contains(output.as_str()) {
            let what = "it makes uint8 inside the graph, which TensorRT takes at inputs and \
                        outputs only: leave it out";
            self.add(LintSeverity::Refused, name, "Cast", ALL, what);
        }
        if to == DataType::Float8e4m3fn {
            let what = "only QuantizeLinear may make FP8";
            self.add(LintSeverity::Refused, name, "Cast", MEASURED, what);
        }
    }

    /// The scale, and what the zero point says about the type.
    fn quantize(&mut self, node: &'a NodeProto, name: &str) {
        let op = "QuantizeLinear";
        self.scale(node, name, op);
        let zero = node.input.get(2).filter(|zero| !zero.is_empty());
        let zero_type = zero.and_then(|zero| self.types.get(zero.as_str()).copied());
        let stated = attribute(node, "output_dtype")
            .and_then(|a| a.i)
            .filter(|&t| t != 0);
        let stated = stated.and_then(|t| DataType::try_from(i32::try_from(t).ok()?).ok());
        let to = zero_type.or(stated);
        if let Some(output) = node.output.first() {
            // Whatever ONNX says, the parser makes uint8 int8.
            let made = to
                .filter(|&to| to != DataType::Uint8)
                .unwrap_or(DataType::Int8);
            self.types.insert(output, made);
        }
        match (to, zero) {
            (Some(DataType::Uint8), None) => {
                let what = "it makes uint8: TensorRT quantises to int8 only";
                self.add(LintSeverity::Refused, name, op, ALL, what);
            }
            (Some(DataType::Uint8), Some(_)) | (None, None) => {
                let what = "it makes uint8, and the parser makes int8 of that without a word: \
                            values above 127 steps are cut off; give it an int8 zero point of 0";
                self.add(LintSeverity::Wrong, name, op, ALL, what);
            }
            (Some(DataType::Float8e4m3fn), _) => {
                let what =
                    "it makes FP8, for which GPUs before SM 8.9 have no kernels (Orin is 8.7)";
                self.add(
                    LintSeverity::Refused,
                    name,
                    op,
                    "RTX 1.7 below SM 8.9",
                    what,
                );
            }
            _ => {}
        }
    }

    fn dequantize(&mut self, node: &NodeProto, name: &str) {
        let op = "DequantizeLinear";
        self.scale(node, name, op);
        let from = node
            .input
            .first()
            .and_then(|input| self.types.get(input.as_str()));
        if from == Some(&DataType::Int32) {
            let what = "it dequantises int32, as quantisers write biases: leave the bias float";
            self.add(LintSeverity::Refused, name, op, MEASURED, what);
        }
    }

    fn scale(&mut self, node: &NodeProto, name: &str, op: &str) {
        let scale = node
            .input
            .get(1)
            .and_then(|scale| self.constants.get(scale.as_str()));
        if scale.is_some_and(|scale| !all_positive(scale)) {
            let what = "a scale is 0 or below: all must be positive";
            self.add(LintSeverity::Refused, name, op, MEASURED, what);
        }
    }

    /// There is no kernel for float32 with four axes, nor for a head of eight channels.
    fn attention(&mut self, node: &NodeProto, name: &str) {
        let first = node.input.first().map_or("", String::as_str);
        let Some(shape) = self.shapes.get(first).filter(|shape| shape.len() == 4) else {
            return;
        };
        let what = match self.types.get(first) {
            Some(DataType::Float) => {
                "it is float32 with four axes, for which there is not a kernel"
            }
            Some(_) if shape[3] == Some(8) => "its heads have 8 channels: 16 to 128 are taken",
            _ => return,
        };
        let what = format!("{what}; write it as MatMul, Softmax, MatMul");
        self.add(LintSeverity::Refused, name, "Attention", MEASURED, what);
    }

    /// A tensor of `count` axes.
    pub(super) fn axes(&mut self, name: &str, count: usize) {
        if count > AXES_LIMIT {
            let what = format!("it has {count} axes: {AXES_LIMIT} are the most");
            self.add(LintSeverity::Refused, name, "", ALL, what);
        }
    }
}

/// Whether every value of a float32 constant is above 0; other types are looked at elsewhere.
fn all_positive(tensor: &TensorProto) -> bool {
    if tensor.data_type() != DataType::Float {
        return true;
    }
    let raw = tensor.raw_data.as_deref().unwrap_or(&[]).chunks_exact(4);
    let raw = raw.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    raw.chain(tensor.float_data.iter().copied())
        .all(|value| value > 0.0)
}
