//! Surgery on graphs: changes that keep the outputs equal and cost less.
//!
//! Each pass is a file of its own; [`run`] runs them all in a fixed order and reports what each one
//! saved.

mod common_subexpressions;
mod embedding;
mod features;
mod fold;
mod identity;
mod masks;
mod shared;
#[cfg(test)]
mod tests;

use super::cost::{self, NodeCost};
use super::error::GraphError;
use unmask_onnx::ir::OnnxGraph;

/// What a pass did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PassReport {
    /// The pass.
    pub pass: &'static str,
    /// Places that it changed.
    pub changes: usize,
    /// Costs before.
    pub before: NodeCost,
    /// Costs after.
    pub after: NodeCost,
}

/// What [`run`] did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SurgeryReport {
    /// Every pass, in order, those that changed nothing included.
    pub passes: Vec<PassReport>,
}

impl SurgeryReport {
    /// The part of the multiply-accumulates that all passes together saved, 0 to 1.
    pub fn macs_saved(&self) -> f64 {
        match (self.passes.first(), self.passes.last()) {
            (Some(first), Some(last)) if first.before.macs > 0 => {
                1.0 - last.after.macs as f64 / first.before.macs as f64
            }
            _ => 0.0,
        }
    }
}

/// A pass: its name, and what it does to a graph, returning at how many places.
type SurgeryPass = (&'static str, fn(&mut OnnxGraph) -> usize);

/// All passes, in the order in which they run: constants and norms first, since others look for
/// constants, equal computations after those that make them equal, and before the projections,
/// which must read the very same value.
const PASSES: [SurgeryPass; 9] = [
    ("constants folded", fold::constants),
    ("batch norms folded", fold::batch_norms),
    ("masks finite", masks::finite),
    ("masks compared as logits", masks::logits),
    (
        "mask features resized once per level",
        features::resize_once,
    ),
    (
        "mask projection multiplied into the embedding",
        embedding::multiply_in,
    ),
    ("repeated masks broadcast", common_subexpressions::broadcast),
    ("equal computations done once", identity::merge),
    ("projections of one value in one product", shared::merge),
];

/// Runs all passes over `graph`, whose outputs stay equal (to 1e-5 of the largest value in FP32).
/// Nodes that reach no output go.
///
/// # Errors
/// [`unmask_onnx::OnnxError::Model`] where the graph's nodes wait for each other.
pub fn run(graph: &mut OnnxGraph) -> Result<SurgeryReport, GraphError> {
    let mut passes = Vec::with_capacity(PASSES.len() + 1);
    let mut before = cost::total(graph);
    let mut tidied = |graph: &mut OnnxGraph, pass, changes| -> Result<PassReport, GraphError> {
        graph
            .remove_dead_and_sort()
            .map_err(|_| unmask_onnx::OnnxError::Model {
                what: "its nodes wait for each other: the graph has a cycle".to_owned(),
            })?;
        let after = cost::total(graph);
        let done = PassReport {
            pass,
            changes,
            before,
            after,
        };
        before = after;
        Ok(done)
    };
    let nodes = graph.nodes().len();
    let mut dead = tidied(graph, "dead nodes dropped", 0)?;
    dead.changes = nodes - graph.nodes().len();
    passes.push(dead);
    for (name, pass) in PASSES {
        let changes = pass(graph);
        passes.push(tidied(graph, name, changes)?);
    }
    Ok(SurgeryReport { passes })
}
