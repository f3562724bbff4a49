//! Layers of a built plan, parsed from the log of the builder.
//!
//! With [`ProfilingVerbosity::Detailed`](crate::ProfilingVerbosity::Detailed) the builder of
//! TensorRT-RTX logs a line per layer of the plan at [`Severity::Verbose`]: kernel, tensors with
//! types and strides, and the ONNX nodes behind it. So types, kernels and the bytes that go
//! through memory are known without a GPU. They are no times: a value that a kernel reads twice
//! counts once, and caches are not in it.
//!
//! [`LayerLog`] collects these lines, [`PlanSummary`] counts. A loaded plan is described by
//! [`Inspector`](crate::Inspector) instead.

use crate::log::{Log, Severity};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A tensor of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerTensor {
    /// Its name in the plan.
    pub name: String,
    /// Its sizes.
    pub shape: Vec<u64>,
    /// Steps in memory, by axis; 0 for an axis along which one value is repeated.
    pub strides: Vec<u64>,
    /// NVIDIA's name of the type: `Float`, `Half`, `Int8`, `UInt8` …
    pub data_type: String,
}

impl LayerTensor {
    /// Bytes that lie in memory: a repeated axis counts once. `None` for an unknown type.
    pub fn byte_count(&self) -> Option<u64> {
        let bits = match self.data_type.as_str() {
            "Float" | "Int32" => 32,
            "Half" | "BFloat16" => 16,
            "Int8" | "UInt8" | "Bool" | "FP8" | "E8M0" => 8,
            "Int64" => 64,
            "Int4" | "FP4" => 4,
            _ => return None,
        };
        let sizes = self
            .shape
            .iter()
            .zip(&self.strides)
            .filter(|(_, stride)| **stride != 0);
        let values: u64 = sizes.map(|(size, _)| size).product();
        Some((values * bits).div_ceil(8))
    }
}

/// What a layer computes, as far as its kind and name tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A convolution.
    Convolution,
    /// A matrix product.
    Product,
    /// Attention in one kernel.
    FusedAttention,
    /// Anything else.
    Other,
}

/// A layer of a plan: one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanLayer {
    /// Its name in the plan.
    pub name: String,
    /// NVIDIA's kind: `correlation`, `gemm`, `kgen` …
    pub kind: String,
    /// What it reads, weights apart.
    pub inputs: Vec<LayerTensor>,
    /// Weights and scales.
    pub constants: Vec<LayerTensor>,
    /// What it writes.
    pub outputs: Vec<LayerTensor>,
    /// Names of the ONNX nodes that it computes.
    pub nodes: Vec<String>,
}

impl PlanLayer {
    /// What it computes.
    pub fn operation(&self) -> Operation {
        match self.kind.as_str() {
            "correlation" => Operation::Convolution,
            _ if self.name.contains("mha") => Operation::FusedAttention,
            "gemm" => Operation::Product,
            _ if self.name.contains("Fc") || self.name.contains("gemm") => Operation::Product,
            _ => Operation::Other,
        }
    }

    /// Whether it only orders streams: it is not a kernel.
    pub fn is_event(&self) -> bool {
        matches!(self.kind.as_str(), "signal" | "wait")
    }

    /// Reads one line of the builder's text.
    pub fn parse(line: &str) -> Result<Self, LayerTextError> {
        let wrong = |part| LayerTextError {
            part,
            line: line.chars().take(200).collect(),
        };
        let rest = line.strip_prefix("Name: ").ok_or_else(|| wrong("Name"))?;
        let mut rest = rest;
        let mut until = |separator: &str, part| -> Result<&str, LayerTextError> {
            let (before, after) = rest.split_once(separator).ok_or_else(|| wrong(part))?;
            rest = after;
            Ok(before)
        };
        let name = until(", LayerType: ", "LayerType")?;
        let kind = until(", Inputs: [", "Inputs")?;
        let inputs = until("], Constants: [", "Constants")?;
        let constants = until("], Outputs: [", "Outputs")?;
        let outputs = until("], TacticName: ", "TacticName")?;
        let tensors = |text, part| tensors(text).ok_or_else(|| wrong(part));
        Ok(Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            inputs: tensors(inputs, "Inputs")?,
            constants: tensors(constants, "Constants")?,
            outputs: tensors(outputs, "Outputs")?,
            nodes: nodes(rest),
        })
    }
}

/// A line that looks like a layer and is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the builder's layer text has another form than known: no {part} in `{line}`")]
pub struct LayerTextError {
    /// The part that was not found.
    pub part: &'static str,
    /// The line's beginning.
    pub line: String,
}

/// Tensors of `{ Name: …, Dimensions: […], Strides: […], …, Datatype: …, Format: … }, …`.
fn tensors(text: &str) -> Option<Vec<LayerTensor>> {
    let mut rest = text.trim();
    let mut tensors = Vec::new();
    while !rest.is_empty() {
        rest = rest
            .trim_start_matches([',', ' '])
            .strip_prefix("{ Name: ")?;
        let (name, after) = rest.split_once(", Dimensions: [")?;
        let (shape, after) = after.split_once("], Strides: [")?;
        let (strides, after) = after.split_once(']')?;
        let (_, after) = after.split_once("Datatype: ")?;
        let (data_type, after) = after.split_once([',', ' ', '}'])?;
        tensors.push(LayerTensor {
            name: name.to_owned(),
            shape: numbers(shape)?,
            strides: numbers(strides)?,
            data_type: data_type.to_owned(),
        });
        // What is left of this tensor is its format, in words.
        rest = match after.find("{ Name: ") {
            Some(next) => &after[next..],
            None => "",
        };
    }
    Some(tensors)
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    let numbers = text
        .split(',')
        .map(str::trim)
        .filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().ok()).collect()
}

/// Names of `[ONNX Layer: …]`, each once, in order.
fn nodes(text: &str) -> Vec<String> {
    let mut nodes: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("[ONNX Layer: ") {
        let Some((name, after)) = after.split_once(']') else {
            break;
        };
        if !nodes.iter().any(|node| node == name) {
            nodes.push(name.to_owned());
        }
        rest = after;
    }
    nodes
}

/// Counts of a plan's layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanSummary {
    /// Layers that are kernels.
    pub kernel_count: usize,
    /// Bytes that all kernels read, weights apart.
    pub read_bytes: u64,
    /// Bytes that all kernels write.
    pub written_bytes: u64,
    /// Bytes of weights and scales.
    pub constant_bytes: u64,
    /// Bytes read and written, by NVIDIA's name of the type.
    pub bytes_by_type: BTreeMap<String, u64>,
    /// Kernels by operation, type of the first input and of the first output.
    pub operations: BTreeMap<(Operation, String, String), usize>,
    /// Tensors whose type this crate has no size for; they count as 0 bytes.
    pub unknown_types: Vec<String>,
}

impl PlanSummary {
    /// Counts `layers`.
    pub fn of(layers: &[PlanLayer]) -> Self {
        let mut summary = Self::default();
        for layer in layers.iter().filter(|layer| !layer.is_event()) {
            summary.kernel_count += 1;
            for tensor in &layer.inputs {
                let bytes = summary.size(tensor);
                summary.read_bytes += bytes;
                *summary
                    .bytes_by_type
                    .entry(tensor.data_type.clone())
                    .or_default() += bytes;
            }
            for tensor in &layer.outputs {
                let bytes = summary.size(tensor);
                summary.written_bytes += bytes;
                *summary
                    .bytes_by_type
                    .entry(tensor.data_type.clone())
                    .or_default() += bytes;
            }
            for tensor in &layer.constants {
                summary.constant_bytes += summary.size(tensor);
            }
            let first = |tensors: &[LayerTensor]| {
                tensors
                    .first()
                    .map(|tensor| tensor.data_type.clone())
                    .unwrap_or_default()
            };
            let key = (
                layer.operation(),
                first(&layer.inputs),
                first(&layer.outputs),
            );
            *summary.operations.entry(key).or_default() += 1;
        }
        summary
    }

    /// Bytes read and written by all kernels.
    pub fn moved_bytes(&self) -> u64 {
        self.read_bytes + self.written_bytes
    }

    /// Kernels of `operation` whose first input has `data_type`.
    pub fn count(&self, operation: Operation, data_type: &str) -> usize {
        let matching = self
            .operations
            .iter()
            .filter(|((o, input, _), _)| *o == operation && input == data_type);
        matching.map(|(_, count)| count).sum()
    }

    fn size(&mut self, tensor: &LayerTensor) -> u64 {
        tensor.byte_count().unwrap_or_else(|| {
            if !self.unknown_types.contains(&tensor.data_type) {
                self.unknown_types.push(tensor.data_type.clone());
            }
            0
        })
    }
}

/// Collects the layers of builds; warnings and errors are kept too, all is passed on.
#[derive(Clone)]
pub struct LayerLog {
    collected: Arc<Mutex<Collected>>,
    next: Arc<dyn Log>,
}

#[derive(Default)]
struct Collected {
    layers: Vec<Result<PlanLayer, LayerTextError>>,
    complaints: Vec<(Severity, String)>,
}

impl LayerLog {
    /// Collects, and passes every message to `next`.
    pub fn new(next: impl Log) -> Self {
        Self {
            collected: Arc::default(),
            next: Arc::new(next),
        }
    }

    /// The layers logged since the last call.
    pub fn take_layers(&self) -> Result<Vec<PlanLayer>, LayerTextError> {
        std::mem::take(&mut self.lock().layers)
            .into_iter()
            .collect()
    }

    /// Warnings and errors since the last call.
    pub fn take_complaints(&self) -> Vec<(Severity, String)> {
        std::mem::take(&mut self.lock().complaints)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Collected> {
        self.collected
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Log for LayerLog {
    fn log(&self, severity: Severity, message: &str) {
        if severity == Severity::Verbose && message.contains(", LayerType: ") {
            let lines = message
                .lines()
                .filter(|line| line.contains(", LayerType: "));
            self.lock().layers.extend(lines.map(PlanLayer::parse));
        }
        if severity <= Severity::Warning {
            self.lock().complaints.push((severity, message.to_owned()));
        }
        self.next.log(severity, message);
    }
}

#[cfg(test)]
mod tests;
