//! A lowered graph, ready to run: the convolutions on kernels of our own, the rest in `rten`.

use crate::native::{INPUTS_LIMIT, Part, Section, Wire, cut};
use unmask_onnx::ir::Graph;
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueView};
use rten_tensor::TensorView;
use rten_tensor::prelude::*;
use std::sync::Arc;

/// A graph in parts.
pub(crate) struct Program {
    before: Option<Loaded>,
    section: Option<(Section, Vec<Wire>)>,
    after: Loaded,
    pool: Arc<ThreadPool>,
}

/// A part in the runtime.
struct Loaded {
    model: Model,
    inputs: Vec<(NodeId, Wire)>,
    outputs: Vec<NodeId>,
}

impl Program {
    /// Puts `graph`, which was lowered, into kernels and the runtime.
    ///
    /// # Errors
    /// What the runtime says.
    pub fn new(graph: &Graph, pool: Arc<ThreadPool>) -> Result<Self, String> {
        let cut = cut(graph).map_err(|e| e.to_string())?;
        let (before, section, after) = match cut {
            Some(cut) => {
                let before = cut.before.map(|part| Loaded::new(&part)).transpose()?;
                let section = Some((cut.section, cut.section_inputs));
                (before, section, Loaded::new(&cut.after)?)
            }
            None => (None, None, Loaded::whole(graph)?),
        };
        Ok(Self {
            before,
            section,
            after,
            pool,
        })
    }

    /// All of `graph` in the runtime.
    #[cfg(test)]
    pub fn uncut(graph: &Graph, pool: Arc<ThreadPool>) -> Result<Self, String> {
        Ok(Self {
            before: None,
            section: None,
            after: Loaded::whole(graph)?,
            pool,
        })
    }

    /// The outputs at places `outputs`, from a value for each input of the graph.
    ///
    /// # Errors
    /// What the runtime says.
    pub fn run(
        &mut self,
        inputs: &[ValueView<'_>],
        outputs: &[usize],
    ) -> Result<Vec<Value>, String> {
        let carried = match &self.before {
            Some(before) => {
                let wired = |wire: &Wire| match wire {
                    Wire::Input(i) => inputs.get(*i).cloned(),
                    _ => None,
                };
                before.run(wired, &before.outputs, &self.pool)?
            }
            None => Vec::new(),
        };
        if let Some((section, wires)) = &mut self.section {
            let mut given: [&[f32]; INPUTS_LIMIT] = [&[]; INPUTS_LIMIT];
            for (slot, wire) in given.iter_mut().zip(wires.iter()) {
                let view = match wire {
                    Wire::Input(i) => inputs.get(*i).cloned(),
                    Wire::Before(i) => carried.get(*i).map(Value::as_view),
                    Wire::Section(_) => None,
                };
                *slot = match view {
                    Some(ValueView::FloatTensor(view)) => view.data(),
                    _ => None,
                }
                .ok_or("a convolution reads no contiguous floats")?;
            }
            let given = &given[..wires.len()];
            self.pool.run(|| section.run(given));
        }
        let section = self.section.as_ref().map(|(section, _)| section);
        let wired = |wire: &Wire| match wire {
            Wire::Input(i) => inputs.get(*i).cloned(),
            Wire::Before(i) => carried.get(*i).map(Value::as_view),
            Wire::Section(i) => section.map(|section| {
                let (shape, values) = section.output(*i);
                ValueView::FloatTensor(TensorView::from_data(shape, values))
            }),
        };
        let ids: Vec<NodeId> = outputs.iter().map(|&i| self.after.outputs[i]).collect();
        self.after.run(wired, &ids, &self.pool)
    }
}

impl Loaded {
    fn new(part: &Part) -> Result<Self, String> {
        let model = compile(part.graph.to_model(&[]).to_bytes())?;
        let mut inputs = Vec::new();
        for (name, wire) in &part.inputs {
            let id = model.node_id(name).map_err(|e| e.to_string())?;
            inputs.push((id, wire.clone()));
        }
        Ok(Self {
            outputs: model.output_ids().to_vec(),
            model,
            inputs,
        })
    }

    fn whole(graph: &Graph) -> Result<Self, String> {
        let model = compile(graph.to_model(&[]).to_bytes())?;
        let ids = model.input_ids().iter().enumerate();
        Ok(Self {
            inputs: ids.map(|(i, &id)| (id, Wire::Input(i))).collect(),
            outputs: model.output_ids().to_vec(),
            model,
        })
    }

    fn run<'a>(
        &self,
        wired: impl Fn(&Wire) -> Option<ValueView<'a>>,
        outputs: &[NodeId],
        pool: &Arc<ThreadPool>,
    ) -> Result<Vec<Value>, String> {
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for (id, wire) in &self.inputs {
            let value = wired(wire).ok_or("a value is missing")?;
            inputs.push((*id, value.into()));
        }
        let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
        self.model
            .run(inputs, outputs, Some(options))
            .map_err(|e| e.to_string())
    }
}

/// A lowered graph in the runtime.
fn compile(bytes: Vec<u8>) -> Result<Model, String> {
    // The form is right; a loader that stumbles over a value must still not take us down.
    let loaded = std::panic::catch_unwind(|| {
        ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load(bytes)
    });
    match loaded {
        Ok(Ok(model)) => Ok(model),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err("the file is damaged".into()),
    }
}
